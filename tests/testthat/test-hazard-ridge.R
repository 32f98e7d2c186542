# Prompts whose hazards depend on all of d correlated columns a little.
wide_world <- function(n = 300, d = 80, draws = 30) {
  x <- matrix(rnorm(n * d), n) %*% (matrix(rnorm(d^2), d) * (1:d)^-0.5) / 3
  eta <- drop(x %*% rnorm(d))
  prob <- 1 - exp(-exp(-3 + eta / sd(eta)))
  list(x = x, prob = prob, draws = rep(draws, n),
       unsafe = rbinom(n, draws, prob))
}

# The ridge of the C core, which knows nothing of axes and of iterative solves.
other_ridge <- function(world, rows, penalty) {
  fit <- fit_hazard(world$x[rows, ],
                    counts(world$unsafe[rows], world$draws[rows]),
                    penalty = penalty, splines = 0, tolerance = 1e-14)
  fit$model
}

test_that("the ridge is the one of the C core at the same penalty", {
  set.seed(2)
  for (d in c(60, 400)) {
    world <- wide_world(d = d)
    ridge <- fit_ridge(world$x, world)
    theirs <- other_ridge(world, 1:300, ridge$penalty)
    ours <- ridge$constant + drop(world$x %*% ridge$slope)
    expect_equal(ours, log(-log1p(-predict_model(theirs, world$x))),
                 tolerance = 2e-3)
  }
})

test_that("scores are of fits to the other folds, penalised as strongly", {
  set.seed(3)
  world <- wide_world(d = 60)
  linear <- standardise(world$x)
  ridge <- fit_ridge(world$x, world, linear = linear)
  fold <- fold_by_row(world$x, 1:60, linear)
  for (k in 1:2) {
    rest <- fold != k
    # The columns keep the scales that they have in all rows.
    value <- function(b) {
      eta <- b[1] + apply_scale(world$x, linear) %*% b[-1]
      p <- 1 - exp(-exp(eta[rest]))
      sum(dbinom(world$unsafe[rest], 30, p, log = TRUE)) -
        mean(rest) * ridge$penalty * sum(b[-1]^2) / 2
    }
    best <- optim(c(-3, numeric(60)), value, method = "BFGS",
                  control = list(fnscale = -1, maxit = 1000, reltol = 1e-12))
    eta <- best$par[1] + apply_scale(world$x, linear) %*% best$par[-1]
    expect_equal(ridge$score[!rest], eta[!rest], tolerance = 5e-3)
  }
})

test_that("the penalty is about the one that predicts other folds best", {
  set.seed(4)
  world <- wide_world(d = 60)
  ridge <- fit_ridge(world$x, world)
  fold <- fold_by_row(world$x, 1:60, standardise(world$x))
  loss <- function(penalty) {
    sum(vapply(1:5, function(k) {
      model <- other_ridge(world, fold != k, 0.8 * penalty)
      p <- predict_model(model, world$x[fold == k, ])
      -sum(dbinom(world$unsafe[fold == k], 30, p, log = TRUE))
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
  ours <- fit_sparse_ridge(Matrix::Matrix(x, sparse = TRUE), world)
  # The same penalty on columns that are not standardised.
  value <- function(b) {
    p <- 1 - exp(-exp(b[1] + drop(x %*% b[-1])))
    sum(dbinom(world$unsafe, 20, p, log = TRUE)) -
      ours$penalty * sum(b[-1]^2) / 2
  }
  best <- optim(c(-3, numeric(60)), value, method = "BFGS",
                control = list(fnscale = -1, maxit = 1000, reltol = 1e-12))
  expect_equal(ours$constant + drop(x %*% ours$slope),
               best$par[1] + drop(x %*% best$par[-1]), tolerance = 5e-3)
  # Effective degrees of freedom, exactly.
  eta <- best$par[1] + drop(x %*% best$par[-1])
  z <- cbind(1, x) * sqrt(score_rows(world, eta)$weight)
  inner <- crossprod(z) + diag(c(0, rep(ours$penalty, 60)))
  expect_lt(abs(ours$edf - sum(diag(solve(inner, crossprod(z))))), 1.5)
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
