#include "core/hazard-mlp.h"
#include "ffi.h"

#include <limits.h>

/* What prediction needs. The core refuses a width of 0. */
static tt_mlp_params network_of(SEXP hidden, int n_features) {
  size_t n_layers = (size_t)Rf_xlength(hidden);
  const int *widths = tt_integers(hidden, -1, "hidden");
  size_t *copy = (size_t *)R_alloc(n_layers > 0 ? n_layers : 1, sizeof(size_t));
  for (size_t i = 0; i < n_layers; i++) {
    copy[i] = widths[i] > 0 ? (size_t)widths[i] : 0;
  }
  tt_mlp_params params = {
      .n_features = (size_t)n_features, .n_layers = n_layers, .hidden = copy};
  return params;
}

/* model: x, unsafe, draws, n_train, start_bias, and the fields of tt_mlp_params. */
SEXP ffi_mlp_fit(SEXP model) {
  static const char *const names[] = {"weights", "history", "epochs"};
  R_xlen_t n = Rf_xlength(tt_field(model, "unsafe"));
  int d = Rf_ncols(tt_field(model, "x"));
  const double *x = tt_field_doubles(model, "x", n * d);
  const double *unsafe = tt_field_doubles(model, "unsafe", n);
  const double *draws = tt_field_doubles(model, "draws", n);
  size_t n_train = tt_field_count(model, "n_train");
  double start_bias = tt_field_scalar(model, "start_bias");
  tt_mlp_params params = network_of(tt_field(model, "hidden"), d);
  params.learning_rate = tt_field_scalar(model, "learning_rate");
  params.weight_decay = tt_field_scalar(model, "weight_decay");
  params.batch_size = tt_field_count(model, "batch_size");
  params.epochs = tt_field_count(model, "epochs");
  params.patience = tt_field_count(model, "patience");
  params.weighted = tt_field_scalar(model, "weighted") != 0.0;
  size_t count = 0;
  size_t bytes = 0;
  size_t epochs = 0;
  tt_error error = {0};
  tt_status status = tt_mlp_weights(&params, &count, &error);
  if (status == TT_OK) {
    status = tt_mlp_fit_scratch(&params, (size_t)n, &bytes, &error);
  }
  if (status == TT_OK && params.epochs > INT_MAX) {
    status = TT_EOVERFLOW; /* of the rows of `history` */
  }
  if (status != TT_OK) {
    return tt_result(status, &error, R_NilValue);
  }
  SEXP value = PROTECT(tt_named_list(3, names));
  SEXP weights = Rf_allocVector(REALSXP, (R_xlen_t)count);
  SET_VECTOR_ELT(value, 0, weights);
  SEXP history = Rf_allocMatrix(REALSXP, (int)params.epochs, 2);
  SET_VECTOR_ELT(value, 1, history);
  void *scratch = R_alloc(bytes, 1);
  GetRNGstate();
  status = tt_mlp_init(&params, start_bias, &tt_r_uniform, REAL(weights), &error);
  if (status == TT_OK) {
    status =
        tt_mlp_fit(&params, (size_t)n, x, unsafe, draws, n_train, REAL(weights),
                   REAL(history), &epochs, &tt_r_uniform, scratch, &tt_r_poll, &error);
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
  tt_mlp_params params = network_of(hidden, d);
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
