# How much a certificate bets, from what the plan predicts.

# The best growth of the wealth for a variance that is known, half of which is
# lost to it. A loss of the largest weight leaves a twentieth of the wealth.
size_bet <- function(n, alpha, delta, variance, largest_loss) {
  min(sqrt(2 * log(1 / delta) / (n * variance)), 0.95 / largest_loss)
}

# Of gains less losses, see gather_evidence().
largest_loss <- function(method, weight_limit, alpha) {
  if (method == "naive") weight_limit - alpha else weight_limit * (1 - alpha)
}

# What the bets go by before there are outcomes.
new_stakes <- function(policy, n) {
  stakes <- policy[c("alpha", "delta", "weight_limit", "variance")]
  stakes$largest_loss <- largest_loss(policy$method, policy$weight_limit,
                                      policy$alpha)
  c(stakes, n = n)
}

bet_for <- function(stakes, variance = stakes$variance) {
  size_bet(stakes$n, stakes$alpha, stakes$delta, variance, stakes$largest_loss)
}

hopeless <- function(stakes) {
  stakes$n * log1p(bet_for(stakes) * stakes$alpha) < log(1 / stakes$delta)
}

# By how much the certified miscoverage is expected to fall short of alpha.
predict_margin <- function(policy, n) {
  stakes <- new_stakes(policy, n)
  bet <- bet_for(stakes)
  log(1 / stakes$delta) / (n * bet) + bet * stakes$variance / 2
}
