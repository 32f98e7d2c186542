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

fit_engine <- function(learnt, unsafe, draws, engine, sampling, settings, call,
                       error_call = rlang::caller_env()) {
  check_engine(engine, settings, error_call)
  model <- fit_model(learnt$matrix, unsafe, draws, engine, settings, error_call)
  new_hazard_fit(model, learnt, unsafe, draws, sampling,
                 list(engine = engine, settings = settings), call)
}

# The engine's model, or a constant where there is nothing to learn.
fit_model <- function(x, unsafe, draws, engine, settings, call) {
  rate <- sum(unsafe) / sum(draws)
  if (rate == 0 || rate == 1 || ncol(x) == 0L) {
    return(fit_constant(unsafe, draws, call))
  }
  run <- check_engine(engine, settings, call)
  do.call(run, c(list(x, unsafe, draws, call), settings))
}

# The function that fits the engine, if it knows all these settings.
check_engine <- function(engine, settings, call = rlang::caller_env()) {
  engine <- check_choice(engine, c("glm", "mlp"), "engine", call = call)
  run <- switch(engine, glm = fit_glm, mlp = fit_mlp)
  known <- names(formals(run))[-(1:4)]
  unknown <- setdiff(names(settings) %||% rep("", length(settings)), known)
  if (length(unknown) > 0L) {
    stop_argument("...", sprintf(
      "must hold settings of the engine \"%s\" (%s)", engine,
      paste(known, collapse = ", ")
    ), list_names(unknown), call = call)
  }
  run
}

# The encoded features stay in the fit, for models that leave some prompts out.
new_hazard_fit <- function(model, learnt, unsafe, draws, sampling, how, call) {
  constant <- inherits(model, "constant_model")
  fitted <- predict_model(model, learnt$matrix)
  fit <- binomial_likelihood(unsafe, draws, fitted)
  # All counts as one: what a single rate for all prompts explains.
  null <- binomial_likelihood(sum(unsafe), sum(draws), 0.5)
  structure(
    list(
      engine = if (constant) "constant" else how$engine,
      encoder = learnt$encoder, model = model,
      fitted = fitted, unsafe = unsafe, draws = draws, sampling = sampling,
      deviance = 2 * (fit$saturated - fit$likelihood),
      null_deviance = 2 * (fit$saturated - null$saturated),
      n = length(unsafe), version = 1L, call = call,
      training = c(list(matrix = learnt$matrix), how)
    ),
    class = "hazard_fit"
  )
}

# Every engine's model is a list with a class of its own and this method.
predict_model <- function(model, matrix, arg = "newx",
                          call = rlang::caller_env()) {
  UseMethod("predict_model")
}

# list(likelihood, saturated) of counts.
binomial_likelihood <- function(unsafe, draws, prob) {
  core_value(.Call(ffi_binomial_likelihood, unsafe, draws, prob))
}

# ---- The constant ------------------------------------------------------------

fit_constant <- function(unsafe, draws, call) {
  prob <- (sum(unsafe) + 0.5) / (sum(draws) + 1)
  if (sum(unsafe) == 0 || sum(unsafe) == sum(draws)) {
    warn_classed(
      "no_unsafe",
      c(
        sprintf("All %s training draws are %s.", format(sum(draws)),
                if (sum(unsafe) == 0) "safe" else "unsafe"),
        i = sprintf("The hazard of every prompt is set to %s.",
                    format(prob, digits = 3)),
        i = paste("More training draws, or",
                  if (sum(unsafe) == 0) "riskier" else "safer",
                  "prompts, would tell them apart.")
      ),
      call = call
    )
  }
  structure(list(prob = prob, converged = TRUE), class = "constant_model")
}

#' @export
predict_model.constant_model <- function(model, matrix, arg, call) {
  rep_len(model$prob, nrow(matrix))
}

# ---- Prediction --------------------------------------------------------------

#' Hazards and quantiles from a hazard fit
#'
#' @param object A `hazard_fit` from [fit_hazard()] or [as_hazard()].
#' @param newx Features of new prompts, in the form used for training (a matrix,
#'   a data frame, the prompts' text, ...). When left out, the training prompts.
#' @param type `"prob"`: the probability that one draw is unsafe. `"quantile"`:
#'   quantiles of the first-unsafe time, see [geometric_quantile()].
#' @param tau For quantiles: levels from 0 to 1.
#' @param cap For quantiles: a number that none exceeds; `Inf`, the default, is
#'   no cap.
#' @param ... Must be empty.
#' @returns A numeric vector with one hazard or quantile for each row of `newx`;
#'   a matrix with a column for each level when there are several `tau`.
#' @section Errors: `timetounsafe_error_features` when `newx` does not match the
#'   training features; `timetounsafe_error_argument`.
#' @examples
#' set.seed(1)
#' x <- matrix(rnorm(400), 200, 2)
#' fit <- fit_hazard(x, rbinom(200, 20, 0.05), draws = 20)
#' predict(fit, x[1:3, ])
#' predict(fit, x[1:3, ], type = "quantile", tau = c(0.1, 0.2))
#' @export
predict.hazard_fit <- function(object, newx, type = c("prob", "quantile"),
                               tau = NULL, cap = Inf, ...) {
  check_no_dots(...)
  type <- check_choice(type, c("prob", "quantile"), "type")
  if (type == "prob" && !is.null(tau)) {
    stop_argument("tau", "is for quantiles", fix = "Add type = \"quantile\".")
  }
  if (missing(newx)) {
    if (is.null(object$fitted)) {
      stop_argument("newx", "is needed: this hazard has no training prompts")
    }
    prob <- object$fitted
  } else {
    prob <- predict_hazard(object, newx)
  }
  if (type == "prob") {
    return(prob)
  }
  if (is.null(tau)) {
    stop_argument("tau", "is needed for quantiles")
  }
  compute_quantile(prob, tau, cap, rlang::current_env())
}

