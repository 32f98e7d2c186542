# One batch: handed to the sampler by this process or a daemon, and read when
# it is back.

# ---- Who calls the sampler ---------------------------------------------------

# This process, one batch at a time, or mirai's daemons, several at once. Either
# way a dispatcher is a list of functions: room() is how many more batches may
# be submitted now, busy() how many are under way; submit(batch, prompts) sends
# one; collect() waits for one and returns list(batch, value), where value may
# be an error; cancel() gives up what is under way.
new_dispatcher <- function(sampler, parallel, seed) {
  # Drawn now, also where no batch will be.
  force(seed)
  if (parallel) {
    daemon_dispatcher(sampler, seed)
  } else {
    local_dispatcher(sampler, seed)
  }
}

# What fixes the random numbers of a batch. No two batches have the same draws
# at the same attempts, so that a run that is resumed never repeats a stream.
stream_key <- function(seed, batch) {
  c(seed, batch$row, batch$draw, batch$attempt)
}

local_dispatcher <- function(sampler, seed) {
  task <- NULL
  list(
    room = function() as.numeric(is.null(task)),
    busy = function() as.numeric(!is.null(task)),
    submit = function(batch, prompts) {
      task <<- list(batch = batch, prompts = prompts)
    },
    collect = function() {
      now <- task
      task <<- NULL
      inbox <- now$batch$inbox
      # Also after an interrupt.
      on.exit(empty_inbox(inbox))
      value <- tryCatch(
        with_stream(
          stream_key(seed, now$batch),
          call_sampler(sampler, now$prompts, now$batch$draw, recorder(inbox))
        ),
        error = function(e) e
      )
      list(batch = now$batch, value = value)
    },
    cancel = function() task <<- NULL
  )
}

# Twice as many batches as daemons, so that none waits for this process. A
# daemon may not have this package: the call is spelt out. Daemons may be
# launched again, by the user or a scheduler: `patience` is how many seconds to
# wait for them.
daemon_dispatcher <- function(sampler, seed, patience = 60) {
  tasks <- list()
  list(
    room = function() {
      max(2, 2 * mirai::status()$connections) - length(tasks)
    },
    busy = function() length(tasks),
    submit = function(batch, prompts) {
      call <- call("{", quote(assign(".Random.seed", stream, globalenv())),
                   sampler_call(sampler))
      task <- mirai::mirai(call, .args = list(
        stream = stream_of(stream_key(seed, batch)), sampler = sampler$call,
        prompts = prompts, draw = as.integer(batch$draw)
      ))
      tasks[[length(tasks) + 1L]] <<- list(batch = batch, mirai = task)
    },
    collect = function() {
      wait_for_daemons(patience)
      at <- mirai::race_mirai(lapply(tasks, `[[`, "mirai"))
      done <- tasks[[at]]
      tasks[[at]] <<- NULL
      list(batch = done$batch, value = daemon_value(done$mirai$data))
    },
    cancel = function() {
      lapply(tasks, function(task) mirai::stop_mirai(task$mirai))
      tasks <<- list()
    }
  )
}

wait_for_daemons <- function(patience) {
  until <- now() + patience
  while (mirai::status()$connections == 0) {
    if (now() > until) {
      stop_classed(c("sampler_daemons", "sampler"),
                   "All daemons have disconnected.", call = NULL)
    }
    pause_for(0.2)
  }
}

daemon_value <- function(value) {
  if (!mirai::is_error_value(value)) {
    return(value)
  }
  if (mirai::is_mirai_error(value)) {
    return(simpleError(attr(value, "message") %||% as.character(value)))
  }
  rlang::error_cnd(
    paste0("timetounsafe_error", c("_sampler_daemons", "_sampler", "")),
    message = paste("a daemon was lost:", format(value))
  )
}

# Whether batches go to the daemons that the user has set.
use_daemons <- function(parallel, call = rlang::caller_env()) {
  if (is.null(parallel)) {
    return(rlang::is_installed("mirai") && mirai::daemons_set())
  }
  parallel <- check_flag(parallel, "parallel", call = call)
  if (parallel) {
    need_package("mirai", "to draw in parallel", "2.7.0", call)
    if (!mirai::daemons_set()) {
      stop_argument(
        "parallel", "requires daemons", "none",
        fix = "Set them first, for example mirai::daemons(8).", call = call
      )
    }
  }
  parallel
}

# ---- One batch comes back ----------------------------------------------------

next_batch <- function(run) {
  tryCatch(run$dispatcher$collect(),
           timetounsafe_error_sampler_daemons = function(e) {
    run$error <- run$error %||% e
    run$dispatcher$cancel()
    NULL
  })
}

