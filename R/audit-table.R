# The audit as a table: a plan with outcomes, begun, filled and checked.

# The rows of a plan with nothing drawn yet; an unfinished audit as it stands.
start_audit <- function(rows) {
  class(rows) <- if (inherits(rows, "audit_plan")) {
    setdiff(class(rows), "audit")
  } else {
    "data.frame"
  }
  if (!all(outcome_columns %in% names(rows))) {
    rows[outcome_columns] <- lapply(schema_part("outcome"), `[[`, "start")
    undrawn <- rows$limit == 0
    rows$time[undrawn] <- 0
    rows$status[undrawn] <- 0
  }
  if (!is_planned(rows)) {
    rows$horizon <- rows$limit + 1
  }
  rows
}

# `rows` have times up to the horizon. For the user they are those of
# survival::Surv(): where no unsafe draw came before the horizon, the number of
# draws that are known to be safe.
new_audit <- function(rows) {
  safe <- which(rows$status == 0)
  rows$time[safe] <- pmax(0, rows$horizon[safe] - 1)
  if (!is_planned(rows)) {
    return(new_prompt_draws(rows))
  }
  class(rows) <- unique(c("audit", class(rows)))
  rows
}

# Draws without a plan: as many as were asked for, so without a horizon.
new_prompt_draws <- function(rows) {
  rows$horizon <- NULL
  new_table(rows, "prompt_draws")
}

#' @export
table_rule.audit <- function(x) {
  plan <- NextMethod()
  plan$columns <- c(plan$columns, needed_outcomes(x))
  plan
}

#' @export
table_rule.prompt_draws <- function(x) {
  new_table_rule(c("id", "limit", "stop", needed_outcomes(x)), "id", agreed)
}

# Tables of earlier versions, and logs, do not know all.
needed_outcomes <- function(x) {
  c(setdiff(outcome_columns, counted_asides),
    intersect(counted_asides, names(x)))
}

counted_asides <- c("refused", "truncated")

# `audit` is a data frame or a list of columns. `first` is the first unsafe draw
# or NA, `count` the number of draws made.
fill_outcomes <- function(audit, first, count) {
  seen <- !is.na(first)
  # An unsafe draw at the horizon itself says no more than reaching it.
  audit$status <- as.numeric(seen & first < audit$horizon)
  audit$time <- replace(audit$horizon, seen, first[seen])
  stopped <- seen & audit$stop
  audit$draws <- replace(count, stopped, first[stopped])
  audit$unsafe <- as.numeric(seen)
  audit$unused <- count - audit$draws
  audit
}

# Outcomes from counts alone: `time` is that of safe prompts; of others it is
# not known.
outcome_rows <- function(draws, unsafe, limit) {
  failed <- draws < limit
  hit <- failed | unsafe > 0
  data.frame(
    limit = limit, stop = FALSE, draws = draws, unsafe = unsafe,
    refused = NA_real_, truncated = NA_real_,
    time = ifelse(hit, NA, limit + 1), status = as.numeric(hit), unused = 0,
    failed = failed
  )
}

# ---- Checks ------------------------------------------------------------------

# An audit whose rows are the whole plan, all finished.
check_audit <- function(audit, arg = "audit", call = rlang::caller_env()) {
  if (missing(audit)) {
    stop_missing(arg, call)
  }
  absent <- if (is.data.frame(audit)) setdiff(outcome_columns, names(audit))
  if (!is.data.frame(audit) || length(absent) > 0L) {
    partly <- length(absent) < length(outcome_columns)
    stop_argument(arg, "must be an audit from run_audit() or as_audit()",
                  if (is.data.frame(audit) && partly) {
                    paste("one without the columns", list_names(absent))
                  } else {
                    describe(audit)
                  }, call = call)
  }
  audit <- check_plan(audit, arg, call)
  refuse_unfinished(audit, "Calibrating it would bias the bound.", arg, call)
  check_outcomes(audit, arg, call)
  audit
}

