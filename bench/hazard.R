# Compares the default of fit_hazard() with the models that a user would reach
# for, on populations whose hazards are known. Equality where two of them must
# agree is checked first. usage: Rscript bench/hazard.R [repetitions]   (writes
# bench/hazard.md)

library(timetounsafe)
repetitions <- as.integer(c(commandArgs(TRUE), "3")[1])

# ---- Populations: features and hazards of training and test prompts ----------

hazard_of <- function(eta) -expm1(-exp(eta))

# Log hazards moved so that the mean hazard is `rate`.
at_rate <- function(eta, rate) {
  excess <- function(by) mean(hazard_of(eta + by)) - rate
  hazard_of(eta + stats::uniroot(excess, c(-30, 10), tol = 1e-10)$root)
}
normal <- function(n, d) matrix(rnorm(n * d), n)

populations <- list(
  "the paper's" = function() {
    data <- simulate_prompts(55000)
    list(x = data$x, prob = data$prob, draws = 500, n = 45000)
  },
  "linear" = function() {
    x <- normal(15000, 10)
    eta <- x %*% c(1, -0.7, 0.5, 0.3, -0.2, 0.1, 0, 0, 0, 0)
    list(x = x, prob = at_rate(eta, 0.01), draws = 100, n = 5000)
  },
  "additive" = function() {
    x <- matrix(runif(150000, -2, 2), 15000)
    eta <- 2 * sin(2 * x[, 1]) + x[, 2]^2 - 1.5 * abs(x[, 3]) +
      2 * (x[, 4] > 0.5) + 0.5 * x[, 5]
    list(x = x, prob = at_rate(eta, 0.01), draws = 100, n = 5000)
  },
  "interactions" = function() {
    x <- normal(15000, 10)
    eta <- 0.5 * x[, 1] + x[, 1] * x[, 2] + 0.8 * x[, 3] +
      1.5 * (x[, 4] > 0 & x[, 5] > 0) - 0.7 * x[, 6] * x[, 7]
    list(x = x, prob = at_rate(eta, 0.01), draws = 100, n = 5000)
  },
  "steps" = function() {
    x <- matrix(runif(90000), 15000)
    prob <- ifelse(x[, 1] > 0.5 & x[, 2] > 0.5, 0.05,
                   ifelse(x[, 3] > 0.7, 0.01, 0.001))
    list(x = x, prob = prob, draws = 200, n = 5000)
  },
  "10 of 300" = function() {
    x <- normal(13000, 300)
    effects <- c(1, -0.8, 0.6, 0.5, -0.5, 0.4, -0.3, 0.3, 0.2, -0.2)
    eta <- x[, 1:10] %*% effects
    list(x = x, prob = at_rate(eta, 0.01), draws = 50, n = 3000)
  },
  "rare events" = function() {
    x <- normal(30000, 10)
    eta <- 0.8 * x[, 1] - 0.6 * x[, 2] + 0.4 * x[, 3]^2
    list(x = x, prob = at_rate(eta, 2e-4), draws = 50, n = 20000)
  },
  "heavy tails" = function() {
    x <- matrix(rt(78000, 2), 13000)
    eta <- 0.5 * pmin(3, pmax(-3, x[, 1])) + 0.3 * pmin(2, pmax(-2, x[, 2]))
    list(x = x, prob = at_rate(eta, 0.01), draws = 100, n = 3000)
  },
  "embedding" = function() {
    # 60 directions of falling size, seen through 768 noisy coordinates
    z <- normal(8000, 60) * rep((1:60)^-0.5, each = 8000)
    x <- z %*% (normal(60, 768) / sqrt(60)) + 0.15 * normal(8000, 768)
    eta <- z %*% rnorm(60)
    list(x = x, prob = at_rate(1.3 * eta / sd(eta), 0.02), draws = 100,
         n = 3000)
  },
  "300 prompts" = function() {
    x <- normal(10300, 8)
    eta <- x[, 1:3] %*% c(1, -0.7, 0.5)
    list(x = x, prob = at_rate(eta, 0.02), draws = 20, n = 300)
  }
)

