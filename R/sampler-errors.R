# What a service says when it does not answer: too many requests, a filter that
# withheld the response, or a failure.

# ---- Of what kind it is ------------------------------------------------------

# Of httr2, or of new_http_error().
is_http <- function(error) inherits(error, c("httr2_http", "server_http"))

http_status <- function(error) if (is_http(error)) as.integer(error$status)

# What a service answered in place of 200. `resp` has its headers, a named list,
# and its body, bytes.
new_http_error <- function(status, message, resp = list()) {
  structure(
    class = c("server_http", "error", "condition"),
    list(message = paste(c(paste("HTTP", status), message), collapse = ": "),
         call = NULL, status = status, resp = resp)
  )
}

# No answer at all: a lost connection, or none in time.
new_silence <- function(message) {
  structure(class = c("server_silent", "error", "condition"),
            list(message = message, call = NULL))
}

# Too many requests, service unavailable, overloaded: nothing was drawn.
is_throttled <- function(error) {
  isTRUE(http_status(error) %in% c(429L, 503L, 529L))
}

# No other request would do better: the key or the address is wrong.
is_wrong <- function(error) isTRUE(http_status(error) %in% c(401L, 404L))

# Some providers answer with an HTTP error where their filter withheld a prompt
# or a response. Were that a failure, unsafe responses would be drawn again
# until a safe one comes.
is_filtered <- function(error) {
  isTRUE(http_status(error) %in% c(400L, 403L, 422L, 451L)) &&
    names_filter(c(body_text(error$resp), conditionMessage(error)))
}

# The words of providers, and no fewer at a time: accounts and keys are flagged
# and blocked, too, and their errors are no responses.
filter_words <- paste(c(
  "content[ _-]?filter", "content management policy",
  "content[ _-]?policy[ _-]?violation", "responsible[ _]?ai",
  "moderation_blocked", "content exists risk", "content violates",
  "data_?inspection_?failed", "inappropriate content", "our safety system",
  "blocked by (our |the )?(safety|moderation|guardrail)",
  "guardrail[ _]intervened", "considered high risk", "safety_check",
  paste0("(prompt|input|output|request|response|completion|content|message)s? ",
         "(was|were|is|are|has been|have been) (flagged|blocked|moderated|",
         "filtered|withheld)"),
  paste0("(prompt|input|output|request|response|completion|content|message)s? ",
         "[^.]{0,60}violat[^.]{0,60}(usage|content|safety|use) ",
         "(polic|guideline)")
), collapse = "|")

names_filter <- function(text) {
  any(grepl(filter_words, text, ignore.case = TRUE))
}

# The body of a response as text, whatever it is made of.
body_text <- function(resp) {
  bytes <- resp$body
  if (!is.raw(bytes) || length(bytes) == 0L) {
    return("")
  }
  iconv(rawToChar(bytes[bytes != 0L]), "UTF-8", "UTF-8", sub = "?")
}

# ---- How long to wait --------------------------------------------------------

# What the service asks for, or else 1, 2, 4, ... seconds.
wait_for <- function(error, try) {
  asked <- if (is_throttled(error)) retry_after(error$resp)
  asked %||% 2^(try - 1)
}

# Seconds, or a date by the clock of the service; NULL where it says neither.
retry_after <- function(resp) {
  said <- header_of(resp, "retry-after")
  if (grepl("^[0-9]{1,15}([.][0-9]*)?$", said)) {
    return(as.numeric(said))
  }
  until <- read_http_date(said)
  from <- read_http_date(header_of(resp, "date")) %||% as.numeric(Sys.time())
  if (!is.null(until)) max(0, until - from)
}

header_of <- function(resp, name) {
  headers <- resp$headers
  said <- headers[tolower(names(headers)) == name]
  if (length(said) == 0L) "" else trimws(as.character(said[[1L]])[1L])
}

# Sun, 06 Nov 1994 08:49:37 GMT: in English, whatever the locale.
read_http_date <- function(text) {
  pattern <- paste0("^[A-Za-z]+, ([0-9]{1,2})[ -]([A-Za-z]{3})[ -]([0-9]{4}) ",
                    "([0-9]{2}):([0-9]{2}):([0-9]{2}) GMT$")
  part <- regmatches(text, regexec(pattern, text))[[1L]]
  month <- match(tolower(part[3L]), tolower(month.abb))
  if (length(part) == 0L || is.na(month)) {
    return(NULL)
  }
  number <- as.numeric(part[-3L][-1L])
  time <- ISOdatetime(number[2L], month, number[1L], number[3L], number[4L],
                      number[5L], tz = "UTC")
  if (!is.na(time)) as.numeric(time)
}

# ---- What is told ------------------------------------------------------------

# For the message of a draw.
one_line <- function(error) {
  text <- conditionMessage(error)
  if (inherits(error$parent, "condition")) {
    text <- conditionMessage(error$parent)
  }
  kind <- if (inherits(error, c("httr2_failure", "server_silent"))) {
    "no answer:"
  } else if (!is_http(error)) {
    "the answer could not be used:"
  }
  trimws(gsub("\\s+", " ", paste(c(kind, text), collapse = " ")))
}
