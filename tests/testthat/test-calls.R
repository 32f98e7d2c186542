kept <- function(call, nested = FALSE) {
  deparse(plain_call(call, "fit_hazard", nested))
}

test_that("arguments are names, and whatever was written out is not kept", {
  expect_identical(kept(quote(f(x, y = , "z", 1, b = NULL, c = g("key")))),
                   "f(x, y = , ..., ..., b = NULL, c = ...)")
  expect_identical(kept(quote(stats::f(x, y = , "z"))),
                   "fit_hazard(x, y = , ...)")
  expect_identical(kept(as.call(list(function(x) "key", quote(x)))),
                   "fit_hazard(x)")
  expect_identical(kept(quote(fit_hazard.formula(x))), "fit_hazard(x)")
  expect_null(plain_call(NULL, "fit_hazard"))
  expect_null(plain_call("key", "fit_hazard"))
})

test_that("where calls in it are kept, so are numbers, and no more", {
  expect_identical(
    kept(quote(f(cbind(a, b) ~ log(x, 2), c("key", p = TRUE), 1:9)), TRUE),
    "f(cbind(a, b) ~ log(x, 2), c(..., p = TRUE), 1:9)"
  )
  expect_identical(kept(quote(f(function(x) "key", g(stats::h("key")))), TRUE),
                   "f(..., g(stats::h(...)))")
  # A formula has an environment, which may hold anything.
  formula <- local({
    key <- "key"
    a ~ b
  })
  call <- plain_call(as.call(list(as.name("f"), formula)), "f", TRUE)
  expect_null(attributes(call[[2]]))
  # As do.call() does it.
  expect_identical(kept(as.call(list(as.name("f"), x = c(1, 2), y = "key")),
                        TRUE), "f(x = ..., y = ...)")
})
