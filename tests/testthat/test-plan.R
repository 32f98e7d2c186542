test_that("a plan has the documented columns and one row for each prompt", {
  set.seed(1)
  plan <- known_plan(c(0.5, 0.01, 0.001))
  expect_s3_class(plan, c("audit_plan", "data.frame"))
  expect_named(plan, c(
    "id", "prompt", "prob", "horizon", "intensity", "inclusion", "limit",
    "stop", "order", "u_inclusion", "schema", "plan_id", "design", "budget",
    "alpha", "delta", "cap",
    "tau_max", "multiplier", "least_intensity", "max_weight", "variance",
    "reference", "u_certificate",
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
  plan <- known_plan(p, 10, tau_max = 0.2)
  inclusion <- plan$inclusion[1]
  error <- sqrt(inclusion * (1 - inclusion) / 20000)
  expect_lt(abs(mean(plan$horizon > 0) - inclusion), 4 * error)
})

test_that("with a design the multiplier comes from other prompts", {
  set.seed(6)
  reference <- 10^runif(500, -4, -1)
  p <- 10^runif(50, -4, -1)
  plan <- known_plan(p, 20, reference = reference, tau_max = 0.2)
  q_reference <- geometric_quantile(reference, 0.2, 2000)
  q <- geometric_quantile(p, 0.2, 2000)
  reference_inclusion <- allocate_budget(q_reference, 500 * 20)
  mu <- max((reference_inclusion * sqrt(q_reference))[reference_inclusion < 1])
  expect_equal(plan$inclusion, pmin(1, mu / sqrt(q)))
  # One prompt more or less does not change the others' probabilities.
  fewer <- known_plan(p[-1], 20, reference = reference, tau_max = 0.2)
  expect_equal(fewer$inclusion, plan$inclusion[-1])
})

test_that("the default of tau_max leaves room for twice the hazard", {
  plan <- known_plan(c(0.1, 0.2), alpha = 0.2)
  expect_equal(plan$tau_max[1], 1 - 0.8^2)
})

test_that("an infinite quantile asks for a cap", {
  for (design in c("basic", "naive")) {
    expect_error(known_plan(c(0, 0.1), design = design),
                 class = "timetounsafe_error_argument", regexp = "`cap`")
    plan <- known_plan(c(0, 0.1), design = design, cap = 50)
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
  good <- list(hazard = known_hazard(), prompts = c("a", "b"), budget = 10,
               newdata = c(0.1, 0.2))
  bad_arguments(plan_audit, good, list(
    hazard = list(NULL, 1, "fit"),
    prompts = list(1:2, character(), c("a", NA)),
    newdata = list(c(0.1, 0.2, 0.3)),
    budget = list(NULL, 0, -1, NA, Inf, "ten", c(1, 2)),
    design = list("best", 1, NA_character_),
    alpha = list(0, 1, NA, 90),
    delta = list(0, 1, NA, "x"),
    tau_max = list(0, 1, NaN, c(0.1, 0.2)),
    cap = list(0, NA, "x"),
    id = list(1, c(1, 1), c(1, NA))
  ))
  expect_error(
    plan_audit(known_hazard(), c("a", "b"), 10, c(0.1, 0.2), desing = "basic"),
    "Did you mean `design`", class = "timetounsafe_error_argument"
  )
  expect_error(known_plan(c(0.1, 0.2), 1, design = "naive"),
               class = "timetounsafe_error_argument", regexp = "budget")
})

test_that("a hazard that predicts no probabilities is refused", {
  broken <- as_hazard(function(newdata) log(newdata))
  expect_error(plan_audit(broken, c("a", "b"), c(0.1, 0.2), budget = 5),
               class = "timetounsafe_error_argument", regexp = "predict")
})

test_that("reference prompts that need no draw ask for no endless draws", {
  plan <- plan_audit(known_hazard(), c("a", "b"), 5, c(0.01, 0.5),
                     reference = rep(0.5, 20), delta = NULL)
  expect_true(all(is.finite(plan$limit)))
})

test_that("max_limit limits the draws of each prompt, by every design", {
  set.seed(9)
  p <- 10^runif(300, -3, -0.5)
  for (design in names(audit_designs)) {
    plan <- known_plan(p, 8, design, max_limit = 9)
    expect_true(all(plan$limit <= 9))
    expect_identical(max(plan$limit), 9)
    expect_identical(plan$cap[1], 10)
  }
  # A cap that is chosen is within it, too.
  chosen <- quiet(known_plan(p, 30, "replicated", delta = 0.1, max_limit = 9))
  expect_lte(chosen$cap[1], 10)
  expect_true(all(chosen$limit <= 9))
  file <- withr::local_tempfile(fileext = ".csv")
  back <- read_plan(write_plan(chosen, file))
  expect_identical(back$max_limit, chosen$max_limit)
  expect_match(lines_of(back), "of one prompt at most 9$", all = FALSE)
  larger <- chosen
  larger$max_limit <- 10
  expect_error(check_plan(larger), class = "timetounsafe_error_plan")
})

test_that("a max_limit that quantiles exceed is refused", {
  bad_arguments(known_plan, list(p = c(0.1, 0.01)), list(
    max_limit = list(0, 0.5, Inf, NA, "a", 1:2)
  ))
  expect_error(known_plan(c(0.1, 0.01), cap = 20.5, max_limit = 18),
               "must be at least 19 with a `cap` of 20.5, not 18",
               class = "timetounsafe_error_argument")
  expect_no_error(known_plan(c(0.1, 0.01), cap = 20.5, max_limit = 19))
})
