# Two judges of the same recorded draws, a list of words and a classifier: where
# they agree, by predicted risk, and what each says of the same prompts.
# usage: TIMETOUNSAFE_DATA=folder Rscript bench/judges.R [folder for results]
#   (by default bench/ and vignettes/; seconds)

shared <- new.env()
sys.source("bench/shared/recorded.R", shared)
md_row <- shared$md_row
output <- commandArgs(TRUE)[1]
data <- shared$read_recorded()
n <- nrow(data$prompts)
lexicon <- data$verdicts$lexicon
classifier <- data$verdicts$classifier
by_prompt <- function(which) tabulate(data$row[which], n)
draws <- by_prompt(TRUE)

# ---- Fifths of predicted risk ------------------------------------------------

# Hazards by the classifier, from the prompts' attributes, of models that did
# not see the prompt.
set.seed(1)
fold <- sample(rep_len(1:5, n))
y <- cbind(by_prompt(classifier), draws - by_prompt(classifier))
prob <- numeric(n)
for (k in 1:5) {
  x <- data$features$attributes
  hazard <- fit_hazard(x[fold != k, ], y[fold != k, ])
  prob[fold == k] <- predict(hazard, x[fold == k, ])
}
fifth <- ceiling(5 * rank(prob, ties.method = "first") / n)
groups <- c(lapply(1:5, function(i) which(fifth == i)), list(seq_len(n)))
names(groups) <- c("lowest", "second", "third", "fourth", "highest", "all")

# A ratio of sums over prompts, and twice its standard error: prompts, not
# draws, were sampled at random.
ratio <- function(part, whole, at, digits = 1) {
  part <- part[at]
  whole <- whole[at]
  value <- sum(part) / sum(whole)
  error <- sqrt(sum((part - value * whole)^2)) / sum(whole)
  sprintf("%.*f (%.*f)", digits, 100 * value, digits, 200 * error)
}

counts <- list(
  both = by_prompt(lexicon & classifier),
  lexicon_only = by_prompt(lexicon & !classifier),
  classifier_only = by_prompt(!lexicon & classifier),
  neither = by_prompt(!lexicon & !classifier)
)
sums <- vapply(groups, function(at) {
  vapply(counts, function(count) sum(count[at]), 0)
}, numeric(4))

row_of <- function(name) {
  at <- groups[[name]]
  both <- counts$both
  neither <- counts$neither
  by_lexicon <- both + counts$lexicon_only
  by_classifier <- both + counts$classifier_only
  md_row(
    name, big(sum(draws[at])), ratio(by_lexicon, draws, at),
    ratio(by_classifier, draws, at), ratio(both + neither, draws, at),
    ratio(both, by_classifier, at),
    ratio(neither, draws - by_classifier, at, 2), ratio(both, by_lexicon, at)
  )
}
big <- function(x) format(x, big.mark = ",")

# ---- The same prompts --------------------------------------------------------

# F(k): the share of prompts with an unsafe response among the first k, the mean
# over all orders of their draws.
share_by <- function(which, k) {
  unsafe <- by_prompt(which)
  vapply(k, function(k) {
    100 * mean(1 - shared$hypergeometric_coverage(k + 1, unsafe, draws))
  }, 0)
}
rules <- list("either judge" = lexicon | classifier, classifier = classifier,
              lexicon = lexicon, "both, on one response" = lexicon & classifier)
k <- 1:32
curves <- vapply(rules, share_by, numeric(32), k)

first <- data$draw <= 32
any_of <- function(which) by_prompt(which & first) > 0
crossed <- table(lexicon = any_of(lexicon), classifier = any_of(classifier))
rates <- lapply(data$verdicts, function(unsafe) by_prompt(unsafe) / draws)

# ---- The report --------------------------------------------------------------

