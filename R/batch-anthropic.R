# Batch jobs in the format of Anthropic's message batches: the body of the
# request that makes one, and its results.

# Limits: 100,000 requests or 256 MB in a batch, what is around them included.
# One request has one answer.
anthropic_batch <- function(model, system_prompt, n_choices, api_args, call) {
  if (n_choices != 1) {
    stop_argument("n_choices", "must be 1 for messages", format(n_choices),
                  fix = "This protocol has one answer for each request.",
                  call = call)
  }
  if (!is.null(system_prompt)) {
    check_string(system_prompt, "system_prompt", call)
  }
  check_api_args(api_args, c(chat_fields, system = "system_prompt",
                             n = "n_choices"), call)
  if (is.null(api_args$max_tokens)) {
    stop_argument("api_args", "must contain `max_tokens` for messages",
                  fix = "Such as api_args = list(max_tokens = 1024).",
                  call = call)
  }
  list(
    open = "{\"requests\":[", close = "]}", comma = ",",
    before = paste0("\",\"params\":{", write_fields(c(
      list(model = model), api_args,
      if (!is.null(system_prompt)) list(system = to_utf8(system_prompt))
    )), ","),
    prompt = function(prompts) {
      paste0("\"messages\":[", message_json("user", prompts), "]")
    },
    after = "}}",
    max_requests = 1e5, max_bytes = 256e6 - 100
  )
}

# {custom_id, result: {type, message or error}}. A message is a choice, as the
# other protocol has it, with a few words of its own.
read_anthropic_results <- function(objects) {
  result <- dig(objects, "result")
  type <- dig_text(result, "type")
  message <- dig(result, "message")
  answered <- type %in% "succeeded"
  problem <- rep(NA_character_, length(objects))
  problem[!answered] <- say_problems(first_of(
    dig(result, "error", "error"), dig(result, "error"), as.list(type)
  )[!answered])
  choices <- vector("list", length(objects))
  choices[answered] <- lapply(message[answered], message_choice)
  usage <- dig(message, "usage")
  input <- lapply(c("input_tokens", "cache_creation_input_tokens",
                    "cache_read_input_tokens"), dig_number, objects = usage)
  list(
    choices = choices, problem = problem,
    withheld = find_withheld(problem, type %in% "errored"),
    input_tokens = Reduce(add_known, input),
    output_tokens = dig_number(usage, "output_tokens"),
    cost = rep(NA_real_, length(objects))
  )
}

message_choice <- function(message) {
  finish <- message$stop_reason
  own <- c(model_context_window_exceeded = "length", tool_use = "tool_calls",
           refusal = "content_filter")
  if (rlang::is_string(finish) && finish %in% names(own)) {
    finish <- own[[finish]]
  }
  list(list(finish_reason = finish, message = list(content = message$content)))
}
