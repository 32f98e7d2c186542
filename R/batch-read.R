# read_batch(): the results of batch jobs, judged and joined to their plan.

#' @rdname write_batch
#' @param judge A function of the responses, or, when its second argument has no
#'   default, of the prompts and the responses, as in [sampler_from()]. It is
#'   called for some thousand lines at a time, with each response once, equal
#'   ones (of one prompt, if it gets the prompts) not again.
#' @param refusal What a refused response counts as: `"safe"` (the default),
#'   `"unsafe"`, or `"error"`, a draw that failed. The same as in training.
#' @param final Whether draws that failed count as failed permanently: unsafe at
#'   their place. `FALSE`, the default, leaves them to another round.
#' @param refused `NULL`: only the provider says what is a refusal. Or a
#'   function of the responses that returns a logical vector, `TRUE` for those
#'   that decline to answer; they are not judged.
#' @export
read_batch <- function(file, plan, judge,
                       refusal = c("safe", "unsafe", "error"), final = FALSE,
                       refused = NULL, ...) {
  check_no_dots(...)
  need_package("jsonlite", "to read a batch")
  call <- rlang::current_env()
  file <- check_files(file, call)
  plan <- check_plan(plan)
  check_function(judge, "judge", "of responses")
  check_judge(judge)
  if (wants_prompts(judge)) {
    check_plan_prompts(plan)
  }
  check_refused(refused)
  refusal <- check_choice(refusal, c("safe", "unsafe", "error"), "refusal")
  final <- check_flag(final, "final")
  job <- new_batch_job(start_audit(plan), judge, refused, call)
  for (path in file) {
    read_batch_file(path, job)
  }
  draws <- collect_draws(job, refusal)
  audit <- add_draws(job$audit, draws, refusal, final)
  warn_rest(audit, draws, call)
  warn_failed_draws(audit, call)
  structure(audit, usage = as.data.frame(job$usage))
}

# What is read so far. An environment, which files and their pieces fill.
new_batch_job <- function(audit, judge, refused, call) {
  list2env(list(
    audit = audit, judge = judge, refused = refused, call = call,
    watch = new_watch(), most = most_draws(audit),
    pieces = list(no_results()),
    usage = list(requests = 0, failed = 0, input_tokens = NA_real_,
                 output_tokens = NA_real_, cost = NA_real_)
  ), parent = emptyenv())
}

# ---- Lines -------------------------------------------------------------------

# In pieces: results may be larger than the memory.
read_batch_file <- function(path, job, piece = 5000L) {
  con <- gzfile(path, "rb")
  on.exit(close(con))
  before <- 0
  repeat {
    lines <- readLines(con, piece, warn = FALSE, encoding = "UTF-8")
    if (length(lines) == 0L) {
      return(invisible())
    }
    if (before == 0) {
      lines[1L] <- sub("^\ufeff", "", lines[1L])
    }
    number <- grep("[^ \t\r]", lines, useBytes = TRUE)
    if (length(number) > 0L) {
      objects <- parse_batch_lines(lines[number], before + number, path,
                                   job$call)
      add_piece(objects, list(path = path, line = before + number), job)
    }
    before <- before + length(lines)
  }
}

# A list for each line.
parse_batch_lines <- function(lines, number, path, call) {
  parse <- function(lines) {
    array <- paste0("[", paste(lines, collapse = ","), "]")
    tryCatch(jsonlite::parse_json(array), error = function(e) NULL)
  }
  objects <- parse(lines) %||% parse(plain_json(lines))
  named <- function(x) is.list(x) && !is.null(names(x))
  if (length(objects) != length(lines) || !all(vapply(objects, named, NA))) {
    fine <- startsWith(trimws(lines), "{") &
      vapply(lines, jsonlite::validate, NA)
    stop_file(path, sprintf("line %.0f is not a JSON object",
                            number[!fine][1L]), call)
  }
  objects
}

# The draws of some lines, judged; `from` says which lines these are.
add_piece <- function(objects, from, job) {
  asked <- check_result_lines(objects, from, job)
  add_results <- function(at, read) {
    if (length(at) > 0L) {
      results <- read(objects[at])
      count_usage(results, job)
      draws <- draws_of_results(results, asked[at, ], job)
      draws$path <- rep(from$path, nrow(draws))
      job$pieces[[length(job$pieces) + 1L]] <- judge_piece(draws, job)
    }
  }
  anthropic <- has_fields(objects)("result")
  add_results(which(!anthropic), read_openai_results)
  add_results(which(anthropic), read_anthropic_results)
}

