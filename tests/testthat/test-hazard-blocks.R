# An embedding of 60 columns through which a few directions are seen, and two
# attributes with effects of their own.
mixed_world <- function(n = 600) {
  z <- matrix(rnorm(n * 8), n)
  e <- z %*% matrix(rnorm(480), 8) + 0.5 * matrix(rnorm(n * 60), n)
  colnames(e) <- paste0("e", 1:60)
  a <- cbind(kind = rnorm(n), tone = runif(n, -2, 2))
  eta <- -4 + 0.3 * z[, 1] + 0.3 * z[, 2] + 0.6 * a[, 1] + a[, 2]^2 / 2
  prob <- 1 - exp(-exp(eta))
  list(e = e, a = a, prob = prob, y = counts(rbinom(n, 40, prob), 40))
}

block_sizes <- function(fit) {
  lengths(lapply(fit$model$blocks$ridges, `[[`, "columns"))
}

# Mean log-likelihood of a draw.
score_of <- function(p, q) mean(p * log(q) + (1 - p) * log(1 - q))

test_that("numbered columns are a block, others keep their curves", {
  set.seed(1)
  world <- mixed_world()
  x <- cbind(world$a, world$e)
  fit <- fit_hazard(x, world$y)
  expect_identical(block_sizes(fit), 60L)
  expect_setequal(names(coef(fit))[2:4], c("kind", "tone", "ridge(e1..e60)"))
  other <- mixed_world(50)
  p <- predict(fit, cbind(other$a, other$e))
  # The order of the columns does not matter, as they have names.
  expect_equal(predict(fit, cbind(other$e, other$a)), p)
  fit_all <- fit_hazard(x, world$y, penalty = 100)
  expect_length(block_sizes(fit_all), 0)
  expect_output(print(summary(fit)), "ridge\\(e1..e60\\)\\s+60")
})

test_that("matrices in a data frame are blocks, each with its own ridge", {
  set.seed(2)
  world <- mixed_world()
  other <- matrix(rnorm(600 * 55), 600)
  data <- data.frame(world$a)
  data$embedding <- world$e
  data$other <- other
  fit <- fit_hazard(data, world$y)
  expect_identical(block_sizes(fit), c(60L, 55L))
  # The one that is uninformative is penalised away.
  edf <- vapply(fit$model$blocks$ridges, `[[`, 0, "edf")
  expect_lt(edf[2], edf[1])
  expect_equal(predict(fit, data), fit$fitted, tolerance = 1e-10)
  expect_identical(length(predict(fit, data[3, ])), 1L)
})

test_that("a mixed frame predicts better than either part", {
  set.seed(3)
  world <- mixed_world(1200)
  train <- 1:600
  test <- 601:1200
  explained <- vapply(list(world$a, world$e, cbind(world$a, world$e)),
                      function(x) {
                        fit <- fit_hazard(x[train, ], world$y[train, ])
                        score_of(world$prob[test], predict(fit, x[test, ]))
                      }, 0)
  expect_gt(explained[3], max(explained[1:2]))
  expect_gt(explained[3], score_of(world$prob[test], world$prob[test]) - 0.01)
})

test_that("where a few of many columns matter, each keeps its penalty", {
  set.seed(4)
  x <- matrix(rnorm(1500 * 100), 1500)
  prob <- 1 - exp(-exp(-3 + x[, 1] - 0.8 * x[, 2] + 0.6 * x[, 3]))
  fit <- fit_hazard(x, counts(rbinom(1500, 50, prob), 50))
  expect_length(block_sizes(fit), 0)
  expect_gt(score_of(prob, fit$fitted), score_of(prob, prob) - 0.002)
})

test_that("many levels are pooled, rare and new ones most", {
  set.seed(5)
  effect <- rnorm(200, sd = 0.7)
  level <- c(1:200, sample(200, 3800, TRUE, (200:1)^2))
  prob <- 1 - exp(-exp(-3 + effect[level]))
  data <- data.frame(topic = sprintf("t%03d", level))
  y <- counts(rbinom(4000, 10, prob), 10)
  fit <- fit_hazard(data, y)
  # And the one of those that occur once.
  expect_identical(block_sizes(fit), 201L)
  raw <- tapply(y[, 1], data$topic, sum) / tapply(rowSums(y), data$topic, sum)
  expect_lt(mean(abs(log(fit$fitted / prob))),
            mean(abs(log(pmax(raw[level], 0.001) / prob))))
  expect_warning(new <- predict(fit, data.frame(topic = "none")),
                 class = "timetounsafe_warning_new_levels")
  expect_gt(new, quantile(fit$fitted, 0.1))
  expect_lt(new, quantile(fit$fitted, 0.9))
})

