# How a study looks: print, summary, tidy, glance, and plots with ggplot2.

#' @export
print.simulated_study <- function(x, max_rows = NULL, ...) {
  show_page(study_page(x), max_rows = max_rows, ...)
  invisible(x)
}

#' @rdname knit_prints
#' @exportS3Method knitr::knit_print
knit_print.simulated_study <- function(x, ...) knit_page(study_page(x))

study_keys <- c("hazard", "method", "budget", "cap_ratio", "alpha")

#' @export
table_rule.simulated_study <- function(x) {
  new_table_rule(c(study_keys, "repetition", study_numbers), bind = agreed)
}

study_page <- function(x) {
  if (!all(c(study_keys, study_numbers) %in% names(x)) || nrow(x) == 0L) {
    return(plain_page(x))
  }
  cells <- summary.simulated_study(x)
  settings <- attr(x, "settings")
  again <- c(all = "prompts, split and training", split = "the split",
             none = "the audit alone")
  shown <- c(study_keys, "coverage", "coverage_sd", "gmean_bound",
             "draws_made", "coverage_hard", "mean_bound")
  same <- vapply(cells[study_keys], function(v) length(unique(v)) == 1L, NA)
  shown <- setdiff(shown, setdiff(names(same)[same], "method"))
  new_page(
    c(
      sprintf("<simulated_study> %s: %s, %s each", counted(nrow(x), "run"),
              counted(nrow(cells), "cell"),
              counted(max(cells$repetitions), "repetition")),
      if (!is.null(settings)) {
        sprintf("%s prompts, seed %.0f; new in each repetition: %s",
                big(settings$n), settings$seed, again[[settings$resample]])
      }
    ),
    cells[shown], "Next: plot(study)", more = "cells: summary() has them all"
  )
}

#' @rdname tidiers
#' @export
tidy.simulated_study <- function(x, ...) {
  check_no_dots(...)
  plain_table(x)
}

#' @rdname tidiers
#' @export
glance.simulated_study <- function(x, ...) {
  check_no_dots(...)
  cells <- summary.simulated_study(x)
  settings <- attr(x, "settings")
  data.frame(
    n_runs = nrow(x), n_cells = nrow(cells),
    repetitions = max(cells$repetitions), n = settings$n %||% NA_real_,
    resample = settings$resample %||% NA_character_,
    seed = settings$seed %||% NA_real_
  )
}

#' @rdname simulate_study
#' @param object A `simulated_study`.
#' @export
summary.simulated_study <- function(object, ...) {
  check_no_dots(...)
  rows <- as.data.frame(object)
  keys <- study_keys
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

# ---- Plots -------------------------------------------------------------------

#' Plots of a synthetic study
#'
#' Means over repetitions, with a band of one standard deviation to either side,
#' against the budget or the cap. Targets and hazards that differ have their
#' own panels.
#'
#' @param object,x A `simulated_study`, see [simulate_study()].
#' @param metric The column to draw, one of `"coverage"` (the default),
#'   `"coverage_hard"`, `"coverage_rest"`, `"coverage_low"`,
#'   `"coverage_middle"`, `"coverage_high"` (all with a line at the target),
#'   `"grid_coverage"`, `"draws_allowed"`, `"draws_made"` (per prompt),
#'   `"mean_bound"`, `"gmean_bound"` or `"grid_mean_bound"` (on a logarithmic
#'   axis).
#' @param against `"budget"` or `"cap_ratio"`; `NULL`, the default, takes the
#'   one that varies, and the budget when both do.
#' @param ... Must be empty.
#' @returns `autoplot()` a ggplot object, to which layers and scales may be
#'   added; `plot()` draws it and returns `x`, invisibly.
#' @details On a logarithmic axis a band that would reach below a tenth of the
#'   mean ends there. Methods differ in colour (of the Okabe-Ito palette),
#'   shape and line type.
#' @section Errors: `timetounsafe_error_unavailable` when ggplot2 is not
#'   installed; `timetounsafe_error_argument`.
#' @examplesIf rlang::is_installed("ggplot2", version = "3.4.0")
#' study <- simulate_study(c("trimmed", "optimized"), budgets = c(20, 200),
#'                         repetitions = 3, n = 2000,
#'                         hazards = list(default = fit_hazard), seed = 1)
#' ggplot2::autoplot(study)
#' @exportS3Method ggplot2::autoplot
autoplot.simulated_study <- function(object, metric = "coverage",
                                     against = NULL, ...) {
  check_no_dots(...)
  need_package("ggplot2", "to draw a study", "3.4.0")
  metric <- check_choice(metric, names(study_titles), "metric")
  cells <- study_bands(summary.simulated_study(object), metric)
  against <- choose_axis(cells, against)
  draw_study(cells, metric, against)
}

#' @rdname autoplot.simulated_study
#' @export
plot.simulated_study <- function(x, ...) {
  print(autoplot.simulated_study(x, ...))
  invisible(x)
}

study_titles <- c(
  coverage = "coverage", coverage_hard = "coverage of the hard tenth",
  coverage_rest = "coverage of the others",
  coverage_low = "coverage, lowest predicted third",
  coverage_middle = "coverage, middle predicted third",
  coverage_high = "coverage, highest predicted third",
  grid_coverage = "1 - F(bound)", draws_allowed = "draws allowed per prompt",
  draws_made = "draws made per prompt", mean_bound = "mean bound",
  gmean_bound = "geometric mean of the bound",
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
  metric %in% c("mean_bound", "gmean_bound", "grid_mean_bound")
}

choose_axis <- function(cells, against, call = rlang::caller_env()) {
  varies <- function(name) length(unique(cells[[name]])) > 1L
  if (is.null(against)) {
    against <- if (varies("cap_ratio") && !varies("budget")) {
      "cap_ratio"
    } else {
      "budget"
    }
  }
  against <- check_choice(against, c("budget", "cap_ratio"), "against",
                          call = call)
  other <- setdiff(c("budget", "cap_ratio"), against)
  if (varies(other)) {
    stop_argument(
      "object", sprintf("must have a single `%s` to be drawn against `%s`",
                        other, against),
      sprintf("%d of them", length(unique(cells[[other]]))),
      fix = sprintf("Draw a subset, such as study[study$%s == %s, ].", other,
                    format(cells[[other]][1L])), call = call
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
            cap_ratio = "cap over budget (cap_ratio)")[[against]],
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
  if (against == "cap_ratio") {
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
