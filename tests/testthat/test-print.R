lines_of <- function(x, ...) capture.output(print(x, ...))

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

test_that("an approximate certificate says so in one piece", {
  set.seed(3)
  p <- 10^runif(400, -3, -1)
  audit <- simulate_audit(known_plan(p), p)
  normal <- suppressWarnings(calibrate_lpb(audit, certificate = "normal"))
  at <- grep("Certified (normal, approximate): holds for such prompts with",
             lines_of(normal), fixed = TRUE)
  expect_match(lines_of(normal)[at], "with probability 90%$")
  expect_match(lines_of(normal)[at + 1], "^over calibrations. Without cert")
  exact <- suppressWarnings(calibrate_lpb(audit))
  expect_match(lines_of(exact), "^Certified \\(betting\\): holds", all = FALSE)
})
