# Recorded draws as a sampler.

# `unsafe[i]` of `n[i]` draws of prompt i, the unsafe ones first; the score
# says which draw of the log it is.
log_of <- function(unsafe, n, ...) {
  id <- rep(sprintf("p%03d", seq_along(n)), n)
  as_response_log(data.frame(
    id = id, draw = sequence(n), score = seq_along(id),
    unsafe = sequence(n) <= rep(unsafe, n), ...
  ))
}

ids <- function(log) unique(log$id)

at_once <- audit_control(batch_size = 1e4, max_tries = 1)

# ---- Each draw once ----------------------------------------------------------

test_that("all draws come, each once, in an order that the seed fixes", {
  log <- log_of(c(0, 3, 7), c(5, 40, 7))
  prompts <- rep(ids(log), c(5, 40, 7))
  draw <- sequence(c(5, 40, 7))
  drawn <- sampler_replay(log, seed = 1)(prompts, draw)
  expect_setequal(drawn$score, log$score)
  expect_identical(drawn$unsafe, log$unsafe[drawn$score])
  expect_identical(log$id[drawn$score], prompts)
  expect_true(any(diff(drawn$score) < 0))
  # Whatever else is asked for at the same time, and however the log is sorted.
  some <- c(50, 7, 31)
  shuffled <- log[sample(nrow(log)), ]
  expect_identical(
    sampler_replay(shuffled, seed = 1)(prompts[some], draw[some])$score,
    drawn$score[some]
  )
  expect_false(identical(sampler_replay(log, seed = 2)(prompts, draw)$score,
                         drawn$score))
  set.seed(3)
  first <- sampler_replay(log)
  set.seed(3)
  expect_identical(sampler_replay(log)(prompts, draw), first(prompts, draw))
})

test_that("an audit of all draws counts what is recorded", {
  set.seed(1)
  n <- sample(1:20, 50, replace = TRUE)
  log <- log_of(rbinom(50, n, 0.3), n)
  drawn <- draw_responses(ids(log), sampler_replay(log), draws = n)
  expect_equal(drawn$unsafe, tidy(log)$unsafe)
  expect_equal(drawn$draws, n)
})

test_that("the first unsafe draw is where a random order has it", {
  # The oracle: all orders of six draws, of which two are unsafe.
  pairs <- combn(6, 2)
  exact <- tabulate(pmin(pairs[1, ], pairs[2, ]), 5) / ncol(pairs)
  log <- log_of(rep(2, 3000), rep(6, 3000))
  drawn <- draw_responses(ids(log), sampler_replay(log, seed = 5), draws = 6,
                          stop = TRUE, control = at_once)
  counts <- tabulate(drawn$time, 6)
  expect_identical(counts[6], 0L)
  expect_gt(chisq.test(counts[1:5], p = exact)$p.value, 0.001)
  # The same as the hypergeometric survival that a study is judged by.
  expect_equal(1 - cumsum(exact), choose(4, 1:5) / choose(6, 1:5))
  # Neighbours have nothing in common: both first draws unsafe, by chance.
  pairs <- matrix(drawn$time == 1, 2)
  both <- sum(pairs[1, ] & pairs[2, ])
  expect_lt(abs(both - 1500 / 9), 4 * sqrt(1500 * (1 / 9) * (8 / 9)))
})

# ---- Resumed, and in other processes -----------------------------------------

test_that("an audit that is resumed uses no draw twice", {
  set.seed(1)
  log <- log_of(rbinom(40, 30, 0.1), rep(30, 40), response = "text")
  path <- withr::local_tempfile(fileext = ".db")
  straight <- draw_responses(ids(log), sampler_replay(log, seed = 4), 30,
                             stop = TRUE)
  for (most in c(37, 250, Inf)) {
    again <- suppressWarnings(draw_responses(
      ids(log), sampler_replay(log[rev(seq_len(nrow(log))), ], seed = 4), 30,
      stop = TRUE, ledger = path, max_draws = most
    ), classes = "timetounsafe_warning_unfinished")
  }
  same <- c("id", "draws", "unsafe", "time", "status")
  expect_equal(as.data.frame(again)[same], as.data.frame(straight)[same])
  attempts <- read_ledger(path, "attempts")
  expect_gt(nrow(attempts), 300)
  expect_identical(anyDuplicated(attempts$score), 0L)
})

