#include "core/hazard-mlp.h"
#include "ffi.h"

/* control: learning_rate, weight_decay, batch_size, epochs, patience, weighted. */
static tt_mlp_params read_params(SEXP hidden, size_t n_features, const double *control) {
  size_t n_layers = (size_t)Rf_xlength(hidden);
  const int *widths = tt_integers(hidden, -1, "hidden");
  size_t *copy = (size_t *)R_alloc(n_layers > 0 ? n_layers : 1, sizeof(size_t));
  for (size_t i = 0; i < n_layers; i++) {
    copy[i] = (size_t)widths[i];
  }
  tt_mlp_params params = {n_features, n_layers, copy, 1e-3, 0.0, 1, 1, 0, 0};
  if (control != NULL) {
    params.learning_rate = control[0];
    params.weight_decay = control[1];
    params.batch_size = (size_t)control[2];
    params.epochs = (size_t)control[3];
    params.patience = (size_t)control[4];
    params.weighted = control[5] != 0.0;
  }
  return params;
}

SEXP ffi_mlp_fit(SEXP x, SEXP unsafe, SEXP draws, SEXP n_train, SEXP hidden, SEXP control,
                 SEXP start_bias) {
  static const char *const names[] = {"weights", "history", "epochs"};
  R_xlen_t n = Rf_xlength(unsafe);
  int d = Rf_ncols(x);
  tt_mlp_params params =
      read_params(hidden, (size_t)d, tt_doubles(control, 6, "control"));
  size_t count = 0;
  size_t bytes = 0;
  size_t epochs = 0;
  tt_error error = {0};
  tt_status status = tt_mlp_weights(&params, &count, &error);
  if (status == TT_OK) {
    status = tt_mlp_fit_scratch(&params, (size_t)n, &bytes, &error);
  }
  if (status != TT_OK) {
    return tt_result(status, &error, R_NilValue);
  }
  SEXP value = PROTECT(tt_named_list(3, names));
  SEXP weights = Rf_allocVector(REALSXP, (R_xlen_t)count);
  SET_VECTOR_ELT(value, 0, weights);
  SEXP history = Rf_allocMatrix(REALSXP, (int)params.epochs, 2);
  SET_VECTOR_ELT(value, 1, history);
  GetRNGstate();
  status = tt_mlp_init(&params, tt_scalar(start_bias, "start_bias"), &tt_r_uniform,
                       REAL(weights), &error);
  if (status == TT_OK) {
    status = tt_mlp_fit(&params, (size_t)n, tt_doubles(x, n * d, "x"),
                        tt_doubles(unsafe, n, "unsafe"), tt_doubles(draws, n, "draws"),
                        tt_count(n_train, "n_train"), REAL(weights), REAL(history),
                        &epochs, &tt_r_uniform, R_alloc(bytes, 1), &tt_r_poll, &error);
  }
  PutRNGstate();
  SET_VECTOR_ELT(value, 2, Rf_ScalarInteger((int)epochs));
  SEXP result = tt_result(status, &error, value);
  UNPROTECT(1);
  return result;
}

SEXP ffi_mlp_predict(SEXP x, SEXP hidden, SEXP weights) {
  int d = Rf_ncols(x);
  R_xlen_t n = Rf_nrows(x);
  tt_mlp_params params = read_params(hidden, (size_t)d, NULL);
  size_t bytes = 0;
  tt_error error = {0};
  tt_status status = tt_mlp_predict_scratch(&params, &bytes, &error);
  if (status != TT_OK) {
    return tt_result(status, &error, R_NilValue);
  }
  SEXP prob = PROTECT(Rf_allocVector(REALSXP, n));
  status = tt_mlp_predict(&params, (size_t)n, tt_doubles(x, n * d, "x"),
                          tt_doubles(weights, -1, "weights"), REAL(prob),
                          R_alloc(bytes, 1), &tt_r_poll, &error);
  SEXP result = tt_result(status, &error, prob);
  UNPROTECT(1);
  return result;
}
