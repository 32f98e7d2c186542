# What the readers of tools' logs share: what each file gives becomes one
# response_log.

# A part of a log: `rows` (draws), `scores` (verdicts, see choose_scores()), and
# what is known of the file as a whole.
new_log_part <- function(rows, scores, notes = NULL, dependent = NULL,
                         absent = NULL) {
  list(rows = rows, scores = scores, notes = notes, dependent = dependent,
       absent = absent)
}

# Draws as readers find them; what is not given is unknown. `key` is the same
# for the same draw in other files, `retry` for a later try at it, `message_id`
# for its copies; `order` sorts the draws of a prompt, `fixed` says why repeats
# might be equal.
log_rows <- function(file, id, response, status, key, ...) {
  n <- length(id)
  unknown <- list(
    prompt = NA_character_, truncated = NA, model = NA_character_,
    task = NA_character_, message = NA_character_, latency = NA_real_,
    cost = NA_real_, order = seq_len(n), retry = NA_character_,
    message_id = NA_character_, cached = FALSE, fixed = NA_character_,
    row = as.double(seq_len(n))
  )
  given <- list(...)
  columns <- c(list(id = id, response = response, status = status, key = key,
                    source = file), utils::modifyList(unknown, given))
  list2DF(lapply(columns, function(column) {
    if (length(column) == 1L) rep(column, n) else column
  }), n)
}

log_scores <- function(at, judge, value, score) {
  data.frame(at = as.double(at), judge = as.character(judge),
             value = as.character(value), score = as.double(score))
}

# Rows of the same columns, and verdicts that know their rows again.
bind_parts <- function(parts) {
  if (length(parts) == 1L) {
    return(parts[[1L]][c("rows", "scores")])
  }
  before <- cumsum(c(0, vapply(parts, function(part) nrow(part$rows), 0)))
  columns <- unique(unlist(lapply(parts, function(part) names(part$rows))))
  rows <- lapply(parts, function(part) {
    rows <- part$rows
    rows[setdiff(columns, names(rows))] <- NA
    rows[columns]
  })
  scores <- Map(function(part, k) {
    part$scores$at <- part$scores$at + before[k]
    part$scores
  }, parts, seq_along(parts))
  list(rows = bind_tables(rows), scores = bind_tables(scores))
}

# The whole way from files to a log, but for `read`, which makes a part of one.
# `plain`, `default` and `check` are the tool's: which verdicts need no
# `unsafe`, what it is then, and a note on what the tool counted itself.
read_log <- function(file, read, judge, unsafe, keep_responses, call,
                     plain = is_logical_score, default = NULL,
                     check = function(...) NULL) {
  need_package("jsonlite", "to read logs", call = call)
  file <- check_files(file, call)
  keep_responses <- check_flag(keep_responses, "keep_responses", call = call)
  check_verdict_rule(unsafe, call)
  if (is.function(judge)) check_judge(judge, call)
  parts <- lapply(file, read, call = call)
  whole <- bind_parts(parts)
  # What is not needed any more makes room for what is.
  parts <- lapply(parts, function(part) {
    part[setdiff(names(part), c("rows", "scores"))]
  })
  rows <- distinct_ids(whole$rows, call)
  from <- list(arg = "file", row = rows$row, call = call)
  chosen <- choose_scores(whole$scores, judge, unsafe, nrow(rows), call)
  rm(whole)
  forget_copies(rows)
  rows$unsafe <- NA
  rows$score <- NA_real_
  if (!is.null(chosen)) {
    rows$unsafe <- rule_scores(chosen, unsafe, plain, default, from)
    rows$score <- chosen$score %||% NA_real_
    rows$value <- chosen$value
  }
  rows$unsafe[rows$status != "ok"] <- NA
  before <- nrow(rows)
  rows <- drop_duplicates(rows, call)
  duplicates <- before - nrow(rows)
  forget_copies(rows)
  sorted <- order(match(rows$id, rows$id), match(rows$source, file),
                  rows$order)
  if (is.unsorted(sorted)) rows <- rows[sorted, ]
  forget_copies(rows)
  if (is.function(judge)) {
    rows <- judge_read(rows, judge, unsafe, call)
    forget_copies(rows)
  }
  rows$judge <- if (is.function(judge)) "function" else
    rep(chosen$judge[1L], nrow(rows))
  rows$status[rows$status == "ok" & is.na(rows$unsafe)] <- "unjudged"
  own <- check(parts, rows, judge, unsafe)
  forget_copies(rows)
  copies <- mark_copies(rows)
  forget_copies(rows)
  rows <- copies$rows
  about <- list(
    notes = c(rule_note(rows, unsafe), file_notes(parts, file), own,
              copies$reasons, fixed_note(rows, copies$reasons),
              empty_note(rows), model_note(rows)),
    dependent = unique(unlist(lapply(parts, `[[`, "dependent"))),
    absent = setdiff(unlist(lapply(parts, `[[`, "absent")),
                     c(rows$id, unlist(lapply(parts, `[[`, "present"))))
  )
  warn_selected(about$dependent, call)
  new_response_log(log_of_rows(rows, keep_responses), duplicates,
                   about = about)
}

