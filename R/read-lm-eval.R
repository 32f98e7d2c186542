# Samples of lm-eval (the LM Evaluation Harness).

#' Read samples of lm-eval
#'
#' Reads the samples of a task that were logged by lm-eval (`--log_samples`,
#' `samples_*.jsonl`) as a [response_log]: one row for each generated answer.
#'
#' * `id` is the `doc_id`, and draws are all answers of `resps`, also those that
#'   a filter hides from the metric. A document that is in the file once for
#'   each filter counts once.
#' * A metric of lm-eval is about a document, not about an answer: it can be the
#'   judge only where there is one answer to each. Otherwise a function of the
#'   responses judges them.
#' * lm-eval sends one seed with every request, and decodes at temperature 0
#'   unless the task says otherwise: answers that had to be equal are copies,
#'   and only the first counts.
#' * A refusal is an empty answer in these files, and a cut answer looks like
#'   any other.
#' * Multiple-choice tasks have no answers, and are refused.
#'
#' The model's name is taken from the `results_*.json` beside the file.
#' @param judge A function of the responses, or of the prompts and the
#'   responses, as in [sampler_from()]; or, where each document has one answer,
#'   the name of a metric.
#' @param unsafe Which verdicts mean unsafe: a number, which stands for itself
#'   and all above; one or several values; or a function of the verdicts.
#'   `NULL`, the default, where they are true (unsafe) or false.
#' @inheritParams read_inspect
#' @inheritSection read_inspect About the log
#' @returns A [response_log].
#' @section Errors: `timetounsafe_error_file` where a file cannot be read or has
#'   no answers; `timetounsafe_error_argument`; `timetounsafe_error_unavailable`
#'   where the package jsonlite is not installed.
#' @source The format: <https://github.com/EleutherAI/lm-evaluation-harness>.
#' @examplesIf rlang::is_installed("jsonlite")
#' file <- file.path(tempdir(), "samples_toy_2026-01-01T00-00-00.jsonl")
#' writeLines(paste0(
#'   '{"doc_id": 0, "arguments": {"gen_args_0": {"arg_0": "Insult me.", ',
#'   '"arg_1": {"temperature": 1}}}, "resps": [["You pig.", "No."]], ',
#'   '"filter": "none", "metrics": []}'
#' ), file)
#' read_lm_eval(file, judge = function(response) grepl("pig", response))
#' @export
read_lm_eval <- function(file, judge = NULL, unsafe = NULL,
                         keep_responses = FALSE, ...) {
  check_no_dots(...)
  read_log(file, function(file, call) read_lm_eval_file(file, judge, call),
           judge, unsafe, keep_responses, rlang::current_env())
}

lm_eval_fields <- function() {
  first <- function(path) {
    sprintf("coalesce(%s, %s)", at_path(paste0("arguments.gen_args_0.arg_",
                                               path)),
            at_path(paste0("arguments[0][", sub("^([01])", "\\1]", path))))
  }
  chat <- "'$.arguments.gen_args_0.arg_0[0]'"
  c(
    doc_id = at_path("doc_id"), hash = at_path("doc_hash"),
    filter = at_path("filter"), answer_type = "json_type(x, '$.resps[0][0]')",
    answers = at_path("resps[0]"), metrics = at_path("metrics"),
    temperature = first("1.temperature"), sample = first("1.do_sample"),
    prompt = paste(
      "CASE WHEN json_type(x, '$.arguments.gen_args_0.arg_0') = 'array' THEN",
      "CASE WHEN json_valid(json_extract(x,", chat, ")) THEN",
      "(SELECT CASE count(*) WHEN 1 THEN",
      "max(json_extract(value, '$.content')) ELSE",
      "group_concat(json_extract(value, '$.role') || ': ' ||",
      "json_extract(value, '$.content'), char(10)) END",
      "FROM json_each(json_extract(x,", chat, "))) ELSE json_extract(x,", chat,
      ") END ELSE", first("0"), "END"
    )
  )
}

