#include "core/features-standardise.h"
#include "ffi.h"

SEXP ffi_standardise(SEXP x) {
  static const char *const names[] = {"centre", "scale"};
  R_xlen_t n = Rf_nrows(x);
  R_xlen_t d = Rf_ncols(x);
  const double *values = tt_doubles(x, n * d, "x");
  SEXP value = PROTECT(tt_named_list(2, names));
  SEXP centre = Rf_allocVector(REALSXP, d);
  SET_VECTOR_ELT(value, 0, centre);
  SEXP scale = Rf_allocVector(REALSXP, d);
  SET_VECTOR_ELT(value, 1, scale);
  tt_standardise((size_t)n, (size_t)d, values, REAL(centre), REAL(scale));
  tt_error error = {0};
  SEXP result = tt_result(TT_OK, &error, value);
  UNPROTECT(1);
  return result;
}
