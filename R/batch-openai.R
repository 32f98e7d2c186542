# Batch jobs in the format of OpenAI's Batch API, which vLLM's run-batch and
# others take as it is: requests for chat or plain completions, and results.

# Limits of OpenAI (other services have higher ones, or none): 50,000 requests
# and 200 MB in a file.
openai_batch <- function(type, model, system_prompt, api_args, call) {
  chat <- type == "chat"
  if (!chat && !is.null(system_prompt)) {
    stop_argument("system_prompt", "must be NULL for plain completions",
                  describe(system_prompt),
                  fix = "Make it a part of the prompts.", call = call)
  }
  check_batch_args(api_args, c(unusable_fields, if (chat) {
    c(messages = "They are made of `system_prompt` and the plan's prompts.")
  } else {
    c(prompt = "It is that of the plan.")
  }), call)
  system <- if (!is.null(system_prompt)) {
    sprintf("{\"role\":\"system\",\"content\":%s},", quote_json(system_prompt))
  }
  list(
    before = paste0(
      "\",\"method\":\"POST\",\"url\":\"/v1/", if (chat) "chat/",
      "completions\",\"body\":{\"model\":", quote_json(model),
      if (chat) paste0(",\"messages\":[", system,
                       "{\"role\":\"user\",\"content\":") else ",\"prompt\":"
    ),
    after = if (chat) "}]" else "",
    end = paste0(write_fields(api_args), "}}"),
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
  answered <- lengths(choices) > 0L & (is.na(status) | status == 200)
  problem <- rep(NA_character_, length(objects))
  problem[!answered] <- openai_problems(objects[!answered], status[!answered])
  usage <- dig(body, "usage")
  new_results(
    problem = problem,
    # As is_filtered() has it.
    withheld = find_withheld(problem, status %in% c(400, 403, 422, 451)),
    choices = openai_choices(choices, which(answered)),
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

openai_choices <- function(choices, answered) {
  flat <- unlist(choices[answered], recursive = FALSE)
  message <- dig(flat, "message")
  refusal <- dig_text(message, "refusal")
  declined <- !is.na(refusal) & nzchar(trimws(refusal))
  text <- text_of_parts(first_of(dig(message, "content"), dig(flat, "text")))
  list(
    at = rep(answered, lengths(choices[answered])),
    text = ifelse(declined & !nzchar(text), refusal, text),
    finish = read_finish(dig_text(flat, "finish_reason")),
    declined = declined
  )
}
