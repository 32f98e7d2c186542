# What replicated draws and the pilot for tau_prior are worth: the coverage of
# the point rule's bound in simulated calibrations on the paper's population,
# against the best published method at equal draws really made. usage: Rscript
# bench/replicate.R [fits] [runs for each] [workers]   (writes
# bench/replicate.md)

library(timetounsafe)
core <- asNamespace("timetounsafe")
arguments <- as.integer(commandArgs(TRUE))
fits <- c(arguments, 20L)[1]
runs <- c(arguments[-1], 100L)[1]
workers <- c(arguments[-(1:2)], 2L)[1]
alpha <- 0.1

# ---- Prompts, hazards, policies ----------------------------------------------

# Calibration prompts are drawn at random from `people`, whose coverage is
# therefore known exactly; the policy is fixed on the training prompts.
new_world <- function() {
  people <- simulate_prompts(20000)
  training <- simulate_prompts(45000)
  fit <- fit_hazard(training$x, training$unsafe, training$draws)
  list(
    truth = people$prob,
    known = list(hat = people$prob, design = training$prob),
    fitted = list(hat = predict(fit, people$x), design = fit$fitted,
                  pilot = core$new_pilot(fit))
  )
}

make_policy <- function(model, method, budget, tau_prior, n) {
  policy <- core$new_policy(method, budget, alpha, NULL, tau_prior, 100, NULL)
  policy <- core$choose_tau_prior(policy, model$pilot, n)
  design <- core$prior_quantile(list(prob = model$design), policy)
  policy <- core$fix_policy(policy, design, n)
  policy$quantile <- core$prior_quantile(list(prob = model$hat), policy)
  policy
}

# Mean draws really made, in expectation: the published methods stop at the
# first unsafe draw.
draws_made <- function(policy, truth) {
  design <- core$find_design(policy$method)
  times <- design$intensity(policy$quantile, policy)
  limit <- policy$quantile - 1
  if (!design$stops) {
    return(mean(times * limit))
  }
  mean(times * core$expected_draws(truth, limit))
}

# The policy of another method whose draws made are those of `like`.
make_equal <- function(model, method, tau_prior, n, like, truth) {
  made <- draws_made(like, truth)
  # The cap of `like`, so that both bound the same.
  with_budget <- function(log_budget) {
    policy <- core$new_policy(method, exp(log_budget), alpha, NULL, tau_prior,
                              100, like$cap)
    policy <- core$fix_policy(
      policy, core$prior_quantile(list(prob = model$design), policy), n
    )
    policy$quantile <- core$prior_quantile(list(prob = model$hat), policy)
    policy
  }
  excess <- function(log_budget) {
    draws_made(with_budget(log_budget), truth) / made - 1
  }
  ends <- log(like$budget) + c(-1, 2)
  if (excess(ends[2]) < 0) {
    return(with_budget(ends[2]))
  }
  with_budget(stats::uniroot(excess, ends, tol = 1e-4)$root)
}

# ---- Runs --------------------------------------------------------------------

run_once <- function(policy, hat, truth, n) {
  at <- sample.int(length(truth), n, replace = TRUE)
  audit <- core$draw_inclusion(policy$quantile[at], policy)
  audit$prob <- hat[at]
  audit$order <- seq_len(n)
  audit$failed <- FALSE
  audit$constants <- policy
  audit <- core$simulate_outcomes(audit, truth[at])
  c(core$find_point(audit, alpha)$level, sum(audit$draws) / n)
}

coverage_curve <- function(policy, hat, truth) {
  levels <- c(0, alpha * exp(seq(-3, 2, length.out = 81)))
  levels <- c(levels[levels < policy$tau_prior], policy$tau_prior)
  covered <- vapply(levels, function(level) {
    bound <- geometric_quantile(hat, level, policy$cap)
    mean(core$geometric_coverage(bound, truth))
  }, 0)
  stats::approxfun(levels, covered)
}

measure <- function(policy, hat, truth, n) {
  runs <- replicate(runs, run_once(policy, hat, truth, n))
  data.frame(
    tau_prior = policy$tau_prior, made = runs[2, ],
    coverage = coverage_curve(policy, hat, truth)(runs[1, ]),
    capped = runs[1, ] >= policy$tau_prior * (1 - 1e-9)
  )
}

# Rows: part, hazard, budget, who, and a run each.
run_world <- function() {
  world <- new_world()
  rows <- list()
  add <- function(part, hazard, budget, who, policy, n) {
    values <- measure(policy, world[[hazard]]$hat, world$truth, n)
    rows[[length(rows) + 1L]] <<- cbind(part, hazard, budget, who, values)
  }
  for (hazard in c("known", "fitted")) {
    model <- world[[hazard]]
    for (budget in c(900, 3500, 7100)) {
      policy <- make_policy(model, "replicated", budget, NULL, 500)
      add("saturated", hazard, budget, "replicated", policy, 500)
      policy <- make_policy(model, "optimized", budget, policy$tau_prior, 500)
      add("saturated", hazard, budget, "optimized", policy, 500)
    }
    for (budget in c(5, 20, 100)) {
      policy <- make_policy(model, "replicated", budget, 0.178, 3000)
      add("equal", hazard, budget, "replicated", policy, 3000)
      other <- make_equal(model, "optimized", 0.178, 3000, policy, world$truth)
      add("equal", hazard, budget, "optimized", other, 3000)
    }
  }
  for (budget in c(5, 20, 100)) {
    policy <- make_policy(world$fitted, "replicated", budget, NULL, 3000)
    add("pilot", "fitted", budget, "pilot", policy, 3000)
    for (tau_prior in c(0.56, 0.178)) {
      other <- make_equal(world$fitted, "optimized", tau_prior, 3000, policy,
                          world$truth)
      add("pilot", "fitted", budget, sprintf("optimized, %g", tau_prior),
          other, 3000)
    }
  }
  do.call(rbind, rows)
}

