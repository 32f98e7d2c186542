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
  # A single bin would be all prompts again.
  one <- assess_lpb(lpb, p, prob = p, bins = 1)
  expect_equal(coverage_picture(one)$rows$label, "all prompts")
  expect_equal(glance(one)$n_bins, 0)
  few <- assess_lpb(bound_on(p[1:30]))
  expect_identical(few$by, "all")
})

test_that("rows of an assessment carry what they are about with them", {
  set.seed(9)
  p <- 10^runif(400, -3, -1)
  audit <- simulate_audit(known_plan(p, 20, "replicated"), p)
  assess <- function(alpha, ...) {
    lpb <- quiet(calibrate_lpb(audit, alpha))
    assess_lpb(lpb, ..., groups = rep(c("x", "y"), 200), bins = 3)
  }
  seen <- assess(0.1)
  label <- coverage_picture(seen)$rows$label
  expect_identical(label, c("all prompts", "lowest hazard", "hazard 2 of 3",
                            "highest hazard", "group x", "group y"))
  at <- c(6, 2, 4, 1)
  rows <- coverage_picture(seen[at, ])$rows
  expect_identical(rows$label, label[at])
  expect_identical(rows$estimate, seen$estimate[at])
  expect_identical(glance(seen[at, ])$estimate, seen$estimate[1])
  # Two bounds, two targets; two ways to assess, two remarks less.
  both <- rbind(seen, assess(0.3))
  expect_s3_class(both, "lpb_assessment")
  rows <- coverage_picture(both)$rows
  expect_identical(rows$nominal, rep(c(0.9, 0.7), each = 6))
  expect_identical(rows$label[c(1, 7, 12)], c(
    "all prompts (90%)", "all prompts (70%)", "group y (70%)"
  ))
  said <- lines_of(both)
  expect_match(said[1], "P(T >= bound); approximate", fixed = TRUE)
  expect_match(said, "^ *by +group +n nominal", all = FALSE)
  ways <- rbind(seen, assess(0.1, newdata = p, prob = p))
  expect_match(lines_of(ways), "basis", all = FALSE)
  expect_no_match(lines_of(ways), "Slightly optimistic")
  expect_match(coverage_picture(ways)$rows$label[7], "(held-out)", fixed = TRUE)
  withr::local_pdf(NULL)
  expect_silent(plot(both))
  expect_error(glance(both), "one row for all prompts",
               class = "timetounsafe_error_argument")
  skip_if_not_installed("ggplot2", "3.4.0")
  drawn <- ggplot2::layer_data(ggplot2::autoplot(both), 1)
  expect_equal(sort(drawn$x), sort(both$nominal))
})
