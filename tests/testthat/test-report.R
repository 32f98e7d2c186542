skip_without_pandoc <- function() {
  skip_if_not_installed("rmarkdown")
  skip_if_not(rmarkdown::pandoc_available("2.0"), "pandoc is there")
}

# The page, without its pictures.
page_of <- function(lpb, ...) {
  file <- tempfile(fileext = ".html")
  on.exit(unlink(file))
  expect_silent(write_report(lpb, file, open = FALSE, ...))
  page <- paste(readLines(file, encoding = "UTF-8"), collapse = "\n")
  gsub("data:image/png;base64,[^\"]*", "picture", page)
}

expect_says <- function(page, ...) {
  for (text in c(...)) {
    expect_true(grepl(text, page, fixed = TRUE), info = text)
  }
}

expect_silent_on <- function(page, ...) {
  for (text in c(...)) {
    expect_false(grepl(text, page, fixed = TRUE), info = text)
  }
}

test_that("every kind of bound has a report that makes its own claim", {
  skip_without_pandoc()
  lpbs <- many_lpbs()
  claims <- list(
    certified = c("at least 90%, its first L", "at most 10% give bounds"),
    point = c("at least 90%, its first L", "about half of them do"),
    optimized = "at most 10% give bounds", naive = "The bound is 1",
    trivial = "valid but uninformative", nobody = "valid but uninformative"
  )
  for (name in names(claims)) {
    page <- page_of(lpbs[[name]])
    expect_says(page, claims[[name]], lpbs[[name]]$audit$plan_id[1])
    # Nothing is fetched, nothing runs.
    expect_false(grepl("<script|<link|<iframe|(src|href)=\"(http|//)", page))
    expect_equal(lengths(regmatches(page, gregexpr("<img", page))), 4)
    expect_silent_on(page, "NULL,", "NaN", "`", "&#96;")
  }
  expect_silent_on(page_of(lpbs$point), "confidence of the certificate")
})

test_that("the numbers are those of the bound", {
  skip_without_pandoc()
  set.seed(5)
  p <- 10^runif(1234, -3, -1)
  lpb <- bound_on(p, id = paste0("id-", seq_along(p)))
  page <- page_of(lpb, about = c(Model = "m-1", Seed = 5))
  bound <- predict(lpb, p)
  expect_says(
    page, "1,234", format(lpb$tau, digits = 4),
    format(lpb$tau_marginal, digits = 4), format(lpb$ess, digits = 4),
    format(sum(lpb$audit$draws), big.mark = ","), ">m-1</dd>",
    sprintf("<td class=\"text\">Half have at most</td><td class=\"number\">%s",
            format(quantile(bound, 0.5, type = 1)))
  )
  riskiest <- regmatches(page, gregexpr("id-[0-9]+", page))[[1]]
  expect_equal(riskiest, paste0("id-", order(-p)[1:10]))
  expect_says(page, "As tau was selected on the same draws")
})

test_that("held-out coverage takes the place of the audit's own", {
  skip_without_pandoc()
  lpb <- many_lpbs()$certified
  p <- 10^runif(300, -3, -1)
  seen <- assess_lpb(lpb, p, prob = p)
  page <- page_of(lpb, assessment = seen)
  expect_says(page, "held-out prompts", sprintf("%.1f%%", 100 * seen$estimate))
  expect_silent_on(page, "calibration audit itself")
})

