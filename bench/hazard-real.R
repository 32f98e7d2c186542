# The default of fit_hazard() beside cross-validated ridge, lasso and elastic
# net, bam and ranger on recorded draws of a real model: explained share of the
# log-likelihood between one rate for all prompts and each prompt's own rate, on
# prompts kept out; slope of a recalibration. Text: beside a ridge on TF-IDF of
# words and of runs of 3 to 5 characters within them. usage:
# TIMETOUNSAFE_DATA=folder Rscript bench/hazard-real.R [splits]   (the folder
# has llm/; writes bench/hazard-real.md)

source("bench/shared/recorded.R")
splits <- as.integer(c(commandArgs(TRUE), "4")[1])

# ---- What there is -----------------------------------------------------------

data <- read_recorded()
counted <- count_judges(data)
draws <- counted$draws
judges <- counted$unsafe
attributes <- data$features$attributes
features <- list(attributes = attributes, embedding = data$features$embedding,
                 both = cbind(attributes, data$features$embedding),
                 text = as.character(data$features$text))

# ---- Models ------------------------------------------------------------------

default <- function(x, y, new) predict(fit_hazard(x, y), new)
penalised <- function(alpha) {
  function(x, y, new) {
    model <- glmnet::cv.glmnet(x, y[, 2:1], family = "binomial", nfolds = 5,
                               alpha = alpha)
    as.vector(predict(model, new, s = "lambda.min", type = "response"))
  }
}
# Smooth terms of the attributes; embeddings as one block under a ridge.
bam <- function(x, y, new) {
  few <- intersect(colnames(x), colnames(attributes))
  wide <- setdiff(colnames(x), few)
  framed <- function(x) {
    data <- data.frame(x[, few, drop = FALSE])
    if (length(wide) > 0) data$wide <- x[, wide]
    data
  }
  data <- framed(x)
  data$safe <- y[, 2]
  data$unsafe <- y[, 1]
  terms <- c(sprintf("s(%s, k = 10)", make.names(few)),
             if (length(wide) > 0) "wide")
  model <- mgcv::bam(
    stats::as.formula(paste("cbind(unsafe, safe) ~",
                            paste(terms, collapse = " + "))),
    stats::binomial("cloglog"), data, discrete = FALSE, method = "fREML",
    paraPen = if (length(wide) > 0) list(wide = list(diag(length(wide))))
  )
  as.vector(predict(model, framed(new), type = "response"))
}
forest <- function(x, y, new) {
  model <- ranger::ranger(x = x, y = y[, 1] / rowSums(y),
                          case.weights = rowSums(y), num.threads = 1)
  predict(model, new)$predictions
}
# Its TF-IDF is learnt from training prompts alone.
text_ridge <- function(x, y, new) {
  grams <- text_grams(c(x, new))
  train <- seq_along(x)
  weighed <- lapply(grams, function(lists) {
    m <- count_grams(lists)
    present <- Matrix::colSums(m[train, ] > 0)
    m <- m[, present > 0]
    m@x <- 1 + log(m@x)
    idf <- 1 + log((1 + length(x)) / (1 + present[present > 0]))
    m <- m %*% Matrix::Diagonal(x = idf)
    size <- sqrt(Matrix::rowSums(m^2))
    Matrix::Diagonal(x = 1 / pmax(size, 1e-12)) %*% m
  })
  m <- do.call(cbind, weighed)
  model <- glmnet::cv.glmnet(m[train, ], y[, 2:1], family = "binomial",
                             nfolds = 5, alpha = 0, standardize = FALSE,
                             lambda.min.ratio = 1e-4, nlambda = 30)
  as.vector(predict(model, m[-train, ], s = "lambda.min", type = "response"))
}
text_grams <- function(text) {
  words <- strsplit(gsub("[^\\p{L}\\p{M}\\p{N}]+", " ", tolower(text),
                         perl = TRUE), " +")
  words <- lapply(words, function(w) w[nzchar(w)])
  runs <- lapply(words, function(w) {
    w <- paste0(" ", w, " ")
    unlist(lapply(3:5, function(k) {
      long <- w[nchar(w) >= k]
      unlist(lapply(long, function(w) {
        substring(w, seq_len(nchar(w) - k + 1), k:nchar(w))
      }))
    }))
  })
  list(words, runs)
}
count_grams <- function(lists) {
  tokens <- unlist(lists)
  known <- unique(tokens)
  Matrix::sparseMatrix(rep(seq_along(lists), lengths(lists)),
                       match(tokens, known), x = 1,
                       dims = c(length(lists), length(known)))
}
models <- list(default = default, "cv.glmnet, ridge" = penalised(0),
               "cv.glmnet, lasso" = penalised(1),
               "cv.glmnet, elastic net" = penalised(0.5), "mgcv::bam" = bam,
               ranger = forest, "ridge on TF-IDF" = text_ridge)
# With hundreds of columns bam takes minutes, and ranger explains less than half
# as much as the others.
suits <- function(model, kind) {
  if (kind == "text") {
    return(model %in% c("default", "ridge on TF-IDF"))
  }
  model != "ridge on TF-IDF" &&
    (!model %in% c("mgcv::bam", "ranger") || kind == "attributes")
}

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
      for (model in Filter(function(m) suits(m, kind), names(models))) {
        set.seed(split)
        seconds <- system.time(p <- models[[model]](
          take(x, train), y[train, ], take(x, -train)
        ))[["user.self"]]
        results[[length(results) + 1L]] <- data.frame(
          split, judge, kind, model, seconds,
          explained = explained(unsafe[-train], draws[-train], p),
          slope = slope(unsafe[-train], draws[-train], p)
        )
      }
    }
  }
}
results <- do.call(rbind, results)
# Ours minus theirs, split by split.
ours <- results[results$model == "default", ]
key <- function(x) paste(x$split, x$judge, x$kind)
results$ahead <- ours$explained[match(key(results), key(ours))] -
  results$explained
means <- aggregate(cbind(explained, slope, seconds, ahead) ~
                     model + kind + judge, results, mean)
means$error <- aggregate(ahead ~ model + kind + judge, results,
                         function(x) stats::sd(x) / sqrt(length(x)))$ahead
means$difference <- ifelse(means$model == "default", "",
                           sprintf("%+.3f (%.3f)", means$ahead, means$error))

# ---- The report --------------------------------------------------------------

row <- function(...) paste0("| ", paste(..., sep = " | "), " |")
lines <- c(
  "# Hazards of recorded draws", "",
  sprintf(paste("%s; glmnet %s. Means over %d random splits of %d prompts, a",
                "quarter of them kept out; \"ahead\": the default's share",
                "less this one's, mean and standard error of the paired",
                "differences (splits overlap). From one run of",
                "`bench/hazard-real.R %d`."),
          R.version.string, packageVersion("glmnet"), splits, length(draws),
          splits), "",
  row("judge", "features", "model", "explained", "default ahead", "slope",
      "CPU seconds"),
  "|:--|:--|:--|--:|--:|--:|--:|",
  row(means$judge, means$kind, means$model, sprintf("%.3f", means$explained),
      means$difference, sprintf("%.2f", means$slope),
      sprintf("%.2f", means$seconds))
)
writeLines(lines, "bench/hazard-real.md")
writeLines(lines)
