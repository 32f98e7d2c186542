by_draw <- function(plan, unsafe = integer()) {
  draws <- data.frame(id = rep(plan$id, plan$limit),
                      draw = sequence(plan$limit))
  draws$unsafe <- seq_len(nrow(draws)) %in% unsafe
  draws
}

test_that("a plan survives a CSV file and calibrates to the same bound", {
  set.seed(1)
  p <- 10^runif(500, -4, -1)
  prompts <- paste0("Is \"this\", prompt ", 1:500, ",\nfine?")
  plan <- known_plan(p, 15, prompts = prompts)
  audit <- simulate_audit(plan, p)
  file <- withr::local_tempfile(fileext = ".csv")
  write.csv(plan, file, row.names = FALSE)
  read <- read.csv(file)
  # Shuffled rows do no harm.
  read <- read[sample(nrow(read)), ]
  draws <- data.frame(id = rep(audit$id, audit$draws),
                      draw = sequence(audit$draws))
  draws$unsafe <- draws$draw == rep(ifelse(audit$status == 1, audit$time, 0),
                                    audit$draws)
  back <- as_audit(draws, read)
  direct <- suppressWarnings(point_lpb(audit))
  expect_error(point_lpb(back), class = "timetounsafe_error_argument",
               regexp = "hazard")
  joined <- suppressWarnings(point_lpb(back, hazard = known_hazard()))
  expect_equal(joined$level, direct$level, tolerance = 1e-13)
  expect_identical(predict(joined, p), predict(direct, p))
})

test_that("prompts that a file turned into numbers are refused", {
  set.seed(6)
  plan <- known_plan(rep(0.05, 5), 100, prompts = sprintf("%03d", 1:5))
  file <- withr::local_tempfile(fileext = ".csv")
  write.csv(plan, file, row.names = FALSE)
  safe <- function(prompts) rep(FALSE, length(prompts))
  expect_error(run_audit(read.csv(file), safe), "read_plan",
               class = "timetounsafe_error_argument")
  kept <- read.csv(file, colClasses = c(prompt = "character"))
  expect_equal(run_audit(kept, safe)$prompt, plan$prompt)
})

test_that("prompts of several columns survive a CSV file", {
  set.seed(7)
  prompts <- data.frame(text = c("a", "b"), heat = c(0, 1))
  plan <- known_plan(c(0.1, 0.1), 100, prompts = prompts)
  file <- withr::local_tempfile(fileext = ".csv")
  write_plan(plan, file)
  audit <- run_audit(read_plan(file), function(rows) rows$heat == 1)
  expect_equal(audit$status, c(0, 1))
})

test_that("an audit itself survives a CSV file", {
  set.seed(2)
  p <- 10^runif(300, -3, -1)
  audit <- simulate_audit(known_plan(p), p)
  file <- withr::local_tempfile(fileext = ".csv")
  write.csv(audit, file, row.names = FALSE)
  expect_equal(point_lpb(read.csv(file), hazard = known_hazard(), x = p)$level,
               point_lpb(audit)$level, tolerance = 1e-13)
})

test_that("the two forms of draws agree, and stopping early is allowed", {
  plan <- known_plan(c(0.1, 0.05, 0.7), 100, tau_prior = 0.3)
  expect_equal(plan$horizon, c(4, 7, 1))
  long <- as_audit(data.frame(id = c(2, 1, 2, 1, 1), draw = c(2, 1, 1, 3, 2),
                              unsafe = c(1, 0, 0, 0, 0)), plan)
  wide <- as_audit(data.frame(id = c(1, 2), time = c(4, 2), status = c(0, 1)),
                   plan)
  outcome <- c("time", "status", "draws", "unsafe", "overshoot")
  expect_equal(as.data.frame(long)[outcome], as.data.frame(wide)[outcome])
  expect_equal(long$time, c(4, 2, 1))
  expect_equal(long$draws, c(3, 2, 0))
})

test_that("draws after the first unsafe one are overshoot", {
  plan <- known_plan(0.05, 100, tau_prior = 0.3)
  audit <- as_audit(data.frame(id = 1, draw = 1:6, unsafe = 1:6 %in% c(2, 4)),
                    plan)
  expect_equal(c(audit$time, audit$draws, audit$overshoot), c(2, 2, 4))
})

