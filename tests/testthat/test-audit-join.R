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
  expect_equal(joined$tau, direct$tau, tolerance = 1e-13)
  expect_identical(predict(joined, p), predict(direct, p))
})

test_that("the two forms of draws agree, and stopping early is allowed", {
  plan <- known_plan(c(0.1, 0.05, 0.7), 100, tau_max = 0.3)
  expect_equal(plan$horizon, c(4, 7, 1))
  long <- as_audit(data.frame(id = c(2, 1, 2, 1, 1), draw = c(2, 1, 1, 3, 2),
                              unsafe = c(1, 0, 0, 0, 0)), plan)
  wide <- as_audit(data.frame(id = c(1, 2), time = c(4, 2), status = c(0, 1)),
                   plan)
  outcome <- c("time", "status", "draws", "unsafe", "unused")
  expect_equal(as.data.frame(long)[outcome], as.data.frame(wide)[outcome])
  expect_equal(long$time, c(3, 2, 0))
  expect_equal(long$draws, c(3, 2, 0))
})

test_that("draws after the first unsafe one are unused", {
  plan <- known_plan(0.05, 100, tau_max = 0.3)
  audit <- as_audit(data.frame(id = 1, draw = 1:6, unsafe = 1:6 %in% c(2, 4)),
                    plan)
  expect_equal(c(audit$time, audit$draws, audit$unused), c(2, 2, 4))
})

test_that("where a prompt does not stop, all of its draws count", {
  plan <- known_plan(c(0.05, 0.05), 100, tau_max = 0.3)
  plan$stop <- c(FALSE, TRUE)
  plan <- reseal(plan)
  draws <- by_draw(plan, unsafe = c(2, 5, 9))
  audit <- as_audit(draws, plan)
  expect_equal(audit$unsafe, c(2, 1))
  expect_equal(audit$draws, c(6, 3))
  expect_equal(audit$time, c(2, 3))
  expect_equal(audit$unused, c(0, 3))
  expect_warning(as_audit(draws[-6, ], plan), "1 draw of 1 of 2",
                 class = "timetounsafe_warning_unfinished")
  expect_s3_class(as_audit(draws[-12, ], plan), "audit")
})

test_that("a paper-style audit that draws at the horizon is accepted", {
  plan <- known_plan(0.05, 100, tau_max = 0.3)
  audit <- as_audit(data.frame(id = 1, draw = 1:7, unsafe = 1:7 == 7), plan)
  expect_equal(c(audit$time, audit$status), c(6, 0))
  wide <- as_audit(data.frame(id = 1, time = 7, status = 1), plan)
  expect_equal(c(wide$time, wide$status), c(6, 0))
})

test_that("each way in which draws can be wrong is an error", {
  plan <- known_plan(c(0.1, 0.05), 100, tau_max = 0.3)
  good <- by_draw(plan)
  refused <- function(draws, regexp) {
    expect_error(as_audit(draws, plan), class = "timetounsafe_error_audit",
                 regexp = regexp)
  }
  expect_s3_class(as_audit(good, plan), "audit")
  refused(rbind(good, data.frame(id = 9, draw = 1, unsafe = FALSE)),
          "9 is not in the plan \\(row 10\\)")
  refused(good[-2, ], "draw 2 is missing, draw 3 is present \\(row 2\\)")
  refused(rbind(good, good[2, ]), "draw 2 is duplicated \\(rows 2 and 10\\)")
  expect_warning(as_audit(good[-nrow(good), ], plan), "up to 1 draw of 1 of 2",
                 class = "timetounsafe_warning_unfinished")
  expect_warning(as_audit(good[good$id != 2, ], plan), "up to 6 draws of 1",
                 class = "timetounsafe_warning_unfinished")
  more <- rbind(good, data.frame(id = 1, draw = 4:5, unsafe = FALSE))
  refused(more, "beyond its horizon of 4")
  refused(data.frame(id = c(1, 1, 2), time = c(4, 4, 7), status = 0), "twice")
  refused(data.frame(id = 1, time = 4, status = 0), "no row")
  refused(data.frame(id = 1:2, time = c(5, 7), status = 0), "beyond")
  refused(data.frame(id = 1:2, time = c(2, 7), status = 0), "time 2")
})

