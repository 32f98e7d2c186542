# population_risk(): the share of prompts with an unsafe draw among so many, and
# how it looks. Derivation: methods vignette, "Population risk".

#' The risk of a population of prompts
#'
#' How many prompts have met an unsafe response after 1, 2, ... draws each: the
#' cumulative incidence `P(T <= t)` of the first unsafe response, over prompts
#' and draws, estimated from an audit. At `t = 1` it is the unsafe rate per draw
#' (the mean hazard over prompts).
#'
#' Each included prompt is weighted by the inverse of its probability to be
#' included; the estimate is the weighted mean of what its draws say of `P(T <=
#' t)`: whether the first unsafe draw was among the first `t`, or, for draws
#' whose number was fixed, `S` unsafe of `m`, the unbiased `1 - choose(m - S, t)
#' / choose(m, t)`. With equal weights and draws that stop it is one minus the
#' Kaplan-Meier estimate of [survival::survfit()], with the same standard error.
#'
#' A plan draws risky prompts less often than safe ones: those beyond their
#' horizon say nothing any more. Up to the smallest horizon of any prompt the
#' estimate needs no model (`basis` is `"design"`). Beyond it the model assists
#' (`"model-assisted"`): a prompt with depth `h < t` gets `P(T <= h)` from its
#' draws, and the rest from its estimated hazard `p`: of those still safe a
#' share `1 - (1 - p)^(t - h)` meets an unsafe draw by `t`. Column `modelled` is
#' the weighted share of such prompts. Prompts that a plan never draws, because
#' their quantile is 1, have depth 0: with any of them even the rate per draw is
#' model-assisted.
#'
#' For `"naive"` plans, whose horizons are independent of the prompt, each
#' unsafe draw is weighted by the inverse probability that it was to be seen,
#' which is unbiased up to the cap, and unsteady.
#'
#' @param audit A finished `audit` from [run_audit()], [as_audit()] or
#'   [audit_prompts()] (with at least one draw of each prompt; all have the same
#'   weight, and there is no model to go beyond the fewest draws).
#' @param times Numbers of draws: whole numbers of at least 1. The default,
#'   `NULL`, takes about 40 between 1 and the longest horizon, evenly spread on
#'   a logarithmic scale, with the smallest horizon among them; for
#'   [audit_prompts()] up to the fewest draws.
#' @param conf_level Level of the confidence intervals, for each time by itself:
#'   strictly between 0 and 1.
#' @param ... Must be empty; for `plot()`, passed to [graphics::plot.default()].
#' @returns A data frame of class `population_risk` with one row for each time:
#'   `time`, `risk`, `std.error` (linearised; sampling of prompts, inclusion and
#'   draws together), `low`, `high`, `basis` (`"design"` or
#'   `"model-assisted"`) and `modelled`. In the attributes: `rate`, the row of
#'   `t = 1`; `horizon`, the last time that needs no model; `n`, `included`,
#'   `draws` and `conf_level`. `NA` where no prompt was included. `plot()`
#'   returns `x`, invisibly, `autoplot()` a ggplot object.
#' @section Assumptions: Prompts are a random sample of the population; draws of
#'   a prompt are exchangeable (beyond its horizon: independent, with one
#'   hazard); the judge is right. Intervals are approximate: binomial, for
#'   as many prompts of equal weight as would give the same standard error.
#'   Where the model assists they do not cover its error. Draws that failed for
#'   good count as unsafe, so that the risk errs high.
#' @section Errors: `timetounsafe_error_audit` when draws are missing;
#'   `timetounsafe_error_plan`, `timetounsafe_error_argument`;
#'   `timetounsafe_error_unavailable` when ggplot2 is not installed.
#' @references Methods vignette, "Population risk". Hajek's estimator and its
#'   linearised variance: Sarndal, Swensson and Wretman (1992), Model Assisted
#'   Survey Sampling, sections 5.6 and 5.7.
#' @examples
#' set.seed(1)
#' p <- 10^runif(500, -4, -2)
#' hazard <- as_hazard(function(newx) newx$p)
#' plan <- plan_audit(hazard, as.character(1:500), data.frame(p), budget = 50)
#' risk <- population_risk(simulate_audit(plan, p))
#' risk
#' plot(risk)
#' # The truth:
#' mean(p)
#' @export
population_risk <- function(audit, times = NULL, conf_level = 0.95, ...) {
  check_no_dots(...)
  audit <- plan_parts(check_population(audit))
  conf_level <- check_number(conf_level, "conf_level", 0, 1, c(TRUE, TRUE))
  depth <- sampled_depth(audit)
  weight <- prompt_weight(audit)
  times <- check_times_of_risk(times, audit, depth, weight)
  rows <- lapply(union(1, times), function(time) {
    risk_by(time, audit, depth, weight, conf_level)
  })
  table <- do.call(rbind, rows)
  structure(
    table[match(times, table$time), ], row.names = seq_along(times),
    rate = table[1L, ], horizon = min(depth), n = length(depth),
    included = sum(audit$horizon > 0), draws = sum(audit$draws),
    conf_level = conf_level, class = c("population_risk", "data.frame")
  )
}

