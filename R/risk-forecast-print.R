# How a risk_forecast and a risk_backtest look: print, tidy, glance, plot.

# ---- Forecasts ---------------------------------------------------------------

#' @export
print.risk_forecast <- function(x, max_rows = NULL, ...) {
  show_page(forecast_page(x), max_rows = max_rows, ...)
  invisible(x)
}

#' @rdname knit_prints
#' @exportS3Method knitr::knit_print
knit_print.risk_forecast <- function(x, ...) knit_page(forecast_page(x))

forecast_columns <- c("group", "k", "n", "estimate", "n_prompts", "risk_any",
                      "worst_prob", "worst_prob_tail")

#' @export
table_rule.risk_forecast <- function(x) {
  new_table_rule(c(forecast_columns[1:4], "model", "basis", "interval",
                   intersect(forecast_columns[5:8], names(x))))
}

forecast_page <- function(x) {
  totals <- attr(x, "totals")
  if (is.null(totals) || !all(forecast_columns[1:4] %in% names(x)) ||
        nrow(x) == 0L) {
    return(plain_page(x))
  }
  grouped <- totals$n_groups > 0
  shown <- setdiff(forecast_columns, if (!grouped) c("group", "n"))
  new_page(
    c(
      "<risk_forecast> F(k) = P(T <= k), a forecast WITHOUT guarantee",
      sprintf("Model: %s, fitted to %s of %s, %s unsafe%s",
              if (totals$model == "beta") "beta distribution" else "mixture",
              counted(totals$draws, "draw"), counted(totals$n_drawn, "prompt"),
              big(totals$unsafe), refused_note(totals$n_refused)),
      unseen_text(totals),
      if (anyNA(x$estimate)) {
        paste("NA: no draw was unsafe, so there is nothing to extrapolate.",
              "A certificate needs no unsafe draw.")
      }
    ),
    plain_table(x)[intersect(shown, names(x))],
    "Next: backtest_risk(x), on draws hidden from it", spread = TRUE
  )
}

# How much of the forecast rests on what no draw shows.
unseen_text <- function(totals) {
  if (!is.na(totals$share_unseen)) {
    sprintf(paste("At most %s of a prompt: %s of hazards were fitted below",
                  "1/%s, where nothing but the model says when they show."),
            counted(totals$draws_max, "draw"), share(totals$share_unseen),
            big(totals$draws_max))
  }
}

#' @rdname tidiers
#' @export
tidy.risk_forecast <- function(x, ...) {
  check_no_dots(...)
  plain_table(x)
}

#' @rdname tidiers
#' @export
glance.risk_forecast <- function(x, ...) {
  check_no_dots(...)
  attr(x, "totals")
}

forecast_labels <- c(x = "draws of each prompt (k)",
                     y = "forecast of F(k) = P(T <= k), no guarantee")

# One line for each group, whatever the numbers of prompts.
forecast_lines <- function(x) {
  rows <- plain_table(x)[c("group", "k", "estimate")]
  rows <- unique(rows[!is.na(rows$estimate), ])
  rows$group <- factor(rows$group, unique(x$group))
  rows[order(rows$k), ]
}

#' @rdname forecast_risk
#' @export
plot.risk_forecast <- function(x, ...) {
  rows <- forecast_lines(x)
  draw_points(list(
    x = rows$k, y = rows$estimate, type = "n",
    log = if (length(unique(rows$k)) > 1L) "x" else "",
    xlim = range(x$k), ylim = c(0, max(rows$estimate, 0)),
    xlab = forecast_labels[["x"]], ylab = forecast_labels[["y"]]
  ), ...)
  graphics::abline(v = attr(x, "totals")$draws_max, lty = 3,
                   col = ink[["faint"]])
  inks <- rep_len(c(ink[["main"]], ink[["mark"]], "#009E73", "#CC79A7",
                    "#56B4E9", "#E69F00"), nlevels(rows$group))
  for (i in seq_len(nlevels(rows$group))) {
    one <- rows[as.integer(rows$group) == i, ]
    graphics::lines(one$k, one$estimate, lty = 2, lwd = 2, col = inks[i])
    graphics::points(one$k, one$estimate, pch = 16, col = inks[i])
  }
  if (nlevels(rows$group) > 1L) {
    graphics::legend("topleft", shorten(levels(rows$group), 30L), lty = 2,
                     lwd = 2, col = inks, bty = "n")
  }
  invisible(x)
}

