# Shows that the certificate holds, and what it costs: simulated calibrations on
# populations whose hazards are known. A calibration is false when the true
# coverage of its bound lies below 1 - alpha; at most a share delta may be.
# usage: Rscript bench/certificate.R [runs] [workers]   (writes
# bench/certificate.md; cells that are in build/certificate are not run again)

library(timetounsafe)
core <- asNamespace("timetounsafe")
arguments <- as.integer(commandArgs(TRUE))
runs <- c(arguments, 1000L)[1]
workers <- c(arguments[-1], 2L)[1]
alpha <- 0.1
delta <- 0.1
folder <- file.path("build", "certificate")
dir.create(folder, showWarnings = FALSE, recursive = TRUE)

# ---- Populations -------------------------------------------------------------

# The bound is for prompts drawn at random from `people`, whose coverage is
# therefore known exactly. The policy is fixed on other prompts, as `design`.
set.seed(1)
people <- simulate_prompts(50000)
training <- simulate_prompts(45000)
fit <- fit_hazard(training$x, training$unsafe, training$draws)
pilot <- core$new_pilot(fit)

new_model <- function(name, people, design, hazard = NULL) {
  list(name = name, hat = people, design = design, hazard = hazard)
}
shuffled <- function(p) p[order(stats::runif(length(p)))]
one_for_all <- exp(mean(log(training$prob)))
models <- list(
  fitted = new_model("default fit", predict(fit, people$x), fit$fitted, fit),
  known = new_model("known hazard", people$prob, training$prob),
  permuted = new_model("permuted hazards", shuffled(people$prob),
                       shuffled(training$prob)),
  constant = new_model("one hazard for all", rep(one_for_all, nrow(people)),
                       rep(one_for_all, nrow(training)))
)

# ---- One cell ----------------------------------------------------------------

# The policy that plan_audit() would fix; a cap on naive plans, whose weights
# grow without limit otherwise.
cell_policy <- function(cell) {
  model <- models[[cell$model]]
  cap <- if (cell$method == "naive") 3 * cell$budget
  policy <- core$new_policy(cell$method, cell$budget, alpha, delta, NULL, 100,
                            cap)
  policy <- core$choose_tau_prior(policy, model$hazard, cell$n,
                                  if (!is.null(model$hazard)) pilot)
  policy$design <- "given"
  core$fix_policy(policy, core$prior_quantile(model$design, policy), cell$n)
}

# Columns in place of plan_audit() and simulate_audit(), which would spend most
# of the time on text and hashes. `sorted`: the file has the riskiest prompts
# last, which the random order of the plan undoes.
draw_audit <- function(cell, policy, quantile, sorted = FALSE) {
  at <- sample.int(nrow(people), cell$n, replace = TRUE)
  if (sorted) {
    at <- at[order(people$prob[at])]
  }
  audit <- core$draw_inclusion(quantile[at], policy)
  audit$prob <- models[[cell$model]]$hat[at]
  audit$order <- sample.int(cell$n)
  audit$stop <- cell$method != "replicated"
  audit$method <- cell$method
  audit <- core$simulate_outcomes(audit, people$prob[at])
  audit$failed <- FALSE
  constants <- policy[setdiff(core$policy_columns, "method")]
  audit <- c(audit, constants, threshold = stats::runif(1))
  list2DF(lapply(audit, rep_len, cell$n))
}

times_bet <- function(evidence, audit, factor) {
  rule <- core$wealth_rule(audit, alpha, delta)
  most <- 0.95 / (max(audit$weight_limit[1], core$largest_weight(audit)) -
                    alpha)
  rule["bet"] <- min(factor * rule["bet"], most)
  core$find_level(evidence, rule)$level
}

# Each loss is kept with a probability that makes all weights equal, those of
# the first unsafe draw alone: then their number is binomial.
thinned <- function(audit) {
  weight <- max(audit$weight_limit[1], core$largest_weight(audit))
  kept <- stats::runif(nrow(audit)) < 1 / (weight * audit$pi)
  audit$time[!kept] <- 0
  audit$horizon[!kept] <- 0
  audit$pi <- 1 / weight
  audit$method <- "optimized"
  core$find_binomial(audit, alpha, delta)$level
}

certified <- function(audit, kind = "exact", randomised = TRUE) {
  core$certify_level(audit, alpha, delta, kind, randomised)$level
}

