sparse_of <- function(x) {
  methods::as(Matrix::Matrix(x, sparse = TRUE), "generalMatrix")
}

test_that("sparse columns have the moments of dense ones", {
  set.seed(1)
  x <- matrix(rbinom(1200, 1, 0.2) * rnorm(1200, 3), 60)
  # Constant ones, one value only, and values whose squares overflow.
  x[, 1] <- 0
  x[, 2] <- 5
  x[, 3] <- c(7, numeric(59))
  x[, 4] <- c(1e200, numeric(59))
  x[, 5] <- rnorm(60, 1e6)
  dense <- standardise(x)
  sparse <- standardise(sparse_of(x))
  expect_identical(sparse$label, dense$label)
  expect_equal(sparse$centre, dense$centre, tolerance = 1e-12)
  expect_equal(sparse$scale, dense$scale, tolerance = 1e-9)
  expect_identical(sparse$scale[1:2], c(0, 0))
})
