# fit_hazard() beside cross-validated ridge on invented embeddings: rows of unit
# length, a decaying spectrum, a signal over many directions; and the certified
# bounds that follow. usage: Rscript bench/hazard-wide.R [repetitions] [audits]
# (writes bench/hazard-wide.md; 0 audits: without bounds)

library(timetounsafe)
numbers <- as.integer(commandArgs(TRUE))
repetitions <- c(numbers, 3)[1]
audits <- c(numbers[-1], 20)[1]
cells <- data.frame(n = c(1000, 3000, 2000, 5000, 2000, 5000),
                    d = c(384, 384, 768, 768, 1536, 3072))

# ---- Worlds ------------------------------------------------------------------

hazard_of <- function(eta) -expm1(-exp(eta))
at_rate <- function(eta, rate) {
  excess <- function(by) mean(hazard_of(eta + by)) - rate
  hazard_of(eta + stats::uniroot(excess, c(-30, 10), tol = 1e-10)$root)
}
normal <- function(n, d) matrix(rnorm(n * d), n)

# 2,000 rows after the n of training are for the test.
make_world <- function(n, d) {
  rows <- n + 2000
  z <- normal(rows, d) * rep((1:d)^-0.5, each = rows)
  z <- z / sqrt(rowSums(z^2))
  eta <- drop(z %*% (rnorm(d) * (1:d)^-0.3))
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
  for (repetition in seq_len(repetitions)) {
    set.seed(repetition)
    n <- cells$n[i]
    world <- make_world(n, cells$d[i])
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
        n, d = cells$d[i], model, seconds,
        explained = 1 - lost(p, q) / lost(p, mean(unsafe) / 50),
        slope = stats::coef(stats::lm(log(p) ~ log(q)))[[2]]
      )
    }
  }
}
results <- do.call(rbind, results)
means <- aggregate(cbind(explained, slope, seconds) ~ model + d + n, results,
                   mean)
means <- means[order(means$d, means$n), ]
other <- match(paste(means$n, means$d),
               paste(means$n, means$d)[means$model != "default"])
means$ratio <- means$seconds[means$model != "default"][other] / means$seconds

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
bounds <- do.call(rbind, bounds)

# ---- Tables ------------------------------------------------------------------

row <- function(...) paste0("| ", paste(..., sep = " | "), " |")
lines <- c(
  "# Hazards from wide matrices", "",
  sprintf(paste("%s; glmnet %s; BLAS %s. Means over %d; from",
                "`bench/hazard-wide.R %d %d`. Last column: CPU seconds of",
                "cv.glmnet, divided by these."),
          R.version.string, packageVersion("glmnet"),
          basename(extSoftVersion()[["BLAS"]]), repetitions, repetitions,
          audits), "",
  row("prompts x columns", "model", "explained", "slope", "CPU seconds",
      "times faster"),
  "|:--|:--|--:|--:|--:|--:|",
  row(sprintf("%d x %d", means$n, means$d), means$model,
      sprintf("%.3f", means$explained), sprintf("%.2f", means$slope),
      sprintf("%.2f", means$seconds), sprintf("%.1f", means$ratio)),
  if (audits > 0) c(
    "",
    paste("Certified bounds that follow, geometric mean over prompts, with",
          "Monte Carlo error: 384 columns, 1,000 calibration prompts, 20 draws",
          "a prompt."), "",
    row("training prompts", "hazard", "slope", "bound", "error"),
    "|--:|:--|--:|--:|--:|",
    row(bounds$n, bounds$model, sprintf("%.2f", bounds$slope),
        sprintf("%.2f", bounds$size), sprintf("%.2f", bounds$error))
  )
)
writeLines(lines, "bench/hazard-wide.md")
writeLines(lines)
