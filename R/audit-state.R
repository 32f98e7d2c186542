# Where every prompt of an audit stands, while draws come in, in whatever
# order.

# `rows` has limit, stop, horizon and the outcome columns so far.
new_tally <- function(rows, ahead = TRUE) {
  limit <- rows$limit
  stops <- rows$stop
  made <- rows$draws
  unsafe <- rows$unsafe
  # The first unsafe draw, also of rows that go on after it.
  first <- ifelse(rows$unsafe > 0 | rows$failed, rows$time, NA_real_)
  overshoot <- rows$overshoot
  failed <- rows$failed
  open <- is.na(rows$status)
  n_open <- sum(open)
  n_unsafe <- sum(unsafe > 0)

  handed <- made
  in_flight <- numeric(length(made))
  # Rows that were begun, and those to begin, of which some were taken.
  active <- queue <- integer()
  taken <- 0L
  again <- no_draws()
  # Draws that came in before one of lower index.
  early <- no_draws()

  line_up <- function() {
    active <<- which(open & handed > 0)
    queue <<- which(open & handed == 0)
    taken <<- 0L
  }
  line_up()

  # ---- Draws to make ----

  # Up to `slots` draws, see no_draws(). First those that failed and are due,
  # then one for each prompt that has none in flight, then, when no prompt is
  # left to begin, further draws of the same prompts.
  take <- function(slots, now = Inf) {
    batch <- take_again(slots, now)
    depart(batch$row)
    slots <- slots - length(batch$row)
    if (slots > 0) {
      new <- take_new(slots)
      depart(new$row)
      batch <- append_draws(batch, new)
    }
    batch
  }

  take_again <- function(slots, now) {
    if (length(again$row) == 0L) {
      return(no_draws())
    }
    again <<- keep_draws(again, open[again$row])
    due <- utils::head(which(again$due <= now), slots)
    batch <- keep_draws(again, due)
    if (length(due) > 0L) {
      again <<- keep_draws(again, -due)
    }
    batch
  }

  # In strict order a draw that waits for its next try holds up its prompt.
  idle <- function() {
    waits <- in_flight[active] > 0
    if (!ahead) {
      waits <- waits | active %in% again$row
    }
    active[!waits]
  }

  take_new <- function(slots) {
    active <<- active[open[active] & handed[active] < limit[active]]
    row <- utils::head(idle(), slots)
    begin <- min(slots - length(row), length(queue) - taken)
    if (begin > 0L) {
      fresh <- queue[taken + seq_len(begin)]
      taken <<- taken + begin
      active <<- c(active, fresh)
      row <- c(row, fresh)
    }
    spare <- slots - length(row)
    share <- rep(1, length(row))
    if (ahead && spare > 0) {
      candidates <- c(row, setdiff(active, row))
      have <- c(share, numeric(length(candidates) - length(row)))
      share <- share_slots(have, limit[candidates] - handed[candidates], spare)
      row <- candidates
    }
    before <- handed[row]
    handed[row] <<- before + share
    total <- sum(share)
    list(row = rep(row, share), draw = rep(before, share) + sequence(share),
         attempt = rep(1, total), base = numeric(total), due = numeric(total))
  }

  depart <- function(row) {
    runs <- count_runs(sort(row))
    in_flight[runs$row] <<- in_flight[runs$row] + runs$n
  }

  # ---- Draws that came in ----

  # Draws that failed and will be tried again, from the time `due` on. `base`
  # counts the attempts of earlier runs, which are forgiven.
  retry <- function(draws, due) {
    land(count_runs(sort(draws$row)))
    draws$attempt <- draws$attempt + 1
    draws$due <- rep_len(due, length(draws$row))
    again <<- append_draws(again, draws)
  }

  land <- function(runs) {
    in_flight[runs$row] <<- in_flight[runs$row] - runs$n
  }

  # Outcomes: TRUE is unsafe, NA a draw that failed for good.
  settle <- function(row, draw, outcome) {
    now <- sort_draws(list(row = row, draw = draw, outcome = outcome))
    land(count_runs(now$row))
    late <- !open[now$row]
    if (any(late)) {
      pass_over(now$row[late])
      now <- keep_draws(now, !late)
    }
    if (length(early$row) > 0L) {
      back <- early$row %in% now$row
      now <- sort_draws(append_draws(keep_draws(early, back), now))
      early <<- keep_draws(early, !back)
    }
    settle_sorted(now$row, now$draw, now$outcome)
  }

  settle_sorted <- function(row, draw, outcome) {
    # Draws are used up to the first that is missing, and up to the end.
    next_in_line <- draw == made[row] + rank_within(row)
    ends <- which(next_in_line & (is.na(outcome) | (outcome & stops[row])))
    end <- ends[!duplicated(row[ends])]
    last <- rep(Inf, length(row))
    if (length(end) > 0L) {
      at <- match(row, row[end])
      last[!is.na(at)] <- draw[end][at[!is.na(at)]]
    }
    use <- next_in_line & draw <= last & !is.na(outcome)
    use_draws(row[use], outcome[use], draw[use])
    end_rows(row[end], draw[end], is.na(outcome[end]))
    beyond <- draw > last
    if (any(beyond)) {
      pass_over(row[beyond])
    }
    hold <- !next_in_line & !beyond
    if (any(hold)) {
      early <<- append_draws(early, list(row = row[hold], draw = draw[hold],
                                         outcome = outcome[hold]))
    }
  }

  # Paid for, and not to be used.
  pass_over <- function(row) {
    runs <- count_runs(row)
    overshoot[runs$row] <<- overshoot[runs$row] + runs$n
  }

  use_draws <- function(row, outcome, draw) {
    runs <- count_runs(row)
    made[runs$row] <<- made[runs$row] + runs$n
    if (any(outcome)) {
      hits <- count_runs(row[outcome])
      unsafe[hits$row] <<- unsafe[hits$row] + hits$n
      new <- is.na(first[hits$row])
      first[hits$row[new]] <<- draw[outcome][hits$begin[new]]
      n_unsafe <<- n_unsafe + sum(new)
    }
    close_rows(runs$row[made[runs$row] >= limit[runs$row] & open[runs$row]])
  }

  end_rows <- function(row, draw, fails) {
    failed[row] <<- fails
    lost <- fails & is.na(first[row])
    first[row[lost]] <<- draw[lost]
    close_rows(row[open[row]])
  }

  close_rows <- function(row) {
    open[row] <<- FALSE
    n_open <<- n_open - length(row)
  }

  # Draws of an earlier run, read back, all at once or in pieces in which each
  # row's draws go on upwards: those with an outcome, and those that were tried
  # and have none (`attempt` times so far). What is missing below a row's
  # highest draw was under way when that run ended, and is drawn first.
  restore <- function(draws) {
    if (length(draws$row) == 0L) {
      return(invisible())
    }
    draws <- sort_draws(draws)
    runs <- count_runs(draws$row)
    before <- c(0, draws$draw[-length(draws$draw)])
    before[runs$begin] <- handed[runs$row]
    skipped <- draws$draw - before - 1
    handed[runs$row] <<- draws$draw[runs$begin + runs$n - 1L]
    tried <- keep_draws(draws, !draws$known)
    gaps <- rep(draws$row, skipped)
    again <<- append_draws(again, list(
      row = c(tried$row, gaps),
      draw = c(tried$draw, sequence(skipped, before + 1)),
      attempt = c(tried$attempt + 1, rep(1, length(gaps))),
      base = c(tried$attempt, numeric(length(gaps))),
      due = numeric(length(tried$row) + length(gaps))
    ))
    known <- keep_draws(draws, draws$known)
    depart(known$row)
    settle(known$row, known$draw, known$outcome)
    line_up()
  }

  # ---- How it stands ----

  outcomes <- function() {
    # Replicated draws go on beyond the horizon.
    time <- pmin(first, rows$horizon)
    time[!open & is.na(first)] <- rows$horizon[!open & is.na(first)]
    status <- as.numeric(!is.na(first) & first < rows$horizon)
    status[open] <- NA
    list(draws = made, unsafe = unsafe, time = time, status = status,
         overshoot = overshoot, failed = failed)
  }

  next_due <- function() {
    again <<- keep_draws(again, open[again$row])
    if (length(again$row) > 0L) min(again$due) else Inf
  }

  list(
    take = take, settle = settle, retry = retry, restore = restore,
    outcomes = outcomes, next_due = next_due,
    early = function() keep_draws(early, open[early$row]),
    n_open = function() n_open, n_unsafe = function() n_unsafe
  )
}

