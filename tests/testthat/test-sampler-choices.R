test_that("equal prompts go together, at most `n`, each row once", {
  set.seed(1)
  for (i in 1:50) {
    prompts <- sample(letters, sample(60, 1), TRUE)
    n <- sample(5, 1)
    units <- request_rows(prompts, n)
    expect_setequal(unlist(units), seq_along(prompts))
    expect_equal(anyDuplicated(unlist(units)), 0)
    expect_true(all(vapply(units, function(rows) {
      length(unique(prompts[rows])) == 1
    }, NA)))
    # No fewer requests would do.
    expect_length(units, sum(ceiling(table(prompts) / n)))
    expect_lte(max(lengths(units)), n)
  }
  expect_identical(request_rows(c("a", "a"), 1), list(1L, 2L))
})

choice <- function(index, text, finish = "stop", ...) {
  list(index = index, finish_reason = finish,
       message = list(role = "assistant", content = text, ...))
}

test_that("a choice is the draw of its index, whatever their order", {
  choices <- list(choice(2L, "c"), choice(0L, "a"), choice(1L, "b"))
  texts <- function(placed) read_choices(placed)$response
  expect_identical(texts(place_choices(choices, 3)), c("a", "b", "c"))
  # One is missing, and it is known which; one too many is left out.
  expect_identical(texts(place_choices(choices[1:2], 3)), c("a", NA, "c"))
  expect_identical(texts(place_choices(choices, 2)), c("a", "b"))
  # No index, or the same twice.
  bare <- lapply(choices, `[`, -1)
  expect_identical(texts(place_choices(bare, 3)), c("c", "a", "b"))
  twice <- list(choice(0L, "a"), choice(0L, "b"))
  expect_identical(texts(place_choices(twice, 2)), c("a", "b"))
  expect_identical(texts(place_choices(twice, 1)), "a")
})

test_that("each choice says what became of it", {
  found <- read_choices(list(
    choice(0, "fine"), choice(1, "cut", "length"),
    choice(2, "", "content_filter"), choice(3, NULL, refusal = "I cannot."),
    choice(4, " \n"), NULL, list(error = list(message = "Lost\nit")),
    choice(6, "half", "abort"), list(text = "plain", finish_reason = "eos"),
    choice(8, list(list(type = "text", text = "a"), list(type = "image"),
                   list(text = "b"))),
    choice(9, "odd", "tired"), choice(10, "Well,", refusal = "no"),
    choice(11, 7), list(error = TRUE), list()
  ))
  expect_identical(found$status, c("ok", "ok", "refused", "refused",
                                   rep("error", 4), rep("ok", 4),
                                   rep("error", 3)))
  expect_identical(found$response, c(
    "fine", "cut", "", "I cannot.", NA, NA, NA, NA, "plain", "ab", "odd",
    "Well,", NA, NA, NA
  ))
  expect_identical(found$truncated, c(
    FALSE, TRUE, FALSE, FALSE, FALSE, NA, NA, NA, FALSE, FALSE, NA, FALSE,
    FALSE, NA, NA
  ))
  expect_match(found$message[c(3, 4)], "filter|field of its own")
  expect_match(found$message[5:8],
               "no text|fewer choices|Lost\nit|did not finish")
  expect_identical(is.na(found$message), found$status == "ok")
})

test_that("an answer that cannot be used says why", {
  wrong <- list(list(), list(choices = list()), list(choices = "a"),
                list(choices = list("a")),
                list(choices = list(list(message = "a"))))
  for (answer in wrong) {
    expect_error(check_choices(answer), "no choices|not an object")
  }
  fine <- list(choices = list(list(text = "a")))
  expect_identical(check_choices(fine), fine)
})

test_that("the prompt is paid for once, and shared", {
  usage <- list(prompt_tokens = 12L, completion_tokens = 80L, cost = 0.4)
  none <- list(list(), list(usage = NULL), list(usage = "a"),
               list(usage = list(prompt_tokens = "many", cost = 1:2)))
  found <- read_usage(c(list(list(usage = usage)), none), c(4, 1, 2, 3, 4))
  expect_equal(found, list(input_tokens = c(3, NA, NA, NA, NA),
                           output_tokens = c(20, NA, NA, NA, NA),
                           cost = c(0.1, NA, NA, NA, NA)))
})

