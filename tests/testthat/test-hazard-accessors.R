accessor_fit <- function(...) {
  set.seed(3)
  data <- data.frame(a = rnorm(80), b = rnorm(80), draws = rep(c(5, 9), 40))
  data$unsafe <- rbinom(80, data$draws, plogis(-2 + data$a))
  list(data = data, fit = fit_hazard(cbind(unsafe, draws - unsafe) ~ a + b,
                                     data, ...))
}

test_that("coef() gives the hazards, on standardised features", {
  made <- accessor_fit(splines = 0, interactions = 0)
  beta <- coef(made$fit)
  expect_named(beta, c("(Intercept)", "a", "b"))
  z <- cbind(1, scale(made$data[c("a", "b")]))
  # The core may standardise with n or n - 1: only the scale of beta would tell.
  eta <- drop(z %*% beta)
  expect_equal(log(-log1p(-fitted(made$fit))), eta, tolerance = 0.02)
  expect_equal(cor(log(-log1p(-fitted(made$fit))), eta), 1, tolerance = 1e-8)
})

test_that("without penalty coefficients and errors are those of glm()", {
  made <- accessor_fit(splines = 0, penalty = 0, dispersion = 1)
  scaled <- as.data.frame(scale(made$data[c("a", "b")]))
  by_glm <- glm(with(made$data, cbind(unsafe, draws - unsafe)) ~ a + b,
                binomial("cloglog"), scaled, epsilon = 1e-12)
  scale <- coef(made$fit)[["a"]] / coef(by_glm)[["a"]]
  expect_equal(scale, 1, tolerance = 0.01)
  expect_equal(coef(made$fit)[-1] / scale, coef(by_glm)[-1], tolerance = 1e-5)
  expect_equal(tidy(made$fit)$statistic, unname(summary(by_glm)$coef[, 3]),
               tolerance = 0.05)
  expect_equal(as.double(logLik(made$fit)), as.double(logLik(by_glm)),
               tolerance = 1e-8)
  expect_equal(residuals(made$fit), unname(residuals(by_glm)),
               tolerance = 1e-5)
  expect_equal(residuals(made$fit, "pearson"),
               unname(residuals(by_glm, "pearson")), tolerance = 1e-5)
  expect_equal(residuals(made$fit, "response"),
               unname(residuals(by_glm, "response")), tolerance = 1e-5)
  expect_equal(attr(logLik(made$fit), "df"), 3)
  expect_equal(AIC(made$fit), AIC(by_glm), tolerance = 1e-8)
})

test_that("vcov() is symmetric, positive and that of the standard errors", {
  fit <- accessor_fit()$fit
  v <- vcov(fit)
  expect_true(isSymmetric(v))
  expect_identical(rownames(v), names(coef(fit)))
  expect_true(all(eigen(v, TRUE)$values > 0))
  expect_identical(tidy(fit)$std.error, unname(sqrt(diag(v))))
})

test_that("the log-likelihood is that of the counts", {
  made <- accessor_fit()
  data <- made$data
  fits <- list(made$fit, fit_hazard(data["a"], counts(data$unsafe, data$draws),
                                    "mlp", epochs = 3))
  for (fit in fits) {
    expect_equal(as.double(logLik(fit)),
                 sum(dbinom(data$unsafe, data$draws, fitted(fit), log = TRUE)))
    expect_identical(attr(logLik(fit), "nobs"), 80L)
  }
  expect_identical(attr(logLik(fits[[2]]), "df"), NA_real_)
  # Of draws that stopped the order is known.
  stopped <- fit_hazard(1:40, survival::Surv(rep(c(2, 5), 20), rep(1:0, 20)))
  p <- fitted(stopped)
  expect_equal(as.double(logLik(stopped)),
               sum(ifelse(1:40 %% 2 == 1, dgeom(1, p, log = TRUE),
                          5 * log1p(-p))))
})

test_that("residuals follow their formulas, and make up the deviance", {
  made <- accessor_fit()
  data <- made$data
  fit <- made$fit
  p <- fitted(fit)
  expect_equal(sum(residuals(fit)^2), fit$deviance)
  expect_identical(sign(residuals(fit)), sign(data$unsafe / data$draws - p))
  expect_equal(residuals(fit, "pearson"), (data$unsafe - data$draws * p) /
                 sqrt(data$draws * p * (1 - p)))
  expect_equal(residuals(fit, "response"), data$unsafe / data$draws - p)
  all_or_none <- fit_hazard(1:20, counts(rep(c(0, 5), 10), 5))
  expect_true(all(is.finite(residuals(all_or_none))))
})

