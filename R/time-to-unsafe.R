# time_to_unsafe(): the whole way in one call, and going on with its ledgers.

#' From prompts and a sampler to a calibrated bound, in one call
#'
#' Splits the prompts at random, draws training responses with
#' [audit_prompts()], fits the hazard with [fit_hazard()], plans with
#' [plan_audit()], draws with [run_audit()] and calibrates with
#' [calibrate_lpb()].
#'
#' Copies of a prompt (the same text, or the same row of a data frame) train
#' together or calibrate together, never both: a hazard that has seen a prompt
#' knows it better than it will know new ones. `train` then is the share of the
#' distinct prompts.
#'
#' @inheritParams run_audit
#' @inheritParams plan_audit
#' @param prompts The prompts, at least 20: a character vector, or a data frame
#'   whose rows the sampler understands; at least 2 distinct ones. They should
#'   be a random sample of those that the bound is meant for.
#' @param sampler Your function that draws and judges: see [sampler].
#' @param budget Mean number of draws per calibration prompt: see
#'   [plan_audit()].
#' @param x Features, see [fit_hazard()]. When left out, they are made from the
#'   prompts' text by [text_features()]. Needed where `prompts` is a data frame;
#'   `x = prompts` takes all its columns.
#' @param train Share of the distinct prompts that trains the hazard, strictly
#'   between 0 and 1. The default, 0.5, halves them.
#' @param train_draws Number of draws of each training prompt. The default is
#'   `budget`, rounded up: training then costs about as much as calibration.
#' @param alpha,delta Target miscoverage, and how often over calibrations the
#'   certificate may fail: see [calibrate_lpb()].
#' @param ledger `NULL`, or the path of a file: the durable record of the audit,
#'   see [ledger]. That of the training draws is beside it, with `-training` in
#'   its name. The same call goes on where it stopped, with the split of the
#'   prompts and the plan that the ledgers hold. No [set.seed()] is needed for
#'   that.
#' @param max_draws,max_seconds,max_cost The most draws (retries included),
#'   seconds and cost (the sum of the column `cost` that the sampler returns) of
#'   this call, training and calibration together; what earlier calls put into
#'   the ledgers does not count. Batches that are under way are waited for, so
#'   that `max_seconds` and `max_cost` may be passed by what they take. A limit
#'   that is reached is an error, which keeps what was drawn: see Errors.
#' @param max_error_rate The share of attempts that may fail, from 0 to 1, in
#'   each of the two runs: see [run_audit()].
#' @param engine,... Engine of the hazard and its settings, see [fit_hazard()].
#'   The random numbers of `"mlp"` start from a seed made of the training draws,
#'   so that the same draws give the same hazard.
#' @returns An `lpb`, see [calibrate_lpb()], with the further component
#'   `training`: the `audit` of the training prompts.
#' @inheritSection calibrate_lpb What is guaranteed
#' @inheritSection calibrate_lpb Assumptions
#' @section Errors: Those of the functions it calls. An error or an interrupt
#'   while drawing keeps what was drawn: see [sampler]. After an interrupt, or
#'   at one of the limits, the error has the class `timetounsafe_error_audit`
#'   and the fields `reason` (`"interrupted"` or the limit's name), `audit` (the
#'   unfinished audit, with which [run_audit()] goes on) and `training` (the
#'   training audit where that is finished). With a ledger the same call goes
#'   on, too.
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
                           retry_wait = 1, max_draws = Inf, max_seconds = Inf,
                           max_cost = Inf, max_error_rate = 0.5,
                           refusal = c("safe", "unsafe", "error"),
                           parallel = NULL, progress = interactive(), ...) {
  ids <- names_of(prompts)
  prompts <- check_prompts(prompts)
  n <- n_rows(prompts)
  if (n < 20) {
    stop_argument("prompts", "must hold at least 20 prompts", as.character(n))
  }
  if (is.null(x) && !is.character(prompts)) {
    stop_argument("x", "is needed when `prompts` is a data frame", "NULL",
                  fix = "x = prompts takes all its columns for features.")
  }
  x <- x %||% prompts
  check_rows(x, n)
  id <- check_ids(ids %||% seq_len(n), n, "names(prompts)")
  train <- check_number(train, "train", 0, 1, c(TRUE, TRUE))
  # All that can be wrong with the plan is found before a draw is paid for.
  check_no_verbs(names(list(...)))
  check_engine(engine, list(...))
  new_policy(method, budget, alpha, delta, tau_prior, max_weight, NULL)
  train_draws <- check_number(train_draws %||% ceiling(budget), "train_draws",
                              min = 1, whole = TRUE)
  paths <- ledger_paths(ledger)
  control <- audit_control(
    sampler, batch_size, NULL, responses, max_tries, retry_wait, max_draws,
    max_seconds, max_cost, max_error_rate, refusal, TRUE, parallel, progress
  )
  control$meter <- new_meter()
  first <- training_rows(paths$training, prompts, id, train)
  rest <- setdiff(sample.int(n), first)

  control$ledger <- paths$training
  training <- carry_out(start_audit(fixed_rows(
    take_rows(prompts, first), id[first], train_draws, FALSE
  )), control)
  stop_if_unfinished(training, control)
  hazard <- fit_again(training, take_rows(x, first), engine, ...)
  plan <- plan_of_ledger(paths$audit, hazard, x, id) %||% plan_audit(
    hazard, take_rows(prompts, rest), take_rows(x, rest), budget, method, alpha,
    delta, tau_prior, max_weight, id = id[rest]
  )
  control$ledger <- paths$audit
  audit <- carry_out(start_audit(plan), control)
  stop_if_unfinished(audit, control, training)
  lpb <- calibrate_lpb(audit, alpha, delta)
  lpb$training <- training
  lpb$call <- match.call()
  lpb
}

