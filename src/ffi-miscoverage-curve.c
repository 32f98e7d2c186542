#include "core/miscoverage-curve.h"
#include "core/miscoverage-replicated.h"
#include "core/miscoverage.h"
#include "ffi.h"

/* What is known of the prompts' draws is two columns for either estimate. */
typedef struct {
  SEXP column[2];
  const char *name[2];
} outcomes;

typedef tt_status (*curve_function)(size_t n, const double *first, const double *second,
                                    const double *inclusion, int inclusion_by_tau,
                                    size_t n_tau, const double *quantiles, void *scratch,
                                    double *curve, const tt_poll *poll, tt_error *error);

static SEXP curve_of(curve_function fill, outcomes of, SEXP inclusion, SEXP quantiles) {
  R_xlen_t n = Rf_xlength(of.column[0]);
  R_xlen_t cells = Rf_xlength(quantiles);
  R_xlen_t n_tau = n > 0 ? cells / n : 0;
  int by_tau = Rf_xlength(inclusion) != n;
  SEXP curve = PROTECT(Rf_allocVector(REALSXP, n_tau));
  size_t bytes = 0;
  tt_error error = {0};
  tt_status status = tt_curve_scratch((size_t)n, &bytes);
  if (status == TT_OK) {
    status = fill((size_t)n, tt_doubles(of.column[0], n, of.name[0]),
                  tt_doubles(of.column[1], n, of.name[1]),
                  tt_doubles(inclusion, by_tau ? cells : n, "inclusion"), by_tau,
                  (size_t)n_tau, tt_doubles(quantiles, n * n_tau, "quantiles"),
                  R_alloc(bytes, 1), REAL(curve), &tt_r_poll, &error);
  }
  SEXP result = tt_result(status, &error, curve);
  UNPROTECT(1);
  return result;
}

SEXP ffi_miscoverage_curve(SEXP time, SEXP horizon, SEXP inclusion, SEXP quantiles) {
  const outcomes of = {{time, horizon}, {"time", "horizon"}};
  return curve_of(tt_miscoverage_curve, of, inclusion, quantiles);
}

SEXP ffi_replicated_miscoverage(SEXP unsafe, SEXP draws, SEXP inclusion, SEXP quantiles) {
  const outcomes of = {{unsafe, draws}, {"unsafe", "draws"}};
  return curve_of(tt_replicated_miscoverage, of, inclusion, quantiles);
}