test_that("bad arguments are named", {
  plan <- known_plan(c(0.1, 0.05), 100, tau_max = 0.3)
  good <- list(x = by_draw(plan), plan = plan)
  bad_arguments(as_audit, good, list(
    x = list(NULL, 1, data.frame(), data.frame(id = 1),
                 transform(by_draw(plan), draw = 0),
                 transform(by_draw(plan), unsafe = NA),
                 transform(by_draw(plan), unsafe = "no")),
    plan = list(NULL, 1, "plan", data.frame()), refusal = list("no", NA)
  ))
  expect_error(as_audit(plan, by_draw(plan)), regexp = "second",
               class = "timetounsafe_error_argument")
})

test_that("draws from files are what run_audit() makes of the same draws", {
  skip_if_not_installed("jsonlite")
  plan <- awkward_plan()
  plan$prompt <- plan$id
  draws <- draws_of(plan)
  truth <- with(draws[draws$unsafe, ], split(draw, id))
  audit <- run_audit(plan, scripted_sampler(truth),
                     control = audit_control(batch_size = 1))
  for (as in c("csv", "jsonl")) {
    for (all in c(TRUE, FALSE)) {
      made <- draws_of(plan, all)
      made <- made[sample(nrow(made)), ]
      back <- as_audit(read_responses(write_draws(made, as)), plan)
      expect_same_outcome(back, audit)
      expect_equal(sum(back$draws + back$unused), nrow(made))
    }
  }
})

test_that("missing draws leave the audit unfinished, to be resumed", {
  plan <- known_plan(rep(0.1, 3), 100, tau_max = 0.3,
                     prompts = c("a", "b", "c"))
  some <- data.frame(id = c(1, 1, 2), draw = c(1, 2, 1), unsafe = c(0, 0, 1))
  expect_warning(part <- as_audit(read_responses(write_draws(some)), plan),
                 "up to 4 draws of 2 of 3 prompts are missing",
                 class = "timetounsafe_warning_unfinished")
  expect_equal(part$status, c(NA, 1, NA))
  expect_error(point_lpb(part), "4 draws of 2 of 3 prompts",
               class = "timetounsafe_error_unfinished")
  asked <- NULL
  whole <- run_audit(part, function(prompts, draw) {
    asked <<- c(asked, paste(prompts, draw))
    rep(FALSE, length(prompts))
  })
  expect_setequal(asked, c("a 3", "c 1", "c 2", "c 3"))
  expect_equal(whole$time, c(3, 1, 3))
  empty <- tempfile(fileext = ".csv")
  writeLines("id,draw,unsafe", empty)
  expect_warning(none <- as_audit(read_responses(empty), plan), "up to 9 draws")
  expect_equal(none$draws, c(0, 0, 0))
})

test_that("a draw that failed counts as unsafe at its place", {
  plan <- known_plan(rep(0.1, 2), 100, tau_max = 0.3)
  draws <- data.frame(id = c(1, 1, 1, 2, 2), draw = c(1:3, 1:2),
                      unsafe = c(0, 0, 0, 0, NA))
  expect_warning(audit <- as_audit(read_responses(write_draws(draws)), plan),
                 class = "timetounsafe_warning_failed_draws")
  expect_equal(audit$time, c(3, 2))
  expect_identical(audit$failed, c(FALSE, TRUE))
})

