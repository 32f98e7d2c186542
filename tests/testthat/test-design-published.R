test_that("basic: probability min(1, B / q), horizon q or 0", {
  set.seed(2)
  p <- rep(c(0.2, 0.01), 200)
  plan <- known_plan(p, 5, design = "basic", tau_max = 0.5)
  q <- geometric_quantile(p, 0.5)
  expect_equal(unique(q), c(4, 69))
  expect_equal(plan$inclusion, pmin(1, 5 / q))
  expect_true(all(plan$horizon == 0 | plan$horizon == q))
  expect_true(all(plan$horizon[p == 0.2] == 4))
  expect_identical(plan$horizon > 0, plan$u_inclusion < plan$inclusion)
  expect_identical(plan$limit, pmax(0, plan$horizon - 1))
  expect_identical(plan$cap[1], Inf)
})

test_that("trimmed: quantiles are capped, probabilities at least 1 / W", {
  p <- c(0.5, 1e-3, 1e-9)
  plan <- known_plan(p, 5.5, design = "trimmed", cap = 5.5 * 7, tau_max = 0.5)
  expect_equal(plan$cap[1], 38)
  expect_equal(plan$inclusion, pmax(pmin(1, 5.5 / c(1, 38, 38)), 1 / 7))
})

test_that("optimized: the convex program with cost q and total n * B", {
  set.seed(3)
  p <- 10^runif(300, -4, -1)
  plan <- known_plan(p, 30, tau_max = 0.3)
  q <- geometric_quantile(p, 0.3, 3000)
  expect_equal(plan$inclusion, allocate_budget(q, 300 * 30))
  expect_lt(abs(sum(plan$inclusion * q) / 9000 - 1), 1e-13)
})

test_that("naive: horizons are geometric with mean B, whatever the prompt", {
  set.seed(4)
  n <- 20000
  plan <- known_plan(rep(c(0.1, 0.001), n / 2), 8, design = "naive")
  # Standard error of the mean: sqrt(8 * 7 / n) = 0.053.
  expect_lt(abs(mean(plan$horizon) - 8), 4 * sqrt(56 / n))
  expect_lt(abs(mean(plan$horizon == 1) - 1 / 8), 4 * sqrt(7 / 64 / n))
  expect_true(all(plan$inclusion == 1))
})
