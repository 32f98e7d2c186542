# Weighted means over prompts that were included with known probabilities, and
# how far they may be off. Source: methods vignette, "Weighted means".

# The ratio of two sums over prompts (Hajek's estimate where `total` holds the
# weights and `part` the weights times values from 0 to 1), with its linearised
# standard error: prompts are independent, so that this covers their sampling
# and their inclusion alike. Prompts that were not included have 0 in both.
weighted_ratio <- function(part, total) {
  size <- sum(total)
  if (size == 0) {
    return(list(estimate = NA_real_, error = NA_real_))
  }
  estimate <- sum(part) / size
  list(estimate = estimate,
       error = sqrt(sum((part - estimate * total)^2)) / size)
}

# An approximate interval from 0 to 1: Clopper and Pearson's, for as many
# prompts of equal weight as would give the same standard error (Korn and
# Graubard). Where all values are 0, or all 1, there is no error to go by: then
# for as many as there were if all had the largest weight that there can be. A
# largest weight of 0 says that all values are known.
weighted_interval <- function(part, total, heaviest, conf_level) {
  ratio <- weighted_ratio(part, total)
  if (is.na(ratio$estimate)) {
    return(c(0, 1))
  }
  if (heaviest == 0) {
    return(rep(ratio$estimate, 2L))
  }
  estimate <- min(1, ratio$estimate)
  size <- estimate * (1 - estimate) / ratio$error^2
  if (!is.finite(size) || size <= 0) {
    size <- sum(total) / heaviest
  }
  binomial_interval(size * estimate, size, conf_level)
}

# Clopper and Pearson's; neither `x` nor `n` need be whole.
binomial_interval <- function(x, n, conf_level) {
  tail <- (1 - conf_level) / 2
  c(if (x > 0) stats::qbeta(tail, x, n - x + 1) else 0,
    if (x < n) stats::qbeta(1 - tail, x + 1, n - x) else 1)
}
