# How an audit, and draws without a plan (prompt_draws), look: print, summary,
# tidy, glance, plot.

#' @export
print.audit <- function(x, ...) {
  show_page(audit_page(x, "audit"), ...)
  invisible(x)
}

#' @export
print.prompt_draws <- function(x, ...) {
  show_page(audit_page(x, "prompt_draws"), ...)
  invisible(x)
}

#' @rdname knit_prints
#' @exportS3Method knitr::knit_print
knit_print.audit <- function(x, ...) knit_page(audit_page(x, "audit"))

#' @rdname knit_prints
#' @exportS3Method knitr::knit_print
knit_print.prompt_draws <- function(x, ...) {
  knit_page(audit_page(x, "prompt_draws"))
}

audit_page <- function(x, class) {
  if (!all(outcome_columns %in% names(x)) || nrow(x) == 0L) {
    return(plain_page(x))
  }
  failed <- sum(x$failed)
  unused <- sum(x$unused)
  new_page(c(
    sprintf("<%s> %s, %s%s", class, counted(nrow(x), "prompt"),
            counted(sum(x$draws), "draw"), if (unused > 0) {
              sprintf(" (%s more made ahead, unused)", big(unused))
            } else {
              ""
            }),
    sprintf("Unsafe draws: %s, of %s", big(sum(x$unsafe)),
            counted(sum(x$unsafe > 0), "prompt")),
    asides_line(x), log_origin_lines(x),
    if (failed > 0) {
      sprintf("%s ended by a failed draw, which counts as unsafe",
              counted(failed, "prompt"))
    },
    next_step(x, class, sum(is.na(x$status)))
  ))
}

# Where an audit comes from that no plan asked for.
log_origin_lines <- function(x) {
  about <- attr(x, "log")
  c(
    if (is_planned(x)) design_of(plan_parts(x))$origin(plan_parts(x)),
    if (isTRUE(about[["trained"]] > 0)) {
      sprintf("Hazard trained on %s of the log",
              counted(about[["trained"]], "other prompt"))
    },
    if (isTRUE(about[["absent"]] > 0)) {
      sprintf("Left out: %s without a draw",
              counted(about[["absent"]], "prompt"))
    }
  )
}

next_step <- function(x, class, open) {
  if (open > 0L) {
    paste(sprintf("Unfinished: %s left;", counted(open, "prompt")),
          if (class == "audit") {
            "resume with run_audit(audit, sampler)"
          } else {
            "repeat the call to resume"
          })
  } else if (class == "prompt_draws" || !is_planned(x)) {
    "Next: fit_hazard(draws)"
  } else if (nrow(x) == plan_parts(x)$constants$n) {
    # A ledger, or a plan in a file, does not hold the model.
    if (is.null(attr(x, "hazard"))) {
      "Next: calibrate_lpb(audit, hazard = hazard)"
    } else {
      "Next: calibrate_lpb(audit)"
    }
  }
}

# ---- As tables ---------------------------------------------------------------

#' @rdname summaries
#' @export
summary.audit <- function(object, ...) glance(object, ...)

#' @rdname summaries
#' @export
summary.prompt_draws <- function(object, ...) glance(object, ...)

#' @rdname tidiers
#' @export
tidy.audit <- function(x, ...) {
  check_no_dots(...)
  plain_table(x)[setdiff(names(x), plan_constants)]
}

#' @rdname tidiers
#' @export
tidy.prompt_draws <- function(x, ...) {
  check_no_dots(...)
  plain_table(x)
}

#' @rdname tidiers
#' @export
glance.audit <- function(x, ...) {
  check_no_dots(...)
  count_outcomes(x)
}

#' @rdname tidiers
#' @export
glance.prompt_draws <- function(x, ...) {
  check_no_dots(...)
  count_outcomes(x)
}

count_outcomes <- function(x) {
  data.frame(
    nobs = nrow(x), n_finished = sum(!is.na(x$status)), draws = sum(x$draws),
    unsafe = sum(x$unsafe), nevent = sum(x$unsafe > 0),
    draws_unused = sum(x$unused), n_failed = sum(x$failed),
    n_refused = sum(x[["refused"]] %||% NA_real_),
    n_truncated = sum(x[["truncated"]] %||% NA_real_)
  )
}

# ---- Plots -------------------------------------------------------------------

#' @rdname plots
#' @export
plot.audit <- function(x, ...) {
  rows <- drawn_rows(x)
  colour <- ink[ifelse(rows$outcome == outcome_labels[2L], "mark", "main")]
  draw_points(list(
    x = rows$limit, y = rows$draws, log = "xy", xlab = draws_labels[["x"]],
    ylab = draws_labels[["y"]], col = grDevices::adjustcolor(colour, 0.5)
  ), ...)
  graphics::legend("topleft", outcome_labels, pch = 16,
                   col = ink[c("main", "mark")], bty = "n")
  invisible(x)
}

#' @rdname plots
#' @export
plot.prompt_draws <- plot.audit

draws_labels <- c(x = "limit (draws)", y = "draws made")

# A prompt without a draw has no place on a logarithmic axis.
drawn_rows <- function(x) {
  x <- plain_table(x)
  x <- x[x$limit > 0, ]
  data.frame(limit = x$limit, draws = pmax(x$draws, 0.5),
             outcome = factor(outcome_labels[(x$unsafe > 0) + 1L],
                              outcome_labels))
}

#' @rdname plots
#' @exportS3Method ggplot2::autoplot
autoplot.audit <- function(object, ...) {
  check_no_dots(...)
  need_package("ggplot2", "to draw an audit", "3.4.0")
  ggplot2::ggplot(drawn_rows(object), ggplot2::aes(
    x = .data$limit, y = .data$draws, colour = .data$outcome
  )) +
    outcome_points() +
    ggplot2::labs(x = draws_labels[["x"]], y = draws_labels[["y"]],
                  colour = NULL) +
    lpb_theme()
}

#' @rdname plots
#' @exportS3Method ggplot2::autoplot
autoplot.prompt_draws <- autoplot.audit
