# JSON in files of any size: lines or the records of one array, a few megabytes
# at a time. SQLite's functions take out of a record what is wanted of it, so
# that the rest of it never becomes objects of R.

# How many bytes are in memory at a time.
block_size <- 2^23

# ---- What is wanted ----------------------------------------------------------

# The members of a record that are read, the rest of it is not even parsed: in
# logs of agents, most of it. A value with a `needle` is only wanted where it
# contains that string.
want_members <- function(...) {
  needles <- c(...)
  named <- names(needles) %||% rep("", length(needles))
  bare <- !nzchar(named)
  list(names = ifelse(bare, needles, named),
       needles = ifelse(bare, NA_character_, needles), only = 1)
}

unwanted_members <- function(...) {
  names <- c(...)
  list(names = as.character(names),
       needles = rep(NA_character_, length(names)), only = 0)
}

# ---- Streams -----------------------------------------------------------------

# Calls `parse(text, number)` for groups of lines that are not empty, and
# returns its results as a list. Lines end at \n alone: texts may contain
# U+2028, which other functions take for an end. A last line that a program did
# not finish is left out: attribute `cut`.
stream_lines <- function(file, parse, wanted, call) {
  con <- gzfile(file, "rb")
  on.exit(close(con))
  rest <- raw()
  number <- 0
  found <- list()
  cut <- FALSE
  repeat {
    block <- read_block(con, file, call, length(rest))
    last <- length(block) == 0L
    bytes <- if (number == 0) drop_mark(c(rest, block)) else c(rest, block)
    ends <- find_byte(bytes, 0x0a)
    end <- if (length(ends) > 0L) ends[length(ends)] else 0
    if (last && end < length(bytes)) {
      end <- length(bytes)
      ends <- c(ends, end)
    }
    lines <- json_pieces(bytes, ends, wanted, file, call)
    rest <- drop_bytes(bytes, end)
    at <- number + seq_along(lines)
    number <- number + length(lines)
    there <- nzchar(lines)
    if (last && any(there) && !valid_json(lines[max(which(there))])) {
      there[max(which(there))] <- FALSE
      cut <- TRUE
    }
    if (any(there)) {
      result <- parse(clean_json(lines[there]), at[there])
      found <- c(found, list(result))
    }
    if (last) break
    forget_texts(length(found))
  }
  structure(found, cut = cut)
}

# R by itself lets the texts of many blocks pile up before it frees them.
forget_texts <- function(blocks) {
  if (blocks %% 8 == 7) gc(verbose = FALSE)
}

# One table of many with the same columns, NULL of none. rbind() would copy
# every column once for each table.
bind_tables <- function(tables) {
  tables <- Filter(Negate(is.null), tables)
  if (length(tables) == 0L) {
    return(NULL)
  }
  names <- names(tables[[1L]])
  columns <- lapply(stats::setNames(nm = names), function(name) {
    unlist(lapply(tables, `[[`, name), use.names = FALSE)
  })
  list2DF(columns, sum(vapply(tables, nrow, 0L)))
}

# Longer blocks for long records, which are searched from their beginning.
read_block <- function(con, file, call, at_least = 0) {
  tryCatch(readBin(con, "raw", max(block_size, at_least)), error = function(e) {
    stop_file(file, conditionMessage(e), call)
  })
}

drop_bytes <- function(bytes, n) {
  if (n < length(bytes)) bytes[(n + 1):length(bytes)] else raw()
}

# The mark of the order of bytes is no text.
drop_mark <- function(bytes) {
  marked <- length(bytes) >= 3L && all(bytes[1:3] == c(0xef, 0xbb, 0xbf))
  if (marked) bytes[-(1:3)] else bytes
}

find_byte <- function(bytes, byte) {
  core_value(.Call(ffi_find_byte, bytes, as.double(byte)))
}

# One text for each piece of `bytes`; pieces end at `ends`.
json_pieces <- function(bytes, ends, wanted, file, call) {
  refuse_zeros(bytes, file, call)
  core_value(.Call(ffi_json_pieces, bytes, as.double(ends), wanted))
}

refuse_zeros <- function(bytes, file, call) {
  if (length(find_byte(bytes, 0)) > 0L) {
    stop_file(file, "it contains a zero byte", call)
  }
}

bytes_to_text <- function(bytes, file, call) {
  refuse_zeros(bytes, file, call)
  text <- rawToChar(drop_mark(bytes))
  Encoding(text) <- "bytes"
  text
}

# One document with a long array of records at `path` (names from the top down),
# read in blocks. Returns the results as a list, and in the attribute `header`
# the document without the records: its members of `header`.
stream_document <- function(file, path, parse, wanted, header, call) {
  con <- gzfile(file, "rb")
  on.exit(close(con))
  bytes <- raw()
  begin <- -1
  while (begin < 0) {
    block <- read_block(con, file, call, length(bytes))
    bytes <- if (length(bytes) == 0L) drop_mark(block) else c(bytes, block)
    begin <- core_value(.Call(ffi_json_find, bytes, path))
    if (length(block) == 0L) break
  }
  if (begin < 0) {
    stop_file(file, "it is not valid JSON, or not all of it", call)
  }
  head <- bytes[seq_len(begin)]
  bytes <- drop_bytes(bytes, begin)
  found <- list()
  number <- 0
  while (begin > 0) {
    refuse_zeros(bytes, file, call)
    part <- core_value(.Call(ffi_json_array, bytes, wanted))
    bytes <- drop_bytes(bytes, part$used)
    at <- number + seq_along(part$text)
    number <- number + length(part$text)
    if (length(at) > 0L) {
      found <- c(found, list(parse(clean_json(part$text), at)))
    }
    if (part$closed) break
    forget_texts(length(found))
    block <- read_block(con, file, call, length(bytes))
    if (length(block) == 0L) {
      stop_file(file, "it ends in the middle of a record", call)
    }
    bytes <- c(bytes, block)
  }
  rest <- c(head, if (begin > 0) as.raw(0x5d), bytes, read_rest(con, file,
                                                                call))
  structure(found, header = clean_json(
    json_pieces(rest, length(rest), header, file, call)
  ))
}

read_rest <- function(con, file, call) {
  blocks <- list()
  repeat {
    block <- read_block(con, file, call)
    if (length(block) == 0L) break
    blocks <- c(blocks, list(block))
  }
  do.call(c, blocks)
}

# ---- Text that parsers read --------------------------------------------------

# What JSON does not know but Python writes becomes null; the character zero,
# at which parsers cut a text in silence, and halves of surrogate pairs become
# the replacement character.
clean_json <- function(text) {
  odd <- core_value(.Call(ffi_json_is_odd, text))
  if (any(odd)) text[odd] <- clean_odd_json(text[odd])
  text
}

clean_odd_json <- function(text) {
  has <- function(what) grepl(what, text, fixed = TRUE, useBytes = TRUE)
  string <- "\"[^\"\\\\]*+(?:\\\\.[^\"\\\\]*+)*+\"(*SKIP)(*FAIL)|"
  text <- gsub_where(has("NaN") | has("Infinity"),
                     paste0(string, "-?\\b(?:NaN|Infinity)\\b"), "null", text)
  # Only after an even number of backslashes is one more an escape.
  escape <- "(?<!\\\\)((?:\\\\\\\\)*+)"
  text <- gsub_where(has("\\u0000"), paste0(escape, "\\\\u0000"),
                     "\\1\\\\ufffd", text)
  half <- has("\\ud") | has("\\uD")
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
