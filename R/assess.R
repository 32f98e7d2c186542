# assess_lpb(): coverage overall, by predicted risk and by group, on held-out
# prompts or on the calibration audit. Derivation: methods vignette,
# "Assessment".

#' Check a bound: coverage overall, by risk and by group
#'
#' Coverage, overall and where it matters: by predicted risk, and within groups
#' of your own; on held-out prompts, or, where there are none, on the
#' calibration audit itself. A bound can cover 90% of all prompts and still fail
#' on most of the risky (or of the safest-looking) ones; the mean bound does not
#' show it.
#'
#' What happened on the held-out prompts is given in one of three ways:
#' * `time` and `status`, of draws that stopped at the first unsafe one: a
#'   prompt is covered when `time >= bound`. Where drawing ended before the
#'   bound without an unsafe draw (`status` 0, `time < bound`), it is
#'   unresolved, and counts as **not** covered, with a warning.
#'   `audit_prompts(prompts, sampler, draws = bound - 1, stop = TRUE)` resolves
#'   them all at the least cost.
#' * `unsafe` and `draws`, of a fixed number of draws: the unbiased estimate
#'   `choose(draws - unsafe, bound - 1) / choose(draws, bound - 1)` of each
#'   prompt's coverage. With fewer than `bound - 1` draws it is 0 after an
#'   unsafe draw and unresolved otherwise.
#' * `prob`, the true hazards of a simulation: `(1 - prob)^(bound - 1)`,
#'   exactly.
#'
#' Without held-out prompts, `assess_lpb(lpb)` takes the calibration audit
#' itself, and weighs each prompt by the inverse of its probability to be
#' included, within risk groups, too: `1 - sum(w * loss) / sum(w)`, with the
#' losses that calibration used. Two things set this apart from held-out
#' prompts. The level was chosen on the same outcomes, which flatters the bound,
#' by about as much as the level adapts to chance; `folds` removes that. And the
#' intervals are approximate: binomial, for as many prompts of equal weight as
#' would give the same linearised standard error.
#'
#' @param lpb An `lpb`, see [calibrate_lpb()].
#' @param newx Features of the held-out prompts. Left out, together with the
#'   outcomes, the bound is assessed on the audit it was calibrated on.
#' @param time,status Numeric vectors, one value for each prompt: the first
#'   unsafe draw and 1, or the number of safe draws plus one and 0. The columns
#'   of [audit_prompts()].
#' @param unsafe,draws Numeric vectors: number of unsafe draws, and of all
#'   draws.
#' @param prob Numeric vector: true hazards from 0 to 1.
#' @param groups A vector with one value for each prompt, none missing; rows are
#'   added for each group. Needed, and used for the bounds, where the bound was
#'   calibrated within groups, unless it is assessed on its own audit, whose
#'   groups are known.
#' @param risk_groups Number of groups of equal size by predicted hazard, a
#'   whole number of at least 1; never more than there are prompts. The default,
#'   `NULL`, is 10 (deciles), or as many as hold 20 prompts each with something
#'   to tell.
#' @param folds Only without `newx`: `NULL`, the bound as it is, or a whole
#'   number of at least 2 to cross-fit. Each fold then has the level that the
#'   others select, by the same rule, so that no prompt helps to choose what it
#'   is counted for.
#' @param conf_level Level of the confidence intervals, strictly between 0 and
#'   1.
#' @param ... Must be empty.
#' @returns A data frame of class `lpb_assessment`, with one row for all
#'   prompts, one for each risk group (lowest predicted hazard first) and one
#'   for each group: `by` ("all", "risk" or "group"), `group`, `n`, `coverage`,
#'   `low` and `high`, `interval` (which one this is: `"exact"`, binomial;
#'   `"conservative"`, the binomial one for fractions; `"approximate"`, for the
#'   calibration audit; `"none"` for known `prob`), `unresolved`, `mean_bound`,
#'   `geometric_mean` and `mean_prob` (the mean predicted hazard). The target is
#'   in the attribute `target`, what was assessed in `basis`: `"held-out"`,
#'   `"calibration"` or `"cross-fitted"`; the attribute `bound` tells which
#'   bound it was, so that [report()] can refuse the coverage of another one.
#' @section Errors: `timetounsafe_error_argument`,
#'   `timetounsafe_error_features`; warning `timetounsafe_warning_unresolved`.
#' @section Assumptions: The intervals hold for held-out prompts: independent of
#'   training and calibration. On the calibration audit they hold
#'   approximately, for prompts that were not used to train the hazard, and for
#'   cross-fitted levels, or a level that depends little on any one prompt.
#' @references Methods vignette, "Assessment". The approximate interval: Korn
#'   and Graubard (1998), Confidence intervals for proportions with small
#'   expected number of positive counts estimated from survey data, Survey
#'   Methodology 24, 193-201.
#' @examples
#' set.seed(1)
#' p <- 10^runif(2000, -3, -1)
#' hazard <- as_hazard(function(newx) newx$p)
#' used <- 1:1000
#' plan <- plan_audit(hazard, as.character(used), data.frame(p = p[used]),
#'                    budget = 20)
#' lpb <- calibrate_lpb(simulate_audit(plan, p[used]))
#' assess_lpb(lpb, data.frame(p = p[-used]), prob = p[-used])
#' assess_lpb(lpb)
#' @export
assess_lpb <- function(lpb, newx, time = NULL, status = NULL, unsafe = NULL,
                       draws = NULL, prob = NULL, groups = NULL,
                       risk_groups = NULL, folds = NULL, conf_level = 0.95,
                       ...) {
  check_no_dots(...)
  check_class(lpb, "lpb", "lpb", "calibrate_lpb()")
  risk_groups <- check_number(risk_groups, "risk_groups", min = 1, whole = TRUE,
                              null_ok = TRUE)
  conf_level <- check_number(conf_level, "conf_level", 0, 1, c(TRUE, TRUE))
  outcomes <- list(time = time, status = status, unsafe = unsafe, draws = draws,
                   prob = prob)
  held_out <- !missing(newx) || any(lengths(outcomes) > 0L)
  folds <- check_folds(folds, held_out, lpb)
  if (held_out) {
    prompts <- assess_held_out(lpb, newx, outcomes, groups)
  } else {
    prompts <- assess_calibration(lpb, groups, folds)
  }
  parts <- assessment_parts(prompts, risk_groups)
  rows <- lapply(names(parts), function(by) {
    assess_parts(by, parts[[by]], prompts, conf_level)
  })
  warn_unresolved(prompts$outcome)
  structure(do.call(rbind, rows), target = 1 - lpb$alpha, basis = prompts$basis,
            bound = bound_identity(lpb),
            class = c("lpb_assessment", "data.frame"))
}

