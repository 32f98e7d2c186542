# Responses in files or tables of others, read into a response_log: which draw
# each one is, what its verdict means, and what became of it.

#' Read responses that another program drew
#'
#' Reads responses from CSV, JSON lines or Parquet, one for each row or object,
#' as a [response_log]. [as_audit()] joins them to their plan.
#'
#' These fields are read, others are ignored:
#' * `id`: that of the prompt (required);
#' * `draw`: 1, 2, ... within the prompt. Without it, draws are numbered in the
#'   order of the files and their rows;
#' * `unsafe`: true or false, or 1 or 0; empty (JSON: `null`) where the draw
#'   failed permanently. Of several attempts at a draw only the last belongs in
#'   the file;
#' * `status`: one of those of a [response_log]; without it, `"ok"` where there
#'   is a verdict;
#' * `plan_id`: that of the plan, which [as_audit()] then checks;
#' * `prompt`, `response`, `score`, `truncated`, `model`, `judge`, `cost`,
#'   `latency`, `message`.
#'
#' A response that occurs twice, with the same `id`, `draw` and content, is
#' counted once, and `print()` says how many there were. Two that differ are an
#' error of [as_audit()].
#'
#' @param file The path of a file, or several.
#' @param format `"csv"`, `"jsonl"` (JSON lines, requires the package jsonlite),
#'   `"parquet"` (requires nanoparquet) or `NULL`, by the end of the file's
#'   name: `.csv`, `.jsonl` or `.ndjson`, also with `.gz`, or `.parquet`.
#' @param judge `NULL`: verdicts are in the column `unsafe`. Or the name of the
#'   column that contains them. Or a function of the responses, or of the
#'   prompts and the responses, as in [sampler_from()], that judges them again.
#' @param unsafe Which verdicts mean unsafe: `NULL` for true, 1, T; or one or
#'   several values (`unsafe = "I"`); a number, which stands for itself and all
#'   above; or a function of the verdicts that returns a logical vector. Empty
#'   verdicts stay without outcome.
#' @param keep_responses Whether the text of the responses is kept, in a column
#'   `response`. `FALSE` by default.
#' @param ... Must be empty.
#' @returns A [response_log].
#' @section Errors: `timetounsafe_error_file` where a file cannot be read or has
#'   no column that is required; `timetounsafe_error_audit` for values that
#'   cannot be used, with their `rows` (without the header);
#'   `timetounsafe_error_argument`, `timetounsafe_error_unavailable`.
#' @seealso [read_inspect()], [read_garak()], [read_promptfoo()] and
#'   [read_lm_eval()] for logs of these tools, [write_plan()] for the other
#'   direction, [as_response_log()] for data
#'   frames.
#' @examples
#' file <- tempfile(fileext = ".csv")
#' writeLines(c("id,verdict", "a,C", "a,I", "b,C", "b,"), file)
#' read_responses(file, judge = "verdict", unsafe = "I")
#' @export
read_responses <- function(file, format = NULL, judge = NULL, unsafe = NULL,
                           keep_responses = FALSE, ...) {
  check_no_dots(...)
  call <- rlang::current_env()
  tables <- read_tables(file, format, call)
  make_log(tables, judge, unsafe, keep_responses, "file", call)
}

#' @rdname response_log
#' @export
as_response_log <- function(x, ...) UseMethod("as_response_log")

#' @rdname response_log
#' @export
as_response_log.response_log <- function(x, ...) x

#' @rdname response_log
#' @export
as_response_log.data.frame <- function(x, judge = NULL, unsafe = NULL,
                                       keep_responses = FALSE, ...) {
  check_no_dots(...)
  call <- rlang::current_env()
  x <- as.data.frame(x)
  x <- x[vapply(x, function(column) {
    is.atomic(column) && is.null(dim(column))
  }, NA)]
  if (is.null(x$source)) x$source <- rep(NA_character_, nrow(x))
  x$row <- seq_len(nrow(x))
  make_log(x, judge, unsafe, keep_responses, "x", call)
}

#' @rdname response_log
#' @export
as_response_log.default <- function(x, ...) {
  stop_argument("x", "must be a data frame", describe(x))
}

