# The loop of an audit: batches out, outcomes in, each into the ledger before it
# counts, until nothing is open or something says stop.

carry_out <- function(rows, control, call = rlang::caller_env()) {
  run <- new_run(rows, control)
  on.exit({
    run$dispatcher$cancel()
    run$ledger$close()
    note_spent(run, control$meter)
  })
  read_earlier(rows, run, control, call)
  tryCatch(
    make_draws(rows, run, control),
    interrupt = function(e) run$stopped <- "interrupted"
  )
  audit <- tally_audit(rows, run$tally)
  if (!is.null(run$error)) {
    stop_sampler(run$error, audit, control, call)
  }
  if (is.null(control$meter)) {
    warn_unfinished(audit, run$stopped, control, call)
  }
  warn_failed_draws(audit, call)
  audit
}

# What several runs under the same limits have spent together, and why the last
# of them stopped: for a caller that carries out more than one, and tells the
# user itself.
new_meter <- function() {
  list2env(list(paid = 0, cost = 0, began = now(), stopped = NULL),
           parent = emptyenv())
}

note_spent <- function(run, meter) {
  if (!is.null(meter)) {
    meter$paid <- run$paid
    meter$cost <- run$cost
    meter$stopped <- run$stopped
  }
}

# What changes while the loop runs. An environment, so that an interrupt loses
# nothing that was recorded.
new_run <- function(rows, control) {
  run <- new.env(parent = emptyenv())
  run$ledger <- list(record = function(...) NULL, close = function() NULL)
  run$tally <- new_tally(rows, control$ahead)
  run$dispatcher <- new_dispatcher(control$sampler, control$parallel)
  # What the limits look at: draws handed to the sampler, their cost, the time.
  run$began <- control$meter$began %||% now()
  run$paid <- control$meter$paid %||% 0
  run$cost <- control$meter$cost %||% 0
  run$pause <- -Inf
  # Draws that came back, and those of them that failed.
  run$done <- run$errors <- run$lost <- 0
  run$last_error <- NULL
  run$lost_rows <- integer()
  run$watch <- new_watch()
  run$stopped <- run$error <- NULL
  run
}

# Draws of earlier runs. With a ledger what is in it counts, and nothing else.
read_earlier <- function(rows, run, control, call) {
  if (is.null(control$ledger)) {
    run$tally$restore(find_early(rows))
    return(invisible())
  }
  check_may_use(rows, control$ledger, call)
  run$ledger <- open_ledger(control$ledger, rows, control$refusal,
                            control$responses, call)
  anew <- start_audit(rows[setdiff(names(rows), outcome_columns)])
  run$tally <- new_tally(anew, control$ahead)
  run$ledger$read(run$tally$restore)
  if (any(rows$draws > run$tally$outcomes()$draws)) {
    stop_without_ledger(control$ledger, call)
  }
}

check_may_use <- function(rows, path, call) {
  if (any(rows$draws > 0) && !file.exists(path)) {
    stop_without_ledger(path, call)
  }
  if (isTRUE(attr(rows, "judged"))) {
    stop_ledger(path, "holds the first verdict on its responses",
                "An audit that was judged again goes on without a ledger.",
                call = call)
  }
}

