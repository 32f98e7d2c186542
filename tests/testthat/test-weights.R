test_that("with equal weights the interval is Clopper and Pearson's", {
  for (x in c(0, 3, 20)) {
    lost <- rep(c(1, 0), c(x, 20 - x))
    got <- weighted_interval(2 * lost, rep(2, 20), 2, 0.9)
    expect_equal(got, as.vector(binom.test(x, 20, conf.level = 0.9)$conf.int))
  }
})

test_that("the standard error is that of the ratio, by the jackknife", {
  set.seed(1)
  total <- rexp(400)
  part <- total * rbinom(400, 1, 0.3)
  got <- weighted_ratio(part, total)
  left <- vapply(1:400, function(i) sum(part[-i]) / sum(total[-i]), 1)
  jackknife <- sqrt(399 / 400 * sum((left - mean(left))^2))
  # They differ in terms of order 1 / n.
  expect_equal(got$error, jackknife, tolerance = 0.02)
})

test_that("neither scale nor prompts that were not included matter", {
  part <- c(1, 0, 2, 0)
  total <- c(1, 3, 2, 4)
  base <- weighted_interval(part, total, 4, 0.95)
  expect_equal(weighted_interval(5 * part, 5 * total, 20, 0.95), base)
  expect_equal(weighted_interval(c(part, 0), c(total, 0), 4, 0.95), base)
})

test_that("what was not looked at is not known, what cannot be lost is", {
  expect_equal(weighted_interval(0, 0, 1, 0.95), c(0, 1))
  expect_identical(weighted_ratio(0, 0)$estimate, NA_real_)
  expect_equal(weighted_interval(c(0, 0), c(1, 1), 0, 0.95), c(0, 0))
  # No loss among 30 with a weight of 1 is little where there are some of 10.
  expect_equal(weighted_interval(rep(0, 30), rep(1, 30), 10, 0.95)[2],
               binom.test(0, 3)$conf.int[2])
})
