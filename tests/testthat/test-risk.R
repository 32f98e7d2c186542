# Low hazards, so that every prompt has a horizon of some length.
low_hazards <- function(n) 10^runif(n, -3, -2)

true_risk <- function(p, times) {
  vapply(times, function(t) mean(1 - (1 - p)^t), 1)
}

test_that("with equal weights it is one minus Kaplan and Meier's estimate", {
  set.seed(1)
  p <- 10^runif(300, -2, -1)
  audit <- audit_prompts(as.character(1:300), function(prompts) {
    runif(length(prompts)) < p[as.integer(prompts)]
  }, draws = 25, stop = TRUE)
  got <- population_risk(audit)
  fit <- survival::survfit(survival::Surv(pmin(audit$time, 25),
                                          audit$status) ~ 1)
  km <- summary(fit, times = got$time)
  expect_equal(got$risk, 1 - km$surv)
  expect_equal(got$std.error, km$std.err)
  expect_true(all(got$basis == "design"))
  expect_equal(max(got$time), 25)
})

test_that("a plan with equal weights agrees with it among included prompts", {
  set.seed(2)
  p <- rep(0.01, 400)
  audit <- simulate_audit(known_plan(p, 10, tau_prior = 0.3), p)
  inside <- audit$horizon > 0
  depth <- audit$limit[inside][1]
  got <- population_risk(audit, seq_len(depth))
  fit <- survival::survfit(
    survival::Surv(pmin(audit$time, depth), audit$status) ~ 1, subset = inside,
    data = as.list(audit)
  )
  km <- summary(fit, times = got$time)
  expect_equal(got$risk, 1 - km$surv)
  expect_equal(got$std.error, km$std.err)
})

test_that("the estimate is its definition, with and without a model", {
  set.seed(3)
  p <- 10^runif(200, -2.5, -1)
  plan <- known_plan(p, 20, tau_prior = 0.3)
  audit <- simulate_audit(plan, pmin(1, 2 * p))
  times <- c(1, 3, 30, 300)
  got <- population_risk(audit, times)
  depth <- geometric_quantile(p, 0.3, plan$cap[1]) - 1
  w <- ifelse(audit$horizon > 0, 1 / audit$pi, 0)
  by_hand <- vapply(times, function(t) {
    early <- audit$status == 1 & audit$time <= pmin(t, depth)
    # Safe to its depth, then the model.
    z <- ifelse(early, 1, 1 - (1 - p)^pmax(0, t - depth))
    sum(w * z) / sum(w)
  }, 1)
  expect_equal(got$risk, by_hand)
  expect_equal(attr(got, "horizon"), min(depth))
  expect_equal(got$basis, ifelse(times <= min(depth), "design",
                                 "model-assisted"))
  expect_equal(got$modelled, vapply(times, function(t) {
    sum(w[depth < t]) / sum(w)
  }, 1))
})

test_that("replicated draws give the share of their orders", {
  set.seed(4)
  p <- low_hazards(150)
  audit <- simulate_audit(known_plan(p, 300, "replicated"), 5 * p)
  inside <- audit$horizon > 0
  w <- 1 / audit$pi[inside]
  got <- population_risk(audit, c(1, 5))
  share <- function(t) {
    m <- audit$limit[inside]
    z <- 1 - choose(m - audit$unsafe[inside], t) / choose(m, t)
    sum(w * z) / sum(w)
  }
  expect_equal(got$risk, c(share(1), share(5)))
  # The rate per draw is the weighted mean of each prompt's own rate.
  rates <- (audit$unsafe / audit$limit)[inside]
  expect_equal(attr(got, "rate")$risk, sum(w * rates) / sum(w))
})

test_that("fixed draws of audit_prompts() count, too", {
  set.seed(5)
  p <- 10^runif(50, -2, -1)
  audit <- audit_prompts(as.character(1:50), function(prompts) {
    runif(length(prompts)) < p[as.integer(prompts)]
  }, draws = rep(c(10, 20), 25))
  got <- population_risk(audit)
  expect_equal(attr(got, "rate")$risk, mean(audit$unsafe / audit$draws))
  expect_equal(max(got$time), 10)
  expect_error(population_risk(audit, 11), "`times` must not exceed 10",
               class = "timetounsafe_error_argument")
})

test_that("the estimate is unbiased by design, and bands cover the truth", {
  skip_on_cran()
  set.seed(6)
  truth <- 1.5 * low_hazards(4000)
  times <- c(1, 5, 15)
  risk <- true_risk(truth, times)
  wrong <- as_hazard(function(newx) as.numeric(newx))
  repeats <- 300
  for (method in c("replicated", "optimized", "naive")) {
    runs <- replicate(repeats, {
      at <- sample(4000, 300, replace = TRUE)
      # The hazard is wrong in scale and shape.
      plan <- plan_audit(wrong, as.character(1:300), truth[at]^1.1, 30, method,
                         tau_prior = 0.2, cap = 200, delta = NULL)
      got <- population_risk(simulate_audit(plan, truth[at]), times)
      stopifnot(got$basis == "design")
      cbind(got$risk, got$low <= risk & risk <= got$high)
    })
    error <- apply(runs[, 1, ], 1, sd) / sqrt(repeats)
    # Hajek's ratio has a bias of order 1 / n: small against its error.
    expect_true(all(abs(rowMeans(runs[, 1, ]) - risk) < 4 * error))
    # Monte Carlo standard error 0.013.
    expect_true(all(rowMeans(runs[, 2, ]) > 0.95 - 3 * 0.013))
  }
})

