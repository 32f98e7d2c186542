ledger_error <- "timetounsafe_error_ledger"
unfinished <- "timetounsafe_warning_unfinished"

test_that("an audit with a ledger is the same as one without", {
  set.seed(1)
  plan <- known_plan(rep(c(0.005, 0.02, 0.2), 10), 30)
  for (size in c(1, 7, 64, 5000)) {
    path <- new_path()
    with <- run_audit(plan, hashed_sampler, ledger = path,
                      control = audit_control(batch_size = size))
    expect_equal(with, run_audit(plan, hashed_sampler,
                                 control = audit_control(batch_size = size)))
    expect_same_outcome(read_ledger(path), with)
    expect_identical(read_ledger(path)$unused, with$unused)
    draws <- read_ledger(path, "attempts")
    expect_equal(nrow(draws), sum(with$draws) + sum(with$unused))
    expect_identical(draws$unsafe,
                     hashed_sampler(draws$row, draws$draw))
    expect_equal(anyDuplicated(draws[c("row", "draw")]), 0)
    expect_true(all(draws$status == "ok"))
  }
})

test_that("wherever it stops, the same call resumes to the same end", {
  set.seed(2)
  plan <- known_plan(rep(c(0.005, 0.05), 6), 40)
  whole <- run_audit(plan, hashed_sampler,
                     control = audit_control(batch_size = 16))
  made <- new.env()
  sampler <- function(prompts, draw) {
    made$key <- c(made$key, paste(prompts, draw))
    hashed_sampler(prompts, draw)
  }
  path <- new_path()
  runs <- 0
  repeat {
    runs <- runs + 1
    audit <- suppressWarnings(run_audit(plan, sampler, ledger = path,
                                        max_draws = 37,
                                        control = audit_control(
                                          batch_size = 16
                                        )), classes = unfinished)
    expect_equal(nrow(read_ledger(path, "attempts")), length(made$key))
    if (!anyNA(audit$status)) break
  }
  expect_gt(runs, 5)
  expect_same_outcome(audit, whole)
  expect_equal(anyDuplicated(made$key), 0)
  # A finished one makes no draw at all.
  before <- length(made$key)
  expect_same_outcome(run_audit(plan, sampler, ledger = path), whole)
  expect_same_outcome(run_audit(sampler = sampler, ledger = path), whole)
  expect_length(made$key, before)
})

test_that("errors and interrupts of the sampler leave a ledger to resume", {
  set.seed(3)
  plan <- known_plan(rep(c(0.005, 0.05), 6), 40)
  whole <- run_audit(plan, hashed_sampler,
                     control = audit_control(batch_size = 16))
  path <- new_path()
  calls <- 0
  bad <- function(prompts, draw) {
    calls <<- calls + 1
    if (calls == 4) rlang::interrupt()
    if (calls > 9) stop("the server is gone")
    hashed_sampler(prompts, draw)
  }
  run <- function(sampler) {
    run_audit(plan, sampler, ledger = path,
              control = audit_control(batch_size = 16, retry_wait = 0))
  }
  expect_warning(run(bad), class = unfinished)
  expect_equal(nrow(read_ledger(path, "attempts")), 3 * 16)
  error <- tryCatch(run(bad), error = identity)
  expect_s3_class(error, "timetounsafe_error_sampler")
  expect_match(conditionMessage(error), "repeat the call")
  expect_match(conditionMessage(error$parent), "the server is gone")
  draws <- read_ledger(path, "attempts")
  expect_equal(sum(draws$status == "error"), 3 * 16)
  expect_match(draws$message[draws$status == "error"], "the server is gone")
  expect_same_outcome(run(hashed_sampler), whole)
})

