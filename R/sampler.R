# The user's function and its contract: draw ONE response for each element,
# judge it, and say which are unsafe.

#' The sampler: a function that draws responses and judges them
#'
#' [draw_responses()], [run_audit()] and [time_to_unsafe()] call a function that
#' you supply, `sampler(prompts)`.
#'
#' * It gets a character vector (or rows, where the prompts are a data frame),
#'   draws **one** response for each element and judges it. The same prompt may
#'   appear several times in a call; each requires its own independent draw: no
#'   cache, no fixed seed.
#' * If it has an argument named `draw`, a second argument without a default, or
#'   dots, it also gets the integer draw index of each element, which stays the
#'   same over retries.
#' * If it has an argument named `record`, it may hand in answers as they
#'   arrive: see below.
#' * It returns a logical vector of the same length, `TRUE` (or 1) for unsafe
#'   and `FALSE` (or 0) for safe; or a data frame with such a column `unsafe`
#'   and optionally `status` (`"ok"`, `"error"` or `"refused"`), `response`,
#'   `score`, `truncated` (logical: whether the response was cut at the token
#'   limit), `cost` (at least 0, `NA` where unknown), `latency` (seconds) and
#'   `message` (why it failed).
#' * `NA`, or the status `"error"`, means that this draw failed. It is tried
#'   again under the same draw index, up to `max_tries` times in all, and never
#'   counted as safe. An error of the function is one of all its draws that were
#'   not handed in.
#' * The status `"refused"` is an outcome; `refusal` of [audit_control()] says
#'   which. The columns `refused` and `truncated` of the result count such
#'   draws, and those that were cut.
#'
#' A draw that fails is tried again: failures must not depend on the response.
#' Where they may (a content filter that raises an error, a judge that fails on
#' unsafe text), use `max_tries = 1`, which counts each failure as unsafe, or
#' return such responses as unsafe. Otherwise unsafe responses are replaced by
#' new ones until a safe one comes, and bounds are too long.
#'
#' A draw that fails permanently counts as unsafe at its place, with a warning
#' of class `timetounsafe_warning_failed_draws`: bounds can only get shorter,
#' and the guarantee holds, provided that retries did not depend on responses.
#' Where whole batches fail `max_tries` times in a row, or more than
#' `max_error_rate` of all attempts, the sampler or the service behind it is
#' broken: the audit ends with an error of class `timetounsafe_error_sampler`,
#' and these draws do not count against their prompts. All draws made so far are
#' in the ledger, or else in the error's field `audit`: resume with
#' `run_audit(error$audit, sampler)`. An interrupted audit is returned with a
#' warning.
#'
#' # Answers as they arrive
#' A batch is recorded when the sampler returns: a kill of R loses what was
#' drawn of it. A sampler that takes long may therefore have an argument named
#' `record`. It gets a function, `record(index, outcome)`:
#' * `index` has the positions in `prompts` (from 1) of the draws that are
#'   there, one or several, in any order.
#' * `outcome` is what the sampler would return for these alone: a logical
#'   vector, or a data frame with the columns above.
#'
#' Outcomes are written into the ledger, and count, within about a second: at
#' the first call of `record()` that comes a second or more after they were
#' last written, and at the end of the batch, whether it was completed,
#' interrupted or ended by an error. A sampler that waits for several answers at
#' once should also call `record()`, without arguments, now and then, so that
#' what has arrived is written while it waits. Failures (`NA`, status
#' `"error"`) may be handed in too, and wait for the end of the batch.
#'
#' What was handed in first counts: later values of the same draw are ignored.
#' The sampler then returns the values of the other draws, in the order of
#' `prompts` (`NULL` where none is left), or those of all. The order in which
#' answers arrive makes no difference to the audit.
#'
#' With mirai's daemons, and where you call the sampler yourself, there is
#' nothing to hand in to: `record` should have the default `NULL`, and be called
#' only where it is not `NULL`.
#'
#' R's random numbers within a call of the sampler come from a stream of its
#' own, which the run (by [set.seed()]) and the batch fix: its prompts, draws
#' and attempts. The session's own stream moves by one number for a whole run.
#'
#' # Other processes
#' With mirai's daemons (see `parallel` of [run_audit()]) the sampler runs in
#' other processes: it must bring along what it uses, and open its own
#' connections.
#' @name sampler
#' @examples
#' # A model that is unsafe in 1 of 50 responses to any prompt
#' sampler <- function(prompts) {
#'   response <- ifelse(runif(length(prompts)) < 0.02, "I hate you", "Hello")
#'   grepl("hate", response)
#' }
#' draw_responses(c("Hi!", "Good morning"), sampler, draws = 100)
NULL

# ---- How it is called --------------------------------------------------------

