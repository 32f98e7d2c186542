cells_of <- function(unsafe, draws, offset = rep(0, length(unsafe)),
                     weight = rep(1, length(unsafe))) {
  new_cells(unsafe, draws, weight, offset, offset)
}

test_that("the beta likelihood is the integral over hazards", {
  cells <- cells_of(c(0, 1, 3), c(5, 7, 3))
  for (par in list(c(-2, 0.3), c(-4, -1))) {
    shape <- exp(par[2])
    mean <- -expm1(-exp(par[1]))
    other <- shape * (1 - mean) / mean
    each <- mapply(function(s, m) {
      # From 0 in two parts: the density may have poles at both ends.
      f <- function(p) p^s * (1 - p)^(m - s) * dbeta(p, shape, other)
      integrate(f, 0, 0.01, rel.tol = 1e-9)$value +
        integrate(f, 0.01, 1, rel.tol = 1e-9)$value
    }, cells$unsafe, cells$draws)
    expect_equal(beta_loss(par, cells), -sum(log(each)), tolerance = 1e-5)
  }
})

test_that("the beta fit is the maximum, and its F(k) the mean over hazards", {
  set.seed(1)
  p <- rbeta(400, 0.5, 8)
  cells <- cells_of(rbinom(400, 20, p), rep(20, 400))
  fit <- fit_beta(cells)
  grid <- expand.grid(level = seq(-4, -1.5, 0.05), shape = seq(-2, 0.5, 0.05))
  loss <- apply(grid, 1, beta_loss, cells)
  expect_gte(fit$loglik, -min(loss))
  expect_lt(fit$loglik + min(loss), 0.2)
  best <- unlist(grid[which.min(loss), ])
  expect_lt(abs(log(fit$shape) - best[["shape"]]), 0.06)
  mean <- -expm1(-exp(optimise(function(level) {
    beta_loss(c(level, log(fit$shape)), cells)
  }, c(-5, -1))$minimum))
  draws <- rbeta(2e5, fit$shape, fit$shape * (1 - mean) / mean)
  for (k in c(1, 30, 300)) {
    z <- (1 - draws)^k
    expect_lt(abs(fit$safe(k) - mean(z)), 5 * sd(z) / sqrt(2e5) + 1e-4)
  }
  expect_equal(fit$beyond(0.1), mean(draws > 0.1), tolerance = 0.03)
})

test_that("the mixture's likelihood is binomial, and its fit near the best", {
  cells <- cells_of(c(0, 2, 5, 4), c(10, 10, 5, 400))
  grid <- mixture_grid(cells, 1)
  got <- mixture_likelihood(cells$unsafe, cells$draws, cells$offset, grid)
  p <- -expm1(-exp(grid))
  for (i in 1:4) {
    want <- dbinom(cells$unsafe[i], cells$draws[i], p)
    expect_equal(got[i, ], want / max(want))
  }
  expect_equal(range(exp(grid)), c(0.01 / 400, 20))
  # Two points that are far apart: a maximum that is known.
  likelihood <- rbind(c(1, 0), c(0, 1), c(1, 0))
  mass <- maximise_mixture(likelihood, c(1, 1, 2), c(0.5, 0.5), 1e-9)
  expect_equal(mass, c(0.75, 0.25))
  # And one that a general optimiser finds.
  set.seed(2)
  likelihood <- matrix(runif(60), 20)
  mass <- maximise_mixture(likelihood, rep(1, 20), rep(1 / 3, 3), 1e-7, 1e5L)
  loss <- function(u) -sum(log(likelihood %*% (exp(u) / sum(exp(u)))))
  best <- optim(numeric(3), loss, control = list(reltol = 1e-14))
  expect_equal(-sum(log(likelihood %*% mass)), best$value, tolerance = 1e-5)
  # It begins at the beta.
  beta <- list(level = -3, shape = 0.5)
  grid <- seq(log(1e-6), log(20), length.out = 100)
  expect_equal(sum(mixture_start(grid, beta)), 1)
  expect_equal(sum(mixture_start(grid, beta) * -expm1(-exp(grid))),
               0.9 * -expm1(-exp(-3)) + 0.1 * mean(-expm1(-exp(grid))),
               tolerance = 0.01)
  # Stopped early, it is as near as it says.
  rough <- maximise_mixture(likelihood, rep(1, 20), rep(1 / 3, 3))
  expect_lte(-sum(log(likelihood %*% rough)), best$value + 1)
})