# Of a plan, or of audit_prompts(), which has none.
check_population <- function(audit, call = rlang::caller_env()) {
  if (missing(audit)) {
    stop_missing("audit", call)
  }
  if (is.data.frame(audit) && all(outcome_columns %in% names(audit))) {
    refuse_unfinished(audit, call)
  }
  if (!inherits(audit, "audit") || is_planned(audit)) {
    return(check_audit(audit, call = call))
  }
  if (any(audit$limit < 1)) {
    stop_argument("audit", "must have a draw of each prompt",
                  sprintf("none of \"%s\"", audit$id[audit$limit < 1][1L]),
                  call = call)
  }
  audit
}

# How many draws of each prompt are made, or would be if it were included.
sampled_depth <- function(audit) {
  if (design_of(audit)$always) {
    return(rep(audit$constants$cap - 1, length(audit$limit)))
  }
  pmax(audit$limit, reachable_quantile(audit) - 1)
}

check_times_of_risk <- function(times, audit, depth, weight,
                                call = rlang::caller_env()) {
  modelled <- !is.null(audit$prob)
  if (is.null(times)) {
    longest <- if (modelled) max(1, audit$horizon - 1) else min(depth)
    grid <- round(exp(seq(0, log(longest), length.out = 40)))
    # The last time that needs no model is among them.
    smallest <- max(1, min(depth, longest))
    return(sort(unique(c(grid, smallest))))
  }
  times <- check_numeric(times, "times", min = 1, whole = TRUE, finite = TRUE,
                         call = call)
  if (!modelled && any(times > min(depth))) {
    stop_argument(
      "times", sprintf("must not exceed %.0f, the fewest draws of a prompt",
                       min(depth)),
      format(max(times)), call = call,
      fix = "Beyond it there are neither draws nor a model."
    )
  }
  sort(unique(times))
}

# ---- The estimate ------------------------------------------------------------

risk_by <- function(time, audit, depth, weight, conf_level) {
  seen <- unsafe_by(pmin(time, depth), audit)
  # Of the prompts that were safe so far, the share that the model expects.
  further <- numeric(length(depth))
  at <- which(depth < time)
  if (length(at) > 0L) {
    further[at] <- find_law(audit$constants)$further(take_part(audit, at),
                                                     depth[at], time)
  }
  part <- weight * (further + (1 - further) * seen)
  ratio <- weighted_ratio(part, weight)
  range <- weighted_interval(part, weight, heaviest_by(time, audit), conf_level)
  data.frame(
    time = time, risk = min(1, ratio$estimate), std.error = ratio$error,
    low = range[1L], high = range[2L],
    basis = if (length(at) == 0L) "design" else "model-assisted",
    modelled = weighted_ratio(weight * (depth < time), weight)$estimate
  )
}

# An unbiased estimate of P(T <= time) for each prompt, where `time`, one value
# for each, is within its depth.
unsafe_by <- function(time, audit) {
  seen <- design_of(audit)$loss(audit, time + 1)
  if (design_of(audit)$always) {
    at <- which(seen > 0)
    seen[at] <- seen[at] / reach_beyond(audit, audit$time)[at]
  }
  seen
}

# The largest weight that an unsafe draw by this time can have.
heaviest_by <- function(time, audit) {
  if (design_of(audit)$always) {
    return(1 / reach_beyond(audit, min(time, audit$constants$cap - 1))[1L])
  }
  largest_weight(audit)
}

