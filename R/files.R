# Paths of files, tables in them (CSV, JSON lines, Parquet), and text turned
# into values.

# ---- Paths -------------------------------------------------------------------

check_path <- function(file, exists = FALSE, call = rlang::caller_env()) {
  if (missing(file)) {
    stop_missing("file", call)
  }
  if (!is.character(file) || length(file) != 1L || is.na(file)) {
    stop_argument("file", "must be the path of a file", describe(file),
                  call = call)
  }
  found <- if (exists) {
    file.exists(file) && !dir.exists(file)
  } else {
    dir.exists(dirname(file)) && !dir.exists(file)
  }
  if (!found && exists) {
    stop_argument("file", sprintf("does not exist: %s", describe(file)),
                  call = call)
  }
  if (!found) {
    stop_argument("file", "must be a path in an existing folder",
                  describe(file), call = call)
  }
}

# Nothing is replaced unless that is asked for.
check_not_there <- function(file, overwrite, call = rlang::caller_env()) {
  overwrite <- check_flag(overwrite, "overwrite", call = call)
  if (!overwrite && file.exists(file)) {
    stop_classed("file", c(
      sprintf("The file %s exists.", file),
      i = "Use another path, or `overwrite = TRUE`."
    ), argument = "file", call = call)
  }
}

# What the user says, or the file's name.
check_format <- function(format, file, call = rlang::caller_env()) {
  if (!is.null(format)) {
    return(check_choice(format, c("csv", "jsonl", "parquet"), "format", call))
  }
  end <- lower_ascii(sub(".*[.]", "", sub(packed_end, "", file)))
  switch(end, csv = , parquet = end, jsonl = , ndjson = "jsonl", stop_argument(
    "file", "must end in .csv, .jsonl, .ndjson or .parquet",
    describe(basename(file)),
    fix = "Or supply the format, such as format = \"csv\".", call = call
  ))
}

stop_file <- function(file, problem, call) {
  stop_classed("file", sprintf("The file %s could not be read: %s.", file,
                               sub("[.]$", "", problem)),
               argument = "file", call = call)
}

# ---- Bytes -------------------------------------------------------------------

# What the ends of names promise to be packed.
packed_end <- "[.](gz|bz2|xz)$"

# As bytes, so that no locale and no system changes a line's end. gzfile() also
# reads what is not packed, or packed by others.
read_bytes <- function(file) {
  con <- gzfile(file, "rb")
  on.exit(close(con))
  parts <- list()
  repeat {
    part <- readBin(con, "raw", 2^24)
    if (length(part) == 0L) break
    parts[[length(parts) + 1L]] <- part
  }
  bytes <- do.call(c, parts)
  # Without the mark that some programs put before UTF-8.
  if (length(bytes) >= 3L && all(bytes[1:3] == c(0xef, 0xbb, 0xbf))) {
    bytes <- bytes[-(1:3)]
  }
  bytes %||% raw()
}

# Packed where the name says so.
write_lines <- function(lines, file) {
  end <- regmatches(file, regexpr(packed_end, file))
  con <- switch(c(end, "")[1L], .gz = gzfile(file, "wb"),
                .bz2 = bzfile(file, "wb"), .xz = xzfile(file, "wb"),
                file(file, "wb"))
  on.exit(close(con))
  writeLines(to_utf8(lines), con, useBytes = TRUE)
}

write_utf8 <- function(lines, path) {
  con <- file(path, "w", encoding = "native.enc")
  on.exit(close(con))
  writeLines(to_utf8(lines), con, useBytes = TRUE)
}

# ---- CSV ---------------------------------------------------------------------

# All columns as text, byte for byte: a guess at types would turn the id "007"
# into 7. Rows that are too short are an error, as a program that was stopped
# may leave one. The attribute `quoted` says of each column which cells were.
read_text_csv <- function(file, call) {
  bytes <- read_bytes(file)
  cells <- split_csv(bytes, function(problem) stop_file(file, problem, call))
  header <- cells$text[, 1L]
  table <- lapply(seq_along(header), function(j) cells$text[j, -1L])
  names(table) <- header
  quoted <- lapply(seq_along(header), function(j) cells$quoted[j, -1L])
  structure(list2DF(table, ncol(cells$text) - 1L), quoted = quoted)
}

# list(text, quoted): matrices with a column for each line.
split_csv <- function(bytes, refuse) {
  if (any(bytes == 0L)) {
    refuse("it contains a zero byte")
  }
  quotes <- which(bytes == 0x22)
  ends <- which(bytes == 0x2c | bytes == 0x0a | bytes == 0x0d)
  # What is between quotes is no end; a doubled quote closes and opens again.
  ends <- ends[findInterval(ends, quotes) %% 2L == 0L]
  if (length(quotes) %% 2L == 1L) {
    refuse("a quote is not closed")
  }
  # A line feed takes the carriage return before it along.
  taken <- bytes[ends] == 0x0d & c(bytes, as.raw(0))[ends + 1L] == 0x0a
  before <- ends[taken]
  ends <- ends[!taken]
  from <- c(1L, ends + 1L)
  to <- c(ends - 1L - (ends - 1L) %in% before, length(bytes))
  closes <- c(bytes[ends] != 0x2c, TRUE)
  line <- cumsum(c(0L, closes[-length(closes)])) + 1L
  width <- tabulate(line)
  blank <- width[line] == 1L & to < from
  take_cells(bytes, from[!blank], to[!blank], line[!blank], refuse)
}

