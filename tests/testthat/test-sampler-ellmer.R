test_that("arguments are checked, and a chat is asked for by its maker", {
  skip_if_not_installed("ellmer", "0.5.0")
  make <- function(...) {
    force(list(...))
    function() {
      ellmer::chat_openai_compatible("http://127.0.0.1:1", model = "toy",
                                     credentials = function() "none", ...)
    }
  }
  judge <- function(responses) rep(FALSE, length(responses))
  expect_type(sampler_ellmer(make(), judge), "closure")
  error <- expect_error(sampler_ellmer(make()(), judge),
                        class = "timetounsafe_error_argument")
  expect_match(conditionMessage(error), "chat = function()", fixed = TRUE)
  expect_error(sampler_ellmer(function() stop("no key"), judge), "no key",
               class = "timetounsafe_error_argument")
  bad_arguments(sampler_ellmer, list(chat = make(), judge = judge), list(
    chat = list("openai", function() 1), judge = list(1, make()(), NULL),
    max_active = list(0, 1.5), rpm = list(0), max_tries = list(0),
    max_wait = list(-1), timeout = list(0), refused = list("no"),
    allow_deterministic = list(NA)
  ))
  fixed <- list(
    ellmer::params(seed = 1), ellmer::params(temperature = 0),
    ellmer::params(top_p = 0), ellmer::params(top_k = 1)
  )
  for (params in fixed) {
    expect_error(sampler_ellmer(make(params = params), judge), "deterministic",
                 class = "timetounsafe_error_argument")
    expect_type(sampler_ellmer(make(params = params), judge,
                               allow_deterministic = TRUE), "closure")
  }
  expect_error(sampler_ellmer(make(api_args = list(seed = 1L)), judge), "seed")
  free <- make(params = ellmer::params(temperature = 0.7))
  expect_type(sampler_ellmer(free, judge), "closure")
})

test_that("a name, a missing key and a chat's arguments are errors at once", {
  skip_if_not_installed("ellmer", "0.5.0")
  judge <- function(responses) rep(FALSE, length(responses))
  wrong <- function(pattern, ..., fixed = FALSE) {
    expect_error(sampler_ellmer(...), pattern, fixed = fixed,
                 class = "timetounsafe_error_argument")
  }
  chat <- function() {
    ellmer::chat_openai_compatible("http://127.0.0.1:1", model = "toy",
                                   credentials = function() "none")
  }
  wrong("`judge` is missing", chat)
  wrong("function() ellmer::chat(\"openai/gpt-4.1\")", "gpt-4.1", judge,
        fixed = TRUE)
  wrong("function() ellmer::chat(\"a/b\")", chat, "a/b", fixed = TRUE)
  wrong("without required arguments", function(model) chat(), judge)
  wrong("prompts first", chat, function(response, prompt) TRUE)
  # In tests ellmer skips where it has no key.
  withr::local_envvar(OPENAI_API_KEY = NA, TESTTHAT = NA)
  keyless <- function() ellmer::chat_openai(model = "gpt-4.1-mini")
  wrong("`chat` created a Chat without credentials.*OPENAI_API_KEY", keyless,
        judge)
  wrong("`judge` created a Chat without credentials.*OPENAI_API_KEY", chat,
        keyless)
})

# ---- Against a server --------------------------------------------------------

test_that("a draw comes back with all that is known of it", {
  server <- chat_server()
  sampler <- sampler_ellmer(chat_at(server), strict_judge)
  out <- sampler(rep("It was a happy thought", 6))
  expect_identical(out$status, rep("ok", 6))
  expect_identical(out$unsafe, strict_judge(out$response))
  expect_gt(length(unique(out$response)), 3)
  expect_equal(out$input_tokens, rep(5, 6))
  expect_true(all(out$output_tokens > 5 & out$cost > 0 & out$latency > 0.01))
  expect_equal(server$log()$requests, 6)
  expect_error(sampler(data.frame(text = "a")), "must be text",
               class = "timetounsafe_error_sampler")
})

