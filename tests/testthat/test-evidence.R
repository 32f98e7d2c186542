test_that("the normal rule is its formula", {
  set.seed(2)
  for (method in c("replicated", "optimized", "naive")) {
    audit <- random_audit(method, 200, 20, cap = 60)
    spare <- (0.9 * largest_weight(plan_parts(audit)))^2
    found <- certify_level(plan_parts(audit), 0.1, 0.2, "normal")
    expect_identical(found$kind, "normal")
    expect_last_level(found, audit, function(tau) {
      left <- plain_evidence(audit, 0.1, tau)
      sum(left) > qnorm(0.8) * sqrt(sum(left^2) + spare)
    })
  }
})

test_that("the rows of the audit may come in any order", {
  set.seed(5)
  audit <- random_audit("replicated", 500, 30)
  level <- certify_level(plan_parts(audit), 0.1, 0.1, "exact")$level
  expect_gt(level, 0)
  expect_equal(certify_level(plan_parts(audit[sample(500), ]), 0.1, 0.1,
                             "exact")$level,
               level)
})
