draw_counts <- function(prob, precision, draws) {
  n <- length(prob)
  differ <- rbeta(n, prob * precision, (1 - prob) * precision)
  rbinom(n, draws, if (is.finite(precision)) differ else prob)
}

test_that("the precision has the largest beta-binomial likelihood", {
  set.seed(1)
  prob <- runif(150, 0.01, 0.4)
  draws <- sample(5:40, 150, TRUE)
  unsafe <- draw_counts(prob, 6, draws)
  # By the products that the beta functions stand for.
  likelihood <- function(phi) {
    rising <- function(x, k) sum(log(x + seq_len(k) - 1))
    sum(vapply(seq_along(prob), function(i) {
      rising(prob[i] * phi, unsafe[i]) +
        rising((1 - prob[i]) * phi, draws[i] - unsafe[i]) -
        rising(phi, draws[i])
    }, 0))
  }
  grid <- 6 * exp(seq(-1, 1, 0.01))
  best <- grid[which.max(vapply(grid, likelihood, 0))]
  expect_equal(estimate_precision(prob, unsafe, draws), best, tolerance = 0.01)
})

test_that("the estimate is nearly unbiased on the log scale", {
  set.seed(2)
  prob <- 10^runif(200, -3, -0.5)
  for (precision in c(3, 10)) {
    ratio <- replicate(150, {
      unsafe <- draw_counts(prob, precision, 32)
      log(estimate_precision(prob, unsafe, rep(32, 200)) / precision)
    })
    # Monte Carlo error: about 0.016; the bias of order 1 / n: below 0.03.
    error <- sd(ratio) / sqrt(length(ratio))
    expect_lt(error, 0.03)
    expect_lt(abs(mean(ratio)), 3 * error + 0.03)
  }
})

test_that("draws that stopped at an unsafe one give the same precision", {
  set.seed(3)
  prob <- 10^runif(1500, -2.5, -0.4)
  hazard <- rbeta(1500, prob * 8, (1 - prob) * 8)
  time <- pmin(rgeom(1500, hazard) + 1, 40)
  status <- as.numeric(time < 40)
  expect_lt(abs(log(estimate_precision(prob, status, time) / 8)), 0.5)
})

test_that("prompts that are alike have an infinite precision", {
  set.seed(4)
  prob <- 10^runif(150, -3, -0.5)
  found <- replicate(100, {
    unsafe <- draw_counts(prob, Inf, 32)
    is.infinite(estimate_precision(prob, unsafe, rep(32, 150)))
  })
  # Above .87 with probability .999, if the truth is .96.
  expect_gt(mean(found), 0.87)
})

test_that("where the counts cannot say it the precision is infinite", {
  expect_identical(estimate_precision(rep(0.1, 9), rep(0:1, c(6, 3)),
                                      rep(1, 9)), Inf)
  expect_identical(estimate_precision(rep(0.5 / 1001, 50), rep(0, 50),
                                      rep(20, 50)), Inf)
  expect_identical(estimate_precision(c(0, 1, 0.3), c(0, 5, 1), c(5, 5, 5)),
                   Inf)
  expect_identical(estimate_precision(numeric(), numeric(), numeric()), Inf)
  expect_identical(estimate_precision(NULL, 1, 2), NA_real_)
})

test_that("a few prompts are enough where they differ clearly", {
  set.seed(5)
  found <- replicate(100, {
    unsafe <- draw_counts(rep(0.2, 15), 2, 30)
    estimate_precision(rep(0.2, 15), unsafe, rep(30, 15))
  })
  expect_true(all(is.finite(found)))
  expect_lt(abs(median(log(found / 2))), 0.3)
})

test_that("of many prompts enough are used, evenly by hazard", {
  expect_identical(spread_places(c(3, 1, 2)), 1:3)
  prob <- runif(12000)
  at <- spread_places(prob)
  expect_length(at, 5000)
  expect_equal(quantile(prob[at], 1:9 / 10), quantile(prob, 1:9 / 10),
               tolerance = 0.01)
})

