# Experiment 2: cap_ratio, the largest mean weight, from 2 to 16,384, at a
# budget of 1,000.
# usage: Rscript max-weight.R [output folder] [workers]

if (!exists("shared_study")) {
  script <- grep("^--file=", commandArgs(FALSE), value = TRUE)[1]
  source(file.path(dirname(sub("^--file=", "", script)), "common.R"))
}

kept$cap_ratio <- subset(shared_study(), budget == 1000 & alpha == 0.1)
save_runs(kept$cap_ratio, "max-weight")
save_figure(kept$cap_ratio, "max-weight",
            c("coverage", "mean_bound", "gmean_bound"))
