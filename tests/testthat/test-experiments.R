# A hazard that is read off the features, and wrong.
features_hazard <- function(x, unsafe, draws) {
  as_hazard(function(newx) pmin(0.9, 0.0015 * rowMeans(newx)^-4.5))
}

small_study <- function(methods, ..., n = 2000, repetitions = 2, seed = 1,
                        hazards = list(rough = features_hazard)) {
  synthetic_study(methods, ..., n = n, repetitions = repetitions, seed = seed,
                  hazards = hazards)
}

test_that("the population is the paper's", {
  set.seed(1)
  prompts <- simulate_prompts(1015, draws = 50)
  expect_identical(dim(prompts), c(1015L, 5L))
  expect_identical(sum(prompts$hard), 102L)
  easy <- log10(sort(prompts$prob[!prompts$hard]))
  hard <- log10(sort(prompts$prob[prompts$hard]))
  expect_equal(easy, seq(-3, -2, length.out = 913))
  expect_equal(hard, seq(-5, -4, length.out = 102))
  expect_true(is.unsorted(prompts$prob))
  expect_true(all(prompts$unsafe <= 50 & prompts$draws == 50))

  exact <- simulate_prompts(1000, noise = 0)
  q <- geometric_quantile(exact$prob, seq(0.1, 0.9, length.out = 10))^0.25
  expect_equal(exact$x, q / mean(q))
  expect_lt(abs(sum(exact$unsafe) / sum(500 * exact$prob) - 1),
            4 / sqrt(sum(500 * exact$prob)))
  # 1e4 normal numbers: the error of their sd is 0.1 / sqrt(2e4).
  set.seed(2)
  noise <- simulate_prompts(1000, noise = 0.1)
  order_x <- function(d) d$x[order(d$prob), ]
  expect_lt(abs(sd(order_x(noise) - order_x(exact)) - 0.1), 0.4 / sqrt(2e4))
})

# The public path of the study's first cell: what its stream draws, in the same
# order, where plan_audit() also draws an order that the study does not need.
public_path <- function(method, budget, max_weight, alpha, levels, seed, n) {
  keep_generator({
    set_stream(random_streams(seed, 2)[[2L]])
    prompts <- simulate_prompts(n)
    part <- rep(1:3, c(0.45, 0.45, 0.1) * n)
    calibrate <- prompts[part == 2, ]
    test <- prompts[part == 3, ]
    hazard <- features_hazard()
    start <- get(".Random.seed", globalenv())
    runif(nrow(calibrate))
    after <- get(".Random.seed", globalenv())
    set_stream(start)
    plan <- plan_audit(hazard, as.character(seq_len(nrow(calibrate))),
                       calibrate$x, budget = budget, method = method,
                       delta = NULL, tau_prior = max(levels),
                       max_weight = max_weight)
    set_stream(after)
    lpb <- suppressWarnings(
      point_lpb(simulate_audit(plan, calibrate$prob), alpha)
    )
    list(lpb = lpb, test = test,
         rows = assess_lpb(lpb, test$x, prob = test$prob, risk_groups = 3,
                           groups = ifelse(test$hard, "hard", "rest")))
  })
}

