# A chat model on the loopback: speaks the protocol of OpenAI (chat completions,
# plain completions, moderations) over the demo's Markov chain, and fails on
# request. For trying out samplers,
# for tests and for the vignette "Auditing a live model"; without any key.
# Sourcing the file defines start_chat_server(), whose value is a list of
# functions: url(mode) is the base URL, log() tells what the server has seen,
# reset() forgets that, stop() ends it.
#
# The server is a process of its own, written with the sockets of base R: it
# must be able to hang and to drop connections, which web servers prevent.

# How a whole service may behave, by the first part of the path:
#   plain     as a model should
#   rough     as models do: at random, one request in 100 is throttled (429),
#             one in 30 fails (500), and one answer in 30 is a refusal
#   cached    the same text for every draw of a prompt
#   limited   429 with a Retry-After of one second, always
#   locked    401, as with a wrong key
#   refusing  a refusal in the message's own field, always
#   filtering 400, as where a filter withholds the answer, always
#   single    one choice, whatever `n` says
#   strict    400 where `n` is more than 1
#   keyed     401, with the key that was sent, unless that is "the-right-key"
#   packed    as plain, and compressed
#   guard     "safe", or "unsafe" and a category, as guard models judge
#   worded    verdicts in words around a JSON object
# And single prompts, by a word in brackets somewhere in them: [429-once],
# [500], [500-once], [hang], [drop], [malformed], [empty], [filter],
# [cut], [odd-end]; errors whose body cannot be read: [unread-500],
# [unread-503-once], [blank-429-once]; and what providers do where they refuse:
# [filter-400], [flagged-403], [refusal]; [403] is no refusal. Of several
# choices the second is withheld, missing or fails by [one-filter],
# [one-missing] and [one-error], and [backwards] changes their order.

# ---- In the process of the user ----------------------------------------------

start_chat_server <- function(patience = 60) {
  for (package in c("janeaustenr", "jsonlite")) {
    if (!requireNamespace(package, quietly = TRUE)) {
      stop("The server needs a package: install.packages(\"", package, "\")")
    }
  }
  note <- tempfile("chat-server")
  script <- system.file("austen", "chat-server.R", package = "timetounsafe")
  rscript <- file.path(R.home("bin"), "Rscript")
  libraries <- paste(.libPaths(), collapse = .Platform$path.sep)
  old <- Sys.getenv("R_LIBS")
  Sys.setenv(R_LIBS = libraries)
  on.exit(Sys.setenv(R_LIBS = old))
  system2(rscript, shQuote(c(script, "serve", note, Sys.getpid())),
          wait = FALSE, stdout = FALSE, stderr = paste0(note, ".err"))
  until <- Sys.time() + patience
  while (!file.exists(note)) {
    if (Sys.time() > until) {
      stop("The server did not start: ",
           paste(readLines(paste0(note, ".err")), collapse = "\n"))
    }
    Sys.sleep(0.1)
  }
  root <- paste0("http://127.0.0.1:", readLines(note))
  ask <- function(what) {
    con <- url(paste0(root, what), open = "rb")
    on.exit(close(con))
    jsonlite::fromJSON(paste(readLines(con, warn = FALSE), collapse = ""))
  }
  list(
    url = function(mode = "plain") paste0(root, "/", mode, "/v1"),
    log = function() ask("/log"),
    reset = function() invisible(ask("/reset")),
    stop = function() invisible(ask("/stop"))
  )
}

# ---- In the process of the server --------------------------------------------

serve_chats <- function(note, parent, austen) {
  set.seed(20251)
  answer <- new_chain(austen)
  bound <- listen_somewhere()
  on.exit(close(bound$socket))
  # Renamed when complete, so that a half-written port is never read.
  writeLines(as.character(bound$port), paste0(note, ".new"))
  file.rename(paste0(note, ".new"), note)
  state <- new.env()
  state$clients <- list()
  state$stop <- FALSE
  state$last <- as.numeric(Sys.time())
  state$judge <- function(text) judge_text(text, austen)
  reset_log(state)
  while (!state$stop && !is_left_alone(state, parent)) {
    accept_and_read(bound$socket, state, answer)
    send_due(state)
  }
}