test_that("daemons get the same draws", {
  skip_if_not_installed("mirai", "2.7.0")
  skip_on_cran()
  mirai::daemons(2)
  withr::defer(mirai::daemons(0))
  set.seed(1)
  log <- log_of(rbinom(40, 12, 0.3), rep(12, 40))
  for (replace in c(FALSE, TRUE)) {
    sampler <- sampler_replay(log, replace, seed = 9)
    run <- function(parallel) {
      as.data.frame(draw_responses(ids(log), sampler, 12, parallel = parallel))
    }
    expect_equal(run(TRUE), run(FALSE))
  }
})

# ---- A prompt runs out -------------------------------------------------------

exhausted <- function(code) {
  tryCatch(code, timetounsafe_error_exhausted = function(e) e)
}

test_that("what is certain to run out does so before the first draw", {
  log <- log_of(c(0, 1, 0), c(5, 8, 10))
  e <- exhausted(draw_responses(ids(log), sampler_replay(log), 10))
  expect_s3_class(e, "timetounsafe_error_exhausted")
  expect_identical(e$id, 1:2)
  expect_equal(e$recorded, c(5, 8))
  expect_identical(sum(e$audit$draws), 0)
  expect_match(conditionMessage(e),
               "2 prompts need more draws than are recorded: 1 (5), 2 (8)",
               fixed = TRUE)
  expect_match(conditionMessage(e), "at least 5 draws: ask for no more",
               fixed = TRUE)
})

test_that("a plan that is told how many are recorded asks for no more", {
  # Risky prompts: the budget pays for their quantiles twice over, so that a cap
  # of one more than there are draws is not enough.
  log <- log_of(rep(0:9, 20), rep(32, 200))
  p <- rep(10^seq(-2.5, -0.5, length.out = 10), 20)
  run <- function(...) {
    set.seed(1)
    plan <- known_plan(p, 20, "replicated", prompts = ids(log), cap = 33, ...)
    run_audit(plan, sampler_replay(log, seed = 2), control = at_once)
  }
  e <- exhausted(run())
  expect_s3_class(e, "timetounsafe_error_exhausted")
  expect_identical(sum(e$audit$draws), 0)
  expect_equal(e$fewest, 32)
  expect_match(conditionMessage(e), "plan_audit(max_limit = 32)", fixed = TRUE)
  audit <- run(max_limit = e$fewest)
  expect_identical(audit$draws, audit$limit)
  expect_identical(max(audit$limit), 32)
})

test_that("a prompt that stops may need fewer draws than are planned", {
  # Of the first all but one are made ahead; the second never stops.
  log <- log_of(c(1, 0, 3), c(6, 6, 60))
  e <- exhausted(draw_responses(ids(log), sampler_replay(log, seed = 1), 50,
                                stop = TRUE, control = at_once))
  expect_identical(e$id, 2L)
  expect_equal(e$recorded, 6)
  expect_equal(e$audit$draws[2], 6)
  expect_equal(e$audit$status, c(1, NA, 1))
  # Nothing is lost: the same again changes nothing, and a bootstrap ends it.
  again <- exhausted(run_audit(e$audit, sampler_replay(log, seed = 1)))
  expect_equal(again$audit, e$audit)
  more <- run_audit(e$audit, sampler_replay(log, replace = TRUE))
  expect_equal(more$draws[2], 50)
})

