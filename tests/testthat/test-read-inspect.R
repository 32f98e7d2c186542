skip_if_not_installed("jsonlite")

# Two prompts, two epochs, the first of prompt b unsafe.
four <- function(...) {
  list(inspect_sample("a", 1, ...), inspect_sample("a", 2, ...),
       inspect_sample("b", 1, scores = list(words = "I"), ...),
       inspect_sample("b", 2, ...))
}

read_i <- function(file, ...) read_inspect(file, unsafe = "I", ...)

test_that("a log in JSON becomes a response_log", {
  log <- read_inspect(write_inspect(four()), "words", "I",
                      keep_responses = TRUE)
  expect_s3_class(log, "response_log")
  expect_identical(log$id, c("a", "a", "b", "b"))
  expect_identical(log$prompt, paste("prompt", log$id))
  expect_identical(log$draw, c(1, 2, 1, 2))
  expect_identical(log$unsafe, c(FALSE, FALSE, TRUE, FALSE))
  expect_identical(log$response[3], "answer b 1")
  expect_identical(unique(log$model), "toy/model")
  expect_identical(unique(log$judge), "words")
  expect_identical(log$latency, rep(0.5, 4))
  expect_null(read_i(write_inspect(four()))$response)
})

test_that("JSON without line breaks, and longer than a block, reads the same", {
  log <- read_i(write_inspect(four()))
  flat <- read_i(write_inspect(four(), pretty = FALSE))
  expect_equal(flat[-10], log[-10], ignore_attr = TRUE)
  long <- list(inspect_sample("a", 1, strrep("long ", 1.2e6)),
               inspect_sample("a", 2, strrep("\"\\\n", 4e6)),
               inspect_sample("b", 1, "short"))
  log <- read_i(write_inspect(long), keep_responses = TRUE)
  expect_identical(nchar(log$response), c(6e6L, 12e6L, 5L))
})

test_that("an archive reads the same, and the last of two members counts", {
  log <- read_i(write_eval(four()))
  expect_equal(log[-10], read_i(write_inspect(four()))[-10],
               ignore_attr = TRUE)
  outdated <- inspect_sample("a", 2, NULL, list(), error = list(message = "x"))
  twice <- read_i(write_eval(c(list(outdated), four())))
  expect_counts(twice, ok = 4, unsafe = 1, error = 0)
})

test_that("an archive without a header is read from its journal", {
  log <- read_i(write_eval(four(), header = FALSE))
  expect_counts(log, ok = 4, unsafe = 1)
  expect_match(attr(log, "about")$notes, "did not finish", all = FALSE)
})

test_that("ids are those of the records, not of the members", {
  ids <- list("a/b/c", "x_epoch_2", "NA", "001", 1L)
  samples <- lapply(ids, inspect_sample, epoch = 1)
  expect_setequal(read_i(write_eval(samples))$id,
                  c("a/b/c", "x_epoch_2", "NA", "001", "1"))
  both <- list(inspect_sample(1L, 1), inspect_sample("1", 1, uuid = "other"))
  expect_setequal(read_i(write_inspect(both))$id, c("1", "\"1\""))
})

test_that("errors, limits, invalid and filtered records are not usable", {
  null <- list(message = "down")
  samples <- list(
    inspect_sample("a", 1, NULL, list(), error = null),
    # The model answered and one judge said safe, then another judge failed.
    inspect_sample("a", 2, error = null),
    inspect_sample("a", 3, stop = "content_filter"),
    inspect_sample("a", 4, limit = list(type = "token")),
    inspect_sample("a", 5, invalidation = list(author = "me")),
    inspect_sample("a", 6, stop = "max_tokens", scores = list(words = "I")),
    inspect_sample("a", 7, scores = list(other = "C"))
  )
  log <- read_inspect(write_inspect(samples), "words", "I")
  expect_counts(log, ok = 1, unsafe = 1, error = 2, refused = 1, invalid = 2,
                unjudged = 1)
  expect_identical(which(log$truncated), 6L)
  expect_match(log$message[1], "down")
})

