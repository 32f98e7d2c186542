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
  cost <- plan_cost(x)
  say("<audit_plan> method \"%s\", %d prompts, budget %s draws per prompt",
      x$method[1L], nrow(x), big(x$budget[1L]))
  say("Levels up to tau_prior = %s; quantiles capped at %s",
      format(x$tau_prior[1L], digits = 3), big(x$cap[1L]))
  say("Included: %d prompts, with inclusion probabilities %s", cost$included,
      spread(x$pi))
  print_plan_certificate(x)
  say("Budget: %s draws on average over plans; %s",
      big(round(x$budget[1L] * x$n[1L])), design_text(x$design[1L]))
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
  if (nrow(x) != x$n[1L]) {
    say("These are only %d of the plan's %d rows: not enough to calibrate.",
        nrow(x), x$n[1L])
  } else {
    say("Next: run_audit(plan, sampler)")
  }
  invisible(x)
}

# For what certificate a plan was made, and whether it is within reach.
print_plan_certificate <- function(x) {
  alpha <- x$alpha[1L]
  delta <- x$delta[1L]
  if (is.na(delta)) {
    return(invisible())
  }
  weight <- x$weight_limit[1L]
  say("Certificate: planned for alpha %s, delta %s; weights %s", format(alpha),
      format(delta), if (is.finite(weight)) {
        paste("up to", big(weight))
      } else {
        "without a limit"
      })
  if (nrow(x) == x$n[1L] && hopeless(plan_stakes(x, alpha, delta))) {
    say("With such weights %s can hardly certify anything.",
        counted(nrow(x), "prompt"))
  }
}

#' @rdname summaries
#' @export
summary.audit_plan <- function(object, price = NULL, ...) {
  price <- check_price(price)
  cost <- plan_cost(object)
  row <- data.frame(
    method = object$method[1L], n = nrow(object), budget = object$budget[1L],
    tau_prior = object$tau_prior[1L], cap = object$cap[1L],
    included = cost$included, max_weight = largest_weight(object),
    draws_worst = cost$worst,
    draws_expected = cost$expected
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
    x = reachable_quantile(x), y = x$pi, log = "x", ylim = c(0, 1),
    xlab = "prior quantile (draws)", ylab = "inclusion probability"
  ), ...)
  invisible(x)
}
