test_that("too few prompts certify nothing, whatever the luck", {
  set.seed(6)
  tau_grid <- replicate(20, {
    audit <- random_audit("replicated", 20, 5)
    expect_warning(lpb <- calibrate_lpb(audit), class =
                     "timetounsafe_warning_trivial_bound")
    lpb$tau
  })
  expect_true(all(tau_grid == 0))
})
