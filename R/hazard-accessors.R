# What R's own generics give of a hazard_fit.

#' Parts of a hazard fit
#'
#' The methods of R's own generics, for the fits of [fit_hazard()].
#'
#' * `coef()` and `vcov()`: coefficients and their covariance matrix, of engine
#'   `"glm"` and of a constant hazard, on the complementary log-log scale. They
#'   belong to standardised features, smooth terms and products, and the
#'   covariance is the approximate posterior one, given the penalties, times the
#'   dispersion.
#' * `logLik()`: the log-likelihood of the training draws, without penalty:
#'   binomial, or, for draws that stopped at the first unsafe one, geometric.
#'   Attribute `df` is the effective degrees of freedom (`NA` for engine
#'   `"mlp"`, which has no such number), `nobs` the number of prompts.
#' * `nobs()`: number of prompts, without those that had no draw.
#' * `formula()`: the formula that the fit was made with.
#' * `fitted()`: hazards of the training prompts.
#' * `residuals()`: of the training prompts. With `d` draws, `s` of them unsafe,
#'   and hazard `p`: `"deviance"`, the signed square root of each prompt's part
#'   of the deviance; `"pearson"`, `(s - d p) / sqrt(d p (1 - p))`;
#'   `"response"`, `s / d - p`. None is divided by the dispersion.
#'
#' @param object,x A `hazard_fit`.
#' @param type Character: which residuals.
#' @param ... Must be empty.
#' @returns `coef()`, `fitted()` and `residuals()`: a numeric vector; `vcov()`:
#'   a matrix; `logLik()`: an object of class `logLik`, for `AIC()` and `BIC()`;
#'   `nobs()`: a whole number; `formula()`: a formula.
#' @section Errors: `timetounsafe_error_argument` where there is no such thing:
#'   coefficients of a perceptron, the formula of a fit to a matrix, and all of
#'   it for the models of [as_hazard()].
#' @references McCullagh, P. and Nelder, J. A. (1989). Generalized Linear
#'   Models, 2nd edition, section 2.4. Chapman and Hall.
#' @seealso [tidy.hazard_fit()]
#' @name hazard_accessors
#' @examples
#' set.seed(1)
#' x <- matrix(rnorm(400), 200, dimnames = list(NULL, c("a", "b")))
#' unsafe <- rbinom(200, 20, plogis(-3 + x[, "a"]))
#' fit <- fit_hazard(x, cbind(unsafe, 20 - unsafe), splines = 0)
#' coef(fit)
#' sqrt(diag(vcov(fit)))
#' logLik(fit)
#' head(residuals(fit, "pearson"))
NULL

#' @rdname hazard_accessors
#' @export
coef.hazard_fit <- function(object, ...) {
  check_no_dots(...)
  check_coefficients(object)
  if (object$engine == "constant") {
    return(c("(Intercept)" = log(-log1p(-object$model$prob))))
  }
  object$model$beta
}

#' @rdname hazard_accessors
#' @export
vcov.hazard_fit <- function(object, ...) {
  check_no_dots(...)
  check_coefficients(object)
  names <- names(stats::coef(object))
  if (object$engine == "constant") {
    prob <- object$model$prob
    # Fisher's information, Jeffreys' one draw included.
    information <- (sum(object$draws) + 1) * log1p(-prob)^2 * (1 - prob) / prob
    return(matrix(1 / information, 1L, 1L, dimnames = list(names, names)))
  }
  matrix(object$model$covariance, length(names), dimnames = list(names, names))
}

#' @rdname hazard_accessors
#' @export
logLik.hazard_fit <- function(object, ...) {
  check_no_dots(...)
  check_trained(object, "log-likelihood")
  prob <- object$fitted
  unsafe <- object$unsafe
  draws <- object$draws
  value <- binomial_likelihood(unsafe, draws, prob)$likelihood
  if (!object$stop) {
    value <- value + sum(lchoose_real(draws, unsafe))
  }
  structure(value, df = fit_df(object), nobs = object$nobs, class = "logLik")
}

# lchoose() rounds; counts may be fractions.
lchoose_real <- function(n, k) {
  lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1)
}

fit_df <- function(object) {
  switch(object$engine, glm = model_df(object$model), constant = 1, NA_real_)
}

# A block's one column has been counted among the others.
model_df <- function(model) {
  blocks <- vapply(model$blocks$ridges, function(ridge) ridge$edf - 2, 0)
  sum(model$edf) + 1 + sum(blocks)
}

#' @rdname hazard_accessors
#' @export
nobs.hazard_fit <- function(object, ...) {
  check_no_dots(...)
  check_trained(object, "training prompts")
  object$nobs
}

#' @rdname hazard_accessors
#' @export
formula.hazard_fit <- function(x, ...) {
  check_no_dots(...)
  if (is.null(x$formula)) {
    stop_argument("x", "has no formula", fix = paste(
      "fit_hazard(formula, data) makes a fit with one."
    ))
  }
  x$formula
}

#' @rdname hazard_accessors
#' @export
fitted.hazard_fit <- function(object, ...) {
  check_no_dots(...)
  check_trained(object, "training prompts")
  object$fitted
}

#' @rdname hazard_accessors
#' @export
residuals.hazard_fit <- function(object,
                                 type = c("deviance", "pearson", "response"),
                                 ...) {
  check_no_dots(...)
  type <- check_choice(type, c("deviance", "pearson", "response"), "type")
  check_trained(object, "residuals")
  prob <- object$fitted
  rate <- object$unsafe / object$draws
  switch(type,
    response = rate - prob,
    pearson = (object$unsafe - object$draws * prob) /
      sqrt(object$draws * prob * (1 - prob)),
    deviance = {
      part <- times_log_ratio(rate, prob) +
        times_log_ratio(1 - rate, 1 - prob)
      sign(rate - prob) * sqrt(pmax(0, 2 * object$draws * part))
    }
  )
}

# a log(a / b), and 0 at a = 0.
times_log_ratio <- function(a, b) {
  ifelse(a == 0, 0, a * log(a / b))
}

# ---- What a fit does not have ------------------------------------------------

check_trained <- function(object, what, arg = "object",
                          call = rlang::caller_env()) {
  if (object$engine == "user") {
    stop_argument(arg, sprintf("has no %s: it is a user-supplied model", what),
                  call = call)
  }
}

check_coefficients <- function(object, arg = "object",
                               call = rlang::caller_env()) {
  check_trained(object, "coefficients", arg, call)
  if (object$engine == "mlp") {
    stop_argument(arg, "has no coefficients: it is a perceptron",
                  fix = "Use engine = \"glm\".", call = call)
  }
}
