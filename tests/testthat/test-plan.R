test_that("a plan has the documented columns and one row for each prompt", {
  set.seed(1)
  plan <- known_plan(c(0.5, 0.01, 0.001))
  expect_s3_class(plan, c("audit_plan", "data.frame"), exact = TRUE)
  expect_named(plan, c(
    "id", "prompt", "prob", "horizon", "intensity", "pi", "limit", "stop",
    "order", "u", "schema", "plan_id", "method", "budget", "alpha", "delta",
    "cap",
    "tau_prior", "weight_limit", "variance", "design", "threshold",
    "hazard_check", "n",
    "checksum"
  ))
  expect_identical(plan$id, 1:3)
  expect_setequal(plan$order, 1:3)
  expect_true(all(plan$stop))
})

test_that("inclusion happens with the stated probability", {
  set.seed(5)
  p <- rep(0.002, 20000)
  plan <- known_plan(p, 10, tau_prior = 0.2)
  pi <- plan$pi[1]
  expect_lt(abs(mean(plan$horizon > 0) - pi), 4 * sqrt(pi * (1 - pi) / 20000))
})

test_that("with a design the multiplier comes from other prompts", {
  set.seed(6)
  design <- 10^runif(500, -4, -1)
  p <- 10^runif(50, -4, -1)
  plan <- known_plan(p, 20, design = design, tau_prior = 0.2)
  q_design <- geometric_quantile(design, 0.2, 2000)
  q <- geometric_quantile(p, 0.2, 2000)
  pi_design <- allocate_budget(q_design, 500 * 20)
  mu <- max((pi_design * sqrt(q_design))[pi_design < 1])
  expect_equal(plan$pi, pmin(1, mu / sqrt(q)))
  # One prompt more or less does not change the others' probabilities.
  fewer <- known_plan(p[-1], 20, design = design, tau_prior = 0.2)
  expect_equal(fewer$pi, plan$pi[-1])
})

test_that("the default of tau_prior leaves room for twice the hazard", {
  plan <- known_plan(c(0.1, 0.2), alpha = 0.2)
  expect_equal(plan$tau_prior[1], 1 - 0.8^2)
})

test_that("an infinite quantile asks for a cap", {
  for (method in c("basic", "naive")) {
    expect_error(known_plan(c(0, 0.1), method = method),
                 class = "timetounsafe_error_argument", regexp = "`cap`")
    plan <- known_plan(c(0, 0.1), method = method, cap = 50)
    expect_true(all(plan$horizon <= 50))
  }
  expect_equal(known_plan(c(0, 0.1), 5)$cap[1], 500)
})

test_that("set.seed() reproduces a plan, and the plan id tells plans apart", {
  p <- rep(c(0.001, 0.003), 50)
  set.seed(7)
  a <- known_plan(p, 5)
  b <- known_plan(p, 5)
  set.seed(7)
  again <- known_plan(p, 5)
  expect_identical(a, again)
  expect_false(a$plan_id[1] == b$plan_id[1])
})

test_that("bad arguments are named", {
  good <- list(hazard = known_hazard(), prompts = c("a", "b"), x = c(0.1, 0.2),
               budget = 10)
  bad_arguments(plan_audit, good, list(
    hazard = list(NULL, 1, "fit"),
    prompts = list(1:2, character(), c("a", NA)),
    x = list(c(0.1, 0.2, 0.3)),
    budget = list(NULL, 0, -1, NA, Inf, "ten", c(1, 2)),
    method = list("best", 1, NA_character_),
    alpha = list(0, 1, NA, 90),
    delta = list(0, 1, NA, "x"),
    tau_prior = list(0, 1, NaN, c(0.1, 0.2)),
    max_weight = list(0.5, NA, "x"),
    cap = list(0, NA, "x"),
    id = list(1, c(1, 1), c(1, NA))
  ))
  expect_error(
    plan_audit(known_hazard(), c("a", "b"), c(0.1, 0.2), 10, methd = "basic"),
    class = "timetounsafe_error_argument"
  )
  expect_error(known_plan(c(0.1, 0.2), 1, method = "naive"),
               class = "timetounsafe_error_argument", regexp = "budget")
})

test_that("a hazard that predicts no probabilities is refused", {
  broken <- as_hazard(function(newx) log(newx))
  expect_error(plan_audit(broken, c("a", "b"), c(0.1, 0.2), budget = 5),
               class = "timetounsafe_error_argument", regexp = "predict")
})

test_that("design prompts that need no draw do not ask for draws without end", {
  plan <- plan_audit(known_hazard(), c("a", "b"), c(0.01, 0.5), 5,
                     design = rep(0.5, 20), delta = NULL)
  expect_true(all(is.finite(plan$limit)))
})