# The user's function, and how it wants to be called.
new_sampler <- function(sampler, call = rlang::caller_env()) {
  check_function(sampler, "sampler", "that draws and judges responses",
                 call = call)
  list(call = sampler, wants = draw_argument(sampler),
       records = "record" %in% names(formals(args(sampler))),
       together = attr(sampler, "together") %||% 1,
       batch_size = attr(sampler, "batch_size"),
       recorded = attr(sampler, "recorded"))
}

draw_argument <- function(sampler) {
  arguments <- formals(args(sampler))
  arguments <- arguments[names(arguments) != "record"]
  names <- names(arguments)
  if (any(c("draw", "...") %in% names[-1L])) {
    return("named")
  }
  second <- length(names) >= 2L && rlang::is_missing(arguments[[2L]])
  if (second) "second" else "none"
}

# Without `record` where answers cannot be handed in.
call_sampler <- function(sampler, prompts, draw, record = NULL) {
  call <- sampler_call(sampler, !is.null(record))
  draw <- as.integer(draw)
  sampler <- sampler$call
  eval(call)
}

# Written out, so that an error names the user's function, and evaluated where
# its variables are: here, or on a daemon, which may not have this package.
sampler_call <- function(sampler, records = FALSE) {
  as.call(c(
    quote(sampler), quote(prompts),
    switch(sampler$wants, named = list(draw = quote(draw)),
           second = list(quote(draw))),
    if (records && sampler$records) list(record = quote(record))
  ))
}

# ---- What it returned --------------------------------------------------------

# What a sampler returned: list(unsafe, status, and what else it says), `unsafe`
# NA where the draw failed.
read_outcome <- function(value, n, refusal) {
  if (is.data.frame(value)) {
    return(read_outcome_frame(value, n, refusal))
  }
  list(unsafe = check_outcome(value, n, "must return TRUE or FALSE"))
}

read_outcome_frame <- function(value, n, refusal) {
  if (!"unsafe" %in% names(value)) {
    stop_contract("must return a column `unsafe`", list_names(names(value)))
  }
  unsafe <- check_outcome(value$unsafe, n,
                          "must return TRUE or FALSE as `unsafe`")
  extras <- as.list(value)[intersect(extra_columns, names(value))]
  text <- names(extras) %in% c("response", "message")
  extras[text] <- lapply(extras[text], as.character)
  if (!"status" %in% names(value)) {
    return(c(list(unsafe = unsafe), extras))
  }
  status <- as.character(value$status)
  wrong <- setdiff(status, c("ok", "error", "refused"))
  if (length(wrong) > 0L) {
    stop_contract("must return a status of \"ok\", \"error\" or \"refused\"",
                  list_names(wrong))
  }
  c(list(unsafe = apply_refusal(unsafe, status, refusal), status = status),
    extras)
}

check_outcome <- function(unsafe, n, must) {
  verdict <- as_verdict(unsafe)
  if (is.null(verdict)) {
    stop_contract(must, describe_verdict(unsafe))
  }
  if (length(verdict) != n) {
    stop_contract(sprintf("must return %d values, one for each prompt", n),
                  as.character(length(verdict)))
  }
  verdict
}

# TRUE, FALSE and NA, or the same as 1, 0 and NA, as a plain logical vector;
# NULL where `x` is anything else: a score, say, of which nobody has said from
# where on it means unsafe. NA may have any type, as it comes out of a table.
as_verdict <- function(x) {
  if (is.null(x) || !is.atomic(x) || length(dim(x)) > 1L) {
    return(NULL)
  }
  binary <- is.numeric(x) && !is.object(x) && all(x %in% c(0, 1, NA))
  if (is.logical(x) || binary || all(is.na(x))) as.logical(as.vector(x))
}

describe_verdict <- function(x) {
  odd <- if (is.numeric(x) && !is.object(x)) x[!x %in% c(0, 1, NA)]
  flat <- length(dim(x)) <= 1L
  if (flat && length(odd) > 0L) format(odd[1L]) else describe(x)
}

# What else a sampler may say of a draw.
extra_columns <- c("score", "response", "truncated", "cost", "latency",
                   "message")

apply_refusal <- function(unsafe, status, refusal) {
  unsafe[status == "error"] <- NA
  unsafe[status == "refused"] <- switch(refusal,
    safe = FALSE, unsafe = TRUE, error = NA
  )
  unsafe
}

# Costs that none can have.
is_impossible <- function(cost) {
  is.nan(cost) | (!is.na(cost) & (cost < 0 | cost == Inf))
}

# A contract that is broken will stay broken: no retry, but a class of its own.
stop_contract <- function(must, found) {
  stop_classed(c("sampler_contract", "sampler"),
               paste0("The sampler ", must, ", not ", found, "."), call = NULL)
}
