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

/* What a function of a time and the two parameters of n prompts says, pairwise. */
typedef tt_status (*pairwise)(size_t n, const double *time, const double *prob,
                              const double *precision, double *out, tt_error *error);

static SEXP call_pairwise(pairwise function, SEXP time, const char *what, SEXP prob,
                          SEXP precision) {
  R_xlen_t n = Rf_xlength(prob);
  tt_error error = {0};
  SEXP out = PROTECT(Rf_allocVector(REALSXP, n));
  tt_status status =
      function((size_t)n, tt_doubles(time, n, what), tt_doubles(prob, n, "prob"),
               tt_doubles(precision, n, "precision"), REAL(out), &error);
  SEXP result = tt_result(status, &error, out);
  UNPROTECT(1);
  return result;
}

SEXP ffi_beta_geometric_distribution(SEXP time, SEXP prob, SEXP precision) {
  return call_pairwise(tt_beta_geometric_distribution, time, "time", prob, precision);
}

SEXP ffi_beta_geometric_cost(SEXP limit, SEXP prob, SEXP precision) {
  return call_pairwise(tt_beta_geometric_cost, limit, "limit", prob, precision);
}