one_run <- function(cell, policy, quantile) {
  audit <- draw_audit(cell, policy, quantile)
  evidence <- core$gather_evidence(audit, alpha)
  levels <- c(
    certificate = certified(audit), normal = certified(audit, "normal"),
    point = if (cell$method == "replicated") {
      core$find_level(evidence, core$point_rule)$level
    } else {
      core$find_jumps(audit, alpha)$level
    }
  )
  if (cell$tried) {
    levels <- c(levels, ville = certified(audit, randomised = FALSE),
                bet_1.25 = times_bet(evidence, audit, 1.25),
                bet_1.5 = times_bet(evidence, audit, 1.5),
                thinned = thinned(audit))
  }
  if (cell$sorted) {
    audit <- draw_audit(cell, policy, quantile, sorted = TRUE)
    levels <- c(levels, sorted = certified(audit))
    audit$order <- seq_len(cell$n)
    levels <- c(levels, in_file_order = certified(audit))
  }
  levels
}

# ---- What levels are worth ---------------------------------------------------

true_miss <- function(model, level, cap) {
  bound <- geometric_quantile(model$hat, level, cap)
  mean(core$geometric_distribution(bound - 1, people$prob))
}

# The largest level whose true miscoverage is at most alpha.
best_level <- function(model, policy) {
  if (true_miss(model, policy$tau_prior, policy$cap) <= alpha) {
    return(policy$tau_prior)
  }
  low <- 0
  high <- policy$tau_prior
  for (step in 1:60) {
    middle <- (low + high) / 2
    miss <- true_miss(model, middle, policy$cap)
    if (miss <= alpha) low <- middle else high <- middle
  }
  high
}

# Functions that interpolate coverage and mean log bound.
level_curves <- function(model, policy, best) {
  levels <- best * exp(seq(-4, 2, length.out = 241))
  levels <- c(0, levels[levels < policy$tau_prior], policy$tau_prior)
  covered <- vapply(levels, function(level) {
    1 - true_miss(model, level, policy$cap)
  }, 0)
  size <- vapply(levels, function(level) {
    mean(log(geometric_quantile(model$hat, level, policy$cap)))
  }, 0)
  list(covered = stats::approxfun(levels, covered),
       size = stats::approxfun(levels, size))
}

run_cell <- function(cell) {
  model <- models[[cell$model]]
  policy <- cell_policy(cell)
  quantile <- core$prior_quantile(model$hat, policy)
  best <- best_level(model, policy)
  curves <- level_curves(model, policy, best)
  streams <- core$random_streams(cell$seed, 20)
  levels <- core$run_streams(streams, function() {
    t(replicate(ceiling(runs / 20), one_run(cell, policy, quantile)))
  }, workers)
  levels <- do.call(rbind, levels)
  covered <- curves$covered(levels)
  dim(covered) <- dim(levels)
  point <- match("point", colnames(levels))
  data.frame(
    cell, rule = colnames(levels), runs = nrow(levels),
    best = best, tau_prior = policy$tau_prior,
    weight_limit = policy$weight_limit,
    predicted = core$predict_margin(policy, cell$n, alpha, delta),
    false = colMeans(levels > best),
    trivial = colMeans(levels == 0 | curves$size(levels) == 0),
    coverage = colMeans(covered), coverage_sd = apply(covered, 2, stats::sd),
    margin = (colMeans(covered) - mean(covered[, point])) /
      stats::sd(covered[, point]),
    bound = exp(colMeans(matrix(curves$size(levels), nrow(levels)))),
    capped = colMeans(levels >= policy$tau_prior * (1 - 1e-9)),
    row.names = NULL
  )
}

# ---- All cells ---------------------------------------------------------------

sizes <- c(200, 1000, 5000, 45000)
budgets <- c(5, 20, 100, 1000)
cells <- rbind(
  expand.grid(budget = budgets, n = sizes, method = "replicated",
              model = names(models), stringsAsFactors = FALSE),
  expand.grid(budget = budgets, n = sizes, method = c("optimized", "naive"),
              model = "fitted", stringsAsFactors = FALSE)
)
cells$sorted <- cells$model == "fitted" & cells$method == "replicated"
cells$tried <- cells$n <= 5000 & cells$model %in% c("fitted", "known") &
  cells$method != "naive"
cells$seed <- seq_len(nrow(cells))
results <- lapply(order(cells$n, cells$budget), function(i) {
  cell <- cells[i, ]
  file <- file.path(folder, with(cell, sprintf(
    "%s-%s-%d-%d-%d.rds", model, method, n, budget, runs
  )))
  if (!file.exists(file)) {
    saveRDS(run_cell(cell), file)
  }
  readRDS(file)
})
