# estimate_risk(): the share of prompts with an unsafe draw among the first k,
# and how it looks. Derivation: methods vignette, "Population risk".

#' Estimate the risk of a population of prompts
#'
#' The share of prompts with an unsafe response among the first 1, 2, ... draws:
#' the cumulative incidence `F(k) = P(T <= k)` of the first unsafe response,
#' over prompts and draws, estimated from an audit. At `k = 1` it is the unsafe
#' rate per draw (the mean hazard over prompts).
#'
#' Each included prompt is weighted by the inverse of its inclusion probability;
#' the estimate is the weighted mean of what its draws say about `P(T <= k)`:
#' whether the first unsafe draw was among the first `k`, or, for draws whose
#' number was fixed, `S` unsafe of `m`, the unbiased `1 - choose(m - S, k) /
#' choose(m, k)`. With equal weights and draws that stop it is one minus the
#' Kaplan-Meier estimate of [survival::survfit()], with the same standard error.
#'
#' A plan draws risky prompts less often than safe ones: beyond their horizon
#' nothing is observed. Up to the smallest horizon of any prompt the estimate
#' requires no model (`basis` is `"design-based"`). Beyond it the model assists
#' (`"model-assisted"`): a prompt with depth `h < k` gets `P(T <= h)` from its
#' draws, and the rest from its estimated hazard `p`: of those still safe a
#' share `1 - (1 - p)^(k - h)` has an unsafe draw by `k`. Column
#' `share_modelled` is the weighted share of such prompts. Prompts that a plan
#' never draws, because their quantile is 1, have depth 0: with any of them even
#' the rate per draw is model-assisted.
#'
#' For `"naive"` plans, whose horizons are independent of the prompt, each
#' unsafe draw is weighted by the inverse probability that it could be observed,
#' which is unbiased up to the cap, and unstable.
#'
#' @param x A finished `audit` from [run_audit()] or [as_audit()]; an `lpb` from
#'   [calibrate_lpb()], whose audit is taken; or `prompt_draws` from
#'   [draw_responses()], with at least one draw of each prompt: all have the
#'   same weight, and there is no model beyond the fewest draws.
#' @param k Numbers of draws: whole numbers of at least 1, in any order;
#'   duplicates count once. The default, `NULL`, takes about 40 between 1 and
#'   the longest horizon, evenly spread on a logarithmic scale, with the
#'   smallest horizon among them; for `prompt_draws` up to the fewest draws.
#' @param groups `NULL`, all prompts together; or, as in [calibrate_lpb()], a
#'   vector with one value for each row, or the name of a column: the risk of
#'   each group, from its own prompts.
#' @param conf.level Level of the confidence intervals, for each `k` by itself:
#'   strictly between 0 and 1.
#' @param object A `risk_estimate`.
#' @param ... Must be empty; for `plot()`, passed to [graphics::plot.default()].
#' @returns A data frame of class `risk_estimate` with one row for each `k`, in
#'   each group:
#'   * `group`: the group, or `"all"`;
#'   * `k`;
#'   * `n`: prompts it is estimated for;
#'   * `estimate`: `F(k)`; `NA` where no prompt was included;
#'   * `std.error`: linearised; sampling of prompts, inclusion and draws
#'     together;
#'   * `conf.low`, `conf.high`;
#'   * `basis`: `"design-based"` or `"model-assisted"`;
#'   * `interval`: `"approximate"`;
#'   * `share_modelled`.
#'
#'   [glance()][tidiers] gives the unsafe rate per draw of all prompts, and the
#'   largest design-based `k`. `plot()` returns `x`, invisibly, `autoplot()` a
#'   ggplot object.
#' @section Assumptions: Prompts are a random sample of the population; draws of
#'   a prompt are exchangeable (beyond its horizon: independent, with one
#'   hazard); the judge is right. Intervals are approximate: binomial, for
#'   as many prompts of equal weight as would give the same standard error.
#'   Model-assisted, they do not cover the error of the model. Draws that failed
#'   permanently count as unsafe, so that the risk errs high.
#' @section Errors: `timetounsafe_error_unfinished` when draws are missing;
#'   `timetounsafe_error_plan`, `timetounsafe_error_argument`;
#'   `timetounsafe_error_unavailable` when ggplot2 is not installed.
#' @references Methods vignette, "Population risk". Hajek's estimator and its
#'   linearised variance: Sarndal, Swensson and Wretman (1992), Model Assisted
#'   Survey Sampling, sections 5.6 and 5.7.
#' @examples
#' set.seed(1)
#' p <- 10^runif(500, -4, -2)
#' hazard <- as_hazard(function(newdata) newdata$p)
#' plan <- plan_audit(hazard, as.character(1:500), budget = 50,
#'                    newdata = data.frame(p))
#' audit <- simulate_audit(plan, p)
#' risk <- estimate_risk(audit)
#' risk
#' plot(risk)
#' # The truth:
#' mean(p)
#' estimate_risk(audit, k = c(1, 10), groups = rep(c("a", "b"), 250))
#' @export
estimate_risk <- function(x, k = NULL, groups = NULL, conf.level = 0.95, ...) {
  check_no_dots(...)
  x <- check_population(x)
  conf.level <- check_number(conf.level, "conf.level", 0, 1, c(TRUE, TRUE))
  if (!is.null(groups)) {
    groups <- droplevels(read_groups(groups, x))
  }
  audit <- plan_parts(x)
  depth <- sampled_depth(audit)
  k <- check_k(k, audit, depth)
  parts <- if (is.null(groups)) {
    list(all = seq_along(depth))
  } else {
    split(seq_along(depth), groups)
  }
  rows <- Map(function(group, at) {
    part <- take_part(audit, at)
    table <- do.call(rbind, lapply(k, risk_by, part, depth[at], conf.level))
    data.frame(group = group, k = k, n = length(at), table)
  }, names(parts), parts)
  new_risk_estimate(do.call(rbind, rows), audit, depth, conf.level,
                    length(parts) * !is.null(groups))
}

