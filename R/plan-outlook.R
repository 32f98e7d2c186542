# Whether anything can be certified, and if not, with what: said before a draw
# is paid for.

# Warns where a plan with these settings certifies no bound above 1: not even if
# no prompt lost anything, or in none of 100 simulated audits, with hazards as
# estimated. `n` prompts in this number of units; `cap` is what the user said.
warn_outlook <- function(constants, cap, pilot, reference, units, n,
                         precision = NULL, call = rlang::caller_env()) {
  if (is.na(constants$delta)) {
    return(invisible())
  }
  quantile <- prior_quantile(reference, constants)
  fixed <- fix_constants(constants, quantile, units, reference)
  rows <- if (is.null(constants$cluster_size)) 1 else n / units
  if (cannot_certify(constants_betting(fixed, units, rows))) {
    warn_few_prompts(fixed, quantile, units, n, call)
  } else if (!expect_certificate(constants, pilot, reference, units,
                                 precision)) {
    warn_no_certificate(c(
      sprintf("No bound above 1 can be certified with %s and a budget of %s.",
              counted(units, if (units < n) "cluster" else "prompt"),
              format(constants$budget)),
      i = "Simulated with these hazards, every bound is 1.",
      i = name_remedies(constants, cap, pilot, reference, units, precision)
    ), call)
  }
}

warn_few_prompts <- function(constants, quantile, units, n, call) {
  least <- if (is.null(constants$cluster_size)) {
    least_prompts(constants, quantile)
  } else {
    Inf
  }
  warn_at_once("few_prompts", c(
    sprintf("%d %s are too few to certify a bound at this budget.", units,
            if (units < n) "clusters" else "prompts"),
    i = sprintf("One prompt can carry the weight of %s.",
                big(ceiling(constants$max_weight))),
    i = if (is.finite(least)) {
      sprintf("It takes at least %s of them.", big(least))
    },
    i = "advise_budget() shows how many prompts a budget needs.",
    i = "`delta = NULL` plans for a bound without certificate."
  ), call)
}

warn_no_certificate <- function(message, call) {
  warn_at_once("no_certificate", c(
    message, i = "`delta = NULL` is for a bound without certificate."
  ), call)
}

# Whether one of `repetitions` simulated audits certifies a bound above 1; one
# of the first two mostly does. A limit to the size of clusters scales payoffs
# and bets alike.
expect_certificate <- function(constants, pilot, reference, n,
                               precision = NULL, repetitions = 100) {
  constants <- constants[setdiff(names(constants), "cluster_size")]
  scene <- simulated_scene(pilot, reference, n, precision)
  simulate_bound(constants, scene, repetitions = 2) > 0 ||
    simulate_bound(constants, scene, prompts = 1e5, repetitions) > 0
}

# More prompts, or a larger budget, with which bounds above 1 are certified.
name_remedies <- function(constants, cap, pilot, reference, units,
                          precision = NULL) {
  certifies <- function(budget, units) {
    settings <- new_constants(constants$design, budget, constants$alpha,
                              constants$delta, NULL, cap, constants$max_limit)
    settings$precision_scale <- constants$precision_scale
    settings <- choose_limits(settings, cap, pilot, reference, units, precision)
    expect_certificate(settings, pilot, reference, units, precision,
                       repetitions = 10)
  }
  more <- 2^(1:3)
  budget <- constants$budget
  units <- Find(function(n) certifies(budget, n), units * more)
  budget <- Find(function(b) certifies(b, units), budget * more)
  remedies <- c(
    if (!is.null(units)) paste(big(units), "prompts"),
    if (!is.null(budget)) paste("a budget of", format(budget))
  )
  if (length(remedies) > 0L) {
    paste0(paste(remedies, collapse = ", or "), ", would do.")
  } else {
    paste("Eight times as many prompts, or draws, change nothing:",
          "the hazards are too high for this `alpha`.")
  }
}

# The smallest n whose prompts could certify a tau if none lost anything. The
# largest weight may differ with n, so it is looked for, not computed.
least_prompts <- function(constants, quantile) {
  if (is.na(constants$delta)) {
    return(NA_real_)
  }
  # The mean of every k-th quantile is close enough.
  quantile <- sort(quantile)[unique(round(seq(1, length(quantile),
                                              length.out = 500)))]
  first_that(function(n) {
    !cannot_certify(constants_betting(fix_constants(constants, quantile, n), n))
  }, start = 10, within = 1.01)
}

# The smallest number of at least `start` / 2 for which `can(n)` is true, to a
# factor of `within`.
first_that <- function(can, start, within = 1) {
  high <- start
  while (!can(high)) {
    if (high > 1e9) {
      return(Inf)
    }
    high <- high * 2
  }
  low <- high / 2
  while (high - low > 1 && high / low > within) {
    middle <- floor((low + high) / 2)
    if (can(middle)) high <- middle else low <- middle
  }
  high
}

# ---- Before there is a hazard ------------------------------------------------

# Warns where so few prompts are left to calibrate on that no sampler, however
# safe, and no budget would get a certificate: with equal weights, without a
# single loss. `total` prompts, or clusters, `units` of them to calibrate on.
warn_hopeless <- function(constants, units, total, what,
                          call = rlang::caller_env()) {
  if (is.na(constants$delta) || could_certify(constants, units)) {
    return(invisible())
  }
  least <- first_that(function(n) could_certify(constants, n), 2)
  warn_no_certificate(c(
    sprintf("Nothing can be certified by calibrating on %s of %s.",
            big(units), counted(total, what)),
    i = sprintf(
      "That takes at least %s, however safe they are: %s with this `train`.",
      big(least), counted(ceiling(least * total / units), what)
    )
  ), call)
}

# By bets as large as any, or by counts.
could_certify <- function(constants, n) {
  design <- find_design(constants$design)
  best <- replace(constants, c("max_weight", "variance"), 1:0)
  rows <- constants$cluster_size %||% 1
  !cannot_certify(constants_betting(best, n, rows)) ||
    design$countable && (1 - constants$alpha)^n <= constants$delta
}
