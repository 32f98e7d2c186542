test_that("the weights of n-grams, worked by hand", {
  # Of 2 prompts both hold the word "a"; one each hold "b", "a b" as a pair and
  # "a b" as a run of 3 characters, and likewise with "c".
  idf <- text_features(c("a b", "a c"))$idf
  expect_equal(sum(idf == 0), 1)
  expect_equal(sum(abs(idf - log(3 / 2)) < 1e-12), 6)
  expect_equal(sum(abs(idf - log(3)) < 1e-12), 1024 - 7)
})

test_that("the object has the documented parts", {
  set.seed(1)
  prompts <- c("bake some bread", "tell me a joke", "sing a song", "go home")
  text <- text_features(prompts, size = 2, columns = 64)
  expect_s3_class(text, "text_features", exact = TRUE)
  expect_identical(text$size, 2L)
  expect_identical(text$columns, 64)
  expect_length(text$idf, 64)
  expect_identical(dim(text$rotation), c(64L, 2L))
  expect_length(text$values, 2)
  expect_identical(dim(text$features), c(4L, 3L))
  expect_identical(colnames(text$features), c("text1", "text2", "length"))
})

test_that("the last feature is the logarithm of one plus the characters", {
  text <- text_features(c("abc", "de fgh", ""))
  expect_equal(unname(text$features[, "length"]), log(1 + c(3, 6, 0)))
})

test_that("features of the training text equal the stored ones", {
  set.seed(2)
  prompts <- paste("prompt number", 1:60, rep(letters[1:20], 3))
  text <- text_features(prompts, size = 10)
  expect_identical(predict(text, prompts), text$features)
})

test_that("a prompt's features do not depend on the prompts beside it", {
  set.seed(3)
  prompts <- paste("prompt number", 1:40, rep(letters[1:20], 2))
  text <- text_features(prompts, size = 5)
  one_by_one <- do.call(rbind, lapply(prompts, predict, object = text))
  expect_equal(one_by_one, text$features, tolerance = 1e-14)
})

test_that("the rotation is orthonormal and keeps the singular values", {
  set.seed(4)
  prompts <- paste("word", 1:50, rep(c("red", "green", "blue", "grey", "pink"),
                                     10))
  text <- text_features(prompts, size = 8)
  expect_equal(crossprod(text$rotation), diag(8), tolerance = 1e-10)
  # Of the prompts' matrix A: the columns of A v_j have length s_j.
  expect_equal(unname(sqrt(colSums(text$features[, 1:8]^2))), text$values,
               tolerance = 1e-2)
  expect_false(is.unsorted(rev(text$values)))
  # Rows of A have length 1, so the squares of all values sum to n.
  expect_lte(sum(text$values^2), 50 + 1e-9)
})

test_that("with few prompts the decomposition is exact", {
  prompts <- c("bake some bread", "tell me a joke", "sing a song", "go home")
  text <- text_features(prompts)
  # Of the prompts' matrix A: with 3 of 4 singular values kept, A A' has the
  # squares of those among its eigenvalues, and the rest of its trace.
  last <- sqrt(4 - sum(text$values^2))
  expect_lte(last, min(text$values))
  expect_equal(unname(sqrt(colSums(text$features[, 1:3]^2))), text$values,
               tolerance = 1e-8)
})

test_that("case and punctuation do not matter, but for the length", {
  text <- text_features(c("hello world", "good bye", "you there", "again"))
  same <- predict(text, c("hello world", "Hello, WORLD!!", " hello\tworld"))
  expect_identical(same[2, 1:3], same[1, 1:3])
  expect_identical(same[3, 1:3], same[1, 1:3])
  expect_equal(unname(same[, "length"]), log(1 + c(11, 14, 12)))
})

test_that("similar prompts lie closer together than unrelated ones", {
  set.seed(8)
  prompts <- c(paste("how do I bake", c("bread", "a cake", "a pie", "cookies")),
               paste("write a poem on", c("spring", "war", "rain", "love")))
  features <- text_features(prompts, size = 4)$features[, 1:4]
  distance <- as.matrix(dist(features))
  within <- c(distance[1:4, 1:4][upper.tri(diag(4))],
              distance[5:8, 5:8][upper.tri(diag(4))])
  expect_lt(mean(within), mean(distance[1:4, 5:8]))
})

