# A fixed number of draws for each prompt: training data, held-out checks.

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
#'   default, makes all draws, which says more about the hazard. `TRUE` is
#'   cheaper where only the time of the first unsafe draw matters, as in a check
#'   of bounds (`draws = bound - 1`).
#' @param id Identifiers, one for each prompt; by default the names of
#'   `prompts`, or 1, 2, ...
#' @returns An object of class `prompt_draws`: a data frame with one row for
#'   each prompt and the columns
#'   * `id`, `prompt`: which prompt;
#'   * `limit`: draws asked for; `stop`: whether to stop at the first unsafe
#'     one;
#'   * `draws`, `unsafe`: draws made, and how many of them were unsafe;
#'   * `refused`, `truncated`: how many of them were refused, and how many cut
#'     at the token limit, as far as the sampler says;
#'   * `time`, `status`: as for [survival::Surv()]: the first unsafe draw
#'     (status 1), or the number of draws made (status 0); `NA` when not
#'     finished;
#'   * `unused`: draws paid for and not used;
#'   * `failed`: whether a draw that failed permanently ended the prompt. It is
#'     not counted in `draws`.
#'
#'   [fit_hazard()] and [assess_lpb()] take it as `y`, [estimate_risk()] as `x`,
#'   and [run_audit()] resumes one that is unfinished.
#' @inheritSection run_audit Errors
#' @examples
#' set.seed(1)
#' sampler <- function(prompts) runif(length(prompts)) < 0.02
#' draw_responses(c("Hi!", "Good morning"), sampler, draws = 100)
#' @export
draw_responses <- function(prompts, sampler, draws, stop = FALSE, id = NULL,
                           ledger = NULL, max_draws = Inf, max_cost = Inf,
                           max_seconds = Inf, parallel = NULL,
                           progress = interactive(),
                           control = audit_control(), ...) {
  check_no_dots(...)
  id <- id %||% names_of(prompts)
  prompts <- check_prompts(prompts)
  n <- n_rows(prompts)
  id <- check_ids(id %||% seq_len(n), n)
  draws <- check_numeric(draws, "draws", n, min = 0, whole = TRUE,
                         finite = TRUE, recycle = TRUE)
  rows <- fixed_rows(prompts, id, draws, check_flag(stop, "stop"))
  control <- new_run_control(control, sampler, ledger, max_draws, max_cost,
                             max_seconds, parallel,
                             if (!missing(progress)) progress)
  carry_out(start_audit(rows), control)
}

fixed_rows <- function(prompts, id, draws, stop) {
  rows <- data.frame(id = id)
  rows$prompt <- prompts
  rows$limit <- rep_len(draws, nrow(rows))
  rows$stop <- stop
  rows
}
