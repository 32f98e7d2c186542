# The convex program that spreads a budget over prompts; it is solved in the C
# core. Derivation: methods vignette, "Allocation".

#' Spread a budget over prompts
#'
#' Inclusion probabilities that make the weighted estimate of the miscoverage as
#' precise as a budget permits: the minimum of `sum(benefit / pi)` subject to
#' `sum(cost * pi) <= total_budget` and `lower <= pi <= upper`.
#'
#' The solution is `pi = clamp(mu * sqrt(benefit / cost))` with one multiplier
#' `mu` for all prompts. It is found exactly, by repeated partition of the
#' breakpoints around a pivot: O(n) expected time, no iteration to a tolerance.
#' The budget is kept to a relative 1e-14. A prompt of cost 0 gets `upper`; one
#' of benefit 0 (at positive cost) gets `lower`; a budget above
#' `sum(cost * upper)` gives everybody `upper`.
#'
#' @param cost Numeric vector: what including the prompt costs, say in draws; at
#'   least 0 and finite.
#' @param total_budget One number, in the unit of `cost`: the most that may be
#'   spent in expectation.
#' @param benefit Numeric, one for each prompt or one for all: weight of the
#'   prompt's variance, at least 0. The default, 1, is the paper's program.
#' @param lower,upper Numeric, one for each prompt or one for all: limits of the
#'   inclusion probabilities, `0 <= lower <= upper`. `upper` may exceed 1, or be
#'   infinite, where an intensity and not a probability is allocated.
#' @returns A numeric vector as long as `cost`.
#' @section Errors: `timetounsafe_error_argument`;
#'   `timetounsafe_error_infeasible_budget` when `lower` alone costs more than
#'   `total_budget`, with the fields `budget` and `minimum`.
#' @references arXiv 2506.13593, section 3.3; methods vignette, "Allocation".
#' @examples
#' cost <- c(5, 20, 80, 320)
#' pi <- allocate_budget(cost, total_budget = 100)
#' pi
#' sum(cost * pi)
#' @export
allocate_budget <- function(cost, total_budget, benefit = 1, lower = 0,
                            upper = 1) {
  solve_allocation(cost, total_budget, benefit, lower, upper)$pi
}

# The numbers themselves are checked in the core, in the same pass that uses
# them.
solve_allocation <- function(cost, total_budget, benefit = 1, lower = 0,
                             upper = 1, call = rlang::caller_env()) {
  if (missing(cost)) {
    stop_missing("cost", call)
  }
  n <- length(cost)
  cost <- as_column(cost, "cost", n, call)
  total_budget <- check_number(total_budget, "total_budget", min = 0,
                               finite = FALSE, call = call)
  benefit <- as_column(benefit, "benefit", n, call)
  lower <- as_column(lower, "lower", n, call)
  upper <- as_column(upper, "upper", n, call)
  result <- .Call(ffi_allocate, cost, benefit, lower, upper, total_budget)
  if (result$status == core_status[["infeasible"]]) {
    stop_infeasible(total_budget, result$found, call)
  }
  core_value(result, call)
}

# One number for each prompt, or one for all.
as_column <- function(x, arg, n, call) {
  if (missing(x)) {
    stop_missing(arg, call)
  }
  if (!is.numeric(x) || length(x) == 0L || !length(x) %in% c(1L, n)) {
    must <- if (arg == "cost") {
      "must be a numeric vector that is not empty"
    } else {
      sprintf("must be one number, or %d of them", n)
    }
    stop_argument(arg, must, describe(x), call = call)
  }
  as.double(x)
}

stop_infeasible <- function(budget, minimum, call) {
  stop_classed(
    "infeasible_budget",
    c(
      sprintf("The lower limits alone cost %s, more than the budget of %s.",
              format(minimum, digits = 6), format(budget, digits = 6)),
      i = "Raise the budget, or lower `lower`."
    ),
    budget = budget, minimum = minimum, call = call
  )
}
