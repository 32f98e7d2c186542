#include "core/hazard-interaction.h"
#include "ffi.h"

SEXP ffi_interaction_statistics(SEXP x, SEXP centre, SEXP scale, SEXP limit, SEXP score,
                                SEXP weight) {
  R_xlen_t n = Rf_xlength(score);
  R_xlen_t d = Rf_xlength(centre);
  tt_interaction_model model = {
      .n = (size_t)n,
      .d = (size_t)d,
      .x = tt_doubles(x, n * d, "x"),
      .centre = tt_doubles(centre, d, "centre"),
      .scale = tt_doubles(scale, d, "scale"),
      .limit = tt_scalar(limit, "limit"),
      .score = tt_doubles(score, n, "score"),
      .weight = tt_doubles(weight, n, "weight"),
  };
  tt_error error = {0};
  size_t bytes = 0;
  tt_status status = tt_interaction_scratch(model.d, &bytes);
  if (status != TT_OK) {
    return tt_result(status, &error, R_NilValue);
  }
  SEXP statistic = PROTECT(Rf_allocMatrix(REALSXP, (int)d, (int)d));
  status =
      tt_interaction_statistics(&model, REAL(statistic), R_alloc(bytes, 1), &tt_r_poll);
  SEXP result = tt_result(status, &error, statistic);
  UNPROTECT(1);
  return result;
}
