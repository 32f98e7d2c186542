test_that("the curve matches the reference implementation", {
  rows <- read.csv(test_path("fixtures", "calibration_reference_rows.csv"))
  curve <- read.csv(test_path("fixtures", "calibration_reference_curve.csv"))
  for (case in unique(rows$case)) {
    r <- rows[rows$case == case, ]
    g <- curve[curve$case == case, ]
    q <- geometric_quantile(r$prob, g$tau, g$cap[1])
    got <- miscoverage_curve(r$time, r$horizon, r$inclusion, q)
    expect_equal(got, g$miscoverage, tolerance = 1e-9)
    # The reference returns the first level where none is feasible.
    tau <- select_tau(g$tau, got, g$alpha[1])
    feasible <- g$feasible[1] == 1
    expect_equal(tau, if (feasible) g$tau[g$selected == 1] else NA_real_)
  }
})

test_that("the curve with weights by level matches the fixture", {
  cells <- read.csv(test_path("fixtures", "calibration_matrix_pi.csv"))
  for (m in split(cells, cells$case)) {
    block <- function(name) as.matrix(m[paste0(name, 1:6)])
    got <- miscoverage_curve(m$time, m$horizon, block("inclusion_"),
                             block("q_"))
    expect_equal(got, unname(block("miscoverage_")[1, ]), tolerance = 1e-9)
    expect_equal(select_tau(block("tau_")[1, ], got, m$alpha[1]),
                 m$selected_tau[1], ignore_attr = TRUE)
  }
})

test_that("the curve equals its definition", {
  set.seed(1)
  for (n in c(1, 7, 8, 9, 40)) {
    horizon <- rpois(n, 5)
    time <- floor(runif(n) * (horizon + 1))
    inclusion <- runif(n, 0.1, 1)
    q <- matrix(1 + rpois(n * 4, 3), n)
    q[1, 4] <- Inf
    by_hand <- vapply(1:4, function(k) {
      mean((time < q[, k] & q[, k] <= horizon) / inclusion)
    }, 1)
    expect_equal(miscoverage_curve(time, horizon, inclusion, q), by_hand)
    wide <- matrix(inclusion, n, 4)
    expect_equal(miscoverage_curve(time, horizon, wide, q), by_hand)
  }
})

test_that("the estimate is unbiased at every level, by enumeration", {
  p <- 0.13
  budget <- 4
  tau_max <- 0.6
  q_prior <- geometric_quantile(p, tau_max)
  taus <- c(0.05, 0.13, 0.3, 0.45, 0.6)
  q <- geometric_quantile(p, taus)
  truth <- 1 - (1 - p)^(q - 1)
  horizons <- list(
    naive = data.frame(c = 1:400, prob = dgeom(0:399, 1 / budget)),
    basic = data.frame(c = c(0, q_prior), prob = c(1 - budget / q_prior,
                                                  budget / q_prior))
  )
  for (design in names(horizons)) {
    h <- horizons[[design]]
    inclusion <- switch(design, naive = matrix((1 - 1 / budget)^(q - 1), 1),
                 basic = budget / q_prior)
    expected <- 0
    for (i in seq_len(nrow(h))) {
      c <- h$c[i]
      # T is only seen up to the horizon: time = min(T, c).
      for (t in seq_len(max(c, 1))) {
        prob_t <- if (t < c) dgeom(t - 1, p) else (1 - p)^(t - 1)
        time <- if (c == 0) 0 else t
        expected <- expected + h$prob[i] * prob_t *
          miscoverage_curve(time, c, inclusion, matrix(q, 1))
      }
    }
    expect_equal(expected, as.vector(truth), tolerance = 1e-10)
  }
})

test_that("select_tau keeps to its contract", {
  tau <- c(0.1, 0.2, 0.3)
  expect_equal(select_tau(tau, c(0.01, 0.2, 0.02), 0.1), 0.1)
  expect_identical(select_tau(tau, c(0.1, 0, 0), 0.1), NA_real_)
  expect_equal(select_tau(tau, c(0, 0, 0), 0.1), 0.3)
  expect_equal(select_tau(0.5, 0.09, 0.1), 0.5)
})

