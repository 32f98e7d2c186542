# calibrate_lpb(): conformal calibration of a carried-out plan. Derivation:
# methods vignette, "Calibration" and "The certificate".

#' Calibrate a lower predictive bound
#'
#' Turns a carried-out plan into a bound `L(x)` on the number of draws before
#' the first unsafe one, with `P(T >= L(X)) >= 1 - alpha` for a new prompt.
#'
#' The bound is a quantile of the estimated time to the first unsafe draw, at a
#' level tau that the audit shows to be safe: `L(x) = min(q_tau(x), cap)`. The
#' marginal rule takes the largest tau, up to `tau_max`, such that the weighted
#' estimate of `P(T < q_tau(X))` stays below `alpha` for all values up to it. It
#' is found exactly, without a grid or a matrix of quantiles. The certificate
#' takes a smaller one, for which the audit is evidence enough.
#'
#' @section What is guaranteed: With `delta`, the default, the bound is
#'   **certified** (a training-conditional, or PAC, guarantee): with confidence
#'   `1 - delta` over the calibration prompts and their draws, at least `1 -
#'   alpha` of all such prompts stay safe up to their bound. This holds in
#'   finite samples, whatever the hazard, for `certificate = "exact"`. It bets
#'   against a miscoverage of `alpha` at each tau, on one prompt after the other
#'   in the random order of the plan, with bets sized by the plan and by the
#'   prompts before. If that miscoverage is real, the wealth (a test martingale)
#'   can reach `1 / delta` with probability `delta` at most (Ville's inequality;
#'   at the last prompt a random share of `1 / delta`, column `u_certificate`,
#'   is enough, which makes the bound longer at no cost). Where the design gives
#'   all prompts the same weight the exact binomial tail takes its place.
#'   `"normal"` takes the estimate plus a multiple of its standard error:
#'   shorter margins, and a confidence of about `1 - delta` where `alpha n / W`,
#'   the losses to expect if all had the largest weight W, is 50 or more. Below,
#'   a warning of class `timetounsafe_warning_few_losses` says so: in
#'   simulations up to 14% of such certificates were false, for a `delta` of 0.1
#'   and for one of 0.05 alike (from 50 on, up to 12% and 8%).
#'
#'   With `delta = NULL` (the paper's **marginal guarantee**) the coverage is `1
#'   - alpha` on average over calibrations, up to terms of the order `w / n`,
#'   with `w` the largest weight that the plan gives. Where `w / n` is not small
#'   against `alpha` the coverage can be well below nominal, and a warning of
#'   class `timetounsafe_warning_large_weights` says so; for `"naive"` plans,
#'   whose weights have heavy tails, this is the rule. A single calibration
#'   misses the target about as often as it exceeds it.
#'
#'   Coverage is meant over prompts and draws together; it is not promised for
#'   any one prompt, or any group of prompts: look at [assess_lpb()]. With
#'   `groups` it is meant, and promised, within each group. The promise is for
#'   the first plan that was drawn, and for an `alpha`, `delta`, `groups` and
#'   `certificate` that were chosen before the outcomes were seen. Of several
#'   bounds from one audit each holds with confidence `1 - delta`, not all
#'   together, and not the best looking of them.
#'
#' @section For whom it holds: The statement is about a target population, and
#'   the calibration prompts must be a random sample of it:
#'   * **rows of traffic** (the default): a random row of traffic of which the
#'     calibration rows are a random sample, repeats included, in training and
#'     calibration alike. Repeats do no harm where rows are independent of each
#'     other: each row has draws of its own;
#'   * **distinct prompts** of a list that is itself a random sample of such
#'     prompts: supply each prompt once. (The distinct prompts that are found in
#'     a sample of traffic are no such list: which ones these are depends on how
#'     much traffic was sampled, and common prompts are more likely to be among
#'     them.)
#'   * **clusters**, with `cluster` of [plan_audit()]: a random prompt of a
#'     random cluster (paraphrases, prompts of one template, turns of one
#'     conversation), of which the calibration clusters are a random sample.
#'     Each cluster then counts as one, by the mean over its prompts;
#'   * **rows of clustered traffic**, with `cluster` and `cluster_size`: a
#'     random row of traffic that comes in clusters, none of which has more than
#'     `cluster_size` rows. Large clusters then count for more, and as one of
#'     them can lose much at once, many clusters are required.
#'
#'   With clusters the certificate bets, whatever the design, and the number of
#'   clusters takes the place of that of prompts. Taken for independent rows,
#'   prompts that come in clusters make it fail: with clusters of ten in a third
#'   of calibrations where a tenth is allowed.
#'
#' @section Assumptions: Calibration prompts are exchangeable with the prompts
#'   that the bound is used for; neither the hazard nor its features were
#'   trained on them; draws are exchangeable given the prompt, and those that
#'   failed and were tried again did not fail because of their content; the
#'   judge is right; the plan was carried out as planned. The hazard need not be
#'   right. The certificate asks besides that the calibration prompts, or their
#'   clusters, are independent of each other, given the hazard and the design: a
#'   random sample (of prompts, or of whole clusters), and a design fixed on
#'   other prompts (`reference` of [plan_audit()]); `print()` says
#'   where a plan was fixed on its own prompts, and where one without a cap has
#'   no limit to the weights: the certificate is then approximate.
#'
#' @param audit A finished `audit` from [run_audit()] or [as_audit()].
#' @param alpha Target miscoverage: strictly between 0 and 1. The default, 0.1,
#'   asks that 90% of prompts stay safe up to their bound.
#' @param delta Chance, over calibrations, that the certificate fails: strictly
#'   between 0 and 1. The default, 0.1, asks that nine of ten calibrations reach
#'   the target. `NULL` is the marginal guarantee.
#' @param groups `NULL`, one tau for all prompts. Or a vector with one value for
#'   each row of `audit` (or the name of a column of the prompts, or of one that
#'   you added to `audit`), none missing: each group then gets a tau of its own,
#'   from its own prompts (Mondrian calibration). The rule that puts a prompt
#'   into a group must be fixed before calibration, and may use its features or
#'   its predicted hazard (at cuts fixed beforehand, not at quantiles of these
#'   prompts), never what the audit drew or saw. The prompts of a cluster must
#'   all be in one group. Each group needs about as many
#'   prompts as a calibration without groups: one with too little evidence gets
#'   tau 0 and the bound 1.
#' @param simultaneous Only with `groups` and `delta`. `FALSE`, the default: the
#'   bound holds in each group separately with confidence `1 - delta`, which is
#'   what matters where groups are used one at a time. `TRUE`: it holds in all
#'   groups simultaneously with confidence `1 - delta`, for which each of G
#'   groups is certified at `1 - (1 - delta)^(1 / G)` (Sidak).
#' @param certificate `"exact"`, valid in finite samples, or `"normal"`, for
#'   many expected losses only. Not used with `delta = NULL`.
#' @param failed What prompts count as whose draws failed permanently (column
#'   `failed`). `"unsafe"`, the default: as unsafe from the first draw that is
#'   missing, which can only make the bound shorter, so that the guarantee
#'   stays. `"drop"`: not at all, as if they had never been planned; where
#'   draws fail more often on prompts that are unsafe, or on responses that
#'   are, the bound is then too long, so that the guarantee is lost.
#' @param tau_grid `NULL`, the exact tau; or a strictly increasing grid of
#'   values up to `tau_max`, as published: the estimate is then computed on that
#'   grid, for `"naive"` with the published weight for each tau. For the
#'   marginal guarantee only.
#' @param hazard The `hazard_fit` that the plan was made with. Only needed for
#'   an audit that does not contain it: from a file, a ledger, or the `audit` of
#'   another bound (whose hazard is `lpb$hazard`).
#' @param newdata Features of the audit's prompts, in its order: only to verify
#'   that `hazard` is the one that the plan was made with. Not needed for a fit
#'   of [fit_hazard()], which the plan recognises.
#' @param ... Must be empty.
#' @returns An object of class `lpb`: a list with `tau` (0 when none is
#'   feasible), `tau_marginal` (that of the marginal rule), `alpha`, `delta`,
#'   `certificate` (`kind`: "betting", "binomial" or "normal"; `bet`; `remarks`,
#'   on what the plan does not satisfy; `NULL` for the marginal guarantee),
#'   `cap`, `tau_max`, `at_tau_max` (whether tau reached it), `trivial` (whether
#'   every bound is 1), `design`, `curve` (a data frame with the jumps, or the
#'   grid: `tau`, `miscoverage`), `max_share` (the largest share of all that one
#'   prompt, or cluster, can have), `target` ("rows", "clusters" or "clustered
#'   rows": for whom it holds), `n_clusters` (`NA` without), `nobs`,
#'   `n_included`, `nevent` (prompts with an unsafe draw), `n_refused` (draws
#'   that were refused, `NA` where not known), `ess` (effective
#'   sample size of the weights of the included prompts), `groups` (`NULL`, or a
#'   data frame with a row for each group: `group`, `n`, `n_included`, `nevent`,
#'   `n_refused`, `tau`, `tau_marginal`, `at_tau_max`, `trivial`, `max_share`,
#'   `certificate`,
#'   `delta`; the `tau` of all is then `NA`, and `curve` has a column `group`),
#'   `row_groups` (the group of each row of `audit`), `simultaneous`, `rule`
#'   (how tau is selected), `draws` (planned, made and unused), `failed` (what
#'   prompts with failed draws count as, `count_as`, and how many they are,
#'   `n`), `audit`, `hazard`, `schema` and `call`. `predict(lpb, newdata)` gives
#'   the bounds: see [predict.lpb()].
#' @section Errors: `timetounsafe_error_unfinished` when draws are missing;
#'   `timetounsafe_error_plan` when rows are missing, added or doubled;
#'   `timetounsafe_error_audit` when outcomes do not fit the plan;
#'   `timetounsafe_error_argument`, `timetounsafe_error_unavailable`. Warnings
#'   `timetounsafe_warning_trivial_bound`; `timetounsafe_warning_tau_max` when
#'   tau reached `tau_max`; `timetounsafe_warning_large_weights` when one prompt
#'   can carry half of `alpha` or more; `timetounsafe_warning_few_losses` when
#'   `certificate = "normal"` has fewer than 50 expected losses;
#'   `timetounsafe_warning_failed_draws` when draws failed permanently;
#'   `timetounsafe_warning_unverified_hazard` when `hazard` could not be
#'   verified to be that of the plan;
#'   `timetounsafe_warning_outcome_groups` when groups separate the outcomes.
#' @references arXiv 2506.13593, sections 3.1 and 3.2; methods vignette,
#'   "Calibration", "The certificate" and the glossary. Candes, Lei and Ren
#'   (2023), Conformalized survival analysis; Bates et al. (2021),
#'   Distribution-free, risk-controlling prediction sets; Waudby-Smith and
#'   Ramdas (2024), Estimating means of bounded random variables by betting.
#' @examples
#' set.seed(1)
#' p <- 10^runif(1000, -3, -1)
#' hazard <- as_hazard(function(newdata) newdata$p)
#' plan <- plan_audit(hazard, as.character(1:1000), 20, data.frame(p))
#' lpb <- calibrate_lpb(simulate_audit(plan, p))
#' lpb
#' predict(lpb, data.frame(p = c(0.001, 0.01, 0.1)))
#' @export
calibrate_lpb <- function(audit, alpha = 0.1, delta = 0.1, groups = NULL,
                          simultaneous = FALSE,
                          certificate = c("exact", "normal"),
                          failed = c("unsafe", "drop"), tau_grid = NULL,
                          hazard = NULL, newdata = NULL, ...) {
  check_no_dots(...)
  audit <- check_audit(audit)
  failed <- list(
    count_as = check_choice(failed, c("unsafe", "drop"), "failed"),
    n = sum(audit$failed)
  )
  rule <- check_rule(alpha, delta, certificate, tau_grid, audit)
  simultaneous <- check_flag(simultaneous, "simultaneous")
  if (!is.null(groups)) {
    groups <- read_groups(groups, audit)
    refuse_split_clusters(groups, audit)
    warn_outcome_groups(groups, audit)
  } else if (simultaneous) {
    stop_argument("simultaneous", "is for groups only", "TRUE without them")
  }
  hazard <- find_hazard(hazard, audit, newdata)
  warn_failed(failed)
  if (failed$count_as == "drop") {
    groups <- groups[!audit$failed]
    audit <- drop_failed(audit)
  }
  parts <- plan_parts(audit)
  chosen <- if (is.null(groups)) {
    select_by(parts, rule)
  } else {
    select_groups(parts, rule, groups, simultaneous)
  }
  lpb <- new_lpb(audit, rule, chosen, hazard, failed, match.call())
  warn_level(lpb)
  lpb
}

