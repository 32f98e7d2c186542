# fit_hazard() beside cross-validated ridge on invented embeddings: rows of unit
# length, a decaying spectrum, a signal over many directions, or over ten of the
# leading hundred, all of them hidden by a rotation; and the certified bounds
# that follow. usage: Rscript bench/hazard-wide.R [repetitions] [audits]
# Once for each BLAS: each run leaves its numbers in build/hazard-wide/, and
# writes bench/hazard-wide.md of all that are there. 0 repetitions: only that; 0
# audits: no new bounds. The largest cell has one repetition.

library(timetounsafe)
numbers <- as.integer(commandArgs(TRUE))
repetitions <- c(numbers, 3)[1]
audits <- c(numbers[-1], 20)[1]
open <- grepl("openblas", extSoftVersion()[["BLAS"]])
blas <- if (open) "openblas" else "blas"
folder <- "build/hazard-wide"
dir.create(folder, recursive = TRUE, showWarnings = FALSE)
cells <- data.frame(n = c(1000, 3000, 1000, 3000, 2000, 5000, 2000, 5000),
                    d = c(384, 384, 384, 384, 768, 768, 1536, 3072),
                    signal = c("many", "many", "few", "few", rep("many", 4)))

# ---- Worlds ------------------------------------------------------------------

hazard_of <- function(eta) -expm1(-exp(eta))
at_rate <- function(eta, rate) {
  excess <- function(by) mean(hazard_of(eta + by)) - rate
  hazard_of(eta + stats::uniroot(excess, c(-30, 10), tol = 1e-10)$root)
}
normal <- function(n, d) matrix(rnorm(n * d), n)

# 2,000 rows after the n of training are for the test.
make_world <- function(n, d, signal = "many") {
  rows <- n + 2000
  z <- normal(rows, d) * rep((1:d)^-0.5, each = rows)
  z <- z / sqrt(rowSums(z^2))
  effect <- rnorm(d) * (1:d)^-0.3
  if (signal == "few") {
    effect[-sample.int(100, 10)] <- 0
  }
  eta <- drop(z %*% effect)
  list(x = z %*% qr.Q(qr(normal(d, d))),
       prob = at_rate(1.3 * eta / sd(eta), 0.02))
}

# The mean log-likelihood of a draw that is lost by q where p is true.
lost <- function(p, q) {
  mean(p * log(p / q) + (1 - p) * log((1 - p) / (1 - q)))
}

default <- function(x, y, new) predict(fit_hazard(x, y), new)
ridge <- function(x, y, new) {
  model <- glmnet::cv.glmnet(x, y[, 2:1], family = "binomial", nfolds = 5,
                             alpha = 0)
  as.vector(predict(model, new, s = "lambda.min", type = "response"))
}
models <- list(default = default, "cv.glmnet, ridge" = ridge)

within <- function(q) pmin(pmax(q, 1e-12), 1 - 1e-12)

# ---- Fits --------------------------------------------------------------------

# Once for all: what R loads on the way must not be timed.
small <- make_world(100, 60)
small_y <- cbind(rbinom(100, 50, small$prob[1:100]), 50)
for (model in models) {
  model(small$x[1:100, ], small_y, small$x)
}

results <- list()
for (i in seq_len(nrow(cells))) {
  largest <- cells$n[i] * cells$d[i] > 1e7
  for (repetition in seq_len(min(repetitions, if (largest) 1 else Inf))) {
    set.seed(repetition)
    n <- cells$n[i]
    world <- make_world(n, cells$d[i], cells$signal[i])
    train <- seq_len(n)
    unsafe <- rbinom(n, 50, world$prob[train])
    p <- world$prob[-train]
    for (model in names(models)) {
      set.seed(repetition)
      seconds <- system.time(q <- models[[model]](
        world$x[train, ], cbind(unsafe, 50 - unsafe), world$x[-train, ]
      ))[["user.self"]]
      q <- within(q)
      results[[length(results) + 1L]] <- data.frame(
        n, d = cells$d[i], signal = cells$signal[i], model, blas, repetition,
        seconds,
        explained = 1 - lost(p, q) / lost(p, mean(unsafe) / 50),
        slope = stats::coef(stats::lm(log(p) ~ log(q)))[[2]]
      )
    }
  }
  if (repetitions > 0) {
    utils::write.csv(do.call(rbind, results), row.names = FALSE,
                     file.path(folder, paste0(blas, ".csv")))
  }
}

# ---- Bounds ------------------------------------------------------------------

# Certified bounds of the test prompts, as a geometric mean: half of them are
# audited, 20 draws a prompt, the others are bounded.
bound_of <- function(p, q, reference) {
  half <- sample(length(p), length(p) / 2)
  hazard <- as_hazard(function(newdata) newdata$q)
  plan <- plan_audit(hazard, as.character(half), 20, data.frame(q = q[half]),
                     reference = data.frame(q = reference))
  lpb <- calibrate_lpb(simulate_audit(plan, p[half]))
  mean(log(predict(lpb, data.frame(q = q[-half]))))
}

