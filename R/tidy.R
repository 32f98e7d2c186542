#' @importFrom generics tidy
#' @export
generics::tidy

#' @importFrom generics glance
#' @export
generics::glance

#' @importFrom generics augment
#' @export
generics::augment

#' Tidy data frames from a hazard fit or a bound
#'
#' @param x A `hazard_fit` or an `lpb`.
#' @param data For `hazard_fit`: features of other prompts; for `lpb` the same;
#'   when left out the training, or the calibration prompts.
#' @param groups For an `lpb` calibrated within groups: the group of each row of
#'   `data`, see [predict.lpb()].
#' @param ... Must be empty.
#' @returns Plain data frames.
#' * `tidy(hazard_fit)`: a row for each coefficient of a glm: `term`,
#'   `estimate`, `std.error` (of scaled columns; approximate, given the
#'   penalties).
#' * `glance(hazard_fit)`: one row: `engine`, `n`, `draws`, `unsafe`,
#'   `deviance`, `null.deviance`, `converged`.
#' * `augment(hazard_fit)`: `.fitted`, the hazards.
#' * `tidy(lpb)`: the estimated miscoverage: `level`, `miscoverage` just above
#'   it; with groups in each, after a column `group`.
#' * `glance(lpb)`: one row: `method`, `alpha`, `delta` and `certificate` (its
#'   kind), both `NA` for the point rule, `level`, `point_level` (what the point
#'   rule selects), `capped`, `trivial`, `n`, `included`, `events`, `ess`,
#'   `cap`, `tau_prior`, `draws_planned`, `draws_made`, `overshoot`, `failed`
#'   (prompts whose draws failed for good), `failed_policy` and `groups`, the
#'   number of groups: 0 without any. With groups `level` and `point_level` are
#'   `NA`, `capped` whether any was cut off, and `trivial` whether all are;
#'   `x$groups` has a row for each. `certificate` is `NA`, too, where no prompt
#'   was included.
#' * `augment(lpb)`: a row for each prompt: `.prob`, the hazard, and
#'   `.pred_lower`, the bound, with the `.group` between them where there are
#'   groups; for calibration prompts after their `id`.
#' @section Errors: `timetounsafe_error_argument` for an engine without
#'   coefficients.
#' @name tidiers
#' @examples
#' set.seed(1)
#' p <- 10^runif(1000, -3, -1)
#' hazard <- as_hazard(function(newx) newx$p)
#' plan <- plan_audit(hazard, as.character(1:1000), data.frame(p), budget = 20)
#' lpb <- calibrate_lpb(simulate_audit(plan, p))
#' glance(lpb)
#' head(tidy(lpb))
#' head(augment(lpb))
NULL

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

#' @rdname tidiers
#' @export
tidy.lpb <- function(x, ...) {
  check_no_dots(...)
  x$curve
}

#' @rdname tidiers
#' @export
glance.lpb <- function(x, ...) {
  check_no_dots(...)
  data.frame(
    method = x$method, alpha = x$alpha, delta = x$delta %||% NA_real_,
    certificate = x$certificate$kind %||% NA_character_, level = x$level,
    point_level = x$point_level %||% NA_real_, capped = x$capped,
    trivial = x$trivial, n = x$n, included = x$included, events = x$events,
    ess = x$ess, cap = x$cap, tau_prior = x$tau_prior,
    draws_planned = x$draws[["planned"]], draws_made = x$draws[["made"]],
    overshoot = x$draws[["overshoot"]], failed = x$failed$n,
    failed_policy = x$failed$policy, groups = NROW(x$groups)
  )
}

#' @rdname tidiers
#' @export
augment.lpb <- function(x, data = NULL, groups = NULL, ...) {
  check_no_dots(...)
  if (is.null(data)) {
    prompts <- data.frame(id = x$audit$id, .prob = x$audit$prob)
    groups <- x$membership
  } else {
    prompts <- data.frame(.prob = predict_hazard(x$hazard, data, "data"))
    groups <- check_bound_groups(x, groups, nrow(prompts))
  }
  prompts$.group <- groups
  prompts$.pred_lower <- bound_of(x, prompts$.prob, groups)
  prompts
}
