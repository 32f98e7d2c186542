# The repetitions of a study, and the one audit of each cell.

# ---- Repetitions -------------------------------------------------------------

# One matrix for each repetition: a row for each cell, a column for each number.
run_study <- function(settings, streams, workers, call = rlang::caller_env()) {
  world <- if (settings$resample != "all") {
    run_streams(streams[1L], function() make_world(settings, call), 1)[[1L]]
  }
  repetition <- function() {
    run_repetition(world %||% make_world(settings, call), settings)
  }
  run_streams(streams[-1L], repetition, workers, call = call)
}

# Prompts that did not train, with their true and estimated hazards.
make_world <- function(settings, call) {
  prompts <- do.call(simulate_prompts, c(settings$n, settings$population))
  train <- seq_len(settings$sizes[1L])
  rest <- prompts[-train, ]
  predicted <- lapply(names(settings$hazards), function(name) {
    fit <- fit_for_study(name, settings$hazards[[name]], prompts[train, ], call)
    predict_for_study(name, fit, rest$x, call)
  })
  names(predicted) <- names(settings$hazards)
  list(prob = rest$prob, hard = rest$hard, predicted = predicted)
}

fit_for_study <- function(name, fitter, train, call) {
  fit <- tryCatch(
    fitter(train$x, cbind(unsafe = train$unsafe,
                          safe = train$draws - train$unsafe)),
    error = function(e) {
      problem <- sprintf("has a function \"%s\" that failed", name)
      stop_argument("hazards", problem, call = call, parent = e)
    }
  )
  if (!inherits(fit, "hazard_fit")) {
    must <- sprintf("must return a hazard_fit from \"%s\"", name)
    stop_argument("hazards", must, describe(fit), call = call,
                  fix = "Wrap your own model with as_hazard().")
  }
  fit
}

# A hazard of 0 would make an infinite quantile.
predict_for_study <- function(name, fit, x, call) {
  prob <- predict_hazard(fit, x)
  if (any(prob == 0)) {
    stop_argument(
      "hazards", sprintf("must predict hazards above 0 with \"%s\"", name),
      sprintf("0 (element %d)", which(prob == 0)[1L]), call = call
    )
  }
  prob
}

run_repetition <- function(world, settings) {
  n <- length(world$prob)
  at <- if (settings$resample == "split") sample.int(n) else seq_len(n)
  calibrate <- at[seq_len(settings$sizes[2L])]
  test <- at[-seq_len(settings$sizes[2L])]
  rows <- lapply(names(world$predicted), function(name) {
    predicted <- world$predicted[[name]]
    planned <- list(
      prob = predicted[calibrate], truth = world$prob[calibrate],
      quantile = geometric_quantile(predicted[calibrate],
                                    max(settings$tau_grid))
    )
    held_out <- list(prob = predicted[test], truth = world$prob[test],
                     groups = study_groups(predicted[test], world$hard[test]))
    plans <- settings$plans[settings$plans$hazard == name, ]
    run_plans(plans, planned, held_out, settings)
  })
  do.call(rbind, rows)
}

study_groups <- function(predicted, hard) {
  risk <- risk_rank(predicted, 3)
  list(hard = which(hard), rest = which(!hard), low = which(risk == 1),
       middle = which(risk == 2), high = which(risk == 3))
}

# In the order of study_cells().
run_plans <- function(plans, planned, held_out, settings) {
  rows <- lapply(seq_len(nrow(plans)), function(i) {
    alpha <- settings$alpha[[plans$row[i]]]
    audit <- study_audit(plans$method[i], plans$budget[i], plans$cap_ratio[i],
                         max(alpha), planned, settings)
    chosen <- study_taus(audit, alpha, settings$tau_grid)
    t(mapply(score_tau, chosen$tau, chosen$grid_tau,
             MoreArgs = list(audit = audit, held_out = held_out)))
  })
  do.call(rbind, rows)
}

# ---- One audit ---------------------------------------------------------------

# The parts of an audit that its level depends on, from the same functions as
# plan_audit() and simulate_audit(), without ids, hashes and data frames. Where
# nothing is drawn there is a cap, and no more.
study_audit <- function(method, budget, cap_ratio, largest_alpha, planned,
                        settings) {
  method <- study_method(method)
  if (is.na(method$design)) {
    return(list(constants = list(cap = Inf), horizon = 0, draws = 0))
  }
  cap <- if (find_design(method$design)$capped) default_cap(budget, cap_ratio)
  constants <- new_constants(method$design, budget, 0.1, NULL,
                             max(settings$tau_grid), cap)
  quantile <- cap_quantile(planned$quantile, planned, constants)
  # On the prompts themselves, as published.
  constants <- fix_constants(constants, quantile, length(quantile))
  audit <- c(draw_inclusion(quantile, constants),
             list(prob = planned$prob, failed = FALSE,
                  order = seq_along(quantile), constants = constants))
  if (!method$fresh) {
    return(simulate_outcomes(audit, planned$truth))
  }
  time <- geometric_sample(planned$truth)
  audit <- observe(audit, time)
  audit$fresh <- fresh_curves(planned$prob, time, budget, settings$tau_grid,
                              largest_alpha)
  audit
}

