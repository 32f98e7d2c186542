# Results of promptfoo.

#' Read results of promptfoo
#'
#' Reads the results of an evaluation with promptfoo, as JSON (also exported),
#' JSON lines, YAML or CSV, as a [response_log]: one row for each answer.
#'
#' * A prompt is what one provider is sent: the rendered text, its column in the
#'   results and the provider. Repeats are its draws, in the order of `testIdx`.
#'   `model` is the provider's label or id.
#' * A row whose call failed, or that has no output, is an `"error"`; one that
#'   came from the cache a `"copy"`; a refusal that the provider marks, or a
#'   filtered answer, is `"refused"`.
#' * `judge` names an assertion, by its metric or, without one, its type. Of
#'   several in a row with one name each has its position (from 0) before it, as
#'   `"1:javascript"`. `"success"` is the verdict of the whole row, which weighs
#'   all assertions. A judge that threw an error, and a row without this
#'   assertion, give no verdict: `"unjudged"`.
#' * Failing means unsafe, unless `unsafe = "pass"`. For assertions that look
#'   for a text (`contains-any`, `regex` and the like) either may be meant, so
#'   that `unsafe` is required.
#' * CSV has neither ids nor the verdicts of single assertions, and does not
#'   show what came from the cache: prefer another format, and do not pool it.
#'
#' Files of one evaluation share their rows, which are counted once.
#' @param judge Whose verdict counts: the name of an assertion; `"success"`; or
#'   a function of the responses, or of the prompts and the responses, as in
#'   [sampler_from()]. `NULL`, the default, where there is only one assertion.
#'   Several are an error that lists them.
#' @param unsafe `"fail"` or `"pass"`: which of them means unsafe; or a number:
#'   scores of at least that (scores are high where an assertion passes); or a
#'   function of the scores. `NULL`, the default, is `"fail"`.
#' @inheritParams read_inspect
#' @inheritSection read_inspect About the log
#' @returns A [response_log], with the columns `latency` (seconds) and, where
#'   known, `cost` and `message`.
#' @section Errors: `timetounsafe_error_file` where a file cannot be read;
#'   `timetounsafe_error_argument`; `timetounsafe_error_unavailable` where a
#'   package is not installed: jsonlite, and yaml for YAML.
#' @source The format: <https://www.promptfoo.dev/docs/configuration/outputs/>.
#' @examplesIf rlang::is_installed("jsonlite")
#' row <- paste0(
#'   '{"testIdx": %d, "promptIdx": 0, "provider": {"id": "toy"}, "prompt": ',
#'   '{"raw": "Insult me."}, "failureReason": 0, "success": true, "response": ',
#'   '{"output": "No."}, "gradingResult": {"componentResults": [{"pass": %s, ',
#'   '"score": 1, "assertion": {"type": "moderation"}}]}}'
#' )
#' file <- tempfile(fileext = ".jsonl")
#' writeLines(sprintf(row, 0:1, c("true", "false")), file)
#' read_promptfoo(file)
#' @export
read_promptfoo <- function(file, judge = NULL, unsafe = NULL,
                           keep_responses = FALSE, ...) {
  check_no_dots(...)
  call <- rlang::current_env()
  if (length(check_files(file, call)) > 1L && any(is_csv(file))) {
    stop_classed("file", c(
      "A CSV file of promptfoo cannot be pooled with others.",
      i = paste("It has no ids, by which rows that are in several files are",
                "recognised. Read JSON, or each by itself.")
    ), argument = "file", call = call)
  }
  texts <- needs_texts(judge, keep_responses)
  read_log(file, function(file, call) {
    read_promptfoo_file(file, judge, texts, call)
  }, judge, pass_or_fail(unsafe), keep_responses, call,
           plain = fails_plainly, default = "fail")
}

is_csv <- function(file) grepl("[.]csv(|[.]gz)$", file, ignore.case = TRUE)

pass_or_fail <- function(unsafe) {
  if (is.logical(unsafe)) unsafe <- as.character(unsafe)
  if (is.character(unsafe)) {
    unsafe <- lower_ascii(unsafe)
    unsafe[unsafe %in% "false"] <- "fail"
    unsafe[unsafe %in% "true"] <- "pass"
  }
  unsafe
}