test_that("a run of retries is on record, each under its draw", {
  plan <- known_plan(rep(0.05, 3), 100, prompts = c("a", "b", "c"))
  calls <- new.env()
  sampler <- function(prompts, draw) {
    key <- paste(prompts, draw)
    for (k in key) calls[[k]] <- (calls[[k]] %||% 0) + 1
    tries <- unlist(mget(key, envir = calls))
    data.frame(unsafe = ifelse(draw == 2 & tries < 3 | draw == 3, NA, FALSE),
               message = ifelse(draw == 3, "no answer", "fine"))
  }
  path <- new_path()
  expect_warning(
    audit <- run_audit(plan, sampler, ledger = path,
                       control = audit_control(retry_wait = 0)),
    class = "timetounsafe_warning_failed_draws"
  )
  expect_equal(audit$time, rep(3, 3))
  draws <- read_ledger(path, "attempts")
  expect_equal(draws$attempt[draws$draw == 2], rep(1:3, 3))
  expect_equal(draws$status[draws$draw == 2],
               rep(c("error", "error", "ok"), 3))
  expect_equal(draws$status[draws$draw == 3],
               rep("error", 9))
  expect_identical(draws$final[draws$draw == 3], rep(c(FALSE, FALSE, TRUE), 3))
  expect_identical(draws$final[draws$draw == 2], rep(c(FALSE, FALSE, TRUE), 3))
  expect_true(all(draws$final[draws$draw == 1]))
  expect_identical(unique(draws$message[draws$draw == 3]), "no answer")
  # What failed permanently stays so.
  expect_warning(again <- run_audit(plan, sampler, ledger = path),
                 class = "timetounsafe_warning_failed_draws")
  expect_same_outcome(again, audit)
})

test_that("another plan, other prompts or another `refusal` are errors", {
  set.seed(4)
  plan <- known_plan(rep(0.05, 5), 100)
  path <- new_path()
  run_audit(plan, hashed_sampler, ledger = path)
  refused <- function(problem, ...) {
    expect_error(run_audit(..., ledger = path), problem, class = ledger_error)
  }
  refused("another plan", known_plan(rep(0.06, 5), 100), hashed_sampler)
  refused("another plan", known_plan(rep(0.05, 6), 100), hashed_sampler)
  refused("another plan", known_plan(rep(0.05, 5), 100, prompts = letters[1:5]),
          hashed_sampler)
  refused("refusal = \"safe\", not", plan, hashed_sampler,
          control = audit_control(refusal = "unsafe"))
  rest <- plan
  rest$stop <- FALSE
  refused("another plan", reseal(rest), hashed_sampler)
  # The same rows as a CSV file keeps them are the same plan.
  file <- tempfile(fileext = ".csv")
  write.csv(plan, file, row.names = FALSE)
  same <- read.csv(file, colClasses = c(prompt = "character"))
  expect_silent(run_audit(same, hashed_sampler, ledger = path))

  path <- new_path()
  say <- function(p) p == "b"
  draw_responses(c("a", "b"), say, draws = 3, ledger = path)
  again <- function(prompts = c("a", "b"), draws = 3, ...) {
    draw_responses(prompts, say, draws, ledger = path, ...)
  }
  expect_silent(again())
  expect_error(again(c("b", "a")), "another plan", class = ledger_error)
  expect_error(again(c("a", "c")), "another plan", class = ledger_error)
  expect_error(again(draws = 4), "another plan", class = ledger_error)
  expect_error(again(stop = TRUE), "another plan", class = ledger_error)
  expect_error(again(id = c("x", "y")), "another plan", class = ledger_error)
})

test_that("files that are no ledger are refused and left alone", {
  plan <- known_plan(rep(0.05, 3), 100)
  text <- new_path()
  writeLines(rep("this is no database, whatever its name says", 100), text)
  before <- readLines(text)
  expect_no_warning(expect_error(
    run_audit(plan, hashed_sampler, ledger = text), "use a new file",
    class = ledger_error
  ))
  expect_no_warning(expect_error(read_ledger(text), class = ledger_error))
  expect_identical(readLines(text), before)

  other <- new_path()
  con <- DBI::dbConnect(RSQLite::SQLite(), other)
  DBI::dbWriteTable(con, "meta", data.frame(key = "a", value = "b"))
  DBI::dbDisconnect(con)
  expect_error(run_audit(plan, hashed_sampler, ledger = other),
               "not a ledger", class = ledger_error)
  expect_error(read_ledger(other), "not a ledger", class = ledger_error)

  newer <- new_path()
  run_audit(plan, hashed_sampler, ledger = newer)
  change_ledger(newer, "UPDATE meta SET value = '99' WHERE key = 'schema'")
  expect_error(run_audit(plan, hashed_sampler, ledger = newer), "schema",
               class = ledger_error)
  expect_error(read_ledger(newer), "schema", class = ledger_error)
  expect_error(read_ledger(newer), "has schema 99; .* update the package",
               class = "timetounsafe_error_schema")

  expect_error(read_ledger(tempfile()), "does not exist", class = ledger_error)
  expect_error(read_ledger(tempdir()), class = "timetounsafe_error_argument")
  expect_error(read_ledger(file.path(tempfile(), "a")), "existing folder",
               class = "timetounsafe_error_argument")
})

