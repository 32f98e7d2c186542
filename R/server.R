# A server that speaks OpenAI's protocol: its address, headers and keys, what is
# asked of it, and what it says where it does not answer.

need_server <- function(call = rlang::caller_env()) {
  need_package("curl", "to ask a server", "6.4.0", call)
  need_package("jsonlite", "to ask a server", call = call)
}

# `fields` are those of the body that are the same in every request.
new_server <- function(base_url, path, fields, api_headers, credentials,
                       call = rlang::caller_env()) {
  server <- list(
    url = service_url(base_url, path, call),
    fields = write_fields(fields),
    headers = check_headers(api_headers, "api_headers", call),
    credentials = check_credentials(credentials, call)
  )
  server_headers(server, call)
  server
}

service_url <- function(base_url, path, call) {
  url <- check_string(base_url, "base_url", call)
  if (!grepl("^https?://[^/?#]", url, ignore.case = TRUE)) {
    stop_argument("base_url", "must be an address", describe(url),
                  fix = "Such as \"http://127.0.0.1:8000/v1\".", call = call)
  }
  if (grepl("/(completions|moderations|responses)/*$", url)) {
    stop_argument(
      "base_url", "must end where the version does", describe(url),
      fix = sprintf("Write base_url = \"%s\": the rest is added.",
                    sub("/(chat/)?[a-z]+/*$", "", url)), call = call
    )
  }
  # What follows a question mark stays behind the path.
  at <- c(regexpr("?", url, fixed = TRUE), nchar(url) + 1L)
  end <- min(at[at > 0L]) - 1L
  paste0(sub("/+$", "", substr(url, 1L, end)), path, substring(url, end + 1L))
}

check_headers <- function(headers, arg, call) {
  named <- length(headers) == 0L || (!is.null(names(headers)) &&
                                       all(nzchar(names(headers))))
  if (!is.character(headers) || anyNA(headers) || !named) {
    stop_argument(arg, "must be a named character vector", describe(headers),
                  call = call)
  }
  if (any(grepl("[\r\n]", c(headers, names(headers))))) {
    stop_argument(arg, "must not contain ends of lines", call = call)
  }
  headers
}

# A key itself would be in whatever is saved or sent with the sampler.
check_credentials <- function(credentials, call) {
  if (is.null(credentials)) {
    return(NULL)
  }
  if (is.character(credentials)) {
    stop_argument(
      "credentials", "must be a function that returns the key", "text",
      fix = "Write credentials = function() Sys.getenv(\"OPENAI_API_KEY\").",
      call = call
    )
  }
  check_function(credentials, "credentials", "that returns the key, or NULL",
                 call = call)
  needed <- required_arguments(credentials)
  if (length(needed) > 0L) {
    stop_argument("credentials",
                  "must be a function without required arguments",
                  paste("one of", list_names(needed)), call = call)
  }
  credentials
}

# Asked for again with each batch: keys may end. A key, or headers of any name.
server_headers <- function(server, call = NULL) {
  key <- if (!is.null(server$credentials)) {
    tryCatch(server$credentials(), error = function(e) {
      stop_argument("credentials", "failed when it was called", parent = e,
                    call = call)
    })
  }
  if (is.list(key)) {
    key <- unlist(key)
  }
  if (!is.null(server$credentials) &&
        (!is.character(key) || length(key) == 0L || anyNA(key) ||
           !all(nzchar(key)))) {
    stop_argument("credentials", "must return a key, or named headers",
                  if (identical(key, "")) "an empty one" else class(key)[1L],
                  fix = "Is the environment variable set?", call = call)
  }
  if (is.null(names(key)) && length(key) == 1L) {
    key <- c(Authorization = paste("Bearer", key))
  }
  key <- check_headers(stats::setNames(as.character(key), names(key)),
                       "credentials", call)
  headers <- c(server$headers, key)
  if (!"content-type" %in% tolower(names(headers))) {
    headers <- c("Content-Type" = "application/json", headers)
  }
  headers
}

# ---- What is asked -----------------------------------------------------------

# Fields of the body, checked: named, none of those that are `ours`, which are
# said by arguments, and none that an audit cannot use.
check_api_args <- function(api_args, ours, call = rlang::caller_env()) {
  names <- names(api_args)
  if (!is.list(api_args) || is.data.frame(api_args) ||
        (length(api_args) > 0L && (is.null(names) || !all(nzchar(names))))) {
    stop_argument("api_args", "must be a named list", describe(api_args),
                  call = call)
  }
  taken <- intersect(names, names(ours))
  if (length(taken) > 0L) {
    stop_argument("api_args", "must not contain what an argument sets",
                  list_names(taken),
                  fix = sprintf("Use `%s`.", ours[[taken[1L]]]), call = call)
  }
  for (name in intersect(names, names(useless_fields))) {
    if (!is.null(api_args[[name]]) && !isFALSE(api_args[[name]])) {
      stop_argument("api_args", sprintf("must not contain `%s`: %s", name,
                                        useless_fields[[name]]), call = call)
    }
  }
  api_args
}

