# Checks of arguments. Each returns its argument, in the type that the core
# wants, or raises timetounsafe_error_argument. missing() sees through to the
# exported function's own argument.

# ---- Values ------------------------------------------------------------------

check_number <- function(x, arg, min = -Inf, max = Inf, open = c(FALSE, FALSE),
                         whole = FALSE, finite = TRUE, null_ok = FALSE,
                         fix = NULL, call = rlang::caller_env()) {
  if (missing(x)) {
    stop_missing(arg, call)
  }
  if (is.null(x) && null_ok) {
    return(NULL)
  }
  x <- plain_numbers(x, arg, call)
  fine <- is.numeric(x) && length(x) == 1L && !is.na(x) &&
    (!finite || is.finite(x)) && !outside(x, min, max, open) &&
    (!whole || is.infinite(x) || x == round(x))
  if (!fine) {
    must <- paste0("must be a ", if (whole) "whole ", "number",
                   range_text(min, max, open), if (null_ok) ", or NULL")
    stop_argument(arg, must, describe(x), fix, call = call)
  }
  as.double(x)
}

# A numeric vector without missing values. `n` is the wanted length; `recycle`
# admits length 1 too.
check_numeric <- function(x, arg, n = NULL, min = -Inf, max = Inf,
                          open = c(FALSE, FALSE), whole = FALSE, finite = FALSE,
                          recycle = FALSE, empty_ok = FALSE,
                          call = rlang::caller_env()) {
  if (missing(x)) {
    stop_missing(arg, call)
  }
  x <- plain_numbers(x, arg, call)
  if (!is.numeric(x) && !is.logical(x) || is.factor(x) || inherits(x, "Date")) {
    stop_argument(arg, "must be a numeric vector", describe(x), call = call)
  }
  if (length(x) == 0L && !empty_ok) {
    stop_argument(arg, "must not be empty", call = call)
  }
  if (!is.null(n) && length(x) != n && !(recycle && length(x) == 1L)) {
    must <- sprintf("must have length %s%d", if (recycle) "1 or " else "", n)
    stop_argument(arg, must, paste("length", length(x)), call = call)
  }
  bad <- is.na(x)
  if (!any(bad)) {
    bad <- outside(x, min, max, open) | (finite & is.infinite(x))
    if (whole) {
      bad <- bad | (is.finite(x) & x != round(x))
    }
  }
  if (any(bad)) {
    at <- which(bad)[1L]
    must <- paste0("must contain ", if (whole) "whole ", if (finite) "finite ",
                   "numbers", range_text(min, max, open))
    found <- sprintf("%s (element %d)", format(x[at]), at)
    stop_argument(arg, must, found, call = call)
  }
  as.double(x)
}

# Which values lie beyond a limit, or on one that is `open`.
outside <- function(x, min, max, open) {
  low <- if (open[1L]) x <= min else x < min
  high <- if (open[2L]) x >= max else x > max
  low | high
}

check_flag <- function(x, arg, call = rlang::caller_env()) {
  if (!is.logical(x) || length(x) != 1L || is.na(x)) {
    stop_argument(arg, "must be TRUE or FALSE", describe(x), call = call)
  }
  x
}

check_choice <- function(x, choices, arg, call = rlang::caller_env()) {
  if (identical(x, choices)) {
    return(choices[1L])
  }
  if (!is.character(x) || length(x) != 1L || !x %in% choices) {
    quoted <- paste0("\"", choices, "\"", collapse = ", ")
    stop_argument(arg, paste("must be one of", quoted), describe(x),
                  call = call)
  }
  x
}

check_string <- function(x, arg, call = rlang::caller_env()) {
  if (!is.character(x) || length(x) != 1L || is.na(x) || !nzchar(x)) {
    stop_argument(arg, "must be a string", describe(x), call = call)
  }
  x
}

check_function <- function(x, arg, what, call = rlang::caller_env()) {
  if (missing(x)) {
    stop_missing(arg, call)
  }
  if (!is.function(x)) {
    stop_argument(arg, paste("must be a function", what), describe(x),
                  call = call)
  }
  x
}

check_class <- function(x, class, arg, made_by, call = rlang::caller_env()) {
  if (missing(x)) {
    stop_missing(arg, call)
  }
  if (!inherits(x, class)) {
    stop_argument(
      arg, sprintf("must be an object of class \"%s\"", class), describe(x),
      fix = paste0("Make it with ", made_by, "."), call = call
    )
  }
  if (class %in% names(schema_numbers)) {
    check_schema(class, x$schema, sprintf("`%s`", arg), call, argument = arg)
  }
  x
}

