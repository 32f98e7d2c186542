# Tables with a class of ours: what may be done to one so that it still means
# the same, for base R and for dplyr alike. Whatever does not is a plain data
# frame.

#' Tables with a class
#'
#' Plans, audits, draws, logs, assessments, risks, forecasts, back-tests, advice
#' and studies are data frames with a class, which says what their rows and
#' columns mean. What one does to them with base R or dplyr keeps the class, and
#' whatever the table carries (the hazard of a plan, say), exactly where that
#' stays true.
#'
#' * Rows may be filtered and sorted, columns added, moved, and taken into
#'   groups by [dplyr::group_by()]: the class stays.
#' * Without one of its own columns, with another value in one, with a row
#'   twice, or without rows, it is a plain data frame. (The `prompt` of a plan
#'   or an audit may go or change, and a [response_log] may be edited, or be
#'   empty, as long as it stays a valid one.)
#' * `rbind()` and [dplyr::bind_rows()] keep the class where rows say all about
#'   themselves: parts of one plan, draws of several prompts, logs, assessments
#'   of several bounds (each row has its own nominal coverage) and studies.
#'   Risks, forecasts, back-tests and advice, of which much is said of all rows
#'   together, become plain.
#'
#' `as.data.frame()` and [tidy()][tidiers] give the plain data frame.
#'
#' @param x,_data A table of this package.
#' @param ...,name,value,y,row.names,optional As for data frames.
#' @returns A table of the same class, or a plain data frame.
#' @examples
#' set.seed(1)
#' p <- 10^runif(100, -3, -1)
#' hazard <- as_hazard(function(newdata) newdata$p)
#' plan <- plan_audit(hazard, as.character(1:100), budget = 20,
#'                    newdata = data.frame(p), delta = NULL)
#' plan$band <- ifelse(plan$prob > 0.01, "risky", "calm")
#' class(plan[order(plan$prob), ])
#' class(plan[c("id", "prob")])
#' @name tables
NULL

new_table <- function(rows, class, ...) {
  structure(rows, ..., class = c(class, "timetounsafe_table", "data.frame"))
}

# ---- What a class means ------------------------------------------------------

# `columns`: those that the class needs, as they were. `key`: those of them that
# tell rows apart. `bind`: what holds of rows of several tables, a function of
# the rows and of what was said of each table, both as lists; NULL where nothing
# does. `valid`: a function that says whether rows are such a table, whatever
# they were before.
new_table_rule <- function(columns, key = columns,
                           bind = function(rows, parts) NULL, valid = NULL) {
  list(columns = columns, key = key, bind = bind, valid = valid)
}

# The rule of an object's class.
table_rule <- function(x) {
  UseMethod("table_rule")
}

# Only what is said of all tables alike.
agreed <- function(rows, parts) {
  same <- vapply(names(parts[[1L]]), function(name) {
    all(vapply(parts[-1L], function(part) {
      identical(part[[name]], parts[[1L]][[name]])
    }, NA))
  }, NA)
  parts[[1L]][same]
}

# ---- Whether rows are still such a table -------------------------------------

# `rows`, made of `old`, as a table of the same class, where they still are one.
# `parts` are the tables that were bound together.
restore_table <- function(rows, old, parts = list(old)) {
  rows <- bare_table(rows)
  rule <- table_rule(old)
  about <- if (has_columns(rows, rule$columns)) {
    if (!is.null(rule$valid)) {
      if (rule$valid(rows)) bind_about(rows, parts, rule)
    } else if (nrow(rows) > 0L) {
      still_about(rows, old, parts, rule)
    }
  }
  if (is.null(about)) {
    return(rows)
  }
  for (name in names(about)) {
    attr(rows, name) <- about[[name]]
  }
  class(rows) <- c(own_classes(old), class(rows))
  rows
}

# What may be said of `rows`, or NULL where they are no such table.
still_about <- function(rows, old, parts, rule) {
  twice <- anyDuplicated(row_text(rows, rule$key)) > 0L
  if (length(parts) > 1L) {
    if (!twice) bind_about(rows, parts, rule)
  } else if (is_part(rows, old, rule)) {
    about_table(old)
  } else if (!twice && is_part(old, rows, rule)) {
    # Of the other rows no more is known than what they say.
    rule$bind(rows, list(about_table(old), list()))
  }
}

bind_about <- function(rows, parts, rule) {
  parts <- lapply(parts, about_table)
  if (length(parts) == 1L) parts[[1L]] else rule$bind(rows, parts)
}

has_columns <- function(rows, columns) {
  all(columns %in% names(rows)) && anyDuplicated(names(rows)) == 0L
}

# Whether each row of `rows` is one of `all`, and none is there twice.
is_part <- function(rows, all, rule) {
  if (!has_columns(all, rule$columns)) {
    return(FALSE)
  }
  same <- function(at) {
    all(vapply(rule$columns, function(name) {
      is_same_column(rows[[name]], if (is.null(at)) {
        all[[name]]
      } else {
        take_rows(all[[name]], at)
      })
    }, NA))
  }
  if (nrow(rows) == nrow(all) && same(NULL)) {
    return(TRUE)
  }
  at <- match(row_tags(rows, rule$key), row_tags(all, rule$key))
  !anyNA(at) && same(at)
}

