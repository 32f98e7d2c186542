# Prompts whose hazards differ by a precision of 8, a hazard that knows their
# means, and screening draws of them.
screened_world <- function(n, m, precision = 8) {
  mean <- 10^runif(n, -2.5, -0.5)
  p <- rbeta(n, mean * precision, (1 - mean) * precision)
  list(mean = mean, p = p, prompts = as.character(seq_len(n)),
       screened = data.frame(unsafe = rbinom(n, m, p), draws = m),
       hazard = as_hazard(function(newdata) newdata$mean,
                          precision = precision))
}

plan_screened <- function(world, budget = 20, ..., hazard = world$hazard) {
  plan_audit(hazard, world$prompts, budget, data.frame(mean = world$mean),
             screened = world$screened, ...)
}

test_that("rows have what screening leaves of the hazard", {
  set.seed(1)
  world <- screened_world(60, 6)
  plan <- plan_screened(world, delta = NULL)
  # The mean of the posterior by numerical integration.
  posterior <- function(i) {
    a <- world$mean[i] * 8
    density <- function(p) {
      dbeta(p, a, 8 - a) * dbinom(world$screened$unsafe[i], 6, p)
    }
    # The density has a pole at 0: by its logarithm.
    part <- function(f) {
      integrate(function(s) f(exp(s)) * density(exp(s)) * exp(s), -80, 0,
                rel.tol = 1e-9, subdivisions = 1000)$value
    }
    part(identity) / part(function(p) 1)
  }
  risky <- order(-world$mean)[1:9]
  expect_equal(plan$prob[risky], vapply(risky, posterior, 0), tolerance = 1e-6)
  expect_identical(plan$precision, rep(14, 60))
  expect_identical(plan$screen_unsafe, as.double(world$screened$unsafe))
  expect_identical(unique(plan$screen_draws), 6)
  expect_identical(
    plan$horizon[plan$horizon > 0],
    beta_geometric_quantile(plan$prob, 14, plan$tau_max[1],
                            plan$cap[1])[plan$horizon > 0]
  )
})

test_that("bounds are quantiles of that law, for other prompts too", {
  set.seed(2)
  world <- screened_world(800, 8)
  plan <- plan_screened(world)
  lpb <- calibrate_lpb(simulate_audit(plan, world$p))
  bound <- beta_geometric_quantile(plan$prob, plan$precision, lpb$tau, lpb$cap)
  x <- data.frame(mean = world$mean)
  expect_identical(predict(lpb, x, screened = world$screened), bound)
  expect_identical(augment(lpb)$.pred_lower, bound)
  expect_identical(augment(lpb, newdata = x,
                           screened = world$screened)$.pred_lower, bound)
  # Prompts that were unsafe while screened have shorter ones.
  same <- data.frame(mean = rep(0.03, 3))
  seen <- data.frame(unsafe = 0:2, draws = 8)
  short <- predict(lpb, same, screened = seen)
  expect_true(all(diff(short) <= 0) && short[1] > short[2])
  found <- assess_lpb(lpb, x, prob = world$p, screened = world$screened)
  expect_equal(found$estimate[1], mean((1 - world$p)^(bound - 1)))
  expect_gt(found$estimate[1], 0.87)
})

test_that("tau is that of the curve, from counts and from jumps", {
  set.seed(3)
  for (design in c("replicated", "optimized", "trimmed")) {
    world <- screened_world(300, 5)
    plan <- plan_screened(world, 15, design = design, delta = NULL, cap = 200)
    audit <- simulate_audit(plan, world$p)
    lpb <- quiet(calibrate_lpb(audit, delta = NULL))
    miscoverage <- function(tau) {
      q <- beta_geometric_quantile(plan$prob, plan$precision, tau, 200)
      lost <- if (design == "replicated") {
        1 - exp(lchoose(audit$limit - audit$unsafe, q - 1) -
                  lchoose(audit$limit, q - 1))
      } else {
        audit$status == 1 & audit$time < q
      }
      lost[audit$limit == 0] <- 0
      weight <- ifelse(plan$horizon > 0, 1 / plan$inclusion, 0)
      whole <- ifelse(q <= 1 & plan$inclusion == 0, 1, weight)
      total <- if (design == "replicated") sum(whole) else nrow(plan)
      sum(lost * weight) / total
    }
    expect_false(lpb$at_tau_max)
    expect_lt(miscoverage(lpb$tau), 0.1)
    expect_gte(miscoverage(lpb$tau * (1 + 1e-9)), 0.1)
  }
})

