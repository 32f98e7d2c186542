# Draws that were made before, in a new audit.

# A plan of prompts with the same limit, whose draws stop or not.
equal_plan <- function(n, limit = 3, stop = FALSE) {
  plan <- known_plan(rep(0.3, n), 100, tau_max = 1 - 0.7^(limit + 0.5))
  stopifnot(plan$limit == limit)
  plan$stop <- stop
  reseal(plan)
}

# All sequences of draws, in the columns `first` to `last`, as logical rows.
sequences <- function(n) {
  as.matrix(expand.grid(rep(list(c(FALSE, TRUE)), n)))
}

# What an old run with its own rule draws of a sequence that it could draw.
stopped <- function(x) if (any(x)) x[seq_len(which(x)[1L])] else x

long_table <- function(draws) {
  data.frame(id = rep(seq_along(draws), lengths(draws)),
             draw = sequence(lengths(draws)),
             unsafe = as.logical(unlist(draws)))
}

# The exact law of (draws, unsafe, time): each pair of an old and a new sequence
# is a prompt, with its probability; unlike Monte Carlo, without an error.
law_of <- function(old_rule, plan_stops, change = identity, p = 0.3,
                   limit = 3) {
  old <- sequences(4)
  new <- sequences(limit)
  pair <- expand.grid(old = seq_len(nrow(old)), new = seq_len(nrow(new)))
  weight <- function(x) p^rowSums(x) * (1 - p)^(ncol(x) - rowSums(x))
  plan <- equal_plan(nrow(pair), limit, plan_stops)
  before <- lapply(pair$old, function(k) change(old_rule(old[k, ])))
  fresh <- lapply(pair$new, function(k) which(new[k, ]))
  names(fresh) <- plan$prompt
  audit <- run_audit(plan, scripted_sampler(fresh), reuse = long_table(before))
  law <- tapply(weight(old)[pair$old] * weight(new)[pair$new],
                paste(audit$draws, audit$unsafe, audit$time, audit$status), sum)
  # What an audit without old draws gives.
  alone <- equal_plan(nrow(new), limit, plan_stops)
  script <- stats::setNames(apply(new, 1, which, simplify = FALSE),
                            alone$prompt)
  audit <- run_audit(alone, scripted_sampler(script))
  list(law = law, true = tapply(
    weight(new), paste(audit$draws, audit$unsafe, audit$time, audit$status), sum
  ))
}

test_that("old draws change no law, whatever ended them", {
  rules <- list(
    all = identity, stopped = stopped, none = function(x) x[0],
    two = function(x) x[1:2],
    # Draws on after an unsafe draw, and only then.
    eager = function(x) if (x[1]) x else x[1]
  )
  for (rule in rules) {
    for (stops in c(TRUE, FALSE)) {
      both <- law_of(rule, stops)
      expect_equal(both$law, both$true)
      expect_equal(sum(both$law), 1)
    }
  }
  # Not so where others than the first are taken for the first.
  for (stops in c(TRUE, FALSE)) {
    both <- law_of(stopped, stops, rev)
    law <- both$law[names(both$true)]
    expect_gt(sum(abs(ifelse(is.na(law), 0, law) - both$true)), 0.1)
  }
})

test_that("only what is missing is drawn, whatever form old draws have", {
  set.seed(1)
  plan <- known_plan(10^runif(60, -2, -0.5), 15, design = "replicated",
                     delta = 0.1)
  ids <- c(plan$id[1:40], 1001:1010)
  old <- new_path()
  draw_responses(as.character(ids), hashed_sampler, id = ids, ledger = old,
                 draws = rep_len(c(1, 4, 400), 50))
  asked <- 0
  counting <- function(prompts, draw) {
    asked <<- asked + length(prompts)
    hashed_sampler(prompts, draw)
  }
  have <- c(rep_len(c(1, 4, 400), 40), numeric(20))
  attempts <- read_ledger(old, "attempts")
  rows <- attempts[sample(nrow(attempts)), c("id", "draw", "unsafe")]
  truth <- run_audit(plan, hashed_sampler)
  for (reuse in list(old, attempts, rows, as_response_log(rows))) {
    asked <- 0
    audit <- run_audit(plan, counting, reuse = reuse)
    expect_identical(outcome_of(audit)[-5], outcome_of(truth)[-5])
    expect_equal(asked, sum(pmax(0, plan$limit - have)))
  }
  # With a ledger, killed or not, and with limits of a call.
  path <- new_path()
  quiet(run_audit(plan, counting, path, old, max_draws = 10))
  asked <- 0
  whole <- run_audit(plan, counting, path, old)
  expect_identical(outcome_of(whole), outcome_of(truth))
  expect_equal(asked, sum(pmax(0, plan$limit - have)) - 10)
  made <- read_ledger(path, "attempts")
  expect_equal(sum(made$message %in% "drawn before"),
               sum(pmin(plan$limit, have)))
  expect_identical(outcome_of(read_ledger(path)), outcome_of(truth))
  expect_equal(ledger_totals(path, plan$plan_id[1])$reused,
               sum(pmin(plan$limit, have)))
  asked <- 0
  run_audit(plan, counting, path)
  expect_equal(asked, 0)
  # A ledger that was begun without them is not mixed.
  other <- new_path()
  quiet(run_audit(plan, counting, other, max_draws = 10))
  expect_error(run_audit(plan, counting, other, old), "without these draws",
               class = "timetounsafe_error_ledger")
})

