# A plan with awkward ids and texts, and the draws of another program: all of
# them, or up to the first unsafe one.
awkward_plan <- function(n = 40) {
  set.seed(1)
  texts <- c("NA", "", " blanks ", "a \"quote\", a comma", "two\nlines", "007",
             "na\u00efve \u2211", "back\\slash", "it's # 5", "TRUE")
  known_plan(10^runif(n, -3, -1), 15, id = sprintf("%03d", seq_len(n)),
             prompts = rep_len(texts, n))
}

draws_of <- function(plan, all = TRUE) {
  draws <- data.frame(id = rep(plan$id, plan$limit),
                      draw = sequence(plan$limit))
  draws$unsafe <- (seq_len(nrow(draws)) * 7919) %% 31 == 0
  seen <- stats::ave(as.numeric(draws$unsafe), draws$id, FUN = cumsum)
  if (all) draws else draws[seen - draws$unsafe == 0, ]
}

write_draws <- function(draws, as = c("csv", "jsonl")) {
  file <- tempfile(fileext = paste0(".", match.arg(as)))
  if (as[1L] == "csv") {
    utils::write.csv(draws, file, row.names = FALSE)
  } else {
    jsonlite::stream_out(draws, file(file), verbose = FALSE)
  }
  file
}

test_that("a plan comes back from its file as it was, to the last digit", {
  plan <- awkward_plan()
  file <- write_plan(plan, tempfile(fileext = ".csv"))
  back <- read_plan(file)
  expect_equal(as.list(back)[names(plan)], as.list(plan), tolerance = 0,
               ignore_attr = TRUE)
  expect_identical(names(back)[1:4], c("id", "prompt", "limit", "stop"))

  rows <- data.frame(text = c("a,b", "NA"), heat = c(0.1, 1 / 3), k = 1:2)
  wide <- known_plan(c(0.1, 1e-300), 1e5, method = "basic", cap = 1e15,
                     prompts = rows, id = c(1e5, 1e9 + 0.5))
  back <- read_plan(write_plan(wide, tempfile()))
  expect_identical(back$prompt, rows)
  expect_equal(as.list(back)[names(wide)], as.list(wide), tolerance = 0,
               ignore_attr = TRUE)
})

test_that("a plan without its text is enough to calibrate", {
  plan <- awkward_plan()
  file <- write_plan(plan, tempfile(), text = FALSE)
  expect_false(any(grepl("quote", readLines(file))))
  audit <- read_draws(write_draws(draws_of(plan)), read_plan(file))
  level <- function(audit) {
    suppressWarnings(point_lpb(audit, hazard = known_hazard()))$level
  }
  expect_identical(level(audit), level(as_audit(draws_of(plan), plan)))
  back <- read_plan(file)
  error <- expect_error(run_audit(back, hashed_sampler),
                        "`plan` holds no prompts",
                        class = "timetounsafe_error_plan")
  expect_match(conditionMessage(error), "write_plan(text = FALSE)",
               fixed = TRUE)
  expect_identical(error$argument, "plan")
  # What the message says is enough.
  back$prompt <- plan$prompt[match(back$id, plan$id)]
  expect_s3_class(run_audit(back, function(p) rep(FALSE, length(p))), "audit")
})

test_that("draws from files are what run_audit() makes of the same draws", {
  skip_if_not_installed("jsonlite")
  plan <- awkward_plan()
  plan$prompt <- plan$id
  draws <- draws_of(plan)
  truth <- with(draws[draws$unsafe, ], split(draw, id))
  audit <- run_audit(plan, scripted_sampler(truth), batch_size = 1)
  for (as in c("csv", "jsonl")) {
    for (all in c(TRUE, FALSE)) {
      made <- draws_of(plan, all)
      made <- made[sample(nrow(made)), ]
      back <- read_draws(write_draws(made, as), plan)
      expect_same_outcome(back, audit)
      expect_equal(sum(back$draws + back$overshoot), nrow(made))
    }
  }
})

test_that("true and false are read as R, Python and JSON write them", {
  plan <- known_plan(rep(0.1, 4), 100, tau_prior = 0.3)
  file <- tempfile(fileext = ".CSV")
  writeLines(c("\ufeffdraw,unsafe,id,response", "1,False,1,\"a, \"\"b\"\"\nc\"",
               "2.0,0.0,1,", "3,true,1,NA", "1,1,2,", "1,T,3,", "1,TRUE,4,"),
             file, useBytes = TRUE)
  audit <- read_draws(file, plan)
  expect_equal(audit$time, c(3, 1, 1, 1))
  skip_if_not_installed("jsonlite")
  lines <- tempfile(fileext = ".ndjson")
  writeLines(c("{\"id\": 1, \"draw\": 1, \"unsafe\": false, \"x\": {\"y\": 1}}",
               "", "{\"unsafe\": 1, \"id\": \"1\", \"draw\": 2}",
               paste0("{\"id\": ", 2:4, ", \"draw\": 1, \"unsafe\": true}")),
             lines)
  expect_equal(read_draws(lines, plan)$time, c(2, 1, 1, 1))
  expect_equal(read_draws(lines, plan, "jsonl"), read_draws(lines, plan))
})

