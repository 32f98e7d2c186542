# The certificate beside other bounds on a mean that can be written down in a
# few lines, on the same simulated audits. Each rule certifies the largest tau
# up to which its upper confidence limit for the miscoverage stays below alpha.
# usage: Rscript bench/competitors.R [runs] [workers]   (writes
# bench/competitors.md; cells of up to 1,000 prompts get four times the runs)

library(timetounsafe)
shared <- new.env()
sys.source("bench/shared/cells.R", shared)
core <- shared$core
arguments <- as.integer(commandArgs(TRUE))
runs <- c(arguments, 250L)[1]
workers <- c(arguments[-1], 2L)[1]
alpha <- 0.1
delta <- 0.1
set.seed(1)
world <- shared$new_world(20000)

# ---- The competitors ---------------------------------------------------------

# Each says whether the miscoverage at a tau is shown to be below alpha. `z` are
# unbiased for it, with the control variate alpha, in the random order of the
# plan, and lie in [alpha - W alpha, alpha + W (1 - alpha)]; `lost` is the sum
# of the plain weighted losses, which lie in [0, W]. All limits are one-sided,
# at delta.
log_delta <- log(1 / delta)
upper_limit <- function(mean, margin) mean + margin < alpha

competitors <- list(
  betting = NULL,
  hedged = function(x) is_hedged(x),
  bernstein = function(x) {
    log_2 <- log(2 / delta)
    upper_limit(mean(x$z), sqrt(2 * stats::var(x$z) * log_2 / x$n) +
                  7 * x$weight * log_2 / (3 * (x$n - 1)))
  },
  bentkus = function(x) {
    exp(1) * stats::pbinom(ceiling(x$lost / x$weight), x$n,
                           alpha / x$weight) <= delta
  },
  hoeffding = function(x) {
    upper_limit(mean(x$z), x$weight * sqrt(log_delta / (2 * x$n)))
  },
  paper = function(x) {
    upper_limit(x$lost / x$n, sqrt((2 * x$weight^2 + 5) * log_delta / x$n))
  },
  dapro = function(x) {
    linear <- log_delta / (3 * x$n)
    upper_limit(x$lost / x$n, linear + sqrt(
      linear^2 + 2 * (x$mean_weight - alpha^2) * log_delta / x$n
    ))
  }
)
labels <- c(betting = "this package", hedged = "hedged betting",
            bernstein = "empirical Bernstein", bentkus = "Bentkus",
            hoeffding = "Hoeffding", paper = "the paper", dapro = "DAPRO")

# Waudby-Smith and Ramdas's predictable plug-in bets, all of the wealth on the
# side that is asked for, and their truncation at 3/4.
is_hedged <- function(x) {
  y <- (x$z - alpha) / x$weight + alpha
  t <- seq_len(x$n)
  mean <- (0.5 + cumsum(y)) / (t + 1)
  variance <- (0.25 + cumsum((y - mean)^2)) / (t + 1)
  before <- c(0.25, variance[-x$n])
  bet <- pmin(sqrt(2 * log_delta / (x$n * before)), 0.75 / (1 - alpha))
  max(cumsum(log1p(bet * (alpha - y)))) >= log_delta
}

# What the rules look at. The mean weight is that of the prompts that count.
look_at <- function(payoffs, tau, constants, mean_weight) {
  loss <- core$losses_at(payoffs, tau)
  z <- alpha - payoffs$base
  z[payoffs$place] <- z[payoffs$place] + loss
  list(z = z, lost = sum(loss), n = length(z), weight = constants$max_weight,
       mean_weight = mean_weight)
}

# ---- The taus that an audit certifies ----------------------------------------

# By bisection on a fine grid that ends at tau_max; what one rule looked at
# serves the others, too. 0 is below the grid.
find_all <- function(payoffs, constants, mean_weight) {
  tau_grid <- constants$tau_max * exp(seq(-6, 0, length.out = 1024))
  looked <- new.env()
  look <- function(i) {
    key <- as.character(i)
    if (is.null(looked[[key]])) {
      assign(key, look_at(payoffs, tau_grid[i], constants, mean_weight),
             envir = looked)
    }
    looked[[key]]
  }
  vapply(competitors[-1], function(rule) {
    low <- 0
    high <- length(tau_grid) + 1
    while (high - low > 1) {
      middle <- (low + high) %/% 2
      if (rule(look(middle))) low <- middle else high <- middle
    }
    if (low == 0) 0 else tau_grid[low]
  }, 0)
}

one_run <- function(cell, model, constants, quantile, mean_weight) {
  audit <- shared$draw_cell(cell$n, model, constants, quantile)
  payoffs <- core$gather_payoffs(audit, alpha)
  certified <- core$certify_tau(audit, alpha, delta, "exact")$tau
  c(marginal = core$find_marginal(audit, alpha)$tau, betting = certified,
    find_all(payoffs, constants, mean_weight))
}

run_cell <- function(cell) {
  model <- world[[cell$model]]
  constants <- shared$cell_constants(cell, model)
  prior <- function(prob) core$prior_quantile(list(prob = prob), constants)
  intensity <- core$find_design(cell$design)$intensity(prior(model$reference),
                                                       constants)
  curves <- shared$true_curves(model, constants)
  quantile <- prior(model$hat)
  tau <- shared$run_audits(cell$runs, cell$seed, workers, function() {
    one_run(cell, model, constants, quantile, mean(1 / pmin(1, intensity)))
  })
  covered <- curves$covered(tau)
  dim(covered) <- dim(tau)
  size <- matrix(curves$size(tau), nrow(tau))
  data.frame(
    cell, weight = constants$max_weight, rule = colnames(tau),
    tau = colMeans(tau), share = colMeans(tau) / curves$best,
    false = colMeans(tau > curves$best), trivial = colMeans(size == 0),
    margin = (colMeans(covered) - mean(covered[, 1])) / stats::sd(covered[, 1]),
    bound = exp(colMeans(size)), best = exp(curves$size(curves$best)),
    row.names = NULL
  )
}

