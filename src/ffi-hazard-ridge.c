#include "core/hazard-ridge.h"
#include "ffi.h"

/* Dense columns of x, or the slots of a sparse matrix of compressed columns. */
static tt_wide_matrix read_matrix(SEXP model, R_xlen_t n) {
  tt_wide_matrix z = {.n = (size_t)n};
  if (tt_has_field(model, "x")) {
    SEXP x = tt_field(model, "x");
    R_xlen_t d = Rf_xlength(tt_field(model, "column"));
    z.d = (size_t)d;
    z.x = tt_doubles(x, n * Rf_ncols(x), "x");
    z.column = tt_field_integers(model, "column", d);
    z.centre = tt_field_doubles(model, "centre", d);
    z.scale = tt_field_doubles(model, "scale", d);
    return z;
  }
  R_xlen_t d = Rf_xlength(tt_field(model, "start")) - 1;
  R_xlen_t entries = Rf_xlength(tt_field(model, "value"));
  z.d = (size_t)d;
  z.start = tt_field_integers(model, "start", d + 1);
  z.row = tt_field_integers(model, "row", entries);
  z.value = tt_field_doubles(model, "value", entries);
  return z;
}

/* model: the fields of tt_ridge_model, and of its matrix. */
SEXP ffi_ridge_fit(SEXP model) {
  static const char *const names[] = {"beta", "score", "constant", "penalty", "edf"};
  R_xlen_t n = Rf_xlength(tt_field(model, "unsafe"));
  tt_ridge_model how = {
      .z = read_matrix(model, n),
      .unsafe = tt_field_doubles(model, "unsafe", n),
      .draws = tt_field_doubles(model, "draws", n),
      .offset = tt_field_doubles(model, "offset", n),
      .fold = tt_field_integers(model, "fold", n),
      .sign = tt_field_doubles(model, "sign", n * TT_LANES),
      .penalty = tt_field_scalar(model, "penalty"),
  };
  tt_error error = {0};
  size_t bytes = 0;
  tt_status status = tt_ridge_scratch(how.z.n, how.z.d, &bytes);
  if (status != TT_OK) {
    return tt_result(status, &error, R_NilValue);
  }
  SEXP value = PROTECT(tt_named_list(5, names));
  SET_VECTOR_ELT(value, 0, Rf_allocMatrix(REALSXP, (int)TT_LANES, (int)how.z.d));
  SET_VECTOR_ELT(value, 1, Rf_allocVector(REALSXP, n));
  SET_VECTOR_ELT(value, 2, Rf_allocVector(REALSXP, TT_LANES));
  tt_ridge_result fit = {.beta = REAL(VECTOR_ELT(value, 0)),
                         .score = REAL(VECTOR_ELT(value, 1)),
                         .constant = REAL(VECTOR_ELT(value, 2))};
  status = tt_ridge_fit(&how, &fit, R_alloc(bytes, 1), &tt_r_poll);
  SET_VECTOR_ELT(value, 3, Rf_ScalarReal(fit.penalty));
  SET_VECTOR_ELT(value, 4, Rf_ScalarReal(fit.edf));
  SEXP result = tt_result(status, &error, value);
  UNPROTECT(1);
  return result;
}
