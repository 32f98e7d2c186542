test_that("an lpb prints, summarises, tidies and plots", {
  set.seed(9)
  p <- 10^runif(300, -3, -1)
  plan <- known_plan(p)
  audit <- simulate_audit(plan, p)
  lpb <- point_lpb(audit)
  expect_output(print(lpb), "90% lower predictive bound on draws until")
  expect_output(print(lpb), "tau = 0\\.[0-9]+, calibrated on 300 prompts")
  expect_output(print(lpb), "Marginal guarantee: coverage holds on average")
  expect_output(print(summary(lpb)), "tau")
  expect_equal(glance(lpb)$tau, lpb$tau)
  expect_equal(nrow(glance(lpb)), 1)
  expect_named(tidy(lpb), c("tau", "estimate"))
  expect_false(is.unsorted(tidy(lpb)$estimate))
  expect_equal(augment(lpb)$.pred_lower, predict(lpb, p))
  expect_equal(augment(lpb, newdata = p)$.pred_lower, predict(lpb, p))
  withr::local_pdf(NULL)
  for (object in list(lpb, plan, audit)) {
    expect_identical(withVisible(plot(object))$visible, FALSE)
  }
})

test_that("an approximate certificate says so in one piece", {
  set.seed(3)
  p <- 10^runif(400, -3, -1)
  audit <- simulate_audit(known_plan(p), p)
  normal <- suppressWarnings(calibrate_lpb(audit, certificate = "normal"))
  line <- "Certified (normal, approximate): coverage holds with 90% confidence."
  expect_true(line %in% lines_of(normal))
  exact <- suppressWarnings(calibrate_lpb(audit))
  line <- "Certified (betting): coverage holds with 90% confidence."
  expect_true(line %in% lines_of(exact))
  expect_match(lines_of(exact), "^Marginal guarantee alone: tau = 0[.]",
               all = FALSE)
})

test_that("glance() tells what certificate a bound has", {
  lpbs <- many_lpbs()
  for (name in names(lpbs)) {
    lpb <- lpbs[[name]]
    row <- glance(lpb)
    expect_identical(nrow(row), 1L)
    expect_identical(row$delta, if (name == "point") NA_real_ else 0.1)
    expect_identical(row$certificate,
                     if (is.null(lpb$certificate)) {
                       NA_character_
                     } else {
                       lpb$certificate$kind
                     })
    expect_identical(row$tau_marginal, lpb$tau_marginal)
    expect_output(print(summary(lpb)), "certificate +(betting|binomial|NA)")
  }
  expect_identical(glance(lpbs$point)$certificate, NA_character_)
  expect_identical(glance(lpbs$certified)$certificate, "betting")
  # Of all kinds alike, so that they can be compared in one table.
  table <- do.call(rbind, lapply(lpbs, glance))
  expect_identical(nrow(table), length(lpbs))
})

test_that("with groups there is no one level", {
  set.seed(4)
  p <- 10^runif(400, -3, -1)
  audit <- simulate_audit(known_plan(p), p)
  lpb <- suppressWarnings(calibrate_lpb(audit,
                                        groups = rep(c("a", "b"), 200)))
  row <- glance(lpb)
  expect_identical(c(row$tau, row$tau_marginal), c(NA_real_, NA_real_))
  expect_identical(row$certificate, "betting")
})

test_that("augment() finds calibration prompts by their ids", {
  set.seed(23)
  p <- 10^runif(50, -3, -1)
  audit <- simulate_audit(known_plan(p, prompts = paste("prompt", 1:50)), p)
  lpb <- quiet(point_lpb(audit, groups = rep(c("a", "b"), 25)))
  all <- augment(lpb)
  for (at in list(50:1, c(7, 3))) {
    got <- augment(lpb, data = data.frame(id = audit$id[at], mine = at))
    expect_identical(got[c(".prob", ".group", ".pred_lower")],
                     data.frame(all[at, c(".prob", ".group", ".pred_lower")],
                                row.names = NULL))
    expect_identical(got$mine, at)
  }
  # Ids of something else are no ids of prompts.
  expect_identical(augment(lpb, data = data.frame(id = letters[1:25][
    rep(1:25, 2)
  ]))$.prob, all$.prob)
  expect_error(augment(lpb, data = data.frame(id = c(audit$id[2], "other"))),
               "\"other\"", class = "timetounsafe_error_argument")
})
