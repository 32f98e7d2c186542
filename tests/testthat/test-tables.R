# What is done to a table of each class, and whether it stays one: a table of
# verbs, one of classes, and what is expected of each pair.

# Of every class with rows of its own, one.
all_tables <- local({
  made <- NULL
  function() {
    if (is.null(made)) {
      set.seed(1)
      p <- 10^runif(40, -2, -1)
      plan <- known_plan(p, 20)
      audit <- simulate_audit(plan, p)
      lpb <- quiet(point_lpb(audit))
      draws <- draw_known(p, 6)
      log <- as_response_log(data.frame(
        id = rep(letters[1:4], each = 3), draw = rep(1:3, 4), unsafe = FALSE
      ))
      made <<- list(
        audit_plan = plan, audit = audit, prompt_draws = draws,
        response_log = log, lpb_assessment = assess_lpb(lpb, bins = 3),
        risk_estimate = estimate_risk(draws, k = c(1, 3)),
        risk_forecast = forecast_risk(draws, k = c(1, 9)),
        risk_backtest = backtest_risk(draws, k = c(2, 6), repetitions = 2),
        budget_advice = advise_budget(known_hazard(), p, c(5, 10), delta = NULL,
                                      repetitions = 10),
        simulated_study = simulate_study(
          "uncalibrated", 20, repetitions = 2, n = 200, seed = 1,
          hazards = list(default = function(x, y) fit_hazard(x, y))
        ),
        summary.lpb = summary(lpb)
      )
    }
    made
  }
})

all_but_first <- function(x) x[-1, ]

# The same values, and what a lookup says of each of them.
lookup <- function(x) {
  y <- data.frame(unique(x[[1]]), more = 1)
  names(y)[1] <- names(x)[1]
  y
}

base_verbs <- list(
  as_it_is = function(x) x[, ],
  sort = function(x) x[rev(seq_len(nrow(x))), ],
  first = function(x) head(x, 1),
  subset = function(x) subset(x, seq_len(nrow(x)) == nrow(x)),
  add = function(x) {
    x$mine <- "a"
    x[["too"]] <- 1
    x[c("and", "this")] <- 2
    x
  },
  move = function(x) x[rev(names(x))],
  same_value = function(x) {
    x[[2]] <- x[[2]]
    x[1, 1] <- x[1, 1]
    x
  },
  transform = function(x) transform(x, mine = 1),
  within = function(x) within(x, mine <- 1),
  cbind = function(x) cbind(x, mine = seq_len(nrow(x))),
  merge = function(x) merge(x, lookup(x)),
  in_pieces = function(x) split(x, seq_len(nrow(x)))[[1]]
)

dplyr_verbs <- list(
  filter = function(x) dplyr::filter(x, seq_len(dplyr::n()) == dplyr::n()),
  arrange = function(x) dplyr::arrange(x, dplyr::desc(dplyr::row_number())),
  slice = function(x) dplyr::slice(x, 1),
  mutate = function(x) dplyr::mutate(x, mine = 1),
  select = function(x) dplyr::select(x, dplyr::everything()),
  relocate = function(x) dplyr::relocate(x, dplyr::last_col()),
  left_join = function(x) dplyr::left_join(x, lookup(x), by = names(x)[1]),
  group_by = function(x) dplyr::group_by(x, mine = 1),
  grouped = function(x) {
    x <- dplyr::group_by(x, mine = 1)
    x <- dplyr::mutate(x, more = dplyr::n())
    dplyr::arrange(dplyr::filter(x, more > 0), more)
  },
  ungroup = function(x) dplyr::ungroup(dplyr::group_by(x, mine = 1)),
  rowwise = function(x) dplyr::ungroup(dplyr::mutate(dplyr::rowwise(x), m = 1)),
  bind_cols = function(x) {
    dplyr::bind_cols(x, data.frame(mine = rep(1, nrow(x))))
  }
)

breaking_verbs <- list(
  twice = function(x) x[c(1, seq_len(nrow(x))), ],
  bound_to_itself = function(x) rbind(x, x),
  with_plain_rows = function(x) rbind(x, as.data.frame(x)),
  plain = function(x) as.data.frame(x),
  inside = function(x) data.frame(x)
)

dplyr_breaking_verbs <- list(
  twice = function(x) dplyr::slice(x, c(1, seq_len(dplyr::n()))),
  bound_to_itself = function(x) dplyr::bind_rows(x, x),
  summarise = function(x) dplyr::summarise(x, n = dplyr::n())
)

# Which classes say all of a row in the row.
bindable <- c("audit_plan", "audit", "prompt_draws", "response_log",
              "lpb_assessment", "simulated_study")

is_table <- function(x) inherits(x, "timetounsafe_table")

expect_kept <- function(x, verb, class, what) {
  got <- verb(x)
  expect_true(inherits(got, class) && is_table(got), info = what)
  expect_identical(about_table(got), about_table(x), info = what)
  expect_no_error(capture.output(print(got)))
  expect_true(is.data.frame(tidy_of(got)), info = what)
}

tidy_of <- function(x) if (inherits(x, "summary.lpb")) x else tidy(x)

expect_plain <- function(got, what) {
  expect_false(is_table(got), info = what)
  expect_true(is.data.frame(got), info = what)
  expect_length(about_table(got), 0)
}

test_that("base R keeps a class exactly where it stays true", {
  tables <- all_tables()
  for (class in names(tables)) {
    x <- tables[[class]]
    for (name in names(base_verbs)) {
      expect_kept(x, base_verbs[[name]], class, paste(class, name))
    }
    for (name in names(breaking_verbs)) {
      expect_plain(breaking_verbs[[name]](x), paste(class, name))
    }
    expect_false(is_table(x[[1]]))
    expect_identical(x[, 1], x[[1]])
    expect_identical(is_table(x[0, ]), class == "response_log", info = class)
  }
})