check_price <- function(price, call = rlang::caller_env()) {
  check_number(price, "price", min = 0, null_ok = TRUE, call = call)
}

# ---- Dots and packages -------------------------------------------------------

# What reaches `...` without being wanted: an argument of another name, one that
# moved, or one that is misspelt.
check_no_dots <- function(..., call = rlang::caller_env()) {
  f <- rlang::caller_fn()
  check_whole_names(rlang::caller_call(), f, call)
  if (...length() > 0L) {
    refuse_arguments(...names(), names(formals(f)), call)
  }
}

refuse_arguments <- function(given, known, call) {
  given <- c(given[nzchar(given)], "")[1L]
  if (!nzchar(given)) {
    stop_argument("...", "must be empty", "a value without a name",
                  fix = "Name the arguments that come late.", call = call)
  }
  refuse_renamed(given, known, call)
  hint <- if (given %in% names(moved_arguments)) {
    moved_arguments[[given]]
  } else {
    suggest_argument(given, known)
  }
  stop_argument(given, "is an unknown argument", fix = hint, call = call)
}

# The first of these names that an argument had, where it is known by another.
refuse_renamed <- function(given, known, call) {
  for (old in intersect(given, names(renamed_arguments))) {
    new <- intersect(renamed_arguments[[old]], known)
    if (length(new) > 0L) {
      stop_classed("defunct", sprintf("`%s` is now `%s`.", old, new[1L]),
                   old = old, new = new[1L], argument = old, call = call)
    }
  }
}

suggest_argument <- function(given, known) {
  known <- setdiff(known, "...")
  near <- function(names) {
    distance <- utils::adist(given, names, ignore.case = TRUE)
    names[which(distance == min(distance) & distance <= 2)][1L]
  }
  if (length(known) > 0L && !is.na(near(known))) {
    return(sprintf("Did you mean `%s`?", near(known)))
  }
  if ("control" %in% known && !is.na(near(control_arguments))) {
    sprintf("Did you mean `%s` of audit_control()?", near(control_arguments))
  }
}

# Those of audit_control(), which is above this file.
control_arguments <- c("batch_size", "max_tries", "retry_wait",
                       "max_error_rate", "refusal", "keep_responses",
                       "in_order")

# R takes `time = 5` for `times`, or for whatever else begins like that: a word
# from another function then sets something that was not meant.
check_whole_names <- function(used, f, call) {
  known <- names(formals(f))
  part <- setdiff(names(used), c("", known))
  whole <- lapply(part, function(name) known[startsWith(known, name)])
  part <- part[lengths(whole) == 1L]
  if (length(part) > 0L) {
    stop_argument(part[1L], "is not the whole name of an argument",
                  fix = sprintf(paste("Argument names must be given in full.",
                                      "Did you mean `%s`?"),
                                known[startsWith(known, part[1L])]),
                  call = call)
  }
}

# A suggested package that this one thing needs: `why` continues "is required".
need_package <- function(name, why, version = NULL,
                         call = rlang::caller_env()) {
  if (!rlang::is_installed(name, version = version)) {
    which <- if (is.null(version)) name else paste(name, ">=", version)
    stop_unavailable(
      sprintf("The package %s is required %s.", which, why),
      sprintf("install.packages(\"%s\")", name), call = call
    )
  }
}

# ---- What was kept -----------------------------------------------------------

# The forms in which this version keeps things, in files and in saved objects:
# a number for each, which grows when earlier versions could not read them.
schema_numbers <- c(plan = 1L, ledger = 2L, hazard_fit = 1L, lpb = 1L)

# `subject` is what is told of, `found` the number that it has, or NULL. The
# error is also one of what it is about.
check_schema <- function(kind, found, subject, call, ...) {
  known <- schema_numbers[[kind]]
  number <- suppressWarnings(as.numeric(found %||% NA))[1L]
  if (!is.na(number) && number == known) {
    return(invisible())
  }
  newer <- !is.na(number) && number > known
  about <- c(plan = "plan", ledger = "ledger")[kind]
  if (is.na(about)) about <- "argument"
  stop_classed(c("schema", about), c(
    sprintf("%s has %s; this version of timetounsafe reads schema %d.", subject,
            if (is.na(number)) "no schema number" else
              paste("schema", format(number)), known),
    i = if (newer) {
      "A newer version made it: update the package."
    } else {
      paste("An older version made it: finish it with that one, or begin",
            "again with this one.")
    }
  ), found = number, known = known, call = call, ...)
}
