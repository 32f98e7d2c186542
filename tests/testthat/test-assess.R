simple_lpb <- function(p = c(0.5, 0.1, 0.02), tau = 0.15) {
  plan <- known_plan(rep(p, 10), 1000, tau_max = tau)
  suppressWarnings(point_lpb(simulate_audit(plan, rep(0, 30))))
}

test_that("known hazards give the exact coverage", {
  lpb <- simple_lpb()
  p <- c(0.5, 0.1, 0.02, 0.1)
  bound <- predict(lpb, p)
  expect_equal(bound, c(1, 2, 9, 2))
  truth <- c(0.4, 0.2, 0.01, 0)
  got <- assess_lpb(lpb, p, prob = truth, bins = 2)
  covered <- (1 - truth)^(bound - 1)
  expect_equal(got$estimate, c(mean(covered), mean(covered[3:4 - c(0, 2)]),
                               mean(covered[c(1, 4)])))
  expect_true(all(is.na(got$conf.low)))
  expect_equal(got$gmean_bound[1], exp(mean(log(bound))))
})

test_that("times are counted, with exact binomial intervals", {
  lpb <- simple_lpb()
  p <- c(0.1, 0.1, 0.02, 0.02)
  got <- assess_lpb(lpb, p, survival::Surv(c(1, 2, 8, 8), c(1, 1, 0, 1)),
                    bins = 1)
  expect_equal(got$estimate[1], 0.5)
  expect_equal(c(got$conf.low[1], got$conf.high[1]),
               as.vector(binom.test(2, 4)$conf.int))
})

test_that("prompts that were not drawn up to the bound count as not covered", {
  lpb <- simple_lpb()
  expect_warning(
    got <- assess_lpb(lpb, c(0.02, 0.02),
                      survival::Surv(c(7, 8), c(0, 0)), bins = 1),
    class = "timetounsafe_warning_unresolved"
  )
  expect_equal(got$estimate[1], 0.5)
  expect_equal(got$n_unresolved[1], 1)
})

test_that("fixed draws give the unbiased estimate, by enumeration", {
  lpb <- simple_lpb()
  n <- 12
  truth <- 0.07
  bound <- predict(lpb, 0.02)
  # One prompt with S ~ Binomial(12, 0.07): the mean over S is the coverage.
  estimate <- vapply(0:n, function(s) {
    assess_lpb(lpb, 0.02, counts(s, n), bins = 1)$estimate[1]
  }, 1)
  expect_equal(sum(dbinom(0:n, n, truth) * estimate), (1 - truth)^(bound - 1))
  # Too few draws: an unsafe one settles it.
  expect_equal(assess_lpb(lpb, 0.02, counts(1, 3), bins = 1)$estimate[1], 0)
})

test_that("rows are added for groups and bins", {
  lpb <- simple_lpb()
  p <- rep(c(0.1, 0.02), 15)
  got <- assess_lpb(lpb, p, prob = p, groups = rep(c("x", "y"), 15),
                    bins = 3)
  expect_identical(got$by, c("all", "bin", "bin", "bin", "group", "group"))
  expect_equal(got$n, c(30, 10, 10, 10, 15, 15))
  expect_false(is.unsorted(got$mean_prob[2:4]))
  expect_equal(got$nominal, rep(0.9, 6))
})

