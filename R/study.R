# simulate_study(): the paper's study, for any model, size and method.

#' Simulate the paper's synthetic study
#'
#' Repeats the whole path on prompts with known hazards (see
#' [simulate_prompts()]): train, plan, audit, calibrate, and compare the bound
#' with the truth. Every combination of the settings is one cell; every
#' repetition of a cell is one row of the result.
#'
#' @details
#' Methods are the designs of [plan_audit()], and two more for comparison:
#' * `"uncalibrated"`: the `alpha` quantile of the estimated time to unsafe. No
#'   draw is made.
#' * `"naive_fresh"`: the published study of the naive method, which draws a new
#'   horizon for each tau of `tau_grid`, though every prompt is drawn once. Its
#'   estimates at neighbouring taus are independent, the first excess over
#'   `alpha` comes early, and the method looks conservative. No real audit can
#'   be carried out like this.
#'
#' The largest value of `tau_grid` is `tau_max`, as in the published study.
#'
#' The columns `tau` to `gmean_bound` are what this package does: the exact tau
#' of [calibrate_lpb()] (for `"naive_fresh"` one of `tau_grid`), a bound of 1
#' where no tau is feasible, and coverage `P(T >= L) = (1 - p)^(L - 1)`. The
#' columns `grid_*` are what the published implementation does: the last of
#' `tau_grid` up to which all are feasible, the first of them when none is, and
#' `1 - F(L) = (1 - p)^L` in place of the coverage.
#'
#' One audit serves all targets `alpha`, and all cells of a repetition share
#' prompts and fitted hazards.
#'
#' @param methods Character vector with some of `"uncalibrated"`, `"naive"`,
#'   `"naive_fresh"`, `"basic"`, `"trimmed"`, `"optimized"` and `"replicated"`.
#'   The default is what the paper compares.
#' @param budgets Numeric vector: mean numbers of draws allowed per calibration
#'   prompt, above 0 (above 1 for the naive methods). The default is the
#'   paper's: ten from 10 to 10,000.
#' @param repetitions How often: a whole number of at least 1. The default, 20,
#'   is the paper's.
#' @param alpha Numeric vector of targets strictly between 0 and 1.
#' @param cap_ratio Numeric vector, at least 1: the cap over the budget (the
#'   paper's `w_max`). Methods without a cap ignore it.
#' @param tau_grid Numeric vector, strictly increasing, strictly between 0 and
#'   1: the grid of the published implementation. The default is the paper's.
#' @param n Number of prompts: a whole number. The default, 100,000, is the
#'   paper's.
#' @param split Three numbers that sum to 1: the shares of prompts for training,
#'   calibration and test. Each part must have at least 10 prompts.
#' @param hazards Named list of functions of `x` (numeric matrix) and `y`
#'   (`cbind(unsafe, safe)`) that return a `hazard_fit`, for example
#'   `list(paper = fit_paper_hazard, default = fit_hazard)`.
#' @param resample What is drawn again in each repetition, apart from horizons
#'   and draws: `"all"`, prompts, split and training, so that standard
#'   deviations say how far another study would be; `"split"`, which prompts
#'   calibrate and which test, for one population and one training; `"none"`,
#'   nothing, as in the published runs.
#' @param plans `NULL`, the default, for all combinations of `methods`,
#'   `budgets`, `cap_ratio` and `hazards`; or a data frame with the columns
#'   `hazard`, `method`, `budget` and `cap_ratio` and a row for each combination
#'   wanted, in place of `methods`, `budgets` and `cap_ratio`. A column `alpha`,
#'   if there is one, takes the place of `alpha`.
#' @param seed A whole number, or `NULL`, the default, to take one from the
#'   session's generator, so that [set.seed()] reproduces the study. Either way
#'   the result does not depend on `workers`.
#' @param workers Number of processes: a whole number of at least 1. They are
#'   forked where the system can, and started otherwise.
#' @param ... `draws` and `noise` of [simulate_prompts()]. For `summary()`: must
#'   be empty.
#' @returns An object of class `simulated_study`: a data frame with one row for
#'   each run and the columns
#'   * `hazard`, `method`, `budget`, `cap_ratio`, `alpha`, `repetition`: which
#'     run;
#'   * `tau`: the selected tau, 0 when none is feasible;
#'   * `coverage`: mean of `P(T >= L)` over test prompts;
#'   * `coverage_hard`, `coverage_rest`: the same over the hard tenth and over
#'     the others (`NA` where the test set has none);
#'   * `coverage_low`, `coverage_middle`, `coverage_high`: over thirds of the
#'     test prompts by predicted hazard;
#'   * `mean_bound`, `gmean_bound`: means of the bound over test prompts;
#'   * `draws_allowed`, `draws_made`: draws per calibration prompt: the mean
#'     horizon, and the draws made when stopping at the first unsafe one. For
#'     `"naive_fresh"` those of a single tau;
#'   * `grid_tau`, `grid_coverage`, `grid_mean_bound`: the published
#'     implementation's, see Details.
#'
#'   `summary()` gives one row for each cell, with means and standard deviations
#'   (`*_sd`) over repetitions. `autoplot()` draws it with ggplot2, see
#'   [autoplot.simulated_study()].
#' @section Errors: `timetounsafe_error_argument`, also where a function in
#'   `hazards` fails. An error in a worker is raised as it is; warnings are
#'   raised once each.
#' @references arXiv 2506.13593, section 4.1; `vignette("synthetic-study",
#'   "timetounsafe")`.
#' @examples
#' study <- simulate_study(c("uncalibrated", "trimmed", "optimized"),
#'                         budgets = c(20, 200), repetitions = 3, n = 2000,
#'                         hazards = list(default = fit_hazard), seed = 1)
#' study
#' summary(study)[c("method", "budget", "coverage", "coverage_sd")]
#' @order 1
#' @export
simulate_study <- function(methods = c("uncalibrated", "naive", "basic",
                                       "trimmed", "optimized"),
                           budgets = seq(10, 10000, length.out = 10),
                           repetitions = 20, alpha = 0.1, cap_ratio = 100,
                           tau_grid = 10^seq(-3, -0.75, length.out = 300),
                           n = 1e5, split = c(0.45, 0.45, 0.1),
                           hazards = list(paper = fit_paper_hazard),
                           resample = c("all", "split", "none"), plans = NULL,
                           seed = NULL, workers = 1, ...) {
  workers <- check_number(workers, "workers", min = 1, max = 1000, whole = TRUE)
  repetitions <- check_number(repetitions, "repetitions", min = 1, max = 1e6,
                              whole = TRUE)
  seed <- check_number(seed, "seed", min = -(2^31 - 1), max = 2^31 - 1,
                       whole = TRUE, null_ok = TRUE)
  hazards <- check_fitters(hazards)
  plans <- check_plans(plans, methods, budgets, cap_ratio, names(hazards))
  settings <- check_study(plans, alpha, tau_grid, n, split, hazards, resample,
                          list(...))
  seed <- seed %||% sample.int(2^31 - 1, 1L)
  values <- keep_generator(
    run_study(settings, random_streams(seed, repetitions + 1), workers)
  )
  new_study(settings, values, repetitions, seed)
}

# One row for each cell in each repetition.
new_study <- function(settings, values, repetitions, seed) {
  cells <- study_cells(settings)
  at <- rep(seq_len(nrow(cells)), times = repetitions)
  rows <- cbind(cells[at, ], repetition = rep(seq_len(repetitions),
                                              each = nrow(cells)))
  values <- do.call(rbind, values)
  colnames(values) <- study_numbers
  rows <- cbind(rows, values)
  rownames(rows) <- NULL
  settings <- c(settings[c("n", "sizes", "resample", "tau_grid")], seed = seed)
  new_table(rows, "simulated_study", settings = settings)
}