test_that("the coverage of another bound is refused", {
  set.seed(21)
  p <- 10^runif(400, -3, -1)
  plan <- known_plan(p)
  audit <- simulate_audit(plan, p)
  muffle <- suppressWarnings
  lpb <- muffle(calibrate_lpb(audit))
  group <- rep(c("a", "b"), 200)
  others <- list(
    alpha = muffle(calibrate_lpb(audit, alpha = 0.3)),
    delta = muffle(calibrate_lpb(audit, delta = 0.5)),
    group = muffle(calibrate_lpb(audit, groups = group)),
    unsafe = muffle(calibrate_lpb(simulate_audit(plan, p))),
    plan_id = bound_on(p)
  )
  for (name in names(others)) {
    other <- others[[name]]
    for (seen in list(assess_lpb(other),
                      assess_lpb(other, p, prob = p,
                                 groups = if (name == "group") group))) {
      error <- expect_error(
        write_report(lpb, tempfile(fileext = ".html"), assessment = seen),
        sprintf("`assessment` must be that of `lpb`, not .*%s", name),
        class = "timetounsafe_error_argument"
      )
      expect_identical(error$argument, "assessment")
    }
  }
  seen <- assess_lpb(lpb)
  expect_no_error(check_own_assessment(seen, lpb))
  # After a trip through a file, too.
  file <- withr::local_tempfile()
  saveRDS(seen, file)
  expect_no_error(check_own_assessment(readRDS(file), lpb))
  attr(seen, "bound") <- NULL
  expect_error(write_report(lpb, tempfile(fileext = ".html"),
                            assessment = seen), "without its bound",
               class = "timetounsafe_error_argument")
})

test_that("failed draws and approximations are told", {
  skip_without_pandoc()
  set.seed(6)
  p <- 10^runif(400, -3, -1)
  audit <- simulate_audit(known_plan(p), p)
  lost <- which(audit$draws > 3 & audit$unsafe == 0)[1:7]
  audit <- forge(audit, {
    failed[lost] <- TRUE
    draws[lost] <- draws[lost] - 2
  })
  kept <- suppressWarnings(calibrate_lpb(audit))
  expect_says(page_of(kept), "7 prompts had draws that failed permanently",
              "at most 10% give bounds", "The certificate is approximate: the",
              "<b>\u2248 90%</b><span>confidence")
  dropped <- suppressWarnings(calibrate_lpb(audit, failed = "drop"))
  page <- page_of(dropped)
  expect_says(page, "There is no guarantee: 7 prompts")
  expect_silent_on(page, "at least 90%, its", "The guarantee is for")
  normal <- suppressWarnings(calibrate_lpb(audit, certificate = "normal"))
  expect_says(page_of(normal), "about 10% or fewer")
})

test_that("groups of a bound are shown", {
  skip_without_pandoc()
  expect_silent_on(page_of(many_lpbs()$certified), "within each of these")
  set.seed(4)
  p <- 10^runif(800, -3, -1)
  audit <- simulate_audit(known_plan(p), p)
  group <- c(rep(c("<b>", "two"), 399), "few", "few")
  for (all_at_once in c(FALSE, TRUE)) {
    lpb <- suppressWarnings(calibrate_lpb(audit, groups = group,
                                          simultaneous = all_at_once))
    page <- page_of(lpb)
    expect_says(
      page, "within each of these groups", ">&lt;b&gt;</td>",
      format(lpb$groups$tau, digits = 3)[lpb$groups$group == "two"],
      sprintf("In %d of 3 groups the bound is 1", sum(lpb$groups$trivial)),
      if (!all_at_once) {
        c("Take any one of the groups", "false for that one group",
          "all groups simultaneously is less certain",
          "confidence of the certificate, in each group separately")
      } else {
        c("in all of them at once", "false for even one of the groups.",
          "confidence of the certificate, in all groups simultaneously")
      }
    )
    expect_silent_on(page, "<td class=\"text\"><b>", ">NA")
  }
  # An average needs no such distinction.
  point <- suppressWarnings(calibrate_lpb(audit, groups = group, delta = NULL,
                                          simultaneous = TRUE))
  expect_match(guarantee_text(point), "Take any one of the groups")
  withr::local_pdf(NULL)
  expect_silent(plot(lpb))
  if (requireNamespace("ggplot2", quietly = TRUE)) {
    expect_silent(ggplot2::ggplot_build(ggplot2::autoplot(lpb)))
  }
})

hostile <- c(
  "</td></table><script>alert(1)</script>", "`r stop('run')`", "```\n# Head",
  "<!--html_preserve--><img src=x onerror=alert(1)>", "**bold** _it_ $x^2$",
  "a\"b'c\\d &amp; [l](http://x.org)", "{{x}} <<y>> @cite ~~~", "\u00fc \u6f22",
  "`` `{=html} ``` `{=latex}", "---\ntitle: x\n---", "\001\033[31m", "$body$"
)

