# time_to_unsafe(): the whole way in one call.

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
#'   `x = prompts` takes all its columns; those of text, with several words in
#'   most rows and a text of its own in nearly every row, by the features of
#'   their words.
#' @param cluster `NULL`, for prompts that are independent of each other. Or a
#'   vector with one value for each prompt, none missing: prompts with the same
#'   value (paraphrases, prompts of one template, turns of one conversation) are
#'   a cluster. Clusters then train or calibrate as a whole, and count as one:
#'   see `cluster` of [plan_audit()].
#' @param train Share of the rows (of the clusters, where there are any) that
#'   trains the hazard, strictly between 0 and 1. The default, 0.5, halves them.
#' @param train_draws Number of draws of each training prompt. The default is
#'   `budget`, rounded up: training then costs about as much as calibration.
#' @param screen_draws `NULL`, the default, or a whole number of at least 1:
#'   that many draws of each calibration prompt come first, and the bound is for
#'   the draws after them, of prompts that are screened in the same way: see
#'   "Screening draws" of [plan_audit()]. `predict()` then requires the
#'   screening draws of new prompts. They are part of `budget`; where that is
#'   not above `screen_draws`, a random part of the prompts is calibrated on,
#'   each with as many draws again for the audit.
#' @param alpha,delta Target miscoverage, and how often over calibrations the
#'   certificate may fail: see [calibrate_lpb()].
#' @param ledger `NULL`, or the path of a file: the durable record of the audit,
#'   see [ledger]. That of the training draws is beside it, with `-training` in
#'   its name, that of screening draws with `-screening`. The same call resumes
#'   where it stopped, with the split of the prompts and the plan that the
#'   ledgers contain: nothing else has to be saved, and no [set.seed()] is
#'   required for that. What is given must agree
#'   with them; another `train`, `budget` or `cap`, say, is an error.
#' @param control How draws are made, in training and audit alike: from
#'   [audit_control()].
#' @param ... Settings of the steps, by name: `engine` of [fit_hazard()] and
#'   that engine's settings; `design`, `tau_max`, `cap`, `max_limit` and
#'   `cluster_size` of [plan_audit()]; `max_draws`, `max_cost`, `max_seconds`,
#'   `parallel` and `progress` of [run_audit()]. The three limits are for
#'   training and calibration together; what earlier calls put into the ledgers
#'   does not count, and a limit that is reached is an error, which keeps what
#'   was drawn. Any other name is an error. The random numbers of the engine
#'   `"mlp"` start from a seed made of the training draws, so that the same
#'   draws give the same hazard.
#' @returns An `lpb`, see [calibrate_lpb()], with the further component
#'   `training`: the `prompt_draws` of the training prompts, and, with
#'   `screen_draws`, `screened`: those of screening.
#' @inheritSection calibrate_lpb What is guaranteed
#' @inheritSection calibrate_lpb For whom it holds
#' @inheritSection calibrate_lpb Assumptions
#' @section Random numbers: The session's stream moves by one number, whatever
#'   is drawn: see [ledger].
#' @section Errors: Those of the functions it calls. Hazard and plan are tried
#'   with made-up outcomes before the first draw, so that features, levels and
#'   settings that cannot be used are errors before anything is paid for. Every
#'   error after the training draws has them in its field `training`. An error
#'   or an interrupt while drawing keeps what was drawn: see [sampler]. After
#'   an interrupt, or at one of the limits, the error has the class
#'   `timetounsafe_error_unfinished` and the fields `reason` (`"interrupted"`
#'   or the limit's name), `audit` (the unfinished draws, which [run_audit()]
#'   resumes) and `training` (the training draws where these are finished).
#'   With a ledger the same call resumes, too.
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
                           train = 0.5, train_draws = NULL,
                           screen_draws = NULL, alpha = 0.1, delta = 0.1,
                           ledger = NULL,
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
  constants <- rlang::inject(new_constants(
    budget = budget, alpha = alpha, delta = delta, !!!steps$plan
  ))
  constants$cluster_size <- check_cluster_size(steps$cluster_size, cluster)
  screen_draws <- check_screen_draws(screen_draws, budget, cluster)
  train_draws <- check_number(train_draws %||% ceiling(budget), "train_draws",
                              min = 1, whole = TRUE)
  paths <- ledger_paths(ledger)
  run <- rlang::inject(new_run_control(control, sampler, NULL, !!!steps$run))
  run$meter <- new_meter()
  task <- list(
    prompts = prompts, x = keep_text(x), id = id, cluster = cluster,
    budget = audit_budget(budget, screen_draws), total = budget,
    screen_draws = screen_draws, alpha = alpha, delta = delta, train = train,
    train_draws = train_draws, constants = constants, steps = steps,
    paths = paths, run = run
  )
  # The session's random numbers move by one, whatever is left to be drawn: the
  # same script has the same split and plan, before and after a kill.
  lpb <- with_stream(draw_seed(), take_steps(task, environment()))
  lpb$call <- plain_call(match.call(), "time_to_unsafe")
  lpb
}