check_folds <- function(folds, held_out, lpb, call = rlang::caller_env()) {
  if (held_out && !is.null(folds)) {
    stop_argument("folds", "must be NULL with held-out prompts",
                  describe(folds), call = call)
  }
  check_number(folds, "folds", min = 2, max = max(2, lpb$n), whole = TRUE,
               null_ok = TRUE, call = call)
}

# ---- Held-out prompts --------------------------------------------------------

# As assess_calibration(): list(prob, bound, outcome, groups, basis).
assess_held_out <- function(lpb, newx, outcomes, groups,
                            call = rlang::caller_env()) {
  if (missing(newx)) {
    stop_missing("newx", call)
  }
  prob <- predict_hazard(lpb$hazard, newx, call = call)
  n <- length(prob)
  if (is.null(lpb$groups)) {
    groups <- if (!is.null(groups)) check_groups(groups, n, call)
  } else {
    groups <- check_bound_groups(lpb, groups, n, call)
  }
  bound <- bound_of(lpb, list(prob = prob), if (!is.null(lpb$groups)) groups)
  outcome <- do.call(read_assessment, c(list(bound, n), outcomes,
                                        list(call = call)))
  list(prob = prob, bound = bound, outcome = outcome, groups = groups,
       basis = "held-out")
}

# list(covered, kind): covered is from 0 to 1, NA where unresolved.
read_assessment <- function(bound, n, time, status, unsafe, draws, prob,
                            call = rlang::caller_env()) {
  given <- c(time = !is.null(time) || !is.null(status),
             counts = !is.null(unsafe) || !is.null(draws),
             prob = !is.null(prob))
  if (sum(given) != 1L) {
    stop_argument(
      "time", "and `status`, or `unsafe` and `draws`, or `prob` must be given",
      sprintf("%d of the three", sum(given)), call = call
    )
  }
  if (given[["prob"]]) {
    prob <- check_numeric(prob, "prob", n, min = 0, max = 1, call = call)
    return(list(covered = geometric_coverage(bound, prob), kind = "exact"))
  }
  if (given[["time"]]) {
    time <- check_numeric(time, "time", n, min = 1, whole = TRUE, call = call)
    status <- check_numeric(status, "status", n, min = 0, max = 1, whole = TRUE,
                            call = call)
    covered <- ifelse(time >= bound, 1, ifelse(status == 1, 0, NA))
    return(list(covered = covered, kind = "binary"))
  }
  draws <- check_numeric(draws, "draws", n, min = 0, whole = TRUE,
                         recycle = TRUE, finite = TRUE, call = call)
  unsafe <- check_numeric(unsafe, "unsafe", n, min = 0, whole = TRUE,
                          call = call)
  check_counts(unsafe, draws, n, call)
  list(covered = replicated_coverage(bound, unsafe, rep_len(draws, n)),
       kind = "fraction")
}

# Share of the orders of the draws in which the first bound - 1 are safe.
replicated_coverage <- function(bound, unsafe, draws) {
  needed <- bound - 1
  enough <- needed <= draws
  share <- exp(lchoose(draws - unsafe, needed) - lchoose(draws, needed))
  ifelse(enough, share, ifelse(unsafe > 0, 0, NA))
}

# ---- The calibration audit ---------------------------------------------------

