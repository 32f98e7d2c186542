# Every outcome of planning and drawing one prompt, with its probability: the
# parts of the uniform number that decide alike, and the unsafe draws.
every_outcome <- function(p, hat, times, q, constants) {
  inclusion <- min(1, times)
  rest <- ceiling(times * (q - 1)) - times * (q - 1)
  ends <- sort(unique(c(0, inclusion, 1, rest)))
  ends <- ends[ends >= 0 & ends <= 1]
  rows <- lapply(seq_len(length(ends) - 1), function(k) {
    u <- (ends[k] + ends[k + 1]) / 2
    horizon <- design_replicated()$horizon(u, inclusion, q, constants)
    limit <- design_replicated()$limit(u, times, horizon, constants)
    data.frame(chance = (ends[k + 1] - ends[k]) * dbinom(0:limit, limit, p),
               unsafe = 0:limit, draws = limit, horizon = horizon,
               limit = limit)
  })
  rows <- do.call(rbind, rows)
  rows[c("inclusion", "prob", "intensity")] <- list(inclusion, hat, times)
  rows
}

test_that("the whole estimator is unbiased at every level, by enumeration", {
  constants <- list(design = "replicated")
  hat <- 0.1
  q <- geometric_quantile(hat, 0.6)
  tau_grid <- seq(0.02, 0.6, by = 0.02)
  quantiles <- geometric_quantile(hat, tau_grid)
  for (p in c(0.02, 0.13, 0.5)) {
    for (times in c(0.2, 0.9, 1, 1.06, 2.5, 3)) {
      all <- every_outcome(p, hat, times, q, constants)
      expect_equal(sum(all$chance), 1, tolerance = 1e-12)
      estimate <- vapply(seq_len(nrow(all)), function(i) {
        replicated_miscoverage(all$unsafe[i], all$draws[i], all$inclusion[i],
                               quantiles)
      }, numeric(length(tau_grid)))
      expect_equal(drop(estimate %*% all$chance),
                   drop(1 - (1 - p)^(quantiles - 1)), tolerance = 1e-10)
    }
  }
})

test_that("gains less losses have a mean of alpha less the miscoverage", {
  constants <- list(design = "replicated", cap = 100, tau_max = 0.6)
  hat <- 0.1
  p <- 0.13
  q <- geometric_quantile(hat, 0.6)
  for (times in c(0.2, 1, 2.3)) {
    all <- every_outcome(p, hat, times, q, constants)
    # Each outcome in turn is the only prompt of an audit.
    payoffs <- lapply(seq_len(nrow(all)), function(i) {
      one <- c(as.list(all[i, ]), order = 1, failed = FALSE, time = 0,
               list(constants = constants))
      gather_payoffs(one, 0.1)
    })
    base <- vapply(payoffs, function(e) e$base, 0)
    expect_equal(sum(base * all$chance), 0.1, tolerance = 1e-10)
    for (tau in c(0.1, 0.35, 0.6)) {
      loss <- vapply(payoffs, function(e) {
        if (length(e$place) == 0) {
          return(0)
        }
        e$weight * choose_formula(e$outcome$unsafe, e$outcome$draws,
                                  geometric_quantile(hat, tau))
      }, 0)
      expect_equal(sum(loss * all$chance),
                   drop(1 - (1 - p)^(geometric_quantile(hat, tau) - 1)),
                   tolerance = 1e-10)
    }
  }
})

test_that("draws that failed permanently count as unsafe", {
  audit <- data.frame(unsafe = c(1, 1, 0), draws = c(5, 3, 5), limit = 5,
                      failed = c(FALSE, TRUE, FALSE))
  expect_equal(replicated_unsafe(audit), c(1, 3, 0))
})

