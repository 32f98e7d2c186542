# Requests to a service: several at once, not too many a minute, and sent again
# only so often. What is sent is up to the caller: anything that returns a
# promise.

# `send(i)` returns a promise. Returns list(value, latency): values, or errors
# where a request failed permanently. `turn` is called with the line (see
# new_line()) at each turn of the loop, and may itself send requests.
send_requests <- function(n, send, limits, id, turn = identity) {
  # coro, behind ellmer's asynchronous chats, makes new loops for every call,
  # and R would compile each of them: 0.6 seconds a draw, not 0.04.
  jit <- compiler::enableJIT(0)
  old <- options(ellmer_timeout_s = limits$timeout)
  on.exit({
    compiler::enableJIT(jit)
    options(old)
    curl::multi_set()
  })
  line <- new_line(n, limits, id)
  while (count_open(line) > 0L) {
    widen_pool(limits)
    for (i in take_requests(line)) {
      start_request(send, i, line)
    }
    hush_finish(reject_unread(
      await_requests(until_next(line), count_active(line) > 0L)
    ))
    expire_requests(line)
    turn(line)
  }
  # The last may have come in during a turn that took long.
  turn(line)
  list(value = line$value, latency = line$latency)
}

# By default curl opens 6 connections to a host, and waits with each to see
# whether one can be shared: servers without HTTP/2 get one request at a time.
widen_pool <- function(limits) {
  curl::multi_set(total_con = max(50, limits$max_active),
                  host_con = limits$max_active, multiplex = FALSE)
}

# For send_requests(): gives the answers that came in to `use`, with their
# indices, once a second, and calls `idle` otherwise.
watch_answers <- function(use, idle) {
  seen <- integer()
  last <- now()
  function(line) {
    new <- setdiff(which(line$state == "done"), seen)
    due <- now() - last >= 1 || count_open(line) == 0L
    if (length(new) > 0L && due) {
      seen <<- c(seen, new)
      use(new, list(value = line$value[new], latency = line$latency[new]))
      last <<- now()
    } else {
      idle()
    }
  }
}

start_request <- function(send, i, line) {
  try <- line$tries[i]
  promise <- tryCatch(send(i), error = promises::promise_reject)
  promises::then(promise, function(value) note_answer(line, i, try, value),
                 function(error) note_failure(line, i, try, error))
}

# httr2's own poller does not notice that a silent request is out of time; curl
# does when it is run.
await_requests <- function(wait, active) {
  if (active) {
    curl::multi_run(timeout = 0)
    later::run_now(min(wait, 0.02))
  } else {
    pause_for(min(wait, 1))
  }
}

# Where the body of an HTTP error cannot be read, httr2 raises an error to
# whoever runs curl: here, where the request that it belongs to is not known,
# and would wait in vain. Its response, and the function that would have failed
# it, are in the frames that handle it.
reject_unread <- function(code) {
  found <- FALSE
  tryCatch(
    withCallingHandlers(code, error = function(e) {
      found <<- reject_request(sys.frames(), e)
    }),
    error = function(e) if (!found) stop(e)
  )
}

reject_request <- function(frames, error) {
  for (frame in rev(frames)) {
    reject <- failure_handler(frame)
    if (!is.null(reject)) {
      reject(http_error(frames, error))
      return(TRUE)
    }
  }
  FALSE
}

# Of the object that httr2 keeps for each request of a pool.
failure_handler <- function(frame) {
  private <- get0("private", parent.env(frame), inherits = FALSE)
  reject <- if (is.environment(private)) private$on_failure
  if (is.function(reject)) reject
}

# The HTTP error without what could not be read; where none was received, the
# error as it is.
http_error <- function(frames, error) {
  for (frame in rev(frames)) {
    resp <- get0("resp", frame, inherits = FALSE)
    if (inherits(resp, "httr2_response") && httr2::resp_is_error(resp)) {
      resp$request <- httr2::request(resp$url)
      return(tryCatch(httr2::resp_check_status(resp), error = identity))
    }
  }
  error
}

# ellmer warns of each answer that was filtered or cut short.
hush_finish <- function(code) {
  withCallingHandlers(code, warning = function(w) {
    if (grepl("^Response (was|may be) ", conditionMessage(w))) {
      tryInvokeRestart("muffleWarning")
    }
  })
}

# ---- The line of a batch -----------------------------------------------------

# The requests of a batch: waiting, active or done. While the service throttles,
# none is sent; when it has throttled `max_tries` times in a row, with no
# success in between, the line is closed. An environment, as answers
# come in while others are waited for.
new_line <- function(n, limits, id) {
  line <- list2env(list(
    limits = limits, id = id,
    state = character(), tries = numeric(), due = numeric(), sent = numeric(),
    latency = numeric(), value = list(),
    # Those that are done, for whoever looks at them meanwhile.
    finished = integer(),
    pause = -Inf, in_a_row = 0, closed = NULL
  ), parent = emptyenv())
  add_requests(line, n)
  line
}

