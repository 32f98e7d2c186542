#include "core/hazard-spline.h"
#include "ffi.h"

SEXP ffi_spline_expand(SEXP x, SEXP knots, SEXP value, SEXP curvature) {
  R_xlen_t n = Rf_xlength(x);
  R_xlen_t n_knots = Rf_xlength(knots);
  R_xlen_t r = n_knots > 0 ? Rf_xlength(value) / n_knots : 0;
  SEXP out = PROTECT(Rf_allocMatrix(REALSXP, (int)n, (int)r));
  tt_error error = {0};
  tt_status status = tt_spline_expand((size_t)n, tt_doubles(x, n, "x"), (size_t)n_knots,
                                      tt_doubles(knots, n_knots, "knots"), (size_t)r,
                                      tt_doubles(value, n_knots * r, "value"),
                                      tt_doubles(curvature, n_knots * r, "curvature"),
                                      REAL(out), &tt_r_poll, &error);
  SEXP result = tt_result(status, &error, out);
  UNPROTECT(1);
  return result;
}
