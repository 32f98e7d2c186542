# Draws that are not draws of their own: the same one in several files, answers
# that a cache gave again, and repeats that had to be equal.

# ---- The same draw in several files ------------------------------------------

# One row for each `key`: the one that was judged, else the last. `retry` is the
# same where a run drew a failed record again.
drop_duplicates <- function(rows, call) {
  better <- order(!is.na(rows$unsafe), rows$status != "error",
                  seq_len(nrow(rows)))
  refuse_conflict(rows, call)
  keep <- rep(FALSE, nrow(rows))
  keep[better[!duplicated(rows$key[better], fromLast = TRUE)]] <- TRUE
  again <- !is.na(rows$retry) & keep
  better <- better[again[better]]
  keep[better[duplicated(rows$retry[better], fromLast = TRUE)]] <- FALSE
  if (!all(keep)) rows <- rows[keep, , drop = FALSE]
  # A cache gives the message that it has under another key.
  seen <- match(rows$message_id, rows$message_id, incomparables = NA)
  again <- !is.na(seen) & seen != seq_len(nrow(rows))
  elsewhere <- again & rows$source != rows$source[ifelse(again, seen, 1L)]
  rows$cached[again] <- TRUE
  if (any(elsewhere)) rows[!elsewhere, , drop = FALSE] else rows
}

refuse_conflict <- function(rows, call) {
  judged <- rows[!is.na(rows$unsafe), c("key", "unsafe", "source")]
  first <- match(judged$key, judged$key)
  other <- which(judged$unsafe != judged$unsafe[first])
  if (length(other) > 0L) {
    k <- other[1L]
    stop_classed("file", c(
      sprintf("%s and %s contain the same %s with different verdicts.",
              judged$source[first[k]], judged$source[k],
              counted(length(other), "draw")),
      i = "Read the one whose verdicts are valid."
    ), argument = "file", call = call)
  }
}

# ---- Repeats that are copies -------------------------------------------------

# Answers from a cache; and, where repeats had to be equal, all but the first
# draw of each prompt: dropping only those that are equal would keep the unsafe
# ones more often than the others, or less.
mark_copies <- function(rows) {
  fine <- rows$status %in% c("ok", "refused", "unjudged")
  rows$status[fine & rows$cached] <- "copy"
  reasons <- character()
  for (model in unique(rows$model)) {
    at <- which(rows$model %in% model & fine & !rows$cached &
                  !is.na(rows$response))
    reason <- why_copies(rows[at, , drop = FALSE])
    if (!is.null(reason)) {
      rows$status[at[duplicated(rows$id[at])]] <- "copy"
      reasons <- c(reasons, reason)
    }
  }
  rows$unsafe[rows$status != "ok"] <- NA
  list(rows = rows, reasons = unique(reasons))
}

# Where the log says that decoding is deterministic, nearly all prompts with
# one answer; else all of at least three, which then differ between prompts: a
# model that always refuses in the same words does so to all.
why_copies <- function(rows) {
  id <- match(rows$id, unique(rows$id))
  draws <- tabulate(id)
  distinct <- tabulate(id[!duplicated(pair_codes(id, rows$response))],
                       length(draws))
  repeated <- draws > 1L
  equal <- sum(distinct[repeated] == 1L)
  if (!any(repeated)) {
    return(NULL)
  }
  fixed <- unique(rows$fixed[!is.na(rows$fixed)])
  if (length(fixed) > 0L && equal >= 0.9 * sum(repeated)) {
    return(sprintf(paste("Repeats are copies (%s, identical answers): the",
                         "first of each prompt counts."),
                   paste(fixed, collapse = ", ")))
  }
  if (equal == sum(repeated) && equal >= 3L &&
        length(unique(rows$response)) > 1L) {
    return(paste("Repeats are copies (all answers to a prompt are identical):",
                 "the first of each prompt counts."))
  }
  NULL
}

# A number for each pair of values, without the text of both in one.
pair_codes <- function(x, y) {
  known <- unique(y)
  match(x, unique(x)) * (length(known) + 1) + match(y, known)
}

# What the log says of a fixed outcome, although answers differ.
fixed_note <- function(rows, copies) {
  fixed <- unique(rows$fixed[!is.na(rows$fixed)])
  if (length(fixed) > 0L && length(copies) == 0L) {
    sprintf(paste("%s: independent draws need randomness of their own; the",
                  "answers do differ."),
            paste0(toupper(substr(fixed, 1L, 1L)), substring(fixed, 2L),
                   collapse = ", "))
  }
}
