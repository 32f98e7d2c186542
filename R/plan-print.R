# How an audit_plan looks: print, summary, tidy, glance, plot.

#' @rdname summaries
#' @export
print.audit_plan <- function(x, price = NULL, ...) {
  show_page(plan_page(x, check_price(price)), ...)
  invisible(x)
}

#' @rdname knit_prints
#' @exportS3Method knitr::knit_print
knit_print.audit_plan <- function(x, ...) knit_page(plan_page(x))

plan_page <- function(x, price = NULL) {
  # A plan may go without its prompts, see write_plan().
  required <- setdiff(required_columns, "prompt")
  if (!all(required %in% names(x)) || nrow(x) == 0L) {
    return(plain_page(x))
  }
  plan <- plan_parts(x)
  constants <- plan$constants
  new_page(c(
    sprintf("<audit_plan> design \"%s\", %s, budget %s draws per prompt",
            constants$design, counted(nrow(x), "prompt"),
            big(constants$budget)),
    screen_lines(plan),
    cap_lines(constants, isTRUE(attr(x, "cap_chosen"))),
    sprintf("Included: %s, with inclusion probabilities %s",
            counted(sum(x$horizon > 0), "prompt"), spread(x$inclusion)),
    target_lines(plan), certificate_lines(plan),
    sprintf("Budget: %s%s draws in expectation; %s",
            if (is.null(constants$max_limit)) "" else "at most ",
            big(round(constants$budget * constants$n)),
            reference_text(constants$reference)),
    cost_lines(plan_cost(plan), all(x$stop), price, constants$max_limit),
    if (nrow(x) != constants$n) {
      sprintf("Only %s of the plan's %s rows: calibration needs all.",
              big(nrow(x)), big(constants$n))
    } else {
      "Next: run_audit(plan, sampler)"
    }
  ))
}

# What screening showed: the draws are paid for, and not in the budget.
screen_lines <- function(plan) {
  m <- plan$constants$screen_draws
  if (is_screened(plan$constants)) {
    sprintf("After %s of each prompt: %s had an unsafe one",
            counted(m, "screening draw"),
            counted(sum(plan$screen_unsafe > 0), "prompt"))
  }
}

# In two lines where the cap was chosen.
cap_lines <- function(constants, chosen) {
  tau <- sprintf("tau up to %s (tau_max)",
                 format(constants$tau_max, digits = 3))
  if (chosen) {
    c(tau, sprintf("Quantiles capped at %s, for the longest certified bound",
                   counted(constants$cap, "draw")))
  } else {
    sprintf("%s; quantiles capped at %s draws", tau, big(constants$cap))
  }
}

cost_lines <- function(cost, stops, price, max_limit = NULL) {
  expected <- function(x) {
    if (stops) {
      sprintf("%s expected, at most %s", big(x$expected), big(x$worst))
    } else {
      big(x$worst)
    }
  }
  draws <- list(expected = round(cost$expected), worst = cost$worst)
  c(
    paste0(sprintf("Draws: %s", expected(draws)), if (!is.null(max_limit)) {
      sprintf("; of one prompt at most %s", big(max_limit))
    }),
    if (!is.null(price)) {
      sprintf("Cost at %s a draw: %s", big(price), expected(list(
        expected = price * cost$expected, worst = price * cost$worst
      )))
    }
  )
}

# For what certificate a plan was made, and whether it is within reach.
certificate_lines <- function(plan) {
  constants <- plan$constants
  alpha <- constants$alpha
  delta <- constants$delta
  if (is.na(delta)) {
    return(NULL)
  }
  weight <- constants$max_weight
  n <- count_units(plan)
  c(
    sprintf("Certificate: planned for alpha = %s, delta = %s; weights %s",
            format(alpha), format(delta), if (is.finite(weight)) {
              paste("up to", big(weight))
            } else {
              "without a limit"
            }),
    if (length(plan$id) == constants$n &&
          cannot_certify(plan_betting(plan, alpha, delta))) {
      sprintf("Too few: %s cannot certify a bound with weights this large.",
              counted(n, if (is_clustered(plan)) "cluster" else "prompt"))
    }
  )
}

# Which prompts fixed what inclusion depends on.
reference_text <- function(reference) {
  switch(reference,
    training = "design fixed on the training prompts",
    given = "design fixed on the reference prompts",
    self = "design fixed on these prompts",
    none = "design fixed on no prompts"
  )
}

# ---- As tables ---------------------------------------------------------------

#' @rdname summaries
#' @export
summary.audit_plan <- function(object, price = NULL, ...) {
  glance(object, price = price, ...)
}

#' @rdname tidiers
#' @export
tidy.audit_plan <- function(x, ...) {
  check_no_dots(...)
  plain_table(x)[setdiff(names(x), plan_constants)]
}

#' @rdname tidiers
#' @export
glance.audit_plan <- function(x, price = NULL, ...) {
  check_no_dots(...)
  price <- check_price(price)
  plan <- plan_parts(x)
  constants <- plan$constants
  cost <- plan_cost(plan)
  row <- data.frame(
    design = constants$design, budget = constants$budget,
    tau_max = constants$tau_max, cap = constants$cap, nobs = nrow(x),
    n_included = sum(x$horizon > 0), draws_max = cost$worst,
    draws_expected = cost$expected
  )
  if (!is.null(price)) {
    row$cost_max <- price * cost$worst
    row$cost_expected <- price * cost$expected
  }
  row
}

# ---- Plots -------------------------------------------------------------------

plan_labels <- c(x = "quantile at tau_max (draws)", y = "inclusion probability")

#' @rdname plots
#' @export
plot.audit_plan <- function(x, ...) {
  draw_points(list(
    x = reachable_quantile(plan_parts(x)), y = x$inclusion, log = "x",
    ylim = c(0, 1), xlab = plan_labels[["x"]], ylab = plan_labels[["y"]]
  ), ...)
  invisible(x)
}

#' @rdname plots
#' @exportS3Method ggplot2::autoplot
autoplot.audit_plan <- function(object, ...) {
  check_no_dots(...)
  need_package("ggplot2", "to draw a plan", "3.4.0")
  rows <- data.frame(quantile = reachable_quantile(plan_parts(object)),
                     inclusion = object$inclusion)
  ggplot2::ggplot(rows, ggplot2::aes(
    x = .data$quantile, y = .data$inclusion
  )) +
    ggplot2::geom_point(colour = ink[["main"]], alpha = 0.4) +
    ggplot2::scale_x_log10() +
    ggplot2::scale_y_continuous(limits = c(0, 1)) +
    ggplot2::labs(x = plan_labels[["x"]], y = plan_labels[["y"]]) +
    lpb_theme()
}
