# The law of the time to the first unsafe draw, given what a plan holds of each
# prompt: all that designs, weights, evidence and bounds ask of a hazard.

# `columns` are those of a plan that the law is made of, so that a plan read
# from a file can still answer; `rows` has them.
geometric_law <- list(
  name = "geometric",
  columns = "prob",

  # The `tau` quantile, at most `cap`.
  quantile = function(rows, tau, cap = Inf) {
    compute_quantile(rows$prob, tau, cap)
  },

  # The tau beyond which a prompt with its first unsafe draw at `time` is
  # missed: P(T <= time).
  tau = function(rows, time) {
    geometric_distribution(as.double(time), as.double(rows$prob))
  },

  # Mean draws of a prompt that stops at its first unsafe draw or after `limit`.
  cost = function(rows, limit) expected_draws(rows$prob, limit),

  # P(T <= time), given that the first `depth` draws were safe; `time` is later.
  further = function(rows, depth, time) {
    geometric_distribution(as.double(time - depth), as.double(rows$prob))
  },

  # About the quantile at tau = `to` of a prompt whose quantile at `from` is
  # `quantile`, for a small hazard.
  at_tau = function(quantile, from, to) {
    quantile * log1p(-to) / log1p(-from)
  },

  # The variance of the replicated estimate for one prompt at the level `alpha`,
  # for a small hazard: the number of unsafe draws is Poisson with mean c / rho,
  # where c = -log(1 - alpha) and rho is the share of the draws that the
  # quantile needs.
  counts_variance = function(times, alpha, tau_max, rows = NULL) {
    c <- -log1p(-alpha)
    rho <- pmin(1, c / -log1p(-tau_max)) / times
    exp(-2 * c) * expm1(c * rho)
  }
)

# Where prompts that look alike differ, as screening draws take for granted: the
# hazard of a row has a beta distribution.
beta_geometric_law <- list(
  name = "beta-geometric",
  columns = c("prob", "precision"),
  quantile = function(rows, tau, cap = Inf) {
    compute_beta_quantile(rows$prob, rows$precision, tau, cap)
  },
  tau = function(rows, time) {
    beta_geometric_distribution(time, rows$prob, rows$precision)
  },
  cost = function(rows, limit) {
    expected_beta_draws(rows$prob, rows$precision, limit)
  },
  # Safe draws lower the hazard of what is still open.
  further = function(rows, depth, time) {
    open <- update_hazard(rows, 0, depth)
    beta_geometric_distribution(time - depth, open$prob, open$precision)
  },
  at_tau = geometric_law$at_tau,
  # The same where the mean of that number has a gamma distribution of shape a:
  # P(T > t) is (1 + t / r)^-a, of which x = -log(1 - tau) / a is the logarithm
  # of the base. Without rows, the variance of one look at each prompt.
  counts_variance = function(times, alpha, tau_max, rows = NULL) {
    if (is.null(rows)) {
      return(rep(alpha * (1 - alpha), length(times)))
    }
    a <- pmax(rows$prob * rows$precision, 1e-300)
    log_time <- function(tau) log_expm1(-log1p(-tau) / a)
    rho <- pmin(1, exp(log_time(alpha) - log_time(tau_max))) / times
    pmax(0, exp(-a * log1p_exp(log(2 - rho) + log_time(alpha))) -
              (1 - alpha)^2)
  }
)

# log(exp(x) - 1) and log(1 + exp(x)), where exp(x) may be infinite.
log_expm1 <- function(x) x + log(-expm1(-x))

log1p_exp <- function(x) pmax(x, 0) + log1p(exp(-abs(x)))

# ---- Which law ---------------------------------------------------------------

# That of some rows, of a plan (by its constants), or of a bound. Screened
# prompts differ, unless their precision is infinite.
find_law <- function(x) {
  precision <- x[["precision"]] %||% x[["precision_scale"]] %||%
    x[["precision_rule"]]$scale
  if (all(is.infinite(precision))) geometric_law else beta_geometric_law
}

# What the law needs of some rows.
law_rows <- function(law, rows, at) {
  lapply(as.list(rows)[law$columns], `[`, at)
}

# The law of hazards after some draws, of which some were unsafe.
update_hazard <- function(rows, unsafe, draws) {
  alike <- is.infinite(rows$precision)
  precision <- rows$precision + draws
  prob <- (rows$prob * rows$precision + unsafe) / precision
  list(prob = ifelse(alike, rows$prob, pmin(1, prob)), precision = precision)
}
