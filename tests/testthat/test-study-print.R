test_that("plots are drawn, and their data are the summary", {
  skip_if_not_installed("ggplot2", "3.4.0")
  study <- small_study(c("trimmed", "optimized"), c(20, 90), n = 500,
                       alpha = c(0.1, 0.3))
  expect_error(ggplot2::autoplot(study, "beauty"), "`metric`",
               class = "timetounsafe_error_argument")
  for (metric in names(study_titles)) {
    picture <- ggplot2::autoplot(study, metric)
    drawn <- ggplot2::ggplot_build(picture)$data
    expect_identical(nrow(drawn[[2L]]), 8L)
  }
  picture <- ggplot2::autoplot(study[study$alpha == 0.1, ], "draws_made")
  drawn <- ggplot2::ggplot_build(picture)$data[[2L]]
  made <- summary(study[study$alpha == 0.1, ])$draws_made
  expect_equal(sort(drawn$y), sort(made))
  expect_length(unique(drawn$colour), 2)
  expect_length(unique(drawn$linetype), 2)

  weights <- small_study("trimmed", c(20, 90), n = 500, cap_ratio = c(2, 4))
  expect_error(ggplot2::autoplot(weights), "single `budget`|single `cap_ratio`",
               class = "timetounsafe_error_argument")
  picture <- ggplot2::autoplot(weights[weights$budget == 20, ], "mean_bound")
  expect_equal(ggplot2::ggplot_build(picture)$data[[2L]]$x, log10(c(2, 4)))
  file <- withr::local_tempfile(fileext = ".png")
  grDevices::png(file)
  returned <- plot(weights[weights$budget == 20, ])
  grDevices::dev.off()
  expect_s3_class(returned, "simulated_study")
  expect_gt(file.size(file), 1000)
})
