# How objects look. format() builds lines, print() writes them; summary()
# returns what print() leaves out.

say <- function(...) {
  cat(sprintf(...), "\n", sep = "")
}

big <- function(x, digits = 4) {
  format(x, digits = digits, big.mark = ",", scientific = max(abs(x)) >= 1e9)
}

# "1 prompt", "2,000 prompts"
counted <- function(n, what) {
  paste0(big(n), " ", what, if (n != 1) "s")
}

share <- function(x) {
  paste0(format(100 * x, digits = 3), "%")
}

# Targets such as 0.9999 keep their digits.
target <- function(alpha) {
  paste0(format(100 * (1 - alpha), digits = 12), "%")
}

# "a to b (median c)"
spread <- function(x, digits = 3) {
  q <- stats::quantile(x, c(0, 0.5, 1), names = FALSE, type = 1)
  f <- vapply(q, format, "", digits = digits, big.mark = ",")
  sprintf("%s to %s (median %s)", f[1L], f[3L], f[2L])
}

#' @export
print.hazard_fit <- function(x, ...) {
  if (x$engine == "user") {
    say("<hazard_fit> a model of your own, class \"%s\"",
        class(x$model$object)[1L])
    return(invisible(x))
  }
  say("<hazard_fit> engine \"%s\" on %d prompts, %s draws, %s unsafe%s",
      x$engine, x$n, big(sum(x$draws)), big(sum(x$unsafe)),
      if (x$sampling == "stopped") " (stopped at the first)" else "")
  say("Features: %d columns%s", x$encoder$n_columns,
      if (x$encoder$kind == "text") " made from the text" else "")
  say("Hazard of a draw: %s", spread(x$fitted))
  if (x$engine != "constant" && x$null_deviance > 0) {
    explained <- max(0, 1 - x$deviance / x$null_deviance)
    say("Deviance explained: %s", share(explained))
  }
  if (!isTRUE(x$model$converged)) {
    say("The fit did not converge.")
  }
  invisible(x)
}

#' Summaries
#'
#' What `print()` leaves out, as a list (or, for plans and audits, a data frame
#' of one row) that prints.
#'
#' @param object,x A `hazard_fit`, `audit_plan`, `audit` or `lpb`.
#' @param price What one draw costs, a number of at least 0 in any currency:
#'   the costs of the plan are then given, too.
#' @param ... Ignored.
#' @returns For `hazard_fit` a list of class `summary.hazard_fit`: `fit` (the
#'   object), `edf` (effective degrees of freedom), `penalty`, `dispersion`,
#'   `iterations`, `converged` and, for the glm engine, two data frames:
#'   `smooths`, the features that may bend, with the number of knots, the
#'   penalty and the effective degrees of freedom that were chosen; and
#'   `interactions`, the products of two features that were taken, with their
#'   effect and score statistic. For `audit_plan` and `audit` a one-row data
#'   frame of draws; for plans how many are allowed, how many are made at the
#'   most (`draws_worst`) and how many to expect if the hazard is right
#'   (`draws_expected`), with `cost_worst` and `cost_expected` when there is a
#'   `price`. Draws that are tried again or made ahead come on top. For `lpb`
#'   the same as [glance.lpb()].
#' @name summaries
#' @examples
#' set.seed(1)
#' x <- matrix(rnorm(400), 200, 2)
#' fit <- fit_hazard(x, rbinom(200, 20, 0.05), draws = 20)
#' summary(fit)
#'
#' prompts <- as.character(1:200)
#' plan <- plan_audit(fit, prompts, x, budget = 10)
#' print(plan, price = 0.002)
NULL

