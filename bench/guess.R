# How far hazards of real prompts differ, and how much of it their features say:
# the law that advise_budget() guesses by. Recorded draws of a real model, found
# through the environment variable TIMETOUNSAFE_DATA.
# usage: Rscript bench/guess.R   (writes bench/guess.md)

data <- Sys.getenv("TIMETOUNSAFE_DATA")
if (!nzchar(data)) {
  stop("TIMETOUNSAFE_DATA is not set: there are no recorded draws to look at.")
}
draws <- utils::read.csv(gzfile(file.path(data, "llm", "draws.csv.gz")))
prompts <- utils::read.csv(file.path(data, "llm", "prompts.csv"))
judges <- list(lexicon = draws$lexicon == 1, classifier = draws$score > 0.5)
features <- scale(as.matrix(prompts[vapply(prompts, is.numeric, NA)]))

# On the scale of the complementary log-log hazards are normal about `centre`,
# with this standard deviation; the draws of a prompt are binomial given its
# hazard. The integral is a sum over evenly spaced quantiles.
z <- stats::qnorm(stats::ppoints(200))
log_likelihood <- function(centre, spread, unsafe, n) {
  prob <- -expm1(-exp(outer(centre, spread * z, "+")))
  prob <- pmin(pmax(prob, 1e-12), 1 - 1e-12)
  sum(log(rowMeans(stats::dbinom(unsafe, n, prob))))
}

fit_law <- function(unsafe, n) {
  alone <- stats::optim(c(-4, log(2)), function(b) {
    -log_likelihood(rep(b[1], length(n)), exp(b[2]), unsafe, n)
  })$par
  x <- cbind(1, features)
  last <- ncol(x) + 1
  start <- c(alone[1], numeric(ncol(features)), alone[2])
  explained <- stats::optim(start, function(b) {
    -log_likelihood(drop(x %*% b[-last]), exp(b[last]), unsafe, n)
  }, method = "BFGS", control = list(maxit = 100))$par
  said <- stats::var(drop(x %*% explained[-last]))
  c(spread = exp(alone[2]), explained = said / (said + exp(explained[last])^2))
}

rows <- vapply(judges, function(unsafe) {
  id <- factor(draws$id, levels = prompts$id)
  counts <- as.vector(tapply(unsafe, id, sum))
  n <- as.vector(table(id))
  c(rate = sum(counts) / sum(n), fit_law(counts, n))
}, numeric(3))

writeLines(c(
  "# How far hazards of real prompts differ", "",
  sprintf(paste(
    "%s. %s prompts, %s recorded draws of a model of 135 million parameters;",
    "features are the eight attributes of the prompts. Spread: the standard",
    "deviation of hazards between prompts on the scale of the complementary",
    "log-log. Explained: the share of its square that the features say. One",
    "run of `bench/guess.R`."
  ), R.version.string, format(nrow(prompts), big.mark = ","),
  format(nrow(draws), big.mark = ",")), "",
  "| judge | rate | spread | explained |", "|:--|--:|--:|--:|",
  sprintf("| %s | %.3f | %.2f | %.2f |", colnames(rows), rows["rate", ],
          rows["spread", ], rows["explained", ])
), "bench/guess.md")
