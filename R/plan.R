#' Plan an audit: who is sampled, up to how often, at what cost
#'
#' Decides at random, before any draw, which prompts are audited and up to which
#' horizon. The probabilities are known, so that [calibrate_lpb()] can weigh the
#' outcomes by their inverses.
#'
#' Each prompt has a prior quantile `q`, the `tau_prior` quantile of its
#' estimated first-unsafe time (see [geometric_quantile()]), capped at `M =
#' max(1, floor(budget * max_weight))` for `"replicated"`, `"optimized"` and
#' `"trimmed"`. To know whether the first unsafe draw comes before `q` takes
#' `q - 1` draws. The methods differ in how many prompts get how many:
#' * `"replicated"` (the default): the convex program of [allocate_budget()]
#'   with cost `q - 1` and no upper limit gives each prompt an intensity `s`.
#'   Below 1 it is the probability that the prompt is included, with `q - 1`
#'   draws; above 1 it says how many times over these are made. Draws do not
#'   stop at an unsafe one: their number is fixed, so that each order of them
#'   counts, not only the one in which they came. The most precise, at every
#'   budget; and the only one that gets better still once every prompt is
#'   sampled up to its quantile.
#' * `"optimized"`: `q` with a probability from the convex program with cost
#'   `q`; 0 otherwise. The paper's best.
#' * `"trimmed"`: `q` with probability `min(1, budget / q)`, at least
#'   `1 / max_weight`; 0 otherwise.
#' * `"basic"`: as `"trimmed"`, without cap.
#' * `"naive"`: geometric with mean `budget`, whatever the prompt.
#'
#' The last four stop a prompt at its first unsafe draw. For them `budget`
#' counts horizons, as published; for `"replicated"` it counts the draws that
#' are made. `print()` says how many to expect, and what they cost: `print(plan,
#' price = 0.002)`.
#'
#' The budget is kept in expectation over the random inclusion, not in every
#' plan: with few prompts, or long horizons, one plan may hold several times as
#' many draws, or none. `print()` shows what this one holds, and `max_draws` of
#' [run_audit()] is a hard limit.
#'
#' @section The policy is fixed on other prompts: The multiplier of the convex
#'   program, `tau_prior`, and what the certificate needs (the largest weight
#'   that a prompt can get, and the variance that sizes the bet) are computed
#'   from the design prompts, by default those that trained the hazard. The
#'   planned prompts then stay independent of each other, which the certificate
#'   of [calibrate_lpb()] rests on. With `delta`, `"replicated"` also raises the
#'   least intensity to where the certified bound is predicted to be longest:
#'   it bounds the weights, at the price of a slightly less precise estimate.
#'
#' @param hazard A `hazard_fit` from [fit_hazard()] or [as_hazard()], not
#'   trained on these prompts.
#' @param prompts The prompts to calibrate on: a character vector, or a data
#'   frame whose rows the sampler understands.
#' @param x Their features, in the form that `hazard` was trained on. May be
#'   left out when that form is the prompts themselves.
#' @param budget Mean number of draws per prompt, in expectation: above 0 (above
#'   1 for `"naive"`).
#' @param method `"replicated"`, `"optimized"`, `"trimmed"`, `"basic"` or
#'   `"naive"`.
#' @param alpha Target miscoverage that the audit will be used for, strictly
#'   between 0 and 1. Calibrating for another one is valid, and less precise.
#' @param delta How often, over calibrations, the certificate may fail that the
#'   audit will be used for: strictly between 0 and 1, by default 0.1. `NULL`
#'   for none: the plan is then the best one for the point rule.
#' @param tau_prior The largest level that calibration can select, strictly
#'   between 0 and 1: prompts are audited up to this quantile. Too high wastes
#'   draws; too low truncates the level, and the bound is then shorter than it
#'   could be, though valid. The default, `NULL`, asks a pilot: the level at
#'   which the training draws, with hazards from five models that did not see
#'   them, show a miscoverage of `alpha`, plus a margin for its error and for
#'   that of the calibration. Where there is none (a model of your own,
#'   training draws that stopped, or too few of them to reach the quantiles) it
#'   is `1 - (1 - alpha)^2` (0.19 for `alpha = 0.1`), which leaves room for a
#'   hazard that is overestimated by a factor of two.
#' @param max_weight The largest mean weight, at least 1: sets the cap `M`. The
#'   paper's default is 100.
#' @param cap A number of at least 1 in place of `M`, for any method; `NULL` is
#'   `M`, and no cap for `"basic"` and `"naive"`. A cap is needed where a hazard
#'   of 0 makes a quantile infinite, and limits the weights of `"basic"` and
#'   `"naive"`.
#' @param design Which prompts fix the policy. `NULL`, the default: those that
#'   trained `hazard`, or, for a model of your own, the planned prompts
#'   themselves. Or features of other prompts, in the form of `x`. `FALSE`: the
#'   planned prompts themselves, as published; the certificate then holds
#'   approximately, for the prompts depend on each other, a little.
#' @param id A vector of distinct identifiers, one for each prompt; by default
#'   the names of `prompts`, or 1, 2, ...
#' @param ... Must be empty.
#' @returns An object of class `audit_plan`: a data frame with one row for each
#'   prompt, to be kept in a file by [write_plan()], and the columns
#'   * `id`, `prompt`: which prompt;
#'   * `prob`: its estimated hazard;
#'   * `horizon`: the largest quantile it can answer for; 0 when not included;
#'   * `intensity`: how many times over it is sampled; `pi = min(1, intensity)`,
#'     its inclusion probability;
#'   * `limit`: the most draws to make: `horizon - 1`, and more where the
#'     intensity is above 1;
#'   * `stop`: whether to stop at the first unsafe draw;
#'   * `order`: a random permutation, drawn independently of everything, in
#'     which the certificate looks at the prompts;
#'   * `u`: the uniform number that decided the horizon (and rounded the limit);
#'   * `plan_id`, `method`, `budget`, `alpha`, `delta`, `cap`, `tau_prior`,
#'     `weight_limit` (the largest weight that a prompt can get), `variance` (of
#'     the estimate at `alpha`, times n, as predicted), `design` ("training",
#'     "given" or "plan"), `threshold` (a uniform number, see
#'     [calibrate_lpb()]), `hazard_check` (by which a fit of [fit_hazard()] is
#'     known again; `NA` for other models), `n`, `checksum`: the plan's
#'     constants, repeated in each row. `plan_id` is a hash of ids, horizons and
#'     limits.
#' @section Errors: `timetounsafe_error_argument`,
#'   `timetounsafe_error_features`. Warning `timetounsafe_warning_evidence`
#'   when there are too few prompts, for their largest weight, to certify
#'   anything.
#' @section Assumptions: Prompts to calibrate on are exchangeable with those the
#'   bound will be used for, and were not used to train `hazard`.
#' @references arXiv 2506.13593, sections 3.2 and 3.3, algorithm 1; methods
#'   vignette, "Censoring by design" and "Replicated draws".
#' @examples
#' set.seed(1)
#' x <- matrix(rnorm(800), 400, 2)
#' p <- 1 - exp(-exp(-4 + x[, 1]))
#' train <- 1:200
#' hazard <- fit_hazard(x[train, ], rbinom(200, 50, p[train]), draws = 50)
#' prompts <- paste("prompt", 201:400)
#' plan <- plan_audit(hazard, prompts, x[-train, ], budget = 20)
#' plan
#' summary(plan)
#' @export
plan_audit <- function(hazard, prompts, x = NULL, budget,
                       method = c("replicated", "optimized", "trimmed", "basic",
                                  "naive"),
                       alpha = 0.1, delta = 0.1, tau_prior = NULL,
                       max_weight = 100, cap = NULL, design = NULL, id = NULL,
                       ...) {
  check_no_dots(...)
  check_class(hazard, "hazard_fit", "hazard", "fit_hazard() or as_hazard()")
  id <- id %||% names_of(prompts)
  prompts <- check_prompts(prompts)
  n <- n_rows(prompts)
  x <- x %||% prompts
  check_rows(x, n)
  id <- check_ids(id %||% seq_len(n), n)
  policy <- new_policy(method, budget, alpha, delta, tau_prior, max_weight, cap)
  prob <- predict_hazard(hazard, x, "x")
  design <- design_hazards(design, hazard, prob)
  policy$design <- design$source
  pilot <- if (is.null(tau_prior)) new_pilot(hazard)
  policy <- choose_tau_prior(policy, pilot, n)
  policy <- fix_policy(policy, prior_quantile(design$prob, policy), n)
  warn_hopeless(policy, n)
  draw_plan(id, prompts, prob, prior_quantile(prob, policy), policy, hazard)
}

