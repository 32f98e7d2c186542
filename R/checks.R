# Checks of arguments. Each returns its argument, in the type that the core
# wants, or raises timetounsafe_error_argument. missing() sees through to the
# exported function's own argument.

describe <- function(x) {
  if (is.null(x)) {
    return("NULL")
  }
  if (is.data.frame(x)) {
    return(sprintf("a data frame with %d rows", nrow(x)))
  }
  if (is.function(x)) {
    return("a function")
  }
  if (is.atomic(x) && length(x) == 1L && !is.object(x)) {
    if (is.character(x) && !is.na(x)) {
      return(paste0("\"", substr(x, 1L, 40L), "\""))
    }
    return(format(x))
  }
  if (length(dim(x)) == 2L) {
    return(sprintf("a %s with %d rows and %d columns", class(x)[1L], nrow(x),
                   ncol(x)))
  }
  sprintf("an object of class %s and length %d", class(x)[1L], length(x))
}

# Says what is admitted: "[0, 1]", "(0, Inf)" and so on.
range_text <- function(min, max, open) {
  if (is.infinite(min) && is.infinite(max)) {
    return("")
  }
  if (is.infinite(max)) {
    return(paste(if (open[1L]) " above" else " of at least", min))
  }
  if (is.infinite(min)) {
    return(paste(if (open[2L]) " below" else " of at most", max))
  }
  if (all(open)) {
    return(paste(" strictly between", min, "and", max))
  }
  paste0(" ", if (open[1L]) "above " else "from ", min,
         if (open[2L]) " and below " else " to ", max)
}

outside <- function(x, min, max, open) {
  low <- if (open[1L]) x <= min else x < min
  high <- if (open[2L]) x >= max else x > max
  low | high
}

check_number <- function(x, arg, min = -Inf, max = Inf, open = c(FALSE, FALSE),
                         whole = FALSE, finite = TRUE, null_ok = FALSE,
                         fix = NULL, call = rlang::caller_env()) {
  if (missing(x)) {
    stop_missing(arg, call)
  }
  if (is.null(x) && null_ok) {
    return(NULL)
  }
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

# A numeric vector without missing values. `n` is the wanted length; `recycle`
# admits length 1 too.
check_numeric <- function(x, arg, n = NULL, min = -Inf, max = Inf,
                          open = c(FALSE, FALSE), whole = FALSE, finite = FALSE,
                          recycle = FALSE, empty_ok = FALSE,
                          call = rlang::caller_env()) {
  if (missing(x)) {
    stop_missing(arg, call)
  }
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
    must <- paste0("must hold ", if (whole) "whole ", if (finite) "finite ",
                   "numbers", range_text(min, max, open))
    found <- sprintf("%s (element %d)", format(x[at]), at)
    stop_argument(arg, must, found, call = call)
  }
  as.double(x)
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
  x
}

check_no_dots <- function(..., call = rlang::caller_env()) {
  check_whole_names(rlang::caller_call(), rlang::caller_fn(), call)
  if (...length() > 0L) {
    names <- ...names() %||% rep("", ...length())
    names[!nzchar(names)] <- "(unnamed)"
    stop_argument("...", "must be empty", paste(names, collapse = ", "),
                  fix = "Is an argument misspelt?", call = call)
  }
}

# R takes `time = 5` for `times`, or for whatever else begins like that: a word
# from another function then sets something that was not meant.
check_whole_names <- function(used, f, call) {
  known <- names(formals(f))
  part <- setdiff(names(used), c("", known))
  whole <- lapply(part, function(name) known[startsWith(known, name)])
  part <- part[lengths(whole) == 1L]
  if (length(part) > 0L) {
    stop_argument(part[1L], "is not the whole name of an argument",
                  fix = sprintf("Did you mean `%s`?",
                                known[startsWith(known, part[1L])]),
                  call = call)
  }
}

# Prompts: a character vector, or anything with rows.
check_prompts <- function(prompts, arg = "prompts",
                          call = rlang::caller_env()) {
  if (missing(prompts)) {
    stop_missing(arg, call)
  }
  if (is.factor(prompts)) {
    prompts <- as.character(prompts)
  }
  matrix <- length(dim(prompts)) > 1L && !is.data.frame(prompts)
  if (matrix || !is.character(prompts) && !is.data.frame(prompts)) {
    stop_argument(arg, "must be a character vector or a data frame",
                  describe(prompts),
                  fix = if (matrix) "as.data.frame() makes one of a matrix.",
                  call = call)
  }
  if (n_rows(prompts) == 0L) {
    stop_argument(arg, "must not be empty", call = call)
  }
  if (is.character(prompts) && anyNA(prompts)) {
    stop_argument(arg, "must not hold missing values",
                  sprintf("NA (element %d)", which(is.na(prompts))[1L]),
                  call = call)
  }
  if (is.character(prompts)) unname(prompts) else prompts
}

# Names that may serve as ids.
names_of <- function(prompts) {
  if (!missing(prompts) && is.character(prompts)) names(prompts)
}

check_ids <- function(id, n, arg = "id", call = rlang::caller_env()) {
  if (is.factor(id)) {
    id <- as.character(id)
  }
  if (!is.atomic(id) || length(id) != n || anyNA(id)) {
    must <- sprintf("must be a vector of %d values, none missing", n)
    stop_argument(arg, must, describe(id), call = call)
  }
  twice <- anyDuplicated(as.character(id))
  if (twice > 0L) {
    stop_argument(arg, "must not hold a value twice",
                  sprintf("%s (element %d)", format(id[twice]), twice),
                  call = call)
  }
  unname(id)
}

check_rows <- function(x, n, call = rlang::caller_env()) {
  if (n_rows(x) != n) {
    stop_argument("x", sprintf("must have %d rows, one for each prompt", n),
                  as.character(n_rows(x)), call = call)
  }
}

n_rows <- function(x) {
  if (length(dim(x)) == 2L) nrow(x) else length(x)
}

take_rows <- function(x, i) {
  if (length(dim(x)) == 2L) x[i, , drop = FALSE] else x[i]
}

# A suggested package that this one thing needs: `why` goes on "is needed ...".
need_package <- function(name, why, version = NULL,
                         call = rlang::caller_env()) {
  if (!rlang::is_installed(name, version = version)) {
    which <- if (is.null(version)) name else paste(name, ">=", version)
    stop_unavailable(
      sprintf("The package %s is needed %s.", which, why),
      sprintf("install.packages(\"%s\")", name), call = call
    )
  }
}
