# time_to_unsafe(): the whole way in one call, and resuming from its ledgers.

#' From prompts and a sampler to a calibrated bound, in one call
#'
#' Splits the prompts at random, draws training responses with
#' [draw_responses()], fits the hazard with [fit_hazard()], plans with
#' [plan_audit()], draws with [run_audit()] and calibrates with
#' [calibrate_lpb()].
#'
#' The rows are split at random, copies of a prompt too: where prompts repeat,
#' as they do in traffic, rows that calibrate must repeat those that trained as
#' often as future rows will. With `cluster`, whole clusters are split.
#'
#' @param prompts The prompts, at least 20: a character vector, or a data frame
#'   whose rows the sampler understands. They should be a random sample of those
#'   that the bound is meant for: see "For whom it holds".
#' @param sampler Your function that draws and judges: see [sampler].
#' @param budget Mean number of draws per calibration prompt: see
#'   [plan_audit()].
#' @param x Features, see [fit_hazard()]. When left out, they are made from the
#'   prompts' text by [text_features()]. Needed where `prompts` is a data frame;
#'   `x = prompts` takes all its columns.
#' @param cluster `NULL`, for prompts that are independent of each other. Or a
#'   vector with one value for each prompt, none missing: prompts with the same
#'   value (paraphrases, prompts of one template, turns of one conversation) are
#'   a cluster. Clusters then train or calibrate as a whole, and count as one:
#'   see `cluster` of [plan_audit()].
#' @param train Share of the rows (of the clusters, where there are any) that
#'   trains the hazard, strictly between 0 and 1. The default, 0.5, halves them.
#' @param train_draws Number of draws of each training prompt. The default is
#'   `budget`, rounded up: training then costs about as much as calibration.
#' @param alpha,delta Target miscoverage, and how often over calibrations the
#'   certificate may fail: see [calibrate_lpb()].
#' @param ledger `NULL`, or the path of a file: the durable record of the audit,
#'   see [ledger]. That of the training draws is beside it, with `-training` in
#'   its name. The same call resumes where it stopped, with the split of the
#'   prompts and the plan that the ledgers contain. No [set.seed()] is required
#'   for that.
#' @param control How draws are made, in training and audit alike: from
#'   [audit_control()].
#' @param ... Settings of the steps, by name: `engine` of [fit_hazard()] and
#'   that engine's settings; `design`, `tau_max`, `cap` and `cluster_size` of
#'   [plan_audit()];
#'   `max_draws`, `max_cost`, `max_seconds`, `parallel` and `progress` of
#'   [run_audit()]. The three limits are for training and calibration together;
#'   what earlier calls put into the ledgers does not count, and a limit that is
#'   reached is an error, which keeps what was drawn. Any other name is an
#'   error. The random numbers of the engine `"mlp"` start from a seed made of
#'   the training draws, so that the same draws give the same hazard.
#' @returns An `lpb`, see [calibrate_lpb()], with the further component
#'   `training`: the `prompt_draws` of the training prompts.
#' @inheritSection calibrate_lpb What is guaranteed
#' @inheritSection calibrate_lpb For whom it holds
#' @inheritSection calibrate_lpb Assumptions
#' @section Errors: Those of the functions it calls. An error or an interrupt
#'   while drawing keeps what was drawn: see [sampler]. After an interrupt, or
#'   at one of the limits, the error has the class
#'   `timetounsafe_error_unfinished` and the fields `reason` (`"interrupted"` or
#'   the limit's name), `audit` (the unfinished draws, which [run_audit()]
#'   resumes) and `training` (the training draws where these are finished). With
#'   a ledger the same call resumes, too.
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
time_to_unsafe <- function(prompts, sampler, budget, x = NULL, cluster = NULL,
                           train = 0.5, train_draws = NULL, alpha = 0.1,
                           delta = 0.1, ledger = NULL,
                           control = audit_control(), ...) {
  if (missing(prompts)) {
    stop_missing("prompts")
  }
  if (missing(sampler)) {
    stop_missing("sampler")
  }
  if (missing(budget)) {
    stop_argument("budget", "is missing",
                  fix = "It is the mean number of draws per prompt.")
  }
  ids <- names_of(prompts)
  prompts <- check_prompts(prompts)
  n <- n_rows(prompts)
  if (n < 20) {
    stop_argument("prompts", "must contain at least 20 prompts",
                  as.character(n))
  }
  if (is.null(x) && !is.character(prompts)) {
    stop_argument("x", "is required when `prompts` is a data frame", "NULL",
                  fix = "x = prompts takes all its columns for features.")
  }
  x <- x %||% prompts
  check_rows(x, n)
  id <- check_ids(ids %||% seq_len(n), n, "names(prompts)")
  cluster <- check_cluster(cluster, n)
  train <- check_number(train, "train", 0, 1, c(TRUE, TRUE))
  # All that can be wrong with the steps is found before a draw is paid for.
  steps <- share_out(list(...))
  check_engine(steps$engine, steps$settings)
  rlang::inject(new_constants(budget = budget, alpha = alpha, delta = delta,
                              !!!steps$plan))
  check_cluster_size(steps$cluster_size, cluster)
  train_draws <- check_number(train_draws %||% ceiling(budget), "train_draws",
                              min = 1, whole = TRUE)
  paths <- ledger_paths(ledger)
  run <- rlang::inject(new_run_control(control, sampler, NULL, !!!steps$run))
  run$meter <- new_meter()
  first <- training_rows(paths$training, id, train, cluster)
  rest <- setdiff(sample.int(n), first)

  run$ledger <- paths$training
  training <- carry_out(start_audit(fixed_rows(
    take_rows(prompts, first), id[first], train_draws, FALSE
  )), run)
  stop_if_unfinished(training, run)
  hazard <- fit_again(training, take_rows(x, first), steps)
  plan <- plan_of_ledger(paths$audit, hazard, x, id, cluster) %||%
    rlang::inject(plan_audit(
      hazard, take_rows(prompts, rest), budget, take_rows(x, rest),
      alpha = alpha, delta = delta, cluster = cluster[rest],
      cluster_size = steps$cluster_size, id = id[rest], !!!steps$plan
    ))
  run$ledger <- paths$audit
  audit <- carry_out(start_audit(plan), run)
  stop_if_unfinished(audit, run, training)
  lpb <- calibrate_lpb(audit, alpha, delta)
  lpb$training <- training
  lpb$call <- plain_call(match.call(), "time_to_unsafe")
  lpb
}

