test_that("the population is the paper's", {
  set.seed(1)
  prompts <- simulate_prompts(1015, draws = 50)
  expect_identical(dim(prompts), c(1015L, 5L))
  expect_identical(sum(prompts$hard), 102L)
  easy <- log10(sort(prompts$prob[!prompts$hard]))
  hard <- log10(sort(prompts$prob[prompts$hard]))
  expect_equal(easy, seq(-3, -2, length.out = 913))
  expect_equal(hard, seq(-5, -4, length.out = 102))
  expect_true(is.unsorted(prompts$prob))
  expect_true(all(prompts$unsafe <= 50 & prompts$draws == 50))

  exact <- simulate_prompts(1000, noise = 0)
  q <- geometric_quantile(exact$prob, seq(0.1, 0.9, length.out = 10))^0.25
  expect_equal(exact$x, q / mean(q))
  expect_lt(abs(sum(exact$unsafe) / sum(500 * exact$prob) - 1),
            4 / sqrt(sum(500 * exact$prob)))
  # 1e4 normal numbers: the error of their sd is 0.1 / sqrt(2e4).
  set.seed(2)
  noise <- simulate_prompts(1000, noise = 0.1)
  order_x <- function(d) d$x[order(d$prob), ]
  expect_lt(abs(sd(order_x(noise) - order_x(exact)) - 0.1), 0.4 / sqrt(2e4))
})

test_that("the paper's net sees features as they are", {
  set.seed(4)
  prompts <- simulate_prompts(300)
  set.seed(5)
  fit <- fit_paper_hazard(prompts$x, counts(prompts$unsafe, 500), epochs = 2)
  expect_s3_class(fit, "hazard_fit")
  expect_identical(predict(fit, prompts$x), predict(fit))
  expect_identical(fit$model$epochs, 2L)
  # Ten features, four layers of 32 and one output, each with a bias.
  expect_length(fit$model$weights, 11 * 32 + 3 * 33 * 32 + 33)
  # Another scale of features is another model, which standardising would undo.
  set.seed(5)
  wide <- fit_paper_hazard(100 * prompts$x, counts(prompts$unsafe, 500),
                           epochs = 2)
  expect_gt(max(abs(wide$fitted - fit$fitted)), 0.01)
})
