# Text as it is, whatever the locale: its encoding, its case, and in sight what
# a terminal or a browser would act upon.

# ---- Encoding ----------------------------------------------------------------

# Marked as UTF-8. Where the locale knows ASCII only (a bare container, cron),
# text that was read from a file has no mark, and R would spell out its bytes.
to_utf8 <- function(x) {
  if (length(x) > 0L && is_ascii_locale()) {
    unknown <- Encoding(x) == "unknown"
    Encoding(x)[unknown] <- "UTF-8"
  }
  known <- Encoding(x) != "bytes"
  x[known] <- enc2utf8(x[known])
  x
}

is_ascii_locale <- function() {
  about <- l10n_info()
  !about$MBCS && !about$`Latin-1` &&
    isTRUE(about$codeset %in% c("ANSI_X3.4-1968", "US-ASCII", "ASCII", "646"))
}

# ---- Case --------------------------------------------------------------------

# tolower() asks the locale, and a Turkish one has another small i.
lower_ascii <- function(x) {
  chartr("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz", x)
}

# ---- Order -------------------------------------------------------------------

# The same in every locale. R's own way to do so takes a kilobyte for each byte
# of the longest text, so that long ones are ordered by what they hash to.
order_text <- function(x) {
  long <- any(nchar(x, "bytes") > 1000L)
  order(if (long) vapply(x, rlang::hash, "") else x, method = "radix")
}

# ---- In sight ----------------------------------------------------------------

# Control characters, which a terminal acts upon, and those that turn the
# direction of the text around them, so that it reads as something else.
acted_upon <- paste0("[\u0001-\u001f\u007f\u0080-\u009f\u061c\u200e\u200f",
                     "\u2028-\u202e\u2066-\u2069]")

# With these spelt out; `keep` are some that stay.
show_text <- function(x, keep = character()) {
  x <- to_utf8(x)
  broken <- !validUTF8(x)
  if (any(broken)) {
    Encoding(x)[broken] <- "UTF-8"
    x[broken] <- iconv(x[broken], "UTF-8", "UTF-8", sub = "byte")
  }
  at <- grep(acted_upon, x, perl = TRUE)
  if (length(at) > 0L) {
    found <- gregexpr(acted_upon, x[at], perl = TRUE)
    regmatches(x[at], found) <- lapply(regmatches(x[at], found), function(one) {
      ifelse(one %in% keep, one, spell_out(one))
    })
  }
  x
}

spell_out <- function(characters) {
  code <- vapply(characters, utf8ToInt, 0L)
  named <- c("\n" = "\\n", "\r" = "\\r", "\t" = "\\t")
  text <- named[characters]
  unname(ifelse(is.na(text), sprintf("\\u%04x", code), text))
}

# What a condition says: lines stay lines, colours of others' messages go.
show_message <- function(message) {
  plain <- gsub("\033\\[[0-9;]*m", "", message, useBytes = TRUE)
  Encoding(plain) <- Encoding(message)
  plain[] <- show_text(plain, keep = "\n")
  stats::setNames(plain, names(message))
}

# The text columns of a table that is printed.
show_columns <- function(table) {
  for (name in names(table)) {
    column <- table[[name]]
    if (is.factor(column)) {
      levels(column) <- show_text(levels(column))
    } else if (is.character(column) && is.null(dim(column))) {
      column[] <- show_text(column)
    }
    table[[name]] <- column
  }
  table
}
