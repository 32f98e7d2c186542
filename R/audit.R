# run_audit(): a plan carried out.

#' Carry out a plan
#'
#' Calls your sampler, batch by batch, until every prompt of the plan has met
#' its first unsafe draw or its limit.
#'
#' A batch has `batch_size` slots. They go to as many different prompts as there
#' are; when fewer are left, several draws of one prompt are made ahead. Draws
#' are judged in their own order: those made ahead of the first unsafe one are
#' paid for, but never used, and counted in the column `unused`.
#'
#' @param plan An `audit_plan` from [plan_audit()] or [read_plan()], or an
#'   unfinished `audit` (or `prompt_draws`), which is resumed. May be left out
#'   where `ledger` is one that was begun: it holds the plan.
#' @param sampler Your function that draws and judges: see [sampler].
#' @param ledger `NULL`: draws are kept in memory only. Or the path of a file,
#'   the durable record: see [ledger].
#' @param reuse `NULL`, or draws of these prompts that were made before, which
#'   are used first, so that only the others are made: the paths of ledgers; a
#'   [response_log]; or a data frame with a row for each draw, with the columns
#'   `id`, `draw` and `unsafe` (and where known `status`, `prompt`,
#'   `score`). See "Draws made before".
#' @param max_draws,max_cost,max_seconds The most draws (retries included),
#'   seconds and cost (the sum of the column `cost` that the sampler returns) of
#'   this call. Batches that are under way are waited for, so that `max_seconds`
#'   and `max_cost` may be passed by what they take. When a limit is reached the
#'   audit is returned unfinished, with a warning; it cannot be calibrated yet,
#'   but `run_audit()` resumes it.
#' @param parallel Whether batches go to the daemons of the mirai package:
#'   `NULL`, the default, uses them when they are set. They are never started or
#'   stopped here.
#' @param progress Whether to show a progress bar, with draws done of about how
#'   many (if the hazard is right), prompts with an unsafe draw, prompts that
#'   are open, failed attempts, the rate and the time left. By default there is
#'   one in interactive sessions, and elsewhere (Rscript, a notebook that is
#'   rendered) a message that says the same, about every 30 seconds; neither
#'   with `options(timetounsafe.progress = FALSE)`. [print()][summaries] shows
#'   what a plan costs before the first draw.
#' @param control How draws are made, from [audit_control()].
#' @param ... Must be empty.
#' @returns An object of class `audit`: the plan, in its order, with the columns
#'
#' `r schema_help("outcome")`
#' @section Draws made before: Of each prompt those draws are used that come
#'   first in the order `draw` in which they were made, up to what the plan asks
#'   for; the run makes the next ones. Prompts that the plan does not contain or
#'   include, and draws beyond its limits, are left out. This is no bias,
#'   whatever ended the old draws, even where they stopped at the first unsafe
#'   one, as long as
#'   * all draws are there that were made, in their order: to leave out some
#'     because of what came of them, or to number others as the first, is a bias
#'     that nothing here can show;
#'   * model, settings and judge are those of `sampler`;
#'   * no old draw of these prompts had a part in the plan: not in its hazard
#'     (prompts that trained it are refused by [plan_audit()]), nor in which
#'     prompts it contains, nor in the decision to make it. A second audit made
#'     because the first found too little has a certificate only if it draws
#'     again.
#'
#'   With a `ledger` they are its first attempts, with the message `"drawn
#'   before"` and without cost; the call that resumes it may have `reuse` or
#'   not. A draw that had failed permanently counts so here. Of a ledger, draws
#'   that are missing in between are made again; in a log they are an error, as
#'   is a log that knows that its draws were selected by outcomes. Ledgers must
#'   have the same `refusal`, where a draw was refused.
#' @section Errors: `timetounsafe_error_sampler` when the sampler fails or
#'   breaks its contract: nothing that was drawn is lost, see [sampler].
#'   `timetounsafe_error_ledger` when the ledger is of another audit, in use, or
#'   cannot be written; `timetounsafe_error_schema` when another version made
#'   the plan or the ledger; `timetounsafe_error_audit` where `reuse` does not
#'   fit the plan's prompts, or has gaps or duplicates;
#'   `timetounsafe_error_plan`,
#'   `timetounsafe_error_argument`, `timetounsafe_error_unavailable`. Warnings
#'   `timetounsafe_warning_failed_draws`, `timetounsafe_warning_unfinished`, and
#'   `timetounsafe_warning_identical_responses` when all responses to a prompt
#'   are the same.
#' @section Assumptions: Given the prompt, draws are independent, and equally
#'   likely to be unsafe whatever their index. Whether a draw fails and is tried
#'   again does not depend on its response (see `max_tries`).
#' @examples
#' set.seed(1)
#' x <- matrix(rnorm(400), 200, 2)
#' p <- 1 - exp(-exp(-3 + x[, 1]))
#' hazard <- as_hazard(function(newdata) 1 - exp(-exp(-3 + newdata[, 1])))
#' prompts <- as.character(1:200)
#' plan <- plan_audit(hazard, prompts, 10, x)
#' audit <- run_audit(plan, function(prompts) {
#'   runif(length(prompts)) < p[as.integer(prompts)]
#' })
#' audit
#' @export
run_audit <- function(plan, sampler, ledger = NULL, reuse = NULL,
                      max_draws = Inf, max_cost = Inf, max_seconds = Inf,
                      parallel = NULL, progress = interactive(),
                      control = audit_control(), ...) {
  check_no_dots(...)
  if (missing(plan) && !is.null(ledger)) {
    plan <- read_ledger(ledger)
  }
  if (missing(plan) || !inherits(plan, "prompt_draws")) {
    plan <- check_plan(plan)
  }
  check_plan_prompts(plan)
  control <- new_run_control(control, sampler, ledger, max_draws, max_cost,
                             max_seconds, parallel,
                             if (!missing(progress)) progress)
  rows <- start_audit(plan)
  control$reuse <- read_reuse(reuse, rows, control, rlang::current_env())
  carry_out(rows, control)
}

check_plan_prompts <- function(plan, call = rlang::caller_env()) {
  if (!"prompt" %in% names(plan)) {
    stop_classed("plan", c(
      "`plan` contains no prompts: it has no column \"prompt\".",
      i = "write_plan(keep_prompts = FALSE) leaves them out.",
      i = "Put them back, plan$prompt <- prompts[match(plan$id, ids)], or",
      " " = "draw where they are known: read_responses() reads such draws."
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
