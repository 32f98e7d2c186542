# The loop: what stops it, what it costs, and what it shows.
unfinished <- "timetounsafe_warning_unfinished"

# Each draw costs 0.25, and every `bad`-th attempt fails.
priced_sampler <- function(bad = Inf) {
  attempts <- 0
  function(prompts, draw) {
    at <- attempts + seq_along(prompts)
    attempts <<- attempts + length(prompts)
    fails <- at %% bad == 0
    data.frame(unsafe = ifelse(fails, NA, hashed_sampler(prompts, draw)),
               status = ifelse(fails, "error", "ok"), cost = 0.25)
  }
}

test_that("max_cost stops after the batch that reaches it, and resumes", {
  set.seed(1)
  plan <- known_plan(rep(0.005, 20), 100)
  path <- new_path()
  expect_warning(
    part <- run_audit(plan, priced_sampler(), max_cost = 10, ledger = path,
                      control = audit_control(batch_size = 8)),
    "`max_cost` was reached", class = unfinished
  )
  expect_equal(sum(part$draws + part$unused), 40)
  expect_equal(sum(read_ledger(path, "attempts")$cost), 10)
  # A limit is one of the call, not of the ledger.
  suppressWarnings(run_audit(plan, priced_sampler(), max_cost = 9,
                             ledger = path,
                             control = audit_control(batch_size = 8)))
  expect_equal(sum(read_ledger(path, "attempts")$cost), 20)
  whole <- run_audit(plan, priced_sampler(), ledger = path)
  expect_same_outcome(whole, run_audit(plan, hashed_sampler))
})

test_that("failed attempts are paid for, too, and missing costs are nothing", {
  set.seed(2)
  plan <- known_plan(rep(0.005, 10), 100)
  path <- new_path()
  audit <- run_audit(plan, priced_sampler(bad = 5), ledger = path,
                     control = audit_control(batch_size = 10, retry_wait = 0))
  draws <- read_ledger(path, "attempts")
  expect_same_outcome(audit, run_audit(plan, hashed_sampler))
  expect_equal(sum(draws$status == "error"), floor(nrow(draws) / 5))
  expect_equal(sum(draws$cost), 0.25 * nrow(draws))
  unknown <- function(prompts) {
    data.frame(unsafe = rep(FALSE, length(prompts)), cost = NA)
  }
  expect_equal(run_audit(plan, unknown, max_cost = 1)$draws, plan$limit)
})

test_that("max_cost without costs, or with other values, blames the sampler", {
  plan <- known_plan(rep(0.005, 5), 100)
  blamed <- function(sampler, regexp, ...) {
    expect_error(run_audit(plan, sampler, ...), regexp,
                 class = "timetounsafe_error_sampler")
  }
  blamed(hashed_sampler, "column `cost`", max_cost = 1)
  blamed(function(p) data.frame(unsafe = p == "", cost = "a lot"),
         "numeric `cost`")
})

test_that("max_seconds stops between batches, and retries do not outlast it", {
  plan <- known_plan(rep(0.005, 5), 100)
  slow <- function(prompts) {
    Sys.sleep(0.05)
    rep(FALSE, length(prompts))
  }
  expect_warning(part <- run_audit(plan, slow, max_seconds = 0.12,
                                   control = audit_control(batch_size = 2)),
                 "`max_seconds` was reached", class = unfinished)
  expect_gte(sum(part$draws), 2)
  expect_lte(sum(part$draws), 6)
  failing <- function(prompts, draw) {
    ifelse(draw == 1 & prompts == "1", NA, FALSE)
  }
  took <- system.time(expect_warning(
    run_audit(plan, failing, max_seconds = 0.3,
              control = audit_control(retry_wait = 60)),
    "`max_seconds`", class = unfinished
  ))
  expect_lt(took[["elapsed"]], 20)
})

test_that("a limit of nothing makes no draw", {
  plan <- known_plan(rep(0.005, 5), 100)
  never <- function(prompts) stop("was called")
  for (cap in c("max_draws", "max_seconds", "max_cost")) {
    args <- stats::setNames(list(plan, never, 0), c("plan", "sampler", cap))
    expect_warning(part <- do.call(run_audit, args), cap, class = unfinished)
    expect_equal(sum(part$draws), 0)
  }
})

