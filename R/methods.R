# What the methods of all classes share: their help pages, the page that print()
# and knit_print() show, tables, and how plots look. print() says what matters,
# summary() returns what it leaves out.

# ---- Help pages --------------------------------------------------------------

#' Summaries
#'
#' What `print()` leaves out: for plans, audits and bounds a data frame of one
#' row, the same as [glance()][tidiers]; for a hazard fit a list that prints.
#'
#' @param object,x A `hazard_fit`, `audit_plan`, `audit`, `prompt_draws` or
#'   `lpb`.
#' @param price Price of one draw, a number of at least 0 in any currency: adds
#'   the cost of the plan. `NULL`, the default, adds nothing.
#' @param ... For `summary()` of a hazard fit and `print()`: ignored; otherwise
#'   must be empty.
#' @returns For `hazard_fit` a list of class `summary.hazard_fit`: `fit` (the
#'   object), `edf` (effective degrees of freedom), `penalty`, `dispersion`,
#'   `iterations`, `converged`, `precision` (see [fit_hazard()]) and, for the
#'   glm engine, two data frames: `smooths`, the smooth terms, with the number
#'   of knots, the penalty and the effective degrees of freedom that were
#'   selected; and `interactions`, the products of two features that were
#'   selected, with their effect and score statistic. For the others the row of
#'   [glance()][tidiers].
#' @name summaries
#' @order 1
#' @examples
#' set.seed(1)
#' p <- 10^runif(200, -3, -1)
#' hazard <- as_hazard(function(newdata) newdata$p)
#' plan <- plan_audit(hazard, as.character(1:200), budget = 10,
#'                    newdata = data.frame(p))
#' summary(plan)
#' print(plan, price = 0.002)
NULL

