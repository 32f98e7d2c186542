# Draws made elsewhere beside the rows of a plan: which prompt and draw each one
# is, and what the plan does not ask for.

match_prompts <- function(x, plan, call, rows = seq_len(nrow(x))) {
  row <- match(as_text(x$id), as_text(plan$id))
  if (anyNA(row)) {
    unknown <- which(is.na(row))
    stop_audit("is not in the plan", x$id[unknown[1L]], call, rows[unknown])
  }
  check_same_prompts(x, plan, row, call, rows)
  row
}

# The same id for another text: one of the files is of other prompts.
check_same_prompts <- function(x, plan, row, call, rows) {
  if (is.null(x$prompt) || is.null(plan$prompt)) {
    return(invisible())
  }
  here <- comparable_prompts(x$prompt)
  there <- comparable_prompts(plan$prompt)[row]
  # Of text and rows of a data frame nothing can be said.
  if (is.data.frame(x$prompt) != is.data.frame(plan$prompt)) {
    return(invisible())
  }
  other <- which(here != there)
  if (length(other) > 0L) {
    stop_audit("has another text than in the plan", x$id[other[1L]], call,
               rows[other])
  }
}

check_sequence <- function(audit, row, draw, call, rows) {
  at <- order(row, draw)
  expected <- rank_within(row[at])
  wrong <- which(draw[at] != expected)
  if (length(wrong) > 0L) {
    k <- at[wrong[1L]]
    stop_audit(disorder_text(draw[k], expected[wrong[1L]]), audit$id[row[k]],
               call,
               rows[row == row[k] & draw == draw[k]])
  }
  most <- most_draws(audit)
  beyond <- which(draw > most[row])
  if (length(beyond) > 0L) {
    k <- beyond[1L]
    stop_audit(beyond_text(draw[k], audit$stop[row[k]], most[row[k]]),
               audit$id[row[k]], call, rows[beyond])
  }
}

# Of a draw that is not the `expected` one of its prompt's.
disorder_text <- function(draw, expected) {
  if (draw < expected) {
    sprintf("draw %.0f is duplicated", draw)
  } else {
    sprintf("draw %.0f is missing, draw %.0f is present", expected, draw)
  }
}

# One draw more is what the paper makes; the number of replicated ones counts.
most_draws <- function(audit) {
  ifelse(audit$stop, audit$horizon, audit$limit)
}

beyond_text <- function(draw, stops, most) {
  sprintf("has draw %.0f, beyond its %s of %.0f", draw,
          if (stops) "horizon" else "limit", most)
}

# How many of the draws `used` are among the `count` of those `made`: not known
# where only some were used, and only some are counted.
count_used <- function(count, made, used) {
  count <- count %||% rep(NA_real_, length(made))
  count[used < made & count > 0 & count < made] <- NA
  pmin(count, used)
}

# ---- More than the plan asks for ---------------------------------------------

# Without the prompts that are not in the plan, and of each prompt with its
# first draws alone. Which these are depends on their order, not on what came of
# them. `x` is a plain data frame, in any form that as_audit() takes.
drop_surplus <- function(x, audit, call) {
  row <- match(as_text(x$id), as_text(audit$id))
  x <- x[!is.na(row), , drop = FALSE]
  row <- row[!is.na(row)]
  x$plan_id <- NULL
  numbers <- function(...) all(vapply(x[c(...)], is.numeric, NA))
  has <- function(...) all(c(...) %in% names(x)) && numbers(...)
  most <- audit$limit[row]
  if (has("draw")) {
    x[is.na(x$draw) | x$draw <= most, , drop = FALSE]
  } else if (has("unsafe", "draws")) {
    cut_counts(x, most, audit$stop[row], call)
  } else if (has("time", "status")) {
    later <- which(x$time > most)
    x$status[later] <- 0
    x$time[later] <- most[later]
    x
  } else {
    x
  }
}

# Counts of more draws than `most` as those of the first of them.
cut_counts <- function(x, most, stops, call) {
  cut <- which(x$draws > most)
  made <- x$draws[cut]
  unsafe <- x$unsafe[cut]
  most <- most[cut]
  stops <- stops[cut]
  first <- if (is.null(x$time)) rep(NA_real_, length(cut)) else x$time[cut]
  none <- unsafe == 0 | (!is.na(first) & first > most)
  unclear <- which(!stops & !none & unsafe != made)
  if (length(unclear) > 0L) {
    k <- unclear[1L]
    stop_audit(sprintf(paste(
      "has %.0f unsafe of %.0f draws, and counts do not show how many of its",
      "first %.0f: `x` must have a row for each draw"
    ), unsafe[k], made[k], most[k]), x$id[cut[k]], call, cut[unclear])
  }
  x$draws[cut] <- most
  x$unsafe[cut] <- ifelse(none, 0, pmin(unsafe, most))
  for (name in intersect(counted_asides, names(x))) {
    x[[name]][cut] <- count_used(x[[name]][cut], made, most)
  }
  if (!is.null(x$time)) {
    x$time[cut[none]] <- NA
  }
  if (!is.null(x$failed)) {
    x$failed[cut] <- FALSE
  }
  x
}
