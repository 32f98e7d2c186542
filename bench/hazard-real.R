# The default of fit_hazard() beside cross-validated ridge and lasso on recorded
# draws of a real model: explained share of the log-likelihood between one rate
# for all prompts and each prompt's own rate, on prompts kept out; slope of a
# recalibration. usage: TIMETOUNSAFE_DATA=folder Rscript bench/hazard-real.R
# [splits]   (the folder has llm/; writes bench/hazard-real.md)

library(timetounsafe)
splits <- as.integer(c(commandArgs(TRUE), "4")[1])
folder <- file.path(Sys.getenv("TIMETOUNSAFE_DATA"), "llm")

# ---- What there is -----------------------------------------------------------

prompts <- read.csv(file.path(folder, "prompts.csv"), encoding = "UTF-8")
embedding <- read.csv(gzfile(file.path(folder, "embeddings.csv.gz")))
embedding <- as.matrix(embedding[match(prompts$id, embedding$id), -1])
recorded <- read.csv(gzfile(file.path(folder, "draws.csv.gz")))
at <- factor(recorded$id, prompts$id)
draws <- as.vector(table(at))
judges <- list(
  lexicon = as.vector(tapply(recorded$lexicon, at, sum)),
  classifier = as.vector(tapply(recorded$score > 0.5, at, sum))
)
attributes <- as.matrix(prompts[4:11])
features <- list(attributes = attributes, embedding = embedding,
                 both = cbind(attributes, embedding), text = prompts$prompt)

# ---- Models ------------------------------------------------------------------

rows_of <- function(x, i) if (is.matrix(x)) x[i, ] else x[i]
default <- function(x, y, new) predict(fit_hazard(x, y), new)
penalised <- function(alpha) {
  function(x, y, new) {
    if (!is.matrix(x)) {
      return(NULL)
    }
    model <- glmnet::cv.glmnet(x, y[, 2:1], family = "binomial", nfolds = 5,
                               alpha = alpha)
    as.vector(predict(model, new, s = "lambda.min", type = "response"))
  }
}
models <- list(default = default, "cv.glmnet, ridge" = penalised(0),
               "cv.glmnet, lasso" = penalised(1))

# ---- Measures ----------------------------------------------------------------

likelihood <- function(unsafe, draws, p) {
  sum(ifelse(unsafe > 0, unsafe * log(p), 0) +
        ifelse(unsafe < draws, (draws - unsafe) * log1p(-p), 0))
}
explained <- function(unsafe, draws, p) {
  p <- pmin(pmax(p, 1e-9), 1 - 1e-9)
  none <- likelihood(unsafe, draws, sum(unsafe) / sum(draws))
  all <- likelihood(unsafe, draws, unsafe / draws)
  (likelihood(unsafe, draws, p) - none) / (all - none)
}
slope <- function(unsafe, draws, p) {
  p <- pmin(pmax(p, 1e-9), 0.999)
  stats::coef(stats::glm(cbind(unsafe, draws - unsafe) ~ log(-log1p(-p)),
                         stats::quasibinomial("cloglog")))[[2]]
}

results <- list()
for (split in seq_len(splits)) {
  set.seed(split)
  train <- sort(sample(length(draws), round(0.75 * length(draws))))
  for (judge in names(judges)) {
    unsafe <- judges[[judge]]
    y <- cbind(unsafe, draws - unsafe)
    for (kind in names(features)) {
      x <- features[[kind]]
      for (model in names(models)) {
        set.seed(split)
        seconds <- system.time(p <- models[[model]](
          rows_of(x, train), y[train, ], rows_of(x, -train)
        ))[["user.self"]]
        if (!is.null(p)) {
          results[[length(results) + 1L]] <- data.frame(
            judge, kind, model, seconds,
            explained = explained(unsafe[-train], draws[-train], p),
            slope = slope(unsafe[-train], draws[-train], p)
          )
        }
      }
    }
  }
}
results <- do.call(rbind, results)
means <- aggregate(cbind(explained, slope, seconds) ~ model + kind + judge,
                   results, mean)

# ---- The report --------------------------------------------------------------

row <- function(...) paste0("| ", paste(..., sep = " | "), " |")
lines <- c(
  "# Hazards of recorded draws", "",
  sprintf(paste("%s; glmnet %s. Means over %d random splits of %d prompts, a",
                "quarter of them kept out. From one run of",
                "`bench/hazard-real.R %d`."),
          R.version.string, packageVersion("glmnet"), splits, length(draws),
          splits), "",
  row("judge", "features", "model", "explained", "slope", "CPU seconds"),
  "|:--|:--|:--|--:|--:|--:|",
  row(means$judge, means$kind, means$model, sprintf("%.3f", means$explained),
      sprintf("%.2f", means$slope), sprintf("%.2f", means$seconds))
)
writeLines(lines, "bench/hazard-real.md")
writeLines(lines)
