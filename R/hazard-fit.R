# The hazard_fit: an engine's model, a constant or a model of the user's own,
# and its predictions.

# ---- Fitting -----------------------------------------------------------------

# Prompts without a draw have been left out of `learnt`, and are here of the
# outcomes.
fit_engine <- function(learnt, outcomes, engine, stop, settings, call,
                       error_call = rlang::caller_env()) {
  check_engine(engine, settings, error_call)
  used <- outcomes$draws > 0
  unsafe <- outcomes$unsafe[used]
  draws <- outcomes$draws[used]
  model <- fit_model(learnt$matrix, unsafe, draws, engine, settings, error_call)
  learnt$rows <- c(learnt$rows, mark_features(learnt))
  about <- list(stop = stop || any(outcomes$stop), omitted = which(!used),
                refused = outcomes$refused[used],
                call = plain_call(call, "fit_hazard", nested = TRUE))
  new_hazard_fit(model, learnt, unsafe, draws, about,
                 list(engine = engine, settings = settings))
}

# The function that fits the engine, if it knows all these settings.
engine_function <- function(engine) {
  switch(engine, glm = fit_glm, mlp = fit_mlp)
}

# What a user can set of it: all but the data and the call.
engine_settings <- function(engine) {
  names(formals(engine_function(engine)))[-(1:4)]
}