test_that("dplyr keeps a class exactly where it stays true", {
  skip_if_not_installed("dplyr", "1.1.0")
  tables <- all_tables()
  for (class in names(tables)) {
    x <- tables[[class]]
    for (name in names(dplyr_verbs)) {
      expect_kept(x, dplyr_verbs[[name]], class, paste(class, name))
    }
    for (name in names(dplyr_breaking_verbs)) {
      expect_plain(as.data.frame(dplyr_breaking_verbs[[name]](x)),
                   paste(class, name))
      expect_false(is_table(dplyr_breaking_verbs[[name]](x)))
    }
    needed <- setdiff(table_rule(x)$columns, names(x)[1])[1]
    expect_plain(dplyr::select(x, -dplyr::all_of(needed)), class)
    expect_plain(dplyr::rename(x, other = dplyr::all_of(needed)), class)
  }
})

test_that("a column that a class needs may neither go nor change", {
  tables <- all_tables()
  for (class in names(tables)) {
    x <- tables[[class]]
    for (name in table_rule(x)$columns) {
      what <- paste(class, name)
      expect_plain(x[setdiff(names(x), name)], what)
      gone <- x
      gone[[name]] <- NULL
      expect_plain(gone, what)
      other <- x
      names(other)[names(other) == name] <- "other"
      expect_plain(other, what)
      if (class == "response_log") {
        next
      }
      value <- x[[name]]
      value[1] <- if (is.character(value)) {
        "other"
      } else if (is.logical(value)) {
        !value[1] %in% TRUE
      } else {
        if (is.finite(value[1])) value[1] + 1e-9 else 0
      }
      other <- x
      other[[name]] <- value
      expect_plain(other, what)
      other <- x
      other[1, name] <- value[1]
      expect_plain(other, what)
      if (rlang::is_installed("dplyr", version = "1.1.0")) {
        expect_plain(dplyr::mutate(x, !!name := value), what)
      }
    }
  }
})

test_that("parts make a whole again where rows say all about themselves", {
  tables <- all_tables()
  for (class in setdiff(names(tables), "summary.lpb")) {
    x <- tables[[class]]
    n <- nrow(x)
    both <- rbind(x[n, ], x[-n, ])
    if (class %in% bindable) {
      expect_s3_class(both, class)
    } else {
      expect_plain(both, class)
    }
  }
})

test_that("dplyr makes a whole of parts, too", {
  skip_if_not_installed("dplyr", "1.1.0")
  tables <- all_tables()
  for (class in setdiff(names(tables), "summary.lpb")) {
    x <- tables[[class]]
    n <- nrow(x)
    both <- dplyr::bind_rows(x[n, ], x[-n, ])
    expect_identical(inherits(both, class), class %in% bindable, info = class)
    expect_equal(nrow(both), n)
  }
})

test_that("rows of two plans are no plan, and of two logs a log", {
  set.seed(2)
  one <- known_plan(rep(0.05, 4), 10)
  two <- known_plan(rep(0.05, 4), 10, prompts = letters[1:4])
  expect_plain(rbind(one, two), "plans")
  first <- draw_known(rep(0.1, 3), 4)
  second <- as.data.frame(draw_known(rep(0.1, 3), 4))
  second$id <- letters[1:3]
  both <- rbind(first, new_table(second, "prompt_draws"))
  expect_s3_class(both, "prompt_draws")
  expect_equal(glance(both)$nobs, 6)
})

test_that("columns that were added calibrate, and the hazard stays", {
  skip_if_not_installed("dplyr", "1.1.0")
  set.seed(3)
  p <- 10^runif(400, -3, -1)
  plan <- known_plan(p, 20)
  plan <- dplyr::group_by(plan, band = ifelse(prob > 0.01, "risky", "calm"))
  plan <- dplyr::mutate(plan, mean = mean(prob))
  plan <- dplyr::relocate(dplyr::select(plan, -u_inclusion, u_inclusion), band)
  expect_s3_class(plan, c("audit_plan", "grouped_df"))
  expect_s3_class(attr(plan, "hazard"), "hazard_fit")
  audit <- run_audit(plan, function(prompts) {
    runif(length(prompts)) < p[as.integer(prompts)]
  })
  expect_s3_class(audit, c("audit", "audit_plan", "data.frame"))
  expect_false(dplyr::is_grouped_df(audit))
  lpb <- quiet(point_lpb(audit, groups = "band"))
  expect_identical(lpb$groups$group, c("calm", "risky"))
  # In any order, and grouped, the result is the same.
  other <- dplyr::group_by(dplyr::arrange(audit, dplyr::desc(prob)), stop)
  again <- quiet(point_lpb(other, groups = "band"))
  expect_equal(again$groups, lpb$groups)
  expect_equal(quiet(assess_lpb(again))$estimate[1],
               quiet(assess_lpb(lpb))$estimate[1])
})

test_that("limits that were picked afterwards imply no others", {
  set.seed(4)
  draws <- draw_known(rep(0.02, 100), 10)
  each <- certify_risk(draws, c(1, 5, 10))
  expect_error(predict(each[2, ], 7), "hold at once",
               class = "timetounsafe_error_argument")
  band <- certify_risk(draws, c(1, 5, 10), simultaneous = TRUE)
  expect_equal(predict(band[3:1, ], c(2, 7))$conf.high,
               predict(band, c(2, 7))$conf.high)
})
