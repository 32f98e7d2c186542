# Three groups whose prompts differ in risk, for a hazard that is wrong in a
# different way in each: what one level for all would get wrong.
grouped_prompts <- function(n) {
  group <- sample(c("code", "chat", "law"), n, replace = TRUE)
  p <- 10^runif(n, -2.5, -1)
  truth <- p * c(code = 0.5, chat = 1, law = 2)[group]
  list(group = group, p = p, truth = truth)
}

muffle <- function(code) {
  suppressWarnings(code, classes = "timetounsafe_warning")
}

test_that("each group is calibrated as if it were alone", {
  set.seed(1)
  d <- grouped_prompts(600)
  for (design in names(audit_designs)) {
    audit <- simulate_audit(known_plan(d$p, 50, design = design, cap = 200),
                            d$truth)
    for (delta in list(NULL, 0.1)) {
      lpb <- muffle(calibrate_lpb(audit, delta = delta, groups = d$group))
      for (g in unique(d$group)) {
        alone <- as.list(audit[d$group == g, ])
        part <- new_audit(audit[d$group == g, ])
        rule <- list(alpha = 0.1, delta = delta, certificate = "exact")
        own <- select_by(plan_parts(part), rule)
        row <- lpb$groups[lpb$groups$group == g, ]
        expect_equal(row$tau, own$tau)
        expect_equal(row$tau_marginal, own$tau_marginal)
        expect_equal(row$n, sum(d$group == g))
        expect_equal(row$n_included, sum(alone$horizon > 0))
        newp <- 10^runif(20, -3, -1)
        expect_equal(predict(lpb, newp, rep(g, 20)),
                     geometric_quantile(newp, own$tau, lpb$cap))
      }
    }
  }
})

test_that("the marginal rule within a group is its definition", {
  set.seed(2)
  d <- grouped_prompts(900)
  plan <- known_plan(d$p, 60, design = "optimized")
  audit <- simulate_audit(plan, d$truth)
  lpb <- muffle(calibrate_lpb(audit, delta = NULL, groups = d$group))
  for (g in unique(d$group)) {
    rows <- d$group == g & audit$status == 1
    u <- -expm1(audit$time[rows] * log1p(-d$p[rows]))
    at <- order(u)
    weight <- cumsum(1 / audit$inclusion[rows][at]) / sum(d$group == g)
    expected <- min(u[at][weight >= 0.1], plan$tau_max[1])
    expect_equal(lpb$groups$tau[lpb$groups$group == g], expected,
                 tolerance = 1e-12)
  }
})

test_that("one group is the same as none", {
  set.seed(3)
  d <- grouped_prompts(400)
  audit <- simulate_audit(known_plan(d$p, 50, "replicated"), d$truth)
  plain <- muffle(calibrate_lpb(audit))
  one <- muffle(calibrate_lpb(audit, groups = rep("all", 400)))
  shared <- muffle(calibrate_lpb(audit, groups = rep("all", 400),
                                 simultaneous = TRUE))
  expect_identical(one$groups$tau, plain$tau)
  expect_equal(shared$groups$tau, plain$tau)
  expect_identical(one$groups$tau_marginal, plain$tau_marginal)
  expect_identical(predict(one, d$p, rep("all", 400)), predict(plain, d$p))
  expect_equal(assess_lpb(one, d$p, prob = d$truth, groups = rep("all", 400)),
               assess_lpb(plain, d$p, prob = d$truth,
                          groups = rep("all", 400)),
               ignore_attr = "bound")
})

