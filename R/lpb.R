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
      tau = chosen$tau, alpha = rule$alpha, delta = rule$delta,
      certificate = chosen$certificate, tau_marginal = chosen$tau_marginal,
      cap = constants$cap, tau_max = constants$tau_max,
      at_tau_max = chosen$at_tau_max, trivial = chosen$trivial,
      max_share = about$max_share, target = target_kind(parts),
      n_clusters = if (is_clustered(parts)) count_units(parts) else NA,
      design = constants$design,
      screen_draws = constants$screen_draws,
      precision_rule = rule_of_constants(constants),
      exact = chosen$exact, curve = chosen$curve, nobs = about$n,
      n_included = about$n_included, nevent = about$nevent,
      n_refused = about$n_refused, ess = about$ess,
      groups = chosen$groups, row_groups = chosen$row_groups,
      simultaneous = isTRUE(chosen$simultaneous),
      draws = c(planned = sum(audit$limit),
                made = sum(audit$draws), unused = sum(audit$unused)),
      rule = rule, failed = failed, audit = audit, hazard = hazard,
      schema = schema_numbers[["lpb"]], call = plain_call(call, "calibrate_lpb")
    ),
    class = "lpb"
  )
}

# ---- Bounds ------------------------------------------------------------------

#' Predict the calibrated bound of prompts
#'
#' @param object An `lpb` from [calibrate_lpb()] or [time_to_unsafe()].
#' @param newdata Features of the prompts, in the form that the hazard was
#'   trained on.
#' @param groups The group of each prompt: a vector with one value for each row
#'   of `newdata`, none missing. Required for a bound calibrated within groups;
#'   `NULL` for others. A prompt of a group that was not calibrated gets the
#'   bound 1.
#' @param level Nominal coverage of the bounds: above 0, and at most `1 -
#'   alpha`, which is the default (`NULL`). Of prompts that stay safe up to a
#'   bound `L` with coverage `1 - alpha`, at least `(1 - alpha)^c` stay safe up
#'   to `1 + floor(c * (L - 1))`, for all `c >= 1` at once: the longer bounds
#'   hold when that of `1 - alpha` does, at no further cost.
#' @param screened For a bound whose prompts were screened (see [plan_audit()]):
#'   the screening draws of these prompts, as many of each as in calibration, in
#'   the form of `screened` there. `NULL` for others.
#' @param ... Must be empty.
#' @returns A numeric vector with one bound for each row of `newdata`: a whole
#'   number of at least 1, or `Inf` where the hazard is 0 and there is no cap. A
#'   bound of `L` says that the first `L - 1` draws (after the screening draws)
#'   are safe.
#' @section Assumptions: Those of [calibrate_lpb()]. With `level` besides: draws
#'   of a prompt are independent, with one hazard.
#' @section Errors: `timetounsafe_error_features`,
#'   `timetounsafe_error_argument`; warning
#'   `timetounsafe_warning_unknown_group` for groups that were not calibrated.
#' @examples
#' set.seed(1)
#' p <- 10^runif(1000, -3, -1)
#' hazard <- as_hazard(function(newdata) newdata$p)
#' plan <- plan_audit(hazard, as.character(1:1000), budget = 20,
#'                    newdata = data.frame(p))
#' lpb <- calibrate_lpb(simulate_audit(plan, p))
#' predict(lpb, data.frame(p = c(0.001, 0.01, 0.1)))
#' @export
predict.lpb <- function(object, newdata, groups = NULL, level = NULL,
                        screened = NULL, ...) {
  check_no_dots(...)
  level <- check_level(level, object$alpha)
  check_schema("lpb", object$schema, "The bound", rlang::current_env())
  if (missing(newdata)) {
    stop_argument("newdata", "is missing",
                  fix = "augment(lpb) has those of the calibration prompts.")
  }
  rows <- predict_rows(object, newdata, screened)
  groups <- check_bound_groups(object, groups, length(rows$prob))
  extend_bound(bound_of(object, rows, groups), level, object$alpha)
}

