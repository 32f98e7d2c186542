library(testthat)
library(timetounsafe)

test_check("timetounsafe")
