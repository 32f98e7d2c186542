#include "core/miscoverage-replicated.h"
#include "ffi.h"

SEXP ffi_replicated_loss(SEXP unsafe, SEXP draws, SEXP quantile) {
  R_xlen_t n = Rf_xlength(unsafe);
  SEXP loss = PROTECT(Rf_allocVector(REALSXP, n));
  tt_error error = {0};
  tt_status status = tt_replicated_loss(
      (size_t)n, tt_doubles(unsafe, n, "unsafe"), tt_doubles(draws, n, "draws"),
      tt_doubles(quantile, n, "quantiles"), REAL(loss), &tt_r_poll, &error);
  SEXP result = tt_result(status, &error, loss);
  UNPROTECT(1);
  return result;
}

SEXP ffi_replicated_miscoverage(SEXP unsafe, SEXP draws, SEXP inclusion, SEXP quantiles) {
  R_xlen_t n = Rf_xlength(unsafe);
  R_xlen_t cells = Rf_xlength(quantiles);
  R_xlen_t n_tau = n > 0 ? cells / n : 0;
  int by_tau = Rf_xlength(inclusion) != n;
  SEXP curve = PROTECT(Rf_allocVector(REALSXP, n_tau));
  tt_error error = {0};
  tt_status status = tt_replicated_miscoverage(
      (size_t)n, tt_doubles(unsafe, n, "unsafe"), tt_doubles(draws, n, "draws"),
      tt_doubles(inclusion, by_tau ? cells : n, "inclusion"), by_tau, (size_t)n_tau,
      tt_doubles(quantiles, n * n_tau, "quantiles"), REAL(curve), &tt_r_poll, &error);
  SEXP result = tt_result(status, &error, curve);
  UNPROTECT(1);
  return result;
}