test_that("a damaged ledger is an error of the ledger", {
  plan <- known_plan(rep(0.001, 20), 2000)
  path <- new_path()
  suppressWarnings(run_audit(plan, hashed_sampler, ledger = path,
                             max_draws = 2000,
                             control = audit_control(batch_size = 500)))
  size <- file.size(path)
  con <- file(path, "r+b")
  seek(con, 8192, rw = "write")
  writeBin(as.raw(rep(255, size - 8192)), con)
  close(con)
  expect_error(run_audit(plan, hashed_sampler, ledger = path),
               class = ledger_error)
  expect_error(read_ledger(path), class = ledger_error)
})

test_that("bytes that were flipped change nothing, or are refused", {
  skip_on_cran()
  path <- new_path()
  odd <- function(prompts, draw) {
    data.frame(unsafe = draw == 3 & prompts == "b",
               status = ifelse(draw == 2, "refused", "ok"),
               response = paste("re:", prompts, draw), score = draw / 7,
               truncated = draw == 1, cost = ifelse(draw == 1, NA, 0.25))
  }
  # Enough to fill several pages, and the last of them in part.
  p <- rep(c(0.02, 0.2), 6)
  plan <- known_plan(p, 12, prompts = rep(c("a", "b"), 6))
  run_audit(plan, odd, ledger = path,
            control = audit_control(7, keep_responses = TRUE))
  read_all <- function(path) {
    lapply(c(attempts = "attempts", audit = "audit", meta = "meta"),
           function(what) read_ledger(path, what))
  }
  whole <- read_all(path)
  bytes <- readBin(path, "raw", file.size(path))
  set.seed(13)
  refused <- 0
  copy <- new_path()
  for (i in 1:400) {
    at <- sample(length(bytes), 2)
    flipped <- bytes
    flipped[at] <- xor(bytes[at], as.raw(sample(255, 2)))
    unlink(paste0(copy, c("", "-wal", "-shm", "-journal")))
    writeBin(flipped, copy)
    found <- tryCatch(read_all(copy), error = identity)
    if (inherits(found, "error")) {
      expect_s3_class(found, ledger_error)
      refused <- refused + 1
    } else {
      expect_equal(found, whole)
    }
  }
  expect_gt(refused, 100)
  expect_lt(refused, 400)
})

test_that("what was changed by hand is refused, wherever it is read", {
  plan <- known_plan(rep(c(0.05, 0.01), 3), 100)
  whole <- new_path()
  audit <- run_audit(plan, hashed_sampler, ledger = whole)
  edits <- list(
    c("DROP TRIGGER attempts_fix", "UPDATE attempts SET unsafe = 1 - unsafe"),
    c("DROP TRIGGER attempts_fix",
      "UPDATE attempts SET cost = -1 WHERE row = 1 AND draw = 1"),
    "INSERT INTO attempts (row, draw, attempt, status, final, unsafe)
       VALUES (1, 99999, 1, 'ok', 1, 1)",
    c("DROP TRIGGER plan_fix", "UPDATE plan SET prob = prob / 2"),
    "UPDATE meta SET value = 'unsafe' WHERE key = 'refusal'",
    "DELETE FROM meta WHERE key = 'seal'"
  )
  for (edit in edits) {
    path <- new_path()
    file.copy(whole, path)
    for (sql in edit) change_ledger(path, sql)
    expect_error(read_ledger(path), "is damaged", class = ledger_error)
    expect_error(run_audit(plan, hashed_sampler, ledger = path), "is damaged",
                 class = ledger_error)
    expect_error(read_totals(path, audit), "is damaged", class = ledger_error)
  }
})

