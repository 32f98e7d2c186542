#include "ffi.h"

#include <R_ext/Rdynload.h>
#include <R_ext/Visibility.h>

#define ENTRY(name, n)                                                                   \
  { #name, (DL_FUNC)(void (*)(void))(name), n }

static const R_CallMethodDef entries[] = {ENTRY(ffi_allocate, 5),
                                          ENTRY(ffi_allocate_given, 5),
                                          ENTRY(ffi_geometric_quantile, 3),
                                          ENTRY(ffi_geometric_distribution, 2),
                                          ENTRY(ffi_geometric_sample, 1),
                                          ENTRY(ffi_beta_geometric_cost, 3),
                                          ENTRY(ffi_beta_geometric_distribution, 3),
                                          ENTRY(ffi_beta_geometric_quantile, 4),
                                          ENTRY(ffi_miscoverage_curve, 4),
                                          ENTRY(ffi_select_tau, 3),
                                          ENTRY(ffi_below_jump, 1),
                                          ENTRY(ffi_select_jump, 1),
                                          ENTRY(ffi_replicated_loss, 3),
                                          ENTRY(ffi_replicated_miscoverage, 4),
                                          ENTRY(ffi_certify, 2),
                                          ENTRY(ffi_place_bets, 4),
                                          ENTRY(ffi_follow_wealth, 5),
                                          ENTRY(ffi_betting_limit, 4),
                                          ENTRY(ffi_binomial_likelihood, 3),
                                          ENTRY(ffi_standardise, 1),
                                          ENTRY(ffi_spline_expand, 4),
                                          ENTRY(ffi_glm_fit, 1),
                                          ENTRY(ffi_ridge_fit, 1),
                                          ENTRY(ffi_interaction_statistics, 1),
                                          ENTRY(ffi_glm_predict, 4),
                                          ENTRY(ffi_mlp_fit, 1),
                                          ENTRY(ffi_mlp_predict, 3),
                                          ENTRY(ffi_text_ngrams, 2),
                                          ENTRY(ffi_clock, 0),
                                          ENTRY(ffi_pause, 1),
                                          ENTRY(ffi_file_identity, 1),
                                          ENTRY(ffi_file_lock, 1),
                                          ENTRY(ffi_file_is, 2),
                                          ENTRY(ffi_file_unlock, 1),
                                          ENTRY(ffi_row_seals, 1),
                                          ENTRY(ffi_json_pieces, 3),
                                          ENTRY(ffi_json_array, 2),
                                          ENTRY(ffi_json_find, 2),
                                          ENTRY(ffi_find_byte, 2),
                                          ENTRY(ffi_json_is_odd, 1),
                                          ENTRY(ffi_checksums, 2),
                                          ENTRY(ffi_join_pieces, 3),
                                          {NULL, NULL, 0}};

void attribute_visible R_init_timetounsafe(DllInfo *dll) {
  R_registerRoutines(dll, NULL, entries, NULL, NULL);
  R_useDynamicSymbols(dll, FALSE);
  R_forceSymbols(dll, TRUE);
}
