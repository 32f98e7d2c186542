# Lints the R code by the rules of .lintr; a lint is one failure.

# Without the installed package no function of it would be known.
invisible(loadNamespace(read.dcf("DESCRIPTION", "Package")[[1]]))

lints <- c(
  lintr::lint_package(),
  lintr::lint_dir("tools"),
  lintr::lint_dir("bench")
)
# The functions of testthat and of the tests' helpers are not the package's.
is_foreign <- function(lint) {
  lint$linter == "object_usage_linter" && startsWith(lint$filename, "tests")
}
lints <- Filter(Negate(is_foreign), lints)
for (lint in lints) {
  cat(sprintf(
    "%s:%d: %s [%s]\n", lint$filename, lint$line_number, lint$message,
    lint$linter
  ))
}
if (length(lints) == 0) {
  cat("ok - lintr\n")
} else {
  cat("not ok - lintr:", length(lints), "lints\n")
}
cat(
  as.integer(length(lints) == 0), length(lints), "0\n",
  file = Sys.getenv("TALLY", nullfile()), append = TRUE
)