test_that("a second writer is refused, in this process and in another", {
  plan <- known_plan(rep(0.05, 3), 100)
  path <- new_path()
  inner <- NULL
  sampler <- function(prompts, draw) {
    inner <<- tryCatch(run_audit(plan, hashed_sampler, ledger = path),
                       error = identity)
    hashed_sampler(prompts, draw)
  }
  audit <- run_audit(plan, sampler, ledger = path)
  expect_s3_class(inner, ledger_error)
  expect_match(conditionMessage(inner), "is in use")
  expect_match(conditionMessage(inner), as.character(Sys.getpid()))
  expect_same_outcome(run_audit(plan, hashed_sampler, ledger = path), audit)

  skip_on_cran()
  held <- open_ledger(path, plan, "safe", FALSE)
  code <- c(
    sprintf("e <- tryCatch(run_audit(sampler = identity, ledger = %s),",
            deparse(path)),
    "  error = identity)", "cat(class(e)[1L])"
  )
  expect_identical(run_elsewhere(code), ledger_error)
  held$close()
  expect_same_outcome(run_audit(plan, hashed_sampler, ledger = path), audit)
})

test_that("whatever the name of a ledger, it has one writer", {
  skip_on_os("windows")
  plan <- known_plan(rep(0.05, 3), 100)
  path <- new_path()
  run_audit(plan, hashed_sampler, ledger = path)
  expect_identical(list.files(dirname(path), basename(path)), basename(path))
  soft <- new_path()
  hard <- new_path()
  file.symlink(path, soft)
  file.link(path, hard)
  names <- c(path, soft, hard, file.path(dirname(path), ".", basename(path)))
  held <- open_ledger(path, plan, "safe", FALSE)
  for (name in names) {
    expect_error(run_audit(plan, hashed_sampler, ledger = name), "is in use",
                 class = ledger_error)
  }
  skip_on_cran()
  code <- sprintf(paste(
    "for (name in %s) cat(class(tryCatch(run_audit(sampler = identity,",
    "ledger = name), error = identity))[1L], '\\n')"
  ), paste(deparse(names), collapse = ""))
  expect_identical(trimws(run_elsewhere(code)), rep(ledger_error, 4))
  # Neither does a look at it from here let go of it.
  read_ledger(soft)
  gc()
  expect_identical(trimws(run_elsewhere(code)), rep(ledger_error, 4))
  held$close()
  expect_silent(run_audit(plan, hashed_sampler, ledger = soft))
})

test_that("a ledger that is deleted during the run ends it, with its draws", {
  plan <- known_plan(rep(0.005, 10), 100)
  whole <- run_audit(plan, hashed_sampler)
  for (replaced in c(FALSE, TRUE)) {
    path <- new_path()
    calls <- 0
    sampler <- function(prompts, draw) {
      calls <<- calls + 1
      if (calls == 3) {
        unlink(path)
        if (replaced) file.create(path)
      }
      hashed_sampler(prompts, draw)
    }
    error <- expect_error(
      run_audit(plan, sampler, ledger = path,
                control = audit_control(batch_size = 20)),
      "was deleted or replaced", class = ledger_error
    )
    expect_match(conditionMessage(error), "run_audit(error$audit, sampler)",
                 fixed = TRUE)
    expect_equal(calls, 3)
    expect_equal(sum(error$audit$draws, error$audit$unused), 60)
    expect_same_outcome(run_audit(error$audit, hashed_sampler), whole)
  }
  # Also of what was handed in: the rest of the batch counts.
  path <- new_path()
  handing <- function(prompts, record) {
    record(2, TRUE)
    unlink(path)
    rep(FALSE, length(prompts) - 1)
  }
  error <- expect_error(draw_responses(c("a", "b", "c"), handing, 1,
                                       ledger = path), class = ledger_error)
  expect_equal(error$audit$unsafe, c(0, 1, 0))
  expect_equal(error$audit$draws, c(1, 1, 1))
})

