# Experiment 1: the budget, from 10 to 10,000 draws per prompt, at a target of
# 90%. usage: Rscript budget.R [output folder] [workers]

if (!exists("budget_sweep")) {
  script <- grep("^--file=", commandArgs(FALSE), value = TRUE)[1]
  source(file.path(dirname(sub("^--file=", "", script)), "common.R"))
}

sweep <- budget_sweep()
sweep <- sweep[sweep$alpha == 0.1, ]
default <- run(c("uncalibrated", "optimized"), budgets,
               hazards = list(default = fit_hazard))
kept$budget <- rbind(sweep, default)

save_runs(kept$budget, "budget")
save_figure(sweep, "budget", c("coverage", "allowed", "mean_bound"))
two <- kept$budget[kept$budget$method %in% c("uncalibrated", "optimized"), ]
save_figure(two, "budget-hazards",
            c("coverage_hard", "coverage_low", "geometric_mean"), height = 5)
