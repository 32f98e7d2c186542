# Experiment 4: nominal coverage of 95%, 85% and 80% over the budgets of
# experiment 1.
# usage: Rscript targets.R [output folder] [workers]

if (!exists("shared_study")) {
  script <- grep("^--file=", commandArgs(FALSE), value = TRUE)[1]
  source(file.path(dirname(sub("^--file=", "", script)), "common.R"))
}

kept$targets <- subset(
  shared_study(), budget != 1000 & alpha != 0.1 & hazard == "paper"
)
save_runs(kept$targets, "targets")
save_figure(kept$targets, "targets", "coverage", width = 11)
