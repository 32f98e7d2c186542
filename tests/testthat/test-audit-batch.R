# Daemons for one test, with what the package is installed in.
local_daemons <- function(n, env = parent.frame()) {
  skip_on_cran()
  skip_if_not_installed("mirai", "2.7.0")
  mirai::daemons(n)
  withr::defer(mirai::daemons(0), envir = env)
}

# Goes to other processes, so it must not need anything from here.
portable <- function(f) {
  environment(f) <- globalenv()
  f
}

test_that("daemons and this process give the same, whoever answers", {
  set.seed(1)
  plan <- known_plan(rep(c(0.005, 0.02, 0.2), 10), 30)
  alone <- run_audit(plan, hashed_sampler)
  local_daemons(3)
  slow <- portable(function(prompts, draw) {
    Sys.sleep(stats::runif(1, 0, 0.02))
    code <- (as.integer(prompts) * 7919 + draw * 104729) %% 65537
    (code * code) %% 40 == 7
  })
  for (size in c(3, 64)) {
    path <- new_path()
    audit <- run_audit(plan, slow, ledger = path,
                       control = audit_control(batch_size = size))
    expect_same_outcome(audit, alone)
    draws <- read_ledger(path, "attempts")
    expect_equal(anyDuplicated(draws[c("row", "draw")]), 0)
    expect_equal(nrow(draws), sum(audit$draws) + sum(audit$unused))
    expect_same_outcome(read_ledger(path), alone)
  }
  strict <- run_audit(plan, slow,
                      control = audit_control(batch_size = 3, in_order = TRUE))
  expect_same_outcome(strict, alone)
  expect_equal(sum(strict$unused), 0)
})

test_that("several batches are under way, on several daemons", {
  local_daemons(2)
  who <- portable(function(prompts, draw) {
    Sys.sleep(0.02)
    data.frame(unsafe = FALSE, response = paste(Sys.getpid(), draw))
  })
  path <- new_path()
  draw_responses(as.character(1:10), who, 8, ledger = path,
                 control = audit_control(batch_size = 5, keep_responses = TRUE))
  pid <- sub(" .*", "", read_ledger(path, "attempts")$response)
  expect_length(unique(pid), 2)
  expect_false(as.character(Sys.getpid()) %in% pid)
  # Unless asked not to.
  here <- portable(function(prompts) rep(Sys.getpid() %% 2 == 0, 1))
  audit <- draw_responses("a", here, 1, parallel = FALSE)
  expect_equal(audit$unsafe, as.numeric(Sys.getpid() %% 2 == 0))
})

test_that("the batches of a daemon that crashed are drawn again", {
  skip_on_os("windows")
  set.seed(2)
  plan <- known_plan(rep(c(0.005, 0.02), 10), 30)
  alone <- run_audit(plan, hashed_sampler)
  local_daemons(3)
  mark <- tempfile()
  # The first two daemons to draw the fifth draw of prompt 1 or 2 die of it.
  deadly <- function(prompts, draw) NULL
  body(deadly) <- bquote({
    for (i in which(draw == 5 & prompts %in% c("1", "2"))) {
      mine <- paste0(.(mark), prompts[i])
      if (!file.exists(mine)) {
        file.create(mine)
        tools::pskill(Sys.getpid(), 9L)
      }
    }
    code <- (as.integer(prompts) * 7919 + draw * 104729) %% 65537
    (code * code) %% 40 == 7
  })
  path <- new_path()
  audit <- run_audit(plan, portable(deadly), ledger = path,
                     control = audit_control(batch_size = 10,
                                             retry_wait = 0.01))
  expect_equal(mirai::status()$connections, 1)
  expect_same_outcome(audit, alone)
  expect_false(any(audit$failed))
  draws <- read_ledger(path, "attempts")
  lost <- draws[draws$status == "error", ]
  expect_gte(nrow(lost), 20)
  expect_match(lost$message, "daemon was lost")
  expect_true(all(paste(lost$row, lost$draw) %in%
                    with(draws[draws$status == "ok", ], paste(row, draw)) |
                    lost$draw > audit$draws[lost$row]))
})