# Returns their numbers. To a line that was closed they come too late.
add_requests <- function(line, n) {
  new <- length(line$state) + seq_len(n)
  line$state[new] <- "waiting"
  line$tries[new] <- 0
  line$due[new] <- -Inf
  line$sent[new] <- line$latency[new] <- NA_real_
  line$value[new] <- list(NULL)
  if (!is.null(line$closed)) {
    close_line(line, line$closed)
  }
  new
}

count_open <- function(line) sum(line$state != "done")

count_active <- function(line) sum(line$state == "active")

# Those to be sent now. Of those under way, `arrived` are back.
take_requests <- function(line, arrived = 0L) {
  if (now() < line$pause) {
    return(integer())
  }
  room <- min(line$limits$max_active - count_active(line) + arrived,
              free_slots(line$id, line$limits$rpm))
  if (room <= 0) {
    return(integer())
  }
  taken <- next_requests(line, room)
  if (is.finite(line$limits$rpm)) {
    use_slots(line$id, length(taken))
  }
  line$state[taken] <- "active"
  line$tries[taken] <- line$tries[taken] + 1
  line$sent[taken] <- now()
  taken
}

# Those that will be sent next.
next_requests <- function(line, n) {
  utils::head(which(line$state == "waiting" & line$due <= now()), n)
}

# Seconds until another one may be sent.
until_next <- function(line) {
  if (count_active(line) >= line$limits$max_active) {
    return(Inf)
  }
  waiting <- line$state == "waiting"
  if (!any(waiting)) {
    return(Inf)
  }
  free <- next_slot(line$id, line$limits$rpm)
  max(0, line$pause - now(), min(line$due[waiting]) - now(), free - now())
}

note_answer <- function(line, i, try, answer) {
  note_answers(line, i, try, list(answer))
}

note_answers <- function(line, i, try, answers) {
  current <- is_current(line, i, try)
  if (any(current)) {
    line$in_a_row <- 0
    finish_requests(line, i[current], answers[current])
  }
}

note_failure <- function(line, i, try, error) {
  if (!is_current(line, i, try)) {
    return(invisible())
  }
  limits <- line$limits
  wait <- wait_for(error, try)
  if (is_throttled(error)) {
    throttle(line, wait)
  }
  too_long <- wait > limits$max_wait
  no_end <- too_long || line$in_a_row >= limits$max_tries
  if (is_wrong(error) || (is_throttled(error) && no_end)) {
    close_line(line, error)
  }
  always <- identical(limits$again, "always") && !is_filtered(error)
  again <- is_throttled(error) || always
  if (again && try < limits$max_tries && !too_long && is.null(line$closed)) {
    line$state[i] <- "waiting"
    line$due[i] <- now() + wait
  } else {
    finish_requests(line, i, list(error))
  }
}

# Those out of time whose connection nobody closed.
expire_requests <- function(line) {
  timeout <- line$limits$timeout
  late <- which(line$state == "active" & now() - line$sent > timeout + 5)
  for (i in late) {
    note_failure(line, i, line$tries[i], simpleError(
      sprintf("no answer within %s seconds", format(timeout))
    ))
  }
}

# An answer to a request that was given up comes too late.
is_current <- function(line, i, try) {
  line$state[i] == "active" & line$tries[i] == try
}

# Requests that were under way together are throttled together: once.
throttle <- function(line, wait) {
  if (now() >= line$pause) {
    line$in_a_row <- line$in_a_row + 1
  }
  line$pause <- max(line$pause, now() + min(wait, line$limits$max_wait))
}

close_line <- function(line, error) {
  line$closed <- error
  waiting <- which(line$state == "waiting")
  finish_requests(line, waiting, rep(list(error), length(waiting)))
}

finish_requests <- function(line, i, results) {
  line$state[i] <- "done"
  line$latency[i] <- now() - line$sent[i]
  line$value[i] <- results
  line$finished <- c(line$finished, i)
}

# Those that are done since this was last asked.
take_finished <- function(line) {
  finished <- line$finished
  line$finished <- integer()
  finished
}

# Given up without a result: others take their place.
drop_requests <- function(line, i) line$state[i] <- "done"

# ---- Requests per minute -----------------------------------------------------

# When the requests of the last minute were sent, by sampler. Kept in the
# package, not in the sampler: a daemon gets a new copy of that with each batch.
sent_lately <- new.env(parent = emptyenv())
line_count <- new.env(parent = emptyenv())

new_line_id <- function() {
  line_count$n <- (line_count$n %||% 0) + 1
  paste(Sys.getpid(), line_count$n, format(now(), digits = 15))
}

free_slots <- function(id, rpm) max(0, floor(rpm) - length(lately(id)))

use_slots <- function(id, n) {
  sent_lately[[id]] <- c(lately(id), rep(now(), n))
}

next_slot <- function(id, rpm) {
  times <- lately(id)
  if (length(times) < floor(rpm)) now() else times[1L] + 60
}

lately <- function(id) {
  times <- sent_lately[[id]]
  sent_lately[[id]] <- times[times > now() - 60]
  sent_lately[[id]]
}
