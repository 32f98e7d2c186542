# Answers of a batch: read, put on record and counted, when all are there or as
# the sampler hands them in by its argument `record`.

# ---- Handed in ---------------------------------------------------------------

# An environment, changed in place: which draws of the batch are `back`, and the
# answers that are to be written. Those without an outcome stay until all are
# there: only then it is known whether a draw failed, or the sampler.
new_inbox <- function(batch, run, control) {
  list2env(list(
    batch = batch, run = run, control = control,
    back = rep(FALSE, length(batch$row)), waiting = list(), failed = list(),
    emptied = now()
  ), parent = emptyenv())
}

# What a sampler gets as `record`, if it takes that. A transaction for each
# answer would be slow: they are written together, once a second.
recorder <- function(inbox) {
  if (is.null(inbox)) {
    return(NULL)
  }
  function(index = integer(), outcome = logical()) {
    if (length(index) > 0L) {
      take_early(inbox, index, outcome)
    }
    if (now() - inbox$emptied >= 1) {
      empty_inbox(inbox)
    }
    inbox$run$step()
    invisible()
  }
}

# The sampler could hide the error, which ends the run nonetheless.
take_early <- function(inbox, index, outcome) {
  run <- inbox$run
  tryCatch({
    check_index(index, length(inbox$back))
    outcome <- read_batch(outcome, length(index), inbox$control)
  }, timetounsafe_error_sampler_contract = function(e) {
    run$error <- run$error %||% e
    stop(e)
  })
  run$error <- run$error %||% outcome$broken
  outcome$broken <- NULL
  new <- !inbox$back[index]
  known <- !is.na(outcome$unsafe)
  suspendInterrupts({
    inbox$waiting <- add_answers(inbox$waiting, index, outcome, new & known)
    inbox$failed <- add_answers(inbox$failed, index, outcome, new & !known)
    inbox$back[index] <- TRUE
  })
}

check_index <- function(index, n) {
  must <- sprintf("must record positions in `prompts`, from 1 to %d", n)
  if (!is.numeric(index)) {
    stop_contract(must, describe(index))
  }
  wrong <- index[!index %in% seq_len(n)]
  if (length(wrong) > 0L) {
    stop_contract(must, format(wrong[1L]))
  }
  if (anyDuplicated(index) > 0L) {
    stop_contract("must record different positions in a call",
                  sprintf("%d twice", index[anyDuplicated(index)]))
  }
}

empty_inbox <- function(inbox) {
  if (length(inbox$waiting) == 0L) {
    return(invisible())
  }
  run <- inbox$run
  suspendInterrupts({
    answers <- bind_answers(inbox$waiting)
    count_answers(inbox$batch, answers, run, inbox$control)
    run$done <- run$done + length(answers$index)
    inbox$waiting <- list()
    inbox$emptied <- now()
  })
}

# ---- Put together ------------------------------------------------------------

# Some of a batch: its positions `index`, and the outcome of each, as
# read_batch() returns it.
add_answers <- function(answers, index, outcome, which) {
  if (!any(which)) {
    return(answers)
  }
  c(answers, list(list(index = index[which],
                       outcome = lapply(outcome, `[`, which))))
}

# Some may say more of their draws than others do.
bind_answers <- function(answers) {
  columns <- unique(unlist(lapply(answers, function(x) names(x$outcome))))
  column <- function(name) {
    absent <- if (name == "status") "ok" else NA
    unlist(lapply(answers, function(x) {
      x$outcome[[name]] %||% rep(absent, length(x$index))
    }))
  }
  list(index = unlist(lapply(answers, `[[`, "index")),
       outcome = sapply(columns, column, simplify = FALSE))
}

