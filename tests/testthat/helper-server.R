# A chat model on the loopback, shared by all tests of a file; started by the
# first test that needs it. See inst/austen/chat-server.R for its faults.

started <- new.env()

chat_server <- function() {
  for (package in c("ellmer", "janeaustenr", "jsonlite")) {
    skip_if_not_installed(package)
  }
  skip_if(utils::packageVersion("ellmer") < "0.5.0", "ellmer is too old")
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

# Finds something to object to in every fifth or so response of the chain.
strict_judge <- function(responses) {
  grepl("\\b(never|must|hate|death|evil|poor|cried)\\b", responses)
}