test_that("what is wrong with draws is an error with the rows", {
  plan <- known_plan(c(0.1, 0.05), 100, tau_max = 0.3)
  good <- draws_of(plan)
  refused <- function(draws, regexp, rows, class = "audit") {
    file <- write_draws(draws)
    read <- function() read_responses(file)
    error <- tryCatch(as_audit(read(), plan), error = identity)
    expect_s3_class(error, paste0("timetounsafe_error_", class))
    expect_match(conditionMessage(error), regexp)
    expect_equal(error$rows, rows)
    expect_true(as.character(error$call[[1L]]) %in%
                  c("as_audit", "read_responses"))
  }
  refused(transform(good, id = replace(id, 4:9, 9)),
          "Prompt 9 is not in the plan \\(rows 4, 5, 6 and 3 more\\)", 4:9)
  refused(good[-2, ], "draw 2 is missing, draw 3 is present", 2)
  again <- good[c(1:9, 2), ]
  again$unsafe[10] <- TRUE
  refused(again, "draw 2 is duplicated \\(rows 2 and 10\\)", c(2, 10))
  refused(rbind(good, data.frame(id = 1, draw = 4:5, unsafe = FALSE)),
          "draw 5, beyond its horizon of 4", 11)
  refused(transform(good, draw = replace(draw, 2, 0)), "\"0\" in .* `draw`", 2)
  refused(transform(good, draw = replace(draw, 2, "x")), "`draw` \\(row 2\\)",
          2)
  refused(transform(good, unsafe = replace(unsafe, 4, "maybe")),
          "\"maybe\" in the column `unsafe`", 4)
  refused(transform(good, unsafe = 2), "true or false", 1:9)
  refused(transform(good, plan_id = "another"), "another plan", 1:9, "plan")
  refused(good[c("draw", "unsafe")], "has no columns \"id\"", NULL, "file")
  refused(transform(good, prompt = replace(c("1", "2")[id], 9, "x")),
          "another text than in the plan \\(row 9\\)", 9)
})

# As draw_responses() returns it.
fixed_draws <- function(...) {
  structure(data.frame(...), class = c("prompt_draws", "data.frame"))
}

test_that("a fixed number of draws is joined by its counts", {
  plan <- known_plan(c(0.05, 0.05, 0.05), 100, tau_max = 0.3)
  plan$stop <- c(FALSE, TRUE, TRUE)
  plan <- reseal(plan)
  draws <- fixed_draws(id = 1:3, draws = c(6, 6, 6), unsafe = c(2, 1, 0),
                       time = c(3, 4, 6), failed = FALSE)
  audit <- as_audit(draws, plan)
  by_hand <- as_audit(data.frame(
    id = rep(1:3, each = 6), draw = 1:6,
    unsafe = c(0, 0, 1, 0, 1, 0, 0, 0, 0, 1, 0, 0, rep(0, 6))
  ), plan)
  expect_equal(as.data.frame(audit), as.data.frame(by_hand))
  # Without times where draws stop, nothing can be said.
  draws$time <- NULL
  expect_error(as_audit(draws, plan), "does not say when",
               class = "timetounsafe_error_audit")
})

test_that("what a log says of refusals and cuts is counted", {
  plan <- known_plan(c(0.05, 0.05, 0.05), 100, tau_max = 0.3)
  made <- data.frame(id = rep(1:3, each = 6), draw = 1:6, unsafe = FALSE)
  made$status <- replace(rep("ok", 18), c(2, 4, 9), "refused")
  made$truncated <- replace(rep(c(FALSE, NA), 9), c(1, 9), TRUE)
  made$unsafe[made$status == "refused"] <- NA
  log <- as_response_log(made)
  audit <- as_audit(log, plan)
  expect_equal(audit$refused, c(2, 1, 0))
  expect_equal(audit$truncated, c(1, 1, 0))
  # Beyond the first unsafe draw nothing is used.
  audit <- as_audit(log, plan, refusal = "unsafe")
  expect_equal(audit$draws, c(2, 3, 6))
  expect_equal(audit$refused, c(1, 1, 0))
  expect_equal(audit$truncated, c(1, 1, 0))
  audit <- suppressWarnings(as_audit(log, plan, refusal = "error"))
  expect_equal(audit$refused, c(0, 0, 0))
  # As in a file.
  file <- write_draws(made)
  expect_equal(as_audit(read_responses(file), plan)$refused, c(2, 1, 0))
  # A table does not say; where nothing is drawn, nothing is refused.
  audit <- as_audit(made[c("id", "draw", "unsafe")] |>
                      transform(unsafe = FALSE), plan)
  expect_identical(audit$refused, rep(NA_real_, 3))
  expect_identical(glance(audit)$n_truncated, NA_real_)
})

