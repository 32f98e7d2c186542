test_that("the curve matches the reference implementation", {
  rows <- read.csv(test_path("fixtures", "calibration_reference_rows.csv"))
  curve <- read.csv(test_path("fixtures", "calibration_reference_curve.csv"))
  for (case in unique(rows$case)) {
    r <- rows[rows$case == case, ]
    g <- curve[curve$case == case, ]
    q <- geometric_quantile(r$prob, g$tau, g$cap[1])
    got <- miscoverage_curve(r$time, r$censor, r$pi, q)
    expect_equal(got, g$miscoverage, tolerance = 1e-9)
    # The reference returns the first level where none is feasible.
    level <- select_level(g$tau, got, g$alpha[1])
    feasible <- g$feasible[1] == 1
    expect_equal(level, if (feasible) g$tau[g$selected == 1] else NA_real_)
  }
})

test_that("the curve with weights by level matches the fixture", {
  cells <- read.csv(test_path("fixtures", "calibration_matrix_pi.csv"))
  for (m in split(cells, cells$case)) {
    block <- function(name) as.matrix(m[paste0(name, 1:6)])
    got <- miscoverage_curve(m$time, m$censor, block("pi_"), block("q_"))
    expect_equal(got, unname(block("miscoverage_")[1, ]), tolerance = 1e-9)
    expect_equal(select_level(block("tau_")[1, ], got, m$alpha[1]),
                 m$selected_tau[1], ignore_attr = TRUE)
  }
})

test_that("the curve equals its definition", {
  set.seed(1)
  for (n in c(1, 7, 8, 9, 40)) {
    censor <- rpois(n, 5)
    time <- floor(runif(n) * (censor + 1))
    pi <- runif(n, 0.1, 1)
    q <- matrix(1 + rpois(n * 4, 3), n)
    q[1, 4] <- Inf
    by_hand <- vapply(1:4, function(k) {
      mean((time < q[, k] & q[, k] <= censor) / pi)
    }, 1)
    expect_equal(miscoverage_curve(time, censor, pi, q), by_hand)
    expect_equal(miscoverage_curve(time, censor, matrix(pi, n, 4), q), by_hand)
  }
})

test_that("the estimate is unbiased at every level, by enumeration", {
  p <- 0.13
  budget <- 4
  tau_prior <- 0.6
  q_prior <- geometric_quantile(p, tau_prior)
  taus <- c(0.05, 0.13, 0.3, 0.45, 0.6)
  q <- geometric_quantile(p, taus)
  truth <- 1 - (1 - p)^(q - 1)
  horizons <- list(
    naive = data.frame(c = 1:400, prob = dgeom(0:399, 1 / budget)),
    basic = data.frame(c = c(0, q_prior), prob = c(1 - budget / q_prior,
                                                  budget / q_prior))
  )
  for (method in names(horizons)) {
    h <- horizons[[method]]
    pi <- switch(method, naive = matrix((1 - 1 / budget)^(q - 1), 1),
                 basic = budget / q_prior)
    expected <- 0
    for (i in seq_len(nrow(h))) {
      c <- h$c[i]
      # T is only seen up to the horizon: time = min(T, c).
      for (t in seq_len(max(c, 1))) {
        prob_t <- if (t < c) dgeom(t - 1, p) else (1 - p)^(t - 1)
        time <- if (c == 0) 0 else t
        expected <- expected + h$prob[i] * prob_t *
          miscoverage_curve(time, c, pi, matrix(q, 1))
      }
    }
    expect_equal(expected, as.vector(truth), tolerance = 1e-10)
  }
})

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

test_that("with constant p the bound is the draw of the jump, never one more", {
  p <- 0.05
  plan <- known_plan(rep(p, 10), 100, tau_prior = 0.5)
  expect_equal(unique(plan$horizon), 14)
  times <- c(3, 5, 5, 8, 14, 14, 14, 14, 14, 14)
  audit <- as_audit(data.frame(id = 1:10, time = times,
                               status = as.numeric(times < 14)), plan)
  # Ten prompts are few, and a warning says so.
  bound <- function(alpha) {
    predict(suppressWarnings(point_lpb(audit, alpha)), p)
  }
  # Shares of prompts with T < L: 0 up to 3, 0.1 up to 5, 0.3 up to 8, 0.4 then.
  expect_equal(bound(0.05), 3)
  expect_equal(bound(0.1), 3)
  expect_equal(bound(0.11), 5)
  expect_equal(bound(0.3), 5)
  expect_equal(bound(0.31), 8)
  expect_warning(lpb <- point_lpb(audit, 0.41),
                 class = "timetounsafe_warning_level")
  expect_true(lpb$capped)
  expect_equal(predict(lpb, p), 14)
})

