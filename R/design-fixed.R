# A number of draws of each prompt that was fixed beforehand, without a plan: as
# if there had been one with inclusion probability 1.

design_fixed <- function() {
  fixed_design("fixed", stops = FALSE, loss = counts_loss)
}

# The same where prompts stop at their first unsafe draw.
design_stopped <- function() {
  fixed_design("stopped", stops = TRUE, loss = event_loss)
}

fixed_design <- function(name, stops, loss) {
  new_audit_design(
    name,
    stops = stops, loss = loss,
    reach = function(audit, time) rep(1, length(audit$limit)),
    reachable = function(audit) audit$limit + 1
  )
}
