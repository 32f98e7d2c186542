# Transfers by curl: several at once, over connections and handles that are kept
# from one batch to the next.

# Of this process: a daemon gets a new copy of the sampler with each batch, and
# a copy of a connection is none.
transfers <- new.env(parent = emptyenv())

# The pool that runs them all. Lines count what is under way, so that it sets no
# limits of its own.
transfer_pool <- function() {
  if (!identical(transfers$process, Sys.getpid())) {
    transfers$process <- Sys.getpid()
    transfers$slots <- list()
    transfers$pool <- curl::new_pool(total_con = 1e5, host_con = 1e5,
                                     max_streams = 100)
  }
  transfers$pool
}

# Slots for transfers to one server: a slot is a handle, which is used again.
# Kept are those of the eight samplers and judges that were used last.
find_slots <- function(id, server, timeout) {
  pool <- transfer_pool()
  slots <- transfers$slots[[id]]
  if (is.null(slots)) {
    slots <- list2env(list(
      pool = pool, url = server$url, timeout = timeout, handle = list(),
      done = list(), fail = list(), free = integer(), arrived = integer(),
      request = integer(), try = numeric(), result = list(), waits = logical(),
      body = character(), kept = logical(),
      # Whether the server has HTTP/2 is not known before it has answered.
      http2 = if (grepl("^https", server$url, ignore.case = TRUE)) NA else FALSE
    ), parent = emptyenv())
  }
  kept <- transfers$slots[setdiff(names(transfers$slots), id)]
  transfers$slots <- c(utils::tail(kept, 7L), stats::setNames(list(slots), id))
  set_headers(slots, server_headers(server))
  slots
}

set_headers <- function(slots, headers) {
  if (!identical(slots$headers, headers)) {
    slots$headers <- headers
    for (handle in slots$handle) {
      curl::handle_setheaders(handle, .list = as.list(headers))
    }
  }
}

add_slot <- function(slots) {
  k <- length(slots$handle) + 1L
  handle <- curl::new_handle(
    url = slots$url, post = TRUE, accept_encoding = "", followlocation = FALSE,
    timeout_ms = ceiling(1000 * slots$timeout), nosignal = TRUE,
    tcp_keepalive = TRUE
  )
  curl::handle_setheaders(handle, .list = as.list(slots$headers))
  slots$handle[[k]] <- handle
  arrive <- function(result) {
    slots$arrived <- c(slots$arrived, k)
    slots$result[[k]] <- result
  }
  slots$done[[k]] <- arrive
  slots$fail[[k]] <- function(message) arrive(new_silence(message))
  slots$request[k] <- NA_integer_
  slots$try[k] <- NA_real_
  slots$body[k] <- NA_character_
  slots$kept[k] <- FALSE
  # As curl is set.
  slots$waits[k] <- TRUE
  k
}

# One that is free, best that which has sent the same before, or is to, or a new
# one.
take_slot <- function(slots, body) {
  free <- slots$free
  if (length(free) == 0L) {
    return(add_slot(slots))
  }
  at <- match(body, slots$body[free], 0L)
  if (at == 0L) {
    at <- match(FALSE, slots$kept[free], length(free))
  }
  k <- free[at]
  slots$free <- free[-at]
  slots$kept[k] <- FALSE
  k
}

# Slots are made ready for bodies that will be sent next, up to `most` in all;
# one that is under way will be there with the same body.
keep_slots <- function(slots, bodies, most) {
  away <- slots$body[!is.na(slots$request)]
  for (body in bodies[!bodies %in% away]) {
    idle <- slots$free[!slots$kept[slots$free]]
    if (length(idle) > 0L) {
      k <- idle[match(body, slots$body[idle], 1L)]
    } else if (length(slots$handle) < most) {
      k <- add_slot(slots)
      slots$free <- c(slots$free, k)
    } else {
      return(invisible())
    }
    slots$kept[k] <- TRUE
    set_body(slots, k, body)
  }
}

# To set an option takes as long as all else.
set_body <- function(slots, k, body) {
  if (!identical(slots$body[k], body)) {
    slots$body[k] <- body
    curl::handle_setopt(slots$handle[[k]], postfields = charToRaw(body))
  }
}

# `body` is text. With HTTP/2 requests share a connection, and wait until it is
# known that they may; without, each would wait for another one's end.
start_transfer <- function(slots, request, try, body) {
  k <- take_slot(slots, body)
  slots$request[k] <- request
  slots$try[k] <- try
  handle <- slots$handle[[k]]
  if (isFALSE(slots$http2) && slots$waits[k]) {
    slots$waits[k] <- FALSE
    curl::handle_setopt(handle, pipewait = 0L)
  }
  set_body(slots, k, body)
  curl::multi_add(handle, slots$done[[k]], slots$fail[[k]], pool = slots$pool)
}

# Until something has arrived, `wait` seconds at most.
run_transfers <- function(wait) {
  curl::multi_run(timeout = wait, poll = TRUE, pool = transfer_pool())
}

# What has arrived since this was last asked: list(request, try, result).
take_arrived <- function(slots) {
  k <- slots$arrived
  arrived <- list(request = slots$request[k], try = slots$try[k],
                  result = slots$result[k])
  slots$arrived <- integer()
  slots$result[k] <- list(NULL)
  slots$request[k] <- NA_integer_
  slots$free <- c(slots$free, k)
  if (is.na(slots$http2) && length(k) > 0L) {
    note_version(slots, arrived$result)
  }
  arrived
}

note_version <- function(slots, results) {
  results <- Filter(function(result) !inherits(result, "error"), results)
  if (length(results) == 0L) {
    return(invisible())
  }
  status <- rawToChar(utils::head(results[[1L]]$headers, 6L))
  slots$http2 <- !startsWith(status, "HTTP/1")
}

# What is under way is not waited for.
cancel_transfers <- function(slots) {
  for (k in which(!is.na(slots$request))) {
    if (!k %in% slots$arrived) {
      curl::multi_cancel(slots$handle[[k]])
    }
  }
  slots$arrived <- integer()
  slots$request[] <- NA_integer_
  slots$result[] <- list(NULL)
  slots$free <- seq_along(slots$handle)
  slots$kept[] <- FALSE
}
