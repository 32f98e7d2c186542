test_that("a rate worked by hand", {
  # Two groups: the maximum likelihood is reached at their own rates, and
  # eta = log(-log(1 - p)).
  x <- rep(0:1, c(10, 10))
  unsafe <- rep(c(1, 3), each = 10)
  fit <- fit_hazard(x, counts(unsafe, 6), penalty = 0, splines = 0)
  expect_equal(fit$fitted, unsafe / 6, tolerance = 1e-8)
  eta <- log(-log(1 - c(1, 3) / 6))
  # The column is centred at 1/2 and has a standard deviation of 1/2.
  expect_equal(unname(fit$model$beta), c(mean(eta), diff(eta) / 2),
               tolerance = 1e-8)
})

test_that("maximum likelihood equals glm() with complementary log-log link", {
  set.seed(1)
  x <- matrix(rnorm(1200), 400)
  draws <- sample(5:40, 400, TRUE)
  unsafe <- rbinom(400, draws, 1 - exp(-exp(-3 + x[, 1] + x[, 2] / 3)))
  z <- scale(x) * sqrt(400 / 399)
  oracle <- glm(cbind(unsafe, draws - unsafe) ~ z, binomial("cloglog"),
                epsilon = 1e-13)
  fit <- fit_hazard(x, counts(unsafe, draws), penalty = 0, splines = 0,
                    dispersion = 1)
  expect_equal(unname(fit$model$beta), unname(coef(oracle)), tolerance = 1e-6)
  expect_equal(fit$fitted, unname(fitted(oracle)), tolerance = 1e-6)
  expect_equal(fit$deviance, deviance(oracle), tolerance = 1e-6)
  expect_equal(tidy(fit)$std.error, unname(sqrt(diag(vcov(oracle)))),
               tolerance = 1e-5)
})

test_that("the dispersion is Pearson's with Fletcher's correction", {
  set.seed(2)
  x <- rnorm(300)
  rough <- rbinom(300, 30, 1 - exp(-exp(-3 + x + rnorm(300))))
  oracle <- glm(cbind(rough, 30 - rough) ~ x, binomial("cloglog"))
  p <- fitted(oracle)
  skew <- mean((1 - 2 * p) * (rough / 30 - p) / (p * (1 - p)))
  pearson <- sum(residuals(oracle, "pearson")^2) / 298 / (1 + skew)
  fit <- fit_hazard(x, counts(rough, 30), penalty = 0, splines = 0)
  expect_gt(pearson, 2)
  expect_equal(fit$model$dispersion, pearson, tolerance = 1e-4)
  smooth <- rep(1, 300)
  expect_identical(
    fit_hazard(x, counts(smooth, 30), penalty = 0,
               splines = 0)$model$dispersion, 1
  )
})

test_that("draws as weights equal one row for each draw", {
  set.seed(3)
  x <- matrix(rnorm(120), 60)
  draws <- sample(1:20, 60, TRUE)
  unsafe <- rbinom(60, draws, plogis(-1 + x[, 1]))
  each <- rep(1:60, draws)
  outcome <- unlist(Map(function(u, m) rep(1:0, c(u, m - u)), unsafe, draws))
  counts <- fit_hazard(x, counts(unsafe, draws), penalty = 0, splines = 0,
                       tolerance = 1e-13)
  rows <- fit_hazard(x[each, ], counts(outcome, 1), penalty = 0, splines = 0,
                     tolerance = 1e-13)
  expect_equal(predict(rows, x), counts$fitted, tolerance = 1e-6)
})

test_that("splitting a prompt's draws over rows does not change a ridge fit", {
  set.seed(4)
  x <- rnorm(80)
  unsafe <- rbinom(80, 10, plogis(-1 + x))
  first <- pmin(unsafe, 3)
  counts <- fit_hazard(x, counts(unsafe, 10), penalty = 5, dispersion = 1,
                       splines = 5)
  halves <- fit_hazard(c(x, x), counts(c(first, unsafe - first),
                                       rep(c(3, 7), each = 80)),
                       penalty = 5, dispersion = 1,
                       splines = 5)
  expect_equal(predict(halves, x), counts$fitted, tolerance = 1e-6)
})

