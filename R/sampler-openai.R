# Models behind a server that speaks OpenAI's protocol, on the shortest way:
# over curl alone, several draws of a prompt in one request.

#' A sampler for a server that speaks OpenAI's protocol
#'
#' Draws responses from a model behind vLLM, llama.cpp, SGLang, TGI, Ollama, LM
#' Studio, OpenRouter, OpenAI or any other server with OpenAI's
#' chat-completions or completions endpoint, many at a time, and has them judged
#' while others are still being drawn. It does what [sampler_ellmer()] does at a
#' fraction of R's time; that one is for models behind other protocols.
#'
#' # Several draws in one request
#' Draws of the same prompt in a batch go out together, as the protocol's `n`:
#' the server reads the prompt once, and it is paid for once. The draws of a
#' prompt that is drawn a fixed number of times are put into the same batch for
#' that; those of a prompt that stops at its first unsafe draw are not, since
#' they might be for nothing. A choice that fails, or is missing, fails alone.
#' A server that ignores `n`, or refuses it, is known by its first answer: what
#' is missing, and all that follows, is then drawn singly.
#'
#' Where each draw is a request of its own, those of a prompt are sent one after
#' the other, so that the server may have the prompt in its cache.
#'
#' Choices have to be independent: with vLLM, SGLang, llama.cpp and OpenAI they
#' are. Where identical choices come back, the run warns (class
#' `timetounsafe_warning_identical_responses`).
#'
#' # What servers do differently
#' * **vLLM** counts the tokens of all choices, and reports errors in fields of
#'   its own; a `max_tokens` that does not fit behind the prompt is HTTP 400,
#'   which fails the draws. **llama.cpp** counts the tokens of one choice, takes
#'   at most as many choices as it has slots (`-np`; beyond that draws are
#'   single), divides its context among the slots, and answers 503 while it
#'   loads the model, which is waited for. **Ollama** and llama-cpp-python
#'   ignore `n`.
#' * Models that reason: their thoughts are in a field of their own
#'   (`reasoning`, `reasoning_content`), which is not judged. Where `max_tokens`
#'   ends them there is no text, and the draw has failed: leave room for both.
#' * A server may have a fixed seed of its own (llama.cpp's `--seed`): no field
#'   of the request shows it, but its identical responses do.
#'
#' # Failures
#' As for [sampler_ellmer()], by the same code: limits, retries of throttled
#' requests (`Retry-After`), what is a refusal, and what is a failure. An HTTP
#' error fails all draws of its request. `finish_reason` of `"length"` makes
#' `truncated` `TRUE`, `"content_filter"` is a refusal, and so is text in the
#' message's field `refusal` beside no content.
#'
#' # Speed
#' Beside a server that answers at once, one R process makes some thousand
#' requests a second: the server is the limit. `max_active` requests are kept
#' under way, but for the end of a batch, which is awaited as a whole. Where
#' `batch_size` of [audit_control()] is not set, a batch is therefore of
#' `4 * max_active * n_choices` draws.
#'
#' Connections are kept from batch to batch and shared where the server has
#' HTTP/2; compressed answers are read. Each of mirai's daemons keeps its own
#' count of `rpm` and `max_active`: divide them by the number of daemons.
#'
#' @param base_url The server's address up to the version, a string:
#'   `"http://127.0.0.1:8000/v1"`, `"https://api.openai.com/v1"`.
#' @param model The model's name, as the server knows it: a string.
#' @param judge A function of the responses, or of the prompts and the
#'   responses, as in [sampler_from()]; or [judge_openai()] or
#'   [judge_moderation()].
#' @param type `"chat"`, the default: the prompt is the user's message in a chat
#'   (`/chat/completions`). `"completion"`: the prompt is continued as it is
#'   (`/completions`), for models that are not tuned for chats.
#' @param system_prompt The system prompt of each chat: a string. `NULL`, the
#'   default, sends none.
#' @param n_choices The most draws in one request: a whole number of at least 1,
#'   where 1 sends each draw alone. `NULL`, the default, is 8, which every
#'   service takes that knows the field `n` at all; your own servers may gain
#'   from more.
#' @param api_args A named list of further fields of the request's body, such as
#'   `list(max_tokens = 300, temperature = 0.7)`, as the server documents them.
#'   Many servers stop after a few tokens, or never, unless `max_tokens` says
#'   otherwise. Log probabilities and streams are refused: they are not used.
#' @param api_headers Further headers of each request: a named character vector.
#' @param credentials `NULL`, the default: no key is sent. Or a function without
#'   required arguments that returns the key, sent as
#'   `Authorization: Bearer <key>`, or headers of other names as a named
#'   character vector, such as
#'   `function() c("api-key" = Sys.getenv("AZURE_KEY"))`. It is called here and
#'   for each batch; what it returns is in no ledger, message or print.
#' @param max_active The most requests under way at once: a whole number of at
#'   least 1. The default, 64, keeps a model server busy that works in batches.
#' @param rpm The most requests sent in any 60 seconds: a number of at least 1.
#'   The default, `Inf`, sets no limit.
#' @param max_tries How often a request is sent in all when the service
#'   throttles it: a whole number of at least 1.
#' @param max_wait The longest wait in seconds before a request is sent again; a
#'   service that asks for more is taken to be out of reach. 60 by default: the
#'   limits of most providers are per minute.
#' @param timeout Seconds after which a request without answer has failed.
#' @param refused `NULL`: only the server says what is a refusal. Or a function
#'   of the responses that returns a logical vector, `TRUE` for those that
#'   decline to answer; they get the status `"refused"` and are not judged.
#' @param allow_deterministic Whether `api_args` with a `seed`, or with
#'   parameters that leave no choice (`temperature = 0`, `top_p = 0`,
#'   `top_k = 1`), are accepted. `FALSE`, the default, makes them an error: the
#'   draws of a prompt would be identical.
#' @param ... Must be empty.
#' @returns A [sampler] for [draw_responses()], [run_audit()] and
#'   [time_to_unsafe()], with prompts that are text. It returns a data frame
#'   with one row for each prompt: `unsafe`, `status`, `response`, `score`,
#'   `truncated`, `cost` (in the currency of the server, judge included; `NA`
#'   where it does not say `usage.cost`, and `max_cost` of [run_audit()] then
#'   has no effect), `latency` (seconds from sending to answer), `message`, and
#'   `input_tokens` and `output_tokens`, the draw's share of what its request
#'   took, which are not kept in the ledger.
#' @section Errors: `timetounsafe_error_argument`;
#'   `timetounsafe_error_unavailable` where curl or jsonlite is not installed.
#'   The sampler itself raises `timetounsafe_error_sampler` where `judge` or
#'   `refused` returns something else than described here.
#' @section Assumptions: Given the prompt, choices of one answer are independent
#'   draws, as are those of different answers.
#' @source The request and response bodies of OpenAI's API reference, and what
#'   the servers named above document of theirs.
#' @seealso `vignette("live-model", "timetounsafe")`, [judge_openai()],
#'   [sampler_ellmer()], [sampler_from()]
#' @examplesIf all(vapply(c("curl", "jsonlite"), rlang::is_installed, NA))
#' sampler <- sampler_openai(
#'   "http://127.0.0.1:8000/v1", model = "mine",
#'   judge = function(responses) grepl("hate", responses),
#'   api_args = list(max_tokens = 300)
#' )
#' # draw_responses(prompts, sampler, draws = 10, ledger = "audit.sqlite")
#' @export
sampler_openai <- function(base_url, model, judge,
                           type = c("chat", "completion"),
                           system_prompt = NULL, n_choices = NULL,
                           api_args = list(), api_headers = character(),
                           credentials = NULL, max_active = 64, rpm = Inf,
                           max_tries = 3, max_wait = 60, timeout = 300,
                           refused = NULL, allow_deterministic = FALSE, ...) {
  check_no_dots(...)
  need_server()
  type <- check_choice(type, c("chat", "completion"), "type")
  n <- check_number(n_choices, "n_choices", min = 1, whole = TRUE,
                    null_ok = TRUE) %||% 8
  check_api_args(api_args, c(chat_fields, prompt = "prompts", n = "n_choices"))
  if (!check_flag(allow_deterministic, "allow_deterministic")) {
    refuse_fixed(api_args, "api_args")
  }
  check_refused(refused)
  asks <- list(
    server = new_server(
      base_url, switch(type, chat = "/chat/completions", "/completions"),
      c(list(model = check_string(model, "model")), api_args), api_headers,
      credentials
    ),
    limits = check_limits(max_active, rpm, max_tries, max_wait, timeout),
    body = draw_body(type, system_prompt), read = check_choices,
    splits = splits_choices, id = new_line_id(), size = n
  )
  judge <- openai_judge(judge)
  structure(function(prompts, draw = rep(1L, length(prompts)), record = NULL) {
    if (!isNamespaceLoaded("curl")) {
      need_server()
    }
    check_text_prompts(prompts, "a model server")
    draw_and_judge(prompts, asks, judge, refused, record)
  }, together = max(8, 4 * n), batch_size = 4 * max_active * n)
}

