# The durable record of an audit: an SQLite file to which attempts are only ever
# appended, each batch in one transaction, by one process.

#' The ledger: a durable record of an audit
#'
#' With `ledger = "audit.sqlite"`, [run_audit()] and [draw_responses()] write
#' the plan to an SQLite file before the first draw, and every batch of draws as
#' it comes in, in one transaction. Repeating the call on an existing ledger
#' resumes it: after an interrupt, a crash or a kill of R, a full disk, an
#' outage of the service or a limit that was reached. No draw that was recorded
#' is made again, and none is counted twice.
#'
#' The file has three tables.
#' * `meta` contains versions, the time when the audit was started, the hash of
#'   the plan and `refusal`.
#' * `plan` contains all columns of the plan, with the uniform number that
#'   decided each inclusion and the random order.
#' * `attempts` has one row for each attempt at a draw: `row` (that of the
#'   plan), `draw`, `attempt`, `status`, `final` (1 where it settles the draw:
#'   it has an outcome, or failed permanently), `unsafe`, and what else the
#'   sampler reported: `score`, `response` (only with `keep_responses = TRUE` in
#'   [audit_control()]), `truncated`, `cost`, `latency` (seconds), `message`.
#'
#' Plans and attempts cannot be changed or deleted. Each attempt has a `seal`, a
#' number made of all that its row says, and `meta` has those of the other
#' tables: a file that a failing disk, or somebody by hand, has changed is
#' refused when it is read. (This keeps out faults, not forgers.) Any SQLite
#' client can read the file, also while it is being written; [read_ledger()]
#' does so from R.
#'
#' A ledger belongs to one plan (prompts included) and one `refusal` rule;
#' another is an error. One process writes it, and locks the file itself, so
#' that a second one is refused while the first is alive, by whatever name it
#' reaches the file. An empty file, as a kill may leave it, is a new ledger. The
#' write-ahead log of SQLite is used, which requires a local disk; where that is
#' not possible the slower rollback journal is. A kill of R loses nothing that
#' was recorded; a loss of power may lose the last batches. While it is being
#' written, or after a kill, the latest records are in a second file that ends
#' in `-wal`: copy both, or open the ledger once more.
#'
#' A run with `keep_responses = TRUE` makes the file readable and writable by
#' its owner alone (mode 0600), where the system has such modes.
#' @section The same script, once more: Draws have random streams of their own,
#'   one for each batch, from a number that the run takes from the session's
#'   stream, and from what is drawn: see [sampler]. The session's stream moves
#'   by that one number, whether draws were made or read from a ledger. So a
#'   script that begins with [set.seed()] makes the same plans after a kill, and
#'   resumes with its ledgers alone. Without `set.seed()`, save the plan too,
#'   before the audit, with [write_plan()] or [saveRDS()], or resume with
#'   `run_audit(ledger = "audit.sqlite", sampler = sampler)`: the ledger holds
#'   the plan. [time_to_unsafe()] needs neither.
#' @name ledger
#' @seealso [read_ledger()], [run_audit()]
NULL

# The key begins with the draw because batches go over prompts first: so rows
# are nearly appended, and reading back goes over each prompt's draws upwards.
# (A CHECK of the status would double the time.)
ledger_tables <- c(
  "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT)",
  paste(
    "CREATE TABLE attempts (row INTEGER, draw INTEGER, attempt INTEGER,",
    "status TEXT, final INTEGER, unsafe INTEGER, score REAL, response TEXT,",
    "truncated INTEGER, cost REAL, latency REAL, message TEXT, seal INTEGER,",
    "PRIMARY KEY (draw, row, attempt)) WITHOUT ROWID"
  ),
  sprintf(
    paste("CREATE TRIGGER %s_%s BEFORE %s ON %s BEGIN",
          "SELECT RAISE(ABORT, 'a ledger is append-only'); END"),
    rep(c("plan", "attempts"), each = 2), c("keep", "fix"),
    c("DELETE", "UPDATE"), rep(c("plan", "attempts"), each = 2)
  )
)

ledger_names <- c("meta", "plan", "attempts")

# ---- Opening -----------------------------------------------------------------

