# What a saved hazard keeps of the place where it was made: the variables that
# its formula or function uses, and nothing else of the calling environment,
# which may hold data, or the key of a service.

# ---- Environments ------------------------------------------------------------

# The formula or the terms, with no other variables than those they use.
# Variables of the data, `columns`, are not looked up.
slim_formula <- function(formula, columns, copies = new_copies()) {
  env <- environment(formula)
  if (is.null(env)) {
    return(formula)
  }
  parts <- c(list(attr(formula, "predvars"), attr(formula, "variables")),
             as.list(formula))
  keep_names(setdiff(used_names(parts), columns), env, copies)
  environment(formula) <- copy_environment(env, copies)
  formula
}

# The same for a function. One that changes variables outside itself, or looks
# them up by computed names, keeps the environment that it has.
slim_function <- function(f, copies = new_copies()) {
  if (is.primitive(f)) {
    return(f)
  }
  # A source reference holds the text of its whole file.
  f <- utils::removeSource(f)
  env <- environment(f)
  names <- used_names(f)
  if (is_shared(env) || any(names %in% dynamic_names)) {
    return(f)
  }
  keep_names(names, env, copies)
  # A string may name a function, as in do.call("f", ...).
  keep_names(used_names(f, strings = TRUE), env, copies, "function")
  environment(f) <- copy_environment(env, copies)
  f
}

# After these nobody can say which variables a function uses.
dynamic_names <- c(
  "<<-", "assign", "delayedAssign", "get", "get0", "mget", "dynGet", "exists",
  "eval", "evalq", "eval.parent", "parse", "str2lang", "environment",
  "parent.frame", "parent.env", "sys.function", "sys.frame", "...", "..1"
)

# Environments that are saved by name.
is_shared <- function(env) {
  isNamespace(env) || identical(env, globalenv()) ||
    identical(env, baseenv()) || identical(env, emptyenv())
}

# From environments to their copies: each is copied once, so that functions that
# call each other still do.
new_copies <- function() {
  copies <- new.env(parent = emptyenv())
  copies$from <- copies$to <- list()
  copies
}

copy_environment <- function(env, copies) {
  if (is_shared(env)) {
    return(env)
  }
  for (i in seq_along(copies$from)) {
    if (identical(copies$from[[i]], env)) {
      return(copies$to[[i]])
    }
  }
  to <- new.env(parent = copy_environment(parent.env(env), copies))
  copies$from <- c(copies$from, list(env))
  copies$to <- c(copies$to, list(to))
  to
}

keep_names <- function(names, env, copies, mode = "any") {
  for (name in unique(names)) {
    from <- env
    while (!is_shared(from) &&
             !exists(name, from, mode = mode, inherits = FALSE)) {
      from <- parent.env(from)
    }
    to <- copy_environment(from, copies)
    if (is_shared(from) || exists(name, to, inherits = FALSE)) {
      next
    }
    # Marked first: a function may call itself.
    assign(name, NULL, to)
    value <- tryCatch(get(name, from, inherits = FALSE), error = function(e) e)
    if (inherits(value, "error")) {
      rm(list = name, envir = to)
    } else {
      assign(name, slim_value(value, copies), to)
    }
  }
}

slim_value <- function(value, copies) {
  if (is.function(value)) {
    slim_function(value, copies)
  } else {
    slim_formulas(value, copies)
  }
}

# A fitted model has its formula in several places: as an element of the list
# that it usually is, or of one in it, or as an attribute.
slim_formulas <- function(value, copies, depth = 4L) {
  if (inherits(value, "formula")) {
    return(slim_formula(value, character(), copies))
  }
  if (!is.list(value) || depth == 0L) {
    return(value)
  }
  terms <- attr(value, "terms", exact = TRUE)
  if (inherits(terms, "formula")) {
    attr(value, "terms") <- slim_formula(terms, character(), copies)
  }
  class <- oldClass(value)
  value <- unclass(value)
  for (i in seq_along(value)) {
    part <- value[[i]]
    if (is.list(part) || inherits(part, "formula")) {
      value[[i]] <- slim_formulas(part, copies, depth - 1L)
    }
  }
  oldClass(value) <- class
  value
}

# ---- Expressions -------------------------------------------------------------

# The names that an expression looks up; not those after `$`, `@` and `::`, and
# none of a function's own arguments. With `strings` the strings in it.
used_names <- function(e, own = character(), strings = FALSE) {
  if (is.symbol(e)) {
    return(if (!strings) setdiff(as.character(e), c("", own)))
  }
  if (is.character(e)) {
    return(if (strings) e[!is.na(e) & nzchar(e) & nchar(e, "bytes") < 256L])
  }
  if (is.function(e)) {
    e <- call("function", formals(e), body(e))
  }
  if (is.call(e) && is.symbol(e[[1L]])) {
    head <- as.character(e[[1L]])
    if (head %in% c("::", ":::")) {
      return(NULL)
    }
    if (head %in% c("$", "@")) {
      e <- e[1:2]
    }
    if (head == "function") {
      own <- c(own, names(e[[2L]]))
      e <- list(as.list(e[[2L]]), e[[3L]])
    }
  }
  if (is.call(e) || is.list(e) || is.pairlist(e) || is.expression(e)) {
    unlist(lapply(as.list(e), used_names, own, strings), use.names = FALSE)
  }
}
