# Plans as files, for audits that another program carries out.

#' Exchange plans and responses with other programs
#'
#' `write_plan()` writes a plan as CSV, and `read_plan()` reads it back. The
#' responses that any other program draws for it are read by [read_responses()]
#' and joined to the plan by [as_audit()].
#'
#' The plan's file has one row for each prompt: `id`, `prompt` (or `prompt.x`,
#' `prompt.y` where prompts have several columns), `limit`, the most draws to
#' make, and `stop`, whether to stop at the first unsafe one; then what
#' calibration requires; last `column_types`, the types of ids, prompts and
#' columns that you added. Text comes back byte for byte, in UTF-8, in the type
#' that it had. Prompts with a limit of 0 are not drawn.
#'
#' The other program writes one row (CSV, with a header) or one object (JSON
#' lines) for each draw, in any order, with the fields `id`, `draw` and
#' `unsafe`, and `plan_id` if it is to be checked; see [read_responses()] for
#' what else is read. Where draws are still missing, the audit is unfinished,
#' with a warning: [calibrate_lpb()] refuses it; [run_audit()] or the other
#' program can resume it.
#'
#' @param plan An `audit_plan` from [plan_audit()] or [read_plan()].
#' @param file The path of a file. That of a plan is CSV in UTF-8, and is
#'   compressed where its name ends in `.gz`, `.bz2` or `.xz`.
#' @param keep_prompts Whether the prompts themselves are written. Without them
#'   the other program must know them by `id`, and [run_audit()] refuses the
#'   plan that is read back until it has its column `prompt` again.
#' @param overwrite Whether an existing file may be replaced: calibration
#'   requires the plan that draws were paid for.
#' @param ... Must be empty.
#' @returns `write_plan()`: `file`, invisibly. `read_plan()`: the `audit_plan`,
#'   with every number as it was, without the hazard.
#' @section Errors: `timetounsafe_error_plan` when the plan is incomplete or was
#'   changed; `timetounsafe_error_schema` when another version wrote it;
#'   `timetounsafe_error_file` when a file cannot be read, or one that would be
#'   written exists; `timetounsafe_error_argument`.
#' @seealso [read_responses()], [as_audit()]
#' @examples
#' set.seed(1)
#' hazard <- as_hazard(function(newdata) newdata$p)
#' data <- data.frame(p = rep(c(0.02, 0.1), 50))
#' plan <- plan_audit(hazard, paste("prompt", 1:100), 10, data)
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
#' audit <- as_audit(read_responses(results), read_plan(file))
#' calibrate_lpb(audit, hazard = hazard)
#' @export
write_plan <- function(plan, file, keep_prompts = TRUE, overwrite = FALSE,
                       ...) {
  check_no_dots(...)
  plan <- check_plan(plan)
  check_path(file)
  keep_prompts <- check_flag(keep_prompts, "keep_prompts")
  check_not_there(file, overwrite)
  plan <- flatten_plan(plan, rlang::current_env(), factors = TRUE)
  plan$column_types <- NULL
  prompts <- grep("^prompt([.]|$)", names(plan), value = TRUE)
  first <- c("id", prompts, "limit", "stop")
  plan <- plan[c(first, setdiff(names(plan), first))]
  if (!keep_prompts) {
    plan[prompts] <- NULL
  }
  plan$column_types <- rep(column_types(plan), nrow(plan))
  lines <- do.call(paste, c(lapply(plan, csv_cells), sep = ","))
  header <- paste(csv_cells(names(plan)), collapse = ",")
  write_lines(c(header, lines), file)
  invisible(file)
}

#' @rdname write_plan
#' @export
read_plan <- function(file, ...) {
  check_no_dots(...)
  check_path(file, exists = TRUE)
  plan <- read_text_csv(file, rlang::current_env())
  quoted <- attr(plan, "quoted")
  types <- as.list(read_types(plan$column_types))
  plan[] <- Map(field_from_text, names(plan), plan, unname(types[names(plan)]),
                quoted)
  attr(plan, "quoted") <- NULL
  plan$column_types <- NULL
  check_plan(plan, "file")
}
