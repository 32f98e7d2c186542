skip_if_not_installed("jsonlite")

stream <- function(text, ..., wanted = unwanted_members()) {
  file <- tempfile()
  con <- file(file, "wb")
  writeLines(text, con, sep = "")
  close(con)
  stream_document(file, c("results", "list"), function(text, at) text, wanted,
                  unwanted_members("x"), rlang::current_env())
}

test_that("the records of a document are found, however it is written", {
  records <- c("{\"a\":1,\"b\":[2]}", "3", "{\"a\":\"]}\"}")
  flat <- sprintf("{\"x\":1,\"results\":{\"y\":[],\"list\":[%s],\"z\":1}}",
                  paste(records, collapse = ","))
  loose <- gsub(",", " ,\r\n\t", gsub(":", " : ", flat))
  for (text in c(flat, loose)) {
    found <- stream(text)
    expect_identical(gsub("[ \r\n\t]", "", unlist(found)), records)
    expect_identical(gsub("[ \r\n\t]", "", attr(found, "header")),
                     "{\"results\":{\"y\":[],\"list\":[],\"z\":1}}")
  }
  found <- stream(flat, wanted = want_members("b"))
  expect_identical(unlist(found), c("{\"b\":[2]}", "3", "{}"))
})

test_that("a document without records is its header", {
  for (text in c("{\"a\": 1}", "{\"results\": {\"list\": null}}", "[1]")) {
    found <- stream(text)
    expect_length(found, 0)
    expect_identical(attr(found, "header")[[1]], text)
  }
  for (text in c("", "{\"results\": {\"list\": [1, {\"a\"", "{\"results\": ")) {
    expect_error(stream(text), class = "timetounsafe_error_file")
  }
})

test_that("what parsers do not read is replaced, outside of strings", {
  text <- c("{\"a\": NaN, \"b\": \"NaN\", \"c\": -Infinity}", "[NaN]",
            "{\"a\": \"\\\\u0000 \\u0000\"}", "\"\\ud83d\\ude00 \\ud83d\"",
            "\"\u00fc\"", "plain")
  expect_identical(clean_json(text), c(
    "{\"a\": null, \"b\": \"NaN\", \"c\": null}", "[null]",
    "{\"a\": \"\\\\u0000 \\ufffd\"}", "\"\\ud83d\\ude00 \\ufffd\"",
    "\"\u00fc\"", "plain"
  ))
  bytes <- rawToChar(as.raw(c(0x22, 0xff, 0x22)))
  expect_identical(clean_json(bytes), "\"\ufffd\"")
})
