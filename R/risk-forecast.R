# forecast_risk(): the risk of more draws, or more prompts, than there were, by
# a distribution of hazards that is fitted to the counts. Derivation: methods
# vignette, "Forecasts".

#' Forecast the risk of more draws or more prompts
#'
#' `F(k) = P(T <= k)`, the share of prompts that go unsafe within `k` draws, for
#' numbers of draws that nobody made, and the worst of many prompts. **A
#' forecast without guarantee:** it assumes how hazards vary between prompts
#' where no draw can show it. What is certified, also beyond the draws made, is
#' less: see [certify_risk()]. [backtest_risk()] shows how well such a forecast
#' did on draws that were hidden from it.
#'
#' A distribution of hazards is fitted to the unsafe draws of each prompt:
#' * `"mixture"`: nonparametric. Masses on a grid of log hazards, by the EM
#'   algorithm from the beta fit to within 1 of the largest log-likelihood: it
#'   departs from the beta where the draws say so. The grid begins at the hazard
#'   of which a hundredth of a draw would be unsafe where most draws were made:
#'   prompts below cannot be told from prompts that are always safe, and no
#'   forecast says when they would go unsafe. It ends at a hazard of 1.
#' * `"beta"`: a beta-binomial distribution, two parameters. Smoother, and wrong
#'   where the hazards are not beta: with lognormal ones its forecast is too
#'   low.
#'
#' An audit draws risky prompts less often, so that the number of draws says
#' something about the hazard. Its forecast is therefore relative to the hazards
#' that were predicted: the distribution is that of the factor between a
#' prompt's hazard and a power of the predicted one, with an exponent that is
#' estimated, and all prompts of the plan count, those that were never drawn
#' included.
#'
#' For `n_prompts` further prompts, one fresh random sample from the same
#' population: the chance that any of them has an unsafe draw is exactly
#' `1 - (1 - F(k))^n_prompts`, so that it is as good as `F(k)`. The largest
#' hazard among them is a matter of the upper tail: `worst_prob` is that of the
#' fitted distribution, `worst_prob_tail` the extreme-value forecast of Jones et
#' al. (2025): over the `n_tail` prompts with the highest score `-log(-log(p))`
#' the logarithm of the share of prompts beyond a score is a line, which is
#' extended. Their scores are expectations given the counts and the fitted
#' mixture, because rates from a few dozen draws are mostly luck at the top.
#'
#' @param x A finished `audit` from [run_audit()] or [as_audit()]; an `lpb` from
#'   [calibrate_lpb()], whose audit is taken; `prompt_draws` from
#'   [draw_responses()]; or a [response_log], whose refusals are safe, and whose
#'   other responses without a verdict are left out.
#' @param k Numbers of draws of each prompt: whole numbers of at least 1, in any
#'   order; duplicates count once. Most useful beyond the draws that were made.
#' @param n_prompts How many further prompts: whole numbers of at least 1, for
#'   each of which there is a row for each `k`. `NULL`, the default, asks of
#'   single prompts only, and leaves those columns out.
#' @param model `"mixture"`, the default, whose bias was at most 0.06 where that
#'   of the beta was 0.23 (`bench/forecast.md`), or `"beta"`, whose forecasts
#'   vary less.
#' @param groups `NULL`, all prompts together; or, as in [calibrate_lpb()], a
#'   vector with one value for each prompt, or the name of a column: a forecast
#'   for each group, from its own prompts.
#' @param n_tail How many prompts the extreme-value forecast takes: a whole
#'   number of at least 3. The default is 10, as in the paper.
#' @param object A `risk_forecast`.
#' @param ... Must be empty; for `plot()`, passed to [graphics::plot.default()].
#' @returns A data frame of class `risk_forecast` with one row for each `k` (and
#'   each `n_prompts`), in each group:
#'   * `group`: the group, or `"all"`; `k`; `n`: prompts it is about;
#'   * `model`;
#'   * `estimate`: the forecast of `F(k)`; `NA` where no draw was unsafe, since
#'     there is nothing to extrapolate then;
#'   * `conf.low`, `conf.high`: `NA`; `basis`: `"extrapolated"`; `interval`:
#'     `"none"`. As in [estimate_risk()], so that the tables can be stacked;
#'   * with `n_prompts`: `n_prompts`; `risk_any`, the chance that at least one
#'     of that many prompts has an unsafe draw among its first `k`; `worst_prob`
#'     and `worst_prob_tail`, the median of the largest hazard among them, by
#'     the fitted distribution and by extreme values.
#'
#'   [glance()][tidiers] says what it was fitted to. `plot()` returns `x`,
#'   invisibly, `autoplot()` a ggplot object.
#' @section Assumptions: Prompts are a random sample of the population; draws of
#'   a prompt are independent, with one hazard; the number of draws of a prompt
#'   says no more about its hazard than the predicted hazard does; the judge is
#'   right. Beyond about twice the draws that were made the forecast depends on
#'   the shape of the distribution near 0, which no draw shows. Draws of an
#'   audit or of [draw_responses()] that failed permanently count as unsafe.
#' @section Errors: `timetounsafe_error_unfinished` when draws are missing;
#'   `timetounsafe_error_plan`, `timetounsafe_error_argument`;
#'   `timetounsafe_error_unavailable` when ggplot2 is not installed.
#' @references Methods vignette, "Forecasts". Jones, E., Tong, M., Mu, J. et al.
#'   (2025). Forecasting rare language model behaviors.
#'   \doi{10.48550/arXiv.2502.16797}
#' @examples
#' set.seed(1)
#' p <- rbeta(300, 0.3, 10)
#' draws <- draw_responses(as.character(1:300), function(prompts) {
#'   runif(length(prompts)) < p[as.integer(prompts)]
#' }, draws = 20)
#' forecast <- forecast_risk(draws, k = c(20, 50, 100, 200))
#' forecast
#' # The truth:
#' sapply(c(20, 50, 100, 200), function(k) mean(1 - (1 - p)^k))
#' forecast_risk(draws, k = 1, n_prompts = c(100, 10000))
#' @export
forecast_risk <- function(x, k, n_prompts = NULL, model = c("mixture", "beta"),
                          groups = NULL, n_tail = 10, ...) {
  check_no_dots(...)
  x <- forecast_population(x)
  k <- sort(unique(check_numeric(k, "k", min = 1, whole = TRUE, finite = TRUE)))
  if (!is.null(n_prompts)) {
    n_prompts <- sort(unique(check_numeric(n_prompts, "n_prompts", min = 1,
                                           whole = TRUE, finite = TRUE)))
  }
  model <- check_choice(model, c("mixture", "beta"), "model")
  n_tail <- check_number(n_tail, "n_tail", min = 3, whole = TRUE)
  if (!is.null(groups)) {
    groups <- droplevels(read_groups(groups, x))
  }
  audit <- plan_parts(x)
  parts <- if (is.null(groups)) {
    list(all = seq_along(audit$draws))
  } else {
    split(seq_along(audit$draws), groups)
  }
  each <- Map(function(group, at) {
    part <- forecast_part(count_cells(audit, at), k, n_prompts, model, n_tail)
    part$table <- data.frame(group = group, part$table[1L], n = length(at),
                             part$table[-1L])
    part
  }, names(parts), parts)
  table <- do.call(rbind, lapply(each, `[[`, "table"))
  totals <- do.call(rbind, lapply(each, `[[`, "totals"))
  new_risk_forecast(table, totals, model, length(parts) * !is.null(groups),
                    sum(audit$refused %||% NA_real_))
}

