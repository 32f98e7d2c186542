test_that("a design says all that differs, and has what every design has", {
  fields <- names(formals(new_audit_design))
  for (name in names(audit_designs)) {
    design <- find_design(name)
    expect_named(design, fields, ignore.order = TRUE)
    expect_identical(design$name, name)
  }
  expect_identical(eval(formals(plan_audit)$design), names(audit_designs))
  expect_identical(eval(formals(advise_budget)$design), names(audit_designs))
})

test_that("weights of every design are at most the limit that it gives", {
  set.seed(1)
  p <- 10^runif(200, -4, -0.5)
  for (name in names(audit_designs)) {
    plan <- quiet(known_plan(p, 7, design = name, cap = 150, delta = 0.1))
    parts <- plan_parts(plan)
    reach <- reach_beyond(parts, pmax(0, reachable_quantile(parts) - 1))
    expect_true(all(1 / reach <= parts$constants$max_weight * (1 + 1e-9)))
    expect_equal(largest_weight(parts),
                 max(1 / reach[reachable_quantile(parts) > 1]))
  }
})

test_that("losses over reach are an unbiased miscoverage in every design", {
  skip_on_cran()
  set.seed(2)
  # What the hazard says, and what is true.
  hat <- rep(c(0.2, 0.05, 0.01), 1000)
  truth <- 0.7 * hat
  for (name in names(audit_designs)) {
    plan <- known_plan(hat, 12, design = name, cap = 60, tau_max = 0.3)
    audit <- plan_parts(simulate_audit(plan, truth))
    q <- geometric_quantile(hat, 0.2, 60)
    lost <- weighted_losses(audit, q)
    error <- sd(lost) / sqrt(length(lost))
    expect_lt(abs(mean(lost) - mean(1 - (1 - truth)^(q - 1))), 4 * error)
  }
})

test_that("draws without a plan are as if everybody had been included", {
  set.seed(3)
  sampler <- function(prompts) runif(length(prompts)) < 0.1
  for (stop in c(TRUE, FALSE)) {
    draws <- draw_responses(letters, sampler, draws = 8, stop = stop)
    parts <- plan_parts(draws)
    expect_identical(design_of(parts)$stops, stop)
    expect_identical(prompt_weight(parts), rep(1, 26))
    expect_identical(largest_weight(parts), 1)
    expect_identical(reachable_quantile(parts), rep(9, 26))
  }
})