test_that("the fit is a stationary point of the penalised likelihood", {
  set.seed(5)
  x <- matrix(rnorm(300), 100)
  unsafe <- rbinom(100, 20, plogis(-2 + x[, 1]))
  fit <- fit_hazard(x, counts(unsafe, 20), penalty = 4, dispersion = 1,
                    splines = 0,
                    tolerance = 1e-13)
  z <- scale(x) * sqrt(100 / 99)
  objective <- function(b) {
    p <- 1 - exp(-exp(b[1] + z %*% b[-1]))
    sum(dbinom(unsafe, 20, p, log = TRUE)) - 4 / 2 * sum(b[-1]^2)
  }
  best <- optim(fit$model$beta, objective, method = "BFGS",
                control = list(fnscale = -1, reltol = 1e-15))
  expect_equal(unname(best$par), unname(fit$model$beta), tolerance = 1e-4)
})

test_that("a given penalty is respected, and shrinks", {
  set.seed(6)
  x <- matrix(rnorm(400), 200)
  unsafe <- rbinom(200, 20, plogis(-2 + x[, 1]))
  size <- vapply(c(0, 1, 100, 1e4, 1e12), function(penalty) {
    fit <- fit_hazard(x, counts(unsafe, 20), penalty = penalty, splines = 0)
    expect_identical(fit$model$lambda, penalty)
    sum(fit$model$beta[-1]^2)
  }, 1)
  expect_true(all(diff(size) < 0))
  expect_lt(size[5], 1e-12)
})

test_that("a huge penalty leaves the overall rate", {
  set.seed(7)
  x <- rnorm(100)
  unsafe <- rbinom(100, 20, plogis(-2 + x))
  fit <- fit_hazard(x, counts(unsafe, 20), penalty = 1e15)
  expect_equal(fit$fitted, rep(sum(unsafe) / 2000, 100), tolerance = 1e-6)
})

test_that("the order of rows does not matter", {
  set.seed(8)
  x <- matrix(rnorm(600), 300)
  unsafe <- rbinom(300, 20, 1 - exp(-exp(-3 + sin(2 * x[, 1]))))
  o <- sample(300)
  expect_equal(fit_hazard(x[o, ], counts(unsafe[o], 20))$fitted,
               fit_hazard(x, counts(unsafe, 20))$fitted[o], tolerance = 1e-6)
})

test_that("the order of rows does not matter with many rows", {
  set.seed(9)
  x <- rnorm(12000)
  unsafe <- rbinom(12000, 20, 1 - exp(-exp(-3 + sin(3 * x))))
  fitted <- fit_hazard(x, counts(unsafe, 20))$fitted
  for (o in list(sample(12000), order(x))) {
    reordered <- fit_hazard(x[o], counts(unsafe[o], 20))$fitted
    expect_lt(max(abs(reordered / fitted[o] - 1)), 1e-6)
  }
})

test_that("the units and the origin of a feature do not matter", {
  set.seed(10)
  x <- matrix(rnorm(600), 300)
  unsafe <- rbinom(300, 20, 1 - exp(-exp(-3 + sin(2 * x[, 1]))))
  changed <- cbind(1e4 * x[, 1] + 100, -0.03 * x[, 2] - 7)
  for (splines in list(NULL, 0, 6)) {
    fit <- fit_hazard(x, counts(unsafe, 20), splines = splines)
    other <- fit_hazard(changed, counts(unsafe, 20), splines = splines)
    expect_equal(other$fitted, fit$fitted, tolerance = 1e-6)
    expect_equal(predict(other, changed[1:9, ]), fit$fitted[1:9],
                 tolerance = 1e-6)
  }
})

test_that("features of huge and tiny size fit as well as others", {
  set.seed(11)
  x <- matrix(rnorm(600), 300)
  unsafe <- rbinom(300, 20, 1 - exp(-exp(-3 + sin(2 * x[, 1]))))
  for (splines in list(NULL, 0)) {
    fitted <- fit_hazard(x, counts(unsafe, 20), splines = splines)$fitted
    for (size in c(1e150, 1e300, 1e-150, 1e-290)) {
      fit <- fit_hazard(x * size, counts(unsafe, 20), splines = splines)
      expect_equal(fit$fitted, fitted, tolerance = 1e-6)
      expect_equal(predict(fit, x * size), fitted, tolerance = 1e-6)
    }
  }
})

