# The certificate: a level that holds with probability 1 - delta over the
# calibration prompts and their draws, not only on average. Derivation: methods
# vignette, "The certificate".

# ---- The bet -----------------------------------------------------------------

# The best growth of the wealth for a variance that is known, half of which is
# lost to it. A loss of the largest weight leaves a twentieth of the wealth.
size_bet <- function(n, alpha, delta, variance, largest_loss) {
  min(sqrt(2 * log(1 / delta) / (n * variance)), 0.95 / largest_loss)
}

# Of gains less losses, see gather_evidence().
largest_loss <- function(method, weight_limit, alpha) {
  if (method == "naive") weight_limit - alpha else weight_limit * (1 - alpha)
}

# By how much the certified miscoverage is expected to fall short of alpha.
predict_margin <- function(policy, n) {
  stakes <- new_stakes(policy, n)
  bet <- bet_for(stakes)
  log(1 / stakes$delta) / (n * bet) + bet * stakes$variance / 2
}

# What the bets go by before there are outcomes.
new_stakes <- function(policy, n) {
  stakes <- policy[c("alpha", "delta", "weight_limit", "variance")]
  stakes$largest_loss <- largest_loss(policy$method, policy$weight_limit,
                                      policy$alpha)
  c(stakes, n = n)
}

# The same from a plan, perhaps for another alpha than that which its variance
# was predicted for.
plan_stakes <- function(plan, alpha, delta) {
  planned <- plan$alpha[1L]
  new_stakes(list(
    method = plan$method[1L], alpha = alpha, delta = delta,
    weight_limit = max(plan$weight_limit[1L], largest_weight(plan)),
    variance = plan$variance[1L] * alpha * (1 - alpha) /
      (planned * (1 - planned))
  ), length(plan$prob))
}

