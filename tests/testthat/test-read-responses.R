write_lines <- function(lines, ext = ".csv") {
  file <- tempfile(fileext = ext)
  writeLines(lines, file)
  file
}

test_that("draws without a number are numbered in the order of the file", {
  file <- write_lines(c("id,unsafe", "b,0", "a,1", "b,0", "b,1", "a,"))
  log <- read_responses(file)
  expect_identical(log$draw, c(1, 1, 2, 3, 2))
  expect_identical(log$status, c("ok", "ok", "ok", "ok", "error"))
  expect_identical(log$unsafe, c(FALSE, TRUE, FALSE, TRUE, NA))
  expect_equal(log$row, 1:5)
  expect_identical(log$source, rep(file, 5))
  expect_output(print(log), "Draws numbered")
  more <- write_lines(c("id,unsafe", "a,0"))
  both <- read_responses(c(file, more))
  expect_identical(both$draw, c(log$draw, 3))
  expect_equal(both$row, c(1:5, 1))
})

test_that("a response that occurs twice is counted once", {
  first <- write_lines(c("id,draw,unsafe,response", "a,1,0,x", "a,2,1,y"))
  second <- write_lines(c("id,draw,unsafe,response", "a,2,1,y", "a,3,0,z"))
  log <- read_responses(c(first, second))
  expect_identical(log$draw, c(1, 2, 3))
  expect_equal(glance(log)$duplicates, 1)
  expect_output(print(log), "1 response occurred twice and counted once.")
  # Others are two answers to one question.
  third <- write_lines(c("id,draw,unsafe,response", "a,2,1,other"))
  log <- read_responses(c(first, third))
  expect_equal(nrow(log), 3)
  plan <- known_plan(0.05, 100, tau_max = 0.3, id = "a")
  expect_error(as_audit(log, plan), "draw 2 is duplicated",
               class = "timetounsafe_error_audit")
  none <- write_lines(c("id,unsafe", "a,0"))
  expect_error(read_responses(c(first, none)), "Only some of the files",
               class = "timetounsafe_error_file")
})

test_that("compressed files and JSON lines are the same log", {
  skip_if_not_installed("jsonlite")
  lines <- c("id,draw,unsafe,score", "a,1,0,0.25", "a,2,1,0.5")
  csv <- write_lines(lines)
  zipped <- tempfile(fileext = ".csv.gz")
  con <- gzfile(zipped)
  writeLines(lines, con)
  close(con)
  json <- write_lines(c(
    "{\"id\": \"a\", \"draw\": 1, \"unsafe\": false, \"score\": 0.25}",
    "{\"id\": \"a\", \"draw\": 2, \"unsafe\": true, \"score\": 0.5}"
  ), ".jsonl")
  same <- function(file) {
    log <- as.data.frame(read_responses(file))
    log[names(log) != "source"]
  }
  expect_equal(same(zipped), same(csv))
  expect_equal(same(json), same(csv))
  expect_equal(same(csv)$score, c(0.25, 0.5))
})

test_that("verdicts are in the column that `judge` names, as `unsafe` says", {
  file <- write_lines(c(
    "id,unsafe,verdict,harm,safe", "a,0,C,0.2,yes", "a,0,I,0.9,no",
    "a,0,,,", "b,0,P,0.5,yes"
  ))
  read <- function(...) read_responses(file, ...)$unsafe
  expect_identical(read(), rep(FALSE, 4))
  expect_identical(read(judge = "verdict", unsafe = "I"),
                   c(FALSE, TRUE, NA, FALSE))
  expect_identical(read(judge = "verdict", unsafe = c("I", "P")),
                   c(FALSE, TRUE, NA, TRUE))
  expect_identical(read(judge = "harm", unsafe = 0.5),
                   c(FALSE, TRUE, NA, TRUE))
  expect_identical(read(judge = "harm", unsafe = function(x) x > 0.5),
                   c(FALSE, TRUE, NA, FALSE))
  log <- read_responses(file, judge = "harm", unsafe = 0.5)
  expect_identical(log$score, c(0.2, 0.9, NA, 0.5))
  expect_identical(log$judge, rep("harm", 4))
  expect_identical(log$status, c("ok", "ok", "unjudged", "ok"))
  safe <- write_lines(c("id,passed", "a,true", "a,false"))
  passed <- read_responses(safe, judge = "passed", unsafe = FALSE)
  expect_identical(passed$unsafe, c(FALSE, TRUE))
  expect_error(read(judge = "verdict"), "`verdict`",
               class = "timetounsafe_error_audit")
  expect_error(read(judge = "verdict", unsafe = 1), "a number",
               class = "timetounsafe_error_audit")
  expect_error(read(judge = "none"), "no columns \"none\"",
               class = "timetounsafe_error_file")
})

