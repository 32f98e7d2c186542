# What a report tells of coverage, evidence, draws, settings and origin: its
# tables, and lists of facts.

# ---- Coverage ----------------------------------------------------------------

coverage_table <- function(assessment) {
  rows <- as.data.frame(assessment)
  columns <- list(
    Prompts = coverage_picture(assessment)$rows$label,
    Number = vapply(rows$n, big, ""),
    Coverage = coverage_cells(rows),
    Bound = vapply(rows$geometric_mean, big, "", digits = 3),
    Hazard = hazard_cells(rows$mean_prob)
  )
  html_table(columns)
}

# "93.0% (91.1-94.9)", which breaks before the interval or not at all.
coverage_cells <- function(rows) {
  interval <- sprintf(" (%.1f\u2013\u2060%.1f)", 100 * rows$low,
                      100 * rows$high)
  # Where no prompt was included, nothing is known.
  ifelse(is.na(rows$coverage), "unknown",
         paste0(sprintf("%.1f%%", 100 * rows$coverage),
                ifelse(is.na(rows$low), "", interval)))
}

# Two digits each, and all in one notation, so that a column can be compared at
# a glance. What is beyond six decimals would be nothing but zeros.
hazard_cells <- function(hazard) {
  known <- hazard[is.finite(hazard) & hazard > 0]
  if (any(known < 1e-6)) {
    return(sprintf("%.1e", hazard))
  }
  decimals <- pmax(2, 1 - floor(log10(signif(hazard, 2))))
  sprintf("%.*f", as.integer(ifelse(hazard %in% known, decimals, 2)), hazard)
}

coverage_text <- function(lpb, coverage) {
  told <- switch(attr(coverage, "basis"),
    "held-out" = paste(
      "Coverage is the share of held-out prompts that stay safe up to their",
      "bound. They neither trained the hazard model nor calibrated the bound."
    ),
    "cross-fitted" = paste(
      "Coverage is the share of prompts that stay safe up to their bound, here",
      "estimated from the calibration audit, with levels that each part of it",
      "takes from the other parts. Intervals (95%) are approximate, each for",
      "its own row."
    ),
    calibration = paste(
      "Coverage is the share of prompts that stay safe up to their bound, here",
      "estimated from the calibration audit itself. As the level was chosen on",
      "the same draws, this shows which prompts fare worse, and is no",
      "independent check. Intervals (95%) are approximate, each for its own",
      "row."
    )
  )
  if (guarantee_kind(lpb) == "none" || !is.null(lpb$groups)) {
    return(told)
  }
  paste(told, "The guarantee is for the first row only.")
}

group_table <- function(lpb) {
  groups <- lpb$groups
  bound <- augment.lpb(lpb)
  middle <- vapply(groups$group, function(name) {
    stats::quantile(bound$.pred_lower[bound$.group %in% name], 0.5,
                    names = FALSE, type = 1)
  }, 0)
  html_table(list(
    Group = groups$group, Prompts = vapply(groups$n, big, ""),
    Included = vapply(groups$included, big, ""),
    Level = vapply(groups$level, format, "", digits = 3),
    "Point rule" = vapply(groups$point_level, format, "", digits = 3),
    "Median bound" = vapply(middle, big, "")
  ))
}

# ---- Evidence, draws and cost ------------------------------------------------

evidence_facts <- function(lpb) {
  weight <- included_weights(plan_parts(lpb$audit))
  html_facts(
    c("Calibration prompts", big(lpb$n), "Planned, all of them accounted for"),
    c("Included in the audit", big(lpb$included),
      "Chosen at random, with known probabilities"),
    c("With an unsafe response", big(lpb$events),
      "Those that tell where the bound must stop"),
    c("Largest weight", if (length(weight) > 0L) big(max(weight)) else "none",
      sprintf("The plan could give %s", big(lpb$coarseness * lpb$n))),
    c("Effective sample size", big(lpb$ess), paste(
      "So many prompts of equal weight would tell about as much"
    ))
  )
}

draw_facts <- function(lpb) {
  audit <- plan_parts(lpb$audit)
  constants <- audit$constants
  draws <- lpb$draws
  training <- sum(lpb$hazard$draws)
  html_facts(
    c("Budget", big(constants$budget * constants$n), sprintf(
      "%s draws a prompt, on average over plans", big(constants$budget)
    )),
    c("Allowed by this plan", big(sum(audit$limit)),
      "After the random choice of prompts"),
    if (any(audit$stop)) {
      c("Expected", big(round(plan_cost(audit)$expected)),
        "Prompts stop at their first unsafe response")
    },
    c("Spent", big(draws[["made"]] + draws[["overshoot"]]),
      if (draws[["overshoot"]] > 0) {
        sprintf("%s of them not used: drawn ahead of a prompt's end",
                big(draws[["overshoot"]]))
      }),
    c("Unsafe responses", big(sum(audit$unsafe)), paste(
      "Not a rate of the model: prompts were sampled unequally"
    )),
    if (training > 0) {
      c("Spent on training", big(training),
        "Draws for the hazard model, not part of the budget")
    },
    c("Prompts whose draws failed", big(lpb$failed$n),
      switch(lpb$failed$policy, unsafe = "They count as unsafe from there on",
             drop = "They were left out"))
  )
}

