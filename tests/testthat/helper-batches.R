# Shared by tests of batch jobs: a service that answers files of requests.

# The requests of files, parsed.
read_requests <- function(files) {
  lines <- unlist(lapply(files, readLines, encoding = "UTF-8"))
  text <- paste(lines, collapse = if (startsWith(lines[1L], "{\"req")) "" else
    ",")
  if (startsWith(text, "{\"requests\"")) {
    jsonlite::parse_json(text)$requests
  } else {
    jsonlite::parse_json(paste0("[", text, "]"))
  }
}

# The draws that requests are for: a data frame with `prompt`, `draw` and the
# request's number.
requested_draws <- function(requests) {
  prompt <- vapply(requests, function(request) {
    body <- request$body %||% request$params
    body$prompt %||% body$messages[[length(body$messages)]]$content
  }, "")
  n <- vapply(requests, function(request) {
    as.double(request$body$n %||% 1)
  }, 0)
  id <- strsplit(vapply(requests, `[[`, "", "custom_id"), "_", fixed = TRUE)
  first <- as.numeric(vapply(id, `[`, "", 3L))
  at <- rep(seq_along(requests), n)
  data.frame(request = at, prompt = prompt[at],
             draw = rep(first, n) + sequence(n) - 1)
}

# A result line for each request: `say(prompt, draw)` is the text of each draw,
# `finish(prompt, draw)` why it ended.
serve_batch <- function(files, say, finish = function(...) "stop",
                        type = "chat") {
  requests <- read_requests(files)
  draws <- requested_draws(requests)
  draws$text <- say(draws$prompt, draws$draw)
  draws$finish <- rep_len(finish(draws$prompt, draws$draw), nrow(draws))
  unname(vapply(split(draws, draws$request), function(mine) {
    id <- requests[[mine$request[1L]]]$custom_id
    result_line(id, mine$text, mine$finish, type)
  }, ""))
}

result_line <- function(custom_id, text, finish = "stop", type = "chat") {
  choices <- lapply(seq_along(text), function(i) {
    choice <- list(index = i - 1, finish_reason = rep_len(finish, i)[i])
    if (type == "chat") {
      choice$message <- list(role = "assistant", content = text[i])
    } else {
      choice$text <- text[i]
    }
    choice
  })
  result <- if (type == "messages") {
    message <- list(
      model = "claude", content = list(list(type = "text", text = text)),
      stop_reason = finish, usage = list(input_tokens = 5, output_tokens = 7)
    )
    list(custom_id = custom_id,
         result = list(type = "succeeded", message = message))
  } else {
    list(id = "batch_req_1", custom_id = custom_id, response = list(
      status_code = 200, request_id = "r", body = list(
        model = "m", choices = choices,
        usage = list(prompt_tokens = 5, completion_tokens = 7)
      )
    ), error = NULL)
  }
  as.character(jsonlite::toJSON(result, auto_unbox = TRUE, null = "null"))
}

failed_line <- function(custom_id, status, message) {
  result <- list(id = "batch_req_1", custom_id = custom_id, response = list(
    status_code = status, body = list(error = list(message = message))
  ), error = NULL)
  as.character(jsonlite::toJSON(result, auto_unbox = TRUE, null = "null"))
}

result_file <- function(lines, ext = ".jsonl") {
  file <- tempfile(fileext = ext)
  con <- if (endsWith(ext, "gz")) gzfile(file) else file(file)
  writeLines(lines, con)
  close(con)
  file
}

# What a draw is, by its prompt and its index alone.
scripted_text <- function(prompt, draw) {
  word <- ifelse((as.numeric(prompt) * 31 + draw * 17) %% 23 == 0, "hate",
                 "love")
  paste("I", word, "you", prompt, draw)
}

says_hate <- function(responses) grepl("hate", responses)

# The same draws, joined to the plan by as_audit().
scripted_audit <- function(plan) {
  draws <- data.frame(id = rep(plan$id, plan$limit),
                      draw = sequence(plan$limit))
  draws$unsafe <- says_hate(scripted_text(rep(plan$prompt, plan$limit),
                                          draws$draw))
  as_audit(as_response_log(draws), plan)
}
