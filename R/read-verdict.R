# Whose verdict counts in a log with several judges, and which of its values
# mean unsafe. Neither is guessed.

# ---- Which judge -------------------------------------------------------------

# `scores` has a row for each verdict: `at` (its draw), `judge`, `value` (text)
# and `score` (a number, or NA). Returns a row for each of `n` draws, or NULL
# where a function is to judge.
choose_scores <- function(scores, judge, unsafe, n, call) {
  if (is.function(judge)) {
    return(NULL)
  }
  if (!is.null(judge) && !rlang::is_string(judge)) {
    stop_argument("judge", "must be the name of a judge, a function or NULL",
                  describe(judge), call = call)
  }
  known <- unique(scores$judge)
  if (is.null(judge)) {
    judge <- only_judge(scores, known, n, call)
  }
  if (judge %in% known) {
    one <- scores[scores$judge == judge, , drop = FALSE]
    at <- match(seq_len(n), one$at)
    chosen <- data.frame(judge = rep(judge, n), value = one$value[at],
                         score = one$score[at])
    chosen$kind <- one$kind[at]
    return(chosen)
  }
  parts <- known[startsWith(known, paste0(judge, "$"))]
  if (length(parts) == 0L || !is.function(unsafe)) {
    found <- if (length(parts) > 0L) "whose verdict has several parts"
    stop_judges(
      sprintf("`judge` must be a judge of the file, not \"%s\"%s.",
              show_text(judge), if (is.null(found)) "" else paste(",", found)),
      scores, if (length(parts) > 0L) parts else known, call,
      if (length(parts) > 0L) {
        sprintf(paste("Name one, `judge = \"%s\"`, or let a function `unsafe`",
                      "see all."), show_text(parts[1L]))
      }
    )
  }
  split_scores(scores, judge, parts, n)
}

# A verdict of several parts is a data frame to the user's function.
split_scores <- function(scores, judge, parts, n) {
  columns <- lapply(parts, function(part) {
    one <- scores[scores$judge == part, , drop = FALSE]
    at <- match(seq_len(n), one$at)
    typed_values(one$value[at], one$score[at])
  })
  names(columns) <- substring(parts, nchar(judge) + 2L)
  structure(data.frame(judge = rep(judge, n)), parts = list2DF(columns, n))
}

typed_values <- function(value, score) {
  if (all(is.na(value) | value %in% c("true", "false"))) {
    return(value == "true")
  }
  if (anyNA(score[!is.na(value)])) value else score
}

only_judge <- function(scores, known, n, call) {
  if (n == 0L) {
    stop_argument("file", "must contain responses", "none", fix = paste(
      "Did the run fail before the first? To pool it with others, read them in",
      "one call."
    ), call = call)
  }
  if (length(known) == 0L) {
    stop_argument("judge", paste(
      "is required: the file contains no verdict about single responses"
    ), fix = "Supply a function of the responses.", call = call)
  }
  if (length(known) > 1L) {
    stop_judges("`judge` is required: the file contains several judges.",
                scores, known, call)
  }
  known
}

stop_judges <- function(message, scores, known, call, fix = NULL) {
  shown <- utils::head(known, 12L)
  lines <- vapply(shown, function(judge) {
    sprintf("%s: %s", judge, count_values(scores[scores$judge == judge, ]))
  }, "")
  if (length(known) > length(shown)) {
    lines <- c(lines, sprintf("and %d more", length(known) - length(shown)))
  }
  if (length(known) == 0L) lines <- "none"
  stop_classed("argument", c(
    message, i = "The judges, and what each counts:",
    stats::setNames(lines, rep("*", length(lines))), i = fix
  ), argument = "judge", judges = known, call = call)
}

