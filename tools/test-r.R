# Runs tests/testthat on the package as it is installed in build/library.

library(testthat)

package <- read.dcf("DESCRIPTION", "Package")[[1]]
installed <- dirname(find.package(package))
if (!identical(installed, normalizePath("build/library"))) {
  stop(package, " would be loaded from ", installed)
}

# NOT_CRAN lets the slow statistical tests run.
Sys.setenv(NOT_CRAN = "true", TESTTHAT_MAX_FAILS = "Inf")
results <- as.data.frame(test_dir(
  "tests/testthat",
  package = package, load_package = "installed",
  reporter = ProgressReporter$new(
    show_praise = FALSE, update_interval = Inf
  ),
  stop_on_failure = FALSE
))

passed <- sum(results$passed)
failed <- sum(results$failed) + sum(results$error)
skipped <- sum(results$skipped)
cat(sprintf(
  "testthat: %d passed, %d failed, %d skipped, %d warnings in %d tests\n",
  passed, failed, skipped, sum(results$warning), nrow(results)
))
cat(
  passed, failed, paste0(skipped, "\n"),
  file = Sys.getenv("TALLY", nullfile()), append = TRUE
)
