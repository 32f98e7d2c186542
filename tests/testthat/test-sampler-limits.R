test_that("parameters that leave no choice are named", {
  fixed <- list(seed = 1, temperature = 0L, top_p = 0, top_k = 1L)
  for (name in names(fixed)) {
    expect_error(refuse_fixed(fixed[name], "api_args"), name,
                 class = "timetounsafe_error_argument")
  }
  expect_null(refuse_fixed(list(temperature = 0.7, top_k = 40), "api_args"))
  # Not by a part of the name.
  expect_null(refuse_fixed(list(seed_of = 1, temperature_ = 0), "api_args"))
})

test_that("what `refused` says must be there for each response", {
  draws <- new_draws(3)
  draws$response <- c("a", "no", "b")
  draws$status[3] <- "error"
  marked <- mark_refused(draws, function(responses) responses == "no")
  expect_identical(marked$status, c("ok", "refused", "error"))
  for (wrong in list(function(x) NA, function(x) TRUE, function(x) "no")) {
    expect_error(mark_refused(draws, wrong), "`refused`",
                 class = "timetounsafe_error_sampler")
  }
})
