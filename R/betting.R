# Limits of a mean that hold in finite samples: by betting on one term after the
# other, or, where all weights are equal and losses are counted, by the binomial
# tail. Derivation: methods vignette, "Limits by betting".

# Pairs of a weight (`total`) and the weight times what was observed (`part`),
# in an order that is independent of them, and what was known of them
# beforehand: no total and no part exceeds its limit, and no part
# `largest_ratio` times its total. The mean in question is E part / E total.
new_bet_terms <- function(total, part, largest_total,
                          largest_part = largest_total, largest_ratio = 1) {
  list(total = as.double(total), part = as.double(part),
       largest_total = as.double(largest_total),
       largest_part = as.double(largest_part),
       largest_ratio = as.double(largest_ratio))
}

# The limit of the mean that is exceeded (side "upper"; or fallen short of, side
# "lower") with probability `delta` at most. `u` is a uniform number.
betting_limit <- function(terms, side, delta, u = 1) {
  # Without a limit to what can be lost there is nothing to bet.
  lost <- if (side == "upper") terms$largest_part else terms$largest_total
  if (!is.finite(lost)) {
    return(if (side == "upper") 1 else 0)
  }
  log_threshold <- -log(delta)
  bets <- core_value(.Call(ffi_place_bets, terms, side,
                           as.double(length(terms$total)), log_threshold))
  core_value(.Call(ffi_betting_limit, terms, side, bets, list(
    log_threshold = log_threshold,
    log_threshold_last = log_threshold + log(last_share(u, delta))
  )))
}

# The share of 1 / delta that the wealth need reach at the last term. Any that
# is at least a uniform number is valid; the square root keeps limits without a
# loss away from 0.
last_share <- function(u, delta) max(u, sqrt(delta))

# The same for `x` losses of `n`, in closed form (Clopper and Pearson); neither
# need be whole.
binomial_limit <- function(x, n, side, delta) {
  if (side == "upper") {
    if (x < n) stats::qbeta(delta, x + 1, n - x, lower.tail = FALSE) else 1
  } else {
    if (x > 0) stats::qbeta(delta, x, n - x + 1) else 0
  }
}

# Both limits, each with half of what may fail.
both_limits <- function(limit, conf.level) {
  tail <- (1 - conf.level) / 2
  c(limit("lower", tail), limit("upper", tail))
}

binomial_interval <- function(x, n, conf.level) {
  both_limits(function(side, delta) binomial_limit(x, n, side, delta),
              conf.level)
}

# An order of prompts for draws that no plan ordered: random, the same each
# time, and independent of what was drawn.
order_by_id <- function(id) {
  with_seed(seed_of(as_text(id)), sample.int(length(id)))
}
