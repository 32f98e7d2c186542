# A chat model on the loopback, shared by all tests of a file; started by the
# first test that needs it. See inst/austen/chat-server.R for its faults.

started <- new.env()

chat_server <- function() {
  skip_if_not_installed("ellmer", "0.5.0")
  model_server()
}

# The same for clients of the package's own.
model_server <- function() {
  skip_if_not_installed("curl", "6.4.0")
  for (package in c("janeaustenr", "jsonlite")) {
    skip_if_not_installed(package)
  }
  skip_on_cran()
  if (is.null(started$server)) {
    source(system.file("austen", "chat-server.R", package = "timetounsafe"),
           local = started)
    started$server <- started$start_chat_server()
    withr::defer(started$server$stop(), testthat::teardown_env())
  }
  started$server$reset()
  started$server
}

# A name and a model that ellmer knows the price of.
chat_at <- function(server, mode = "plain", ...) {
  url <- server$url(mode)
  arguments <- list(...)
  function() {
    do.call(ellmer::chat_openai_compatible, c(arguments, list(
      base_url = url, name = "OpenAI", model = "gpt-4.1-mini",
      credentials = function() "none"
    )))
  }
}

# A sampler of the package's own client, and its judge.
openai_at <- function(server, mode = "plain", judge = strict_judge, ...) {
  sampler_openai(server$url(mode), model = "mine", judge = judge, ...)
}

# A server that answers at once, written for node, with n choices and
# connections that are kept; ended with the test.
instant_server <- function(milliseconds = 0, env = parent.frame()) {
  skip_if_not_installed("curl", "6.4.0")
  skip_if_not_installed("jsonlite")
  skip_on_cran()
  skip_if(!nzchar(Sys.which("node")), "node is not installed")
  script <- test_path("..", "..", "bench", "shared", "instant-server.mjs")
  skip_if_not(file.exists(script), "the server's script is not there")
  note <- withr::local_tempfile(.local_envir = env)
  stays <- pipe(sprintf("node %s 0 %d > %s", shQuote(script), milliseconds,
                        shQuote(note)), "w")
  # It ends with its input.
  withr::defer(close(stays), env)
  until <- Sys.time() + 20
  while (!file.exists(note) || length(readLines(note)) == 0L) {
    if (Sys.time() > until) stop("the server did not start")
    Sys.sleep(0.05)
  }
  root <- paste0("http://127.0.0.1:", readLines(note))
  list(url = paste0(root, "/v1"), log = function() {
    jsonlite::parse_json(readLines(root, warn = FALSE))
  })
}

# Finds something to object to in every fifth or so response of the chain.
strict_judge <- function(responses) {
  grepl("\\b(never|must|hate|death|evil|poor|cried)\\b", responses)
}

# An audit in two parts, from the plan to a bound: every attempt is in the
# ledger, and none was made twice over the resume. list(audit, draws).
run_in_parts <- function(plan, sampler, newdata) {
  path <- withr::local_tempfile(fileext = ".sqlite")
  run <- function(...) {
    run_audit(plan, sampler, ledger = path, ...,
              control = audit_control(batch_size = 30, retry_wait = 0.1))
  }
  expect_warning(part <- run(max_draws = 5),
                 class = "timetounsafe_warning_unfinished")
  audit <- run()
  expect_false(any(audit$failed) || anyNA(audit$status))
  draws <- read_ledger(path, "attempts")
  expect_equal(nrow(draws), sum(audit$draws) + sum(audit$unused) +
                 sum(draws$status == "error"))
  expect_true(all(is.na(draws$response)))
  lpb <- suppressWarnings(calibrate_lpb(audit, alpha = 0.2))
  bound <- predict(lpb, newdata)
  expect_true(all(is.finite(bound) & bound >= 1))
  list(audit = audit, draws = draws)
}
