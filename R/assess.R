#' Check a bound on held-out prompts
#'
#' Coverage, overall and where it matters: by predicted risk, and within groups
#' of your own. A bound can cover 90% of all prompts and still fail on most of
#' the risky (or of the safest-looking) ones; the mean bound does not show it.
#'
#' What happened on the held-out prompts is given in one of three ways:
#' * `time` and `status`, of draws that stopped at the first unsafe one: a
#'   prompt is covered when `time >= bound`. Where drawing ended before the
#'   bound without an unsafe draw (`status` 0, `time < bound`), it is
#'   unresolved, and counts as **not** covered, with a warning.
#'   `audit_prompts(prompts, sampler, draws = bound - 1, stop = TRUE)` resolves
#'   them all at the least cost.
#' * `unsafe` and `draws`, of a fixed number of draws: the unbiased estimate
#'   `choose(draws - unsafe, bound - 1) / choose(draws, bound - 1)` of each
#'   prompt's coverage. With fewer than `bound - 1` draws it is 0 after an
#'   unsafe draw and unresolved otherwise.
#' * `prob`, the true hazards of a simulation: `(1 - prob)^(bound - 1)`,
#'   exactly.
#'
#' @param lpb An `lpb`, see [calibrate_lpb()].
#' @param newx Features of the held-out prompts.
#' @param time,status Numeric vectors, one value for each prompt: the first
#'   unsafe draw and 1, or the number of safe draws plus one and 0. The columns
#'   of [audit_prompts()].
#' @param unsafe,draws Numeric vectors: number of unsafe draws, and of all
#'   draws.
#' @param prob Numeric vector: true hazards from 0 to 1.
#' @param groups A vector with one value for each prompt; rows are added for
#'   each group.
#' @param risk_groups Number of groups of equal size by predicted hazard; 3 by
#'   default, and never more than there are prompts.
#' @param conf_level Level of the confidence intervals, strictly between 0 and
#'   1.
#' @param ... Must be empty.
#' @returns A data frame of class `lpb_assessment`, with one row for all
#'   prompts, one for each risk group (lowest predicted hazard first) and one
#'   for each group: `by` ("all", "risk" or "group"), `group`, `n`, `coverage`,
#'   `low` and `high` (an exact binomial interval, conservative for fractions;
#'   `NA` for known `prob`), `unresolved`, `mean_bound`,
#'   `geometric_mean` and `mean_prob` (the mean predicted hazard). The target is
#'   in the attribute `target`.
#' @section Errors: `timetounsafe_error_argument`,
#'   `timetounsafe_error_features`; warning `timetounsafe_warning_unresolved`.
#' @section Assumptions: The intervals hold for held-out prompts: independent of
#'   training and calibration.
#' @references Methods vignette, "Assessment".
#' @examples
#' set.seed(1)
#' p <- 10^runif(2000, -3, -1)
#' hazard <- as_hazard(function(newx) newx$p)
#' used <- 1:1000
#' plan <- plan_audit(hazard, as.character(used), data.frame(p = p[used]),
#'                    budget = 20)
#' lpb <- calibrate_lpb(simulate_audit(plan, p[used]))
#' assess_lpb(lpb, data.frame(p = p[-used]), prob = p[-used])
#' @export
assess_lpb <- function(lpb, newx, time = NULL, status = NULL, unsafe = NULL,
                       draws = NULL, prob = NULL, groups = NULL,
                       risk_groups = 3, conf_level = 0.95, ...) {
  check_no_dots(...)
  check_class(lpb, "lpb", "lpb", "calibrate_lpb()")
  if (missing(newx)) {
    stop_missing("newx")
  }
  predicted <- predict_hazard(lpb$hazard, newx)
  n <- length(predicted)
  bound <- bound_of(lpb, predicted)
  risk_groups <- check_number(risk_groups, "risk_groups", min = 1, whole = TRUE)
  conf_level <- check_number(conf_level, "conf_level", 0, 1, c(TRUE, TRUE))
  outcome <- read_assessment(bound, n, time, status, unsafe, draws, prob)
  parts <- list(
    all = rep("all", n), risk = risk_group(predicted, min(risk_groups, n))
  )
  if (!is.null(groups)) {
    parts$group <- check_groups(groups, n)
  }
  rows <- lapply(names(parts), function(by) {
    assess_parts(by, parts[[by]], outcome, bound, predicted, conf_level)
  })
  warn_unresolved(outcome)
  structure(do.call(rbind, rows), target = 1 - lpb$alpha,
            class = c("lpb_assessment", "data.frame"))
}

check_groups <- function(groups, n, call = rlang::caller_env()) {
  if (!is.atomic(groups) || length(groups) != n || anyNA(groups)) {
    stop_argument("groups", sprintf("must hold %d values, none missing", n),
                  describe(groups), call = call)
  }
  as.character(groups)
}

