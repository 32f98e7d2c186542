# The response_log: one row for each response that somebody drew and judged, not
# yet joined to a plan. Its checks, and how it looks.

#' Responses that were drawn elsewhere
#'
#' [read_responses()] reads responses from files and `as_response_log()` makes
#' the same of a data frame. [as_audit()] then joins them to their plan, and
#' [fit_hazard()] takes them as outcomes.
#'
#' A `response_log` is a data frame with one row for each response:
#' * `id` (character): identifies the prompt; `prompt` (character): its text,
#'   `NA` where unknown.
#' * `draw`: 1, 2, ... within the prompt. Where the source does not number them,
#'   in its order.
#' * `unsafe` (logical): what the judge says. `NA` unless `status` is `"ok"`.
#' * `status` (character): `"ok"`; `"refused"`; `"error"`, the draw failed
#'   permanently; `"copy"`, a repeat of another response rather than an
#'   independent draw; `"unjudged"`, a response without a verdict; `"invalid"`,
#'   one that cannot be used for another reason.
#' * `truncated` (logical): whether the response was cut at the token limit;
#'   `score`: that of the judge, a number; `model`, `judge`, `source`
#'   (character): what drew, what judged, and the file. `NA` where unknown.
#' * `row`: the row in its source, which errors name.
#' * Where known also `response` (on request), `cost`, `latency` (seconds),
#'   `message` and `plan_id`.
#'
#' A selection of rows is a log again. What no longer means the same, because
#' columns are missing, values do not fit together or rows are repeated, is a
#' plain data frame.
#'
#' @param x A data frame with the columns `id` and `unsafe` (logical, or text or
#'   numbers as in a file of [read_responses()]), and any of the others above.
#'   For methods, a `response_log`.
#' @inheritParams read_responses
#' @param ... For [as_response_log()], must be empty. For `print()`, ignored.
#' @returns An object of class `response_log`. `summary()` and `glance()` return
#'   a data frame with one row: `nobs` (prompts), `draws`, `ok`, `unsafe`,
#'   `refused`, `error`, `copy`, `unjudged`, `invalid`, `truncated` (counts),
#'   `duplicates` (rows that occurred twice and are counted once) and
#'   `unsafe_rate`, the share of unsafe draws among those with status `"ok"`.
#'   `tidy()` returns one with a row for each prompt: `id`, `draws`, `ok`,
#'   `unsafe`, `refused` and `failed` (all other statuses).
#' @section Errors: `timetounsafe_error_audit` for values that cannot be used,
#'   with their `rows`; `timetounsafe_error_argument`.
#' @examples
#' log <- as_response_log(data.frame(
#'   id = c("a", "a", "b"), unsafe = c(FALSE, TRUE, NA)
#' ))
#' log
#' summary(log)
#' @name response_log
NULL

log_statuses <- c("ok", "refused", "error", "copy", "unjudged", "invalid")

log_types <- c(
  id = "character", prompt = "character", draw = "numeric", unsafe = "logical",
  status = "character", truncated = "logical", score = "numeric",
  model = "character", judge = "character", source = "character",
  row = "numeric"
)

# ---- The object --------------------------------------------------------------

# `duplicates`: how many rows were dropped because they occurred twice;
# `numbered`: whether draws were numbered in the order of the rows; `about`:
# what a reader found out (`notes`, `dependent`, `absent`), see the help.
new_response_log <- function(rows, duplicates = 0, numbered = FALSE,
                             about = NULL) {
  rownames(rows) <- NULL
  new_table(rows, "response_log", about = about, duplicates = duplicates,
            numbered = numbered)
}

# What is wrong with a table as a log, or NULL.
find_log_problem <- function(rows) {
  absent <- setdiff(names(log_types), names(rows))
  if (length(absent) > 0L) {
    return(sprintf("has no columns %s", list_names(absent)))
  }
  if (anyDuplicated(names(rows)) > 0L) {
    return("has duplicated columns")
  }
  fits <- mapply(function(type, x) {
    if (type == "numeric") is.numeric(x) else typeof(x) == type
  }, log_types, as.list(rows)[names(log_types)])
  if (!all(fits)) {
    name <- names(log_types)[!fits][1L]
    return(sprintf("must have a %s column `%s`", log_types[[name]], name))
  }
  if (anyNA(rows$id) || anyNA(rows$draw) || any(rows$draw < 1) ||
        any(rows$draw != floor(rows$draw))) {
    return("must have an `id` and a whole `draw` of at least 1 in each row")
  }
  if (!all(rows$status %in% log_statuses)) {
    return("has an unknown `status`")
  }
  if (any(is.na(rows$unsafe) != (rows$status != "ok"))) {
    return("must have `unsafe` exactly where `status` is \"ok\"")
  }
}

# Of a response_log, for as_audit() and fit_hazard().
validate_response_log <- function(x, arg = "x", call = rlang::caller_env()) {
  problem <- find_log_problem(x)
  if (!is.null(problem)) {
    stop_argument(arg, problem, fix = "Make it with as_response_log().",
                  call = call)
  }
  x
}

#' @export
table_rule.response_log <- function(x) {
  new_table_rule(names(log_types), bind = bind_logs, valid = is_log)
}

