# Hazards that are wrong in the way that hurts most: a few prompts that look
# safe are not.
overconfident <- function(n) {
  safe <- runif(n) < 0.3
  bad <- safe & runif(n) < 0.05
  list(hat = ifelse(safe, 1e-4, 0.02),
       p = ifelse(bad, 0.5, ifelse(safe, 1e-4, 0.01)))
}

overconfident_risk <- function(k) {
  0.7 * (1 - 0.99^k) + 0.3 * (0.05 * (1 - 0.5^k) + 0.95 * (1 - (1 - 1e-4)^k))
}

# The share of simulated audits whose limit at `k` is false, on either side.
false_limits <- function(draw, risk, k, repeats, ...) {
  runs <- vapply(seq_len(repeats), function(i) {
    prompts <- draw()
    audit <- simulate_audit(
      plan_audit(known_hazard(), as.character(seq_along(prompts$p)),
                 newdata = prompts$hat, ...), prompts$p
    )
    vapply(c("upper", "lower"), function(side) {
      got <- certify_risk(audit, k, 0.1, side)
      if (side == "upper") got$conf.high < risk else got$conf.low > risk
    }, NA)
  }, c(upper = NA, lower = NA))
  rowMeans(runs)
}

test_that("limits hold where a few prompts that look safe are not", {
  skip_on_cran()
  set.seed(1)
  reference <- overconfident(3000)$hat
  # bench/intervals.R has more of them.
  cells <- data.frame(design = c("replicated", "replicated", "optimized",
                                 "naive"),
                      k = c(1, 10, 10, 1), cap = c(1500, 1500, 1500, 40))
  # Monte Carlo standard error 0.024.
  for (i in seq_len(nrow(cells))) {
    k <- cells$k[i]
    got <- quiet(false_limits(function() overconfident(300),
                              overconfident_risk(k), k, 150, budget = 15,
                              design = cells$design[i], reference = reference,
                              cap = cells$cap[i]))
    expect_true(all(got < 0.1 + 3 * 0.024))
  }
})

test_that("a prompt of little depth counts by a tangent, which is above", {
  depth <- 4
  for (k in c(5, 20, 300)) {
    for (hat in c(0, 1e-3, 0.05, 0.5, 1)) {
      line <- tangents(hat, depth, k)
      p <- c(0, 10^seq(-5, -0.01, length.out = 200), 1)
      s <- 1 - (1 - p)^depth
      risk <- 1 - (1 - p)^k
      expect_true(all(line$at_0 + line$slope * s >= risk - 1e-12))
      touch <- line$at_0 + line$slope * (1 - (1 - hat)^depth)
      expect_equal(touch, 1 - (1 - hat)^k)
    }
  }
  expect_identical(tangents(0.1, 0, 7), list(at_0 = 1, slope = 0))
})

test_that("no part of a tangent exceeds its reach", {
  set.seed(2)
  hat <- c(10^runif(300, -4, -0.3), 1e-9)
  for (design in c("replicated", "optimized")) {
    plan <- known_plan(hat, 10, design, delta = 0.1, cap = 60)
    # Every draw unsafe, none safe: the largest values there can be.
    audit <- plan_parts(simulate_audit(plan, rep(1, 301)))
    depth <- sampled_depth(audit)
    for (k in c(2, 9, 50, 200, 5000)) {
      terms <- risk_terms(audit, depth, k, "upper")
      expect_true(all(terms$part <= terms$largest_part * (1 + 1e-9)))
      expect_true(all(terms$part <= terms$largest_ratio * terms$total *
                        (1 + 1e-9)))
      expect_lt(betting_limit(terms, "lower", 0.1), 1)
    }
  }
})

test_that("where a plan gives equal weights events are counted", {
  set.seed(3)
  p <- rep(c(0.001, 0.02), 100)
  plan <- known_plan(p, 60, "optimized", cap = 20, delta = 0.1)
  audit <- simulate_audit(plan, p)
  parts <- plan_parts(audit)
  expect_identical(equal_inclusion(parts), 1)
  depth <- sampled_depth(parts)
  k <- min(depth)
  early <- sum(audit$status == 1 & audit$time <= k)
  expect_gt(early, 0)
  expect_equal(risk_limit(parts, depth, k, "upper", 0.1),
               qbeta(0.9, early + 1, 200 - early))
  expect_equal(risk_limit(parts, depth, k, "lower", 0.1),
               qbeta(0.1, early, 200 - early + 1))
})

test_that("limits at several k imply closer ones, and none that is false", {
  k <- c(1, 5, 20)
  truth <- 1 - 0.99^(1:40)
  high <- c(0.02, 0.04, 0.5)
  got <- upper_between(k, high, 1:40)
  expect_equal(got[k], c(0.02, 0.04, 1 - 0.96^4))
  expect_equal(got[3], 0.04)
  expect_equal(got[40], 1 - 0.96^8)
  # From true anchors nothing false follows.
  expect_true(all(upper_between(k, truth[k], 1:40) >= truth - 1e-12))
  expect_true(all(lower_between(k, truth[k], 1:40) <= truth + 1e-12))
  low <- c(0, 0.05, 0.06)
  expect_equal(lower_between(k, low, c(1, 5, 10, 40)),
               c(1 - 0.95^(1 / 5), 0.05, 0.05, 0.06))
})

test_that("failed draws count against the claim", {
  set.seed(4)
  p <- low <- rep(0.005, 200)
  for (design in c("replicated", "optimized")) {
    audit <- simulate_audit(known_plan(p, 30, design, cap = 30, delta = 0.1), p)
    failed <- audit
    at <- which(audit$status == 0 & audit$limit > 3)[1:30]
    failed$failed[at] <- TRUE
    failed$draws[at] <- 2
    failed$unsafe[at] <- if (design == "replicated") 0 else 1
    if (design == "optimized") {
      failed$status[at] <- 1
      failed$time[at] <- 3
      failed$draws[at] <- 3
    }
    limits <- function(audit, k, side) {
      parts <- plan_parts(audit)
      risk_limit(parts, sampled_depth(parts), k, side, 0.1)
    }
    expect_gt(limits(failed, 10, "upper"), limits(audit, 10, "upper"))
    expect_equal(limits(failed, 10, "lower"), limits(audit, 10, "lower"))
  }
})

test_that("clusters are what is independent", {
  skip_on_cran()
  set.seed(6)
  # Clusters of one or ten, whose prompts share a hazard that is the larger the
  # larger the cluster.
  size <- c(1, 10)
  hazard <- c(0.005, 0.05)
  risk <- 1 - (1 - hazard)^5
  truth <- c(clusters = mean(risk), rows = sum(size * risk) / sum(size))
  runs <- replicate(120, {
    kind <- sample(2, 60, replace = TRUE)
    p <- rep(hazard[kind], size[kind])
    cluster <- rep(1:60, size[kind])
    vapply(list(clusters = NULL, rows = 10), function(most) {
      plan <- quiet(plan_audit(known_hazard(), as.character(seq_along(p)), p,
                               budget = 20, cluster = cluster,
                               cluster_size = most, reference = hazard,
                               cap = 40))
      got <- certify_risk(simulate_audit(plan, p), 5, 0.2, "both")
      c(got$conf.high, got$conf.low)
    }, c(high = 0, low = 0))
  })
  # Monte Carlo standard error 0.027.
  expect_true(all(rowMeans(runs["high", , ] < truth) < 0.1 + 3 * 0.027))
  expect_true(all(rowMeans(runs["low", , ] > truth) < 0.1 + 3 * 0.027))
  expect_lt(mean(runs["high", "clusters", ]), 0.5)
})