# ---- Files -------------------------------------------------------------------

check_files <- function(file, call) {
  if (missing(file)) {
    stop_missing("file", call)
  }
  if (!is.character(file) || length(file) == 0L) {
    stop_argument("file", "must contain paths of files", describe(file),
                  call = call)
  }
  if (anyDuplicated(file) > 0L) {
    stop_argument("file", "must not contain duplicates",
                  describe(file[anyDuplicated(file)]), call = call)
  }
  for (path in file) check_path(path, exists = TRUE, call = call)
  file
}

# One table of all files, with the columns `source` and `row`.
read_tables <- function(file, format, call) {
  file <- check_files(file, call)
  tables <- lapply(file, read_responses_of, format = format, call = call)
  tables <- Filter(function(table) nrow(table) > 0L, tables)
  counted <- vapply(tables, function(table) "draw" %in% names(table), NA)
  if (any(counted) && !all(counted)) {
    stop_classed("file", c(
      "Only some of the files have a column `draw`.",
      i = "Without it, draws are numbered: read those files by themselves."
    ), argument = "file", call = call)
  }
  columns <- unique(unlist(lapply(tables, names)))
  tables <- lapply(tables, function(table) {
    table[setdiff(columns, names(table))] <- rep(NA_character_, nrow(table))
    table[columns]
  })
  if (length(tables) > 0L) do.call(rbind, tables) else data.frame()
}

read_responses_of <- function(file, format, call) {
  table <- switch(
    check_format(format, file, call),
    csv = read_text_csv(file, call),
    jsonl = read_text_jsonl(file, call),
    parquet = read_parquet(file, call)
  )
  table$source <- rep(file, nrow(table))
  table$row <- seq_len(nrow(table))
  table
}

# ---- A table becomes a log ---------------------------------------------------

make_log <- function(table, judge, unsafe, keep_responses, arg, call) {
  keep_responses <- check_flag(keep_responses, "keep_responses", call = call)
  check_verdict_rule(unsafe, call)
  table <- as.data.frame(table)
  from <- list(arg = arg, row = table$row, call = call)
  if (nrow(table) == 0L) {
    table <- data.frame(id = character(), draw = numeric(),
                        unsafe = logical(), source = character(),
                        row = numeric())
    if (!is.function(judge)) judge <- NULL
  }
  require_columns(table, "id", from)
  id <- as_text(table$id)
  refuse_cells(is.na(id) | !nzchar(id), id, "id", "that of a prompt", from)
  check_readable(table, judge, keep_responses, from)
  numbered <- !"draw" %in% names(table)
  table$draw <- if (numbered) {
    number_within(id)
  } else {
    read_draw(table$draw, from)
  }
  table$id <- id
  single <- if (numbered) {
    rep(TRUE, nrow(table))
  } else {
    !is_repeated(table, c("source", "row"))
  }
  table <- table[single, , drop = FALSE]
  from$row <- table$row
  log <- log_columns(table, judge, unsafe, from)
  if (keep_responses) {
    log$response <- text_cells(table$response, nrow(table))
  }
  new_response_log(log, duplicates = sum(!single),
                   numbered = numbered && nrow(table) > 0L)
}

log_columns <- function(table, judge, unsafe, from) {
  n <- nrow(table)
  text <- function(name) text_cells(table[[name]], n)
  judged <- judge_rows(table, judge, unsafe, from)
  status <- read_status(table, judged, from)
  log <- data.frame(
    id = table$id, prompt = text("prompt"), draw = as.double(table$draw),
    unsafe = replace(judged$unsafe, status != "ok", NA), status = status,
    truncated = read_truncated(table$truncated, n, from),
    score = judged$score %||% read_numbers(table, "score", from),
    model = text("model"), judge = judged$judge %||% text("judge"),
    source = text("source"), row = as.double(table$row)
  )
  for (name in intersect(c("cost", "latency"), names(table))) {
    log[[name]] <- read_numbers(table, name, from)
  }
  for (name in intersect(c("message", "plan_id"), names(table))) {
    log[[name]] <- text(name)
  }
  log
}

