# advise_budget(): the whole way simulated before a draw is paid for, and how
# the advice looks. What is predicted: methods vignette, "The certificate".

#' Compare budgets before drawing
#'
#' Simulates the path from plan to bound, with hazards as estimated, for a range
#' of budgets and numbers of prompts: how long the bounds are, how far the
#' certified coverage exceeds the nominal one, and whether there are enough
#' prompts to certify anything.
#'
#' Each row plans as [plan_audit()] does, simulates outcomes, and calibrates,
#' `repetitions` times, with the same random numbers in every row, so that rows
#' can be compared. The margin is the cost of the certificate: mean coverage
#' less `1 - alpha`. A wrong hazard makes the true coverage vary more between
#' prompts, and the margin somewhat larger. Draws follow hazards that differ
#' from the estimated ones by as much as the `precision` of `hazard` says, see
#' [fit_hazard()].
#'
#' Before there is a hazard, a guess of the unsafe rate is enough: prompts are
#' then simulated whose hazards differ as those of real prompts of a real model
#' did (on the scale of the complementary log-log a standard deviation of 2, of
#' which features explain half: methods vignette, "Advice"), and the training is
#' simulated, too. Its draws count, and the column `train` says which share of
#' the prompts should train. With `max_cost` the rows are what this sum buys,
#' and the best is marked.
#'
#' @param hazard A `hazard_fit` from [fit_hazard()] or [as_hazard()], whose
#'   training draws are paid for already. Or, before there is one, a number
#'   strictly between 0 and 1: a guess of the share of unsafe draws.
#' @param newdata Features of prompts like those to calibrate on, in the form
#'   that `hazard` was trained on. `NULL`, the default, takes the training
#'   prompts of `hazard`. Must be `NULL` for a guess.
#' @param budget Numeric vector: mean draws per prompt, see [plan_audit()]. The
#'   default spans the usual range.
#' @param n Numeric vector of whole numbers of at least 10: how many prompts to
#'   calibrate on. `NULL`, the default, takes as many as `max_cost` buys, or
#'   else as `newdata` has. For another number prompts are sampled from
#'   `newdata`, with replacement where there are fewer. A guess requires `n` or
#'   `max_cost`.
#' @param screen_draws `NULL`, the default, for plans without screening draws.
#'   Or whole numbers of at least 0, below the largest `budget`, which are
#'   compared: how many draws of each prompt to screen with, 0 being none. They
#'   are part of `budget`, and new prompts must be screened in the same way: see
#'   "Screening draws" of [plan_audit()].
#' @param price Price of a draw, judge included: a number of at least 0 in any
#'   currency, see [draw_price()]. Adds a column `cost`. `NULL`, the default,
#'   adds nothing.
#' @param max_cost `NULL`, the default, or the most that may be spent, a number
#'   above 0 in the currency of `price`, which is then required. With a guess it
#'   pays for training, too.
#' @param repetitions Whole number of at least 10: simulated calibrations for
#'   each row. The default, 100, gives margins to about a tenth of the standard
#'   error of a calibration.
#' @inheritParams plan_audit
#' @returns A data frame of class `budget_advice` with one row for each setting,
#'   and the columns
#'   * `n`, `budget`: prompts to calibrate on, and mean draws of each; for a
#'     guess also `train` (share of all prompts that trains) and `n_train`;
#'   * `screen_draws`, where these are compared;
#'   * `draws`, `cost`: of all draws, training included where it is not paid for
#'     yet;
#'   * `tau_max`, `cap`, `max_weight`: of the design, see [plan_audit()];
#'   * `n_min`: the smallest number of prompts that can certify anything at this
#'     budget and cap, `NA` without `delta`;
#'   * `coverage`, `coverage_sd`: mean and standard deviation over calibrations
#'     of the bound's coverage; `margin`, `margin_se`: its mean above nominal,
#'     and the Monte Carlo error of that;
#'   * `gmean_bound`, `gmean_bound_marginal`: geometric mean of the bounds, and
#'     of those of the marginal guarantee; `gmean_bound_se`: the Monte Carlo
#'     error of the first;
#'   * `share_trivial`: share of calibrations with no bound above 1;
#'   * `best`, with `max_cost`: whether this is the setting with the longest
#'     certified bound (of those within 1% of it, the one with fewest draws).
#' @section Errors: `timetounsafe_error_argument`,
#'   `timetounsafe_error_features`.
#' @section Assumptions: The hazards are right, or for a guess, real prompts are
#'   like the simulated ones: it shows orders of magnitude. See
#'   [calibrate_lpb()] for the assumptions of the bound itself.
#' @references Methods vignette, "The certificate".
#' @examples
#' set.seed(1)
#' hazard <- as_hazard(function(newdata) newdata$p)
#' x <- data.frame(p = 10^runif(1000, -3, -1.5))
#' advice <- advise_budget(hazard, x, budget = c(10, 50), repetitions = 10)
#' advice
#'
#' # Before the first draw: 1% of responses may be unsafe, and there is money
#' # for 5,000 draws
#' advise_budget(0.01, budget = 20, price = 0.001, max_cost = 5,
#'               repetitions = 10)
#' @export
advise_budget <- function(hazard, newdata = NULL,
                          budget = c(5, 10, 20, 50, 100, 200, 500), n = NULL,
                          design = c("replicated", "optimized", "trimmed",
                                     "basic", "naive"),
                          alpha = 0.1, delta = 0.1, tau_max = NULL, cap = NULL,
                          training = NULL, screen_draws = NULL, price = NULL,
                          max_cost = NULL, repetitions = 100, ...) {
  check_no_dots(...)
  budget <- check_numeric(budget, "budget", min = 0, open = c(TRUE, FALSE),
                          finite = TRUE)
  if (!is.null(n)) {
    n <- check_numeric(n, "n", min = 10, whole = TRUE, finite = TRUE)
  }
  screen_draws <- check_screen_settings(screen_draws, budget)
  price <- check_price(price)
  max_cost <- check_max_cost(max_cost, price)
  repetitions <- check_number(repetitions, "repetitions", min = 10,
                              whole = TRUE)
  guess <- is.numeric(hazard)
  scene_of <- if (guess) {
    guess_scenes(hazard, newdata, training)
  } else {
    known_scene(hazard, newdata, training, tau_max, cap, delta)
  }
  if (is.null(n) && is.null(max_cost)) {
    if (guess) {
      stop_argument("n", "is required with a guess of the rate",
                    fix = "Or supply `max_cost` and `price`.")
    }
    n <- length(scene_of()$truth)
  }
  settings <- list_settings(budget, n, if (guess) guessed_train else 0,
                            screen_draws, price, max_cost)
  rows <- lapply(seq_len(nrow(settings)), function(i) {
    setting <- settings[i, ]
    m <- setting$screen_draws
    scene <- screen_scene(scene_of(setting), m)
    constants <- new_constants(design, setting$budget - m, alpha, delta,
                               tau_max, cap)
    constants$precision_scale <- scene$rule$scale
    constants <- choose_limits(constants, cap, scene$pilot, scene$reference,
                               setting$n, scene$precision)
    advise_row(constants, scene, setting$n, repetitions)
  })
  hidden <- c(if (!guess) c("train", "n_train"),
              if (is.null(screen_draws)) "screen_draws")
  advice <- cbind(settings[setdiff(names(settings), hidden)],
                  do.call(rbind, rows))
  rownames(advice) <- NULL
  if (!is.null(max_cost)) {
    advice <- mark_best(advice)
  }
  new_table(advice, "budget_advice", alpha = alpha, delta = delta,
            guess = if (guess) hazard)
}

