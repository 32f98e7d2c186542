# Plots of an lpb: what each one shows, and how base graphics and ggplot2 draw
# it.

#' Plots of a bound
#'
#' Four plots of a calibrated bound, as in [write_report()]:
#' * `"miscoverage"`: the estimated miscoverage against tau, the target `alpha`,
#'   and the selected tau. With a certificate also the tau of the marginal
#'   guarantee, and the margin that the certificate keeps from the target. For a
#'   bound with groups, a curve and a tau for each.
#' * `"bound"`: share of calibration prompts with at least this bound.
#' * `"coverage"`: coverage by predicted hazard, as estimated from the
#'   calibration audit itself. For held-out prompts plot what [assess_lpb()]
#'   returns. Intervals of small groups may reach beyond the axis.
#' * `"weights"`: weight of each included prompt against its estimated hazard.
#'
#' @param x,object An `lpb` from [calibrate_lpb()], or an `lpb_assessment` from
#'   [assess_lpb()], of which the coverage is drawn.
#' @param which Which plot, a string.
#' @param ... For `plot()`: passed to [graphics::plot.default()]. For
#'   `autoplot()`: must be empty.
#' @returns `plot()` draws and returns `x`, invisibly; `autoplot()` a ggplot
#'   object, to which layers and scales may be added.
#' @section Errors: `timetounsafe_error_argument`;
#'   `timetounsafe_error_unavailable` when ggplot2 is not installed.
#' @examples
#' set.seed(1)
#' p <- 10^runif(1000, -3, -1)
#' hazard <- as_hazard(function(newdata) newdata$p)
#' plan <- plan_audit(hazard, as.character(1:1000), budget = 20,
#'                    newdata = data.frame(p))
#' lpb <- calibrate_lpb(simulate_audit(plan, p))
#' plot(lpb)
#' plot(lpb, "bound")
#' plot(assess_lpb(lpb, data.frame(p), prob = p))
#' @order 1
#' @export
plot.lpb <- function(x, which = c("miscoverage", "bound", "coverage",
                                  "weights"), ...) {
  switch(check_choice(which, lpb_plots, "which"),
    miscoverage = draw_miscoverage(miscoverage_picture(x), ...),
    bound = draw_bound(bound_picture(x), ...),
    coverage = draw_coverage(coverage_picture(assess_lpb(x)), ...),
    weights = draw_weights(weights_picture(x), ...)
  )
  invisible(x)
}

#' @rdname plot.lpb
#' @exportS3Method ggplot2::autoplot
autoplot.lpb <- function(object, which = c("miscoverage", "bound", "coverage",
                                           "weights"), ...) {
  check_no_dots(...)
  which <- check_choice(which, lpb_plots, "which")
  need_package("ggplot2", "to draw a bound", "3.4.0")
  switch(which,
    miscoverage = layer_miscoverage(miscoverage_picture(object)),
    bound = layer_bound(bound_picture(object)),
    coverage = layer_coverage(coverage_picture(assess_lpb(object))),
    weights = layer_weights(weights_picture(object))
  )
}

lpb_plots <- c("miscoverage", "bound", "coverage", "weights")

# ---- What is shown -----------------------------------------------------------

# `curve` has a curve for each group, or for all prompts together; `marks` are
# the taus that were found, the one that the bound uses last.
miscoverage_picture <- function(lpb) {
  parts <- if (is.null(lpb$groups)) {
    list(all = lpb$curve)
  } else {
    split(lpb$curve, factor(lpb$curve$group, lpb$groups$group))
  }
  curves <- lapply(parts, extend_curve, lpb$tau_max)
  steps <- lpb$exact && is.null(find_design(lpb$design)$curve)
  marks <- find_marks(lpb)
  marks$miscoverage <- mapply(read_curve, curves[marks$curve], marks$tau,
                              steps)
  list(
    curve = do.call(rbind, Map(cbind, group = names(curves), curves)),
    marks = marks, alpha = lpb$alpha, grouped = !is.null(lpb$groups),
    steps = steps
  )
}

# From 0 up to tau_max.
extend_curve <- function(curve, tau_max) {
  curve <- curve[curve$tau <= tau_max, , drop = FALSE]
  last <- c(0, curve$miscoverage)[nrow(curve) + 1L]
  data.frame(tau = c(0, curve$tau, tau_max),
             miscoverage = c(0, curve$miscoverage, last))
}

find_marks <- function(lpb) {
  if (!is.null(lpb$groups)) {
    return(data.frame(what = lpb$groups$group, curve = lpb$groups$group,
                      tau = lpb$groups$tau))
  }
  marks <- data.frame(
    what = c("marginal", "certified"), curve = "all",
    tau = c(lpb$tau_marginal %||% lpb$tau, lpb$tau)
  )
  marks[seq_len(if (is.null(lpb$delta)) 1L else 2L), ]
}