lines <- c(
  "# Two judges of the same responses", "",
  sprintf(paste(
    "%s. %s draws of %s prompts, each judged twice: unsafe by the lexicon if a",
    "word of it occurs, by the classifier if its score is above 0.5. Neither",
    "is the truth. In brackets: twice the standard error, over prompts.",
    "Fifths of prompts by the hazard that a model predicts that did not see",
    "them. One run of `bench/judges.R`."
  ), R.version.string, big(length(lexicon)), big(n)), "",
  paste(
    "*Finds*: of the responses that the classifier calls unsafe, how many the",
    "lexicon does; *passes*: the same of safe ones; *confirmed*: of those that",
    "the lexicon calls unsafe, how many the classifier does."
  ), "",
  md_row("predicted risk", "draws", "unsafe by lexicon, %",
         "unsafe by classifier, %", "agree, %", "finds, %", "passes, %",
         "confirmed, %"),
  "|:--|--:|--:|--:|--:|--:|--:|--:|",
  vapply(names(groups), row_of, ""), "",
  "## The counts", "",
  md_row("predicted risk", "both", "lexicon only", "classifier only",
         "neither"),
  "|:--|--:|--:|--:|--:|",
  vapply(names(groups), function(name) {
    do.call(md_row, as.list(c(name, trimws(big(sums[, name])))))
  }, ""), "",
  "## The same prompts", "",
  sprintf(paste(
    "Of %s prompts, %s have an unsafe response among their first 32 by both",
    "judges, %s by the classifier alone, %s by the lexicon alone, and %s by",
    "neither. Their rates have a rank correlation of %.2f."
  ), big(n), big(crossed["TRUE", "TRUE"]), big(crossed["FALSE", "TRUE"]),
  big(crossed["TRUE", "FALSE"]), big(crossed["FALSE", "FALSE"]),
  stats::cor(rates$lexicon, rates$classifier, method = "spearman")), "",
  md_row("prompts with an unsafe response, %", "within 1", "within 5",
         "within 10", "within 32"),
  "|:--|--:|--:|--:|--:|",
  vapply(names(rules), function(name) {
    do.call(md_row, as.list(c(name, sprintf("%.1f", curves[c(1, 5, 10, 32),
                                                         name]))))
  }, "")
)

# ---- The picture -------------------------------------------------------------

draw_judges <- function() {
  graphics::par(mfrow = c(1, 2), mar = c(4.2, 4.2, 3.2, 1), las = 1,
                cex = 0.8)
  colours <- c("grey40", "#D55E00", "#0072B2", "#009E73")
  graphics::matplot(k, curves, type = "l", lty = c(3, 1, 1, 2), lwd = 2,
                    col = colours, ylim = c(0, 80), bty = "l",
                    xlab = "responses to each prompt",
                    ylab = "% of prompts with an unsafe one",
                    main = "How soon is a prompt unsafe?", cex.main = 1)
  graphics::legend("topleft", names(rules), col = colours, lty = c(3, 1, 1, 2),
                   lwd = 2, bty = "n")
  flagged <- sums[c("both", "classifier_only", "lexicon_only"), 1:5]
  shares <- 100 * sweep(flagged, 2, colSums(flagged), "/")
  at <- graphics::barplot(
    shares, col = c("#009E73", "#D55E00", "#0072B2"), border = NA,
    ylab = "% of the responses that a judge flags",
    xlab = "prompts by predicted risk", main = "Who flags it?", cex.main = 1,
    ylim = c(0, 115), axes = FALSE, cex.names = 0.85
  )
  graphics::axis(2, seq(0, 100, 25))
  graphics::text(at, 103, trimws(big(colSums(flagged))), cex = 0.85,
                 xpd = NA)
  graphics::legend("top", c("both", "classifier only", "lexicon only"),
                   fill = c("#009E73", "#D55E00", "#0072B2"), border = NA,
                   bty = "n", ncol = 3, cex = 0.85, x.intersp = 0.4,
                   text.width = c(0.7, 1.9, 1.7), xpd = NA,
                   inset = c(0, -0.04))
}

shared$save_report("judges", lines, list(judges = draw_judges), output)
