# Draws that were made before, for an audit that uses them first: run_audit()
# makes the others. Why that is no bias: methods vignette, "Draws made before".

# What `reuse` has for these rows, as record_attempts() and restore_draws() take
# it: list(row, draw, attempt, outcome, known, refused, truncated, status,
# score, response, message), in order.
read_reuse <- function(reuse, rows, control, call) {
  if (is.null(reuse)) {
    return(NULL)
  }
  if (any(rows$draws > 0)) {
    stop_argument("reuse", "is for a plan of which nothing has been drawn",
                  "draws for an audit that was begun",
                  fix = "as_audit(x, plan, surplus = \"drop\") joins draws.",
                  call = call)
  }
  from <- if (is.character(reuse)) {
    read_old_ledgers(reuse, control, call)
  } else {
    read_old_log(reuse, call)
  }
  row <- match(as_text(from$id), as_text(rows$id))
  from <- from[!is.na(row), , drop = FALSE]
  row <- row[!is.na(row)]
  check_same_prompts(from, rows, row, call, from$row)
  settle_reuse(from, row, rows, control$refusal, call)
}

# ---- Where they are ----------------------------------------------------------

read_old_log <- function(x, call) {
  if (inherits(x, "prompt_draws") || inherits(x, "audit_plan")) {
    stop_argument("reuse", "must have a row for each draw", describe(x),
                  fix = "Supply the path of the ledger that has its draws.",
                  call = call)
  }
  if (!is.data.frame(x)) {
    stop_argument(
      "reuse", "must be draws (a data frame), or paths of ledgers", describe(x),
      call = call
    )
  }
  # The attempts of a ledger, by read_ledger().
  if (all(c("attempt", "final") %in% names(x))) {
    x <- x[x$final %in% TRUE, setdiff(names(x), "row"), drop = FALSE]
  }
  if (!inherits(x, "response_log")) {
    absent <- setdiff(c("id", "draw", "unsafe"), names(x))
    if (length(absent) > 0L) {
      stop_argument("reuse", "must have the columns `id`, `draw` and `unsafe`",
                    list_names(names(x)),
                    fix = "`draw` is the order in which they were drawn.",
                    call = call)
    }
    x <- as_response_log(x, keep_responses = "response" %in% names(x))
  }
  validate_response_log(x, "reuse", call)
  about <- attr(x, "about")$dependent
  if (length(about) > 0L) {
    stop_argument("reuse", paste(
      "must have all draws that were made:", "which are in the log depends on",
      "outcomes"
    ), about[1L], call = call)
  }
  x$gaps <- rep(FALSE, nrow(x))
  plain_table(x)
}

# Of each draw the attempt that settled it.
read_old_ledgers <- function(paths, control, call) {
  if (length(paths) == 0L || anyNA(paths)) {
    stop_argument("reuse", "must contain paths of ledgers", describe(paths),
                  call = call)
  }
  tables <- lapply(paths, function(path) {
    path <- check_ledger(path, call)
    same <- !is.null(control$ledger) &&
      normalizePath(path, mustWork = FALSE) ==
      normalizePath(control$ledger, mustWork = FALSE)
    if (same) {
      stop_argument("reuse", "must be another file than `ledger`", path,
                    call = call)
    }
    old <- read_old_ledger(path, call)
    # Draws that were made again by one rule may count by another.
    if (old$refusal != control$refusal && any(old$draws$status == "refused")) {
      stop_argument("reuse", sprintf(
        "must have draws by the rule refusal = \"%s\"", control$refusal
      ), sprintf("\"%s\" in %s", old$refusal, path), call = call)
    }
    old$draws
  })
  all <- bind_frames(tables)
  all$row <- seq_len(nrow(all))
  all$gaps <- rep(TRUE, nrow(all))
  all
}

# Prompts are texts or rows of a data frame, which must be of one kind.
bind_frames <- function(tables) {
  if (length(tables) == 1L) tables[[1L]] else do.call(rbind, tables)
}

# ---- Which of them are used --------------------------------------------------

# `row`: which of the audit's each draw belongs to.
settle_reuse <- function(from, row, rows, refusal, call) {
  at <- order(row, from$draw)
  at <- at[from$draw[at] <= rows$limit[row[at]]]
  from <- from[at, , drop = FALSE]
  row <- row[at]
  check_old_draws(from, row, rows, call)
  status <- ifelse(from$status %in% c("ok", "refused"), from$status, "error")
  outcome <- apply_refusal(from$unsafe, status, refusal)
  # By this rule a refused draw is made again.
  known <- !(status == "refused" & is.na(outcome))
  n <- length(row)
  all <- list(
    row = row, draw = as.double(from$draw), attempt = rep(1, n),
    outcome = outcome, known = known, refused = status == "refused",
    truncated = from$truncated, status = status
  )
  for (name in intersect(c("score", "response"), names(from))) {
    all[[name]] <- from[[name]]
  }
  all$message <- rep("drawn before", n)
  keep_draws(all, !is_past_end(all, rows$stop[row]))
}

# Each once, and of a log without gaps. A ledger may have some: draws that were
# under way when its run ended are made again, as by that run itself.
check_old_draws <- function(from, row, rows, call) {
  again <- which(duplicated(data.frame(row, draw = from$draw)))
  if (length(again) > 0L) {
    k <- again[1L]
    stop_audit(disorder_text(from$draw[k], Inf), rows$id[row[k]], call,
               from$row[row == row[k] & from$draw == from$draw[k]])
  }
  gap <- which(!from$gaps & from$draw != rank_within(row))
  if (length(gap) > 0L) {
    k <- gap[1L]
    stop_audit(disorder_text(from$draw[k], rank_within(row)[k]),
               rows$id[row[k]], call, from$row[k])
  }
}

# Behind a draw that ends its prompt there is nothing that this audit needs.
is_past_end <- function(draws, stops) {
  ends <- draws$known & (is.na(draws$outcome) | (draws$outcome & stops))
  end <- which(ends)
  end <- end[!duplicated(draws$row[end])]
  last <- draws$draw[end][match(draws$row, draws$row[end])]
  !is.na(last) & draws$draw > last
}

# ---- Into the run ------------------------------------------------------------

# What a ledger has, piece by piece.
append_known <- function(there, draws) {
  append_draws(there %||% no_draws(), draws[c("row", "draw", "outcome")])
}

# On record as attempts of the new ledger, in one transaction before its first
# draw: whoever resumes finds them there, and only has to see that they are the
# same. `there` are the draws that the ledger has.
take_over <- function(run, old, there, path, call) {
  if (length(there$row) == 0L) {
    if (length(old$row) > 0L) {
      outcome <- old[c("status", "score", "response", "truncated", "message")]
      outcome <- outcome[lengths(outcome) > 0L]
      outcome$unsafe <- old$outcome
      outcome$final <- old$known
      run$ledger$record(old[c("row", "draw", "attempt")], outcome)
      restore_draws(run$state, old)
    }
    return(invisible())
  }
  at <- match(paste(old$row, old$draw), paste(there$row, there$draw))
  found <- there$outcome[at]
  agrees <- is.na(old$outcome) == is.na(found) &
    (is.na(found) | old$outcome == found)
  same <- !is.na(at) & (!old$known | agrees)
  if (!all(same)) {
    stop_ledger(path, "was started without these draws", paste(
      "Leave out `reuse` to resume it, or use another file."
    ), call = call)
  }
}
