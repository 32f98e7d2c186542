# How a risk_estimate looks: print, tidy, glance, plot.

#' @export
print.risk_estimate <- function(x, max_rows = NULL, ...) {
  show_page(risk_page(x), max_rows = max_rows, ...)
  invisible(x)
}

#' @rdname knit_prints
#' @exportS3Method knitr::knit_print
knit_print.risk_estimate <- function(x, ...) knit_page(risk_page(x))

risk_columns <- c("group", "k", "n", "estimate", "std.error", "conf.low",
                  "conf.high", "basis", "interval", "share_modelled")

#' @export
table_rule.risk_estimate <- function(x) new_table_rule(risk_columns)

risk_page <- function(x) {
  totals <- attr(x, "totals")
  if (is.null(totals) || !all(risk_columns %in% names(x)) || nrow(x) == 0L) {
    return(plain_page(x))
  }
  grouped <- totals$n_groups > 0
  claim <- attr(x, "claim")
  number <- function(x) format(x, digits = 3)
  new_page(
    c(
      sprintf("<risk_estimate> %sF(k) = P(T <= k): %s",
              if (isTRUE(claim$certified)) "certified " else "",
              "prompts with an unsafe draw among k"),
      sprintf("From %s (%s included) and %s%s", counted(totals$nobs, "prompt"),
              big(totals$n_included), counted(totals$draws, "draw"),
              refused_note(totals$n_refused)),
      claim_text(claim, totals$conf.level),
      sprintf("Approximate: %s", lower_first(as.character(claim$remarks))),
      claim$target,
      if (!isTRUE(claim$certified)) {
        sprintf("Unsafe rate per draw: %s (%s to %s), %s",
                number(totals$estimate), number(totals$conf.low),
                number(totals$conf.high), totals$basis)
      },
      horizon_text(totals$k_design, attr(x, "modelled"))
    ),
    plain_table(x)[setdiff(risk_columns, hidden_columns(claim, grouped))],
    if (isTRUE(claim$certified)) NULL else "Next: plot(risk)", spread = TRUE
  )
}

hidden_columns <- function(claim, grouped) {
  c("interval", if (!grouped) c("group", "n") else "share_modelled",
    if (claim$side == "upper") "conf.low",
    if (claim$side == "lower") "conf.high")
}

# "Each upper limit holds by itself with 90% confidence, in finite samples."
claim_text <- function(claim, conf.level) {
  what <- switch(claim$side, both = if (isTRUE(claim$certified)) {
    "pair of limits"
  } else {
    "interval"
  }, paste(claim$side, "limit"))
  sprintf("%s with %s confidence%s", if (claim$simultaneous) {
    "All limits hold at once"
  } else {
    sprintf("Each %s holds by itself", what)
  }, share(conf.level),
  if (length(claim$remarks) == 0L) ", in finite samples" else "")
}

horizon_text <- function(k, modelled) {
  if (isFALSE(modelled)) {
    return(sprintf("Design-based up to k = %s, the fewest draws of a prompt.",
                   big(k)))
  }
  if (k < 1) {
    return("Some prompts could not be included: model-assisted at every k.")
  }
  if (is.infinite(k)) {
    return("Design-based at every k.")
  }
  sprintf("Design-based up to k = %s, model-assisted beyond.", big(k))
}

#' @rdname tidiers
#' @export
tidy.risk_estimate <- function(x, ...) {
  check_no_dots(...)
  plain_table(x)
}

#' @rdname tidiers
#' @export
glance.risk_estimate <- function(x, ...) {
  check_no_dots(...)
  attr(x, "totals")
}

risk_labels <- c(x = "draws of each prompt (k)", y = "F(k) = P(T <= k)")

#' @rdname estimate_risk
#' @export
plot.risk_estimate <- function(x, ...) {
  draw_points(list(
    x = x$k, y = x$estimate, type = "n",
    log = if (length(unique(x$k)) > 1L) "x" else "",
    ylim = c(0, max(x$conf.high)), xlab = risk_labels[["x"]],
    ylab = risk_labels[["y"]]
  ), ...)
  groups <- unique(x$group)
  inks <- rep_len(c(ink[["main"]], ink[["mark"]], "#009E73", "#CC79A7",
                    "#56B4E9", "#E69F00"), length(groups))
  for (i in seq_along(groups)) {
    draw_risk(risk_of_group(x, groups[i]), inks[i])
  }
  if (length(groups) > 1L) {
    graphics::legend("bottomright", shorten(groups, 30L), lty = 1, lwd = 2,
                     col = inks, bty = "n")
  }
  if (any(x$basis != "design-based")) {
    graphics::legend("topleft", c("design-based", "model-assisted"),
                     lty = 1:2, lwd = 2, col = ink[["main"]], bty = "n")
  }
  invisible(x)
}

# Its rows by k, whatever their order.
risk_of_group <- function(x, group) {
  x <- plain_table(x)
  x <- x[x$group == group, ]
  x[order(x$k), ]
}

draw_risk <- function(x, colour) {
  rows <- which(!is.na(x$estimate))
  graphics::polygon(
    c(x$k[rows], rev(x$k[rows])), c(x$conf.low[rows], rev(x$conf.high[rows])),
    col = grDevices::adjustcolor(colour, 0.15), border = NA
  )
  for (part in risk_parts(x)) {
    graphics::lines(part$k, part$estimate, lwd = 2, col = colour,
                    lty = if (part$drawn[1L] == "design-based") 1 else 2)
  }
}

#' @rdname estimate_risk
#' @exportS3Method ggplot2::autoplot
autoplot.risk_estimate <- function(object, ...) {
  check_no_dots(...)
  need_package("ggplot2", "to draw the risk", "3.4.0")
  rows <- plain_table(object)
  rows$group <- factor(rows$group, unique(rows$group))
  lines <- do.call(rbind, unlist(lapply(levels(rows$group), function(group) {
    risk_parts(risk_of_group(rows, group))
  }), recursive = FALSE))
  inks <- if (nlevels(rows$group) == 1L) {
    list(ggplot2::scale_colour_manual(values = ink[["main"]], guide = "none"),
         ggplot2::scale_fill_manual(values = ink[["main"]], guide = "none"))
  }
  ggplot2::ggplot(rows, ggplot2::aes(x = .data$k, fill = .data$group)) +
    ggplot2::geom_ribbon(
      ggplot2::aes(ymin = .data$conf.low, ymax = .data$conf.high), alpha = 0.15
    ) +
    ggplot2::geom_line(
      ggplot2::aes(y = .data$estimate, colour = .data$group,
                   linetype = .data$drawn), data = lines, linewidth = 0.8
    ) +
    inks +
    ggplot2::scale_linetype_manual(
      values = c("design-based" = "solid", "model-assisted" = "22")
    ) +
    ggplot2::scale_x_log10() +
    ggplot2::labs(x = risk_labels[["x"]], y = risk_labels[["y"]],
                  colour = NULL, fill = NULL, linetype = NULL) +
    ggplot2::theme_bw(base_size = 11) +
    ggplot2::theme(legend.position = "bottom")
}

# Without and with a model (column `drawn`); the second line begins where the
# first one ends.
risk_parts <- function(x) {
  design <- x$basis == "design-based"
  last <- max(0, which(design))
  parts <- list("design-based" = x[design, ],
                "model-assisted" = x[seq_len(nrow(x)) >= max(1, last), ])
  parts <- parts[c(any(design), any(!design))]
  Map(function(part, drawn) cbind(part, drawn = drawn), parts, names(parts))
}
