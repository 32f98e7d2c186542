# write_batch(): the requests of a plan, or what an unfinished audit is without,
# in files for a batch job.

#' Draw by batch jobs
#'
#' `write_batch()` writes the requests of a plan as a file for a batch job:
#' services answer those within a day at about half the price, and vLLM's
#' `run-batch` in a night of a cluster. `read_batch()` reads the results, judges
#' them, and returns the audit.
#'
#' # Writing
#' Each line is one request, for `n_choices` draws of a prompt, or as many as
#' are left of it. Its `custom_id` says which draws of which plan these are. All
#' draws up to each prompt's `limit` are asked for: where draws stop, those
#' after the first unsafe one are paid for and not used, so that a batch suits
#' replicated draws, the default of [plan_audit()]. Of an unfinished audit, from
#' `read_batch()` or [run_audit()], only what is missing is asked for.
#'
#' * `type = "chat"` and `"completion"`: JSON lines for OpenAI's Batch API,
#'   which vLLM's `run-batch`, Groq and others take as they are. At most 50,000
#'   requests and 200 MB go into one file.
#' * `type = "messages"`: the body of the request that creates one of
#'   Anthropic's message batches, `POST /v1/messages/batches`. At most 100,000
#'   requests and 256 MB go into one file.
#'
#' More than that goes into several files, `batch-1.jsonl`, `batch-2.jsonl` and
#' so on for `batch.jsonl`: each is a job of its own.
#'
#' # Reading
#' Results come in any order, and from several jobs: outputs and errors are told
#' apart by their lines. A draw has one of these ends:
#'
#' * An answer is judged. One that ended at the token limit is judged as it is,
#'   and counted in the column `truncated`.
#' * An answer that the provider's filter withheld (`content_filter`), a refusal
#'   in a field of its own, or of the stop reason `refusal`, and an error in
#'   which the provider names its filter, is refused, as in [sampler_openai()];
#'   `refusal` says what that counts as.
#' * A request that failed, expired or was cancelled, an answer without text,
#'   fewer answers than asked for, and a response for which `judge` returns `NA`
#'   are no draws. The audit is then unfinished, with a warning:
#'   `write_batch(audit, ...)` writes the rest.
#'
#' The results of a second round are read together with those of the first and
#' the plan, `read_batch(c(first, second), plan, judge)`; or alone, with the
#' unfinished audit in place of the plan. Where a draw failed in one round and
#' came in another, the latter counts. The same answer twice counts once; two
#' answers for one draw are an error, since to choose would be to draw again.
#'
#' Draws that fail are drawn again, by another round: as for any [sampler],
#' failures must not depend on the response. Where they may, and for prompts
#' that fail in each round, `final = TRUE` counts such draws as failed
#' permanently: unsafe at their place.
#'
#' @param plan An `audit_plan` from [plan_audit()] or [read_plan()], or an
#'   unfinished `audit`. Its prompts must be text.
#' @param file For `write_batch()`, the path of the file to write, which is
#'   compressed where its name ends in `.gz`, `.bz2` or `.xz`. For
#'   `read_batch()`, the paths of any number of files with results, compressed
#'   or not.
#' @param model The name of the model, as the service knows it.
#' @param system_prompt `NULL`, or the text of the system prompt. Plain
#'   completions have none.
#' @param n_choices How many draws one request asks for (the protocol's `n`): a
#'   whole number of at least 1, the default, as not all services know more, and
#'   OpenAI at most 128. The prompt is then paid for once. It must be 1 for
#'   `"messages"`.
#' @param api_args Other fields of each request, as a list with names:
#'   `list(max_tokens = 500, temperature = 1)`. Write `list("a")` where an array
#'   of one element is meant. What picks among draws (`best_of`) or changes what
#'   is returned (`stream`, `logprobs`, `echo`) is an error. `"messages"`
#'   require `max_tokens`.
#' @param overwrite Whether existing files may be replaced. Files with results
#'   never are: they were paid for.
#' @param type The format: `"chat"` (the default) and `"completion"`, for a base
#'   model, of OpenAI's Batch API, or `"messages"` of Anthropic's.
#' @param allow_deterministic Whether `api_args` with a `seed`, or with
#'   parameters that leave no choice (`temperature = 0`, `top_p = 0`,
#'   `top_k = 1`), are accepted. `FALSE`, the default, makes them an error: the
#'   draws of a prompt would be identical.
#' @param ... Must be empty.
#' @returns `write_batch()`: the paths that were written, invisibly.
#'   `read_batch()`: an `audit`, see [run_audit()], with an attribute `usage`, a
#'   data frame with one row: `requests`, `failed` (requests), `input_tokens`
#'   and `output_tokens` as the service counts them, and `cost`, where the
#'   service or the judge reports one (`NA` where unknown).
#' @section Errors: `timetounsafe_error_plan` where results belong to another
#'   plan; `timetounsafe_error_audit` where draws do not fit it, or come twice;
#'   `timetounsafe_error_file` where a file cannot be read, is not one of
#'   results, or would be replaced; `timetounsafe_error_sampler` where `judge`
#'   or `refused` returns something else than described here;
#'   `timetounsafe_error_unavailable` where jsonlite is not installed;
#'   `timetounsafe_error_argument`. Warnings `timetounsafe_warning_unfinished`,
#'   `timetounsafe_warning_failed_draws` and
#'   `timetounsafe_warning_identical_responses`.
#' @source OpenAI, "Batch API"; Anthropic, "Message Batches"; vLLM, "Offline
#'   inference with the OpenAI batch file format".
#' @seealso [sampler_openai()] to draw from a live model, [write_plan()] for
#'   programs with a format of their own.
#' @examplesIf rlang::is_installed("jsonlite")
#' set.seed(1)
#' hazard <- as_hazard(function(newdata) newdata$p)
#' data <- data.frame(p = rep(c(0.02, 0.1), 50))
#' plan <- plan_audit(hazard, paste("prompt", 1:100), 10, data)
#' file <- write_batch(plan, tempfile(fileext = ".jsonl"), "gpt-4.1-mini",
#'                     n_choices = 4, api_args = list(max_tokens = 20))
#'
#' # Upload it, and wait a night. Here the service is a few lines of R
#' answer <- function(line) {
#'   request <- jsonlite::fromJSON(line)
#'   n <- max(1, request$body$n)
#'   word <- sample(c("love", "hate"), n, TRUE, c(0.95, 0.05))
#'   choices <- lapply(seq_along(word), function(i) {
#'     list(index = i - 1, finish_reason = "stop",
#'          message = list(content = paste("I", word[i], "you")))
#'   })
#'   result <- list(custom_id = request$custom_id, response = list(
#'     status_code = 200, body = list(choices = choices)
#'   ))
#'   jsonlite::toJSON(result, auto_unbox = TRUE)
#' }
#' requests <- readLines(file)
#' results <- tempfile(fileext = ".jsonl")
#' writeLines(vapply(sample(requests), answer, ""), results)
#'
#' audit <- read_batch(results, plan, function(text) grepl("hate", text))
#' calibrate_lpb(audit)
#' @export
write_batch <- function(plan, file, model, system_prompt = NULL, n_choices = 1,
                        api_args = list(), overwrite = FALSE,
                        type = c("chat", "completion", "messages"),
                        allow_deterministic = FALSE, ...) {
  check_no_dots(...)
  need_package("jsonlite", "to write a batch")
  plan <- check_plan(plan)
  check_batch_prompts(plan)
  check_path(file)
  if (missing(model)) {
    stop_missing("model")
  }
  model <- check_string(model, "model")
  n_choices <- check_number(n_choices, "n_choices", min = 1, whole = TRUE)
  type <- check_choice(type, c("chat", "completion", "messages"), "type")
  call <- rlang::current_env()
  format <- if (type == "messages") {
    anthropic_batch(model, system_prompt, n_choices, api_args, call)
  } else {
    openai_batch(type, model, system_prompt, api_args, call)
  }
  if (!check_flag(allow_deterministic, "allow_deterministic")) {
    refuse_fixed(api_args, "api_args")
  }
  invisible(write_requests(start_audit(plan), file, n_choices, format,
                           overwrite, call))
}

