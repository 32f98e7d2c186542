test_that("the basis has the weights of its integrated squared curvature", {
  # By quadrature of the natural splines that stats::splinefun() lays through
  # the same values; the knots scaled to [0, 1].
  knots <- c(0, 0.1, 0.15, 0.4, 0.7, 1)
  basis <- timetounsafe:::spline_basis(3 + 20 * knots)
  at <- seq(0, 1, length.out = 20001)
  second <- apply(basis$value, 2, function(y) {
    splinefun(knots, y, method = "natural")(at, deriv = 2)
  })
  inner <- crossprod(second[-1, ] + second[-20001, ]) / 4 / 20000
  # The trapezium rule is off by about the square of a step of 1/20000.
  expect_equal(inner / inner[4, 4], diag(basis$weight), tolerance = 1e-5)
  expect_equal(basis$weight[4], 1)
  expect_identical(dim(basis$value), c(6L, 4L))
  # No column holds a part of a constant: values at the knots are orthogonal
  # to it and, as the straight line is free, to that.
  expect_equal(drop(crossprod(basis$value, cbind(1, knots))),
               matrix(0, 4, 2), tolerance = 1e-9, ignore_attr = TRUE)
})

test_that("expanded splines are natural splines, far outside too", {
  set.seed(1)
  for (x in list(rnorm(200), rt(200, 1), exp(3 * rnorm(200)))) {
    smooth <- timetounsafe:::make_smooth(x, 1L, 7)
    new <- c(x, -1e3, 1e3)
    got <- timetounsafe:::expand_smooths(cbind(new), list(smooth))[, -1]
    at <- timetounsafe:::apply_coordinate(new, smooth$coordinate)
    want <- apply(smooth$value, 2, function(y) {
      splinefun(smooth$knots, y, method = "natural")(at)
    })
    expect_equal(got, want, tolerance = 1e-8, ignore_attr = TRUE)
  }
})

test_that("only heavy-tailed features have a scale of their own", {
  set.seed(2)
  learn <- timetounsafe:::learn_coordinate
  expect_null(learn(rnorm(1e4)))
  expect_null(learn(runif(100)))
  # More than half alike: no spread to measure by.
  expect_null(learn(c(rep(0, 80), 1:20)))
  x <- rt(1e4, 2)
  coordinate <- learn(x)
  # Quartiles of t with 2 degrees are +-0.816; sampling error of 1e4 values is
  # about 0.015.
  expect_equal(coordinate[["centre"]], 0, tolerance = 0.06)
  expect_equal(coordinate[["spread"]], 2 * 0.816 / 1.35, tolerance = 0.06)
  apply <- timetounsafe:::apply_coordinate
  expect_identical(apply(x, NULL), x)
  expect_false(is.unsorted(apply(sort(x), coordinate)))
  # The units of the feature do not matter.
  expect_equal(apply(7 * x - 3, learn(7 * x - 3)), apply(x, coordinate),
               tolerance = 1e-10)
})

test_that("heavy-tailed features give calibrated hazards", {
  # The slope of the true log hazard of new counts in the estimated one: over
  # 10 data sets each the mean slope is 1.00 and 0.89, with standard errors of
  # 0.02 and 0.03. The second truth has an effect of one in three features only.
  truth <- list(function(x) -3 + asinh(x[, 1]), function(x) -3 + sin(x[, 1]))
  for (eta in truth) {
    slope <- vapply(1:10, function(seed) {
      set.seed(seed)
      x <- matrix(rt(1800, 2), 600)
      new <- matrix(rt(6000, 2), 2000)
      observe <- function(x) rbinom(nrow(x), 20, 1 - exp(-exp(eta(x))))
      fit <- suppressWarnings(fit_hazard(x, counts(observe(x), 20)))
      unsafe <- observe(new)
      estimate <- log(-log1p(-pmin(predict(fit, new), 1 - 1e-12)))
      oracle <- suppressWarnings(
        glm(cbind(unsafe, 20 - unsafe) ~ estimate, binomial("cloglog"))
      )
      coef(oracle)[["estimate"]]
    }, 1)
    expect_gt(mean(slope), 0.8)
    expect_lt(mean(slope), 1.15)
  }
})
