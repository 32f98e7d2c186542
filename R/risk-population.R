# The population that a risk is meant for: an audit, draws without a plan or a
# log, its groups, and the depth to which each prompt is drawn.

# list(audit, depth, parts): the audit in parts, how many draws of each prompt
# are made, or would be if it were included, and the rows of each group (`named`
# says whether there are any).
read_population <- function(x, groups, call = rlang::caller_env()) {
  x <- check_population(x, call)
  if (!is.null(groups)) {
    groups <- droplevels(read_groups(groups, x, call))
  }
  audit <- plan_parts(x)
  if (!is_planned(x)) {
    # As a plan would have.
    audit$order <- order_by_id(audit$id)
  }
  rows <- seq_along(audit$limit)
  list(audit = audit, depth = sampled_depth(audit),
       parts = if (is.null(groups)) list(all = rows) else split(rows, groups),
       named = !is.null(groups))
}

# Of a plan, or of draw_responses(), which has none.
check_population <- function(x, call = rlang::caller_env()) {
  if (missing(x)) {
    stop_missing("x", call)
  }
  if (inherits(x, "response_log")) {
    x <- draws_of_log(x, call)
  }
  if (inherits(x, "lpb")) {
    return(x$audit)
  }
  if (is.data.frame(x) && all(outcome_columns %in% names(x))) {
    # Before check_audit(), which speaks of calibration.
    refuse_unfinished(x, "Finished prompts are not a random subset.", "x", call)
  }
  draws <- inherits(x, "prompt_draws") || inherits(x, "audit") && !is_planned(x)
  if (!draws) {
    if (!is.data.frame(x)) {
      stop_argument(
        "x", "must be an audit, prompt_draws, a response_log or an lpb",
        describe(x), call = call
      )
    }
    return(check_audit(x, "x", call))
  }
  if (any(x$limit < 1)) {
    stop_argument("x", "must have a draw of each prompt",
                  paste("none of", list_names(x$id[x$limit < 1][1L])),
                  call = call)
  }
  # As a plan's: all that was asked for was to be seen.
  x <- as.data.frame(x)
  x$horizon <- x$limit + 1
  safe <- x$status == 0
  x$time[safe] <- x$horizon[safe]
  new_table(x, "prompt_draws")
}

# A log in the form of prompt_draws: draws that gave no verdict have failed, so
# that they count against what is claimed; refusals are safe.
draws_of_log <- function(x, call = rlang::caller_env()) {
  validate_response_log(x, "x", call)
  x <- x[order(x$draw), , drop = FALSE]
  ids <- unique(x$id)
  verdict <- as.logical(x$unsafe)
  verdict[x$status == "refused"] <- FALSE
  stop <- outcomes_of_log(x, "x", call)$stop[1L]
  parts <- split(seq_along(verdict), factor(x$id, ids))
  rows <- do.call(rbind, lapply(parts, function(at) {
    count_verdicts(verdict[at], x$status[at] == "refused", stop)
  }))
  rows <- data.frame(id = ids, stop = stop, rows, row.names = NULL)
  if (stop && any(rows$status == 0)) {
    # Those that ended early would have been drawn as often as the others.
    rows$limit <- pmax(rows$limit, min(rows$limit[rows$status == 0]))
  }
  new_prompt_draws(rows)
}

# Of one prompt, in the order of its draws; NA where one failed.
count_verdicts <- function(verdict, refused, stop) {
  first <- which(is.na(verdict) | verdict)
  ended <- stop && length(first) > 0L
  used <- if (ended) verdict[seq_len(first[1L])] else verdict
  data.frame(
    limit = length(used), draws = sum(!is.na(used)),
    unsafe = sum(used, na.rm = TRUE),
    refused = sum(refused[seq_along(used)]),
    time = if (length(first) > 0L) first[1L] else length(used),
    status = as.numeric(length(first) > 0L), failed = anyNA(used), unused = 0
  )
}

# How many draws of each prompt are made, or would be if it were included.
sampled_depth <- function(audit) {
  if (design_of(audit)$always) {
    return(rep(audit$constants$cap - 1, length(audit$limit)))
  }
  pmax(audit$limit, reachable_quantile(audit) - 1)
}

check_k <- function(k, population, beyond = FALSE,
                    call = rlang::caller_env()) {
  audit <- population$audit
  depth <- population$depth
  modelled <- !is.null(audit$prob)
  if (is.null(k)) {
    longest <- if (modelled) max(1, audit$horizon - 1) else min(depth)
    grid <- round(exp(seq(0, log(longest), length.out = 40)))
    # The last design-based one is among them.
    smallest <- max(1, min(depth, longest))
    return(sort(unique(c(grid, smallest))))
  }
  k <- check_numeric(k, "k", min = 1, whole = TRUE, finite = TRUE, call = call)
  if (length(k) == 0L) {
    stop_argument("k", "must contain at least one number of draws", call = call)
  }
  if (!modelled && !beyond && any(k > min(depth))) {
    stop_argument(
      "k", sprintf("must not exceed %.0f, the fewest draws of a prompt",
                   min(depth)),
      format(max(k)), call = call,
      fix = paste("Beyond it there are neither draws nor a model;",
                  "certify_risk() has limits there, too.")
    )
  }
  sort(unique(k))
}
