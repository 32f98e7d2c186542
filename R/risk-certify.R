# certify_risk(): limits of the share of prompts that go unsafe within k draws,
# which hold in finite samples. Derivation: methods vignette, "Certified risk".

#' Certify the risk of a population of prompts
#'
#' Limits for the share of prompts with an unsafe response among the first `k`
#' draws, `F(k) = P(T <= k)` over prompts and draws, each of which is false with
#' probability `delta` at most, however many prompts there are, whatever the
#' hazard says, and also where nothing unsafe was seen.
#'
#' Which limit it is depends on the plan, never on the outcomes:
#' * Where the plan gives all prompts the same inclusion probability, each is
#'   drawn at least `k` times, and what is seen of it is whether it went unsafe:
#'   the exact binomial limit (Clopper and Pearson) of the prompts that were
#'   drawn. Without an unsafe prompt among `n` the upper limit is `1 - delta^(1
#'   / n)`.
#' * Otherwise by betting against each value of `F(k)`, on one prompt after the
#'   other in the random order of the plan, as the certificate of
#'   [calibrate_lpb()] does. Without an unsafe draw the upper limit is about `W
#'   log(1 / delta) / n`, with `W` the largest weight that the plan can give.
#'
#' A plan that follows risk draws risky prompts a few times only. A prompt that
#' is drawn `h < k` times counts what a line gives that is nowhere below `1 - (1
#' - s)^(k / h)`, the risk within `k` draws of a prompt whose risk within `h` is
#' `s`; the line touches it where the estimated hazard says. The limit holds
#' whatever the hazard, and is the closer the better it is. A prompt that the
#' plan never draws counts as unsafe. For draws without a plan, and so without a
#' hazard, `k` may exceed `m`, the fewest draws of any prompt: then `F(k) <= 1 -
#' (1 - F(m))^(k / m)`. For lower limits nothing is assumed of draws that were
#' not made.
#'
#' @section Several k, several groups: Each limit holds by itself; that all of
#'   them hold at once is less likely. `simultaneous = TRUE` divides `delta` by
#'   the number of `k` (fixed beforehand) and shares it over groups, and lets
#'   each limit profit from the others: `F` grows with `k`, but `1 - (1 -
#'   F(k))^(1 / k)` does not. `predict()` then gives limits at any other `k`, at
#'   no further cost; those from a single `k` hold at all others at once, too.
#'   Also at no further cost: for ONE risk `r` fixed beforehand, the largest `k`
#'   for which the upper limits at 1, 2, ..., `k` are all at most `r`.
#'
#' @param x A finished `audit` from [run_audit()] or [as_audit()]; an `lpb` from
#'   [calibrate_lpb()], whose audit is taken; `prompt_draws` from
#'   [draw_responses()]; or a [response_log], whose numbers of draws must have
#'   been fixed beforehand, and whose refusals are safe.
#' @param k Numbers of draws: whole numbers of at least 1, in any order, fixed
#'   before the outcomes were seen; duplicates count once.
#' @param delta Chance that a limit is false: strictly between 0 and 1, by
#'   default 0.1. Both limits of `side = "both"` share it.
#' @param side `"upper"`, the default, for "at most this share goes unsafe";
#'   `"lower"`, for "at least this share"; or `"both"`.
#' @param groups `NULL`, all prompts together; or, as in [calibrate_lpb()], a
#'   vector with one value for each row, or the name of a column: limits for
#'   each group, from its own prompts.
#' @param simultaneous `FALSE`, the default: each limit holds by itself with
#'   confidence `1 - delta`. `TRUE`: all hold at once.
#' @param object A `risk_estimate` from `certify_risk()`.
#' @param ... Must be empty.
#' @returns A data frame of class `risk_estimate`, with the columns of
#'   [estimate_risk()]. `conf.low` is 0 for `side = "upper"`, `conf.high` is 1
#'   for `"lower"`. `interval` is `"exact"`, or `"approximate"` where the plan
#'   does not meet an assumption (`print()` says which). `estimate` is `NA`
#'   (`basis` `"extrapolated"`) where there are neither draws nor a hazard.
#'
#'   `predict()` returns such a data frame for other `k`: the limits that those
#'   of `object` imply; `estimate` is `NA` and `basis` `"extrapolated"`.
#' @section Assumptions: Prompts are a random sample of the population, drawn
#'   independently of each other; the hazard was not trained on them, and the
#'   plan was fixed on others; draws of a prompt are exchangeable, and, beyond
#'   those made, independent with one hazard; the judge is right. Draws that
#'   failed permanently count against the claim: as unsafe for an upper limit,
#'   as safe for a lower one.
#' @section Errors: `timetounsafe_error_unfinished` when draws are missing;
#'   `timetounsafe_error_plan`, `timetounsafe_error_argument`.
#' @references Methods vignette, "Limits by betting" and "Certified risk".
#'   Waudby-Smith and Ramdas (2024), Estimating means of bounded random
#'   variables by betting. Clopper and Pearson (1934), The use of confidence or
#'   fiducial limits illustrated in the case of the binomial.
#' @examples
#' set.seed(1)
#' p <- 10^runif(500, -4, -2)
#' hazard <- as_hazard(function(newdata) newdata$p)
#' plan <- plan_audit(hazard, as.character(1:500), budget = 50,
#'                    newdata = data.frame(p))
#' audit <- simulate_audit(plan, p)
#' certify_risk(audit, k = 10)
#' # The truth:
#' mean(1 - (1 - p)^10)
#'
#' # A band, and what it implies elsewhere
#' band <- certify_risk(audit, k = c(1, 10, 100), simultaneous = TRUE)
#' predict(band, k = c(5, 50))
#' @export
certify_risk <- function(x, k, delta = 0.1, side = c("upper", "lower", "both"),
                         groups = NULL, simultaneous = FALSE, ...) {
  check_no_dots(...)
  if (missing(k)) {
    stop_argument("k", "is missing", fix = "It is a number of draws.")
  }
  population <- read_population(x, groups)
  delta <- check_number(delta, "delta", 0, 1, c(TRUE, TRUE))
  side <- check_choice(side, c("upper", "lower", "both"), "side")
  simultaneous <- check_flag(simultaneous, "simultaneous")
  if (is.null(k)) {
    stop_argument("k", "must be numbers of draws", "NULL",
                  fix = "A claim is about k that were fixed beforehand.")
  }
  k <- check_k(k, population, beyond = TRUE)
  # As it was claimed: a limit that was picked afterwards holds no better.
  claim <- list(delta = delta, side = side, simultaneous = simultaneous,
                certified = TRUE, at_once = simultaneous || length(k) == 1L)
  new_risk_estimate(risk_rows(population, k, claim), population, claim)
}

