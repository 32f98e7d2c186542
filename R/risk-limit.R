# What an audit says of F(k) = P(T <= k) with a limit that holds in finite
# samples. Derivation: methods vignette, "Certified risk".

# The limit of F(k) on one side, false with probability `delta` at most. `depth`
# is what each prompt is, or would be, drawn.
risk_limit <- function(audit, depth, k, side, delta) {
  if (!any(audit$horizon > 0)) {
    return(if (side == "upper") 1 else 0)
  }
  if (is.null(audit$prob) && k > min(depth)) {
    deepest <- risk_limit(audit, depth, min(depth), side, delta)
    times <- if (side == "upper") k / min(depth) else 1
    return(extend_risk(deepest, times))
  }
  audit <- count_failed(audit, side)
  if (all(depth >= k) && !is.na(equal_inclusion(audit))) {
    return(limit_of_equals(audit, k, side, delta))
  }
  betting_limit(risk_terms(audit, depth, k, side), side, delta,
                audit$constants$u_certificate)
}

# Where the plan gives all prompts the same inclusion probability, those that
# were included are a random sample. By bets without a random last step the
# upper limit is smallest where nothing was lost; the exact one, which is
# smaller still, is then valid in its place: methods vignette.
limit_of_equals <- function(audit, k, side, delta) {
  inside <- which(audit$horizon > 0)
  lost <- unsafe_by(rep(k, length(audit$limit)), audit)[inside]
  counted <- design_of(audit)$stops || all(audit$limit[inside] == k)
  if (counted || all(lost == 0)) {
    return(binomial_limit(sum(lost), length(inside), side, delta))
  }
  at <- order(audit$order[inside])
  betting_limit(new_bet_terms(rep(1, length(at)), lost[at], 1), side, delta)
}

# The risk within `times` as many draws, where each prompt has one hazard: at
# most this (Jensen), for times >= 1; at least, for times <= 1.
extend_risk <- function(risk, times) -expm1(times * log1p(-risk))

# Draws that failed permanently count against what is claimed: as unsafe for an
# upper limit, which the audit has them as, and as safe for a lower one.
count_failed <- function(audit, side) {
  if (side == "upper") {
    return(audit)
  }
  stopped <- audit$failed & audit$stop
  audit$time[stopped] <- audit$horizon[stopped]
  audit$status[stopped] <- 0
  audit$failed[] <- FALSE
  audit
}

# ---- Terms for bets ----------------------------------------------------------

# The pairs of new_bet_terms(): weights, and weights times an estimate of what
# is no less (no more, for a lower limit) than each prompt's P(T <= k).
risk_terms <- function(audit, depth, k, side) {
  weight <- prompt_weight(audit)
  seen <- unsafe_by(pmin(k, depth), audit)
  most <- largest_weight(audit)
  most <- max(most, audit$constants$max_weight)
  total <- if (design_of(audit)$always) 1 else most
  part <- if (design_of(audit)$always) heaviest_by(k, audit) else most
  ratio <- part / total
  short <- which(depth < k)
  if (side == "upper" && length(short) > 0L) {
    line <- tangents(audit$prob[short], depth[short], k)
    seen[short] <- line$at_0 + line$slope * seen[short]
    reach <- tangent_reach(k, audit, depth)
    part <- max(part, reach$part)
    ratio <- max(ratio, reach$ratio)
  }
  rows <- audit$constants$cluster_size %||% 1
  new_bet_terms(add_by_unit(weight, audit), add_by_unit(weight * seen, audit),
                rows * total, rows * part, ratio)
}

# P(T <= k) = 1 - (1 - s)^(k / h) is a concave function of s = P(T <= h), the
# risk within a prompt's depth h < k, and lies below its tangent at any s. The
# point where it touches is that of the estimated hazard. Nothing is seen of a
# prompt of depth 0: it counts as unsafe.
tangents <- function(prob, depth, k) {
  times <- k / depth
  log_safe <- log1p(-prob)
  slope <- times * exp((k - depth) * log_safe)
  at_0 <- -expm1(k * log_safe) + slope * expm1(depth * log_safe)
  sure <- prob >= 1
  list(at_0 = ifelse(depth == 0 | sure, 1, pmax(0, at_0)),
       slope = ifelse(depth == 0 | sure, 0, slope))
}

