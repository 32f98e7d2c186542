test_that("what is predicted is what calibrations of that plan then show", {
  set.seed(1)
  prompts <- simulate_prompts(5000)
  train <- 1:2000
  hazard <- fit_hazard(prompts$x[train, ],
                       counts(prompts$unsafe[train], prompts$draws[train]))
  rest <- prompts[-train, ]
  n <- 1000
  advice <- advise_budget(hazard, rest$x, c(20, 100), n = n, repetitions = 200)
  simulated <- vapply(advice$budget, function(budget) {
    row <- advice[advice$budget == budget, ]
    mean(replicate(60, {
      i <- sample(nrow(rest), n)
      plan <- plan_audit(hazard, as.character(i), budget, rest$x[i, ],
                         tau_max = row$tau_max, cap = row$cap)
      lpb <- calibrate_lpb(simulate_audit(plan, rest$prob[i]))
      assess_lpb(lpb, rest$x, prob = rest$prob)$estimate[1]
    })) - 0.9
  }, 0)
  # Monte Carlo errors of about 0.0014 / 0.0008 (simulated) and 0.0008 / 0.0005.
  expect_lt(max(abs(advice$margin / simulated - 1)), 0.25)
  expect_equal(advice$coverage, 0.9 + advice$margin)
  expect_true(all(diff(advice$gmean_bound) > 0))
  expect_true(all(advice$gmean_bound < advice$gmean_bound_marginal))
})

test_that("prompts that look alike differ as the precision says", {
  set.seed(5)
  p <- 10^runif(800, -3, -1)
  at <- function(precision) {
    hazard <- as_hazard(function(newdata) newdata, precision = precision)
    advise_budget(hazard, p, 20, cap = 200, tau_max = 0.5, repetitions = 30)
  }
  alike <- at(Inf)
  expect_identical(at(NULL), alike)
  # The mean of P(T < q) over prompts is smaller where hazards differ, so that a
  # higher tau is certified.
  differ <- at(5)
  expect_gt(differ$gmean_bound, alike$gmean_bound)
  expect_gt(differ$coverage, 0.9)
  expect_equal(at(1e4)$gmean_bound, alike$gmean_bound, tolerance = 0.05)
})

test_that("the fewest prompts that can be certified are just enough", {
  set.seed(2)
  p <- 10^runif(2000, -3, -1)
  advice <- advise_budget(known_hazard(), p, 20, repetitions = 10)
  safe <- function(n) {
    # Too few prompts are what this is about, and warned of.
    plan <- suppressWarnings(
      plan_audit(known_hazard(), as.character(1:n), 20, p[1:n], reference = p,
                 tau_max = advice$tau_max, cap = advice$cap)
    )
    replace(plan, "u_certificate", 1)
  }
  # Nobody loses anything: the wealth of the most that can be seen. Inclusion is
  # random, so twice as many are sure to be enough, and half as many are not.
  reached <- function(n) {
    plan <- safe(n)
    audit <- start_audit(plan)
    audit <- simulate_outcomes(plan_parts(audit), numeric(n))
    certify_tau(audit, 0.1, 0.1, "exact")$tau > 0
  }
  expect_true(reached(2 * advice$n_min))
  expect_false(reached(floor(advice$n_min / 2)))
})

test_that("advice comes for every n and budget, with costs, and looks right", {
  set.seed(3)
  p <- 10^runif(300, -3, -1)
  advice <- advise_budget(known_hazard(), p, c(10, 40), n = c(100, 600),
                          price = 0.01, repetitions = 10)
  expect_equal(advice$n, c(100, 100, 600, 600))
  expect_equal(advice$cost, 0.01 * advice$n * advice$budget)
  expect_output(print(advice), "certified")
  point <- advise_budget(known_hazard(), p, 10, delta = NULL, repetitions = 10)
  expect_true(is.na(point$n_min))
  expect_equal(point$gmean_bound, point$gmean_bound_marginal)
  expect_output(print(point), "marginal guarantee")
  for (design in c("optimized", "trimmed", "basic", "naive")) {
    one <- advise_budget(known_hazard(), p, 10, design = design,
                         repetitions = 10)
    expect_true(one$share_trivial >= 0 && one$coverage <= 1)
  }
  grDevices::pdf(NULL)
  on.exit(grDevices::dev.off())
  expect_silent(plot(advice))
})

