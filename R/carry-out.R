# The loop of an audit: batches out, outcomes in, each into the ledger before it
# counts, until nothing is open or something says stop.

carry_out <- function(rows, control, call = rlang::caller_env()) {
  run <- new_run(rows, control, call)
  on.exit(run$ledger$close())
  tryCatch(
    make_draws(rows, run, control),
    interrupt = function(e) run$stopped <- "interrupted"
  )
  run$dispatcher$cancel()
  rows[outcome_columns] <- run$tally$outcomes()[outcome_columns]
  audit <- new_audit(rows)
  # Draws that came in before one of lower index: paid for, and not to be lost.
  early <- run$tally$early()
  early$attempt <- rep(1, length(early$row))
  early$known <- rep(TRUE, length(early$row))
  attr(audit, "early") <- if (length(early$row) > 0L) early
  if (!is.null(run$error)) {
    stop_sampler(run$error, audit, control, call)
  }
  warn_unfinished(audit, run$stopped, control, call)
  warn_failed_draws(audit, call)
  audit
}

# What changes while the loop runs. An environment, so that an interrupt loses
# nothing that was recorded.
new_run <- function(rows, control, call) {
  run <- new.env(parent = emptyenv())
  run$tally <- new_tally(rows, control$ahead)
  run$ledger <- list(record = function(...) NULL, close = function() NULL)
  earlier <- attr(rows, "early")
  if (!is.null(control$ledger)) {
    run$tally <- new_tally(forget_outcomes(rows), control$ahead)
    run$ledger <- open_ledger(control$ledger, rows, control$refusal,
                              control$responses, call)
    earlier <- run$ledger$draws()
    check_all_in_ledger(rows, earlier, control$ledger, call)
  }
  if (!is.null(earlier)) {
    run$tally$restore(earlier$row, earlier$draw, earlier$outcome,
                      earlier$attempt, earlier$known)
  }
  run$dispatcher <- new_dispatcher(control$sampler, control$parallel)
  run$began <- now()
  run$pause <- -Inf
  run$paid <- run$cost <- run$errors <- run$lost_batches <- 0
  run$watch <- new_watch()
  run$stopped <- run$error <- NULL
  run
}

# With a ledger, what is in it counts, and nothing else.
forget_outcomes <- function(rows) {
  start_audit(rows[setdiff(names(rows), outcome_columns)])
}

check_all_in_ledger <- function(rows, earlier, path, call) {
  if (sum(rows$draws) > nrow(earlier)) {
    stop_ledger(path, sprintf(
      "lacks draws of this audit: it has %d, the audit %s", nrow(earlier),
      format(sum(rows$draws))
    ), "An audit that was begun without a ledger goes on without one.",
    call = call)
  }
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
  outcome <- tryCatch(
    read_batch(done$value, length(done$batch$row), control$refusal),
    timetounsafe_contract = function(e) e
  )
  if (inherits(outcome, "error")) {
    run$error <- outcome
    return(invisible())
  }
  batch <- done$batch
  tries <- batch$attempt - batch$base
  missing <- is.na(outcome$unsafe)
  run$errors <- run$errors + sum(missing)
  note_lost_batch(run, all(missing), outcome$message[1L], control)
  # A run that is broken fails as a whole; its draws are not held against it.
  final <- missing & tries >= control$max_tries & is.null(run$error)
  outcome$status <- batch_status(outcome, missing, final)
  suspendInterrupts({
    run$ledger$record(batch, outcome)
    count_batch(batch, outcome$unsafe, missing & !final, tries, run, control)
  })
  run$cost <- run$cost + sum(outcome$cost, na.rm = TRUE)
  run$watch(batch$row, outcome$response)
}

next_batch <- function(run) {
  tryCatch(run$dispatcher$collect(), timetounsafe_no_daemons = function(e) {
    run$error <- e
    run$dispatcher$cancel()
    NULL
  })
}

# An error of the whole call is one of every draw.
read_batch <- function(value, n, refusal) {
  if (inherits(value, "error")) {
    return(list(unsafe = rep(NA, n),
                message = rep_len(conditionMessage(value), n)))
  }
  read_outcome(value, n, refusal)
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

# Batches that fail as a whole, one after the other, and failures beyond the
# error budget, are a broken sampler or a service that is down.
note_lost_batch <- function(run, lost, message, control) {
  run$lost_batches <- if (lost) run$lost_batches + 1 else 0
  if (lost) {
    run$pause <- now() +
      min(60, control$retry_wait * 2^(run$lost_batches - 1))
  }
  rate <- run$errors / max(1, run$paid)
  if (run$lost_batches >= control$max_tries) {
    run$error <- simpleError(message %||% sprintf(
      "all draws of a batch failed, %d times in a row", run$lost_batches
    ))
  } else if (run$paid >= 100 && rate > control$max_error_rate) {
    run$error <- simpleError(sprintf(
      "%s of all attempts failed, more than `max_error_rate`", share(rate)
    ))
  }
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
  stop_classed(
    "sampler",
    c(
      paste0("`sampler` failed: ", conditionMessage(error)),
      i = sprintf("%s draws made so far are kept in the %s.",
                  format(sum(audit$draws) + sum(audit$overshoot)),
                  if (is.null(control$ledger)) "field `audit`" else "ledger"),
      i = if (is.null(control$ledger)) {
        "Mend the sampler and call run_audit() with that to go on."
      } else {
        "Mend the sampler and make the same call again to go on."
      }
    ),
    audit = audit, argument = "sampler", parent = error, call = call
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
      sprintf("Draws of %d prompts failed for good.", failed),
      i = "Each counts as unsafe at its first missing draw (conservative)."
    ), call = call)
  }
}

# ---- Progress ----------------------------------------------------------------

start_progress <- function(rows, run, control) {
  if (!control$progress) {
    return(NULL)
  }
  prob <- rows$prob %||% rep(0, nrow(rows))
  open <- is.na(rows$status)
  total <- sum(expected_draws(prob[open], rows$limit[open] - rows$draws[open]))
  cli::cli_progress_bar(
    total = max(1, round(total)), clear = TRUE, .auto_close = FALSE,
    format = paste(
      "{cli::pb_bar} {cli::pb_current} of about {cli::pb_total} draws |",
      "{cli::pb_extra$run$tally$n_unsafe()} unsafe,",
      "{cli::pb_extra$run$tally$n_open()} prompts open,",
      "{cli::pb_extra$run$errors} failures | {cli::pb_rate}, {cli::pb_eta}"
    ),
    extra = list(run = run)
  )
}

step_progress <- function(bar, run) {
  if (!is.null(bar)) {
    cli::cli_progress_update(set = run$paid, id = bar)
  }
}

end_progress <- function(bar) {
  if (!is.null(bar)) {
    cli::cli_progress_done(id = bar)
  }
}