# From the split to the bound. All later errors keep what was drawn.
take_steps <- function(task, call) {
  run <- task$run
  first <- training_rows(task$paths$training, task$id, task$train,
                         task$cluster, call)
  rest <- setdiff(sample.int(length(task$id)), first)
  rehearse(task, first, rest, call)
  foresee(task, rest, call)

  run$ledger <- task$paths$training
  training <- carry_out(start_training(task, first), run, call)
  stop_if_unfinished(training, run, call = call)
  audit <- NULL
  screened <- NULL
  keep_drawn({
    hazard <- fit_again(training, take_rows(task$x, first), task$steps)
    if (!is.null(task$screen_draws)) {
      rest <- rows_to_screen(task, rest)
      screened <- draw_screening(task, rest, training, call)
    }
    plan <- plan_of_ledger(task, hazard, rest, call) %||%
      plan_rest(task, hazard, rest, screened)
    run$ledger <- task$paths$audit
    audit <- carry_out(start_audit(plan), run, call)
    stop_if_unfinished(audit, run, training, call)
    lpb <- calibrate_lpb(audit, task$alpha, task$delta)
  }, function() list(training = training, screened = screened, audit = audit))
  lpb$training <- training
  lpb$screened <- screened
  lpb
}

start_training <- function(task, first) {
  start_audit(fixed_rows(take_rows(task$prompts, first), task$id[first],
                         task$train_draws, FALSE))
}

# The screening draws, from the ledger where they are there.
draw_screening <- function(task, rest, training, call) {
  run <- task$run
  run$ledger <- task$paths$screening
  rows <- fixed_rows(take_rows(task$prompts, rest), task$id[rest],
                     task$screen_draws, FALSE)
  screened <- carry_out(start_audit(rows), run, call)
  stop_if_unfinished(screened, run, training, call, "screening")
  screened
}

plan_rest <- function(task, hazard, rest, screened,
                      settings = task$steps$plan) {
  rlang::inject(plan_audit(
    hazard, take_rows(task$prompts, rest), task$budget,
    take_rows(task$x, rest), alpha = task$alpha, delta = task$delta,
    cluster = task$cluster[rest], cluster_size = task$steps$cluster_size,
    screened = screened, id = task$id[rest], !!!settings
  ))
}

# An error of `code` with the fields that `drawn()` lists, where it has none of
# that name.
keep_drawn <- function(code, drawn) {
  tryCatch(code, error = function(e) {
    fields <- drawn()
    new <- setdiff(names(fields), names(e))
    e[new] <- fields[new]
    stop(e)
  })
}

# ---- Before a draw is paid for -----------------------------------------------

# Hazard and plan with made-up outcomes, one prompt in ten being unsafe once:
# what is wrong with features, their levels, or the settings of a step, is an
# error now. What there is to warn of is said of the real ones. To choose a cap
# and tau_max takes long, and asks nothing of the user.
rehearse <- function(task, first, rest, call) {
  training <- start_training(task, first)
  training$draws <- training$limit
  training$unsafe <- as.numeric(seq_along(first) %% 10 == 1)
  training$status <- training$unsafe
  training$time <- ifelse(training$unsafe > 0, 1, training$limit)
  settings <- task$steps$plan
  settings$tau_max <- settings$tau_max %||% default_tau_max(task$alpha)
  settings$cap <- settings$cap %||% min(max(100, task$budget),
                                        settings$max_limit + 1)
  suppressWarnings(keep_generator({
    hazard <- fit_again(new_prompt_draws(training), take_rows(task$x, first),
                        task$steps)
    predict_hazard(hazard, take_rows(task$x, rest), "x", call)
    plan_rest(task, hazard, rest, rehearse_screening(task, rest), settings)
  }), "timetounsafe_warning")
}

foresee <- function(task, rest, call) {
  unit <- task$cluster %||% task$id
  warn_hopeless(task$constants, length(unique(unit[rest])),
                length(unique(unit)),
                if (is.null(task$cluster)) "prompt" else "cluster", call)
}

# Columns of text as I(), which makes features of their words; ids, of one word
# each, are none.
keep_text <- function(x) {
  if (!is.data.frame(x)) {
    return(x)
  }
  for (name in names(x)[vapply(x, is_prose, NA)]) {
    x[[name]] <- I(x[[name]])
  }
  x
}

is_prose <- function(x) {
  is.character(x) && is.null(dim(x)) && is_near_unique(x) &&
    mean(grepl("[^[:space:]][[:space:]]+[^[:space:]]", x)) > 0.5
}

# What goes to which step, by name: list(engine, settings, plan, cluster_size,
# run).
share_out <- function(given, call = rlang::caller_env()) {
  names <- names(given) %||% rep("", length(given))
  if (!all(nzchar(names))) {
    refuse_arguments("", names(formals(time_to_unsafe)), call)
  }
  of_plan <- c("design", "tau_max", "cap", "max_limit")
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
  plan <- list(design = "replicated", tau_max = NULL, cap = NULL,
               max_limit = NULL)
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
                               call = rlang::caller_env(),
                               phase = if (is.null(training)) "training" else
                                 "calibration") {
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
  stop_classed("unfinished", c(
    sprintf("%s in the draws for %s, with %d of %s unfinished.", why, phase,
            sum(open), counted(length(open), "prompt")),
    i = if (is.null(run$ledger)) {
      "Nothing is lost: resume them with run_audit(error$audit, sampler)."
    } else {
      "The draws are in the ledgers; repeat the call to resume."
    }
  ), id = audit$id[open], audit = audit, training = training, reason = reason,
  call = call)
}