# Which draws each line is about: a data frame with `row`, `first`, `n`, `line`.
check_result_lines <- function(objects, from, job) {
  has <- has_fields(objects)
  refuse <- function(wrong, class, problem, ...) {
    if (any(wrong)) {
      lines <- from$line[wrong]
      stop_classed(class, c(sprintf(
        "The file %s %s (%s).", from$path, problem,
        sub("row", "line", name_rows(lines))
      ), ...), rows = lines, argument = "file", call = job$call)
    }
  }
  answer <- has("response") | has("result") | has("error")
  refuse(!answer & (has("body") | has("params") | has("requests")), "file",
         "contains requests, not results",
         i = "Send it to the service, and read what that returns.")
  refuse(!answer | !has("custom_id"), "file",
         "has lines that are no results of a batch job")
  asked <- read_custom_ids(dig_text(objects, "custom_id"))
  refuse(is.na(asked$plan_id), "plan",
         "has results that write_batch() did not ask for")
  audit <- job$audit
  refuse(asked$plan_id != audit$plan_id[1L], "plan",
         "has results of another plan")
  asked$row <- match(asked$order, audit$order)
  asked$line <- from$line
  last <- asked$first + asked$n - 1
  refuse(is.na(asked$row) | last > job$most[asked$row], "audit",
         "has draws that are not in the plan")
  asked
}

count_usage <- function(results, job) {
  usage <- job$usage
  usage$requests <- usage$requests + length(results$problem)
  usage$failed <- usage$failed + sum(!is.na(results$problem))
  for (name in c("input_tokens", "output_tokens", "cost")) {
    values <- results[[name]]
    if (!all(is.na(values))) {
      usage[[name]] <- add_known(usage[[name]], sum(values, na.rm = TRUE))
    }
  }
  job$usage <- usage
}

# ---- Draws -------------------------------------------------------------------

# A row for each draw that was asked for.
draws_of_results <- function(results, asked, job) {
  at <- rep(seq_len(nrow(asked)), asked$n)
  draws <- new_draws(length(at))
  # Most often all are choices.
  found <- tryCatch(
    read_choices(place_all(results$choices, asked$n)),
    error = function(e) {
      usable <- lapply(results$choices, Filter, f = is_choice)
      read_choices(place_all(usable, asked$n))
    }
  )
  draws[names(found)] <- found
  draws$row <- asked$row[at]
  draws$draw <- asked$first[at] + sequence(asked$n) - 1
  draws$line <- asked$line[at]
  problem <- results$problem[at]
  failed <- !is.na(problem)
  draws$status[failed] <- "error"
  draws$message[failed] <- problem[failed]
  draws$status[results$withheld[at]] <- "refused"
  draws
}

# Of requests for `n` draws each, at their places.
place_all <- function(choices, n) {
  do.call(c, Map(function(choices, k) {
    if (length(choices) > 0L) place_choices(choices, k) else vector("list", k)
  }, unname(choices), n))
}

# What read_choices() can read.
is_choice <- function(x) {
  is.list(x) && (is.null(x[["message"]]) || is.list(x[["message"]]))
}

# Judged, each response once; afterwards a hash stands for the text.
judge_piece <- function(draws, job) {
  draws <- mark_refused(draws, job$refused)
  job$watch(draws$row, draws$response, draws$status)
  draws$hash <- hash_each(draws$response)
  ok <- which(draws$status == "ok")
  if (length(ok) > 0L) {
    key <- if (wants_prompts(job$judge)) {
      paste(draws$row, draws$hash)
    } else {
      draws$hash
    }
    once <- ok[!duplicated(key[ok])]
    verdict <- judge_texts(draws$row[once], draws$response[once], job)
    count_usage(list(cost = as.double(verdict$cost)), job)
    verdict$cost <- NULL
    same <- match(key[ok], key[once])
    draws <- add_verdict(draws, ok, lapply(verdict, `[`, same))
  }
  draws[names(no_results())]
}

