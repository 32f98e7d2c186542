# The prompts that a study simulates, and the paper's hazard model.

#' The prompts of the paper's synthetic study
#'
#' Prompts whose true hazards are known, with features that determine them up to
#' noise. Nine in ten have hazards between 1e-3 and 1e-2; the hard tenth is
#' a hundred times safer, and 500 training draws rarely show an unsafe one.
#'
#' True hazards are evenly spaced on the log scale: `n - round(n / 10)` of them
#' from 1e-3 to 1e-2, `round(n / 10)` from 1e-5 to 1e-4. The ten features of a
#' prompt are the quantiles of its time to unsafe at `tau` from 0.1 to 0.9,
#' evenly spaced, to the power of a quarter, divided by the mean of them all,
#' plus independent normal noise. The rows come in random order.
#'
#' @param n Number of prompts: a whole number of at least 10. The paper has
#'   100,000.
#' @param draws Number of training draws of each prompt: a whole number of at
#'   least 1. The default, 500, is the paper's.
#' @param noise Standard deviation of the noise: a number of at least 0. The
#'   mean feature is 1. The default, 0.1, is the paper's.
#' @param ... Must be empty.
#' @returns A data frame with one row for each prompt and the columns
#'   * `prob`: the true hazard;
#'   * `hard`: whether it belongs to the hard tenth;
#'   * `draws`, `unsafe`: training draws, and how many of them were unsafe;
#'   * `x`: a matrix with the ten features.
#' @section Errors: `timetounsafe_error_argument`.
#' @section Assumptions: Draws of a prompt are independent with the same hazard.
#' @references arXiv 2506.13593, section 4.1.
#' @seealso [simulate_study()]
#' @examples
#' set.seed(1)
#' prompts <- simulate_prompts(1000)
#' tapply(prompts$prob, prompts$hard, range)
#' fit_hazard(prompts$x, cbind(prompts$unsafe, prompts$draws - prompts$unsafe))
#' @export
simulate_prompts <- function(n, draws = 500, noise = 0.1, ...) {
  check_no_dots(...)
  n <- check_number(n, "n", min = 10, max = 1e8, whole = TRUE)
  draws <- check_number(draws, "draws", min = 1, max = 2^31 - 1, whole = TRUE)
  noise <- check_number(noise, "noise", min = 0)
  n_hard <- round(n / 10)
  prob <- c(log_spaced(1e-3, 1e-2, n - n_hard), log_spaced(1e-5, 1e-4, n_hard))
  x <- geometric_quantile(prob, seq(0.1, 0.9, length.out = 10))^0.25
  x <- x / mean(x) + stats::rnorm(length(x), sd = noise)
  at <- sample.int(n)
  prompts <- data.frame(
    prob = prob[at], hard = at > n - n_hard, draws = draws,
    unsafe = as.double(stats::rbinom(n, draws, prob[at]))
  )
  prompts$x <- x[at, , drop = FALSE]
  prompts
}

log_spaced <- function(from, to, n) {
  10^seq(log10(from), log10(to), length.out = n)
}

# ---- The hazard model --------------------------------------------------------

#' The hazard model of the paper's synthetic study
#'
#' A perceptron with four hidden layers of 32 ReLU units, trained for ten epochs
#' by AdamW (learning rate 1e-4, weight decay 1e-5, batches of 100) on the
#' unweighted cross-entropy of proportions. It takes features as they are: how
#' far below the other hazards it puts those of the hard tenth depends on it.
#'
#' @param x Numeric matrix: the features, one row for each prompt.
#' @param y What was observed of each prompt: `cbind(unsafe, safe)`, or another
#'   of the forms that [fit_hazard()] takes.
#' @param epochs Number of passes over the prompts: a whole number of at least
#'   1. The default, 10, is the paper's; with fewer than its 45,000 prompts take
#'   more, so that the net makes as many steps.
#' @param ... Must be empty.
#' @returns An object of class `hazard_fit`, see [fit_hazard()].
#' @section Errors: `timetounsafe_error_argument`,
#'   `timetounsafe_error_features`.
#' @section Assumptions: Features are of the order of 1, as those of
#'   [simulate_prompts()] are. For other data use [fit_hazard()].
#' @references arXiv 2506.13593, section 4.1.
#' @seealso [simulate_study()]
#' @examples
#' set.seed(1)
#' prompts <- simulate_prompts(1000)
#' y <- cbind(prompts$unsafe, prompts$draws - prompts$unsafe)
#' fit_paper_hazard(prompts$x, y, epochs = 50)
#' @export
fit_paper_hazard <- function(x, y, epochs = 10, ...) {
  check_no_dots(...)
  fit_hazard(x, y, engine = "mlp", hidden = c(32, 32, 32, 32),
             learning_rate = 1e-4, weight_decay = 1e-5, epochs = epochs,
             validation = 0, weighted = FALSE, start_at_rate = FALSE,
             standardised = FALSE)
}
