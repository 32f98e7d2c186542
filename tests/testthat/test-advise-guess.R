test_that("guessed prompts have the rate that was guessed, and its spread", {
  set.seed(1)
  for (rate in c(0.001, 0.05, 0.4)) {
    people <- guess_prompts(rate, 2e5)
    error <- sd(people$prob) / sqrt(2e5)
    expect_lt(abs(mean(people$prob) - rate), 4 * error + 1e-3 * rate)
  }
  people <- guess_prompts(0.0001, 2e5)
  eta <- log(-log1p(-people$prob))
  expect_equal(sd(eta), guessed_law$spread, tolerance = 0.01)
  explained <- summary(lm(eta ~ people$x))$r.squared
  expect_equal(explained, guessed_law$explained, tolerance = 0.02)
})

test_that("a simulated training says about half of what there is to say", {
  before <- .Random.seed
  scene <- guess_scene(0.02, 1000, 20)
  expect_identical(.Random.seed, before)
  expect_identical(guess_scene(0.02, 1000, 20), scene)
  logit <- function(p) log(-log1p(-p))
  explained <- cor(logit(scene$rows$prob), logit(scene$truth))^2
  expect_gt(explained, 0.4)
  expect_lt(explained, 0.6)
  expect_length(scene$pilot$prob, 1000)
  # More training says more, up to what features can say.
  few <- guess_scene(0.02, 50, 5)
  expect_lt(cor(logit(few$rows$prob), logit(few$truth))^2, explained)
})

test_that("a guess gets settings that the money pays for, training included", {
  advice <- advise_budget(0.02, budget = c(5.5, 40), price = 0.01,
                          max_cost = 100, repetitions = 10)
  expect_true(all(advice$cost <= 100))
  training <- advice$n_train * ceiling(advice$budget)
  expect_equal(advice$draws, advice$n * advice$budget + training)
  # Less than one prompt more, with its share of training, is left.
  left <- 100 / 0.01 - advice$draws
  expect_true(all(left < advice$budget +
                    (advice$train / (1 - advice$train) + 1) *
                      ceiling(advice$budget)))
  expect_equal(sum(advice$best), 1)
  expect_equal(glance(advice)$gmean_bound, advice$gmean_bound[advice$best])
  expect_gte(advice$gmean_bound[advice$best], 0.99 * max(advice$gmean_bound))
  expect_output(print(advice), "time_to_unsafe\\(prompts, sampler, budget = ")
  again <- advise_budget(0.02, budget = c(5.5, 40), price = 0.01,
                         max_cost = 100, repetitions = 10)
  expect_identical(again, advice)
})

test_that("what a guess foresees is about what audits of such prompts get", {
  n <- 400
  budget <- 20
  advice <- advise_budget(0.02, budget = budget, n = n, repetitions = 40)
  advice <- advice[advice$train == 0.5, ]
  expect_equal(advice$n_train, n)
  set.seed(5)
  bounds <- replicate(12, {
    training <- guess_prompts(0.02, n)
    people <- guess_prompts(0.02, n)
    unsafe <- rbinom(n, budget, training$prob)
    hazard <- fit_hazard(training$x, counts(unsafe, budget))
    plan <- plan_audit(hazard, as.character(1:n), budget, people$x)
    lpb <- calibrate_lpb(simulate_audit(plan, people$prob))
    mean(log(predict(lpb, people$x)))
  })
  # Trainings differ, of which one was foreseen.
  expect_lt(abs(log(advice$gmean_bound) - mean(bounds)), 2.5 * sd(bounds))
})

test_that("money and guesses that cannot be used are refused by name", {
  p <- 10^runif(100, -3, -1)
  expect_error(advise_budget(known_hazard(), p, max_cost = 10),
               "`price` is required", class = "timetounsafe_error_argument")
  expect_error(advise_budget(known_hazard(), p, price = 1, max_cost = 10),
               "buys none", class = "timetounsafe_error_argument")
  expect_error(advise_budget(known_hazard(), p, 10, n = 50, price = 1,
                             max_cost = 10),
               "cheapest costs 500", class = "timetounsafe_error_argument")
  expect_error(advise_budget(0.01), "`n` is required",
               class = "timetounsafe_error_argument")
  expect_error(advise_budget(0.01, p, n = 100), "`newdata` must be NULL",
               class = "timetounsafe_error_argument")
  bad_arguments(advise_budget, list(hazard = 0.01, n = 100, budget = 10),
                list(hazard = list(0, 1, NA_real_, c(0.1, 0.2), "x")))
})