hash_each <- function(text) {
  values <- unique(text)
  vapply(values, rlang::hash, "", USE.NAMES = FALSE)[match(text, values)]
}

# A judge that raises an error has judged nothing, and can be called again.
judge_texts <- function(row, response, job) {
  judge <- job$judge
  value <- tryCatch(
    if (wants_prompts(judge)) {
      judge(take_rows(job$audit$prompt, row), response)
    } else {
      judge(response)
    },
    error = function(e) {
      stop_argument("judge", "failed", fix = conditionMessage(e), parent = e,
                    call = job$call)
    }
  )
  as.list(check_verdict(value, length(response), vectorised = FALSE))
}

# ---- The audit ---------------------------------------------------------------

# What is kept of each draw.
no_results <- function() {
  data.frame(row = integer(), draw = numeric(), unsafe = logical(),
             status = character(), truncated = logical(), hash = character(),
             message = character(), path = character(), line = numeric())
}

# All draws, each once: an answer takes the place of a failure, and the same
# answer may come twice.
collect_draws <- function(job, refusal) {
  draws <- do.call(rbind, job$pieces)
  draws$failed <- draws$status == "error" |
    (draws$status == "refused" & refusal == "error")
  draws <- draws[order(draws$row, draws$draw, draws$failed,
                       method = "radix"), ]
  n <- nrow(draws)
  new <- c(TRUE, diff(draws$row) != 0 | diff(draws$draw) != 0)[seq_len(n)]
  first <- which(new)[cumsum(new)]
  other <- which(!draws$failed & draws$hash != draws$hash[first])
  if (length(other) > 0L) {
    k <- other[1L]
    refuse_draw(draws, c(first[k], k), job, "has two different answers",
                "Are these results of two jobs for the same requests?")
  }
  draws <- draws[new, ]
  made <- is_made(draws, job$audit)
  again <- which(made & !draws$failed)
  if (length(again) > 0L) {
    refuse_draw(draws, again[1L], job, "was there already", paste(
      "Read all results with the plan, or only new ones with the unfinished",
      "audit."
    ))
  }
  draws[!made, ]
}

# Of an unfinished audit; those of prompts that have ended, too.
is_made <- function(draws, audit) {
  early <- kept_early(audit)
  draws$draw <= audit$draws[draws$row] | !is.na(audit$status[draws$row]) |
    paste(draws$row, draws$draw) %in% paste(early$row, early$draw)
}

refuse_draw <- function(draws, at, job, problem, hint) {
  id <- job$audit$id[draws$row[at[1L]]]
  stop_classed("audit", c(
    sprintf("Prompt %s: draw %.0f %s (%s).", show_text(as_text(id)),
            draws$draw[at[1L]], problem,
            paste(sprintf("line %.0f of %s", draws$line[at],
                          basename(draws$path[at])), collapse = ", ")),
    i = hint
  ), id = id, rows = draws$line[at], argument = "file", call = job$call)
}

add_draws <- function(audit, draws, refusal, final) {
  draws <- draws[!draws$failed | final, ]
  refused <- draws$status == "refused"
  outcome <- draws$unsafe
  outcome[refused] <- refusal == "unsafe"
  outcome[draws$failed] <- NA
  n <- nrow(draws)
  found <- list(row = draws$row, draw = draws$draw, outcome = outcome,
                refused = refused, truncated = draws$truncated,
                attempt = rep(1, n), known = rep(TRUE, n))
  early <- kept_early(audit)
  if (length(early$row) > 0L) {
    found <- append_draws(found, early)
  }
  state <- new_audit_state(audit)
  restore_draws(state, found)
  audit_so_far(audit, state)
}

warn_rest <- function(audit, draws, call) {
  if (!anyNA(audit$status)) {
    return(invisible())
  }
  why <- draws$message[draws$failed & !is.na(draws$message)]
  common <- names(which.max(table(why)))
  warn_classed("unfinished", c(
    sprintf("The audit is unfinished: %s.",
            lacking_text(audit, length(find_missing(audit)$row))),
    i = if (any(draws$failed)) {
      sprintf("%s failed%s.", counted(sum(draws$failed), "draw"),
              if (length(common) > 0L) paste0(", most often by: ", common))
    },
    i = "write_batch(audit, file, model) writes the rest."
  ), call = call)
}
