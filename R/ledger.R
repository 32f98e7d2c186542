# The durable record of an audit: a SQLite file to which draws are only ever
# added, each batch in one transaction, by one process.

#' The ledger: a durable record of an audit
#'
#' With `ledger = "audit.sqlite"`, [run_audit()] and [audit_prompts()] write the
#' plan to an SQLite file before the first draw, and every batch of draws as it
#' comes in, in one transaction. The same call on an existing ledger goes on
#' where it stopped: after an interrupt, a crash or a kill of R, a full disk, a
#' lost service or a limit that was reached. No draw that was recorded is made
#' again, and none is counted twice.
#'
#' The file has three tables. `meta` holds versions, the hash of the plan and
#' the policy for refusals; `plan` all columns of the plan, with the uniform
#' number that decided each inclusion and the random order; `draws` one row for
#' each attempt: `prompt` (the row of the plan), `draw`, `attempt`, `status`,
#' `unsafe`, and what else the sampler told: `score`, `response` (only with
#' `responses = TRUE`), `cost`, `latency`, `message`. Plans and draws cannot be
#' changed or deleted. Any SQLite client can read the file, also while it is
#' being written; [read_ledger()] does so from R.
#'
#' A ledger belongs to one plan and one policy for refusals; another is refused.
#' One process writes it; a second one is refused while the first is alive. The
#' write-ahead log of SQLite is used, which needs a local disk; where that is
#' not possible the slower rollback journal is. A kill of R loses nothing that
#' was recorded; a loss of power may lose the last batches.
#' @name ledger
#' @seealso [read_ledger()], [run_audit()]
NULL

ledger_schema <- 1L

# The key begins with the draw because batches go over prompts first: so rows
# are nearly appended. (A CHECK of the status would double the time.)
ledger_tables <- c(
  "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT)",
  paste(
    "CREATE TABLE draws (prompt INTEGER, draw INTEGER, attempt INTEGER,",
    "status TEXT, unsafe INTEGER, score REAL, response TEXT, cost REAL,",
    "latency REAL, message TEXT, PRIMARY KEY (draw, prompt, attempt))",
    "WITHOUT ROWID"
  ),
  sprintf(
    paste("CREATE TRIGGER %s_%s BEFORE %s ON %s BEGIN",
          "SELECT RAISE(ABORT, 'a ledger is only added to'); END"),
    rep(c("plan", "draws"), each = 2), c("keep", "fix"), c("DELETE", "UPDATE"),
    rep(c("plan", "draws"), each = 2)
  )
)

stop_ledger <- function(path, problem, fix = NULL, parent = NULL,
                        call = rlang::caller_env()) {
  stop_classed(
    "ledger", c(sprintf("The ledger %s %s.", path, problem), i = fix),
    argument = "ledger", call = call, parent = parent
  )
}

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
      "ledger", "must be a file in a folder that exists", ledger, call = call
    )
  }
  path
}

# Every error of the database is one of the ledger.
with_database <- function(path, code, call) {
  withCallingHandlers(code, error = function(e) {
    if (!inherits(e, "timetounsafe_error")) {
      stop_ledger(path, "could not be used", conditionMessage(e), parent = e,
                  call = call)
    }
  })
}