test_that("names under which SQLite keeps no file are refused", {
  plan <- known_plan(rep(0.05, 3), 100)
  folder <- withr::local_tempdir()
  withr::local_dir(folder)
  for (name in c(":memory:", "file:x.sqlite", "file::memory:?cache=shared")) {
    for (f in list(function() run_audit(plan, hashed_sampler, ledger = name),
                   function() draw_responses("a", is.na, 1, ledger = name),
                   function() read_ledger(name))) {
      error <- expect_error(f(), class = "timetounsafe_error_argument")
      expect_match(conditionMessage(error), sprintf("not \"%s\"", name),
                   fixed = TRUE)
    }
  }
  expect_length(list.files(folder, all.files = TRUE, no.. = TRUE), 0)
})

test_that("what a kill leaves of a ledger being made is a new ledger", {
  plan <- known_plan(rep(0.05, 3), 100)
  audit <- run_audit(plan, hashed_sampler)
  leave <- list(
    function(path) file.create(path),
    function(path) query_ledger(path, "PRAGMA journal_mode = WAL"),
    # In the middle of the transaction that makes the tables.
    function(path) {
      con <- connect_ledger(path)
      set_journal(con)
      DBI::dbExecute(con, "BEGIN")
      DBI::dbExecute(con, ledger_tables[1L])
      DBI::dbDisconnect(con)
    }
  )
  for (f in leave) {
    path <- new_path()
    f(path)
    expect_lte(file.size(path), 4096)
    expect_error(read_ledger(path), "contains no plan yet",
                 class = ledger_error)
    expect_error(run_audit(sampler = hashed_sampler, ledger = path),
                 "contains no plan yet", class = ledger_error)
    expect_same_outcome(run_audit(plan, hashed_sampler, ledger = path), audit)
    path <- new_path()
    f(path)
    expect_false(is_begun(path))
    expect_null(plan_of_ledger(list(paths = list(audit = path))))
    again <- draw_responses(c("a", "b"), is.na, 2, ledger = path)
    expect_equal(again$draws, c(2, 2))
    expect_true(is_begun(path))
  }
})

test_that("an error while a ledger is opened lets go of it", {
  plan <- known_plan(rep(0.05, 3), 100)
  path <- new_path()
  run_audit(plan, hashed_sampler, ledger = path)
  for (i in 1:3) {
    expect_error(run_audit(plan, hashed_sampler, ledger = path,
                           control = audit_control(refusal = "error")),
                 class = ledger_error)
  }
  expect_silent(run_audit(plan, hashed_sampler, ledger = path))
})

test_that("draws and plans can only be added", {
  plan <- known_plan(rep(0.05, 3), 100)
  path <- new_path()
  run_audit(plan, hashed_sampler, ledger = path)
  for (sql in c("DELETE FROM attempts",
                "UPDATE attempts SET unsafe = 0",
                "DELETE FROM plan", "UPDATE plan SET horizon = 1")) {
    expect_error(change_ledger(path, sql), "append-only")
  }
  expect_error(
    change_ledger(path, "INSERT INTO attempts SELECT * FROM attempts"), "UNIQUE"
  )
})

test_that("a full disk loses no draw that was recorded", {
  set.seed(5)
  plan <- known_plan(rep(c(0.001, 0.002), 10), 300)
  whole <- run_audit(plan, hashed_sampler)
  path <- new_path()
  calls <- 0
  sampler <- function(prompts, draw) {
    calls <<- calls + 1
    if (calls == 5) {
      con <- environment(current_run()$ledger$record)$con
      pages <- DBI::dbGetQuery(con, "PRAGMA page_count")[[1L]]
      DBI::dbGetQuery(con, sprintf("PRAGMA max_page_count = %d", pages))
    }
    hashed_sampler(prompts, draw)
  }
  error <- tryCatch(run_audit(plan, sampler, ledger = path), error = identity)
  expect_s3_class(error, ledger_error)
  expect_match(conditionMessage(error), "full")
  draws <- read_ledger(path, "attempts")
  # What did not fit is in the error.
  expect_equal(sum(error$audit$draws, error$audit$unused), 64 * calls)
  rest <- run_audit(error$audit, hashed_sampler)
  expect_same_outcome(rest, whole)
  # Whole batches, one after the other, up to the one that did not fit.
  expect_gte(nrow(draws), 5 * 64)
  expect_equal(nrow(draws), 64 * (calls - 1))
  expect_identical(query_ledger(path, "PRAGMA integrity_check")[[1L]], "ok")
  before <- calls
  expect_same_outcome(run_audit(plan, sampler, ledger = path), whole)
  after <- read_ledger(path, "attempts")
  expect_equal(nrow(merge(draws, after)), nrow(draws))
})

