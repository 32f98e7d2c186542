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

test_that("a plan comes back from its file as it was, to the last digit", {
  plan <- awkward_plan()
  file <- write_plan(plan, tempfile(fileext = ".csv"))
  back <- read_plan(file)
  expect_equal(as.list(back)[names(plan)], as.list(plan), tolerance = 0,
               ignore_attr = TRUE)
  expect_identical(names(back)[1:4], c("id", "prompt", "limit", "stop"))

  rows <- data.frame(text = c("a,b", "NA"), heat = c(0.1, 1 / 3), k = 1:2)
  wide <- known_plan(c(0.1, 1e-300), 1e5, design = "basic", cap = 1e15,
                     prompts = rows, id = c(1e5, 1e9 + 0.5))
  back <- read_plan(write_plan(wide, tempfile()))
  expect_identical(back$prompt, rows)
  expect_equal(as.list(back)[names(wide)], as.list(wide), tolerance = 0,
               ignore_attr = TRUE)
})

test_that("a plan without its text is enough to calibrate", {
  plan <- awkward_plan()
  file <- write_plan(plan, tempfile(), keep_prompts = FALSE)
  expect_false(any(grepl("quote", readLines(file))))
  audit <- as_audit(read_responses(write_draws(draws_of(plan))),
                    read_plan(file))
  tau <- function(audit) {
    suppressWarnings(point_lpb(audit, hazard = known_hazard()))$tau
  }
  expect_identical(tau(audit), tau(as_audit(draws_of(plan), plan)))
  back <- read_plan(file)
  error <- expect_error(run_audit(back, hashed_sampler),
                        "`plan` contains no prompts",
                        class = "timetounsafe_error_plan")
  expect_match(conditionMessage(error), "write_plan(keep_prompts = FALSE)",
               fixed = TRUE)
  expect_identical(error$argument, "plan")
  # What the message says is enough.
  back$prompt <- plan$prompt[match(back$id, plan$id)]
  expect_s3_class(run_audit(back, function(p) rep(FALSE, length(p))), "audit")
})

test_that("bad arguments are named", {
  plan <- known_plan(c(0.1, 0.05), 100, tau_max = 0.3)
  file <- write_draws(draws_of(plan))
  nowhere <- file.path(tempfile(), "a.csv")
  bad_arguments(write_plan, list(plan = plan, file = tempfile()), list(
    plan = list(NULL, 1), file = list(NULL, 1, NA_character_, nowhere),
    keep_prompts = list(NA, 1), overwrite = list(NA, 1)
  ))
  bad_arguments(read_plan, list(), list(file = list(NULL, nowhere, tempdir())))
  bad_arguments(read_responses, list(file = file), list(
    file = list(NULL, nowhere, 1, c(file, file)), format = list("xml"),
    judge = list(1), unsafe = list(NA, list()), keep_responses = list(NA)
  ))
  other <- tempfile(fileext = ".txt")
  file.copy(file, other)
  expect_error(read_responses(other), "format = \"csv\"",
               class = "timetounsafe_error_argument")
  expect_s3_class(read_responses(other, "csv"), "response_log")
})
