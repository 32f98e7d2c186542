# How much a certificate bets, from the variance and the largest weight that
# were predicted. Derivation: methods vignette, "The certificate".

# The best growth of the wealth for a variance that is known, half of which is
# lost to it. A loss of the largest weight leaves a twentieth of the wealth.
size_bet <- function(n, alpha, delta, variance, payoff_range) {
  min(sqrt(2 * log(1 / delta) / (n * variance)), 0.95 / payoff_range)
}

# What the bets go by before there are outcomes. `constants` have alpha, delta,
# max_weight and variance; `payoff_range` is that of the design.
new_betting <- function(constants, payoff_range, n) {
  betting <- constants[c("alpha", "delta", "max_weight", "variance")]
  betting$payoff_range <- payoff_range(constants$max_weight, constants$alpha)
  c(betting, n = n)
}

bet_for <- function(betting, variance = betting$variance) {
  size_bet(betting$n, betting$alpha, betting$delta, variance,
           betting$payoff_range)
}

# Whether not even prompts without a loss could certify a tau.
cannot_certify <- function(betting) {
  betting$n * log1p(bet_for(betting) * betting$alpha) < log(1 / betting$delta)
}

# By how much the certified miscoverage is expected to fall short of alpha.
predict_margin <- function(betting) {
  bet <- bet_for(betting)
  log(1 / betting$delta) / (betting$n * bet) + bet * betting$variance / 2
}
