# Clusters of 1 to `most` prompts that share the error of their hazard.
clustered_audit <- function(design, n = 60, budget = 10, most = 4, factor = 1,
                            ...) {
  cluster <- sample(rep(seq_len(n), sample.int(most, n, replace = TRUE)))
  hat <- 10^runif(length(cluster), -2, -0.5)
  plan <- known_plan(hat, budget, design = design, cluster = cluster, ...)
  error <- exp(rnorm(n, log(factor), 0.5))
  simulate_audit(plan, pmin(0.9, hat * error[cluster]))
}

# base - loss of each cluster at a tau, in the plan's order, by definition.
plain_cluster_payoffs <- function(audit, alpha, tau) {
  payoff <- plain_payoffs(audit, alpha, tau)
  cluster <- audit$cluster[order(audit$order)]
  sums <- rowsum(payoff, cluster, reorder = FALSE)[, 1]
  if (is.null(audit$cluster_size)) sums / table(cluster)[names(sums)] else sums
}

test_that("clusters are one after the other, in an order that ignores sizes", {
  set.seed(1)
  cluster <- sample(rep(c("a", "b", "c"), c(6, 1, 1)))
  first <- replicate(2000, {
    order <- random_order(8, cluster)
    expect_true(is_contiguous(order, cluster))
    cluster[order == 1]
  })
  expect_setequal(random_order(8, cluster), 1:8)
  # Binomial standard deviation: 0.0105.
  expect_lt(max(abs(table(first) / 2000 - 1 / 3)), 4 * 0.0105)
  expect_false(is_contiguous(c(1, 2, 3), c("a", "b", "a")))
  expect_true(is_contiguous(c(1, 3, 2), c("a", "b", "a")))
})

test_that("a plan keeps its clusters, through a file, and seals them", {
  set.seed(2)
  cluster <- rep(c("007", "8", "x, y"), c(3, 1, 2))
  plan <- known_plan(rep(0.1, 6), cluster = cluster, cluster_size = 4)
  expect_identical(plan$cluster, cluster)
  expect_identical(unique(plan$cluster_size), 4)
  back <- read_plan(write_plan(plan, withr::local_tempfile(fileext = ".csv")))
  expect_identical(back$cluster, cluster)
  expect_identical(back$cluster_size, plan$cluster_size)
  numbered <- known_plan(rep(0.1, 6), cluster = c(1, 1, 2, 2, 3, 3))
  expect_identical(numbered$cluster, c(1L, 1L, 2L, 2L, 3L, 3L))
  expect_null(numbered[["cluster_size"]])
  expect_null(known_plan(rep(0.1, 6))[["cluster"]])

  changed <- plan
  changed$cluster[1] <- "8"
  refused <- function(plan, text) {
    expect_error(check_plan(plan), text, class = "timetounsafe_error_plan")
  }
  refused(changed, "clusters")
  changed$cluster[1] <- NA
  refused(changed, "missing cluster")
  none <- plan
  none$cluster <- NULL
  refused(none, "clusters")
  larger <- plan
  larger$cluster_size <- 5
  refused(larger, "constants")
  pieces <- plan
  pieces$order <- 1:6
  pieces$cluster <- c("a", "b", "a", "b", "c", "c")
  refused(reseal(pieces), "in pieces")
})

test_that("what is no cluster, or too large a one, is refused", {
  good <- list(p = rep(0.1, 4), cluster = c(1, 1, 2, 2))
  bad_arguments(known_plan, good, list(
    cluster = list(1:3, c(1, NA, 2, 2), list(1, 1, 2, 2)),
    cluster_size = list(0, 1, 1.5, "a")
  ))
  expect_error(known_plan(rep(0.1, 4), cluster_size = 2), "`cluster` only",
               class = "timetounsafe_error_argument")
})

