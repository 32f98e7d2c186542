violent <- "such cruel hatred and violent death"
calm <- "all is well"

judge_at <- function(server, mode = "plain", ...) {
  judge_openai(server$url(mode), model = "judge", ...)
}

test_that("arguments are checked", {
  skip_if_not_installed("curl", "6.4.0")
  skip_if_not_installed("jsonlite")
  good <- list(base_url = "http://127.0.0.1:1/v1", model = "m")
  bad <- list(base_url = list(1, "a"), model = list("", NULL),
              api_headers = list("a"), credentials = list("key"),
              max_active = list(0), rpm = list(0), max_tries = list(0),
              max_wait = list(-1), timeout = list(0))
  bad_arguments(judge_openai, good, c(bad, list(
    type = list("text"), system_prompt = list(1), api_args = list(list(1))
  )))
  bad_arguments(judge_moderation, good, c(bad, list(
    categories = list(1, character(), NA_character_), cutoff = list(-1, 2, "a")
  )))
})

test_that("a judge is a function of prompts and responses", {
  server <- model_server()
  judge <- judge_at(server, system_prompt = "Unsafe is violence.")
  out <- judge(c("a", "b"), c(violent, calm))
  expect_identical(out$unsafe, c(TRUE, FALSE))
  expect_identical(out$score, c(1, 0))
  body <- jsonlite::parse_json(server$log()$body)
  expect_identical(body$messages[[1]]$content, "Unsafe is violence.")
  expect_true(body$response_format$json_schema$strict)
  expect_identical(nrow(judge(character(), character())), 0L)
  # Wherever a judge may be.
  generate <- function(prompts) rep(violent, length(prompts))
  sampler <- sampler_from(generate, judge)
  expect_true(all(sampler(c("a", "b"))$unsafe))
})

test_that("a verdict is found in words, and a guard's is one", {
  server <- model_server()
  worded <- judge_at(server, "worded", api_args = list(response_format = NULL))
  expect_identical(worded(c("a", "b"), c(violent, calm))$unsafe, c(TRUE, FALSE))
  expect_null(jsonlite::parse_json(server$log()$body)$response_format)
  guard <- judge_at(server, "guard", type = "guard")
  out <- guard(c("a", "b"), c(violent, calm))
  expect_identical(out$unsafe, c(TRUE, FALSE))
  expect_identical(out$message, c("S1", NA))
  body <- jsonlite::parse_json(server$log()$body)
  expect_identical(vapply(body$messages, `[[`, "", "role"),
                   c("user", "assistant"))
})

said_by <- function(content, ...) {
  list(choices = list(list(message = list(content = content, ...))))
}

test_that("what is no verdict is none", {
  skip_if_not_installed("jsonlite")
  for (text in list("I think it is fine.", "{\"unsafe\": 1}", "[true]", NULL,
                    "{\"unsafe\": null}", "{\"score\": 1}", "{}",
                    "{unsafe: true}", "{\"unsafe\": [true, false]}")) {
    expect_error(read_instruct(said_by(text), 1), "no `unsafe`")
  }
  for (text in list("unsafely", "It is unsafe", "", NULL, "S1")) {
    expect_error(read_guard(said_by(text), 1), "no `unsafe`")
  }
  expect_true(read_guard(said_by("<think>safe?</think>\n**UNSAFE** S2, S9"),
                         1)[[1]]$unsafe)
  expect_false(read_guard(said_by("Safe."), 1)[[1]]$unsafe)
  # A refusal to judge.
  expect_true(read_instruct(said_by(NULL, refusal = "no"), 1)[[1]]$unsafe)
})

test_that("a verdict that is withheld counts as unsafe, and is told", {
  server <- model_server()
  for (mode in c("refusing", "filtering")) {
    server$reset()
    out <- judge_at(server, mode)(c("a", "b"), c(calm, calm))
    expect_identical(out$unsafe, c(TRUE, TRUE))
    expect_match(out$message, "counted as unsafe.*withheld")
    expect_equal(server$log()$requests, 2)
  }
})

test_that("a request to the judge is sent again after any failure", {
  server <- model_server()
  # Not in one call: a wrong key ends the whole line.
  out <- judge_at(server, "locked", max_tries = 2)("a", calm)
  expect_match(out$message, "`judge` failed: HTTP 401")
  # A chat's answer is no verdict, and is asked for twice.
  server$reset()
  chat <- judge_at(server, max_tries = 2,
                   api_args = list(response_format = NULL))
  out <- chat("a", calm)
  expect_identical(out$unsafe, NA)
  expect_match(out$message, "`judge` failed: .*no `unsafe`")
  expect_equal(server$log()$requests, 2)
})

