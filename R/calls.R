# The call that an object keeps: what it names, and nothing that was written out
# in it, neither data that do.call() put there nor the key of a service.

# What is left out is `...`. `nested` keeps what calls in it are made of, such
# as the terms of a formula, and plain numbers; without, arguments are names
# alone. `verb` stands for a function that has no name, and for its own methods.
plain_call <- function(call, verb, nested = FALSE) {
  if (!is.call(call)) {
    return(NULL)
  }
  head <- if (is.symbol(call[[1L]])) as.character(call[[1L]]) else verb
  if (startsWith(head, paste0(verb, "."))) {
    head <- verb
  }
  call <- plain_parts(call, nested)
  call[[1L]] <- as.name(head)
  call
}

plain_parts <- function(call, nested) {
  parts <- lapply(seq_along(call), function(i) {
    if (is.symbol(call[[i]]) || is.null(call[[i]])) {
      call[[i]]
    } else if (nested && is_plain_value(call[[i]])) {
      call[[i]]
    } else if (nested && is_other_call(call[[i]])) {
      plain_parts(call[[i]], nested)
    } else {
      quote(...)
    }
  })
  names(parts) <- names(call)
  as.call(parts)
}

is_plain_value <- function(x) {
  (is.numeric(x) || is.logical(x)) && length(x) == 1L && is.null(attributes(x))
}

is_other_call <- function(x) {
  is.call(x) && !identical(x[[1L]], quote(`function`))
}
