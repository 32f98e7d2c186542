# Selecting tau: by the marginal rule, exact or on a grid, and certified, which
# holds with probability 1 - delta over the calibration prompts and their
# draws, not only on average. Derivation: methods vignette, "Calibration" and
# "The certificate".

# The tau of the marginal rule, and the certified one.
select_by <- function(audit, rule) {
  if (!any(audit$horizon > 0)) {
    return(c(select_nothing(), trivial = TRUE))
  }
  chosen <- if (!is.null(rule$tau_grid)) {
    select_on_grid(audit, rule$alpha, rule$tau_grid)
  } else if (is.null(design_of(audit)$curve)) {
    select_exact(audit, rule$alpha)
  } else {
    select_smooth(audit, rule$alpha)
  }
  chosen$tau_marginal <- chosen$tau
  if (!is.null(rule$delta)) {
    found <- certify_tau(audit, rule$alpha, rule$delta, rule$certificate)
    # Luck early in the order may certify more than the whole audit estimates; a
    # lower tau is certified, too.
    chosen$tau <- min(found$tau, chosen$tau_marginal)
    chosen$at_tau_max <- found$at_tau_max && chosen$at_tau_max
    chosen$certificate <- c(found[names(found) %in% c("kind", "bet")],
                            list(remarks = certificate_remarks(audit)))
  }
  chosen$trivial <- all(bound_at(audit, chosen$tau) == 1)
  chosen
}

# The bound of each prompt of the audit at one tau.
bound_at <- function(audit, tau) {
  constants <- audit$constants
  find_law(constants)$quantile(audit, tau, constants$cap)
}

# No prompt was included: nothing was looked at, so nothing is known.
select_nothing <- function() {
  none <- data.frame(tau = numeric(), miscoverage = numeric())
  list(tau = 0, tau_marginal = 0, at_tau_max = FALSE, curve = none,
       exact = TRUE)
}

# ---- The marginal rule -------------------------------------------------------

# The exact tau and the jumps it was found from. Clusters that count once each
# weigh their rows, which the evidence knows.
find_jumps <- function(audit, alpha) {
  if (is_clustered(audit)) {
    payoffs <- gather_payoffs(audit, alpha, ratio = FALSE)
    return(c(find_tau(payoffs, marginal_rule),
             list(jump_tau = payoffs$outcome$jump,
                  jump_weight = payoffs$weight)))
  }
  core_value(.Call(ffi_select_jump, list(
    tau = find_law(audit$constants)$tau(audit, audit$time),
    time = as.double(audit$time), horizon = as.double(audit$horizon),
    reach = as.double(reach_beyond(audit, audit$time)),
    alpha = alpha, tau_max = audit$constants$tau_max
  )))
}

# The tau of the marginal rule alone.
find_marginal <- function(audit, alpha) {
  if (!any(audit$horizon > 0)) {
    return(select_nothing())
  }
  if (is.null(design_of(audit)$curve)) {
    find_jumps(audit, alpha)
  } else {
    find_tau(gather_payoffs(audit, alpha), marginal_rule)
  }
}

select_exact <- function(audit, alpha) {
  found <- find_jumps(audit, alpha)
  at <- order(found$jump_tau)
  curve <- data.frame(
    tau = found$jump_tau[at],
    miscoverage = cumsum(found$jump_weight[at]) / sum(row_share(audit))
  )
  list(tau = found$tau, at_tau_max = found$at_tau_max, curve = curve,
       exact = TRUE)
}

# Where there are no jumps the curve is shown at this many points.
select_smooth <- function(audit, alpha) {
  tau_grid <- audit$constants$tau_max * seq_len(curve_points) / curve_points
  curve <- data.frame(tau = tau_grid,
                      miscoverage = smooth_curve(audit, tau_grid))
  c(find_marginal(audit, alpha), list(curve = curve, exact = TRUE))
}

# The ratio whose comparison with alpha is the rule: the sum of losses over the
# sum of weights. As if rows of large clusters had been included more often.
smooth_curve <- function(audit, tau_grid) {
  share <- row_share(audit)
  total <- sum(prompt_weight(audit) * share)
  audit$inclusion <- audit$inclusion * min(share) / share
  min(share) * design_of(audit)$curve(audit, tau_grid) / total
}

curve_points <- 200

