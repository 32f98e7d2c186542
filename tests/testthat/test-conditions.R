test_that("an error has the documented chain of classes", {
  error <- expect_error(geometric_quantile(2, 0.1))
  expect_s3_class(
    error, c("timetounsafe_error_argument", "timetounsafe_error", "rlang_error",
             "error", "condition"), exact = TRUE
  )
})

test_that("a warning has the documented chain of classes", {
  warning <- expect_warning(fit_hazard(1:3, counts(c(0, 0, 0), 2)))
  expect_s3_class(
    warning, c("timetounsafe_warning_constant_hazard", "timetounsafe_warning",
               "rlang_warning", "warning", "condition"), exact = TRUE
  )
})

test_that("an error says what must be, what was found and where", {
  error <- expect_error(geometric_quantile(c(0.1, 2), 0.1))
  expect_match(conditionMessage(error),
               "`prob` must contain numbers from 0 to 1, not 2 (element 2).",
               fixed = TRUE)
  error <- expect_error(allocate_budget(c(1, -3), 1))
  expect_match(conditionMessage(error), "`cost` .* not -3 \\(element 2\\)")
})

test_that("an error names the argument and blames the user's call", {
  x <- matrix(c(0.3, 1.1, -0.4, 2), 4)
  fit <- fit_hazard(x, counts(c(1, 0, 2, 1), 3))
  own <- as_hazard(function(newdata) rep(2, nrow(newdata)))
  text <- text_features(c("ab", "cd", "ef"))
  data <- data.frame(unsafe = c(1, 0, 2, 1), safe = 1, x = x)
  calls <- list(
    prob = quote(geometric_quantile(2, 0.1)),
    tau = quote(geometric_quantile(0.1, 2)),
    cap = quote(geometric_quantile(0.1, 0.1, cap = 0)),
    cost = quote(allocate_budget(-1, 1)),
    total = quote(allocate_budget(1, -1)),
    benefit = quote(allocate_budget(1, 1, benefit = NA)),
    lower = quote(allocate_budget(1, 1, lower = -1)),
    upper = quote(allocate_budget(1, 1, upper = -1)),
    prompts = quote(text_features(1)),
    size = quote(text_features(c("a", "b", "c"), size = 0)),
    columns = quote(text_features(c("a", "b", "c"), columns = 1)),
    newdata = quote(predict(text, 1)),
    other = quote(predict(text, "a", other = 1)),
    x = quote(fit_hazard()),
    y = quote(fit_hazard(x, counts(9, 3))),
    y = quote(fit_hazard(x, c(1, 0, 2, 1))),
    engine = quote(fit_hazard(x, counts(c(1, 0, 2, 1), 3), engine = "tree")),
    stop = quote(fit_hazard(x, counts(c(1, 0, 2, 1), 3), stop = "random")),
    penalty = quote(fit_hazard(x, counts(c(1, 0, 2, 1), 3), penalty = -1)),
    hidden = quote(fit_hazard(x, counts(c(1, 0, 2, 1), 3), "mlp", hidden = 0)),
    ... = quote(fit_hazard(x, counts(c(1, 0, 2, 1), 3), hidden = 1)),
    formula = quote(fit_hazard(unsafe ~ x, data)),
    data = quote(fit_hazard(cbind(unsafe, safe) ~ x)),
    unsafe = quote(fit_hazard(cbind(-unsafe, safe) ~ x, data)),
    newdata = quote(predict(fit, "a")),
    type = quote(predict(fit, x, type = "hazard")),
    tau = quote(predict(fit, x, type = "quantile")),
    level = quote(predict(fit, x, level = 0.1)),
    newdata = quote(predict(own)),
    predict = quote(predict(own, x)),
    predict = quote(as_hazard(1)),
    predict = quote(as_hazard(1, 2)),
    x = quote(tidy(own)),
    other = quote(tidy(fit, other = 1)),
    ... = quote(glance(fit, 1)),
    other = quote(augment(fit, other = 1)),
    x = quote(plot(own)),
    bins = quote(plot(fit, bins = 1))
  )
  for (i in seq_along(calls)) {
    label <- deparse1(calls[[i]])
    error <- tryCatch(eval(calls[[i]]), error = identity)
    expect_s3_class(error, "timetounsafe_error")
    expect_identical(error$argument, names(calls)[i], info = label)
    expect_match(conditionMessage(error), paste0("`", names(calls)[i], "`"),
                 fixed = TRUE, info = label)
    expect_identical(conditionCall(error)[[1]], calls[[i]][[1]], info = label)
  }
})

