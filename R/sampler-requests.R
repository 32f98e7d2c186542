# Requests to a service: several at once, not too many a minute, and sent
# again only so often.

# `send(i)` returns a promise. Returns list(value, latency): values, or errors
# where a request failed for good.
send_requests <- function(n, send, limits, id) {
  # coro, behind ellmer's asynchronous chats, makes new loops for every call,
  # and R would compile each of them: 0.6 seconds a draw, not 0.04.
  jit <- compiler::enableJIT(0)
  old <- options(ellmer_timeout_s = limits$timeout)
  # By default curl opens 6 connections to a host, and waits with each to see
  # whether one can be shared: servers without HTTP/2 get one request at a time.
  curl::multi_set(total_con = max(50, limits$max_active),
                  host_con = limits$max_active, multiplex = FALSE)
  on.exit({
    compiler::enableJIT(jit)
    options(old)
    curl::multi_set()
  })
  line <- new_line(n, limits, id)
  while (line$n_open() > 0L) {
    for (i in line$take()) {
      start_request(send, i, line)
    }
    hush_finish(await_requests(line$until_next(), line$n_active() > 0L))
    line$expire()
  }
  line$answers()
}

start_request <- function(send, i, line) {
  try <- line$try(i)
  promise <- tryCatch(send(i), error = promises::promise_reject)
  promises::then(promise, function(value) line$succeed(i, try, value),
                 function(error) line$fail(i, try, error))
}

# httr2's own poller does not notice that a silent request is out of time; curl
# does when it is run.
await_requests <- function(wait, active) {
  if (active) {
    curl::multi_run(timeout = 0)
    later::run_now(min(wait, 0.02))
  } else {
    Sys.sleep(min(wait, 1))
  }
}

# ellmer warns of each answer that was filtered or cut short.
hush_finish <- function(code) {
  withCallingHandlers(code, warning = function(w) {
    if (grepl("^Response (was|may be) ", conditionMessage(w))) {
      tryInvokeRestart("muffleWarning")
    }
  })
}

# The requests of a batch: waiting, active or done. While the service puts
# requests off, none is sent; when it has put off `max_tries` times in a row,
# with no success in between, the line is closed.
new_line <- function(n, limits, id) {
  state <- rep("waiting", n)
  tries <- rep(0, n)
  due <- rep(-Inf, n)
  sent <- rep(NA_real_, n)
  latency <- rep(NA_real_, n)
  value <- vector("list", n)
  pause <- -Inf
  in_a_row <- 0
  closed <- FALSE

  until_next <- function() {
    waiting <- state == "waiting"
    if (!any(waiting) || sum(state == "active") >= limits$max_active) {
      return(Inf)
    }
    free <- next_slot(id, limits$rpm)
    max(0, pause - now(), min(due[waiting]) - now(), free - now())
  }

  take <- function() {
    if (now() < pause) {
      return(integer())
    }
    room <- min(limits$max_active - sum(state == "active"),
                free_slots(id, limits$rpm))
    which <- utils::head(which(state == "waiting" & due <= now()), room)
    use_slots(id, length(which))
    state[which] <<- "active"
    tries[which] <<- tries[which] + 1
    sent[which] <<- now()
    which
  }

  finish <- function(i, result) {
    state[i] <<- "done"
    latency[i] <<- now() - sent[i]
    value[[i]] <<- result
  }

  # An answer to a request that was given up comes too late.
  current <- function(i, try) state[i] == "active" && tries[i] == try

  succeed <- function(i, try, result) {
    if (current(i, try)) {
      in_a_row <<- 0
      finish(i, result)
    }
  }

  fail <- function(i, try, error) {
    if (!current(i, try)) {
      return(invisible())
    }
    wait <- wait_for(error, try)
    if (is_put_off(error)) {
      put_off(wait)
    }
    too_long <- wait > limits$max_wait
    no_end <- too_long || in_a_row >= limits$max_tries
    if (is_wrong(error) || (is_put_off(error) && no_end)) {
      close_line(error)
    }
    again <- is_put_off(error) || identical(limits$again, "always")
    if (again && try < limits$max_tries && !too_long && !closed) {
      state[i] <<- "waiting"
      due[i] <<- now() + wait
    } else {
      finish(i, error)
    }
  }

  # Requests that were under way together are put off together: once.
  put_off <- function(wait) {
    if (now() >= pause) {
      in_a_row <<- in_a_row + 1
    }
    pause <<- max(pause, now() + min(wait, limits$max_wait))
  }

  close_line <- function(error) {
    closed <<- TRUE
    for (i in which(state == "waiting")) {
      finish(i, error)
    }
  }

  expire <- function() {
    late <- which(state == "active" & now() - sent > limits$timeout + 5)
    for (i in late) {
      fail(i, tries[i], simpleError(sprintf("no answer in %s seconds",
                                            format(limits$timeout))))
    }
  }

  list(
    take = take, until_next = until_next, succeed = succeed, fail = fail,
    expire = expire, try = function(i) tries[i],
    n_open = function() sum(state != "done"),
    n_active = function() sum(state == "active"),
    answers = function() list(value = value, latency = latency)
  )
}

# When the requests of the last minute were sent, by sampler. Kept in the
# package, not in the sampler: a daemon gets a new copy of that with each batch.
sent_lately <- new.env(parent = emptyenv())

line_count <- new.env(parent = emptyenv())

new_line_id <- function() {
  line_count$n <- (line_count$n %||% 0) + 1
  paste(Sys.getpid(), line_count$n, format(now(), digits = 15))
}

lately <- function(id) {
  times <- sent_lately[[id]]
  sent_lately[[id]] <- times[times > now() - 60]
  sent_lately[[id]]
}

free_slots <- function(id, rpm) max(0, floor(rpm) - length(lately(id)))

use_slots <- function(id, n) {
  sent_lately[[id]] <- c(lately(id), rep(now(), n))
}

next_slot <- function(id, rpm) {
  times <- lately(id)
  if (length(times) < floor(rpm)) now() else times[1L] + 60
}

http_status <- function(error) {
  if (inherits(error, "httr2_http")) as.integer(error$status)
}

# Too many requests, service unavailable, overloaded: nothing was drawn.
is_put_off <- function(error) {
  isTRUE(http_status(error) %in% c(429L, 503L, 529L))
}

# No other request would fare better: the key or the address is wrong.
is_wrong <- function(error) isTRUE(http_status(error) %in% c(401L, 404L))

# What the service asks for, or else 1, 2, 4, ... seconds.
wait_for <- function(error, try) {
  asked <- if (is_put_off(error) && !is.null(error$resp)) {
    httr2::resp_retry_after(error$resp)
  }
  if (length(asked) == 1L && !is.na(asked)) max(0, asked) else 2^(try - 1)
}

one_line <- function(error) {
  text <- conditionMessage(error)
  if (inherits(error$parent, "condition")) {
    text <- conditionMessage(error$parent)
  }
  kind <- if (inherits(error, "httr2_failure")) {
    "no answer:"
  } else if (!inherits(error, "httr2_http")) {
    "the answer could not be used:"
  }
  trimws(gsub("\\s+", " ", paste(c(kind, text), collapse = " ")))
}
