# Shows for whom the certificate holds: rows of traffic in which prompts repeat,
# clusters, rows of clustered traffic; and what it is worth on the rows that
# trained the hazard. A calibration is false when more than alpha of the target
# population are missed by its bound; at most a share delta may be.
# usage: Rscript bench/targets.R [runs] [workers]   (writes bench/targets.md)

library(timetounsafe)
core <- asNamespace("timetounsafe")
arguments <- as.integer(commandArgs(TRUE))
runs <- c(arguments, 400L)[1]
workers <- c(arguments[-1], 2L)[1]
alpha <- 0.1
delta <- 0.1
quiet <- function(code) suppressWarnings(code, "timetounsafe_warning")

# P(T < bound), for each prompt.
missed <- function(bound, p) -expm1((bound - 1) * log1p(-p))

# ---- Traffic in which prompts repeat -----------------------------------------

# A prompt has one feature that tells something of its hazard, and an indicator
# of each template, as words would be.
new_prompts <- function(n, templates, which = rep(0, n)) {
  signal <- stats::rnorm(n)
  list(x = cbind(signal, outer(which, seq_len(templates), "==") + 0),
       p = 10^pmin(-0.3, -2 + 0.3 * signal + 0.7 * stats::rnorm(n)))
}
take <- function(prompts, at) {
  list(x = prompts$x[at, , drop = FALSE], p = prompts$p[at])
}

# `share` of the rows are one of `templates`, the others occur once.
run_traffic <- function(templates, share, by, n = 1000, budget = 20) {
  common <- new_prompts(templates, templates, seq_len(templates))
  own <- new_prompts(n, templates)
  which <- ifelse(stats::runif(n) < share,
                  sample.int(templates, n, replace = TRUE), NA)
  row <- ifelse(is.na(which), templates + seq_len(n), which)
  rows <- take(list(x = rbind(common$x, own$x), p = c(common$p, own$p)), row)
  train <- if (by == "rows") {
    sample.int(n, n / 2)
  } else {
    text <- unique(row)
    which(row %in% text[sample.int(length(text), length(text) / 2)])
  }
  unsafe <- stats::rbinom(length(train), budget, rows$p[train])
  hazard <- fit_hazard(rows$x[train, ], cbind(unsafe, safe = budget - unsafe))
  plan <- plan_audit(hazard, as.character(row[-train]), budget,
                     rows$x[-train, ], id = seq_len(n)[-train])
  lpb <- calibrate_lpb(simulate_audit(plan, rows$p[-train]))
  new <- new_prompts(2000, templates)
  miss <- (1 - share) * mean(missed(predict(lpb, new$x), new$p)) +
    share * mean(missed(predict(lpb, common$x), common$p))
  c(false = miss > alpha, trivial = lpb$trivial)
}

# ---- Clusters ----------------------------------------------------------------

# The prompts of a cluster share their hazard, and the error of the estimate.
# `large` of the clusters have ten rows and, with `worse` above 1, are riskier
# than estimated; the others have one.
new_clusters <- function(n, large, worse) {
  size <- ifelse(stats::runif(n) < large, 10, 1)
  hat <- 10^stats::runif(n, -3, -1.3)
  error <- exp(1.5 * stats::rnorm(n)) * ifelse(size > 1, worse, 1)
  list(size = size, hat = hat, p = pmin(0.9, hat * error))
}
hat_alone <- as_hazard(function(newdata) newdata$hat)

run_clusters <- function(n, large, worse, how, budget = 30) {
  clusters <- new_clusters(n, large, worse)
  of <- rep(seq_len(n), clusters$size)
  plan <- plan_audit(
    hat_alone, as.character(seq_along(of)), budget,
    data.frame(hat = clusters$hat[of]), cap = 500,
    reference = data.frame(hat = new_clusters(2000, large, worse)$hat),
    cluster = if (how != "rows") of, cluster_size = if (how == "sums") 10
  )
  lpb <- calibrate_lpb(simulate_audit(plan, clusters$p[of]))
  new <- new_clusters(20000, large, worse)
  miss <- missed(predict(lpb, data.frame(hat = new$hat)), new$p)
  c(false_clusters = mean(miss) > alpha,
    false_rows = stats::weighted.mean(miss, new$size) > alpha,
    trivial = lpb$trivial)
}

# ---- The rows that trained the hazard ----------------------------------------

noise_hazards <- function(n) pmin(0.5, 10^(-1.7 + 0.6 * stats::rnorm(n)))

