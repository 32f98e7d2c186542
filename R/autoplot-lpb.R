# The pictures of plot-lpb.R, with ggplot2.

#' @rdname plot.lpb
#' @exportS3Method ggplot2::autoplot
autoplot.lpb <- function(object, which = c("miscoverage", "bound", "coverage",
                                           "weights"), ...) {
  check_no_dots(...)
  which <- check_choice(which, lpb_pictures, "which")
  need_package("ggplot2", "to draw a bound", "3.4.0")
  switch(which,
    miscoverage = layer_miscoverage(miscoverage_picture(object)),
    bound = layer_bound(bound_picture(object)),
    coverage = layer_coverage(coverage_picture(assess_lpb(object))),
    weights = layer_weights(weights_picture(object))
  )
}

#' @rdname plot.lpb
#' @exportS3Method ggplot2::autoplot
autoplot.lpb_assessment <- function(object, ...) {
  check_no_dots(...)
  need_package("ggplot2", "to draw an assessment", "3.4.0")
  layer_coverage(coverage_picture(object))
}

lpb_theme <- function() {
  ggplot2::theme_bw(base_size = 11) +
    ggplot2::theme(legend.position = "top",
                   panel.grid.minor = ggplot2::element_blank())
}

layer_miscoverage <- function(picture) {
  marks <- picture$marks
  inks <- mark_inks(picture)
  text <- make.unique(mark_text(marks), " #")
  marks$label <- factor(text, text)
  curve <- picture$curve
  line <- if (picture$steps) ggplot2::geom_step else ggplot2::geom_line
  drawn <- ggplot2::ggplot(curve, ggplot2::aes(
    x = .data$level, y = .data$miscoverage
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
      ggplot2::aes(xend = .data$level, yend = 0, colour = .data$label), marks
    ) +
    ggplot2::geom_segment(
      ggplot2::aes(xend = .data$level, yend = picture$alpha,
                   colour = .data$label), marks, linetype = "dotted"
    ) +
    ggplot2::geom_point(
      ggplot2::aes(colour = .data$label, shape = .data$label), marks, size = 3
    ) +
    ggplot2::scale_colour_manual(values = inks) +
    ggplot2::scale_shape_manual(values = mark_shapes(picture)) +
    ggplot2::labs(x = "level", colour = NULL, shape = NULL, y = sprintf(
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
    ggplot2::scale_x_log10(limits = c(1, picture$limit)) +
    ggplot2::scale_y_continuous(limits = c(0, 1)) +
    ggplot2::labs(x = "bound of at least so many draws",
                  y = "share of prompts") +
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

layer_coverage <- function(picture) {
  rows <- picture$rows
  rows$label <- factor(rows$label, rev(rows$label))
  known <- rows[!is.na(rows$low), ]
  ggplot2::ggplot(rows, ggplot2::aes(
    x = .data$coverage, y = .data$label, colour = .data$by == "all"
  )) +
    ggplot2::geom_vline(xintercept = picture$target, linetype = "dashed") +
    ggplot2::geom_segment(ggplot2::aes(
      x = .data$low, xend = .data$high, yend = .data$label
    ), known) +
    ggplot2::geom_point(size = 2.5) +
    ggplot2::scale_colour_manual(values = c(
      "FALSE" = ink[["main"]], "TRUE" = ink[["mark"]]
    ), guide = "none") +
    ggplot2::coord_cartesian(xlim = c(picture$least, 1)) +
    ggplot2::labs(x = "coverage", y = NULL) +
    lpb_theme()
}

layer_weights <- function(rows) {
  told <- c("stayed safe", "unsafe draw")
  rows$outcome <- factor(told[rows$unsafe + 1L], told)
  ggplot2::ggplot(rows, ggplot2::aes(
    x = .data$prob, y = .data$weight, colour = .data$outcome,
    shape = .data$outcome
  )) +
    ggplot2::geom_point(alpha = 0.5) +
    ggplot2::scale_x_log10() +
    ggplot2::scale_y_log10() +
    ggplot2::scale_colour_manual(values = unname(ink[c("main", "mark")]),
                                 drop = FALSE) +
    ggplot2::scale_shape_manual(values = c(16, 17), drop = FALSE) +
    ggplot2::labs(x = "estimated hazard of one draw", y = "weight",
                  colour = NULL, shape = NULL) +
    lpb_theme()
}
