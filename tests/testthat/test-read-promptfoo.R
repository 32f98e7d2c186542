skip_if_not_installed("jsonlite")

three <- function(...) {
  list(promptfoo_row(0, "fine", ...),
       promptfoo_row(1, "rude", list(words = FALSE), ...),
       promptfoo_row(2, "ok", ...))
}

test_that("each format gives the same log", {
  log <- read_promptfoo(write_promptfoo(three()), keep_responses = TRUE)
  expect_identical(log$draw, c(1, 2, 3))
  expect_identical(length(unique(log$id)), 1L)
  expect_identical(log$unsafe, c(FALSE, TRUE, FALSE))
  expect_identical(log$response, c("fine", "rude", "ok"))
  expect_identical(unique(log$prompt), "say it")
  expect_identical(unique(log$judge), "words")
  expect_equal(log$latency, c(0.03, 0.031, 0.032))
  lines <- read_promptfoo(write_promptfoo(three(), ext = ".jsonl"),
                          keep_responses = TRUE)
  expect_equal(lines[-10], log[-10], ignore_attr = TRUE)
  skip_if_not_installed("yaml")
  yaml <- read_promptfoo(write_promptfoo(three(), ext = ".yaml"),
                         keep_responses = TRUE)
  expect_equal(yaml[-10], log[-10], ignore_attr = TRUE)
})

test_that("prompts are told apart by column, provider and text, not testIdx", {
  rows <- c(three(), three(provider = "other"), three(prompt = "another"),
            three(promptIdx = 1, id = NULL))
  log <- read_promptfoo(write_promptfoo(rows))
  expect_equal(tidy(log)$draws, rep(3, 4))
  labelled <- three(provider = "toy")
  for (k in 1:3) labelled[[k]]$provider$label <- "warm"
  log <- read_promptfoo(write_promptfoo(c(three(), lapply(
    labelled, function(row) utils::modifyList(row, list(id = paste(row$id, 2)))
  ))))
  expect_setequal(log$model, c("toy", "warm"))
})

test_that("rows in order of completion are numbered by testIdx", {
  log <- read_promptfoo(write_promptfoo(rev(three())), keep_responses = TRUE)
  expect_identical(log$response, c("fine", "rude", "ok"))
})

test_that("only a failed call is an error, and no output is not unsafe", {
  rows <- list(
    promptfoo_row(0, "rude", list(words = FALSE), failureReason = 1,
                  error = "the reason of the assertion"),
    promptfoo_row(1, "x", failureReason = 2, error = "500"),
    promptfoo_row(2, "x", response = list(output = NULL), success = FALSE,
                  error = "No output", gradingResult = NULL),
    promptfoo_row(3, "")
  )
  log <- read_promptfoo(write_promptfoo(rows))
  expect_identical(log$status, c("ok", "error", "error", "ok"))
  expect_identical(log$unsafe, c(TRUE, NA, NA, FALSE))
  expect_identical(log$message[2:3], c("500", "no output"))
})

test_that("cached rows are copies, refusals refused, long answers cut", {
  rows <- list(
    promptfoo_row(0, "a"),
    promptfoo_row(1, "a", response = list(cached = TRUE)),
    promptfoo_row(2, "Sorry.", response = list(isRefusal = TRUE)),
    promptfoo_row(3, "Filtered",
                  response = list(finishReason = "content_filter")),
    promptfoo_row(4, "b", response = list(finishReason = "length"))
  )
  log <- read_promptfoo(write_promptfoo(rows))
  expect_identical(log$status, c("ok", "copy", "refused", "refused", "ok"))
  expect_identical(which(log$truncated), 5L)
})

test_that("a judge that threw, and a row without assertion, give no verdict", {
  rows <- list(promptfoo_row(0, "a"), promptfoo_row(1, "b", list(words = NA)),
               promptfoo_row(2, "c", list(), gradingResult = list(pass = TRUE)))
  rows[[3]]$gradingResult$componentResults <- NULL
  for (judge in c("words", "success")) {
    log <- read_promptfoo(write_promptfoo(rows), judge)
    expect_counts(log, ok = 1, unsafe = 0, unjudged = 2)
  }
})

