# Which columns are wide blocks, and what becomes of them: one column each, the
# linear predictor of a ridge regression. Few columns stay as they are, for
# splines and interactions.

# Fewer prompts than this cannot choose a penalty out of fold.
least_rows <- 20L

# Where a few columns matter much, their coefficients stand out, and a common
# penalty serves none of them: normal ones have a kurtosis of 3.
most_kurtosis <- 6

# list(few, ridges): the columns of x that stay, and a list with the columns,
# their ridge and a label for each block.
learn_blocks <- function(x, counts) {
  found <- no_blocks(x)
  if (!is.matrix(x)) {
    return(learn_sparse_block(x, counts))
  }
  if (nrow(x) < least_rows || ncol(x) < least_wide) {
    return(found)
  }
  linear <- standardise(x)
  offset <- 0
  for (columns in wide_columns(x, linear$scale)) {
    # Indicators are not scaled: rare levels have no larger effects.
    ridge <- if (are_indicators(x, columns)) {
      fit_sparse_ridge(sparse_columns(x, columns), counts, offset)
    } else {
      fit_ridge(x, counts, columns, linear, offset)
    }
    stand_out <- isTRUE(ridge$kurtosis > most_kurtosis)
    if (stand_out && length(columns) <= 1000L) {
      next
    }
    offset <- offset + ridge$score
    found$few <- setdiff(found$few, columns)
    found$ridges <- c(found$ridges, list(
      c(list(columns = columns, label = block_label(linear$label[columns])),
        ridge)
    ))
  }
  found
}

are_indicators <- function(x, columns) {
  for (j in columns) {
    if (!all(x[, j] == 0 | x[, j] == 1)) {
      return(FALSE)
    }
  }
  TRUE
}

sparse_columns <- function(x, columns) {
  x <- x[, columns, drop = FALSE]
  at <- which(x != 0, arr.ind = TRUE)
  Matrix::sparseMatrix(at[, 1L], at[, 2L], x = x[x != 0], dims = dim(x))
}

# All n-grams of a text are one block, beside its length.
learn_sparse_block <- function(x, counts) {
  few <- which(colnames(x) == "length")
  columns <- setdiff(seq_len(ncol(x)), few)
  list(few = few, ridges = if (length(columns) > 0L) list(
    c(list(columns = columns, label = "ridge(n-grams)"),
      fit_sparse_ridge(x[, columns, drop = FALSE], counts, copies = TRUE))
  ))
}

no_blocks <- function(x) {
  list(few = seq_len(ncol(x)), ridges = list())
}

# The columns of each block, the widest first: those of one term of a formula (a
# matrix, or the levels of a factor), those that are numbered, as in e1, e2,
# ..., and those that are left, where they are many.
wide_columns <- function(x, scale) {
  able <- which(scale > 0)
  stem <- sub("[0-9]+$", "", colnames(x) %||% character(ncol(x)))
  term <- attr(x, "term") %||% rep(0L, ncol(x))
  many <- term %in% which(tabulate(term[able]) >= least_wide)
  group <- ifelse(many, paste("term", term), paste("stem", stem))[able]
  size <- table(group)
  rare <- names(size)[size < least_wide]
  group[group %in% rare] <- "left"
  blocks <- split(able, group)
  blocks <- blocks[lengths(blocks) >= least_wide]
  unname(blocks[order(-lengths(blocks))])
}

block_label <- function(labels) {
  sprintf("ridge(%s..%s)", labels[1L], labels[length(labels)])
}

# ---- In place of the columns -------------------------------------------------

# The columns that are few, and the predictor of each block: for the rows that
# trained them out of fold.
condense_training <- function(x, blocks) {
  beside_few(x, blocks, lapply(blocks$ridges, `[[`, "score"))
}

# A score beyond those that were seen counts as the last of these: what the
# smooth term would do there is not known.
condense <- function(x, blocks) {
  beside_few(x, blocks, lapply(blocks$ridges, function(ridge) {
    slope <- replace(numeric(ncol(x)), ridge$columns, ridge$slope)
    score <- as.vector(x %*% slope) + ridge$constant
    pmin(pmax(score, ridge$range[1L]), ridge$range[2L])
  }))
}

beside_few <- function(x, blocks, scores) {
  if (length(scores) == 0L) {
    return(if (is.matrix(x)) x else as.matrix(x[, blocks$few, drop = FALSE]))
  }
  labels <- vapply(blocks$ridges, `[[`, "", "label")
  few <- as.matrix(x[, blocks$few, drop = FALSE])
  colnames(few) <- colnames(x)[blocks$few] %||%
    sprintf("x%d", blocks$few)
  scores <- do.call(cbind, scores)
  colnames(scores) <- labels
  rownames(scores) <- NULL
  cbind(few, scores)
}
