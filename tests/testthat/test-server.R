skip_if_no_client <- function() {
  skip_if_not_installed("curl", "6.4.0")
  skip_if_not_installed("jsonlite")
}

server_of <- function(base_url = "http://127.0.0.1:1/v1", ...) {
  arguments <- list(...)
  given <- function(name, default = NULL) arguments[[name]] %||% default
  new_server(base_url, "/completions", list(),
             given("api_headers", character()), given("credentials"))
}

test_that("an address may end in a slash or a query, not in a path too many", {
  skip_if_no_client()
  expect_identical(server_of()$url, "http://127.0.0.1:1/v1/completions")
  expect_identical(server_of("https://a.b/v1//")$url,
                   "https://a.b/v1/completions")
  expect_identical(server_of("https://a.b/v1/?version=2")$url,
                   "https://a.b/v1/completions?version=2")
  for (wrong in c("a.b/v1", "ftp://a.b", "http://", "")) {
    expect_error(server_of(wrong), "`base_url`",
                 class = "timetounsafe_error_argument")
  }
  for (path in c("/chat/completions", "/completions/", "/moderations")) {
    expect_error(server_of(paste0("http://a.b/v1", path)),
                 "base_url = \"http://a.b/v1\"", fixed = TRUE,
                 class = "timetounsafe_error_argument")
  }
})

test_that("keys come from a function, as a token or as headers", {
  skip_if_no_client()
  headers <- function(credentials, ...) {
    server_headers(server_of(credentials = credentials, ...))
  }
  expect_identical(headers(NULL), c("Content-Type" = "application/json"))
  expect_identical(headers(function() "abc")[["Authorization"]], "Bearer abc")
  named <- headers(function() list("api-key" = "abc"),
                   api_headers = c("X-Title" = "audit"))
  expect_identical(named[c("api-key", "X-Title")],
                   c("api-key" = "abc", "X-Title" = "audit"))
  own <- headers(NULL, api_headers = c("content-type" = "text/json"))
  expect_identical(own, c("content-type" = "text/json"))
  wrong <- list("sk-123", function(key) key, function() "", function() NA,
                function() NULL, function() c("a", "b"), function() stop("no"),
                function() "a\nHost: b")
  for (credentials in wrong) {
    error <- expect_error(headers(credentials), "`credentials`",
                          class = "timetounsafe_error_argument")
    expect_no_match(conditionMessage(error), "sk-123|Host")
  }
  for (api_headers in list("a", c(a = NA), list(a = "b"), c(a = "b\r\nc: d"))) {
    expect_error(headers(NULL, api_headers = api_headers), "`api_headers`",
                 class = "timetounsafe_error_argument")
  }
})

test_that("fields that an argument sets, or that are no use, are refused", {
  check <- function(...) check_api_args(list(...), chat_fields)
  expect_identical(check(max_tokens = 5, logprobs = FALSE, stream = NULL)[[1]],
                   5)
  refused <- function(pattern, ...) {
    expect_error(check(...), pattern, class = "timetounsafe_error_argument")
  }
  refused("Use `system_prompt`", messages = list())
  refused("Use `model`", model = "a")
  for (field in c("logprobs", "top_logprobs", "stream", "echo")) {
    fields <- stats::setNames(list(TRUE), field)
    expect_error(check_api_args(fields, chat_fields), field,
                 class = "timetounsafe_error_argument")
  }
  refused("named list", 5)
  expect_error(check_api_args(c(a = 1), chat_fields), "named list")
})

test_that("text is written as JSON has it", {
  skip_if_no_client()
  text <- c("plain", "a \"quote\"", "back\\slash \\n", "two\nlines\r\n\ttab",
            intToUtf8(1:31), "na\u00efve \u2211 \U1F600", "", "</script>")
  latin <- iconv("na\u00efve", "UTF-8", "latin1")
  json <- json_strings(c(text, latin))
  expect_identical(vapply(json, function(x) jsonlite::parse_json(x), "",
                          USE.NAMES = FALSE), c(text, "na\u00efve"))
  fields <- list(model = "m", max_tokens = 1e5, temperature = 0.1234567890123,
                 stop = list("a"), nested = list(list(a = TRUE)), none = NULL)
  back <- jsonlite::parse_json(paste0("{", write_fields(fields), "}"))
  expect_equal(back, fields)
  expect_identical(write_fields(list()), "")
})

answer_of <- function(body, status = 200L, head = character()) {
  list(status_code = status, content = charToRaw(body),
       headers = charToRaw(paste0("HTTP/1.1 ", status, " X\r\n",
                                  paste0(head, "\r\n", collapse = ""), "\r\n")))
}

read_all <- function(..., headers = character()) {
  results <- list(...)
  read_answers(results, rep(1L, length(results)), function(answer, k) answer,
               headers)
}

test_that("an answer is an object, and each failure is its own", {
  skip_if_no_client()
  found <- read_all(
    answer_of("{\"a\": 1}"), answer_of("[1, 2"), answer_of("3"), answer_of(""),
    answer_of("{\"error\": {\"message\": \"Lost it\"}}", 500L),
    new_silence("Timeout was reached"), answer_of("{\"a\": 2}", 201L)
  )
  expect_identical(found[[1]], list(a = 1L))
  expect_identical(found[[7]], list(a = 2L))
  said <- vapply(found[2:6], one_line, "")
  expect_identical(said, c(
    rep("the answer could not be used: it is not JSON", 1),
    "the answer could not be used: it is not an object",
    "the answer could not be used: it is not JSON",
    "HTTP 500: Lost it", "no answer: Timeout was reached"
  ))
})

test_that("errors say what the server says, wherever that is", {
  skip_if_no_client()
  said <- function(...) one_line(read_all(answer_of(...))[[1]])
  expect_identical(said("{\"message\": \"a\"}", 404L), "HTTP 404: a")
  expect_identical(said("{\"detail\": \"b\"}", 422L), "HTTP 422: b")
  expect_identical(said("{\"error\": \"c\"}", 400L), "HTTP 400: c")
  expect_identical(said("<html><h1>Bad\n gateway</h1>", 502L),
                   "HTTP 502: Bad gateway")
  expect_identical(said("", 503L), "HTTP 503")
  expect_identical(said("{\"error\": {\"code\": \"x\"}}", 400L),
                   "HTTP 400: {\"error\": {\"code\": \"x\"}}")
  # 200 of a service that failed later.
  late <- read_all(answer_of(
    "{\"error\": {\"code\": 429, \"message\": \"Busy\"}}",
    head = "Retry-After: 7"
  ))[[1]]
  expect_true(is_throttled(late))
  expect_equal(wait_for(late, 1), 7)
  expect_identical(said("{\"error\": {\"code\": \"bad\", \"message\": \"d\"}}"),
                   "HTTP 500: d")
  filtered <- read_all(answer_of(
    "{\"error\": {\"message\": \"no\", \"code\": \"content_filter\"}}", 400L
  ))[[1]]
  expect_true(is_filtered(filtered))
})

test_that("a key that the server repeats is not passed on", {
  skip_if_no_client()
  headers <- c("Content-Type" = "application/json",
               Authorization = "Bearer sk-0123456789")
  error <- read_all(
    answer_of("{\"error\": \"wrong key sk-0123456789!\"}", 401L),
    headers = headers
  )[[1]]
  expect_identical(one_line(error), "HTTP 401: wrong key <hidden>!")
})
