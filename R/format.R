# Numbers and values as text: for people (print methods, messages) and, digit by
# digit, for files.

# ---- Lines and numbers -------------------------------------------------------

say <- function(...) {
  cat(show_text(sprintf(...), keep = "\n"), "\n", sep = "")
}

big <- function(x, digits = 4) {
  format(x, digits = digits, big.mark = ",", scientific = max(abs(x)) >= 1e9)
}

# "1 prompt", "2,000 prompts"
counted <- function(n, what) {
  paste0(big(n), " ", what, if (n != 1) "s")
}

share <- function(x) {
  paste0(format(100 * x, digits = 3), "%")
}

# Targets such as 0.9999 keep their digits.
target <- function(alpha) {
  paste0(format(100 * (1 - alpha), digits = 12), "%")
}

# "a to b (median c)"
spread <- function(x, digits = 3) {
  q <- stats::quantile(x, c(0, 0.5, 1), names = FALSE, type = 1)
  f <- vapply(q, format, "", digits = digits, big.mark = ",")
  sprintf("%s to %s (median %s)", f[1L], f[3L], f[2L])
}

# ---- Names and values --------------------------------------------------------

# "a", "b" and 3 more
list_names <- function(names, most = 5L) {
  more <- length(names) - most
  shown <- show_text(utils::head(as.character(names), most))
  shown <- paste0("\"", shown, "\"", collapse = ", ")
  if (more > 0L) paste0(shown, " and ", more, " more") else shown
}

# "row 4", "rows 4 and 9", "rows 4, 9, 12 and 30 more"
name_rows <- function(rows) {
  n <- length(rows)
  shown <- if (n > 4L) c(rows[1:3], paste(n - 3L, "more")) else rows
  last <- length(shown)
  if (n == 1L) {
    return(paste("row", rows))
  }
  sprintf("rows %s and %s", paste(shown[-last], collapse = ", "), shown[last])
}

lower_first <- function(x) {
  sub("^(.)", "\\L\\1", x, perl = TRUE)
}

shorten <- function(x, most) {
  # Lines of a report's cells stay; those of a print are spelt out by its page.
  x <- show_text(x, keep = c("\n", "\t"))
  ifelse(nchar(x) > most, paste0(substr(x, 1L, most), " \u2026"), x)
}

# What was found in place of what was wanted: "not a data frame with 3 rows".
describe <- function(x) {
  if (is.null(x)) {
    return("NULL")
  }
  if (is.data.frame(x)) {
    return(sprintf("a data frame with %d rows", nrow(x)))
  }
  if (is.function(x)) {
    return("a function")
  }
  if (is.atomic(x) && length(x) == 1L && !is.object(x)) {
    if (is.character(x) && !is.na(x)) {
      return(paste0("\"", substr(show_text(x), 1L, 40L), "\""))
    }
    return(format(x))
  }
  if (length(dim(x)) == 2L) {
    return(sprintf("a %s with %d rows and %d columns", class(x)[1L], nrow(x),
                   ncol(x)))
  }
  sprintf("an object of class %s and length %d", class(x)[1L], length(x))
}

# Says what is admitted: "[0, 1]", "(0, Inf)" and so on.
range_text <- function(min, max, open) {
  if (is.infinite(min) && is.infinite(max)) {
    return("")
  }
  if (is.infinite(max)) {
    return(paste(if (open[1L]) " above" else " of at least", min))
  }
  if (is.infinite(min)) {
    return(paste(if (open[2L]) " below" else " of at most", max))
  }
  if (all(open)) {
    return(paste(" strictly between", min, "and", max))
  }
  paste0(" ", if (open[1L]) "above " else "from ", min,
         if (open[2L]) " and below " else " to ", max)
}

# ---- For files ---------------------------------------------------------------

# The same after a trip through a file: numbers with the digits of write.csv(),
# whole ones with all of theirs. Subset, because R may represent the same text
# in several ways.
as_text <- function(x) {
  text <- if (is_integer64(x)) {
    integer64_text(x)
  } else if (is.double(x)) {
    plain_digits(x)
  } else {
    as.character(x)
  }
  text[is.na(x)] <- NA
  to_utf8(text)[seq_along(text)]
}

# A whole number of 16 digits is an id of somebody's: none may be lost.
plain_digits <- function(x) {
  x <- as.vector(unclass(x))
  text <- with_point(sprintf("%.15g", x))
  long <- which(abs(x) >= 1e15 & abs(x) <= 2^53 & x == floor(x))
  text[long] <- sprintf("%.0f", x[long])
  text
}

# As few digits as R needs to read the same number back.
exact_text <- function(x) {
  text <- with_point(sprintf("%.15g", x))
  for (digits in 16:17) {
    lossy <- which(suppressWarnings(as.numeric(text)) != x)
    text[lossy] <- with_point(sprintf("%.*g", digits, x[lossy]))
  }
  text[is.na(x) & !is.nan(x)] <- NA
  text
}

# Under a numeric locale C's functions write a comma, which none of R's read.
with_point <- function(text) gsub(",", ".", text, fixed = TRUE)