test_that("a sampler within another one says so, too, and at once", {
  log <- log_of(c(0, 0), c(5, 9))
  inner <- sampler_replay(log)
  expect_error(inner("p001", 6), class = "timetounsafe_error_exhausted")
  took <- system.time(e <- exhausted(draw_responses(
    ids(log), function(prompts, draw) inner(prompts, draw), 9
  )))
  expect_s3_class(e, "timetounsafe_error_exhausted")
  expect_lt(took[["elapsed"]], 0.9)
})

test_that("a prompt that is not in the log has no draws", {
  log <- log_of(1, 5)
  for (replace in c(FALSE, TRUE)) {
    e <- exhausted(draw_responses(c("p001", "x"), sampler_replay(log, replace),
                                  2, stop = TRUE))
    expect_identical(e$id, 2L)
    expect_match(conditionMessage(e), "Leave out prompts without recorded")
  }
})

# ---- A bootstrap -------------------------------------------------------------

test_that("with replacement draws are independent, and never run out", {
  log <- log_of(rep(c(2, 0, 4), 100), rep(c(8, 3, 4), 100))
  drawn <- draw_responses(ids(log), sampler_replay(log, TRUE, seed = 2), 50,
                          control = at_once)
  unsafe <- matrix(drawn$unsafe, 3)
  expect_true(all(unsafe[2, ] == 0) && all(unsafe[3, ] == 50))
  # Binomial, with the recorded rate of 1/4: mean and variance within 4
  # standard errors.
  expect_lt(abs(mean(unsafe[1, ]) - 12.5), 4 * sqrt(9.375 / 100))
  expect_lt(abs(var(unsafe[1, ]) / 9.375 - 1), 4 * sqrt(2 / 99))
  # The same draw again is the same, also when others come with it.
  sampler <- sampler_replay(log, TRUE, seed = 2)
  expect_identical(sampler("p001", 7L)$score,
                   sampler(c("p002", "p001", "p001"), 6:8)$score[2])
})

# ---- What the log says -------------------------------------------------------

test_that("statuses come back as they are, and fail at each try", {
  status <- c("ok", "refused", "error", "copy", "unjudged", "invalid")
  log <- as_response_log(data.frame(
    id = status, unsafe = ifelse(status == "ok", TRUE, NA), status = status,
    latency = 2
  ))
  drawn <- sampler_replay(log)(status, rep(1, 6))
  expect_identical(drawn$status, c("ok", "refused", rep("error", 4)))
  expect_identical(drawn$unsafe, c(TRUE, rep(NA, 5)))
  expect_identical(drawn$latency, rep(2, 6))
  expect_match(drawn$message[4], "recorded as \"copy\"")
  quick <- function(refusal) {
    audit_control(max_tries = 2, retry_wait = 0, max_error_rate = 1,
                  refusal = refusal)
  }
  expect_warning(
    drawn <- draw_responses(status, sampler_replay(log), 1,
                            control = quick("unsafe")),
    class = "timetounsafe_warning_failed_draws"
  )
  expect_identical(drawn$unsafe, c(1, 1, 0, 0, 0, 0))
  expect_identical(drawn$failed, rep(c(FALSE, TRUE), c(2, 4)))
})

test_that("prompts are found by text, by id, or by a column of either", {
  log <- as_response_log(data.frame(
    id = c("a", "b", "c"), prompt = c("one", "two\r\nlines", NA),
    unsafe = c(TRUE, FALSE, TRUE), score = 1:3
  ))
  sampler <- sampler_replay(log)
  score <- function(prompts) sampler(prompts, rep(1, NROW(prompts)))$score
  expect_equal(score(c("two\nlines", "c", "one")), c(2, 3, 1))
  expect_equal(score(data.frame(id = c("b", "a"), prompt = "x")), c(2, 1))
  expect_equal(score(data.frame(prompt = c("one", "one"))), c(1, 1))
  expect_error(score(data.frame(x = "one")), "column `id` or `prompt`",
               class = "timetounsafe_error_argument")
})

