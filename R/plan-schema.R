# The columns of plans and audits, each written down once: their names, their
# checks, the types of a file, what the plan's hash and sum seal, and the lists
# of the help are made from this table.

# `part`: "row", a value for each prompt; "constant", one for the plan, repeated
# in each row of a table; "outcome", what an audit adds. `sealed`: "hash", what
# plan_id must be true to; "sum", numbers that lose digits in a file, so that
# they are summed; "no". `start`: what an outcome is before a draw. Only some
# plans have what is `optional`.
schema_field <- function(name, part, type, what, min = -Inf, max = Inf,
                         open = c(FALSE, FALSE), whole = FALSE,
                         may_be_na = FALSE, choices = NULL, sealed = "no",
                         start = NULL, optional = FALSE) {
  list(name = name, part = part, type = type, what = what, min = min, max = max,
       open = open, whole = whole, may_be_na = may_be_na, choices = choices,
       sealed = sealed, start = start, optional = optional)
}

plan_schema <- list(
  schema_field("id", "row", "id", "identifies the prompt", sealed = "hash"),
  schema_field("prompt", "row", "prompt", "the prompt itself"),
  schema_field("cluster", "row", "id",
               "its cluster, where these were given: see `cluster`",
               sealed = "hash", optional = TRUE),
  schema_field("prob", "row", "number", "its estimated hazard", 0, 1,
               sealed = "sum"),
  schema_field("precision", "row", "number",
               paste("how little prompts with this hazard differ, where they",
                     "were screened: `prob` and `precision` are what screening",
                     "leaves of the hazard"), 0, open = c(TRUE, FALSE),
               sealed = "sum", optional = TRUE),
  schema_field("screen_unsafe", "row", "number",
               "how many of its screening draws were unsafe", 0, whole = TRUE,
               sealed = "hash", optional = TRUE),
  schema_field("horizon", "row", "number",
               "the largest quantile it can answer for; 0 when not included",
               0, whole = TRUE, sealed = "hash"),
  schema_field("intensity", "row", "number",
               "how many times over it is sampled", 0, sealed = "sum"),
  schema_field("inclusion", "row", "number",
               "`min(1, intensity)`, its inclusion probability", 0, 1,
               sealed = "sum"),
  schema_field("limit", "row", "number",
               paste("the most draws to make: `horizon - 1`, and more where",
                     "the intensity is above 1"), 0, whole = TRUE,
               sealed = "hash"),
  schema_field("stop", "row", "flag",
               "whether to stop at the first unsafe draw", sealed = "hash"),
  schema_field("order", "row", "number",
               paste("a random permutation, drawn independently of everything,",
                     "in which the certificate looks at the prompts"),
               1, whole = TRUE, sealed = "sum"),
  schema_field("u_inclusion", "row", "number",
               paste("the uniform number that decided the horizon (and rounded",
                     "the limit)"), 0, 1, sealed = "sum"),

  schema_field("schema", "constant", "number",
               "the number of this form of a plan", 0, whole = TRUE),
  schema_field("plan_id", "constant", "text",
               paste("a hash of ids, clusters, horizons, limits, stops,",
                     "`design` and `reference`")),
  schema_field("design", "constant", "text", "how the budget is spread",
               sealed = "hash"),
  schema_field("budget", "constant", "number", "mean draws per prompt", 0,
               sealed = "sum"),
  schema_field("alpha", "constant", "number", "the target miscoverage", 0, 1,
               c(TRUE, TRUE), sealed = "sum"),
  schema_field("delta", "constant", "number",
               "that of the certificate; `NA` for none", 0, 1, c(TRUE, TRUE),
               may_be_na = TRUE, sealed = "sum"),
  schema_field("cap", "constant", "number", "no quantile exceeds it", 1,
               sealed = "sum"),
  schema_field("max_limit", "constant", "number",
               "the largest `limit` that a prompt can get, where it was given",
               1, whole = TRUE, sealed = "sum", optional = TRUE),
  schema_field("tau_max", "constant", "number",
               "the largest tau that can be selected", 0, 1, c(TRUE, TRUE),
               sealed = "sum"),
  schema_field("multiplier", "constant", "number",
               paste("of the convex program, which gives the intensity of any",
                     "prompt; `NA` for designs without"), 0,
               may_be_na = TRUE, sealed = "sum"),
  schema_field("least_intensity", "constant", "number",
               paste("the smallest one that a prompt can get; `NA` for designs",
                     "without"), 0, may_be_na = TRUE, sealed = "sum"),
  schema_field("max_weight", "constant", "number",
               "the largest weight that a prompt can get", 1, sealed = "sum"),
  schema_field("variance", "constant", "number",
               "of the estimate at `alpha`, times n, as predicted", 0,
               sealed = "sum"),
  schema_field("reference", "constant", "text",
               paste("which prompts fixed the constants; \"none\" where none",
                     "had to, in a log"),
               choices = c("training", "given", "self", "none"),
               sealed = "hash"),
  schema_field("u_certificate", "constant", "number",
               "a uniform number, see [calibrate_lpb()]", 0, 1, sealed = "sum"),
  schema_field("hazard_check", "constant", "number",
               paste("by which a fit of [fit_hazard()] is known again; `NA`",
                     "for other models"), may_be_na = TRUE, sealed = "sum"),
  schema_field("n", "constant", "number", "the number of rows", 1,
               whole = TRUE, sealed = "sum"),
  schema_field("cluster_size", "constant", "number",
               paste("the most rows that a cluster can have, where that was",
                     "given: see `cluster_size`"), 1, whole = TRUE,
               sealed = "sum", optional = TRUE),
  schema_field("screen_draws", "constant", "number",
               "how many screening draws each prompt had, see `screened`", 0,
               whole = TRUE, sealed = "hash", optional = TRUE),
  schema_field("precision_scale", "constant", "number",
               paste("with which prompts were screened: the precision at a",
                     "hazard `p` is `precision_scale * p^precision_slope`"), 0,
               open = c(TRUE, FALSE), sealed = "sum", optional = TRUE),
  schema_field("precision_slope", "constant", "number", "see there",
               sealed = "sum", optional = TRUE),
  schema_field("seed", "constant", "number",
               "that of the order, where [as_audit()] drew it for a log",
               whole = TRUE, sealed = "sum", optional = TRUE),
  schema_field("checksum", "constant", "number",
               "a sum of the numbers that plan_id does not cover"),

  schema_field("draws", "outcome", "number", "how many draws were used", 0,
               whole = TRUE, start = 0),
  schema_field("unsafe", "outcome", "number", "how many of these were unsafe",
               0, whole = TRUE, start = 0),
  schema_field("refused", "outcome", "number",
               paste("how many of the draws used were refused, by what the",
                     "sampler or the log says; `NA` where results joined by",
                     "[as_audit()] do not tell"), 0, whole = TRUE,
               may_be_na = TRUE, start = 0),
  schema_field("truncated", "outcome", "number",
               paste("how many of these were cut at the token limit, as far as",
                     "the sampler or the log says; `NA` as for `refused`"), 0,
               whole = TRUE, may_be_na = TRUE, start = 0),
  schema_field("time", "outcome", "number",
               paste("the first unsafe draw, or the horizon when there was",
                     "none; 0 for prompts not included, `NA` for prompts not",
                     "finished, and where counts alone are known"), 0,
               whole = TRUE, may_be_na = TRUE, start = NA_real_),
  schema_field("status", "outcome", "number",
               paste("1 when an unsafe draw was seen before the horizon, else",
                     "0; `NA` when not finished"), 0, 1, whole = TRUE,
               start = NA_real_),
  schema_field("unused", "outcome", "number",
               "draws paid for and not used", 0, whole = TRUE, start = 0),
  schema_field("failed", "outcome", "flag",
               paste("whether the prompt was ended by a draw that failed",
                     "permanently (it then has status 1 at that draw; see",
                     "`failed` of [calibrate_lpb()])"), start = FALSE)
)
names(plan_schema) <- vapply(plan_schema, `[[`, "", "name")

