# The package's page, its conditions, its imports.

#' timetounsafe: calibrated lower bounds on the time to the first unsafe
#' response
#'
#' How many responses can be drawn for a prompt before the first unsafe one
#' appears, with a guarantee? The way of the data is
#'
#' prompts -> draws -> hazard -> plan -> audit -> bound,
#'
#' and each arrow is one function: [draw_responses()], [fit_hazard()],
#' [plan_audit()], [run_audit()], [calibrate_lpb()]. [time_to_unsafe()] walks
#' the whole way in one call, and [assess_lpb()] checks the result on held-out
#' prompts or on the audit itself. [write_report()] writes it all down for
#' others, and [estimate_risk()] reads the risk of the population off the same
#' audit. The numeric layer underneath ([allocate_budget()],
#' [geometric_quantile()], [miscoverage_curve()], [select_tau()]) is exported
#' too. Notation and derivations: `vignette("methods", "timetounsafe")`.
#'
#' @section Conditions: Every error raised by the package has the class
#' `timetounsafe_error` and one of these; every warning has the class
#' `timetounsafe_warning` and one of these.
#' * `timetounsafe_error_argument`: an argument is wrong. Field `argument`.
#' * `timetounsafe_error_features`: features do not match the fitted model, or
#'   hold missing values. Field `columns`.
#' * `timetounsafe_error_infeasible`: the lower limits alone cost more
#'   than the total. Fields `total` and `minimum`.
#' * `timetounsafe_error_plan`: a table is not the plan, or not the whole plan,
#'   that it should be.
#' * `timetounsafe_error_audit`: draws do not fit their plan. Fields `id` and,
#'   for tables and files of draws, `rows`.
#' * `timetounsafe_error_unfinished`: draws are missing. Field `id`, the prompts
#'   without them; from [time_to_unsafe()] also `reason`, `audit`, `training`.
#' * `timetounsafe_error_defunct`: a function or an argument has another name
#'   now. Fields `old` and `new`.
#' * `timetounsafe_error_schema`: a plan, a ledger or a saved object has the
#'   form of another version. Fields `found`, the number of that form, and
#'   `known`, the one that this version reads. It is an error of the class
#'   `plan`, `ledger` or `argument` as well.
#' * `timetounsafe_error_file`: a file of a plan or of draws cannot be read, or
#'   that of a report cannot be written. Field `argument` for the latter.
#' * `timetounsafe_error_sampler`: the user's sampler failed or broke its
#'   contract. Field `audit` holds everything drawn so far, and [run_audit()]
#'   resumes from it. More closely it may be
#'   `timetounsafe_error_sampler_contract` (what the sampler returned is not
#'   what it should), `timetounsafe_error_sampler_broken` (too many failures) or
#'   `timetounsafe_error_sampler_daemons` (all daemons have disconnected).
#' * `timetounsafe_error_exhausted`: prompts ran out of recorded draws, see
#'   [sampler_replay()]; also of the class
#'   `timetounsafe_error_sampler_contract`. Fields `id`,
#'   `recorded`.
#' * `timetounsafe_error_ledger`: a ledger belongs to another audit, is being
#'   written by another process, or cannot be read or written.
#' * `timetounsafe_error_unavailable`: something is not available in this
#'   version, or a suggested package is not installed.
#' * `timetounsafe_error_internal`: a bug in this package; please report it.
#' * `timetounsafe_warning_constant_hazard`: the training draws are all safe, or
#'   all unsafe; the hazard falls back to one constant.
#' * `timetounsafe_warning_convergence`: a hazard fit ran out of iterations.
#' * `timetounsafe_warning_new_levels`: prompts have levels of a factor that
#'   training did not have, and count as average in it. Fields `columns` and
#'   `levels`.
#' * `timetounsafe_warning_failed_draws`: draws failed permanently.
#' * `timetounsafe_warning_dependent_draws`: which draws are in a log, or how
#'   many of a prompt, depends on their outcomes. Field `p.value` where tested.
#' * `timetounsafe_warning_unverified_hazard`: a hazard could not be verified to
#'   be the one that the plan was made with.
#' * `timetounsafe_warning_identical_responses`: every response to the same
#'   prompt is the same: a cache, a fixed seed or a temperature of 0.
#' * `timetounsafe_warning_unfinished`: an audit stopped before its end.
#' * `timetounsafe_warning_trivial_bound`: the bound is 1 for every prompt.
#' * `timetounsafe_warning_tau_max`: tau reached `tau_max`; longer bounds may be
#'   possible.
#' * `timetounsafe_warning_large_weights`: one prompt can carry so much of the
#'   total weight that the bound is unreliable.
#' * `timetounsafe_warning_few_losses`: a normal certificate, which holds for
#'   large samples, has too few losses to expect.
#' * `timetounsafe_warning_no_certificate`: with these prompts, budget or
#'   hazards every bound would be 1; said before a draw is made;
#' * `timetounsafe_warning_few_prompts`: a plan has too few prompts to certify
#'   anything.
#' * `timetounsafe_warning_unknown_group`: prompts of groups that were not
#'   calibrated get the bound 1. Field `groups`. The warnings about bounds,
#'   `tau_max`, weights and losses have this field, too, where a bound has
#'   groups.
#' * `timetounsafe_warning_outcome_groups`: groups separate prompts with and
#'   without an unsafe draw perfectly, as if they had been made afterwards.
#' * `timetounsafe_warning_unresolved`: some held-out prompts were censored
#'   before their bound.
#'
#' @references
#' Davidov, H., Feldman, S., Freidkin, G. and Romano, Y. (2025). Calibrated
#' predictive lower bounds on time-to-unsafe-sampling in LLMs.
#' \doi{10.48550/arXiv.2506.13593}
#' @keywords internal
#' @importFrom rlang %||% .data
#' @importFrom stats coef fitted formula logLik nobs residuals vcov
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