test_that("a folder where nobody may write can be read, not written", {
  skip_on_os("windows")
  plan <- known_plan(rep(0.05, 3), 100)
  folder <- tempfile()
  dir.create(folder)
  path <- file.path(folder, "audit.sqlite")
  audit <- run_audit(plan, hashed_sampler, ledger = path)
  expect_identical(list.files(folder), "audit.sqlite")
  Sys.chmod(c(path, folder), c("444", "555"))
  on.exit(Sys.chmod(c(folder, path), c("755", "644")))
  skip_if(file.access(folder, 2) == 0, "this user may write everywhere")
  expect_same_outcome(read_ledger(path), audit)
  expect_error(run_audit(plan, hashed_sampler, ledger = path),
               class = ledger_error)
  expect_error(
    run_audit(plan, hashed_sampler, ledger = file.path(folder, "new.sqlite")),
    class = ledger_error
  )
})

test_that("without shared memory the rollback journal is used", {
  skip_on_os("windows")
  con <- DBI::dbConnect(RSQLite::SQLite(), new_path(), vfs = "unix-dotfile")
  on.exit(DBI::dbDisconnect(con))
  set_journal(con)
  expect_identical(DBI::dbGetQuery(con, "PRAGMA journal_mode")[[1L]], "delete")
  expect_equal(DBI::dbGetQuery(con, "PRAGMA synchronous")[[1L]], 2)
  other <- connect_ledger(new_path())
  set_journal(other)
  expect_identical(DBI::dbGetQuery(other, "PRAGMA journal_mode")[[1L]], "wal")
  expect_equal(DBI::dbGetQuery(other, "PRAGMA synchronous")[[1L]], 1)
  DBI::dbDisconnect(other)
})

test_that("a ledger can be read while it is being written", {
  set.seed(6)
  plan <- known_plan(rep(0.005, 5), 100)
  path <- new_path()
  seen <- numeric()
  sampler <- function(prompts, draw) {
    so_far <- read_ledger(path)
    seen <<- c(seen, sum(so_far$draws) + sum(so_far$unused))
    hashed_sampler(prompts, draw)
  }
  audit <- run_audit(plan, sampler, ledger = path,
                     control = audit_control(batch_size = 20))
  expect_equal(seen, 20 * (seq_along(seen) - 1))
  expect_error(point_lpb(read_ledger(path)), "hazard")
})