# "\"C\" (37), \"I\" (13)", or "0 to 1 (50 values, 8 of at least 0.5)".
count_values <- function(scores) {
  value <- scores$value[!is.na(scores$value)]
  score <- scores$score[!is.na(scores$value)]
  counts <- table(value)
  if (length(value) == 0L) {
    return("no value")
  }
  if (length(counts) > 4L && !anyNA(score)) {
    return(sprintf("%s to %s (%s, %s of at least 0.5)", format(min(score)),
                   format(max(score)), counted(length(score), "value"),
                   big(sum(score >= 0.5))))
  }
  counts <- utils::head(sort(counts, decreasing = TRUE), 6L)
  quoted <- if (anyNA(score)) "\"%s\" (%s)" else "%s (%s)"
  paste(sprintf(quoted, shorten(names(counts), 20L),
                vapply(counts, big, "")), collapse = ", ")
}

# ---- Which values ------------------------------------------------------------

# TRUE, FALSE, and NA where there is no verdict. Without a rule, `plain` says
# which values speak for themselves, or by the rule `default`.
rule_scores <- function(chosen, unsafe, plain, default, from) {
  if (!is.null(attr(chosen, "parts"))) {
    return(rule_parts(attr(chosen, "parts"), unsafe, from))
  }
  judge <- chosen$judge[1L]
  typed <- typed_values(chosen$value, chosen$score)
  if (is.null(unsafe) && !plain(chosen)) {
    stop_values("`unsafe` is required: which values of \"%s\" mean unsafe?",
                chosen, from$call)
  }
  if (is.character(unsafe) && !any(is_number(unsafe)) &&
        length(chosen$value) > 0L && all(is_number(chosen$value))) {
    stop_values("`unsafe` must be a number: the values of \"%s\" are numbers.",
                chosen, from$call)
  }
  unsafe <- unsafe %||% default
  by_type <- is.numeric(unsafe) || is.function(unsafe)
  read_verdicts(if (by_type) typed else chosen$value, unsafe, judge, from)
}

# Also what is missing, as long as something is there.
is_number <- function(text) {
  known <- !is.na(text)
  any(known) & (!known | !is.na(suppressWarnings(as.numeric(text))))
}

stop_values <- function(message, chosen, call) {
  stop_classed("argument", c(
    sprintf(message, show_text(chosen$judge[1L])),
    i = sprintf("It has %s.", count_values(chosen)),
    i = unsafe_hint(chosen$value[!is.na(chosen$value)])
  ), argument = "unsafe", call = call)
}

unsafe_hint <- function(values) {
  if (!anyNA(suppressWarnings(as.numeric(values)))) {
    return(paste("Supply a number, for scores of at least that, or a function",
                 "of the scores."))
  }
  sprintf("Supply one or several values, such as `unsafe = \"%s\"`.",
          shorten(rev(sort(unique(values)))[1L], 20L))
}

rule_parts <- function(parts, unsafe, from) {
  verdict <- unsafe(parts)
  if (!is.logical(verdict) || length(verdict) != nrow(parts)) {
    stop_argument("unsafe", sprintf("must return %d logical values",
                                    nrow(parts)),
                  describe(verdict), call = from$call)
  }
  replace(verdict, rowSums(!is.na(parts)) == 0, NA)
}

# "\"I\" (13) is unsafe, \"C\" (37) is not": a misspelt value is seen at once.
rule_note <- function(rows, unsafe) {
  if (!is.character(unsafe) || is.null(rows$value)) {
    return(NULL)
  }
  named <- function(which) {
    if (any(which)) count_values(data.frame(value = rows$value[which],
                                            score = NA)) else "nothing"
  }
  sprintf("Verdicts: %s unsafe, %s not.", named(rows$unsafe %in% TRUE),
          named(rows$unsafe %in% FALSE))
}

is_logical_score <- function(chosen) {
  all(is.na(chosen$value) | chosen$value %in% c("true", "false"))
}

is_binary_score <- function(chosen) {
  is_logical_score(chosen) ||
    all(is.na(chosen$value) | chosen$score %in% c(0, 1))
}
