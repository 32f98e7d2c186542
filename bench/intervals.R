# Shows that limits of the risk hold where populations are made to break them,
# and how wide they are: simulated audits of prompts with known hazards. Beside
# them, on the same audits, two rivals: the interval of an effective sample size
# (Korn and Graubard), and the gamma interval of Fay and Feuer with one more
# loss of the largest possible weight.
# usage: Rscript bench/intervals.R [runs] [workers]   (writes
# bench/intervals.md; cells that are in build/intervals are not run again)

library(timetounsafe)
core <- asNamespace("timetounsafe")
arguments <- as.integer(commandArgs(TRUE))
runs <- c(arguments, 1000L)[1]
workers <- c(arguments[-1], 2L)[1]
tail <- 0.025
folder <- file.path("build", "intervals")
dir.create(folder, showWarnings = FALSE, recursive = TRUE)

# ---- Populations -------------------------------------------------------------

# Estimated hazards and true ones.
populations <- list(
  overconfident = function(n) {
    safe <- runif(n) < 0.3
    bad <- safe & runif(n) < 0.05
    list(hat = ifelse(safe, 1e-4, 0.02),
         p = ifelse(bad, 0.5, ifelse(safe, 1e-4, 0.01)))
  },
  "two-point" = function(n) {
    bad <- runif(n) < 0.02
    list(hat = rep(0.01, n), p = ifelse(bad, 0.3, 1e-5))
  },
  known = function(n) {
    p <- simulate_prompts(n)$prob
    list(hat = p, p = p)
  },
  permuted = function(n) {
    p <- simulate_prompts(n)$prob
    list(hat = sample(p), p = p)
  },
  "nearly safe" = function(n) {
    p <- 10^rnorm(n, -5, 0.5)
    list(hat = pmin(0.9, 10^rnorm(n, -3, 1)), p = p)
  }
)

# ---- Rivals ------------------------------------------------------------------

effective_size <- function(part, total, heaviest) {
  ratio <- core$weighted_ratio(part, total)
  size <- ratio$estimate * (1 - ratio$estimate) / ratio$error^2
  if (!is.finite(size) || size <= 0) {
    size <- sum(total) / heaviest
  }
  core$binomial_interval(size * min(1, ratio$estimate), size, 1 - 2 * tail)
}

# The sum of losses as that of Poisson counts, each times its weight; the upper
# limit with one more of the largest weight.
gamma_interval <- function(part, n, heaviest) {
  mean <- sum(part) / n
  variance <- sum(part^2) / n^2
  more <- heaviest / n
  quantile <- function(q, mean, variance) {
    qgamma(q, mean^2 / variance, mean / variance)
  }
  c(if (mean > 0) quantile(tail, mean, variance) else 0,
    min(1, quantile(1 - tail, mean + more, variance + more^2)))
}

# ---- One cell ----------------------------------------------------------------

intervals_of <- function(cell, reference) {
  prompts <- populations[[cell$population]](cell$n)
  constants <- core$new_constants(
    cell$design, cell$budget, 0.1, 0.1, NULL,
    if (cell$design == "naive") 4 * cell$budget
  )
  constants <- core$choose_tau_max(constants, NULL, cell$n)
  constants$reference <- "given"
  constants <- core$fix_constants(
    constants, core$prior_quantile(list(prob = reference), constants), cell$n
  )
  plan <- suppressWarnings(core$draw_plan(
    data.frame(id = seq_len(cell$n), prompt = "", prob = prompts$hat),
    core$prior_quantile(list(prob = prompts$hat), constants), constants, NULL
  ))
  audit <- core$plan_parts(simulate_audit(plan, prompts$p))
  depth <- core$sampled_depth(audit)
  limits <- core$claim_limits(audit, depth, cell$k, list(
    delta = 2 * tail, side = "both", simultaneous = FALSE
  ))
  weight <- core$prompt_weight(audit)
  part <- weight * core$unsafe_by(pmin(cell$k, depth), audit)
  heaviest <- max(core$heaviest_by(cell$k, audit), constants$max_weight *
                    !core$design_of(audit)$always)
  design_based <- all(depth >= cell$k)
  old <- if (design_based) effective_size(part, weight, heaviest) else c(NA, NA)
  gamma <- if (design_based) {
    gamma_interval(part, cell$n, heaviest)
  } else {
    c(NA, NA)
  }
  c(limits$low, limits$high, old, gamma, heaviest)
}

