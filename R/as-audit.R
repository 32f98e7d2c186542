#' Join draws made elsewhere to their plan
#'
#' A plan written to a file can be carried out by any program. This reads the
#' draws back, checks them against the plan, and returns what [run_audit()]
#' would have.
#'
#' Draws come in one of two forms:
#' * one row for each **draw**: columns `id`, `draw` (1, 2, ... within a prompt)
#'   and `unsafe` (logical, or 0 and 1). A prompt may end at its first unsafe
#'   draw; otherwise all draws up to its `limit` must be there. Draws after the
#'   first unsafe one are counted as overshoot.
#' * one row for each **prompt**: columns `id`, `time` and `status`. `time` is
#'   the first unsafe draw (status 1), or the horizon (status 0).
#'
#' Prompts with a limit of 0 need no rows. A program that made as many draws as
#' the horizon (one more than needed) is accepted too: an unsafe draw at the
#' horizon itself is never a miscoverage.
#'
#' @param draws A data frame of draws, in one of the forms above.
#' @param plan The `audit_plan`, or the data frame read back from its CSV file.
#' @returns An object of class `audit`, see [run_audit()].
#' @section Errors: `timetounsafe_error_audit` names the prompt: an id that the
#'   plan does not have, draws beyond the horizon, gaps, draws or prompts given
#'   twice, draws that are missing. `timetounsafe_error_plan` when the plan
#'   itself is not whole; `timetounsafe_error_argument`.
#' @examples
#' set.seed(1)
#' hazard <- as_hazard(function(newx) newx$p)
#' data <- data.frame(p = rep(c(0.02, 0.1), 50))
#' plan <- plan_audit(hazard, paste("prompt", 1:100), data, budget = 10)
#' file <- tempfile(fileext = ".csv")
#' write.csv(plan, file, row.names = FALSE)
#'
#' # Somewhere else: every draw of every prompt, here all of them safe
#' plan <- read.csv(file)
#' draws <- data.frame(id = rep(plan$id, plan$limit),
#'                     draw = sequence(plan$limit), unsafe = FALSE)
#' audit <- as_audit(draws, plan)
#' calibrate_lpb(audit, hazard = hazard)
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
  by_draw <- all(c("id", "draw", "unsafe") %in% names(draws))
  by_prompt <- all(c("id", "time", "status") %in% names(draws))
  if (!by_draw && !by_prompt) {
    stop_argument(
      "draws",
      "must have the columns `id`, `draw`, `unsafe` or `id`, `time`, `status`",
      list_names(names(draws))
    )
  }
  row <- match(as.character(draws$id), as.character(plan$id))
  if (anyNA(row)) {
    stop_audit("is not in the plan", draws$id[is.na(row)][1L])
  }
  audit <- start_audit(plan)
  audit <- if (by_draw) {
    join_draws(audit, draws, row)
  } else {
    join_times(audit, draws, row)
  }
  new_audit(audit)
}

stop_audit <- function(problem, id, call = rlang::caller_env(2)) {
  stop_classed("audit", paste0("Prompt ", format(id), " ", problem, "."),
               id = id, call = call)
}

join_draws <- function(audit, draws, row) {
  draw <- check_numeric(draws$draw, "draws$draw", min = 1, whole = TRUE,
                        empty_ok = TRUE)
  unsafe <- check_numeric(draws$unsafe, "draws$unsafe", min = 0, max = 1,
                          whole = TRUE, empty_ok = TRUE) == 1
  at <- order(row, draw)
  row <- row[at]
  draw <- draw[at]
  unsafe <- unsafe[at]
  check_sequence(audit, row, draw)
  count <- tabulate(row, nrow(audit))
  hit <- which(unsafe)[!duplicated(row[unsafe])]
  first <- rep(NA_real_, nrow(audit))
  first[row[hit]] <- draw[hit]
  lacking <- which(is.na(first) & count < audit$limit)
  if (length(lacking) > 0L) {
    stop_audit(
      sprintf("has %d safe draws of %d, and no unsafe one", count[lacking[1L]],
              audit$limit[lacking[1L]]),
      audit$id[lacking[1L]]
    )
  }
  fill_outcomes(audit, first, count)
}

