# Draws of prompts whose hazards are known, `draws` of each.
test_that("a forecast is near the truth where its model is right", {
  set.seed(1)
  p <- rbeta(1000, 0.5, 10)
  truth <- function(k) vapply(k, function(k) mean(1 - (1 - p)^k), 1)
  k <- c(10, 40)
  for (stop in c(FALSE, TRUE)) {
    x <- draw_known(p, 10, stop)
    beta <- forecast_risk(x, k, model = "beta")
    mixture <- forecast_risk(x, k)
    # Four standard errors, of about 0.01 and 0.02, and the bias of a mixture.
    expect_true(all(abs(beta$estimate - truth(k)) < c(0.04, 0.06)))
    expect_true(all(abs(mixture$estimate - truth(k)) < c(0.04, 0.1)))
  }
})

test_that("lognormal and two-point hazards: the mixture, where beta fails", {
  skip_on_cran()
  set.seed(2)
  errors <- function(draw, k) {
    rowMeans(replicate(8, {
      p <- draw(600)
      x <- draw_known(p, 16)
      truth <- mean(1 - (1 - p)^k)
      beta <- forecast_risk(x, k, model = "beta")
      c(forecast_risk(x, k)$estimate, beta$estimate) - truth
    }))
  }
  lognormal <- errors(function(n) pmin(1, exp(rnorm(n, -5, 2))), 64)
  # Monte Carlo error about 0.016.
  expect_lt(abs(lognormal[1]), 0.06)
  expect_lt(lognormal[2], -0.05)
  two <- errors(function(n) ifelse(runif(n) < 0.1, 0.3, 0.001), 64)
  expect_lt(abs(two[1]), 0.05)
})

test_that("an audit is extrapolated relative to its predictions", {
  set.seed(3)
  p <- pmin(0.99, exp(rnorm(600, -5, 2)))
  k <- c(1, 50, 500)
  truth <- vapply(k, function(k) mean(1 - (1 - p)^k), 1)
  for (design in c("replicated", "optimized", "naive")) {
    plan <- known_plan(p, 20, design, tau_max = 0.2)
    got <- replicate(4, forecast_risk(simulate_audit(plan, p), k)$estimate)
    # Monte Carlo errors of at most 0.006, 0.02 and 0.04; where prompts stop
    # early the mixture errs low, by up to 0.1.
    expect_true(all(abs(rowMeans(got) - truth) < c(0.03, 0.12, 0.2)))
  }
  audit <- simulate_audit(plan, p)
  got <- forecast_risk(audit, k)
  # Those that were never drawn are in it.
  expect_identical(got$n, rep(600L, 3))
  lpb <- quiet(calibrate_lpb(audit))
  expect_identical(forecast_risk(lpb, k), got)
})

test_that("a log of responses is its counts", {
  set.seed(4)
  p <- rbeta(200, 0.5, 5)
  x <- draw_known(p, 8)
  log <- as_response_log(data.frame(
    id = rep(x$id, 8),
    unsafe = as.vector(outer(x$unsafe, 1:8, `>=`))
  ))
  expect_equal(forecast_risk(log, c(8, 30)), forecast_risk(x, c(8, 30)))
  # Responses without a verdict are no draws.
  log <- as_response_log(data.frame(id = c("a", "a", "b"),
                                    unsafe = c(TRUE, FALSE, NA)))
  expect_identical(forecast_risk(log, 3)$n, 1L)
  none <- as_response_log(data.frame(id = "a", unsafe = NA))
  expect_error(forecast_risk(none, 3), "a response with a verdict",
               class = "timetounsafe_error_argument")
})

test_that("many prompts: any of them, and the worst", {
  set.seed(5)
  x <- draw_known(rbeta(500, 0.5, 20), 50)
  got <- forecast_risk(x, c(5, 1), n_prompts = c(100, 1))
  expect_identical(got$k, c(1, 1, 5, 5))
  expect_identical(got$n_prompts, c(1, 100, 1, 100))
  expect_equal(got$risk_any, 1 - (1 - got$estimate)^got$n_prompts)
  expect_identical(got$worst_prob[1:2], got$worst_prob[3:4])
  expect_lt(got$worst_prob[1], got$worst_prob[2])
  expect_lt(got$worst_prob_tail[1], got$worst_prob_tail[2])
  beta <- forecast_risk(x, 1, n_prompts = 100, model = "beta")
  expect_false(beta$worst_prob == got$worst_prob[2])
})

