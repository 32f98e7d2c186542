# What a report says, in words and numbers. Written for a reader who has to
# decide and has no degree in statistics; nothing is claimed that the theory
# does not give.

# ---- The guarantee -----------------------------------------------------------

# Which kind of statement the bound allows.
guarantee_kind <- function(lpb) {
  if (lpb$failed$n > 0 && lpb$failed$policy == "drop") {
    "none"
  } else if (lpb$trivial) {
    "trivial"
  } else if (is.null(lpb$delta)) {
    "average"
  } else if (identical(lpb$certificate$kind, "normal")) {
    "normal"
  } else {
    "certified"
  }
}

# What the statement is made for: prompts of any group, of one group at a time,
# or of all groups at once.
guarantee_reach <- function(lpb) {
  if (is.null(lpb$groups)) {
    "all"
  } else if (identical(lpb$group_delta, "shared") && !is.null(lpb$delta)) {
    "every group"
  } else {
    "one group"
  }
}

guarantee_text <- function(lpb) {
  taken <- switch(guarantee_reach(lpb),
    all = "Take a new prompt",
    "one group" = "Take any one of the groups below, and a new prompt of it",
    "every group" = paste("In each of the groups below, and in all of them at",
                          "once: take a new prompt of the group")
  )
  reached <- sprintf(paste(
    "%s from the source of the calibration prompts, and let L be its bound.",
    "With probability at least %s, its first L \u2212 1 responses are all",
    "judged safe."
  ), taken, target(lpb$alpha))
  switch(guarantee_kind(lpb),
    none = sprintf(paste(
      "There is no guarantee: %s prompts whose draws failed were left out",
      "(failed = \"drop\"), so that the bounds may be too long."
    ), big(lpb$failed$n)),
    trivial = paste(
      "The bound is 1 for every prompt. That is always true, and promises",
      "nothing: not one response is known to be safe."
    ),
    reached
  )
}

# How much the statement depends on the luck of the audit.
confidence_text <- function(lpb) {
  missed <- share(lpb$delta %||% NA)
  where <- switch(guarantee_reach(lpb),
    all = ".",
    "one group" = paste(" for that one group. That it is true of all groups at",
                        "once is less certain."),
    "every group" = " for even one of the groups."
  )
  switch(guarantee_kind(lpb),
    none = "Calibrate with failed = \"unsafe\" to have one.",
    trivial = paste(
      "This audit has too little evidence for a longer bound. More prompts, a",
      "larger budget or a better hazard model may help."
    ),
    average = paste(
      "This is so on average over all audits planned like this one, closely",
      "where no prompt carries much weight (point rule). A single audit, and",
      "so this one, may well fall short: about half of them do. A certificate",
      "would limit that risk."
    ),
    normal = sprintf(paste(
      "An audit may be lucky or unlucky in the prompts and responses that it",
      "draws. The certificate limits that risk, by a large-sample",
      "approximation: of all audits planned like this one, about %s or fewer",
      "give bounds of which the statement is false%s"
    ), missed, where),
    certified = sprintf(paste(
      "An audit may be lucky or unlucky in the prompts and responses that it",
      "draws. The certificate limits that risk: of all audits planned like",
      "this one, at most %s give bounds of which the statement is false%s"
    ), missed, where)
  )
}

# What takes something away from it.
guarantee_warnings <- function(lpb) {
  heaviest <- max(lpb$coarseness, lpb$groups$coarseness)
  thin <- guarantee_kind(lpb) == "average" && heaviest >= lpb$alpha / 2
  c(
    if (thin) {
      sprintf(paste("There is little evidence: one prompt can count for %s of",
                    "all. Do not rely on this bound."),
              share(min(1, heaviest)))
    },
    if (!lpb$trivial && any(lpb$groups$trivial)) {
      sprintf("In %s of %s groups the bound is 1, which promises nothing.",
              big(sum(lpb$groups$trivial)), big(nrow(lpb$groups)))
    },
    if (guarantee_kind(lpb) %in% c("certified", "normal")) {
      sprintf("The certificate is only approximate here: %s",
              lower_first(lpb$certificate$remarks))
    },
    if (lpb$failed$n > 0 && lpb$failed$policy == "unsafe") {
      sprintf(paste(
        "The draws of %s prompts failed for good. They count as unsafe from",
        "the first one that is missing, so the guarantee stands and the bounds",
        "may be shorter."
      ), big(lpb$failed$n))
    },
    if (lpb$capped) {
      sprintf(paste(
        "The level was cut off at the largest one that the audit can judge,",
        "%s: longer bounds may be possible."
      ), format(lpb$tau_prior, digits = 3))
    }
  )
}

# Where an assumption of the certificate is not quite met, its confidence is a
# number to go by. (A bound of 1 is right in any case.)
only_about <- function(lpb) {
  kind <- guarantee_kind(lpb)
  kind == "normal" ||
    kind == "certified" && length(lpb$certificate$remarks) > 0L
}

lower_first <- function(x) {
  sub("^(.)", "\\L\\1", x, perl = TRUE)
}

