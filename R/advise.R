# advise_budget(): the whole way simulated before a draw is paid for, and how
# the advice looks. What is predicted: methods vignette, "The certificate".

#' Compare budgets before drawing
#'
#' Simulates the path from plan to bound, with the estimated hazards taken as
#' true, for a range of budgets and numbers of prompts: how long the bounds are,
#' how far the certified coverage exceeds the nominal one, and whether there are
#' enough prompts to certify anything.
#'
#' Each row plans as [plan_audit()] does, simulates outcomes, and calibrates,
#' `repetitions` times, with the same random numbers in every row. The margin
#' is the cost of the certificate: mean coverage less `1 - alpha`. A wrong
#' hazard makes the true coverage vary more between prompts, and the margin
#' somewhat larger.
#'
#' @param hazard A `hazard_fit` from [fit_hazard()] or [as_hazard()].
#' @param newdata Features of prompts like those to calibrate on, in the form
#'   that `hazard` was trained on. `NULL`, the default, takes the training
#'   prompts of `hazard`.
#' @param budget Numeric vector: mean draws per prompt, see [plan_audit()]. The
#'   default spans the usual range.
#' @param n Numeric vector of whole numbers of at least 10: how many prompts to
#'   calibrate on. `NULL`, the default, takes as many as `newdata` has. For
#'   another number prompts are sampled from `newdata`, with replacement where
#'   there are fewer.
#' @param price Price of a draw, a number of at least 0 in any currency: adds a
#'   column `cost`. `NULL`, the default, adds nothing.
#' @param repetitions Whole number of at least 10: simulated calibrations for
#'   each row. The default, 100, gives margins to about a tenth of the standard
#'   error of a calibration.
#' @inheritParams plan_audit
#' @returns A data frame of class `budget_advice` with one row for each `n` and
#'   `budget`, and the columns
#'   * `n`, `budget`, `draws` (their product), `cost`;
#'   * `tau_max`, `cap`, `max_weight`: of the design, see [plan_audit()];
#'   * `n_min`: the smallest number of prompts that can certify anything at this
#'     budget and cap, `NA` without `delta`;
#'   * `coverage`, `coverage_sd`: mean and standard deviation over calibrations
#'     of the bound's coverage; `margin`, `margin_se`: its mean above nominal,
#'     and the Monte Carlo error of that;
#'   * `gmean_bound`, `gmean_bound_se`: geometric mean of the bounds, and its
#'     Monte Carlo error; `gmean_bound_marginal`: that of the bounds of the
#'     marginal guarantee;
#'   * `share_trivial`: share of calibrations with no bound above 1.
#' @section Errors: `timetounsafe_error_argument`,
#'   `timetounsafe_error_features`.
#' @section Assumptions: The hazards are right. See [calibrate_lpb()] for those
#'   of the bound itself.
#' @references Methods vignette, "The certificate".
#' @examples
#' set.seed(1)
#' hazard <- as_hazard(function(newdata) newdata$p)
#' x <- data.frame(p = 10^runif(1000, -3, -1.5))
#' advice <- advise_budget(hazard, x, budget = c(10, 100), repetitions = 20)
#' advice
#' @export
advise_budget <- function(hazard, newdata = NULL,
                          budget = c(5, 10, 20, 50, 100, 200, 500), n = NULL,
                          design = c("replicated", "optimized", "trimmed",
                                     "basic", "naive"),
                          alpha = 0.1, delta = 0.1, tau_max = NULL, cap = NULL,
                          training = NULL, price = NULL, repetitions = 100,
                          ...) {
  check_no_dots(...)
  check_class(hazard, "hazard_fit", "hazard", "fit_hazard() or as_hazard()")
  prob <- if (!is.null(newdata)) {
    predict_hazard(hazard, newdata, "newdata")
  } else {
    hazard$fitted
  }
  if (is.null(prob)) {
    stop_argument("newdata", "is required: this hazard has no training prompts")
  }
  budget <- check_numeric(budget, "budget", min = 0, open = c(TRUE, FALSE),
                          finite = TRUE)
  n <- check_numeric(n %||% length(prob), "n", min = 10, whole = TRUE,
                     finite = TRUE)
  price <- check_price(price)
  repetitions <- check_number(repetitions, "repetitions", min = 10,
                              whole = TRUE)
  training <- read_training(training, hazard)
  pilot <- plan_pilot(hazard, training, tau_max, cap, delta)
  reference <- hazard$fitted %||% training$prob %||% prob
  seed <- draw_seed()
  rows <- expand.grid(budget = budget, n = n)
  rows <- Map(function(budget, n) {
    constants <- new_constants(design, budget, alpha, delta, tau_max, cap)
    constants <- choose_limits(constants, cap, pilot, reference, n)
    quantile <- prior_quantile(list(prob = reference), constants)
    advise_row(constants, prob, quantile, n, repetitions, seed)
  }, rows$budget, rows$n)
  advice <- do.call(rbind, rows)
  if (!is.null(price)) {
    advice$cost <- price * advice$draws
  }
  structure(advice, alpha = alpha, delta = delta,
            class = c("budget_advice", "data.frame"))
}