# For tidy(), glance() and print(): of all groups together.
new_risk_forecast <- function(table, totals, model, n_groups, n_refused) {
  one <- data.frame(
    model = model, nobs = sum(totals$nobs), n_drawn = sum(totals$n_drawn),
    draws = sum(totals$draws), unsafe = sum(totals$unsafe),
    n_refused = n_refused, draws_max = max(totals$draws_max),
    n_groups = n_groups,
    share_unseen = stats::weighted.mean(totals$share_unseen, totals$nobs)
  )
  new_table(table, "risk_forecast", row.names = seq_len(nrow(table)),
            totals = one)
}

# ---- What is known of each prompt --------------------------------------------

# A finished audit or prompt_draws, of whatever has draws.
forecast_population <- function(x, call = rlang::caller_env()) {
  if (missing(x)) {
    stop_missing("x", call)
  }
  if (inherits(x, "response_log")) {
    x <- log_as_draws(x, call)
  }
  check_population(x, call)
}

# Each prompt of a log as if it had been asked for as often as it was drawn, or,
# where drawing stopped, as often as any.
log_as_draws <- function(log, call) {
  outcome <- read_outcomes(validate_response_log(log, "x", call), arg = "x",
                           call = call)
  id <- unique(as.character(log$id))
  keep <- outcome$draws > 0
  if (!any(keep)) {
    stop_argument("x", "must contain a response with a verdict", call = call)
  }
  unsafe <- outcome$unsafe[keep]
  draws <- outcome$draws[keep]
  stop <- outcome$stop[keep]
  new_prompt_draws(data.frame(
    id = id[keep], prompt = outcome$prompts[keep],
    limit = ifelse(stop, max(draws), draws), stop = stop, draws = draws,
    unsafe = unsafe, refused = outcome$refused[keep],
    time = draws, status = as.numeric(unsafe > 0), unused = 0,
    failed = FALSE
  ))
}

