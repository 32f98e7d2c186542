# The law of the first unsafe draw where a prompt has one hazard. Its quantile,
# exactly: methods vignette, "Hazard and quantile".

#' Quantiles of the time to the first unsafe draw
#'
#' The smallest number of draws `t` by which an unsafe one has appeared with
#' probability at least `tau`, when each draw is unsafe with probability `prob`.
#'
#' The result is the smallest integer `t >= 1` with `(1 - prob)^t <= 1 - tau`,
#' decided as in exact arithmetic on the numbers given: `prob = tau = 0.25`
#' gives 1, where a rounded `log(1 - tau) / log(1 - prob)` might give 2. Exact
#' up to 2^50, with a relative error of a few units in the last place beyond.
#' `tau = 0` gives 1; `prob = 0` gives `Inf` for `tau > 0`; `prob = 1` gives 1;
#' `tau = 1` gives `Inf` unless `prob = 1`.
#'
#' @param prob Numeric vector: probability that one draw is unsafe, from 0 to 1,
#'   one for each prompt.
#' @param tau Numeric vector: levels from 0 to 1.
#' @param cap A number of at least 1: no quantile exceeds it. The default,
#'   `Inf`, is no cap.
#' @param ... Must be empty.
#' @returns For one `tau` a numeric vector as long as `prob`; for several a
#'   matrix with `length(prob)` rows and `length(tau)` columns. The two are
#'   never recycled against each other.
#' @section Errors: `timetounsafe_error_argument`.
#' @references arXiv 2506.13593, section 2; methods vignette, "Hazard and
#'   quantile".
#' @examples
#' geometric_quantile(c(0.25, 0.01, 0), tau = 0.1)
#' geometric_quantile(c(0.25, 0.01, 0), tau = c(0.1, 0.5), cap = 1000)
#' @export
geometric_quantile <- function(prob, tau, cap = Inf, ...) {
  check_no_dots(...)
  compute_quantile(prob, tau, cap)
}

compute_quantile <- function(prob, tau, cap, call = rlang::caller_env()) {
  prob <- check_numeric(prob, "prob", min = 0, max = 1, empty_ok = TRUE,
                        call = call)
  tau <- check_numeric(tau, "tau", min = 0, max = 1, call = call)
  cap <- check_number(cap, "cap", min = 1, finite = FALSE, call = call)
  by_tau(core_value(.Call(ffi_geometric_quantile, prob, tau, cap), call), prob,
         tau)
}

# A column for each tau, where there are several.
by_tau <- function(quantile, prob, tau) {
  if (length(tau) > 1L) {
    dim(quantile) <- c(length(prob), length(tau))
  }
  quantile
}

# P(T <= time), pairwise.
geometric_distribution <- function(time, prob) {
  core_value(.Call(ffi_geometric_distribution, time, prob))
}

# P(T >= bound) for prompts with known prob.
geometric_coverage <- function(bound, prob) {
  1 - geometric_distribution(bound - 1, prob)
}

# One time to unsafe for each prompt.
geometric_sample <- function(prob) {
  core_value(.Call(ffi_geometric_sample, prob))
}

# Mean draws of a prompt that stops at its first unsafe draw or after `limit`.
expected_draws <- function(prob, limit) {
  ifelse(prob > 0, geometric_distribution(limit, prob) / prob, limit)
}