test_that("without differences the law is the geometric one", {
  set.seed(4)
  world <- screened_world(200, 8)
  alike <- as_hazard(world$hazard, precision = Inf)
  set.seed(5)
  plan <- plan_screened(world, hazard = alike, tau_max = 0.2, cap = 50)
  set.seed(5)
  plain <- plan_audit(alike, world$prompts, 20, data.frame(mean = world$mean),
                      tau_max = 0.2, cap = 50)
  expect_identical(plan$prob, plain$prob)
  expect_identical(plan$limit, plain$limit)
  expect_true(all(is.infinite(plan$precision)))
})

test_that("a certificate holds with a precision that is ten times too large", {
  set.seed(6)
  missed <- replicate(150, {
    world <- screened_world(300, 8)
    wrong <- as_hazard(world$hazard, precision = 80)
    plan <- quiet(plan_screened(world, hazard = wrong, cap = 30, tau_max = 0.2))
    lpb <- quiet(calibrate_lpb(simulate_audit(plan, world$p)))
    other <- screened_world(4000, 8)
    bound <- predict(lpb, data.frame(mean = other$mean),
                     screened = other$screened)
    mean((1 - other$p)^(bound - 1)) < 0.9
  })
  expect_lte(mean(missed), 0.1 + 3 * sqrt(0.09 / 150))
})

test_that("training draws show what screening will leave of other prompts", {
  set.seed(7)
  world <- screened_world(1500, 8)
  unsafe <- rbinom(1500, 30, world$p)
  x <- data.frame(x = log(world$mean))
  train <- 1:700
  fit <- fit_hazard(x[train, , drop = FALSE],
                    cbind(unsafe, 30 - unsafe)[train, ])
  pilot <- new_pilot(fit)
  rule <- fit$precision_rule
  screened <- screen_pilot(pilot, rule, 8)
  expect_identical(screened$draws, rep(22, 700))
  expect_true(all(screened$unsafe <= pilot$unsafe & screened$unsafe >= 0))
  again <- update_hazard(
    list(prob = pilot$prob, precision = precision_at(rule, pilot$prob)),
    pilot$unsafe - screened$unsafe, 8
  )
  expect_identical(screened[c("prob", "precision")], again)
  expect_null(screen_pilot(pilot, rule, 30))
  # Screened prompts have longer bounds at equal draws.
  rest <- list(prompts = world$prompts[-train], mean = x[-train, ],
               p = world$p[-train], screened = world$screened[-train, ])
  features <- x[-train, , drop = FALSE]
  plans <- list(
    plan_audit(fit, rest$prompts, 28, features),
    plan_audit(fit, rest$prompts, 20, features, screened = rest$screened)
  )
  expect_identical(plans[[2]]$reference[1], "training")
  bounds <- lapply(plans, function(plan) {
    lpb <- calibrate_lpb(simulate_audit(plan, rest$p))
    augment(lpb)$.pred_lower
  })
  expect_gt(mean(log(bounds[[2]])), mean(log(bounds[[1]])) + 0.1)
})

test_that("screening draws are known again, and failures count as unsafe", {
  set.seed(8)
  prompts <- c("a", "b", "c")
  flaky <- function(prompts) {
    data.frame(unsafe = ifelse(prompts == "b", NA, FALSE),
               status = ifelse(prompts == "b", "error", "ok"))
  }
  drawn <- quiet(draw_responses(prompts, flaky, 4, progress = FALSE,
                                control = audit_control(max_tries = 1)))
  expect_identical(read_screened(drawn, prompts, 3),
                   list(unsafe = c(0, 4, 0), draws = 4))
  expect_error(read_screened(drawn, rev(prompts), 3), "their order",
               class = "timetounsafe_error_argument")
})

