# Draws made elsewhere, joined to their plan: from a table, or from a file.

#' Join draws made elsewhere to their plan
#'
#' A plan can be carried out by any program. This checks the draws that it made
#' against the plan, and returns what [run_audit()] would have. [read_draws()]
#' does so from a file.
#'
#' Draws come in one of these forms:
#' * one row for each **draw**: columns `id`, `draw` (1, 2, ... within a prompt)
#'   and `unsafe` (logical, or 0 and 1). A prompt that is to `stop` may end at
#'   its first unsafe draw, and draws after that are counted as overshoot;
#'   otherwise all draws up to its `limit` must be there, and count.
#' * one row for each **prompt**: columns `id`, `time` and `status`. `time` is
#'   the first unsafe draw (status 1), or the horizon (status 0).
#' * for replicated draws, which do not stop, one row for each **prompt**:
#'   columns `id`, `unsafe` and `draws`, the number of unsafe draws and of all,
#'   which must be the prompt's `limit`.
#'
#' Prompts with a limit of 0 need no rows. Where draws stop, a program that made
#' as many as the horizon (one more than needed) is accepted too: an unsafe draw
#' at the horizon itself is never a miscoverage.
#'
#' @param draws A data frame of draws, in one of the forms above.
#' @param plan The `audit_plan` from [plan_audit()] or [read_plan()].
#' @returns An object of class `audit`, see [run_audit()].
#' @section Errors: `timetounsafe_error_audit` names the prompt and the rows (in
#'   the fields `id` and `rows`): an id that the plan does not have, draws
#'   beyond the horizon, gaps, draws or prompts given twice, draws that are
#'   missing. `timetounsafe_error_plan` when the plan
#'   itself is not whole; `timetounsafe_error_argument`.
#' @examples
#' set.seed(1)
#' hazard <- as_hazard(function(newx) newx$p)
#' data <- data.frame(p = rep(c(0.02, 0.1), 50))
#' plan <- plan_audit(hazard, paste("prompt", 1:100), data, budget = 10)
#'
#' # Somewhere else: every draw of every prompt, here all of them safe
#' draws <- data.frame(id = rep(plan$id, plan$limit),
#'                     draw = sequence(plan$limit), unsafe = FALSE)
#' audit <- as_audit(draws, plan)
#' calibrate_lpb(audit)
#' @export
as_audit <- function(draws, plan) {
  if (missing(draws)) {
    stop_missing("draws")
  }
  if (inherits(draws, "audit_plan") &&
        (missing(plan) || !inherits(plan, "audit_plan"))) {
    stop_argument("draws", "must be the table of draws", "a plan",
                  fix = "The plan is the second argument.")
  }
  plan <- check_plan(plan)
  if (!is.data.frame(draws)) {
    stop_argument("draws", "must be a data frame", describe(draws))
  }
  # What sums up a prompt's draws depends on whether they stop.
  summed <- if (any(plan$stop)) c("time", "status") else c("unsafe", "draws")
  by_draw <- all(c("id", "draw", "unsafe") %in% names(draws))
  if (!by_draw && !all(c("id", summed) %in% names(draws))) {
    stop_argument(
      "draws",
      sprintf(
        "must have the columns `id`, `draw`, `unsafe` or `id`, `%s`, `%s`",
        summed[1L], summed[2L]
      ),
      list_names(names(draws))
    )
  }
  row <- match_prompts(draws, plan)
  audit <- start_audit(plan)
  new_audit(if (by_draw) {
    draws$draw <- check_numeric(draws$draw, "draws$draw", min = 1, whole = TRUE,
                                empty_ok = TRUE)
    draws$unsafe <- 1 == check_numeric(draws$unsafe, "draws$unsafe", min = 0,
                                       max = 1, whole = TRUE, empty_ok = TRUE)
    refuse_lacking(join_draws(audit, draws, row))
  } else if (any(plan$stop)) {
    join_times(audit, draws, row)
  } else {
    join_counts(audit, draws, row)
  })
}

match_prompts <- function(draws, plan, call = rlang::caller_env()) {
  row <- match(as_text(draws$id), as_text(plan$id))
  if (anyNA(row)) {
    unknown <- which(is.na(row))
    stop_audit("is not in the plan", draws$id[unknown[1L]], call, unknown)
  }
  row
}

# ---- One row for each draw ---------------------------------------------------

# Draws in any order, `unsafe` NA for those that failed for good.
join_draws <- function(audit, draws, row, call = rlang::caller_env()) {
  check_sequence(audit, row, draws$draw, call)
  state <- new_audit_state(audit)
  restore_draws(state, list(
    row = row, draw = draws$draw, outcome = draws$unsafe,
    attempt = rep(1, length(row)), known = rep(TRUE, length(row))
  ))
  audit_so_far(audit, state)
}

check_sequence <- function(audit, row, draw, call) {
  at <- order(row, draw)
  expected <- rank_within(row[at])
  wrong <- which(draw[at] != expected)
  if (length(wrong) > 0L) {
    k <- at[wrong[1L]]
    lacks <- expected[wrong[1L]]
    problem <- if (draw[k] < lacks) {
      sprintf("has draw %.0f twice", draw[k])
    } else {
      sprintf("lacks draw %.0f and has draw %.0f", lacks, draw[k])
    }
    stop_audit(problem, audit$id[row[k]], call,
               which(row == row[k] & draw == draw[k]))
  }
  # One draw more is what the paper makes; the number of replicated ones counts.
  most <- ifelse(audit$stop, audit$horizon, audit$limit)
  beyond <- which(draw > most[row])
  if (length(beyond) > 0L) {
    k <- beyond[1L]
    stop_audit(sprintf("has draw %.0f, beyond its %s of %.0f", draw[k],
                       if (audit$stop[row[k]]) "horizon" else "limit",
                       most[row[k]]), audit$id[row[k]], call, beyond)
  }
}

