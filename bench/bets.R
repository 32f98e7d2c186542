# Shows what the size of the certificate's bets is worth where hazards are
# wrong: the margin of the bets of calibrate_lpb(), of those that take the
# predicted variance at its word, and of both with a low cap.
# usage: Rscript bench/bets.R [runs] [workers]   (writes bench/bets.md)

library(timetounsafe)
core <- asNamespace("timetounsafe")
arguments <- as.integer(commandArgs(TRUE))
runs <- c(arguments, 400L)[1]
workers <- c(arguments[-1], 2L)[1]
alpha <- 0.1
delta <- 0.1

set.seed(1)
people <- simulate_prompts(20000)$prob
reference <- simulate_prompts(10000)$prob
middle <- exp(mean(log(reference)))
estimates <- list(
  known = function(p) p,
  constant = function(p) rep(middle, length(p)),
  permuted = function(p) sample(p),
  overconfident = function(p) {
    pmin(0.5, p * exp(stats::rnorm(length(p), 0, 1.5)))
  }
)
models <- lapply(estimates, function(estimate) {
  list(hat = estimate(people), reference = estimate(reference))
})
# `cap`: NA for the paper's.
cells <- rbind(
  data.frame(model = "permuted", n = c(1000, 4000, 5000, 4000, 1000),
             budget = c(1000, 100, 20, 100, 20), cap = c(NA, NA, NA, 500, 30)),
  data.frame(model = "overconfident", n = c(4000, 1000), budget = c(20, 20),
             cap = c(NA, 50)),
  data.frame(model = "known", n = c(1000, 5000, 1000), budget = c(100, 20, 20),
             cap = c(NA, NA, 100)),
  data.frame(model = "constant", n = c(1000, 5000), budget = c(1000, 20),
             cap = NA)
)

cell_constants <- function(cell) {
  cap <- if (is.na(cell$cap)) 100 * cell$budget else cell$cap
  constants <- core$new_constants("replicated", cell$budget, alpha, delta, NULL,
                                  cap)
  prob <- models[[cell$model]]$reference
  constants <- core$choose_limits(constants, cap, NULL, list(prob = prob),
                                  cell$n)
  quantile <- core$prior_quantile(list(prob = prob), constants)
  core$fix_constants(constants, quantile, cell$n)
}

# As before: the variance undoubled, and four times the prior count.
trusting_bets <- function(payoffs, betting) {
  bets <- rep(core$bet_for(betting), betting$n)
  prior <- 2 * betting$max_weight / betting$alpha
  for (seen in unique(ceiling(core$bet_parts * betting$n))) {
    squares <- sum(core$marginal_payoffs(core$first_part(payoffs, seen))^2)
    variance <- (prior * betting$variance + squares) / (prior + seen)
    bets[seq_along(bets) > seen] <- core$bet_for(betting, variance)
  }
  bets
}

one_run <- function(cell, constants) {
  at <- sample.int(length(people), cell$n)
  audit <- core$simulate_design(constants, models[[cell$model]]$hat[at],
                                people[at])
  payoffs <- core$gather_payoffs(audit, alpha)
  betting <- core$plan_betting(audit, alpha, delta)
  rule <- core$wealth_rule(audit, betting)
  certified <- function(bets) {
    core$find_tau(core$scale_payoffs(payoffs, bets), rule)$tau
  }
  c(marginal = core$find_marginal(audit, alpha)$tau,
    trusting = certified(trusting_bets(payoffs, betting)),
    doubting = certified(core$place_bets(payoffs, betting)))
}

run_cell <- function(i) {
  cell <- cells[i, ]
  constants <- cell_constants(cell)
  set.seed(i)
  tau <- t(replicate(runs, one_run(cell, constants)))
  grid <- c(0, constants$tau_max * exp(seq(-6, 0, length.out = 300)))
  covered <- stats::approxfun(grid, vapply(grid, function(tau) {
    bound <- geometric_quantile(models[[cell$model]]$hat, tau, constants$cap)
    mean(core$geometric_coverage(bound, people))
  }, 0))
  coverage <- matrix(covered(tau), runs, dimnames = dimnames(tau))
  unit <- stats::sd(coverage[, "marginal"])
  above <- (coverage - coverage[, "marginal"]) / unit
  error <- function(x) stats::sd(x) / sqrt(runs)
  data.frame(
    cell, before = mean(above[, "trusting"]), now = mean(above[, "doubting"]),
    error = error(above[, "doubting"]),
    gain = mean(above[, "trusting"] - above[, "doubting"]),
    gain_error = error(above[, "trusting"] - above[, "doubting"]),
    false = mean(coverage[, "doubting"] < 1 - alpha)
  )
}
results <- do.call(rbind, parallel::mclapply(
  seq_len(nrow(cells)), run_cell, mc.cores = workers, mc.preschedule = FALSE
))

row <- function(...) paste0("| ", paste(..., sep = " | "), " |")
count <- function(n) format(n, big.mark = ",", trim = TRUE)
two <- function(x) sprintf("%.2f", x)
lines <- c(
  "# The size of the bets", "",
  sprintf(paste(
    "%s. alpha = %g, delta = %g, replicated draws, tau_max = 0.19, %s",
    "calibrations in each cell. One run of `bench/bets.R %d`."
  ), R.version.string, alpha, delta, count(runs), runs), "",
  paste("Margin: by how much the mean coverage exceeds that of the marginal",
        "bound, in standard deviations of the marginal bound's coverage.",
        "Before: bets by the predicted variance, which counts for 2 W / alpha",
        "prompts. Now: by twice that variance, which counts for W / (2 alpha).",
        "Gain: the difference, on the same audits. False: the share of",
        "calibrations with a true coverage below 0.9, now. Errors are one",
        "Monte Carlo standard error."), "",
  row("hazard", "n", "budget", "cap", "before", "now", "error", "gain", "error",
      "false"),
  "|:--|--:|--:|--:|--:|--:|--:|--:|--:|--:|",
  row(results$model, count(results$n), count(results$budget),
      ifelse(is.na(results$cap), "paper's", results$cap), two(results$before),
      two(results$now), two(results$error), two(results$gain),
      two(results$gain_error), sprintf("%.3f", results$false))
)
writeLines(lines, "bench/bets.md")
writeLines(lines)
stopifnot(results$false <= delta + 3 * sqrt(delta * (1 - delta) / runs))
