# How much a certificate bets, from the variance and the largest weight that
# were predicted. Derivation: methods vignette, "The certificate".

# The best growth of the wealth for a variance that is known, half of which is
# lost to it. A loss of the largest weight leaves a twentieth of the wealth.
size_bet <- function(n, alpha, delta, variance, largest_loss) {
  min(sqrt(2 * log(1 / delta) / (n * variance)), 0.95 / largest_loss)
}

# What the bets go by before there are outcomes. `policy` has alpha, delta,
# weight_limit and variance; `largest_loss` is that of the design.
new_stakes <- function(policy, largest_loss, n) {
  stakes <- policy[c("alpha", "delta", "weight_limit", "variance")]
  stakes$largest_loss <- largest_loss(policy$weight_limit, policy$alpha)
  c(stakes, n = n)
}

bet_for <- function(stakes, variance = stakes$variance) {
  size_bet(stakes$n, stakes$alpha, stakes$delta, variance, stakes$largest_loss)
}

# Whether not even prompts without a loss could certify a level.
hopeless <- function(stakes) {
  stakes$n * log1p(bet_for(stakes) * stakes$alpha) < log(1 / stakes$delta)
}

# By how much the certified miscoverage is expected to fall short of alpha.
predict_margin <- function(stakes) {
  bet <- bet_for(stakes)
  log(1 / stakes$delta) / (stakes$n * bet) + bet * stakes$variance / 2
}
