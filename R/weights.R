# What a prompt counts for: the probability that its loss was to be seen, what
# there is to calibrate on, and weighted means. Source of the last: methods
# vignette, "Weighted means".

# ---- Weights -----------------------------------------------------------------

# Probability that the horizon exceeds `time`: that an event there was to be
# seen.
reach_beyond <- function(audit, time) design_of(audit)$reach(audit, time)

# What each included prompt counts for.
included_weights <- function(audit) {
  (1 / reach_beyond(audit, pmax(audit$time - 1, 0)))[audit$horizon > 0]
}

# What each prompt counts for in a weighted mean: 0 where it was not looked at.
prompt_weight <- function(audit) {
  weight <- ifelse(audit$horizon > 0, 1 / reach_beyond(audit, audit$time), 0)
  known <- design_of(audit)$always | reachable_quantile(audit) <= 1
  replace(weight, known, 1)
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

# The inclusion probability that all prompts share which can be lost, or NA.
equal_weight <- function(audit) {
  if (!design_of(audit)$countable) {
    return(NA_real_)
  }
  # By the design, not by which prompts happened to come: everybody is included,
  # or there is one hazard.
  same <- audit$constants$max_weight <= 1 + 1e-9 ||
    all(audit$prob == audit$prob[1L])
  inclusion <- audit$inclusion[reachable_quantile(audit) > 1]
  equal <- same && length(inclusion) > 0L && all(inclusion == inclusion[1L])
  if (equal) inclusion[1L] else NA_real_
}

# ---- What there is to calibrate on -------------------------------------------

# Counts of prompts, and how much one of them can count for.
describe_audit <- function(audit) {
  n_included <- audit$horizon > 0
  weight <- included_weights(audit)
  list(
    n = length(n_included), n_included = sum(n_included),
    nevent = count_events(audit),
    ess = sum(weight)^2 / max(sum(weight^2), 1),
    max_share = largest_weight(audit) / length(n_included)
  )
}

# Prompts whose unsafe draws tell something.
count_events <- function(audit) {
  if (design_of(audit)$stops) {
    sum(audit$time < audit$horizon)
  } else {
    sum(audit$unsafe > 0)
  }
}

# What the bets go by, from a plan: perhaps for another alpha than that which
# its variance was predicted for.
plan_betting <- function(plan, alpha, delta) {
  constants <- plan$constants
  planned <- constants$alpha
  constants_betting(list(
    design = constants$design, alpha = alpha, delta = delta,
    max_weight = max(constants$max_weight, largest_weight(plan)),
    variance = constants$variance * alpha * (1 - alpha) /
      (planned * (1 - planned))
  ), length(plan$prob))
}

# ---- Weighted means ----------------------------------------------------------

# The ratio of two sums over prompts (Hajek's estimate where `total` holds the
# weights and `part` the weights times values from 0 to 1), with its linearised
# standard error: prompts are independent, so that this covers their sampling
# and their inclusion alike. Prompts that were not included have 0 in both.
weighted_ratio <- function(part, total) {
  size <- sum(total)
  if (size == 0) {
    return(list(estimate = NA_real_, error = NA_real_))
  }
  estimate <- sum(part) / size
  list(estimate = estimate,
       error = sqrt(sum((part - estimate * total)^2)) / size)
}

# An approximate interval from 0 to 1: Clopper and Pearson's, for as many
# prompts of equal weight as would give the same standard error (Korn and
# Graubard). Where all values are 0, or all 1, there is no error to go by: then
# for as many as there were if all had the largest weight that there can be. A
# largest weight of 0 says that all values are known.
weighted_interval <- function(part, total, heaviest, conf.level) {
  ratio <- weighted_ratio(part, total)
  if (is.na(ratio$estimate)) {
    return(c(0, 1))
  }
  if (heaviest == 0) {
    return(rep(ratio$estimate, 2L))
  }
  estimate <- min(1, ratio$estimate)
  size <- estimate * (1 - estimate) / ratio$error^2
  if (!is.finite(size) || size <= 0) {
    size <- sum(total) / heaviest
  }
  binomial_interval(size * estimate, size, conf.level)
}

# Clopper and Pearson's; neither `x` nor `n` need be whole.
binomial_interval <- function(x, n, conf.level) {
  tail <- (1 - conf.level) / 2
  c(if (x > 0) stats::qbeta(tail, x, n - x + 1) else 0,
    if (x < n) stats::qbeta(1 - tail, x + 1, n - x) else 1)
}
