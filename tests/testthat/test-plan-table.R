test_that("a plan that was tampered with is refused", {
  set.seed(3)
  plan <- known_plan(rep(c(0.1, 0.05, 0.002), 5), 10, tau_max = 0.3)
  refused <- function(change) {
    expect_error(as_audit(by_draw(plan), change),
                 class = "timetounsafe_error_plan")
  }
  refused(plan[-1, ])
  refused(rbind(plan, plan[1, ]))
  refused(rbind(plan[-1, ], plan[2, ]))
  refused(plan[setdiff(names(plan), "inclusion")])
  refused(transform(plan, id = id + 1L))
  refused(transform(plan, limit = limit + 1))
  refused(transform(plan, horizon = horizon + 1, limit = limit + 1))
  refused(transform(plan, budget = c(11, budget[-1])))
  refused(transform(plan, inclusion = replace(inclusion, 3, 0)))
  refused(transform(plan, inclusion = 1))
  refused(transform(plan, prob = prob / 3))
  refused(transform(plan, design = "naive"))
  refused(transform(plan, stop = FALSE))
  refused(transform(plan, reference = "training"))
  refused(transform(plan, u_inclusion = rev(u_inclusion)))
  refused(transform(plan, order = rev(order)))
  refused(transform(plan, tau_max = 0.5))
  expect_error(as_audit(by_draw(plan), transform(plan, inclusion = -inclusion)),
               class = "timetounsafe_error_argument")
})

test_that("a seal holds whatever a file did to types and to the rows' order", {
  set.seed(4)
  plan <- known_plan(rep(c(0.1, 0.05, 0.002), 5), 10, tau_max = 0.3)
  file <- tempfile(fileext = ".csv")
  write.csv(plan[sample(15), ], file, row.names = FALSE)
  back <- read.csv(file, colClasses = c(prompt = "character"))
  expect_s3_class(check_plan(back), "audit_plan")
  # An edited file is not what the plan was.
  for (edit in list(c("FALSE", "TRUE"), c("\"self\"", "\"training\""))) {
    lines <- readLines(write_plan(plan, file, overwrite = TRUE))
    other <- rev(edit)
    lines[-1] <- if (any(grepl(edit[1], lines[-1]))) {
      gsub(edit[1], edit[2], lines[-1], fixed = TRUE)
    } else {
      gsub(other[1], other[2], lines[-1], fixed = TRUE)
    }
    writeLines(lines, file)
    expect_error(read_plan(file), "not those of the plan",
                 class = "timetounsafe_error_plan")
  }
})

test_that("an order that is none is refused, though it was sealed", {
  set.seed(5)
  plan <- known_plan(rep(0.05, 4), 10)
  plan$order <- c(1, 2, 2, 4)
  expect_error(check_plan(reseal(plan)), "permutation",
               class = "timetounsafe_error_plan")
  plan$order <- c(1, 2, 3, 5)
  expect_error(check_plan(reseal(plan)), "permutation",
               class = "timetounsafe_error_plan")
})

test_that("a plan comes apart, and together again", {
  set.seed(6)
  plan <- known_plan(rep(c(0.1, 0.01), 4), 10)
  parts <- plan_parts(plan)
  expect_identical(parts$constants$budget, 10)
  expect_identical(parts$constants$n, 8L)
  expect_false(any(plan_constants %in% names(parts)))
  rows <- as.data.frame(plan)[setdiff(names(plan), plan_constants)]
  expect_identical(join_parts(rows, parts$constants, attr(plan, "hazard")),
                   plan)
  some <- take_part(parts, c(5, 2))
  expect_identical(some$id, c(5L, 2L))
  expect_identical(some$constants, parts$constants)
})

test_that("no constant is too large for a change of another to be seen", {
  plan <- known_plan(rep(0.01, 20), 10, "naive", cap = Inf)
  expect_identical(plan$cap[1], Inf)
  expect_silent(check_plan(plan))
  for (name in c("alpha", "tau_max", "u_certificate", "budget")) {
    changed <- plan
    changed[[name]] <- changed[[name]] * (1 - 1e-4)
    expect_error(check_plan(changed), "constants",
                 class = "timetounsafe_error_plan")
  }
})
