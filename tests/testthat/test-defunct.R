test_that("a function that was renamed names the new one", {
  now <- c(audit_prompts = "draw_responses()",
           population_risk = "estimate_risk()",
           select_level = "select_tau()",
           synthetic_study = "simulate_study()",
           paper_hazard = "fit_paper_hazard()")
  for (old in names(now)) {
    error <- expect_error(do.call(old, list(1, x = 2)),
                          class = "timetounsafe_error_defunct")
    expect_identical(error[c("old", "new")], list(old = old, new = now[[old]]))
    expect_match(conditionMessage(error), now[[old]], fixed = TRUE)
  }
  # It would mask the function of that name in other packages.
  expect_false("report" %in% getNamespaceExports("timetounsafe"))
})

test_that("an argument that was renamed names the new one", {
  plan <- known_plan(c(0.1, 0.2))
  audit <- simulate_audit(plan, c(0.1, 0.2))
  calls <- list(
    x = quote(plan_audit(known_hazard(), "a", 10, x = 0.1)),
    method = quote(plan_audit(known_hazard(), "a", 10, 0.1, method = "basic")),
    tau_prior = quote(plan_audit(known_hazard(), "a", 10, 0.1,
                                 tau_prior = 0.2)),
    levels = quote(calibrate_lpb(audit, levels = 0.1)),
    group_delta = quote(calibrate_lpb(audit, group_delta = "shared")),
    total_budget = quote(allocate_budget(1:3, total_budget = 2)),
    censor = quote(miscoverage_curve(1, censor = 2, 1, 1)),
    pi = quote(replicated_miscoverage(1, 2, pi = 1, 1)),
    text = quote(write_plan(plan, tempfile(), text = FALSE)),
    unsafe = quote(fit_hazard(1:3, unsafe = 1:3, draws = 5)),
    sampling = quote(fit_hazard(1:3, cbind(0:2, 2), sampling = "stopped")),
    max_weight = quote(simulate_study("basic", 10, max_weight = 50)),
    conf_level = quote(estimate_risk(audit, conf_level = 0.9)),
    times = quote(estimate_risk(audit, times = 3))
  )
  now <- c(x = "newdata", method = "design", tau_prior = "tau_max",
           levels = "tau_grid", group_delta = "simultaneous",
           total_budget = "total", censor = "horizon", pi = "inclusion",
           text = "keep_prompts", unsafe = "y", sampling = "stop",
           max_weight = "cap_ratio", conf_level = "conf.level", times = "k")
  for (old in names(calls)) {
    error <- expect_error(eval(calls[[old]]),
                          class = "timetounsafe_error_defunct")
    expect_identical(conditionMessage(error),
                     sprintf("`%s` is now `%s`.", old, now[[old]]))
    expect_identical(error$argument, old)
  }
})
