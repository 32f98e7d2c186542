# How a study looks: print, summary, and pictures with ggplot2.

#' @export
print.synthetic_study <- function(x, max_rows = 20, ...) {
  cells <- summary.synthetic_study(x)
  say("<synthetic_study> %s runs: %s, %s each", big(nrow(x)),
      count_of(nrow(cells), "cell"),
      count_of(max(cells$repetitions), "repetition"))
  settings <- attr(x, "settings")
  if (!is.null(settings)) {
    anew <- c(all = "prompts, split and training", split = "the split",
              none = "the audit alone")
    say("%s prompts, seed %.0f; new in each repetition: %s", big(settings$n),
        settings$seed, anew[[settings$resample]])
  }
  shown <- c("hazard", "method", "budget", "max_weight", "alpha", "coverage",
             "coverage_sd", "coverage_hard", "mean_bound", "geometric_mean",
             "made")
  same <- vapply(cells[shown[1:5]], function(v) length(unique(v)) == 1L, NA)
  shown <- setdiff(shown, setdiff(names(same)[same], "method"))
  print(utils::head(cells[shown], max_rows), digits = 3, row.names = FALSE, ...)
  if (nrow(cells) > max_rows) {
    say("... and %d more cells: summary() has them all", nrow(cells) - max_rows)
  }
  invisible(x)
}

#' @rdname synthetic_study
#' @param object A `synthetic_study`.
#' @export
summary.synthetic_study <- function(object, ...) {
  check_no_dots(...)
  rows <- as.data.frame(object)
  keys <- c("hazard", "method", "budget", "max_weight", "alpha")
  cell <- interaction(rows[keys], drop = TRUE, lex.order = TRUE)
  cell <- match(cell, unique(cell))
  cells <- rows[!duplicated(cell), keys]
  cells$repetitions <- tabulate(cell)
  for (name in study_numbers) {
    parts <- split(rows[[name]], cell)
    cells[[name]] <- vapply(parts, mean, 0, na.rm = TRUE)
    cells[[paste0(name, "_sd")]] <- vapply(parts, stats::sd, 0, na.rm = TRUE)
  }
  numbers <- !names(cells) %in% keys
  cells[numbers] <- lapply(cells[numbers], function(x) {
    replace(x, is.nan(x), NA)
  })
  rownames(cells) <- NULL
  cells
}

# ---- Pictures ----------------------------------------------------------------

#' Pictures of a synthetic study
#'
#' Means over repetitions, with a band of one standard deviation to either side,
#' against the budget or the largest mean weight. Targets and hazards that
#' differ get panels of their own.
#'
#' @param object,x A `synthetic_study`, see [synthetic_study()].
#' @param metric The column to draw, one of `"coverage"` (the default),
#'   `"coverage_hard"`, `"coverage_rest"`, `"coverage_low"`,
#'   `"coverage_middle"`, `"coverage_high"` (all with a line at the target),
#'   `"grid_coverage"`, `"allowed"`, `"made"` (draws per prompt),
#'   `"mean_bound"`, `"geometric_mean"` or `"grid_mean_bound"` (on a logarithmic
#'   axis).
#' @param against `"budget"` or `"max_weight"`; `NULL`, the default, takes the
#'   one that varies, and the budget when both do.
#' @param ... Must be empty.
#' @returns `autoplot()` a ggplot object, to which layers and scales may be
#'   added; `plot()` draws it and returns `x`, invisibly.
#' @details On a logarithmic axis a band that would reach below a tenth of the
#'   mean ends there. Methods are told apart by colour (of the Okabe-Ito
#'   palette), by shape and by line type.
#' @section Errors: `timetounsafe_error_unavailable` when ggplot2 is not
#'   installed; `timetounsafe_error_argument`.
#' @examplesIf rlang::is_installed("ggplot2", version = "3.4.0")
#' study <- synthetic_study(c("trimmed", "optimized"), budgets = c(20, 200),
#'                          repetitions = 3, n = 2000,
#'                          hazards = list(default = fit_hazard), seed = 1)
#' ggplot2::autoplot(study)
#' @exportS3Method ggplot2::autoplot
autoplot.synthetic_study <- function(object, metric = "coverage",
                                     against = NULL, ...) {
  check_no_dots(...)
  need_package("ggplot2", "to draw a study", "3.4.0")
  metric <- check_choice(metric, names(study_titles), "metric")
  cells <- study_bands(summary.synthetic_study(object), metric)
  against <- choose_axis(cells, against)
  draw_study(cells, metric, against)
}

#' @rdname autoplot.synthetic_study
#' @export
plot.synthetic_study <- function(x, ...) {
  print(autoplot.synthetic_study(x, ...))
  invisible(x)
}

