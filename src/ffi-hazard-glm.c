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

SEXP ffi_glm_fit(SEXP x, SEXP centre, SEXP scale, SEXP unsafe, SEXP draws,
                 SEXP seen_unsafe, SEXP seen_draws, SEXP group, SEXP weight, SEXP shape,
                 SEXP lambda, SEXP estimate, SEXP dispersion, SEXP tolerance,
                 SEXP max_iterations) {
  static const char *const names[] = {"beta",       "lambda",    "edf",
                                      "covariance", "deviance",  "dispersion",
                                      "iterations", "converged", "ridged"};
  R_xlen_t n = Rf_xlength(unsafe);
  R_xlen_t d = Rf_xlength(centre);
  tt_glm_model model = {
      .n = (size_t)n,
      .d = (size_t)d,
      .x = tt_doubles(x, n * d, "x"),
      .centre = tt_doubles(centre, d, "centre"),
      .scale = tt_doubles(scale, d, "scale"),
      .unsafe = tt_doubles(unsafe, n, "unsafe"),
      .draws = tt_doubles(draws, n, "draws"),
      .seen_unsafe = tt_doubles(seen_unsafe, n, "seen_unsafe"),
      .seen_draws = tt_doubles(seen_draws, n, "seen_draws"),
      .group = tt_integers(group, d, "group"),
      .weight = tt_doubles(weight, d, "weight"),
      .shape = tt_doubles(shape, Rf_xlength(lambda), "shape"),
      .n_groups = (size_t)Rf_xlength(lambda),
      .estimate = tt_scalar(estimate, "estimate") != 0.0,
      .dispersion = tt_scalar(dispersion, "dispersion"),
      .tolerance = tt_scalar(tolerance, "tolerance"),
      .max_iterations = tt_count(max_iterations, "max_iterations"),
  };
  tt_error error = {0};
  size_t bytes = 0;
  tt_status status = tt_glm_scratch(model.d, &bytes);
  if (status != TT_OK) {
    return tt_result(status, &error, R_NilValue);
  }
  SEXP value = PROTECT(tt_named_list(9, names));
  tt_glm_fit_result fit = allocate_fit(value, model.d, lambda);
  status = tt_glm_fit(&model, &fit, &lapack, R_alloc(bytes, 1), &tt_r_poll, &error);
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
