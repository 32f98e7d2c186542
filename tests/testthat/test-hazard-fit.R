test_that("predict() without new features gives the fitted hazards", {
  set.seed(9)
  x <- matrix(rnorm(100), 50)
  fit <- fit_hazard(x, counts(rbinom(50, 20, plogis(-2 + x[, 1])), 20))
  expect_identical(predict(fit), fit$fitted)
  expect_equal(predict(fit, x), fit$fitted, tolerance = 1e-12)
})

test_that("quantiles are those of the geometric distribution", {
  set.seed(10)
  x <- matrix(rnorm(100), 50)
  fit <- fit_hazard(x, counts(rbinom(50, 20, plogis(-2 + x[, 1])), 20))
  p <- predict(fit, x)
  expect_identical(predict(fit, x, type = "quantile", tau = 0.1),
                   geometric_quantile(p, 0.1))
  expect_identical(
    predict(fit, x, type = "quantile", tau = c(0.1, 0.5), cap = 5),
    geometric_quantile(p, c(0.1, 0.5), cap = 5)
  )
})

test_that("a prompt's hazard does not depend on the prompts beside it", {
  set.seed(11)
  x <- matrix(rnorm(200), 50)
  unsafe <- rbinom(50, 20, plogis(-2 + x[, 1]))
  for (engine in c("glm", "mlp")) {
    fit <- fit_hazard(x, counts(unsafe, 20), engine)
    one_by_one <- vapply(1:50, function(i) {
      predict(fit, x[i, , drop = FALSE])
    }, 1)
    expect_equal(one_by_one, predict(fit, x), tolerance = 1e-12)
  }
})

test_that("a function of the new features is a hazard", {
  own <- as_hazard(function(newdata) newdata$p)
  expect_s3_class(own, "hazard_fit", exact = TRUE)
  expect_identical(own$engine, "user")
  newdata <- data.frame(p = c(0, 0.25, 1))
  expect_identical(predict(own, newdata), newdata$p)
  expect_identical(predict(own, newdata, type = "quantile", tau = 0.25),
                   c(Inf, 1, 1))
})

test_that("a hazard fit is its own wrapper", {
  own <- as_hazard(function(newdata) newdata$p)
  expect_identical(as_hazard(own), own)
})

test_that("a one-column matrix of predictions counts as a vector", {
  own <- as_hazard(2,
                   function(object, newdata) matrix(newdata / object, ncol = 1))
  expect_identical(predict(own, c(0.2, 0.4)), c(0.1, 0.2))
})

test_that("a model of mgcv can be wrapped", {
  skip_if_not_installed("mgcv")
  set.seed(12)
  data <- data.frame(x = rnorm(200))
  data$unsafe <- rbinom(200, 20, plogis(-2 + data$x))
  model <- mgcv::gam(cbind(unsafe, 20 - unsafe) ~ s(x), binomial, data)
  own <- as_hazard(model, function(object, newdata) {
    predict(object, newdata, type = "response")
  })
  expect_equal(predict(own, data), unname(fitted(model)), tolerance = 1e-12,
               ignore_attr = TRUE)
})

test_that("a model of glmnet can be wrapped", {
  skip_if_not_installed("glmnet")
  set.seed(13)
  x <- matrix(rnorm(600), 200)
  unsafe <- rbinom(200, 20, plogis(-2 + x[, 1]))
  model <- glmnet::glmnet(x, cbind(20 - unsafe, unsafe), family = "binomial",
                          lambda = 0.01)
  own <- as_hazard(model, function(object, newdata) {
    predict(object, newdata, type = "response")
  })
  p <- predict(own, x)
  expect_null(dim(p))
  expect_gt(cor(p, plogis(-2 + x[, 1])), 0.95)
})

test_that("a model of one's own that breaks the contract is an error", {
  newdata <- matrix(0, 3, 1)
  bad <- list(
    NULL, 0.1, rep(0.1, 4), numeric(), c(0.1, NA, 0.2), c(0.1, NaN, 0.2),
    c(0.1, 1.1, 0.2), c(-1e-9, 0, 0), c(0, Inf, 0), rep("0.1", 3),
    list(0.1, 0.1, 0.1), c(TRUE, FALSE, TRUE), factor(1:3), matrix(0.1, 3, 2),
    data.frame(p = rep(0.1, 3)), mean
  )
  for (value in bad) {
    own <- as_hazard(1, function(object, newdata) value)
    error <- expect_error(predict(own, newdata),
                          "3 probabilities between 0 and 1",
                          class = "timetounsafe_error_argument")
    expect_identical(error$argument, "predict")
  }
})

test_that("an error in a model of one's own has a class too", {
  own <- as_hazard(1, function(object, newdata) stop("no such model"))
  expect_error(predict(own, matrix(0, 3, 1)), "`predict` failed",
               class = "timetounsafe_error_argument")
})

test_that("predict() of a hazard names a wrong argument", {
  fit <- fit_hazard(c(0.3, -1, 2, 0.5), counts(c(1, 0, 2, 0), 5))
  bad_arguments(
    "predict",
    list(object = fit, newdata = 1, type = "quantile", tau = 0.1, cap = 10),
    list(
      newdata = list(NULL, NA, NaN, Inf, "1", list(1), mean, matrix(0, 2, 2),
                  data.frame(x = 1), factor(1)),
      type = list(NULL, NA, 1, "hazard", "", character()),
      tau = list(NULL, NA, NaN, "0.1", -0.1, 1.1, Inf, numeric(), c(0.1, NA)),
      cap = list(NULL, NA, NaN, "10", 0, -1, -Inf, numeric(), c(1, 2))
    )
  )
})

test_that("as_hazard() names a wrong argument", {
  bad_arguments(
    "as_hazard", list(object = 1, predict = function(object, newdata) newdata),
    list(predict = list(NULL, NA, 1, "predict", list(mean), character()))
  )
})
