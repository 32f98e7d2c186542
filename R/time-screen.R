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
  if (task$total_budget > m) {
    return(rest)
  }
  size <- floor(length(rest) * task$total_budget / (2 * m))
  seed <- seed_of(c("screen", as_text(task$id[rest])))
  sort(rest[with_seed(seed, sample.int(length(rest), max(1, size)))])
}

# The screening draws, from the ledger where they are there.
draw_screening <- function(task, rest, training, call) {
  run <- task$run
  run$ledger <- task$paths$screening
  rows <- fixed_rows(take_rows(task$prompts, rest), task$id[rest],
                     task$screen_draws, FALSE)
  screened <- carry_out(start_audit(rows), run, call)
  stop_if_unfinished(screened, run, training, call, "screening")
  screened
}

# As if one prompt in ten had been unsafe once.
rehearse_screening <- function(task, rest) {
  if (!is.null(task$screen_draws)) {
    data.frame(unsafe = as.numeric(seq_along(rest) %% 10 == 1),
               draws = task$screen_draws)
  }
}