# The ledger of these rows, new or resumed: list(record, read, close).
open_ledger <- function(path, rows, refusal, keep_responses,
                        call = rlang::caller_env()) {
  lock <- lock_ledger(path, call)
  con <- NULL
  close <- function() {
    if (!is.null(con)) {
      fold_journal(con)
      DBI::dbDisconnect(con)
    }
    lock$unlock()
  }
  ready <- FALSE
  on.exit(if (!ready) close())
  with_database(path, {
    con <- connect_ledger(path)
    if (keep_responses) {
      make_private(path)
    }
    set_journal(con)
    meta <- find_meta(con, path, rows, refusal, call)
    check_ledger_schema(path, meta, call)
    refuse_damaged(path, con, meta, call)
    check_same_audit(path, meta, rows, refusal, call)
    set_meta(con, replace(meta, "writer", this_process()))
  }, call)
  ready <- TRUE
  list(
    record = function(batch, outcome) {
      if (!lock$is_there()) {
        stop_ledger(path, "was deleted or replaced during the run", call = call)
      }
      with_database(path, record_attempts(con, batch, outcome, keep_responses),
                    call)
    },
    read = function(use) {
      with_database(path, read_attempts_back(con, refusal, use), call)
    },
    close = close
  )
}

# ---- The audit that it belongs to --------------------------------------------

find_meta <- function(con, path, rows, refusal, call) {
  tables <- DBI::dbListTables(con)
  if (length(tables) == 0L) {
    return(begin_ledger(con, rows, refusal, call))
  }
  if (!all(ledger_names %in% tables)) {
    stop_ledger(path, "is a database, but not a ledger", call = call)
  }
  read_meta(con)
}

# A file without tables is all that a kill leaves of a ledger which is being
# made: it counts as a new one.
is_begun <- function(path, call = rlang::caller_env()) {
  if (!isTRUE(file.size(path) > 0)) {
    return(FALSE)
  }
  con <- with_database(path, connect_ledger(path), call)
  on.exit(DBI::dbDisconnect(con))
  with_database(path, length(DBI::dbListTables(con)) > 0L, call)
}

# Everything about the plan is written before the first draw.
begin_ledger <- function(con, rows, refusal, call) {
  plan <- flatten_plan(rows, call)
  logical_columns <- names(plan)[vapply(plan, is.logical, NA)]
  meta <- list(
    schema = schema_numbers[["ledger"]],
    package = format(utils::packageVersion("timetounsafe")),
    r = R.version.string, started = format(Sys.time(), "%Y-%m-%dT%H:%M:%S%z"),
    plan_hash = rows_hash(rows), refusal = refusal, writer = "",
    logical_columns = paste(logical_columns, collapse = "\n")
  )
  DBI::dbWithTransaction(con, {
    # It takes a random number for a name.
    keep_generator(DBI::dbWriteTable(con, "plan", plan))
    for (statement in ledger_tables) {
      DBI::dbExecute(con, statement)
    }
    meta$plan_seal <- plan_seal(con)
    set_meta(con, meta)
  })
  read_meta(con)
}

# What makes two audits the same: ids, prompts, horizons, limits, and where rows
# stop.
rows_hash <- function(rows) {
  all <- seq_len(nrow(rows))
  rlang::hash(list(
    as_text(rows$id), prompt_text(rows$prompt),
    as.double(rows$horizon)[all], as.double(rows$limit)[all],
    as.logical(rows$stop)[all], as.character(rows$plan_id)[1L]
  ))
}

check_same_audit <- function(path, meta, rows, refusal, call) {
  if (!identical(meta$plan_hash, rows_hash(rows))) {
    stop_ledger(path, "belongs to another plan", c(
      "Use another file, or resume the plan in this one:",
      sprintf("run_audit(sampler = sampler, ledger = \"%s\").", path)
    ), call = call)
  }
  if (!identical(meta$refusal, refusal)) {
    stop_ledger(path, sprintf(
      "was started with refusal = \"%s\", not \"%s\"", meta$refusal, refusal
    ), "One audit, one `refusal` rule.", call = call)
  }
}