# ---- All cells ---------------------------------------------------------------

sizes <- data.frame(n = c(200, 1000, 1000, 5000, 20000),
                    budget = c(200, 5, 100, 20, 200))
cells <- merge(
  sizes, expand.grid(design = c("replicated", "optimized"),
                     model = names(world), stringsAsFactors = FALSE), NULL
)
cells$alpha <- alpha
cells$delta <- delta
cells$runs <- ifelse(cells$n <= 1000, 4L * runs, runs)
cells$seed <- seq_len(nrow(cells))
results <- do.call(rbind, lapply(seq_len(nrow(cells)), function(i) {
  run_cell(cells[i, ])
}))
dir.create("build", showWarnings = FALSE)
saveRDS(results, "build/competitors.rds")

# ---- The tables --------------------------------------------------------------

of <- function(rule) results[results$rule == rule, ]
rules <- names(competitors)
count <- function(n) format(n, big.mark = ",", trim = TRUE)
size <- function(x) ifelse(x < 9.95, sprintf("%.2f", x), sprintf("%.1f", x))
error_of <- function(x) sqrt(x$false * (1 - x$false) / x$runs)

per_rule <- function(show, further = NULL) {
  x <- of("betting")
  c(
    do.call(shared$table_row, as.list(c(
      "hazard", "design", "n", "budget", "W", names(further), labels[rules]
    ))),
    paste0("|:--|:--", strrep("|--:", 3 + length(further) + length(rules)),
           "|"),
    do.call(shared$table_row, c(
      list(x$model, x$design, count(x$n), count(x$budget),
           sprintf("%.1f", x$weight)),
      unname(further), lapply(rules, function(rule) show(of(rule)))
    ))
  )
}

overall <- vapply(rules, function(rule) {
  x <- of(rule)
  # Where there is something to compare.
  useful <- of("betting")$trivial < 0.5
  worst <- x[which.max(x$false), ]
  shared$table_row(
    labels[[rule]], sprintf("%.3f", worst$false),
    sprintf("%.3f", error_of(worst)),
    sprintf("%d of %d", sum(x$trivial > 0.5), nrow(x)),
    sprintf("%.2f", stats::median(x$share[useful])),
    sprintf("%.2f", stats::median(x$margin[useful]))
  )
}, "")
lines <- c(
  "# The certificate and its competitors", "",
  sprintf(paste(
    "%s. alpha = %g, delta = %g, the paper's population; %s calibrations in",
    "each cell of up to 1,000 prompts and %s in others, and all rules on the",
    "same audits, planned by this package. One run of",
    "`bench/competitors.R %d`."
  ), R.version.string, alpha, delta, count(4 * runs), count(runs), runs), "",
  paste("Hedged betting: Waudby-Smith and Ramdas (2024), their predictable",
        "plug-in bets, one-sided. Empirical Bernstein: Maurer and Pontil",
        "(2009). Bentkus (2004), on the plain weighted losses. Hoeffding",
        "(1963). The paper: the margin of its theorem, sqrt((2 W^2 + 5)",
        "log(1 / delta) / n). DAPRO: the Bernstein bound of arXiv 2605.06605,",
        "L / (3 n) + sqrt(L^2 / (9 n^2) + 2 (w - alpha^2) L / n) with L =",
        "log(1 / delta) and w the mean weight; its linear term takes the",
        "range of a loss for 1, not W. W is the largest weight. Hedged",
        "betting, empirical Bernstein and Hoeffding have the control variate,",
        "as this package does; the others see plain losses."),
  "",
  "## Overall", "",
  paste("Trivial: cells in which more than half of all calibrations certify",
        "nothing. Medians are over the cells in which this package certifies",
        "in more than half: of the certified tau as a share of the largest",
        "tau that covers 1 - alpha, and of the margin."), "",
  shared$table_row("rule", "largest share false", "its error",
                   "trivial cells", "tau / best", "margin"),
  "|:--|--:|--:|--:|--:|--:|", overall, "",
  "## Certified tau", "",
  per_rule(function(x) sprintf("%.4f", x$tau)), "",
  "## Geometric mean of the bound", "",
  paste("Best: at the largest tau that covers 1 - alpha. Marginal: of the",
        "marginal rule, which is false in about half of all calibrations."),
  "",
  per_rule(function(x) size(x$bound),
           list(best = size(of("betting")$best),
                marginal = size(of("marginal")$bound))), "",
  "## Margin, in standard errors of the marginal rule", "",
  paste("By how much the mean coverage exceeds that of the marginal bound, in",
        "standard deviations of the marginal bound's coverage."), "",
  per_rule(function(x) sprintf("%.2f", x$margin)), "",
  "## Share of false certificates", "",
  sprintf("With its Monte Carlo standard error; at most %g is allowed.", delta),
  "",
  per_rule(function(x) sprintf("%.3f ± %.3f", x$false, error_of(x)))
)
writeLines(lines, "bench/competitors.md")
writeLines(lines)