#' @rdname forecast_risk
#' @exportS3Method ggplot2::autoplot
autoplot.risk_forecast <- function(object, ...) {
  check_no_dots(...)
  need_package("ggplot2", "to draw the forecast", "3.4.0")
  rows <- forecast_lines(object)
  inks <- if (nlevels(rows$group) == 1L) {
    ggplot2::scale_colour_manual(values = ink[["main"]], guide = "none")
  }
  ggplot2::ggplot(rows, ggplot2::aes(
    x = .data$k, y = .data$estimate, colour = .data$group
  )) +
    ggplot2::geom_vline(xintercept = attr(object, "totals")$draws_max,
                        linetype = "dotted", colour = ink[["faint"]]) +
    ggplot2::geom_line(linetype = "22", linewidth = 0.8) +
    ggplot2::geom_point() +
    inks +
    ggplot2::scale_x_log10() +
    ggplot2::expand_limits(y = 0) +
    ggplot2::labs(x = forecast_labels[["x"]], y = forecast_labels[["y"]],
                  colour = NULL) +
    lpb_theme()
}

# ---- Back-tests --------------------------------------------------------------

#' @export
print.risk_backtest <- function(x, max_rows = NULL, ...) {
  show_page(backtest_page(x), max_rows = max_rows, ...)
  invisible(x)
}

#' @rdname knit_prints
#' @exportS3Method knitr::knit_print
knit_print.risk_backtest <- function(x, ...) knit_page(backtest_page(x))

backtest_columns <- c("model", "k", "estimate", "std.error", "forecast",
                      "forecast_sd", "error", "rmse")

#' @export
table_rule.risk_backtest <- function(x) {
  new_table_rule(c(backtest_columns, "n", "draws"))
}

backtest_page <- function(x) {
  totals <- attr(x, "totals")
  if (is.null(totals) || !all(backtest_columns %in% names(x)) ||
        nrow(x) == 0L) {
    return(plain_page(x))
  }
  new_page(
    c(
      sprintf("<risk_backtest> Forecasts from %s of the draws, %s",
              share(totals$share), if (totals$repetitions > 1) {
                sprintf("chosen at random %s times", big(totals$repetitions))
              } else {
                "the first ones of each prompt"
              }),
      sprintf("%s, %s%s; the forecasts saw %s", counted(totals$nobs, "prompt"),
              counted(totals$draws, "draw"), refused_note(totals$n_refused),
              big(totals$draws_seen)),
      "error: forecast less the estimate from all draws"
    ),
    plain_table(x)[backtest_columns],
    "Next: forecast_risk(x, k, model = ), from all draws", spread = TRUE
  )
}

#' @rdname tidiers
#' @export
tidy.risk_backtest <- function(x, ...) {
  check_no_dots(...)
  plain_table(x)
}

#' @rdname tidiers
#' @export
glance.risk_backtest <- function(x, ...) {
  check_no_dots(...)
  attr(x, "totals")
}

# Each model has its own look, whichever are there.
model_looks <- data.frame(
  row.names = c("mixture", "beta"), colour = unname(ink[c("main", "mark")]),
  line = 2:3
)

#' @rdname backtest_risk
#' @export
plot.risk_backtest <- function(x, ...) {
  draw_points(list(
    x = x$k, y = x$estimate, log = if (max(x$k) > min(x$k)) "x" else "",
    ylim = c(0, max(x$estimate, x$forecast, na.rm = TRUE)),
    xlab = forecast_labels[["x"]], ylab = "F(k) = P(T <= k)",
    col = "black"
  ), ...)
  graphics::abline(v = attr(x, "totals")$draws_seen_max, lty = 3,
                   col = ink[["faint"]])
  looks <- model_looks[unique(x$model), ]
  rows <- plain_table(x)[order(x$k), ]
  for (model in rownames(looks)) {
    one <- rows[rows$model == model, ]
    graphics::lines(one$k, one$forecast, lty = looks[model, "line"], lwd = 2,
                    col = looks[model, "colour"])
  }
  graphics::legend("topleft", c("all draws", rownames(looks)),
                   pch = c(16, rep(NA, nrow(looks))), lty = c(0, looks$line),
                   bty = "n", col = c("black", looks$colour))
  invisible(x)
}

#' @rdname backtest_risk
#' @exportS3Method ggplot2::autoplot
autoplot.risk_backtest <- function(object, ...) {
  check_no_dots(...)
  need_package("ggplot2", "to draw the back-test", "3.4.0")
  ggplot2::ggplot(plain_table(object), ggplot2::aes(x = .data$k)) +
    ggplot2::geom_vline(xintercept = attr(object, "totals")$draws_seen_max,
                        linetype = "dotted", colour = ink[["faint"]]) +
    ggplot2::geom_point(ggplot2::aes(y = .data$estimate)) +
    ggplot2::geom_line(ggplot2::aes(y = .data$forecast, colour = .data$model,
                                    linetype = .data$model)) +
    ggplot2::scale_colour_manual(values = stats::setNames(
      model_looks$colour, rownames(model_looks)
    )) +
    ggplot2::scale_x_log10() +
    ggplot2::expand_limits(y = 0) +
    ggplot2::labs(x = forecast_labels[["x"]], y = "F(k) = P(T <= k)",
                  colour = NULL, linetype = NULL) +
    lpb_theme()
}
