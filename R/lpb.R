# The lpb: the object, its predictions, what may be said of it, and what it
# warns of.

# `chosen` is what select_by() or select_groups() returned.
new_lpb <- function(audit, rule, chosen, hazard, failed, call) {
  parts <- plan_parts(audit)
  constants <- parts$constants
  about <- describe_audit(parts)
  attr(audit, "hazard") <- NULL
  structure(
    list(
      level = chosen$level, alpha = rule$alpha, delta = rule$delta,
      certificate = chosen$certificate, point_level = chosen$point_level,
      cap = constants$cap, tau_prior = constants$tau_prior,
      capped = chosen$capped, trivial = chosen$trivial,
      coarseness = about$coarseness, method = constants$method,
      exact = chosen$exact, curve = chosen$curve, n = about$n,
      included = about$included, events = about$events, ess = about$ess,
      groups = chosen$groups, membership = chosen$membership,
      group_delta = chosen$sharing,
      draws = c(planned = sum(audit$limit),
                made = sum(audit$draws), overshoot = sum(audit$overshoot)),
      rule = rule, failed = failed, audit = audit, hazard = hazard,
      schema = schema_numbers[["lpb"]], call = call
    ),
    class = "lpb"
  )
}

# ---- Bounds ------------------------------------------------------------------

#' The calibrated bound of prompts
#'
#' @param object An `lpb` from [calibrate_lpb()] or [time_to_unsafe()].
#' @param newx Features of the prompts, in the form that the hazard was trained
#'   on.
#' @param groups The group of each prompt: a vector with one value for each row
#'   of `newx`, none missing. Needed for a bound calibrated within groups, and
#'   for no other. A prompt whose group was not calibrated gets the bound 1.
#' @param ... Must be empty.
#' @returns A numeric vector with one bound for each row of `newx`: a whole
#'   number of at least 1, or `Inf` where the hazard is 0 and there is no cap. A
#'   bound of `L` says that the first `L - 1` draws are safe.
#' @section Errors: `timetounsafe_error_features`,
#'   `timetounsafe_error_argument`; warning `timetounsafe_warning_group` for
#'   groups that were not calibrated.
#' @examples
#' set.seed(1)
#' p <- 10^runif(1000, -3, -1)
#' hazard <- as_hazard(function(newx) newx$p)
#' plan <- plan_audit(hazard, as.character(1:1000), data.frame(p), budget = 20)
#' lpb <- calibrate_lpb(simulate_audit(plan, p))
#' predict(lpb, data.frame(p = c(0.001, 0.01, 0.1)))
#' @export
predict.lpb <- function(object, newx, groups = NULL, ...) {
  check_no_dots(...)
  check_schema("lpb", object$schema, "The bound", rlang::current_env())
  if (missing(newx)) {
    stop_argument("newx", "is missing",
                  fix = "augment() gives the bounds of calibration prompts.")
  }
  prob <- predict_hazard(object$hazard, newx)
  groups <- check_bound_groups(object, groups, length(prob))
  bound_of(object, list(prob = prob), groups)
}

# The groups of prompts to bound, or NULL where the bound has none.
check_bound_groups <- function(lpb, groups, n, call = rlang::caller_env()) {
  if (is.null(lpb$groups) && is.null(groups)) {
    return(NULL)
  }
  if (is.null(lpb$groups)) {
    stop_argument(
      "groups", "must be NULL for a bound calibrated without groups",
      describe(groups), fix = "calibrate_lpb(groups = ) calibrates with them.",
      call = call
    )
  }
  if (is.null(groups)) {
    stop_argument(
      "groups", "is needed for a bound calibrated within groups", call = call,
      fix = sprintf("Give one value for each prompt; known are %s.",
                    list_names(lpb$groups$group))
    )
  }
  groups <- check_groups(groups, n, call)
  warn_unknown(setdiff(levels(groups), lpb$groups$group), call)
  groups
}

warn_unknown <- function(unknown, call) {
  if (length(unknown) > 0L) {
    warn_classed("group", c(
      sprintf("Not calibrated: %s.", list_names(unknown)),
      i = "The bound of these prompts is 1, which is always valid."
    ), groups = unknown, call = call)
  }
}

