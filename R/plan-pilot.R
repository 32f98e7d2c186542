# A pilot for tau_max: the training draws say about which tau calibration will
# select.

# `constants` with a tau_max; what was given stays.
choose_tau_max <- function(constants, pilot, n) {
  if (!is.null(constants$tau_max)) {
    return(constants)
  }
  constants$tau_max <- default_tau_max(constants$alpha)
  if (is.null(pilot)) {
    return(constants)
  }
  for (pass in 1:3) {
    fixed <- fix_constants(replace(constants, "delta", NA_real_),
                        prior_quantile(pilot, constants), n)
    found <- pilot_tau(pilot, safe_target(constants$alpha, fixed$variance / n))
    if (is.na(found)) {
      break
    }
    constants$tau_max <- found
  }
  constants
}

# The miscoverage that an estimate has to be below alpha for by this many
# standard errors. Its variance, predicted at alpha, grows with the miscoverage.
safe_target <- function(alpha, variance) {
  spread <- pilot_errors[["plan"]]^2 * variance / alpha
  alpha + (spread + sqrt(spread^2 + 4 * spread * alpha)) / 2
}

# How many standard errors tau may be off, of the pilot's own estimate and
# of the one that calibration will make: too low a tau_max cuts off tau.
pilot_errors <- c(pilot = 3, plan = 2)

# Training prompts with hazards from models that did not see them. None for a
# user's own model, and for draws that stopped at the first unsafe one, from
# which the miscoverage cannot be estimated.
new_pilot <- function(hazard, folds = 5) {
  usable <- !is.null(hazard$training) && isFALSE(hazard$stop) &&
    hazard$nobs >= 10 * folds && sum(hazard$unsafe) > 0
  if (!usable) {
    return(NULL)
  }
  rows <- hazard$draws > 0
  pilot <- list(prob = predict_out_of_fold(hazard, folds)[rows],
                unsafe = hazard$unsafe[rows], draws = hazard$draws[rows])
  fractional <- any(pilot$unsafe != round(pilot$unsafe)) ||
    any(pilot$draws != round(pilot$draws))
  if (fractional) NULL else pilot
}

# Every fifth prompt, and so on: the same each time, whatever the seed.
predict_out_of_fold <- function(hazard, folds,
                                call = rlang::caller_env()) {
  training <- hazard$training
  fold <- rep_len(seq_len(folds), hazard$nobs)
  prob <- numeric(hazard$nobs)
  for (k in seq_len(folds)) {
    out <- fold == k
    # What there is to warn of was said of the fit to all prompts.
    model <- suppressWarnings(fit_model(
      training$matrix[!out, , drop = FALSE], hazard$unsafe[!out],
      hazard$draws[!out], training$engine, training$settings, call
    ))
    prob[out] <- predict_model(model, training$matrix[out, , drop = FALSE])
  }
  prob
}

# The tau at which the pilot's miscoverage, less a margin for its own error,
# reaches the target; NA where the training draws are too few to tell.
pilot_tau <- function(pilot, target) {
  short <- function(tau) {
    loss <- pilot_loss(pilot, tau)
    error <- stats::sd(loss) / sqrt(length(loss))
    mean(loss) - pilot_errors[["pilot"]] * error - target
  }
  low <- 0
  high <- 0.9
  if (short(high) < 0) {
    return(NA_real_)
  }
  for (step in 1:20) {
    middle <- (low + high) / 2
    if (short(middle) < 0) low <- middle else high <- middle
  }
  if (reaches(pilot, high) < 0.5) NA_real_ else high
}

# Where a prompt has fewer draws than its quantile needs, these few stand for
# all: the miscoverage is then underestimated, and tau errs on the high,
# safe side.
pilot_loss <- function(pilot, tau) {
  replicated_loss(pilot$unsafe, pilot$draws,
                  find_law(pilot)$quantile(pilot, tau))
}

# The share of prompts with draws enough for their quantile.
reaches <- function(pilot, tau) {
  mean(find_law(pilot)$quantile(pilot, tau) <= pilot$draws + 1)
}
