# The one place where conditions are made. Every class is documented in
# timetounsafe-package.R.

stop_classed <- function(class, message, ..., call = rlang::caller_env(),
                         parent = NULL) {
  rlang::abort(
    show_message(message),
    class = c(paste0("timetounsafe_error_", class), "timetounsafe_error"),
    ...,
    call = call,
    parent = parent
  )
}

warn_classed <- function(class, message, ..., call = rlang::caller_env()) {
  rlang::warn(
    show_message(message),
    class = c(paste0("timetounsafe_warning_", class), "timetounsafe_warning"),
    ...,
    call = call
  )
}

# Before something that takes long, or costs: not at the end of the call.
warn_at_once <- function(class, message, call = rlang::caller_env()) {
  if (getOption("warn") == 0) {
    old <- options(warn = 1)
    on.exit(options(old))
  }
  warn_classed(class, message, call = call)
}

# "`budget` must be a number above 1, not -3."
stop_argument <- function(arg, must, found = NULL, fix = NULL,
                          call = rlang::caller_env(), parent = NULL) {
  found <- if (!is.null(found)) paste0(", not ", found)
  stop_classed(
    "argument",
    c(paste0("`", arg, "` ", must, found, "."), i = fix),
    argument = arg, call = call, parent = parent
  )
}

stop_missing <- function(arg, call = rlang::caller_env()) {
  stop_argument(arg, "is missing", call = call)
}

stop_unavailable <- function(message, fix = NULL, call = rlang::caller_env()) {
  stop_classed("unavailable", c(message, i = fix), call = call)
}

# ---- From a status of the core to an R condition -----------------------------

core_status <- c(
  invalid = 1L, infeasible = 2L, interrupt = 3L, numeric = 4L, overflow = 5L
)

# What the core demands of each argument it can complain about.
core_demands <- c(
  prob = "must contain probabilities between 0 and 1",
  tau = "must contain strictly increasing levels between 0 and 1",
  cap = "must be a number of at least 1",
  cost = "must contain finite numbers that are not negative",
  benefit = "must contain finite numbers that are not negative",
  lower = "must contain finite numbers that are not negative",
  upper = paste(
    "must not be below `lower`, and must be finite where the cost or the",
    "benefit is 0"
  ),
  total = "must be a number that is not negative",
  multiplier = "must be a number that is not negative",
  time = "must contain numbers from 0 to `horizon`",
  horizon = "must contain numbers that are not negative",
  inclusion = "must contain inclusion probabilities above 0 and at most 1",
  quantiles = paste(
    "must contain numbers of at least 1, and at most `draws` + 1 for",
    "replicated draws"
  ),
  miscoverage = "must contain numbers that are not negative",
  alpha = "must be a number strictly between 0 and 1",
  tau_max = "must be a number between 0 and 1",
  knots = "must be strictly increasing and finite",
  x = "must contain finite numbers",
  unsafe = "must contain counts between 0 and `draws`",
  draws = "must contain positive, finite counts"
)

core_value <- function(result, call = rlang::caller_env()) {
  if (result$status == 0L) {
    return(result$value)
  }
  # nolint next: object_usage_linter.
  kind <- names(core_status)[core_status == result$status]
  switch(kind,
    interrupt = rlang::interrupt(),
    invalid = stop_core_argument(result, call),
    stop_classed(
      "internal",
      c(
        paste0("The computation failed (", kind, ")."),
        x = if (nzchar(result$what)) paste0("It concerns `", result$what, "`."),
        i = "Are there numbers of an extreme size in the input?"
      ),
      call = call
    )
  )
}

stop_core_argument <- function(result, call) {
  arg <- result$what
  must <- core_demands[arg]
  if (is.na(must)) {
    must <- "has a value that the computation cannot use"
  }
  where <- paste0(format(result$found), " (element ", format(result$index), ")")
  stop_argument(arg, unname(must), where, call = call)
}