test_that("a fit keeps the precision of its hazards out of fold", {
  set.seed(6)
  x <- matrix(rnorm(800), 400, dimnames = list(NULL, c("a", "b")))
  prob <- plogis(-3 + x[, "a"])
  y <- counts(draw_counts(prob, 10, 30), 30)
  fit <- fit_hazard(x, y)
  expect_identical(fit$precision,
                   estimate_precision(fit$out_of_fold, fit$unsafe, fit$draws))
  expect_lt(abs(log(fit$precision / 10)), 0.7)
  expect_identical(glance(fit)$precision, fit$precision)
  expect_identical(summary(fit)$precision, fit$precision)
  expect_output(print(fit), "Precision of hazards given the features: ")
  alike <- fit_hazard(x, counts(rbinom(400, 30, prob), 30))
  expect_identical(alike$precision, Inf)
  expect_output(print(alike), "do not visibly differ")
  expect_identical(suppressWarnings(fit_hazard(x, counts(rep(0, 400), 30)))$
                     precision, Inf)
  net <- fit_hazard(x, y, engine = "mlp", epochs = 2)
  expect_identical(glance(net)$precision, NA_real_)
})

test_that("as_hazard() takes a precision", {
  own <- as_hazard(function(newdata) newdata, precision = 12)
  expect_identical(glance(own)$precision, 12)
  expect_output(print(own), "Precision of hazards given the features: 12")
  expect_identical(as_hazard(own, precision = Inf)$precision, Inf)
  expect_identical(as_hazard(own)$precision, 12)
  expect_identical(as_hazard(function(newdata) newdata)$precision, NA_real_)
  expect_error(as_hazard(function(newdata) newdata, precision = 0),
               "precision", class = "timetounsafe_error_argument")
})

test_that("prompts that look alike have hazards with this mean and precision", {
  set.seed(7)
  prob <- rep(c(0.02, 0.3), each = 20000)
  alike <- draw_alike(prob, 9)
  for (p in c(0.02, 0.3)) {
    one <- alike[prob == p]
    expect_lt(abs(mean(one) - p), 4 * sqrt(p * (1 - p) / 10 / 20000))
    expect_equal(var(one), p * (1 - p) / 10, tolerance = 0.06)
  }
  expect_identical(draw_alike(prob, Inf), prob)
  expect_identical(draw_alike(prob, NA_real_), prob)
  expect_identical(draw_alike(prob, NULL), prob)
  expect_identical(draw_alike(c(0, 1), 5), c(0, 1))
})

test_that("on recorded draws of a real model it is about 10", {
  folder <- file.path(Sys.getenv("TIMETOUNSAFE_DATA"), "llm")
  skip_if(!nzchar(Sys.getenv("TIMETOUNSAFE_DATA")) || !dir.exists(folder),
          "TIMETOUNSAFE_DATA is not set, or has no folder llm")
  prompts <- utils::read.csv(file.path(folder, "prompts.csv"))
  recorded <- utils::read.csv(gzfile(file.path(folder, "draws.csv.gz")))
  at <- factor(recorded$id, prompts$id)
  y <- counts(as.vector(tapply(recorded$lexicon, at, sum)),
              as.vector(table(at)))
  fit <- fit_hazard(as.matrix(prompts[4:11]), y)
  expect_gt(fit$precision, 7)
  expect_lt(fit$precision, 14)
})

test_that("the precision depends on the hazard where counts say so", {
  set.seed(41)
  prob <- 10^runif(3000, -3, -0.5)
  draw <- function(precision) {
    rbinom(3000, 40, rbeta(3000, prob * precision, (1 - prob) * precision))
  }
  rule <- estimate_precision_rule(prob, draw(3 * prob^-0.5), rep(40, 3000))
  expect_lt(abs(rule$slope + 0.5), 0.15)
  expect_equal(precision_at(rule, 0.01), 30, tolerance = 0.25)
  # One in 70 data sets of a constant precision has a slope.
  slopes <- replicate(60, {
    estimate_precision_rule(prob[1:400], draw(10)[1:400], rep(40, 400))$slope
  })
  expect_lte(sum(slopes != 0), 4)
  expect_identical(estimate_precision_rule(prob, draw(1e9), rep(40, 3000)),
                   list(scale = Inf, slope = 0))
  expect_null(estimate_precision_rule(NULL, 1, 1))
  # A hazard that rounds to 1, and nothing but unsafe draws.
  odd <- estimate_precision_rule(c(1 - 1e-13, 1e-13, prob[1:50]),
                                 c(1e6, 0, draw(5)[1:50]),
                                 c(1e6, 1e6, rep(40, 50)))
  expect_true(is.finite(odd$scale))
})
