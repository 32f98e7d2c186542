#include "core/geometric.h"
#include "ffi.h"

SEXP ffi_geometric_quantile(SEXP prob, SEXP tau, SEXP cap) {
  R_xlen_t n = Rf_xlength(prob);
  R_xlen_t n_tau = Rf_xlength(tau);
  const double *p = tt_doubles(prob, n, "prob");
  const double *t = tt_doubles(tau, n_tau, "tau");
  size_t cells;
  tt_error error = {0};
  if (!tt_size_mul((size_t)n, (size_t)n_tau, &cells) || cells > (size_t)R_XLEN_T_MAX) {
    return tt_result(TT_EOVERFLOW, &error, R_NilValue);
  }
  SEXP out = PROTECT(Rf_allocVector(REALSXP, (R_xlen_t)cells));
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
