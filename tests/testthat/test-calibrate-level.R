test_that("the event-time weight of naive is unbiased and steadier", {
  skip_on_cran()
  set.seed(2)
  n <- 400
  p <- rep(c(0.02, 0.1), n / 2)
  at <- c(0.05, 0.1, 0.15)
  q <- geometric_quantile(p, at)
  truth <- colMeans(1 - (1 - p)^(q - 1))
  runs <- replicate(600, {
    audit <- simulate_audit(known_plan(p, 10, design = "naive"), p)
    curve <- suppressWarnings(point_lpb(audit))$curve
    event <- vapply(at, function(tau) {
      max(0, curve$miscoverage[curve$tau < tau])
    }, 1)
    grid <- suppressWarnings(point_lpb(audit, tau_grid = at))
    c(event, grid$curve$miscoverage)
  })
  se <- apply(runs, 1, sd) / sqrt(ncol(runs))
  expect_true(all(abs(rowMeans(runs) - rep(truth, 2)) < 4 * se))
  expect_true(all(se[1:3] < se[4:6]))
})

test_that("the exact tau is where the cumulative weight reaches alpha", {
  set.seed(3)
  for (i in 1:30) {
    n <- sample(c(20, 200, 1000), 1)
    p <- 10^runif(n, -3, -0.5)
    design <- sample(c("optimized", "trimmed", "basic", "naive"), 1)
    plan <- known_plan(p, sample(c(3, 10, 50), 1), design = design)
    audit <- simulate_audit(plan, pmin(1, p * runif(1, 0.3, 3)))
    alpha <- runif(1, 0.02, 0.4)
    lpb <- suppressWarnings(point_lpb(audit, alpha))
    seen <- audit$status == 1
    u <- -expm1(audit$time[seen] * log1p(-p[seen]))
    w <- if (design == "naive") {
      (1 - 1 / plan$budget[1])^-audit$time[seen]
    } else {
      1 / audit$inclusion[seen]
    }
    above <- vapply(sort(u), function(tau) {
      sum(w[u <= tau]) / n >= alpha - 1e-12
    }, TRUE)
    expected <- min(sort(u)[above], plan$tau_max[1])
    expect_equal(lpb$tau, expected, tolerance = 1e-12)
    expect_lte(lpb$tau, expected)
    expect_identical(lpb$at_tau_max, expected == plan$tau_max[1])
  }
})

test_that("exact and grid agree to the width of the grid", {
  set.seed(4)
  p <- 10^runif(2000, -3, -1)
  audit <- simulate_audit(known_plan(p, 20, tau_max = 0.3), p)
  grid <- seq(0.001, 0.3, length.out = 1500)
  exact <- point_lpb(audit)$tau
  on_grid <- point_lpb(audit, tau_grid = grid)$tau
  expect_true(on_grid <= exact && exact <= on_grid + diff(grid)[1])
})

test_that("levels on a grid take the replicated draws, too", {
  set.seed(15)
  p <- 10^runif(500, -3, -1)
  audit <- simulate_audit(known_plan(p, design = "replicated"), p)
  exact <- point_lpb(audit)
  tau_grid <- seq(0.001, 0.19, 0.001)
  grid <- point_lpb(audit, tau_grid = tau_grid)
  expect_lte(grid$tau, exact$tau)
  expect_gt(grid$tau, exact$tau - 0.002)
})

plain_wealth <- function(audit, alpha, delta, bets, tau) {
  wealth <- cumprod(1 + bets * plain_payoffs(audit, alpha, tau))
  max(wealth) >= 1 / delta ||
    wealth[length(wealth)] >= audit$u_certificate[1] / delta
}

test_that("the certified tau is the last one whose wealth suffices", {
  set.seed(1)
  inside <- 0
  for (i in 1:40) {
    design <- c("replicated", "optimized", "trimmed", "naive")[i %% 4 + 1]
    audit <- random_audit(design, sample(c(30, 60, 150), 1),
                          sample(c(3, 10, 50), 1), runif(1, 0.3, 3),
                          cap = 60)
    alpha <- runif(1, 0.1, 0.3)
    delta <- runif(1, 0.1, 0.5)
    found <- certify_tau(plan_parts(audit), alpha, delta, "exact")
    inside <- inside + (found$tau > 0 && !found$at_tau_max)
    if (found$kind == "binomial") {
      next
    }
    betting <- plan_betting(plan_parts(audit), alpha, delta)
    bets <- place_bets(gather_payoffs(plan_parts(audit), alpha), betting)
    expect_identical(unique(bets), found$bet)
    if (cannot_certify(betting)) {
      audit$u_certificate <- 1
    }
    expect_last_tau(found, audit, function(tau) {
      plain_wealth(audit, alpha, delta, bets, tau)
    })
  }
  expect_gt(inside, 10)
})

