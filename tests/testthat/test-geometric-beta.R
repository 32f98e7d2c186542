test_that("quantiles equal those of a computation with 600 bits", {
  exact <- utils::read.csv(test_path("fixtures", "beta_geometric_quantile.csv"))
  for (tau in unique(exact$tau)) {
    rows <- exact$tau == tau
    expect_identical(
      beta_geometric_quantile(exact$prob[rows], exact$precision[rows], tau),
      as.double(exact$q[rows])
    )
  }
})

test_that("quantiles are where the sum of the probabilities reaches tau", {
  set.seed(1)
  prob <- 10^runif(60, -4, -0.1)
  precision <- 10^runif(60, -1, 4)
  for (tau in c(0.03, 0.1, 0.5)) {
    q <- beta_geometric_quantile(prob, precision, tau, cap = 3001)
    for (i in seq_along(prob)) {
      j <- seq(0, 2999)
      a <- prob[i] * precision[i]
      safe <- cumprod((precision[i] - a + j) / (precision[i] + j))
      # Away from ties a rounded product decides correctly.
      at <- c(which(1 - safe >= tau), 3001)[1L]
      expect_identical(q[i], as.double(at))
    }
  }
})

test_that("quantiles worked by hand", {
  # a = b = 1: P(T > t) = 1 / (1 + t).
  expect_identical(beta_geometric_quantile(0.5, 2, 1 - 2^-(1:50)),
                   matrix(2^(1:50) - 1, 1))
  # a = 1, b = 3: 3 / (3 + t).
  expect_identical(beta_geometric_quantile(0.25, 4, c(0.25, 0.39, 0.5, 0.51)),
                   matrix(c(1, 2, 3, 4), 1))
})

test_that("an infinite precision is the geometric law", {
  set.seed(2)
  p <- c(0, 10^runif(200, -6, 0), 1)
  tau <- c(0, runif(20), 1)
  expect_identical(beta_geometric_quantile(p, Inf, tau),
                   geometric_quantile(p, tau))
  expect_identical(beta_geometric_quantile(p, 1e290, tau, cap = 50),
                   geometric_quantile(p, tau, cap = 50))
})

test_that("a heavy tail has finite quantiles where its mean is infinite", {
  q <- beta_geometric_quantile(0.002, 1, 0.19)
  expect_equal(log(q), 104.781653453947, tolerance = 1e-12)
  expect_identical(beta_geometric_quantile(0.001, 0.001, 0.5), Inf)
})

test_that("quantiles rise with tau and fall with hazard and precision", {
  set.seed(3)
  p <- sort(runif(50))
  q <- beta_geometric_quantile(p, 5, sort(runif(30)))
  expect_true(all(apply(q, 1, diff) >= 0))
  expect_true(all(apply(q, 2, diff) <= 0))
  m <- sort(10^runif(50, -1, 5))
  expect_true(all(diff(beta_geometric_quantile(rep(0.01, 50), m, 0.3)) <= 0))
})

test_that("shapes are those of geometric_quantile()", {
  expect_identical(dim(beta_geometric_quantile(c(0.1, 0.2), 9, c(0.1, 0.2))),
                   c(2L, 2L))
  expect_identical(beta_geometric_quantile(numeric(), 9, 0.1), numeric())
  expect_identical(beta_geometric_quantile(c(a = 0.5), c(b = 2), 0.5), 1)
  one <- beta_geometric_quantile(0.01, 7, 0.3)
  expect_identical(
    beta_geometric_quantile(c(0.01, 0.01), c(7, Inf), 0.3),
    c(one, geometric_quantile(0.01, 0.3))
  )
  expect_identical(beta_geometric_quantile(0.01, 7, 0.3, cap = 5), 5)
})

test_that("wrong arguments are refused by name", {
  refused <- function(..., arg) {
    error <- expect_error(beta_geometric_quantile(...),
                          class = "timetounsafe_error_argument")
    expect_match(conditionMessage(error), arg, fixed = TRUE)
  }
  refused(1.5, 9, 0.1, arg = "prob")
  refused(0.5, 0, 0.1, arg = "precision")
  refused(0.5, NA, 0.1, arg = "precision")
  refused(c(0.1, 0.2, 0.3), c(1, 2), 0.1, arg = "precision")
  refused(0.5, 9, 2, arg = "tau")
  refused(0.5, 9, 0.1, cap = 0, arg = "cap")
  refused(0.5, 9, 0.1, 5, "more", arg = "...")
})
