#include "core/geometric-beta.h"
#include "ffi.h"

SEXP ffi_beta_geometric_quantile(SEXP prob, SEXP precision, SEXP tau, SEXP cap) {
  R_xlen_t n = Rf_xlength(prob);
  R_xlen_t n_tau = Rf_xlength(tau);
  const double *p = tt_doubles(prob, n, "prob");
  const double *t = tt_doubles(tau, n_tau, "tau");
  tt_column m = tt_column_of(precision, n, "precision");
  size_t cells;
  tt_error error = {0};
  if (!tt_size_mul((size_t)n, (size_t)n_tau, &cells) || cells > (size_t)R_XLEN_T_MAX) {
    return tt_result(TT_EOVERFLOW, &error, R_NilValue);
  }
  SEXP out = PROTECT(Rf_allocVector(REALSXP, (R_xlen_t)cells));
  tt_status status =
      tt_beta_geometric_quantile((size_t)n, p, m, (size_t)n_tau, t, tt_scalar(cap, "cap"),
                                 REAL(out), &tt_r_poll, &error);
  SEXP result = tt_result(status, &error, out);
  UNPROTECT(1);
  return result;
}
