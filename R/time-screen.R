# Screening within time_to_unsafe(): the draws between training and plan, and
# how the budget is divided.

check_screen_draws <- function(screen_draws, budget, cluster,
                               call = rlang::caller_env()) {
  screen_draws <- check_number(screen_draws, "screen_draws", min = 1,
                               whole = TRUE, null_ok = TRUE, call = call)
  if (!is.null(screen_draws) && budget <= screen_draws && !is.null(cluster)) {
    stop_argument(
      "budget", sprintf("must exceed `screen_draws` = %s with `cluster`",
                        format(screen_draws)), format(budget), call = call
    )
  }
  screen_draws
}

# What is left of the budget for the audit. A budget that screening would use up
# is spent on fewer prompts, half of it on screening.
audit_budget <- function(budget, screen_draws) {
  if (is.null(screen_draws)) {
    budget
  } else if (budget > screen_draws) {
    budget - screen_draws
  } else {
    screen_draws
  }
}

# The rows to screen, in an order that does not depend on random numbers: a
# ledger has them again. A random part of them where the budget is too small
# for all.
rows_to_screen <- function(task, rest) {
  rest <- sort(rest)
  m <- task$screen_draws
  if (task$total > m) {
    return(rest)
  }
  size <- floor(length(rest) * task$total / (2 * m))
  seed <- seed_of(c("screen", as_text(task$id[rest])))
  sort(rest[with_seed(seed, sample.int(length(rest), max(1, size)))])
}

# As if one prompt in ten had been unsafe once.
rehearse_screening <- function(task, rest) {
  if (!is.null(task$screen_draws)) {
    data.frame(unsafe = as.numeric(seq_along(rest) %% 10 == 1),
               draws = task$screen_draws)
  }
}