# ---- What is asked -----------------------------------------------------------

# The fields of a request for one prompt.
draw_body <- function(type, system_prompt, call = rlang::caller_env()) {
  if (type == "completion") {
    if (!is.null(system_prompt)) {
      stop_argument("system_prompt", "must be NULL for plain completions",
                    describe(system_prompt),
                    fix = "Put it before each prompt.", call = call)
    }
    return(function(prompts) paste0("\"prompt\":", json_strings(prompts)))
  }
  system <- check_system(system_prompt, call)
  function(prompts) {
    paste0("\"messages\":[", system, message_json("user", prompts), "]")
  }
}

openai_judge <- function(judge, call = rlang::caller_env()) {
  if (!missing(judge) && is_server_judge(judge)) {
    return(judge)
  }
  check_function(judge, "judge", "of responses", call = call)
  if (length(formals(args(judge))) == 0L) {
    stop_argument("judge", "must be a function of the responses",
                  "one without arguments",
                  fix = "A judge model is asked by judge_openai().",
                  call = call)
  }
  check_judge(judge, call)
  judge_with(judge, vectorised = TRUE)
}

# ---- A batch -----------------------------------------------------------------

# Rows are drawn, judged and recorded as they come.
draw_and_judge <- function(prompts, asks, judge, refused, record) {
  batch <- new_batch(prompts, refused, record)
  drawing <- draw_station(asks, prompts)
  if (!is_server_judge(judge)) {
    carry_requests(list(drawing), function() {
      ok <- take_draws_of(batch, drawing)
      if (length(ok) > 0L) {
        note_verdicts(batch, ok, judge(prompts[ok], batch$draws$response[ok]))
      }
      record_settled(batch)
    })
  } else {
    size <- attr(judge, "asks")$size
    judging <- judge_station(attr(judge, "asks"), prompts,
                             function() batch$draws$response)
    carry_requests(list(drawing, judging), function() {
      add_units(judging, in_groups(take_draws_of(batch, drawing), size))
      found <- take_verdicts(judging)
      note_verdicts(batch, found$rows, bind_verdicts(found$verdicts))
      record_settled(batch)
    })
  }
  list2DF(batch$draws)
}