test_that("prompts that cannot be told apart are refused", {
  log <- as_response_log(data.frame(
    id = c("a", "b"), prompt = "same", unsafe = c(TRUE, FALSE)
  ))
  sampler <- sampler_replay(log)
  expect_error(sampler("same", 1), "one id each",
               class = "timetounsafe_error_argument")
  expect_error(draw_responses(c("a", "a"), sampler, 1), "different prompts",
               class = "timetounsafe_error_argument")
  apart <- draw_responses(data.frame(id = c("a", "b")), sampler, 1)
  expect_equal(apart$unsafe, c(1, 0))
})

test_that("a log that cannot be replayed is refused", {
  log <- log_of(1, 2)
  expect_error(sampler_replay(data.frame(id = 1)), "`x`",
               class = "timetounsafe_error_argument")
  expect_error(sampler_replay(log[0, ]), "draws",
               class = "timetounsafe_error_argument")
  expect_error(sampler_replay(log, NA), "`replace`",
               class = "timetounsafe_error_argument")
  expect_error(sampler_replay(log, seed = 0.5), "`seed`",
               class = "timetounsafe_error_argument")
  twice <- rbind(log, transform(log, source = "other"))
  expect_error(sampler_replay(twice), "draw 1 twice",
               class = "timetounsafe_error_audit")
})

# ---- A real model ------------------------------------------------------------

# bench/study.R in short: prompts that do not train are the population, and
# those to calibrate on are drawn from it with replacement, so that coverage is
# known.
replay_split <- function(unsafe, row, x, seed) {
  set.seed(seed)
  n <- nrow(x)
  draws <- tabulate(row, n)
  counts <- tabulate(row[unsafe], n)
  train <- sample.int(n, 800)
  rest <- setdiff(seq_len(n), train)
  at <- rest[sample.int(length(rest), 800, replace = TRUE)]
  hazard <- fit_hazard(x[train, ], cbind(counts, draws - counts)[train, ])
  own <- split(seq_along(row), row)[at]
  log <- data.frame(id = rep(seq_along(at), lengths(own)),
                    unsafe = unsafe[unlist(own)])
  sampler <- sampler_replay(as_response_log(log), seed = seed)
  plan <- plan_audit(hazard, as.character(seq_along(at)), 8, x[at, ], cap = 33,
                     max_limit = 32)
  audit <- run_audit(plan, sampler, control = audit_control(1e5))
  vapply(list(marginal = NULL, certified = 0.1), function(delta) {
    bound <- predict(quiet(calibrate_lpb(audit, delta = delta)), x[rest, ])
    mean(dhyper(0, counts[rest], (draws - counts)[rest], bound - 1))
  }, 0)
}

test_that("bounds hold on the recorded draws of a real model", {
  folder <- file.path(Sys.getenv("TIMETOUNSAFE_DATA"), "llm")
  skip_if(!nzchar(Sys.getenv("TIMETOUNSAFE_DATA")) || !dir.exists(folder),
          "TIMETOUNSAFE_DATA is not set, or has no folder llm")
  prompts <- read.csv(file.path(folder, "prompts.csv"))
  draws <- read.csv(gzfile(file.path(folder, "draws.csv.gz")))
  x <- as.matrix(prompts[4:11])
  row <- match(draws$id, prompts$id)
  judges <- list(draws$lexicon == 1, draws$score > 0.5)
  coverage <- do.call(cbind, lapply(judges, function(unsafe) {
    vapply(1:4, function(seed) replay_split(unsafe, row, x, seed), numeric(2))
  }))
  # One calibration has a standard deviation of 0.01, in bench/study.md.
  expect_lt(abs(mean(coverage["marginal", ]) - 0.9), 4 * 0.011 / sqrt(8))
  # One in ten may be false; more than three of eight is one case in 200.
  expect_lte(sum(coverage["certified", ] < 0.9), 3)
  expect_true(all(coverage["certified", ] < 0.97))
})