run_cell <- function(cell) {
  file <- file.path(folder, paste0(paste(unlist(cell), collapse = "-"), "-",
                                   runs, ".rds"))
  if (!file.exists(file)) {
    set.seed(7)
    reference <- populations[[cell$population]](3000)$hat
    truth <- populations[[cell$population]](5e5)$p
    risk <- mean(-expm1(cell$k * log1p(-truth)))
    values <- replicate(runs, intervals_of(cell, reference))
    saveRDS(list(cell = cell, risk = risk, values = values), file)
  }
  readRDS(file)
}

# ---- The table ---------------------------------------------------------------

cells <- expand.grid(
  k = c(1, 10), size = 1:4, population = names(populations),
  design = c("replicated", "optimized", "trimmed", "naive"),
  stringsAsFactors = FALSE
)
sizes <- data.frame(n = c(50, 300, 1000, 5000), budget = c(500, 20, 20, 2))
# Half of them, in the pattern of a chessboard.
odd <- (cells$k == 1) + cells$size +
  match(cells$population, names(populations))
cells <- cells[odd %% 2 == 0, ]
cells <- data.frame(cells[c("design", "population", "k")], sizes[cells$size, ])
results <- parallel::mclapply(split(cells, seq_len(nrow(cells))), function(x) {
  run_cell(as.list(x))
}, mc.cores = workers, mc.preschedule = FALSE)

row_of <- function(result) {
  v <- result$values
  risk <- result$risk
  missed <- function(low, high) {
    c(mean(v[low, ] > risk), mean(v[high, ] < risk))
  }
  width <- function(low, high) mean(v[high, ] - v[low, ])
  old <- width(3, 4)
  floor <- old / 2 + mean(v[7, ]) * log(20) / result$cell$n
  data.frame(
    result$cell, risk = risk, above = missed(1, 2)[1], below = missed(1, 2)[2],
    width = width(1, 2), yardstick = width(1, 2) / max(old, floor),
    old_above = missed(3, 4)[1], old_below = missed(3, 4)[2], old_width = old,
    gamma_above = missed(5, 6)[1], gamma_below = missed(5, 6)[2],
    gamma_width = width(5, 6)
  )
}
rows <- do.call(rbind, lapply(results, row_of))
error <- sqrt(tail * (1 - tail) / runs)

write_table <- function(rows) {
  show <- function(x) ifelse(is.na(x), "", formatC(x, digits = 3, format = "f"))
  text <- data.frame(
    rows[c("design", "population", "n", "budget", "k")],
    risk = signif(rows$risk, 2), above = show(rows$above),
    below = show(rows$below), width = signif(rows$width, 3),
    yardstick = ifelse(is.na(rows$yardstick), "",
                       formatC(rows$yardstick, digits = 2, format = "f")),
    "old: above" = show(rows$old_above), "old: below" = show(rows$old_below),
    "gamma: above" = show(rows$gamma_above),
    "gamma: below" = show(rows$gamma_below),
    "gamma: width" = ifelse(is.na(rows$gamma_width), "",
                            signif(rows$gamma_width, 3)), check.names = FALSE
  )
  knitr::kable(text, "pipe", row.names = FALSE, format.args = list(
    big.mark = ",", scientific = FALSE
  ))
}

worst <- function(x) formatC(max(x, na.rm = TRUE), digits = 3, format = "f")
writeLines(c(
  "# Limits of the risk, simulated", "",
  sprintf(paste(
    "%s. Both limits at %s%% each, %s audits in each of %d cells, so that a",
    "share of %s has a Monte Carlo standard error of %s. From",
    "`bench/intervals.R %s`."
  ), R.version.string, 100 * (1 - tail), format(runs, big.mark = ","),
  nrow(rows), tail, formatC(error, digits = 2), runs), "",
  paste(
    "Above: the share of audits whose lower limit lies above the true risk;",
    "below: whose upper limit lies below it. Each may be", tail, "at most.",
    "Yardstick: the mean width over the larger of the old one's and half the",
    "old one's plus W log(20) / n, which no valid interval can be far below.",
    "Old: binomial, for as many prompts of equal weight as would give the same",
    "standard error. Gamma: Fay and Feuer's, with one more loss of the largest",
    "weight. Both rivals are shown where `k` is within every prompt's depth."
  ), "",
  sprintf(paste(
    "Largest shares: %s above and %s below; of the old interval %s and %s; of",
    "the gamma interval %s and %s."
  ), worst(rows$above), worst(rows$below), worst(rows$old_above),
  worst(rows$old_below), worst(rows$gamma_above), worst(rows$gamma_below)), "",
  write_table(rows)
), "bench/intervals.md", useBytes = TRUE)