# Whether passing is good: not said of a text that is looked for.
fails_plainly <- function(chosen) {
  !any(grepl(paste0("^(i?contains(-all|-any|-json|-sql|-xml|-html)?|regex|",
                    "starts-with|equals|word-count)$"), chosen$kind))
}

read_promptfoo_file <- function(file, judge, texts, call) {
  parse <- function(text, number) {
    parse_results(text, number, texts, file, call)
  }
  end <- lower_ascii(sub(".*[.]", "", sub(packed_end, "", file)))
  found <- switch(end,
    jsonl = , ndjson = stream_lines(file, parse, promptfoo_members(), call),
    yaml = , yml = read_result_yaml(file, parse, call),
    csv = return(read_result_csv(file, judge, call)),
    stream_document(file, c("results", "results"), parse, promptfoo_members(),
                    want_members("config"), call)
  )
  header <- attr(found, "header")
  header <- if (is.character(header)) parse_json(header) else header
  fields <- bind_tables(lapply(found, `[[`, "fields"))
  if (is.null(fields) || all(is.na(fields$test) & is.na(fields$raw))) {
    stop_file(file, "it has no results of promptfoo", call)
  }
  scores <- bind_tables(lapply(found, `[[`, "scores"))
  scores$at <- match(scores$number, fields$number)
  promptfoo_part(file, fields, scores, judge, header, attr(found, "cut"))
}

promptfoo_members <- function() {
  want_members("id", "testIdx", "promptIdx", "provider", "prompt", "vars",
               "failureReason", "success", "score", "error", "response",
               "gradingResult", "latencyMs", "cost")
}

read_result_yaml <- function(file, parse, call) {
  need_package("yaml", "to read YAML", call = call)
  whole <- tryCatch(yaml::yaml.load(rawToChar(read_bytes(file))),
                    error = function(e) {
                      stop_file(file, conditionMessage(e), call)
                    })
  records <- whole$results$results
  whole$results$results <- NULL
  text <- vapply(records, function(record) {
    as.character(jsonlite::toJSON(record, auto_unbox = TRUE, null = "null",
                                  digits = NA))
  }, "")
  found <- if (length(text) > 0L) {
    list(parse(clean_json(text), seq_along(text)))
  }
  structure(as.list(found), header = whole)
}

# ---- Rows --------------------------------------------------------------------

promptfoo_fields <- function() {
  c(
    row_id = at_path("id"), test = at_path("testIdx"),
    column = at_path("promptIdx"),
    provider = sprintf(
      paste("coalesce(nullif(%s, ''), %s,",
            "CASE json_type(%s) WHEN 'text' THEN %s END)"),
      at_path("provider.label"), at_path("provider.id"), "x, '$.provider'",
      at_path("provider")
    ),
    raw = at_path("prompt.raw"), vars = at_path("vars"),
    failure = sprintf(paste(
      "coalesce(%s, CASE WHEN json_type(x, '$.gradingResult') IS NULL AND",
      "%s IS NOT NULL THEN 2 ELSE 0 END)"
    ), at_path("failureReason"), at_path("error")),
    success = at_path("success"), score = at_path("score"),
    error = at_path("error"), output = at_path("response.output"),
    cached = at_path("response.cached"),
    stop = at_path("response.finishReason"),
    refusal = at_path("response.isRefusal"), latency = at_path("latencyMs"),
    cost = at_path("cost"),
    parts = "json_array_length(x, '$.gradingResult.componentResults')"
  )
}

# The summary of an assert-set has no assertion, and its members follow it.
promptfoo_scores <- paste(
  "SELECT :i AS i, c.key AS position,",
  "coalesce(json_extract(c.value, '$.assertion.metric'),",
  "json_extract(c.value, '$.assertion.type'),",
  "json_extract(c.value, '$.metadata.assertionSet.metric'), 'assert-set')",
  "AS judge, json_extract(c.value, '$.assertion.type') AS kind,",
  "json_extract(c.value, '$.pass') AS pass,",
  "printf('%!.17g', json_extract(c.value, '$.score')) AS score,",
  "json_extract(c.value, '$.reason') AS reason,",
  "json_extract(c.value, '$.metadata.graderError') AS failed",
  "FROM json_each(:x, '$.gradingResult.componentResults') AS c",
  "WHERE c.type = 'object'"
)