# A server whose user has gone goes too. Windows cannot ask after a process
# (pskill() would end it): there only the time tells.
is_left_alone <- function(state, parent, patience = 600) {
  windows <- .Platform$OS.type == "windows"
  idle <- as.numeric(Sys.time()) - state$last
  (!windows && !tools::pskill(parent, 0L)) || idle > patience
}

listen_somewhere <- function() {
  for (port in sample(20000:50000, 100)) {
    socket <- tryCatch(serverSocket(port), error = function(e) NULL,
                       warning = function(w) NULL)
    if (!is.null(socket)) {
      return(list(socket = socket, port = port))
    }
  }
  stop("no free port")
}

reset_log <- function(state) {
  state$seen <- list()
  state$log <- list(requests = 0, peak = 0, judged = 0, choices = 0)
  state$began <- numeric()
}

accept_and_read <- function(socket, state, answer) {
  connections <- lapply(state$clients, `[[`, "connection")
  ready <- socketSelect(c(list(socket), connections), FALSE,
                        time_to_next(state))
  for (i in rev(which(ready[-1]))) {
    state$clients[[i]] <- read_more(state$clients[[i]], state, answer)
  }
  if (ready[1]) {
    state$last <- as.numeric(Sys.time())
    connection <- socketAccept(socket, blocking = FALSE, open = "r+b")
    state$clients <- c(state$clients, list(
      list(connection = connection, bytes = raw(), due = Inf)
    ))
  }
}

time_to_next <- function(state) {
  due <- vapply(state$clients, `[[`, 0, "due")
  min(1, max(0, min(due, Inf) - as.numeric(Sys.time())))
}

# Returns `NULL`, and with that removes the client, when it has hung up.
read_more <- function(client, state, answer) {
  bytes <- readBin(client$connection, "raw", 65536)
  if (length(bytes) == 0L) {
    close(client$connection)
    return(NULL)
  }
  client$bytes <- c(client$bytes, bytes)
  request <- parse_request(client$bytes)
  if (is.null(request) || is.finite(client$due)) {
    return(client)
  }
  reply <- handle_request(request, state, answer)
  client$reply <- reply
  client$due <- as.numeric(Sys.time()) + reply$delay
  client
}

parse_request <- function(bytes) {
  end <- grepRaw("\r\n\r\n", bytes, fixed = TRUE)
  if (length(end) == 0L) {
    return(NULL)
  }
  head <- strsplit(rawToChar(bytes[seq_len(end - 1)]), "\r\n")[[1]]
  size <- grep("^content-length:", head, ignore.case = TRUE, value = TRUE)
  size <- as.numeric(c(sub(".*:", "", size), 0)[1])
  body <- bytes[-seq_len(end + 3)]
  if (length(body) < size) {
    return(NULL)
  }
  list(path = strsplit(head[1], " ")[[1]][2], head = head[-1],
       body = rawToChar(body))
}

send_due <- function(state) {
  due <- vapply(state$clients, `[[`, 0, "due")
  for (i in rev(which(due <= as.numeric(Sys.time())))) {
    client <- state$clients[[i]]
    if (!is.null(client$reply$status)) {
      try(writeBin(format_reply(client$reply), client$connection),
          silent = TRUE)
    }
    close(client$connection)
    state$clients[[i]] <- NULL
  }
}

format_reply <- function(reply) {
  body <- charToRaw(enc2utf8(reply$body))
  if (isTRUE(reply$packed)) {
    body <- memCompress(body, "gzip") # the format that HTTP calls deflate
  }
  head <- c(
    sprintf("HTTP/1.1 %d %s", reply$status,
            if (reply$status == 200) "OK" else "Failed"),
    "Content-Type: application/json", "Connection: close",
    if (isTRUE(reply$packed)) "Content-Encoding: deflate",
    sprintf("Content-Length: %d", length(body)), reply$headers, "", ""
  )
  c(charToRaw(paste(head, collapse = "\r\n")), body)
}

# ---- Requests and replies ----------------------------------------------------