report_tiles <- function(lpb) {
  bound <- augment.lpb(lpb)$.pred_lower
  middle <- stats::quantile(bound, 0.5, names = FALSE, type = 1)
  kind <- guarantee_kind(lpb)
  html_tiles(
    if (kind == "none") {
      c("none", "no guarantee")
    } else {
      c(paste0("\u2265 ", target(lpb$alpha)),
        "of new prompts stay safe up to their bound")
    },
    if (kind %in% c("certified", "normal", "trivial") && !is.null(lpb$delta)) {
      c(paste0(if (only_about(lpb)) "\u2248 ", target(lpb$delta)),
        paste0("confidence of the certificate", switch(
          guarantee_reach(lpb), all = "", "one group" = ", for any one group",
          "every group" = ", for all groups at once"
        )))
    } else {
      c("no", "certificate")
    },
    c(big(middle), "median bound of the calibration prompts"),
    c(big(lpb$n), sprintf("calibration prompts, %s responses drawn",
                          big(lpb$draws[["made"]] + lpb$draws[["overshoot"]])))
  )
}

# ---- Bounds and levels -------------------------------------------------------

bound_table <- function(lpb) {
  bound <- augment.lpb(lpb)$.pred_lower
  at <- c(0, 0.1, 0.25, 0.5, 0.75, 0.9, 1)
  value <- stats::quantile(bound, at, names = FALSE, type = 1)
  have <- function(share) paste(share, "have at most")
  name <- c("Smallest", have(c("10%", "25%", "Half", "75%", "90%")), "Largest")
  html_table(list(
    "Calibration prompts" = c(name, "Geometric mean"),
    Bound = vapply(c(value, exp(mean(log(bound)))), big, "", digits = 3)
  ))
}

bound_remarks <- function(lpb) {
  bound <- augment.lpb(lpb)$.pred_lower
  at_cap <- is.finite(lpb$cap) & bound >= lpb$cap
  paste(collapse = " ", c(
    if (any(bound == 1) && !lpb$trivial) {
      sprintf("%s of the prompts have a bound of 1, which promises nothing.",
              share(mean(bound == 1)))
    },
    if (any(at_cap) && lpb$cap > 1) {
      sprintf(paste("%s of the prompts have the longest bound that the plan",
                    "allows, %s: more was not looked at."),
              share(mean(at_cap)), big(lpb$cap))
    }
  ))
}

level_text <- function(lpb) {
  if (!is.null(lpb$groups)) {
    return("Each group has a level of its own: see the table of groups.")
  }
  marks <- miscoverage_picture(lpb)$marks
  used <- marks[nrow(marks), ]
  if (lpb$level <= 0) {
    return(paste("No level keeps the estimate below the target, so that the",
                 "bound is 1."))
  }
  found <- sprintf(paste(
    "At the selected level, %s, an estimated %s of prompts meet an unsafe",
    "response before their bound. The target is at most %s."
  ), format(used$level, digits = 3), share(used$miscoverage), share(lpb$alpha))
  if (is.null(lpb$delta) || lpb$capped) {
    return(found)
  }
  if (lpb$level >= lpb$point_level || used$miscoverage >= lpb$alpha) {
    return(paste(found, "This is also the level of the point rule: the",
                 "certificate supports it without a further margin."))
  }
  sprintf(paste(
    "%s The distance between the two, %s percentage points, is the margin that",
    "the certificate keeps for the luck of the draw. Without certificate",
    "(point rule) the level would be %s."
  ), found, format(100 * (lpb$alpha - used$miscoverage), digits = 2),
  format(lpb$point_level, digits = 3))
}

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

# "93.0% (91.1-94.9)", which breaks before the interval or not at all.
coverage_cells <- function(rows) {
  interval <- sprintf(" (%.1f\u2013\u2060%.1f)", 100 * rows$low,
                      100 * rows$high)
  # Where no prompt was included, nothing is known.
  ifelse(is.na(rows$coverage), "unknown",
         paste0(sprintf("%.1f%%", 100 * rows$coverage),
                ifelse(is.na(rows$low), "", interval)))
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
  weight <- included_weights(lpb$audit)
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
  audit <- lpb$audit
  draws <- lpb$draws
  training <- sum(lpb$hazard$draws)
  html_facts(
    c("Budget", big(audit$budget[1L] * audit$n[1L]), sprintf(
      "%s draws a prompt, on average over plans", big(audit$budget[1L])
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

# Prompts that are rows of a data frame: "topic: weather; tone: rude".
prompt_lines <- function(prompts) {
  text <- prompt_text(prompts)
  if (!is.list(text)) {
    return(text)
  }
  do.call(paste, c(Map(function(name, x) paste0(name, ": ", x), names(text),
                       text), sep = "; "))
}

shorten <- function(x, most) {
  x <- iconv(x, "UTF-8", "UTF-8", sub = "byte")
  ifelse(nchar(x) > most, paste0(substr(x, 1L, most), " \u2026"), x)
}

# ---- Configuration and origin ------------------------------------------------

about_facts <- function(about) {
  if (!is.null(about)) {
    do.call(html_facts, unname(Map(c, about$name, about$value)))
  }
}

setting_facts <- function(lpb) {
  audit <- lpb$audit
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
    c("Policy", sub("^policy ", "", design_text(audit$design[1L])),
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
    c("Plan", lpb$audit$plan_id[1L], "plan_id: a hash of ids and horizons"),
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
