test_that("generate and judge are put together, draw by draw", {
  generate <- function(prompts) paste("re:", prompts)
  judge <- function(responses) grepl("b", responses)
  out <- sampler_from(generate, judge)(c("a", "b", "c"))
  expect_identical(out$unsafe, c(FALSE, TRUE, FALSE))
  expect_identical(out$response, c("re: a", "re: b", "re: c"))
  expect_identical(out$status, rep("ok", 3))
  expect_true(all(out$latency >= 0))
  one_by_one <- sampler_from(
    function(prompt) if (prompt == "b") stop("no b") else prompt,
    function(response) if (response == "c") NA else response == "a",
    vectorised = FALSE
  )
  out <- one_by_one(c("a", "b", "c"))
  expect_identical(out$unsafe, c(TRUE, NA, NA))
  expect_identical(out$status, c("ok", "error", "error"))
  expect_match(out$message[2], "`generate` failed: no b", fixed = TRUE)
  expect_match(out$message[3], "`judge` returned NA", fixed = TRUE)
})

test_that("the judge gets the prompts when it asks for them", {
  pass <- function(prompts) toupper(prompts)
  seen <- NULL
  judge <- function(prompts, responses) {
    seen <<- list(prompts, responses)
    responses == "A"
  }
  out <- sampler_from(pass, judge)(c("a", "b"))
  expect_identical(seen, list(c("a", "b"), c("A", "B")))
  expect_identical(out$unsafe, c(TRUE, FALSE))
  # A second argument with a default is an option of the user's own.
  judge <- function(responses, bad = "B") responses == bad
  expect_identical(sampler_from(pass, judge)(c("a", "b"))$unsafe,
                   c(FALSE, TRUE))
})

test_that("data frames of both are passed on, and costs are added", {
  generate <- function(prompts, draw) {
    data.frame(response = c("x", NA, "z"), cost = c(1, 2, NA),
               status = c("ok", "refused", "ok"), latency = draw,
               truncated = c(FALSE, NA, TRUE))
  }
  judge <- function(responses) {
    data.frame(unsafe = c(TRUE, FALSE), score = c(0.9, 0.2), cost = 10)
  }
  out <- sampler_from(generate, judge)(letters[1:3], 4:6)
  expect_identical(out$unsafe, c(TRUE, NA, FALSE))
  expect_identical(out$status, c("ok", "refused", "ok"))
  expect_equal(out$score, c(0.9, NA, 0.2))
  expect_equal(out$cost, c(11, 2, 10))
  expect_equal(out$latency, 4:6)
  expect_identical(out$truncated, c(FALSE, NA, TRUE))
})

test_that("NA and errors fail the draws, not the audit", {
  flaky <- sampler_from(
    function(prompts) ifelse(prompts == "b", NA, prompts),
    function(responses) stop("the judge is out")
  )
  out <- flaky(c("a", "b"))
  expect_identical(out$status, c("error", "error"))
  expect_match(out$message[1], "`judge` failed: the judge is out", fixed = TRUE)
  expect_identical(out$message[2], "`generate` returned NA")
  expect_identical(out$response[1], "a")
  tries <- 0
  generate <- function(prompts) {
    tries <<- tries + 1
    if (tries == 1) stop("busy") else prompts
  }
  sampler <- sampler_from(generate, function(responses) responses == "b")
  audit <- draw_responses(c("a", "b"), sampler, draws = 3,
                          control = audit_control(retry_wait = 0))
  expect_identical(audit$unsafe, c(0, 3))
  expect_false(any(audit$failed))
})

test_that("prompts may be rows of a data frame", {
  prompts <- data.frame(text = c("a", "b"), tone = c("kind", "rude"))
  for (vectorised in c(TRUE, FALSE)) {
    sampler <- sampler_from(
      function(prompts) paste(prompts$tone, prompts$text),
      function(prompts, responses) prompts$tone == "rude",
      vectorised = vectorised
    )
    expect_identical(sampler(prompts)$unsafe, c(FALSE, TRUE))
  }
})

test_that("a function that breaks its promise is named", {
  said <- function(generate, judge, ...) {
    error <- tryCatch(sampler_from(generate, judge, ...)(c("a", "b")),
                      error = identity)
    expect_s3_class(error, "timetounsafe_error_sampler")
    c(error$argument, conditionMessage(error))
  }
  pass <- function(prompts) prompts
  safe <- function(responses) rep(FALSE, length(responses))
  one <- said(function(prompts) "one text", safe)
  expect_identical(one[1], "generate")
  expect_match(one[2], "vectorised = FALSE", fixed = TRUE)
  expect_identical(said(function(prompts) 1:2, safe)[1], "generate")
  expect_identical(said(function(prompts) data.frame(text = prompts), safe)[1],
                   "generate")
  expect_match(said(function(prompts) {
    data.frame(response = prompts, status = "fine")
  }, safe)[2], "fine", fixed = TRUE)
  expect_identical(said(pass, function(responses) c(0, 0.4))[1], "judge")
  expect_identical(said(pass, function(responses) FALSE)[1], "judge")
  expect_match(said(pass, function(responses) data.frame(bad = TRUE))[2],
               "`unsafe`", fixed = TRUE)
  bad_arguments(sampler_from, list(generate = pass, judge = safe), list(
    generate = list(NULL, "text"), judge = list(NULL, 1), vectorised = list(NA)
  ))
})

