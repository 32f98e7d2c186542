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

# Where an argument's draws tell that they stopped.
check_never_stopped <- function(stop, arg, call) {
  if (any(stop)) {
    stop_argument(arg, "must contain a fixed number of draws",
                  "draws that stopped at the first unsafe one",
                  fix = "Use draw_responses(stop = FALSE).", call = call)
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
  count <- function(which) as.double(tabulate(row[which], n))
  total <- count(hit)
  last <- count(hit & draw == limit[row])
  refuse_stopped(short, total, last == 1, limit, id, call)
  # Where most of the shorter prompts end.
  end <- sort(unique(limit[short]))
  end <- end[which.max(tabulate(match(limit[short], end)))]
  warn_dependent(
    test_places(short, last, total, limit, 1),
    test_places(limit > end, count(hit & draw <= end), total, limit, end),
    end, call
  )
}

# Of counts alone, all that can be seen is that no prompt has two unsafe draws,
# and each with fewer draws has one.
check_fixed_counts <- function(unsafe, limit, id, call) {
  short <- limit > 0 & limit < max(limit)
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

# `last`: how many of the shorter prompts end in an unsafe draw; stopping makes
# them more. `first`: of how many of those drawn beyond `end` an unsafe draw is
# among the first `end`; going on where something was seen, or where nothing
# was, makes them more, or fewer.
warn_dependent <- function(last, first, end, call) {
  p <- c(last = last$above, more = first$above, fewer = first$below)
  p_value <- min(1, 3 * min(p))
  if (p_value >= dependence_level) {
    return(invisible())
  }
  about <- if (which.min(p) == 1L) last else first
  what <- if (which.min(p) == 1L) {
    "%.0f of the %s with fewer draws than others end in an unsafe draw"
  } else {
    paste0("%.0f of the %s with more than ", big(end), " draws have an unsafe ",
           "draw among as many first ones")
  }
  warn_classed("dependent_draws", c(
    sprintf("%s, where about %.3g are to be expected (p = %s).",
            sprintf(what, about$seen, counted(about$n, "prompt")),
            about$expected, format(p_value, digits = 2)),
    x = paste("If numbers of draws depend on what was drawn, what is said of",
              "this audit has no guarantee."),
    i = paste("The first draws of each prompt, as many as all were to have,",
              "are a fixed number.")
  ), p.value = p_value, call = call)
}

# How many of `which` prompts have an unsafe draw among `places` given ones,
# which `found` of its `total` ones are. If the numbers of draws are fixed, each
# order of them is as likely as any, so that this is a sum of independent
# indicators: its exact distribution, or, where these are very many, the normal
# one.
test_places <- function(which, found, total, limit, places) {
  missed <- exp(lchoose(limit - total, places) - lchoose(limit, places))[which]
  seen <- sum(found[which] > 0)
  expected <- sum(1 - missed)
  sure <- sum(missed == 0)
  open <- missed[missed > 0 & missed < 1]
  spread <- sqrt(sum(open * (1 - open)))
  tails <- if (length(open) > 2000L) {
    stats::pnorm(c(expected - seen + 0.5, seen - expected + 0.5) / spread)
  } else {
    mass <- Reduce(function(mass, p) c(mass * p, 0) + c(0, mass * (1 - p)),
                   open, 1)
    number <- seq_along(mass) - 1
    c(sum(mass[number >= seen - sure]), sum(mass[number <= seen - sure]))
  }
  list(above = tails[1L], below = tails[2L], seen = seen, expected = expected,
       n = sum(which))
}