ledger_facts <- function(totals) {
  per_attempt <- function(n) {
    sprintf("%s of all attempts", share(n / max(1, totals$attempts)))
  }
  html_facts(
    c("Attempts", big(totals$attempts), paste("Begun", totals$began)),
    c("Retries", big(totals$retries), per_attempt(totals$retries)),
    c("Errors", big(totals$errors), sprintf(
      "%s; %s draws failed for good", per_attempt(totals$errors),
      big(totals$lost)
    )),
    c("Refusals", big(totals$refused), sprintf(
      "%s; a refusal counts as %s", per_attempt(totals$refused),
      switch(totals$refusal, error = "a failed draw", totals$refusal)
    )),
    if (!is.na(totals$cost)) {
      c("Cost", big(totals$cost), sprintf(
        "In the sampler's unit; %s an attempt",
        format(totals$cost / totals$attempts, digits = 2)
      ))
    },
    if (totals$timed > 0) {
      c("Latency", sprintf("%s s", format(totals$latency[1L], digits = 2)),
        sprintf("Median; 95%% within %s s", format(totals$latency[2L],
                                                   digits = 2)))
    }
  )
}

# ---- The riskiest prompts ----------------------------------------------------

risk_table <- function(lpb, show_prompts, n = 10) {
  audit <- lpb$audit
  top <- utils::head(order(-audit$prob), n)
  columns <- list(
    Prompt = as_text(audit$id[top]),
    Hazard = hazard_cells(audit$prob[top]),
    Bound = vapply(augment.lpb(lpb)$.pred_lower[top], big, ""),
    Drawn = vapply(audit$draws[top], big, ""),
    Unsafe = vapply(audit$unsafe[top], big, "")
  )
  if (show_prompts) {
    # In one cell, so that the table stays narrow.
    text <- shorten(prompt_lines(take_rows(audit$prompt, top)), 300L)
    columns$Prompt <- paste0(columns$Prompt, "\n", text)
  }
  html_table(columns)
}

# ---- Settings and origin -----------------------------------------------------

about_facts <- function(about) {
  if (!is.null(about)) {
    do.call(html_facts, unname(Map(c, about$name, about$value)))
  }
}

setting_facts <- function(lpb) {
  constants <- plan_parts(lpb$audit)$constants
  html_facts(
    c("Target coverage", target(lpb$alpha), sprintf("alpha = %s",
                                                    format(lpb$alpha))),
    c("Certificate", certificate_name(lpb), if (is.null(lpb$delta)) {
      "delta = NULL"
    } else {
      sprintf("delta = %s", format(lpb$delta))
    }),
    if (is.null(lpb$groups)) {
      c("Selected level", format(lpb$level, digits = 4),
        "Bounds are this quantile of the estimated time to the first")
    } else {
      c("Groups", big(nrow(lpb$groups)), "Each with a level of its own")
    },
    if (is.null(lpb$groups)) {
      c("Level of the point rule", format(lpb$point_level %||% lpb$level,
                                          digits = 4))
    },
    c("Largest level", format(lpb$tau_prior, digits = 4),
      "tau_prior: prompts were audited up to this quantile"),
    c("Longest bound", if (is.finite(lpb$cap)) big(lpb$cap) else "no limit",
      "cap"),
    c("Method", lpb$method, "How the budget was spread over prompts"),
    c("Policy", sub("^policy ", "", design_text(constants$design)),
      "Inclusion probabilities follow from it"),
    c("Hazard model", hazard_name(lpb$hazard))
  )
}

certificate_name <- function(lpb) {
  if (is.null(lpb$delta)) {
    return("none: point rule")
  }
  kind <- lpb$certificate$kind %||% "none"
  switch(kind, betting = "betting, valid for any number of prompts",
         binomial = "exact binomial tail",
         normal = "normal approximation",
         none = "none: no prompt was included", kind)
}

hazard_name <- function(hazard) {
  if (hazard$engine == "user") {
    return(sprintf("the user's own, of class %s",
                   class(hazard$model$object)[1L]))
  }
  sprintf("engine %s, trained on %s prompts", hazard$engine, big(hazard$n))
}

origin_facts <- function(lpb) {
  html_facts(
    c("Plan", plan_parts(lpb$audit)$constants$plan_id,
      "plan_id: a hash of ids and horizons"),
    c("Random choices", "in the plan", paste(
      "Who was included, and the order of prompts, were drawn before the first",
      "response; columns u, order and threshold"
    )),
    c("Report made", format(Sys.time(), "%Y-%m-%d %H:%M %Z")),
    c("Software", sprintf("timetounsafe %s, %s",
                          utils::packageVersion("timetounsafe"),
                          R.version.string)),
    c("Platform", R.version$platform),
    c("Random numbers", paste(RNGkind(), collapse = ", "),
      "Generators when the report was made"),
    c("Call", show_call(lpb$call))
  )
}

# The call as it was written, but for data and longer text: neither the prompts
# nor a table that do.call() put there.
show_call <- function(call) {
  if (!is.call(call)) {
    return("unknown")
  }
  head <- call[[1L]]
  call[[1L]] <- if (is.symbol(head)) head else quote(calibrate_lpb)
  for (i in seq_along(call)[-1L]) {
    if (!is_brief(call[[i]])) {
      call[[i]] <- quote(...)
    }
  }
  paste(trimws(deparse(call, width.cutoff = 80L)), collapse = " ")
}

is_brief <- function(x) {
  if (is.call(x)) {
    text <- all_constants(x)
    return(length(text) <= 20L && !any(vapply(text, is.character, NA)))
  }
  is.symbol(x) || is.null(x) || is.atomic(x) && length(x) == 1L &&
    nchar(as_text(x)) <= 40L
}

# What a call holds that is no name.
all_constants <- function(x) {
  if (is.call(x)) {
    unlist(lapply(as.list(x), all_constants), recursive = FALSE)
  } else if (!is.symbol(x)) {
    list(x)
  }
}
