test_that("a fit has the documented parts", {
  set.seed(1)
  x <- matrix(rnorm(200), 100)
  unsafe <- rbinom(100, 20, plogis(-2 + x[, 1]))
  fit <- fit_hazard(x, counts(unsafe, 20))
  expect_s3_class(fit, "hazard_fit", exact = TRUE)
  expect_named(fit, c("engine", "encoder", "model", "fitted", "out_of_fold",
                      "precision", "precision_rule", "unsafe", "draws",
                      "refused", "stop", "deviance", "null.deviance", "nobs",
                      "omitted", "formula", "schema", "call", "training"))
  expect_identical(fit$engine, "glm")
  expect_identical(fit$nobs, 100L)
  expect_identical(fit$unsafe, as.double(unsafe))
  expect_identical(fit$draws, rep(20, 100))
  expect_false(fit$stop)
  expect_true(is.call(fit$call))
})

test_that("the deviances are those of the binomial likelihood", {
  set.seed(2)
  x <- rnorm(60)
  draws <- sample(1:30, 60, TRUE)
  unsafe <- rbinom(60, draws, plogis(-2 + x))
  fit <- fit_hazard(x, counts(unsafe, draws))
  log_lik <- function(p) sum(dbinom(unsafe, draws, p, log = TRUE))
  saturated <- log_lik(unsafe / draws)
  expect_equal(fit$deviance, 2 * (saturated - log_lik(fit$fitted)))
  rate <- sum(unsafe) / sum(draws)
  expect_equal(fit$null.deviance, 2 * (saturated - log_lik(rate)))
})

test_that("one number of draws stands for all prompts", {
  set.seed(3)
  x <- rnorm(60)
  unsafe <- rbinom(60, 9, plogis(-2 + x))
  expect_identical(fit_hazard(x, counts(unsafe, 9))$fitted,
                   fit_hazard(x, counts(unsafe, rep(9, 60)))$fitted)
})

test_that("prompts with 0 draws are left out", {
  set.seed(4)
  x <- matrix(rnorm(160), 80)
  draws <- rep(c(10, 0, 20, 5), 20)
  unsafe <- rbinom(80, draws, plogis(-2 + x[, 1]))
  used <- draws > 0
  x[!used, ] <- NA
  fit <- fit_hazard(x, counts(unsafe, draws))
  expect_identical(fit$nobs, 60L)
  expect_length(fit$fitted, 60)
  expect_identical(fit$fitted,
                   fit_hazard(x[used, ],
                              counts(unsafe[used], draws[used]))$fitted)
})

test_that("prompts with 0 draws are left out of a formula's data", {
  set.seed(5)
  data <- data.frame(a = rnorm(60), f = rep(c("p", "q", "never"), 20))
  data$draws <- ifelse(data$f == "never", 0, 9)
  data$unsafe <- rbinom(60, data$draws, plogis(-2 + data$a))
  fit <- fit_hazard(cbind(unsafe, draws - unsafe) ~ a + f, data)
  expect_identical(fit$nobs, 40L)
  expect_warning(predict(fit, data), "\"never\"",
                 class = "timetounsafe_warning_new_levels")
})

test_that("the formula door equals the counts door", {
  set.seed(6)
  data <- data.frame(a = rnorm(100), b = rnorm(100), unsafe = 0, safe = 0)
  data$unsafe <- rbinom(100, 12, plogis(-2 + data$a))
  data$safe <- 12 - data$unsafe
  by_formula <- fit_hazard(cbind(unsafe, safe) ~ a + b, data)
  by_name <- fit_hazard(formula = cbind(unsafe, safe) ~ a + b, data = data)
  by_counts <- fit_hazard(as.matrix(data[c("a", "b")]), counts(data$unsafe, 12))
  expect_identical(by_formula$fitted, by_counts$fitted)
  expect_identical(by_name$fitted, by_counts$fitted)
  expect_false(by_formula$stop)
})

test_that("Surv() has the likelihood of counts, and remembers the stopping", {
  set.seed(7)
  a <- rnorm(300)
  first <- rgeom(300, 1 - exp(-exp(-3 + a))) + 1
  data <- data.frame(a = a, time = pmin(first, 40), status = first <= 40)
  stopped <- fit_hazard(survival::Surv(time, status) ~ a, data)
  counts <- fit_hazard(a, counts(as.double(data$status), data$time))
  expect_identical(stopped$fitted, counts$fitted)
  expect_identical(stopped$deviance, counts$deviance)
  expect_true(stopped$stop)
  expect_false(counts$stop)
})

test_that("`stop` is remembered and does not change the fit", {
  set.seed(8)
  data <- data.frame(a = rnorm(50), unsafe = rbinom(50, 9, 0.2))
  fixed <- fit_hazard(data["a"], counts(data$unsafe, 9))
  stopped <- fit_hazard(data["a"], counts(data$unsafe, 9), stop = TRUE)
  expect_true(stopped$stop)
  expect_identical(stopped$fitted, fixed$fitted)
  formula <- fit_hazard(cbind(unsafe, 9 - unsafe) ~ a, data,
                        stop = TRUE)
  expect_true(formula$stop)
})