#' @rdname certify_risk
#' @export
predict.risk_estimate <- function(object, k, ...) {
  check_no_dots(...)
  claim <- attr(object, "claim")
  parts <- split(plain_table(object),
                 factor(object$group, unique(object$group)))
  if (!isTRUE(claim$certified) || !claim$at_once) {
    stop_argument(
      "object", "must have limits that hold at once",
      fix = "Use certify_risk() with one `k`, or with `simultaneous = TRUE`."
    )
  }
  if (missing(k)) {
    stop_argument("k", "is missing", fix = "It is a number of draws.")
  }
  k <- check_numeric(k, "k", min = 1, whole = TRUE, finite = TRUE)
  rows <- lapply(parts, function(part) {
    data.frame(
      group = part$group[1L], k = k, n = part$n[1L], estimate = NA_real_,
      std.error = NA_real_, conf.low = lower_between(part$k, part$conf.low, k),
      conf.high = upper_between(part$k, part$conf.high, k),
      basis = "extrapolated", interval = part$interval[1L],
      share_modelled = NA_real_
    )
  })
  rows <- do.call(rbind, unname(rows))
  at <- match(paste(rows$group, rows$k), paste(object$group, object$k))
  known <- c("estimate", "std.error", "basis", "share_modelled")
  rows[!is.na(at), known] <- plain_table(object)[at[!is.na(at)], known]
  rows$conf.low <- pmin(rows$conf.low, rows$estimate, na.rm = TRUE)
  rows$conf.high <- pmax(rows$conf.high, rows$estimate, na.rm = TRUE)
  new_table(rows, "risk_estimate", totals = attr(object, "totals"),
            claim = claim, modelled = attr(object, "modelled"))
}
