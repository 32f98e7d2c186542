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
# therefore known exactly. The design is fixed on other prompts, `reference`.
set.seed(1)
people <- simulate_prompts(50000)
training <- simulate_prompts(45000)
fit <- fit_hazard(training$x, cbind(
  training$unsafe, training$draws - training$unsafe
))

new_model <- function(name, people, reference, pilot = NULL) {
  list(name = name, hat = people, reference = reference, pilot = pilot)
}
shuffled <- function(p) p[order(stats::runif(length(p)))]
one_for_all <- exp(mean(log(training$prob)))
models <- list(
  fitted = new_model("default fit", predict(fit, people$x), fit$fitted,
                     core$new_pilot(fit)),
  known = new_model("known hazard", people$prob, training$prob),
  permuted = new_model("permuted hazards", shuffled(people$prob),
                       shuffled(training$prob)),
  constant = new_model("one hazard for all", rep(one_for_all, nrow(people)),
                       rep(one_for_all, nrow(training)))
)

# ---- One cell ----------------------------------------------------------------

# The constants that plan_audit() would fix for the paper's cap (bench/cap.R has
# the one that it chooses); a cap on naive plans, whose weights grow without
# bound otherwise.
cell_constants <- function(cell) {
  model <- models[[cell$model]]
  cap <- if (cell$design == "naive") 3 * cell$budget
  constants <- core$new_constants(cell$design, cell$budget, alpha, delta, NULL,
                                  cap)
  constants <- core$choose_tau_max(constants, model$pilot, cell$n)
  constants$reference <- "given"
  quantile <- core$prior_quantile(list(prob = model$reference), constants)
  core$fix_constants(constants, quantile, cell$n)
}

# The parts in place of plan_audit() and simulate_audit(), which would spend
# most of the time on text and hashes. `sorted`: the file has the riskiest
# prompts last, which the random order of the plan undoes.
draw_audit <- function(cell, constants, quantile, sorted = FALSE) {
  at <- sample.int(nrow(people), cell$n, replace = TRUE)
  if (sorted) {
    at <- at[order(people$prob[at])]
  }
  audit <- core$draw_inclusion(quantile[at], constants)
  audit$prob <- models[[cell$model]]$hat[at]
  audit$order <- sample.int(cell$n)
  audit$failed <- FALSE
  audit$constants <- constants
  audit <- core$simulate_outcomes(audit, people$prob[at])
  audit$constants$u_certificate <- stats::runif(1)
  audit
}

# Other bets: one for all prompts, as planned, or larger ones.
with_bets <- function(audit, payoffs, factor = NULL) {
  betting <- core$plan_betting(audit, alpha, delta)
  bets <- if (is.null(factor)) {
    rep(core$bet_for(betting), cell_size(audit))
  } else {
    pmin(factor * core$place_bets(payoffs, betting),
         0.95 / betting$payoff_range)
  }
  core$find_tau(core$scale_payoffs(payoffs, bets),
                core$wealth_rule(audit, betting))$tau
}
cell_size <- function(audit) length(audit$prob)

# Each loss is kept with a probability that makes all weights equal, those of
# the first unsafe draw alone: then their number is binomial.
thinned <- function(audit) {
  weight <- max(audit$constants$max_weight, core$largest_weight(audit))
  kept <- stats::runif(cell_size(audit)) < 1 / (weight * audit$inclusion)
  audit$time[!kept] <- 0
  audit$horizon[!kept] <- 0
  audit$inclusion <- rep(1 / weight, cell_size(audit))
  audit$constants$design <- "optimized"
  core$find_binomial(audit, 1 / weight, alpha, delta)$tau
}

certified <- function(audit, randomised = TRUE) {
  core$certify_tau(audit, alpha, delta, "exact", randomised)$tau
}

one_run <- function(cell, constants, quantile) {
  audit <- draw_audit(cell, constants, quantile)
  payoffs <- core$gather_payoffs(audit, alpha)
  normal <- core$normal_rule(audit, alpha, delta)
  tau_grid <- c(
    certificate = certified(audit),
    normal = core$find_tau(payoffs, normal)$tau,
    marginal = core$find_marginal(audit, alpha)$tau
  )
  if (cell$tried) {
    tau_grid <- c(tau_grid, ville = certified(audit, randomised = FALSE),
                  one_bet = with_bets(audit, payoffs),
                  bets_1.25 = with_bets(audit, payoffs, 1.25),
                  bets_1.5 = with_bets(audit, payoffs, 1.5),
                  thinned = thinned(audit))
  }
  if (cell$sorted) {
    audit <- draw_audit(cell, constants, quantile, sorted = TRUE)
    tau_grid <- c(tau_grid, sorted = certified(audit))
    if (cell$n <= 5000) {
      audit$order <- seq_len(cell$n)
      tau_grid <- c(tau_grid, in_file_order = certified(audit))
    }
  }
  tau_grid
}

# ---- The true coverage of each tau -------------------------------------------

true_miss <- function(model, tau, cap) {
  bound <- geometric_quantile(model$hat, tau, cap)
  mean(core$geometric_distribution(bound - 1, people$prob))
}