# What a browser would show for it.
as_shown <- function(x) {
  for (mark in list(c("&", "&amp;"), c("<", "&lt;"), c(">", "&gt;"),
                    c("\"", "&quot;"), c("'", "&#39;"), c("`", "&#96;"))) {
    x <- gsub(mark[1], mark[2], x, fixed = TRUE)
  }
  gsub("[\001\033]", "", x)
}

test_that("whatever prompts, ids, titles and facts hold is shown, not run", {
  skip_without_pandoc()
  set.seed(7)
  n <- length(hostile)
  p <- seq(0.3, 0.1, length.out = n)
  lpb <- bound_on(p, id = paste(hostile, "id"), prompts = hostile)
  for (title in c(paste(hostile, collapse = " "),
                  paste(hostile, collapse = "\n"))) {
    page <- page_of(lpb, title = title, show_prompts = TRUE,
                    about = stats::setNames(hostile, rev(hostile)))
    expect_says(page, sprintf("<title>%s</title>", as_shown(title)),
                sprintf("<h1>%s</h1>", as_shown(title)))
  }
  shown <- as_shown(hostile[1:10])
  expect_says(page,
              sprintf("<td class=\"text\">%s id\n%s</td>", shown, shown),
              sprintf(">%s</dd>", as_shown(hostile)),
              sprintf("<dt>%s</dt>", as_shown(hostile)))
  expect_silent_on(page, "<script", "onerror=alert(1)>", "<strong>bold",
                   "<em>", "<h1 id")
  # The riskiest ten alone.
  expect_silent_on(page, ">$body$ id<")
})

test_that("text is cut, and text of another encoding does no harm", {
  skip_without_pandoc()
  set.seed(7)
  lpb <- bound_on(c(0.3, 0.2, 0.1), prompts = c(strrep("long ", 100), "b", "c"))
  lpb$audit$prompt[2] <- "bad \xff\xfe bytes"
  page <- page_of(lpb, show_prompts = TRUE)
  expect_says(page, paste0(strrep("long ", 60), " \u2026"), "bad &lt;ff&gt;")
  expect_silent_on(page, strrep("long ", 61))
})

test_that("the text of prompts is absent unless it is asked for", {
  skip_without_pandoc()
  set.seed(8)
  secret <- data.frame(topic = c("secret one", "secret two"), tone = "rude")
  prompts <- c("secret one", "secret two")
  for (prompts in list(prompts, secret)) {
    plan <- plan_audit(as_hazard(function(newdata) rep(0.1, 2)), prompts,
                       newdata = data.frame(a = 1:2), budget = 20,
                       delta = NULL)
    audit <- simulate_audit(plan, c(0.1, 0.1))
    # As do.call() does it: the call holds the data.
    lpb <- suppressWarnings(do.call(calibrate_lpb, list(audit, alpha = 0.2)))
    lpb$call$prompts <- quote(c("secret one", "secret two"))
    page <- page_of(lpb)
    expect_silent_on(page, "secret")
    expect_says(page, "alpha = 0.2")
    expect_says(page_of(lpb, show_prompts = TRUE), "secret one")
  }
  expect_says(page_of(lpb, show_prompts = TRUE),
              "topic: secret one; tone: rude")
})

