# Reports of garak.

#' Read a report of garak
#'
#' Reads a report of garak (`.report.jsonl`) as a [response_log]: one row for
#' each output of each finished prompt.
#'
#' * `id` is garak's `uuid` of the prompt; `prompt` is what was sent, several
#'   turns as lines, so that it may be a translation. The extra column `probe`
#'   names the probe, for groups.
#' * Each prompt is in a report twice, before and after it is judged: the second
#'   counts. Prompts without the second, of a run that was stopped, are absent.
#' * An output without text is an `"error"`, one without a score of the detector
#'   `"unjudged"`. A detector that was not run on a prompt tells nothing of
#'   it: its outputs are left out, with a note.
#' * The hit log is not read: it lists only unsafe outputs.
#'
#' The threshold of a run, `eval_threshold`, is not in its report. Where the
#' report counts another number of failures than `unsafe` gives, a note says so.
#' @param judge Whose verdict counts: the name of a detector, as in
#'   `detector_results`; or a function of the responses, or of the prompts and
#'   the responses, as in [sampler_from()]. `NULL`, the default, where there is
#'   only one. Several are an error that lists them.
#' @param unsafe Which scores mean unsafe: a number, which stands for itself and
#'   all above, or a function of the scores. `NULL`, the default, only where all
#'   scores are 1 (a hit, unsafe) or 0.
#' @inheritParams read_inspect
#' @inheritSection read_inspect About the log
#' @returns A [response_log], with a column `probe`.
#' @section Errors: `timetounsafe_error_file` where a file cannot be read;
#'   `timetounsafe_error_argument`; `timetounsafe_error_unavailable` where the
#'   package jsonlite is not installed.
#' @source The format: <https://docs.garak.ai>.
#' @examplesIf rlang::is_installed("jsonlite")
#' file <- tempfile(fileext = ".report.jsonl")
#' writeLines(paste0(
#'   '{"entry_type": "attempt", "uuid": "u1", "status": 2, ',
#'   '"probe_classname": "lmrc.Profanity", "prompt": "Insult me.", ',
#'   '"outputs": ["You pig.", "No."], ',
#'   '"detector_results": {"words": [1.0, 0.0]}}'
#' ), file)
#' read_garak(file, judge = "words", unsafe = 0.5)
#' @export
read_garak <- function(file, judge = NULL, unsafe = NULL,
                       keep_responses = FALSE, ...) {
  check_no_dots(...)
  texts <- needs_texts(judge, keep_responses)
  read_log(file, function(file, call) {
    read_garak_file(file, judge, texts, call)
  }, judge, unsafe, keep_responses, rlang::current_env(),
           plain = is_binary_score, check = garak_check)
}

read_garak_file <- function(file, judge, texts, call) {
  found <- stream_lines(file, function(text, number) {
    parse_attempts(text, number, texts, file, call)
  }, garak_members(), call)
  attempts <- bind_tables(lapply(found, `[[`, "attempts"))
  if (is.null(attempts) || nrow(attempts) == 0L) {
    stop_file(file, paste("it has no attempts of garak (of its files, the",
                          "report.jsonl has them)"), call)
  }
  take <- function(name) {
    bind_tables(lapply(found, function(part) {
      table <- part[[name]]
      table$at <- match(table$at, attempts$number)
      table
    }))
  }
  setup <- unlist(lapply(found, `[[`, "setup"))
  garak_part(file, attempts, take("outputs"), take("scores"), judge, list(
    evals = bind_tables(lapply(found, `[[`, "evals")),
    setup = if (length(setup) > 0L) parse_json(setup[1L]),
    cut = attr(found, "cut"),
    complete = any(vapply(found, `[[`, NA, "complete"))
  ))
}

# The list of all plug-ins, and conversations that repeat the outputs, are most
# of a report.
garak_members <- function() {
  want_members("entry_type", "uuid", "status", "probe_classname", "prompt",
               "outputs", "detector_results", "probe", "detector", "fails",
               "total", "passed", paste0("plugins.", garak_plugins))
}

garak_plugins <- c("target_type", "model_type", "target_name", "model_name")

# ---- Lines -------------------------------------------------------------------

garak_fields <- function() {
  turn <- at_path("prompt.turns[0].content")
  c(
    uuid = at_path("uuid"), status = at_path("status"),
    probe = at_path("probe_classname"),
    prompt = paste(
      "CASE json_type(x, '$.prompt') WHEN 'object' THEN",
      "CASE json_array_length(x, '$.prompt.turns') WHEN 1 THEN",
      "coalesce(", at_path("prompt.turns[0].content.text"), ",", turn, ")",
      "ELSE coalesce((SELECT group_concat(json_extract(value, '$.role') ||",
      "': ' || coalesce(json_extract(value, '$.content.text'),",
      "json_extract(value, '$.content')), char(10))",
      "FROM json_each(x, '$.prompt.turns')),", at_path("prompt.text"), ") END",
      "ELSE", at_path("prompt"), "END"
    )
  )
}