warn_hopeless <- function(policy, n, call = rlang::caller_env()) {
  if (!is.na(policy$delta) && hopeless(new_stakes(policy, n))) {
    warn_classed("evidence", c(
      sprintf("%d prompts with this budget can hardly certify anything.", n),
      i = sprintf("One prompt can count for as many as %s.",
                  big(ceiling(policy$weight_limit))),
      i = "advise_budget() tells how many prompts a budget needs.",
      i = "delta = NULL plans for a bound without certificate."
    ), call = call)
  }
}

# The estimated hazards of the prompts that fix the policy.
design_hazards <- function(design, hazard, prob, call = rlang::caller_env()) {
  if (is.null(design) && !is.null(hazard$fitted)) {
    return(list(source = "training", prob = hazard$fitted))
  }
  if (is.null(design) || isFALSE(design)) {
    return(list(source = "plan", prob = prob))
  }
  if (isTRUE(design)) {
    stop_argument("design", "must be NULL, FALSE or features of prompts",
                  "TRUE", call = call)
  }
  list(source = "given",
       prob = predict_hazard(hazard, design, "design", call = call))
}

# write.csv() keeps 15 digits. Calibration allows for that: see
# tt_select_jump().
draw_plan <- function(id, prompts, prob, quantile, policy, hazard) {
  drawn <- draw_inclusion(quantile, policy)
  plan <- data.frame(id = id)
  plan$prompt <- prompts
  plan$prob <- prob
  plan[c("horizon", "intensity", "pi", "limit")] <-
    drawn[c("horizon", "intensity", "pi", "limit")]
  plan$stop <- policy$method != "replicated"
  plan$order <- sample.int(length(id))
  plan$u <- drawn$u
  plan$plan_id <- ""
  plan[policy_columns] <- policy[policy_columns]
  plan$plan_id <- plan_hash(plan)
  plan$threshold <- stats::runif(1)
  plan$hazard_check <- hazard_check(hazard)
  plan$n <- length(id)
  plan$checksum <- plan_checksum(plan)
  new_audit_plan(plan, hazard)
}

