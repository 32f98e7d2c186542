# Reads the log of R CMD check and prints what it found. Exits with status 1 on
# an error, and on a warning or note that is not among the ones expected here.
# usage: Rscript tools/read-check.R <00check.log>

# A finding is expected if each of its lines is: they tell of the machine or of
# the package's not being on CRAN yet, not of a fault. That checkbashisms is not
# installed is the only warning among them.
expected <- c(
  "^Maintainer: ",
  "^New submission$",
  "unable to verify current time",
  "needs the 'checkbashisms' script",
  "^See section .Configure and cleanup. in the",
  "^.Writing R Extensions. manual[.]$",
  "^Skipping checking HTML validation: no command 'tidy' found",
  "^Skipping checking math rendering: package 'V8' unavailable"
)

lines <- readLines(commandArgs(TRUE)[[1]], encoding = "UTF-8")
checks <- unname(split(lines, cumsum(startsWith(lines, "* "))))

# The verdict ends the first line, or stands alone below what was tried.
read_status <- function(check) {
  verdict <- c(sub(".* ", "", check[[1]]), trimws(check[-1]))
  c(intersect(c("ERROR", "WARNING", "NOTE"), verdict), "OK")[[1]]
}
is_expected <- function(check) {
  text <- trimws(check[-1])
  text <- text[nzchar(text)]
  all(grepl(paste(expected, collapse = "|"), text))
}

status <- vapply(checks, read_status, "")
is_fault <- status == "ERROR" |
  (status != "OK" & !vapply(checks, is_expected, NA))
for (i in which(status != "OK")) {
  cat(if (is_fault[[i]]) "fault:" else "expected:", checks[[i]], sep = "\n  ")
  cat("\n")
}
is_complete <- any(startsWith(lines, "Status: ")) || any(lines == "* DONE")
quit(status = as.integer(any(is_fault) || !is_complete))
