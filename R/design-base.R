# A sampling design: all that differs between ways to spend a budget, as a
# family holds all that differs between responses. Its constructor, and what
# designs share.

# Each design is a function that makes one, so that it may use what sorts after
# it. `constants` are the settings of a plan and what its reference prompts
# fixed; `audit` is a plan with outcomes, as plan_parts() gives it. The defaults
# are those of designs that stop at the first unsafe draw and include a prompt
# up to its quantile, or not at all.
new_audit_design <- function(
  name,
  # How many times over a prompt is sampled: below 1 an inclusion probability.
  intensity = function(quantile, constants) rep(1, length(quantile)),
  # n times the variance of the estimate at the level alpha, for a hazard that
  # is right and small: what the bet of the certificate is sized by.
  variance = function(quantile, constants, rows = NULL) {
    alpha <- constants$alpha
    mean(alpha * (1 - alpha) / pmin(1, intensity(quantile, constants)))
  },
  # Whether prompts stop at their first unsafe draw. Each then loses at one
  # level, so that the estimate has jumps.
  stops = TRUE,
  # Whether quantiles are capped at budget * max_weight where no cap is given.
  capped = TRUE,
  # What the budget must exceed.
  least_budget = 0,
  # Whether every prompt is looked at. Unsafe draws have weights, not prompts.
  always = FALSE,
  # Whether equal weights permit the binomial tail.
  countable = TRUE,
  # The constants with what the reference prompts fix, for n prompts to plan.
  fix = function(constants, quantile, n, rows = NULL) constants,
  # The horizon from one uniform number for each prompt.
  horizon = function(u, inclusion, quantile, constants) {
    ifelse(u < inclusion, quantile, 0)
  },
  # The most draws to make.
  limit = function(u, times, horizon, constants) pmax(0, horizon - 1),
  # P(horizon > time). A prompt that needs no draw may have been planned with
  # probability 0.
  reach = function(audit, time) ifelse(audit$inclusion > 0, audit$inclusion, 1),
  # The largest quantile that each prompt may be asked for.
  reachable = prior_quantile_of,
  # The largest weight where no quantile exceeds `longest`.
  max_weight = function(longest, constants) {
    1 / min(1, intensity(longest, constants))
  },
  # The range of payoffs below 0: how much one prompt can lose.
  payoff_range = function(max_weight, alpha) max_weight * (1 - alpha),
  # Which rows can lose, and at which level, or from which counts.
  outcome = event_outcome,
  # P(T < quantile) as each prompt shows it, before it is weighted.
  loss = event_loss,
  # The sum of weighted losses at each level, where prompts have no jumps.
  curve = NULL,
  # Whether a plan decided who is drawn how often. A depth below the cap then
  # says that the hazard is not small.
  planned = TRUE,
  # Where draws come from that no plan asked for, as lines of a print.
  origin = function(audit) NULL,
  # What might give longer bounds where tau reached tau_max.
  longer = "a plan with a larger tau_max"
) {
  as.list(environment())
}

prior_quantile_of <- function(audit) {
  constants <- audit$constants
  find_law(constants)$quantile(audit, constants$tau_max, constants$cap)
}

# ---- Outcomes of prompts that stop -------------------------------------------

# `columns` have a value for each row of the audit, of which those in `row` can
# lose.
event_outcome <- function(audit) {
  jump <- event_jumps(audit)
  list(row = which(jump < audit$constants$tau_max),
       columns = list(jump = jump))
}

event_loss <- function(audit, quantile) {
  as.numeric(audit$time < pmin(audit$horizon, quantile))
}

# The level beyond which a prompt is known to be missed; Inf for none.
event_jumps <- function(audit) {
  jump <- find_law(audit$constants)$tau(audit, audit$time)
  ifelse(audit$time < audit$horizon, jump, Inf)
}

# ---- Intensities from the convex program -------------------------------------

# Adds the multiplier of the program for the reference prompts, and the least
# intensity.
fix_multiplier <- function(constants, quantile, cost, lower = 0, upper = Inf) {
  # Where no reference prompt needs a draw the multiplier has no limit, and a
  # prompt that needs some would get draws without end, or all that it can get.
  if (all(cost <= 0)) {
    cost <- pmax(cost, 1)
  }
  free <- cost <= 0
  total <- length(quantile) * constants$budget
  constants$least_intensity <- lower
  constants$multiplier <- if (all(free)) {
    Inf
  } else {
    upper <- rep_len(upper, length(cost))[!free]
    solve_allocation(cost[!free], total, 1, lower, upper)$multiplier
  }
  constants
}

# The intensity of other prompts, by the same multiplier.
allocate_given <- function(cost, constants, upper) {
  if (length(cost) == 0L) {
    return(numeric())
  }
  core_value(.Call(ffi_allocate_given, as.double(cost), 1,
                   constants$least_intensity, upper, constants$multiplier))
}

# ---- What a plan gives at most -----------------------------------------------

# Adds the largest weight that any prompt can get (that of the largest quantile
# there can be, or, without a cap, of the largest among the reference prompts),
# and the variance.
add_limits <- function(constants, quantile, design, rows = NULL) {
  longest <- if (is.finite(constants$cap)) constants$cap else max(quantile)
  constants$max_weight <- if (longest <= 1) {
    1
  } else {
    design$max_weight(longest, constants)
  }
  constants$variance <- design$variance(quantile, constants, rows)
  constants
}
