#' The miscoverage of each level, estimated from censored draws
#'
#' The weighted estimate of `P(T < q)` at each level: the mean over all planned
#' prompts of `1{time < q <= censor} / pi`.
#'
#' @param time Numeric vector: the first unsafe draw, or the horizon when there
#'   was none; 0 for prompts not audited. At most `censor`.
#' @param censor Numeric vector: the horizon `C`, the largest quantile that the
#'   prompt can answer for; 0 for prompts not audited.
#' @param pi Probability of `censor >= quantile` given the prompt, above 0 and
#'   at most 1: one for each prompt, or a matrix like `quantiles`.
#' @param quantiles Numeric matrix with a row for each prompt and a column for
#'   each level (or a vector, for one level): at least 1, may be `Inf`. See
#'   [geometric_quantile()].
#' @returns A numeric vector with one miscoverage for each level. Unbiased for
#'   levels whose quantiles `censor` can reach; not a probability, so it may
#'   exceed 1.
#' @section Errors: `timetounsafe_error_argument`.
#' @references arXiv 2506.13593, section 3.2; methods vignette, "Calibration".
#' @examples
#' q <- geometric_quantile(c(0.1, 0.02, 0.01), c(0.05, 0.1, 0.2))
#' miscoverage_curve(time = c(2, 0, 23), censor = c(3, 0, 23),
#'                   pi = c(1, 0.5, 0.5), quantiles = q)
#' @export
miscoverage_curve <- function(time, censor, pi, quantiles) {
  time <- check_numeric(time, "time")
  n <- length(time)
  censor <- check_numeric(censor, "censor", n)
  quantiles <- as_level_matrix(quantiles, n, "quantiles")
  pi <- as_inclusion(pi, quantiles)
  core_value(.Call(ffi_miscoverage_curve, time, censor, pi, quantiles))
}

# One probability for each prompt, or a matrix of them like `quantiles`.
as_inclusion <- function(pi, quantiles, call = rlang::caller_env()) {
  n <- nrow(quantiles)
  if (missing(pi) || is.null(dim(pi))) {
    return(check_numeric(pi, "pi", n, call = call))
  }
  pi <- as_level_matrix(pi, n, "pi", call)
  if (ncol(pi) != ncol(quantiles)) {
    stop_argument("pi", sprintf("must have %d columns, like `quantiles`",
                                ncol(quantiles)), as.character(ncol(pi)),
                  call = call)
  }
  pi
}

# The numbers are checked in the core: a pass over n x K of them costs time.
as_level_matrix <- function(x, n, arg, call = rlang::caller_env()) {
  if (missing(x)) {
    stop_missing(arg, call)
  }
  if (is.numeric(x) && is.null(dim(x))) {
    x <- matrix(x, ncol = 1L)
  }
  if (!is.matrix(x) || !is.numeric(x) || nrow(x) != n || ncol(x) == 0L) {
    stop_argument(arg, sprintf("must be a numeric matrix with %d rows", n),
                  describe(x), call = call)
  }
  if (!is.double(x)) {
    storage.mode(x) <- "double"
  }
  x
}

#' Select the level: the last one up to which the miscoverage stays below alpha
#'
#' @param tau Numeric vector of levels, strictly increasing, from 0 to 1.
#' @param miscoverage Numeric vector as long as `tau`: their estimated
#'   miscoverage, see [miscoverage_curve()].
#' @param alpha The target, strictly between 0 and 1.
#' @returns The largest level such that it and all below it have a miscoverage
#'   strictly below `alpha`; `NA_real_` when the first level fails.
#' @section Errors: `timetounsafe_error_argument`.
#' @references arXiv 2506.13593, section 3.2, equation for the calibrated level.
#' @examples
#' select_level(c(0.05, 0.1, 0.15), c(0.02, 0.08, 0.12), alpha = 0.1)
#' @export
select_level <- function(tau, miscoverage, alpha) {
  tau <- check_numeric(tau, "tau")
  miscoverage <- check_numeric(miscoverage, "miscoverage", length(tau))
  alpha <- check_number(alpha, "alpha")
  feasible <- core_value(.Call(ffi_select_level, tau, miscoverage, alpha))
  if (feasible == 0) NA_real_ else tau[feasible]
}

