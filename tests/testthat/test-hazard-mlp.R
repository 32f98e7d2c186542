test_that("a perceptron learns an interaction that an additive glm cannot", {
  # Deviance from the truth, per draw, on 4,000 new prompts: over 5 data sets
  # 0.0090 to 0.0102, of the glm 0.113 to 0.114.
  skip_on_cran()
  set.seed(1)
  hazard <- function(x) 1 - exp(-exp(-3 + 1.5 * sign(x[, 1] * x[, 2])))
  x <- matrix(runif(4000, -1, 1), 2000)
  unsafe <- rbinom(2000, 20, hazard(x))
  new <- matrix(runif(8000, -1, 1), 4000)
  p <- hazard(new)
  lost <- function(fit) {
    q <- predict(fit, new)
    2 * mean(p * log(p / q) + (1 - p) * (log1p(-p) - log1p(-q)))
  }
  perceptron <- lost(fit_hazard(x, counts(unsafe, 20), engine = "mlp"))
  additive <- lost(suppressWarnings(
    fit_hazard(x, counts(unsafe, 20), interactions = 0)
  ))
  expect_lt(perceptron, additive / 5)
})

test_that("the same seed gives the same fit, another seed another", {
  set.seed(2)
  x <- matrix(rnorm(300), 100)
  unsafe <- rbinom(100, 20, plogis(-2 + x[, 1]))
  fit <- function(seed) {
    set.seed(seed)
    fit_hazard(x, counts(unsafe, 20), engine = "mlp", epochs = 5)
  }
  expect_identical(fit(3), fit(3))
  expect_false(identical(fit(3)$fitted, fit(4)$fitted))
})

test_that("predictions of training rows equal the fitted values", {
  set.seed(5)
  x <- matrix(rnorm(300), 100)
  unsafe <- rbinom(100, 20, plogis(-2 + x[, 1]))
  fit <- fit_hazard(x, counts(unsafe, 20), engine = "mlp", epochs = 5)
  expect_identical(predict(fit, x), fit$fitted)
  expect_true(all(fit$fitted > 0 & fit$fitted < 1))
})

test_that("the prediction is the network that the weights describe", {
  set.seed(6)
  x <- matrix(rnorm(200), 100)
  unsafe <- rbinom(100, 20, plogis(-2 + x[, 1]))
  fit <- fit_hazard(x, counts(unsafe, 20), engine = "mlp", hidden = c(3, 2),
                    epochs = 5)
  w <- fit$model$weights
  # Layer by layer a matrix of fan_out rows, stored by row, then the biases.
  expect_length(w, 3 * 2 + 3 + 2 * 3 + 2 + 2 + 1)
  z <- scale(x) * sqrt(100 / 99)
  one <- pmax(z %*% t(matrix(w[1:6], 3, byrow = TRUE)) +
                rep(w[7:9], each = 100), 0)
  two <- pmax(one %*% t(matrix(w[10:15], 2, byrow = TRUE)) +
                rep(w[16:17], each = 100), 0)
  p <- plogis(two %*% w[18:19] + w[20])
  # The layers compute in single precision.
  expect_equal(fit$fitted, as.vector(p), tolerance = 1e-5)
})

test_that("early stopping keeps the best of at most `epochs` epochs", {
  set.seed(7)
  x <- matrix(rnorm(600), 200)
  unsafe <- rbinom(200, 20, plogis(-2 + x[, 1]))
  fit <- fit_hazard(x, counts(unsafe, 20), engine = "mlp", learning_rate = 0.01,
                    epochs = 200, patience = 5)
  history <- fit$model$history
  expect_lt(fit$model$epochs, 200)
  expect_true(fit$model$converged)
  expect_identical(nrow(history), as.integer(fit$model$epochs))
  # It stops when the last 5 epochs brought nothing.
  expect_equal(which.min(history[, "validation"]), fit$model$epochs - 5,
               ignore_attr = TRUE)
})

