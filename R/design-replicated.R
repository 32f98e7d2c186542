# Replicated draws: their number is fixed, so that each order of them counts.
# Derivation: methods vignette, "Replicated draws".

design_replicated <- function() {
  new_audit_design(
    "replicated",
    intensity = replicated_intensity,
    variance = function(quantile, policy) {
      times <- replicated_intensity(quantile, policy)
      spread <- find_law(policy)$counts_variance(pmax(1, times), policy$alpha,
                                                 policy$tau_prior)
      mean(spread / pmin(1, times))
    },
    stops = FALSE, countable = FALSE,
    fix = fix_replicated,
    limit = replicated_limit,
    outcome = replicated_outcome,
    loss = counts_loss,
    curve = replicated_losses
  )
}

# ---- Planning ----------------------------------------------------------------

replicated_intensity <- function(quantile, policy) {
  free <- quantile <= 1
  value <- rep(1, length(quantile))
  value[!free] <- allocate_given(quantile[!free] - 1, policy, upper = Inf)
  value
}

# A bound on the weights lets the certificate bet more, and takes draws from
# where they would help the estimate most. The least intensity is the one with
# the smallest predicted margin.
fix_replicated <- function(policy, quantile, n) {
  cost <- quantile - 1
  if (is.na(policy$delta)) {
    return(fix_multiplier(policy, quantile, cost))
  }
  design <- design_replicated()
  affordable <- policy$budget / mean(cost)
  lower <- 2^-seq(0, 12, by = 0.25)
  tried <- lapply(lower[lower <= affordable], function(least) {
    add_limits(fix_multiplier(policy, quantile, cost, least), quantile, design)
  })
  if (length(tried) == 0L) {
    return(fix_multiplier(policy, quantile, cost))
  }
  margin <- vapply(tried, function(policy) {
    predict_margin(new_stakes(policy, design$largest_loss, n))
  }, 0)
  tried[[which.min(margin)]]
}

# `times` as many draws as the horizon needs, rounded up or down by the uniform
# number of the horizon, which is free to do so where everybody is included.
replicated_limit <- function(u, times, horizon, policy) {
  limit <- pmax(0, horizon - 1)
  more <- times > 1
  limit[more] <- pmax(limit[more], floor(times[more] * limit[more] + u[more]))
  limit
}

# ---- Outcomes ----------------------------------------------------------------

# The number of unsafe draws that enters the estimate. Where draws failed for
# good, all that are missing count as unsafe: the loss grows with their number.
replicated_unsafe <- function(audit) {
  audit$unsafe + ifelse(audit$failed, audit$limit - audit$draws, 0)
}

replicated_outcome <- function(audit) {
  unsafe <- replicated_unsafe(audit)
  law <- find_law(audit$constants)
  list(row = which(unsafe > 0), columns = c(
    lapply(audit[law$columns], as.double),
    list(unsafe = as.double(unsafe), draws = as.double(audit$limit))
  ))
}

counts_loss <- function(audit, quantile) {
  replicated_loss(replicated_unsafe(audit), audit$limit, quantile)
}

# The sum of weighted losses at each level.
replicated_losses <- function(audit, levels) {
  unsafe <- replicated_unsafe(audit)
  at <- which(unsafe > 0)
  if (length(at) == 0L) {
    return(numeric(length(levels)))
  }
  constants <- audit$constants
  law <- find_law(constants)
  quantiles <- as_level_matrix(
    law$quantile(law_rows(law, audit, at), levels, constants$cap), length(at),
    "levels"
  )
  length(at) * replicated_miscoverage(unsafe[at], audit$limit[at],
                                      audit$pi[at], quantiles)
}