test_that("bare NaN is no verdict, and no text is cut at a zero", {
  samples <- list(
    inspect_sample("a", 1, "x NaN: NaN, y", list(words = "<NaN>")),
    inspect_sample("a", 2, "before<0>after", list(words = 0.2)),
    inspect_sample("a", 3, "half <half> and \\\\<0>", list(words = 0.9))
  )
  text <- to_json(inspect_log(samples), pretty = 2)
  text <- gsub("\"<NaN>\"", "NaN", text, fixed = TRUE)
  text <- gsub("<0>", "\\u0000", text, fixed = TRUE)
  text <- gsub("<half>", "\\ud83d", text, fixed = TRUE)
  log <- read_inspect(write_text(text, ".json"), unsafe = 0.5,
                      keep_responses = TRUE)
  expect_identical(log$status, c("unjudged", "ok", "ok"))
  expect_identical(log$unsafe, c(NA, FALSE, TRUE))
  expect_identical(log$response[1:2], c("x NaN: NaN, y", "before\ufffdafter"))
  # Two backslashes are one, and the zero after them an escape.
  expect_identical(log$response[3], "half \ufffd and \\\\\ufffd")
})

test_that("prompts and answers may consist of parts", {
  parts <- list(list(type = "reasoning", reasoning = "a bad word"),
                list(type = "text", text = "one, "),
                list(type = "text", text = "two"))
  chat <- list(list(role = "system", content = "Be kind."),
               list(role = "user", content = list(
                 list(type = "text", text = "Hello"),
                 list(type = "image", image = "attachment://x")
               )))
  log <- read_i(write_inspect(list(inspect_sample("a", 1, parts,
                                                  input = chat))),
                keep_responses = TRUE)
  expect_identical(log$response, "one, two")
  expect_identical(log$prompt, "system: Be kind.\nuser: Hello")
})

test_that("only the first of several choices is a draw", {
  sample <- inspect_sample("a", 1)
  sample$output$choices[[2]] <- list(message = list(content = "other"))
  log <- read_i(write_inspect(list(sample)), keep_responses = TRUE)
  expect_identical(log$response, "answer a 1")
  expect_match(attr(log, "about")$notes, "1 answer besides", all = FALSE)
})

test_that("thrown-away answers are no draws, and the warning says so", {
  event <- function(answer) {
    choices <- list(list(message = list(content = answer)))
    list(list(events = list(list(event = "model",
                                 output = list(choices = choices)))))
  }
  failed <- four()
  failed[[1]]$error_retries <- event("")
  expect_no_warning(log <- read_i(write_inspect(failed)))
  expect_counts(log, ok = 4)
  expect_null(attr(log, "about")$dependent)
  failed[[1]]$error_retries <- event("a rude answer")
  expect_warning(log <- read_i(write_inspect(failed)), "had answered",
                 class = "timetounsafe_warning_dependent_draws")
  expect_counts(log, ok = 4)
  expect_length(attr(log, "about")$dependent, 1)
})

test_that("epochs that stopped early depend on outcomes", {
  results <- list(early_stopping = list(
    manager = "rule", early_stops = list(list(id = "a", epoch = 2))
  ))
  expect_warning(log <- read_i(write_inspect(four(), results = results)),
                 "stopped early")
  expect_match(attr(log, "about")$dependent, "1 prompt")
})

test_that("prompts without a draw are named", {
  log <- read_i(write_inspect(four(), "cancelled", eval = list(
    dataset = list(samples = 3, sample_ids = c("a", "b", "c"))
  )))
  expect_identical(attr(log, "about")$absent, "c")
  expect_match(attr(log, "about")$notes, "4 of 6 planned records", all = FALSE)
  expect_output(print(log), "1 prompt without a draw")
})