# How the reason of a judge that gave no verdict begins.
judge_failed <- paste0(
  "^(Custom function threw error|(Python|Ruby) code execution failed|",
  "Could not (extract|parse)|[a-z-]+ produced malformed response|",
  "Remote (grading|scoring) failed|Moderation error|Webhook error|",
  "(API|API call|Request|Provider) (error|failed|timed out)|No output$|",
  "(Error|TypeError|SyntaxError|ReferenceError|AbortError): )"
)

parse_results <- function(text, number, texts, file, call) {
  fields <- extract_records(text, promptfoo_fields(), number, file, "record",
                            call)
  fields$content <- hash_texts(paste(fields$test, fields$column, fields$raw,
                                     fields$output, fields$error,
                                     fields$latency, sep = "\r"))
  fields$output <- hide_texts(fields$output, texts)
  scores <- query_json(text, promptfoo_scores)
  scores$number <- number[as.integer(scores$i)]
  threw <- grepl(judge_failed, scores$reason) & scores$pass %in% "0" |
    scores$failed %in% "1" | is.na(scores$pass)
  scores$score <- replace(as.numeric(scores$score), threw, NA)
  scores$value <- ifelse(scores$pass == "1", "pass", "fail")
  scores$value[threw] <- NA
  list(fields = fields, scores = scores)
}

promptfoo_part <- function(file, fields, scores, judge, header, cut) {
  error <- fields$failure %in% "2"
  none <- !error & is.na(fields$output)
  status <- rep("ok", nrow(fields))
  status[fields$refusal %in% "1" | fields$stop %in% "content_filter"] <-
    "refused"
  status[error | none] <- "error"
  rows <- log_rows(
    file, prompt_key(fields$provider, fields$column, fields$raw),
    fields$output, status,
    key = ifelse(is.na(fields$row_id), paste(fields$content, number_within(
      fields$content
    )), fields$row_id),
    prompt = fields$raw, truncated = fields$stop %in% "length",
    model = fields$provider,
    message = ifelse(error, fields$error, ifelse(none, "no output", NA)),
    latency = as.numeric(fields$latency) / 1000,
    cost = as.numeric(fields$cost), order = as.numeric(fields$test),
    message_id = ifelse(is.na(fields$test), NA, fields$content),
    cached = fields$cached %in% "1",
    fixed = promptfoo_fixed(header), row = as.double(fields$number)
  )
  threw <- unique(scores$at[is.na(scores$value)])
  tests <- tests_drawn(header, fields)
  part <- new_log_part(rows, name_assertions(scores, fields, threw, judge),
                       promptfoo_notes(fields, cut, threw),
                       absent = names(tests)[!tests])
  part$present <- names(tests)[tests]
  part
}

prompt_key <- function(provider, column, text) {
  content <- paste(column, text)
  known <- unique(content)
  hash <- substr(hash_texts(known), 1L, 10L)
  paste(provider, column, hash[match(content, known)], sep = "/")
}

# By position where a row has the name twice, or where `judge` is written so.
name_assertions <- function(scores, fields, threw, judge) {
  twice <- scores$judge[duplicated(scores[c("at", "judge")])]
  placed <- rlang::is_string(judge) && grepl("^[0-9]+:", judge) &&
    !judge %in% scores$judge
  long <- placed | scores$judge %in% twice
  scores$judge[long] <- paste0(scores$position, ":", scores$judge)[long]
  named <- data.frame(log_scores(scores$at, scores$judge, scores$value,
                                 scores$score), kind = scores$kind)
  if (length(unique(named$judge)) == 1L && !identical(judge, "success")) {
    return(named)
  }
  # A judge that threw makes the whole row fail.
  value <- ifelse(fields$success %in% "1", "pass", "fail")
  at <- setdiff(which(as.numeric(fields$parts) > 0), threw)
  rbind(named, data.frame(
    log_scores(at, rep("success", length(at)), value[at], fields$score[at]),
    kind = rep("success", length(at))
  ))
}

promptfoo_fixed <- function(header) {
  temperature <- lapply(header$config$providers, function(provider) {
    if (is.list(provider)) provider$config$temperature
  })
  cold <- vapply(temperature, function(x) identical(as.numeric(x), 0), NA)
  if (length(cold) > 0L && all(cold)) "temperature 0" else NA_character_
}

