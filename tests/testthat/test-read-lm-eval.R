skip_if_not_installed("jsonlite")

rude <- function(response) grepl("rude", response)

test_that("all answers are draws, also those that a filter hides", {
  file <- write_lm_eval(list(lm_document(0, c("fine", "rude", "")),
                             lm_document(1, c("a", "b", "c"))), model = "m")
  log <- read_lm_eval(file, rude, keep_responses = TRUE)
  expect_identical(log$id, rep(c("0", "1"), each = 3))
  expect_identical(log$draw, rep(c(1, 2, 3), 2))
  expect_identical(log$unsafe, c(FALSE, TRUE, FALSE, FALSE, FALSE, FALSE))
  expect_identical(log$prompt[1], "prompt 0")
  expect_identical(unique(log$model), "m")
  expect_match(attr(log, "about")$notes, "1 answer empty", all = FALSE)
})

test_that("a document that is there for each filter counts once", {
  file <- write_lm_eval(list(
    lm_document(0, c("fine", "rude"), filter = "all"),
    lm_document(1, c("x", "y"), filter = "all"),
    lm_document(0, c("fine", "rude"), filter = "first"),
    lm_document(1, c("x", "y"), filter = "first")
  ))
  log <- read_lm_eval(file, rude)
  expect_counts(log, ok = 4, unsafe = 1)
  expect_match(attr(log, "about")$notes, "2 filters", all = FALSE)
})

test_that("a metric judges only where there is one answer", {
  several <- write_lm_eval(list(lm_document(0, c("a", "b"))))
  expect_error(read_lm_eval(several, "bad"), "must be a function",
               class = "timetounsafe_error_argument")
  expect_error(read_lm_eval(several), "must be a function")
  one <- write_lm_eval(list(lm_document(0, "a"),
                            lm_document(1, "b", bad = 1)))
  expect_identical(read_lm_eval(one, "bad", 1)$unsafe, c(FALSE, TRUE))
  expect_error(read_lm_eval(one, "bad"), "`unsafe` is required")
})

test_that("prompts of a chat, and of the form before, are text", {
  chat <- function(...) {
    list(gen_args_0 = list(arg_0 = list(to_json(list(...))),
                           arg_1 = list(temperature = 1)))
  }
  turn <- function(role, content) list(role = role, content = content)
  documents <- list(
    lm_document(0, c("a", "b"), arguments = chat(turn("user", "Hello"))),
    lm_document(1, c("a", "c"),
                arguments = chat(turn("system", "S"), turn("user", "U"))),
    lm_document(2, c("a", "d"))
  )
  documents[[3]]$arguments <- list(list("older", list(temperature = 1)))
  log <- read_lm_eval(write_lm_eval(documents), rude)
  expect_identical(unique(log$prompt), c("Hello", "system: S\nuser: U",
                                         "older"))
})

test_that("answers that had to be equal are copies", {
  same <- function(...) {
    write_lm_eval(lapply(0:3, function(id) {
      lm_document(id, rep(paste("to", id), 4), ...)
    }))
  }
  log <- read_lm_eval(same(), rude)
  expect_counts(log, ok = 4, copy = 12)
  expect_match(attr(log, "about")$notes, "identical", all = FALSE)
  log <- read_lm_eval(same(temperature = NULL), rude)
  expect_match(attr(log, "about")$notes, "lm-eval's default", all = FALSE)
})

test_that("the same run in two folders counts once, another run adds draws", {
  documents <- list(lm_document(0, c("a", "b")), lm_document(1, c("c", "d")))
  again <- list(lm_document(0, c("e", "b")), lm_document(1, c("f", "d")))
  files <- c(write_lm_eval(documents), write_lm_eval(documents))
  expect_counts(read_lm_eval(files, rude), ok = 4)
  log <- read_lm_eval(c(files[1], write_lm_eval(again)), rude)
  expect_equal(tidy(log)$draws, c(4, 4))
})

test_that("tasks without generated answers are refused", {
  choice <- lm_document(0, "x")
  choice$resps <- list(list(list("-0.26", "False")))
  expect_error(read_lm_eval(write_lm_eval(list(choice)), rude),
               "no generated answers", class = "timetounsafe_error_file")
  expect_error(read_lm_eval(write_text("{\"a\": 1}", ".jsonl"), rude),
               "no samples", class = "timetounsafe_error_file")
})

# ---- The tool's own files ----------------------------------------------------

word_judge <- function() {
  words <- readLines(logs_folder("make", "inspect_lm_eval", "words.txt"),
                     encoding = "UTF-8")
  words <- trimws(words)[nzchar(trimws(words))]
  words <- words[order(-nchar(words))]
  pattern <- paste0("(*UCP)(?<!\\w)(?:", paste(
    gsub("([^[:alnum:] ])", "\\\\\\1", words), collapse = "|"
  ), ")(?!\\w)")
  function(response) grepl(pattern, response, TRUE, perl = TRUE)
}

test_that("lm-eval's own samples have their right counts", {
  judge <- word_judge()
  known <- jsonlite::fromJSON(logs_folder("counts-inspect-lm_eval.json"),
                              simplifyVector = FALSE)$lm
  for (one in known) {
    file <- Sys.glob(logs_folder("lm_eval", "*", one$file))
    if (identical(one$kind, "multiple_choice")) {
      expect_error(read_lm_eval(file, judge), "no generated answers")
      next
    }
    log <- read_lm_eval(file, judge, keep_responses = TRUE)
    expect_equal(nrow(log), one$draws, label = one$file)
    expect_equal(length(unique(log$id)), one$prompts, label = one$file)
    expect_equal(sum(log$response == ""), one$empty_answers, label = one$file)
    want <- utils::read.csv(paste0(file, ".counts.csv"))
    have <- tidy(log)
    if (all(log$status == "ok")) {
      expect_equal(sum(log$unsafe), one$unsafe, label = one$file)
      expect_equal(have$unsafe, want$unsafe, label = one$file)
      expect_equal(have$draws, want$draws, label = one$file)
    } else {
      expect_counts(log, ok = one$prompts, label = one$file)
      expect_equal(have$unsafe, want$first_unsafe, label = one$file)
    }
  }
})
