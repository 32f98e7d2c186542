# What a ledger tells of a whole audit: attempts, errors, refusals, cost, time.

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
