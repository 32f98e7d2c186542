# claim_risk(): what is to be certified of a population's risk, and how many
# prompts and draws that takes. Derivation: methods vignette, "Forecasts".

#' State what is to be certified about the risk
#'
#' "At most a share `max_risk` of prompts go unsafe within `k` draws": a claim,
#' fixed before anything is drawn. Its print says how many prompts and draws it
#' takes, [advise_prompts()] gives these as numbers.
#'
#' @param k Number of draws of a prompt: a whole number of at least 1.
#' @param max_risk The largest `F(k) = P(T <= k)` that the claim admits: a
#'   number strictly between 0 and 1.
#' @param delta Probability that the claim is certified although it is false: a
#'   number strictly between 0 and 1. The default, 0.1, is that of all
#'   certificates of this package.
#' @param x An `audit_claim`.
#' @param ... Must be empty; ignored by the methods.
#' @returns An object of class `audit_claim`: a list with `kind` (`"risk"`),
#'   `k`, `max_risk` and `delta`. `format()` returns the claim as one string.
#' @section Errors: `timetounsafe_error_argument`.
#' @references Methods vignette, "Forecasts".
#' @seealso [advise_prompts()], [estimate_risk()].
#' @examples
#' claim <- claim_risk(k = 10, max_risk = 0.01)
#' claim
#' format(claim)
#' @export
claim_risk <- function(k, max_risk, delta = 0.1, ...) {
  check_no_dots(...)
  k <- check_number(k, "k", min = 1, whole = TRUE)
  max_risk <- check_number(max_risk, "max_risk", 0, 1, c(TRUE, TRUE))
  delta <- check_number(delta, "delta", 0, 1, c(TRUE, TRUE))
  structure(list(kind = "risk", k = k, max_risk = max_risk, delta = delta),
            class = "audit_claim")
}

#' How many prompts a claim takes
#'
#' The smallest number of prompts that certify a claim, before any is drawn:
#' given how many of them turn out unsafe, or given the risk that there is.
#'
#' Each of `n` prompts counts equally and is drawn `draws` times; `events` of
#' them have an unsafe draw among their first `min(draws, k)`. The claim is
#' certified when the upper limit of Clopper and Pearson at confidence
#' `1 - delta` is at most what the claim admits. Fewer draws than `k` do: where
#' `F(m) <= r` is certified, `F(k) <= 1 - (1 - r)^(k / m)` holds however hazards
#' vary between prompts. So zero events certify the claim if and only if
#' `n * min(draws, k) >= k * log(1 / delta) / -log(1 - max_risk)`, up to whole
#' prompts: prompts and draws are worth the same, up to `k` draws of each.
#'
#' @param claim An `audit_claim` from [claim_risk()].
#' @param draws Draws of each prompt: whole numbers of at least 1. `NULL`, the
#'   default, takes `k` of the claim; more than `k` do not help.
#' @param events How many prompts turn out unsafe: whole numbers of at least 0.
#'   The default, 0, is the best that can happen.
#' @param risk `NULL`, the default: `events` says what is seen. Or the true
#'   `F(k)`, numbers of at least 0 and below `max_risk`: then `events` is how
#'   many the smallest design that works can afford.
#' @param power With `risk`: the probability with which the claim is to be
#'   certified, a number strictly between 0 and 1. The default is 0.9.
#' @param ... Must be empty.
#' @returns A data frame with one row for each combination of `draws` and
#'   `events` (or `risk`), and the columns
#'   * `k`, `max_risk`, `delta`: of the claim;
#'   * `draws`: of each prompt; `events`: prompts with an unsafe draw, at most;
#'   * `n`: the smallest number of prompts; `draws_total`: the product of `n`
#'     and `draws`;
#'   * with `risk`: `risk` and `power`, the probability that no more than
#'     `events` of the `n` prompts are unsafe.
#' @section Assumptions: Prompts are a random sample of the population, with
#'   equal weights, and draws of a prompt are independent. Plans that follow
#'   risk have unequal weights, and need more prompts. With `risk` and fewer
#'   draws than `k`, all prompts have one hazard, which is the best case: where
#'   hazards vary, more of the risk shows in the first draws, and more prompts
#'   are required, if any number is enough.
#' @section Errors: `timetounsafe_error_argument`;
#'   `timetounsafe_error_unavailable` when the risk is so close to `max_risk`
#'   that more than a million events would have to be afforded.
#' @references Methods vignette, "Forecasts". Clopper, C. J. and Pearson, E. S.
#'   (1934). The use of confidence or fiducial limits illustrated in the case of
#'   the binomial. Biometrika 26, 404-413.
#' @examples
#' claim <- claim_risk(k = 10, max_risk = 0.01)
#' advise_prompts(claim, draws = c(1, 5, 10), events = 0:1)
#' # Where the risk is really half of what is claimed:
#' advise_prompts(claim, risk = 0.005)
#' @export
advise_prompts <- function(claim, draws = NULL, events = 0, risk = NULL,
                           power = 0.9, ...) {
  check_no_dots(...)
  check_class(claim, "audit_claim", "claim", "claim_risk()")
  draws <- check_numeric(draws %||% claim$k, "draws", min = 1, whole = TRUE,
                         finite = TRUE)
  if (is.null(risk)) {
    events <- check_numeric(events, "events", min = 0, whole = TRUE,
                            finite = TRUE)
    rows <- expand.grid(draws = draws, events = events)
    rows$n <- mapply(prompts_for, rows$events, risk_within(rows$draws, claim),
                     claim$delta)
    return(claim_table(rows, claim))
  }
  if (!missing(events)) {
    stop_argument("events", "must not be given together with `risk`")
  }
  risk <- check_numeric(risk, "risk", min = 0, max = claim$max_risk,
                        open = c(FALSE, TRUE))
  power <- check_number(power, "power", 0, 1, c(TRUE, TRUE))
  rows <- expand.grid(draws = draws, risk = risk)
  found <- mapply(find_powerful, risk_within(rows$draws, claim),
                  risk_within(rows$draws, claim, rows$risk),
                  MoreArgs = list(claim$delta, power, rlang::current_env()))
  rows[c("events", "n", "power")] <- as.data.frame(t(found))
  claim_table(rows, claim)
}

