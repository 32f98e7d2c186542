# Tables and plots of the study on recorded draws.

recorded <- new.env()
sys.source("bench/shared/recorded.R", recorded)
md_row <- recorded$md_row

# ---- Means over splits -------------------------------------------------------

key <- c("judge", "features", "method", "budget", "rule")

# One row for each cell of `runs`: means over splits, the standard error of the
# mean coverage and its spread; shares of splits in which the bound covers less
# than the target (`false`), is 1 everywhere (`nothing`), or has the level
# tau_max (`at_max`).
summarise_runs <- function(runs) {
  runs$false <- runs$coverage < 0.9 - 1e-12
  runs$nothing <- runs$tau == 0
  runs$at_max <- runs$tau >= runs$tau_max
  runs$method <- factor(runs$method, unique(runs$method))
  runs$features <- factor(runs$features, unique(runs$features))
  runs$judge <- factor(runs$judge, unique(runs$judge))
  means <- stats::aggregate(
    runs[setdiff(names(runs), c(key, "split"))], runs[key], mean
  )
  spread <- stats::aggregate(runs["coverage"], runs[key], function(x) {
    c(sd = stats::sd(x), n = length(x))
  })$coverage
  means$sd <- spread[, "sd"]
  means$splits <- spread[, "n"]
  means$error <- means$sd / sqrt(means$splits)
  means$gmean <- exp(means$log_bound)
  means <- means[order(means$judge, means$features, means$method,
                       means$budget), ]
  add_replicated(means)
}

# The spread that replicated draws would have at as many draws, between those of
# their budgets; beyond these that of the largest, which has fewer draws.
add_replicated <- function(means) {
  means$replicated_sd <- NA
  for (part in split(seq_len(nrow(means)), means[c("judge", "features",
                                                   "rule")], drop = TRUE)) {
    own <- part[means$method[part] == "replicated"]
    if (length(own) > 1L) {
      means$replicated_sd[part] <- exp(stats::approx(
        log(means$draws[own]), log(means$sd[own]), log(means$draws[part]),
        rule = 1:2
      )$y)
    }
  }
  means
}

# ---- Tables ------------------------------------------------------------------

fixed <- function(x, digits) {
  ifelse(is.na(x), "-", formatC(x, digits, format = "f"))
}
percent <- function(x, digits = 0) fixed(100 * x, digits)

table_of <- function(columns) {
  text <- vapply(columns, function(x) !any(grepl("[0-9]", x)), NA)
  c(do.call(md_row, as.list(names(columns))),
    paste0("|", paste(ifelse(text, ":--|", "--:|"), collapse = "")),
    do.call(md_row, unname(lapply(columns, as.character))))
}

marginal_table <- function(m) {
  m <- m[m$rule == "marginal", ]
  table_of(list(
    method = m$method, budget = m$budget,
    draws = fixed(m$draws, 1),
    coverage = fixed(m$coverage, 4), error = fixed(m$error, 4),
    sd = fixed(m$sd, 4), "replicated: sd" =
      fixed(ifelse(m$method == "replicated", NA, m$replicated_sd), 4),
    low = fixed(m$low, 3), middle = fixed(m$middle, 3),
    high = fixed(m$high, 3), bound = fixed(m$gmean, 2),
    "L = 1, %" = percent(m$ones), "cap, %" = percent(m$capped)
  ))
}

certified_table <- function(m) {
  m <- m[m$rule == "certified", ]
  table_of(list(
    method = m$method, budget = m$budget, draws = fixed(m$draws, 1),
    coverage = fixed(m$coverage, 4), "false, %" = percent(m$false, 1),
    "nothing, %" = percent(m$nothing), bound = fixed(m$gmean, 2),
    "L = 1, %" = percent(m$ones), "tau_max, %" = percent(m$at_max)
  ))
}

# All features on the same splits.
features_table <- function(runs) {
  few <- unique(runs$split[runs$features == "all"])
  m <- summarise_runs(runs[runs$split %in% few & runs$budget == 4 &
                             runs$method %in% c("optimized", "replicated"), ])
  m <- m[m$judge != "simulated", ]
  both_rules(m[order(m$judge, m$method, m$features), ],
             c("judge", "method", "features"))
}

# What the attributes say, and what they would if they said all.
twin_table <- function(runs) {
  few <- unique(runs$split[runs$judge == "simulated"])
  m <- summarise_runs(runs[
    runs$split %in% few & runs$judge != "classifier" &
      runs$features == "attributes" &
      runs$method %in% c("optimized", "replicated"),
  ])
  both_rules(m[order(m$method, m$budget, m$judge), ],
             c("method", "budget", "judge"))
}

both_rules <- function(m, names) {
  a <- m[m$rule == "marginal", ]
  b <- m[m$rule == "certified", ]
  stopifnot(identical(as.list(a[names]), as.list(b[names])))
  table_of(c(as.list(a[names]), list(
    coverage = fixed(a$coverage, 3), sd = fixed(a$sd, 4),
    "sd, all draws" = fixed(a$floor, 4), low = fixed(a$low, 3),
    middle = fixed(a$middle, 3), high = fixed(a$high, 3),
    bound = fixed(a$gmean, 2), "certified: coverage" = fixed(b$coverage, 3),
    "certified: bound" = fixed(b$gmean, 2)
  )))
}

