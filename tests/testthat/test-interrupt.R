# A time limit makes R's check for interrupts jump, just as Ctrl-C does: a loop
# in C has to notice, return to R, and leave R as it was.
interrupted <- function(code) {
  code <- substitute(code)
  where <- parent.frame()
  # Whatever meets the limit first has it alone: perhaps a finalizer, whose
  # error nobody sees, so that they all come before.
  for (attempt in 1:3) {
    gc()
    ended <- run_limited(code, where)
    if (ended != "finished") break
  }
  ended
}

run_limited <- function(code, where) {
  setTimeLimit(elapsed = 0.05, transient = TRUE)
  on.exit(setTimeLimit())
  suppressMessages(tryCatch(
    {
      eval(code, where)
      "finished"
    },
    interrupt = function(e) "interrupted",
    error = function(e) "error"
  ))
}

test_that("long loops in C can be interrupted, and R works on", {
  skip_on_cran()
  p <- rep(c(1e-3, 0.02), 5e5)
  x <- matrix(sin(seq_len(8e6)), 2e5)
  y <- rep(0:4, 4e4)
  expect_identical(
    interrupted(geometric_quantile(p, seq(0.01, 0.5, length.out = 30))),
    "interrupted"
  )
  # Called without their wrappers, whose own work could meet the limit first.
  core <- asNamespace("timetounsafe")
  standard <- list(x = x, centre = rep(0, 40), scale = rep(1, 40))
  counts <- list(unsafe = y + 0, draws = y * 0 + 50)
  expect_identical(interrupted(core$core_value(.Call(
    core$ffi_glm_fit,
    c(standard, counts, list(
      seen_unsafe = NULL, seen_draws = NULL, group = rep(0L, 40),
      weight = rep(1, 40), shape = 1, lambda = 1, estimate = 1, dispersion = 1,
      tolerance = 1e-8, max_iterations = 50
    ))
  ))), "interrupted")
  expect_identical(interrupted(core$core_value(.Call(
    core$ffi_interaction_statistics,
    c(standard, list(clip = 3, score = y + 0, weight = y + 0))
  ))), "interrupted")
  expect_identical(interrupted(core$core_value(.Call(
    core$ffi_mlp_fit,
    c(counts, list(
      x = x, n_train = 2e5, hidden = 32L, learning_rate = 1e-3,
      weight_decay = 0, batch_size = 100, epochs = 10, patience = 0,
      weighted = 1, start_bias = NaN
    ))
  ))), "interrupted")
  # Prompts that can lose, at levels far apart: others take no time.
  q <- matrix(rep(as.double(2:201), each = 5e5), 5e5)
  time <- rep_len(c(150, 3, 90, 20), 5e5)
  ones <- rep(1, 5e5)
  expect_identical(interrupted(miscoverage_curve(time, time + 200, ones, q)),
                   "interrupted")
  expect_identical(interrupted(allocate_budget(rep(p, 10), 1e5)), "interrupted")
  expect_equal(allocate_budget(c(5, 20, 80, 320), 1e6), rep(1, 4))
})

test_that("one level, and one huge text, can be interrupted", {
  skip_on_cran()
  # About 10 s, and 2 s: each is one piece of work for the core.
  n <- 2000
  unsafe <- rep(1e6, n)
  draws <- rep(1e14, n)
  took <- system.time(expect_identical(interrupted(
    replicated_miscoverage(unsafe, draws, rep(1, n), unsafe + 1)
  ), "interrupted"))[["elapsed"]]
  expect_lt(took, 2)
  word <- paste(rep("tell me a \u0431\u043e\u043b\u044c\u0448\u043e\u0439 joke",
                    1e6), collapse = " ")
  core <- asNamespace("timetounsafe")
  took <- system.time(expect_identical(interrupted(
    core$core_value(.Call(core$ffi_text_ngrams, word, 1024))
  ), "interrupted"))[["elapsed"]]
  expect_lt(took, 2)
})
