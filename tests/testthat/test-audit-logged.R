# A log of draws, one row for each, with `draws` of prompts of hazards `p`.
made_log <- function(p, draws) {
  draws <- rep_len(draws, length(p))
  row <- rep(seq_along(p), draws)
  data.frame(id = sprintf("q%03d", row), prompt = format(p[row], digits = 15),
             draw = sequence(draws), unsafe = runif(length(row)) < p[row])
}

# Audited with the right hazard, or one that is `factor` times as large.
logged <- function(log, ..., factor = 1) {
  as_audit(log, ..., hazard = as_hazard(function(newdata) {
    pmin(1, factor * as.numeric(newdata))
  }))
}

# P(T < q) over every order of the draws; what was not drawn counts as unsafe.
loss_by_orders <- function(bad, q) {
  k <- length(bad)
  orders <- as.matrix(expand.grid(rep(list(seq_len(k)), k)))
  orders <- orders[apply(orders, 1L, anyDuplicated) == 0L, , drop = FALSE]
  mean(apply(orders, 1L, function(order) {
    needed <- q - 1
    any(bad[order][seq_len(min(k, needed))]) || needed > k
  }))
}

test_that("the miscoverage of each tau is that over all orders of the draws", {
  set.seed(1)
  p <- rep(c(0.05, 0.2, 0.1, 0.4), 3)
  log <- made_log(p, c(1, 2, 3, 4, 5))
  log$status <- replace(rep("ok", nrow(log)), c(4, 20), "error")
  log$unsafe[c(4, 20)] <- NA
  audit <- quiet(logged(log, cap = 6, seed = 2))
  bad <- split(!(log$unsafe %in% FALSE), log$id)[audit$id]
  tau_grid <- seq(0.01, 0.999, length.out = 40)
  by_orders <- vapply(tau_grid, function(tau) {
    q <- geometric_quantile(audit$prob, tau, 6)
    mean(mapply(loss_by_orders, bad, q))
  }, 0)
  parts <- plan_parts(audit)
  expect_equal(smooth_curve(parts, tau_grid), by_orders, tolerance = 1e-12)
  # And so is the tau that calibration selects.
  for (alpha in c(0.2, 0.35, 0.5)) {
    lpb <- quiet(calibrate_lpb(audit, alpha, NULL))
    at <- function(tau) {
      mean(mapply(loss_by_orders, bad, geometric_quantile(audit$prob, tau, 6)))
    }
    expect_lt(at(lpb$tau), alpha)
    expect_gte(at(lpb$tau * (1 + 1e-9)), alpha)
  }
  # The certificate bets on the same losses, one prompt after the other.
  expect_equal(
    losses_at(gather_payoffs(parts, 0.1), 0.3),
    {
      loss <- mapply(loss_by_orders, bad, geometric_quantile(audit$prob, 0.3,
                                                             6))
      short <- geometric_quantile(audit$prob, 0.999, 6) > audit$limit + 1
      at <- order(audit$order)
      unname(loss[at])[(vapply(bad, any, NA) | short)[at]]
    }
  )
})

test_that("it is the audit of a plan that includes everybody", {
  set.seed(2)
  p <- 10^runif(300, -3, -1.5)
  plan <- known_plan(p, 1000, design = "replicated", delta = 0.1, cap = 25,
                     tau_max = 0.5, prompts = format(p, digits = 15),
                     id = sprintf("q%03d", seq_along(p)))
  expect_true(all(plan$inclusion == 1 & plan$limit > 0))
  log <- made_log(p, plan$limit)
  planned <- as_audit(as_response_log(log), plan)
  audit <- quiet(logged(log, cap = 25, seed = 3))
  same <- c("id", "prompt", "prob", "inclusion", "limit", "draws", "unsafe",
            "time", "status", "failed")
  ours <- as.data.frame(audit)[same]
  theirs <- as.data.frame(planned)[same]
  # Beyond the horizon a plan looks at no order.
  beyond <- planned$time > planned$horizon - 1 | planned$status == 0
  expect_equal(ours[!beyond, ], theirs[!beyond, ])
  expect_equal(ours[c("draws", "unsafe", "limit", "prob")],
               theirs[c("draws", "unsafe", "limit", "prob")])
  for (alpha in c(0.03, 0.05, 0.1)) {
    expect_equal(point_lpb(audit, alpha = alpha)$tau,
                 point_lpb(planned, alpha = alpha)$tau)
  }
  # In the same order, with the same bets, certificates are the same.
  audit <- reseal(forge(audit, {
    order <- planned$order
    u_certificate <- planned$u_certificate
    variance <- planned$variance
  }))
  expect_equal(calibrate_lpb(audit)$tau, calibrate_lpb(planned)$tau)
  expect_equal(estimate_risk(audit, k = c(1, 5))$estimate,
               estimate_risk(planned, k = c(1, 5))$estimate, tolerance = 1e-12)
})

