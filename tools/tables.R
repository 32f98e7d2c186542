# The tables of the vignettes are those that the scripts of bench/ and of
# inst/experiments/ write: bench/ is not in the built package, so each of its
# documents is copied to vignettes/tables/, without its title.
# usage: Rscript tools/tables.R --write|--check

target <- "vignettes/tables"
headline <- "build/paper/headline.md"

# What a document of bench/ becomes inside a vignette.
as_child <- function(file) {
  lines <- readLines(file, encoding = "UTF-8")
  title <- startsWith(lines, "# ")
  lines <- lines[cumsum(title) > 0 & !title]
  # A section of the document is a subsection of the vignette.
  sub("^(#+) ", "#\\1 ", lines[-1])
}
documents <- function() list.files("bench", "[.]md$", full.names = TRUE)
children <- function() list.files(target, "[.]md$", full.names = TRUE)

# Files whose copy is missing or another one, and copies of nothing.
stale <- function() {
  sources <- documents()
  copies <- file.path(target, basename(sources))
  current <- vapply(seq_along(sources), function(i) {
    file.exists(copies[i]) &&
      identical(readLines(copies[i], encoding = "UTF-8"), as_child(sources[i]))
  }, NA)
  c(copies[!current], setdiff(children(), copies))
}

if (identical(commandArgs(TRUE), "--write")) {
  # `make paper` leaves its main table beside its other results.
  if (file.exists(headline)) {
    file.copy(headline, "bench/paper.md", overwrite = TRUE)
  }
  unlink(target, recursive = TRUE)
  dir.create(target)
  for (file in documents()) {
    writeLines(as_child(file), file.path(target, basename(file)),
               useBytes = TRUE)
  }
}
wrong <- stale()
if (length(wrong) > 0) {
  writeLines(paste0(wrong, ": not current; run `make tables`"))
}
quit(status = as.integer(length(wrong) > 0))