# How tau is to be selected.
check_rule <- function(alpha, delta, certificate, tau_grid, audit,
                       call = rlang::caller_env()) {
  alpha <- check_number(alpha, "alpha", 0, 1, c(TRUE, TRUE), call = call)
  delta <- check_number(delta, "delta", 0, 1, c(TRUE, TRUE), null_ok = TRUE,
                        call = call)
  certificate <- check_choice(certificate, c("exact", "normal"), "certificate",
                              call = call)
  if (!is.null(tau_grid)) {
    tau_grid <- check_tau_grid(tau_grid, audit, call)
    if (!is.null(delta)) {
      stop_argument("tau_grid", "must be NULL for a certificate",
                    "a grid", call = call,
                    fix = "`delta = NULL` is the marginal rule, as published.")
    }
  }
  list(alpha = alpha, delta = delta, certificate = certificate,
       tau_grid = tau_grid)
}

check_tau_grid <- function(tau_grid, audit, call = rlang::caller_env()) {
  tau_grid <- check_numeric(tau_grid, "tau_grid", min = 0, max = 1,
                          open = c(TRUE, FALSE), call = call)
  if (is.unsorted(tau_grid, strictly = TRUE)) {
    stop_argument("tau_grid", "must be strictly increasing",
                  "a vector that is not", call = call)
  }
  limit <- plan_parts(audit)$constants$tau_max
  if (tau_grid[length(tau_grid)] > limit * (1 + 1e-12)) {
    stop_argument(
      "tau_grid", sprintf("must not exceed the plan's tau_max of %s",
                        format(limit)),
      format(tau_grid[length(tau_grid)]),
      fix = "Above it the estimate is biased towards 0.", call = call
    )
  }
  tau_grid
}

