story_sampler <- function(prompts) {
  runif(length(prompts)) < ifelse(grepl("rude|cruel", prompts), 0.15, 0.01)
}

test_that("one call goes from prompts and a sampler to a bound", {
  set.seed(1)
  lpb <- suppressWarnings(time_to_unsafe(stories(), story_sampler, budget = 20))
  expect_s3_class(lpb, "lpb")
  expect_s3_class(lpb$training, "prompt_draws")
  expect_equal(lpb$nobs, 150)
  expect_equal(nrow(lpb$training), 150)
  expect_equal(unique(lpb$training$draws), 20)
  expect_length(intersect(lpb$training$id, lpb$audit$id), 0)
  calm <- predict(lpb, "Tell me a calm story 7")
  cruel <- predict(lpb, "Tell me a cruel story 8")
  expect_gt(calm, cruel)
})

test_that("it is the verbs one by one, and set.seed() reproduces it", {
  prompts <- stories()
  set.seed(2)
  a <- suppressWarnings(time_to_unsafe(prompts, story_sampler, budget = 10))
  set.seed(2)
  b <- suppressWarnings(time_to_unsafe(prompts, story_sampler, budget = 10))
  expect_identical(a$tau, b$tau)
  expect_identical(a$audit$time, b$audit$time)
})

test_that("its bound covers held-out prompts", {
  skip_on_cran()
  set.seed(3)
  coverage <- replicate(15, {
    prompts <- stories(700)
    lpb <- suppressWarnings(
      time_to_unsafe(prompts[1:600], story_sampler, budget = 20)
    )
    test <- prompts[601:700]
    p <- ifelse(grepl("rude|cruel", test), 0.15, 0.01)
    mean((1 - p)^(predict(lpb, test) - 1))
  })
  # A calibration with 300 prompts has a standard deviation of about 0.02.
  expect_lt(abs(mean(coverage) - 0.9), 4 * 0.02 / sqrt(15) + 0.01)
})

test_that("features, ids and settings are passed on", {
  set.seed(4)
  prompts <- setNames(stories(100), paste0("id", 1:100))
  x <- cbind(rude = as.numeric(grepl("rude|cruel", prompts)))
  lpb <- suppressWarnings(time_to_unsafe(
    prompts, story_sampler, 10, x = x, train = 0.3, train_draws = 15,
    splines = 0, design = "trimmed", cap = 500
  ))
  expect_equal(lpb$nobs, 70)
  expect_equal(lpb$design, "trimmed")
  expect_equal(lpb$cap, 500)
  expect_true(all(lpb$audit$id %in% names(prompts)))
  expect_length(predict(lpb, x[1:3, , drop = FALSE]), 3)
})

test_that("a log can be the sampler of the whole way", {
  set.seed(43)
  log <- as_response_log(data.frame(
    id = rep(sprintf("p%d", 1:120), each = 16),
    unsafe = runif(120 * 16) < rep(c(0.02, 0.4), each = 16)
  ))
  run <- function(...) {
    set.seed(44)
    quiet(time_to_unsafe(unique(log$id), sampler_replay(log, seed = 1), 12,
                         x = cbind(rep(0:1, 60)), ...))
  }
  error <- expect_error(run(cap = 17), "max_limit = 16",
                        class = "timetounsafe_error_exhausted")
  expect_s3_class(error$training, "prompt_draws")
  audit <- run(max_limit = 16)$audit
  expect_identical(max(audit$limit), 16)
  expect_lte(audit$cap[1], 17)
})

test_that("a sampler that is always safe gives a usable bound", {
  set.seed(5)
  warned <- character()
  lpb <- withCallingHandlers(
    time_to_unsafe(stories(60), function(p) rep(FALSE, length(p)), 20),
    warning = function(w) {
      warned <<- c(warned, class(w)[1])
      invokeRestart("muffleWarning")
    }
  )
  # Safe up to the cap, which so few prompts can certify.
  expect_setequal(warned, c("timetounsafe_warning_constant_hazard",
                            "timetounsafe_warning_tau_max"))
  expect_true(all(augment(lpb)$.pred_lower == lpb$cap))
})

