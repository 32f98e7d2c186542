# Experiment 3: the budgets of experiment 1 on one population and one trained
# model, with calibration and test prompts split again in every repetition.
# usage: Rscript resplit.R [output folder] [workers]

if (!exists("shared_study")) {
  script <- grep("^--file=", commandArgs(FALSE), value = TRUE)[1]
  source(file.path(dirname(sub("^--file=", "", script)), "common.R"))
}

kept$resplit <- run(methods, budgets, resample = "split")
save_runs(kept$resplit, "resplit")
save_figure(kept$resplit, "resplit",
            c("coverage", "draws_allowed", "mean_bound"))
