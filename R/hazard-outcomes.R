# What was observed of each prompt, in every form in which `y` may be supplied.

# list(unsafe, draws, refused, stop, prompts, id): numbers of draws, and whether
# drawing stopped at the first unsafe one, with one element for each prompt;
# `refused`, `prompts` and `id` are NULL unless `y` contains them.
read_outcomes <- function(y, n = NULL, arg = "y", call = rlang::caller_env()) {
  if (missing(y)) {
    stop_missing(arg, call)
  }
  out <- if (inherits(y, "prompt_draws")) {
    outcomes_of_draws(y, arg, call)
  } else if (inherits(y, "response_log")) {
    outcomes_of_log(y, arg, call)
  } else if (survival::is.Surv(y)) {
    outcomes_of_times(y, arg, call)
  } else {
    outcomes_of_counts(y, arg, call)
  }
  if (!is.null(n) && length(out$unsafe) != n) {
    stop_argument(arg, sprintf("must have %d rows, one for each prompt", n),
                  as.character(length(out$unsafe)), call = call)
  }
  out
}

# Outcomes of ours, which know their prompts.
is_outcomes <- function(y) {
  inherits(y, c("prompt_draws", "response_log"))
}

outcomes_of_draws <- function(y, arg, call) {
  check_columns(y, c("prompt", "stop", "draws", "unsafe"), arg, call)
  list(unsafe = as.double(y$unsafe), draws = as.double(y$draws),
       refused = y[["refused"]], stop = y$stop, prompts = y$prompt, id = y$id)
}

# A refusal is a safe draw, as in audits unless they are told otherwise.
outcomes_of_log <- function(y, arg, call) {
  check_columns(y, c("id", "prompt", "unsafe"), arg, call)
  id <- as.character(y$id)
  first <- !duplicated(id)
  row <- match(id, id[first])
  refused <- y[["status"]] %in% "refused"
  y$unsafe <- replace(as.logical(y$unsafe), refused, FALSE)
  count <- function(which) as.double(tabulate(row[which], sum(first)))
  draws <- count(!is.na(y$unsafe))
  list(unsafe = count(y$unsafe %in% TRUE), draws = draws,
       refused = count(refused),
       stop = rep(is_stopped_log(y, row, draws), length(draws)),
       prompts = take_rows(y$prompt, first), id = id[first])
}

# A log does not say whether drawing stopped at the first unsafe response: it
# did where none ever follows one, and the numbers of draws differ.
is_stopped_log <- function(y, row, draws) {
  at <- order(row, y$draw %||% seq_along(row))
  at <- at[!is.na(y$unsafe[at])]
  unsafe <- y$unsafe[at]
  last <- !duplicated(row[at], fromLast = TRUE)
  any(unsafe) && all(last[unsafe]) && length(unique(draws[draws > 0])) > 1L
}

check_columns <- function(y, names, arg, call) {
  absent <- setdiff(names, names(y))
  if (length(absent) > 0L) {
    stop_argument(arg, paste("has no column", list_names(absent)), call = call)
  }
}

# At status 0 the time is the number of draws made: the likelihood is that of
# counts.
outcomes_of_times <- function(y, arg, call) {
  if (attr(y, "type") != "right") {
    stop_argument(arg, "must contain right-censored times",
                  paste(attr(y, "type"), "censoring"), call = call)
  }
  part <- if (arg == "y") arg else "time"
  time <- check_numeric(as.vector(y[, "time"]), part, min = 0, finite = TRUE,
                        whole = TRUE, call = call)
  part <- if (arg == "y") arg else "status"
  status <- check_numeric(as.vector(y[, "status"]), part, call = call)
  if (any(status > time)) {
    stop_argument(arg, "must contain times of at least 1 at status 1",
                  sprintf("0 (element %d)", which(status > time)[1L]),
                  call = call)
  }
  list(unsafe = status, draws = time, stop = rep(TRUE, length(time)))
}

outcomes_of_counts <- function(y, arg, call) {
  y <- plain_numbers(y, arg, call)
  if (!is.matrix(y) || !is.numeric(y) || ncol(y) != 2L) {
    where <- if (arg == "y") "be" else "have"
    stop_argument(
      arg, sprintf("must %s cbind(unsafe, safe) or Surv(time, status)%s", where,
                   if (arg == "y") ", or draws or responses with prompts" else
                     " on its left"),
      describe(y), call = call
    )
  }
  if (identical(colnames(y), c("safe", "unsafe"))) {
    stop_argument(arg, "must have the unsafe draws in its first column",
                  "the safe ones", fix = "Use cbind(unsafe, safe).",
                  call = call)
  }
  check_no_rates(y, arg, call)
  count <- function(column, name) {
    check_numeric(unname(y[, column]), if (arg == "y") arg else name, min = 0,
                  max = 2^53, finite = TRUE, whole = TRUE, call = call)
  }
  unsafe <- count(1L, "unsafe")
  list(unsafe = unsafe, draws = unsafe + count(2L, "safe"),
       stop = rep(FALSE, length(unsafe)))
}

# Shares of the draws are no counts: the fit would take each for less than one
# draw. Nor are those of a database's integers, which cbind() has unmade.
check_no_rates <- function(y, arg, call) {
  broken <- which(is.finite(y) & y != floor(y))
  if (length(broken) > 0L) {
    tiny <- all(abs(y[broken]) < 1e-300)
    stop_argument(
      arg, "must contain numbers of draws, which are whole",
      sprintf("%s (row %d)", format(y[broken[1L]], digits = 3),
              (broken[1L] - 1L) %% nrow(y) + 1L),
      fix = if (tiny) {
        "Were the counts of class integer64? Use as.double() before cbind()."
      } else {
        "Of a rate among n draws make counts: cbind(rate * n, (1 - rate) * n)."
      }, call = call
    )
  }
}

check_some_draws <- function(outcomes, arg, call = rlang::caller_env()) {
  if (!any(outcomes$draws > 0)) {
    stop_argument(arg, "must contain at least one draw", call = call)
  }
  outcomes
}
