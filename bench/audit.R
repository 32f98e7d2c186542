# What the audit engine adds to the draws themselves: a sampler that costs
# nothing shows the time of each draw and batch, one that waits shows how well
# daemons are kept busy. Outcomes are checked for equality before anything is
# timed; times are medians of one run. usage: Rscript bench/audit.R   (writes
# bench/audit.md)

library(timetounsafe)
set.seed(1)

seconds <- function(f) {
  gc(FALSE)
  system.time(f())[["elapsed"]]
}
new_path <- function() tempfile(fileext = ".sqlite")

rows <- list()
report <- function(what, value, target, baseline = "", other = NA) {
  row <- data.frame(what, value, target, baseline,
                    other = if (is.na(other)) "" else sprintf("%.2f", other))
  rows[[length(rows) + 1L]] <<- row
}

# ---- Equality ----------------------------------------------------------------

# Unsafe or not by prompt and draw alone, so that any schedule must agree.
hashed <- function(prompts, draw) {
  code <- (as.integer(prompts) * 7919 + draw * 104729) %% 65537
  (code * code) %% 40 == 7
}
n <- 300
limit <- sample(200, n, replace = TRUE)
by_hand <- vapply(seq_len(n), function(i) {
  which(c(hashed(rep(i, limit[i]), seq_len(limit[i])), TRUE))[1]
}, 1L)
check <- function(size, ledger = NULL, parallel = FALSE) {
  drawn <- draw_responses(as.character(seq_len(n)), hashed, limit, stop = TRUE,
                          ledger = ledger, parallel = parallel,
                          control = audit_control(batch_size = size))
  stopifnot(drawn$time == pmin(by_hand, limit),
            drawn$status == (by_hand <= limit))
  if (!is.null(ledger)) {
    stopifnot(identical(read_ledger(ledger)$time, drawn$time),
              nrow(read_ledger(ledger, "attempts")) ==
                sum(drawn$draws + drawn$unused))
  }
}
for (size in c(64, 10000)) {
  check(size)
  check(size, new_path())
}

# ---- A sampler that costs nothing --------------------------------------------

free <- function(prompts) rep(FALSE, length(prompts))
prompts <- as.character(1:20000)
draws <- 1e6
engine <- function(size, ledger) {
  drawn <- draw_responses(prompts, free, draws / length(prompts),
                          ledger = if (ledger) new_path(),
                          control = audit_control(batch_size = size))
  stopifnot(sum(drawn$draws) == draws)
}

# A plain record of a tenth of them: the same rows, appended with DBI.
plain <- function(size) {
  con <- DBI::dbConnect(RSQLite::SQLite(), new_path())
  on.exit(DBI::dbDisconnect(con))
  DBI::dbExecute(con, "PRAGMA journal_mode = WAL")
  for (k in seq_len(draws / 10 / size)) {
    DBI::dbWriteTable(con, "attempts", append = TRUE, data.frame(
      row = seq_len(size), draw = k, attempt = 1, status = "ok", final = 1L,
      unsafe = as.integer(free(seq_len(size)))
    ))
  }
}

# In turn, so that a machine that changes its pace does so for both.
for (size in c(10000, 64)) {
  without <- with <- theirs <- numeric(3)
  for (i in seq_along(theirs)) {
    without[i] <- seconds(function() engine(size, FALSE))
    with[i] <- seconds(function() engine(size, TRUE))
    theirs[i] <- 10 * seconds(function() plain(size))
  }
  name <- paste("batches of", format(size, big.mark = ","))
  per_draw <- size == 10000
  tell <- function(time) {
    scale <- if (per_draw) 1e6 / draws else 1e3 / ceiling(draws / size)
    sprintf("%.2f %s", scale * stats::median(time),
            if (per_draw) "\u00b5s a draw" else "ms a batch")
  }
  report(paste0(name, ", without ledger"), tell(without),
         if (per_draw) "at most 0.5" else "at most 1.5")
  report(paste0(name, ", with ledger"), tell(with),
         if (per_draw) "at most 3" else "at most 1.5", "rows appended with DBI",
         stats::median(with / theirs))
}

# ---- Memory ------------------------------------------------------------------

