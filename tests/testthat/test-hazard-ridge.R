# Prompts whose hazards depend on all of d correlated columns a little.
wide_world <- function(n = 300, d = 80, draws = 30) {
  x <- matrix(rnorm(n * d), n) %*% (matrix(rnorm(d^2), d) * (1:d)^-0.5) / 3
  eta <- drop(x %*% rnorm(d))
  prob <- 1 - exp(-exp(-3 + eta / sd(eta)))
  list(x = x, prob = prob, draws = rep(draws, n),
       unsafe = rbinom(n, draws, prob))
}

# The optimum for these rows of scaled columns, by Newton's method with halved
# steps: the linear predictor of all rows, without the offset.
newton_ridge <- function(z, world, rows, penalty, offset = 0) {
  z <- cbind(1, z)
  penalties <- c(0, rep(penalty, ncol(z) - 1L))
  value <- function(beta) {
    p <- 1 - exp(-exp(clip_eta(drop(z %*% beta) + offset)))[rows]
    sum(dbinom(world$unsafe[rows], world$draws[rows], p, log = TRUE)) -
      sum(penalties * beta^2) / 2
  }
  beta <- c(-3, numeric(ncol(z) - 1L))
  for (step in 1:40) {
    terms <- score_rows(world, drop(z %*% beta) + offset)
    part <- z[rows, ]
    inner <- crossprod(part, terms$weight[rows] * part) + diag(penalties)
    move <- solve(inner, crossprod(part, terms$score[rows]) - penalties * beta)
    while (value(beta + move) < value(beta) - 1e-9 && max(abs(move)) > 1e-9) {
      move <- move / 2
    }
    beta <- beta + move
    if (max(abs(move)) < 1e-7) break
  }
  drop(z %*% beta)
}

test_that("the fits without a fold are optima, and prediction is their mean", {
  set.seed(2)
  for (d in c(60, 400)) {
    world <- wide_world(d = d)
    linear <- standardise(world$x)
    offset <- rnorm(300) / 4
    ridge <- fit_ridge(world$x, world, linear = linear, offset = offset)
    fold <- fold_by_row(world$x, seq_len(d), linear)
    fits <- vapply(seq_len(ridge_folds), function(k) {
      newton_ridge(apply_scale(world$x, linear), world, fold != k,
                   ridge$penalty * mean(fold != k), offset)
    }, numeric(300))
    expect_equal(ridge$score, fits[cbind(1:300, fold)], tolerance = 5e-3)
    expect_equal(ridge$constant + drop(world$x %*% ridge$slope),
                 rowMeans(fits), tolerance = 5e-3)
  }
})

test_that("the penalty is about the one that predicts other folds best", {
  set.seed(4)
  world <- wide_world(d = 60)
  ridge <- fit_ridge(world$x, world)
  fold <- fold_by_row(world$x, 1:60, standardise(world$x))
  z <- apply_scale(world$x, standardise(world$x))
  loss <- function(penalty) {
    sum(vapply(seq_len(ridge_folds), function(k) {
      rest <- fold != k
      eta <- newton_ridge(z, world, rest, mean(rest) * penalty)[!rest]
      p <- 1 - exp(-exp(eta))
      -sum(dbinom(world$unsafe[!rest], 30, p, log = TRUE))
    }, 0))
  }
  chosen <- loss(ridge$penalty)
  others <- vapply(ridge$penalty * c(1 / 16, 1 / 4, 4, 16), loss, 0)
  expect_true(all(chosen < others + 1))
})

test_that("folds are of one size, whatever the session's numbers", {
  set.seed(5)
  mark <- rnorm(52)
  fold <- assign_folds(mark, 5)
  expect_setequal(tabulate(fold, 5), 10:11)
  set.seed(6)
  expect_identical(assign_folds(rev(mark), 5), rev(fold))
})

