# The sampling design: all that decides who is sampled how often, fixed
# before any prompt of the plan is looked at.

policy_methods <- c("replicated", "optimized", "trimmed", "basic", "naive")

new_policy <- function(method, budget, alpha, delta, tau_prior, max_weight, cap,
                       call = rlang::caller_env()) {
  method <- check_choice(method, policy_methods, "method", call = call)
  if (missing(budget)) {
    stop_argument("budget", "is missing", call = call,
                  fix = "It is the mean number of draws per prompt.")
  }
  least <- if (method == "naive") 1 else 0
  budget <- check_number(budget, "budget", min = least, open = c(TRUE, FALSE),
                         call = call)
  alpha <- check_number(alpha, "alpha", 0, 1, c(TRUE, TRUE), call = call)
  delta <- check_number(delta, "delta", 0, 1, c(TRUE, TRUE), null_ok = TRUE,
                        call = call)
  tau_prior <- check_number(tau_prior, "tau_prior", 0, 1, c(TRUE, TRUE),
                            null_ok = TRUE, call = call)
  max_weight <- check_number(max_weight, "max_weight", min = 1, call = call)
  cap <- check_number(cap, "cap", min = 1, null_ok = TRUE, finite = FALSE,
                      call = call)
  capped <- method %in% c("replicated", "optimized", "trimmed")
  list(
    method = method, budget = budget, alpha = alpha,
    delta = delta %||% NA_real_,
    tau_prior = tau_prior, max_weight = max_weight,
    cap = floor(cap %||% if (capped) max(1, budget * max_weight) else Inf)
  )
}

# Without a pilot: room for a hazard overestimated by a factor of two.
default_tau_prior <- function(alpha) 1 - (1 - alpha)^2

prior_quantile <- function(prob, policy, call = rlang::caller_env()) {
  cap_quantile(geometric_quantile(prob, policy$tau_prior), prob, policy, call)
}

# From the quantiles without a cap, which a study computes once for many plans.
cap_quantile <- function(quantile, prob, policy, call = rlang::caller_env()) {
  quantile <- pmin(quantile, policy$cap)
  if (any(is.infinite(quantile))) {
    at <- which(is.infinite(quantile))[1L]
    stop_argument(
      "cap", sprintf("is needed for method = \"%s\"", policy$method),
      sprintf("NULL: the hazard of prompt %d is %s, its quantile infinite", at,
              format(prob[at])),
      fix = "Say how many draws of one prompt are the most you would make.",
      call = call
    )
  }
  quantile
}

# Adds the multiplier of the convex program, the least intensity, the largest
# weight that any prompt can get, and the variance of the estimate at `alpha`
# times n, if the hazard is right. `quantile` are the prior quantiles of the
# design prompts, `n` the number of prompts to plan.
fix_policy <- function(policy, quantile, n) {
  policy <- switch(policy$method,
    optimized = fix_multiplier(policy, quantile, cost = quantile, upper = 1),
    replicated = fix_replicated(policy, quantile, n),
    policy
  )
  policy$weight_limit <- limit_weight(policy, quantile)
  policy$variance <- predict_variance(policy, quantile)
  policy
}

fix_multiplier <- function(policy, quantile, cost, lower = 0, upper = Inf) {
  # Where no design prompt needs a draw the multiplier has no limit, and a
  # prompt that needs some would get draws without end.
  if (all(cost <= 0) && is.infinite(upper)) {
    cost <- pmax(cost, 1)
  }
  free <- cost <= 0
  total <- length(quantile) * policy$budget
  policy$lower <- lower
  policy$multiplier <- if (all(free)) {
    Inf
  } else {
    solve_allocation(cost[!free], total, 1, lower, upper)$multiplier
  }
  policy
}

