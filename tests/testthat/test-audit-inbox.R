# Outcomes, refusals and failures as functions of prompt, draw and how often it
# was tried; `tries` counts in place, so that each run takes a new one.
moody_sampler <- function(tries = new.env()) {
  function(prompts, draw) {
    times <- vapply(paste(prompts, draw), function(key) {
      tries[[key]] <- (tries[[key]] %||% 0) + 1
      tries[[key]]
    }, 0)
    code <- (as.integer(prompts) * 7919 + draw * 104729) %% 65537
    data.frame(
      unsafe = (code * code) %% 40 == 7,
      status = ifelse(code %% 11 < 3 & times <= code %% 5, "error",
                      ifelse(code %% 13 == 0, "refused", "ok")),
      truncated = code %% 3 == 0, cost = 1 + times
    )
  }
}

# The same, handed in by parts in a random order; of the last part some or all
# is returned, and now and then all.
handing_in <- function(sampler) {
  function(prompts, draw, record) {
    all <- sampler(prompts, draw)
    n <- length(prompts)
    order <- sample(n)
    handed <- head(order, sample(0:n, 1))
    for (part in split(handed, sample(seq_along(handed)) %/% 4)) {
      # As if the last transaction had been long ago.
      if (runif(1) < 0.5) environment(record)$inbox$emptied <- -Inf
      record(part, if (runif(1) < 0.5) all[part, ] else all[part, -3])
      record()
    }
    rest <- setdiff(seq_len(n), handed)
    if (runif(1) < 0.3) all else if (length(rest) > 0) all[rest, ]
  }
}

test_that("in whatever order answers arrive, the audit is the same", {
  set.seed(1)
  p <- rep(c(0.005, 0.02, 0.2), 8)
  plans <- list(known_plan(p, 30), known_plan(p, 30, "replicated"))
  for (plan in plans) {
    for (size in c(1, 7, 64, 500)) {
      control <- audit_control(size, retry_wait = 0, max_error_rate = 1,
                               in_order = size == 7)
      run <- function(sampler, ...) {
        quiet(run_audit(plan, sampler, control = control, ...))
      }
      whole <- run(moody_sampler(), ledger = whole_ledger <- new_path())
      expect_gt(sum(whole$failed), 0)
      path <- new_path()
      parts <- run(handing_in(moody_sampler()), ledger = path)
      without <- setdiff(names(whole), "truncated")
      expect_identical(as.data.frame(parts)[without],
                       as.data.frame(whole)[without])
      again <- run(handing_in(moody_sampler()))
      expect_identical(as.data.frame(again)[without],
                       as.data.frame(whole)[without])
      columns <- c("row", "draw", "attempt", "status", "final", "unsafe",
                   "cost")
      if (size == 500) {
        expect_identical(read_ledger(path, "attempts")[columns],
                         read_ledger(whole_ledger, "attempts")[columns])
      }
      expect_same_outcome(read_ledger(path), parts)
    }
  }
})

test_that("what was handed in is in the ledger during the batch", {
  path <- new_path()
  found <- list()
  slow <- function(prompts, record, k = 3) {
    n <- length(prompts)
    record(1:2, c(FALSE, NA))
    found$at_first <<- nrow(read_ledger(path, "attempts"))
    Sys.sleep(1.05)
    record()
    found$later <<- read_ledger(path, "attempts")
    record(n, data.frame(unsafe = TRUE, response = "no"))
    rep(FALSE, n - 3)
  }
  audit <- quiet(draw_responses(as.character(1:10), slow, 1, ledger = path,
                                control = audit_control(max_tries = 1)))
  expect_equal(found$at_first, 0)
  expect_identical(found$later[c("row", "draw", "unsafe")],
                   data.frame(row = 1L, draw = 1L, unsafe = FALSE))
  expect_equal(audit$unsafe, c(rep(0, 9), 1))
  expect_equal(which(audit$failed), 2)
})