test_that("what a newcomer gets wrong is an error at once", {
  generate <- function(prompts) prompts
  judge <- function(responses) grepl("b", responses)
  wrong <- function(code, pattern, class = "timetounsafe_error_argument") {
    expect_error(code, pattern, class = class)
  }
  wrong(sampler_from(function() "a", judge), "`generate` must be a function of")
  wrong(sampler_from(generate, function() TRUE), "sampler_ellmer")
  wrong(sampler_from(generate, function(a, b, c) TRUE), "no more than prompts")
  # In this order the prompts would be judged, and no one would notice.
  wrong(sampler_from(generate, function(responses, prompts) TRUE),
        "prompts first")
  expect_type(sampler_from(generate, function(responses, prompt = 1) TRUE),
              "closure")
  contract <- "timetounsafe_error_sampler"
  found <- function(...) sampler_from(function(prompts) data.frame(...), judge)
  wrong(found(response = "a", cost = "1")("x"), "numbers as `cost`", contract)
  wrong(found(text = "a")("x"), "not only \"text\"", contract)
  expect_identical(found(response = factor("b"))("x")$unsafe, TRUE)
  verdict <- function(...) {
    sampler_from(generate, function(responses) data.frame(...))("x")
  }
  wrong(verdict(unsafe = TRUE, score = "high"), "numbers as `score`", contract)
  wrong(verdict(Unsafe = TRUE), "not only \"Unsafe\"", contract)
  # No prompts, no calls.
  none <- sampler_from(function(prompts) stop("called"), judge)(character())
  expect_identical(nrow(none), 0L)
})

test_that("one at a time, what is no answer fails its own draw alone", {
  none <- list(NULL, character(0), NA, NA_character_, NA_real_, list(), 7,
               c("a", "b"), data.frame(response = character()),
               data.frame(response = NA), data.frame(text = "a"))
  for (nothing in none) {
    generate <- function(prompt) if (prompt == "b") nothing else prompt
    judge <- function(response) response == "c"
    out <- sampler_from(generate, judge, vectorised = FALSE)(letters[1:3])
    expect_identical(out$status, c("ok", "error", "ok"))
    expect_identical(out$unsafe, c(FALSE, NA, TRUE))
    expect_match(out$message[2], "^`generate` (returned|must return) ")
  }
  none <- list(NULL, logical(0), character(0), NA, NA_character_, NA_real_,
               "no", c(TRUE, TRUE), data.frame(unsafe = logical()),
               data.frame(unsafe = NA_character_), data.frame(bad = TRUE))
  for (nothing in none) {
    judge <- function(response) if (response == "b") nothing else FALSE
    out <- sampler_from(identity, judge, vectorised = FALSE)(letters[1:3])
    expect_identical(out$status, c("ok", "error", "ok"))
    expect_identical(out$unsafe, c(FALSE, NA, FALSE))
    expect_identical(out$response, letters[1:3])
    expect_match(out$message[2], "^`judge` (returned|must return) ")
  }
  # The audit draws such a response again.
  tries <- 0
  generate <- function(prompt) {
    tries <<- tries + 1
    if (tries != 2) prompt
  }
  sampler <- sampler_from(generate, function(response) response == "b",
                          vectorised = FALSE)
  audit <- draw_responses(letters[1:3], sampler, draws = 2,
                          control = audit_control(retry_wait = 0))
  expect_identical(audit$unsafe, c(0, 2, 0))
  expect_equal(tries, 7)
  # What is wrong each time is the function.
  wrong <- sampler_from(function(prompt) 7, judge, vectorised = FALSE)
  expect_error(wrong(letters), "must return text",
               class = "timetounsafe_error_sampler")
})

test_that("NA of any type, and 1 and 0, are understood of whole batches, too", {
  none <- sampler_from(function(prompts) rep(NA, length(prompts)), is.na)
  expect_identical(none(c("a", "b"))$status, c("error", "error"))
  some <- sampler_from(identity, function(responses) c(1L, 0L, NA))
  out <- some(c("a", "b", "c"))
  expect_identical(out$unsafe, c(TRUE, FALSE, NA))
  expect_identical(out$status, c("ok", "ok", "error"))
  framed <- sampler_from(identity, function(responses) {
    data.frame(unsafe = c(1, 0), score = c(0.9, 0.1))
  })
  expect_identical(framed(c("a", "b"))$unsafe, c(TRUE, FALSE))
})

test_that("one at a time, each draw is judged and handed in as it comes", {
  order <- character()
  sampler <- sampler_from(
    function(prompt) {
      order <<- c(order, paste("draw", prompt))
      if (prompt == "b") character(0) else toupper(prompt)
    },
    function(response) {
      order <<- c(order, paste("judge", response))
      response == "C"
    },
    vectorised = FALSE
  )
  handed <- list()
  record <- function(index, outcome) {
    order <<- c(order, paste("record", index))
    handed[[index]] <<- outcome
  }
  out <- sampler(c("a", "b", "c"), record = record)
  expect_identical(order, c("draw a", "judge A", "record 1", "draw b",
                            "record 2", "draw c", "judge C", "record 3"))
  expect_identical(out, do.call(rbind, handed))
  expect_identical(out$unsafe, c(FALSE, NA, TRUE))
  # In an audit, up to an interrupt.
  stopping <- sampler_from(function(prompt) {
    if (prompt == "c") rlang::interrupt()
    prompt
  }, function(response) response == "b", vectorised = FALSE)
  audit <- quiet(draw_responses(c("a", "b", "c"), stopping, 1))
  expect_equal(audit$unsafe, c(0, 1, 0))
  expect_equal(audit$draws, c(1, 1, 0))
})