test_that("responses are kept only when asked for, and judged again", {
  prompts <- c("a", "b")
  sampler <- function(prompts, draw) {
    data.frame(unsafe = prompts == "b" & draw == 3,
               response = sprintf("it's \"%s\" no. %d\n", prompts, draw),
               score = draw / 7, cost = 0.1, latency = 1e-3)
  }
  path <- new_path()
  draw_responses(prompts, sampler, 5, ledger = path)
  draws <- read_ledger(path, "attempts")
  expect_true(all(is.na(draws$response)))
  expect_identical(draws$score, draws$draw / 7)
  expect_error(read_ledger(path, judge = function(p, r) r == "x"),
               "responses", class = "timetounsafe_error_argument")

  path <- new_path()
  audit <- draw_responses(prompts, sampler, 5, stop = TRUE, ledger = path,
                          control = audit_control(keep_responses = TRUE,
                                                  batch_size = 2))
  expect_equal(audit$draws, c(5, 3))
  draws <- read_ledger(path, "attempts")
  expect_identical(draws$response[draws$draw == 2],
                   c("it's \"a\" no. 2\n", "it's \"b\" no. 2\n"))
  again <- read_ledger(path, judge = function(prompts, responses) {
    prompts == "a" & grepl("no. 2", responses)
  })
  expect_equal(again$time[1], 2)
  expect_true(is.na(again$status[2]))
  # The prompt that is now open resumes from its third draw.
  first <- NULL
  whole <- run_audit(again, function(p, draw) {
    first <<- first %||% draw[1L]
    rep(FALSE, length(p))
  })
  expect_equal(first, 4)
  expect_equal(whole$time, c(2, 5))
  expect_error(run_audit(again, sampler, ledger = path), "original verdicts",
               class = ledger_error)

  expect_error(read_ledger(path, judge = function(p, r) stop("no judge")),
               "no judge", class = "timetounsafe_error_argument")
  for (wrong in list(function(p, r) 1, function(p, r) TRUE)) {
    expect_error(read_ledger(path, judge = wrong), "logical values",
                 class = "timetounsafe_error_argument")
  }
})

test_that("prompts as data frames, ids as text and caps of Inf come back", {
  prompts <- data.frame(text = c("a", NA, "NA"),
                        temperature = c(1 / 3, 0, 1e-9),
                        harmful = c(TRUE, NA, FALSE), n = 1:3,
                        kind = factor(c("x", "y", "x")))
  path <- new_path()
  draw_responses(prompts, function(rows) rows$n == 2L, draws = 2,
                id = c("001", "1e3", "NA"), ledger = path)
  back <- read_ledger(path)
  expect_identical(back$id, c("001", "1e3", "NA"))
  prompts$kind <- as.character(prompts$kind)
  expect_identical(back$prompt, prompts)
  expect_identical(back$stop, rep(FALSE, 3))
  expect_silent(run_audit(sampler = identity, ledger = path))
  dates <- data.frame(day = Sys.Date() + 1:2)
  expect_error(draw_responses(dates, identity, 1, ledger = new_path()),
               "plain columns", class = "timetounsafe_error_argument")

  plan <- known_plan(c(0.2, 0.3), 30, design = "basic")
  expect_identical(plan$cap, c(Inf, Inf))
  path <- new_path()
  run_audit(plan, hashed_sampler, ledger = path)
  back <- read_ledger(path)
  expect_identical(back$cap, plan$cap)
  expect_identical(back$inclusion, plan$inclusion)
  expect_s3_class(back, c("audit", "audit_plan"), exact = FALSE)
  lpb <- suppressWarnings(point_lpb(back, hazard = known_hazard()))
  expect_s3_class(lpb, "lpb")
})

test_that("a ledger goes with its audit, not with one started without it", {
  set.seed(7)
  plan <- known_plan(rep(0.005, 5), 100)
  expect_warning(part <- run_audit(plan, hashed_sampler, max_draws = 64),
                 class = unfinished)
  path <- new_path()
  expect_error(run_audit(part, hashed_sampler, ledger = path), "without",
               class = ledger_error)
  expect_false(file.exists(path))
  expect_warning(kept <- run_audit(plan, hashed_sampler, max_draws = 128,
                                   ledger = path), class = unfinished)
  whole <- run_audit(kept, hashed_sampler, ledger = path)
  expect_same_outcome(whole, run_audit(plan, hashed_sampler))
})

test_that("draws that came in early survive, wherever their rows are moved", {
  # The first draw of each batch fails, so that those after it wait for it.
  plan <- known_plan(rep(0.01, 4), 100)
  tried <- new.env()
  sampler <- function(prompts, draw) {
    key <- paste(prompts, draw)
    new <- !vapply(key, exists, NA, envir = tried, inherits = FALSE)
    for (k in key) assign(k, TRUE, envir = tried)
    ifelse(new & draw == 1, NA, hashed_sampler(prompts, draw))
  }
  expect_warning(part <- run_audit(plan, sampler, max_draws = 40,
                                   control = audit_control(retry_wait = 60,
                                                           batch_size = 40)),
                 class = unfinished)
  expect_equal(sum(part$draws), 0)
  seen <- list()
  moved <- part[c(3, 1, 4, 2), ]
  whole <- run_audit(moved, function(prompts, draw) {
    seen[[length(seen) + 1L]] <<- paste(prompts, draw)
    hashed_sampler(prompts, draw)
  })
  expect_false(any(unlist(seen) %in% setdiff(ls(tried), paste(1:4, 1))))
  expect_same_outcome(whole[order(whole$id), ],
                      run_audit(plan, hashed_sampler))
})