test_that("more failures than max_error_rate end the run, early", {
  plan <- known_plan(rep(0.001, 50), 1000)
  attempts <- 0
  flaky <- function(share) {
    function(prompts, draw) {
      attempts <<- attempts + length(prompts)
      ifelse((as.integer(prompts) + draw) %% 10 < share, NA, FALSE)
    }
  }
  error <- expect_error(
    run_audit(plan, flaky(6),
              control = audit_control(retry_wait = 0, batch_size = 50)),
    "more than `max_error_rate`", class = "timetounsafe_error_sampler"
  )
  expect_equal(attempts, 100)
  # What failed is not held against its prompts.
  expect_false(any(error$audit$failed))
  expect_warning(
    audit <- run_audit(plan, flaky(6),
                       control = audit_control(retry_wait = 0, batch_size = 50,
                                               max_error_rate = 1)),
    "50 prompts had draws that failed permanently",
    class = "timetounsafe_warning_failed_draws"
  )
  expect_true(all(audit$failed))
})

test_that("what the sampler said is told, whatever ended the run", {
  plan <- known_plan(rep(0.001, 50), 1000)
  first_line <- function(sampler, ...) {
    control <- audit_control(retry_wait = 0, ...)
    error <- expect_error(run_audit(plan, sampler, control = control),
                          class = "timetounsafe_error_sampler")
    lines <- strsplit(conditionMessage(error), "\n")[[1]]
    # That failures may be counted as unsafe is never the first advice.
    expect_no_match(lines[2:3], "max_error_rate")
    c(lines[1], any(grepl("max_error_rate = 1", lines)), lines)
  }
  # max_error_rate comes before max_tries, or after it.
  raises <- function(prompts) stop("quota exceeded")
  for (size in c(64, 10)) {
    told <- first_line(raises, batch_size = size)
    # Once, where the cause is told, and with the user's name for the function.
    expect_length(grep("quota exceeded", told), 1)
    expect_length(grep("Caused by error in `sampler()`:", told, fixed = TRUE),
                  1)
    expect_identical(told[2], "FALSE")
  }
  returns <- function(prompts) {
    data.frame(unsafe = NA, status = "error", prompts, message = "too\nlong")
  }
  for (size in c(64, 10)) {
    told <- first_line(returns, batch_size = size)
    expect_match(told[1], "the last error: too long$")
    expect_identical(told[2], "TRUE")
  }
  error <- expect_error(run_audit(plan, raises,
                                  control = audit_control(retry_wait = 0)))
  expect_match(conditionMessage(error$parent), "quota exceeded")
  # Whatever a message is made of.
  odd <- function(message) {
    function(prompts) data.frame(unsafe = NA, message = rep(message, 50))
  }
  expect_match(first_line(odd(factor("full")), batch_size = 50)[1], "full$")
  expect_match(first_line(odd("caf\xe9"), batch_size = 50)[1], "caf.+$")
  expect_match(first_line(odd(7), batch_size = 50)[1], "7$")
  # Where nothing was told there is nothing to tell.
  silent <- function(prompts) rep(NA, length(prompts))
  expect_no_match(first_line(silent)[1], "last error")
})

test_that("the session's stream moves by one number, drawn or read", {
  prompts <- as.character(1:20)
  chance <- function(prompts) runif(length(prompts)) < 0.3
  path <- new_path()
  after <- function(...) {
    set.seed(1)
    draw_responses(prompts, chance, 6, ...)
    runif(1)
  }
  set.seed(1)
  next_one <- runif(2)[2]
  expect_identical(after(), next_one)
  expect_identical(after(ledger = path), next_one)
  expect_identical(after(ledger = path), next_one)
  # So that the next call does not draw the same again.
  first <- draw_responses(prompts, chance, 20)
  expect_false(identical(draw_responses(prompts, chance, 20)$unsafe,
                         first$unsafe))
  set.seed(1)
  lpb <- quiet(time_to_unsafe(prompts, chance, 5, x = matrix(1:20)))
  expect_identical(runif(1), next_one)
})
