# When the normal certificate may be trusted: how often it is false, against
# the losses that are to be expected if all had the largest weight, n alpha / W.
# usage: Rscript bench/normal.R [runs] [workers]   (writes bench/normal.md)

library(timetounsafe)
shared <- new.env()
sys.source("bench/shared/cells.R", shared)
core <- shared$core
arguments <- as.integer(commandArgs(TRUE))
runs <- c(arguments, 1000L)[1]
workers <- c(arguments[-1], 2L)[1]
set.seed(1)
world <- shared$new_world(10000)
deltas <- c(0.1, 0.05)

run_cell <- function(cell) {
  model <- world[[cell$model]]
  constants <- shared$cell_constants(cell, model)
  quantile <- core$prior_quantile(list(prob = model$hat), constants)
  best <- shared$true_curves(model, constants)$best
  tau <- shared$run_audits(runs, cell$seed, workers, function() {
    audit <- shared$draw_cell(cell$n, model, constants, quantile)
    payoffs <- core$gather_payoffs(audit, cell$alpha)
    vapply(deltas, function(delta) {
      core$find_tau(payoffs, core$normal_rule(audit, cell$alpha, delta))$tau
    }, 0)
  })
  data.frame(
    cell, max_weight = constants$max_weight,
    losses = cell$n * cell$alpha / constants$max_weight,
    # Nothing is false where tau_max itself misses fewer than alpha.
    possible = best < constants$tau_max, false = t(colMeans(tau > best)),
    trivial = mean(tau[, 1] == 0)
  )
}

cells <- expand.grid(
  alpha = c(0.01, 0.03, 0.1), n = c(300, 1000, 4000, 16000), budget = c(5, 50),
  design = c("replicated", "optimized"), model = c("known", "permuted"),
  delta = deltas[1], stringsAsFactors = FALSE
)
cells$seed <- seq_len(nrow(cells))
results <- do.call(rbind, lapply(seq_len(nrow(cells)), function(i) {
  run_cell(cells[i, ])
}))
results <- results[results$possible, ]

# ---- The table ---------------------------------------------------------------

breaks <- c(0, 1, 2, 5, 10, 20, 50, 100, Inf)
labels <- c("below 1", sprintf("%g to %g", breaks[2:7], breaks[3:8]),
            "100 or more")
bin <- cut(results$losses, breaks, labels, right = FALSE)
share <- function(x) sprintf("%.3f", x)
rows <- vapply(levels(bin)[table(bin) > 0], function(name) {
  x <- results[bin == name, ]
  shared$table_row(name, nrow(x), share(mean(x$false.1)),
                   share(max(x$false.1)), share(mean(x$false.2)),
                   share(max(x$false.2)))
}, "")
worst <- results[order(-results$false.1), ][1:5, ]
# A cell's own share, beyond what chance adds to it.
errors <- sqrt(deltas * (1 - deltas) / runs)
lines <- c(
  "# The normal certificate", "",
  sprintf(paste(
    "%s. `certificate = \"normal\"` is approximate. %d cells (the paper's",
    "population; known and permuted hazards; replicated and optimized designs;",
    "alpha 0.01, 0.03 and 0.1; n 300 to 16,000; budgets 5 and 50) of %s",
    "calibrations: the share of false certificates, with a standard error of",
    "%.4f for delta = 0.1 and of %.4f for 0.05 in a cell. Expected losses: n",
    "times alpha, divided by the largest weight W. One run of",
    "`bench/normal.R %d`."
  ), R.version.string, nrow(results), format(runs, big.mark = ","), errors[1],
  errors[2], runs), "",
  shared$table_row("expected losses", "cells", "delta 0.1: mean", "largest",
                   "delta 0.05: mean", "largest"),
  "|:--|--:|--:|--:|--:|--:|", rows, "",
  "The five cells with the most false certificates:", "",
  shared$table_row("hazard", "design", "alpha", "n", "budget", "W",
                   "expected losses", "false, delta 0.1", "false, delta 0.05"),
  "|:--|:--|--:|--:|--:|--:|--:|--:|--:|",
  with(worst, shared$table_row(
    model, design, alpha, n, budget, sprintf("%.1f", max_weight),
    sprintf("%.2g", losses), share(false.1), share(false.2)
  ))
)
writeLines(lines, "bench/normal.md")
writeLines(lines)
dir.create("build", showWarnings = FALSE)
saveRDS(results, "build/normal.rds")
