# The paper's population: a fit to some prompts, and others.
fit_some <- function(n = 2000, draws = 500) {
  prompts <- simulate_prompts(2 * n, draws = draws)
  train <- seq_len(n)
  rest <- prompts[-train, ]
  fit <- fit_hazard(prompts$x[train, ],
                    counts(prompts$unsafe[train], prompts$draws[train]))
  list(fit = fit, hat = predict(fit, rest$x), truth = rest$prob, rest = rest)
}

pilot_constants <- function(budget = 20, tau_max = NULL) {
  new_constants("replicated", budget, 0.1, NULL, tau_max, NULL)
}

test_that("tau_max is a little above the level that is right", {
  set.seed(1)
  for (i in 1:2) {
    world <- fit_some()
    pilot <- new_pilot(world$fit)
    miss <- function(tau) {
      bound <- geometric_quantile(world$hat, tau)
      mean(1 - geometric_coverage(bound, world$truth)) - 0.1
    }
    right <- uniroot(miss, c(0.02, 0.3))$root
    chosen <- vapply(c(20, 1000), function(budget) {
      choose_tau_max(pilot_constants(budget), pilot, 2000)$tau_max
    }, 0)
    expect_true(all(chosen > right))
    expect_true(all(chosen < 1.8 * right))
    # More draws leave less room for luck.
    expect_lt(chosen[2], chosen[1])
  }
})

test_that("plan_audit() takes the pilot's, or what it is given", {
  set.seed(2)
  world <- fit_some(400)
  ids <- as.character(1:400)
  plan <- plan_audit(world$fit, ids, 20, world$rest$x, delta = NULL)
  chosen <- choose_tau_max(pilot_constants(), new_pilot(world$fit), 400)
  expect_identical(plan$tau_max[1], chosen$tau_max)
  expect_false(chosen$tau_max == default_tau_max(0.1))
  given <- plan_audit(world$fit, ids, 20, world$rest$x, tau_max = 0.3,
                      delta = NULL)
  expect_identical(given$tau_max[1], 0.3)
})

test_that("the pilot uses no random numbers", {
  set.seed(3)
  world <- fit_some(200)
  state <- .Random.seed
  first <- new_pilot(world$fit)
  expect_identical(.Random.seed, state)
  runif(1)
  expect_identical(new_pilot(world$fit), first)
})

test_that("hazards of the pilot come from models that did not see the prompt", {
  set.seed(4)
  world <- fit_some(60)
  pilot <- new_pilot(world$fit)
  expect_length(pilot$prob, 60)
  expect_identical(pilot$prob, world$fit$out_of_fold)
  # An engine that has none is fitted again, without every fifth prompt.
  net <- world$fit
  net$out_of_fold <- NULL
  net$training$matrix <- simulate_prompts(60)$x
  first <- new_pilot(net)$prob
  fifth <- seq(1, 60, by = 5)
  net$unsafe[fifth] <- net$draws[fifth] - net$unsafe[fifth]
  expect_equal(new_pilot(net)$prob[fifth], first[fifth])
  expect_false(isTRUE(all.equal(new_pilot(net)$prob[-fifth], first[-fifth])))
})

test_that("without a pilot there is room for a factor of two", {
  set.seed(5)
  falls_back <- function(hazard) {
    chosen <- choose_tau_max(pilot_constants(), new_pilot(hazard), 500)
    expect_equal(chosen$tau_max, 0.19)
  }
  x <- matrix(rnorm(400), 200)
  p <- 1 - exp(-exp(-4 + x[, 1]))
  # A model of the user's own has no training draws.
  expect_null(new_pilot(known_hazard()))
  falls_back(known_hazard())
  # Draws that stopped at the first unsafe one.
  time <- pmin(rgeom(200, p) + 1, 50)
  stopped <- fit_hazard(survival::Surv(time, time < 50) ~ a + b,
                        data.frame(a = x[, 1], b = x[, 2]))
  expect_true(stopped$stop)
  expect_null(new_pilot(stopped))
  falls_back(stopped)
  # Too few draws to know a quantile by, or too few prompts.
  few_draws <- fit_hazard(x, counts(rbinom(200, 2, p), 2))
  expect_false(is.null(new_pilot(few_draws)))
  falls_back(few_draws)
  few_prompts <- fit_hazard(x[1:40, ], counts(rbinom(40, 50, p[1:40]), 50))
  expect_null(new_pilot(few_prompts))
  falls_back(few_prompts)
  # Shares in place of counts.
  shares <- fit_hazard(x, counts(rbinom(200, 50, p), 51))
  shares$unsafe <- shares$unsafe + 0.5
  expect_null(new_pilot(shares))
})

test_that("prompts with too few draws make the pilot err high", {
  set.seed(6)
  p <- 10^runif(2000, -3, -1)
  whole <- list(prob = p, unsafe = rbinom(2000, 400, p), draws = rep(400, 2000))
  half <- whole
  half$draws <- rep(c(400, 60), 1000)
  half$unsafe <- rhyper(2000, whole$unsafe, 400 - whole$unsafe, half$draws)
  expect_lte(mean(pilot_loss(half, 0.3)), mean(pilot_loss(whole, 0.3)) + 0.01)
  expect_gt(pilot_tau(half, 0.15), pilot_tau(whole, 0.15) - 0.005)
  expect_lt(reaches(half, 0.3), 1)
  nothing <- list(prob = p, unsafe = 0 * p, draws = 0 * p)
  expect_identical(pilot_tau(nothing, 0.1), NA_real_)
})

