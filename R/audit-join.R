# Results made elsewhere, joined to their plan: one row a draw, one a prompt, a
# log of responses, or a fixed number of draws.

#' Make an audit of results that one already has
#'
#' With a `plan`, which any program can carry out, this checks its results
#' against the plan, and returns what [run_audit()] would have. Without one, a
#' log of repeated sampling becomes an audit: a number of draws of each prompt
#' that was fixed beforehand is a plan that includes everybody. Bounds and risks
#' of such an audit are certified like those of any other.
#'
#' @section With a plan: Results come in one of these forms:
#' * a [response_log], from [read_responses()] or [as_response_log()];
#' * the result of [draw_responses()];
#' * a data frame with one row for each **draw**: columns `id`, `draw` (1, 2,
#'   ... within a prompt) and `unsafe` (logical, or 0 and 1);
#' * a data frame with one row for each **prompt**: columns `id`, `time` and
#'   `status`. `time` is the first unsafe draw (status 1), or the number of
#'   draws made, all of them safe (status 0: the prompt's `limit`, or its
#'   `horizon`);
#' * for replicated draws, which do not stop, a data frame with one row for each
#'   **prompt**: columns `id`, `unsafe` and `draws`, the number of unsafe draws
#'   and of all, which must be the prompt's `limit`.
#'
#' A prompt that is to `stop` may end at its first unsafe draw, and draws after
#' that are counted in the column `unused`; otherwise all draws up to its
#' `limit` are required, and count. Prompts with a limit of 0 require no rows.
#' Where draws stop, a program that made as many as the horizon (one more than
#' required) is accepted too: an unsafe draw at the horizon itself is never a
#' miscoverage.
#'
#' In the first three forms draws may be missing: the audit is then unfinished,
#' with a warning, [run_audit()] can resume it, and [write_batch()] writes the
#' rest. In a log each draw that is neither `"ok"` nor `"refused"` counts as
#' failed permanently: its prompt ends there, as if it had been unsafe, with a
#' warning. In the last two forms every draw is required. Data frames do not
#' tell how many draws were refused or cut, so that `refused` and `truncated`
#' are `NA`.
#'
#' Draws that were made before there was this plan, for another one or for none,
#' are usually too many of some prompts and too few of others. `surplus =
#' "drop"` takes of each prompt the first draws, up to what the plan asks for,
#' and leaves out the rest and prompts that the plan does not contain; what is
#' missing is drawn as above. [run_audit()] does both at once, with a ledger:
#' see its `reuse`, also for what must be true of such draws.
#'
#' @section Without a plan: The recipe, for a log of which nothing else is
#'   known:
#'
#'   ```
#'   log <- read_responses("responses.csv")
#'   audit <- as_audit(log, train = 0.5)
#'   lpb <- calibrate_lpb(audit)
#'   certify_risk(audit, k = 10)
#'   ```
#'
#'   Half of the prompts, at random, train a hazard on their texts; the others
#'   are the audit. Where features are better than texts, `newdata` has them;
#'   where a hazard was trained on *other* prompts, `hazard` takes the place of
#'   `train`, and all prompts are audited.
#'
#'   `x` is a [response_log], or a data frame with a row for each **response**
#'   (`id`, `unsafe`, and where known `draw`, `status`, `prompt`, see
#'   [as_response_log()]); `prompt_draws`; or a data frame with a row for each
#'   **prompt**: `id`, `unsafe` and `draws`, the numbers of unsafe draws and of
#'   all.
#'
#'   All draws of a prompt count, in each of their orders. No quantile, and so
#'   no bound, exceeds the cap: one more than the draws that each prompt has.
#'   Where their numbers differ, fewer draws may be all that 0.5% of prompts
#'   have; such a prompt counts as missed where its quantile asks for more. The
#'   cap is then fixed on the prompts that trained, or by `cap`; else the
#'   certificate is approximate, as `print()` says. Draws that are neither
#'   `"ok"` nor `"refused"`, and numbers that are missing in between, count as
#'   unsafe (for lower limits of [certify_risk()] as safe), with a warning:
#'   nothing needs to be known of why they failed. Prompts without any draw are
#'   left out. One failed draw in a hundred weighs like a hazard of 0.01: where
#'   the reason is known to have nothing to do with responses (a night without
#'   network, say), drop those rows, and number the others again.
#'
#'   What makes a log worthless as an audit is refused where it shows: numbers
#'   of draws that depend on outcomes (draws that stopped at the first unsafe
#'   one, or a log whose reader says so), the same draw twice, draws of a plan,
#'   prompts that trained `hazard`. Where numbers of draws differ, tests (exact
#'   up to 2,000 prompts) look at the places of unsafe draws in their prompts,
#'   of which each order is as likely as any: how many of the shorter prompts
#'   end in one, and of how many of the longer ones the first draws contain one.
#'   At p below 0.01 a warning of class `timetounsafe_warning_dependent_draws`
#'   (field `p.value`) says so. More than that a log cannot show: that its
#'   numbers of draws were fixed, that no cache answered, and that its prompts
#'   are a random sample of those that the bound is for, is yours to know.
#'
#' @param x The results, in one of the forms below.
#' @param plan The `audit_plan` from [plan_audit()] or [read_plan()]. `NULL`,
#'   the default: there was none. The arguments from `hazard` on are then for
#'   it, with the exception of `refusal`, which is for both.
#' @param hazard A `hazard_fit` from [fit_hazard()] or [as_hazard()], not
#'   trained on these prompts. `NULL` with `train`.
#' @param newdata Features of the prompts, in the form that `hazard` was trained
#'   on, or is to be: a data frame with a column `id`, in any order, or one row
#'   for each prompt, in the order in which they first appear in `x`. `NULL`,
#'   the default: the prompts themselves, where `x` has them.
#' @param train Which prompts train a hazard first, and are not audited: a share
#'   of them, strictly between 0 and 1, taken at random (of the clusters, where
#'   there are any); their ids; or a logical vector with one value for each
#'   prompt, or for each response. `NULL`, the default: none.
#' @param refusal What a refused response of a log counts as: `"safe"` (the
#'   default), `"unsafe"`, or `"error"`, a draw that failed.
#' @param surplus With a plan: draws beyond what it asks for, and prompts that
#'   it does not contain, are an `"error"`, the default, as they may be a sign
#'   of another plan; or are left out (`"drop"`), as for draws that were made
#'   before.
#' @param cluster `NULL`, the default, for prompts that are independent of each
#'   other, or a vector with one value for each prompt, or for each response:
#'   see [plan_audit()].
#' @param seed The seed of the order in which the certificate looks at the
#'   prompts, of its other random numbers, and of `train`: a whole number. It is
#'   kept, in the column `seed`, so that the same call gives the same audit.
#'   `NULL`, the default, draws one from the session's random numbers. To try
#'   several and keep the best voids the certificate.
#' @param ... With a plan, must be empty. Without one, by name: `cap`, a whole
#'   number of at least 2 that no quantile exceeds, fixed without a look at
#'   these draws; `cluster_size`, see [plan_audit()]; `screen_draws`, a whole
#'   number of at least 1 below the draws of any prompt: that many draws of each
#'   prompt, at random by `seed`, count as screening draws ([plan_audit()]), and
#'   the bound is for the draws after them; and with `train`, `engine` and that
#'   engine's settings, see [fit_hazard()].
#' @returns An object of class `audit`, see [run_audit()]. Without a plan its
#'   `design` is `"logged"`, all have the inclusion probability 1, and its
#'   hazard is that which `train` gave.
#' @section Errors: `timetounsafe_error_audit` names the prompt and the rows (in
#'   the fields `id` and `rows`): an id that the plan does not contain, a prompt
#'   whose text differs from the plan's, draws beyond the horizon, gaps,
#'   duplicates, missing draws; without a plan, numbers of draws that depend on
#'   outcomes. `timetounsafe_error_plan` when the results belong to another
#'   plan, or the plan itself is incomplete or was changed;
#'   `timetounsafe_error_argument`. Warnings `timetounsafe_warning_unfinished`,
#'   `timetounsafe_warning_failed_draws`,
#'   `timetounsafe_warning_dependent_draws` and
#'   `timetounsafe_warning_few_prompts`.
#' @references Methods vignette, "Results one already has".
#' @inheritSection calibrate_lpb For whom it holds
#' @seealso [write_plan()] and [read_responses()] for files.
#' @examples
#' set.seed(1)
#' hazard <- as_hazard(function(newdata) newdata$p)
#' data <- data.frame(p = rep(c(0.02, 0.1), 50))
#' plan <- plan_audit(hazard, paste("prompt", 1:100), 10, data)
#'
#' # Somewhere else: every draw of every prompt, here all of them safe
#' draws <- data.frame(id = rep(plan$id, plan$limit),
#'                     draw = sequence(plan$limit), unsafe = FALSE)
#' audit <- as_audit(draws, plan)
#' calibrate_lpb(audit)
#'
#' # A log without a plan: 20 draws of each prompt, and a feature
#' heat <- rnorm(400)
#' log <- data.frame(id = rep(1:400, each = 20), draw = 1:20)
#' log$unsafe <- runif(8000) < plogis(heat[log$id] - 4)
#' audit <- as_audit(log, newdata = data.frame(heat), train = 0.5, seed = 1)
#' audit
#' calibrate_lpb(audit)
#' @export
as_audit <- function(x, plan = NULL, hazard = NULL, newdata = NULL,
                     train = NULL, refusal = c("safe", "unsafe", "error"),
                     surplus = c("error", "drop"), cluster = NULL,
                     seed = NULL, ...) {
  if (missing(x)) {
    stop_missing("x")
  }
  call <- rlang::current_env()
  check_results(x, plan, call)
  refusal <- check_choice(refusal, c("safe", "unsafe", "error"), "refusal")
  drops <- check_choice(surplus, c("error", "drop"), "surplus") == "drop"
  if (is.null(plan)) {
    check_whole_names(sys.call(), as_audit, call)
    check_no_surplus(drops, call)
    return(audit_logged(x, hazard, newdata, train, refusal, cluster, seed,
                        list(...), call))
  }
  check_no_dots(...)
  check_absent(list(hazard = hazard, newdata = newdata, train = train,
                    cluster = cluster, seed = seed), call)
  plan <- check_plan(plan)
  join <- if (inherits(x, "response_log")) {
    join_log
  } else if (inherits(x, "prompt_draws")) {
    join_prompt_draws
  } else {
    join_table
  }
  if (drops) {
    x <- drop_surplus(plain_table(x), start_audit(plan), call)
  }
  new_audit(join(plan, x, refusal, call))
}