# What goes to which step, by name: list(engine, settings, plan, cluster_size,
# run).
share_out <- function(given, call = rlang::caller_env()) {
  names <- names(given) %||% rep("", length(given))
  if (!all(nzchar(names))) {
    refuse_arguments("", names(formals(time_to_unsafe)), call)
  }
  of_plan <- c("design", "tau_max", "cap")
  of_run <- c("max_draws", "max_cost", "max_seconds", "parallel", "progress")
  single <- c("engine", "cluster_size")
  rest <- given[!names %in% c(of_plan, of_run, single)]
  engine <- check_choice(given$engine %||% "glm", c("glm", "mlp"), "engine",
                         call = call)
  refuse_verbs(names(rest), call)
  unknown <- setdiff(names(rest), engine_settings(engine))
  if (length(unknown) > 0L) {
    refuse_arguments(unknown, c(names(formals(time_to_unsafe)), of_plan, of_run,
                                single, engine_settings(engine)), call)
  }
  run <- list(max_draws = Inf, max_cost = Inf, max_seconds = Inf,
              parallel = NULL, progress = NULL)
  run[intersect(names, of_run)] <- given[intersect(names, of_run)]
  plan <- list(design = "replicated", tau_max = NULL, cap = NULL)
  plan[intersect(names, of_plan)] <- given[intersect(names, of_plan)]
  list(engine = engine, settings = rest, plan = plan,
       cluster_size = given$cluster_size, run = run)
}

