# How features become the numeric matrix that an engine sees. An encoder is
# learnt from the training features and applied to new ones; it knows enough to
# say exactly what does not match.

# ---- Learning an encoder -----------------------------------------------------

# Returns list(encoder, matrix). `wide`: the engine can use many columns, and
# sparse ones. Then text has a column for each n-gram (else a few dense ones), a
# sparse matrix of many columns stays sparse, and rare levels are pooled.
learn_encoder <- function(x, wide = FALSE, arg = "x",
                          call = rlang::caller_env()) {
  if (is_text(x) && wide) {
    learnt <- learn_ngrams(check_text(x, arg, call))
    matrix <- learnt$matrix
    encoder <- new_encoder("ngrams", ngrams = learnt$ngrams)
  } else if (is_text(x)) {
    features <- text_features(x)
    matrix <- features$features
    features$features <- NULL
    encoder <- new_encoder("text", text = features)
  } else if (is.data.frame(x)) {
    return(learn_frame(x, stats::terms(~., data = x), wide, arg, call))
  } else {
    sparse <- wide && inherits(x, "Matrix") && ncol(x) >= least_wide
    matrix <- as_feature_matrix(x, arg, call, sparse)
    encoder <- new_encoder("matrix", names = usable_names(matrix),
                           sparse = sparse)
  }
  encoder$n_columns <- ncol(matrix)
  list(encoder = encoder, matrix = matrix)
}

# A list of the class "encoder" with `kind` and what that kind needs.
new_encoder <- function(kind, ...) {
  structure(list(kind = kind, ...), class = "encoder")
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

learn_frame <- function(data, terms, wide = FALSE, arg = "data",
                        call = rlang::caller_env()) {
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
  many <- if (wide) pool_levels(frame, levels) else list(frame = frame)
  matrix <- frame_matrix(many$frame, learnt, NULL, single)
  contrasts <- attr(matrix, "contrasts")
  check_finite_columns(matrix, arg, call)
  encoder <- new_encoder(
    "frame", terms = slim_formula(learnt, names(data)), variables = variables,
    texts = texts, levels = levels,
    shares = lapply(frame[names(levels)], level_shares),
    single = single, pooled = many$pooled,
    contrasts = contrasts[setdiff(names(contrasts), names(many$pooled))],
    columns = colnames(matrix), n_columns = ncol(matrix)
  )
  attr(matrix, "contrasts") <- NULL
  list(encoder = encoder, matrix = matrix)
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
      own <- vapply(frame, function(x) !is.null(attr(x, "contrasts")), NA)
      matrix <- frame_matrix(
        frame, encoder$terms,
        encoder$contrasts[setdiff(names(encoder$contrasts),
                                  names(frame)[own])],
        encoder$single
      )
      # A new level may have a column of its own, as in f:x.
      if (identical(colnames(matrix), encoder$columns)) {
        matrix
      } else {
        matrix[, encoder$columns, drop = FALSE]
      }
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

encode_matrix <- function(encoder, newdata, arg, call) {
  matrix <- as_feature_matrix(newdata, arg, call, encoder$sparse)
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

# A plain numeric matrix, or a vector as its one column; or, where it is wanted
# `sparse`, one of class dgCMatrix.
as_feature_matrix <- function(x, arg, call, sparse = FALSE) {
  check_feature_kind(x, arg, call)
  x <- plain_numbers(x, arg, call)
  if (is_text(x) || is.data.frame(x)) {
    stop_features(arg, "must be a numeric matrix, as in training", describe(x),
                  call = call)
  }
  if (isTRUE(sparse)) {
    return(as_sparse_matrix(x, arg, call))
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

as_sparse_matrix <- function(x, arg, call) {
  if (is.null(dim(x))) {
    x <- matrix(x, ncol = 1L)
  }
  for (class in c("CsparseMatrix", "generalMatrix", "dMatrix")) {
    x <- methods::as(x, class)
  }
  check_finite_columns(x, arg, call)
  x <- Matrix::drop0(x)
  rownames(x) <- NULL
  x
}
