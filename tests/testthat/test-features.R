test_that("the data frame door equals the matrix door on the model matrix", {
  set.seed(1)
  data <- data.frame(
    a = rnorm(200), f = factor(rep(c("p", "q", "r", "q"), 50)),
    ch = rep(c("y", "z"), 100), lg = rep(c(TRUE, FALSE, FALSE, TRUE), 50)
  )
  unsafe <- rbinom(200, 20, plogis(-2 + data$a + data$lg))
  by_hand <- with(data, cbind(
    a = a, fq = f == "q", fr = f == "r", chz = ch == "z", lgTRUE = lg
  ))
  fit <- fit_hazard(data, counts(unsafe, 20))
  expect_equal(fit$fitted, fit_hazard(by_hand, counts(unsafe, 20))$fitted)
  expect_identical(head(names(fit$model$beta), 6),
                   c("(Intercept)", colnames(by_hand)))
})

test_that("the formula door equals the matrix door on the model matrix", {
  set.seed(2)
  data <- data.frame(
    a = rnorm(300), b = runif(300), f = factor(sample(letters[1:3], 300, TRUE)),
    ch = sample(c("y", "z"), 300, TRUE), o = ordered(sample(1:3, 300, TRUE))
  )
  data$lg <- data$a > 0.5
  data$unsafe <- rbinom(300, 20, plogis(-2 + data$a))
  data$safe <- 20 - data$unsafe
  right <- ~ a * f + poly(b, 2) + ch:b + lg + o + I(a^2)
  x <- stats::model.matrix(right, data)[, -1]
  fit <- fit_hazard(stats::update(right, cbind(unsafe, safe) ~ .), data,
                    penalty = 1)
  expect_equal(fit$fitted,
               fit_hazard(x, counts(data$unsafe, 20), penalty = 1)$fitted)
})

test_that("predictions of training rows equal the fitted values", {
  set.seed(3)
  data <- data.frame(a = rnorm(200), b = runif(200),
                     f = sample(letters[1:3], 200, TRUE))
  data$unsafe <- rbinom(200, 20, plogis(-2 + data$a))
  data$safe <- 20 - data$unsafe
  fit <- fit_hazard(cbind(unsafe, safe) ~ a * f + poly(b, 2) + exp(b), data,
                    penalty = 1)
  expect_equal(predict(fit, data), fit$fitted, tolerance = 1e-12)
  expect_equal(predict(fit, data[7, ]), fit$fitted[7], tolerance = 1e-12)
})

test_that("a dot stands for all columns but the counts", {
  set.seed(4)
  data <- data.frame(a = rnorm(100), b = rnorm(100))
  data$unsafe <- rbinom(100, 20, plogis(-2 + data$a))
  data$safe <- 20 - data$unsafe
  fit <- fit_hazard(cbind(unsafe, safe) ~ ., data)
  expect_identical(fit$fitted,
                   fit_hazard(cbind(unsafe, safe) ~ a + b, data)$fitted)
  expect_identical(predict(fit, data[c("b", "a")]), predict(fit, data))
})

test_that("a formula without an intercept is refused", {
  data <- data.frame(f = rep(letters[1:3], 40), unsafe = rep(0:3, 30))
  expect_error(fit_hazard(cbind(unsafe, 9 - unsafe) ~ 0 + f, data),
               "intercept", class = "timetounsafe_error_argument")
})

test_that("a sparse matrix equals the dense one", {
  set.seed(6)
  x <- matrix(rbinom(600, 1, 0.2) * rnorm(600), 100)
  unsafe <- rbinom(100, 20, plogis(-2 + x[, 1]))
  sparse <- Matrix::Matrix(x, sparse = TRUE)
  dense_fit <- fit_hazard(x, counts(unsafe, 20))
  sparse_fit <- fit_hazard(sparse, counts(unsafe, 20))
  expect_identical(sparse_fit$fitted, dense_fit$fitted)
  expect_identical(predict(sparse_fit, sparse[1:5, ]),
                   predict(dense_fit, x[1:5, ]))
})