# What the law of new prompts is made of: their hazards, and what screening
# leaves of these.
predict_rows <- function(lpb, newdata, screened, call = rlang::caller_env()) {
  prob <- predict_hazard(lpb$hazard, newdata, call = call)
  planned <- lpb$screen_draws
  if (is.null(planned) && !is.null(screened)) {
    stop_argument("screened", "must be NULL: this bound is for all draws",
                  describe(screened), call = call, fix =
                    "plan_audit(screened = ) plans a bound after screening.")
  }
  if (is_screened(lpb) && is.null(screened)) {
    stop_argument(
      "screened", sprintf("is required: this bound is for prompts after %s",
                          counted(planned, "screening draw")), call = call,
      fix = sprintf("draw_responses(prompts, sampler, draws = %s) makes them.",
                    format(planned))
    )
  }
  if (is.null(planned)) {
    return(list(prob = prob))
  }
  screened <- screened %||% data.frame(unsafe = 0, draws = rep(0, length(prob)))
  prompts <- if (is.character(newdata)) newdata
  screen_rows(prob, read_screened(screened, prompts, length(prob), planned,
                                  call), lpb$precision_rule)
}

check_level <- function(level, alpha, call = rlang::caller_env()) {
  level <- check_number(level, "level", 0, 1, c(TRUE, TRUE), null_ok = TRUE,
                        call = call)
  if (!is.null(level) && level > (1 - alpha) * (1 + 1e-12)) {
    stop_argument(
      "level", sprintf("must not exceed 1 - alpha = %s", format(1 - alpha)),
      format(level), call = call,
      fix = "For more coverage calibrate again, with a smaller `alpha`."
    )
  }
  level
}

# The bound at a smaller coverage that one at 1 - alpha implies, by Jensen:
# methods vignette, "Certified risk".
extend_bound <- function(bound, level, alpha) {
  if (is.null(level)) {
    return(bound)
  }
  times <- max(1, log(level) / log1p(-alpha))
  # A product of two rounded numbers that should be whole is.
  1 + floor(times * (bound - 1) * (1 + 4 * .Machine$double.eps))
}

# The groups of prompts to bound, or NULL where the bound has none.
check_bound_groups <- function(lpb, groups, n, call = rlang::caller_env()) {
  if (is.null(lpb$groups) && is.null(groups)) {
    return(NULL)
  }
  if (is.null(lpb$groups)) {
    stop_argument(
      "groups", "must be NULL for a bound calibrated without groups",
      describe(groups), fix = "Calibrate with calibrate_lpb(audit, groups = ).",
      call = call
    )
  }
  if (is.null(groups)) {
    stop_argument(
      "groups", "is required for a bound calibrated within groups", call = call,
      fix = sprintf("Supply one value for each prompt, of %s.",
                    list_names(lpb$groups$group))
    )
  }
  groups <- check_groups(groups, n, call)
  warn_unknown(setdiff(levels(groups), lpb$groups$group), call)
  groups
}

warn_unknown <- function(unknown, call) {
  if (length(unknown) > 0L) {
    warn_classed("unknown_group", c(
      sprintf("No calibration for %s: %s.",
              counted(length(unknown), "group"), list_names(unknown)),
      i = "The bound of these prompts is 1, which is always valid."
    ), groups = unknown, call = call)
  }
}

# One bound for each prompt. `rows` has the columns of the law; `groups` are as
# check_bound_groups() returns them.
bound_of <- function(lpb, rows, groups = NULL) {
  law <- find_law(lpb)
  if (is.null(lpb$groups)) {
    return(law$quantile(rows, lpb$tau, lpb$cap))
  }
  tau <- lpb$groups$tau[match(groups, lpb$groups$group)]
  tau <- replace(tau, is.na(tau), 0)
  bound <- numeric(length(tau))
  # Few taus differ.
  for (at in split(seq_along(tau), tau)) {
    bound[at] <- law$quantile(law_rows(law, rows, at), tau[at[1L]], lpb$cap)
  }
  bound
}

calibration_bound <- function(lpb) {
  bound_of(lpb, lpb$audit, lpb$row_groups)
}

# ---- What it is, and what it claims ------------------------------------------

# What distinguishes this bound from others: of another plan, another run of the
# same one, or another choice of tau.
bound_identity <- function(lpb) {
  audit <- lpb$audit
  list(
    plan_id = as.character(plan_parts(audit)$constants$plan_id),
    n = nrow(audit),
    draws = sum(audit$draws), unsafe = sum(audit$unsafe), alpha = lpb$alpha,
    delta = lpb$delta %||% NA_real_, cap = lpb$cap,
    group = lpb$groups$group %||% character(),
    tau = lpb$groups$tau %||% lpb$tau
  )
}