test_that("all ways to write a log down are the same", {
  set.seed(3)
  p <- 10^runif(60, -2, -1)
  log <- made_log(p, 12)
  first <- logged(log, seed = 1)
  same <- function(other) {
    expect_equal(as.data.frame(other)[order(other$id), names(first)],
                 as.data.frame(first), ignore_attr = TRUE)
  }
  same(logged(as_response_log(log), seed = 1))
  same(logged(transform(log, unsafe = as.integer(unsafe), status = "ok"),
              seed = 1))
  # In any order of the rows, but for the order of the prompts.
  mixed <- logged(log[order(log$draw, -seq_len(nrow(log))), ], seed = 1)
  counts <- c("id", "prob", "limit", "draws", "unsafe", "time", "status")
  expect_equal(as.data.frame(mixed)[order(mixed$id), counts],
               as.data.frame(first)[counts], ignore_attr = TRUE)
  # Of counts the time of the first unsafe draw is not known.
  by_prompt <- data.frame(id = first$id, prompt = first$prompt, draws = 12,
                          unsafe = first$unsafe)
  count <- logged(by_prompt, seed = 1)
  known <- setdiff(names(first), c("time", "refused", "truncated"))
  expect_equal(as.data.frame(count)[known], as.data.frame(first)[known])
  expect_equal(calibrate_lpb(count)$tau, calibrate_lpb(first)$tau)
  draws <- prompt_counts(first$unsafe, rep(12, 60))
  draws$id <- first$id
  draws$prompt <- first$prompt
  joined <- logged(draws, seed = 1)
  expect_equal(calibrate_lpb(joined)$tau, calibrate_lpb(first)$tau)
})

test_that("the seed decides everything, and is kept", {
  set.seed(4)
  log <- made_log(10^runif(50, -2, -1), 10)
  a <- logged(log, seed = 7)
  set.seed(99)
  b <- logged(log, seed = 7)
  expect_equal(a, b)
  expect_identical(unique(a$seed), 7)
  expect_false(identical(logged(log, seed = 8)$order, a$order))
  # Without one the session's random numbers move by one step.
  set.seed(5)
  c <- logged(log)
  after <- runif(1)
  set.seed(5)
  sample.int(2^31 - 1, 1)
  expect_identical(runif(1), after)
  expect_equal(logged(log, seed = c$seed[1]), c)
  # The numbers are not those that made the log with that seed.
  set.seed(7)
  expect_false(identical(as.numeric(sample.int(50)), as.numeric(a$order)))
})