# What is simulated, the same in each setting: the hazards that a plan knows
# (`rows`), those that draws follow (`truth`), the pilot and the reference.
known_scene <- function(hazard, newdata, training, tau_max, cap, delta,
                        call = rlang::caller_env()) {
  check_class(hazard, "hazard_fit", "hazard", "fit_hazard() or as_hazard()",
              call = call)
  prob <- if (!is.null(newdata)) {
    predict_hazard(hazard, newdata, "newdata", call)
  } else {
    hazard$fitted
  }
  if (is.null(prob)) {
    stop_argument("newdata", "is required: this hazard has no training prompts",
                  call = call)
  }
  training <- read_training(training, hazard, call)
  scene <- list(
    rows = list(prob = prob),
    truth = with_seed(advice_seed, draw_alike(prob, hazard$precision)),
    precision = hazard$precision, hazard = hazard,
    pilot = plan_pilot(hazard, training, tau_max, cap, delta),
    reference = list(prob = hazard$fitted %||% training$prob %||% prob)
  )
  function(setting) scene
}

# The statistics of one setting.
advise_row <- function(constants, scene, n, repetitions) {
  quantile <- prior_quantile(scene$reference, constants)
  fixed <- fix_constants(constants, quantile, n, scene$reference)
  size <- length(scene$truth)
  law <- find_law(scene$rows)
  runs <- vapply(seq_len(repetitions), function(r) {
    with_seed(advice_seed + r, {
      at <- sample.int(size, n, replace = n > size)
      advise_once(fixed, law_rows(law, scene$rows, at), scene$truth[at],
                  (r - 0.5) / repetitions)
    })
  }, numeric(4))
  coverage <- runs["coverage", ]
  bound <- exp(mean(runs["bound", ]))
  error <- function(x) stats::sd(x) / sqrt(repetitions)
  data.frame(
    tau_max = constants$tau_max, cap = constants$cap,
    max_weight = fixed$max_weight,
    n_min = least_prompts(constants, quantile),
    coverage = mean(coverage), coverage_sd = stats::sd(coverage),
    margin = mean(coverage) - (1 - constants$alpha),
    margin_se = error(coverage),
    gmean_bound = bound, gmean_bound_se = bound * error(runs["bound", ]),
    gmean_bound_marginal = exp(mean(runs["marginal", ])),
    share_trivial = mean(runs["trivial", ])
  )
}