check_sequence <- function(audit, row, draw) {
  expected <- seq_along(row) - match(row, row) + 1
  wrong <- which(draw != expected)
  if (length(wrong) > 0L) {
    i <- wrong[1L]
    problem <- if (draw[i] < expected[i]) {
      sprintf("has draw %d twice", draw[i])
    } else {
      sprintf("lacks draw %d", expected[i])
    }
    stop_audit(problem, audit$id[row[i]], rlang::caller_env(2))
  }
  beyond <- which(draw > audit$horizon[row])
  if (length(beyond) > 0L) {
    i <- beyond[1L]
    stop_audit(sprintf("has draw %d, beyond its horizon of %d", draw[i],
                       audit$horizon[row[i]]),
               audit$id[row[i]], rlang::caller_env(2))
  }
}

join_times <- function(audit, draws, row) {
  time <- check_numeric(draws$time, "draws$time", min = 0, whole = TRUE)
  status <- check_numeric(draws$status, "draws$status", min = 0, max = 1,
                          whole = TRUE)
  if (anyDuplicated(row) > 0L) {
    stop_audit("is there twice", draws$id[anyDuplicated(row)])
  }
  absent <- setdiff(which(audit$limit > 0), row)
  if (length(absent) > 0L) {
    stop_audit("has no row in `draws`", audit$id[absent[1L]])
  }
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

# `audit` is a data frame or a list of columns. `first` is the first unsafe draw
# or NA, `count` the number of draws made.
fill_outcomes <- function(audit, first, count) {
  seen <- !is.na(first)
  # An unsafe draw at the horizon itself says no more than reaching it.
  audit$status <- as.numeric(seen & first < audit$horizon)
  audit$time <- replace(audit$horizon, seen, first[seen])
  stopped <- seen & audit$stop
  audit$draws <- replace(count, stopped, first[stopped])
  audit$unsafe <- as.numeric(seen)
  audit$overshoot <- count - audit$draws
  audit
}

#' Carry out a plan on prompts with known hazards
#'
#' Simulates what [run_audit()] would return when each draw of a prompt is
#' unsafe with probability `prob`, without drawing one by one: for studies of a
#' plan, and for tests.
#'
#' @param plan An `audit_plan` from [plan_audit()].
#' @param prob Numeric vector: the true probability that a draw is unsafe, one
#'   for each prompt of the plan, from 0 to 1.
#' @returns An object of class `audit`, see [run_audit()].
#' @section Errors: `timetounsafe_error_plan`, `timetounsafe_error_argument`.
#' @examples
#' set.seed(1)
#' p <- 10^runif(1000, -3, -1)
#' hazard <- as_hazard(function(newx) newx$p)
#' plan <- plan_audit(hazard, as.character(1:1000), data.frame(p), budget = 20)
#' calibrate_lpb(simulate_audit(plan, p))
#' @export
simulate_audit <- function(plan, prob) {
  plan <- check_plan(plan)
  prob <- check_numeric(prob, "prob", nrow(plan), min = 0, max = 1)
  new_audit(simulate_outcomes(start_audit(plan), prob))
}

# `audit` is a data frame or a list of columns.
simulate_outcomes <- function(audit, prob) {
  first <- rep(NA_real_, length(prob))
  audited <- which(audit$limit > 0)
  first[audited] <- geometric_sample(prob[audited])
  observe(audit, first)
}

# What an audit that stops at its limit sees of the first unsafe draws.
observe <- function(audit, first) {
  first[which(first > audit$limit)] <- NA
  fill_outcomes(audit, first, pmin(first, audit$limit, na.rm = TRUE))
}
