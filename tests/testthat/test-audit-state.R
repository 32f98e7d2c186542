# The state of an audit against brute force: random plans and outcomes, random
# schedules with several batches under way, random order of arrival, failures,
# and restarts from what was recorded.

# What each draw says: FALSE, TRUE, or NA for one that failed permanently; and
# whether it was refused, or cut.
random_truth <- function(rows) {
  lapply(rows$limit, function(limit) {
    data.frame(
      outcome = sample(c(FALSE, TRUE, NA), limit, replace = TRUE,
                       prob = c(0.9, 0.06, 0.04)),
      refused = sample(c(FALSE, TRUE), limit, replace = TRUE),
      truncated = sample(c(FALSE, TRUE, NA), limit, replace = TRUE)
    )
  })
}

# What these draws say, as the state takes it.
truth_of <- function(truth, batch) {
  said <- Map(function(i, k) truth[[i]][k, ], batch$row, batch$draw)
  c(batch[c("row", "draw")], do.call(rbind, c(list(truth[[1]][0, ]), said)))
}

random_rows <- function() {
  n <- sample(8, 1)
  limit <- sample(0:15, n, replace = TRUE)
  start_audit(data.frame(limit = limit, horizon = limit + 1,
                         stop = sample(c(TRUE, FALSE), n, replace = TRUE)))
}

# Row by row and draw by draw, as a person would.
by_hand <- function(rows, truth, settled) {
  for (i in seq_len(nrow(rows))) {
    end <- rows$limit[i]
    first <- NA
    for (k in seq_len(rows$limit[i])) {
      outcome <- truth[[i]]$outcome[k]
      if (is.na(outcome)) {
        rows$failed[i] <- TRUE
        first <- min(first, k, na.rm = TRUE)
        end <- k
        break
      }
      rows$draws[i] <- k
      rows$refused[i] <- sum(truth[[i]]$refused[1:k])
      rows$truncated[i] <- sum(truth[[i]]$truncated[1:k], na.rm = TRUE)
      if (outcome) {
        rows$unsafe[i] <- rows$unsafe[i] + 1
        first <- min(first, k, na.rm = TRUE)
        if (rows$stop[i]) {
          end <- k
          break
        }
      }
    }
    rows$time[i] <- if (is.na(first)) rows$horizon[i] else first
    rows$status[i] <- as.numeric(!is.na(first))
    rows$unused[i] <- sum(settled$row == i & settled$draw > end)
  }
  rows
}

# A run that records as a ledger does: each attempt, and whether it settled its
# draw. `restart` is the chance, after each batch, that all state is lost.
play <- function(rows, truth, ahead, slots, under_way, flaky, restart,
                 together = 1) {
  record <- data.frame(row = integer(), draw = numeric(), attempt = numeric(),
                       outcome = logical(), refused = logical(),
                       truncated = logical(), known = logical())
  state <- new_audit_state(rows, ahead, together)
  flight <- list()
  repeat {
    while (length(flight) < under_way) {
      batch <- take_draws(state, slots)
      if (length(batch$row) == 0L) break
      check_batch(batch, rows, record, flight, ahead, slots)
      flight <- c(flight, list(batch))
    }
    if (length(flight) == 0L) break
    at <- sample(length(flight), 1)
    batch <- keep_draws(flight[[at]], sample(length(flight[[at]]$row)))
    flight[[at]] <- NULL
    tries <- batch$attempt - batch$base
    again <- tries < 3 & runif(length(tries)) < flaky
    said <- truth_of(truth, batch)
    said$outcome[again] <- NA
    record <- rbind(record, data.frame(
      said, attempt = batch$attempt, known = !again
    )[names(record)])
    retry_draws(state, keep_draws(batch, again), 0)
    settle_draws(state, keep_draws(said, !again))
    if (runif(1) < restart) {
      state <- read_back(rows, record, ahead, together)
      flight <- list()
    }
  }
  list(outcomes = find_outcomes(state), record = record, state = state)
}

# As a ledger is read: the last attempt at each draw, in pieces, upwards.
read_back <- function(rows, record, ahead, together = 1) {
  state <- new_audit_state(rows, ahead, together)
  record <- record[order(-record$attempt), ]
  record <- record[!duplicated(record[c("row", "draw")]), ]
  record <- record[order(record$draw, record$row), ]
  piece <- ceiling(seq_len(nrow(record)) / sample(10, 1))
  for (part in split(record, piece)) {
    restore_draws(state, part)
  }
  state
}

