# The plan as a table: made, hashed, flat for a file, checked when it is
# back, and what it costs.

new_audit_plan <- function(plan, hazard = NULL) {
  new_table(plan, "audit_plan", hazard = hazard)
}

# Parts of one plan are bound together; an audit of another run is not told
# apart until its rows are checked.
#' @export
table_rule.audit_plan <- function(x) {
  new_table_rule(
    c(setdiff(required_columns, "prompt"),
      intersect(setdiff(plan_columns, required_columns), names(x))),
    "id", function(rows, parts) {
      if (length(unique(rows$plan_id)) == 1L) parts[[1L]]
    }
  )
}

is_planned <- function(audit) "plan_id" %in% names(audit)

# ---- Rows and constants ------------------------------------------------------

# A plan, or an audit, in parts: its columns, and the constants of the plan in
# the element `constants`. Draws without a plan have the constants of one that
# nobody had to make.
plan_parts <- function(plan) {
  plan <- as.list(plan)
  constants <- if (is_planned(plan)) {
    lapply(plan[intersect(plan_constants, names(plan))], `[[`, 1L)
  } else {
    list(design = if (all(plan$stop)) "stopped" else "fixed")
  }
  plan$horizon <- plan$horizon %||% (plan$limit + 1)
  # Within the package a prompt without an unsafe draw has reached its horizon.
  safe <- which(plan$status == 0)
  plan$time[safe] <- plan$horizon[safe]
  c(plan[setdiff(names(plan), plan_constants)], list(constants = constants))
}

# The table again, with the constants in each row.
join_parts <- function(rows, constants, hazard) {
  own <- intersect(plan_constants, names(constants))
  rows[own] <- constants[own]
  new_audit_plan(rows, hazard)
}

# The prompts of some rows only: a logical vector, or numbers.
take_part <- function(audit, at) {
  columns <- setdiff(names(audit), "constants")
  audit[columns] <- lapply(audit[columns], take_rows, at)
  audit
}

# ---- Seals -------------------------------------------------------------------

# A plan of rows that are drawn, with the last of its random numbers.
seal_plan <- function(rows, constants, hazard) {
  constants <- c(constants, list(
    schema = schema_numbers[["plan"]], u_certificate = stats::runif(1),
    hazard_check = hazard_check(hazard), n = nrow(rows)
  ))
  plan <- c(as.list(rows), list(constants = constants))
  constants$plan_id <- plan_hash(plan)
  constants$checksum <- plan_checksum(plan)
  join_parts(rows, constants, hazard)
}

# Independent of the order of rows, so that merge() and sort() do no harm, and
# of how a file or R represents the same ids and numbers.
plan_hash <- function(plan) {
  plain <- function(names, values) {
    there <- intersect(names, names(values))
    lapply(stats::setNames(nm = there), function(name) {
      switch(plan_schema[[name]]$type,
             number = as.double(values[[name]]),
             flag = as.logical(values[[name]]), as_text(values[[name]]))
    })
  }
  rows <- plain(schema_sealed("row", "hash"), plan)
  constants <- plain(schema_sealed("constant", "hash"), plan$constants)
  at <- order(rows$id, method = "radix")
  rlang::hash(list(lapply(unname(rows), `[`, at), unname(constants)))
}

# Numbers lose their last digits in a file, so they are summed, not hashed.
plan_checksum <- function(plan) {
  constants <- unlist(plan$constants[schema_sealed("constant", "sum")])
  # Beside an infinite one nothing else would count.
  constants[is.infinite(constants)] <- 0
  rows <- plan[intersect(setdiff(schema_sealed("row", "sum"), "order"),
                         names(plan))]
  own <- Reduce(`+`, lapply(rows, function(value) pmin(value, 1e6)))
  # On a scale on which none hides the others, were it infinite.
  sum(as.double(plan$order) * own) / length(own) +
    sum(pmin(asinh(constants), 1e3), na.rm = TRUE)
}

# ---- Checks ------------------------------------------------------------------

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
  check_plan_schema(plan, arg, call)
  absent <- setdiff(required_columns, c(names(plan), "prompt"))
  if (length(absent) > 0L) {
    stop_plan(arg, "has no columns", list_names(absent), call = call)
  }
  check_plan_rows(plan, arg, call)
  parts <- plan_parts(plan)
  check_plan_fields(parts, arg, call)
  check_seals(parts, arg, call)
  plan <- ungrouped_table(restore_prompts(plan))
  if (inherits(plan, "audit_plan")) plan else new_audit_plan(plan)
}