test_that("a logical matrix, dense or sparse, counts as 0 and 1", {
  set.seed(7)
  x <- matrix(rbinom(200, 1, 0.4) == 1, 100)
  unsafe <- rbinom(100, 20, plogis(-2 + x[, 1]))
  fitted <- fit_hazard(x * 1, counts(unsafe, 20))$fitted
  expect_identical(fit_hazard(x, counts(unsafe, 20))$fitted, fitted)
  expect_identical(
    fit_hazard(Matrix::Matrix(x, sparse = TRUE),
               counts(unsafe, 20))$fitted, fitted
  )
})

test_that("one feature may be a vector", {
  set.seed(8)
  x <- rnorm(100)
  unsafe <- rbinom(100, 20, plogis(-2 + x))
  fit <- fit_hazard(x, counts(unsafe, 20))
  expect_identical(fit$fitted, fit_hazard(cbind(x), counts(unsafe, 20))$fitted)
  expect_identical(predict(fit, x[3:5]), fit$fitted[3:5])
})

test_that("prompts as text are made features, and so are new ones", {
  set.seed(9)
  risky <- rep(c(TRUE, FALSE), 50)
  prompts <- paste(ifelse(risky, "insult my", "praise my"),
                   rep(c("uncle", "sister", "boss", "dog", "poem"), 20), 1:100)
  unsafe <- rbinom(100, 20, ifelse(risky, 0.4, 0.02))
  fit <- fit_hazard(prompts, counts(unsafe, 20))
  expect_identical(fit$encoder$kind, "ngrams")
  expect_equal(predict(fit, prompts), fit$fitted, tolerance = 1e-12)
  new <- predict(fit, c("insult my neighbour", "praise my neighbour"))
  expect_gt(new[1], 2 * new[2])
})

test_that("the order of a data frame's columns does not matter", {
  set.seed(10)
  data <- data.frame(a = rnorm(100), b = runif(100), f = rep(c("x", "y"), 50))
  fit <- fit_hazard(data, counts(rbinom(100, 20, plogis(-2 + data$a)), 20))
  expect_identical(predict(fit, data[c("f", "b", "a")]), fit$fitted)
})

test_that("columns that were not in training are passed over", {
  set.seed(11)
  data <- data.frame(a = rnorm(100), b = runif(100))
  fit <- fit_hazard(data, counts(rbinom(100, 20, plogis(-2 + data$a)), 20))
  expect_identical(predict(fit, cbind(z = NA, data)), fit$fitted)
})

test_that("a matrix's columns are found by name, whatever their order", {
  set.seed(12)
  x <- matrix(rnorm(300), 100, dimnames = list(NULL, c("a", "b", "c")))
  fit <- fit_hazard(x, counts(rbinom(100, 20, plogis(-2 + x[, 1])), 20))
  expect_identical(predict(fit, x[, c("c", "a", "b")]), fit$fitted)
  expect_identical(predict(fit, cbind(z = 1, x)), fit$fitted)
  expect_identical(predict(fit, unname(x)), fit$fitted)
})

test_that("columns with the same name are all used", {
  set.seed(13)
  x <- matrix(rnorm(200), 100, dimnames = list(NULL, c("a", "a")))
  fit <- fit_hazard(x,
                    counts(rbinom(100, 20, plogis(-2 + x[, 1] - x[, 2])), 20))
  expect_equal(predict(fit, x), fit$fitted, tolerance = 1e-12)
})

test_that("columns of which only some have a name are all used", {
  set.seed(14)
  x <- cbind(a = rnorm(100), matrix(rnorm(200), 100))
  fit <- fit_hazard(x, counts(rbinom(100, 20, plogis(-2 + x[, 1])), 20))
  expect_equal(predict(fit, x), fit$fitted, tolerance = 1e-12)
})