test_that("draws that stop have the likelihood of counts", {
  set.seed(3)
  p <- rbeta(3000, 0.5, 5)
  time <- rgeom(3000, p) + 1
  seen <- time <= 15
  stopped <- cells_of(as.numeric(seen), pmin(time, 15))
  fixed <- cells_of(rbinom(3000, 15, p), rep(15, 3000))
  truth <- mean(1 - (1 - p)^25)
  for (model in c("mixture", "beta")) {
    for (cells in list(stopped, fixed)) {
      # Four errors of about 0.012 of stopped draws, and less of fixed ones.
      expect_lt(abs(1 - fit_mixing(cells, model)$safe(25) - truth), 0.05)
    }
  }
})

test_that("weights are as many prompts as they say", {
  set.seed(4)
  unsafe <- rbinom(100, 10, rbeta(100, 0.5, 5))
  draws <- rep(10, 100)
  weight <- sample(3, 100, replace = TRUE)
  weighted <- cells_of(unsafe, draws, weight = weight)
  copied <- cells_of(rep(unsafe, weight), rep(draws, weight))
  # A likelihood of copies has more in it, but the same maximum.
  expect_equal(fit_beta(weighted)$safe(30), fit_beta(copied)$safe(30),
               tolerance = 1e-4)
  mixture <- function(cells) {
    likelihood <- mixture_likelihood(cells$unsafe, cells$draws, cells$offset,
                                     mixture_grid(cells, 1))
    maximise_mixture(likelihood, cells$weight / sum(cells$weight),
                     rep(1 / ncol(likelihood), ncol(likelihood)), 1e-4)
  }
  expect_equal(mixture(weighted), mixture(copied))
})

test_that("the largest hazard of many has the median that is said", {
  set.seed(5)
  p <- rbeta(500, 0.5, 20)
  cells <- cells_of(rbinom(500, 50, p), rep(50, 500))
  for (model in c("mixture", "beta")) {
    fit <- fit_mixing(cells, model)
    for (n in c(1, 100, 1e5)) {
      worst <- worst_hazard(fit, n)
      # The chance that none of n exceeds it.
      expect_lte((1 - fit$beyond(worst * (1 - 1e-9)))^n, 0.5 + 1e-6)
      expect_gte((1 - fit$beyond(worst * (1 + 1e-9)))^n, 0.5 - 1e-6)
    }
  }
})

test_that("extreme values extend the tail of a law for which they are exact", {
  # The share beyond a score s is exp(-2 s).
  n <- 1e4
  score <- -log((seq_len(n) - 0.5) / n) / 2
  got <- tail_hazard(score, rep(1, n), c(1e3, 1e6), 10)
  expect_equal(got, exp(-exp(log(worst_share(c(1e3, 1e6))) / 2)))
  expect_identical(tail_hazard(rep(1, 20), rep(1, 20), 10, 10), NA_real_)
})

test_that("relative to what was predicted, risk does not depend on depth", {
  set.seed(6)
  # Risky prompts are hardly drawn: without the prediction they would be missed.
  p <- rep(c(0.3, 1e-3), each = 1000)
  draws <- rep(c(2, 500), each = 1000)
  unsafe <- rbinom(2000, draws, p)
  truth <- mean(1 - (1 - p)^50)
  informed <- cells_of(unsafe, draws, log(-log1p(-p)))
  blind <- cells_of(unsafe, draws)
  for (model in c("mixture", "beta")) {
    expect_lt(abs(1 - fit_mixing(informed, model)$safe(50) - truth), 0.02)
  }
  expect_gt(abs(1 - fit_mixing(blind, "mixture")$safe(50) - truth), 0.05)
})