useless_fields <- c(
  stream = "answers are read as a whole",
  logprobs = "they are not kept, and make answers many times larger",
  top_logprobs = "they are not kept, and make answers many times larger",
  prompt_logprobs = "they are not kept, and make answers many times larger",
  echo = "the prompt would be judged with the response",
  best_of = "the best of several responses is no draw"
)

# "\"a\":1,\"b\":[2]"; NULL is null, and a length of one no array.
write_fields <- function(fields) {
  if (length(fields) == 0L) {
    return("")
  }
  text <- jsonlite::toJSON(fields, auto_unbox = TRUE, null = "null",
                           digits = NA)
  substr(text, 2L, nchar(text) - 1L)
}

# A body with its own fields beside those of all requests.
request_body <- function(server, fields) {
  paste0("{", server$fields, ",", fields, "}")
}

message_json <- function(role, content) {
  sprintf("{\"role\":\"%s\",\"content\":%s}", role, json_strings(content))
}

# The first of the messages, where there is one.
check_system <- function(system_prompt, call = rlang::caller_env()) {
  if (is.null(system_prompt)) {
    return("")
  }
  text <- check_string(system_prompt, "system_prompt", call)
  paste0(message_json("system", text), ",")
}

# Fields that arguments set.
chat_fields <- c(model = "model", messages = "system_prompt")

# Each as a string of JSON; once for all, where toJSON() takes one at a time.
json_strings <- function(x) {
  x <- gsub("\\", "\\\\", enc2utf8(x), fixed = TRUE)
  x <- gsub("\"", "\\\"", x, fixed = TRUE)
  special <- which(grepl("[\\x01-\\x1f]", x, perl = TRUE, useBytes = TRUE))
  for (code in if (length(special) > 0L) 1:31) {
    x[special] <- gsub(intToUtf8(code), sprintf("\\u%04x", code), x[special],
                       fixed = TRUE)
  }
  paste0("\"", x, "\"")
}

# ---- What it answers ---------------------------------------------------------

# Results of curl as what `read(answer, k)` makes of each, or errors.
read_answers <- function(results, k, read, headers) {
  each <- function(j, parse) {
    read(read_answer(results[[j]], headers, parse), k[j])
  }
  at <- seq_along(results)
  # Most often none fails, and one handler does for all.
  tryCatch(lapply(at, each, parse_answer), error = function(e) {
    lapply(at, function(j) {
      tryCatch(each(j, parse_or_say), error = function(e) e)
    })
  })
}

read_answer <- function(result, headers, parse) {
  if (inherits(result, "error")) {
    stop(result)
  }
  if (result$status_code %/% 100 != 2) {
    stop(failed_answer(result, headers))
  }
  answer <- parse(result$content)
  if (!is.list(answer)) {
    stop("it is not an object", call. = FALSE)
  }
  # Some services have answered 200 before they fail.
  if (!is.null(answer[["error"]]) && is.null(answer[["choices"]])) {
    code <- as.list(answer[["error"]])$code
    result$status_code <- if (is_code(code)) as.integer(code) else 500L
    stop(failed_answer(result, headers))
  }
  answer
}

# An error of the parser would show the text.
parse_or_say <- function(bytes) {
  tryCatch(parse_answer(bytes), error = function(e) {
    stop("it is not JSON", call. = FALSE)
  })
}

is_code <- function(code) {
  rlang::is_scalar_integerish(code) && code >= 400 && code < 600
}

parse_answer <- function(bytes) {
  text <- rawToChar(bytes)
  Encoding(text) <- "UTF-8"
  jsonlite::parse_json(text)
}

failed_answer <- function(result, headers) {
  resp <- list(headers = curl::parse_headers_list(result$headers),
               body = result$content)
  said <- tryCatch(error_message(parse_answer(result$content)),
                   error = function(e) NULL)
  if (is.null(said)) {
    said <- gsub("<[^>]*>", " ", substr(body_text(resp), 1L, 500L))
  }
  said <- trimws(gsub("\\s+", " ", said))
  new_http_error(result$status_code,
                 if (nzchar(said)) hide_keys(said, headers), resp)
}

# Where servers put it: error$message, error, message, detail.
error_message <- function(json) {
  for (said in json[c("error", "message", "detail")]) {
    if (is.list(said)) {
      said <- said$message
    }
    if (rlang::is_string(said) && nzchar(said)) {
      return(said)
    }
  }
}

# Some services repeat the key that they do not know.
hide_keys <- function(text, headers) {
  secret <- sub("^(Bearer|Basic) +", "", unname(headers))
  for (key in secret[nchar(secret) >= 8L & secret != "application/json"]) {
    text <- gsub(key, "<hidden>", text, fixed = TRUE)
  }
  text
}
