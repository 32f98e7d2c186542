# Wide blocks of columns, such as embeddings: a ridge regression whose penalty
# is chosen out of fold makes one column of them. Derivation: methods vignette,
# "Wide blocks".

# This many columns are no longer looked at one by one.
least_wide <- 50L

# Penalties are tried in steps of this factor.
ridge_step <- 4
ridge_folds <- 5L

# ---- Fitting -----------------------------------------------------------------

# One common penalty for the scaled columns, beside an `offset`. list(constant,
# slope) of the raw columns; `score`, what the fit to the other folds adds to
# the linear predictor of each row; `penalty`; `edf`; and the kurtosis of the
# coefficients of scaled columns.
fit_ridge <- function(x, counts, linear = standardise(x), offset = 0) {
  # All numbers are finite: matrix products need not look for others.
  usual <- options(matprod = "blas")
  on.exit(options(usual))
  basis <- principal_axes(apply_scale(x, linear))
  problem <- pose_ridge(basis$scores, counts, basis$scores[, 1L], basis$size,
                        offset)
  best <- choose_ridge(problem)
  shrunk <- best$weight * basis$size
  beta <- drop(basis$axes %*% best$beta[-1L, 1L])
  slope <- beta * linear$scale
  list(constant = best$beta[1L, 1L] - sum(slope * linear$centre), slope = slope,
       score = best$eta[problem$own] - offset, penalty = best$penalty,
       edf = 1 + sum(shrunk / (shrunk + best$penalty)),
       kurtosis = mean(beta^4) / mean(beta^2)^2)
}

# The same for a sparse matrix, whose columns stay as they are.
fit_sparse_ridge <- function(x, counts, offset = 0) {
  problem <- pose_ridge(x, counts, as.vector(x %*% cos(seq_len(ncol(x))^2)),
                        Matrix::colSums(x^2), offset)
  best <- choose_ridge(problem)
  list(constant = best$beta[1L, 1L], slope = best$beta[-1L, 1L],
       score = best$eta[problem$own] - offset, penalty = best$penalty,
       edf = estimate_edf(problem, best))
}

pose_ridge <- function(x, counts, mark, size, offset = 0) {
  n <- nrow(x)
  fold <- assign_folds(mark, ridge_folds)
  list(
    m = cbind(1, x), size = c(n, size), offset = offset,
    unsafe = counts$unsafe, draws = counts$draws,
    # The first column is the fit to all rows.
    keep = cbind(1, outer(fold, seq_len(ridge_folds), "!=") + 0),
    own = cbind(seq_len(n), fold + 1L)
  )
}

# The trace of the matrix that smooths, from random signs v: the mean of
# v' w^1/2 m (m' w m + penalties)^-1 m' w^1/2 v.
estimate_edf <- function(problem, best, probes = 4L) {
  n <- length(problem$draws)
  sign <- with_seed(1, matrix(sample(c(-1, 1), n * probes, TRUE), n))
  weight <- score_rows(problem, best$eta[, 1L])$weight
  problem$keep <- matrix(1, n, probes)
  size <- nrow(best$beta)
  move <- conjugate_gradients(
    problem, matrix(weight, n, probes),
    matrix(c(0, rep(best$penalty, size - 1L)), size, probes),
    sqrt(weight) * sign, matrix(0, size, probes), 50L, 0.03
  )
  mean(colSums(sqrt(weight) * sign * move$eta))
}

# m times b, and its transpose times b, of plain or sparse m.
multiply <- function(m, b) {
  if (is.matrix(m)) m %*% b else as.matrix(m %*% b)
}

multiply_back <- function(m, b) {
  if (is.matrix(m)) crossprod(m, b) else as.matrix(Matrix::crossprod(m, b))
}

# scores = z axes, with the squared lengths `size` of its columns. Of n rows and
# d columns the smaller number decides which matrix is decomposed.
principal_axes <- function(z) {
  wide <- ncol(z) >= nrow(z)
  gram <- if (wide) tcrossprod(z) else crossprod(z)
  parts <- eigen(gram, symmetric = TRUE)
  keep <- parts$values > 1e-10 * parts$values[1L]
  size <- parts$values[keep]
  vectors <- parts$vectors[, keep, drop = FALSE]
  if (!wide) {
    return(list(scores = z %*% vectors, axes = vectors, size = size))
  }
  root <- sqrt(size)
  list(scores = vectors * rep(root, each = nrow(z)),
       axes = crossprod(z, vectors * rep(1 / root, each = nrow(z))),
       size = size)
}

# The same each time, whatever the seed and, where their marks tell rows apart,
# the order of the rows.
assign_folds <- function(mark, folds) {
  place <- with_seed(1, sample(rep_len(seq_len(folds), length(mark))))
  place[order(order(signif(mark, 8L)))]
}