test_that("several judges and none named: an error that lists them", {
  samples <- lapply(1:3, function(epoch) {
    inspect_sample("a", epoch, scores = list(
      words = c("C", "I", "C")[epoch], grade = epoch / 4,
      panel = list(unsafe = epoch == 3, shout = 0)
    ))
  })
  file <- write_inspect(samples)
  error <- expect_error(read_inspect(file), class =
                          "timetounsafe_error_argument")
  expect_match(conditionMessage(error), "words: \"C\" (2), \"I\" (1)",
               fixed = TRUE)
  expect_identical(error$judges, c("words", "grade", "panel$unsafe",
                                   "panel$shout"))
  expect_error(read_inspect(file, "nobody"), "not \"nobody\"")
  expect_error(read_inspect(file, "panel"), "several parts")
  expect_error(read_inspect(file, "words"), "`unsafe` is required")
  expect_error(read_inspect(file, "grade"), "`unsafe` is required")
  expect_error(read_inspect(file, "words", 0.5), "must be a number",
               class = "timetounsafe_error_audit")
  expect_identical(read_inspect(file, "grade", 0.5)$unsafe,
                   c(FALSE, TRUE, TRUE))
  expect_identical(read_inspect(file, "grade", 0.5)$score, 1:3 / 4)
  last <- c(FALSE, FALSE, TRUE)
  expect_identical(read_inspect(file, "panel$unsafe")$unsafe, last)
  expect_identical(read_inspect(file, "panel", function(v) v$unsafe)$unsafe,
                   last)
  expect_identical(read_inspect(file, "words", c("C", "P"))$unsafe,
                   c(TRUE, FALSE, TRUE))
})

test_that("a function judges whole answers", {
  log <- read_inspect(write_inspect(four()), function(r) grepl("b 2", r))
  expect_identical(log$unsafe, c(FALSE, FALSE, FALSE, TRUE))
  expect_identical(unique(log$judge), "function")
})

test_that("the same draw in two files counts once", {
  first <- write_inspect(four()[1:3], "cancelled")
  log <- read_i(c(first, write_inspect(four())))
  expect_counts(log, ok = 4, unsafe = 1)
  expect_identical(attr(log, "duplicates"), 3L)
  # A record that failed, and was drawn again by a retry of the run.
  failed <- four()
  failed[[4]] <- inspect_sample("b", 2, NULL, list(), uuid = "first try",
                                error = list(message = "x"))
  log <- read_i(c(write_inspect(failed), write_inspect(four())))
  expect_counts(log, ok = 4, error = 0)
  # Scored again: whichever has the judge.
  again <- lapply(four(), function(sample) {
    utils::modifyList(sample, list(scores = list(more = list(value = 1))))
  })
  expect_counts(read_inspect(c(write_inspect(again), first), "more", 1),
                ok = 4, unsafe = 4)
  other <- four()
  other[[1]]$scores$words$value <- "I"
  expect_error(read_i(c(first, write_inspect(other))), "different verdicts",
               class = "timetounsafe_error_file")
})

test_that("what a cache gave is a copy", {
  event <- list(list(event = "model", cache = "read"))
  cached <- four()
  for (k in c(2, 4)) cached[[k]]$events <- event
  expect_counts(read_i(write_inspect(cached)), ok = 2, copy = 2, unsafe = 1)
  # In another log under another key: the message is the same.
  fresh <- write_inspect(four())
  run <- list(eval_id = "f", task_id = "other")
  for (k in 1:4) cached[[k]]$uuid <- paste("new", k)
  log <- read_i(c(fresh, write_inspect(cached, eval = run)))
  expect_counts(log, ok = 4, copy = 0)
})

test_that("repeats that had to be equal are copies", {
  same <- lapply(four(), function(sample) {
    sample$output$choices[[1]]$message$content <- paste("to", sample$id)
    sample
  })
  cold <- read_i(write_inspect(same, config = list(temperature = 0)))
  expect_counts(cold, ok = 2, copy = 2, unsafe = 1)
  expect_match(attr(cold, "about")$notes, "temperature 0", all = FALSE)
  seeded <- read_i(write_inspect(same, config = list(seed = 42)))
  expect_counts(seeded, ok = 2, copy = 2)
  # Two prompts with equal answers are too few to tell without a reason.
  expect_counts(read_i(write_inspect(same)), ok = 4, copy = 0)
  warm <- read_i(write_inspect(four(), config = list(temperature = 0)))
  expect_counts(warm, ok = 4, copy = 0)
  expect_match(attr(warm, "about")$notes, "Temperature 0", all = FALSE)
})

