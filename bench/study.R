# The paper's real-data experiment on recorded draws of a real model: coverage,
# bounds and certificates of the published methods and of replicated draws.
# usage: TIMETOUNSAFE_DATA=folder Rscript bench/study.R [splits] [workers]
#   [folder for results]   (by default 200 splits, bench/ and vignettes/; `make
# study` has 8, and build/study)

shared <- new.env()
sys.source("bench/shared/recorded.R", shared)
report <- new.env()
sys.source("bench/shared/study-report.R", report)
take <- shared$take
count_draws <- shared$count_draws
arguments <- commandArgs(TRUE)
splits <- as.integer(c(arguments, "200")[1])
workers <- as.integer(c(arguments[-1], "2")[1])
output <- arguments[3]
data <- shared$read_recorded()
alpha <- 0.1
delta <- 0.1
sizes <- c(train = 800, calibrate = 800)
# All prompts have 32 draws, so that no bound of 33 needs one that is not there,
# and no plan asks for more.
cap <- 33
max_limit <- 32
# The published methods count horizons, of which fewer draws are made.
budgets <- list(uncalibrated = 0, naive = c(4, 16), basic = c(4, 16),
                trimmed = c(4, 16), optimized = c(4, 16),
                replicated = c(2, 4, 8, 12))
cells <- data.frame(method = rep(names(budgets), lengths(budgets)),
                    budget = unlist(budgets, use.names = FALSE))
cells$main <- cells$budget %in% c(0, 4)

# ---- One split ---------------------------------------------------------------

# The prompts that do not train are the population: calibration prompts are
# drawn from it with replacement, each with an order of its draws of its own.
# So they are independent, and the coverage of a bound is known, not estimated.
run_split <- function(split) {
  set.seed(split)
  n <- nrow(data$prompts)
  train <- sample.int(n, sizes[["train"]])
  rest <- setdiff(seq_len(n), train)
  at <- sample.int(length(rest), sizes[["calibrate"]], replace = TRUE)
  parts <- list(split = split, train = train, rest = rest, at = at)
  results <- lapply(names(data$verdicts), function(judge) {
    kinds <- c("attributes", if (within(split, 0.2)) "embedding",
               if (within(split, 0.06)) c("text", "all"))
    lapply(kinds, run_features, judge, data, parts)
  })
  results <- unlist(results, recursive = FALSE)
  if (within(split, 0.2)) {
    set.seed(1000 + split)
    twin <- simulate_twin(data, train)
    results <- c(results, list(run_features("attributes", "simulated", twin,
                                            parts)))
  }
  list(runs = do.call(rbind, lapply(results, `[[`, "runs")),
       long = do.call(rbind, lapply(results, `[[`, "long")))
}

# What takes long, or is looked at less closely, is done in a share of splits.
within <- function(split, share) split <= max(4, share * splits)

run_features <- function(kind, judge, data, parts) {
  x <- data$features[[kind]]
  count <- count_draws(data, judge)
  other <- count_draws(data, setdiff(names(data$verdicts), judge)[1])
  train <- parts$train
  rest <- parts$rest
  own <- rest[parts$at]
  hazard <- fit_hazard(take(x, train),
                       cbind(count$unsafe, count$draws - count$unsafe)[train, ])
  world <- list(
    hazard = hazard, x = take(x, own), at = parts$at,
    prob = predict(hazard, take(x, rest)), unsafe = count$unsafe[rest],
    draws = count$draws[rest], other = other$unsafe[rest],
    sampler = replay_of(data, judge, own, parts$split)
  )
  said <- data.frame(split = parts$split, judge, features = kind)
  main <- kind %in% c("attributes", "embedding")
  runs <- data.frame(said, run_cells(cells[main | cells$main, ], world))
  long <- main && judge != "simulated" && within(parts$split, 0.06)
  world$sampler <- replay_of(data, judge, own, parts$split, replace = TRUE)
  list(runs = runs, long = if (long) data.frame(said, run_long(world)))
}

# The same prompts as they would be if their attributes said all: each draw is
# unsafe with the hazard that was estimated from them.
simulate_twin <- function(data, train) {
  count <- count_draws(data, "lexicon")
  x <- data$features$attributes
  hazard <- fit_hazard(x[train, ], cbind(count$unsafe, count$draws -
                                           count$unsafe)[train, ])
  prob <- predict(hazard, x)[data$row]
  data$verdicts <- list(simulated = stats::runif(length(prob)) < prob,
                        lexicon = data$verdicts$lexicon)
  data
}

# The draws of these prompts, each time a prompt occurs as one of its own.
replay_of <- function(data, judge, rows, seed, replace = FALSE) {
  by_prompt <- split(seq_along(data$row), data$row)[as.character(rows)]
  draws <- unlist(by_prompt, use.names = FALSE)
  sampler_replay(as_response_log(data.frame(
    id = rep(paste("prompt", seq_along(rows)), lengths(by_prompt)),
    draw = data$draw[draws], unsafe = data$verdicts[[judge]][draws]
  )), replace, seed)
}

