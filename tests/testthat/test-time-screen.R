risky <- function(prompts) {
  number <- as.integer(sub("prompt ", "", prompts))
  runif(length(prompts)) < c(0.002, 0.02, 0.2)[number %% 3 + 1]
}

test_that("screening is a part of the budget, and of the bound", {
  set.seed(1)
  prompts <- paste("prompt", 1:400)
  x <- matrix(rnorm(800), 400)
  lpb <- quiet(time_to_unsafe(prompts, risky, 24, x = x, screen_draws = 8))
  expect_identical(lpb$screen_draws, 8)
  expect_identical(nrow(lpb$screened), 200L)
  expect_identical(unique(lpb$screened$draws), 8)
  expect_identical(unique(lpb$audit$budget), 16)
  expect_setequal(lpb$screened$id, lpb$audit$id)
  expect_output(print(lpb), "after 8 screening draws")
  new <- draw_responses(prompts[1:5], risky, 8)
  expect_length(predict(lpb, x[1:5, ], screened = new), 5)
})

test_that("a budget that screening would use up is spent on fewer prompts", {
  set.seed(2)
  prompts <- paste("prompt", 1:400)
  x <- matrix(rnorm(400), 400)
  lpb <- quiet(time_to_unsafe(prompts, risky, 8, x = x, screen_draws = 8))
  expect_identical(nrow(lpb$audit), 100L)
  expect_identical(unique(lpb$audit$budget), 8)
  expect_error(
    time_to_unsafe(prompts, risky, 8, x = x, screen_draws = 8,
                   cluster = rep(1:200, 2)),
    "must exceed `screen_draws`", class = "timetounsafe_error_argument"
  )
  expect_error(time_to_unsafe(prompts, risky, 8, x = x, screen_draws = 0.5),
               class = "timetounsafe_error_argument")
})

test_that("a run with screening resumes from its ledgers", {
  set.seed(3)
  prompts <- paste("prompt", 1:120)
  x <- matrix(rnorm(120), 120)
  path <- file.path(withr::local_tempdir(), "audit.sqlite")
  run <- function(...) {
    quiet(time_to_unsafe(prompts, risky, 16, x = x, screen_draws = 6,
                         ledger = path, ...))
  }
  # 60 prompts train with 16 draws each; then comes screening.
  error <- tryCatch(run(max_draws = 60 * 16 + 100), error = identity)
  expect_s3_class(error, "timetounsafe_error_unfinished")
  expect_match(conditionMessage(error), "screening")
  expect_identical(sum(error$audit$draws), 100)
  lpb <- run()
  expect_identical(run()$tau, lpb$tau)
  expect_true(file.exists(sub("audit", "audit-screening", path)))
})
