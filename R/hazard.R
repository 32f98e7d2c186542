# fit_hazard(): the ways in, by matrix and by formula.

#' Estimate the hazard: the probability that one draw is unsafe
#'
#' A censored survival model. Draws of a prompt are exchangeable, so the time of
#' its first unsafe draw is geometric, and a prompt with `unsafe` unsafe ones
#' among `draws` draws contributes
#' `unsafe * log(p) + (draws - unsafe) * log(1 - p)` to the log-likelihood,
#' whether the number of draws was fixed or stopped at the first unsafe one.
#'
#' **Engine `"glm"`** (the default): complementary log-log link, the
#' discrete-time proportional-hazards model, on standardised features. A feature
#' with many distinct values gets a smooth term, a natural cubic spline.
#' Products of two features enter where a score test asks for them. Penalties
#' are chosen by (approximate) marginal likelihood: one for each linear term and
#' each product, drawn from a common distribution with heavy tails, and one for
#' the curvature of each feature. So uninformative features are shrunk away,
#' even among hundreds. `summary()` shows what was chosen. Arguments in `...`:
#' * `splines`: `NULL` (the default: splines with up to 10 knots where the
#'   training events can carry them, see Details), 0 for none, or the number of
#'   knots, 4 to 50.
#' * `interactions`: `NULL` (the default: as many pairs as pass the test and the
#'   training events can carry; none when `penalty` is given), or the most pairs
#'   to take; 0 for none.
#' * `penalty`: `NULL` (the default: chosen from the data) or a number of at
#'   least 0 that all penalties share; 0 is maximum likelihood.
#' * `dispersion`: `NULL` (the default: Pearson's estimate with Fletcher's
#'   correction, at least 1) or a number above 0. It scales the penalties: draws
#'   of prompts whose hazards differ more than their features explain must not
#'   count as independent.
#' * `tolerance` (1e-8: relative change of the deviance; with chosen penalties a
#'   change of 0.01 in the log-likelihood is enough) and `max_iterations` (100).
#'
#' **Wide blocks.** At least 50 columns that belong together, such as an
#' embedding, are not looked at one by one: one ridge regression makes a single
#' column of them, the linear predictor, whose penalty is chosen by the deviance
#' out of fold (5 folds). For the training prompts this column is out of fold,
#' too, so that its smooth term, its penalty and the dispersion are not
#' deceived. A block is a matrix in a data frame, the levels of a factor, or
#' columns whose names differ in a last number alone (`e1`, `e2`, ...; columns
#' without names are a block). All others keep terms of their own; so do the
#' columns of a block where a few of them stand out. No blocks are made when
#' `penalty` is given, nor of fewer than 20 prompts.
#'
#' To use embeddings, compute one vector for each prompt and pass the matrix:
#' for example `x <- ragnar::embed_openai(prompts)` (or `embed_ollama()`), then
#' `fit_hazard(x, y)`; with attributes beside it,
#' `data$embedding <- x` and `fit_hazard(data, y)`.
#'
#' **Engine `"mlp"`**: a perceptron with ReLU layers, trained by AdamW on
#' mini-batches. Arguments in `...`:
#' * `hidden` (`c(32, 32)`): the widths of the layers.
#' * `learning_rate` (1e-3), `weight_decay` (1e-4), `batch_size` (100),
#'   `epochs` (100: the most).
#' * `validation` (0.1): the share of prompts held out, on whose deviance
#'   training stops early after `patience` (10) epochs without improvement.
#'   0 trains for all epochs and keeps the last weights.
#' * `weighted` (`TRUE`): the binomial likelihood; `FALSE` gives each prompt the
#'   same weight, as in the paper.
#' * `start_at_rate` (`TRUE`): start at the overall rate of unsafe draws.
#' * `standardised` (`TRUE`): whether features are standardised first.
#'
#' [fit_paper_hazard()] has the settings of the paper.
#'
#' @details
#' With `splines = NULL` the number of knots is limited so that there are at
#' least 10 training prompts and 5 unsafe draws for each column; below 4 knots,
#' and for features with fewer than 8 distinct values, only the linear term is
#' used. Where the range of a feature exceeds 20 of its robust standard
#' deviations its spline is laid on a scale that is logarithmic outside.
#'
#' Products are of standardised features, clipped at 3 standard deviations. Each
#' pair is tested once, on the fit without products, at a significance level of
#' 0.01 divided by the number of pairs; more than 1000 features are not
#' searched.
#'
#' Prompts with the same features differ in their hazards. The `precision` says
#' how much, see [beta_geometric_quantile()]: that of the beta distributions,
#' with the hazards out of fold as means, that make the counts of the training
#' draws most likely. It is `Inf` where they are hardly more likely than with
#' one hazard for each row of features (by less than 1.5 in the log-likelihood,
#' which happens by chance in one fit of 25): so it is with few prompts, with
#' one draw of each, and where all draws are safe. Errors of the hazards count
#' as differences, too. Where the counts clearly say so (by 3 in the
#' log-likelihood) it depends on the hazard `p`: `precision_rule` is then
#' `scale * p^slope`. Only bounds of prompts that were screened depend on it
#' ([plan_audit()]), and no guarantee does.
#'
#' With chosen penalties one unsafe draw more, spread over all prompts at the
#' overall rate, is added to the data, so that a group of prompts without any
#' unsafe draw keeps a hazard above 0.
#'
#' @param x The features, one row for each prompt: a numeric matrix, a sparse
#'   matrix from the Matrix package, a data frame (factors and text columns
#'   become indicators, and a column `I(text)` the features of its words), or a
#'   character vector of prompts, whose n-grams (those of [text_features()],
#'   without the reduction) become a wide block. Or outcomes that contain their
#'   prompts, see `y`, as the only argument: then the prompts are the features.
#'   See "Levels and sparse columns".
#' @param y What was observed of each prompt, in the order of `x`:
#'   * `cbind(unsafe, safe)`, a numeric matrix with two columns: how many draws
#'     were unsafe, and how many safe, whole numbers of at least 0;
#'   * [survival::Surv()] of a `time` and a `status`, for draws that stopped at
#'     the first unsafe one: its number and 1, or the number of draws made and
#'     0;
#'   * `prompt_draws`, the result of [draw_responses()];
#'   * a `response_log`, with one row for each response: its usable ones (those
#'     with a verdict, and those that were refused, which count as safe) are
#'     counted by `id`, in the order in which the prompts first appear.
#'
#'   Prompts without any draw are left out.
#' @param formula A formula with `y` on its left. Without a left side the counts
#'   are those of `data`, outcomes whose prompts are rows of a data frame, or
#'   text, then called `prompt`.
#' @param data A data frame with the variables of `formula`.
#' @param engine `"glm"` or `"mlp"`, see Details.
#' @param stop Whether drawing stopped at the first unsafe draw; `FALSE`, the
#'   default, when the number of draws was chosen beforehand. Known without it
#'   from `Surv()` and `prompt_draws`, and from a `response_log` in which
#'   nothing follows an unsafe response and the numbers of draws differ. It does
#'   not change the fit, but some estimates are biased on stopped draws, and the
#'   fit remembers.
#' @param ... Settings of the engine, as listed above.
#' @returns An object of class `hazard_fit`: a list with `engine`, `encoder`,
#'   `model` (the engine's own), `fitted` (hazards of the training prompts),
#'   `out_of_fold` (the same by fits to other prompts, for the pilot of
#'   [plan_audit()]; `NULL` with engine `"mlp"`), `precision` (see Details; `NA`
#'   with engine `"mlp"`), `precision_rule` (`list(scale, slope)`, or `NULL`),
#'   `unsafe`, `draws`, `refused` (of each prompt; `NULL` where not known),
#'   `stop` (logical), `deviance`, `null.deviance`, `nobs`
#'   (the number of training prompts), `omitted` (row numbers of the prompts
#'   without any draw), `formula` (or `NULL`), `schema`, `call` (without the
#'   values in it) and `training` (the settings; `rows`: hashes by which
#'   [plan_audit()] knows the training rows again; and, with engine `"mlp"`
#'   alone, the features as a matrix).
#'   Of the environments in which it was made it contains only the variables
#'   that the formula uses. [predict.hazard_fit()] gives hazards and quantiles,
#'   [coef()][hazard_accessors] and its like the parts, [tidy.hazard_fit()]
#'   tables.
#' @section Levels and sparse columns: A level that only new prompts have counts
#'   as the average of the training prompts, with a warning of class
#'   `timetounsafe_warning_new_levels`. A factor with more than 50 levels
#'   becomes a wide block: an indicator for each level and one, "other", for all
#'   that occur once in training, under one penalty. There a new level counts as
#'   "other": what is new is rare, and may be as risky as what is rare. (Not so
#'   for ordered factors, with engine `"mlp"`, a given `penalty` or fewer than
#'   20 prompts.)
#'
#'   Where wide blocks are used, a sparse matrix of at least 50 columns is never
#'   made dense. A block of which at least nine of ten values are 0, such as
#'   counts of words or their TF-IDF, enters on the scale that it has, as one
#'   penalty on scaled columns would let rare ones outweigh all others: so its
#'   columns should have one unit. Fewer than 50 columns among them that are
#'   mostly not 0 are features of their own.
#' @section No unsafe draw at all: When every training draw is safe (or every
#'   one unsafe) nothing can be learnt from the features. The fit is then one
#'   constant, the mean of the posterior under Jeffreys' prior,
#'   `(unsafe + 1/2) / (draws + 1)`, with a warning of class
#'   `timetounsafe_warning_constant_hazard`.
#' @section Errors: `timetounsafe_error_argument`;
#'   `timetounsafe_error_features` names columns with missing values, or with a
#'   text of its own in nearly every row;
#'   `timetounsafe_warning_convergence` when the iterations ran out.
#' @references arXiv 2506.13593, section 3.1; methods vignette, "The generalised
#'   linear model" and "The perceptron". Wood, S. N. and Fasiolo, M. (2017). A
#'   generalized Fellner-Schall method for smoothing parameter optimization.
#'   Biometrics 73, 1071-1081. \doi{10.1111/biom.12666}
#' @examples
#' set.seed(1)
#' x <- matrix(rnorm(2000), 500, 4)
#' p <- 1 - exp(-exp(-4 + x[, 1]))
#' unsafe <- rbinom(500, 50, p)
#' fit <- fit_hazard(x, cbind(unsafe, safe = 50 - unsafe))
#' fit
#' predict(fit, x[1:3, ], type = "quantile", tau = 0.1)
#'
#' data <- data.frame(unsafe, safe = 50 - unsafe, x1 = x[, 1], x2 = x[, 2])
#' fit_hazard(cbind(unsafe, safe) ~ x1 + x2, data)
#'
#' # Draws of a sampler contain their prompts
#' sampler <- function(prompts) runif(length(prompts)) < nchar(prompts) / 200
#' training <- draw_responses(c("Hi!", "Good morning", "Tell me a cruel joke"),
#'                            sampler, draws = 100)
#' fit_hazard(nchar(training$prompt),
#'            cbind(training$unsafe, training$draws - training$unsafe))
#' @export
fit_hazard <- function(x, ...) {
  UseMethod("fit_hazard")
}

