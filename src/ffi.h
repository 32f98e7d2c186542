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

/* The element `name` of a named list: how an entry of many arguments gets them. */
SEXP tt_field(SEXP list, const char *name);

/* Whether there is one: where a list is one of two kinds. */
int tt_has_field(SEXP list, const char *name);

/* The index of a string among names that a null pointer closes: how kinds cross the
 * border. */
int tt_choose(SEXP x, const char *const *names, const char *what);

const double *tt_doubles(SEXP x, R_xlen_t length, const char *what);
const int *tt_integers(SEXP x, R_xlen_t length, const char *what);
double tt_scalar(SEXP x, const char *what);
size_t tt_count(SEXP x, const char *what);

/* The same of the element `name`; a length below 0 is any length. */
const double *tt_field_doubles(SEXP list, const char *name, R_xlen_t length);
const double *tt_field_doubles_or_null(SEXP list, const char *name, R_xlen_t length);
const int *tt_field_integers(SEXP list, const char *name, R_xlen_t length);
double tt_field_scalar(SEXP list, const char *name);
size_t tt_field_count(SEXP list, const char *name);

/* One value for all rows, or one for each. */
tt_column tt_column_of(SEXP x, R_xlen_t n, const char *what);

/* Numbers for rows x columns cells, not yet set and not protected; NULL where they
 * do not fit. */
SEXP tt_new_cells(R_xlen_t rows, R_xlen_t columns);

/* The bytes of a raw vector. */
const unsigned char *tt_bytes(SEXP x, const char *what);

/* Where pieces of `length` bytes end, one after another: numbers that do not fall. */
const double *tt_ends(SEXP ends, R_xlen_t length);

/* Scratch that R frees when .Call() returns. */
double *tt_scratch_doubles(size_t count);

SEXP ffi_allocate(SEXP cost, SEXP benefit, SEXP lower, SEXP upper, SEXP total);
SEXP ffi_allocate_given(SEXP cost, SEXP benefit, SEXP lower, SEXP upper, SEXP multiplier);
SEXP ffi_geometric_quantile(SEXP prob, SEXP tau, SEXP cap);
SEXP ffi_geometric_distribution(SEXP time, SEXP prob);
SEXP ffi_geometric_sample(SEXP prob);
SEXP ffi_beta_geometric_cost(SEXP limit, SEXP prob, SEXP precision);
SEXP ffi_beta_geometric_distribution(SEXP time, SEXP prob, SEXP precision);
SEXP ffi_beta_geometric_quantile(SEXP prob, SEXP precision, SEXP tau, SEXP cap);
SEXP ffi_miscoverage_curve(SEXP time, SEXP horizon, SEXP inclusion, SEXP quantiles);
SEXP ffi_select_tau(SEXP tau, SEXP miscoverage, SEXP alpha);
SEXP ffi_below_jump(SEXP tau);
SEXP ffi_select_jump(SEXP outcomes);
SEXP ffi_replicated_loss(SEXP unsafe, SEXP draws, SEXP quantile);
SEXP ffi_replicated_miscoverage(SEXP unsafe, SEXP draws, SEXP inclusion, SEXP quantiles);
SEXP ffi_certify(SEXP evidence, SEXP rule);
SEXP ffi_place_bets(SEXP terms, SEXP side, SEXP expected, SEXP log_threshold);
SEXP ffi_follow_wealth(SEXP terms, SEXP side, SEXP mean, SEXP bet, SEXP state);
SEXP ffi_betting_limit(SEXP terms, SEXP side, SEXP bet, SEXP rule);
SEXP ffi_binomial_likelihood(SEXP unsafe, SEXP draws, SEXP prob);
SEXP ffi_standardise(SEXP x);
SEXP ffi_spline_expand(SEXP x, SEXP knots, SEXP value, SEXP curvature);
SEXP ffi_glm_fit(SEXP model);
SEXP ffi_ridge_fit(SEXP model);
SEXP ffi_interaction_statistics(SEXP model);
SEXP ffi_glm_predict(SEXP x, SEXP centre, SEXP scale, SEXP beta);
SEXP ffi_mlp_fit(SEXP model);
SEXP ffi_mlp_predict(SEXP x, SEXP hidden, SEXP weights);
SEXP ffi_text_ngrams(SEXP text, SEXP n_columns);
SEXP ffi_clock(void);
SEXP ffi_pause(SEXP wait);
SEXP ffi_file_identity(SEXP path);
SEXP ffi_file_lock(SEXP path);
SEXP ffi_file_is(SEXP lock, SEXP path);
SEXP ffi_file_unlock(SEXP lock);
SEXP ffi_row_seals(SEXP columns);
SEXP ffi_json_pieces(SEXP bytes, SEXP ends, SEXP wanted);
SEXP ffi_json_array(SEXP bytes, SEXP wanted);
SEXP ffi_json_find(SEXP bytes, SEXP path);
SEXP ffi_find_byte(SEXP bytes, SEXP byte);
SEXP ffi_json_is_odd(SEXP text);
SEXP ffi_checksums(SEXP bytes, SEXP ends);
SEXP ffi_join_pieces(SEXP bytes, SEXP from, SEXP size);

#endif