test_that("all training draws safe: Jeffreys' mean, with a warning", {
  x <- matrix(c(0.3, -1, 2, 0.5), 4)
  for (engine in c("glm", "mlp")) {
    expect_warning(fit <- fit_hazard(x, counts(rep(0, 4), c(5, 10, 20, 4)),
                                     engine),
                   "riskier prompts",
                   class = "timetounsafe_warning_constant_hazard")
    # A half over 39 draws and one.
    expect_equal(fit$fitted, rep(1 / 80, 4))
    expect_equal(predict(fit, rbind(x, 9)), rep(1 / 80, 5))
    expect_identical(fit$engine, "constant")
  }
})

test_that("all training draws unsafe: Jeffreys' mean, with a warning", {
  expect_warning(fit <- fit_hazard(1:3, counts(1:3, 1:3)), "safer prompts",
                 class = "timetounsafe_warning_constant_hazard")
  # Six and a half over six draws and one.
  expect_equal(fit$fitted, rep(13 / 14, 3))
})

test_that("without a feature the hazard is one constant, and no warning", {
  data <- data.frame(unsafe = c(1, 0, 3), safe = c(4, 5, 2))
  expect_silent(fit <- fit_hazard(cbind(unsafe, safe) ~ 1, data))
  expect_equal(fit$fitted, rep(4.5 / 16, 3))
  expect_equal(predict(fit, data[1:2, ]), rep(4.5 / 16, 2))
})

test_that("fit_hazard() names a wrong argument", {
  x <- matrix(c(0.3, -1, 2, 0.5), 4)
  y <- counts(c(1, 0, 2, 0), 5)
  choices <- list(NULL, NA, 1, "other", "", c("glm", "fixed"), character())
  replaced <- function(value) replace(y, 2, value)
  bad_arguments(
    "fit_hazard", list(x = x, y = y, engine = "glm", stop = FALSE),
    list(
      x = list(x * NA, x / 0, array(0, c(4, 1, 1)),
               mean, list(1, 2, 3, 4)),
      y = list(NULL, NA, "1", 1, c(1, 0, 2, 0), replaced(NA), replaced(NaN),
               replaced(Inf), replaced(-1), replaced("1"), y[1:3, ], y[, 1],
               y[, 2:1], cbind(y, 1), as.data.frame(y), 0 * y, list(1),
               factor(1:4), survival::Surv(1:4, 2:5, rep(1, 4)),
               survival::Surv(c(0, 1, 2, 3), rep(1, 4)),
               survival::Surv(c(0.5, 1, 2, 3), rep(1, 4)),
               survival::Surv(c(NA, 1, 2, 3), rep(1, 4))),
      engine = choices, stop = list(NULL, NA, 1, "stopped", c(TRUE, TRUE))
    )
  )
})

test_that("no draw at all is an error about `y`", {
  error <- expect_error(fit_hazard(1:3, counts(c(0, 0, 0), 0)),
                        class = "timetounsafe_error_argument")
  expect_identical(error$argument, "y")
})

test_that("fit_hazard() of a formula names a wrong argument", {
  data <- data.frame(u = c(1, 0, 2), s = 2, x = 1:3, time = 1:3, status = 1)
  choices <- list(NA, 1, "other", "", c("glm", "fixed"), character())
  bad_arguments(
    "fit_hazard",
    list(formula = cbind(u, s) ~ x, data = data, engine = "glm",
         stop = FALSE),
    list(
      data = list(NULL, NA, 1, list(u = 1), as.matrix(data)),
      engine = c(list(NULL), choices), stop = choices
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
      do.call("fit_hazard",
              c(list(x, counts(c(1, 0, 2, 0), 5), "glm"), settings)),
      "splines, interactions, penalty", class = "timetounsafe_error_argument"
    )
    expect_identical(error$argument, "...")
  }
  expect_error(fit_hazard(x, counts(c(1, 0, 2, 0), 5), "mlp", penalty = 1),
               "hidden",
               class = "timetounsafe_error_argument")
})

test_that("two prompts, three and four give hazards between 0 and 1", {
  for (n in 2:4) {
    for (unsafe in list(c(1, 0, 2, 0), c(5, 5, 4, 5), c(0, 1, 0, 5))) {
      fit <- suppressWarnings(fit_hazard(matrix(sin(1:(3 * n)), n),
                                         counts(unsafe[1:n], 5)))
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
  for (draws in c(4, 1e9, 2^53)) {
    fit <- fit_hazard(x, counts(rep(c(0, draws / 4), 50), draws),
                      interactions = 0)
    expect_true(all(fit$fitted > 0.005 & fit$fitted < 0.6))
  }
  rare <- fit_hazard(x, counts(c(1, rep(0, 99)), 1e9))
  expect_equal(log(rare$fitted), rep(log(1e-11), 100), tolerance = 0.1)
  sure <- fit_hazard(x, counts(c(19, rep(20, 99)), 20))
  expect_true(all(sure$fitted > 0.99 & sure$fitted < 1))
})

test_that("sparse features with one number each, and more than prompts", {
  x <- Matrix::sparseMatrix(i = rep(1:50, 4), j = 1:200, x = 1,
                            dims = c(60, 200))
  set.seed(23)
  fit <- suppressWarnings(fit_hazard(x, counts(rbinom(60, 20, 0.2), 20)))
  expect_true(all(fit$fitted > 0.01 & fit$fitted < 0.9))
})
