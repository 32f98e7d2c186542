# JSON in files of any size: lines or the records of one array, a few megabytes
# at a time. SQLite's functions take out of a record what is wanted of it, so
# that the rest of it never becomes objects of R.

# How many bytes are in memory at a time.
block_size <- 2^24

# ---- Streams -----------------------------------------------------------------

# Calls `parse(text, number)` for groups of lines that are not empty, and
# returns its results as a list. Lines end at \n alone: texts may contain
# U+2028, which other functions take for an end. A last line that a program did
# not finish is left out: attribute `cut`.
stream_lines <- function(file, parse, call) {
  con <- gzfile(file, "rb")
  on.exit(close(con))
  rest <- raw()
  number <- 0
  found <- list()
  cut <- FALSE
  repeat {
    block <- read_block(con, file, call)
    last <- length(block) == 0L
    bytes <- c(rest, block)
    end <- if (last) length(bytes) else last_byte(bytes, 0x0a)
    rest <- drop_bytes(bytes, end)
    lines <- split_lines(bytes[seq_len(end)], file, call)
    at <- number + seq_along(lines)
    number <- number + length(lines)
    wanted <- grepl("[^ \t\r]", lines, useBytes = TRUE)
    if (last && length(lines) > 0L && !valid_json(lines[length(lines)])) {
      wanted[length(lines)] <- FALSE
      cut <- TRUE
    }
    if (any(wanted)) {
      result <- parse(clean_json(lines[wanted]), at[wanted])
      found <- c(found, list(result))
    }
    if (last) break
  }
  structure(found, cut = cut)
}

read_block <- function(con, file, call) {
  tryCatch(readBin(con, "raw", block_size), error = function(e) {
    stop_file(file, conditionMessage(e), call)
  })
}

drop_bytes <- function(bytes, n) {
  if (n < length(bytes)) bytes[(n + 1L):length(bytes)] else raw()
}

last_byte <- function(bytes, byte) {
  at <- which(bytes == byte)
  if (length(at) > 0L) at[length(at)] else 0L
}

split_lines <- function(bytes, file, call) {
  strsplit(bytes_to_text(bytes, file, call), "\n", fixed = TRUE,
           useBytes = TRUE)[[1L]]
}

bytes_to_text <- function(bytes, file, call) {
  if (any(bytes == 0L)) {
    stop_file(file, "it contains a zero byte", call)
  }
  if (length(bytes) >= 3L && all(bytes[1:3] == c(0xef, 0xbb, 0xbf))) {
    bytes <- bytes[-(1:3)]
  }
  text <- rawToChar(bytes)
  Encoding(text) <- "bytes"
  text
}

# One document with a long array of records at `path` (names from the top down).
# Written with an indent of two, as tools do, it is read in blocks; otherwise
# whole. Returns the results as a list, and in the attribute `header` the
# document without the records.
stream_document <- function(file, path, parse, call) {
  con <- gzfile(file, "rb")
  on.exit(close(con))
  bytes <- read_block(con, file, call)
  indent <- function(n) strrep("  ", n)
  depth <- length(path)
  open <- sprintf("\n%s\"%s\": [", indent(depth), path[depth])
  close <- sprintf("\n%s]", indent(depth))
  end <- sprintf("\n%s}", indent(depth + 1L))
  repeat {
    at <- grepRaw(open, bytes, fixed = TRUE)
    block <- if (length(at) == 0L) read_block(con, file, call)
    if (length(block) == 0L) break
    bytes <- c(bytes, block)
  }
  if (length(at) == 0L) {
    return(whole_document(bytes, path, parse, file, call))
  }
  begin <- at + nchar(open) - 1L
  head <- bytes[seq_len(begin)]
  bytes <- drop_bytes(bytes, begin)
  found <- list()
  number <- 0
  repeat {
    closed <- grepRaw(close, bytes, fixed = TRUE)
    if (length(bytes) > 0L && bytes[1L] == 0x5d) closed <- 0L
    ends <- as.integer(grepRaw(end, bytes, fixed = TRUE, all = TRUE))
    if (length(closed) > 0L) ends <- ends[ends < closed]
    ends <- ends + nchar(end) - 1L
    if (length(ends) > 0L) {
      texts <- cut_records(bytes, ends, file, call)
      at <- number + seq_along(ends)
      found <- c(found, list(parse(clean_json(texts), at)))
      number <- number + length(ends)
      bytes <- drop_bytes(bytes, ends[length(ends)])
      if (length(closed) > 0L) closed <- closed - ends[length(ends)]
    }
    if (length(closed) > 0L) break
    block <- read_block(con, file, call)
    if (length(block) == 0L) {
      stop_file(file, "it ends in the middle of a record", call)
    }
    bytes <- c(bytes, block)
  }
  tail <- drop_bytes(bytes, max(0L, closed - 1L))
  repeat {
    block <- read_block(con, file, call)
    if (length(block) == 0L) break
    tail <- c(tail, block)
  }
  header <- bytes_to_text(c(head, tail), file, call)
  structure(found, header = clean_json(header))
}

cut_records <- function(bytes, ends, file, call) {
  text <- bytes_to_text(bytes[seq_len(ends[length(ends)])], file, call)
  from <- c(1L, ends[-length(ends)] + 1L)
  sub("^[,\\s]*", "", substring(text, from, ends), perl = TRUE,
      useBytes = TRUE)
}