# The most that a process of its own ever held, in megabytes.
peak <- function(draws) {
  code <- sprintf(paste(
    "library(timetounsafe);",
    "drawn <- draw_responses(as.character(1:1000),",
    "function(p) rep(FALSE, length(p)), %d, ledger = \"%s\",",
    "control = audit_control(batch_size = 1000));",
    "status <- readLines(\"/proc/self/status\");",
    "cat(gsub(\"[^0-9]\", \"\", grep(\"VmHWM\", status, value = TRUE)))"
  ), draws / 1000, new_path())
  out <- system2(file.path(R.home("bin"), "Rscript"), c("-e", shQuote(code)),
                 stdout = TRUE)
  as.numeric(utils::tail(out, 1L)) / 1024
}
if (file.exists("/proc/self/status")) {
  small <- stats::median(replicate(3, peak(1e5)))
  large <- stats::median(replicate(3, peak(1e6)))
  report("peak memory, 1,000,000 draws with ledger",
         sprintf("%.0f MB", large), "no growth",
         "100,000 draws", large / small)
}

# ---- Full batches ------------------------------------------------------------

# One prompt has a limit of 20,000, a thousand others of 100 or so.
hazards <- c(5e-6, rep(c(0.001, 0.01), each = 500))
plan <- plan_audit(as_hazard(function(newdata) newdata),
                   as.character(seq_along(hazards)), budget = 1e9,
                   newdata = hazards, design = "basic", tau_max = 0.0951625)
stopifnot(abs(plan$limit[1] - 20000) < 2, plan$limit[-1] < 200)
for (size in c(64, 1500)) {
  sizes <- integer()
  audit <- run_audit(plan, function(prompts) {
    sizes <<- c(sizes, length(prompts))
    runif(length(prompts)) < hazards[as.integer(prompts)]
  }, control = audit_control(batch_size = size))
  # One draw of each open prompt a round, as published.
  open <- vapply(seq_len(max(audit$draws)), function(k) sum(audit$draws >= k),
                 1)
  rounds <- sum(ceiling(open / size))
  full <- sum(sizes) / (length(sizes) * size)
  report(sprintf("batches of %s, one prompt has a limit of 20,000",
                 format(size, big.mark = ",")),
         sprintf("%.1f%% full", 100 * full), "at least 95%",
         "one draw a round", full / (sum(open) / (rounds * size)))
}

# ---- Latency, on daemons -----------------------------------------------------

if (requireNamespace("mirai", quietly = TRUE)) {
  mirai::daemons(8)
  check(64, parallel = TRUE)
  slow <- function(prompts) {
    Sys.sleep(0.05)
    rep(FALSE, length(prompts))
  }
  for (ledger in c(FALSE, TRUE)) {
    batches <- 800
    taken <- stats::median(replicate(3, seconds(function() {
      draw_responses(as.character(1:64), slow, batches, parallel = TRUE,
                     ledger = if (ledger) new_path())
    })))
    ideal <- batches / 8 * 0.05
    report(sprintf("50 ms a batch of 64 on 8 daemons, %s ledger",
                   if (ledger) "with" else "without"),
           sprintf("%.1f%% of the ideal", 100 * ideal / taken),
           "at least 90%")
  }
  mirai::daemons(0)
}

# ---- The table ---------------------------------------------------------------

table <- do.call(rbind, rows)
cpu <- tryCatch(
  sub(".*: ", "", grep("model name", readLines("/proc/cpuinfo"),
                       value = TRUE)[1]),
  error = function(e) "unknown processor"
)
lines <- c(
  "# Audit benchmark", "",
  sprintf("%s, %d cores; %s; RSQLite %s. Medians of one run of `%s`.",
          cpu, parallel::detectCores(), R.version.string,
          packageVersion("RSQLite"), "bench/audit.R"), "",
  paste("What the engine adds to 1,000,000 draws of a sampler that costs",
        "nothing; how full its batches are; how well it uses daemons. The",
        "ratio is to the baseline, run in turn with it."), "",
  "| task | measured | required | baseline | ratio |",
  "|:--|--:|:--|:--|--:|",
  with(table, sprintf("| %s | %s | %s | %s | %s |", what, value, target,
                      baseline, other))
)
writeLines(lines, "bench/audit.md")
writeLines(lines)