# `again` of the planned rows are training rows. With the rows forgotten, as
# for a model of the user's own, the plan is made all the same.
run_training <- function(again, n = 300, budget = 20) {
  rows <- list(x = matrix(stats::rnorm(80 * n), 2 * n),
               p = noise_hazards(2 * n))
  train <- seq_len(n)
  unsafe <- stats::rbinom(n, budget, rows$p[train])
  hazard <- fit_hazard(rows$x[train, ], cbind(unsafe, safe = budget - unsafe),
                       penalty = 0, splines = 0)
  at <- n - again + train
  plan <- function() plan_audit(hazard, as.character(at), budget, rows$x[at, ])
  refused <- inherits(tryCatch(plan(), error = identity),
                      "timetounsafe_error_argument")
  hazard$training$rows <- NULL
  lpb <- calibrate_lpb(simulate_audit(plan(), rows$p[at]))
  x <- matrix(stats::rnorm(40 * 4000), 4000)
  miss <- missed(predict(lpb, x), noise_hazards(4000))
  c(refused = refused, false = mean(miss) > alpha, trivial = lpb$trivial)
}

# ---- Runs --------------------------------------------------------------------

# Each run has a seed of its own, whatever the number of workers.
repeat_runs <- function(run, ...) {
  out <- parallel::mclapply(seq_len(runs), function(seed) {
    set.seed(seed)
    quiet(run(...))
  }, mc.cores = workers)
  rowMeans(do.call(cbind, out))
}
with_error <- function(share) {
  sprintf("%.3f (%.3f)", share, sqrt(share * (1 - share) / runs))
}
row <- function(...) paste0("| ", paste(..., sep = " | "), " |")

traffic <- lapply(c("rows", "texts"), function(by) {
  list(none = repeat_runs(run_traffic, 1, 0, by),
       one = repeat_runs(run_traffic, 1, 0.5, by),
       ten = repeat_runs(run_traffic, 10, 0.7, by))
})
names(traffic) <- c("rows", "texts")
traffic_row <- function(name, label) {
  row(label, with_error(traffic$rows[[name]][["false"]]),
      with_error(traffic$texts[[name]][["false"]]),
      sprintf("%.3f", traffic$rows[[name]][["trivial"]]))
}

clusters <- list(
  all = lapply(c(rows = "rows", means = "means", sums = "sums"),
               function(how) repeat_runs(run_clusters, 150, 1, 1, how)),
  some = lapply(c(rows = "rows", means = "means", sums = "sums"),
                function(how) repeat_runs(run_clusters, 600, 0.2, 2.5, how))
)
cluster_row <- function(name, how, label) {
  found <- clusters[[name]][[how]]
  row(label, switch(how, rows = "independent rows", means = "`cluster`",
                    sums = "`cluster`, `cluster_size = 10`"),
      with_error(found[["false_clusters"]]),
      with_error(found[["false_rows"]]), sprintf("%.3f", found[["trivial"]]))
}

again <- c(300, 100, 30, 0)
training <- lapply(again, function(k) repeat_runs(run_training, k))

# ---- The tables --------------------------------------------------------------

writeLines(c(
  "# For whom the certificate holds", "",
  sprintf(paste(
    "%s. alpha = %g, delta = %g, replicated draws; %d calibrations in each",
    "cell, Monte Carlo standard errors in brackets. False: the share of",
    "calibrations whose bound misses more than alpha of the target population.",
    "Trivial: the share with a bound of 1 for every prompt. From",
    "`bench/targets.R %d`."
  ), R.version.string, alpha, delta, runs, runs), "",
  "## Rows of traffic in which prompts repeat", "",
  paste("1,000 rows, half of which train the default fit; budget 20. False for",
        "a random row of the traffic. Distinct texts split: copies of a prompt",
        "are all on one side, so that the rows that calibrate are no random",
        "sample of the traffic."), "",
  row("traffic", "false: rows split", "false: distinct texts split", "trivial"),
  "|:--|--:|--:|--:|",
  traffic_row("none", "no repeats"),
  traffic_row("one", "one template, 50% of rows"),
  traffic_row("ten", "ten templates, 70% of rows"), "",
  "## Clusters", "",
  paste("The prompts of a cluster share their hazard, which is estimated with",
        "an error that they share, too; budget 30, cap 500. First 150 clusters",
        "of ten rows. Then 600 clusters, a fifth of which have ten rows and",
        "2.5 times the hazard that is estimated, the others one row: a random",
        "row is then worse off than a random prompt of a random cluster."), "",
  row("clusters", "planned as", "false: clusters", "false: rows", "trivial"),
  "|:--|:--|--:|--:|--:|",
  cluster_row("all", "rows", "150 of ten"),
  cluster_row("all", "means", "150 of ten"),
  cluster_row("all", "sums", "150 of ten"),
  cluster_row("some", "rows", "600 of one or ten"),
  cluster_row("some", "means", "600 of one or ten"),
  cluster_row("some", "sums", "600 of one or ten"), "",
  "## Rows that trained the hazard", "",
  paste("300 training rows with 40 features of pure noise, no penalty;",
        "budget 20. Of the 300 planned rows some are training rows. False: if",
        "the plan is made all the same."), "",
  row("training rows in the plan", "refused", "false"), "|--:|--:|--:|",
  row(again, vapply(training, function(x) sprintf("%.3f", x[["refused"]]), ""),
      vapply(training, function(x) with_error(x[["false"]]), ""))
), "bench/targets.md")