check_ledger_schema <- function(path, meta, call) {
  check_schema("ledger", meta$schema, sprintf(
    "The ledger %s, written by timetounsafe %s,", path,
    meta$package %||% "(unknown)"
  ), call, argument = "ledger")
}

# All of it, sealed.
set_meta <- function(con, meta) {
  meta$seal <- meta_seal(meta)
  DBI::dbExecute(
    con, "INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)",
    params = list(names(meta), vapply(meta, as.character, ""))
  )
}

refuse_damaged <- function(path, con, meta, call, ...) {
  damage <- find_damage(con, meta, ...)
  if (!is.null(damage)) {
    stop_ledger(path, "is damaged", c(
      damage, "Use a copy from before, or start again with a new file."
    ), call = call)
  }
}

# ---- Attempts ----------------------------------------------------------------

# One transaction, so that a batch is there as a whole or not at all.
record_attempts <- function(con, batch, outcome, keep_responses) {
  extras <- draw_extras(outcome, keep_responses)
  if (length(extras) == 0L && length(batch$row) <= 500L) {
    return(insert_at_once(con, batch, outcome))
  }
  values <- c(
    list(row = as.integer(batch$row), draw = batch$draw,
         attempt = batch$attempt, status = outcome$status,
         final = as.integer(outcome$final),
         unsafe = as.integer(outcome$unsafe)),
    lapply(extras, rep_len, length(batch$row))
  )
  values$seal <- attempt_seals(values)
  sql <- sprintf("INSERT INTO attempts (%s) VALUES (%s)",
                 paste(names(values), collapse = ", "),
                 paste(rep("?", length(values)), collapse = ", "))
  DBI::dbExecute(con, "BEGIN IMMEDIATE")
  tryCatch({
    DBI::dbExecute(con, sql, params = unname(values))
    DBI::dbExecute(con, "COMMIT")
  }, error = function(e) {
    # After some errors SQLite has done so itself.
    try(DBI::dbExecute(con, "ROLLBACK"), silent = TRUE)
    stop(e)
  })
}

# A single statement is a transaction of its own, at half the time of three.
insert_at_once <- function(con, batch, outcome) {
  unsafe <- ifelse(is.na(outcome$unsafe), "NULL", as.integer(outcome$unsafe))
  seal <- attempt_seals(c(batch[c("row", "draw", "attempt")],
                          outcome[c("status", "final", "unsafe")]))
  rows <- sprintf("(%d,%.0f,%.0f,'%s',%d,%s,%d)", as.integer(batch$row),
                  batch$draw, batch$attempt, outcome$status,
                  as.integer(outcome$final), unsafe, seal)
  DBI::dbExecute(con, paste0(
    "INSERT INTO attempts (row, draw, attempt, status, final, unsafe, seal) ",
    "VALUES ", paste(rows, collapse = ",")
  ))
}

draw_extras <- function(outcome, keep_responses) {
  extras <- outcome[intersect(names(outcome), extra_columns)]
  if (!keep_responses) {
    extras$response <- NULL
  }
  numbers <- !vapply(extras, is.character, NA)
  extras[numbers] <- lapply(extras[numbers], as.double)
  extras
}

# The last attempt at each draw, and whether it settles the draw: `use` gets
# them in pieces, so that a long record takes no more memory than a short one.
# max() makes SQLite take the other columns from the same attempt.
read_attempts_back <- function(con, refusal, use, with_responses = FALSE,
                               piece = 1e5) {
  query <- DBI::dbSendQuery(con, sprintf(
    paste("SELECT row, draw, max(attempt) AS attempt, status, final, unsafe,",
          "truncated%s FROM attempts GROUP BY draw, row ORDER BY draw, row"),
    if (with_responses) ", response" else ""
  ))
  on.exit(DBI::dbClearResult(query))
  while (!DBI::dbHasCompleted(query)) {
    draws <- DBI::dbFetch(query, n = piece)
    draws$outcome <- apply_refusal(draws$unsafe == 1L, draws$status, refusal)
    draws$known <- !is.na(draws$outcome) | draws$final == 1L
    draws$refused <- draws$status == "refused"
    draws$truncated <- draws$truncated == 1L
    use(draws)
  }
}