# A number by which a fit is known again, also after a file has cut off digits.
hazard_check <- function(hazard) {
  if (is.null(hazard$fitted)) {
    return(NA_real_)
  }
  place <- seq_along(hazard$fitted) / length(hazard$fitted)
  mean(log(pmax(hazard$fitted, 1e-300)) * place)
}

new_audit_plan <- function(plan, hazard = NULL) {
  structure(plan, class = c("audit_plan", "data.frame"), hazard = hazard)
}

# Independent of the order of rows, so that merge() and sort() do no harm, and
# of how a file or R represents the same ids and numbers.
plan_hash <- function(plan) {
  id <- as_text(plan$id)
  at <- order(id, method = "radix")
  rlang::hash(list(id[at], as.double(plan$horizon)[at],
                   as.double(plan$limit)[at], as.character(plan$method[1L])))
}

# Numbers lose their last digits in a file, so they are summed, not hashed.
plan_checksum <- function(plan) {
  constants <- lapply(plan_constants[-1L], function(name) {
    value <- plan[[name]][1L]
    if (is.numeric(value) && name != "checksum") min(value, 1e15) else 0
  })
  constants <- sum(unlist(constants), na.rm = TRUE)
  own <- plan$pi + plan$prob + plan$u + pmin(plan$intensity, 1e6)
  sum(as.double(plan$order) * own) / nrow(plan) + constants
}

policy_columns <- c("method", "budget", "alpha", "delta", "cap", "tau_prior",
                    "weight_limit", "variance", "design")
plan_constants <- c("plan_id", policy_columns, "threshold", "hazard_check", "n",
                    "checksum")
plan_columns <- c("id", "prompt", "prob", "horizon", "intensity", "pi", "limit",
                  "stop", "order", "u", plan_constants)

# A plan as read back from a file: complete, unchanged, of the right types.
# Returns it as an audit_plan.
check_plan <- function(plan, arg = "plan", call = rlang::caller_env()) {
  if (missing(plan)) {
    stop_missing(arg, call)
  }
  if (!is.data.frame(plan)) {
    stop_argument(arg, "must be a plan from plan_audit()", describe(plan),
                  call = call)
  }
  absent <- setdiff(plan_columns, c(names(plan), "prompt"))
  if (length(absent) > 0L) {
    stop_plan(arg, "lacks the columns", list_names(absent), call = call)
  }
  check_plan_rows(plan, arg, call)
  check_plan_numbers(plan, arg, call)
  if (!identical(plan_hash(plan), as.character(plan$plan_id[1L]))) {
    stop_plan(arg, "has ids, horizons, limits or a method that are not those",
              "of the plan", call = call)
  }
  off <- abs(plan_checksum(plan) - plan$checksum[1L])
  if (!(off <= 1e-9 * abs(plan$checksum[1L]))) {
    stop_plan(arg, "has hazards, probabilities or constants that are not those",
              "of the plan", call = call)
  }
  plan <- restore_prompts(plan)
  if (inherits(plan, "audit_plan")) plan else new_audit_plan(plan)
}