check_no_surplus <- function(drops, call) {
  if (drops) {
    stop_argument("surplus", "is for results with a plan", "without one",
                  fix = "Without a plan every draw counts.", call = call)
  }
}

check_results <- function(x, plan, call) {
  if (inherits(x, "audit_plan") && !inherits(plan, "audit_plan")) {
    audit <- inherits(x, "audit")
    stop_argument("x", "must contain results", if (audit) "an audit" else
      "a plan", fix = if (audit) {
        "It can be calibrated: calibrate_lpb(x)."
      } else {
        "The plan is the second argument."
      }, call = call)
  }
  if (inherits(plan, "hazard_fit")) {
    stop_argument("plan", "must be a plan from plan_audit()", "a hazard",
                  fix = "Name it: as_audit(x, hazard = hazard).", call = call)
  }
  if (!is.data.frame(x)) {
    stop_argument("x", "must be a data frame", describe(x), call = call)
  }
}

# What is for results without a plan.
check_absent <- function(given, call) {
  given <- Filter(Negate(is.null), given)
  if (length(given) > 0L) {
    stop_argument(names(given)[1L], "is for results without a plan", "both",
                  call = call)
  }
}

# ---- A log of responses ------------------------------------------------------

join_log <- function(plan, x, refusal, call) {
  validate_response_log(x, "x", call)
  others <- which(x$plan_id != plan_parts(plan)$constants$plan_id)
  if (length(others) > 0L) {
    rows <- x$row[others]
    stop_classed("plan", sprintf("`x` contains draws of another plan (%s).",
                                 name_rows(rows)),
                 rows = rows, argument = "x", call = call)
  }
  row <- match_prompts(x, plan, call, x$row)
  outcome <- apply_refusal(x$unsafe, x$status, refusal)
  audit <- join_draws(start_audit(plan), list(
    row = row, draw = x$draw, outcome = outcome,
    refused = x$status == "refused", truncated = x$truncated
  ), call, x$row)
  warn_lacking(audit, call)
  warn_failed_draws(audit, call)
  audit
}

