# assess_lpb(): coverage overall, by predicted hazard and by group, on held-out
# prompts or on the calibration audit. Derivation: methods vignette,
# "Assessment".

#' Check a bound: coverage overall, by predicted hazard and by group
#'
#' Coverage, overall and where it matters: in bins of predicted hazard, and
#' within groups of prompts; on held-out prompts, or, where there are none, on
#' the calibration audit itself. A bound can cover 90% of all prompts and still
#' fail on most of the risky (or of the safest-looking) ones; the mean bound
#' does not show it.
#'
#' What happened on the held-out prompts is `y`, in one of the forms that
#' [fit_hazard()] takes, or `prob`:
#' * Draws that stopped at the first unsafe one (`Surv()`; `prompt_draws` with
#'   `stop = TRUE`; a `response_log` in which nothing follows an unsafe response
#'   and the numbers of draws differ): a prompt is covered when its first
#'   `bound - 1` draws were safe. Where drawing ended before that without an
#'   unsafe draw, it is unresolved, and counts as **not** covered, with a
#'   warning. `draw_responses(prompts, sampler, draws = bound - 1, stop = TRUE)`
#'   resolves all of them at the least cost.
#' * A fixed number of draws (all other `y`): the unbiased estimate
#'   `choose(draws - unsafe, bound - 1) / choose(draws, bound - 1)` of each
#'   prompt's coverage. With fewer than `bound - 1` draws it is 0 after an
#'   unsafe draw and unresolved otherwise.
#' * `prob`, the true hazards of a simulation: `(1 - prob)^(bound - 1)`,
#'   exactly.
#'
#' Without held-out prompts, `assess_lpb(lpb)` takes the calibration audit
#' itself, and weights each prompt by the inverse of its inclusion probability,
#' within bins, too: `1 - sum(w * loss) / sum(w)`, with the losses that
#' calibration used. Two things set this apart from held-out prompts. `tau` was
#' selected on the same outcomes, which is slightly optimistic, by about as much
#' as `tau` adapts to chance; `folds` removes that. And the intervals, by
#' betting as those of [certify_risk()], are approximate: they would be exact
#' for bounds that were fixed beforehand.
#'
#' @param lpb An `lpb`, see [calibrate_lpb()].
#' @param newdata Features of the held-out prompts, in the form used for
#'   training. `NULL`, the default: the prompts that `y` contains
#'   (`prompt_draws`, `response_log`); or, without `y` and `prob`, the audit
#'   that the bound was calibrated on.
#' @param y Outcomes of the held-out prompts, in the order of `newdata`:
#'   `prompt_draws`, `response_log`, `cbind(unsafe, safe)` or
#'   `survival::Surv(time, status)`, see [fit_hazard()]; whole numbers. In a
#'   `Surv()`, `time` is the number of draws made where `status` is 0.
#' @param prob Numeric vector: true hazards from 0 to 1, instead of `y`.
#' @param groups A vector with one value for each prompt, none missing; rows are
#'   added for each group. Required, and used for the bounds, where the bound
#'   was calibrated within groups, unless it is assessed on its own audit, whose
#'   groups are known.
#' @param bins Number of bins of equal size by predicted hazard, a whole number
#'   of at least 1; never more than there are prompts. The default, `NULL`, is
#'   10 (deciles), or as many as contain 20 informative prompts each. A single
#'   bin has no row of its own: it is all prompts.
#' @param folds Only without held-out prompts: `NULL`, the bound as it is, or a
#'   whole number of at least 2 to cross-fit. Each fold then has the `tau` that
#'   the others select, by the same rule, so that no prompt helps to select what
#'   it is counted for.
#' @param conf.level Confidence level of the intervals, strictly between 0 and
#'   1.
#' @param screened For a bound whose prompts were screened: the screening draws
#'   of the held-out prompts, see [predict.lpb()]. `y` are draws after these.
#' @param ... Must be empty.
#' @returns A data frame of class `lpb_assessment`, with one row for all
#'   prompts, one for each bin (lowest predicted hazard first) and one for each
#'   group, and the columns
#'   * `by`: `"all"`, `"bin"` or `"group"`; `group`: which one; `n`: number of
#'     prompts;
#'   * `nominal`: the coverage aimed at, `1 - alpha`;
#'   * `basis`: `"held-out"`, `"calibration"` or `"cross-fitted"`;
#'   * `estimate`, `conf.low`, `conf.high`: the coverage, from 0 to 1, and its
#'     interval; `NA` where no prompt was informative, or none is called for;
#'   * `interval`: which one this is, `"exact"`, in finite samples (binomial;
#'     for a fixed number of draws by betting; where prompts are unresolved it
#'     allows for either outcome); `"approximate"`, for the calibration audit;
#'     `"none"` for known `prob`;
#'   * `n_unresolved`: number of prompts without enough draws;
#'   * `n_refused`: number of draws that were refused, `NA` where not known (of
#'     a log they count as safe);
#'   * `mean_bound`, `gmean_bound`: arithmetic and geometric mean of the bounds,
#'     in draws; `mean_prob`: the mean predicted hazard.
#'
#'   Each row says all about itself, so that rows may be filtered, sorted, and
#'   bound together with those of other bounds: see [tables]. The attributes
#'   `bound` and `seal` identify the bound and the rows, so that
#'   [write_report()] can refuse the coverage of another one, and rows that were
#'   changed.
#' @section Errors: `timetounsafe_error_argument`,
#'   `timetounsafe_error_features`; warning `timetounsafe_warning_unresolved`.
#' @section Assumptions: The intervals hold for held-out prompts: independent of
#'   training and calibration. On the calibration audit they hold
#'   approximately, for prompts that were not used to train the hazard, and for
#'   cross-fitted `tau`, or a `tau` that depends little on any one prompt.
#' @references Methods vignette, "Assessment" and "Limits by betting".
#' @examples
#' set.seed(1)
#' p <- 10^runif(2000, -3, -1)
#' hazard <- as_hazard(function(newdata) newdata$p)
#' used <- 1:1000
#' plan <- plan_audit(hazard, as.character(used), budget = 20,
#'                    newdata = data.frame(p = p[used]))
#' lpb <- calibrate_lpb(simulate_audit(plan, p[used]))
#' held_out <- data.frame(p = p[-used])
#' assess_lpb(lpb, held_out, prob = p[-used])
#'
#' # From 200 draws of each held-out prompt
#' unsafe <- rbinom(1000, 200, p[-used])
#' assess_lpb(lpb, held_out, cbind(unsafe, safe = 200 - unsafe), bins = 3)
#' assess_lpb(lpb)
#' @export
assess_lpb <- function(lpb, newdata = NULL, y = NULL, prob = NULL,
                       groups = NULL, bins = NULL, folds = NULL,
                       conf.level = 0.95, screened = NULL, ...) {
  check_no_dots(...)
  check_class(lpb, "lpb", "lpb", "calibrate_lpb()")
  bins <- check_number(bins, "bins", min = 1, whole = TRUE, null_ok = TRUE)
  conf.level <- check_number(conf.level, "conf.level", 0, 1, c(TRUE, TRUE))
  held_out <- !is.null(newdata) || !is.null(y) || !is.null(prob)
  folds <- check_folds(folds, held_out, lpb)
  if (held_out) {
    prompts <- assess_held_out(lpb, newdata, y, prob, screened, groups)
  } else {
    prompts <- assess_calibration(lpb, groups, folds)
  }
  parts <- assessment_parts(prompts, bins)
  about <- list(nominal = 1 - lpb$alpha, basis = prompts$basis)
  rows <- lapply(names(parts), function(by) {
    assess_parts(by, parts[[by]], prompts, about, conf.level)
  })
  warn_unresolved(prompts$outcome)
  rows <- do.call(rbind, rows)
  new_table(rows, "lpb_assessment", bound = bound_identity(lpb),
            seal = assessment_seals(rows))
}

