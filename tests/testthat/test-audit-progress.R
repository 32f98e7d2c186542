test_that("the progress bar tells what there is, and survives its total", {
  skip_if_not_installed("cli")
  withr::local_options(
    cli.dynamic = TRUE, cli.ansi = FALSE, cli.num_colors = 1L,
    cli.unicode = FALSE, cli.progress_show_after = 0, cli.width = 120
  )
  calls <- 0
  # One of twelve draws fails at first, so that more are made than expected.
  sampler <- function(prompts, draw) {
    calls <<- calls + 1
    Sys.sleep(0.1)
    ifelse(calls == 1 & prompts == "4", NA, prompts == "2")
  }
  shown <- capture_messages(
    audit <- draw_responses(as.character(1:4), sampler, 3, progress = TRUE,
                            control = audit_control(batch_size = 4,
                                                    retry_wait = 0))
  )
  expect_match(shown[1], paste(
    "4 of about 12 draws | 1 prompts unsafe, 4 open, 1 failures |"
  ), fixed = TRUE)
  expect_match(shown[1], "[0-9]/s, ETA")
  expect_equal(audit$draws, rep(3, 4))
  expect_length(capture_messages(
    draw_responses(as.character(1:4), sampler, 3)
  ), 0)
})

test_that("the progress bar expects the draws that the hazard makes likely", {
  set.seed(6)
  plan <- known_plan(c(0.5, 0.01, 0.2), 100, tau_max = 0.3)
  plan <- plan[plan$limit > 0, ]
  none <- list(status = rep(NA, nrow(plan)), draws = numeric(nrow(plan)))
  mean_draws <- (1 - (1 - plan$prob)^plan$limit) / plan$prob
  expect_equal(expected_left(plan, none), sum(mean_draws))
  # What is done, or does not stop, is counted as it is.
  some <- list(status = replace(none$status, 1, 0), draws = none$draws)
  plan$stop[2] <- FALSE
  left <- replace(mean_draws, 2, plan$limit[2])[-1]
  expect_equal(expected_left(plan, some), sum(left))
  rows <- fixed_rows(letters[1:2], 1:2, 7, stop = TRUE)
  expect_equal(expected_left(rows, list(status = c(NA, 1), draws = c(2, 7))), 5)
})

test_that("without a terminal a line now and then says the same", {
  choose <- function(progress = NULL, option = NULL, testing = NA) {
    withr::local_options(timetounsafe.progress = option)
    withr::local_envvar(TESTTHAT = testing)
    choose_progress(progress)
  }
  skip_if(interactive())
  expect_identical(choose(), "lines")
  expect_identical(choose(option = FALSE), "none")
  expect_identical(choose(testing = "true"), "none")
  expect_identical(choose(FALSE), "none")
  expect_identical(choose(TRUE), "bar")
  # Where nobody asks, in an audit.
  withr::local_envvar(TESTTHAT = NA)
  sampler <- function(prompts, record) {
    run <- environment(record)$inbox$run
    began <- environment(run$step)
    record(1:2, c(TRUE, FALSE))
    began$last <- began$last - 31
    began$began <- began$began - 100
    record()
    record()
    rep(NA, length(prompts) - 2)
  }
  control <- audit_control(max_tries = 1)
  shown <- capture_messages(
    draw_responses(as.character(1:6), sampler, 2, control = control) |> quiet()
  )
  expect_length(shown, 1)
  expect_match(shown, paste0(
    "^0 of about 12 draws [|] 0 prompts unsafe, 6 open, 0 failures [|] 0/s, ",
    "unknown time left\n$"
  ))
  expect_length(capture_messages(quiet(
    draw_responses("a", sampler, 2, progress = FALSE, control = control)
  )), 0)
})

test_that("a line has the rate and the time that is left", {
  run <- list(done = 1500, errors = 1, state = list(n_unsafe = 7, n_open = 40))
  expect_identical(
    progress_line(run, 24000, 100),
    paste("1,500 of about 24,000 draws | 7 prompts unsafe, 40 open,",
          "1 failure | 15/s, about 25 min left")
  )
  expect_identical(vapply(c(0, 89, 90, 5399, 5400, 36000), spell_seconds, ""),
                   paste("about", c("0 s", "89 s", "2 min", "90 min", "1.5 h",
                                    "10.0 h")))
  # Not more often than that, however often it is asked.
  lines <- progress_lines(run, 24000, every = 0.2)
  expect_silent(lines$step())
  pause_for(0.25)
  expect_message(lines$step(), "1,500 of about")
  expect_silent(lines$step())
})