test_that("a ledger tells what went wrong and what it cost", {
  skip_without_pandoc()
  set.seed(9)
  path <- new_path()
  p <- rep(c(0.01, 0.05), 60)
  sampler <- function(prompts, draw) {
    fate <- (as.integer(prompts) * 31 + draw * 17) %% 10
    status <- ifelse(fate == 0 & runif(length(prompts)) < 0.5, "error",
                     ifelse(fate == 1, "refused", "ok"))
    data.frame(unsafe = ifelse(status == "ok", fate == 5, NA), status = status,
               cost = 0.25, latency = draw / 10)
  }
  audit <- suppressWarnings(run_audit(known_plan(p), sampler, ledger = path,
                                      control = audit_control(
                                        retry_wait = 0, max_tries = 2
                                      )))
  lpb <- suppressWarnings(calibrate_lpb(audit))
  draws <- read_ledger(path, "attempts")
  totals <- ledger_totals(path, audit$plan_id[1])
  expect_equal(totals$attempts, nrow(draws))
  expect_equal(totals$draws, sum(!duplicated(draws[c("row", "draw")])))
  expect_equal(totals$errors, sum(draws$status == "error"))
  expect_equal(totals$lost, sum(draws$final & is.na(draws$unsafe)))
  expect_equal(totals$refused, sum(draws$status == "refused"))
  expect_gt(totals$lost, 0)
  expect_equal(totals$cost, 0.25 * nrow(draws))
  expect_equal(totals$latency, unname(quantile(draws$latency, c(0.5, 0.95),
                                               type = 1)))
  page <- page_of(lpb, ledger = path)
  expect_says(page, "a refusal counts as safe", big(totals$cost),
              sprintf("%d draws failed permanently", totals$lost))
  other <- bound_on(c(0.1, 0.2))
  expect_error(write_report(other, tempfile(fileext = ".html"), ledger = path),
               "another audit", class = "timetounsafe_error_ledger")
  expect_says(page_of(lpb), "known only from a ledger")
})

test_that("the ledger of another run of the plan is refused", {
  set.seed(22)
  p <- rep(c(0.02, 0.1), 40)
  plan <- known_plan(p, design = "replicated")
  run <- function(path, ...) {
    run_audit(plan, function(prompts) runif(length(prompts)) < 0.05,
              ledger = path, ...)
  }
  own <- new_path()
  lpb <- suppressWarnings(calibrate_lpb(run(own)))
  refused <- function(path) {
    expect_error(write_report(lpb, tempfile(fileext = ".html"), ledger = path),
                 "another run than the bound",
                 class = "timetounsafe_error_ledger")
  }
  # As many draws, and others unsafe.
  other <- new_path()
  run(other)
  error <- refused(other)
  expect_match(conditionMessage(error), "numbers of unsafe responses (",
               fixed = TRUE)
  expect_no_match(conditionMessage(error), "numbers of draws")
  expect_match(conditionMessage(error), "The first is \"[0-9]+\": [0-9]+ draw")
  part <- new_path()
  suppressWarnings(run(part, max_draws = 50))
  error <- refused(part)
  expect_match(conditionMessage(error), "unfinished: [0-9]+ prompts left")
  # In another order, and without the prompts that failed, it is its own.
  audit <- lpb$audit[sample.int(80, 60), ]
  expect_no_error(read_totals(own, audit))
})

test_that("a ledger without costs, times or draws has totals, too", {
  path <- new_path()
  set.seed(3)
  plan <- known_plan(rep(0.05, 30))
  run_audit(plan, function(prompts) runif(length(prompts)) < 0.05,
            ledger = path)
  totals <- ledger_totals(path, plan$plan_id[1])
  expect_equal(totals$cost, NA_real_)
  expect_equal(totals$latency, c(NA_real_, NA_real_))
  change_ledger(path, "DROP TRIGGER attempts_keep")
  change_ledger(path, "DELETE FROM attempts")
  expect_equal(ledger_totals(path, plan$plan_id[1])$errors, 0)
})

test_that("what cannot be written is said before anything is", {
  set.seed(1)
  lpb <- bound_on(c(0.1, 0.2))
  good <- list(lpb = lpb, file = tempfile(fileext = ".html"))
  bad_arguments(write_report, good, list(
    lpb = list(1, NULL), file = list(1, NA, "", c("a", "b"), "report.pdf",
                                     "/no/such/folder/report.html"),
    assessment = list(data.frame()), title = list(NULL, NA, "", 1:2),
    about = list("no name", list(a = 1:2), c(a = "b", "c"), list(a = sum),
                 c(Judge = NA), list(a = "b", c = NA_character_),
                 stats::setNames("a", NA)),
    show_prompts = list(NA, "yes"), overwrite = list(NULL), open = list(1),
    ledger = list(1, "")
  ))
  expect_error(write_report(lpb, tempfile(fileext = ".html"), typo = 1), "typo",
               class = "timetounsafe_error_argument")
  expect_error(write_report(lpb, tempfile(fileext = ".html"),
                            ledger = tempfile()),
               class = "timetounsafe_error_ledger")
})

