test_that("a plan that was tampered with is refused", {
  set.seed(3)
  plan <- known_plan(rep(c(0.1, 0.05, 0.002), 5), 10, tau_prior = 0.3)
  refused <- function(change) {
    expect_error(as_audit(by_draw(plan), change),
                 class = "timetounsafe_error_plan")
  }
  refused(plan[-1, ])
  refused(rbind(plan, plan[1, ]))
  refused(rbind(plan[-1, ], plan[2, ]))
  refused(plan[setdiff(names(plan), "pi")])
  refused(transform(plan, id = id + 1L))
  refused(transform(plan, limit = limit + 1))
  refused(transform(plan, horizon = horizon + 1, limit = limit + 1))
  refused(transform(plan, budget = c(11, budget[-1])))
  refused(transform(plan, pi = replace(pi, 3, 0)))
  refused(transform(plan, pi = 1))
  refused(transform(plan, prob = prob / 3))
  refused(transform(plan, method = "naive"))
  refused(transform(plan, tau_prior = 0.5))
  expect_error(as_audit(by_draw(plan), transform(plan, pi = -pi)),
               class = "timetounsafe_error_argument")
})
