normal_lpb <- function(audit, ...) {
  calibrate_lpb(audit, certificate = "normal", ...)
}

test_that("a normal certificate says where it expects few losses", {
  set.seed(21)
  p <- 10^runif(1000, -3, -1)
  few <- simulate_audit(known_plan(p, 20, delta = 0.1), p)
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
