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
#'   [draw_responses()] or a [response_log], with at least one draw of each
#'   prompt: all have the same weight, and there is no model beyond the fewest
#'   draws.
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

# ---- For whom ----------------------------------------------------------------

# list(audit, depth, parts): the audit in parts, how many draws of each prompt
# are made, or would be if it were included, and the rows of each group (`named`
# says whether there are any).
read_population <- function(x, groups, call = rlang::caller_env()) {
  x <- check_population(x, call)
  if (!is.null(groups)) {
    groups <- droplevels(read_groups(groups, x, call))
  }
  audit <- plan_parts(x)
  if (!is_planned(x)) {
    # As a plan would have.
    audit$order <- order_by_id(audit$id)
  }
  rows <- seq_along(audit$limit)
  list(audit = audit, depth = sampled_depth(audit),
       parts = if (is.null(groups)) list(all = rows) else split(rows, groups),
       named = !is.null(groups))
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
    draws = sum(audit$draws),
    n_groups = if (population$named) length(population$parts) else 0L,
    rate[c("estimate", "std.error", "conf.low", "conf.high")],
    conf.level = 1 - claim$delta, basis = rate$basis, k_design = min(depth)
  )
  claim$remarks <- claim_remarks(audit)
  structure(table, row.names = seq_len(nrow(table)), totals = totals,
            claim = claim, modelled = !is.null(audit$prob),
            class = c("risk_estimate", "data.frame"))
}

# Of a plan, or of draw_responses(), which has none.
check_population <- function(x, call = rlang::caller_env()) {
  if (missing(x)) {
    stop_missing("x", call)
  }
  if (inherits(x, "response_log")) {
    x <- draws_of_log(x, call)
  }
  if (inherits(x, "lpb")) {
    return(x$audit)
  }
  if (is.data.frame(x) && all(outcome_columns %in% names(x))) {
    # Before check_audit(), which speaks of calibration.
    refuse_unfinished(x, "Finished prompts are not a random subset.", "x", call)
  }
  draws <- inherits(x, "prompt_draws") || inherits(x, "audit") && !is_planned(x)
  if (!draws) {
    if (!is.data.frame(x)) {
      stop_argument("x", "must be an audit, prompt_draws, a response_log or an lpb", describe(x),
                    call = call)
    }
    return(check_audit(x, "x", call))
  }
  if (any(x$limit < 1)) {
    stop_argument("x", "must have a draw of each prompt",
                  paste("none of", list_names(x$id[x$limit < 1][1L])),
                  call = call)
  }
  # As a plan's: all that was asked for was to be seen.
  x$horizon <- x$limit + 1
  safe <- x$status == 0
  x$time[safe] <- x$horizon[safe]
  x
}

# A log in the form of prompt_draws: draws that gave no verdict have failed, so
# that they count against what is claimed; refusals are safe.
draws_of_log <- function(x, call = rlang::caller_env()) {
  validate_response_log(x, "x", call)
  x <- x[order(x$draw), , drop = FALSE]
  ids <- unique(x$id)
  verdict <- as.logical(x$unsafe)
  verdict[x$status == "refused"] <- FALSE
  stop <- outcomes_of_log(x, "x", call)$stop[1L]
  parts <- split(verdict, factor(x$id, ids))
  rows <- do.call(rbind, lapply(parts, count_verdicts, stop))
  rows <- data.frame(id = ids, stop = stop, rows, row.names = NULL)
  if (stop && any(rows$status == 0)) {
    # Those that ended early would have been drawn as often as the others.
    rows$limit <- pmax(rows$limit, min(rows$limit[rows$status == 0]))
  }
  class(rows) <- c("prompt_draws", "data.frame")
  rows
}

# Of one prompt, in the order of its draws; NA where one failed.
count_verdicts <- function(verdict, stop) {
  first <- which(is.na(verdict) | verdict)
  ended <- stop && length(first) > 0L
  used <- if (ended) verdict[seq_len(first[1L])] else verdict
  data.frame(
    limit = length(used), draws = sum(!is.na(used)),
    unsafe = sum(used, na.rm = TRUE),
    time = if (length(first) > 0L) first[1L] else length(used),
    status = as.numeric(length(first) > 0L), failed = anyNA(used), unused = 0
  )
}

# How many draws of each prompt are made, or would be if it were included.
sampled_depth <- function(audit) {
  if (design_of(audit)$always) {
    return(rep(audit$constants$cap - 1, length(audit$limit)))
  }
  pmax(audit$limit, reachable_quantile(audit) - 1)
}

check_k <- function(k, population, beyond = FALSE,
                    call = rlang::caller_env()) {
  audit <- population$audit
  depth <- population$depth
  modelled <- !is.null(audit$prob)
  if (is.null(k)) {
    longest <- if (modelled) max(1, audit$horizon - 1) else min(depth)
    grid <- round(exp(seq(0, log(longest), length.out = 40)))
    # The last design-based one is among them.
    smallest <- max(1, min(depth, longest))
    return(sort(unique(c(grid, smallest))))
  }
  k <- check_numeric(k, "k", min = 1, whole = TRUE, finite = TRUE, call = call)
  if (length(k) == 0L) {
    stop_argument("k", "must contain at least one number of draws", call = call)
  }
  if (!modelled && !beyond && any(k > min(depth))) {
    stop_argument(
      "k", sprintf("must not exceed %.0f, the fewest draws of a prompt",
                   min(depth)),
      format(max(k)), call = call,
      fix = paste("Beyond it there are neither draws nor a model;",
                  "certify_risk() has limits there, too.")
    )
  }
  sort(unique(k))
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
    ratio <- weighted_ratio(weight * (further + (1 - further) * seen), weight)
  }
  data.frame(
    estimate = min(1, ratio$estimate), std.error = ratio$error, basis = basis,
    share_modelled = weighted_ratio(weight * (depth < k), weight)$estimate
  )
}

# An unbiased estimate of P(T <= time) for each prompt, where `time`, one value
# for each, is within its depth.
unsafe_by <- function(time, audit) {
  seen <- design_of(audit)$loss(audit, time + 1)
  if (design_of(audit)$always) {
    at <- which(seen > 0)
    seen[at] <- seen[at] / reach_beyond(audit, audit$time)[at]
  }
  seen
}

# The largest weight that an unsafe draw by this time can have.
heaviest_by <- function(time, audit) {
  if (design_of(audit)$always) {
    return(1 / reach_beyond(audit, min(time, audit$constants$cap - 1))[1L])
  }
  largest_weight(audit)
}