# The prompts that the level was chosen on, or, with folds, each fold with the
# level that the others choose.
assess_calibration <- function(lpb, groups, folds,
                               call = rlang::caller_env()) {
  audit <- plan_parts(lpb$audit)
  groups <- if (is.null(groups)) {
    lpb$membership
  } else {
    check_groups(groups, length(audit$prob), call)
  }
  bound <- if (is.null(folds)) {
    calibration_bound(lpb)
  } else {
    cross_fit_bound(lpb, folds)
  }
  # A bound of 1 is known to be kept, without a draw.
  known <- bound <= 1
  outcome <- list(
    lost = weighted_losses(audit, bound), kind = "weighted",
    weight = replace(prompt_weight(audit), known, 1),
    heaviest = replace(1 / reach_beyond(audit, bound - 1), known, 0)
  )
  list(prob = audit$prob, bound = bound, outcome = outcome, groups = groups,
       basis = if (is.null(folds)) "calibration" else "cross-fitted")
}

# Folds by the random order of the plan: the same each time.
cross_fit_bound <- function(lpb, folds) {
  audit <- plan_parts(lpb$audit)
  fold <- rank(audit$order, ties.method = "first") %% folds
  bound <- numeric(length(fold))
  for (k in unique(fold)) {
    out <- fold == k
    others <- take_part(audit, !out)
    chosen <- if (is.null(lpb$groups)) {
      select_by(others, lpb$rule)
    } else {
      select_groups(others, lpb$rule, lpb$membership[!out], lpb$group_delta)
    }
    part <- list(level = chosen$level, groups = chosen$groups, cap = lpb$cap)
    bound[out] <- bound_of(part, take_part(audit, out), lpb$membership[out])
  }
  bound
}

# The loss of each prompt at its bound, P(T < bound), times its weight.
weighted_losses <- function(audit, bound) {
  lost <- design_of(audit)$loss(audit, bound)
  at <- which(lost > 0)
  lost[at] <- lost[at] / reach_beyond(audit, audit$time)[at]
  lost
}

# ---- Coverage of all prompts, and of parts of them ---------------------------

# All prompts, those of about equal predicted hazard, and the user's groups.
assessment_parts <- function(prompts, risk_groups) {
  n <- length(prompts$prob)
  seen <- if (prompts$outcome$kind == "weighted") {
    sum(prompts$outcome$weight > 0)
  } else {
    n
  }
  risk_groups <- risk_groups %||% max(1, min(10, seen %/% 20))
  parts <- list(all = rep("all", n),
                risk = risk_group(prompts$prob, min(risk_groups, n)))
  if (!is.null(prompts$groups)) {
    parts$group <- droplevels(prompts$groups)
  }
  parts
}

risk_group <- function(predicted, k) {
  at <- risk_rank(predicted, k)
  label <- sprintf("%d of %d", seq_len(k), k)
  label[1L] <- paste(label[1L], "(lowest)")
  if (k > 1L) {
    label[k] <- paste(label[k], "(highest)")
  }
  factor(label[at], levels = label)
}

assess_parts <- function(by, part, prompts, conf_level) {
  rows <- split(seq_along(part), part)
  parts <- lapply(names(rows), function(name) {
    i <- rows[[name]]
    bound <- prompts$bound[i]
    data.frame(
      by = by, group = name, n = length(i),
      assess_coverage(prompts$outcome, i, conf_level),
      mean_bound = mean(bound), geometric_mean = exp(mean(log(bound))),
      mean_prob = mean(prompts$prob[i])
    )
  })
  do.call(rbind, parts)
}

assess_coverage <- function(outcome, i, conf_level) {
  if (outcome$kind == "weighted") {
    lost <- outcome$lost[i]
    weight <- outcome$weight[i]
    range <- weighted_interval(lost, weight, max(outcome$heaviest[i]),
                               conf_level)
    return(data.frame(
      coverage = 1 - weighted_ratio(lost, weight)$estimate,
      low = 1 - range[2L], high = 1 - range[1L], interval = "approximate",
      unresolved = 0L
    ))
  }
  covered <- outcome$covered[i]
  unresolved <- sum(is.na(covered))
  covered[is.na(covered)] <- 0
  range <- coverage_interval(covered, outcome$kind, conf_level)
  data.frame(
    coverage = mean(covered), low = range[1L], high = range[2L],
    interval = c(exact = "none", binary = "exact",
                 fraction = "conservative")[[outcome$kind]],
    unresolved = unresolved
  )
}

coverage_interval <- function(covered, kind, conf_level) {
  n <- length(covered)
  if (kind == "exact") {
    return(c(NA_real_, NA_real_))
  }
  # Fractions vary less than zeros and ones with their mean, so for them the
  # interval is conservative.
  binomial_interval(sum(covered), n, conf_level)
}

warn_unresolved <- function(outcome, call = rlang::caller_env()) {
  open <- sum(is.na(outcome$covered))
  if (open > 0L) {
    warn_classed("unresolved", c(
      sprintf("%d of %d prompts were not drawn up to their bound.", open,
              length(outcome$covered)),
      i = "They count as not covered, so coverage may be higher than shown."
    ), call = call)
  }
}