connect_ledger <- function(path, write = TRUE) {
  flags <- if (write) RSQLite::SQLITE_RWC else RSQLite::SQLITE_RO
  # RSQLite's own default, synchronous = "off", would lose draws.
  con <- DBI::dbConnect(RSQLite::SQLite(), path, flags = flags,
                        synchronous = if (write) "normal")
  DBI::dbExecute(con, "PRAGMA busy_timeout = 10000")
  con
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

# ---- Opening -----------------------------------------------------------------

# The ledger of these rows, new or gone on with: list(record, draws, close).
open_ledger <- function(path, rows, refusal, responses,
                        call = rlang::caller_env()) {
  con <- with_database(path, connect_ledger(path), call)
  ready <- FALSE
  on.exit(if (!ready) DBI::dbDisconnect(con))
  meta <- with_database(path, {
    set_journal(con)
    if (DBI::dbExistsTable(con, "meta")) {
      read_meta(con)
    } else {
      begin_ledger(con, path, rows, refusal, call)
    }
  }, call)
  check_same_audit(path, meta, rows, refusal, call)
  with_database(path, take_lease(con, path, meta, call), call)
  ready <- TRUE
  list(
    record = function(batch, outcome) {
      with_database(path, record_draws(con, batch, outcome, responses), call)
    },
    draws = function() with_database(path, last_attempts(con, refusal), call),
    cost = function() {
      sum(DBI::dbGetQuery(con, "SELECT total(cost) FROM draws")[[1L]])
    },
    close = function() {
      set_meta(con, list(writer = ""))
      DBI::dbDisconnect(con)
    }
  )
}

# Everything about the plan is written before the first draw.
begin_ledger <- function(con, path, rows, refusal, call) {
  if (length(DBI::dbListTables(con)) > 0L) {
    stop_ledger(path, "is a database of something else", call = call)
  }
  meta <- list(
    schema = ledger_schema,
    package = format(utils::packageVersion("timetounsafe")),
    r = R.version.string, began = format(Sys.time(), "%Y-%m-%dT%H:%M:%S%z"),
    plan = rows_hash(rows), refusal = refusal, writer = ""
  )
  plan <- flatten_plan(rows, call)
  DBI::dbWithTransaction(con, {
    DBI::dbWriteTable(con, "plan", plan)
    for (statement in ledger_tables) {
      DBI::dbExecute(con, statement)
    }
    set_meta(con, meta)
  })
  lapply(meta, as.character)
}

# What makes two audits the same: ids, horizons, limits, and where rows stop.
# Subset, because R may represent the same vector in several ways.
rows_hash <- function(rows) {
  all <- seq_len(nrow(rows))
  rlang::hash(list(
    enc2utf8(as.character(rows$id))[all], as.double(rows$horizon)[all],
    as.double(rows$limit)[all], as.logical(rows$stop)[all],
    as.character(rows$plan_id)[1L]
  ))
}

check_same_audit <- function(path, meta, rows, refusal, call) {
  if (!identical(meta$schema, as.character(ledger_schema))) {
    stop_ledger(path, "has a schema that this version does not know",
                sprintf("It was written by timetounsafe %s.", meta$package),
                call = call)
  }
  if (!identical(meta$plan, rows_hash(rows))) {
    stop_ledger(path, "belongs to another plan", c(
      "Name another file, or go on with the plan that is in this one:",
      sprintf("run_audit(sampler = sampler, ledger = \"%s\").", path)
    ), call = call)
  }
  if (!identical(meta$refusal, refusal)) {
    stop_ledger(path, sprintf(
      "was begun with refusal = \"%s\", not \"%s\"", meta$refusal, refusal
    ), "The outcomes of one audit must follow one policy.", call = call)
  }
}

# One process writes. A lease of a process that has ended, or that has not been
# renewed for long, counts for nothing.
take_lease <- function(con, path, meta, call) {
  writer <- strsplit(meta$writer %||% "", "@", fixed = TRUE)[[1L]]
  here <- Sys.info()[["nodename"]]
  if (length(writer) == 2L && identical(writer[2L], here)) {
    pid <- as.integer(writer[1L])
    if (pid != Sys.getpid() && isTRUE(tools::pskill(pid, 0L))) {
      stop_ledger(path, sprintf("is being written by process %d", pid),
                  "Two audits of one ledger would draw everything twice.",
                  call = call)
    }
  }
  set_meta(con, list(writer = paste0(Sys.getpid(), "@", here)))
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

# ---- Plans as tables ---------------------------------------------------------

# Prompts that are rows of a data frame become columns prompt.x, as in a CSV.
flatten_plan <- function(rows, call) {
  plan <- as.data.frame(rows)[setdiff(names(rows), outcome_columns)]
  class(plan) <- "data.frame"
  prompts <- plan$prompt
  if (is.data.frame(prompts)) {
    names(prompts) <- paste0("prompt.", names(prompts))
    plan$prompt <- NULL
    plan <- cbind(plan, prompts)
  }
  for (name in names(plan)) {
    column <- plan[[name]]
    if (!is.atomic(column) || !is.null(dim(column))) {
      stop_argument("prompts", "must have plain columns to be kept in a ledger",
                    sprintf("`%s`, %s", name, describe(column)), call = call)
    }
    plan[[name]] <- if (is.factor(column)) as.character(column) else column
  }
  plan$stop <- as.integer(plan$stop)
  plan
}

unflatten_plan <- function(plan) {
  plan <- restore_prompts(plan)
  plan$stop <- plan$stop == 1L
  plan
}

# ---- Draws -------------------------------------------------------------------

# One transaction, so that a batch is there as a whole or not at all.
record_draws <- function(con, batch, outcome, responses) {
  n <- length(batch$row)
  values <- list(
    prompt = as.integer(batch$row), draw = batch$draw, attempt = batch$attempt,
    status = outcome$status, unsafe = as.integer(outcome$unsafe)
  )
  extras <- outcome[intersect(names(outcome), extra_columns)]
  if (!responses) {
    extras$response <- NULL
  }
  text <- names(extras) %in% c("response", "message")
  extras[text] <- lapply(extras[text], as.character)
  extras[!text] <- lapply(extras[!text], as.double)
  values <- c(values, lapply(extras, rep_len, n))
  sql <- sprintf("INSERT INTO draws (%s) VALUES (%s)",
                 paste(names(values), collapse = ", "),
                 paste(rep("?", length(values)), collapse = ", "))
  DBI::dbExecute(con, "BEGIN IMMEDIATE")
  tryCatch({
    DBI::dbExecute(con, sql, params = unname(values))
    DBI::dbExecute(con, "COMMIT")
  }, error = function(e) {
    try(DBI::dbExecute(con, "ROLLBACK"), silent = TRUE)
    stop(e)
  })
}

# The last attempt at each draw, and whether it settles the draw.
last_attempts <- function(con, refusal) {
  draws <- DBI::dbGetQuery(con, paste(
    "SELECT prompt AS row, draw, max(attempt) AS attempt, status, unsafe",
    "FROM draws GROUP BY draw, prompt"
  ))
  draws$outcome <- apply_refusal(draws$unsafe == 1L, draws$status, refusal)
  draws$known <- !is.na(draws$outcome) | draws$status == "failed"
  draws
}

#' The record of an audit
#'
#' Reads the ledger that [run_audit()] or [audit_prompts()] keeps, while it is
#' being written or afterwards. A finished one is enough to calibrate again, or
#' to judge the same responses again, without a new draw.
#'
#' @param ledger The path of the ledger.
#' @param what `"audit"`, `"draws"` or `"meta"`, see Value.
#' @param judge `NULL`, or a function of the prompts and the responses, both
#'   character vectors (or rows of whatever the prompts are), that returns a
#'   logical vector, `TRUE` for unsafe. The responses kept in the ledger are
#'   then judged anew. A prompt whose unsafe draw turns out to be safe may need
#'   further draws, and is open again.
#' @returns For `"audit"` an object of class `audit` as from [run_audit()],
#'   finished or not: `calibrate_lpb()` takes it (with `hazard`). For
#'   `"draws"` a data frame with one row for each attempt: `id`, `prompt` (its
#'   row in the plan), `draw`, `attempt`, `status` (`"ok"`, `"error"`,
#'   `"refused"`, or `"failed"` for an error that was the last try), `unsafe`,
#'   `score`, `response`, `cost`, `latency`, `message`. For `"meta"` a list:
#'   versions, when it was begun, the hash of the plan, the policy for refusals.
#' @section Errors: `timetounsafe_error_ledger`, `timetounsafe_error_argument`.
#' @examples
#' set.seed(1)
#' path <- tempfile(fileext = ".sqlite")
#' sampler <- function(prompts) runif(length(prompts)) < 0.02
#' audit_prompts(c("Hi!", "Good morning"), sampler, draws = 100, ledger = path)
#' read_ledger(path)
#' head(read_ledger(path, "draws"))
#' @export
read_ledger <- function(ledger, what = c("audit", "draws", "meta"),
                        judge = NULL) {
  what <- check_choice(what, c("audit", "draws", "meta"), "what")
  path <- check_ledger(ledger)
  call <- rlang::current_env()
  if (!file.exists(path)) {
    stop_ledger(path, "does not exist")
  }
  con <- with_database(path, connect_ledger(path, write = FALSE), call)
  on.exit(DBI::dbDisconnect(con))
  known <- with_database(path, DBI::dbExistsTable(con, "draws"), call)
  if (!known) {
    stop_ledger(path, "is not a ledger of timetounsafe")
  }
  with_database(path, switch(what,
    meta = read_meta(con),
    draws = read_attempts(con),
    audit = rebuild_audit(con, judge, call)
  ), call)
}

read_attempts <- function(con) {
  draws <- DBI::dbGetQuery(con, paste(
    "SELECT plan.id AS id, draws.* FROM draws JOIN plan",
    "ON plan.rowid = draws.prompt ORDER BY prompt, draw, attempt"
  ))
  draws$unsafe <- draws$unsafe == 1L
  draws
}

rebuild_audit <- function(con, judge, call) {
  rows <- unflatten_plan(DBI::dbReadTable(con, "plan", check.names = FALSE))
  draws <- last_attempts(con, read_meta(con)$refusal)
  if (!is.null(judge)) {
    draws <- judge_again(con, draws, rows, judge, call)
  }
  tally <- new_tally(start_audit(rows))
  tally$restore(draws$row, draws$draw, draws$outcome, draws$attempt,
                draws$known)
  for (name in outcome_columns) {
    rows[[name]] <- tally$outcomes()[[name]]
  }
  if ("plan_id" %in% names(rows)) {
    rows <- new_audit_plan(rows)
  }
  new_audit(rows)
}

judge_again <- function(con, draws, rows, judge, call) {
  check_function(judge, "judge", "of prompts and responses", call = call)
  told <- DBI::dbGetQuery(con, paste(
    "SELECT prompt AS row, draw, max(attempt) AS attempt, response",
    "FROM draws GROUP BY draw, prompt"
  ))
  ok <- draws$status == "ok"
  if (anyNA(told$response[ok])) {
    stop_argument("judge", "needs the responses, which the ledger lacks",
                  fix = "Keep them with run_audit(responses = TRUE).",
                  call = call)
  }
  unsafe <- judge(take_rows(rows$prompt, draws$row[ok]), told$response[ok])
  if (!is.logical(unsafe) || length(unsafe) != sum(ok)) {
    stop_argument("judge", sprintf("must return %d logical values", sum(ok)),
                  describe(unsafe), call = call)
  }
  draws$outcome[ok] <- unsafe
  draws$known[ok] <- !is.na(unsafe)
  draws
}
