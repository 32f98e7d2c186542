# estimate_risk(): the share of prompts with an unsafe draw among the first k,
# and how it looks. Derivation: methods vignette, "Population risk".

#' Estimate the risk of a population of prompts
#'
#' The share of prompts with an unsafe response among the first 1, 2, ... draws:
#' the cumulative incidence `F(k) = P(T <= k)` of the first unsafe response,
#' over prompts and draws, estimated from an audit. At `k = 1` it is the unsafe
#' rate per draw (the mean hazard over prompts).
#'
#' Each included prompt is weighted by the inverse of its inclusion probability;
#' the estimate is the weighted mean of what its draws say about `P(T <= k)`:
#' whether the first unsafe draw was among the first `k`, or, for draws whose
#' number was fixed, `S` unsafe of `m`, the unbiased `1 - choose(m - S, k) /
#' choose(m, k)`. With equal weights and draws that stop it is one minus the
#' Kaplan-Meier estimate of [survival::survfit()], with the same standard error.
#'
#' A plan draws risky prompts less often than safe ones: beyond their horizon
#' nothing is observed. Up to the smallest horizon of any prompt the estimate
#' requires no model (`basis` is `"design-based"`). Beyond it the model assists
#' (`"model-assisted"`): a prompt with depth `h < k` gets `P(T <= h)` from its
#' draws, and the rest from its estimated hazard `p`: of those still safe a
#' share `1 - (1 - p)^(k - h)` has an unsafe draw by `k`. Column
#' `share_modelled` is the weighted share of such prompts. Prompts that a plan
#' never draws, because their quantile is 1, have depth 0: with any of them even
#' the rate per draw is model-assisted.
#'
#' For `"naive"` plans, whose horizons are independent of the prompt, each
#' unsafe draw is weighted by the inverse probability that it could be observed,
#' which is unbiased up to the cap, and unstable.
#'
#' @param x A finished `audit` from [run_audit()] or [as_audit()]; an `lpb` from
#'   [calibrate_lpb()], whose audit is taken; `prompt_draws` from
#'   [draw_responses()] or a [response_log], whose refusals are safe, with at
#'   least one draw of each prompt: all have the same weight, and there is no
#'   model beyond the fewest draws.
#' @param k Numbers of draws: whole numbers of at least 1, in any order;
#'   duplicates count once. The default, `NULL`, takes about 40 between 1 and
#'   the longest horizon, evenly spread on a logarithmic scale, with the
#'   smallest horizon among them; for `prompt_draws` up to the fewest draws.
#' @param groups `NULL`, all prompts together; or, as in [calibrate_lpb()], a
#'   vector with one value for each row, or the name of a column: the risk of
#'   each group, from its own prompts.
#' @param conf.level Level of the confidence intervals, for each `k` by itself:
#'   strictly between 0 and 1.
#' @param side `"both"`, the default, for an interval with half of what may fail
#'   on each side; `"upper"` or `"lower"` for one limit with all of it.
#' @param object A `risk_estimate`.
#' @param ... Must be empty; for `plot()`, passed to [graphics::plot.default()].
#' @returns A data frame of class `risk_estimate` with one row for each `k`, in
#'   each group:
#'   * `group`: the group, or `"all"`;
#'   * `k`;
#'   * `n`: prompts it is estimated for;
#'   * `estimate`: `F(k)`; `NA` where no prompt was included;
#'   * `std.error`: linearised; sampling of prompts, inclusion and draws
#'     together;
#'   * `conf.low`, `conf.high`: the limits of [certify_risk()], extended to the
#'     estimate where luck has put one on its other side;
#'   * `basis`: `"design-based"` or `"model-assisted"`, of the estimate (not of
#'     the limits, which need no model to be right);
#'   * `interval`: `"exact"`, in finite samples, or `"approximate"`, where the
#'     plan does not meet an assumption (`print()` says which);
#'   * `share_modelled`.
#'
#'   [glance()][tidiers] gives the unsafe rate per draw of all prompts, and the
#'   largest design-based `k`. `plot()` returns `x`, invisibly, `autoplot()` a
#'   ggplot object.
#' @section Assumptions: Prompts are a random sample of the population; draws of
#'   a prompt are exchangeable (beyond its horizon: independent, with one
#'   hazard); the judge is right. The limits hold in finite samples, whatever
#'   the hazard; model-assisted estimates are as good as it is. Draws that
#'   failed permanently count as unsafe, so that the risk errs high; for the
#'   lower limit as safe.
#' @section Errors: `timetounsafe_error_unfinished` when draws are missing;
#'   `timetounsafe_error_plan`, `timetounsafe_error_argument`;
#'   `timetounsafe_error_unavailable` when ggplot2 is not installed.
#' @references Methods vignette, "Population risk". Hajek's estimator and its
#'   linearised variance: Sarndal, Swensson and Wretman (1992), Model Assisted
#'   Survey Sampling, sections 5.6 and 5.7.
#' @examples
#' set.seed(1)
#' p <- 10^runif(500, -4, -2)
#' hazard <- as_hazard(function(newdata) newdata$p)
#' plan <- plan_audit(hazard, as.character(1:500), budget = 50,
#'                    newdata = data.frame(p))
#' audit <- simulate_audit(plan, p)
#' risk <- estimate_risk(audit)
#' risk
#' plot(risk)
#' # The truth:
#' mean(p)
#' estimate_risk(audit, k = c(1, 10), groups = rep(c("a", "b"), 250))
#' @export
estimate_risk <- function(x, k = NULL, groups = NULL, conf.level = 0.95,
                          side = c("both", "upper", "lower"), ...) {
  check_no_dots(...)
  population <- read_population(x, groups)
  conf.level <- check_number(conf.level, "conf.level", 0, 1, c(TRUE, TRUE))
  side <- check_choice(side, c("both", "upper", "lower"), "side")
  k <- check_k(k, population)
  claim <- list(delta = 1 - conf.level, side = side, simultaneous = FALSE)
  new_risk_estimate(risk_rows(population, k, claim), population, claim)
}

