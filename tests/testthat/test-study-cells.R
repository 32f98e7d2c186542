test_that("cells and repetitions are in order", {
  study <- small_study(c("trimmed", "optimized"), c(20, 90), n = 500,
                       alpha = c(0.1, 0.3), cap_ratio = c(5, 50))
  expect_s3_class(study, c("simulated_study", "data.frame"))
  expect_identical(dim(study), c(32L, 20L))
  expect_false(anyDuplicated(as.data.frame(study)[1:6]) > 0)
  # The cap of a mean weight is reached by some bound.
  expect_true(all(study$mean_bound <= study$budget * study$cap_ratio))
  wide <- study[study$alpha == 0.3, ]
  narrow <- study[study$alpha == 0.1, ]
  expect_true(all(wide$tau >= narrow$tau))
  cells <- summary(study)
  expect_identical(nrow(cells), 16L)
  expect_identical(unique(cells$repetitions), 2L)
  part <- as.data.frame(study)[study$method == "optimized" &
                                 study$budget == 90 & study$alpha == 0.3 &
                                 study$cap_ratio == 5, ]
  cell <- cells[cells$method == "optimized" & cells$budget == 90 &
                  cells$alpha == 0.3 & cells$cap_ratio == 5, ]
  expect_equal(cell$coverage, mean(part$coverage))
  expect_equal(cell$coverage_sd, sd(part$coverage))
  expect_output(print(study), "32 runs: 16 cells, 2 repetitions each")
})

test_that("a list of plans is the part of the full grid that it names", {
  hazards <- list(a = features_hazard, b = features_hazard)
  full <- small_study(c("uncalibrated", "basic"), c(20, 90), n = 500,
                      alpha = c(0.1, 0.2), hazards = hazards)
  plans <- data.frame(hazard = c("b", "a", "a"), cap_ratio = 100,
                      method = c("uncalibrated", "basic", "uncalibrated"),
                      budget = c(20, 90, 90))
  part <- small_study(plans = plans, n = 500, alpha = c(0.1, 0.2),
                      hazards = hazards)
  expect_identical(dim(part), c(12L, 20L))
  expect_identical(part$hazard, rep(rep(c("a", "b"), c(4, 2)), 2))
  keys <- c("hazard", "method", "budget", "alpha", "repetition")
  both <- merge(full, part, by = keys)
  expect_identical(nrow(both), 12L)
  same <- both$method == "uncalibrated"
  expect_identical(both$coverage.x[same], both$coverage.y[same])

  expect_error(small_study(plans = plans[1, ], hazards = hazards),
               "`plans$hazard`", fixed = TRUE,
               class = "timetounsafe_error_argument")
  expect_error(small_study(plans = plans[-1], hazards = hazards), "`plans`",
               class = "timetounsafe_error_argument")
  expect_error(small_study(plans = plans[c(1, 1:3), ], hazards = hazards),
               "without duplicates", class = "timetounsafe_error_argument")
  plans$method <- "naive"
  plans$budget <- 0.5
  expect_error(small_study(plans = plans[1:2, ], hazards = hazards),
               "`plans$budget`", fixed = TRUE,
               class = "timetounsafe_error_argument")
})

test_that("targets of single plans are those of the crossed study", {
  plans <- data.frame(method = rep(c("trimmed", "optimized"), 3:2),
                      budget = 20, cap_ratio = 100, hazard = "rough",
                      alpha = c(0.05, 0.1, 0.2, 0.2, 0.05))
  run <- function(...) {
    simulate_study(n = 500, repetitions = 2, seed = 4,
                    hazards = list(rough = features_hazard), ...)
  }
  some <- as.data.frame(run(plans = plans))
  all <- as.data.frame(run(plans = unique(plans[-5]),
                           alpha = c(0.05, 0.1, 0.2)))
  key <- function(x) paste(x$method, x$alpha, x$repetition)
  expect_identical(nrow(some), 10L)
  expect_setequal(key(some)[some$repetition == 1],
                  paste(plans$method, plans$alpha, 1))
  expect_equal(some, all[match(key(some), key(all)), ],
               ignore_attr = "row.names")
})
