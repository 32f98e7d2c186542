test_that("draw_responses makes and counts all draws", {
  sampler <- scripted_sampler(list(a = c(2, 5), b = integer()))
  audit <- draw_responses(c("a", "b"), sampler, draws = 6,
                          control = audit_control(batch_size = 4))
  expect_equal(audit$draws, c(6, 6))
  expect_equal(audit$unsafe, c(2, 0))
  expect_equal(audit$time, c(2, 6))
  expect_equal(audit$status, c(1, 0))
  expect_equal(sum(audit$unused), 0)
  stopped <- draw_responses(c("a", "b"), sampler, draws = c(6, 3), stop = TRUE)
  expect_equal(stopped$draws, c(2, 3))
  expect_equal(stopped$time, c(2, 3))
  none <- draw_responses(c("a", "b"), sampler, draws = 0)
  expect_equal(none$draws, c(0, 0))
})

test_that("an unfinished draw_responses is resumed", {
  sampler <- scripted_sampler(list(a = 2, b = 9))
  expect_warning(
    part <- draw_responses(c("a", "b"), sampler, draws = 10, max_draws = 7,
                           control = audit_control(batch_size = 2)),
    class = "timetounsafe_warning_unfinished"
  )
  whole <- run_audit(part, sampler)
  expect_equal(whole$unsafe, c(1, 1))
  expect_equal(whole$time, c(2, 9))
})

test_that("prompts may be rows of a data frame, and ids are kept", {
  prompts <- data.frame(text = c("a", "b"), temperature = c(0, 1))
  audit <- draw_responses(prompts, function(rows) rows$temperature == 1,
                         draws = 3, id = c("x", "y"))
  expect_equal(audit$unsafe, c(0, 3))
  expect_equal(audit$id, c("x", "y"))
  named <- draw_responses(c(first = "a", second = "b"), function(p) p == "b", 1)
  expect_equal(named$id, c("first", "second"))
})

test_that("frequencies are those of the sampler", {
  set.seed(5)
  audit <- draw_responses(as.character(1:200), draws = 500,
                          function(p) runif(length(p)) < 0.02,
                          control = audit_control(batch_size = 1000))
  # Standard error: sqrt(0.02 * 0.98 / 1e5) = 0.00044.
  expect_lt(abs(sum(audit$unsafe) / 1e5 - 0.02), 4 * 0.00044)
})

test_that("draws without a plan are a table of their own class", {
  sampler <- scripted_sampler(list(a = 3, b = integer(), c = 1))
  for (stop in c(TRUE, FALSE)) {
    got <- draw_responses(letters[1:3], sampler, draws = 5, stop = stop)
    expect_s3_class(got, c("prompt_draws", "data.frame"), exact = TRUE)
    expect_named(got, c("id", "prompt", "limit", "stop", outcome_columns))
    # As survival::Surv() means it: at status 0 the draws made.
    expect_equal(got$time, c(3, 5, 1))
    expect_equal(got$status, c(1, 0, 1))
    expect_equal(got$draws, if (stop) c(3, 5, 1) else c(5, 5, 5))
  }
})

test_that("a survival curve of the draws is the share of safe prompts", {
  set.seed(5)
  sampler <- function(prompts) runif(length(prompts)) < 0.05
  got <- draw_responses(as.character(1:400), sampler, 20, stop = TRUE)
  curve <- survival::survfit(survival::Surv(time, status) ~ 1, got)
  expect_equal(summary(curve, 20)$surv, mean(got$status == 0))
})