claim_table <- function(rows, claim) {
  rows$draws_total <- rows$n * rows$draws
  first <- data.frame(k = claim$k, max_risk = claim$max_risk,
                      delta = claim$delta)
  more <- intersect(c("draws", "events", "n", "draws_total", "risk", "power"),
                    names(rows))
  cbind(first, rows[more])
}

# ---- How many ----------------------------------------------------------------

# What F(m) may be at most so that F(k) is at most `risk`; beyond k draws the
# first k are looked at.
risk_within <- function(draws, claim, risk = claim$max_risk) {
  -expm1(pmin(1, draws / claim$k) * log1p(-risk))
}

# The smallest n of which `events` unsafe ones certify a risk: P(Bin(n, risk) <=
# events) <= delta. That is the number of prompts until one more is unsafe, a
# negative binomial quantile.
prompts_for <- function(events, risk, delta) {
  n <- events + 1 + stats::qnbinom(delta, events + 1, risk, lower.tail = FALSE)
  # The quantile may be one off where the probability is just delta.
  fine <- function(n) stats::pbinom(events, n, risk) <= delta * (1 + 1e-12)
  if (n > events + 1 && fine(n - 1)) n - 1 else if (fine(n)) n else n + 1
}

# With one more event afforded there must be more prompts; power is best at the
# smallest number that affords them.
find_powerful <- function(max_risk, risk, delta, power, call) {
  for (first in c(0, 10^(1:5))) {
    events <- seq(first, max(9, 10 * first - 1))
    n <- events + 1 + stats::qnbinom(delta, events + 1, max_risk,
                                     lower.tail = FALSE)
    reached <- which(stats::pbinom(events, n, risk) >= power)[1L]
    if (!is.na(reached)) {
      n <- prompts_for(events[reached], max_risk, delta)
      return(c(events[reached], n, stats::pbinom(events[reached], n, risk)))
    }
  }
  stop_unavailable(
    "`risk` is so close to `max_risk` that no design of a sensible size works.",
    "Claim a larger `max_risk`.", call
  )
}

# ---- How it looks ------------------------------------------------------------

#' @rdname claim_risk
#' @export
format.audit_claim <- function(x, ...) {
  sprintf("at most %s of prompts go unsafe within %s, with %s confidence",
          share(x$max_risk), counted(x$k, "draw"), target(x$delta))
}

#' @rdname claim_risk
#' @export
print.audit_claim <- function(x, ...) {
  show_page(claim_page(x))
  invisible(x)
}

#' @rdname knit_prints
#' @exportS3Method knitr::knit_print
knit_print.audit_claim <- function(x, ...) knit_page(claim_page(x))

claim_page <- function(x) {
  draws <- sort(unique(ceiling(x$k / c(1, 2, 5, 10))))
  table <- advise_prompts(x, draws)[c("draws", "n", "draws_total")]
  half <- advise_prompts(x, risk = x$max_risk / 2)
  new_page(
    c(sprintf("<audit_claim> %s", format(x)),
      "Prompts (n) and draws of each that certify it when no draw is unsafe:"),
    table,
    c(sprintf(paste("If the risk is really %s: %s with %s each, of which %s",
                    "may be unsafe; enough with 90%% probability."),
              share(half$risk), counted(half$n, "prompt"),
              counted(x$k, "draw"), big(half$events)),
      "Equal weights; plans that follow risk take more prompts.",
      "Next: advise_prompts(claim, draws = , events = )")
  )
}
