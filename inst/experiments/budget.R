# Experiment 1: the budget, from 10 to 10,000 draws per prompt, at a target of
# 90%. usage: Rscript budget.R [output folder] [workers]

if (!exists("shared_study")) {
  script <- grep("^--file=", commandArgs(FALSE), value = TRUE)[1]
  source(file.path(dirname(sub("^--file=", "", script)), "common.R"))
}

kept$budget <- subset(shared_study(), budget != 1000 & alpha == 0.1)
save_runs(kept$budget, "budget")
save_figure(subset(kept$budget, hazard == "paper"), "budget",
            c("coverage", "draws_allowed", "mean_bound"))
two <- subset(kept$budget, method %in% c("uncalibrated", "optimized"))
save_figure(two, "budget-hazards",
            c("coverage_hard", "coverage_low", "gmean_bound"), height = 5)
