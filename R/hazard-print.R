# How a hazard_fit looks: print, summary, tidy, glance, augment, plot.

#' @export
print.hazard_fit <- function(x, ...) {
  show_page(hazard_page(x))
  invisible(x)
}

#' @rdname knit_prints
#' @exportS3Method knitr::knit_print
knit_print.hazard_fit <- function(x, ...) knit_page(hazard_page(x))

hazard_page <- function(x) {
  new_page(
    if (x$engine == "user") {
      c(sprintf("<hazard_fit> user-supplied model of class \"%s\"",
                class(x$model$object)[1L]),
        precision_line(x$precision))
    } else {
      trained_lines(x)
    },
    bottom = if (isTRUE(x$encoder$kind %in% c("text", "ngrams"))) {
      "Next: plan_audit(hazard, prompts, budget)"
    } else {
      "Next: plan_audit(hazard, prompts, budget, newdata)"
    }
  )
}

trained_lines <- function(x) {
  c(
    sprintf("<hazard_fit> engine \"%s\" on %d prompts, %s draws, %s unsafe",
            x$engine, x$nobs, big(sum(x$draws)), big(sum(x$unsafe))),
    asides_line(x["refused"]),
    if (x$stop) "Draws of a prompt stopped at the first unsafe one.",
    sprintf("Features: %d columns%s", x$encoder$n_columns,
            switch(x$encoder$kind, text = , ngrams = " derived from the text",
                   "")),
    sprintf("Hazard of a draw: %s", spread(x$fitted)),
    if (x$engine != "constant" && x$null.deviance > 0) {
      sprintf("Deviance explained: %s",
              share(max(0, 1 - x$deviance / x$null.deviance)))
    },
    precision_line(x$precision),
    if (!isTRUE(x$model$converged)) "The fit did not converge."
  )
}

#' @rdname summaries
#' @export
summary.hazard_fit <- function(object, ...) {
  model <- object$model
  out <- list(fit = object, converged = model$converged,
              precision = object$precision)
  if (object$engine == "glm") {
    out <- c(out, list(
      edf = model_df(model), penalty = model$lambda[1L],
      dispersion = model$dispersion, iterations = model$iterations,
      ridged = model$ridged, blocks = block_table(model),
      smooths = smooth_table(model),
      interactions = pair_table(model)
    ))
  } else if (object$engine == "mlp") {
    out <- c(out, list(hidden = model$hidden, epochs = model$epochs,
                       held_out = model$held_out, history = model$history))
  }
  structure(out, class = "summary.hazard_fit")
}

block_table <- function(model) {
  ridges <- model$blocks$ridges
  data.frame(block = vapply(ridges, `[[`, "", "label"),
             columns = lengths(lapply(ridges, `[[`, "columns")),
             penalty = vapply(ridges, `[[`, 0, "penalty"),
             edf = vapply(ridges, `[[`, 0, "edf"))
}

smooth_table <- function(model) {
  smooths <- model$terms$smooths
  at <- 1L + seq_along(smooths)
  data.frame(
    feature = model$columns$label[vapply(smooths, `[[`, 1L, "column")],
    knots = vapply(smooths, function(s) length(s$knots), 1L),
    penalty = model$lambda[at], edf = model$edf[at]
  )
}

pair_table <- function(model) {
  pairs <- model$terms$pairs
  # By place, the last ones: a feature may be called "a:b" itself.
  data.frame(features = label_pairs(pairs, model$terms$linear),
             effect = unname(utils::tail(model$beta, nrow(pairs))),
             statistic = pairs$statistic)
}

#' @export
print.summary.hazard_fit <- function(x, ...) {
  print(x$fit)
  if (x$fit$engine == "glm") {
    say("Linear terms: penalty %s%s; dispersion %s", big(x$penalty),
        if (x$fit$model$penalty_chosen) " (chosen)" else " (given)",
        format(x$dispersion, digits = 3))
    say("Effective degrees of freedom: %s in %d iterations",
        format(x$edf, digits = 3), x$iterations)
    if (x$ridged) {
      say("Some columns are collinear; a tiny ridge was added.")
    }
    if (nrow(x$blocks) > 0L) {
      say("Wide blocks, each a ridge whose penalty was chosen out of fold:")
      print(x$blocks, digits = 3, row.names = FALSE)
    }
    if (nrow(x$smooths) > 0L) {
      say("Smooth terms, by effective degrees of freedom:")
      top <- x$smooths[order(-x$smooths$edf), , drop = FALSE]
      print(utils::head(top, 10L), digits = 3, row.names = FALSE)
    }
    if (nrow(x$interactions) > 0L) {
      say("Interactions, by score statistic when selected:")
      print(utils::head(x$interactions, 10L), digits = 3, row.names = FALSE)
    }
  } else if (x$fit$engine == "mlp") {
    say("Hidden layers: %s; %d epochs; %d prompts held out",
        paste(x$hidden, collapse = ", "), x$epochs, x$held_out)
  }
  invisible(x)
}

