# Audits of prompts whose hazards are known.

#' Carry out a plan on prompts with known hazards
#'
#' Simulates what [run_audit()] would return when each draw of a prompt is
#' unsafe with probability `prob`, without drawing one by one: for studies of a
#' plan, and for tests.
#'
#' @param plan An `audit_plan` from [plan_audit()].
#' @param prob Numeric vector: the true probability that a draw is unsafe, one
#'   for each prompt of the plan, from 0 to 1.
#' @param ... Must be empty.
#' @returns An object of class `audit`, see [run_audit()].
#' @section Errors: `timetounsafe_error_plan`, `timetounsafe_error_argument`.
#' @examples
#' set.seed(1)
#' p <- 10^runif(1000, -3, -1)
#' hazard <- as_hazard(function(newdata) newdata$p)
#' plan <- plan_audit(hazard, as.character(1:1000), 20, data.frame(p))
#' calibrate_lpb(simulate_audit(plan, p))
#' @export
simulate_audit <- function(plan, prob, ...) {
  check_no_dots(...)
  plan <- check_plan(plan)
  prob <- check_numeric(prob, "prob", nrow(plan), min = 0, max = 1)
  audit <- start_audit(plan)
  outcomes <- simulate_outcomes(plan_parts(audit), prob)
  audit[outcome_columns] <- outcomes[outcome_columns]
  new_audit(audit)
}

# Prompts with these rows (or hazards, `prob`), planned by these constants and
# carried out where each draw is unsafe with probability `truth`: the parts that
# a tau depends on, without the checks and the data frames of a real audit.
simulate_design <- function(constants, rows, truth = rows,
                            u_certificate = stats::runif(1)) {
  rows <- if (is.list(rows)) rows else list(prob = rows)
  audit <- c(rows, draw_inclusion(prior_quantile(rows, constants), constants))
  audit$order <- sample.int(length(truth))
  audit$failed <- FALSE
  audit$constants <- c(constants, u_certificate = u_certificate)
  simulate_outcomes(audit, truth, geometric_sample(truth))
}

# `audit` is a plan in parts, which need not have ids. Where `times`, the first
# unsafe draw of every prompt, are given, designs with the same random numbers
# have them in common.
simulate_outcomes <- function(audit, prob, times = NULL) {
  first <- rep(NA_real_, length(prob))
  audited <- which(audit$limit > 0)
  first[audited] <- times[audited] %||% geometric_sample(prob[audited])
  if (design_of(audit)$stops) {
    observe(audit, first)
  } else {
    observe_all(audit, first, prob)
  }
}

# What an audit that stops at its limit sees of the first unsafe draws.
observe <- function(audit, first) {
  first[which(first > audit$limit)] <- NA
  fill_outcomes(audit, first, pmin(first, audit$limit, na.rm = TRUE))
}

# Draws that go on after the first unsafe one.
observe_all <- function(audit, first, prob) {
  seen <- which(first <= audit$limit)
  audit$unsafe <- numeric(length(prob))
  audit$unsafe[seen] <- 1 + stats::rbinom(
    length(seen), audit$limit[seen] - first[seen], prob[seen]
  )
  audit$time <- pmin(first, audit$horizon, na.rm = TRUE)
  audit$status <- as.numeric(audit$time < audit$horizon)
  audit$draws <- audit$limit
  audit
}
