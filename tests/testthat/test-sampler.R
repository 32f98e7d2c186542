test_that("the sampler gets `draw` as its contract says", {
  plan <- known_plan(rep(0.05, 3), 100)
  got <- NULL
  run_audit(plan, function(p, ...) {
    got <<- names(list(...))
    rep(FALSE, length(p))
  })
  expect_identical(got, "draw")
  run_audit(plan, function(p, k) {
    got <<- k
    rep(FALSE, length(p))
  })
  expect_type(got, "integer")
  # A second argument with a default is an option of the user's own.
  run_audit(plan, function(p, words = "mine") {
    got <<- words
    rep(FALSE, length(p))
  })
  expect_identical(got, "mine")
})

test_that("a sampler that breaks its contract is blamed at once", {
  plan <- known_plan(rep(0.05, 5), 100)
  wrong <- list(
    function(p) 1, function(p) rep(0, length(p)), function(p) "no",
    function(p) NULL, function(p) logical(0), function(p) rep(TRUE, 99),
    function(p) data.frame(safe = rep(TRUE, length(p))),
    function(p) data.frame(unsafe = rep(TRUE, length(p)), status = "maybe"),
    function(p) matrix(TRUE, length(p), 1)
  )
  for (sampler in wrong) {
    error <- tryCatch(run_audit(plan, sampler), error = identity)
    expect_s3_class(error, "timetounsafe_error_sampler")
    expect_match(conditionMessage(error), "sampler")
    expect_s3_class(error$audit, "audit")
  }
  expect_error(run_audit(plan, function(p) rep(NA, length(p))),
               class = "timetounsafe_error_sampler")
})

test_that("refusals count as `refusal` says", {
  plan <- known_plan(rep(0.05, 4), 100)
  sampler <- function(prompts, draw) {
    data.frame(unsafe = FALSE, status = ifelse(draw == 2, "refused", "ok"))
  }
  expect_equal(run_audit(plan, sampler)$status, rep(0, 4))
  audit <- run_audit(plan, sampler, control = audit_control(refusal = "unsafe"))
  expect_equal(audit$time, rep(2, 4))
  expect_warning(run_audit(plan, sampler,
                           control = audit_control(refusal = "error")),
                 class = "timetounsafe_warning_failed_draws")
})