test_that("a refusal of `n` is told from other errors", {
  refuses <- function(status, message = "", slots = list()) {
    splits_choices(new_http_error(status, message), slots)
  }
  expect_true(refuses(400L))
  expect_true(refuses(422L, "n: Input should be less than or equal to 1"))
  expect_true(refuses(500L, "Only one completion choice is allowed"))
  expect_false(refuses(500L, "The server had an error"))
  expect_false(refuses(429L, "n") || refuses(401L, "n") || refuses(404L, "n"))
  expect_false(refuses(400L, "Output blocked by content filter"))
  expect_false(refuses(400L, "n", list(honours = TRUE)))
  expect_false(splits_choices(new_silence("n"), list()))
})

test_that("answers in the dialects of vLLM and llama.cpp are read alike", {
  skip_if_not_installed("curl", "6.4.0")
  skip_if_not_installed("jsonlite")
  read <- function(json, status = 200L, k = 2L) {
    result <- list(status_code = status, content = charToRaw(json),
                   headers = charToRaw(sprintf("HTTP/1.1 %d\r\n\r\n", status)))
    read_answers(list(result), k, check_choices, character())[[1L]]
  }
  # vLLM: fields of its own, thoughts beside the text, all tokens in `usage`.
  vllm <- read(paste0(
    "{\"id\":\"chatcmpl-1\",\"object\":\"chat.completion\",\"choices\":[",
    "{\"index\":1,\"message\":{\"role\":\"assistant\",\"content\":null,",
    "\"refusal\":null,\"reasoning\":\"Hm\",\"tool_calls\":[]},\"logprobs\":",
    "null,\"finish_reason\":\"length\",\"stop_reason\":null},",
    "{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"Yes\",",
    "\"reasoning\":\"Hm\",\"tool_calls\":[]},\"finish_reason\":\"stop\",",
    "\"stop_reason\":2,\"token_ids\":null}],\"prompt_logprobs\":null,",
    "\"usage\":{\"prompt_tokens\":10,\"completion_tokens\":32,",
    "\"total_tokens\":42,\"prompt_tokens_details\":null}}"
  ))
  found <- read_choices(place_choices(vllm$choices, 2))
  expect_identical(found$status, c("ok", "error"))
  expect_identical(found$response, c("Yes", NA))
  expect_identical(read_usage(list(vllm), 2)$output_tokens, 16)
  # llama.cpp: timings, and the tokens of one choice.
  llama <- read(paste0(
    "{\"choices\":[{\"finish_reason\":\"length\",\"index\":0,\"message\":",
    "{\"role\":\"assistant\",\"content\":\"Yes\"}},{\"finish_reason\":",
    "\"stop\",\"index\":1,\"message\":{\"role\":\"assistant\",\"content\":",
    "\"No\"}}],\"created\":1,\"model\":\"m\",\"system_fingerprint\":\"b7\",",
    "\"object\":\"chat.completion\",\"usage\":{\"completion_tokens\":16,",
    "\"prompt_tokens\":10},\"timings\":{\"predicted_n\":16}}"
  ))
  found <- read_choices(place_choices(llama$choices, 2))
  expect_identical(found$response, c("Yes", "No"))
  expect_identical(found$truncated, c(TRUE, FALSE))
  # Errors: at the top, as vLLM had it, or in `error`. A model that is still
  # being loaded is waited for, a larger `n` than there are slots divided.
  flat <- read(paste0("{\"object\":\"error\",\"message\":\"max_tokens is too ",
                      "large\",\"type\":\"BadRequestError\",\"code\":400}"),
               400L)
  expect_match(conditionMessage(flat), "HTTP 400: max_tokens is too large")
  loading <- read(paste0("{\"error\":{\"code\":503,\"message\":\"Loading ",
                         "model\",\"type\":\"unavailable_error\"}}"), 503L)
  expect_true(is_throttled(loading))
  slots <- read(paste0("{\"error\":{\"code\":400,\"message\":\"n_cmpl cannot ",
                       "be greater than the number of slots\",\"type\":",
                       "\"invalid_request_error\"}}"), 400L)
  expect_true(splits_choices(slots, new.env()))
})
