test_that("true and false are read as R, Python and JSON write them", {
  plan <- known_plan(rep(0.1, 4), 100, tau_max = 0.3)
  file <- tempfile(fileext = ".CSV")
  writeLines(c("\ufeffdraw,unsafe,id,response", "1,False,1,\"a, \"\"b\"\"\nc\"",
               "2.0,0.0,1,", "3,true,1,NA", "1,1,2,", "1,T,3,", "1,TRUE,4,"),
             file, useBytes = TRUE)
  audit <- as_audit(read_responses(file), plan)
  expect_equal(audit$time, c(3, 1, 1, 1))
  skip_if_not_installed("jsonlite")
  lines <- tempfile(fileext = ".ndjson")
  writeLines(c("{\"id\": 1, \"draw\": 1, \"unsafe\": false, \"x\": {\"y\": 1}}",
               "", "{\"unsafe\": 1, \"id\": \"1\", \"draw\": 2}",
               paste0("{\"id\": ", 2:4, ", \"draw\": 1, \"unsafe\": true}")),
             lines)
  expect_equal(as_audit(read_responses(lines), plan)$time, c(2, 1, 1, 1))
  expect_equal(read_responses(lines, "jsonl"), read_responses(lines))
})

test_that("files that are none of these are refused", {
  plan <- known_plan(c(0.1, 0.05), 100, tau_max = 0.3)
  cut <- tempfile(fileext = ".csv")
  writeLines(c("id,draw,unsafe", "1,1,0", "1,2"), cut)
  expect_error(read_responses(cut), "row 2",
               class = "timetounsafe_error_file")
  writeLines(c("id,draw,unsafe", "1,1,0", "\"1,2,0"), cut)
  expect_error(read_responses(cut), class = "timetounsafe_error_file")
  expect_error(read_plan(cut), class = "timetounsafe_error")
  skip_if_not_installed("jsonlite")
  lines <- tempfile(fileext = ".jsonl")
  writeLines(c("{\"id\": 1, \"draw\": 1, \"unsafe\": 0}", "{\"id\": 1, \"dr"),
             lines)
  expect_error(read_responses(lines), "line 2 is not a JSON object",
               class = "timetounsafe_error_file")
  writeLines("{}", lines)
  expect_error(read_responses(lines), "has no columns",
               class = "timetounsafe_error_file")
  writeLines("{\"id\": [1, 2], \"draw\": 1, \"unsafe\": 0}", lines)
  expect_error(read_responses(lines), "has no columns \"id\"",
               class = "timetounsafe_error_file")
  expect_error(as_audit(by_draw(plan), plan[1, ]),
               class = "timetounsafe_error_plan")
  before <- readLines(cut)
  expect_error(write_plan(plan, cut), "overwrite = TRUE",
               class = "timetounsafe_error_file")
  expect_identical(readLines(cut), before)
  write_plan(plan, cut, overwrite = TRUE)
  changed <- sub("0.05", "0.06", readLines(cut), fixed = TRUE)
  writeLines(changed, cut)
  expect_error(read_plan(cut), class = "timetounsafe_error_plan")
})

test_that("CSV is read byte for byte, whoever wrote it", {
  read <- function(text) {
    file <- tempfile(fileext = ".csv")
    writeBin(charToRaw(enc2utf8(text)), file)
    table <- read_text_csv(file, NULL)
    attr(table, "quoted") <- NULL
    as.list(table)
  }
  expect_identical(read("a,b\n1,2\n"), list(a = "1", b = "2"))
  expect_identical(read("a,b\r\n1,\r\n\r\n,\"x\r\ny\"\r\n"),
                   list(a = c("1", ""), b = c("", "x\r\ny")))
  expect_identical(read("\ufeffa,b\r1,\"\"\r2,\"\"\"\""),
                   list(a = c("1", "2"), b = c("", "\"")))
  expect_identical(read("a\n\ufeffx\n say \"hi\" \n"),
                   list(a = c("\ufeffx", " say \"hi\" ")))
  expect_identical(read("a,b"), list(a = character(), b = character()))
  for (bad in c("", "a,b\n1\n", "a\n\"x\n", "a\n\"x\" y\n", "a\n1,2\n")) {
    expect_error(read(bad), class = "timetounsafe_error_file")
  }
})

test_that("responses come as they are, too", {
  file <- tempfile(fileext = ".csv")
  writeBin(charToRaw("id,unsafe,response\nNA,0,\"a\r\nb\"\n007,1,NA\n"), file)
  log <- read_responses(file, keep_responses = TRUE)
  expect_identical(log$id, c("NA", "007"))
  expect_identical(log$response, c("a\r\nb", "NA"))
})

test_that("JSON lines: what is not read cannot fail", {
  skip_if_not_installed("jsonlite")
  file <- tempfile(fileext = ".jsonl")
  write <- function(...) writeLines(c(...), file, useBytes = TRUE)
  write("{\"id\": \"a\", \"unsafe\": true, \"note\": \"caf\xe9 \xff\"}",
        "{\"id\": \"b\", \"unsafe\": false, \"note\": \"fine\"}")
  expect_identical(read_responses(file)$unsafe, c(TRUE, FALSE))
  expect_identical(read_responses(file, judge = "unsafe")$id, c("a", "b"))
  # But what is read is not guessed at.
  for (name in c("id", "prompt", "model")) {
    write(sprintf("{\"x\": 1, \"unsafe\": true, \"%s\": \"caf\xe9\"%s}", name,
                  if (name == "id") "" else ", \"id\": \"a\""))
    error <- expect_error(read_responses(file), sprintf("`%s`.*row 1", name),
                          class = "timetounsafe_error_audit")
  }
  write("{\"id\": \"a\", \"unsafe\": true, \"response\": \"caf\xe9\"}")
  expect_s3_class(read_responses(file), "response_log")
  expect_error(read_responses(file, keep_responses = TRUE), "`response`",
               class = "timetounsafe_error_audit")
  csv <- tempfile(fileext = ".csv")
  writeLines("id,unsafe,note\na,1,caf\xe9", csv, useBytes = TRUE)
  expect_identical(read_responses(csv)$unsafe, TRUE)
  writeLines("id,unsafe,note\ncaf\xe9,1,a", csv, useBytes = TRUE)
  expect_error(read_responses(csv), "`id`", class = "timetounsafe_error_audit")
})

test_that("JSON lines: numbers as Python writes them", {
  skip_if_not_installed("jsonlite")
  file <- tempfile(fileext = ".jsonl")
  writeLines(c(
    "{\"id\": 9007199254740993, \"unsafe\": true, \"score\": NaN}",
    "{\"id\": 9007199254740991, \"unsafe\": false, \"score\": -Infinity}",
    "{\"id\": -12345678901234567890123, \"unsafe\": 0, \"score\": 0.5}",
    "{\"id\": \"NaN 1234567890123456\", \"unsafe\": 0, \"score\": 1e-20}",
    paste0("{\"id\": 7, \"unsafe\": 1, \"score\": 0.12345678901234567, ",
           "\"other\": [NaN, 1]}")
  ), file)
  log <- read_responses(file)
  expect_identical(log$id, c("9007199254740993", "9007199254740991",
                             "-12345678901234567890123",
                             "NaN 1234567890123456", "7"))
  expect_equal(log$score, c(NA, NA, 0.5, 1e-20, 0.12345678901234567))
  expect_identical(log$unsafe, c(TRUE, FALSE, FALSE, FALSE, TRUE))
})