test_that("neither the order of rows nor the type of groups matters", {
  set.seed(4)
  d <- grouped_prompts(400)
  audit <- simulate_audit(known_plan(d$p, 50, "replicated"), d$truth)
  code <- match(d$group, c("law", "code", "chat"))
  lpb <- muffle(calibrate_lpb(audit, groups = code))
  at <- sample(400)
  shuffled <- muffle(calibrate_lpb(audit[at, ], groups = code[at],
                                   hazard = known_hazard()))
  expect_identical(shuffled$groups, lpb$groups)
  named <- factor(d$group, c("law", "code", "chat"))
  by_name <- muffle(calibrate_lpb(audit, groups = named))
  expect_identical(by_name$groups$group, c("law", "code", "chat"))
  expect_identical(by_name$groups$tau, lpb$groups$tau)
  expect_identical(predict(lpb, d$p, as.character(code)),
                   predict(lpb, d$p, code))
})

test_that("numbers keep their order", {
  set.seed(5)
  p <- rep(0.05, 300)
  audit <- simulate_audit(known_plan(p, 20, "replicated"), p)
  lpb <- muffle(calibrate_lpb(audit, groups = rep(c(10, 9, 2), 100)))
  expect_identical(lpb$groups$group, c("2", "9", "10"))
})

test_that("delta is given to each group, or shared by Sidak", {
  set.seed(6)
  d <- grouped_prompts(600)
  audit <- simulate_audit(known_plan(d$p, 50, "replicated"), d$truth)
  each <- muffle(calibrate_lpb(audit, groups = d$group))
  shared <- muffle(calibrate_lpb(audit, groups = d$group,
                                 simultaneous = TRUE))
  expect_equal(each$groups$delta, rep(0.1, 3))
  expect_equal(shared$groups$delta, rep(1 - 0.9^(1 / 3), 3))
  expect_true(all(shared$groups$tau <= each$groups$tau))
  point <- muffle(calibrate_lpb(audit, delta = NULL, groups = d$group,
                                simultaneous = TRUE))
  expect_identical(point$groups$delta, rep(NA_real_, 3))
  expect_output(print(each), "in each group separately")
  expect_output(print(shared), "in all groups simultaneously")
  expect_output(print(point), "Marginal guarantee in each group")
})

test_that("a group with too little evidence gets the bound 1, and is named", {
  set.seed(7)
  p <- 10^runif(500, -2.5, -1)
  group <- rep(c("rare", "often"), c(8, 492))
  audit <- simulate_audit(known_plan(p, 50, "replicated"), p)
  warning <- expect_warning(lpb <- calibrate_lpb(audit, groups = group),
                            "1 group: \"rare\"",
                            class = "timetounsafe_warning_trivial_bound")
  expect_identical(warning$groups, "rare")
  expect_equal(lpb$groups$tau[2], 0)
  expect_true(lpb$groups$trivial[2])
  expect_false(lpb$trivial)
  expect_equal(predict(lpb, p[1:8], group[1:8]), rep(1, 8))
  expect_output(print(lpb), "bound 1")
})

test_that("under the marginal rule little evidence in a group is said", {
  set.seed(15)
  p <- rep(0.01, 1005)
  group <- rep(c("often", "rare"), c(1000, 5))
  audit <- simulate_audit(known_plan(p, 8), p)
  warning <- expect_warning(
    lpb <- calibrate_lpb(audit, delta = NULL, groups = group),
    "1 group: \"rare\"", class = "timetounsafe_warning_large_weights"
  )
  expect_identical(warning$groups, "rare")
  expect_output(print(lpb), "unreliable")
})

test_that("groups of which nothing was included have the bound 1", {
  set.seed(8)
  p <- rep(0.005, 200)
  audit <- simulate_audit(known_plan(p, 1, design = "optimized"), p)
  group <- ifelse(audit$horizon > 0, "seen", "unseen")
  for (delta in list(NULL, 0.1)) {
    lpb <- muffle(calibrate_lpb(audit, delta = delta, groups = group))
    expect_equal(lpb$groups$tau[2], 0)
    expect_output(print(lpb), "unseen")
  }
})

