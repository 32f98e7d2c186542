# run_audit(): a plan carried out.

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
#' @param plan An `audit_plan` from [plan_audit()] or [read_plan()], or an
#'   unfinished `audit`, which is gone on with. May be left out where `ledger`
#'   is one that was begun: it holds the plan.
#' @param sampler Your function that draws and judges: see [sampler].
#' @param batch_size Number of draws in one call of the sampler: a whole number
#'   of at least 1. The default, 64, suits a model server that works in
#'   parallel.
#' @param ledger `NULL`: draws are kept in memory only. Or the path of a file,
#'   the durable record: see [ledger].
#' @param responses Whether the ledger keeps the text of responses, when the
#'   sampler returns it. `FALSE`, the default, as they may be harmful; without
#'   them nothing can be judged again.
#' @param max_tries How often a draw is tried in all before it counts as failed:
#'   a whole number of at least 1. A draw that fails is tried again: failures
#'   must not depend on the response. Where they may (a content filter that
#'   raises an error, a judge that fails on unsafe text), use `max_tries = 1`,
#'   which counts each failure as unsafe, or return such responses as unsafe.
#' @param retry_wait Seconds to wait before a failed draw is tried again; it
#'   doubles with each further try, up to a minute. Other draws go on meanwhile,
#'   unless a whole batch failed.
#' @param max_draws,max_seconds,max_cost The most draws (retries included),
#'   seconds and cost (the sum of the column `cost` that the sampler returns) of
#'   this call. Batches that are under way are waited for, so that `max_seconds`
#'   and `max_cost` may be passed by what they take. When a limit is reached the
#'   audit is returned unfinished, with a warning; it cannot be calibrated yet,
#'   but `run_audit()` goes on with it.
#' @param max_error_rate The share of attempts that may fail, from 0 to 1, once
#'   100 have been made: beyond it the run is taken for broken and stopped. The
#'   default is 0.5.
#' @param refusal What a response with the status `"refused"` counts as:
#'   `"safe"`, `"unsafe"` or `"error"` (a failed draw).
#' @param ahead Whether several draws of one prompt may be under way at once.
#'   `FALSE` keeps their strict order, for draws that are not exchangeable, such
#'   as the turns of an attack; the last prompts of a plan then take a call for
#'   each draw.
#' @param parallel Whether batches go to the daemons of the mirai package:
#'   `NULL`, the default, uses them when they are set. They are never started or
#'   stopped here.
#' @param progress Whether to show a progress bar, with draws done of about how
#'   many (if the hazard is right), prompts with an unsafe draw, prompts that
#'   are open, failed attempts, the rate and the time left; by default only in
#'   interactive sessions. What a plan costs is told by [print()][summaries]
#'   before the first draw.
#' @param ... Must be empty.
#' @returns An object of class `audit`: the plan, in its order, with the columns
#'
#' `r schema_help("outcome")`
#' @section Errors: `timetounsafe_error_sampler` when the sampler fails or
#'   breaks its contract: nothing that was drawn is lost, see [sampler].
#'   `timetounsafe_error_ledger` when the ledger is of another audit, in use, or
#'   cannot be written; `timetounsafe_error_schema` when another version made
#'   the plan or the ledger; `timetounsafe_error_plan`,
#'   `timetounsafe_error_argument`, `timetounsafe_error_unavailable`. Warnings
#'   `timetounsafe_warning_failed_draws`, `timetounsafe_warning_unfinished`, and
#'   `timetounsafe_warning_repeated` when all responses to a prompt are the
#'   same.
#' @section Assumptions: Given the prompt, draws are independent, and equally
#'   likely to be unsafe whatever their index. Whether a draw fails and is tried
#'   again does not depend on its response (see `max_tries`).
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
                      responses = FALSE, max_tries = 3, retry_wait = 1,
                      max_draws = Inf, max_seconds = Inf, max_cost = Inf,
                      max_error_rate = 0.5,
                      refusal = c("safe", "unsafe", "error"), ahead = TRUE,
                      parallel = NULL, progress = interactive(), ...) {
  check_no_dots(...)
  if (missing(plan) && !is.null(ledger)) {
    plan <- read_ledger(ledger)
  }
  # An audit_prompts() that is gone on with has no plan behind it.
  if (missing(plan) || !inherits(plan, "audit") || is_planned(plan)) {
    plan <- check_plan(plan)
  }
  check_plan_prompts(plan)
  control <- audit_control(
    sampler, batch_size, ledger, responses, max_tries, retry_wait, max_draws,
    max_seconds, max_cost, max_error_rate, refusal, ahead, parallel, progress
  )
  carry_out(start_audit(plan), control)
}

check_plan_prompts <- function(plan, call = rlang::caller_env()) {
  if (!"prompt" %in% names(plan)) {
    stop_classed("plan", c(
      "`plan` holds no prompts: it lacks the column \"prompt\".",
      i = "write_plan(text = FALSE) leaves them out.",
      i = "Put them back, plan$prompt <- prompts[match(plan$id, ids)], or",
      " " = "draw where they are known: read_draws() reads such draws."
    ), argument = "plan", call = call)
  }
  if (!is.character(plan$prompt) && !is.data.frame(plan$prompt) ||
        is.character(plan$prompt) && anyNA(plan$prompt)) {
    stop_argument(
      "plan$prompt", "must be text without missing values, or a data frame",
      describe(plan$prompt),
      fix = "Was it read from a file? read_plan() keeps text as it is.",
      call = call
    )
  }
}