# With what print() and glance() say of all prompts together.
new_risk_estimate <- function(table, audit, depth, conf.level, n_groups) {
  rate <- risk_by(1, audit, depth, conf.level)
  totals <- data.frame(
    nobs = length(depth), n_included = sum(audit$horizon > 0),
    draws = sum(audit$draws), n_groups = n_groups,
    rate[c("estimate", "std.error", "conf.low", "conf.high")],
    conf.level = conf.level, basis = rate$basis, k_design = min(depth)
  )
  structure(table, row.names = seq_len(nrow(table)), totals = totals,
            modelled = !is.null(audit$prob),
            class = c("risk_estimate", "data.frame"))
}

# Of a plan, or of draw_responses(), which has none.
check_population <- function(x, call = rlang::caller_env()) {
  if (missing(x)) {
    stop_missing("x", call)
  }
  if (inherits(x, "lpb")) {
    return(x$audit)
  }
  if (is.data.frame(x) && all(outcome_columns %in% names(x))) {
    # Before check_audit(), which speaks of calibration.
    refuse_unfinished(x, "Finished prompts are not a random subset.", "x", call)
  }
  draws <- inherits(x, "prompt_draws") || inherits(x, "audit") && !is_planned(x)
  if (!draws) {
    if (!is.data.frame(x)) {
      stop_argument("x", "must be an audit, prompt_draws or lpb", describe(x),
                    call = call)
    }
    return(check_audit(x, "x", call))
  }
  if (any(x$limit < 1)) {
    stop_argument("x", "must have a draw of each prompt",
                  sprintf("none of \"%s\"", x$id[x$limit < 1][1L]),
                  call = call)
  }
  # As a plan's: all that was asked for was to be seen.
  x$horizon <- x$limit + 1
  safe <- x$status == 0
  x$time[safe] <- x$horizon[safe]
  x
}