test_that("an answer that was cut at the token limit says so, and is judged", {
  server <- chat_server()
  sampler <- sampler_ellmer(chat_at(server), strict_judge)
  out <- sampler(c("a", "[cut] b", "[odd-end] c", "[filter] d", "[500] e"))
  expect_identical(out$status, c("ok", "ok", "ok", "refused", "error"))
  expect_identical(out$truncated, c(FALSE, TRUE, NA, FALSE, NA))
  expect_identical(is.na(out$unsafe), out$status != "ok")
  draws <- draw_responses(c("a", "[cut] b"), sampler, draws = 2)
  expect_equal(draws$truncated, c(0, 2))
  # In the words of other services.
  expect_identical(
    vapply(list("context_window", "stop_sequence", character(), NA), was_cut,
           NA), c(TRUE, FALSE, NA, NA)
  )
})

test_that("each fault fails its own draw, and no other", {
  server <- chat_server()
  sampler <- sampler_ellmer(
    chat_at(server), strict_judge, max_active = 20, timeout = 1.5,
    refused = function(responses) seq_along(responses) == 3
  )
  prompts <- c("the weather", "[429-once] a", "[500] b", "[hang] c", "[drop] d",
               "[malformed] e", "[empty] f", "[filter] g", "the man", "the sea")
  out <- sampler(prompts)
  expect_identical(out$status, c("ok", "ok", rep("error", 5), "refused",
                                 "refused", "ok"))
  expect_identical(is.na(out$unsafe), out$status != "ok")
  expect_match(out$message[3], "500")
  expect_match(out$message[4], "no answer: .*(Timeout|timed out)")
  expect_match(out$message[5], "no answer")
  expect_match(out$message[6], "could not be used")
  expect_match(out$message[7], "no text")
  expect_match(out$message[8], "filter")
  # One request each, and one more after the 429.
  log <- server$log()
  expect_equal(log$requests, length(prompts) + 1)
  expect_gte(log$peak, 3)
  expect_gte(max(log$began) - min(log$began), 1)
})

test_that("an error whose body cannot be read fails its own draw alone", {
  server <- chat_server()
  sampler <- sampler_ellmer(chat_at(server), strict_judge)
  prompts <- c("a", "[unread-500] b", "[unread-503-once] c", "d",
               "[blank-429-once] e", "f")
  expect_no_warning(out <- sampler(prompts))
  expect_identical(out$status, c("ok", "error", rep("ok", 4)))
  expect_match(out$message[2], "HTTP 500")
  # Those that were throttled are sent again, not before the second is over.
  log <- server$log()
  expect_equal(log$requests, length(prompts) + 2)
  expect_gte(max(log$began) - min(log$began), 1)
})

test_that("what a filter or the model withheld is refused, and kept", {
  server <- chat_server()
  sampler <- sampler_ellmer(chat_at(server), strict_judge)
  prompts <- c("[filter-400] a", "[flagged-403] b", "[refusal] c", "[filter] d",
               "[403] e", "f")
  out <- sampler(prompts)
  expect_identical(out$status, c(rep("refused", 4), "error", "ok"))
  expect_identical(out$response[3], "I cannot help.")
  expect_match(out$message[1], "content filtering policy")
  server$reset()
  draws <- draw_responses(prompts[c(1, 3)], sampler, draws = 3)
  expect_equal(draws$refused, c(3, 3))
  expect_equal(server$log()$requests, 6)
})

test_that("refusals are found where each service puts them", {
  openai <- list(choices = list(list(message = list(content = NULL,
                                                    refusal = "no"))))
  expect_identical(why_declined(openai), "no")
  openai$choices[[1]]$message$refusal <- ""
  expect_null(why_declined(openai))
  responses <- list(output = list(
    list(type = "reasoning"),
    list(type = "message", content = list(list(type = "refusal",
                                               refusal = "never")))
  ))
  expect_identical(why_declined(responses), "never")
  expect_identical(
    why_declined(list(promptFeedback = list(blockReason = "SAFETY"))), "SAFETY"
  )
  for (json in list(NULL, list(), "text", list(choices = list()),
                    list(choices = "x", output = 3))) {
    expect_null(why_declined(json))
  }
  # Reasons that ellmer passes on as they are.
  expect_true(was_filtered("content_filter") && was_filtered(I("IMAGE_SAFETY")))
  expect_false(was_filtered("success") || was_filtered(NA) ||
                 was_filtered(character()))
  # An answer beside the refusal is there to be judged.
  answer <- list(text = "Well,", finish = "success", declined = "no", cost = 0,
                 latency = 1, input_tokens = 1, output_tokens = 1)
  expect_identical(fill_draw(new_draws(1), 1, answer)$status, "ok")
})

