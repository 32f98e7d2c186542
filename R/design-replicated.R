# Replicated draws: their number is fixed, so that each order of them counts.
# Derivation: methods vignette, "Replicated draws".

design_replicated <- function() {
  new_audit_design(
    "replicated",
    intensity = replicated_intensity,
    variance = function(quantile, constants, rows = NULL) {
      times <- replicated_intensity(quantile, constants)
      spread <- find_law(constants)$counts_variance(
        pmax(1, times), constants$alpha, constants$tau_max, rows
      )
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

replicated_intensity <- function(quantile, constants) {
  free <- quantile <= 1
  value <- rep(1, length(quantile))
  cost <- quantile[!free] - 1
  value[!free] <- allocate_given(cost, constants, most_times(cost, constants))
  value
}

# How many times over the draws that a horizon takes can be made, where a plan
# says how many there are of a prompt. No such limit leaves a prompt out: all
# can be asked for their largest quantile.
most_times <- function(cost, constants) {
  if (is.null(constants$max_limit)) {
    return(Inf)
  }
  pmax(1, constants$max_limit / pmax(1, cost))
}

# A bound on the weights lets the certificate bet more, and takes draws from
# where they would help the estimate most. The least intensity is the one with
# the smallest predicted margin.
fix_replicated <- function(constants, quantile, n, rows = NULL) {
  cost <- quantile - 1
  fix <- function(lower) {
    fix_multiplier(constants, quantile, cost, lower,
                   most_times(cost, constants))
  }
  if (is.na(constants$delta)) {
    return(fix(0))
  }
  design <- design_replicated()
  affordable <- constants$budget / mean(cost)
  lower <- 2^-seq(0, 12, by = 0.25)
  tried <- lapply(lower[lower <= affordable], function(least) {
    add_limits(fix(least), quantile, design, rows)
  })
  if (length(tried) == 0L) {
    return(fix(0))
  }
  margin <- vapply(tried, function(constants) {
    predict_margin(new_betting(constants, design$payoff_range, n))
  }, 0)
  tried[[which.min(margin)]]
}

# `times` as many draws as the horizon needs, rounded up or down by the uniform
# number of the horizon, which is free to do so where everybody is included. (A
# product of twice rounded numbers may be a trace above the most there is.)
replicated_limit <- function(u, times, horizon, constants) {
  limit <- pmax(0, horizon - 1)
  more <- times > 1
  limit[more] <- pmax(limit[more], floor(times[more] * limit[more] + u[more]))
  pmin(limit, constants$max_limit %||% Inf)
}

# ---- Outcomes ----------------------------------------------------------------

# The number of unsafe draws that enters the estimate. Where draws failed
# permanently, all that are missing count as unsafe: the loss grows with their
# number.
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
  loss_at_most(replicated_unsafe(audit), audit$limit, quantile)
}

# The sum of weighted losses at each level.
replicated_losses <- function(audit, tau_grid) {
  unsafe <- replicated_unsafe(audit)
  at <- which(unsafe > 0)
  if (length(at) == 0L) {
    return(numeric(length(tau_grid)))
  }
  constants <- audit$constants
  law <- find_law(constants)
  quantiles <- as_quantile_matrix(
    law$quantile(law_rows(law, audit, at), tau_grid, constants$cap), length(at),
    "tau_grid"
  )
  length(at) * replicated_miscoverage(unsafe[at], audit$limit[at],
                                      audit$inclusion[at], quantiles)
}