check_batch_prompts <- function(plan, call = rlang::caller_env()) {
  check_plan_prompts(plan, call)
  if (!is.character(plan$prompt)) {
    stop_argument("plan$prompt", "must be text for a batch",
                  describe(plan$prompt),
                  fix = "For other prompts use write_plan() or sampler_from().",
                  call = call)
  }
  if (!all(validUTF8(to_utf8(plan$prompt)))) {
    stop_argument("plan$prompt", "must be readable text",
                  "bytes of another encoding",
                  fix = "iconv() converts, say from \"latin1\".", call = call)
  }
}

# ---- Which draws -------------------------------------------------------------

# What is missing of an audit, as requests for up to `n_choices` draws each that
# follow one another: list(row, first, n).
plan_requests <- function(audit, n_choices) {
  missing <- find_missing(audit)
  row <- missing$row
  draw <- missing$draw
  total <- length(row)
  if (total == 0L) {
    return(list(row = row, first = draw, n = draw))
  }
  joins <- row[-1L] == row[-total] & draw[-1L] == draw[-total] + 1
  begin <- which(c(TRUE, !joins))
  rank <- sequence(diff(c(begin, total + 1L))) - 1
  begin <- which(rank %% n_choices == 0)
  list(row = row[begin], first = draw[begin],
       n = diff(c(begin, total + 1L)))
}

