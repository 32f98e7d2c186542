# Coverage as the calibration audit itself shows it.

# By decile of predicted risk. assess_lpb() without held-out outcomes is the
# better answer; where it has none this is the plain weighted estimate.
report_coverage <- function(lpb) {
  tryCatch(assess_lpb(lpb), timetounsafe_error_argument = function(e) {
    audited_coverage(lpb)
  })
}

audited_coverage <- function(lpb, groups = 10) {
  audit <- lpb$audit
  bound <- augment.lpb(lpb)$.pred_lower
  lost <- audited_loss(audit, bound)
  parts <- list(all = rep("all", lpb$n),
                risk = risk_group(audit$prob, min(groups, lpb$n)))
  rows <- lapply(names(parts), function(by) {
    at <- split(seq_len(lpb$n), parts[[by]])
    half <- vapply(at, function(i) {
      stats::qnorm(0.975) * stats::sd(lost[i]) / sqrt(length(i))
    }, 0)
    coverage <- vapply(at, function(i) 1 - mean(lost[i]), 0)
    data.frame(
      by = by, group = names(at), n = lengths(at),
      coverage = pmin(1, pmax(0, coverage)), low = pmax(0, coverage - half),
      high = pmin(1, coverage + half), unresolved = 0,
      mean_bound = vapply(at, function(i) mean(bound[i]), 0),
      geometric_mean = vapply(at, function(i) exp(mean(log(bound[i]))), 0),
      mean_prob = vapply(at, function(i) mean(audit$prob[i]), 0)
    )
  })
  rows <- do.call(rbind, rows)
  rownames(rows) <- NULL
  structure(rows, target = 1 - lpb$alpha,
            class = c("lpb_assessment", "data.frame"))
}

# For each prompt an unbiased estimate of P(T < bound).
audited_loss <- function(audit, bound) {
  weight <- ifelse(audit$horizon > 0, 1 / reach_beyond(audit, audit$time), 0)
  lost <- if (audit$method[1L] == "replicated") {
    1 - replicated_coverage(pmin(bound, audit$limit + 1),
                            replicated_unsafe(audit), audit$limit)
  } else {
    audit$time < pmin(bound, audit$horizon)
  }
  ifelse(weight > 0, weight * lost, 0)
}