check_folds <- function(folds, held_out, lpb, call = rlang::caller_env()) {
  if (held_out && !is.null(folds)) {
    stop_argument("folds", "must be NULL with held-out prompts",
                  describe(folds), call = call)
  }
  check_number(folds, "folds", min = 2, max = max(2, lpb$nobs), whole = TRUE,
               null_ok = TRUE, call = call)
}

# ---- Held-out prompts --------------------------------------------------------

# As assess_calibration(): list(prob, bound, outcome, groups, basis).
assess_held_out <- function(lpb, newdata, y, prob, screened, groups,
                            call = rlang::caller_env()) {
  if (is.null(y) == is.null(prob)) {
    stop_argument("y", "or `prob` is required with held-out prompts",
                  if (!is.null(y)) "both", call = call)
  }
  outcomes <- if (is.null(y)) list() else read_outcomes(y, call = call)
  newdata <- newdata %||% outcomes$prompts
  if (is.null(newdata)) {
    stop_argument("newdata",
                  "is required: the features of the held-out prompts",
                  call = call)
  }
  rows <- predict_rows(lpb, newdata, screened, call)
  n <- length(rows$prob)
  if (is.null(lpb$groups)) {
    groups <- if (!is.null(groups)) check_groups(groups, n, call)
  } else {
    groups <- check_bound_groups(lpb, groups, n, call)
  }
  bound <- bound_of(lpb, rows, if (!is.null(lpb$groups)) groups)
  outcome <- if (is.null(y)) {
    prob <- check_numeric(prob, "prob", n, min = 0, max = 1, call = call)
    list(covered = geometric_coverage(bound, prob), kind = "exact")
  } else {
    observed_coverage(bound, read_outcomes(y, n, call = call), call)
  }
  list(prob = rows$prob, bound = bound, outcome = outcome,
       refused = outcomes$refused, groups = groups, basis = "held-out")
}