# A bound on the weights lets the certificate bet more, and takes draws from
# where they would help the estimate most. The least intensity is the one with
# the smallest predicted margin.
fix_replicated <- function(policy, quantile, n) {
  cost <- quantile - 1
  if (is.na(policy$delta)) {
    return(fix_multiplier(policy, quantile, cost))
  }
  affordable <- policy$budget / mean(cost)
  lower <- 2^-seq(0, 12, by = 0.25)
  tried <- lapply(lower[lower <= affordable], function(least) {
    tried <- fix_multiplier(policy, quantile, cost, least)
    tried$weight_limit <- limit_weight(tried, quantile)
    tried$variance <- predict_variance(tried, quantile)
    tried
  })
  if (length(tried) == 0L) {
    return(fix_multiplier(policy, quantile, cost))
  }
  margin <- vapply(tried, predict_margin, 0, n = n)
  tried[[which.min(margin)]]
}

# How many times over a prompt is sampled: below 1 an inclusion probability.
intensity <- function(quantile, policy) {
  budget <- policy$budget
  switch(policy$method,
    naive = rep(1, length(quantile)),
    basic = pmin(1, budget / quantile),
    trimmed = pmax(pmin(1, budget / quantile), 1 / policy$max_weight),
    optimized = allocate_given(quantile, policy, upper = 1),
    replicated = {
      free <- quantile <= 1
      value <- rep(1, length(quantile))
      value[!free] <- allocate_given(quantile[!free] - 1, policy, upper = Inf)
      value
    }
  )
}

# The largest weight that the policy can give: that of the largest quantile
# there can be, or, without a cap, of the largest among the design prompts.
limit_weight <- function(policy, quantile) {
  longest <- if (is.finite(policy$cap)) policy$cap else max(quantile)
  if (longest <= 1) {
    return(1)
  }
  if (policy$method == "naive") {
    return((1 - 1 / policy$budget)^(1 - longest))
  }
  1 / min(1, intensity(longest, policy))
}

# n times the variance of the estimate at the level alpha, for a hazard that is
# right and small: what the bet of the certificate is sized by.
predict_variance <- function(policy, quantile) {
  alpha <- policy$alpha
  if (policy$method == "naive") {
    at_alpha <- quantile * log1p(-alpha) / log1p(-policy$tau_prior)
    return(mean(alpha * (1 - 1 / policy$budget)^-at_alpha) - alpha^2)
  }
  times <- intensity(quantile, policy)
  spread <- if (policy$method == "replicated") {
    replicated_variance(pmax(1, times), policy)
  } else {
    alpha * (1 - alpha)
  }
  mean(spread / pmin(1, times))
}

# The variance of the estimate for one prompt at the level alpha, for a small
# hazard: S is Poisson with mean c / rho, where c = -log(1 - alpha) and rho is
# the share of the draws that the quantile needs.
replicated_variance <- function(times, policy) {
  c <- -log1p(-policy$alpha)
  rho <- pmin(1, c / -log1p(-policy$tau_prior)) / times
  exp(-2 * c) * expm1(c * rho)
}

# The horizon from one uniform number for each prompt.
draw_horizon <- function(u, pi, quantile, policy) {
  if (policy$method == "naive") {
    drawn <- geometric_quantile(1 / policy$budget, u)
    return(pmin(as.vector(drawn), policy$cap))
  }
  ifelse(u < pi, quantile, 0)
}

# The most draws to make. Replicated draws are `times` as many as the horizon
# needs, rounded up or down by the same uniform number, which is free to do so
# where everybody is included.
draw_limit <- function(u, times, horizon, policy) {
  limit <- pmax(0, horizon - 1)
  if (policy$method == "replicated") {
    more <- times > 1
    limit[more] <- pmax(limit[more], floor(times[more] * limit[more] + u[more]))
  }
  limit
}

# The numbers of a plan: who is included, up to which horizon.
draw_inclusion <- function(quantile, policy) {
  times <- intensity(quantile, policy)
  pi <- pmin(1, times)
  u <- stats::runif(length(quantile))
  horizon <- draw_horizon(u, pi, quantile, policy)
  list(intensity = times, pi = pi, u = u, horizon = horizon,
       limit = draw_limit(u, times, horizon, policy))
}
