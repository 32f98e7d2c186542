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

# The inclusion probability that the plan gives to all prompts that need draws,
# or NA. By the plan, not by which prompts happened to come.
equal_inclusion <- function(audit) {
  design <- design_of(audit)
  # Losses of one cluster are not independent, and whether a cluster has one
  # prompt only must be known beforehand.
  alone <- !is_clustered(audit) || isTRUE(audit$constants$cluster_size == 1)
  if (!alone || design$always) {
    return(NA_real_)
  }
  longest <- audit$constants$cap %||% 2
  inclusion <- pmin(1, design$intensity(c(2, max(2, longest)), audit$constants))
  if (inclusion[1L] == inclusion[2L]) inclusion[1L] else NA_real_
}

# ---- What there is to calibrate on -------------------------------------------

# Counts of prompts, and how much one of them, or one cluster, can count for.
describe_audit <- function(audit) {
  n_included <- audit$horizon > 0
  weight <- included_weights(audit)
  list(
    n = length(n_included), n_included = sum(n_included),
    nevent = count_events(audit), n_refused = sum(audit$refused %||% NA_real_),
    ess = sum(weight)^2 / max(sum(weight^2), 1),
    max_share = largest_weight(audit) * largest_share(audit)
  )
}

# The share of all that a unit has, if its rows have the weight 1.
largest_share <- function(audit) {
  if (is_clustered(audit) && adds_rows(audit)) {
    max(unit_size(audit)) / length(audit$prob)
  } else {
    1 / count_units(audit)
  }
}

# Prompts whose unsafe draws tell something.
count_events <- function(audit) {
  if (design_of(audit)$stops) {
    sum(audit$time < audit$horizon)
  } else {
    sum(audit$unsafe > 0)
  }
}

# Where the rows of a cluster are added up: how many there are, on average.
mean_rows <- function(plan) {
  if (adds_rows(plan)) length(plan$prob) / count_units(plan) else 1
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
      (planned * (1 - planned)), cluster_size = constants$cluster_size
  ), count_units(plan), mean_rows(plan))
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
