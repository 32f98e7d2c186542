test_that("print and summary tell the cost before it is paid", {
  set.seed(8)
  p <- rep(c(0.05, 0.002), 100)
  plan <- known_plan(p, 10)
  out <- capture.output(returned <- withVisible(print(plan)))
  expect_false(returned$visible)
  expect_match(out, "Budget: 2,000 draws on average", all = FALSE)
  row <- summary(plan)
  expect_equal(row$draws_worst, sum(plan$limit))
  # Mean draws with stopping, by enumeration: sum over k of P(draw k is made).
  by_hand <- mapply(function(p, m) sum((1 - p)^(seq_len(m) - 1)), plan$prob,
                    plan$limit)
  expect_equal(row$draws_expected, sum(by_hand))
  expect_null(row$cost_worst)
  priced <- summary(plan, price = 0.01)
  expect_equal(priced$cost_worst, 0.01 * sum(plan$limit))
  expect_equal(priced$cost_expected, 0.01 * sum(by_hand))
  out <- capture.output(print(plan, price = 0.01))
  expect_match(out, sprintf("at most %s, about %s expected",
                            big(priced$cost_worst), big(priced$cost_expected)),
               all = FALSE, fixed = TRUE)
  bad_arguments(summary, list(plan), list(price = list(-1, NA, "a", 1:2)))
})

test_that("a plan without the text of its prompts prints as a plan", {
  set.seed(1)
  plan <- known_plan(rep(c(0.01, 0.1), 50))
  file <- withr::local_tempfile(fileext = ".csv")
  back <- read_plan(write_plan(plan, file, text = FALSE))
  expect_false("prompt" %in% names(back))
  expect_identical(lines_of(back), lines_of(plan))
  # What has lost more is a table.
  expect_match(lines_of(plan[c("id", "prob")]), "^ +id", all = FALSE)
})

test_that("a plan says what certificate it was made for", {
  set.seed(2)
  p <- rep(c(0.01, 0.1), 200)
  plan <- known_plan(p, alpha = 0.2, delta = 0.05)
  line <- paste("Certificate: planned for alpha 0.2, delta 0.05; weights up to",
                big(plan$weight_limit[1]))
  expect_true(line %in% lines_of(plan))
  expect_no_match(lines_of(plan), "hardly certify")
  expect_no_match(lines_of(known_plan(p)), "Certificate")
  few <- suppressWarnings(known_plan(p[1:10], delta = 0.05))
  expect_match(lines_of(few), "10 prompts can hardly certify", all = FALSE)
  # Some rows alone say nothing of it.
  expect_no_match(lines_of(few[1:3, ]), "hardly certify")
  endless <- suppressWarnings(known_plan(p, method = "naive", delta = 0.05))
  expect_match(lines_of(endless), "weights (up to|without a limit)",
               all = FALSE)
})