predict_hazard <- function(object, newx, arg = "newx",
                           call = rlang::caller_env()) {
  if (object$engine == "user") {
    return(predict_user(object, newx, call))
  }
  predict_model(object$model, encode(object$encoder, newx, arg, call), arg,
                call)
}

#' Use your own model as a hazard
#'
#' Wraps any fitted model whose predictions are probabilities that one draw is
#' unsafe, so that [plan_audit()] and [calibrate_lpb()] can use it. The bound
#' holds for every model; a better one gives longer bounds.
#'
#' @param object The fitted model, or a function of the new features that
#'   returns the probabilities.
#' @param predict A function of `object` and `newx` that returns one probability
#'   from 0 to 1 for each row of `newx`. May be left out when `object` is itself
#'   a function.
#' @returns An object of class `hazard_fit` with `engine = "user"`.
#' @section Errors: `timetounsafe_error_argument`. Predictions are checked at
#'   every call: numeric, one for each row, none missing, from 0 to 1.
#' @section Assumptions: The model must not have been trained on the prompts
#'   that calibrate the bound.
#' @examples
#' set.seed(1)
#' data <- data.frame(x = rnorm(300))
#' data$unsafe <- rbinom(300, 50, plogis(-4 + data$x))
#'
#' # Predictions of a generalised additive model
#' if (requireNamespace("mgcv", quietly = TRUE)) {
#'   model <- mgcv::gam(cbind(unsafe, 50 - unsafe) ~ s(x), binomial, data)
#'   hazard <- as_hazard(model, function(object, newx) {
#'     as.vector(predict(object, newx, type = "response"))
#'   })
#'   predict(hazard, data[1:3, ], type = "quantile", tau = 0.1)
#' }
#'
#' # ... of glmnet, which wants the safe draws first
#' if (requireNamespace("glmnet", quietly = TRUE)) {
#'   x <- cbind(data$x, data$x^2)
#'   model <- glmnet::cv.glmnet(x, cbind(50 - data$unsafe, data$unsafe),
#'                              family = "binomial")
#'   hazard <- as_hazard(model, function(object, newx) {
#'     as.vector(predict(object, newx, s = "lambda.min", type = "response"))
#'   })
#'   predict(hazard, x[1:3, ])
#' }
#' @export
as_hazard <- function(object, predict = NULL) {
  if (missing(object)) {
    stop_missing("object")
  }
  if (inherits(object, "hazard_fit")) {
    return(object)
  }
  if (is.null(predict) && is.function(object)) {
    predict <- function(object, newx) object(newx)
  }
  if (is.null(predict)) {
    stop_argument(
      "predict", "must be a function(object, newx) that returns probabilities",
      "NULL"
    )
  }
  check_function(predict, "predict", "of `object` and `newx`")
  structure(
    list(engine = "user", model = list(object = object, predict = predict),
         fitted = NULL, version = 1L, call = match.call()),
    class = "hazard_fit"
  )
}

predict_user <- function(object, newx, call) {
  prob <- tryCatch(
    object$model$predict(object$model$object, newx),
    error = function(e) {
      stop_argument("predict", "failed on the new features", call = call,
                    parent = e)
    }
  )
  if (is.array(prob)) {
    prob <- as.vector(prob)
  }
  n <- n_rows(newx)
  fine <- is.numeric(prob) && length(prob) == n && !anyNA(prob) &&
    all(prob >= 0 & prob <= 1)
  if (!fine) {
    found <- if (is.numeric(prob) && length(prob) == n) {
      bad <- which(is.na(prob) | prob < 0 | prob > 1)[1L]
      sprintf("%s (row %d)", format(prob[bad]), bad)
    } else {
      describe(prob)
    }
    stop_argument(
      "predict",
      sprintf("must return %d probabilities between 0 and 1", n), found,
      fix = paste("Are the features those of the model, and the predictions",
                  "on the scale of the response?"), call = call
    )
  }
  as.double(prob)
}