# ---- Models: a function of training data that returns a function of x --------

# The counts of each prompt, as all models take them.
count_outcomes <- function(unsafe, draws) cbind(unsafe, safe = draws - unsafe)

package_fit <- function(fit) {
  function(x, y) {
    model <- fit(x, y)
    function(newdata) predict(model, newdata)
  }
}
lasso_fit <- function(alpha) {
  function(x, y) {
    model <- glmnet::cv.glmnet(x, y[, c("safe", "unsafe")], nfolds = 5,
                               family = "binomial", alpha = alpha)
    function(newdata) {
      as.vector(predict(model, newdata, s = "lambda.min", type = "response"))
    }
  }
}
glm_fit <- function(x, y) {
  model <- stats::glm.fit(cbind(1, x), y, family = stats::binomial("cloglog"))
  function(newdata) {
    eta <- drop(cbind(1, newdata) %*% model$coefficients)
    hazard_of(pmin(3, eta))
  }
}
bam_fit <- function(x, y) {
  if (ncol(x) > 20) {
    return(NULL)
  }
  labels <- paste0("x", seq_len(ncol(x)))
  named <- function(x) stats::setNames(as.data.frame(x), labels)
  data <- cbind(named(x), y)
  terms <- paste0("s(", labels, ", k = 10)", collapse = " + ")
  model <- mgcv::bam(stats::as.formula(paste("cbind(unsafe, safe) ~", terms)),
                     stats::binomial("cloglog"), data, discrete = TRUE)
  function(newdata) {
    as.vector(stats::predict(model, named(newdata), type = "response"))
  }
}
models <- list(
  "default" = package_fit(fit_hazard),
  "stats::glm" = glm_fit,
  "glmnet, lasso" = lasso_fit(1),
  "glmnet, ridge" = lasso_fit(0),
  "mgcv::bam" = bam_fit,
  "the paper's MLP" = package_fit(fit_paper_hazard)
)

# ---- What is measured --------------------------------------------------------

# The mean log-likelihood of a draw that is lost by q where p is true: no noise
# of test draws, as p is known.
lost <- function(p, q) {
  safe <- ifelse(p < 1, (1 - p) * log((1 - p) / (1 - q)), 0)
  mean(p * log(p / q) + safe)
}

measure <- function(model, data, unsafe) {
  train <- seq_len(data$n)
  y <- count_outcomes(unsafe, data$draws)
  seconds <- system.time(
    predictor <- suppressWarnings(model(data$x[train, ], y))
  )[["user.self"]]
  if (is.null(predictor)) {
    return(NULL)
  }
  p <- data$prob[-train]
  q <- pmin(pmax(predictor(data$x[-train, ]), 1e-12), 1 - 1e-12)
  rate <- sum(unsafe) / sum(y)
  bound <- geometric_quantile(q, 0.1)
  coverage <- (1 - p)^(bound - 1)
  tenth <- ceiling(10 * rank(q, ties.method = "random") / length(q))
  by_tenth <- tapply(coverage, tenth, mean)
  data.frame(
    explained = 1 - lost(p, q) / lost(p, rate),
    slope = stats::coef(stats::lm(log(p) ~ log(q)))[[2]],
    coverage = mean(coverage), least = min(by_tenth), most = max(by_tenth),
    seconds = seconds
  )
}

# ---- Agreement ---------------------------------------------------------------

set.seed(1)
data <- populations$linear()
unsafe <- rbinom(data$n, data$draws, data$prob[seq_len(data$n)])
x <- data$x[seq_len(data$n), ]
y <- count_outcomes(unsafe, data$draws)
ours <- fit_hazard(x, y, penalty = 0, splines = 0, interactions = 0)
theirs <- glm_fit(x, y)
stopifnot(max(abs(ours$fitted / theirs(x) - 1)) < 1e-6)

# ---- All populations ---------------------------------------------------------

