test_that("the normal rule is its formula", {
  set.seed(2)
  for (design in c("replicated", "optimized", "naive")) {
    audit <- random_audit(design, 200, 20, cap = 60)
    variance_floor <- (0.9 * largest_weight(plan_parts(audit)))^2
    found <- certify_tau(plan_parts(audit), 0.1, 0.2, "normal")
    expect_identical(found$kind, "normal")
    expect_last_tau(found, audit, function(tau) {
      left <- plain_payoffs(audit, 0.1, tau)
      sum(left) > qnorm(0.8) * sqrt(sum(left^2) + variance_floor)
    })
  }
})

test_that("the rows of the audit may come in any order", {
  set.seed(5)
  audit <- random_audit("replicated", 500, 30)
  tau <- certify_tau(plan_parts(audit), 0.1, 0.1, "exact")$tau
  expect_gt(tau, 0)
  expect_equal(certify_tau(plan_parts(audit[sample(500), ]), 0.1, 0.1,
                             "exact")$tau,
               tau)
})
