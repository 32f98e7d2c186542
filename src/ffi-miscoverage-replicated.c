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