test_that("row names do not reach the predictions", {
  set.seed(15)
  x <- matrix(rnorm(100), 50, dimnames = list(paste0("row", 1:50), NULL))
  fit <- fit_hazard(x, counts(rbinom(50, 20, plogis(-2 + x[, 1])), 20))
  expect_null(names(fit$fitted))
  expect_null(names(predict(fit, x)))
})

test_that("no new prompt gives no prediction", {
  set.seed(16)
  x <- matrix(rnorm(100), 50)
  fit <- fit_hazard(x, counts(rbinom(50, 20, plogis(-2 + x[, 1])), 20))
  expect_identical(predict(fit, x[0, ]), numeric())
})

test_that("numbers and functions in a formula are not taken for columns", {
  set.seed(17)
  data <- data.frame(a = runif(100))
  data$unsafe <- rbinom(100, 20, plogis(-2 + data$a))
  degree <- 2
  fit <- fit_hazard(cbind(unsafe, 20 - unsafe) ~ poly(a, degree), data)
  expect_equal(predict(fit, data["a"]), fit$fitted, tolerance = 1e-12)
  fit <- fit_hazard(cbind(unsafe, 20 - unsafe) ~ sin(2 * pi * a), data)
  expect_equal(predict(fit, data["a"]), fit$fitted, tolerance = 1e-12)
})

test_that("an offset is used or refused, never passed over", {
  set.seed(18)
  data <- data.frame(a = rnorm(200), b = rnorm(200))
  data$unsafe <- rbinom(200, 20, 1 - exp(-exp(-3 + data$a)))
  with_offset <- tryCatch(
    fit_hazard(cbind(unsafe, 20 - unsafe) ~ b + offset(a), data, penalty = 0,
               splines = 0)$fitted,
    timetounsafe_error_argument = function(e) NULL
  )
  without <- fit_hazard(cbind(unsafe, 20 - unsafe) ~ b, data, penalty = 0,
                        splines = 0)$fitted
  expect_false(identical(with_offset, without))
})

test_that("a feature with a single level tells nothing and does no harm", {
  set.seed(19)
  data <- data.frame(a = rnorm(100), same = "k")
  unsafe <- rbinom(100, 20, plogis(-2 + data$a))
  fit <- fit_hazard(data, counts(unsafe, 20))
  # Equal up to where the iterations for the penalties stop.
  expect_equal(fit$fitted, fit_hazard(data["a"], counts(unsafe, 20))$fitted,
               tolerance = 1e-4)
})

test_that("features without a column are an error about `x`", {
  for (x in list(data.frame(row.names = 1:5), matrix(0, 5, 0))) {
    error <- expect_error(fit_hazard(x, counts(rep(1, 5), 2)),
                          class = "timetounsafe_error")
    expect_identical(error$argument, "x")
  }
})

test_that("a matrix of text is an error about `x`", {
  error <- expect_error(fit_hazard(matrix(letters[1:6], 3),
                                   counts(c(1, 0, 0), 2)),
                        class = "timetounsafe_error")
  expect_identical(error$argument, "x")
})

test_that("a variable that is nowhere is an error that names it", {
  data <- data.frame(unsafe = c(1, 0, 1), safe = 1)
  expect_error(fit_hazard(cbind(unsafe, safe) ~ nowhere, data), "nowhere",
               class = "timetounsafe_error")
})