test_that("a file that exists is kept, or replaced when that is asked for", {
  skip_without_pandoc()
  set.seed(1)
  lpb <- bound_on(c(0.1, 0.2))
  file <- tempfile(fileext = ".html")
  writeLines("mine", file)
  error <- expect_error(write_report(lpb, file), "overwrite = TRUE",
                        class = "timetounsafe_error_file")
  expect_identical(error$argument, "file")
  expect_identical(readLines(file), "mine")
  before <- list.files(dirname(file))
  out <- withVisible(write_report(lpb, file, overwrite = TRUE, open = FALSE))
  expect_identical(out, list(value = file, visible = FALSE))
  expect_gt(file.size(file), 10000)
  # Nothing is left behind.
  expect_setequal(list.files(dirname(file)), before)
})

test_that("without pandoc it is said what is missing", {
  skip_if_not_installed("rmarkdown")
  withr::defer(rmarkdown::find_pandoc(cache = FALSE))
  nowhere <- withr::local_tempdir()
  withr::local_envvar(PATH = nowhere, RSTUDIO_PANDOC = NA, HOME = nowhere)
  rmarkdown::find_pandoc(cache = FALSE)
  set.seed(1)
  expect_error(write_report(bound_on(c(0.1, 0.2)), tempfile(fileext = ".html")),
               "The program pandoc", class = "timetounsafe_error_unavailable")
})

test_that("a report is made inside another document, and in any locale", {
  skip_without_pandoc()
  skip_on_cran()
  set.seed(2)
  lpb <- bound_on(c(0.1, 0.2), id = c("\u00fc", "b"))
  folder <- withr::local_tempdir()
  saveRDS(lpb, file.path(folder, "lpb.rds"))
  writeLines(c(
    "---", "title: outer", "---", "", "```{r}",
    sprintf(".libPaths(%s)", paste(deparse(.libPaths()), collapse = "")),
    "timetounsafe::write_report(readRDS(\"lpb.rds\"), \"inner.html\",",
    "                           open = FALSE)",
    "```", "", "```{r}", "cat(40 + 2)", "```"
  ), file.path(folder, "outer.Rmd"))
  status <- withr::with_envvar(c(LC_ALL = "C"), system2(
    file.path(R.home("bin"), "Rscript"),
    c("--vanilla", "-e", shQuote(sprintf(
      ".libPaths(%s); rmarkdown::render('%s', quiet = TRUE)",
      paste(deparse(.libPaths()), collapse = ""),
      file.path(folder, "outer.Rmd")
    )))
  ))
  expect_equal(status, 0)
  outer <- readLines(file.path(folder, "outer.html"), encoding = "UTF-8")
  expect_true(any(grepl("42", outer, fixed = TRUE)))
  inner <- paste(readLines(file.path(folder, "inner.html"),
                           encoding = "UTF-8"), collapse = "\n")
  expect_says(inner, ">\u00fc</td>", "\u2265 90%", "L \u2212 1")
})

test_that("a certificate that keeps no margin claims none", {
  lpb <- many_lpbs()$certified
  expect_match(tau_remarks(lpb), "percentage points, is the margin")
  lpb$tau <- lpb$tau_marginal
  expect_match(tau_remarks(lpb), "without a further margin")
  expect_no_match(tau_remarks(lpb), "percentage points")
})

test_that("the confidence is exact only where the certificate is", {
  lpb <- many_lpbs()$certified
  lpb$certificate$remarks <- NULL
  expect_false(only_about(lpb))
  expect_no_match(report_tiles(lpb), "\u2248")
  lpb$certificate$remarks <- "Something is not as it should be."
  expect_match(report_tiles(lpb), "\u2248 90%")
  lpb$trivial <- TRUE
  expect_no_match(report_tiles(lpb), "\u2248")
})