test_that("training that `epochs` cuts short has not converged", {
  set.seed(8)
  x <- matrix(rnorm(600), 200)
  unsafe <- rbinom(200, 20, plogis(-2 + x[, 1]))
  fit <- fit_hazard(x, counts(unsafe, 20), engine = "mlp", epochs = 3)
  expect_equal(fit$model$epochs, 3)
  expect_false(fit$model$converged)
})

test_that("the history holds the deviances of each epoch", {
  set.seed(9)
  x <- matrix(rnorm(600), 200)
  unsafe <- rbinom(200, 20, plogis(-2 + x[, 1]))
  fit <- fit_hazard(x, counts(unsafe, 20), engine = "mlp", epochs = 4)
  history <- fit$model$history
  expect_identical(dim(history), c(4L, 2L))
  expect_identical(colnames(history), c("training", "validation"))
  expect_true(all(is.finite(history) & history > 0))
  expect_identical(summary(fit)$history, history)
})

test_that("without validation all epochs run and nothing is held out", {
  set.seed(10)
  x <- matrix(rnorm(600), 200)
  unsafe <- rbinom(200, 20, plogis(-2 + x[, 1]))
  fit <- fit_hazard(x, counts(unsafe, 20), engine = "mlp", epochs = 30,
                    validation = 0)
  expect_equal(fit$model$epochs, 30)
  expect_equal(fit$model$held_out, 0)
  expect_true(fit$model$converged)
  training <- fit$model$history[, "training"]
  expect_lt(training[30], training[1])
  expect_true(all(is.nan(fit$model$history[, "validation"])))
})

test_that("the share of held-out prompts is the one asked for", {
  set.seed(11)
  x <- matrix(rnorm(400), 200)
  unsafe <- rbinom(200, 20, plogis(-2 + x[, 1]))
  fit <- fit_hazard(x, counts(unsafe, 20), engine = "mlp", epochs = 1,
                    validation = 0.25)
  expect_equal(fit$model$held_out, 50)
  few <- fit_hazard(x[1:3, ], counts(c(1, 0, 0), 5), engine = "mlp", epochs = 1,
                    validation = 0.9)
  expect_equal(few$model$held_out, 2)
})

test_that("the paper's configuration runs", {
  set.seed(12)
  x <- matrix(rnorm(2000), 500)
  unsafe <- rbinom(500, 20, plogis(-2 + x[, 1]))
  fit <- fit_paper_hazard(x, counts(unsafe, 20))
  expect_length(fit$model$weights, 4 * 32 + 32 + 3 * (32 * 32 + 32) + 32 + 1)
  expect_identical(fit$model$hidden, rep(32L, 4))
  training <- fit$model$history[, "training"]
  expect_length(training, 10)
  expect_lt(training[10], training[1])
  expect_true(all(fit$fitted > 0 & fit$fitted < 1))
})

test_that("training starts at the overall rate", {
  set.seed(13)
  x <- matrix(rnorm(600), 200)
  unsafe <- rbinom(200, 20, 0.01)
  # The smallest steps move the weights by next to nothing.
  fit <- fit_hazard(x, counts(unsafe, 20), engine = "mlp",
                    learning_rate = 1e-12,
                    epochs = 1)
  log_odds <- qlogis(fit$fitted) - qlogis(sum(unsafe) / 4000)
  expect_lt(max(abs(log_odds)), 1)
  expect_equal(tail(fit$model$weights, 1), qlogis(sum(unsafe) / 4000),
               tolerance = 1e-8)
})

