# Both limits, with half of delta each, of values that all count the same.
plain_limits <- function(x, delta, u = 1) {
  terms <- new_bet_terms(rep(1, length(x)), x, 1)
  both_limits(function(side, tail) betting_limit(terms, side, tail, u),
              1 - delta)
}

test_that("limits are about those of another implementation", {
  values <- read.csv(test_path("fixtures", "betting_values.csv"))
  other <- read.csv(test_path("fixtures", "betting_ci.csv"))
  got <- Map(function(vector, alpha) {
    plain_limits(values$value[values$vector == vector], alpha)
  }, other$vector, other$alpha)
  got <- do.call(rbind, got)
  mean <- tapply(values$value, values$vector, mean)[other$vector]
  expect_true(all(got[, 1] <= mean & mean <= got[, 2]))
  width <- (got[, 2] - got[, 1]) / (other$betting_upper - other$betting_lower)
  # Theirs are multiples of 0.001.
  expect_lt(max(width), 1.25)
  expect_lt(mean(width), 1.05)
  narrower <- other$empbern_upper - other$empbern_lower
  expect_true(all(got[, 2] - got[, 1] < 1.01 * narrower))
})

test_that("the core and R agree on how wealth grows", {
  set.seed(1)
  total <- 2 * rbinom(80, 1, 0.5)
  terms <- new_bet_terms(total, total * rbinom(80, 1, 0.2) * runif(80), 2)
  for (side in c("upper", "lower")) {
    bets <- core_value(.Call(ffi_place_bets, terms, side, 80, log(20)))
    sign <- if (side == "upper") 1 else -1
    range <- if (side == "upper") 2 * (1 - 0.3) else 2 * 0.3
    path <- cumsum(log1p(pmin(bets, 0.99 / range) * sign *
                           (0.3 * terms$total - terms$part)))
    got <- core_value(.Call(ffi_follow_wealth, terms, side, 0.3, bets, c(0, 0)))
    expect_equal(got, c(path[80], max(0, path)))
  }
})

test_that("limits are false no more often than they may be", {
  skip_on_cran()
  set.seed(2)
  # Rare losses of the largest weight among many of a small one, fractions, and
  # parts that exceed their totals.
  cells <- list(
    heavy = function() {
      w <- ifelse(runif(120) < 0.1, 20, 1)
      total <- w * (runif(120) < 1 / w)
      new_bet_terms(total, total * rbinom(120, 1, ifelse(w > 1, 0.3, 0.01)), 20)
    },
    fractions = function() {
      new_bet_terms(rep(1, 60), rbinom(60, 5, rbeta(60, 0.5, 4)) / 5, 1)
    },
    ratio = function() {
      new_bet_terms(rep(1, 100), 8 * rbinom(100, 1, 0.01), 1, 8, 8)
    }
  )
  truth <- c(heavy = 0.1 * 0.3 + 0.9 * 0.01, fractions = 0.5 / 4.5,
             ratio = 0.08)
  for (name in names(cells)) {
    runs <- replicate(1000, {
      terms <- cells[[name]]()
      u <- runif(1)
      c(betting_limit(terms, "upper", 0.1, u) < truth[[name]],
        betting_limit(terms, "lower", 0.1, u) > truth[[name]])
    })
    # Monte Carlo standard error 0.0095.
    expect_true(all(rowMeans(runs) < 0.1 + 3 * 0.0095))
  }
})

test_that("no loss is not no doubt, whatever the random last step", {
  for (delta in c(0.01, 0.1, 0.5)) {
    exact <- 1 - delta^(1 / 200)
    got <- vapply(c(1, 0.5, 1e-6), function(u) {
      betting_limit(new_bet_terms(rep(1, 200), rep(0, 200), 1), "upper", delta,
                    u)
    }, 0)
    expect_true(all(got > 0.4 * exact & got < 1.5 * exact))
    expect_gte(got[1], exact)
    expect_false(is.unsorted(rev(got)))
  }
})

test_that("without a limit to losses only lower limits are possible", {
  terms <- new_bet_terms(rep(1, 50), rep(c(0, 3), 25), 1, Inf, Inf)
  expect_identical(betting_limit(terms, "upper", 0.1), 1)
  expect_gt(betting_limit(terms, "lower", 0.1), 0.5)
  none <- new_bet_terms(rep(1, 50), rep(1, 50), Inf)
  expect_identical(betting_limit(none, "lower", 0.1), 0)
})

test_that("binomial limits are Clopper and Pearson's", {
  for (x in c(0, 3, 20)) {
    expect_equal(binomial_interval(x, 20, 0.9),
                 as.vector(binom.test(x, 20, conf.level = 0.9)$conf.int))
    expect_equal(binomial_limit(x, 20, "upper", 0.1),
                 binom.test(x, 20, alternative = "less",
                            conf.level = 0.9)$conf.int[2])
  }
  expect_equal(binomial_limit(0, 59, "upper", 0.05), 1 - 0.05^(1 / 59))
})

test_that("the order goes by ids, and leaves the session's generator alone", {
  set.seed(3)
  before <- .Random.seed
  got <- order_by_id(letters)
  expect_identical(.Random.seed, before)
  expect_setequal(got, 1:26)
  expect_identical(order_by_id(letters), got)
  expect_false(identical(order_by_id(LETTERS), got))
})