test_that("bad arguments are named", {
  lpb <- simple_lpb()
  good <- list(lpb = lpb, newdata = c(0.1, 0.02), prob = c(0.1, 0.1),
               bins = 2)
  bad_arguments(assess_lpb, good, list(
    lpb = list(NULL, 1),
    prob = list(0.1, c(NA, 0.1), c(2, 0.1), "a"),
    groups = list("a", c("a", NA)),
    bins = list(0, 1.5, NA), folds = list(5), conf.level = list(0, 1, NA)
  ))
  bad_arguments(assess_lpb, list(lpb = lpb), list(
    folds = list(1, 2.5, NA, 31, "a"), groups = list("a", c(NA, rep("a", 29))),
    prob = list(0.1)[0], bins = list(0)
  ))
  error <- expect_error(assess_lpb(lpb, prob = 0.1), "newdata",
                        class = "timetounsafe_error_argument")
  expect_identical(conditionCall(error)[[1]], quote(assess_lpb))
  expect_error(assess_lpb(lpb, c(0.1, 0.02)),
               class = "timetounsafe_error_argument")
  expect_error(assess_lpb(lpb, c(0.1, 0.02), counts(c(0, 0), 9), c(0, 0)),
               "not both", class = "timetounsafe_error_argument")
  bad_arguments(assess_lpb, list(lpb = lpb, newdata = c(0.1, 0.02),
                                 y = counts(c(0, 0), 9)), list(
    y = list(1, c(1, 1), counts(c(1, 1), c(0, 2)), counts(1, 2),
             counts(c(0.5, 1), 3), counts(c(NA, 1), 3),
             survival::Surv(c(1, 2, 3), c(1, 1, 1)))
  ))
})

test_that("bins are ten, or as many as hold 20 prompts, or none", {
  lpb <- simple_lpb()
  risk <- function(n) {
    got <- assess_lpb(lpb, rep(0.1, n), prob = rep(0.1, n))
    sum(got$by == "bin")
  }
  expect_equal(vapply(c(1, 39, 40, 199, 200, 5000), risk, 1),
               c(0, 0, 2, 9, 10, 10))
})

test_that("an assessment has the documented columns", {
  lpb <- simple_lpb()
  got <- assess_lpb(lpb, c(0.1, 0.02), prob = c(0, 0), groups = c("a", "b"))
  expect_s3_class(got, c("lpb_assessment", "data.frame"))
  expect_identical(names(got), c(
    "by", "group", "n", "nominal", "basis", "estimate", "conf.low", "conf.high",
    "interval", "n_unresolved", "n_refused", "mean_bound", "gmean_bound",
    "mean_prob"
  ))
  expect_identical(unique(got$basis), "held-out")
})

test_that("draws and logs contain their prompts, and equal counts", {
  # Bounds of 2 and 9.
  lpb <- simple_lpb()
  p <- c(0.1, 0.02, 0.1)
  unsafe <- c(3, 1, 0)
  draws <- structure(
    data.frame(id = 1:3, limit = 12, stop = FALSE, draws = 12, unsafe = unsafe),
    class = c("prompt_draws", "data.frame")
  )
  draws$prompt <- data.frame(p = p)
  lpb$hazard <- as_hazard(function(newdata) {
    if (is.data.frame(newdata)) newdata$p else newdata
  })
  # Counts do not say how many draws were refused.
  expect_same <- function(of_log, known) {
    expect_equal(of_log$n_refused, 0)
    columns <- setdiff(names(known), "n_refused")
    expect_identical(tidy(of_log)[columns], tidy(known)[columns])
  }
  by_counts <- assess_lpb(lpb, p, counts(unsafe, 12), bins = 1)
  expect_equal(by_counts$estimate[1], mean(c(9 / 12, 4 / 12, 1)))
  expect_identical(assess_lpb(lpb, y = draws, bins = 1), by_counts)
  expect_identical(assess_lpb(lpb, p, draws, bins = 1), by_counts)
  log <- log_of(p, unsafe, 12)
  expect_same(assess_lpb(lpb, p, log, bins = 1), by_counts)

  # Stopped at the first unsafe draw: the second prompt before its bound.
  stopped <- draws
  stopped$stop <- TRUE
  stopped$unsafe <- c(1, 1, 0)
  stopped$draws <- c(2, 8, 5)
  by_time <- assess_lpb(lpb, p, survival::Surv(c(2, 8, 5), c(1, 1, 0)),
                        bins = 1)
  expect_equal(by_time$estimate[1], 2 / 3)
  expect_identical(by_time$interval, "exact")
  expect_identical(assess_lpb(lpb, y = stopped, bins = 1), by_time)
  log <- log[c(1:2, 13:20, 25:29), ]
  log$unsafe <- c(FALSE, TRUE, rep(FALSE, 7), TRUE, rep(FALSE, 5))
  expect_same(assess_lpb(lpb, p, log, bins = 1), by_time)
})