# The largest weight times value, and the largest value, that any prompt with a
# depth below `k` can have. A tangent is at most k / h, at s = 1. Where a plan
# made the depths, the quantile of a prompt bounds its hazard from below, unless
# it is the cap. Depths are looked at in steps; within one the lower end has the
# largest value and the upper end the largest weight.
tangent_reach <- function(k, audit, depth) {
  if (!design_of(audit)$planned) {
    return(list(part = k / min(depth), ratio = k / min(depth)))
  }
  constants <- audit$constants
  last <- min(k, constants$cap) - 1
  if (last < 1) {
    return(list(part = 1, ratio = 1))
  }
  ends <- unique(c(seq_len(min(last, 64)),
                   ceiling(64 * 1.02^seq_len(max(0, log(last / 64, 1.02)))),
                   last))
  ends <- sort(ends[ends <= last])
  starts <- c(1, ends[-length(ends)] + 1)
  safe <- (1 - constants$tau_max)^(k / (starts + 1))
  safe[ends >= constants$cap - 1] <- 1
  value <- 1 + (k / starts - 1) * safe
  always <- design_of(audit)$always
  weight <- if (always) {
    heaviest_by(last, audit)
  } else {
    1 / pmin(1, design_of(audit)$intensity(ends + 1, constants))
  }
  list(part = max(weight * value),
       ratio = max(value) * if (always) weight else 1)
}

# ---- Limits at several k -----------------------------------------------------

# list(low, high) at each of the increasing `k`. `claim` has `delta`, the chance
# that a limit at one k is false, or, with `simultaneous`, that any is; and
# `side`, of which both share it.
claim_limits <- function(audit, depth, k, claim) {
  sides <- if (claim$side == "both") c("lower", "upper") else claim$side
  delta <- claim$delta / length(sides)
  if (claim$simultaneous) {
    delta <- delta / length(k)
  }
  limits <- list(low = rep(0, length(k)), high = rep(1, length(k)))
  for (side in sides) {
    name <- if (side == "lower") "low" else "high"
    limits[[name]] <- vapply(k, function(k) {
      risk_limit(audit, depth, k, side, delta)
    }, 0)
  }
  if (claim$simultaneous) join_limits(limits, k) else limits
}

# Limits that hold at all k at once imply closer ones for each other: the risk
# grows with k, and no faster than extend_risk().
join_limits <- function(limits, k) {
  list(low = lower_between(k, limits$low, k),
       high = upper_between(k, limits$high, k))
}

# What limits at the increasing `anchors` imply at `k`, anchors or not.
upper_between <- function(anchors, high, k) {
  vapply(k, function(k) {
    min(1, high[anchors >= k],
        extend_risk(high[anchors < k], k / anchors[anchors < k]))
  }, 0)
}

lower_between <- function(anchors, low, k) {
  vapply(k, function(k) {
    max(0, low[anchors <= k],
        extend_risk(low[anchors > k], k / anchors[anchors > k]))
  }, 0)
}

# What keeps the limits from being exact: see certificate_remarks().
claim_remarks <- function(audit) {
  if (!is.null(audit$constants$reference)) certificate_remarks(audit)
}

# ---- What a prompt shows -----------------------------------------------------
# ------------------------------------------------------

# An unbiased estimate of P(T <= time) for each prompt, where `time`, one value
# for each, is within its depth.
unsafe_by <- function(time, audit) {
  seen <- design_of(audit)$loss(audit, time + 1)
  if (design_of(audit)$always) {
    at <- which(seen > 0)
    seen[at] <- seen[at] / reach_beyond(audit, audit$time)[at]
  }
  seen
}

# The largest weight that an unsafe draw by this time can have.
heaviest_by <- function(time, audit) {
  if (design_of(audit)$always) {
    return(1 / reach_beyond(audit, min(time, audit$constants$cap - 1))[1L])
  }
  largest_weight(audit)
}