test_that("the certified tau is that of the clusters' payoffs", {
  set.seed(3)
  inside <- 0
  for (i in 1:48) {
    design <- c("replicated", "optimized", "trimmed", "naive")[i %% 4 + 1]
    audit <- clustered_audit(design, sample(c(30, 60, 150), 1),
                             sample(c(10, 50, 200), 1), most = 3,
                             factor = runif(1, 0.3, 3), cap = 20,
                             cluster_size = if (i %% 3 == 0) 4)
    alpha <- runif(1, 0.1, 0.3)
    delta <- runif(1, 0.1, 0.5)
    parts <- plan_parts(audit)
    found <- certify_tau(parts, alpha, delta, "exact")
    expect_identical(found$kind, "betting")
    betting <- plan_betting(parts, alpha, delta)
    expect_identical(betting$n, length(unique(audit$cluster)))
    expect_equal(betting$payoff_range, (if (i %% 3 == 0) 4 else 1) *
                   design_of(parts)$payoff_range(betting$max_weight, alpha))
    bets <- place_bets(gather_payoffs(parts, alpha), betting)
    share <- if (cannot_certify(betting)) 1 else audit$u_certificate[1]
    expect_last_tau(found, audit, function(tau) {
      wealth <- cumprod(1 + bets * plain_cluster_payoffs(audit, alpha, tau))
      max(wealth) >= 1 / delta || wealth[length(wealth)] >= share / delta
    })
    inside <- inside + (found$tau > 0 && !found$at_tau_max)
  }
  expect_gt(inside, 10)
})

test_that("the marginal tau is that of a mean over clusters, or over rows", {
  set.seed(4)
  for (design in c("replicated", "optimized")) {
    for (size in list(NULL, 4)) {
      audit <- clustered_audit(design, 300, 50, factor = 2, cluster_size = size)
      weight <- if (is.null(size)) {
        1 / ave(audit$prob, audit$cluster, FUN = length)
      } else {
        1
      }
      lpb <- point_lpb(audit)
      miss <- function(tau) {
        zero <- -plain_payoffs(audit, 0, tau)[audit$order]
        included <- (audit$horizon > 0) / audit$inclusion
        sum(weight * zero) / if (design == "replicated") {
          sum(weight * included)
        } else {
          length(audit$prob) * mean(weight)
        }
      }
      expect_lt(miss(lpb$tau), 0.1)
      expect_gt(miss(lpb$tau * (1 + 1e-6)), if (design == "replicated") {
        0.09
      } else {
        0.1 - 1e-12
      })
      at <- findInterval(lpb$tau, lpb$curve$tau)
      expect_equal(lpb$curve$miscoverage[at],
                   miss(lpb$curve$tau[at] * (1 + 1e-9)), tolerance = 1e-6)
      grid <- seq(0.002, 0.15, 0.002)
      got <- select_on_grid(plan_parts(audit), 0.1, grid)$curve$miscoverage
      expect_equal(got, vapply(grid, miss, 0))
    }
  }
})

test_that("clusters of one are prompts, and counted only if known to be", {
  set.seed(5)
  p <- 10^runif(200, -2, -1)
  audit <- simulate_audit(known_plan(p, 1000, design = "replicated",
                                     cluster = 1:200), p)
  alone <- audit
  alone$cluster <- NULL
  tau <- function(audit) certify_tau(plan_parts(audit), 0.1, 0.1, "exact")
  expect_identical(tau(audit), tau(alone))

  kind <- function(...) {
    plan <- known_plan(p, 1000, design = "basic", cap = 50, ...)
    tau(simulate_audit(plan, p))$kind
  }
  expect_identical(kind(), "binomial")
  expect_identical(kind(cluster = 1:200), "betting")
  expect_identical(kind(cluster = 1:200, cluster_size = 1), "binomial")
  expect_identical(kind(cluster = 1:200, cluster_size = 2), "betting")
})

test_that("a bet depends on the clusters before it alone", {
  set.seed(6)
  audit <- clustered_audit("replicated", 5120, 300, 4, 2, cluster_size = 5)
  bets_of <- function(audit) {
    parts <- plan_parts(audit)
    place_bets(gather_payoffs(parts, 0.1), plan_betting(parts, 0.1, 0.1))
  }
  bets <- bets_of(audit)
  place <- unit_place(plan_parts(audit))
  expect_gt(length(unique(bets)), 2)
  for (seen in c(80, 500, 2560)) {
    # Neither the outcomes nor the sizes of later clusters matter.
    changed <- audit
    later <- place > seen
    changed$unsafe[later] <- changed$limit[later]
    changed <- changed[!later | !duplicated(changed$cluster), ]
    expect_identical(bets_of(changed)[seq_len(seen)], bets[seq_len(seen)])
  }
})

test_that("a cluster lies in one group", {
  set.seed(7)
  audit <- clustered_audit("replicated", 100, 100)
  groups <- ifelse(audit$cluster %% 2 == 0, "even", "odd")
  lpb <- quiet(calibrate_lpb(audit, groups = groups))
  for (name in c("even", "odd")) {
    part <- take_part(plan_parts(audit), groups == name)
    expect_identical(lpb$groups$tau[lpb$groups$group == name],
                     select_by(part, lpb$rule)$tau)
  }
  first <- which(audit$cluster == audit$cluster[duplicated(audit$cluster)][1])
  groups[first[1]] <- "else"
  expect_error(calibrate_lpb(audit, groups = groups), "cluster together",
               class = "timetounsafe_error_argument")
})

