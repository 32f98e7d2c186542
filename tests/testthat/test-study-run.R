# The public path of the study's first cell: what its stream draws, in the same
# order, where plan_audit() also draws an order that the study does not need.
public_path <- function(method, budget, cap_ratio, alpha, tau_grid, seed, n) {
  keep_generator({
    set_stream(random_streams(seed, 2)[[2L]])
    prompts <- simulate_prompts(n)
    part <- rep(1:3, c(0.45, 0.45, 0.1) * n)
    calibrate <- prompts[part == 2, ]
    test <- prompts[part == 3, ]
    hazard <- features_hazard()
    start <- get(".Random.seed", globalenv())
    runif(nrow(calibrate))
    after <- get(".Random.seed", globalenv())
    set_stream(start)
    capped <- find_design(method)$capped
    plan <- plan_audit(hazard, as.character(seq_len(nrow(calibrate))),
                       budget, calibrate$x, design = method, delta = NULL,
                       tau_max = max(tau_grid),
                       cap = if (capped) default_cap(budget, cap_ratio))
    set_stream(after)
    lpb <- suppressWarnings(
      point_lpb(simulate_audit(plan, calibrate$prob), alpha)
    )
    list(lpb = lpb, test = test,
         rows = assess_lpb(lpb, test$x, prob = test$prob, bins = 3,
                           groups = ifelse(test$hard, "hard", "rest")))
  })
}

test_that("a run is the public path, and its grid the curve on the grid", {
  tau_grid <- 10^seq(-3, -0.75, length.out = 40)
  for (method in c("naive", "basic", "trimmed", "optimized", "replicated")) {
    study <- small_study(method, 60, cap_ratio = 20, alpha = 0.05,
                         tau_grid = tau_grid, repetitions = 1, seed = 5)
    public <- public_path(method, 60, 20, 0.05, tau_grid, 5, 2000)
    lpb <- public$lpb
    rows <- public$rows
    expect_identical(study$tau, lpb$tau)
    expect_gt(lpb$tau, 0)
    expect_equal(
      unname(unlist(as.data.frame(study)[paste0(
        "coverage", c("", "_hard", "_rest", "_low", "_middle", "_high")
      )])),
      rows$estimate[c(1, 5, 6, 2, 3, 4)]
    )
    expect_equal(study$mean_bound, rows$mean_bound[1])
    expect_equal(study$gmean_bound, rows$gmean_bound[1])
    expect_equal(study$draws_allowed, sum(lpb$audit$horizon) / lpb$nobs)
    expect_equal(study$draws_made, lpb$draws[["made"]] / lpb$nobs)

    audit <- lpb$audit
    if (method == "replicated") {
      next
    }
    event <- audit$status == 1
    naive <- method == "naive"
    curve <- miscoverage_curve(
      ifelse(event, audit$time, 0),
      ifelse(event, if (naive) Inf else audit$horizon, 0),
      if (naive) (1 - 1 / 60)^audit$time else audit$inclusion,
      geometric_quantile(audit$prob, tau_grid, lpb$cap)
    )
    found <- find_jumps(plan_parts(audit), 0.05)
    expect_equal(jump_curve(found, tau_grid, nrow(audit)), curve)
    expect_true(any(curve >= 0.05))
    tau <- select_tau(tau_grid, curve, 0.05)
    expect_identical(study$grid_tau, tau)
    bound <- geometric_quantile(predict(lpb$hazard, public$test$x), tau,
                                lpb$cap)
    expect_equal(study$grid_mean_bound, mean(bound))
    expect_equal(study$grid_coverage, mean((1 - public$test$prob)^bound))
  }
})

test_that("with no feasible tau the bound is 1, and the published one not", {
  # No prompt is included. The published code takes no event for no risk.
  study <- small_study("basic", 1e-9, repetitions = 1)
  expect_identical(study$draws_allowed, 0)
  expect_identical(study$tau, 0)
  expect_identical(study$coverage, 1)
  expect_identical(study$mean_bound, 1)
  expect_identical(study$grid_tau, 10^-0.75)
  # The first tau of the grid lies above the first jump of the curve.
  study <- small_study("optimized", 200, alpha = 1e-6, tau_grid = c(0.05, 0.1),
                       repetitions = 1)
  expect_gt(study$tau, 0)
  expect_lt(study$tau, 0.05)
  expect_identical(study$grid_tau, 0.05)
  audit <- list(prob = 0.1,
                fresh = list(exact = c(0.3, 0), published = c(0.3, 0)))
  expect_identical(study_taus(audit, c(0.2, 0.4), c(0.1, 0.2)),
                   list(tau = c(0, 0.2), grid_tau = c(0.1, 0.2)))
})

test_that("uncalibrated is the plain quantile, and makes no draw", {
  study <- small_study("uncalibrated", c(5, 50), repetitions = 1, alpha = 0.2)
  expect_identical(study$tau, c(0.2, 0.2))
  expect_identical(study$draws_made, c(0, 0))
  expect_identical(study$coverage[1], study$coverage[2])
})

test_that("fresh horizons agree with drawing them for every prompt and tau", {
  set.seed(7)
  prob <- c(0.02, 0.03, 0.05, 0.1, 0.2, 0.3)
  time <- c(2, 9, 3, 1, 2, 5)
  tau_grid <- c(0.05, 0.15, 0.3, 0.45, 0.7)
  budget <- 6
  alpha <- 0.25
  q <- geometric_quantile(prob, tau_grid)
  selected <- function(curve) sum(cumprod(curve < alpha))
  # `beyond`: 0 weighs and includes by P(C >= q), 1 by P(C > q).
  oracle <- function(beyond) {
    horizon <- rgeom(length(q), 1 / budget) + 1
    seen <- time < q & horizon >= q + beyond
    selected(colMeans(seen / (1 - 1 / budget)^(q - 1 + beyond)))
  }
  times <- 3000
  share <- function(f) tabulate(replicate(times, f()) + 1, 6) / times
  ours <- function(which) {
    curves <- fresh_curves(prob, time, budget, tau_grid, alpha)
    selected(curves[[which]])
  }
  # Four standard errors of a difference of two shares, at their largest.
  error <- 4 * sqrt(2 * 0.25 / times)
  exact <- share(function() oracle(0))
  published <- share(function() oracle(1))
  expect_lt(max(abs(share(function() ours("exact")) - exact)), error)
  expect_lt(max(abs(share(function() ours("published")) - published)), error)
  expect_gt(sum(exact > 0.03), 2)
})

test_that("what is drawn again depends on `resample`", {
  # Coverage of the uncalibrated bound varies with prompts and test set alone.
  coverage <- function(resample) {
    small_study("uncalibrated", 20, repetitions = 3, n = 500,
                resample = resample)$coverage
  }
  expect_length(unique(coverage("none")), 1)
  expect_length(unique(coverage("split")), 3)
  expect_length(unique(coverage("all")), 3)
  fits <- 0
  counting <- function(x, y) {
    fits <<- fits + 1
    features_hazard()
  }
  for (resample in c("none", "split", "all")) {
    small_study("trimmed", 20, n = 500, resample = resample, repetitions = 3,
                hazards = list(counted = counting))
  }
  expect_identical(fits, 5)
})