# Steps are left-continuous: the curve is what holds above a tau.
read_curve <- function(curve, tau, steps) {
  if (!steps) {
    return(stats::approx(curve$tau, curve$miscoverage, tau, ties = max)$y)
  }
  at <- findInterval(tau, curve$tau, left.open = TRUE)
  if (at > 0) curve$miscoverage[at] else 0
}

# The share of prompts with a bound of at least `bound`. Endless bounds stay in
# the share and have no place on the axis.
bound_picture <- function(lpb) {
  bound <- calibration_bound(lpb)
  at <- sort(unique(c(1, bound[is.finite(bound)])))
  share <- 1 - (findInterval(at, sort(bound), left.open = TRUE)) / length(bound)
  middle <- stats::quantile(bound, 0.5, names = FALSE, type = 1)
  list(curve = data.frame(bound = at, share = share), median = middle,
       longest = max(10, at))
}

weights_picture <- function(lpb) {
  audit <- plan_parts(lpb$audit)
  used <- audit$horizon > 0
  rows <- data.frame(
    prob = audit$prob[used], weight = included_weights(audit),
    unsafe = audit$unsafe[used] > 0
  )
  # A hazard of 0 has no place on a logarithmic axis.
  rows$prob <- pmax(rows$prob, min(rows$prob[rows$prob > 0], 1) / 2)
  # The few unsafe ones are drawn last, to be seen.
  rows[order(rows$unsafe), ]
}

# ---- How taus are marked -----------------------------------------------------

# As in "certified: tau = 0.0769".
mark_text <- function(marks) {
  tau <- vapply(marks$tau, format, "", digits = 3)
  sprintf("%s: tau = %s", substr(marks$what, 1L, 30L), tau)
}

# Those of groups are from the palette of Okabe and Ito, without black and
# yellow, as long as there are enough of them.
mark_inks <- function(picture) {
  what <- picture$marks$what
  if (!picture$grouped) {
    unname(ink[ifelse(what == "certified", "mark", "main")])
  } else if (length(what) <= 6L) {
    c("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9",
      "#E69F00")[seq_along(what)]
  } else {
    rep(grDevices::adjustcolor(ink[["main"]], 0.4), length(what))
  }
}

mark_shapes <- function(picture) {
  ifelse(picture$marks$what == "marginal" & !picture$grouped, 16, 17)
}

# ---- Base graphics -----------------------------------------------------------

draw_miscoverage <- function(picture, ...) {
  curve <- picture$curve
  inks <- mark_inks(picture)
  top <- max(2 * picture$alpha, 1.2 * max(curve$miscoverage))
  draw_points(list(
    x = c(0, max(curve$tau)), y = c(0, 0), type = "n", ylim = c(0, top),
    yaxs = "i", xlab = "tau", ylab = "estimated miscoverage"
  ), ...)
  names <- unique(curve$group)
  lines <- if (picture$grouped) inks else "grey35"
  for (k in seq_along(names)) {
    graphics::lines(curve[curve$group == names[k], c("tau", "miscoverage")],
                    type = if (picture$steps) "s" else "l", lwd = 2,
                    col = lines[k])
  }
  graphics::abline(h = picture$alpha, lty = 2, col = "grey40")
  draw_marks(picture, inks)
}

draw_marks <- function(picture, inks) {
  marks <- picture$marks
  shapes <- mark_shapes(picture)
  graphics::segments(marks$tau, 0, marks$tau, marks$miscoverage, lwd = 2,
                     col = inks)
  graphics::segments(marks$tau, marks$miscoverage, marks$tau,
                     picture$alpha, lwd = 2, lty = 3, col = inks)
  graphics::points(marks$tau, marks$miscoverage, pch = shapes, col = inks,
                   cex = 1.3, xpd = NA)
  named <- if (nrow(marks) <= 6L) seq_len(nrow(marks))
  graphics::legend(
    "topleft", c(sprintf("target: %s", format(picture$alpha)),
                 mark_text(marks)[named]),
    lty = c(2, rep(1, length(named))), lwd = c(1, rep(2, length(named))),
    pch = c(NA, shapes[named]), col = c("grey40", inks[named]), bty = "n"
  )
}