schema_part <- function(part) {
  Filter(function(field) field$part %in% part, plan_schema)
}

schema_names <- function(part) names(schema_part(part))

schema_sealed <- function(part, how) {
  names(Filter(function(field) field$sealed == how, schema_part(part)))
}

plan_constants <- schema_names("constant")
plan_columns <- schema_names(c("row", "constant"))
required_columns <- names(Filter(function(field) !field$optional,
                                 schema_part(c("row", "constant"))))
outcome_columns <- schema_names("outcome")

# A list for the help.
schema_help <- function(part) {
  paste(vapply(schema_part(part), function(field) {
    sprintf("* `%s`: %s", field$name, field$what)
  }, ""), collapse = "\n")
}

# ---- Checks ------------------------------------------------------------------

# The columns of a part, each by itself; what ties them together is the
# business of those who know what they mean.
check_fields <- function(table, part, arg, call) {
  for (field in schema_part(part)) {
    if (field$optional && is.null(table[[field$name]])) {
      next
    }
    check_field(table[[field$name]], field, paste0(arg, "$", field$name), call)
  }
}

check_field <- function(x, field, arg, call) {
  if (field$may_be_na) {
    x <- x[!is.na(x)]
  }
  if (length(x) == 0L && field$may_be_na) {
    return(invisible())
  }
  switch(field$type,
    number = check_numeric(x, arg, min = field$min, max = field$max,
                           open = field$open, whole = field$whole, call = call),
    flag = check_flags(x, arg, call),
    text = if (!is.null(field$choices)) {
      check_choice(as.character(x)[1L], field$choices, arg, call)
    }
  )
}

