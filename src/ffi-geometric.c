#include "core/geometric.h"
#include "ffi.h"

SEXP ffi_geometric_quantile(SEXP prob, SEXP tau, SEXP cap) {
  R_xlen_t n = Rf_xlength(prob);
  R_xlen_t n_tau = Rf_xlength(tau);
  const double *p = tt_doubles(prob, n, "prob");
  const double *t = tt_doubles(tau, n_tau, "tau");
  tt_error error = {0};
  SEXP out = PROTECT(tt_new_cells(n, n_tau));
  if (Rf_isNull(out)) {
    UNPROTECT(1);
    return tt_result(TT_EOVERFLOW, &error, R_NilValue);
  }
  tt_status status =
      tt_geometric_quantile((size_t)n, p, (size_t)n_tau, t, tt_scalar(cap, "cap"),
                            REAL(out), tt_scratch_doubles((size_t)n), &tt_r_poll, &error);
  SEXP result = tt_result(status, &error, out);
  UNPROTECT(1);
  return result;
}

SEXP ffi_geometric_distribution(SEXP time, SEXP prob) {
  R_xlen_t n = Rf_xlength(prob);
  SEXP out = PROTECT(Rf_allocVector(REALSXP, n));
  tt_error error = {0};
  tt_status status =
      tt_geometric_distribution((size_t)n, tt_doubles(time, n, "time"),
                                tt_doubles(prob, n, "prob"), REAL(out), &error);
  SEXP result = tt_result(status, &error, out);
  UNPROTECT(1);
  return result;
}

SEXP ffi_geometric_sample(SEXP prob) {
  R_xlen_t n = Rf_xlength(prob);
  SEXP out = PROTECT(Rf_allocVector(REALSXP, n));
  tt_error error = {0};
  GetRNGstate();
  tt_status status = tt_geometric_sample((size_t)n, tt_doubles(prob, n, "prob"),
                                         &tt_r_uniform, REAL(out), &tt_r_poll, &error);
  PutRNGstate();
  SEXP result = tt_result(status, &error, out);
  UNPROTECT(1);
  return result;
}
