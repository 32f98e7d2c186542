test_that("the event-time weight of naive is unbiased and steadier", {
  skip_on_cran()
  set.seed(2)
  n <- 400
  p <- rep(c(0.02, 0.1), n / 2)
  at <- c(0.05, 0.1, 0.15)
  q <- geometric_quantile(p, at)
  truth <- colMeans(1 - (1 - p)^(q - 1))
  runs <- replicate(600, {
    audit <- simulate_audit(known_plan(p, 10, method = "naive"), p)
    curve <- suppressWarnings(point_lpb(audit))$curve
    event <- vapply(at, function(tau) {
      max(0, curve$miscoverage[curve$level < tau])
    }, 1)
    grid <- suppressWarnings(point_lpb(audit, levels = at))
    c(event, grid$curve$miscoverage)
  })
  se <- apply(runs, 1, sd) / sqrt(ncol(runs))
  expect_true(all(abs(rowMeans(runs) - rep(truth, 2)) < 4 * se))
  expect_true(all(se[1:3] < se[4:6]))
})

test_that("the exact level is where the cumulative weight reaches alpha", {
  set.seed(3)
  for (i in 1:30) {
    n <- sample(c(20, 200, 1000), 1)
    p <- 10^runif(n, -3, -0.5)
    method <- sample(c("optimized", "trimmed", "basic", "naive"), 1)
    plan <- known_plan(p, sample(c(3, 10, 50), 1), method = method)
    audit <- simulate_audit(plan, pmin(1, p * runif(1, 0.3, 3)))
    alpha <- runif(1, 0.02, 0.4)
    lpb <- suppressWarnings(point_lpb(audit, alpha))
    seen <- audit$time < audit$horizon
    u <- -expm1(audit$time[seen] * log1p(-p[seen]))
    w <- if (method == "naive") {
      (1 - 1 / plan$budget[1])^-audit$time[seen]
    } else {
      1 / audit$pi[seen]
    }
    above <- vapply(sort(u), function(level) {
      sum(w[u <= level]) / n >= alpha - 1e-12
    }, TRUE)
    expected <- min(sort(u)[above], plan$tau_prior[1])
    expect_equal(lpb$level, expected, tolerance = 1e-12)
    expect_lte(lpb$level, expected)
    expect_identical(lpb$capped, expected == plan$tau_prior[1])
  }
})

test_that("exact and grid agree to the width of the grid", {
  set.seed(4)
  p <- 10^runif(2000, -3, -1)
  audit <- simulate_audit(known_plan(p, 20, tau_prior = 0.3), p)
  grid <- seq(0.001, 0.3, length.out = 1500)
  exact <- point_lpb(audit)$level
  on_grid <- point_lpb(audit, levels = grid)$level
  expect_true(on_grid <= exact && exact <= on_grid + diff(grid)[1])
})

test_that("levels on a grid take the replicated draws, too", {
  set.seed(15)
  p <- 10^runif(500, -3, -1)
  audit <- simulate_audit(known_plan(p, method = "replicated"), p)
  exact <- point_lpb(audit)
  levels <- seq(0.001, 0.19, 0.001)
  grid <- point_lpb(audit, levels = levels)
  expect_lte(grid$level, exact$level)
  expect_gt(grid$level, exact$level - 0.002)
})

plain_wealth <- function(audit, alpha, delta, bets, tau) {
  wealth <- cumprod(1 + bets * plain_evidence(audit, alpha, tau))
  max(wealth) >= 1 / delta ||
    wealth[length(wealth)] >= audit$threshold[1] / delta
}