#' Calibrate a lower predictive bound
#'
#' Turns a carried-out plan into a bound `L(x)` on the number of draws before
#' the first unsafe one, with `P(T >= L(X)) >= 1 - alpha` for a new prompt.
#'
#' The bound is a quantile of the estimated first-unsafe time, at a level that
#' the audit shows to be safe: `L(x) = min(q_level(x), cap)`. The point rule
#' takes the largest level, up to `tau_prior`, such that the weighted estimate
#' of `P(T < q_level(X))` stays below `alpha` for all levels up to it. It is
#' found exactly, without a grid or a matrix of quantiles. The certificate takes
#' a lower one, for which the audit is evidence enough.
#'
#' @section What is guaranteed: With `delta`, the default, the bound is
#'   **certified**: with probability at least `1 - delta` over the calibration
#'   prompts and their draws, at least `1 - alpha` of all such prompts stay safe
#'   up to their bound. This holds in finite samples, whatever the hazard, for
#'   `certificate = "exact"`. It bets against a miscoverage of `alpha` at each
#'   level, on one prompt after the other in the random order of the plan, with
#'   bets sized by the plan and by the prompts before. If that miscoverage is
#'   real, their wealth can reach `1 / delta` with probability `delta` at most
#'   (at the last prompt a random share of `1 / delta`, column `threshold`, is
#'   enough, which makes the bound longer at no cost). Where the policy gives
#'   all prompts the same weight the exact binomial tail takes its place.
#'   `"normal"` takes the estimate plus a multiple of its standard error:
#'   shorter margins, and `1 - delta` only for large n.
#'
#'   With `delta = NULL` (the **point rule** of the paper) the coverage is `1 -
#'   alpha` on average over calibrations, up to terms of the order `w / n`, with
#'   `w` the largest weight that the plan gives. Where `w / n` is not small
#'   against `alpha` the coverage can be well below the target, and a warning of
#'   class `timetounsafe_warning_evidence` says so; for `"naive"` plans, whose
#'   weights have heavy tails, this is the rule. A single calibration misses the
#'   target about as often as it exceeds it.
#'
#'   Coverage is meant over prompts and draws together; it is not promised for
#'   any one prompt, or any group of prompts: look at [assess_lpb()]. With
#'   `groups` it is meant, and promised, within each group. The promise is for
#'   the first plan that was drawn, and for an `alpha`, `delta`, `groups` and
#'   `certificate` that were chosen before the outcomes were seen. Of several
#'   bounds from one audit each holds with probability `1 - delta`, not all
#'   together, and not the best looking of them.
#'
#' @section Assumptions: Calibration prompts are exchangeable with the prompts
#'   that the bound is used for; neither the hazard nor its features were
#'   trained on them; draws are exchangeable given the prompt, and those that
#'   failed and were tried again did not fail because of what they said; the
#'   judge is right; the plan was carried out as planned. The hazard need not be
#'   right. The certificate asks besides that
#'   the calibration prompts are independent of each other, given the hazard and
#'   the policy: a random sample without families (paraphrases, or turns of one
#'   conversation), and a policy fixed on other prompts (`design` of
#'   [plan_audit()]); `print()` says where a plan was fixed on its own prompts,
#'   and where one without a cap has no limit to the weights: the certificate is
#'   then approximate.
#'
#' @param audit A finished `audit` from [run_audit()] or [as_audit()].
#' @param alpha Target miscoverage: strictly between 0 and 1. The default, 0.1,
#'   asks that 90% of prompts stay safe up to their bound.
#' @param delta How often, over calibrations, the certificate may fail: strictly
#'   between 0 and 1. The default, 0.1, asks that nine of ten calibrations reach
#'   the target. `NULL` is the point rule.
#' @param certificate `"exact"`, valid in finite samples, or `"normal"`, for
#'   large n only. Not used with `delta = NULL`.
#' @param groups `NULL`, one level for all prompts. Or a vector with one value
#'   for each row of `audit` (or the name of a column of the prompts, or of one
#'   that you added to `audit`), none missing: each group then gets a level of
#'   its own, from its own prompts (Mondrian calibration). The rule that puts a
#'   prompt into a group must be fixed before calibration, and may use its
#'   features or its predicted hazard (at cuts fixed beforehand, not at
#'   quantiles of these prompts), never what the audit drew or saw. Each group
#'   needs about as many prompts as a calibration without groups: one with too
#'   little evidence gets the level 0 and the bound 1.
#' @param group_delta Only with `groups` and `delta`. `"each"`, the default: the
#'   bound holds within any one group with probability `1 - delta`, which is
#'   what matters where groups are used one at a time. `"shared"`: it holds in
#'   all groups at once with probability `1 - delta`, for which each of G groups
#'   is certified at `1 - (1 - delta)^(1 / G)` (Sidak).
#' @param hazard The `hazard_fit` that the plan was made with. Only needed for
#'   an audit that does not carry it: from a file, a ledger, or the `audit` of
#'   another bound (whose hazard is `lpb$hazard`).
#' @param x Features of the audit's prompts, in its order: only to check that
#'   `hazard` is the one that the plan was made with. Not needed for a fit of
#'   [fit_hazard()], which the plan knows again.
#' @param failed What prompts count for whose draws failed for good (column
#'   `failed`). `"unsafe"`, the default: as unsafe at the first draw that is
#'   missing, which can only make the bound shorter, so that the guarantee
#'   stays. `"drop"`: not at all, as if they had never been planned; where
#'   draws fail more often on prompts that are unsafe, or on responses that
#'   are, the bound is then too long, so that the guarantee is lost.
#' @param levels `NULL`, the exact level; or a strictly increasing grid of
#'   levels up to `tau_prior`, as published: the estimate is then computed on
#'   that grid, for `"naive"` with the published weight for each level. For
#'   the point rule only.
#' @param ... Must be empty.
#' @returns An object of class `lpb`: a list with `level` (0 when no level is
#'   feasible), `point_level` (that of the point rule), `alpha`, `delta`,
#'   `certificate` (`kind`: "betting", "binomial" or "normal"; `bet`;
#'   `remarks`, on what the plan does not satisfy; `NULL` for the point rule),
#'   `cap`, `tau_prior`, `capped` (whether the
#'   level was cut off at `tau_prior`), `trivial` (whether every bound is 1),
#'   `method`, `curve` (a data frame with the jumps, or the grid: `level`,
#'   `miscoverage`), `coarseness` (largest possible weight over `n`), `n`,
#'   `included`, `events`, `ess` (effective sample size of the weights of the
#'   included prompts), `groups` (`NULL`, or a data frame with a row for each
#'   group: `group`, `n`, `included`, `events`, `level`, `point_level`,
#'   `capped`, `trivial`, `coarseness`, `certificate`, `delta`; the `level` of
#'   all is then `NA`, and `curve` has a column `group`), `membership` (the
#'   group of each row of `audit`), `group_delta`, `rule` (how levels are
#'   selected), `draws` (planned, made and overshoot), `failed` (what
#'   prompts with failed draws count for: `policy`, and how many they are,
#'   `n`), `audit`, `hazard`, `version` and `call`. `predict(lpb, newx)`
#'   gives the bounds: see [predict.lpb()].
#' @section Errors: `timetounsafe_error_audit` when draws are missing;
#'   `timetounsafe_error_plan` when rows are missing, added or doubled;
#'   `timetounsafe_error_argument`, `timetounsafe_error_unavailable`. Warning
#'   `timetounsafe_warning_level` when the level is cut off or the bound
#'   trivial; `timetounsafe_warning_evidence` when one prompt can count for half
#'   of `alpha` or more; `timetounsafe_warning_failed_draws` when draws failed
#'   for good; `timetounsafe_warning_unchecked` when nothing tells whether
#'   `hazard` is that of the plan; `timetounsafe_warning_group` when groups tell
#'   the outcomes exactly.
#' @references arXiv 2506.13593, sections 3.1 and 3.2; methods vignette,
#'   "Calibration" and "The certificate".
#' @examples
#' set.seed(1)
#' p <- 10^runif(1000, -3, -1)
#' hazard <- as_hazard(function(newx) newx$p)
#' plan <- plan_audit(hazard, as.character(1:1000), data.frame(p), budget = 20)
#' lpb <- calibrate_lpb(simulate_audit(plan, p))
#' lpb
#' predict(lpb, data.frame(p = c(0.001, 0.01, 0.1)))
#' @export
calibrate_lpb <- function(audit, alpha = 0.1, delta = 0.1, groups = NULL,
                          group_delta = c("each", "shared"), hazard = NULL,
                          x = NULL, failed = c("unsafe", "drop"),
                          certificate = c("exact", "normal"), levels = NULL,
                          ...) {
  check_no_dots(...)
  audit <- check_audit(audit)
  failed <- list(
    policy = check_choice(failed, c("unsafe", "drop"), "failed"),
    n = sum(audit$failed)
  )
  rule <- check_rule(alpha, delta, certificate, levels, audit)
  group_delta <- check_choice(group_delta, c("each", "shared"), "group_delta")
  if (!is.null(groups)) {
    groups <- read_groups(groups, audit)
    warn_outcome_groups(groups, audit)
  } else if (group_delta == "shared") {
    stop_argument("group_delta", "is for groups only",
                  "\"shared\" without them")
  }
  hazard <- find_hazard(hazard, audit, x)
  warn_failed(failed)
  if (failed$policy == "drop") {
    groups <- groups[!audit$failed]
    audit <- drop_failed(audit)
  }
  chosen <- if (is.null(groups)) {
    select_by(audit, rule)
  } else {
    select_groups(audit, rule, groups, group_delta)
  }
  lpb <- new_lpb(audit, rule, chosen, hazard, failed, match.call())
  warn_level(lpb)
  lpb
}

