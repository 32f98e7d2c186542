# What a saved hazard contains of the place where it was made.

secret <- paste0("sk-", "very-secret-key")

holds <- function(object, text) {
  length(grepRaw(text, serialize(object, NULL), fixed = TRUE)) > 0L
}

test_that("a fit contains nothing of the calling environment", {
  build <- function(key, form) {
    big <- paste("not to be", "kept")
    set.seed(5)
    data <- data.frame(a = rnorm(50), f = rep(c("u", "v"), 25))
    data$unsafe <- rbinom(50, 9, 0.3)
    switch(form,
      formula = fit_hazard(cbind(unsafe, 9 - unsafe) ~ a + f, data),
      frame = fit_hazard(data[c("a", "f")], counts(data$unsafe, 9)),
      matrix = fit_hazard(data$a, counts(data$unsafe, 9)),
      text = fit_hazard(as.character(1:50), counts(data$unsafe, 9))
    )
  }
  for (form in c("formula", "frame", "matrix", "text")) {
    fit <- build(secret, form)
    expect_false(holds(fit, secret))
    expect_false(holds(fit, "not to be kept"))
  }
})

test_that("variables that a formula uses stay, and predict", {
  build <- function(key) {
    degree <- 3
    power <- function(x) x^degree
    set.seed(6)
    data <- data.frame(a = runif(50), unsafe = rbinom(50, 9, 0.3))
    list(data = data, fit = fit_hazard(
      cbind(unsafe, 9 - unsafe) ~ poly(a, degree) + power(a), data
    ))
  }
  made <- build(secret)
  expect_false(holds(made$fit, secret))
  restored <- unserialize(serialize(made$fit, NULL))
  expect_identical(predict(restored, made$data), made$fit$fitted)
})

test_that("a wrapped function keeps what it uses, and no more", {
  build <- function(key) {
    slope <- 2
    unused <- secret
    inner <- function(x) plogis(slope * x - 3)
    outer <- function(x) if (length(x) > 3) outer(x[1:3]) else inner(x)
    as_hazard(function(newdata) rep_len(outer(newdata), length(newdata)))
  }
  own <- build(secret)
  expect_false(holds(own, secret))
  restored <- unserialize(serialize(own, NULL))
  expect_equal(predict(restored, c(1, 2)), plogis(c(-1, 1)))
  expect_equal(predict(restored, rep(1, 5)), rep(plogis(-1), 5))
})

test_that("predict functions lose their source and their environment", {
  build <- function(key) {
    shift <- 1
    as_hazard(3, function(object, newdata) {
      # A comment with the word sk-in-a-comment.
      f <- list(key = 0)
      do.call("plus", list(f$key, plogis(newdata - object + shift)))
    })
  }
  environment(build) <- list2env(list(plus = function(a, b) a + b,
                                      key = secret),
                                 parent = environment(build))
  own <- build(secret)
  expect_false(holds(own, secret))
  expect_false(holds(own, "sk-in-a-comment"))
  expect_equal(predict(own, 2), 0.5)
})

test_that("formulas in a fitted model keep what they use, and predict", {
  build <- function(key) {
    degree <- 2
    set.seed(8)
    data <- data.frame(a = runif(50), unsafe = rbinom(50, 9, 0.3))
    model <- glm(cbind(unsafe, 9 - unsafe) ~ poly(a, degree), binomial, data)
    list(model = model, own = as_hazard(model, function(object, newdata) {
      as.vector(predict(object, newdata, type = "response"))
    }))
  }
  made <- build(secret)
  expect_true(holds(made$model, secret))
  expect_false(holds(made$own, secret))
  new <- data.frame(a = c(0.2, 0.7))
  expect_equal(predict(unserialize(serialize(made$own, NULL)), new),
               unname(predict(made$model, new, type = "response")))
  expect_identical(attributes(made$own$model$object)$names,
                   names(made$model))
  expect_s3_class(made$own$model$object, class(made$model), exact = TRUE)
})

test_that("a function that assigns outside itself shares its environment", {
  calls <- 0
  own <- as_hazard(function(newdata) {
    calls <<- calls + 1
    0 * newdata
  })
  predict(own, 1:2)
  expect_identical(calls, 1)
})

test_that("functions keep their class, and values of the time", {
  p <- 0.1
  f <- structure(function(newdata) rep(p, length(newdata)), class = "mine")
  own <- as_hazard(f)
  p <- 0.9
  expect_identical(predict(own, 1:2), c(0.1, 0.1))
  expect_s3_class(own$model$object, "mine")
})

test_that("the call contains names, not values", {
  set.seed(7)
  x <- matrix(rnorm(100), 50)
  y <- counts(rbinom(50, 9, 0.3), 9)
  fit <- do.call(fit_hazard, list(x = x, y = y, engine = "glm", splines = 0))
  expect_identical(deparse(fit$call),
                   "fit_hazard(x = ..., y = ..., engine = ..., splines = 0)")
  embed <- function(key) x
  fit <- fit_hazard(embed("sk-written-out"), y)
  expect_false(holds(fit, "sk-written-out"))
  expect_true(is.call(fit$call))
  data <- data.frame(a = x[, 1], y)
  fit <- do.call(fit_hazard, list(cbind(unsafe, safe) ~ a, data))
  expect_identical(all.names(fit$call),
                   c("fit_hazard", "~", "cbind", "unsafe", "safe", "a", "..."))
  expect_false(holds(as_hazard(identity, function(object, newdata) {
    object(newdata)
  })$call, "object(newdata)"))
})

test_that("names are those that are looked up", {
  expect_setequal(used_names(quote(a$b + stats::d(e)[, f])),
                  c("+", "$", "a", "[", "e", "f"))
  expect_setequal(used_names(quote(function(x, y = z) x + w)),
                  c("z", "+", "w"))
  expect_setequal(used_names(function(x) g(x, "text")), "g")
  expect_identical(used_names(quote(do.call("f", 1)), strings = TRUE), "f")
})
