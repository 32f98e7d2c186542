# Weighted means over prompts that were included with known probabilities, and
# how far they may be off. Source: methods vignette, "Weighted means".

# The ratio of two sums over prompts (Hajek's estimate where `total` holds the
# weights and `part` the weights times values from 0 to 1), with its linearised
# standard error: prompts are independent, so that this covers their sampling
# and their inclusion alike. Prompts that were not included have 0 in both.
weighted_ratio <- function(part, total) {
  size <- sum(total)
  estimate <- sum(part) / size
  list(estimate = estimate,
       error = sqrt(sum((part - estimate * total)^2)) / size)
}

# An approximate interval from 0 to 1. The normal one is too narrow where few
# values differ from 0, and has no width where none does. So each end is that
# with one more prompt, of the largest weight that there can be, and of the
# least favourable value: what was not seen may still be there.
weighted_interval <- function(part, total, heaviest, conf_level) {
  if (sum(total) == 0) {
    return(c(0, 1))
  }
  z <- stats::qnorm((1 + conf_level) / 2)
  end <- function(value, side) {
    with <- weighted_ratio(c(part, value * heaviest), c(total, heaviest))
    with$estimate + side * z * with$error
  }
  c(max(0, end(0, -1)), min(1, end(1, 1)))
}