run_cells <- function(cells, world) {
  results <- lapply(seq_len(nrow(cells)), function(i) {
    cell <- cells[i, c("method", "budget")]
    if (cell$method == "uncalibrated") {
      return(data.frame(cell, rule = "marginal", draws = 0, tau_max = NA,
                        score_tau(alpha, world)))
    }
    audit <- audit_cell(cell, world, delta, cap, max_limit)
    taus <- list(marginal = calibrate(audit, NULL),
                 certified = calibrate(audit, delta))
    data.frame(cell, rule = names(taus), draws = mean(audit$draws),
               tau_max = audit$tau_max[1],
               do.call(rbind, lapply(taus, score_tau, world)),
               row.names = NULL)
  })
  do.call(rbind, results)
}

# What a plan warns of is what the table shows.
audit_cell <- function(cell, world, delta, cap = NULL, max_limit = NULL) {
  plan <- suppressWarnings(plan_audit(
    world$hazard, paste("prompt", seq_along(world$at)), cell$budget, world$x,
    design = cell$method, alpha = alpha, delta = delta, cap = cap,
    max_limit = max_limit
  ), classes = "timetounsafe_warning")
  run_audit(plan, world$sampler, parallel = FALSE, progress = FALSE,
            control = audit_control(batch_size = 1e5))
}

calibrate <- function(audit, delta) {
  suppressWarnings(calibrate_lpb(audit, alpha, delta),
                   classes = "timetounsafe_warning")$tau
}

# The bound that tau gives the prompts of the population, by thirds of predicted
# hazard, of those that did not calibrate, and by the other judge. `floor`: its
# standard deviation if all draws of each calibration prompt were looked at.
score_tau <- function(tau, world) {
  bound <- as.vector(geometric_quantile(world$prob, tau, cap))
  covered <- shared$hypergeometric_coverage(bound, world$unsafe, world$draws)
  third <- ceiling(3 * rank(world$prob, ties.method = "first") / length(bound))
  by_risk <- tapply(covered, third, mean)
  data.frame(
    tau, coverage = mean(covered), new = mean(covered[-world$at]),
    low = by_risk[[1]], middle = by_risk[[2]], high = by_risk[[3]],
    other = mean(shared$hypergeometric_coverage(bound, world$other,
                                                world$draws)),
    floor = stats::sd(covered) / sqrt(sizes[["calibrate"]]),
    log_bound = mean(log(bound)), ones = mean(bound == 1),
    capped = mean(bound == cap)
  )
}

# ---- Bounds beyond the record ------------------------------------------------

# Longer bounds take a bootstrap: what it says of its own population, in which
# recorded rates are true, and what is known of the model's: between `least`,
# which counts no prompt whose bound is beyond its recorded draws, and `most`.
# `cap = NULL` is what plan_audit() chooses for the certified bound.
run_long <- function(world) {
  prob <- world$prob
  rate <- world$unsafe / world$draws
  ours <- cells[cells$method == "replicated" & cells$budget == 8, ]
  rows <- lapply(c("marginal", "certified"), function(rule) {
    certified <- if (rule == "certified") delta
    audit <- audit_cell(ours, world, certified)
    bound <- as.vector(geometric_quantile(prob, calibrate(audit, certified),
                                          audit$cap[1]))
    most <- shared$hypergeometric_coverage(bound, world$unsafe, world$draws)
    within <- bound - 1 <= world$draws
    data.frame(
      rule, cap = audit$cap[1], replayed = mean((1 - rate)^(bound - 1)),
      least = mean(most * within), most = mean(most), beyond = mean(!within),
      log_bound = mean(log(bound))
    )
  })
  do.call(rbind, rows)
}

# ---- All splits --------------------------------------------------------------

runs <- parallel::mclapply(seq_len(splits), run_split, mc.cores = workers,
                           mc.preschedule = FALSE)
failed <- vapply(runs, inherits, NA, "try-error")
if (any(failed)) {
  stop(runs[[which(failed)[1]]])
}
part <- function(name) do.call(rbind, lapply(runs, `[[`, name))
dir.create("build/study", showWarnings = FALSE, recursive = TRUE)
saveRDS(list(runs = part("runs"), long = part("long")), "build/study/runs.rds")
known <- vapply(names(data$verdicts), function(judge) {
  count <- count_draws(data, judge)
  exp(mean(log(shared$longest_bound(count$unsafe, count$draws, 1 - alpha,
                                    cap))))
}, 0)
report$report_study(part("runs"), part("long"), known, nrow(data$prompts),
                    sizes[["train"]], output)
