# Which draws come next. Random schedules against brute force are in
# test-audit-state.R.

test_that("strict order has one draw of a prompt at a time, upwards", {
  rows <- start_audit(data.frame(limit = c(3, 5), horizon = c(4, 6),
                                 stop = TRUE))
  state <- new_audit_state(rows, ahead = FALSE)
  seen <- list()
  while (state$n_open > 0) {
    batch <- take_draws(state, 10)
    expect_equal(anyDuplicated(batch$row), 0)
    expect_length(take_draws(state, 10)$row, 0)
    seen <- c(seen, list(batch))
    settle_draws(state, all_safe(batch))
  }
  row <- unlist(lapply(seen, `[[`, "row"))
  draw <- unlist(lapply(seen, `[[`, "draw"))
  expect_equal(draw[row == 1], 1:3)
  expect_equal(draw[row == 2], 1:5)
})

test_that("batches go over distinct prompts first, and are full", {
  rows <- start_audit(data.frame(
    limit = c(20000, rep(30, 99)), horizon = c(20001, rep(31, 99)), stop = TRUE
  ))
  for (under_way in c(1, 8)) {
    state <- new_audit_state(rows)
    flight <- list()
    sizes <- numeric()
    repeat {
      while (length(flight) < under_way) {
        batch <- take_draws(state, 64)
        if (length(batch$row) == 0) break
        if (length(sizes) == 0) {
          expect_equal(sort(batch$row), 1:64)
        }
        sizes <- c(sizes, length(batch$row))
        flight <- c(flight, list(batch))
      }
      if (length(flight) == 0) break
      batch <- flight[[1]]
      flight[[1]] <- NULL
      settle_draws(state, all_safe(batch))
    }
    expect_equal(sum(sizes), sum(rows$limit))
    expect_gt(sum(sizes) / (64 * length(sizes)), 0.99)
  }
})

test_that("a prompt is begun before another gets a second draw in a batch", {
  rows <- start_audit(data.frame(limit = rep(9, 6), horizon = 10, stop = TRUE))
  state <- new_audit_state(rows)
  expect_equal(take_draws(state, 4)$row, 1:4)
  batch <- take_draws(state, 4)
  expect_true(all(5:6 %in% batch$row))
  expect_length(batch$row, 4)
})

test_that("slots are shared in turn, never beyond what is left", {
  set.seed(3)
  for (i in 1:200) {
    n <- sample(6, 1)
    left <- sample(0:9, n, replace = TRUE)
    have <- pmin(left, sample(0:2, n, replace = TRUE))
    variance_floor <- sample(0:30, 1)
    got <- share_slots(have, left, variance_floor)
    expect_true(all(got >= have & got <= left))
    expect_equal(sum(got), min(sum(left), sum(have) + variance_floor))
  }
})

test_that("draws that go out together are of rows that make all of theirs", {
  rows <- start_audit(data.frame(
    limit = c(5, 20, 20, 3, 8), horizon = c(6, 21, 21, 4, 9),
    stop = c(FALSE, TRUE, FALSE, FALSE, FALSE)
  ))
  state <- new_audit_state(rows, together = 8)
  batch <- take_draws(state, 18)
  # Five, one, eight, three, and what is left of the slots.
  expect_equal(tabulate(batch$row, 5), c(5, 1, 8, 3, 1))
  expect_equal(batch$draw[batch$row == 3], 1:8)
  # Rows that are under way wait, unless slots are left over.
  settle_draws(state, all_safe(keep_draws(batch, batch$row != 2)))
  batch <- take_draws(state, 15)
  expect_equal(tabulate(batch$row, 5), c(0, 0, 8, 0, 7))
  expect_equal(batch$draw[batch$row == 5], 2:8)
  # In strict order nothing goes out together.
  state <- new_audit_state(rows, ahead = FALSE, together = 8)
  expect_equal(tabulate(take_draws(state, 18)$row, 5), rep(1, 5))
})
