# Batch jobs: by which name a request's draws are known again, and what readers
# of the services' formats share.

# ---- Which draws a request asks for ------------------------------------------

# The plan, the prompt's place in the plan's random order, which no sorting of
# rows changes, the first draw and how many there are. All services admit 64
# letters, digits, "_" and "-".
make_custom_ids <- function(plan, row, first, n) {
  sprintf("%s_%.0f_%.0f_%.0f", plan$plan_id[1L], plan$order[row], first, n)
}

# NA in all columns where it is none of ours.
read_custom_ids <- function(custom_id) {
  pattern <- paste0("^([0-9a-f]{32})", strrep("_([1-9][0-9]{0,14})", 3L), "$")
  ours <- grepl(pattern, custom_id, perl = TRUE)
  part <- function(k) {
    text <- sub(pattern, paste0("\\", k), custom_id[ours], perl = TRUE)
    replace(rep(NA_character_, length(custom_id)), ours, text)
  }
  data.frame(plan_id = part(1L), order = as.numeric(part(2L)),
             first = as.numeric(part(3L)), n = as.numeric(part(4L)))
}

# ---- Lines that were parsed --------------------------------------------------

# Of each object what is at the end of a path of names, NULL where there is no
# such path. Level by level, as there may be many.
dig <- function(objects, ...) {
  for (name in c(...)) {
    objects <- lapply(objects, function(x) if (is.list(x)) x[[name]])
  }
  objects
}

# NA where it is not one string, or not one number.
dig_text <- function(objects, ...) {
  vapply(dig(objects, ...), function(x) {
    if (is.character(x) && length(x) == 1L) x else NA_character_
  }, "")
}

dig_number <- function(objects, ...) {
  vapply(dig(objects, ...), function(x) {
    if (is.numeric(x) && length(x) == 1L) as.double(x) else NA_real_
  }, 0)
}

# Of lists of equal length, in each place the first element that is not NULL.
first_of <- function(...) {
  Reduce(function(a, b) {
    absent <- lengths(a) == 0L
    a[absent] <- b[absent]
    a
  }, list(...))
}

# Which objects have a field of this name; a function, as it looks once.
has_fields <- function(objects) {
  names <- lapply(objects, names)
  at <- rep(seq_along(objects), lengths(names))
  names <- unlist(names)
  function(name) tabulate(at[names == name], length(objects)) > 0L
}

# ---- What results say --------------------------------------------------------

# A format's reader takes the objects of lines, and returns for each request its
# answers (`choices`, as read_choices() reads them), NULL where there is none,
# then why not (`problem`), and whether a filter was the problem (`withheld`);
# and `input_tokens`, `output_tokens` and `cost`.

# Of those `asked`, which problem was a filter.
find_withheld <- function(problem, asked) {
  asked[asked] <- vapply(problem[asked], names_filter, NA)
  asked
}

# What each error says, in a line, behind the HTTP status where there is one.
say_problems <- function(errors, status = rep(NA, length(errors))) {
  said <- vapply(errors, function(error) {
    if (is.list(error)) {
      error <- unlist(error[c("code", "type", "message")])
    }
    paste(unique(error[!is.na(error)]), collapse = " ")
  }, "")
  text <- paste0(ifelse(is.na(status), "", paste("HTTP", status, "")), said)
  text <- substr(trimws(gsub("\\s+", " ", text)), 1L, 300L)
  ifelse(nzchar(text), text, "failed without a reason")
}
