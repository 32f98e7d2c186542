# The rows that trained a hazard, known again. On them a hazard looks better
# than it is on others: a bound calibrated there certifies what is false.

# ---- What a fit keeps --------------------------------------------------------

# Numbers that stand for the rows, not the rows: of features that are text, of
# the prompts and of their ids, where known.
mark_rows <- function(x, outcomes, used) {
  prompts <- outcomes$prompts
  id <- chosen_ids(outcomes$id)
  list(
    text = if (is_text(x)) text_marks(take_rows(x, used)),
    prompts = if (!is.null(prompts)) {
      text_marks(prompt_lines(take_rows(prompts, used)))
    },
    as_frame = is.data.frame(prompts),
    id = if (!is.null(id)) as_text(id)[used]
  )
}

# And of features that are none, by their columns.
mark_features <- function(learnt) {
  if (is.null(learnt$rows$text)) {
    scale <- standardise(learnt$matrix)
    list(scale = scale, features = matrix_marks(learnt$matrix, scale))
  }
}

# 1, 2, ... are the numbers of any prompts, and identify none.
chosen_ids <- function(id) {
  if (!is.null(id) && !identical(as_text(id), as_text(seq_along(id)))) id
}

# 52 bits of a hash: two of a million texts have the same one with probability
# 1e-4.
text_marks <- function(text) {
  distinct <- unique(as_text(text))
  hash <- vapply(distinct, rlang::hash, "", USE.NAMES = FALSE)
  as.numeric(paste0("0x", substr(hash, 1L, 13L)))[match(as_text(text),
                                                        distinct)]
}

# One number for each row of a matrix, on the scale of the training rows: a sum
# over columns whose weights are those of no other sum. A row has the same one
# but for rounding, others hardly ever. One column after the other, so that the
# sum is the same among whatever rows.
matrix_marks <- function(matrix, scale) {
  if (!is.matrix(matrix)) {
    weight <- cos(seq_len(ncol(matrix))^2) * scale$scale
    return(round(as.vector(matrix %*% weight) - sum(weight * scale$centre), 8L))
  }
  marks <- numeric(nrow(matrix))
  for (j in seq_len(ncol(matrix))) {
    marks <- marks + cos(j^2) * scale$scale[j] *
      (matrix[, j] - scale$centre[j])
  }
  round(marks, 8L)
}

# ---- Whether a plan is for them ----------------------------------------------

# Rows of a random split may have equal texts, for traffic repeats itself, and
# features may have few values. So what counts is how equal rows are spread.
refuse_training_rows <- function(hazard, prompts, newdata, id, arg = "prompts",
                                 call = rlang::caller_env()) {
  rows <- hazard$training$rows
  if (is.null(rows)) {
    return(invisible())
  }
  marks <- pooled_marks(hazard, rows, prompts, newdata)
  id <- chosen_ids(id)
  if (!is.null(id) && !is.null(rows$id)) {
    at <- match(as_text(id), rows$id)
    same <- which(marks$new == marks$old[at])
    if (length(same) > 0L) {
      stop_training_rows(sprintf(
        "%s with the ids and prompts of training rows, the first \"%s\"",
        counted(length(same), "row"), as_text(id)[same[1L]]
      ), arg, call)
    }
  }
  split <- same_rows(marks$old, marks$new)
  if (!is.null(split)) {
    stop_training_rows(sprintf(
      paste("%s that occur once in training and once here, where a random",
            "split of rows has about half of %s"),
      counted(split[["apart"]], "prompt"), big(split[["all"]])
    ), arg, call)
  }
}

stop_training_rows <- function(found, arg, call) {
  stop_argument(
    arg, "must be other rows than those that trained `hazard`", found,
    fix = paste("Split the rows at random, fit the hazard on one part and",
                "audit the other. (Equal prompts in both are then in order.)"),
    call = call
  )
}

# list(old, new): equal numbers for equal features, and equal prompts where
# these are known on both sides.
pooled_marks <- function(hazard, rows, prompts, newdata) {
  marks <- if (!is.null(rows$text)) {
    list(old = rows$text, new = text_marks(newdata))
  } else {
    list(old = rows$features,
         new = matrix_marks(encode(hazard$encoder, newdata), rows$scale))
  }
  unknown <- is.null(rows$prompts) || is.null(prompts)
  if (unknown || rows$as_frame != is.data.frame(prompts)) {
    return(marks)
  }
  list(old = paste(marks$old, rows$prompts),
       new = paste(marks$new, text_marks(prompt_lines(prompts))))
}

# A value that occurs twice in both together is split by a random split of rows
# with probability at most about 1/2, and no more often is one that occurs 4, 6,
# ... times split into halves. Far more of them than that are the same rows, or
# some of these; NULL where there are not.
same_rows <- function(old, new) {
  values <- unique(c(old, new))
  in_old <- tabulate(match(old, values), length(values))
  in_new <- tabulate(match(new, values), length(values))
  both <- in_old + in_new
  n <- length(old) + length(new)
  for (which in list(both == 2, both %% 2 == 0)) {
    apart <- sum(which & in_old == in_new)
    chance <- stats::pbinom(apart - 1, sum(which), 0.5 * n / (n - 1),
                            lower.tail = FALSE)
    if (chance < same_rows_chance / 2) {
      return(list(apart = apart, all = sum(which)))
    }
  }
  NULL
}

# How often a random split of rows may be taken for none.
same_rows_chance <- 1e-6
