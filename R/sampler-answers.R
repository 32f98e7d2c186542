# What an answer of a chat model says: its text, why it ended, whether it was
# withheld or cut, and what it cost.

# What the turns say that a request added; several when tools were used.
read_turns <- function(chat, before) {
  turns <- utils::tail(chat$get_turns(), -before)
  if (before == 0L) {
    turns <- chat$get_turns()
  }
  turns <- Filter(function(turn) S7::prop(turn, "role") == "assistant", turns)
  last <- turns[[length(turns)]]
  all <- function(name) lapply(turns, S7::prop, name)
  tokens <- Reduce(`+`, lapply(all("tokens"), as.double))
  list(
    text = S7::prop(last, "text"), finish = S7::prop(last, "finish_reason"),
    declined = why_declined(S7::prop(last, "json")),
    cost = sum(as.double(unlist(all("cost")))),
    latency = sum(as.double(unlist(all("duration")))),
    input_tokens = tokens[1L] + c(tokens[3L], 0)[1L], output_tokens = tokens[2L]
  )
}

# What stands beside an answer without text, in the fields of its own that
# services have for it: a refusal of the model (chat completions, responses), or
# why the prompt was blocked (Gemini). NULL where there is none.
why_declined <- function(json) {
  at <- function(x, ...) {
    for (name in list(...)) {
      x <- tryCatch(x[[name]], error = function(e) NULL)
    }
    x
  }
  parts <- unlist(lapply(at(json, "output"), at, "content"), recursive = FALSE)
  said <- c(
    list(at(json, "choices", 1L, "message", "refusal"),
         at(json, "promptFeedback", "blockReason")),
    lapply(parts, at, "refusal")
  )
  said <- Filter(function(x) rlang::is_string(x) && nzchar(trimws(x)), said)
  if (length(said) > 0L) said[[1L]]
}

# The word of ellmer, or one that it has passed on from the service.
was_filtered <- function(finish) any(tell_filter(finish))

tell_filter <- function(finish) {
  grepl("filter|safety|sensitive|moderat|refus|prohibited|toxic|guardrail",
        finish, ignore.case = TRUE)
}

has_text <- function(x) !is.na(x) & grepl("[^ \t\r\n]", x)

# What becomes of answers: list(status, response, message). Of each there is its
# text (NA for none), whether a filter withheld it, and what the model said in
# another field in place of text (NA or blank for nothing).
classify_answers <- function(text, filtered, declined) {
  status <- rep("ok", length(text))
  message <- rep(NA_character_, length(text))
  silent <- !filtered & !has_text(text)
  said <- silent & has_text(declined)
  status[filtered | said] <- "refused"
  message[filtered] <- "withheld by the provider's content filter"
  message[said] <- "refused, in a field of its own"
  text[said] <- declined[said]
  nothing <- silent & !said
  status[nothing] <- "error"
  message[nothing] <- "the answer has no text"
  text[nothing] <- NA
  list(status = status, response = text, message = message)
}

# Whether an answer ended at the token limit, by the words of ellmer, which are
# the same for all services; NA for a reason that it does not know, or none.
was_cut <- function(finish) {
  if (any(finish %in% c("max_tokens", "context_window"))) {
    TRUE
  } else if (any(finish %in% c("success", "stop_sequence", "tool_use",
                               "content_filter"))) {
    FALSE
  } else {
    NA
  }
}