test_that("the certified level is the last one whose wealth suffices", {
  set.seed(1)
  inside <- 0
  for (i in 1:40) {
    method <- c("replicated", "optimized", "trimmed", "naive")[i %% 4 + 1]
    audit <- random_audit(method, sample(c(30, 60, 150), 1),
                          sample(c(3, 10, 50), 1), runif(1, 0.3, 3),
                          cap = 60, max_weight = 10)
    alpha <- runif(1, 0.1, 0.3)
    delta <- runif(1, 0.1, 0.5)
    found <- certify_level(plan_parts(audit), alpha, delta, "exact")
    inside <- inside + (found$level > 0 && !found$capped)
    if (found$kind == "binomial") {
      next
    }
    stakes <- plan_stakes(plan_parts(audit), alpha, delta)
    bets <- place_bets(gather_evidence(plan_parts(audit), alpha), stakes)
    expect_identical(unique(bets), found$bet)
    if (hopeless(stakes)) {
      audit$threshold <- 1
    }
    expect_last_level(found, audit, function(tau) {
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
    place_bets(gather_evidence(parts, 0.1), plan_stakes(parts, 0.1, 0.1))
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
  plan <- known_plan(hat, 500, method = "replicated")
  last <- vapply(list(hat, rev(hat)), function(p) {
    audit <- simulate_audit(plan, p)
    parts <- plan_parts(audit)
    bets <- place_bets(gather_evidence(parts, 0.1),
                       plan_stakes(parts, 0.1, 0.1))
    bets[2000] / bets[1]
  }, 0)
  expect_equal(last[1], 1, tolerance = 0.15)
  expect_lt(last[2], 0.6)
})

test_that("with equal weights losses are counted, by the binomial tail", {
  set.seed(3)
  for (n in c(20, 60, 300)) {
    plan <- known_plan(rep(0.02, n), 4, method = "optimized")
    audit <- simulate_audit(plan, rep(0.02, n))
    pi <- audit$pi[1]
    expect_lt(pi, 1)
    jumps <- sort(1 - 0.98^audit$time[audit$time < audit$horizon])
    for (delta in c(0.05, 0.3)) {
      found <- certify_level(plan_parts(audit), 0.2, delta, "exact")
      expect_identical(found$kind, "binomial")
      # A count proves it when it is that small with probability delta at most.
      proves <- pbinom(0:n, n, 0.2 * pi) <= delta
      expected <- if (!proves[1]) {
        0
      } else {
        min(plan$tau_prior[1], c(jumps, Inf)[max(which(proves))])
      }
      expect_equal(found$level, expected, tolerance = 1e-12)
      expect_lte(found$level, expected)
    }
  }
})

test_that("certified levels are below those of the point rule", {
  set.seed(4)
  for (method in c("replicated", "optimized")) {
    audit <- random_audit(method, 2000, 30)
    lpb <- calibrate_lpb(audit)
    expect_lt(lpb$level, lpb$point_level)
    expect_equal(suppressWarnings(calibrate_lpb(audit, delta = NULL))$level,
                 lpb$point_level)
    stricter <- calibrate_lpb(audit, delta = 0.02)
    expect_lt(stricter$level, lpb$level)
    normal <- calibrate_lpb(audit, certificate = "normal")
    expect_identical(normal$certificate$kind, "normal")
    expect_lt(normal$level, lpb$point_level)
  }
})

test_that("a plan says where it does not meet the assumptions", {
  set.seed(7)
  p <- 10^runif(100, -2, -1)
  remarks <- function(plan) certificate_remarks(plan_parts(plan))
  own <- known_plan(p, method = "replicated")
  expect_match(remarks(own), "on these prompts themselves")
  expect_null(remarks(known_plan(p, design = 10^seq(-2, -1, length.out = 99))))
  basic <- known_plan(p, method = "basic", design = p)
  expect_match(remarks(basic), "no limit")
  # A prompt far safer than all of the design, on a plan without a cap.
  own$weight_limit <- largest_weight(plan_parts(own)) / 2
  own$design <- "given"
  expect_match(remarks(own), "beyond the limit")
})

# ---- Simulation --------------------------------------------------------------

# True hazards, and what the model says of them. Prompts are drawn from these
# at random, and then sorted by difficulty: the easy ones first.
kinds <- data.frame(truth = c(0.001, 0.005, 0.01, 0.02, 0.1))

simulated_models <- list(right = kinds$truth,
                         inverted = rev(kinds$truth),
                         constant = rep(0.01, 5))

miss_of <- function(hat, level, cap) {
  bound <- as.vector(geometric_quantile(hat, level, cap))
  mean(1 - (1 - kinds$truth)^(bound - 1))
}

# Levels certified in `runs` audits: in the random order of the plan, and with
# the order of the file in its place.
simulate_levels <- function(hat, method, n, budget, runs, alpha, delta) {
  policy <- new_policy(method, budget, alpha, delta, 0.4, 20, 400)
  policy$design <- "given"
  quantile <- prior_quantile(list(prob = hat), policy)
  policy <- fix_policy(policy, quantile, n)
  replicate(runs, {
    at <- sort(sample.int(5, n, TRUE))
    audit <- draw_inclusion(quantile[at], policy)
    audit <- c(audit, list(prob = hat[at], order = sample.int(n),
                           failed = FALSE, constants = policy))
    audit <- simulate_outcomes(audit, kinds$truth[at])
    audit$constants$threshold <- runif(1)
    planned <- certify_level(audit, alpha, delta, "exact")$level
    audit$order <- seq_len(n)
    c(planned, certify_level(audit, alpha, delta, "exact")$level)
  })
}

test_that("at most delta of the certificates are false", {
  skip_on_cran()
  set.seed(8)
  cells <- expand.grid(model = names(simulated_models), n = c(150, 1000),
                       budget = c(10, 300),
                       method = c("replicated", "optimized"),
                       stringsAsFactors = FALSE)
  runs <- 150
  false <- useful <- matrix(0, nrow(cells), 2)
  for (i in seq_len(nrow(cells))) {
    hat <- simulated_models[[cells$model[i]]]
    levels <- with(cells[i, ], simulate_levels(hat, method, n, budget, runs,
                                               0.15, 0.2))
    missed <- apply(levels, 1:2, function(tau) miss_of(hat, tau, 400))
    false[i, ] <- rowMeans(missed > 0.15)
    useful[i, ] <- rowMeans(levels > 0)
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