# The text that is read, of the columns that are.
check_readable <- function(table, judge, keep_responses, from) {
  responses <- keep_responses || is.function(judge)
  used <- c(setdiff(names(log_types), c("source", "row")), "plan_id", "message",
            if (responses) "response", if (is.character(judge)) judge)
  for (name in intersect(used, names(table))) {
    column <- table[[name]]
    if (is.character(column)) {
      refuse_cells(!validUTF8(to_utf8(column)), column, name,
                   "readable text, in UTF-8", from)
    }
  }
}

require_columns <- function(table, wanted, from) {
  absent <- setdiff(wanted, names(table))
  if (length(absent) > 0L) {
    known <- setdiff(names(table), c("source", "row", "draw"))
    stop_classed(if (from$arg == "file") "file" else "argument", c(
      sprintf("`%s` has no columns %s.", from$arg, list_names(absent)),
      i = if (length(known) > 0L) sprintf("It has %s.", list_names(known))
    ), argument = from$arg, call = from$call)
  }
}

# 1, 2, ... among equal values, in their order.
number_within <- function(x) {
  at <- match(x, unique(x))
  order <- order(at)
  number <- numeric(length(x))
  number[order] <- sequence(tabulate(at))
  number
}

read_draw <- function(draw, from) {
  number <- suppressWarnings(as.numeric(as_text(draw)))
  refuse_cells(is.na(number) | number < 1 | number != floor(number), draw,
               "draw", "a whole number of at least 1", from)
  number
}

# Rows with the same content as an earlier one.
is_repeated <- function(table, but) {
  again <- duplicated(paste(table$id, table$draw, sep = "\r"))
  if (any(again)) {
    again <- again & duplicated(table[setdiff(names(table), but)])
  }
  again
}

# ---- Verdicts ----------------------------------------------------------------

# list(unsafe, empty, score, judge): `empty` is the status of a row without a
# verdict where it does not say so itself.
judge_rows <- function(table, judge, unsafe, from) {
  if (is.function(judge)) {
    check_judge(judge, from$call)
    require_columns(table, "response", if (nrow(table) > 0L) from else
      list(arg = from$arg, call = from$call))
    n <- nrow(table)
    given <- lower_ascii(as_text(table$status %||% rep("ok", n)))
    return(judge_log(text_cells(table$prompt, n),
                     text_cells(table$response, n),
                     replace(given, is_blank(given), "ok"), judge, unsafe,
                     from))
  }
  if (!is.null(judge) && !rlang::is_string(judge)) {
    stop_argument("judge", "must be the name of a column, a function or NULL",
                  describe(judge), call = from$call)
  }
  name <- judge %||% "unsafe"
  require_columns(table, name, from)
  value <- table[[name]]
  list(
    unsafe = read_verdicts(value, unsafe, name, from),
    empty = rep(if (is.null(judge)) "error" else "unjudged", nrow(table)),
    score = if (is.numeric(unsafe) && !"score" %in% names(table)) {
      suppressWarnings(as.numeric(as_text(value)))
    },
    judge = if (!is.null(judge)) rep(judge, nrow(table))
  )
}

# Responses that failed, or were refused, are not judged.
judge_log <- function(prompt, response, status, judge, unsafe, from) {
  call <- from$call
  n <- length(response)
  ask <- which(!is.na(response) & status == "ok")
  result <- list(unsafe = rep(NA, n),
                 empty = ifelse(is.na(response), "error", "unjudged"),
                 judge = rep("function", n))
  if (length(ask) == 0L) {
    return(result)
  }
  value <- tryCatch(
    if (wants_prompts(judge)) judge(prompt[ask], response[ask]) else
      judge(response[ask]),
    error = function(e) {
      stop_argument("judge", "failed", fix = conditionMessage(e), parent = e,
                    call = call)
    }
  )
  if (is.data.frame(value)) {
    if (is.numeric(value$score) && nrow(value) == length(ask)) {
      result$score <- replace(rep(NA_real_, n), ask, value$score)
    }
    value <- value$unsafe
  }
  wrong <- length(value) != length(ask) || !is.atomic(value) ||
    (is.null(unsafe) && !is.logical(value))
  if (wrong) {
    stop_argument("judge", sprintf("must return %d %svalues", length(ask),
                                   if (is.null(unsafe)) "logical " else ""),
                  describe(value), call = call)
  }
  at <- list(arg = from$arg, row = from$row[ask], call = call)
  result$unsafe[ask] <- read_verdicts(value, unsafe, "judge", at)
  result
}