test_that("an error about features blames the user's call", {
  x <- matrix(c(0.3, 1.1, -0.4, 2), 4)
  fit <- fit_hazard(x, counts(c(1, 0, 2, 1), 3))
  calls <- list(quote(fit_hazard(x * NA, counts(1, 3))),
                quote(predict(fit, x * NA)),
                quote(predict(fit, cbind(x, x))))
  calls[[1]] <- quote(fit_hazard(x * NA, counts(c(1, 0, 2, 1), 3)))
  for (call in calls) {
    error <- expect_error(eval(call), class = "timetounsafe_error_features")
    expect_identical(conditionCall(error)[[1]], call[[1]])
  }
})

test_that("an infeasible budget blames the user's call", {
  error <- expect_error(allocate_budget(4, 1, lower = 1),
                        class = "timetounsafe_error_infeasible")
  expect_identical(conditionCall(error)[[1]], quote(allocate_budget))
})

test_that("a warning blames the user's call", {
  warning <- expect_warning(fit_hazard(1:3, counts(c(0, 0, 0), 2)))
  expect_identical(conditionCall(warning)[[1]], quote(fit_hazard))
})

test_that("a wrong level for predicted quantiles blames predict()", {
  fit <- fit_hazard(c(0.3, 1.1, -0.4), counts(c(1, 0, 2), 3))
  for (call in list(quote(predict(fit, 1, type = "quantile", tau = 2)),
                    quote(predict(fit, 1, "quantile", tau = 0.1, cap = 0)))) {
    error <- expect_error(eval(call), class = "timetounsafe_error_argument")
    expect_identical(conditionCall(error)[[1]], quote(predict))
  }
})

test_that("features that augment() cannot use blame augment() and `data`", {
  fit <- fit_hazard(matrix(c(0.3, 1.1, -0.4)), counts(c(1, 0, 2), 3))
  for (data in list("a", c(NA, 1), matrix(1, 2, 2))) {
    error <- expect_error(augment(fit, data = data),
                          class = "timetounsafe_error")
    expect_identical(error$argument, "data")
    expect_identical(conditionCall(error)[[1]], quote(augment))
  }
})

test_that("features that are none at all blame `x`, not the counts", {
  for (x in list(NULL, list(1), character(), matrix(0, 0, 2), mean)) {
    error <- expect_error(fit_hazard(x, counts(c(1, 0, 2), 3)),
                          class = "timetounsafe_error")
    expect_identical(error$argument, "x")
  }
})

test_that("the cause of an error in the user's model is kept", {
  own <- as_hazard(1, function(object, newdata) stop("no such model"))
  error <- expect_error(predict(own, matrix(1)),
                        class = "timetounsafe_error_argument")
  expect_match(conditionMessage(error$parent), "no such model")
})

test_that("every class of condition in the code is documented", {
  page <- test_path("..", "..", "man", "timetounsafe-package.Rd")
  skip_if_not(file.exists(page), "the sources of the help pages are here")
  makers <- c(stop_classed = "timetounsafe_error_",
              warn_classed = "timetounsafe_warning_")
  # The classes that a function names, in its body and in its arguments.
  classes <- function(code) {
    if (is.function(code)) {
      code <- as.list(code)
    }
    found <- character()
    maker <- if (is.call(code) && is.name(code[[1]])) as.character(code[[1]])
    if (isTRUE(maker %in% names(makers)) && is.character(code[[2]])) {
      found <- paste0(makers[[maker]], code[[2]])
    }
    if (is.recursive(code) && !is.environment(code)) {
      # Arguments may be empty.
      inside <- Filter(function(part) !identical(part, rlang::missing_arg()),
                       as.list(code))
      found <- c(found, unlist(lapply(inside, classes)))
    }
    found
  }
  used <- unique(unlist(lapply(as.list(asNamespace("timetounsafe")), classes)))
  expect_gt(length(used), 5)
  help <- paste(readLines(page), collapse = "\n")
  for (class in used) {
    expect_match(help, paste0("\\code{", class, "}"), fixed = TRUE)
  }
})

