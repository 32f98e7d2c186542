# How an lpb_assessment looks: print, plot, autoplot.

#' @export
print.lpb_assessment <- function(x, digits = 3, ...) {
  cat(sprintf("<lpb_assessment> coverage P(T >= bound), target %s\n",
              format(attr(x, "target"))))
  shown <- as.data.frame(x)
  kind <- unique(shown$interval)
  if (identical(kind, "none")) {
    shown$low <- shown$high <- NULL
  }
  if (length(kind) == 1L) {
    shown$interval <- NULL
  }
  if (identical(kind, "approximate")) {
    say("Weighted means over the calibration audit; approximate intervals.")
    say(assessment_remark(attr(x, "basis")))
  }
  if (all(shown$unresolved == 0)) {
    shown$unresolved <- NULL
  }
  print(shown, digits = digits, row.names = FALSE, ...)
  invisible(x)
}

assessment_remark <- function(basis) {
  switch(basis,
    calibration = paste(
      "The level was chosen on these very prompts, which flatters it a little:",
      "`folds = 10`\nremoves that; held-out prompts are better still."
    ),
    "cross-fitted" = paste(
      "Each fold has the level that the other folds choose: what is assessed",
      "is the rule,\nwith a little less evidence than the bound itself had."
    )
  )
}

# ---- Pictures ----------------------------------------------------------------

#' @rdname plot.lpb
#' @export
plot.lpb_assessment <- function(x, ...) {
  draw_coverage(coverage_picture(x), ...)
  invisible(x)
}

#' @rdname plot.lpb
#' @exportS3Method ggplot2::autoplot
autoplot.lpb_assessment <- function(object, ...) {
  check_no_dots(...)
  need_package("ggplot2", "to draw an assessment", "3.4.0")
  layer_coverage(coverage_picture(object))
}

# One row for each group, the lowest on top; intervals where there are any.
coverage_picture <- function(assessment) {
  rows <- as.data.frame(assessment)[c("by", "group", "coverage", "low", "high")]
  risk <- which(rows$by == "risk")
  rows$label <- paste("group", substr(rows$group, 1L, 30L))
  rows$label[rows$by == "all"] <- "all prompts"
  k <- length(risk)
  rows$label[risk] <- paste("risk", seq_len(k), "of", rep(k, k))
  if (k > 1L) {
    rows$label[risk[c(1L, k)]] <- c("lowest risk", "highest risk")
  }
  # Two long names may begin alike.
  rows$label <- make.unique(rows$label, " #")
  rows$place <- rev(seq_len(nrow(rows)))
  target <- attr(assessment, "target")
  # One small group must not squeeze all others: its interval may reach beyond.
  least <- min(rows$coverage, target - 0.15, na.rm = TRUE) - 0.05
  least <- max(least, min(rows$low, rows$coverage, target - 0.02, na.rm = TRUE))
  list(rows = rows, target = target, least = max(0, least))
}

draw_coverage <- function(picture, ...) {
  rows <- picture$rows
  # The names of groups are as wide as they are.
  old <- graphics::par(mai = graphics::par("mai"))
  on.exit(graphics::par(old))
  wide <- max(graphics::strwidth(rows$label, "inches")) + 0.4
  graphics::par(mai = replace(graphics::par("mai"), 2L, wide))
  draw_points(list(
    x = rows$coverage, y = rows$place, yaxt = "n", ylab = "",
    xlab = "coverage", xlim = c(picture$least, 1), ylim = range(rows$place) +
      c(-0.5, 0.5), col = ifelse(rows$by == "all", ink[["mark"]],
                                 ink[["main"]]), cex = 1.2
  ), ...)
  graphics::abline(v = picture$target, lty = 2, col = "grey40")
  graphics::axis(2, rows$place, rows$label, las = 1, tick = FALSE, line = -0.5)
  known <- !is.na(rows$low)
  graphics::segments(rows$low[known], rows$place[known], rows$high[known],
                     rows$place[known], lwd = 1.5,
                     col = ifelse(rows$by == "all", ink[["mark"]],
                                  ink[["main"]])[known])
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
