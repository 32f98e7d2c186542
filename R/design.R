# The list of sampling designs, and the constants of a plan: its settings, and
# what the reference prompts fix, before any prompt of the plan is looked at, so
# that these prompts stay independent of each other.

# Those that can be planned, the default first. A new one is a line here, and
# its file.
audit_designs <- list(
  replicated = design_replicated, optimized = design_optimized,
  trimmed = design_trimmed, basic = design_basic, naive = design_naive
)

# Those of tables with a plan's constants, asked for or made of a log.
sealed_designs <- c(audit_designs, logged = design_logged)

# Those of draws that were made without a plan.
unplanned_designs <- list(fixed = design_fixed, stopped = design_stopped)

find_design <- function(name) c(sealed_designs, unplanned_designs)[[name]]()

# That of a plan or an audit, in parts.
design_of <- function(audit) find_design(audit$constants$design)

# The largest quantile that each prompt may be asked for.
reachable_quantile <- function(audit) design_of(audit)$reachable(audit)

# ---- Settings ----------------------------------------------------------------

new_constants <- function(design, budget, alpha, delta, tau_max, cap,
                          max_limit = NULL, call = rlang::caller_env()) {
  design <- check_choice(design, names(audit_designs), "design", call = call)
  design <- find_design(design)
  if (missing(budget)) {
    stop_argument("budget", "is missing", call = call,
                  fix = "It is the mean number of draws per prompt.")
  }
  budget <- check_number(budget, "budget", min = design$least_budget,
                         open = c(TRUE, FALSE), call = call)
  alpha <- check_number(alpha, "alpha", 0, 1, c(TRUE, TRUE), call = call)
  delta <- check_number(delta, "delta", 0, 1, c(TRUE, TRUE), null_ok = TRUE,
                        call = call)
  tau_max <- check_number(tau_max, "tau_max", 0, 1, c(TRUE, TRUE),
                          null_ok = TRUE, call = call)
  cap <- check_number(cap, "cap", min = 1, null_ok = TRUE, finite = FALSE,
                      call = call)
  max_limit <- check_max_limit(max_limit, cap, call)
  cap <- cap %||% min(if (design$capped) default_cap(budget) else Inf,
                      max_limit + 1)
  c(
    list(design = design$name, budget = budget, alpha = alpha,
         delta = delta %||% NA_real_, tau_max = tau_max, cap = floor(cap),
         multiplier = NA_real_, least_intensity = NA_real_),
    list(max_limit = max_limit)[!is.null(max_limit)]
  )
}

# A quantile of q takes q - 1 draws, by every design.
check_max_limit <- function(max_limit, cap, call) {
  max_limit <- check_number(max_limit, "max_limit", min = 1, whole = TRUE,
                            null_ok = TRUE, call = call)
  if (!is.null(max_limit) && !is.null(cap) && floor(cap) > max_limit + 1) {
    stop_argument(
      "max_limit", sprintf("must be at least %s with a `cap` of %s",
                           format(floor(cap) - 1), format(cap)),
      format(max_limit), call = call,
      fix = sprintf("Or lower `cap` to %s: a bound of 10 takes 9 draws.",
                    format(max_limit + 1))
    )
  }
  max_limit
}

# The paper's, for its largest mean weight of 100.
default_cap <- function(budget, cap_ratio = 100) max(1, budget * cap_ratio)

# Without a pilot: room for a hazard overestimated by a factor of two.
default_tau_max <- function(alpha) 1 - (1 - alpha)^2

# The same before there is a plan. `rows` has the columns of the law.
prior_quantile <- function(rows, constants, call = rlang::caller_env()) {
  quantile <- find_law(constants)$quantile(rows, constants$tau_max)
  cap_quantile(quantile, rows, constants, call)
}

# From the quantiles without a cap, which a study computes once for many plans.
cap_quantile <- function(quantile, rows, constants,
                         call = rlang::caller_env()) {
  quantile <- pmin(quantile, constants$cap)
  if (any(is.infinite(quantile))) {
    at <- which(is.infinite(quantile))[1L]
    stop_argument(
      "cap", sprintf("is required for design = \"%s\"", constants$design),
      sprintf("NULL: the hazard of prompt %d is %s, its quantile infinite", at,
              format(rows$prob[at])),
      fix = "Say how many draws of one prompt are the most you would make.",
      call = call
    )
  }
  quantile
}

# ---- What the reference prompts fix ------------------------------------------

# Adds what the design computes, the largest weight that any prompt can get, and
# the variance of the estimate at `alpha` times n, if the hazard is right.
# `quantile` are the quantile of the reference prompts, `n` the number of
# prompts to plan, `rows` what the law of the reference prompts is made of: the
# variance may go by more than their quantiles.
fix_constants <- function(constants, quantile, n, rows = NULL) {
  design <- find_design(constants$design)
  add_limits(design$fix(constants, quantile, n, rows), quantile, design, rows)
}

# From the rows of the reference prompts.
fix_by <- function(constants, reference, n) {
  fix_constants(constants, prior_quantile(reference, constants), n, reference)
}

# What the certificate would bet with `n` units with these constants.
constants_betting <- function(constants, n, rows = 1) {
  new_betting(constants, find_design(constants$design)$payoff_range, n, rows)
}

# ---- Who is included ---------------------------------------------------------

# The numbers of a plan: who is included, up to which horizon.
draw_inclusion <- function(quantile, constants) {
  design <- find_design(constants$design)
  times <- design$intensity(quantile, constants)
  inclusion <- pmin(1, times)
  u <- stats::runif(length(quantile))
  horizon <- design$horizon(u, inclusion, quantile, constants)
  list(intensity = times, inclusion = inclusion, u_inclusion = u,
       horizon = horizon,
       limit = design$limit(u, times, horizon, constants),
       stop = rep(design$stops, length(quantile)))
}
