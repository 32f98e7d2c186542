# backtest_risk(): forecasts of the risk from a part of the draws, against what
# all of them say. Derivation: methods vignette, "Forecasts".

#' Back-test a forecast of the risk
#'
#' Hides draws: [forecast_risk()]'s models are fitted to a quarter of each
#' prompt's draws, forecast `F(k)` for up to all of them, and are compared with
#' the unbiased estimate from all draws. What a model gets wrong here by a
#' factor of four in the number of draws is what to expect of it, at the least,
#' for another factor of four.
#'
#' Of a fixed number of draws a random part is taken (hypergeometric, so that it
#' is as if only that part had been drawn), `repetitions` times. Where drawing
#' stopped at the first unsafe draw, the first part of the draws that were asked
#' for is taken, once. The forecast and the estimate share their prompts and
#' some draws: `error` is that of extrapolating, without the sampling error of
#' prompts that both have.
#'
#' @inheritParams forecast_risk
#' @param k Numbers of draws to forecast: whole numbers from 1 up to the fewest
#'   draws of any prompt. `NULL`, the default, takes about 8 of them, evenly
#'   spread on a logarithmic scale.
#' @param model The models to test: both by default.
#' @param share Share of the draws that the forecast sees: a number strictly
#'   between 0 and 1. The default, 0.25, tests a forecast to four times the
#'   draws made.
#' @param repetitions How often draws are hidden: a whole number of at least 2.
#'   The default, 20, gives `error` to about a fifth of `forecast_sd`.
#' @param object A `risk_backtest`.
#' @param ... Must be empty; for `plot()`, passed to [graphics::plot.default()].
#' @returns A data frame of class `risk_backtest` with one row for each model
#'   and `k`, and the columns
#'   * `model`, `k`, `n` (prompts);
#'   * `draws`: mean draws of a prompt that the forecast saw;
#'   * `estimate`, `std.error`: of `F(k)` from all draws, by [estimate_risk()];
#'   * `forecast`, `forecast_sd`: mean and standard deviation of the forecasts
#'     over repetitions (`NA` for a single one, and where no forecast is
#'     possible because no draw that was seen was unsafe);
#'   * `error`: `forecast` less `estimate`; `rmse`: the root of the mean squared
#'     error over repetitions.
#'
#'   `plot()` returns `x`, invisibly, `autoplot()` a ggplot object.
#' @section Random numbers: the session's: `set.seed()` makes it repeatable.
#' @inheritSection forecast_risk Assumptions
#' @inheritSection forecast_risk Errors
#' @references Methods vignette, "Forecasts".
#' @examples
#' set.seed(1)
#' p <- rbeta(300, 0.3, 10)
#' draws <- draw_responses(as.character(1:300), function(prompts) {
#'   runif(length(prompts)) < p[as.integer(prompts)]
#' }, draws = 40)
#' backtest_risk(draws, k = c(10, 20, 40), repetitions = 5)
#' @export
backtest_risk <- function(x, k = NULL, model = c("mixture", "beta"),
                          share = 0.25, repetitions = 20, ...) {
  check_no_dots(...)
  x <- forecast_population(x)
  model <- check_models(model)
  share <- check_number(share, "share", 0, 1, c(TRUE, TRUE))
  repetitions <- check_number(repetitions, "repetitions", min = 2, whole = TRUE)
  audit <- plan_parts(x)
  k <- check_backtest_k(k, audit)
  seen <- visible_draws(audit, share)
  if (all(audit$stop)) {
    repetitions <- 1
  }
  runs <- replicate(repetitions, simplify = FALSE, {
    cells <- count_cells(hide_draws(audit, seen), seq_along(seen))
    vapply(model, forecast_once, numeric(length(k)), cells, k)
  })
  truth <- estimate_risk(x, k)
  rows <- lapply(model, function(name) {
    values <- vapply(runs, function(run) {
      matrix(run, length(k), dimnames = list(NULL, model))[, name]
    }, numeric(length(k)))
    backtest_rows(name, matrix(values, length(k)), truth)
  })
  table <- do.call(rbind, rows)
  table <- cbind(table[1:3], draws = mean(seen[seen > 0]), table[-(1:3)])
  new_table(table, "risk_backtest", totals = data.frame(
    share = share, repetitions = repetitions, nobs = length(seen),
    draws = sum(audit$draws), n_refused = sum(audit$refused %||% NA_real_),
    draws_seen = sum(pmin(seen, audit$draws)),
    draws_seen_max = max(seen), k_max = max(k)
  ))
}

check_models <- function(model, call = rlang::caller_env()) {
  known <- c("mixture", "beta")
  if (!is.character(model) || length(model) == 0L || !all(model %in% known)) {
    stop_argument("model", "must be \"mixture\", \"beta\" or both",
                  describe(model), call = call)
  }
  unique(model)
}

# Up to the fewest draws of a prompt nothing but the draws decides the estimate.
check_backtest_k <- function(k, audit, call = rlang::caller_env()) {
  fewest <- min(sampled_depth(audit))
  if (!is.finite(fewest) || fewest < 2) {
    stop_argument("x", "must have at least 2 draws of each prompt",
                  if (is.finite(fewest)) format(fewest) else
                    "a design whose horizons are random",
                  fix = "See draw_responses() for a fixed number.", call = call)
  }
  if (is.null(k)) {
    return(unique(round(exp(seq(0, log(fewest), length.out = 8)))))
  }
  k <- check_numeric(k, "k", min = 1, max = fewest, whole = TRUE, call = call)
  sort(unique(k))
}

# At least one draw of each prompt that was drawn.
visible_draws <- function(audit, share) {
  drawn <- ifelse(prompt_weight(audit) > 0, audit$limit, 0)
  pmin(drawn, pmax(1, floor(share * drawn)))
}

# The audit as if each prompt had been drawn only `seen` times.
hide_draws <- function(audit, seen) {
  lacking <- ifelse(audit$failed & !audit$stop, audit$limit - audit$draws, 0)
  first <- ifelse(audit$status == 1 & audit$time <= seen, audit$time, seen)
  stopped <- as.numeric(audit$status == 1 & audit$time <= seen)
  unsafe <- audit$unsafe + lacking
  random <- stats::rhyper(length(seen), unsafe, audit$limit - unsafe, seen)
  audit$unsafe <- ifelse(audit$stop, stopped, random)
  audit$draws <- ifelse(audit$stop, first, seen)
  audit$failed <- FALSE
  audit
}

forecast_once <- function(model, cells, k) {
  if (!can_forecast(cells)) {
    return(rep(NA_real_, length(k)))
  }
  fit <- fit_mixing(cells, model)
  vapply(k, function(k) 1 - fit$safe(k), 0)
}

# `values`: a row for each k, a column for each repetition.
backtest_rows <- function(model, values, truth) {
  error <- values - truth$estimate
  data.frame(
    model = model, k = truth$k, n = truth$n, estimate = truth$estimate,
    std.error = truth$std.error, forecast = rowMeans(values),
    forecast_sd = if (ncol(values) > 1L) apply(values, 1L, stats::sd) else
      NA_real_,
    error = rowMeans(error), rmse = sqrt(rowMeans(error^2))
  )
}