draw_bound <- function(picture, ...) {
  curve <- picture$curve
  draw_points(list(
    x = curve$bound, y = curve$share, type = "S", lwd = 2, log = "x",
    col = ink[["main"]], xlim = c(1, picture$longest), ylim = c(0, 1),
    xlab = "bound (draws)", ylab = "share of prompts with at least this bound"
  ), ...)
  if (is.finite(picture$median)) {
    graphics::segments(picture$median, 0, picture$median, 0.5, lty = 3)
    graphics::points(picture$median, 0.5, pch = 16, col = ink[["mark"]])
    # Beside the point and above the steps, which only fall from there.
    graphics::text(picture$median, 0.5, sprintf("median %s",
                                                big(picture$median)),
                   adj = c(-0.1, -0.7), xpd = NA)
  }
}

draw_weights <- function(rows, ...) {
  if (nrow(rows) == 0L) {
    graphics::plot.new()
    graphics::text(0.5, 0.5, "No prompt was included.")
    return(invisible())
  }
  faint <- grDevices::adjustcolor(ink[["main"]], 0.4)
  draw_points(list(
    x = rows$prob, y = rows$weight, log = "xy",
    pch = ifelse(rows$unsafe, 17, 16),
    xlab = "estimated hazard", ylab = "weight",
    ylim = c(1, 1.6 * max(2, rows$weight)),
    col = ifelse(rows$unsafe, ink[["mark"]], faint)
  ), ...)
  graphics::legend("topright", outcome_labels,
                   pch = c(16, 17), col = ink[c("main", "mark")], bty = "n",
                   horiz = TRUE)
}

# ---- The same with ggplot2 ---------------------------------------------------

layer_miscoverage <- function(picture) {
  marks <- picture$marks
  inks <- mark_inks(picture)
  text <- make.unique(mark_text(marks), " #")
  marks$label <- factor(text, text)
  curve <- picture$curve
  line <- if (picture$steps) ggplot2::geom_step else ggplot2::geom_line
  drawn <- ggplot2::ggplot(curve, ggplot2::aes(
    x = .data$tau, y = .data$miscoverage
  ))
  if (picture$grouped) {
    curve$label <- marks$label[match(curve$group, marks$curve)]
    drawn <- drawn + line(ggplot2::aes(colour = .data$label), curve,
                          linewidth = 0.8)
  } else {
    drawn <- drawn + line(colour = "grey35", linewidth = 0.8)
  }
  drawn <- drawn +
    ggplot2::geom_hline(yintercept = picture$alpha, linetype = "dashed") +
    ggplot2::geom_segment(
      ggplot2::aes(xend = .data$tau, yend = 0, colour = .data$label), marks
    ) +
    ggplot2::geom_segment(
      ggplot2::aes(xend = .data$tau, yend = picture$alpha,
                   colour = .data$label), marks, linetype = "dotted"
    ) +
    ggplot2::geom_point(
      ggplot2::aes(colour = .data$label, shape = .data$label), marks, size = 3
    ) +
    ggplot2::scale_colour_manual(values = inks) +
    ggplot2::scale_shape_manual(values = mark_shapes(picture)) +
    ggplot2::labs(x = "tau", colour = NULL, shape = NULL, y = sprintf(
      "estimated miscoverage (target %s)", format(picture$alpha)
    )) +
    lpb_theme()
  if (nrow(marks) > 6L) {
    drawn <- drawn + ggplot2::theme(legend.position = "none")
  }
  drawn
}

layer_bound <- function(picture) {
  # "vh": down first, as a share of prompts at or above a bound goes.
  drawn <- ggplot2::ggplot(picture$curve, ggplot2::aes(
    x = .data$bound, y = .data$share
  )) +
    ggplot2::geom_step(direction = "vh", colour = ink[["main"]],
                       linewidth = 0.8) +
    ggplot2::scale_x_log10(limits = c(1, picture$longest)) +
    ggplot2::scale_y_continuous(limits = c(0, 1)) +
    ggplot2::labs(x = "bound (draws)",
                  y = "share of prompts with at least this bound") +
    lpb_theme()
  if (is.finite(picture$median)) {
    drawn <- drawn +
      ggplot2::annotate("point", picture$median, 0.5, colour = ink[["mark"]],
                        size = 3) +
      ggplot2::annotate("text", picture$median, 0.5, hjust = -0.1, vjust = -0.7,
                        label = sprintf("median %s", big(picture$median)))
  }
  drawn
}

layer_weights <- function(rows) {
  rows$outcome <- factor(outcome_labels[rows$unsafe + 1L], outcome_labels)
  ggplot2::ggplot(rows, ggplot2::aes(
    x = .data$prob, y = .data$weight, colour = .data$outcome,
    shape = .data$outcome
  )) +
    outcome_points() +
    ggplot2::scale_shape_manual(values = c(16, 17), drop = FALSE) +
    ggplot2::labs(x = "estimated hazard", y = "weight",
                  colour = NULL, shape = NULL) +
    lpb_theme()
}
