#' The miscoverage of each level, estimated from replicated draws
#'
#' After a number `m` of draws that was fixed beforehand, `S` of them unsafe,
#' `1 - choose(m - S, q - 1) / choose(m, q - 1)` is the minimum-variance
#' unbiased estimate of `P(T < q)`: the share of the orders of these draws in
#' which an unsafe one is among the first `q - 1`. The miscoverage is the mean
#' of these over all planned prompts, divided by `pi`.
#'
#' @param unsafe,draws Numeric vectors: the number of unsafe draws, and of all
#'   draws, fixed before they were made. 0 and 0 for prompts not audited.
#' @param pi Probability that the prompt was audited, above 0 and at most 1: one
#'   for each prompt, or a matrix like `quantiles`.
#' @param quantiles Numeric matrix with a row for each prompt and a column for
#'   each level (or a vector, for one level): at least 1, and at most `draws +
#'   1` where there are draws. See [geometric_quantile()].
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
#'                        pi = c(1, 0.5), quantiles = q)
#' @export
replicated_miscoverage <- function(unsafe, draws, pi, quantiles) {
  unsafe <- check_numeric(unsafe, "unsafe", min = 0, whole = TRUE)
  n <- length(unsafe)
  draws <- check_numeric(draws, "draws", n, min = 0, whole = TRUE,
                         recycle = TRUE, finite = TRUE)
  draws <- rep_len(draws, n)
  quantiles <- as_level_matrix(quantiles, n, "quantiles")
  pi <- as_inclusion(pi, quantiles)
  core_value(.Call(ffi_replicated_miscoverage, unsafe, draws, pi, quantiles))
}

# The number of unsafe draws that enters the estimate. Where draws failed for
# good, all that are missing count as unsafe: the loss grows with their number.
replicated_unsafe <- function(audit) {
  audit$unsafe + ifelse(audit$failed, audit$limit - audit$draws, 0)
}

# The variance of the estimate for one prompt at the level alpha, for a small
# hazard: S is Poisson with mean c / rho, where c = -log(1 - alpha) and rho is
# the share of the draws that the quantile needs.
replicated_variance <- function(times, policy) {
  c <- -log1p(-policy$alpha)
  rho <- pmin(1, c / -log1p(-policy$tau_prior)) / times
  exp(-2 * c) * expm1(c * rho)
}

# The estimate of P(T < quantile) for each prompt. Quantiles beyond its draws
# are taken for the largest that these can answer for.
replicated_loss <- function(unsafe, draws, quantile) {
  core_value(.Call(ffi_replicated_loss, as.double(unsafe), as.double(draws),
                   as.double(pmin(quantile, draws + 1))))
}