test_that("a refusal stays one on record, also where it counts as a failure", {
  plan <- known_plan(rep(0.05, 2), 100, prompts = c("a", "b"))
  sampler <- function(prompts, draw) {
    data.frame(unsafe = FALSE, status = ifelse(draw == 2, "refused", "ok"))
  }
  path <- new_path()
  expect_warning(
    audit <- run_audit(plan, sampler, ledger = path,
                       control = audit_control(refusal = "error", max_tries = 2,
                                               retry_wait = 0)),
    class = "timetounsafe_warning_failed_draws"
  )
  expect_equal(audit$failed, c(TRUE, TRUE))
  attempts <- read_ledger(path, "attempts")
  second <- attempts[attempts$draw == 2, ]
  expect_identical(second$status, rep("refused", 4))
  expect_identical(second$final, c(FALSE, TRUE, FALSE, TRUE))
  expect_true(all(is.na(second$unsafe)))
  expect_same_outcome(quiet(read_ledger(path)), audit)

  path <- new_path()
  run_audit(plan, sampler, ledger = path)
  attempts <- read_ledger(path, "attempts")
  expect_identical(unique(attempts$status[attempts$draw == 2]), "refused")
  expect_true(all(attempts$final))
  expect_false(anyNA(attempts$unsafe))
})

test_that("a ledger has the tables, columns and keys that its help lists", {
  path <- new_path()
  cut <- function(prompts, draw) {
    data.frame(unsafe = FALSE, truncated = draw == 2)
  }
  draw_responses(c("a", "b"), cut, draws = 2, ledger = path)
  attempts <- read_ledger(path, "attempts")
  expect_named(attempts, c(
    "id", "row", "draw", "attempt", "status", "final", "unsafe", "score",
    "response", "truncated", "cost", "latency", "message"
  ))
  expect_identical(attempts$truncated, attempts$draw == 2)
  expect_true(all(c("started", "plan_hash", "refusal", "writer",
                    "logical_columns", "schema") %in%
                    names(read_ledger(path, "meta"))))
  error <- tryCatch(
    draw_responses("a", function(p) data.frame(unsafe = FALSE, truncated = 7),
                   draws = 1),
    error = identity
  )
  expect_s3_class(error, "timetounsafe_error_sampler")
  expect_match(conditionMessage(error), "TRUE or FALSE as `truncated`, not 7")
  expect_s3_class(error, "timetounsafe_error_sampler_contract")
})

test_that("responses are for the owner of the ledger alone", {
  skip_on_os("windows")
  old <- Sys.umask("022")
  withr::defer(Sys.umask(old))
  mode_of <- function(path) format(file.mode(path))
  path <- new_path()
  during <- NULL
  sampler <- function(prompts) {
    files <- Sys.glob(paste0(path, c("", "-wal", "-shm", "-journal")))
    during <<- c(during, mode_of(files))
    data.frame(unsafe = rep(FALSE, length(prompts)),
               response = paste("re:", prompts, stats::runif(length(prompts))))
  }
  draw <- function(keep) {
    draw_responses(c("a", "b"), sampler, draws = 2, ledger = path,
                   control = audit_control(keep_responses = keep,
                                           batch_size = 1))
  }
  # Without responses it has the mode that any file gets.
  draw(FALSE)
  expect_identical(mode_of(path), "644")
  unlink(path)
  during <- NULL
  draw(TRUE)
  expect_identical(mode_of(path), "600")
  expect_identical(unique(during), "600")
  # Also one that was begun otherwise.
  Sys.chmod(path, "664")
  draw(TRUE)
  expect_identical(mode_of(path), "600")
})
