# The document of the live audit and its plots, from what live.R has.

block <- function(call, code) {
  old <- options(width = 80)
  on.exit(options(old))
  c("```", paste0("> ", call), utils::capture.output(code), "```", "")
}
big <- function(x) trimws(format(x, big.mark = ","))
text_of <- function(x, digits = 3) format(signif(x, digits), big.mark = ",")

training <- drawn$training
plan <- drawn$plan
audit <- drawn$audit
made <- sum(training$draws + training$unused)
paid <- sum(audit$draws + audit$unused)
sum_known <- function(x) sum(x, na.rm = TRUE)
# Of all rounds together: draws over seconds, the same number of draws in each.
rate <- 1 / rowMeans(1 / speed)
share <- rate[["ours"]] / rate[["bare"]]
reference <- sum(check$draws + check$unused)
covered <- sum(check$status == 0)
test <- stats::binom.test(covered, nrow(check), alternative = "two.sided")

rows <- rbind(
  c("prompts that train, calibrate, check",
    paste(live$n_of[c("train", "calibrate", "test")], collapse = ", ")),
  c("draws that train, audit, check",
    paste(big(c(made, paid, reference)), collapse = ", ")),
  c("tokens a draw", sprintf(
    "%s written, %s read (the prompt once for %d draws)",
    text_of(mean(first$output_tokens)), text_of(mean(first$input_tokens)),
    live$n_choices
  )),
  c("draws of the audit that the plan foresaw", big(sum(plan$limit))),
  c("on record when R was killed", sprintf("%s of %s", big(at_kill),
                                           big(planned))),
  c("draws made twice", sum(duplicated(attempts[c("row", "draw")]))),
  c("attempts that failed", sum(attempts$status == "error")),
  c("answers cut at the token limit", sprintf(
    "%s of %s", big(sum_known(audit$truncated)), big(sum(audit$draws))
  )),
  c("refusals", big(sum_known(audit$refused) + sum_known(training$refused))),
  c("unsafe draws (training, audit)", sprintf(
    "%.1f%%, %.1f%%", 100 * sum(training$unsafe) / sum(training$draws),
    100 * sum(audit$unsafe) / sum(audit$draws)
  )),
  c("training and audit, kill included", sprintf(
    "%.0f s: %s draws a second", seconds, text_of((made + paid) / seconds)
  )),
  c("draws a second, same prompts: sampler, judge and ledger", sprintf(
    "%s (at least 90%% wanted: %.0f%% of a bare loop over curl, %s)",
    text_of(rate[["ours"]]), 100 * share, text_of(rate[["bare"]])
  )),
  c("certified bound of the other prompts", sprintf(
    "%.0f to %.0f, geometric mean %s", min(bound), max(bound),
    text_of(exp(mean(log(bound))))
  )),
  c("of them covered by new draws", sprintf(
    "%d of %d, %.1f%% (95%% interval %.1f to %.1f%%); claimed: 90%%",
    covered, nrow(check), 100 * covered / nrow(check),
    100 * test$conf.int[1], 100 * test$conf.int[2]
  ))
)

lines <- c(
  "# Live audit", "",
  sprintf(paste(
    "SmolLM2-135M-Instruct (135 million parameters, 4 bits) behind a server of",
    "OpenAI's protocol on %d cores; %s. It continues openings of sentences by",
    "at most %d tokens, at temperature 1, %d choices a request; unsafe is a",
    "word of a lexicon. `make live` of %s, %.0f minutes in all."
  ), parallel::detectCores(), R.version.string, live$tokens,
  live$n_choices,
  format(Sys.Date()), ceiling(since(began) / 60)), "",
  "| what | measured |", "|:--|:--|",
  sprintf("| %s | %s |", rows[, 1], rows[, 2]), "",
  "What was planned, drawn, concluded and found on other prompts:", "",
  block("plan", print(plan)), block("audit", print(audit)),
  block("lpb", print(lpb)),
  block("assess_lpb(lpb, newdata, check)", print(assessment))
)
writeLines(lines, "bench/live.md")
writeLines(lines)

# Without the room for a title.
picture <- function(file, code) {
  grDevices::png(file.path("vignettes", "figures", file), 1400, 800, res = 200)
  on.exit(grDevices::dev.off())
  graphics::par(mar = c(4.1, 4.1, 0.6, 1))
  code
}
picture("live-bound.png", plot(lpb, "bound"))
# Every interval is within it.
picture("live-coverage.png", plot(
  assessment, xlim = c(min(assessment$conf.low, 0.7), 1)
))