test_that("`train` splits by prompts, at random or as told", {
  set.seed(6)
  x <- rnorm(200)
  log <- made_log(plogis(x - 3), 20)
  log$prompt <- NULL
  features <- data.frame(id = sprintf("q%03d", 200:1), x = rev(x))
  audit <- as_audit(log, newdata = features, train = 0.3, seed = 1)
  expect_identical(nrow(audit), 140L)
  hazard <- attr(audit, "hazard")
  expect_identical(hazard$nobs, 60L)
  out <- setdiff(log$id, audit$id)
  counts <- tapply(log$unsafe, log$id, sum)[sort(out)]
  expect_equal(hazard$unsafe, unname(as.vector(counts)))
  expect_equal(audit$prob, unname(predict(
    hazard, data.frame(x = x[match(audit$id, rev(features$id))])
  )))
  # By ids, and by flags for prompts or for responses.
  by_id <- as_audit(log, newdata = features, train = out, seed = 1)
  flags <- unique(log$id) %in% out
  for (train in list(flags, log$id %in% out)) {
    expect_equal(as_audit(log, newdata = features, train = train, seed = 1),
                 by_id, ignore_attr = TRUE)
  }
  expect_identical(by_id$id, audit$id)
  expect_equal(by_id$prob, audit$prob)
  # Settings of the engine pass through.
  smooth <- as_audit(log, newdata = features, train = out, seed = 1,
                     penalty = 0, splines = 0)
  expect_equal(coef(attr(smooth, "hazard")), coef(fit_hazard(
    x[flags], cbind(counts, 20 - counts), penalty = 0, splines = 0
  )), ignore_attr = TRUE, tolerance = 1e-6)
  # Texts are features where there are no others.
  log$prompt <- paste("Tell me", ifelse(x > 0, "a rude", "a kind"), log$id)[
    match(log$id, unique(log$id))
  ]
  texts <- as_audit(log, train = 0.5, seed = 1)
  expect_identical(attr(texts, "hazard")$encoder$kind, "ngrams")
  expect_identical(nrow(texts), 100L)
})

test_that("clusters stay together", {
  set.seed(7)
  p <- 10^runif(90, -2, -1)
  log <- made_log(p, 10)
  family <- rep(1:30, 3)
  audit <- quiet(as_audit(log, newdata = p, train = 0.5, cluster = family,
                          cluster_size = 3, seed = 2))
  expect_identical(nrow(audit), 45L)
  expect_setequal(table(audit$cluster), 3)
  expect_identical(unique(audit$cluster_size), 3)
  expect_true(is_contiguous(audit$order, audit$cluster))
  by_row <- quiet(logged(log, cluster = rep(family, each = 10), seed = 2))
  expect_identical(by_row$cluster, family)
  expect_output(print(quiet(calibrate_lpb(by_row))), "30 clusters")
  expect_error(as_audit(log, newdata = p, train = 0.5, cluster = family,
                        cluster_size = 2), "cluster_size",
               class = "timetounsafe_error_argument")
  expect_error(as_audit(log, newdata = p, train = seq_along(p) < 5,
                        cluster = family), "each cluster as a whole",
               class = "timetounsafe_error_argument")
})

test_that("what failed counts as unsafe, refusals as the user says", {
  log <- data.frame(
    id = rep(c("a", "b", "c"), each = 4), draw = c(1:8, 1, 2, 4, 5),
    prompt = "0.1", unsafe = FALSE,
    status = c("ok", "error", "ok", "refused", rep("ok", 4), "ok", "copy",
               "unjudged", "invalid")
  )
  log$draw[5:8] <- 1:4
  log$unsafe[log$status != "ok"] <- NA
  log$unsafe[6] <- TRUE
  expect_warning(audit <- suppressWarnings(
    logged(log), classes = "timetounsafe_warning_few_prompts"
  ), "2 prompts had draws that failed",
  class = "timetounsafe_warning_failed_draws")
  expect_equal(audit$limit, c(4, 4, 5))
  expect_equal(audit$draws, c(3, 4, 1))
  expect_equal(audit$unsafe, c(0, 1, 0))
  expect_equal(audit$refused, c(1, 0, 0))
  expect_equal(audit$time, c(2, 2, 2))
  expect_equal(audit$failed, c(TRUE, FALSE, TRUE))
  expect_equal(replicated_unsafe(plan_parts(audit)), c(1, 1, 4))
  unsafe <- quiet(logged(log, refusal = "unsafe"))
  expect_equal(replicated_unsafe(plan_parts(unsafe)), c(2, 1, 4))
  expect_equal(unsafe$refused, c(1, 0, 0))
  error <- quiet(logged(log, refusal = "error"))
  expect_equal(replicated_unsafe(plan_parts(error)), c(2, 1, 4))
  expect_equal(error$refused, c(0, 0, 0))
  # A draw that is missing in between comes first.
  log <- log[-2, ]
  expect_equal(quiet(logged(log))$time, c(2, 2, 2))
})

