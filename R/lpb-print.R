# How an lpb looks in words and tables: print, summary, tidy, glance, augment.

#' @export
print.lpb <- function(x, ...) {
  check_schema("lpb", x$schema, "The bound", rlang::current_env())
  say("<lpb> a lower bound that %s of prompts reach before an unsafe draw",
      target(x$alpha))
  say("%s, selected from %d prompts (%d included, %d with unsafe draws)",
      if (is.null(x$groups)) {
        paste("Level", format(x$level, digits = 4))
      } else {
        paste("Levels within", counted(nrow(x$groups), "group"))
      }, x$n, x$included, x$events)
  bound <- calibration_bound(x)
  say("Bounds of these prompts: %s, geometric mean %s", spread(bound),
      format(exp(mean(log(bound))), digits = 3))
  say("Draws: %s planned, %s made", big(x$draws[["planned"]]),
      big(x$draws[["made"]] + x$draws[["overshoot"]]))
  if (x$failed$n > 0 && x$failed$policy == "drop") {
    say("No guarantee: %s whose draws failed dropped out.",
        counted(x$failed$n, "prompt"))
  } else {
    print_guarantee(x)
    if (x$failed$n > 0) {
      say("Draws of %s failed: they count as unsafe there.",
          counted(x$failed$n, "prompt"))
    }
  }
  if (is.null(x$groups)) {
    print_limits(x)
    say("Next: predict(lpb, newx), assess_lpb(lpb, newx, ...)")
  } else {
    print_groups(x)
    say("Next: predict(lpb, newx, groups), assess_lpb(lpb, newx, groups = )")
  }
  invisible(x)
}

print_guarantee <- function(x) {
  if (is.null(x$delta)) {
    say("Holds on average over calibrations (point rule), for such prompts%s.",
        if (is.null(x$groups)) "" else " of each group")
    return(invisible())
  }
  kind <- x$certificate$kind %||% "nothing included"
  say("Certified (%s%s): holds %s with probability %s", kind,
      if (kind == "normal") ", approximate" else "", guarantee_scope(x),
      target(x$delta))
  if (is.null(x$groups)) {
    say("over calibrations. Without certificate the level is %s.",
        format(x$point_level, digits = 4))
  } else {
    say("over calibrations.")
  }
  for (remark in x$certificate$remarks) {
    say("Only approximately: %s", remark)
  }
}

guarantee_scope <- function(x) {
  if (is.null(x$groups)) {
    "for such prompts"
  } else if (x$group_delta == "each") {
    "within any one group"
  } else {
    "in all groups at once"
  }
}

# What stands in the way of longer bounds, or of any.
print_limits <- function(x) {
  if (x$trivial) {
    say("It is 1 for every prompt: valid, and says nothing.")
  } else if (is.null(x$delta) && x$coarseness >= x$alpha / 2) {
    say("Little evidence: one prompt can count for %s of all.",
        share(min(1, x$coarseness)))
    say("Do not rely on it.")
  } else if (x$capped) {
    say("The level was cut off at tau_prior = %s: longer bounds are possible.",
        format(x$tau_prior, digits = 3))
  }
}

# One row for each group, with the note that print_limits() would give it.
print_groups <- function(x, most = 12L) {
  shown <- x$groups[c("group", "n", "included", "events", "level")]
  thin <- is.null(x$delta) & x$groups$coarseness >= x$alpha / 2
  shown$note <- ifelse(
    x$groups$trivial, "bound 1",
    ifelse(thin, "little evidence", ifelse(x$groups$capped, "cut off", ""))
  )
  print(utils::head(shown, most), digits = 3, row.names = FALSE)
  if (nrow(shown) > most) {
    say("... and %d more groups: lpb$groups has them all", nrow(shown) - most)
  }
}

#' @rdname summaries
#' @export
summary.lpb <- function(object, ...) {
  structure(glance(object), class = c("summary.lpb", "data.frame"))
}

#' @export
print.summary.lpb <- function(x, ...) {
  values <- vapply(x, function(v) {
    if (is.numeric(v)) format(v, digits = 4, big.mark = ",") else format(v)
  }, "")
  cat(paste0(format(names(x)), "  ", values, "\n"), sep = "")
  invisible(x)
}

# ---- As tables ---------------------------------------------------------------

#' @rdname tidiers
#' @export
tidy.lpb <- function(x, ...) {
  check_no_dots(...)
  x$curve
}

#' @rdname tidiers
#' @export
glance.lpb <- function(x, ...) {
  check_no_dots(...)
  data.frame(
    method = x$method, alpha = x$alpha, delta = x$delta %||% NA_real_,
    certificate = x$certificate$kind %||% NA_character_, level = x$level,
    point_level = x$point_level %||% NA_real_, capped = x$capped,
    trivial = x$trivial, n = x$n, included = x$included, events = x$events,
    ess = x$ess, cap = x$cap, tau_prior = x$tau_prior,
    draws_planned = x$draws[["planned"]], draws_made = x$draws[["made"]],
    overshoot = x$draws[["overshoot"]], failed = x$failed$n,
    failed_policy = x$failed$policy, groups = NROW(x$groups)
  )
}

#' @rdname tidiers
#' @export
augment.lpb <- function(x, data = NULL, groups = NULL, ...) {
  check_no_dots(...)
  if (is.null(data)) {
    prompts <- data.frame(id = x$audit$id, .prob = x$audit$prob)
    groups <- x$membership
  } else {
    prompts <- data.frame(.prob = predict_hazard(x$hazard, data, "data"))
    groups <- check_bound_groups(x, groups, nrow(prompts))
  }
  prompts$.group <- groups
  prompts$.pred_lower <- bound_of(x, list(prob = prompts$.prob), groups)
  prompts
}