check_batch <- function(batch, rows, record, flight, ahead, slots) {
  key <- paste(batch$row, batch$draw)
  out <- unlist(lapply(flight, function(b) paste(b$row, b$draw)))
  known <- paste(record$row, record$draw)[record$known]
  tried <- paste(record$row, record$draw, record$attempt)
  ok <- c(
    bounded = length(key) <= slots && all(batch$draw <= rows$limit[batch$row]),
    new = !anyDuplicated(key) && !any(key %in% c(out, known)) &&
      !any(paste(key, batch$attempt) %in% tried),
    ordered = ahead || !anyDuplicated(c(batch$row, unlist(lapply(
      flight, `[[`, "row"
    ))))
  )
  # A batch that is not full holds all that is left.
  if (ahead && length(key) < slots) {
    left <- paste(rep(seq_len(nrow(rows)), rows$limit), sequence(rows$limit))
    left <- setdiff(left, c(key, out, known))
    ended <- rows_ended(rows, record)
    ok["full"] <- all(as.integer(sub(" .*", "", left)) %in% ended)
  }
  if (!all(ok)) {
    stop("a wrong batch: ", toString(names(ok)[!ok]))
  }
}

# Rows that the record has closed.
rows_ended <- function(rows, record) {
  known <- record[record$known, ]
  which(vapply(seq_len(nrow(rows)), function(i) {
    mine <- known[known$row == i, ]
    mine <- mine[order(mine$draw), ]
    mine <- mine[mine$draw == seq_along(mine$draw), ]
    nrow(mine) == rows$limit[i] || anyNA(mine$outcome) ||
      rows$stop[i] && any(mine$outcome)
  }, NA))
}

test_that("any schedule ends with what the draws say in their own order", {
  set.seed(1)
  for (i in 1:300) {
    rows <- random_rows()
    truth <- random_truth(rows)
    got <- play(rows, truth, ahead = runif(1) < 0.7, slots = sample(12, 1),
                under_way = sample(4, 1), flaky = sample(c(0, 0.3), 1),
                restart = sample(c(0, 0.3), 1), together = sample(c(1, 4), 1))
    settled <- got$record[got$record$known, ]
    expect_equal(anyDuplicated(settled[c("row", "draw")]), 0)
    want <- by_hand(rows, truth, settled)
    expect_equal(as.data.frame(got$outcomes), want[outcome_columns])
    expect_equal(got$state$n_open, 0)
    expect_length(find_early(got$state)$row, 0)
  }
})

test_that("reading back gives the state that was lost", {
  set.seed(2)
  for (i in 1:100) {
    rows <- random_rows()
    truth <- random_truth(rows)
    got <- play(rows, truth, TRUE, 5, 3, 0.3, 0)
    part <- got$record[seq_len(sample(0:nrow(got$record), 1)), ]
    # A record that broke off between two batches, read in pieces and at once.
    pieces <- read_back(rows, part, TRUE)
    whole <- new_audit_state(rows)
    last <- part[order(-part$attempt), ]
    restore_draws(whole, last[!duplicated(last[c("row", "draw")]), ])
    expect_equal(find_outcomes(pieces), find_outcomes(whole))
    one <- take_draws(pieces, 1e6)
    other <- take_draws(whole, 1e6)
    expect_setequal(paste(one$row, one$draw, one$attempt),
                    paste(other$row, other$draw, other$attempt))
    done <- paste(part$row, part$draw)[part$known]
    expect_false(any(paste(one$row, one$draw) %in% done))
    # Each draw that is left to make, once: those below an end that is known.
    expect_equal(anyDuplicated(paste(one$row, one$draw)), 0)
  }
})

test_that("state does not grow with the number of draws", {
  rows <- start_audit(data.frame(limit = 1e5, horizon = 1e5 + 1, stop = TRUE))
  state <- new_audit_state(rows)
  size <- function() {
    sum(vapply(as.list(state), object.size, 1))
  }
  before <- size()
  while (state$n_open > 0) {
    batch <- take_draws(state, 1000)
    settle_draws(state, all_safe(batch))
  }
  expect_lte(size(), before + 1000)
})
