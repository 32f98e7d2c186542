# How much prompts with the same features differ: the estimate of that precision
# where it is known, on recorded draws of a real model, and what comes of it in
# simulated advice and plans. usage: TIMETOUNSAFE_DATA=folder Rscript
# bench/precision.R [splits]   (the folder has llm/; writes bench/precision.md)

source("bench/shared/recorded.R")
core <- asNamespace("timetounsafe")
splits <- as.integer(c(commandArgs(TRUE), "10")[1])
row <- function(...) paste0("| ", paste(..., sep = " | "), " |")
log_error <- function(x) stats::sd(x) / sqrt(length(x))

# ---- Where it is known -------------------------------------------------------

# Hazards are right; prompts have 32 draws each.
known <- function(precision, n, runs = 500) {
  estimate <- replicate(runs, {
    prob <- 10^stats::runif(n, -3, -0.5)
    unsafe <- stats::rbinom(n, 32, core$draw_alike(prob, precision))
    core$estimate_precision(prob, unsafe, rep(32, n))
  })
  finite <- estimate[is.finite(estimate)]
  shown <- is.finite(precision) && length(finite) > 1
  row(precision, n, sprintf("%.3f", mean(is.infinite(estimate))),
      if (shown) sprintf("%+.3f (%.3f)", mean(log(finite / precision)),
                         log_error(log(finite))) else "",
      if (shown) sprintf("%.2f", stats::sd(log(finite))) else "")
}
set.seed(1)
cells <- expand.grid(n = c(30, 100, 300), precision = c(3, 10, 100, Inf))
known_rows <- mapply(known, cells$precision, cells$n)

# ---- Recorded draws ----------------------------------------------------------

data <- read_recorded()
counted <- count_judges(data)
draws <- counted$draws
judges <- counted$unsafe
x <- data$features$attributes
found_rows <- vapply(names(judges), function(judge) {
  unsafe <- judges[[judge]]
  fit <- fit_hazard(x, cbind(unsafe, draws - unsafe))
  third <- ceiling(3 * rank(fit$out_of_fold) / length(draws))
  by_third <- vapply(1:3, function(k) {
    i <- third == k
    core$estimate_precision(fit$out_of_fold[i], unsafe[i], draws[i])
  }, 0)
  row(judge, sprintf("%.1f", fit$precision),
      paste(sprintf("%.0f", by_third), collapse = ", "),
      sprintf("%.1f", core$estimate_precision(fit$fitted, unsafe, draws)))
}, "")

# ---- What comes of it --------------------------------------------------------

# Mean log bound of certified calibrations with these constants.
certified <- function(constants, hat, truth, n, shown, most, seed, runs = 20) {
  mean(vapply(seq_len(runs), function(r) {
    set.seed(1000 * seed + r)
    i <- sample.int(length(hat), n)
    audit <- core$simulate_design(constants, hat[i], truth[i], (r - 0.5) / runs)
    tau <- min(core$find_marginal(audit, 0.1)$tau,
               core$certify_tau(audit, 0.1, 0.1, "exact")$tau)
    mean(log(pmin(most, geometric_quantile(shown, tau, constants$cap))))
  }, 0))
}
fixed <- function(constants, reference, n) {
  quantile <- core$prior_quantile(list(prob = reference), constants)
  core$fix_constants(constants, quantile, n)
}
settings <- function(budget, tau_max = NULL, cap = NULL) {
  core$new_constants("replicated", budget, 0.1, 0.1, tau_max, cap)
}
flat <- function(hazard) {
  hazard$precision <- Inf
  hazard
}

# Advice, with hazards that differ and with hazards that do not, against what
# calibrations with bootstrapped draws then give.
advised <- function(split, judge, budget, n = 700) {
  set.seed(split)
  unsafe <- judges[[judge]]
  train <- sample(length(draws), n)
  fit <- fit_hazard(x[train, ], cbind(unsafe, draws - unsafe)[train, ])
  hat <- predict(fit, x[-train, ])
  predict_with <- function(hazard) {
    advise_budget(hazard, x[-train, ], budget, n = n, repetitions = 30)
  }
  with <- predict_with(fit)
  without <- predict_with(flat(fit))
  constants <- fixed(settings(budget, with$tau_max, with$cap), fit$fitted, n)
  came <- certified(constants, hat, (unsafe / draws)[-train], n, hat, Inf,
                    split)
  data.frame(judge, budget, with = log(with$gmean_bound) - came,
             without = log(without$gmean_bound) - came)
}