# ---- A fixed number of draws -------------------------------------------------

join_prompt_draws <- function(plan, x, refusal, call) {
  row <- match_prompts(x, plan, call)
  audit <- start_audit(plan)
  n <- nrow(x)
  made <- check_numeric(x$draws, "x$draws", min = 0, whole = TRUE,
                        empty_ok = TRUE, call = call)
  unsafe <- check_numeric(x$unsafe, "x$unsafe", min = 0, whole = TRUE,
                          empty_ok = TRUE, call = call)
  check_duplicates(x, row, call)
  most <- most_draws(audit)[row]
  beyond <- which(made > most)
  if (length(beyond) > 0L) {
    k <- beyond[1L]
    stop_audit(beyond_text(made[k], audit$stop[row[k]], most[k]), x$id[k],
               call, beyond)
  }
  refuse_impossible(unsafe > made, unsafe, made, x$id, call)
  audit <- fill_counts(audit, row, made, unsafe,
                       x$time %||% rep(NA_real_, n),
                       x$failed %||% rep(FALSE, n), call)
  audit$refused[row] <- count_used(x$refused, made, audit$draws[row])
  audit$truncated[row] <- count_used(x$truncated, made, audit$draws[row])
  audit$unused[row] <- audit$unused[row] + (x$unused %||% 0)
  warn_lacking(audit, call)
  warn_failed_draws(audit, call)
  audit
}

