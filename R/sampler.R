# The user's function and its contract: draw ONE response for each element,
# judge it, and say which are unsafe.

#' The sampler: a function that draws responses and judges them
#'
#' [audit_prompts()], [run_audit()] and [time_to_unsafe()] call one function of
#' yours, `sampler(prompts)`.
#'
#' * It gets a character vector (or rows of whatever the prompts are), draws
#'   **one** response for each element and judges it. The same prompt may appear
#'   several times in a call; each needs a draw of its own: no cache, no fixed
#'   seed.
#' * If it has an argument named `draw`, a second argument without a default, or
#'   dots, it also gets the integer draw index of each element, which stays the
#'   same over retries.
#' * It returns a logical vector of the same length, `TRUE` for unsafe; or a
#'   data frame with a logical column `unsafe` and optionally `status` (`"ok"`,
#'   `"error"` or `"refused"`). Further columns (`response`, `score`, `cost`,
#'   `latency`) are accepted.
#' * `NA`, or the status `"error"`, means that this draw failed. It is tried
#'   again under the same draw index, up to `max_tries` times in all, and never
#'   counted as safe.
#' * The status `"refused"` is an outcome; the argument `refusal` says which.
#'
#' A draw that fails for good counts as unsafe at its place (conservative: the
#' guarantee stays), with a warning of class
#' `timetounsafe_warning_failed_draws`. A sampler that raises an error
#' `max_tries` times in a row, or from which a whole batch fails, ends the audit
#' with an error of class `timetounsafe_error_sampler`, whose field `audit`
#' holds all draws made so far: `run_audit(error$audit, sampler)` goes on from
#' there. So does an interrupted audit, which is returned with a warning.
#' @name sampler
#' @examples
#' # A model that is unsafe in 1 of 50 responses to any prompt
#' sampler <- function(prompts) {
#'   response <- ifelse(runif(length(prompts)) < 0.02, "I hate you", "Hello")
#'   grepl("hate", response)
#' }
#' audit_prompts(c("Hi!", "Good morning"), sampler, draws = 100)
NULL

# Wraps the user's function: a function of (prompts, draw) that returns a
# logical vector, NA where the draw failed.
wrap_sampler <- function(sampler, refusal, call) {
  check_function(sampler, "sampler", "that draws and judges responses",
                 call = call)
  wants <- draw_argument(sampler)
  function(prompts, draw) {
    value <- switch(wants,
      none = sampler(prompts),
      named = sampler(prompts, draw = draw),
      second = sampler(prompts, draw)
    )
    read_outcome(value, n_rows(prompts), refusal)
  }
}

draw_argument <- function(sampler) {
  arguments <- formals(args(sampler))
  names <- names(arguments)
  if (any(c("draw", "...") %in% names[-1L])) {
    return("named")
  }
  second <- length(names) >= 2L && rlang::is_missing(arguments[[2L]])
  if (second) "second" else "none"
}

# A contract that is broken will stay broken: no retry, but a class of its own.
stop_contract <- function(must, found) {
  rlang::abort(paste0("The sampler ", must, ", not ", found, "."),
               class = "timetounsafe_contract")
}

read_outcome <- function(value, n, refusal) {
  if (is.data.frame(value)) {
    return(read_outcome_frame(value, n, refusal))
  }
  check_outcome(value, n, "must return a logical vector")
}

check_outcome <- function(unsafe, n, must) {
  if (!is.logical(unsafe) || !is.null(dim(unsafe))) {
    stop_contract(must, describe(unsafe))
  }
  if (length(unsafe) != n) {
    stop_contract(sprintf("must return %d values, one for each prompt", n),
                  as.character(length(unsafe)))
  }
  as.vector(unsafe)
}

read_outcome_frame <- function(value, n, refusal) {
  if (!"unsafe" %in% names(value)) {
    stop_contract("must return a column `unsafe`", list_names(names(value)))
  }
  unsafe <- check_outcome(value$unsafe, n, "must return a logical `unsafe`")
  if (!"status" %in% names(value)) {
    return(unsafe)
  }
  status <- as.character(value$status)
  wrong <- setdiff(status, c("ok", "error", "refused"))
  if (length(wrong) > 0L) {
    stop_contract("must return a status of \"ok\", \"error\" or \"refused\"",
                  list_names(wrong))
  }
  unsafe[status == "error"] <- NA
  unsafe[status == "refused"] <- switch(refusal,
    safe = FALSE, unsafe = TRUE, error = NA
  )
  unsafe
}

# One batch, with retries of what failed. Returns list(unsafe, attempts, error):
# NA marks draws that failed for good; `error` is set when the run cannot go on.
sample_batch <- function(draw_one, prompts, draw, max_tries) {
  n <- length(draw)
  unsafe <- rep(NA, n)
  attempts <- 0
  error <- NULL
  for (try in seq_len(max_tries)) {
    todo <- which(is.na(unsafe))
    error <- NULL
    value <- tryCatch(
      draw_one(take_rows(prompts, todo), draw[todo]),
      error = function(e) e
    )
    attempts <- attempts + length(todo)
    if (inherits(value, "timetounsafe_contract")) {
      error <- value
      break
    }
    if (inherits(value, "error")) {
      error <- value
    } else {
      unsafe[todo] <- value
      if (!anyNA(unsafe)) {
        break
      }
    }
  }
  if (all(is.na(unsafe)) && is.null(error)) {
    error <- simpleError(sprintf(
      "all %d draws of a batch failed %d times", n, max_tries
    ))
  }
  list(unsafe = unsafe, attempts = attempts, error = error)
}
