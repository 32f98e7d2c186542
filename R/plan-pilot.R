# A pilot for tau_prior: the training draws say about which level calibration
# will select.

# `policy` with a tau_prior; what was given stays.
choose_tau_prior <- function(policy, pilot, n) {
  if (!is.null(policy$tau_prior)) {
    return(policy)
  }
  policy$tau_prior <- default_tau_prior(policy$alpha)
  if (is.null(pilot)) {
    return(policy)
  }
  for (pass in 1:3) {
    fixed <- fix_policy(replace(policy, "delta", NA_real_),
                        prior_quantile(pilot, policy), n)
    found <- pilot_level(pilot, safe_target(policy$alpha, fixed$variance / n))
    if (is.na(found)) {
      break
    }
    policy$tau_prior <- found
  }
  policy
}

# The miscoverage that an estimate has to be below alpha for by so many standard
# errors. Its variance, predicted at alpha, grows with the miscoverage.
safe_target <- function(alpha, variance) {
  spread <- pilot_errors[["plan"]]^2 * variance / alpha
  alpha + (spread + sqrt(spread^2 + 4 * spread * alpha)) / 2
}

# How many standard errors the level may be off, of the pilot's own estimate and
# of the one that calibration will make: too low a tau_prior truncates the
# level.
pilot_errors <- c(pilot = 3, plan = 2)

# Training prompts with hazards from models that did not see them. None for a
# user's own model, and for draws that stopped at the first unsafe one, from
# which the miscoverage cannot be estimated.
new_pilot <- function(hazard, folds = 5) {
  usable <- !is.null(hazard$training) && identical(hazard$sampling, "fixed") &&
    hazard$n >= 10 * folds && sum(hazard$unsafe) > 0
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
  fold <- rep_len(seq_len(folds), hazard$n)
  prob <- numeric(hazard$n)
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

# The level at which the pilot's miscoverage, less a margin for its own error,
# reaches the target; NA where the training draws are too few to tell.
pilot_level <- function(pilot, target) {
  short <- function(level) {
    loss <- pilot_loss(pilot, level)
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
# all: the miscoverage is then underestimated, and the level errs on the high,
# safe side.
pilot_loss <- function(pilot, level) {
  replicated_loss(pilot$unsafe, pilot$draws,
                  find_law(pilot)$quantile(pilot, level))
}

# The share of prompts with draws enough for their quantile.
reaches <- function(pilot, level) {
  mean(find_law(pilot)$quantile(pilot, level) <= pilot$draws + 1)
}
