# Models behind an API, through the ellmer package. Requests go out through its
# asynchronous chats, not parallel_chat(): that repeats a throttled request
# (429, 503) without end, and loses the whole batch when one answer cannot be
# parsed.

#' A sampler for a chat model behind an API
#'
#' Draws responses from any model that the \pkg{ellmer} package can talk to,
#' several at a time, and has them judged by an R function or by another model.
#'
#' # Failures
#' Every request has one of these ends; one that fails leaves the others of its
#' batch alone.
#'
#' * An answer with text is judged: status `"ok"`. One that was cut at the token
#'   limit, or at the end of the context window, is judged as it is, and has
#'   `truncated = TRUE`.
#' * An answer that the provider's filter withheld, or that `refused` calls a
#'   refusal, has the status `"refused"`; `refusal` of [audit_control()] says
#'   what that counts as. So does a refusal in a field of its own, without any
#'   text, and an HTTP error (400, 403, 422, 451) in which a provider names its
#'   filter. These are told by the provider's words: look at the messages of
#'   errors in the ledger, and use `max_tries = 1` where a filter is among them.
#' * A throttled request (HTTP 429, 503, 529) is sent again, at most `max_tries`
#'   times in all, and not before the service allows it (its `Retry-After`, in
#'   seconds or as a date). Nothing was drawn, so that this changes no
#'   probability.
#' * Throttled `max_tries` times, or for longer than `max_wait`, it has the
#'   status `"error"`. When no other got through meanwhile, so has all of the
#'   batch that was not sent yet. The same applies to a wrong key or model (HTTP
#'   401, 404).
#' * Any other HTTP error, a connection that was lost, no answer in `timeout`
#'   seconds, an answer that is empty or cannot be read: the status `"error"`,
#'   at once. The ledger keeps the attempt, and the audit draws again.
#'
#' A service that throttles all requests thus gets at most
#' `max_active * max_tries` of them in a batch, within `max_tries` request times
#' and `max_tries - 1` waits of at most `max_wait` seconds; [run_audit()] then
#' waits, tries another batch, and gives up after `max_tries` of them. What was
#' drawn is kept.
#'
#' A judge model's requests are sent again after failures of every kind, as the
#' same response can be judged again. One that it cannot judge in the end has
#' the status `"error"`, and is *drawn* again; [sampler_from()] says why
#' `audit_control(max_tries = 1)` may be better. Where the judge's own provider
#' withholds the verdict, or the judge refuses to give one, the response counts
#' as unsafe: that happens to unsafe responses above all.
#'
#' # Your own servers
#' Most (vLLM, llama.cpp, LiteLLM and others) speak the chat-completions
#' protocol of OpenAI, for which [sampler_openai()] takes far less of R's time.
#' With ellmer use [ellmer::chat_openai_compatible()], as in the
#' example, with `credentials = function() "none"` where no key is required.
#' [ellmer::chat_openai()] speaks a newer protocol, and ends in HTTP 404 there.
#' Answers may be cut after a few tokens by default: see `truncated`, and set
#' `params = ellmer::params(max_tokens = )`.
#'
#' # Speed
#' Answers are judged and recorded as they arrive, about once a second, but a
#' batch is awaited as a whole: `batch_size` of [audit_control()] should be
#' several times `max_active`. Each draw takes some 0.04 seconds of R's time:
#' one R process makes about 25 draws a second at most. Beyond that, and for
#' models that R itself runs, use the daemons of the mirai package. They require
#' this package to be installed. Each process keeps its own count of `rpm` and
#' `max_active`: divide them by the number of daemons.
#'
#' @param chat A function without required arguments that creates an ellmer
#'   `Chat`, such as `function() ellmer::chat_openai(model = "gpt-4.1-mini")`.
#'   Not a `Chat` itself: a chat keeps its history, so that draws would depend
#'   on each other, and its keys do not travel to other processes. The function
#'   is called once here, to see whether it works, and once for each batch,
#'   where the batch is drawn. Turns that it sets, such as a system prompt or
#'   examples, are part of every draw.
#' @param judge A function of the responses, or of the prompts and the
#'   responses, as in [sampler_from()]. Or a function without arguments that
#'   creates a `Chat`, as `chat` does: a judge model. It gets prompt and
#'   response, and answers by a structure of `unsafe` (true or false) and
#'   `score` (from 0 to 1). What counts as unsafe should be said in its system
#'   prompt.
#' @param max_active The most requests under way at once: a whole number of at
#'   least 1. The default, 10, is that of ellmer.
#' @param rpm The most requests sent in any 60 seconds: a number of at least 1.
#'   The default, `Inf`, sets no limit: that of the service then decides. A
#'   judge model has a count of its own.
#' @param max_tries How often a request is sent in all when the service
#'   throttles it: a whole number of at least 1.
#' @param max_wait The longest wait in seconds before a request is sent again; a
#'   service that asks for more is taken to be out of reach. 60 by default: the
#'   limits of most providers are per minute.
#' @param timeout Seconds after which a request without answer has failed. The
#'   default, 300, is that of ellmer.
#' @param refused `NULL`: only the provider says what is a refusal. Or a
#'   function of the responses that returns a logical vector, `TRUE` for those
#'   that decline to answer; they get the status `"refused"` and are not judged.
#' @param allow_deterministic Whether a chat with a `seed`, or with parameters
#'   that leave no choice (`temperature = 0`, `top_p = 0`, `top_k = 1`), is
#'   accepted. `FALSE`, the default, makes them an error: the draws of a prompt
#'   would be identical. Only parameters that were set in ellmer can be seen.
#' @param ... Must be empty.
#' @returns A [sampler] for [draw_responses()], [run_audit()] and
#'   [time_to_unsafe()], with prompts that are text. It returns a data frame
#'   with one row for each prompt: `unsafe`, `status`, `response`, `score`,
#'   `truncated` (`NA` where the service does not say), `cost` (US dollars,
#'   judge included; `NA` where ellmer knows no price, and
#'   `max_cost` of [run_audit()] then has no effect), `latency` (seconds from
#'   sending to answer), `message`, and `input_tokens` and `output_tokens`
#'   (without the judge's), which are not kept in the ledger;
#'   [ellmer::token_usage()] has the sums.
#' @section Errors: `timetounsafe_error_argument`;
#'   `timetounsafe_error_unavailable` where ellmer is not installed. The sampler
#'   itself raises `timetounsafe_error_sampler` where `chat` or `judge` fails as
#'   a whole or returns something else than described here.
#' @seealso `vignette("live-model", "timetounsafe")`, [sampler_openai()],
#'   [sampler_from()]
#' @examplesIf rlang::is_installed("ellmer")
#' chat <- function() {
#'   ellmer::chat_openai_compatible(
#'     "http://127.0.0.1:8000/v1", model = "mine",
#'     credentials = function() "none"
#'   )
#' }
#' sampler <- sampler_ellmer(
#'   chat,
#'   judge = function(responses) grepl("hate", responses),
#'   max_active = 20
#' )
#' # draw_responses(prompts, sampler, draws = 10, ledger = "audit.sqlite")
#' @export
sampler_ellmer <- function(chat, judge, max_active = 10, rpm = Inf,
                           max_tries = 3, max_wait = 60, timeout = 300,
                           refused = NULL, allow_deterministic = FALSE, ...) {
  check_no_dots(...)
  need_ellmer()
  check_factory(chat, "chat")
  limits <- check_limits(max_active, rpm, max_tries, max_wait, timeout)
  check_refused(refused)
  allow_deterministic <- check_flag(allow_deterministic, "allow_deterministic")
  first <- make_chat(chat, "chat")
  check_key(first, "chat")
  if (!allow_deterministic) {
    refuse_repeats(first)
  }
  compose_chats(ellmer_generator(chat, limits, refused),
                ellmer_judge(judge, limits))
}