test_that("integer64 is a number", {
  # As RSQLite returns it, whether or not bit64 is there.
  long <- function(x) {
    low <- as.integer(ifelse(x %% 2^32 >= 2^31, x %% 2^32 - 2^32, x %% 2^32))
    bits <- rbind(low, as.integer(x %/% 2^32))
    structure(readBin(writeBin(as.vector(bits), raw(), endian = "little"),
                      "double", length(x), endian = "little"),
              class = "integer64")
  }
  set.seed(27)
  a <- round(rnorm(100, 0, 1e6)) * 1e3
  unsafe <- rbinom(100, 20, plogis(a / 2e9 - 2))
  plain <- data.frame(a = a, unsafe = unsafe, safe = 20 - unsafe)
  wide <- list2DF(list(a = long(a), unsafe = long(unsafe),
                       safe = long(20 - unsafe)))
  formula <- cbind(unsafe, safe) ~ a
  fit <- fit_hazard(formula, plain)
  expect_gt(diff(range(fit$fitted)), 0.01)
  expect_identical(fit_hazard(formula, wide)$fitted, fit$fitted)
  expect_identical(predict(fit, wide), fit$fitted)
  fit <- fit_hazard(plain["a"], counts(unsafe, 20))
  expect_identical(fit_hazard(wide["a"], counts(unsafe, 20))$fitted, fit$fitted)
  fit <- fit_hazard(a, counts(unsafe, 20))
  expect_identical(fit_hazard(long(a), counts(unsafe, 20))$fitted, fit$fitted)
  # cbind() drops the class.
  lost <- cbind(unclass(long(unsafe)), unclass(long(20 - unsafe)))
  expect_error(fit_hazard(a, lost), "integer64",
               class = "timetounsafe_error_argument")
})

test_that("a factor and text are the same at prediction", {
  set.seed(21)
  data <- data.frame(f = factor(rep(c("p", "q"), 50)), ch = rep("y", 100))
  data$ch[1:50] <- "z"
  fit <- fit_hazard(data, counts(rbinom(100, 20, 0.2), 20))
  swapped <- data.frame(f = as.character(data$f), ch = factor(data$ch))
  expect_identical(predict(fit, swapped), fit$fitted)
})

test_that("missing columns are an error that names them", {
  set.seed(22)
  data <- data.frame(a = rnorm(50), b = rnorm(50), c = rnorm(50))
  unsafe <- rbinom(50, 20, 0.2)
  for (x in list(data, as.matrix(data))) {
    fit <- fit_hazard(x, counts(unsafe, 20))
    error <- expect_error(predict(fit, x[, "b", drop = FALSE]),
                          "\"a\", \"c\"", class = "timetounsafe_error_features")
    expect_identical(error$columns, c("a", "c"))
    expect_identical(error$argument, "newdata")
  }
})

test_that("missing and infinite features are an error that names the columns", {
  set.seed(23)
  x <- matrix(rnorm(150), 50, dimnames = list(NULL, c("a", "b", "c")))
  unsafe <- rbinom(50, 20, 0.2)
  fits <- list(fit_hazard(x, counts(unsafe, 20)),
               fit_hazard(as.data.frame(x), counts(unsafe, 20)))
  for (value in c(NA, NaN, Inf, -Inf)) {
    bad <- x
    bad[4, "b"] <- value
    bad[9, "c"] <- value
    for (newdata in list(bad, as.data.frame(bad))) {
      error <- expect_error(fit_hazard(newdata, counts(unsafe, 20)),
                            "\"b\", \"c\"",
                            class = "timetounsafe_error_features")
      expect_identical(error$columns, c("b", "c"))
      expect_identical(error$argument, "x")
    }
    expect_error(predict(fits[[1]], bad), "\"b\", \"c\"",
                 class = "timetounsafe_error_features")
    expect_error(predict(fits[[2]], as.data.frame(bad)), "\"b\", \"c\"",
                 class = "timetounsafe_error_features")
  }
})

test_that("columns without a name are named by their position", {
  x <- matrix(c(1:5, NA), 3)
  error <- expect_error(fit_hazard(x, counts(c(1, 0, 1), 2)), "\"2\"",
                        class = "timetounsafe_error_features")
  expect_identical(error$columns, "2")
})

test_that("a missing value that the formula does not use does no harm", {
  set.seed(24)
  data <- data.frame(a = rnorm(50), unused = NA, unsafe = rbinom(50, 9, 0.3))
  fit <- fit_hazard(cbind(unsafe, 9 - unsafe) ~ a, data)
  expect_identical(predict(fit, data), fit$fitted)
})

