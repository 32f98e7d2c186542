# Prompts: text, or rows of a data frame; their ids and groups.

# ---- Prompts and ids ---------------------------------------------------------

# Prompts: a character vector, or anything with rows.
check_prompts <- function(prompts, arg = "prompts",
                          call = rlang::caller_env()) {
  if (missing(prompts)) {
    stop_missing(arg, call)
  }
  if (is.factor(prompts)) {
    prompts <- as.character(prompts)
  }
  matrix <- length(dim(prompts)) > 1L && !is.data.frame(prompts)
  if (matrix || !is.character(prompts) && !is.data.frame(prompts)) {
    stop_argument(arg, "must be a character vector or a data frame",
                  describe(prompts),
                  fix = if (matrix) "Convert the matrix with as.data.frame().",
                  call = call)
  }
  if (n_rows(prompts) == 0L) {
    stop_argument(arg, "must not be empty", call = call)
  }
  if (is.character(prompts) && anyNA(prompts)) {
    stop_argument(arg, "must not contain missing values",
                  sprintf("NA (element %d)", which(is.na(prompts))[1L]),
                  call = call)
  }
  if (is.character(prompts)) unname(prompts) else prompts
}

# Names that may serve as ids.
names_of <- function(prompts) {
  if (!missing(prompts) && is.character(prompts)) names(prompts)
}

check_ids <- function(id, n, arg = "id", call = rlang::caller_env()) {
  if (is.factor(id)) {
    id <- as.character(id)
  }
  if (!is.atomic(id) || length(id) != n || anyNA(as_text(id))) {
    must <- sprintf("must be a vector of %d values, none missing", n)
    stop_argument(arg, must, describe(id), call = call)
  }
  if (is_integer64(id)) {
    id <- integer64_text(id)
  }
  text <- as_text(id)
  twice <- anyDuplicated(text)
  if (twice > 0L) {
    stop_argument(arg, "must not contain duplicates",
                  sprintf("%s (element %d)", show_text(text[twice]), twice),
                  call = call)
  }
  unname(id)
}

# ---- Rows --------------------------------------------------------------------

check_rows <- function(x, n, arg = "x", call = rlang::caller_env()) {
  if (n_rows(x) != n) {
    stop_argument(arg, sprintf("must have %d rows, one for each prompt", n),
                  as.character(n_rows(x)), call = call)
  }
}

n_rows <- function(x) {
  if (length(dim(x)) == 2L) nrow(x) else length(x)
}

take_rows <- function(x, i) {
  if (length(dim(x)) == 2L) x[i, , drop = FALSE] else x[i]
}

# ---- Groups ------------------------------------------------------------------

check_groups <- function(groups, n, call = rlang::caller_env()) {
  if (!is.atomic(groups) || length(groups) != n || anyNA(groups)) {
    stop_argument(
      "groups",
      sprintf("must contain %d values, one for each prompt, none missing", n),
      describe_groups(groups), call = call
    )
  }
  groups <- plain_numbers(groups, "groups", call)
  # In their natural order, and the same in every locale.
  values <- sort(unique(groups), method = "radix")
  factor(match(groups, values), seq_along(values), as.character(values))
}

describe_groups <- function(groups) {
  if (is.atomic(groups) && anyNA(groups)) {
    return(sprintf("NA (element %d)", which(is.na(groups))[1L]))
  }
  describe(groups)
}

# Bins 1 to k, of equal size: the order of prompts breaks ties.
risk_rank <- function(predicted, k) {
  ceiling(rank(predicted, ties.method = "first") / length(predicted) * k)
}

# ---- As text -----------------------------------------------------------------

prompt_text <- function(prompts) {
  if (!is.data.frame(prompts)) {
    return(as_text(prompts))
  }
  lapply(stats::setNames(as.list(prompts), names(prompts)), as_text)
}

# Prompts that are rows of a data frame: "topic: weather; tone: rude".
prompt_lines <- function(prompts) {
  text <- prompt_text(prompts)
  if (!is.list(text)) {
    return(text)
  }
  do.call(paste, c(Map(function(name, x) paste0(name, ": ", x), names(text),
                       text), sep = "; "))
}

# As a trip through a file may leave it, which changes ends of lines.
comparable_prompts <- function(prompts) {
  trimws(gsub("\r\n?", "\n", prompt_lines(prompts)))
}
