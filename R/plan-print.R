# How an audit_plan looks: print, summary, plot.

#' @rdname summaries
#' @export
print.audit_plan <- function(x, price = NULL, ...) {
  price <- check_price(price)
  # A plan may go without its prompts, see write_plan().
  needed <- setdiff(plan_columns, "prompt")
  if (!all(needed %in% names(x)) || nrow(x) == 0L) {
    print(as.data.frame(x), ...)
    return(invisible(x))
  }
  plan <- plan_parts(x)
  constants <- plan$constants
  cost <- plan_cost(plan)
  say("<audit_plan> method \"%s\", %d prompts, budget %s draws per prompt",
      constants$method, nrow(x), big(constants$budget))
  say("Levels up to tau_prior = %s; quantiles capped at %s",
      format(constants$tau_prior, digits = 3), big(constants$cap))
  say("Included: %d prompts, with inclusion probabilities %s", cost$included,
      spread(x$pi))
  print_plan_certificate(plan)
  say("Budget: %s draws on average over plans; %s",
      big(round(constants$budget * constants$n)),
      design_text(constants$design))
  if (all(x$stop)) {
    say("Draws to make: at most %s, about %s expected", big(cost$worst),
        big(round(cost$expected)))
  } else {
    say("Draws to make: %s", big(cost$worst))
  }
  if (!is.null(price)) {
    say("Cost at %s a draw: at most %s, about %s expected", big(price),
        big(price * cost$worst), big(price * cost$expected))
  }
  if (nrow(x) != constants$n) {
    say("These are only %d of the plan's %d rows: not enough to calibrate.",
        nrow(x), constants$n)
  } else {
    say("Next: run_audit(plan, sampler)")
  }
  invisible(x)
}

# For what certificate a plan was made, and whether it is within reach.
print_plan_certificate <- function(plan) {
  constants <- plan$constants
  alpha <- constants$alpha
  delta <- constants$delta
  if (is.na(delta)) {
    return(invisible())
  }
  weight <- constants$weight_limit
  n <- length(plan$id)
  say("Certificate: planned for alpha %s, delta %s; weights %s", format(alpha),
      format(delta), if (is.finite(weight)) {
        paste("up to", big(weight))
      } else {
        "without a limit"
      })
  if (n == constants$n && hopeless(plan_stakes(plan, alpha, delta))) {
    say("With such weights %s can hardly certify anything.",
        counted(n, "prompt"))
  }
}

#' @rdname summaries
#' @export
summary.audit_plan <- function(object, price = NULL, ...) {
  price <- check_price(price)
  plan <- plan_parts(object)
  constants <- plan$constants
  cost <- plan_cost(plan)
  row <- data.frame(
    method = constants$method, n = nrow(object), budget = constants$budget,
    tau_prior = constants$tau_prior, cap = constants$cap,
    included = cost$included, max_weight = largest_weight(plan),
    draws_worst = cost$worst, draws_expected = cost$expected
  )
  if (!is.null(price)) {
    row$cost_worst <- price * cost$worst
    row$cost_expected <- price * cost$expected
  }
  row
}

# Where what the prompts' probabilities depend on comes from.
design_text <- function(design) {
  switch(design,
    training = "policy fixed on the training prompts",
    given = "policy fixed on the design prompts",
    plan = "policy fixed on these prompts"
  )
}

#' @rdname plots
#' @export
plot.audit_plan <- function(x, ...) {
  draw_points(list(
    x = reachable_quantile(plan_parts(x)), y = x$pi, log = "x", ylim = c(0, 1),
    xlab = "prior quantile (draws)", ylab = "inclusion probability"
  ), ...)
  invisible(x)
}
