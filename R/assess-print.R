# How an lpb_assessment looks: print, tidy, glance, plot, autoplot.

#' @export
print.lpb_assessment <- function(x, digits = 3, ...) {
  show_page(assessment_page(x), digits = digits, ...)
  invisible(x)
}

#' @rdname knit_prints
#' @exportS3Method knitr::knit_print
knit_print.lpb_assessment <- function(x, ...) knit_page(assessment_page(x), 40)

assessment_columns <- c(
  "by", "group", "n", "nominal", "basis", "estimate", "conf.low", "conf.high",
  "interval", "n_unresolved", "mean_bound", "gmean_bound", "mean_prob"
)

assessment_page <- function(x) {
  if (!all(assessment_columns %in% names(x)) || nrow(x) == 0L) {
    return(plain_page(x))
  }
  shown <- plain_table(x)
  kind <- unique(shown$interval)
  basis <- shown$basis[1L]
  # One line a decile leaves no room for much else.
  shown <- shown[setdiff(assessment_columns, c(
    "nominal", "basis", "mean_bound", if (length(kind) == 1L) "interval",
    if (identical(kind, "none")) c("conf.low", "conf.high"),
    if (all(shown$n_unresolved == 0)) "n_unresolved"
  ))]
  shown$group <- shorten(as.character(shown$group), 30L)
  if (nrow(shown) > 11L) {
    # Where not all fit: the groups, then the highest hazards.
    at <- seq_len(nrow(shown))
    shown <- shown[order(match(shown$by, c("all", "group", "bin")),
                         ifelse(shown$by == "bin", -at, at)), ]
  }
  new_page(
    c(
      sprintf("<lpb_assessment> coverage P(T >= bound), nominal %s%s",
              target(1 - x$nominal[1L]),
              if (length(kind) == 1L && kind != "none") {
                sprintf("; %s intervals", kind)
              } else {
                ""
              }),
      assessment_remark(basis)
    ),
    shown,
    if (basis == "calibration") {
      "Next: assess_lpb(lpb, folds = 10), or held-out prompts as newdata"
    } else {
      "Next: plot(assessment)"
    }
  )
}

assessment_remark <- function(basis) {
  switch(basis,
    calibration =
      "Slightly optimistic: tau was selected on these prompts.",
    "cross-fitted" =
      "Cross-fitted: each fold has the tau selected on the others."
  )
}

# ---- As tables ---------------------------------------------------------------

#' @rdname tidiers
#' @export
tidy.lpb_assessment <- function(x, ...) {
  check_no_dots(...)
  plain_table(x)
}

#' @rdname tidiers
#' @export
glance.lpb_assessment <- function(x, ...) {
  check_no_dots(...)
  row <- plain_table(x[x$by == "all", setdiff(names(x), c("by", "group"))])
  names(row)[names(row) == "n"] <- "nobs"
  cbind(row, n_bins = sum(x$by == "bin"), n_groups = sum(x$by == "group"))
}

# ---- Plots -------------------------------------------------------------------

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

# One row for each part, the lowest hazard on top; intervals where there are
# any.
coverage_picture <- function(assessment) {
  rows <- plain_table(assessment)
  nominal <- rows$nominal[1L]
  rows <- rows[c("by", "group", "estimate", "conf.low", "conf.high")]
  bin <- which(rows$by == "bin")
  rows$label <- paste("group", substr(rows$group, 1L, 30L))
  rows$label[rows$by == "all"] <- "all prompts"
  k <- length(bin)
  rows$label[bin] <- paste("hazard", seq_len(k), "of", rep(k, k))
  if (k > 1L) {
    rows$label[bin[c(1L, k)]] <- c("lowest hazard", "highest hazard")
  }
  # Two long names may begin alike.
  rows$label <- make.unique(rows$label, " #")
  rows$place <- rev(seq_len(nrow(rows)))
  # One small group must not squeeze all others: its interval may reach beyond.
  least <- min(rows$estimate, nominal - 0.15, na.rm = TRUE) - 0.05
  least <- max(least, min(rows$conf.low, rows$estimate, nominal - 0.02,
                          na.rm = TRUE))
  list(rows = rows, nominal = nominal, least = max(0, least))
}

draw_coverage <- function(picture, ...) {
  rows <- picture$rows
  inks <- ifelse(rows$by == "all", ink[["mark"]], ink[["main"]])
  # The names of groups are as wide as they are.
  old <- graphics::par(mai = graphics::par("mai"))
  on.exit(graphics::par(old))
  wide <- max(graphics::strwidth(rows$label, "inches")) + 0.4
  graphics::par(mai = replace(graphics::par("mai"), 2L, wide))
  draw_points(list(
    x = rows$estimate, y = rows$place, yaxt = "n", ylab = "",
    xlab = "coverage", xlim = c(picture$least, 1), ylim = range(rows$place) +
      c(-0.5, 0.5), col = inks, cex = 1.2
  ), ...)
  graphics::abline(v = picture$nominal, lty = 2, col = "grey40")
  graphics::axis(2, rows$place, rows$label, las = 1, tick = FALSE, line = -0.5)
  known <- !is.na(rows$conf.low)
  graphics::segments(rows$conf.low[known], rows$place[known],
                     rows$conf.high[known], rows$place[known], lwd = 1.5,
                     col = inks[known])
}

layer_coverage <- function(picture) {
  rows <- picture$rows
  rows$label <- factor(rows$label, rev(rows$label))
  known <- rows[!is.na(rows$conf.low), ]
  ggplot2::ggplot(rows, ggplot2::aes(
    x = .data$estimate, y = .data$label, colour = .data$by == "all"
  )) +
    ggplot2::geom_vline(xintercept = picture$nominal, linetype = "dashed") +
    ggplot2::geom_segment(ggplot2::aes(
      x = .data$conf.low, xend = .data$conf.high, yend = .data$label
    ), known) +
    ggplot2::geom_point(size = 2.5) +
    ggplot2::scale_colour_manual(values = c(
      "FALSE" = ink[["main"]], "TRUE" = ink[["mark"]]
    ), guide = "none") +
    ggplot2::coord_cartesian(xlim = c(picture$least, 1)) +
    ggplot2::labs(x = "coverage", y = NULL) +
    lpb_theme()
}
