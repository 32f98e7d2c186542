# How an lpb looks in words and tables: print, summary, tidy, glance, augment.

#' @export
print.lpb <- function(x, ...) {
  check_schema("lpb", x$schema, "The bound", rlang::current_env())
  show_page(lpb_page(x), ...)
  invisible(x)
}

#' @rdname knit_prints
#' @exportS3Method knitr::knit_print
knit_print.lpb <- function(x, ...) knit_page(lpb_page(x))

lpb_page <- function(x) {
  bound <- calibration_bound(x)
  new_page(
    c(
      sprintf("<lpb> %s lower predictive bound on draws until the %s",
              target(x$alpha), "first unsafe response"),
      sprintf("%s, calibrated on %s (%s included, %s with an unsafe draw)",
              tau_text(x), counted(x$nobs, "prompt"), big(x$n_included),
              big(x$nevent)),
      sprintf("Bounds of the calibration prompts: %s, geometric mean %s",
              spread_of(bound), big(exp(mean(log(bound))), 3)),
      sprintf("Draws: %s planned, %s made", big(x$draws[["planned"]]),
              big(x$draws[["made"]] + x$draws[["unused"]])),
      asides_line(x$audit), screened_line(x),
      guarantee_lines(x), target_lines(plan_parts(x$audit)), ladder_line(x),
      if (is.null(x$groups)) limit_lines(x)
    ),
    if (!is.null(x$groups)) group_rows(x),
    sprintf("Next: predict(lpb, newdata%s%s)",
            if (is_screened(x)) ", screened" else "",
            if (is.null(x$groups)) "" else ", groups"),
    more = "groups: lpb$groups has them all"
  )
}

# Which draws the bound is for.
screened_line <- function(x) {
  if (is_screened(x)) {
    sprintf("Bounds are for the draws after %s of each prompt.",
            counted(x$screen_draws, "screening draw"))
  }
}

tau_text <- function(x) {
  if (is.null(x$groups)) {
    paste("tau =", format(x$tau, digits = 4))
  } else {
    paste("tau by group, for", counted(nrow(x$groups), "group"))
  }
}

# "2 to 289, median 28"
spread_of <- function(x) {
  q <- vapply(stats::quantile(x, c(0, 0.5, 1), names = FALSE, type = 1), big,
              "")
  sprintf("%s to %s, median %s", q[1L], q[3L], q[2L])
}

# What is promised, or why nothing is.
guarantee_lines <- function(x) {
  failed <- x$failed$n
  if (failed > 0 && x$failed$count_as == "drop") {
    return(sprintf("No guarantee: %s with failed draws %s dropped.",
                   counted(failed, "prompt"),
                   if (failed == 1) "was" else "were"))
  }
  c(promise_lines(x), if (failed > 0) {
    sprintf("%s had draws that failed permanently; these count as unsafe.",
            counted(failed, "prompt"))
  })
}

promise_lines <- function(x) {
  if (is.null(x$delta)) {
    return(sprintf("Marginal guarantee%s: coverage holds on average over %s",
                   if (is.null(x$groups)) "" else " in each group",
                   "calibrations, not in each."))
  }
  kind <- x$certificate$kind %||% "no prompt included"
  scope <- switch(guarantee_reach(x), all = "",
                  "one group" = " in each group separately",
                  "every group" = " in all groups simultaneously")
  c(
    sprintf("Certified (%s%s): coverage holds%s with %s confidence.", kind,
            if (kind == "normal") ", approximate" else "", scope,
            target(x$delta)),
    if (is.null(x$groups)) {
      sprintf("Marginal guarantee alone: tau = %s.",
              format(x$tau_marginal, digits = 4))
    },
    sprintf("Approximate: %s", lower_first(as.character(x$certificate$remarks)))
  )
}

# What the bound implies at other coverages: see predict.lpb().
ladder_line <- function(x) {
  if (guarantee_kind(x) %in% c("none", "trivial")) {
    return(NULL)
  }
  sprintf(paste("Implied: twice as many safe draws for %s of prompts, 10",
                "times for %s."),
          share((1 - x$alpha)^2), share((1 - x$alpha)^10))
}

# What stands in the way of longer bounds, or of any.
limit_lines <- function(x) {
  if (x$trivial) {
    "The bound is 1 for every prompt: valid but uninformative."
  } else if (is.null(x$delta) && x$max_share >= x$alpha / 2) {
    sprintf("Unreliable: one %s can carry %s of the total weight.",
            unit_name(x), share(min(1, x$max_share)))
  } else if (x$at_tau_max) {
    sprintf("tau reached tau_max = %s; %s may give longer bounds.",
            format(x$tau_max, digits = 3), find_design(x$design)$longer)
  }
}

