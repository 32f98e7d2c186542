# Wide blocks of columns, such as embeddings: a ridge regression whose penalty
# is chosen out of fold makes one column of them. It is fitted in the C core.
# Derivation: methods vignette, "Wide blocks".

# As many as the fits that share a pass in the core.
ridge_folds <- 6L

# ---- Fitting -----------------------------------------------------------------

# One common penalty for these columns of x, scaled, beside an `offset`.
# list(constant, slope) of the raw columns, the mean of the fits that leave a
# fold out: a fit to all rows would vary more than the scores that the rest of
# the model is fitted to. `score`, what the fit to the other folds adds to the
# linear predictor of each row, and their `range`; `penalty`; `edf`; and the
# kurtosis of the coefficients of scaled columns.
fit_ridge <- function(x, counts, columns = seq_len(ncol(x)),
                      linear = standardise(x), offset = 0, penalty = 0) {
  linear <- linear[columns, ]
  fit <- solve_ridge(
    list(x = x, column = columns - 1L, centre = linear$centre,
         scale = linear$scale),
    counts, fold_by_row(x, columns, linear), offset, penalty
  )
  slope <- fit$slope * linear$scale
  spread <- kurtosis(fit$slope)
  fit$slope <- slope
  fit$constant <- fit$constant - sum(slope * linear$centre)
  c(fit, kurtosis = spread)
}

# Of coefficients around 0: 3 where they are normal.
kurtosis <- function(slope) mean(slope^4) / mean(slope^2)^2

# The same for a sparse matrix, whose columns stay as they are. `copies`: rows
# that are the same are copies of one prompt, not prompts of one kind.
fit_sparse_ridge <- function(x, counts, offset = 0, penalty = 0,
                             copies = FALSE) {
  mark <- as.vector(x %*% cos(seq_len(ncol(x))^2))
  solve_ridge(list(start = x@p, row = x@i, value = x@x), counts,
              assign_folds(mark, ridge_folds, copies), offset, penalty)
}

solve_ridge <- function(matrix, counts, fold, offset, penalty) {
  n <- length(counts$draws)
  fit <- core_value(.Call(ffi_ridge_fit, c(matrix, list(
    unsafe = as.double(counts$unsafe), draws = as.double(counts$draws),
    offset = rep_len(as.double(offset), n), fold = fold - 1L,
    sign = with_seed(1, sample(c(-1, 1), n * ridge_folds, TRUE)),
    penalty = penalty
  ))))
  list(constant = mean(fit$constant), slope = colMeans(fit$beta),
       score = fit$score, range = range(fit$score), penalty = fit$penalty,
       edf = fit$edf)
}

# ---- Folds -------------------------------------------------------------------

# Copies of a prompt are in one fold, whatever its columns are called.
fold_by_row <- function(x, columns, linear) {
  slope <- numeric(ncol(x))
  slope[columns] <- cos(seq_along(columns)^2) * linear$scale
  assign_folds(drop(x %*% slope), ridge_folds, copies = TRUE)
}

# The same each time, whatever the seed and, where their marks tell rows apart,
# the order of the rows. Where rows of one mark are `copies`, they share a fold,
# unless so few marks are left that a fold would have no row.
assign_folds <- function(mark, folds, copies = FALSE) {
  mark <- signif(mark, 8L)
  if (copies && length(unique(mark)) >= 2L * folds) {
    return(assign_folds(unique(mark), folds)[match(mark, unique(mark))])
  }
  place <- with_seed(1, sample(rep_len(seq_len(folds), length(mark))))
  place[order(order(mark))]
}

# ---- Scores of single rows ---------------------------------------------------

# Derivative of the log-likelihood by the linear predictor, and its information.
score_rows <- function(counts, eta) {
  hazard <- exp(clip_eta(eta))
  safe <- exp(-hazard)
  prob <- -expm1(-hazard)
  list(score = hazard * (counts$unsafe / prob - counts$draws),
       weight = counts$draws * hazard^2 * safe / prob)
}

# Beyond, the probability is 1, or so small that nobody draws that often.
clip_eta <- function(eta) {
  eta[] <- pmin(pmax(eta, -30), 3.6)
  eta
}