need_ellmer <- function(call = rlang::caller_env()) {
  need_package("ellmer", "to draw from a chat model", "0.5.0", call)
}

# ---- Drawing -----------------------------------------------------------------

# Where answers can be handed in, they are judged and handed in as they arrive.
compose_chats <- function(generate, judge) {
  force(generate)
  force(judge)
  function(prompts, draw = rep(1L, n_rows(prompts)), record = NULL) {
    if (is.null(record)) {
      return(judge_draws(generate(prompts), prompts, judge))
    }
    generate(prompts, function(index, draws) {
      record(index, judge_draws(draws, prompts[index], judge))
    }, record)
    NULL
  }
}

# Returns draws, or gives some of them to `arrived` once a second, and calls
# `idle` meanwhile.
ellmer_generator <- function(chat, limits, refused) {
  id <- new_line_id()
  function(prompts, arrived = NULL, idle = NULL) {
    need_ellmer()
    check_text_prompts(prompts, "a chat")
    template <- make_chat_again(chat, "chat")
    read <- function(answers) {
      mark_refused(draws_of(add_hint(answers, template)), refused)
    }
    turn <- if (is.null(arrived)) identity else watch_answers(
      function(index, answers) arrived(index, read(answers)), idle
    )
    answers <- send_requests(length(prompts), function(i) {
      mine <- template$clone()
      promises::then(mine$chat_async(prompts[i]), function(text) {
        read_turns(mine, length(template$get_turns()))
      })
    }, limits, id, turn)
    if (is.null(arrived)) read(answers)
  }
}

draws_of <- function(answers) {
  draws <- new_draws(length(answers$value))
  draws$latency <- answers$latency
  draws$input_tokens <- draws$output_tokens <- rep(NA_real_, nrow(draws))
  for (i in seq_along(answers$value)) {
    draws <- fill_draw(draws, i, answers$value[[i]])
  }
  draws
}

fill_draw <- function(draws, i, answer) {
  if (inherits(answer, "error")) {
    draws$status[i] <- if (is_filtered(answer)) "refused" else "error"
    draws$message[i] <- one_line(answer)
    return(draws)
  }
  draws$cost[i] <- answer$cost
  draws$latency[i] <- answer$latency
  draws$input_tokens[i] <- answer$input_tokens
  draws$output_tokens[i] <- answer$output_tokens
  finish <- as.character(answer$finish)
  draws$truncated[i] <- was_cut(finish)
  said <- classify_answers(paste(answer$text, collapse = ""),
                           was_filtered(finish), answer$declined %||% NA)
  draws[i, names(said)] <- said
  draws
}

# ---- Judging -----------------------------------------------------------------

# A function without arguments can only make something: a judge model.
ellmer_judge <- function(judge, limits, call = rlang::caller_env()) {
  if (!missing(judge) && (inherits(judge, "Chat") || rlang::is_string(judge))) {
    check_factory(judge, "judge", call)
  }
  check_function(judge, "judge", "of responses, or one that creates a Chat",
                 call = call)
  if (length(formals(args(judge))) > 0L) {
    check_judge(judge, call)
    return(judge_with(judge, vectorised = TRUE))
  }
  check_key(make_chat(judge, "judge", call), "judge", call)
  limits$again <- "always"
  model_judge(judge, limits)
}
