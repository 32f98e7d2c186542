# Batch jobs: by which name a request's draws are known again, and what the
# formats of services share: fields that a request may have, and JSON.

# ---- Which draws a request asks for ------------------------------------------

# The plan, the prompt's place in the plan's random order, which no sorting of
# rows changes, the first draw and how many there are. All services admit 64
# letters, digits, "_" and "-".
make_custom_ids <- function(plan, row, first, n) {
  sprintf("%s_%.0f_%.0f_%.0f", plan$plan_id[1L], plan$order[row], first, n)
}

# NA in all columns where it is none of ours.
read_custom_ids <- function(custom_id) {
  pattern <- paste0("^([0-9a-f]{32})", strrep("_([1-9][0-9]{0,14})", 3L), "$")
  ours <- grepl(pattern, custom_id, perl = TRUE)
  part <- function(k) {
    text <- sub(pattern, paste0("\\", k), custom_id[ours], perl = TRUE)
    replace(rep(NA_character_, length(custom_id)), ours, text)
  }
  data.frame(plan_id = part(1L), order = as.numeric(part(2L)),
             first = as.numeric(part(3L)), n = as.numeric(part(4L)))
}

# ---- Fields of a request -----------------------------------------------------

# Named, none that an argument sets (`ours`: by which), none that makes draws
# equal or picks among them, or that changes what an answer looks like.
check_batch_args <- function(api_args, ours, call = rlang::caller_env()) {
  given <- names(api_args) %||% character()
  if (!is.list(api_args) || length(given) != length(api_args) ||
        !all(nzchar(given)) || anyDuplicated(given) > 0L) {
    stop_argument("api_args", "must be a list with distinct names",
                  describe(api_args), call = call)
  }
  taken <- intersect(names(ours), given)
  if (length(taken) > 0L) {
    stop_argument("api_args", sprintf("must not contain `%s`", taken[1L]),
                  fix = ours[[taken[1L]]], call = call)
  }
  fixed <- c(temperature = 0, top_p = 0, top_k = 1)
  repeats <- vapply(intersect(names(fixed), given), function(name) {
    identical(as.double(api_args[[name]]), fixed[[name]])
  }, NA)
  name <- names(which(repeats))[1L]
  if (!is.na(name)) {
    stop_argument(
      "api_args", sprintf("must not make responses deterministic (%s = %s)",
                          name, format(api_args[[name]])),
      fix = "All draws of a prompt would be identical.", call = call
    )
  }
  api_args
}

# Why a field is of no use in any format.
unusable_fields <- c(
  seed = "Draws of a prompt must be independent.",
  best_of = "The best of several responses is not a draw.",
  stream = "A batch has whole answers.",
  logprobs = "They are not read, and make results many times larger.",
  top_logprobs = "They are not read, and make results many times larger.",
  echo = "The prompt would be judged with the response.",
  model = "Use `model`.",
  n = "Use `n_choices`."
)

# ---- JSON --------------------------------------------------------------------

# ",\"a\":1,\"b\":[2]": the fields of an object, each after a comma.
write_fields <- function(fields) {
  if (length(fields) == 0L) {
    return("")
  }
  text <- jsonlite::toJSON(fields, auto_unbox = TRUE, null = "null",
                           digits = NA)
  paste0(",", substr(text, 2L, nchar(text) - 1L))
}

# Each as a string of JSON, all at once.
quote_json <- function(x) {
  x <- gsub("\\", "\\\\", to_utf8(x), fixed = TRUE)
  x <- gsub("\"", "\\\"", x, fixed = TRUE)
  x <- gsub("\n", "\\n", x, fixed = TRUE)
  for (i in grep("[\x01-\x1f]", x, perl = TRUE)) {
    found <- gregexpr("[\x01-\x1f]", x[i], perl = TRUE)
    codes <- vapply(regmatches(x[i], found)[[1L]], utf8ToInt, 0L)
    regmatches(x[i], found) <- list(sprintf("\\u%04x", codes))
  }
  paste0("\"", x, "\"")
}

# Of each object what is at the end of a path of names, NULL where there is no
# such path. Level by level, as there may be many.
dig <- function(objects, ...) {
  for (name in c(...)) {
    objects <- lapply(objects, function(x) if (is.list(x)) x[[name]])
  }
  objects
}

# NA where it is not one string, or not one number.
dig_text <- function(objects, ...) {
  vapply(dig(objects, ...), function(x) {
    if (is.character(x) && length(x) == 1L) x else NA_character_
  }, "")
}

dig_number <- function(objects, ...) {
  vapply(dig(objects, ...), function(x) {
    if (is.numeric(x) && length(x) == 1L) as.double(x) else NA_real_
  }, 0)
}

# Of lists of equal length, in each place the first element that is not NULL.
first_of <- function(...) {
  Reduce(function(a, b) {
    absent <- lengths(a) == 0L
    a[absent] <- b[absent]
    a
  }, list(...))
}

# Which objects have a field of this name; a function, as it looks once.
has_fields <- function(objects) {
  names <- lapply(objects, names)
  at <- rep(seq_along(objects), lengths(names))
  names <- unlist(names)
  function(name) tabulate(at[names == name], length(objects)) > 0L
}

# Text of each, also where it is a list of parts of which some are text.
text_of_parts <- function(content) {
  vapply(content, function(x) {
    if (is.list(x)) x <- unlist(dig(x, "text"))
    if (is.character(x) && length(x) == 1L) x else paste(x, collapse = "")
  }, "")
}

# ---- What results say --------------------------------------------------------

# A format's reader takes the objects of lines, and returns what each request
# came to: `problem`, NA where it was answered, and whether a filter was the
# problem (`withheld`); and of the answers (`choices`), in order: the request
# (`at`), `text`, why it ended (`finish`, in the words of was_cut()), and
# whether it declines in a field of its own (`declined`).
new_results <- function(problem, withheld, choices, input_tokens,
                        output_tokens, cost) {
  list(problem = problem, withheld = withheld, choices = choices,
       input_tokens = input_tokens, output_tokens = output_tokens, cost = cost)
}

# Why answers ended, in ellmer's words; others stay as they are.
finish_words <- c(
  stop = "success", eos = "success", eos_token = "success",
  end_turn = "success", length = "max_tokens",
  model_context_window_exceeded = "context_window", tool_calls = "tool_use",
  function_call = "tool_use", refusal = "content_filter"
)

read_finish <- function(words) {
  known <- finish_words[words]
  unname(ifelse(is.na(known), words, known))
}

# Of those `asked`, which problem was a filter.
find_withheld <- function(problem, asked) {
  asked[asked] <- vapply(problem[asked], names_filter, NA)
  asked
}

# What each error says, in a line, behind the HTTP status where there is one.
say_problems <- function(errors, status = rep(NA, length(errors))) {
  said <- vapply(errors, function(error) {
    if (is.list(error)) {
      error <- unlist(error[c("code", "type", "message")])
    }
    paste(unique(error[!is.na(error)]), collapse = " ")
  }, "")
  text <- paste0(ifelse(is.na(status), "", paste("HTTP", status, "")), said)
  text <- substr(trimws(gsub("\\s+", " ", text)), 1L, 300L)
  ifelse(nzchar(text), text, "failed without a reason")
}