# That what is said of each prompt's draws fits together, and the plan.
check_outcomes <- function(audit, arg, call) {
  check_fields(audit, "outcome", arg, call)
  draws <- audit$draws
  unsafe <- audit$unsafe
  refuse <- function(wrong, problem) {
    if (any(wrong)) {
      k <- which(wrong)[1L]
      stop_audit(sprintf(
        "has %s unsafe of %s draws, time %s and status %s, %s",
        format(unsafe[k]), format(draws[k]), format(audit$time[k]),
        format(audit$status[k]), sprintf(problem, format(audit$limit[k]),
                                         format(audit$horizon[k]))
      ), audit$id[k], call)
    }
  }
  refuse(unsafe > draws, "which is impossible (limit %s, horizon %s)")
  for (name in c("refused", "truncated")) {
    wrong <- which(audit[[name]] > draws)
    if (length(wrong) > 0L) {
      k <- wrong[1L]
      stop_audit(sprintf("has %s %s of %s draws, which is impossible",
                         format(audit[[name]][k]), name, format(draws[k])),
                 audit$id[k], call)
    }
  }
  stops <- design_of(plan_parts(audit))$stops
  # Where draws go on, counts alone do not tell when the first unsafe one came.
  if (stops) {
    check_numeric(audit$time, paste0(arg, "$time"), call = call)
  }
  seen <- audit$status == 1
  enough <- pmax(0, audit$horizon - 1)
  time <- ifelse(is.na(audit$time), ifelse(seen, 1, enough), audit$time)
  refuse(time > enough | (seen & time < 1),
         "beyond limit %s and horizon %s")
  off <- if (stops) {
    (seen & (unsafe < 1 | draws != time)) |
      (!seen & (time != enough | draws < audit$limit))
  } else {
    draws != audit$limit | (seen & unsafe < 1) | (!seen & time != enough)
  }
  refuse(!audit$failed & off, "inconsistent with limit %s and horizon %s")
}

refuse_impossible <- function(wrong, unsafe, made, id, call) {
  if (any(wrong)) {
    k <- which(wrong)[1L]
    stop_audit(sprintf("%.0f unsafe of %.0f draws is impossible", unsafe[k],
                       made[k]), id[k], call, which(wrong))
  }
}

# `why` tells what an unfinished audit would do to the caller's result.
refuse_unfinished <- function(audit, why, arg, call) {
  open <- which(is.na(audit$status))
  if (length(open) > 0L) {
    stop_classed("unfinished", c(
      sprintf("`%s` is unfinished: %s.", arg, count_lacking(audit)),
      x = why,
      i = "Resume with run_audit(audit, sampler)."
    ), id = audit$id[open], argument = arg, call = call)
  }
}

# "up to 7 draws of 3 of 10 prompts are missing"
count_lacking <- function(audit) {
  open <- is.na(audit$status)
  left <- (audit$limit - audit$draws)[open]
  paste0(if (any(audit$stop[open])) "up to ", lacking_text(audit, sum(left)))
}

lacking_text <- function(audit, draws) {
  sprintf("%s of %s of %s %s missing", counted(draws, "draw"),
          big(sum(is.na(audit$status))), counted(nrow(audit), "prompt"),
          if (draws == 1) "is" else "are")
}

# `rows` are those of the table of draws.
stop_audit <- function(problem, id, call = rlang::caller_env(2), rows = NULL) {
  where <- if (length(rows) > 0L) paste0(" (", name_rows(rows), ")")
  stop_classed("audit", paste0("Prompt ", show_text(as_text(id)), " ",
                               problem, where, "."),
               id = id, rows = rows, call = call)
}

# ---- Draws that failed permanently -------------------------------------------

drop_failed <- function(audit, call = rlang::caller_env()) {
  if (all(audit$failed)) {
    stop_argument("failed", "must leave a prompt", "\"drop\": all failed",
                  call = call)
  }
  audit[!audit$failed, , drop = FALSE]
}

warn_failed_draws <- function(audit, call) {
  failed <- sum(audit$failed)
  if (failed > 0L) {
    warn_classed("failed_draws", c(
      sprintf("%s had draws that failed permanently.",
              counted(failed, "prompt")),
      i = paste("Each counts as unsafe from its first missing draw: still",
                "valid, possibly shorter.")
    ), call = call)
  }
}
