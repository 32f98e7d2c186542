test_that("two prompts worked by hand", {
  # pi = mu * sqrt(1 / c), cost mu * sqrt(c): mu * (1 + 2) = 1.5.
  expect_equal(allocate_budget(c(1, 4), 1.5), c(0.5, 0.25), tolerance = 1e-15)
})

test_that("a prompt at its upper limit leaves the rest to the others", {
  # mu * (1 + 3) = 3.4 asks for 0.85 of the first; with its limit at 0.4 the
  # other has 3 to spend on a cost of 9.
  expect_equal(allocate_budget(c(1, 9), 3.4, upper = c(0.4, 1)), c(0.4, 1 / 3),
               tolerance = 1e-15)
})

test_that("a prompt at its lower limit is paid for by the others", {
  # The second costs at least 0.5 * 4 = 2; the first has 0.25 left.
  expect_equal(allocate_budget(c(1, 4), 2.25, lower = c(0, 0.5)), c(0.25, 0.5),
               tolerance = 1e-15)
})

test_that("benefits enter by their square roots", {
  # mu * (2 + 1) = 1.2.
  expect_equal(allocate_budget(c(1, 1), 1.2, benefit = c(4, 1)), c(0.8, 0.4),
               tolerance = 1e-15)
})

test_that("allocations equal those of the reference implementation", {
  # The reference is itself off by up to 3e-5.
  rows <- utils::read.csv(test_path("fixtures", "allocation_reference.csv"))
  for (case in split(rows, rows$case)) {
    pi <- allocate_budget(case$cost, case$total[1])
    expect_lt(max(abs(pi / case$pi - 1)), 1e-4)
  }
})

test_that("general allocations equal those of a bisection to 1e-12", {
  rows <- utils::read.csv(test_path("fixtures", "allocation_general.csv"))
  for (case in split(rows, rows$case)) {
    pi <- allocate_budget(case$cost, case$total[1], case$benefit,
                          case$lower, case$upper)
    expect_lt(max(abs(pi - case$pi) / pmax(case$pi, 1e-12)), 1e-9)
  }
})

test_that("allocations equal those of a root search on the multiplier", {
  set.seed(1)
  for (repetition in 1:20) {
    n <- sample(2:60, 1)
    cost <- 10^runif(n, -2, 4)
    benefit <- rexp(n)
    lower <- runif(n, 0, 0.2)
    upper <- lower + runif(n)
    total <- sum(cost * (lower + runif(1) * (upper - lower)))
    intensity <- function(mu) {
      pmin(upper, pmax(lower, exp(mu) * sqrt(benefit / cost)))
    }
    mu <- uniroot(function(mu) sum(cost * intensity(mu)) / total - 1,
                  c(-20, 20), tol = 1e-14)$root
    expect_equal(allocate_budget(cost, total, benefit, lower, upper),
                 intensity(mu), tolerance = 1e-9)
  }
})

test_that("no shift of money between two prompts lowers the objective", {
  set.seed(2)
  cost <- 10^runif(30, 0, 3)
  benefit <- rexp(30)
  total <- sum(cost) / 4
  pi <- allocate_budget(cost, total, benefit, lower = 0.01)
  objective <- sum(benefit / pi)
  for (repetition in 1:300) {
    two <- sample(30, 2)
    moved <- pi
    step <- 1e-3 * min(cost[two] * pi[two])
    moved[two] <- moved[two] + c(step, -step) / cost[two]
    if (all(moved >= 0.01 & moved <= 1)) {
      expect_gte(sum(benefit / moved), objective * (1 - 1e-14))
    }
  }
})

test_that("the budget is kept to a relative 1e-13 and spent", {
  set.seed(3)
  for (n in c(1, 2, 10, 1000, 20000)) {
    cost <- 10^runif(n, -3, 6)
    total <- sum(cost) * runif(1, 0.01, 0.9)
    pi <- allocate_budget(cost, total)
    expect_lt(abs(sum(cost * pi) / total - 1), 1e-13)
    expect_true(all(pi >= 0 & pi <= 1))
  }
})

test_that("the order of prompts does not matter", {
  set.seed(4)
  cost <- rexp(200)
  benefit <- rexp(200)
  upper <- runif(200)
  o <- sample(200)
  expect_equal(
    allocate_budget(cost[o], 20, benefit[o], upper = upper[o]),
    allocate_budget(cost, 20, benefit, upper = upper)[o], tolerance = 1e-13
  )
})

test_that("the units of cost and benefit do not matter", {
  set.seed(5)
  cost <- rexp(100)
  benefit <- rexp(100)
  pi <- allocate_budget(cost, 10, benefit)
  for (unit in c(1e-150, 1e-6, 1e6, 1e150)) {
    expect_equal(allocate_budget(cost * unit, 10 * unit, benefit), pi,
                 tolerance = 1e-13)
    expect_equal(allocate_budget(cost, 10, benefit * unit), pi,
                 tolerance = 1e-13)
  }
})