take_cells <- function(bytes, from, to, line, refuse) {
  if (length(from) == 0L) {
    refuse("it is empty")
  }
  width <- tabulate(match(line, unique(line)))
  short <- which(width != width[1L])
  if (length(short) > 0L) {
    refuse(sprintf("row %d has %d values and the header %d", short[1L] - 1L,
                   width[short[1L]], width[1L]))
  }
  quoted <- to > from & bytes[pmax(from, 1L)] == 0x22
  open <- quoted & bytes[pmax(to, 1L)] != 0x22
  if (any(open)) {
    refuse(sprintf("row %d has text after a closing quote",
                   match(line[open][1L], unique(line)) - 1L))
  }
  # Marked as bytes: positions in UTF-8 would be counted from the start.
  whole <- rawToChar(bytes)
  Encoding(whole) <- "bytes"
  text <- substring(whole, from + quoted, to - quoted)
  inner <- which(quoted)
  inner <- inner[grepl("\"\"", text[inner], fixed = TRUE, useBytes = TRUE)]
  text[inner] <- gsub("\"\"", "\"", text[inner], fixed = TRUE, useBytes = TRUE)
  Encoding(text) <- "UTF-8"
  list(text = matrix(text, width[1L]), quoted = matrix(quoted, width[1L]))
}

# As write.csv() writes a column, but with all digits that numbers have.
csv_cells <- function(x) {
  if (is.double(x)) {
    return(exact_text(x))
  }
  if (is.logical(x) || is.integer(x) && !is.factor(x)) {
    return(as.character(x))
  }
  x <- as.character(x)
  cells <- paste0("\"", gsub("\"", "\"\"", to_utf8(x), fixed = TRUE), "\"")
  replace(cells, is.na(x), "NA")
}

# ---- JSON lines --------------------------------------------------------------

read_text_jsonl <- function(file, call) {
  need_package("jsonlite", "to read JSON lines", call = call)
  bytes <- read_bytes(file)
  if (any(bytes == 0L)) {
    stop_file(file, "it contains a zero byte", call)
  }
  lines <- strsplit(rawToChar(bytes), "\r?\n", useBytes = TRUE)[[1L]]
  Encoding(lines) <- "UTF-8"
  broken <- !validUTF8(lines)
  lines[broken] <- iconv(lines[broken], "UTF-8", "UTF-8", sub = "\177")
  number <- grep("[^ \t\r]", lines)
  broken <- broken[number]
  lines <- plain_json(trimws(lines[number]))
  objects <- startsWith(lines, "{") & endsWith(lines, "}")
  array <- paste0("[", paste(lines, collapse = ","), "]")
  parse <- function() jsonlite::fromJSON(array, bigint_as_char = TRUE)
  table <- if (all(objects)) tryCatch(parse(), error = identity)
  if (!is.list(table) || inherits(table, "error")) {
    fine <- objects & vapply(lines, jsonlite::validate, NA)
    stop_file(file, sprintf("line %d is not a JSON object", number[!fine][1L]),
              call)
  }
  # Nothing that is wanted is an array, or an object within another.
  table <- as.data.frame(table)
  table <- table[vapply(table, is.atomic, NA)]
  table[] <- lapply(table, function(column) {
    text <- as_text(column)
    # Bytes that are no UTF-8 stay wrong, and matter where they are read.
    lost <- which(broken & grepl("\177", text, fixed = TRUE))
    replace(text, lost, bad_bytes)
  })
  table
}

# No text of anybody's.
bad_bytes <- `Encoding<-`("\xff", "UTF-8")

# What JSON does not know but Python writes; and long whole numbers, whose
# digits are those of an id, as text.
plain_json <- function(lines) {
  string <- "\"(?:[^\"\\\\]|\\\\.)*+\"(*SKIP)(*FAIL)|"
  odd <- grepl("NaN|Infinity", lines)
  lines[odd] <- gsub(paste0(string, "-?\\b(?:NaN|Infinity)\\b"), "null",
                     lines[odd], perl = TRUE)
  long <- grepl("[0-9]{16}", lines)
  lines[long] <- gsub(
    paste0(string, "(?<![0-9.eE+-])(-?[0-9]{16,})(?![0-9.eE])"), "\"\\1\"",
    lines[long], perl = TRUE
  )
  lines
}

# ---- Parquet -----------------------------------------------------------------

# Nothing that is wanted is a list.
read_parquet <- function(file, call) {
  need_package("nanoparquet", "to read Parquet", call = call)
  table <- tryCatch(as.data.frame(nanoparquet::read_parquet(file)),
                    error = function(e) {
                      stop_file(file, conditionMessage(e), call)
                    })
  table[vapply(table, is.atomic, NA)]
}

# ---- Text to values ----------------------------------------------------------

# An error with the rows that are wrong: their numbers are `row`.
refuse_values <- function(wrong, values, name, must, call,
                          row = seq_along(wrong), arg = "file") {
  if (any(wrong)) {
    rows <- row[wrong]
    stop_classed("audit", sprintf(
      "`%s` has %s in the column `%s` (%s): it must be %s.", arg,
      describe(values[wrong][1L]), name, name_rows(rows), must
    ), rows = rows, argument = arg, call = call)
  }
}

# As R, Python and JSON write it.
parse_unsafe <- function(text) {
  number <- suppressWarnings(as.numeric(text))
  verdict <- rep(NA, length(text))
  verdict[lower_ascii(text) %in% c("true", "t") | number %in% 1] <- TRUE
  verdict[lower_ascii(text) %in% c("false", "f") | number %in% 0] <- FALSE
  verdict
}

# A type that writes the same text, if there is one. What was quoted is text.
guess_type <- function(text, quoted = rep(FALSE, length(text))) {
  if (any(quoted)) {
    return(replace(text, text == "NA" & !quoted, NA))
  }
  value <- utils::type.convert(text, as.is = TRUE)
  same <- if (is.double(value)) exact_text(value) else as.character(value)
  same[is.na(same)] <- "NA"
  if (identical(same, text)) value else text
}
