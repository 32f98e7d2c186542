# advise_budget(): the whole way simulated before a draw is paid for, and how
# the advice looks. What is predicted: methods vignette, "The certificate".

#' What a budget buys, before anything is spent
#'
#' Simulates the whole way from plan to bound with the estimated hazards taken
#' for true, for a range of budgets and numbers of prompts: how long the bounds
#' become, how far the certified coverage will lie above its target, and whether
#' there are prompts enough to certify anything.
#'
#' Each row plans as [plan_audit()] would, makes outcomes, and calibrates,
#' `repetitions` times. The margin is what the certificate costs: the mean
#' coverage less `1 - alpha`. A hazard that is off makes the true coverage vary
#' more between prompts, and the margin somewhat larger.
#'
#' @param hazard A `hazard_fit` from [fit_hazard()] or [as_hazard()].
#' @param x Features of prompts like those to calibrate on, in the form that
#'   `hazard` was trained on.
#' @param budget Numeric vector: mean draws per prompt, see [plan_audit()]. The
#'   default spans what is usual.
#' @param n Whole numbers of at least 10: how many prompts to calibrate on. By
#'   default as many as `x` has. For another number prompts are taken from `x`
#'   at random, again and again if there are fewer.
#' @param price `NULL`, or the price of a draw: adds a column `cost`.
#' @param repetitions Whole number of at least 10: simulated calibrations for
#'   each row. The default, 100, gives margins to about a tenth of the standard
#'   error of a calibration.
#' @inheritParams plan_audit
#' @returns A data frame of class `budget_advice` with one row for each `n` and
#'   `budget`, and the columns
#'   * `n`, `budget`, `draws` (their product), `cost`;
#'   * `tau_prior`, `weight_limit`: of the policy, see [plan_audit()];
#'   * `least_n`: the smallest number of prompts that can certify anything with
#'     this budget, `NA` without `delta`;
#'   * `coverage`, `coverage_sd`: mean and standard deviation over calibrations
#'     of the bound's coverage; `margin`, `margin_se`: its mean above the
#'     target, and the Monte Carlo error of that;
#'   * `bound`: the geometric mean of the bounds, `point_bound`: that of the
#'     point rule;
#'   * `trivial`: the share of calibrations with no bound above 1.
#' @section Errors: `timetounsafe_error_argument`,
#'   `timetounsafe_error_features`.
#' @section Assumptions: The hazards are right. See [calibrate_lpb()] for those
#'   of the bound itself.
#' @references Methods vignette, "The certificate".
#' @examples
#' set.seed(1)
#' hazard <- as_hazard(function(newx) newx$p)
#' x <- data.frame(p = 10^runif(1000, -3, -1.5))
#' advice <- advise_budget(hazard, x, budget = c(10, 100), repetitions = 20)
#' advice
#' @export
advise_budget <- function(hazard, x, budget = c(5, 10, 20, 50, 100, 200, 500),
                          n = NULL, alpha = 0.1, delta = 0.1,
                          method = c("replicated", "optimized", "trimmed",
                                     "basic", "naive"),
                          tau_prior = NULL, max_weight = 100, cap = NULL,
                          price = NULL, repetitions = 100, ...) {
  check_no_dots(...)
  check_class(hazard, "hazard_fit", "hazard", "fit_hazard() or as_hazard()")
  if (missing(x)) {
    stop_missing("x")
  }
  prob <- predict_hazard(hazard, x, "x")
  budget <- check_numeric(budget, "budget", min = 0, open = c(TRUE, FALSE),
                          finite = TRUE)
  n <- check_numeric(n %||% length(prob), "n", min = 10, whole = TRUE,
                     finite = TRUE)
  price <- check_price(price)
  repetitions <- check_number(repetitions, "repetitions", min = 10,
                              whole = TRUE)
  pilot <- if (is.null(tau_prior)) new_pilot(hazard)
  design <- list(prob = hazard$fitted %||% prob)
  rows <- expand.grid(budget = budget, n = n)
  rows <- Map(function(budget, n) {
    policy <- new_policy(method, budget, alpha, delta, tau_prior, max_weight,
                         cap)
    policy <- choose_tau_prior(policy, pilot, n)
    advise_row(policy, prob, prior_quantile(design, policy), n, repetitions)
  }, rows$budget, rows$n)
  advice <- do.call(rbind, rows)
  if (!is.null(price)) {
    advice$cost <- price * advice$draws
  }
  structure(advice, alpha = alpha, delta = delta,
            class = c("budget_advice", "data.frame"))
}