# Of large tables, so that their copies do not pile up.
forget_copies <- function(rows) {
  if (nrow(rows) > 1e5) gc(verbose = FALSE)
}

log_of_rows <- function(rows, keep_responses) {
  rows$draw <- number_within(rows$id)
  rows$score[rows$status != "ok"] <- NA
  known <- c("latency", "cost", "message")
  known <- known[vapply(known, function(name) !all(is.na(rows[[name]])), NA)]
  own <- intersect(c("probe", "provider"), names(rows))
  rows[c(names(log_types), known, own, if (keep_responses) "response")]
}

judge_read <- function(rows, judge, unsafe, call) {
  from <- list(arg = "file", row = rows$row, call = call)
  judged <- judge_log(rows$prompt, rows$response, rows$status, judge, unsafe,
                      from)
  rows$unsafe <- judged$unsafe
  if (!is.null(judged$score)) rows$score <- judged$score
  rows$status[rows$status == "ok" & is.na(rows$response)] <- "error"
  rows
}

# Whether the text of the responses is wanted. Otherwise its hash takes its
# place, by which copies are recognised as well: a log of any size fits into
# memory.
needs_texts <- function(judge, keep_responses) {
  is.function(judge) || !isFALSE(keep_responses)
}

hide_texts <- function(text, needed) {
  at <- if (needed) integer() else which(!is.na(text) & nzchar(text))
  replace(text, at, hash_texts(text[at]))
}

hash_texts <- function(text) {
  vapply(text, rlang::hash, "", USE.NAMES = FALSE)
}

# The same id for other prompts, tasks or models is another prompt.
distinct_ids <- function(rows, call) {
  for (by in c("task", "model")) {
    if (is_ambiguous(rows, by)) {
      rows$id <- paste(rows[[by]], rows$id, sep = "/")
    }
  }
  known <- rows[!is.na(rows$prompt), c("id", "prompt")]
  known <- known[!duplicated(pair_codes(known$id, known$prompt)), ]
  twice <- anyDuplicated(known$id)
  if (twice > 0L) {
    stop_classed("file", c(
      sprintf("The id %s stands for several prompts.",
              list_names(known$id[twice])),
      i = "Read files of different prompts by themselves."
    ), argument = "file", call = call)
  }
  rows
}

is_ambiguous <- function(rows, by) {
  has_several <- function(name) {
    single <- !duplicated(pair_codes(rows$id, rows[[name]]))
    anyDuplicated(rows$id[single]) > 0L
  }
  # Of tasks only prompts matter: a run that was repeated is the same task.
  has_several(by) && (by == "model" || has_several("prompt"))
}

# ---- What is said of a log ---------------------------------------------------

file_notes <- function(parts, file) {
  notes <- lapply(parts, `[[`, "notes")
  if (length(file) == 1L) {
    return(unlist(notes))
  }
  unlist(Map(function(text, path) {
    if (length(text) > 0L) sprintf("%s: %s", basename(path), text)
  }, notes, file), use.names = FALSE)
}

empty_note <- function(rows) {
  empty <- sum(rows$status == "ok" & rows$response %in% "")
  if (empty > 0L) {
    sprintf("%s empty: such an answer was judged like any other.",
            counted(empty, "answer"))
  }
}

model_note <- function(rows) {
  models <- unique(rows$model[!is.na(rows$model)])
  if (length(models) > 1L) {
    "Several models: analyse each by itself, log[log$model == ..., ]."
  }
}

warn_selected <- function(reasons, call) {
  if (length(reasons) > 0L) {
    warn_classed("dependent_draws", c(
      "Which draws are in the log depends on their outcomes.",
      stats::setNames(reasons, rep("x", length(reasons)))
    ), call = call)
  }
}