# list(covered, kind): covered is from 0 to 1, NA where unresolved.
observed_coverage <- function(bound, outcomes, call) {
  unsafe <- check_numeric(outcomes$unsafe, "y", whole = TRUE, call = call)
  draws <- check_numeric(outcomes$draws, "y", whole = TRUE, call = call)
  stop <- outcomes$stop
  if (any(stop & unsafe > 1)) {
    stop_argument("y", paste(
      "must contain at most one unsafe draw of a prompt whose drawing stops",
      "there"
    ), call = call)
  }
  covered <- replicated_coverage(bound, unsafe, draws)
  # The unsafe draw is the last one.
  safe <- draws - unsafe
  covered[stop] <- ifelse(safe >= bound - 1, 1,
                          ifelse(unsafe > 0, 0, NA))[stop]
  list(covered = covered, kind = if (all(stop)) "binary" else "fraction")
}

# Share of the orders of the draws in which the first bound - 1 are safe.
replicated_coverage <- function(bound, unsafe, draws) {
  needed <- bound - 1
  enough <- needed <= draws
  share <- exp(lchoose(draws - unsafe, needed) - lchoose(draws, needed))
  ifelse(enough, share, ifelse(unsafe > 0, 0, NA))
}

# ---- The calibration audit ---------------------------------------------------