# Outcomes from the number of draws made and of unsafe ones; `time` is the first
# unsafe draw, or the one that failed, where known.
fill_counts <- function(audit, row, made, unsafe, time, failed, call) {
  stops <- audit$stop[row]
  hit <- unsafe > 0
  unknown <- which(stops & hit & is.na(time))
  if (length(unknown) > 0L) {
    stop_audit("is to stop at its first unsafe draw, and `x` does not say when",
               audit$id[row[unknown[1L]]], call, unknown)
  }
  ended <- stops & hit
  failed <- failed & !ended
  first <- ifelse(hit, time, ifelse(failed, made + 1, NA))
  used <- pmin(made, ifelse(ended, time, audit$limit[row]))
  audit$draws[row] <- used
  audit$unused[row] <- made - used
  audit$unsafe[row] <- ifelse(ended, 1, unsafe)
  audit$failed[row] <- failed
  audit$time[row] <- first
  done <- failed | ended | used >= audit$limit[row]
  audit$status[row] <- ifelse(done, as.numeric(hit | failed), NA)
  audit <- audit_so_far(audit, new_audit_state(audit))
  # Where the first unsafe draw was is not known from counts.
  counts <- row[done & hit & is.na(first)]
  audit$time[counts] <- NA
  audit$status[counts] <- 1
  audit
}

# ---- Plain tables ------------------------------------------------------------

