test_that("started workers do what forked ones do", {
  skip_on_cran()
  # Other tests want R's own generator.
  streams <- keep_generator(random_streams(1, 3))
  f <- function() stats::runif(2)
  forked <- keep_generator(run_streams(streams, f, 2))
  started <- keep_generator(run_streams(streams, f, 2, fork = FALSE))
  expect_identical(started, forked)
})

test_that("a key fixes a stream, and leaves the session's as it is", {
  set.seed(1)
  first <- stats::runif(1)
  set.seed(1)
  a <- with_stream(c(0.5, 1, 2), stats::runif(5))
  expect_identical(stats::runif(1), first)
  expect_identical(with_stream(c(0.5, 1:2), stats::runif(5)), a)
  # Where the numbers of a key were made does not matter.
  expect_identical(stream_of(c(0.5, seq_len(2))), stream_of(c(0.5, 1, 2)))
  keys <- c(list(c(0.25, 1, 2), c(0.5, 2, 1)), lapply(1:2000, c, 7))
  u <- vapply(keys, function(key) with_stream(key, stats::runif(2)),
              numeric(2))
  expect_equal(anyDuplicated(c(a, u)), 0)
  expect_gt(stats::ks.test(u, "punif")$p.value, 1e-4)
  # Neighbours, and the two numbers of a stream, are independent.
  expect_lt(abs(cor(u[1, -1], u[1, -ncol(u)])), 4.5 / sqrt(2000))
  expect_lt(abs(cor(u[1, ], u[2, ])), 4.5 / sqrt(2000))
  expect_error(with_stream(1, stop("fails")), "fails")
  set.seed(1)
  expect_identical(stats::runif(1), first)
})