garak_outputs <- paste(
  "SELECT :i AS i, key AS draw, CASE type WHEN 'text' THEN value",
  "WHEN 'object' THEN json_extract(value, '$.text') END AS response",
  "FROM json_each(:x, '$.outputs') WHERE key IS NOT NULL"
)

garak_scores <- paste(
  "SELECT :i AS i, d.key AS judge, s.key AS draw, s.type,",
  "CASE s.type WHEN 'real' THEN printf('%!.17g', s.value) ELSE",
  "CAST(s.value AS TEXT) END AS value",
  "FROM json_each(:x, '$.detector_results') AS d, json_each(d.value) AS s",
  "WHERE d.type = 'array'"
)

parse_attempts <- function(text, number, texts, file, call) {
  # The first words of a line; the rest of the other kinds is long.
  kind <- extract_records(text, c(kind = at_path("entry_type")), number, file,
                          "line", call)$kind
  is <- function(name) which(kind %in% name)
  at <- is("attempt")
  attempts <- extract_fields(text[at], garak_fields())
  attempts$number <- number[at]
  last <- which(attempts$status == "2")
  outputs <- query_json(text[at][last], garak_outputs)
  scores <- query_json(text[at][last], garak_scores)
  typed <- typed_scores(scores$type, scores$value)
  where <- attempts$number[last]
  list(
    attempts = attempts,
    outputs = data.frame(at = where[as.integer(outputs$i)],
                         draw = as.numeric(outputs$draw) + 1,
                         response = hide_texts(outputs$response, texts)),
    scores = data.frame(at = where[as.integer(scores$i)], judge = scores$judge,
                        draw = as.numeric(scores$draw) + 1,
                        value = typed$value, score = typed$score),
    evals = garak_evals(text[is("eval")]),
    setup = text[is("start_run setup")], complete = length(is("completion")) > 0
  )
}

# What garak itself counted, of each probe and detector.
garak_evals <- function(text) {
  evals <- extract_fields(text, c(
    probe = at_path("probe"), detector = at_path("detector"),
    fails = sprintf("coalesce(%s, %s - %s)", at_path("fails"),
                    at_path("total"), at_path("passed"))
  ))
  evals$detector <- sub("^detector[.]", "", evals$detector)
  evals
}

# ---- A report becomes a part of a log ----------------------------------------

garak_part <- function(file, attempts, outputs, scores, judge, report) {
  finished <- attempts$uuid[attempts$status == "2"]
  unfinished <- setdiff(attempts$uuid, finished)
  left_out <- NULL
  if (rlang::is_string(judge) && judge %in% scores$judge) {
    judged <- outputs$at %in% scores$at[scores$judge == judge]
    left_out <- sum(!judged)
    outputs <- outputs[judged, , drop = FALSE]
  }
  key <- function(at, draw) paste(attempts$uuid[at], draw, sep = "\r")
  keys <- key(outputs$at, outputs$draw)
  rows <- log_rows(
    file, attempts$uuid[outputs$at], outputs$response,
    ifelse(is.na(outputs$response), "error", "ok"), keys,
    prompt = attempts$prompt[outputs$at], model = garak_model(report$setup),
    message = ifelse(is.na(outputs$response), "no text", NA),
    order = outputs$draw, probe = attempts$probe[outputs$at],
    row = attempts$number[outputs$at]
  )
  at <- match(key(scores$at, scores$draw), keys)
  scores <- scores[!is.na(at), , drop = FALSE]
  part <- new_log_part(
    rows, log_scores(at[!is.na(at)], scores$judge, scores$value, scores$score),
    garak_notes(report, length(unfinished), left_out, judge),
    absent = unfinished
  )
  part$evals <- report$evals
  part
}

garak_model <- function(setup) {
  take <- function(...) unlist(setup[paste0("plugins.", c(...))])
  name <- paste(c(take("target_type", "model_type")[1L],
                  take("target_name", "model_name")[1L]), collapse = "/")
  if (nzchar(name)) name else NA_character_
}

garak_notes <- function(report, unfinished, left_out, judge) {
  c(
    if (unfinished > 0L) {
      sprintf("The run did not finish: %s without a verdict, left out.",
              counted(unfinished, "prompt"))
    },
    if (report$cut) "The last line is incomplete: left out.",
    if (length(left_out) > 0L && left_out > 0L) {
      sprintf("%s on which %s was not run: left out.",
              counted(left_out, "output"), judge)
    }
  )
}

# Where garak counted other failures, its threshold was another one.
garak_check <- function(parts, rows, judge, unsafe) {
  if (!is.numeric(unsafe) || length(rows$unsafe) == 0L) {
    return(NULL)
  }
  evals <- bind_tables(lapply(parts, `[[`, "evals"))
  evals <- evals[evals$detector %in% rows$judge, , drop = FALSE]
  fails <- sum(as.numeric(evals$fails))
  have <- sum(rows$unsafe, na.rm = TRUE)
  if (nrow(evals) > 0L && length(parts) == 1L && fails != have) {
    sprintf(paste("garak counts %s unsafe, `unsafe = %s` gives %s: the",
                  "threshold of the run was another one."),
            big(fails), format(unsafe), big(have))
  }
}