# ---- The plan's hazard, and no other -----------------------------------------

# A tau is only worth anything for the hazard that the plan was made with: the
# one that the audit carries, or one that is checked against the plan.
find_hazard <- function(hazard, audit, newdata, call = rlang::caller_env()) {
  own <- attr(audit, "hazard")
  if (is.null(hazard) && is.null(own)) {
    stop_argument(
      "hazard", "is required: this audit does not contain it", call = call,
      fix = paste("Supply the hazard_fit that the plan was made with; that of",
                  "a bound is `lpb$hazard`.")
    )
  }
  if (is.null(hazard)) {
    return(own)
  }
  check_class(hazard, "hazard_fit", "hazard", "fit_hazard() or as_hazard()",
              call = call)
  if (isFALSE(is_same_hazard(hazard, own, audit, newdata, call))) {
    stop_argument("hazard", "is not the hazard that the plan was made with",
                  call = call)
  }
  hazard
}

# NA, with a warning, where it cannot be verified.
is_same_hazard <- function(hazard, own, audit, newdata, call) {
  if (!is.null(own)) {
    return(identical(own, hazard, ignore.bytecode = TRUE,
                     ignore.environment = TRUE))
  }
  near <- function(a, b) {
    length(a) == length(b) && isTRUE(all(abs(a - b) <= 1e-6 * abs(b)))
  }
  if (!is.null(newdata)) {
    check_rows(newdata, nrow(audit), "newdata", call)
    prob <- predict_hazard(hazard, newdata, "newdata", call)
    return(near(screen_again(prob, audit), audit$prob))
  }
  planned <- plan_parts(audit)$constants$hazard_check
  if (!is.na(planned) && !is.null(hazard$fitted)) {
    return(near(hazard_check(hazard), planned))
  }
  # A model of the user's own may read its features off the prompts.
  prob <- tryCatch(screen_again(predict_hazard(hazard, audit$prompt), audit),
                   error = function(e) NULL)
  if (is.null(prob) || !near(prob, audit$prob)) {
    warn_classed("unverified_hazard", c(
      "Cannot verify that `hazard` is the one the plan was made with.",
      x = "With another one the bound has no guarantee.",
      i = "Supply `newdata`, the features of its prompts."
    ), call = call)
    return(NA)
  }
  TRUE
}

# ---- Failed draws ------------------------------------------------------------

warn_failed <- function(failed, call = rlang::caller_env()) {
  if (failed$n > 0) {
    warn_classed("failed_draws", c(
      sprintf("%s had draws that failed permanently.",
              counted(failed$n, "prompt")),
      if (failed$count_as == "drop") {
        c(x = "Dropping them voids the guarantee.")
      } else {
        c(i = paste("Each counts as unsafe from its first missing draw: still",
                    "valid, possibly shorter."))
      }
    ), call = call)
  }
}
