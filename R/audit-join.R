# Results made elsewhere, joined to their plan: one row a draw, one a prompt, a
# log of responses, or a fixed number of draws.

#' Join results made elsewhere to their plan
#'
#' A plan can be carried out by any program. This checks its results against the
#' plan, and returns what [run_audit()] would have.
#'
#' Results come in one of these forms:
#' * a [response_log], from [read_responses()] or [as_response_log()];
#' * the result of [draw_responses()];
#' * a data frame with one row for each **draw**: columns `id`, `draw` (1, 2,
#'   ... within a prompt) and `unsafe` (logical, or 0 and 1);
#' * a data frame with one row for each **prompt**: columns `id`, `time` and
#'   `status`. `time` is the first unsafe draw (status 1), or the number of
#'   draws made, all of them safe (status 0: the prompt's `limit`, or its
#'   `horizon`);
#' * for replicated draws, which do not stop, a data frame with one row for each
#'   **prompt**: columns `id`, `unsafe` and `draws`, the number of unsafe draws
#'   and of all, which must be the prompt's `limit`.
#'
#' A prompt that is to `stop` may end at its first unsafe draw, and draws after
#' that are counted in the column `unused`; otherwise all draws up to its
#' `limit` are required, and count. Prompts with a limit of 0 require no rows.
#' Where draws stop, a program that made as many as the horizon (one more than
#' required) is accepted too: an unsafe draw at the horizon itself is never a
#' miscoverage.
#'
#' In the first two forms draws may be missing: the audit is then unfinished,
#' with a warning, and [run_audit()] can resume it. In a log each draw that is
#' neither `"ok"` nor `"refused"` counts as failed permanently: its prompt ends
#' there, as if it had been unsafe, with a warning. In the data frames every
#' draw is required; they do not tell how many draws were refused or cut, so
#' that `refused` and `truncated` are `NA`.
#'
#' @param x The results, in one of the forms above.
#' @param plan The `audit_plan` from [plan_audit()] or [read_plan()].
#' @param refusal What a refused response of a log counts as: `"safe"` (the
#'   default), `"unsafe"`, or `"error"`, a draw that failed.
#' @param ... Must be empty.
#' @returns An object of class `audit`, see [run_audit()].
#' @section Errors: `timetounsafe_error_audit` names the prompt and the rows (in
#'   the fields `id` and `rows`): an id that the plan does not contain, a prompt
#'   whose text differs from the plan's, draws beyond the horizon, gaps,
#'   duplicates, missing draws. `timetounsafe_error_plan` when the results
#'   belong to another plan, or the plan itself is incomplete or was changed;
#'   `timetounsafe_error_argument`. Warnings `timetounsafe_warning_unfinished`
#'   and `timetounsafe_warning_failed_draws`.
#' @seealso [write_plan()] and [read_responses()] for files.
#' @examples
#' set.seed(1)
#' hazard <- as_hazard(function(newdata) newdata$p)
#' data <- data.frame(p = rep(c(0.02, 0.1), 50))
#' plan <- plan_audit(hazard, paste("prompt", 1:100), 10, data)
#'
#' # Somewhere else: every draw of every prompt, here all of them safe
#' draws <- data.frame(id = rep(plan$id, plan$limit),
#'                     draw = sequence(plan$limit), unsafe = FALSE)
#' audit <- as_audit(draws, plan)
#' calibrate_lpb(audit)
#' @export
as_audit <- function(x, plan, refusal = c("safe", "unsafe", "error"), ...) {
  check_no_dots(...)
  if (missing(x)) {
    stop_missing("x")
  }
  if (inherits(x, "audit_plan") &&
        (missing(plan) || !inherits(plan, "audit_plan"))) {
    stop_argument("x", "must contain results", "a plan",
                  fix = "The plan is the second argument.")
  }
  plan <- check_plan(plan)
  refusal <- check_choice(refusal, c("safe", "unsafe", "error"), "refusal")
  if (!is.data.frame(x)) {
    stop_argument("x", "must be a data frame", describe(x))
  }
  call <- rlang::current_env()
  join <- if (inherits(x, "response_log")) {
    join_log
  } else if (inherits(x, "prompt_draws")) {
    join_prompt_draws
  } else {
    join_table
  }
  new_audit(join(plan, x, refusal, call))
}

