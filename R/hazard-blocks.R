# Which columns are wide blocks, and what becomes of them: one column each, the
# linear predictor of a ridge regression. Few columns stay as they are, for
# splines and interactions.

# Fewer prompts than this cannot choose a penalty out of fold.
least_rows <- 20L

# Where a few columns matter much, their coefficients stand out, and a common
# penalty serves none of them: normal ones have a kurtosis of 3.
most_kurtosis <- 6

# Columns of which nine of ten values are 0, as counts of words, are not scaled:
# rare ones would outweigh all others.
most_filled <- 0.1

# list(few, ridges): the columns of x that stay, and a list with the columns,
# their ridge and a label for each block.
learn_blocks <- function(x, counts) {
  found <- no_blocks(x)
  if (!is.null(attr(x, "ngrams"))) {
    return(learn_ngram_block(x, counts))
  }
  if (nrow(x) < least_rows || ncol(x) < least_wide) {
    return(found)
  }
  linear <- standardise(x)
  linear$filled <- filled_share(x)
  offset <- 0
  for (columns in wide_columns(x, linear)) {
    ridge <- fit_block(x, counts, columns, linear, offset)
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
    # Words that no training prompt has may be thousands.
    found$few <- setdiff(found$few, which(linear$scale == 0))
  }
  found
}

# All n-grams of a text are one block, beside its length.
learn_ngram_block <- function(x, counts) {
  few <- which(colnames(x) == "length")
  columns <- setdiff(seq_len(ncol(x)), few)
  list(few = few, ridges = if (length(columns) > 0L) list(
    c(list(columns = columns, label = "ridge(n-grams)"),
      fit_sparse_ridge(x[, columns, drop = FALSE], counts, copies = TRUE))
  ))
}

# Indicators are not scaled either: rare levels have no larger effects. Rows
# with the same ones are prompts of one kind.
fit_block <- function(x, counts, columns, linear, offset) {
  kinds <- are_indicators(x, columns)
  as_is <- kinds || mean(linear$filled[columns]) <= most_filled
  if (is.matrix(x) && !as_is) {
    return(fit_ridge(x, counts, columns, linear, offset))
  }
  part <- sparse_columns(x, columns)
  unit <- if (as_is) rep(1, length(columns)) else linear$scale[columns]
  part@x <- part@x * rep.int(unit, diff(part@p))
  ridge <- fit_sparse_ridge(part, counts, offset, copies = !kinds)
  ridge$kurtosis <- if (!as_is) kurtosis(ridge$slope)
  ridge$slope <- ridge$slope * unit
  ridge
}

# ---- Columns that are mostly 0 -----------------------------------------------

# The share of each column that is not 0.
filled_share <- function(x) {
  if (!is.matrix(x)) {
    return(diff(x@p) / nrow(x))
  }
  vapply(seq_len(ncol(x)), function(j) mean(x[, j] != 0), 0)
}

are_indicators <- function(x, columns) {
  if (!is.matrix(x)) {
    return(all(x[, columns, drop = FALSE]@x == 1))
  }
  for (j in columns) {
    if (!all(x[, j] == 0 | x[, j] == 1)) {
      return(FALSE)
    }
  }
  TRUE
}

sparse_columns <- function(x, columns) {
  x <- x[, columns, drop = FALSE]
  if (!is.matrix(x)) {
    return(x)
  }
  at <- which(x != 0, arr.ind = TRUE)
  Matrix::sparseMatrix(at[, 1L], at[, 2L], x = x[x != 0], dims = dim(x))
}

# ---- Blocks ------------------------------------------------------------------

no_blocks <- function(x) {
  list(few = seq_len(ncol(x)), ridges = list())
}

# The columns of each block, the widest first: those of one term of a formula (a
# matrix, or the levels of a factor), those that are numbered, as in e1, e2,
# ..., and those that are left, where they are many. Among columns that are
# mostly 0, a few that are not, say a length beside counts of words, are apart.
wide_columns <- function(x, linear) {
  able <- which(linear$scale > 0)
  stem <- sub("[0-9]+$", "", colnames(x) %||% character(ncol(x)))
  apart <- linear$filled > 0.5 & mean(linear$filled[able]) <= most_filled
  stem <- paste("stem", stem, apart & sum(apart) < least_wide)
  term <- attr(x, "term") %||% rep(0L, ncol(x))
  many <- term %in% which(tabulate(term[able]) >= least_wide)
  group <- ifelse(many, paste("term", term), stem)[able]
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

# list(x, further): the columns for new rows, and by how much their linear
# predictor is further. What the smooth term would do beyond the scores that
# were seen is not known: such a score counts there as the last of these, and
# the ridge itself says the rest, up to a quarter of their range.
condense <- function(x, blocks) {
  parts <- lapply(blocks$ridges, function(ridge) {
    slope <- replace(numeric(ncol(x)), ridge$columns, ridge$slope)
    score <- as.vector(x %*% slope) + ridge$constant
    seen <- pmin(pmax(score, ridge$range[1L]), ridge$range[2L])
    most <- diff(ridge$range) / 4
    list(seen = seen, further = pmin(pmax(score - seen, -most), most))
  })
  list(x = beside_few(x, blocks, lapply(parts, `[[`, "seen")),
       further = Reduce(`+`, lapply(parts, `[[`, "further"), 0))
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
