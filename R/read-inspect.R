# Logs of Inspect, in both of its formats.

#' Read a log of Inspect
#'
#' Reads the log of an evaluation with Inspect (`inspect_ai`), `.eval` or
#' `.json`, as a [response_log]: one row for each sample and epoch. vitals and
#' Petri write the same format.
#'
#' * `id` is that of the sample, and a draw is an epoch. The response is the
#'   text of the first choice of `output`.
#' * A score that is missing, or made up by Inspect because the model that
#'   judges gave no grade ("Grade not found in model output"), is no verdict:
#'   `"unjudged"`.
#' * A sample with an error is `"error"`, also when it has an answer and scores;
#'   one whose answer a content filter withheld is `"refused"`; one that a limit
#'   ended, or that was marked invalid, is `"invalid"`. The thrown-away attempts
#'   of a retried sample are no draws.
#' * A draw that is in several of the files (a log that was retried, converted
#'   or scored again) is counted once; one that Inspect's cache gave is a
#'   `"copy"`.
#' * Repeats are also copies where all answers to a prompt are identical because
#'   of temperature 0, one seed for all requests, or a reason that the log does
#'   not state. Then the first draw of each prompt counts.
#'
#' @section About the log: The attribute `about` is a list of what was found out
#'   besides the rows: `notes`, what was set aside and why; `dependent`, reasons
#'   for which the number of draws depends on their outcomes (`NULL` without);
#'   and `absent`, the ids of prompts without a draw.
#' @param file The path of a file, or several, whose draws are pooled.
#' @param judge Whose verdict counts: the name of a scorer in the file;
#'   `"scorer$key"` where the scorer gives several values; or a function of the
#'   responses, or of the prompts and the responses, as in [sampler_from()].
#'   `NULL`, the default, where there is only one. Several are an error that
#'   lists them.
#' @param unsafe Which verdicts mean unsafe: one or several values, such as
#'   `"I"`; a number, which stands for itself and all above; or a function of
#'   the verdicts (a data frame for a scorer that gives several values) that
#'   returns a logical vector. `NULL`, the default, only where verdicts are true
#'   (unsafe) or false.
#' @param keep_responses Whether the text of the responses is kept, in a column
#'   `response`. `FALSE` by default.
#' @param ... Must be empty.
#' @returns A [response_log], with a column `latency` (seconds) and, where there
#'   were errors, `message`.
#' @section Errors: `timetounsafe_error_file` where a file cannot be read, or
#'   files contradict each other; `timetounsafe_error_argument`;
#'   `timetounsafe_error_unavailable` where a package is not installed:
#'   jsonlite, and archive for `.eval` files that are packed with zstd. Warning
#'   `timetounsafe_warning_dependent_draws` where which draws are in the log
#'   depends on their outcomes.
#' @source The format: <https://inspect.aisi.org.uk/eval-logs.html>.
#' @examplesIf rlang::is_installed("jsonlite")
#' sample <- paste0(
#'   '{"id": "p1", "epoch": %d, "input": "Insult me.", "output": {"choices": [',
#'   '{"message": {"content": "No."}, "stop_reason": "stop"}]}, ',
#'   '"scores": {"wordlist": {"value": "%s"}}}'
#' )
#' file <- tempfile(fileext = ".json")
#' writeLines(c(
#'   '{"status": "success", "eval": {"model": "toy"}, "samples": [',
#'   sprintf(sample, 1, "C"), ",", sprintf(sample, 2, "I"), "]}"
#' ), file)
#' read_inspect(file, judge = "wordlist", unsafe = "I")
#' @export
read_inspect <- function(file, judge = NULL, unsafe = NULL,
                         keep_responses = FALSE, ...) {
  check_no_dots(...)
  texts <- needs_texts(judge, keep_responses)
  read_log(file, function(file, call) read_inspect_file(file, texts, call),
           judge, unsafe, keep_responses, rlang::current_env())
}