test_that("a constant hazard has an intercept", {
  fit <- suppressWarnings(fit_hazard(1:4, counts(rep(0, 4), 5)))
  # A half over 20 draws and one.
  expect_equal(coef(fit), c("(Intercept)" = log(-log(1 - 0.5 / 21))))
  expect_identical(dim(vcov(fit)), c(1L, 1L))
  expect_identical(attr(logLik(fit), "df"), 1)
  expect_identical(tidy(fit)$term, "(Intercept)")
})

test_that("formula() and nobs() give what the fit was made with", {
  made <- accessor_fit()
  expect_equal(formula(made$fit), cbind(unsafe, draws - unsafe) ~ a + b,
               ignore_formula_env = TRUE)
  expect_identical(nobs(made$fit), 80L)
  error <- expect_error(formula(fit_hazard(1:4, counts(c(1, 0, 2, 0), 3))),
                        "no formula", class = "timetounsafe_error_argument")
  expect_identical(error$argument, "x")
})

test_that("what a model does not have is an error that says why", {
  own <- as_hazard(function(newdata) newdata)
  for (f in list(coef, vcov, logLik, nobs, fitted, residuals)) {
    expect_error(f(own), "user-supplied model",
                 class = "timetounsafe_error_argument")
  }
  set.seed(4)
  net <- fit_hazard(1:20, counts(rep(0:1, 10), 5), "mlp", epochs = 2)
  for (f in list(coef, vcov, tidy)) {
    expect_error(f(net), "perceptron", class = "timetounsafe_error_argument")
  }
  fit <- accessor_fit()$fit
  expect_error(residuals(fit, "working"), "`type`",
               class = "timetounsafe_error_argument")
  for (f in list(coef, vcov, logLik, nobs, fitted, residuals, formula)) {
    expect_error(f(fit, other = 1), class = "timetounsafe_error_argument")
  }
})

test_that("tidy() gives Wald's intervals", {
  fit <- accessor_fit()$fit
  out <- tidy(fit, conf.int = TRUE, conf.level = 0.9)
  expect_named(out, c("term", "estimate", "std.error", "statistic", "conf.low",
                      "conf.high"))
  expect_equal(out$statistic, out$estimate / out$std.error)
  expect_equal(out$conf.high - out$conf.low,
               2 * qnorm(0.95) * out$std.error)
  bad_arguments(tidy, list(x = fit), list(conf.int = list(1, NA),
                                          conf.level = list(0, 1, "a")))
})

test_that("augment() gives the columns back, and what belongs beside them", {
  made <- accessor_fit()
  out <- augment(made$fit, made$data)
  expect_identical(out[names(made$data)], made$data)
  expect_identical(names(out), c(names(made$data), ".fitted", ".resid"))
  expect_identical(out$.resid, residuals(made$fit))
  out <- augment(made$fit, newdata = made$data[1:2, ])
  expect_identical(names(out), c(names(made$data), ".fitted"))
  # Prompts without a draw have no fitted hazard.
  draws <- rep(c(5, 0), 20)
  fit <- fit_hazard(1:40, counts(rep(c(1, 0, 0, 0), 10), draws))
  out <- augment(fit, data.frame(k = 1:40))
  expect_identical(out$k, 1:40)
  expect_identical(which(is.na(out$.fitted)), which(draws == 0))
  expect_identical(out$.resid[draws > 0], residuals(fit))
  expect_identical(nrow(augment(fit, data.frame(k = 1:20))), 20L)
  for (bad in list(list(data.frame(k = 1:3)), list(1:40, newdata = 1:40))) {
    error <- expect_error(do.call(augment, c(list(fit), bad)),
                          class = "timetounsafe_error_argument")
    expect_identical(error$argument, "data")
  }
  text <- c("one", "two", "three", "four")
  fit <- fit_hazard(text, counts(c(1, 0, 2, 0), 5))
  expect_named(augment(fit, text), c("prompt", ".fitted", ".resid"))
  expect_identical(augment(fit, newdata = "five")$prompt, "five")
})

test_that("autoplot() shows the same as plot()", {
  skip_if_not_installed("ggplot2")
  fit <- accessor_fit()$fit
  picture <- ggplot2::autoplot(fit, bins = 4)
  expect_s3_class(picture, "ggplot")
  expect_identical(nrow(picture$data), 4L)
  expect_equal(picture$data$fitted[4],
               with(fit, weighted.mean(sort(fitted)[61:80],
                                       draws[order(fitted)][61:80])))
  bad_arguments(ggplot2::autoplot, list(object = fit),
                list(bins = list(1, "a")))
})
