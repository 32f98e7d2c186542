# The cells of a study: hazards, methods, budgets and targets, checked, and the
# numbers of each.

# The methods that are compared, and the sampling design of each: none where
# nothing is drawn. `fresh`: with a new horizon for each tau.
study_methods <- data.frame(
  method = c("uncalibrated", "naive", "naive_fresh", "basic", "trimmed",
             "optimized", "replicated"),
  design = c(NA, "naive", "naive", "basic", "trimmed", "optimized",
             "replicated"),
  fresh = c(FALSE, FALSE, TRUE, FALSE, FALSE, FALSE, FALSE)
)

study_method <- function(name) {
  as.list(study_methods[match(name, study_methods$method), ])
}

# What a study reports of each run.
study_numbers <- c(
  "tau", "coverage", "coverage_hard", "coverage_rest", "coverage_low",
  "coverage_middle", "coverage_high", "mean_bound", "gmean_bound",
  "draws_allowed", "draws_made", "grid_tau", "grid_coverage", "grid_mean_bound"
)

# The cell of each row of run_repetition().
study_cells <- function(settings) {
  targets <- settings$alpha[settings$plans$row]
  cells <- settings$plans[rep(seq_along(targets), lengths(targets)), ]
  cells$alpha <- unlist(targets)
  cells[c("hazard", "method", "budget", "cap_ratio", "alpha")]
}

# ---- Settings ----------------------------------------------------------------

check_fitters <- function(hazards, call = rlang::caller_env()) {
  functions <- is.list(hazards) && length(hazards) > 0L &&
    all(vapply(hazards, is.function, NA))
  if (!functions) {
    stop_argument("hazards", "must be a named list of functions",
                  describe(hazards), call = call)
  }
  names <- names(hazards) %||% rep("", length(hazards))
  if (anyNA(names) || !all(nzchar(names)) || anyDuplicated(names) > 0L) {
    stop_argument("hazards", "must have distinct names", list_names(names),
                  fix = "For example list(paper = fit_paper_hazard).",
                  call = call)
  }
  hazards
}

# One row for each plan, those of one hazard together.
check_plans <- function(plans, methods, budgets, cap_ratio, hazards,
                        call = rlang::caller_env()) {
  if (is.null(plans)) {
    return(expand.grid(
      cap_ratio = check_set(cap_ratio, "cap_ratio", min = 1, call = call),
      budget = check_budgets(budgets, methods, call),
      method = check_methods(methods, call), hazard = hazards,
      stringsAsFactors = FALSE
    ))
  }
  columns <- c("cap_ratio", "budget", "method", "hazard")
  if (!is.data.frame(plans) || !all(columns %in% names(plans))) {
    stop_argument("plans", "must be a data frame with the columns",
                  list_names(columns), call = call)
  }
  plans <- as.data.frame(plans)[intersect(c(columns, "alpha"), names(plans))]
  plans[3:4] <- lapply(plans[3:4], as.character)
  if (nrow(plans) == 0L || anyDuplicated(plans) > 0L) {
    stop_argument("plans", "must contain rows, without duplicates", call = call)
  }
  check_methods(unique(plans$method), call, "plans$method")
  for (part in split(plans, plans$method)) {
    check_budgets(unique(part$budget), part$method, call, "plans$budget")
  }
  check_set(unique(plans$cap_ratio), "plans$cap_ratio", min = 1, call = call)
  if (!setequal(plans$hazard, hazards)) {
    stop_argument("plans$hazard", "must contain the names of `hazards`",
                  list_names(unique(plans$hazard)), call = call)
  }
  plans[order(match(plans$hazard, hazards)), ]
}

check_budgets <- function(budgets, methods, call, arg = "budgets") {
  designs <- study_methods$design[study_methods$method %in% methods]
  least <- vapply(designs[!is.na(designs)], function(name) {
    find_design(name)$least_budget
  }, 0)
  check_set(budgets, arg, min = max(0, least), open = c(TRUE, FALSE),
            call = call)
}

check_set <- function(x, arg, ..., call) {
  x <- check_numeric(x, arg, finite = TRUE, ..., call = call)
  if (anyDuplicated(x) > 0L) {
    stop_argument(arg, "must not contain duplicates",
                  format(x[anyDuplicated(x)]), call = call)
  }
  x
}

check_methods <- function(methods, call, arg = "methods") {
  quoted <- paste0("\"", study_methods$method, "\"", collapse = ", ")
  if (!is.character(methods) || length(methods) == 0L) {
    stop_argument(arg, paste("must contain some of", quoted),
                  describe(methods), call = call)
  }
  wrong <- which(!methods %in% study_methods$method | duplicated(methods))
  if (length(wrong) > 0L) {
    stop_argument(arg, paste("must contain some of", quoted, "once each"),
                  describe(methods[wrong[1L]]), call = call)
  }
  methods
}

check_study <- function(plans, alpha, tau_grid, n, split, hazards, resample,
                        population, call = rlang::caller_env()) {
  targets <- plan_targets(plans, alpha, call)
  tau_grid <- check_numeric(tau_grid, "tau_grid", min = 0, max = 1,
                            open = c(TRUE, TRUE), call = call)
  if (is.unsorted(tau_grid, strictly = TRUE)) {
    stop_argument("tau_grid", "must be strictly increasing",
                  "a vector that is not", call = call)
  }
  n <- check_number(n, "n", min = 10, max = 1e8, whole = TRUE, call = call)
  known <- c("draws", "noise")
  unknown <- setdiff(names(population) %||% rep("", length(population)), known)
  if (length(unknown) > 0L) {
    refuse_renamed(unknown, c("cap_ratio", "tau_grid"), call)
    stop_argument("...", "must contain arguments of simulate_prompts()",
                  list_names(unknown), call = call)
  }
  list(
    plans = targets$plans, alpha = targets$alpha, tau_grid = tau_grid, n = n,
    sizes = check_split(split, n, call), hazards = hazards,
    resample = check_choice(resample, c("all", "split", "none"), "resample",
                            call = call),
    population = population
  )
}

# Plans with the same audit are one, whose targets are a list element:
# list(plans, with a column `row`, and alpha).
plan_targets <- function(plans, alpha, call) {
  check <- function(alpha, arg) {
    check_set(alpha, arg, min = 0, max = 1, open = c(TRUE, TRUE), call = call)
  }
  audits <- unique(plans[setdiff(names(plans), "alpha")])
  audits$row <- seq_len(nrow(audits))
  if (is.null(plans$alpha)) {
    targets <- rep(list(check(alpha, "alpha")), nrow(audits))
  } else {
    same <- merge(cbind(plans, at = seq_len(nrow(plans))), audits)
    targets <- unname(split(same$alpha[order(same$at)],
                            same$row[order(same$at)]))
    lapply(targets, check, arg = "plans$alpha")
  }
  list(plans = audits, alpha = targets)
}

# The number of prompts in each part.
check_split <- function(split, n, call) {
  split <- check_numeric(split, "split", 3L, min = 0, max = 1, call = call)
  if (abs(sum(split) - 1) > 1e-8) {
    stop_argument("split", "must sum to 1", format(sum(split)), call = call)
  }
  sizes <- diff(c(0, round(cumsum(split) * n)))
  if (any(sizes < 10)) {
    stop_argument("split", "must leave each part at least 10 prompts",
                  format(min(sizes)), fix = "Increase `n`, or balance `split`.",
                  call = call)
  }
  sizes
}
