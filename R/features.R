# How features become the numeric matrix that an engine sees. An encoder is
# learnt from the training features and applied to new ones; it knows enough to
# say exactly what does not match.

# ---- Learning an encoder -----------------------------------------------------

# Returns list(encoder, matrix). Text becomes a few dense columns or, for an
# engine that can use it, `sparse`, a column for each n-gram.
learn_encoder <- function(x, sparse = FALSE, arg = "x",
                          call = rlang::caller_env()) {
  if (is_text(x) && sparse) {
    learnt <- learn_ngrams(check_text(x, arg, call))
    matrix <- learnt$matrix
    encoder <- new_encoder("ngrams", ngrams = learnt$ngrams)
  } else if (is_text(x)) {
    features <- text_features(x)
    matrix <- features$features
    features$features <- NULL
    encoder <- new_encoder("text", text = features)
  } else if (is.data.frame(x)) {
    return(learn_frame(x, stats::terms(~., data = x), arg, call))
  } else {
    matrix <- as_feature_matrix(x, arg, call)
    encoder <- new_encoder("matrix", names = usable_names(matrix))
  }
  encoder$n_columns <- ncol(matrix)
  list(encoder = encoder, matrix = matrix)
}

# A list of the class "encoder" with `kind` and what that kind needs.
new_encoder <- function(kind, ...) {
  structure(list(kind = kind, ...), class = "encoder")
}

is_text <- function(x) {
  (is.character(x) || is.factor(x)) && is.null(dim(x))
}

# Names that tell columns apart; without them columns go by their place.
usable_names <- function(matrix) {
  names <- colnames(matrix)
  if (is.null(names) || anyNA(names) || anyDuplicated(names) > 0L ||
        !all(nzchar(names))) {
    return(NULL)
  }
  names
}

learn_frame <- function(data, terms, arg = "data", call = rlang::caller_env()) {
  terms <- stats::delete.response(terms)
  variables <- intersect(all.vars(terms), names(data))
  data <- plain_columns(data, arg, call)
  check_frame(data, variables, arg, call)
  texts <- learn_texts(data[variables])
  data <- text_columns(data, texts)
  frame <- tryCatch(
    stats::model.frame(terms, data, na.action = stats::na.pass,
                       drop.unused.levels = TRUE),
    error = function(e) {
      stop_argument("formula", "has terms that cannot be evaluated",
                    conditionMessage(e), call = call, parent = e)
    }
  )
  learnt <- attr(frame, "terms")
  frame <- fix_levels(frame)
  levels <- stats::.getXlevels(learnt, frame)
  check_near_unique(levels, nrow(frame), arg, call)
  single <- names(levels)[lengths(levels) == 1L]
  matrix <- frame_matrix(frame, learnt, NULL, single)
  check_finite_columns(matrix, arg, call)
  encoder <- new_encoder(
    "frame", terms = slim_formula(learnt, names(data)), variables = variables,
    texts = texts, levels = levels,
    shares = lapply(frame[names(levels)], level_shares),
    single = single, contrasts = attr(matrix, "contrasts"),
    columns = colnames(matrix), n_columns = ncol(matrix)
  )
  attr(matrix, "contrasts") <- NULL
  list(encoder = encoder, matrix = matrix)
}

# Text as factors, whose levels have the same order in every locale.
fix_levels <- function(frame) {
  for (name in names(frame)[vapply(frame, is.character, NA)]) {
    text <- to_utf8(frame[[name]])
    levels <- unique(text[!is.na(text)])
    frame[[name]] <- factor(text, levels[order_text(levels)])
  }
  frame
}

# Columns of text as it is, I(text): each becomes the matrix of the features of
# its words.
learn_texts <- function(data) {
  as_is <- vapply(data, function(x) inherits(x, "AsIs") && is.character(x), NA)
  lapply(data[as_is], function(x) {
    features <- text_features(as.character(x))
    features$features <- NULL
    features
  })
}

text_columns <- function(data, texts) {
  for (name in names(texts)) {
    text <- as.character(data[[name]])
    data[[name]] <- stats::predict(texts[[name]], text)
  }
  data
}