whole_document <- function(bytes, path, parse, file, call) {
  text <- clean_json(bytes_to_text(bytes, file, call))
  where <- paste0("'$.", paste(path, collapse = "."), "'")
  if (!valid_json(text)) {
    stop_file(file, "it is not valid JSON", call)
  }
  records <- query_json(text, sprintf(
    "SELECT value AS x FROM json_each(:x, %s)", where
  ))$x
  header <- query_json(text, sprintf(
    "SELECT json_remove(:x, %s) AS x", where
  ))$x
  found <- if (length(records) > 0L) list(parse(records, seq_along(records)))
  structure(as.list(found), header = header)
}

# ---- Text that parsers read --------------------------------------------------

# What JSON does not know but Python writes becomes null; the character zero,
# at which parsers cut a text in silence, and halves of surrogate pairs become
# the replacement character.
clean_json <- function(text) {
  odd <- grepl("NaN", text, fixed = TRUE, useBytes = TRUE) |
    grepl("Infinity", text, fixed = TRUE, useBytes = TRUE)
  string <- "\"[^\"\\\\]*+(?:\\\\.[^\"\\\\]*+)*+\"(*SKIP)(*FAIL)|"
  text <- gsub_where(odd, paste0(string, "-?\\b(?:NaN|Infinity)\\b"), "null",
                     text)
  # Only after an even number of backslashes is one more an escape.
  escape <- "(?<!\\\\)((?:\\\\\\\\)*+)"
  zero <- grepl("\\u0000", text, fixed = TRUE, useBytes = TRUE)
  text <- gsub_where(zero, paste0(escape, "\\\\u0000"), "\\1\\\\ufffd", text)
  half <- grepl("\\ud", text, fixed = TRUE, useBytes = TRUE) |
    grepl("\\uD", text, fixed = TRUE, useBytes = TRUE)
  high <- "\\\\u[dD][89abAB][0-9a-fA-F]{2}"
  low <- "\\\\u[dD][c-fC-F][0-9a-fA-F]{2}"
  text <- gsub_where(half, paste0(escape, high, "(?!", low, ")"),
                     "\\1\\\\ufffd", text)
  text <- gsub_where(half, paste0("(?<!", high, ")", low), "\\\\ufffd", text)
  scrub_text(text)
}

gsub_where <- function(at, pattern, new, text) {
  if (any(at)) {
    text[at] <- gsub(pattern, new, text[at], perl = TRUE, useBytes = TRUE)
  }
  text
}

# As UTF-8, with U+FFFD for bytes that are none.
scrub_text <- function(text) {
  Encoding(text) <- "UTF-8"
  broken <- !is.na(text) & !validUTF8(text)
  if (any(broken)) {
    text[broken] <- iconv(text[broken], "UTF-8", "UTF-8", sub = "\ufffd")
    Encoding(text) <- "UTF-8"
  }
  text
}

# ---- Queries -----------------------------------------------------------------

# The result of an SQL query for each text `:x`, `:i` its number, as a data
# frame of text.
query_json <- function(text, sql) {
  if (length(text) == 0L) {
    return(query_json("{}", sql)[0L, , drop = FALSE])
  }
  con <- DBI::dbConnect(RSQLite::SQLite(), ":memory:")
  on.exit(DBI::dbDisconnect(con))
  params <- list(x = text)
  if (grepl(":i\\b", sql)) params$i <- seq_along(text)
  table <- DBI::dbGetQuery(con, sql, params = params)
  table[] <- lapply(table, function(column) {
    if (is.character(column)) scrub_text(column) else as.character(column)
  })
  table
}

# One row for each record, with a column for each of the named expressions of
# SQL about the record `x`.
extract_fields <- function(text, fields) {
  query_json(text, sprintf("SELECT %s FROM (SELECT :x AS x)", paste(
    sprintf("CAST(%s AS TEXT) AS \"%s\"", fields, names(fields)),
    collapse = ", "
  )))
}

# The same of records of a file, which is blamed where one cannot be read;
# `number` says which each is, and is a column of the result.
extract_records <- function(text, fields, number, file, what, call) {
  found <- tryCatch(extract_fields(text, fields), error = function(e) {
    check_json(text, number, file, what, call)
    stop_file(file, conditionMessage(e), call)
  })
  found$number <- number
  found
}

at_path <- function(path) sprintf("json_extract(x, '$.%s')", path)

# Text, or the text parts of a list of parts.
text_at <- function(x, path) {
  sprintf(paste(
    "CASE json_type(%1$s, '$.%2$s') WHEN 'array' THEN",
    "(SELECT group_concat(CASE part.type WHEN 'text' THEN part.value ELSE",
    "json_extract(part.value, '$.text') END, '')",
    "FROM json_each(%1$s, '$.%2$s') AS part WHERE part.type = 'text' OR",
    "part.type = 'object' AND json_extract(part.value, '$.type') = 'text')",
    "ELSE json_extract(%1$s, '$.%2$s') END"
  ), x, path)
}

valid_json <- function(text) {
  query_json(clean_json(text), "SELECT json_valid(:x) AS valid")$valid == "1"
}

# The error of a query, with the lines or records that are to blame.
check_json <- function(text, number, file, what, call) {
  wrong <- !valid_json(text)
  if (any(wrong)) {
    stop_file(file, sprintf("%s %.0f is not valid JSON", what,
                            number[wrong][1L]), call)
  }
}

# A small document as an R list.
parse_json <- function(text) {
  jsonlite::fromJSON(text, simplifyVector = FALSE, bigint_as_char = TRUE)
}