test_that("`weighted` tells prompts with many draws from those with few", {
  # Half of the prompts have 500 draws at 0.3, half 5 draws at 0.8.
  draws <- rep(c(500, 5), 100)
  unsafe <- draws * rep(c(0.3, 0.8), 100)
  x <- matrix(0, 200, 1)
  fit <- function(weighted) {
    set.seed(14)
    mean(fit_hazard(x, counts(unsafe, draws), engine = "mlp",
                    learning_rate = 0.01,
                    epochs = 200, validation = 0, weighted = weighted)$fitted)
  }
  # (500 * 0.3 + 5 * 0.8) / 505, and the mean of 0.3 and 0.8. Constant step
  # sizes leave an error of a few thousandths.
  expect_equal(fit(TRUE), 154 / 505, tolerance = 0.03)
  expect_equal(fit(FALSE), 0.55, tolerance = 0.03)
})

test_that("the units and the origin of a feature do not matter", {
  set.seed(15)
  x <- matrix(rnorm(400), 200)
  unsafe <- rbinom(200, 20, plogis(-2 + x[, 1]))
  fit <- function(x) {
    set.seed(16)
    fit_hazard(x, counts(unsafe, 20), engine = "mlp", epochs = 5)$fitted
  }
  for (size in c(1e-290, 1e-6, 1e6, 1e300)) {
    expect_equal(fit(x * size), fit(x), tolerance = 1e-4)
  }
  expect_equal(fit(x + 1000), fit(x), tolerance = 1e-4)
})

test_that("constant columns, few rows and one feature are no obstacle", {
  set.seed(17)
  fit <- function(x, unsafe) {
    fit_hazard(x, counts(unsafe, 5), engine = "mlp", epochs = 2)$fitted
  }
  expect_true(all(is.finite(fit(cbind(1, rnorm(20)), rep(0:1, 10)))))
  expect_true(all(is.finite(fit(1:2, 0:1))))
  expect_true(all(is.finite(fit(matrix(1:3, 1), 1))))
  expect_true(all(is.finite(fit(matrix(rnorm(1000), 10), rep(0:1, 5)))))
})

test_that("a new prompt far outside the training data has a hazard", {
  set.seed(18)
  x <- rnorm(100)
  fit <- fit_hazard(x, counts(rbinom(100, 20, plogis(-2 + x)), 20),
                    engine = "mlp",
                    epochs = 5)
  p <- predict(fit, c(-1e20, 1e20))
  expect_true(all(p >= 0 & p <= 1))
})

test_that("a new prompt beyond all reason is an error about `newdata`", {
  set.seed(19)
  x <- rnorm(100)
  fit <- fit_hazard(x, counts(rbinom(100, 20, plogis(-2 + x)), 20),
                    engine = "mlp",
                    epochs = 2)
  for (value in c(1e35, 1e300)) {
    error <- expect_error(predict(fit, value), class = "timetounsafe_error")
    expect_identical(error$argument, "newdata")
    expect_identical(conditionCall(error)[[1]], quote(predict))
  }
})

test_that("the settings of the perceptron name a wrong value", {
  skip_on_cran()
  not_number <- list(NULL, NA, NaN, "1", -1, Inf, c(1, 2), numeric(), TRUE)
  not_flag <- list(NULL, NA, "TRUE", 1, c(TRUE, FALSE), logical())
  bad_arguments(
    "fit_hazard",
    list(x = c(0.3, -1, 2, 0.5), y = counts(c(1, 0, 2, 0), 5),
         engine = "mlp", hidden = 2, learning_rate = 0.1, weight_decay = 0,
         batch_size = 2, epochs = 1, validation = 0, patience = 1,
         weighted = TRUE, start_at_rate = TRUE, standardised = TRUE),
    list(
      hidden = list(NULL, NA, NaN, "8", 0, -1, 1.5, Inf, numeric(), c(8, NA),
                    c(8, 0)),
      learning_rate = c(not_number, list(0, 1.1)),
      weight_decay = c(not_number, list(101)),
      batch_size = c(not_number, list(0, 1.5)),
      epochs = c(not_number, list(0, 1.5)),
      validation = c(not_number, list(1)),
      patience = c(not_number, list(0, 1.5)),
      weighted = not_flag, start_at_rate = not_flag, standardised = not_flag
    )
  )
})
