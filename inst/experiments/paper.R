# The paper's synthetic study, all four experiments, with figures and a table
# beside the numbers of the published implementation.
# usage: Rscript inst/experiments/paper.R [output folder] [workers]

script <- grep("^--file=", commandArgs(FALSE), value = TRUE)[1]
folder <- dirname(sub("^--file=", "", script))
source(file.path(folder, "common.R"))
for (experiment in c("budget", "max-weight", "resplit", "targets")) {
  source(file.path(folder, paste0(experiment, ".R")))
}

# ---- Beside the reference ----------------------------------------------------

compared <- list(
  budget = compare(kept$budget, "synthetic_budget_sweep.csv", "budget"),
  cap_ratio = compare(kept$cap_ratio, "synthetic_max_weight_sweep.csv",
                      "cap_ratio"),
  targets = compare(kept$targets, "synthetic_targets.csv", "targets")
)
columns <- c("experiment", "method", "alpha", "budget", "cap_ratio", "within")
cells <- do.call(rbind, lapply(compared, function(part) part[columns]))
within <- tapply(cells$within, cells[c("method", "experiment")], function(v) {
  sprintf("%d of %d", sum(v), length(v))
})
within[is.na(within)] <- "-"

# ---- The document ------------------------------------------------------------

markdown_table <- function(table) {
  is_text <- names(table) %in% c("experiment", "hazard", "method")
  c(paste("|", paste(names(table), collapse = " | "), "|"),
    paste0("|", paste(ifelse(is_text, ":--|", "--:|"), collapse = "")),
    do.call(paste, c("|", unname(Map(paste, table, "|")))))
}
count <- function(x) {
  trimws(format(round(x), big.mark = ",", scientific = FALSE))
}
fixed <- function(x, digits = 4) trimws(formatC(x, digits, format = "f"))

beside <- function(part, setting) {
  markdown_table(data.frame(
    method = part$method, alpha = part$alpha,
    setting = count(part[[setting]]),
    `reference coverage` = fixed(part$coverage_mean),
    sd = fixed(part$reference_coverage_sd),
    `ours, its metric` = fixed(part$grid_coverage),
    `sd ` = fixed(part$grid_coverage_sd),
    difference = fixed(part$difference), tolerance = fixed(part$tolerance),
    within = ifelse(part$within, "yes", "**no**"),
    `reference mean bound` = count(part$lpb_mean),
    `ours, its metric ` = count(part$grid_mean_bound),
    `coverage P(T >= L)` = fixed(part$coverage),
    `sd  ` = fixed(part$coverage_sd),
    `hard tenth` = fixed(part$coverage_hard, 3),
    `geometric mean` = fixed(part$gmean_bound, 1),
    check.names = FALSE
  ))
}

# Means over repetitions of the cells that a sentence is about.
ours <- summary(rbind(kept$budget, kept$targets))
at <- function(column, method, budget, alpha = 0.1, hazard = "paper",
               digits = 3) {
  row <- ours$method == method & ours$budget == budget & ours$alpha == alpha &
    ours$hazard == hazard
  fixed(ours[[column]][row], digits)
}
range_of <- function(column, method, digits = 3) {
  rows <- ours$method == method & ours$alpha == 0.1 & ours$hazard == "paper"
  paste(fixed(range(ours[[column]][rows]), digits), collapse = " to ")
}
headline <- do.call(rbind, lapply(c("paper", "default"), function(hazard) {
  rows <- ours[ours$hazard == hazard & ours$alpha == 0.1 & (
    ours$method == "optimized" & ours$budget %in% budgets[c(1, 2, 10)] |
      ours$method == "uncalibrated" & ours$budget == 10
  ), ]
  rows <- rows[order(rows$method != "uncalibrated", rows$budget), ]
  data.frame(
    hazard = hazard, method = rows$method,
    budget = ifelse(rows$method == "uncalibrated", "-", count(rows$budget)),
    coverage = sprintf("%.3f (%.3f)", rows$coverage, rows$coverage_sd),
    `hard tenth` = fixed(rows$coverage_hard, 2),
    `lowest third` = fixed(rows$coverage_low, 2),
    `middle third` = fixed(rows$coverage_middle, 2),
    `highest third` = fixed(rows$coverage_high, 2),
    `mean bound` = count(rows$mean_bound),
    `geometric mean` = fixed(rows$gmean_bound, 1),
    `draws made` = count(rows$draws_made), check.names = FALSE
  )
}))

