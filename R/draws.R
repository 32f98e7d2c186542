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
                          batch_size = 64, ledger = NULL, responses = FALSE,
                          max_tries = 3, retry_wait = 1, max_draws = Inf,
                          max_seconds = Inf, max_cost = Inf,
                          max_error_rate = 0.5,
                          refusal = c("safe", "unsafe", "error"), ahead = TRUE,
                          parallel = NULL, progress = interactive(), id = NULL,
                          ...) {
  check_no_dots(...)
  id <- id %||% names_of(prompts)
  prompts <- check_prompts(prompts)
  n <- n_rows(prompts)
  id <- check_ids(id %||% seq_len(n), n)
  draws <- check_numeric(draws, "draws", n, min = 0, whole = TRUE,
                         finite = TRUE, recycle = TRUE)
  rows <- fixed_rows(prompts, id, draws, check_flag(stop, "stop"))
  control <- audit_control(
    sampler, batch_size, ledger, responses, max_tries, retry_wait, max_draws,
    max_seconds, max_cost, max_error_rate, refusal, ahead, parallel, progress
  )
  carry_out(start_audit(rows), control)
}

fixed_rows <- function(prompts, id, draws, stop) {
  rows <- data.frame(id = id)
  rows$prompt <- prompts
  rows$limit <- rep_len(draws, nrow(rows))
  rows$horizon <- rows$limit + 1
  rows$stop <- stop
  rows
}
