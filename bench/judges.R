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

colours <- c(both = "#009E73", classifier = "#D55E00", lexicon = "#0072B2")

# Titles say what is to be seen; lines and bars have their names and numbers on
# them.
draw_judges <- function() {
  graphics::par(mfrow = c(1, 2), las = 1, cex = 0.8)
  draw_curves()
  draw_shares()
}

say_title <- function(...) {
  graphics::mtext(sprintf(...), 3, 0.6, at = graphics::grconvertX(0.01, "nfc"),
                  adj = 0, font = 2, cex = 0.72)
}

draw_curves <- function() {
  graphics::par(mar = c(4.2, 4.2, 3.4, 7))
  name <- colnames(curves)
  judge <- name %in% names(colours)
  look <- ifelse(judge, colours[name], "grey50")
  graphics::matplot(
    k, curves, type = "l", lty = ifelse(judge, 1, 2), lwd = ifelse(judge, 3, 1),
    col = look, ylim = c(0, 62), bty = "l", xlab = "responses to each prompt",
    ylab = "% of prompts with an unsafe response"
  )
  say_title(paste("After ten responses %.0f%% of the prompts\nhave an unsafe",
                  "one by the classifier,\n%.0f%% by the lexicon"),
            curves[10, "classifier"], curves[10, "lexicon"])
  shift <- c("either judge" = 1.5, "both, on one response" = -2)
  graphics::text(32.5, curves[32, ] + ifelse(judge, 0, shift[name]),
                 sub(", on one ", ", on\none ", name), col = look, pos = 4,
                 xpd = NA, offset = 0.2, font = ifelse(judge, 2, 1))
}

# Of the responses that a judge flags, by predicted risk.
draw_shares <- function() {
  graphics::par(mar = c(5.2, 4.2, 3.4, 7))
  flagged <- sums[c("both", "classifier_only", "lexicon_only"), 1:5]
  shares <- 100 * sweep(flagged, 2, colSums(flagged), "/")
  found <- 100 * sums["both", ] / (sums["both", ] + sums["classifier_only", ])
  at <- graphics::barplot(
    shares, col = colours, border = NA, names.arg = rep("", 5),
    ylab = "% of the responses that a judge flags"
  )
  say_title(paste("Of what the classifier calls unsafe\nthe lexicon finds",
                  "%.0f%%, and %.0f%%\nwhere prompts look safest"),
            found[["all"]], found[["lowest"]])
  middle <- apply(shares, 2, cumsum) - shares / 2
  graphics::text(rep(at, each = 3), middle, sprintf("%.0f", shares),
                 col = "white", font = 2)
  graphics::mtext(c("low", "", "", "", "high"), 1, 0.3, at = at, cex = 0.72)
  graphics::mtext("prompts by predicted risk, in fifths", 1, 1.3, cex = 0.72)
  graphics::mtext(trimws(big(colSums(flagged))), 1, 2.5, at = at, cex = 0.6)
  graphics::mtext("flagged responses", 1, 3.4, cex = 0.6)
  graphics::text(max(at) + 0.6, middle[, 5], c(
    "flagged by\nboth judges", "by the classifier:\nthe lexicon\nmisses it",
    "by the lexicon\nalone"
  ), col = colours, pos = 4, xpd = NA, offset = 0.2, font = 2)
}

shared$save_report("judges", lines, list(judges = draw_judges), output)