bet_for <- function(stakes, variance = stakes$variance) {
  size_bet(stakes$n, stakes$alpha, stakes$delta, variance, stakes$largest_loss)
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

# ---- The evidence ------------------------------------------------------------

# For each prompt, in the plan's random order, what it says at a level: gain -
# loss(level). Its mean is alpha minus an unbiased estimate of the miscoverage,
# for which alpha serves as control variate: a prompt that was not audited says
# nothing, one that needs no draw is known to be covered.
gather_evidence <- function(audit, alpha) {
  weight <- 1 / reach_beyond(audit, audit$time)
  gain <- alpha * prompt_weight(audit)
  outcome <- if (audit$method[1L] == "replicated") {
    replicated_outcome(audit)
  } else {
    event_outcome(audit)
  }
  place <- rank(audit$order, ties.method = "first")
  at <- outcome$row[order(place[outcome$row])]
  list(
    gain = gain[order(place)], place = as.double(place[at]),
    weight = weight[at], cap = audit$cap[1L], limit = audit$tau_prior[1L],
    outcome = lapply(outcome$columns, function(column) column[at])
  )
}

# What each prompt counts for in a weighted mean: 0 where it was not looked at.
prompt_weight <- function(audit) {
  weight <- ifelse(audit$horizon > 0, 1 / reach_beyond(audit, audit$time), 0)
  known <- audit$method[1L] == "naive" | reachable_quantile(audit) <= 1
  replace(weight, known, 1)
}

# The first `n` prompts of the plan's order.
first_part <- function(evidence, n) {
  at <- evidence$place <= n
  evidence$gain <- evidence$gain[seq_len(n)]
  evidence[c("place", "weight")] <- list(evidence$place[at],
                                         evidence$weight[at])
  evidence$outcome <- lapply(evidence$outcome, function(column) column[at])
  evidence
}

# Gains less losses at the level that the point rule selects.
evidence_left <- function(evidence) {
  left <- evidence$gain
  place <- evidence$place
  if (length(place) > 0L) {
    level <- find_level(evidence, point_rule)$level
    left[place] <- left[place] - evidence_losses(evidence, level)
  }
  left
}

evidence_losses <- function(evidence, level) {
  outcome <- evidence$outcome
  if (!is.null(outcome$jump)) {
    return(evidence$weight * (outcome$jump < level))
  }
  quantile <- geometric_quantile(outcome$prob, level, evidence$cap)
  evidence$weight * replicated_loss(outcome$unsafe, outcome$draws, quantile)
}

# `columns` have a value for each row of the audit, of which those in `row` can
# lose.
replicated_outcome <- function(audit) {
  unsafe <- replicated_unsafe(audit)
  list(row = which(unsafe > 0), columns = list(
    jump = NULL, prob = as.double(audit$prob), unsafe = as.double(unsafe),
    draws = as.double(audit$limit)
  ))
}

event_outcome <- function(audit) {
  jump <- event_jumps(audit)
  list(row = which(jump < audit$tau_prior[1L]), columns = list(
    jump = jump, prob = NULL, unsafe = NULL, draws = NULL
  ))
}

# The level beyond which a prompt is known to be missed; Inf for none.
event_jumps <- function(audit) {
  jump <- geometric_distribution(as.double(audit$time), as.double(audit$prob))
  ifelse(audit$time < audit$horizon, jump, Inf)
}

# ---- Rules -------------------------------------------------------------------

# The core's, in its order; see tt_rule.
point_rule <- c(kind = 0, z = 0, spare = 0, bet = 0, reach = 0, last = 0)

normal_rule <- function(audit, alpha, delta) {
  spare <- (largest_weight(audit) * (1 - alpha))^2
  replace(point_rule, c("kind", "z", "spare"),
          c(1, stats::qnorm(delta, lower.tail = FALSE), spare))
}

# At the last prompt the wealth need only reach a random share of 1 / delta.
# Where it could not reach 1 / delta at all, that share would decide alone.
# The bets are in the evidence, see stake_evidence().
wealth_rule <- function(audit, stakes, randomised = TRUE) {
  reach <- log(1 / stakes$delta)
  share <- if (randomised && !hopeless(stakes)) audit$threshold[1L] else 1
  replace(point_rule, c("kind", "bet", "reach", "last"),
          c(2, 1, reach, reach + log(share)))
}

hopeless <- function(stakes) {
  stakes$n * log1p(bet_for(stakes) * stakes$alpha) < log(1 / stakes$delta)
}

# Gains and losses in shares of the wealth.
stake_evidence <- function(evidence, bets) {
  evidence$gain <- evidence$gain * bets
  evidence$weight <- evidence$weight * bets[evidence$place]
  evidence
}

find_level <- function(evidence, rule) {
  core_value(.Call(
    ffi_certify, evidence$gain, evidence$place, evidence$weight,
    unname(evidence$outcome), as.double(evidence$cap), rule, evidence$limit
  ))
}

# Where all weights are equal, losses are counted: the number of them at a level
# is binomial. The most that a miscoverage of alpha shows with probability
# delta, and the level at which there would be one more.
find_binomial <- function(audit, alpha, delta) {
  n <- length(audit$prob)
  rate <- alpha * equal_weight(audit)
  most <- stats::qbinom(delta, n, rate)
  if (stats::pbinom(most, n, rate) > delta) {
    most <- most - 1
  }
  limit <- audit$tau_prior[1L]
  at <- if (most < 0) 0 else sort(event_jumps(audit))[most + 1]
  list(level = min(limit, at * (1 - 2^-46)), capped = at >= limit)
}

# The inclusion probability that all prompts share which can be lost, or NA.
equal_weight <- function(audit) {
  if (audit$method[1L] %in% c("naive", "replicated")) {
    return(NA_real_)
  }
  # By the policy, not by which prompts happened to come: everybody is included,
  # or there is one hazard.
  same <- audit$weight_limit[1L] <= 1 + 1e-9 ||
    all(audit$prob == audit$prob[1L])
  pi <- audit$pi[reachable_quantile(audit) > 1]
  if (same && length(pi) > 0L && all(pi == pi[1L])) pi[1L] else NA_real_
}

# ---- The certified level -----------------------------------------------------

# The level, whether it is capped, the kind of certificate and its bet.
certify_level <- function(audit, alpha, delta, kind, randomised = TRUE) {
  if (kind == "normal") {
    rule <- normal_rule(audit, alpha, delta)
    return(c(find_level(gather_evidence(audit, alpha), rule), kind = "normal"))
  }
  if (!is.na(equal_weight(audit))) {
    return(c(find_binomial(audit, alpha, delta), kind = "binomial"))
  }
  certify_by_bets(audit, plan_stakes(audit, alpha, delta), randomised)
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

# What a plan does to the assumptions of the certificate.
certificate_remarks <- function(audit) {
  c(
    if (audit$design[1L] == "plan" && length(unique(audit$prob)) > 1L) {
      "The policy was fixed on these prompts themselves, not on others."
    },
    if (is.infinite(audit$cap[1L])) {
      "Without a cap there is no limit to the weights."
    } else if (largest_weight(audit) > audit$weight_limit[1L] * (1 + 1e-9)) {
      "There are weights beyond the limit that the plan set."
    }
  )
}