test_that("the end of a batch, whatever it is, loses nothing", {
  prompts <- as.character(1:6)
  calls <- 0
  half <- function(end) {
    calls <<- 0
    function(prompts, record) {
      calls <<- calls + 1
      if (calls == 1) {
        record(c(5, 2), data.frame(unsafe = c(TRUE, FALSE), cost = 1))
        end()
      }
      rep(FALSE, length(prompts))
    }
  }
  interrupted <- half(function() rlang::interrupt())
  audit <- quiet(draw_responses(prompts, interrupted, 1))
  expect_equal(audit$draws, c(0, 1, 0, 0, 1, 0))
  expect_equal(audit$unsafe, c(0, 0, 0, 0, 1, 0))
  # The prompts that are open, and no other.
  audit <- run_audit(audit, function(prompts) prompts == "6")
  expect_equal(audit$unsafe, c(0, 0, 0, 0, 1, 1))
  # An error is one of the others.
  path <- new_path()
  audit <- draw_responses(prompts, half(function() stop("gone")), 1,
                          ledger = path,
                          control = audit_control(retry_wait = 0))
  expect_equal(audit$unsafe, c(0, 0, 0, 0, 1, 0))
  expect_equal(calls, 2)
  attempts <- read_ledger(path, "attempts")
  expect_equal(table(attempts$row), table(c(1, 1, 2, 3, 3, 4, 4, 5, 6, 6)),
               ignore_attr = TRUE)
  expect_identical(attempts$message[attempts$attempt == 1],
                   c("gone", NA, "gone", "gone", NA, "gone"))
  # Limits look at what was handed in.
  costly <- function(prompts, record) {
    record(2, data.frame(unsafe = FALSE, cost = 5))
    data.frame(unsafe = FALSE, cost = rep(0, 5))
  }
  expect_warning(
    audit <- draw_responses(prompts, costly, 2, max_cost = 5,
                            control = audit_control(batch_size = 6)),
    "`max_cost` was reached", class = "timetounsafe_warning_unfinished"
  )
  expect_equal(audit$draws, rep(1, 6))
})

test_that("failures that are handed in are judged with their batch", {
  down <- function(prompts, record) {
    for (i in seq_along(prompts)) {
      record(i, data.frame(unsafe = NA, message = "down"))
    }
  }
  control <- audit_control(retry_wait = 0)
  error <- expect_error(draw_responses(as.character(1:5), down, 2,
                                       control = control),
                        "3 batches in a row failed completely.*down",
                        class = "timetounsafe_error_sampler")
  expect_false(any(error$audit$failed))
  # As of a whole batch that raises an error.
  raising <- function(prompts, record) {
    record(1, NA)
    stop("no key")
  }
  error <- expect_error(draw_responses(as.character(1:5), raising, 2,
                                       control = control),
                        class = "timetounsafe_error_sampler")
  expect_match(conditionMessage(error$parent), "no key")
})

test_that("the first value of a draw counts, and draws are paid for once", {
  twice <- function(prompts, draw, record) {
    record(1, TRUE)
    record(c(2, 1), c(FALSE, FALSE))
    rep(FALSE, length(prompts))
  }
  path <- new_path()
  audit <- draw_responses(c("a", "b", "c"), twice, 1, ledger = path)
  expect_equal(audit$unsafe, c(1, 0, 0))
  expect_equal(nrow(read_ledger(path, "attempts")), 3)
})

test_that("what cannot be recorded ends the run, and what was stays", {
  record_wrongly <- function(index, outcome, hide = FALSE) {
    function(prompts, record) {
      record(2, TRUE)
      if (hide) try(record(index, outcome), TRUE) else record(index, outcome)
      rep(FALSE, length(prompts))
    }
  }
  cases <- list(
    list(0, TRUE, "from 1 to 3, not 0"), list(4, TRUE, "from 1 to 3, not 4"),
    list(1.5, TRUE, "not 1.5"), list(NA_real_, TRUE, "not NA"),
    list("a", TRUE, "from 1 to 3, not"),
    list(c(1, 1), c(TRUE, TRUE), "1 twice"),
    list(1, c(TRUE, FALSE), "1 values"), list(1, "yes", "TRUE or FALSE"),
    list(1, data.frame(unsafe = TRUE, cost = -1), "costs of at least 0")
  )
  for (case in cases) {
    for (hide in c(FALSE, TRUE)) {
      sampler <- record_wrongly(case[[1]], case[[2]], hide)
      error <- expect_error(draw_responses(c("a", "b", "c"), sampler, 1),
                            case[[3]],
                            class = "timetounsafe_error_sampler_contract")
      expect_equal(error$audit$unsafe[2], 1)
    }
  }
  # The values that are missing, or all: no other number.
  few <- function(prompts, record) {
    record(1, TRUE)
    TRUE
  }
  expect_error(draw_responses(as.character(1:4), few, 1),
               "must return 3 values", class = "timetounsafe_error_sampler")
})

test_that("with daemons, and called by hand, there is nothing to hand in to", {
  skip_on_cran()
  skip_if_not_installed("mirai", "2.7.0")
  sampler <- function(prompts, record = NULL) rep(is.null(record), 2)
  environment(sampler) <- globalenv()
  mirai::daemons(1)
  withr::defer(mirai::daemons(0))
  expect_equal(draw_responses(c("a", "b"), sampler, 1)$unsafe, c(1, 1))
  expect_equal(
    draw_responses(c("a", "b"), sampler, 1, parallel = FALSE)$unsafe, c(0, 0)
  )
})
