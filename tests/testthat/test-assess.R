simple_lpb <- function(p = c(0.5, 0.1, 0.02), level = 0.15) {
  plan <- known_plan(rep(p, 10), 1000, tau_prior = level)
  suppressWarnings(point_lpb(simulate_audit(plan, rep(0, 30))))
}

test_that("known hazards give the exact coverage", {
  lpb <- simple_lpb()
  p <- c(0.5, 0.1, 0.02, 0.1)
  bound <- predict(lpb, p)
  expect_equal(bound, c(1, 2, 9, 2))
  truth <- c(0.4, 0.2, 0.01, 0)
  got <- assess_lpb(lpb, p, prob = truth, risk_groups = 2)
  covered <- (1 - truth)^(bound - 1)
  expect_equal(got$coverage, c(mean(covered), mean(covered[3:4 - c(0, 2)]),
                               mean(covered[c(1, 4)])))
  expect_true(all(is.na(got$low)))
  expect_equal(got$geometric_mean[1], exp(mean(log(bound))))
})

test_that("times are counted, with exact binomial intervals", {
  lpb <- simple_lpb()
  p <- c(0.1, 0.1, 0.02, 0.02)
  got <- assess_lpb(lpb, p, time = c(1, 2, 9, 8), status = c(1, 1, 0, 1),
                    risk_groups = 1)
  expect_equal(got$coverage[1], 0.5)
  expect_equal(c(got$low[1], got$high[1]),
               as.vector(binom.test(2, 4)$conf.int))
})

test_that("prompts that were not drawn up to the bound count as not covered", {
  lpb <- simple_lpb()
  expect_warning(
    got <- assess_lpb(lpb, c(0.02, 0.02), time = c(8, 9), status = c(0, 0),
                      risk_groups = 1),
    class = "timetounsafe_warning_unresolved"
  )
  expect_equal(got$coverage[1], 0.5)
  expect_equal(got$unresolved[1], 1)
})

test_that("fixed draws give the unbiased estimate, by enumeration", {
  lpb <- simple_lpb()
  n <- 12
  truth <- 0.07
  bound <- predict(lpb, 0.02)
  # One prompt with S ~ Binomial(12, 0.07): the mean over S is the coverage.
  estimate <- vapply(0:n, function(s) {
    assess_lpb(lpb, 0.02, unsafe = s, draws = n, risk_groups = 1)$coverage[1]
  }, 1)
  expect_equal(sum(dbinom(0:n, n, truth) * estimate), (1 - truth)^(bound - 1))
  # Too few draws: an unsafe one settles it.
  expect_equal(assess_lpb(lpb, 0.02, unsafe = 1, draws = 3,
                          risk_groups = 1)$coverage[1], 0)
})

test_that("rows are added for groups and risk groups", {
  lpb <- simple_lpb()
  p <- rep(c(0.1, 0.02), 15)
  got <- assess_lpb(lpb, p, prob = p, groups = rep(c("x", "y"), 15))
  expect_identical(got$by, c("all", "risk", "risk", "risk", "group", "group"))
  expect_equal(got$n, c(30, 10, 10, 10, 15, 15))
  expect_false(is.unsorted(got$mean_prob[2:4]))
  expect_output(print(got), "target 0.9")
})

test_that("bad arguments are named", {
  lpb <- simple_lpb()
  good <- list(lpb = lpb, newx = c(0.1, 0.02), prob = c(0.1, 0.1),
               risk_groups = 2)
  bad_arguments(assess_lpb, good, list(
    lpb = list(NULL, 1),
    prob = list(0.1, c(NA, 0.1), c(2, 0.1), "a"),
    groups = list("a", c("a", NA)),
    risk_groups = list(0, 1.5, NA), conf_level = list(0, 1, NA)
  ))
  expect_error(assess_lpb(lpb, c(0.1, 0.02)),
               class = "timetounsafe_error_argument")
  expect_error(assess_lpb(lpb, c(0.1, 0.02), prob = c(0, 0), time = c(1, 1)),
               class = "timetounsafe_error_argument")
  expect_error(assess_lpb(lpb, c(0.1, 0.02), time = c(1, 1)), "status",
               class = "timetounsafe_error_argument")
  expect_error(assess_lpb(lpb, c(0.1, 0.02), unsafe = c(1, 1), draws = c(0, 2)),
               "unsafe", class = "timetounsafe_error_argument")
})
