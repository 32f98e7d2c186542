# Seals: by which a ledger whose bytes were changed, by a disk or by hand, is
# told from one as it was written. They keep out faults, not forgers.

# A number for each row of a table, from all of its columns. As a database
# returns them: whole numbers and real ones are the same, and text is UTF-8.
row_seals <- function(columns) {
  .Call(ffi_row_seals, lapply(unname(as.list(columns)), function(x) {
    if (is.character(x)) enc2utf8(x) else as.double(x)
  }))
}

# One for a whole table.
table_seal <- function(columns) {
  rlang::hash(row_seals(columns))
}

# What a seal of an attempt covers: all that its row says.
sealed_numbers <- c("row", "draw", "attempt", "final", "unsafe", "score",
                    "truncated", "cost", "latency")
sealed_text <- c("status", "response", "message")

attempt_seals <- function(x) {
  n <- length(x$row)
  row_seals(c(
    lapply(sealed_numbers, function(name) as.double(x[[name]] %||% rep(NA, n))),
    lapply(sealed_text, function(name) as.character(x[[name]] %||% rep(NA, n)))
  ))
}

meta_seal <- function(meta) {
  meta <- meta[sort(setdiff(names(meta), "seal"), method = "radix")]
  table_seal(list(names(meta), vapply(meta, as.character, "")))
}

# Of the plan, and of how all tables are made.
plan_seal <- function(con) {
  tables <- DBI::dbGetQuery(con, paste(
    "SELECT name, sql FROM sqlite_master WHERE type = 'table' ORDER BY name"
  ))
  plan <- DBI::dbGetQuery(con, "SELECT * FROM plan ORDER BY rowid")
  paste(table_seal(tables), table_seal(plan))
}

# What is wrong with a ledger, or NULL. Text of other columns than it was comes
# with warnings.
find_damage <- function(con, meta, with_attempts = TRUE) {
  sound <- DBI::dbGetQuery(con, "PRAGMA integrity_check(1)")[[1L]]
  if (!identical(sound, "ok")) {
    return(sprintf("SQLite finds: %s", sound[1L]))
  }
  if (!identical(meta$seal, meta_seal(meta))) {
    return("The table `meta` is not as it was written.")
  }
  suppressWarnings({
    if (!identical(meta$plan_seal, plan_seal(con))) {
      return("The table `plan` is not as it was written.")
    }
    if (with_attempts) find_false_attempt(con)
  })
}

# In pieces, as there may be more than fit into memory.
find_false_attempt <- function(con, piece = 1e5) {
  query <- DBI::dbSendQuery(con, "SELECT * FROM attempts")
  on.exit(DBI::dbClearResult(query))
  while (!DBI::dbHasCompleted(query)) {
    rows <- DBI::dbFetch(query, n = piece)
    wrong <- which(!(attempt_seals(rows) == rows$seal) %in% TRUE)
    if (length(wrong) > 0L) {
      k <- wrong[1L]
      return(sprintf("Draw %s of row %s is not as it was written.",
                     format(rows$draw[k]), format(rows$row[k])))
    }
  }
}