test_that("a function judges the responses that are there", {
  file <- write_lines(c(
    "id,prompt,response,status", "a,hi,I hate you,", "a,hi,I love you,ok",
    "b,ho,,", "b,ho,I hate it,error", "b,ho,no,refused", "b,ho,hm,"
  ))
  seen <- NULL
  log <- read_responses(file, judge = function(prompts, responses) {
    seen <<- paste(prompts, responses)
    ifelse(responses == "hm", NA, grepl("hate", responses))
  })
  expect_identical(seen, c("hi I hate you", "hi I love you", "ho hm"))
  expect_identical(log$status, c("ok", "ok", "error", "error", "refused",
                                 "unjudged"))
  expect_identical(log$unsafe, c(TRUE, FALSE, NA, NA, NA, NA))
  expect_null(log$response)
  scores <- read_responses(file, judge = nchar, unsafe = 10,
                           keep_responses = TRUE)
  expect_identical(scores$unsafe[1:2], c(TRUE, TRUE))
  expect_identical(scores$response[1], "I hate you")
  expect_error(read_responses(file, judge = function(r) stop("down")), "down",
               class = "timetounsafe_error_argument")
  expect_error(read_responses(file, judge = function(r) 1), "logical values",
               class = "timetounsafe_error_argument")
  bare <- write_lines(c("id,unsafe", "a,0"))
  expect_error(read_responses(bare, judge = function(r) TRUE), "response",
               class = "timetounsafe_error_file")
})

test_that("a refusal counts as `refusal` says, anything else as failed", {
  plan <- known_plan(rep(0.1, 2), 100, tau_max = 0.3)
  draws <- data.frame(id = rep(1:2, each = 3), draw = 1:3, unsafe = 0,
                      status = c("", "refused", "", "", "", ""))
  log <- read_responses(write_draws(draws))
  expect_equal(as_audit(log, plan)$status, c(0, 0))
  expect_equal(as_audit(log, plan, refusal = "unsafe")$time[1], 2)
  expect_warning(audit <- as_audit(log, plan, refusal = "error"),
                 class = "timetounsafe_warning_failed_draws")
  expect_identical(audit$failed, c(TRUE, FALSE))
  for (status in c("copy", "unjudged", "invalid", "error")) {
    draws$status[2] <- status
    log <- read_responses(write_draws(draws))
    expect_warning(audit <- as_audit(log, plan),
                   class = "timetounsafe_warning_failed_draws")
    expect_equal(audit$time[1], 2)
  }
})

test_that("a long file is read in reasonable time", {
  skip_on_cran()
  n <- 2e5
  file <- write_lines(c("id,draw,unsafe", sprintf("p%d,%d,0", (1:n - 1) %/% 10,
                                                  (1:n - 1) %% 10 + 1)))
  seconds <- system.time(log <- read_responses(file))[["elapsed"]]
  expect_equal(nrow(log), n)
  expect_lt(seconds, 30)
})

test_that("Parquet gives the same log as CSV", {
  skip_if_not_installed("nanoparquet")
  draws <- data.frame(id = c(7, 7, 8), draw = c(1L, 2L, 1L),
                      unsafe = c(FALSE, TRUE, NA), score = c(0.25, 1, NA),
                      response = c("caf\u00e9", "b", NA))
  file <- tempfile(fileext = ".parquet")
  nanoparquet::write_parquet(draws, file)
  log <- read_responses(file, keep_responses = TRUE)
  expect_identical(log$id, c("7", "7", "8"))
  expect_identical(log$unsafe, c(FALSE, TRUE, NA))
  expect_identical(log$status, c("ok", "ok", "error"))
  expect_identical(log$score, c(0.25, 1, NA))
  expect_identical(log$response[1], "caf\u00e9")
  judged <- read_responses(file, judge = function(r) r == "b")
  expect_identical(judged$unsafe, c(FALSE, TRUE, NA))
  again <- read_responses(c(file, write_lines(c(
    "id,draw,unsafe,score,response", "8,2,0,0.5,c"
  ))))
  expect_equal(tidy(again)$draws, c(2, 2))
  expect_error(read_responses(write_lines("x"), "parquet"),
               class = "timetounsafe_error_file")
})
