test_that("a missing package is told, and how to get it", {
  expect_error(need_package("ggplot2", "to draw", "99.0"),
               "install.packages(\"ggplot2\")", fixed = TRUE,
               class = "timetounsafe_error_unavailable")
})

test_that("what another version kept is refused, and what to do is said", {
  set.seed(1)
  p <- 10^runif(200, -3, -1)
  hazard <- fit_hazard(matrix(p), counts(rbinom(200, 50, p), 50))
  p <- 10^runif(200, -3, -1)
  plan <- plan_audit(hazard, as.character(1:200), matrix(p), budget = 20)
  lpb <- suppressWarnings(calibrate_lpb(simulate_audit(plan, p)))
  file <- tempfile(fileext = ".csv")
  kept <- function(object, schema) {
    object$schema <- schema
    object
  }
  refused <- function(code, schema, also) {
    error <- expect_error(code(schema), class = "timetounsafe_error_schema")
    expect_s3_class(error, also)
    expect_identical(error$found, if (is.null(schema)) NA_real_ else schema)
    expect_identical(error$known, 1L)
    expect_match(conditionMessage(error), if (identical(schema, 2)) {
      "has schema 2; this version of timetounsafe reads schema 1"
    } else {
      "An older version made it"
    })
  }
  for (schema in list(2, 0, NULL)) {
    refused(function(s) {
      as_audit(data.frame(id = 1, draw = 1, unsafe = 0), kept(plan, s))
    }, schema, "timetounsafe_error_plan")
    refused(function(s) {
      table <- as.data.frame(kept(plan, s))
      utils::write.csv(table, file, row.names = FALSE)
      read_plan(file)
    }, schema, "timetounsafe_error_plan")
    refused(function(s) {
      plan_audit(kept(hazard, s), "a", matrix(0.1), budget = 5)
    }, schema, "timetounsafe_error_argument")
    refused(function(s) predict(kept(hazard, s), matrix(0.1)), schema,
            "timetounsafe_error_argument")
    refused(function(s) predict(kept(lpb, s), matrix(0.1)), schema,
            "timetounsafe_error_argument")
    refused(function(s) print(kept(lpb, s)), schema,
            "timetounsafe_error_argument")
    refused(function(s) assess_lpb(kept(lpb, s)), schema,
            "timetounsafe_error_argument")
  }
})

test_that("every exported function answers an argument that it does not have", {
  names <- getNamespaceExports("timetounsafe")
  functions <- Filter(is.function, sapply(names, getExportedValue,
                                          ns = "timetounsafe"))
  has_dots <- vapply(functions, function(f) "..." %in% names(formals(f)), NA)
  expect_identical(names(functions)[!has_dots], character())
  calls <- list(
    quote(geometric_quantile(0.1, 0.1, zzz = 1)),
    quote(select_tau(0.1, 0.1, 0.1, zzz = 1)), quote(read_plan("f", zzz = 1)),
    quote(read_ledger("f", zzz = 1)), quote(simulate_audit(1, 1, zzz = 1)),
    quote(simulate_prompts(10, zzz = 1)), quote(as_hazard(1, zzz = 1)),
    quote(fit_paper_hazard(1, 1, zzz = 1)), quote(sampler_from(1, 1, zzz = 1)),
    quote(text_features("a", zzz = 1))
  )
  for (call in calls) {
    expect_error(eval(call), "`zzz` is an unknown argument",
                 class = "timetounsafe_error_argument")
  }
  expect_error(fit_paper_hazard(1, unsafe = 1, draws = 2), "now `y`",
               class = "timetounsafe_error_defunct")
})
