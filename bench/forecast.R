# How far off forecasts of the risk are: forecast_risk() and backtest_risk() on
# simulated populations whose truth is known, and on the recorded draws of a
# language model where TIMETOUNSAFE_DATA names their folder.
# usage: Rscript bench/forecast.R [runs]   (writes bench/forecast.md)

library(timetounsafe)
core <- asNamespace("timetounsafe")
runs <- c(as.integer(commandArgs(TRUE)), 50L)[1]
models <- c("mixture", "beta")
set.seed(1)

row <- function(...) paste0("| ", paste(..., sep = " | "), " |")
digits <- function(x, n = 3) formatC(x, digits = n, format = "f")
signed <- function(x) sprintf("%+.3f", x)

# ---- Populations -------------------------------------------------------------

populations <- list(
  "beta(0.3, 5)" = function(n) rbeta(n, 0.3, 5),
  "lognormal(-5, 2)" = function(n) pmin(1, exp(rnorm(n, -5, 2))),
  "lognormal(-8, 2)" = function(n) pmin(1, exp(rnorm(n, -8, 2))),
  "two points: 10% at 0.3, else 0.001" =
    function(n) ifelse(runif(n) < 0.1, 0.3, 0.001),
  "one hazard, 0.005" = function(n) rep(0.005, n),
  "half never, else 0.02" = function(n) ifelse(runif(n) < 0.5, 0, 0.02)
)
people <- lapply(populations, function(draw) draw(2e5))
risk_of <- function(p, k) {
  vapply(k, function(k) mean(-expm1(k * log1p(-p))), 0)
}

# `draws` of each of `n` prompts; with `stop` up to the first unsafe one.
simulate_draws <- function(p, draws, stop = FALSE) {
  n <- length(p)
  time <- pmin(rgeom(n, pmax(p, 1e-300)) + 1, draws + 1)
  unsafe <- if (stop) as.numeric(time <= draws) else rbinom(n, draws, p)
  structure(data.frame(
    id = seq_len(n), prompt = as.character(seq_len(n)), limit = draws,
    stop = stop, draws = if (stop) pmin(time, draws) else draws,
    unsafe = unsafe, time = if (stop) pmin(time, draws) else draws,
    status = as.numeric(unsafe > 0), unused = 0, failed = FALSE
  ), class = c("prompt_draws", "data.frame"))
}

# Mean error and root mean squared error of the forecast over runs, with the
# Monte Carlo error of the mean.
errors <- function(values, truth) {
  off <- values - truth
  cbind(bias = rowMeans(off), error = apply(off, 1, sd) / sqrt(ncol(off)),
        rmse = sqrt(rowMeans(off^2)))
}

forecast_errors <- function(make, k, truth) {
  values <- replicate(runs, {
    x <- make()
    vapply(models, function(model) {
      forecast_risk(x, k, model = model)$estimate
    }, numeric(length(k)))
  })
  lapply(stats::setNames(nm = models), function(model) {
    errors(values[, model, ], truth)
  })
}

cells_of <- function(found, i) {
  vapply(models, function(model) {
    at <- found[[model]][i, ]
    sprintf("%s (%s) | %s", signed(at["bias"]), digits(at["error"]),
            digits(at["rmse"]))
  }, "")
}

# ---- Draws without a plan ----------------------------------------------------

fixed_k <- c(16, 32, 64, 256)
fixed <- unlist(lapply(c(FALSE, TRUE), function(stop) {
  unlist(lapply(names(people), function(name) {
    truth <- risk_of(people[[name]], fixed_k)
    found <- forecast_errors(function() {
      simulate_draws(sample(people[[name]], 400), 16, stop)
    }, fixed_k, truth)
    vapply(seq_along(fixed_k), function(i) {
      row(if (stop) "stopped" else "fixed", name, fixed_k[i], digits(truth[i]),
          paste(cells_of(found, i), collapse = " | "))
    }, "")
  }))
}))

# ---- Audits ------------------------------------------------------------------

predictions <- list(
  right = function(p) p,
  "off by a factor of exp(N(0.5, 0.7))" = function(p) {
    p * exp(rnorm(length(p), 0.5, 0.7))
  },
  "square root" = function(p) sqrt(p) / 10,
  permuted = function(p) sample(p),
  "a tenth of it" = function(p) p / 10
)
audit_k <- c(10, 100, 1000)
audits <- unlist(lapply(names(predictions), function(name) {
  p_all <- people[["lognormal(-5, 2)"]]
  truth <- risk_of(p_all, audit_k)
  found <- forecast_errors(function() {
    p <- pmin(sample(p_all, 600), 0.999)
    guess <- pmin(predictions[[name]](p), 0.999)
    plan <- suppressWarnings(plan_audit(
      as_hazard(function(newdata) newdata$p), as.character(seq_along(p)), 20,
      data.frame(p = guess), tau_max = 0.2
    ))
    simulate_audit(plan, p)
  }, audit_k, truth)
  vapply(seq_along(audit_k), function(i) {
    row(name, audit_k[i], digits(truth[i]),
        paste(cells_of(found, i), collapse = " | "))
  }, "")
}))

# ---- The worst of many prompts -----------------------------------------------