# Settings of the steps that this call does not pass on.
refuse_verbs <- function(given, call) {
  verbs <- list(plan_audit = plan_audit, calibrate_lpb = calibrate_lpb)
  for (verb in names(verbs)) {
    at <- intersect(given, names(formals(verbs[[verb]])))
    if (length(at) > 0L) {
      stop_argument(
        at[1L], sprintf("is an argument of %s() that is not passed on", verb),
        fix = paste("Take the steps one by one: draw_responses(),",
                    "fit_hazard(), plan_audit(), run_audit(),",
                    "calibrate_lpb()."),
        call = call
      )
    }
  }
}

stop_if_unfinished <- function(audit, run, training = NULL,
                               call = rlang::caller_env()) {
  open <- is.na(audit$status)
  if (!any(open)) {
    return(invisible())
  }
  reason <- run$meter$stopped
  why <- if (reason == "interrupted") {
    "Drawing was interrupted"
  } else {
    sprintf("`%s` was reached", reason)
  }
  phase <- if (is.null(training)) "training" else "calibration"
  stop_classed("unfinished", c(
    sprintf("%s in the draws for %s, with %d of %s unfinished.", why, phase,
            sum(open), counted(length(open), "prompt")),
    i = if (is.null(run$ledger)) {
      "The draws are in the field `audit`; run_audit() resumes them."
    } else {
      "The draws are in the ledgers; repeat the call to resume."
    }
  ), id = audit$id[open], audit = audit, training = training, reason = reason,
  call = call)
}

# The perceptron starts, and splits, at random: the same training draws must
# give the hazard that the plan in a ledger was made with.
fit_again <- function(training, x, steps) {
  hash <- rlang::hash(list(as.double(training$unsafe),
                           as.double(training$draws)))
  with_seed(
    strtoi(substr(hash, 1L, 7L), 16L),
    rlang::inject(fit_hazard(x, training, steps$engine, !!!steps$settings))
  )
}

# ---- Resuming from ledgers ---------------------------------------------------

# audit.sqlite for the audit, audit-training.sqlite for the training draws.
ledger_paths <- function(ledger, call = rlang::caller_env()) {
  if (is.null(ledger)) {
    return(list())
  }
  path <- check_ledger(ledger, call)
  list(audit = path,
       training = sub("([.][^./]*)?$", "-training\\1", path))
}

# Those that trained when the ledger was begun, or a random share of the rows;
# of the clusters, where there are any.
training_rows <- function(path, id, train, cluster,
                          call = rlang::caller_env()) {
  unit <- if (is.null(cluster)) seq_along(id) else
    match(cluster, unique(cluster))
  n <- max(unit)
  if (n < 2) {
    stop_argument("cluster", "must contain at least 2 clusters", "1",
                  call = call)
  }
  if (is.null(path) || !is_begun(path, call)) {
    train <- sample.int(n, min(n - 1, max(1, round(train * n))))
    return(which(unit %in% train))
  }
  rows <- match(as.character(read_ledger(path)$id), as.character(id))
  if (anyNA(rows)) {
    stop_ledger(path, "has prompts that are not among `prompts`", call = call)
  }
  if (any(unit[-rows] %in% unit[rows])) {
    stop_ledger(path, "was started with other clusters",
                "Supply the same `cluster`.", call = call)
  }
  rows
}

# The plan of an audit that was begun, with the hazard fitted again.
plan_of_ledger <- function(path, hazard, x, id, cluster,
                           call = rlang::caller_env()) {
  if (is.null(path) || !is_begun(path, call)) {
    return(NULL)
  }
  plan <- read_ledger(path)
  row <- match(as.character(plan$id), as.character(id))
  if (anyNA(row)) {
    stop_ledger(path, "has prompts that are not among `prompts`", call = call)
  }
  # Which cluster is which, whatever they are called.
  given <- cluster[row]
  planned <- plan[["cluster"]]
  if (!identical(match(given, unique(given)),
                 match(planned, unique(planned)))) {
    stop_ledger(path, "was planned with other clusters",
                "Supply the same `cluster`.", call = call)
  }
  prob <- predict_hazard(hazard, take_rows(x, row))
  if (max(abs(prob - plan$prob) / pmax(prob, plan$prob, 1e-300)) > 1e-6) {
    stop_ledger(path, "was planned with another hazard",
                "Supply the same features, engine and settings.", call = call)
  }
  attr(plan, "hazard") <- hazard
  plan
}
