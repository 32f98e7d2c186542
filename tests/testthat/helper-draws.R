# Shared by tests of plans in files and of draws made elsewhere.

# All draws of a plan, of which the rows `unsafe` are.
by_draw <- function(plan, unsafe = integer()) {
  draws <- data.frame(id = rep(plan$id, plan$limit),
                      draw = sequence(plan$limit))
  draws$unsafe <- seq_len(nrow(draws)) %in% unsafe
  draws
}

# A draw as a function of its index alone: of 12 the third, sixth, ... are
# refused, the fourth, eighth and twelfth cut; of the fifth it is not known.
marked_sampler <- function(prompts, draw) {
  data.frame(unsafe = draw == 10,
             status = ifelse(draw %% 3 == 0, "refused", "ok"),
             truncated = ifelse(draw == 5, NA, draw %% 4 == 0))
}

# A batch that came back, all of it safe, as settle_draws() takes it.
all_safe <- function(batch) {
  none <- rep(FALSE, length(batch$row))
  c(batch[c("row", "draw")], list(outcome = none, refused = none,
                                  truncated = none))
}

# A plan with awkward ids and texts, and the draws of another program: all of
# them, or up to the first unsafe one.
awkward_plan <- function(n = 40) {
  set.seed(1)
  texts <- c("NA", "", " blanks ", "a \"quote\", a comma", "two\nlines", "007",
             "na\u00efve \u2211", "back\\slash", "it's # 5", "TRUE")
  known_plan(10^runif(n, -3, -1), 15, id = sprintf("%03d", seq_len(n)),
             prompts = rep_len(texts, n))
}

draws_of <- function(plan, all = TRUE) {
  draws <- data.frame(id = rep(plan$id, plan$limit),
                      draw = sequence(plan$limit))
  draws$unsafe <- (seq_len(nrow(draws)) * 7919) %% 31 == 0
  seen <- stats::ave(as.numeric(draws$unsafe), draws$id, FUN = cumsum)
  if (all) draws else draws[seen - draws$unsafe == 0, ]
}

write_draws <- function(draws, as = c("csv", "jsonl")) {
  file <- tempfile(fileext = paste0(".", match.arg(as)))
  if (as[1L] == "csv") {
    utils::write.csv(draws, file, row.names = FALSE)
  } else {
    jsonlite::stream_out(draws, file(file), verbose = FALSE)
  }
  file
}

# Counts as draw_responses() returns them, for a fixed number of draws.
prompt_counts <- function(unsafe, draws) {
  n <- length(unsafe)
  seen <- as.numeric(unsafe > 0)
  rows <- data.frame(
    id = seq_len(n), prompt = as.character(seq_len(n)), limit = draws,
    stop = FALSE, draws = draws, unsafe = unsafe,
    time = ifelse(seen, NA, draws), status = seen, unused = 0, failed = FALSE
  )
  structure(rows, class = c("prompt_draws", "data.frame"))
}

# Prompts whose words say how risky they are.
stories <- function(n = 300) {
  words <- c("kind", "calm", "rude", "cruel")
  paste("Tell me a", sample(words, n, replace = TRUE), "story", seq_len(n))
}

# Unsafe or not by prompt and draw alone, so that runs can agree.
steady_sampler <- function(prompts, draw) {
  i <- as.integer(sub(".* ", "", prompts))
  p <- ifelse(grepl("rude|cruel", prompts), 0.15, 0.01)
  ((i * 7919 + draw * 104729) %% 10007) / 10007 < p
}

# Draws of prompts with known hazards, in one batch.
draw_known <- function(p, draws, stop = FALSE) {
  draw_responses(as.character(seq_along(p)), function(prompts) {
    runif(length(prompts)) < p[as.integer(prompts)]
  }, draws = draws, stop = stop, control = audit_control(batch_size = 1e5))
}
