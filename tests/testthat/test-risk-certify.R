draw_fixed <- function(p, draws, ...) {
  draw_responses(as.character(seq_along(p)), function(prompts) {
    runif(length(prompts)) < p[as.integer(prompts)]
  }, draws, ...)
}

test_that("without an unsafe response the limit is the exact one", {
  none <- draw_fixed(rep(0, 120), 8, stop = TRUE)
  got <- certify_risk(none, c(1, 8), delta = 0.05)
  expect_s3_class(got, c("risk_estimate", "data.frame"))
  expect_equal(got$conf.high, rep(1 - 0.05^(1 / 120), 2))
  expect_equal(got$conf.low, c(0, 0))
  expect_equal(got$estimate, c(0, 0))
  expect_identical(got$interval, c("exact", "exact"))
  fixed <- draw_fixed(rep(0, 120), 8)
  expect_equal(certify_risk(fixed, c(1, 8), delta = 0.05)$conf.high,
               got$conf.high)
  # Beyond the draws that were made.
  further <- certify_risk(none, 24, delta = 0.05)
  expect_equal(further$conf.high, 1 - (1 - got$conf.high[2])^3)
  expect_identical(further$basis, "extrapolated")
  expect_true(is.na(further$estimate))
})

test_that("with all draws fixed the limit is closer than that of a count", {
  skip_on_cran()
  set.seed(1)
  runs <- replicate(300, {
    p <- pmin(1, exp(rnorm(300, -8, 2)))
    draws <- prompt_counts(rbinom(300, 50, p), 50)
    # Whether any of the first 10 draws is unsafe.
    first <- rhyper(300, draws$unsafe, 50 - draws$unsafe, 10) > 0
    c(certify_risk(draws, 10, 0.05)$conf.high,
      binomial_limit(sum(first), 300, "upper", 0.05))
  })
  truth <- 0.0198
  expect_lt(median(runs[1, ]), 0.035)
  expect_lt(median(runs[1, ]), median(runs[2, ]) - 0.003)
  # Monte Carlo standard error 0.0126.
  expect_lt(mean(runs[1, ] < truth), 0.05 + 3 * 0.0126)
})

test_that("a response_log is a population of prompts, too", {
  log <- as_response_log(data.frame(
    id = rep(c("a", "b", "c"), each = 4),
    unsafe = c(FALSE, FALSE, FALSE, FALSE, TRUE, FALSE, TRUE, FALSE, FALSE, NA,
               FALSE, FALSE)
  ))
  got <- certify_risk(log, c(1, 4), side = "both")
  expect_equal(got$n, c(3, 3))
  # A draw that gave no verdict counts as unsafe in the estimate.
  expect_equal(got$estimate, c(mean(c(0, 2, 1) / 4), 2 / 3))
  expect_true(all(got$conf.low < got$estimate & got$conf.high > got$estimate))
  stopped <- as_response_log(data.frame(
    id = rep(c("a", "b", "c"), c(5, 2, 5)),
    unsafe = c(rep(FALSE, 6), TRUE, rep(FALSE, 5))
  ))
  got <- certify_risk(stopped, c(1, 2, 5), side = "both")
  expect_equal(got$estimate, c(0, 1, 1) / 3)
  expect_equal(got$conf.high[1], qbeta(0.95, 1, 3))
  expect_equal(got$conf.high[3], qbeta(0.95, 2, 2))
})

test_that("several k, groups and sides share delta as said", {
  set.seed(2)
  p <- rep(c(0.002, 0.02), each = 150)
  draws <- draw_fixed(p, 30, stop = TRUE)
  kind <- rep(c("low", "high"), each = 150)
  each <- function(...) certify_risk(draws, ...)
  expect_equal(each(10, 0.1, "both")$conf.high, each(10, 0.05)$conf.high)
  expect_equal(each(c(10, 30), 0.1, simultaneous = TRUE)$conf.high[2],
               each(30, 0.05)$conf.high)
  groups <- each(10, 0.1, groups = kind, simultaneous = TRUE)
  sidak <- 1 - sqrt(0.9)
  expect_equal(groups$conf.high, each(10, sidak, groups = kind)$conf.high)
  expect_setequal(groups$group, c("low", "high"))
  expect_equal(sum(groups$n), 300)
})

test_that("one limit, or a band, gives the whole curve", {
  set.seed(3)
  draws <- draw_fixed(rep(0.003, 200), 20, stop = TRUE)
  one <- certify_risk(draws, 10)
  curve <- predict(one, 1:40)
  expect_s3_class(curve, "risk_estimate")
  expect_equal(curve$conf.high[1:10], rep(one$conf.high, 10))
  expect_equal(curve$conf.high[40], 1 - (1 - one$conf.high)^4)
  expect_equal(curve$estimate[10], one$estimate)
  band <- certify_risk(draws, c(1, 10, 20), side = "both", simultaneous = TRUE)
  curve <- predict(band, 1:20)
  expect_equal(curve$conf.high[c(1, 10, 20)], band$conf.high)
  expect_equal(curve$conf.low[c(1, 10, 20)], band$conf.low)
  expect_false(is.unsorted(curve$conf.high))
  several <- certify_risk(draws, c(1, 10))
  expect_error(predict(several, 5), "hold at once",
               class = "timetounsafe_error_argument")
  expect_error(predict(estimate_risk(draws, 1), 5), "hold at once",
               class = "timetounsafe_error_argument")
})

test_that("an lpb has the risk of its audit", {
  set.seed(4)
  p <- 10^runif(300, -3, -1)
  audit <- simulate_audit(known_plan(p, delta = 0.1), p)
  lpb <- quiet(calibrate_lpb(audit))
  expect_equal(certify_risk(lpb, 3), certify_risk(audit, 3))
  expect_identical(certify_risk(audit, 3)$interval, "approximate")
  expect_output(print(certify_risk(audit, 3)), "fixed on these prompts")
})

test_that("what is printed says what holds", {
  draws <- draw_fixed(rep(0, 30), 5, stop = TRUE)
  expect_output(print(certify_risk(draws, 5)), "90% confidence, in finite")
  expect_output(print(certify_risk(draws, c(1, 5), simultaneous = TRUE)),
                "All limits hold at once")
  expect_false(any(grepl("conf.low", lines_of(certify_risk(draws, 5)))))
  expect_output(print(estimate_risk(draws, 5)), "Each interval holds by itself")
})

test_that("wrong arguments are errors that name them", {
  draws <- draw_fixed(rep(0, 30), 5)
  bad_arguments(certify_risk, list(x = draws, k = 1), list(
    x = list(1, NULL), k = list(0, 1.5, "a", numeric(), NULL),
    delta = list(0, 1, NA), side = list("left"), simultaneous = list(NA)
  ))
  expect_error(certify_risk(draws), "`k` is missing",
               class = "timetounsafe_error_argument")
  expect_error(certify_risk(draws, 1, conf.level = 0.9), "conf.level",
               class = "timetounsafe_error_argument")
  expect_error(predict(certify_risk(draws, 1), 0), "`k`",
               class = "timetounsafe_error_argument")
})
