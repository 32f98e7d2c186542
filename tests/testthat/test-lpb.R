test_that("a lower level has the bound that Jensen's inequality implies", {
  set.seed(1)
  p <- 10^runif(500, -3, -1)
  lpb <- bound_on(p)
  base <- predict(lpb, p)
  expect_identical(predict(lpb, p, level = 0.9), base)
  expect_identical(predict(lpb, p, level = 0.9^2), 1 + 2 * (base - 1))
  expect_identical(predict(lpb, p, level = 0.9^2.5),
                   1 + floor(2.5 * (base - 1)))
  # Whatever the hazards: coverage is at least the coverage of the bound, to
  # the same power.
  for (i in 1:20) {
    truth <- 10^runif(500, -4, 0)
    coverage <- mean((1 - truth)^(base - 1))
    for (times in c(1, 1.7, 4, 30)) {
      longer <- extend_bound(base, 0.9^times, 0.1)
      expect_gte(mean((1 - truth)^(longer - 1)), coverage^times - 1e-12)
    }
  }
  expect_identical(extend_bound(c(1, Inf), 0.5, 0.1), c(1, Inf))
})

test_that("no level promises more than the bound does", {
  lpb <- bound_on(10^runif(300, -3, -1))
  expect_error(predict(lpb, 0.01, level = 0.95), "must not exceed 1 - alpha",
               class = "timetounsafe_error_argument")
  for (bad in list(0, 1, NA, "a", c(0.1, 0.2))) {
    expect_error(predict(lpb, 0.01, level = bad), "`level`",
                 class = "timetounsafe_error_argument")
  }
})

test_that("print and report say what a bound implies", {
  set.seed(2)
  lpb <- bound_on(10^runif(1000, -3, -1))
  expect_output(print(lpb), "twice as many safe draws for 81% of prompts")
  expect_match(implied_text(lpb), "at least 81%")
  trivial <- many_lpbs()$trivial
  expect_null(implied_text(trivial))
  expect_false(any(grepl("Implied", lines_of(trivial))))
})

normal_lpb <- function(audit, ...) {
  calibrate_lpb(audit, certificate = "normal", ...)
}

test_that("a normal certificate says where it expects few losses", {
  set.seed(21)
  p <- 10^runif(1000, -3, -1)
  few <- simulate_audit(known_plan(p, 20, delta = 0.1, cap = 2000), p)
  warning <- expect_warning(normal_lpb(few),
                            class = "timetounsafe_warning_few_losses")
  expect_match(conditionMessage(warning), "expected losses to go by")
  expect_no_warning(normal_lpb(few, delta = NULL),
                    class = "timetounsafe_warning_few_losses")
  expect_no_warning(calibrate_lpb(few),
                    class = "timetounsafe_warning_few_losses")
  # Everybody is included, so that 1,000 prompts have 100 losses to expect.
  many <- simulate_audit(known_plan(p, 1000, delta = 0.1), p)
  lpb <- expect_no_warning(normal_lpb(many),
                           class = "timetounsafe_warning_few_losses")
  expect_lte(lpb$max_share, 0.1 / fewest_losses)
})

test_that("... and in which groups", {
  set.seed(22)
  p <- rep(0.02, 1100)
  audit <- simulate_audit(known_plan(p, 1000, delta = 0.1), p)
  group <- rep(c("often", "rare"), c(1000, 100))
  warning <- expect_warning(normal_lpb(audit, groups = group),
                            class = "timetounsafe_warning_few_losses")
  expect_identical(warning$groups, "rare")
})