test_that("prompts in any script have features, whatever their encoding", {
  umlauts <- "\u00fcber die stra\u00dfe"
  prompts <- c(umlauts, "na\u00efve caf\u00e9", "\u4f60\u597d\u4e16\u754c",
               "\U1F600 smile")
  text <- text_features(prompts)
  expect_true(all(is.finite(text$features)))
  expect_equal(unname(text$features[, "length"]), log1p(nchar(prompts)))
  latin1 <- iconv(umlauts, "UTF-8", "latin1")
  expect_identical(predict(text, latin1), predict(text, umlauts))
  expect_false(all(text$features[3, -4] == 0))
})

test_that("a prompt that cannot be read as text is an error with a class", {
  unreadable <- "caf\xe9 \xff"
  Encoding(unreadable) <- "UTF-8"
  expect_error(text_features(c(unreadable, "fine", "good")), "prompts",
               class = "timetounsafe_error_argument")
  text <- text_features(c("fine", "good", "better"))
  expect_error(predict(text, unreadable), "newdata",
               class = "timetounsafe_error_argument")
})

test_that("an empty prompt has features of 0", {
  text <- text_features(c("", "hello world", "good bye"))
  expect_true(all(text$features[1, ] == 0))
  expect_true(all(predict(text, c("", "?!", " "))[, 1:2] == 0))
})

test_that("words never seen in training have a length all the same", {
  text <- text_features(c("alpha beta", "gamma delta", "epsilon"))
  new <- predict(text, "zzz")
  expect_true(all(is.finite(new)))
  expect_equal(new[[1, "length"]], log(4))
})

test_that("repeated prompts get the same features", {
  text <- text_features(c("one thing", "another", "one thing", "a third"))
  expect_equal(text$features[3, ], text$features[1, ], tolerance = 1e-12)
})

test_that("prompts that are all the same have features", {
  text <- text_features(rep("the same", 3))
  expect_identical(nrow(text$features), 3L)
  expect_true(all(is.finite(text$features)))
  expect_identical(predict(text, rep("the same", 3)), text$features)
})

test_that("a single prompt has features", {
  text <- text_features("alone")
  expect_identical(nrow(text$features), 1L)
  expect_equal(text$features[[1, "length"]], log(6))
})

test_that("prompts without a letter have features", {
  text <- text_features(c("", "?", "!!"))
  expect_equal(unname(text$features[, "length"]), log(c(1, 2, 3)))
})

test_that("the default size is lowered to fit few prompts", {
  expect_identical(ncol(text_features(c("ab", "cd", "ef"))$features), 3L)
  expect_identical(ncol(text_features(c("ab", "cd", "ab"))$features), 2L)
  text <- text_features(paste("prompt", 1:100, rev(letters[1:20])))
  expect_identical(ncol(text$features), 31L)
})

test_that("a size of one less than the distinct prompts is the most", {
  prompts <- c("ab", "cd", "ef")
  expect_identical(text_features(prompts, size = 2)$size, 2L)
  expect_error(text_features(prompts, size = 3), "`size`",
               class = "timetounsafe_error_argument")
})

test_that("16 columns are enough for more dimensions than columns", {
  text <- text_features(paste("prompt", 1:60, letters[1:20]), columns = 16)
  expect_lte(text$size, 16)
  expect_true(all(is.finite(text$features)))
})

test_that("a factor counts as its labels", {
  prompts <- c("hello world", "good bye", "you there")
  set.seed(9)
  features <- text_features(prompts)$features
  set.seed(9)
  expect_identical(text_features(factor(prompts))$features, features)
})

test_that("printing says the size and returns the object invisibly", {
  text <- text_features(c("hello world", "good bye", "you there"))
  expect_output(out <- withVisible(print(text)),
                "2 dimensions and the length, from 1024")
  expect_identical(out, list(value = text, visible = FALSE))
})

test_that("text_features() names a wrong argument", {
  not_whole <- list(NULL, NA, NaN, "5", 0, -1, 1.5, c(1, 2), numeric(), Inf)
  bad_arguments(
    "text_features",
    list(prompts = c("ab", "cd", "ef"), size = 2, columns = 64),
    list(
      prompts = list(NULL, NA, NaN, 1, character(), NA_character_, c("a", NA),
                     list("a"), data.frame(a = "a")),
      size = c(not_whole, list(3)), columns = c(not_whole, list(15, 2^30))
    )
  )
})

test_that("predict() of text features names a wrong argument", {
  text <- text_features(c("ab", "cd", "ef"))
  bad_arguments(
    "predict", list(object = text, newdata = "ab"),
    list(newdata = list(NULL, NA, 1, character(), NA_character_, list("a"),
                     matrix(1)))
  )
  expect_error(predict(text, "ab", size = 1), "size",
               class = "timetounsafe_error_argument")
})

