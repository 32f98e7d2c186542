# How much a certificate bets, from the variance and the largest weight that
# were predicted. Derivation: methods vignette, "The certificate".

# The best growth of the wealth for a variance that is known, half of which is
# lost to it. A loss of the largest weight leaves a twentieth of the wealth.
size_bet <- function(n, alpha, delta, variance, payoff_range) {
  min(sqrt(2 * log(1 / delta) / (n * variance)), 0.95 / payoff_range)
}

# What the bets on `n` units go by before there are outcomes. `constants` have
# alpha, delta, max_weight and variance; `payoff_range` is that of the design.
# Where the rows of a cluster are added up, `rows` is their mean number, and
# what is predicted is for clusters of the largest size whose rows are all
# alike: how large the clusters are is not fixed beforehand. A mean over a
# cluster varies no more than one row.
new_betting <- function(constants, payoff_range, n, rows = 1) {
  betting <- constants[c("alpha", "delta", "max_weight", "variance")]
  most <- constants$cluster_size %||% 1
  betting$variance <- betting$variance * most^2
  betting$payoff_range <- most *
    payoff_range(constants$max_weight, constants$alpha)
  c(betting, n = n, most_rows = most, rows = rows)
}

bet_for <- function(betting, variance = betting$variance) {
  size_bet(betting$n, betting$alpha, betting$delta, variance,
           betting$payoff_range)
}

# The variance where clusters have these numbers of rows.
variance_for <- function(betting, rows) {
  betting$variance * mean((rows / betting$most_rows)^2)
}

# Whether not even prompts without a loss could certify a tau.
cannot_certify <- function(betting) {
  bet <- bet_for(betting, variance_for(betting, betting$rows))
  betting$n * log1p(bet * betting$alpha * betting$rows) <
    log(1 / betting$delta)
}

# By how much the certified miscoverage is expected to fall short of alpha.
predict_margin <- function(betting) {
  bet <- bet_for(betting)
  log(1 / betting$delta) / (betting$n * bet) + bet * betting$variance / 2
}