# ---- As tables ---------------------------------------------------------------

#' Tidy data frames from a hazard fit
#'
#' @param x A `hazard_fit`.
#' @param conf.int `TRUE` adds confidence intervals, of Wald's kind.
#' @param conf.level Their confidence level, strictly between 0 and 1.
#' @param data The training prompts, in any form with one row for each: by their
#'   ids where `data` and the draws that were fitted have a column `id` that is
#'   not just 1, 2, ...; otherwise in their order, with or without those that
#'   had no draw.
#' @param newdata Features of other prompts, in the form used for training; not
#'   together with `data`.
#' @param ... Must be empty.
#' @returns Plain data frames.
#' * `tidy()`: a row for each coefficient, see [coef.hazard_fit()]: `term`,
#'   `estimate`, `std.error` (approximate, given the penalties), `statistic`
#'   (their ratio) and, with `conf.int = TRUE`, `conf.low` and `conf.high`.
#' * `glance()`: one row: `engine`, `nobs` (prompts), `draws`, `unsafe` (their
#'   numbers), `deviance`, `null.deviance`, `df` (effective degrees of freedom),
#'   `logLik`, `dispersion`, `precision`, `converged`; `NA` where the engine has
#'   no such thing.
#' * `augment()`: a row for each prompt: the columns of `data` or `newdata`,
#'   text as the column `prompt`, then `.fitted`, the hazard, and, without
#'   `newdata`, `.resid`, the deviance residual; both `NA` for prompts without a
#'   draw.
#' @section Errors: `timetounsafe_error_argument`, among others for a fit
#'   without coefficients; `timetounsafe_error_features`.
#' @references The columns are named as in the package broom.
#' @name tidy.hazard_fit
#' @examples
#' set.seed(1)
#' data <- data.frame(a = rnorm(100), unsafe = rbinom(100, 20, 0.1))
#' fit <- fit_hazard(cbind(unsafe, 20 - unsafe) ~ a, data)
#' tidy(fit, conf.int = TRUE)
#' glance(fit)
#' head(augment(fit, data))
#' augment(fit, newdata = data.frame(a = c(-1, 1)))
NULL

#' @rdname tidy.hazard_fit
#' @export
tidy.hazard_fit <- function(x, conf.int = FALSE, conf.level = 0.95, ...) {
  check_no_dots(...)
  conf.int <- check_flag(conf.int, "conf.int")
  conf.level <- check_number(conf.level, "conf.level", 0, 1, c(TRUE, TRUE))
  check_coefficients(x, "x")
  estimate <- stats::coef(x)
  error <- sqrt(diag(stats::vcov(x)))
  out <- data.frame(term = names(estimate), estimate = unname(estimate),
                    std.error = unname(error),
                    statistic = unname(estimate / error))
  if (conf.int) {
    half <- stats::qnorm((1 + conf.level) / 2) * out$std.error
    out$conf.low <- out$estimate - half
    out$conf.high <- out$estimate + half
  }
  out
}

#' @rdname tidy.hazard_fit
#' @export
glance.hazard_fit <- function(x, ...) {
  check_no_dots(...)
  user <- x$engine == "user"
  data.frame(
    engine = x$engine, nobs = x$nobs %||% NA_integer_,
    draws = if (user) NA_real_ else sum(x$draws),
    unsafe = if (user) NA_real_ else sum(x$unsafe),
    n_refused = sum(x$refused %||% NA_real_),
    deviance = x$deviance %||% NA_real_,
    null.deviance = x$null.deviance %||% NA_real_, df = fit_df(x),
    logLik = if (user) NA_real_ else as.double(stats::logLik(x)),
    dispersion = (if (!user) x$model$dispersion) %||% NA_real_,
    precision = x$precision %||% NA_real_,
    converged = (if (!user) x$model$converged) %||% NA
  )
}

