# What had another name before: functions, and arguments, that are answered by
# an error which says the new one.

#' Functions that have another name now
#'
#' Each raises an error of class `timetounsafe_error_defunct` that names what
#' took its place.
#'
#' @param ... Anything.
#' @returns Nothing: an error.
#' @section Errors: `timetounsafe_error_defunct`, with the fields `old` and
#'   `new`.
#' @examples
#' try(audit_prompts("Hello", identity, draws = 10))
#' @name timetounsafe-defunct
NULL

stop_defunct <- function(old, new, call = rlang::caller_env()) {
  stop_classed("defunct", sprintf("`%s()` is now `%s`.", old, new), old = old,
               new = new, call = call)
}

#' @rdname timetounsafe-defunct
#' @export
audit_prompts <- function(...) {
  stop_defunct("audit_prompts", "draw_responses()")
}

#' @rdname timetounsafe-defunct
#' @export
population_risk <- function(...) {
  stop_defunct("population_risk", "estimate_risk()")
}

#' @rdname timetounsafe-defunct
#' @export
read_draws <- function(...) {
  stop_defunct("read_draws", "as_audit(read_responses(file), plan)")
}

#' @rdname timetounsafe-defunct
#' @export
select_level <- function(...) {
  stop_defunct("select_level", "select_tau()")
}

#' @rdname timetounsafe-defunct
#' @export
synthetic_study <- function(...) {
  stop_defunct("synthetic_study", "simulate_study()")
}

#' @rdname timetounsafe-defunct
#' @export
paper_hazard <- function(...) {
  stop_defunct("paper_hazard", "fit_paper_hazard()")
}

# ---- Arguments ---------------------------------------------------------------

# Names that arguments had, and have now, where the function has them.
renamed_arguments <- list(
  newx = "newdata", x = "newdata", method = "design", tau_prior = "tau_max",
  levels = "tau_grid", group_delta = "simultaneous", conf_level = "conf.level",
  risk_groups = "bins", times = "k", audit = "x", draws = c("y", "x"),
  unsafe = "y", time = "y", status = "y", sampling = "stop",
  text = "keep_prompts", deterministic = "allow_deterministic",
  responses = "keep_responses", max_weight = "cap_ratio",
  total_budget = "total", censor = "horizon", pi = "inclusion"
)

# Those that went elsewhere, and what to write instead.
moved_arguments <- c(
  batch_size = "control = audit_control(batch_size = ) sets it.",
  max_tries = "control = audit_control(max_tries = ) sets it.",
  retry_wait = "control = audit_control(retry_wait = ) sets it.",
  max_error_rate = "control = audit_control(max_error_rate = ) sets it.",
  refusal = "control = audit_control(refusal = ) sets it.",
  responses = "control = audit_control(keep_responses = ) sets it.",
  keep_responses = "control = audit_control(keep_responses = ) sets it.",
  ahead = "control = audit_control(in_order = TRUE) is `ahead = FALSE`.",
  in_order = "control = audit_control(in_order = ) sets it.",
  max_weight = "`cap`, the largest quantile, is 100 * budget by default."
)
