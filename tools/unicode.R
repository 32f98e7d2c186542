# Writes src/core/unicode-tables.h from the tables that the package stringi
# carries: which characters are parts of words, and what folds their case.
# usage: Rscript tools/unicode.R

code <- c(0x80:0xD7FF, 0xE000:0xFDCF, 0xFDF0:0xFFFD, 0x10000:0x1FFFD,
          0x20000:0x2FFFD, 0x30000:0x3FFFD, 0xE0000:0xEFFFD)
text <- stringi::stri_enc_fromutf32(as.list(code))

# Runs of neighbours: list(first, last).
find_runs <- function(breaks, code) {
  list(first = code[breaks], last = code[c(which(breaks)[-1L] - 1L,
                                           length(code))])
}

# Letters, the marks upon them, and numbers.
word <- code[stringi::stri_detect_regex(text, "^[\\p{L}\\p{M}\\p{N}]$")]
words <- find_runs(c(TRUE, diff(word) != 1L), word)

# One character for one: where folding makes several, lower case may do.
one <- function(to) stringi::stri_length(to) == 1L
folded <- stringi::stri_trans_casefold(text)
lower <- stringi::stri_trans_tolower(text, locale = "en")
folded[!one(folded)] <- ifelse(one(lower), lower, text)[!one(folded)]
moved <- which(folded != text)
from <- code[moved]
shift <- unlist(stringi::stri_enc_toutf32(folded[moved])) - from
# Every one, or every second of a run, moves by the same number.
gap <- c(NA, diff(from))
same <- c(FALSE, diff(shift) == 0L)
follows <- function(by) same & !is.na(gap) & gap == by
by <- ifelse(follows(1L), 1L, ifelse(follows(2L), 2L, 0L))
by <- ifelse(by == 0L, c(by[-1L], 0L), by)
start <- !(same & !is.na(gap) & gap == by & c(0L, by[-length(by)]) == by)
folds <- find_runs(start, from)
step <- ifelse(folds$first == folds$last, 1L, by[start])

hex <- function(x) sprintf("0x%04X", x)
rows <- function(..., per_line) {
  cells <- paste0("{", paste(..., sep = ", "), "},")
  line <- (seq_along(cells) - 1L) %/% per_line
  paste0("    ", tapply(cells, line, paste, collapse = " "))
}
writeLines(c(
  sprintf("/* Of Unicode %s, made by tools/unicode.R. */",
          stringi::stri_info()$Unicode.version),
  "#ifndef TT_UNICODE_TABLES_H", "#define TT_UNICODE_TABLES_H", "",
  "#include <stdint.h>", "",
  "/* clang-format off */", "",
  "/* Letters, marks and numbers beyond ASCII: first and last of each run. */",
  "static const uint32_t word_runs[][2] = {",
  rows(hex(words$first), hex(words$last), per_line = 4L), "};", "",
  "/* Each `step`-th character of a run moves by `shift`. */",
  "typedef struct {",
  "  uint32_t first;", "  uint32_t last;", "  uint32_t step;",
  "  int32_t shift;", "} fold_run;", "",
  "static const fold_run fold_runs[] = {",
  rows(hex(folds$first), hex(folds$last), step, shift[start], per_line = 3L),
  "};", "", "#endif"
), "src/core/unicode-tables.h")
cat(length(words$first), "runs of words,", length(folds$first), "of folds,",
    length(from), "characters\n")
