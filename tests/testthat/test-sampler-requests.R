faulty <- function(status, after = NULL) {
  header <- c(if (!is.null(after)) paste("Retry-After:", after), "Via: test")
  structure(
    class = c("httr2_http", "error", "condition"),
    list(message = paste("HTTP", status), call = NULL, status = status,
         resp = httr2::response(status, headers = header))
  )
}

limits_of <- function(...) {
  utils::modifyList(list(max_active = 4, rpm = Inf, max_tries = 3,
                         max_wait = 60, timeout = 300), list(...))
}

test_that("a line sends no more than `max_active`, and `rpm` a minute", {
  line <- new_line(10, limits_of(), new_line_id())
  expect_identical(take_requests(line), 1:4)
  expect_length(take_requests(line), 0)
  note_answer(line, 2, 1, "done")
  expect_identical(take_requests(line), 5L)
  # Two in a minute, however often it is asked.
  line <- new_line(10, limits_of(rpm = 2), new_line_id())
  expect_identical(take_requests(line), 1:2)
  note_answer(line, 1, 1, "done")
  expect_length(take_requests(line), 0)
  expect_gt(until_next(line), 55)
  # The next batch of the same sampler shares the minute.
  id <- new_line_id()
  take_requests(new_line(5, limits_of(rpm = 3), id))
  expect_length(take_requests(new_line(5, limits_of(rpm = 3), id)), 0)
})

test_that("a throttled request waits as long as the service asks", {
  skip_if_not_installed("httr2")
  line <- new_line(6, limits_of(), new_line_id())
  take_requests(line)
  note_failure(line, 1, 1, faulty(429L, 20))
  note_failure(line, 2, 1, faulty(503L, 30))
  expect_length(take_requests(line), 0)
  expect_gt(until_next(line), 28)
  expect_equal(count_open(line), 6)
  # More than `max_wait`: the line is closed, what is under way may still come.
  note_failure(line, 3, 1, faulty(429L, 3600))
  expect_equal(count_open(line), 1)
  note_answer(line, 4, 1, "done")
  answers <- line$value
  expect_identical(answers[[4]], "done")
  expect_true(all(vapply(answers[-4], inherits, NA, "error")))
})

test_that("throttling for ever ends the line after `max_tries` rounds", {
  skip_if_not_installed("httr2")
  line <- new_line(50, limits_of(max_active = 10), new_line_id())
  sent <- 0
  while (count_open(line) > 0 && sent < 1000) {
    for (i in take_requests(line)) {
      sent <- sent + 1
      note_failure(line, i, line$tries[i], faulty(429L, 0.2))
    }
    Sys.sleep(0.005)
  }
  expect_equal(sent, 30)
  # One that gets through shows that the service is there.
  line <- new_line(2, limits_of(max_active = 1, max_tries = 2), new_line_id())
  take_requests(line)
  note_failure(line, 1, 1, faulty(429L, 0))
  take_requests(line)
  note_answer(line, 1, 2, "done")
  take_requests(line)
  note_failure(line, 2, 1, faulty(429L, 0))
  expect_equal(count_open(line), 1)
})

test_that("only throttled requests are sent again, unless always", {
  skip_if_not_installed("httr2")
  line <- new_line(3, limits_of(), new_line_id())
  take_requests(line)
  note_failure(line, 1, 1, faulty(500L))
  note_failure(line, 2, 1, simpleError("cannot be read"))
  expect_equal(count_open(line), 1)
  line <- new_line(3, limits_of(again = "always"), new_line_id())
  take_requests(line)
  note_failure(line, 1, 1, faulty(500L))
  expect_equal(count_open(line), 3)
  note_failure(line, 2, 1, faulty(401L))
  expect_equal(count_open(line), 1)
})

test_that("a late answer to a request that was given up is dropped", {
  line <- new_line(1, limits_of(timeout = -10), new_line_id())
  take_requests(line)
  expire_requests(line)
  note_answer(line, 1, 1, "late")
  expect_match(conditionMessage(line$value[[1]]), "no answer")
})
