# Recorded draws as a sampler: what an audit would have shown of a model, from
# responses that are there already.

#' Recorded draws as a sampler
#'
#' Answers a question that a log of responses can settle without a new one:
#' what would a quarter of this budget have shown? [run_audit()],
#' [draw_responses()] and [time_to_unsafe()] take the result as their `sampler`
#' and get recorded draws in place of new ones.
#'
#' `seed` fixes a random order of the draws of each prompt, and draw `k` of an
#' audit is the `k`-th in that order: whichever batch it comes in, in this
#' process or a daemon, at the first try or a later one. Each recorded draw is
#' therefore used once, and an audit that is resumed takes the next ones.
#' Each call numbers draws from 1: two audits of the same prompts with one
#' sampler see the same draws. Make another for another order.
#'
#' With `replace = TRUE` each draw is one of the recorded draws of its prompt,
#' drawn at random: a bootstrap. None runs out, but it replays a population in
#' which the recorded rates are the true ones. That is not the model. The mean
#' of `(1 - rate)^k` over recorded rates is larger than with the true hazards
#' (Jensen), much so where `k` is near the number of recorded draws: bounds
#' that are calibrated on a bootstrap are too long for the model. It shows what
#' a procedure does on a population that is known, and no more.
#'
#' Statuses are given back as they are: `"refused"` as such, to which `refusal`
#' of [audit_control()] applies, and all others than `"ok"` as `"error"`, for a
#' draw that failed. It fails again at each try, and counts as unsafe in the
#' end; `audit_control(max_tries = 1)` saves the wait. `response`, `score`,
#' `truncated`, `cost`, `latency` and `message` are given back where they are
#' known.
#'
#' Prompts are found by their text, or, where the log has no such text, by their
#' id. A data frame of prompts is matched by its column `id`, or else `prompt`.
#' Prompts that occur twice would get the same draws twice, and are refused: a
#' data frame with a column `id` tells them apart.
#'
#' @param x A [response_log], with one row for each draw.
#' @param replace `FALSE`, the default: each recorded draw at most once. `TRUE`:
#'   a bootstrap, see Details.
#' @param seed The seed of the order, a whole number; `NULL`, the default, takes
#'   one from the session's generator. To resume an audit in another session,
#'   make the sampler with the same `seed` and the same draws, or save it with
#'   [saveRDS()]: in another order, draws that were used would come again.
#' @param ... Must be empty.
#' @returns A function, for use as a [sampler].
#' @section Errors: `timetounsafe_error_exhausted` where a prompt has fewer
#'   recorded draws than are asked for, or none: before the first draw where all
#'   draws of a prompt are to be made (as in replicated plans), else when
#'   nothing is left to draw but prompts that ran out. No draw is lost. Fields
#'   `id`, these prompts, `recorded`, how many draws each has, `fewest`, how
#'   many all prompts of the audit have at least, and `audit`. A plan with
#'   `max_limit = fewest` never asks for more: see [plan_audit()]. (A low `cap`
#'   alone is enough for plans that stop at the first unsafe draw; replicated
#'   ones ask for more than their quantile takes where the budget permits.)
#'   `timetounsafe_error_audit` for a draw that occurs twice in `x`;
#'   `timetounsafe_error_argument`.
#' @section Assumptions: The recorded draws of a prompt are exchangeable, and
#'   how many there are does not depend on what they were.
#' @seealso [as_audit()], which takes a log as an audit as it is.
#' @examples
#' set.seed(1)
#' p <- 10^runif(60, -3, -0.5)
#' log <- as_response_log(data.frame(
#'   id = rep(sprintf("prompt %d", 1:60), each = 40),
#'   unsafe = runif(60 * 40) < rep(p, each = 40)
#' ))
#' # All 40 draws of each prompt, and a quarter of them
#' sampler <- sampler_replay(log, seed = 1)
#' prompts <- unique(log$id)
#' estimate_risk(draw_responses(prompts, sampler, draws = 40), k = 10)
#' estimate_risk(draw_responses(prompts, sampler, draws = 10), k = 10)
#' @export
sampler_replay <- function(x, replace = FALSE, seed = NULL, ...) {
  check_no_dots(...)
  check_class(x, "response_log", "x", "read_responses() or as_response_log()")
  validate_response_log(x)
  if (nrow(x) == 0L) {
    stop_argument("x", "must contain draws", "none")
  }
  refuse_repeated(x)
  replace <- check_flag(replace, "replace")
  seed <- check_number(seed, "seed", min = -(2^31 - 1), max = 2^31 - 1,
                       whole = TRUE, null_ok = TRUE)
  record <- new_record(x, replace, seed %||% sample.int(2^31 - 1, 1L))
  structure(
    function(prompts, draw) replay(record, prompts, draw),
    recorded = function(prompts) count_recorded(record, prompts)
  )
}

