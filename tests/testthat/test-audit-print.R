test_that("printing an audit says what to do next", {
  plan <- known_plan(rep(0.05, 4), 100)
  audit <- run_audit(plan, function(p) rep(FALSE, length(p)))
  expect_output(print(audit), "Next: calibrate_lpb")
  expect_equal(summary(audit)$draws, sum(plan$limit))
})
