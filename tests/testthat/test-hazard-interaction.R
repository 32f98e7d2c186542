# Counts of 20 draws of each prompt at log hazards eta.
counts_at <- function(eta) {
  rbinom(length(eta), 20, 1 - exp(-exp(eta)))
}

share_taken <- function(repeats, simulate) {
  mean(vapply(seq_len(repeats), function(seed) {
    set.seed(seed)
    data <- simulate()
    fit <- suppressWarnings(fit_hazard(data$x, counts(data$unsafe, 20),
                                       splines = 0, interactions = 3))
    nrow(fit$model$terms$pairs) > 0
  }, TRUE))
}

test_that("without an interaction one is taken in about 1% of fits", {
  # A share of 1% among 300 has a standard error of 0.6%: 3% is 3.5 of them.
  additive <- function(x) -2.5 + 0.5 * x[, 1]
  few <- list(
    normal = function() {
      x <- matrix(rnorm(800), 200)
      list(x = x, unsafe = counts_at(additive(x)))
    },
    overdispersed = function() {
      x <- matrix(rnorm(800), 200)
      list(x = x, unsafe = counts_at(additive(x) + rnorm(200)))
    },
    rare = function() {
      x <- matrix(rnorm(800), 200)
      unsafe <- counts_at(additive(x) - 3.5)
      unsafe[1] <- max(1, unsafe[1])
      list(x = x, unsafe = unsafe)
    },
    heavy_tails = function() {
      x <- matrix(rt(800, 2), 200)
      list(x = x, unsafe = counts_at(-2.5 + 0.5 * asinh(x[, 1])))
    },
    indicators = function() {
      x <- matrix(rbinom(800, 1, 0.2), 200)
      list(x = x, unsafe = counts_at(additive(x)))
    }
  )
  for (name in names(few)) {
    expect_lte(share_taken(300, few[[name]]), 0.03, label = name)
  }
})

test_that("a product in the truth is found, and the fit is better for it", {
  # The mean loss on new prompts, relative to the fit without: over 20 data
  # sets never above 0.15.
  eta <- function(x) -2.5 + 0.4 * x[, 1] * x[, 2]
  for (seed in 1:10) {
    set.seed(seed)
    x <- matrix(rnorm(1200), 300)
    unsafe <- counts_at(eta(x))
    with <- fit_hazard(x, counts(unsafe, 20))
    without <- fit_hazard(x, counts(unsafe, 20), interactions = 0)
    pairs <- with$model$terms$pairs
    expect_identical(c(pairs$first[1], pairs$second[1]), 1:2)
    new <- matrix(rnorm(4000), 1000)
    p <- 1 - exp(-exp(eta(new)))
    lost <- function(fit) {
      q <- predict(fit, new)
      mean(p * log(p / q) + (1 - p) * (log1p(-p) - log1p(-q)))
    }
    expect_lt(lost(with), lost(without) / 2)
    expect_identical(nrow(without$model$terms$pairs), 0L)
  }
})

test_that("predictions are the formula of terms, knots and products", {
  set.seed(1)
  x <- cbind(a = rnorm(600), b = rt(600, 2), c = rbinom(600, 1, 0.3),
             d = 5)
  unsafe <- counts_at(-2.5 + sin(2 * x[, 1]) / 2 + 0.4 * asinh(x[, 2]) +
                        0.5 * x[, 1] * (2 * x[, 3] - 1))
  fit <- fit_hazard(x, counts(unsafe, 20))
  terms <- fit$model$terms
  expect_length(terms$smooths, 2)
  # The second feature has heavy tails and bends on a scale of its own.
  expect_null(terms$smooths[[1]]$coordinate)
  expect_length(terms$smooths[[2]]$coordinate, 2)
  expect_gte(nrow(terms$pairs), 1)
  # Far outside too: natural splines go on straight.
  new <- cbind(a = c(-9, rnorm(50), 40), b = c(1e6, rt(50, 1), -1e6),
               c = rbinom(52, 1, 0.5), d = 0)
  z <- sweep(sweep(new, 2, terms$linear$centre), 2, terms$linear$scale, "*")
  columns <- list(1, z)
  for (s in terms$smooths) {
    at <- new[, s$column]
    if (!is.null(s$coordinate)) {
      at <- asinh((at - s$coordinate[["centre"]]) / s$coordinate[["spread"]])
    }
    columns <- c(columns, lapply(seq_along(s$weight), function(k) {
      splinefun(s$knots, s$value[, k], method = "natural")(at)
    }))
  }
  cut_off <- pmax(pmin(z, 3), -3)
  for (k in seq_len(nrow(terms$pairs))) {
    pair <- terms$pairs[k, ]
    columns <- c(columns, list(cut_off[, pair$first] * cut_off[, pair$second]))
  }
  design <- do.call(cbind, columns)
  expect_identical(ncol(design), length(fit$model$beta))
  eta <- drop(design %*% fit$model$beta)
  # Beyond this hazards are 0 or 1 to within rounding.
  inside <- eta > -700 & eta < 2
  expect_equal(log(-log1p(-predict(fit, new)))[inside], eta[inside],
               tolerance = 1e-8)
  expect_gt(sum(inside), 30)
})