test_that("a bet depends on the prompts before it alone", {
  set.seed(9)
  audit <- random_audit("replicated", 640, 300, 2)
  bets_of <- function(audit) {
    parts <- plan_parts(audit)
    place_bets(gather_payoffs(parts, 0.1), plan_betting(parts, 0.1, 0.1))
  }
  bets <- bets_of(audit)
  changes <- which(diff(bets) != 0)
  expect_gt(length(changes), 2)
  expect_true(all(changes %in% (640 * 2^-(6:1))))
  for (seen in c(10, 50, 320)) {
    changed <- audit
    later <- audit$order > seen
    changed$unsafe[later] <- changed$limit[later]
    expect_identical(bets_of(changed)[seq_len(seen)], bets[seq_len(seen)])
  }
})

test_that("a spread that the plan did not foresee lowers the bets", {
  set.seed(10)
  hat <- rep(c(0.01, 0.1), each = 1000)
  plan <- known_plan(hat, 500, design = "replicated")
  last <- vapply(list(hat, rev(hat)), function(p) {
    audit <- simulate_audit(plan, p)
    parts <- plan_parts(audit)
    betting <- plan_betting(parts, 0.1, 0.1)
    bets <- place_bets(gather_payoffs(parts, 0.1), betting)
    # The first bet doubts the prediction.
    expect_lte(bets[1], bet_for(betting))
    bets[2000] / bet_for(betting)
  }, 0)
  expect_equal(last[1], 1, tolerance = 0.15)
  expect_lt(last[2], 0.6)
})

test_that("doubted predictions bet better where the hazard is wrong", {
  skip_on_cran()
  set.seed(16)
  p <- simulate_prompts(4000)$prob
  hat <- sample(p)
  constants <- new_constants("replicated", 1000, 0.1, 0.1, NULL, 1e5)
  constants <- choose_limits(constants, 1e5, NULL, list(prob = hat), 1000)
  quantile <- prior_quantile(list(prob = hat), constants)
  constants <- fix_constants(constants, quantile, 1000)
  tau <- t(replicate(60, {
    at <- sample.int(4000, 1000)
    audit <- simulate_design(constants, hat[at], p[at])
    payoffs <- gather_payoffs(audit, 0.1)
    betting <- plan_betting(audit, 0.1, 0.1)
    rule <- wealth_rule(audit, betting)
    vapply(1:2, function(doubt) {
      bets <- place_bets(payoffs, betting, doubt)
      find_tau(scale_payoffs(payoffs, bets), rule)$tau
    }, 0)
  }))
  gain <- tau[, 2] / tau[, 1] - 1
  expect_gt(mean(gain), 2 * sd(gain) / sqrt(60))
})

test_that("with equal weights losses are counted, by the binomial tail", {
  set.seed(3)
  for (n in c(20, 60, 300)) {
    # The budget pays for the largest quantile there can be.
    plan <- known_plan(rep(0.02, n), 12, design = "optimized", cap = 12)
    audit <- simulate_audit(plan, rep(0.02, n))
    inclusion <- equal_inclusion(plan_parts(audit))
    expect_identical(inclusion, 1)
    jumps <- sort(1 - 0.98^audit$time[audit$status == 1])
    for (delta in c(0.05, 0.3)) {
      found <- certify_tau(plan_parts(audit), 0.2, delta, "exact")
      expect_identical(found$kind, "binomial")
      # A count proves it when it is that small with probability delta at most.
      proves <- pbinom(0:n, n, 0.2 * inclusion) <= delta
      expected <- if (!proves[1]) {
        0
      } else {
        min(plan$tau_max[1], c(jumps, rep(Inf, n))[max(which(proves))])
      }
      expect_equal(found$tau, expected, tolerance = 1e-12)
      expect_lte(found$tau, expected)
    }
  }
})

test_that("whether weights are equal is up to the plan, not to its prompts", {
  # One hazard only, by chance: other prompts would have other weights.
  plan <- known_plan(rep(0.02, 60), 4, design = "optimized")
  expect_true(all(plan$inclusion == plan$inclusion[1]))
  expect_identical(equal_inclusion(plan_parts(plan)), NA_real_)
  audit <- simulate_audit(plan, rep(0.02, 60))
  expect_identical(certify_tau(plan_parts(audit), 0.2, 0.1, "exact")$kind,
                   "betting")
})