check_plan_schema <- function(plan, arg, call) {
  if (!is_planned(plan) && !"schema" %in% names(plan)) {
    return(invisible())
  }
  check_schema("plan", plan$schema[1L], sprintf("`%s`", arg), call,
               argument = arg)
}

check_seals <- function(plan, arg, call) {
  constants <- plan$constants
  if (!identical(plan_hash(plan), as.character(constants$plan_id))) {
    stop_plan(arg, "has ids, horizons, limits, stops, clusters, a design or a",
              "reference that are not those of the plan", call = call)
  }
  off <- abs(plan_checksum(plan) - constants$checksum)
  if (!(off <= 1e-9 * abs(constants$checksum))) {
    stop_plan(arg, "has hazards, probabilities or constants that are not those",
              "of the plan", call = call)
  }
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
  for (name in intersect(plan_constants, names(plan))) {
    value <- plan[[name]]
    absent <- plan_schema[[name]]$may_be_na && all(is.na(value))
    if (!absent && (anyNA(value) || any(value != value[1L]))) {
      stop_plan(arg, "mixes different plans: several values in",
                list_names(name), call)
    }
  }
  ids <- as_text(plan$id)
  if (anyNA(ids)) {
    stop_plan(arg, "has", "a missing id", call)
  }
  if (anyDuplicated(ids) > 0L) {
    stop_plan(arg, "has the id twice:",
              show_text(ids[anyDuplicated(ids)]), call)
  }
  if (anyNA(plan[["cluster"]])) {
    stop_plan(arg, "has", "a missing cluster", call)
  }
  if (nrow(plan) != plan$n[1L]) {
    stop_plan(arg, sprintf("has %d rows and should have", nrow(plan)),
              format(plan$n[1L]), call)
  }
}

# Each by itself, and what ties them together.
check_plan_fields <- function(plan, arg, call) {
  check_fields(plan, "row", arg, call)
  check_fields(plan$constants, "constant", arg, call)
  design <- as.character(plan$constants$design)
  check_choice(design, names(sealed_designs), paste0(arg, "$design"),
               call = call)
  needed <- pmax(0, plan$horizon - 1)
  off <- plan$limit - needed
  more <- !design_of(plan)$stops & needed > 0 & off > 0
  if (any(abs(off) > 1e-12 * plan$horizon & !more)) {
    stop_plan(arg, "has a `limit` other than", "`horizon - 1`", call)
  }
  never <- plan$inclusion == 0 & reachable_quantile(plan) > 1
  if (any(never)) {
    stop_plan(arg, "has an inclusion probability of 0 for the prompt",
              show_text(as_text(plan$id[never][1L])), call)
  }
  if (any(plan$order > length(plan$order)) || anyDuplicated(plan$order) > 0L) {
    stop_plan(arg, "has an `order` that is no", "permutation of its rows", call)
  }
  if (is_clustered(plan) && !is_contiguous(plan$order, plan[["cluster"]])) {
    stop_plan(arg, "has an `order` in which", "clusters are in pieces", call)
  }
}

# ---- Files -------------------------------------------------------------------

# Prompts that are rows of a data frame become columns prompt.x, as in a CSV.
flatten_plan <- function(rows, call, factors = FALSE) {
  plan <- as.data.frame(rows)[setdiff(names(rows), outcome_columns)]
  prompts <- plan$prompt
  if (is.data.frame(prompts)) {
    names(prompts) <- paste0("prompt.", names(prompts))
    plan$prompt <- NULL
    plan <- cbind(plan, prompts)
  }
  for (name in names(plan)) {
    column <- plan[[name]]
    if (is.factor(column) && !factors) {
      column <- plan[[name]] <- as.character(column)
    }
    plain <- is.factor(column) ||
      (typeof(column) %in% c("character", "double", "integer", "logical") &&
         !is.object(column) && is.null(dim(column)))
    if (!plain) {
      stop_argument("prompts", "must have plain columns to be kept in a file",
                    sprintf("`%s`, %s", name, describe(column)), call = call)
    }
    if (is.character(column) && !all(validUTF8(to_utf8(column)))) {
      stop_argument("prompts", "must be readable text to be kept in a file",
                    sprintf("bytes of another encoding in `%s`", name),
                    fix = "iconv() converts, say from \"latin1\".",
                    call = call)
    }
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

# ---- Cost --------------------------------------------------------------------

plan_cost <- function(plan) {
  expected <- plan$limit
  stops <- plan$stop
  expected[stops] <- find_law(plan$constants)$cost(plan, plan$limit)[stops]
  list(
    included = sum(plan$horizon > 0), worst = sum(plan$limit),
    expected = sum(expected)
  )
}