test_that("more budget lowers no probability", {
  set.seed(6)
  cost <- 10^runif(50, 0, 3)
  budgets <- sum(cost) * seq(0.01, 1.1, length.out = 40)
  pi <- vapply(budgets, function(b) allocate_budget(cost, b), numeric(50))
  expect_true(all(apply(pi, 1, diff) >= -1e-14))
})

test_that("prompts of equal cost get equal probabilities, dearer ones less", {
  expect_equal(allocate_budget(rep(7, 5), 14), rep(0.4, 5), tolerance = 1e-15)
  set.seed(7)
  cost <- sort(rexp(100))
  expect_true(all(diff(allocate_budget(cost, sum(cost) / 3)) <= 0))
})

test_that("a budget above the cost of all upper limits gives just these", {
  upper <- c(0.3, 2, 1)
  expect_identical(allocate_budget(1:3, 1e9, upper = upper), upper)
  expect_identical(allocate_budget(1:3, Inf, upper = upper), upper)
  expect_identical(allocate_budget(1:3, sum(1:3)), c(1, 1, 1))
})

test_that("cost 0 gives the upper limit and benefit 0 the lower", {
  expect_equal(allocate_budget(c(0, 2, 2), 1, benefit = c(1, 1, 0)),
               c(1, 0.5, 0))
  expect_equal(
    allocate_budget(c(0, 2, 2), 1, benefit = c(1, 1, 0), lower = 0.1),
    c(1, 0.4, 0.1)
  )
  expect_identical(allocate_budget(c(0, 0), 0), c(1, 1))
})

test_that("a budget of 0 includes nobody who costs something", {
  expect_identical(allocate_budget(c(1, 2), 0), c(0, 0))
})

test_that("an intensity may be unbounded", {
  pi <- allocate_budget(c(1, 2), 100, upper = Inf)
  expect_equal(pi, 100 / (1 + sqrt(2)) / sqrt(c(1, 2)), tolerance = 1e-14)
})

test_that("equal limits leave no choice", {
  expect_identical(allocate_budget(1:3, 6, lower = 0.5, upper = 0.5),
                   rep(0.5, 3))
})

test_that("costs of extreme sizes do not overflow", {
  expect_equal(allocate_budget(c(1e308, 1e308), 1e308), c(0.5, 0.5))
  expect_equal(allocate_budget(c(1e-320, 1e300), 1), c(1, 1e-300))
})

test_that("one number stands for all prompts", {
  cost <- c(3, 1, 4)
  expect_identical(
    allocate_budget(cost, 4, benefit = 2, lower = 0.1, upper = 0.9),
    allocate_budget(cost, 4, rep(2, 3), rep(0.1, 3), rep(0.9, 3))
  )
})

test_that("lower limits above the budget are infeasible, with the minimum", {
  error <- expect_error(
    allocate_budget(c(10, 30), 5, lower = c(0.5, 0.1)),
    class = "timetounsafe_error_infeasible"
  )
  expect_s3_class(error, "timetounsafe_error")
  expect_identical(error$total, 5)
  expect_equal(error$minimum, 8)
  expect_match(conditionMessage(error), "8")
})

test_that("lower limits that cost just the budget are feasible", {
  expect_identical(allocate_budget(c(10, 30), 8, lower = c(0.5, 0.1)),
                   c(0.5, 0.1))
})

test_that("allocate_budget() names a wrong argument", {
  not_numbers <- list(NULL, NA, NA_real_, NaN, "1", -1, numeric(), list(1),
                      factor(1))
  bad_arguments(
    "allocate_budget",
    list(cost = c(1, 2), total = 1, benefit = 1, lower = 0, upper = 1),
    list(
      cost = c(not_numbers, list(Inf, c(1, NA), c(1, -1))),
      total = c(not_numbers, list(c(1, 2), -Inf)),
      benefit = c(not_numbers, list(Inf, c(1, 2, 3), c(1, -1))),
      lower = c(not_numbers, list(Inf, c(0, 0, 0), c(0, NA))),
      upper = c(not_numbers, list(c(1, 1, 1), c(1, NaN)))
    )
  )
})

test_that("an upper limit below the lower one is an error about `upper`", {
  error <- expect_error(allocate_budget(1:2, 2, lower = 0.5, upper = c(1, 0.4)),
                        class = "timetounsafe_error_argument")
  expect_identical(error$argument, "upper")
  expect_match(conditionMessage(error), "element 2")
})

test_that("nothing can be unlimited where it costs or brings nothing", {
  expect_error(allocate_budget(c(0, 1), 1, upper = Inf), "`upper`",
               class = "timetounsafe_error_argument")
  expect_error(allocate_budget(c(1, 1), 1, benefit = c(0, 1), upper = Inf),
               "`upper`", class = "timetounsafe_error_argument")
})

test_that("numbers at the ends of the range of doubles are no excuse", {
  expect_identical(
    allocate_budget(c(5e-324, 1), 0, benefit = c(1.7e308, 1)), c(0, 0)
  )
  expect_equal(allocate_budget(1.7e308, 0.85e308, benefit = 5e-324), 0.5)
})
