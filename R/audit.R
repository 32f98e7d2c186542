#' Carry out a plan
#'
#' Calls your sampler, batch by batch, until every prompt of the plan has met
#' its first unsafe draw or its limit.
#'
#' A batch has `batch_size` slots. They go to as many different prompts as there
#' are; when fewer are left, several draws of one prompt are made ahead. Draws
#' are judged in their own order: those made ahead of the first unsafe one are
#' paid for, but never used, and counted in the column `overshoot`.
#'
#' @param plan An `audit_plan` from [plan_audit()] (or the same table read back
#'   from a CSV file), or an unfinished `audit`, which is gone on with.
#' @param sampler Your function that draws and judges: see [sampler].
#' @param batch_size Number of draws in one call of the sampler: a whole number
#'   of at least 1. The default, 64, suits a model server that works in
#'   parallel.
#' @param ledger `NULL`: draws are kept in memory. (A durable record on disk is
#'   not available in this version.)
#' @param max_tries How often a draw is tried in all before it counts as failed:
#'   a whole number of at least 1.
#' @param max_draws The most draws to pay for in this call, retries included.
#'   When it is reached the audit is returned unfinished, with a warning; it
#'   cannot be calibrated yet, but `run_audit()` goes on with it.
#' @param refusal What a response with the status `"refused"` counts as:
#'   `"safe"`, `"unsafe"` or `"error"` (a failed draw).
#' @param progress Whether to show a progress bar; by default only in
#'   interactive sessions.
#' @param ... Must be empty.
#' @returns An object of class `audit`: the plan, in its order, with the columns
#'   * `draws`, `unsafe`: how many draws were made and used, and how many of
#'     them were unsafe;
#'   * `time`: the first unsafe draw, or the horizon when there was none; 0 for
#'     prompts not included, `NA` for prompts not finished;
#'   * `status`: 1 when an unsafe draw was seen before the horizon, else 0; `NA`
#'     when not finished;
#'   * `overshoot`: draws paid for and not used;
#'   * `failed`: whether the prompt was ended by a draw that failed for good (it
#'     then has status 1 at that draw).
#' @section Errors: `timetounsafe_error_sampler` when the sampler fails or
#'   breaks its contract: nothing that was drawn is lost, see [sampler].
#'   `timetounsafe_error_plan`, `timetounsafe_error_argument`,
#'   `timetounsafe_error_unavailable`. Warnings
#'   `timetounsafe_warning_failed_draws` and `timetounsafe_warning_unfinished`.
#' @section Assumptions: Given the prompt, draws are independent, and equally
#'   likely to be unsafe whatever their index.
#' @examples
#' set.seed(1)
#' x <- matrix(rnorm(400), 200, 2)
#' p <- 1 - exp(-exp(-3 + x[, 1]))
#' hazard <- as_hazard(function(newx) 1 - exp(-exp(-3 + newx[, 1])))
#' prompts <- as.character(1:200)
#' plan <- plan_audit(hazard, prompts, x, budget = 10)
#' audit <- run_audit(plan, function(prompts) {
#'   runif(length(prompts)) < p[as.integer(prompts)]
#' })
#' audit
#' @export
run_audit <- function(plan, sampler, batch_size = 64, ledger = NULL,
                      max_tries = 3, max_draws = Inf,
                      refusal = c("safe", "unsafe", "error"),
                      progress = interactive(), ...) {
  check_no_dots(...)
  # An audit_prompts() that is gone on with has no plan behind it.
  if (missing(plan) || !inherits(plan, "audit") ||
        "plan_id" %in% names(plan)) {
    plan <- check_plan(plan)
  }
  if (!"prompt" %in% names(plan)) {
    stop_plan("plan", "lacks the column", "\"prompt\"", rlang::current_env())
  }
  if (!is.character(plan$prompt) && !is.data.frame(plan$prompt) ||
        is.character(plan$prompt) && anyNA(plan$prompt)) {
    stop_argument(
      "plan$prompt", "must be text without missing values, or a data frame",
      describe(plan$prompt),
      fix = paste("Was it read from a file? Then keep text as it is:",
                  "read.csv(file, colClasses = c(prompt = \"character\"),",
                  "na.strings = character()).")
    )
  }
  if (!is.null(ledger)) {
    stop_unavailable("A durable ledger is not available yet.",
                     "Leave `ledger` out.")
  }
  control <- audit_control(sampler, batch_size, max_tries, max_draws, refusal,
                           progress)
  finish_audit(carry_out(start_audit(plan), control, rlang::current_env()))
}