test_that("no limit is set on requests a minute, unless asked for", {
  expect_identical(formals(sampler_ellmer)$rpm, Inf)
  line <- new_line(5000, list(max_active = 5000, rpm = Inf), new_line_id())
  expect_length(take_requests(line), 5000)
})

test_that("servers that are not OpenAI's are found, and need no key", {
  server <- chat_server()
  withr::local_envvar(OPENAI_API_KEY = NA, VLLM_API_KEY = NA, TESTTHAT = NA)
  url <- server$url()
  for (chat in list(
    function() ellmer::chat_openai_compatible(url, model = "mine"),
    function() ellmer::chat_vllm(url, model = "mine")
  )) {
    error <- expect_error(sampler_ellmer(chat, strict_judge),
                          class = "timetounsafe_error_argument")
    hint <- conditionMessage(error)
    expect_match(hint, "chat_openai_compatible(", fixed = TRUE)
    expect_match(hint, "credentials = function() \"none\"", fixed = TRUE)
    expect_length(gregexpr("API_KEY", hint)[[1]], 1)
  }
  # The protocol of chat_openai() is another one.
  chat <- function() {
    ellmer::chat_openai(base_url = url, model = "mine",
                        credentials = function() "none")
  }
  for (sampler in list(sampler_ellmer(chat, strict_judge),
                       sampler_ellmer(chat_at(server), chat))) {
    out <- sampler(c("a", "b"))
    expect_identical(out$status, c("error", "error"))
    expect_match(out$message, "HTTP 404.*/responses.*chat_openai_compatible")
    expect_match(out$message, url, fixed = TRUE)
  }
  # What the hint says works.
  chat <- function() {
    ellmer::chat_openai_compatible(url, model = "mine",
                                   credentials = function() "none")
  }
  expect_identical(sampler_ellmer(chat, strict_judge)("a")$status, "ok")
})

test_that("a service that always throttles is given up in bounded time", {
  server <- chat_server()
  sampler <- sampler_ellmer(chat_at(server, "limited"), strict_judge,
                            max_active = 4, max_tries = 2)
  plan <- known_plan(rep(0.1, 20), 5)
  path <- withr::local_tempfile(fileext = ".sqlite")
  took <- system.time(error <- tryCatch(
    run_audit(plan, sampler, ledger = path,
              control = audit_control(max_tries = 2, retry_wait = 0.1)),
    error = identity
  ))[["elapsed"]]
  expect_s3_class(error, "timetounsafe_error_sampler")
  expect_match(conditionMessage(error), "429")
  # Two batches, two rounds each, at most four requests a round.
  expect_lte(server$log()$requests, 16)
  expect_lt(took, 15)
  expect_true(all(read_ledger(path, "attempts")$status == "error"))
  # A limit of more than `max_wait` is not waited for.
  server$reset()
  impatient <- sampler_ellmer(chat_at(server, "limited"), strict_judge,
                              max_wait = 0.5)
  expect_identical(impatient(rep("a", 50))$status, rep("error", 50))
  expect_lte(server$log()$requests, 10)
})

test_that("a wrong key costs one round of requests", {
  server <- chat_server()
  sampler <- sampler_ellmer(chat_at(server, "locked"), strict_judge,
                            max_active = 3)
  out <- sampler(rep("a", 30))
  expect_match(out$message, "401")
  expect_lte(server$log()$requests, 3)
})

test_that("another model may be the judge", {
  server <- chat_server()
  sampler <- sampler_ellmer(chat_at(server), chat_at(server))
  prompts <- rep("such cruel hatred and violent death", 8)
  out <- sampler(prompts)
  expect_identical(out$status, rep("ok", 8))
  expect_identical(out$score, as.numeric(out$unsafe))
  expect_equal(server$log()$judged, 8)
  plain <- sampler_ellmer(chat_at(server), strict_judge)(prompts)
  expect_gt(mean(out$cost), 1.3 * mean(plain$cost))
  # A judge that is out fails the draw, and says so.
  out <- sampler_ellmer(chat_at(server), chat_at(server, "locked"))("the man")
  expect_identical(out$status, "error")
  expect_match(out$message, "`judge` failed: HTTP 401")
  expect_false(is.na(out$response))
})

