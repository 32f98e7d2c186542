# What a report says of the guarantee, the bounds and their level. Written for a
# reader who has to decide and has no degree in statistics; nothing is claimed
# that the theory does not give.

# ---- The guarantee -----------------------------------------------------------

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

# Where an assumption of the certificate is not quite met, its confidence is a
# number to go by. (A bound of 1 is right in any case.)
only_about <- function(lpb) {
  kind <- guarantee_kind(lpb)
  kind == "normal" ||
    kind == "certified" && length(lpb$certificate$remarks) > 0L
}

# ---- Bounds and their level --------------------------------------------------

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
