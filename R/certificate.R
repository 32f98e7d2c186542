# The certificate: a level that holds with probability 1 - delta over the
# calibration prompts and their draws, not only on average. Derivation: methods
# vignette, "The certificate".

# ---- The bet -----------------------------------------------------------------

# Sized by what the policy fixed, never by outcomes. Half the predicted growth
# is lost to the variance; a loss of the largest weight leaves a twentieth of
# the wealth.
size_bet <- function(n, alpha, delta, variance, weight_limit) {
  min(sqrt(2 * log(1 / delta) / (n * variance)), 0.95 / (weight_limit - alpha))
}

# By how much the certified miscoverage is expected to fall short of alpha.
predict_margin <- function(policy, n, alpha, delta) {
  bet <- size_bet(n, alpha, delta, policy$variance, policy$weight_limit)
  log(1 / delta) / (n * bet) + bet * policy$variance / 2
}

# For another alpha than the plan's, which `variance` was predicted for.
plan_bet <- function(plan, alpha, delta) {
  planned <- plan$alpha[1L]
  variance <- plan$variance[1L] * alpha * (1 - alpha) /
    (planned * (1 - planned))
  limit <- max(plan$weight_limit[1L], largest_weight(plan))
  size_bet(length(plan$prob), alpha, delta, variance, limit)
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
wealth_rule <- function(audit, alpha, delta, randomised = TRUE) {
  bet <- plan_bet(audit, alpha, delta)
  reach <- log(1 / delta)
  hopeless <- length(audit$prob) * log1p(bet * alpha) < reach
  share <- if (randomised && !hopeless) audit$threshold[1L] else 1
  replace(point_rule, c("kind", "bet", "reach", "last"),
          c(2, bet, reach, reach + log(share)))
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
  pi <- audit$pi[reachable_quantile(audit) > 1]
  if (length(pi) > 0L && all(pi == pi[1L])) pi[1L] else NA_real_
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
  rule <- wealth_rule(audit, alpha, delta, randomised)
  c(find_level(gather_evidence(audit, alpha), rule), kind = "betting",
    bet = rule[["bet"]])
}

# What a plan does to the assumptions of the certificate.
certificate_remarks <- function(audit) {
  c(
    if (audit$design[1L] == "plan" && audit$method[1L] != "naive") {
      "The policy was fixed on these prompts themselves, not on others."
    },
    if (is.infinite(audit$cap[1L])) {
      "Without a cap there is no limit to the weights."
    } else if (largest_weight(audit) > audit$weight_limit[1L] * (1 + 1e-9)) {
      "There are weights beyond the limit that the plan set."
    }
  )
}