# One row for each group, with the note that limit_lines() would give it.
group_rows <- function(x) {
  shown <- x$groups[c("group", "n", "n_included", "nevent",
                      if (sum_known(x$n_refused) > 0) "n_refused", "tau")]
  thin <- is.null(x$delta) & x$groups$max_share >= x$alpha / 2
  shown$note <- ifelse(
    x$groups$trivial, "bound 1",
    ifelse(thin, "unreliable", ifelse(x$groups$at_tau_max, "tau_max", ""))
  )
  shown$group <- shorten(shown$group, 30L)
  shown
}

#' @rdname summaries
#' @export
summary.lpb <- function(object, ...) {
  new_table(glance(object), "summary.lpb")
}

#' @export
table_rule.summary.lpb <- function(x) new_table_rule(names(x))

#' @export
print.summary.lpb <- function(x, ...) {
  values <- vapply(x, function(v) {
    if (is.numeric(v)) format(v, digits = 4, big.mark = ",") else format(v)
  }, "")
  cat(paste0(format(names(x)), "  ", values, "\n"), sep = "")
  invisible(x)
}

#' @rdname knit_prints
#' @exportS3Method knitr::knit_print
knit_print.summary.lpb <- function(x, ...) {
  values <- vapply(x, format, "", digits = 4, big.mark = ",")
  knit_page(new_page(table = data.frame(name = names(x), value = values)), 99)
}

# ---- As tables ---------------------------------------------------------------

#' @rdname tidiers
#' @export
tidy.lpb <- function(x, ...) {
  check_no_dots(...)
  names(x$curve)[names(x$curve) == "miscoverage"] <- "estimate"
  x$curve
}

#' @rdname tidiers
#' @export
glance.lpb <- function(x, ...) {
  check_no_dots(...)
  data.frame(
    design = x$design, alpha = x$alpha, delta = x$delta %||% NA_real_,
    certificate = x$certificate$kind %||% NA_character_, tau = x$tau,
    tau_marginal = x$tau_marginal %||% NA_real_, tau_max = x$tau_max,
    at_tau_max = x$at_tau_max, cap = x$cap,
    max_weight = largest_weight(plan_parts(x$audit)),
    trivial = x$trivial, nobs = x$nobs, n_included = x$n_included,
    nevent = x$nevent, n_refused = x$n_refused, ess = x$ess,
    draws_planned = x$draws[["planned"]],
    draws_made = x$draws[["made"]], draws_unused = x$draws[["unused"]],
    n_failed = x$failed$n, failed = x$failed$count_as,
    n_groups = NROW(x$groups)
  )
}

#' @rdname tidiers
#' @export
augment.lpb <- function(x, data = NULL, newdata = NULL, groups = NULL,
                        screened = NULL, ...) {
  check_no_dots(...)
  if (!is.null(newdata)) {
    if (!is.null(data)) {
      stop_argument("data", "must be NULL with `newdata`", describe(data))
    }
    rows <- predict_rows(x, newdata, screened)
    groups <- check_bound_groups(x, groups, length(rows$prob))
    return(add_bounds(given_columns(newdata), x, rows, groups))
  }
  if (!is.null(groups)) {
    stop_argument("groups", "must be NULL without `newdata`", describe(groups),
                  fix = "Those of the calibration prompts are known.")
  }
  if (is.null(data)) {
    data <- data.frame(id = x$audit$id)
  }
  row <- find_calibration_rows(data, x$audit)
  rows <- law_rows(find_law(x), x$audit, row)
  add_bounds(given_columns(data), x, rows, x$row_groups[row])
}

# The row of the audit that each of `data` is about: by its id where there is
# one, and otherwise by its place.
find_calibration_rows <- function(data, audit, call = rlang::caller_env()) {
  row <- if (is.data.frame(data) && "id" %in% names(data)) {
    match(as_text(data$id), as_text(audit$id))
  }
  if (is.null(row) || all(is.na(row))) {
    check_rows(data, nrow(audit), "data", call)
    return(seq_len(nrow(audit)))
  }
  if (anyNA(row)) {
    stop_argument("data", "must contain calibration prompts only", sprintf(
      "the id %s", list_names(as_text(data$id)[is.na(row)][1L])
    ), fix = "For other prompts use `newdata`.", call = call)
  }
  row
}

add_bounds <- function(table, lpb, rows, groups) {
  table$.prob <- rows$prob
  table$.group <- groups
  table$.pred_lower <- bound_of(lpb, rows, groups)
  table
}
