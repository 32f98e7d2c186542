# The plan as a table: made, hashed, flat for a file, checked when it is
# back, and what it costs.

new_audit_plan <- function(plan, hazard = NULL) {
  structure(plan, class = c("audit_plan", "data.frame"), hazard = hazard)
}

# Independent of the order of rows, so that merge() and sort() do no harm, and
# of how a file or R represents the same ids and numbers.
plan_hash <- function(plan) {
  id <- as_text(plan$id)
  at <- order(id, method = "radix")
  rlang::hash(list(id[at], as.double(plan$horizon)[at],
                   as.double(plan$limit)[at], as.character(plan$method[1L])))
}

# Numbers lose their last digits in a file, so they are summed, not hashed.
plan_checksum <- function(plan) {
  constants <- lapply(plan_constants[-1L], function(name) {
    value <- plan[[name]][1L]
    if (is.numeric(value) && name != "checksum") min(value, 1e15) else 0
  })
  constants <- sum(unlist(constants), na.rm = TRUE)
  own <- plan$pi + plan$prob + plan$u + pmin(plan$intensity, 1e6)
  sum(as.double(plan$order) * own) / nrow(plan) + constants
}

# A plan as read back from a file: complete, unchanged, of the right types.
# Returns it as an audit_plan.
check_plan <- function(plan, arg = "plan", call = rlang::caller_env()) {
  if (missing(plan)) {
    stop_missing(arg, call)
  }
  if (!is.data.frame(plan)) {
    stop_argument(arg, "must be a plan from plan_audit()", describe(plan),
                  call = call)
  }
  absent <- setdiff(plan_columns, c(names(plan), "prompt"))
  if (length(absent) > 0L) {
    stop_plan(arg, "lacks the columns", list_names(absent), call = call)
  }
  check_plan_rows(plan, arg, call)
  check_plan_numbers(plan, arg, call)
  if (!identical(plan_hash(plan), as.character(plan$plan_id[1L]))) {
    stop_plan(arg, "has ids, horizons, limits or a method that are not those",
              "of the plan", call = call)
  }
  off <- abs(plan_checksum(plan) - plan$checksum[1L])
  if (!(off <= 1e-9 * abs(plan$checksum[1L]))) {
    stop_plan(arg, "has hazards, probabilities or constants that are not those",
              "of the plan", call = call)
  }
  plan <- restore_prompts(plan)
  if (inherits(plan, "audit_plan")) plan else new_audit_plan(plan)
}

stop_plan <- function(arg, problem, detail, call) {
  stop_classed(
    "plan",
    c(paste0("`", arg, "` ", problem, " ", detail, "."),
      i = "Calibration needs every row of the plan, as plan_audit() made it.",
      i = paste("Was it written to a file and read back? write_plan() and",
                "read_plan() keep every digit, and text as it is.")),
    call = call
  )
}

check_plan_rows <- function(plan, arg, call) {
  if (nrow(plan) == 0L) {
    stop_plan(arg, "has", "no rows", call)
  }
  for (name in plan_constants) {
    value <- plan[[name]]
    # A plan made without `delta` holds NA, and so does one by a user's model.
    absent <- name %in% c("delta", "hazard_check") && all(is.na(value))
    if (!absent && (anyNA(value) || any(value != value[1L]))) {
      stop_plan(arg, "mixes different plans: several values in",
                list_names(name), call)
    }
  }
  ids <- as.character(plan$id)
  if (anyNA(ids)) {
    stop_plan(arg, "has", "a missing id", call)
  }
  if (anyDuplicated(ids) > 0L) {
    stop_plan(arg, "has the id twice:", ids[anyDuplicated(ids)], call)
  }
  if (nrow(plan) != plan$n[1L]) {
    stop_plan(arg, sprintf("has %d rows and should have", nrow(plan)),
              format(plan$n[1L]), call)
  }
}

check_plan_numbers <- function(plan, arg, call) {
  column <- function(name, ...) {
    check_numeric(plan[[name]], paste0(arg, "$", name), call = call, ...)
  }
  check_choice(plan$method[1L], policy_methods, paste0(arg, "$method"),
               call = call)
  column("budget", min = 0)
  column("weight_limit", min = 1)
  column("variance", min = 0)
  column("threshold", min = 0, max = 1)
  column("cap", min = 1)
  column("tau_prior", min = 0, max = 1, open = c(TRUE, TRUE))
  column("prob", min = 0, max = 1)
  column("horizon", min = 0, whole = TRUE)
  pi <- column("pi", min = 0, max = 1)
  limit <- column("limit", min = 0, whole = TRUE)
  needed <- pmax(0, plan$horizon - 1)
  off <- limit - needed
  replicated <- plan$method[1L] == "replicated" & needed > 0
  if (any(abs(off) > 1e-12 * plan$horizon & !(replicated & off > 0))) {
    stop_plan(arg, "has a `limit` other than", "`horizon - 1`", call)
  }
  reachable <- reachable_quantile(plan)
  if (any(pi == 0 & reachable > 1)) {
    at <- which(pi == 0 & reachable > 1)[1L]
    stop_plan(arg, "has an inclusion probability of 0 for the prompt",
              as.character(plan$id[at]), call)
  }
  if (!is.logical(plan$stop) || anyNA(plan$stop)) {
    stop_argument(paste0(arg, "$stop"), "must be TRUE or FALSE", call = call)
  }
}

# Prompts that are rows of a data frame become columns prompt.x, as in a CSV.
flatten_plan <- function(rows, call) {
  plan <- as.data.frame(rows)[setdiff(names(rows), outcome_columns)]
  class(plan) <- "data.frame"
  prompts <- plan$prompt
  if (is.data.frame(prompts)) {
    names(prompts) <- paste0("prompt.", names(prompts))
    plan$prompt <- NULL
    plan <- cbind(plan, prompts)
  }
  for (name in names(plan)) {
    column <- plan[[name]]
    if (is.factor(column)) {
      column <- as.character(column)
    }
    if (!is.atomic(column) || is.object(column) || !is.null(dim(column))) {
      stop_argument("prompts", "must have plain columns to be kept in a file",
                    sprintf("`%s`, %s", name, describe(column)), call = call)
    }
    plan[[name]] <- column
  }
  plan
}

# A CSV file has a column prompt.x for each column x of the prompts.
restore_prompts <- function(plan) {
  parts <- grep("^prompt[.]", names(plan), value = TRUE)
  if (!"prompt" %in% names(plan) && length(parts) > 0L) {
    prompts <- as.data.frame(plan)[parts]
    names(prompts) <- sub("^prompt[.]", "", parts)
    plan$prompt <- prompts
    plan[parts] <- NULL
  }
  plan
}

# The prior quantile: the largest one that a prompt may be asked for.
reachable_quantile <- function(plan) {
  geometric_quantile(plan$prob, plan$tau_prior[1L], plan$cap[1L])
}

plan_cost <- function(plan) {
  expected <- plan$limit
  stops <- plan$stop
  expected[stops] <- expected_draws(plan$prob[stops], plan$limit[stops])
  list(
    included = sum(plan$horizon > 0), worst = sum(plan$limit),
    expected = sum(expected)
  )
}
