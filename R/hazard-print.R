# How a hazard_fit looks: print, summary, tidy, glance, augment, plot.

#' @export
print.hazard_fit <- function(x, ...) {
  if (x$engine == "user") {
    say("<hazard_fit> a model of your own, class \"%s\"",
        class(x$model$object)[1L])
    return(invisible(x))
  }
  say("<hazard_fit> engine \"%s\" on %d prompts, %s draws, %s unsafe%s",
      x$engine, x$n, big(sum(x$draws)), big(sum(x$unsafe)),
      if (x$sampling == "stopped") " (stopped at the first)" else "")
  say("Features: %d columns%s", x$encoder$n_columns,
      if (x$encoder$kind == "text") " made from the text" else "")
  say("Hazard of a draw: %s", spread(x$fitted))
  if (x$engine != "constant" && x$null_deviance > 0) {
    explained <- max(0, 1 - x$deviance / x$null_deviance)
    say("Deviance explained: %s", share(explained))
  }
  if (!isTRUE(x$model$converged)) {
    say("The fit did not converge.")
  }
  invisible(x)
}

#' @rdname summaries
#' @export
summary.hazard_fit <- function(object, ...) {
  model <- object$model
  out <- list(fit = object, converged = model$converged)
  if (object$engine == "glm") {
    out <- c(out, list(
      edf = sum(model$edf) + 1, penalty = model$lambda[1L],
      dispersion = model$dispersion, iterations = model$iterations,
      ridged = model$ridged, smooths = smooth_table(model),
      interactions = pair_table(model)
    ))
  } else if (object$engine == "mlp") {
    out <- c(out, list(hidden = model$hidden, epochs = model$epochs,
                       held_out = model$held_out, history = model$history))
  }
  structure(out, class = "summary.hazard_fit")
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
    if (nrow(x$smooths) > 0L) {
      say("Features that may bend, by effective degrees of freedom:")
      top <- x$smooths[order(-x$smooths$edf), , drop = FALSE]
      print(utils::head(top, 10L), digits = 3, row.names = FALSE)
    }
    if (nrow(x$interactions) > 0L) {
      say("Interactions, by their score test before they were taken:")
      print(utils::head(x$interactions, 10L), digits = 3, row.names = FALSE)
    }
  } else if (x$fit$engine == "mlp") {
    say("Hidden layers: %s; %d epochs; %d prompts held out",
        paste(x$hidden, collapse = ", "), x$epochs, x$held_out)
  }
  invisible(x)
}

# ---- As tables ---------------------------------------------------------------

#' @rdname tidiers
#' @export
tidy.hazard_fit <- function(x, ...) {
  check_no_dots(...)
  if (x$engine != "glm") {
    stop_argument("x", "must be a fit of the engine \"glm\"",
                  paste("of", x$engine))
  }
  data.frame(
    term = names(x$model$beta), estimate = unname(x$model$beta),
    std.error = sqrt(diag(x$model$covariance))
  )
}

#' @rdname tidiers
#' @export
glance.hazard_fit <- function(x, ...) {
  check_no_dots(...)
  data.frame(
    engine = x$engine, n = x$n %||% NA_integer_,
    draws = sum(x$draws), unsafe = sum(x$unsafe),
    deviance = x$deviance %||% NA_real_,
    null.deviance = x$null_deviance %||% NA_real_,
    converged = x$model$converged %||% NA
  )
}

#' @rdname tidiers
#' @export
augment.hazard_fit <- function(x, data = NULL, ...) {
  check_no_dots(...)
  fitted <- if (is.null(data)) {
    stats::predict(x)
  } else {
    predict_hazard(x, data, "data")
  }
  data.frame(.fitted = fitted)
}

# ---- As a picture ------------------------------------------------------------

#' @rdname plots
#' @export
plot.hazard_fit <- function(x, groups = 10, ...) {
  if (is.null(x$fitted)) {
    stop_argument("x", "must be a fit with training draws", "a wrapped model")
  }
  groups <- check_number(groups, "groups", min = 2, whole = TRUE)
  at <- ceiling(rank(x$fitted, ties.method = "first") / x$n * min(groups, x$n))
  sums <- rowsum(cbind(x$unsafe, x$draws, x$draws * x$fitted), at)
  fitted <- sums[, 3L] / sums[, 2L]
  low <- stats::qbeta(0.025, sums[, 1L], sums[, 2L] - sums[, 1L] + 1)
  high <- stats::qbeta(0.975, sums[, 1L] + 1, sums[, 2L] - sums[, 1L])
  # Groups without an unsafe draw are drawn at the bottom of the logarithmic
  # axis.
  floor <- min(fitted, high) / 2
  draw_points(list(
    x = fitted, y = pmax(sums[, 1L] / sums[, 2L], floor), log = "xy",
    xlab = "fitted hazard", ylab = "observed share of unsafe draws",
    ylim = range(floor, high, fitted), col = ink[["main"]]
  ), ...)
  graphics::abline(0, 1, col = ink[["faint"]], untf = FALSE)
  graphics::segments(fitted, pmax(low, floor), fitted, high,
                     col = ink[["main"]])
  invisible(x)
}