# One calibration. The random last step of the certificate is spread evenly
# over the repetitions.
advise_once <- function(constants, rows, truth, u_certificate) {
  audit <- simulate_design(constants, rows, truth, u_certificate)
  marginal <- find_marginal(audit, constants$alpha)$tau
  tau <- if (is.na(constants$delta)) {
    marginal
  } else {
    min(marginal,
        certify_tau(audit, constants$alpha, constants$delta, "exact")$tau)
  }
  bound <- bound_at(audit, tau)
  c(coverage = mean(geometric_coverage(bound, truth)),
    bound = mean(log(bound)),
    marginal = mean(log(bound_at(audit, marginal))),
    trivial = as.numeric(all(bound == 1)))
}

#' @export
table_rule.budget_advice <- function(x) {
  optional <- c("train", "n_train", "screen_draws", "cost", "best")
  new_table_rule(c(advice_columns, intersect(optional, names(x))))
}

advice_columns <- c("n", "budget", "draws", "tau_max", "cap", "max_weight",
                    "n_min", "coverage", "coverage_sd", "margin", "margin_se",
                    "gmean_bound", "gmean_bound_se", "gmean_bound_marginal",
                    "share_trivial")

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
  shown <- c("train", "n_train", "n", "budget", "screen_draws", "draws", "cost",
             if (!is.null(delta)) "n_min", "coverage", "margin", "gmean_bound",
             "share_trivial", if (!is.null(delta)) "gmean_bound_marginal",
             "best")
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
      advice_error(x), advised_step(x))
  )
}

advice_error <- function(x) {
  if (length(x$gmean_bound_se) > 0L) {
    sprintf("Simulated: bounds have errors of up to %s.",
            signif(max(x$gmean_bound_se), 2))
  }
}

