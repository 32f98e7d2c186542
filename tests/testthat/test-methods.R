# One object of each class that this package prints or tidies.
many_objects <- function() {
  set.seed(31)
  p <- 10^runif(300, -3, -1)
  plan <- known_plan(p)
  audit <- simulate_audit(plan, p)
  lpb <- quiet(calibrate_lpb(audit))
  groups <- rep(c("a", "b"), 150)
  list(
    plan = plan, few = quiet(known_plan(p[1:10], delta = 0.05)),
    audit = audit, lpb = lpb,
    grouped = quiet(calibrate_lpb(audit, groups = rep(1:20, 15))),
    marginal = quiet(point_lpb(audit)),
    assessment = assess_lpb(lpb, bins = 10),
    held_out = assess_lpb(lpb, p, prob = p, groups = groups, bins = 10),
    cross_fitted = assess_lpb(lpb, folds = 5, bins = 10),
    risk = estimate_risk(audit), groups = estimate_risk(audit, 1:9, groups),
    advice = advise_budget(known_hazard(), p, repetitions = 10, price = 1),
    study = small_study(c("trimmed", "optimized"), seq(20, 90, 5), n = 500),
    draws = structure(data.frame(
      id = 1:3, prompt = letters[1:3], limit = 5, stop = FALSE, draws = 5,
      unsafe = c(0, 2, 1), refused = c(1, 0, 0), truncated = 0,
      time = c(5, 1, 3), status = c(0, 1, 1), unused = 0, failed = FALSE
    ), class = c("prompt_draws", "data.frame"))
  )
}

test_that("a print is at most 15 lines of 80 columns and ends with a call", {
  withr::local_options(width = 80)
  for (x in many_objects()) {
    lines <- lines_of(x)
    expect_lte(length(lines), 15)
    expect_lte(max(nchar(lines)), 80)
    expect_match(lines[1], paste0("^<", class(x)[1], "> "))
    expect_match(lines[length(lines)], "^Next: [a-z_]+\\(.*\\)")
    expect_identical(withVisible(invisible(x))$visible, FALSE)
  }
})

test_that("tidy() is a plain table, glance() one row of it", {
  for (x in many_objects()) {
    table <- tidy(x)
    expect_identical(class(table), "data.frame")
    expect_setequal(names(attributes(table)), c("names", "class", "row.names"))
    row <- glance(x)
    expect_identical(class(row), "data.frame")
    expect_identical(nrow(row), 1L)
    expect_error(tidy(x, typo = 1), "typo",
                 class = "timetounsafe_error_argument")
    expect_error(glance(x, typo = 1), "typo",
                 class = "timetounsafe_error_argument")
  }
})

test_that("the columns of glance() and of tables are those of the help", {
  all <- many_objects()
  expect_named(glance(all$plan), c(
    "design", "budget", "tau_max", "cap", "nobs", "n_included", "draws_max",
    "draws_expected"
  ))
  expect_named(summary(all$plan, price = 2), c(
    names(glance(all$plan)), "cost_max", "cost_expected"
  ))
  for (x in all[c("audit", "draws")]) {
    expect_named(glance(x), c("nobs", "n_finished", "draws", "unsafe",
                              "nevent", "draws_unused", "n_failed",
                              "n_refused", "n_truncated"))
    expect_identical(summary(x), glance(x))
  }
  expect_identical(glance(all$draws)$nevent, 2L)
  expect_named(glance(all$lpb), c(
    "design", "alpha", "delta", "certificate", "tau", "tau_marginal",
    "tau_max", "at_tau_max", "cap", "max_weight", "trivial", "nobs",
    "n_included", "nevent", "n_refused", "ess", "draws_planned",
    "draws_made", "draws_unused", "n_failed", "failed", "n_groups"
  ))
  expect_named(tidy(all$grouped), c("group", "tau", "estimate"))
  expect_named(tidy(all$assessment), c(
    "by", "group", "n", "nominal", "basis", "estimate", "conf.low",
    "conf.high", "interval", "n_unresolved", "n_refused", "mean_bound",
    "gmean_bound", "mean_prob"
  ))
  expect_identical(unique(all$held_out$by), c("all", "bin", "group"))
  expect_identical(glance(all$held_out)$n_groups, 2L)
  expect_identical(glance(all$held_out)$basis, "held-out")
  expect_identical(glance(all$cross_fitted)$basis, "cross-fitted")
  expect_equal(glance(all$assessment)$nominal, 0.9)
  expect_named(tidy(all$advice), c(
    "n", "budget", "draws", "tau_max", "cap", "max_weight", "n_min", "coverage",
    "coverage_sd", "margin", "margin_se", "gmean_bound",
    "gmean_bound_se", "gmean_bound_marginal", "share_trivial", "cost"
  ), ignore.order = TRUE)
  expect_identical(glance(all$advice)$n_settings, nrow(all$advice))
  expect_true(all(c("tau", "cap_ratio", "gmean_bound", "draws_allowed",
                    "draws_made", "grid_tau") %in% names(all$study)))
  expect_identical(glance(all$study)$n_runs, nrow(all$study))
})

