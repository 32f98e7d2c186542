# Interactions: products of two features, where a score test says that they
# improve the fit. The tests are done in the C core. Derivation: methods
# vignette, "The generalised linear model".

# Standardised features are clipped here before they are multiplied: a product
# of two far-out values would else outweigh hundreds of others.
product_clip <- 3

# The chance that an interaction is taken when there is none at all.
interaction_error <- 0.01

no_pairs <- data.frame(first = integer(), second = integer(),
                       statistic = numeric())

# The most pairs the user allows: NULL is as many as the data carry, and none
# where the user has set the penalty: that is a wish for a plain model.
check_interactions <- function(interactions, penalty, call) {
  if (is.null(interactions) && !is.null(penalty)) {
    return(0)
  }
  check_number(interactions, "interactions", min = 0, whole = TRUE,
               null_ok = TRUE, call = call)
}

# ---- Finding them ------------------------------------------------------------

# A data frame of columns `first` < `second`, the strongest pair first. `prob`
# are the predictions of `fit`, computed only where there are pairs to look at.
find_pairs <- function(x, counts, fit, prob, terms, most) {
  able <- sum(terms$linear$scale > 0)
  most <- most %||% affordable_pairs(counts$unsafe, fit)
  # Beyond a thousand features there are too many products to look at.
  if (most < 1 || able < 2 || able > 1000) {
    return(no_pairs)
  }
  statistic <- pair_statistics(x, counts, prob, terms$linear)
  error <- interaction_error / choose(able, 2)
  least <- stats::qchisq(error, 1, lower.tail = FALSE) * fit$dispersion
  at <- which(statistic > least, arr.ind = TRUE)
  pairs <- data.frame(first = at[, 2L], second = at[, 1L],
                      statistic = statistic[at])
  utils::head(pairs[order(-pairs$statistic), ], most)
}

# As with splines: ten prompts and five unsafe draws for each column.
affordable_pairs <- function(unsafe, fit) {
  floor(min(length(unsafe) / 10, sum(unsafe) / 5)) - sum(fit$columns$scale > 0)
}

# Derivative of the log-likelihood by the linear predictor, and its information.
pair_statistics <- function(x, counts, prob, linear) {
  prob <- pmin(pmax(prob, 1e-300), 1 - 1e-16)
  hazard <- -log1p(-prob)
  score <- hazard * (counts$unsafe / prob - counts$draws)
  weight <- counts$draws * hazard^2 * (1 - prob) / prob
  core_value(.Call(ffi_interaction_statistics, list(
    x = x, centre = linear$centre, scale = linear$scale, clip = product_clip,
    score = score, weight = weight
  )))
}

# ---- Using them --------------------------------------------------------------

# `design` with the products of the columns of x after it.
expand_pairs <- function(design, x, terms) {
  if (nrow(terms$pairs) == 0L) {
    return(design)
  }
  clipped <- function(j) {
    z <- apply_scale(x[, j, drop = FALSE], terms$linear[j, ])
    pmin(pmax(z, -product_clip), product_clip)
  }
  cbind(design, clipped(terms$pairs$first) * clipped(terms$pairs$second))
}

label_pairs <- function(pairs, linear) {
  sprintf("%s:%s", linear$label[pairs$first], linear$label[pairs$second])
}
