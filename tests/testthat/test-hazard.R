test_that("a fit has the documented parts", {
  set.seed(1)
  x <- matrix(rnorm(200), 100)
  unsafe <- rbinom(100, 20, plogis(-2 + x[, 1]))
  fit <- fit_hazard(x, unsafe, 20)
  expect_s3_class(fit, "hazard_fit", exact = TRUE)
  expect_named(fit, c("engine", "encoder", "model", "fitted", "unsafe", "draws",
                      "sampling", "deviance", "null_deviance", "n", "version",
                      "call", "training"))
  expect_identical(fit$engine, "glm")
  expect_identical(fit$n, 100L)
  expect_identical(fit$unsafe, as.double(unsafe))
  expect_identical(fit$draws, rep(20, 100))
  expect_identical(fit$sampling, "fixed")
  expect_true(is.call(fit$call))
})

test_that("the deviances are those of the binomial likelihood", {
  set.seed(2)
  x <- rnorm(60)
  draws <- sample(1:30, 60, TRUE)
  unsafe <- rbinom(60, draws, plogis(-2 + x))
  fit <- fit_hazard(x, unsafe, draws)
  log_lik <- function(p) sum(dbinom(unsafe, draws, p, log = TRUE))
  saturated <- log_lik(unsafe / draws)
  expect_equal(fit$deviance, 2 * (saturated - log_lik(fit$fitted)))
  rate <- sum(unsafe) / sum(draws)
  expect_equal(fit$null_deviance, 2 * (saturated - log_lik(rate)))
})

test_that("one number of draws stands for all prompts", {
  set.seed(3)
  x <- rnorm(60)
  unsafe <- rbinom(60, 9, plogis(-2 + x))
  expect_identical(fit_hazard(x, unsafe, 9)$fitted,
                   fit_hazard(x, unsafe, rep(9, 60))$fitted)
})

test_that("prompts with 0 draws are left out", {
  set.seed(4)
  x <- matrix(rnorm(160), 80)
  draws <- rep(c(10, 0, 20, 5), 20)
  unsafe <- rbinom(80, draws, plogis(-2 + x[, 1]))
  used <- draws > 0
  x[!used, ] <- NA
  fit <- fit_hazard(x, unsafe, draws)
  expect_identical(fit$n, 60L)
  expect_length(fit$fitted, 60)
  expect_identical(fit$fitted,
                   fit_hazard(x[used, ], unsafe[used], draws[used])$fitted)
})

test_that("prompts with 0 draws are left out of a formula's data", {
  set.seed(5)
  data <- data.frame(a = rnorm(60), f = rep(c("p", "q", "never"), 20))
  data$draws <- ifelse(data$f == "never", 0, 9)
  data$unsafe <- rbinom(60, data$draws, plogis(-2 + data$a))
  fit <- fit_hazard(cbind(unsafe, draws - unsafe) ~ a + f, data)
  expect_identical(fit$n, 40L)
  expect_error(predict(fit, data), "\"never\"",
               class = "timetounsafe_error_features")
})

test_that("the formula door equals the counts door", {
  set.seed(6)
  data <- data.frame(a = rnorm(100), b = rnorm(100), unsafe = 0, safe = 0)
  data$unsafe <- rbinom(100, 12, plogis(-2 + data$a))
  data$safe <- 12 - data$unsafe
  by_formula <- fit_hazard(cbind(unsafe, safe) ~ a + b, data)
  by_name <- fit_hazard(formula = cbind(unsafe, safe) ~ a + b, data = data)
  by_counts <- fit_hazard(as.matrix(data[c("a", "b")]), data$unsafe, 12)
  expect_identical(by_formula$fitted, by_counts$fitted)
  expect_identical(by_name$fitted, by_counts$fitted)
  expect_identical(by_formula$sampling, "fixed")
})

