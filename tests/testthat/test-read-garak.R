skip_if_not_installed("jsonlite")

two <- function(...) {
  list(garak_attempt("u1", c("fine", "rude"), list(words = c(0, 1)), ...),
       garak_attempt("u2", c("fine", "ok"), list(words = c(0, 0)), ...))
}

test_that("a report becomes a response_log, each finished prompt once", {
  log <- read_garak(write_garak(two()), keep_responses = TRUE)
  expect_identical(log$id, c("u1", "u1", "u2", "u2"))
  expect_identical(log$draw, c(1, 2, 1, 2))
  expect_identical(log$unsafe, c(FALSE, TRUE, FALSE, FALSE))
  expect_identical(log$prompt[1], "say u1")
  expect_identical(log$response[2], "rude")
  expect_identical(unique(log$probe), "toy.Probe")
  expect_identical(unique(log$model), "toy/model")
})

test_that("both forms of a missing output are errors, a missing score none", {
  attempt <- garak_attempt("u", c("fine", NA, "", "odd"),
                           list(words = list(0, NULL, 0, NULL)))
  attempt$outputs[5] <- list(NULL)
  attempt$detector_results$words[5] <- list(NULL)
  log <- read_garak(write_garak(list(attempt)))
  expect_identical(log$status, c("ok", "error", "ok", "unjudged", "error"))
  expect_match(attr(log, "about")$notes, "1 answer empty", all = FALSE)
})

test_that("scores are graded, and no threshold is assumed", {
  attempt <- list(garak_attempt("u", c("a", "b", "c"),
                                list(share = c(0.25, 0.5, 1))))
  file <- write_garak(attempt, list(list(
    probe = "toy.Probe", detector = "detector.share", fails = 1
  )))
  expect_error(read_garak(file), "`unsafe` is required",
               class = "timetounsafe_error_argument")
  log <- read_garak(file, unsafe = 0.5)
  expect_identical(log$unsafe, c(FALSE, TRUE, TRUE))
  expect_match(attr(log, "about")$notes, "garak counts 1 unsafe", all = FALSE)
  expect_length(attr(read_garak(file, unsafe = 0.75), "about")$notes, 0)
  old <- write_garak(attempt, list(list(
    probe = "toy.Probe", detector = "detector.share", passed = 1, total = 3
  )))
  expect_length(attr(read_garak(old, unsafe = 0.5), "about")$notes, 0)
})

test_that("detectors differ by prompt, and have to be named", {
  attempts <- list(
    garak_attempt("u1", c("a", "b"), list(words = c(0, 1), other = c(1, 1))),
    garak_attempt("u2", c("a", "b"), list(other = c(1, 0)))
  )
  file <- write_garak(attempts)
  error <- expect_error(read_garak(file), "several judges",
                        class = "timetounsafe_error_argument")
  expect_identical(error$judges, c("words", "other"))
  log <- read_garak(file, "words")
  expect_counts(log, ok = 2, unsafe = 1, unjudged = 0)
  expect_match(attr(log, "about")$notes, "2 outputs on which words was not run",
               all = FALSE)
  expect_counts(read_garak(file, "other"), ok = 4, unsafe = 3)
  judged <- read_garak(file, function(r) r == "a")
  expect_counts(judged, ok = 4, unsafe = 2)
})

test_that("prompts of a run that was stopped are absent, not safe", {
  attempts <- two()
  attempts[[2]]$status <- 1
  file <- write_garak(attempts, end = FALSE)
  log <- read_garak(file)
  expect_counts(log, ok = 2, unsafe = 1)
  expect_identical(attr(log, "about")$absent, "u2")
  lines <- readLines(file)
  cat(substr(lines[4], 1, 60), file = file, append = TRUE)
  log <- read_garak(file)
  expect_counts(log, ok = 2, unsafe = 1)
  expect_match(attr(log, "about")$notes, "incomplete", all = FALSE)
  broken <- write_text(c(lines[1:3], "{\"entry_type\":", lines[-(1:3)]),
                       ".jsonl")
  expect_error(read_garak(broken), "line 4 is not valid JSON",
               class = "timetounsafe_error_file")
})

