# What the scripts of this folder share. They source it from their own folder.

library(timetounsafe)

# ---- Where, and with how many workers ----------------------------------------

output <- c(commandArgs(TRUE), "paper-output")[1]
dir.create(output, recursive = TRUE, showWarnings = FALSE)
workers <- as.integer(c(commandArgs(TRUE)[-1], NA)[1])
if (is.na(workers)) {
  workers <- max(1L, parallel::detectCores(), na.rm = TRUE)
}
started <- proc.time()[["elapsed"]]
tell <- function(...) {
  cat(sprintf("%5.1f s  %s\n", proc.time()[["elapsed"]] - started,
              sprintf(...)))
}

# ---- Studies -----------------------------------------------------------------

# The same seed throughout, the paper's number: studies with resample = "all"
# see the same prompts.
study_seed <- 250613593
repetitions <- 20
budgets <- seq(10, 10000, length.out = 10)
run <- function(...) {
  simulate_study(..., repetitions = repetitions, seed = study_seed,
                 workers = workers)
}
grid <- function(method, budget, cap_ratio = 100, hazard = "paper",
                 alpha = 0.1) {
  expand.grid(alpha = alpha, cap_ratio = cap_ratio, budget = budget,
              method = method, hazard = hazard, stringsAsFactors = FALSE)
}

# Experiments 1, 2 and 4 are parts of one study: prompts and training are most
# of the work, and one audit serves all values of alpha.
methods <- c("uncalibrated", "naive", "naive_fresh", "basic", "trimmed",
             "optimized")
kept <- new.env()
shared_study <- function() {
  if (is.null(kept$shared)) {
    plans <- rbind(
      grid(methods, budgets, alpha = c(0.05, 0.1, 0.15, 0.2)),
      grid(c("trimmed", "optimized"), 1000, 2^(1:14)),
      grid(c("uncalibrated", "optimized"), budgets, hazard = "default")
    )
    kept$shared <- run(
      plans = plans,
      hazards = list(paper = fit_paper_hazard, default = fit_hazard)
    )
  }
  kept$shared
}

save_runs <- function(runs, name) {
  file <- file.path(output, paste0(name, ".csv"))
  utils::write.csv(as.data.frame(runs), file, row.names = FALSE)
  tell("%s: %s runs", name, format(nrow(runs), big.mark = ","))
}

# ---- Figures -----------------------------------------------------------------

# One plot for each metric, side by side, with one legend.
save_figure <- function(runs, name, metrics, width = 4.2 * length(metrics) + 1,
                        height = 4) {
  plots <- lapply(metrics, function(metric) {
    ggplot2::autoplot(runs, metric)
  })
  last <- length(plots)
  plots[-last] <- lapply(plots[-last], function(plot) {
    plot + ggplot2::theme(legend.position = "none")
  })
  grDevices::png(file.path(output, paste0(name, ".png")), width, height, "in",
                 res = 100)
  on.exit(grDevices::dev.off())
  legend <- 1.2
  widths <- c(rep(1, last - 1), 1 + legend * last / (width - legend))
  grid::grid.newpage()
  grid::pushViewport(grid::viewport(
    layout = grid::grid.layout(1, last, widths = widths)
  ))
  for (i in seq_along(plots)) {
    print(plots[[i]], newpage = FALSE,
          vp = grid::viewport(layout.pos.row = 1, layout.pos.col = i))
  }
}

# ---- Comparison --------------------------------------------------------------

# The reference's cells of one experiment beside ours, on its metric and grid.
# Tolerance: three standard errors of the difference. The last term is that of
# the reference's one test set.
compare <- function(runs, file, experiment) {
  reference <- utils::read.csv(here(file.path("reference", file)))
  # The published names of what is `cap_ratio` and "naive_fresh" here.
  names(reference)[names(reference) == "max_weight"] <- "cap_ratio"
  reference$method[reference$method == "naive"] <- "naive_fresh"
  ours <- summary(runs)
  ours <- ours[ours$hazard == "paper", ]
  keys <- intersect(c("method", "alpha", "budget", "cap_ratio"),
                    names(reference))
  both <- merge(reference, ours, by = keys, sort = FALSE)
  stopifnot(nrow(both) == nrow(reference))
  both$experiment <- experiment
  both$difference <- both$grid_coverage - both$coverage_mean
  both$tolerance <- 3 * sqrt(
    both$coverage_sd.x^2 / 20 + both$grid_coverage_sd^2 / both$repetitions +
      0.0023^2
  )
  both$within <- abs(both$difference) <= both$tolerance
  both$reference_coverage_sd <- both$coverage_sd.x
  both$coverage_sd <- both$coverage_sd.y
  at <- do.call(order, unname(both[keys]))
  both[at, ]
}

here <- function(file) {
  script <- grep("^--file=", commandArgs(FALSE), value = TRUE)
  file.path(dirname(sub("^--file=", "", script[1])), file)
}
