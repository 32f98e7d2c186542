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
    function(p) 1, function(p) rep(0.7, length(p)), function(p) "no",
    function(p) factor(rep(1, length(p))),
    function(p) structure(rep(0, length(p)), class = "integer64"),
    function(p) NULL, function(p) logical(0), function(p) rep(TRUE, 99),
    function(p) data.frame(safe = rep(TRUE, length(p))),
    function(p) data.frame(unsafe = rep(TRUE, length(p)), status = "maybe"),
    function(p) matrix(TRUE, length(p), 1)
  )
  for (sampler in wrong) {
    error <- tryCatch(run_audit(plan, sampler), error = identity)
    expect_s3_class(error, "timetounsafe_error_sampler_contract")
    # What is wrong is told once, and no function of the package named.
    expect_length(gregexpr("must return", conditionMessage(error))[[1]], 1)
    expect_no_match(conditionMessage(error), "Caused by")
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

test_that("1 and 0 are as good as TRUE and FALSE", {
  plan <- known_plan(rep(0.05, 5), 100)
  odd <- function(p, draw) (as.integer(p) + draw) %% 7 == 0
  as_number <- function(p, draw) as.numeric(odd(p, draw))
  expect_equal(run_audit(plan, as_number), run_audit(plan, odd))
  framed <- function(p, draw) {
    data.frame(unsafe = as.integer(odd(p, draw)), truncated = 1)
  }
  audit <- run_audit(plan, framed)
  expect_equal(audit$unsafe, run_audit(plan, odd)$unsafe)
  expect_equal(audit$truncated, audit$draws)
  # So is an array of one dimension, as tapply() returns.
  as_array <- function(p, draw) array(odd(p, draw))
  expect_equal(run_audit(plan, as_array), run_audit(plan, odd))
  # NA of any type is a failed draw.
  some <- function(p, draw) ifelse(draw == 2, NA, 0)
  expect_warning(run_audit(plan, some, control = audit_control(retry_wait = 0)),
                 class = "timetounsafe_warning_failed_draws")
})

test_that("a cost that none can have ends the run, and its draws are kept", {
  costly <- function(cost) {
    function(p) data.frame(unsafe = FALSE, cost = rep_len(cost, length(p)))
  }
  for (cost in list(-0.01, NaN, Inf, c(0.1, -Inf))) {
    path <- new_path()
    error <- tryCatch(
      draw_responses(c("a", "b"), costly(cost), draws = 2, ledger = path,
                     max_cost = 1),
      error = identity
    )
    expect_s3_class(error, "timetounsafe_error_sampler_contract")
    expect_match(conditionMessage(error), "costs of at least 0.*, not (-|N|I)")
    expect_equal(error$audit$draws, c(2, 2))
    resumed <- draw_responses(c("a", "b"), costly(0.1), draws = 2,
                              ledger = path, max_cost = 1)
    expect_equal(resumed, error$audit, ignore_attr = TRUE)
  }
  fine <- draw_responses("a", costly(c(NA, 0)), draws = 2, max_cost = 1)
  expect_equal(fine$draws, 2)
  # So is one of the two parts of a composed sampler, whatever the sum.
  sampler <- sampler_from(
    function(prompts) data.frame(response = prompts, cost = 2),
    function(responses) data.frame(unsafe = responses == "b", cost = -1)
  )
  expect_error(draw_responses("a", sampler, draws = 2), "costs of at least 0",
               class = "timetounsafe_error_sampler_contract")
})