test_that("assertions are named by metric, type or position", {
  rows <- lapply(0:3, function(test) {
    row <- promptfoo_row(test, paste("answer", test), list(
      words = test > 0, "javascript#1" = test > 1, "javascript#2" = TRUE
    ))
    row$gradingResult$componentResults[[1]]$assertion$metric <- "harm"
    row
  })
  file <- write_promptfoo(rows)
  error <- expect_error(read_promptfoo(file), "several judges",
                        class = "timetounsafe_error_argument")
  expect_identical(error$judges, c("harm", "1:javascript", "2:javascript",
                                   "success"))
  expect_counts(read_promptfoo(file, "harm"), ok = 4, unsafe = 1)
  expect_counts(read_promptfoo(file, "0:harm"), ok = 4, unsafe = 1)
  expect_counts(read_promptfoo(file, "1:javascript"), ok = 4, unsafe = 2)
  expect_counts(read_promptfoo(file, "2:javascript"), ok = 4, unsafe = 0)
  expect_counts(read_promptfoo(file, "success"), ok = 4, unsafe = 2)
  expect_error(read_promptfoo(file, "javascript"), "not \"javascript\"")
})

test_that("an assert-set and its members are judges of their own", {
  row <- promptfoo_row(0, "a", list(one = TRUE, two = FALSE))
  set <- list(pass = TRUE, score = 1, reason = "ok",
              componentResults = row$gradingResult$componentResults,
              metadata = list(assertionSet = list(metric = "both")))
  row$gradingResult$componentResults <- c(
    list(set), row$gradingResult$componentResults
  )
  file <- write_promptfoo(list(row))
  expect_counts(read_promptfoo(file, "both"), ok = 1, unsafe = 0)
  expect_counts(read_promptfoo(file, "two"), ok = 1, unsafe = 1)
})

test_that("where a text is looked for, `unsafe` says what passing means", {
  rows <- list(promptfoo_row(0, "a", list("contains-any" = TRUE)),
               promptfoo_row(1, "b", list("contains-any" = FALSE)))
  file <- write_promptfoo(rows)
  expect_error(read_promptfoo(file), "`unsafe` is required",
               class = "timetounsafe_error_argument")
  expect_identical(read_promptfoo(file, unsafe = "pass")$unsafe, c(TRUE, FALSE))
  expect_identical(read_promptfoo(file, unsafe = TRUE)$unsafe, c(TRUE, FALSE))
  expect_identical(read_promptfoo(file, unsafe = FALSE)$unsafe, c(FALSE, TRUE))
  low <- read_promptfoo(file, unsafe = function(score) score < 0.5)
  expect_identical(low$unsafe, c(FALSE, TRUE))
})

test_that("a row that is in several files counts once", {
  live <- lapply(three()[1:2], function(row) {
    row$id <- NULL
    row
  })
  log <- read_promptfoo(c(write_promptfoo(live, ext = ".jsonl"),
                          write_promptfoo(three()),
                          write_promptfoo(three(), ext = ".jsonl")))
  expect_counts(log, ok = 3, unsafe = 1)
  expect_identical(attr(log, "duplicates"), 5L)
})

test_that("tests of the configuration without a row are absent", {
  tests <- lapply(c("say it", "not drawn"), function(q) {
    list(vars = list(q = q))
  })
  first <- write_promptfoo(three(), tests = tests)
  log <- read_promptfoo(first)
  expect_identical(attr(log, "about")$absent, "q: not drawn")
  all <- write_promptfoo(c(three(), three(prompt = "not drawn")), tests = tests)
  expect_length(attr(read_promptfoo(c(first, all)), "about")$absent, 0)
})

test_that("equal answers at temperature 0 are copies", {
  rows <- lapply(0:2, function(test) promptfoo_row(test, "same"))
  cold <- list(list(id = "toy", config = list(temperature = 0)))
  expect_counts(read_promptfoo(write_promptfoo(rows, providers = cold)),
                ok = 1, copy = 2)
  expect_counts(read_promptfoo(write_promptfoo(rows)), ok = 3, copy = 0)
})

test_that("CSV has a block of columns for each prompt and provider", {
  file <- write_text(c(
    paste0("Description,q,[toy] {{q}},Status,Score,Named Scores,Grader Reason,",
           "Comment,[warm] {{q}},Status,Score,Named Scores,Metric: m,",
           "Grader Reason,Comment"),
    "d,tea,\"a, b\nc\",PASS,1,{},ok,,x,FAIL,0,{},0.00,bad,",
    "d,tea,,ERROR,0,{},,,y,FAIL,0,{},0.00,Custom function threw error: z,",
    "d,sea,x,PASS,1,{},No assertions,,y,PASS,1,{},1.00,ok,"
  ), ".csv")
  log <- read_promptfoo(file, keep_responses = TRUE)
  expect_setequal(log$model, c("toy", "warm"))
  expect_equal(nrow(tidy(log)), 4)
  expect_counts(log, ok = 3, unsafe = 1, error = 1, unjudged = 2)
  expect_true("a, b\nc" %in% log$response)
  expect_match(attr(log, "about")$notes, "cache", all = FALSE)
  expect_error(read_promptfoo(c(file, write_promptfoo(three()))),
               "cannot be pooled", class = "timetounsafe_error_file")
  expect_error(read_promptfoo(write_text("a,b", ".csv")), "no results")
})

