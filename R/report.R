# write_report(): one HTML file that can be handed over.

#' Write an HTML report
#'
#' Writes one HTML file about a bound, for whoever has to decide on it: what is
#' guaranteed and under which assumptions, what is not, how long the bounds are,
#' how tau was selected, coverage by predicted hazard, evidence and cost,
#' failures, the riskiest prompts, and what identifies the audit. The file
#' contains its plots and its style, requires no network, runs no script, and
#' can be printed.
#'
#' The text of prompts is left out unless `show_prompts = TRUE`; their ids are
#' shown. (If the ids are confidential, plan with others.) The call that made
#' the bound is shown without values, only names. Responses and error messages
#' are never shown. Whatever comes from prompts, ids, groups and arguments is
#' escaped: it cannot become markup or code.
#'
#' @param lpb An `lpb` from [calibrate_lpb()] or [time_to_unsafe()].
#' @param file Path of the file to write, which ends in `.html`. It has no
#'   default.
#' @param assessment `NULL`, the coverage that `assess_lpb(lpb)` estimates from
#'   the calibration audit itself; or an `lpb_assessment` of this very bound
#'   from [assess_lpb()], on held-out prompts or cross-fitted, to be shown in
#'   its place. That of another bound is refused.
#' @param ledger `NULL`, or the path of the [ledger] that the audit was recorded
#'   in: errors, retries, refusals, cost and latency are then reported. The
#'   numbers of draws and of unsafe responses of each prompt are compared with
#'   those of the audit: the ledger of another run of the same plan, or one
#'   whose responses were judged again for this bound, is refused.
#' @param title The title, a string.
#' @param about `NULL`, or what readers must know and the bound does not hold: a
#'   named vector or list of single values, none missing, such as `c(Model =
#'   "...", Judge = "...", Temperature = 1, Seed = 42)`.
#' @param show_prompts Whether to show the text of the ten riskiest prompts.
#' @param overwrite Whether an existing file may be replaced; with `FALSE`, the
#'   default, it is an error.
#' @param open Whether to open the report in a browser; by default only in
#'   interactive sessions.
#' @param ... Must be empty.
#' @returns The path of the file, invisibly. [plot.lpb()] draws the plots one by
#'   one.
#' @section Errors: `timetounsafe_error_argument`; `timetounsafe_error_file`
#'   when the file exists or cannot be written; `timetounsafe_error_ledger` when
#'   the ledger is of another audit, or of another run of its plan;
#'   `timetounsafe_error_unavailable` when the package rmarkdown, or the program
#'   pandoc that it requires, is missing.
#' @examplesIf rlang::is_installed("rmarkdown") && rmarkdown::pandoc_available()
#' set.seed(1)
#' p <- 10^runif(1000, -3, -1)
#' hazard <- as_hazard(function(newdata) newdata$p)
#' plan <- plan_audit(hazard, as.character(1:1000), budget = 20,
#'                    newdata = data.frame(p))
#' lpb <- calibrate_lpb(simulate_audit(plan, p))
#' write_report(lpb, tempfile(fileext = ".html"),
#'              about = c(Model = "simulated"))
#' @export
write_report <- function(lpb, file, assessment = NULL, ledger = NULL,
                         title = "Bounds on the time to unsafe",
                         about = NULL, show_prompts = FALSE, overwrite = FALSE,
                         open = interactive(), ...) {
  check_no_dots(...)
  check_class(lpb, "lpb", "lpb", "calibrate_lpb()")
  overwrite <- check_flag(overwrite, "overwrite")
  if (missing(file)) {
    stop_missing("file")
  }
  file <- check_report_file(file, overwrite)
  if (!is.null(assessment)) {
    check_own_assessment(assessment, lpb)
  }
  open <- check_flag(open, "open")
  content <- list(
    lpb = lpb, title = check_string(title, "title"),
    about = check_about(about), coverage = assessment %||% assess_lpb(lpb),
    ledger = if (!is.null(ledger)) {
      read_totals(ledger, lpb$audit)
    },
    show_prompts = check_flag(show_prompts, "show_prompts")
  )
  need_pandoc()
  render_report(content, file)
  if (open) {
    utils::browseURL(file)
  }
  invisible(file)
}

# ---- Checks ------------------------------------------------------------------