results <- list()
for (name in names(populations)) {
  for (repetition in seq_len(repetitions)) {
    set.seed(repetition)
    data <- populations[[name]]()
    unsafe <- rbinom(data$n, data$draws, data$prob[seq_len(data$n)])
    for (model in names(models)) {
      set.seed(repetition)
      values <- measure(models[[model]], data, unsafe)
      if (!is.null(values)) {
        results[[length(results) + 1L]] <-
          cbind(population = name, model = model, values)
      }
    }
  }
}
results <- do.call(rbind, results)
means <- aggregate(results[-(1:2)], results[2:1], mean)
medians <- aggregate(results["seconds"], results[2:1], stats::median)
means$seconds <- medians$seconds
means <- means[order(match(means$population, names(populations)),
                     match(means$model, names(models))), ]

# ---- The paper's population: the bound before any calibration ----------------

bounds <- list()
for (seed in 1:5) {
  set.seed(100 + seed)
  data <- simulate_prompts(100000)
  train <- data[1:45000, ]
  test <- data[90001:100000, ]
  for (model in c("default", "mgcv::bam", "the paper's MLP", "known hazard")) {
    set.seed(seed)
    known <- model == "known hazard"
    seconds <- if (known) 0 else system.time(
      predictor <- models[[model]](
        train$x, count_outcomes(train$unsafe, train$draws)
      )
    )[["user.self"]]
    q <- if (known) test$prob else predictor(test$x)
    bound <- geometric_quantile(q, 0.1)
    coverage <- (1 - test$prob)^(bound - 1)
    bounds[[length(bounds) + 1L]] <- data.frame(
      model = model, coverage = mean(coverage),
      hard = mean(coverage[test$hard]), rest = mean(coverage[!test$hard]),
      geometric = exp(mean(log(bound))), seconds = seconds
    )
  }
}
bounds <- do.call(rbind, bounds)
shown <- aggregate(. ~ model, bounds, mean)
shown$seconds <- aggregate(seconds ~ model, bounds, stats::median)$seconds
oracle <- shown$geometric[shown$model == "known hazard"]
shown$relative <- shown$geometric / oracle
shown <- shown[order(-shown$relative), ]

# ---- The report --------------------------------------------------------------

row <- function(...) paste0("| ", paste(..., sep = " | "), " |")
lines <- c(
  "# Hazard benchmark", "",
  sprintf("%s; glmnet %s, mgcv %s. From one run of `bench/hazard.R %d`.",
          R.version.string, packageVersion("glmnet"), packageVersion("mgcv"),
          repetitions), "",
  "## The paper's population, before any calibration", "",
  paste("The 0.1 quantile as a bound: coverage overall, in the hard tenth of",
        "the prompts and in the rest; geometric mean of the bound, absolute",
        "and relative to that of the known hazard. 45,000 training prompts,",
        "means over 5 populations, median CPU seconds."), "",
  row("model", "coverage", "hard tenth", "rest", "geometric mean",
      "relative", "CPU s"),
  "|:--|--:|--:|--:|--:|--:|--:|",
  row(shown$model, sprintf("%.3f", shown$coverage),
      sprintf("%.3f", shown$hard), sprintf("%.3f", shown$rest),
      sprintf("%.1f", shown$geometric), sprintf("%.3f", shown$relative),
      ifelse(shown$model == "known hazard", "",
             sprintf("%.2f", shown$seconds))), "",
  "## Ten populations with known hazards", "",
  paste("Explained: the share of the log-likelihood between one rate for all",
        "prompts (0) and the known hazards (1), on test prompts. Slope: of the",
        "known log hazards on the estimated ones. Coverage of the estimated",
        "0.1 quantile, and its range over tenths of test prompts by estimated",
        "hazard; as times are discrete, 0.9 is a lower limit. Means over",
        sprintf("%d", repetitions), "repetitions, median CPU seconds."), "",
  row("population", "model", "explained", "slope", "coverage",
      "tenths", "CPU s"),
  "|:--|:--|--:|--:|--:|--:|--:|",
  row(means$population, means$model, sprintf("%.3f", means$explained),
      sprintf("%.2f", means$slope), sprintf("%.3f", means$coverage),
      sprintf("%.3f to %.3f", means$least, means$most),
      sprintf("%.2f", means$seconds))
)
writeLines(lines, "bench/hazard.md")
writeLines(lines)
