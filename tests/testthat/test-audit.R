test_that("an audit records what a scripted sampler says, draw for draw", {
  set.seed(1)
  # Quantiles at 0.5: 69, 7, 1 and 14; B is large, so all are included.
  plan <- known_plan(c(0.01, 0.1, 0.6, 0.05), 1000, tau_max = 0.5,
                     prompts = c("a", "b", "c", "d"))
  expect_equal(plan$horizon, c(69, 7, 1, 14))
  sampler <- scripted_sampler(list(a = 3, b = integer(), c = 1, d = 13))
  for (size in c(1, 2, 3, 64, 1000)) {
    audit <- run_audit(plan, sampler,
                       control = audit_control(batch_size = size))
    expect_equal(audit$time, c(3, 6, 0, 13))
    expect_equal(audit$status, c(1, 0, 0, 1))
    expect_equal(audit$draws, c(3, 6, 0, 13))
    expect_equal(audit$unsafe, c(1, 0, 0, 1))
    expect_false(any(audit$failed))
  }
  singly <- run_audit(plan, sampler, control = audit_control(batch_size = 1))
  expect_equal(sum(singly$unused), 0)
})

test_that("the sampler gets each draw index once and full batches at the end", {
  set.seed(2)
  plan <- known_plan(c(1e-4, rep(0.2, 5)), 1000, tau_max = 0.1)
  log <- new.env()
  log$calls <- list()
  sampler <- function(prompts, draw) {
    log$calls[[length(log$calls) + 1L]] <- data.frame(prompts, draw)
    rep(FALSE, length(prompts))
  }
  audit <- run_audit(plan, sampler, control = audit_control(batch_size = 50))
  seen <- do.call(rbind, log$calls)
  expect_false(anyDuplicated(seen) > 0)
  expect_equal(nrow(seen), sum(plan$limit))
  expect_equal(sort(seen$draw[seen$prompts == "1"]), seq_len(plan$limit[1]))
  sizes <- vapply(log$calls, nrow, 1L)
  expect_true(all(sizes[-length(sizes)] == 50))
})

test_that("draws made ahead of the first unsafe one are unused, not data", {
  plan <- known_plan(0.001, 1000, tau_max = 0.1, prompts = "a")
  audit <- run_audit(plan, scripted_sampler(list(a = c(5, 7, 9))),
                     control = audit_control(batch_size = 40))
  expect_equal(audit$time, 5)
  expect_equal(audit$draws, 5)
  expect_equal(audit$unsafe, 1)
  expect_equal(audit$unused, 35)
})

test_that("failed draws are tried again under their index", {
  plan <- known_plan(rep(0.05, 3), 100, prompts = c("a", "b", "c"))
  tries <- new.env()
  sampler <- function(prompts, draw) {
    key <- paste(prompts, draw)
    first <- !vapply(key, exists, TRUE, envir = tries)
    for (k in key) assign(k, TRUE, envir = tries)
    ifelse(first & draw %% 2 == 0, NA, FALSE)
  }
  audit <- run_audit(plan, sampler)
  expect_equal(audit$draws, plan$limit)
  expect_false(any(audit$failed))
})

test_that("a draw that failed permanently counts as unsafe at its place", {
  plan <- known_plan(rep(0.01, 2), 100, prompts = c("a", "b"))
  sampler <- function(prompts, draw) {
    ifelse(prompts == "b" & draw == 4, NA, FALSE)
  }
  expect_warning(audit <- run_audit(plan, sampler),
                 class = "timetounsafe_warning_failed_draws")
  expect_equal(audit$time[2], 4)
  expect_equal(audit$status[2], 1)
  expect_equal(audit$unsafe[2], 0)
  expect_equal(audit$draws[2], 3)
  expect_identical(audit$failed, c(FALSE, TRUE))
})

test_that("a sampler that raises errors loses nothing, and the audit resumes", {
  set.seed(3)
  plan <- known_plan(rep(0.01, 20), 100)
  truth <- scripted_sampler(list("7" = 5, "12" = 9))
  expect_silent(whole <- run_audit(plan, truth,
                                   control = audit_control(batch_size = 8)))
  calls <- 0
  flaky <- function(prompts, draw) {
    calls <<- calls + 1
    if (calls > 10) stop("the server is gone")
    truth(prompts, draw)
  }
  error <- tryCatch(
    run_audit(plan, flaky, control = audit_control(batch_size = 8)),
    error = identity
  )
  expect_s3_class(error, "timetounsafe_error_sampler")
  expect_match(conditionMessage(error$parent), "the server is gone")
  expect_s3_class(error$audit, "audit")
  expect_equal(sum(error$audit$draws) + sum(error$audit$unused), 80)
  resumed <- run_audit(error$audit, truth,
                       control = audit_control(batch_size = 8))
  outcome <- c("time", "status", "draws", "unsafe")
  expect_equal(as.data.frame(resumed)[outcome], as.data.frame(whole)[outcome],
               ignore_attr = TRUE)
})

test_that("an error that passes is survived", {
  plan <- known_plan(rep(0.05, 5), 100)
  calls <- 0
  audit <- run_audit(plan, function(prompts) {
    calls <<- calls + 1
    if (calls == 2) stop("once")
    rep(FALSE, length(prompts))
  })
  expect_equal(audit$draws, plan$limit)
})

test_that("max_draws stops cleanly, and the rest can be drawn later", {
  set.seed(4)
  plan <- known_plan(rep(0.01, 10), 100)
  truth <- scripted_sampler(list("3" = 2))
  expect_warning(
    part <- run_audit(plan, truth, max_draws = 37,
                      control = audit_control(batch_size = 10)),
    class = "timetounsafe_warning_unfinished"
  )
  expect_equal(sum(part$draws) + sum(part$unused), 37)
  expect_error(point_lpb(part), class = "timetounsafe_error_unfinished")
  whole <- run_audit(part, truth)
  expect_equal(whole$time, run_audit(plan, truth)$time)
})

test_that("an interrupt keeps what was drawn", {
  plan <- known_plan(rep(0.01, 10), 100)
  calls <- 0
  sampler <- function(prompts) {
    calls <<- calls + 1
    if (calls == 3) rlang::interrupt()
    rep(FALSE, length(prompts))
  }
  expect_warning(part <- run_audit(plan, sampler,
                                   control = audit_control(batch_size = 10)),
                 class = "timetounsafe_warning_unfinished")
  expect_equal(sum(part$draws), 20)
})

test_that("bad arguments are named", {
  sampler <- function(p) rep(FALSE, length(p))
  plan <- known_plan(c(0.1, 0.2))
  bad_arguments(run_audit, list(plan = plan, sampler = sampler), list(
    plan = list(NULL, 1, data.frame(a = 1), plan[1, ], rbind(plan, plan)),
    sampler = list(NULL, "f", 1),
    max_draws = list(-1, NA, "a"), max_cost = list(-1, NA),
    max_seconds = list("a"), control = list(NULL, 64, list(batch_size = 1)),
    progress = list(NA, 1)
  ))
  bad_arguments(
    draw_responses, list(prompts = "a", sampler = sampler, draws = 1), list(
      prompts = list(NULL, 1, character(), NA_character_,
                     matrix(letters[1:4], 2)),
      draws = list(NULL, -1, NA, 1.5, Inf, "a", c(1, 2)),
      stop = list(NA, 1), id = list(1:2)
    )
  )
  expect_error(run_audit(plan, sampler, ledger = 1),
               class = "timetounsafe_error_argument")
})
