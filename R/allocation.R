# The convex program that spreads a budget over prompts; it is solved in the C
# core. Derivation: methods vignette, "Allocation".

#' Spread a budget over prompts
#'
#' Inclusion probabilities that make the weighted estimate of the miscoverage as
#' precise as a budget permits: the minimum of `sum(benefit / inclusion)`
#' subject to `sum(cost * inclusion) <= total` and `lower <= inclusion <=
#' upper`.
#'
#' The solution is `mu * sqrt(benefit / cost)`, limited to `lower` and `upper`,
#' with one multiplier `mu` for all prompts. It is found exactly, by repeated
#' partition of the breakpoints around a pivot: O(n) expected time, no iteration
#' to a tolerance. The budget is kept to a relative 1e-14. A prompt of cost 0
#' gets `upper`; one of benefit 0 (at positive cost) gets `lower`; with a budget
#' above `sum(cost * upper)` each gets `upper`.
#'
#' @param cost Numeric vector: what including the prompt costs, say in draws; at
#'   least 0 and finite.
#' @param total One number of at least 0, in the unit of `cost`: the most that
#'   may be used in expectation. `Inf` is no limit.
#' @param benefit Numeric, one for each prompt or one for all: weight of the
#'   prompt's variance, at least 0. The default, 1, is the paper's program.
#' @param lower,upper Numeric, one for each prompt or one for all: limits of the
#'   inclusion probabilities, `0 <= lower <= upper`. `upper` may exceed 1, or be
#'   infinite, where an intensity and not a probability is allocated.
#' @param ... Must be empty.
#' @returns A numeric vector as long as `cost`: inclusion probabilities, or
#'   intensities where `upper` exceeds 1.
#' @section Errors: `timetounsafe_error_argument`;
#'   `timetounsafe_error_infeasible` when `lower` alone costs more than `total`,
#'   with the fields `total` and `minimum`, what `lower` costs.
#' @references arXiv 2506.13593, section 3.3; methods vignette, "Allocation".
#' @examples
#' cost <- c(5, 20, 80, 320)
#' inclusion <- allocate_budget(cost, total = 100)
#' inclusion
#' sum(cost * inclusion)
#' @export
allocate_budget <- function(cost, total, benefit = 1, lower = 0, upper = 1,
                            ...) {
  check_no_dots(...)
  solve_allocation(cost, total, benefit, lower, upper)$inclusion
}

# The numbers themselves are checked in the core, in the same pass that uses
# them.
solve_allocation <- function(cost, total, benefit = 1, lower = 0, upper = 1,
                             call = rlang::caller_env()) {
  if (missing(cost)) {
    stop_missing("cost", call)
  }
  n <- length(cost)
  cost <- as_column(cost, "cost", n, call)
  total <- check_number(total, "total", min = 0, finite = FALSE, call = call)
  benefit <- as_column(benefit, "benefit", n, call)
  lower <- as_column(lower, "lower", n, call)
  upper <- as_column(upper, "upper", n, call)
  result <- .Call(ffi_allocate, cost, benefit, lower, upper, total)
  if (result$status == core_status[["infeasible"]]) {
    stop_infeasible(total, result$found, call)
  }
  core_value(result, call)
}

# One number for each prompt, or one for all.
as_column <- function(x, arg, n, call) {
  if (missing(x)) {
    stop_missing(arg, call)
  }
  x <- plain_numbers(x, arg, call)
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

stop_infeasible <- function(total, minimum, call) {
  stop_classed(
    "infeasible",
    c(
      sprintf("`lower` alone costs %s, more than `total`, which is %s.",
              format(minimum, digits = 6), format(total, digits = 6)),
      i = "Raise `total`, or reduce `lower`."
    ),
    argument = "total", total = total, minimum = minimum, call = call
  )
}