test_that("a run is the public path, and its grid the curve on the grid", {
  levels <- 10^seq(-3, -0.75, length.out = 40)
  for (method in c("naive", "basic", "trimmed", "optimized", "replicated")) {
    study <- small_study(method, 60, max_weight = 20, alpha = 0.05,
                         levels = levels, repetitions = 1, seed = 5)
    public <- public_path(method, 60, 20, 0.05, levels, 5, 2000)
    lpb <- public$lpb
    rows <- public$rows
    expect_identical(study$level, lpb$level)
    expect_gt(lpb$level, 0)
    expect_equal(
      unname(unlist(as.data.frame(study)[paste0(
        "coverage", c("", "_hard", "_rest", "_low", "_middle", "_high")
      )])),
      rows$coverage[c(1, 5, 6, 2, 3, 4)]
    )
    expect_equal(study$mean_bound, rows$mean_bound[1])
    expect_equal(study$geometric_mean, rows$geometric_mean[1])
    expect_equal(study$allowed, sum(lpb$audit$horizon) / lpb$n)
    expect_equal(study$made, lpb$draws[["made"]] / lpb$n)

    audit <- lpb$audit
    if (method == "replicated") {
      next
    }
    event <- audit$time < audit$horizon
    naive <- method == "naive"
    curve <- miscoverage_curve(
      ifelse(event, audit$time, 0),
      ifelse(event, if (naive) Inf else audit$horizon, 0),
      if (naive) (1 - 1 / 60)^audit$time else audit$pi,
      geometric_quantile(audit$prob, levels, lpb$cap)
    )
    found <- find_jumps(audit, 0.05)
    expect_equal(jump_curve(found, levels, nrow(audit)), curve)
    expect_true(any(curve >= 0.05))
    level <- select_level(levels, curve, 0.05)
    expect_identical(study$grid_level, level)
    bound <- geometric_quantile(predict(lpb$hazard, public$test$x), level,
                                lpb$cap)
    expect_equal(study$grid_mean_bound, mean(bound))
    expect_equal(study$grid_coverage, mean((1 - public$test$prob)^bound))
  }
})

test_that("with no feasible level the bound is 1, and the published one not", {
  # No prompt is included. The published code takes no event for no risk.
  study <- small_study("basic", 1e-9, repetitions = 1)
  expect_identical(study$allowed, 0)
  expect_identical(study$level, 0)
  expect_identical(study$coverage, 1)
  expect_identical(study$mean_bound, 1)
  expect_identical(study$grid_level, 10^-0.75)
  # The first level of the grid lies above the first jump of the curve.
  study <- small_study("optimized", 200, alpha = 1e-6, levels = c(0.05, 0.1),
                       repetitions = 1)
  expect_gt(study$level, 0)
  expect_lt(study$level, 0.05)
  expect_identical(study$grid_level, 0.05)
  audit <- list(method = "naive_fresh",
                curves = list(exact = c(0.3, 0), published = c(0.3, 0)))
  expect_identical(study_levels(audit, c(0.2, 0.4), c(0.1, 0.2)),
                   list(level = c(0, 0.2), grid_level = c(0.1, 0.2)))
})

test_that("uncalibrated is the plain quantile, and makes no draw", {
  study <- small_study("uncalibrated", c(5, 50), repetitions = 1, alpha = 0.2)
  expect_identical(study$level, c(0.2, 0.2))
  expect_identical(study$made, c(0, 0))
  expect_identical(study$coverage[1], study$coverage[2])
})

test_that("fresh horizons agree with drawing them for every prompt and level", {
  set.seed(7)
  prob <- c(0.02, 0.03, 0.05, 0.1, 0.2, 0.3)
  time <- c(2, 9, 3, 1, 2, 5)
  levels <- c(0.05, 0.15, 0.3, 0.45, 0.7)
  budget <- 6
  alpha <- 0.25
  q <- geometric_quantile(prob, levels)
  selected <- function(curve) sum(cumprod(curve < alpha))
  # `beyond`: 0 weighs and includes by P(C >= q), 1 by P(C > q).
  oracle <- function(beyond) {
    horizon <- rgeom(length(q), 1 / budget) + 1
    seen <- time < q & horizon >= q + beyond
    selected(colMeans(seen / (1 - 1 / budget)^(q - 1 + beyond)))
  }
  times <- 3000
  share <- function(f) tabulate(replicate(times, f()) + 1, 6) / times
  ours <- function(which) {
    curves <- fresh_curves(prob, time, budget, levels, alpha)
    selected(curves[[which]])
  }
  # Four standard errors of a difference of two shares, at their largest.
  error <- 4 * sqrt(2 * 0.25 / times)
  exact <- share(function() oracle(0))
  published <- share(function() oracle(1))
  expect_lt(max(abs(share(function() ours("exact")) - exact)), error)
  expect_lt(max(abs(share(function() ours("published")) - published)), error)
  expect_gt(sum(exact > 0.03), 2)
})

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
  expect_false(identical(run(1, seed = 2)$level, one$level))

  rm(".Random.seed", envir = globalenv())
  run(1)
  expect_false(exists(".Random.seed", globalenv(), inherits = FALSE))
  set.seed(3)
  a <- run(1, seed = NULL)
  b <- run(1, seed = NULL)
  set.seed(3)
  expect_identical(run(2, seed = NULL), a)
  expect_false(identical(b$level, a$level))
})