# What to call next, with the settings of the best row.
advised_step <- function(x) {
  best <- x[best_row(x), ]
  if (nrow(best) != 1L) {
    return(NULL)
  }
  m <- best[["screen_draws"]] %||% 0
  if (is.null(attr(x, "guess"))) {
    return(c(
      if (m > 0) {
        sprintf("Next: screened <- draw_responses(prompts, sampler, %s)",
                big(m))
      },
      sprintf("%s plan_audit(hazard, prompts, budget = %s, newdata%s)",
              if (m > 0) "     " else "Next:", big(best$budget - m),
              if (m > 0) ", screened = screened" else "")
    ))
  }
  sprintf("Next: time_to_unsafe(prompts, sampler, budget = %s, train = %s%s)",
          big(best$budget), format(best$train),
          if (m > 0) paste(", screen_draws =", big(m)) else "")
}

# That which is marked, or has the longest bound.
best_row <- function(x) {
  marked <- x[["best"]]
  if (is.null(marked)) which.max(x$gmean_bound) else which(marked)
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
  best <- best_row(x)
  data.frame(
    alpha = attr(x, "alpha"), delta = attr(x, "delta") %||% NA_real_,
    n_settings = nrow(x), n_certifiable = sum(x$n >= x$n_min),
    gmean_bound = x$gmean_bound[best], n = x$n[best], budget = x$budget[best]
  )
}

advice_labels <- c(x = "draws", y = "geometric mean of the bound")

# Bounds by the number of draws, or of screening draws where these differ, and
# which settings a line joins.
advice_axis <- function(x) {
  m <- x[["screen_draws"]]
  if (length(unique(m)) > 1L) {
    list(value = m, label = "screening draws", log = FALSE,
         line = paste0("n = ", x$n, ", budget ", x$budget))
  } else {
    list(value = x$draws, label = advice_labels[["x"]], log = TRUE,
         line = paste("n =", x$n))
  }
}

#' @rdname plots
#' @export
plot.budget_advice <- function(x, ...) {
  few <- !is.na(x$n_min) & x$n < x$n_min
  axis <- advice_axis(x)
  draw_points(list(
    x = axis$value, y = x$gmean_bound, log = if (axis$log) "xy" else "y",
    cex = 1.2, xlab = axis$label, ylab = advice_labels[["y"]],
    ylim = range(if (axis$log) 1, x$gmean_bound, x$gmean_bound_marginal),
    col = ifelse(few, ink[["faint"]], ink[["main"]])
  ), ...)
  for (line in unique(axis$line)) {
    at <- which(axis$line == line)
    at <- at[order(axis$value[at])]
    graphics::lines(axis$value[at], x$gmean_bound[at], col = ink[["main"]])
    graphics::lines(axis$value[at], x$gmean_bound_marginal[at],
                    col = ink[["mark"]], lty = 2)
    last <- at[length(at)]
    graphics::text(axis$value[last], x$gmean_bound[last], line,
                   adj = c(if (axis$log) 0.5 else 1, 2), cex = 0.8)
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
  axis <- advice_axis(object)
  both <- data.frame(
    line = axis$line, at = axis$value,
    bound = c(object$gmean_bound, object$gmean_bound_marginal),
    guarantee = factor(rep(kinds, each = nrow(object)), kinds)
  )
  if (is.null(attr(object, "delta"))) {
    both <- both[both$guarantee == "marginal", ]
  }
  ggplot2::ggplot(both, ggplot2::aes(
    x = .data$at, y = .data$bound, colour = .data$guarantee,
    linetype = .data$guarantee,
    group = interaction(.data$line, .data$guarantee)
  )) +
    ggplot2::geom_line() +
    ggplot2::geom_point() +
    (if (axis$log) ggplot2::scale_x_log10()) +
    ggplot2::scale_y_log10() +
    ggplot2::scale_colour_manual(values = unname(ink[c("main", "mark")]),
                                 drop = FALSE) +
    ggplot2::scale_linetype_manual(values = c("solid", "dashed"),
                                   drop = FALSE) +
    ggplot2::labs(x = axis$label, y = advice_labels[["y"]],
                  colour = NULL, linetype = NULL) +
    lpb_theme()
}