check_report_file <- function(file, overwrite, call = rlang::caller_env()) {
  file <- path.expand(check_string(file, "file", call))
  if (!grepl("[.]html?$", file, ignore.case = TRUE)) {
    stop_argument("file", "must be a path that ends in .html", describe(file),
                  call = call)
  }
  if (!dir.exists(dirname(file))) {
    stop_argument("file", "must be a path in an existing folder",
                  describe(file), call = call)
  }
  if (dir.exists(file) || file.exists(file) && !overwrite) {
    stop_classed("file", c(
      sprintf("The file %s exists.", file),
      i = "Use another path, or `overwrite = TRUE`."
    ), argument = "file", call = call)
  }
  file
}

# The coverage of another bound would be read as that of this one.
check_own_assessment <- function(assessment, lpb, call = rlang::caller_env()) {
  check_class(assessment, "lpb_assessment", "assessment", "assess_lpb()",
              call = call)
  own <- bound_identity(lpb)
  other <- attr(assessment, "bound")
  fix <- "Supply assess_lpb(lpb, ...), of the bound to report."
  if (is.null(other)) {
    stop_argument("assessment", "must be as assess_lpb() returned it",
                  "one without its bound", fix, call = call)
  }
  same <- mapply(identical, own, other[names(own)])
  if (!all(same)) {
    stop_argument("assessment", "must be that of `lpb`", sprintf(
      "that of a bound with another %s", list_names(names(own)[!same])
    ), fix, call = call)
  }
  # Its rows may be fewer, and in another order.
  changed <- which(!assessment_seals(assessment) %in% attr(assessment, "seal"))
  if (length(changed) > 0L) {
    stop_argument("assessment", "must have rows as assess_lpb() returned them",
                  sprintf("others (%s)", name_rows(changed)), fix, call = call)
  }
}

# A data frame with a row for each thing to know.
check_about <- function(about, call = rlang::caller_env()) {
  if (is.null(about)) {
    return(NULL)
  }
  about <- as.list(about)
  named <- !is.null(names(about)) && !anyNA(names(about)) &&
    all(nzchar(names(about)))
  single <- vapply(about, function(x) is.atomic(x) && length(x) == 1L, NA)
  if (!named || !all(single)) {
    stop_argument("about", "must be a named vector or list of single values",
                  if (named) "a list of longer ones" else "one without names",
                  call = call)
  }
  value <- vapply(about, as_text, "")
  if (anyNA(value)) {
    stop_argument("about", "must not contain missing values", sprintf(
      "NA (for \"%s\")", names(about)[is.na(value)][1L]
    ), fix = "Leave out what is not known, or put it into words.", call = call)
  }
  data.frame(name = names(about), value = value)
}

need_pandoc <- function(call = rlang::caller_env()) {
  need_package("rmarkdown", "to write a report", call = call)
  if (!rmarkdown::pandoc_available("2.0")) {
    stop_unavailable(
      "The program pandoc is required to write a report.",
      "RStudio includes it; or see https://pandoc.org/installing.html.",
      call = call
    )
  }
}

# ---- Rendering ---------------------------------------------------------------

# In its own folder: the package may lie where nobody may write. The
# template sees `content`, and the functions of this package.
render_report <- function(content, file, call = rlang::caller_env()) {
  work <- tempfile("report")
  dir.create(work)
  on.exit(unlink(work, recursive = TRUE))
  parts <- c("report.Rmd", "report.css", "page.html")
  source <- system.file("report", parts, package = "timetounsafe",
                        mustWork = TRUE)
  file.copy(source, work)
  style <- readLines(file.path(work, "report.css"), encoding = "UTF-8")
  head <- file.path(work, "head.html")
  write_utf8(c(html_tag("title", escape_html(content$title)), "<style>",
               style, "</style>"), head)
  made <- rmarkdown::render(
    file.path(work, "report.Rmd"), report_format(work, head),
    output_file = "out.html", quiet = TRUE,
    envir = rlang::new_environment(content, parent = rlang::ns_env())
  )
  if (!file.copy(made, file, overwrite = TRUE)) {
    stop_classed("file", sprintf("The file %s could not be written.", file),
                 argument = "file", call = call)
  }
}

report_format <- function(work, head) {
  rmarkdown::output_format(
    knitr = rmarkdown::knitr_options(opts_chunk = list(
      echo = FALSE, warning = FALSE, message = FALSE, error = FALSE
    )),
    pandoc = rmarkdown::pandoc_options(
      to = "html5", from = "markdown-smart",
      args = c("--standalone", "--wrap=none", "--metadata",
               "pagetitle=report", "--toc", "--toc-depth=2", "--template",
               rmarkdown::pandoc_path_arg(file.path(work, "page.html")),
               rmarkdown::pandoc_include_args(in_header = head))
    )
  )
}
