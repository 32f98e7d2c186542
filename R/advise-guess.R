# Prompts as they may be, where nothing but a guess of their unsafe rate is
# known: what advise_budget() simulates before the first draw is paid for.

# How far hazards differ between prompts, and how much of that their features
# say: as found on real prompts of a real model, see the methods vignette.
guessed_law <- list(spread = 2, explained = 0.5, features = 5)

# A seed that nobody takes for draws of their own: the random numbers are the
# same in each setting, and no one else's change.
advice_seed <- 25061359

# Prompts with a mean hazard of `rate`: list(x, prob). On the scale of the
# complementary log-log hazards are normal, and linear in the features but for
# what these do not say.
guess_prompts <- function(rate, n, law = guessed_law) {
  x <- matrix(stats::rnorm(n * law$features), n, byrow = TRUE)
  said <- rowSums(x) / sqrt(law$features)
  unsaid <- stats::rnorm(n)
  z <- sqrt(law$explained) * said + sqrt(1 - law$explained) * unsaid
  list(x = x, prob = complementary_hazard(guess_centre(rate, law$spread) +
                                            law$spread * z))
}

complementary_hazard <- function(eta) -expm1(-exp(eta))

# Where hazards must be centred for their mean to be `rate`.
guess_centre <- function(rate, spread) {
  z <- stats::qnorm(stats::ppoints(2000))
  excess <- function(centre) {
    mean(complementary_hazard(centre + spread * z)) - rate
  }
  stats::uniroot(excess, log(-log1p(-rate)) + c(-1, 1) * spread^2 * 3,
                 extendInt = "upX", tol = 1e-8)$root
}

# The shares of prompts that may train, which advice compares.
guessed_train <- c(0.1, 0.25, 0.5)

# The scenes of settings where only the rate is guessed; see known_scene().
guess_scenes <- function(rate, newdata, training, call = rlang::caller_env()) {
  rate <- check_number(rate, "hazard", 0, 1, c(TRUE, TRUE), call = call)
  given <- c(newdata = !is.null(newdata), training = !is.null(training))
  if (any(given)) {
    stop_argument(names(given)[given][1L], "must be NULL",
                  "a guess of the rate as `hazard`",
                  fix = "Train a hazard with fit_hazard().", call = call)
  }
  function(setting) {
    guess_scene(rate, setting$n_train, ceiling(setting$budget))
  }
}

# A training of `n` prompts with `draws` draws each, simulated. More training
# prompts than `most` predict no better.
guess_scene <- function(rate, n, draws, size = 2000, most = 5000) {
  n <- min(n, most)
  with_seed(advice_seed, {
    people <- guess_prompts(rate, size)
    training <- guess_prompts(rate, n)
    unsafe <- stats::rbinom(n, draws, training$prob)
  })
  # Few prompts, or none unsafe: nothing to say before there are any draws.
  hazard <- suppressWarnings(
    fit_hazard(training$x, cbind(unsafe, safe = draws - unsafe))
  )
  list(rows = list(prob = predict_hazard(hazard, people$x, "x")),
       truth = people$prob, hazard = hazard, pilot = new_pilot(hazard),
       reference = list(prob = hazard$fitted))
}