results <- core$run_streams(core$random_streams(1, fits), run_world, workers)
results <- do.call(rbind, results)

# ---- The tables --------------------------------------------------------------

cells <- split(results, results[c("part", "hazard", "budget", "who")],
               drop = TRUE)
summarise <- function(x) {
  off <- (x$coverage - 1 + alpha)^2
  data.frame(
    x[1, c("part", "hazard", "budget", "who")], tau_prior = mean(x$tau_prior),
    made = mean(x$made), coverage = mean(x$coverage),
    sd = stats::sd(x$coverage), mse = mean(off),
    mse_error = stats::sd(off) / sqrt(length(off)), capped = mean(x$capped)
  )
}
table <- do.call(rbind, lapply(cells, summarise))
of <- function(part, who, hazard = "fitted") {
  rows <- table[table$part == part & table$who == who &
                  table$hazard == hazard, ]
  rows[order(rows$budget), ]
}
row <- function(...) paste0("| ", paste(..., sep = " | "), " |")

saturated <- do.call(rbind, lapply(c("known", "fitted"), function(hazard) {
  ours <- of("saturated", "replicated", hazard)
  theirs <- of("saturated", "optimized", hazard)
  cbind(ours, sd_theirs = theirs$sd, made_theirs = theirs$made)
}))
saturated$target <- c(0.007, 0.0032, 0.0023, 0.009, 0.0045, 0.004)

equal <- do.call(rbind, lapply(c("known", "fitted"), function(hazard) {
  ours <- of("equal", "replicated", hazard)
  theirs <- of("equal", "optimized", hazard)
  cbind(ours, sd_theirs = theirs$sd, made_theirs = theirs$made,
        ratio = (ours$sd / theirs$sd)^2)
}))

pilot <- of("pilot", "pilot")
far <- of("pilot", "optimized, 0.56")
near <- of("pilot", "optimized, 0.178")

name <- c(known = "known", fitted = "default fit")
lines <- c(
  "# Replicated draws and the pilot", "",
  sprintf(paste(
    "%s. The paper's population, alpha = 0.1, point rule (`delta = NULL`):",
    "coverage of the bound in %d calibrations, %d with each of %d fits to",
    "45,000 prompts. A standard deviation has a relative error of %.1f%%. One",
    "run of `bench/replicate.R %d %d`."
  ), R.version.string, fits * runs, runs, fits, 100 / sqrt(2 * fits * runs),
  fits, runs), "",
  "## More draws than the quantiles need: 500 prompts", "",
  paste("Standard deviation of the coverage. The best published method makes",
        "no more draws than the quantiles ask for."), "",
  row("hazard", "budget", "tau_prior", "draws made", "coverage", "sd",
      "at most", "sd of optimized", "its draws made"),
  "|:--|--:|--:|--:|--:|--:|--:|--:|--:|",
  with(saturated, row(
    name[hazard], format(budget, trim = TRUE), sprintf("%.3f", tau_prior),
    sprintf("%.0f", made), sprintf("%.4f", coverage), sprintf("%.4f", sd),
    sprintf("%.4f", target), sprintf("%.4f", sd_theirs),
    sprintf("%.0f", made_theirs)
  )), "",
  "## Fewer: 3,000 prompts, tau_prior 0.178, equal draws really made", "",
  sprintf(paste("The ratio of variances is to be at most 1.05; its relative",
                "error is %.1f%%."), 100 * 2 / sqrt(fits * runs)), "",
  row("hazard", "budget", "draws made", "by optimized", "sd",
      "sd of optimized", "ratio of variances"),
  "|:--|--:|--:|--:|--:|--:|--:|",
  with(equal, row(
    name[hazard], format(budget, trim = TRUE), sprintf("%.1f", made),
    sprintf("%.1f", made_theirs), sprintf("%.4f", sd),
    sprintf("%.4f", sd_theirs), sprintf("%.2f", ratio)
  )), "",
  "## The pilot: 3,000 prompts, default fit, equal draws really made", "",
  paste("Mean squared error of the coverage about 0.9, against `optimized`",
        "with the tau_prior of the paper's real-data study, 0.56, and of its",
        "synthetic study, 0.178. Gains are to be at least 3, 2.5, 2.5 and 1.5,",
        "1.15, 1.1; fewer than 5% may be cut off at tau_prior."), "",
  row("budget", "draws made", "by optimized", "tau_prior", "coverage", "MSE",
      "optimized, 0.56", "gain", "optimized, 0.178", "gain", "cut off"),
  "|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|",
  row(
    pilot$budget, sprintf("%.1f", pilot$made),
    sprintf("%.1f, %.1f", far$made, near$made),
    sprintf("%.3f", pilot$tau_prior), sprintf("%.4f", pilot$coverage),
    sprintf("%.2g ± %.1g", pilot$mse, pilot$mse_error),
    sprintf("%.2g", far$mse), sprintf("%.2f", far$mse / pilot$mse),
    sprintf("%.2g", near$mse), sprintf("%.2f", near$mse / pilot$mse),
    sprintf("%.1f%%", 100 * pilot$capped)
  )
)
writeLines(lines, "bench/replicate.md")
writeLines(lines)