match_prompts <- function(x, plan, call, rows = seq_len(nrow(x))) {
  row <- match(as_text(x$id), as_text(plan$id))
  if (anyNA(row)) {
    unknown <- which(is.na(row))
    stop_audit("is not in the plan", x$id[unknown[1L]], call, rows[unknown])
  }
  check_same_prompts(x, plan, row, call, rows)
  row
}

# The same id for another text: one of the files is of other prompts. A trip
# through a file may change ends of lines.
check_same_prompts <- function(x, plan, row, call, rows) {
  if (is.null(x$prompt) || is.null(plan$prompt)) {
    return(invisible())
  }
  here <- comparable_prompts(x$prompt)
  there <- comparable_prompts(plan$prompt)[row]
  # Of text and rows of a data frame nothing can be said.
  if (is.data.frame(x$prompt) != is.data.frame(plan$prompt)) {
    return(invisible())
  }
  other <- which(here != there)
  if (length(other) > 0L) {
    stop_audit("has another text than in the plan", x$id[other[1L]], call,
               rows[other])
  }
}

comparable_prompts <- function(prompts) {
  trimws(gsub("\r\n?", "\n", prompt_lines(prompts)))
}

# ---- A log of responses ------------------------------------------------------

join_log <- function(plan, x, refusal, call) {
  validate_response_log(x, "x", call)
  others <- which(x$plan_id != plan_parts(plan)$constants$plan_id)
  if (length(others) > 0L) {
    rows <- x$row[others]
    stop_classed("plan", sprintf("`x` contains draws of another plan (%s).",
                                 name_rows(rows)),
                 rows = rows, argument = "x", call = call)
  }
  row <- match_prompts(x, plan, call, x$row)
  outcome <- x$unsafe
  outcome[x$status == "refused"] <- switch(refusal,
    safe = FALSE, unsafe = TRUE, error = NA
  )
  audit <- join_draws(start_audit(plan), list(
    row = row, draw = x$draw, outcome = outcome,
    refused = x$status == "refused", truncated = x$truncated
  ), call, x$row)
  warn_lacking(audit, call)
  warn_failed_draws(audit, call)
  audit
}

# ---- A fixed number of draws -------------------------------------------------

join_prompt_draws <- function(plan, x, refusal, call) {
  row <- match_prompts(x, plan, call)
  audit <- start_audit(plan)
  n <- nrow(x)
  made <- check_numeric(x$draws, "x$draws", min = 0, whole = TRUE,
                        empty_ok = TRUE, call = call)
  unsafe <- check_numeric(x$unsafe, "x$unsafe", min = 0, whole = TRUE,
                          empty_ok = TRUE, call = call)
  check_duplicates(x, row, call)
  most <- most_draws(audit)[row]
  beyond <- which(made > most)
  if (length(beyond) > 0L) {
    k <- beyond[1L]
    stop_audit(beyond_text(made[k], audit$stop[row[k]], most[k]), x$id[k],
               call, beyond)
  }
  refuse_impossible(unsafe > made, unsafe, made, x$id, call)
  audit <- fill_counts(audit, row, made, unsafe,
                       x$time %||% rep(NA_real_, n),
                       x$failed %||% rep(FALSE, n), call)
  audit$refused[row] <- count_used(x$refused, made, audit$draws[row])
  audit$truncated[row] <- count_used(x$truncated, made, audit$draws[row])
  audit$unused[row] <- audit$unused[row] + (x$unused %||% 0)
  warn_lacking(audit, call)
  warn_failed_draws(audit, call)
  audit
}

# How many of the draws `used` are among the `count` of those `made`: not known
# where only some were used, and only some are counted.
count_used <- function(count, made, used) {
  count <- count %||% rep(NA_real_, length(made))
  count[used < made & count > 0 & count < made] <- NA
  pmin(count, used)
}