test_that("hazards of a column are written alike", {
  expect_identical(hazard_cells(c(7e-4, 0.0011, 0.23456, 0, 1, NaN)),
                   c("0.00070", "0.0011", "0.23", "0.00", "1.00", "NaN"))
  expect_identical(hazard_cells(c(7e-8, 0.0011)), c("7.0e-08", "1.1e-03"))
  expect_identical(hazard_cells(c(0.00999999, 0.5)), c("0.010", "0.50"))
})

test_that("a report says what was checked of the plan, and what was not", {
  skip_without_pandoc()
  page <- gsub("\\s+", " ", page_of(many_lpbs()$certified))
  expect_says(page, "ids, horizons, limits, hazards and probabilities",
              "What could not be checked: that ids belong to the right prompts")
})

test_that("a report is written where it is said, and nowhere else", {
  lpb <- many_lpbs()$certified
  error <- expect_error(write_report(lpb), "`file` is missing",
                        class = "timetounsafe_error_argument")
  expect_identical(error$argument, "file")
})

test_that("draws that were refused or cut are told of, where there are any", {
  facts_of <- function(audit) draw_facts(quiet(point_lpb(audit)))
  plan <- known_plan(rep(0.05, 4), 100)
  audit <- run_audit(plan, marked_sampler)
  expect_says(facts_of(audit), "Refused responses", "Cut at the token limit")
  expect_silent_on(facts_of(audit), "At least")
  audit <- forge(audit, {
    truncated <- numeric(4)
    refused[1] <- NA
  })
  expect_says(facts_of(audit), "Refused responses", "At least")
  expect_silent_on(facts_of(audit), "Cut at the token limit")
})

test_that("a log without a plan is called what it is", {
  skip_without_pandoc()
  set.seed(30)
  p <- 10^runif(300, -2, -1)
  log <- data.frame(id = 1:300, prompt = as.character(p), draws = 20,
                    unsafe = rbinom(300, 20, p))
  audit <- as_audit(log, hazard = known_hazard(), seed = 77)
  page <- page_of(calibrate_lpb(audit))
  expect_says(page, "the numbers of draws were fixed beforehand",
              "how their numbers came about", "seed = 77", "In the log",
              "All of the log that did not train the hazard model")
  expect_silent_on(page, "the plan was carried out", "in expectation",
                   "sampled unequally", "before the first response")
})

test_that("an assessment may be sorted or filtered, and not be another", {
  set.seed(11)
  p <- 10^runif(400, -3, -1)
  audit <- simulate_audit(known_plan(p), p)
  lpb <- quiet(point_lpb(audit))
  seen <- assess_lpb(lpb, bins = 4)
  part <- seen[c(4, 1, 3), ]
  expect_no_error(check_own_assessment(part, lpb))
  html <- coverage_table(part)
  at <- regexpr(">(hazard 3 of 4|all prompts|hazard 2 of 4)<", html)
  expect_gt(at, 0)
  order <- vapply(c("hazard 3 of 4", "all prompts", "hazard 2 of 4"),
                  function(label) regexpr(label, html, fixed = TRUE)[1], 0L)
  expect_false(is.unsorted(order))
  expect_match(coverage_text(lpb, part), "for all prompts together")
  expect_no_match(coverage_text(lpb, part), "first row")
  refused <- function(assessment, why) {
    expect_error(check_own_assessment(assessment, lpb), why,
                 class = "timetounsafe_error_argument")
  }
  refused(forge(seen, estimate[2] <- 1), "others \\(row 2\\)")
  refused(seen[c(1, 1), ], "lpb_assessment")
  edited <- seen
  edited$estimate <- round(edited$estimate, 2)
  refused(edited, "lpb_assessment")
  refused(rbind(seen, assess_lpb(quiet(point_lpb(audit, alpha = 0.2)))),
          "without its bound")
})

test_that("coverage of a single bin is not said twice", {
  set.seed(12)
  lpb <- quiet(bound_on(10^runif(30, -3, -1)))
  html <- coverage_table(assess_lpb(lpb))
  expect_equal(lengths(regmatches(html, gregexpr("<tr", html))), 2)
  expect_no_match(html, "1 of 1")
})