#' Tidy data frames
#'
#' Methods for broom's generics. `tidy()` returns the table that an object is
#' about, `glance()` one row of numbers about it, `augment()` a row for each
#' prompt.
#'
#' @param x An object of this package.
#' @param data For an `lpb`: a data frame (or matrix, or text) of the
#'   calibration prompts, to which columns are added: by their ids where it has
#'   a column `id` with these, and otherwise in their order; `NULL`, the
#'   default, takes their ids.
#' @param newdata Features of other prompts, in the form that the hazard was
#'   trained on.
#' @param groups For an `lpb` calibrated within groups: the group of each row of
#'   `newdata`, see [predict.lpb()].
#' @param screened For an `lpb` whose prompts were screened: the screening draws
#'   of the prompts of `newdata`, see [predict.lpb()].
#' @param price For plans: price of a draw, see [summaries].
#' @param ... Must be empty.
#' @returns Plain data frames. (Those of a hazard fit: [tidy.hazard_fit()].)
#' * `tidy()` of an `audit_plan`, `audit`, `prompt_draws`, `risk_estimate`,
#'   `risk_forecast`, `risk_backtest`, `lpb_assessment`, `budget_advice` or
#'   `simulated_study`: the table itself; of plans and audits without the
#'   constants of the plan.
#' * `tidy(lpb)`: the estimated miscoverage: `tau` and `estimate`, which holds
#'   just above it; with groups for each, after a column `group`.
#' * `glance(lpb)`: `design`, `alpha`, `delta` and `certificate` (its kind),
#'   both `NA` for a marginal guarantee, `tau`, `tau_marginal` (selected for a
#'   marginal guarantee), `tau_max`, `at_tau_max`, `cap`, `max_weight` (the
#'   largest weight that the design can give), `trivial`, `nobs`, `n_included`,
#'   `nevent` (prompts with an unsafe draw), `n_refused` (draws that were
#'   refused; `NA` where not known), `ess`, `draws_planned`,
#'   `draws_made`, `draws_unused`, `n_failed` (prompts with draws that failed
#'   permanently), `failed` (what these count as) and `n_groups`, 0 without
#'   groups. With groups `tau` and `tau_marginal` are `NA`, `at_tau_max` is
#'   whether any group reached `tau_max`, and `trivial` whether all are;
#'   `x$groups` has a row for each. `certificate` is also `NA` where no prompt
#'   was included.
#' * `glance(audit_plan)`: `design`, `budget`, `tau_max`, `cap`, `nobs`,
#'   `n_included`, `draws_max`, `draws_expected` (if the hazard is right) and,
#'   with a `price`, `cost_max` and `cost_expected`. Retries and draws made
#'   ahead come in addition.
#' * `glance(audit)`, `glance(prompt_draws)`: `nobs`, `n_finished`, `draws`,
#'   `unsafe`, `nevent`, `draws_unused`, `n_failed`, `n_refused` and
#'   `n_truncated` (draws; `NA` where not known).
#' * `glance(risk_estimate)`: `nobs`, `n_included`, `draws`, `n_refused` (draws
#'   that were refused; `NA` where not known), `n_groups`, the
#'   unsafe rate per draw of all prompts (`estimate`, `std.error`, `conf.low`,
#'   `conf.high`, `conf.level`, `basis`) and `k_design`, the largest
#'   design-based `k`.
#' * `glance(risk_forecast)`: `model`, `nobs` (prompts), `n_drawn` (those with
#'   draws), `draws`, `unsafe`, `n_refused`, `draws_max` (most draws of a
#'   prompt), `n_groups` and `share_unseen`, the share of prompts with fitted
#'   hazards below 1 in `draws_max`.
#' * `glance(risk_backtest)`: `share`, `repetitions`, `nobs`, `draws`,
#'   `n_refused`, `draws_seen` and `draws_seen_max` (most of a prompt), by the
#'   forecasts, and `k_max`.
#' * `glance(lpb_assessment)`: the row of all prompts (there must be just one),
#'   without `by` and `group`, and `n_bins`, `n_groups`.
#' * `glance(budget_advice)`: `alpha`, `delta`, `n_settings` (rows),
#'   `n_certifiable` (rows with at least `n_min` prompts), `gmean_bound` (the
#'   largest of them) and the `n` and `budget` it takes.
#' * `glance(simulated_study)`: `n_runs`, `n_cells`, `repetitions`, `n`
#'   (prompts), `resample`, `seed`.
#' * `augment(lpb)`: the given columns (text as column `prompt`), then `.prob`,
#'   the hazard, `.group` where there are groups, and `.pred_lower`, the bound.
#'   Without `data` and `newdata` the calibration prompts' `id` comes first.
#' @section Errors: `timetounsafe_error_argument`.
#' @name tidiers
#' @order 1
#' @examples
#' set.seed(1)
#' p <- 10^runif(1000, -3, -1)
#' hazard <- as_hazard(function(newdata) newdata$p)
#' plan <- plan_audit(hazard, as.character(1:1000), budget = 20,
#'                    newdata = data.frame(p))
#' glance(plan)
#' lpb <- calibrate_lpb(simulate_audit(plan, p))
#' glance(lpb)
#' head(tidy(lpb))
#' head(augment(lpb))
#' head(augment(lpb, newdata = data.frame(p = c(0.001, 0.01))))
NULL

#' Plots of fits, plans and audits
#'
#' * `hazard_fit`: observed share of unsafe draws against the fitted hazard, in
#'   bins of equal size, with 95% intervals.
#' * `audit_plan`: inclusion probability against the quantile at `tau_max`.
#' * `audit`, `prompt_draws`: draws made of each prompt against its limit.
#' * `budget_advice`: geometric mean of the bounds against the draws.
#'
#' Plots of a bound: [plot.lpb()].
#'
#' @param x,object An object of this package.
#' @param bins For `hazard_fit`: number of bins of equal size by fitted hazard,
#'   a whole number of at least 2.
#' @param ... For `plot()`: passed to [graphics::plot.default()]. For
#'   `autoplot()`: must be empty.
#' @returns `plot()` draws and returns `x`, invisibly; `autoplot()` returns a
#'   ggplot object.
#' @section Errors: `timetounsafe_error_unavailable` when ggplot2 is not
#'   installed.
#' @name plots
#' @order 1
#' @examples
#' set.seed(1)
#' p <- 10^runif(1000, -3, -1)
#' hazard <- as_hazard(function(newdata) newdata$p)
#' plan <- plan_audit(hazard, as.character(1:1000), budget = 20,
#'                    newdata = data.frame(p))
#' plot(plan)
#' plot(simulate_audit(plan, p))
NULL

