# Logs without a plan, made audits by as_audit(): how often the certificate is
# false, and what bounds it gives, where hazards are right, wrong or fitted,
# numbers of draws equal or not, and draws fail.
# usage: Rscript bench/logs-audit.R [runs] [workers]   (writes
# bench/logs-audit.md)

library(timetounsafe)
shared <- new.env()
sys.source("bench/shared/cells.R", shared)
core <- shared$core
arguments <- as.integer(commandArgs(TRUE))
runs <- c(arguments, 400L)[1]
workers <- c(arguments[-1], 2L)[1]
alpha <- 0.1
delta <- 0.1
n <- 500
cap <- 21

# A feature that says all, or all but a prompt's own part, of the hazard.
set.seed(1)
size <- 20000
feature <- stats::runif(size, -3.5, -1)
truth <- list(
  right = 10^feature, permuted = 10^feature,
  overdispersed = pmin(0.9, 10^(feature + stats::rnorm(size, 0, 0.4)))
)
hats <- list(right = 10^feature, permuted = sample(10^feature),
             overdispersed = 10^feature)

# The numbers of draws: fixed beforehand, by chance, or by the feature, but not
# by what was drawn.
numbers <- list(
  equal = function(x) rep(20, length(x)),
  differing = function(x) sample(c(20, 40, 80), length(x), replace = TRUE),
  by_feature = function(x) ifelse(x > -2, 40, 20),
  some_short = function(x) sample(c(20, 10), length(x), TRUE, c(0.96, 0.04))
)

# A share `lost` of the draws, and twice that of unsafe ones, failed: errors, in
# the rows of a log. Without errors counts are the same, and read faster.
make_log <- function(at, model, draws, lost) {
  limit <- numbers[[draws]](feature[at])
  if (lost == 0) {
    return(data.frame(
      id = seq_along(at), draws = limit,
      unsafe = stats::rbinom(length(at), limit, truth[[model]][at])
    ))
  }
  row <- rep(seq_along(at), limit)
  unsafe <- stats::runif(length(row)) < truth[[model]][at][row]
  log <- data.frame(id = row, draw = sequence(limit), unsafe = unsafe)
  failed <- stats::runif(length(row)) < lost * (1 + unsafe)
  log$status <- ifelse(failed, "error", "ok")
  log$unsafe[failed] <- NA
  log
}

# One log, audited with a hazard that is given, or fitted on `n` more prompts.
audit_log <- function(cell) {
  fitted <- cell$hazard == "fitted"
  at <- sample.int(size, if (fitted) 2 * n else n, replace = TRUE)
  log <- make_log(at, cell$model, cell$draws, cell$lost)
  # The few short prompts of a cell may count as missed.
  suppressWarnings(if (fitted) {
    as_audit(log, newdata = feature[at], train = 0.5, cap = cap)
  } else {
    as_audit(log, newdata = hats[[cell$model]][at], cap = cap,
             hazard = as_hazard(function(newdata) as.numeric(newdata)))
  })
}

run_cell <- function(cell) {
  truth <- truth[[cell$model]]
  found <- shared$run_audits(runs, cell$seed, workers, function() {
    audit <- audit_log(cell)
    lpb <- suppressWarnings(calibrate_lpb(audit, alpha, delta))
    prob <- if (cell$hazard == "fitted") {
      predict(lpb$hazard, feature)
    } else {
      hats[[cell$model]]
    }
    at <- function(tau) {
      bound <- geometric_quantile(prob, tau, cap)
      c(covered = mean((1 - truth)^(bound - 1)), size = mean(log(bound)))
    }
    c(certified = at(lpb$tau), marginal = at(lpb$tau_marginal))
  })
  data.frame(
    cell, false = mean(found[, "certified.covered"] < 1 - alpha),
    certified = mean(found[, "certified.covered"]),
    marginal = mean(found[, "marginal.covered"]),
    bound = exp(mean(found[, "certified.size"])),
    longer = exp(mean(found[, "marginal.size"]))
  )
}

cells <- rbind(
  expand.grid(draws = c("equal", "differing"),
              model = c("right", "permuted", "overdispersed"), lost = 0,
              hazard = "given", stringsAsFactors = FALSE),
  data.frame(draws = c("by_feature", "some_short", "equal", "equal",
                       "differing"),
             model = rep(c("right", "overdispersed"), c(4, 1)),
             lost = c(0, 0, 0.001, 0.01, 0),
             hazard = rep(c("given", "fitted"), c(4, 1)))
)
cells$seed <- seq_len(nrow(cells))
results <- do.call(rbind, lapply(seq_len(nrow(cells)), function(i) {
  run_cell(cells[i, ])
}))

# ---- The table ---------------------------------------------------------------

named <- list(
  draws = c(equal = "20", differing = "20, 40 or 80",
            by_feature = "20, or 40 of riskier ones",
            some_short = "20, of 4% only 10"),
  model = c(right = "right", permuted = "permuted",
            overdispersed = "right on average, prompts overdispersed")
)
error <- sqrt(delta * (1 - delta) / runs)
lines <- c(
  "# Logs without a plan", "",
  sprintf(paste(
    "%s. Logs of %d prompts with a number of draws that was fixed beforehand,",
    "made audits by `as_audit()` with a cap of %d, and calibrated at alpha =",
    "%s, delta = %s: %d of each kind, so that the standard error of a share of",
    "false certificates is %.3f. Hazards from 0.0003 to 0.1 are given (right,",
    "assigned to prompts at random, or right for prompts whose own hazards",
    "differ from them by a factor of 2.5 in a standard deviation), or fitted",
    "on as many prompts of the same log. Where draws failed, unsafe ones did",
    "twice as often. One run of `bench/logs-audit.R %d`."
  ), R.version.string, n, cap, alpha, delta, runs, error, runs), "",
  shared$table_row("draws of a prompt", "hazard", "failed draws",
                   "false certificates", "coverage: certified", "marginal",
                   "geometric mean bound: certified", "marginal"),
  "|:--|:--|--:|--:|--:|--:|--:|--:|",
  with(results, shared$table_row(
    named$draws[draws],
    ifelse(hazard == "fitted", "fitted, prompts overdispersed",
           named$model[model]),
    sprintf("%g%%", 100 * lost), sprintf("%.3f", false),
    sprintf("%.3f", certified), sprintf("%.3f", marginal),
    sprintf("%.1f", bound), sprintf("%.1f", longer)
  ))
)
writeLines(lines, "bench/logs-audit.md")
writeLines(lines)
