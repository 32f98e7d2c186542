#include "core/hazard-interaction.h"
#include "ffi.h"

/* model: the fields of tt_interaction_model, but for sizes. */
SEXP ffi_interaction_statistics(SEXP model) {
  R_xlen_t n = Rf_xlength(tt_field(model, "score"));
  R_xlen_t d = Rf_xlength(tt_field(model, "centre"));
  tt_interaction_model how = {
      .n = (size_t)n,
      .d = (size_t)d,
      .x = tt_field_doubles(model, "x", n * d),
      .centre = tt_field_doubles(model, "centre", d),
      .scale = tt_field_doubles(model, "scale", d),
      .clip = tt_field_scalar(model, "clip"),
      .score = tt_field_doubles(model, "score", n),
      .weight = tt_field_doubles(model, "weight", n),
  };
  tt_error error = {0};
  size_t bytes = 0;
  tt_status status = tt_interaction_scratch(how.d, &bytes);
  if (status != TT_OK) {
    return tt_result(status, &error, R_NilValue);
  }
  SEXP statistic = PROTECT(Rf_allocMatrix(REALSXP, (int)d, (int)d));
  status =
      tt_interaction_statistics(&how, REAL(statistic), R_alloc(bytes, 1), &tt_r_poll);
  SEXP result = tt_result(status, &error, statistic);
  UNPROTECT(1);
  return result;
}
