# A number of draws of each prompt that was fixed beforehand, without a plan: as
# if there had been one with inclusion probability 1. Derivation: methods
# vignette, "Results one already has".

design_fixed <- function() {
  fixed_design("fixed", stops = FALSE, loss = counts_loss)
}

# The same where prompts stop at their first unsafe draw.
design_stopped <- function() {
  fixed_design("stopped", stops = TRUE, loss = event_loss)
}

# The same with a hazard, and an order that was drawn afterwards: an audit.
design_logged <- function() {
  fixed_design("logged", stops = FALSE, loss = counts_loss, countable = FALSE,
               outcome = logged_outcome, curve = logged_losses,
               origin = logged_origin, longer = "more draws of each prompt")
}

fixed_design <- function(name, ...) {
  new_audit_design(
    name, ..., planned = FALSE,
    reach = function(audit, time) rep(1, length(audit$limit)),
    reachable = function(audit) audit$limit + 1
  )
}

# ---- Outcomes ----------------------------------------------------------------

# Prompts with fewer draws than their largest quantile asks for lose there, with
# or without an unsafe draw.
logged_outcome <- function(audit) {
  outcome <- replicated_outcome(audit)
  short <- prior_quantile_of(audit) > audit$limit + 1
  outcome$row <- which(outcome$columns$unsafe > 0 | short)
  outcome
}

logged_losses <- function(audit, tau_grid) {
  vapply(tau_grid, function(tau) {
    constants <- audit$constants
    quantile <- find_law(constants)$quantile(audit, tau, constants$cap)
    sum(counts_loss(audit, quantile) / audit$inclusion)
  }, 0)
}

# ---- In words ----------------------------------------------------------------

logged_origin <- function(audit) {
  few <- min(audit$limit)
  most <- max(audit$limit)
  c(
    sprintf("From a log, without a plan: %s of each prompt", if (few == most) {
      counted(few, "draw")
    } else {
      sprintf("%s to %s draws", big(few), big(most))
    }),
    sprintf("Order drawn with seed = %.0f; quantiles capped at %s",
            audit$constants$seed, counted(audit$constants$cap, "draw"))
  )
}