test_that("Surv() has the likelihood of counts, and remembers the stopping", {
  set.seed(7)
  a <- rnorm(300)
  first <- rgeom(300, 1 - exp(-exp(-3 + a))) + 1
  data <- data.frame(a = a, time = pmin(first, 40), status = first <= 40)
  stopped <- fit_hazard(survival::Surv(time, status) ~ a, data)
  counts <- fit_hazard(a, as.double(data$status), data$time)
  expect_identical(stopped$fitted, counts$fitted)
  expect_identical(stopped$deviance, counts$deviance)
  expect_identical(stopped$sampling, "stopped")
  expect_identical(counts$sampling, "fixed")
})

test_that("`sampling` is remembered and does not change the fit", {
  set.seed(8)
  data <- data.frame(a = rnorm(50), unsafe = rbinom(50, 9, 0.2))
  fixed <- fit_hazard(data["a"], data$unsafe, 9)
  stopped <- fit_hazard(data["a"], data$unsafe, 9, sampling = "stopped")
  expect_identical(stopped$sampling, "stopped")
  expect_identical(stopped$fitted, fixed$fitted)
  formula <- fit_hazard(cbind(unsafe, 9 - unsafe) ~ a, data,
                        sampling = "stopped")
  expect_identical(formula$sampling, "stopped")
})

test_that("all training draws safe: Jeffreys' mean, with a warning", {
  x <- matrix(c(0.3, -1, 2, 0.5), 4)
  for (engine in c("glm", "mlp")) {
    expect_warning(fit <- fit_hazard(x, rep(0, 4), c(5, 10, 20, 4), engine),
                   "riskier prompts",
                   class = "timetounsafe_warning_no_unsafe")
    # A half over 39 draws and one.
    expect_equal(fit$fitted, rep(1 / 80, 4))
    expect_equal(predict(fit, rbind(x, 9)), rep(1 / 80, 5))
    expect_identical(fit$engine, "constant")
  }
})

test_that("all training draws unsafe: Jeffreys' mean, with a warning", {
  expect_warning(fit <- fit_hazard(1:3, 1:3, 1:3), "safer prompts",
                 class = "timetounsafe_warning_no_unsafe")
  # Six and a half over six draws and one.
  expect_equal(fit$fitted, rep(13 / 14, 3))
})

test_that("without a feature the hazard is one constant, and no warning", {
  data <- data.frame(unsafe = c(1, 0, 3), safe = c(4, 5, 2))
  expect_silent(fit <- fit_hazard(cbind(unsafe, safe) ~ 1, data))
  expect_equal(fit$fitted, rep(4.5 / 16, 3))
  expect_equal(predict(fit, data[1:2, ]), rep(4.5 / 16, 2))
})

test_that("predict() without new features gives the fitted hazards", {
  set.seed(9)
  x <- matrix(rnorm(100), 50)
  fit <- fit_hazard(x, rbinom(50, 20, plogis(-2 + x[, 1])), 20)
  expect_identical(predict(fit), fit$fitted)
  expect_equal(predict(fit, x), fit$fitted, tolerance = 1e-12)
})

test_that("quantiles are those of the geometric distribution", {
  set.seed(10)
  x <- matrix(rnorm(100), 50)
  fit <- fit_hazard(x, rbinom(50, 20, plogis(-2 + x[, 1])), 20)
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
    fit <- fit_hazard(x, unsafe, 20, engine)
    one_by_one <- vapply(1:50, function(i) {
      predict(fit, x[i, , drop = FALSE])
    }, 1)
    expect_equal(one_by_one, predict(fit, x), tolerance = 1e-12)
  }
})

test_that("a function of the new features is a hazard", {
  own <- as_hazard(function(newx) newx$p)
  expect_s3_class(own, "hazard_fit", exact = TRUE)
  expect_identical(own$engine, "user")
  newx <- data.frame(p = c(0, 0.25, 1))
  expect_identical(predict(own, newx), newx$p)
  expect_identical(predict(own, newx, type = "quantile", tau = 0.25),
                   c(Inf, 1, 1))
})

test_that("a hazard fit is its own wrapper", {
  own <- as_hazard(function(newx) newx$p)
  expect_identical(as_hazard(own), own)
})

