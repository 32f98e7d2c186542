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

new_model <- function(name, people, design, pilot = NULL) {
  list(name = name, hat = people, design = design, pilot = pilot)
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

# The policy that plan_audit() would fix; a cap on naive plans, whose weights
# grow without limit otherwise.
cell_policy <- function(cell) {
  model <- models[[cell$model]]
  cap <- if (cell$method == "naive") 3 * cell$budget
  policy <- core$new_policy(cell$method, cell$budget, alpha, delta, NULL, 100,
                            cap)
  policy <- core$choose_tau_prior(policy, model$pilot, cell$n)
  policy$design <- "given"
  design <- core$prior_quantile(list(prob = model$design), policy)
  core$fix_policy(policy, design, cell$n)
}

# The parts in place of plan_audit() and simulate_audit(), which would spend
# most of the time on text and hashes. `sorted`: the file has the riskiest
# prompts last, which the random order of the plan undoes.
draw_audit <- function(cell, policy, quantile, sorted = FALSE) {
  at <- sample.int(nrow(people), cell$n, replace = TRUE)
  if (sorted) {
    at <- at[order(people$prob[at])]
  }
  audit <- core$draw_inclusion(quantile[at], policy)
  audit$prob <- models[[cell$model]]$hat[at]
  audit$order <- sample.int(cell$n)
  audit$failed <- FALSE
  audit$constants <- policy
  audit <- core$simulate_outcomes(audit, people$prob[at])
  audit$constants$threshold <- stats::runif(1)
  audit
}

# Other bets: one for all prompts, as planned, or larger ones.
with_bets <- function(audit, evidence, factor = NULL) {
  stakes <- core$plan_stakes(audit, alpha, delta)
  bets <- if (is.null(factor)) {
    rep(core$bet_for(stakes), cell_size(audit))
  } else {
    pmin(factor * core$place_bets(evidence, stakes),
         0.95 / stakes$largest_loss)
  }
  core$find_level(core$stake_evidence(evidence, bets),
                  core$wealth_rule(audit, stakes))$level
}
cell_size <- function(audit) length(audit$prob)

# Each loss is kept with a probability that makes all weights equal, those of
# the first unsafe draw alone: then their number is binomial.
thinned <- function(audit) {
  weight <- max(audit$constants$weight_limit, core$largest_weight(audit))
  kept <- stats::runif(cell_size(audit)) < 1 / (weight * audit$pi)
  audit$time[!kept] <- 0
  audit$horizon[!kept] <- 0
  audit$pi <- rep(1 / weight, cell_size(audit))
  audit$constants$method <- "optimized"
  core$find_binomial(audit, 1 / weight, alpha, delta)$level
}

certified <- function(audit, randomised = TRUE) {
  core$certify_level(audit, alpha, delta, "exact", randomised)$level
}

one_run <- function(cell, policy, quantile) {
  audit <- draw_audit(cell, policy, quantile)
  evidence <- core$gather_evidence(audit, alpha)
  normal <- core$normal_rule(audit, alpha, delta)
  levels <- c(
    certificate = certified(audit),
    normal = core$find_level(evidence, normal)$level,
    point = core$find_point(audit, alpha)$level
  )
  if (cell$tried) {
    levels <- c(levels, ville = certified(audit, randomised = FALSE),
                one_bet = with_bets(audit, evidence),
                bets_1.25 = with_bets(audit, evidence, 1.25),
                bets_1.5 = with_bets(audit, evidence, 1.5),
                thinned = thinned(audit))
  }
  if (cell$sorted) {
    audit <- draw_audit(cell, policy, quantile, sorted = TRUE)
    levels <- c(levels, sorted = certified(audit))
    if (cell$n <= 5000) {
      audit$order <- seq_len(cell$n)
      levels <- c(levels, in_file_order = certified(audit))
    }
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
  quantile <- core$prior_quantile(list(prob = model$hat), policy)
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
    predicted = core$predict_margin(core$policy_stakes(policy, cell$n)),
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
cells$seed <- seq_len(nrow(cells))
# Not twice what takes long: 45,000 prompts with one hazard for all.
cells <- cells[cells$n < 45000 | cells$model != "constant", ]
cells$sorted <- cells$model == "fitted" & cells$method == "replicated"
cells$tried <- cells$method != "naive" &
  (cells$n == 1000 | (cells$n == 5000 & cells$model == "permuted"))
turn <- order(cells$method != "replicated", cells$n, cells$budget)
results <- lapply(turn, function(i) {
  cell <- cells[i, ]
  file <- file.path(folder, with(cell, sprintf(
    "%s-%s-%d-%d-%d.rds", model, method, n, budget, runs
  )))
  if (!file.exists(file)) {
    saveRDS(run_cell(cell), file)
  }
  readRDS(file)
})

# ---- The tables --------------------------------------------------------------

results <- do.call(rbind, results)
key <- c("model", "method", "n", "budget")
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
highest <- delta + 3 * sqrt(delta * (1 - delta) / runs)

row <- function(...) paste0("| ", paste(..., sep = " | "), " |")
share <- function(x) sprintf("%.3f", x)
size <- function(x) ifelse(x < 9.95, sprintf("%.2f", x), sprintf("%.1f", x))
error <- function(x) ifelse(is.finite(x), sprintf("%.2f", x), "")
label <- vapply(models, function(model) model$name, "")
count <- function(n) format(n, big.mark = ",", trim = TRUE)

main_table <- function(rows, first) {
  c(
    row(first[1], "n", "budget", "false", "trivial", "margin", "bound",
        "point's", "normal: false", "trivial", "margin", "bound"),
    "|:--|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|",
    row(first[-1], count(rows$n), count(rows$budget), share(rows$false),
        share(rows$trivial), error(rows$margin), size(rows$bound),
        size(beside(rows, "point", "bound")),
        share(beside(rows, "normal", "false")),
        share(beside(rows, "normal", "trivial")),
        error(beside(rows, "normal", "margin")),
        size(beside(rows, "normal", "bound")))
  )
}
all <- of("certificate")
ours <- all[all$method == "replicated", ]
theirs <- all[all$method != "replicated", ]
sorted <- of("sorted")
tried <- of("one_bet")
other_rules <- c("certificate", "one_bet", "bets_1.25", "bets_1.5", "ville",
                 "thinned")
worst <- max(all$false, sorted$false)
large <- ours[ours$n >= 5000, ]
right <- large$model %in% c("fitted", "known")

lines <- c(
  "# The certificate, simulated", "",
  sprintf(paste(
    "%s. alpha = %g, delta = %g; %s calibrations in each cell, so that a",
    "share of %g has a Monte Carlo standard error of %.4f, and no share may",
    "exceed %.4f. One run of `bench/certificate.R %d`."
  ), R.version.string, alpha, delta, count(runs), delta,
  sqrt(delta * (1 - delta) / runs), highest, runs), "",
  paste("False: the share of calibrations whose bound has a true coverage",
        "below 0.9. Trivial: the share with a bound of 1 for every prompt.",
        "Margin: by how much the mean coverage exceeds that of the point rule,",
        "in standard deviations of the point rule's coverage. Bound: geometric",
        "mean over prompts and calibrations. The point rule is false in about",
        "half of all. Of the two levels calibrate_lpb() takes the lower one;",
        "here the certificate stands alone."), "",
  sprintf(paste(
    "The largest share of false certificates in %d cells is %.3f. With 5,000",
    "prompts or more the margin is at most %.2f for the right hazard and the",
    "default fit, and at most %.2f for the other models."
  ), nrow(all) + nrow(sorted), worst, max(large$margin[right]),
  max(large$margin[!right])), "",
  "## Replicated draws", "",
  paste("The default fit takes its tau_prior from the pilot; the others, which",
        "are a user's own models, have 0.19. Permuted: each prompt has the",
        "hazard of another."), "",
  main_table(ours, c("hazard", label[ours$model])), "",
  "## The published methods, default fit", "",
  paste("Naive plans have a cap of three times the budget, which keeps their",
        "weights below 23; at a budget of 5 no level misses a tenth of the",
        "prompts by then, so that nothing can be false."), "",
  main_table(theirs, c("method", theirs$method)), "",
  "## Prompts sorted by difficulty, default fit", "",
  paste("The riskiest prompts come last. In the plan's random order nothing",
        "changes. Taken in the order of the file in its place, more",
        "certificates are false than may be."), "",
  row("n", "budget", "false", "trivial", "bound", "in the file's order: false"),
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
  row("hazard", "method", "n", "budget", "certificate", "one bet",
      "bets x 1.25", "bets x 1.5", "Ville", "thinned"),
  "|:--|:--|--:|--:|--:|--:|--:|--:|--:|--:|",
  do.call(row, c(
    list(label[tried$model], tried$method, count(tried$n),
         count(tried$budget)),
    lapply(other_rules, function(rule) error(beside(tried, rule, "margin")))
  ))
)
writeLines(lines, "bench/certificate.md")
writeLines(lines)
stopifnot(worst <= highest)