# How the level is to be selected.
check_rule <- function(alpha, delta, certificate, levels, audit,
                       call = rlang::caller_env()) {
  alpha <- check_number(alpha, "alpha", 0, 1, c(TRUE, TRUE), call = call)
  delta <- check_number(delta, "delta", 0, 1, c(TRUE, TRUE), null_ok = TRUE,
                        call = call)
  certificate <- check_choice(certificate, c("exact", "normal"), "certificate",
                              call = call)
  if (!is.null(levels)) {
    levels <- check_levels_grid(levels, audit, call)
    if (!is.null(delta)) {
      stop_argument("levels", "must be NULL for a certificate",
                    "a grid of levels", call = call,
                    fix = "`delta = NULL` is the point rule, as published.")
    }
  }
  list(alpha = alpha, delta = delta, certificate = certificate, levels = levels)
}

# The level of the point rule, and the certified one.
select_by <- function(audit, rule) {
  if (!any(audit$horizon > 0)) {
    return(c(select_nothing(), trivial = TRUE))
  }
  chosen <- if (!is.null(rule$levels)) {
    select_on_grid(audit, rule$alpha, rule$levels)
  } else if (audit$method[1L] == "replicated") {
    select_replicated(audit, rule$alpha)
  } else {
    select_exact(audit, rule$alpha)
  }
  chosen$point_level <- chosen$level
  if (!is.null(rule$delta)) {
    found <- certify_level(audit, rule$alpha, rule$delta, rule$certificate)
    # Luck early in the order may certify more than the whole audit estimates; a
    # lower level is certified, too.
    chosen$level <- min(found$level, chosen$point_level)
    chosen$capped <- found$capped && chosen$capped
    chosen$certificate <- c(found[names(found) %in% c("kind", "bet")],
                            list(remarks = certificate_remarks(audit)))
  }
  bound <- geometric_quantile(audit$prob, chosen$level, audit$cap[1L])
  chosen$trivial <- all(bound == 1)
  chosen
}

