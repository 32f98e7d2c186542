# Screening: a few draws of each prompt before it is planned, which say more of
# its hazard than any feature. Derivation: methods vignette, "Screening draws".

# ---- Draws of the prompts to plan, or to bound -------------------------------

# list(unsafe, draws): how many of the `draws` screening draws of each prompt
# were unsafe; NULL without. `planned` is their number where it is fixed.
read_screened <- function(screened, prompts, n, planned = NULL,
                          call = rlang::caller_env()) {
  if (is.null(screened)) {
    return(NULL)
  }
  if (!is.data.frame(screened) ||
        !all(c("unsafe", "draws") %in% names(screened))) {
    stop_argument("screened", "must have columns `unsafe` and `draws`",
                  describe(screened),
                  fix = "draw_responses(prompts, sampler, draws = 8) makes it.",
                  call = call)
  }
  check_rows(screened, n, "screened", call)
  refuse_other_prompts(screened, prompts, call)
  counts <- if (inherits(screened, "prompt_draws")) {
    count_screened(screened, call)
  } else {
    list(unsafe = screened$unsafe, draws = screened$draws)
  }
  draws <- check_numeric(counts$draws, "screened$draws", n, min = 0,
                         whole = TRUE, finite = TRUE, call = call)
  check_screen_number(draws, planned, call)
  unsafe <- check_numeric(counts$unsafe, "screened$unsafe", n, min = 0,
                          max = max(draws), whole = TRUE, call = call)
  list(unsafe = unsafe, draws = draws[1L])
}

# Draws that failed permanently count as unsafe, in production as in
# calibration.
count_screened <- function(screened, call) {
  check_never_stopped(screened$stop, "screened", call)
  open <- is.na(screened$status)
  if (any(open)) {
    stop_argument("screened", "must be finished",
                  sprintf("%s without all their draws",
                          counted(sum(open), "prompt")),
                  fix = "run_audit(screened, sampler) resumes it.",
                  call = call)
  }
  list(unsafe = replicated_unsafe(screened), draws = screened$limit)
}

refuse_other_prompts <- function(screened, prompts, call) {
  own <- screened[["prompt"]]
  if (is.null(own) || is.null(prompts)) {
    return(invisible())
  }
  same <- identical(prompt_lines(own), prompt_lines(prompts))
  if (!same) {
    stop_argument("screened", "must have the prompts in their order",
                  "other prompts, or another order", call = call)
  }
}

# One number for all: with others the features of prompts would not be those
# that were calibrated.
check_screen_number <- function(draws, planned, call) {
  if (is.null(planned)) {
    if (any(draws != draws[1L])) {
      stop_argument(
        "screened", "must have the same number of draws of each prompt",
        sprintf("%s to %s", format(min(draws)), format(max(draws))),
        fix = "Plan prompts with another number by themselves.", call = call
      )
    }
  } else if (any(draws != planned)) {
    stop_argument(
      "screened", sprintf("must have %s of each prompt, as in calibration",
                          counted(planned, "draw")),
      format(draws[draws != planned][1L]), call = call
    )
  }
}

# ---- The law of screened prompts ---------------------------------------------

# The rows of prompts with hazards `prob` by their features: list(prob), or,
# with screening draws, what these leave of it.
screen_rows <- function(prob, screened, rule) {
  if (is.null(screened)) {
    return(list(prob = prob))
  }
  update_hazard(list(prob = prob, precision = precision_at(rule, prob)),
                screened$unsafe, screened$draws)
}

# The precision of a hazard, from what its own training, or other draws, show.
find_precision_rule <- function(hazard, pilot, call = rlang::caller_env()) {
  rule <- hazard$precision_rule
  if (is.null(rule) && !is.null(pilot)) {
    rule <- estimate_precision_rule(pilot$prob, pilot$unsafe, pilot$draws)
  }
  if (is.null(rule)) {
    stop_argument(
      "hazard", "has no `precision`, which screening draws need", call = call,
      fix = paste("Supply `training`, draws that show it, or",
                  "as_hazard(hazard, precision = 10), which need not be right.")
    )
  }
  rule
}

# Whether the bounds of a plan (by its constants), or of an lpb, are for draws
# after screening.
is_screened <- function(x) isTRUE(x$screen_draws > 0)

# What a plan keeps of screening, so that other prompts can be bounded alike.
screen_constants <- function(screened, rule) {
  list(screen_draws = screened$draws, precision_scale = rule$scale,
       precision_slope = rule$slope)
}

rule_of_constants <- function(constants) {
  if (!is.null(constants$screen_draws)) {
    list(scale = constants$precision_scale, slope = constants$precision_slope)
  }
}

# The hazards that a plan, or an audit, would have where features say `prob`.
screen_again <- function(prob, plan) {
  constants <- plan_parts(plan)$constants
  screened <- if (!is.null(constants$screen_draws)) {
    list(unsafe = plan$screen_unsafe, draws = constants$screen_draws)
  }
  screen_rows(prob, screened, rule_of_constants(constants))$prob
}

# ---- The prompts that fix the design -----------------------------------------

# A seed that nobody takes for draws of their own.
screen_seed <- 31759308

# The pilot as if `m` of its draws, at random, had been screening draws; NULL
# where too few are left.
screen_pilot <- function(pilot, rule, m, least = 50) {
  enough <- which(pilot$draws > m)
  if (length(enough) < least || sum(pilot$unsafe[enough]) == 0) {
    return(NULL)
  }
  pilot <- lapply(pilot[c("prob", "unsafe", "draws")], `[`, enough)
  unsafe <- with_seed(screen_seed, stats::rhyper(
    length(enough), pilot$unsafe, pilot$draws - pilot$unsafe, m
  ))
  left <- list(unsafe = pilot$unsafe - unsafe, draws = pilot$draws - m)
  if (sum(left$unsafe) == 0) {
    return(NULL)
  }
  c(screen_rows(pilot$prob, list(unsafe = unsafe, draws = m), rule), left)
}

# Other prompts with hazards `prob` by their features, as screening draws might
# leave them.
simulate_screened <- function(prob, rule, m) {
  with_seed(screen_seed, {
    truth <- draw_alike(prob, precision_at(rule, prob))
    unsafe <- stats::rbinom(length(prob), m, truth)
  })
  screen_rows(prob, list(unsafe = unsafe, draws = m), rule)
}

# The reference prompts after screening; the pilot's own where it has enough.
screen_reference <- function(reference, pilot, own, rule, m) {
  rows <- if (reference$source == "self") {
    own
  } else if (reference$source == "training" && !is.null(pilot)) {
    pilot[c("prob", "precision")]
  } else {
    simulate_screened(reference$prob, rule, m)
  }
  c(reference["source"], rows)
}