# Which kind of statement the bound allows.
guarantee_kind <- function(lpb) {
  if (lpb$failed$n > 0 && lpb$failed$count_as == "drop") {
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

# What one independent piece of the evidence is.
unit_name <- function(lpb) {
  if (lpb$target == "rows") "prompt" else "cluster"
}

# What the statement is made for: prompts of any group, of one group at a time,
# or of all groups at once.
guarantee_reach <- function(lpb) {
  if (is.null(lpb$groups)) {
    "all"
  } else if (lpb$simultaneous && !is.null(lpb$delta)) {
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
    warn_classed("trivial_bound", c(
      if (lpb$tau <= 0) {
        "No tau is feasible: the bound is 1 for every prompt."
      } else {
        "The bound is 1 for every prompt."
      },
      i = "It is valid but uninformative.",
      if (lpb$n_included == 0) {
        c(i = paste("No prompt was included: plan with a larger `budget`, or",
                    "more prompts."))
      }
    ), call = call)
    return(invisible())
  }
  if (is.null(lpb$delta) && lpb$max_share >= lpb$alpha / 2) {
    warn_classed("large_weights", c(
      sprintf("Unreliable: one %s can carry %s of the total weight.",
              unit_name(lpb), share(min(1, lpb$max_share))),
      x = "The coverage may be well below nominal.",
      i = "Plan with a larger `budget`, more prompts or a smaller `cap`."
    ), call = call)
  }
  if (has_few_losses(lpb, lpb$max_share)) {
    warn_classed("few_losses", c(
      sprintf("The normal certificate has %s expected losses to go by.",
              format(lpb$alpha / lpb$max_share, digits = 2)),
      x = few_losses_text[["so"]], i = few_losses_text[["but"]]
    ), call = call)
  }
  if (lpb$at_tau_max) {
    warn_classed("tau_max", c(
      sprintf("tau reached tau_max = %s.", format(lpb$tau_max, digits = 3)),
      i = longer_text(lpb)
    ), call = call)
  }
}

warn_groups <- function(lpb, call = rlang::caller_env()) {
  table <- lpb$groups
  warn_of_groups("trivial_bound", table$group[table$trivial], call, c(
    "The bound is 1, for want of evidence, in",
    i = "It is valid but uninformative.",
    i = "Plan with a larger `budget` or more prompts, or merge groups."
  ))
  thin <- is.null(lpb$delta) & !table$trivial &
    table$max_share >= lpb$alpha / 2
  warn_of_groups("large_weights", table$group[thin], call, c(
    "Unreliable: one prompt can carry half of `alpha` or more in",
    x = "The coverage there may be well below nominal."
  ))
  few <- !table$trivial & has_few_losses(lpb, table$max_share)
  warn_of_groups("few_losses", table$group[few], call, c(
    "The normal certificate has few expected losses to go by in",
    x = few_losses_text[["so"]], i = few_losses_text[["but"]]
  ))
  cut <- table$at_tau_max & !table$trivial & !thin
  warn_of_groups("tau_max", table$group[cut], call, c(
    sprintf("tau reached tau_max = %s in", format(lpb$tau_max, digits = 3)),
    i = longer_text(lpb)
  ))
}

# Whether its draws were planned, and are not those of a log.
was_planned <- function(lpb) find_design(lpb$design)$planned

longer_text <- function(lpb) {
  text <- paste(find_design(lpb$design)$longer, "may give longer bounds.")
  sub("^(.)", "\\U\\1", text, perl = TRUE)
}

# How many losses a normal certificate needs to go by: alpha n / W are to be
# expected where all have the largest weight W. With fewer it was false clearly
# more often than delta in simulations, see bench/normal.md. `max_share` is W /
# n.
fewest_losses <- 50

has_few_losses <- function(lpb, max_share) {
  approximate <- !is.null(lpb$delta) && lpb$rule$certificate == "normal"
  approximate & lpb$alpha / max_share < fewest_losses
}

few_losses_text <- c(
  so = "It may be false more often than in a share delta of calibrations.",
  but = "`certificate = \"exact\"` holds for any number of losses."
)

# One warning that names the groups.
warn_of_groups <- function(class, groups, call, text) {
  if (length(groups) > 0L) {
    text[1L] <- sprintf("%s %s: %s.", text[1L],
                        counted(length(groups), "group"),
                        list_names(groups, 10L))
    warn_classed(class, text, groups = groups, call = call)
  }
}