# The naive estimates with a new horizon for each level, up to the first level
# at which both reach alpha: list(exact, published). Only prompts with a time
# below their quantile can count, which few have: time < q_tau(x) just when
# F(time) < tau. The published code takes P(C > q) for P(C >= q), both for the
# weight and to decide who is included.
fresh_curves <- function(prob, time, budget, tau_grid, alpha) {
  jump <- geometric_distribution(time, prob)
  at <- which(jump < max(tau_grid))
  at <- at[order(jump[at])]
  sorted <- prob[at]
  count <- findInterval(tau_grid, jump[at], left.open = TRUE)
  curves <- list(exact = rep(Inf, length(tau_grid)),
                 published = rep(Inf, length(tau_grid)))
  stay <- 1 - 1 / budget
  for (k in seq_along(tau_grid)) {
    # Without the checks of geometric_quantile(), which would take as long.
    quantile <- core_value(.Call(
      ffi_geometric_quantile, sorted[seq_len(count[k])], tau_grid[k], Inf
    ))
    reach <- stay^(quantile - 1)
    u <- stats::runif(count[k])
    reached <- reach[u < reach]
    above <- reach[u < reach * stay] * stay
    curves$exact[k] <- sum(1 / reached) / length(prob)
    curves$published[k] <- sum(1 / above) / length(prob)
    if (curves$exact[k] >= alpha && curves$published[k] >= alpha) {
      break
    }
  }
  curves
}

# What an audit selects for each target: its level, and the published one.
study_taus <- function(audit, alpha, tau_grid) {
  if (is.null(audit$prob)) {
    return(list(tau = alpha, grid_tau = alpha))
  }
  if (!is.null(audit$fresh)) {
    return(list(
      tau = last_taus(tau_grid, audit$fresh$exact, alpha, 0),
      grid_tau = last_taus(tau_grid, audit$fresh$published, alpha,
                               tau_grid[1L])
    ))
  }
  if (!is.null(design_of(audit)$curve)) {
    tau <- vapply(alpha, function(target) find_marginal(audit, target)$tau, 0)
    below <- findInterval(tau, tau_grid)
    return(list(tau = tau, grid_tau = tau_grid[pmax(1, below)]))
  }
  found <- lapply(alpha, function(target) find_jumps(audit, target))
  tau <- vapply(found, function(one) one$tau, 0)
  # The jumps are the same for all targets.
  curve <- jump_curve(found[[1L]], tau_grid, length(audit$prob))
  list(tau = if (any(audit$horizon > 0)) tau else 0 * tau,
       grid_tau = last_taus(tau_grid, curve, alpha, tau_grid[1L]))
}

last_taus <- function(tau_grid, curve, alpha, otherwise) {
  vapply(alpha, function(target) {
    tau <- select_tau(tau_grid, curve, target)
    if (is.na(tau)) otherwise else tau
  }, 0)
}

# The curve at some levels from its jumps: each counts for the levels above it.
jump_curve <- function(found, tau_grid, n) {
  first <- findInterval(found$jump_tau, tau_grid) + 1
  size <- numeric(length(tau_grid) + 1)
  sums <- rowsum(found$jump_weight, first)
  size[as.integer(rownames(sums))] <- sums
  cumsum(size[seq_along(tau_grid)]) / n
}

# In the order of study_numbers.
score_tau <- function(tau, grid_tau, audit, held_out) {
  cap <- audit$constants$cap
  bound <- geometric_quantile(held_out$prob, tau, cap)
  covered <- geometric_coverage(bound, held_out$truth)
  grid_bound <- geometric_quantile(held_out$prob, grid_tau, cap)
  parts <- vapply(held_out$groups, function(i) mean(covered[i]), 0)
  parts[is.nan(parts)] <- NA
  n <- length(audit$horizon)
  c(tau, mean(covered), parts, mean(bound), exp(mean(log(bound))),
    sum(audit$horizon) / n, sum(audit$draws) / n, grid_tau,
    mean(geometric_coverage(grid_bound + 1, held_out$truth)), mean(grid_bound))
}