#' @rdname tidy.hazard_fit
#' @export
augment.hazard_fit <- function(x, data = NULL, newdata = NULL, ...) {
  check_no_dots(...)
  if (!is.null(newdata)) {
    if (!is.null(data)) {
      stop_argument("data", "must be NULL with `newdata`", describe(data))
    }
    fitted <- predict_hazard(x, newdata)
    return(beside_prompts(newdata, data.frame(.fitted = fitted)))
  }
  check_trained(x, "training prompts", "x")
  new <- data.frame(.fitted = x$fitted, .resid = stats::residuals(x))
  if (is.null(data)) {
    return(new)
  }
  n <- n_rows(data)
  # By the ids of the draws that it was fitted to, where both have them.
  id <- if (is.data.frame(data)) as_text(data[["id"]])
  row <- match(id, x$training$rows$id)
  if (any(!is.na(row)) && sum(is.na(row)) <= length(x$omitted)) {
    new <- new[row, ]
  } else if (n == x$nobs + length(x$omitted) && length(x$omitted) > 0L) {
    new <- new[match(seq_len(n), setdiff(seq_len(n), x$omitted)), ]
  } else if (n != x$nobs) {
    stop_argument("data", sprintf("must have %d rows, one for each prompt",
                                  x$nobs), as.character(n))
  }
  beside_prompts(data, new)
}

# A plain data frame: what is known of prompts, and after it new columns.
beside_prompts <- function(prompts, new) {
  frame <- if (is_text(prompts)) {
    data.frame(prompt = as.character(prompts))
  } else if (is.data.frame(prompts)) {
    as_plain_frame(prompts)
  } else {
    as.data.frame(as.matrix(prompts))
  }
  frame[names(new)] <- new
  rownames(frame) <- NULL
  frame
}

as_plain_frame <- function(data) {
  attributes(data) <- attributes(data)[c("names", "row.names", "class")]
  class(data) <- "data.frame"
  data
}

# ---- As a picture ------------------------------------------------------------

#' @rdname plots
#' @export
plot.hazard_fit <- function(x, bins = 10, ...) {
  rows <- hazard_picture(x, bins)
  draw_points(list(
    x = rows$fitted, y = rows$rate, log = "xy", xlab = "fitted hazard",
    ylab = "observed share of unsafe draws",
    ylim = range(rows$conf.low, rows$conf.high, rows$fitted),
    col = ink[["main"]]
  ), ...)
  graphics::abline(0, 1, col = ink[["faint"]], untf = FALSE)
  graphics::segments(rows$fitted, rows$conf.low, rows$fitted, rows$conf.high,
                     col = ink[["main"]])
  invisible(x)
}

#' @rdname plots
#' @exportS3Method ggplot2::autoplot
autoplot.hazard_fit <- function(object, bins = 10, ...) {
  check_no_dots(...)
  need_package("ggplot2", "to draw a hazard fit", "3.4.0")
  rows <- hazard_picture(object, bins, "object")
  ggplot2::ggplot(rows, ggplot2::aes(.data$fitted, .data$rate)) +
    ggplot2::geom_abline(colour = ink[["faint"]]) +
    ggplot2::geom_pointrange(
      ggplot2::aes(ymin = .data$conf.low, ymax = .data$conf.high),
      colour = ink[["main"]], size = 0.3
    ) +
    ggplot2::scale_x_log10() + ggplot2::scale_y_log10() +
    ggplot2::labs(x = "fitted hazard", y = "observed share of unsafe draws") +
    lpb_theme()
}

# One row for each bin of fitted hazard.
hazard_picture <- function(x, bins, arg = "x", call = rlang::caller_env()) {
  check_trained(x, "training draws", arg, call)
  bins <- check_number(bins, "bins", min = 2, whole = TRUE, call = call)
  at <- risk_rank(x$fitted, min(bins, x$nobs))
  sums <- rowsum(cbind(x$unsafe, x$draws, x$draws * x$fitted), at)
  fitted <- sums[, 3L] / sums[, 2L]
  low <- stats::qbeta(0.025, sums[, 1L], sums[, 2L] - sums[, 1L] + 1)
  high <- stats::qbeta(0.975, sums[, 1L] + 1, sums[, 2L] - sums[, 1L])
  # Bins without an unsafe draw are drawn at the bottom of the logarithmic axis.
  floor <- min(fitted, high) / 2
  data.frame(fitted, rate = pmax(sums[, 1L] / sums[, 2L], floor),
             conf.low = pmax(low, floor), conf.high = high)
}