#' Objects in documents
#'
#' In a knitr document objects show what `print()` shows: lines of text, and
#' tables as tables of the document. `print(x)` in a chunk gives the plain text.
#'
#' @param x An object of this package.
#' @param ... Ignored.
#' @returns An object of class `knit_asis`, see [knitr::asis_output()].
#' @section Errors: `timetounsafe_error_unavailable` when knitr is not
#'   installed.
#' @name knit_prints
#' @order 1
#' @examplesIf rlang::is_installed("knitr")
#' plan <- plan_audit(as_hazard(function(newdata) newdata$p),
#'                    as.character(1:100), budget = 20,
#'                    newdata = data.frame(p = rep(0.01, 100)))
#' knitr::knit_print(plan)
NULL

# ---- How objects show themselves ---------------------------------------------

# What print() and knit_print() show: lines of text, a table (or none) and lines
# below it. `more` says of what there is more than the rows shown; `spread`
# takes the rows evenly from all, not from the top.
new_page <- function(top = NULL, table = NULL, bottom = NULL, more = "rows",
                     spread = FALSE, whole = FALSE) {
  list(top = top, table = table, bottom = bottom, more = more, spread = spread,
       whole = whole)
}

# Refused draws and those that were cut, where there are any.
asides_line <- function(x) {
  number <- c(refused = sum_known(x[["refused"]]),
              "cut at the token limit" = sum_known(x[["truncated"]]))
  number <- number[number > 0]
  if (length(number) > 0L) {
    line <- paste(names(number), vapply(number, counted, "", "draw"),
                  sep = ": ", collapse = "; ")
    sub("^(.)", "\\U\\1", line, perl = TRUE)
  }
}

sum_known <- function(count) sum(count, na.rm = TRUE)

# " (3 refused)", behind a number of draws.
refused_note <- function(n) {
  if (sum_known(n) > 0) sprintf(" (%s refused)", big(n)) else ""
}

# What has lost its columns is a table like any other.
plain_page <- function(x) new_page(table = plain_table(x), whole = TRUE)

# On a page of 15 lines and 80 columns, or with as many rows as are asked for.
show_page <- function(page, digits = 3, max_rows = NULL, ...) {
  page <- page_in_sight(page)
  page$top <- fold_lines(page$top)
  page$bottom <- fold_lines(page$bottom)
  writeLines(page$top)
  if (page$whole) {
    print(page$table, ...)
  } else if (!is.null(page$table)) {
    page <- fit_page(page, digits, max_rows)
    print(page$table, digits = digits, row.names = FALSE, ...)
    writeLines(page$notes)
  }
  writeLines(page$bottom)
}

# Ids and names of groups may be made to be acted upon.
page_in_sight <- function(page) {
  page$top <- show_text(as.character(page$top), keep = "\n")
  page$bottom <- show_text(as.character(page$bottom), keep = "\n")
  if (is.data.frame(page$table)) {
    page$table <- show_columns(page$table)
  }
  page
}

fold_lines <- function(text) strwrap(as.character(text), 81, exdent = 2)

