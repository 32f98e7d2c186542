# Batch jobs in the format of OpenAI's Batch API, which vLLM's run-batch and
# others take as it is: requests for chat or plain completions, and results.

# Limits of OpenAI (other services have higher ones, or none): 50,000 requests
# and 200 MB in a file.
openai_batch <- function(type, model, system_prompt, api_args, call) {
  check_api_args(api_args, c(chat_fields, prompt = "plan", n = "n_choices"),
                 call)
  list(
    before = paste0(
      "\",\"method\":\"POST\",\"url\":\"/v1/", if (type == "chat") "chat/",
      "completions\",\"body\":{",
      write_fields(c(list(model = model), api_args)), ","
    ),
    prompt = draw_body(type, system_prompt, call), after = "}}",
    max_requests = 5e4, max_bytes = 200e6
  )
}

# {id, custom_id, response: {status_code, request_id, body}, error}; vLLM has
# the error in `error`, beside a response without body.
read_openai_results <- function(objects) {
  response <- dig(objects, "response")
  status <- dig_number(response, "status_code")
  body <- dig(response, "body")
  choices <- dig(body, "choices")
  answered <- lengths(choices) > 0L & vapply(choices, is.list, NA) &
    (is.na(status) | status == 200)
  choices[!answered] <- list(NULL)
  problem <- rep(NA_character_, length(objects))
  problem[!answered] <- openai_problems(objects[!answered], status[!answered])
  usage <- dig(body, "usage")
  list(
    choices = choices, problem = problem,
    # As is_filtered() has it.
    withheld = find_withheld(problem, status %in% c(400, 403, 422, 451)),
    input_tokens = dig_number(usage, "prompt_tokens"),
    output_tokens = dig_number(usage, "completion_tokens"),
    cost = dig_number(usage, "cost")
  )
}

openai_problems <- function(objects, status) {
  error <- first_of(dig(objects, "response", "body", "error"),
                    dig(objects, "error", "error"), dig(objects, "error"))
  status[status %in% 200] <- NA
  error[is.na(status) & lengths(error) == 0L] <- "the answer has no choices"
  say_problems(error, status)
}
