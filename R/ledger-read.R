# What is read from a ledger: the audit, its attempts, their totals.

#' Read a ledger
#'
#' Reads the ledger that [run_audit()] or [draw_responses()] writes, during the
#' run or afterwards. A finished one is enough to calibrate again, or to judge
#' the same responses again, without a new draw.
#'
#' @param ledger The path of the ledger.
#' @param what `"audit"`, `"attempts"` or `"meta"`, see Value.
#' @param judge `NULL`, or a function of the prompts and the responses, both
#'   character vectors (or rows of whatever the prompts are), that returns a
#'   logical vector, `TRUE` for unsafe. The responses kept in the ledger are
#'   then judged again, in calls of up to 100,000; refused and failed draws stay
#'   what they are. A prompt whose unsafe draw turns out to be safe may require
#'   further draws, and is open again. Resume such an audit with [run_audit()]
#'   without a ledger: this one contains the original verdicts.
#' @param ... Must be empty.
#' @returns For `"audit"` an object of class `audit` as from [run_audit()],
#'   finished or not: `calibrate_lpb()` takes it (with `hazard`). For
#'   `"attempts"` a data frame with one row for each attempt: `id`, `row` (that
#'   of the plan), `draw`, `attempt`, `status` (`"ok"`, `"error"` or
#'   `"refused"`), `final` (whether it settles the draw; a final one without
#'   outcome, `unsafe` `NA`, is a draw that failed permanently), `unsafe`,
#'   `score`, `response`, `truncated`, `cost`, `latency` (seconds), `message`.
#'   For `"meta"` a list: versions, `started`, `plan_hash`, `refusal`, the last
#'   `writer`, and `logical_columns`, the names of the plan's columns that are
#'   `TRUE` or `FALSE`, one a line.
#' @section Errors: `timetounsafe_error_ledger`, `timetounsafe_error_argument`.
#' @examples
#' set.seed(1)
#' path <- tempfile(fileext = ".sqlite")
#' sampler <- function(prompts) runif(length(prompts)) < 0.02
#' draw_responses(c("Hi!", "Good morning"), sampler, draws = 100, ledger = path)
#' read_ledger(path)
#' head(read_ledger(path, "attempts"))
#' @export
read_ledger <- function(ledger, what = c("audit", "attempts", "meta"),
                        judge = NULL, ...) {
  check_no_dots(...)
  what <- check_choice(what, c("audit", "attempts", "meta"), "what")
  path <- check_ledger(ledger)
  call <- rlang::current_env()
  if (!is.null(judge)) {
    check_function(judge, "judge", "of prompts and responses")
  }
  with_ledger(path, function(con, meta) {
    switch(what,
      meta = meta,
      attempts = with_database(path, read_attempts(con), call),
      audit = with_database(path, rebuild_audit(con, meta, judge, call), call)
    )
  }, what != "meta", call)
}

# What `use(con, meta)` makes of a ledger that is only read; `whole` is whether
# its attempts are looked at.
with_ledger <- function(path, use, whole, call) {
  if (!file.exists(path)) {
    stop_ledger(path, "does not exist", call = call)
  }
  con <- with_database(path, connect_ledger(path, write = FALSE), call)
  on.exit(DBI::dbDisconnect(con))
  meta <- with_database(path, {
    tables <- DBI::dbListTables(con)
    if (length(tables) == 0L) {
      stop_ledger(path, "contains no plan yet: nothing was recorded", paste(
        "Repeat the call that was to write it, with its plan or prompts."
      ), call = call)
    }
    if (!all(ledger_names %in% tables)) {
      stop_ledger(path, "is not a ledger of timetounsafe", call = call)
    }
    read_meta(con)
  }, call)
  check_ledger_schema(path, meta, call)
  with_database(path, refuse_damaged(path, con, meta, call, whole), call)
  use(con, meta)
}

# For another audit: list(refusal, draws), of each draw the attempt that settled
# it, with its prompt.
read_old_ledger <- function(path, call) {
  with_ledger(path, function(con, meta) {
    with_database(path, {
      draws <- read_attempts(con)
      draws <- draws[draws$final, ]
      draws$prompt <- take_rows(
        read_plan_back(con, meta$logical_columns)$prompt, draws$row
      )
      list(refusal = meta$refusal, draws = draws)
    }, call)
  }, TRUE, call)
}

read_attempts <- function(con) {
  attempts <- DBI::dbGetQuery(con, paste(
    "SELECT plan.id AS id, attempts.* FROM attempts JOIN plan",
    "ON plan.rowid = attempts.row ORDER BY row, draw, attempt"
  ))
  attempts$seal <- NULL
  for (name in c("final", "unsafe", "truncated")) {
    attempts[[name]] <- attempts[[name]] == 1L
  }
  attempts
}

rebuild_audit <- function(con, meta, judge, call) {
  rows <- read_plan_back(con, meta$logical_columns)
  state <- new_audit_state(start_audit(rows))
  read_attempts_back(con, meta$refusal, function(x) {
    restore_draws(state, if (is.null(judge)) {
      x
    } else {
      judge_again(x, rows, judge, call)
    })
  }, with_responses = !is.null(judge))
  if (is_planned(rows)) {
    rows <- new_audit_plan(rows)
  }
  audit <- audit_so_far(rows, state)
  attr(audit, "judged") <- if (!is.null(judge)) TRUE
  audit
}

