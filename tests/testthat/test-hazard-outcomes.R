# The same fit from every form of the outcomes.

small_data <- function() {
  set.seed(1)
  prompts <- data.frame(a = rnorm(40), b = rep(c("x", "y"), 20))
  list(prompts = prompts, unsafe = rbinom(40, 6, plogis(-2 + prompts$a)))
}

draws_of <- function(prompts, unsafe, draws, stop = FALSE) {
  out <- data.frame(id = seq_along(unsafe))
  out$prompt <- prompts
  out$limit <- 6
  out$stop <- stop
  out$draws <- draws
  out$unsafe <- unsafe
  class(out) <- c("prompt_draws", "data.frame")
  out
}

# Prompts that are rows of a data frame, as a log in memory may have them.
log_of_rows <- function(prompts, unsafe, draws, lost = integer()) {
  log <- as.data.frame(log_of(as.character(seq_along(unsafe)), unsafe, draws))
  class(log) <- "data.frame"
  log$prompt <- prompts[as.integer(log$prompt), ]
  log$unsafe[lost] <- NA
  log$status[lost] <- "error"
  structure(log, class = c("response_log", "data.frame"))
}

test_that("fits by counts, draws and responses are identical", {
  data <- small_data()
  x <- data$prompts
  by_counts <- fit_hazard(x, counts(data$unsafe, 6))
  draws <- draws_of(x, data$unsafe, 6)
  log <- log_of_rows(x, data$unsafe, 6)
  others <- list(
    fit_hazard(x, draws), fit_hazard(draws), fit_hazard(x, log),
    fit_hazard(log), fit_hazard(~ a + b, draws), fit_hazard(~ ., draws),
    fit_hazard(~ a + b, log),
    fit_hazard(cbind(u, 6 - u) ~ a + b, cbind(x, u = data$unsafe)),
    fit_hazard(draws ~ a + b, x), fit_hazard(y = draws, x = x)
  )
  same <- c("engine", "fitted", "unsafe", "draws", "stop", "deviance",
            "null.deviance", "nobs", "omitted")
  for (fit in others) {
    expect_identical(unclass(fit)[same], unclass(by_counts)[same])
    expect_identical(coef(fit), coef(by_counts))
    expect_identical(predict(fit, x[1:3, ]), predict(by_counts, x[1:3, ]))
  }
})

test_that("times are counts of draws that stopped", {
  data <- small_data()
  x <- data$prompts
  time <- rep(c(2, 5, 1, 9), 10)
  status <- rep(c(1, 0, 1, 0), 10)
  by_time <- fit_hazard(x, survival::Surv(time, status))
  by_counts <- fit_hazard(x, counts(status, time), stop = TRUE)
  by_draws <- fit_hazard(draws_of(x, status, time, TRUE))
  by_formula <- fit_hazard(survival::Surv(time, status) ~ a + b, x)
  for (fit in list(by_counts, by_draws, by_formula)) {
    expect_true(fit$stop)
    expect_identical(fit$fitted, by_time$fitted)
  }
  expect_identical(by_time$draws, time)
  expect_identical(by_time$unsafe, status)
})

test_that("text of draws is the feature, also for formulas", {
  set.seed(2)
  prompts <- paste(sample(letters, 60, TRUE), sample(letters, 60, TRUE))
  unsafe <- rbinom(60, 6, 0.3)
  draws <- draws_of(prompts, unsafe, 6)
  expect_identical(fit_hazard(draws)$fitted,
                   fit_hazard(prompts, counts(unsafe, 6))$fitted)
  expect_identical(fit_hazard(~ nchar(prompt), draws)$nobs, 60L)
})

