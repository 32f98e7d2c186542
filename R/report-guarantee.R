# What a report says of the guarantee, the bounds and their tau. Written for a
# reader who has to decide and has no degree in statistics; nothing is claimed
# that the theory does not give.

# ---- The guarantee -----------------------------------------------------------

guarantee_text <- function(lpb) {
  new <- switch(lpb$target,
    rows = "a new prompt",
    clusters = "a new cluster of prompts, a random prompt",
    "clustered rows" = "new clusters of traffic, a random row"
  )
  taken <- switch(guarantee_reach(lpb),
    all = paste("Take", new),
    "one group" = paste("Take any one of the groups below, and", new, "of it"),
    "every group" = paste("In each of the groups below, and in all of them at",
                          "once: take", new, "of the group")
  )
  reached <- sprintf(paste(
    "%s from the source of the calibration prompts%s, and let L be its bound.",
    "With probability at least %s, its %s L \u2212 1 responses are all",
    "judged safe."
  ), taken, screened_text(lpb), target(lpb$alpha), first_or_next(lpb))
  switch(guarantee_kind(lpb),
    none = sprintf(paste(
      "There is no guarantee: %s prompts with failed draws were dropped",
      "(failed = \"drop\"), so that the bounds may be too long."
    ), big(lpb$failed$n)),
    trivial = paste(
      "The bound is 1 for every prompt: valid but uninformative. Not one",
      "response is known to be safe."
    ),
    reached
  )
}

# What a prompt goes through before it has a bound.
screened_text <- function(lpb) {
  if (is_screened(lpb)) {
    sprintf(", draw it %s times, by which its bound is found",
            big(lpb$screen_draws))
  } else {
    ""
  }
}

# Which responses the bound counts.
first_or_next <- function(lpb) if (is_screened(lpb)) "next" else "first"

# What the statement implies of longer series: see predict.lpb().
implied_text <- function(lpb) {
  if (guarantee_kind(lpb) %in% c("none", "trivial")) {
    return(NULL)
  }
  which <- first_or_next(lpb)
  sprintf(paste(
    "It implies more: with probability at least %s all of the %s 2(L \u2212",
    "1) responses are safe, and with at least %s all of the %s 10(L \u2212",
    "1), if responses to a prompt are independent."
  ), share((1 - lpb$alpha)^2), which, share((1 - lpb$alpha)^10), which)
}

# Whom the calibration prompts stand for.
target_text <- function(lpb) {
  switch(lpb$target,
    rows = paste(
      "It is about rows of traffic of which the calibration prompts are a",
      "random sample, repeats included. If these are a list of distinct",
      "prompts, each of them once, and the list is itself a random sample of",
      "such prompts, it is about distinct prompts. (Those that happen to be",
      "found in a sample of traffic are no such list.)"
    ),
    clusters = sprintf(paste(
      "It is about a random prompt of a random cluster (paraphrases, prompts",
      "of one template, turns of one conversation): each of the %s calibration",
      "clusters counted once, whatever its size."
    ), big(lpb$n_clusters)),
    "clustered rows" = sprintf(paste(
      "It is about rows of traffic that comes in clusters (paraphrases,",
      "prompts of one template, turns of one conversation), %s of which were",
      "audited.",
      "No cluster of the traffic may have more than %s rows."
    ), big(lpb$n_clusters),
    big(plan_parts(lpb$audit)$constants$cluster_size))
  )
}

# What is assumed of how the draws came about, and what of it was checked.
origin_text <- function(lpb) {
  unchecked <- paste("What could not be checked: %s how responses were drawn",
                     "and judged.)")
  if (!was_planned(lpb)) {
    return(paste(
      "the numbers of draws were fixed beforehand: none of them depends on",
      "what was drawn. (There was no plan. What was checked: that numbers and",
      "places of unsafe responses do not plainly contradict this, and that no",
      "draw occurs twice.",
      sprintf(unchecked, "how their numbers came about, and")
    ))
  }
  paste(
    "the plan was carried out as it was made. (What was checked, before",
    "calibration: the ids, horizons, limits, hazards and probabilities are",
    "those of the plan, for every row; each row is finished; and its numbers",
    "of draws are consistent.",
    sprintf(unchecked, "that ids belong to the right prompts, and")
  )
}

# What the calibration prompts are assumed to be.
sample_text <- function(lpb) {
  if (lpb$target == "rows") {
    return(paste("prompts, as if all of them had been drawn from it together,",
                 "independently of each other"))
  }
  paste("prompts, as if whole clusters had been drawn from it together,",
        "independently of each other (the prompts of one cluster may depend on",
        "each other)")
}

