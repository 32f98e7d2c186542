test_that("settings of draws are checked, kept and printed", {
  control <- audit_control(batch_size = 8, refusal = "unsafe", in_order = TRUE)
  expect_s3_class(control, "audit_control")
  expect_identical(control$batch_size, 8)
  expect_identical(control$max_tries, 3)
  expect_identical(control$refusal, "unsafe")
  expect_match(lines_of(control), "refusal = \"unsafe\"", all = FALSE)
  expect_match(lines_of(control), "in_order = TRUE", all = FALSE)
  bad_arguments(audit_control, list(), list(
    batch_size = list(0, -1, NA, 1.5, Inf, "a"), max_tries = list(0, 2.5),
    retry_wait = list(-1, NA), max_error_rate = list(-0.1, 1.1),
    refusal = list("maybe", NA), keep_responses = list(NA, 1),
    in_order = list("yes", NULL)
  ))
})

test_that("the list of its arguments below it is the list of its arguments", {
  expect_setequal(c(control_arguments, "..."), names(formals(audit_control)))
})

test_that("whoever draws takes it, and nothing else", {
  plan <- known_plan(c(0.1, 0.2))
  sampler <- function(prompts) rep(FALSE, length(prompts))
  for (wrong in list(list(batch_size = 1), audit_control, NULL, 64)) {
    expect_error(run_audit(plan, sampler, control = wrong), "audit_control",
                 class = "timetounsafe_error_argument")
    expect_error(draw_responses("a", sampler, 3, control = wrong), "`control`",
                 class = "timetounsafe_error_argument")
  }
})

test_that("settings that are mistyped, or in the wrong place, get an answer", {
  plan <- known_plan(c(0.1, 0.2))
  sampler <- function(prompts) rep(FALSE, length(prompts))
  expect_error(run_audit(plan, sampler, batchsize = 8),
               "Did you mean `batch_size` of audit_control", fixed = TRUE,
               class = "timetounsafe_error_argument")
  expect_error(run_audit(plan, sampler, batch_size = 8),
               "control = audit_control(batch_size = )", fixed = TRUE,
               class = "timetounsafe_error_argument")
  expect_error(run_audit(plan, sampler, ahead = FALSE), "in_order = TRUE",
               class = "timetounsafe_error_argument")
  expect_error(run_audit(plan, sampler, max_draw = 8),
               "in full. Did you mean `max_draws`",
               class = "timetounsafe_error_argument")
  expect_error(run_audit(plan, sampler, legder = "a"), "Did you mean `ledger`",
               class = "timetounsafe_error_argument")
  expect_error(audit_control(max_trise = 5), "Did you mean `max_tries`",
               class = "timetounsafe_error_argument")
  expect_error(run_audit(plan, sampler, nonsense_that_is_near_nothing = 1),
               "`nonsense_that_is_near_nothing` is an unknown argument",
               class = "timetounsafe_error_argument")
})