warn_failed <- function(failed, call = rlang::caller_env()) {
  if (failed$n > 0) {
    warn_classed("failed_draws", c(
      sprintf("Draws of %s failed for good.", counted(failed$n, "prompt")),
      if (failed$policy == "drop") {
        c(x = "Without these prompts the bound has no guarantee.")
      } else {
        c(i = paste("Each counts as unsafe at its first missing draw: the",
                    "guarantee stays, the bound may be shorter."))
      }
    ), call = call)
  }
}

drop_failed <- function(audit, call = rlang::caller_env()) {
  if (all(audit$failed)) {
    stop_argument("failed", "must leave a prompt", "\"drop\": all failed",
                  call = call)
  }
  audit[!audit$failed, , drop = FALSE]
}

# Levels are only worth anything for the hazard that the plan was made with: the
# one that the audit carries, or one that is checked against the plan.
find_hazard <- function(hazard, audit, x, call = rlang::caller_env()) {
  own <- attr(audit, "hazard")
  if (is.null(hazard) && is.null(own)) {
    stop_argument(
      "hazard", "is needed: the audit does not carry it", call = call,
      fix = paste("Give the hazard_fit that the plan was made with; that of a",
                  "bound is `lpb$hazard`.")
    )
  }
  if (is.null(hazard)) {
    return(own)
  }
  check_class(hazard, "hazard_fit", "hazard", "fit_hazard() or as_hazard()",
              call = call)
  if (isFALSE(is_same_hazard(hazard, own, audit, x, call))) {
    stop_argument("hazard", "must be the one that the plan was made with",
                  "another one", call = call)
  }
  hazard
}

