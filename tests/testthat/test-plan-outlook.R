plan_with <- function(p, budget = 20, ...) {
  plan_audit(known_hazard(), as.character(seq_along(p)), budget, p, ...)
}

# How often a bound above 1 is certified.
certified_share <- function(p, budget, repetitions = 15) {
  mean(replicate(repetitions, !quiet(calibrate_lpb(
    simulate_audit(quiet(plan_with(p, budget)), p)
  ))$trivial))
}

warned <- function(code) {
  tryCatch({
    code
    ""
  }, warning = function(w) class(w)[1L])
}

test_that("a plan warns where nothing can be certified, and nowhere else", {
  set.seed(1)
  no <- "timetounsafe_warning_no_certificate"
  few <- "timetounsafe_warning_few_prompts"
  # Too risky; too few; and what can be certified, if barely.
  cases <- list(list(rep(0.3, 100), 6, no), list(rep(0.01, 15), 6, few),
                list(rep(0.02, 50), 6, ""),
                list(rep(0.06, 200), 10, ""),
                list(10^runif(60, -3, -0.5), 5, ""))
  for (case in cases) {
    expect_identical(warned(plan_with(case[[1L]], case[[2L]])), case[[3L]])
    share <- certified_share(case[[1L]], case[[2L]])
    if (case[[3L]] == "") expect_gt(share, 0) else expect_equal(share, 0)
  }
})

test_that("it says what would do, and that does", {
  # Thirty prompts can certify hardly anything, sixty can.
  constants <- new_constants("replicated", 4, 0.1, 0.1, 0.19, 8)
  found <- name_remedies(constants, 8, NULL, list(prob = rep(0.02, 30)), 30)
  expect_match(found, "^(60|120|240) prompts.* would do")
  n <- as.numeric(sub(" .*", "", found))
  expect_gt(certified_share(rep(0.02, n), 4), 0)
  w <- tryCatch(plan_with(rep(0.5, 60), 5),
                timetounsafe_warning_no_certificate = identity)
  expect_match(conditionMessage(w), "too high for this `alpha`")
  expect_identical(warned(plan_with(rep(0.5, 60), 5, delta = NULL)), "")
})

test_that("the number of prompts that could certify anything is exact", {
  for (design in c("replicated", "naive", "optimized")) {
    for (alpha in c(0.1, 0.3)) {
      constants <- new_constants(design, 20, alpha, 0.1, NULL, 50)
      least <- first_that(function(n) could_certify(constants, n), 2)
      # By hand: the largest bet on safe prompts alone, or a binomial tail.
      design_range <- find_design(design)$payoff_range(1, alpha)
      by_bets <- log(10) / log1p(0.95 / design_range * alpha)
      by_counts <- log(0.1) / log(1 - alpha)
      best <- if (design == "optimized") min(by_bets, by_counts) else by_bets
      expect_equal(least, ceiling(best))
    }
  }
  expect_false(could_certify(new_constants("replicated", 1e6, 0.1, 0.1, NULL,
                                           2), 20))
})

test_that("time_to_unsafe() says so before the first draw, and at once", {
  set.seed(3)
  calls <- 0
  sampler <- function(prompts) {
    calls <<- calls + 1
    rep(FALSE, length(prompts))
  }
  before <- NULL
  withCallingHandlers(
    time_to_unsafe(stories(30), sampler, 10),
    warning = function(w) {
      if (inherits(w, "timetounsafe_warning_no_certificate")) {
        before <<- list(calls, conditionMessage(w), getOption("warn"))
      }
      invokeRestart("muffleWarning")
    }
  )
  expect_identical(before[[1L]], 0)
  expect_match(before[[2L]], "15 of 30 prompts")
  expect_match(before[[2L]], "46 prompts with this `train`")
  expect_gte(before[[3L]], 1)
  # With these numbers it can be done, and nothing is said.
  set.seed(4)
  expect_identical(warned(time_to_unsafe(stories(100), steady_sampler, 6,
                                         cap = 6, tau_max = 0.2)), "")
})
