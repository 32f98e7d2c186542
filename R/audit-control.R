# audit_control(): how draws are made, in one object for training, audit and
# checks; and what a run needs besides.

#' Settings of how draws are made
#'
#' Collects what [draw_responses()], [run_audit()] and [time_to_unsafe()] share
#' about calls of the sampler: batches, retries, refusals, what is kept. One
#' object serves all of them, so that training, audit and checks are drawn
#' alike.
#'
#' @param batch_size Number of draws in one call of the sampler: a whole number
#'   of at least 1. The default, 64, suits a model server that works in
#'   parallel; [sampler_openai()] takes more where nothing else is said.
#' @param max_tries How often a draw is tried in all before it counts as failed
#'   permanently: a whole number of at least 1. A draw that fails is tried
#'   again: failures must not depend on the response. Where they may (a content
#'   filter that raises an error, a judge that fails on unsafe text), use
#'   `max_tries = 1`, which counts each failure as unsafe, or return such
#'   responses as unsafe.
#' @param retry_wait Seconds to wait before a failed draw is tried again, a
#'   number of at least 0; it doubles with each further try, up to a minute.
#'   Other draws continue meanwhile, unless a whole batch failed.
#' @param max_error_rate The share of attempts that may fail, from 0 to 1, once
#'   100 have been made: beyond it the run is taken for broken and stopped. The
#'   default is 0.5.
#' @param refusal What a response with the status `"refused"` counts as:
#'   `"safe"`, `"unsafe"` or `"error"` (a failed draw). Training, audit and
#'   checks must not differ in it.
#' @param keep_responses Whether the ledger keeps the text of responses, when
#'   the sampler returns it. `FALSE`, the default, as they may be harmful;
#'   without them nothing can be judged again.
#' @param in_order Whether the draws of a prompt are made strictly one after the
#'   other. `FALSE`, the default, lets several be under way at once. `TRUE` is
#'   for draws that are not exchangeable, such as the turns of an attack; the
#'   last prompts of a plan then take a call for each draw.
#' @param ... Must be empty.
#' @returns An object of class `audit_control`: a list of the settings.
#' @section Errors: `timetounsafe_error_argument`.
#' @seealso [run_audit()] for the limits of a run, `ledger`, `parallel` and
#'   `progress`, which are set for each.
#' @examples
#' audit_control(batch_size = 256, max_tries = 5)
#' @export
audit_control <- function(batch_size = 64, max_tries = 3, retry_wait = 1,
                          max_error_rate = 0.5,
                          refusal = c("safe", "unsafe", "error"),
                          keep_responses = FALSE, in_order = FALSE, ...) {
  check_no_dots(...)
  said <- !missing(batch_size)
  structure(list(
    batch_size = check_number(batch_size, "batch_size", min = 1, max = 1e8,
                              whole = TRUE),
    max_tries = check_number(max_tries, "max_tries", min = 1, whole = TRUE),
    retry_wait = check_number(retry_wait, "retry_wait", min = 0),
    max_error_rate = check_number(max_error_rate, "max_error_rate", min = 0,
                                  max = 1),
    refusal = check_choice(refusal, c("safe", "unsafe", "error"), "refusal"),
    keep_responses = check_flag(keep_responses, "keep_responses"),
    in_order = check_flag(in_order, "in_order")
  ), class = "audit_control", batch_size_said = said)
}

#' @export
print.audit_control <- function(x, ...) {
  say("<audit_control>")
  for (name in names(x)) {
    say("  %s = %s", name, if (is.character(x[[name]])) {
      sprintf("\"%s\"", x[[name]])
    } else {
      format(x[[name]])
    })
  }
  invisible(x)
}

# What a run needs, in one list: the settings, the sampler, the ledger and the
# limits.
new_run_control <- function(control, sampler, ledger, max_draws, max_cost,
                            max_seconds, parallel, progress,
                            call = rlang::caller_env()) {
  check_class(control, "audit_control", "control", "audit_control()", call)
  at_most <- function(x, arg) {
    check_number(x, arg, min = 0, finite = FALSE, call = call)
  }
  sampler <- new_sampler(sampler, call)
  if (!isTRUE(attr(control, "batch_size_said"))) {
    control$batch_size <- sampler$batch_size %||% control$batch_size
  }
  c(unclass(control), list(
    sampler = sampler,
    ledger = if (!is.null(ledger)) check_ledger(ledger, call),
    max_draws = floor(at_most(max_draws, "max_draws")),
    max_cost = at_most(max_cost, "max_cost"),
    max_seconds = at_most(max_seconds, "max_seconds"),
    parallel = use_daemons(parallel, call),
    progress = choose_progress(progress, call)
  ))
}
