# The R packages that DESCRIPTION asks for: which are missing, and their
# installation from CRAN into build/library.
# usage: Rscript tools/packages.R missing|install <fields> <further packages>
# where <fields> are fields of DESCRIPTION, such as Imports,Suggests

arguments <- commandArgs(TRUE)
action <- arguments[[1]]
fields <- strsplit(arguments[[2]], ",")[[1]]
extras <- arguments[-(1:2)]

entries <- unlist(strsplit(read.dcf("DESCRIPTION", fields = fields), ","))
entries <- c(trimws(entries[!is.na(entries)]), extras)
entries <- entries[nzchar(entries)]
names <- sub("[[:space:](].*", "", entries)
floors <- ifelse(
  grepl(">=", entries), gsub(".*>=[[:space:]]*|[)]", "", entries), "0"
)

# It takes minutes to compile, and tests that need it are skipped.
slow <- "nanoparquet"
entries <- entries[!names %in% slow]
floors <- floors[!names %in% slow]
names <- setdiff(names, slow)

# Base packages are always there, so they need no exception.
is_missing <- function(name, floor) {
  found <- tryCatch(packageVersion(name), error = function(e) NULL)
  is.null(found) || found < floor
}
find_missing <- function() {
  sort(unique(names[mapply(is_missing, names, floors)]))
}

missing <- find_missing()
if (action == "install" && length(missing) > 0) {
  library_dir <- file.path(getwd(), "build", "library")
  # A run that was cut off leaves its lock behind.
  unlink(Sys.glob(file.path(library_dir, "00LOCK*")), recursive = TRUE)

  # The repositories of the user; where R would ask for a mirror, the one that
  # the environment names, or the first of R's own list.
  repos <- getOption("repos", c(CRAN = "@CRAN@"))
  mirror <- Sys.getenv("CRAN_MIRROR")
  if (nzchar(mirror)) {
    repos[repos == "@CRAN@"] <- mirror
  }
  options(repos = repos)
  if ("@CRAN@" %in% repos) {
    utils::chooseCRANmirror(ind = 1, local.only = TRUE)
  }

  # The outputs are kept in the working directory.
  dir.create("build/logs", showWarnings = FALSE)
  setwd("build/logs")
  # What testthat is built on then needs no system library.
  Sys.setenv(USE_BUNDLED_LIBUV = Sys.getenv("USE_BUNDLED_LIBUV", "1"))

  cat("setup: installing from CRAN:", missing, "\n")
  options(timeout = max(300, getOption("timeout")))
  install.packages(
    missing,
    lib = library_dir, Ncpus = 2, quiet = TRUE, keep_outputs = TRUE
  )
  missing <- find_missing()
  if (length(missing) > 0) {
    cat("setup: could not install:", missing, "\n", file = stderr())
    cat("setup: what went wrong may be in build/logs\n", file = stderr())
    quit(status = 1)
  }
}
if (action == "missing") {
  writeLines(missing)
}
