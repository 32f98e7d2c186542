# Lints the R code by the rules of .lintr; a lint is one failure.

lints <- c(
  lintr::lint_package(),
  lintr::lint_dir("tools"),
  lintr::lint_dir("bench")
)
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
