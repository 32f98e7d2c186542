# Several draws of one prompt in one request, as the protocol's `n` choices:
# which go together, and what each choice of an answer says.

# Rows of a batch by request: at most `n` of the same prompt in each. Requests
# for the same prompt come one after the other, not at once: then the server has
# the prompt in its cache, and curl in the slot that is free (take_slot()).
request_rows <- function(prompts, n) {
  prompt <- match(prompts, unique(prompts))
  rows <- order(prompt)
  before <- sequence(rle(prompt[rows])$lengths) - 1
  begins <- before %% n == 0
  unname(split(rows, cumsum(begins)))[order(before[begins])]
}

# ---- Whether a server has `n` ------------------------------------------------

# Kept with the connections to the server: `honours` is whether it does, NULL
# where that is not known yet.

# A server that refuses `n`, with an error of the request or in words. Once
# several choices have come in one answer, an error is not about `n`.
splits_choices <- function(error, slots) {
  status <- http_status(error)
  if (!is.null(slots$honours) || is.null(status) || is_throttled(error) ||
        is_wrong(error) || is_filtered(error)) {
    return(FALSE)
  }
  status %in% c(400L, 422L, 501L) ||
    grepl("choices?\\b|\\bn\\b|best_of", conditionMessage(error))
}

# What answers say of it, by how many choices they gave. Where a server ignores
# `n`, what is missing is asked for again, and everything singly from then on;
# so it is where one that was asked for less has answered after an error.
learn_choices <- function(station, i, given) {
  slots <- station$slots
  asked <- lengths(station$units[i])
  if (any(given > 1L & asked > 1L)) {
    slots$honours <- TRUE
  }
  if (isTRUE(slots$honours)) {
    return(invisible())
  }
  for (j in i[asked > 1L]) {
    rows <- station$units[[j]]
    station$units[[j]] <- rows[1L]
    add_units(station, as.list(rows[-1L]))
  }
  if (any(asked > 1L) || isTRUE(slots$split)) {
    slots$honours <- FALSE
    split_waiting(station)
  }
}

# ---- One answer --------------------------------------------------------------

# An answer that can be used: choices are objects, and so are their messages.
check_choices <- function(answer, k) {
  choices <- answer[["choices"]]
  if (!is.list(choices) || length(choices) == 0L) {
    stop("the answer has no choices", call. = FALSE)
  }
  objects <- function(x) vapply(x, is.list, NA)
  fine <- all(objects(choices)) && {
    message <- lapply(choices, `[[`, "message")
    all(objects(message) | vapply(message, is.null, NA))
  }
  if (!fine) {
    stop("a choice is not an object", call. = FALSE)
  }
  answer
}

# The choices of an answer at the places of the draws that they are, NULL where
# one is missing. Their order in the answer may be that in which they ended, and
# that depends on what they say.
place_choices <- function(choices, k) {
  if (k == 1L) {
    return(choices[1L])
  }
  place <- unlist(lapply(choices, `[[`, "index"))
  known <- is.numeric(place) && length(place) == length(choices) &&
    !anyNA(place) && !anyDuplicated(place) && all(place >= 0)
  place <- if (known) place + 1 else seq_along(choices)
  placed <- vector("list", k)
  fits <- place <= k
  placed[place[fits]] <- choices[fits]
  placed
}

# ---- Each choice -------------------------------------------------------------

# The columns of draws that choices fill, as a list.
read_choices <- function(choices) {
  message <- lapply(choices, `[[`, "message")
  finish <- words(lapply(choices, `[[`, "finish_reason"))
  found <- classify_answers(choice_texts(choices, message), tell_filter(finish),
                            words(lapply(message, `[[`, "refusal")))
  found$truncated <- were_cut(finish)
  failed <- choice_failures(choices, finish)
  broken <- !is.na(failed)
  found$status[broken] <- "error"
  found$message[broken] <- failed[broken]
  found$response[broken] <- NA
  found
}

# Strings, NA for anything else.
words <- function(x) {
  text <- rep(NA_character_, length(x))
  single <- lengths(x) == 1L & vapply(x, is.character, NA)
  text[single] <- unlist(x[single])
  text
}

# Text, or parts of which some are text.
choice_texts <- function(choices, message) {
  text <- lapply(message, `[[`, "content")
  plain <- vapply(text, is.null, NA)
  text[plain] <- lapply(choices[plain], `[[`, "text")
  parts <- vapply(text, is.list, NA)
  text[parts] <- lapply(text[parts], function(parts) {
    said <- words(lapply(Filter(is.list, parts), `[[`, "text"))
    paste(said[!is.na(said)], collapse = "")
  })
  words(text)
}

# Why there is none: it is missing, or the server gave up on it.
choice_failures <- function(choices, finish) {
  why <- rep(NA_character_, length(choices))
  why[finish %in% c("error", "abort")] <- "the server did not finish it"
  error <- !vapply(lapply(choices, `[[`, "error"), is.null, NA)
  why[error] <- vapply(choices[error], function(choice) {
    error_message(choice) %||% "the server reports an error"
  }, "")
  why[vapply(choices, is.null, NA)] <-
    "the answer has fewer choices than were asked for"
  why
}

# Whether answers ended at the token limit, in the words of the protocol and of
# servers that speak it; NA for a reason that is not known, or none.
were_cut <- function(finish) {
  cut <- rep(NA, length(finish))
  cut[finish %in% c("stop", "content_filter", "tool_calls", "function_call",
                    "eos", "eos_token", "stop_sequence", "end_turn")] <- FALSE
  cut[finish %in% c("length", "max_tokens", "model_length")] <- TRUE
  cut
}

# ---- What it cost ------------------------------------------------------------

# Of answers with k choices, each choice's share: the prompt was read once.
# `cost` is what the service itself says, in its currency.
read_usage <- function(answers, k) {
  usage <- lapply(answers, function(answer) as.list(answer[["usage"]]))
  share <- function(name) {
    found <- lapply(usage, `[[`, name)
    single <- lengths(found) == 1L & vapply(found, is.numeric, NA)
    number <- rep(NA_real_, length(found))
    number[single] <- unlist(found[single])
    number / k
  }
  list(input_tokens = share("prompt_tokens"),
       output_tokens = share("completion_tokens"), cost = share("cost"))
}