test_that("features do not depend on R's random numbers, nor use any", {
  prompts <- paste("tell me a", rep(c("rude", "calm", "kind"), 40), "story",
                   1:120)
  set.seed(1)
  first <- text_features(prompts)
  state <- .Random.seed
  second <- text_features(prompts)
  expect_identical(.Random.seed, state)
  expect_identical(second, first)
  withr::with_seed(2, kind <- text_features(prompts),
                   .rng_kind = "L'Ecuyer-CMRG")
  expect_identical(kind, first)
})

test_that("features do not depend on the order of the prompts", {
  prompts <- paste("tell me a", rep(c("rude", "calm", "kind"), 40), "story",
                   1:120)
  set.seed(3)
  at <- sample(120)
  moved <- text_features(prompts[at])
  first <- text_features(prompts)
  expect_identical(moved$rotation, first$rotation)
  expect_equal(moved$features, first$features[at, ], tolerance = 1e-13)

  p <- ifelse(grepl("rude", prompts), 0.2, 0.02)
  unsafe <- rbinom(120, 30, p)
  expect_equal(fit_hazard(prompts[at], counts(unsafe[at], 30))$fitted,
               fit_hazard(prompts,
                          counts(unsafe, 30))$fitted[at], tolerance = 1e-6)
})

test_that("case and letters are Unicode's, whatever the locale says", {
  capitals <- c("\u041f\u0420\u0418\u0412\u0415\u0422 \u041c\u0418\u0420",
                "TITLE I", "\u00dcBER \u00c9T\u00c9")
  small <- c("\u043f\u0440\u0438\u0432\u0435\u0442 \u043c\u0438\u0440",
             "title i", "\u00fcber \u00e9t\u00e9")
  text <- text_features(c(small, "something else"))
  expect_identical(predict(text, capitals), predict(text, small))
  expect_true(all(rowSums(abs(predict(text, capitals)[, 1:3])) > 0.1))
  # A mark belongs to its letter: the word is one.
  expect_identical(sum(ngram_counts("\u0928\u093f", 64)), 1)
})

test_that("features and predictions are the same in every locale", {
  skip_on_cran()
  skip_on_os("windows")
  prompts <- c("\u041f\u0420\u0418\u0412\u0415\u0422 \u043c\u0438\u0440",
               "TITLE of I", "\u0928\u093f x", "plain words", "\u0130stanbul")
  set.seed(5)
  fit <- fit_hazard(rep(prompts, 20), counts(rbinom(100, 20, 0.1), 20))
  files <- list(plain = tempfile(), fit = tempfile(), out = tempfile())
  writeLines(enc2utf8(prompts), files$plain, useBytes = TRUE)
  saveRDS(list(prompts = prompts, fit = fit), files$fit)
  installed <- system2("locale", "-a", stdout = TRUE, stderr = FALSE)
  tried <- c("C", "C.UTF-8", intersect(c("tr_TR.utf8", "de_DE.utf8"),
                                       installed))
  for (locale in tried) {
    withr::with_envvar(c(LC_ALL = locale), run_elsewhere(c(
      sprintf("given <- readRDS(%s)", deparse(files$fit)),
      # As cron would: from a file, of which R knows no encoding.
      sprintf("plain <- readLines(%s)", deparse(files$plain)),
      "out <- list(predict(given$fit, given$prompts),",
      "            predict(given$fit, plain),",
      "            text_features(given$prompts)$features,",
      "            fit_hazard(data.frame(f = rep(c('b', 'A', 'c', 'B'), 10)),",
      "                       cbind(1:40, 40))$encoder$levels$f)",
      sprintf("saveRDS(out, %s)", deparse(files$out))
    )))
    expect_equal(readRDS(files$out),
                 list(predict(fit, prompts), predict(fit, prompts),
                      text_features(prompts)$features, c("A", "B", "b", "c")),
                 tolerance = 1e-13, info = locale)
    unlink(files$out)
  }
})

test_that("one text of megabytes needs no gigabytes", {
  skip_on_cran()
  huge <- paste(rep("tell me a joke", 3e5), collapse = " ")
  took <- system.time(text <- text_features(c(huge, "tell me", "sing a song")))
  expect_lt(took[["elapsed"]], 10)
  expect_true(all(is.finite(text$features)))
  moved <- text_features(c("sing a song", huge, "tell me"))
  expect_equal(moved$features[c(2, 3, 1), ], text$features, tolerance = 1e-13)
})
