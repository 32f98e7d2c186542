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

test_that("where nothing was looked at there is no mean", {
  expect_identical(weighted_ratio(0, 0)$estimate, NA_real_)
})