check_engine <- function(engine, settings, call = rlang::caller_env()) {
  engine <- check_choice(engine, c("glm", "mlp"), "engine", call = call)
  run <- engine_function(engine)
  known <- engine_settings(engine)
  unknown <- setdiff(names(settings) %||% rep("", length(settings)), known)
  if (length(unknown) > 0L) {
    refuse_renamed(unknown, c("y", "stop"), call)
    stop_argument("...", sprintf(
      "must be settings of the engine \"%s\" (%s)", engine,
      paste(known, collapse = ", ")
    ), list_names(unknown), call = call)
  }
  run
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

# Jeffreys' mean, for all prompts.
fit_constant <- function(unsafe, draws, call) {
  prob <- (sum(unsafe) + 0.5) / (sum(draws) + 1)
  if (sum(unsafe) == 0 || sum(unsafe) == sum(draws)) {
    warn_classed(
      "constant_hazard",
      c(
        sprintf("All %s training draws are %s.", format(sum(draws)),
                if (sum(unsafe) == 0) "safe" else "unsafe"),
        i = sprintf("The hazard of every prompt is set to %s.",
                    format(prob, digits = 3)),
        i = sprintf("Add training draws or %s prompts.",
                    if (sum(unsafe) == 0) "riskier" else "safer")
      ),
      call = call
    )
  }
  structure(list(prob = prob, converged = TRUE,
                 out_of_fold = constant_out_of_fold(unsafe, draws)),
            class = "constant_model")
}

constant_out_of_fold <- function(unsafe, draws) {
  fold <- assign_folds(seq_along(draws), ridge_folds)
  rest <- function(x) sum(x) - stats::ave(x, fold, FUN = sum)
  (rest(unsafe) + 0.5) / (rest(draws) + 1)
}

# ---- The object --------------------------------------------------------------

# Hazards out of fold stay in the fit, or, where an engine has none, the
# encoded features, for models that leave some prompts out.
new_hazard_fit <- function(model, learnt, unsafe, draws, about, how) {
  constant <- inherits(model, "constant_model")
  fitted <- predict_model(model, learnt$matrix)
  out_of_fold <- model$out_of_fold
  model$out_of_fold <- NULL
  precision <- estimate_precision(out_of_fold, unsafe, draws)
  fit <- binomial_likelihood(unsafe, draws, fitted)
  # All counts as one: what a single rate for all prompts explains.
  null <- binomial_likelihood(sum(unsafe), sum(draws), 0.5)
  structure(
    list(
      engine = if (constant) "constant" else how$engine,
      encoder = learnt$encoder, model = model,
      fitted = fitted, out_of_fold = out_of_fold,
      precision = precision,
      precision_rule = estimate_precision_rule(out_of_fold, unsafe, draws,
                                               precision),
      unsafe = unsafe,
      draws = draws, refused = about$refused, stop = about$stop,
      deviance = 2 * (fit$saturated - fit$likelihood),
      null.deviance = 2 * (fit$saturated - null$saturated),
      nobs = length(unsafe), omitted = about$omitted, formula = learnt$formula,
      schema = schema_numbers[["hazard_fit"]], call = about$call,
      training = c(list(matrix = if (is.null(out_of_fold)) learnt$matrix,
                        rows = learnt$rows), how)
    ),
    class = "hazard_fit"
  )
}

# list(likelihood, saturated) of counts.
binomial_likelihood <- function(unsafe, draws, prob) {
  core_value(.Call(ffi_binomial_likelihood, unsafe, draws, prob))
}

# A number that identifies a fit, also after a file has dropped digits.
hazard_check <- function(hazard) {
  if (is.null(hazard$fitted)) {
    return(NA_real_)
  }
  place <- seq_along(hazard$fitted) / length(hazard$fitted)
  mean(log(pmax(hazard$fitted, 1e-300)) * place)
}

# ---- Prediction --------------------------------------------------------------

#' Hazards and quantiles from a hazard fit
#'
#' @param object A `hazard_fit` from [fit_hazard()] or [as_hazard()].
#' @param newdata Features of new prompts, in the form used for training (a
#'   matrix, a data frame, the prompts' text, ...). When left out, the training
#'   prompts.
#' @param type `"prob"`: the probability that one draw is unsafe. `"quantile"`:
#'   quantiles of the time to unsafe, in draws, see [geometric_quantile()].
#' @param tau For quantiles: numeric, from 0 to 1, which ones.
#' @param cap For quantiles: a number that none exceeds; `Inf`, the default, is
#'   no cap.
#' @param ... Must be empty.
#' @returns A numeric vector with one hazard or quantile for each row of
#'   `newdata`;
#'   a matrix with a column for each when there are several `tau`.
#' @section Errors: `timetounsafe_error_features` when `newdata` does not match
#'   the training features; `timetounsafe_error_argument`. Levels of a factor
#'   that training did not have count as the average of the training prompts,
#'   or, among more than 50 levels, as those that training had once, with a
#'   warning of class `timetounsafe_warning_new_levels`.
#' @examples
#' set.seed(1)
#' x <- matrix(rnorm(400), 200, 2)
#' unsafe <- rbinom(200, 20, 0.05)
#' fit <- fit_hazard(x, cbind(unsafe, safe = 20 - unsafe))
#' predict(fit, x[1:3, ])
#' predict(fit, x[1:3, ], type = "quantile", tau = c(0.1, 0.2))
#' @export
predict.hazard_fit <- function(object, newdata, type = c("prob", "quantile"),
                               tau = NULL, cap = Inf, ...) {
  check_no_dots(...)
  type <- check_choice(type, c("prob", "quantile"), "type")
  if (type == "prob" && !is.null(tau)) {
    stop_argument("tau", "is for quantiles only",
                  fix = "Add type = \"quantile\".")
  }
  if (missing(newdata)) {
    if (is.null(object$fitted)) {
      stop_argument("newdata",
                    "is required: this hazard has no training prompts")
    }
    prob <- object$fitted
  } else {
    prob <- predict_hazard(object, newdata)
  }
  if (type == "prob") {
    return(prob)
  }
  if (is.null(tau)) {
    stop_argument("tau", "is required for quantiles")
  }
  compute_quantile(prob, tau, cap, rlang::current_env())
}

predict_hazard <- function(object, newdata, arg = "newdata",
                           call = rlang::caller_env()) {
  check_schema("hazard_fit", object$schema, "The hazard", call)
  if (object$engine == "user") {
    return(predict_user(object, newdata, call))
  }
  predict_model(object$model, encode(object$encoder, newdata, arg, call), arg,
                call)
}

# Every engine's model is a list with a class of its own and this method.
predict_model <- function(model, matrix, arg = "newdata",
                          call = rlang::caller_env()) {
  UseMethod("predict_model")
}

#' @export
predict_model.constant_model <- function(model, matrix, arg, call) {
  rep_len(model$prob, nrow(matrix))
}

# ---- A user-supplied model -----------------------------------------------

#' Use your own model as a hazard
#'
#' Wraps any fitted model whose predictions are probabilities that one draw is
#' unsafe, so that [plan_audit()] and [calibrate_lpb()] can use it. The bound
#' holds for every model; a better one gives longer bounds.
#'
#' @param object The fitted model, or a function of the new features that
#'   returns the probabilities.
#' @param predict A function of `object` and `newdata` that returns one
#'   probability from 0 to 1 for each row of `newdata`. May be left out when
#'   `object` is itself a function.
#' @param precision How little prompts with the same prediction differ: the
#'   precision, above 0, of a beta distribution of their hazards, as
#'   [fit_hazard()] estimates it; see [beta_geometric_quantile()]. `Inf` means
#'   that they do not differ; `NULL`, the default, that nothing is known.
#' @param ... Must be empty.
#' @returns An object of class `hazard_fit` with `engine = "user"`, and
#'   `precision`, `NA` where nothing is known (and a `precision_rule`, see
#'   [fit_hazard()]). Its
#'   functions keep copies of the variables that they use, as they are now, and
#'   nothing else of the environment in which they were made, so that a saved
#'   object contains no data or keys of that place. Exceptions: a function that
#'   changes variables with `<<-`, or looks them up by computed names (`get()`,
#'   `eval()`), keeps its environment; and functions and environments inside a
#'   fitted model stay as they are (its formulas do not).
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
#'   hazard <- as_hazard(model, function(object, newdata) {
#'     as.vector(predict(object, newdata, type = "response"))
#'   })
#'   predict(hazard, data[1:3, ], type = "quantile", tau = 0.1)
#' }
#'
#' # ... of glmnet, which wants the safe draws first
#' if (requireNamespace("glmnet", quietly = TRUE)) {
#'   x <- cbind(data$x, data$x^2)
#'   model <- glmnet::cv.glmnet(x, cbind(50 - data$unsafe, data$unsafe),
#'                              family = "binomial")
#'   hazard <- as_hazard(model, function(object, newdata) {
#'     as.vector(predict(object, newdata, s = "lambda.min", type = "response"))
#'   })
#'   predict(hazard, x[1:3, ])
#' }
#' @export
as_hazard <- function(object, predict = NULL, precision = NULL, ...) {
  check_no_dots(...)
  if (missing(object)) {
    stop_missing("object")
  }
  if (!is.null(precision)) {
    precision <- check_number(precision, "precision", min = 0,
                              open = c(TRUE, FALSE), finite = FALSE)
  }
  if (inherits(object, "hazard_fit")) {
    if (!is.null(precision)) {
      object$precision <- precision
      object$precision_rule <- constant_rule(precision)
    }
    return(object)
  }
  if (is.null(predict) && is.function(object)) {
    predict <- call_object
  }
  if (is.null(predict)) {
    stop_argument("predict", paste(
      "must be a function(object, newdata) that returns probabilities"
    ), "NULL")
  }
  check_function(predict, "predict", "of `object` and `newdata`")
  copies <- new_copies()
  model <- list(object = slim_value(object, copies),
                predict = slim_function(predict, copies))
  structure(
    list(engine = "user", model = model, fitted = NULL,
         precision = precision %||% NA_real_,
         precision_rule = if (!is.null(precision)) constant_rule(precision),
         schema = schema_numbers[["hazard_fit"]],
         call = plain_call(match.call(), "as_hazard", nested = TRUE)),
    class = "hazard_fit"
  )
}

call_object <- function(object, newdata) {
  object(newdata)
}

predict_user <- function(object, newdata, call) {
  prob <- tryCatch(
    object$model$predict(object$model$object, newdata),
    error = function(e) {
      stop_argument("predict", "failed on the new features", call = call,
                    parent = e)
    }
  )
  prob <- plain_numbers(prob, "predict", call)
  if (is.array(prob)) {
    prob <- as.vector(prob)
  }
  n <- n_rows(newdata)
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