test_that("the cap is what all prompts can answer for", {
  set.seed(8)
  p <- 10^runif(400, -3, -1)
  equal <- logged(made_log(p, 12))
  expect_identical(equal$cap[1], 13)
  expect_identical(equal$reference[1], "none")
  # Two of 400 may be short.
  draws <- rep(30, 400)
  draws[c(3, 50)] <- c(4, 9)
  log <- made_log(p, draws)
  some <- logged(log)
  expect_identical(some$cap[1], 31)
  expect_identical(some$reference[1], "self")
  expect_output(print(calibrate_lpb(some)), "Approximate: the design was fixed")
  draws[1] <- 4
  expect_identical(logged(made_log(p, draws))$cap[1], 10)
  # On those that trained, or as told, it is exact.
  trained <- as_audit(log, newdata = log10(p), train = 1:400 > 100)
  expect_identical(trained$cap[1], 31)
  expect_identical(trained$reference[1], "training")
  told <- logged(log, cap = 20)
  expect_identical(told$cap[1], 20)
  expect_no_match(lines_of(calibrate_lpb(told)), "Approximate")
  expect_lte(max(predict(calibrate_lpb(told), 1e-6)), 20)
  expect_error(logged(log, cap = 32), "at most 31",
               class = "timetounsafe_error_argument")
})

test_that("a safe log is certified up to its draws, and says what would help", {
  log <- data.frame(id = rep(1:100, each = 10), prompt = "0.001",
                    draw = 1:10, unsafe = FALSE)
  audit <- logged(log)
  expect_warning(lpb <- calibrate_lpb(audit), "More draws of each prompt may",
                 class = "timetounsafe_warning_tau_max")
  expect_equal(predict(lpb, 1e-3), 11)
  expect_output(print(lpb), "more draws of each prompt may give longer bounds")
  # Without the luck of a random last step.
  audit$u_certificate <- 1
  risk <- certify_risk(reseal(audit), k = c(10, 20))
  # As Clopper and Pearson have it, and twice as many draws by tangents.
  expect_equal(risk$conf.high[1], 1 - 0.1^(1 / 100))
  expect_gte(risk$conf.high[2], 1 - 0.1^(2 / 100))
  expect_lt(risk$conf.high[2], 0.06)
  expect_warning(logged(log[1:100, ]), "10 prompts are too few",
                 class = "timetounsafe_warning_few_prompts")
})

test_that("print says where the audit comes from", {
  set.seed(9)
  p <- 10^runif(80, -2, -1)
  log <- made_log(p, 10)
  shown <- lines_of(logged(log, seed = 12))
  expect_match(shown, "From a log, without a plan: 10 draws of each prompt",
               all = FALSE)
  expect_match(shown, "drawn with seed = 12; quantiles capped at 11 draws",
               all = FALSE)
  draws <- prompt_counts(rbinom(80, 10, p), rep(c(10, 20, 0), c(40, 38, 2)))
  draws$unsafe[79:80] <- 0
  shown <- lines_of(as_audit(draws, newdata = p, train = 0.5, seed = 12))
  expect_match(shown, "10 to 20 draws", all = FALSE)
  expect_match(shown, "Hazard trained on 39 other prompts of the log",
               all = FALSE)
  expect_match(shown, "Left out: 2 prompts without a draw", all = FALSE)
  about <- as_response_log(log)
  attr(about, "about") <- list(absent = c("x", "y", "z"), dependent = NULL)
  expect_output(print(logged(about)), "Left out: 3 prompts without a draw")
  # Kept as a plan, it is known again.
  file <- tempfile(fileext = ".csv")
  audit <- logged(log, seed = 12)
  write_plan(audit, file)
  back <- read_plan(file)
  expect_identical(back$plan_id, audit$plan_id)
  expect_equal(back$seed, audit$seed)
})

