# Clopper and Pearson's upper limit for `events` of n, and the first n that has
# it at most at `risk`, one after the other.
upper_limit <- function(events, n, delta) {
  if (events >= n) 1 else qbeta(1 - delta, events + 1, n - events)
}
first_n <- function(events, risk, delta) {
  n <- events + 1
  while (upper_limit(events, n, delta) > risk) n <- n + 1
  n
}

test_that("the number of prompts is the first that certifies", {
  for (delta in c(0.01, 0.1, 0.5)) {
    for (risk in c(0.003, 0.05, 0.7)) {
      for (events in c(0, 1, 7)) {
        expect_identical(prompts_for(events, risk, delta),
                         first_n(events, risk, delta))
      }
    }
  }
  # (1 - 1/2)^3 is 1/8 to the last digit.
  expect_identical(prompts_for(0, 0.5, 0.125), 3)
})

test_that("zero events certify by the formula, with any number of draws", {
  claim <- claim_risk(20, 0.02, 0.05)
  got <- advise_prompts(claim, draws = c(1, 3, 20, 60))
  need <- 20 * log(1 / 0.05) / -log(1 - 0.02)
  expect_identical(got$n, ceiling(need / pmin(got$draws, 20)))
  expect_equal(got$draws_total, got$n * got$draws)
  # The chain: F(m) at most 1 - delta^(1/n), then F(k) for however they vary.
  upper <- 1 - 0.05^(1 / got$n)
  reached <- 1 - (1 - upper)^(20 / pmin(got$draws, 20))
  expect_true(all(reached <= 0.02))
  fewer <- 1 - (1 - (1 - 0.05^(1 / (got$n - 1))))^(20 / pmin(got$draws, 20))
  expect_true(all(fewer > 0.02))
})

test_that("given the risk, the smallest design reaches the power", {
  claim <- claim_risk(10, 0.05)
  got <- advise_prompts(claim, risk = c(0, 0.025), power = 0.8)
  brute <- function(risk) {
    for (n in 1:2000) {
      certified <- vapply(0:n, function(x) upper_limit(x, n, 0.1) <= 0.05, NA)
      if (sum(dbinom(0:n, n, risk)[certified]) >= 0.8) return(n)
    }
  }
  expect_equal(got$n, c(brute(0), brute(0.025)))
  expect_true(all(got$power >= 0.8))
  expect_identical(got$events[1], 0)
  # With one hazard for all, half the draws show half the risk.
  half <- advise_prompts(claim, draws = 5, risk = 0.025)
  expect_equal(half$power, pbinom(half$events, half$n, 1 - sqrt(1 - 0.025)))
  expect_error(advise_prompts(claim, risk = 0.04999999),
               class = "timetounsafe_error_unavailable")
})

test_that("a claim says what it is and what it takes", {
  claim <- claim_risk(10, 0.01)
  expect_identical(
    format(claim),
    "at most 1% of prompts go unsafe within 10 draws, with 90% confidence"
  )
  lines <- lines_of(claim)
  expect_true(all(nchar(lines) <= 80))
  expect_lte(length(lines), 15)
  expect_match(lines, "^ +10 +230 +2300$", all = FALSE)
  expect_match(lines, "If the risk is really 0.5%", all = FALSE)
  expect_output(print(claim_risk(1, 0.2)), "1 draw")
  skip_if_not_installed("knitr")
  expect_s3_class(knitr::knit_print(claim), "knit_asis")
})

test_that("wrong arguments are named", {
  bad_arguments(claim_risk, list(k = 10, max_risk = 0.1), list(
    k = list(0, 1.5, NA, "a", 1:2), max_risk = list(0, 1, NA, "a"),
    delta = list(0, 1, NULL)
  ))
  claim <- claim_risk(10, 0.1)
  bad_arguments(advise_prompts, list(claim = claim), list(
    claim = list(1, NULL), draws = list(0, 1.5, Inf), events = list(-1, NA),
    risk = list(0.1, -1, NA)
  ))
  bad_arguments(advise_prompts, list(claim = claim, risk = 0.01), list(
    power = list(0, 1, NA), events = list(1)
  ))
  expect_error(claim_risk(10, 0.1, other = 1), "other",
               class = "timetounsafe_error_argument")
  expect_error(claim_risk(10), "`max_risk` is missing",
               class = "timetounsafe_error_argument")
})