test_that("no feasible level gives the bound 1, and says so", {
  plan <- known_plan(c(0, 0, 0.1, 0.1), 100, tau_prior = 0.3, cap = 50)
  audit <- as_audit(data.frame(id = 1:4, time = c(2, 3, 4, 4),
                               status = c(1, 1, 0, 0)), plan)
  expect_warning(lpb <- point_lpb(audit, 0.1),
                 class = "timetounsafe_warning_level")
  expect_true(lpb$trivial)
  expect_equal(predict(lpb, c(0, 0.1, 1e-6)), c(1, 1, 1))
  expect_warning(grid <- point_lpb(audit, 0.1, levels = c(0.1, 0.2)))
  expect_equal(grid$level, 0)
})

test_that("the bound is capped at M", {
  set.seed(5)
  p <- rep(c(1e-6, 0.05), 100)
  plan <- known_plan(p, 5, max_weight = 10)
  lpb <- suppressWarnings(point_lpb(simulate_audit(plan, p)))
  expect_equal(predict(lpb, c(1e-9, 0)), c(50, 50))
})

test_that("a bound does not depend on the order of prompts", {
  set.seed(6)
  p <- 10^runif(300, -3, -1)
  audit <- simulate_audit(known_plan(p, 10), p)
  level <- point_lpb(audit)$level
  expect_identical(point_lpb(audit[sample(300), ],
                                 hazard = known_hazard())$level, level)
})

test_that("coverage is on target on average over calibrations", {
  skip_on_cran()
  set.seed(7)
  # A hazard that is wrong in scale and shape; the population is a fine grid.
  population <- 10^seq(-3.5, -0.7, length.out = 4001)
  wrong <- function(p) pmin(1, 0.5 * p^0.9)
  hazard <- as_hazard(function(newx) wrong(newx))
  repeats <- c(optimized = 200, trimmed = 50, basic = 50)
  for (method in names(repeats)) {
    coverage <- replicate(repeats[[method]], {
      p <- sample(population, 5000, replace = TRUE)
      plan <- plan_audit(hazard, as.character(1:5000), p, 20, method,
                         tau_prior = 0.3)
      lpb <- point_lpb(simulate_audit(plan, p), alpha = 0.1)
      mean((1 - population)^(predict(lpb, population) - 1))
    })
    # Monte Carlo standard error 0.0005 (optimized) or 0.001.
    se <- sd(coverage) / sqrt(length(coverage))
    expect_lt(abs(mean(coverage) - 0.9), 4 * se)
    expect_lt(sd(coverage), 0.02)
  }
})

test_that("select_level keeps to its contract", {
  tau <- c(0.1, 0.2, 0.3)
  expect_equal(select_level(tau, c(0.01, 0.2, 0.02), 0.1), 0.1)
  expect_identical(select_level(tau, c(0.1, 0, 0), 0.1), NA_real_)
  expect_equal(select_level(tau, c(0, 0, 0), 0.1), 0.3)
  expect_equal(select_level(0.5, 0.09, 0.1), 0.5)
})

test_that("bad arguments of the numeric layer are named", {
  good <- list(time = c(1, 0), censor = c(2, 0), pi = c(1, 0.5),
               quantiles = matrix(1, 2, 2))
  bad_arguments(miscoverage_curve, good, list(
    time = list(NULL, c(NA, 0), c(3, 0), c(-1, 0), "a"),
    censor = list(NULL, c(NA, 0), 1, c(-2, 0)),
    pi = list(NULL, c(0, 0.5), c(1, 1.5), c(NaN, 1), 1, matrix(1, 2, 3)),
    quantiles = list(NULL, matrix(1, 3, 2), matrix(0, 2, 2), matrix(NaN, 2, 2),
                     matrix("a", 2, 2))
  ))
  good <- list(tau = c(0.1, 0.2), miscoverage = c(0, 0), alpha = 0.1)
  bad_arguments(select_level, good, list(
    tau = list(NULL, c(0.2, 0.1), c(0.1, 0.1), c(NA, 0.1), c(0.1, 2), "a"),
    miscoverage = list(NULL, 0, c(NaN, 0), c(-1, 0)),
    alpha = list(NULL, 0, 1, NA, c(0.1, 0.2))
  ))
})

