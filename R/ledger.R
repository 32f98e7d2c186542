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
#' Plans and attempts cannot be changed or deleted. Any SQLite client can read
#' the file, also while it is being written; [read_ledger()] does so from R.
#'
#' A ledger belongs to one plan (prompts included) and one `refusal` rule;
#' another is an error. One process writes it, and locks the file beside it that
#' ends in `-writer`; a second one is refused while the first is alive. The
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
    "truncated INTEGER, cost REAL, latency REAL, message TEXT,",
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
  unlock <- lock_ledger(path, call)
  con <- NULL
  close <- function() {
    if (!is.null(con)) {
      fold_journal(con)
      DBI::dbDisconnect(con)
    }
    unlock()
  }
  ready <- FALSE
  on.exit(if (!ready) close())
  with_database(path, {
    con <- connect_ledger(path)
    if (keep_responses) {
      make_private(path)
    }
    set_journal(con)
    check_same_audit(path, find_meta(con, path, rows, refusal, call), rows,
                     refusal, call)
    set_meta(con, list(writer = this_process()))
  }, call)
  ready <- TRUE
  list(
    record = function(batch, outcome) {
      with_database(path, record_attempts(con, batch, outcome, keep_responses),
                    call)
    },
    read = function(use) {
      with_database(path, read_attempts_back(con, refusal, use), call)
    },
    close = close
  )
}

# One process writes. The operating system ends a lock with its process, however
# that ends; a process id would stay, and could come to mean another process.
# The file is a database of its own, so that others may read the ledger.
lock_ledger <- function(path, call) {
  lock <- paste0(path, "-writer")
  con <- with_database(
    path, DBI::dbConnect(RSQLite::SQLite(), lock, synchronous = NULL), call
  )
  held <- tryCatch({
    DBI::dbExecute(con, "PRAGMA busy_timeout = 0")
    DBI::dbExecute(con, "BEGIN EXCLUSIVE")
    NULL
  }, error = function(e) e)
  if (is.null(held)) {
    return(function() DBI::dbDisconnect(con))
  }
  DBI::dbDisconnect(con)
  if (!grepl("locked", conditionMessage(held))) {
    stop_ledger(path, "could not be locked", conditionMessage(held),
                parent = held, call = call)
  }
  stop_ledger(path, sprintf("is in use by another process%s",
                            last_writer(path)),
              "Two writers would pay for every draw twice.",
              call = call)
}

last_writer <- function(path) {
  tryCatch({
    con <- connect_ledger(path, write = FALSE)
    on.exit(DBI::dbDisconnect(con))
    paste0(": ", read_meta(con)$writer)
  }, error = function(e) "")
}

this_process <- function() {
  paste0("process ", Sys.getpid(), " on ", Sys.info()[["nodename"]])
}

connect_ledger <- function(path, write = TRUE) {
  flags <- if (write) RSQLite::SQLITE_RWC else RSQLite::SQLITE_RO
  con <- DBI::dbConnect(RSQLite::SQLite(), path, flags = flags,
                        synchronous = NULL)
  ready <- FALSE
  on.exit(if (!ready) DBI::dbDisconnect(con))
  DBI::dbExecute(con, "PRAGMA busy_timeout = 10000")
  # A file that is no database is noticed only when it is read.
  DBI::dbGetQuery(con, "PRAGMA schema_version")
  # RSQLite's own default, "off", would lose draws.
  DBI::dbExecute(con, "PRAGMA synchronous = NORMAL")
  ready <- TRUE
  con
}

# Responses may be what nobody else should read. SQLite gives the files beside
# the ledger its mode, so that this comes before there are any.
make_private <- function(path) {
  Sys.chmod(path, file.mode(path) & "700", use_umask = FALSE)
}

# WAL survives a kill at any moment without a wait for the disk; where the file
# system has no shared memory, the slower journal does.
set_journal <- function(con) {
  mode <- tryCatch(
    DBI::dbGetQuery(con, "PRAGMA journal_mode = WAL")[[1L]],
    error = function(e) ""
  )
  if (!identical(mode, "wal")) {
    DBI::dbGetQuery(con, "PRAGMA journal_mode = DELETE")
    DBI::dbExecute(con, "PRAGMA synchronous = FULL")
  }
}

# At rest a ledger is one plain file, which can be copied, and read where nobody
# may write. Not where somebody reads it just now.
fold_journal <- function(con) {
  try({
    DBI::dbExecute(con, "PRAGMA busy_timeout = 0")
    DBI::dbGetQuery(con, "PRAGMA journal_mode = DELETE")
  }, silent = TRUE)
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
    DBI::dbWriteTable(con, "plan", plan)
    for (statement in ledger_tables) {
      DBI::dbExecute(con, statement)
    }
    set_meta(con, meta)
  })
  lapply(meta, as.character)
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
  check_ledger_schema(path, meta, call)
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

read_meta <- function(con) {
  meta <- DBI::dbReadTable(con, "meta")
  stats::setNames(as.list(meta$value), meta$key)
}

set_meta <- function(con, values) {
  DBI::dbExecute(
    con, "INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)",
    params = list(names(values), vapply(values, as.character, ""))
  )
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
  rows <- sprintf("(%d,%.0f,%.0f,'%s',%d,%s)", as.integer(batch$row),
                  batch$draw, batch$attempt, outcome$status,
                  as.integer(outcome$final), unsafe)
  DBI::dbExecute(con, paste0(
    "INSERT INTO attempts (row, draw, attempt, status, final, unsafe) VALUES ",
    paste(rows, collapse = ",")
  ))
}

draw_extras <- function(outcome, keep_responses) {
  extras <- outcome[intersect(names(outcome), extra_columns)]
  if (!keep_responses) {
    extras$response <- NULL
  }
  text <- names(extras) %in% c("response", "message")
  extras[text] <- lapply(extras[text], as.character)
  extras[!text] <- lapply(extras[!text], as.double)
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

# ---- Paths and errors --------------------------------------------------------

check_ledger <- function(ledger, call = rlang::caller_env()) {
  fine <- is.character(ledger) && length(ledger) == 1L && !is.na(ledger) &&
    nzchar(ledger)
  if (!fine) {
    stop_argument("ledger", "must be the path of a file", describe(ledger),
                  call = call)
  }
  path <- path.expand(ledger)
  if (dir.exists(path) || !dir.exists(dirname(path))) {
    stop_argument(
      "ledger", "must be a path in an existing folder", ledger, call = call
    )
  }
  path
}

# Every error of the database is one of the ledger.
with_database <- function(path, code, call) {
  withCallingHandlers(code, error = function(e) {
    if (!inherits(e, "timetounsafe_error")) {
      foreign <- grepl("not a database", conditionMessage(e))
      stop_ledger(path, "could not be used",
                  if (foreign) not_a_database else conditionMessage(e),
                  parent = e, call = call)
    }
  })
}

not_a_database <- "It is not an SQLite database: use a new file, or a ledger."

stop_ledger <- function(path, problem, fix = NULL, parent = NULL,
                        call = rlang::caller_env()) {
  stop_classed(
    "ledger", c(sprintf("The ledger %s %s.", path, problem), i = fix),
    argument = "ledger", call = call, parent = parent
  )
}
