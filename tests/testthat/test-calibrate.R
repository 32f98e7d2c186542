test_that("with constant p the bound is the draw of the jump, never one more", {
  p <- 0.05
  plan <- known_plan(rep(p, 10), 100, tau_max = 0.5)
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
                 class = "timetounsafe_warning_tau_max")
  expect_true(lpb$at_tau_max)
  expect_equal(predict(lpb, p), 14)
})

test_that("no feasible tau gives the bound 1, and says so", {
  plan <- known_plan(c(0, 0, 0.1, 0.1), 100, tau_max = 0.3, cap = 50)
  audit <- as_audit(data.frame(id = 1:4, time = c(2, 3, 4, 4),
                               status = c(1, 1, 0, 0)), plan)
  expect_warning(lpb <- point_lpb(audit, 0.1),
                 class = "timetounsafe_warning_trivial_bound")
  expect_true(lpb$trivial)
  expect_equal(predict(lpb, c(0, 0.1, 1e-6)), c(1, 1, 1))
  expect_warning(grid <- point_lpb(audit, 0.1, tau_grid = c(0.1, 0.2)))
  expect_equal(grid$tau, 0)
})

test_that("the bound is capped at M", {
  set.seed(5)
  p <- rep(c(1e-6, 0.05), 100)
  plan <- known_plan(p, 5, cap = 50)
  lpb <- suppressWarnings(point_lpb(simulate_audit(plan, p)))
  expect_equal(predict(lpb, c(1e-9, 0)), c(50, 50))
})

test_that("a bound does not depend on the order of prompts", {
  set.seed(6)
  p <- 10^runif(300, -3, -1)
  audit <- simulate_audit(known_plan(p, 10), p)
  tau <- point_lpb(audit)$tau
  expect_identical(point_lpb(audit[sample(300), ],
                                 hazard = known_hazard())$tau, tau)
})

test_that("coverage is on target on average over calibrations", {
  skip_on_cran()
  set.seed(7)
  # A hazard that is wrong in scale and shape; the population is a fine grid.
  population <- 10^seq(-3.5, -0.7, length.out = 4001)
  wrong <- function(p) pmin(1, 0.5 * p^0.9)
  hazard <- as_hazard(function(newdata) wrong(newdata))
  repeats <- c(optimized = 200, trimmed = 50, basic = 50)
  for (design in names(repeats)) {
    coverage <- replicate(repeats[[design]], {
      p <- sample(population, 5000, replace = TRUE)
      plan <- plan_audit(hazard, as.character(1:5000), 20, p, design,
                         tau_max = 0.3)
      lpb <- point_lpb(simulate_audit(plan, p), alpha = 0.1)
      mean((1 - population)^(predict(lpb, population) - 1))
    })
    # Monte Carlo standard error 0.0005 (optimized) or 0.001.
    se <- sd(coverage) / sqrt(length(coverage))
    expect_lt(abs(mean(coverage) - 0.9), 4 * se)
    expect_lt(sd(coverage), 0.02)
  }
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
    tau_grid = list(c(0.2, 0.1), 0, 0.9, NA, "a", numeric())
  ))
  expect_error(point_lpb(transform(audit, time = time + 1)),
               class = "timetounsafe_error_audit")
  expect_error(calibrate_lpb(audit, tau_grid = c(0.05, 0.1)), "delta",
               class = "timetounsafe_error_argument")
  expect_error(predict(point_lpb(audit)), "newdata",
               class = "timetounsafe_error_argument")
})

test_that("without an included prompt the bound is 1", {
  set.seed(3)
  p <- 10^runif(400, -3, -1)
  plan <- known_plan(p[1], 1)
  expect_equal(sum(plan$horizon), 0)
  expect_warning(lpb <- point_lpb(simulate_audit(plan, 0.5)),
                 class = "timetounsafe_warning_trivial_bound")
  expect_true(lpb$trivial)
  expect_equal(predict(lpb, p), rep(1, 400))
  expect_warning(
    grid <- point_lpb(simulate_audit(plan, 0.5), tau_grid = c(0.05, 0.1)),
    class = "timetounsafe_warning_trivial_bound"
  )
  expect_equal(grid$tau, 0)
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
  expect_true("timetounsafe_warning_large_weights" %in% warned)
  expect_equal(lpb$max_share, 1 / plan$inclusion[1] / 200)
  expect_output(print(lpb), "Unreliable: one prompt can carry")
  enough <- known_plan(rep(0.05, 2000), 20)
  expect_silent(point_lpb(simulate_audit(enough, rep(0.05, 2000))))
})