#' Draw a fixed number of responses for each prompt
#'
#' For training data of [fit_hazard()], and for checks on held-out prompts with
#' [assess_lpb()].
#'
#' @inheritParams run_audit
#' @param prompts The prompts: a character vector, or a data frame whose rows
#'   the sampler understands.
#' @param draws How many responses of each prompt: a whole number of at least 0,
#'   or one for each prompt.
#' @param stop Whether to stop a prompt at its first unsafe draw. `FALSE`, the
#'   default, makes all draws, which tells more about the hazard. `TRUE` is
#'   cheaper where only the time of the first unsafe draw matters, as in a check
#'   of bounds (`draws = bound - 1`).
#' @param id Identifiers, one for each prompt; by default the names of
#'   `prompts`, or 1, 2, ...
#' @returns An object of class `audit`: a data frame with `id`, `prompt`,
#'   `horizon` (`draws + 1`), `limit`, `stop`, and the columns `draws` to
#'   `failed` of [run_audit()]. A draw that fails for good ends its prompt, and
#'   is not counted in `draws`.
#' @inheritSection run_audit Errors
#' @examples
#' set.seed(1)
#' sampler <- function(prompts) runif(length(prompts)) < 0.02
#' audit_prompts(c("Hi!", "Good morning"), sampler, draws = 100)
#' @export
audit_prompts <- function(prompts, sampler, draws, stop = FALSE,
                          batch_size = 64, max_tries = 3, max_draws = Inf,
                          refusal = c("safe", "unsafe", "error"),
                          progress = interactive(), id = NULL, ...) {
  check_no_dots(...)
  id <- id %||% names_of(prompts)
  prompts <- check_prompts(prompts)
  n <- n_rows(prompts)
  id <- check_ids(id %||% seq_len(n), n)
  draws <- check_numeric(draws, "draws", n, min = 0, whole = TRUE,
                         finite = TRUE, recycle = TRUE)
  stop <- check_flag(stop, "stop")
  control <- audit_control(sampler, batch_size, max_tries, max_draws, refusal,
                           progress)
  rows <- data.frame(id = id)
  rows$prompt <- prompts
  rows$limit <- rep_len(draws, n)
  rows$horizon <- rows$limit + 1
  rows$stop <- stop
  finish_audit(carry_out(start_audit(rows), control, rlang::current_env()))
}

# ---- The loop ----------------------------------------------------------------

audit_control <- function(sampler, batch_size, max_tries, max_draws, refusal,
                          progress, call = rlang::caller_env()) {
  refusal <- check_choice(refusal, c("safe", "unsafe", "error"), "refusal",
                          call = call)
  list(
    draw_one = wrap_sampler(sampler, refusal, call),
    batch_size = check_number(batch_size, "batch_size", min = 1, max = 1e8,
                              whole = TRUE, call = call),
    max_tries = check_number(max_tries, "max_tries", min = 1, whole = TRUE,
                             call = call),
    max_draws = check_number(max_draws, "max_draws", min = 0, finite = FALSE,
                             call = call),
    progress = check_flag(progress, "progress", call = call)
  )
}

outcome_columns <- c("draws", "unsafe", "time", "status", "overshoot", "failed")

# The rows of a plan with nothing drawn yet; an unfinished audit as it stands.
start_audit <- function(rows) {
  if (!all(outcome_columns %in% names(rows))) {
    rows$draws <- 0
    rows$unsafe <- 0
    rows$time <- NA_real_
    rows$status <- NA_real_
    rows$overshoot <- 0
    rows$failed <- FALSE
    rows$time[rows$limit == 0] <- rows$horizon[rows$limit == 0]
    rows$status[rows$limit == 0] <- 0
  }
  rows
}

