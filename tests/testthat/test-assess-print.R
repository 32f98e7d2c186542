test_that("it is said what was assessed, and how well that is known", {
  set.seed(6)
  p <- 10^runif(200, -2.5, -1)
  audit <- simulate_audit(known_plan(p, 40, "replicated"), p)
  lpb <- quiet(calibrate_lpb(audit))
  expect_output(print(assess_lpb(lpb)),
                "approximate.*Slightly optimistic: tau was selected")
  expect_output(print(assess_lpb(lpb, folds = 5)),
                "each fold has the tau selected on the others")
  held_out <- capture.output(print(assess_lpb(lpb, p, prob = p)))
  expect_false(any(grepl("approximate", held_out)))
})

test_that("an assessment has a picture, with the groups' own names", {
  set.seed(4)
  p <- 10^runif(400, -3, -1)
  lpb <- bound_on(p)
  group <- rep(c(strrep("a long name ", 9), paste(strrep("a long name ", 9),
                                                 "too")), 200)
  seen <- assess_lpb(lpb, p, prob = p, groups = group, bins = 3)
  rows <- coverage_picture(seen)$rows
  expect_equal(rows$label[1:4],
               c("all prompts", "lowest hazard", "hazard 2 of 3",
                 "highest hazard"))
  expect_equal(anyDuplicated(rows$label), 0)
  expect_equal(rows$estimate, seen$estimate)
  withr::local_pdf(NULL)
  expect_silent(out <- withVisible(plot(seen)))
  expect_identical(out, list(value = seen, visible = FALSE))
  one <- assess_lpb(lpb, p, prob = p, bins = 1)
  expect_equal(coverage_picture(one)$rows$label,
               c("all prompts", "hazard 1 of 1"))
})