# With what print() and glance() say of all prompts together.
new_risk_estimate <- function(table, population, claim) {
  audit <- population$audit
  depth <- population$depth
  all <- list(audit = audit, depth = depth, named = FALSE,
              parts = list(all = seq_along(depth)))
  rate <- risk_rows(all, 1, replace(claim, "simultaneous", FALSE))
  totals <- data.frame(
    nobs = length(depth), n_included = sum(audit$horizon > 0),
    draws = sum(audit$draws), n_refused = sum(audit$refused %||% NA_real_),
    n_groups = if (population$named) length(population$parts) else 0L,
    rate[c("estimate", "std.error", "conf.low", "conf.high")],
    conf.level = 1 - claim$delta, basis = rate$basis, k_design = min(depth)
  )
  claim$remarks <- claim_remarks(audit)
  claim$target <- target_lines(audit)
  new_table(table, "risk_estimate", row.names = seq_len(nrow(table)),
            totals = totals, claim = claim, modelled = !is.null(audit$prob))
}

# ---- The estimate ------------------------------------------------------------

# A row for each k, in each group; `claim` says how sure the limits are.
risk_rows <- function(population, k, claim) {
  parts <- population$parts
  claim$delta <- delta_of_group(claim$delta,
                                claim$simultaneous && population$named,
                                length(parts))
  exact <- length(claim_remarks(population$audit)) == 0L
  rows <- Map(function(group, at) {
    part <- take_part(population$audit, at)
    depth <- population$depth[at]
    table <- do.call(rbind, lapply(k, risk_by, part, depth))
    limits <- claim_limits(part, depth, k, claim)
    data.frame(
      group = group, k = k, n = length(at),
      table[c("estimate", "std.error")],
      # Luck along the order may put a limit on the other side of the estimate.
      conf.low = pmin(limits$low, table$estimate, na.rm = TRUE),
      conf.high = pmax(limits$high, table$estimate, na.rm = TRUE),
      basis = table$basis, interval = if (exact) "exact" else "approximate",
      share_modelled = table$share_modelled
    )
  }, names(parts), parts)
  do.call(rbind, unname(rows))
}

# The estimate at one k, without limits.
risk_by <- function(k, audit, depth) {
  weight <- prompt_weight(audit)
  short <- which(depth < k)
  modelled <- !is.null(audit$prob)
  basis <- if (length(short) == 0L) {
    "design-based"
  } else if (modelled) {
    "model-assisted"
  } else {
    "extrapolated"
  }
  total <- add_by_unit(weight, audit)
  ratio <- list(estimate = NA_real_, error = NA_real_)
  if (basis != "extrapolated") {
    seen <- unsafe_by(pmin(k, depth), audit)
    # Of the prompts that were safe so far, the share that the model expects.
    further <- numeric(length(depth))
    if (length(short) > 0L) {
      further[short] <- find_law(audit$constants)$further(
        take_part(audit, short), depth[short], k
      )
    }
    part <- weight * (further + (1 - further) * seen)
    ratio <- weighted_ratio(add_by_unit(part, audit), total)
  }
  data.frame(
    estimate = min(1, ratio$estimate), std.error = ratio$error, basis = basis,
    share_modelled = weighted_ratio(add_by_unit(weight * (depth < k), audit),
                                    total)$estimate
  )
}