# One bound for each prompt. `rows` has the columns of the law; `groups` are as
# check_bound_groups() returns them.
bound_of <- function(lpb, rows, groups = NULL) {
  law <- find_law(lpb)
  if (is.null(lpb$groups)) {
    return(law$quantile(rows, lpb$level, lpb$cap))
  }
  level <- lpb$groups$level[match(groups, lpb$groups$group)]
  level <- replace(level, is.na(level), 0)
  bound <- numeric(length(level))
  # Few levels differ.
  for (at in split(seq_along(level), level)) {
    bound[at] <- law$quantile(law_rows(law, rows, at), level[at[1L]], lpb$cap)
  }
  bound
}

calibration_bound <- function(lpb) {
  bound_of(lpb, lpb$audit, lpb$membership)
}

# ---- What it is, and what it claims ------------------------------------------

# What tells this bound from others: of another plan, another run of the same
# one, or another choice of its level.
bound_identity <- function(lpb) {
  audit <- lpb$audit
  list(
    plan_id = as.character(plan_parts(audit)$constants$plan_id),
    n = nrow(audit),
    draws = sum(audit$draws), unsafe = sum(audit$unsafe), alpha = lpb$alpha,
    delta = lpb$delta %||% NA_real_, cap = lpb$cap,
    group = lpb$groups$group %||% character(),
    level = lpb$groups$level %||% lpb$level
  )
}

# Which kind of statement the bound allows.
guarantee_kind <- function(lpb) {
  if (lpb$failed$n > 0 && lpb$failed$policy == "drop") {
    "none"
  } else if (lpb$trivial) {
    "trivial"
  } else if (is.null(lpb$delta)) {
    "average"
  } else if (identical(lpb$certificate$kind, "normal")) {
    "normal"
  } else {
    "certified"
  }
}

# What the statement is made for: prompts of any group, of one group at a time,
# or of all groups at once.
guarantee_reach <- function(lpb) {
  if (is.null(lpb$groups)) {
    "all"
  } else if (identical(lpb$group_delta, "shared") && !is.null(lpb$delta)) {
    "every group"
  } else {
    "one group"
  }
}

# ---- Warnings ----------------------------------------------------------------

warn_level <- function(lpb, call = rlang::caller_env()) {
  if (!is.null(lpb$groups)) {
    return(warn_groups(lpb, call))
  }
  if (lpb$trivial) {
    warn_classed("level", c(
      if (lpb$level <= 0) {
        "No level is feasible: the bound is 1 for every prompt."
      } else {
        "The bound is 1 for every prompt."
      },
      i = "That is valid, and says nothing.",
      if (lpb$included == 0) {
        c(i = "No prompt was included in the audit: raise `budget` or n.")
      }
    ), call = call)
    return(invisible())
  }
  if (is.null(lpb$delta) && lpb$coarseness >= lpb$alpha / 2) {
    warn_classed("evidence", c(
      sprintf("There is little evidence: one prompt can count for %s of all.",
              share(min(1, lpb$coarseness))),
      x = "The coverage may be well below the target.",
      i = "Raise `budget` or the number of prompts, or lower `max_weight`."
    ), call = call)
  }
  if (lpb$capped) {
    warn_classed("level", c(
      sprintf("The level was cut off at %s.", format(lpb$level, digits = 3)),
      i = "Longer bounds may be possible.",
      i = "Plan with a higher `tau_prior`, or improve the hazard."
    ), call = call)
  }
}

warn_groups <- function(lpb, call = rlang::caller_env()) {
  table <- lpb$groups
  warn_of_groups("level", table$group[table$trivial], call, c(
    "There is too little evidence, and the bound is 1, in",
    i = "That is valid, and says nothing.",
    i = "Raise `budget` or the number of prompts, or join groups."
  ))
  thin <- is.null(lpb$delta) & !table$trivial &
    table$coarseness >= lpb$alpha / 2
  warn_of_groups("evidence", table$group[thin], call, c(
    "One prompt can count for half of `alpha` or more in",
    x = "There the coverage may be well below the target."
  ))
  cut <- table$capped & !table$trivial & !thin
  warn_of_groups("level", table$group[cut], call, c(
    sprintf("The level was cut off at tau_prior = %s in",
            format(lpb$tau_prior, digits = 3)),
    i = "Longer bounds may be possible, with a higher `tau_prior`."
  ))
}

# One warning that names the groups.
warn_of_groups <- function(class, groups, call, text) {
  if (length(groups) > 0L) {
    text[1L] <- sprintf("%s %s: %s.", text[1L],
                        counted(length(groups), "group"),
                        list_names(groups, 10L))
    warn_classed(class, text, groups = groups, call = call)
  }
}