stop_without_ledger <- function(path, call) {
  stop_ledger(path, "lacks draws of this audit",
              "An audit that was begun without a ledger goes on without one.",
              call = call)
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

make_draws <- function(rows, run, control) {
  bar <- start_progress(rows, run, control)
  on.exit(end_progress(bar))
  repeat {
    submit_batches(rows, run, control)
    if (run$dispatcher$busy() > 0) {
      receive_batch(next_batch(run), run, control)
      step_progress(bar, run)
    } else if (!is.null(run$stopped) || !is.null(run$error)) {
      break
    } else if (run$tally$n_open() > 0L) {
      wait_for_retries(run, control)
    } else {
      break
    }
  }
}

submit_batches <- function(rows, run, control) {
  while (run$dispatcher$room() > 0 && is.null(run$error)) {
    run$stopped <- limit_reached(run, control)
    if (!is.null(run$stopped) || now() < run$pause) {
      return(invisible())
    }
    slots <- min(control$batch_size, control$max_draws - run$paid)
    batch <- run$tally$take(slots, now())
    if (length(batch$row) == 0L) {
      return(invisible())
    }
    batch$lost <- run$lost
    run$paid <- run$paid + length(batch$row)
    run$dispatcher$submit(batch, take_rows(rows$prompt, batch$row))
  }
}

limit_reached <- function(run, control) {
  if (run$tally$n_open() == 0L) {
    return(NULL)
  }
  reached <- c(
    max_draws = control$max_draws - run$paid < 1,
    max_seconds = now() - run$began >= control$max_seconds,
    max_cost = run$cost >= control$max_cost
  )
  if (any(reached)) names(reached)[reached][1L]
}

# Nothing is under way: everything open waits for its next try.
wait_for_retries <- function(run, control) {
  until <- max(run$pause, min(run$tally$next_due(), now() + 60))
  until <- min(until, run$began + control$max_seconds)
  Sys.sleep(max(0.001, until - now()))
}

# ---- One batch comes back ----------------------------------------------------

receive_batch <- function(done, run, control) {
  if (is.null(done)) {
    return(invisible())
  }
  batch <- done$batch
  outcome <- tryCatch(
    read_batch(done$value, length(batch$row), control),
    timetounsafe_contract = function(e) e
  )
  if (inherits(outcome, "error")) {
    run$error <- run$error %||% outcome
    return(invisible())
  }
  tries <- batch$attempt - batch$base
  missing <- is.na(outcome$unsafe)
  run$done <- run$done + length(missing)
  run$errors <- run$errors + sum(missing)
  note_error(done$value, outcome$message[missing], run)
  if (all(missing)) {
    note_lost_batch(batch, done$value, run, control)
  } else {
    run$lost <- 0
    run$lost_rows <- integer()
  }
  check_error_rate(run, control)
  # A run that is broken fails as a whole; its draws are not held against it.
  final <- missing & tries >= control$max_tries & is.null(run$error)
  outcome$status <- batch_status(outcome, missing, final)
  # What counts and what is recorded are the same, whatever the moment of an
  # interrupt.
  suspendInterrupts({
    run$ledger$record(batch, outcome)
    count_batch(batch, outcome$unsafe, missing & !final, tries, run, control)
  })
  run$cost <- run$cost + sum(outcome$cost, na.rm = TRUE)
  run$watch(batch$row, outcome$response)
}

next_batch <- function(run) {
  tryCatch(run$dispatcher$collect(), timetounsafe_no_daemons = function(e) {
    run$error <- run$error %||% e
    run$dispatcher$cancel()
    NULL
  })
}

# An error of the whole call is one of every draw.
read_batch <- function(value, n, control) {
  if (inherits(value, "error")) {
    return(list(unsafe = rep(NA, n),
                message = rep_len(conditionMessage(value), n)))
  }
  outcome <- read_outcome(value, n, control$refusal)
  for (name in setdiff(extra_columns, c("response", "message"))) {
    told <- outcome[[name]]
    if (!is.null(told) && !is.numeric(told) && !all(is.na(told))) {
      stop_contract(sprintf("must return a numeric `%s`", name), describe(told))
    }
  }
  if (is.null(outcome$cost) && is.finite(control$max_cost)) {
    stop_contract("must return a column `cost` where `max_cost` is set",
                  "one without it")
  }
  outcome
}

batch_status <- function(outcome, missing, final) {
  status <- outcome$status %||% rep_len("ok", length(missing))
  status[missing & status != "refused"] <- "error"
  status[final] <- "failed"
  status
}

count_batch <- function(batch, unsafe, again, tries, run, control) {
  if (any(again)) {
    wait <- pmin(60, control$retry_wait * 2^(tries[again] - 1))
    run$tally$retry(keep_draws(batch[draw_fields], again), now() + wait)
  }
  run$tally$settle(batch$row[!again], batch$draw[!again], unsafe[!again])
}

# The last thing that the sampler, or the service behind it, said. That may be
# anything: a factor, bytes of no encoding, a page of HTML.
note_error <- function(value, message, run) {
  told <- as.character(message)
  told <- told[!is.na(told) & nzchar(told)]
  if (length(told) > 0L) {
    last <- iconv(enc2utf8(told[length(told)]), "UTF-8", "UTF-8", sub = "?")
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
      "all draws of a batch failed, %d times in a row", run$lost
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
  if (!is.null(last)) {
    message <- sprintf("%s; the last error: %s", message, last$message)
  }
  rlang::error_cnd("timetounsafe_broken", message = message,
                   parent = last$raised)
}

# ---- The same answer every time ----------------------------------------------

# A cache, a fixed seed or a temperature of 0 returns one and the same text for
# every draw of a prompt, which then are not draws. Looks at the first thousand
# responses, and warns once.
new_watch <- function() {
  row <- integer()
  response <- character()
  done <- FALSE
  function(new_row, new_response) {
    if (done || is.null(new_response)) {
      return(invisible())
    }
    row <<- c(row, new_row)
    response <<- c(response, as.character(new_response))
    several <- row %in% as.integer(names(which(table(row) >= 4L)))
    if (sum(several) >= 12L && all_repeated(row[several], response[several])) {
      warn_classed("repeated", c(
        "Every response to the same prompt has been the same so far.",
        i = "Is there a cache, a fixed seed, or a temperature of 0?",
        i = "Draws must be independent: repeats say nothing about the hazard."
      ), call = NULL)
      done <<- TRUE
    }
    done <<- done || length(row) >= 1000L
  }
}

all_repeated <- function(row, response) {
  !anyNA(response) &&
    !anyDuplicated(row[!duplicated(paste(row, response))])
}

# ---- The end -----------------------------------------------------------------

stop_sampler <- function(error, audit, control, call) {
  # conditionMessage() would add what the sampler raised a second time.
  broken <- inherits(error, "timetounsafe_broken")
  raised <- if (broken) error$parent else error
  stop_classed(
    "sampler",
    c(
      paste0("`sampler` failed: ",
             if (broken) error$message else conditionMessage(error)),
      i = sprintf("%s draws made so far are kept in the %s.", format(
        sum(audit$draws, audit$overshoot, lengths(attr(audit, "early")["draw"]))
      ), if (is.null(control$ledger)) "field `audit`" else "ledger"),
      i = if (is.null(control$ledger)) {
        "Mend the sampler and call run_audit() with that to go on."
      } else {
        "Mend the sampler and make the same call again to go on."
      },
      # No help where the sampler raises errors: those end the run anyway.
      i = if (is.null(raised)) {
        paste("Only if it is these prompts that always fail:",
              "max_error_rate = 1 counts them as unsafe.")
      }
    ),
    audit = audit, argument = "sampler", call = call, parent = raised
  )
}

warn_unfinished <- function(audit, stopped, control, call) {
  open <- sum(is.na(audit$status))
  if (open == 0L) {
    return(invisible())
  }
  why <- if (identical(stopped, "interrupted")) {
    "it was interrupted"
  } else {
    sprintf("`%s` was reached", stopped)
  }
  warn_classed("unfinished", c(
    sprintf("The audit is unfinished: %s with %d of %d prompts open.", why,
            open, nrow(audit)),
    i = if (is.null(control$ledger)) {
      "Nothing is lost: call the function run_audit() with it to go on."
    } else {
      "Nothing is lost: make the same call again to go on."
    }
  ), call = call)
}

warn_failed_draws <- function(audit, call) {
  failed <- sum(audit$failed)
  if (failed > 0L) {
    warn_classed("failed_draws", c(
      sprintf("Draws of %s failed for good.", counted(failed, "prompt")),
      i = "Each counts as unsafe at its first missing draw (conservative)."
    ), call = call)
  }
}

# ---- Progress ----------------------------------------------------------------

# Failures and luck may take more draws than were expected: the bar then stays
# full, and only the count goes on.
start_progress <- function(rows, run, control) {
  if (!control$progress) {
    return(NULL)
  }
  expected <- max(1, round(expected_left(rows, run$tally$outcomes())))
  id <- cli::cli_progress_bar(
    total = expected, clear = TRUE, auto_terminate = FALSE,
    .auto_close = FALSE, format = paste(
      "{cli::pb_bar} {cli::pb_extra$run$done} of about {cli::pb_total} draws |",
      "{cli::pb_extra$run$tally$n_unsafe()} prompts unsafe,",
      "{cli::pb_extra$run$tally$n_open()} open,",
      "{cli::pb_extra$run$errors} failures |",
      "{cli::pb_rate}, ETA {cli::pb_eta}"
    ),
    extra = list(run = run)
  )
  list(id = id, expected = expected)
}

# Prompts without a hazard are expected to make all their draws.
expected_left <- function(rows, so_far) {
  open <- is.na(so_far$status)
  left <- (rows$limit - so_far$draws)[open]
  prob <- if (is.null(rows$prob)) 0 else rows$prob[open]
  sum(ifelse(rows$stop[open], expected_draws(prob, left), left))
}

step_progress <- function(bar, run) {
  if (!is.null(bar)) {
    cli::cli_progress_update(set = min(run$done, bar$expected), id = bar$id)
  }
}

end_progress <- function(bar) {
  if (!is.null(bar)) {
    cli::cli_progress_done(id = bar$id)
  }
}