is_same_column <- function(a, b) {
  plain <- function(x) if (is.numeric(x)) as.double(x) else as.vector(x)
  identical(a, b) || identical(plain(a), plain(b))
}

# Rows as text.
row_text <- function(rows, key) {
  do.call(paste, c(lapply(unname(as.list(rows)[key]), function(x) {
    if (is.double(x)) sprintf("%a", x) else as_text(x)
  }), sep = "\r"))
}

# Those that are alike are numbered, so that each counts once.
row_tags <- function(rows, key) {
  text <- row_text(rows, key)
  first <- match(text, text)
  paste(text, stats::ave(first, first, FUN = seq_along), sep = "\r")
}

# ---- The table itself --------------------------------------------------------

own_classes <- function(x) {
  class(x)[seq_len(match("timetounsafe_table", class(x)))]
}

# What is said of the table as a whole.
about_table <- function(x) {
  attributes(x)[setdiff(names(attributes(x)), frame_attributes)]
}

# `groups` are dplyr's.
frame_attributes <- c("names", "row.names", "class", "groups")

# Without our class: a data frame, which dplyr may have taken into groups.
bare_table <- function(x) {
  if (inherits(x, "timetounsafe_table")) {
    for (name in names(about_table(x))) {
      attr(x, name) <- NULL
    }
    class(x) <- setdiff(class(x), own_classes(x))
  }
  x
}

# Without groups of dplyr's.
ungrouped_table <- function(x) {
  if (inherits(x, "tbl_df")) {
    attr(x, "groups") <- NULL
    class(x) <- setdiff(class(x), c("grouped_df", "rowwise_df", "tbl_df",
                                    "tbl"))
  }
  x
}

# ---- Base R ------------------------------------------------------------------

#' @rdname tables
#' @export
`[.timetounsafe_table` <- function(x, ...) {
  rows <- bare_table(x)[...]
  if (is.data.frame(rows)) restore_table(rows, x) else rows
}

#' @rdname tables
#' @export
`[<-.timetounsafe_table` <- function(x, ..., value) {
  rows <- bare_table(x)
  rows[...] <- value
  restore_table(rows, x)
}

#' @rdname tables
#' @export
`[[<-.timetounsafe_table` <- function(x, ..., value) {
  rows <- bare_table(x)
  rows[[...]] <- value
  restore_table(rows, x)
}

#' @rdname tables
#' @export
`$<-.timetounsafe_table` <- function(x, name, value) {
  rows <- bare_table(x)
  rows[[name]] <- value
  restore_table(rows, x)
}

#' @rdname tables
#' @export
`names<-.timetounsafe_table` <- function(x, value) {
  rows <- bare_table(x)
  names(rows) <- value
  restore_table(rows, x)
}

#' @rdname tables
#' @export
rbind.timetounsafe_table <- function(...) {
  parts <- Filter(Negate(is.null), list(...))
  classes <- unique(lapply(parts, class))
  bare <- lapply(unname(parts), bare_table)
  if (length(classes) > 1L) {
    return(do.call(rbind, bare))
  }
  # Columns that only some of the tables know.
  all <- unique(unlist(lapply(bare, names)))
  rows <- do.call(rbind, lapply(bare, function(part) {
    part[setdiff(all, names(part))] <- NA
    part
  }))
  restore_table(rows, parts[[1L]], parts)
}

#' @rdname tables
#' @export
cbind.timetounsafe_table <- function(...) {
  rows <- data.frame(..., check.names = FALSE)
  first <- ..1
  if (inherits(first, "timetounsafe_table")) restore_table(rows, first) else
    rows
}

#' @rdname tables
#' @export
merge.timetounsafe_table <- function(x, y, ...) {
  restore_table(merge(bare_table(x), bare_table(y), ...), x)
}

#' @rdname tables
#' @export
transform.timetounsafe_table <- function(`_data`, ...) {
  restore_table(NextMethod(), `_data`)
}

#' @rdname tables
#' @export
as.data.frame.timetounsafe_table <- function(x, row.names = NULL,
                                             optional = FALSE, ...) {
  as.data.frame(bare_table(x), row.names, optional, ...)
}

# ---- dplyr -------------------------------------------------------------------

#' @exportS3Method dplyr::dplyr_reconstruct
dplyr_reconstruct.timetounsafe_table <- function(data, template) {
  rows <- dplyr::dplyr_reconstruct(bare_table(data), bare_table(template))
  restore_table(rows, template)
}

#' @exportS3Method dplyr::dplyr_row_slice
dplyr_row_slice.timetounsafe_table <- function(data, i, ...) {
  restore_table(dplyr::dplyr_row_slice(bare_table(data), i, ...), data)
}

#' @exportS3Method dplyr::dplyr_col_modify
dplyr_col_modify.timetounsafe_table <- function(data, cols) {
  restore_table(dplyr::dplyr_col_modify(bare_table(data), cols), data)
}

#' @exportS3Method dplyr::group_by
group_by.timetounsafe_table <- function(.data, ...) {
  restore_table(NextMethod(), .data)
}

#' @exportS3Method dplyr::rowwise
rowwise.timetounsafe_table <- function(data, ...) {
  restore_table(NextMethod(), data)
}

#' @exportS3Method dplyr::ungroup
ungroup.timetounsafe_table <- function(x, ...) {
  restore_table(ungrouped_table(as.data.frame(NextMethod())), x)
}