test_that("an offset is what others explain", {
  set.seed(7)
  world <- wide_world(d = 60)
  first <- fit_ridge(world$x, world)
  shifted <- fit_ridge(world$x, world, offset = rep(0.7, 300))
  expect_equal(shifted$slope, first$slope, tolerance = 1e-3)
  expect_equal(shifted$constant, first$constant - 0.7, tolerance = 1e-3)
})

test_that("the sparse ridge is the optimum, in columns as they are", {
  set.seed(10)
  x <- matrix(rbinom(200 * 60, 1, 0.1), 200)
  world <- list(unsafe = rbinom(200, 20, exp(-3 + x[, 1])),
                draws = rep(20, 200))
  ours <- fit_sparse_ridge(sparse_columns(x, 1:60), world)
  fold <- assign_folds(drop(x %*% cos(seq_len(60)^2)), ridge_folds)
  fits <- vapply(seq_len(ridge_folds), function(k) {
    newton_ridge(x, world, fold != k, ours$penalty * mean(fold != k))
  }, numeric(200))
  expect_equal(ours$constant + drop(x %*% ours$slope), rowMeans(fits),
               tolerance = 5e-3)
  # Effective degrees of freedom of each, exactly.
  edf <- vapply(seq_len(ridge_folds), function(k) {
    rest <- fold != k
    z <- cbind(1, x)[rest, ] * sqrt(score_rows(world, fits[, k])$weight[rest])
    inner <- crossprod(z) + diag(c(0, rep(ours$penalty * mean(rest), 60)))
    sum(diag(solve(inner, crossprod(z))))
  }, 0)
  expect_lt(abs(ours$edf - mean(edf)), 2)
})

test_that("one run for many penalties is as many runs for one each", {
  set.seed(11)
  for (rows in c(127, 300)) {
    world <- wide_world(n = rows, d = 150)
    chosen <- fit_ridge(world$x, world)
    given <- fit_ridge(world$x, world, penalty = chosen$penalty)
    expect_equal(given$slope, chosen$slope, tolerance = 1e-2)
    expect_equal(given$score, chosen$score, tolerance = 1e-2)
  }
})

test_that("steep worlds are reached in steps that can be trusted", {
  set.seed(12)
  x <- matrix(rnorm(200 * 400), 200)
  prob <- 1 - exp(-exp(-4 + x[, 1:100] %*% rnorm(100) / 3))
  world <- list(unsafe = rbinom(200, 50, prob), draws = rep(50, 200))
  ridge <- fit_ridge(x, world)
  loss <- function(penalty) {
    score <- fit_ridge(x, world, penalty = penalty)$score
    p <- 1 - exp(-exp(pmin(score, 3.6)))
    -sum(dbinom(world$unsafe, 50, p, log = TRUE))
  }
  best <- loss(ridge$penalty)
  others <- vapply(ridge$penalty * 4^c(-2, -1, 1, 2), loss, 0)
  expect_true(all(best < others + 1))
})

test_that("copies of a prompt share a fold, and are not known beforehand", {
  set.seed(13)
  world <- wide_world(n = 100, d = 60, draws = 5)
  again <- rep(1:100, 4)
  copied <- list(unsafe = rbinom(400, 5, world$prob[again]),
                 draws = rep(5, 400))
  fold <- fold_by_row(world$x[again, ], 1:60, standardise(world$x))
  expect_true(all(tapply(fold, again, function(k) length(unique(k))) == 1))
  ridge <- fit_ridge(world$x[again, ], copied)
  expect_true(all(tapply(ridge$score, again, function(s) diff(range(s))) <
                    1e-8))
  # As many rows of the same kinds, where kinds are what is learnt.
  kinds <- assign_folds(rep(c(1, 2), 50), 5)
  expect_true(all(table(kinds, rep(1:2, 50)) > 0))
})

test_that("some of the columns, as if there were no others", {
  set.seed(14)
  world <- wide_world(d = 60)
  more <- cbind(rnorm(300), world$x, rnorm(300))
  expect_equal(fit_ridge(more, world, 2:61)[c("slope", "score", "penalty")],
               fit_ridge(world$x, world)[c("slope", "score", "penalty")])
})