read_inspect_file <- function(file, texts, call) {
  zipped <- identical(readBin(file, "raw", 4L), as.raw(c(0x50, 0x4b, 3, 4)))
  parse <- function(text, number) {
    parse_samples(text, number, texts, file, call)
  }
  if (zipped) {
    return(read_eval(file, parse, call))
  }
  found <- stream_document(file, "samples", parse, inspect_members(),
                           header_members(), call)
  header <- read_header(attr(found, "header"), file, call)
  inspect_part(found, header, file)
}

# The last event of the model says whether the cache gave the answer; without
# a "read" in any of them it did not.
inspect_members <- function() {
  want_members("id", "epoch", "uuid", "input", "output", "scores", "score",
               "error", "limit", "invalidation", "error_retries",
               events = "read")
}

header_members <- function() {
  want_members("version", "status", "eval", "plan", "results", "error")
}

read_header <- function(text, file, call) {
  header <- tryCatch(parse_json(text), error = function(e) NULL)
  if (is.null(header$eval)) {
    stop_file(file, "it is not a log of Inspect", call)
  }
  header
}

# ---- The ZIP archive ---------------------------------------------------------

read_eval <- function(file, parse, call) {
  zip <- read_zip_directory(file, call)
  is_like <- function(pattern) grepl(pattern, zip$name, useBytes = TRUE)
  parts <- is_like("^samples/.*_epoch_[0-9]+/sample[.]json$")
  if (any(is_like("[.]shards/"))) {
    stop_file(file, "it consists of shards, a layout that is not known", call)
  }
  header <- match(c("header.json", "_journal/start.json"), zip$name)
  header <- header[!is.na(header)]
  if (length(header) == 0L) {
    stop_file(file, "it is not a log of Inspect", call)
  }
  text <- read_members(file, zip[header[1L], ], function(text, at) text,
                       header_members(), call)[[1L]]
  samples <- zip[is_like("^samples/.*_epoch_[0-9]+[.]json$") | parts, ]
  found <- read_members(file, samples, parse, inspect_members(), call)
  part <- inspect_part(found, read_header(text, file, call), file)
  if (any(parts)) {
    part$rows$cached <- part$rows$cached |
      read_part_caches(file, zip, samples$name[part$rows$row], call)
  }
  part
}

# In the layout of parts a sample's events are files beside it, of which the
# last with a model counts.
read_part_caches <- function(file, zip, samples, call) {
  pattern <- "^(.*/)events/([0-9]+)[.]json$"
  events <- zip[grepl(pattern, zip$name, useBytes = TRUE), ]
  cache <- unlist(read_members(file, events, function(text, at) {
    extract_fields(text, c(cache = last_cache("$")))$cache
  }, unwanted_members(), call))
  sample <- sub(pattern, "\\1sample.json", events$name, useBytes = TRUE)
  number <- as.numeric(sub(pattern, "\\2", events$name, useBytes = TRUE))
  order <- order(number)
  order <- order[!is.na(cache[order])]
  last <- order[!duplicated(sample[order], fromLast = TRUE)]
  samples %in% sample[last[cache[last] == "read"]]
}

# ---- Samples -----------------------------------------------------------------

# Whether the cache gave the answer is in the last event of the model.
last_cache <- function(path) {
  sprintf(paste(
    "(SELECT coalesce(json_extract(value, '$.cache'), 'none')",
    "FROM json_each(x, '%s')",
    "WHERE json_extract(value, '$.event') = 'model' ORDER BY key DESC LIMIT 1)"
  ), path)
}

first_choice <- "output.choices[0]"

