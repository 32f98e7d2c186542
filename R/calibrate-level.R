# The level: that of the point rule, exact or on a grid, and the certified one,
# which holds with probability 1 - delta over the calibration prompts and their
# draws, not only on average. Derivation: methods vignette, "Calibration" and
# "The certificate".

# The level of the point rule, and the certified one.
select_by <- function(audit, rule) {
  if (!any(audit$horizon > 0)) {
    return(c(select_nothing(), trivial = TRUE))
  }
  chosen <- if (!is.null(rule$levels)) {
    select_on_grid(audit, rule$alpha, rule$levels)
  } else if (is.null(design_of(audit)$curve)) {
    select_exact(audit, rule$alpha)
  } else {
    select_smooth(audit, rule$alpha)
  }
  chosen$point_level <- chosen$level
  if (!is.null(rule$delta)) {
    found <- certify_level(audit, rule$alpha, rule$delta, rule$certificate)
    # Luck early in the order may certify more than the whole audit estimates; a
    # lower level is certified, too.
    chosen$level <- min(found$level, chosen$point_level)
    chosen$capped <- found$capped && chosen$capped
    chosen$certificate <- c(found[names(found) %in% c("kind", "bet")],
                            list(remarks = certificate_remarks(audit)))
  }
  chosen$trivial <- all(bound_at(audit, chosen$level) == 1)
  chosen
}

# The bound of each prompt of the audit at one level.
bound_at <- function(audit, level) {
  constants <- audit$constants
  find_law(constants)$quantile(audit, level, constants$cap)
}

# No prompt was included: nothing was looked at, so nothing is known.
select_nothing <- function() {
  none <- data.frame(level = numeric(), miscoverage = numeric())
  list(level = 0, point_level = 0, capped = FALSE, curve = none, exact = TRUE)
}

# ---- The point rule ----------------------------------------------------------

# The exact level and the jumps it was found from.
find_jumps <- function(audit, alpha) {
  core_value(.Call(ffi_select_jump, list(
    level = find_law(audit$constants)$level(audit, audit$time),
    time = as.double(audit$time), censor = as.double(audit$horizon),
    reach = as.double(reach_beyond(audit, audit$time)),
    alpha = alpha, limit = audit$constants$tau_prior
  )))
}

# The level of the point rule alone.
find_point <- function(audit, alpha) {
  if (!any(audit$horizon > 0)) {
    return(select_nothing())
  }
  if (is.null(design_of(audit)$curve)) {
    find_jumps(audit, alpha)
  } else {
    find_level(gather_evidence(audit, alpha), point_rule)
  }
}

select_exact <- function(audit, alpha) {
  found <- find_jumps(audit, alpha)
  at <- order(found$jump_level)
  curve <- data.frame(
    level = found$jump_level[at],
    miscoverage = cumsum(found$jump_weight[at]) / length(audit$prob)
  )
  list(level = found$level, capped = found$capped, curve = curve, exact = TRUE)
}

# Where there are no jumps the curve is shown at so many points.
select_smooth <- function(audit, alpha) {
  levels <- audit$constants$tau_prior * seq_len(curve_points) / curve_points
  curve <- data.frame(level = levels,
                      miscoverage = smooth_curve(audit, levels))
  c(find_point(audit, alpha), list(curve = curve, exact = TRUE))
}

# The ratio whose comparison with alpha is the rule: the sum of losses over the
# sum of weights.
smooth_curve <- function(audit, levels) {
  design_of(audit)$curve(audit, levels) / sum(prompt_weight(audit))
}

curve_points <- 200

select_on_grid <- function(audit, alpha, levels) {
  miscoverage <- if (is.null(design_of(audit)$curve)) {
    weighted_curve(audit, levels)
  } else {
    smooth_curve(audit, levels)
  }
  level <- select_level(levels, miscoverage, alpha)
  list(
    level = if (is.na(level)) 0 else level,
    capped = isTRUE(level >= audit$constants$tau_prior * (1 - 1e-9)),
    curve = data.frame(level = levels, miscoverage = miscoverage),
    exact = FALSE
  )
}

weighted_curve <- function(audit, levels) {
  quantiles <- as_level_matrix(bound_at(audit, levels), length(audit$prob),
                               "levels")
  # For naive a matrix. Where it underflows no horizon reached the quantile.
  pi <- pmax(reach_beyond(audit, quantiles - 1), 1e-300)
  miscoverage_curve(audit$time, audit$horizon, pi, quantiles)
}

# ---- The certified level -----------------------------------------------------

# The level, whether it is capped, the kind of certificate and its bet.
certify_level <- function(audit, alpha, delta, kind, randomised = TRUE) {
  if (kind == "normal") {
    rule <- normal_rule(audit, alpha, delta)
    return(c(find_level(gather_evidence(audit, alpha), rule), kind = "normal"))
  }
  inclusion <- equal_weight(audit)
  if (!is.na(inclusion)) {
    found <- find_binomial(audit, inclusion, alpha, delta)
    return(c(found, kind = "binomial"))
  }
  certify_by_bets(audit, plan_stakes(audit, alpha, delta), randomised)
}

# Where all weights are equal, losses are counted: the number of them at a level
# is binomial. The most that a miscoverage of alpha shows with probability
# delta, and the level at which there would be one more.
find_binomial <- function(audit, inclusion, alpha, delta) {
  n <- length(audit$prob)
  rate <- alpha * inclusion
  most <- stats::qbinom(delta, n, rate)
  if (stats::pbinom(most, n, rate) > delta) {
    most <- most - 1
  }
  limit <- audit$constants$tau_prior
  at <- if (most < 0) 0 else sort(event_jumps(audit))[most + 1]
  list(level = min(limit, below_jump(at)), capped = at >= limit)
}

certify_by_bets <- function(audit, stakes, randomised) {
  # Unlimited weights permit no bet.
  if (bet_for(stakes) <= 0) {
    return(list(level = 0, capped = FALSE, kind = "betting", bet = 0))
  }
  evidence <- gather_evidence(audit, stakes$alpha)
  bets <- place_bets(evidence, stakes)
  found <- find_level(stake_evidence(evidence, bets),
                      wealth_rule(audit, stakes, randomised))
  c(found, kind = "betting", list(bet = unique(bets)))
}

# The shares of the prompts after which the bet is sized anew.
bet_parts <- 2^-(6:1)

# One bet for each prompt, the same for all levels. The first goes by the
# variance that the plan predicted for a hazard that is right; later ones by
# what the prompts before showed, which any bet may depend on. The prediction
# counts for as many prompts as it takes to see two losses of the largest
# weight.
place_bets <- function(evidence, stakes) {
  bets <- rep(bet_for(stakes), stakes$n)
  prior <- 2 * stakes$weight_limit / stakes$alpha
  for (seen in unique(ceiling(bet_parts * stakes$n))) {
    squares <- sum(evidence_left(first_part(evidence, seen))^2)
    variance <- (prior * stakes$variance + squares) / (prior + seen)
    bets[seq_along(bets) > seen] <- bet_for(stakes, variance)
  }
  bets
}

# What a plan does to the assumptions of the certificate.
certificate_remarks <- function(audit) {
  constants <- audit$constants
  c(
    if (constants$design == "plan" && length(unique(audit$prob)) > 1L) {
      "The policy was fixed on these prompts themselves, not on others."
    },
    if (is.infinite(constants$cap)) {
      "Without a cap there is no limit to the weights."
    } else if (largest_weight(audit) > constants$weight_limit * (1 + 1e-9)) {
      "There are weights beyond the limit that the plan set."
    }
  )
}