parse_documents <- function(text, number, file, call) {
  documents <- extract_records(text, lm_eval_fields(), number, file, "line",
                               call)
  documents$answers <- hash_texts(documents$answers)
  answers <- query_json(text, paste(
    "SELECT :i AS i, key AS draw, value AS response FROM",
    "json_each(:x, '$.resps[0]')"
  ))
  # A metric has its value under its own name.
  metrics <- query_json(text, paste(
    "SELECT :i AS i, m.value AS judge, v.type AS type,",
    "CASE v.type WHEN 'real' THEN printf('%!.17g', v.value)",
    "ELSE CAST(v.value AS TEXT) END AS value",
    "FROM json_each(:x, '$.metrics') AS m",
    "JOIN json_each(:x) AS v ON v.key = m.value WHERE m.type = 'text'"
  ))
  list(documents = documents, answers = number_rows(answers, number),
       metrics = number_rows(metrics, number))
}

number_rows <- function(table, number) {
  table$i <- number[as.integer(table$i)]
  table
}

read_lm_eval_file <- function(file, judge, call) {
  found <- stream_lines(file, function(text, number) {
    parse_documents(text, number, file, call)
  }, unwanted_members("doc", "target", "filtered_resps", "target_hash",
                      "prompt_hash"), call)
  documents <- bind_tables(lapply(found, `[[`, "documents"))
  if (is.null(documents) || all(is.na(documents$doc_id))) {
    stop_file(file, "it has no samples of lm-eval", call)
  }
  if (!all(documents$answer_type %in% "text")) {
    stop_file(file, "it has no generated answers (a multiple-choice task?)",
              call)
  }
  # Of several filters the first.
  single <- documents[!duplicated(documents$doc_id), , drop = FALSE]
  take <- function(name) {
    table <- bind_tables(lapply(found, `[[`, name))
    table$at <- match(table$i, single$number)
    table[!is.na(table$at), , drop = FALSE]
  }
  answers <- take("answers")
  metrics <- take("metrics")
  cut <- isTRUE(attr(found, "cut"))
  rm(found)
  forget_copies(answers)
  if (!is.function(judge) && any(duplicated(answers$at))) {
    stop_argument("judge", "must be a function of the responses", fix = paste(
      "A metric of lm-eval is about all answers to a prompt (or the one that",
      "a filter keeps), not about each."
    ), call = call)
  }
  lm_eval_part(file, single, answers, metrics,
               unique(documents$filter), cut)
}

lm_eval_part <- function(file, documents, answers, metrics, filters, cut) {
  at <- answers$at
  about <- lm_eval_about(file)
  # The same answers to the same document are the same run, copied.
  draw <- as.numeric(answers$draw) + 1
  rows <- log_rows(
    file, documents$doc_id[at], answers$response, "ok",
    paste(about$task, about$model, documents$doc_id[at], documents$hash[at],
          documents$answers[at], draw, sep = "\r"),
    prompt = documents$prompt[at], model = about$model, task = about$task,
    order = draw, fixed = why_greedy(documents)[at], row = documents$number[at]
  )
  typed <- typed_scores(metrics$type, metrics$value)
  new_log_part(
    rows, log_scores(match(metrics$at, at), metrics$judge, typed$value,
                     typed$score),
    c(if (length(filters) > 1L) {
      sprintf("Each document is there for %d filters: counted once.",
              length(filters))
    },
    if (cut) "The last line is incomplete: left out.")
  )
}

why_greedy <- function(documents) {
  temperature <- as.numeric(documents$temperature)
  warm <- !is.na(temperature) & temperature > 0
  silent <- is.na(temperature) & !documents$sample %in% "1"
  reason <- ifelse(temperature %in% 0 | documents$sample %in% "0" & !warm,
                   "temperature 0", NA)
  ifelse(silent, "temperature 0, lm-eval's default", reason)
}

# The name of the file tells the task, and the results beside it the model.
lm_eval_about <- function(file) {
  name <- sub("[.]jsonl(|[.]gz)$", "", basename(file))
  pattern <- "^samples_(.*)_([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9.:-]+)$"
  results <- file.path(dirname(file), sub(pattern, "results_\\2.json", name))
  known <- grepl(pattern, name) && file.exists(results)
  header <- if (known) {
    tryCatch(parse_json(clean_json(rawToChar(read_bytes(results)))),
             error = function(e) NULL)
  }
  list(task = sub(pattern, "\\1", name),
       model = header$model_name %||% NA_character_)
}
