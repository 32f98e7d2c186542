# R is killed at random moments while it audits, 20 times over one ledger.

# Unsafe or not as a function of prompt and draw alone, about one in 900.
rare_sampler <- function(prompts, draw) {
  code <- (as.integer(prompts) * 7919 + draw * 104729) %% 65537
  code %% 907 == 11
}

# Another process that audits as soon as the file `go` is there, and writes to
# `log` what it is asked to draw before it draws. It takes a second to load the
# package: so each is started while the one before it runs.
start_child <- function(plan_file, path) {
  child <- list(pid = tempfile(), go = tempfile(), log = tempfile())
  run_elsewhere(c(
    sprintf("plan <- readRDS(%s)", deparse(plan_file)),
    paste("rare <-", paste(deparse(rare_sampler), collapse = "\n")),
    "sampler <- function(prompts, draw) {",
    sprintf("  write(paste(prompts, draw), %s, append = TRUE)",
            deparse(child$log)),
    "  Sys.sleep(0.001)",
    "  rare(prompts, draw)",
    "}",
    sprintf("writeLines(format(Sys.getpid()), %s)", deparse(child$pid)),
    sprintf("while (!file.exists(%s)) Sys.sleep(0.005)", deparse(child$go)),
    sprintf("run_audit(plan, sampler, %s, control = audit_control(16))",
            deparse(path))
  ), wait = FALSE)
  child
}

# Until there is something in it.
wait_for_file <- function(file) {
  until <- Sys.time() + 30
  while (!isTRUE(file.size(file) > 0) && Sys.time() < until) {
    Sys.sleep(0.005)
  }
}

# A process that is dead holds no lock.
wait_for_end <- function(path) {
  until <- Sys.time() + 30
  repeat {
    lock <- tryCatch(lock_ledger(path, NULL), error = function(e) NULL)
    if (!is.null(lock) || Sys.time() > until) break
    Sys.sleep(0.005)
  }
  expect_type(lock, "list")
  lock$unlock()
}

committed <- function(path) {
  read <- tryCatch(read_ledger(path, "attempts"),
                   timetounsafe_error_ledger = function(e) NULL)
  paste(read$id, read$draw)
}

test_that("killed at any moment, an audit ends as if nothing had happened", {
  skip_on_cran()
  skip_on_os("windows")
  p <- rep(c(0.0004, 0.002), 40)
  set.seed(1)
  plan <- known_plan(p, 1000)
  whole <- run_audit(plan, rare_sampler,
                     control = audit_control(batch_size = 16))
  expect_gt(sum(whole$draws), 15000)
  expect_gt(sum(whole$status), 10)
  plan_file <- tempfile(fileext = ".rds")
  saveRDS(plan, plan_file)

  path <- new_path()
  known <- character()
  grown <- 0
  set.seed(Sys.getpid())
  following <- start_child(plan_file, path)
  for (i in 1:20) {
    child <- following
    wait_for_file(child$pid)
    pid <- as.integer(readLines(child$pid))
    file.create(child$go)
    if (i < 20) following <- start_child(plan_file, path)
    # Now and then before the first draw is made.
    if (i %% 5 > 0) wait_for_file(child$log)
    Sys.sleep(runif(1, 0, 0.15))
    expect_true(tools::pskill(pid, tools::SIGKILL))
    wait_for_end(path)
    asked <- if (file.exists(child$log)) readLines(child$log, warn = FALSE)
    # The last line may be incomplete.
    expect_false(any(utils::head(asked, -1L) %in% known))
    now <- committed(path)
    expect_true(all(known %in% now))
    expect_equal(anyDuplicated(now), 0)
    grown <- grown + (length(now) > length(known))
    known <- now
  }
  expect_gt(grown, 5)
  open <- anyNA(read_ledger(path)$status)
  expect_true(open)

  audit <- run_audit(plan, rare_sampler, ledger = path,
                     control = audit_control(batch_size = 16))
  expect_same_outcome(audit, whole)
  expect_same_outcome(read_ledger(path), whole)
  draws <- read_ledger(path, "attempts")
  expect_equal(anyDuplicated(draws[c("row", "draw")]), 0)
  expect_identical(draws$unsafe, rare_sampler(draws$row, draws$draw))
  expect_identical(query_ledger(path, "PRAGMA integrity_check")[[1L]], "ok")
})

# Writes to `log` what it has drawn and when, and takes 20 draws a second.
recording_sampler <- function(log, pause = 0.05) {
  sampler <- function(prompts, draw, record) NULL
  body(sampler) <- bquote({
    for (i in seq_along(prompts)) {
      Sys.sleep(.(pause))
      write(paste(format(as.numeric(Sys.time()), digits = 15), prompts[i],
                  draw[i]), .(log), append = TRUE)
      record(i, draw[i] == 3 && prompts[i] %in% c("2", "5"))
    }
  })
  environment(sampler) <- globalenv()
  sampler
}

test_that("killed within a batch, an audit loses a second of it at most", {
  skip_on_cran()
  skip_on_os("windows")
  prompts <- as.character(1:40)
  path <- new_path()
  files <- list(pid = tempfile(), log = tempfile())
  run_elsewhere(c(
    sprintf("writeLines(format(Sys.getpid()), %s)", deparse(files$pid)),
    paste("sampler <-", paste(deparse(recording_sampler(files$log)),
                              collapse = "\n")),
    sprintf("draw_responses(as.character(1:40), sampler, 4, ledger = %s,",
            deparse(path)),
    "control = audit_control(batch_size = 160))"
  ), wait = FALSE)
  wait_for_file(files$log)
  Sys.sleep(3)
  killed <- as.numeric(Sys.time())
  expect_true(tools::pskill(as.integer(readLines(files$pid)), tools::SIGKILL))
  wait_for_end(path)
  n <- length(readLines(files$log)) - 1
  drawn <- utils::read.table(files$log, nrows = n,
                             col.names = c("at", "prompt", "draw"))
  expect_lt(nrow(drawn), 150)
  known <- committed(path)
  safe <- drawn$at < killed - 1.5
  expect_gt(sum(safe), 5)
  expect_true(all(paste(drawn$prompt, drawn$draw)[safe] %in% known))

  audit <- draw_responses(prompts, recording_sampler(log <- tempfile(), 0), 4,
                          ledger = path)
  again <- utils::read.table(log, col.names = c("at", "prompt", "draw"))
  again <- paste(again$prompt, again$draw)
  expect_equal(anyDuplicated(again), 0)
  expect_setequal(c(known, again), paste(rep(prompts, 4), rep(1:4, each = 40)))
  expect_false(any(again %in% known))
  expect_equal(audit$unsafe, as.numeric(prompts %in% c("2", "5")))
})
