test_that("printing a fit says what it was learnt from, and returns it", {
  set.seed(14)
  fit <- fit_hazard(rnorm(50), counts(rep(c(0, 1, 2, 0, 1), 10), 20))
  expect_output(out <- withVisible(print(fit)), paste0(
    "engine \"glm\" on 50 prompts, 1,000 draws, 40 unsafe\n.*",
    "1 columns.*Hazard of a draw.*Deviance explained"
  ))
  expect_identical(out, list(value = fit, visible = FALSE))
  stopped <- fit_hazard(rnorm(50), counts(rep(0:1, 25), 20),
                        stop = TRUE)
  expect_output(print(stopped), "stopped at the first")
})

test_that("printing a constant hazard shows only finite numbers", {
  for (unsafe in list(c(0, 0, 0), c(2, 2, 2))) {
    fit <- suppressWarnings(fit_hazard(1:3, counts(unsafe, 2)))
    lines <- capture.output(print(fit))
    expect_match(lines[1], "constant")
    expect_false(any(grepl("Inf|NaN|NA", lines)))
  }
  fit <- fit_hazard(1, counts(1, 5))
  expect_false(any(grepl("Inf|NaN|NA", capture.output(print(fit)))))
})

test_that("printing a wrapped model names its class", {
  own <- as_hazard(structure(1, class = "my_model"),
                   function(object, newdata) 1)
  expect_output(out <- withVisible(print(own)),
                "user-supplied model of class \"my_model\"")
  expect_identical(out, list(value = own, visible = FALSE))
  expect_output(print(summary(own)), "user-supplied")
})

test_that("the summary of a glm gives penalties, dispersion and smooths", {
  set.seed(15)
  x <- matrix(rnorm(600), 300, dimnames = list(NULL, c("a", "b")))
  fit <- fit_hazard(x,
                    counts(rbinom(300, 20, plogis(-2 + sin(2 * x[, 1]))), 20))
  out <- summary(fit)
  expect_s3_class(out, "summary.hazard_fit", exact = TRUE)
  expect_identical(out$fit, fit)
  expect_named(out$smooths, c("feature", "knots", "penalty", "edf"))
  expect_identical(out$smooths$feature, c("a", "b"))
  expect_gt(out$smooths$edf[1], out$smooths$edf[2])
  expect_gte(out$dispersion, 1)
  expect_gt(out$edf, 2)
  expect_output(printed <- withVisible(print(out)),
                "penalty .* \\(chosen\\).*degrees of freedom.*Smooth terms")
  expect_identical(printed, list(value = out, visible = FALSE))
})

test_that("the summary of a glm without smooths has an empty table of them", {
  set.seed(16)
  fit <- fit_hazard(rnorm(50), counts(rbinom(50, 20, 0.3), 20), splines = 0,
                    penalty = 0)
  out <- summary(fit)
  expect_identical(nrow(out$smooths), 0L)
  expect_identical(out$penalty, 0)
  expect_equal(out$edf, 2)
  expect_output(print(out), "\\(given\\)")
})

test_that("the summary of a perceptron gives its layers and epochs", {
  set.seed(17)
  fit <- fit_hazard(rnorm(50), counts(rbinom(50, 20, 0.3), 20), engine = "mlp",
                    hidden = c(4, 2), epochs = 3, validation = 0)
  out <- summary(fit)
  expect_identical(out$hidden, c(4L, 2L))
  expect_output(print(out), "Hidden layers: 4, 2; 3 epochs; 0 prompts held out")
})

test_that("tidy() gives a row for each coefficient", {
  set.seed(18)
  x <- matrix(rnorm(200), 100, dimnames = list(NULL, c("a", "b")))
  fit <- fit_hazard(x, counts(rbinom(100, 20, 0.3), 20), splines = 0)
  out <- tidy(fit)
  expect_s3_class(out, "data.frame", exact = TRUE)
  expect_named(out, c("term", "estimate", "std.error", "statistic"))
  expect_identical(out$term, c("(Intercept)", "a", "b"))
  expect_identical(out$estimate, unname(fit$model$beta))
  expect_true(all(out$std.error > 0))
})

