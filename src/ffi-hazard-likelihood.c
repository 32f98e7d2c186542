#include "core/hazard-likelihood.h"
#include "ffi.h"

SEXP ffi_binomial_likelihood(SEXP unsafe, SEXP draws, SEXP prob) {
  static const char *const names[] = {"likelihood", "saturated"};
  R_xlen_t n = Rf_xlength(unsafe);
  double likelihood = 0.0;
  double saturated = 0.0;
  tt_binomial_likelihood((size_t)n, tt_doubles(unsafe, n, "unsafe"),
                         tt_doubles(draws, n, "draws"), tt_doubles(prob, n, "prob"),
                         &likelihood, &saturated);
  SEXP value = PROTECT(tt_named_list(2, names));
  SET_VECTOR_ELT(value, 0, Rf_ScalarReal(likelihood));
  SET_VECTOR_ELT(value, 1, Rf_ScalarReal(saturated));
  tt_error error = {0};
  SEXP result = tt_result(TT_OK, &error, value);
  UNPROTECT(1);
  return result;
}
