# Resuming time_to_unsafe() from its ledgers: the same split, hazard and plan.

# audit.sqlite for the audit, audit-training.sqlite for the training draws,
# audit-screening.sqlite for screening.
ledger_paths <- function(ledger, call = rlang::caller_env()) {
  if (is.null(ledger)) {
    return(list())
  }
  path <- check_ledger(ledger, call)
  beside <- function(phase) {
    sub("([.][^./]*)?$", sprintf("-%s\\1", phase), path)
  }
  list(audit = path, training = beside("training"),
       screening = beside("screening"))
}

# A random share of the rows, of the clusters where there are any; with a
# ledger, those that trained when it was begun.
training_rows <- function(path, id, train, cluster,
                          call = rlang::caller_env()) {
  unit <- number_units(cluster, length(id))
  n <- max(unit)
  if (n < 2) {
    stop_argument("cluster", "must contain at least 2 clusters", "1",
                  call = call)
  }
  size <- min(n - 1, max(1, round(train * n)))
  chosen <- sample.int(n, size)
  if (is.null(path) || !is_begun(path, call)) {
    return(which(unit %in% chosen))
  }
  rows <- match(as.character(read_ledger(path)$id), as.character(id))
  if (anyNA(rows)) {
    stop_ledger(path, "has prompts that are not among `prompts`", call = call)
  }
  if (any(unit[-rows] %in% unit[rows])) {
    stop_ledger(path, "was started with other clusters",
                "Supply the same `cluster`.", call = call)
  }
  began <- length(unique(unit[rows]))
  if (began != size) {
    stop_ledger(
      path, sprintf("was started with another split: %d of %s train", began,
                    counted(n, if (is.null(cluster)) "prompt" else "cluster")),
      sprintf("Supply the same `prompts` and `train`, not %s.", format(train)),
      call = call
    )
  }
  rows
}

# The plan of an audit that was begun, with the hazard fitted again.
plan_of_ledger <- function(task, hazard, rest, call) {
  path <- task$paths$audit
  if (is.null(path) || !is_begun(path, call)) {
    return(NULL)
  }
  plan <- read_ledger(path)
  row <- match(as.character(plan$id), as.character(task$id))
  if (anyNA(row)) {
    stop_ledger(path, "has prompts that are not among `prompts`", call = call)
  }
  if (!setequal(row, rest)) {
    stop_ledger(path, "was planned for other prompts",
                "Supply the same `prompts` and `train`.", call = call)
  }
  # Which cluster is which, whatever they are called.
  given <- task$cluster[row]
  planned <- plan[["cluster"]]
  if (!identical(match(given, unique(given)),
                 match(planned, unique(planned)))) {
    stop_ledger(path, "was planned with other clusters",
                "Supply the same `cluster`.", call = call)
  }
  check_planned(plan, task, call)
  prob <- screen_again(predict_hazard(hazard, take_rows(task$x, row)), plan)
  if (max(abs(prob - plan$prob) / pmax(prob, plan$prob, 1e-300)) > 1e-6) {
    stop_ledger(path, "was planned with another hazard",
                "Supply the same features, engine and settings.", call = call)
  }
  attr(plan, "hazard") <- hazard
  plan
}

# What is given must be what the plan has: it would be ignored otherwise.
check_planned <- function(plan, task, call) {
  given <- c(task$steps$plan, list(budget = task$budget,
                                   cluster_size = task$steps$cluster_size))
  if (!is.null(given$cap)) {
    given$cap <- floor(given$cap)
  }
  for (name in names(given)) {
    planned <- plan[[name]][1L]
    if (!is.null(given[[name]]) && !isTRUE(all.equal(given[[name]], planned))) {
      stop_ledger(
        task$paths$audit,
        sprintf("was planned with %s = %s", name, deparse1(planned)),
        sprintf("Supply the same, not %s.", deparse1(given[[name]])),
        call = call
      )
    }
  }
}

# The perceptron starts, and splits, at random: the same training draws must
# give the hazard that the plan in a ledger was made with.
fit_again <- function(training, x, steps) {
  with_seed(
    seed_of(list(as.double(training$unsafe), as.double(training$draws))),
    rlang::inject(fit_hazard(x, training, steps$engine, !!!steps$settings))
  )
}