test_that("a column may be named, if it is the user's own and there once", {
  set.seed(9)
  d <- grouped_prompts(300)
  prompts <- data.frame(text = as.character(1:300), topic = d$group)
  audit <- simulate_audit(known_plan(d$p, 50, "replicated",
                                     prompts = prompts), d$truth)
  by_value <- muffle(calibrate_lpb(audit, groups = d$group))
  by_name <- muffle(calibrate_lpb(audit, groups = "topic"))
  expect_identical(by_name$groups, by_value$groups)
  audit$mine <- d$group
  expect_identical(muffle(calibrate_lpb(audit, groups = "mine"))$groups,
                   by_value$groups)
  audit$topic <- rev(d$group)
  expect_error(calibrate_lpb(audit, groups = "topic"), "both have",
               class = "timetounsafe_error_argument")
  for (column in c("unsafe", "horizon", "u_inclusion", "order")) {
    expect_error(calibrate_lpb(audit, groups = column), "plan or the audit",
                 class = "timetounsafe_error_argument")
  }
  expect_error(calibrate_lpb(audit, groups = "nowhere"), "not there",
               class = "timetounsafe_error_argument")
})

test_that("failed prompts that are dropped take their group with them", {
  set.seed(10)
  d <- grouped_prompts(300)
  audit <- simulate_audit(known_plan(d$p, 50, design = "optimized"), d$truth)
  failed_rows <- which(audit$status == 1)[1:5]
  audit <- forge(audit, failed[failed_rows] <- TRUE)
  lpb <- muffle(calibrate_lpb(audit, groups = d$group, failed = "drop"))
  expect_equal(sum(lpb$groups$n), 295)
  expect_identical(as.character(lpb$row_groups), d$group[-failed_rows])
})

test_that("wrong groups are refused, each with what to do", {
  set.seed(11)
  d <- grouped_prompts(300)
  audit <- simulate_audit(known_plan(d$p, 50, "replicated"), d$truth)
  bad_arguments(calibrate_lpb, list(audit = audit), list(
    groups = list(1:3, c(NA, d$group[-1]), as.list(d$group), mean),
    simultaneous = list("all", 1, NA)
  ))
  lpb <- muffle(calibrate_lpb(audit, groups = d$group))
  plain <- muffle(calibrate_lpb(audit))
  expect_error(predict(lpb, d$p), "`groups` is required.*\"chat\"",
               class = "timetounsafe_error_argument")
  expect_error(predict(lpb, d$p, "law"), "300 values",
               class = "timetounsafe_error_argument")
  expect_error(predict(plain, d$p, d$group), "without groups",
               class = "timetounsafe_error_argument")
  expect_error(assess_lpb(lpb, d$p, prob = d$truth), "`groups` is required",
               class = "timetounsafe_error_argument")
  expect_error(augment(lpb, newdata = d$p), "`groups` is required",
               class = "timetounsafe_error_argument")
  for (call in list(quote(predict(lpb, d$p)),
                    quote(predict(lpb, d$p, 1)),
                    quote(calibrate_lpb(audit, groups = 1:3)),
                    quote(calibrate_lpb(audit, groups = "topic")),
                    quote(augment(lpb, newdata = d$p)),
                    quote(assess_lpb(lpb, d$p, prob = d$truth)))) {
    error <- tryCatch(eval(call), error = identity)
    expect_identical(conditionCall(error)[[1]], call[[1]])
  }
})

test_that("a group that was not calibrated has the bound 1, with a warning", {
  set.seed(12)
  d <- grouped_prompts(400)
  audit <- simulate_audit(known_plan(d$p, 50, "replicated"), d$truth)
  lpb <- muffle(calibrate_lpb(audit, groups = d$group))
  p <- c(0.003, 0.004)
  warning <- expect_warning(
    bound <- predict(lpb, p, c("law", "art")), "\"art\"",
    class = "timetounsafe_warning_unknown_group"
  )
  expect_identical(warning$groups, "art")
  expect_equal(bound, c(predict(lpb, p[1], "law"), 1))
  expect_warning(got <- assess_lpb(lpb, p, prob = p, groups = c("law", "art")),
                 class = "timetounsafe_warning_unknown_group")
  expect_equal(got$estimate[got$group == "art"], 1)
})

