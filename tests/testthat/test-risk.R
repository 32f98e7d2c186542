# Low hazards, so that every prompt has a horizon of some length.
low_hazards <- function(n) 10^runif(n, -3, -2)

true_risk <- function(p, times) {
  vapply(times, function(t) mean(1 - (1 - p)^t), 1)
}

test_that("with equal weights it is one minus Kaplan and Meier's estimate", {
  set.seed(1)
  p <- 10^runif(300, -2, -1)
  audit <- draw_responses(as.character(1:300), function(prompts) {
    runif(length(prompts)) < p[as.integer(prompts)]
  }, draws = 25, stop = TRUE)
  got <- estimate_risk(audit)
  fit <- survival::survfit(survival::Surv(pmin(audit$time, 25),
                                          audit$status) ~ 1)
  km <- summary(fit, times = got$k)
  expect_equal(got$estimate, 1 - km$surv)
  expect_equal(got$std.error, km$std.err)
  expect_true(all(got$basis == "design-based"))
  expect_equal(max(got$k), 25)
})

test_that("a plan with equal weights agrees with it among included prompts", {
  set.seed(2)
  p <- rep(0.01, 400)
  audit <- simulate_audit(known_plan(p, 10, tau_max = 0.3), p)
  inside <- audit$horizon > 0
  depth <- audit$limit[inside][1]
  got <- estimate_risk(audit, seq_len(depth))
  fit <- survival::survfit(
    survival::Surv(pmin(audit$time, depth), audit$status) ~ 1, subset = inside,
    data = as.list(audit)
  )
  km <- summary(fit, times = got$k)
  expect_equal(got$estimate, 1 - km$surv)
  expect_equal(got$std.error, km$std.err)
})

test_that("the estimate is its definition, with and without a model", {
  set.seed(3)
  p <- 10^runif(200, -2.5, -1)
  plan <- known_plan(p, 20, tau_max = 0.3)
  audit <- simulate_audit(plan, pmin(1, 2 * p))
  times <- c(1, 3, 30, 300)
  got <- estimate_risk(audit, times)
  depth <- geometric_quantile(p, 0.3, plan$cap[1]) - 1
  w <- ifelse(audit$horizon > 0, 1 / audit$inclusion, 0)
  by_hand <- vapply(times, function(t) {
    early <- audit$status == 1 & audit$time <= pmin(t, depth)
    # Safe to its depth, then the model.
    z <- ifelse(early, 1, 1 - (1 - p)^pmax(0, t - depth))
    sum(w * z) / sum(w)
  }, 1)
  expect_equal(got$estimate, by_hand)
  expect_equal(glance(got)$k_design, min(depth))
  expect_equal(got$basis, ifelse(times <= min(depth), "design-based",
                                 "model-assisted"))
  expect_equal(got$share_modelled, vapply(times, function(t) {
    sum(w[depth < t]) / sum(w)
  }, 1))
})

test_that("replicated draws give the share of their orders", {
  set.seed(4)
  p <- low_hazards(150)
  audit <- simulate_audit(known_plan(p, 300, "replicated"), 5 * p)
  inside <- audit$horizon > 0
  w <- 1 / audit$inclusion[inside]
  got <- estimate_risk(audit, c(1, 5))
  share <- function(t) {
    m <- audit$limit[inside]
    z <- 1 - choose(m - audit$unsafe[inside], t) / choose(m, t)
    sum(w * z) / sum(w)
  }
  expect_equal(got$estimate, c(share(1), share(5)))
  # The rate per draw is the weighted mean of each prompt's own rate.
  rates <- (audit$unsafe / audit$limit)[inside]
  expect_equal(glance(got)$estimate, sum(w * rates) / sum(w))
})

test_that("fixed draws of draw_responses() count, too", {
  set.seed(5)
  p <- 10^runif(50, -2, -1)
  audit <- draw_responses(as.character(1:50), function(prompts) {
    runif(length(prompts)) < p[as.integer(prompts)]
  }, draws = rep(c(10, 20), 25))
  got <- estimate_risk(audit)
  expect_equal(glance(got)$estimate, mean(audit$unsafe / audit$draws))
  expect_equal(max(got$k), 10)
  expect_error(estimate_risk(audit, 11), "`k` must not exceed 10",
               class = "timetounsafe_error_argument")
})