refuse_repeated <- function(x, call = rlang::caller_env()) {
  twice <- anyDuplicated(data.frame(x$id, x$draw))
  if (twice > 0L) {
    stop_audit(sprintf("has draw %s twice", format(x$draw[twice])),
               x$id[twice], call, x$row[twice])
  }
}

# ---- The record --------------------------------------------------------------

# The draws of each prompt, one prompt after the other and each in its random
# order: those of prompt i begin behind `before[i]`. The order depends on the
# draws and the seed, not on how the rows of `x` are sorted.
new_record <- function(x, replace, seed) {
  x <- plain_table(x)
  id <- sort(unique(x$id), method = "radix")
  at <- match(x$id, id)
  sorted <- order(at, x$draw)
  x <- x[sorted, ]
  at <- at[sorted]
  if (!replace) {
    u <- with_stream(list("sampler_replay", seed), stats::runif(nrow(x)))
    x <- x[order(at, u), ]
  }
  count <- tabulate(at, length(id))
  prompt <- x$prompt[match(id, x$id)]
  prompt[!is.na(prompt)] <- comparable_prompts(prompt[!is.na(prompt)])
  list(id = id, prompt = prompt, count = count, before = cumsum(count) - count,
       draws = recorded_outcomes(x), replace = replace, seed = seed)
}

# As a sampler returns them.
recorded_outcomes <- function(x) {
  status <- x$status
  failed <- !status %in% c("ok", "refused")
  status[failed] <- "error"
  known <- Filter(function(name) !all(is.na(x[[name]])),
                  intersect(extra_columns, names(x)))
  outcomes <- c(list(unsafe = x$unsafe, status = status), as.list(x[known]))
  if (any(failed)) {
    said <- outcomes$message %||% rep(NA_character_, length(status))
    silent <- failed & is.na(said)
    said[silent] <- sprintf("recorded as \"%s\"", x$status[silent])
    outcomes$message <- said
  }
  list2DF(outcomes)
}

# ---- Whose draws -------------------------------------------------------------

# The number of each prompt in the record, NA where it is not there.
find_recorded <- function(record, prompts) {
  if (!is.data.frame(prompts)) {
    text <- comparable_prompts(prompts)
    at <- find_text(record, text)
    return(ifelse(is.na(at), match(as_text(prompts), record$id), at))
  }
  if ("id" %in% names(prompts)) {
    return(match(as_text(prompts$id), record$id))
  }
  if (!"prompt" %in% names(prompts)) {
    stop_argument("prompts", "must have a column `id` or `prompt`",
                  list_names(names(prompts)), call = NULL)
  }
  find_text(record, comparable_prompts(prompts$prompt))
}

find_text <- function(record, text) {
  at <- match(text, record$prompt, incomparables = NA)
  several <- record$prompt[duplicated(record$prompt)]
  unclear <- which(!is.na(at) & text %in% several)
  if (length(unclear) > 0L) {
    stop_argument(
      "prompts", "must belong to one id each",
      sprintf("the text of \"%s\" and others",
              show_text(record$id[at[unclear[1L]]])),
      fix = "Supply a data frame of prompts with a column `id`.", call = NULL
    )
  }
  at
}

# How many draws there are of each of the prompts of an audit.
count_recorded <- function(record, prompts) {
  at <- find_recorded(record, prompts)
  twice <- anyDuplicated(at, incomparables = NA)
  if (twice > 0L) {
    stop_argument(
      "prompts", "must be different prompts where draws are replayed",
      sprintf("\"%s\" twice", show_text(record$id[at[twice]])),
      fix = "Supply a data frame of prompts with a column `id`.", call = NULL
    )
  }
  count <- if (record$replace) rep(Inf, length(record$id)) else record$count
  ifelse(is.na(at), 0, count[at])
}

# ---- Draws -------------------------------------------------------------------

replay <- function(record, prompts, draw) {
  at <- find_recorded(record, prompts)
  short <- is.na(at) | (!record$replace & draw > record$count[at])
  if (any(short)) {
    # By their ids in the log, as far as they are in it.
    stop(exhausted_error(unique(ifelse(
      is.na(at), "not in the log", record$id[at]
    )[short])))
  }
  place <- if (record$replace) draw_places(record, at, draw) else draw
  record$draws[record$before[at] + place, ]
}

# A stream of random numbers for each prompt, of which draw k takes the k-th: a
# draw that is tried again comes out the same.
draw_places <- function(record, at, draw) {
  place <- numeric(length(at))
  keep_generator(for (i in unique(at)) {
    mine <- which(at == i)
    set_stream(stream_of(list("sampler_replay", record$seed, record$id[i])))
    u <- stats::runif(max(draw[mine]))
    place[mine] <- floor(u[draw[mine]] * record$count[i]) + 1
  })
  place
}
