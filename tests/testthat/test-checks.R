test_that("a missing package is told, and how to get it", {
  expect_error(need_package("ggplot2", "to draw", "99.0"),
               "install.packages(\"ggplot2\")", fixed = TRUE,
               class = "timetounsafe_error_unavailable")
})