# By row, and by draw within a row.
find_missing <- function(audit) {
  open <- which(is.na(audit$status))
  first <- audit$draws[open] + 1
  last <- audit$limit[open]
  # Draws that came in before one of lower index; after one that will end its
  # prompt there are no more.
  early <- kept_early(audit)
  ends <- is.na(early$outcome) | (early$outcome & audit$stop[early$row])
  for (k in which(ends)) {
    at <- match(early$row[k], open)
    last[at] <- min(last[at], early$draw[k] - 1)
  }
  count <- last - first + 1
  missing <- list(row = rep(open, count), draw = sequence(count, first))
  there <- paste(missing$row, missing$draw) %in% paste(early$row, early$draw)
  keep_draws(missing, !there)
}

# ---- Files -------------------------------------------------------------------

write_requests <- function(audit, file, n_choices, format, overwrite, call) {
  requests <- plan_requests(audit, n_choices)
  if (length(requests$row) == 0L) {
    stop_argument("plan", "must have draws to make", "one with none missing",
                  call = call)
  }
  id <- make_custom_ids(audit, requests$row, requests$first, requests$n)
  prompt <- format$prompt(to_utf8(audit$prompt))
  n <- ifelse(requests$n > 1, sprintf(",\"n\":%.0f", requests$n), "")
  start <- "{\"custom_id\":\""
  comma <- format$comma %||% ""
  bytes <- nchar(paste0(start, format$before, format$after, comma, "\n"),
                 "bytes") +
    nchar(id) + nchar(n) + nchar(prompt, "bytes")[requests$row]
  too_long <- which(bytes > format$max_bytes)
  if (length(too_long) > 0L) {
    stop_argument("plan$prompt", sprintf("must fit into %s bytes",
                                         big(format$max_bytes)),
                  sprintf("that of row %d", requests$row[too_long[1L]]),
                  call = call)
  }
  part <- assign_parts(bytes, format$max_requests, format$max_bytes)
  paths <- name_parts(file, max(part))
  check_targets(paths, file, overwrite, call)
  for (k in seq_along(paths)) {
    i <- which(part == k)
    lines <- paste0(start, id[i], format$before, prompt[requests$row[i]],
                    n[i], format$after,
                    rep(c(comma, ""), c(length(i) - 1L, 1L)))
    write_lines(c(format$open, lines, format$close), paths[k])
  }
  paths
}

# The number of each request's file: as few as the limits admit, in order.
assign_parts <- function(bytes, max_requests, max_bytes) {
  total <- cumsum(bytes)
  part <- numeric(length(bytes))
  from <- 1
  while (from <= length(bytes)) {
    full <- findInterval(total[from] - bytes[from] + max_bytes, total)
    to <- min(from + max_requests - 1, full)
    part[from:to] <- max(part) + 1
    from <- to + 1
  }
  part
}

# batch-1.jsonl.gz and so on for batch.jsonl.gz, where one is not enough.
name_parts <- function(file, n, parts = seq_len(n)) {
  if (n == 1) {
    return(file)
  }
  end <- regmatches(basename(file), regexpr(
    paste0("([.][A-Za-z0-9]+)?(", packed_end, ")?$"), basename(file)
  ))
  paste0(substr(file, 1L, nchar(file) - nchar(end)), "-", parts, end)
}

# Results are never replaced. Nor is a part left of an earlier, longer batch,
# which would be sent with the new ones.
check_targets <- function(paths, file, overwrite, call) {
  for (path in paths) {
    check_not_there(path, overwrite, call)
    if (file.exists(path) && batch_kind(path) == "results") {
      stop_classed("file", c(
        sprintf("The file %s contains results of a batch.", path),
        i = "Use another path: results were paid for."
      ), argument = "file", call = call)
    }
  }
  next_to <- setdiff(c(file, name_parts(file, 2, c(1, length(paths) + 1))),
                     paths)
  for (path in next_to[file.exists(next_to)]) {
    if (batch_kind(path) == "requests") {
      stop_classed("file", c(
        sprintf("The file %s contains requests of another batch.", path),
        i = "Delete it, or use another path: it would look like a part of this."
      ), argument = "file", call = call)
    }
  }
}

# By the first line: "requests", as they are written here, "results" or "other".
batch_kind <- function(path) {
  con <- gzfile(path, "rb")
  on.exit(close(con))
  line <- c(readLines(con, 1L, warn = FALSE), "")[1L]
  if (grepl("^\\{(\"requests\":|\"custom_id\":\"[^\"]*\",\"method\")", line,
            useBytes = TRUE)) {
    "requests"
  } else if (grepl("\"custom_id\"", line, fixed = TRUE, useBytes = TRUE)) {
    "results"
  } else {
    "other"
  }
}
