test_that("every plot of every bound is drawn, and x comes back unseen", {
  withr::local_pdf(NULL)
  for (lpb in many_lpbs()) {
    for (which in lpb_plots) {
      expect_silent(out <- withVisible(plot(lpb, which)))
      expect_identical(out, list(value = lpb, visible = FALSE))
    }
  }
  expect_silent(plot(lpb, main = "A title", ylim = c(0, 1)))
  expect_error(plot(lpb, "beauty"), "`which`",
               class = "timetounsafe_error_argument")
})

test_that("the miscoverage shows both taus, and what is estimated there", {
  lpb <- many_lpbs()$certified
  picture <- miscoverage_picture(lpb)
  expect_equal(picture$marks$what, c("marginal", "certified"))
  expect_equal(picture$marks$tau, c(lpb$tau_marginal, lpb$tau))
  # The marginal one is at the target, the certified one keeps a margin.
  # (As far as the grid of the curve tells.)
  expect_lt(abs(picture$marks$miscoverage[1] - 0.1), 0.006)
  expect_lt(picture$marks$miscoverage[2], 0.095)
  point <- miscoverage_picture(many_lpbs()$point)
  expect_equal(point$marks$what, "marginal")
})

test_that("at a jump the estimate is what holds below it", {
  lpb <- many_lpbs()$optimized
  marks <- miscoverage_picture(lpb)$marks
  below <- lpb$curve$miscoverage[lpb$curve$tau < lpb$tau]
  expect_equal(marks$miscoverage[2], max(0, below))
  expect_true(all(marks$miscoverage < 0.1))
})

test_that("the bounds are those of the prompts, endless ones included", {
  p <- c(0, 0.001, 0.01, 0.01)
  lpb <- bound_on(p)
  lpb$tau <- 0.1
  lpb$cap <- Inf
  bound <- predict(lpb, p)
  expect_equal(bound[1], Inf)
  curve <- bound_picture(lpb)$curve
  expect_equal(curve$bound, c(1, bound[3], bound[2]))
  expect_equal(curve$share, c(1, 1, 0.5))
  withr::local_pdf(NULL)
  expect_silent(plot(lpb, "bound"))
})

test_that("autoplot() draws the same with ggplot2", {
  skip_if_not_installed("ggplot2", "3.4.0")
  withr::local_pdf(NULL)
  for (lpb in many_lpbs()) {
    for (which in lpb_plots) {
      drawn <- ggplot2::autoplot(lpb, which)
      expect_s3_class(drawn, "ggplot")
      expect_silent(suppressMessages(ggplot2::ggplot_build(drawn)))
    }
  }
  data <- ggplot2::ggplot_build(ggplot2::autoplot(many_lpbs()$certified))$data
  marks <- miscoverage_picture(many_lpbs()$certified)$marks
  expect_equal(data[[5]]$x, marks$tau)
  expect_equal(data[[5]]$y, marks$miscoverage)
  p <- 10^runif(50, -3, -1)
  seen <- assess_lpb(many_lpbs()$certified, p, prob = p)
  expect_s3_class(ggplot2::autoplot(seen), "ggplot")
  expect_error(ggplot2::autoplot(lpb, "beauty"), "`which`",
               class = "timetounsafe_error_argument")
})
