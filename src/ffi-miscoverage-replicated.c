#include "core/miscoverage-replicated.h"
#include "ffi.h"

SEXP ffi_replicated_loss(SEXP unsafe, SEXP draws, SEXP quantile) {
  R_xlen_t n = Rf_xlength(unsafe);
  SEXP loss = PROTECT(Rf_allocVector(REALSXP, n));
  tt_error error = {0};
  tt_status status = tt_replicated_loss(
      (size_t)n, tt_doubles(unsafe, n, "unsafe"), tt_doubles(draws, n, "draws"),
      tt_doubles(quantile, n, "quantiles"), REAL(loss), &error);
  SEXP result = tt_result(status, &error, loss);
  UNPROTECT(1);
  return result;
}

SEXP ffi_replicated_miscoverage(SEXP unsafe, SEXP draws, SEXP pi, SEXP quantiles) {
  R_xlen_t n = Rf_xlength(unsafe);
  R_xlen_t cells = Rf_xlength(quantiles);
  R_xlen_t n_levels = n > 0 ? cells / n : 0;
  int by_level = Rf_xlength(pi) != n;
  SEXP curve = PROTECT(Rf_allocVector(REALSXP, n_levels));
  tt_error error = {0};
  tt_status status = tt_replicated_miscoverage(
      (size_t)n, tt_doubles(unsafe, n, "unsafe"), tt_doubles(draws, n, "draws"),
      tt_doubles(pi, by_level ? cells : n, "pi"), by_level, (size_t)n_levels,
      tt_doubles(quantiles, n * n_levels, "quantiles"), REAL(curve), &tt_r_poll, &error);
  SEXP result = tt_result(status, &error, curve);
  UNPROTECT(1);
  return result;
}