#' @rdname fit_hazard
#' @export
fit_hazard.default <- function(x, y, engine = c("glm", "mlp"), ...,
                               stop = FALSE) {
  if (missing(x) && inherits(list(...)$formula, "formula")) {
    return(fit_hazard.formula(..., engine = engine, stop = stop))
  }
  if (missing(y)) {
    refuse_renamed(names(list(...)), c("y", "stop"), rlang::current_env())
  }
  # The prompts of outcomes are the features.
  own <- !missing(x) && missing(y) && is_outcomes(x)
  if (own) {
    outcomes <- read_outcomes(x, arg = "x")
    x <- outcomes$prompts
  }
  check_feature_kind(x)
  n <- n_rows(x)
  if (n == 0L) {
    stop_argument("x", "must not be empty")
  }
  if (!own) {
    outcomes <- read_outcomes(y, n)
  }
  check_some_draws(outcomes, if (own) "x" else "y")
  stop <- check_flag(stop, "stop")
  used <- outcomes$draws > 0
  learnt <- learn_encoder(if (all(used)) x else take_rows(x, used),
                          takes_wide(engine, list(...)$penalty, used))
  learnt$rows <- mark_rows(x, outcomes, used)
  fit_engine(learnt, outcomes,
             check_choice(engine, c("glm", "mlp"), "engine"), stop,
             list(...), match.call())
}

