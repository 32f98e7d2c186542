/* The border between R and the core. Every ffi_*() function checks the types and
 * lengths of what it gets, calls one routine of the core, and returns
 *
 *   list(status, what, index, found, value)
 *
 * core_value() in R/conditions.R turns a status other than 0 into a classed error.
 * Nothing here computes, and nothing here raises an error that a user can cause. */
#ifndef TT_FFI_H
#define TT_FFI_H

#define R_NO_REMAP
#include <R.h>
#include <Rinternals.h>

#include "core/numeric.h"
#include "core/random.h"
#include "core/status.h"

/* list(status, what, index, found, value); protects `value` itself. */
SEXP tt_result(tt_status status, const tt_error *error, SEXP value);

/* A named list of n elements; the caller protects it. */
SEXP tt_named_list(int n, const char *const *names);

/* Asks R whether the user pressed Ctrl-C, without jumping out of the core. */
extern const tt_poll tt_r_poll;

/* R's uniform generator. Bracket its use with GetRNGstate() and PutRNGstate(). */
extern const tt_uniform tt_r_uniform;

/* Internal errors: the R wrappers have checked all this before. */
const double *tt_doubles(SEXP x, R_xlen_t length, const char *what);
const int *tt_integers(SEXP x, R_xlen_t length, const char *what);
double tt_scalar(SEXP x, const char *what);
size_t tt_count(SEXP x, const char *what);

/* One value for all rows, or one for each. */
tt_column tt_column_of(SEXP x, R_xlen_t n, const char *what);

/* Scratch that R frees when .Call() returns. */
double *tt_scratch_doubles(size_t count);

SEXP ffi_allocate(SEXP cost, SEXP benefit, SEXP lower, SEXP upper, SEXP total);
SEXP ffi_allocate_given(SEXP cost, SEXP benefit, SEXP lower, SEXP upper, SEXP multiplier);
SEXP ffi_geometric_quantile(SEXP prob, SEXP tau, SEXP cap);
SEXP ffi_geometric_distribution(SEXP time, SEXP prob);
SEXP ffi_geometric_sample(SEXP prob);
SEXP ffi_miscoverage_curve(SEXP time, SEXP censor, SEXP pi, SEXP quantiles);
SEXP ffi_select_level(SEXP tau, SEXP miscoverage, SEXP alpha);
SEXP ffi_below_jump(SEXP level);
SEXP ffi_select_jump(SEXP prob, SEXP time, SEXP censor, SEXP reach, SEXP alpha,
                     SEXP limit);
SEXP ffi_replicated_loss(SEXP unsafe, SEXP draws, SEXP quantile);
SEXP ffi_replicated_miscoverage(SEXP unsafe, SEXP draws, SEXP pi, SEXP quantiles);
SEXP ffi_certify(SEXP gain, SEXP place, SEXP weight, SEXP outcome, SEXP cap, SEXP rule,
                 SEXP limit);
SEXP ffi_binomial_likelihood(SEXP unsafe, SEXP draws, SEXP prob);
SEXP ffi_standardise(SEXP x);
SEXP ffi_spline_expand(SEXP x, SEXP knots, SEXP value, SEXP curvature);
SEXP ffi_glm_fit(SEXP x, SEXP centre, SEXP scale, SEXP unsafe, SEXP draws,
                 SEXP seen_unsafe, SEXP seen_draws, SEXP group, SEXP weight, SEXP shape,
                 SEXP lambda, SEXP estimate, SEXP dispersion, SEXP tolerance,
                 SEXP max_iterations);
SEXP ffi_interaction_statistics(SEXP x, SEXP centre, SEXP scale, SEXP limit, SEXP score,
                                SEXP weight);
SEXP ffi_glm_predict(SEXP x, SEXP centre, SEXP scale, SEXP beta);
SEXP ffi_mlp_fit(SEXP x, SEXP unsafe, SEXP draws, SEXP n_train, SEXP hidden, SEXP control,
                 SEXP start_bias);
SEXP ffi_mlp_predict(SEXP x, SEXP hidden, SEXP weights);
SEXP ffi_text_ngrams(SEXP text, SEXP n_columns);

#endif
