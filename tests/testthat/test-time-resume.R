test_that("with a ledger the same call resumes after a limit", {
  path <- file.path(withr::local_tempdir(), "a.sqlite")
  set.seed(32)
  prompts <- stories(60)
  run <- function(...) {
    suppressWarnings(time_to_unsafe(prompts, steady_sampler, 10, ledger = path,
                                    ...))
  }
  for (most in c(200, 150)) {
    expect_error(run(max_draws = most), "repeat the call",
                 class = "timetounsafe_error_unfinished")
  }
  expect_equal(nrow(read_ledger(path, "attempts")), 50)
  expect_s3_class(run(), "lpb")
})

test_that("with a ledger the same call resumes, and ends the same", {
  folder <- withr::local_tempdir()
  path <- file.path(folder, "audit.sqlite")
  set.seed(21)
  p <- 10^runif(200, -2.5, -0.8)
  x <- cbind(log(p), rnorm(200))
  prompts <- as.character(1:200)
  # Unsafe or not depends on prompt and draw alone, so that runs can agree.
  sampler <- function(prompts, draw) {
    i <- as.integer(prompts)
    ((i * 7919 + draw * 104729) %% 10007) / 10007 < p[i]
  }
  calls <- 0
  breaks <- function(prompts, draw) {
    calls <<- calls + 1
    if (calls > broken_after) stop("service down")
    sampler(prompts, draw)
  }
  run <- function(sampler) {
    time_to_unsafe(prompts, sampler, budget = 10, x = x, ledger = path,
                   control = audit_control(retry_wait = 0))
  }
  # Once while training (about 16 calls), once while auditing.
  for (broken_after in c(5, 20)) {
    calls <- 0
    expect_error(run(breaks), "service down",
                 class = "timetounsafe_error_sampler")
  }
  expect_true(all(c("audit.sqlite", "audit-training.sqlite") %in%
                    dir(folder)))
  whole <- run(sampler)
  again <- run(function(prompts) stop("no draw is left to make"))
  expect_identical(again$tau, whole$tau)
  expect_identical(again$training$unsafe, whole$training$unsafe)

  # Every outcome is what the sampler gives at that draw, none is there twice.
  draws <- read_ledger(path, "attempts")
  ok <- draws[draws$status == "ok", ]
  expect_identical(ok$unsafe, sampler(as.character(ok$id), ok$draw))
  expect_identical(anyDuplicated(ok[c("row", "draw")]), 0L)
  error <- expect_error(
    time_to_unsafe(prompts, sampler, budget = 10, x = x[200:1, ],
                   ledger = path, control = audit_control(retry_wait = 0)),
    "another hazard", class = "timetounsafe_error_ledger"
  )
  expect_identical(error$training$unsafe, whole$training$unsafe)
})

test_that("text prompts go on after a crash, a finish, in other processes", {
  set.seed(41)
  prompts <- stories(80)
  settings <- expand.grid(
    design = c("replicated", "optimized", "trimmed", "basic", "naive"),
    engine = "glm", stringsAsFactors = FALSE
  )
  settings[6, ] <- list("replicated", "mlp")
  for (i in seq_len(nrow(settings))) {
    path <- file.path(withr::local_tempdir(), "audit.sqlite")
    run <- function(sampler) {
      suppressWarnings(time_to_unsafe(prompts, sampler, budget = 10,
                                      ledger = path, tau_max = 0.3,
                                      design = settings$design[i],
                                      engine = settings$engine[i],
                                      control = audit_control(retry_wait = 0)))
    }
    calls <- 0
    breaks <- function(prompts, draw) {
      calls <<- calls + 1
      if (calls > 8) stop("service down")
      steady_sampler(prompts, draw)
    }
    # Training is 400 draws, 7 batches: this stops at the second of the audit.
    expect_error(run(breaks), "service down",
                 class = "timetounsafe_error_sampler")
    expect_true(file.exists(path))
    whole <- run(steady_sampler)
    set.seed(i)
    again <- run(function(prompts) stop("no draw is left to make"))
    expect_identical(again$tau, whole$tau)
    expect_identical(again$audit$time, whole$audit$time)
    expect_identical(predict(again, prompts), predict(whole, prompts))
  }
})

