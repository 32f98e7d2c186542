test_that("arguments are checked", {
  skip_if_not_installed("curl", "6.4.0")
  skip_if_not_installed("jsonlite")
  judge <- function(responses) rep(FALSE, length(responses))
  good <- list(base_url = "http://127.0.0.1:1/v1", model = "m", judge = judge)
  expect_type(do.call(sampler_openai, good), "closure")
  bad_arguments(sampler_openai, good, list(
    base_url = list(1, "a"), model = list("", NULL, NA), type = list("text"),
    judge = list(1, NULL, "model"), system_prompt = list(1, "", c("a", "b")),
    n_choices = list(0, 1.5, "a"), api_args = list(1, list(1), list(n = 2)),
    api_headers = list(1, "a"), credentials = list("key", 1),
    max_active = list(0, 1.5), rpm = list(0), max_tries = list(0),
    max_wait = list(-1), timeout = list(0), refused = list("no"),
    allow_deterministic = list(NA)
  ))
  with <- function(...) {
    do.call(sampler_openai, utils::modifyList(good, list(...)))
  }
  wrong <- function(pattern, ...) {
    expect_error(with(...), pattern, class = "timetounsafe_error_argument")
  }
  wrong("judge_openai", judge = function() 1)
  wrong("prompts first", judge = function(response, prompt) TRUE)
  wrong("deterministic", api_args = list(seed = 1))
  wrong("deterministic", api_args = list(temperature = 0))
  wrong("must be NULL", type = "completion", system_prompt = "Be nice.")
  wrong("`n_choices`", api_args = list(n = 3))
  wrong("`logprobs`", api_args = list(logprobs = 5))
  expect_type(with(api_args = list(seed = 1), allow_deterministic = TRUE),
              "closure")
  expect_error(sampler_openai("http://a.b/v1", "m"), "`judge` is missing")
})

# ---- Against a server --------------------------------------------------------

test_that("a draw comes back with all that is known of it", {
  server <- model_server()
  sampler <- openai_at(server, n_choices = 4, system_prompt = "Be \"nice\".",
                       api_args = list(max_tokens = 20, temperature = 0.7),
                       api_headers = c("X-Title" = "audit"))
  out <- sampler(rep("It was a happy thought", 6))
  expect_identical(out$status, rep("ok", 6))
  expect_identical(out$unsafe, strict_judge(out$response))
  expect_gt(length(unique(out$response)), 3)
  # Two requests, of four choices and two.
  expect_equal(sort(out$input_tokens), 5 / c(4, 4, 4, 4, 2, 2))
  expect_true(all(out$output_tokens > 5 & out$latency > 0.01))
  expect_equal(out$cost, (0.4 * out$input_tokens + 1.6 * out$output_tokens) /
                 1e6)
  expect_false(anyNA(out$truncated))
  log <- server$log()
  expect_equal(c(log$requests, log$choices), c(2, 6))
  expect_true("X-Title: audit" %in% log$head)
  body <- jsonlite::parse_json(log$body)
  expect_identical(body$messages, list(
    list(role = "system", content = "Be \"nice\"."),
    list(role = "user", content = "It was a happy thought")
  ))
  expect_identical(body[c("model", "max_tokens", "temperature")],
                   list(model = "mine", max_tokens = 20L, temperature = 0.7))
  expect_error(sampler(data.frame(text = "a")), "must be text",
               class = "timetounsafe_error_sampler")
  expect_identical(nrow(sampler(character())), 0L)
})

test_that("a prompt may also be continued as it is", {
  server <- model_server()
  sampler <- openai_at(server, type = "completion", n_choices = 3)
  out <- sampler(rep("the old\n\"man\"", 3))
  expect_identical(out$status, rep("ok", 3))
  body <- jsonlite::parse_json(server$log()$body)
  expect_identical(body$prompt, "the old\n\"man\"")
  expect_equal(body$n, 3)
  expect_null(body$messages)
})

test_that("each fault fails its own request, and no other", {
  server <- model_server()
  sampler <- openai_at(
    server, max_active = 20, timeout = 1.5,
    refused = function(responses) grepl("^zzz", responses)
  )
  prompts <- c("the weather", "[429-once] a", "[500] b", "[hang] c", "[drop] d",
               "[malformed] e", "[empty] f", "[filter] g", "[cut] h",
               "[unread-500] i", "[unread-503-once] j", "[blank-429-once] k",
               "[filter-400] l", "[flagged-403] m", "[refusal] n", "[403] o",
               "[odd-end] p", "the sea")
  expect_no_warning(out <- sampler(prompts))
  expect_identical(out$status, c(
    "ok", "ok", rep("error", 5), "refused", "ok", "error", "ok", "ok",
    rep("refused", 3), "error", "ok", "ok"
  ))
  expect_identical(is.na(out$unsafe), out$status != "ok")
  expect_match(out$message[3], "HTTP 500: The server had an error")
  expect_match(out$message[4], "no answer: .*(Timeout|timed out)")
  expect_match(out$message[5], "no answer")
  expect_match(out$message[6], "could not be used: it is not JSON")
  expect_match(out$message[7], "no text")
  expect_match(out$message[8], "filter")
  expect_match(out$message[13], "content filtering")
  expect_identical(out$response[15], "I cannot help.")
  expect_identical(out$truncated[c(1, 9, 17)], c(FALSE, TRUE, NA))
  log <- server$log()
  # One request each, and one more for those that were throttled, a second
  # later.
  expect_equal(log$requests, length(prompts) + 3)
  expect_gte(max(log$began) - min(log$began), 1)
  expect_gte(log$peak, 3)
})

