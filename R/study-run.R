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
    fitter(train$x, train$unsafe, train$draws),
    error = function(e) {
      problem <- sprintf("has a function \"%s\" that failed", name)
      stop_argument("hazards", problem, call = call, parent = e)
    }
  )
  if (!inherits(fit, "hazard_fit")) {
    must <- sprintf("must return a hazard_fit from \"%s\"", name)
    stop_argument("hazards", must, describe(fit), call = call,
                  fix = "Wrap a model of your own with as_hazard().")
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
      quantile = geometric_quantile(predicted[calibrate], max(settings$levels))
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
    audit <- study_audit(plans$method[i], plans$budget[i], plans$max_weight[i],
                         max(alpha), planned, settings)
    chosen <- study_levels(audit, alpha, settings$levels)
    t(mapply(score_level, chosen$level, chosen$grid_level,
             MoreArgs = list(audit = audit, held_out = held_out)))
  })
  do.call(rbind, rows)
}

# ---- One audit ---------------------------------------------------------------

# The parts of an audit that its level depends on, from the same functions as
# plan_audit() and simulate_audit(), without ids, hashes and data frames. Where
# nothing is drawn there is a cap, and no more.
study_audit <- function(method, budget, max_weight, largest_alpha, planned,
                        settings) {
  method <- study_method(method)
  if (is.na(method$design)) {
    return(list(constants = list(cap = Inf), horizon = 0, draws = 0))
  }
  policy <- new_policy(method$design, budget, 0.1, NULL, max(settings$levels),
                       max_weight, NULL)
  quantile <- cap_quantile(planned$quantile, planned, policy)
  # On the prompts themselves, as published.
  policy <- fix_policy(policy, quantile, length(quantile))
  audit <- c(draw_inclusion(quantile, policy),
             list(prob = planned$prob, failed = FALSE,
                  order = seq_along(quantile), constants = policy))
  if (!method$fresh) {
    return(simulate_outcomes(audit, planned$truth))
  }
  time <- geometric_sample(planned$truth)
  audit <- observe(audit, time)
  audit$fresh <- fresh_curves(planned$prob, time, budget, settings$levels,
                              largest_alpha)
  audit
}

# The naive estimates with a new horizon for each level, up to the first level
# at which both reach alpha: list(exact, published). Only prompts with a time
# below their quantile can count, which few have: time < q_tau(x) just when
# F(time) < tau. The published code takes P(C > q) for P(C >= q), both for the
# weight and to decide who is included.
fresh_curves <- function(prob, time, budget, levels, alpha) {
  jump <- geometric_distribution(time, prob)
  at <- which(jump < max(levels))
  at <- at[order(jump[at])]
  sorted <- prob[at]
  count <- findInterval(levels, jump[at], left.open = TRUE)
  curves <- list(exact = rep(Inf, length(levels)),
                 published = rep(Inf, length(levels)))
  stay <- 1 - 1 / budget
  for (k in seq_along(levels)) {
    # Without the checks of geometric_quantile(), which would take as long.
    quantile <- core_value(.Call(
      ffi_geometric_quantile, sorted[seq_len(count[k])], levels[k], Inf
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
study_levels <- function(audit, alpha, levels) {
  if (is.null(audit$prob)) {
    return(list(level = alpha, grid_level = alpha))
  }
  if (!is.null(audit$fresh)) {
    return(list(
      level = last_levels(levels, audit$fresh$exact, alpha, 0),
      grid_level = last_levels(levels, audit$fresh$published, alpha,
                               levels[1L])
    ))
  }
  if (!is.null(design_of(audit)$curve)) {
    level <- vapply(alpha, function(target) find_point(audit, target)$level, 0)
    below <- findInterval(level, levels)
    return(list(level = level, grid_level = levels[pmax(1, below)]))
  }
  found <- lapply(alpha, function(target) find_jumps(audit, target))
  level <- vapply(found, function(one) one$level, 0)
  # The jumps are the same for all targets.
  curve <- jump_curve(found[[1L]], levels, length(audit$prob))
  list(level = if (any(audit$horizon > 0)) level else 0 * level,
       grid_level = last_levels(levels, curve, alpha, levels[1L]))
}

last_levels <- function(levels, curve, alpha, otherwise) {
  vapply(alpha, function(target) {
    level <- select_level(levels, curve, target)
    if (is.na(level)) otherwise else level
  }, 0)
}

# The curve at some levels from its jumps: each counts for the levels above it.
jump_curve <- function(found, levels, n) {
  first <- findInterval(found$jump_level, levels) + 1
  size <- numeric(length(levels) + 1)
  sums <- rowsum(found$jump_weight, first)
  size[as.integer(rownames(sums))] <- sums
  cumsum(size[seq_along(levels)]) / n
}

# In the order of study_numbers.
score_level <- function(level, grid_level, audit, held_out) {
  cap <- audit$constants$cap
  bound <- geometric_quantile(held_out$prob, level, cap)
  covered <- geometric_coverage(bound, held_out$truth)
  grid_bound <- geometric_quantile(held_out$prob, grid_level, cap)
  parts <- vapply(held_out$groups, function(i) mean(covered[i]), 0)
  parts[is.nan(parts)] <- NA
  n <- length(audit$horizon)
  c(level, mean(covered), parts, mean(bound), exp(mean(log(bound))),
    sum(audit$horizon) / n, sum(audit$draws) / n, grid_level,
    mean(geometric_coverage(grid_bound + 1, held_out$truth)), mean(grid_bound))
}