test_that("bad arguments of calibrate_lpb are named", {
  set.seed(8)
  p <- 10^runif(100, -3, -1)
  plan <- known_plan(p)
  audit <- simulate_audit(plan, p)
  bad_arguments(calibrate_lpb, list(audit = audit), list(
    audit = list(NULL, 1, plan, audit[-1, ], rbind(audit, audit[1, ])),
    alpha = list(0, 1, NA, 90, NULL),
    delta = list(0, 1, NA, "x"),
    certificate = list("best", 1),
    hazard = list(1, "fit"),
    levels = list(c(0.2, 0.1), 0, 0.9, NA, "a", numeric())
  ))
  expect_error(point_lpb(transform(audit, time = time + 1)),
               class = "timetounsafe_error_audit")
  expect_error(calibrate_lpb(audit, levels = c(0.05, 0.1)), "delta",
               class = "timetounsafe_error_argument")
  expect_error(predict(point_lpb(audit)), "newx",
               class = "timetounsafe_error_argument")
})

test_that("an lpb prints, summarises, tidies and plots", {
  set.seed(9)
  p <- 10^runif(300, -3, -1)
  plan <- known_plan(p)
  audit <- simulate_audit(plan, p)
  lpb <- point_lpb(audit)
  expect_output(print(lpb), "90% of prompts")
  expect_output(print(summary(lpb)), "level")
  expect_equal(glance(lpb)$level, lpb$level)
  expect_equal(nrow(glance(lpb)), 1)
  expect_false(is.unsorted(tidy(lpb)$miscoverage))
  expect_equal(augment(lpb)$.pred_lower, predict(lpb, p))
  expect_equal(augment(lpb, p)$.pred_lower, predict(lpb, p))
  withr::local_pdf(NULL)
  for (object in list(lpb, plan, audit)) {
    expect_identical(withVisible(plot(object))$visible, FALSE)
  }
})

test_that("without an included prompt the bound is 1", {
  set.seed(3)
  p <- 10^runif(400, -3, -1)
  plan <- known_plan(p[1], 1)
  expect_equal(sum(plan$horizon), 0)
  expect_warning(lpb <- point_lpb(simulate_audit(plan, 0.5)),
                 class = "timetounsafe_warning_level")
  expect_true(lpb$trivial)
  expect_equal(predict(lpb, p), rep(1, 400))
  expect_warning(
    grid <- point_lpb(simulate_audit(plan, 0.5), levels = c(0.05, 0.1)),
    class = "timetounsafe_warning_level"
  )
  expect_equal(grid$level, 0)
})

test_that("little evidence is said to be little", {
  set.seed(4)
  plan <- known_plan(rep(0.00025, 200), 10)
  warned <- character()
  lpb <- withCallingHandlers(
    point_lpb(simulate_audit(plan, rep(0.001, 200))),
    warning = function(w) {
      warned <<- c(warned, class(w)[1])
      invokeRestart("muffleWarning")
    }
  )
  expect_true("timetounsafe_warning_evidence" %in% warned)
  expect_equal(lpb$coarseness, 1 / plan$pi[1] / 200)
  expect_output(print(lpb), "Do not rely on it")
  enough <- known_plan(rep(0.05, 2000), 20)
  expect_silent(point_lpb(simulate_audit(enough, rep(0.05, 2000))))
})

test_that("another hazard than the plan's is refused", {
  set.seed(5)
  p <- 10^runif(300, -3, -1)
  audit <- simulate_audit(known_plan(p), p)
  other <- as_hazard(function(newx) newx / 2)
  expect_error(point_lpb(audit, hazard = other), "hazard",
               class = "timetounsafe_error_argument")
})

test_that("failed draws count as unsafe, or cost the guarantee", {
  set.seed(11)
  p <- rep(0.01, 400)
  plan <- known_plan(p, 200)
  audit <- simulate_audit(plan, p)
  silent <- point_lpb(audit)
  expect_equal(silent$failed, list(policy = "unsafe", n = 0L))
  late <- which(audit$status == 0 & audit$horizon > 3)[1:30]
  audit[late, c("time", "status", "draws")] <- list(2, 1, 1)
  audit$failed[late] <- TRUE
  expect_warning(lpb <- point_lpb(audit), "30 prompts.*guarantee stays",
                 class = "timetounsafe_warning_failed_draws")
  expect_lt(predict(lpb, 0.01), predict(silent, 0.01))
  expect_output(print(lpb), "Draws of 30 prompts failed: they count as unsafe")
  expect_warning(dropped <- point_lpb(audit, failed = "drop"),
                 "no guarantee", class = "timetounsafe_warning_failed_draws")
  expect_gt(predict(dropped, 0.01), predict(lpb, 0.01))
  expect_equal(dropped$n, 370)
  output <- capture.output(print(dropped))
  expect_match(output, "No guarantee: 30 prompts .* dropped out", all = FALSE)
  expect_false(any(grepl("Holds", output)))
  expect_equal(glance(dropped)$failed_policy, "drop")
  # By hand: the estimate over the prompts that are left.
  left <- audit[-late, ]
  jumps <- sort(1 - 0.99^left$time[left$status == 1])
  weight <- cumsum(rep(1 / left$pi[1], length(jumps))) / nrow(left)
  expect_equal(dropped$level,
               min(jumps[weight >= 0.1 - 1e-9], plan$tau_prior[1]))
  audit$failed <- TRUE
  expect_error(suppressWarnings(point_lpb(audit, failed = "drop")),
               "`failed`", class = "timetounsafe_error_argument")
})

