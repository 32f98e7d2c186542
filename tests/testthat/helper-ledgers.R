# Shared by tests of ledgers.

new_path <- function() tempfile(fileext = ".sqlite")

# Unsafe or not as a function of prompt and draw alone, about one in 40.
hashed_sampler <- function(prompts, draw) {
  code <- (as.integer(prompts) * 7919 + draw * 104729) %% 65537
  (code * code) %% 40 == 7
}

outcome_of <- function(audit) {
  as.data.frame(audit)[c("id", "draws", "unsafe", "refused", "truncated",
                         "time", "status", "failed")]
}

expect_same_outcome <- function(audit, other) {
  expect_equal(outcome_of(audit), outcome_of(other), ignore_attr = TRUE)
}

query_ledger <- function(path, sql, f = DBI::dbGetQuery) {
  con <- DBI::dbConnect(RSQLite::SQLite(), path)
  on.exit(DBI::dbDisconnect(con))
  f(con, sql)
}

change_ledger <- function(path, sql) query_ledger(path, sql, DBI::dbExecute)

# The run that calls the sampler just now.
current_run <- function() {
  for (frame in sys.frames()) {
    if (exists("run", frame, inherits = FALSE)) {
      return(get("run", frame))
    }
  }
}

# R code in another process with this package; returns what it prints.
run_elsewhere <- function(code, wait = TRUE) {
  script <- tempfile(fileext = ".R")
  writeLines(c(
    sprintf(".libPaths(%s)", paste(deparse(.libPaths()), collapse = "")),
    "library(timetounsafe)", code
  ), script)
  system2(file.path(R.home("bin"), "Rscript"), c("--vanilla", script),
          stdout = if (wait) TRUE else FALSE, stderr = FALSE, wait = wait)
}