# The rows with what the tally says. Draws that came in before one of lower
# index are paid for, and not to be lost; by id, as rows may change places.
tally_audit <- function(rows, tally) {
  rows[outcome_columns] <- tally$outcomes()[outcome_columns]
  early <- tally$early()
  attr(rows, "early") <- if (length(early$row) > 0L) {
    list(id = rows$id[early$row], draw = early$draw, outcome = early$outcome)
  }
  new_audit(rows)
}

find_early <- function(rows) {
  early <- attr(rows, "early")
  row <- match(early$id, rows$id)
  list(row = row, draw = early$draw, outcome = early$outcome,
       attempt = rep(1, length(row)), known = rep(TRUE, length(row)))
}

no_draws <- function() {
  list(row = integer(), draw = numeric(), attempt = numeric(),
       base = numeric(), due = numeric(), outcome = logical())
}

# What is known of a draw that is to be made.
draw_fields <- c("row", "draw", "attempt", "base", "due")

keep_draws <- function(draws, which) lapply(draws, `[`, which)

append_draws <- function(a, b) {
  both <- names(a)[names(a) %in% names(b)]
  Map(c, a[both], b[both])
}

# By row, and by draw within a row.
sort_draws <- function(draws) {
  keep_draws(draws, order(draws$row, draws$draw, method = "radix"))
}

# Sorted rows as runs: each row once, how often it is there, and from where on.
# Most batches hold each prompt once.
count_runs <- function(row) {
  at <- seq_along(row)
  if (!is.unsorted(row, strictly = TRUE)) {
    return(list(row = row, n = rep_len(1L, length(row)), begin = at))
  }
  begin <- at[c(TRUE, row[-1L] != row[-length(row)])]
  list(row = row[begin], n = c(begin[-1L], length(row) + 1L) - begin,
       begin = begin)
}

# 1, 2, ... within each run of equal, sorted rows.
rank_within <- function(row) {
  sequence(count_runs(row)$n)
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
