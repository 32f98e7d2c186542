# A fit to `n` of these rows, and a plan for others of them.
noise_rows <- function(n) {
  list(x = matrix(rnorm(4 * n), n), unsafe = rbinom(n, 20, 0.05))
}
fit_rows <- function(rows, at) {
  fit_hazard(rows$x[at, ], counts(rows$unsafe[at], 20), penalty = 0,
             splines = 0)
}
refused <- function(code, text = "other rows") {
  error <- expect_error(code, text, class = "timetounsafe_error_argument")
  expect_identical(error$argument, "prompts")
}

test_that("a plan for rows that trained the hazard is refused", {
  set.seed(1)
  rows <- noise_rows(300)
  fit <- fit_rows(rows, 1:150)
  plan <- function(at, x = rows$x, ...) {
    quiet(plan_audit(fit, paste("p", at), 20, x[at, ], ...))
  }
  refused(plan(1:150), "150 prompts that occur once in training and once here")
  refused(plan(1:150, reference = FALSE))
  # Some of them, in any order.
  refused(plan(sample(c(1:30, 151:270))))
  refused(plan(sample(300)))
  expect_s3_class(plan(151:300), "audit_plan")
  # Features that went through a file.
  refused(plan(1:150, signif(rows$x, 15)))
  expect_s3_class(quiet(plan_audit(
    as_hazard(function(newdata) rep(0.05, nrow(newdata))), paste("p", 1:150),
    20, rows$x[1:150, ]
  )), "audit_plan")
})

test_that("equal rows of a random split are in order", {
  set.seed(2)
  for (i in 1:40) {
    text <- sample(c(rep("template", 100), rep(paste("pair", 1:50), each = 2),
                     paste("one", 1:100)))
    features <- noise_rows(300)
    x <- features$x[match(text, unique(text)), ]
    at <- sample(300, 150)
    fit <- fit_hazard(x[at, ], counts(features$unsafe[at], 20), penalty = 0,
                      splines = 0)
    expect_s3_class(
      quiet(plan_audit(fit, text[-at], 20, x[-at, ])), "audit_plan"
    )
  }
  # The same rows of such traffic are found by those that occur in it once.
  refused(plan_audit(fit, text[at], 20, x[at, ]))
  # A few values say little, unless all are halved.
  few <- matrix(rep(1:4, 50), ncol = 1)
  fit <- fit_hazard(few, counts(rbinom(200, 20, 0.05), 20))
  expect_s3_class(quiet(plan_audit(fit, paste(1:200), 20, few)), "audit_plan")
  many <- matrix(rep(1:40, 5), ncol = 1)
  fit <- fit_hazard(many, counts(rbinom(200, 20, 0.05), 20))
  refused(plan_audit(fit, paste(1:200), 20, many))
})

test_that("chance rarely splits more pairs than half", {
  set.seed(3)
  expect_null(same_rows(1:100, 101:200))
  expect_identical(same_rows(1:25, 25:1)$apart, 25L)
  expect_identical(same_rows(c(1:60, 70:75), c(1:60, 80:90))$apart, 60L)
  expect_null(same_rows(1:21, c(1:10, 31:40)))
  found <- replicate(2000, {
    rows <- sample(rep(1:40, sample(1:4, 40, replace = TRUE)))
    at <- sample(length(rows), length(rows) / 2)
    !is.null(same_rows(rows[at], rows[-at]))
  })
  expect_identical(sum(found), 0L)
})

test_that("ids that were chosen name the row", {
  set.seed(4)
  prompts <- c(paste("prompt", 1:30), rep("the same", 10))
  sampler <- function(prompts) runif(length(prompts)) < 0.2
  named <- setNames(prompts, paste0("row", 1:40))
  x <- matrix(rnorm(40), 40)
  fit <- fit_hazard(x, draw_responses(named, sampler, 10))
  new <- matrix(rnorm(40), 40)
  # One row is enough, if prompt and features are its own, too.
  new[7, ] <- x[7, ]
  texts <- paste("new", 1:40)
  texts[7] <- prompts[7]
  plan <- function(id, prompts = texts) {
    quiet(plan_audit(fit, prompts, 20, new, id = id))
  }
  refused(plan(paste0("row", 1:40)), "1 row with the ids and prompts")
  expect_s3_class(plan(paste0("new", 1:40)), "audit_plan")
  expect_s3_class(plan(paste0("row", 1:40), paste("new", 1:40)), "audit_plan")
  # 1, 2, ... are no names.
  fit <- fit_hazard(x, draw_responses(prompts, sampler, 10))
  expect_s3_class(plan(1:40), "audit_plan")
  expect_null(chosen_ids(1:3))
  expect_null(chosen_ids(c("1", "2")))
  expect_identical(chosen_ids(c(2, 1)), c(2, 1))
})

test_that("prompts tell rows with equal features apart", {
  set.seed(5)
  prompts <- paste("prompt", 1:80)
  sampler <- function(prompts) runif(length(prompts)) < 0.2
  grid <- data.frame(topic = rep(letters[1:8], 5), size = rep(1:5, each = 8))
  fit <- fit_hazard(grid, draw_responses(prompts[1:40], sampler, 10))
  expect_s3_class(quiet(plan_audit(fit, prompts[41:80], 20, grid)),
                  "audit_plan")
  refused(plan_audit(fit, prompts[1:40], 20, grid))
  # Text is its own features; a formula names its columns.
  fit <- fit_hazard(draw_responses(prompts[1:40], sampler, 10))
  refused(plan_audit(fit, prompts[1:40], 20))
  expect_s3_class(quiet(plan_audit(fit, prompts[41:80], 20)), "audit_plan")
  data <- data.frame(unsafe = rbinom(40, 10, 0.2), x = rnorm(40))
  fit <- fit_hazard(cbind(unsafe, 10 - unsafe) ~ x, data)
  refused(plan_audit(fit, prompts[1:40], 20, data))
  expect_s3_class(quiet(plan_audit(fit, prompts[1:40], 20,
                                   data.frame(x = rnorm(40)))), "audit_plan")
})

test_that("a fit keeps hashes, not prompts", {
  set.seed(6)
  prompts <- vapply(1:200, function(i) {
    paste(sample(letters, 200, replace = TRUE), collapse = "")
  }, "")
  rows <- mark_rows(prompts, list(prompts = prompts, id = prompts),
                    rep(TRUE, 200))
  expect_type(rows$text, "double")
  expect_identical(rows$text, rows$prompts)
  expect_identical(anyDuplicated(rows$text), 0L)
  expect_lt(max(rows$text), 2^52)
})
