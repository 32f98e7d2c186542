choose_formula <- function(unsafe, draws, q) {
  ifelse(q - 1 > draws - unsafe, 1,
         -expm1(lchoose(draws - unsafe, q - 1) - lchoose(draws, q - 1)))
}

test_that("the estimate equals the ratio of binomial coefficients", {
  set.seed(1)
  for (n in c(1, 2, 17, 100)) {
    draws <- rpois(n, 3) * rpois(n, 20)
    unsafe <- rbinom(n, draws, 0.1)
    pi <- runif(n, 0.1, 1)
    q <- matrix(1 + floor(runif(n * 6) * (draws + 1)), n)
    by_hand <- colMeans(choose_formula(unsafe, draws, q) / pi)
    expect_equal(replicated_miscoverage(unsafe, draws, pi, q), by_hand,
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
  good <- list(unsafe = c(1, 0), draws = c(4, 4), pi = c(1, 0.5),
               quantiles = cbind(c(2, 3), c(3, 4)))
  expect_no_error(do.call(replicated_miscoverage, good))
  bad_arguments(replicated_miscoverage, good, list(
    unsafe = list(c(-1, 0), c(5, 0), c(0.5, 0), c(NA, 0), "a", numeric()),
    draws = list(c(4, -1), c(4, Inf), c(4, NA), c(4, 4, 4), c(4.5, 4), "a"),
    pi = list(1, c(0, 1), c(1, 1.5), c(NA, 1), 1:3, matrix(1, 2, 3), "a"),
    quantiles = list(cbind(c(0, 3), 1), cbind(c(2, 6), 1), cbind(c(2, NA), 1),
                     cbind(c(2, Inf), 1), 1:3, "a", matrix(1, 2, 0))
  ))
  expect_error(replicated_miscoverage(1, 2, 1), class =
                 "timetounsafe_error_argument")
})

# Every outcome of planning and drawing one prompt, with its probability: the
# parts of the uniform number that decide alike, and the unsafe draws.
every_outcome <- function(p, hat, times, q, policy) {
  pi <- min(1, times)
  ends <- sort(unique(c(0, pi, 1, ceiling(times * (q - 1)) - times * (q - 1))))
  ends <- ends[ends >= 0 & ends <= 1]
  rows <- lapply(seq_len(length(ends) - 1), function(k) {
    u <- (ends[k] + ends[k + 1]) / 2
    horizon <- draw_horizon(u, pi, q, policy)
    limit <- draw_limit(u, times, horizon, policy)
    data.frame(chance = (ends[k + 1] - ends[k]) * dbinom(0:limit, limit, p),
               unsafe = 0:limit, draws = limit, horizon = horizon,
               limit = limit)
  })
  rows <- do.call(rbind, rows)
  rows[c("pi", "prob", "intensity")] <- list(pi, hat, times)
  rows
}

test_that("the whole estimator is unbiased at every level, by enumeration", {
  policy <- list(method = "replicated")
  hat <- 0.1
  q <- geometric_quantile(hat, 0.6)
  levels <- seq(0.02, 0.6, by = 0.02)
  quantiles <- geometric_quantile(hat, levels)
  for (p in c(0.02, 0.13, 0.5)) {
    for (times in c(0.2, 0.9, 1, 1.06, 2.5, 3)) {
      all <- every_outcome(p, hat, times, q, policy)
      expect_equal(sum(all$chance), 1, tolerance = 1e-12)
      estimate <- vapply(seq_len(nrow(all)), function(i) {
        replicated_miscoverage(all$unsafe[i], all$draws[i], all$pi[i],
                               quantiles)
      }, numeric(length(levels)))
      expect_equal(drop(estimate %*% all$chance),
                   drop(1 - (1 - p)^(quantiles - 1)), tolerance = 1e-10)
    }
  }
})

test_that("gains less losses have a mean of alpha less the miscoverage", {
  policy <- list(method = "replicated", cap = 100, tau_prior = 0.6)
  hat <- 0.1
  p <- 0.13
  q <- geometric_quantile(hat, 0.6)
  for (times in c(0.2, 1, 2.3)) {
    all <- every_outcome(p, hat, times, q, policy)
    # Each outcome in turn is the only prompt of an audit.
    evidence <- lapply(seq_len(nrow(all)), function(i) {
      one <- cbind(all[i, ], as.data.frame(policy), order = 1, failed = FALSE,
                   time = 0)
      gather_evidence(one, 0.1)
    })
    gain <- vapply(evidence, function(e) e$gain, 0)
    expect_equal(sum(gain * all$chance), 0.1, tolerance = 1e-10)
    for (tau in c(0.1, 0.35, 0.6)) {
      loss <- vapply(evidence, function(e) {
        if (length(e$place) == 0) {
          return(0)
        }
        e$weight * choose_formula(e$outcome$unsafe, e$outcome$draws,
                                  geometric_quantile(hat, tau))
      }, 0)
      expect_equal(sum(loss * all$chance),
                   drop(1 - (1 - p)^(geometric_quantile(hat, tau) - 1)),
                   tolerance = 1e-10)
    }
  }
})

test_that("draws that failed for good count as unsafe", {
  audit <- data.frame(unsafe = c(1, 1, 0), draws = c(5, 3, 5), limit = 5,
                      failed = c(FALSE, TRUE, FALSE))
  expect_equal(replicated_unsafe(audit), c(1, 3, 0))
})

test_that("the predicted variance is that of the estimate", {
  # A small hazard, so that Poisson and binomial are the same.
  p <- 1e-4
  policy <- list(alpha = 0.1, tau_prior = 0.19)
  q <- geometric_quantile(p, 0.1)
  for (times in c(1, 2, 7)) {
    draws <- round(times * (geometric_quantile(p, 0.19) - 1))
    s <- 0:40
    loss <- choose_formula(s, draws, as.vector(q))
    chance <- dbinom(s, draws, p)
    spread <- sum(loss^2 * chance) - sum(loss * chance)^2
    expect_equal(replicated_variance(times, policy), spread, tolerance = 2e-3)
  }
})
