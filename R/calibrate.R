# calibrate_lpb(): conformal calibration of a carried-out plan. Derivation:
# methods vignette, "Calibration" and "The certificate".

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
#'   `n`), `audit`, `hazard`, `schema` and `call`. `predict(lpb, newx)`
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
  parts <- plan_parts(audit)
  chosen <- if (is.null(groups)) {
    select_by(parts, rule)
  } else {
    select_groups(parts, rule, groups, group_delta)
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

check_levels_grid <- function(levels, audit, call = rlang::caller_env()) {
  levels <- check_numeric(levels, "levels", min = 0, max = 1,
                          open = c(TRUE, FALSE), call = call)
  if (is.unsorted(levels, strictly = TRUE)) {
    stop_argument("levels", "must be strictly increasing",
                  "a vector that is not", call = call)
  }
  limit <- plan_parts(audit)$constants$tau_prior
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

# ---- The plan's hazard, and no other -----------------------------------------

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
  planned <- plan_parts(audit)$constants$hazard_check
  if (!is.na(planned) && !is.null(hazard$fitted)) {
    return(near(hazard_check(hazard), planned))
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

# ---- Failed draws ------------------------------------------------------------

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
