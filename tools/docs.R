# Writes NAMESPACE and man/ from the comments in R/, with roxygen2.
# usage: Rscript tools/docs.R [--check]
# --check writes nothing and exits with status 1 where a file is not current.
# Status 2: this is not the roxygen2 that the files are made with.
# All work is done on a copy, so that a failure leaves the checkout as it was.

found <- format(packageVersion("roxygen2"))
wanted <- read.dcf("DESCRIPTION", "RoxygenNote")[[1]]
if (found != wanted) {
  cat("roxygen2", wanted, "is needed, not", found, "\n")
  quit(status = 2)
}

copy <- file.path(tempfile("docs"), read.dcf("DESCRIPTION", "Package")[[1]])
dir.create(copy, recursive = TRUE)
parts <- c("DESCRIPTION", "LICENSE", "R", "data", "inst", "man", "src")
invisible(file.copy(parts[file.exists(parts)], copy, recursive = TRUE))

# The code is loaded without its C part, which the help pages do not need.
# The imports alone are enough to load it: the exports are what is written.
install_and_load <- function(path) {
  # Code within the comments cannot run before the package is loaded, and what
  # is a method is not known.
  suppressWarnings(suppressMessages(roxygen2::roclet_preprocess(
    roxygen2::namespace_roclet(),
    blocks = roxygen2::parse_package(path, env = NULL), base_path = path
  )))
  library_dir <- tempfile("library")
  dir.create(library_dir)
  log <- file.path(dirname(path), "install.log")
  status <- system2(
    file.path(R.home("bin"), "R"),
    c(
      "CMD INSTALL --fake --no-test-load --no-help", "-l",
      shQuote(c(library_dir, path))
    ),
    stdout = log, stderr = log
  )
  if (status != 0) {
    stop(paste(c(readLines(log), "the package does not install"), "\n"))
  }
  loadNamespace(basename(path), lib.loc = c(library_dir, .libPaths()))
}

# Where roxygen2 writes to is the copy; what is written here is told below.
withCallingHandlers(
  roxygen2::roxygenise(
    copy,
    roclets = c("namespace", "rd"), load_code = install_and_load
  ),
  message = function(message) {
    if (startsWith(conditionMessage(message), "Writing ")) {
      tryInvokeRestart("muffleMessage")
    }
  }
)

generated <- function(root) {
  c("NAMESPACE", file.path("man", list.files(file.path(root, "man"), "[.]Rd$")))
}
read_or_empty <- function(path) {
  if (file.exists(path)) readLines(path, warn = FALSE)
}
is_stale <- function(file) {
  !identical(read_or_empty(file), read_or_empty(file.path(copy, file)))
}
files <- union(generated("."), generated(copy))
stale <- Filter(is_stale, files)

if (identical(commandArgs(TRUE), "--check")) {
  if (length(stale) > 0) {
    writeLines(c("not current (run `make docs`):", stale))
    quit(status = 1)
  }
} else {
  dir.create("man", showWarnings = FALSE)
  for (file in stale) {
    if (file.exists(file.path(copy, file))) {
      file.copy(file.path(copy, file), file, overwrite = TRUE)
      cat("wrote", file, "\n")
    } else {
      unlink(file)
      cat("removed", file, "\n")
    }
  }
}
