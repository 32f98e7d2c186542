# Features made from the prompts' text: n-grams, hashed and weighted, on the
# axes of a randomised singular value decomposition.

#' Numeric features from the text of prompts
#'
#' A small featuriser that needs nothing but the prompts: a few numeric columns
#' for models that take no more. Rare words carry much of the risk and are lost
#' in so few dimensions, so [fit_hazard()] uses all n-grams of text by itself,
#' by a ridge regression, and falls back on these features for engine `"mlp"`, a
#' given `penalty` and fewer than 20 prompts. Embeddings from a language model,
#' where you have them, will usually predict better: pass them as `x`.
#'
#' The case of each prompt is folded, and everything but letters (with their
#' marks) and numbers becomes a space. What these are is fixed by the package's
#' own tables of Unicode, so that features are the same in every locale. Its
#' words, pairs of neighbouring words, and runs of 3 and 4 characters are hashed
#' to `columns` columns. A column's count `c` becomes
#' `log(1 + c) * log((1 + n) / (1 + m))`, `m` being the number of the `n`
#' prompts in which it occurs; each prompt is scaled to length 1; and the matrix
#' is reduced to `size` dimensions by a randomised singular value decomposition
#' (Halko, Martinsson and Tropp 2011, algorithm 4.4 with two power iterations).
#' A last feature is the logarithm of one plus the number of characters.
#'
#' The decomposition starts from the same numbers each time: features depend on
#' the prompts alone, not on their order, nor on R's random numbers, of which
#' none is used.
#'
#' @param prompts Character vector of prompts, without missing values.
#' @param size Number of dimensions, a whole number of at least 1; at most one
#'   less than the number of distinct prompts, and the default of 30 is lowered
#'   to that where needed. More dimensions carry more information, but take
#'   more training draws to learn from.
#' @param columns Number of hash columns, a whole number of at least 16. The
#'   default, 1024, keeps collisions rare for prompts of some tens of words.
#' @param ... Must be empty.
#' @returns An object of class `text_features`: a list with `size`, `columns`,
#'   `idf` (one weight per hash column), `rotation` (a `columns` x `size`
#'   matrix), `values` (the singular values) and `features` (the matrix for
#'   `prompts`). Its `predict(object, newdata)` method gives the matrix for
#'   other prompts, with one row for each.
#' @section Errors: `timetounsafe_error_argument`.
#' @references Halko, N., Martinsson, P. G. and Tropp, J. A. (2011). Finding
#'   structure with randomness. SIAM Review 53, 217-288.
#'   \doi{10.1137/090771806}
#' @examples
#' prompts <- c("How do I bake bread?", "How do I bake a cake?",
#'              "Tell me a joke", "Tell me a cruel joke")
#' features <- text_features(prompts, size = 2)
#' predict(features, "Tell me a story")
#' @export
text_features <- function(prompts, size = 30, columns = 1024, ...) {
  check_no_dots(...)
  prompts <- check_text(prompts, "prompts")
  most <- max(1, length(unique(prompts)) - 1)
  size <- if (missing(size)) min(size, most) else size
  size <- check_number(size, "size", min = 1, max = most, whole = TRUE)
  columns <- check_number(columns, "columns", min = 16, max = 2^24,
                          whole = TRUE)
  counts <- ngram_counts(prompts, columns)
  # nolint next: object_usage_linter.
  present <- Matrix::colSums(counts > 0)
  self <- list(
    size = size, columns = columns,
    idf = log((1 + length(prompts)) / (1 + present))
  )
  weighted <- weigh_counts(counts, self$idf)
  # Sums round differently in another order, and where singular values tie that
  # turns their vectors: so the rows always come in one and the same order.
  sorted <- weighted[order_text(prompts), , drop = FALSE]
  svd <- randomised_svd(sorted, min(size, columns))
  self$size <- length(svd$values)
  self$rotation <- svd$rotation
  self$values <- svd$values
  self$features <- project_text(weighted, self$rotation, prompts)
  structure(self, class = "text_features")
}

check_text <- function(x, arg, call = rlang::caller_env()) {
  if (missing(x)) {
    stop_missing(arg, call)
  }
  if (is.factor(x)) {
    x <- as.character(x)
  }
  if (!is.character(x)) {
    stop_argument(arg, "must be a character vector", describe(x), call = call)
  }
  x <- to_utf8(check_prompts(x, arg, call = call))
  unreadable <- which(!validUTF8(x))
  if (length(unreadable) > 0L) {
    stop_argument(arg, "must be readable text",
                  sprintf("bytes of another encoding (element %d)",
                          unreadable[1L]),
                  fix = "iconv() converts, say from \"latin1\".", call = call)
  }
  x
}

