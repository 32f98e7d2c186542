test_that("too few prompts certify nothing, whatever the luck", {
  set.seed(6)
  levels <- replicate(20, {
    audit <- random_audit("replicated", 20, 5)
    expect_warning(lpb <- calibrate_lpb(audit), class =
                     "timetounsafe_warning_level")
    lpb$level
  })
  expect_true(all(levels == 0))
})
