# The published designs: optimized, trimmed, basic and naive. Their budget
# counts horizons, and prompts stop at their first unsafe draw.

# The quantile with a probability from the convex program with the quantile as
# cost.
design_optimized <- function() {
  new_audit_design(
    "optimized",
    intensity = function(quantile, constants) {
      allocate_given(quantile, constants, upper = 1)
    },
    fix = function(constants, quantile, n, rows = NULL) {
      fix_multiplier(constants, quantile, cost = quantile, upper = 1)
    }
  )
}

design_trimmed <- function() {
  new_audit_design(
    "trimmed",
    intensity = function(quantile, constants) {
      pmin(1, constants$budget / quantile)
    }
  )
}

design_basic <- function() {
  new_audit_design(
    "basic",
    intensity = function(quantile, constants) {
      pmin(1, constants$budget / quantile)
    },
    capped = FALSE
  )
}

# Every prompt is looked at, up to a horizon that is geometric with the mean
# `budget`, whatever the prompt: an unsafe draw weighs as much as it was
# unlikely to be reached.
design_naive <- function() {
  reach <- function(budget, time) (1 - 1 / budget)^time
  new_audit_design(
    "naive",
    variance = function(quantile, constants, rows = NULL) {
      alpha <- constants$alpha
      at_alpha <- find_law(constants)$at_tau(quantile, constants$tau_max, alpha)
      mean(alpha * reach(constants$budget, -at_alpha)) - alpha^2
    },
    capped = FALSE, least_budget = 1, always = TRUE, countable = FALSE,
    horizon = function(u, inclusion, quantile, constants) {
      drawn <- geometric_quantile(1 / constants$budget, u)
      pmin(as.vector(drawn), constants$cap)
    },
    reach = function(audit, time) reach(audit$constants$budget, time),
    max_weight = function(longest, constants) {
      reach(constants$budget, 1 - longest)
    },
    payoff_range = function(max_weight, alpha) max_weight - alpha
  )
}
