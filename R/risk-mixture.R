# How hazards vary between prompts, from counts of unsafe draws: a beta
# distribution or a nonparametric mixture, and the upper tail by extreme values.
# Derivation: methods vignette, "Forecasts".

# What is fitted to. Of the prompts that were drawn: `unsafe` of `draws`, their
# `weight`, and `offset`, the log of the cumulative hazard that was predicted,
# less its mean; `all` are the offsets of the whole population, whether drawn or
# not. Draws that stop at the first unsafe one have p (1 - p)^(t - 1), and a
# fixed number a multiple of p^S (1 - p)^(m - S): for S = 1 of t draws the same
# function of p.
new_cells <- function(unsafe, draws, weight, offset, all) {
  keep <- weight > 0 & draws > 0
  weight <- weight[keep] * sum(keep) / max(sum(weight[keep]), 1e-300)
  middle <- if (any(keep)) mean(offset[keep]) else 0
  list(unsafe = unsafe[keep], draws = draws[keep], weight = weight,
       offset = offset[keep] - middle, all = all - middle)
}

# Without an unsafe draw there is nothing to extrapolate.
can_forecast <- function(cells) sum(cells$unsafe) > 0

# list(safe, beyond, ...): the share of prompts still safe after k draws, and
# the share whose hazard exceeds p.
fit_mixing <- function(cells, model) {
  beta <- fit_beta(cells)
  if (model == "beta") beta else fit_mixture(cells, beta)
}

# ---- Beta --------------------------------------------------------------------

# The mean of a prompt's beta distribution is 1 - exp(-exp(level + slope *
# offset)), its first shape is common to all: a prediction that is off by a
# factor is so at every level. Where nothing was predicted, a beta-binomial
# distribution with two parameters.
fit_beta <- function(cells) {
  rate <- sum(cells$weight * cells$unsafe) / sum(cells$weight * cells$draws)
  level <- log(-log1p(-min(rate, 1 - 1e-9)))
  predicted <- diff(range(cells$offset, cells$all)) > 1e-8
  loss <- function(par) beta_loss(par, cells)
  tried <- lapply(c(-1.5, 1), function(shape) {
    stats::nlminb(c(level, shape, 1)[seq_len(2 + predicted)], loss,
                  lower = c(-30, -7, 0)[seq_len(2 + predicted)],
                  upper = c(3.5, 7, 3)[seq_len(2 + predicted)])
  })
  best <- tried[[which.min(vapply(tried, `[[`, 0, "objective"))]]
  par <- c(best$par, if (!predicted) 1)
  shape <- exp(par[2L])
  other <- shape * beta_odds(par[1L] + par[3L] * unique_offsets(cells)$value)
  share <- unique_offsets(cells)$share
  list(
    model = "beta", level = par[1L], slope = par[3L], shape = shape,
    loglik = -best$objective,
    safe = function(k) {
      sum(share * exp(lbeta(shape, other + k) - lbeta(shape, other)))
    },
    beyond = function(p) {
      sum(share * stats::pbeta(p, shape, other, lower.tail = FALSE))
    }
  )
}

# The odds of a safe draw, at a log cumulative hazard.
beta_odds <- function(eta) 1 / expm1(exp(pmin(pmax(eta, -30), 3.5)))

# Less the log-likelihood. The slope is held near 1, which is what the
# prediction says, unless the draws say otherwise.
beta_loss <- function(par, cells) {
  slope <- if (length(par) > 2L) par[3L] else 1
  shape <- exp(par[2L])
  other <- shape * beta_odds(par[1L] + slope * cells$offset)
  each <- lbeta(shape + cells$unsafe, other + cells$draws - cells$unsafe) -
    lbeta(shape, other)
  (slope - 1)^2 / (2 * 0.5^2) - sum(cells$weight * each)
}

# Offsets of the population to two digits, and the share of prompts with each.
unique_offsets <- function(cells) {
  rounded <- round(cells$all, 2)
  value <- unique(rounded)
  list(value = value,
       share = tabulate(match(rounded, value)) / length(rounded))
}

# ---- Mixture -----------------------------------------------------------------