test_that("a required argument that is missing is named", {
  plan <- known_plan(c(0.1, 0.2))
  hazard <- known_hazard()
  lpb <- suppressWarnings(calibrate_lpb(simulate_audit(plan, c(0, 0))))
  sampler <- function(prompts) rep(FALSE, length(prompts))
  calls <- list(
    prob = quote(geometric_quantile()),
    tau = quote(geometric_quantile(0.1)),
    cost = quote(allocate_budget()),
    total = quote(allocate_budget(1)),
    time = quote(miscoverage_curve()),
    inclusion = quote(miscoverage_curve(1, 1, quantiles = 1)),
    quantiles = quote(miscoverage_curve(1, 1, 1)),
    miscoverage = quote(select_tau(0.1)),
    prompts = quote(text_features()),
    x = quote(fit_hazard()),
    y = quote(fit_hazard(1:3)),
    object = quote(as_hazard()),
    hazard = quote(plan_audit()),
    prompts = quote(plan_audit(hazard)),
    budget = quote(plan_audit(hazard, "a", newdata = 0.1)),
    prompts = quote(draw_responses()),
    sampler = quote(draw_responses("a", draws = 1)),
    draws = quote(draw_responses("a", sampler)),
    plan = quote(run_audit()),
    sampler = quote(run_audit(plan)),
    x = quote(as_audit()),
    plan = quote(simulate_audit()),
    prob = quote(simulate_audit(plan)),
    audit = quote(calibrate_lpb()),
    newdata = quote(predict(lpb)),
    newdata = quote(assess_lpb(lpb, prob = 0)),
    lpb = quote(assess_lpb()),
    prompts = quote(time_to_unsafe()),
    sampler = quote(time_to_unsafe(as.character(1:30), budget = 10)),
    budget = quote(time_to_unsafe(as.character(1:30), sampler))
  )
  for (i in seq_along(calls)) {
    error <- tryCatch(eval(calls[[i]]), error = identity)
    expect_s3_class(error, "timetounsafe_error_argument")
    expect_identical(error$argument, names(calls)[i],
                     info = deparse1(calls[[i]]))
  }
})

test_that("names of arguments must be whole", {
  set.seed(1)
  p <- rep(c(0.02, 0.1), 50)
  audit <- simulate_audit(known_plan(p), p)
  error <- expect_error(estimate_risk(audit, group = 5), "`groups`",
                        class = "timetounsafe_error_argument")
  expect_identical(error$argument, "group")
  expect_identical(deparse(error$call[[1]]), "estimate_risk")
  lpb <- suppressWarnings(calibrate_lpb(audit))
  expect_error(predict(lpb, new = p), "`newdata`",
               class = "timetounsafe_error_argument")
  # Otherwise as before: through do.call(), and with dots of the caller's own.
  through <- function(...) estimate_risk(audit, ...)
  expect_s3_class(through(k = 5), "risk_estimate")
  expect_s3_class(do.call(estimate_risk, list(audit, k = 5)),
                  "risk_estimate")
  expect_error(through(typo = 5), "typo",
               class = "timetounsafe_error_argument")
})

test_that("the border names a field that is not there, and an unknown kind", {
  core <- asNamespace("timetounsafe")
  payoffs <- list(
    base = c(0.1, 0.1), place = 1, weight = 1, outcome = list(jump = 0.5),
    cap = Inf, tau_max = 1
  )
  certify <- function(payoffs, rule = list(kind = "marginal")) {
    core$core_value(.Call(core$ffi_certify, payoffs, rule))
  }
  expect_equal(certify(payoffs)$tau, 0.5)
  for (field in names(payoffs)) {
    expect_error(certify(payoffs[names(payoffs) != field]),
                 sprintf("internal: there is no `%s`", field), fixed = TRUE)
  }
  expect_error(certify(unname(payoffs)), "internal: there is no")
  expect_error(certify(payoffs, list(kind = "normal")),
               "internal: there is no `z`", fixed = TRUE)
  expect_error(certify(payoffs, list(kind = "other")),
               "internal: `kind` cannot be \"other\"", fixed = TRUE)
  expect_error(certify(payoffs, list(kind = 0)),
               "internal: `kind` is not a string", fixed = TRUE)
  payoffs$outcome <- list(law = "gamma", columns = list(prob = 0.5),
                           unsafe = 1, draws = 1)
  expect_error(certify(payoffs), "internal: `law` cannot be \"gamma\"",
               fixed = TRUE)
  payoffs$outcome$law <- "geometric"
  names(payoffs$outcome$columns) <- "p"
  expect_error(certify(payoffs), "internal: there is no `prob`", fixed = TRUE)
})

test_that("the border takes no half counts and no negative widths", {
  core <- asNamespace("timetounsafe")
  fit <- function(...) {
    model <- list(
      x = matrix(c(0, 1, 2), 3), unsafe = c(0, 1, 1), draws = c(2, 2, 2),
      n_train = 3, hidden = 2L, learning_rate = 0.1, weight_decay = 0,
      batch_size = 2, epochs = 1, patience = 0, weighted = 1, start_bias = NaN
    )
    model <- utils::modifyList(model, list(...))
    core$core_value(.Call(core$ffi_mlp_fit, model))
  }
  expect_length(fit()$weights, 2 * 2 + 3)
  for (field in c("n_train", "batch_size", "epochs", "patience")) {
    for (bad in c(2.5, -1, NaN, Inf)) {
      model <- stats::setNames(list(bad), field)
      expect_error(do.call(fit, model),
                   sprintf("internal: `%s` is not a count", field),
                   fixed = TRUE)
    }
  }
  for (bad in c(0L, -1L, NA)) {
    expect_error(fit(hidden = c(2L, bad)),
                 class = "timetounsafe_error_argument")
  }
})
