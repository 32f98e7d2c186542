# fit_hazard(): the ways in, by matrix and by formula.

#' Estimate the hazard: the probability that one draw is unsafe
#'
#' A censored survival model. Draws of a prompt are exchangeable, so the time of
#' its first unsafe draw is geometric, and a prompt with `unsafe` unsafe ones
#' among `draws` draws contributes
#' `unsafe * log(p) + (draws - unsafe) * log(1 - p)` to the log-likelihood,
#' whether the number of draws was fixed or stopped at the first unsafe one.
#'
#' **Engine `"glm"`** (the default): complementary log-log link, the
#' discrete-time proportional-hazards model, on standardised features. A feature
#' with many distinct values may bend: it gets a natural cubic spline. Products
#' of two features enter where a score test asks for them. Penalties are chosen
#' by (approximate) marginal likelihood: one for each linear term and each
#' product, drawn from a common distribution with heavy tails, and one for the
#' curvature of each feature. So features that tell nothing are shrunk away,
#' among hundreds, too. `summary()` reports what was chosen. Arguments in `...`:
#' * `splines`: `NULL` (the default: splines with up to 10 knots where the
#'   training events can carry them, see Details), `FALSE`, or the number of
#'   knots, 4 to 50.
#' * `interactions`: `NULL` (the default: as many pairs as pass the test and the
#'   training events can carry; none when `penalty` is given), `FALSE`, or the
#'   most pairs to take.
#' * `penalty`: `NULL` (the default: chosen from the data) or a number of at
#'   least 0 that all penalties share; 0 is maximum likelihood.
#' * `dispersion`: `NULL` (the default: Pearson's estimate with Fletcher's
#'   correction, at least 1) or a number above 0. It scales the penalties: draws
#'   of prompts whose hazards differ more than their features tell must not
#'   count as independent.
#' * `tolerance` (1e-8: relative change of the deviance; with chosen penalties a
#'   change of 0.01 in the log-likelihood is enough) and `max_iterations` (100).
#'
#' **Engine `"mlp"`**: a perceptron with ReLU layers, trained by AdamW on
#' mini-batches. Arguments in `...`:
#' * `hidden` (`c(32, 32)`): the widths of the layers.
#' * `learning_rate` (1e-3), `weight_decay` (1e-4), `batch_size` (100),
#'   `epochs` (100: the most).
#' * `validation` (0.1): the share of prompts held out, on whose deviance
#'   training stops early after `patience` (10) epochs without improvement.
#'   0 trains for all epochs and keeps the last weights.
#' * `weighted` (`TRUE`): the binomial likelihood; `FALSE` gives each prompt the
#'   same weight, as in the paper.
#' * `start_at_rate` (`TRUE`): start at the overall rate of unsafe draws.
#' * `standardised` (`TRUE`): whether features are standardised first.
#'
#' [paper_hazard()] has the settings of the paper.
#'
#' @details
#' With `splines = NULL` the number of knots is limited so that there are at
#' least 10 training prompts and 5 unsafe draws for each column; below 4 knots,
#' and for features with fewer than 8 distinct values, only the linear term is
#' used. Where the range of a feature exceeds 20 of its robust standard
#' deviations its spline is laid on a scale that is logarithmic outside.
#'
#' Products are of standardised features, cut off at 3 standard deviations. Each
#' pair is tested once, on the fit without products, at a level of 0.01 divided
#' by the number of pairs; more than 1000 features are not searched.
#'
#' With chosen penalties one unsafe draw more, spread over all prompts at the
#' overall rate, is added to the data, so that a group of prompts without any
#' unsafe draw keeps a hazard above 0.
#'
#' @param x The features, one row for each prompt: a numeric matrix, a sparse
#'   matrix from the Matrix package, a data frame (factors and text columns
#'   become indicators), or a character vector of prompts, from which
#'   [text_features()] makes features and keeps the featuriser. Or a formula,
#'   with the counts on its left: `cbind(unsafe, safe) ~ ...`, or
#'   `survival::Surv(time, status) ~ ...` for draws that stopped at the first
#'   unsafe one.
#' @param unsafe Numeric vector: the number of unsafe draws of each prompt.
#' @param draws Numeric vector, as long as `unsafe`, or one number: the number
#'   of draws made, at least 1. Prompts with 0 draws are left out.
#' @param formula,data A formula and the data frame with its variables.
#' @param engine `"glm"` or `"mlp"`, see Details.
#' @param sampling `"fixed"` when the number of draws was chosen beforehand,
#'   `"stopped"` when drawing stopped at the first unsafe one. It does not
#'   change the fit, but some estimates are biased on stopped draws, and the fit
#'   remembers. The default is `"fixed"`, and `"stopped"` for `Surv()`.
#' @param ... Settings of the engine, as listed above.
#' @returns An object of class `hazard_fit`: a list with `engine`, `encoder`,
#'   `model` (the engine's own), `fitted` (hazards of the training prompts),
#'   `unsafe`, `draws`, `sampling`, `deviance`, `null_deviance`, `n`, `version`
#'   and `call`. `predict(fit, newx, type = "prob")` gives hazards,
#'   `predict(fit, newx, type = "quantile", tau = )` quantiles of the
#'   first-unsafe time; see [predict.hazard_fit()].
#' @section No unsafe draw at all: When every training draw is safe (or every
#'   one unsafe) nothing can be learnt from the features. The fit then is one
#'   constant, the mean of the posterior under Jeffreys' prior,
#'   `(unsafe + 1/2) / (draws + 1)`, with a warning of class
#'   `timetounsafe_warning_no_unsafe`.
#' @section Errors: `timetounsafe_error_argument`;
#'   `timetounsafe_error_features` names columns with missing values;
#'   `timetounsafe_warning_convergence` when the iterations ran out.
#' @references arXiv 2506.13593, section 3.1; methods vignette, "The generalised
#'   linear model" and "The perceptron". Wood, S. N. and Fasiolo, M. (2017). A
#'   generalized Fellner-Schall method for smoothing parameter optimization.
#'   Biometrics 73, 1071-1081. \doi{10.1111/biom.12666}
#' @examples
#' set.seed(1)
#' x <- matrix(rnorm(2000), 500, 4)
#' p <- 1 - exp(-exp(-4 + x[, 1]))
#' unsafe <- rbinom(500, 50, p)
#' fit <- fit_hazard(x, unsafe, draws = 50)
#' fit
#' predict(fit, x[1:3, ], type = "quantile", tau = 0.1)
#'
#' data <- data.frame(unsafe, safe = 50 - unsafe, x1 = x[, 1], x2 = x[, 2])
#' fit_hazard(cbind(unsafe, safe) ~ x1 + x2, data)
#' @export
fit_hazard <- function(x, ...) {
  UseMethod("fit_hazard")
}