inspect_fields <- function() {
  c(
    id = at_path("id"),
    id_type = "json_type(x, '$.id')",
    epoch = at_path("epoch"),
    uuid = at_path("uuid"),
    input = paste(
      "CASE WHEN json_type(x, '$.input') <> 'array' THEN",
      "json_extract(x, '$.input')",
      "WHEN json_array_length(x, '$.input') = 1 THEN",
      text_at("x", "input[0].content"),
      "ELSE (SELECT group_concat(json_extract(turn.value, '$.role')",
      "|| ': ' || (", text_at("turn.value", "content"), "), char(10))",
      "FROM json_each(x, '$.input') AS turn) END"
    ),
    answer = paste0("coalesce(", text_at("x", paste0(first_choice,
                                                     ".message.content")),
                    ", json_extract(x, '$.output.completion'))"),
    choices = "json_array_length(x, '$.output.choices')",
    stop = at_path(paste0(first_choice, ".stop_reason")),
    message_id = at_path(paste0(first_choice, ".message.id")),
    seconds = at_path("output.time"),
    error_type = "json_type(x, '$.error')",
    error = sprintf("coalesce(%s, %s)", at_path("error.message"),
                    at_path("error")),
    limit_type = "json_type(x, '$.limit')",
    limit_what = at_path("limit.type"),
    invalid_type = "json_type(x, '$.invalidation')",
    cache = paste("CASE WHEN instr(x, '\"read\"') THEN", last_cache("$.events"),
                  "END"),
    retried = "json_array_length(x, '$.error_retries')",
    answered = paste(
      "CASE WHEN json_array_length(x, '$.error_retries') > 0 THEN",
      "(SELECT count(*) FROM json_each(x, '$.error_retries') AS r,",
      "json_each(r.value, '$.events') AS e",
      "WHERE json_extract(e.value, '$.event') = 'model' AND length(",
      text_at("e.value", paste0(first_choice, ".message.content")),
      ") > 0) ELSE 0 END"
    )
  )
}

# A score may be a value, or an object or list of them. Where the answer of a
# model that judges has no grade, Inspect makes one up: no verdict.
inspect_scores <- paste(
  "SELECT i, judge || coalesce('$' || k.key, '') AS judge,",
  "coalesce(k.type, s_type) AS type,",
  "CASE coalesce(k.type, s_type) WHEN 'real' THEN",
  "printf('%!.17g', coalesce(k.value, s_value)) ELSE",
  "CAST(CASE WHEN k.type IS NULL THEN s_value ELSE k.value END AS TEXT)",
  "END AS value FROM (SELECT :i AS i, e.key AS judge,",
  "json_type(e.value, '$.value') AS s_type,",
  "CASE WHEN json_extract(e.value, '$.explanation') LIKE",
  "'Grade not found in model output%' THEN NULL ELSE",
  "json_extract(e.value, '$.value') END AS s_value",
  "FROM json_each(CASE WHEN json_type(:x, '$.scores') = 'object' THEN",
  "json_extract(:x, '$.scores') WHEN json_type(:x, '$.score') = 'object' THEN",
  "json_object('score', json(json_extract(:x, '$.score'))) ELSE '{}' END)",
  "AS e) AS s LEFT JOIN json_each(",
  "CASE WHEN s_type IN ('object', 'array') THEN coalesce(s_value, '{}') ELSE",
  "'{}' END) AS k"
)

parse_samples <- function(text, number, texts, file, call) {
  fields <- extract_records(text, inspect_fields(), number, file, "record",
                            call)
  fields$answer <- hide_texts(fields$answer, texts)
  scores <- query_json(text, inspect_scores)
  value <- typed_scores(scores$type, scores$value)
  list(fields = fields, scores = log_scores(scores$i, scores$judge, value$value,
                                            value$score))
}

# What SQLite says of JSON values: their text as people write it, and numbers.
typed_scores <- function(type, value) {
  score <- rep(NA_real_, length(value))
  number <- type %in% c("integer", "real")
  score[number] <- as.numeric(value[number])
  value[number] <- as_text(score[number])
  value[type %in% "true"] <- "true"
  value[type %in% "false"] <- "false"
  value[type %in% "null"] <- NA
  list(value = value, score = score)
}

is_there <- function(type) !is.na(type) & type != "null"