test_that("with the right hazard it is close to the truth beyond the horizon", {
  skip_on_cran()
  set.seed(7)
  truth <- low_hazards(4000)
  times <- c(100, 1000)
  risk <- true_risk(truth, times)
  repeats <- 200
  for (method in c("replicated", "optimized")) {
    runs <- replicate(repeats, {
      at <- sample(4000, 300, replace = TRUE)
      got <- population_risk(simulate_audit(known_plan(truth[at], 30, method),
                                            truth[at]), times)
      cbind(got$risk, got$low <= risk & risk <= got$high)
    })
    error <- apply(runs[, 1, ], 1, sd) / sqrt(repeats)
    expect_true(all(abs(rowMeans(runs[, 1, ]) - risk) < 4 * error))
    # Monte Carlo standard error 0.015.
    expect_true(all(rowMeans(runs[, 2, ]) > 0.95 - 3 * 0.015))
  }
})

test_that("prompts that are never drawn leave all to the model", {
  set.seed(8)
  p <- rep(c(0.5, 0.01), 100)
  got <- population_risk(simulate_audit(known_plan(p, 20), p))
  expect_equal(attr(got, "horizon"), 0)
  expect_true(all(got$basis == "model-assisted"))
  expect_output(print(got), "never to be drawn")
})

test_that("edges: nothing included, all unsafe, no cap", {
  plan <- known_plan(rep(0.001, 3), 1e-6, cap = 100, delta = NULL)
  none <- population_risk(simulate_audit(plan, rep(0, 3)))
  expect_true(all(is.na(none$risk)))
  expect_true(all(none$low == 0 & none$high == 1))
  expect_output(print(none), "NA")
  sure <- known_plan(rep(0.01, 30), 100, delta = NULL)
  all <- population_risk(simulate_audit(sure, rep(1, 30)))
  expect_equal(all$risk[1], 1)
  expect_lt(all$low[1], 1)
  set.seed(9)
  naive <- known_plan(rep(0.01, 200), 10, "naive", delta = NULL)
  got <- population_risk(simulate_audit(naive, rep(0.01, 200)))
  expect_equal(attr(got, "horizon"), Inf)
  expect_true(all(got$basis == "design"))
  expect_output(print(got), "No time needs a model")
})

test_that("failed draws err on the high side", {
  set.seed(10)
  p <- low_hazards(200)
  audit <- simulate_audit(known_plan(p, 100, "replicated"), p)
  before <- population_risk(audit, c(1, 10))
  some <- which(audit$limit > 10)[1:20]
  audit$draws[some] <- audit$draws[some] - 5
  audit$unsafe[some] <- pmin(audit$unsafe[some], audit$draws[some])
  audit$failed[some] <- TRUE
  after <- population_risk(audit, c(1, 10))
  expect_true(all(after$risk > before$risk))
})

test_that("wrong arguments are named", {
  set.seed(11)
  p <- low_hazards(100)
  audit <- simulate_audit(known_plan(p), p)
  bad_arguments(population_risk, list(audit = audit), list(
    audit = list(NULL, 1, audit[-1, ]),
    times = list(0, 1.5, NA, Inf, "a", numeric()),
    conf_level = list(0, 1, NA)
  ))
  expect_error(population_risk(audit, other = 1), "`...`",
               class = "timetounsafe_error_argument")
  expect_error(population_risk(), "audit",
               class = "timetounsafe_error_argument")
  safe <- function(prompts) rep(FALSE, length(prompts))
  part <- suppressWarnings(audit_prompts(c("a", "b"), safe, draws = 5,
                                         max_draws = 3))
  expect_error(population_risk(part), "unfinished",
               class = "timetounsafe_error_audit")
  plan <- known_plan(rep(0.1, 30))
  part <- suppressWarnings(run_audit(plan, safe, max_draws = 3))
  error <- expect_error(population_risk(part), "`audit` is unfinished",
                        class = "timetounsafe_error_audit")
  # Nothing is calibrated here.
  expect_no_match(conditionMessage(error), "alibrat")
  expect_identical(error$argument, "audit")
  lacking <- audit_prompts(c("a", "b"), safe, draws = c(0, 2))
  expect_error(population_risk(lacking), "draw of each prompt",
               class = "timetounsafe_error_argument")
})

test_that("it prints and plots", {
  set.seed(12)
  p <- low_hazards(100)
  got <- population_risk(simulate_audit(known_plan(p), p))
  expect_output(print(got), "Unsafe rate per draw.*Without a model up to")
  expect_output(print(got[1:3, ]), "risk")
  expect_false(is.unsorted(got$time))
  expect_false(is.unsorted(got$risk))
  withr::local_pdf(NULL)
  once <- population_risk(simulate_audit(known_plan(p), p), 1)
  for (x in list(got, once)) {
    expect_identical(withVisible(plot(x))$visible, FALSE)
  }
  skip_if_not_installed("ggplot2", "3.4.0")
  expect_s3_class(ggplot2::autoplot(once), "ggplot")
  expect_silent(print(ggplot2::autoplot(got)))
})
