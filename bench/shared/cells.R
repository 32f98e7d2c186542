# What simulations of the certificate share: a population whose hazards are
# known, audits of it without text and hashes, and the true coverage of a tau.

library(timetounsafe)

core <- asNamespace("timetounsafe")

# The bound is for prompts drawn at random from `truth`; the design is fixed on
# other prompts, `reference`. `hat` are the hazards that the plan goes by.
new_world <- function(size) {
  people <- simulate_prompts(size)
  reference <- simulate_prompts(size)
  shuffled <- function(p) p[order(stats::runif(length(p)))]
  list(
    known = list(name = "known", hat = people$prob, truth = people$prob,
                 reference = reference$prob),
    permuted = list(name = "permuted", hat = shuffled(people$prob),
                    truth = people$prob, reference = shuffled(reference$prob))
  )
}

# The constants that plan_audit() would fix. `cell` has design, budget, n, alpha
# and delta.
cell_constants <- function(cell, model) {
  constants <- core$new_constants(cell$design, cell$budget, cell$alpha,
                                  cell$delta, NULL, NULL)
  constants <- core$choose_tau_max(constants, NULL, cell$n)
  constants$reference <- "given"
  quantile <- core$prior_quantile(list(prob = model$reference), constants)
  core$fix_constants(constants, quantile, cell$n)
}

draw_cell <- function(n, model, constants, quantile) {
  at <- sample.int(length(model$truth), n, replace = TRUE)
  audit <- core$draw_inclusion(quantile[at], constants)
  audit$prob <- model$hat[at]
  audit$order <- sample.int(n)
  audit$failed <- FALSE
  audit$constants <- constants
  audit <- core$simulate_outcomes(audit, model$truth[at])
  audit$constants$u_certificate <- stats::runif(1)
  audit
}

# Functions that interpolate the true coverage and the mean log bound of a tau,
# and `best`, the largest tau whose miscoverage is at most alpha.
true_curves <- function(model, constants) {
  at <- function(tau) {
    bound <- geometric_quantile(model$hat, tau, constants$cap)
    missed <- mean(core$geometric_distribution(bound - 1, model$truth))
    c(missed = missed, size = mean(log(bound)))
  }
  spare <- function(tau) constants$alpha - at(tau)[["missed"]]
  best <- constants$tau_max
  if (spare(best) < 0) {
    best <- stats::uniroot(spare, c(0, best), tol = 1e-9)$root
  }
  tau_grid <- best * exp(seq(-5, 2, length.out = 281))
  tau_grid <- c(0, tau_grid[tau_grid < constants$tau_max], constants$tau_max)
  values <- vapply(tau_grid, at, c(missed = 0, size = 0))
  list(best = best,
       covered = stats::approxfun(tau_grid, 1 - values["missed", ]),
       size = stats::approxfun(tau_grid, values["size", ]))
}

# The value of f() in each of `runs` audits, a row each.
run_audits <- function(runs, seed, workers, f) {
  streams <- core$random_streams(seed, 10)
  rows <- core$run_streams(streams, function() {
    t(replicate(ceiling(runs / 10), f()))
  }, workers)
  do.call(rbind, rows)
}

table_row <- function(...) paste0("| ", paste(..., sep = " | "), " |")