# Outcomes from the number of draws made and of unsafe ones; `time` is the first
# unsafe draw, or the one that failed, where known.
fill_counts <- function(audit, row, made, unsafe, time, failed, call) {
  stops <- audit$stop[row]
  hit <- unsafe > 0
  unknown <- which(stops & hit & is.na(time))
  if (length(unknown) > 0L) {
    stop_audit("is to stop at its first unsafe draw, and `x` does not say when",
               audit$id[row[unknown[1L]]], call, unknown)
  }
  ended <- stops & hit
  failed <- failed & !ended
  first <- ifelse(hit, time, ifelse(failed, made + 1, NA))
  used <- pmin(made, ifelse(ended, time, audit$limit[row]))
  audit$draws[row] <- used
  audit$unused[row] <- made - used
  audit$unsafe[row] <- ifelse(ended, 1, unsafe)
  audit$failed[row] <- failed
  audit$time[row] <- first
  done <- failed | ended | used >= audit$limit[row]
  audit$status[row] <- ifelse(done, as.numeric(hit | failed), NA)
  audit <- audit_so_far(audit, new_audit_state(audit))
  # Where the first unsafe draw was is not known from counts.
  counts <- row[done & hit & is.na(first)]
  audit$time[counts] <- NA
  audit$status[counts] <- 1
  audit
}

refuse_impossible <- function(wrong, unsafe, made, id, call) {
  if (any(wrong)) {
    k <- which(wrong)[1L]
    stop_audit(sprintf("%.0f unsafe of %.0f draws is impossible", unsafe[k],
                       made[k]), id[k], call, which(wrong))
  }
}

# ---- Plain tables ------------------------------------------------------------

join_table <- function(plan, x, refusal, call) {
  # What sums up a prompt's draws depends on whether they stop.
  summed <- if (any(plan$stop)) c("time", "status") else c("unsafe", "draws")
  by_draw <- all(c("id", "draw", "unsafe") %in% names(x))
  if (!by_draw && !all(c("id", summed) %in% names(x))) {
    stop_argument(
      "x",
      sprintf(
        "must have the columns `id`, `draw`, `unsafe` or `id`, `%s`, `%s`",
        summed[1L], summed[2L]
      ),
      list_names(names(x)), call = call
    )
  }
  row <- match_prompts(x, plan, call)
  audit <- start_audit(plan)
  audit[unique(row), c("refused", "truncated")] <- NA
  if (by_draw) {
    draw <- check_numeric(x$draw, "x$draw", min = 1, whole = TRUE,
                          empty_ok = TRUE, call = call)
    unsafe <- 1 == check_numeric(x$unsafe, "x$unsafe", min = 0, max = 1,
                                 whole = TRUE, empty_ok = TRUE, call = call)
    refuse_lacking(join_draws(audit, list(
      row = row, draw = draw, outcome = unsafe, refused = rep(NA, length(row)),
      truncated = rep(NA, length(row))
    ), call), call)
  } else if (any(plan$stop)) {
    join_times(audit, x, row, call)
  } else {
    join_counts(audit, x, row, call)
  }
}

# Draws in any order, see settled_fields; `rows` are the numbers that errors
# name.
join_draws <- function(audit, draws, call, rows = seq_along(draws$row)) {
  n <- length(draws$row)
  check_sequence(audit, draws$row, draws$draw, call, rows)
  state <- new_audit_state(audit)
  restore_draws(state, c(draws, list(attempt = rep(1, n),
                                     known = rep(TRUE, n))))
  audit_so_far(audit, state)
}

check_sequence <- function(audit, row, draw, call, rows) {
  at <- order(row, draw)
  expected <- rank_within(row[at])
  wrong <- which(draw[at] != expected)
  if (length(wrong) > 0L) {
    k <- at[wrong[1L]]
    absent <- expected[wrong[1L]]
    problem <- if (draw[k] < absent) {
      sprintf("draw %.0f is duplicated", draw[k])
    } else {
      sprintf("draw %.0f is missing, draw %.0f is present", absent, draw[k])
    }
    stop_audit(problem, audit$id[row[k]], call,
               rows[row == row[k] & draw == draw[k]])
  }
  most <- most_draws(audit)
  beyond <- which(draw > most[row])
  if (length(beyond) > 0L) {
    k <- beyond[1L]
    stop_audit(beyond_text(draw[k], audit$stop[row[k]], most[row[k]]),
               audit$id[row[k]], call, rows[beyond])
  }
}