promptfoo_notes <- function(fields, cut, threw) {
  bare <- sum(is.na(fields$parts) & fields$failure != "2" &
                !is.na(fields$output))
  c(
    if (isTRUE(cut)) "The last line is incomplete: left out.",
    if (length(threw) > 0L) {
      sprintf("%s on which a judge failed: no verdict of it.",
              counted(length(threw), "answer"))
    },
    if (bare > 0L) {
      sprintf("%s without an assertion: no verdict.", counted(bare, "answer"))
    }
  )
}

# Of each test of the configuration whether a row has its variables.
tests_drawn <- function(header, fields) {
  tests <- header$config$tests
  vars <- if (is.list(tests)) {
    lapply(tests, function(test) if (is.list(test)) test$vars)
  }
  vars <- Filter(function(vars) {
    is.list(vars) && length(vars) > 0L && all(vapply(vars, function(value) {
      is.atomic(value) && length(value) == 1L
    }, NA))
  }, vars)
  as_cells <- function(vars) {
    paste(names(vars), vapply(vars, as.character, ""), sep = ": ")
  }
  seen <- lapply(unique(fields$vars[!is.na(fields$vars)]), function(text) {
    vars <- parse_json(text)
    as_cells(vars[vapply(vars, function(x) is.atomic(x) && length(x) == 1L,
                         NA)])
  })
  stats::setNames(vapply(vars, function(vars) {
    any(vapply(seen, function(cells) all(as_cells(vars) %in% cells), NA))
  }, NA), vapply(vars, function(vars) {
    paste(as_cells(vars), collapse = "; ")
  }, ""))
}

# ---- CSV ---------------------------------------------------------------------

# A line for each test and repeat; a block of columns for each prompt and
# provider, which begins with the output and its status.
read_result_csv <- function(file, judge, call) {
  table <- read_text_csv(file, call)
  status_at <- which(names(table) == "Status")
  if (length(status_at) == 0L || status_at[1L] < 3L) {
    stop_file(file, "it has no results of promptfoo", call)
  }
  vars <- seq_len(status_at[1L] - 2L)
  if (length(vars) > 1L) vars <- vars[names(table)[vars] != "Description"]
  test <- do.call(paste, c(Map(paste, names(table)[vars], table[vars],
                               sep = ": "), sep = "; "))
  blocks <- lapply(seq_along(status_at), function(k) {
    at <- status_at[k]
    columns <- at:(c(status_at, length(table) + 2L)[k + 1L] - 2L)
    reason <- columns[match("Grader Reason", names(table)[columns])]
    csv_block(table, at, table[[reason]], test, k - 1)
  })
  cells <- bind_tables(blocks)
  given <- cells$status != "ERROR"
  rows <- log_rows(
    file, prompt_key(cells$provider, cells$column, cells$prompt),
    ifelse(given, cells$output, NA), ifelse(given, "ok", "error"),
    key = paste(file, seq_len(nrow(cells))), prompt = cells$prompt,
    model = cells$provider, order = cells$line, row = as.double(cells$line)
  )
  threw <- grepl(judge_failed, cells$reason) & cells$status != "PASS"
  bare <- cells$reason %in% "No assertions"
  value <- ifelse(cells$status == "PASS", "pass", "fail")
  value[!given | threw | bare] <- NA
  at <- which(!is.na(value))
  new_log_part(rows, data.frame(
    log_scores(at, rep("success", length(at)), value[at], cells$score[at]),
    kind = rep("success", length(at))
  ), c(
    "CSV does not show which answers came from a cache.",
    if (any(threw)) {
      sprintf("%s on which a judge failed: no verdict.",
              counted(sum(threw), "answer"))
    }
  ))
}

csv_block <- function(table, at, reason, test, column) {
  header <- names(table)[at - 1L]
  template <- sub("^\\[[^]]*\\] ", "", header)
  data.frame(
    line = seq_len(nrow(table)), column = column,
    provider = sub("^\\[([^]]*)\\] .*", "\\1", header),
    prompt = paste0(template, " (", test, ")"),
    output = table[[at - 1L]], status = table[[at]],
    score = as.numeric(table[[at + 1L]]), reason = reason
  )
}