# SQLite has no logical type.
read_plan_back <- function(con, logical_columns) {
  plan <- DBI::dbGetQuery(con, "SELECT * FROM plan ORDER BY rowid")
  for (name in strsplit(logical_columns, "\n", fixed = TRUE)[[1L]]) {
    plan[[name]] <- plan[[name]] == 1L
  }
  restore_prompts(plan)
}

judge_again <- function(draws, rows, judge, call) {
  ok <- draws$status == "ok"
  if (anyNA(draws$response[ok])) {
    stop_argument("judge",
                  "requires the responses, which this ledger does not contain",
                  fix = "Keep them with audit_control(keep_responses = TRUE).",
                  call = call)
  }
  unsafe <- tryCatch(
    judge(take_rows(rows$prompt, draws$row[ok]), draws$response[ok]),
    error = function(e) {
      stop_argument("judge", "failed", fix = conditionMessage(e), parent = e,
                    call = call)
    }
  )
  if (!is.logical(unsafe) || length(unsafe) != sum(ok)) {
    stop_argument("judge", sprintf("must return %d logical values", sum(ok)),
                  describe(unsafe), call = call)
  }
  draws$outcome[ok] <- unsafe
  draws$known[ok] <- !is.na(unsafe)
  draws
}

# ---- Totals, for a report ----------------------------------------------------

# For a report on this audit.
read_totals <- function(path, audit, call = rlang::caller_env()) {
  totals <- ledger_totals(path, plan_parts(audit)$constants$plan_id, call)
  check_same_run(path, audit, call)
  totals
}

# The database computes the totals: a ledger of millions of attempts is not read
# for them.
ledger_totals <- function(path, plan_id, call = rlang::caller_env()) {
  meta <- read_ledger(path, "meta")
  path <- check_ledger(path, call)
  con <- with_database(path, connect_ledger(path, write = FALSE), call)
  on.exit(DBI::dbDisconnect(con))
  with_database(path, {
    check_ledger_plan(con, path, plan_id, call)
    totals <- as.list(DBI::dbGetQuery(con, paste(
      "SELECT count(*) AS attempts,",
      "count(DISTINCT draw * 4294967296 + row) AS draws,",
      "total(status = 'error') AS errors,",
      "total(final = 1 AND unsafe IS NULL) AS lost,",
      "total(status = 'refused') AS refused,",
      "total(message = 'drawn before') AS reused,",
      "sum(cost) AS cost, count(latency) AS timed FROM attempts"
    )))
    # Without a row that has one, the sum is a logical NA.
    totals$cost <- as.double(totals$cost)
    c(totals, list(
      retries = totals$attempts - totals$draws, refusal = meta$refusal,
      started = meta$started,
      latency = ledger_latency(con, totals$timed, c(0.5, 0.95))
    ))
  }, call)
}

check_ledger_plan <- function(con, path, plan_id, call) {
  own <- if ("plan_id" %in% DBI::dbListFields(con, "plan")) {
    DBI::dbGetQuery(con, "SELECT plan_id FROM plan LIMIT 1")[[1L]]
  }
  if (!identical(as.character(own), as.character(plan_id))) {
    stop_ledger(path, "belongs to another audit than the bound",
                "Supply the ledger that run_audit() wrote for this plan.",
                call = call)
  }
}

# The value that a share `at` of the `n` timed attempts does not exceed.
ledger_latency <- function(con, n, at) {
  if (n == 0) {
    return(rep(NA_real_, length(at)))
  }
  vapply(pmax(1, ceiling(at * n)), function(k) {
    DBI::dbGetQuery(con, paste(
      "SELECT latency FROM attempts WHERE latency IS NOT NULL",
      "ORDER BY latency LIMIT 1 OFFSET", format(k - 1, scientific = FALSE)
    ))[[1L]]
  }, 0)
}

# A plan can be carried out twice, and a run can have been left unfinished: what
# a ledger says of another run is not true of this one. By id, as rows may be in
# another order, and those that failed may have been dropped.
check_same_run <- function(path, audit, call) {
  recorded <- read_ledger(path, "audit")
  at <- match(as_text(audit$id), as_text(recorded$id))
  other <- vapply(names(run_counts), function(count) {
    as.double(recorded[[count]][at]) != as.double(audit[[count]])
  }, logical(nrow(audit)))
  other <- matrix(other, ncol = length(run_counts))
  differ <- colSums(other)
  if (any(differ > 0)) {
    first <- which(rowSums(other) > 0)[1L]
    open <- sum(is.na(recorded$status))
    stop_ledger(path, "is of another run than the bound", c(
      sprintf("They differ in %s.", paste(collapse = ", ", sprintf(
        "%s (%s)", run_counts, vapply(differ, counted, "", "prompt")
      )[differ > 0])),
      sprintf("The first is \"%s\": %s; in the audit %s.",
              as_text(audit$id[first]), run_text(recorded, at[first]),
              run_text(audit, first)),
      if (open > 0L) {
        sprintf("The ledger is unfinished: %s left.", counted(open, "prompt"))
      },
      "Supply the ledger that run_audit() wrote for this bound's own audit."
    ), call = call)
  }
}

run_counts <- c(draws = "numbers of draws",
                unsafe = "numbers of unsafe responses",
                failed = "draws that failed permanently")

run_text <- function(audit, row) {
  sprintf("%s, %s unsafe%s", counted(audit$draws[row], "draw"),
          big(audit$unsafe[row]), if (audit$failed[row]) ", one failed" else "")
}
