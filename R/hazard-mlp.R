# The engine "mlp": a multilayer perceptron. It is trained in the C core.
# Derivation: methods vignette, "The perceptron".

fit_mlp <- function(x, unsafe, draws, call, hidden = c(32, 32),
                    learning_rate = 1e-3, weight_decay = 1e-4, batch_size = 100,
                    epochs = 100, validation = 0.1, patience = 10,
                    weighted = TRUE, start_at_rate = TRUE,
                    standardised = TRUE) {
  hidden <- check_numeric(hidden, "hidden", min = 1, max = 10000, whole = TRUE,
                          call = call)
  learning_rate <- check_number(learning_rate, "learning_rate", min = 0,
                                max = 1, open = c(TRUE, FALSE), call = call)
  weight_decay <- check_number(weight_decay, "weight_decay", min = 0, max = 100,
                               call = call)
  batch_size <- check_number(batch_size, "batch_size", min = 1, max = 2^30,
                             whole = TRUE, call = call)
  epochs <- check_number(epochs, "epochs", min = 1, max = 1e6, whole = TRUE,
                         call = call)
  if (learning_rate * weight_decay > 1) {
    stop_argument("weight_decay", "times `learning_rate` must not exceed 1",
                  format(learning_rate * weight_decay), call = call)
  }
  if (sum(as.numeric(c(ncol(x), hidden)) * c(hidden, 1)) > 1e8) {
    stop_argument("hidden", "must make at most 1e8 weights",
                  paste(hidden, collapse = ", "), call = call)
  }
  validation <- check_number(validation, "validation", min = 0, max = 0.9,
                             call = call)
  patience <- check_number(patience, "patience", min = 1, max = 1e6,
                           whole = TRUE, call = call)
  weighted <- check_flag(weighted, "weighted", call = call)
  start_at_rate <- check_flag(start_at_rate, "start_at_rate", call = call)
  standardised <- check_flag(standardised, "standardised", call = call)

  n <- length(unsafe)
  held_out <- min(round(validation * n), n - 1)
  rows <- if (held_out > 0) sample.int(n) else seq_len(n)
  linear <- standardise(x)
  if (!standardised) {
    linear$centre <- 0
    linear$scale <- as.numeric(linear$scale > 0)
  }
  rate <- sum(unsafe) / sum(draws)
  fit <- core_value(.Call(ffi_mlp_fit, list(
    x = apply_scale(x, linear)[rows, , drop = FALSE], unsafe = unsafe[rows],
    draws = draws[rows], n_train = n - held_out, hidden = as.integer(hidden),
    learning_rate = learning_rate, weight_decay = weight_decay,
    batch_size = batch_size, epochs = epochs,
    patience = if (held_out > 0) patience else 0,
    weighted = as.double(weighted),
    start_bias = if (start_at_rate) stats::qlogis(rate) else NaN
  )), call)
  colnames(fit$history) <- c("training", "validation")
  structure(
    list(
      weights = fit$weights, hidden = as.integer(hidden), linear = linear,
      history = fit$history[seq_len(fit$epochs), , drop = FALSE],
      epochs = fit$epochs, held_out = held_out,
      converged = held_out == 0 || fit$epochs < epochs
    ),
    class = "mlp_model"
  )
}

#' @export
predict_model.mlp_model <- function(model, matrix, arg, call) {
  scaled <- apply_scale(matrix, model$linear)
  if (any(abs(range(scaled)) > 1e30)) {
    stop_features(arg, "must be near the training features",
                  "1e30 standard deviations away", call = call)
  }
  core_value(.Call(ffi_mlp_predict, scaled, model$hidden, model$weights), call)
}