test_that("text prompts resume in a new process", {
  skip_on_cran()
  path <- file.path(withr::local_tempdir(), "audit.sqlite")
  set.seed(42)
  prompts <- stories(60)
  whole <- suppressWarnings(
    time_to_unsafe(prompts, steady_sampler, 10, ledger = path)
  )
  script <- withr::local_tempfile(fileext = ".R", lines = c(
    sprintf(".libPaths(%s)", deparse1(.libPaths())),
    sprintf("prompts <- %s", deparse1(prompts)),
    "sampler <- function(prompts) stop('no draw is left to make')",
    sprintf("lpb <- timetounsafe::time_to_unsafe(prompts, sampler, 10,
             ledger = %s)", deparse1(path)),
    "cat(sprintf('%a', lpb$tau))"
  ))
  out <- system2(file.path(R.home("bin"), "Rscript"), c("--vanilla", script),
                 stdout = TRUE, stderr = FALSE)
  expect_identical(utils::tail(out, 1), sprintf("%a", whole$tau))
})

test_that("a kill leaves the same script with the same plan", {
  skip_on_cran()
  skip_on_os("windows")
  folder <- withr::local_tempdir()
  # Random draws; the process ends in the call of this number, if that comes.
  script <- function(way, last, ...) {
    result <- file.path(folder, "result.rds")
    unlink(result)
    # What system2() warns of is the kill.
    suppressWarnings(run_elsewhere(c(
      sprintf("setwd(%s)", deparse(folder)),
      "calls <- 0",
      "sampler <- function(prompts) {",
      "  calls <<- calls + 1",
      sprintf("  if (calls == %s) tools::pskill(Sys.getpid(), 9L)", last),
      "  runif(length(prompts)) < ifelse(grepl('rude', prompts), 0.2, 0.02)",
      "}",
      "set.seed(42)",
      "prompts <- paste(c('calm', 'rude'), 'story', 1:80)",
      way, sprintf("saveRDS(list(audit, calls, runif(1)), %s)",
                   deparse(result))
    )))
    if (file.exists(result)) readRDS(result)
  }
  steps <- c(
    "training <- draw_responses(prompts[1:40], sampler, 10, ledger = 'a')",
    "plan <- plan_audit(fit_hazard(training), prompts[41:80], 10, cap = 20)",
    "audit <- run_audit(plan, sampler, ledger = 'b')"
  )
  whole <- c(
    "audit <- time_to_unsafe(prompts, sampler, 10, cap = 20,",
    "                        ledger = 'c.sqlite')$audit"
  )
  for (way in list(steps, whole)) {
    # In the draws that train (7 calls), and in those of the audit.
    expect_null(script(way, 4))
    expect_null(script(way, 6))
    ended <- script(way, Inf)
    again <- script(way, Inf)
    expect_gt(ended[[2L]], 0)
    expect_identical(again[[2L]], 0)
    expect_identical(again[[1L]]$plan_id, ended[[1L]]$plan_id)
    # What comes after draws the same random numbers, too.
    expect_identical(again[[3L]], ended[[3L]])
  }
})

test_that("another split, or another plan, than the ledger's is refused", {
  path <- file.path(withr::local_tempdir(), "a.sqlite")
  set.seed(43)
  prompts <- stories(60)
  run <- function(..., n = 60, budget = 10, train_draws = 10) {
    suppressWarnings(time_to_unsafe(prompts[1:n], steady_sampler, budget,
                                    train_draws = train_draws, ledger = path,
                                    ...))
  }
  refused <- function(code, words) {
    error <- expect_error(code, words, class = "timetounsafe_error_ledger")
    expect_match(conditionMessage(error), "Supply the same")
  }
  tau <- run()$tau
  refused(run(train = 0.3), "another split: 30 of 60 prompts train")
  prompts <- c(prompts, stories(20))
  refused(run(n = 80), "another split")
  refused(run(n = 61), "other prompts")
  refused(run(budget = 12), "budget = 10")
  refused(run(cap = 7), "cap = ")
  refused(run(max_limit = 400), "max_limit = NULL")
  refused(run(tau_max = 0.123), "tau_max = ")
  refused(run(design = "trimmed"), "design = \"replicated\"")
  expect_identical(run(train = 0.5, design = "replicated")$tau, tau)
})
