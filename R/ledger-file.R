# The file of a ledger: its path, its lock, connections to it, and what is said
# where it cannot be used.

check_ledger <- function(ledger, call = rlang::caller_env()) {
  fine <- is.character(ledger) && length(ledger) == 1L && !is.na(ledger) &&
    nzchar(ledger)
  if (!fine) {
    stop_argument("ledger", "must be the path of a file", describe(ledger),
                  call = call)
  }
  # SQLite would keep these in memory, or under another name.
  if (grepl("^(:memory:|file:)", ledger)) {
    stop_argument("ledger", "must be the path of a file",
                  sprintf("\"%s\"", ledger),
                  fix = paste("Nothing is recorded without `ledger`; with it,",
                              "in a plain file."), call = call)
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
      # It may quote what it found in the file.
      e$message <- show_text(conditionMessage(e))
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

# ---- One writer --------------------------------------------------------------

# One process writes. The operating system ends a lock with its process, however
# that ends; a process id would stay, and could come to mean another process. It
# is on the file itself, whatever the name by which that is reached, and lets
# others read it. A file that this process has locked must not be opened again.
lock_ledger <- function(path, call) {
  refuse <- function() {
    stop_ledger(path, sprintf("is in use by another process%s",
                              last_writer(path)),
                "Two writers would pay for every draw twice.",
                call = call)
  }
  if (.Call(ffi_file_identity, path) %in% names(held_ledgers)) {
    refuse()
  }
  lock <- .Call(ffi_file_lock, path)
  if (is.null(lock)) {
    refuse()
  }
  if (is.character(lock)) {
    stop_ledger(path, "could not be opened for writing", paste0(lock, "."),
                call = call)
  }
  own <- .Call(ffi_file_identity, path)
  held_ledgers[[own]] <- lock
  list(
    is_there = function() .Call(ffi_file_is, lock, path),
    unlock = function() {
      rm(list = own, envir = held_ledgers)
      .Call(ffi_file_unlock, lock)
    }
  )
}

# Locks of this process, by the identity of the file.
held_ledgers <- new.env(parent = emptyenv())

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

# ---- Connections -------------------------------------------------------------

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

read_meta <- function(con) {
  meta <- DBI::dbReadTable(con, "meta")
  stats::setNames(as.list(meta$value), meta$key)
}