test_that("augment() returns the given columns first, and text as `prompt`", {
  set.seed(32)
  p <- 10^runif(60, -2, -1)
  prompts <- paste("prompt", seq_along(p))
  hazard <- as_hazard(function(newdata) {
    p[match(as.character(newdata), prompts)]
  })
  plan <- quiet(plan_audit(hazard, prompts, budget = 20, newdata = prompts))
  lpb <- quiet(calibrate_lpb(simulate_audit(plan, p)))
  expect_named(augment(lpb), c("id", ".prob", ".pred_lower"))
  text <- augment(lpb, newdata = prompts[2:3])
  expect_named(text, c("prompt", ".prob", ".pred_lower"))
  expect_identical(text$prompt, prompts[2:3])
  expect_equal(text$.pred_lower, predict(lpb, prompts[2:3]))
  own <- augment(lpb, data.frame(topic = rev(prompts)))
  expect_named(own, c("topic", ".prob", ".pred_lower"))
  expect_equal(own$.pred_lower, predict(lpb, prompts))
  expect_error(augment(lpb, data.frame(a = 1)), "`data` must have 60 rows",
               class = "timetounsafe_error_argument")
  expect_error(augment(lpb, prompts, prompts), "`data` must be NULL",
               class = "timetounsafe_error_argument")
  expect_error(augment(lpb, groups = rep("a", 60)), "`groups` must be NULL",
               class = "timetounsafe_error_argument")
})

test_that("autoplot() is there for all that plot() draws", {
  skip_if_not_installed("ggplot2", "3.4.0")
  withr::local_pdf(NULL)
  for (x in many_objects()) {
    expect_identical(withVisible(plot(x))$visible, FALSE)
    drawn <- ggplot2::autoplot(x)
    expect_s3_class(drawn, "ggplot")
    expect_silent(suppressMessages(ggplot2::ggplot_build(drawn)))
  }
})

test_that("knit_print() gives lines of text and tables of the document", {
  skip_if_not_installed("knitr")
  objects <- many_objects()
  for (x in c(objects, list(summary(objects$lpb)))) {
    text <- knitr::knit_print(x)
    expect_s3_class(text, "knit_asis")
    # Nothing that a document would take for a tag.
    expect_no_match(text, "(^|[^\\\\])<")
  }
  text <- strsplit(knitr::knit_print(objects$held_out), "\n")[[1]]
  expect_length(grep("^\\|", text), 2 + nrow(objects$held_out))
  expect_match(text, "^\\|all", all = FALSE)
})

test_that("what has lost columns is shown as a table, whole", {
  objects <- many_objects()
  for (x in objects[c("plan", "audit", "risk", "advice", "study", "draws",
                      "assessment")]) {
    part <- x[names(x)[1:2]]
    expect_identical(lines_of(part), lines_of(plain_table(part)))
  }
  expect_output(print(objects$advice, digits = 2), "budget_advice")
})

test_that("long tables lose rows and wide ones columns, and it is said", {
  wide <- as.data.frame(matrix(123456, 40, 15))
  page <- new_page("top", wide, "bottom", more = "cells")
  lines <- capture.output(show_page(page))
  expect_lte(length(lines), 15)
  expect_lte(max(nchar(lines)), 80)
  expect_match(lines, "^[.]{3} and 30 more cells$", all = FALSE)
  expect_match(lines, "^[.]{3} and 4 more columns: V12, V13, V14, V15$",
               all = FALSE)
  spread <- fit_page(new_page(table = data.frame(k = 1:100), spread = TRUE))
  expect_identical(range(spread$table$k), c(1L, 100L))
})

test_that("the call of a bound keeps names, and no values", {
  set.seed(33)
  p <- 10^runif(50, -2, -1)
  audit <- simulate_audit(known_plan(p), p)
  lpb <- quiet(calibrate_lpb(audit, alpha = if (nchar("sk-secret")) 0.2,
                             delta = NULL))
  expect_identical(deparse(lpb$call),
                   "calibrate_lpb(audit = audit, alpha = ..., delta = NULL)")
  file <- withr::local_tempfile()
  saveRDS(lpb, file, compress = FALSE)
  bytes <- readBin(file, "raw", file.size(file))
  expect_length(grepRaw("sk-secret", bytes, fixed = TRUE), 0)
  inlined <- quiet(do.call(calibrate_lpb, list(audit, alpha = 0.2)))
  expect_identical(deparse(inlined$call[-1]), "...(alpha = ...)")
})