test_that("the score statistic is that of glm()", {
  # Rao's test of one more column, with nothing shrunk: the product's square
  # score over its information without regard to the other columns, which can
  # only make it smaller.
  set.seed(2)
  x <- matrix(rnorm(600), 200)
  unsafe <- counts_at(-2 + 0.5 * x[, 1] + 0.4 * x[, 2] * x[, 3])
  fit <- fit_hazard(x, counts(unsafe, 20), penalty = 0, splines = 0,
                    interactions = 1)
  z <- scale(x) * sqrt(200 / 199)
  product <- pmax(pmin(z[, 2], 3), -3) * pmax(pmin(z[, 3], 3), -3)
  base <- glm(cbind(unsafe, 20 - unsafe) ~ z, binomial("cloglog"),
              epsilon = 1e-13)
  w <- base$weights
  centred <- product - weighted.mean(product, w)
  score <- sum(centred * w * residuals(base, "working"))
  expect_equal(fit$model$terms$pairs$statistic,
               score^2 / sum(w * centred^2), tolerance = 1e-5)
  full <- glm(cbind(unsafe, 20 - unsafe) ~ z + product, binomial("cloglog"))
  rao <- anova(base, full, test = "Rao")$Rao[2]
  expect_lte(fit$model$terms$pairs$statistic, rao * (1 + 1e-6))
  expect_equal(fit$fitted, unname(fitted(full)), tolerance = 1e-5)
})

test_that("`interactions` is the most pairs, the strongest first", {
  set.seed(3)
  x <- matrix(rnorm(4000), 1000)
  unsafe <- counts_at(-2.5 + 0.3 * x[, 1] * x[, 2] + 0.5 * x[, 3] * x[, 4])
  pairs <- function(most) {
    fit <- fit_hazard(x, counts(unsafe, 20), interactions = most)
    fit$model$terms$pairs
  }
  all <- pairs(NULL)
  expect_gte(nrow(all), 2)
  expect_false(is.unsorted(-all$statistic))
  expect_identical(unlist(pairs(1)[1:2]), c(first = 3L, second = 4L))
  expect_identical(nrow(pairs(0)), 0L)
  expect_identical(pairs(1e9)[1:2, ], all[1:2, ])
})

test_that("the default takes no more pairs than the data carry", {
  # A column for each ten prompts, four linear ones among them.
  set.seed(4)
  x <- matrix(rnorm(160), 40)
  unsafe <- counts_at(-1 + 2 * x[, 1] * x[, 2])
  expect_identical(nrow(fit_hazard(x, counts(unsafe, 20))$model$terms$pairs),
                   0L)
  asked <- fit_hazard(x, counts(unsafe, 20), interactions = 1)
  expect_identical(nrow(asked$model$terms$pairs), 1L)
})

test_that("the summary and the coefficients name the products", {
  set.seed(5)
  x <- matrix(rnorm(1500), 500, dimnames = list(NULL, c("a", "b", "c")))
  unsafe <- counts_at(-2.5 + 0.5 * x[, 1] * x[, 3])
  fit <- fit_hazard(x, counts(unsafe, 20), splines = 0)
  table <- summary(fit)$interactions
  expect_identical(table$features[1], "a:c")
  expect_identical(table$effect[1], fit$model$beta[["a:c"]])
  expect_gt(table$effect[1], 0.2)
  expect_true("a:c" %in% tidy(fit)$term)
  expect_output(print(summary(fit)), "Interactions.*a:c")
  without <- fit_hazard(x, counts(unsafe, 20), interactions = 0)
  expect_identical(nrow(summary(without)$interactions), 0L)
})

test_that("effects of products are told apart where names are not", {
  set.seed(6)
  x <- matrix(rnorm(3000), 1000, dimnames = list(NULL, c("a", "a", "a:a")))
  unsafe <- counts_at(-2.5 - 0.5 * x[, 1] * x[, 2] + 0.5 * x[, 3])
  fit <- fit_hazard(x, counts(unsafe, 20), splines = 0)
  expect_lt(summary(fit)$interactions$effect[1], -0.2)
})

test_that("pairs that cannot be are not looked for", {
  set.seed(7)
  x <- rnorm(300)
  unsafe <- counts_at(-2 + x^2)
  few <- list(x, cbind(x, 3), matrix(3, 300, 2))
  for (features in few) {
    fit <- fit_hazard(features, counts(unsafe, 20), interactions = 5,
                      splines = 0)
    expect_identical(nrow(fit$model$terms$pairs), 0L)
  }
  # A column and its copy make a square, which helps here.
  twice <- fit_hazard(cbind(x, x), counts(unsafe, 20), interactions = 5,
                      splines = 0)
  expect_identical(nrow(twice$model$terms$pairs), 1L)
})

test_that("a formula may have products of its own beside those found", {
  set.seed(8)
  data <- data.frame(a = rnorm(500), b = rnorm(500), c = rnorm(500))
  data$unsafe <- counts_at(-2.5 + 0.4 * data$a * data$b)
  data$safe <- 20 - data$unsafe
  fit <- fit_hazard(cbind(unsafe, safe) ~ a * b, data)
  found <- fit_hazard(cbind(unsafe, safe) ~ a + b, data)
  expect_lt(fit$deviance, fit$null.deviance - 100)
  expect_lt(found$deviance, found$null.deviance - 100)
  expect_equal(predict(fit, data[1:9, ]), fit$fitted[1:9], tolerance = 1e-12)
  expect_identical(summary(found)$interactions$features, "a:b")
})

test_that("a wrong number of interactions is named", {
  bad_arguments(
    "fit_hazard",
    list(x = c(0.3, -1, 2, 0.5), y = counts(c(1, 0, 2, 0), 5)),
    list(interactions = list(-1, 2.5, TRUE, NA, NaN, Inf, "a", c(1, 2),
                             numeric(), list(1), c(FALSE, FALSE)))
  )
})
