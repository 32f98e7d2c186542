# Shows what the cap that plan_audit() chooses is worth: the geometric mean of
# the certified bound by the rule before it (the paper's cap, 100 times the
# budget), by the rule, and by the best cap of a grid, on populations whose
# hazards are known; and that the certificate holds with each.
# usage: Rscript bench/cap.R [runs] [workers]   (writes bench/cap.md; cells that
# are in build/cap are not run again)

library(timetounsafe)
core <- asNamespace("timetounsafe")
arguments <- as.integer(commandArgs(TRUE))
runs <- c(arguments, 1000L)[1]
workers <- c(arguments[-1], 2L)[1]
alpha <- 0.1
delta <- 0.1
folder <- file.path("build", "cap")
dir.create(folder, showWarnings = FALSE, recursive = TRUE)

# ---- Populations -------------------------------------------------------------

# As in the paper. The bound is for prompts drawn at random from `people`. The
# design is fixed on others, `reference`. Those of `training` were drawn 100
# times each.
set.seed(1)
people <- simulate_prompts(20000)$prob
reference <- simulate_prompts(10000)$prob
training <- simulate_prompts(1000)$prob
middle <- exp(mean(log(reference)))
estimates <- list(
  known = function(p) p,
  constant = function(p) rep(middle, length(p)),
  permuted = function(p) sample(p),
  # Errors of an overfitted model: what looks safest is mostly an error.
  overconfident = function(p) {
    pmin(0.5, p * exp(stats::rnorm(length(p), 0, 1.5)))
  }
)
models <- lapply(estimates, function(estimate) {
  list(hat = estimate(people), reference = estimate(reference),
       training = list(prob = estimate(training), draws = rep(100, 1000),
                       unsafe = stats::rbinom(1000, 100, training)))
})
cells <- expand.grid(size = 1:6, model = names(models),
                     stringsAsFactors = FALSE)
cells$n <- c(50, 100, 200, 200, 1000, 5000)[cells$size]
cells$budget <- c(200, 20, 5, 20, 3, 100)[cells$size]

# ---- One calibration ---------------------------------------------------------

# The constants of plan_audit(), for a user-supplied hazard. `cap`: NULL for the
# rule.
cell_constants <- function(cell, cap = NULL, pilot = NULL) {
  constants <- core$new_constants("replicated", cell$budget, alpha, delta, NULL,
                                  cap)
  reference <- models[[cell$model]]$reference
  constants <- core$choose_limits(constants, cap, pilot, list(prob = reference),
                                  cell$n)
  quantile <- core$prior_quantile(list(prob = reference), constants)
  core$fix_constants(constants, quantile, cell$n)
}

calibrate_once <- function(cell, constants) {
  at <- sample.int(length(people), cell$n)
  audit <- core$simulate_design(constants, models[[cell$model]]$hat[at],
                                people[at])
  min(core$find_marginal(audit, alpha)$tau,
      core$certify_tau(audit, alpha, delta, "exact")$tau)
}

# The mean log bound with its Monte Carlo error, and how many calibrations have
# a true coverage below 1 - alpha.
measure <- function(cell, constants, runs, seed = 1) {
  set.seed(seed)
  tau <- replicate(runs, calibrate_once(cell, constants))
  distinct <- unique(tau)
  at <- match(tau, distinct)
  hat <- models[[cell$model]]$hat
  part <- seq_len(5000)
  size <- vapply(distinct, function(tau) {
    mean(log(geometric_quantile(hat[part], tau, constants$cap)))
  }, 0)[at]
  # Coverage falls with tau.
  low <- 0
  high <- constants$tau_max
  missed <- function(tau) {
    bound <- geometric_quantile(hat, tau, constants$cap)
    mean(1 - core$geometric_coverage(bound, people)) > alpha
  }
  if (missed(high)) {
    for (step in 1:40) {
      middle <- (low + high) / 2
      if (missed(middle)) high <- middle else low <- middle
    }
  }
  data.frame(cap = constants$cap, tau_max = constants$tau_max,
             bound = exp(mean(size)), error = stats::sd(size) / sqrt(runs),
             false = mean(tau > high))
}

# The best of a grid: its cap is looked for with fewer calibrations, and what it
# gives is measured with others.
best_of_grid <- function(cell, pilot) {
  caps <- unique(round(100 * cell$budget / 1.5^(0:25)))
  found <- 0 * caps
  # No bound exceeds its cap.
  for (i in which(caps >= 5)) {
    if (caps[i] > max(found)) {
      found[i] <- measure(cell, cell_constants(cell, caps[i], pilot),
                          ceiling(runs / 10), seed = 2)$bound
    }
  }
  measure(cell, cell_constants(cell, caps[which.max(found)], pilot), runs)
}

