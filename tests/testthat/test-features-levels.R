test_that("levels not seen in training count as average, with a warning", {
  set.seed(20)
  data <- data.frame(f = factor(rep(c("p", "q", "q", "r"), 50),
                                c("p", "q", "r", "unused")),
                     ch = rep(c("y", "z"), each = 100), x = rnorm(200))
  unsafe <- rbinom(200, 20, ifelse(data$f == "r", 0.6, 0.2))
  fit <- fit_hazard(data, counts(unsafe, 20), interactions = 0)
  eta <- function(newdata) log(-log1p(-predict(fit, newdata)))
  row <- function(f, ch = "y") data.frame(f = f, ch = ch, x = 0.5)
  seen <- vapply(c("p", "q", "r"), function(f) eta(row(f)), 0)
  warning <- expect_warning(new <- eta(row("new")), "\"new\"",
                            class = "timetounsafe_warning_new_levels")
  expect_identical(warning$columns, "f")
  expect_identical(warning$levels, list(f = "new"))
  expect_equal(new, sum(seen * c(1, 2, 1) / 4), tolerance = 1e-12)
  # The rule is the same for levels that were declared, and for text.
  expect_warning(unused <- eta(row("unused")), "\"unused\"",
                 class = "timetounsafe_warning_new_levels")
  expect_equal(unused, new, tolerance = 1e-12)
  known <- c(eta(row("p", "y")), eta(row("p", "z")))
  warning <- expect_warning(new <- eta(row("p", "w")),
                            class = "timetounsafe_warning_new_levels")
  expect_identical(warning$columns, "ch")
  expect_equal(new, mean(known), tolerance = 1e-12)
  # Those beside it are not touched.
  mixed <- suppressWarnings(eta(row(c("p", "new", "r"))))
  expect_equal(mixed[c(1, 3)], unname(seen[c("p", "r")]), tolerance = 1e-12)
})

test_that("new levels have the same rule in every kind of term", {
  set.seed(20)
  data <- data.frame(f = rep(c("p", "q", "r", "s"), 50), x = rnorm(200))
  data$unsafe <- rbinom(200, 20, 0.2)
  data$safe <- 20 - data$unsafe
  fits <- list(
    fit_hazard(cbind(unsafe, safe) ~ f * x, data),
    fit_hazard(cbind(unsafe, safe) ~ f:x, data),
    fit_hazard(cbind(unsafe, safe) ~ factor(f, ordered = TRUE) + x, data),
    fit_hazard(cbind(unsafe, safe) ~ paste0(f, f) + x, data)
  )
  for (fit in fits) {
    expect_warning(p <- predict(fit, data.frame(f = "new", x = 0)), "\"new",
                   class = "timetounsafe_warning_new_levels")
    expect_true(p > 0 && p < 1)
  }
})

test_that("text of its own in nearly every row is refused, with a hint", {
  set.seed(25)
  data <- data.frame(x = rnorm(100), prompt = paste("prompt", 1:100))
  y <- counts(rbinom(100, 20, 0.2), 20)
  frames <- list(data, data["prompt"],
                 data.frame(x = 1:100, prompt = factor(c(1:60, 1:40))))
  for (x in frames) {
    error <- expect_error(fit_hazard(x, y), "text_features()", fixed = TRUE,
                          class = "timetounsafe_error_features")
    expect_identical(error$columns, "prompt")
    expect_identical(error$argument, "x")
  }
  data <- cbind(data, y)
  expect_error(fit_hazard(cbind(unsafe, safe) ~ x + prompt, data), "\"prompt\"",
               class = "timetounsafe_error_features")
  expect_s3_class(fit_hazard(cbind(unsafe, safe) ~ x, data), "hazard_fit")
})

test_that("a level that occurs once does not break the way to a bound", {
  set.seed(26)
  n <- 120
  x <- data.frame(score = rnorm(n),
                  topic = c(paste("rare", 1:30), rep(c("a", "b"), 45)))
  sampler <- function(prompts) runif(length(prompts)) < 0.05
  lpb <- suppressWarnings(time_to_unsafe(paste("prompt", 1:n), sampler, 10,
                                         x = x))
  expect_s3_class(lpb, "lpb")
})

