# The list of sampling designs, and the policy: the settings of a plan, and what
# the design prompts fix, before any prompt of the plan is looked at, so that
# these prompts stay independent of each other.

# Those that can be planned, the default first. A new one is a line here, and
# its file.
audit_designs <- list(
  replicated = design_replicated, optimized = design_optimized,
  trimmed = design_trimmed, basic = design_basic, naive = design_naive
)

# Those of draws that were made without a plan.
unplanned_designs <- list(fixed = design_fixed, stopped = design_stopped)

find_design <- function(name) c(audit_designs, unplanned_designs)[[name]]()

# That of a plan or an audit, in parts.
design_of <- function(audit) find_design(audit$constants$method)

# The largest quantile that each prompt may be asked for.
reachable_quantile <- function(audit) design_of(audit)$reachable(audit)

# ---- Settings ----------------------------------------------------------------

new_policy <- function(method, budget, alpha, delta, tau_prior, max_weight, cap,
                       call = rlang::caller_env()) {
  method <- check_choice(method, names(audit_designs), "method", call = call)
  design <- find_design(method)
  if (missing(budget)) {
    stop_argument("budget", "is missing", call = call,
                  fix = "It is the mean number of draws per prompt.")
  }
  budget <- check_number(budget, "budget", min = design$least_budget,
                         open = c(TRUE, FALSE), call = call)
  alpha <- check_number(alpha, "alpha", 0, 1, c(TRUE, TRUE), call = call)
  delta <- check_number(delta, "delta", 0, 1, c(TRUE, TRUE), null_ok = TRUE,
                        call = call)
  tau_prior <- check_number(tau_prior, "tau_prior", 0, 1, c(TRUE, TRUE),
                            null_ok = TRUE, call = call)
  max_weight <- check_number(max_weight, "max_weight", min = 1, call = call)
  cap <- check_number(cap, "cap", min = 1, null_ok = TRUE, finite = FALSE,
                      call = call)
  list(
    method = method, budget = budget, alpha = alpha,
    delta = delta %||% NA_real_,
    tau_prior = tau_prior, max_weight = max_weight,
    cap = floor(cap %||% if (design$capped) max(1, budget * max_weight) else
      Inf)
  )
}

# Without a pilot: room for a hazard overestimated by a factor of two.
default_tau_prior <- function(alpha) 1 - (1 - alpha)^2

# The same before there is a plan. `rows` has the columns of the law.
prior_quantile <- function(rows, policy, call = rlang::caller_env()) {
  quantile <- find_law(policy)$quantile(rows, policy$tau_prior)
  cap_quantile(quantile, rows, policy, call)
}

# From the quantiles without a cap, which a study computes once for many plans.
cap_quantile <- function(quantile, rows, policy, call = rlang::caller_env()) {
  quantile <- pmin(quantile, policy$cap)
  if (any(is.infinite(quantile))) {
    at <- which(is.infinite(quantile))[1L]
    stop_argument(
      "cap", sprintf("is needed for method = \"%s\"", policy$method),
      sprintf("NULL: the hazard of prompt %d is %s, its quantile infinite", at,
              format(rows$prob[at])),
      fix = "Say how many draws of one prompt are the most you would make.",
      call = call
    )
  }
  quantile
}

# ---- What the design prompts fix ---------------------------------------------

# Adds what the design computes, the largest weight that any prompt can get, and
# the variance of the estimate at `alpha` times n, if the hazard is right.
# `quantile` are the prior quantiles of the design prompts, `n` the number of
# prompts to plan.
fix_policy <- function(policy, quantile, n) {
  design <- find_design(policy$method)
  add_limits(design$fix(policy, quantile, n), quantile, design)
}

# What the certificate would bet with `n` prompts under this policy.
policy_stakes <- function(policy, n) {
  new_stakes(policy, find_design(policy$method)$largest_loss, n)
}

# ---- Who is included ---------------------------------------------------------

# The numbers of a plan: who is included, up to which horizon.
draw_inclusion <- function(quantile, policy) {
  design <- find_design(policy$method)
  times <- design$intensity(quantile, policy)
  pi <- pmin(1, times)
  u <- stats::runif(length(quantile))
  horizon <- design$horizon(u, pi, quantile, policy)
  list(intensity = times, pi = pi, u = u, horizon = horizon,
       limit = design$limit(u, times, horizon, policy),
       stop = rep(design$stops, length(quantile)))
}