test_that("counts of a fixed number of draws are kept where they are known", {
  plan <- known_plan(rep(0.05, 4), 100, tau_max = 0.3)
  draws <- fixed_draws(
    id = 1:4, draws = 6, unsafe = c(0, 1, 1, 1), refused = c(2, 2, 0, 6),
    truncated = 0, time = c(6, 4, 4, 4), status = 1, unused = 0, failed = FALSE
  )
  audit <- as_audit(draws, plan)
  expect_equal(audit$draws, c(6, 4, 4, 4))
  # Which draws of the second were refused is not known.
  expect_equal(audit$refused, c(2, NA, 0, 4))
  expect_equal(audit$truncated, rep(0, 4))
  expect_output(print(audit), "Refused: 6 draws")
})

test_that("a fixed number of draws may be too few, fail, or be too many", {
  plan <- known_plan(rep(0.05, 3), 100, tau_max = 0.3)
  plan$stop <- FALSE
  plan <- reseal(plan)
  draws <- fixed_draws(id = 1:2, draws = c(6, 4), unsafe = c(0, 1),
                       time = c(6, 2), failed = FALSE)
  expect_warning(audit <- as_audit(draws, plan), "8 draws of 2 of 3 prompts",
                 class = "timetounsafe_warning_unfinished")
  expect_identical(is.na(audit$status), c(FALSE, TRUE, TRUE))
  whole <- run_audit(audit, function(prompts) rep(FALSE, length(prompts)))
  expect_equal(whole$draws, rep(6, 3))
  expect_equal(whole$unsafe, c(0, 1, 0))
  draws <- fixed_draws(id = 1:3, draws = c(6, 4, 6), unsafe = c(0, 0, 6),
                       time = c(6, 5, 1), failed = c(FALSE, TRUE, FALSE))
  expect_warning(audit <- as_audit(draws, plan),
                 class = "timetounsafe_warning_failed_draws")
  expect_equal(audit$time[2:3], c(5, 1))
  refused <- function(regexp, ...) {
    expect_error(as_audit(fixed_draws(...), plan), regexp,
                 class = "timetounsafe_error_audit")
  }
  refused("beyond its limit of 6", id = 1, draws = 7, unsafe = 0)
  refused("2 unsafe of 1 draws is impossible", id = 1, draws = 1, unsafe = 2)
  refused("appears twice", id = c(1, 1), draws = 1, unsafe = 0)
  refused("not in the plan", id = 9, draws = 1, unsafe = 0)
})

test_that("a safe prompt may have as its time its draws, or the horizon", {
  plan <- known_plan(c(0.1, 0.05), 100, tau_max = 0.3)
  paper <- as_audit(data.frame(id = 1:2, time = c(4, 7), status = 0), plan)
  ours <- as_audit(data.frame(id = 1:2, time = c(3, 6), status = 0), plan)
  expect_equal(ours, paper)
})

test_that("other prompts under the same ids are an error", {
  plan <- known_plan(rep(0.1, 2), 100, tau_max = 0.3, prompts = c("a\nb", "c"))
  draws <- by_draw(plan)
  draws$prompt <- c("a\r\nb", "c")[draws$id]
  expect_s3_class(as_audit(draws, plan), "audit")
  expect_s3_class(as_audit(as_response_log(draws), plan), "audit")
  draws$prompt[draws$id == 2] <- "d"
  error <- expect_error(as_audit(draws, plan), "another text than in the plan",
                        class = "timetounsafe_error_audit")
  expect_identical(error$rows, which(draws$id == 2))
  expect_error(as_audit(as_response_log(draws), plan), "another text",
               class = "timetounsafe_error_audit")
  # What is unknown is no difference.
  draws$prompt <- NA
  expect_s3_class(as_audit(as_response_log(draws), plan), "audit")
})

