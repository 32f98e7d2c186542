# plan_audit(): who is sampled, how often, at what cost.

#' Plan an audit: who is sampled, up to how often, at what cost
#'
#' Decides at random, before any draw, which prompts are audited and up to which
#' horizon. The probabilities are known, so that [calibrate_lpb()] can weigh the
#' outcomes by their inverses.
#'
#' Each prompt has a quantile `q`, the `tau_max` quantile of its estimated time
#' to the first unsafe draw (see [geometric_quantile()]), capped at `M` (see
#' `cap`). To know whether the first unsafe draw comes before `q` takes `q - 1`
#' draws. The designs differ in how many prompts get how many:
#' * `"replicated"` (the default): the convex program of [allocate_budget()]
#'   with cost `q - 1` and no upper limit (but for `max_limit`) gives each
#'   prompt an intensity `s`. Below 1 it is the probability that the prompt is
#'   included, with `q - 1` draws; above 1 it says how many times over these are
#'   made. Draws do not stop at an unsafe one: their number is fixed, so that
#'   each order of them counts, not only the one in which they came. The most
#'   precise, at every budget; and the only one that gets better still once
#'   every prompt is sampled up to its quantile.
#' * `"optimized"`: `q` with a probability from the convex program with cost
#'   `q`; 0 otherwise. The paper's best.
#' * `"trimmed"`: `q` with probability `min(1, budget / q)`; 0 otherwise.
#' * `"basic"`: as `"trimmed"`, without cap.
#' * `"naive"`: geometric with mean `budget`, whatever the prompt.
#'
#' The last four stop a prompt at its first unsafe draw. For them `budget`
#' counts horizons, as published; for `"replicated"` it counts the draws that
#' are made. `print()` shows how many to expect, and what they cost:
#' `print(plan, price = 0.002)`.
#'
#' The budget is kept in expectation over the random inclusion, not in every
#' plan: with few prompts, or long horizons, one plan may contain several times
#' as many draws, or none. `print()` shows what this one has, and `max_draws` of
#' [run_audit()] is a hard limit.
#'
#' @section The design is fixed on other prompts: The multiplier of the convex
#'   program, `tau_max`, and what the certificate needs (the largest weight that
#'   a prompt can get, and the variance that sizes the bet) are computed from
#'   the reference prompts, by default those that trained the hazard. The
#'   planned prompts then stay independent of each other, which the certificate
#'   of [calibrate_lpb()] rests on. With `delta`, `"replicated"` also raises the
#'   least intensity to where the certified bound is predicted to be longest:
#'   it bounds the weights, at the price of a slightly less precise estimate.
#'
#' @section The cap: What a certificate costs depends on the largest weight that
#'   a prompt can get: few prompts, or a low budget, certify nothing where one
#'   prompt can count for as much as all. With `delta` and without `cap`,
#'   `"replicated"`, `"optimized"` and `"trimmed"` are therefore simulated with
#'   a range of caps (and the `tau_max` and the least intensity that go with
#'   each): reference prompts are sampled, drawn and certified, with hazards as
#'   the training draws show them, or else as estimated. Of caps within 3% of
#'   the longest bound the smallest is taken. No planned prompt is looked at
#'   (where the design is not fixed on these themselves), no outcome of one
#'   exists yet, and no random number of the session is used: the guarantee is
#'   the same for every cap. `print()` says that the cap was chosen.
#'
#' @param hazard A `hazard_fit` from [fit_hazard()] or [as_hazard()], not
#'   trained on these prompts.
#' @param prompts The prompts to calibrate on: a character vector, or a data
#'   frame whose rows the sampler understands.
#' @param budget Mean number of draws per prompt, in expectation: above 0 (above
#'   1 for `"naive"`).
#' @param newdata Their features, in the form that `hazard` was trained on. May
#'   be left out when that form is the prompts themselves.
#' @param design `"replicated"`, `"optimized"`, `"trimmed"`, `"basic"` or
#'   `"naive"`: the sampling design.
#' @param alpha Target miscoverage that the audit will be used for, strictly
#'   between 0 and 1. Calibrating for another one is valid, and less precise.
#' @param delta Chance, over calibrations, that the certificate that the audit
#'   will be used for fails: strictly between 0 and 1, by default 0.1. `NULL`
#'   for none: the plan is then the best one for the marginal guarantee.
#' @param tau_max The largest quantile level that calibration can select,
#'   strictly between 0 and 1: prompts are audited up to this quantile. Too high
#'   wastes draws; too low cuts off tau, and the bound is then shorter than it
#'   could be, though valid. The default, `NULL`, asks a pilot: the tau at which
#'   the training draws, with hazards from five models that did not see them,
#'   show a miscoverage of `alpha`, plus a margin for its error and for that of
#'   the calibration. Where there is none (a user-supplied model, training draws
#'   that stopped, or too few of them to reach the quantiles) it is `1 - (1 -
#'   alpha)^2` (0.19 for `alpha = 0.1`), which leaves room for a hazard that is
#'   overestimated by a factor of two. For a user-supplied model, `training`
#'   makes a pilot.
#' @param cap A number of at least 1: no quantile, and so no bound, exceeds it.
#'   A low cap limits the weights, which lets the certificate bet more; a high
#'   one leaves room for the bounds of prompts that look safe. `NULL`, the
#'   default, takes the cap with the longest certified bound (its geometric
#'   mean) in simulated calibrations of the reference prompts, at most `max(1,
#'   floor(100 * budget))`: see the section on the cap. That limit is the
#'   paper's, for its largest mean weight of 100, and the default where `delta =
#'   NULL`. `"basic"` and `"naive"` have no cap by default. A cap is required
#'   where a hazard of 0 makes a quantile infinite, and limits the weights of
#'   `"basic"` and `"naive"`.
#' @param max_limit The most draws that there are of a prompt, or that you would
#'   make, a whole number of at least 1, and of at least `cap - 1`: no `limit`
#'   exceeds it, and no quantile `max_limit + 1`. `"replicated"` otherwise asks
#'   for more draws of a prompt than its quantile takes once the budget permits,
#'   and so for more than are recorded where [sampler_replay()] draws. What such
#'   prompts cannot use goes to the others; a budget above `max_limit` cannot be
#'   used. `NULL`, the default: no limit but that of the horizons.
#' @param reference Which prompts fix the design. `NULL`, the default: those
#'   that trained `hazard`, or, for a user-supplied model, those of `training`,
#'   or else the planned prompts themselves. Or features of other prompts, in
#'   the form of `newdata`. `FALSE`: the planned prompts themselves, as
#'   published; the certificate is then approximate, for the prompts depend on
#'   each other, a little.
#' @param cluster `NULL`, for prompts that are independent of each other. Or a
#'   vector with one value (text, or a whole number) for each prompt, none
#'   missing: prompts with the same value (paraphrases, prompts of one template,
#'   turns of one conversation) are a cluster. Clusters, not prompts, are then
#'   what was sampled at random. The certificate looks at clusters in a random
#'   order, and each counts once, by the mean over its prompts: see "For whom it
#'   holds".
#' @param cluster_size Only with `cluster`. `NULL`, the default: each cluster
#'   counts once. Or the most rows that a cluster of the traffic can have, known
#'   beforehand, not read off these prompts (of which a larger cluster is an
#'   error): each row then counts once, and the certificate is for rows of
#'   traffic that comes in clusters. The larger it is, the more clusters are
#'   required.
#' @param training Draws of prompts that neither trained `hazard` nor are
#'   planned, a random sample like these: they show how wrong its hazards are,
#'   and with that choose `tau_max` and `cap`. [draw_responses()] or a log of
#'   [read_responses()], where the prompts themselves are the features, or
#'   `list(newdata = , y = )` with their features, in the form of `newdata`, and
#'   draws in any form that [fit_hazard()] takes as `y`. Their number must have
#'   been fixed beforehand. Fewer than 50 prompts, or draws that are all safe,
#'   choose nothing. `NULL`, the default: the training draws of `hazard`, each
#'   with the hazard of a model that did not see it; none for a user-supplied
#'   model, whose hazards are then taken to be right.
#' @param screened `NULL`, or screening draws of the prompts, made before this
#'   plan: those of [draw_responses()], with the same number of draws of each
#'   prompt, or a data frame with columns `unsafe` and `draws`, both with a row
#'   for each prompt, in their order. They sharpen the hazard of each prompt,
#'   and the bound is then for the draws after them: see the section on
#'   screening.
#' @param id A vector of distinct identifiers, one for each prompt; by default
#'   the names of `prompts`, or 1, 2, ...
#' @param ... Must be empty.
#' @returns An object of class `audit_plan`: a data frame with one row for each
#'   prompt, to be kept in a file by [write_plan()], and the columns
#'
#' `r schema_help("row")`
#'
#' and the plan's constants, repeated in each row:
#'
#' `r schema_help("constant")`
#' @section Screening draws: Features say little about a single prompt. A few
#'   draws of it say more: `screened` takes those of all prompts, a fixed number
#'   of each, 8 for example. Prompts with the same features differ in their
#'   hazards, by the `precision` of `hazard` (see [fit_hazard()]); the hazard of
#'   a screened prompt is what its draws leave of that, a beta distribution, and
#'   quantiles are those of [beta_geometric_quantile()]. Prompts that were
#'   unsafe while screened get short quantiles, others long ones.
#'
#'   Features and screening draws together take the place of the features, and
#'   the time to unsafe counts the draws after them, so that the guarantee of
#'   [calibrate_lpb()] stands whatever the precision is: for new prompts that
#'   are screened with the same number of draws, by the same rule. Draws that
#'   fail permanently count as unsafe. `predict(lpb, newdata, screened = )` has
#'   the bounds of such prompts. `budget` counts the draws after screening.
#'
#'   The coverage is that of all prompts, with all outcomes of their screening
#'   draws. For a promise to those alone whose screening draws were all safe,
#'   calibrate with `groups = audit$screen_unsafe == 0`. For several numbers of
#'   screening draws divide the prompts at random, and plan each part with its
#'   own.
#' @section Errors: `timetounsafe_error_argument`,
#'   `timetounsafe_error_features`. Warning `timetounsafe_warning_few_prompts`
#'   when there are too few prompts, or clusters, for their largest weight, to
#'   certify anything, and `timetounsafe_warning_no_certificate` when every
#'   bound is 1 in 100 simulated audits with these hazards; both say what would
#'   do, and are printed at once.
#' @section Rows that trained the hazard: They are refused, where they are known
#'   again: a bound that is calibrated on them is too long, for the hazard knows
#'   them better than it will know others. A fit of [fit_hazard()] keeps hashes
#'   of its training rows: their features, and, from `prompt_draws` or a
#'   `response_log`, their prompts and ids. Rows with the same ids (if these
#'   were chosen, not counted), prompts and features are the same rows. Without
#'   ids, equal rows are expected where traffic repeats itself: of prompts that
#'   occur twice in training and plan together, a random split of the rows has
#'   about half in both. Significantly more (a probability below one in a
#'   million; 25 rows are enough) is an error. Features without prompts must for
#'   that distinguish rows, as a few values that many share do not.
#' @inheritSection calibrate_lpb For whom it holds
#' @section Assumptions: Prompts to calibrate on are exchangeable with those the
#'   bound will be used for, and were not used to train `hazard`.
#' @references arXiv 2506.13593, sections 3.2 and 3.3, algorithm 1; methods
#'   vignette, "Censoring by design" and "Replicated draws".
#' @examples
#' set.seed(1)
#' x <- matrix(rnorm(800), 400, 2)
#' p <- 1 - exp(-exp(-4 + x[, 1]))
#' train <- 1:200
#' unsafe <- rbinom(200, 50, p[train])
#' hazard <- fit_hazard(x[train, ], cbind(unsafe, safe = 50 - unsafe))
#' prompts <- paste("prompt", 201:400)
#' plan <- plan_audit(hazard, prompts, budget = 20, newdata = x[-train, ])
#' plan
#' summary(plan)
#' @export
plan_audit <- function(hazard, prompts, budget, newdata = NULL,
                       design = c("replicated", "optimized", "trimmed", "basic",
                                  "naive"),
                       alpha = 0.1, delta = 0.1, tau_max = NULL, cap = NULL,
                       max_limit = NULL, reference = NULL, cluster = NULL,
                       cluster_size = NULL, training = NULL, screened = NULL,
                       id = NULL, ...) {
  check_no_dots(...)
  check_class(hazard, "hazard_fit", "hazard", "fit_hazard() or as_hazard()")
  id <- id %||% names_of(prompts)
  prompts <- check_prompts(prompts)
  n <- n_rows(prompts)
  newdata <- newdata %||% prompts
  check_rows(newdata, n, "newdata")
  id <- check_ids(id %||% seq_len(n), n)
  cluster <- check_cluster(cluster, n)
  constants <- new_constants(design, budget, alpha, delta, tau_max, cap,
                             max_limit)
  constants$cluster_size <- check_cluster_size(cluster_size, cluster)
  screened <- read_screened(screened, prompts, n)
  prob <- predict_hazard(hazard, newdata, "newdata")
  refuse_training_rows(hazard, prompts, newdata, id)
  training <- read_training(training, hazard)
  reference <- reference_hazards(reference, hazard, training, prob)
  constants$reference <- reference$source
  pilot <- plan_pilot(hazard, training, tau_max, cap, delta, screened)
  law <- list(prob = prob)
  if (!is.null(screened)) {
    rule <- find_precision_rule(hazard, pilot)
    law <- screen_rows(prob, screened, rule)
    pilot <- screen_pilot(pilot, rule, screened$draws)
    reference <- screen_reference(reference, pilot, law, rule, screened$draws)
    constants <- c(constants, screen_constants(screened, rule))
  }
  units <- if (is.null(cluster)) n else length(unique(cluster))
  constants <- choose_limits(constants, cap, pilot, reference, units,
                             hazard$precision)
  warn_outlook(constants, cap, pilot, reference, units, n, hazard$precision)
  constants <- fix_by(constants, reference, units)
  rows <- data.frame(id = id)
  rows$prompt <- prompts
  rows$cluster <- cluster
  rows[names(law)] <- law
  rows$screen_unsafe <- screened$unsafe
  plan <- draw_plan(rows, prior_quantile(rows, constants), constants, hazard)
  # For print(); a file keeps the cap, and not what it was chosen for.
  if (chooses_cap(constants, cap)) {
    attr(plan, "cap_chosen") <- TRUE
  }
  plan
}

# The estimated hazards of the prompts that fix the design.
reference_hazards <- function(reference, hazard, training, prob,
                              call = rlang::caller_env()) {
  trained <- hazard$fitted %||% training$prob
  if (is.null(reference) && !is.null(trained)) {
    return(list(source = "training", prob = trained))
  }
  if (is.null(reference) || isFALSE(reference)) {
    return(list(source = "self", prob = prob))
  }
  if (isTRUE(reference)) {
    stop_argument("reference", "must be NULL, FALSE or features of prompts",
                  "TRUE", call = call)
  }
  list(source = "given",
       prob = predict_hazard(hazard, reference, "reference", call = call))
}

# The plan of `rows`, which have ids, prompts and the columns of the law.
# write.csv() keeps 15 digits. Calibration allows for that: see
# tt_select_jump().
draw_plan <- function(rows, quantile, constants, hazard) {
  drawn <- draw_inclusion(quantile, constants)
  drawn$order <- random_order(nrow(rows), rows[["cluster"]])
  own <- setdiff(intersect(schema_names("row"), names(drawn)), names(rows))
  rows[own] <- drawn[own]
  seal_plan(rows, constants, hazard)
}
