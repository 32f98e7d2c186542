# The engine "glm": a penalised generalised linear model with complementary
# log-log link. It is fitted in the C core; here its columns are made.
# Derivation: methods vignette, "The generalised linear model".

# Linear terms and interactions have penalties of their own, from a gamma
# distribution of this shape: effects then follow Student's distribution with
# two degrees of freedom, heavy-tailed enough for a few features that matter
# among hundreds, and close to a ridge where all matter a little.
penalty_shape <- 1

fit_glm <- function(x, unsafe, draws, call, splines = NULL, interactions = NULL,
                    penalty = NULL, dispersion = NULL, tolerance = 1e-8,
                    max_iterations = 100) {
  control <- list(
    penalty = check_number(penalty, "penalty", min = 0, null_ok = TRUE,
                           call = call),
    dispersion = check_number(dispersion, "dispersion", min = 0,
                              open = c(TRUE, FALSE), null_ok = TRUE,
                              call = call),
    tolerance = check_number(tolerance, "tolerance", min = 0, max = 1,
                             open = c(TRUE, TRUE), call = call),
    max_iterations = check_number(max_iterations, "max_iterations", min = 1,
                                  max = 1e6, whole = TRUE, call = call)
  )
  most_pairs <- check_interactions(interactions, penalty, call)
  counts <- list(unsafe = unsafe, draws = draws, seen_unsafe = unsafe,
                 seen_draws = draws)
  if (is.null(penalty)) {
    counts <- utils::modifyList(counts, add_prior_event(unsafe, draws))
  }
  blocks <- if (is.null(penalty)) learn_blocks(x, counts) else no_blocks(x)
  x <- condense_training(x, blocks)
  linear <- standardise(x)
  terms <- list(linear = linear, pairs = no_pairs,
                smooths = make_smooths(x, linear, unsafe, splines, call))
  fit <- solve_glm(x, counts, terms, control, call)
  terms$pairs <- find_pairs(x, counts, fit, predict_glm(fit, x), terms,
                            most_pairs)
  if (nrow(terms$pairs) > 0L) {
    fit <- solve_glm(x, counts, terms, control, call)
  }
  if (!fit$converged) {
    warn_classed("convergence", c(
      sprintf("The hazard fit did not converge in %d iterations.",
              fit$iterations),
      i = "Raise `max_iterations`, or set a `penalty`."
    ), call = call)
  }
  blocks$ridges <- lapply(blocks$ridges, `[<-`, "score", list(NULL))
  structure(c(fit, list(penalty_chosen = is.null(penalty), blocks = blocks,
                        out_of_fold = leave_folds_out(x, counts, fit))),
            class = "glm_model")
}

# One unsafe draw more, spread over all prompts at the overall rate: where a
# group of prompts has no unsafe draw at all, its hazard must not fall without
# end.
add_prior_event <- function(unsafe, draws) {
  n <- length(unsafe)
  list(unsafe = unsafe + 1 / n, draws = draws + sum(draws) / sum(unsafe) / n)
}

# One fit with these terms, and with them what prediction needs.
solve_glm <- function(x, counts, terms, control, call) {
  columns <- describe_columns(terms)
  shape <- penalty_shapes(terms)
  start <- if (is.null(control$penalty)) {
    # Weak to start with: a priori the linear predictor varies by about 2, and
    # each smooth by about 1, on the scale of log hazards.
    c(max(1, sum(terms$linear$scale > 0) / 4), rep(1, length(shape) - 1L))
  } else {
    rep(control$penalty, length(shape))
  }
  fit <- core_value(.Call(ffi_glm_fit, list(
    x = expand_terms(x, terms), centre = columns$centre, scale = columns$scale,
    unsafe = counts$unsafe, draws = counts$draws,
    seen_unsafe = counts$seen_unsafe, seen_draws = counts$seen_draws,
    group = columns$group, weight = columns$weight, shape = shape,
    lambda = start, estimate = as.double(is.null(control$penalty)),
    dispersion = control$dispersion %||% NaN, tolerance = control$tolerance,
    max_iterations = control$max_iterations
  )), call)
  names(fit$beta) <- c("(Intercept)", columns$label)
  c(fit, list(columns = columns, terms = terms))
}

# ---- The design --------------------------------------------------------------

# x, the columns of its splines, the products of its pairs.
expand_terms <- function(x, terms) {
  expand_pairs(expand_smooths(x, terms$smooths), x, terms)
}

# One row for each column of the design: linear terms are group 0, the curvature
# of each feature is a group, and so are all interactions.
describe_columns <- function(terms) {
  linear <- terms$linear
  parts <- list(cbind(linear, group = rep(0L, nrow(linear)),
                      weight = rep(1, nrow(linear))))
  for (s in terms$smooths) {
    parts[[length(parts) + 1L]] <- data.frame(
      label = paste0("s(", linear$label[s$column], ").", seq_along(s$weight)),
      centre = 0, scale = 1, group = length(parts), weight = s$weight
    )
  }
  pairs <- terms$pairs
  if (nrow(pairs) > 0L) {
    parts[[length(parts) + 1L]] <- data.frame(
      label = label_pairs(pairs, linear), centre = 0, scale = 1,
      group = length(parts), weight = 1
    )
  }
  columns <- do.call(rbind, parts)
  columns$group <- as.integer(columns$group)
  columns
}

# For each group of columns: all columns of a spline share one penalty.
penalty_shapes <- function(terms) {
  c(if (nrow(terms$linear) > 0L) penalty_shape,
    rep(Inf, length(terms$smooths)),
    if (nrow(terms$pairs) > 0L) penalty_shape)
}

# ---- Out of fold -------------------------------------------------------------

# Hazards of the training rows, each by the fit to the other folds: one scoring
# step from the fit to all, with its penalties. With H the information, G_k and
# g_k the share of fold k in it and in the score, the step is
# (H - G_k)^-1 g_k = (I - H^-1 G_k)^-1 H^-1 g_k.
leave_folds_out <- function(x, counts, fit) {
  z <- cbind(1, apply_scale(expand_terms(x, fit$terms), fit$columns))
  eta <- drop(z %*% fit$beta)
  terms <- score_rows(counts, eta)
  inverse <- matrix(fit$covariance, ncol(z)) / fit$dispersion
  fold <- assign_folds(eta, ridge_folds)
  for (k in unique(fold)) {
    at <- fold == k
    part <- z[at, , drop = FALSE]
    share <- crossprod(part, terms$weight[at] * part)
    step <- inverse %*% crossprod(part, terms$score[at])
    # Directions that this fold alone knows stay as they are.
    step <- tryCatch(solve(diag(ncol(z)) - inverse %*% share, step),
                     error = function(e) step)
    eta[at] <- eta[at] - part %*% step
  }
  -expm1(-exp(clip_eta(eta)))
}

# ---- Prediction --------------------------------------------------------------

#' @export
predict_model.glm_model <- function(model, matrix, arg, call) {
  columns <- condense(matrix, model$blocks)
  prob <- predict_glm(model, columns$x, call)
  if (all(columns$further == 0)) {
    return(prob)
  }
  # On the scale of the complementary log-log a factor of the hazard rate.
  -expm1(log1p(-prob) * exp(columns$further))
}

predict_glm <- function(model, x, call = rlang::caller_env()) {
  core_value(.Call(ffi_glm_predict, expand_terms(x, model$terms),
                   model$columns$centre, model$columns$scale, model$beta), call)
}
