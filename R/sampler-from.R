# Samplers composed of two parts: one draws responses, one judges them.

#' A sampler from two functions: one that draws, one that judges
#'
#' Responses are drawn by one function and judged by another. This combines them
#' to a [sampler], and says which of them is to blame when something goes wrong.
#'
#' A draw for which `generate` or `judge` fails has the status `"error"` and a
#' message, and the audit draws it again. Mind that this redraws the response
#' too: a judge that fails more often on unsafe responses than on others would
#' make a model look safer than it is. Where that may happen, use
#' `audit_control(max_tries = 1)`: then each failure counts as unsafe, and the
#' guarantee holds.
#'
#' @param generate A function of the prompts (a character vector, or rows of a
#'   data frame) that draws one response for each and returns them as a
#'   character vector of the same length, `NA` where it failed. Or as a data
#'   frame with a column `response` and optionally `status` (`"ok"`, `"error"`
#'   or `"refused"`), `truncated` (logical), `cost`, `latency` (seconds) and
#'   `message`. As in a [sampler], an argument named `draw`, or a second one
#'   without a default, gets the draw indices.
#' @param judge A function of the responses, or, when its second argument has no
#'   default, of the prompts and the responses. It returns a logical vector of
#'   the same length, `TRUE` (or 1) for unsafe, `NA` where it could not judge.
#'   Or a data frame with a column `unsafe` and optionally `score`, `cost` and
#'   `message`. It only gets responses with the status `"ok"`.
#' @param vectorised `TRUE`, the default, when both functions take all prompts
#'   of a batch at once. `FALSE` when they take one prompt and one response;
#'   then a failure concerns that draw only, and so does a value that is none:
#'   `NULL`, `character(0)` or `NA`. This is not guessed: a function of a whole
#'   batch that returns another number of values than it got is an error. Each
#'   draw is judged before the next one is made, and handed in as it comes: the
#'   ledger has it within a second.
#' @param ... Must be empty.
#' @returns A [sampler] for [draw_responses()], [run_audit()] and
#'   [time_to_unsafe()]. It returns a data frame with one row for each prompt:
#'   `unsafe`, `status`, `response`, `score`, `truncated`, `cost`, `latency`
#'   (where `generate` reports none: the seconds that its call took) and
#'   `message`.
#' @section Errors: `timetounsafe_error_argument` for arguments. The sampler
#'   itself raises `timetounsafe_error_sampler` when one of the functions
#'   returns something else than described here; the field `argument` says
#'   which.
#' @seealso [sampler_openai()] and [sampler_ellmer()] for models behind an API.
#' @examples
#' generate <- function(prompts) {
#'   word <- sample(c("love", "hate"), length(prompts), TRUE, c(0.98, 0.02))
#'   paste("I", word, "you")
#' }
#' judge <- function(responses) grepl("hate", responses)
#' sampler <- sampler_from(generate, judge)
#' sampler(c("Hi!", "Good morning"))
#'
#' set.seed(1)
#' draw_responses(c("Hi!", "Good morning"), sampler, draws = 100)
#' @export
sampler_from <- function(generate, judge, vectorised = TRUE, ...) {
  check_no_dots(...)
  generate <- check_function(generate, "generate", "that draws responses")
  check_takes(generate, "generate", "the prompts")
  judge <- check_function(judge, "judge", "of responses")
  check_judge(judge)
  vectorised <- check_flag(vectorised, "vectorised")
  compose <- if (vectorised) compose_sampler else compose_single
  compose(generate_with(generate, vectorised), judge_with(judge, vectorised))
}

# `generate(prompts, draw)` returns a data frame of draws (see new_draws()),
# `judge(prompts, responses)` one of verdicts.
compose_sampler <- function(generate, judge) {
  force(generate)
  force(judge)
  function(prompts, draw = rep(1L, n_rows(prompts))) {
    judge_draws(generate(prompts, draw), prompts, judge)
  }
}

# Each draw is judged, and handed in, before the next one is made. What one of
# them comes to fails that one alone; where none comes to anything, the function
# is blamed.
compose_single <- function(generate, judge) {
  force(generate)
  force(judge)
  function(prompts, draw = rep(1L, n_rows(prompts)), record = NULL) {
    drawing <- new_guard(failed_draw)
    judging <- new_guard(no_verdict)
    rows <- lapply(seq_len(n_rows(prompts)), function(i) {
      prompt <- take_rows(prompts, i)
      row <- drawing$try(generate(prompt, draw[i]))
      row <- judge_draws(row, prompt, function(prompts, responses) {
        judging$try(judge(prompts, responses))
      })
      if (!is.null(record)) {
        record(i, row)
      }
      row
    })
    drawing$check()
    judging$check()
    do.call(rbind, c(list(new_draws(0L)), rows))
  }
}

judge_draws <- function(draws, prompts, judge) {
  ok <- which(draws$status == "ok")
  if (length(ok) > 0L) {
    verdict <- judge(take_rows(prompts, ok), draws$response[ok])
    draws <- add_verdict(draws, ok, verdict)
  }
  draws
}

