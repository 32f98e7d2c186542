# What the methods of all classes share: their help pages, and how plots look.
# print() says what matters, summary() returns what it leaves out.

# ---- Help pages --------------------------------------------------------------

#' Summaries
#'
#' What `print()` leaves out, as a list (or, for plans and audits, a data frame
#' of one row) that prints.
#'
#' @param object,x A `hazard_fit`, `audit_plan`, `audit` or `lpb`.
#' @param price What one draw costs, a number of at least 0 in any currency:
#'   the costs of the plan are then given, too.
#' @param ... Ignored.
#' @returns For `hazard_fit` a list of class `summary.hazard_fit`: `fit` (the
#'   object), `edf` (effective degrees of freedom), `penalty`, `dispersion`,
#'   `iterations`, `converged` and, for the glm engine, two data frames:
#'   `smooths`, the features that may bend, with the number of knots, the
#'   penalty and the effective degrees of freedom that were chosen; and
#'   `interactions`, the products of two features that were taken, with their
#'   effect and score statistic. For `audit_plan` and `audit` a one-row data
#'   frame of draws; for plans how many are allowed, how many are made at the
#'   most (`draws_worst`) and how many to expect if the hazard is right
#'   (`draws_expected`), with `cost_worst` and `cost_expected` when there is a
#'   `price`. Draws that are tried again or made ahead come on top. For `lpb`
#'   the same as [glance.lpb()].
#' @name summaries
#' @order 1
#' @examples
#' set.seed(1)
#' x <- matrix(rnorm(400), 200, 2)
#' fit <- fit_hazard(x, rbinom(200, 20, 0.05), draws = 20)
#' summary(fit)
#'
#' prompts <- as.character(1:200)
#' plan <- plan_audit(fit, prompts, x, budget = 10)
#' print(plan, price = 0.002)
NULL

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
#' @order 1
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
#' @order 1
#' @examples
#' set.seed(1)
#' p <- 10^runif(1000, -3, -1)
#' hazard <- as_hazard(function(newx) newx$p)
#' plan <- plan_audit(hazard, as.character(1:1000), data.frame(p), budget = 20)
#' plot(plan)
#' plot(simulate_audit(plan, p))
NULL

# ---- How plots look ----------------------------------------------------------

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

lpb_theme <- function() {
  ggplot2::theme_bw(base_size = 11) +
    ggplot2::theme(legend.position = "top",
                   panel.grid.minor = ggplot2::element_blank())
}