# Where a cell lies outside: by how many standard errors.
outside <- do.call(rbind, lapply(compared, function(part) {
  part <- part[!part$within, ]
  data.frame(
    experiment = part$experiment, method = part$method, alpha = part$alpha,
    budget = count(part$budget), cap_ratio = part$cap_ratio,
    difference = fixed(part$difference),
    `standard errors` = fixed(3 * part$difference / part$tolerance, 2),
    check.names = FALSE
  )
}))
mean_difference <- vapply(c("trimmed", "optimized"), function(method) {
  mean(unlist(lapply(compared, function(part) {
    part$difference[part$method == method]
  })))
}, 0)
elapsed <- proc.time()[["elapsed"]] - started
runs <- nrow(shared_study()) + nrow(kept$resplit)

# A paragraph of Markdown from pieces of text.
text <- function(...) c(paste(...), "")

writeLines(c(
  "# The synthetic study beside the published implementation", "",
  text(
    count(runs), "runs on 100,000 prompts,", repetitions, "repetitions of each",
    "cell, in", round(elapsed), "s with", workers, "workers. Prompts, split",
    "and training are new in each repetition; the reference has one split and",
    "one trained model. \"Its metric\" is the published one: tau on a grid",
    "of 300, 1 - F(L) for the coverage, and the smallest tau where none is",
    "feasible. The tolerance is three standard errors of the difference,",
    "`3 * sqrt(sd_ref^2 / 20 + sd_ours^2 / 20 + 0.0023^2)`; the last term is",
    "that of the reference's one test set."
  ),
  "## Cells within tolerance", "",
  markdown_table(data.frame(method = rownames(within), within,
                            check.names = FALSE)), "",
  if (nrow(outside) > 0) c("Outside:", "", markdown_table(outside), ""),
  text(
    "Of cells that agree, one in 370 lies outside. They are not independent:",
    "all of the reference share one population and test set, so that their",
    "differences from ours go together. On average they are",
    fixed(mean_difference[["trimmed"]]), "for trimmed and",
    fixed(mean_difference[["optimized"]]), "for optimized, while our coverage",
    "P(T >= L) is nominal in both."
  ),
  "## Headline", "",
  text(
    "Nominal coverage 0.9, mean (standard deviation) over repetitions, on the",
    "exact path with P(T >= L)."
  ),
  markdown_table(headline), "",
  text(
    "With the paper's net the mean bound grows with the budget while the",
    "geometric mean, the bound of a typical prompt, falls: long bounds for the",
    "hard tenth, on which the net is overconfident, cost all other prompts",
    "some of theirs. Coverage is right on average, but not on the hard tenth."
  ),
  "## Naive", "",
  text(
    "The reference draws a new horizon for each of its 300 values of tau,",
    "which no audit can do: `naive_fresh` here. Its noise makes the first",
    "excess over alpha come early: coverage",
    at("coverage", "naive_fresh", 1120), "at budget 1,120 and",
    at("coverage", "naive_fresh", 10000), "at 10,000",
    "look conservative. With one horizon for each prompt, as in a real audit,",
    "coverage is", range_of("coverage", "naive"), "over the ten budgets",
    "(`naive`, with event-time weights). At budget 10 hardly any prompt is",
    "followed far enough to fail:", at("coverage", "naive", 10), "against",
    at("coverage", "uncalibrated", 10), "without calibration. The estimate is",
    "unbiased but heavy-tailed, mostly too low and sometimes far too high, and",
    "a bound selected by it misses the nominal coverage."
  ),
  "## Basic", "",
  text(
    "Without a cap the weights are heavy-tailed, too: coverage",
    range_of("coverage", "basic"), "over the ten budgets, with standard",
    "deviations of", paste0(range_of("coverage_sd", "basic"), "."), "How heavy",
    "depends on the hazards that the trained net gives the hard tenth, which",
    "differ much between trainings; the reference has one."
  ),
  "## Every cell", "", "### Budget", "",
  beside(compared$budget, "budget"), "",
  "### Cap ratio (largest mean weight)", "",
  beside(compared$cap_ratio, "cap_ratio"), "",
  "### Values of alpha", "", beside(compared$targets, "budget")
), file.path(output, "comparison.md"))

# The table of vignette("synthetic-study"), see tools/tables.R.
short <- headline[!grepl("third$", names(headline))]
short$hazard <- c(paper = "the paper's net", default = "`fit_hazard()`")[
  short$hazard
]
writeLines(c(
  "# The paper's synthetic study", "",
  text("Nominal coverage 0.9; mean (standard deviation) over repetitions."),
  markdown_table(short)
), file.path(output, "headline.md"))

tell("within tolerance: %s; see %s", paste(vapply(
  split(cells$within, cells$method),
  function(v) sprintf("%d of %d", sum(v), length(v)), ""
), sort(unique(cells$method)), collapse = ", "),
file.path(output, "comparison.md"))