# NA, with a warning, where nothing tells.
is_same_hazard <- function(hazard, own, audit, x, call) {
  if (!is.null(own)) {
    return(identical(own, hazard, ignore.bytecode = TRUE,
                     ignore.environment = TRUE))
  }
  near <- function(a, b) {
    length(a) == length(b) && isTRUE(all(abs(a - b) <= 1e-6 * abs(b)))
  }
  if (!is.null(x)) {
    check_rows(x, nrow(audit), call)
    return(near(predict_hazard(hazard, x, "x", call), audit$prob))
  }
  if (!is.na(audit$hazard_check[1L]) && !is.null(hazard$fitted)) {
    return(near(hazard_check(hazard), audit$hazard_check[1L]))
  }
  # A model of the user's own may read its features off the prompts.
  prob <- tryCatch(predict_hazard(hazard, audit$prompt),
                   error = function(e) NULL)
  if (is.null(prob) || !near(prob, audit$prob)) {
    warn_classed("unchecked", c(
      "Nothing tells whether `hazard` is the one that the plan was made with.",
      x = "With another one the bound has no guarantee.",
      i = "Give the features of the audit's prompts, `x`, to have it checked."
    ), call = call)
    return(NA)
  }
  TRUE
}

# An audit whose rows are the whole plan, all finished.
check_audit <- function(audit, arg = "audit", call = rlang::caller_env()) {
  if (missing(audit)) {
    stop_missing(arg, call)
  }
  if (!is.data.frame(audit) || !all(outcome_columns %in% names(audit))) {
    stop_argument(arg, "must be an audit from run_audit() or as_audit()",
                  describe(audit), call = call)
  }
  audit <- check_plan(audit, arg, call)
  open <- which(is.na(audit$status))
  if (length(open) > 0L) {
    stop_classed("audit", c(
      sprintf("`%s` is unfinished: %s.", arg, count_lacking(audit)),
      x = "Calibrating now would bias the bound.",
      i = "Go on with run_audit()."
    ), id = audit$id[open], call = call)
  }
  check_outcomes(audit, arg, call)
  audit
}