test_that("logs of two models, or of two tasks with the same ids, stay apart", {
  run <- function(...) {
    write_inspect(lapply(four(), function(sample) {
      sample$uuid <- paste(sample$uuid, ...)
      sample$output$choices[[1]]$message$id <- NULL
      sample
    }), eval = list(task_id = paste(...), ...))
  }
  log <- read_i(c(run(model = "one"), run(model = "two")))
  expect_setequal(log$id, c("one/a", "one/b", "two/a", "two/b"))
  expect_match(attr(log, "about")$notes, "Several models", all = FALSE)
  other <- lapply(four(), function(sample) {
    sample$uuid <- paste("other", sample$uuid)
    sample$input <- "another"
    sample$output$choices[[1]]$message$id <- NULL
    sample
  })
  tasks <- read_i(c(run(task = "x"), write_inspect(other, eval = list(
    task = "y", task_id = "y"
  ))))
  expect_setequal(tasks$id, c("x/a", "x/b", "y/a", "y/b"))
  expect_error(read_i(c(write_inspect(four()), write_inspect(other))),
               "several prompts", class = "timetounsafe_error_file")
})

test_that("files that are no logs are refused", {
  expect_error(read_i(write_text("{\"a\": 1}", ".json")),
               "not a log of Inspect", class = "timetounsafe_error_file")
  expect_error(read_i(write_text("{\"a\": ", ".json")), "not valid JSON",
               class = "timetounsafe_error_file")
  expect_error(read_i("absent.eval"), "does not exist",
               class = "timetounsafe_error_argument")
  expect_error(read_inspect(), "missing")
  cut <- readLines(write_inspect(four()))
  expect_error(read_i(write_text(utils::head(cut, -12), ".json")),
               "middle of a record", class = "timetounsafe_error_file")
  expect_error(read_inspect(write_inspect(list())), "must contain responses")
})

# ---- The tools' own files ----------------------------------------------------

inspect_rules <- list(wordlist = "I", choice = "I", human = "I", fragile = "I",
                      severity = 0.5, panel = function(v) v$unsafe)

test_that("Inspect's own logs have their right counts", {
  skip_if_not_installed("archive")
  folder <- logs_folder("inspect")
  known <- jsonlite::fromJSON(logs_folder("counts-inspect-lm_eval.json"),
                              simplifyVector = FALSE)$inspect
  for (one in known) {
    for (judge in names(one$scorers)) {
      log <- suppressWarnings(read_inspect(
        file.path(folder, one$file), judge, inspect_rules[[judge]]
      ), classes = "timetounsafe_warning_dependent_draws")
      where <- paste(one$file, judge)
      want <- one$scorers[[judge]]
      expect_counts(log, error = one$errors, refused = one$refused,
                    invalid = one$limited + one$invalidated, label = where)
      expect_equal(nrow(log), one$records, label = where)
      expect_equal(sum(log$truncated), one$cut, label = where)
      copies <- log_counts(log)[["copy"]]
      # The counts know copies by the cache alone.
      if (copies == 0) {
        expect_counts(log, ok = want$usable, unsafe = want$unsafe,
                      label = where)
      }
      expect_true(copies == one$copies ||
                    one$distinct_answers_a_prompt == 1, label = where)
    }
  }
})

test_that("Inspect's own logs have their right counts by prompt", {
  skip_if_not_installed("archive")
  for (name in c("errors.eval", "three-scorers.eval", "odd.json", "big.eval")) {
    log <- read_inspect(logs_folder("inspect", name), "wordlist", "I")
    want <- utils::read.csv(logs_folder("inspect",
                                        paste0(name, ".counts.csv")),
                            colClasses = c(id = "character"), na.strings = "",
                            encoding = "UTF-8")
    have <- tidy(log)
    have <- have[match(want$id, have$id), ]
    expect_equal(have$draws, want$records, label = name)
    expect_equal(have$ok, want$wordlist_draws, label = name)
    expect_equal(have$unsafe, want$wordlist_unsafe, label = name)
  }
})

