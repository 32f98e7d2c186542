test_that("the law answers as the geometric distribution does", {
  rows <- list(prob = c(0.3, 0.02, 0, 1))
  law <- find_law(NULL)
  expect_identical(law$quantile(rows, 0.2),
                   geometric_quantile(rows$prob, 0.2))
  expect_identical(law$quantile(rows, 0.2, 5), pmin(law$quantile(rows, 0.2), 5))
  first_by <- function(time, prob) 1 - (1 - prob)^time
  expect_equal(law$tau(rows, c(1, 4, 9, 2)),
               first_by(c(1, 4, 9, 2), rows$prob))
  # The mean of min(T, limit): the sum of P(T > t) over t = 0, 1, ...
  limit <- c(3, 50, 7, 4)
  expect_equal(law$cost(rows, limit), mapply(function(p, m) {
    sum((1 - p)^(seq_len(m) - 1))
  }, rows$prob, limit))
  # The share of those safe up to `depth` that are not up to 10.
  depth <- c(0, 4, 9)
  some <- list(prob = rows$prob[1:3])
  safe <- 1 - first_by(depth, some$prob)
  expect_equal(law$further(some, depth, 10),
               (first_by(10, some$prob) - first_by(depth, some$prob)) / safe)
})

test_that("a quantile at another level is right for small hazards", {
  p <- c(1e-4, 1e-5)
  from <- geometric_quantile(p, 0.19)
  expect_equal(find_law(NULL)$at_tau(from, 0.19, 0.1),
               geometric_quantile(p, 0.1), tolerance = 1e-3)
})