test_that("one choice that fails, fails alone", {
  server <- model_server()
  sampler <- openai_at(server, n_choices = 3)
  prompts <- rep(c("[one-filter] a", "[one-error] b", "[one-missing] c",
                   "[backwards] d"), each = 3)
  out <- sampler(prompts)
  expect_identical(out$status, c("ok", "refused", "ok", "ok", "error", "ok",
                                 "ok", "error", "ok", rep("ok", 3)))
  expect_match(out$message[5], "Lost it")
  expect_match(out$message[8], "fewer choices")
  expect_equal(server$log()$requests, 4)
})

test_that("a server that ignores `n` is known by its first answer", {
  server <- model_server()
  sampler <- openai_at(server, "single", n_choices = 8, max_active = 2)
  prompts <- rep(c("the man", "a ball", "her sister"), each = 8)
  for (round in 1:2) {
    server$reset()
    out <- sampler(prompts)
    expect_identical(out$status, rep("ok", 24))
    # Nothing is asked for twice.
    expect_equal(server$log()$requests, 24)
  }
})

test_that("a server that refuses `n` is asked singly, in time", {
  server <- model_server()
  sampler <- openai_at(server, "strict", n_choices = 8, max_active = 2)
  out <- sampler(rep(c("the man", "a ball", "her sister"), each = 8))
  expect_identical(out$status, rep("ok", 24))
  expect_lte(server$log()$requests, 24 + 3)
  server$reset()
  sampler(rep("the man", 8))
  expect_equal(server$log()$requests, 8)
  # Where `n` has been honoured, an error is one of the request.
  sampler <- openai_at(server, n_choices = 4, max_active = 1)
  server$reset()
  out <- sampler(rep(c("the man", "[403] b", "[500] c", "a ball"), each = 4))
  expect_identical(out$status, rep(c("ok", "error", "error", "ok"), each = 4))
  expect_equal(server$log()$requests, 4)
})

test_that("a service that always throttles is given up in bounded time", {
  server <- model_server()
  sampler <- openai_at(server, "limited", max_active = 4, max_tries = 2)
  plan <- known_plan(rep(0.1, 20), 5)
  path <- withr::local_tempfile(fileext = ".sqlite")
  took <- system.time(error <- tryCatch(
    run_audit(plan, sampler, ledger = path,
              control = audit_control(batch_size = 64, max_tries = 2,
                                      retry_wait = 0.1)),
    error = identity
  ))[["elapsed"]]
  expect_s3_class(error, "timetounsafe_error_sampler")
  expect_match(conditionMessage(error), "429")
  # Two batches, two rounds each, at most four requests a round.
  expect_lte(server$log()$requests, 16)
  expect_lt(took, 15)
  expect_true(all(read_ledger(path, "attempts")$status == "error"))
  server$reset()
  impatient <- openai_at(server, "limited", max_wait = 0.5)
  expect_identical(impatient(rep("a", 5000))$status, rep("error", 5000))
  expect_lte(server$log()$requests, 64)
})

test_that("a key is sent, shown nowhere, and a wrong one costs one round", {
  server <- model_server()
  right <- openai_at(server, "keyed", credentials = function() "the-right-key")
  expect_identical(right("a")$status, "ok")
  server$reset()
  wrong <- openai_at(server, "keyed", max_active = 3, n_choices = 1,
                     credentials = function() "sk-wrong-0123456789")
  path <- withr::local_tempfile(fileext = ".sqlite")
  error <- expect_error(
    draw_responses(rep("a", 30), wrong, 1, id = 1:30, ledger = path,
                   control = audit_control(max_tries = 1,
                                           keep_responses = TRUE)),
    "HTTP 401", class = "timetounsafe_error_sampler"
  )
  expect_lte(server$log()$requests, 3)
  attempts <- read_ledger(path, "attempts")
  expect_match(attempts$message, "Incorrect API key provided: .*<hidden>")
  bytes <- readBin(path, "raw", file.size(path))
  for (text in list(bytes, conditionMessage(error), lines_of(wrong),
                    lines_of(error))) {
    text <- if (is.raw(text)) text else charToRaw(paste(text, collapse = "\n"))
    expect_length(grepRaw("sk-wrong-0123456789", text, fixed = TRUE), 0)
  }
})

test_that("compressed answers are read", {
  server <- model_server()
  out <- openai_at(server, "packed", n_choices = 5)(rep("the man", 5))
  expect_identical(out$status, rep("ok", 5))
  expect_true(any(grepl("^Accept-Encoding: .*(gzip|deflate)",
                        server$log()$head)))
})

