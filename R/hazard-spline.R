# Natural cubic splines: the smooth terms of a hazard fit, beside the linear
# ones. Derivation: methods vignette, "The generalised linear model".

# One natural cubic spline for each feature that can have one: a list of lists
# with `column`, `knots`, `value`, `curvature` and `weight`.
make_smooths <- function(x, linear, unsafe, splines, call) {
  n_knots <- check_number(splines, "splines", min = 0, max = 50, whole = TRUE,
                          null_ok = TRUE, call = call)
  if (isTRUE(n_knots > 0 && n_knots < 4)) {
    stop_argument("splines", "must be 0 for none, or at least 4 knots",
                  format(n_knots), call = call)
  }
  if (is.null(n_knots)) {
    affordable <- min(length(unsafe) / 10, sum(unsafe) / 5) /
      max(1, sum(linear$scale > 0))
    n_knots <- min(10, floor(affordable) + 1)
  }
  if (n_knots < 4) {
    return(list())
  }
  able <- which(linear$scale > 0)
  smooths <- lapply(able, function(j) make_smooth(x[, j], j, n_knots))
  smooths[!vapply(smooths, is.null, logical(1))]
}

make_smooth <- function(x, column, n_knots) {
  if (length(unique(x)) < 8L) {
    return(NULL)
  }
  coordinate <- learn_coordinate(x)
  x <- apply_coordinate(x, coordinate)
  at <- stats::quantile(x, seq(0, 1, length.out = n_knots), names = FALSE)
  at <- unique(at)
  wide <- c(TRUE, diff(at) > 1e-8 * diff(range(at)))
  at <- at[wide]
  if (length(at) < 4L) {
    return(NULL)
  }
  c(list(column = column, coordinate = coordinate, knots = at),
    spline_basis(at))
}

# Where the tails of a feature are heavy, a curvature measured in its own units
# would see nothing but tails: its spline lives on a scale that is linear in the
# middle and logarithmic outside. NULL: the feature's own scale.
learn_coordinate <- function(x) {
  at <- stats::quantile(x, c(0, 0.25, 0.5, 0.75, 1), names = FALSE)
  spread <- (at[4L] - at[2L]) / 1.35
  if (spread > 0 && (at[5L] - at[1L]) / spread > 20) {
    c(centre = at[3L], spread = spread)
  }
}

apply_coordinate <- function(x, coordinate) {
  if (is.null(coordinate)) {
    return(x)
  }
  asinh((x - coordinate[["centre"]]) / coordinate[["spread"]])
}

# The non-linear natural cubic splines with these knots, in the coordinates that
# make their penalty diagonal. With values b at the knots, second derivatives
# there are B^-1 D b (zero at the ends), and the integrated squared second
# derivative is b' D' B^-1 D b; its eigenvectors are the basis, two of them
# (constant and straight line) dropped.
spline_basis <- function(knots) {
  k <- length(knots)
  knots <- (knots - knots[1L]) / (knots[k] - knots[1L])
  h <- diff(knots)
  inner <- seq_len(k - 2L)
  d <- matrix(0, k - 2L, k)
  b <- matrix(0, k - 2L, k - 2L)
  for (i in inner) {
    d[i, i + 0:2] <- c(1 / h[i], -1 / h[i] - 1 / h[i + 1L], 1 / h[i + 1L])
    b[i, i] <- (h[i] + h[i + 1L]) / 3
    if (i < k - 2L) {
      b[i, i + 1L] <- b[i + 1L, i] <- h[i + 1L] / 6
    }
  }
  second <- solve(b, d)
  eigen <- eigen(crossprod(d, second), symmetric = TRUE)
  value <- eigen$vectors[, inner, drop = FALSE] * sqrt(k)
  list(
    value = value,
    curvature = rbind(0, second %*% value, 0),
    weight = eigen$values[inner] / eigen$values[k - 2L]
  )
}

# x with the columns of the splines after it. The basis was made for knots
# scaled to [0, 1], so x is scaled like them.
expand_smooths <- function(x, smooths) {
  if (length(smooths) == 0L) {
    return(x)
  }
  parts <- lapply(smooths, function(s) {
    width <- s$knots[length(s$knots)] - s$knots[1L]
    at <- apply_coordinate(x[, s$column], s$coordinate)
    scaled <- (at - s$knots[1L]) / width
    knots <- (s$knots - s$knots[1L]) / width
    core_value(.Call(ffi_spline_expand, scaled, knots, s$value, s$curvature))
  })
  do.call(cbind, c(list(x), parts))
}