test_that("an unfinished plan is refused, with how much is missing", {
  plan <- known_plan(rep(0.01, 10), 100)
  safe <- function(prompts) rep(FALSE, length(prompts))
  part <- suppressWarnings(run_audit(plan, safe, max_draws = 37))
  missing <- sprintf("up to %.0f draws of 10 of 10 prompts are missing",
                     sum(plan$limit) - 37)
  error <- expect_error(point_lpb(part), missing,
                        class = "timetounsafe_error_audit")
  expect_equal(error$id, plan$id)
})

test_that("the bound holds where unsafe draws fail, unless they are dropped", {
  skip_on_cran()
  set.seed(12)
  coverage <- replicate(20, {
    p <- 10^runif(800, -3, -1)
    # Half of the unsafe draws get lost, and no safe one.
    sampler <- function(prompts) {
      unsafe <- runif(length(prompts)) < p[as.integer(prompts)]
      ifelse(unsafe & runif(length(prompts)) < 0.5, NA, unsafe)
    }
    audit <- suppressWarnings(
      run_audit(known_plan(p), sampler, max_tries = 1, max_error_rate = 1)
    )
    vapply(c("unsafe", "drop"), function(failed) {
      lpb <- suppressWarnings(point_lpb(audit, failed = failed))
      mean((1 - p)^(predict(lpb, p) - 1))
    }, 1)
  })
  # A calibration has a standard deviation of about 0.02.
  expect_lt(abs(mean(coverage["unsafe", ]) - 0.9), 4 * 0.02 / sqrt(20))
  expect_lt(mean(coverage["drop", ]), 0.87)
})

test_that("outcomes that do not fit together are refused, with the prompt", {
  set.seed(13)
  p <- 10^runif(200, -3, -1)
  for (method in c("replicated", "optimized")) {
    audit <- simulate_audit(known_plan(p, method = method), p)
    unsafe <- which(audit$status == 1)[1]
    safe <- which(audit$unsafe == 0 & audit$limit > 0)[1]
    wrong <- list(
      replace(audit, "unsafe", replace(audit$unsafe, unsafe, NA)),
      replace(audit, "draws", replace(audit$draws, safe, NA)),
      replace(audit, "draws", replace(audit$draws, safe, 0)),
      replace(audit, "unsafe", replace(audit$unsafe, unsafe, 0)),
      replace(audit, "status", replace(audit$status, safe, 1)),
      replace(audit, "unsafe", as.character(audit$unsafe)),
      replace(audit, "failed", "x")
    )
    for (one in wrong) {
      expect_error(calibrate_lpb(one), class = "timetounsafe_error")
    }
  }
})

test_that("a hazard that an audit does not carry is checked against the plan", {
  set.seed(14)
  x <- matrix(rnorm(1200), 600)
  p <- 0.02 * exp(x[, 1])
  fit <- function(rows) {
    fit_hazard(x[rows, ], rbinom(length(rows), 40, p[rows]), draws = 40)
  }
  hazard <- fit(1:300)
  plan <- plan_audit(hazard, as.character(301:600), x[301:600, ], 20)
  file <- withr::local_tempfile(fileext = ".csv")
  write_plan(plan, file)
  audit <- simulate_audit(read_plan(file), p[301:600])
  expect_no_warning(lpb <- calibrate_lpb(audit, hazard = hazard))
  expect_error(calibrate_lpb(audit, hazard = fit(1:290)), "`hazard`",
               class = "timetounsafe_error_argument")
  # Nothing is known of a model of the user's own, unless x is there.
  mine <- as_hazard(function(newx) predict(hazard, newx))
  expect_warning(calibrate_lpb(audit, hazard = mine),
                 class = "timetounsafe_warning_unchecked")
  far <- as_hazard(function(newx) predict(hazard, newx) / 20)
  plan$hazard_check <- NA_real_
  audit$hazard_check <- NA_real_
  audit$checksum <- audit$checksum - hazard_check(hazard)
  expect_error(calibrate_lpb(audit, hazard = far, x = x[301:600, ]),
               "`hazard`", class = "timetounsafe_error_argument")
  expect_no_warning(
    again <- calibrate_lpb(audit, hazard = mine, x = x[301:600, ])
  )
  expect_equal(again$level, lpb$level)
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
