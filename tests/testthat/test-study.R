test_that("the seed decides, whatever the workers and the session", {
  run <- function(workers, ...) {
    small_study(c("naive_fresh", "optimized"), 20, n = 500, repetitions = 3,
                workers = workers, ...)
  }
  suppressWarnings(RNGkind("Wichmann-Hill"))
  on.exit(RNGkind("default"))
  set.seed(11)
  before <- .Random.seed
  one <- run(1)
  expect_identical(.Random.seed, before)
  two <- run(2)
  RNGkind("default")
  expect_identical(run(1), one)
  expect_identical(two, one)
  expect_false(identical(run(1, seed = 2)$tau, one$tau))

  rm(".Random.seed", envir = globalenv())
  run(1)
  expect_false(exists(".Random.seed", globalenv(), inherits = FALSE))
  set.seed(3)
  a <- run(1, seed = NULL)
  b <- run(1, seed = NULL)
  set.seed(3)
  expect_identical(run(2, seed = NULL), a)
  expect_false(identical(b$tau, a$tau))
})

test_that("the reference's cells are met at a smaller size", {
  skip_on_cran()
  # A fifth of the prompts with five times the epochs: as many steps.
  net <- function(x, y) fit_paper_hazard(x, y, epochs = 50)
  study <- small_study("optimized", c(10, 1120), n = 20000, repetitions = 4,
                       hazards = list(paper = net), seed = 8)
  cells <- summary(study)
  # Coverage and mean bound of the reference at these budgets.
  error <- sqrt(c(0.0037, 0.0041)^2 / 20 + cells$grid_coverage_sd^2 / 4 +
                  0.0023^2)
  expect_lt(max(abs(cells$grid_coverage - c(0.8988, 0.9004)) / error), 3)
  expect_lt(abs(cells$grid_mean_bound[1] / 138.1 - 1), 0.1)
  # Trained nets differ: the sd of the logarithm is about 0.1 between them.
  expect_lt(abs(log(cells$grid_mean_bound[2] / 6184)), 0.3)
})

test_that("bad settings are told by name", {
  good <- list(methods = "trimmed", budgets = 20, n = 200, repetitions = 1,
               hazards = list(rough = features_hazard), seed = 1)
  bad_arguments(simulate_study, good, list(
    methods = list("best", character(), NULL, c("trimmed", "trimmed"), 1),
    budgets = list(0, -1, NA_real_, c(20, 20), "20", Inf),
    repetitions = list(0, 1.5, NA_real_),
    alpha = list(0, 1, c(0.1, 0.1), NULL),
    cap_ratio = list(0.5, Inf),
    tau_grid = list(c(0.2, 0.1), c(0.1, 0.1), c(0, 0.1), c(0.1, 1), numeric()),
    n = list(9, 100.5),
    split = list(c(0.5, 0.5), c(0.5, 0.4, 0.2), c(0.9, 0.06, 0.04),
                 c(1.2, -0.1, -0.1)),
    hazards = list(list(features_hazard), features_hazard, list(), list(a = 1),
                   list(a = function(x, y) 1),
                   list(a = function(x, y) stop("no"))),
    resample = list("some", NA_character_), workers = list(0, 1.5),
    seed = list(1.5, "a")
  ))
  for (method in c("naive", "naive_fresh")) {
    expect_error(small_study(method, c(0.9, 20)), "`budgets` must .* above 1",
                 class = "timetounsafe_error_argument")
  }
  zero <- function(x, y) as_hazard(function(newdata) 0 * newdata[, 1])
  expect_error(small_study("trimmed", 20, hazards = list(zero = zero)),
               "above 0 with \"zero\"", class = "timetounsafe_error_argument")
  expect_error(small_study("trimmed", 20, size = 3), "simulate_prompts",
               class = "timetounsafe_error_argument")
  expect_error(small_study("trimmed", 20, noise = -1), "`noise`",
               class = "timetounsafe_error_argument")
  bad_arguments(simulate_prompts, list(n = 20), list(
    n = list(9, NA_real_, 20.5), draws = list(0, 1.5), noise = list(-1, Inf)
  ))
  bad_arguments(fit_paper_hazard,
                list(x = matrix(1:4, 2), y = counts(0:1, 9)),
                list(epochs = list(0, 1.5),
                     y = list(0, counts(-1:0, 9), counts(8:10, 10))))
  expect_error(fit_paper_hazard(matrix(c(1, NA), 2), counts(0:1, 9)), class =
                 "timetounsafe_error_features")
  expect_error(fit_paper_hazard(matrix(1:2, 2), counts(c(0, 0), 0)), "`y`",
               class = "timetounsafe_error_argument")
})

test_that("errors and warnings of workers reach the session", {
  failing <- function(x, y) stop("out of luck")
  for (workers in 1:2) {
    error <- expect_error(
      small_study("trimmed", 20, n = 200, hazards = list(a = failing),
                  workers = workers),
      "`hazards` has a function \"a\" that failed",
      class = "timetounsafe_error_argument"
    )
    expect_match(conditionMessage(error$parent), "out of luck")
    warning <- function(x, y) {
      base::warning("slow going")
      features_hazard()
    }
    seen <- list()
    withCallingHandlers(
      small_study("trimmed", 20, n = 200, hazards = list(a = warning),
                  workers = workers),
      warning = function(w) {
        seen <<- c(seen, conditionMessage(w))
        invokeRestart("muffleWarning")
      }
    )
    expect_identical(seen, list("slow going"))
  }
  expect_error(raise_conditions(list(NULL), NULL), "A worker died",
               class = "timetounsafe_error_internal")
})
