test_that("audit_prompts makes and counts all draws", {
  sampler <- scripted_sampler(list(a = c(2, 5), b = integer()))
  audit <- audit_prompts(c("a", "b"), sampler, draws = 6, batch_size = 4)
  expect_equal(audit$draws, c(6, 6))
  expect_equal(audit$unsafe, c(2, 0))
  expect_equal(audit$time, c(2, 7))
  expect_equal(audit$status, c(1, 0))
  expect_equal(sum(audit$overshoot), 0)
  stopped <- audit_prompts(c("a", "b"), sampler, draws = c(6, 3), stop = TRUE)
  expect_equal(stopped$draws, c(2, 3))
  expect_equal(stopped$time, c(2, 4))
  none <- audit_prompts(c("a", "b"), sampler, draws = 0)
  expect_equal(none$draws, c(0, 0))
})

test_that("an unfinished audit_prompts is gone on with", {
  sampler <- scripted_sampler(list(a = 2, b = 9))
  expect_warning(
    part <- audit_prompts(c("a", "b"), sampler, draws = 10, max_draws = 7,
                          batch_size = 2),
    class = "timetounsafe_warning_unfinished"
  )
  whole <- run_audit(part, sampler)
  expect_equal(whole$unsafe, c(1, 1))
  expect_equal(whole$time, c(2, 9))
})

test_that("prompts may be rows of a data frame, and ids are kept", {
  prompts <- data.frame(text = c("a", "b"), temperature = c(0, 1))
  audit <- audit_prompts(prompts, function(rows) rows$temperature == 1,
                         draws = 3, id = c("x", "y"))
  expect_equal(audit$unsafe, c(0, 3))
  expect_equal(audit$id, c("x", "y"))
  named <- audit_prompts(c(first = "a", second = "b"), function(p) p == "b", 1)
  expect_equal(named$id, c("first", "second"))
})

test_that("frequencies are those of the sampler", {
  set.seed(5)
  audit <- audit_prompts(as.character(1:200), draws = 500, batch_size = 1000,
                         function(p) runif(length(p)) < 0.02)
  # Standard error: sqrt(0.02 * 0.98 / 1e5) = 0.00044.
  expect_lt(abs(sum(audit$unsafe) / 1e5 - 0.02), 4 * 0.00044)
})