check_verdict_rule <- function(unsafe, call) {
  fine <- is.null(unsafe) || is.function(unsafe) ||
    (is.numeric(unsafe) && length(unsafe) == 1L && !is.na(unsafe)) ||
    (is.logical(unsafe) && length(unsafe) == 1L && !is.na(unsafe)) ||
    (is.character(unsafe) && length(unsafe) > 0L && !anyNA(unsafe))
  if (!fine) {
    stop_argument("unsafe", "must be values, a number, a function or NULL",
                  describe(unsafe), call = call)
  }
}

# TRUE, FALSE, and NA where there is no verdict.
read_verdicts <- function(value, rule, name, from) {
  text <- as_text(value)
  blank <- is_blank(text)
  if (is.function(rule)) {
    typed <- is.numeric(value) || is.logical(value)
    verdict <- rule(if (typed) value else
      utils::type.convert(value, as.is = TRUE))
    if (!is.logical(verdict) || length(verdict) != length(value)) {
      stop_argument("unsafe", sprintf("must return %d logical values",
                                      length(value)),
                    describe(verdict), call = from$call)
    }
    return(replace(verdict, blank, NA))
  }
  if (is.numeric(rule)) {
    number <- suppressWarnings(as.numeric(text))
    refuse_cells(is.na(number) & !blank, text, name, "a number, or empty",
                 from)
    return(number >= rule)
  }
  if (is.character(rule)) {
    return(replace(text %in% rule, blank, NA))
  }
  verdict <- parse_unsafe(text)
  refuse_cells(is.na(verdict) & !blank, text, name, paste(
    "true or false, 1 or 0, or empty for a draw that failed"
  ), from)
  if (isFALSE(rule)) !verdict else verdict
}

read_status <- function(table, judged, from) {
  silent <- rep("ok", nrow(table))
  silent[is.na(judged$unsafe)] <- judged$empty[is.na(judged$unsafe)]
  if (!"status" %in% names(table)) {
    return(silent)
  }
  given <- lower_ascii(as_text(table$status))
  blank <- is_blank(given)
  refuse_cells(!blank & !given %in% log_statuses, given, "status",
               paste("one of", list_names(log_statuses, 6L)), from)
  status <- replace(given, blank, silent[blank])
  status[status == "ok" & is.na(judged$unsafe)] <- "unjudged"
  status
}

# ---- Cells -------------------------------------------------------------------

is_blank <- function(text) {
  is.na(text) | lower_ascii(text) %in% c("", "na", "nan", "none", "null")
}

text_cells <- function(x, n) {
  if (is.null(x)) {
    return(rep(NA_character_, n))
  }
  text <- as_text(x)
  replace(text, !nzchar(text), NA)
}

read_truncated <- function(x, n, from) {
  if (is.null(x)) {
    return(rep(NA, n))
  }
  text <- as_text(x)
  value <- parse_unsafe(text)
  refuse_cells(is.na(value) & !is_blank(text), text, "truncated",
               "true or false, or empty", from)
  value
}

read_numbers <- function(table, name, from) {
  x <- table[[name]]
  if (is.null(x)) {
    return(rep(NA_real_, nrow(table)))
  }
  if (is.numeric(x)) {
    call <- from$call
    return(as.double(plain_numbers(x, paste0(from$arg, "$", name), call)))
  }
  text <- as_text(x)
  number <- suppressWarnings(as.numeric(text))
  refuse_cells(is.na(number) & !is_blank(text), text, name,
               "a number, or empty", from)
  number
}

refuse_cells <- function(wrong, values, name, must, from) {
  refuse_values(wrong, values, name, must, from$call, from$row, from$arg)
}