refuse_lacking <- function(audit, call = rlang::caller_env()) {
  lacking <- which(is.na(audit$status))
  if (length(lacking) > 0L) {
    k <- lacking[1L]
    what <- if (audit$stop[k]) {
      "has %.0f safe draws of %.0f, and no unsafe one"
    } else {
      "has %.0f draws of %.0f"
    }
    stop_audit(sprintf(what, audit$draws[k], audit$limit[k]), audit$id[k], call)
  }
  audit
}

# ---- One row for each prompt -------------------------------------------------

join_times <- function(audit, draws, row) {
  time <- check_numeric(draws$time, "draws$time", min = 0, whole = TRUE)
  status <- check_numeric(draws$status, "draws$status", min = 0, max = 1,
                          whole = TRUE)
  check_once(audit, draws, row)
  horizon <- audit$horizon[row]
  over <- which(time > horizon)
  if (length(over) > 0L) {
    stop_audit(sprintf("has time %d, beyond its horizon of %d", time[over[1L]],
                       horizon[over[1L]]), draws$id[over[1L]])
  }
  early <- which((status == 0 & time != horizon) | (status == 1 & time == 0))
  if (length(early) > 0L) {
    i <- early[1L]
    stop_audit(sprintf(
      "has status %d at time %d, and a horizon of %d", status[i], time[i],
      horizon[i]
    ), draws$id[i])
  }
  first <- rep(NA_real_, nrow(audit))
  first[row] <- ifelse(status == 1, time, NA)
  fill_outcomes(audit, first, ifelse(is.na(first), audit$limit, first))
}

# Where the first unsafe draw was is not known from counts.
join_counts <- function(audit, draws, row) {
  made <- check_numeric(draws$draws, "draws$draws", min = 0, whole = TRUE)
  unsafe <- check_numeric(draws$unsafe, "draws$unsafe", min = 0, whole = TRUE)
  check_once(audit, draws, row)
  wrong <- which(made != audit$limit[row] | unsafe > made)
  if (length(wrong) > 0L) {
    k <- wrong[1L]
    stop_audit(sprintf("has %.0f draws, %.0f unsafe ones, and a limit of %.0f",
                       made[k], unsafe[k], audit$limit[row[k]]), draws$id[k],
               rows = wrong)
  }
  audit$draws[row] <- made
  audit$unsafe[row] <- unsafe
  audit$time <- ifelse(audit$unsafe > 0, NA, audit$horizon)
  audit$status <- as.numeric(audit$unsafe > 0)
  audit
}

# One row for each prompt with draws.
check_once <- function(audit, draws, row, call = rlang::caller_env(2)) {
  if (anyDuplicated(row) > 0L) {
    stop_audit("is there twice", draws$id[anyDuplicated(row)], call)
  }
  absent <- setdiff(which(audit$limit > 0), row)
  if (length(absent) > 0L) {
    stop_audit("has no row in `draws`", audit$id[absent[1L]], call)
  }
}

# ---- From a file -------------------------------------------------------------

#' @rdname exchange
#' @export
read_draws <- function(file, plan, format = NULL) {
  check_path(file, exists = TRUE)
  plan <- check_plan(plan)
  call <- rlang::current_env()
  draws <- switch(
    check_format(format, file),
    csv = read_text_csv(file, call),
    jsonl = read_text_jsonl(file, call)
  )
  draws <- check_draws(draws, plan, call)
  audit <- join_draws(start_audit(plan), draws, match_prompts(draws, plan))
  warn_lacking(audit, call)
  warn_failed_draws(audit, call)
  new_audit(audit)
}

# A table of text is checked, and gets its types.
check_draws <- function(draws, plan, call) {
  if (nrow(draws) == 0L) {
    return(data.frame(id = character(), draw = numeric(), unsafe = logical()))
  }
  absent <- setdiff(c("id", "draw", "unsafe"), names(draws))
  if (length(absent) > 0L) {
    stop_classed("file", c(
      sprintf("`file` lacks the columns %s.", list_names(absent)),
      i = sprintf("It has %s.", list_names(names(draws)))
    ), argument = "file", call = call)
  }
  others <- which(draws$plan_id != plan_parts(plan)$constants$plan_id)
  if (length(others) > 0L) {
    stop_classed("plan", sprintf("`file` has draws of another plan (%s).",
                                 name_rows(others)), rows = others, call = call)
  }
  draw <- suppressWarnings(as.numeric(draws$draw))
  refuse_values(is.na(draw) | draw < 1 | draw != floor(draw), draws$draw,
                "draw", "a whole number of at least 1", call)
  unsafe <- parse_unsafe(draws$unsafe)
  failed <- tolower(draws$unsafe) %in% c(NA, "", "na", "nan", "none", "null")
  refuse_values(is.na(unsafe) & !failed, draws$unsafe, "unsafe",
                "true or false, 1 or 0, or empty for a draw that failed", call)
  data.frame(id = draws$id, draw = draw, unsafe = unsafe)
}

warn_lacking <- function(audit, call) {
  open <- is.na(audit$status)
  if (any(open)) {
    lacking <- count_lacking(audit)
    warn_classed("unfinished", c(
      sprintf("The audit is unfinished: %s.", lacking),
      i = "Read the file again when it holds them, or go on with run_audit()."
    ), call = call)
  }
}
