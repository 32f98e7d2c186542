# The law of the first unsafe draw where prompts that look alike differ: the
# hazard has a beta distribution. Derivation: methods vignette, "Prompts that
# look alike".

#' Quantiles of the time to unsafe where prompts that look alike differ
#'
#' The smallest number of draws `t` by which an unsafe one has appeared with
#' probability at least `tau`, when the hazard of a prompt is itself random: it
#' has a beta distribution with mean `prob` and the given precision.
#'
#' Given its hazard, a prompt's time to unsafe is geometric, see
#' [geometric_quantile()]. Features say only so much about that hazard: among
#' prompts with the same features it has, in the model used here, a beta
#' distribution with parameters `a = prob * precision` and `b = (1 - prob) *
#' precision`, and so the variance `prob * (1 - prob) / (precision + 1)`. The
#' result is the smallest integer `t >= 1` with `B(a, b + t) / B(a, b) <= 1 -
#' tau`, `B` the beta function. It is never below the geometric quantile, and
#' far above it where `a` is small: then most prompts are never unsafe, and the
#' mean of the time is infinite for `a <= 1`.
#'
#' Decided as in exact arithmetic on the numbers given, to 2^-90 of the two
#' sides, for quantiles up to 2^50 (2^40 where `a < 0.5`). Beyond, the relative
#' error is at most about `1e-14 * (1 - log(1 - tau)) / a` (1e-14 where `a` is
#' above 1); quantiles above 1e307 are `Inf`. `tau = 0` gives 1; `prob = 0`
#' gives `Inf` for `tau > 0`; `prob = 1` gives 1; `tau = 1` gives `Inf` unless
#' `prob = 1`.
#'
#' @param prob Numeric vector: mean probability that one draw is unsafe, from 0
#'   to 1, one for each prompt.
#' @param precision Positive numbers, one for each `prob` or one for all: how
#'   little prompts with the same `prob` differ. `Inf` gives the geometric
#'   quantiles exactly, as do values above 1e280.
#' @param tau Numeric vector: levels from 0 to 1.
#' @param cap A number of at least 1: no quantile exceeds it. The default,
#'   `Inf`, is no cap.
#' @param ... Must be empty.
#' @returns For one `tau` a numeric vector as long as `prob`; for several a
#'   matrix with `length(prob)` rows and `length(tau)` columns. The two are
#'   never recycled against each other.
#' @section Errors: `timetounsafe_error_argument`.
#' @references Johnson, Kemp and Kotz (2005), *Univariate Discrete
#'   Distributions*, section 6.2.2; methods vignette, "Prompts that look alike".
#' @examples
#' beta_geometric_quantile(c(0.25, 0.01, 0), precision = 10, tau = 0.1)
#' # Where prompts of the same prob do not differ
#' beta_geometric_quantile(c(0.25, 0.01, 0), precision = Inf, tau = 0.1)
#' @export
beta_geometric_quantile <- function(prob, precision, tau, cap = Inf, ...) {
  check_no_dots(...)
  compute_beta_quantile(prob, precision, tau, cap)
}

compute_beta_quantile <- function(prob, precision, tau, cap,
                                  call = rlang::caller_env()) {
  prob <- check_numeric(prob, "prob", min = 0, max = 1, empty_ok = TRUE,
                        call = call)
  precision <- check_numeric(precision, "precision", n = length(prob), min = 0,
                             open = c(TRUE, FALSE), recycle = TRUE,
                             empty_ok = TRUE, call = call)
  tau <- check_numeric(tau, "tau", min = 0, max = 1, call = call)
  cap <- check_number(cap, "cap", min = 1, finite = FALSE, call = call)
  by_tau(core_value(
    .Call(ffi_beta_geometric_quantile, prob, precision, tau, cap), call
  ), prob, tau)
}

# P(T <= time), pairwise.
beta_geometric_distribution <- function(time, prob, precision) {
  core_value(.Call(ffi_beta_geometric_distribution, as.double(time),
                   as.double(prob), as.double(precision)))
}

# Mean draws of a prompt that stops at its first unsafe draw or after `limit`.
expected_beta_draws <- function(prob, precision, limit) {
  core_value(.Call(ffi_beta_geometric_cost, as.double(limit), as.double(prob),
                   as.double(precision)))
}