test_that("a new prompt far outside the training data has a hazard", {
  set.seed(12)
  x <- rnorm(200)
  fit <- fit_hazard(x, counts(rbinom(200, 20, plogis(-2 + x)), 20))
  p <- predict(fit, c(-1e300, -1e6, 1e6, 1e300))
  expect_true(all(p >= 0 & p <= 1))
  expect_false(is.unsorted(p))
})

test_that("the column order does not matter", {
  set.seed(13)
  x <- matrix(rnorm(900), 300)
  unsafe <- rbinom(300, 20, 1 - exp(-exp(-3 + sin(2 * x[, 1]))))
  expect_equal(fit_hazard(x[, 3:1], counts(unsafe, 20), penalty = 1)$fitted,
               fit_hazard(x, counts(unsafe, 20),
                          penalty = 1)$fitted, tolerance = 1e-6)
})

test_that("a constant column changes nothing", {
  set.seed(14)
  x <- matrix(rnorm(200), 100)
  unsafe <- rbinom(100, 20, plogis(-2 + x[, 1]))
  for (value in c(0, 1, -1e12, 1e-300, 0.1)) {
    fit <- fit_hazard(cbind(x, value), counts(unsafe, 20), splines = 0)
    expect_equal(fit$fitted,
                 fit_hazard(x, counts(unsafe, 20), splines = 0)$fitted,
                 tolerance = 1e-6)
    # Whatever its value in new prompts.
    expect_equal(predict(fit, cbind(x, 5)), fit$fitted, tolerance = 1e-12)
  }
})

test_that("constant columns alone leave the overall rate", {
  fit <- fit_hazard(matrix(7, 20, 2), counts(rep(0:1, 10), 5))
  expect_equal(fit$fitted, rep(0.1, 20), tolerance = 1e-8)
})

test_that("collinear columns do not change the maximum likelihood", {
  set.seed(15)
  x <- matrix(rnorm(400), 200)
  unsafe <- rbinom(200, 20, plogis(-2 + x[, 1]))
  settings <- list(penalty = 0, splines = 0)
  fit <- do.call(fit_hazard, c(list(x, counts(unsafe, 20)), settings))
  doubled <- cbind(x, x[, 1], x[, 1] - x[, 2])
  collinear <- do.call(fit_hazard,
                       c(list(doubled, counts(unsafe, 20)), settings))
  expect_equal(collinear$fitted, fit$fitted, tolerance = 1e-5)
  expect_true(collinear$model$ridged)
  expect_false(fit$model$ridged)
  expect_output(print(summary(collinear)), "collinear")
})

test_that("more features than prompts fit to finite hazards", {
  set.seed(16)
  x <- matrix(rnorm(40 * 100), 40)
  unsafe <- rbinom(40, 20, plogis(-2 + x[, 1]))
  for (penalty in list(NULL, 1, 0)) {
    fit <- fit_hazard(x, counts(unsafe, 20), penalty = penalty)
    expect_true(all(fit$fitted > 0 & fit$fitted < 1))
    expect_lte(fit$deviance, fit$null.deviance * (1 + 1e-6))
  }
})

test_that("a group with no event does not get a hazard of 0", {
  set.seed(17)
  data <- data.frame(g = rep(c("safe", "a", "b"), each = 50))
  unsafe <- c(rep(0, 50), rbinom(100, 20, 0.1))
  fit <- fit_hazard(data, counts(unsafe, 20))
  p <- fit$fitted[c(1, 51, 101)]
  expect_gt(p[1], 1e-6)
  expect_lt(p[1], 0.02)
  expect_gt(min(p[2:3]), 0.05)
})

