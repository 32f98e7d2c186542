test_that("every column of plans and audits is in the schema, in its place", {
  set.seed(1)
  p <- c(0.2, 0.01, 0.001)
  plan <- known_plan(p)
  screening <- c("precision", "screen_unsafe", "screen_draws",
                 "precision_scale", "precision_slope")
  optional <- c("cluster", "cluster_size", "max_limit", "seed",
                screening)
  expect_identical(names(plan),
                   setdiff(schema_names(c("row", "constant")), optional))
  plan <- known_plan(p, cluster = c(1, 1, 2), cluster_size = 3, max_limit = 40)
  expect_identical(names(plan),
                   setdiff(schema_names(c("row", "constant")),
                           c("seed", screening)))
  screened <- plan_audit(as_hazard(known_hazard(), precision = 5),
                         as.character(p), 20, p, delta = NULL,
                         screened = data.frame(unsafe = 0:2, draws = 4))
  expect_identical(names(screened),
                   setdiff(schema_names(c("row", "constant")),
                           c("cluster", "cluster_size", "max_limit", "seed")))
  audit <- quiet(as_audit(
    data.frame(id = 1:3, prompt = as.character(p), unsafe = 0, draws = 9),
    hazard = known_hazard(), cluster = c(1, 1, 2), cluster_size = 3
  ))
  expect_identical(names(audit),
                   setdiff(schema_names(c("row", "constant", "outcome")),
                           c("max_limit", screening)))
  # What a plan is computed from is sealed, one way or the other.
  unsealed <- names(Filter(function(field) field$sealed == "no",
                           schema_part(c("row", "constant"))))
  expect_setequal(unsealed, c("prompt", "schema", "plan_id", "checksum"))
})

test_that("each field refuses what it cannot be, and is named", {
  set.seed(2)
  p <- c(0.2, 0.01, 0.001)
  audit <- simulate_audit(known_plan(p, 30, design = "replicated"), p)
  wrong <- list(
    prob = list(-0.1, 1.1, NA, "a"), horizon = list(-1, 1.5, NA),
    intensity = list(-1, NA, "a"), inclusion = list(-0.1, 1.1, NA),
    limit = list(-1, 0.5), stop = list(NA, 1, "no"), order = list(0, 1.5, NA),
    u_inclusion = list(-0.1, 1.1, NA), budget = list(-1), alpha = list(0, 1),
    delta = list(0, 1), cap = list(0), tau_max = list(0, 1),
    max_weight = list(0.5), variance = list(-1), reference = list("mine"),
    u_certificate = list(-0.1, 1.1), seed = list(0.5, "a"),
    design = list("mine", "fixed"),
    draws = list(-1, 0.5, NA, "a"), unsafe = list(-1, 0.5, NA),
    unused = list(-1, 0.5, NA), failed = list(NA, 0, "no")
  )
  for (name in names(wrong)) {
    for (value in wrong[[name]]) {
      bad <- audit
      bad[[name]] <- value
      error <- expect_error(
        check_audit(bad),
        class = "timetounsafe_error_argument"
      )
      expect_identical(error$argument, paste0("audit$", name))
    }
  }
})

test_that("text of a file becomes the type of its field", {
  expect_identical(field_from_text("limit", c("3", "x")), c(3, NA))
  expect_identical(field_from_text("stop", c("TRUE", "false", "True", "no")),
                   c(TRUE, FALSE, TRUE, NA))
  expect_identical(field_from_text("prompt", "007"), "007")
  expect_identical(field_from_text("id", c("007", "8")), c("007", "8"))
  expect_identical(field_from_text("id", c("7", "8")), 7:8)
  expect_identical(field_from_text("my_column", c("1.5", "2.5")), c(1.5, 2.5))
})

test_that("the help of plans and audits lists every column", {
  page <- function(name) {
    db <- tools::Rd_db("timetounsafe")
    paste(capture.output(tools::Rd2txt(db[[name]])), collapse = "\n")
  }
  plan <- page("plan_audit.Rd")
  for (name in setdiff(schema_names(c("row", "constant")), "prompt")) {
    expect_match(plan, name, fixed = TRUE)
  }
  audit <- page("run_audit.Rd")
  for (name in schema_names("outcome")) {
    expect_match(audit, name, fixed = TRUE)
  }
})
