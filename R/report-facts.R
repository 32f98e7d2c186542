# What a report says of coverage, evidence, draws, settings and origin: its
# tables, and lists of facts.

# ---- Coverage ----------------------------------------------------------------

coverage_table <- function(assessment) {
  rows <- as.data.frame(assessment)
  columns <- list(
    Prompts = coverage_picture(assessment)$rows$label,
    Number = vapply(rows$n, big, ""),
    Coverage = coverage_cells(rows),
    Bound = vapply(rows$gmean_bound, big, "", digits = 3),
    Hazard = hazard_cells(rows$mean_prob)
  )
  html_table(columns)
}

# "93.0% (91.1-94.9)", which breaks before the interval or not at all.
coverage_cells <- function(rows) {
  interval <- sprintf(" (%.1f\u2013\u2060%.1f)", 100 * rows$conf.low,
                      100 * rows$conf.high)
  # Where no prompt was included, nothing is known.
  ifelse(is.na(rows$estimate), "unknown",
         paste0(sprintf("%.1f%%", 100 * rows$estimate),
                ifelse(is.na(rows$conf.low), "", interval)))
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
  text <- switch(coverage$basis[1L],
    "held-out" = paste(c(
      "Coverage is the share of held-out prompts that stay safe up to their",
      "bound. They neither trained the hazard model nor calibrated the bound.",
      if (all(coverage$interval == "exact")) {
        "Intervals hold in finite samples, each for its own row."
      }
    ), collapse = " "),
    "cross-fitted" = paste(
      "Coverage is the share of prompts that stay safe up to their bound, here",
      "estimated from the calibration audit, cross-fitted: each fold has the",
      "tau selected on the others. Intervals are approximate, each for its own",
      "row."
    ),
    calibration = paste(
      "Coverage is the share of prompts that stay safe up to their bound, here",
      "estimated from the calibration audit itself. As tau was selected on the",
      "same draws, this shows which prompts fare worse, and is not an",
      "independent check. Intervals are approximate, each for its own row."
    )
  )
  if (guarantee_kind(lpb) == "none" || !is.null(lpb$groups)) {
    return(text)
  }
  paste(text, "The guarantee is for all prompts together, not for parts of",
        "them.")
}

group_table <- function(lpb) {
  groups <- lpb$groups
  bound <- calibration_bound(lpb)
  middle <- vapply(groups$group, function(name) {
    stats::quantile(bound[lpb$row_groups %in% name], 0.5, names = FALSE,
                    type = 1)
  }, 0)
  html_table(list(
    Group = groups$group, Prompts = vapply(groups$n, big, ""),
    Included = vapply(groups$n_included, big, ""),
    tau = vapply(groups$tau, format, "", digits = 3),
    "Marginal tau" = vapply(groups$tau_marginal, format, "", digits = 3),
    "Median bound" = vapply(middle, big, "")
  ))
}

# ---- Evidence, draws and cost ------------------------------------------------

evidence_facts <- function(lpb) {
  weight <- included_weights(plan_parts(lpb$audit))
  html_facts(
    c("Calibration prompts", big(lpb$nobs), "All that were planned"),
    if (!is.na(lpb$n_clusters)) {
      c("Clusters of them", big(lpb$n_clusters),
        "Only these are independent of each other")
    },
    c("Included in the audit", big(lpb$n_included),
      if (was_planned(lpb)) {
        "At random, with known probabilities"
      } else {
        "All of the log that did not train the hazard model"
      }),
    c("With an unsafe response", big(lpb$nevent),
      "Prompts that determine the bound"),
    c("Largest weight", if (length(weight) > 0L) big(max(weight)) else "none",
      sprintf("At most %s with this plan",
              big(largest_weight(plan_parts(lpb$audit))))),
    c("Effective sample size", big(lpb$ess), paste(
      "Equally weighted prompts of the same precision"
    ))
  )
}

draw_facts <- function(lpb) {
  audit <- plan_parts(lpb$audit)
  constants <- audit$constants
  draws <- lpb$draws
  training <- sum(lpb$hazard$draws)
  planned <- was_planned(lpb)
  html_facts(
    if (planned) {
      c("Budget", big(constants$budget * constants$n), sprintf(
        "%s draws a prompt, in expectation", big(constants$budget)
      ))
    },
    c(if (planned) "Allowed by this plan" else "In the log",
      big(sum(audit$limit)), if (planned) {
        "After the random selection of prompts"
      } else {
        "Their number by prompt was fixed beforehand"
      }),
    if (any(audit$stop)) {
      c("Expected", big(round(plan_cost(audit)$expected)),
        "Prompts stop at their first unsafe response")
    },
    c("Draws made", big(draws[["made"]] + draws[["unused"]]),
      if (draws[["unused"]] > 0) {
        sprintf("%s of them made ahead, unused", big(draws[["unused"]]))
      }),
    c("Unsafe responses", big(sum(audit$unsafe)), if (planned) {
      "Not a rate of the model: prompts were sampled unequally"
    }),
    draws_fact("Refused responses", audit$refused),
    draws_fact("Cut at the token limit", audit$truncated),
    if (is_screened(lpb)) {
      c("Screening draws", big(lpb$screen_draws * lpb$nobs), sprintf(
        "%s of each prompt, before the plan and not in the budget",
        big(lpb$screen_draws)
      ))
    },
    if (training > 0) {
      c("Training draws", big(training),
        "For the hazard model, in addition to the budget")
    },
    c("Prompts with failed draws", big(lpb$failed$n),
      switch(lpb$failed$count_as, drop = "They were dropped",
             unsafe = "They count as unsafe from the first missing draw"))
  )
}