# One row. `quantile` are the quantiles of the reference prompts at tau_max. A
# repetition has the same random numbers in every row, so that rows differ by
# their settings and little else.
advise_row <- function(constants, prob, quantile, n, repetitions, seed) {
  fixed <- fix_constants(constants, quantile, n)
  runs <- vapply(seq_len(repetitions), function(r) with_stream(c(seed, r), {
    advise_once(fixed, if (n == length(prob)) {
      prob
    } else {
      prob[sample.int(length(prob), n, replace = n > length(prob))]
    })
  }), numeric(4))
  coverage <- runs["coverage", ]
  data.frame(
    n = n, budget = constants$budget, draws = n * constants$budget,
    tau_max = constants$tau_max, cap = constants$cap,
    max_weight = fixed$max_weight,
    n_min = least_prompts(constants, quantile),
    coverage = mean(coverage), coverage_sd = stats::sd(coverage),
    margin = mean(coverage) - (1 - constants$alpha),
    margin_se = stats::sd(coverage) / sqrt(repetitions),
    gmean_bound = exp(mean(runs["bound", ])),
    gmean_bound_se = exp(mean(runs["bound", ])) * stats::sd(runs["bound", ]) /
      sqrt(repetitions),
    gmean_bound_marginal = exp(mean(runs["marginal", ])),
    share_trivial = mean(runs["trivial", ])
  )
}

# One calibration.
advise_once <- function(constants, prob) {
  audit <- simulate_design(constants, prob)
  marginal <- find_marginal(audit, constants$alpha)$tau
  tau <- if (is.na(constants$delta)) {
    marginal
  } else {
    min(marginal,
        certify_tau(audit, constants$alpha, constants$delta, "exact")$tau)
  }
  bound <- bound_at(audit, tau)
  c(coverage = mean(geometric_coverage(bound, prob)),
    bound = mean(log(bound)),
    marginal = mean(log(bound_at(audit, marginal))),
    trivial = as.numeric(all(bound == 1)))
}

# ---- How it looks ------------------------------------------------------------

#' @export
print.budget_advice <- function(x, ...) {
  show_page(advice_page(x), ...)
  invisible(x)
}

#' @rdname knit_prints
#' @exportS3Method knitr::knit_print
knit_print.budget_advice <- function(x, ...) knit_page(advice_page(x))

