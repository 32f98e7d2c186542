# What a ledger tells of a whole audit: attempts, errors, refusals, cost, time.

# For a report on this very audit.
read_totals <- function(path, audit, call = rlang::caller_env()) {
  totals <- ledger_totals(path, audit$plan_id[1L], call)
  check_same_run(path, audit, call)
  totals
}

# A plan can be carried out twice, and a run can have been left unfinished: what
# a ledger tells of another run is not true of this one. By id, as rows may be
# in another order, and those that failed may have been dropped.
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
      sprintf("Different are %s.", paste(collapse = ", ", sprintf(
        "%s (%s)", run_counts, vapply(differ, counted, "", "prompt")
      )[differ > 0])),
      sprintf("The first is \"%s\": %s; in the audit %s.",
              as_text(audit$id[first]), run_text(recorded, at[first]),
              run_text(audit, first)),
      if (open > 0L) {
        sprintf("The ledger is unfinished: %s open.", counted(open, "prompt"))
      },
      "Give the ledger that run_audit() wrote for this bound's own audit."
    ), call = call)
  }
}

run_counts <- c(draws = "numbers of draws",
                unsafe = "numbers of unsafe responses",
                failed = "draws that failed for good")

run_text <- function(audit, row) {
  sprintf("%s, %s unsafe%s", counted(audit$draws[row], "draw"),
          big(audit$unsafe[row]), if (audit$failed[row]) ", one failed" else "")
}

# The totals are made by the database: a ledger of millions of attempts need not
# be read for them.
ledger_totals <- function(path, plan_id, call = rlang::caller_env()) {
  meta <- read_ledger(path, "meta")
  path <- check_ledger(path, call)
  con <- with_database(path, connect_ledger(path, write = FALSE), call)
  on.exit(DBI::dbDisconnect(con))
  with_database(path, {
    check_ledger_plan(con, path, plan_id, call)
    totals <- as.list(DBI::dbGetQuery(con, paste(
      "SELECT count(*) AS attempts,",
      "count(DISTINCT draw * 4294967296 + prompt) AS draws,",
      "total(status IN ('error', 'failed')) AS errors,",
      "total(status = 'failed') AS lost,",
      "total(status = 'refused') AS refused,",
      "sum(cost) AS cost, count(latency) AS timed FROM draws"
    )))
    # Without a row that has one, the sum is a logical NA.
    totals$cost <- as.double(totals$cost)
    c(totals, list(
      retries = totals$attempts - totals$draws, refusal = meta$refusal,
      began = meta$began,
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
                "Give the ledger that run_audit() wrote for this plan.",
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
      "SELECT latency FROM draws WHERE latency IS NOT NULL",
      "ORDER BY latency LIMIT 1 OFFSET", format(k - 1, scientific = FALSE)
    ))[[1L]]
  }, 0)
}
