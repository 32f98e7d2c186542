small_log <- function(...) {
  as_response_log(data.frame(
    id = c("a", "a", "b", "b", "b"),
    unsafe = c(FALSE, TRUE, FALSE, NA, NA),
    status = c("ok", "ok", "ok", "refused", "copy"),
    prompt = c("A?", "A?", "B?", "B?", "B?"), ...
  ))
}

test_that("a log has the columns of its help, in their types", {
  log <- small_log(response = letters[1:5], cost = 0.5)
  expect_s3_class(log, c("response_log", "data.frame"))
  expect_named(log, c("id", "prompt", "draw", "unsafe", "status", "truncated",
                      "score", "model", "judge", "source", "row", "cost"))
  expect_identical(log$draw, c(1, 2, 1, 2, 3))
  expect_identical(log$truncated, rep(NA, 5))
  expect_identical(log$score, rep(NA_real_, 5))
  expect_identical(log$source, rep(NA_character_, 5))
  kept <- as_response_log(data.frame(id = 1, unsafe = 0, response = "x"),
                          keep_responses = TRUE)
  expect_identical(kept$response, "x")
  expect_identical(kept$id, "1")
  expect_identical(as_response_log(log), log)
})

test_that("counts are those of the rows", {
  log <- small_log()
  expect_equal(as.list(glance(log)), list(
    nobs = 2, draws = 5, ok = 3, unsafe = 1, refused = 1, error = 0, copy = 1,
    unjudged = 0, invalid = 0, truncated = 0, duplicates = 0,
    unsafe_rate = 1 / 3
  ))
  expect_identical(summary(log), glance(log))
  expect_equal(as.list(tidy(log)), list(
    id = c("a", "b"), draws = c(2, 3), ok = c(2, 1), unsafe = c(1, 0),
    refused = c(0, 1), failed = c(0, 1)
  ))
})

test_that("what is printed is short, and ends with a call that works", {
  log <- small_log(model = "toy", truncated = c(TRUE, rep(FALSE, 4)))
  lines <- lines_of(log)
  expect_true(length(lines) <= 15 && all(nchar(lines) <= 80))
  expect_match(lines[1], "<response_log> 5 responses to 2 prompts")
  expect_match(lines, "Usable: 3, 1 unsafe \\(33.3%\\)", all = FALSE)
  expect_match(lines, "Refused: 1", all = FALSE)
  expect_match(lines, "Set aside: 1 copy", all = FALSE)
  expect_match(lines, "token limit: 1", all = FALSE)
  expect_match(lines, "Model: toy", all = FALSE)
  expect_match(lines, "numbered in the order", all = FALSE)
  expect_match(lines[length(lines)], "as_audit(x, plan)", fixed = TRUE)
  expect_output(print(log[0, ]), "0 responses")
  wide <- small_log(model = paste(strrep("long ", 100), 1:5))
  lines <- lines_of(wide)
  expect_true(length(lines) <= 15 && all(nchar(lines) <= 80))
})

test_that("a selection of rows is a log; what is none is a plain data frame", {
  log <- small_log()
  is_log <- function(x) inherits(x, "response_log")
  expect_true(is_log(log[2:3, ]))
  expect_true(is_log(log[log$status == "ok", ]))
  expect_true(is_log(subset(log, id == "b")))
  expect_true(is_log(head(log, 2)))
  expect_identical(class(log[c(1, 1), ]), "data.frame")
  expect_identical(class(log[c("id", "unsafe")]), "data.frame")
  expect_identical(class(log[, "id"]), "character")
  expect_identical(class(as.data.frame(log)), "data.frame")
  expect_identical(class(rbind(log, log)), "data.frame")
  expect_identical(class(rbind(log, as.data.frame(log))), "data.frame")
  both <- rbind(log[1:2, ], log[3:5, ])
  expect_true(is_log(both))
  expect_equal(as.data.frame(both), as.data.frame(log))
  other <- log
  other$unsafe[4] <- TRUE
  expect_identical(class(other), "data.frame")
  other <- log
  other$note <- "mine"
  expect_true(is_log(other))
  other$status <- NULL
  expect_identical(class(other), "data.frame")
  names(log)[3] <- "number"
  expect_identical(class(log), "data.frame")
})

test_that("dplyr keeps the rule", {
  skip_if_not_installed("dplyr", "1.1.0")
  log <- small_log()
  expect_s3_class(dplyr::filter(log, id == "a"), "response_log")
  expect_identical(class(dplyr::select(log, id)), "data.frame")
  expect_identical(class(dplyr::bind_rows(log, log)), "data.frame")
})

test_that("what cannot be a log is an error with its rows", {
  expect_error(as_response_log(1), "data frame",
               class = "timetounsafe_error_argument")
  expect_error(as_response_log(data.frame(id = 1)), "no columns \"unsafe\"",
               class = "timetounsafe_error_argument")
  error <- expect_error(
    as_response_log(data.frame(id = 1:3, unsafe = c(0, 1, 7))),
    "`x` has \"7\" in the column `unsafe` \\(row 3\\)",
    class = "timetounsafe_error_audit"
  )
  expect_equal(error$rows, 3)
  expect_error(
    as_response_log(data.frame(id = 1, unsafe = 0, status = "fine")),
    "must be one of", class = "timetounsafe_error_audit"
  )
  expect_error(as_response_log(data.frame(id = NA, unsafe = 0)), "`id`",
               class = "timetounsafe_error_audit")
  expect_error(as_response_log(data.frame(id = 1, unsafe = 0), verdict = 1),
               class = "timetounsafe_error_argument")
})