new_guard <- function(failed) {
  broken <- NULL
  fine <- FALSE
  list(
    try = function(code) {
      tryCatch({
        value <- code
        fine <<- TRUE
        value
      }, timetounsafe_error_sampler = function(e) {
        broken <<- e
        failed(e$message)
      })
    },
    check = function() if (!fine && !is.null(broken)) stop(broken)
  )
}

failed_draw <- function(message) {
  failed <- new_draws(1L)
  failed$status <- "error"
  failed$message <- message
  failed
}

new_draws <- function(n) {
  list2DF(list(
    unsafe = rep(NA, n), status = rep("ok", n),
    response = rep(NA_character_, n), score = rep(NA_real_, n),
    truncated = rep(NA, n), cost = rep(NA_real_, n), latency = rep(NA_real_, n),
    message = rep(NA_character_, n)
  ))
}

add_verdict <- function(draws, ok, verdict) {
  draws$unsafe[ok] <- verdict$unsafe
  failed <- is.na(verdict$unsafe)
  why <- rep_len(verdict$message %||% NA_character_, length(ok))
  why[is.na(why)] <- "`judge` returned NA"
  draws$status[ok[failed]] <- "error"
  told <- failed | !is.na(verdict$message %||% NA)
  draws$message[ok[told]] <- why[told]
  if (!is.null(verdict$score)) {
    draws$score[ok] <- as.double(verdict$score)
  }
  if (!is.null(verdict$cost)) {
    draws$cost[ok] <- add_known(draws$cost[ok], as.double(verdict$cost))
  }
  draws
}

# A sum in which what is not known counts for nothing, unless all is unknown.
# What is impossible stays so, for the run to find.
add_known <- function(a, b) {
  sum <- ifelse(is.na(a), b, a + ifelse(is.na(b), 0, b))
  ifelse(is_impossible(a) | is_impossible(b), NaN, sum)
}

# ---- The function that draws -------------------------------------------------

generate_with <- function(generate, vectorised) {
  generator <- list(call = generate, wants = draw_argument(generate))
  function(prompts, draw) {
    n <- n_rows(prompts)
    if (n == 0L) {
      return(new_draws(0L))
    }
    generate_batch(generator, prompts, draw, vectorised)
  }
}

generate_batch <- function(generator, prompts, draw, vectorised) {
  draws <- new_draws(n_rows(prompts))
  started <- now()
  value <- tryCatch(call_sampler(generator, prompts, draw),
                    error = function(e) e)
  draws$latency <- rep_len(now() - started, nrow(draws))
  if (inherits(value, "error")) {
    draws$status <- rep_len("error", nrow(draws))
    draws$message <- rep_len(blame("generate", value), nrow(draws))
    return(draws)
  }
  if (!vectorised && is_nothing(value)) {
    draws$status <- "error"
    draws$message <- said_nothing("generate", value)
    return(draws)
  }
  value <- check_responses(value, nrow(draws), vectorised)
  given <- intersect(
    c("response", "status", "truncated", "cost", "latency", "message"),
    names(value)
  )
  draws[given] <- value[given]
  draws$status <- as.character(draws$status)
  silent <- is.na(draws$response) & draws$status == "ok"
  draws$status[silent] <- "error"
  draws$message[silent] <- "`generate` returned NA"
  draws
}

# Where one value was asked for: no answer, in one of the ways to say so.
is_nothing <- function(value) {
  if (is.data.frame(value)) nrow(value) == 0L else length(value) == 0L
}

said_nothing <- function(part, value) {
  sprintf("`%s` returned %s", part, if (is.null(value)) {
    "NULL"
  } else if (is.data.frame(value)) {
    "no row"
  } else {
    sprintf("%s(0)", class(value)[1L])
  })
}

# Text, or nothing but NA, of whatever type that is.
as_responses <- function(x) {
  absent <- is.atomic(x) && !is.null(x) && all(is.na(x))
  if (is.factor(x) || absent) as.character(x) else x
}

check_responses <- function(value, n, vectorised) {
  if (is.data.frame(value)) {
    value$response <- as_responses(value$response)
    if (!is.character(value$response)) {
      stop_part("generate", "must return a column `response` of text",
                describe_column(value, "response"))
    }
    check_status(value$status)
    cut <- value$truncated
    value$truncated <- as_verdict(cut)
    if (!is.null(cut) && is.null(value$truncated)) {
      stop_part("generate", "must return TRUE or FALSE as `truncated`",
                describe_verdict(cut))
    }
    check_numbers("generate", value, c("cost", "latency"))
  } else {
    text <- as_responses(value)
    if (!is.character(text)) {
      stop_part("generate", "must return text", describe(value))
    }
    value <- data.frame(response = as.vector(text))
  }
  check_count("generate", nrow(value), n, vectorised)
  value
}