ngram_counts <- function(prompts, columns) {
  found <- core_value(.Call(ffi_text_ngrams, prompts, columns))
  column <- lapply(found, `[[`, 1L)
  Matrix::sparseMatrix(
    i = rep.int(seq_along(found), lengths(column)),
    j = unlist(column),
    x = as.double(unlist(lapply(found, `[[`, 2L))),
    dims = c(length(prompts), columns)
  )
}

weigh_counts <- function(counts, idf) {
  counts@x <- log1p(counts@x)
  weighted <- counts %*% Matrix::Diagonal(x = idf)
  norm <- sqrt(Matrix::rowSums(weighted^2))
  Matrix::Diagonal(x = 1 / pmax(norm, 1e-12)) %*% weighted
}

# ---- All n-grams, for a ridge ------------------------------------------------

# Columns for hashes: collisions are rare in some thousands of prompts.
ngram_columns <- 2^18

# list(ngrams, matrix): what prediction needs, and a sparse matrix with the
# length and each n-gram that occurs. One more in the weight, so that what all
# prompts have does not vanish.
learn_ngrams <- function(prompts) {
  counts <- ngram_counts(prompts, ngram_columns)
  # nolint next: object_usage_linter.
  present <- Matrix::colSums(counts > 0)
  columns <- which(present > 0)
  ngrams <- list(
    columns = columns,
    idf = 1 + log((1 + length(prompts)) / (1 + present[columns]))
  )
  matrix <- beside_length(counts, ngrams, prompts)
  attr(matrix, "ngrams") <- TRUE
  list(ngrams = ngrams, matrix = matrix)
}

apply_ngrams <- function(prompts, ngrams) {
  beside_length(ngram_counts(prompts, ngram_columns), ngrams, prompts)
}

beside_length <- function(counts, ngrams, prompts) {
  weighted <- weigh_counts(counts[, ngrams$columns, drop = FALSE], ngrams$idf)
  out <- cbind(log1p(nchar(prompts)), weighted)
  colnames(out) <- c("length", sprintf("ngram%d", ngrams$columns))
  out
}

# ---- A few dimensions --------------------------------------------------------

# The leading right singular vectors. Signs are fixed by the largest element,
# the first of those that tie but for rounding, so that the result does not
# depend on the LAPACK at hand.
randomised_svd <- function(a, size, oversample = 10, iterations = 2) {
  width <- min(size + oversample, dim(a))
  y <- as.matrix(a %*% start_vectors(ncol(a), width))
  for (i in seq_len(iterations)) {
    y <- as.matrix(a %*% as.matrix(Matrix::crossprod(a, qr.Q(qr(y)))))
  }
  q <- qr.Q(qr(y))
  small <- svd(as.matrix(Matrix::crossprod(a, q)))
  # Prompts that are all the same have rank 0, and no dimension is kept.
  keep <- seq_len(min(size, sum(small$d > 1e-8 * max(small$d, 1e-300))))
  rotation <- small$u[, keep, drop = FALSE]
  for (j in keep) {
    v <- rotation[, j]
    largest <- which(abs(v) > (1 - 1e-6) * max(abs(v)))[1L]
    rotation[, j] <- v * sign(v[largest])
  }
  list(rotation = rotation, values = small$d[keep])
}

# Normal numbers, always the same: an audit that is resumed must find the
# features that it was planned with.
start_vectors <- function(rows, columns) {
  with_seed(1, matrix(stats::rnorm(rows * columns), rows))
}

project_text <- function(weighted, rotation, prompts) {
  out <- cbind(as.matrix(weighted %*% rotation), log1p(nchar(prompts)))
  colnames(out) <- c(sprintf("text%d", seq_len(ncol(rotation))), "length")
  rownames(out) <- NULL
  out
}

# ---- Methods -----------------------------------------------------------------

#' @export
predict.text_features <- function(object, newdata, ...) {
  check_no_dots(...)
  newdata <- check_text(newdata, "newdata")
  weighted <- weigh_counts(ngram_counts(newdata, object$columns), object$idf)
  project_text(weighted, object$rotation, newdata)
}

#' @export
print.text_features <- function(x, ...) {
  show_page(text_features_page(x))
  invisible(x)
}

#' @rdname knit_prints
#' @exportS3Method knitr::knit_print
knit_print.text_features <- function(x, ...) knit_page(text_features_page(x))

text_features_page <- function(x) {
  new_page(sprintf(paste(
    "<text_features> %d dimensions and the length, from %d hashed n-grams"
  ), x$size, x$columns), bottom = "Next: predict(text_features, newdata)")
}
