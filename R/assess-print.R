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
  "interval", "n_unresolved", "n_refused", "mean_bound",
  "gmean_bound", "mean_prob"
)

# Each row says for itself what was assessed and how.
#' @export
table_rule.lpb_assessment <- function(x) {
  new_table_rule(assessment_columns, bind = agreed)
}

# By which a row is known again, wherever it stands.
assessment_seals <- function(rows) {
  vapply(row_tags(rows, assessment_columns), rlang::hash, "", USE.NAMES = FALSE)
}

assessment_page <- function(x) {
  if (!all(assessment_columns %in% names(x)) || nrow(x) == 0L) {
    return(plain_page(x))
  }
  shown <- plain_table(x)
  one <- lapply(shown[c("nominal", "basis", "interval")], function(value) {
    if (length(unique(value)) == 1L) value[1L]
  })
  # One line a decile leaves no room for much else.
  shown <- shown[setdiff(assessment_columns, c(
    names(one)[lengths(one) == 1L], "mean_bound",
    if (identical(one$interval, "none")) c("conf.low", "conf.high"),
    if (all(shown$n_unresolved == 0)) "n_unresolved",
    if (sum_known(shown$n_refused) == 0) "n_refused"
  ))]
  shown$group <- shorten(as.character(shown$group), 30L)
  if (nrow(shown) > 11L) {
    # Where not all fit: the groups, then the highest hazards.
    at <- seq_len(nrow(shown))
    shown <- shown[order(match(shown$by, c("all", "group", "bin")),
                         ifelse(shown$by == "bin", -at, at)), ]
  }
  new_page(c(assessment_title(one), assessment_remark(one$basis)), shown,
           if (identical(one$basis, "calibration")) {
             "Next: assess_lpb(lpb, folds = 10), or held-out prompts as newdata"
           } else {
             "Next: plot(assessment)"
           })
}

# `one` has what all rows have in common; the rest is in the rows.
assessment_title <- function(one) {
  paste0(
    "<lpb_assessment> coverage P(T >= bound)",
    if (!is.null(one$nominal)) paste(", nominal", target(1 - one$nominal)),
    if (!is.null(one$interval) && one$interval != "none") {
      sprintf("; %s intervals", one$interval)
    }
  )
}

assessment_remark <- function(basis) {
  switch(basis %||% "several",
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
  row <- plain_table(x)[x$by == "all", setdiff(names(x), c("by", "group"))]
  if (nrow(row) != 1L) {
    stop_argument("x", "must have one row for all prompts",
                  counted(nrow(row), "row"), fix = "Use tidy().")
  }
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

# One row for each part, in its order, the first on top; intervals where there
# are any. What a row is about it says itself.
coverage_picture <- function(assessment) {
  rows <- plain_table(assessment)
  nominal <- rows$nominal
  rows$label <- part_labels(rows)
  rows$place <- rev(seq_len(nrow(rows)))
  # One small group must not squeeze all others: its interval may reach beyond.
  least <- min(rows$estimate, nominal - 0.15, na.rm = TRUE) - 0.05
  least <- max(least, min(rows$conf.low, rows$estimate, nominal - 0.02,
                          na.rm = TRUE))
  list(rows = rows, least = max(0, least))
}

# "lowest hazard", "hazard 2 of 10", "group code"; with what tells one bound, or
# one way to assess it, from another.
part_labels <- function(rows) {
  label <- paste("group", substr(rows$group, 1L, 30L))
  label[rows$by == "all"] <- "all prompts"
  bin <- rows$by == "bin"
  label[bin] <- sub("^hazard .* [(](.*)[)]$", "\\1 hazard",
                    paste("hazard", rows$group[bin]))
  several <- function(x) length(unique(x)) > 1L
  also <- c(
    if (several(rows$nominal)) list(vapply(1 - rows$nominal, target, "")),
    if (several(rows$basis)) list(rows$basis)
  )
  if (length(also) > 0L) {
    label <- sprintf("%s (%s)", label, do.call(paste, c(also, sep = ", ")))
  }
  # Two long names may begin alike.
  make.unique(label, " #")
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
  one <- unique(rows$nominal)
  if (length(one) == 1L) {
    graphics::abline(v = one, lty = 2, col = "grey40")
  } else {
    graphics::segments(rows$nominal, rows$place - 0.4, y1 = rows$place + 0.4,
                       lty = 2, col = "grey40")
  }
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
    nominal_lines(rows) +
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

nominal_lines <- function(rows) {
  one <- unique(rows$nominal)
  if (length(one) == 1L) {
    ggplot2::geom_vline(xintercept = one, linetype = "dashed")
  } else {
    ggplot2::geom_point(ggplot2::aes(x = .data$nominal), shape = "|", size = 5,
                        colour = "grey40")
  }
}
