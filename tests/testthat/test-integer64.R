# As databases return them, whether or not bit64 is there.
integer64 <- function(high, low) {
  words <- as.vector(rbind(low, high))
  words <- as.integer(ifelse(words >= 2^31, words - 2^32, words))
  structure(readBin(writeBin(words, raw(), endian = "little"), "double",
                    length(high), endian = "little"), class = "integer64")
}

test_that("integer64 becomes numbers exactly, or is refused by name", {
  small <- integer64(c(0, 0, -1, 2^21 - 1, -2^21, 0),
                     c(0, 7, 2^32 - 1, 2^32 - 1, 0, 2^32 - 1))
  expect_identical(plain_numbers(small, "x"),
                   c(0, 7, -1, 2^53 - 1, -2^53, 2^32 - 1))
  expect_identical(plain_numbers(1:3, "x"), 1:3)
  for (f in list(function(x) geometric_quantile(0.1, 0.1, cap = x),
                 function(x) allocate_budget(c(1, 2), x))) {
    error <- expect_error(f(integer64(2^21, 1)), "integer64.*9007199254740993",
                          class = "timetounsafe_error_argument")
  }
  expect_identical(geometric_quantile(0.01, 0.5, cap = integer64(0, 20)), 20)
  expect_identical(geometric_quantile(0.01, 0.5, cap = 20), 20)
  expect_error(allocate_budget(integer64(c(0, 0), c(1, 2)), 2), NA)
})

test_that("every digit of an integer64 is in its text", {
  skip_if_not_installed("bit64")
  # By name: no test needs it.
  as_integer64 <- getExportedValue("bit64", "as.integer64")
  x <- as_integer64(c("9007199254740993", "-9223372036854775807", NA,
                      "9223372036854775807", "-1000001", "0", "4294967296",
                      "-2147483648"))
  expect_identical(integer64_text(x), as.character(x))
  expect_identical(as_text(x), as.character(x))
})

test_that("integer64 ids are told apart, and whole doubles of 16 digits too", {
  ids <- integer64(rep(2^21, 4), 0:3)
  expect_identical(check_ids(ids, 4),
                   c("9007199254740992", "9007199254740993",
                     "9007199254740994", "9007199254740995"))
  expect_identical(as_text(2^53 - 1:2), c("9007199254740991",
                                          "9007199254740990"))
  set.seed(1)
  for (id in list(ids, 2^53 - 1:4)) {
    plan <- known_plan(rep(0.1, 4), 20, id = id)
    audit <- as_audit(draws_of(plan), read_plan(write_plan(plan, tempfile())))
    expect_equal(audit$draws, plan$limit)
  }
  twice <- structure(unclass(ids)[c(1, 2, 2, 4)], class = "integer64")
  error <- expect_error(check_ids(twice, 4),
                        "9007199254740993 (element 3)", fixed = TRUE)
  expect_identical(error$argument, "id")
})

test_that("draws with integer64 columns join their plan", {
  set.seed(2)
  plan <- known_plan(rep(0.1, 4), 20, design = "replicated")
  draws <- draws_of(plan)
  long <- function(x) integer64(0 * x, as.numeric(x))
  wide <- list2DF(list(id = long(draws$id), draw = long(draws$draw),
                       unsafe = long(draws$unsafe)))
  expect_equal(as_audit(wide, plan), as_audit(draws, plan))
  log <- as_response_log(list2DF(list(id = long(1:2), unsafe = long(c(0, 1)),
                                      cost = long(c(3, 4)))))
  expect_identical(log$unsafe, c(FALSE, TRUE))
  expect_identical(log$cost, c(3, 4))
  rows <- data.frame(id = plan$id, unsafe = 0, draws = plan$limit)
  wide <- list2DF(lapply(rows, long))
  expect_equal(as_audit(wide, plan), as_audit(rows, plan))
})