handle_request <- function(request, state, answer) {
  switch(
    request$path,
    "/log" = return(new_reply(c(state$log, list(began = state$began)))),
    "/reset" = reset_log(state),
    "/stop" = state$stop <- TRUE
  )
  if (request$path %in% c("/reset", "/stop")) {
    return(new_reply(list(done = TRUE)))
  }
  kind <- sub(".*/v1/", "", request$path)
  if (!kind %in% c("chat/completions", "completions", "moderations")) {
    return(failure(404L, "Not found"))
  }
  note_request(state, request)
  mode <- strsplit(request$path, "/")[[1]][2]
  body <- jsonlite::fromJSON(request$body, simplifyVector = FALSE)
  refused <- refuse_all(mode, body, request)
  if (!is.null(refused)) {
    return(refused)
  }
  if (kind == "moderations") {
    return(moderate(body$input, state))
  }
  body$text <- if (kind == "completions") body$prompt else
    last_text(body$messages)
  if (!is.null(body$response_format) || mode %in% c("guard", "worded")) {
    state$log$judged <- state$log$judged + 1
    return(completion(say_verdict(state$judge(body$text), mode), body))
  }
  reply <- reply_to(body, mode, state, answer)
  reply$packed <- mode == "packed"
  reply
}

# Modes that let no request through.
refuse_all <- function(mode, body, request) {
  switch(
    mode,
    limited = too_many(),
    locked = failure(401L, "Incorrect API key provided"),
    refusing = completion(NULL, body, refusal = "I cannot help."),
    filtering = failure(400L, "Output blocked by content filtering policy"),
    strict = if (count_choices(body) > 1) {
      failure(400L, "n must be at most 1")
    },
    keyed = if (!any(request$head == "Authorization: Bearer the-right-key")) {
      key <- grep("^(Authorization|api-key):", request$head, value = TRUE)
      failure(401L, paste("Incorrect API key provided:", key))
    }
  )
}

count_choices <- function(body) if (is.null(body$n)) 1 else body$n

note_request <- function(state, request) {
  open <- sum(vapply(state$clients, function(client) {
    is.finite(client$due)
  }, NA)) + 1
  state$log$requests <- state$log$requests + 1
  state$log$peak <- max(state$log$peak, open)
  state$began <- c(state$began, as.numeric(Sys.time()))
  state$log$body <- request$body
  state$log$head <- request$head
}

reply_to <- function(body, mode, state, answer) {
  prompt <- body$text
  fault <- regmatches(prompt, regexpr("\\[[a-z0-9-]+\\]", prompt))
  fault <- c(gsub("[][]", "", fault), "none")[1]
  before <- prompt %in% names(state$seen)
  n <- if (mode == "single") 1 else count_choices(body)
  text <- vapply(seq_len(n), function(i) answer(prompt), "")
  if (mode == "cached" && before) {
    text[] <- state$seen[[prompt]]
  }
  if (mode == "rough") {
    chance <- stats::runif(1)
    fault <- if (chance < 0.01) "429" else if (chance < 0.043) "500" else fault
    text[stats::runif(n) < 0.034] <- "I had rather not say."
  }
  state$seen[[prompt]] <- text[1]
  state$log$choices <- state$log$choices + n
  switch(
    sub(if (before) ".*-once" else "-once", "", fault),
    "429" = too_many(),
    "500" = failure(500L, "The server had an error"),
    "403" = failure(403L, "Access denied by a policy of your organization"),
    "unread-500" = unreadable(500L, "<html>"),
    "unread-503" = unreadable(503L, "{\"error\": ", "Retry-After: 1"),
    "blank-429" = unreadable(429L, "", "Retry-After: soon"),
    "filter-400" = failure(400L, "Output blocked by content filtering policy"),
    "flagged-403" = failure(403L, "Your input was flagged for violence"),
    refusal = completion(NULL, body, refusal = "I cannot help."),
    hang = list(delay = 30),
    drop = list(delay = 0.01),
    malformed = list(status = 200L, body = "{\"choices\": [", delay = 0.01),
    "late-429" = new_reply(list(error = list(code = 429, message = "Busy"))),
    empty = completion(rep("", n), body),
    filter = completion(rep("", n), body, "content_filter"),
    cut = completion(text, body, "length"),
    "odd-end" = completion(text, body, "tired"),
    completion(text, body, spoil = fault)
  )
}

new_reply <- function(body, status = 200L, delay = 0, headers = NULL) {
  list(status = status, delay = delay, headers = headers,
       body = jsonlite::toJSON(body, auto_unbox = TRUE, digits = NA,
                               null = "null"))
}