receive_batch <- function(done, run, control) {
  if (is.null(done)) {
    return(invisible())
  }
  batch <- done$batch
  answers <- tryCatch(
    complete_batch(batch, done$value, control),
    timetounsafe_error_sampler_contract = function(e) e
  )
  if (inherits(answers, "error")) {
    run$error <- run$error %||% answers
    return(invisible())
  }
  outcome <- answers$outcome
  # What else it said is wrong: that ends the run, but its draws count.
  run$error <- run$error %||% outcome$broken
  missing <- is.na(outcome$unsafe)
  run$errors <- run$errors + sum(missing)
  note_error(done$value, outcome$message[missing], run)
  if (length(missing) == length(batch$row) && all(missing)) {
    note_lost_batch(batch, done$value, run, control)
  } else {
    run$lost <- 0
    run$lost_rows <- integer()
  }
  run$done <- run$done + length(missing)
  check_error_rate(run, control)
  count_answers(batch, answers, run, control)
}

# ---- Failures ----------------------------------------------------------------

# The last thing that the sampler, or the service behind it, said. That may be
# anything: a factor, bytes of no encoding, a page of HTML.
note_error <- function(value, message, run) {
  said <- as.character(message)
  said <- said[!is.na(said) & nzchar(said)]
  if (length(said) > 0L) {
    last <- iconv(enc2utf8(said[length(said)]), "UTF-8", "UTF-8", sub = "?")
    run$last_error <- list(
      message = substr(trimws(gsub("\\s+", " ", last)), 1L, 500L),
      raised = if (inherits(value, "error")) value
    )
  }
}

# Batches that fail as a whole, one after the other, are a broken sampler or a
# service that is down, and each makes the run wait for longer. Those that were
# under way at the same time are one failure, not several. Where the sampler
# returned, and all of it concerns one prompt, it is the prompt that fails.
note_lost_batch <- function(batch, value, run, control) {
  run$lost <- run$lost + (batch$lost >= run$lost)
  run$lost_rows <- utils::head(unique(c(run$lost_rows, batch$row)), 2L)
  run$pause <- now() + min(60, control$retry_wait * 2^(run$lost - 1))
  raised <- inherits(value, "error")
  returned <- length(run$lost_rows) > 1L && control$max_error_rate < 1
  if (run$lost >= control$max_tries && (raised || returned)) {
    run$error <- run$error %||% if (raised) value else broken(sprintf(
      "%d batches in a row failed completely", run$lost
    ), run$last_error)
  }
}

check_error_rate <- function(run, control) {
  rate <- run$errors / max(1, run$done)
  if (run$done >= 100 && rate > control$max_error_rate) {
    run$error <- run$error %||% broken(sprintf(
      "%s of all attempts failed, more than `max_error_rate`", share(rate)
    ), run$last_error)
  }
}

# Most attempts failed, by what the sampler returned or raised.
broken <- function(message, last) {
  if (is.null(last$raised)) {
    message <- paste(c(message, last$message), collapse = "; the last error: ")
  } else {
    message <- paste0(message, ".")
  }
  rlang::error_cnd(
    paste0("timetounsafe_error", c("_sampler_broken", "_sampler", "")),
    message = message, parent = last$raised
  )
}

# ---- The same answer every time ----------------------------------------------

# A cache, a fixed seed or a temperature of 0 returns one and the same text for
# every draw of a prompt, which then are not draws. Looks at responses until two
# of a prompt differ, or there are enough copies to warn, once. Keeps the hash
# of a response of each prompt, as texts may be long. Refusals may be alike.
new_watch <- function() {
  # Copies of all prompts; responses of those that were drawn several times.
  found <- list2env(list(copies = 0, several = 0), parent = emptyenv())
  found$seen <- new.env(parent = emptyenv())
  function(row, response, status) {
    if (is.null(response) || is.null(found$seen)) {
      return(invisible())
    }
    response <- as.character(response)
    for (i in which(!is.na(response) & status != "refused")) {
      if (!is_copy(as.character(row[i]), rlang::hash(response[i]), found)) {
        found$seen <- NULL
        return(invisible())
      }
    }
    if (found$several >= 12 || found$copies >= 50) {
      found$seen <- NULL
      warn_copies()
    }
  }
}

# Whether this response is the first of its prompt, or the same as that.
is_copy <- function(key, hash, found) {
  before <- found$seen[[key]]
  n <- (before$n %||% 0) + 1
  found$seen[[key]] <- list(hash = hash, n = n)
  found$copies <- found$copies + (n > 1)
  found$several <- found$several + if (n == 4) 4 else n > 4
  n == 1 || before$hash == hash
}

warn_copies <- function() {
  warn_classed("identical_responses", c(
    "So far every prompt has received identical responses.",
    i = "Is there a cache, a fixed seed, or a temperature of 0?",
    i = paste("Draws must be independent: copies carry no information about",
              "the hazard.")
  ), call = NULL)
}
