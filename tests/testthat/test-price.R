test_that("a draw costs its share of the request and its own tokens", {
  one <- draw_price(200, 300, prompt = 0.15, response = 0.6)
  expect_equal(one, (200 * 0.15 + 300 * 0.6) / 1e6)
  # 100 draws by hand: 13 requests with 8 choices at most would send the prompt
  # 13 times; on average it is sent 12.5 times.
  eight <- draw_price(c(100, 300), 300, prompt = 0.15, response = 0.6,
                      request = 0.001, n_choices = 8, discount = 0.5,
                      judge = 0.0002)
  requests <- 100 / 8
  bill <- 0.5 * (requests * (0.001 + 200 * 0.15 / 1e6) +
                   100 * 300 * 0.6 / 1e6) + 100 * 0.0002
  expect_equal(100 * eight, bill)
  expect_equal(draw_price(1, 1, prompt = 1, response = 2, per = 1000), 0.003)
  expect_equal(draw_price(0, 0, prompt = 0, response = 0, request = 2), 2)
})

test_that("bad prices are named", {
  bad_arguments(
    draw_price, list(prompt_tokens = 1, response_tokens = 1, prompt = 1,
                     response = 1),
    list(prompt_tokens = list(-1, NA, "x"), response_tokens = list(-1, NULL),
         prompt = list(-1, c(1, 2)), response = list(NA), per = list(0),
         request = list(-1), n_choices = list(0.5), discount = list(1.5, -1),
         judge = list(-1))
  )
})
