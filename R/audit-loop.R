# The loop of an audit: batches out, outcomes in, each into the ledger before
# it counts, until nothing is open or something says stop.

carry_out <- function(rows, control, call = rlang::caller_env()) {
  run <- new_run(rows, control)
  on.exit({
    run$dispatcher$cancel()
    run$ledger$close()
    note_spent(run, control$meter)
  })
  read_earlier(rows, run, control, call)
  limit_to_recorded(rows, run, control)
  tryCatch(
    make_draws(rows, run, control),
    interrupt = function(e) run$stopped <- "interrupted"
  )
  audit <- audit_so_far(rows, run$state)
  if (inherits(run$error, "timetounsafe_error_ledger")) {
    stop_unrecorded(run$error, audit)
  }
  if (!is.null(run$error)) {
    stop_sampler(run$error, audit, control, call)
  }
  if (is.null(control$meter)) {
    warn_unfinished(audit, run$stopped, control, call)
  }
  warn_failed_draws(audit, call)
  audit
}

# What changes while the loop runs. An environment, so that an interrupt loses
# nothing that was recorded.
new_run <- function(rows, control) {
  run <- new.env(parent = emptyenv())
  run$ledger <- list(record = function(...) NULL, close = function() NULL)
  run$state <- new_audit_state(rows, !control$in_order,
                               control$sampler$together)
  run$dispatcher <- new_dispatcher(control$sampler, control$parallel,
                                   draw_seed())
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
  run$step <- function() NULL
  run$stopped <- run$error <- NULL
  run
}

# ---- Draws of earlier runs ---------------------------------------------------

# With a ledger what is in it counts, and nothing else.
read_earlier <- function(rows, run, control, call) {
  if (is.null(control$ledger)) {
    restore_draws(run$state, control$reuse %||% kept_early(rows))
    return(invisible())
  }
  check_may_use(rows, control$ledger, call)
  run$ledger <- open_ledger(control$ledger, rows, control$refusal,
                            control$keep_responses, call)
  fresh <- start_audit(rows[setdiff(names(rows), outcome_columns)])
  run$state <- new_audit_state(fresh, !control$in_order,
                               control$sampler$together)
  there <- NULL
  run$ledger$read(function(draws) {
    restore_draws(run$state, draws)
    if (!is.null(control$reuse)) {
      there <<- append_known(there, draws)
    }
  })
  if (!is.null(control$reuse)) {
    take_over(run, control$reuse, there, control$ledger, call)
  }
  if (any(rows$draws > find_outcomes(run$state)$draws)) {
    stop_without_ledger(control$ledger, call)
  }
}

check_may_use <- function(rows, path, call) {
  if (any(rows$draws > 0) && !is_begun(path, call)) {
    stop_without_ledger(path, call)
  }
  if (isTRUE(attr(rows, "judged"))) {
    stop_ledger(path, "contains the original verdicts",
                "Resume a re-judged audit without a ledger.",
                call = call)
  }
}

stop_without_ledger <- function(path, call) {
  stop_ledger(path, "does not contain all draws of this audit",
              c("Resume without `ledger`, as it was started, or put the draws",
                "into a new one: run_audit(plan, sampler, ledger, draws)."),
              call = call)
}

# ---- The loop ----------------------------------------------------------------

make_draws <- function(rows, run, control) {
  progress <- start_progress(rows, run, control$progress)
  on.exit(progress$end())
  run$step <- progress$step
  repeat {
    submit_batches(rows, run, control)
    if (run$dispatcher$busy() > 0) {
      receive_batch(next_batch(run), run, control)
      run$step()
    } else if (!is.null(run$stopped) || !is.null(run$error)) {
      break
    } else if (run$state$n_open == 0L) {
      break
    } else if (is.null(run$error <- run_out(rows, run$state))) {
      wait_for_retries(run, control)
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
    batch <- take_draws(run$state, slots, now())
    if (length(batch$row) == 0L) {
      return(invisible())
    }
    batch$lost <- run$lost
    if (control$sampler$records && !control$parallel) {
      batch$inbox <- new_inbox(batch, run, control)
    }
    run$paid <- run$paid + length(batch$row)
    run$dispatcher$submit(batch, take_rows(rows$prompt, batch$row))
  }
}

limit_reached <- function(run, control) {
  if (run$state$n_open == 0L) {
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
  until <- max(run$pause, min(next_due(run$state), now() + 60))
  until <- min(until, run$began + control$max_seconds)
  pause_for(max(0.001, until - now()))
}

# ---- The end -----------------------------------------------------------------

# The ledger's own error, with what it could not take.
stop_unrecorded <- function(error, audit) {
  error$audit <- audit
  error$body <- c(error$body, i = paste(
    "All draws are in the field `audit`: resume with",
    "run_audit(error$audit, sampler), without this ledger."
  ))
  stop(error)
}

stop_sampler <- function(error, audit, control, call) {
  # What the sampler itself raised is told once, as the parent.
  broken <- inherits(error, "timetounsafe_error_sampler_broken")
  contract <- inherits(error, "timetounsafe_error_sampler_contract")
  exhausted <- inherits(error, "timetounsafe_error_exhausted")
  raised <- if (broken) error$parent else if (!contract) error
  problem <- if (broken || contract) error$message
  stop_classed(
    c(if (exhausted) "exhausted", if (contract) "sampler_contract", "sampler"),
    c(
      paste0("`sampler` failed", if (is.null(problem)) "." else ": ", problem),
      i = sprintf("%s draws made so far are kept in the %s.", format(
        sum(audit$draws, audit$unused, lengths(attr(audit, "early")["draw"]))
      ), if (is.null(control$ledger)) "field `audit`" else "ledger"),
      i = if (exhausted) {
        name_recorded(error)
      } else if (is.null(control$ledger)) {
        "Fix the sampler, then resume with run_audit(error$audit, sampler)."
      } else {
        "Fix the sampler and repeat the call to resume."
      },
      # No help where the sampler raises errors: those end the run anyway.
      i = if (is.null(raised) && !contract) {
        paste("If only these prompts fail, `max_error_rate = 1` counts them as",
              "unsafe.")
      }
    ),
    audit = audit, argument = "sampler", id = error$id,
    recorded = error$recorded, fewest = error$fewest, call = call,
    parent = raised
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
      "Nothing is lost: resume with run_audit(audit, sampler)."
    } else {
      "Nothing is lost: repeat the call to resume."
    }
  ), call = call)
}

# ---- Several runs under the same limits --------------------------------------

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