test_that("a bound with groups prints, summarises, tidies and plots", {
  set.seed(13)
  d <- grouped_prompts(600)
  audit <- simulate_audit(known_plan(d$p, 50, "replicated"), d$truth)
  lpb <- muffle(calibrate_lpb(audit, groups = d$group))
  expect_output(print(lpb), "tau by group, for 3 groups")
  expect_output(print(summary(lpb)), "groups")
  expect_equal(glance(lpb)$n_groups, 3)
  expect_equal(glance(muffle(calibrate_lpb(audit)))$n_groups, 0)
  expect_identical(names(tidy(lpb)), c("group", "tau", "estimate"))
  own <- augment(lpb)
  expect_identical(names(own), c("id", ".prob", ".group", ".pred_lower"))
  expect_equal(own$.pred_lower, predict(lpb, d$p, d$group))
  other <- augment(lpb, newdata = d$p, groups = d$group)
  expect_equal(other$.pred_lower, own$.pred_lower)
  withr::local_pdf(NULL)
  expect_identical(withVisible(plot(lpb))$visible, FALSE)
  many <- muffle(calibrate_lpb(audit, groups = rep(1:20, 30)))
  expect_identical(withVisible(plot(many))$visible, FALSE)
  expect_output(print(many), "[0-9]+ more groups: lpb\\$groups")
})

test_that("the certificate holds within each group, and in all at once", {
  skip_on_cran()
  set.seed(14)
  group <- rep(c("code", "chat", "law"), length.out = 4001)
  population <- 10^seq(-2.5, -1, length.out = 4001)
  truth <- population * c(code = 0.5, chat = 1, law = 2)[group]
  missed <- function(lpb) {
    covered <- (1 - truth)^(predict(lpb, population, group) - 1)
    tapply(covered, group, mean) < 0.9
  }
  repeats <- 400
  runs <- replicate(repeats, {
    at <- sample(4001, 900, replace = TRUE)
    plan <- known_plan(population[at], 60, "replicated", tau_max = 0.3,
                       reference = population)
    audit <- simulate_audit(plan, truth[at])
    calibrate <- function(how) {
      muffle(calibrate_lpb(audit, groups = group[at], simultaneous = how))
    }
    c(missed(calibrate(FALSE)), any(missed(calibrate(TRUE))))
  })
  # Monte Carlo standard error 0.015.
  expect_true(all(rowMeans(runs) <= 0.1 + 3 * sqrt(0.1 * 0.9 / repeats)))
  # The marginal rule has no such guarantee: half of all calibrations miss.
  expect_true(all(rowMeans(runs) > 0))
})

test_that("groups made after the outcomes are told", {
  set.seed(16)
  p <- 10^runif(400, -3, -1)
  audit <- simulate_audit(known_plan(p, design = "replicated"), p)
  expect_warning(
    suppressWarnings(calibrate_lpb(audit, groups = audit$unsafe > 0),
                     classes = c("timetounsafe_warning_trivial_bound",
                                 "timetounsafe_warning_tau_max")),
    "perfectly", class = "timetounsafe_warning_outcome_groups"
  )
  expect_error(calibrate_lpb(audit, simultaneous = TRUE), "`simultaneous`",
               class = "timetounsafe_error_argument")
})

test_that("a group whose draws all failed can be dropped", {
  set.seed(17)
  p <- 10^runif(400, -3, -1)
  audit <- simulate_audit(known_plan(p), p)
  group <- rep(c("a", "b", "c", "d"), 100)
  audit <- forge(audit, failed <- group == "d")
  lpb <- suppressWarnings(
    calibrate_lpb(audit, groups = group, failed = "drop", delta = NULL)
  )
  expect_identical(lpb$groups$group, c("a", "b", "c"))
  bound <- suppressWarnings(predict(lpb, p[1:4], groups = group[1:4]))
  expect_identical(bound[4], 1)
})
