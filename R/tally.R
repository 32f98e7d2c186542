# Where every prompt of an audit stands, while draws come in, in whatever order:
# which draws to make next, and what the draws so far say.
#
# The vectors live in the closure, and are changed in place by `<<-`: an audit
# of a million prompts must not be copied for each batch.

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
  n_unsafe <- sum(!is.na(first))

  handed <- made
  in_flight <- numeric(length(made))
  queue <- which(open)
  taken <- 0L
  active <- integer()
  again <- no_draws()
  # Draws that came in before one of lower index.
  early <- no_draws()

  # ---- Draws to make ----

  # Up to `slots` draws, see no_draws(). First those that failed and
  # are due, then one for each prompt that has none in flight, then, when no
  # prompt is left to begin, further draws of the same prompts.
  take <- function(slots, now = Inf) {
    batch <- take_again(slots, now)
    slots <- slots - length(batch$row)
    if (slots > 0) {
      batch <- append_draws(batch, take_new(slots))
    }
    in_flight[batch$row] <<- in_flight[batch$row] + count_each(batch$row)
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

  take_new <- function(slots) {
    active <<- active[open[active] & handed[active] < limit[active]]
    idle <- active[in_flight[active] == 0]
    row <- utils::head(idle, slots)
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

  # ---- Draws that came in ----

  # Draws that failed and will be tried again, from the time `due` on. `base`
  # counts the attempts of earlier runs, which are forgiven.
  retry <- function(draws, due) {
    land(draws$row)
    draws$attempt <- draws$attempt + 1
    draws$due <- rep_len(due, length(draws$row))
    again <<- append_draws(again, draws)
  }

  land <- function(row) {
    in_flight[row] <<- in_flight[row] - count_each(row)
  }

  # Outcomes: TRUE is unsafe, NA a draw that failed for good.
  settle <- function(row, draw, outcome) {
    land(row)
    late <- !open[row]
    if (any(late)) {
      overshoot[row[late]] <<- overshoot[row[late]] + count_each(row[late])
      row <- row[!late]
      draw <- draw[!late]
      outcome <- outcome[!late]
    }
    if (length(early$row) > 0L) {
      back <- early$row %in% row
      row <- c(early$row[back], row)
      draw <- c(early$draw[back], draw)
      outcome <- c(early$outcome[back], outcome)
      early <<- keep_draws(early, !back)
    }
    settle_sorted(row, draw, outcome)
  }

  settle_sorted <- function(row, draw, outcome) {
    at <- order(row, draw)
    row <- row[at]
    draw <- draw[at]
    outcome <- outcome[at]
    # Draws are used up to the first that is missing, and up to the end.
    next_in_line <- draw == made[row] + rank_within(row)
    ends <- next_in_line & (is.na(outcome) | (outcome & stops[row]))
    end <- which(ends)[!duplicated(row[ends])]
    last <- rep(Inf, length(row))
    at <- match(row, row[end])
    last[!is.na(at)] <- draw[end][at[!is.na(at)]]
    use <- next_in_line & draw <= last & !is.na(outcome)
    use_draws(row[use], outcome[use], draw[use])
    end_rows(row[end], draw[end], is.na(outcome[end]))
    beyond <- draw > last
    overshoot[row[beyond]] <<- overshoot[row[beyond]] + count_each(row[beyond])
    hold <- !next_in_line & !beyond
    if (any(hold)) {
      early <<- append_draws(early, list(row = row[hold], draw = draw[hold],
                                       outcome = outcome[hold]))
    }
  }

  use_draws <- function(row, outcome, draw) {
    made[row] <<- made[row] + count_each(row)
    hit <- row[outcome]
    if (length(hit) > 0L) {
      new <- hit[is.na(first[hit]) & !duplicated(hit)]
      first[new] <<- draw[outcome][match(new, hit)]
      unsafe[hit] <<- unsafe[hit] + count_each(hit)
      n_unsafe <<- n_unsafe + length(new)
    }
    full <- unique(row[made[row] >= limit[row] & open[row]])
    close_rows(full)
  }

  end_rows <- function(row, draw, fails) {
    failed[row] <<- fails
    lost <- row[fails & is.na(first[row])]
    first[lost] <<- draw[match(lost, row)]
    close_rows(row[open[row]])
  }

  close_rows <- function(row) {
    open[row] <<- FALSE
    n_open <<- n_open - length(row)
  }

  # Draws of an earlier run, read back: those with an outcome, and those that
  # were tried and have none (`attempt` times so far). What is missing below the
  # highest index is drawn first.
  restore <- function(row, draw, outcome, attempt, known) {
    if (length(row) == 0L) {
      return(invisible())
    }
    begun <- made
    highest <- tapply(draw, row, max)
    at <- as.integer(names(highest))
    handed[at] <<- pmax(handed[at], as.vector(highest))
    in_flight[row[known]] <<- in_flight[row[known]] + count_each(row[known])
    settle(row[known], draw[known], outcome[known])
    queue <<- which(open & handed < limit)
    gaps <- missing_draws(row, draw, at, as.vector(highest), begun[at])
    again <<- append_draws(again, list(
      row = c(row[!known], gaps$row), draw = c(draw[!known], gaps$draw),
      attempt = c(attempt[!known], numeric(length(gaps$row))) + 1,
      base = c(attempt[!known], numeric(length(gaps$row))),
      due = numeric(sum(!known) + length(gaps$row))
    ))
  }

  # ---- How it stands ----

  outcomes <- function() {
    closed <- !open
    list(
      draws = made, unsafe = unsafe,
      time = ifelse(closed & is.na(first), rows$horizon, first),
      status = ifelse(closed, as.numeric(!is.na(first)), NA_real_),
      overshoot = overshoot, failed = failed
    )
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

# ---- Lists of draws ----------------------------------------------------------

no_draws <- function() {
  list(row = integer(), draw = numeric(), attempt = numeric(),
       base = numeric(), due = numeric(), outcome = logical())
}

# What is known of a draw that is to be made.
draw_fields <- c("row", "draw", "attempt", "base", "due")

keep_draws <- function(draws, which) lapply(draws, `[`, which)

append_draws <- function(a, b) {
  names <- intersect(names(a), names(b))
  stats::setNames(lapply(names, function(i) c(a[[i]], b[[i]])), names)
}

# For each element how often its value is there: x[row] + count_each(row) is
# right for rows that are there several times.
count_each <- function(row) {
  same <- match(row, row)
  tabulate(same, length(row))[same]
}

# 1, 2, ... within each run of equal, sorted rows.
rank_within <- function(row) {
  at <- seq_along(row)
  begins <- c(TRUE, row[-1L] != row[-length(row)])
  if (length(row) == 0L) at else at - at[begins][cumsum(begins)] + 1L
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

# Draws of each row after its first `begun` and below its highest that are not
# there.
missing_draws <- function(row, draw, at, highest, begun) {
  count <- tabulate(match(row, at), length(at))
  short <- which(begun + count < highest)
  gaps <- lapply(short, function(i) {
    setdiff(begun[i] + seq_len(highest[i] - begun[i]), draw[row == at[i]])
  })
  list(row = rep(at[short], lengths(gaps)), draw = as.numeric(unlist(gaps)))
}