advice_page <- function(x) {
  delta <- attr(x, "delta")
  if (!all(c("n", "budget", "coverage", "n_min") %in% names(x)) ||
        is.null(attr(x, "alpha"))) {
    return(plain_page(x))
  }
  shown <- c("n", "budget", "draws", "cost", if (!is.null(delta)) "n_min",
             "coverage", "margin", "gmean_bound", "gmean_bound_se",
             "share_trivial",
             if (!is.null(delta)) "gmean_bound_marginal")
  few <- any(x$n < x$n_min, na.rm = TRUE)
  new_page(
    sprintf("<budget_advice> %s lower predictive bound, %s",
            target(attr(x, "alpha")), if (is.null(delta)) {
              "marginal guarantee"
            } else {
              sprintf("certified with %s confidence", target(delta))
            }),
    plain_table(x)[intersect(shown, names(x))],
    c(if (few) "With fewer than n_min prompts nothing can be certified.",
      "Next: plan_audit(hazard, prompts, budget, newdata)")
  )
}

#' @rdname tidiers
#' @export
tidy.budget_advice <- function(x, ...) {
  check_no_dots(...)
  plain_table(x)
}

#' @rdname tidiers
#' @export
glance.budget_advice <- function(x, ...) {
  check_no_dots(...)
  best <- which.max(x$gmean_bound)
  data.frame(
    alpha = attr(x, "alpha"), delta = attr(x, "delta") %||% NA_real_,
    n_settings = nrow(x), n_certifiable = sum(x$n >= x$n_min),
    gmean_bound = x$gmean_bound[best], n = x$n[best], budget = x$budget[best]
  )
}

advice_labels <- c(x = "draws", y = "geometric mean of the bound")

#' @rdname plots
#' @export
plot.budget_advice <- function(x, ...) {
  few <- !is.na(x$n_min) & x$n < x$n_min
  draw_points(list(
    x = x$draws, y = x$gmean_bound, log = "xy", cex = 1.2,
    xlab = advice_labels[["x"]], ylab = advice_labels[["y"]],
    ylim = range(1, x$gmean_bound, x$gmean_bound_marginal),
    col = ifelse(few, ink[["faint"]], ink[["main"]])
  ), ...)
  for (n in unique(x$n)) {
    one <- x[x$n == n, ][order(x$draws[x$n == n]), ]
    graphics::lines(one$draws, one$gmean_bound, col = ink[["main"]])
    graphics::lines(one$draws, one$gmean_bound_marginal, col = ink[["mark"]],
                    lty = 2)
    graphics::text(one$draws[nrow(one)], one$gmean_bound[nrow(one)],
                   paste("n =", n), pos = 1, cex = 0.8)
  }
  graphics::legend("bottomright", c("certified", "marginal"), lty = 1:2,
                   col = ink[c("main", "mark")], bty = "n")
  invisible(x)
}

#' @rdname plots
#' @exportS3Method ggplot2::autoplot
autoplot.budget_advice <- function(object, ...) {
  check_no_dots(...)
  need_package("ggplot2", "to draw advice", "3.4.0")
  kinds <- c("certified", "marginal")
  both <- data.frame(
    n = object$n, draws = object$draws,
    bound = c(object$gmean_bound, object$gmean_bound_marginal),
    guarantee = factor(rep(kinds, each = nrow(object)), kinds)
  )
  if (is.null(attr(object, "delta"))) {
    both <- both[both$guarantee == "marginal", ]
  }
  ggplot2::ggplot(both, ggplot2::aes(
    x = .data$draws, y = .data$bound, colour = .data$guarantee,
    linetype = .data$guarantee,
    group = interaction(.data$n, .data$guarantee)
  )) +
    ggplot2::geom_line() +
    ggplot2::geom_point() +
    ggplot2::scale_x_log10() +
    ggplot2::scale_y_log10() +
    ggplot2::scale_colour_manual(values = unname(ink[c("main", "mark")]),
                                 drop = FALSE) +
    ggplot2::scale_linetype_manual(values = c("solid", "dashed"),
                                   drop = FALSE) +
    ggplot2::labs(x = advice_labels[["x"]], y = advice_labels[["y"]],
                  colour = NULL, linetype = NULL) +
    lpb_theme()
}
