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

# Text that programs take for something else, or change in passing.
awkward_text <- c("NA", "1", "TRUE", "a\r\nb", "\ufeffmark", "", " x ", "007",
                  "1e5", "a,\"b\"", "\r", "\n\n", "#", "'", "\u0438\u4f60",
                  "\U1F600", "NULL", "Inf", "\\n")

test_that("text comes back byte for byte, and types as they were", {
  n <- length(awkward_text)
  rows <- data.frame(text = awkward_text, whole = seq_len(n) + 0,
                     count = seq_len(n), flag = rep_len(c(TRUE, NA), n),
                     code = as.character(seq_len(n)),
                     logic = rep_len(c("TRUE", "FALSE"), n), none = NA_real_,
                     empty = NA_character_, some = replace(awkward_text, 2, NA),
                     number = replace(exp(seq_len(n)), 1:3, c(NaN, -Inf, NA)))
  rows$kind <- factor(rep_len(c("b|", "a,=("), n), c("b|", "a,=(", "unused"))
  rows$`a,b=%2C` <- awkward_text
  plan <- known_plan(rep(0.1, n), 20, prompts = rows, id = rev(awkward_text))
  plan$site <- rev(awkward_text)
  plan$rank <- as.numeric(n:1)
  for (end in c(".csv", ".csv.gz", ".csv.bz2", ".csv.xz")) {
    back <- read_plan(write_plan(plan, tempfile(fileext = end)))
    expect_identical(back$prompt, rows)
    expect_identical(unclass(as.list(back)[names(plan)]),
                     unclass(as.list(plan)), ignore_attr = TRUE)
  }
  text <- known_plan(rep(0.1, n), 20, prompts = awkward_text)
  back <- read_plan(write_plan(text, tempfile()))
  expect_identical(charToRaw(paste(back$prompt, collapse = "|")),
                   charToRaw(paste(enc2utf8(awkward_text), collapse = "|")))
  # Again, as a plan of a plan.
  expect_identical(read_plan(write_plan(back, tempfile())), back)
})

test_that("a plan's file can be read, and written again, by other programs", {
  plan <- known_plan(rep(0.1, 4), 20, prompts = c("NA", "1", "TRUE", "x"))
  file <- write_plan(plan, tempfile(fileext = ".csv"))
  other <- read.csv(file, colClasses = "character", na.strings = character())
  expect_identical(other$prompt, plan$prompt)
  # Without a quote that is not needed, and in another order.
  write.table(other[rev(names(other))], file, sep = ",", quote = FALSE,
              row.names = FALSE)
  back <- read_plan(file)
  expect_identical(back$prompt, plan$prompt)
  expect_identical(back$id, plan$id)
})

test_that("a name that promises compression has it", {
  plan <- known_plan(rep(0.1, 4), 20)
  file <- write_plan(plan, tempfile(fileext = ".csv.gz"))
  expect_identical(readBin(file, "raw", 2), as.raw(c(0x1f, 0x8b)))
  audit <- as_audit(draws_of(plan), read_plan(file))
  expect_s3_class(audit, "audit")
})

test_that("what a file cannot keep is not written", {
  latin1 <- iconv("caf\u00e9", "UTF-8", "latin1")
  plan <- known_plan(rep(0.1, 2), 20, prompts = c(latin1, "x"))
  expect_identical(read_plan(write_plan(plan, tempfile()))$prompt,
                   c("caf\u00e9", "x"))
  bad <- "caf\xe9"
  Encoding(bad) <- "bytes"
  columns <- list(complex(2, 1), as.Date(c("2020-01-01", "2020-01-02")),
                  structure(c(1, 2), class = "integer64"), c(bad, "x"),
                  list(1, 2))
  for (column in columns) {
    wide <- plan
    wide$extra <- column
    file <- tempfile()
    error <- expect_error(write_plan(wide, file), "`extra`",
                          class = "timetounsafe_error_argument")
    expect_false(file.exists(file))
  }
})

test_that("neither OutDec nor the numeric locale matter", {
  set.seed(4)
  plan <- known_plan(c(0.1, 1 / 3, 0.05), 20, id = c(1.5, 2, 1e15))
  file <- write_plan(plan, tempfile())
  withr::local_options(OutDec = ",")
  expect_identical(readLines(write_plan(plan, tempfile())), readLines(file))
  expect_equal(read_plan(file)$prob, plan$prob, tolerance = 0)
  locale <- suppressWarnings(tryCatch(
    withr::local_locale(LC_NUMERIC = "de_DE.UTF-8"), error = function(e) NULL
  ))
  skip_if(!identical(Sys.getlocale("LC_NUMERIC"), "de_DE.UTF-8"),
          "no locale with a comma")
  expect_identical(readLines(write_plan(plan, tempfile())), readLines(file))
  expect_equal(read_plan(file)$id, plan$id)
})
