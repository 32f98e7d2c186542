# Screening draws on recorded draws of a real model: certified bounds with and
# without, at equal draws paid. usage: TIMETOUNSAFE_DATA=folder Rscript
# bench/screening.R [splits]   (the folder has llm/; writes bench/screening.md)

source("bench/shared/recorded.R")
core <- asNamespace("timetounsafe")
splits <- as.integer(c(commandArgs(TRUE), "20")[1])
most <- 33
data <- read_recorded()
counted <- count_judges(data)
x <- data$features$attributes
n <- nrow(x)
parts <- c(train = 700, calibrate = 900)

# ---- Hazards that draws follow -----------------------------------------------

# list(bootstrap, posterior): the recorded rates, or hazards as they may be
# given the records, which are never 0.
hazards_of <- function(unsafe) {
  fit <- fit_hazard(x, cbind(unsafe, counted$draws - unsafe))
  p <- fit$out_of_fold
  m <- core$precision_at(fit$precision_rule, p)
  list(bootstrap = unsafe / counted$draws,
       posterior = rbeta(n, p * m + unsafe,
                         (1 - p) * m + counted$draws - unsafe))
}

# ---- One calibration ---------------------------------------------------------

# `screen`: how many draws, NA for the geometric law of today.
one_run <- function(fit, at, truth, budget, screen) {
  screened <- function(i) {
    if (!is.na(screen)) {
      data.frame(unsafe = rbinom(length(i), screen, truth[i]), draws = screen)
    }
  }
  spent <- if (is.na(screen)) 0 else screen
  own <- screened(at$calibrate)
  plan_with <- function(cap) {
    suppressWarnings(plan_audit(
      fit, as.character(at$calibrate), budget - spent, x[at$calibrate, ],
      cap = cap, screened = own
    ))
  }
  plan <- plan_with(NULL)
  if (plan$cap[1] > most) {
    plan <- plan_with(most)
  }
  audit <- simulate_audit(plan, truth[at$calibrate])
  lpb <- suppressWarnings(calibrate_lpb(audit))
  bound <- predict(lpb, x[at$test, ], screened = screened(at$test))
  covered <- (1 - truth[at$test])^(bound - 1)
  third <- ceiling(3 * rank(predict(fit, x[at$test, ]), ties.method = "first") /
                     length(at$test))
  c(bound = mean(log(bound)), coverage = mean(covered),
    low = mean(covered[third == 1]), middle = mean(covered[third == 2]),
    high = mean(covered[third == 3]), cap = lpb$cap,
    paid = mean(plan$limit) + spent)
}

# Every split has plans without screening and with 8 draws of each prompt; a few
# have others, too.
screens <- c(NA, 0, 4, 8, 16)
budgets <- c(20, 40)
some <- min(6, splits)

one_split <- function(split, judge) {
  set.seed(split)
  unsafe <- counted$unsafe[[judge]]
  order <- sample.int(n)
  at <- list(train = order[seq_len(parts[["train"]])],
             calibrate = order[parts[["train"]] +
                                 seq_len(parts[["calibrate"]])])
  at$test <- setdiff(seq_len(n), unlist(at))
  fit <- fit_hazard(x[at$train, ],
                    cbind(unsafe, counted$draws - unsafe)[at$train, ])
  truths <- hazards_of(unsafe)
  cells <- expand.grid(screen = if (split <= some) screens else c(NA, 8),
                       budget = budgets, truth = names(truths),
                       stringsAsFactors = FALSE)
  found <- t(mapply(function(screen, budget, truth) {
    set.seed(1000 + split)
    one_run(fit, at, truths[[truth]], budget, screen)
  }, cells$screen, cells$budget, cells$truth))
  data.frame(split, judge, cells, found)
}
pairs <- expand.grid(split = seq_len(splits), judge = names(counted$unsafe),
                     stringsAsFactors = FALSE)
runs <- do.call(rbind, Map(one_split, pairs$split, pairs$judge))