test_that("the estimate is unbiased by design, and bands cover the truth", {
  skip_on_cran()
  set.seed(6)
  truth <- 1.5 * low_hazards(4000)
  times <- c(1, 5, 15)
  risk <- true_risk(truth, times)
  wrong <- as_hazard(function(newdata) as.numeric(newdata))
  repeats <- 300
  for (design in c("replicated", "optimized", "naive")) {
    runs <- replicate(repeats, {
      at <- sample(4000, 300, replace = TRUE)
      # The hazard is wrong in scale and shape.
      plan <- plan_audit(wrong, as.character(1:300), 30, truth[at]^1.1, design,
                         tau_max = 0.2, cap = 200, delta = NULL)
      got <- estimate_risk(simulate_audit(plan, truth[at]), times)
      stopifnot(got$basis == "design-based")
      cbind(got$estimate, got$conf.low <= risk & risk <= got$conf.high)
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
  for (design in c("replicated", "optimized")) {
    runs <- replicate(repeats, {
      at <- sample(4000, 300, replace = TRUE)
      got <- estimate_risk(simulate_audit(known_plan(truth[at], 30, design),
                                            truth[at]), times)
      cbind(got$estimate, got$conf.low <= risk & risk <= got$conf.high)
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
  got <- estimate_risk(simulate_audit(known_plan(p, 20), p))
  expect_equal(glance(got)$k_design, 0)
  expect_true(all(got$basis == "model-assisted"))
  expect_output(print(got), "model-assisted at every k")
})

test_that("edges: nothing included, all unsafe, no cap", {
  plan <- known_plan(rep(0.001, 3), 1e-6, cap = 100, delta = NULL)
  none <- estimate_risk(simulate_audit(plan, rep(0, 3)))
  expect_true(all(is.na(none$estimate)))
  expect_true(all(none$conf.low == 0 & none$conf.high == 1))
  expect_output(print(none), "NA")
  sure <- known_plan(rep(0.01, 30), 100, delta = NULL)
  all <- estimate_risk(simulate_audit(sure, rep(1, 30)))
  expect_equal(all$estimate[1], 1)
  expect_lt(all$conf.low[1], 1)
  set.seed(9)
  naive <- known_plan(rep(0.01, 200), 10, "naive", delta = NULL)
  got <- estimate_risk(simulate_audit(naive, rep(0.01, 200)))
  expect_equal(glance(got)$k_design, Inf)
  expect_true(all(got$basis == "design-based"))
  expect_output(print(got), "Design-based at every k")
})

test_that("failed draws err on the high side", {
  set.seed(10)
  p <- low_hazards(200)
  audit <- simulate_audit(known_plan(p, 100, "replicated"), p)
  before <- estimate_risk(audit, c(1, 10))
  some <- which(audit$limit > 10)[1:20]
  audit$draws[some] <- audit$draws[some] - 5
  audit$unsafe[some] <- pmin(audit$unsafe[some], audit$draws[some])
  audit$failed[some] <- TRUE
  after <- estimate_risk(audit, c(1, 10))
  expect_true(all(after$estimate > before$estimate))
})

test_that("wrong arguments are named", {
  set.seed(11)
  p <- low_hazards(100)
  audit <- simulate_audit(known_plan(p), p)
  bad_arguments(estimate_risk, list(x = audit), list(
    x = list(NULL, 1, audit[-1, ]),
    k = list(0, 1.5, NA, Inf, "a", numeric()),
    conf.level = list(0, 1, NA)
  ))
  expect_error(estimate_risk(audit, other = 1), "other",
               class = "timetounsafe_error_argument")
  expect_error(estimate_risk(), "`x` is missing",
               class = "timetounsafe_error_argument")
  safe <- function(prompts) rep(FALSE, length(prompts))
  part <- suppressWarnings(draw_responses(c("a", "b"), safe, draws = 5,
                                         max_draws = 3))
  expect_error(estimate_risk(part), "unfinished",
               class = "timetounsafe_error")
  plan <- known_plan(rep(0.1, 30))
  part <- suppressWarnings(run_audit(plan, safe, max_draws = 3))
  error <- expect_error(estimate_risk(part), "is unfinished",
                        class = "timetounsafe_error")
  # Nothing is calibrated here.
  expect_no_match(conditionMessage(error), "alibrat")
  expect_s3_class(error, "timetounsafe_error")
  lacking <- draw_responses(c("a", "b"), safe, draws = c(0, 2))
  expect_error(estimate_risk(lacking), "draw of each prompt",
               class = "timetounsafe_error_argument")
})

test_that("it prints and plots", {
  set.seed(12)
  p <- low_hazards(100)
  got <- estimate_risk(simulate_audit(known_plan(p), p))
  expect_output(print(got), "Unsafe rate per draw.*Design-based up to k")
  expect_output(print(got[1:3, ]), "estimate")
  expect_false(is.unsorted(got$k))
  expect_false(is.unsorted(got$estimate))
  withr::local_pdf(NULL)
  once <- estimate_risk(simulate_audit(known_plan(p), p), 1)
  for (x in list(got, once)) {
    expect_identical(withVisible(plot(x))$visible, FALSE)
  }
  skip_if_not_installed("ggplot2", "3.4.0")
  expect_s3_class(ggplot2::autoplot(once), "ggplot")
  expect_silent(print(ggplot2::autoplot(got)))
})

test_that("k may come in any order, and more than once", {
  set.seed(13)
  p <- low_hazards(100)
  audit <- simulate_audit(known_plan(p), p)
  expect_identical(estimate_risk(audit, c(9, 1, 9, 3)),
                   estimate_risk(audit, c(1, 3, 9)))
  got <- estimate_risk(audit, 2)
  expect_named(got, c("group", "k", "n", "estimate", "std.error", "conf.low",
                      "conf.high", "basis", "interval", "share_modelled"))
  expect_identical(got$n, 100L)
  expect_identical(got$group, "all")
  expect_equal(glance(got)$estimate, estimate_risk(audit, 1)$estimate)
})

test_that("each group has the risk of its own prompts", {
  set.seed(14)
  p <- low_hazards(200)
  audit <- simulate_audit(known_plan(p, 50, "replicated"), p)
  audit$kind <- rep(c("b", "a"), 100)
  got <- estimate_risk(audit, c(1, 20), groups = "kind")
  expect_identical(got$group, rep(c("a", "b"), each = 2))
  expect_identical(got$k, c(1, 20, 1, 20))
  expect_identical(got$n, rep(100L, 4))
  # By the definition of a group alone.
  w <- ifelse(audit$horizon > 0, 1 / audit$inclusion, 0)
  own <- audit$kind == "a" & audit$horizon > 0
  rate <- audit$unsafe[own] / audit$limit[own]
  expect_equal(got$estimate[1], sum(w[own] * rate) / sum(w[own]))
  expect_equal(glance(got)$n_groups, 2)
  expect_identical(estimate_risk(audit, 5, groups = audit$kind),
                   estimate_risk(audit, 5, groups = "kind"))
  expect_error(estimate_risk(audit, groups = "sort"), "`groups`",
               class = "timetounsafe_error_argument")
})

test_that("an lpb stands for its audit, prompt_draws for themselves", {
  set.seed(15)
  p <- low_hazards(100)
  audit <- simulate_audit(known_plan(p), p)
  lpb <- quiet(calibrate_lpb(audit))
  expect_equal(estimate_risk(lpb, 1:3), estimate_risk(audit, 1:3))
  draws <- structure(data.frame(
    id = 1:4, prompt = letters[1:4], limit = 6, stop = c(TRUE),
    draws = c(6, 2, 6, 4), unsafe = c(0, 1, 0, 1), time = c(6, 2, 6, 4),
    status = c(0, 1, 0, 1), unused = 0, failed = FALSE
  ), class = c("prompt_draws", "data.frame"))
  got <- estimate_risk(draws, c(1, 2, 4, 6))
  expect_equal(got$estimate, c(0, 0.25, 0.5, 0.5))
  expect_error(estimate_risk(draws, 7), "`k` must not exceed 6",
               class = "timetounsafe_error_argument")
})

test_that("draws without a plan have no model to go beyond them", {
  set.seed(9)
  sampler <- function(prompts) runif(length(prompts)) < 0.05
  draws <- draw_responses(as.character(1:50), sampler, draws = 12)
  risk <- estimate_risk(draws, k = c(1, 12))
  expect_match(lines_of(risk), "k = 12, the fewest draws of a prompt",
               all = FALSE)
  expect_error(estimate_risk(draws, k = 13), "`k`",
               class = "timetounsafe_error_argument")
})

test_that("lines of a plot are the same in every order of rows", {
  skip_if_not_installed("ggplot2", "3.4.0")
  set.seed(21)
  p <- low_hazards(200)
  audit <- simulate_audit(known_plan(p, 20), p)
  risk <- estimate_risk(audit, groups = rep(c("a", "b"), 100))
  mixed <- risk[sample(nrow(risk)), ]
  mixed <- mixed[order(mixed$group), ]
  for (layer in 1:2) {
    expect_equal(ggplot2::layer_data(ggplot2::autoplot(mixed), layer),
                 ggplot2::layer_data(ggplot2::autoplot(risk), layer))
  }
  expect_equal(risk_of_group(mixed, "b"), risk_of_group(risk, "b"),
               ignore_attr = TRUE)
})
