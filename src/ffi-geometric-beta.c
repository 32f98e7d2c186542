#include "core/geometric-beta.h"
#include "ffi.h"

SEXP ffi_beta_geometric_quantile(SEXP prob, SEXP precision, SEXP tau, SEXP cap) {
  R_xlen_t n = Rf_xlength(prob);
  R_xlen_t n_tau = Rf_xlength(tau);
  const double *p = tt_doubles(prob, n, "prob");
  const double *t = tt_doubles(tau, n_tau, "tau");
  tt_column m = tt_column_of(precision, n, "precision");
  tt_error error = {0};
  SEXP out = PROTECT(tt_new_cells(n, n_tau));
  if (Rf_isNull(out)) {
    UNPROTECT(1);
    return tt_result(TT_EOVERFLOW, &error, R_NilValue);
  }
  tt_status status =
      tt_beta_geometric_quantile((size_t)n, p, m, (size_t)n_tau, t, tt_scalar(cap, "cap"),
                                 REAL(out), &tt_r_poll, &error);
  SEXP result = tt_result(status, &error, out);
  UNPROTECT(1);
  return result;
}