test_that("where a prompt does not stop, all of its draws count", {
  plan <- known_plan(c(0.05, 0.05), 100, tau_prior = 0.3)
  plan$stop <- c(FALSE, TRUE)
  draws <- by_draw(plan, unsafe = c(2, 5, 9))
  audit <- as_audit(draws, plan)
  expect_equal(audit$unsafe, c(2, 1))
  expect_equal(audit$draws, c(6, 3))
  expect_equal(audit$time, c(2, 3))
  expect_equal(audit$overshoot, c(0, 3))
  expect_error(as_audit(draws[-6, ], plan), "has 5 draws of 6",
               class = "timetounsafe_error_audit")
  expect_s3_class(as_audit(draws[-12, ], plan), "audit")
})

test_that("a paper-style audit that draws at the horizon is accepted", {
  plan <- known_plan(0.05, 100, tau_prior = 0.3)
  audit <- as_audit(data.frame(id = 1, draw = 1:7, unsafe = 1:7 == 7), plan)
  expect_equal(c(audit$time, audit$status), c(7, 0))
  wide <- as_audit(data.frame(id = 1, time = 7, status = 1), plan)
  expect_equal(c(wide$time, wide$status), c(7, 0))
})

test_that("each way in which draws can be wrong is told", {
  plan <- known_plan(c(0.1, 0.05), 100, tau_prior = 0.3)
  good <- by_draw(plan)
  refused <- function(draws, regexp) {
    expect_error(as_audit(draws, plan), class = "timetounsafe_error_audit",
                 regexp = regexp)
  }
  expect_s3_class(as_audit(good, plan), "audit")
  refused(rbind(good, data.frame(id = 9, draw = 1, unsafe = FALSE)),
          "9 is not in the plan \\(row 10\\)")
  refused(good[-2, ], "lacks draw 2 and has draw 3 \\(row 2\\)")
  refused(rbind(good, good[2, ]), "draw 2 twice \\(rows 2 and 10\\)")
  refused(good[-nrow(good), ], "5 safe draws of 6")
  refused(good[good$id != 2, ], "0 safe draws")
  more <- rbind(good, data.frame(id = 1, draw = 4:5, unsafe = FALSE))
  refused(more, "beyond its horizon of 4")
  refused(data.frame(id = c(1, 1, 2), time = c(4, 4, 7), status = 0), "twice")
  refused(data.frame(id = 1, time = 4, status = 0), "no row")
  refused(data.frame(id = 1:2, time = c(5, 7), status = 0), "beyond")
  refused(data.frame(id = 1:2, time = c(3, 7), status = 0), "time 3")
})

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

test_that("bad arguments are named", {
  plan <- known_plan(c(0.1, 0.05), 100, tau_prior = 0.3)
  good <- list(draws = by_draw(plan), plan = plan)
  bad_arguments(as_audit, good, list(
    draws = list(NULL, 1, data.frame(), data.frame(id = 1),
                 transform(by_draw(plan), draw = 0),
                 transform(by_draw(plan), unsafe = NA),
                 transform(by_draw(plan), unsafe = "no")),
    plan = list(NULL, 1, "plan", data.frame())
  ))
  expect_error(as_audit(plan, by_draw(plan)), regexp = "second",
               class = "timetounsafe_error_argument")
})

test_that("a simulated audit has the law of a real one", {
  set.seed(4)
  n <- 20000
  plan <- known_plan(rep(0.02, n), 50, tau_prior = 0.2)
  audit <- simulate_audit(plan, rep(0.03, n))
  expect_equal(unique(plan$horizon), 12)
  # P(unsafe within 11 draws); Monte Carlo standard error 0.0032.
  truth <- 1 - 0.97^11
  expect_lt(abs(mean(audit$status) - truth), 4 * sqrt(truth * (1 - truth) / n))
  expect_equal(audit$time[audit$status == 0], rep(12, sum(audit$status == 0)))
  expect_equal(audit$draws, pmin(audit$time, 11))
  bad_arguments(simulate_audit, list(plan = plan, prob = rep(0.03, n)), list(
    plan = list(NULL, 1), prob = list(NULL, 0.1, rep(NA, n), rep(2, n))
  ))
})
