# The package's page, its conditions, its imports.

#' timetounsafe: calibrated lower bounds on the time to the first unsafe
#' response
#'
#' How many responses can be drawn for a prompt before the first unsafe one
#' appears, with a guarantee? The way of the data is
#'
#' prompts -> draws -> hazard -> plan -> audit -> bound,
#'
#' and each arrow is one function: [audit_prompts()], [fit_hazard()],
#' [plan_audit()], [run_audit()], [calibrate_lpb()]. [time_to_unsafe()] walks
#' the whole way in one call, and [assess_lpb()] checks the result on held-out
#' prompts or on the audit itself. [report()] writes it all down for others, and
#' [population_risk()] reads the risk of the population off the same audit. The
#' numeric layer underneath ([allocate_budget()], [geometric_quantile()],
#' [miscoverage_curve()], [select_level()]) is exported too. Notation and
#' derivations: `vignette("methods", "timetounsafe")`.
#'
#' @section Conditions: Every error raised by the package has the class
#' `timetounsafe_error` and one of these; every warning has the class
#' `timetounsafe_warning` and one of these.
#' * `timetounsafe_error_argument`: an argument is wrong. Field `argument`.
#' * `timetounsafe_error_features`: features do not match the fitted model, or
#'   hold missing values. Field `columns`.
#' * `timetounsafe_error_infeasible_budget`: the lower limits alone cost more
#'   than the budget. Fields `budget` and `minimum`.
#' * `timetounsafe_error_plan`: a table is not the plan, or not the whole plan,
#'   that it should be.
#' * `timetounsafe_error_audit`: draws do not fit their plan, or some are
#'   missing. Fields `id` and, for tables and files of draws, `rows`.
#' * `timetounsafe_error_schema`: a plan, a ledger or a saved object has the
#'   form of another version. Fields `found`, the number of that form, and
#'   `known`, the one that this version reads. It is an error of the class
#'   `plan`, `ledger` or `argument` as well.
#' * `timetounsafe_error_file`: a file of a plan or of draws cannot be read, or
#'   that of a report cannot be written. Field `argument` for the latter.
#' * `timetounsafe_error_sampler`: the user's sampler failed or broke its
#'   contract. Field `audit` holds everything drawn so far, and [run_audit()]
#'   goes on from it.
#' * `timetounsafe_error_ledger`: a ledger belongs to another audit, is being
#'   written by another process, or cannot be read or written.
#' * `timetounsafe_error_unavailable`: something is not available in this
#'   version, or a suggested package is not installed.
#' * `timetounsafe_error_internal`: a bug in this package; please report it.
#' * `timetounsafe_warning_no_unsafe`: the training draws are all safe, or all
#'   unsafe; the hazard falls back to one constant.
#' * `timetounsafe_warning_convergence`: a hazard fit ran out of iterations.
#' * `timetounsafe_warning_failed_draws`: draws failed for good.
#' * `timetounsafe_warning_unchecked`: nothing tells whether a hazard is the one
#'   that the plan was made with.
#' * `timetounsafe_warning_repeated`: every response to the same prompt is the
#'   same: a cache, a fixed seed or a temperature of 0.
#' * `timetounsafe_warning_unfinished`: an audit stopped before its end.
#' * `timetounsafe_warning_level`: the bound is trivial (1 for every prompt), or
#'   its level was cut off at `tau_prior`.
#' * `timetounsafe_warning_evidence`: too few prompts were included for the
#'   bound to be relied on.
#' * `timetounsafe_warning_group`: prompts of groups that were not calibrated
#'   get the bound 1. Field `groups`. The warnings about levels and evidence
#'   have this field, too, where a bound has groups.
#' * `timetounsafe_warning_unresolved`: some held-out prompts were censored
#'   before their bound.
#'
#' @references
#' Davidov, H., Feldman, S., Freidkin, G. and Romano, Y. (2025). Calibrated
#' predictive lower bounds on time-to-unsafe-sampling in LLMs.
#' \doi{10.48550/arXiv.2506.13593}
#' @keywords internal
#' @importFrom rlang %||% .data
#' @useDynLib timetounsafe, .registration = TRUE
"_PACKAGE"

#' @importFrom generics tidy
#' @export
generics::tidy

#' @importFrom generics glance
#' @export
generics::glance

#' @importFrom generics augment
#' @export
generics::augment
