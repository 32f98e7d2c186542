#include "core/miscoverage.h"
#include "ffi.h"

SEXP ffi_select_tau(SEXP tau, SEXP miscoverage, SEXP alpha) {
  R_xlen_t n = Rf_xlength(tau);
  size_t selected = 0;
  tt_error error = {0};
  tt_status status = tt_select_tau((size_t)n, tt_doubles(tau, n, "tau"),
                                   tt_doubles(miscoverage, n, "miscoverage"),
                                   tt_scalar(alpha, "alpha"), &selected, &error);
  SEXP value = PROTECT(Rf_ScalarReal((double)selected));
  SEXP result = tt_result(status, &error, value);
  UNPROTECT(1);
  return result;
}

SEXP ffi_below_jump(SEXP tau) {
  tt_error error = {0};
  SEXP value = PROTECT(Rf_ScalarReal(tt_below_jump(tt_scalar(tau, "tau"))));
  SEXP result = tt_result(TT_OK, &error, value);
  UNPROTECT(1);
  return result;
}

/* Copies the jumps out before the selection reorders them. */
static void fill_jumps(SEXP value, size_t n_jumps, const tt_jump *jumps) {
  SEXP tau = Rf_allocVector(REALSXP, (R_xlen_t)n_jumps);
  SET_VECTOR_ELT(value, 2, tau);
  SEXP weight = Rf_allocVector(REALSXP, (R_xlen_t)n_jumps);
  SET_VECTOR_ELT(value, 3, weight);
  for (size_t j = 0; j < n_jumps; j++) {
    REAL(tau)[j] = jumps[j].tau;
    REAL(weight)[j] = jumps[j].weight;
  }
}

/* outcomes: tau, time, horizon, reach, alpha, tau_max. */
SEXP ffi_select_jump(SEXP outcomes) {
  static const char *const names[] = {"tau", "at_tau_max", "jump_tau", "jump_weight"};
  R_xlen_t n = Rf_xlength(tt_field(outcomes, "tau"));
  const double *at = tt_field_doubles(outcomes, "tau", n);
  const double *time = tt_field_doubles(outcomes, "time", n);
  const double *horizon = tt_field_doubles(outcomes, "horizon", n);
  const double *reach = tt_field_doubles(outcomes, "reach", n);
  double alpha = tt_field_scalar(outcomes, "alpha");
  double tau_max = tt_field_scalar(outcomes, "tau_max");
  SEXP value = PROTECT(tt_named_list(4, names));
  tt_jump *jumps = (tt_jump *)R_alloc(n > 0 ? (size_t)n : 1, sizeof(tt_jump));
  size_t n_jumps = 0;
  double tau = 0.0;
  int at_tau_max = 0;
  tt_error error = {0};
  tt_status status = tt_miscoverage_jumps((size_t)n, at, time, horizon, reach, jumps,
                                          &n_jumps, &tt_r_poll, &error);
  if (status == TT_OK) {
    fill_jumps(value, n_jumps, jumps);
    status = tt_select_jump((size_t)n, n_jumps, jumps, alpha, tau_max, &tau, &at_tau_max,
                            &tt_r_poll, &error);
  }
  SET_VECTOR_ELT(value, 0, Rf_ScalarReal(tau));
  SET_VECTOR_ELT(value, 1, Rf_ScalarLogical(at_tau_max));
  SEXP result = tt_result(status, &error, value);
  UNPROTECT(1);
  return result;
}
