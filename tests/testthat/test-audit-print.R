test_that("printing an audit says what to do next", {
  plan <- known_plan(rep(0.05, 4), 100)
  audit <- run_audit(plan, function(p) rep(FALSE, length(p)))
  expect_output(print(audit), "Next: calibrate_lpb")
  expect_equal(summary(audit)$draws, sum(plan$limit))
})

test_that("a print says how many were refused or cut, where there are any", {
  plan <- known_plan(rep(0.05, 4), 100)
  audit <- run_audit(plan, marked_sampler)
  expect_output(print(audit), sprintf(
    "Refused: %d draws; cut at the token limit: %d draws", sum(audit$refused),
    sum(audit$truncated)
  ), fixed = TRUE)
  expect_gt(sum(audit$refused), 0)
  audit$truncated <- 0
  expect_output(print(audit), "Refused: [0-9]+ draws\n")
  audit$refused <- NA
  expect_no_match(lines_of(audit), "Refused|Cut")
})