test_that("perfectly separated draws give hazards strictly inside (0, 1]", {
  for (penalty in list(NULL, 0)) {
    fit <- suppressWarnings(fit_hazard(1:10, counts(rep(c(0, 3), each = 5), 3),
                                       penalty = penalty))
    expect_true(all(fit$fitted > 0 & fit$fitted <= 1))
    expect_true(all(diff(fit$fitted) >= 0))
  }
})

test_that("a single prompt gives its own rate", {
  fit <- fit_hazard(matrix(1:3, 1), counts(1, 4))
  expect_equal(fit$fitted, 0.25, tolerance = 1e-8)
})

test_that("splines recover a bent hazard that a line cannot", {
  # Deviance from the truth, per draw, on 4,000 new prompts. Over 50 data sets:
  # mean 0.0016 and 0.0249, standard deviations 0.0005 and 0.0006, and never a
  # ratio above 0.12.
  set.seed(18)
  eta <- function(x) -3 + sin(2 * x[, 1]) + x[, 2] / 2
  x <- matrix(rnorm(4000), 1000)
  unsafe <- rbinom(1000, 20, 1 - exp(-exp(eta(x))))
  new <- matrix(rnorm(16000), 4000)
  p <- 1 - exp(-exp(eta(new)))
  lost <- function(fit) {
    q <- predict(fit, new)
    2 * mean(p * log(p / q) + (1 - p) * (log1p(-p) - log1p(-q)))
  }
  bent <- lost(fit_hazard(x, counts(unsafe, 20)))
  straight <- lost(fit_hazard(x, counts(unsafe, 20), splines = 0))
  expect_lt(bent, straight / 5)
})

test_that("a strong effect is never shrunk away", {
  # Both effects explain most of the deviance: at penalty = 1 above 0.5 in
  # every data set, so there is no Monte Carlo error to allow for.
  for (eta in list(function(x) -3 + 2 * x, function(x) -3 + (x^2 - 1) / 2)) {
    explained <- vapply(1:20, function(seed) {
      set.seed(seed)
      x <- matrix(rnorm(4000), 1000)
      unsafe <- rbinom(1000, 20, 1 - exp(-exp(eta(x[, 1]))))
      chosen <- suppressWarnings(fit_hazard(x, counts(unsafe, 20)))
      given <- fit_hazard(x, counts(unsafe, 20), penalty = 1)
      (chosen$null.deviance - chosen$deviance) /
        (given$null.deviance - given$deviance)
    }, 1)
    expect_gt(min(explained), 0.8)
  }
})

test_that("the default fit converges", {
  # Over 20 data sets, all of them ordinary.
  converged <- vapply(1:20, function(seed) {
    set.seed(seed)
    x <- matrix(rnorm(2500), 500)
    unsafe <- rbinom(500, 20, 1 - exp(-exp(-3 + 0.3 * x[, 1])))
    suppressWarnings(fit_hazard(x, counts(unsafe, 20)))$model$converged
  }, TRUE)
  expect_identical(mean(converged), 1)
})

test_that("features that tell nothing are shrunk away", {
  # Standard deviation of the estimated log hazard, truth 0, over 10 data sets:
  # the ratio of means is 0.10 with a standard error of 0.04.
  spread <- vapply(1:10, function(seed) {
    set.seed(seed)
    x <- matrix(rnorm(6000), 300)
    unsafe <- rbinom(300, 20, 0.05)
    chosen <- fit_hazard(x, counts(unsafe, 20), splines = 0)
    likeliest <- fit_hazard(x, counts(unsafe, 20), splines = 0, penalty = 0)
    c(sd(log(chosen$fitted)), sd(log(likeliest$fitted)))
  }, c(0, 0))
  expect_lt(mean(spread[1, ]), 0.7 * mean(spread[2, ]))
})

test_that("the curvature of a straight effect is shrunk away", {
  set.seed(19)
  x <- rnorm(2000)
  unsafe <- rbinom(2000, 20, 1 - exp(-exp(-3 + x / 2)))
  fit <- fit_hazard(x, counts(unsafe, 20))
  expect_length(fit$model$terms$smooths, 1)
  # Over 100 data sets: mean 0.3, above 3 in one.
  expect_lt(summary(fit)$smooths$edf, 3)
  straight <- fit_hazard(x, counts(unsafe, 20), splines = 0)
  expect_lt(max(abs(log(fit$fitted / straight$fitted))[abs(x) < 2]), 0.3)
})

