#' The prompts of the paper's synthetic study
#'
#' Prompts whose true hazards are known, with features that tell them apart but
#' for noise. Nine in ten have hazards between 1e-3 and 1e-2; the hard tenth is
#' a hundred times safer, and 500 training draws rarely show an unsafe one.
#'
#' True hazards are evenly spaced on the log scale: `n - round(n / 10)` of them
#' from 1e-3 to 1e-2, `round(n / 10)` from 1e-5 to 1e-4. The ten features of a
#' prompt are the quantiles of its first-unsafe time at the levels 0.1 to 0.9,
#' evenly spaced, to the power of a quarter, divided by the mean of them all,
#' plus independent normal noise. The rows come in random order.
#'
#' @param n Number of prompts: a whole number of at least 10. The paper has
#'   100,000.
#' @param draws Number of training draws of each prompt: a whole number of at
#'   least 1. The default, 500, is the paper's.
#' @param noise Standard deviation of the noise: a number of at least 0. The
#'   mean feature is 1. The default, 0.1, is the paper's.
#' @returns A data frame with one row for each prompt and the columns
#'   * `prob`: the true hazard;
#'   * `hard`: whether it belongs to the hard tenth;
#'   * `draws`, `unsafe`: training draws, and how many of them were unsafe;
#'   * `x`: a matrix with the ten features.
#' @section Errors: `timetounsafe_error_argument`.
#' @section Assumptions: Draws of a prompt are independent with the same hazard.
#' @references arXiv 2506.13593, section 4.1.
#' @seealso [synthetic_study()]
#' @examples
#' set.seed(1)
#' prompts <- simulate_prompts(1000)
#' tapply(prompts$prob, prompts$hard, range)
#' fit_hazard(prompts$x, prompts$unsafe, prompts$draws)
#' @export
simulate_prompts <- function(n, draws = 500, noise = 0.1) {
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

study_methods <- c("uncalibrated", "naive", "naive_fresh", "basic", "trimmed",
                   "optimized", "replicated")

#' The paper's synthetic study
#'
#' Repeats the whole path on prompts with known hazards (see
#' [simulate_prompts()]): train, plan, audit, calibrate, and compare the bound
#' with the truth. Every combination of the settings is one cell; every
#' repetition of a cell is one row of the result.
#'
#' @details
#' Methods are those of [plan_audit()], and two more to compare with:
#' * `"uncalibrated"`: the `alpha` quantile of the estimated first-unsafe time.
#'   No draw is made.
#' * `"naive_fresh"`: the published study of the naive method, which draws a new
#'   horizon for each of the `levels`, though every prompt is drawn once. Its
#'   estimates at neighbouring levels are independent, the first excess over
#'   `alpha` comes early, and the method looks conservative. No real audit can
#'   be carried out like this.
#'
#' The largest of `levels` is `tau_prior`, as in the published study.
#'
#' The columns `level` to `geometric_mean` are what this package does: the exact
#' level of [calibrate_lpb()] (for `"naive_fresh"` one of `levels`), a bound of
#' 1 where no level is feasible, and coverage `P(T >= L) = (1 - p)^(L - 1)`. The
#' columns `grid_*` are what the published implementation does: the last of
#' `levels` up to which all are feasible, the first of them when none is, and
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
#' @param max_weight Numeric vector of largest mean weights, at least 1, see
#'   [plan_audit()]. It does nothing to methods without a cap.
#' @param levels Numeric vector, strictly increasing, strictly between 0 and 1:
#'   the grid of the published implementation. The default is the paper's.
#' @param n Number of prompts: a whole number. The default, 100,000, is the
#'   paper's.
#' @param split Three numbers that sum to 1: the shares of prompts for training,
#'   calibration and test. Each part must have at least 10 prompts.
#' @param hazards Named list of functions of `x` (numeric matrix), `unsafe` and
#'   `draws` (numeric vectors) that return a `hazard_fit`, for example
#'   `list(paper = paper_hazard, default = fit_hazard)`.
#' @param resample What is drawn again in each repetition, apart from horizons
#'   and draws: `"all"`, prompts, split and training, so that standard
#'   deviations say how far another study would be; `"split"`, which prompts
#'   calibrate and which test, for one population and one training; `"none"`,
#'   nothing, as in the published runs.
#' @param seed A whole number, or `NULL`, the default, to take one from the
#'   session's generator, so that [set.seed()] reproduces the study. Either way
#'   the result does not depend on `workers`.
#' @param workers Number of processes: a whole number of at least 1. They are
#'   forked where the system can, and started otherwise.
#' @param plans `NULL`, the default, for all combinations of `methods`,
#'   `budgets`, `max_weight` and `hazards`; or a data frame with the columns
#'   `hazard`, `method`, `budget` and `max_weight` and a row for each
#'   combination wanted, in place of `methods`, `budgets` and `max_weight`. A
#'   column `alpha`, if there is one, takes the place of `alpha`.
#' @param ... `draws` and `noise` of [simulate_prompts()]. For `summary()`: must
#'   be empty.
#' @returns An object of class `synthetic_study`: a data frame with one row for
#'   each run and the columns
#'   * `hazard`, `method`, `budget`, `max_weight`, `alpha`, `repetition`: which
#'     run;
#'   * `level`: the selected level, 0 when none is feasible;
#'   * `coverage`: mean of `P(T >= L)` over test prompts;
#'   * `coverage_hard`, `coverage_rest`: the same over the hard tenth and over
#'     the others (`NA` where the test set has none);
#'   * `coverage_low`, `coverage_middle`, `coverage_high`: over thirds of the
#'     test prompts by predicted hazard;
#'   * `mean_bound`, `geometric_mean`: means of the bound over test prompts;
#'   * `allowed`, `made`: draws per calibration prompt: the mean horizon, and
#'     what was drawn with stopping at the first unsafe draw. For
#'     `"naive_fresh"` those of a single level;
#'   * `grid_level`, `grid_coverage`, `grid_mean_bound`: the published
#'     implementation's, see Details.
#'
#'   `summary()` gives one row for each cell, with means and standard deviations
#'   (`*_sd`) over repetitions. `autoplot()` draws it with ggplot2, see
#'   [autoplot.synthetic_study()].
#' @section Errors: `timetounsafe_error_argument`, also where a function in
#'   `hazards` fails. An error in a worker is raised as it is; warnings are
#'   raised once each.
#' @references arXiv 2506.13593, section 4.1; `vignette("synthetic-study",
#'   "timetounsafe")`.
#' @examples
#' study <- synthetic_study(c("uncalibrated", "trimmed", "optimized"),
#'                          budgets = c(20, 200), repetitions = 3, n = 2000,
#'                          hazards = list(default = fit_hazard), seed = 1)
#' study
#' summary(study)[c("method", "budget", "coverage", "coverage_sd")]
#' @export
synthetic_study <- function(methods = c("uncalibrated", "naive", "basic",
                                        "trimmed", "optimized"),
                            budgets = seq(10, 10000, length.out = 10),
                            repetitions = 20, alpha = 0.1, max_weight = 100,
                            levels = 10^seq(-3, -0.75, length.out = 300),
                            n = 1e5, split = c(0.45, 0.45, 0.1),
                            hazards = list(paper = paper_hazard),
                            resample = c("all", "split", "none"), seed = NULL,
                            workers = 1, plans = NULL, ...) {
  workers <- check_number(workers, "workers", min = 1, max = 1000, whole = TRUE)
  repetitions <- check_number(repetitions, "repetitions", min = 1, max = 1e6,
                              whole = TRUE)
  seed <- check_number(seed, "seed", min = -(2^31 - 1), max = 2^31 - 1,
                       whole = TRUE, null_ok = TRUE)
  hazards <- check_fitters(hazards)
  plans <- check_plans(plans, methods, budgets, max_weight, names(hazards))
  settings <- check_study(plans, alpha, levels, n, split, hazards, resample,
                          list(...))
  seed <- seed %||% sample.int(2^31 - 1, 1L)
  values <- keep_generator(
    run_study(settings, random_streams(seed, repetitions + 1), workers)
  )
  new_study(settings, values, repetitions, seed)
}

#' The hazard model of the paper's synthetic study
#'
#' A perceptron with four hidden layers of 32 ReLU units, trained for ten epochs
#' by AdamW (learning rate 1e-4, weight decay 1e-5, batches of 100) on the
#' unweighted cross-entropy of proportions. It takes features as they are: how
#' far below the other hazards it puts those of the hard tenth depends on it.
#'
#' @param x Numeric matrix: the features, one row for each prompt.
#' @param unsafe Numeric vector: the number of unsafe draws of each prompt.
#' @param draws Numeric vector, as long as `unsafe`, or one number: the number
#'   of draws made, at least 1.
#' @param epochs Number of passes over the prompts: a whole number of at least
#'   1. The default, 10, is the paper's; with fewer than its 45,000 prompts take
#'   more, so that the net makes as many steps.
#' @returns An object of class `hazard_fit`, see [fit_hazard()].
#' @section Errors: `timetounsafe_error_argument`,
#'   `timetounsafe_error_features`.
#' @section Assumptions: Features are of the order of 1, as those of
#'   [simulate_prompts()] are. For other data use [fit_hazard()].
#' @references arXiv 2506.13593, section 4.1.
#' @seealso [synthetic_study()]
#' @examples
#' set.seed(1)
#' prompts <- simulate_prompts(1000)
#' paper_hazard(prompts$x, prompts$unsafe, prompts$draws, epochs = 50)
#' @export
paper_hazard <- function(x, unsafe, draws, epochs = 10) {
  fit_hazard(x, unsafe, draws, engine = "mlp", hidden = c(32, 32, 32, 32),
             learning_rate = 1e-4, weight_decay = 1e-5, epochs = epochs,
             validation = 0, weighted = FALSE, start_at_rate = FALSE,
             standardised = FALSE)
}

# ---- Settings ----------------------------------------------------------------

check_study <- function(plans, alpha, levels, n, split, hazards, resample,
                        population, call = rlang::caller_env()) {
  targets <- plan_targets(plans, alpha, call)
  levels <- check_numeric(levels, "levels", min = 0, max = 1,
                          open = c(TRUE, TRUE), call = call)
  if (is.unsorted(levels, strictly = TRUE)) {
    stop_argument("levels", "must be strictly increasing",
                  "a vector that is not", call = call)
  }
  n <- check_number(n, "n", min = 10, max = 1e8, whole = TRUE, call = call)
  known <- c("draws", "noise")
  unknown <- setdiff(names(population) %||% rep("", length(population)), known)
  if (length(unknown) > 0L) {
    stop_argument("...", "must hold arguments of simulate_prompts()",
                  list_names(unknown), call = call)
  }
  list(
    plans = targets$plans, alpha = targets$alpha, levels = levels, n = n,
    sizes = check_split(split, n, call), hazards = hazards,
    resample = check_choice(resample, c("all", "split", "none"), "resample",
                            call = call),
    population = population
  )
}

# One row for each plan, those of one hazard together.
# Plans with the same audit are one, whose targets are a list element:
# list(plans, with a column `row`, and alpha).
plan_targets <- function(plans, alpha, call) {
  check <- function(alpha, arg) {
    check_set(alpha, arg, min = 0, max = 1, open = c(TRUE, TRUE), call = call)
  }
  audits <- unique(plans[setdiff(names(plans), "alpha")])
  audits$row <- seq_len(nrow(audits))
  if (is.null(plans$alpha)) {
    targets <- rep(list(check(alpha, "alpha")), nrow(audits))
  } else {
    same <- merge(cbind(plans, at = seq_len(nrow(plans))), audits)
    targets <- unname(split(same$alpha[order(same$at)],
                            same$row[order(same$at)]))
    lapply(targets, check, arg = "plans$alpha")
  }
  list(plans = audits, alpha = targets)
}

check_plans <- function(plans, methods, budgets, max_weight, hazards,
                        call = rlang::caller_env()) {
  if (is.null(plans)) {
    return(expand.grid(
      max_weight = check_set(max_weight, "max_weight", min = 1, call = call),
      budget = check_budgets(budgets, methods, call),
      method = check_methods(methods, call), hazard = hazards,
      stringsAsFactors = FALSE
    ))
  }
  columns <- c("max_weight", "budget", "method", "hazard")
  if (!is.data.frame(plans) || !all(columns %in% names(plans))) {
    stop_argument("plans", "must be a data frame with the columns",
                  list_names(columns), call = call)
  }
  plans <- as.data.frame(plans)[intersect(c(columns, "alpha"), names(plans))]
  plans[3:4] <- lapply(plans[3:4], as.character)
  if (nrow(plans) == 0L || anyDuplicated(plans) > 0L) {
    stop_argument("plans", "must hold rows, and none twice", call = call)
  }
  check_methods(unique(plans$method), call, "plans$method")
  for (part in split(plans, plans$method)) {
    check_budgets(unique(part$budget), part$method, call, "plans$budget")
  }
  check_set(unique(plans$max_weight), "plans$max_weight", min = 1, call = call)
  if (!setequal(plans$hazard, hazards)) {
    stop_argument("plans$hazard", "must hold the names of `hazards`",
                  list_names(unique(plans$hazard)), call = call)
  }
  plans[order(match(plans$hazard, hazards)), ]
}

check_budgets <- function(budgets, methods, call, arg = "budgets") {
  naive <- any(c("naive", "naive_fresh") %in% methods)
  check_set(budgets, arg, min = if (naive) 1 else 0, open = c(TRUE, FALSE),
            call = call)
}

check_set <- function(x, arg, ..., call) {
  x <- check_numeric(x, arg, finite = TRUE, ..., call = call)
  if (anyDuplicated(x) > 0L) {
    stop_argument(arg, "must not hold a value twice",
                  format(x[anyDuplicated(x)]), call = call)
  }
  x
}

check_methods <- function(methods, call, arg = "methods") {
  quoted <- paste0("\"", study_methods, "\"", collapse = ", ")
  if (!is.character(methods) || length(methods) == 0L) {
    stop_argument(arg, paste("must hold some of", quoted),
                  describe(methods), call = call)
  }
  wrong <- which(!methods %in% study_methods | duplicated(methods))
  if (length(wrong) > 0L) {
    stop_argument(arg, paste("must hold some of", quoted, "once each"),
                  describe(methods[wrong[1L]]), call = call)
  }
  methods
}

# The number of prompts in each part.
check_split <- function(split, n, call) {
  split <- check_numeric(split, "split", 3L, min = 0, max = 1, call = call)
  if (abs(sum(split) - 1) > 1e-8) {
    stop_argument("split", "must sum to 1", format(sum(split)), call = call)
  }
  sizes <- diff(c(0, round(cumsum(split) * n)))
  if (any(sizes < 10)) {
    stop_argument("split", "must leave each part at least 10 prompts",
                  format(min(sizes)), fix = "Raise `n`, or even out `split`.",
                  call = call)
  }
  sizes
}

check_fitters <- function(hazards, call = rlang::caller_env()) {
  functions <- is.list(hazards) && length(hazards) > 0L &&
    all(vapply(hazards, is.function, NA))
  if (!functions) {
    stop_argument("hazards", "must be a named list of functions",
                  describe(hazards), call = call)
  }
  names <- names(hazards) %||% rep("", length(hazards))
  if (anyNA(names) || !all(nzchar(names)) || anyDuplicated(names) > 0L) {
    stop_argument("hazards", "must have distinct names", list_names(names),
                  fix = "For example list(paper = paper_hazard).", call = call)
  }
  hazards
}

# ---- Random numbers and workers ----------------------------------------------

# Evaluates its argument and leaves the session's generator as it was.
keep_generator <- function(code) {
  kind <- RNGkind()
  state <- get0(".Random.seed", globalenv(), inherits = FALSE)
  on.exit(restore_generator(kind, state))
  code
}

restore_generator <- function(kind, state) {
  # R warns of generators that it keeps only for old results.
  suppressWarnings(RNGkind(kind[1L], kind[2L], kind[3L]))
  if (is.null(state)) {
    rm(".Random.seed", envir = globalenv())
  } else {
    set_stream(state)
  }
}

# The same random numbers in `code` each time, whatever the caller's generator,
# which stays as it is.
with_seed <- function(seed, code) {
  keep_generator({
    set.seed(seed, "Mersenne-Twister", "Inversion", "Rejection")
    code
  })
}

set_stream <- function(stream) {
  assign(".Random.seed", stream, envir = globalenv())
}

# Independent streams, so that results do not depend on who draws from which.
random_streams <- function(seed, count) {
  set.seed(seed, "L'Ecuyer-CMRG", "Inversion", "Rejection")
  first <- get(".Random.seed", globalenv(), inherits = FALSE)
  Reduce(function(stream, i) parallel::nextRNGStream(stream),
         seq_len(count - 1), first, accumulate = TRUE)
}

# The value of f() under each stream.
run_streams <- function(streams, f, workers, fork = .Platform$OS.type == "unix",
                        call = rlang::caller_env()) {
  workers <- min(workers, length(streams))
  task <- function(stream) {
    set_stream(stream)
    catch_conditions(f())
  }
  results <- if (workers == 1) {
    lapply(streams, task)
  } else if (fork) {
    parallel::mclapply(streams, task, mc.cores = workers, mc.set.seed = FALSE)
  } else {
    run_cluster(streams, task, workers)
  }
  raise_conditions(results, call)
  lapply(results, function(result) result$value)
}

run_cluster <- function(streams, task, workers) {
  cluster <- parallel::makePSOCKcluster(workers)
  on.exit(parallel::stopCluster(cluster))
  parallel::clusterCall(cluster, .libPaths, .libPaths())
  parallel::parLapply(cluster, streams, task)
}

# list(value, error, warnings): conditions travel from worker to session.
catch_conditions <- function(code) {
  warnings <- list()
  caught <- function(w) {
    warnings[[length(warnings) + 1L]] <<- w
    invokeRestart("muffleWarning")
  }
  value <- tryCatch(withCallingHandlers(code, warning = caught),
                    error = identity)
  failed <- inherits(value, "error")
  list(value = if (!failed) value, error = if (failed) value,
       warnings = warnings)
}

raise_conditions <- function(results, call) {
  for (result in results) {
    if (!identical(names(result), c("value", "error", "warnings"))) {
      stop_classed("internal", c("A worker died.", i = "Use fewer `workers`?"),
                   call = call)
    }
    if (!is.null(result$error)) {
      stop(result$error)
    }
  }
  warnings <- unlist(lapply(results, function(result) result$warnings), FALSE)
  messages <- vapply(warnings, conditionMessage, "")
  for (warning in warnings[!duplicated(messages)]) {
    warning(warning)
  }
}

# ---- Repetitions -------------------------------------------------------------

# One matrix for each repetition: a row for each cell, a column for each number.
run_study <- function(settings, streams, workers, call = rlang::caller_env()) {
  world <- if (settings$resample != "all") {
    run_streams(streams[1L], function() make_world(settings, call), 1)[[1L]]
  }
  repetition <- function() {
    run_repetition(world %||% make_world(settings, call), settings)
  }
  run_streams(streams[-1L], repetition, workers, call = call)
}

# Prompts that did not train, with their true and estimated hazards.
make_world <- function(settings, call) {
  prompts <- do.call(simulate_prompts, c(settings$n, settings$population))
  train <- seq_len(settings$sizes[1L])
  rest <- prompts[-train, ]
  predicted <- lapply(names(settings$hazards), function(name) {
    fit <- fit_for_study(name, settings$hazards[[name]], prompts[train, ], call)
    predict_for_study(name, fit, rest$x, call)
  })
  names(predicted) <- names(settings$hazards)
  list(prob = rest$prob, hard = rest$hard, predicted = predicted)
}

fit_for_study <- function(name, fitter, train, call) {
  fit <- tryCatch(
    fitter(train$x, train$unsafe, train$draws),
    error = function(e) {
      problem <- sprintf("has a function \"%s\" that failed", name)
      stop_argument("hazards", problem, call = call, parent = e)
    }
  )
  if (!inherits(fit, "hazard_fit")) {
    must <- sprintf("must return a hazard_fit from \"%s\"", name)
    stop_argument("hazards", must, describe(fit), call = call,
                  fix = "Wrap a model of your own with as_hazard().")
  }
  fit
}

# A hazard of 0 would make an infinite quantile.
predict_for_study <- function(name, fit, x, call) {
  prob <- predict_hazard(fit, x)
  if (any(prob == 0)) {
    stop_argument(
      "hazards", sprintf("must predict hazards above 0 with \"%s\"", name),
      sprintf("0 (element %d)", which(prob == 0)[1L]), call = call
    )
  }
  prob
}

run_repetition <- function(world, settings) {
  n <- length(world$prob)
  at <- if (settings$resample == "split") sample.int(n) else seq_len(n)
  calibrate <- at[seq_len(settings$sizes[2L])]
  test <- at[-seq_len(settings$sizes[2L])]
  rows <- lapply(names(world$predicted), function(name) {
    predicted <- world$predicted[[name]]
    planned <- list(
      prob = predicted[calibrate], truth = world$prob[calibrate],
      quantile = geometric_quantile(predicted[calibrate], max(settings$levels))
    )
    held_out <- list(prob = predicted[test], truth = world$prob[test],
                     groups = study_groups(predicted[test], world$hard[test]))
    plans <- settings$plans[settings$plans$hazard == name, ]
    run_plans(plans, planned, held_out, settings)
  })
  do.call(rbind, rows)
}

study_groups <- function(predicted, hard) {
  risk <- risk_rank(predicted, 3)
  list(hard = which(hard), rest = which(!hard), low = which(risk == 1),
       middle = which(risk == 2), high = which(risk == 3))
}

# In the order of study_cells().
run_plans <- function(plans, planned, held_out, settings) {
  rows <- lapply(seq_len(nrow(plans)), function(i) {
    alpha <- settings$alpha[[plans$row[i]]]
    audit <- study_audit(plans$method[i], plans$budget[i], plans$max_weight[i],
                         max(alpha), planned, settings)
    chosen <- study_levels(audit, alpha, settings$levels)
    t(mapply(score_level, chosen$level, chosen$grid_level,
             MoreArgs = list(audit = audit, held_out = held_out)))
  })
  do.call(rbind, rows)
}

study_numbers <- c(
  "level", "coverage", "coverage_hard", "coverage_rest", "coverage_low",
  "coverage_middle", "coverage_high", "mean_bound", "geometric_mean", "allowed",
  "made", "grid_level", "grid_coverage", "grid_mean_bound"
)

# The cell of each row of run_repetition().
study_cells <- function(settings) {
  targets <- settings$alpha[settings$plans$row]
  cells <- settings$plans[rep(seq_along(targets), lengths(targets)), ]
  cells$alpha <- unlist(targets)
  cells[c("hazard", "method", "budget", "max_weight", "alpha")]
}

# ---- One audit ---------------------------------------------------------------

# A list with the columns and constants of an audit that its level depends on,
# from the same functions as plan_audit() and simulate_audit(), without ids,
# hashes and data frames.
study_audit <- function(method, budget, max_weight, largest_alpha, planned,
                        settings) {
  if (method == "uncalibrated") {
    return(list(method = method, cap = Inf, horizon = 0, draws = 0))
  }
  fresh <- method == "naive_fresh"
  policy <- new_policy(if (fresh) "naive" else method, budget, 0.1, NULL,
                       max(settings$levels), max_weight, NULL)
  quantile <- cap_quantile(planned$quantile, planned$prob, policy)
  # On the prompts themselves, as published.
  policy <- fix_policy(policy, quantile, length(quantile))
  audit <- c(policy, draw_inclusion(quantile, policy),
             list(prob = planned$prob, stop = TRUE, failed = FALSE,
                  order = seq_along(quantile)))
  if (!fresh) {
    return(simulate_outcomes(audit, planned$truth))
  }
  time <- geometric_sample(planned$truth)
  audit <- observe(audit, time)
  audit$method <- method
  audit$levels <- settings$levels
  audit$curves <- fresh_curves(planned$prob, time, budget, settings$levels,
                             largest_alpha)
  audit
}

# The naive estimates with a new horizon for each level, up to the first level
# at which both reach alpha: list(exact, published). Only prompts with a time
# below their quantile can count, which few have: time < q_tau(x) just when
# F(time) < tau. The published code takes P(C > q) for P(C >= q), both for the
# weight and to decide who is included.
fresh_curves <- function(prob, time, budget, levels, alpha) {
  jump <- geometric_distribution(time, prob)
  at <- which(jump < max(levels))
  at <- at[order(jump[at])]
  sorted <- prob[at]
  count <- findInterval(levels, jump[at], left.open = TRUE)
  curves <- list(exact = rep(Inf, length(levels)),
                 published = rep(Inf, length(levels)))
  stay <- 1 - 1 / budget
  for (k in seq_along(levels)) {
    # Without the checks of geometric_quantile(), which would take as long.
    quantile <- core_value(.Call(
      ffi_geometric_quantile, sorted[seq_len(count[k])], levels[k], Inf
    ))
    reach <- stay^(quantile - 1)
    u <- stats::runif(count[k])
    reached <- reach[u < reach]
    above <- reach[u < reach * stay] * stay
    curves$exact[k] <- sum(1 / reached) / length(prob)
    curves$published[k] <- sum(1 / above) / length(prob)
    if (curves$exact[k] >= alpha && curves$published[k] >= alpha) {
      break
    }
  }
  curves
}

# What an audit selects for each target: its level, and the published one.
study_levels <- function(audit, alpha, levels) {
  if (audit$method == "uncalibrated") {
    return(list(level = alpha, grid_level = alpha))
  }
  if (audit$method == "naive_fresh") {
    return(list(
      level = last_levels(levels, audit$curves$exact, alpha, 0),
      grid_level = last_levels(levels, audit$curves$published, alpha,
                               levels[1L])
    ))
  }
  if (audit$method == "replicated") {
    level <- vapply(alpha, function(target) find_point(audit, target)$level, 0)
    below <- findInterval(level, levels)
    return(list(level = level, grid_level = levels[pmax(1, below)]))
  }
  found <- lapply(alpha, function(target) find_jumps(audit, target))
  level <- vapply(found, function(one) one$level, 0)
  # The jumps are the same for all targets.
  curve <- jump_curve(found[[1L]], levels, length(audit$prob))
  list(level = if (any(audit$horizon > 0)) level else 0 * level,
       grid_level = last_levels(levels, curve, alpha, levels[1L]))
}

last_levels <- function(levels, curve, alpha, otherwise) {
  vapply(alpha, function(target) {
    level <- select_level(levels, curve, target)
    if (is.na(level)) otherwise else level
  }, 0)
}

# The curve at some levels from its jumps: each counts for the levels above it.
jump_curve <- function(found, levels, n) {
  first <- findInterval(found$jump_level, levels) + 1
  size <- numeric(length(levels) + 1)
  sums <- rowsum(found$jump_weight, first)
  size[as.integer(rownames(sums))] <- sums
  cumsum(size[seq_along(levels)]) / n
}

# In the order of study_numbers.
score_level <- function(level, grid_level, audit, held_out) {
  bound <- geometric_quantile(held_out$prob, level, audit$cap)
  covered <- geometric_coverage(bound, held_out$truth)
  grid_bound <- geometric_quantile(held_out$prob, grid_level, audit$cap)
  parts <- vapply(held_out$groups, function(i) mean(covered[i]), 0)
  parts[is.nan(parts)] <- NA
  n <- length(audit$horizon)
  c(level, mean(covered), parts, mean(bound), exp(mean(log(bound))),
    sum(audit$horizon) / n, sum(audit$draws) / n, grid_level,
    mean(geometric_coverage(grid_bound + 1, held_out$truth)), mean(grid_bound))
}

# ---- The object --------------------------------------------------------------

new_study <- function(settings, values, repetitions, seed) {
  cells <- study_cells(settings)
  at <- rep(seq_len(nrow(cells)), times = repetitions)
  rows <- cbind(cells[at, ], repetition = rep(seq_len(repetitions),
                                              each = nrow(cells)))
  values <- do.call(rbind, values)
  colnames(values) <- study_numbers
  rows <- cbind(rows, values)
  rownames(rows) <- NULL
  settings <- c(settings[c("n", "sizes", "resample", "levels")], seed = seed)
  structure(rows, settings = settings,
            class = c("synthetic_study", "data.frame"))
}