inspect_part <- function(found, header, file) {
  before <- cumsum(c(0, vapply(found, function(part) nrow(part$fields), 0)))
  scores <- Map(function(part, k) {
    part$scores$at <- part$scores$at + before[k]
    part$scores
  }, found, seq_along(found))
  fields <- bind_tables(lapply(found, `[[`, "fields"))
  if (is.null(fields)) {
    fields <- extract_fields("{}", inspect_fields())[0L, ]
    fields$number <- numeric()
  }
  scores <- bind_tables(scores) %||%
    log_scores(numeric(), character(), character(), numeric())
  about <- header$eval
  id <- sample_ids(fields$id, fields$id_type)
  config <- utils::modifyList(as.list(header$plan$config),
                              as.list(about$model_generate_config))
  rows <- log_rows(
    file, id, fields$answer, inspect_status(fields),
    key = ifelse(is.na(fields$uuid), paste(about$eval_id %||% file, id,
                                           fields$epoch, sep = "\r"),
                 fields$uuid),
    prompt = fields$input, truncated = fields$stop %in% c("max_tokens",
                                                          "model_length"),
    model = about$model %||% NA_character_,
    task = about$task %||% NA_character_, message = inspect_message(fields),
    latency = as.numeric(fields$seconds), order = as.numeric(fields$epoch),
    retry = if (is.null(about$task_id)) NA_character_ else
      paste(about$task_id, id, fields$epoch, sep = "\r"),
    message_id = fields$message_id, cached = fields$cache %in% "read",
    fixed = why_fixed(config$temperature, config$seed),
    row = as.double(fields$number)
  )
  planned <- unlist(about$dataset$sample_ids)
  new_log_part(rows, scores, inspect_notes(fields, header),
               inspect_dependence(fields, header),
               setdiff(as_text(planned), id))
}

# 1 and "1" may stand side by side.
sample_ids <- function(id, type) {
  quoted <- type == "text" & id %in% id[type == "integer"]
  ifelse(quoted, paste0("\"", id, "\""), id)
}

why_fixed <- function(temperature, seed) {
  reasons <- c(
    if (identical(as.numeric(temperature), 0)) "temperature 0",
    if (!is.null(seed)) sprintf("seed = %s for every request", format(seed))
  )
  if (length(reasons) > 0L) paste(reasons, collapse = ", ") else NA_character_
}

inspect_status <- function(fields) {
  status <- rep("ok", nrow(fields))
  status[fields$stop %in% "content_filter"] <- "refused"
  status[is_there(fields$limit_type) | is_there(fields$invalid_type)] <-
    "invalid"
  status[is_there(fields$error_type)] <- "error"
  status
}

inspect_message <- function(fields) {
  message <- ifelse(is_there(fields$invalid_type), "marked invalid", NA)
  limited <- is_there(fields$limit_type)
  message[limited] <- paste("ended by the limit", fields$limit_what[limited])
  failed <- is_there(fields$error_type)
  message[failed] <- fields$error[failed]
  message
}

# ---- What is said of a log ---------------------------------------------------

inspect_notes <- function(fields, header) {
  about <- header$eval
  planned <- (about$dataset$samples %||% NA) * (about$config$epochs %||% 1)
  status <- header$status %||% "started"
  more <- sum(pmax(as.numeric(fields$choices), 1) - 1, na.rm = TRUE)
  retried <- sum(as.numeric(fields$retried) > 0, na.rm = TRUE)
  c(
    if (status != "success" || isTRUE(nrow(fields) < planned)) {
      sprintf("The run did not finish (%s): %s of %s planned records.", status,
              big(nrow(fields)), if (is.na(planned)) "the" else big(planned))
    },
    if (any(is_there(fields$limit_type))) {
      sprintf("%s ended by a limit: invalid.",
              counted(sum(is_there(fields$limit_type)), "record"))
    },
    if (more > 0) {
      sprintf("%s besides the first of each record: not judged, left out.",
              counted(more, "answer"))
    },
    if (retried > 0) {
      sprintf("%s drawn again after an error: only the last attempt counts.",
              counted(retried, "record"))
    }
  )
}

inspect_dependence <- function(fields, header) {
  answered <- sum(as.numeric(fields$answered) > 0, na.rm = TRUE)
  early <- length(header$results$early_stopping$early_stops)
  c(
    if (answered > 0) {
      sprintf(paste("%s drawn again after the model had answered: what was",
                    "thrown away is not known to be like the rest"),
              counted(answered, "record"))
    },
    if (early > 0) {
      sprintf("epochs of %s stopped early (%s)", counted(early, "prompt"),
              header$results$early_stopping$manager %||% "early stopping")
    }
  )
}