test_that("splines are straight beyond the training data", {
  set.seed(20)
  x <- runif(500, -1, 1)
  fit <- fit_hazard(x, counts(rbinom(500, 20, 1 - exp(-exp(-2 + 2 * x^2))), 20),
                    penalty = 0.1, splines = 6)
  eta <- function(x) log(-log1p(-predict(fit, x)))
  steps <- diff(eta(max(x) + c(0, 0.1, 0.2, 0.3)))
  expect_equal(steps, rep(steps[1], 3), tolerance = 1e-8)
  steps <- diff(eta(min(x) - c(0, 0.1, 0.2, 0.3)))
  expect_equal(steps, rep(steps[1], 3), tolerance = 1e-8)
})

test_that("the number of knots is the one asked for", {
  set.seed(21)
  x <- matrix(rnorm(400), 200)
  unsafe <- rbinom(200, 20, plogis(-2 + x[, 1]))
  fit <- suppressWarnings(fit_hazard(x, counts(unsafe, 20), splines = 7))
  expect_identical(summary(fit)$smooths$knots, c(7L, 7L))
})

test_that("a feature with fewer than 8 values stays straight", {
  set.seed(22)
  x <- cbind(rep(1:7, length.out = 280), rnorm(280))
  fit <- suppressWarnings(fit_hazard(x, counts(rbinom(280, 20, 0.2), 20),
                                     splines = 5))
  expect_identical(summary(fit)$smooths$feature, "x2")
})

test_that("with few unsafe draws only the straight terms are used", {
  set.seed(23)
  x <- matrix(rnorm(2000), 500)
  unsafe <- rep(0, 500)
  unsafe[1:10] <- 1
  expect_length(fit_hazard(x, counts(unsafe, 20))$model$terms$smooths, 0)
})

test_that("running out of iterations is a warning, and printed", {
  set.seed(24)
  x <- matrix(rnorm(300), 100)
  unsafe <- rbinom(100, 20, plogis(-2 + x[, 1]))
  expect_warning(fit <- fit_hazard(x, counts(unsafe, 20), max_iterations = 1),
                 class = "timetounsafe_warning_convergence")
  expect_false(fit$model$converged)
  expect_output(print(fit), "did not converge")
  expect_true(all(fit$fitted > 0 & fit$fitted < 1))
})

test_that("a fit needs no random numbers", {
  set.seed(26)
  x <- rnorm(100)
  unsafe <- rbinom(100, 20, plogis(-2 + x))
  state <- .Random.seed
  fit_hazard(x, counts(unsafe, 20))
  expect_identical(.Random.seed, state)
})

test_that("the settings of the glm name a wrong value", {
  not_number <- list(NA, NaN, "1", -1, c(1, 2), numeric(), TRUE)
  bad_arguments(
    "fit_hazard",
    list(x = c(0.3, -1, 2, 0.5), y = counts(c(1, 0, 2, 0), 5),
         splines = 0, penalty = 1, dispersion = 1, tolerance = 1e-8,
         max_iterations = 50),
    list(
      splines = c(not_number, list(3, 51, 4.5, Inf, c(FALSE, FALSE))),
      penalty = c(not_number, list(Inf)),
      dispersion = c(not_number, list(Inf, 0)),
      tolerance = c(not_number, list(NULL, Inf, 0, 1)),
      max_iterations = c(not_number, list(NULL, Inf, 0, 1.5))
    )
  )
})

# What hazards q lose against the truth p, per draw.
divergence <- function(p, q) {
  mean(p * log(p / q) + (1 - p) * (log1p(-p) - log1p(-q)))
}