test_that("another hazard than the plan's is refused", {
  set.seed(5)
  p <- 10^runif(300, -3, -1)
  audit <- simulate_audit(known_plan(p), p)
  other <- as_hazard(function(newdata) newdata / 2)
  expect_error(point_lpb(audit, hazard = other), "hazard",
               class = "timetounsafe_error_argument")
})

test_that("failed draws count as unsafe, or cost the guarantee", {
  set.seed(11)
  p <- rep(0.01, 400)
  plan <- known_plan(p, 200)
  audit <- simulate_audit(plan, p)
  silent <- point_lpb(audit)
  expect_equal(silent$failed, list(count_as = "unsafe", n = 0L))
  late <- which(audit$status == 0 & audit$horizon > 3)[1:30]
  audit <- forge(audit, {
    time[late] <- 2
    status[late] <- draws[late] <- 1
    failed[late] <- TRUE
  })
  expect_warning(lpb <- point_lpb(audit), "30 prompts had draws.*still valid",
                 class = "timetounsafe_warning_failed_draws")
  expect_lt(predict(lpb, 0.01), predict(silent, 0.01))
  expect_output(print(lpb), "30 prompts had draws that failed permanently")
  expect_warning(dropped <- point_lpb(audit, failed = "drop"),
                 "voids the guarantee",
                 class = "timetounsafe_warning_failed_draws")
  expect_gt(predict(dropped, 0.01), predict(lpb, 0.01))
  expect_equal(dropped$nobs, 370)
  output <- capture.output(print(dropped))
  expect_match(output, "No guarantee: 30 prompts .* dropped", all = FALSE)
  expect_false(any(grepl("Holds", output)))
  expect_equal(glance(dropped)$failed, "drop")
  # By hand: the estimate over the prompts that are left.
  left <- audit[-late, ]
  jumps <- sort(1 - 0.99^left$time[left$status == 1])
  weight <- cumsum(rep(1 / left$inclusion[1], length(jumps))) / nrow(left)
  expect_equal(dropped$tau,
               min(jumps[weight >= 0.1 - 1e-9], plan$tau_max[1]))
  audit <- forge(audit, failed <- rep(TRUE, 400))
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
                        class = "timetounsafe_error_unfinished")
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
      run_audit(known_plan(p), sampler,
                control = audit_control(max_tries = 1, max_error_rate = 1))
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

test_that("a hazard that an audit does not carry is checked against the plan", {
  set.seed(14)
  x <- matrix(rnorm(1200), 600)
  p <- 0.02 * exp(x[, 1])
  fit <- function(rows) {
    fit_hazard(x[rows, ], counts(rbinom(length(rows), 40, p[rows]), 40))
  }
  hazard <- fit(1:300)
  plan <- plan_audit(hazard, as.character(301:600), 20, x[301:600, ])
  file <- withr::local_tempfile(fileext = ".csv")
  write_plan(plan, file)
  audit <- simulate_audit(read_plan(file), p[301:600])
  expect_no_warning(lpb <- calibrate_lpb(audit, hazard = hazard))
  expect_error(calibrate_lpb(audit, hazard = fit(1:290)), "`hazard`",
               class = "timetounsafe_error_argument")
  # Nothing is known of a model of the user's own, unless x is there.
  mine <- as_hazard(function(newdata) predict(hazard, newdata))
  expect_warning(calibrate_lpb(audit, hazard = mine),
                 class = "timetounsafe_warning_unverified_hazard")
  far <- as_hazard(function(newdata) predict(hazard, newdata) / 20)
  plan$hazard_check <- NA_real_
  audit$hazard_check <- NA_real_
  audit$checksum <- audit$checksum - asinh(hazard_check(hazard))
  expect_error(calibrate_lpb(audit, hazard = far, newdata = x[301:600, ]),
               "`hazard`", class = "timetounsafe_error_argument")
  expect_no_warning(
    again <- calibrate_lpb(audit, hazard = mine, newdata = x[301:600, ])
  )
  expect_equal(again$tau, lpb$tau)
})