test_that("what cannot be screening draws is refused", {
  set.seed(9)
  world <- screened_world(100, 4)
  refused <- function(screened, text) {
    world$screened <- screened
    expect_error(plan_screened(world), text,
                 class = "timetounsafe_error_argument")
  }
  refused(4, "columns `unsafe` and `draws`")
  refused(data.frame(unsafe = 0, draws = 4), "100 rows")
  refused(data.frame(unsafe = 0, draws = rep(c(4, 8), 50)), "same number")
  refused(data.frame(unsafe = 5, draws = rep(4, 100)), "screened\\$unsafe")
  refused(data.frame(unsafe = 0, draws = rep(NA_real_, 100)),
          "screened\\$draws")
  never <- function(prompts) rep(FALSE, length(prompts))
  refused(draw_responses(world$prompts, never, 4, stop = TRUE),
          "fixed number")
  half <- quiet(draw_responses(world$prompts, never, 4, max_draws = 100))
  refused(half, "finished")
  nothing <- as_hazard(function(newdata) newdata$mean)
  expect_error(plan_screened(world, hazard = nothing), "precision",
               class = "timetounsafe_error_argument")
})

test_that("a bound asks for the screening that it was calibrated with", {
  set.seed(10)
  world <- screened_world(400, 4)
  lpb <- quiet(calibrate_lpb(simulate_audit(plan_screened(world), world$p)))
  x <- data.frame(mean = c(0.1, 0.01))
  refused <- function(text, ...) {
    expect_error(predict(lpb, x, ...), text,
                 class = "timetounsafe_error_argument")
  }
  refused("4 screening draws")
  refused("4 draws of each", screened = data.frame(unsafe = 0, draws = c(8, 8)))
  refused("2 rows", screened = data.frame(unsafe = 0, draws = 4))
  plain <- quiet(calibrate_lpb(simulate_audit(
    plan_audit(world$hazard, world$prompts, 20, data.frame(mean = world$mean)),
    world$p
  )))
  given <- data.frame(unsafe = 0, draws = c(4, 4))
  expect_error(predict(plain, x, screened = given), "for all draws",
               class = "timetounsafe_error_argument")
})

test_that("a plan of screened prompts survives a file, and is sealed", {
  set.seed(11)
  world <- screened_world(200, 4)
  plan <- plan_screened(world, 10)
  path <- withr::local_tempfile(fileext = ".csv")
  write_plan(plan, path)
  back <- read_plan(path)
  for (name in c("precision", "screen_unsafe", "screen_draws",
                 "precision_scale", "precision_slope", "plan_id")) {
    expect_identical(back[[name]], plan[[name]], label = name)
  }
  audit <- simulate_audit(back, world$p)
  lpb <- quiet(calibrate_lpb(audit, hazard = world$hazard,
                             newdata = data.frame(mean = world$mean)))
  expect_identical(lpb$screen_draws, 4)
  for (name in c("precision", "screen_unsafe")) {
    wrong <- plan
    wrong[[name]][1] <- wrong[[name]][1] + 1
    expect_error(simulate_audit(wrong, world$p),
                 class = "timetounsafe_error_plan", label = name)
  }
  other <- as_hazard(function(newdata) newdata$mean / 2, precision = 8)
  expect_error(calibrate_lpb(audit, hazard = other,
                             newdata = data.frame(mean = world$mean)),
               "not the hazard", class = "timetounsafe_error_argument")
})

test_that("groups by the outcome of screening have bounds of their own", {
  set.seed(12)
  world <- screened_world(900, 6)
  audit <- simulate_audit(plan_screened(world), world$p)
  safe <- audit$screen_unsafe == 0
  lpb <- quiet(calibrate_lpb(audit, groups = safe))
  expect_setequal(lpb$groups$group, c("FALSE", "TRUE"))
  x <- data.frame(mean = c(0.05, 0.05))
  bound <- predict(lpb, x, screened = data.frame(unsafe = c(0, 2), draws = 6),
                   groups = c(TRUE, FALSE))
  expect_gt(bound[1], bound[2])
})
