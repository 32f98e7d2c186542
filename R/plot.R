#' Pictures of fits, plans and audits
#'
#' * `hazard_fit`: observed share of unsafe draws against the fitted hazard, in
#'   groups of equal size, with 95% intervals.
#' * `audit_plan`: inclusion probability against prior quantile.
#' * `audit`: draws made of each prompt against its limit.
#'
#' Bounds have pictures of their own: see [plot.lpb()].
#'
#' @param x An object of this package.
#' @param groups For `hazard_fit`: number of groups, a whole number of at least
#'   2.
#' @param ... Passed to [graphics::plot.default()].
#' @returns `x`, invisibly.
#' @name plots
#' @examples
#' set.seed(1)
#' p <- 10^runif(1000, -3, -1)
#' hazard <- as_hazard(function(newx) newx$p)
#' plan <- plan_audit(hazard, as.character(1:1000), data.frame(p), budget = 20)
#' plot(plan)
#' plot(simulate_audit(plan, p))
NULL

# Blue and orange of the Okabe-Ito palette: told apart by everybody, and in
# print.
ink <- c(main = "#0072B2", mark = "#D55E00", faint = "grey70")

# A scatter plot whose every setting the user can replace.
draw_points <- function(defaults, ...) {
  common <- list(pch = 16, las = 1, bty = "l",
                 col = grDevices::adjustcolor(ink[["main"]], 0.4))
  settings <- utils::modifyList(utils::modifyList(common, defaults), list(...))
  do.call(graphics::plot.default, settings)
}

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

#' @rdname plots
#' @export
plot.audit_plan <- function(x, ...) {
  draw_points(list(
    x = reachable_quantile(x), y = x$pi, log = "x", ylim = c(0, 1),
    xlab = "prior quantile (draws)", ylab = "inclusion probability"
  ), ...)
  invisible(x)
}

#' @rdname plots
#' @export
plot.audit <- function(x, ...) {
  used <- which(x$limit > 0)
  colour <- ifelse(x$unsafe[used] > 0, ink[["mark"]], ink[["main"]])
  draw_points(list(
    x = x$limit[used], y = pmax(x$draws[used], 0.5), log = "xy",
    xlab = "most draws planned", ylab = "draws made",
    col = grDevices::adjustcolor(colour, 0.5)
  ), ...)
  graphics::legend("topleft", c("stayed safe", "unsafe draw"), pch = 16,
                   col = ink[c("main", "mark")], bty = "n")
  invisible(x)
}
