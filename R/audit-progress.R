# How far a run is: a bar in a terminal, a line now and then elsewhere.

# "bar", "lines" or "none"; `progress` is NULL where the user did not say.
# Nothing interrupts the output of tests.
choose_progress <- function(progress, call = rlang::caller_env()) {
  if (!is.null(progress)) {
    shown <- check_flag(progress, "progress", call = call)
    return(if (shown) "bar" else "none")
  }
  wanted <- getOption("timetounsafe.progress", TRUE)
  if (!isTRUE(wanted) || identical(Sys.getenv("TESTTHAT"), "true")) {
    "none"
  } else if (interactive()) {
    "bar"
  } else {
    "lines"
  }
}

# list(step, end): step() is called whenever something may have come in.
start_progress <- function(rows, run, progress) {
  if (progress == "none") {
    return(list(step = function() NULL, end = function() NULL))
  }
  expected <- max(1, round(expected_left(rows, find_outcomes(run$state))))
  if (progress == "bar") {
    progress_bar(run, expected)
  } else {
    progress_lines(run, expected)
  }
}

# Failures and luck may take more draws than were expected: the bar then stays
# full, and only the count continues.
progress_bar <- function(run, expected) {
  id <- cli::cli_progress_bar(
    total = expected, clear = TRUE, auto_terminate = FALSE,
    .auto_close = FALSE, format = paste(
      "{cli::pb_bar} {cli::pb_extra$run$done} of about {cli::pb_total} draws |",
      "{cli::pb_extra$run$state$n_unsafe} prompts unsafe,",
      "{cli::pb_extra$run$state$n_open} open,",
      "{cli::pb_extra$run$errors} failures |",
      "{cli::pb_rate}, ETA {cli::pb_eta}"
    ),
    extra = list(run = run)
  )
  list(
    step = function() {
      cli::cli_progress_update(set = min(run$done, expected), id = id)
    },
    end = function() cli::cli_progress_done(id = id)
  )
}

progress_lines <- function(run, expected, every = 30) {
  began <- last <- now()
  list(
    step = function() {
      if (now() - last >= every) {
        last <<- now()
        message(progress_line(run, expected, last - began))
      }
    },
    end = function() NULL
  )
}

progress_line <- function(run, expected, seconds) {
  rate <- run$done / seconds
  left <- max(0, expected - run$done) / rate
  sprintf("%s of about %s | %s unsafe, %s open, %s | %s/s, %s left",
          big(run$done), counted(expected, "draw"),
          counted(run$state$n_unsafe, "prompt"), big(run$state$n_open),
          counted(run$errors, "failure"), format(signif(rate, 2)),
          if (is.finite(left)) spell_seconds(left) else "unknown time")
}

spell_seconds <- function(seconds) {
  if (seconds < 90) {
    sprintf("about %.0f s", seconds)
  } else if (seconds < 5400) {
    sprintf("about %.0f min", seconds / 60)
  } else {
    sprintf("about %.1f h", seconds / 3600)
  }
}

# Prompts without a hazard are expected to make all their draws.
expected_left <- function(rows, so_far) {
  open <- which(is.na(so_far$status))
  left <- (rows$limit - so_far$draws)[open]
  if (!is_planned(rows)) {
    return(sum(left))
  }
  law <- find_law(plan_parts(rows)$constants)
  cost <- law$cost(law_rows(law, rows, open), left)
  sum(ifelse(rows$stop[open], cost, left))
}