run_cell <- function(i) {
  cell <- cells[i, ]
  pilot <- models[[cell$model]]$training
  default <- max(1, floor(100 * cell$budget))
  rows <- rbind(
    before = measure(cell, cell_constants(cell, default), runs),
    rule = measure(cell, cell_constants(cell), runs),
    trained = measure(cell, cell_constants(cell, NULL, pilot), runs),
    best = best_of_grid(cell, NULL),
    best_trained = best_of_grid(cell, pilot)
  )
  seconds <- c(
    before = NA,
    rule = system.time(cell_constants(cell))[["user.self"]],
    trained = system.time(cell_constants(cell, NULL, pilot))[["user.self"]],
    best = NA, best_trained = NA
  )
  data.frame(cell, rule = rownames(rows), rows, seconds = seconds,
             row.names = NULL)
}

kept_cell <- function(i) {
  cell <- cells[i, ]
  file <- file.path(folder, sprintf("%s-%d-%d-%d.rds", cell$model, cell$n,
                                    cell$budget, runs))
  if (!file.exists(file)) {
    saveRDS(run_cell(i), file)
  }
  readRDS(file)
}
turn <- order(cells$n)
results <- parallel::mclapply(turn, kept_cell, mc.cores = workers,
                              mc.preschedule = FALSE)
results <- do.call(rbind, results[order(turn)])

# ---- The table ---------------------------------------------------------------

row <- function(...) paste0("| ", paste(..., sep = " | "), " |")
count <- function(n) format(n, big.mark = ",", trim = TRUE)
size <- function(x) ifelse(x < 9.95, sprintf("%.2f", x), sprintf("%.1f", x))
of <- function(rule) results[results$rule == rule, ]
before <- of("before")
rule <- of("rule")
trained <- of("trained")
best <- of("best")
best$bound <- pmax(best$bound, before$bound, rule$bound)
top <- pmax(best$bound, of("best_trained")$bound, trained$bound)
right <- cells$model %in% c("known", "constant")
ours <- rbind(rule, trained)
highest <- delta + 3 * sqrt(delta * (1 - delta) / runs)

lines <- c(
  "# The cap, chosen for the certificate", "",
  sprintf(paste(
    "%s. alpha = %g, delta = %g, replicated draws, %s calibrations in each",
    "cell. One run of `bench/cap.R %d`."
  ), R.version.string, alpha, delta, count(runs), runs), "",
  paste("Geometric mean of the certified bound over prompts and calibrations,",
        "which has a Monte Carlo error of at most",
        sprintf("%.1f%%.", 100 * max(ours$error)),
        "Before: cap = 100 times the budget. Rule: the cap that plan_audit()",
        "chooses, knowing the estimated hazards alone. With training: knowing",
        "100 draws of each of 1,000 other prompts, too, which also give",
        "tau_max. Best: the best cap of a grid with ratio 1.5, without and",
        "with training draws. False: the share of calibrations whose bound has",
        "a true coverage below 0.9, with an error of",
        sprintf("%.3f", sqrt(delta * (1 - delta) / runs)),
        "where it is 0.1."), "",
  sprintf(paste(
    "For known and constant hazards the rule gives at least %.0f%% of the",
    "best cap's bound; for the others it is never below %.2f times that",
    "before, and with training draws at least %.0f%% of the best. The",
    "largest share of false certificates is %.3f. The choice takes at most",
    "%.2f seconds."
  ), 100 * min((rule$bound / best$bound)[right]),
  min((rule$bound / before$bound)[!right]),
  100 * min((trained$bound / top)[!right]), max(ours$false),
  max(ours$seconds)), "",
  row("hazard", "n", "budget", "before", "rule: cap", "bound", "of best",
      "false", "training: cap", "tau_max", "bound", "of best", "false",
      "best cap", "bound", "best cap with training", "bound"),
  paste0("|:--", strrep("|--:", 16), "|"),
  row(cells$model, count(cells$n), count(cells$budget), size(before$bound),
      count(rule$cap), size(rule$bound),
      sprintf("%.2f", rule$bound / best$bound), sprintf("%.3f", rule$false),
      count(trained$cap), sprintf("%.2f", trained$tau_max),
      size(trained$bound), sprintf("%.2f", trained$bound / top),
      sprintf("%.3f", trained$false), count(of("best")$cap),
      size(of("best")$bound), count(of("best_trained")$cap),
      size(of("best_trained")$bound))
)
writeLines(lines, "bench/cap.md")
writeLines(lines)
stopifnot(max(ours$false) <= highest)
