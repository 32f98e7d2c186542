refusing <- function(status, body = "", ...) {
  structure(
    class = c("httr2_http", "error", "condition"),
    list(message = paste("HTTP", status), call = NULL, status = status,
         resp = httr2::response(status, headers = c("Via: test", ...),
                                body = charToRaw(body)))
  )
}

test_that("a service may ask for seconds, or name a date", {
  skip_if_not_installed("httr2")
  wait <- function(...) wait_for(refusing(429L, "", ...), 3)
  expect_equal(wait("Retry-After: 7"), 7)
  expect_equal(wait("Retry-After: 1.5"), 1.5)
  expect_equal(wait("retry-after:  0 "), 0)
  date <- "Date: Sun, 06 Nov 1994 08:49:37 GMT"
  expect_equal(wait("Retry-After: Sun, 06 Nov 1994 08:50:07 GMT", date), 30)
  expect_equal(wait("Retry-After: Sunday, 06-Nov-1994 08:50:07 GMT", date), 30)
  expect_equal(wait("Retry-After: Sun, 06 Nov 1994 08:40:00 GMT", date), 0)
  later <- Sys.time() + 100
  months <- month.abb[as.integer(format(later, "%m", tz = "UTC"))]
  later <- paste0(format(later, "Thu, %d ", tz = "UTC"), months,
                  format(later, " %Y %H:%M:%S GMT", tz = "UTC"))
  expect_equal(wait(paste("Retry-After:", later)), 100, tolerance = 0.1)
})

test_that("what is neither is ignored, without a warning", {
  skip_if_not_installed("httr2")
  odd <- c("soon", "", "-5", "NaN", "1e9", "Inf",
           "Sun, 06 Foo 1994 08:49:37 GMT", "Sun, 66 Nov 1994 08:49:37 GMT",
           "60s", "1, 2")
  for (said in odd) {
    error <- refusing(429L, "", paste("Retry-After:", said))
    expect_no_warning(wait <- wait_for(error, 3))
    expect_equal(wait, 4)
  }
  expect_equal(wait_for(refusing(429L), 1), 1)
  # Not of other errors.
  expect_equal(wait_for(refusing(500L, "", "Retry-After: 50"), 1), 1)
})

test_that("the words of providers' filters are known, and no others", {
  skip_if_not_installed("httr2")
  filtered <- c(
    "{\"error\": {\"code\": \"content_filter\"}}",
    "triggering Azure OpenAI's content management policy.",
    "ResponsibleAIPolicyViolation",
    "Output blocked by content filtering policy",
    "Your request was rejected as a result of our safety system.",
    "your prompt was flagged as potentially violating our usage policy.",
    "Your input was flagged for violence", "Content violates usage guidelines.",
    "Content Exists Risk", "Output data may contain inappropriate content.",
    "data_inspection_failed"
  )
  for (body in filtered) {
    for (status in c(400L, 403L)) {
      expect_true(is_filtered(refusing(status, body)), info = body)
    }
    # A server that fails has judged nothing.
    expect_false(is_filtered(refusing(500L, body)))
    expect_false(is_filtered(refusing(429L, body)))
  }
  others <- c(
    "", "\xff\xfe", "Access denied by a policy of your organization",
    "This organization has been disabled for violating usage policies.",
    "with an explicit deny in a service control policy",
    "The content of messages must be a string", "max_tokens is too large",
    "Your account was flagged; contact support", "API key was blocked"
  )
  for (body in others) {
    expect_false(is_filtered(refusing(403L, body)), info = body)
  }
  expect_false(is_filtered(simpleError("content_filter")))
})