#' @rdname fit_hazard
#' @export
fit_hazard.default <- function(x, unsafe, draws, engine = c("glm", "mlp"), ...,
                               sampling = c("fixed", "stopped")) {
  if (missing(x) && inherits(list(...)$formula, "formula")) {
    return(fit_hazard.formula(..., engine = engine))
  }
  check_feature_kind(x)
  n <- n_rows(x)
  if (n == 0L) {
    stop_argument("x", "must not be empty")
  }
  counts <- check_counts(unsafe, draws, n)
  sampling <- check_choice(sampling, c("fixed", "stopped"), "sampling")
  used <- counts$draws > 0
  learnt <- learn_encoder(if (all(used)) x else take_rows(x, used))
  fit_engine(learnt, counts$unsafe[used], counts$draws[used],
             check_choice(engine, c("glm", "mlp"), "engine"), sampling,
             list(...), match.call())
}

#' @rdname fit_hazard
#' @export
fit_hazard.formula <- function(formula, data, engine = c("glm", "mlp"), ...,
                               sampling = NULL) {
  if (missing(data) || !is.data.frame(data) || nrow(data) == 0L) {
    stop_argument("data", "must be a data frame that is not empty",
                  if (!missing(data)) describe(data))
  }
  if (length(formula) != 3L) {
    stop_argument(
      "formula", "must have counts on its left",
      fix = "For example cbind(unsafe, safe) ~ x1 + x2."
    )
  }
  terms <- stats::terms(formula, data = data)
  if (!is.null(attr(terms, "offset"))) {
    stop_argument("formula", "must not have an offset",
                  fix = "`draws` is what an exposure would be.")
  }
  if (attr(terms, "intercept") == 0L) {
    stop_argument("formula", "must have an intercept", "`0 +` or `- 1`")
  }
  counts <- read_response(formula, data)
  if (!is.null(sampling)) {
    counts$sampling <- check_choice(sampling, c("fixed", "stopped"), "sampling")
  }
  used <- counts$draws > 0
  learnt <- learn_frame(data[used, , drop = FALSE], terms)
  fit_engine(learnt, counts$unsafe[used], counts$draws[used],
             check_choice(engine, c("glm", "mlp"), "engine"), counts$sampling,
             list(...), match.call())
}

# ---- Counts ------------------------------------------------------------------

check_counts <- function(unsafe, draws, n, call = rlang::caller_env()) {
  unsafe <- check_numeric(unsafe, "unsafe", n, min = 0, finite = TRUE,
                          call = call)
  draws <- check_numeric(draws, "draws", n, min = 0, max = 2^53,
                         finite = TRUE, recycle = TRUE, call = call)
  draws <- rep_len(draws, n)
  if (any(unsafe > draws)) {
    at <- which(unsafe > draws)[1L]
    stop_argument("unsafe", "must not exceed `draws`",
                  sprintf("%s of %s (element %d)", format(unsafe[at]),
                          format(draws[at]), at), call = call)
  }
  if (!any(draws > 0)) {
    stop_argument("draws", "must be above 0 for at least one prompt",
                  call = call)
  }
  list(unsafe = unsafe, draws = draws)
}

# cbind(unsafe, safe), or Surv(time, status): the draws of a censored first
# unsafe time have the same likelihood as counts.
read_response <- function(formula, data, call = rlang::caller_env()) {
  response <- tryCatch(
    eval(formula[[2L]], data, environment(formula)),
    error = function(e) {
      stop_argument("formula", "has a left side that cannot be computed",
                    call = call, parent = e)
    }
  )
  if (survival::is.Surv(response)) {
    return(read_surv(response, call))
  }
  if (!is.matrix(response) || !is.numeric(response) || ncol(response) != 2L) {
    stop_argument("formula", paste(
      "must have cbind(unsafe, safe) or Surv(time, status) on its left"
    ), describe(response), call = call)
  }
  unsafe <- check_numeric(response[, 1L], "unsafe", min = 0, finite = TRUE,
                          call = call)
  safe <- check_numeric(response[, 2L], "safe", min = 0, finite = TRUE,
                        call = call)
  c(check_counts(unsafe, unsafe + safe, length(unsafe), call),
    sampling = "fixed")
}

read_surv <- function(response, call) {
  if (attr(response, "type") != "right") {
    stop_argument("formula", "must have right-censored times on its left",
                  paste(attr(response, "type"), "censoring"), call = call)
  }
  time <- check_numeric(response[, "time"], "time", min = 0, finite = TRUE,
                        whole = TRUE, call = call)
  status <- check_numeric(response[, "status"], "status", call = call)
  c(check_counts(status, time, length(time), call), sampling = "stopped")
}
