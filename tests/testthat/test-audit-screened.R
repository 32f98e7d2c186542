logged_world <- function(n = 600, draws = 40) {
  mean <- 10^runif(n, -2.5, -0.5)
  p <- rbeta(n, mean * 8, (1 - mean) * 8)
  list(x = data.frame(mean), p = p,
       log = data.frame(id = seq_len(n), unsafe = rbinom(n, draws, p),
                        draws = draws))
}

test_that("a part of a log's draws screens, the others are its audit", {
  set.seed(1)
  world <- logged_world()
  hazard <- as_hazard(function(newdata) newdata$mean, precision = 8)
  audit <- as_audit(world$log, hazard = hazard, newdata = world$x, seed = 5,
                    screen_draws = 8)
  expect_identical(unique(audit$limit), 32)
  expect_identical(audit$unsafe + audit$screen_unsafe,
                   as.double(world$log$unsafe))
  expect_equal(audit$prob, (world$x$mean * 8 + audit$screen_unsafe) / 16)
  expect_identical(unique(audit$precision), 16)
  # Each order of the draws is as likely as any.
  expect_equal(sum(audit$screen_unsafe) / sum(world$log$unsafe), 0.2,
               tolerance = 0.15)
  expect_identical(
    as_audit(world$log, hazard = hazard, newdata = world$x, seed = 5,
             screen_draws = 8)$screen_unsafe, audit$screen_unsafe
  )
  lpb <- quiet(calibrate_lpb(audit))
  bound <- predict(lpb, world$x,
                   screened = data.frame(unsafe = audit$screen_unsafe,
                                         draws = 8))
  expect_gt(mean((1 - world$p)^(bound - 1)), 0.87)
  plain <- quiet(calibrate_lpb(as_audit(world$log, hazard = hazard, seed = 5,
                                        newdata = world$x, cap = 33)))
  expect_gt(mean(log(bound)), mean(log(predict(plain, world$x))))
})

test_that("failed draws count as unsafe, and there must be draws left", {
  set.seed(2)
  rows <- data.frame(id = 1:2, outcome_rows(c(7, 10), c(0, 3), c(10, 10)))
  found <- screen_logged(rows, 4, NULL)
  expect_identical(found$rows$unsafe + found$screened$unsafe, c(3, 3))
  expect_identical(found$rows$limit, c(6, 6))
  expect_false(any(found$rows$failed))
  expect_error(screen_logged(rows, 10, NULL), "below the draws",
               class = "timetounsafe_error_argument")
})
