#include "core/hazard-glm.h"
#include "ffi.h"

#ifndef USE_FC_LEN_T
#define USE_FC_LEN_T
#endif
#include <R_ext/BLAS.h>
#include <R_ext/Lapack.h>
#ifndef FCONE
#define FCONE
#endif

static int cholesky(size_t d, double *a) {
  int n = (int)d;
  int info = 0;
  F77_CALL(dpotrf)("L", &n, a, &n, &info FCONE);
  return info != 0;
}

static void solve(size_t d, const double *factor, double *b) {
  int n = (int)d;
  int one = 1;
  int info = 0;
  F77_CALL(dpotrs)("L", &n, &one, factor, &n, b, &n, &info FCONE);
}

static void invert(size_t d, double *factor) {
  int n = (int)d;
  int info = 0;
  F77_CALL(dpotri)("L", &n, factor, &n, &info FCONE);
}

static const tt_linalg lapack = {cholesky, solve, invert};

/* The R objects that hold a fit; `value` owns them. */
static tt_glm_fit_result allocate_fit(SEXP value, size_t d, SEXP lambda) {
  R_xlen_t n_groups = Rf_xlength(lambda);
  int size = (int)d + 1;
  SET_VECTOR_ELT(value, 0, Rf_allocVector(REALSXP, size));
  SET_VECTOR_ELT(value, 1, Rf_duplicate(lambda));
  SET_VECTOR_ELT(value, 2, Rf_allocVector(REALSXP, n_groups));
  SET_VECTOR_ELT(value, 3, Rf_allocMatrix(REALSXP, size, size));
  tt_glm_fit_result fit = {0};
  fit.beta = REAL(VECTOR_ELT(value, 0));
  fit.lambda = REAL(VECTOR_ELT(value, 1));
  fit.edf = REAL(VECTOR_ELT(value, 2));
  fit.covariance = REAL(VECTOR_ELT(value, 3));
  return fit;
}

static void fill_diagnostics(SEXP value, const tt_glm_fit_result *fit) {
  SET_VECTOR_ELT(value, 4, Rf_ScalarReal(fit->deviance));
  SET_VECTOR_ELT(value, 5, Rf_ScalarReal(fit->dispersion));
  SET_VECTOR_ELT(value, 6, Rf_ScalarInteger((int)fit->iterations));
  SET_VECTOR_ELT(value, 7, Rf_ScalarLogical(fit->converged));
  SET_VECTOR_ELT(value, 8, Rf_ScalarLogical(fit->ridged));
}

/* model: the fields of tt_glm_model, but for sizes, and lambda. */
SEXP ffi_glm_fit(SEXP model) {
  static const char *const names[] = {"beta",       "lambda",    "edf",
                                      "covariance", "deviance",  "dispersion",
                                      "iterations", "converged", "ridged"};
  R_xlen_t n = Rf_xlength(tt_field(model, "unsafe"));
  R_xlen_t d = Rf_xlength(tt_field(model, "centre"));
  SEXP lambda = tt_field(model, "lambda");
  R_xlen_t n_groups = Rf_xlength(lambda);
  tt_doubles(lambda, n_groups, "lambda");
  tt_glm_model how = {
      .n = (size_t)n,
      .d = (size_t)d,
      .x = tt_field_doubles(model, "x", n * d),
      .centre = tt_field_doubles(model, "centre", d),
      .scale = tt_field_doubles(model, "scale", d),
      .unsafe = tt_field_doubles(model, "unsafe", n),
      .draws = tt_field_doubles(model, "draws", n),
      .seen_unsafe = tt_field_doubles_or_null(model, "seen_unsafe", n),
      .seen_draws = tt_field_doubles_or_null(model, "seen_draws", n),
      .group = tt_field_integers(model, "group", d),
      .weight = tt_field_doubles(model, "weight", d),
      .shape = tt_field_doubles(model, "shape", n_groups),
      .n_groups = (size_t)n_groups,
      .estimate = tt_field_scalar(model, "estimate") != 0.0,
      .dispersion = tt_field_scalar(model, "dispersion"),
      .tolerance = tt_field_scalar(model, "tolerance"),
      .max_iterations = tt_field_count(model, "max_iterations"),
  };
  tt_error error = {0};
  size_t bytes = 0;
  tt_status status = tt_glm_scratch(how.d, &bytes);
  if (status != TT_OK) {
    return tt_result(status, &error, R_NilValue);
  }
  SEXP value = PROTECT(tt_named_list(9, names));
  tt_glm_fit_result fit = allocate_fit(value, how.d, lambda);
  status = tt_glm_fit(&how, &fit, &lapack, R_alloc(bytes, 1), &tt_r_poll, &error);
  fill_diagnostics(value, &fit);
  SEXP result = tt_result(status, &error, value);
  UNPROTECT(1);
  return result;
}

SEXP ffi_glm_predict(SEXP x, SEXP centre, SEXP scale, SEXP beta) {
  R_xlen_t d = Rf_xlength(centre);
  R_xlen_t n = Rf_nrows(x);
  SEXP prob = PROTECT(Rf_allocVector(REALSXP, n));
  tt_error error = {0};
  tt_status status =
      tt_glm_predict((size_t)n, (size_t)d, tt_doubles(x, n * d, "x"),
                     tt_doubles(centre, d, "centre"), tt_doubles(scale, d, "scale"),
                     tt_doubles(beta, d + 1, "beta"), REAL(prob), &tt_r_poll);
  SEXP result = tt_result(status, &error, prob);
  UNPROTECT(1);
  return result;
}
