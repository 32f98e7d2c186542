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
  expect_error(read_responses(cut), "line 2",
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