study_titles <- c(
  coverage = "coverage", coverage_hard = "coverage of the hard tenth",
  coverage_rest = "coverage of the others",
  coverage_low = "coverage, lowest predicted third",
  coverage_middle = "coverage, middle predicted third",
  coverage_high = "coverage, highest predicted third",
  grid_coverage = "1 - F(bound)", allowed = "draws allowed per prompt",
  made = "draws made per prompt", mean_bound = "mean bound",
  geometric_mean = "geometric mean of the bound",
  grid_mean_bound = "mean bound (grid)"
)

study_bands <- function(cells, metric) {
  half <- cells[[paste0(metric, "_sd")]]
  half[is.na(half)] <- 0
  cells$mean <- cells[[metric]]
  cells$low <- cells$mean - half
  cells$high <- cells$mean + half
  if (is_length(metric)) {
    cells$low <- pmax(cells$low, cells$mean / 10)
  }
  cells$method <- factor(cells$method,
                         intersect(study_methods$method, cells$method))
  cells$hazard <- factor(cells$hazard, unique(cells$hazard))
  cells$panel <- sprintf("alpha = %s", format(cells$alpha))
  cells[!is.na(cells$mean), ]
}

is_length <- function(metric) {
  metric %in% c("mean_bound", "geometric_mean", "grid_mean_bound")
}

choose_axis <- function(cells, against, call = rlang::caller_env()) {
  varies <- function(name) length(unique(cells[[name]])) > 1L
  if (is.null(against)) {
    against <- if (varies("max_weight") && !varies("budget")) {
      "max_weight"
    } else {
      "budget"
    }
  }
  against <- check_choice(against, c("budget", "max_weight"), "against",
                          call = call)
  other <- setdiff(c("budget", "max_weight"), against)
  if (varies(other)) {
    stop_argument(
      "object", sprintf("must have one `%s` to be drawn against `%s`", other,
                        against),
      sprintf("%d of them", length(unique(cells[[other]]))),
      fix = "Draw a part of the rows.", call = call
    )
  }
  against
}

draw_study <- function(cells, metric, against) {
  looks <- study_looks[match(levels(cells$method), study_looks$method), ]
  picture <- ggplot2::ggplot(cells, ggplot2::aes(
    x = .data[[against]], y = .data$mean, colour = .data$method,
    fill = .data$method, linetype = .data$method, shape = .data$method
  )) +
    ggplot2::geom_ribbon(
      ggplot2::aes(ymin = .data$low, ymax = .data$high), alpha = 0.15,
      colour = NA
    ) +
    ggplot2::geom_line(linewidth = 0.7) +
    ggplot2::geom_point(size = 2) +
    ggplot2::scale_colour_manual(values = looks$colour) +
    ggplot2::scale_fill_manual(values = looks$colour) +
    ggplot2::scale_linetype_manual(values = looks$line) +
    ggplot2::scale_shape_manual(values = looks$shape) +
    ggplot2::labs(
      x = c(budget = "mean draws allowed per prompt (budget)",
            max_weight = "largest mean weight")[[against]],
      y = study_titles[[metric]], colour = NULL, fill = NULL, linetype = NULL,
      shape = NULL
    ) +
    ggplot2::theme_bw(base_size = 11) +
    ggplot2::theme(legend.key.width = ggplot2::unit(2, "lines"),
                   panel.spacing.x = ggplot2::unit(1.2, "lines"),
                   plot.margin = ggplot2::margin(6, 16, 6, 6))
  picture <- add_axes(picture, metric, against)
  if (startsWith(metric, "coverage")) {
    picture <- picture + ggplot2::geom_hline(
      ggplot2::aes(yintercept = 1 - .data$alpha), colour = "grey30"
    )
  }
  add_panels(picture, cells)
}

# Colours, line types and shapes, so that methods differ in grey print, too.
study_looks <- data.frame(
  method = study_methods$method,
  colour = c("#000000", "#D55E00", "#E69F00", "#CC79A7", "#56B4E9", "#0072B2",
             "#009E73"),
  line = c("dotted", "dotdash", "twodash", "longdash", "22", "solid", "42"),
  shape = c(4, 6, 2, 1, 0, 16, 17)
)

add_axes <- function(picture, metric, against) {
  if (is_length(metric)) {
    picture <- picture + ggplot2::scale_y_log10()
  }
  if (against == "max_weight") {
    picture + ggplot2::scale_x_log10(breaks = 4^(0:30))
  } else {
    picture + ggplot2::scale_x_continuous(n.breaks = 4)
  }
}

add_panels <- function(picture, cells) {
  many <- c(hazard = nlevels(cells$hazard) > 1L,
            panel = length(unique(cells$panel)) > 1L)
  if (all(many)) {
    picture + ggplot2::facet_grid(stats::reformulate("panel", "hazard"))
  } else if (any(many)) {
    picture + ggplot2::facet_wrap(names(many)[many])
  } else {
    picture
  }
}
