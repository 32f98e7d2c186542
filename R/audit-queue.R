# Which draws an audit makes next: of prompts to begin, of those to resume,
# and those to be tried again.

# The queue is a part of the audit's state (see new_audit_state()), of which it
# reads `limit`, how many draws of each row are planned, and `open`, whether it
# is still drawn.
begin_queue <- function(state, ahead, together) {
  # Whether several draws of one prompt may be under way at once.
  state$ahead <- ahead
  # How many of one prompt the sampler would have together.
  state$together <- if (ahead) together else 1
  # How many draws of each row may be handed out: see limit_to_recorded().
  state$most <- state$limit
  # The highest draw of each row that was handed out, and how many are not back.
  state$handed <- state$draws
  state$in_flight <- numeric(length(state$draws))
  # Draws that failed, or were lost, and are made again.
  state$again <- no_draws()
  line_up(state)
}

# Rows that were begun, and those to begin, of which some were taken.
line_up <- function(state) {
  state$active <- which(state$open & state$handed > 0)
  state$queue <- which(state$open & state$handed == 0)
  state$taken <- 0L
}

# ---- Draws to make -----------------------------------------------------------

# Up to `slots` draws, see no_draws(). First those that failed and are due,
# then those of each prompt that has none in flight, one or as many as the
# sampler would have together, then, when no prompt is left to begin, further
# draws of the same prompts.
take_draws <- function(state, slots, now = Inf) {
  batch <- take_again(state, slots, now)
  n <- length(batch$row)
  if (n == 0L) {
    take_new(state, slots)
  } else if (n < slots) {
    append_draws(batch, take_new(state, slots - n))
  } else {
    batch
  }
}

take_again <- function(state, slots, now) {
  if (length(state$again$row) == 0L) {
    return(no_draws())
  }
  drop_ended(state)
  due <- utils::head(which(state$again$due <= now), slots)
  batch <- keep_draws(state$again, due)
  if (length(due) > 0L) {
    state$again <- keep_draws(state$again, -due)
    depart(state, batch$row)
  }
  batch
}

take_new <- function(state, slots) {
  row <- utils::head(find_idle(state), slots)
  share <- first_share(state, row, slots)
  row <- c(row[share > 0], begin_rows(state, slots - sum(share)))
  share <- first_share(state, row, slots)
  spare <- slots - sum(share)
  if (state$ahead && spare > 0) {
    candidates <- c(row, setdiff(state$active, row))
    have <- c(share, numeric(length(candidates) - length(row)))
    left <- state$most[candidates] - state$handed[candidates]
    share <- share_slots(have, left, spare)
    row <- candidates
  }
  hand_out(state, row, share)
}

# In strict order a draw that waits for its next try holds up its prompt.
find_idle <- function(state) {
  active <- state$active
  active <- active[state$open[active] &
                     state$handed[active] < state$most[active]]
  state$active <- active
  waits <- state$in_flight[active] > 0
  if (!state$ahead) {
    waits <- waits | active %in% state$again$row
  }
  active[!waits]
}

begin_rows <- function(state, slots) {
  left <- length(state$queue) - state$taken
  rows <- state$queue[state$taken + seq_len(min(slots, left))]
  rows <- rows[first_share(state, rows, slots) > 0]
  state$taken <- state$taken + length(rows)
  state$active <- c(state$active, rows)
  rows
}

# How many draws of each of these rows, in their order, go into `slots`. Those
# that go out together are several only of rows that make all their draws: of
# others the first may be the last.
first_share <- function(state, row, slots) {
  share <- rep(1, length(row))
  if (state$together > 1) {
    all <- which(!state$stop[row])
    share[all] <- pmin(state$together,
                       (state$most[row] - state$handed[row])[all])
  }
  pmax(0, pmin(share, slots - cumsum(share) + share))
}

# Slots beyond `have` for each row, in turn, never more than a row has `left`.
share_slots <- function(have, left, spare) {
  while (spare > 0 && any(have < left)) {
    able <- which(have < left)
    add <- floor(spare / length(able))
    if (add == 0) {
      able <- utils::head(able, spare)
      add <- 1
    }
    give <- pmin(add, left[able] - have[able])
    have[able] <- have[able] + give
    spare <- spare - sum(give)
  }
  have
}

# The next `share` draws of each row, which is there once.
hand_out <- function(state, row, share) {
  before <- state$handed[row]
  set_values(state, "handed", row, before + share)
  set_values(state, "in_flight", row, state$in_flight[row] + share)
  total <- sum(share)
  list(row = rep(row, share), draw = rep(before, share) + sequence(share),
       attempt = rep(1, total), base = numeric(total), due = numeric(total))
}

# ---- Draws under way ---------------------------------------------------------

depart <- function(state, row) {
  count_up(state, "in_flight", sort(row))
}

# Rows are sorted.
land <- function(state, row) {
  count_up(state, "in_flight", row, -1L)
}

# ---- Draws to make again -----------------------------------------------------

# Draws that failed and will be tried again, from the time `due` on. `base`
# counts the attempts of earlier runs, which are forgiven.
retry_draws <- function(state, draws, due) {
  land(state, sort(draws$row))
  draws$attempt <- draws$attempt + 1
  draws$due <- rep_len(due, length(draws$row))
  state$again <- append_draws(state$again, draws)
}

# Resumes behind the draws of an earlier run, sorted. Made again are those that
# were tried and have no outcome (`attempt` times so far), and what is missing
# below a row's highest draw: it was under way when that run ended.
go_on_behind <- function(state, draws) {
  runs <- count_runs(draws$row)
  before <- c(0, draws$draw[-length(draws$draw)])
  before[runs$begin] <- state$handed[runs$row]
  skipped <- draws$draw - before - 1
  set_values(state, "handed", runs$row, draws$draw[runs$begin + runs$n - 1L])
  tried <- keep_draws(draws, !draws$known)
  gaps <- rep(draws$row, skipped)
  state$again <- append_draws(state$again, list(
    row = c(tried$row, gaps),
    draw = c(tried$draw, sequence(skipped, before + 1)),
    attempt = c(tried$attempt + 1, rep(1, length(gaps))),
    base = c(tried$attempt, numeric(length(gaps))),
    due = numeric(length(tried$row) + length(gaps))
  ))
}

drop_ended <- function(state) {
  state$again <- keep_draws(state$again, state$open[state$again$row])
}

# When the next draw that waits may be tried.
next_due <- function(state) {
  drop_ended(state)
  if (length(state$again$row) > 0L) min(state$again$due) else Inf
}