test_that("each way in which a log can be wrong is an error", {
  set.seed(10)
  p <- 10^runif(40, -2, -1)
  log <- made_log(p, 6)
  refused <- function(x, regexp, class = "audit", ...) {
    error <- expect_error(logged(x, ...), regexp,
                          class = paste0("timetounsafe_error_", class))
    expect_identical(as.character(error$call[[1L]]), "as_audit")
    invisible(error)
  }
  twice <- rbind(log, transform(log[9, ], unsafe = !unsafe))
  expect_identical(refused(twice, "draw 3 is duplicated")$rows, c(9, 241))
  refused(transform(log, prompt = replace(prompt, 9, "0.7")),
          "has several texts")
  refused(transform(log, plan_id = "abc"), "Supply it", "plan")
  refused(log[0, ], "must not be empty", "argument")
  refused(transform(log, prompt = NA), "`newdata` is required", "argument")
  told <- as_response_log(log)
  attr(told, "about") <- list(dependent = "Epochs stopped early.")
  refused(told, "Epochs stopped early")
  attr(told, "about") <- list(dependent = TRUE)
  refused(told, "depend on")
  draws <- prompt_counts(rep(0, 40), 6)
  draws$stop <- TRUE
  refused(draws, "stop = TRUE")
  draws$stop <- FALSE
  draws$status[3] <- NA
  refused(draws, "unfinished", "unfinished")
  # Draws that stopped: each shorter prompt ends in its only unsafe one.
  seen <- stats::ave(as.numeric(log$unsafe), log$id, FUN = cumsum)
  stopped <- log[seen - log$unsafe == 0, ]
  error <- refused(stopped, "end in their only unsafe draw")
  expect_true("q001" %in% log$id)
  expect_true(all(table(stopped$id)[error$id] < 6))
  counts <- data.frame(id = 1:40, prompt = "0.1", unsafe = rep(0:1, c(30, 10)),
                       draws = rep(c(6, 3), c(30, 10)))
  refused(counts, "only unsafe draw")
  refused(transform(counts, unsafe = 7), "7 unsafe of 6 draws")
})

test_that("prompts that trained the hazard are refused", {
  set.seed(11)
  x <- rnorm(120)
  log <- made_log(plogis(x - 3), 10)
  trained <- log$id %in% sprintf("q%03d", 1:60)
  log$prompt <- paste("prompt", log$id)
  hazard <- fit_hazard(x[1:60], as_response_log(log[trained, ]))
  expect_error(as_audit(log, hazard = hazard, newdata = x), "trained `hazard`",
               class = "timetounsafe_error_argument")
  # Without texts, by their features.
  log$prompt <- NULL
  expect_error(as_audit(log, hazard = hazard, newdata = x), "trained `hazard`",
               class = "timetounsafe_error_argument")
  expect_s3_class(as_audit(log[!trained, ], hazard = hazard,
                           newdata = x[61:120]), "audit")
})

test_that("bad arguments are named", {
  set.seed(12)
  x <- rnorm(60)
  log <- made_log(plogis(x - 2), 8)
  hazard <- as_hazard(function(newdata) plogis(newdata$x - 2))
  good <- list(x = log, hazard = hazard, newdata = data.frame(x = x))
  bad_arguments(as_audit, good, list(
    x = list(NULL, 1, "log", log["id"], log[0, ]),
    hazard = list(NULL, 1, "glm"),
    newdata = list(data.frame(x = 1), data.frame(id = "q001", x = 1)),
    refusal = list("no"), seed = list("a", 1.5, NA, 2^40),
    cluster = list(1:3, rep(NA, 60)), cap = list(1, 2.5, 100, "a")
  ))
  good <- list(x = log, newdata = x, train = 0.5)
  bad_arguments(as_audit, good, list(
    train = list(0, 1, 2, -0.1, NA, "nobody", NA_real_, rep(TRUE, 60),
                 rep(FALSE, 60), c(TRUE, NA), list(1)),
    hazard = list(hazard), engine = list("gam"), penalties = list(1)
  ))
  plan <- known_plan(rep(0.1, 2), 100, tau_max = 0.3)
  bad_arguments(as_audit, list(x = by_draw(plan), plan = plan), list(
    hazard = list(hazard), train = list(0.5), seed = list(1), cap = list(5),
    newdata = list(1:2), cluster = list(1:2), plan = list(hazard)
  ))
  expect_error(as_audit(logged(transform(log, prompt = "0.1"))),
               "calibrate_lpb", class = "timetounsafe_error_argument")
  expect_error(as_audit(log, hazard = hazard, new = x), "newdata",
               class = "timetounsafe_error_argument")
})