test_that("started workers do what forked ones do", {
  skip_on_cran()
  # Other tests want R's own generator.
  streams <- keep_generator(random_streams(1, 3))
  f <- function() stats::runif(2)
  forked <- keep_generator(run_streams(streams, f, 2))
  started <- keep_generator(run_streams(streams, f, 2, fork = FALSE))
  expect_identical(started, forked)
})

test_that("what is drawn again depends on `resample`", {
  # Coverage of the uncalibrated bound varies with prompts and test set alone.
  levels <- function(resample) {
    small_study("uncalibrated", 20, repetitions = 3, n = 500,
                resample = resample)$coverage
  }
  expect_length(unique(levels("none")), 1)
  expect_length(unique(levels("split")), 3)
  expect_length(unique(levels("all")), 3)
  fits <- 0
  counting <- function(x, unsafe, draws) {
    fits <<- fits + 1
    features_hazard()
  }
  for (resample in c("none", "split", "all")) {
    small_study("trimmed", 20, n = 500, resample = resample, repetitions = 3,
                hazards = list(counted = counting))
  }
  expect_identical(fits, 5)
})

test_that("cells and repetitions are in order", {
  study <- small_study(c("trimmed", "optimized"), c(20, 90), n = 500,
                       alpha = c(0.1, 0.3), max_weight = c(5, 50))
  expect_s3_class(study, c("synthetic_study", "data.frame"), exact = TRUE)
  expect_identical(dim(study), c(32L, 20L))
  expect_false(anyDuplicated(as.data.frame(study)[1:6]) > 0)
  # The cap of a mean weight is reached by some bound.
  expect_true(all(study$mean_bound <= study$budget * study$max_weight))
  wide <- study[study$alpha == 0.3, ]
  narrow <- study[study$alpha == 0.1, ]
  expect_true(all(wide$level >= narrow$level))
  cells <- summary(study)
  expect_identical(nrow(cells), 16L)
  expect_identical(unique(cells$repetitions), 2L)
  part <- as.data.frame(study)[study$method == "optimized" &
                                 study$budget == 90 & study$alpha == 0.3 &
                                 study$max_weight == 5, ]
  cell <- cells[cells$method == "optimized" & cells$budget == 90 &
                  cells$alpha == 0.3 & cells$max_weight == 5, ]
  expect_equal(cell$coverage, mean(part$coverage))
  expect_equal(cell$coverage_sd, sd(part$coverage))
  expect_output(print(study), "32 runs: 16 cells, 2 repetitions each")
})

