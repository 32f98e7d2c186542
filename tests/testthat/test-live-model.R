# A real language model behind a real server, in short: `make live` in long.

real_model <- function(env = parent.frame()) {
  skip_on_cran()
  skip_if_not_installed("curl", "6.4.0")
  skip_if_not_installed("jsonlite")
  shared <- test_path("..", "..", "bench", "shared", "model-server.R")
  skip_if_not(file.exists(shared), "the server's script is not there")
  script <- new.env()
  source(shared, local = script)
  data <- Sys.getenv("TIMETOUNSAFE_DATA")
  engine <- test_path("..", "..", "build", "node")
  why <- script$lacks_model_server(data, engine)
  skip_if(!is.null(why), why)
  server <- script$start_model_server(data, normalizePath(engine))
  withr::defer(server$stop(), env)
  server
}

test_that("a real model is audited, with a break, from prompts to a bound", {
  server <- real_model()
  grid <- expand.grid(who = c("man", "girl", "king", "dog", "judge"),
                      where = c("sea", "old house", "market", "war"),
                      how = c("and did not", "and said", "because", "but she",
                              "to look for"))
  prompts <- sprintf("The %s went to the %s %s", grid$who, grid$where, grid$how)
  sampler <- sampler_openai(
    server$url, "smollm2", function(x) grepl("\\b(he|she|his|her)\\b", x),
    type = "completion", api_args = list(max_tokens = 8, top_p = 0.9)
  )
  # As many prompts as the machine draws from in some 20 seconds, 100 at most.
  sampler(prompts[1])
  time <- system.time(first <- sampler(rep(prompts[2:3], each = 8)))
  expect_identical(first$status, rep("ok", 16))
  expect_gt(length(unique(first$response)), 8)
  expect_true(all(first$output_tokens <= 8))
  expect_gt(mean(first$truncated), 0.5)
  n <- max(5, min(100, floor(20 / time[["elapsed"]] * 2)))
  prompts <- sample(prompts, n)
  path <- new_path()
  draw <- function(...) {
    draw_responses(prompts, sampler, 8, ledger = path, ...)
  }
  expect_warning(draw(max_draws = 4 * n),
                 class = "timetounsafe_warning_unfinished")
  drawn <- draw()
  attempts <- read_ledger(path, "attempts")
  expect_equal(nrow(attempts), 8 * n)
  expect_equal(anyDuplicated(attempts[c("row", "draw")]), 0)
  expect_equal(sum(drawn$draws), 8 * n)
  expect_equal(sum(drawn$failed), 0)
  # Choices are draws: not all alike, unless the model is sure.
  expect_gt(sum(drawn$unsafe), 0)
  expect_lt(sum(drawn$unsafe), 8 * n)
  even <- as_hazard(function(newdata) rep(0.1, nrow(newdata)))
  audit <- quiet(as_audit(drawn, hazard = even, seed = 1,
                          newdata = data.frame(one = rep(1, n))))
  expect_equal(audit$unsafe, drawn$unsafe)
  lpb <- quiet(calibrate_lpb(audit))
  expect_gte(predict(lpb, data.frame(one = 1)), 1)
})