test_that("a one-column matrix of predictions counts as a vector", {
  own <- as_hazard(2, function(object, newx) matrix(newx / object, ncol = 1))
  expect_identical(predict(own, c(0.2, 0.4)), c(0.1, 0.2))
})

test_that("a model of mgcv can be wrapped", {
  skip_if_not_installed("mgcv")
  set.seed(12)
  data <- data.frame(x = rnorm(200))
  data$unsafe <- rbinom(200, 20, plogis(-2 + data$x))
  model <- mgcv::gam(cbind(unsafe, 20 - unsafe) ~ s(x), binomial, data)
  own <- as_hazard(model, function(object, newx) {
    predict(object, newx, type = "response")
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
  own <- as_hazard(model, function(object, newx) {
    predict(object, newx, type = "response")
  })
  p <- predict(own, x)
  expect_null(dim(p))
  expect_gt(cor(p, plogis(-2 + x[, 1])), 0.95)
})

test_that("a model of one's own that breaks the contract is an error", {
  newx <- matrix(0, 3, 1)
  bad <- list(
    NULL, 0.1, rep(0.1, 4), numeric(), c(0.1, NA, 0.2), c(0.1, NaN, 0.2),
    c(0.1, 1.1, 0.2), c(-1e-9, 0, 0), c(0, Inf, 0), rep("0.1", 3),
    list(0.1, 0.1, 0.1), c(TRUE, FALSE, TRUE), factor(1:3), matrix(0.1, 3, 2),
    data.frame(p = rep(0.1, 3)), mean
  )
  for (value in bad) {
    own <- as_hazard(1, function(object, newx) value)
    error <- expect_error(predict(own, newx), "3 probabilities between 0 and 1",
                          class = "timetounsafe_error_argument")
    expect_identical(error$argument, "predict")
  }
})

test_that("an error in a model of one's own has a class too", {
  own <- as_hazard(1, function(object, newx) stop("no such model"))
  expect_error(predict(own, matrix(0, 3, 1)), "`predict` failed",
               class = "timetounsafe_error_argument")
})

test_that("printing a fit says what it was learnt from, and returns it", {
  set.seed(14)
  fit <- fit_hazard(rnorm(50), rep(c(0, 1, 2, 0, 1), 10), 20)
  expect_output(out <- withVisible(print(fit)), paste0(
    "engine \"glm\" on 50 prompts, 1,000 draws, 40 unsafe\n.*",
    "1 columns.*Hazard of a draw.*Deviance explained"
  ))
  expect_identical(out, list(value = fit, visible = FALSE))
  stopped <- fit_hazard(rnorm(50), rep(0:1, 25), 20, sampling = "stopped")
  expect_output(print(stopped), "stopped at the first")
})

test_that("printing a constant hazard shows only finite numbers", {
  for (unsafe in list(c(0, 0, 0), c(2, 2, 2))) {
    fit <- suppressWarnings(fit_hazard(1:3, unsafe, 2))
    lines <- capture.output(print(fit))
    expect_match(lines[1], "constant")
    expect_false(any(grepl("Inf|NaN|NA", lines)))
  }
  fit <- fit_hazard(1, 1, 5)
  expect_false(any(grepl("Inf|NaN|NA", capture.output(print(fit)))))
})

test_that("printing a wrapped model names its class", {
  own <- as_hazard(structure(1, class = "my_model"), function(object, newx) 1)
  expect_output(out <- withVisible(print(own)), "your own, class \"my_model\"")
  expect_identical(out, list(value = own, visible = FALSE))
  expect_output(print(summary(own)), "your own")
})

test_that("the summary of a glm gives penalties, dispersion and smooths", {
  set.seed(15)
  x <- matrix(rnorm(600), 300, dimnames = list(NULL, c("a", "b")))
  fit <- fit_hazard(x, rbinom(300, 20, plogis(-2 + sin(2 * x[, 1]))), 20)
  out <- summary(fit)
  expect_s3_class(out, "summary.hazard_fit", exact = TRUE)
  expect_identical(out$fit, fit)
  expect_named(out$smooths, c("feature", "knots", "penalty", "edf"))
  expect_identical(out$smooths$feature, c("a", "b"))
  expect_gt(out$smooths$edf[1], out$smooths$edf[2])
  expect_gte(out$dispersion, 1)
  expect_gt(out$edf, 2)
  expect_output(printed <- withVisible(print(out)),
                "penalty .* \\(chosen\\).*degrees of freedom.*may bend")
  expect_identical(printed, list(value = out, visible = FALSE))
})

test_that("the summary of a glm without smooths has an empty table of them", {
  set.seed(16)
  fit <- fit_hazard(rnorm(50), rbinom(50, 20, 0.3), 20, splines = FALSE,
                    penalty = 0)
  out <- summary(fit)
  expect_identical(nrow(out$smooths), 0L)
  expect_identical(out$penalty, 0)
  expect_equal(out$edf, 2)
  expect_output(print(out), "\\(given\\)")
})

test_that("the summary of a perceptron gives its layers and epochs", {
  set.seed(17)
  fit <- fit_hazard(rnorm(50), rbinom(50, 20, 0.3), 20, engine = "mlp",
                    hidden = c(4, 2), epochs = 3, validation = 0)
  out <- summary(fit)
  expect_identical(out$hidden, c(4L, 2L))
  expect_output(print(out), "Hidden layers: 4, 2; 3 epochs; 0 prompts held out")
})

test_that("tidy() gives a row for each coefficient", {
  set.seed(18)
  x <- matrix(rnorm(200), 100, dimnames = list(NULL, c("a", "b")))
  fit <- fit_hazard(x, rbinom(100, 20, 0.3), 20, splines = FALSE)
  out <- tidy(fit)
  expect_s3_class(out, "data.frame", exact = TRUE)
  expect_named(out, c("term", "estimate", "std.error"))
  expect_identical(out$term, c("(Intercept)", "a", "b"))
  expect_identical(out$estimate, unname(fit$model$beta))
  expect_true(all(out$std.error > 0))
})

test_that("glance() gives one row", {
  set.seed(19)
  fit <- fit_hazard(rnorm(50), rep(c(0, 1, 2, 0, 1), 10), 20)
  out <- glance(fit)
  expect_named(out, c("engine", "n", "draws", "unsafe", "deviance",
                      "null.deviance", "converged"))
  expect_identical(nrow(out), 1L)
  expect_identical(c(out$n, out$draws, out$unsafe), c(50, 1000, 40))
  expect_identical(out$deviance, fit$deviance)
  own <- glance(as_hazard(function(newx) newx))
  expect_identical(dim(own), c(1L, 7L))
  expect_identical(names(own), names(out))
})

test_that("augment() gives the hazards of training or of other prompts", {
  set.seed(20)
  x <- matrix(rnorm(100), 50)
  fit <- fit_hazard(x, rbinom(50, 20, 0.3), 20)
  expect_identical(augment(fit), data.frame(.fitted = fit$fitted))
  expect_identical(augment(fit, data = x[1:3, ]),
                   data.frame(.fitted = predict(fit, x[1:3, ])))
})

test_that("plotting draws and returns the fit invisibly", {
  grDevices::pdf(NULL)
  on.exit(grDevices::dev.off())
  set.seed(21)
  x <- matrix(rnorm(100), 50)
  unsafe <- rbinom(50, 20, plogis(-3 + x[, 1]))
  fits <- list(
    fit_hazard(x, unsafe, 20),
    fit_hazard(x, unsafe, 20, engine = "mlp", epochs = 2),
    suppressWarnings(fit_hazard(x, 0 * unsafe, 20)),
    suppressWarnings(fit_hazard(x, rep(20, 50), 20))
  )
  for (fit in fits) {
    for (groups in c(2, 10, 1000)) {
      expect_silent(out <- withVisible(plot(fit, groups = groups)))
      expect_identical(out, list(value = fit, visible = FALSE))
    }
  }
  expect_silent(plot(fits[[1]], main = "A title", ylim = c(0.01, 1)))
})

test_that("a label given to plot() replaces its own alone", {
  file <- tempfile(fileext = ".pdf")
  on.exit(unlink(file))
  fit <- fit_hazard(1:10, rep(0:1, 5), 20)
  grDevices::pdf(file, compress = FALSE, useKerning = FALSE)
  tryCatch(plot(fit, xlab = "my own label"), finally = grDevices::dev.off())
  drawn <- readLines(file, warn = FALSE)
  drawn <- iconv(drawn, "latin1", "ASCII", sub = "?")
  expect_true(any(grepl("(my own label)", drawn, fixed = TRUE)))
  expect_true(any(grepl("(observed share of unsafe draws)", drawn,
                        fixed = TRUE)))
})

test_that("the scale of the axes can be given to plot()", {
  grDevices::pdf(NULL)
  on.exit(grDevices::dev.off())
  fit <- fit_hazard(1:10, rep(0:1, 5), 20)
  expect_silent(plot(fit, log = "x"))
})

test_that("fit_hazard() names a wrong argument", {
  x <- matrix(c(0.3, -1, 2, 0.5), 4)
  counts <- list(NULL, NA, "1", -1, c(1, NA, 0, 1), c(1, NaN, 0, 1),
                 c(1, Inf, 0, 1), c(1, -1, 0, 1), c(1, 0), numeric(),
                 list(1, 0, 0, 1), rep("1", 4), factor(1:4))
  choices <- list(NULL, NA, 1, "other", "", c("glm", "fixed"), character())
  bad_arguments(
    "fit_hazard",
    list(x = x, unsafe = c(1, 0, 2, 0), draws = 5, engine = "glm",
         sampling = "fixed"),
    list(
      x = list(x * NA, x / 0, array(0, c(4, 1, 1)),
               mean, list(1, 2, 3, 4)),
      unsafe = c(counts, list(c(6, 0, 0, 0), 1)),
      draws = c(counts, list(0.5, c(0, 0, 0, 0))),
      engine = choices, sampling = choices
    )
  )
})

test_that("draws of 0 for every prompt are an error about `draws`", {
  error <- expect_error(fit_hazard(1:3, c(0, 0, 0), 0),
                        class = "timetounsafe_error_argument")
  expect_identical(error$argument, "draws")
})

test_that("fit_hazard() of a formula names a wrong argument", {
  data <- data.frame(u = c(1, 0, 2), s = 2, x = 1:3, time = 1:3, status = 1)
  choices <- list(NA, 1, "other", "", c("glm", "fixed"), character())
  bad_arguments(
    "fit_hazard",
    list(formula = cbind(u, s) ~ x, data = data, engine = "glm",
         sampling = "fixed"),
    list(
      data = list(NULL, NA, 1, list(u = 1), as.matrix(data)),
      engine = c(list(NULL), choices), sampling = choices
    )
  )
  for (formula in list(
    ~x, u ~ x, cbind(u, s, s) ~ x, log(u) ~ x, cbind(none, s) ~ x,
    letters[1:3] ~ x, survival::Surv(time, time + 1, status) ~ x
  )) {
    error <- expect_error(fit_hazard(formula, data),
                          class = "timetounsafe_error_argument")
    expect_identical(error$argument, "formula")
  }
  counts <- list(unsafe = cbind(-u, s) ~ x, unsafe = cbind(u / 0, s) ~ x,
                 unsafe = cbind(u + NA, s) ~ x, safe = cbind(u, -s) ~ x,
                 time = survival::Surv(time - 0.5, status) ~ x)
  for (i in seq_along(counts)) {
    error <- expect_error(fit_hazard(counts[[i]], data),
                          class = "timetounsafe_error_argument")
    expect_identical(error$argument, names(counts)[i])
  }
})

test_that("an unknown setting is an error that lists the known ones", {
  x <- matrix(c(0.3, -1, 2, 0.5), 4)
  for (settings in list(list(hidden = 3), list(penal = 1), list(3))) {
    error <- expect_error(
      do.call("fit_hazard", c(list(x, c(1, 0, 2, 0), 5, "glm"), settings)),
      "splines, interactions, penalty", class = "timetounsafe_error_argument"
    )
    expect_identical(error$argument, "...")
  }
  expect_error(fit_hazard(x, c(1, 0, 2, 0), 5, "mlp", penalty = 1), "hidden",
               class = "timetounsafe_error_argument")
})

test_that("predict() of a hazard names a wrong argument", {
  fit <- fit_hazard(c(0.3, -1, 2, 0.5), c(1, 0, 2, 0), 5)
  bad_arguments(
    "predict",
    list(object = fit, newx = 1, type = "quantile", tau = 0.1, cap = 10),
    list(
      newx = list(NULL, NA, NaN, Inf, "1", list(1), mean, matrix(0, 2, 2),
                  data.frame(x = 1), factor(1)),
      type = list(NULL, NA, 1, "hazard", "", character()),
      tau = list(NULL, NA, NaN, "0.1", -0.1, 1.1, Inf, numeric(), c(0.1, NA)),
      cap = list(NULL, NA, NaN, "10", 0, -1, -Inf, numeric(), c(1, 2))
    )
  )
})

test_that("as_hazard() names a wrong argument", {
  bad_arguments(
    "as_hazard", list(object = 1, predict = function(object, newx) newx),
    list(predict = list(NULL, NA, 1, "predict", list(mean), character()))
  )
})

test_that("summaries and pictures of hazards name a wrong argument", {
  grDevices::pdf(NULL)
  on.exit(grDevices::dev.off())
  fit <- fit_hazard(c(0.3, -1, 2, 0.5), c(1, 0, 2, 0), 5)
  bad_arguments("plot", list(x = fit, groups = 4), list(
    groups = list(NULL, NA, NaN, "4", 1, 0, -1, 2.5, Inf, c(2, 3), numeric())
  ))
  own <- as_hazard(function(newx) newx)
  bad_arguments("plot", list(x = fit), list(x = list(own)))
  bad_arguments("tidy", list(x = fit), list(x = list(own)))
  for (f in c("tidy", "glance", "augment")) {
    expect_error(do.call(f, list(fit, other = 1)), "`...` must be empty",
                 fixed = TRUE, class = "timetounsafe_error_argument")
  }
})

test_that("two prompts, three and four give hazards between 0 and 1", {
  for (n in 2:4) {
    for (unsafe in list(c(1, 0, 2, 0), c(5, 5, 4, 5), c(0, 0.5, 0, 5))) {
      fit <- suppressWarnings(fit_hazard(matrix(sin(1:(3 * n)), n),
                                         unsafe[1:n], 5))
      expect_true(all(fit$fitted > 0 & fit$fitted < 1))
      expect_equal(predict(fit, matrix(sin(1:(3 * n)), n)), fit$fitted)
    }
  }
})

test_that("counts of any size give hazards of their order", {
  # The overall rate is exact up to one prior event, and features that tell
  # nothing must not lead far from it.
  set.seed(22)
  x <- matrix(rnorm(300), 100)
  for (draws in c(1e-6, 0.5, 1, 1e9, 2^53)) {
    fit <- fit_hazard(x, rep(c(0, draws / 4), 50), draws, interactions = FALSE)
    expect_true(all(fit$fitted > 0.005 & fit$fitted < 0.6))
  }
  rare <- fit_hazard(x, c(1, rep(0, 99)), 1e9)
  expect_equal(log(rare$fitted), rep(log(1e-11), 100), tolerance = 0.1)
  sure <- fit_hazard(x, c(19, rep(20, 99)), 20)
  expect_true(all(sure$fitted > 0.99 & sure$fitted < 1))
})

test_that("sparse features with one number each, and more than prompts", {
  x <- Matrix::sparseMatrix(i = rep(1:50, 4), j = 1:200, x = 1,
                            dims = c(60, 200))
  set.seed(23)
  fit <- suppressWarnings(fit_hazard(x, rbinom(60, 20, 0.2), 20))
  expect_true(all(fit$fitted > 0.01 & fit$fitted < 0.9))
})
