# The published designs: optimized, trimmed, basic and naive. Their budget
# counts horizons, and prompts stop at their first unsafe draw.

# The quantile with a probability from the convex program with the quantile as
# cost.
design_optimized <- function() {
  new_audit_design(
    "optimized",
    intensity = function(quantile, policy) {
      allocate_given(quantile, policy, upper = 1)
    },
    fix = function(policy, quantile, n) {
      fix_multiplier(policy, quantile, cost = quantile, upper = 1)
    }
  )
}

design_trimmed <- function() {
  new_audit_design(
    "trimmed",
    intensity = function(quantile, policy) {
      pmax(pmin(1, policy$budget / quantile), 1 / policy$max_weight)
    }
  )
}

design_basic <- function() {
  new_audit_design(
    "basic",
    intensity = function(quantile, policy) pmin(1, policy$budget / quantile),
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
    variance = function(quantile, policy) {
      alpha <- policy$alpha
      at_alpha <- find_law(policy)$at_level(quantile, policy$tau_prior, alpha)
      mean(alpha * reach(policy$budget, -at_alpha)) - alpha^2
    },
    capped = FALSE, least_budget = 1, always = TRUE, countable = FALSE,
    horizon = function(u, pi, quantile, policy) {
      drawn <- geometric_quantile(1 / policy$budget, u)
      pmin(as.vector(drawn), policy$cap)
    },
    reach = function(audit, time) reach(audit$constants$budget, time),
    weight_limit = function(longest, policy) {
      reach(policy$budget, 1 - longest)
    },
    largest_loss = function(weight_limit, alpha) weight_limit - alpha
  )
}