test_that("repeats without randomness of Inspect's own logs are copies", {
  skip_if_not_installed("archive")
  for (name in c("temp0.eval", "seed-fixed.eval")) {
    log <- read_inspect(logs_folder("inspect", name), "wordlist", "I")
    expect_counts(log, ok = 12, copy = 48, unsafe = 3, label = name)
  }
  log <- read_inspect(logs_folder("inspect", "cache-across-epochs.eval"),
                      "wordlist", "I")
  expect_counts(log, ok = 6, copy = 30)
})

test_that("Inspect's own logs that share draws count them once", {
  skip_if_not_installed("archive")
  pooled <- function(...) {
    log_counts(read_inspect(logs_folder("inspect", c(...)), "wordlist", "I"))
  }
  ok <- function(counts) unname(counts[c("ok", "unsafe", "error", "copy")])
  expect_equal(ok(pooled("three-scorers.eval", "three-scorers-converted.json")),
               c(50, 13, 0, 0))
  expect_equal(ok(pooled("odd.eval", "odd-chunked.eval")), c(36, 3, 0, 0))
  expect_equal(ok(pooled("cancelled.eval", "cancelled-retried.eval")),
               c(72, 14, 0, 0))
  expect_equal(ok(pooled("killed.eval", "killed-retried.eval")), c(72, 6, 0, 0))
  expect_equal(ok(pooled("cache-first.eval", "cache-second.eval")),
               c(36, 9, 0, 0))
  expect_equal(ok(pooled("temp0.eval", "rescored.eval")), c(12, 3, 0, 48))
})

test_that("the answer to judge in Inspect's own logs is the text part", {
  skip_if_not_installed("archive")
  log <- read_inspect(logs_folder("inspect", "parts.eval"), "wordlist", "I",
                      keep_responses = TRUE)
  expect_false(anyNA(log$response))
  expect_counts(log, ok = 24, unsafe = 5)
  log <- read_inspect(logs_folder("inspect", "odd.eval"), "wordlist", "I")
  prompt <- log$prompt[log$id == "nul"][1]
  expect_match(prompt, "^before\ufffdafter .*committed it$")
})

test_that("a judge without a grade, or without scores, gives no verdict", {
  samples <- four()
  samples[[1]]["scores"] <- list(NULL)
  samples[[2]]$scores$words <- list(
    value = "I", explanation = "Grade not found in model output: hm"
  )
  samples[[3]]$scores$words <- list(value = list(bad = 1, "why"))
  expect_counts(read_inspect(write_inspect(samples), "words", "I"), ok = 1,
                unsafe = 0, unjudged = 3)
  expect_counts(read_inspect(write_inspect(samples), "words", "C"), ok = 1,
                unsafe = 1, unjudged = 3)
})

test_that("the one score of early versions is read", {
  samples <- lapply(four(), function(sample) {
    sample$score <- sample$scores$words
    sample$scores <- NULL
    sample
  })
  expect_counts(read_i(write_inspect(samples)), ok = 4, unsafe = 1)
})

test_that("what a rule cannot mean is said", {
  samples <- lapply(1:3, function(k) {
    inspect_sample("a", k, scores = list(s = k / 4))
  })
  file <- write_inspect(samples)
  expect_error(read_inspect(file, unsafe = "I"), "must be a number",
               class = "timetounsafe_error_argument")
  expect_counts(read_inspect(file, unsafe = "0.5"), unsafe = 1)
  parts <- list(inspect_sample("a", 1, scores = list(p = list(x = 1, y = 0))))
  expect_error(read_inspect(write_inspect(parts), "p"), "p\\$x",
               class = "timetounsafe_error_argument")
})
