# Requests on their way: from what waits, over what is under way, to what has
# arrived, for one or more servers at once. A model's answers go on to the judge
# while others are still awaited.

# Requests of one kind to one server. `body(units)` returns the text of each,
# `read(answer, k)` takes what it is used for from an answer, and fails where
# that is not there. The units of a request, rows of a batch, are asked for one
# by one where `splits(error)`.
new_station <- function(asks, body) {
  list2env(list(
    line = new_line(0, asks$limits, asks$id), units = list(), asks = asks,
    body = body, ready = integer(),
    slots = find_slots(asks$id, asks$server, asks$limits$timeout)
  ), parent = emptyenv())
}

add_units <- function(station, units) {
  station$units[add_requests(station$line, length(units))] <- units
}

# One request for each unit of these.
split_requests <- function(station, i) {
  drop_requests(station$line, i)
  add_units(station, as.list(unlist(station$units[i])))
}

split_waiting <- function(station) {
  waiting <- station$line$state == "waiting" & lengths(station$units) > 1L
  if (any(waiting)) {
    split_requests(station, which(waiting))
  }
}

# Until nothing is open. `settle()` looks at what is finished, about ten times a
# second, while requests are under way, and may add others. A server waits for
# nothing here: others are sent as soon as answers are there, and only then are
# these read.
carry_requests <- function(stations, settle) {
  on.exit(for (station in stations) cancel_transfers(station$slots))
  last <- now()
  repeat {
    for (station in stations) {
      arrived <- take_arrived(station$slots)
      send_waiting(station, count_fine(arrived))
      read_arrived(station, arrived)
      expire_requests(station$line)
    }
    if (now() - last >= 0.1 || any(vapply(stations, has_ended, NA))) {
      run_transfers(0)
      settle()
      last <- now()
      if (all(vapply(stations, is_through, NA))) {
        return(invisible())
      }
    }
    await_stations(stations)
  }
}

is_through <- function(station) {
  count_open(station$line) == 0L && length(station$line$finished) == 0L
}

# What is finished has nothing to wait for.
has_ended <- function(station) {
  count_open(station$line) == 0L && length(station$line$finished) > 0L
}

await_stations <- function(stations) {
  wait <- min(vapply(stations, function(station) until_next(station$line), 0))
  if (any(vapply(stations, function(s) count_active(s$line) > 0L, NA))) {
    if (!make_ready(stations)) {
      run_transfers(min(wait, 0.1))
    }
  } else if (is.finite(wait)) {
    pause_for(min(wait, 1))
  }
}

# While there is nothing else to do, what will be sent next is put into slots.
# Returns whether something has arrived meanwhile.
make_ready <- function(stations) {
  for (station in stations) {
    most <- station$line$limits$max_active
    new <- next_requests(station$line, most)
    new <- new[!new %in% station$ready]
    for (some in split(new, (seq_along(new) - 1L) %/% 4L)) {
      run_transfers(0)
      if (any_arrived(stations)) {
        return(TRUE)
      }
      keep_slots(station$slots, station$body(station$units[some]), 2 * most)
      station$ready <- utils::tail(c(station$ready, some), most)
    }
  }
  FALSE
}

any_arrived <- function(stations) {
  any(vapply(stations, function(s) length(s$slots$arrived) > 0L, NA))
}

# Of what has arrived, but is not read, how many others may take the place: none
# where the server may say that there are too many.
count_fine <- function(arrived) {
  fine <- vapply(arrived$result, function(result) {
    isTRUE(result$status_code == 200L)
  }, NA)
  if (all(fine)) length(fine) else 0L
}

# `arrived` of those under way make room, though they are not read.
send_waiting <- function(station, arrived) {
  line <- station$line
  i <- take_requests(line, arrived)
  if (length(i) > 0L) {
    body <- station$body(station$units[i])
    for (j in seq_along(i)) {
      start_transfer(station$slots, i[j], line$tries[i[j]], body[j])
      # Out with them: the server need not wait for the last one.
      if (j %% 16L == 0L) {
        run_transfers(0)
      }
    }
    run_transfers(0)
  }
}

read_arrived <- function(station, arrived) {
  i <- arrived$request
  if (length(i) == 0L) {
    return(invisible())
  }
  values <- read_answers(arrived$result, lengths(station$units[i]),
                         station$asks$read, station$slots$headers)
  failed <- vapply(values, inherits, NA, "error")
  note_answers(station$line, i[!failed], arrived$try[!failed], values[!failed])
  for (j in which(failed)) {
    fail_or_split(station, i[j], arrived$try[j], values[[j]])
  }
}

fail_or_split <- function(station, i, try, error) {
  several <- length(station$units[[i]]) > 1L
  if (several && is_current(station$line, i, try) &&
        station$asks$splits(error, station$slots)) {
    station$slots$split <- TRUE
    split_requests(station, i)
  } else {
    note_failure(station$line, i, try, error)
  }
}