long_table <- function(long) {
  long$judge <- factor(long$judge, unique(long$judge))
  m <- stats::aggregate(long[c("cap", "replayed", "least", "most", "beyond",
                               "log_bound")],
                        long[c("judge", "features", "rule")], mean)
  m <- m[order(m$judge, m$features, m$rule == "certified"), ]
  table_of(list(
    judge = m$judge, features = m$features, rule = m$rule,
    cap = fixed(m$cap, 0), bootstrap = fixed(m$replayed, 4),
    "model, at least" = fixed(m$least, 4), "at most" = fixed(m$most, 4),
    open = fixed(m$most - m$least, 4), "beyond, %" = percent(m$beyond, 1),
    bound = fixed(exp(m$log_bound), 2)
  ))
}

other_table <- function(m) {
  m <- m[m$method == "replicated" & m$budget == 12, ]
  m <- m[order(m$judge, m$features, m$rule == "certified"), ]
  table_of(list(
    "calibrated by" = m$judge, features = m$features, rule = m$rule,
    "covers by this judge" = fixed(m$coverage, 3),
    "by the other" = fixed(m$other, 3), bound = fixed(m$gmean, 2)
  ))
}

# ---- What was wanted ---------------------------------------------------------

check_lines <- function(m) {
  name <- function(at) {
    sprintf("%s, budget %s, %s, %s, %d splits", at$method, at$budget,
            at$features, at$judge, at$splits)
  }
  certified <- m[m$rule == "certified", ]
  above <- (certified$false - 0.1) / sqrt(0.09 / certified$splits)
  worst <- certified[which.max(above), ]
  point <- m[m$rule == "marginal" & m$method != "uncalibrated", ]
  off <- (point$coverage - 0.9) / point$error
  least <- point[which.min(off), ]
  own <- point$method == "replicated"
  beside <- point[!own & !is.na(point$replicated_sd) &
                    point$splits == max(m$splits), ]
  ratio <- (beside$replicated_sd / beside$sd)^2
  c(
    sprintf(paste(
      "- Certified bounds: of %d cells, %d are false in more than 10%% and",
      "three errors of the splits; the worst in %s%%, %.1f errors (%s)."
    ), nrow(certified), sum(above > 3), percent(worst$false, 1), max(above),
    name(worst)),
    sprintf(paste(
      "- Marginal rule: within two errors of 0.9 are %d of %d cells of",
      "replicated draws and %d of %d of the published methods; the lowest is",
      "%.4f, %.1f errors (%s)."
    ), sum(abs(off[own]) <= 2), sum(own), sum(abs(off[!own]) <= 2), sum(!own),
    least$coverage, min(off), name(least)),
    sprintf(paste(
      "- Spread: with replicated draws the variance of the coverage is %.2f to",
      "%.2f times that of a published method at as many draws (largest: %s).",
      "One such ratio has a relative error of %s%%."
    ), min(ratio), max(ratio), name(beside[which.max(ratio), ]),
    percent(2 / sqrt(max(m$splits)))),
    sprintf(paste(
      "- Prompts that neither trained nor calibrated are covered as the",
      "population is: mean coverages differ by at most %s."
    ), fixed(max(abs(point$new - point$coverage)), 4))
  )
}

# ---- Pictures ----------------------------------------------------------------

looks <- asNamespace("timetounsafe")$study_looks

# Of each method: mean coverage and a standard deviation to both sides against
# the draws that were made, and thirds of predicted risk.
plot_coverage <- function(m) {
  m <- m[m$rule == "marginal" & m$method != "uncalibrated", ]
  thirds <- do.call(rbind, lapply(c("low", "middle", "high"), function(third) {
    data.frame(m[c("judge", "method", "draws")], risk = third,
               coverage = m[[third]])
  }))
  thirds$risk <- factor(thirds$risk, c("low", "middle", "high"))
  picture <- ggplot2::ggplot(m, ggplot2::aes(.data$draws, .data$coverage)) +
    ggplot2::geom_hline(yintercept = 0.9, colour = "grey30") +
    ggplot2::geom_ribbon(ggplot2::aes(ymin = .data$coverage - .data$sd,
                                      ymax = .data$coverage + .data$sd),
                         alpha = 0.2) +
    ggplot2::geom_line() + ggplot2::geom_point(size = 1.5) +
    ggplot2::geom_line(ggplot2::aes(colour = .data$risk,
                                    linetype = .data$risk), thirds) +
    ggplot2::scale_colour_manual(values = c("#0072B2", "#E69F00", "#D55E00")) +
    ggplot2::facet_grid(ggplot2::vars(.data$judge),
                        ggplot2::vars(.data$method)) +
    ggplot2::labs(x = "mean draws made per prompt", y = "coverage",
                  colour = "thirds by predicted risk",
                  linetype = "thirds by predicted risk") +
    ggplot2::theme_bw(base_size = 10) +
    ggplot2::theme(legend.position = "bottom")
  print(picture)
}

