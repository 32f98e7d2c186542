test_that("copies() numbers what is the same, in whatever column", {
  expect_equal(copies(c("b", "a", "b")), c(1, 2, 1))
  rows <- data.frame(a = c(1, 1, 1, 2), b = c("x y", "x", "x y", "x y"))
  expect_equal(copies(rows), c(1, 2, 1, 3))
  rows <- data.frame(a = 1:3)
  rows$turns <- list("a", c("a", "b"), "a")
  rows$wide <- data.frame(k = c(1, 1, 1))
  rows$a[3] <- 1L
  expect_equal(copies(rows), c(1, 2, 1))
})
