# fit_hazard() beside cross-validated ridge on invented embeddings: rows of unit
# length, a decaying spectrum, a signal over many directions. usage: Rscript
# bench/hazard-wide.R [repetitions]   (writes bench/hazard-wide.md)

library(timetounsafe)
repetitions <- as.integer(c(commandArgs(TRUE), "1")[1])
cells <- data.frame(n = c(1000, 3000, 2000), d = c(384, 384, 768))

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
      q <- pmin(pmax(q, 1e-12), 1 - 1e-12)
      results[[length(results) + 1L]] <- data.frame(
        cell = sprintf("%d x %d", n, cells$d[i]), model, seconds,
        explained = 1 - lost(p, q) / lost(p, mean(unsafe) / 50),
        slope = stats::coef(stats::lm(log(p) ~ log(q)))[[2]]
      )
    }
  }
}
results <- do.call(rbind, results)
means <- aggregate(cbind(explained, slope, seconds) ~ model + cell, results,
                   mean)

row <- function(...) paste0("| ", paste(..., sep = " | "), " |")
lines <- c(
  "# Hazards from wide matrices", "",
  sprintf("%s; glmnet %s. Means over %d; from `bench/hazard-wide.R %d`.",
          R.version.string, packageVersion("glmnet"), repetitions,
          repetitions), "",
  row("prompts x columns", "model", "explained", "slope", "CPU seconds"),
  "|:--|:--|--:|--:|--:|",
  row(means$cell, means$model, sprintf("%.3f", means$explained),
      sprintf("%.2f", means$slope), sprintf("%.2f", means$seconds))
)
writeLines(lines, "bench/hazard-wide.md")
writeLines(lines)