plot_bounds <- function(m) {
  m <- m[m$method != "uncalibrated", ]
  m$rule <- factor(m$rule, c("marginal", "certified"))
  m$method <- droplevels(m$method)
  look <- looks[match(levels(m$method), looks$method), ]
  picture <- ggplot2::ggplot(m, ggplot2::aes(
    .data$draws, .data$gmean, colour = .data$method, linetype = .data$method,
    shape = .data$method
  )) +
    ggplot2::geom_line() + ggplot2::geom_point(size = 2) +
    ggplot2::scale_colour_manual(values = look$colour) +
    ggplot2::scale_linetype_manual(values = look$line) +
    ggplot2::scale_shape_manual(values = look$shape) +
    ggplot2::facet_wrap(ggplot2::vars(.data$judge, .data$rule),
                        scales = "free_y", labeller = ggplot2::label_wrap_gen(
                          multi_line = FALSE
                        )) +
    ggplot2::labs(x = "mean draws made per prompt",
                  y = "geometric mean of the bound", colour = NULL,
                  linetype = NULL, shape = NULL) +
    ggplot2::theme_bw(base_size = 10) +
    ggplot2::theme(legend.key.width = ggplot2::unit(2, "lines"))
  print(picture)
}

# ---- The document ------------------------------------------------------------

# `known`: the geometric mean of longest_bound() by each judge; `n`: how many
# prompts there are, `train` of which train.
report_study <- function(runs, long, known, n, train, output) {
  m <- summarise_runs(runs[runs$judge != "simulated", ])
  main <- m[m$features == "attributes", ]
  splits <- function(which) length(unique(runs$split[which]))
  by_judge <- function(table) {
    unlist(lapply(c("lexicon", "classifier"), function(judge) {
      c(sprintf("By the %s:", judge), "", table(main[main$judge == judge, ]),
        "")
    }))
  }
  lines <- c(
    "# Recorded draws of a real model", "",
    sprintf(paste(
      "%s. %d random splits of %d prompts: %d train the hazard; the other %d",
      "are the population, from which 800 are drawn with replacement to",
      "calibrate. Each draw comes out of the record, once. alpha = 0.1,",
      "delta = 0.1, quantiles capped at 33, at most 32 draws of a prompt.",
      "Splits overlap. Features `text` and `all`, and bounds beyond the",
      "record: %d of the splits; embeddings and the simulated judge: %d.",
      "One run of `bench/study.R %d`."
    ), R.version.string, max(m$splits), n, train, n - train,
    splits(runs$features == "all"),
    splits(runs$judge == "simulated"), max(m$splits)), "",
    "## Wanted, and found", "", check_lines(m),
    sprintf(paste(
      "- Were each prompt's record known, bounds that cover 90%% of it would",
      "have a geometric mean of %.2f by the lexicon and %.2f by the classifier."
    ), known[["lexicon"]], known[["classifier"]]), "",
    "## The marginal rule", "",
    paste(
      "The attributes are the features. *draws*: made, mean per calibration",
      "prompt; *coverage*: mean over splits; *error*: its standard error;",
      "*sd*: standard deviation of the coverage over splits; *replicated: sd*:",
      "what replicated draws have at as many draws (interpolated), or at the",
      "most there are; *low*, *middle*, *high*: coverage in thirds by",
      "predicted hazard; *bound*: geometric mean; then the share of prompts",
      "whose bound is 1, or at the cap."
    ), "", by_judge(marginal_table),
    "## The certificate", "",
    paste(
      "*false*: splits in which a certified bound covers less than 0.9;",
      "*nothing*: splits in which it is 1 for every prompt; *tau_max*: splits",
      "in which the level is limited by it."
    ), "", by_judge(certified_table),
    "## Features", "",
    paste(
      "Budget 4. *sd, all draws*: what it would be if the draws of each",
      "calibration prompt were all looked at, so that only the choice of",
      "prompts is left to chance. `text`: n-grams; `all`: attributes,",
      "embeddings and `text_features()`."
    ), "", features_table(runs), "",
    "## If the attributes said all", "",
    paste(
      "The same prompts and numbers of draws, judged by the lexicon, and by a",
      "simulated judge with the hazard that was estimated from the attributes."
    ), "", twin_table(runs), "",
    "## Bounds beyond the record", "",
    paste(
      "Replicated draws, budget 8, drawn with replacement. *bootstrap*: what",
      "the bound covers where recorded rates are the true ones; *model*: what",
      "is known of the model, where *open* is left open by bounds beyond the",
      "recorded draws (*beyond*: the share of such prompts). Caps as",
      "`plan_audit()` chooses them; 800 without certificate."
    ), "", long_table(long), "",
    "## Calibrated by one judge, judged by the other", "",
    "Replicated draws, budget 12.", "",
    other_table(m[m$features %in% c("attributes", "embedding"), ])
  )
  recorded$save_report("study", lines, list(
    "study-coverage" = function() plot_coverage(main),
    "study-bounds" = function() plot_bounds(main)
  ), output, height = 4)
}