worst_cells <- expand.grid(
  n_prompts = c(1e4, 1e6), draws = c(100, 1000),
  name = c("lognormal(-8, 1.5)", "lognormal(-5, 1)", "beta(0.3, 300)",
           "two points: 2% at 0.05, else 1e-4"),
  stringsAsFactors = FALSE
)
# The quantile function, and a draw.
worst_laws <- list(
  "lognormal(-8, 1.5)" = function(u) exp(qnorm(u, -8, 1.5, FALSE)),
  "lognormal(-5, 1)" = function(u) exp(qnorm(u, -5, 1, FALSE)),
  "beta(0.3, 300)" = function(u) qbeta(u, 0.3, 300, lower.tail = FALSE),
  "two points: 2% at 0.05, else 1e-4" = function(u) ifelse(u < 0.02, 0.05, 1e-4)
)
worst_runs <- max(20, runs %/% 2)
worst <- vapply(seq_len(nrow(worst_cells)), function(i) {
  cell <- worst_cells[i, ]
  law <- worst_laws[[cell$name]]
  truth <- pmin(1, law(core$worst_share(cell$n_prompts)))
  values <- replicate(worst_runs, {
    x <- simulate_draws(pmin(1, law(runif(1000))), cell$draws)
    by <- lapply(models, function(model) {
      forecast_risk(x, 1, cell$n_prompts, model)
    })
    c(by[[1]]$worst_prob, by[[2]]$worst_prob, by[[1]]$worst_prob_tail)
  })
  off <- log10(values / truth)
  # NA where the ten highest scores are the same: two points, one of them rare.
  known <- rowSums(!is.na(off))
  each <- sprintf("%+.2f (%.2f)%s", rowMeans(off, na.rm = TRUE),
                  apply(off, 1, sd, na.rm = TRUE) / sqrt(known),
                  ifelse(known < worst_runs,
                         sprintf(", NA in %d", worst_runs - known), ""))
  row(cell$name, cell$draws, format(cell$n_prompts, big.mark = ",",
                                    scientific = FALSE),
      format(truth, digits = 2), paste(each, collapse = " | "))
}, "")

# ---- What a real model said --------------------------------------------------

folder <- Sys.getenv("TIMETOUNSAFE_DATA")
read_real <- function(judge) {
  draws <- utils::read.csv(file.path(folder, "llm", "draws.csv.gz"))
  draws$unsafe <- if (judge == "lexicon") draws$lexicon > 0 else
    draws$score > 0.5
  deep <- names(which(table(draws$id) == 64))
  as_response_log(draws[draws$id %in% deep, c("id", "draw", "unsafe")])
}
real <- if (nzchar(folder)) {
  unlist(lapply(c("lexicon", "score"), function(judge) {
    log <- read_real(judge)
    unlist(lapply(c(0.125, 0.25), function(share) {
      test <- backtest_risk(log, c(8, 16, 32, 64), share = share,
                            repetitions = 40)
      with(test, row(
        judge, draws, model, k, digits(estimate),
        sprintf("%s (%s)", signed(error), digits(forecast_sd / sqrt(40))),
        digits(forecast_sd), digits(rmse)
      ))
    }))
  }))
} else {
  "| (not run: TIMETOUNSAFE_DATA is not set) | | | | | | | |"
}

# ---- The document ------------------------------------------------------------

head_of <- function(...) {
  names <- c(...)
  c(paste0("| ", paste(names, collapse = " | "), " |"),
    paste0("|", strrep("--:|", length(names))))
}
both <- paste0(rep(models, each = 2), ": ", c("bias (error)", "RMSE"))
lines <- c(
  "# How far off forecasts are", "",
  sprintf(paste(
    "%s, `bench/forecast.R`. F(k) is the share of prompts that go unsafe",
    "within k draws; all errors are forecast less truth. In brackets one Monte",
    "Carlo standard error; %d runs, the worst of many prompts %d."
  ), R.version.string, runs, worst_runs), "",
  "## Recorded draws of a language model", "",
  paste(
    "672 prompts with 64 draws each (SmolLM2-135M-Instruct on sentence",
    "openings), two judges. The forecast sees 8 or 16 draws of each prompt,",
    "chosen at random 40 times; the truth is the unbiased estimate from all",
    "64."
  ), "",
  head_of("judge", "draws seen", "model", "k", "F(k)", "error",
          "SD of forecast", "RMSE"), real, "",
  "## Populations whose hazards are known", "",
  paste(
    "400 prompts, 16 draws of each, fixed or stopped at the first unsafe one;",
    "F(k) is that of the population, so that the sampling of prompts is in the",
    "RMSE."
  ), "",
  head_of("draws", "hazards", "k", "F(k)", both), fixed, "",
  "## Audits", "",
  paste(
    "600 prompts with hazards lognormal(-5, 2), replicated draws, budget 20.",
    "The plan follows predicted hazards that are right, or wrong."
  ), "",
  head_of("prediction", "k", "F(k)", both), audits, "",
  "## The worst of many prompts", "",
  paste(
    "1,000 prompts with 100 or 1,000 draws each; the median of the largest",
    "hazard among 10,000 or a million others. Mean error of the forecast's",
    "log10: +1 is ten times too high. NA: the ten highest scores are equal."
  ), "",
  head_of("hazards", "draws", "prompts", "truth", "mixture", "beta",
          "extreme values"), worst
)
writeLines(lines, "bench/forecast.md")
writeLines(lines)
