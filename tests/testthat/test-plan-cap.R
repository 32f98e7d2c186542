# The paper's population, with estimates of its hazards, and a plan's constants
# without the table.
cap_world <- function(estimate, seed = 1, n = 4000) {
  set.seed(seed)
  truth <- simulate_prompts(n)$prob
  list(truth = truth, prob = estimate(truth),
       reference = estimate(simulate_prompts(n)$prob))
}

cap_constants <- function(world, n, budget, cap = NULL, pilot = NULL,
                          delta = 0.1, design = "replicated") {
  constants <- new_constants(design, budget, 0.1, delta, NULL, cap)
  constants <- choose_limits(constants, cap, pilot,
                             list(prob = world$reference), n)
  quantile <- prior_quantile(list(prob = world$reference), constants)
  fix_constants(constants, quantile, n)
}

# Mean log bound, and the share of bounds with too low a coverage.
cap_runs <- function(world, n, constants, runs = 60) {
  values <- replicate(runs, {
    at <- sample.int(length(world$prob), n)
    audit <- simulate_design(constants, world$prob[at], world$truth[at])
    tau <- certify_tau(audit, 0.1, 0.1, "exact")$tau
    bound <- bound_at(list(constants = constants, prob = world$prob), tau)
    c(mean(log(bound)), mean(geometric_coverage(bound, world$truth)) < 0.9)
  })
  list(bound = exp(mean(values[1, ])), false = mean(values[2, ]))
}

test_that("small audits get a cap that lets them certify", {
  skip_on_cran()
  world <- cap_world(identity)
  # The best caps of bench/cap.md give 17, 27 and 24.
  worst <- list(c(200, 5, 14), c(200, 20, 23), c(100, 20, 18))
  false <- vapply(worst, function(cell) {
    n <- cell[1]
    before <- cap_constants(world, n, cell[2], cap = 100 * cell[2])
    expect_true(cannot_certify(constants_betting(before, n)))
    found <- cap_runs(world, n, cap_constants(world, n, cell[2]))
    expect_gt(found$bound, cell[3])
    found$false
  }, 0)
  # 180 calibrations: a share of 0.1 has a standard error of 0.022.
  expect_lt(mean(false), 0.1 + 3 * 0.022)
})

test_that("training draws show that long bounds are not worth having", {
  skip_on_cran()
  world <- cap_world(sample)
  # What the training draws show: the estimates have nothing to do with them.
  prob <- world$reference[1:1000]
  pilot <- list(prob = prob, draws = rep(100, 1000),
                unsafe = rbinom(1000, 100, world$truth[1:1000]))
  for (cell in list(c(200, 20), c(1000, 100))) {
    n <- cell[1]
    blind <- cap_constants(world, n, cell[2])
    told <- cap_constants(world, n, cell[2], pilot = pilot)
    expect_lt(told$cap, blind$cap)
    # The best caps give 18 and 28.
    found <- cap_runs(world, n, told, 40)
    expect_gt(found$bound, 0.85 * c(18, 28)[1 + (n == 1000)])
    expect_gt(found$bound, cap_runs(world, n, blind, 40)$bound)
  }
})

test_that("the cap is the same each time, and costs no random number", {
  world <- cap_world(identity, n = 1000)
  state <- .Random.seed
  first <- cap_constants(world, 100, 10)
  expect_identical(.Random.seed, state)
  runif(1)
  expect_identical(cap_constants(world, 100, 10), first)
  expect_lte(first$cap, 1000)
})

test_that("what was given stays, and so does the paper's without certificate", {
  world <- cap_world(identity, n = 1000)
  expect_identical(cap_constants(world, 100, 10, cap = 300)$cap, 300)
  expect_identical(cap_constants(world, 100, 10, delta = NULL)$cap, 1000)
  expect_lt(cap_constants(world, 100, 10, design = "optimized")$cap, 1000)
  expect_identical(cap_constants(world, 100, 10, design = "basic")$cap, Inf)
  # Nothing can be certified.
  expect_identical(cap_constants(world, 10, 10)$cap, 1000)
  world$reference <- rep(1, 100)
  expect_identical(cap_constants(world, 100, 10)$cap, 1000)
})

test_that("plan_audit() says that it chose the cap", {
  set.seed(1)
  p <- 10^runif(200, -4, -1)
  plan <- plan_audit(known_hazard(), as.character(1:200), 5, p)
  constants <- new_constants("replicated", 5, 0.1, 0.1, NULL, NULL)
  expect_identical(plan$cap[1],
                   choose_cap(constants, NULL, list(prob = p), 200)$cap)
  expect_output(print(plan), "capped at [0-9,]+ draws, for the longest cert")
  given <- plan_audit(known_hazard(), as.character(1:200), 5, p, cap = 50)
  expect_output(print(given), "; quantiles capped at 50 draws\n")
  expect_false(any(grepl("longest", lines_of(given))))
})

test_that("advise_budget() plans by the same cap", {
  set.seed(1)
  p <- 10^runif(200, -4, -1)
  advice <- advise_budget(known_hazard(), p, budget = 5, repetitions = 40)
  plan <- plan_audit(known_hazard(), as.character(1:200), 5, p)
  expect_identical(advice$cap, plan$cap[1])
  constants <- new_constants("replicated", 5, 0.1, 0.1, NULL, NULL)
  predicted <- predict_bound(replace(constants, "cap", advice$cap),
                             simulated_scene(NULL, list(prob = p), 200))
  expect_equal(log(advice$gmean_bound), predicted[1], tolerance = 0.2)
})

test_that("without training draws the precision says how wrong hazards are", {
  set.seed(1)
  p <- 10^runif(3000, -3, -1)
  scene <- simulated_scene(NULL, list(prob = p), 200, 10)
  expect_equal(mean((scene$truth - p)^2), mean(p * (1 - p)) / 11,
               tolerance = 0.15)
  expect_identical(scene$rows$prob, p)
  expect_identical(simulated_scene(NULL, list(prob = p), 200, 10), scene)
  expect_identical(simulated_scene(NULL, list(prob = p), 200, Inf)$truth, p)
  # With training draws they say it.
  pilot <- list(prob = p[1:100], unsafe = rbinom(100, 20, p[1:100]),
                draws = rep(20, 100))
  expect_identical(simulated_scene(pilot, list(prob = p), 200, 10),
                   simulated_scene(pilot, list(prob = p), 200, Inf))
  random <- with_seed(1, runif(1))
  expect_identical(with_seed(1, {
    simulated_scene(NULL, list(prob = p), 200, 10)
    runif(1)
  }), random)
})

test_that("thinned hazards are evenly spaced order statistics", {
  expect_identical(thin_out(list(prob = c(3, 1, 2)))$prob, c(1, 2, 3))
  thinned <- thin_out(list(prob = sample(1e4)), 100)$prob
  expect_length(thinned, 100)
  expect_equal(mean(thinned), 5000, tolerance = 0.01)
  pilot <- thin_pilot(list(prob = 2000:1 / 2000, unsafe = 2000:1))
  expect_identical(pilot$unsafe, as.integer(round(pilot$prob * 2000)))
  expect_identical(pilot$size, 2000L)
})
