test_that("time only grows, whatever becomes of the time of day", {
  # As if somebody had set the clock back by an hour.
  set_back <- now
  environment(set_back) <- list2env(
    list(Sys.time = function() base::Sys.time() - 3600),
    parent = environment(now)
  )
  before <- now()
  pause_for(0.1)
  expect_gte(set_back(), before + 0.1)
  expect_lt(set_back(), before + 60)
})

test_that("a pause is as long as it says, and ends at an interrupt", {
  took <- system.time(pause_for(0.12))[["elapsed"]]
  expect_gte(took, 0.11)
  expect_lt(took, 2)
  expect_lt(system.time(pause_for(-5))[["elapsed"]], 1)
  skip_on_cran()
  setTimeLimit(elapsed = 0.2, transient = TRUE)
  withr::defer(setTimeLimit())
  took <- system.time(try(pause_for(30), silent = TRUE))[["elapsed"]]
  expect_lt(took, 10)
})
