# Shared by tests of evidence, levels and replicated draws: what they compute,
# by its definition.

# Audits of prompts whose hazard the model gets wrong by `factor`.
random_audit <- function(design, n = 60, budget = 10, factor = 1, ...) {
  hat <- 10^runif(n, -2, -0.5)
  plan <- known_plan(hat, budget, design = design, ...)
  simulate_audit(plan, pmin(0.9, hat * factor))
}

# gain - loss of each prompt at a level, in the order of the plan, by the
# definitions.
plain_payoffs <- function(audit, alpha, tau) {
  q <- as.vector(geometric_quantile(audit$prob, tau, audit$cap[1]))
  top <- as.vector(geometric_quantile(audit$prob, audit$tau_max[1],
                                      audit$cap[1]))
  naive <- audit$design[1] == "naive"
  weight <- if (naive) {
    (1 - 1 / audit$budget)^-audit$time
  } else {
    1 / audit$inclusion
  }
  base <- alpha * weight * (audit$horizon > 0)
  base[naive | top <= 1] <- alpha
  loss <- if (audit$design[1] == "replicated") {
    safe <- audit$limit - audit$unsafe
    ratio <- ifelse(q - 1 > safe, 0,
                    exp(lchoose(safe, q - 1) - lchoose(audit$limit, q - 1)))
    ifelse(audit$unsafe > 0, 1 - ratio, 0)
  } else {
    audit$status == 1 & audit$time < q
  }
  (base - weight * loss)[order(audit$order)]
}

# The level holds by `rule`, a function of a level, and those above it do not.
expect_last_tau <- function(found, audit, rule) {
  if (found$tau > 0) {
    expect_true(rule(found$tau))
  }
  above <- found$tau + (audit$tau_max[1] - found$tau) *
    seq(0, 1, by = 0.1)[-1]
  if (!found$at_tau_max) {
    expect_false(rule(max(found$tau * (1 + 1e-9), 1e-9)))
    expect_false(any(vapply(above, rule, NA)))
  }
}

# P(T < q) as replicated draws show it, by binomial coefficients.
choose_formula <- function(unsafe, draws, q) {
  ifelse(q - 1 > draws - unsafe, 1,
         -expm1(lchoose(draws - unsafe, q - 1) - lchoose(draws, q - 1)))
}