# The largest tau whose true miscoverage is at most alpha.
best_tau <- function(model, constants) {
  if (true_miss(model, constants$tau_max, constants$cap) <= alpha) {
    return(constants$tau_max)
  }
  low <- 0
  high <- constants$tau_max
  for (step in 1:60) {
    middle <- (low + high) / 2
    miss <- true_miss(model, middle, constants$cap)
    if (miss <= alpha) low <- middle else high <- middle
  }
  high
}

# Functions that interpolate coverage and mean log bound.
tau_curves <- function(model, constants, best) {
  tau_grid <- best * exp(seq(-4, 2, length.out = 241))
  tau_grid <- c(0, tau_grid[tau_grid < constants$tau_max], constants$tau_max)
  covered <- vapply(tau_grid, function(tau) {
    1 - true_miss(model, tau, constants$cap)
  }, 0)
  size <- vapply(tau_grid, function(tau) {
    mean(log(geometric_quantile(model$hat, tau, constants$cap)))
  }, 0)
  list(covered = stats::approxfun(tau_grid, covered),
       size = stats::approxfun(tau_grid, size))
}

# With 45,000 prompts a calibration takes long, and a tenth of the runs.
runs_of <- function(n) ceiling(ifelse(n < 45000, 1, 0.1) * runs)

run_cell <- function(cell) {
  model <- models[[cell$model]]
  constants <- cell_constants(cell)
  quantile <- core$prior_quantile(list(prob = model$hat), constants)
  best <- best_tau(model, constants)
  curves <- tau_curves(model, constants, best)
  streams <- core$random_streams(cell$seed, 20)
  tau_grid <- core$run_streams(streams, function() {
    each <- ceiling(runs_of(cell$n) / 20)
    t(replicate(each, one_run(cell, constants, quantile)))
  }, workers)
  tau_grid <- do.call(rbind, tau_grid)
  covered <- curves$covered(tau_grid)
  dim(covered) <- dim(tau_grid)
  marginal <- match("marginal", colnames(tau_grid))
  data.frame(
    cell, rule = colnames(tau_grid), runs = nrow(tau_grid),
    best = best, tau_max = constants$tau_max,
    max_weight = constants$max_weight,
    predicted = core$predict_margin(core$constants_betting(constants, cell$n)),
    false = colMeans(tau_grid > best),
    trivial = colMeans(tau_grid == 0 | curves$size(tau_grid) == 0),
    coverage = colMeans(covered), coverage_sd = apply(covered, 2, stats::sd),
    margin = (colMeans(covered) - mean(covered[, marginal])) /
      stats::sd(covered[, marginal]),
    bound = exp(colMeans(matrix(curves$size(tau_grid), nrow(tau_grid)))),
    at_tau_max = colMeans(tau_grid >= constants$tau_max * (1 - 1e-9)),
    row.names = NULL
  )
}

# ---- All cells ---------------------------------------------------------------

sizes <- c(200, 1000, 5000, 45000)
budgets <- c(5, 20, 100, 1000)
cells <- rbind(
  expand.grid(budget = budgets, n = sizes, design = "replicated",
              model = names(models), stringsAsFactors = FALSE),
  expand.grid(budget = budgets, n = sizes, design = c("optimized", "naive"),
              model = "fitted", stringsAsFactors = FALSE)
)
cells$seed <- seq_len(nrow(cells))
# Not twice what takes long: 45,000 prompts with one hazard for all.
cells <- cells[cells$n < 45000 | cells$model != "constant", ]
cells$sorted <- cells$model == "fitted" & cells$design == "replicated"
cells$tried <- cells$design != "naive" &
  (cells$n == 1000 | (cells$n == 5000 & cells$model == "permuted"))
turn <- order(cells$n, cells$budget, cells$design != "replicated")
results <- lapply(turn, function(i) {
  cell <- cells[i, ]
  file <- file.path(folder, with(cell, sprintf(
    "%s-%s-%d-%d-%d.rds", model, design, n, budget, runs_of(n)
  )))
  if (!file.exists(file)) {
    saveRDS(run_cell(cell), file)
  }
  readRDS(file)
})

# ---- The tables --------------------------------------------------------------

results <- do.call(rbind, results)
key <- c("model", "design", "n", "budget")
results <- results[do.call(order, unname(Map(match, results[key], list(
  names(models), c("replicated", "optimized", "naive"), sizes, budgets
)))), ]
of <- function(rule) results[results$rule == rule, ]
# A column of other rules beside the cells of `rows`.
beside <- function(rows, rule, column) {
  other <- of(rule)
  at <- match(do.call(paste, rows[key]), do.call(paste, other[key]))
  other[[column]][at]
}
share_error <- function(runs) sqrt(delta * (1 - delta) / runs)
highest <- function(runs) delta + 3 * share_error(runs)