# One row. `quantile` are the prior quantiles of the design prompts.
advise_row <- function(policy, prob, quantile, n, repetitions) {
  fixed <- fix_policy(policy, quantile, n)
  runs <- vapply(seq_len(repetitions), function(r) {
    advise_once(fixed, if (n == length(prob)) {
      prob
    } else {
      prob[sample.int(length(prob), n, replace = n > length(prob))]
    })
  }, numeric(4))
  coverage <- runs["coverage", ]
  data.frame(
    n = n, budget = policy$budget, draws = n * policy$budget,
    tau_prior = policy$tau_prior, weight_limit = fixed$weight_limit,
    least_n = least_prompts(policy, quantile),
    coverage = mean(coverage), coverage_sd = stats::sd(coverage),
    margin = mean(coverage) - (1 - policy$alpha),
    margin_se = stats::sd(coverage) / sqrt(repetitions),
    bound = exp(mean(runs["bound", ])),
    point_bound = exp(mean(runs["point_bound", ])),
    trivial = mean(runs["trivial", ])
  )
}

# One calibration, without the checks and the data frames of a real one.
advise_once <- function(policy, prob) {
  rows <- list(prob = prob)
  audit <- c(rows, draw_inclusion(prior_quantile(rows, policy), policy))
  audit$order <- sample.int(length(prob))
  audit$failed <- FALSE
  audit$constants <- c(policy, threshold = stats::runif(1))
  audit <- simulate_outcomes(audit, prob)
  point <- find_point(audit, policy$alpha)$level
  level <- if (is.na(policy$delta)) {
    point
  } else {
    min(point,
        certify_level(audit, policy$alpha, policy$delta, "exact")$level)
  }
  bound <- bound_at(audit, level)
  c(coverage = mean(geometric_coverage(bound, prob)),
    bound = mean(log(bound)),
    point_bound = mean(log(bound_at(audit, point))),
    trivial = as.numeric(all(bound == 1)))
}

# The smallest n whose prompts could certify a level if none lost anything. The
# largest weight may differ with n, so it is looked for, not computed.
least_prompts <- function(policy, quantile) {
  if (is.na(policy$delta)) {
    return(NA_real_)
  }
  # The mean of every k-th quantile is close enough.
  quantile <- sort(quantile)[unique(round(seq(1, length(quantile),
                                              length.out = 500)))]
  can <- function(n) {
    !hopeless(policy_stakes(fix_policy(policy, quantile, n), n))
  }
  high <- 10
  while (!can(high)) {
    if (high > 1e9) {
      return(Inf)
    }
    high <- high * 2
  }
  low <- high / 2
  while (high - low > 1 && high / low > 1.01) {
    middle <- floor((low + high) / 2)
    if (can(middle)) high <- middle else low <- middle
  }
  high
}

# ---- How it looks ------------------------------------------------------------

#' @export
print.budget_advice <- function(x, ...) {
  delta <- attr(x, "delta")
  if (!all(c("budget", "coverage", "least_n") %in% names(x))) {
    print(as.data.frame(x), ...)
    return(invisible(x))
  }
  say("<budget_advice> for a bound that %s of prompts reach%s",
      target(attr(x, "alpha")),
      if (is.null(delta)) " on average" else
        sprintf(", with probability %s", target(delta)))
  shown <- c("n", "budget", "draws", "cost", "least_n", "coverage", "margin",
             "bound", "point_bound", "trivial")
  shown <- as.data.frame(x)[intersect(shown, names(x))]
  if (is.null(delta)) {
    shown$least_n <- shown$point_bound <- NULL
  }
  print(shown, digits = 3, row.names = FALSE, ...)
  few <- x$n < x$least_n
  if (any(few, na.rm = TRUE)) {
    say("Where n is below least_n nothing can be certified.")
  }
  invisible(x)
}

#' @rdname plots
#' @export
plot.budget_advice <- function(x, ...) {
  few <- !is.na(x$least_n) & x$n < x$least_n
  draw_points(list(
    x = x$draws, y = x$bound, log = "xy", cex = 1.2,
    xlab = "draws", ylab = "geometric mean of the bound",
    ylim = range(1, x$bound, x$point_bound),
    col = ifelse(few, ink[["faint"]], ink[["main"]])
  ), ...)
  for (n in unique(x$n)) {
    one <- x[x$n == n, ][order(x$draws[x$n == n]), ]
    graphics::lines(one$draws, one$bound, col = ink[["main"]])
    graphics::lines(one$draws, one$point_bound, col = ink[["mark"]], lty = 2)
    graphics::text(one$draws[nrow(one)], one$bound[nrow(one)],
                   paste("n =", n), pos = 1, cex = 0.8)
  }
  graphics::legend("bottomright", c("certified", "point rule"), lty = 1:2,
                   col = ink[c("main", "mark")], bty = "n")
  invisible(x)
}
