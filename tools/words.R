# Finds the words of words.txt in code, help and prose, and prints file:line for
# each. A phrase may continue in the next line. Exits with status 1 if there is
# one.
# usage: Rscript tools/words.R

read_table <- function(file) {
  lines <- readLines(file, encoding = "UTF-8")
  lines <- lines[nzchar(lines) & !startsWith(lines, "#")]
  parts <- strsplit(lines, "\t", fixed = TRUE)
  stopifnot(lengths(parts) == 2L)
  data.frame(first = vapply(parts, `[`, "", 1L),
             second = vapply(parts, `[`, "", 2L))
}
words <- read_table("tools/words.txt")
allowed <- read_table("tools/words-allowed.txt")

# Whole words, not inside a longer name.
patterns <- sprintf("(?i)(?<![A-Za-z0-9_.])(?:%s)(?![A-Za-z0-9_])", words$first)
# One that ends with a quotation mark ends there.
quoted <- endsWith(words$first, "\"")
patterns[quoted] <- sub("[(][?]!.*$", "", patterns[quoted])
any_word <- paste(patterns, collapse = "|")

files <- c(
  "README.md", "NEWS.md", "DESCRIPTION",
  list.files(c("R", "src", "tests", "man", "vignettes", "inst", "bench"),
             "[.](R|c|h|Rd|Rmd|md|css|html|csv)$",
             recursive = TRUE, full.names = TRUE)
)

# The text of a line without what begins a comment.
bare <- function(lines) sub("^\\s*(#'?|[*]|//|/[*])?\\s*", "", lines)

find_words <- function(file) {
  lines <- readLines(file, warn = FALSE, encoding = "UTF-8")
  nearby <- paste(lines, c(bare(lines[-1]), "")[seq_along(lines)])
  for (at in grep(any_word, nearby, perl = TRUE)) {
    for (k in seq_along(patterns)) {
      start <- regexpr(patterns[k], nearby[at], perl = TRUE)
      if (start > 0 && start <= nchar(lines[at]) &&
            !is_allowed(file, lines[at])) {
        found <- substring(nearby[at], start,
                           start + attr(start, "match.length") - 1)
        found_words[[length(found_words) + 1L]] <<-
          sprintf("%s:%d: \"%s\" is now: %s", file, at, found,
                  words$second[k])
      }
    }
  }
}
is_allowed <- function(file, line) {
  here <- file == allowed$first |
    (endsWith(allowed$first, "/") & startsWith(file, allowed$first))
  any(vapply(allowed$second[here], grepl, NA, line, perl = TRUE))
}

found_words <- list()
for (file in files) {
  find_words(file)
}
writeLines(as.character(found_words))
quit(status = as.integer(length(found_words) > 0))
