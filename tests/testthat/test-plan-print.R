test_that("print and summary tell the cost before it is paid", {
  set.seed(8)
  p <- rep(c(0.05, 0.002), 100)
  plan <- known_plan(p, 10)
  out <- capture.output(returned <- withVisible(print(plan)))
  expect_false(returned$visible)
  expect_match(out, "Budget: 2,000 draws in expectation", all = FALSE)
  row <- summary(plan)
  expect_equal(row$draws_max, sum(plan$limit))
  # Mean draws with stopping, by enumeration: sum over k of P(draw k is made).
  by_hand <- mapply(function(p, m) sum((1 - p)^(seq_len(m) - 1)), plan$prob,
                    plan$limit)
  expect_equal(row$draws_expected, sum(by_hand))
  expect_null(row$cost_max)
  priced <- summary(plan, price = 0.01)
  expect_equal(priced$cost_max, 0.01 * sum(plan$limit))
  expect_equal(priced$cost_expected, 0.01 * sum(by_hand))
  out <- capture.output(print(plan, price = 0.01))
  expect_match(out, sprintf("%s expected, at most %s",
                            big(priced$cost_expected), big(priced$cost_max)),
               all = FALSE, fixed = TRUE)
  bad_arguments(summary, list(plan), list(price = list(-1, NA, "a", 1:2)))
})

test_that("a plan without the text of its prompts prints as a plan", {
  set.seed(1)
  plan <- known_plan(rep(c(0.01, 0.1), 50))
  file <- withr::local_tempfile(fileext = ".csv")
  back <- read_plan(write_plan(plan, file, keep_prompts = FALSE))
  expect_false("prompt" %in% names(back))
  expect_identical(lines_of(back), lines_of(plan))
  # What has lost more is a table.
  expect_match(lines_of(plan[c("id", "prob")]), "^ +id", all = FALSE)
})

test_that("a plan says what certificate it was made for", {
  set.seed(2)
  p <- rep(c(0.01, 0.1), 200)
  plan <- known_plan(p, alpha = 0.2, delta = 0.05)
  line <- paste("Certificate: planned for alpha = 0.2, delta = 0.05; weights",
                "up to",
                big(plan$max_weight[1]))
  expect_true(line %in% lines_of(plan))
  expect_no_match(lines_of(plan), "Too few")
  expect_no_match(lines_of(known_plan(p)), "Certificate")
  few <- suppressWarnings(known_plan(p[1:10], delta = 0.05))
  expect_match(lines_of(few), "Too few: 10 prompts cannot certify", all = FALSE)
  # It is not said of some rows alone.
  expect_no_match(lines_of(few[1:3, ]), "Too few")
  expect_true("Only 3 of the plan's 10 rows: calibration needs all." %in%
                lines_of(few[1:3, ]))
  endless <- suppressWarnings(known_plan(p, design = "naive", delta = 0.05))
  expect_match(lines_of(endless), "weights (up to|without a limit)",
               all = FALSE)
})
