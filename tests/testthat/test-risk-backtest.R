draws_table <- function(unsafe, draws, stop = FALSE, time = draws) {
  structure(data.frame(
    id = seq_along(unsafe), prompt = as.character(seq_along(unsafe)),
    limit = draws, stop = stop, draws = if (stop) time else draws,
    unsafe = unsafe, time = time, status = as.numeric(unsafe > 0), unused = 0,
    failed = FALSE
  ), class = c("prompt_draws", "data.frame"))
}

test_that("hidden draws leave those of a smaller number of draws", {
  set.seed(1)
  parts <- plan_parts(draws_table(rep(c(0, 3, 8), 2000), rep(8, 6000)))
  seen <- visible_draws(parts, 0.25)
  expect_equal(seen, rep(2, 6000))
  got <- hide_draws(parts, seen)
  expect_equal(got$draws, seen)
  for (unsafe in c(0, 3, 8)) {
    at <- parts$unsafe == unsafe
    want <- dhyper(0:2, unsafe, 8 - unsafe, 2)
    share <- tabulate(got$unsafe[at] + 1, 3) / sum(at)
    expect_true(all(abs(share - want) <= 4 * sqrt(want * (1 - want) / 2000)))
  }
  # Draws that stop: the first of them.
  parts <- plan_parts(draws_table(c(0, 1, 1), rep(8, 3), TRUE, c(8, 2, 5)))
  got <- hide_draws(parts, visible_draws(parts, 0.5))
  expect_equal(got$unsafe, c(0, 1, 0))
  expect_equal(got$draws, c(4, 2, 4))
  # One draw at least.
  expect_equal(visible_draws(parts, 0.01), rep(1, 3))
})

test_that("the table is forecasts against what all draws say", {
  set.seed(2)
  p <- rbeta(400, 0.5, 8)
  x <- draws_table(rbinom(400, 24, p), rep(24, 400))
  got <- backtest_risk(x, c(24, 6), repetitions = 6)
  expect_named(got, c("model", "k", "n", "draws", "estimate", "std.error",
                      "forecast", "forecast_sd", "error", "rmse"))
  expect_identical(got$model, rep(c("mixture", "beta"), each = 2))
  expect_identical(got$k, c(6, 24, 6, 24))
  truth <- estimate_risk(x, c(6, 24))
  expect_equal(got$estimate, rep(truth$estimate, 2))
  expect_equal(got$std.error, rep(truth$std.error, 2))
  expect_equal(got$error, got$forecast - got$estimate)
  expect_equal(got$rmse^2, got$error^2 + got$forecast_sd^2 * 5 / 6)
  expect_true(all(got$draws == 6))
  # Beta hazards: four errors of the forecasts.
  expect_true(all(abs(got$error[3:4]) < 0.04))
  expect_identical(nrow(backtest_risk(x, 24, "beta", repetitions = 2)), 1L)
})

test_that("draws that stop are tested once, planned ones up to their depth", {
  set.seed(3)
  p <- rbeta(400, 0.5, 8)
  time <- pmin(rgeom(400, p) + 1, 25)
  x <- draws_table(as.numeric(time < 25), rep(24, 400), TRUE, pmin(time, 24))
  got <- backtest_risk(x)
  expect_true(all(is.na(got$forecast_sd)))
  expect_equal(got$rmse, abs(got$error))
  expect_lt(max(abs(got$error)), 0.12)
  expect_output(print(got), "the first ones of each prompt")
  flat <- 10^runif(200, -2.5, -2)
  audit <- simulate_audit(known_plan(flat, 40, "replicated", tau_max = 0.2),
                          3 * flat)
  got <- backtest_risk(audit, repetitions = 2, model = "beta")
  expect_lte(max(got$k), min(sampled_depth(plan_parts(audit))))
  expect_lt(max(abs(got$error)), 0.15)
})

test_that("it prints and plots", {
  set.seed(4)
  x <- draws_table(rbinom(100, 20, 0.1), rep(20, 100))
  got <- backtest_risk(x, repetitions = 3)
  lines <- lines_of(got)
  expect_true(all(nchar(lines) <= 80))
  expect_lte(length(lines), 15)
  expect_match(lines, "25% of the draws, chosen at random 3 times", all = FALSE)
  expect_identical(tidy(got), plain_table(got))
  expect_equal(glance(got)$draws_seen, 500)
  expect_output(print(got[1:2, 1:4]), "mixture")
  withr::local_pdf(NULL)
  one <- backtest_risk(x, 20, "beta", repetitions = 2)
  for (test in list(got, one)) {
    expect_identical(withVisible(plot(test))$visible, FALSE)
  }
  skip_if_not_installed("ggplot2", "3.4.0")
  expect_silent(print(ggplot2::autoplot(got)))
  skip_if_not_installed("knitr")
  expect_s3_class(knitr::knit_print(got), "knit_asis")
})

test_that("without an unsafe draw there is no forecast", {
  got <- backtest_risk(draws_table(rep(0, 20), rep(8, 20)), repetitions = 2)
  expect_true(all(is.na(got$forecast) & got$estimate == 0))
  withr::local_pdf(NULL)
  expect_silent(plot(got))
})

test_that("wrong arguments are named", {
  x <- draws_table(rep(1, 20), rep(8, 20))
  bad_arguments(backtest_risk, list(x = x), list(
    x = list(NULL, 1, draws_table(rep(0, 5), rep(1, 5))),
    k = list(0, 9, 1.5, NA, numeric()), model = list("gamma", 1, character()),
    share = list(0, 1, NA), repetitions = list(1, 2.5, NA)
  ))
  expect_error(backtest_risk(x, other = 1), "other",
               class = "timetounsafe_error_argument")
})

test_that("a model has the same colour without the other, and in any order", {
  skip_if_not_installed("ggplot2", "3.4.0")
  set.seed(22)
  got <- backtest_risk(draw_known(rbeta(100, 0.5, 5), 8), k = c(2, 4, 8),
                       repetitions = 2)
  colour <- function(x) {
    unique(ggplot2::layer_data(ggplot2::autoplot(x), 3)$colour)
  }
  expect_identical(colour(got[got$model == "beta", ]), ink[["mark"]])
  expect_identical(colour(got[got$model == "mixture", ]), ink[["main"]])
  expect_identical(model_looks[unique(got$model), "colour"],
                   unname(ink[c("main", "mark")]))
  withr::local_pdf(NULL)
  expect_silent(plot(got[6:1, ]))
})