# ---- On the calibration audit ------------------------------------------------

test_that("on its own audit coverage is the weighted share, by hand", {
  set.seed(1)
  p <- 10^runif(300, -2.5, -1)
  for (design in c("optimized", "trimmed", "naive")) {
    audit <- simulate_audit(known_plan(p, 20, design = design, cap = 60), p)
    lpb <- quiet(calibrate_lpb(audit, delta = NULL))
    got <- assess_lpb(lpb, bins = 2)
    bound <- predict(lpb, p)
    naive <- design == "naive"
    missed <- audit$time < bound & audit$status == 1
    lost <- missed / if (naive) 0.95^audit$time else audit$inclusion
    total <- if (naive) rep(1, 300) else (audit$horizon > 0) / audit$inclusion
    # A bound of 1 needs no draw.
    total[bound == 1] <- 1
    by_hand <- function(i) 1 - sum(lost[i]) / sum(total[i])
    half <- rank(p) <= 150
    expect_equal(got$estimate, c(by_hand(1:300), by_hand(half),
                                 by_hand(!half)))
    expect_true(all(got$interval == "approximate"))
    expect_equal(got$n, c(300, 150, 150))
    expect_identical(unique(got$basis), "calibration")
  }
})

test_that("replicated draws enter with their unbiased estimate", {
  set.seed(2)
  p <- 10^runif(200, -2.5, -1)
  audit <- simulate_audit(known_plan(p, 40, "replicated"), p)
  lpb <- quiet(calibrate_lpb(audit))
  got <- assess_lpb(lpb, bins = 1)
  q <- predict(lpb, p)
  loss <- ifelse(audit$unsafe == 0, 0,
                 1 - exp(lchoose(audit$limit - audit$unsafe, q - 1) -
                           lchoose(audit$limit, q - 1)))
  inside <- audit$horizon > 0
  w <- 1 / audit$inclusion
  total <- ifelse(q == 1, 1, ifelse(inside, w, 0))
  expect_equal(got$estimate[1], 1 - sum((w * loss)[inside]) / sum(total))
})

test_that("prompts that need no draw are known to be covered", {
  # Half of the prompts have a quantile of 1: they count, though never drawn.
  p <- rep(c(0.5, 0.02), 50)
  set.seed(3)
  audit <- simulate_audit(known_plan(p, 10, design = "optimized",
                                     tau_max = 0.3), p)
  lpb <- quiet(calibrate_lpb(audit, delta = NULL))
  got <- assess_lpb(lpb, bins = 2)
  expect_equal(c(got$estimate[3], got$conf.low[3], got$conf.high[3]),
               c(1, 1, 1))
  expect_lt(got$conf.low[2], got$estimate[2])
})

test_that("without a prompt that tells something nothing is claimed", {
  # Nobody of the safer half was included.
  p <- rep(c(0.001, 0.05), each = 200)
  set.seed(3)
  repeat {
    audit <- simulate_audit(known_plan(p, 0.5, tau_max = 0.3), p)
    if (!any(audit$horizon[1:200] > 0) && any(audit$horizon > 0)) {
      break
    }
  }
  lpb <- quiet(calibrate_lpb(audit, alpha = 0.29, delta = NULL))
  expect_false(lpb$trivial)
  got <- assess_lpb(lpb, bins = 2)
  expect_true(is.na(got$estimate[2]))
  expect_equal(c(got$conf.low[2], got$conf.high[2]), c(0, 1))
})