test_that("draws are recorded while others are awaited", {
  server <- model_server()
  sampler <- openai_at(server, timeout = 2, n_choices = 2)
  seen <- list()
  began <- now()
  out <- sampler(rep(c("the man", "[hang] a", "a ball"), each = 2),
                 record = function(index = integer(), outcome = NULL) {
    if (length(index) > 0) {
      seen[[length(seen) + 1]] <<- list(at = now() - began, index = index,
                                        outcome = outcome)
    }
  })
  index <- unlist(lapply(seen, `[[`, "index"))
  expect_setequal(index, 1:6)
  expect_equal(anyDuplicated(index), 0)
  early <- Filter(function(x) x$at < 1.5, seen)
  expect_setequal(unlist(lapply(early, `[[`, "index")), c(1, 2, 5, 6))
  told <- do.call(rbind, lapply(seen, `[[`, "outcome"))
  expect_equal(told[order(index), ], out, ignore_attr = TRUE)
})

test_that("an interrupt leaves no transfer behind", {
  server <- model_server()
  sampler <- openai_at(server, n_choices = 1)
  # As an interrupt does, in the midst of others that are under way.
  broken <- function(...) stop("x")
  expect_error(sampler(c("a", "[hang] b", "c"), record = broken), "x")
  expect_length(curl::multi_list(transfer_pool()), 0)
  expect_identical(sampler(c("a", "c"))$status, c("ok", "ok"))
})

test_that("an audit of a model behind HTTP goes from prompts to a bound", {
  server <- model_server()
  set.seed(1)
  people <- c("the old man", "her sister", "the poor woman", "Mr Darcy")
  prompts <- paste(people, rep(c("was", "had", "would", "and"), each = 4),
                   rep(c("never", "always", "quite"), each = 16))
  x <- cbind(never = grepl("never", prompts), poor = grepl("poor", prompts))
  sampler <- openai_at(server)
  train <- seq_along(prompts) %% 2 == 0
  training <- draw_responses(prompts[train], sampler, draws = 4)
  # All draws of a prompt in one request.
  expect_equal(server$log()$requests, sum(train))
  hazard <- fit_hazard(x[train, ], training)
  prompts[1] <- paste("[500-once]", prompts[1])
  prompts[3] <- paste("[429-once]", prompts[3])
  plan <- plan_audit(hazard, prompts[!train], x[!train, ], budget = 4,
                     delta = NULL)
  run_in_parts(plan, sampler, x[!train, ])
})

test_that("a batch is as large as the sampler would have it, unless told", {
  server <- model_server()
  sizes <- function(...) {
    sampler <- openai_at(server, n_choices = 3, max_active = 1)
    sizes <- integer()
    counted <- structure(function(prompts, record = NULL) {
      sizes <<- c(sizes, length(prompts))
      sampler(prompts, record = record)
    }, together = attr(sampler, "together"),
    batch_size = attr(sampler, "batch_size"))
    draw_responses(c("a", "b", "c"), counted, 6, ...)
    sizes
  }
  expect_equal(sizes(), c(12, 6))
  expect_equal(sizes(control = audit_control(batch_size = 9)), c(9, 9))
})

test_that("a cache behind the model is noticed", {
  server <- model_server()
  expect_warning(
    draw_responses(c("the man", "a ball", "her sister"),
                   openai_at(server, "cached", n_choices = 1), draws = 5),
    class = "timetounsafe_warning_identical_responses"
  )
})

test_that("daemons draw over connections of their own", {
  server <- model_server()
  skip_if_not_installed("mirai")
  mirai::daemons(2)
  withr::defer(mirai::daemons(0))
  judge <- function(responses) grepl("never", responses)
  sampler <- openai_at(server, judge = judge, max_active = 3)
  audit <- draw_responses(c("the man", "her sister"), sampler, draws = 6,
                          control = audit_control(batch_size = 4))
  expect_equal(audit$draws, c(6, 6))
})

# ---- Connections -------------------------------------------------------------

test_that("connections are kept from one batch to the next", {
  server <- instant_server()
  sampler <- sampler_openai(server$url, "instant", function(responses) {
    grepl("hate", responses)
  }, max_active = 8, n_choices = 2)
  for (round in 1:3) {
    out <- sampler(rep(letters, each = 4))
    expect_identical(out$status, rep("ok", 104))
    expect_equal(anyDuplicated(out$response), 0)
  }
  log <- server$log()
  expect_equal(log$requests, 3 * 52)
  # A few more where one was not free in time; never one for each.
  expect_lte(log$connections, 16)
  expect_lte(log$peak, 8)
})

test_that("`max_active` requests are kept under way", {
  server <- instant_server(200)
  sampler <- sampler_openai(server$url, "instant", function(responses) {
    grepl("hate", responses)
  }, max_active = 16, n_choices = 1)
  sampler(as.character(1:16))
  took <- system.time(sampler(as.character(1:160)))[["elapsed"]]
  expect_equal(server$log()$peak, 16)
  # Ten rounds of 0.2 seconds; the server's own time is in it.
  expect_lt(took, 3)
})