test_that("everything that can be wrong is found before a draw is paid for", {
  paid <- 0
  sampler <- function(prompts) {
    paid <<- paid + length(prompts)
    rep(FALSE, length(prompts))
  }
  good <- list(prompts = stories(40), sampler = sampler, budget = 10)
  bad_arguments(time_to_unsafe, good, list(
    prompts = list(NULL, 1:40, stories(5), c(stories(40), NA)),
    sampler = list(NULL, "f"),
    budget = list(NULL, 0, NA, "a"),
    x = list(1:3),
    train = list(0, 1, NA), train_draws = list(0, 1.5, NA),
    alpha = list(0, 1, NA), delta = list(0, 1, NA), tau_max = list(0, 2),
    engine = list("forest"), design = list("best"),
    max_draws = list(-1, NA), max_seconds = list("a"), max_cost = list(NULL),
    control = list(64)
  ))
  expect_equal(paid, 0)
  expect_error(time_to_unsafe(data.frame(a = 1:40), sampler, 10), "`x`",
               class = "timetounsafe_error_argument")
})

test_that("an interrupted run keeps its draws in the error", {
  calls <- 0
  sampler <- function(prompts) {
    calls <<- calls + 1
    if (calls == 4) rlang::interrupt()
    rep(FALSE, length(prompts))
  }
  error <- tryCatch(
    suppressWarnings(time_to_unsafe(stories(60), sampler, 20)),
    error = identity
  )
  expect_s3_class(error, "timetounsafe_error_unfinished")
  expect_identical(error$reason, "interrupted")
  expect_equal(sum(error$audit$draws), 3 * 64)
})

test_that("a limit counts both runs, and keeps what was drawn", {
  set.seed(31)
  prompts <- stories(60)
  run <- function(...) {
    suppressWarnings(time_to_unsafe(prompts, steady_sampler, 10, ...))
  }
  limited <- function(..., reason) {
    error <- expect_error(run(...), sprintf("`%s` was reached", reason),
                          class = "timetounsafe_error_unfinished")
    expect_identical(error$reason, reason)
    error
  }
  early <- limited(max_draws = 100, reason = "max_draws")
  expect_match(conditionMessage(early), "draws for training")
  expect_equal(sum(early$audit$draws), 100)
  expect_null(early$training)
  # 300 draws of 30 prompts train, which leaves 50.
  late <- limited(max_draws = 350, reason = "max_draws")
  expect_match(conditionMessage(late), "draws for calibration")
  expect_equal(sum(late$training$draws), 300)
  expect_equal(sum(late$audit$draws, late$audit$unused,
                   length(attr(late$audit, "early")$draw)), 50)
  limited(max_seconds = 0, reason = "max_seconds")
  # What the error holds can be resumed.
  audit <- suppressWarnings(run_audit(late$audit, steady_sampler))
  expect_s3_class(suppressWarnings(calibrate_lpb(audit)), "lpb")

  priced <- function(prompts, draw) {
    data.frame(unsafe = steady_sampler(prompts, draw), cost = 0.5)
  }
  error <- tryCatch(
    suppressWarnings(time_to_unsafe(prompts, priced, 10, max_cost = 160,
                                    control = audit_control(batch_size = 10))),
    error = identity
  )
  expect_identical(error$reason, "max_cost")
  expect_equal(sum(error$audit$draws, error$audit$unused), 20)
})

test_that("failures beyond max_error_rate end it", {
  flaky <- function(prompts, draw) {
    ifelse((nchar(prompts) + draw) %% 4 == 0, NA, FALSE)
  }
  expect_error(
    time_to_unsafe(stories(60), flaky, 10,
                   control = audit_control(retry_wait = 0,
                                           max_error_rate = 0.1)),
    "more than `max_error_rate`", class = "timetounsafe_error_sampler"
  )
})

