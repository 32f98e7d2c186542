# Times the numeric layer and the hazard engines against plain R at the sizes of
# the paper. Results are checked for equality before anything is timed; times
# are medians of one run, and what counts is their ratio. usage: Rscript
# bench/core.R   (writes bench/core.md)

library(timetounsafe)
set.seed(1)

seconds <- function(f) {
  gc(FALSE)
  system.time(f())[["elapsed"]]
}

# The two in turn, so that a machine that changes its pace does so for both.
rows <- list()
compare <- function(what, ours, theirs, baseline, times = 9) {
  ours()
  theirs()
  a <- b <- numeric(times)
  for (i in seq_len(times)) {
    a[i] <- seconds(ours)
    b[i] <- seconds(theirs)
  }
  rows[[length(rows) + 1L]] <<- data.frame(
    what = what, milliseconds = 1000 * stats::median(a), baseline = baseline,
    baseline_milliseconds = 1000 * stats::median(b),
    ratio = stats::median(a / b)
  )
}

# ---- Allocation --------------------------------------------------------------

for (n in c(1e6, 1e7)) {
  cost <- exp(runif(n, 0, 8))
  total <- 20 * n
  inclusion <- allocate_budget(cost, total)
  stopifnot(abs(sum(cost * inclusion) / total - 1) < 1e-12,
            !is.unsorted(-inclusion[order(cost)]))
  compare(sprintf("allocate_budget(), %g prompts", n),
          function() allocate_budget(cost, total), function() order(cost),
          "order(cost)", times = if (n > 1e6) 3 else 9)
}
rm(cost, inclusion)

# ---- Quantiles of the beta-geometric law against the geometric ones ----------

# Hazards and settings of a plan (capped) and of a prediction (not capped).
p <- 10^runif(1e5, -4, -0.5)
for (cap in c(1000, Inf)) {
  beta <- function(precision) beta_geometric_quantile(p, precision, 0.1, cap)
  stopifnot(identical(beta(Inf), geometric_quantile(p, 0.1, cap)))
  some <- sample.int(1e5, 200)
  reached <- vapply(some, function(i) {
    j <- seq(0, 999)
    1 - cumprod(((1 - p[i]) * 10 + j) / (10 + j))
  }, numeric(1000))
  by_hand <- pmin(cap, apply(reached >= 0.1, 2, function(x) which(x)[1]))
  within <- !is.na(by_hand)
  stopifnot(identical(beta(10)[some][within], by_hand[within]))
  compare(sprintf("beta_geometric_quantile(), 1e5, cap %g", cap),
          function() for (i in 1:20) beta(10),
          function() for (i in 1:20) geometric_quantile(p, 0.1, cap),
          "geometric_quantile()", times = 15)
}
rm(p, reached)

# ---- Miscoverage at the paper's size: 45,000 prompts, 300 values of tau ------

n <- 45000
p <- sample(c(10^seq(-3, -2, length.out = 0.9 * n),
              10^seq(-5, -4, length.out = 0.1 * n)))
tau_grid <- 10^seq(-3, -0.75, length.out = 300)
hazard <- as_hazard(function(newdata) newdata)
plan <- plan_audit(hazard, as.character(seq_len(n)), budget = 20, newdata = p,
                   tau_max = max(tau_grid))
audit <- simulate_audit(plan, p)
q <- geometric_quantile(p, tau_grid, plan$cap[1])
curve <- function() {
  miscoverage_curve(audit$time, audit$horizon, audit$inclusion, q)
}
by_hand <- vapply(c(1, 150, 300), function(k) {
  mean((audit$time < q[, k] & q[, k] <= audit$horizon) / audit$inclusion)
}, 1)
stopifnot(all.equal(curve()[c(1, 150, 300)], by_hand))
compare("miscoverage_curve(), 45,000 x 300", curve,
        function() sum(q <= audit$horizon), "sum(q <= C)", times = 15)

# One simulated calibration on the exact path: inclusion, times to unsafe, tau.
core <- asNamespace("timetounsafe")
calibrate_step <- function() {
  horizon <- plan$horizon
  included <- which(horizon > 0)
  time <- numeric(n)
  t <- core$geometric_sample(p[included])
  time[included] <- pmin(t, horizon[included])
  core$core_value(.Call(core$ffi_select_jump, list(
    tau = core$geometric_distribution(time, p), time = time,
    horizon = horizon, reach = plan$inclusion, alpha = 0.1,
    tau_max = max(tau_grid)
  )))$tau
}
draw_and_calibrate <- function() {
  plan$horizon <<- ifelse(runif(n) < plan$inclusion, q[, 300], 0)
  calibrate_step()
}
exact <- draw_and_calibrate()
again <- simulate_audit(plan_audit(hazard, as.character(seq_len(n)), 20, p,
                                   tau_max = max(tau_grid)), p)
stopifnot(abs(exact - calibrate_lpb(again)$tau) < 0.01)
compare("simulated calibration, exact path, 45,000 prompts", draw_and_calibrate,
        function() {
          select_tau(tau_grid, curve(), 0.1)
        }, "curve and tau on the grid", times = 25)
rm(q)

# ---- Hazard engines: 45,000 x 10 ---------------------------------------------

x <- matrix(rnorm(n * 10), n)
unsafe <- rbinom(n, 500, 1 - exp(-exp(-5 + x %*% rep(0.1, 10))))
y <- cbind(unsafe, safe = 500 - unsafe)
plain <- function() {
  fit_hazard(x, y, splines = 0, interactions = 0, penalty = 0)
}
reference <- function() {
  stats::glm(y ~ x, family = binomial("cloglog"))
}
stopifnot(all.equal(plain()$fitted, unname(fitted(reference())),
                    tolerance = 1e-6))
compare("glm engine, linear, 45,000 x 10", plain, reference, "stats::glm()",
        times = 25)
compare("glm engine, splines and penalties chosen",
        function() fit_hazard(x, y), reference, "stats::glm()", 3)
paper <- function() fit_paper_hazard(x, y)
compare("mlp engine, the paper's configuration, 10 epochs", paper, reference,
        "stats::glm()", 3)

# ---- The table ---------------------------------------------------------------

table <- do.call(rbind, rows)
cells <- with(table, sprintf(
  "| %s | %.1f | %s | %.1f | %.2f |", what, milliseconds, baseline,
  baseline_milliseconds, ratio
))
cpu <- tryCatch(
  sub(".*: ", "", grep("model name", readLines("/proc/cpuinfo"),
                       value = TRUE)[1]),
  error = function(e) "unknown processor"
)
lines <- c(
  "# Core benchmark", "",
  sprintf("%s, %d cores; %s; BLAS %s. Medians of one run of `bench/core.R`.",
          cpu, parallel::detectCores(), R.version.string,
          basename(extSoftVersion()[["BLAS"]])), "",
  "| task | ms | baseline | ms | ratio |", "|:--|--:|:--|--:|--:|", cells
)
writeLines(lines, "bench/core.md")
writeLines(lines)
