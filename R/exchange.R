# Audits that another program carries out: its plan as a file, its draws as
# another.

#' Let another program draw: the plan to a file, its draws from one
#'
#' `write_plan()` writes a plan as CSV, `read_plan()` reads it back, and
#' `read_draws()` joins the draws that any other program made to their plan,
#' checked, as [as_audit()] does with a data frame.
#'
#' The plan's file has one row for each prompt: `id`, `prompt` (or `prompt.x`,
#' `prompt.y` where prompts have several columns), `limit`, the most draws to
#' make, and `stop`, whether to stop at the first unsafe one; then what
#' calibration needs. Prompts with a limit of 0 are not drawn.
#'
#' The file of draws has one row (CSV, with a header) or one object (JSON lines)
#' for each draw, in any order, with the fields
#' * `id`: that of the prompt;
#' * `draw`: 1, 2, ... within the prompt;
#' * `unsafe`: true or false, or 1 or 0; empty (JSON: `null`) where the draw
#'   failed for good, which counts as unsafe there. Of several tries only the
#'   last belongs in the file; what a refusal counts as is up to its author;
#' * `plan_id`, if wanted: the plan's, and it is then checked.
#'
#' Others are ignored. Draws after the first unsafe one of a prompt that stops
#' there are counted in the column `overshoot` and not used; one draw at the
#' horizon itself, `limit + 1`, is accepted. Where draws are still missing at
#' the end of a prompt, the audit is unfinished, with a warning:
#' [calibrate_lpb()] refuses it, [run_audit()] can go on with it, and so can the
#' other program.
#'
#' @param plan An `audit_plan` from [plan_audit()] or [read_plan()].
#' @param file The path of a file. That of a plan is CSV in UTF-8.
#' @param text Whether the prompts themselves are written. Without them the
#'   other program must know them by `id`, and [run_audit()] refuses the plan
#'   that is read back until it has its column `prompt` again.
#' @param overwrite Whether a file that is there already may be replaced: a plan
#'   that draws were paid for is needed to calibrate.
#' @param format `"csv"`, `"jsonl"` (JSON lines, needs the package jsonlite) or
#'   `NULL`, by the end of the file's name: `.csv`, `.jsonl` or `.ndjson`, also
#'   with `.gz`.
#' @returns `write_plan()`: `file`, invisibly. `read_plan()`: the `audit_plan`,
#'   with every number as it was, without the hazard. `read_draws()`: an
#'   `audit`, see [run_audit()].
#' @section Errors: `timetounsafe_error_audit` names the prompt and the rows (in
#'   the field `rows`, without the header): an id that the plan does not have,
#'   draws beyond the horizon, gaps, draws given twice, values that are none.
#'   `timetounsafe_error_plan` when the draws belong to another plan, or the
#'   plan is not whole; `timetounsafe_error_file` when a file cannot be read, or
#'   one that would be written is there already;
#'   `timetounsafe_error_argument`, `timetounsafe_error_unavailable`. Warnings
#'   `timetounsafe_warning_unfinished` and `timetounsafe_warning_failed_draws`.
#' @seealso [as_audit()] for draws in a data frame, or one row for each prompt.
#' @examples
#' set.seed(1)
#' hazard <- as_hazard(function(newx) newx$p)
#' data <- data.frame(p = rep(c(0.02, 0.1), 50))
#' plan <- plan_audit(hazard, paste("prompt", 1:100), data, budget = 10)
#' file <- write_plan(plan, tempfile(fileext = ".csv"))
#'
#' # Somewhere else: every draw of every prompt, here all of them safe
#' todo <- read.csv(file)
#' done <- data.frame(id = rep(todo$id, todo$limit),
#'                    draw = sequence(todo$limit), unsafe = 0)
#' results <- tempfile(fileext = ".csv")
#' write.csv(done, results, row.names = FALSE)
#'
#' # Back home
#' audit <- read_draws(results, read_plan(file))
#' calibrate_lpb(audit, hazard = hazard)
#' @name exchange
NULL