check_flags <- function(x, arg, call) {
  if (!is.logical(x) || anyNA(x)) {
    stop_argument(arg, "must be TRUE or FALSE", describe(x), call = call)
  }
}

# ---- Files -------------------------------------------------------------------

# A column of text as its field has it; one that the user added, an id or a
# prompt as `type` has it, or in a type that writes the same text.
field_from_text <- function(name, text, type = NULL, quoted = NULL) {
  switch(plan_schema[[name]]$type %||% "user",
    number = number_from_text(text, type),
    # As R, Python and spreadsheets write it.
    flag = parse_unsafe(text),
    text = text,
    column_from_text(text, type, quoted)
  )
}

# ---- Types in files ----------------------------------------------------------

# A file tells of each column what it was, unless that goes without saying, in
# the column `column_types`: "id=text;prompt.heat=double". What would end a name
# or a type is spelt out, as in addresses.
column_types <- function(table) {
  usual <- c(number = "double", flag = "logical", text = "text")
  types <- vapply(table, type_of_column, "")
  known <- vapply(names(table), function(name) {
    usual[plan_schema[[name]]$type %||% "user"]
  }, "")
  types <- types[is.na(known) | (known == "double" & types == "integer")]
  paste0(spell_marks(names(types)), "=", types, collapse = ";")
}

type_of_column <- function(x) {
  missing <- if (anyNA(x)) "?" else ""
  if (is.factor(x)) {
    levels <- paste(spell_marks(levels(x)), collapse = "|")
    return(sprintf("%s%s(%s)", if (is.ordered(x)) "ordered" else "factor",
                   missing, levels))
  }
  paste0(if (is.character(x)) "text" else typeof(x), missing)
}

type_marks <- c("%" = "%25", "," = "%2C", ";" = "%3B", "=" = "%3D",
                "|" = "%7C", "(" = "%28", ")" = "%29")

spell_marks <- function(text) {
  for (mark in names(type_marks)) {
    text <- gsub(mark, type_marks[[mark]], text, fixed = TRUE)
  }
  text
}

read_marks <- function(text) {
  for (mark in rev(names(type_marks))) {
    text <- gsub(type_marks[[mark]], mark, text, fixed = TRUE)
  }
  text
}

# Types by the names of their columns; none where the file does not tell.
read_types <- function(text) {
  if (is.null(text) || length(text) == 0L) {
    return(character())
  }
  parts <- strsplit(strsplit(text[1L], ";", fixed = TRUE)[[1L]], "=",
                    fixed = TRUE)
  parts <- parts[lengths(parts) == 2L]
  stats::setNames(vapply(parts, `[[`, "", 2L),
                  read_marks(vapply(parts, `[[`, "", 1L)))
}

number_from_text <- function(text, type) {
  number <- suppressWarnings(as.numeric(text))
  whole <- identical(type, "integer") && !anyNA(number) &&
    all(number == floor(number) & abs(number) < 2^31)
  if (whole) as.integer(number) else number
}

# A file that another program wrote again may have lost its quotes: then only
# the type says whether NA is a text.
column_from_text <- function(text, type, quoted) {
  if (is.null(type)) {
    return(guess_type(text, quoted))
  }
  if (grepl("^[a-z]*[?]", type)) {
    text <- replace(text, text == "NA" & !quoted, NA)
  }
  kind <- sub("[?(].*", "", type)
  value <- switch(kind,
    text = text,
    logical = parse_unsafe(text),
    integer = suppressWarnings(as.integer(text)),
    double = suppressWarnings(as.numeric(text)),
    factor = , ordered = factor(text, levels_of_type(type),
                                ordered = kind == "ordered"),
    return(guess_type(text, quoted))
  )
  # Values that somebody changed are not lost for that.
  if (any(is.na(value) & !is.na(text) & text != "NaN")) text else value
}

levels_of_type <- function(type) {
  levels <- sub(".*[(](.*)[)]$", "\\1", type)
  read_marks(strsplit(paste0(levels, "|"), "|", fixed = TRUE)[[1L]])
}
