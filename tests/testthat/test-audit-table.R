test_that("outcomes that do not fit together are refused, with the prompt", {
  set.seed(13)
  p <- 10^runif(200, -3, -1)
  for (design in c("replicated", "optimized")) {
    audit <- simulate_audit(known_plan(p, design = design), p)
    unsafe <- which(audit$status == 1)[1]
    safe <- which(audit$unsafe == 0 & audit$limit > 0)[1]
    wrong <- list(
      replace(audit, "unsafe", replace(audit$unsafe, unsafe, NA)),
      replace(audit, "draws", replace(audit$draws, safe, NA)),
      replace(audit, "draws", replace(audit$draws, safe, 0)),
      replace(audit, "unsafe", replace(audit$unsafe, unsafe, 0)),
      replace(audit, "status", replace(audit$status, safe, 1)),
      replace(audit, "unsafe", as.character(audit$unsafe)),
      replace(audit, "failed", "x")
    )
    for (one in wrong) {
      expect_error(calibrate_lpb(one), class = "timetounsafe_error")
    }
  }
})

test_that("an audit itself survives a CSV file", {
  set.seed(2)
  p <- 10^runif(300, -3, -1)
  audit <- simulate_audit(known_plan(p), p)
  file <- withr::local_tempfile(fileext = ".csv")
  write.csv(audit, file, row.names = FALSE)
  back <- point_lpb(read.csv(file), hazard = known_hazard(), newdata = p)
  expect_equal(back$tau, point_lpb(audit)$tau, tolerance = 1e-13)
})

test_that("counts are kept in a file, and checked when they are back", {
  plan <- known_plan(rep(0.05, 4), 100)
  audit <- run_audit(plan, marked_sampler)
  lpb <- quiet(point_lpb(audit))
  file <- tempfile(fileext = ".csv")
  write.csv(audit, file, row.names = FALSE)
  back <- read.csv(file, colClasses = c(id = "character"))
  expect_equal(back$refused, audit$refused)
  expect_equal(quiet(point_lpb(back, hazard = known_hazard()))$tau, lpb$tau)
  # What cannot be known, or is not, changes no number.
  audit[c("refused", "truncated")] <- NA
  write.csv(audit, file, row.names = FALSE)
  back <- read.csv(file, colClasses = c(id = "character"))
  expect_equal(quiet(point_lpb(back, hazard = known_hazard()))$tau, lpb$tau)
  back$refused <- back$draws + 1
  expect_error(point_lpb(back), "has [0-9]+ refused of [0-9]+ draws",
               class = "timetounsafe_error_audit")
  back$refused <- NULL
  expect_error(point_lpb(back), "without the columns \"refused\"",
               class = "timetounsafe_error_argument")
})
