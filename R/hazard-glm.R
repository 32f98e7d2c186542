# The engine "glm": a penalised generalised linear model with complementary
# log-log link. The fit is src/core/hazard-glm.c; here the columns are made.

fit_glm <- function(x, unsafe, draws, call, splines = NULL, penalty = NULL,
                    dispersion = NULL, tolerance = 1e-8, max_iterations = 100) {
  penalty <- check_number(penalty, "penalty", min = 0, null_ok = TRUE,
                          call = call)
  dispersion <- check_number(dispersion, "dispersion", min = 0,
                             open = c(TRUE, FALSE), null_ok = TRUE, call = call)
  tolerance <- check_number(tolerance, "tolerance", min = 0, max = 1,
                            open = c(TRUE, TRUE), call = call)
  max_iterations <- check_number(max_iterations, "max_iterations", min = 1,
                                 max = 1e6, whole = TRUE, call = call)
  linear <- standardise(x)
  smooths <- make_smooths(x, linear, unsafe, splines, call)
  design <- expand_smooths(x, smooths)
  columns <- describe_columns(linear, smooths)
  n_groups <- max(columns$group, -1L) + 1L
  # Weak to start with: a priori the linear predictor varies by about 2, and
  # each smooth by about 1, on the scale of log hazards.
  start <- if (is.null(penalty)) {
    c(max(1, sum(linear$scale > 0) / 4), rep(1, n_groups - 1L))
  } else {
    rep(penalty, n_groups)
  }
  fit <- core_value(.Call(
    ffi_glm_fit, design, columns$centre, columns$scale, unsafe, draws,
    columns$group, columns$weight, start,
    as.double(is.null(penalty)), dispersion %||% NaN, tolerance, max_iterations
  ), call)
  if (!fit$converged) {
    warn_classed("convergence", c(
      sprintf("The hazard fit did not converge in %d iterations.",
              fit$iterations),
      i = "Raise `max_iterations`, or set a `penalty`."
    ), call = call)
  }
  names(fit$beta) <- c("(Intercept)", columns$label)
  structure(
    c(fit, list(columns = columns, smooths = smooths,
                penalty_chosen = is.null(penalty))),
    class = "glm_model"
  )
}

#' @export
predict_model.glm_model <- function(model, matrix, arg, call) {
  design <- expand_smooths(matrix, model$smooths)
  core_value(.Call(ffi_glm_predict, design, model$columns$centre,
                   model$columns$scale, model$beta), call)
}

# Mean and inverse standard deviation of each column; 0 for a constant one,
# which takes it out of the model.
standardise <- function(x) {
  moments <- core_value(.Call(ffi_standardise, x))
  data.frame(label = colnames(x) %||% paste0("x", seq_len(ncol(x))),
             centre = moments$centre, scale = moments$scale)
}

# ---- Splines -----------------------------------------------------------------

# One natural cubic spline for each feature that may bend: a list of lists with
# `column`, `knots`, `value`, `curvature` and `weight`.
make_smooths <- function(x, linear, unsafe, splines, call) {
  if (is.logical(splines) && identical(splines, FALSE)) {
    return(list())
  }
  n_knots <- check_number(splines, "splines", min = 4, max = 50, whole = TRUE,
                          null_ok = TRUE, call = call)
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
  at <- stats::quantile(x, seq(0, 1, length.out = n_knots), names = FALSE)
  at <- unique(at)
  wide <- c(TRUE, diff(at) > 1e-8 * diff(range(at)))
  at <- at[wide]
  if (length(at) < 4L) {
    return(NULL)
  }
  c(list(column = column, knots = at), spline_basis(at))
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
    scaled <- (x[, s$column] - s$knots[1L]) / width
    knots <- (s$knots - s$knots[1L]) / width
    core_value(.Call(ffi_spline_expand, scaled, knots, s$value, s$curvature))
  })
  do.call(cbind, c(list(x), parts))
}

# One row for each column of the design: linear terms share penalty 0, the
# curvature of each feature has one of its own.
describe_columns <- function(linear, smooths) {
  columns <- cbind(linear, group = rep(0L, nrow(linear)),
                   weight = rep(1, nrow(linear)))
  for (i in seq_along(smooths)) {
    s <- smooths[[i]]
    r <- length(s$weight)
    columns <- rbind(columns, data.frame(
      label = paste0("s(", linear$label[s$column], ").", seq_len(r)),
      centre = 0, scale = 1, group = i, weight = s$weight
    ))
  }
  columns$group <- as.integer(columns$group)
  columns
}
