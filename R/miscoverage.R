# The miscoverage of each level, from times or from replicated draws, and the
# level it selects: the numeric layer. Derivation: methods vignette,
# "Calibration" and "Replicated draws".

#' The miscoverage of each level, estimated from censored draws
#'
#' The weighted estimate of `P(T < q)` at each level: the mean over all planned
#' prompts of `1{time < q <= horizon} / inclusion`.
#'
#' @param time Numeric vector: the first unsafe draw, or the horizon when there
#'   was none; 0 for prompts not audited. At most `horizon`.
#' @param horizon Numeric vector: the horizon `C`, the largest quantile that the
#'   prompt can answer for; 0 for prompts not audited.
#' @param inclusion Probability of `horizon >= quantile` given the prompt, above
#'   0 and at most 1: one for each prompt, or a matrix like `quantiles`.
#' @param quantiles Numeric matrix with a row for each prompt and a column for
#'   each level (or a vector, for one level): at least 1, may be `Inf`. See
#'   [geometric_quantile()].
#' @param ... Must be empty.
#' @returns A numeric vector with one miscoverage for each level. Unbiased for
#'   levels whose quantiles `horizon` can reach; not a probability, so it may
#'   exceed 1.
#' @section Errors: `timetounsafe_error_argument`.
#' @references arXiv 2506.13593, section 3.2; methods vignette, "Calibration".
#' @examples
#' q <- geometric_quantile(c(0.1, 0.02, 0.01), c(0.05, 0.1, 0.2))
#' miscoverage_curve(time = c(2, 0, 23), horizon = c(3, 0, 23),
#'                   inclusion = c(1, 0.5, 0.5), quantiles = q)
#' @export
miscoverage_curve <- function(time, horizon, inclusion, quantiles, ...) {
  check_no_dots(...)
  time <- check_numeric(time, "time")
  n <- length(time)
  horizon <- check_numeric(horizon, "horizon", n)
  quantiles <- as_quantile_matrix(quantiles, n, "quantiles")
  inclusion <- as_inclusion(inclusion, quantiles)
  core_value(.Call(ffi_miscoverage_curve, time, horizon, inclusion, quantiles))
}

#' The miscoverage of each level, estimated from replicated draws
#'
#' After a number `m` of draws that was fixed beforehand, `S` of them unsafe,
#' `1 - choose(m - S, q - 1) / choose(m, q - 1)` is the minimum-variance
#' unbiased estimate of `P(T < q)`: the share of the orders of these draws in
#' which an unsafe one is among the first `q - 1`. The miscoverage is the mean
#' of these over all planned prompts, divided by `inclusion`.
#'
#' @param unsafe,draws Numeric vectors: the number of unsafe draws, and of all
#'   draws, fixed before they were made. 0 and 0 for prompts not audited.
#' @param inclusion Probability that the prompt was audited, above 0 and at most
#'   1: one for each prompt, or a matrix like `quantiles`.
#' @param quantiles Numeric matrix with a row for each prompt and a column for
#'   each level (or a vector, for one level): at least 1, and at most `draws +
#'   1` where there are draws. See [geometric_quantile()].
#' @param ... Must be empty.
#' @returns A numeric vector with one miscoverage for each level: unbiased, and
#'   increasing when the quantiles do.
#' @section Errors: `timetounsafe_error_argument`.
#' @section Assumptions: Draws of a prompt are exchangeable, and their number
#'   does not depend on their outcomes. After draws that stopped at the first
#'   unsafe one the estimate is badly biased.
#' @references Methods vignette, "Replicated draws".
#' @examples
#' q <- geometric_quantile(c(0.1, 0.02), c(0.05, 0.1, 0.2))
#' replicated_miscoverage(unsafe = c(3, 0), draws = c(40, 40),
#'                        inclusion = c(1, 0.5), quantiles = q)
#' @export
replicated_miscoverage <- function(unsafe, draws, inclusion, quantiles, ...) {
  check_no_dots(...)
  unsafe <- check_numeric(unsafe, "unsafe", min = 0, whole = TRUE)
  n <- length(unsafe)
  draws <- check_numeric(draws, "draws", n, min = 0, whole = TRUE,
                         recycle = TRUE, finite = TRUE)
  draws <- rep_len(draws, n)
  quantiles <- as_quantile_matrix(quantiles, n, "quantiles")
  inclusion <- as_inclusion(inclusion, quantiles)
  core_value(.Call(ffi_replicated_miscoverage, unsafe, draws, inclusion,
                   quantiles))
}

