# Recorded draws of a real model, where TIMETOUNSAFE_DATA names their folder:
# prompts, features, and the verdicts of two judges on each draw.

library(timetounsafe)

# list(prompts, features, row (of each draw's prompt), draw, verdicts, score).
read_recorded <- function(folder = Sys.getenv("TIMETOUNSAFE_DATA"),
                          draws = "draws.csv.gz") {
  folder <- file.path(folder, "llm")
  if (!dir.exists(folder)) {
    stop("No recorded draws: TIMETOUNSAFE_DATA must name a folder with `llm`.",
         call. = FALSE)
  }
  prompts <- utils::read.csv(file.path(folder, "prompts.csv"),
                             encoding = "UTF-8")
  embedding <- utils::read.csv(gzfile(file.path(folder, "embeddings.csv.gz")))
  embedding <- as.matrix(embedding[match(prompts$id, embedding$id), -1])
  drawn <- utils::read.csv(gzfile(file.path(folder, draws)))
  attributes <- as.matrix(prompts[4:11])
  everything <- data.frame(attributes)
  everything$embedding <- embedding
  everything$text <- I(prompts$prompt)
  list(
    prompts = prompts[c("id", "origin")],
    features = list(attributes = attributes, embedding = embedding,
                    text = prompts$prompt, all = everything),
    row = match(drawn$id, prompts$id), draw = drawn$draw, score = drawn$score,
    verdicts = list(lexicon = drawn$lexicon == 1,
                    classifier = drawn$score > 0.5)
  )
}

# How many draws there are of each prompt, and how many of them are unsafe by
# each judge.
count_judges <- function(data) {
  counted <- lapply(data$verdicts, function(verdict) {
    tabulate(data$row[verdict], nrow(data$prompts))
  })
  list(draws = tabulate(data$row, nrow(data$prompts)), unsafe = counted)
}

# The same by one judge.
count_draws <- function(data, judge) {
  counted <- count_judges(data)
  list(draws = counted$draws, unsafe = counted$unsafe[[judge]])
}

take <- function(x, i) if (length(dim(x)) == 2L) x[i, , drop = FALSE] else x[i]

# P(no unsafe among L - 1 of the recorded draws), each order of them alike: the
# minimum-variance unbiased estimate of P(T >= L). Beyond their number it is
# only known to be at most that of all of them.
hypergeometric_coverage <- function(bound, unsafe, draws) {
  stats::dhyper(0, unsafe, draws - unsafe, pmin(bound - 1, draws))
}

# The longest bound whose coverage of a prompt's own record is at least `level`:
# what could be said of each prompt if its record were known.
longest_bound <- function(unsafe, draws, level, cap) {
  covered <- vapply(seq_len(cap), hypergeometric_coverage,
                    numeric(length(unsafe)), unsafe = unsafe, draws = draws)
  rowSums(covered >= level)
}

md_row <- function(...) paste0("| ", paste(..., sep = " | "), " |")

# The document and its pictures: those of the vignettes, or, where a folder is
# given, there.
save_report <- function(name, lines, pictures, output = NA, height = 3.6) {
  kept <- is.na(output)
  document <- file.path(if (kept) "bench" else output, paste0(name, ".md"))
  folder <- if (kept) "vignettes/figures" else output
  dir.create(folder, showWarnings = FALSE, recursive = TRUE)
  for (picture in names(pictures)) {
    grDevices::png(file.path(folder, paste0(picture, ".png")), 7.2, height,
                   "in", res = 110, type = "cairo")
    pictures[[picture]]()
    grDevices::dev.off()
  }
  writeLines(lines, document)
  writeLines(lines)
}