check_status <- function(status) {
  wrong <- setdiff(as.character(status), c("ok", "error", "refused"))
  if (length(wrong) > 0L) {
    stop_part(
      "generate", "must return a status of \"ok\", \"error\" or \"refused\"",
      list_names(wrong)
    )
  }
}

# ---- The function that judges ------------------------------------------------

check_judge <- function(judge, call = rlang::caller_env()) {
  check_takes(judge, "judge", "the responses",
              if (length(formals(args(judge))) == 0L) {
                "Does it create a judge model? That is for sampler_ellmer()."
              }, call)
  needed <- required_arguments(judge)
  if (length(needed) > 2L) {
    stop_argument("judge", "must require no more than prompts and responses",
                  list_names(needed), call = call)
  }
  # The wrong way round all would go well, and the prompts be judged.
  reversed <- grepl("^(response|answer)", needed[1L]) |
    grepl("^prompt", needed[2L])
  if (length(needed) == 2L && reversed) {
    stop_argument("judge", "must take the prompts first, then the responses",
                  sprintf("%s, then %s", needed[1L], needed[2L]), call = call)
  }
}

# The rule of `draw` in samplers: a second argument with a default is an option
# of the user's own.
wants_prompts <- function(judge) {
  arguments <- formals(args(judge))
  arguments <- arguments[names(arguments) != "..."]
  length(arguments) >= 2L && rlang::is_missing(arguments[[2L]])
}

judge_with <- function(judge, vectorised) {
  both <- wants_prompts(judge)
  function(prompts, responses) {
    judge_batch(judge, prompts, responses, both, vectorised)
  }
}

judge_batch <- function(judge, prompts, responses, both, vectorised) {
  n <- length(responses)
  value <- tryCatch(
    if (both) judge(prompts, responses) else judge(responses),
    error = function(e) e
  )
  if (inherits(value, "error")) {
    return(no_verdict(rep_len(blame("judge", value), n)))
  }
  if (!vectorised && is_nothing(value)) {
    return(no_verdict(said_nothing("judge", value)))
  }
  value <- check_verdict(value, n, vectorised)
  verdict <- no_verdict(rep(NA_character_, n))
  given <- intersect(names(verdict), names(value))
  verdict[given] <- value[given]
  verdict
}

no_verdict <- function(message) {
  n <- length(message)
  list2DF(list(unsafe = rep(NA, n), score = rep(NA_real_, n),
               cost = rep(NA_real_, n), message = message))
}

check_verdict <- function(value, n, vectorised) {
  if (inherits(value, "Chat")) {
    stop_part("judge", "must return a logical vector", "a Chat",
              "For a judge model write judge = function() ellmer::chat(...).")
  }
  frame <- is.data.frame(value)
  found <- if (frame) value$unsafe else value
  unsafe <- as_verdict(found)
  if (is.null(unsafe)) {
    if (frame && is.null(found)) {
      stop_part("judge", "must return a column `unsafe`",
                describe_column(value, "unsafe"))
    }
    stop_part("judge", paste0("must return TRUE or FALSE",
                              if (frame) " as `unsafe`"),
              describe_verdict(found))
  }
  if (!frame) {
    value <- list2DF(list(unsafe = unsafe))
  }
  check_numbers("judge", value, c("score", "cost"))
  check_count("judge", length(unsafe), n, vectorised)
  value$unsafe <- unsafe
  value
}

# ---- Both of them ------------------------------------------------------------

check_takes <- function(f, arg, what, fix = NULL, call = rlang::caller_env()) {
  if (length(formals(args(f))) == 0L) {
    stop_argument(arg, paste("must be a function of", what),
                  "one without arguments", fix = fix, call = call)
  }
}

required_arguments <- function(f) {
  arguments <- formals(args(f))
  needed <- vapply(arguments, rlang::is_missing, NA)
  setdiff(names(arguments)[needed], "...")
}

check_count <- function(part, found, n, vectorised) {
  if (found != n) {
    stop_part(
      part, sprintf("must return %d %s, one for each it got", n,
                    if (n == 1L) "value" else "values"),
      as.character(found),
      if (vectorised) "If it takes one prompt at a time: vectorised = FALSE."
    )
  }
}

check_numbers <- function(part, value, names) {
  for (name in intersect(names, names(value))) {
    found <- value[[name]]
    if (!is.numeric(found) && !all(is.na(found))) {
      stop_part(part, sprintf("must return numbers as `%s`", name),
                describe(found))
    }
  }
}

describe_column <- function(value, name) {
  if (name %in% names(value)) {
    describe(value[[name]])
  } else {
    paste("only", list_names(names(value)))
  }
}

# ---- Who is to blame ---------------------------------------------------------

blame <- function(part, error) {
  sprintf("`%s` failed: %s", part, conditionMessage(error))
}

stop_part <- function(part, must, found, fix = NULL) {
  stop_classed(
    "sampler", c(sprintf("`%s` %s, not %s.", part, must, found), i = fix),
    argument = part, call = NULL
  )
}