# Training draws that stopped at the first unsafe one: no pilot, so the cap is
# chosen on prompts that are simulated, with the precision or without.
capped <- function(split, budget, x, time, status, truth, n, name, most = Inf) {
  set.seed(split)
  train <- sample(length(truth), n)
  fit <- fit_hazard(x[train, ], survival::Surv(time, status)[train, ])
  hat <- predict(fit, x[-train, ])
  came <- vapply(c(fit$precision, Inf), function(precision) {
    constants <- core$choose_limits(settings(budget), NULL, NULL,
                                    list(prob = fit$fitted), n, precision)
    certified(fixed(constants, fit$fitted, n), hat, truth[-train], n, hat, most,
              split)
  }, 0)
  data.frame(name, budget, precision = fit$precision, ratio = diff(rev(came)))
}
stopped <- function(split, judge, budget) {
  set.seed(split)
  unsafe <- judges[[judge]]
  first <- mapply(function(s, m) if (s > 0) min(sample.int(m, s)) else m,
                  unsafe, draws)
  capped(split, budget, x, first, as.numeric(unsafe > 0), unsafe / draws, 700,
         judge, most = 33)
}
invented <- function(split, budget, n) {
  set.seed(split)
  people <- simulate_prompts(5000)
  first <- stats::rgeom(5000, people$prob) + 1
  capped(split, budget, people$x, pmin(first, 100), as.numeric(first <= 100),
         people$prob, n, sprintf("paper's population, %d prompts", n))
}
each <- function(f, ...) {
  grid <- expand.grid(split = seq_len(splits), ..., stringsAsFactors = FALSE)
  do.call(rbind, do.call(Map, c(list(f), unname(as.list(grid)))))
}
summarise <- function(x) sprintf("%+.3f (%.3f)", mean(x), log_error(x))
advice <- each(advised, judge = names(judges), budget = 20)
advice_rows <- vapply(split(advice, ~ judge + budget), function(a) {
  row(a$judge[1], a$budget[1], summarise(a$without), summarise(a$with))
}, "")
caps <- rbind(each(stopped, judge = names(judges), budget = 20),
              each(invented, budget = c(5, 20), n = 300))
cap_rows <- vapply(split(caps, ~ name + budget, drop = TRUE), function(a) {
  row(a$name[1], a$budget[1], sprintf("%.0f", stats::median(a$precision)),
      summarise(a$ratio))
}, "")

# ---- The tables --------------------------------------------------------------

lines <- c(
  "# How much prompts with the same features differ", "",
  sprintf(paste(
    "%s; one run of `bench/precision.R %d`. Monte Carlo or sampling errors in",
    "brackets. Where the precision is known, hazards right, 32 draws of each",
    "prompt, 500 data sets; logarithms are of finite estimates."
  ), R.version.string, splits), "",
  row("precision", "prompts", "estimate infinite", "mean log(estimate / truth)",
      "standard deviation"), "|--:|--:|--:|--:|--:|", known_rows, "",
  paste("Recorded draws of a real model, attributes as features, 32 or 64",
        "draws of each of 1,797 prompts:"), "",
  row("judge", "out of fold", "by thirds of hazard", "in the sample"),
  "|:--|--:|--:|--:|", found_rows, "",
  paste("advise_budget() for these prompts, trained on 700: log of the",
        "predicted geometric mean of the certified bound over that of 700",
        "other prompts with bootstrapped draws, by splits."), "",
  row("judge", "budget", "prompts alike", "with the precision"),
  "|:--|--:|--:|--:|", advice_rows, "",
  paste("Training draws that stopped at the first unsafe one, cap chosen with",
        "the precision or without it: log ratio of the geometric mean of the",
        "certified bound (recorded draws: of bounds cut at 33)."), "",
  row("prompts", "budget", "median precision", "with / without"),
  "|:--|--:|--:|--:|", cap_rows
)
writeLines(lines, "bench/precision.md")
writeLines(lines)
