# What a budget gains: advise_budget() for the paper's population and the
# default hazard estimate. usage: Rscript bench/advise.R   (writes
# bench/advise.md)

library(timetounsafe)
set.seed(1)

training <- simulate_prompts(45000)
hazard <- fit_hazard(
  training$x, cbind(training$unsafe, training$draws - training$unsafe)
)
newdata <- simulate_prompts(20000)$x
advise <- function(n, budget) {
  advice <- advise_budget(hazard, newdata, budget, n = n)
  as.data.frame(advice)
}
table <- rbind(
  advise(200, c(20, 100, 500)), advise(1000, c(20, 100)),
  advise(5000, c(5, 20, 100))
)

count <- function(x) format(x, big.mark = ",", trim = TRUE)
row <- function(...) paste0("| ", paste(..., sep = " | "), " |")
lines <- c(
  "# What a budget gains", "",
  sprintf(paste(
    "%s. The paper's population, default hazard estimate, alpha = 0.1,",
    "delta = 0.1. One run of `bench/advise.R`. The cap is the one that",
    "plan_audit() chooses. n_min: the fewest prompts that can be certified at",
    "this budget and cap. Bounds are geometric means."
  ), R.version.string), "",
  row("n", "budget", "cap", "n_min", "certified: coverage",
      "certified: bound", "marginal: bound"),
  "|--:|--:|--:|--:|--:|--:|--:|",
  with(table, row(
    count(n), count(budget), count(cap), count(n_min),
    sprintf("%.3f", coverage), sprintf("%.1f", gmean_bound),
    sprintf("%.1f", gmean_bound_marginal)
  ))
)
writeLines(lines, "bench/advise.md")
writeLines(lines)
