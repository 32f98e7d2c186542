# Reads the log of R CMD check and prints what it found. Exits with status 1 on
# an error, and on a warning or note that is not expected.
# usage: Rscript tools/read-check.R <00check.log>

# What may be said: it tells of the machine, or of the package's not being on
# CRAN yet, not of a fault. A finding is expected if this is all of its text.
# That a tool for checking shell scripts is missing is the only warning here.
expected <- c(
  "Maintainer: '[^']*'",
  "New submission",
  "unable to verify current time",
  "A complete check needs the 'checkbashisms' script[.]",
  "See section 'Configure and cleanup' in the 'Writing R Extensions' manual[.]",
  "Packages? suggested but not available for checking:( '[^']*',?)+",
  "Skipping checking HTML validation: no command 'tidy' found",
  "Skipping checking math rendering: package 'V8' unavailable"
)

lines <- readLines(commandArgs(TRUE)[[1]], encoding = "UTF-8")
lines <- gsub("[\u2018\u2019]", "'", lines)
checks <- unname(split(lines, cumsum(startsWith(lines, "* "))))

# The verdict ends the first line, or stands alone below what was tried.
read_status <- function(check) {
  verdict <- c(sub(".* ", "", check[[1]]), trimws(check[-1]))
  c(intersect(c("ERROR", "WARNING", "NOTE"), verdict), "OK")[[1]]
}
is_expected <- function(check) {
  text <- paste(trimws(check[-1]), collapse = " ")
  for (phrase in expected) {
    text <- sub(phrase, "", text)
  }
  !nzchar(trimws(text))
}

status <- vapply(checks, read_status, "")
is_fault <- status == "ERROR" |
  (status != "OK" & !vapply(checks, is_expected, NA))
for (i in which(status != "OK")) {
  cat(if (is_fault[[i]]) "fault:" else "expected:", checks[[i]], sep = "\n  ")
  cat("\n")
}

# A check that was cut off has not said how it ended.
is_complete <- any(lines == "* DONE")
quit(status = as.integer(any(is_fault) || !is_complete))