test_that("a larger budget never looks worse by chance", {
  set.seed(4)
  p <- 10^runif(400, -3, -1)
  advice <- advise_budget(known_hazard(), p, c(8, 12, 16, 24, 32, 64),
                          repetitions = 40)
  expect_true(all(diff(advice$gmean_bound) > 0))
  expect_true(all(advice$gmean_bound_se > 0))
  # The same whatever the session draws, which it leaves as it was.
  before <- .Random.seed
  again <- advise_budget(known_hazard(), p, c(8, 12, 16, 24, 32, 64),
                         repetitions = 40)
  expect_identical(again, advice)
  expect_identical(.Random.seed, before)
})

test_that("of what a sum buys the longest certified bound is marked", {
  set.seed(5)
  p <- 10^runif(1000, -3, -1)
  advice <- advise_budget(known_hazard(), p, c(3, 10, 50), price = 0.002,
                          max_cost = 10, repetitions = 20)
  expect_equal(advice$n, floor(5000 / advice$budget))
  expect_equal(sum(advice$best), 1)
  expect_gte(advice$gmean_bound[advice$best], 0.99 * max(advice$gmean_bound))
  expect_output(print(advice), paste("budget =", advice$budget[advice$best]))
})

test_that("bad arguments are named", {
  bad_arguments(advise_budget, list(hazard = known_hazard(),
                                    newdata = rep(c(0.1, 0.2), 10)),
                list(
                  hazard = list(NULL, 1), budget = list(0, NA, "x"),
                  max_cost = list(0, NA, "x"),
                  n = list(1, 10.5, "x"), alpha = list(0, NA),
                  delta = list(1, "x"), tau_max = list(0, 2),
                  price = list(-1), repetitions = list(1, NA),
                  design = list("best")
                ))
  expect_error(advise_budget(known_hazard()), "`newdata` is required",
               class = "timetounsafe_error_argument")
})

test_that("screening draws are compared, as a part of the budget", {
  set.seed(31)
  mean <- 10^runif(800, -2.5, -0.5)
  hazard <- as_hazard(function(newdata) newdata$mean, precision = 5)
  x <- data.frame(mean)
  advice <- advise_budget(hazard, x, 20, screen_draws = c(0, 4, 8, 30),
                          repetitions = 10)
  expect_identical(advice$screen_draws, c(0, 4, 8))
  expect_identical(unique(advice$draws), 16000)
  expect_gt(advice$gmean_bound[3], advice$gmean_bound[1])
  expect_true(all(advice$coverage > 0.88))
  expect_output(print(advice), "screened = screened")
  # Without screening nothing is another.
  plain <- advise_budget(hazard, x, 20, repetitions = 10)
  expect_identical(plain$gmean_bound, advice$gmean_bound[1])
  expect_false("screen_draws" %in% names(plain))
  axis <- advice_axis(advice)
  expect_identical(axis$value, advice$screen_draws)
  expect_identical(unique(axis$line), "n = 800, budget 20")
  expect_s3_class(ggplot2::autoplot(advice), "ggplot")
  expect_error(advise_budget(hazard, x, 20, screen_draws = 20),
               "below `budget`", class = "timetounsafe_error_argument")
  expect_error(advise_budget(as_hazard(function(newdata) newdata$mean), x, 20,
                             screen_draws = 4),
               "precision", class = "timetounsafe_error_argument")
  guess <- quiet(advise_budget(0.02, budget = 20, n = 300,
                               screen_draws = c(0, 8), repetitions = 10))
  expect_identical(nrow(guess), 6L)
  expect_output(print(guess), "time_to_unsafe")
})
