# How much prompts with the same features differ: the precision of the beta
# distribution of their hazards, from hazards out of fold. Derivation: methods
# vignette, "Prompts that look alike".

# The precision with the largest likelihood of the counts, given hazards from
# models that did not see them; Inf where the counts say no more than that one
# hazard for each prompt would do; NA without hazards. Draws that stop at the
# first unsafe one have the likelihood of a fixed number, but for a constant.
estimate_precision <- function(prob, unsafe, draws) {
  if (is.null(prob)) {
    return(NA_real_)
  }
  if (!any(draws > 1)) {
    return(Inf)
  }
  counts <- telling_counts(prob, unsafe, draws)
  likelihood <- precision_likelihood(counts)
  alike <- sum(counts$unsafe * log(counts$prob) +
                 (counts$draws - counts$unsafe) * log1p(-counts$prob))
  grid <- log(precision_range[[1L]] * 4^(0:12))
  rough <- grid[which.max(vapply(grid, likelihood, 0))]
  best <- stats::optimize(likelihood, rough + c(-1, 1) * log(4),
                          maximum = TRUE, tol = 1e-4)
  clear <- best$objective > alike + precision_gain
  if (clear && exp(best$maximum) < precision_range[[2L]]) {
    exp(best$maximum)
  } else {
    Inf
  }
}

# Enough of the counts that tell of the precision.
telling_counts <- function(prob, unsafe, draws) {
  told <- which(draws > 1)
  at <- told[spread_places(prob[told])]
  list(prob = pmin(pmax(prob[at], 1e-12), 1 - 1e-12), unsafe = unsafe[at],
       draws = draws[at])
}

# A function of the logarithm of the precision (one, or one for each prompt):
# the log-likelihood of the counts, without what does not depend on it.
precision_likelihood <- function(counts) {
  prob <- counts$prob
  # Before a tiny b is added to it: the sum would be 0 otherwise.
  safe <- counts$draws - counts$unsafe
  function(log_precision) {
    a <- prob * exp(log_precision)
    b <- (1 - prob) * exp(log_precision)
    sum(lbeta(a + counts$unsafe, b + safe) - lbeta(a, b))
  }
}

# The precision at a hazard p, scale * p^slope: list(scale, slope). The slope is
# 0 unless the counts clearly say otherwise. NULL where nothing is known.
estimate_precision_rule <- function(prob, unsafe, draws,
                                    precision = estimate_precision(prob, unsafe,
                                                                   draws)) {
  if (is.na(precision)) {
    return(NULL)
  }
  if (is.infinite(precision)) {
    return(constant_rule(precision))
  }
  counts <- telling_counts(prob, unsafe, draws)
  likelihood <- precision_likelihood(counts)
  centre <- mean(log(counts$prob))
  by_risk <- log(counts$prob) - centre
  loss <- function(par) {
    log_precision <- par[1L] + par[2L] * by_risk
    -likelihood(pmin(pmax(log_precision, log(precision_range[[1L]])),
                     log(precision_range[[2L]])))
  }
  start <- c(log(precision), 0)
  best <- stats::optim(start, loss, method = "BFGS")
  if (best$value > loss(start) - slope_gain) {
    return(constant_rule(precision))
  }
  list(scale = exp(best$par[1L] - best$par[2L] * centre), slope = best$par[2L])
}

constant_rule <- function(precision) list(scale = precision, slope = 0)

# A slope must raise the log-likelihood by this much: one in 80 data sets does
# where there is none.
slope_gain <- 3

# The precision at some hazards.
precision_at <- function(rule, prob) {
  if (rule$slope == 0) {
    return(rep(rule$scale, length(prob)))
  }
  pmin(pmax(rule$scale * pmax(prob, 1e-12)^rule$slope, precision_range[[1L]]),
       precision_range[[2L]])
}

# Beyond the largest, a prompt needs thousands of draws to show that it is not
# like others.
precision_range <- c(smallest = 0.01, largest = 1e5)

# A finite precision must raise the log-likelihood by this much: one in 25 data
# sets does where prompts with the same hazard are alike.
precision_gain <- 1.5

# All prompts, or enough of them, evenly spaced by their hazard: the error of
# the precision is then a few per cent.
spread_places <- function(prob, most = 5000) {
  n <- length(prob)
  if (n <= most) {
    return(seq_len(n))
  }
  order(prob)[ceiling((seq_len(most) - 0.5) * n / most)]
}

# A hazard for each prompt, as prompts that look like it have them.
draw_alike <- function(prob, precision) {
  if (is.null(precision) || !any(is.finite(precision))) {
    return(prob)
  }
  precision <- pmin(rep_len(precision, length(prob)), 1e15)
  stats::rbeta(length(prob), prob * precision, (1 - prob) * precision)
}

# For a line of a page: NULL where nothing is known.
precision_line <- function(precision) {
  if (is.null(precision) || is.na(precision)) {
    NULL
  } else if (is.finite(precision)) {
    sprintf("Precision of hazards given the features: %s",
            format(precision, digits = 3))
  } else {
    "Prompts with the same features do not visibly differ."
  }
}
