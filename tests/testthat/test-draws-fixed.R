# One row for each of `draws` of each prompt, in order, of which those in
# `unsafe`, a list of places by prompt, are unsafe.
placed_log <- function(draws, unsafe) {
  row <- rep(seq_along(draws), draws)
  log <- data.frame(id = row, prompt = "0.1", draw = sequence(draws))
  log$unsafe <- mapply(function(row, draw) draw %in% unsafe[[row]], row,
                       log$draw)
  log
}

check_log <- function(log) {
  limit <- as.vector(table(log$id))
  check_fixed_numbers(log$id, log$draw, log$unsafe, limit, unique(log$id),
                      rlang::current_env())
}

test_that("the number of hits has its exact distribution, by enumeration", {
  total <- c(1, 2, 0, 3, 1, 3)
  limit <- c(2, 5, 4, 3, 6, 6)
  for (places in 1:2) {
    # Each placement of the unsafe draws of a prompt is as likely as any.
    chance <- mapply(function(k, n) {
      mean(combn(n, k, function(at) any(at <= places)))
    }, total, limit)
    all <- as.matrix(expand.grid(rep(list(0:1), length(total))))
    mass <- apply(all, 1L, function(hit) {
      prod(ifelse(hit == 1, chance, 1 - chance))
    })
    expect_equal(sum(mass), 1)
    for (i in which(mass > 0)) {
      found <- test_places(rep(TRUE, 6), all[i, ], total, limit, places)
      expect_equal(found$above, sum(mass[rowSums(all) >= sum(all[i, ])]))
      expect_equal(found$below, sum(mass[rowSums(all) <= sum(all[i, ])]))
      expect_equal(found$seen, sum(all[i, ]))
    }
    expect_equal(found$expected, sum(chance))
  }
  # Of very many, by the normal distribution.
  n <- 3000
  few <- test_places(rep(TRUE, n), rep(1:0, c(340, n - 340)), rep(1, n),
                     rep(10, n), 1)
  expect_equal(few$above, pbinom(339, n, 0.1, lower.tail = FALSE),
               tolerance = 0.05)
  expect_equal(few$below, pbinom(340, n, 0.1), tolerance = 1e-3)
})

test_that("numbers that are fixed rarely raise a warning", {
  set.seed(1)
  warned <- replicate(400, {
    n <- 60
    draws <- sample(c(5, 10, 20), n, replace = TRUE)
    p <- rbeta(n, 0.5, 4)
    log <- placed_log(draws, lapply(seq_len(n), function(i) {
      which(runif(draws[i]) < p[i])
    }))
    found <- tryCatch(check_log(log), condition = identity)
    expect_false(inherits(found, "error"))
    inherits(found, "timetounsafe_warning_dependent_draws")
  })
  # At the level of 0.01 each, 12 of 400 have a chance of 1e-4.
  expect_lt(sum(warned), 12)
})

test_that("numbers that depend on outcomes are noticed", {
  set.seed(2)
  n <- 150
  p <- rbeta(n, 0.5, 3)
  drawn <- lapply(p, function(p) runif(30) < p)
  cut_at <- function(rule) {
    draws <- vapply(drawn, rule, 0)
    placed_log(draws, Map(function(x, k) which(x[seq_len(k)]), drawn, draws))
  }
  first <- function(x, most = 30) c(which(x), most)[1]
  stopped <- function(log) {
    expect_error(check_log(log), class = "timetounsafe_error_audit")
  }
  # At the first unsafe draw; of some prompts only, with a lower limit.
  stopped(cut_at(first))
  stopped(cut_at(function(x) if (any(x[1:10])) first(x) else 30))
  # Here nothing follows an unsafe draw, though some ended for no reason.
  safe <- 0
  stopped(cut_at(function(x) {
    safe <<- safe + 1
    if (safe %% 3 == 0) min(first(x), 12) else first(x)
  }))
  noticed <- function(log, regexp) {
    warning <- expect_warning(check_log(log), regexp,
                              class = "timetounsafe_warning_dependent_draws")
    expect_lt(warning$p.value, 0.01)
  }
  # At the second; at the first one after ten draws; more draws of prompts that
  # showed something, or of those that did not.
  noticed(cut_at(function(x) c(which(x)[2], 30)[1 + is.na(which(x)[2])]),
          "end in an unsafe draw, where")
  noticed(cut_at(function(x) c(which(x & seq_along(x) >= 10), 30)[1]),
          "end in an unsafe draw")
  noticed(cut_at(function(x) if (any(x[1:8])) 30 else 8),
          "with more than 8 draws have an unsafe draw among as many")
  noticed(cut_at(function(x) if (any(x[1:8])) 8 else 30),
          "^0 of the")
})

test_that("chance is not taken for a rule", {
  # One shorter prompt, which happens to end in its only unsafe draw.
  expect_silent(check_log(placed_log(c(10, 10, 3), list(4, c(1, 9), 3))))
  expect_silent(check_log(placed_log(c(10, 10, 3), list(4, 10, 1))))
  # Of equal numbers there is nothing to test, nor without an unsafe draw.
  expect_silent(check_log(placed_log(c(9, 9), list(9, 9))))
  expect_silent(check_log(placed_log(c(9, 3), list(integer(), integer()))))
  expect_error(check_log(placed_log(c(10, 10, 3), list(10, integer(), 3))),
               "1 prompt with fewer draws than others ends in its only unsafe",
               class = "timetounsafe_error_audit")
})

test_that("what a reader says of a log is believed", {
  call <- rlang::current_env()
  for (told in list(NULL, FALSE, NA, character(), NA_character_)) {
    expect_silent(refuse_told(list(dependent = told), call))
  }
  expect_silent(refuse_told(NULL, call))
  expect_error(refuse_told(list(dependent = c("one", "two")), call),
               "one.*two", class = "timetounsafe_error_audit")
  expect_error(refuse_told(list(dependent = TRUE), call),
               class = "timetounsafe_error_audit")
})