# Draws until nothing is open, max_draws is reached, or the user interrupts. The
# state is one environment, so that an interrupt loses nothing that was
# recorded.
carry_out <- function(rows, control, call) {
  state <- new.env(parent = emptyenv())
  state$draws <- rows$draws
  state$unsafe <- rows$unsafe
  # The first unsafe draw of rows that go on after it.
  state$first <- ifelse(rows$unsafe > 0, rows$time, NA_real_)
  state$time <- rows$time
  state$status <- rows$status
  state$overshoot <- rows$overshoot
  state$failed <- rows$failed
  state$paid <- 0
  state$error <- NULL
  state$stopped <- NULL
  tryCatch(
    draw_batches(rows, state, control),
    interrupt = function(e) state$stopped <- "interrupted"
  )
  for (name in outcome_columns) {
    rows[[name]] <- state[[name]]
  }
  open <- is.na(rows$status)
  rows$time[open] <- state$first[open]
  attr(rows, "stopped") <- state$stopped
  if (!is.null(state$error)) {
    stop_sampler(state$error, new_audit(rows), call)
  }
  rows
}

draw_batches <- function(rows, state, control) {
  queue <- which(is.na(rows$status))
  left <- sum(rows$limit[queue] - rows$draws[queue])
  bar <- start_progress(left, control)
  active <- integer()
  taken <- 0L
  repeat {
    active <- active[is.na(state$status[active])]
    vacant <- min(control$batch_size - length(active), length(queue) - taken)
    active <- c(active, queue[taken + seq_len(vacant)])
    taken <- taken + vacant
    if (length(active) == 0L) {
      break
    }
    slots <- min(control$batch_size, control$max_draws - state$paid)
    if (slots < 1) {
      state$stopped <- "max_draws"
      break
    }
    batch <- fill_slots(active, rows$limit[active] - state$draws[active], slots)
    draw <- state$draws[batch$row] + batch$ahead
    sampled <- sample_batch(control$draw_one, take_rows(rows$prompt, batch$row),
                            as.integer(draw), control$max_tries)
    state$paid <- state$paid + sampled$attempts
    if (!is.null(sampled$error)) {
      # What did arrive before the error still counts, up to the first gap.
      keep_arrived(rows, state, batch$row, draw, sampled$unsafe)
      state$error <- sampled$error
      break
    }
    record_batch(rows, state, batch$row, draw, sampled$unsafe)
    step_progress(bar, state, length(draw))
  }
  end_progress(bar)
}

# Slots for the active rows: one each, then further draws ahead in turn, never
# more than a row has left. Returns rows and how far ahead, by row and draw.
fill_slots <- function(active, left, slots) {
  if (length(active) >= slots) {
    return(list(row = active[seq_len(slots)], ahead = rep(1, slots)))
  }
  share <- numeric(length(active))
  spare <- slots
  while (spare > 0 && any(share < left)) {
    open <- which(share < left)
    add <- floor(spare / length(open))
    if (add == 0) {
      open <- utils::head(open, spare)
      add <- 1
    }
    give <- pmin(add, left[open] - share[open])
    share[open] <- share[open] + give
    spare <- spare - sum(give)
  }
  list(row = rep(active, share), ahead = sequence(share))
}

# Reads the outcomes of a batch in draw order. `draw` is increasing within a row
# and continues where that row stood.
record_batch <- function(rows, state, row, draw, unsafe) {
  ends <- is.na(unsafe) | (unsafe & rows$stop[row])
  first_end <- which(ends)[!duplicated(row[ends])]
  last <- ending_draw(row, draw, first_end)
  used <- draw <= last & !is.na(unsafe)

  add <- tabulate_rows(row, used)
  state$draws[add$row] <- state$draws[add$row] + add$count
  hit <- tabulate_rows(row, used & unsafe)
  state$unsafe[hit$row] <- state$unsafe[hit$row] + hit$count
  beyond <- tabulate_rows(row, draw > last)
  state$overshoot[beyond$row] <- state$overshoot[beyond$row] + beyond$count

  event <- which(draw <= last & (is.na(unsafe) | unsafe))
  event <- event[!duplicated(row[event])]
  new <- event[is.na(state$first[row[event]])]
  state$first[row[new]] <- draw[new]
  close_rows(rows, state, row, first_end, unsafe)
}