fit_page <- function(page, digits = 3, max_rows = NULL, width = 80) {
  table <- page$table
  room <- max_rows %||% max(1, 14 - length(page$top) - length(page$bottom))
  n <- nrow(table)
  wide <- table_width(table, digits) > width
  if (is.null(max_rows)) {
    room <- room - any(wide)
    room <- if (n > room) max(1, room - 1) else room
  }
  at <- if (page$spread) {
    unique(round(seq(1, n, length.out = min(n, room))))
  } else {
    seq_len(min(n, room))
  }
  page$table <- table[at, !wide, drop = FALSE]
  page$notes <- as.character(c(
    if (length(at) < n) {
      sprintf("... and %s more %s", big(n - length(at)), page$more)
    },
    if (any(wide)) {
      sprintf("... and %s: %s", counted(sum(wide), "more column"),
              shorten(paste(names(table)[wide], collapse = ", "), 50L))
    }
  ))
  page
}

# How far each column of a printed table reaches.
table_width <- function(table, digits) {
  cells <- as.matrix(format(table, digits = digits))
  cumsum(1 + pmax(nchar(names(table), "width"),
                  apply(nchar(cells, "width"), 2L, max, 0)))
}

# The same in a document: the table is one of the document, with all columns.
knit_page <- function(page, max_rows = NULL) {
  need_package("knitr", "to show this in a document")
  page <- page_in_sight(page)
  lines <- function(text) {
    text <- gsub("([][\\\\`*_<>$#|~^])", "\\\\\\1", text)
    if (length(text) > 0L) c(paste0(text, "  "), "")
  }
  if (!is.null(page$table)) {
    page <- fit_page(page, max_rows = max_rows %||% 20, width = Inf)
    numbers <- vapply(page$table, is.numeric, NA)
    cells <- format(page$table, digits = 3)
    rownames(cells) <- NULL
    page$table <- c(knitr::kable(
      cells, "pipe", row.names = FALSE, align = ifelse(numbers, "r", "l")
    ), "")
  }
  knitr::asis_output(paste(c(
    "", lines(page$top), page$table, lines(page$notes), lines(page$bottom)
  ), collapse = "\n"))
}

# ---- Tables ------------------------------------------------------------------

# A data frame and no more: without a class or attributes of our own.
plain_table <- function(x) {
  attributes(x) <- list(names = names(x), class = "data.frame",
                        row.names = .set_row_names(nrow(x)))
  x
}

# What was given to augment(), as columns: text as `prompt`.
given_columns <- function(x) {
  if (is.character(x) || is.factor(x)) {
    return(data.frame(prompt = as.character(x)))
  }
  if (is.data.frame(x)) {
    return(plain_table(x))
  }
  if (length(dim(x)) == 2L) {
    return(as.data.frame(as.matrix(x)))
  }
  data.frame(x = as.vector(x))
}

# ---- How plots look ----------------------------------------------------------

# Blue and orange of the Okabe-Ito palette: distinct for everybody, and in
# print.
ink <- c(main = "#0072B2", mark = "#D55E00", faint = "grey70")

# A scatter plot whose every setting the user can replace.
draw_points <- function(defaults, ...) {
  common <- list(pch = 16, las = 1, bty = "l",
                 col = grDevices::adjustcolor(ink[["main"]], 0.4))
  settings <- utils::modifyList(utils::modifyList(common, defaults), list(...))
  do.call(graphics::plot.default, settings)
}

# The colours and shapes of what happened to prompts, in base graphics too.
outcome_labels <- c("no unsafe draw", "unsafe draw")

# Prompts as points on log scales, coloured by their outcome.
outcome_points <- function() {
  list(
    ggplot2::geom_point(alpha = 0.5),
    ggplot2::scale_x_log10(),
    ggplot2::scale_y_log10(),
    ggplot2::scale_colour_manual(values = unname(ink[c("main", "mark")]),
                                 drop = FALSE)
  )
}

lpb_theme <- function() {
  ggplot2::theme_bw(base_size = 11) +
    ggplot2::theme(legend.position = "top",
                   panel.grid.minor = ggplot2::element_blank())
}