test_that("where no level was feasible the bound of 1 is known to be kept", {
  plan <- known_plan(rep(0.001, 3), 1e-6, tau_max = 0.3, cap = 100,
                     delta = NULL)
  got <- assess_lpb(quiet(calibrate_lpb(simulate_audit(plan, rep(0, 3)))))
  expect_equal(c(got$estimate[1], got$conf.low[1], got$conf.high[1]),
               c(1, 1, 1))
})

test_that("groups are those of the calibration, or others to look at", {
  set.seed(4)
  p <- 10^runif(400, -2.5, -1)
  audit <- simulate_audit(known_plan(p, 40, "replicated"), p)
  group <- rep(c("x", "y"), 200)
  lpb <- quiet(calibrate_lpb(audit, groups = group))
  got <- assess_lpb(lpb)
  expect_identical(got$group[got$by == "group"], c("x", "y"))
  other <- assess_lpb(lpb, groups = rep(1:4, 100))
  expect_identical(other$group[other$by == "group"], as.character(1:4))
  expect_identical(got$estimate[1], other$estimate[1])
  folded <- assess_lpb(lpb, folds = 4)
  expect_identical(unique(folded$basis), "cross-fitted")
})

test_that("cross-fitting uses for each fold the level of the others", {
  set.seed(5)
  p <- 10^runif(200, -2.5, -1)
  audit <- simulate_audit(known_plan(p, 40, design = "optimized"), p)
  lpb <- quiet(calibrate_lpb(audit, delta = NULL))
  got <- assess_lpb(lpb, folds = 2, bins = 1)
  fold <- rank(audit$order) %% 2
  bound <- numeric(200)
  for (k in 0:1) {
    tau <- select_exact(plan_parts(audit[fold != k, ]), 0.1)$tau
    bound[fold == k] <- geometric_quantile(p[fold == k], tau, lpb$cap)
  }
  missed <- audit$time < pmin(bound, audit$horizon)
  total <- ifelse(bound == 1, 1, (audit$horizon > 0) / audit$inclusion)
  expect_equal(got$estimate[1], 1 - sum(missed / audit$inclusion) / sum(total))
  expect_equal(got$mean_bound[1], mean(bound))
})

test_that("the coverage of bins is close to the truth", {
  skip_on_cran()
  set.seed(7)
  n <- 600
  # Bins must be fixed for their true coverage to be: so are prompts.
  p <- sort(10^runif(n, -2.5, -1))
  truth <- pmin(1, 2 * p^1.2)
  fifth <- rep(1:5, each = n / 5)
  for (design in c("optimized", "replicated")) {
    runs <- replicate(200, {
      plan <- known_plan(p, 60, tau_max = 0.3, design = design)
      lpb <- quiet(calibrate_lpb(simulate_audit(plan, truth), delta = NULL))
      covered <- function(bound) {
        tapply((1 - truth)^(bound - 1), fifth, mean)
      }
      own <- assess_lpb(lpb, bins = 5)[-1, ]
      folded <- assess_lpb(lpb, bins = 5, folds = 5)[-1, ]
      now <- covered(predict(lpb, p))
      then <- covered(cross_fit_bound(lpb, 5))
      cbind(own$estimate - now, folded$estimate - then,
            own$conf.low <= now & now <= own$conf.high,
            folded$conf.low <= then & then <= folded$conf.high)
    })
    # Cross-fitted: unbiased, to four Monte Carlo standard errors.
    off <- runs[, 2, ]
    error <- apply(off, 1, sd) / sqrt(ncol(off))
    expect_true(all(abs(rowMeans(off)) < 4 * error + 0.002))
    # In place: optimistic, by less than a hundredth here.
    expect_lt(max(abs(rowMeans(runs[, 1, ]))), 0.01)
    # Intervals of 95%: Monte Carlo standard error 0.007 over five groups.
    expect_gt(mean(runs[, 4, ]), 0.93)
    expect_gt(mean(runs[, 3, ]), 0.93)
  }
})
