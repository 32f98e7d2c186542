# What each prompt says about a level, in the plan's random order, and the rules
# by which that is enough. Derivation: methods vignette, "The certificate".

# ---- The evidence ------------------------------------------------------------

# For each prompt, in the plan's random order, what it says at a level: gain -
# loss(level). Its mean is alpha minus an unbiased estimate of the miscoverage,
# for which alpha serves as control variate: a prompt that was not audited says
# nothing, one that needs no draw is known to be covered.
gather_evidence <- function(audit, alpha) {
  weight <- 1 / reach_beyond(audit, audit$time)
  gain <- alpha * prompt_weight(audit)
  outcome <- design_of(audit)$outcome(audit)
  place <- rank(audit$order, ties.method = "first")
  at <- outcome$row[order(place[outcome$row])]
  list(
    gain = gain[order(place)], place = as.double(place[at]),
    weight = weight[at], cap = audit$constants$cap,
    limit = audit$constants$tau_prior, law = find_law(audit$constants),
    outcome = lapply(outcome$columns, function(column) column[at])
  )
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
  quantile <- evidence$law$quantile(outcome, level, evidence$cap)
  evidence$weight * replicated_loss(outcome$unsafe, outcome$draws, quantile)
}

# ---- Rules -------------------------------------------------------------------

# The last level at which the evidence meets the rule: list(level, capped).
find_level <- function(evidence, rule) {
  outcome <- evidence$outcome
  if (is.null(outcome$jump)) {
    law <- evidence$law
    outcome <- list(law = law$name, columns = outcome[law$columns],
                    unsafe = outcome$unsafe, draws = outcome$draws)
  }
  core_value(.Call(
    ffi_certify,
    list(gain = evidence$gain, place = evidence$place,
         weight = evidence$weight, outcome = outcome,
         cap = as.double(evidence$cap), limit = evidence$limit),
    rule
  ))
}

# Each has what its kind needs; see tt_rule.
point_rule <- list(kind = "point")

normal_rule <- function(audit, alpha, delta) {
  spare <- (largest_weight(audit) * (1 - alpha))^2
  list(kind = "normal", z = stats::qnorm(delta, lower.tail = FALSE),
       spare = spare)
}

# At the last prompt the wealth need only reach a random share of 1 / delta.
# Where it could not reach 1 / delta at all, that share would decide alone.
# The bets are in the evidence, see stake_evidence().
wealth_rule <- function(audit, stakes, randomised = TRUE) {
  reach <- log(1 / stakes$delta)
  share <- if (randomised && !hopeless(stakes)) {
    audit$constants$threshold
  } else {
    1
  }
  list(kind = "wealth", bet = 1, reach = reach, last = reach + log(share))
}

# Gains and losses in shares of the wealth.
stake_evidence <- function(evidence, bets) {
  evidence$gain <- evidence$gain * bets
  evidence$weight <- evidence$weight * bets[evidence$place]
  evidence
}
