# The settings that advise_budget() compares: those asked for, or those that a
# sum of money buys.

# One row for each: `n` prompts to calibrate on, `budget`, `train` (the share of
# all prompts that trains), `n_train`, `draws` and `cost`, training included. A
# training prompt is drawn as often as time_to_unsafe() would.
list_settings <- function(budget, n, train, price, max_cost,
                          call = rlang::caller_env()) {
  rows <- expand.grid(train = train, budget = budget, n = n %||% NA_real_)
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