bounds <- list()
for (n in c(500, 2000, 5000) * (audits > 0)) {
  if (n == 0) {
    break
  }
  set.seed(n)
  world <- make_world(n, 384)
  train <- seq_len(n)
  unsafe <- rbinom(n, 50, world$prob[train])
  p <- world$prob[-train]
  for (model in c(names(models), "known hazard")) {
    q <- if (model == "known hazard") {
      p
    } else {
      within(models[[model]](world$x[train, ], cbind(unsafe, 50 - unsafe),
                             world$x[-train, ]))
    }
    set.seed(n)
    size <- replicate(audits, bound_of(p, q, q))
    bounds[[length(bounds) + 1L]] <- data.frame(
      n, model, size = exp(mean(size)),
      error = exp(mean(size)) * sd(size) / sqrt(audits),
      slope = stats::coef(stats::lm(log(p) ~ log(q)))[[2]]
    )
  }
}
if (audits > 0) {
  utils::write.csv(do.call(rbind, bounds), row.names = FALSE,
                   file.path(folder, "bounds.csv"))
}

# ---- Tables ------------------------------------------------------------------

read_all <- function(pattern) {
  files <- list.files(folder, pattern, full.names = TRUE)
  do.call(rbind, lapply(files, utils::read.csv))
}
runs <- read_all("blas[.]csv$")
bounds <- read_all("^bounds[.]csv$")
key <- function(x) paste(x$n, x$d, x$signal, x$model)
cell <- unique(runs[c("d", "n", "signal", "model")])
cell <- cell[order(cell$d, cell$signal != "many", cell$n, cell$model), ]
mean_of <- function(x, what) {
  as.vector(tapply(x[[what]], key(x), mean)[key(cell)])
}
# The shares are those of the reference BLAS, but for rounding the same.
reference <- runs[runs$blas == "blas", ]
explained <- mean_of(reference, "explained")
place <- paste(cell$n, cell$d, cell$signal)
rival <- match(place, ifelse(cell$model == "default", NA, place))
# Ours less theirs, world by world.
ours <- reference[reference$model == "default", ]
theirs <- reference[reference$model != "default", ]
paired <- ours$explained - theirs$explained
error <- tapply(paired, key(ours), function(x) stats::sd(x) / sqrt(length(x)))
error <- as.vector(error[key(cell)])
ahead <- ifelse(cell$model != "default", "", sprintf(
  "%+.3f%s", explained - explained[rival],
  ifelse(is.na(error), "", sprintf(" (%.3f)", error))
))
times <- lapply(unique(runs$blas), function(name) {
  seconds <- mean_of(runs[runs$blas == name, ], "seconds")
  faster <- ifelse(cell$model == "default",
                   sprintf(" (%.1f)", seconds[rival] / seconds), "")
  ifelse(is.na(seconds), "", sprintf("%.2f%s", seconds, faster))
})
row <- function(...) paste0("| ", paste(..., sep = " | "), " |")
lines <- c(
  "# Hazards from wide matrices", "",
  sprintf(paste("%s; glmnet %s. Means over %d worlds, one of 5,000 x 3,072;",
                "ahead: the default's share less ridge's, with the standard",
                "error of the paired differences. CPU seconds by the BLAS",
                "that R uses (\"blas\" is the reference one; \"openblas\"",
                "with one thread, %d world), and how many times faster than",
                "cv.glmnet. From `bench/hazard-wide.R`."),
          R.version.string, packageVersion("glmnet"),
          max(reference$repetition),
          max(0, runs$repetition[runs$blas != "blas"])), "",
  do.call(row, as.list(c("prompts x columns", "directions", "model",
                         "explained", "ahead", "slope",
                         paste("seconds,", unique(runs$blas))))),
  paste0("|:--|:--|:--|--:|--:|--:|", strrep("--:|", length(times))),
  do.call(row, c(list(sprintf("%d x %d", cell$n, cell$d), cell$signal,
                      cell$model,
                      sprintf("%.3f", explained), ahead,
                      sprintf("%.2f", mean_of(reference, "slope"))), times)),
  if (!is.null(bounds)) c(
    "",
    paste("Certified bounds that follow, geometric mean over prompts, with",
          "Monte Carlo error: 384 columns, many directions, 1,000 calibration",
          "prompts, 20 draws a prompt; of the last run that made audits."), "",
    row("training prompts", "hazard", "slope", "bound", "error"),
    "|--:|:--|--:|--:|--:|",
    row(bounds$n, bounds$model, sprintf("%.2f", bounds$slope),
        sprintf("%.2f", bounds$size), sprintf("%.2f", bounds$error))
  )
)
writeLines(lines, "bench/hazard-wide.md")
writeLines(lines)
