# Lists of draws, and vectors that are changed in place: what the queue and the
# state of an audit are made of.

# ---- Lists of draws ----------------------------------------------------------

# Each draw by the row of its prompt and its index there. `attempt` is how often
# it was tried, this time included, of which `base` in earlier runs; it is not
# to be made before the time `due`. What came of it: the `outcome`, TRUE for
# unsafe, NA where it failed permanently, and what is counted beside that.
no_draws <- function() {
  list(row = integer(), draw = numeric(), attempt = numeric(),
       base = numeric(), due = numeric(), outcome = logical(),
       refused = logical(), truncated = logical())
}

# What is known of a draw that is to be made.
draw_fields <- c("row", "draw", "attempt", "base", "due")

# What is known of a draw that was made.
settled_fields <- c("row", "draw", "outcome", "refused", "truncated")

keep_draws <- function(draws, which) lapply(draws, `[`, which)

append_draws <- function(a, b) {
  both <- names(a)[names(a) %in% names(b)]
  Map(c, a[both], b[both])
}

# By row, and by draw within a row.
sort_draws <- function(draws) {
  keep_draws(draws, order(draws$row, draws$draw, method = "radix"))
}

# ---- Rows of draws -----------------------------------------------------------

# Sorted rows as runs: each row once, how often it is there, and from where on.
# Most batches hold each prompt once.
count_runs <- function(row) {
  at <- seq_along(row)
  if (!is.unsorted(row, strictly = TRUE)) {
    return(list(row = row, n = rep_len(1L, length(row)), begin = at))
  }
  begin <- at[c(TRUE, row[-1L] != row[-length(row)])]
  list(row = row[begin], n = c(begin[-1L], length(row) + 1L) - begin,
       begin = begin)
}

# 1, 2, ... within each run of equal, sorted rows.
rank_within <- function(row) {
  sequence(count_runs(row)$n)
}

# ---- Vectors that are changed in place ---------------------------------------

# state[[name]][row] <- value, which would copy the whole vector: R changes one
# in place only where nothing else refers to it, so that it is taken out of the
# environment meanwhile. An interrupt must not come between.
set_values <- function(state, name, row, value) {
  force(value)
  if (length(row) == 0L) {
    return(invisible())
  }
  suspendInterrupts({
    values <- state[[name]]
    state[[name]] <- NULL
    values[row] <- value
    state[[name]] <- values
  })
  invisible()
}

# Adds `by` for each time that a row is there, and returns each once; rows are
# sorted.
count_up <- function(state, name, row, by = 1L) {
  runs <- count_runs(row)
  set_values(state, name, runs$row, state[[name]][runs$row] + by * runs$n)
  invisible(runs$row)
}