test_that("levels have the same order in every locale", {
  data <- data.frame(f = rep(c("b", "A", "c", "B"), 10), x = 1:40)
  fit <- fit_hazard(data, counts(rep(c(1, 2, 3, 4, 5), 8), 20))
  expect_identical(fit$encoder$levels$f, c("A", "B", "b", "c"))
})

# Topics of which some occur once; these are riskier than others.
rare_topics <- function() {
  level <- c(rep(1:50, each = 12), 51:120)
  prob <- ifelse(level > 50, 0.3, 0.03)
  list(data = data.frame(topic = sprintf("t%03d", level)), level = level,
       y = counts(rbinom(length(level), 30, prob), 30))
}

test_that("a level among many that is new counts as those that occur once", {
  set.seed(27)
  world <- rare_topics()
  fit <- fit_hazard(world$data, world$y)
  warning <- expect_warning(
    new <- predict(fit, data.frame(topic = c("new", "t001", "newer"))),
    "levels that training had once",
    class = "timetounsafe_warning_new_levels"
  )
  expect_identical(warning$levels, list(topic = c("new", "newer")))
  expect_gt(new[1], 0.15)
  expect_identical(new[3], new[1])
  expect_equal(new[2], fit$fitted[1], tolerance = 1e-12)
  # The prediction is that of the rare ones, but for what each has shown.
  expect_equal(log(new[1]), mean(log(fit$fitted[world$level > 50])),
               tolerance = 0.05)
})

test_that("no level is the one that the others are compared with", {
  set.seed(28)
  level <- rep(1:60, each = 10)
  unsafe <- rbinom(600, 30, ifelse(level == 1, 0.3, 0.03))
  names <- sprintf("t%02d", level)
  fit <- fit_hazard(data.frame(f = names), counts(unsafe, 30))
  turned <- fit_hazard(data.frame(f = chartr("0123456", "6543210", names)),
                       counts(unsafe, 30))
  expect_equal(fit$fitted, turned$fitted, tolerance = 0.05)
  expect_gt(fit$fitted[1], 0.2)
})

test_that("a level may be called other, and rare levels need no room", {
  set.seed(29)
  world <- rare_topics()
  world$data$topic[1:12] <- "other"
  fit <- fit_hazard(world$data, world$y)
  labels <- fit$encoder$columns
  expect_true(all(c("topicother", "topicother.1") %in% labels))
  expect_lt(length(serialize(fit, NULL)), 1e5)
  plain <- fit_hazard(world$data, world$y, penalty = 1)
  expect_false("topicother.1" %in% plain$encoder$columns)
  expect_warning(predict(plain, data.frame(topic = "new")), "average",
                 class = "timetounsafe_warning_new_levels")
})

test_that("many levels work beside an embedding, in a frame or a formula", {
  set.seed(30)
  world <- rare_topics()
  data <- world$data
  data$tone <- rnorm(nrow(data))
  data$e <- matrix(rnorm(nrow(data) * 60), ncol = 60)
  fit <- fit_hazard(data, world$y)
  expect_identical(lengths(lapply(fit$model$blocks$ridges, `[[`, "columns")),
                   c(121L, 60L))
  expect_equal(predict(fit, data), fit$fitted, tolerance = 1e-10)
  data$unsafe <- world$y[, 1]
  data$safe <- 30 - data$unsafe
  by_formula <- fit_hazard(cbind(unsafe, safe) ~ topic + tone + e, data)
  expect_equal(by_formula$fitted, fit$fitted, tolerance = 1e-8)
  few <- data[c(1, 660), ]
  few$topic[2] <- "new"
  expect_warning(p <- predict(by_formula, few),
                 class = "timetounsafe_warning_new_levels")
  expect_equal(p[1], by_formula$fitted[1], tolerance = 1e-10)
})
