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
