# Whether numbers of draws that were not planned may depend on what was drawn:
# then no estimate may take them for fixed.

# ---- What was said, or is plain ----------------------------------------------

# A reader may know of a log that its draws stopped, and says why.
refuse_told <- function(about, call) {
  told <- about$dependent
  if (is.character(told) && length(told) > 0L && !anyNA(told)) {
    refuse_dependent(told, call)
  } else if (isTRUE(any(as.logical(told)))) {
    refuse_dependent("The log was drawn so that numbers depend on outcomes.",
                     call)
  }
}

refuse_dependent <- function(found, call, id = NULL) {
  stop_classed("audit", c(
    "`x` has numbers of draws that depend on what was drawn.",
    rlang::set_names(found, "x"),
    i = "Only numbers of draws that were fixed beforehand are a plan.",
    i = paste("fit_hazard(x) may learn from such draws, and plan_audit() plans",
              "others.")
  ), id = id, argument = "x", call = call)
}

# Where prompts differ in their number of draws `limit`. `row`, `draw` and
# `unsafe` (NA for draws without a verdict) are in the order of prompts and
# draws; `id` names the prompts.
check_fixed_numbers <- function(row, draw, unsafe, limit, id, call) {
  short <- limit < max(limit)
  if (!any(short) || !any(unsafe, na.rm = TRUE)) {
    return(invisible())
  }
  hit <- unsafe %in% TRUE
  n <- length(limit)
  count <- as.double(tabulate(row[hit], n))
  last <- logical(n)
  last[row[hit & draw == limit[row]]] <- TRUE
  refuse_stopped(short, count, last, limit, id, call)
  place <- sum(draw[hit])
  warn_dependent(short, count, last, limit, place, call)
}

# Of counts alone, all that can be seen is that no prompt has two unsafe draws,
# and each with fewer draws has one.
check_fixed_counts <- function(unsafe, limit, id, call) {
  short <- limit < max(limit)
  if (any(short) && all(unsafe[short] == 1) && all(unsafe <= 1)) {
    refuse_dependent(stopped_text(short), call, id[short])
  }
}

# Draws that stopped at the first unsafe one: either nothing ever follows an
# unsafe draw, which would be a strange chance; or each prompt with fewer draws
# ends in its only one.
refuse_stopped <- function(short, count, last, limit, id, call) {
  ended <- all(last[short] & count[short] == 1)
  none_follows <- all(count <= 1 & last == (count == 1))
  chance <- exp(-sum(log(limit[count == 1])))
  if (ended && (sum(short) > 1L || none_follows)) {
    refuse_dependent(stopped_text(short), call, id[short])
  }
  if (none_follows && chance < dependence_level) {
    refuse_dependent("No draw ever follows an unsafe one.", call, id[count > 0])
  }
}

stopped_text <- function(short) {
  one <- sum(short) == 1L
  sprintf("%s with fewer draws than others %s in %s only unsafe draw.",
          counted(sum(short), "prompt"), if (one) "ends" else "end",
          if (one) "its" else "their")
}

# ---- Tests -------------------------------------------------------------------

# How often the warning may come where there is no reason.
dependence_level <- 0.01

# Given how many draws of a prompt were unsafe, each order of its draws is as
# likely as any, if their number was fixed.
warn_dependent <- function(short, count, last, limit, place, call) {
  found <- list(end = test_last(count[short], last[short], limit[short]),
                place = test_place(count, limit, place))
  p <- min(1, 2 * min(found$end$p, found$place$p))
  if (p >= dependence_level) {
    return(invisible())
  }
  what <- if (found$end$p <= found$place$p) {
    sprintf(paste("%.0f of the prompts with fewer draws than others end in an",
                  "unsafe draw, where %.1f are to be expected"),
            found$end$seen, found$end$expected)
  } else {
    sprintf("Unsafe draws come %s in their prompts than they should",
            if (found$place$early) "earlier" else "later")
  }
  warn_classed("dependent_draws", c(
    sprintf("%s (p = %s).", what, format(p, digits = 2)),
    x = paste("If numbers of draws depend on what was drawn, what is said of",
              "this audit has no guarantee."),
    i = paste("The first draws of each prompt, as many as all were to have,",
              "are a fixed number.")
  ), p.value = p, call = call)
}

# How many last draws are unsafe: a sum of independent indicators with these
# probabilities, of which all are needed, or so many that the sum is normal.
test_last <- function(count, last, limit) {
  chance <- count / limit
  seen <- sum(last)
  open <- chance[chance > 0 & chance < 1]
  beyond <- seen - sum(chance == 1)
  p <- if (length(open) > 2000L) {
    stats::pnorm(beyond - 0.5, sum(open), sqrt(sum(open * (1 - open))),
                 lower.tail = FALSE)
  } else {
    mass <- Reduce(function(mass, p) c(mass * (1 - p), 0) + c(0, mass * p),
                   open, 1)
    sum(mass[seq_along(mass) > beyond])
  }
  list(p = min(1, p), seen = seen, expected = sum(chance))
}

# The sum of the places of unsafe draws, as in the rank sum test of Wilcoxon,
# stratified by prompts; normal, as sums over prompts are.
test_place <- function(count, limit, place) {
  expected <- sum(count * (limit + 1) / 2)
  variance <- sum(count * (limit + 1) * (limit - count) / 12)
  if (variance == 0) {
    return(list(p = 1, early = FALSE))
  }
  z <- (place - expected) / sqrt(variance)
  list(p = 2 * stats::pnorm(-abs(z)), early = z < 0)
}