# A prompt's log cumulative hazard is slope * offset + u, u on a grid with
# masses that maximise the likelihood, or come close to it.
fit_mixture <- function(cells, beta) {
  slope <- beta$slope
  grid <- mixture_grid(cells, slope)
  # Prompts of equal counts and offset are one cell.
  at <- round(slope * cells$offset, 2)
  key <- paste(cells$unsafe, cells$draws, at)
  first <- !duplicated(key)
  weight <- as.vector(rowsum(cells$weight, match(key, key[first])))
  likelihood <- mixture_likelihood(cells$unsafe[first], cells$draws[first],
                                   at[first], grid)
  mass <- maximise_mixture(likelihood, weight, mixture_start(grid, beta))
  group <- unique_offsets(cells)
  log_hazard <- outer(slope * group$value, grid, `+`)
  share <- outer(group$share, mass)
  list(
    model = "mixture", slope = slope, grid = grid, mass = mass,
    loglik = sum(weight * log(likelihood %*% mass)),
    safe = function(k) sum(share * exp(-k * exp(log_hazard))),
    beyond = function(p) sum(share[log_hazard > log(-log1p(-p))]),
    quantile = function(upper) {
      down <- order(log_hazard, decreasing = TRUE)
      reached <- which(cumsum(share[down]) >= upper * (1 - 1e-12))[1L]
      -expm1(-exp(log_hazard[down[reached]]))
    },
    scores = tail_scores(likelihood, mass, at[first], grid)[
      match(key, key[first])
    ]
  )
}

# From hazards of which a hundredth of a draw would be unsafe where most draws
# were made, which no draw can tell from 0, to hazards that are 1. Steps are
# finer than what up to about 40 unsafe draws can tell apart.
mixture_grid <- function(cells, slope) {
  at <- slope * cells$offset
  low <- log(0.01) - max(log(cells$draws) + at)
  high <- log(20) - min(at)
  seq(low, high, length.out = min(200, max(60, ceiling((high - low) / 0.15))))
}

# The likelihood of each cell at each point, relative to the cell's largest.
mixture_likelihood <- function(unsafe, draws, offset, grid) {
  hazard <- exp(outer(offset, grid, `+`))
  value <- unsafe * log(-expm1(-hazard)) - (draws - unsafe) * hazard
  exp(value - apply(value, 1L, max))
}

# The fitted beta, as masses on the grid, and a tenth spread evenly: the mixture
# departs from the beta where the draws say so, and nowhere else.
mixture_start <- function(grid, beta) {
  middle <- grid[-1L] - diff(grid) / 2
  below <- stats::pbeta(-expm1(-exp(middle)), beta$shape,
                        beta$shape * beta_odds(beta$level))
  0.9 * diff(c(0, below, 1)) + 0.1 / length(grid)
}

# The EM algorithm, until the log-likelihood is provably within 1 of its
# maximum: the largest directional derivative bounds what is left. More would
# fit noise, and make the forecast less steady.
maximise_mixture <- function(likelihood, weight, mass, gap = 1, most = 5000L) {
  total <- sum(weight)
  for (i in seq_len(most)) {
    fitted <- as.vector(likelihood %*% mass)
    gain <- as.vector(crossprod(likelihood, weight / fitted)) / total
    if (total * (max(gain) - 1) <= gap) break
    mass <- mass * gain
  }
  mass / sum(mass)
}

# ---- The worst of many prompts -----------------------------------------------

# The median of the largest hazard among n prompts: a share 1 - 2^(-1 / n) of
# prompts exceeds it.
worst_share <- function(n) -expm1(-log(2) / n)

worst_hazard <- function(fit, n) {
  vapply(worst_share(n), function(upper) {
    if (!is.null(fit$quantile)) {
      return(fit$quantile(upper))
    }
    # On the scale log(-log(1 - p)), where neither end is crowded.
    excess <- function(eta) log(fit$beyond(-expm1(-exp(eta)))) - log(upper)
    if (excess(3.5) >= 0) {
      return(1)
    }
    eta <- stats::uniroot(excess, c(-40, 3.5), tol = 1e-8)$root
    -expm1(-exp(eta))
  }, 0)
}

# The expected score -log(-log p) of each cell, given its counts and the
# mixture: rates themselves would be 0, or 1, or lucky.
tail_scores <- function(likelihood, mass, offset, grid) {
  posterior <- sweep(likelihood, 2L, mass, `*`)
  hazard <- exp(outer(offset, grid, `+`))
  # 1 - exp(-hazard) is 1 to double precision from about 36 on.
  score <- -log(-log(-expm1(-pmin(hazard, 20))))
  rowSums(posterior * score) / rowSums(posterior)
}

# After Jones et al. (2025): among the prompts with the highest scores the log
# of the share beyond a score falls along a line, which is extended to 1 in n.
# NA where the scores of these prompts are all the same.
tail_hazard <- function(scores, weight, n, n_tail) {
  down <- order(scores, decreasing = TRUE)
  down <- down[seq_len(min(n_tail, length(down)))]
  score <- scores[down]
  if (diff(range(score)) < 1e-9) {
    return(rep(NA_real_, length(n)))
  }
  weight <- weight / sum(weight)
  beyond <- log(cumsum(weight[down]) - weight[down] / 2)
  slope <- sum((score - mean(score)) * (beyond - mean(beyond))) /
    sum((score - mean(score))^2)
  target <- mean(score) + (log(worst_share(n)) - mean(beyond)) / slope
  exp(-exp(-target))
}
