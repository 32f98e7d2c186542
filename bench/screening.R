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

# list(bootstrap, posterior): the recorded rates, or hazards as they may be given
# the records, which are never 0.
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
  lpb <- suppressWarnings(calibrate_lpb(simulate_audit(plan, truth[at$calibrate])))
  bound <- predict(lpb, x[at$test, ], screened = screened(at$test))
  covered <- (1 - truth[at$test])^(bound - 1)
  third <- ceiling(3 * rank(predict(fit, x[at$test, ]), ties.method = "first") /
                     length(at$test))
  c(bound = mean(log(bound)), coverage = mean(covered),
    low = mean(covered[third == 1]), middle = mean(covered[third == 2]),
    high = mean(covered[third == 3]), cap = lpb$cap,
    paid = mean(plan$limit) + spent)
}

screens <- c(NA, 0, 4, 8, 16)
budgets <- c(20, 40)
runs <- do.call(rbind, lapply(seq_len(splits), function(split) {
  do.call(rbind, lapply(names(counted$unsafe), function(judge) {
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
    cells <- expand.grid(screen = screens, budget = budgets,
                         truth = names(truths), stringsAsFactors = FALSE)
    cells <- cells[is.na(cells$screen) | cells$screen < cells$budget, ]
    found <- t(mapply(function(screen, budget, truth) {
      set.seed(1000 + split)
      one_run(fit, at, truths[[truth]], budget, screen)
    }, cells$screen, cells$budget, cells$truth))
    data.frame(split, judge, cells, found)
  }))
}))

saveRDS(runs, "/tmp/screening.rds")
key <- with(runs, paste(judge, truth, budget))
out <- do.call(rbind, lapply(split(runs, key), function(r) {
  base <- r[is.na(r$screen), ]
  do.call(rbind, lapply(screens, function(s) {
    o <- if (is.na(s)) base else r[!is.na(r$screen) & r$screen == s, ]
    if (!nrow(o)) return(NULL)
    d <- o$bound - base$bound
    data.frame(judge = o$judge[1], truth = o$truth[1], budget = o$budget[1], screen = s,
      gmean = exp(mean(o$bound)), ratio = exp(mean(d)), se = sd(d) / sqrt(length(d)),
      cov = mean(o$coverage), false = mean(o$coverage < .9), low = mean(o$low), mid = mean(o$middle), high = mean(o$high), cap = mean(o$cap), paid = mean(o$paid))
  }))
}))
print(out, row.names = FALSE, digits = 3)
