#' From prompts and a sampler to a calibrated bound, in one call
#'
#' Splits the prompts at random, draws training responses with
#' [audit_prompts()], fits the hazard with [fit_hazard()], plans with
#' [plan_audit()], draws with [run_audit()] and calibrates with
#' [calibrate_lpb()].
#'
#' @inheritParams run_audit
#' @inheritParams plan_audit
#' @param prompts The prompts, at least 20: a character vector, or a data frame
#'   whose rows the sampler understands. They should be a random sample of those
#'   that the bound is meant for.
#' @param sampler Your function that draws and judges: see [sampler].
#' @param budget Mean number of draws per calibration prompt: see
#'   [plan_audit()].
#' @param x Features, see [fit_hazard()]. When left out, they are made from the
#'   prompts' text by [text_features()].
#' @param train Share of the prompts that trains the hazard, strictly between 0
#'   and 1. The default, 0.5, halves them.
#' @param train_draws Number of draws of each training prompt. The default is
#'   `budget`, rounded up: training then costs about as much as calibration.
#' @param alpha,delta Target miscoverage, and how often over calibrations the
#'   certificate may fail: see [calibrate_lpb()].
#' @param ledger `NULL`, or the path of a file: the durable record of the audit,
#'   see [ledger]. That of the training draws is beside it, with `-training` in
#'   its name. The same call goes on where it stopped, with the split of the
#'   prompts and the plan that the ledgers hold.
#' @param engine,... Engine of the hazard and its settings, see [fit_hazard()].
#' @returns An `lpb`, see [calibrate_lpb()], with the further component
#'   `training`: the `audit` of the training prompts.
#' @inheritSection calibrate_lpb What is guaranteed
#' @inheritSection calibrate_lpb Assumptions
#' @section Errors: Those of the functions it calls. An error or an interrupt
#'   while drawing keeps what was drawn: see [sampler]. After an interrupt the
#'   error's field `audit` holds the unfinished audit.
#' @examples
#' set.seed(1)
#' words <- c("kind", "calm", "rude", "cruel")
#' prompts <- paste("Tell me a", sample(words, 400, replace = TRUE), "story",
#'                  seq_len(400))
#' sampler <- function(prompts) {
#'   p <- ifelse(grepl("rude|cruel", prompts), 0.1, 0.005)
#'   runif(length(prompts)) < p
#' }
#' lpb <- time_to_unsafe(prompts, sampler, budget = 20)
#' lpb
#' predict(lpb, c("Tell me a calm story", "Tell me a cruel story"))
#' @export
time_to_unsafe <- function(prompts, sampler, budget, x = NULL, train = 0.5,
                           train_draws = NULL, alpha = 0.1, delta = 0.1,
                           engine = c("glm", "mlp"), method = "replicated",
                           tau_prior = NULL, max_weight = 100, batch_size = 64,
                           ledger = NULL, responses = FALSE, max_tries = 3,
                           retry_wait = 1,
                           refusal = c("safe", "unsafe", "error"),
                           parallel = NULL, progress = interactive(), ...) {
  ids <- names_of(prompts)
  prompts <- check_prompts(prompts)
  n <- n_rows(prompts)
  if (n < 20) {
    stop_argument("prompts", "must hold at least 20 prompts", as.character(n))
  }
  if (is.null(x) && !is.character(prompts)) {
    stop_argument("x", "is needed when `prompts` is a data frame", "NULL")
  }
  x <- x %||% prompts
  check_rows(x, n)
  id <- check_ids(ids %||% seq_len(n), n, "names(prompts)")
  train <- check_number(train, "train", 0, 1, c(TRUE, TRUE))
  check_function(sampler, "sampler", "that draws and judges responses")
  # All that can be wrong with the plan is found before a draw is paid for.
  check_engine(engine, list(...))
  new_policy(method, budget, alpha, delta, tau_prior, max_weight, NULL)
  train_draws <- check_number(train_draws %||% ceiling(budget), "train_draws",
                              min = 1, whole = TRUE)
  paths <- ledger_paths(ledger)
  first <- training_rows(paths$training, id, train)
  rest <- setdiff(sample.int(n), first)

  draw <- list(sampler, batch_size = batch_size, responses = responses,
               max_tries = max_tries, retry_wait = retry_wait,
               refusal = refusal, parallel = parallel, progress = progress)
  training <- do.call(audit_prompts, c(
    list(take_rows(prompts, first)), draw,
    list(draws = train_draws, id = id[first], ledger = paths$training)
  ))
  stop_if_unfinished(training)
  hazard <- fit_hazard(take_rows(x, first), training$unsafe, training$draws,
                       engine, ...)
  plan <- plan_of_ledger(paths$audit, hazard, x, id) %||% plan_audit(
    hazard, take_rows(prompts, rest), take_rows(x, rest), budget, method, alpha,
    delta, tau_prior, max_weight, id = id[rest]
  )
  audit <- do.call(run_audit, c(list(plan), draw, list(ledger = paths$audit)))
  stop_if_unfinished(audit)
  lpb <- calibrate_lpb(audit, alpha, delta)
  lpb$training <- training
  lpb$call <- match.call()
  lpb
}

stop_if_unfinished <- function(audit, call = rlang::caller_env()) {
  if (anyNA(audit$status)) {
    stop_classed("audit", c(
      "Drawing was interrupted.",
      i = "What was drawn is in the field `audit`; run_audit() goes on with it."
    ), id = audit$id[is.na(audit$status)], audit = audit, call = call)
  }
}

# ---- Going on with ledgers ---------------------------------------------------

# audit.sqlite for the audit, audit-training.sqlite for the training draws.
ledger_paths <- function(ledger, call = rlang::caller_env()) {
  if (is.null(ledger)) {
    return(list())
  }
  path <- check_ledger(ledger, call)
  list(audit = path,
       training = sub("([.][^./]*)?$", "-training\\1", path))
}

# Those that trained when the ledger was begun, or a random share.
training_rows <- function(path, id, train, call = rlang::caller_env()) {
  n <- length(id)
  if (is.null(path) || !file.exists(path)) {
    return(sample.int(n, min(n - 1, max(1, round(train * n)))))
  }
  rows <- match(as.character(read_ledger(path)$id), as.character(id))
  if (anyNA(rows)) {
    stop_ledger(path, "has prompts that are not among `prompts`", call = call)
  }
  rows
}

# The plan of an audit that was begun, with the hazard fitted again.
plan_of_ledger <- function(path, hazard, x, id, call = rlang::caller_env()) {
  if (is.null(path) || !file.exists(path)) {
    return(NULL)
  }
  plan <- read_ledger(path)
  row <- match(as.character(plan$id), as.character(id))
  if (anyNA(row)) {
    stop_ledger(path, "has prompts that are not among `prompts`", call = call)
  }
  prob <- predict_hazard(hazard, take_rows(x, row))
  if (max(abs(prob - plan$prob) / pmax(prob, plan$prob, 1e-300)) > 1e-6) {
    stop_ledger(path, "was planned with another hazard", paste(
      "Give the same features and settings, and for engine = \"mlp\" the same",
      "set.seed()."
    ), call = call)
  }
  attr(plan, "hazard") <- hazard
  plan
}