test_that("a missing category is an error that names the column", {
  data <- data.frame(f = c("p", NA, "q", "p"))
  error <- expect_error(fit_hazard(data, counts(c(1, 0, 1, 0), 2)), "\"f\"",
                        class = "timetounsafe_error_features")
  expect_identical(error$columns, "f")
})

test_that("the wrong number of columns is an error", {
  set.seed(25)
  fit <- fit_hazard(matrix(rnorm(150), 50), counts(rbinom(50, 20, 0.2), 20))
  expect_error(predict(fit, matrix(0, 4, 2)), "3 columns",
               class = "timetounsafe_error_features")
  expect_error(predict(fit, matrix(0, 4, 4)), "not 4",
               class = "timetounsafe_error_features")
  expect_error(predict(fit, c(1, 2, 3)), "3 columns",
               class = "timetounsafe_error_features")
})

test_that("features of another form than in training are an error", {
  set.seed(26)
  text <- paste("prompt", 1:40, c("good", "bad"))
  unsafe <- rbinom(40, 20, 0.2)
  forms <- list(text, data.frame(a = rnorm(40)), matrix(rnorm(40), 40))
  for (i in 1:3) {
    fit <- fit_hazard(forms[[i]], counts(unsafe, 20))
    for (newdata in forms[-i]) {
      error <- expect_error(predict(fit, newdata), "newdata",
                            class = "timetounsafe_error")
      expect_identical(error$argument, "newdata")
    }
  }
})

test_that("text or a factor in the place of a number is an error", {
  set.seed(27)
  data <- data.frame(a = rnorm(40))
  fit <- fit_hazard(data, counts(rbinom(40, 20, plogis(-2 + data$a)), 20))
  for (a in list("x", c("x", "y"), c("1", "2", "3"), factor(c(5, 7)))) {
    expect_error(predict(fit, data.frame(a = a)), "newdata",
                 class = "timetounsafe_error_features")
  }
})

test_that("a number in the place of TRUE and FALSE is an error or the same", {
  data <- data.frame(a = rep(c(TRUE, FALSE), 20), unsafe = rep(c(5, 1), 20))
  fit <- fit_hazard(cbind(unsafe, 9 - unsafe) ~ a, data)
  prob <- tryCatch(predict(fit, data.frame(a = c(1, 0))),
                   timetounsafe_error_features = function(e) fit$fitted[1:2])
  expect_equal(prob, fit$fitted[1:2])
})

test_that("more than five names are cut short", {
  x <- matrix(NA_real_, 3, 8, dimnames = list(NULL, letters[1:8]))
  error <- expect_error(fit_hazard(x, counts(c(1, 0, 1), 2)),
                        "\"e\" and 3 more",
                        class = "timetounsafe_error_features")
  expect_identical(error$columns, letters[1:8])
})

test_that("a column I(text) becomes features of its words", {
  set.seed(27)
  text <- stories(120)
  x <- data.frame(score = rnorm(120), prompt = I(text))
  y <- counts(rbinom(120, 20, ifelse(grepl("cruel", text), 0.4, 0.05)), 20)
  fit <- fit_hazard(x, y)
  # The matrix of text_features() beside the score, by hand.
  by_hand <- cbind(score = x$score, text_features(text)$features)
  expect_equal(fitted(fit), fitted(fit_hazard(by_hand, y)))
  new <- data.frame(score = 0, prompt = c("a cruel story", "a calm story"))
  p <- predict(fit, new)
  expect_gt(p[1], p[2])
  expect_identical(predict(fit, transform(new, prompt = I(prompt))), p)
  both <- cbind(x, y)
  formula <- cbind(unsafe, safe) ~ score + prompt
  expect_equal(fitted(fit_hazard(formula, both)), fitted(fit))
  file <- withr::local_tempfile()
  saveRDS(fit, file)
  expect_identical(predict(readRDS(file), new), p)
})
