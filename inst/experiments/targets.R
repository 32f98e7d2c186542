# Experiment 4: targets of 95%, 85% and 80% over the budgets of experiment 1.
# usage: Rscript targets.R [output folder] [workers]

if (!exists("budget_sweep")) {
  script <- grep("^--file=", commandArgs(FALSE), value = TRUE)[1]
  source(file.path(dirname(sub("^--file=", "", script)), "common.R"))
}

sweep <- budget_sweep()
kept$targets <- sweep[sweep$alpha != 0.1, ]
save_runs(kept$targets, "targets")
save_figure(kept$targets, "targets", "coverage", width = 11)
