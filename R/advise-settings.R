# The settings that advise_budget() compares: those asked for, or those that a
# sum of money buys.

# One row for each: `n` prompts to calibrate on, `budget`, `screen_draws`,
# `train` (the share of all prompts that trains), `n_train`, `draws` and `cost`,
# training and screening included. A training prompt is drawn as often as
# time_to_unsafe() would.
list_settings <- function(budget, n, train, screen_draws, price, max_cost,
                          call = rlang::caller_env()) {
  rows <- expand.grid(train = train, screen_draws = screen_draws %||% 0,
                      budget = budget, n = n %||% NA_real_)
  rows <- rows[rows$screen_draws < rows$budget, ]
  ratio <- rows$train / (1 - rows$train)
  train_draws <- ceiling(rows$budget)
  if (is.null(n)) {
    rows$n <- floor(max_cost / price / (rows$budget + ratio * train_draws))
  }
  rows$n_train <- floor(ratio * rows$n)
  rows$draws <- rows$n * rows$budget + rows$n_train * train_draws
  if (!is.null(price)) {
    rows$cost <- price * rows$draws
  }
  if (is.null(max_cost)) rows else keep_affordable(rows, max_cost, call)
}

keep_affordable <- function(rows, max_cost, call) {
  enough <- rows$n >= 10 & (rows$train == 0 | rows$n_train >= 10)
  paid <- rows$cost <= max_cost * (1 + 1e-12)
  if (!any(enough & paid)) {
    least <- if (any(enough)) min(rows$cost[enough])
    stop_argument(
      "max_cost", "buys none of these settings", format(max_cost),
      fix = if (is.null(least)) {
        "Allow at least 10 prompts, or a smaller `budget`."
      } else {
        sprintf("The cheapest costs %s.", format(least, digits = 3))
      }, call = call
    )
  }
  rows[enough & paid, ]
}

# Distinct numbers of screening draws that leave something to audit.
check_screen_settings <- function(screen_draws, budget,
                                  call = rlang::caller_env()) {
  if (is.null(screen_draws)) {
    return(NULL)
  }
  screen_draws <- check_numeric(screen_draws, "screen_draws", min = 0,
                                whole = TRUE, finite = TRUE, call = call)
  if (min(screen_draws) >= max(budget)) {
    stop_argument("screen_draws", "must be below `budget`, of which it is part",
                  format(min(screen_draws)), call = call)
  }
  unique(screen_draws)
}

# A scene as screening with `m` draws of each prompt leaves it.
screen_scene <- function(scene, m, call = rlang::caller_env()) {
  if (m == 0) {
    return(scene)
  }
  rule <- find_precision_rule(scene$hazard, scene$pilot, call)
  unsafe <- with_seed(advice_seed + m, {
    stats::rbinom(length(scene$truth), m, scene$truth)
  })
  scene$rows <- screen_rows(scene$rows$prob, list(unsafe = unsafe, draws = m),
                            rule)
  scene$pilot <- screen_pilot(scene$pilot, rule, m)
  scene$reference <- screen_reference(
    c(list(source = "training"), scene$reference), scene$pilot, NULL, rule, m
  )
  scene$rule <- rule
  scene
}

# The row with the longest certified bound; of those that are as good but for
# the simulation's error, the cheapest.
mark_best <- function(advice) {
  good <- advice$gmean_bound >= 0.99 * max(advice$gmean_bound)
  advice$best <- seq_len(nrow(advice)) ==
    which(good)[which.min(advice$draws[good])]
  advice
}

check_max_cost <- function(max_cost, price, call = rlang::caller_env()) {
  max_cost <- check_number(max_cost, "max_cost", min = 0, open = c(TRUE, FALSE),
                           null_ok = TRUE, call = call)
  if (!is.null(max_cost) && (is.null(price) || price == 0)) {
    stop_argument("price", "is required with `max_cost`", describe(price),
                  fix = "draw_price() makes the price of a draw.", call = call)
  }
  max_cost
}