# How often the certificate is false: the share of runs in which the bound of
# the certified tau misses more than alpha of the prompts.
false_share <- function(runs, n, draws, fraction = 0, truth, hat,
                        alpha = 0.1) {
  hazard <- as_hazard(function(newdata) newdata$hat)
  missed <- replicate(runs, {
    at <- sample.int(length(truth), n, replace = TRUE)
    limit <- draws(n)
    unsafe <- rbinom(n, limit, truth[at])
    log <- data.frame(id = seq_len(n), draws = limit, unsafe = unsafe)
    if (fraction > 0) {
      log <- split_draws(log, fraction)
    }
    audit <- as_audit(log, hazard = hazard, newdata = data.frame(hat = hat[at]),
                      cap = 21)
    tau <- certify_tau(plan_parts(audit), alpha, 0.1, "exact")$tau
    bound <- geometric_quantile(hat, tau, 21)
    mean(1 - (1 - truth)^(bound - 1))
  })
  mean(missed > alpha)
}

# The same draws in a random order, a share of which failed, the unsafe ones
# twice as often.
split_draws <- function(log, fraction) {
  row <- rep(seq_len(nrow(log)), log$draws)
  draw <- sequence(log$draws)
  unsafe <- draw <= log$unsafe[row]
  lost <- runif(length(row)) < fraction * (1 + unsafe)
  place <- order(row, runif(length(row)))
  data.frame(id = row, draw = draw, unsafe = replace(unsafe, lost, NA)[place],
             status = ifelse(lost, "error", "ok")[place])
}

test_that("certificates are false in no more than delta of all logs", {
  set.seed(20)
  truth <- 10^runif(2000, -3.5, -0.8)
  cells <- list(
    right = list(20, 0, truth),
    wrong = list(20, 0, sample(truth)),
    differing = list(c(20, 30, 60), 0, pmin(1, 4 * truth)),
    failing = list(20, 0.004, truth)
  )
  wrong <- vapply(cells, function(cell) {
    draws <- function(n) rep_len(cell[[1]], n)
    quiet(false_share(100, 200, draws, cell[[2]], truth, cell[[3]]))
  }, 0)
  # 100 runs at 0.1 have a standard error of 0.03.
  expect_lt(max(wrong), 0.19)
  # Failed draws count against the claim, so that it fails less often.
  expect_lte(wrong[["failing"]], wrong[["right"]] + 0.03)
})

test_that("a real model's draws are certified on a split of its prompts", {
  folder <- file.path(Sys.getenv("TIMETOUNSAFE_DATA"), "llm")
  skip_if(!nzchar(Sys.getenv("TIMETOUNSAFE_DATA")) || !dir.exists(folder),
          "TIMETOUNSAFE_DATA is not set, or has no folder llm")
  prompts <- read.csv(file.path(folder, "prompts.csv"))
  draws <- read.csv(gzfile(file.path(folder, "draws.csv.gz")))
  prompts <- prompts[prompts$id %in% draws$id, ]
  features <- prompts[setdiff(names(prompts), c("origin", "prompt"))]
  log <- data.frame(id = draws$id, draw = draws$draw,
                    unsafe = draws$lexicon == 1)
  # All prompts have 32 draws, some 64, whatever came: no warning.
  expect_no_warning(as_audit(log, newdata = features, train = 0.3, seed = 1),
                    class = "timetounsafe_warning_dependent_draws")
  short <- log[log$draw <= 32, ]
  ids <- unique(log$id)
  counts <- tapply(short$unsafe, factor(short$id, ids), sum)
  features <- features[match(ids, features$id), ]
  false <- vapply(1:12, function(seed) {
    set.seed(seed)
    held <- sample(ids, 600)
    part <- short[!short$id %in% held, ]
    audit <- quiet(as_audit(part, newdata = features, train = 0.5,
                            seed = seed))
    expect_identical(audit$cap[1], 33)
    lpb <- quiet(calibrate_lpb(audit))
    new <- features[match(held, features$id), ]
    bound <- predict(lpb, new[setdiff(names(new), "id")])
    expect_gt(exp(mean(log(bound))), 2)
    # All orders of the 32 draws of held-out prompts.
    lost <- loss_at_most(counts[held], rep(32, 600), bound)
    mean(lost) - 0.1 > 1.3 * sd(lost) / sqrt(600)
  }, NA)
  # One in ten may be false, and one in ten of those says so here.
  expect_lte(sum(false), 3)
})