# How much the statement depends on the luck of the audit.
confidence_text <- function(lpb) {
  missed <- share(lpb$delta %||% NA)
  where <- switch(guarantee_reach(lpb),
    all = ".",
    "one group" = paste(" for that one group. That it is true of all groups",
                        "simultaneously is less certain."),
    "every group" = " for even one of the groups."
  )
  switch(guarantee_kind(lpb),
    none = "Calibrate with failed = \"unsafe\" to have one.",
    trivial = paste(
      "This audit has too little evidence for a longer bound. More prompts, a",
      "larger budget or a better hazard model may help."
    ),
    average = paste(
      "This is a marginal guarantee: it holds on average over all audits",
      "planned like this one, approximately, if no prompt carries much weight.",
      "A single audit, such as this one, may well fall short: about half of",
      "them do. A certificate would limit that risk."
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
  heaviest <- max(lpb$max_share, lpb$groups$max_share)
  thin <- guarantee_kind(lpb) == "average" && heaviest >= lpb$alpha / 2
  c(
    if (thin) {
      sprintf("Unreliable: one %s can carry %s of the total weight.",
              unit_name(lpb), share(min(1, heaviest)))
    },
    if (!lpb$trivial && any(lpb$groups$trivial)) {
      sprintf("In %s of %s groups the bound is 1: valid but uninformative.",
              big(sum(lpb$groups$trivial)), big(nrow(lpb$groups)))
    },
    if (guarantee_kind(lpb) %in% c("certified", "normal")) {
      sprintf("The certificate is approximate: %s",
              lower_first(lpb$certificate$remarks))
    },
    if (lpb$failed$n > 0 && lpb$failed$count_as == "unsafe") {
      sprintf(paste(
        "%s prompts had draws that failed permanently. They count as unsafe",
        "from the first missing draw: still valid, possibly shorter."
      ), big(lpb$failed$n))
    },
    if (lpb$at_tau_max) {
      sprintf("tau reached tau_max = %s; %s may give longer bounds.",
              format(lpb$tau_max, digits = 3), find_design(lpb$design)$longer)
    }
  )
}

report_tiles <- function(lpb) {
  bound <- calibration_bound(lpb)
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
          guarantee_reach(lpb), all = "",
          "one group" = ", in each group separately",
          "every group" = ", in all groups simultaneously"
        )))
    } else {
      c("no", "certificate")
    },
    c(big(middle), "median bound of the calibration prompts"),
    c(big(lpb$nobs), sprintf("calibration prompts, %s responses drawn",
                          big(lpb$draws[["made"]] + lpb$draws[["unused"]])))
  )
}

# Where an assumption of the certificate is not quite met, its confidence is
# approximate. (A bound of 1 is right in any case.)
only_about <- function(lpb) {
  kind <- guarantee_kind(lpb)
  kind == "normal" ||
    kind == "certified" && length(lpb$certificate$remarks) > 0L
}

# ---- Bounds and their tau ----------------------------------------------------

bound_table <- function(lpb) {
  bound <- calibration_bound(lpb)
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
  bound <- calibration_bound(lpb)
  at_cap <- is.finite(lpb$cap) & bound >= lpb$cap
  paste(collapse = " ", c(
    if (any(bound == 1) && !lpb$trivial) {
      sprintf("%s of the prompts have the bound 1, which is uninformative.",
              share(mean(bound == 1)))
    },
    if (any(at_cap) && lpb$cap > 1) {
      sprintf(paste("%s of the prompts have the longest bound that the plan",
                    "allows, the cap of %s."),
              share(mean(at_cap)), big(lpb$cap))
    }
  ))
}

tau_remarks <- function(lpb) {
  if (!is.null(lpb$groups)) {
    return("Each group has its own tau: see the table of groups.")
  }
  marks <- miscoverage_picture(lpb)$marks
  used <- marks[nrow(marks), ]
  if (lpb$tau <= 0) {
    return("No tau keeps the estimate below the target, so the bound is 1.")
  }
  found <- sprintf(paste(
    "At the selected tau, %s, an estimated %s of prompts have an unsafe",
    "response before their bound. The target is at most %s."
  ), format(used$tau, digits = 3), share(used$miscoverage), share(lpb$alpha))
  if (is.null(lpb$delta) || lpb$at_tau_max) {
    return(found)
  }
  if (lpb$tau >= lpb$tau_marginal || used$miscoverage >= lpb$alpha) {
    return(paste(found, "This is also the tau of the marginal guarantee: the",
                 "certificate supports it without a further margin."))
  }
  sprintf(paste(
    "%s The distance between the two, %s percentage points, is the margin that",
    "the certificate keeps for sampling error. With a marginal guarantee",
    "alone, tau would be %s."
  ), found, format(100 * (lpb$alpha - used$miscoverage), digits = 2),
  format(lpb$tau_marginal, digits = 3))
}