#' @rdname summaries
#' @export
summary.hazard_fit <- function(object, ...) {
  model <- object$model
  out <- list(fit = object, converged = model$converged)
  if (object$engine == "glm") {
    out <- c(out, list(
      edf = sum(model$edf) + 1, penalty = model$lambda[1L],
      dispersion = model$dispersion, iterations = model$iterations,
      ridged = model$ridged, smooths = smooth_table(model),
      interactions = pair_table(model)
    ))
  } else if (object$engine == "mlp") {
    out <- c(out, list(hidden = model$hidden, epochs = model$epochs,
                       held_out = model$held_out, history = model$history))
  }
  structure(out, class = "summary.hazard_fit")
}

smooth_table <- function(model) {
  smooths <- model$terms$smooths
  at <- 1L + seq_along(smooths)
  data.frame(
    feature = model$columns$label[vapply(smooths, `[[`, 1L, "column")],
    knots = vapply(smooths, function(s) length(s$knots), 1L),
    penalty = model$lambda[at], edf = model$edf[at]
  )
}

pair_table <- function(model) {
  pairs <- model$terms$pairs
  # By place, the last ones: a feature may be called "a:b" itself.
  data.frame(features = label_pairs(pairs, model$terms$linear),
             effect = unname(utils::tail(model$beta, nrow(pairs))),
             statistic = pairs$statistic)
}

#' @export
print.summary.hazard_fit <- function(x, ...) {
  print(x$fit)
  if (x$fit$engine == "glm") {
    say("Linear terms: penalty %s%s; dispersion %s", big(x$penalty),
        if (x$fit$model$penalty_chosen) " (chosen)" else " (given)",
        format(x$dispersion, digits = 3))
    say("Effective degrees of freedom: %s in %d iterations",
        format(x$edf, digits = 3), x$iterations)
    if (x$ridged) {
      say("Some columns are collinear; a tiny ridge was added.")
    }
    if (nrow(x$smooths) > 0L) {
      say("Features that may bend, by effective degrees of freedom:")
      top <- x$smooths[order(-x$smooths$edf), , drop = FALSE]
      print(utils::head(top, 10L), digits = 3, row.names = FALSE)
    }
    if (nrow(x$interactions) > 0L) {
      say("Interactions, by their score test before they were taken:")
      print(utils::head(x$interactions, 10L), digits = 3, row.names = FALSE)
    }
  } else if (x$fit$engine == "mlp") {
    say("Hidden layers: %s; %d epochs; %d prompts held out",
        paste(x$hidden, collapse = ", "), x$epochs, x$held_out)
  }
  invisible(x)
}

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

check_price <- function(price, call = rlang::caller_env()) {
  check_number(price, "price", min = 0, null_ok = TRUE, call = call)
}

#' @export
print.audit <- function(x, ...) {
  if (!all(outcome_columns %in% names(x)) || nrow(x) == 0L) {
    print(as.data.frame(x), ...)
    return(invisible(x))
  }
  open <- sum(is.na(x$status))
  say("<audit> %d prompts, %s draws%s", nrow(x), big(sum(x$draws)),
      if (any(x$overshoot > 0)) {
        sprintf(" and %s not used", big(sum(x$overshoot)))
      } else {
        ""
      })
  say("Unsafe draws: %s, in %d prompts", big(sum(x$unsafe)),
      sum(x$unsafe > 0))
  if (any(x$failed)) {
    say("Ended by failed draws: %d prompts (unsafe in time and status)",
        sum(x$failed))
  }
  if (open > 0L) {
    say("Unfinished: %d prompts are open; run_audit() goes on.", open)
  } else if ("plan_id" %in% names(x) && nrow(x) == x$n[1L]) {
    say("Next: calibrate_lpb(audit)")
  }
  invisible(x)
}

#' @rdname summaries
#' @export
summary.audit <- function(object, ...) {
  data.frame(
    n = nrow(object), finished = sum(!is.na(object$status)),
    draws = sum(object$draws), unsafe = sum(object$unsafe),
    prompts_unsafe = sum(object$unsafe > 0),
    overshoot = sum(object$overshoot), failed = sum(object$failed)
  )
}