# The loss on new prompts of the default, of the best of some ridges (chosen
# with the truth at hand) and of a lasso: one row for each data set.
compare_losses <- function(effects, seeds) {
  losses <- vapply(seeds, function(seed) {
    set.seed(seed)
    effect <- effects()
    d <- length(effect)
    hazard <- function(x) drop(1 - exp(-exp(-3 + x %*% effect)))
    x <- matrix(rnorm(300 * d), 300)
    new <- matrix(rnorm(1000 * d), 1000)
    unsafe <- rbinom(300, 20, hazard(x))
    p <- hazard(new)
    ridge <- vapply(c(64, 256, 1024), function(penalty) {
      fit <- fit_hazard(x, counts(unsafe, 20), penalty = penalty, splines = 0,
                        interactions = 0)
      divergence(p, predict(fit, new))
    }, 1)
    fit <- suppressWarnings(fit_hazard(x, counts(unsafe, 20)))
    lasso <- NA_real_
    if (requireNamespace("glmnet", quietly = TRUE)) {
      model <- glmnet::cv.glmnet(x, cbind(20 - unsafe, unsafe), nfolds = 5,
                                 family = "binomial")
      lasso <- divergence(p, drop(predict(model, new, s = "lambda.min",
                                          type = "response")))
    }
    c(own = divergence(p, predict(fit, new)), ridge = min(ridge),
      lasso = lasso)
  }, c(own = 0, ridge = 0, lasso = 0))
  data.frame(t(losses))
}

test_that("three features that matter among 200 are found", {
  # Over 5 data sets the loss is 0.0010 (0.0005 to 0.0014), that of the best
  # ridge 0.021 and of the lasso 0.0021.
  loss <- compare_losses(function() c(0.8, -0.6, 0.5, rep(0, 197)), 1:2)
  expect_true(all(loss$own < loss$ridge / 5))
  skip_if_not_installed("glmnet")
  expect_lt(mean(loss$own), 2 * mean(loss$lasso))
})

test_that("200 features that all matter a little are not lost", {
  # Over 5 data sets the loss is 1.11 times that of the best ridge (1.05 to
  # 1.18).
  loss <- compare_losses(function() 0.07 * rnorm(200), 1:2)
  expect_true(all(loss$own < 1.4 * loss$ridge))
})

test_that("a group without events is near Jeffreys' mean", {
  # Over 5 data sets each the geometric mean is 0.6 to 4 times it: Monte Carlo
  # error is far below the factor of 5.
  for (size in c(20, 100, 1000)) {
    for (noise in c(0, 10)) {
      for (draws in c(5, 100)) {
        set.seed(1)
        n <- 2 * size + 100
        first <- rep(c(TRUE, FALSE), c(size, n - size))
        x <- cbind(first, matrix(rnorm(n * noise), n))
        unsafe <- ifelse(first, 0, rbinom(n, draws, 0.1))
        p <- fit_hazard(x, counts(unsafe, draws))$fitted[first]
        jeffreys <- 0.5 / (size * draws + 1)
        expect_lt(abs(mean(log(p / jeffreys))), log(5))
      }
    }
  }
})

test_that("the prior event does not hide that draws scatter", {
  # All draws of a prompt alike: their dispersion is their number. Part of a
  # prior event in a row of tiny hazard once made it 1 in most of these fits.
  for (draws in c(5, 100)) {
    for (seed in 1:10) {
      set.seed(seed)
      x <- matrix(rnorm(900), 300)
      unsafe <- draws * rbinom(300, 1, plogis(-1 + 3 * x[, 1]))
      fit <- suppressWarnings(fit_hazard(x, counts(unsafe, draws)))
      expect_gt(fit$model$dispersion, draws * 0.9)
      expect_lt(fit$model$dispersion, draws * 1.2)
    }
  }
})

test_that("features that separate the prompts leave finite hazards", {
  for (draws in c(1, 20, 1e3, 1e6)) {
    for (columns in list(1, 1:3)) {
      set.seed(1)
      x <- matrix(rnorm(300), 100)
      unsafe <- ifelse(x[, 1] > 0, draws, 0)
      for (splines in list(NULL, 0)) {
        fit <- suppressWarnings(
          fit_hazard(x[, columns], counts(unsafe, draws), splines = splines)
        )
        expect_true(all(fit$fitted > 0 & fit$fitted <= 1))
        expect_gt(mean((fit$fitted > 0.5) == (x[, 1] > 0)), 0.9)
        expect_lt(fit$deviance, fit$null.deviance)
      }
    }
  }
})

