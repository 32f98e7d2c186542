# Slots without a server: nothing is sent.
idle_slots <- function() {
  skip_if_not_installed("curl", "6.4.0")
  server <- new_server("http://127.0.0.1:9/v1", "/chat/completions",
                       list(model = "m"), character(), NULL)
  find_slots(new_line_id(), server, 10)
}

test_that("slots are kept for what is sent next, and found again", {
  slots <- idle_slots()
  keep_slots(slots, c("a", "b", "b"), 4)
  expect_identical(slots$body, c("a", "b", "b"))
  expect_identical(slots$free, 1:3)
  # Another body is not put over one that waits, while there is room.
  keep_slots(slots, c("c", "d"), 4)
  expect_identical(slots$body, c("a", "b", "b", "c"))
  taken <- vapply(c("b", "c", "b"), function(body) take_slot(slots, body), 1L)
  expect_identical(unname(taken), c(2L, 4L, 3L))
  expect_identical(slots$free, 1L)
  # The last one that is free, kept or not, before a new one.
  expect_identical(take_slot(slots, "z"), 1L)
  expect_identical(take_slot(slots, "z"), 5L)
  # What is under way comes back with its body.
  slots$free <- 1L
  slots$request[2] <- 7L
  keep_slots(slots, c("b", "e"), 5)
  expect_identical(slots$body[1:2], c("e", "b"))
  cancel_transfers(slots)
  expect_false(any(slots$kept))
  expect_length(slots$free, 5)
})

test_that("answers make room before they are read, not where one may be 429", {
  arrived <- function(...) {
    list(result = lapply(c(...), function(code) list(status_code = code)))
  }
  expect_identical(count_fine(arrived(200L, 200L)), 2L)
  expect_identical(count_fine(arrived(200L, 429L)), 0L)
  expect_identical(count_fine(list(result = list(new_silence("no")))), 0L)
  expect_identical(count_fine(list(result = list())), 0L)
  line <- new_line(5, check_limits(2, Inf, 3, 60, 300), new_line_id())
  expect_identical(take_requests(line), 1:2)
  expect_length(take_requests(line), 0)
  expect_identical(take_requests(line, 1L), 3L)
  expect_identical(next_requests(line, 1), 4L)
})

test_that("a server is kept busy while answers are judged", {
  server <- instant_server(50)
  slow <- function(responses) {
    Sys.sleep(0.005)
    grepl("hate", responses)
  }
  sampler <- sampler_openai(server$url, "instant", slow, n_choices = 1,
                            max_active = 8)
  prompts <- sprintf("prompt %d", 1:160)
  sampler(prompts[1:8])
  time <- system.time(drawn <- sampler(prompts))[["elapsed"]]
  expect_true(all(drawn$status == "ok"))
  # 20 turns of 50 ms; the bare minimum would be 1 second.
  expect_lt(time, 3)
  expect_lte(server$log()$peak, 8)
})
