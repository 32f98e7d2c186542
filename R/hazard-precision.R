# How much prompts with the same features differ: the precision of the beta
# distribution of their hazards, from hazards out of fold. Derivation: methods
# vignette, "Prompts that look alike".

# The precision with the largest likelihood of the counts, given hazards from
# models that did not see them; Inf where the counts say no more than that one
# hazard for each prompt would do; NA without hazards. Draws that stop at the
# first unsafe one have the likelihood of a fixed number, but for a constant.
estimate_precision <- function(prob, unsafe, draws) {
  told <- draws > 1
  if (is.null(prob)) {
    return(NA_real_)
  }
  if (!any(told)) {
    return(Inf)
  }
  at <- spread_places(prob[told])
  prob <- pmin(pmax(prob[told][at], 1e-12), 1 - 1e-12)
  unsafe <- unsafe[told][at]
  draws <- draws[told][at]
  # Of the counts, without what does not depend on the precision.
  likelihood <- function(log_precision) {
    a <- prob * exp(log_precision)
    b <- (1 - prob) * exp(log_precision)
    sum(lbeta(a + unsafe, b + draws - unsafe) - lbeta(a, b))
  }
  alike <- sum(unsafe * log(prob) + (draws - unsafe) * log1p(-prob))
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
  if (is.null(precision) || !is.finite(precision)) {
    return(prob)
  }
  n <- length(prob)
  stats::rbeta(n, prob * precision, (1 - prob) * precision)
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