# ---- The table and the picture -----------------------------------------------

runs$screen[is.na(runs$screen)] <- -1
summarise_cell <- function(r) {
  base <- runs[runs$screen == -1 & runs$judge == r$judge[1] &
                 runs$truth == r$truth[1] & runs$budget == r$budget[1] &
                 runs$split %in% r$split, ]
  gain <- r$bound - base$bound[match(r$split, base$split)]
  ratio <- exp(mean(gain))
  data.frame(
    truth = r$truth[1], judge = r$judge[1], budget = r$budget[1],
    screen = r$screen[1], splits = nrow(r), bound = exp(mean(r$bound)),
    ratio = ratio, error = ratio * stats::sd(gain) / sqrt(length(gain)),
    coverage = mean(r$coverage), low = mean(r$low), middle = mean(r$middle),
    high = mean(r$high), cap = mean(r$cap), paid = mean(r$paid)
  )
}
cells <- do.call(rbind, lapply(
  split(runs, ~ screen + budget + judge + truth), summarise_cell
))

lines <- c(
  "# Screening draws on recorded draws of a real model", "",
  sprintf(paste(
    "%s; one run of `bench/screening.R %d`. %d prompts train, %d calibrate,",
    "the rest test; attributes as features; certified bounds, alpha = delta =",
    "0.1, cap chosen by the plan, at most %d; draws are paid for screening and",
    "audit together. Ratio: geometric mean of the bound over that without",
    "screening, by splits (standard error; splits overlap). Low, middle, high:",
    "coverage by thirds of the hazard that features predict. \"0\" has the law",
    "of prompts that differ, and no screening draws."
  ), R.version.string, splits, parts[["train"]], parts[["calibrate"]], most), ""
)
names_of_truth <- c(
  bootstrap = "Recorded draws, drawn with replacement:",
  posterior = paste("Hazards drawn from what the records leave of them (none",
                    "is 0):")
)
for (truth in names(names_of_truth)) {
  one <- cells[cells$truth == truth, ]
  lines <- c(
    lines, names_of_truth[[truth]], "",
    md_row("judge", "draws paid", "screening", "splits", "bound", "ratio",
           "coverage", "low", "middle", "high", "cap"),
    "|:--|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|",
    md_row(one$judge, sprintf("%.1f", one$paid),
           ifelse(one$screen < 0, "none", one$screen), one$splits,
           sprintf("%.2f", one$bound),
           ifelse(one$screen < 0, "1",
                  sprintf("%.2f (%.2f)", one$ratio, one$error)),
           sprintf("%.3f", one$coverage), sprintf("%.3f", one$low),
           sprintf("%.3f", one$middle), sprintf("%.3f", one$high),
           sprintf("%.0f", one$cap)), ""
  )
}

picture <- function() {
  judges <- unique(cells$judge)
  graphics::par(mfrow = c(1, 2), mar = c(4, 4, 2, 1), las = 1)
  for (judge in judges) {
    one <- cells[cells$judge == judge & cells$truth == "bootstrap" &
                   cells$screen >= 0, ]
    graphics::plot(NULL, xlim = c(0, 16),
                   ylim = c(0.9, max(cells$ratio) * 1.05), main = judge,
                   xlab = "screening draws",
                   ylab = "bound over that without", font.main = 1)
    graphics::abline(h = 1, col = "grey70")
    for (k in seq_along(budgets)) {
      line <- one[one$budget == budgets[k], ]
      line <- line[order(line$screen), ]
      graphics::lines(line$screen, line$ratio, lty = k, type = "b", pch = 19)
      graphics::segments(line$screen, line$ratio - line$error, line$screen,
                         line$ratio + line$error)
    }
    graphics::legend("topleft", paste(budgets, "draws a prompt"), lty = 1:2,
                     bty = "n")
  }
}
save_report("screening", lines[-length(lines)], list(screening = picture))