test_that("arguments of the single steps are told from settings", {
  paid <- 0
  sampler <- function(prompts) paid <<- paid + 1
  for (given in list(list(certificate = FALSE), list(groups = "a"),
                     list(reference = FALSE), list(failed = "drop"))) {
    error <- expect_error(
      do.call(time_to_unsafe, c(list(stories(40), sampler, 10), given)),
      paste0("`", names(given), "`"), class = "timetounsafe_error_argument"
    )
    expect_match(conditionMessage(error), "Take the steps one by one")
  }
  expect_equal(paid, 0)
})

test_that("rows are split, copies of a prompt like any others", {
  set.seed(33)
  prompts <- sample(rep(stories(40), times = rep(1:4, 10)))
  lpb <- suppressWarnings(time_to_unsafe(prompts, steady_sampler, 10))
  expect_equal(nrow(lpb$training), 50)
  expect_gt(length(intersect(lpb$training$prompt, lpb$audit$prompt)), 5)
  expect_identical(lpb$target, "rows")
  # One prompt alone has nothing to learn from, and can be calibrated.
  sampler <- function(prompts, draw) draw %% 10 == 0
  lpb <- suppressWarnings(time_to_unsafe(rep("a", 60), sampler, 10,
                                         x = matrix(0, 60)))
  expect_equal(lpb$nobs, 30)
})

# bench/targets.R has the same at length.
test_that("rows split at random are valid for traffic that repeats itself", {
  skip_on_cran()
  set.seed(36)
  n <- 600
  new_rows <- function(n, template) {
    signal <- rnorm(n)
    list(x = cbind(signal, outer(template, 1:10, "==") + 0),
         p = 10^pmin(-0.3, -2 + 0.3 * signal + 0.7 * rnorm(n)))
  }
  false <- replicate(60, {
    # Ten templates are 70% of the rows, the others occur once.
    own <- new_rows(n, rep(0, n))
    common <- new_rows(10, 1:10)
    text <- ifelse(runif(n) < 0.7, sample(10, n, replace = TRUE), 10 + 1:n)
    x <- rbind(common$x, own$x)[text, ]
    p <- c(common$p, own$p)[text]
    new <- new_rows(2000, rep(0, 2000))
    miss <- function(lpb, rows) {
      mean(1 - (1 - rows$p)^(predict(lpb, rows$x) - 1))
    }
    distinct <- unique(text)
    split <- list(training_rows(NULL, 1:n, 0.5, NULL),
                  which(text %in% sample(distinct, length(distinct) / 2)))
    quiet(vapply(split, function(at) {
      fit <- fit_hazard(x[at, ], counts(rbinom(length(at), 20, p[at]), 20))
      plan <- plan_audit(fit, as.character(text[-at]), 20, x[-at, ])
      lpb <- calibrate_lpb(simulate_audit(plan, p[-at]))
      0.7 * miss(lpb, common) + 0.3 * miss(lpb, new) > 0.1
    }, NA))
  })
  # Monte Carlo standard error: 0.039 at 0.1, 0.057 at 0.27.
  expect_lt(mean(false[1, ]), 0.1 + 3 * 0.039)
  expect_gt(mean(false[2, ]), 0.27 - 3 * 0.057)
})

test_that("clusters train or calibrate as a whole, and resume so", {
  set.seed(34)
  prompts <- stories(90)
  cluster <- rep(paste("family", 1:30), each = 3)
  path <- file.path(withr::local_tempdir(), "a.sqlite")
  run <- function(cluster, ...) {
    suppressWarnings(time_to_unsafe(prompts, steady_sampler, 10,
                                    cluster = cluster, train = 0.4,
                                    ledger = path, ...))
  }
  expect_error(run(cluster, max_draws = 100),
               class = "timetounsafe_error_unfinished")
  expect_error(run(rev(seq_along(prompts)) %/% 2), "other clusters",
               class = "timetounsafe_error_ledger")
  lpb <- run(cluster)
  expect_equal(nrow(lpb$training), 36)
  expect_length(intersect(cluster[lpb$training$id], lpb$audit$cluster), 0)
  expect_identical(lpb$audit$cluster, cluster[lpb$audit$id])
  expect_identical(lpb$target, "clusters")
  expect_identical(run(cluster)$tau, lpb$tau)
  expect_error(run(NULL), "other clusters",
               class = "timetounsafe_error_ledger")
  paid <- 0
  sampler <- function(prompts) paid <<- paid + 1
  bad_arguments(time_to_unsafe, list(prompts, sampler, 10, cluster = cluster),
                list(cluster = list(1:3, rep("a", 90), c(NA, cluster[-1])),
                     cluster_size = list(2, 0, "a")))
  expect_equal(paid, 0)
  lpb <- suppressWarnings(time_to_unsafe(
    prompts, steady_sampler, 10, cluster = cluster, cluster_size = 4
  ))
  expect_identical(lpb$target, "clustered rows")
})