#' Select tau: the last one up to which the miscoverage stays below alpha
#'
#' @param tau Numeric vector of levels, strictly increasing, from 0 to 1.
#' @param miscoverage Numeric vector as long as `tau`: their estimated
#'   miscoverage, see [miscoverage_curve()].
#' @param alpha The target, strictly between 0 and 1.
#' @param ... Must be empty.
#' @returns The largest level such that it and all below it have a miscoverage
#'   strictly below `alpha`; `NA_real_` when the first level fails.
#' @section Errors: `timetounsafe_error_argument`.
#' @references arXiv 2506.13593, section 3.2, equation for the calibrated level.
#' @examples
#' select_tau(c(0.05, 0.1, 0.15), c(0.02, 0.08, 0.12), alpha = 0.1)
#' @export
select_tau <- function(tau, miscoverage, alpha, ...) {
  check_no_dots(...)
  tau <- check_numeric(tau, "tau")
  miscoverage <- check_numeric(miscoverage, "miscoverage", length(tau))
  alpha <- check_number(alpha, "alpha")
  feasible <- core_value(.Call(ffi_select_tau, tau, miscoverage, alpha))
  if (feasible == 0) NA_real_ else tau[feasible]
}

# ---- What they share ---------------------------------------------------------

# One probability for each prompt, or a matrix of them like `quantiles`.
as_inclusion <- function(inclusion, quantiles, call = rlang::caller_env()) {
  n <- nrow(quantiles)
  if (missing(inclusion) || is.null(dim(inclusion))) {
    return(check_numeric(inclusion, "inclusion", n, call = call))
  }
  inclusion <- as_quantile_matrix(inclusion, n, "inclusion", call)
  if (ncol(inclusion) != ncol(quantiles)) {
    stop_argument("inclusion", sprintf("must have %d columns, like `quantiles`",
                                ncol(quantiles)), as.character(ncol(inclusion)),
                  call = call)
  }
  inclusion
}

# The numbers are checked in the core: a pass over n x K of them costs time.
as_quantile_matrix <- function(x, n, arg, call = rlang::caller_env()) {
  if (missing(x)) {
    stop_missing(arg, call)
  }
  x <- plain_numbers(x, arg, call)
  if (is.numeric(x) && is.null(dim(x))) {
    x <- matrix(x, ncol = 1L)
  }
  if (!is.matrix(x) || !is.numeric(x) || nrow(x) != n || ncol(x) == 0L) {
    stop_argument(arg, sprintf("must be a numeric matrix with %d rows", n),
                  describe(x), call = call)
  }
  if (!is.double(x)) {
    storage.mode(x) <- "double"
  }
  x
}

# ---- One quantile a prompt ---------------------------------------------------

# The level that lies just below a jump of the curve.
below_jump <- function(tau) {
  core_value(.Call(ffi_below_jump, tau))
}

# The estimate of P(T < quantile) for each prompt. Quantiles beyond its draws
# are taken for the largest that these can answer for.
replicated_loss <- function(unsafe, draws, quantile) {
  core_value(.Call(ffi_replicated_loss, as.double(unsafe), as.double(draws),
                   as.double(pmin(quantile, draws + 1))))
}

# The same, where such a quantile counts as missed: nothing says that it is not.
# Without any draw there is nothing to miss.
loss_at_most <- function(unsafe, draws, quantile) {
  loss <- replicated_loss(unsafe, draws, quantile)
  replace(loss, draws > 0 & quantile > draws + 1, 1)
}
