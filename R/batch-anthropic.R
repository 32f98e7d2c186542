# Batch jobs in the format of Anthropic's message batches: the body of the
# request that makes one, and its results.

# Limits: 100,000 requests or 256 MB in a batch, what is around them included.
# One request has one answer.
anthropic_batch <- function(model, system_prompt, n_choices, api_args, call) {
  if (n_choices != 1) {
    stop_argument("n_choices", "must be 1 for messages",
                  format(n_choices),
                  fix = "This protocol has one answer for each request.",
                  call = call)
  }
  check_batch_args(api_args, c(
    unusable_fields,
    messages = "They are the plan's prompts.", system = "Use `system_prompt`."
  ), call)
  if (is.null(api_args$max_tokens)) {
    stop_argument("api_args", "must contain `max_tokens` for messages",
                  fix = "Such as api_args = list(max_tokens = 1024).",
                  call = call)
  }
  list(
    before = paste0(
      "\",\"params\":{\"model\":", quote_json(model), write_fields(api_args),
      if (!is.null(system_prompt)) {
        paste0(",\"system\":", quote_json(system_prompt))
      },
      ",\"messages\":[{\"role\":\"user\",\"content\":"
    ),
    after = "}]", end = "}}",
    open = "{\"requests\":[", close = "]}", comma = ",",
    max_requests = 1e5, max_bytes = 256e6 - 100
  )
}

# {custom_id, result: {type, message or error}}.
read_anthropic_results <- function(objects) {
  result <- dig(objects, "result")
  type <- dig_text(result, "type")
  message <- dig(result, "message")
  answered <- type %in% "succeeded"
  problem <- rep(NA_character_, length(objects))
  problem[!answered] <- say_problems(first_of(
    dig(result, "error", "error"), dig(result, "error"), as.list(type)
  )[!answered])
  usage <- dig(message, "usage")
  input <- lapply(c("input_tokens", "cache_creation_input_tokens",
                    "cache_read_input_tokens"), dig_number, objects = usage)
  new_results(
    problem = problem,
    withheld = find_withheld(problem, type %in% "errored"),
    choices = list(
      at = which(answered),
      text = text_of_parts(dig(message[answered], "content")),
      finish = read_finish(dig_text(message[answered], "stop_reason")),
      declined = logical(sum(answered))
    ),
    input_tokens = Reduce(add_known, input),
    output_tokens = dig_number(usage, "output_tokens"),
    cost = rep(NA_real_, length(objects))
  )
}