test_that("small and difficult data sets nearly all converge", {
  # Normal, t with 2 degrees, Cauchy and lognormal features; 1 of these 200 does
  # not.
  converged <- vapply(1:200, function(seed) {
    set.seed(seed)
    n <- sample(c(3, 10, 30, 100, 300), 1)
    d <- sample(c(1, 3, 10, 30), 1)
    draws <- sample(c(1, 5, 20, 200), 1)
    make <- list(rnorm, function(n) rt(n, 2), rcauchy,
                 function(n) exp(2 * rnorm(n)))[[seed %% 4 + 1]]
    x <- matrix(make(n * d), n)
    eta <- -2.5 + asinh(x[, 1]) + 0.5 * sin(2 * x[, d])
    unsafe <- rbinom(n, draws, 1 - exp(-exp(eta)))
    unsafe[1] <- min(max(unsafe[1], 1), max(draws - 1, 1))
    unsafe[2] <- min(unsafe[2], draws - 1)
    fit <- suppressWarnings(fit_hazard(x, counts(unsafe, draws)))
    expect_true(all(fit$fitted > 0 & fit$fitted <= 1))
    fit$model$converged
  }, TRUE)
  expect_gte(sum(converged), 197)
})

test_that("own penalties are where the marginal likelihood is stationary", {
  # lambda = (edf + 2) / (b^2 / dispersion + 2 / m) with m the mean of all
  # penalties, which the covariance tells: its inverse times the dispersion is
  # information plus penalty. A fit stops within 0.001 degrees of freedom for
  # each of its 6 features: half a per cent or so of these sums.
  set.seed(9)
  x <- matrix(rnorm(6000), 1000)
  unsafe <- rbinom(1000, 20, 1 - exp(-exp(-3 + x[, 1] - 0.3 * x[, 2])))
  fit <- fit_hazard(x, counts(unsafe, 20), splines = 0)
  model <- fit$model
  z <- cbind(1, scale(x) * sqrt(1000 / 999))
  h <- exp(drop(z %*% model$beta))
  draws <- 20 + 20000 / sum(unsafe) / 1000
  weight <- draws * h^2 * exp(-h) / -expm1(-h)
  lambda <- diag(solve(model$covariance) * model$dispersion -
                   crossprod(z, weight * z))[-1]
  edf <- 1 - lambda * diag(model$covariance)[-1] / model$dispersion
  m <- mean(lambda)
  size <- model$beta[-1]^2 / model$dispersion
  expect_equal(unname(lambda), unname((edf + 2) / (size + 2 / m)),
               tolerance = 0.05)
  expect_equal(sum(edf), sum(model$edf), tolerance = 1e-4)
  expect_lt(lambda[1], lambda[6] / 3)
})

test_that("at a fixed penalty the fit is the optimum of glmnet", {
  skip_if_not_installed("glmnet")
  set.seed(41)
  x <- matrix(rnorm(2400), 200)
  z <- apply_scale(x, standardise(x))
  unsafe <- rbinom(200, 30, 1 - exp(-exp(-2 + drop(x %*% rnorm(12, sd = 0.2)))))
  draws <- rep(30, 200)
  for (penalty in c(1, 50)) {
    fit <- fit_hazard(z, counts(unsafe, draws), penalty = penalty,
                      splines = 0, interactions = 0, tolerance = 1e-14)
    theirs <- glmnet::glmnet(
      z, unsafe / draws, weights = draws, alpha = 0,
      family = stats::binomial("cloglog"), lambda = penalty / sum(draws),
      standardize = FALSE, thresh = 1e-15, maxit = 1e6
    )
    objective <- function(b) {
      p <- 1 - exp(-exp(drop(cbind(1, z) %*% b)))
      sum(unsafe * log(p) + (draws - unsafe) * log(1 - p)) -
        penalty * sum(b[-1]^2) / 2
    }
    ours <- objective(coef(fit))
    expect_equal(ours, objective(as.vector(stats::coef(theirs))),
                 tolerance = 1e-8)
    # No point near it is better.
    expect_gte(ours, objective(coef(fit) + 1e-4))
  }
})