# The prompts that tau was selected on, or, with folds, each fold with the tau
# that the others select.
assess_calibration <- function(lpb, groups, folds,
                               call = rlang::caller_env()) {
  audit <- plan_parts(lpb$audit)
  groups <- if (is.null(groups)) {
    lpb$row_groups
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
  # Where clusters count once each prompt has its share of one.
  counts <- if (is_clustered(audit)) row_share(audit) else 1
  outcome <- list(
    lost = counts * weighted_losses(audit, bound), kind = "weighted",
    weight = counts * replace(prompt_weight(audit), known, 1),
    max_weight = replace(1 / reach_beyond(audit, bound - 1), known, 0),
    place = unit_place(audit), rows = audit$constants$cluster_size %||% 1,
    u = audit$constants$u_certificate,
    always = design_of(audit)$always
  )
  list(prob = audit$prob, bound = bound, outcome = outcome,
       refused = audit$refused, groups = groups,
       basis = if (is.null(folds)) "calibration" else "cross-fitted")
}

# Folds by the random order of the plan: the same each time.
cross_fit_bound <- function(lpb, folds) {
  audit <- plan_parts(lpb$audit)
  fold <- unit_place(audit) %% folds
  bound <- numeric(length(fold))
  for (k in unique(fold)) {
    out <- fold == k
    others <- take_part(audit, !out)
    chosen <- if (is.null(lpb$groups)) {
      select_by(others, lpb$rule)
    } else {
      select_groups(others, lpb$rule, lpb$row_groups[!out], lpb$simultaneous)
    }
    part <- list(tau = chosen$tau, groups = chosen$groups, cap = lpb$cap,
                 precision_rule = lpb$precision_rule)
    bound[out] <- bound_of(part, take_part(audit, out), lpb$row_groups[out])
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
assessment_parts <- function(prompts, bins) {
  n <- length(prompts$prob)
  seen <- if (prompts$outcome$kind == "weighted") {
    sum(prompts$outcome$weight > 0)
  } else {
    n
  }
  bins <- bins %||% max(1, min(10, seen %/% 20))
  parts <- list(all = rep("all", n))
  # A single bin would say again what is said of all.
  if (min(bins, n) > 1) {
    parts$bin <- hazard_bin(prompts$prob, min(bins, n))
  }
  if (!is.null(prompts$groups)) {
    parts$group <- droplevels(prompts$groups)
  }
  parts
}

hazard_bin <- function(predicted, k) {
  at <- risk_rank(predicted, k)
  label <- sprintf("%d of %d", seq_len(k), k)
  label[1L] <- paste(label[1L], "(lowest)")
  label[k] <- paste(label[k], "(highest)")
  factor(label[at], levels = label)
}

assess_parts <- function(by, part, prompts, about, conf.level) {
  rows <- split(seq_along(part), part)
  parts <- lapply(names(rows), function(name) {
    i <- rows[[name]]
    bound <- prompts$bound[i]
    data.frame(
      by = by, group = name, n = length(i), about,
      assess_coverage(prompts$outcome, i, conf.level),
      n_refused = if (is.null(prompts$refused)) NA_real_ else
        sum(prompts$refused[i]),
      mean_bound = mean(bound), gmean_bound = exp(mean(log(bound))),
      mean_prob = mean(prompts$prob[i])
    )
  })
  do.call(rbind, parts)
}

assess_coverage <- function(outcome, i, conf.level) {
  if (outcome$kind == "weighted") {
    lost <- outcome$lost[i]
    weight <- outcome$weight[i]
    estimate <- 1 - weighted_ratio(lost, weight)$estimate
    range <- 1 - weighted_limits(outcome, i, conf.level)
    return(data.frame(
      estimate = max(0, estimate),
      # Luck along the order may put a limit on the other side of the estimate.
      conf.low = min(range[2L], estimate, na.rm = TRUE),
      conf.high = max(range[1L], estimate, na.rm = TRUE),
      interval = "approximate",
      n_unresolved = 0L
    ))
  }
  covered <- outcome$covered[i]
  unresolved <- sum(is.na(covered))
  # What is unresolved may have been covered, or not.
  least <- replace(covered, is.na(covered), 0)
  most <- replace(covered, is.na(covered), 1)
  range <- c(coverage_interval(least, outcome$kind, conf.level)[1L],
             coverage_interval(most, outcome$kind, conf.level)[2L])
  data.frame(
    estimate = mean(least), conf.low = range[1L], conf.high = range[2L],
    interval = if (outcome$kind == "exact") "none" else "exact",
    n_unresolved = unresolved
  )
}

# Limits of the share of losses, in the random order of the plan.
weighted_limits <- function(outcome, i, conf.level) {
  part <- outcome$lost[i]
  total <- outcome$weight[i]
  heaviest <- max(outcome$max_weight[i])
  if (sum(total) == 0) {
    return(c(0, 1))
  }
  if (heaviest == 0) {
    return(rep(weighted_ratio(part, total)$estimate, 2L))
  }
  unit <- match(outcome$place[i], sort(unique(outcome$place[i])))
  heaviest <- max(1, heaviest)
  # A part exceeds its total where every prompt is looked at.
  terms <- new_bet_terms(
    add_by_place(total, unit, max(unit)), add_by_place(part, unit, max(unit)),
    outcome$rows * if (outcome$always) 1 else heaviest,
    outcome$rows * heaviest, if (outcome$always) heaviest else 1
  )
  both_limits(function(side, delta) {
    betting_limit(terms, side, delta, outcome$u)
  }, conf.level)
}

coverage_interval <- function(covered, kind, conf.level) {
  n <- length(covered)
  if (kind == "exact") {
    return(c(NA_real_, NA_real_))
  }
  if (kind == "binary") {
    return(binomial_interval(sum(covered), n, conf.level))
  }
  lost <- pmax(0, 1 - covered)[order_by_id(seq_len(n))]
  terms <- new_bet_terms(rep(1, n), lost, 1)
  range <- 1 - both_limits(function(side, delta) {
    if (all(lost == 0)) {
      return(binomial_limit(0, n, side, delta))
    }
    betting_limit(terms, side, delta)
  }, conf.level)[2:1]
  c(min(range[1L], mean(covered)), max(range[2L], mean(covered)))
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