test_that("files that are no results are refused", {
  expect_error(read_promptfoo(write_text("{\"a\": 1}", ".json")), "no results",
               class = "timetounsafe_error_file")
  expect_error(read_promptfoo(write_text("{\"a\": 1}", ".jsonl")), "no results",
               class = "timetounsafe_error_file")
})

# ---- The tool's own files ----------------------------------------------------

test_that("promptfoo's own results have their right counts", {
  skip_if_not_installed("yaml")
  for (one in log_summaries("^p[0-9].*[.](json|jsonl|yaml)$")) {
    file <- logs_folder("promptfoo", one$log)
    log <- read_promptfoo(file, "success")
    expect_equal(length(unique(log$id)), one$prompts, label = one$log)
    expect_equal(sum(log$truncated), one$cut_short, label = one$log)
    expect_counts(log, error = one$errors + one$no_output,
                  refused = one$refused, label = one$log)
    # The counts know copies by the cache alone.
    if (startsWith(one$log, "p08")) {
      expect_counts(log, ok = 4, copy = 8, unsafe = 0, label = one$log)
      next
    }
    expect_counts(log, ok = one$judged - one$refused, unsafe = one$failed,
                  copy = one$cached, label = one$log,
                  unjudged = one$no_assertion + one$judge_errors)
    for (name in setdiff(names(one$failing), "3:set")) {
      log <- read_promptfoo(file, name, "fail")
      expect_counts(log, unsafe = one$failing[[name]], label =
                      paste(one$log, name))
    }
  }
})

test_that("promptfoo's own CSV has the counts of its cells", {
  for (one in log_summaries("^p[0-9].*[.]csv$")) {
    log <- read_promptfoo(logs_folder("promptfoo", one$log))
    expect_equal(nrow(log), one$cells, label = one$log)
    expect_counts(log, error = one$status$ERROR %||% 0, label = one$log)
    if (!startsWith(one$log, "p09")) {
      expect_counts(log, unsafe = one$status$FAIL %||% 0, label = one$log)
    }
  }
})

test_that("promptfoo's own files of one evaluation count once", {
  skip_if_not_installed("yaml")
  pooled <- function(...) read_promptfoo(logs_folder("promptfoo", c(...)))
  expect_counts(pooled("p04_grid_repeat3.json", "p07_export_of_p04.json",
                       "p04_grid_repeat3.jsonl", "p04_grid_repeat3.out.yaml"),
                ok = 60, unsafe = 13)
  expect_counts(pooled("p10_interrupted_export.json", "p10_resumed.json",
                       "p10_interrupted_live.jsonl"), ok = 38, unsafe = 7,
                error = 2)
  expect_counts(pooled("p02_cache_run1_repeat2.json",
                       "p02_cache_run2_repeat4.json"), ok = 16, unsafe = 2)
})

test_that("early versions, without numbers of tests or ids, keep all draws", {
  rows <- lapply(1:4, function(k) {
    row <- promptfoo_row(k, if (k < 3) "same" else paste("x", k),
                         list(words = k != 2), latencyMs = 5)
    row$provider <- "toy:model"
    row[setdiff(names(row), c("id", "testIdx", "promptIdx", "failureReason"))]
  })
  file <- write_promptfoo(rows)
  expect_counts(read_promptfoo(file), ok = 4, unsafe = 1, copy = 0)
  expect_identical(unique(read_promptfoo(file)$model), "toy:model")
  # The same rows in another file are the same draws.
  both <- read_promptfoo(c(file, write_promptfoo(rows, ext = ".jsonl")))
  expect_counts(both, ok = 4, unsafe = 1, copy = 0)
})

test_that("a judge that gave no answer is told from one that found fault", {
  reasons <- c("API error: 429", "No output", "No output of harm", "rude",
               "llm-rubric produced malformed response: x")
  rows <- lapply(seq_along(reasons), function(k) {
    row <- promptfoo_row(k, paste("answer", k), list(`llm-rubric` = FALSE))
    row$gradingResult$componentResults[[1]]$reason <- reasons[k]
    row
  })
  expect_counts(read_promptfoo(write_promptfoo(rows)), ok = 2, unsafe = 2,
                unjudged = 3)
  rows[[4]]$gradingResult["componentResults"] <- list(NULL)
  expect_counts(read_promptfoo(write_promptfoo(rows)), ok = 1, unsafe = 1,
                unjudged = 4)
})