test_that("surplus draws are left out on request, and never chosen", {
  limits <- c(3, 6)
  for (stops in c(TRUE, FALSE)) {
    plan <- known_plan(c(0.1, 0.05), 100, tau_max = 0.3)
    plan$stop <- stops
    plan <- reseal(plan)
    expect_equal(plan$limit, limits)
    # Every pattern of the last needed draw, those around it, and the last one.
    for (code in 0:15) {
      bits <- bitwAnd(code, c(1, 2, 4, 8)) > 0
      draws <- data.frame(id = rep(1:3, c(9, 8, 2)),
                          draw = c(1:9, 1:8, 1:2), unsafe = FALSE)
      draws$unsafe[c(3, 4, 9, 14)] <- bits
      draws$unsafe[18:19] <- TRUE
      needed <- draws[draws$id < 3 & draws$draw <= limits[draws$id], ]
      truth <- as_audit(needed, plan)
      shuffled <- draws[sample(nrow(draws)), ]
      expect_error(as_audit(draws, plan), class = "timetounsafe_error_audit")
      dropped <- as_audit(shuffled, plan, surplus = "drop")
      expect_s3_class(dropped, "audit")
      expect_same_outcome(dropped, truth)
      log <- as_response_log(transform(shuffled, plan_id = "another"))
      dropped <- as_audit(log, plan, surplus = "drop")
      expect_equal(dropped$status, truth$status)
      expect_equal(dropped$time, truth$time)
      counts <- fixed_draws(
        id = 1:3, draws = c(9, 8, 2), unsafe = c(sum(bits[1:3]), bits[4], 2),
        time = c(c(3, 4, 9)[bits[1:3]], 9)[1], failed = FALSE
      )
      counts$time[2:3] <- c(if (bits[4]) 5 else 8, 1)
      joined <- tryCatch(as_audit(counts, plan, surplus = "drop"),
                         timetounsafe_error_audit = conditionMessage)
      # Counts of draws that go on do not tell which came first.
      if (!stops && (bits[1] || bits[4])) {
        expect_match(joined, "do not show how many of its first [36]")
      } else {
        expect_equal(joined$status, truth$status)
        expect_equal(joined$time, truth$time)
        expect_equal(joined$unsafe, truth$unsafe)
      }
    }
  }
})

test_that("times beyond the horizon are those of safe draws, on request", {
  plan <- known_plan(c(0.1, 0.05), 100, tau_max = 0.3)
  for (time in 1:9) {
    old <- data.frame(id = c(1:2, 9), time = c(time, 20, 1),
                      status = c(1, 0, 1))
    audit <- as_audit(old, plan, surplus = "drop")
    expect_equal(audit$status, c(as.numeric(time <= 3), 0))
    expect_equal(audit$time, c(min(time, 3), 6))
  }
  old <- data.frame(id = 1, unsafe = FALSE, draws = 9)
  expect_error(as_audit(old, surplus = "drop", train = 0.5), "with a plan",
               class = "timetounsafe_error_argument")
})

test_that("an old table leaves the rest of a new plan to be drawn", {
  plan <- known_plan(c(0.1, 0.05, 0.05), 100, tau_max = 0.3)
  old <- data.frame(id = c(1, 1, 1, 1, 1, 2, 2), draw = c(1:5, 1:2),
                    unsafe = FALSE)
  expect_warning(part <- as_audit(old, plan, surplus = "drop"),
                 "up to 10 draws of 2 of 3",
                 class = "timetounsafe_warning_unfinished")
  asked <- character()
  audit <- run_audit(part, function(prompts, draw) {
    asked <<- c(asked, paste(prompts, draw))
    rep(FALSE, length(prompts))
  })
  expect_setequal(asked, c(paste(2, 3:6), paste(3, 1:6)))
  expect_equal(audit$draws, plan$limit)
  # A ledger is begun with them.
  expect_error(run_audit(part, hashed_sampler, new_path()), "sampler, ledger, ",
               class = "timetounsafe_error_ledger")
})