#' @rdname fit_hazard
#' @export
fit_hazard.formula <- function(formula, data, engine = c("glm", "mlp"), ...,
                               stop = FALSE) {
  if (missing(data) || !is.data.frame(data) || nrow(data) == 0L) {
    stop_argument("data", "must be a data frame that is not empty",
                  if (!missing(data)) describe(data))
  }
  data <- plain_columns(data, "data")
  if (length(formula) == 3L) {
    outcomes <- read_response(formula, data)
    arg <- "formula"
  } else {
    if (!is_outcomes(data)) {
      stop_argument("formula", "has no left-hand side",
                    fix = "For example cbind(unsafe, safe) ~ x1 + x2.")
    }
    outcomes <- read_outcomes(data, arg = "data")
    data <- frame_of_prompts(outcomes$prompts)
    arg <- "data"
  }
  check_some_draws(outcomes, arg)
  terms <- stats::terms(formula, data = data)
  if (!is.null(attr(terms, "offset"))) {
    stop_argument("formula", "must not have an offset",
                  fix = "The number of draws is what an exposure would be.")
  }
  if (attr(terms, "intercept") == 0L) {
    stop_argument("formula", "must have an intercept", "`0 +` or `- 1`")
  }
  stop <- check_flag(stop, "stop")
  used <- outcomes$draws > 0
  learnt <- learn_frame(data[used, , drop = FALSE], terms,
                        takes_wide(engine, list(...)$penalty, used))
  learnt$rows <- mark_rows(data, outcomes, used)
  learnt$formula <- formula
  environment(learnt$formula) <- environment(learnt$encoder$terms)
  fit_engine(learnt, outcomes,
             check_choice(engine, c("glm", "mlp"), "engine"), stop,
             list(...), match.call())
}

# Whether wide blocks are fitted by a ridge of their own.
takes_wide <- function(engine, penalty, used) {
  identical(engine[1L], "glm") && is.null(penalty) && sum(used) >= least_rows
}

# The left side of a formula, in any of the forms of `y`.
read_response <- function(formula, data, call = rlang::caller_env()) {
  response <- tryCatch(
    eval(formula[[2L]], data, environment(formula)),
    error = function(e) {
      stop_argument("formula", "has a left side that cannot be evaluated",
                    call = call, parent = e)
    }
  )
  read_outcomes(response, nrow(data), "formula", call)
}

frame_of_prompts <- function(prompts) {
  if (is.data.frame(prompts)) prompts else data.frame(prompt = prompts)
}