test_that("a list of plans is the part of the full grid that it names", {
  hazards <- list(a = features_hazard, b = features_hazard)
  full <- small_study(c("uncalibrated", "basic"), c(20, 90), n = 500,
                      alpha = c(0.1, 0.2), hazards = hazards)
  plans <- data.frame(hazard = c("b", "a", "a"), max_weight = 100,
                      method = c("uncalibrated", "basic", "uncalibrated"),
                      budget = c(20, 90, 90))
  part <- small_study(plans = plans, n = 500, alpha = c(0.1, 0.2),
                      hazards = hazards)
  expect_identical(dim(part), c(12L, 20L))
  expect_identical(part$hazard, rep(rep(c("a", "b"), c(4, 2)), 2))
  keys <- c("hazard", "method", "budget", "alpha", "repetition")
  both <- merge(full, part, by = keys)
  expect_identical(nrow(both), 12L)
  same <- both$method == "uncalibrated"
  expect_identical(both$coverage.x[same], both$coverage.y[same])

  expect_error(small_study(plans = plans[1, ], hazards = hazards),
               "`plans$hazard`", fixed = TRUE,
               class = "timetounsafe_error_argument")
  expect_error(small_study(plans = plans[-1], hazards = hazards), "`plans`",
               class = "timetounsafe_error_argument")
  expect_error(small_study(plans = plans[c(1, 1:3), ], hazards = hazards),
               "none twice", class = "timetounsafe_error_argument")
  plans$method <- "naive"
  plans$budget <- 0.5
  expect_error(small_study(plans = plans[1:2, ], hazards = hazards),
               "`plans$budget`", fixed = TRUE,
               class = "timetounsafe_error_argument")
})

