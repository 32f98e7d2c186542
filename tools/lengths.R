# Checks that no function of R/ is longer than 80 lines, from `function` to its
# closing brace: a longer one does more than one thing. Those inside another one
# count as its lines.
#
# usage: Rscript tools/lengths.R    status 1 where one is longer

most <- 80L

# The lines of each function that a file defines, by name.
function_lines <- function(path) {
  code <- parse(path, keep.source = TRUE, encoding = "UTF-8")
  defines <- vapply(code, function(e) {
    is.call(e) && as.character(e[[1L]])[1L] %in% c("<-", "=") &&
      is.call(e[[3L]]) && identical(e[[3L]][[1L]], as.name("function"))
  }, NA)
  lines <- vapply(attr(code, "srcref")[defines], function(at) {
    at[[3L]] - at[[1L]] + 1L
  }, 0L)
  name <- vapply(code[defines], function(e) deparse(e[[2L]]), "")
  stats::setNames(lines, sprintf("%s in %s", name, basename(path)))
}

lines <- unlist(lapply(list.files("R", "[.]R$", full.names = TRUE),
                       function_lines))
# A check of nothing would always pass.
stopifnot(length(lines) > 0L)
long <- sort(lines[lines > most], decreasing = TRUE)
cat(sprintf("%s: %d lines", names(long), long), sep = "\n")
quit(status = as.integer(length(long) > 0L))