select_on_grid <- function(audit, alpha, tau_grid) {
  miscoverage <- if (is.null(design_of(audit)$curve)) {
    weighted_curve(audit, tau_grid)
  } else {
    smooth_curve(audit, tau_grid)
  }
  tau <- select_tau(tau_grid, miscoverage, alpha)
  list(
    tau = if (is.na(tau)) 0 else tau,
    at_tau_max = isTRUE(tau >= audit$constants$tau_max * (1 - 1e-9)),
    curve = data.frame(tau = tau_grid, miscoverage = miscoverage),
    exact = FALSE
  )
}

weighted_curve <- function(audit, tau_grid) {
  quantiles <- as_quantile_matrix(bound_at(audit, tau_grid), length(audit$prob),
                               "tau_grid")
  # For naive a matrix. Where it underflows no horizon reached the quantile.
  inclusion <- pmax(reach_beyond(audit, quantiles - 1), 1e-300)
  share <- row_share(audit)
  min(share) / mean(share) *
    miscoverage_curve(audit$time, audit$horizon,
                      inclusion * (min(share) / share), quantiles)
}

# ---- The certified tau -------------------------------------------------------

# The tau, whether it is tau_max, the kind of certificate and its bet.
certify_tau <- function(audit, alpha, delta, kind, randomised = TRUE) {
  if (kind == "normal") {
    rule <- normal_rule(audit, alpha, delta)
    return(c(find_tau(gather_payoffs(audit, alpha), rule), kind = "normal"))
  }
  inclusion <- equal_inclusion(audit)
  if (design_of(audit)$countable && !is.na(inclusion)) {
    found <- find_binomial(audit, inclusion, alpha, delta)
    return(c(found, kind = "binomial"))
  }
  certify_by_bets(audit, plan_betting(audit, alpha, delta), randomised)
}

# Where all weights are equal, losses are counted: the number of them at a tau
# is binomial. The most that a miscoverage of alpha shows with probability
# delta, and the tau at which there would be one more.
find_binomial <- function(audit, inclusion, alpha, delta) {
  n <- length(audit$prob)
  rate <- alpha * inclusion
  most <- stats::qbinom(delta, n, rate)
  if (stats::pbinom(most, n, rate) > delta) {
    most <- most - 1
  }
  tau_max <- audit$constants$tau_max
  at <- if (most < 0) 0 else sort(event_jumps(audit))[most + 1]
  list(tau = min(tau_max, below_jump(at)), at_tau_max = at >= tau_max)
}

certify_by_bets <- function(audit, betting, randomised) {
  # Unlimited weights permit no bet.
  if (bet_for(betting) <= 0) {
    return(list(tau = 0, at_tau_max = FALSE, kind = "betting", bet = 0))
  }
  payoffs <- gather_payoffs(audit, betting$alpha)
  bets <- place_bets(payoffs, betting)
  found <- find_tau(scale_payoffs(payoffs, bets),
                      wealth_rule(audit, betting, randomised))
  c(found, kind = "betting", list(bet = unique(bets)))
}

# The shares of the prompts after which the bet is sized again.
bet_parts <- 2^-(6:1)

# One bet for each prompt, the same for all taus. The first goes by the
# variance that the plan predicted for a hazard that is right, doubled, for few
# are; later ones by what the prompts before showed, which any bet may depend
# on. The prediction counts for half as many prompts as it takes to see one loss
# of the largest weight. What a bet that is too small costs is little where the
# hazard is right: see bench/bets.md.
place_bets <- function(payoffs, betting, doubt = 2) {
  predicted <- doubt * betting$variance
  bets <- rep(bet_for(betting, predicted), betting$n)
  prior <- betting$max_weight / (2 * betting$alpha)
  for (seen in unique(ceiling(bet_parts * betting$n))) {
    before <- first_part(payoffs, seen)
    squares <- sum(marginal_payoffs(before)^2)
    predicted <- doubt * variance_for(betting, before$rows)
    variance <- (prior * predicted + squares) / (prior + seen)
    bets[seq_along(bets) > seen] <- bet_for(betting, variance)
  }
  bets
}

# What a plan does to the assumptions of the certificate.
certificate_remarks <- function(audit) {
  constants <- audit$constants
  c(
    if (constants$reference == "self" && length(unique(audit$prob)) > 1L) {
      "The design was fixed on these prompts themselves, not on others."
    },
    if (is.infinite(constants$cap)) {
      "Without a cap there is no limit to the weights."
    } else if (largest_weight(audit) > constants$max_weight * (1 + 1e-9)) {
      "There are weights beyond the limit that the plan set."
    }
  )
}