stop_plan <- function(arg, problem, detail, call) {
  stop_classed(
    "plan",
    c(paste0("`", arg, "` ", problem, " ", detail, "."),
      i = "Calibration needs every row of the plan, as plan_audit() made it.",
      i = paste("Was it written to a file and read back? write_plan() and",
                "read_plan() keep every digit, and text as it is.")),
    call = call
  )
}

# A CSV file has a column prompt.x for each column x of the prompts.
restore_prompts <- function(plan) {
  parts <- grep("^prompt[.]", names(plan), value = TRUE)
  if (!"prompt" %in% names(plan) && length(parts) > 0L) {
    prompts <- as.data.frame(plan)[parts]
    names(prompts) <- sub("^prompt[.]", "", parts)
    plan$prompt <- prompts
    plan[parts] <- NULL
  }
  plan
}

check_plan_rows <- function(plan, arg, call) {
  if (nrow(plan) == 0L) {
    stop_plan(arg, "has", "no rows", call)
  }
  for (name in plan_constants) {
    value <- plan[[name]]
    # A plan made without `delta` holds NA, and so does one by a user's model.
    absent <- name %in% c("delta", "hazard_check") && all(is.na(value))
    if (!absent && (anyNA(value) || any(value != value[1L]))) {
      stop_plan(arg, "mixes different plans: several values in",
                list_names(name), call)
    }
  }
  ids <- as.character(plan$id)
  if (anyNA(ids)) {
    stop_plan(arg, "has", "a missing id", call)
  }
  if (anyDuplicated(ids) > 0L) {
    stop_plan(arg, "has the id twice:", ids[anyDuplicated(ids)], call)
  }
  if (nrow(plan) != plan$n[1L]) {
    stop_plan(arg, sprintf("has %d rows and should have", nrow(plan)),
              format(plan$n[1L]), call)
  }
}

check_plan_numbers <- function(plan, arg, call) {
  column <- function(name, ...) {
    check_numeric(plan[[name]], paste0(arg, "$", name), call = call, ...)
  }
  check_choice(plan$method[1L], policy_methods, paste0(arg, "$method"),
               call = call)
  column("budget", min = 0)
  column("weight_limit", min = 1)
  column("variance", min = 0)
  column("threshold", min = 0, max = 1)
  column("cap", min = 1)
  column("tau_prior", min = 0, max = 1, open = c(TRUE, TRUE))
  column("prob", min = 0, max = 1)
  column("horizon", min = 0, whole = TRUE)
  pi <- column("pi", min = 0, max = 1)
  limit <- column("limit", min = 0, whole = TRUE)
  needed <- pmax(0, plan$horizon - 1)
  off <- limit - needed
  replicated <- plan$method[1L] == "replicated" & needed > 0
  if (any(abs(off) > 1e-12 * plan$horizon & !(replicated & off > 0))) {
    stop_plan(arg, "has a `limit` other than", "`horizon - 1`", call)
  }
  reachable <- reachable_quantile(plan)
  if (any(pi == 0 & reachable > 1)) {
    at <- which(pi == 0 & reachable > 1)[1L]
    stop_plan(arg, "has an inclusion probability of 0 for the prompt",
              as.character(plan$id[at]), call)
  }
  if (!is.logical(plan$stop) || anyNA(plan$stop)) {
    stop_argument(paste0(arg, "$stop"), "must be TRUE or FALSE", call = call)
  }
}

# The prior quantile: the largest one that a prompt may be asked for.
reachable_quantile <- function(plan) {
  geometric_quantile(plan$prob, plan$tau_prior[1L], plan$cap[1L])
}

# ---- Cost --------------------------------------------------------------------

# Mean draws of a prompt that stops at its first unsafe draw or after `limit`.
expected_draws <- function(prob, limit) {
  ifelse(prob > 0, geometric_distribution(limit, prob) / prob, limit)
}

plan_cost <- function(plan) {
  expected <- plan$limit
  stops <- plan$stop
  expected[stops] <- expected_draws(plan$prob[stops], plan$limit[stops])
  list(
    included = sum(plan$horizon > 0), worst = sum(plan$limit),
    expected = sum(expected)
  )
}