level_shares <- function(x) {
  tabulate(x, nlevels(x)) / length(x)
}

# An indicator for each prompt, or nearly, learns nothing of others.
check_near_unique <- function(levels, n, arg, call) {
  unique <- are_too_many(lengths(levels), n)
  if (any(unique)) {
    name <- names(levels)[unique][1L]
    stop_features(
      arg, "must not have text or levels that nearly every row has for itself",
      sprintf("%d values of \"%s\" in %d rows", length(levels[[name]]), name,
              n),
      names(levels)[unique],
      fix = paste("The text of prompts is a feature by itself",
                  "(a character vector as `x`), as a column I(text), or by way",
                  "of text_features(); an id is none."),
      call = call
    )
  }
}

are_too_many <- function(n_levels, n) n_levels > max(10, n / 2)

is_near_unique <- function(x) are_too_many(length(unique(x)), length(x))

# The columns of the model matrix but for the intercept, which every engine has.
# Factors with a single level, which have no contrasts, become constants.
frame_matrix <- function(frame, terms, contrasts, single) {
  frame[single] <- 0
  attr(terms, "intercept") <- 1L
  matrix <- stats::model.matrix(terms, frame, contrasts.arg = contrasts)
  out <- matrix[, colnames(matrix) != "(Intercept)", drop = FALSE]
  rownames(out) <- NULL
  attr(out, "contrasts") <- attr(matrix, "contrasts")
  attr(out, "term") <- attr(matrix, "assign")[-1L]
  out
}

# ---- Applying it -------------------------------------------------------------

encode <- function(encoder, newdata, arg = "newdata",
                   call = rlang::caller_env()) {
  matrix <- switch(encoder$kind,
    text = , ngrams = encode_text(encoder, newdata, arg, call),
    frame = encode_frame(encoder, newdata, arg, call),
    matrix = encode_matrix(encoder, newdata, arg, call)
  )
  if (!is.null(rownames(matrix))) {
    rownames(matrix) <- NULL
  }
  matrix
}

encode_text <- function(encoder, newdata, arg, call) {
  if (!is_text(newdata)) {
    stop_features(arg, "must be the prompts' text, as in training",
                  describe(newdata), call = call)
  }
  if (encoder$kind == "ngrams") {
    return(apply_ngrams(check_text(newdata, arg, call), encoder$ngrams))
  }
  stats::predict(encoder$text, newdata)
}

encode_frame <- function(encoder, newdata, arg, call) {
  if (!is.data.frame(newdata)) {
    stop_features(arg, "must be a data frame, as in training",
                  describe(newdata),
                  call = call)
  }
  absent <- setdiff(encoder$variables, names(newdata))
  if (length(absent) > 0L) {
    stop_features(arg, "must have the columns of the training features",
                  paste("without", list_names(absent)), absent, call = call)
  }
  newdata <- plain_columns(newdata, arg, call)
  check_frame(newdata, encoder$variables, arg, call)
  newdata <- text_columns(newdata, encoder$texts)
  matrix <- tryCatch(
    {
      frame <- stats::model.frame(encoder$terms, newdata,
                                  na.action = stats::na.pass)
      frame <- fix_levels(frame)
      stats::.checkMFClasses(attr(encoder$terms, "dataClasses"), frame)
      frame <- take_levels(frame, encoder, arg, call)
      average <- vapply(frame, function(x) !is.null(attr(x, "contrasts")), NA)
      matrix <- frame_matrix(
        frame, encoder$terms,
        encoder$contrasts[setdiff(names(encoder$contrasts),
                                  names(frame)[average])],
        encoder$single
      )
      if (any(average)) matrix[, encoder$columns, drop = FALSE] else matrix
    },
    error = function(e) {
      stop_features(arg, paste("does not match the fitted model:",
                               sub("[.]$", "", conditionMessage(e))),
                    call = call)
    }
  )
  check_finite_columns(matrix, arg, call)
  matrix
}