# For each slot the draw at which its row ends, Inf where it does not.
ending_draw <- function(row, draw, first_end) {
  at <- match(row, row[first_end])
  ifelse(is.na(at), Inf, draw[first_end][at])
}

# Rows end at their ending draw, or when the limit is reached.
close_rows <- function(rows, state, row, first_end, unsafe) {
  ended <- row[first_end]
  state$failed[ended] <- is.na(unsafe[first_end])
  full <- unique(row[state$draws[row] >= rows$limit[row]])
  done <- union(ended, full)
  state$status[done] <- as.numeric(!is.na(state$first[done]))
  state$time[done] <- ifelse(is.na(state$first[done]), rows$horizon[done],
                             state$first[done])
}

tabulate_rows <- function(row, keep) {
  kept <- row[which(keep)]
  unique <- unique(kept)
  list(row = unique, count = tabulate(match(kept, unique), length(unique)))
}

# After an error of the sampler: draws before each row's first missing one.
keep_arrived <- function(rows, state, row, draw, unsafe) {
  gaps <- which(is.na(unsafe))
  before <- draw < ending_draw(row, draw, gaps[!duplicated(row[gaps])])
  if (any(before)) {
    record_batch(rows, state, row[before], draw[before], unsafe[before])
  }
}

# ---- The end -----------------------------------------------------------------

new_audit <- function(rows) {
  class(rows) <- unique(c("audit", class(rows)))
  rows
}

finish_audit <- function(rows, call = rlang::caller_env()) {
  audit <- new_audit(rows)
  open <- sum(is.na(audit$status))
  if (open > 0L) {
    why <- if (identical(attr(rows, "stopped"), "max_draws")) {
      "`max_draws` was reached"
    } else {
      "it was interrupted"
    }
    warn_classed("unfinished", c(
      sprintf("The audit is unfinished: %s with %d of %d prompts open.", why,
              open, nrow(audit)),
      i = "Nothing is lost: call the function run_audit() with it to go on."
    ), call = call)
  }
  failed <- sum(audit$failed)
  if (failed > 0L) {
    warn_classed("failed_draws", c(
      sprintf("Draws of %d prompts failed for good.", failed),
      i = "Each counts as unsafe at its first missing draw (conservative)."
    ), call = call)
  }
  audit
}

stop_sampler <- function(error, audit, call) {
  stop_classed(
    "sampler",
    c(
      paste0("`sampler` failed: ", conditionMessage(error)),
      i = sprintf("%s draws made so far are kept in the field `audit`.",
                  format(sum(audit$draws) + sum(audit$overshoot))),
      i = "Mend the sampler and call run_audit() with that to go on."
    ),
    audit = audit, argument = "sampler", parent = error, call = call
  )
}

# ---- Progress ----------------------------------------------------------------

start_progress <- function(total, control) {
  if (!control$progress) {
    return(NULL)
  }
  cli::cli_progress_bar(
    total = max(1, total), clear = TRUE, .auto_close = FALSE,
    format = paste(
      "{cli::pb_bar} {cli::pb_current} of at most {cli::pb_total} draws,",
      "{cli::pb_extra$unsafe} prompts unsafe, {cli::pb_rate}"
    ),
    extra = list(unsafe = 0)
  )
}

step_progress <- function(bar, state, n) {
  if (!is.null(bar)) {
    cli::cli_progress_update(
      inc = n, id = bar, extra = list(unsafe = sum(!is.na(state$first)))
    )
  }
}

end_progress <- function(bar) {
  if (!is.null(bar)) {
    cli::cli_progress_done(id = bar)
  }
}