row <- function(...) paste0("| ", paste(..., sep = " | "), " |")
share <- function(x) sprintf("%.3f", x)
size <- function(x) ifelse(x < 9.95, sprintf("%.2f", x), sprintf("%.1f", x))
error <- function(x) ifelse(is.finite(x), sprintf("%.2f", x), "")
label <- vapply(models, function(model) model$name, "")
count <- function(n) format(n, big.mark = ",", trim = TRUE)

main_table <- function(rows, first) {
  c(
    row(first[1], "n", "budget", "false", "trivial", "margin", "bound",
        "marginal: bound", "normal: false", "normal: trivial",
        "normal: margin", "normal: bound"),
    "|:--|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|",
    row(first[-1], count(rows$n), count(rows$budget), share(rows$false),
        share(rows$trivial), error(rows$margin), size(rows$bound),
        size(beside(rows, "marginal", "bound")),
        share(beside(rows, "normal", "false")),
        share(beside(rows, "normal", "trivial")),
        error(beside(rows, "normal", "margin")),
        size(beside(rows, "normal", "bound")))
  )
}
all <- of("certificate")
ours <- all[all$design == "replicated", ]
theirs <- all[all$design != "replicated", ]
sorted <- of("sorted")
tried <- of("one_bet")
other_rules <- c("certificate", "one_bet", "bets_1.25", "bets_1.5", "ville",
                 "thinned")
tight <- rbind(all, sorted)
worst <- max(tight$false[tight$n < 45000])
worst_large <- max(tight$false[tight$n == 45000])
large <- ours[ours$n >= 5000, ]
right <- large$model %in% c("fitted", "known")

lines <- c(
  "# The certificate, simulated", "",
  sprintf(paste(
    "%s. alpha = %g, delta = %g; %s calibrations in each cell, so that a",
    "share of %g has a Monte Carlo standard error of %.4f, and no share may",
    "exceed %.4f; with 45,000 prompts %s calibrations, %.4f and %.4f. One run",
    "of `bench/certificate.R %d`."
  ), R.version.string, alpha, delta, count(runs), delta, share_error(runs),
  highest(runs), count(runs_of(45000)), share_error(runs_of(45000)),
  highest(runs_of(45000)), runs), "",
  paste("False: the share of calibrations whose bound has a true coverage",
        "below 0.9. Trivial: the share with a bound of 1 for every prompt.",
        "Margin: by how much the mean coverage exceeds that of the marginal",
        "bound, in standard deviations of the marginal bound's coverage.",
        "Bound: geometric mean over prompts and calibrations. The marginal",
        "bound is false in about half of all calibrations. calibrate_lpb()",
        "takes the smaller of the certified and the marginal tau; here the",
        "certificate stands alone."), "",
  sprintf(paste(
    "The largest share of false certificates in %d cells is %.3f, and %.3f in",
    "those with 45,000 prompts. With 5,000 prompts or more the margin is at",
    "most %.2f for the right hazard and the default fit, and at most %.2f for",
    "the other models."
  ), nrow(tight), worst, worst_large, max(large$margin[right]),
  max(large$margin[!right])), "",
  "## Replicated draws", "",
  paste("The default fit takes its tau_max from the pilot; the others, which",
        "are user-supplied models, have 0.19. Permuted: each prompt has the",
        "hazard of another."), "",
  main_table(ours, c("hazard", label[ours$model])), "",
  "## The published designs, default fit", "",
  paste("Naive plans have a cap of three times the budget, which keeps their",
        "weights below 23; at a budget of 5 no tau misses a tenth of the",
        "prompts by then, so that nothing can be false."), "",
  main_table(theirs, c("design", theirs$design)), "",
  "## Prompts sorted by difficulty, default fit", "",
  paste("The riskiest prompts come last. In the plan's random order nothing",
        "changes. In the order of the file instead, more certificates are",
        "false than allowed."), "",
  row("n", "budget", "false", "trivial", "bound", "file order: false"),
  "|--:|--:|--:|--:|--:|--:|",
  row(count(sorted$n), count(sorted$budget), share(sorted$false),
      share(sorted$trivial), size(sorted$bound),
      ifelse(sorted$n > 5000, "",
             share(beside(sorted, "in_file_order", "false")))), "",
  "## What was tried", "",
  paste("Margins of other valid rules, all along the same random order. One",
        "bet: sized by the variance that the plan predicts. Larger bets: 1.25",
        "and 1.5 times those of the certificate, up to its limit. Ville: the",
        "wealth must reach 1 / delta, without the random share of it at the",
        "last prompt. Thinned: losses of the first unsafe draw, kept with",
        "probabilities that make all weights equal, and counted by the",
        "binomial tail."), "",
  row("hazard", "design", "n", "budget", "certificate", "one bet",
      "bets x 1.25", "bets x 1.5", "Ville", "thinned"),
  "|:--|:--|--:|--:|--:|--:|--:|--:|--:|--:|",
  do.call(row, c(
    list(label[tried$model], tried$design, count(tried$n),
         count(tried$budget)),
    lapply(other_rules, function(rule) error(beside(tried, rule, "margin")))
  ))
)
writeLines(lines, "bench/certificate.md")
writeLines(lines)
stopifnot(tight$false <= highest(tight$runs))