# Factors with the levels of training. A prompt with a level that training did
# not have counts as average in that feature: its contrasts are the mean of the
# training prompts'.
take_levels <- function(frame, encoder, arg, call) {
  unknown <- list()
  for (name in names(encoder$levels)) {
    levels <- encoder$levels[[name]]
    value <- to_utf8(as.character(frame[[name]]))
    new <- setdiff(value[!is.na(value)], levels)
    if (length(new) == 0L) {
      frame[[name]] <- factor(value, levels)
      next
    }
    unknown[[name]] <- new
    other <- utils::tail(make.unique(c(levels, "other")), 1L)
    column <- factor(replace(value, value %in% new, other), c(levels, other))
    attr(column, "contrasts") <- with_average(
      encoder$contrasts[[name]], levels, other, encoder$shares[[name]]
    )
    frame[[name]] <- column
  }
  if (length(unknown) > 0L) {
    warn_new_levels(unknown, arg, call)
  }
  frame
}

# The contrasts of a factor, with a row for a level that is the mean of all.
with_average <- function(contrasts, levels, other, shares) {
  if (is.null(contrasts)) {
    return(NULL)
  }
  if (!is.matrix(contrasts)) {
    contrasts <- match.fun(contrasts)(levels)
  }
  both <- rbind(contrasts, shares %*% contrasts)
  rownames(both) <- c(levels, other)
  both
}

warn_new_levels <- function(unknown, arg, call) {
  warn_classed("new_levels", c(
    sprintf("`%s` has new levels of \"%s\": %s.", arg, names(unknown)[1L],
            list_names(unknown[[1L]])),
    i = "Their prompts count as average in that feature."
  ), columns = names(unknown), levels = unknown, call = call)
}

encode_matrix <- function(encoder, newdata, arg, call) {
  matrix <- as_feature_matrix(newdata, arg, call)
  wanted <- encoder$names
  given <- usable_names(matrix)
  if (!is.null(wanted) && is.null(given) && !is.null(colnames(matrix))) {
    stop_features(arg, "must have the columns of the training features",
                  list_names(colnames(matrix)), colnames(matrix), call = call)
  }
  if (!is.null(wanted) && !is.null(given) && all(wanted %in% given)) {
    return(matrix[, wanted, drop = FALSE])
  }
  if (!is.null(wanted) && !is.null(given)) {
    absent <- setdiff(wanted, given)
    stop_features(arg, "must have the columns of the training features",
                  paste("without", list_names(absent)), absent, call = call)
  }
  if (ncol(matrix) != encoder$n_columns) {
    must <- sprintf("must have %d columns, as in training", encoder$n_columns)
    stop_features(arg, must, as.character(ncol(matrix)), call = call)
  }
  matrix
}

# ---- Matrices and frames -----------------------------------------------------

# A plain or sparse numeric matrix, or a vector as its one column.
as_feature_matrix <- function(x, arg, call) {
  check_feature_kind(x, arg, call)
  x <- plain_numbers(x, arg, call)
  if (is_text(x) || is.data.frame(x)) {
    stop_features(arg, "must be a numeric matrix, as in training", describe(x),
                  call = call)
  }
  if (inherits(x, "Matrix")) {
    check_dense_size(x, arg, call)
    x <- as.matrix(x)
  }
  if (is.null(dim(x))) {
    x <- matrix(x, ncol = 1L)
  }
  # Assigning to x copies it, so only where there is something to change.
  if (!is.double(x)) {
    storage.mode(x) <- "double"
  }
  check_finite_columns(x, arg, call)
  if (!is.null(rownames(x))) {
    rownames(x) <- NULL
  }
  x
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
  # One sum is enough, unless it overflows.
  if (is.finite(sum(matrix)) || all(is.finite(matrix))) {
    return(invisible())
  }
  bad <- which(colSums(!is.finite(matrix)) > 0)
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

# ---- Scales ------------------------------------------------------------------

# Mean and inverse standard deviation of each column; 0 for a constant one,
# which takes it out of the model.
standardise <- function(x) {
  moments <- core_value(.Call(ffi_standardise, x))
  data.frame(label = colnames(x) %||% sprintf("x%d", seq_len(ncol(x))),
             centre = moments$centre, scale = moments$scale)
}

apply_scale <- function(x, linear) {
  n <- nrow(x)
  (x - rep(linear$centre, each = n)) * rep(linear$scale, each = n)
}