#' @rdname exchange
#' @export
write_plan <- function(plan, file, text = TRUE, overwrite = FALSE) {
  plan <- check_plan(plan)
  check_path(file)
  text <- check_flag(text, "text")
  check_not_there(file, overwrite)
  plan <- flatten_plan(plan, rlang::current_env())
  prompts <- grep("^prompt([.]|$)", names(plan), value = TRUE)
  first <- c("id", prompts, "limit", "stop")
  plan <- plan[c(first, setdiff(names(plan), first))]
  if (!text) {
    plan[prompts] <- NULL
  }
  lines <- do.call(paste, c(lapply(plan, csv_cells), sep = ","))
  header <- paste(csv_cells(names(plan)), collapse = ",")
  con <- file(file, "wb")
  on.exit(close(con))
  writeLines(c(header, lines), con, useBytes = TRUE)
  invisible(file)
}

#' @rdname exchange
#' @export
read_plan <- function(file) {
  check_path(file, exists = TRUE)
  plan <- read_text_csv(file, rlang::current_env())
  for (name in setdiff(names(plan), "prompt")) {
    plan[[name]] <- if (name %in% plan_numbers) {
      suppressWarnings(as.numeric(plan[[name]]))
    } else {
      guess_type(plan[[name]])
    }
  }
  check_plan(plan, "file")
}

#' @rdname exchange
#' @export
read_draws <- function(file, plan, format = NULL) {
  check_path(file, exists = TRUE)
  plan <- check_plan(plan)
  call <- rlang::current_env()
  draws <- switch(
    check_format(format, file),
    csv = read_text_csv(file, call),
    jsonl = read_text_jsonl(file, call)
  )
  draws <- check_draws(draws, plan, call)
  audit <- join_draws(start_audit(plan), draws, match_prompts(draws, plan))
  warn_lacking(audit, call)
  warn_failed_draws(audit, call)
  new_audit(audit)
}

# ---- Files -------------------------------------------------------------------

check_path <- function(file, exists = FALSE, call = rlang::caller_env()) {
  if (missing(file)) {
    stop_missing("file", call)
  }
  if (!is.character(file) || length(file) != 1L || is.na(file)) {
    stop_argument("file", "must be the path of a file", describe(file),
                  call = call)
  }
  found <- if (exists) {
    file.exists(file) && !dir.exists(file)
  } else {
    dir.exists(dirname(file)) && !dir.exists(file)
  }
  if (!found) {
    must <- if (exists) "that exists" else "in a folder that exists"
    stop_argument("file", paste("must be a file", must), describe(file),
                  call = call)
  }
}

check_not_there <- function(file, overwrite, call = rlang::caller_env()) {
  overwrite <- check_flag(overwrite, "overwrite", call = call)
  if (!overwrite && file.exists(file)) {
    stop_classed("file", c(
      sprintf("The file %s exists.", file),
      i = "Name another one, or replace it with overwrite = TRUE."
    ), argument = "file", call = call)
  }
}

check_format <- function(format, file, call = rlang::caller_env()) {
  if (!is.null(format)) {
    return(check_choice(format, c("csv", "jsonl"), "format", call))
  }
  end <- tolower(sub(".*[.]", "", sub("[.]gz$", "", file)))
  switch(end, csv = "csv", jsonl = , ndjson = "jsonl", stop_argument(
    "file", "must end in .csv, .jsonl or .ndjson", describe(basename(file)),
    fix = "Or say which it is: format = \"csv\" or \"jsonl\".", call = call
  ))
}

stop_file <- function(file, problem, call) {
  stop_classed("file", sprintf("The file %s could not be read: %s.", file,
                               sub("[.]$", "", problem)),
               argument = "file", call = call)
}

# All columns as text: a guess at types would turn the id "007" into 7. Rows
# that are too short are an error, as a program that was stopped may leave one.
read_text_csv <- function(file, call) {
  refuse <- function(e) stop_file(file, conditionMessage(e), call)
  table <- tryCatch(
    utils::read.csv(text = read_lines(file), colClasses = "character",
                    fill = FALSE, na.strings = character(), strip.white = FALSE,
                    check.names = FALSE, encoding = "UTF-8"),
    warning = refuse, error = refuse
  )
  table
}

# Without the mark that some programs put before UTF-8.
read_lines <- function(file) {
  lines <- readLines(file, warn = FALSE, encoding = "UTF-8")
  sub("^\ufeff", "", lines)
}

