test_that("a simulated audit has the law of a real one", {
  set.seed(4)
  n <- 20000
  plan <- known_plan(rep(0.02, n), 50, tau_max = 0.2)
  audit <- simulate_audit(plan, rep(0.03, n))
  expect_equal(unique(plan$horizon), 12)
  # P(unsafe within 11 draws); Monte Carlo standard error 0.0032.
  truth <- 1 - 0.97^11
  expect_lt(abs(mean(audit$status) - truth), 4 * sqrt(truth * (1 - truth) / n))
  expect_equal(audit$time[audit$status == 0], rep(11, sum(audit$status == 0)))
  expect_equal(audit$draws, audit$time)
  bad_arguments(simulate_audit, list(plan = plan, prob = rep(0.03, n)), list(
    plan = list(NULL, 1), prob = list(NULL, 0.1, rep(NA, n), rep(2, n))
  ))
})