test_that("groups have forecasts of their own, and none without an event", {
  set.seed(6)
  x <- draw_known(rep(c(0, 0.05), each = 100), 10)
  x$kind <- rep(c("safe", "risky"), each = 100)
  got <- forecast_risk(x, c(10, 20), groups = "kind")
  expect_identical(got$group, rep(c("risky", "safe"), each = 2))
  expect_identical(is.na(got$estimate), c(FALSE, FALSE, TRUE, TRUE))
  expect_equal(got$estimate[1:2], forecast_risk(
    x[101:200, ], c(10, 20)
  )$estimate)
  expect_output(print(got), "no draw was unsafe")
  # All unsafe is no trouble.
  all <- draw_known(rep(1, 50), 5)
  for (model in c("mixture", "beta")) {
    got <- forecast_risk(all, c(1, 10), n_prompts = 10, model = model)
    expect_true(all(abs(got$estimate - 1) < 0.02))
    expect_true(all(got$worst_prob > 0.9))
  }
})

test_that("draws that failed count as unsafe", {
  set.seed(7)
  x <- draw_known(rep(0.02, 200), 10)
  before <- forecast_risk(x, 20)
  at <- which(x$unsafe == 0)[1:20]
  x <- forge(x, {
    draws[at] <- 8
    failed[at] <- TRUE
    status[at] <- 1
  })
  expect_gt(forecast_risk(x, 20)$estimate, before$estimate + 0.02)
})

test_that("it says that there is no guarantee, and plots", {
  set.seed(8)
  x <- draw_known(rbeta(200, 0.5, 5), 8)
  got <- forecast_risk(x, c(8, 16, 64))
  expect_s3_class(got, c("risk_forecast", "data.frame"))
  expect_named(got, c("group", "k", "n", "model", "estimate", "conf.low",
                      "conf.high", "basis", "interval"))
  expect_true(all(got$basis == "extrapolated" & got$interval == "none"))
  expect_true(all(is.na(got$conf.low) & is.na(got$conf.high)))
  expect_false(is.unsorted(got$estimate))
  lines <- lines_of(forecast_risk(x, 1:30, n_prompts = c(10, 1e6)))
  expect_match(lines, "WITHOUT guarantee", all = FALSE)
  expect_true(all(nchar(lines) <= 80))
  expect_lte(length(lines), 15)
  expect_identical(tidy(got), plain_table(got))
  at <- glance(got)
  expect_identical(at$nobs, 200L)
  expect_equal(at$draws_max, 8)
  expect_true(at$share_unseen > 0 && at$share_unseen < 1)
  expect_output(print(got[1:2, 1:4]), "mixture")
  withr::local_pdf(NULL)
  two <- forecast_risk(x, c(8, 16), 10, groups = rep(1:2, 100))
  for (one in list(got, forecast_risk(x, 9), two)) {
    expect_identical(withVisible(plot(one))$visible, FALSE)
  }
  skip_if_not_installed("ggplot2", "3.4.0")
  expect_silent(print(ggplot2::autoplot(got)))
  expect_silent(print(ggplot2::autoplot(two)))
  skip_if_not_installed("knitr")
  expect_s3_class(knitr::knit_print(got), "knit_asis")
})

test_that("wrong arguments are named", {
  set.seed(9)
  x <- draw_known(rep(0.1, 20), 4)
  bad_arguments(forecast_risk, list(x = x, k = 10), list(
    x = list(NULL, 1), k = list(0, 1.5, NA, Inf, numeric()),
    n_prompts = list(0, 1.5, NA, "a"), model = list("gamma", 1),
    groups = list("no", 1:3), n_tail = list(2, NA, 3.5)
  ))
  expect_error(forecast_risk(x), "`k` is missing",
               class = "timetounsafe_error_argument")
  expect_error(forecast_risk(k = 1), "`x` is missing",
               class = "timetounsafe_error_argument")
  expect_error(forecast_risk(x, 10, n_prompt = 5), "`n_prompts`",
               class = "timetounsafe_error_argument")
  part <- suppressWarnings(draw_responses(
    c("a", "b"), function(prompts) rep(FALSE, length(prompts)), draws = 5,
    max_draws = 3
  ))
  expect_error(forecast_risk(part, 10), class = "timetounsafe_error_unfinished")
})

test_that("recorded draws of a model are forecast from a quarter of them", {
  folder <- Sys.getenv("TIMETOUNSAFE_DATA")
  skip_if(!nzchar(folder), "TIMETOUNSAFE_DATA is not set")
  draws <- read.csv(file.path(folder, "llm", "draws.csv.gz"))
  deep <- names(which(table(draws$id) == 64))
  draws <- draws[draws$id %in% deep, ]
  set.seed(10)
  for (unsafe in list(draws$lexicon > 0, draws$score > 0.5)) {
    log <- as_response_log(data.frame(id = draws$id, draw = draws$draw,
                                      unsafe = unsafe))
    test <- backtest_risk(log, c(16, 32, 64), repetitions = 8)
    # About 0.01 to 0.025 in bench/forecast.md, with an error of 0.01.
    expect_true(all(abs(test$error) < rep(c(0.02, 0.04, 0.06), 2)))
  }
})
