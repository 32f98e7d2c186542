# What features must be, whatever they are made of.

is_text <- function(x) {
  (is.character(x) || is.factor(x)) && is.null(dim(x))
}

check_feature_kind <- function(x, arg = "x", call = rlang::caller_env()) {
  if (missing(x)) {
    stop_missing(arg, call)
  }
  numbers <- is.atomic(x) && length(dim(x)) %in% c(0L, 2L) &&
    (is.numeric(x) || is.logical(x)) && !is.factor(x)
  if (!numbers && !is_text(x) && !is.data.frame(x) && !inherits(x, "Matrix")) {
    stop_argument(
      arg,
      "must be a numeric matrix, a sparse matrix, a data frame or text",
      describe(x), call = call
    )
  }
  if (length(dim(x)) == 2L && ncol(x) == 0L) {
    stop_argument(arg, "must have at least one column", "0", call = call)
  }
}

# Engines work on dense columns.
check_dense_size <- function(x, arg, call) {
  cells <- as.double(nrow(x)) * ncol(x)
  if (cells > 2^28) {
    stop_argument(
      arg, "is too large for a dense matrix",
      sprintf("%d x %d", nrow(x), ncol(x)),
      fix = "Reduce its columns first, say by a truncated SVD.", call = call
    )
  }
}

check_frame <- function(data, variables, arg, call) {
  missing <- variables[vapply(data[variables], anyNA, logical(1))]
  if (length(missing) > 0L) {
    stop_features(arg, "must not have missing values",
                  paste("NA in", list_names(missing)), missing, call = call)
  }
}

check_finite_columns <- function(matrix, arg, call) {
  values <- if (is.matrix(matrix)) matrix else matrix@x
  # One sum is enough, unless it overflows.
  if (is.finite(sum(values)) || all(is.finite(values))) {
    return(invisible())
  }
  bad <- if (is.matrix(matrix)) {
    which(colSums(!is.finite(matrix)) > 0)
  } else {
    unique(rep.int(seq_len(ncol(matrix)), diff(matrix@p))[!is.finite(values)])
  }
  names <- colnames(matrix)[bad] %||% as.character(bad)
  stop_features(arg, "must contain finite numbers",
                paste("NA, NaN or Inf in", list_names(names)), names,
                call = call)
}

stop_features <- function(arg, must, found = NULL, columns = character(),
                          fix = NULL, call = rlang::caller_env()) {
  found <- if (!is.null(found)) paste0(", not ", found)
  stop_classed("features", c(paste0("`", arg, "` ", must, found, "."), i = fix),
               argument = arg, columns = columns, call = call)
}
