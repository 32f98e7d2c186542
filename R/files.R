# Paths of files, tables of text in them (CSV and JSON lines), and text turned
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
    return(check_choice(format, c("csv", "jsonl"), "format", call))
  }
  end <- tolower(sub(".*[.]", "", sub("[.]gz$", "", file)))
  switch(end, csv = "csv", jsonl = , ndjson = "jsonl", stop_argument(
    "file", "must end in .csv, .jsonl or .ndjson", describe(basename(file)),
    fix = "Or supply the format: format = \"csv\" or \"jsonl\".", call = call
  ))
}

stop_file <- function(file, problem, call) {
  stop_classed("file", sprintf("The file %s could not be read: %s.", file,
                               sub("[.]$", "", problem)),
               argument = "file", call = call)
}

# ---- Tables of text ----------------------------------------------------------

# All columns as text: a guess at types would turn the id "007" into 7. Rows
# that are too short are an error, as a program that was stopped may leave one.
read_text_csv <- function(file, call) {
  refuse <- function(e) stop_file(file, conditionMessage(e), call)
  table <- tryCatch(
    utils::read.csv(text = read_lines(file), colClasses = "character",
                    fill = FALSE, na.strings = character(), strip.white = FALSE,
                    check.names = FALSE, encoding = "UTF-8"),
    warning = refuse, error = refuse
  )
  table
}

# Without the mark that some programs put before UTF-8.
read_lines <- function(file) {
  lines <- readLines(file, warn = FALSE, encoding = "UTF-8")
  sub("^\ufeff", "", lines)
}

read_text_jsonl <- function(file, call) {
  need_package("jsonlite", "to read JSON lines", call = call)
  lines <- trimws(read_lines(file))
  number <- which(nzchar(lines))
  lines <- lines[number]
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
  table[] <- lapply(table, as_text)
  table
}

# As write.csv() writes a column, but with all digits that numbers have.
csv_cells <- function(x) {
  if (is.double(x)) {
    return(exact_text(x))
  }
  if (!is.character(x)) {
    return(as.character(x))
  }
  cells <- paste0("\"", gsub("\"", "\"\"", enc2utf8(x), fixed = TRUE), "\"")
  replace(cells, is.na(x), "NA")
}

write_utf8 <- function(lines, path) {
  con <- file(path, "w", encoding = "native.enc")
  on.exit(close(con))
  writeLines(enc2utf8(lines), con, useBytes = TRUE)
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
  verdict[tolower(text) %in% c("true", "t") | number %in% 1] <- TRUE
  verdict[tolower(text) %in% c("false", "f") | number %in% 0] <- FALSE
  verdict
}

# A type that writes the same text, if there is one.
guess_type <- function(text) {
  value <- utils::type.convert(text, as.is = TRUE)
  same <- as.character(value)
  if (is.double(value)) {
    same <- exact_text(value)
  }
  same[is.na(same)] <- "NA"
  if (identical(same, text)) value else text
}