# Among the draws that count, where there are any.
draws_fact <- function(name, count) {
  if (sum(count, na.rm = TRUE) > 0) {
    c(name, big(sum(count, na.rm = TRUE)), if (anyNA(count)) {
      "At least: not known of all prompts"
    })
  }
}

ledger_facts <- function(totals) {
  per_attempt <- function(n) {
    sprintf("%s of all attempts", share(n / max(1, totals$attempts)))
  }
  html_facts(
    c("Attempts", big(totals$attempts), paste0(
      "Started ", totals$started, if (totals$reused > 0) {
        sprintf("; %s of them drawn before, for another audit",
                big(totals$reused))
      }
    )),
    c("Retries", big(totals$retries), per_attempt(totals$retries)),
    c("Errors", big(totals$errors), sprintf(
      "%s; %s draws failed permanently", per_attempt(totals$errors),
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
    Bound = vapply(calibration_bound(lpb)[top], big, ""),
    Drawn = vapply(audit$draws[top], big, ""),
    Unsafe = vapply(audit$unsafe[top], big, "")
  )
  if (sum_known(audit[["refused"]]) > 0) {
    columns$Refused <- vapply(audit$refused[top], function(n) {
      if (is.na(n)) "unknown" else big(n)
    }, "")
  }
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
    c("Nominal coverage", target(lpb$alpha), sprintf("alpha = %s",
                                                    format(lpb$alpha))),
    c("Certificate", certificate_name(lpb), if (is.null(lpb$delta)) {
      "delta = NULL"
    } else {
      sprintf("delta = %s", format(lpb$delta))
    }),
    if (is.null(lpb$groups)) {
      c("tau", format(lpb$tau, digits = 4),
        "Bounds are this quantile of the estimated time to unsafe")
    } else {
      c("Groups", big(nrow(lpb$groups)), "Each with its own tau")
    },
    if (is.null(lpb$groups)) {
      c("tau, marginal guarantee", format(lpb$tau_marginal %||% lpb$tau,
                                          digits = 4))
    },
    c("tau_max", format(lpb$tau_max, digits = 4),
      if (was_planned(lpb)) {
        "Prompts were audited up to this quantile"
      }),
    c("Longest bound", if (is.finite(lpb$cap)) big(lpb$cap) else "no limit",
      "cap"),
    c("Design", lpb$design, if (was_planned(lpb)) {
      "How the budget was spread over prompts"
    } else {
      "A number of draws that was fixed without a plan"
    }),
    c("Reference", sub("^design ", "", reference_text(constants$reference)),
      "What inclusion probabilities were computed on"),
    c("Hazard model", hazard_name(lpb$hazard))
  )
}

certificate_name <- function(lpb) {
  if (is.null(lpb$delta)) {
    return("none: marginal guarantee")
  }
  kind <- lpb$certificate$kind %||% "none"
  switch(kind, betting = "betting, valid for any number of prompts",
         binomial = "exact binomial tail",
         normal = "normal approximation",
         none = "none: no prompt was included", kind)
}

hazard_name <- function(hazard) {
  if (hazard$engine == "user") {
    return(sprintf("user-supplied, of class %s",
                   class(hazard$model$object)[1L]))
  }
  sprintf("engine %s, trained on %s prompts", hazard$engine,
          big(hazard$nobs))
}

origin_facts <- function(lpb) {
  html_facts(
    c("Plan", plan_parts(lpb$audit)$constants$plan_id,
      "plan_id: a hash of ids and horizons"),
    c("Random numbers of the plan", "in the plan",
      if (was_planned(lpb)) {
        paste("Which prompts were included, and their order, were drawn before",
              "the first response: columns u_inclusion, order and",
              "u_certificate")
      } else {
        sprintf(paste("The order was drawn afterwards, with seed = %.0f:",
                      "columns order and u_certificate"),
                plan_parts(lpb$audit)$constants$seed)
      }),
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

show_call <- function(call) {
  call <- plain_call(call, "calibrate_lpb")
  if (is.null(call)) {
    return("unknown")
  }
  paste(trimws(deparse(call, width.cutoff = 80L)), collapse = " ")
}
