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
    expect_s3_class(got, c("prompt_draws", "data.frame"))
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

test_that("refused and truncated draws are counted, as far as they are used", {
  draw <- function(refusal, ..., stop = FALSE) {
    draw_responses(c("a", "b"), marked_sampler, 12, stop = stop,
                   control = audit_control(batch_size = 7, retry_wait = 0,
                                           refusal = refusal, ...))
  }
  safe <- draw("safe")
  expect_equal(safe$unsafe, c(1, 1))
  expect_equal(safe$refused, c(4, 4))
  expect_equal(safe$truncated, c(3, 3))
  unsafe <- draw("unsafe")
  expect_equal(unsafe$unsafe, c(5, 5))
  expect_equal(unsafe$refused, c(4, 4))
  # Made ahead of the third and not used: not counted.
  stopped <- draw("unsafe", stop = TRUE)
  expect_gt(sum(stopped$unused), 0)
  expect_equal(stopped$draws, c(3, 3))
  expect_equal(stopped$refused, c(1, 1))
  expect_equal(stopped$truncated, c(0, 0))
  # A refusal that counts as a failure is no draw, however often it is tried.
  expect_warning(failed <- draw("error", max_tries = 2),
                 class = "timetounsafe_warning_failed_draws")
  expect_equal(failed$draws, c(2, 2))
  expect_equal(failed$refused, c(0, 0))
  expect_equal(glance(safe)[c("n_refused", "n_truncated")],
               data.frame(n_refused = 8, n_truncated = 6))
})

test_that("only the try that settles a draw is counted", {
  tried <- character()
  sampler <- function(prompts, draw) {
    key <- paste(prompts, draw)
    first <- !key %in% tried
    tried <<- c(tried, key)
    made <- marked_sampler(prompts, draw)
    made$truncated <- made$truncated | first
    made$status[first & draw %% 2 == 0] <- "error"
    made
  }
  control <- audit_control(retry_wait = 0, max_error_rate = 1)
  draws <- draw_responses("a", sampler, 12, control = control)
  expect_equal(draws$refused, 4)
  # All of the odd ones, in their first try, and 4, 8, 12.
  expect_equal(draws$truncated, 9)
})

test_that("a run that is resumed counts as one that was not", {
  control <- audit_control(batch_size = 5)
  whole <- draw_responses(letters[1:3], marked_sampler, 12, control = control)
  for (in_ledger in c(FALSE, TRUE)) {
    path <- if (in_ledger) new_path()
    part <- suppressWarnings(draw_responses(
      letters[1:3], marked_sampler, 12, ledger = path, max_draws = 13,
      control = control
    ))
    if (in_ledger) expect_same_outcome(read_ledger(path), part)
    resumed <- run_audit(part, marked_sampler, ledger = path, control = control)
    expect_same_outcome(resumed, whole)
    if (in_ledger) expect_same_outcome(read_ledger(path), whole)
  }
})

test_that("draws that wait for one of lower index keep what they said", {
  control <- audit_control(batch_size = 6, max_tries = 9, retry_wait = 0,
                           max_error_rate = 1)
  late <- function(prompts, draw) {
    made <- marked_sampler(prompts, draw)
    made$status[draw == 1] <- "error"
    made
  }
  part <- suppressWarnings(draw_responses("a", late, 12, max_draws = 14,
                                          control = control))
  expect_equal(part$draws, 0)
  expect_equal(part$refused, 0)
  whole <- run_audit(part, marked_sampler, control = control)
  expect_equal(c(whole$draws, whole$refused, whole$truncated), c(12, 4, 3))
})

test_that("the session's random numbers move by one, whatever is drawn", {
  sampler <- function(prompts) runif(length(prompts)) < 0.3
  after <- function(draws, ...) {
    set.seed(7)
    drawn <- draw_responses(letters, sampler, draws, ...)
    list(drawn = drawn, number = stats::runif(1))
  }
  one <- after(1)
  many <- after(40, control = audit_control(batch_size = 7))
  expect_identical(many$number, one$number)
  expect_identical(after(40, control = audit_control(7))$drawn, many$drawn)
  # Nor by what a sampler does to the generator, or a limit cuts off.
  reseeds <- function(prompts) {
    set.seed(1)
    rep(FALSE, length(prompts))
  }
  set.seed(7)
  draw_responses(letters, reseeds, 3)
  expect_identical(stats::runif(1), one$number)
  expect_identical(suppressWarnings(after(40, max_draws = 30))$number,
                   one$number)
  # Each batch has numbers of its own, also those that come later.
  set.seed(7)
  part <- suppressWarnings(draw_responses(letters, sampler, 40,
                                          max_draws = 520))
  set.seed(7)
  drawn <- run_audit(part, sampler)
  expect_equal(sum(drawn$draws), 26 * 40)
  rate <- sum(drawn$unsafe) / sum(drawn$draws)
  expect_lt(abs(rate - 0.3), 4 * sqrt(0.3 * 0.7 / 1040))
})