draw_station <- function(asks, prompts) {
  different <- unique(prompts)
  content <- asks$body(different)[match(prompts, different)]
  station <- new_station(asks, function(units) {
    k <- lengths(units)
    first <- vapply(units, `[[`, 1L, 1L)
    n <- ifelse(k > 1L, paste0(",\"n\":", k), "")
    request_body(asks$server, paste0(content[first], n))
  })
  n <- if (isFALSE(station$slots$honours)) 1 else asks$size
  add_units(station, request_rows(prompts, n))
  station
}

# The rows of a batch so far: `draws` has the columns of new_draws(), `settled`
# are those that are ready to be handed in.
new_batch <- function(prompts, refused, record) {
  n <- length(prompts)
  draws <- c(as.list(new_draws(n)),
             list(input_tokens = rep(NA_real_, n),
                  output_tokens = rep(NA_real_, n)))
  list2env(list(draws = draws, refused = refused, settled = integer(),
                record = record), parent = emptyenv())
}

# Fills in what was drawn, and returns the rows that are to be judged.
take_draws_of <- function(batch, station) {
  i <- take_finished(station$line)
  values <- station$line$value[i]
  latency <- station$line$latency[i]
  station$line$value[i] <- list(NULL)
  failed <- vapply(values, inherits, NA, "error")
  for (j in which(failed)) {
    note_failed(batch, station$units[[i[j]]], values[[j]], latency[j])
  }
  i <- i[!failed]
  if (length(i) == 0L) {
    return(integer())
  }
  fill_rows(batch, station, i, values[!failed], latency[!failed])
}

note_failed <- function(batch, rows, error, latency) {
  draws <- batch$draws
  draws$status[rows] <- if (is_filtered(error)) "refused" else "error"
  draws$message[rows] <- one_line(error)
  draws$latency[rows] <- latency
  batch$draws <- draws
  batch$settled <- c(batch$settled, rows)
}

fill_rows <- function(batch, station, i, answers, latency) {
  choices <- lapply(answers, `[[`, "choices")
  learn_choices(station, i, lengths(choices))
  units <- station$units[i]
  k <- lengths(units)
  rows <- unlist(units)
  placed <- unlist(Map(place_choices, choices, k), recursive = FALSE)
  found <- as.list(new_draws(length(rows)))
  said <- read_choices(placed)
  found[names(said)] <- said
  usage <- lapply(read_usage(answers, k), rep, k)
  found[names(usage)] <- usage
  found$latency <- rep(latency, k)
  found <- mark_refused(found, batch$refused)
  draws <- batch$draws
  for (name in names(draws)) {
    draws[[name]][rows] <- found[[name]]
  }
  batch$draws <- draws
  batch$settled <- c(batch$settled, rows[found$status != "ok"])
  rows[found$status == "ok"]
}

note_verdicts <- function(batch, rows, verdict) {
  if (length(rows) == 0L) {
    return(invisible())
  }
  batch$draws <- add_verdict(batch$draws, rows, verdict)
  batch$settled <- c(batch$settled, rows)
}

# Also where nothing is new: what was recorded is then written.
record_settled <- function(batch) {
  rows <- batch$settled
  batch$settled <- integer()
  if (is.null(batch$record)) {
    return(invisible())
  }
  if (length(rows) > 0L) {
    batch$record(rows, list2DF(lapply(batch$draws, `[`, rows)))
  } else {
    batch$record()
  }
}