# How many draws of each prompt are made, or would be if it were included.
sampled_depth <- function(audit) {
  if (design_of(audit)$always) {
    return(rep(audit$constants$cap - 1, length(audit$limit)))
  }
  pmax(audit$limit, reachable_quantile(audit) - 1)
}

check_k <- function(k, audit, depth, call = rlang::caller_env()) {
  modelled <- !is.null(audit$prob)
  if (is.null(k)) {
    longest <- if (modelled) max(1, audit$horizon - 1) else min(depth)
    grid <- round(exp(seq(0, log(longest), length.out = 40)))
    # The last design-based one is among them.
    smallest <- max(1, min(depth, longest))
    return(sort(unique(c(grid, smallest))))
  }
  k <- check_numeric(k, "k", min = 1, whole = TRUE, finite = TRUE, call = call)
  if (!modelled && any(k > min(depth))) {
    stop_argument(
      "k", sprintf("must not exceed %.0f, the fewest draws of a prompt",
                   min(depth)),
      format(max(k)), call = call,
      fix = "Beyond it there are neither draws nor a model."
    )
  }
  sort(unique(k))
}

# ---- The estimate ------------------------------------------------------------

risk_by <- function(k, audit, depth, conf.level) {
  weight <- prompt_weight(audit)
  seen <- unsafe_by(pmin(k, depth), audit)
  # Of the prompts that were safe so far, the share that the model expects.
  further <- numeric(length(depth))
  at <- which(depth < k)
  if (length(at) > 0L) {
    further[at] <- find_law(audit$constants)$further(take_part(audit, at),
                                                     depth[at], k)
  }
  part <- weight * (further + (1 - further) * seen)
  ratio <- weighted_ratio(part, weight)
  range <- weighted_interval(part, weight, heaviest_by(k, audit), conf.level)
  data.frame(
    estimate = min(1, ratio$estimate), std.error = ratio$error,
    conf.low = range[1L], conf.high = range[2L],
    basis = if (length(at) == 0L) "design-based" else "model-assisted",
    interval = "approximate",
    share_modelled = weighted_ratio(weight * (depth < k), weight)$estimate
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
print.risk_estimate <- function(x, max_rows = NULL, ...) {
  show_page(risk_page(x), max_rows = max_rows, ...)
  invisible(x)
}

#' @rdname knit_prints
#' @exportS3Method knitr::knit_print
knit_print.risk_estimate <- function(x, ...) knit_page(risk_page(x))

risk_columns <- c("group", "k", "n", "estimate", "std.error", "conf.low",
                  "conf.high", "basis", "interval", "share_modelled")

risk_page <- function(x) {
  totals <- attr(x, "totals")
  if (is.null(totals) || !all(risk_columns %in% names(x)) || nrow(x) == 0L) {
    return(plain_page(x))
  }
  grouped <- totals$n_groups > 0
  number <- function(x) format(x, digits = 3)
  new_page(
    c(
      "<risk_estimate> F(k) = P(T <= k): prompts with an unsafe draw among k",
      sprintf("From %s (%s included) and %s; %s intervals, approximate",
              counted(totals$nobs, "prompt"), big(totals$n_included),
              counted(totals$draws, "draw"), share(totals$conf.level)),
      sprintf("Unsafe rate per draw: %s (%s to %s), %s",
              number(totals$estimate), number(totals$conf.low),
              number(totals$conf.high), totals$basis),
      horizon_text(totals$k_design, attr(x, "modelled"))
    ),
    plain_table(x)[setdiff(risk_columns, c("interval", if (!grouped) {
      c("group", "n")
    } else {
      "share_modelled"
    }))],
    "Next: plot(risk)", spread = TRUE
  )
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
    draw_risk(plain_table(x[x$group == groups[i], ]), inks[i])
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
  lines <- do.call(rbind, unlist(lapply(split(rows, rows$group), risk_parts),
                                 recursive = FALSE))
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