test_that("few prompts, and columns that do not vary, make no block", {
  set.seed(6)
  world <- mixed_world(19)
  fit <- suppressWarnings(fit_hazard(world$e, world$y))
  expect_length(block_sizes(fit), 0)
  expect_length(wide_columns(matrix(0, 5, 60),
                             data.frame(scale = numeric(60), filled = 0)), 0)
})

test_that("hazards out of fold are near those of fits to other prompts", {
  set.seed(7)
  world <- mixed_world()
  for (x in list(world$a, cbind(world$a, world$e))) {
    fit <- fit_hazard(x, world$y)
    rest <- fit_hazard(x[-(1:120), ], world$y[-(1:120), ])
    honest <- score_of(world$prob[1:120], predict(rest, x[1:120, ]))
    expect_equal(score_of(world$prob[1:120], fit$out_of_fold[1:120]), honest,
                 tolerance = 0.05)
  }
})

test_that("a fit keeps no features, and out of fold sees no own draws", {
  set.seed(8)
  world <- mixed_world()
  fit <- fit_hazard(world$e, world$y)
  expect_null(fit$training$matrix)
  expect_lt(length(serialize(fit, NULL)), length(serialize(world$e, NULL)) / 2)
  gain <- function(p) {
    mean(dbinom(world$y[, 1], 40, p, log = TRUE))
  }
  expect_gt(gain(fit$fitted), gain(fit$out_of_fold))
  null <- fit_hazard(matrix(1, 600), world$y)
  expect_equal(null$out_of_fold, null$fitted, tolerance = 0.05)
})

test_that("text is used with all its n-grams", {
  set.seed(9)
  words <- c("knife", "bread", "river", "stone", "cloud", "paper", "green",
             "night", "wolf", "seven")
  text <- replicate(400, paste(sample(words, 5, TRUE), collapse = " "))
  prob <- 1 - exp(-exp(-4 + 1.5 * grepl("wolf", text) + grepl("knife", text)))
  y <- counts(rbinom(400, 40, prob), 40)
  fit <- fit_hazard(text[1:200], y[1:200, ])
  expect_identical(fit$model$blocks$ridges[[1]]$label, "ridge(n-grams)")
  p <- predict(fit, text[201:400])
  expect_gt(cor(log(p), log(prob[201:400])), 0.85)
  expect_equal(predict(fit, text[201]), p[1], tolerance = 1e-12)
  expect_equal(predict(fit, text[1:200]), fit$fitted, tolerance = 1e-12)
  expect_true(all(is.finite(predict(fit, c("?!", "unseen")))))
  few <- fit_hazard(rep(c("!", "?"), 15), counts(rep(1:3, 10), 9))
  expect_length(unique(few$fitted), 1)
})

test_that("beyond the scores that were seen the ridge continues a little", {
  set.seed(20)
  x <- matrix(rnorm(200 * 60), 200)
  y <- counts(rbinom(200, 20, 1 - exp(-exp(-3 + x %*% rnorm(60) / 8))),
              20)
  fit <- fit_hazard(x, y)
  ridge <- fit$model$blocks$ridges[[1]]
  far <- rbind(100 * ridge$slope, -100 * ridge$slope)
  near <- predict(fit, x)
  expect_equal(predict(fit, 10 * far), predict(fit, far))
  expect_gt(predict(fit, far)[1], predict(fit, far)[2])
  # By its own slope, and by no more than a quarter of what was seen.
  rate <- function(p) log(-log1p(-p))
  most <- diff(ridge$range) / 4
  expect_gt(rate(predict(fit, far)[1]), rate(max(near)) + most / 2)
  score <- drop(x %*% ridge$slope) + ridge$constant
  by <- (ridge$range[2] + most / 2 - score[1]) / sum(ridge$slope^2)
  little <- rbind(x[1, ] + by * ridge$slope)
  expect_equal(rate(predict(fit, little)) + most / 2,
               rate(predict(fit, far)[1]), tolerance = 1e-6)
})