# That what is said of each prompt's draws fits together, and the plan.
check_outcomes <- function(audit, arg, call) {
  column <- function(name, ...) {
    check_numeric(audit[[name]], paste0(arg, "$", name), whole = TRUE, min = 0,
                  call = call, ...)
  }
  draws <- column("draws")
  unsafe <- column("unsafe")
  column("overshoot")
  column("status", max = 1)
  failed <- audit$failed
  if (!is.logical(failed) || anyNA(failed)) {
    stop_argument(paste0(arg, "$failed"), "must be TRUE or FALSE",
                  describe(failed), call = call)
  }
  refuse <- function(wrong, problem) {
    if (any(wrong)) {
      k <- which(wrong)[1L]
      stop_audit(sprintf(
        "has %s unsafe of %s draws, time %s and status %s, %s",
        format(unsafe[k]), format(draws[k]), format(audit$time[k]),
        format(audit$status[k]), sprintf(problem, format(audit$limit[k]),
                                         format(audit$horizon[k]))
      ), audit$id[k], call)
    }
  }
  refuse(unsafe > draws, "which cannot be (limit %s, horizon %s)")
  stops <- audit$method[1L] != "replicated"
  if (stops) {
    column("time")
  }
  # Counts alone do not tell when the first unsafe draw came.
  time <- ifelse(is.na(audit$time), audit$horizon, audit$time)
  refuse(time > audit$horizon | (audit$horizon > 0 & time < 1),
         "beyond a limit of %s and a horizon of %s")
  whole <- !failed
  if (stops) {
    seen <- audit$status == 1
    refuse(whole & seen & (unsafe < 1 | draws != time | time >= audit$horizon),
           "which do not agree (limit %s, horizon %s)")
    refuse(whole & !seen & (time != audit$horizon | draws < audit$limit),
           "which do not agree with a limit of %s and a horizon of %s")
  } else {
    early <- !is.na(audit$time) & time < audit$horizon
    refuse(whole & (draws != audit$limit | (early & unsafe < 1) |
                      (audit$status == 1 & unsafe < 1)),
           "which do not agree with a limit of %s and a horizon of %s")
  }
}

check_levels_grid <- function(levels, audit, call = rlang::caller_env()) {
  levels <- check_numeric(levels, "levels", min = 0, max = 1,
                          open = c(TRUE, FALSE), call = call)
  if (is.unsorted(levels, strictly = TRUE)) {
    stop_argument("levels", "must be strictly increasing",
                  "a vector that is not", call = call)
  }
  limit <- audit$tau_prior[1L]
  if (levels[length(levels)] > limit * (1 + 1e-12)) {
    stop_argument(
      "levels", sprintf("must not exceed the plan's tau_prior of %s",
                        format(limit)),
      format(levels[length(levels)]),
      fix = "Above it the estimate is biased towards 0.", call = call
    )
  }
  levels
}

# ---- Levels ------------------------------------------------------------------

# Probability that the horizon exceeds `time`: that an event there was to be
# seen.
reach_beyond <- function(audit, time) {
  if (audit$method[1L] == "naive") {
    (1 - 1 / audit$budget[1L])^time
  } else {
    # A prompt that needs no draw may have been planned with probability 0.
    ifelse(audit$pi > 0, audit$pi, 1)
  }
}

# What each included prompt counts for.
included_weights <- function(audit) {
  (1 / reach_beyond(audit, pmax(audit$time - 1, 0)))[audit$horizon > 0]
}

# No prompt was included: nothing was looked at, so nothing is known.
select_nothing <- function() {
  none <- data.frame(level = numeric(), miscoverage = numeric())
  list(level = 0, point_level = 0, capped = FALSE, curve = none, exact = TRUE)
}

# The exact level and the jumps it was found from. `audit` is a data frame or a
# list of columns.
find_jumps <- function(audit, alpha) {
  core_value(.Call(
    ffi_select_jump, as.double(audit$prob), as.double(audit$time),
    as.double(audit$horizon), as.double(reach_beyond(audit, audit$time)), alpha,
    audit$tau_prior[1L]
  ))
}

# The level of the point rule alone.
find_point <- function(audit, alpha) {
  if (!any(audit$horizon > 0)) {
    return(select_nothing())
  }
  if (audit$method[1L] == "replicated") {
    find_level(gather_evidence(audit, alpha), point_rule)
  } else {
    find_jumps(audit, alpha)
  }
}

select_exact <- function(audit, alpha) {
  found <- find_jumps(audit, alpha)
  at <- order(found$jump_level)
  curve <- data.frame(
    level = found$jump_level[at],
    miscoverage = cumsum(found$jump_weight[at]) / nrow(audit)
  )
  list(level = found$level, capped = found$capped, curve = curve, exact = TRUE)
}

