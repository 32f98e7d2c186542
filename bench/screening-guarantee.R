# Whether certificates of screened prompts hold: with the right precision, with
# one ten times too large or too small, and where hazards have no beta
# distribution. usage: Rscript bench/screening-guarantee.R [runs]   (writes
# bench/screening-guarantee.md)

library(timetounsafe)
core <- asNamespace("timetounsafe")
runs <- as.integer(c(commandArgs(TRUE), "500")[1])
alpha <- 0.1
delta <- 0.1
precision <- 10
settings <- list(n = 500, budget = 20, cap = 33, tau_max = 0.19)

# ---- Populations -------------------------------------------------------------

# Means as features know them, and hazards that differ around them: by a beta
# distribution of precision 10, or one in five prompts has four times the hazard
# of its features, and the others a quarter.
draw_people <- function(n, mixture, assumed, m) {
  mean <- 10^stats::runif(n, -2.5, -0.5)
  truth <- if (mixture) {
    pmin(1, mean * ifelse(stats::runif(n) < 0.2, 4, 0.25))
  } else {
    core$draw_alike(mean, precision)
  }
  unsafe <- stats::rbinom(n, m, truth)
  rule <- list(scale = assumed, slope = 0)
  list(rows = core$screen_rows(mean, list(unsafe = unsafe, draws = m), rule),
       truth = truth)
}

# ---- A cell ------------------------------------------------------------------

one_cell <- function(m, assumed, mixture) {
  set.seed(613)
  constants <- core$new_constants("replicated", settings$budget, alpha, delta,
                                  settings$tau_max, settings$cap)
  constants$precision_scale <- assumed
  reference <- draw_people(2000, mixture, assumed, m)$rows
  constants <- core$fix_by(constants, reference, settings$n)
  law <- core$find_law(constants)
  others <- draw_people(20000, mixture, assumed, m)
  found <- vapply(seq_len(runs), function(r) {
    own <- draw_people(settings$n, mixture, assumed, m)
    audit <- core$simulate_design(constants, own$rows, own$truth)
    tau <- min(core$find_marginal(audit, alpha)$tau,
               core$certify_tau(audit, alpha, delta, "exact")$tau)
    bound <- law$quantile(others$rows, tau, settings$cap)
    c(coverage = mean(core$geometric_coverage(bound, others$truth)),
      bound = mean(log(bound)))
  }, numeric(2))
  missed <- found["coverage", ] < 1 - alpha
  data.frame(m = m, missed = mean(missed),
             error = sqrt(delta * (1 - delta) / runs),
             coverage = mean(found["coverage", ]),
             bound = exp(mean(found["bound", ])))
}

worlds <- list("beta, precision right" = list(assumed = 10, mixture = FALSE),
               "beta, ten times too large" = list(assumed = 100,
                                                  mixture = FALSE),
               "beta, ten times too small" = list(assumed = 1,
                                                  mixture = FALSE),
               "two kinds of prompts" = list(assumed = 10, mixture = TRUE))
rows <- do.call(rbind, lapply(names(worlds), function(name) {
  world <- worlds[[name]]
  cells <- lapply(c(0, 4, 8, 32), one_cell, world$assumed, world$mixture)
  data.frame(world = name, do.call(rbind, cells))
}))

# ---- The table ---------------------------------------------------------------

row <- function(...) paste0("| ", paste(..., sep = " | "), " |")
lines <- c(
  "# Certificates of screened prompts", "",
  sprintf(paste(
    "%s; one run of `bench/screening-guarantee.R %d`. %d prompts, %d draws of",
    "each after screening, cap %d, alpha = delta = 0.1; %d calibrations a",
    "cell. False: coverage of 20,000 other prompts below .9, with a Monte",
    "Carlo error of %.3f at .1."
  ), R.version.string, runs, settings$n, settings$budget, settings$cap, runs,
  rows$error[1]), "",
  row("hazards", "screening draws", "false", "coverage", "geometric mean"),
  "|:--|--:|--:|--:|--:|",
  row(rows$world, rows$m, sprintf("%.3f", rows$missed),
      sprintf("%.3f", rows$coverage), sprintf("%.1f", rows$bound))
)
writeLines(lines, "bench/screening-guarantee.md")
writeLines(lines)