test_that("bad arguments of the numeric layer are named", {
  good <- list(time = c(1, 0), horizon = c(2, 0), inclusion = c(1, 0.5),
               quantiles = matrix(1, 2, 2))
  bad_arguments(miscoverage_curve, good, list(
    time = list(NULL, c(NA, 0), c(3, 0), c(-1, 0), "a"),
    horizon = list(NULL, c(NA, 0), 1, c(-2, 0)),
    inclusion = list(NULL, c(0, 0.5), c(1, 1.5), c(NaN, 1), 1, matrix(1, 2, 3)),
    quantiles = list(NULL, matrix(1, 3, 2), matrix(0, 2, 2), matrix(NaN, 2, 2),
                     matrix("a", 2, 2))
  ))
  good <- list(tau = c(0.1, 0.2), miscoverage = c(0, 0), alpha = 0.1)
  bad_arguments(select_tau, good, list(
    tau = list(NULL, c(0.2, 0.1), c(0.1, 0.1), c(NA, 0.1), c(0.1, 2), "a"),
    miscoverage = list(NULL, 0, c(NaN, 0), c(-1, 0)),
    alpha = list(NULL, 0, 1, NA, c(0.1, 0.2))
  ))
})

test_that("the estimate equals the ratio of binomial coefficients", {
  set.seed(1)
  for (n in c(1, 2, 17, 100)) {
    draws <- rpois(n, 3) * rpois(n, 20)
    unsafe <- rbinom(n, draws, 0.1)
    inclusion <- runif(n, 0.1, 1)
    q <- matrix(1 + floor(runif(n * 6) * (draws + 1)), n)
    by_hand <- colMeans(choose_formula(unsafe, draws, q) / inclusion)
    expect_equal(replicated_miscoverage(unsafe, draws, inclusion, q), by_hand,
                 tolerance = 1e-12)
    by_level <- matrix(runif(n * 6, 0.1, 1), n)
    expect_equal(
      replicated_miscoverage(unsafe, draws, by_level, q),
      colMeans(choose_formula(unsafe, draws, q) / by_level), tolerance = 1e-12
    )
  }
})

test_that("large counts lose no digits", {
  expect_equal(replicated_miscoverage(1, 1e15, 1, 2), 1e-15)
  expect_equal(replicated_miscoverage(2, 1e9, 1, 2e8 + 1),
               1 - (8e8 * (8e8 - 1)) / (1e9 * (1e9 - 1)), tolerance = 1e-13)
  expect_equal(replicated_miscoverage(5e8, 1e9, 1, 1e8), 1)
})

test_that("it increases with the level", {
  set.seed(2)
  p <- 10^runif(200, -3, -0.5)
  tau <- seq(0.01, 0.5, length.out = 80)
  q <- geometric_quantile(p, tau)
  draws <- q[, 80] - 1 + rpois(200, 3)
  curve <- replicated_miscoverage(rbinom(200, draws, p), draws,
                                  rep(1, 200), q)
  expect_false(is.unsorted(curve))
})

test_that("quantiles and pi take all shapes", {
  unsafe <- c(1, 0, 2)
  draws <- c(4, 4, 5)
  q <- c(2, 3, 2)
  one <- mean(c(1 / 4, 0, 2 / 5))
  expect_equal(replicated_miscoverage(unsafe, draws, rep(1, 3), q), one)
  expect_equal(replicated_miscoverage(unsafe, draws, cbind(rep(0.5, 3)), q),
               2 * one)
  expect_equal(replicated_miscoverage(unsafe, draws, rep(0.5, 3), cbind(q, q)),
               c(2, 2) * one)
  expect_equal(
    replicated_miscoverage(unsafe, draws, matrix(c(1, 0.5), 3, 2, TRUE),
                           cbind(q, q)), c(1, 2) * one
  )
  expect_equal(replicated_miscoverage(0L, 5L, 1L, 3L), 0)
  expect_equal(replicated_miscoverage(c(2, 0), 5, c(1, 1), c(2, 2)), 0.2)
  # Not audited: whatever the quantile.
  expect_equal(replicated_miscoverage(c(1, 0), c(4, 0), c(1, 1), c(2, 1e6)),
               1 / 8)
})

test_that("bad input is refused by name", {
  good <- list(unsafe = c(1, 0), draws = c(4, 4), inclusion = c(1, 0.5),
               quantiles = cbind(c(2, 3), c(3, 4)))
  expect_no_error(do.call(replicated_miscoverage, good))
  bad_arguments(replicated_miscoverage, good, list(
    unsafe = list(c(-1, 0), c(5, 0), c(0.5, 0), c(NA, 0), "a", numeric()),
    draws = list(c(4, -1), c(4, Inf), c(4, NA), c(4, 4, 4), c(4.5, 4), "a"),
    inclusion = list(1, c(0, 1), c(1, 1.5), c(NA, 1), 1:3, matrix(1, 2, 3),
                     "a"),
    quantiles = list(cbind(c(0, 3), 1), cbind(c(2, 6), 1), cbind(c(2, NA), 1),
                     cbind(c(2, Inf), 1), 1:3, "a", matrix(1, 2, 0))
  ))
  expect_error(replicated_miscoverage(1, 2, 1), class =
                 "timetounsafe_error_argument")
})
