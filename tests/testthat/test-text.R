test_that("what a terminal acts upon is spelt out", {
  expect_identical(show_text("a\u001b[31mb\u202ec\rd\ne\t\u0085"),
                   "a\\u001b[31mb\\u202ec\\rd\\ne\\t\\u0085")
  expect_identical(show_text("two\nlines", keep = "\n"), "two\nlines")
  plain <- c(a = "na\u00efve \u4f60\u597d \U1F600", b = NA)
  expect_identical(show_text(plain), plain)
  expect_identical(show_text("caf\xe9"), "caf<e9>")
})

test_that("small letters of ASCII do not depend on the locale", {
  expect_identical(lower_ascii(c("INVALID", NA, "\u0130")),
                   c("invalid", NA, "\u0130"))
})

test_that("text of a file is UTF-8 where the locale knows ASCII only", {
  withr::local_locale(LC_CTYPE = "C")
  skip_if_not(is_ascii_locale())
  bytes <- rawToChar(as.raw(c(0xc3, 0xaf)))
  expect_identical(to_utf8(c("a", bytes)), c("a", "\u00ef"))
  # Nothing to say is nothing wrong: the prints of audits without warnings.
  expect_identical(to_utf8(character()), character())
  set.seed(1)
  audit <- simulate_audit(known_plan(c(0.1, 0.2), 20), c(0.1, 0.2))
  expect_output(print(audit), "<audit> 2 prompts")
})

test_that("errors, warnings and prints spell out ids and groups", {
  evil <- c("a\033[31mred", "b\u202edesrever", "c\nline")
  clean <- function(text) {
    text <- gsub("\033\\[[0-9;]*m", "", paste(text, collapse = "\n"))
    expect_no_match(text, "[\u0001-\u0009\u000b-\u001f\u202e]", perl = TRUE)
    expect_no_match(text, "c\nline", fixed = TRUE)
    text
  }
  said <- function(code) {
    tryCatch(code, condition = function(e) clean(conditionMessage(e)))
  }
  expect_match(said(check_ids(c(evil, evil[1]), 4)), "\\u001b[31m",
               fixed = TRUE)
  set.seed(7)
  p <- 10^runif(900, -2, -0.7)
  groups <- rep(evil, 300)
  audit <- simulate_audit(known_plan(p, 30, design = "replicated",
                                     delta = 0.1), p)
  lpb <- suppressWarnings(calibrate_lpb(audit, groups = groups))
  expect_match(clean(capture.output(print(lpb))), "\\u202e", fixed = TRUE)
  expect_match(said(predict(lpb, 0.1, groups = "d\033[0m")), "\\u001b",
               fixed = TRUE)
  clean(capture.output(print(estimate_risk(audit, groups = groups))))
  assessment <- assess_lpb(lpb, groups = groups)
  clean(capture.output(print(assessment)))
  log <- as_response_log(data.frame(id = evil, unsafe = FALSE,
                                    model = evil[1], judge = evil[2]))
  clean(capture.output(print(log)))
  plan <- known_plan(c(0.1, 0.1, 0.1), 30, id = evil)
  clean(capture.output(print(plan)))
  draws <- draws_of(plan)
  again <- draws[draws$id == evil[3], ]
  expect_match(said(as_audit(rbind(draws, again), plan)), "c\\nline",
               fixed = TRUE)
  expect_match(said(as_response_log(data.frame(id = "a", unsafe = evil[1]))),
               "u001b")
  expect_match(said(stop(conditionMessage(tryCatch(
    stop_classed("argument", "\033[31mcoloured\033[39m"), error = identity
  )))), "coloured")
})

test_that("the report shows what turns the direction of text", {
  expect_identical(escape_html("<b>\u202eevil\u2066 \u001b[31m\nline"),
                   "&lt;b&gt;\\u202eevil\\u2066 [31m\nline")
})