#' @export
print.lpb <- function(x, ...) {
  say("<lpb> a lower bound that %s of prompts reach before an unsafe draw",
      target(x$alpha))
  say("%s, selected from %d prompts (%d included, %d with unsafe draws)",
      if (is.null(x$groups)) {
        paste("Level", format(x$level, digits = 4))
      } else {
        paste("Levels within", counted(nrow(x$groups), "group"))
      }, x$n, x$included, x$events)
  bound <- calibration_bound(x)
  say("Bounds of these prompts: %s, geometric mean %s", spread(bound),
      format(exp(mean(log(bound))), digits = 3))
  say("Draws: %s planned, %s made", big(x$draws[["planned"]]),
      big(x$draws[["made"]] + x$draws[["overshoot"]]))
  if (x$failed$n > 0 && x$failed$policy == "drop") {
    say("No guarantee: %s whose draws failed dropped out.",
        counted(x$failed$n, "prompt"))
  } else {
    print_guarantee(x)
    if (x$failed$n > 0) {
      say("Draws of %s failed: they count as unsafe there.",
          counted(x$failed$n, "prompt"))
    }
  }
  if (is.null(x$groups)) {
    print_limits(x)
    say("Next: predict(lpb, newx), assess_lpb(lpb, newx, ...)")
  } else {
    print_groups(x)
    say("Next: predict(lpb, newx, groups), assess_lpb(lpb, newx, groups = )")
  }
  invisible(x)
}

# What stands in the way of longer bounds, or of any.
print_limits <- function(x) {
  if (x$trivial) {
    say("It is 1 for every prompt: valid, and says nothing.")
  } else if (is.null(x$delta) && x$coarseness >= x$alpha / 2) {
    say("Little evidence: one prompt can count for %s of all.",
        share(min(1, x$coarseness)))
    say("Do not rely on it.")
  } else if (x$capped) {
    say("The level was cut off at tau_prior = %s: longer bounds are possible.",
        format(x$tau_prior, digits = 3))
  }
}

# One row for each group, with the note that print_limits() would give it.
print_groups <- function(x, most = 12L) {
  shown <- x$groups[c("group", "n", "included", "events", "level")]
  thin <- is.null(x$delta) & x$groups$coarseness >= x$alpha / 2
  shown$note <- ifelse(
    x$groups$trivial, "bound 1",
    ifelse(thin, "little evidence", ifelse(x$groups$capped, "cut off", ""))
  )
  print(utils::head(shown, most), digits = 3, row.names = FALSE)
  if (nrow(shown) > most) {
    say("... and %d more groups: lpb$groups has them all", nrow(shown) - most)
  }
}

print_guarantee <- function(x) {
  if (is.null(x$delta)) {
    say("Holds on average over calibrations (point rule), for such prompts%s.",
        if (is.null(x$groups)) "" else " of each group")
    return(invisible())
  }
  kind <- x$certificate$kind %||% "nothing included"
  say("Certified (%s%s): holds %s with probability %s", kind,
      if (kind == "normal") ", approximate" else "", guarantee_scope(x),
      target(x$delta))
  if (is.null(x$groups)) {
    say("over calibrations. Without certificate the level is %s.",
        format(x$point_level, digits = 4))
  } else {
    say("over calibrations.")
  }
  for (remark in x$certificate$remarks) {
    say("Only approximately: %s", remark)
  }
}

guarantee_scope <- function(x) {
  if (is.null(x$groups)) {
    "for such prompts"
  } else if (x$group_delta == "each") {
    "within any one group"
  } else {
    "in all groups at once"
  }
}

#' @rdname summaries
#' @export
summary.lpb <- function(object, ...) {
  structure(glance(object), class = c("summary.lpb", "data.frame"))
}

#' @export
print.summary.lpb <- function(x, ...) {
  values <- vapply(x, function(v) {
    if (is.numeric(v)) format(v, digits = 4, big.mark = ",") else format(v)
  }, "")
  cat(paste0(format(names(x)), "  ", values, "\n"), sep = "")
  invisible(x)
}
