test_that("quantiles equal those of exact rational arithmetic", {
  exact <- utils::read.csv(test_path("fixtures", "geometric_quantile.csv"))
  for (tau in unique(exact$tau)) {
    rows <- exact$tau == tau
    expect_identical(
      geometric_quantile(exact$prob[rows], tau), as.double(exact$q[rows])
    )
  }
})

test_that("quantiles worked by hand", {
  # 0.75 <= 0.75; 0.75^2 = 0.5625 > 0.5 >= 0.75^3; 0.5^3 = 0.125 <= 0.2.
  expect_identical(geometric_quantile(0.25, 0.25), 1)
  expect_identical(geometric_quantile(0.25, 0.5), 3)
  expect_identical(geometric_quantile(0.5, c(0.5, 0.75, 0.8)),
                   matrix(c(1, 2, 3), 1))
})

test_that("a probability equal to the level gives 1 and never 2", {
  p <- c(2^-(1:50), seq(0.001, 0.999, by = 0.001), 0.1, 1 / 3, 1e-300)
  each <- vapply(p, function(v) geometric_quantile(v, v), 1)
  expect_identical(each, rep(1, length(p)))
})

test_that("levels and hazards on the boundary", {
  expect_identical(geometric_quantile(c(0, 0.3, 1), 0), c(1, 1, 1))
  expect_identical(geometric_quantile(c(0, 0.3, 1), 1), c(Inf, Inf, 1))
  expect_identical(geometric_quantile(c(0, 0.3, 1), 0.5), c(Inf, 2, 1))
})

test_that("the smallest hazards and levels keep their precision", {
  # The ratio of the logarithms is (2^-30 + 2^-61) / 2^-60 = 2^30 + 1 / 2.
  expect_identical(geometric_quantile(2^-60, 2^-30), 2^30 + 1)
  expect_identical(geometric_quantile(2^-40, 2^-50), 1)
  expect_equal(geometric_quantile(1e-300, 0.1), -log1p(-0.1) * 1e300,
               tolerance = 1e-14)
  tiny <- geometric_quantile(.Machine$double.xmin / 4, 1e-10)
  expect_equal(tiny, 1e-10 / (.Machine$double.xmin / 4), tolerance = 1e-9)
})

test_that("the quantile is the first draw at which the level is reached", {
  set.seed(1)
  # Away from ties a rounded distribution function decides correctly.
  p <- 10^runif(500, -5, -0.1)
  for (tau in c(0.01, 0.1, 0.5, 0.9)) {
    q <- geometric_quantile(p, tau)
    reached <- function(t) -expm1(t * log1p(-p))
    expect_true(all(reached(q) >= tau - 1e-12))
    expect_true(all(q == 1 | reached(q - 1) < tau + 1e-12))
  }
})

test_that("quantiles rise with the level and fall with the hazard", {
  set.seed(2)
  p <- sort(runif(100))
  tau <- sort(runif(50))
  q <- geometric_quantile(p, tau)
  expect_true(all(apply(q, 1, diff) >= 0))
  expect_true(all(apply(q, 2, diff) <= 0))
})

test_that("one level gives a vector and several a matrix", {
  p <- c(0.1, 0.2)
  expect_identical(geometric_quantile(p, 0.5), c(7, 4))
  expect_identical(geometric_quantile(p, c(0.5, 0)),
                   matrix(c(7, 4, 1, 1), 2))
  expect_identical(geometric_quantile(0.1, c(0.5, 0)), matrix(c(7, 1), 1))
})

test_that("hazards and levels of equal length are not paired", {
  expect_identical(dim(geometric_quantile(c(0.1, 0.2), c(0.1, 0.2))), c(2L, 2L))
})

test_that("no prompt gives an empty result of the same shape", {
  expect_identical(geometric_quantile(numeric(), 0.1), numeric())
  expect_identical(dim(geometric_quantile(numeric(), c(0.1, 0.2))), c(0L, 2L))
})

test_that("levels may come in any order and more than once", {
  expect_identical(geometric_quantile(0.1, c(0.5, 0.2, 0.5)),
                   matrix(c(7, 3, 7), 1))
})

test_that("no quantile exceeds the cap", {
  p <- c(0, 1e-6, 0.1)
  expect_identical(geometric_quantile(p, 0.5, cap = 100), c(100, 100, 7))
  expect_identical(geometric_quantile(p, 0.5, cap = 1), c(1, 1, 1))
  expect_identical(geometric_quantile(p, 0.5, cap = Inf),
                   geometric_quantile(p, 0.5))
})

test_that("names and dimensions of the hazards do not reach the result", {
  expect_identical(geometric_quantile(c(a = 0.1), 0.5), 7)
  expect_identical(geometric_quantile(matrix(0.1, 2, 2), 0.5), rep(7, 4))
})

test_that("whole-number and logical hazards are numbers", {
  expect_identical(geometric_quantile(c(0L, 1L), 0.5), c(Inf, 1))
  expect_identical(geometric_quantile(c(FALSE, TRUE), 0.5), c(Inf, 1))
})

test_that("geometric_quantile() names a wrong argument", {
  not_levels <- list(NULL, NA, NA_real_, NaN, "0.1", -0.1, 1.1, Inf, -Inf,
                     c(0.1, NA), list(0.1), factor(0.1), as.Date("2025-01-01"))
  bad_arguments(
    "geometric_quantile", list(prob = 0.1, tau = 0.1, cap = 10),
    list(
      prob = not_levels, tau = c(not_levels, list(numeric())),
      cap = list(NULL, NA, NA_real_, NaN, "10", 0, -1, -Inf, c(1, 2), numeric(),
                 TRUE)
    )
  )
})