# The curve is the ratio whose comparison with alpha is the rule: the sum of
# losses over the sum of weights.
select_replicated <- function(audit, alpha) {
  levels <- audit$tau_prior[1L] * seq_len(curve_points) / curve_points
  curve <- data.frame(level = levels,
                      miscoverage = replicated_curve(audit, levels))
  c(find_point(audit, alpha), list(curve = curve, exact = TRUE))
}

replicated_curve <- function(audit, levels) {
  replicated_losses(audit, levels) / sum(prompt_weight(audit))
}

curve_points <- 200

# The sum of weighted losses at each level.
replicated_losses <- function(audit, levels) {
  unsafe <- replicated_unsafe(audit)
  at <- which(unsafe > 0)
  if (length(at) == 0L) {
    return(numeric(length(levels)))
  }
  quantiles <- as_level_matrix(
    geometric_quantile(audit$prob[at], levels, audit$cap[1L]), length(at),
    "levels"
  )
  length(at) * replicated_miscoverage(unsafe[at], audit$limit[at],
                                      audit$pi[at], quantiles)
}

select_on_grid <- function(audit, alpha, levels) {
  miscoverage <- if (audit$method[1L] == "replicated") {
    replicated_curve(audit, levels)
  } else {
    weighted_curve(audit, levels)
  }
  level <- select_level(levels, miscoverage, alpha)
  list(
    level = if (is.na(level)) 0 else level,
    capped = isTRUE(level >= audit$tau_prior[1L] * (1 - 1e-9)),
    curve = data.frame(level = levels, miscoverage = miscoverage),
    exact = FALSE
  )
}

weighted_curve <- function(audit, levels) {
  quantiles <- as_level_matrix(
    geometric_quantile(audit$prob, levels, audit$cap[1L]), nrow(audit), "levels"
  )
  # For naive a matrix. Where it underflows no horizon reached the quantile.
  pi <- pmax(reach_beyond(audit, quantiles - 1), 1e-300)
  miscoverage_curve(audit$time, audit$horizon, pi, quantiles)
}

# ---- The object --------------------------------------------------------------

new_lpb <- function(audit, rule, chosen, hazard, failed, call) {
  about <- describe_audit(audit)
  attr(audit, "hazard") <- NULL
  structure(
    list(
      level = chosen$level, alpha = rule$alpha, delta = rule$delta,
      certificate = chosen$certificate, point_level = chosen$point_level,
      cap = audit$cap[1L], tau_prior = audit$tau_prior[1L],
      capped = chosen$capped, trivial = chosen$trivial,
      coarseness = about$coarseness, method = audit$method[1L],
      exact = chosen$exact, curve = chosen$curve, n = about$n,
      included = about$included, events = about$events, ess = about$ess,
      groups = chosen$groups, membership = chosen$membership,
      group_delta = chosen$sharing,
      draws = c(planned = sum(audit$limit),
                made = sum(audit$draws), overshoot = sum(audit$overshoot)),
      rule = rule, failed = failed, audit = audit, hazard = hazard,
      version = 1L, call = call
    ),
    class = "lpb"
  )
}

# How much there is to calibrate on.
describe_audit <- function(audit) {
  included <- audit$horizon > 0
  weight <- included_weights(audit)
  list(
    n = nrow(audit), included = sum(included), events = count_events(audit),
    ess = sum(weight)^2 / max(sum(weight^2), 1),
    coarseness = largest_weight(audit) / nrow(audit)
  )
}

# Prompts whose unsafe draws tell something.
count_events <- function(audit) {
  if (audit$method[1L] == "replicated") {
    sum(audit$unsafe > 0)
  } else {
    sum(audit$time < audit$horizon)
  }
}

# The largest weight that the plan can give: what one prompt may count for.
largest_weight <- function(plan) {
  reachable <- reachable_quantile(plan)
  counts <- reachable > 1
  if (!any(counts)) {
    return(1)
  }
  max(1 / reach_beyond(plan, reachable - 1)[counts])
}

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
  if (missing(newx)) {
    stop_argument("newx", "is missing",
                  fix = "augment() gives the bounds of calibration prompts.")
  }
  prob <- predict_hazard(object$hazard, newx)
  groups <- check_bound_groups(object, groups, length(prob))
  bound_of(object, prob, groups)
}