test_that("`seq` is no id, and an aggregate shares its attempts", {
  first <- two()
  both <- c(first, list(garak_attempt("u3", "x", list(words = 1))))
  expect_equal(tidy(read_garak(write_garak(both)))$draws, c(2, 2, 1))
  log <- read_garak(c(write_garak(first), write_garak(both)))
  expect_counts(log, ok = 5, unsafe = 2)
  expect_identical(attr(log, "duplicates"), 4L)
})

test_that("texts of the old form, several turns and U+2028 are read whole", {
  old <- garak_attempt("u1", "x", list(words = 0))
  old$prompt <- "plain prompt"
  old$outputs <- list("plain output")
  turns <- garak_attempt("u2", "one\u2028two", list(words = 1))
  turns$prompt <- garak_prompt("first", "")
  log <- read_garak(write_garak(list(old, turns)), keep_responses = TRUE)
  expect_identical(log$prompt, c("plain prompt", "user: first\nuser: "))
  expect_identical(log$response, c("plain output", "one\u2028two"))
})

test_that("a file without attempts is refused", {
  expect_error(read_garak(write_text("{\"entry_type\": \"init\"}", ".jsonl")),
               "no attempts", class = "timetounsafe_error_file")
  expect_error(read_garak(write_text(character(), ".jsonl")), "no attempts")
})

# ---- The tools' own files ----------------------------------------------------

test_that("garak's own reports have their right counts", {
  for (one in log_summaries("report.jsonl")) {
    file <- logs_folder("garak", one$log)
    by <- do.call(rbind, lapply(names(one$detectors), function(name) {
      data.frame(probe = sub(" [|].*", "", name), judge = sub(".* ", "", name),
                 one$detectors[[name]])
    }))
    for (judge in unique(by$judge)) {
      log <- read_garak(file, judge, one$threshold)
      want <- by[by$judge == judge, ]
      have <- table(factor(log$probe, unique(want$probe)))
      expect_setequal(unique(log$probe), want$probe)
      where <- paste(one$log, judge)
      if (!startsWith(one$log, "g07")) {
        expect_equal(as.vector(have), want$draws, label = where)
      }
      expect_counts(log, ok = sum(want$judged), unsafe = sum(want$unsafe),
                    unjudged = sum(want$no_verdict), label = where)
      expect_length(attr(log, "about")$absent, one$unfinished_prompts)
    }
  }
})

test_that("garak's own reports have their right counts by prompt", {
  for (name in c("g02_errors_fake", "g04_unicode_translated_fake",
                 "g08_buffs_fake", "g09_garak_0_10_3")) {
    want <- utils::read.csv(logs_folder("garak", paste0(name, ".counts.csv")))
    for (judge in unique(want$detector)) {
      log <- read_garak(logs_folder("garak", paste0(name, ".report.jsonl")),
                        judge, 0.5)
      rows <- want[want$detector == judge, ]
      have <- tidy(log)
      have <- have[match(rows$id, have$id), ]
      expect_equal(have$draws, rows$draws)
      expect_equal(have$ok, rows$judged)
      expect_equal(have$unsafe, rows$unsafe)
    }
  }
})

test_that("garak's aggregate adds nothing to the reports that it joins", {
  files <- logs_folder("garak", paste0(
    c("g07_aggregate", "g02_errors_fake", "g06_parallel_fake",
      "g05_interrupted_fake"), ".report.jsonl"
  ))
  expect_counts(read_garak(files, "unsafe_content.LDNOOBW", 0.5), ok = 104,
                unsafe = 20, error = 10)
})

test_that("scores that are missing, or too few, are no verdicts", {
  attempts <- list(
    garak_attempt("u1", list("a", "b"), list(words = list(0, 1))),
    garak_attempt("u2", list("a", "b"), list(words = list(NULL, 1))),
    garak_attempt("u3", list("a", "b"), list(words = list(0)))
  )
  attempts[[4]] <- garak_attempt("u4", list("a"), list())
  attempts[[4]]["detector_results"] <- list(NULL)
  expect_counts(read_garak(write_garak(attempts), unsafe = 0.5), ok = 4,
                unsafe = 2, unjudged = 3)
})