# The rows `at` of an audit in parts, as fit_mixing() takes them.
count_cells <- function(audit, at) {
  lacking <- ifelse(audit$stop, audit$unsafe == 0, audit$limit - audit$draws)
  lacking <- ifelse(audit$failed, lacking, 0)
  prob <- audit$prob %||% rep(0.5, length(audit$draws))
  offset <- log(-log1p(-pmin(pmax(prob, 1e-12), 1 - 1e-9)))
  new_cells((audit$unsafe + lacking)[at], (audit$draws + lacking)[at],
            prompt_weight(audit)[at], offset[at], offset[at])
}

# ---- The forecast of one group -----------------------------------------------

forecast_part <- function(cells, k, n_prompts, model, n_tail) {
  fit <- if (can_forecast(cells)) fit_mixing(cells, model)
  risk <- if (is.null(fit)) {
    rep(NA_real_, length(k))
  } else {
    vapply(k, function(k) 1 - fit$safe(k), 0)
  }
  table <- data.frame(
    k = k, model = model, estimate = pmin(1, pmax(0, risk)),
    conf.low = NA_real_, conf.high = NA_real_, basis = "extrapolated",
    interval = "none"
  )
  if (!is.null(n_prompts)) {
    worst <- forecast_worst(fit, cells, n_prompts, n_tail)
    row <- rep(seq_along(k), each = length(n_prompts))
    worst <- worst[rep(seq_along(n_prompts), length(k)), ]
    table <- table[row, ]
    any <- -expm1(worst$n_prompts * log1p(-table$estimate))
    table <- cbind(table, worst["n_prompts"], risk_any = any, worst[-1L])
  }
  deepest <- max(cells$draws, 0)
  list(table = table, totals = data.frame(
    nobs = length(cells$all), n_drawn = length(cells$draws),
    draws = sum(cells$draws), unsafe = sum(cells$unsafe), draws_max = deepest,
    share_unseen = if (is.null(fit)) NA_real_ else 1 - fit$beyond(1 / deepest)
  ))
}

forecast_worst <- function(fit, cells, n_prompts, n_tail) {
  if (is.null(fit)) {
    return(data.frame(n_prompts = n_prompts, worst_prob = NA_real_,
                      worst_prob_tail = NA_real_))
  }
  tail <- if (is.null(fit$scores)) fit_mixture(cells, fit) else fit
  data.frame(
    n_prompts = n_prompts, worst_prob = worst_hazard(fit, n_prompts),
    worst_prob_tail = tail_hazard(tail$scores, cells$weight, n_prompts,
                                  n_tail)
  )
}
