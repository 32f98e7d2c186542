# What each prompt pays off at a tau, in the plan's random order, and the rules
# by which that is enough. Derivation: methods vignette, "The certificate".

# ---- Payoffs -----------------------------------------------------------------

# For each prompt, or cluster of prompts, in the plan's random order, its payoff
# at tau: base - loss(tau). Its mean is alpha minus an unbiased estimate of the
# miscoverage, for which alpha serves as control variate: a prompt that was not
# audited adds nothing, one that needs no draw is known to be covered. Without
# `ratio` each prompt adds alpha.
gather_payoffs <- function(audit, alpha, ratio = TRUE) {
  weight <- 1 / reach_beyond(audit, audit$time)
  base <- if (ratio) alpha * prompt_weight(audit) else
    rep(alpha, length(weight))
  outcome <- design_of(audit)$outcome(audit)
  place <- unit_place(audit)
  at <- outcome$row[order(place[outcome$row])]
  rows <- 1
  if (is_clustered(audit)) {
    n <- count_units(audit)
    share <- row_share(audit)
    weight <- weight * share
    base <- add_by_place(base * share, place, n)
    rows <- if (adds_rows(audit)) tabulate(place, n) else rep(1, n)
  } else {
    base <- base[order(place)]
  }
  list(
    base = base, place = as.double(place[at]), rows = rows,
    weight = weight[at], cap = audit$constants$cap,
    tau_max = audit$constants$tau_max, law = find_law(audit$constants),
    outcome = lapply(outcome$columns, function(column) column[at])
  )
}

# The first `n` units of the plan's order.
first_part <- function(payoffs, n) {
  at <- payoffs$place <= n
  payoffs$rows <- payoffs$rows[seq_len(min(n, length(payoffs$rows)))]
  payoffs$base <- payoffs$base[seq_len(n)]
  payoffs[c("place", "weight")] <- list(payoffs$place[at],
                                         payoffs$weight[at])
  payoffs$outcome <- lapply(payoffs$outcome, function(column) column[at])
  payoffs
}

# The payoffs at the tau of the marginal rule.
marginal_payoffs <- function(payoffs) {
  payoff <- payoffs$base
  place <- payoffs$place
  if (length(place) > 0L) {
    tau <- find_tau(payoffs, marginal_rule)$tau
    loss <- losses_at(payoffs, tau)
    if (anyDuplicated(place) > 0L) {
      return(payoff - add_by_place(loss, place, length(payoff)))
    }
    payoff[place] <- payoff[place] - loss
  }
  payoff
}

losses_at <- function(payoffs, tau) {
  outcome <- payoffs$outcome
  if (!is.null(outcome$jump)) {
    return(payoffs$weight * (outcome$jump < tau))
  }
  quantile <- payoffs$law$quantile(outcome, tau, payoffs$cap)
  payoffs$weight * loss_at_most(outcome$unsafe, outcome$draws, quantile)
}

# ---- Rules -------------------------------------------------------------------

# The last tau at which the payoffs meet the rule: list(tau, at_tau_max).
find_tau <- function(payoffs, rule) {
  outcome <- payoffs$outcome
  if (is.null(outcome$jump)) {
    law <- payoffs$law
    outcome <- list(law = law$name, columns = outcome[law$columns],
                    unsafe = outcome$unsafe, draws = outcome$draws)
  }
  core_value(.Call(
    ffi_certify,
    list(base = payoffs$base, place = payoffs$place,
         weight = payoffs$weight, outcome = outcome,
         cap = as.double(payoffs$cap), tau_max = payoffs$tau_max),
    rule
  ))
}

# Each has what its kind needs; see tt_rule.
marginal_rule <- list(kind = "marginal")

normal_rule <- function(audit, alpha, delta) {
  most_rows <- audit$constants$cluster_size %||% 1
  variance_floor <- (most_rows * largest_weight(audit) * (1 - alpha))^2
  list(kind = "normal", z = stats::qnorm(delta, lower.tail = FALSE),
       variance_floor = variance_floor)
}

# At the last unit the wealth need only reach a random share of 1 / delta.
# Where it could not reach 1 / delta at all, that share would decide alone.
# The bets are in the payoffs, see scale_payoffs().
wealth_rule <- function(audit, betting, randomised = TRUE) {
  log_threshold <- log(1 / betting$delta)
  share <- if (randomised && !cannot_certify(betting)) {
    audit$constants$u_certificate
  } else {
    1
  }
  list(kind = "wealth", bet = 1, log_threshold = log_threshold,
       log_threshold_last = log_threshold + log(share))
}

# Payoffs in shares of the wealth.
scale_payoffs <- function(payoffs, bets) {
  payoffs$base <- payoffs$base * bets
  payoffs$weight <- payoffs$weight * bets[payoffs$place]
  payoffs
}
