# Where every prompt of an audit stands: what its draws so far say, in whatever
# order they come in.

# An environment, changed in place (see set_values()): an audit of a million
# prompts must not be copied for each batch. `rows` has limit, stop, horizon and
# the outcome columns so far.
new_audit_state <- function(rows, ahead = TRUE, together = 1) {
  state <- new.env(parent = emptyenv())
  state$limit <- rows$limit
  state$stop <- rows$stop
  state$horizon <- rows$horizon
  state$draws <- rows$draws
  state$unsafe <- rows$unsafe
  state$refused <- rows$refused
  state$truncated <- rows$truncated
  # The first unsafe draw, also of rows that go on after it.
  seen <- ifelse(rows$status %in% 0, rows$horizon, rows$time)
  state$first <- ifelse(rows$unsafe > 0 | rows$failed, seen, NA_real_)
  state$unused <- rows$unused
  state$failed <- rows$failed
  state$open <- is.na(rows$status)
  state$n_open <- sum(state$open)
  state$n_unsafe <- sum(state$unsafe > 0)
  # Draws that came in before one of lower index.
  state$early <- no_draws()
  begin_queue(state, ahead, together)
  state
}

# ---- Draws that came in ------------------------------------------------------

# Draws of an earlier run, read back, all at once or in pieces in which each
# row's draws go on upwards: those with an outcome (`known`), and those that
# were tried and have none.
restore_draws <- function(state, draws) {
  if (length(draws$row) == 0L) {
    return(invisible())
  }
  draws <- sort_draws(draws)
  go_on_behind(state, draws)
  known <- keep_draws(draws, draws$known)
  depart(state, known$row)
  settle_draws(state, known)
  line_up(state)
}

# Draws with an outcome, see settled_fields.
settle_draws <- function(state, draws) {
  now <- sort_draws(draws[settled_fields])
  land(state, now$row)
  late <- !state$open[now$row]
  if (any(late)) {
    pass_over(state, now$row[late])
    now <- keep_draws(now, !late)
  }
  early <- state$early
  if (length(early$row) > 0L) {
    back <- early$row %in% now$row
    now <- sort_draws(append_draws(keep_draws(early, back), now))
    state$early <- keep_draws(early, !back)
  }
  settle_sorted(state, now)
}

# Draws are used up to the first that is missing, and up to the end.
settle_sorted <- function(state, now) {
  row <- now$row
  draw <- now$draw
  outcome <- now$outcome
  next_in_line <- draw == state$draws[row] + rank_within(row)
  ends <- which(next_in_line & (is.na(outcome) | (outcome & state$stop[row])))
  end <- ends[!duplicated(row[ends])]
  last <- rep(Inf, length(row))
  if (length(end) > 0L) {
    at <- match(row, row[end])
    last[!is.na(at)] <- draw[end][at[!is.na(at)]]
  }
  use <- next_in_line & draw <= last & !is.na(outcome)
  use_draws(state, keep_draws(now, use))
  end_rows(state, row[end], draw[end], is.na(outcome[end]))
  beyond <- draw > last
  if (any(beyond)) {
    pass_over(state, row[beyond])
  }
  hold <- !next_in_line & !beyond
  if (any(hold)) {
    state$early <- append_draws(state$early, keep_draws(now, hold))
  }
}

# Paid for, and not to be used.
pass_over <- function(state, row) {
  count_up(state, "unused", row)
}

use_draws <- function(state, draws) {
  used <- count_up(state, "draws", draws$row)
  count_up(state, "refused", draws$row[which(draws$refused)])
  count_up(state, "truncated", draws$row[which(draws$truncated)])
  unsafe <- draws$outcome
  if (any(unsafe)) {
    hits <- draws$row[unsafe]
    count_up(state, "unsafe", hits)
    new <- !duplicated(hits) & is.na(state$first[hits])
    set_values(state, "first", hits[new], draws$draw[unsafe][new])
    state$n_unsafe <- state$n_unsafe + sum(new)
  }
  close_rows(state, used[state$draws[used] >= state$limit[used]])
}

end_rows <- function(state, row, draw, fails) {
  set_values(state, "failed", row, fails)
  lost <- fails & is.na(state$first[row])
  set_values(state, "first", row[lost], draw[lost])
  close_rows(state, row)
}

close_rows <- function(state, row) {
  row <- row[state$open[row]]
  set_values(state, "open", row, FALSE)
  state$n_open <- state$n_open - length(row)
}

# ---- How it stands -----------------------------------------------------------

find_outcomes <- function(state) {
  closed <- !state$open
  # Replicated draws go on beyond the horizon.
  time <- pmin(state$first, state$horizon)
  safe <- closed & is.na(state$first)
  time[safe] <- state$horizon[safe]
  status <- as.numeric(!is.na(state$first) & state$first < state$horizon)
  status[!closed] <- NA
  list(draws = state$draws, unsafe = state$unsafe, refused = state$refused,
       truncated = state$truncated, time = time, status = status,
       unused = state$unused, failed = state$failed)
}

# The rows with what the draws so far say. Draws that came in before one of
# lower index are paid for, and not to be lost; by id, as rows may change
# places.
audit_so_far <- function(rows, state) {
  rows[outcome_columns] <- find_outcomes(state)[outcome_columns]
  early <- find_early(state)
  attr(rows, "early") <- if (length(early$row) > 0L) {
    c(list(id = rows$id[early$row]), early[setdiff(settled_fields, "row")])
  }
  new_audit(rows)
}

# Those of rows that have not ended meanwhile, in whatever order they came in.
find_early <- function(state) {
  sort_draws(keep_draws(state$early, state$open[state$early$row]))
}

# Such draws of an unfinished audit, for restore_draws().
kept_early <- function(rows) {
  early <- attr(rows, "early")
  row <- match(early$id, rows$id)
  c(list(row = row), early[setdiff(settled_fields, "row")],
    list(attempt = rep(1, length(row)), known = rep(TRUE, length(row))))
}
