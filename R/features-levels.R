# The levels of factors: one order in every locale, a place for those that
# training did not have, and one level for all rare ones where there are many.

# This many columns are no longer looked at one by one.
least_wide <- 50L

# ---- In training -------------------------------------------------------------

# Text as factors, whose levels have the same order in every locale.
fix_levels <- function(frame) {
  for (name in names(frame)[vapply(frame, is.character, NA)]) {
    text <- to_utf8(frame[[name]])
    levels <- unique(text[!is.na(text)])
    frame[[name]] <- factor(text, levels[order_text(levels)])
  }
  frame
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

# A factor with many levels has an indicator for each of them, so that a common
# penalty treats all alike, and one more for those that occur once. That is the
# level "other", which new ones belong to: what is new is rare.
pool_levels <- function(frame, levels) {
  many <- names(levels)[lengths(levels) > least_wide]
  many <- many[!vapply(frame[many], is.ordered, NA)]
  pooled <- lapply(frame[many], function(x) levels(x)[tabulate(x) == 1L])
  for (name in many) {
    attr(frame[[name]], "contrasts") <-
      pooled_contrasts(levels[[name]], pooled[[name]])
  }
  list(frame = frame, pooled = pooled)
}

# One row for each level, and one more for a new one.
pooled_contrasts <- function(levels, rare, new = NULL) {
  all <- c(levels, new)
  out <- cbind(diag(1, length(all), length(levels)),
               as.numeric(all %in% c(rare, new)))
  dimnames(out) <- list(all, c(levels, other_level(levels)))
  out
}

# "other", unless there is one of that name.
other_level <- function(levels) {
  utils::tail(make.unique(c(levels, "other")), 1L)
}

# ---- In prediction -----------------------------------------------------------

# Factors with the levels of training. A level that training did not have counts
# as average: its contrasts are the mean of the training prompts'. Where levels
# are many it counts as "other".
take_levels <- function(frame, encoder, arg, call) {
  unknown <- list()
  for (name in names(encoder$levels)) {
    levels <- encoder$levels[[name]]
    value <- to_utf8(as.character(frame[[name]]))
    new <- setdiff(value[!is.na(value)], levels)
    unknown[[name]] <- if (length(new) > 0L) new
    other <- if (length(new) > 0L) other_level(levels)
    value[value %in% new] <- other
    column <- factor(value, c(levels, other))
    rare <- encoder$pooled[[name]]
    if (!is.null(rare)) {
      attr(column, "contrasts") <- pooled_contrasts(levels, rare, other)
    } else if (length(new) > 0L) {
      attr(column, "contrasts") <- with_average(
        encoder$contrasts[[name]], levels, other, encoder$shares[[name]]
      )
    }
    frame[[name]] <- column
  }
  if (length(unknown) > 0L) {
    warn_new_levels(unknown, names(encoder$pooled), arg, call)
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

warn_new_levels <- function(unknown, pooled, arg, call) {
  warn_classed("new_levels", c(
    sprintf("`%s` has new levels of \"%s\": %s.", arg, names(unknown)[1L],
            list_names(unknown[[1L]])),
    i = if (names(unknown)[1L] %in% pooled) {
      "Their prompts count as those of levels that training had once."
    } else {
      "Their prompts count as average in that feature."
    }
  ), columns = names(unknown), levels = unknown, call = call)
}