test_that("print says whom a plan and a bound are for", {
  set.seed(8)
  audit <- clustered_audit("replicated", 100, 100)
  lpb <- quiet(calibrate_lpb(audit))
  expect_match(lines_of(lpb), "random prompt of a random cluster .100 clust",
               all = FALSE)
  expect_identical(lpb$target, "clusters")
  expect_identical(lpb$n_clusters, 100L)
  expect_equal(lpb$max_share, largest_weight(plan_parts(audit)) / 100)
  expect_match(target_text(lpb), "each of the 100 calibration clusters")
  expect_match(guarantee_text(lpb), "a random prompt|uninformative")
  summed <- clustered_audit("replicated", 100, 100, cluster_size = 6)
  expect_match(lines_of(quiet(calibrate_lpb(summed))), "up to 6 rows",
               all = FALSE)
  plan <- known_plan(rep(0.1, 4))
  expect_match(lines_of(plan), "rows of traffic", all = FALSE)
  expect_no_match(lines_of(plan), "distinct prompts")
  plan <- known_plan(rep(0.1, 4), prompts = c("a", "b", "a", "c"))
  expect_match(lines_of(plan), "supply each once", all = FALSE)
})

# bench/targets.R has the same at length.
test_that("clusters taken for prompts fail, and hold as clusters", {
  skip_on_cran()
  set.seed(9)
  hazard <- as_hazard(function(newdata) newdata$hat)
  others <- data.frame(hat = 10^runif(1000, -3, -1.3))
  new <- 10^runif(5000, -3, -1.3)
  true <- pmin(0.9, new * exp(1.5 * rnorm(5000)))
  false <- replicate(150, {
    hat <- 10^runif(150, -3, -1.3)
    p <- pmin(0.9, hat * exp(1.5 * rnorm(150)))
    of <- rep(1:150, each = 10)
    vapply(1:3, function(how) {
      plan <- quiet(plan_audit(hazard, as.character(1:1500), 30,
                               data.frame(hat = hat[of]), reference = others,
                               cap = 500, cluster = if (how > 1) of,
                               cluster_size = if (how > 2) 10))
      lpb <- quiet(calibrate_lpb(simulate_audit(plan, p[of])))
      bound <- predict(lpb, data.frame(hat = new))
      mean(1 - (1 - true)^(bound - 1)) > 0.1
    }, NA)
  })
  # Monte Carlo standard errors: 0.036 at 0.26, 0.0245 at 0.1.
  expect_gt(mean(false[1, ]), 0.26 - 3 * 0.036)
  expect_lt(mean(false[2, ]), 0.1 + 3 * 0.0245)
  expect_lt(mean(false[3, ]), 0.1 + 3 * 0.0245)
})

test_that("rows of clustered traffic are not prompts of random clusters", {
  skip_on_cran()
  set.seed(10)
  hazard <- as_hazard(function(newdata) newdata$hat)
  # A fifth of the clusters have ten rows, riskier than estimated.
  draw <- function(n) {
    large <- runif(n) < 0.2
    hat <- 10^runif(n, -3, -1.3)
    list(size = ifelse(large, 10, 1), hat = hat,
         p = pmin(0.9, hat * exp(1.5 * rnorm(n)) * ifelse(large, 2.5, 1)))
  }
  others <- data.frame(hat = draw(1000)$hat)
  new <- draw(20000)
  false <- replicate(100, {
    clusters <- draw(600)
    of <- rep(1:600, clusters$size)
    vapply(list(NULL, 10), function(size) {
      plan <- quiet(plan_audit(hazard, as.character(seq_along(of)), 30,
                               data.frame(hat = clusters$hat[of]), cap = 500,
                               reference = others, cluster = of,
                               cluster_size = size))
      lpb <- quiet(calibrate_lpb(simulate_audit(plan, clusters$p[of])))
      miss <- 1 - (1 - new$p)^(predict(lpb, data.frame(hat = new$hat)) - 1)
      c(mean(miss), weighted.mean(miss, new$size)) > 0.1
    }, logical(2))
  })
  # Monte Carlo standard error at 0.1: 0.03.
  expect_lt(mean(false[1, 1, ]), 0.1 + 3 * 0.03)
  expect_gt(mean(false[2, 1, ]), 0.5)
  expect_lt(mean(false[2, 2, ]), 0.1 + 3 * 0.03)
})