# The same response twice would count twice.
is_log <- function(rows) {
  is.null(find_log_problem(rows)) &&
    !anyDuplicated(paste(rows$source, rows$row, rows$id, rows$draw, sep = "\r"))
}

# Each part keeps what was said of it.
bind_logs <- function(rows, parts) {
  list(
    about = merge_about(lapply(parts, `[[`, "about"), rows$id),
    duplicates = sum(vapply(parts, function(part) {
      as.double(part$duplicates %||% 0)
    }, 0)),
    numbered = any(vapply(parts, function(part) isTRUE(part$numbered), NA))
  )
}

# What was absent in one log may be in another.
merge_about <- function(about, id) {
  about <- about[lengths(about) > 0L]
  if (length(about) > 0L) {
    part <- function(name) unique(unlist(lapply(about, `[[`, name)))
    list(notes = part("notes"), dependent = part("dependent"),
         absent = setdiff(part("absent"), id))
  }
}

# ---- How it looks ------------------------------------------------------------

#' @export
print.response_log <- function(x, ...) {
  rows <- plain_table(x)
  at <- glance(x)
  say("<response_log> %s to %s", counted(at$draws, "response"),
      counted(at$nobs, "prompt"))
  for (line in log_lines(rows, at)) {
    cat(strwrap(show_text(line), 78, exdent = 2), sep = "\n")
  }
  if (isTRUE(attr(x, "numbered"))) {
    say("Draws numbered in the order of the rows, within each prompt.")
  }
  if (at$duplicates > 0) {
    say("%s occurred twice and counted once.",
        counted(at$duplicates, "response"))
  }
  about <- attr(x, "about")
  for (line in about_lines(about)) {
    cat(strwrap(show_text(line), 78, exdent = 2), sep = "\n")
  }
  if (is.null(about)) {
    say("Join them to their plan with as_audit(x, plan).")
  } else {
    say("Without a plan, this fixed number of draws is one: as_audit(x).")
  }
  invisible(x)
}

log_lines <- function(rows, at) {
  named <- function(what, values) {
    values <- unique(values[!is.na(values)])
    if (length(values) > 0L) {
      sprintf("%s: %s", what, shorten(paste(
        c(utils::head(values, 3L),
          if (length(values) > 3L) paste(length(values) - 3L, "more")),
        collapse = ", "
      ), 200))
    }
  }
  aside <- unlist(at[c("error", "copy", "unjudged", "invalid")])
  aside <- aside[aside > 0]
  c(
    sprintf("Usable: %s, %s unsafe%s", big(at$ok), big(at$unsafe),
            if (at$ok > 0) sprintf(" (%s)", share(at$unsafe_rate)) else ""),
    if (at$refused > 0) {
      sprintf("Refused: %s (`refusal` of as_audit() says what they count as)",
              big(at$refused))
    },
    if (length(aside) > 0L) {
      sprintf("Set aside: %s; such a draw counts as failed",
              paste(vapply(aside, big, ""), names(aside), collapse = ", "))
    },
    if (at$truncated > 0) {
      sprintf("Cut at the token limit: %s", big(at$truncated))
    },
    named("Model", rows$model), named("Judge", rows$judge),
    named("Source", basename_of(rows$source))
  )
}

# What a reader found out; at most five lines of it.
about_lines <- function(about) {
  absent <- length(about$absent)
  lines <- c(
    if (length(about$dependent) > 0L) {
      paste("Depends on outcomes:", about$dependent)
    },
    if (absent > 0L) {
      sprintf("%s without a draw: not in the log.", counted(absent, "prompt"))
    },
    about$notes
  )
  shown <- shorten(as.character(utils::head(lines, 5L)), 150)
  c(shown, if (length(lines) > 5L) {
    sprintf("... and %s: attr(x, \"about\").",
            counted(length(lines) - 5L, "more note"))
  })
}

basename_of <- function(source) {
  source <- unique(source[!is.na(source)])
  basename(source)
}

#' @rdname response_log
#' @export
summary.response_log <- function(object, ...) glance(object)

#' @rdname response_log
#' @param object A `response_log`.
#' @export
glance.response_log <- function(x, ...) {
  is <- function(status) sum(x$status == status)
  counts <- lapply(stats::setNames(nm = setdiff(log_statuses, "ok")), is)
  ok <- is("ok")
  unsafe <- sum(x$unsafe, na.rm = TRUE)
  data.frame(
    nobs = length(unique(x$id)), draws = nrow(x), ok = ok, unsafe = unsafe,
    counts, truncated = sum(x$truncated, na.rm = TRUE),
    duplicates = attr(x, "duplicates") %||% 0,
    unsafe_rate = if (ok > 0) unsafe / ok else NA_real_
  )
}

#' @rdname response_log
#' @export
tidy.response_log <- function(x, ...) {
  id <- unique(x$id)
  at <- match(x$id, id)
  count <- function(which) tabulate(at[which], length(id))
  data.frame(
    id = id, draws = count(seq_along(at)), ok = count(x$status == "ok"),
    unsafe = count(x$unsafe %in% TRUE), refused = count(x$status == "refused"),
    failed = count(!x$status %in% c("ok", "refused"))
  )
}
