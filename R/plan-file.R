# Plans as files, for audits that another program carries out.

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
#'   plan is not whole, or was changed; `timetounsafe_error_schema` when another
#'   version wrote it; `timetounsafe_error_file` when a file cannot be read, or
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
#' @order 1
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
  plan[] <- Map(field_from_text, names(plan), plan)
  check_plan(plan, "file")
}