test_that("unusable responses and prompts without one are left out", {
  data <- small_data()
  x <- data$prompts
  # Of the first prompt nothing, of the second one draw is lost.
  log <- log_of_rows(x, data$unsafe, 6, lost = c(1:6, 12))
  fit <- fit_hazard(log)
  by_counts <- fit_hazard(x, counts(c(0, data$unsafe[-1]), c(0, 5, rep(6, 38))))
  expect_identical(fit$fitted, by_counts$fitted)
  expect_identical(fit$omitted, 1L)
  expect_identical(fit$nobs, 39L)
  # The order of the rows does not matter but for that of the prompts.
  mixed <- structure(as.list(log), row.names = seq_len(240L),
                     class = "data.frame")[c(1, 7:240, 2:6), ]
  class(mixed) <- class(log)
  expect_identical(fit_hazard(mixed)$fitted, fit$fitted)
})

test_that("a log shows whether drawing stopped at the first unsafe response", {
  stopped <- function(unsafe, row) {
    log <- data.frame(id = row, prompt = row, unsafe = unsafe)
    class(log) <- c("response_log", "data.frame")
    read_outcomes(log)$stop
  }
  expect_identical(stopped(c(FALSE, TRUE, FALSE), c(1, 1, 2)), c(TRUE, TRUE))
  expect_identical(stopped(c(TRUE, FALSE, FALSE), c(1, 1, 2)), c(FALSE, FALSE))
  # Equal numbers of draws were fixed beforehand.
  expect_identical(stopped(c(FALSE, TRUE), c(1, 2)), c(FALSE, FALSE))
  expect_identical(stopped(c(FALSE, FALSE, FALSE), c(1, 1, 2)),
                   c(FALSE, FALSE))
  # By the number of the draw where there is one, not by the row.
  log <- data.frame(id = c(1, 1, 2), prompt = 1, draw = c(2, 1, 1),
                    unsafe = c(TRUE, FALSE, FALSE))
  class(log) <- c("response_log", "data.frame")
  expect_identical(read_outcomes(log)$stop, c(TRUE, TRUE))
})

test_that("outcomes that do not fit are named", {
  data <- small_data()
  draws <- draws_of(data$prompts, data$unsafe, 6)
  error <- expect_error(fit_hazard(data$prompts[1:3, ], draws), "3 rows",
                        class = "timetounsafe_error_argument")
  expect_identical(error$argument, "y")
  error <- expect_error(fit_hazard(draws[setdiff(names(draws), "stop")]),
                        "no column \"stop\"",
                        class = "timetounsafe_error_argument")
  expect_identical(error$argument, "x")
  expect_error(fit_hazard(~ a, data$prompts), "left-hand side",
               class = "timetounsafe_error_argument")
  y <- counts(data$unsafe, 6)
  expect_error(fit_hazard(data$prompts, y[, 2:1]), "cbind\\(unsafe, safe\\)",
               class = "timetounsafe_error_argument")
})

test_that("rates are no counts", {
  x <- rnorm(10)
  unsafe <- rep(0:4, 2)
  for (y in list(cbind(unsafe / 20, 20), cbind(unsafe / 20, 1 - unsafe / 20),
                 cbind(unsafe / 20, 20 - unsafe / 20))) {
    error <- expect_error(fit_hazard(x, y), "whole.*0.05 \\(row 2\\)",
                          class = "timetounsafe_error_argument")
    expect_match(conditionMessage(error), "rate * n", fixed = TRUE)
    expect_identical(error$argument, "y")
  }
  expect_error(fit_hazard(cbind(u, 20) ~ x, data.frame(u = unsafe / 20, x = x)),
               "whole", class = "timetounsafe_error_argument")
})

test_that("times of an audit are those of the model: at status 0 draws made", {
  # 0.5 and 0.2 came out as 0.348 and 0.148 where a censored time was one more.
  set.seed(31)
  for (p in c(0.5, 0.2)) {
    plan <- known_plan(rep(0.05, 4000), 3, design = "basic")
    audit <- simulate_audit(plan, rep(p, 4000))
    audit <- audit[audit$draws > 0, ]
    expect_identical(audit$time[audit$status == 0],
                     audit$draws[audit$status == 0])
    data <- data.frame(time = audit$time, status = audit$status,
                       x = rnorm(nrow(audit)))
    fit <- fit_hazard(survival::Surv(time, status) ~ 1 + x, data)
    expect_lt(abs(mean(fit$fitted) - p), 0.03)
  }
})
