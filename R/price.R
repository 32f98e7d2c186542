# What a draw costs: from the prices of a service to the price of one draw.

#' The price of a draw
#'
#' Services charge by tokens, and some by requests. `draw_price()` turns that
#' into the price of one draw, which [advise_budget()] and the `print()`,
#' `summary()` and `glance()` of plans take as `price`.
#'
#' A request sends the prompt once and returns `n_choices` responses, so that
#' each of them bears its share of the request and of the prompt. A prompt that
#' is drawn fewer times than that shares them among fewer: give the number of
#' choices that requests will really have.
#'
#' @param prompt_tokens,response_tokens Mean numbers of tokens of a prompt, with
#'   the system prompt and the chat's own marks, and of a response; numbers of
#'   at least 0. Vectors are averaged.
#' @param prompt,response Prices of these tokens, in any currency: for `per`
#'   tokens, numbers of at least 0.
#' @param per How many tokens the two prices are for. The default is a million,
#'   as services state them.
#' @param request Price of a request, a number of at least 0. The default is 0:
#'   most services charge none.
#' @param n_choices Number of responses that a request asks for, at least 1: see
#'   `n` in the protocol of OpenAI's servers. The default is 1.
#' @param discount Share by which the service's price is lowered, from 0 to 1:
#'   0.5 for the batch jobs of most services. The judge is not discounted.
#' @param judge Price of judging one response, a number of at least 0.
#' @param ... Must be empty.
#' @returns A number: the mean price of one draw.
#' @section Errors: `timetounsafe_error_argument`.
#' @examples
#' # 200 tokens in and 300 out, at 0.15 and 0.60 for a million
#' draw_price(200, 300, prompt = 0.15, response = 0.60)
#' # the same with eight choices a request, as a batch job
#' draw_price(200, 300, prompt = 0.15, response = 0.60, n_choices = 8,
#'            discount = 0.5)
#' @export
draw_price <- function(prompt_tokens, response_tokens, prompt, response, ...,
                       per = 1e6, request = 0, n_choices = 1, discount = 0,
                       judge = 0) {
  check_no_dots(...)
  prompt_tokens <- mean_tokens(prompt_tokens, "prompt_tokens")
  response_tokens <- mean_tokens(response_tokens, "response_tokens")
  prompt <- check_number(prompt, "prompt", min = 0)
  response <- check_number(response, "response", min = 0)
  per <- check_number(per, "per", min = 1)
  request <- check_number(request, "request", min = 0)
  n_choices <- check_number(n_choices, "n_choices", min = 1)
  discount <- check_number(discount, "discount", min = 0, max = 1)
  judge <- check_number(judge, "judge", min = 0)
  shared <- request + prompt_tokens * prompt / per
  own <- response_tokens * response / per
  (shared / n_choices + own) * (1 - discount) + judge
}

mean_tokens <- function(x, arg, call = rlang::caller_env()) {
  mean(check_numeric(x, arg, min = 0, finite = TRUE, call = call))
}