# One draw more is what the paper makes; the number of replicated ones counts.
most_draws <- function(audit) {
  ifelse(audit$stop, audit$horizon, audit$limit)
}

beyond_text <- function(draw, stops, most) {
  sprintf("has draw %.0f, beyond its %s of %.0f", draw,
          if (stops) "horizon" else "limit", most)
}

refuse_lacking <- function(audit, call) {
  open <- which(is.na(audit$status))
  if (length(open) > 0L) {
    k <- open[1L]
    what <- if (audit$stop[k]) {
      "has %.0f safe draws of %.0f, and no unsafe one"
    } else {
      "has %.0f draws of %.0f"
    }
    stop_audit(sprintf(what, audit$draws[k], audit$limit[k]), audit$id[k], call)
  }
  audit
}

join_times <- function(audit, x, row, call) {
  time <- check_numeric(x$time, "x$time", min = 0, whole = TRUE, call = call)
  status <- check_numeric(x$status, "x$status", min = 0, max = 1, whole = TRUE,
                          call = call)
  check_once(audit, x, row, call)
  horizon <- audit$horizon[row]
  limit <- audit$limit[row]
  over <- which(time > horizon)
  if (length(over) > 0L) {
    stop_audit(sprintf("has time %.0f, beyond its horizon of %.0f",
                       time[over[1L]], horizon[over[1L]]), x$id[over[1L]],
               call, over)
  }
  # All draws were made, or one more, as the paper does.
  short <- status == 0 & time != limit & time != horizon
  early <- which(short | (status == 1 & time == 0))
  if (length(early) > 0L) {
    i <- early[1L]
    stop_audit(sprintf(
      "has status %.0f at time %.0f, and a limit of %.0f", status[i], time[i],
      limit[i]
    ), x$id[i], call, early)
  }
  first <- rep(NA_real_, nrow(audit))
  first[row] <- ifelse(status == 1, time, NA)
  fill_outcomes(audit, first, ifelse(is.na(first), audit$limit, first))
}

join_counts <- function(audit, x, row, call) {
  made <- check_numeric(x$draws, "x$draws", min = 0, whole = TRUE, call = call)
  unsafe <- check_numeric(x$unsafe, "x$unsafe", min = 0, whole = TRUE,
                          call = call)
  check_once(audit, x, row, call)
  refuse_impossible(unsafe > made, unsafe, made, x$id, call)
  wrong <- which(made != audit$limit[row])
  if (length(wrong) > 0L) {
    k <- wrong[1L]
    stop_audit(sprintf("has %.0f draws, and a limit of %.0f", made[k],
                       audit$limit[row[k]]), x$id[k], call, wrong)
  }
  fill_counts(audit, row, made, unsafe, rep(NA_real_, length(row)),
              rep(FALSE, length(row)), call)
}

# One row for each prompt with draws.
check_once <- function(audit, x, row, call) {
  check_duplicates(x, row, call)
  absent <- setdiff(which(audit$limit > 0), row)
  if (length(absent) > 0L) {
    stop_audit("has no row in `x`", audit$id[absent[1L]], call)
  }
}

check_duplicates <- function(x, row, call) {
  twice <- anyDuplicated(row)
  if (twice > 0L) {
    stop_audit("appears twice", x$id[twice], call, which(row == row[twice]))
  }
}

warn_lacking <- function(audit, call) {
  open <- is.na(audit$status)
  if (any(open)) {
    warn_classed("unfinished", c(
      sprintf("The audit is unfinished: %s.", count_lacking(audit)),
      i = paste("Read it again when complete, or resume with",
                "run_audit(audit, sampler).")
    ), call = call)
  }
}