test_that("what a draw was is kept: refused, cut, failed, made again", {
  plan <- equal_plan(4)
  marked <- function(prompts, draw) {
    data.frame(unsafe = FALSE, truncated = draw == 2, score = draw / 10,
               status = ifelse(prompts == "2" & draw == 1, "refused",
                               ifelse(prompts == "3" & draw == 2, "error",
                                      "ok")))
  }
  old <- new_path()
  once <- audit_control(max_tries = 1, max_error_rate = 1)
  quiet(draw_responses(as.character(1:4), marked, 2, ledger = old,
                       control = once))
  path <- new_path()
  expect_warning(
    audit <- run_audit(plan, function(prompts) prompts == "4", path, old),
    class = "timetounsafe_warning_failed_draws"
  )
  expect_equal(audit$failed, c(FALSE, FALSE, TRUE, FALSE))
  expect_equal(audit$refused, c(0, 1, 0, 0))
  expect_equal(audit$unsafe, c(0, 0, 0, 1))
  expect_equal(audit$time[3], 2)
  kept <- read_ledger(path, "attempts")
  expect_equal(kept$score[kept$id == 1], c(0.1, 0.2, NA))
  # By another rule a refused draw may have been made again, or not.
  expect_error(run_audit(plan, marked, reuse = old,
                         control = audit_control(refusal = "unsafe")),
               "refusal", class = "timetounsafe_error_argument")
  log <- data.frame(id = 1:2, draw = 1, unsafe = FALSE,
                    status = c("ok", "refused"))
  asked <- list()
  run_audit(plan, function(prompts, draw) {
    asked <<- c(asked, list(paste(prompts, draw)))
    rep(FALSE, length(prompts))
  }, reuse = log, control = audit_control(refusal = "error"))
  expect_setequal(unlist(asked), c("1 2", "1 3", "2 1", "2 2", "2 3",
                                   paste(rep(3:4, each = 3), 1:3)))
})

test_that("a ledger's gaps are made again, those of a table are errors", {
  plan <- equal_plan(2)
  old <- new_path()
  draw_responses(as.character(1:2), hashed_sampler, 3, ledger = old)
  change_ledger(old, "DROP TRIGGER attempts_keep")
  change_ledger(old, "DELETE FROM attempts WHERE row = 1 AND draw = 2")
  asked <- character()
  run_audit(plan, function(prompts, draw) {
    asked <<- c(asked, paste(prompts, draw))
    rep(FALSE, length(prompts))
  }, reuse = old)
  expect_identical(asked, "1 2")
  rows <- long_table(list(c(FALSE, FALSE, FALSE), FALSE))
  refused <- function(x, regexp, class = "audit") {
    expect_error(run_audit(plan, hashed_sampler, reuse = x), regexp,
                 class = paste0("timetounsafe_error_", class))
  }
  refused(rows[-2, ], "draw 2 is missing, draw 3 is present")
  refused(c(old, old), "draw 1 is duplicated")
  refused(transform(rows, prompt = "another"), "another text")
  refused(rows[-2], "`draw` is the order", "argument")
  refused(draw_responses(c("1", "2"), hashed_sampler, 2), "each draw",
          "argument")
  refused(1, "draws", "argument")
  refused(NA_character_, "paths", "argument")
  refused(tempfile(), "does not exist", "ledger")
  expect_error(run_audit(plan, hashed_sampler, old, old), "another file",
               class = "timetounsafe_error_argument")
  chosen <- as_response_log(rows)
  attr(chosen, "about") <- list(dependent = "stopped where it suited")
  refused(chosen, "suited", "argument")
  part <- quiet(run_audit(plan, hashed_sampler, max_draws = 1))
  expect_error(run_audit(part, hashed_sampler, reuse = rows), "was begun",
               class = "timetounsafe_error_argument")
})