# From about 16 degrees of freedom downhill, each solution from the one before;
# then once more at the least of the parabola through the best three.
choose_ridge <- function(problem) {
  rate <- sum(problem$unsafe) / sum(problem$draws)
  weight <- mean(problem$draws) * log1p(-rate)^2 * (1 - rate) / rate
  at <- list(beta = matrix(0, length(problem$size), ncol(problem$keep)))
  at$beta[1L, ] <- log(-log1p(-rate)) - mean(problem$offset)
  at$eta <- multiply(problem$m, at$beta) + problem$offset
  start <- solve_ridge(problem, weight * sum(problem$size[-1L]) / 16, at)
  # A millionth of the strongest direction, and beyond all of them together.
  limits <- weight * c(1e-6 * max(problem$size[-1L]),
                       10 * sum(problem$size[-1L]))
  path <- walk_down(problem, list(start), 1 / ridge_step, limits)
  if (length(path) == 2L) {
    path <- walk_down(problem, rev(path), ridge_step, limits)
  }
  loss <- vapply(path, `[[`, 0, "loss")
  k <- which.min(loss)
  penalty <- path[[k]]$penalty
  if (k > 1L && k < length(loss)) {
    move <- path[[k]]$penalty / path[[k - 1L]]$penalty
    penalty <- penalty * move^lowest_point(loss[k + -1:1])
  }
  solve_ridge(problem, penalty, path[[k]], 0.02)
}

# Penalties change by `factor` until the loss has risen.
walk_down <- function(problem, path, factor, limits) {
  repeat {
    k <- length(path)
    penalty <- path[[k]]$penalty * factor
    if (penalty < limits[1L] || penalty > limits[2L] ||
          (k > 1L && path[[k]]$loss > path[[k - 1L]]$loss)) {
      return(path)
    }
    path <- c(path, list(solve_ridge(problem, penalty, path[[k]])))
  }
}

# Of the parabola through (-1, y1), (0, y2), (1, y3), y2 the least.
lowest_point <- function(y) {
  bend <- y[1L] - 2 * y[2L] + y[3L]
  if (bend > 0) (y[1L] - y[3L]) / (2 * bend) else 0
}

# ---- One penalty -------------------------------------------------------------

# Scoring from `at`, list(beta, eta), for all columns of beta, which differ in
# the rows that they keep; those of fewer rows are penalised less. It ends with
# a gain in log-likelihood below `enough`.
solve_ridge <- function(problem, penalty, at, enough = 0.5, most = 25L) {
  beta <- at$beta
  eta <- at$eta
  penalties <- outer(c(0, rep(penalty, nrow(beta) - 1L)),
                     colMeans(problem$keep))
  value <- function(eta, beta) {
    colSums(row_likelihood(problem, eta) * problem$keep) -
      colSums(penalties * beta^2) / 2
  }
  now <- value(eta, beta)
  for (step in seq_len(most)) {
    terms <- score_rows(problem, eta)
    move <- conjugate_gradients(problem, terms$weight * problem$keep, penalties,
                                terms$score * problem$keep, beta)
    share <- rep(1, ncol(beta))
    for (half in 1:10) {
      to <- beta + scale_columns(move$beta, share)
      eta_to <- eta + scale_columns(move$eta, share)
      then <- value(eta_to, to)
      worse <- !(then >= now - 1e-7 * abs(now))
      if (!any(worse)) {
        break
      }
      share[worse] <- share[worse] / 2
    }
    gain <- max(then - now)
    beta <- to
    eta <- eta_to
    now <- then
    if (gain < enough) {
      break
    }
  }
  list(beta = beta, eta = eta, penalty = penalty,
       weight = mean(terms$weight[, 1L]),
       loss = -sum(row_likelihood(problem, eta)[problem$own]))
}

# Solves (m' w m + penalties) move = m' score - penalties beta for all columns
# at once. In principal axes the matrix is nearly diagonal where weights do not
# differ much.
conjugate_gradients <- function(problem, w, penalties, score, beta, most = 30L,
                                tolerance = 0.1) {
  m <- problem$m
  left <- multiply_back(m, score) - penalties * beta
  scale <- 1 / (outer(problem$size, colSums(w) / colSums(problem$keep)) +
                  penalties)
  move <- list(beta = 0 * left, eta = 0 * score)
  scaled <- left * scale
  direction <- scaled
  size <- first <- colSums(left * scaled)
  for (step in seq_len(most)) {
    along <- multiply(m, direction)
    image <- multiply_back(m, w * along) + penalties * direction
    by <- size / pmax(colSums(direction * image), 1e-300)
    move$beta <- move$beta + scale_columns(direction, by)
    move$eta <- move$eta + scale_columns(along, by)
    left <- left - scale_columns(image, by)
    scaled <- left * scale
    next_size <- colSums(left * scaled)
    if (all(next_size < tolerance^2 * first | next_size < 1e-3)) {
      break
    }
    direction <- scaled + scale_columns(direction,
                                        next_size / pmax(size, 1e-300))
    size <- next_size
  }
  move
}

scale_columns <- function(a, by) {
  a * rep(by, each = nrow(a))
}

# Derivative of the log-likelihood by the linear predictor, and its information.
score_rows <- function(problem, eta) {
  hazard <- exp(clip_eta(eta))
  safe <- exp(-hazard)
  prob <- -expm1(-hazard)
  list(score = hazard * (problem$unsafe / prob - problem$draws),
       weight = problem$draws * hazard^2 * safe / prob)
}

row_likelihood <- function(problem, eta) {
  hazard <- exp(clip_eta(eta))
  problem$unsafe * log(-expm1(-hazard)) -
    (problem$draws - problem$unsafe) * hazard
}

# Beyond, the probability is 1, or so small that nobody draws that often.
clip_eta <- function(eta) {
  eta[] <- pmin(pmax(eta, -30), 3.6)
  eta
}