test_that("the reference's cells are met at a smaller size", {
  skip_on_cran()
  # A fifth of the prompts with five times the epochs: as many steps.
  net <- function(x, unsafe, draws) paper_hazard(x, unsafe, draws, epochs = 50)
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

test_that("pictures are drawn, and their data are the summary", {
  skip_if_not_installed("ggplot2", "3.4.0")
  study <- small_study(c("trimmed", "optimized"), c(20, 90), n = 500,
                       alpha = c(0.1, 0.3))
  expect_error(ggplot2::autoplot(study, "beauty"), "`metric`",
               class = "timetounsafe_error_argument")
  for (metric in names(study_titles)) {
    picture <- ggplot2::autoplot(study, metric)
    drawn <- ggplot2::ggplot_build(picture)$data
    expect_identical(nrow(drawn[[2L]]), 8L)
  }
  picture <- ggplot2::autoplot(study[study$alpha == 0.1, ], "made")
  drawn <- ggplot2::ggplot_build(picture)$data[[2L]]
  made <- summary(study[study$alpha == 0.1, ])$made
  expect_equal(sort(drawn$y), sort(made))
  expect_length(unique(drawn$colour), 2)
  expect_length(unique(drawn$linetype), 2)

  weights <- small_study("trimmed", c(20, 90), n = 500, max_weight = c(2, 4))
  expect_error(ggplot2::autoplot(weights), "one `max_weight`",
               class = "timetounsafe_error_argument")
  picture <- ggplot2::autoplot(weights[weights$budget == 20, ], "mean_bound")
  expect_equal(ggplot2::ggplot_build(picture)$data[[2L]]$x, log10(c(2, 4)))
  file <- withr::local_tempfile(fileext = ".png")
  grDevices::png(file)
  returned <- plot(weights[weights$budget == 20, ])
  grDevices::dev.off()
  expect_s3_class(returned, "synthetic_study")
  expect_gt(file.size(file), 1000)
})

test_that("targets of single plans are those of the crossed study", {
  plans <- data.frame(method = rep(c("trimmed", "optimized"), 3:2),
                      budget = 20, max_weight = 100, hazard = "rough",
                      alpha = c(0.05, 0.1, 0.2, 0.2, 0.05))
  run <- function(...) {
    synthetic_study(n = 500, repetitions = 2, seed = 4,
                    hazards = list(rough = features_hazard), ...)
  }
  some <- as.data.frame(run(plans = plans))
  all <- as.data.frame(run(plans = unique(plans[-5]),
                           alpha = c(0.05, 0.1, 0.2)))
  key <- function(x) paste(x$method, x$alpha, x$repetition)
  expect_identical(nrow(some), 10L)
  expect_setequal(key(some)[some$repetition == 1],
                  paste(plans$method, plans$alpha, 1))
  expect_equal(some, all[match(key(some), key(all)), ],
               ignore_attr = "row.names")
})

test_that("a missing package is told, and how to get it", {
  expect_error(need_package("ggplot2", "to draw", "99.0"),
               "install.packages(\"ggplot2\")", fixed = TRUE,
               class = "timetounsafe_error_unavailable")
})

test_that("bad settings are told by name", {
  good <- list(methods = "trimmed", budgets = 20, n = 200, repetitions = 1,
               hazards = list(rough = features_hazard), seed = 1)
  bad_arguments(synthetic_study, good, list(
    methods = list("best", character(), NULL, c("trimmed", "trimmed"), 1),
    budgets = list(0, -1, NA_real_, c(20, 20), "20", Inf),
    repetitions = list(0, 1.5, NA_real_),
    alpha = list(0, 1, c(0.1, 0.1), NULL),
    max_weight = list(0.5, Inf),
    levels = list(c(0.2, 0.1), c(0.1, 0.1), c(0, 0.1), c(0.1, 1), numeric()),
    n = list(9, 100.5),
    split = list(c(0.5, 0.5), c(0.5, 0.4, 0.2), c(0.9, 0.06, 0.04),
                 c(1.2, -0.1, -0.1)),
    hazards = list(list(features_hazard), features_hazard, list(), list(a = 1),
                   list(a = function(x, unsafe, draws) 1),
                   list(a = function(x, unsafe, draws) stop("no"))),
    resample = list("some", NA_character_), workers = list(0, 1.5),
    seed = list(1.5, "a")
  ))
  for (method in c("naive", "naive_fresh")) {
    expect_error(small_study(method, c(0.9, 20)), "`budgets` must .* above 1",
                 class = "timetounsafe_error_argument")
  }
  zero <- function(x, unsafe, draws) as_hazard(function(newx) 0 * newx[, 1])
  expect_error(small_study("trimmed", 20, hazards = list(zero = zero)),
               "above 0 with \"zero\"", class = "timetounsafe_error_argument")
  expect_error(small_study("trimmed", 20, size = 3), "simulate_prompts",
               class = "timetounsafe_error_argument")
  expect_error(small_study("trimmed", 20, noise = -1), "`noise`",
               class = "timetounsafe_error_argument")
  bad_arguments(simulate_prompts, list(n = 20), list(
    n = list(9, NA_real_, 20.5), draws = list(0, 1.5), noise = list(-1, Inf)
  ))
  bad_arguments(paper_hazard, list(x = matrix(1:4, 2), unsafe = 0:1, draws = 9),
                list(epochs = list(0, 1.5), unsafe = list(0, -1:0, 8:10)))
  expect_error(paper_hazard(matrix(c(1, NA), 2), 0:1, 9), class =
                 "timetounsafe_error_features")
  expect_error(paper_hazard(matrix(1:2, 2), 0:1, 0), "`unsafe`",
               class = "timetounsafe_error_argument")
})

test_that("the paper's net sees features as they are", {
  set.seed(4)
  prompts <- simulate_prompts(300)
  set.seed(5)
  fit <- paper_hazard(prompts$x, prompts$unsafe, 500, epochs = 2)
  expect_s3_class(fit, "hazard_fit")
  expect_identical(predict(fit, prompts$x), predict(fit))
  expect_identical(fit$model$epochs, 2L)
  # Ten features, four layers of 32 and one output, each with a bias.
  expect_length(fit$model$weights, 11 * 32 + 3 * 33 * 32 + 33)
  # Another scale of features is another model, which standardising would undo.
  set.seed(5)
  wide <- paper_hazard(100 * prompts$x, prompts$unsafe, 500, epochs = 2)
  expect_gt(max(abs(wide$fitted - fit$fitted)), 0.01)
})

test_that("errors and warnings of workers reach the session", {
  failing <- function(x, unsafe, draws) stop("out of luck")
  for (workers in 1:2) {
    error <- expect_error(
      small_study("trimmed", 20, n = 200, hazards = list(a = failing),
                  workers = workers),
      "`hazards` has a function \"a\" that failed",
      class = "timetounsafe_error_argument"
    )
    expect_match(conditionMessage(error$parent), "out of luck")
    warning <- function(x, unsafe, draws) {
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