test_that("glance() gives one row", {
  set.seed(19)
  fit <- fit_hazard(rnorm(50), counts(rep(c(0, 1, 2, 0, 1), 10), 20))
  out <- glance(fit)
  expect_named(out, c("engine", "nobs", "draws", "unsafe", "n_refused",
                      "deviance", "null.deviance", "df", "logLik", "dispersion",
                      "precision", "converged"))
  expect_identical(nrow(out), 1L)
  expect_identical(c(out$nobs, out$draws, out$unsafe), c(50, 1000, 40))
  expect_identical(out$deviance, fit$deviance)
  own <- glance(as_hazard(function(newdata) newdata))
  expect_identical(dim(own), c(1L, 12L))
  expect_identical(names(own), names(out))
})

test_that("augment() gives the hazards of training or of other prompts", {
  set.seed(20)
  x <- matrix(rnorm(100), 50)
  fit <- fit_hazard(x, counts(rbinom(50, 20, 0.3), 20))
  expect_identical(augment(fit), data.frame(.fitted = fit$fitted,
                                            .resid = residuals(fit)))
  expect_identical(augment(fit, x), data.frame(V1 = x[, 1], V2 = x[, 2],
                                               augment(fit)))
  expect_identical(augment(fit, newdata = x[1:3, ]),
                   data.frame(V1 = x[1:3, 1], V2 = x[1:3, 2],
                              .fitted = predict(fit, x[1:3, ])))
})

test_that("plotting draws and returns the fit invisibly", {
  grDevices::pdf(NULL)
  on.exit(grDevices::dev.off())
  set.seed(21)
  x <- matrix(rnorm(100), 50)
  unsafe <- rbinom(50, 20, plogis(-3 + x[, 1]))
  fits <- list(
    fit_hazard(x, counts(unsafe, 20)),
    fit_hazard(x, counts(unsafe, 20), engine = "mlp", epochs = 2),
    suppressWarnings(fit_hazard(x, counts(0 * unsafe, 20))),
    suppressWarnings(fit_hazard(x, counts(rep(20, 50), 20)))
  )
  for (fit in fits) {
    for (bins in c(2, 10, 1000)) {
      expect_silent(out <- withVisible(plot(fit, bins = bins)))
      expect_identical(out, list(value = fit, visible = FALSE))
    }
  }
  expect_silent(plot(fits[[1]], main = "A title", ylim = c(0.01, 1)))
})

test_that("a label given to plot() replaces its own alone", {
  file <- tempfile(fileext = ".pdf")
  on.exit(unlink(file))
  fit <- fit_hazard(1:10, counts(rep(0:1, 5), 20))
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
  fit <- fit_hazard(1:10, counts(rep(0:1, 5), 20))
  expect_silent(plot(fit, log = "x"))
})

test_that("summaries and plots of hazards name a wrong argument", {
  grDevices::pdf(NULL)
  on.exit(grDevices::dev.off())
  fit <- fit_hazard(c(0.3, -1, 2, 0.5), counts(c(1, 0, 2, 0), 5))
  bad_arguments("plot", list(x = fit, bins = 4), list(
    bins = list(NULL, NA, NaN, "4", 1, 0, -1, 2.5, Inf, c(2, 3), numeric())
  ))
  own <- as_hazard(function(newdata) newdata)
  bad_arguments("plot", list(x = fit), list(x = list(own)))
  bad_arguments("tidy", list(x = fit), list(x = list(own)))
  for (f in c("tidy", "glance", "augment")) {
    expect_error(do.call(f, list(fit, other = 1)), "`other` is an unknown",
                 fixed = TRUE, class = "timetounsafe_error_argument")
  }
})

test_that("augment() finds training prompts by their ids", {
  set.seed(24)
  draws <- draw_responses(c(a = "hi", b = "ho", c = "hum", d = "hut"),
                          function(prompts) runif(length(prompts)) < 0.4,
                          draws = 20)
  fit <- quiet(fit_hazard(c(0.5, 1, 2, 4), draws))
  at <- c(3, 1, 4, 2)
  got <- augment(fit, data = draws[at, ])
  expect_identical(got$id, letters[at])
  expect_identical(got$.fitted, fit$fitted[at])
  expect_identical(augment(fit, data = draws[2, ])$.fitted, fit$fitted[2])
})