test_that("few calibrations reach tau_max", {
  skip_on_cran()
  set.seed(7)
  n <- 3000
  reached <- vapply(1:4, function(i) {
    world <- fit_some(4000)
    constants <- choose_tau_max(pilot_constants(), new_pilot(world$fit), n)
    trained <- list(prob = world$fit$fitted)
    constants <- fix_constants(constants, prior_quantile(trained, constants), n)
    quantile <- prior_quantile(list(prob = world$hat), constants)
    mean(replicate(75, {
      at <- sample.int(length(quantile), n)
      audit <- draw_inclusion(quantile[at], constants)
      audit <- c(audit, list(prob = world$hat[at], order = seq_len(n),
                             failed = FALSE, constants = constants))
      find_marginal(simulate_outcomes(audit, world$truth[at]), 0.1)$at_tau_max
    }))
  }, 0)
  # 300 of them: a share of 0.05 has a standard error of 0.013.
  expect_lt(mean(reached), 0.05 + 3 * 0.013)
})

test_that("a cap keeps the pilot's miscoverage low, and tau_max high", {
  set.seed(8)
  p <- 10^runif(2000, -3, -1)
  pilot <- list(prob = p, unsafe = rbinom(2000, 400, p), draws = rep(400, 2000))
  expect_gt(pilot_tau(pilot, 0.1, 20), pilot_tau(pilot, 0.1))
  # Below the target at every tau.
  expect_identical(pilot_tau(pilot, 0.5, 3), 0.9)
  nothing <- list(prob = p, unsafe = 0 * p, draws = 0 * p)
  expect_identical(pilot_tau(nothing, 0.5, 3), NA_real_)
})

test_that("training draws show how wrong hazards are", {
  spread_of <- function(prob, truth, draws = 200) {
    draw_truth(list(prob = prob, draws = rep(draws, length(prob)),
                    unsafe = rbinom(length(prob), draws, truth)))
  }
  set.seed(9)
  p <- 10^runif(5000, -3, -1)
  right <- spread_of(p, p)
  expect_lt(abs(mean(log(right / p))), 0.05)
  expect_lt(sd(log(right / p)), 0.3)
  halved <- spread_of(p / 2, p)
  expect_lt(abs(mean(log(halved / p))), 0.05)
  # Of hazards that are uninformative only the distribution is right.
  shuffled <- spread_of(sample(p), p)
  expect_equal(sd(shuffled), sd(p), tolerance = 0.1)
  expect_equal(mean(shuffled), mean(p), tolerance = 0.1)
  # No unsafe draw says little where few were expected.
  safe <- spread_of(rep(1e-6, 100), rep(0, 100))
  expect_lt(max(abs(safe - 1e-6)), 1e-7)
  expect_lt(max(spread_of(rep(1e-2, 100), rep(0, 100))), 1e-4)
})

test_that("training = makes a pilot for a user-supplied model", {
  set.seed(10)
  p <- 10^runif(300, -3, -1)
  y <- counts(rbinom(300, 200, p), rep(200, 300))
  training <- list(newdata = p / 3, y = y)
  plan <- function(...) {
    set.seed(1)
    plan_audit(known_hazard(), as.character(1:200), 20, p[1:200], ...)
  }
  told <- plan(training = training)
  expect_identical(told$reference[1], "training")
  # Hazards three times too low: tau is lower, too.
  expect_lt(told$tau_max[1], 0.12)
  expect_identical(plan(training = training, reference = FALSE)$reference[1],
                   "self")
  # Draws with their prompts, which are the features.
  hazard <- as_hazard(function(newdata) as.numeric(newdata))
  draws <- draw_responses(as.character(p[1:100]), function(prompts) {
    runif(length(prompts)) < as.numeric(prompts)
  }, draws = 50)
  read <- read_training(draws, hazard)
  expect_equal(read$prob, p[1:100])
  expect_equal(read$unsafe, draws$unsafe)
  expect_false(is.null(new_pilot(hazard, read)))
  few <- lapply(read, head, 40)
  expect_null(new_pilot(hazard, few))
})

test_that("training draws that show nothing are refused by name", {
  p <- rep(0.1, 100)
  refused <- function(training, regexp) {
    expect_error(
      plan_audit(known_hazard(), as.character(1:100), 20, p,
                 training = training),
      class = "timetounsafe_error_argument", regexp = regexp
    )
  }
  y <- counts(rep(1, 100), rep(20, 100))
  refused(y, "draws with their prompts")
  refused(list(newdata = p), "draws with their prompts")
  refused(list(newdata = p[-1], y = y), "training\\$newdata")
  refused(list(newdata = p, y = y[, 1]), "training")
  refused(list(newdata = p, y = survival::Surv(rep(3, 100), rep(1, 100))),
          "fixed number of draws")
  refused(list(newdata = p, y = y + 0.5), "which are whole")
})