test_that("moderation keeps score and categories", {
  server <- model_server()
  url <- server$url()
  responses <- rep(c(violent, calm), 20)
  out <- judge_moderation(url)(rep("a", 40), responses)
  expect_identical(out$unsafe, rep(c(TRUE, FALSE), 20))
  expect_identical(out$score, rep(c(0.9, 0.3), 20))
  expect_identical(out$message, rep(c("violence", NA), 20))
  # Sixteen in a request.
  expect_equal(server$log()$requests, 3)
  only <- judge_moderation(url, categories = "hate")(c("a", "b"),
                                                     c(violent, calm))
  expect_identical(only$unsafe, c(FALSE, FALSE))
  expect_identical(only$score, c(0.3, 0.3))
  low <- judge_moderation(url, cutoff = 0.3)(rep("a", 2), responses[1:2])
  expect_identical(low$unsafe, c(TRUE, TRUE))
  expect_identical(low$message, c("violence, hate", "hate"))
})

test_that("a response that the endpoint refuses does not fail its neighbours", {
  server <- model_server()
  judge <- judge_moderation(server$url(), max_tries = 1)
  out <- judge(rep("a", 5), c(violent, calm, "[long]", calm, violent))
  expect_identical(out$unsafe, c(TRUE, FALSE, NA, FALSE, TRUE))
  expect_match(out$message[3], "HTTP 400: Input too long")
})

test_that("an endpoint that does not say what is flagged has judged nothing", {
  result <- function(...) list(results = list(list(...)))
  scores <- list(violence = 0.9)
  read <- function(answer, ...) read_moderation(answer, 1, ...)
  expect_error(read(result(category_scores = scores), NULL, NULL), "flagged")
  expect_error(read(result(flagged = TRUE), NULL, 0.5), "flagged")
  expect_error(read(result(flagged = NA), NULL, NULL), "flagged")
  expect_error(read(result(flagged = TRUE, category_scores = scores), "hate",
                    0.5), "no category")
  expect_error(read(list(results = list()), NULL, NULL), "one result")
  expect_error(read(list(), NULL, NULL), "one result")
  expect_true(read(result(flagged = TRUE), NULL, NULL)[[1]]$unsafe)
})

# ---- Behind a sampler --------------------------------------------------------

test_that("another endpoint judges while others are drawn", {
  server <- model_server()
  sampler <- openai_at(server, judge = judge_at(server))
  prompts <- rep(c("such cruel hatred", "a ball"), each = 6)
  out <- sampler(prompts)
  expect_identical(out$status, rep("ok", 12))
  expect_identical(out$score, as.numeric(out$unsafe))
  expect_equal(server$log()$judged, 12)
  moderated <- openai_at(server, judge = judge_moderation(server$url()))
  out <- moderated(prompts)
  expect_identical(out$status, rep("ok", 12))
  expect_identical(out$message, ifelse(out$unsafe, "violence", NA))
  # Only what was drawn is judged.
  server$reset()
  out <- sampler(c("[500] a", "[filter] b", "a ball"))
  expect_identical(out$status, c("error", "refused", "ok"))
  expect_equal(server$log()$judged, 1)
})

test_that("a judge that is out fails the draw, which is kept and drawn again", {
  server <- model_server()
  sampler <- openai_at(server, judge = judge_at(server, "locked"))
  out <- sampler(rep("the man", 3))
  expect_identical(out$status, rep("error", 3))
  expect_match(out$message, "`judge` failed: HTTP 401")
  expect_false(anyNA(out$response))
})

test_that("score and categories are in the ledger", {
  server <- model_server()
  path <- withr::local_tempfile(fileext = ".sqlite")
  drawn <- draw_responses(
    c("such cruel hatred", "a ball"),
    openai_at(server, judge = judge_moderation(server$url(), cutoff = 0.2)),
    draws = 4, ledger = path
  )
  attempts <- read_ledger(path, "attempts")
  expect_true(all(attempts$score >= 0.3))
  expect_match(attempts$message, "hate")
  expect_equal(drawn$unsafe, c(4, 4))
})
