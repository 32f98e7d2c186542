test_that("glance() tells what certificate a bound has", {
  lpbs <- many_lpbs()
  for (name in names(lpbs)) {
    lpb <- lpbs[[name]]
    row <- glance(lpb)
    expect_identical(nrow(row), 1L)
    expect_identical(row$delta, if (name == "point") NA_real_ else 0.1)
    expect_identical(row$certificate,
                     if (is.null(lpb$certificate)) {
                       NA_character_
                     } else {
                       lpb$certificate$kind
                     })
    expect_identical(row$point_level, lpb$point_level)
    expect_output(print(summary(lpb)), "certificate +(betting|binomial|NA)")
  }
  expect_identical(glance(lpbs$point)$certificate, NA_character_)
  expect_identical(glance(lpbs$certified)$certificate, "betting")
  # Of all kinds alike, so that they can be compared in one table.
  table <- do.call(rbind, lapply(lpbs, glance))
  expect_identical(nrow(table), length(lpbs))
})

test_that("with groups there is no one level", {
  set.seed(4)
  p <- 10^runif(400, -3, -1)
  audit <- simulate_audit(known_plan(p), p)
  lpb <- suppressWarnings(calibrate_lpb(audit,
                                        groups = rep(c("a", "b"), 200)))
  row <- glance(lpb)
  expect_identical(c(row$level, row$point_level), c(NA_real_, NA_real_))
  expect_identical(row$certificate, "betting")
})