test_that("certified tau are below those of the marginal rule", {
  set.seed(4)
  for (design in c("replicated", "optimized")) {
    audit <- random_audit(design, 2000, 30)
    lpb <- calibrate_lpb(audit)
    expect_lt(lpb$tau, lpb$tau_marginal)
    expect_equal(suppressWarnings(calibrate_lpb(audit, delta = NULL))$tau,
                 lpb$tau_marginal)
    stricter <- calibrate_lpb(audit, delta = 0.02)
    expect_lt(stricter$tau, lpb$tau)
    normal <- suppressWarnings(calibrate_lpb(audit, certificate = "normal"))
    expect_identical(normal$certificate$kind, "normal")
    expect_lt(normal$tau, lpb$tau_marginal)
  }
})

test_that("a plan says where it does not meet the assumptions", {
  set.seed(7)
  p <- 10^runif(100, -2, -1)
  remarks <- function(plan) certificate_remarks(plan_parts(plan))
  own <- known_plan(p, design = "replicated")
  expect_match(remarks(own), "on these prompts themselves")
  others <- 10^seq(-2, -1, length.out = 99)
  expect_null(remarks(known_plan(p, reference = others)))
  basic <- known_plan(p, design = "basic", reference = p)
  expect_match(remarks(basic), "no limit")
  # A prompt far safer than all of the design, on a plan without a cap.
  own$max_weight <- largest_weight(plan_parts(own)) / 2
  own$reference <- "given"
  expect_match(remarks(own), "beyond the limit")
})

# ---- Simulation --------------------------------------------------------------

# True hazards, and what the model says of them. Prompts are drawn from these
# at random, and then sorted by difficulty: the easy ones first.
kinds <- data.frame(truth = c(0.001, 0.005, 0.01, 0.02, 0.1))

simulated_models <- list(right = kinds$truth,
                         inverted = rev(kinds$truth),
                         constant = rep(0.01, 5))

miss_of <- function(hat, tau, cap) {
  bound <- as.vector(geometric_quantile(hat, tau, cap))
  mean(1 - (1 - kinds$truth)^(bound - 1))
}

# Levels certified in `runs` audits: in the random order of the plan, and with
# the order of the file in its place.
simulate_taus <- function(hat, design, n, budget, runs, alpha, delta) {
  constants <- new_constants(design, budget, alpha, delta, 0.4, 400)
  constants$reference <- "given"
  quantile <- prior_quantile(list(prob = hat), constants)
  constants <- fix_constants(constants, quantile, n)
  replicate(runs, {
    at <- sort(sample.int(5, n, TRUE))
    audit <- draw_inclusion(quantile[at], constants)
    audit <- c(audit, list(prob = hat[at], order = sample.int(n),
                           failed = FALSE, constants = constants))
    audit <- simulate_outcomes(audit, kinds$truth[at])
    audit$constants$u_certificate <- runif(1)
    planned <- certify_tau(audit, alpha, delta, "exact")$tau
    audit$order <- seq_len(n)
    c(planned, certify_tau(audit, alpha, delta, "exact")$tau)
  })
}

test_that("at most delta of the certificates are false", {
  skip_on_cran()
  set.seed(8)
  cells <- expand.grid(model = names(simulated_models), n = c(150, 1000),
                       budget = c(10, 300),
                       design = c("replicated", "optimized"),
                       stringsAsFactors = FALSE)
  runs <- 150
  false <- useful <- matrix(0, nrow(cells), 2)
  for (i in seq_len(nrow(cells))) {
    hat <- simulated_models[[cells$model[i]]]
    tau_grid <- with(cells[i, ], simulate_taus(hat, design, n, budget, runs,
                                               0.15, 0.2))
    missed <- apply(tau_grid, 1:2, function(tau) miss_of(hat, tau, 400))
    false[i, ] <- rowMeans(missed > 0.15)
    useful[i, ] <- rowMeans(tau_grid > 0)
  }
  # Each share has a standard error of 0.033. Among 24 cells one that lies three
  # of them above delta has a chance of 3 percent, if all were at delta.
  error <- sqrt(0.2 * 0.8 / runs)
  expect_true(all(false[, 1] <= 0.2 + 3 * error))
  expect_lte(mean(false[, 1]), 0.2 + 3 * error / sqrt(nrow(cells)))
  expect_gt(mean(useful[, 1] > 0.5), 0.7)
  # In the order of the file, easy prompts first, they are.
  expect_gt(max(false[, 2]), 0.9)
})