test_that("its hazard knows the rows that trained it", {
  set.seed(35)
  prompts <- stories(80)
  lpb <- suppressWarnings(time_to_unsafe(prompts, steady_sampler, 10))
  first <- lpb$training$id
  expect_error(plan_audit(lpb$hazard, prompts[first], 10, id = first),
               "ids and prompts", class = "timetounsafe_error_argument")
})

test_that("features, levels and settings are tried before a draw is made", {
  set.seed(37)
  paid <- 0
  sampler <- function(prompts) {
    paid <<- paid + 1
    rep(FALSE, 60)
  }
  refused <- function(argument, ...) {
    error <- expect_error(time_to_unsafe(stories(60), sampler, 10, ...),
                          class = "timetounsafe_error")
    expect_identical(error$argument, argument)
  }
  missing <- data.frame(a = replace(rnorm(60), 17, NA))
  refused("x", x = missing)
  refused("x", x = as.matrix(missing))
  refused("x", x = data.frame(id = sprintf("id%d", 1:60)))
  refused("x", x = matrix(numeric(), 60, 0))
  refused("penalty", x = rnorm(60), penalty = -1)
  refused("hidden", engine = "mlp", hidden = 0)
  refused("splines", splines = "many")
  expect_equal(paid, 0)
})

test_that("the rehearsal moves no random number, and warns of nothing", {
  x <- cbind(rnorm(60))
  drawn <- function(cap) {
    set.seed(38)
    time_to_unsafe(stories(60), steady_sampler, 10, x = x, cap = cap)
  }
  # Whatever the rehearsal plans, the split and the draws that train are these.
  a <- suppressWarnings(drawn(5))
  b <- suppressWarnings(drawn(50))
  expect_identical(a$training, b$training)
})

test_that("every later error keeps the draws that trained", {
  set.seed(39)
  calls <- 0
  broken <- function(prompts) {
    calls <<- calls + 1
    if (calls > 5) stop("service down")
    seq_along(prompts) %% 10 == 0
  }
  run <- function(sampler, ...) {
    suppressWarnings(time_to_unsafe(
      stories(60), sampler, 10, control = audit_control(retry_wait = 0), ...
    ))
  }
  error <- expect_error(run(broken), "service down",
                        class = "timetounsafe_error_sampler")
  expect_s3_class(error$training, "prompt_draws")
  expect_equal(sum(error$training$draws), 300)
  expect_s3_class(error$audit, "audit")
  # Whatever the error, and where it has such a field itself, that.
  error <- tryCatch(keep_drawn(stop("late"), function() list(training = 1)),
                    error = identity)
  expect_identical(error$training, 1)
  expect_identical(conditionMessage(error), "late")
  error <- tryCatch(
    keep_drawn(stop_classed("audit", "late", audit = 2),
               function() list(training = 1, audit = NULL)),
    timetounsafe_error_audit = identity
  )
  expect_identical(error[c("training", "audit")], list(training = 1, audit = 2))
})

test_that("`x = prompts` takes columns of text", {
  set.seed(40)
  prompts <- data.frame(prompt = stories(120), lang = c("en", "de"))
  by_text <- function(prompts, draw) steady_sampler(prompts$prompt, draw)
  lpb <- suppressWarnings(time_to_unsafe(prompts, by_text, 20, x = prompts))
  new <- data.frame(prompt = paste("Tell me a", c("calm", "cruel"), "story 7"),
                    lang = "en")
  bound <- predict(lpb, new)
  expect_gt(bound[1], bound[2])
})
