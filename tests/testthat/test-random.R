test_that("started workers do what forked ones do", {
  skip_on_cran()
  # Other tests want R's own generator.
  streams <- keep_generator(random_streams(1, 3))
  f <- function() stats::runif(2)
  forked <- keep_generator(run_streams(streams, f, 2))
  started <- keep_generator(run_streams(streams, f, 2, fork = FALSE))
  expect_identical(started, forked)
})
