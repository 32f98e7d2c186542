test_that("printing an audit says what to do next", {
  plan <- known_plan(rep(0.05, 4), 100)
  audit <- run_audit(plan, function(p) rep(FALSE, length(p)))
  expect_output(print(audit), "Next: calibrate_lpb")
  expect_equal(summary(audit)$draws, sum(plan$limit))
})

test_that("a print says how many were refused or cut, where there are any", {
  plan <- known_plan(rep(0.05, 4), 100)
  audit <- run_audit(plan, marked_sampler)
  expect_output(print(audit), sprintf(
    "Refused: %d draws; cut at the token limit: %d draws", sum(audit$refused),
    sum(audit$truncated)
  ), fixed = TRUE)
  expect_gt(sum(audit$refused), 0)
  audit <- forge(audit, truncated <- numeric(4))
  expect_output(print(audit), "Refused: [0-9]+ draws\n")
  audit <- forge(audit, refused <- rep(NA, 4))
  expect_no_match(lines_of(audit), "Refused|Cut")
})

test_that("the next step that is printed is a call that works", {
  set.seed(9)
  prompts <- stories(120)
  x <- data.frame(rude = as.numeric(grepl("rude|cruel", prompts)))
  budget <- 10
  sampler <- steady_sampler
  ledger <- withr::local_tempfile(fileext = ".sqlite")
  # Evaluates what is printed last; the names in it are those of the README.
  take <- function(object, ...) {
    shown <- utils::capture.output(print(object))
    hint <- grep("Next: |resume with ", shown, value = TRUE)
    expect_length(hint, 1)
    call <- sub(".*(Next: |resume with )", "", hint)
    quiet(eval(parse(text = call), list(...), environment(take)))
  }
  draws <- draw_responses(prompts[1:60], sampler, 20)
  text <- take(draws, draws = draws)
  expect_s3_class(text, "hazard_fit")
  expect_s3_class(take(text, hazard = text, prompts = prompts[61:120]),
                  "audit_plan")
  hazard <- quiet(fit_hazard(x[1:60, , drop = FALSE], draws))
  newdata <- x[61:120, , drop = FALSE]
  plan <- take(hazard, hazard = hazard, prompts = prompts[61:120],
               newdata = newdata)
  audit <- take(plan, plan = plan)
  lpb <- take(audit, audit = audit)
  expect_length(take(lpb, lpb = lpb, newdata = newdata), 60)
  part <- suppressWarnings(run_audit(plan, sampler, max_draws = 70))
  expect_identical(take(part, audit = part)$time, audit$time)
  # An audit out of a ledger does not hold its hazard.
  run_audit(plan, sampler, ledger)
  for (alone in list(run_audit(ledger = ledger, sampler = sampler),
                     read_ledger(ledger))) {
    expect_identical(take(alone, audit = alone, hazard = hazard)$tau, lpb$tau)
  }
  advice <- quiet(advise_budget(hazard, newdata, budget, repetitions = 10))
  expect_s3_class(take(advice, hazard = hazard, prompts = prompts[61:120],
                       newdata = newdata), "audit_plan")
  grDevices::pdf(NULL)
  withr::defer(grDevices::dev.off())
  expect_no_error(take(quiet(estimate_risk(audit, 1:5)),
                       risk = estimate_risk(audit, 1:5)))
})

test_that("what errors say to do next works", {
  set.seed(10)
  prompts <- stories(60)
  plan <- known_plan(rep(0.05, 60), 10, prompts = prompts)
  calls <- 0
  breaks <- function(prompts, draw) {
    calls <<- calls + 1
    if (calls > 1) stop("service down")
    steady_sampler(prompts, draw)
  }
  follow <- function(error, words) {
    said <- regmatches(conditionMessage(error),
                       regexpr("run_audit\\([^)]*\\)", conditionMessage(error)))
    expect_identical(said, words)
    eval(parse(text = said), list(error = error, sampler = steady_sampler))
  }
  control <- audit_control(batch_size = 16, retry_wait = 0)
  error <- tryCatch(run_audit(plan, breaks, control = control),
                    error = identity)
  done <- follow(error, "run_audit(error$audit, sampler)")
  expect_false(anyNA(done$status))
  error <- tryCatch(
    quiet(time_to_unsafe(prompts, steady_sampler, 10, max_draws = 350)),
    error = identity
  )
  done <- quiet(follow(error, "run_audit(error$audit, sampler)"))
  expect_s3_class(quiet(calibrate_lpb(done)), "lpb")
})

# Everything that counts outcomes, of prompts that were all refused.
test_that("refusals are said wherever outcomes are counted", {
  refusing <- function(prompts) {
    data.frame(unsafe = NA, status = rep("refused", length(prompts)))
  }
  set.seed(5)
  p <- rep(0.05, 40)
  draws <- draw_responses(as.character(1:40), refusing, draws = 5)
  audit <- run_audit(known_plan(p, 10), refusing)
  log <- as_response_log(data.frame(
    id = rep(1:40, each = 5), unsafe = NA, status = "refused"
  ))
  n <- sum(audit$refused)
  expect_gt(n, 0)
  expect_identical(n, sum(audit$draws))
  lpb <- quiet(point_lpb(audit, groups = rep(c("a", "b"), 20)))
  one <- quiet(point_lpb(audit))
  fit <- quiet(fit_hazard(seq_len(40) + 0, draws))
  of_log <- quiet(fit_hazard(seq_len(40) + 0, log))
  said <- list(
    list(draws, 200), list(audit, n), list(log, 200), list(one, n),
    list(lpb, n), list(fit, 200), list(of_log, 200),
    list(estimate_risk(audit, 1), n), list(estimate_risk(log, 1), 200),
    list(certify_risk(draws, 5), 200), list(forecast_risk(log, 9), 200),
    list(backtest_risk(draws, 4, repetitions = 2), 200),
    list(assess_lpb(one), n), list(assess_lpb(one, p, y = log), 200),
    list(assess_lpb(one, p, y = draws), 200)
  )
  for (one_said in said) {
    x <- one_said[[1]]
    expect_match(paste(lines_of(x), collapse = "\n"), "[Rr]efused",
                 info = class(x)[1])
    row <- glance(x)
    expect_equal(row[["n_refused"]] %||% row[["refused"]], one_said[[2]],
                 info = class(x)[1])
  }
  # One rule for them: they are safe.
  expect_equal(of_log$unsafe, rep(0, 40))
  expect_equal(of_log$draws, fit$draws)
  expect_equal(of_log$fitted, fit$fitted)
  expect_equal(estimate_risk(log, 1:5)$conf.high,
               estimate_risk(draws, 1:5)$conf.high)
  expect_equal(lpb$groups$n_refused, unname(tapply(
    audit$refused, rep(c("a", "b"), 20), sum
  )), ignore_attr = TRUE)
  expect_match(risk_table(one, FALSE), "Refused", fixed = TRUE)
  # Nothing is said of what did not happen, or is not known.
  none <- draw_responses(c("a", "b"), function(p) rep(FALSE, length(p)), 3)
  expect_no_match(lines_of(none), "efused")
  expect_no_match(lines_of(quiet(fit_hazard(1:2, none))), "efused")
  expect_identical(glance(quiet(fit_hazard(1:2, cbind(0:1, 3))))$n_refused,
                   NA_real_)
})