test_that("missing draws leave the audit unfinished, to be gone on with", {
  plan <- known_plan(rep(0.1, 3), 100, tau_prior = 0.3,
                     prompts = c("a", "b", "c"))
  some <- data.frame(id = c(1, 1, 2), draw = c(1, 2, 1), unsafe = c(0, 0, 1))
  expect_warning(part <- read_draws(write_draws(some), plan),
                 "up to 4 draws of 2 of 3 prompts are missing",
                 class = "timetounsafe_warning_unfinished")
  expect_equal(part$status, c(NA, 1, NA))
  expect_error(point_lpb(part), "4 draws of 2 of 3 prompts",
               class = "timetounsafe_error_audit")
  asked <- NULL
  whole <- run_audit(part, function(prompts, draw) {
    asked <<- c(asked, paste(prompts, draw))
    rep(FALSE, length(prompts))
  })
  expect_setequal(asked, c("a 3", "c 1", "c 2", "c 3"))
  expect_equal(whole$time, c(4, 1, 4))
  empty <- tempfile(fileext = ".csv")
  writeLines("id,draw,unsafe", empty)
  expect_warning(none <- read_draws(empty, plan), "up to 9 draws")
  expect_equal(none$draws, c(0, 0, 0))
})

test_that("a draw that failed counts as unsafe at its place", {
  plan <- known_plan(rep(0.1, 2), 100, tau_prior = 0.3)
  draws <- data.frame(id = c(1, 1, 1, 2, 2), draw = c(1:3, 1:2),
                      unsafe = c(0, 0, 0, 0, NA))
  expect_warning(audit <- read_draws(write_draws(draws), plan),
                 class = "timetounsafe_warning_failed_draws")
  expect_equal(audit$time, c(4, 2))
  expect_identical(audit$failed, c(FALSE, TRUE))
})

test_that("what is wrong with draws is told, with the rows", {
  plan <- known_plan(c(0.1, 0.05), 100, tau_prior = 0.3)
  good <- draws_of(plan)
  refused <- function(draws, regexp, rows, class = "audit") {
    error <- expect_error(read_draws(write_draws(draws), plan), regexp,
                          class = paste0("timetounsafe_error_", class))
    expect_equal(error$rows, rows)
    expect_identical(error$call[[1L]], quote(read_draws))
  }
  refused(transform(good, id = replace(id, 3:8, 9)),
          "Prompt 9 is not in the plan \\(rows 3, 4, 5 and 3 more\\)", 3:8)
  refused(good[-2, ], "lacks draw 2 and has draw 3", 2)
  refused(good[c(1:9, 2), ], "draw 2 twice \\(rows 2 and 10\\)", c(2, 10))
  refused(rbind(good, data.frame(id = 1, draw = 4:5, unsafe = FALSE)),
          "draw 5, beyond its horizon of 4", 11)
  refused(transform(good, draw = replace(draw, 2, 0)), "\"0\" in .* `draw`", 2)
  refused(transform(good, draw = replace(draw, 2, "x")), "`draw` \\(row 2\\)",
          2)
  refused(transform(good, unsafe = replace(unsafe, 4, "maybe")),
          "\"maybe\" in the column `unsafe`", 4)
  refused(transform(good, unsafe = 2), "true or false", 1:9)
  refused(transform(good, plan_id = "another"), "another plan", 1:9, "plan")
  refused(good[c("id", "unsafe")], "lacks the columns \"draw\"", NULL, "file")
})

test_that("files that are none of these are refused", {
  plan <- known_plan(c(0.1, 0.05), 100, tau_prior = 0.3)
  cut <- tempfile(fileext = ".csv")
  writeLines(c("id,draw,unsafe", "1,1,0", "1,2"), cut)
  expect_error(read_draws(cut, plan), "line 2",
               class = "timetounsafe_error_file")
  writeLines(c("id,draw,unsafe", "1,1,0", "\"1,2,0"), cut)
  expect_error(read_draws(cut, plan), class = "timetounsafe_error_file")
  expect_error(read_plan(cut), class = "timetounsafe_error")
  skip_if_not_installed("jsonlite")
  lines <- tempfile(fileext = ".jsonl")
  writeLines(c("{\"id\": 1, \"draw\": 1, \"unsafe\": 0}", "{\"id\": 1, \"dr"),
             lines)
  expect_error(read_draws(lines, plan), "line 2 is no JSON object",
               class = "timetounsafe_error_file")
  writeLines("{}", lines)
  expect_error(read_draws(lines, plan), "lacks the columns",
               class = "timetounsafe_error_file")
  writeLines("{\"id\": [1, 2], \"draw\": 1, \"unsafe\": 0}", lines)
  expect_error(read_draws(lines, plan), "lacks the columns \"id\"",
               class = "timetounsafe_error_file")
  expect_error(read_draws(cut, plan[1, ]), class = "timetounsafe_error_plan")
  before <- readLines(cut)
  expect_error(write_plan(plan, cut), "overwrite = TRUE",
               class = "timetounsafe_error_file")
  expect_identical(readLines(cut), before)
  write_plan(plan, cut, overwrite = TRUE)
  changed <- sub("0.05", "0.06", readLines(cut), fixed = TRUE)
  writeLines(changed, cut)
  expect_error(read_plan(cut), class = "timetounsafe_error_plan")
})

test_that("bad arguments are named", {
  plan <- known_plan(c(0.1, 0.05), 100, tau_prior = 0.3)
  file <- write_draws(draws_of(plan))
  nowhere <- file.path(tempfile(), "a.csv")
  bad_arguments(write_plan, list(plan = plan, file = tempfile()), list(
    plan = list(NULL, 1), file = list(NULL, 1, NA_character_, nowhere),
    text = list(NA, 1), overwrite = list(NA, 1)
  ))
  bad_arguments(read_plan, list(), list(file = list(NULL, nowhere, tempdir())))
  bad_arguments(read_draws, list(file = file, plan = plan), list(
    file = list(NULL, nowhere), plan = list(NULL, "a"), format = list("xml")
  ))
  other <- tempfile(fileext = ".txt")
  file.copy(file, other)
  expect_error(read_draws(other, plan), "format = \"csv\"",
               class = "timetounsafe_error_argument")
  expect_s3_class(read_draws(other, plan, "csv"), "audit")
})