# Settings of the steps that this call does not pass on.
check_no_verbs <- function(given, call = rlang::caller_env()) {
  verbs <- list(plan_audit = plan_audit, run_audit = run_audit,
                calibrate_lpb = calibrate_lpb)
  for (verb in names(verbs)) {
    known <- intersect(given, names(formals(verbs[[verb]])))
    if (length(known) > 0L) {
      stop_argument(
        "...", "must hold settings of the engine", list_names(known),
        fix = sprintf(paste(
          "That is an argument of %s(): take the steps one by one,",
          "audit_prompts(), fit_hazard(), plan_audit(), run_audit(),",
          "calibrate_lpb()."
        ), verb), call = call
      )
    }
  }
}

stop_if_unfinished <- function(audit, control, training = NULL,
                               call = rlang::caller_env()) {
  open <- is.na(audit$status)
  if (!any(open)) {
    return(invisible())
  }
  reason <- control$meter$stopped
  why <- if (reason == "interrupted") {
    "Drawing was interrupted"
  } else {
    sprintf("`%s` was reached", reason)
  }
  phase <- if (is.null(training)) "training" else "calibration"
  stop_classed("audit", c(
    sprintf("%s in the draws for %s, with %d of %s open.", why, phase,
            sum(open), counted(length(open), "prompt")),
    i = if (is.null(control$ledger)) {
      "What was drawn is in the field `audit`; run_audit() goes on with it."
    } else {
      "What was drawn is in the ledgers; the same call goes on with them."
    }
  ), id = audit$id[open], audit = audit, training = training, reason = reason,
  call = call)
}

# The perceptron starts, and splits, at random: the same training draws must
# give the hazard that the plan in a ledger was made with.
fit_again <- function(training, x, engine, ...) {
  hash <- rlang::hash(list(as.double(training$unsafe),
                           as.double(training$draws)))
  with_seed(
    strtoi(substr(hash, 1L, 7L), 16L),
    fit_hazard(x, training$unsafe, training$draws, engine, ...)
  )
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

# Those that trained when the ledger was begun, or a random share. Copies of a
# prompt stay together; that a prompt trains does not depend on how many it has.
training_rows <- function(path, prompts, id, train,
                          call = rlang::caller_env()) {
  if (is.null(path) || !file.exists(path)) {
    copy <- copies(prompts)
    n <- max(copy)
    if (n < 2) {
      stop_argument("prompts", "must hold at least 2 distinct prompts", "1",
                    call = call)
    }
    train <- sample.int(n, min(n - 1, max(1, round(train * n))))
    return(which(copy %in% train))
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
    stop_ledger(path, "was planned with another hazard",
                "Give the same features, engine and settings.", call = call)
  }
  attr(plan, "hazard") <- hazard
  plan
}