# ---- How it looks ------------------------------------------------------------

#' @export
print.population_risk <- function(x, max_rows = 12, ...) {
  if (is.null(attr(x, "rate"))) {
    print(as.data.frame(x), ...)
    return(invisible(x))
  }
  say("<population_risk> P(T <= t): prompts with an unsafe draw among t")
  say("From %s (%s included) and %s draws; %s intervals",
      counted(attr(x, "n"), "prompt"), big(attr(x, "included")),
      big(attr(x, "draws")), share(attr(x, "conf_level")))
  rate <- attr(x, "rate")
  say("Unsafe rate per draw: %s (%s to %s), %s",
      format(rate$risk, digits = 3), format(rate$low, digits = 3),
      format(rate$high, digits = 3), basis_text(rate$basis))
  say("%s", horizon_text(attr(x, "horizon")))
  at <- unique(round(seq(1, nrow(x), length.out = min(nrow(x), max_rows))))
  print(as.data.frame(x)[at, ], digits = 3, row.names = FALSE, ...)
  if (length(at) < nrow(x)) {
    say("... and %d more times", nrow(x) - length(at))
  }
  invisible(x)
}

basis_text <- function(basis) {
  if (basis == "design") "without a model" else "assisted by the model"
}

horizon_text <- function(horizon) {
  if (horizon < 1) {
    return("Some prompts were never to be drawn: the model fills in for them.")
  }
  if (is.infinite(horizon)) {
    return("No time needs a model.")
  }
  sprintf("Without a model up to t = %s; beyond, it fills in what is missing.",
          big(horizon))
}

#' @rdname population_risk
#' @param x,object A `population_risk`.
#' @export
plot.population_risk <- function(x, ...) {
  rows <- which(!is.na(x$risk))
  draw_points(list(
    x = x$time, y = x$risk, type = "n", log = if (nrow(x) > 1L) "x" else "",
    ylim = c(0, max(x$high)), xlab = "draws of each prompt (t)",
    ylab = "P(T <= t)"
  ), ...)
  graphics::polygon(
    c(x$time[rows], rev(x$time[rows])), c(x$low[rows], rev(x$high[rows])),
    col = grDevices::adjustcolor(ink[["main"]], 0.15), border = NA
  )
  for (part in risk_parts(x)) {
    type <- if (part$basis[nrow(part)] == "design") 1 else 2
    graphics::lines(part$time, part$risk, lwd = 2, lty = type,
                    col = ink[["main"]])
  }
  if (any(x$basis != "design")) {
    graphics::legend("topleft", c("without a model", "model-assisted"),
                     lty = 1:2, lwd = 2, col = ink[["main"]], bty = "n")
  }
  invisible(x)
}

#' @rdname population_risk
#' @exportS3Method ggplot2::autoplot
autoplot.population_risk <- function(object, ...) {
  check_no_dots(...)
  need_package("ggplot2", "to draw the risk", "3.4.0")
  lines <- lapply(risk_parts(object), function(part) {
    data.frame(time = part$time, risk = part$risk,
               basis = part$basis[nrow(part)])
  })
  ggplot2::ggplot(as.data.frame(object), ggplot2::aes(x = .data$time)) +
    ggplot2::geom_ribbon(ggplot2::aes(ymin = .data$low, ymax = .data$high),
                         fill = ink[["main"]], alpha = 0.15) +
    ggplot2::geom_line(
      ggplot2::aes(y = .data$risk, linetype = .data$basis),
      data = do.call(rbind, lines), colour = ink[["main"]], linewidth = 0.8
    ) +
    ggplot2::scale_linetype_manual(
      values = c(design = "solid", "model-assisted" = "22")
    ) +
    ggplot2::scale_x_log10() +
    ggplot2::labs(x = "draws of each prompt (t)", y = "P(T <= t)",
                  linetype = NULL) +
    ggplot2::theme_bw(base_size = 11) +
    ggplot2::theme(legend.position = "bottom")
}

# Without and with a model; the second line begins where the first one ends.
risk_parts <- function(x) {
  design <- x$basis == "design"
  last <- max(0, which(design))
  parts <- list(x[design, ], x[seq_len(nrow(x)) >= max(1, last), ])
  Filter(function(part) nrow(part) > 0L, parts[c(any(design), any(!design))])
}
