skip_if_not_installed("jsonlite")

names_of <- c("a.json", "b/c.json", "empty.json", "\u00fc.json")
texts_of <- c("{\"a\": 1}", strrep("{\"b\": 2} ", 3), "", "[\"\u00fc\"]")

make_zip <- function(...) write_zip(tempfile(), names_of, texts_of, ...)

read_all <- function(file, pick = TRUE) {
  zip <- read_zip_directory(file, rlang::current_env())
  found <- read_members(file, zip[pick, ], function(text, at) text,
                        unwanted_members(), rlang::current_env())
  unlist(found)
}

test_that("members are read, however they are packed", {
  for (method in list(0, 8, c(8, 0, 8, 8))) {
    for (large in c(FALSE, TRUE)) {
      file <- make_zip(method = method, large = large)
      expect_identical(read_all(file), trimws(texts_of))
      expect_identical(read_all(file, c(1, 4)), trimws(texts_of[c(1, 4)]))
    }
  }
})

test_that("zstd is read by the package archive", {
  skip_if_not_installed("archive")
  expect_identical(read_all(make_zip(method = 93)), trimws(texts_of))
  expect_identical(read_all(make_zip(method = c(93, 8, 93, 0))),
                   trimws(texts_of))
})

test_that("members in several blocks come in their order", {
  texts <- vapply(1:5, function(k) sprintf("\"%s\"", strrep(k, 3e6)), "")
  file <- write_zip(tempfile(), paste0(1:5, ".json"), texts, method = 8)
  expect_identical(read_all(file), texts)
})

test_that("of two members with one name the last is read", {
  file <- write_zip(tempfile(), c("a", "b", "a"), c("1", "2", "3"))
  expect_identical(read_all(file), c("2", "3"))
})

test_that("what is damaged is no log", {
  file <- make_zip()
  bytes <- readBin(file, "raw", file.size(file))
  broken <- function(bytes) {
    file <- tempfile()
    writeBin(bytes, file)
    expect_error(read_all(file), class = "timetounsafe_error_file")
  }
  expect_match(broken(bytes[1:200])$message, "not a whole ZIP archive")
  # The text of the first member, whose head has 30 bytes, a name and 3 more.
  changed <- bytes
  changed[45] <- charToRaw("2")
  expect_match(broken(changed)$message, "a.json is damaged")
  at <- as.integer(grepRaw(charToRaw("PK\001\002"), bytes))
  lost <- bytes
  lost[at] <- as.raw(1)
  expect_match(broken(lost)$message, "directory is damaged")
  locked <- bytes
  locked[at + 8] <- as.raw(1)
  expect_match(broken(locked)$message, "encrypted")
  moved <- bytes
  moved[at + 42] <- as.raw(9)
  expect_match(broken(moved)$message, "not where its directory says")
  other <- bytes
  other[at + 10] <- as.raw(12)
  expect_match(broken(other)$message, "not known \\(12\\)")
})
