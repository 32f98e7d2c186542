# How draws are made: retries, waits, limits, batches, ledger.

audit_control <- function(sampler, batch_size, ledger, responses, max_tries,
                          retry_wait, max_draws, max_seconds, max_cost,
                          max_error_rate, refusal, ahead, parallel, progress,
                          call = rlang::caller_env()) {
  at_most <- function(x, arg) {
    check_number(x, arg, min = 0, finite = FALSE, call = call)
  }
  list(
    sampler = new_sampler(sampler, call),
    batch_size = check_number(batch_size, "batch_size", min = 1, max = 1e8,
                              whole = TRUE, call = call),
    ledger = if (!is.null(ledger)) check_ledger(ledger, call),
    responses = check_flag(responses, "responses", call = call),
    max_tries = check_number(max_tries, "max_tries", min = 1, whole = TRUE,
                             call = call),
    retry_wait = check_number(retry_wait, "retry_wait", min = 0, call = call),
    max_draws = floor(at_most(max_draws, "max_draws")),
    max_seconds = at_most(max_seconds, "max_seconds"),
    max_cost = at_most(max_cost, "max_cost"),
    max_error_rate = check_number(max_error_rate, "max_error_rate", min = 0,
                                  max = 1, call = call),
    refusal = check_choice(refusal, c("safe", "unsafe", "error"), "refusal",
                           call = call),
    ahead = check_flag(ahead, "ahead", call = call),
    parallel = use_daemons(parallel, call),
    progress = check_flag(progress, "progress", call = call)
  )
}