# list(covered, kind): covered is from 0 to 1, NA where unresolved.
read_assessment <- function(bound, n, time, status, unsafe, draws, prob,
                            call = rlang::caller_env()) {
  given <- c(time = !is.null(time) || !is.null(status),
             counts = !is.null(unsafe) || !is.null(draws),
             prob = !is.null(prob))
  if (sum(given) != 1L) {
    stop_argument(
      "time", "and `status`, or `unsafe` and `draws`, or `prob` must be given",
      sprintf("%d of the three", sum(given)), call = call
    )
  }
  if (given[["prob"]]) {
    prob <- check_numeric(prob, "prob", n, min = 0, max = 1, call = call)
    return(list(covered = geometric_coverage(bound, prob), kind = "exact"))
  }
  if (given[["time"]]) {
    time <- check_numeric(time, "time", n, min = 1, whole = TRUE, call = call)
    status <- check_numeric(status, "status", n, min = 0, max = 1, whole = TRUE,
                            call = call)
    covered <- ifelse(time >= bound, 1, ifelse(status == 1, 0, NA))
    return(list(covered = covered, kind = "binary"))
  }
  draws <- check_numeric(draws, "draws", n, min = 0, whole = TRUE,
                         recycle = TRUE, finite = TRUE, call = call)
  unsafe <- check_numeric(unsafe, "unsafe", n, min = 0, whole = TRUE,
                          call = call)
  check_counts(unsafe, draws, n, call)
  list(covered = replicated_coverage(bound, unsafe, rep_len(draws, n)),
       kind = "fraction")
}

# Share of the orders of the draws in which the first bound - 1 are safe.
replicated_coverage <- function(bound, unsafe, draws) {
  needed <- bound - 1
  enough <- needed <= draws
  share <- exp(lchoose(draws - unsafe, needed) - lchoose(draws, needed))
  ifelse(enough, share, ifelse(unsafe > 0, 0, NA))
}

# Groups 1 to k, of equal size: the order of prompts breaks ties.
risk_rank <- function(predicted, k) {
  ceiling(rank(predicted, ties.method = "first") / length(predicted) * k)
}

risk_group <- function(predicted, k) {
  at <- risk_rank(predicted, k)
  label <- sprintf("%d of %d", seq_len(k), k)
  label[1L] <- paste(label[1L], "(lowest)")
  if (k > 1L) {
    label[k] <- paste(label[k], "(highest)")
  }
  factor(label[at], levels = label)
}

assess_parts <- function(by, part, outcome, bound, predicted, conf_level) {
  rows <- split(seq_along(part), part)
  parts <- lapply(names(rows), function(name) {
    i <- rows[[name]]
    covered <- outcome$covered[i]
    unresolved <- sum(is.na(covered))
    covered[is.na(covered)] <- 0
    interval <- coverage_interval(covered, outcome$kind, conf_level)
    data.frame(
      by = by, group = name, n = length(i), coverage = mean(covered),
      low = interval[1L], high = interval[2L], unresolved = unresolved,
      mean_bound = mean(bound[i]), geometric_mean = exp(mean(log(bound[i]))),
      mean_prob = mean(predicted[i])
    )
  })
  do.call(rbind, parts)
}

coverage_interval <- function(covered, kind, conf_level) {
  n <- length(covered)
  if (kind == "exact") {
    return(c(NA_real_, NA_real_))
  }
  # Clopper and Pearson. Fractions vary less than zeros and ones with their
  # mean, so for them the interval is conservative.
  x <- sum(covered)
  tail <- (1 - conf_level) / 2
  c(if (x > 0) stats::qbeta(tail, x, n - x + 1) else 0,
    if (x < n) stats::qbeta(1 - tail, x + 1, n - x) else 1)
}

warn_unresolved <- function(outcome, call = rlang::caller_env()) {
  open <- sum(is.na(outcome$covered))
  if (open > 0L) {
    warn_classed("unresolved", c(
      sprintf("%d of %d prompts were not drawn up to their bound.", open,
              length(outcome$covered)),
      i = "They count as not covered, so coverage may be higher than shown."
    ), call = call)
  }
}

#' @export
print.lpb_assessment <- function(x, digits = 3, ...) {
  cat(sprintf("<lpb_assessment> coverage P(T >= bound), target %s\n",
              format(attr(x, "target"))))
  shown <- as.data.frame(x)
  if (all(is.na(shown$low))) {
    shown$low <- shown$high <- NULL
  }
  if (all(shown$unresolved == 0)) {
    shown$unresolved <- NULL
  }
  print(shown, digits = digits, row.names = FALSE, ...)
  invisible(x)
}
