# Columns on one scale: of a plain matrix in the C core, of a sparse one here.

# Mean and inverse standard deviation of each column; 0 for a constant one,
# which takes it out of the model.
standardise <- function(x) {
  moments <- if (is.matrix(x)) {
    core_value(.Call(ffi_standardise, x))
  } else {
    sparse_moments(x)
  }
  data.frame(label = colnames(x) %||% sprintf("x%d", seq_len(ncol(x))),
             centre = moments$centre, scale = moments$scale)
}

apply_scale <- function(x, linear) {
  n <- nrow(x)
  (x - rep(linear$centre, each = n)) * rep(linear$scale, each = n)
}

# The same of a sparse matrix, whose zeros are counted, not visited.
sparse_moments <- function(x) {
  n <- nrow(x)
  stored <- diff(x@p)
  column <- rep.int(seq_len(ncol(x)), stored)
  by_column <- function(value) {
    sums <- rowsum(value, column)
    replace(numeric(ncol(x)), as.integer(rownames(sums)), sums)
  }
  centre <- by_column(x@x / n)
  # In units of the largest deviation, so that no square overflows.
  away <- abs(x@x - centre[column])
  largest <- ifelse(stored < n, abs(centre), 0)
  last <- cumsum(stored)[stored > 0]
  at <- unique(column)
  largest[at] <- pmax(largest[at], away[order(column, away)][last])
  squares <- by_column((away / largest[column])^2) +
    (n - stored) * (centre / largest)^2
  varies <- largest > 1e-300 & largest > 1e-12 * abs(centre)
  list(centre = centre,
       scale = ifelse(varies, sqrt(n / squares) / largest, 0))
}