read_text_jsonl <- function(file, call) {
  need_package("jsonlite", "to read JSON lines", call = call)
  lines <- trimws(read_lines(file))
  number <- which(nzchar(lines))
  lines <- lines[number]
  objects <- startsWith(lines, "{") & endsWith(lines, "}")
  array <- paste0("[", paste(lines, collapse = ","), "]")
  parse <- function() jsonlite::fromJSON(array, bigint_as_char = TRUE)
  table <- if (all(objects)) tryCatch(parse(), error = identity)
  if (!is.list(table) || inherits(table, "error")) {
    fine <- objects & vapply(lines, jsonlite::validate, NA)
    stop_file(file, sprintf("line %d is no JSON object", number[!fine][1L]),
              call)
  }
  # Nothing that is wanted is an array, or an object within another.
  table <- as.data.frame(table)
  table <- table[vapply(table, is.atomic, NA)]
  table[] <- lapply(table, as_text)
  table
}

# A table of text is checked, and gets its types.
check_draws <- function(draws, plan, call) {
  if (nrow(draws) == 0L) {
    return(data.frame(id = character(), draw = numeric(), unsafe = logical()))
  }
  absent <- setdiff(c("id", "draw", "unsafe"), names(draws))
  if (length(absent) > 0L) {
    stop_classed("file", c(
      sprintf("`file` lacks the columns %s.", list_names(absent)),
      i = sprintf("It has %s.", list_names(names(draws)))
    ), argument = "file", call = call)
  }
  others <- which(draws$plan_id != plan$plan_id[1L])
  if (length(others) > 0L) {
    stop_classed("plan", sprintf("`file` has draws of another plan (%s).",
                                 name_rows(others)), rows = others, call = call)
  }
  draw <- suppressWarnings(as.numeric(draws$draw))
  refuse_values(is.na(draw) | draw < 1 | draw != floor(draw), draws$draw,
                "draw", "a whole number of at least 1", call)
  unsafe <- parse_unsafe(draws$unsafe)
  failed <- tolower(draws$unsafe) %in% c(NA, "", "na", "nan", "none", "null")
  refuse_values(is.na(unsafe) & !failed, draws$unsafe, "unsafe",
                "true or false, 1 or 0, or empty for a draw that failed", call)
  data.frame(id = draws$id, draw = draw, unsafe = unsafe)
}

# As R, Python and JSON write it.
parse_unsafe <- function(text) {
  number <- suppressWarnings(as.numeric(text))
  verdict <- rep(NA, length(text))
  verdict[tolower(text) %in% c("true", "t") | number %in% 1] <- TRUE
  verdict[tolower(text) %in% c("false", "f") | number %in% 0] <- FALSE
  verdict
}

refuse_values <- function(wrong, values, name, must, call) {
  if (any(wrong)) {
    rows <- which(wrong)
    stop_classed("audit", sprintf(
      "`file` has %s in the column `%s` (%s): it must be %s.",
      describe(values[rows[1L]]), name, name_rows(rows), must
    ), rows = rows, call = call)
  }
}

warn_lacking <- function(audit, call) {
  open <- is.na(audit$status)
  if (any(open)) {
    lacking <- count_lacking(audit)
    warn_classed("unfinished", c(
      sprintf("The audit is unfinished: %s.", lacking),
      i = "Read the file again when it holds them, or go on with run_audit()."
    ), call = call)
  }
}

# ---- Values as text ----------------------------------------------------------

plan_numbers <- c("prob", "horizon", "intensity", "pi", "limit", "order", "u",
                  "budget", "alpha", "delta", "cap", "tau_prior",
                  "weight_limit", "variance", "threshold", "hazard_check", "n",
                  "checksum")

csv_cells <- function(x) {
  if (is.double(x)) {
    return(exact_text(x))
  }
  if (!is.character(x)) {
    return(as.character(x))
  }
  cells <- paste0("\"", gsub("\"", "\"\"", enc2utf8(x), fixed = TRUE), "\"")
  replace(cells, is.na(x), "NA")
}

# As few digits as R needs to read the same number back.
exact_text <- function(x) {
  text <- sprintf("%.15g", x)
  for (digits in 16:17) {
    lossy <- which(suppressWarnings(as.numeric(text)) != x)
    text[lossy] <- sprintf("%.*g", digits, x[lossy])
  }
  text[is.na(x)] <- NA
  text
}

# A type that writes the same text, if there is one.
guess_type <- function(text) {
  value <- utils::type.convert(text, as.is = TRUE)
  same <- as.character(value)
  if (is.double(value)) {
    same <- exact_text(value)
  }
  same[is.na(same)] <- "NA"
  if (identical(same, text)) value else text
}