test_that("without any daemon left it is an error, after some patience", {
  local_daemons(1)
  sampler <- new_sampler(portable(function(p) rep(FALSE, length(p))))
  dispatcher <- daemon_dispatcher(sampler, 1, patience = 0.2)
  dispatcher$submit(list(row = 1, draw = 1), "a")
  expect_identical(dispatcher$collect()$value, FALSE)
  mirai::daemons(0)
  dispatcher$submit(list(row = 1, draw = 2), "a")
  expect_error(dispatcher$collect(), "have disconnected",
               class = "timetounsafe_error_sampler_daemons")
  dispatcher$cancel()
  expect_equal(dispatcher$busy(), 0)

  plan <- known_plan(rep(0.05, 3), 100)
  expect_error(run_audit(plan, sampler$call, parallel = TRUE), "daemons",
               class = "timetounsafe_error_argument")
})

test_that("errors on a daemon are blamed on the sampler", {
  plan <- known_plan(rep(0.05, 3), 100)
  local_daemons(2)
  error <- tryCatch(
    run_audit(plan, portable(function(p) stop("no key")),
              control = audit_control(retry_wait = 0)),
    error = identity
  )
  expect_s3_class(error, "timetounsafe_error_sampler")
  expect_match(conditionMessage(error), "^`sampler` failed[.]")
  expect_length(gregexpr("no key", conditionMessage(error))[[1]], 1)
  expect_match(conditionMessage(error$parent), "no key")
  error <- tryCatch(run_audit(plan, portable(function(p) "yes")),
                    error = identity)
  expect_s3_class(error, "timetounsafe_error_sampler")
  expect_s3_class(error$audit, "audit")
  # Nothing is left behind on the daemons.
  audit <- run_audit(plan, portable(function(p) rep(FALSE, length(p))))
  expect_equal(audit$draws, plan$limit)
})

test_that("one outage that hits all batches under way is one failure", {
  local_daemons(4)
  folder <- tempfile()
  dir.create(folder)
  # The first eight calls fail: as many as are under way at once.
  outage <- function(prompts, draw) NULL
  body(outage) <- bquote({
    file.create(tempfile(tmpdir = .(folder)))
    if (length(list.files(.(folder))) <= 8) stop("down")
    rep(FALSE, length(prompts))
  })
  plan <- known_plan(rep(0.01, 30), 100)
  audit <- run_audit(plan, portable(outage),
                     control = audit_control(batch_size = 5, retry_wait = 0.3))
  expect_equal(audit$draws, plan$limit)
  expect_gt(length(list.files(folder)), 8)
})

# ---- The same answer every time ----------------------------------------------

copying <- function(prompts, draw) {
  data.frame(unsafe = FALSE, response = paste("re:", prompts))
}

expect_copies <- function(...) {
  expect_warning(
    draw_responses(...), class = "timetounsafe_warning_identical_responses"
  )
}

test_that("copies are noticed however late prompts are drawn several times", {
  # More than 1,000 responses come in before a prompt has its third.
  prompts <- as.character(1:600)
  expect_copies(prompts, copying, draws = 5,
                control = audit_control(batch_size = 400))
  # Prompts that are drawn but twice, where there are many of them.
  expect_copies(prompts, copying, draws = 2)
  # One response that is missing, or was refused, tells nothing.
  gap <- function(status) {
    function(prompts, draw) {
      odd <- prompts == "2" & draw == 2
      data.frame(
        unsafe = FALSE, status = ifelse(odd, status, "ok"),
        response = ifelse(odd, if (status == "ok") NA else "no", prompts)
      )
    }
  }
  for (status in c("ok", "refused")) {
    expect_copies(as.character(1:5), gap(status), draws = 5)
  }
})

test_that("draws that differ, few copies and like refusals are no copies", {
  once <- function(prompts, draw) {
    data.frame(unsafe = FALSE,
               response = ifelse(prompts == "3" & draw == 2, "new", prompts))
  }
  expect_no_warning(draw_responses(as.character(1:5), once, draws = 5))
  expect_no_warning(draw_responses(as.character(1:40), copying, draws = 2))
  refusing <- function(prompts) {
    data.frame(unsafe = rep(FALSE, length(prompts)), status = "refused",
               response = "I cannot help.")
  }
  expect_no_warning(draw_responses(as.character(1:5), refusing, draws = 5))
})

test_that("the watch keeps hashes, and its work grows with what comes in", {
  watch <- new_watch()
  text <- strrep("x", 1e6)
  for (k in 1:40) {
    watch(k, paste(text, k), "ok")
  }
  kept <- environment(watch)$found$seen
  expect_lt(sum(nchar(unlist(as.list(kept)))), 1e4)
  # After the answer is known, nothing.
  watch(1, "other", "ok")
  expect_null(environment(watch)$found$seen)
})