# All that is not written yet when the sampler has returned `value`: that has
# the draws which it did not hand in, or all of them.
complete_batch <- function(batch, value, control) {
  if (inherits(value, "timetounsafe_error_sampler_contract")) {
    return(value)
  }
  inbox <- batch$inbox
  n <- length(batch$row)
  if (!any(inbox$back)) {
    return(list(index = seq_len(n), outcome = read_batch(value, n, control)))
  }
  rest <- which(!inbox$back)
  if (length(rest) == 0L) {
    return(bind_answers(inbox$failed))
  }
  all <- !inherits(value, "error") && n_rows(value) == n
  outcome <- read_batch(value, if (all) n else length(rest), control)
  broken <- outcome$broken
  outcome$broken <- NULL
  if (all) {
    outcome <- lapply(outcome, `[`, rest)
  }
  answers <- bind_answers(c(inbox$failed,
                            list(list(index = rest, outcome = outcome))))
  answers$outcome$broken <- broken
  answers
}

# ---- Read --------------------------------------------------------------------

# An error of the whole call is one of every draw.
read_batch <- function(value, n, control) {
  if (inherits(value, "error")) {
    return(list(unsafe = rep(NA, n),
                message = rep_len(conditionMessage(value), n)))
  }
  outcome <- read_outcome(value, n, control$refusal)
  for (name in c("truncated", "score", "cost", "latency")) {
    outcome <- tryCatch(
      read_extra(outcome, name, control),
      timetounsafe_error_sampler_contract = function(e) {
        outcome[[name]] <- NULL
        outcome$broken <- outcome$broken %||% e
        outcome
      }
    )
  }
  outcome
}

read_extra <- function(outcome, name, control) {
  found <- outcome[[name]]
  if (name == "truncated") {
    outcome$truncated <- as_verdict(found)
    if (!is.null(found) && is.null(outcome$truncated)) {
      stop_contract("must return TRUE or FALSE as `truncated`",
                    describe_verdict(found))
    }
    return(outcome)
  }
  known <- !is.na(found)
  if (any(known) && !(is.numeric(found) && !inherits(found, "integer64"))) {
    stop_contract(sprintf("must return a numeric `%s`", name), describe(found))
  }
  if (name == "cost") {
    check_cost(found, control)
  }
  outcome
}

# What is not known counts for nothing; what cannot be would lift `max_cost`.
check_cost <- function(cost, control) {
  if (is.null(cost) && is.finite(control$max_cost)) {
    stop_contract("must return a column `cost` where `max_cost` is set",
                  "one without it")
  }
  wrong <- cost[is_impossible(cost)]
  if (length(wrong) > 0L) {
    stop_contract("must return costs of at least 0, or NA where unknown",
                  format(wrong[1L]))
  }
}

# ---- Recorded and counted ----------------------------------------------------

# Answers to the draws of a batch at the positions `index`: on record, then
# counted.
count_answers <- function(batch, answers, run, control) {
  if (length(answers$index) == 0L) {
    return(invisible())
  }
  batch <- keep_draws(batch[draw_fields], answers$index)
  outcome <- answers$outcome
  missing <- is.na(outcome$unsafe)
  tries <- batch$attempt - batch$base
  # A run that is broken fails as a whole; its draws do not count against it.
  final <- missing & tries >= control$max_tries & is.null(run$error)
  outcome$status <- batch_status(outcome, missing)
  outcome$final <- final | !missing
  # What counts and what is recorded are the same, whatever the moment of an
  # interrupt.
  suspendInterrupts({
    # What cannot be recorded was drawn all the same, and ends the run.
    tryCatch(run$ledger$record(batch, outcome),
             timetounsafe_error_ledger = function(e) run$error <- e)
    count_batch(batch, outcome, missing & !final, tries, run, control)
  })
  run$cost <- run$cost + sum(outcome$cost, na.rm = TRUE)
  run$watch(batch$row, outcome$response, outcome$status)
}

batch_status <- function(outcome, missing) {
  status <- outcome$status %||% rep_len("ok", length(missing))
  status[missing & status != "refused"] <- "error"
  status
}

count_batch <- function(batch, outcome, again, tries, run, control) {
  if (any(again)) {
    wait <- pmin(60, control$retry_wait * 2^(tries[again] - 1))
    retry_draws(run$state, keep_draws(batch[draw_fields], again), now() + wait)
  }
  settle_draws(run$state, keep_draws(list(
    row = batch$row, draw = batch$draw, outcome = outcome$unsafe,
    refused = outcome$status == "refused",
    truncated = outcome$truncated %||% rep(NA, length(batch$row))
  ), !again))
}