# Counts of words, a few in each prompt, and the length beside them.
counted_words <- function(n = 400, d = 300) {
  words <- Matrix::rsparsematrix(n, d, 0.03,
                                 rand.x = function(n) 1 + rpois(n, 1))
  effect <- rnorm(d)
  eta <- as.vector(words %*% effect)
  prob <- 1 - exp(-exp(-3.5 + eta / sd(eta)))
  x <- cbind(1000 * Matrix::rowSums(words), words)
  list(x = x, prob = prob, y = counts(rbinom(n, 40, prob), 40))
}

test_that("a sparse matrix stays sparse, and fits as the dense one", {
  set.seed(21)
  world <- counted_words()
  learnt <- learn_encoder(world$x, wide = TRUE)
  expect_s4_class(learnt$matrix, "dgCMatrix")
  fit <- fit_hazard(world$x, world$y)
  # The length is no word: it keeps its curve.
  expect_identical(block_sizes(fit), 300L)
  expect_identical(fit$model$blocks$few, 1L)
  dense <- fit_hazard(as.matrix(world$x), world$y)
  expect_equal(fit$fitted, dense$fitted, tolerance = 1e-6)
  new <- world$x[c(3, 9), ]
  expect_equal(predict(fit, new), fit$fitted[c(3, 9)], tolerance = 1e-10)
  expect_equal(predict(fit, as.matrix(new)), predict(fit, new),
               tolerance = 1e-12)
  expect_equal(predict(dense, new), predict(fit, new), tolerance = 1e-6)
})

test_that("any kind of sparse matrix is read, and what is no number refused", {
  set.seed(22)
  world <- counted_words(100, 80)
  x <- world$x[, -1]
  fit <- fit_hazard(x, world$y)
  rows <- methods::as(x, "RsparseMatrix")
  expect_identical(fit_hazard(rows, world$y)$fitted, fit$fitted)
  triplets <- methods::as(x, "TsparseMatrix")
  expect_identical(fit_hazard(triplets, world$y)$fitted, fit$fitted)
  logical <- x > 0
  expect_identical(fit_hazard(logical, world$y)$fitted,
                   fit_hazard(logical * 1, world$y)$fitted)
  colnames(x) <- paste0("w", 1:80)
  at <- which(x[, 7] != 0)[1]
  x[at, 7] <- NaN
  expect_error(fit_hazard(x, world$y), "\"w7\"",
               class = "timetounsafe_error_features")
})

test_that("words that no training prompt has cost nothing", {
  set.seed(23)
  world <- counted_words()
  more <- cbind(world$x, Matrix::Matrix(0, 400, 20000, sparse = TRUE))
  took <- system.time(fit <- fit_hazard(more, world$y))[["user.self"]]
  expect_lt(took, 5)
  expect_equal(fit$fitted, fit_hazard(world$x, world$y)$fitted,
               tolerance = 1e-6)
  # Dense it would have 65 MB; the fit has a few numbers for each column.
  expect_lt(length(serialize(fit, NULL)), 3e6)
})

test_that("rows that trained are known again, sparse or dense", {
  set.seed(24)
  world <- counted_words()
  fit <- fit_hazard(world$x, world$y)
  for (x in list(world$x, as.matrix(world$x))) {
    expect_error(plan_audit(fit, paste("prompt", 1:400), 10, x),
                 class = "timetounsafe_error_argument")
  }
  other <- counted_words(100)
  expect_s3_class(plan_audit(fit, paste("prompt", 1:100), 10, other$x),
                  "audit_plan")
})

test_that("columns that are mostly 0 are not scaled, others are", {
  set.seed(25)
  dense <- matrix(rnorm(300 * 60), 300)
  eta <- drop(dense %*% rnorm(60)) / 8
  y <- counts(rbinom(300, 30, 1 - exp(-exp(-3 + eta))), 30)
  unit <- 10^rnorm(60)
  eta_of <- function(x) log(-log1p(-predict(fit_hazard(x, y), x)))
  expect_gt(cor(eta_of(dense), eta), 0.7)
  expect_equal(eta_of(dense %*% diag(unit)), eta_of(dense), tolerance = 1e-4)
  stored <- Matrix::Matrix(dense, sparse = TRUE)
  expect_equal(eta_of(stored), eta_of(dense), tolerance = 0.02)
  rare <- dense * rbinom(300 * 60, 1, 0.05)
  expect_false(isTRUE(all.equal(eta_of(rare %*% diag(unit)), eta_of(rare),
                                tolerance = 1e-4)))
})