join_table <- function(plan, x, refusal, call) {
  # What sums up a prompt's draws depends on whether they stop.
  summed <- if (any(plan$stop)) c("time", "status") else c("unsafe", "draws")
  by_draw <- all(c("id", "draw", "unsafe") %in% names(x))
  if (!by_draw && !all(c("id", summed) %in% names(x))) {
    stop_argument(
      "x",
      sprintf(
        "must have the columns `id`, `draw`, `unsafe` or `id`, `%s`, `%s`",
        summed[1L], summed[2L]
      ),
      list_names(names(x)), call = call
    )
  }
  row <- match_prompts(x, plan, call)
  audit <- start_audit(plan)
  audit[unique(row), c("refused", "truncated")] <- NA
  if (by_draw) {
    draw <- check_numeric(x$draw, "x$draw", min = 1, whole = TRUE,
                          empty_ok = TRUE, call = call)
    unsafe <- 1 == check_numeric(x$unsafe, "x$unsafe", min = 0, max = 1,
                                 whole = TRUE, empty_ok = TRUE, call = call)
    audit <- join_draws(audit, list(
      row = row, draw = draw, outcome = unsafe, refused = rep(NA, length(row)),
      truncated = rep(NA, length(row))
    ), call)
    warn_lacking(audit, call)
    audit
  } else if (any(plan$stop)) {
    join_times(audit, x, row, call)
  } else {
    join_counts(audit, x, row, call)
  }
}

# Draws in any order, see settled_fields; `rows` are the numbers that errors
# name.
join_draws <- function(audit, draws, call, rows = seq_along(draws$row)) {
  n <- length(draws$row)
  check_sequence(audit, draws$row, draws$draw, call, rows)
  state <- new_audit_state(audit)
  restore_draws(state, c(draws, list(attempt = rep(1, n),
                                     known = rep(TRUE, n))))
  audit_so_far(audit, state)
}

join_times <- function(audit, x, row, call) {
  time <- check_numeric(x$time, "x$time", min = 0, whole = TRUE, call = call)
  status <- check_numeric(x$status, "x$status", min = 0, max = 1, whole = TRUE,
                          call = call)
  check_once(audit, x, row, call)
  horizon <- audit$horizon[row]
  limit <- audit$limit[row]
  over <- which(time > horizon)
  if (length(over) > 0L) {
    stop_audit(sprintf("has time %.0f, beyond its horizon of %.0f",
                       time[over[1L]], horizon[over[1L]]), x$id[over[1L]],
               call, over)
  }
  # All draws were made, or one more, as the paper does.
  short <- status == 0 & time != limit & time != horizon
  early <- which(short | (status == 1 & time == 0))
  if (length(early) > 0L) {
    i <- early[1L]
    stop_audit(sprintf(
      "has status %.0f at time %.0f, and a limit of %.0f", status[i], time[i],
      limit[i]
    ), x$id[i], call, early)
  }
  first <- rep(NA_real_, nrow(audit))
  first[row] <- ifelse(status == 1, time, NA)
  fill_outcomes(audit, first, ifelse(is.na(first), audit$limit, first))
}

join_counts <- function(audit, x, row, call) {
  made <- check_numeric(x$draws, "x$draws", min = 0, whole = TRUE, call = call)
  unsafe <- check_numeric(x$unsafe, "x$unsafe", min = 0, whole = TRUE,
                          call = call)
  check_once(audit, x, row, call)
  refuse_impossible(unsafe > made, unsafe, made, x$id, call)
  wrong <- which(made != audit$limit[row])
  if (length(wrong) > 0L) {
    k <- wrong[1L]
    stop_audit(sprintf("has %.0f draws, and a limit of %.0f", made[k],
                       audit$limit[row[k]]), x$id[k], call, wrong)
  }
  fill_counts(audit, row, made, unsafe, rep(NA_real_, length(row)),
              rep(FALSE, length(row)), call)
}

# One row for each prompt with draws.
check_once <- function(audit, x, row, call) {
  check_duplicates(x, row, call)
  absent <- setdiff(which(audit$limit > 0), row)
  if (length(absent) > 0L) {
    stop_audit("has no row in `x`", audit$id[absent[1L]], call)
  }
}

check_duplicates <- function(x, row, call) {
  twice <- anyDuplicated(row)
  if (twice > 0L) {
    stop_audit("appears twice", x$id[twice], call, which(row == row[twice]))
  }
}

warn_lacking <- function(audit, call) {
  open <- is.na(audit$status)
  if (any(open)) {
    warn_classed("unfinished", c(
      sprintf("The audit is unfinished: %s.", count_lacking(audit)),
      i = paste("Read it again when complete, or resume with",
                "run_audit(audit, sampler).")
    ), call = call)
  }
}