test_that("the predicted variance is that of the estimate", {
  # A small hazard, so that Poisson and binomial are the same.
  p <- 1e-4
  constants <- list(alpha = 0.1, tau_max = 0.19)
  q <- geometric_quantile(p, 0.1)
  for (times in c(1, 2, 7)) {
    draws <- round(times * (geometric_quantile(p, 0.19) - 1))
    s <- 0:40
    loss <- choose_formula(s, draws, as.vector(q))
    chance <- dbinom(s, draws, p)
    spread <- sum(loss^2 * chance) - sum(loss * chance)^2
    variance <- find_law(constants)$counts_variance(times, 0.1, 0.19)
    expect_equal(variance, spread, tolerance = 2e-3)
  }
})

# ---- A record that ends -----------------------------------------------

test_that("no prompt is asked for more than there is, whatever the budget", {
  p <- rep(10^seq(-3, -0.6, length.out = 50), 8)
  cost <- geometric_quantile(p, 0.19, 33) - 1
  for (delta in list(NULL, 0.1)) {
    for (budget in c(1, 8, 20, 28, 60)) {
      plan_with <- function(...) {
        set.seed(1)
        quiet(known_plan(p, budget, "replicated", delta = delta, cap = 33,
                         tau_max = 0.19, ...))
      }
      free <- plan_with()
      plan <- plan_with(max_limit = 32)
      expect_true(all(plan$limit <= 32))
      expect_identical(unique(plan$max_limit), 32)
      # The budget is kept, as far as it can be used.
      expect_equal(sum(plan$intensity * cost),
                   min(budget * 400, sum(32 * (cost > 0))))
      # The optimum: one multiplier for all that are within their limits.
      within <- cost > 0 & plan$intensity < 32 / cost - 1e-9 &
        plan$intensity > plan$least_intensity[1]
      mu <- (plan$intensity * sqrt(cost))[within]
      expect_equal(mu, rep(plan$multiplier[1], length(mu)))
      # Who is included is still a matter of the multiplier alone.
      expect_equal(plan$inclusion[cost > 0], pmax(
        plan$least_intensity[1], pmin(1, plan$multiplier[1] / sqrt(cost))
      )[cost > 0])
      if (max(free$limit) < 32 || budget == 1) {
        rows <- schema_names("row")
        expect_identical(as.list(plan)[rows], as.list(free)[rows])
      }
      expect_identical(any(free$limit > 32), budget > 8)
    }
  }
})

test_that("limits that bind leave the estimate unbiased", {
  hat <- 0.1
  q <- as.vector(geometric_quantile(hat, 0.6))
  constants <- list(design = "replicated", cap = 100, tau_max = 0.6,
                    least_intensity = 0, multiplier = 5, max_limit = 10)
  times <- replicated_intensity(q, constants)
  expect_equal(times, 10 / (q - 1))
  quantiles <- geometric_quantile(hat, c(0.1, 0.35, 0.6))
  all <- every_outcome(0.13, hat, times, q, constants)
  expect_identical(unique(all$limit), 10)
  estimate <- vapply(seq_len(nrow(all)), function(i) {
    replicated_miscoverage(all$unsafe[i], all$draws[i], all$inclusion[i],
                           quantiles)
  }, numeric(3))
  expect_equal(drop(estimate %*% all$chance),
               drop(1 - 0.87^(quantiles - 1)), tolerance = 1e-10)
  # Rounding gives no prompt one more.
  cost <- 1:2000
  constants <- list(least_intensity = 0, multiplier = 1e9, max_limit = 2000)
  times <- replicated_intensity(cost + 1, constants)
  expect_identical(range(replicated_limit(rep(1 - 2^-53, 2000), times,
                                          cost + 1, constants)), c(2000, 2000))
})

test_that("prompts that take no draw leave others no more than the budget", {
  # Reference prompts whose quantile is 1.
  plan <- quiet(known_plan(rep(0.05, 100), 0.5, "replicated", cap = 3,
                           max_limit = 2, reference = rep(0.9, 50)))
  expect_equal(plan$intensity, rep(0.5 / sqrt(2), 100))
})
