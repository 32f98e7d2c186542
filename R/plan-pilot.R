# A pilot for tau_max and the cap: the training draws say about which tau
# calibration will select, and how wrong hazards are.

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
    fixed <- fix_by(replace(constants, "delta", NA_real_), pilot, n)
    target <- safe_target(constants$alpha, fixed$variance / n)
    found <- pilot_tau(pilot, target, constants$cap)
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

# Training prompts with hazards from models that did not see them: those of
# `training`, see read_training(), or those of the fit, each with the model of
# the other folds. None for a user's own model, and for draws that stopped at
# the first unsafe one, from which the miscoverage cannot be estimated.
new_pilot <- function(hazard, training = NULL, folds = 5) {
  if (!is.null(training)) {
    enough <- length(training$prob) >= 10 * folds && sum(training$unsafe) > 0
    return(if (enough) training)
  }
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

# What the fit keeps; else every fifth prompt, and so on, is left out.
predict_out_of_fold <- function(hazard, folds,
                                call = rlang::caller_env()) {
  if (!is.null(hazard$out_of_fold)) {
    return(hazard$out_of_fold)
  }
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
pilot_tau <- function(pilot, target, cap = Inf) {
  size <- pilot$size %||% length(pilot$prob)
  short <- function(tau) {
    loss <- pilot_loss(pilot, tau, cap)
    error <- stats::sd(loss) / sqrt(size)
    mean(loss) - pilot_errors[["pilot"]] * error - target
  }
  low <- 0
  high <- 0.9
  # A low cap keeps the miscoverage below the target at every tau.
  if (short(high) < 0) {
    return(if (reaches(pilot, high, cap) < 0.5) NA_real_ else high)
  }
  for (step in 1:20) {
    middle <- (low + high) / 2
    if (short(middle) < 0) low <- middle else high <- middle
  }
  if (reaches(pilot, high, cap) < 0.5) NA_real_ else high
}

# Where a prompt has fewer draws than its quantile needs, these few stand for
# all: the miscoverage is then underestimated, and tau errs on the high,
# safe side.
pilot_loss <- function(pilot, tau, cap = Inf) {
  replicated_loss(pilot$unsafe, pilot$draws,
                  find_law(pilot)$quantile(pilot, tau, cap))
}

# The share of prompts with draws enough for their quantile.
reaches <- function(pilot, tau, cap = Inf) {
  mean(find_law(pilot)$quantile(pilot, tau, cap) <= pilot$draws + 1)
}

# ---- How wrong hazards are ---------------------------------------------------

# Hazards as they may be, given the training draws: a random one for each
# prompt. Among prompts with about the same estimate the true hazards are
# gamma distributed, with a mean and a variance that these prompts show; each
# prompt's own draws then say where it stands among them.
draw_truth <- function(pilot, bins = 10) {
  n <- length(pilot$prob)
  bins <- max(1, min(bins, n %/% 25))
  bin <- ceiling(rank(pilot$prob) / n * bins)
  expected <- pilot$draws * pmax(pilot$prob, 1e-12)
  total <- function(x) as.vector(rowsum(x, bin))[match(bin, sort(unique(bin)))]
  # A bin without an unsafe draw says that its hazards are low, if they were
  # thought to be high.
  none <- 0.5 * (total(pilot$unsafe) == 0)
  mean <- expected * (total(pilot$unsafe) + none) / (total(expected) + none)
  excess <- total((pilot$unsafe - mean)^2 - mean) / total(mean^2)
  shape <- 1 / pmin(pmax(excess, 1e-6), 1e6)
  spread <- stats::rgamma(n, shape + pilot$unsafe) / (shape + mean)
  pmin(1, spread * mean / pilot$draws)
}

# ---- Training draws that the user supplies -----------------------------------

# list(prob, unsafe, draws) of prompts that did not train the hazard, or NULL.
read_training <- function(training, hazard, call = rlang::caller_env()) {
  if (is.null(training)) {
    return(NULL)
  }
  if (!is_outcomes(training) &&
        !(is.list(training) && all(c("newdata", "y") %in% names(training)))) {
    stop_argument(
      "training", "must contain draws with their prompts", describe(training),
      fix = paste("Supply draws from draw_responses(), or",
                  "list(newdata = features, y = cbind(unsafe, safe))."),
      call = call
    )
  }
  y <- if (is_outcomes(training)) training else training$y
  outcomes <- read_outcomes(y, arg = "training", call = call)
  check_never_stopped(outcomes$stop, "training", call)
  if (any(outcomes$unsafe != round(outcomes$unsafe)) ||
        any(outcomes$draws != round(outcomes$draws))) {
    stop_argument("training", "must contain whole numbers of draws",
                  "fractions", call = call)
  }
  newdata <- if (is_outcomes(training)) outcomes$prompts else training$newdata
  check_rows(newdata, length(outcomes$draws), "training$newdata", call = call)
  prob <- predict_hazard(hazard, newdata, "training$newdata", call = call)
  used <- outcomes$draws > 0
  list(prob = prob[used], unsafe = outcomes$unsafe[used],
       draws = outcomes$draws[used])
}

# The pilot, where there is something to choose by it, or prompts are screened.
plan_pilot <- function(hazard, training, tau_max, cap, delta,
                       screened = NULL) {
  if (is.null(tau_max) || (is.null(cap) && !is.null(delta)) ||
        !is.null(screened)) {
    new_pilot(hazard, training)
  }
}
