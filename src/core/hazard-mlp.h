/* The per-draw hazard p(x) as a multilayer perceptron: ReLU layers, one output
 * unit, p = 1 / (1 + exp(-output)), trained by AdamW on mini-batches of rows
 * (unsafe_i events out of draws_i draws) with early stopping on the deviance of
 * held-out rows.
 *
 * Weights are one vector of doubles, layer by layer from the inputs to the
 * output unit: the matrix, fan_out rows of fan_in numbers one after the other,
 * then fan_out biases. With L = n_layers hidden layers there are L + 1 such
 * blocks; the last has fan_out 1.
 *
 * x is n x n_features, column-major, standardised by the caller, all values
 * within +-1e30 (so are the weights). The layers compute in single precision;
 * the output unit, the loss, the optimiser and the weights are in double.
 *
 * Every routine validates what it is given: TT_EINVAL names the argument. On
 * any other status than TT_OK outputs are unspecified where nothing is said. */
#ifndef TT_HAZARD_MLP_H
#define TT_HAZARD_MLP_H

#include "random.h"
#include "status.h"

typedef struct {
  size_t n_features;    /* columns of x, >= 1 */
  size_t n_layers;      /* hidden layers, >= 1 */
  const size_t *hidden; /* their widths, n_layers numbers, each >= 1 */
  /* From here on: used by training alone. */
  double learning_rate; /* in (0, 1] */
  double weight_decay;  /* >= 0; each step shrinks by 1 - learning_rate * this */
  size_t batch_size;    /* rows in a step, >= 1; the last batch may be short */
  size_t epochs;        /* the most passes over the training rows, >= 1 */
  size_t patience;      /* 0: run all epochs and keep the last weights. Else stop
                         * after `patience` epochs without a lower held-out deviance
                         * and return the weights of the (first) lowest. */
  int weighted;         /* 0: mean cross-entropy of the proportions unsafe/draws.
                         * 1: each row counts draws/mean(draws) times, which is
                         * the binomial likelihood. */
} tt_mlp_params;

/* How many weights the network has. TT_EOVERFLOW when that does not fit. */
tt_status tt_mlp_weights(const tt_mlp_params *params, size_t *count, tt_error *error);

/* Start values: uniform on +-1/sqrt(fan_in), weights and biases alike, one
 * uniform number for each in the order of the vector. A start_bias other than
 * NaN then replaces the output unit's bias: the log-odds of the overall rate
 * spare training at low rates the long way there. */
tt_status tt_mlp_init(const tt_mlp_params *params, double start_bias,
                      const tt_uniform *uniform, double *weights, tt_error *error);

/* Bytes of scratch for tt_mlp_fit and tt_mlp_gradient with n rows, and for
 * tt_mlp_predict with any number of rows. Scratch is memory from an allocator,
 * aligned as malloc aligns; it need not be cleared. */
tt_status tt_mlp_fit_scratch(const tt_mlp_params *params, size_t n, size_t *bytes,
                             tt_error *error);
tt_status tt_mlp_predict_scratch(const tt_mlp_params *params, size_t *bytes,
                                 tt_error *error);

/* Trains on rows 0..n_train-1 and watches rows n_train..n-1 (none when n_train
 * is n; patience must then be 0).
 *   unsafe, draws  n numbers: 0 <= unsafe <= draws, 0 < draws <= 1e30
 *   weights        in: where to start; out: fitted
 *   history        epochs x 2, column-major: the deviance per draw,
 *                  2 * sum(log-likelihood lost to a perfect fit) / sum(draws),
 *                  of the training rows (each row as its batch was met, before
 *                  that batch's step) and of the held-out rows (at the end of
 *                  the epoch). NaN after epochs_run, and where nothing is held
 *                  out.
 *   uniform        shuffles the training rows before each epoch
 *   poll           asked at least every 65536 rows (more often in large nets)
 * TT_ENUMERIC: training diverged (error: the epoch and its deviance).
 * TT_EINTERRUPT: stopped by poll; epochs_run counts the finished epochs. */
tt_status tt_mlp_fit(const tt_mlp_params *params, size_t n, const double *x,
                     const double *unsafe, const double *draws, size_t n_train,
                     double *weights, double *history, size_t *epochs_run,
                     const tt_uniform *uniform, void *scratch, const tt_poll *poll,
                     tt_error *error);

/* The gradient of the training loss, all n rows as one batch, in the layout of
 * the weights: what a step of tt_mlp_fit descends, exposed to be checked. */
tt_status tt_mlp_gradient(const tt_mlp_params *params, size_t n, const double *x,
                          const double *unsafe, const double *draws,
                          const double *weights, double *gradient, void *scratch,
                          tt_error *error);

/* The hazard of n rows, never NaN, with a small relative error however close to
 * 0. A row's result does not depend on the other rows. TT_ENUMERIC: numbers so
 * large that the network overflows (error: the row). */
tt_status tt_mlp_predict(const tt_mlp_params *params, size_t n, const double *x,
                         const double *weights, double *prob, void *scratch,
                         const tt_poll *poll, tt_error *error);

#endif