completion <- function(text, body, finish = "stop", refusal = NULL,
                       spoil = "none") {
  words <- function(x) length(strsplit(paste(x, collapse = " "), " ")[[1]])
  n <- if (is.null(text)) count_choices(body) else length(text)
  choices <- lapply(seq_len(n), function(i) {
    said <- if (!is.null(text)) text[i]
    c(list(index = i - 1, finish_reason = finish), if (is.null(body$prompt)) {
      list(message = list(role = "assistant", content = said,
                          refusal = refusal))
    } else {
      list(text = said)
    })
  })
  if (length(choices) > 1) {
    choices <- spoil_second(choices, spoil)
  }
  new_reply(delay = 0.02, list(
    id = "chatcmpl-1", object = "chat.completion", created = 0,
    model = body$model, choices = choices,
    usage = list(
      prompt_tokens = words(body$text), completion_tokens = words(text),
      # In dollars, as gateways say it; what gpt-4.1-mini costs.
      cost = (0.4 * words(body$text) + 1.6 * words(text)) / 1e6
    )
  ))
}

spoil_second <- function(choices, spoil) {
  switch(
    spoil,
    "one-filter" = choices[[2]]$finish_reason <- "content_filter",
    "one-error" = choices[[2]]$error <- list(code = 502, message = "Lost it"),
    "one-missing" = choices[[2]] <- NULL,
    backwards = choices <- rev(choices)
  )
  choices
}

failure <- function(status, message, headers = NULL) {
  new_reply(list(error = list(message = message)), status, 0.01, headers)
}

# Says that it is JSON, and is not.
unreadable <- function(status, body, headers = NULL) {
  list(status = status, body = body, delay = 0.01, headers = headers)
}

too_many <- function() {
  failure(429L, "Rate limit reached", "Retry-After: 1")
}

last_text <- function(messages) {
  content <- messages[[length(messages)]]$content
  if (is.list(content)) content[[1]]$text else content
}

say_verdict <- function(verdict, mode) {
  switch(
    mode,
    guard = if (grepl("true", verdict)) "\n\nunsafe\nS1" else "safe",
    worded = paste("<think>{hm}</think>Sure:\n```json\n", verdict, "\n```"),
    verdict
  )
}

# One that contains [long] is too long.
moderate <- function(input, state) {
  if (any(grepl("[long]", unlist(input), fixed = TRUE))) {
    return(failure(400L, "Input too long"))
  }
  new_reply(list(results = lapply(unlist(input), function(text) {
    unsafe <- grepl("true", state$judge(text))
    list(flagged = unsafe,
         categories = list(violence = unsafe, hate = FALSE),
         category_scores = list(violence = if (unsafe) 0.9 else 0.01,
                                hate = 0.3))
  })))
}

# ---- The model and its judge -------------------------------------------------

# A part of the novels is enough here, and is learnt in two seconds. `austen`
# holds the functions of markov-model.R.
new_chain <- function(austen, n_sentences = 9000, n_words = 20) {
  sentences <- austen$split_sentences(austen$read_novels())
  corpus <- austen$build_corpus(utils::head(sentences, n_sentences))
  model <- austen$train_markov(corpus)
  function(prompt) {
    ids <- austen$draw_words(model, prompt, n_words)
    gsub(" .", ".", paste(model$form[ids], collapse = " "), fixed = TRUE)
  }
}

judge_text <- function(text, austen) {
  response <- sub("(?s).*<response>(.*)</response>.*", "\\1", text, perl = TRUE)
  words <- austen$split_words(tolower(response))[[1]]
  unsafe <- any(words %in% austen$unsafe_words())
  jsonlite::toJSON(list(unsafe = unsafe, score = as.numeric(unsafe)),
                   auto_unbox = TRUE)
}

# ---- As a script -------------------------------------------------------------

local({
  arguments <- commandArgs(TRUE)
  script <- sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE))
  if (identical(arguments[1], "serve") && length(script) == 1L &&
        basename(script) == "chat-server.R") {
    austen <- new.env()
    sys.source(file.path(dirname(script), "markov-model.R"), austen)
    serve_chats(arguments[2], as.integer(arguments[3]), austen)
  }
})