test_that("a cache behind the model is noticed", {
  server <- chat_server()
  sampler <- sampler_ellmer(chat_at(server, "cached"), strict_judge)
  expect_warning(
    draw_responses(c("the man", "a ball", "her sister"), sampler, draws = 5),
    class = "timetounsafe_warning_identical_responses"
  )
  sampler <- sampler_ellmer(chat_at(server), strict_judge)
  expect_no_warning(
    draw_responses(c("the man", "a ball", "her sister"), sampler, draws = 5)
  )
})

test_that("an audit of a model behind HTTP goes from prompts to a bound", {
  server <- chat_server()
  set.seed(1)
  people <- c("the old man", "her sister", "the poor woman", "Mr Darcy")
  prompts <- paste(people, rep(c("was", "had", "would", "and"), each = 4),
                   rep(c("never", "always", "quite"), each = 16))
  x <- cbind(never = grepl("never", prompts), poor = grepl("poor", prompts))
  sampler <- sampler_ellmer(chat_at(server), strict_judge, max_active = 10,
                            rpm = Inf)
  train <- seq_along(prompts) %% 2 == 0
  training <- draw_responses(prompts[train], sampler, draws = 4)
  hazard <- fit_hazard(x[train, ], counts(training$unsafe, training$draws))
  # One of the calibration prompts meets a failure that passes.
  prompts[1] <- paste("[500-once]", prompts[1])
  prompts[3] <- paste("[429-once]", prompts[3])
  plan <- plan_audit(hazard, prompts[!train], x[!train, ], budget = 4,
                     delta = NULL)
  server$reset()
  done <- run_in_parts(plan, sampler, x[!train, ])
  draws <- done$draws
  expect_equal(server$log()$requests,
               nrow(draws) + any(done$audit$draws[2] > 0))
  expect_true(all(draws$cost[draws$status == "ok"] > 0))
})

test_that("daemons draw with chats of their own", {
  server <- chat_server()
  skip_if_not_installed("mirai")
  mirai::daemons(2)
  withr::defer(mirai::daemons(0))
  judge <- function(responses) grepl("never", responses)
  sampler <- sampler_ellmer(chat_at(server), judge, max_active = 3)
  audit <- draw_responses(c("the man", "her sister"), sampler, draws = 6,
                          control = audit_control(batch_size = 4))
  expect_equal(audit$draws, c(6, 6))
})

test_that("answers are judged and handed in while others are waited for", {
  server <- chat_server()
  prompts <- c("[hang] a", "b", "[500] c", "[filter] d", paste("e", 1:3))
  for (judge in list(strict_judge, chat_at(server))) {
    sampler <- sampler_ellmer(chat_at(server), judge, timeout = 6,
                              max_active = 4)
    began <- now()
    handed <- list()
    idle <- 0
    record <- function(index = integer(), outcome) {
      if (length(index) == 0) {
        idle <<- idle + 1
      } else {
        handed <<- c(handed, list(cbind(index, at = now() - began, outcome)))
      }
    }
    expect_null(sampler(prompts, record = record))
    handed <- do.call(rbind, handed)
    expect_identical(sort(handed$index), seq_along(prompts))
    # A request that hangs holds up none of the others.
    expect_identical(handed$index[handed$at > 5.5], 1L)
    handed <- handed[order(handed$index), ]
    expect_identical(handed$status, c("error", "ok", "error", "refused",
                                      rep("ok", 3)))
    expect_identical(is.na(handed$unsafe), handed$status != "ok")
    expect_gt(idle, 10)
  }
  # The same columns as those that it returns.
  expect_identical(names(sampler("a")), names(handed)[-(1:2)])
  # All of that in a run.
  path <- new_path()
  audit <- draw_responses(paste("f", 1:8), sampler, 2, ledger = path)
  expect_equal(audit$draws, rep(2, 8))
  expect_equal(sum(read_ledger(path, "attempts")$unsafe), sum(audit$unsafe))
})
