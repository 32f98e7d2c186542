#include "hazard-mlp-network.h"

#include <string.h>

#define DEPTH 8u         /* terms of an inner product added per load and store */
#define POLL_ROWS 65536u /* poll after this many rows, or, in large networks, ... */
#define POLL_WORK 2e8    /* ... after this many weights have met this many rows */

/* ---- Sizes and memory ---------------------------------------------------- */

static size_t fan_in(const tt_mlp_params *params, size_t l) {
  return l == 0 ? params->n_features : params->hidden[l - 1];
}

static size_t fan_out(const tt_mlp_params *params, size_t l) {
  return l == params->n_layers ? 1 : params->hidden[l];
}

tt_status tt_mlp_weights(const tt_mlp_params *params, size_t *count, tt_error *error) {
  if (params->n_features == 0) {
    return tt_fail(error, TT_EINVAL, "n_features", 0, 0.0);
  }
  if (params->n_layers == 0 || params->hidden == NULL) {
    return tt_fail(error, TT_EINVAL, "hidden", 0, 0.0);
  }
  size_t total = 0;
  for (size_t l = 0; l <= params->n_layers; l++) {
    const size_t in = fan_in(params, l);
    const size_t out = fan_out(params, l);
    if (out == 0) {
      return tt_fail(error, TT_EINVAL, "hidden", l, 0.0);
    }
    /* SIZE_MAX / 2 leaves room for the padding and for in + 1. */
    if (in > SIZE_MAX / 2 - TT_MLP_LANES) {
      return tt_fail(error, TT_EOVERFLOW, "n_features", 0, (double)in);
    }
    if (out > (SIZE_MAX / 2 - total) / (in + 1)) {
      return tt_fail(error, TT_EOVERFLOW, "hidden", l, (double)out);
    }
    total += out * (in + 1);
  }
  *count = total;
  return TT_OK;
}

void tt_mlp_lay_out(tt_arena *a, const tt_mlp_params *params, size_t n_weights,
                    const double *weights, int training, tt_mlp_network *net) {
  net->n_layers = params->n_layers + 1;
  net->n_weights = n_weights;
  net->weights = weights;
  net->layers = tt_arena_take(a, net->n_layers, 1, sizeof(tt_mlp_layer));
  net->input =
      tt_arena_take(a, TT_MLP_TILE, tt_mlp_padded(params->n_features), sizeof(float));
  net->logit = tt_arena_take(a, TT_MLP_TILE, 1, sizeof(double));
  size_t offset = 0;
  for (size_t l = 0; l < net->n_layers; l++) {
    tt_mlp_layer here = {.fan_in = fan_in(params, l), .fan_out = fan_out(params, l)};
    here.in_width = tt_mlp_padded(here.fan_in);
    here.out_width = tt_mlp_padded(here.fan_out);
    here.offset = offset;
    offset += here.fan_out * (here.fan_in + 1);
    here.forward = tt_arena_take(a, here.fan_in, here.out_width, sizeof(float));
    here.bias = tt_arena_take(a, 1, here.out_width, sizeof(float));
    here.active = tt_arena_take(a, TT_MLP_TILE, here.out_width, sizeof(float));
    if (training) {
      here.backward = tt_arena_take(a, here.fan_out, here.in_width, sizeof(float));
      here.delta = tt_arena_take(a, TT_MLP_TILE, here.out_width, sizeof(float));
      here.slope = tt_arena_take(a, here.fan_out, here.in_width, sizeof(float));
      here.slope_bias = tt_arena_take(a, 1, here.out_width, sizeof(float));
    }
    if (net->layers != NULL) {
      net->layers[l] = here;
    }
  }
}

tt_status tt_mlp_predict_scratch(const tt_mlp_params *params, size_t *bytes,
                                 tt_error *error) {
  size_t n_weights = 0;
  const tt_status status = tt_mlp_weights(params, &n_weights, error);
  if (status != TT_OK) {
    return status;
  }
  tt_arena a = tt_arena_measure();
  tt_mlp_network net;
  tt_mlp_lay_out(&a, params, n_weights, NULL, 0, &net);
  *bytes = a.used;
  return tt_arena_failed(&a)
             ? tt_fail(error, TT_EOVERFLOW, "hidden", 0, (double)n_weights)
             : TT_OK;
}

/* *count: how many there are. `otherwise`: the status when one is out of range. */
tt_status tt_mlp_check_weights(const tt_mlp_params *params, const double *weights,
                               tt_status otherwise, size_t *count, tt_error *error) {
  const tt_status status = tt_mlp_weights(params, count, error);
  for (size_t i = 0; status == TT_OK && i < *count; i++) {
    if (!(fabs(weights[i]) <= TT_MLP_LARGEST)) {
      return tt_fail(error, otherwise, "weights", i, weights[i]);
    }
  }
  return status;
}

/* ---- Polling ------------------------------------------------------------- */

tt_mlp_pacer tt_mlp_new_pacer(const tt_poll *poll, size_t n_weights) {
  const double every = POLL_WORK / (double)n_weights;
  const tt_mlp_pacer pace = {poll, 0,
                             every < POLL_ROWS ? (size_t)every : POLL_ROWS - TT_MLP_TILE};
  return pace;
}

int tt_mlp_pace_stops(tt_mlp_pacer *pace, size_t rows) {
  pace->rows += rows;
  if (pace->rows < pace->every) {
    return 0;
  }
  pace->rows = 0;
  return tt_stop_requested(pace->poll);
}

/* ---- Forward -------------------------------------------------------------- */

/* sum += the DEPTH products of factors[0], factors[step], ... with rows of TT_MLP_LANES
 * floats that are `width` apart. */
static inline void add_terms(const float *restrict factors, size_t step,
                             const float *restrict t0, size_t width,
                             float *restrict sum) {
  const float *restrict t1 = t0 + width, *restrict t2 = t1 + width;
  const float *restrict t3 = t2 + width, *restrict t4 = t3 + width;
  const float *restrict t5 = t4 + width, *restrict t6 = t5 + width;
  const float *restrict t7 = t6 + width;
  const float f0 = factors[0], f1 = factors[step], f2 = factors[2 * step];
  const float f3 = factors[3 * step], f4 = factors[4 * step], f5 = factors[5 * step];
  const float f6 = factors[6 * step], f7 = factors[7 * step];
  for (size_t s = 0; s < TT_MLP_LANES; s++) {
    sum[s] += ((f0 * t0[s] + f1 * t1[s]) + (f2 * t2[s] + f3 * t3[s])) +
              ((f4 * t4[s] + f5 * t5[s]) + (f6 * t6[s] + f7 * t7[s]));
  }
}

/* c += b * a for row-major matrices c (m x width) and a (k x width), and an m x k
 * matrix b whose rows and columns are b_row and b_column apart. All three products
 * of training are of this kind; the order of additions in an element depends on k
 * alone. DEPTH terms are added at a time, because loads and stores of c would
 * otherwise cost more than the arithmetic. */
static void add_product(size_t m, size_t k, size_t width, const float *restrict b,
                        size_t b_row, size_t b_column, const float *restrict a,
                        float *restrict c) {
  for (size_t j = 0; j < width; j += TT_MLP_LANES) {
    for (size_t i = 0; i < m; i++) {
      float *sum = c + i * width + j;
      size_t t = 0;
      for (; t + DEPTH <= k; t += DEPTH) {
        add_terms(b + i * b_row + t * b_column, b_column, a + t * width + j, width, sum);
      }
      for (; t < k; t++) {
        const float factor = b[i * b_row + t * b_column];
        const float *term = a + t * width + j;
        for (size_t s = 0; s < TT_MLP_LANES; s++) {
          sum[s] += factor * term[s];
        }
      }
    }
  }
}

/* Copies the weights to single precision, in the layouts that add_product reads. */
void tt_mlp_load_weights(tt_mlp_network *net) {
  for (size_t l = 0; l < net->n_layers; l++) {
    const tt_mlp_layer *here = &net->layers[l];
    const double *w = net->weights + here->offset;
    const double *bias = w + here->fan_out * here->fan_in;
    for (size_t o = 0; o < here->fan_out; o++) {
      here->bias[o] = (float)bias[o];
      for (size_t i = 0; i < here->fan_in; i++) {
        const float value = (float)w[o * here->fan_in + i];
        here->forward[i * here->out_width + o] = value;
        if (here->backward != NULL) {
          here->backward[o * here->in_width + i] = value;
        }
      }
    }
  }
}

/* Rows first..first+rows-1 of the column-major x to row-major single precision. */
tt_status tt_mlp_load_rows(size_t n, const double *x, size_t n_features, size_t first,
                           size_t rows, size_t width, float *out, tt_error *error) {
  for (size_t j = 0; j < n_features; j++) {
    const size_t start = j * n + first;
    for (size_t r = 0; r < rows; r++) {
      const double value = x[start + r];
      if (!(fabs(value) <= TT_MLP_LARGEST)) {
        return tt_fail(error, TT_EINVAL, "x", start + r, value);
      }
      out[r * width + j] = (float)value;
    }
  }
  return TT_OK;
}

/* Written so that NaN stays NaN: an overflow must not pass for a prediction. */
static void relu(size_t size, float *restrict z) {
  for (size_t i = 0; i < size; i += TT_MLP_LANES) {
    float *restrict block = z + i;
    for (size_t s = 0; s < TT_MLP_LANES; s++) {
      block[s] = block[s] < 0.0f ? 0.0f : block[s];
    }
  }
}

/* net->logit of a tile of rows. The output unit is computed in double, because the
 * relative error of a small p is the absolute error of its logit. */
void tt_mlp_forward(tt_mlp_network *net, size_t rows, const float *input) {
  const float *from = input;
  for (size_t l = 0; l + 1 < net->n_layers; l++) {
    const tt_mlp_layer *here = &net->layers[l];
    for (size_t r = 0; r < rows; r++) {
      memcpy(here->active + r * here->out_width, here->bias,
             here->out_width * sizeof(float));
    }
    add_product(rows, here->fan_in, here->out_width, from, here->in_width, 1,
                here->forward, here->active);
    relu(rows * here->out_width, here->active);
    from = here->active;
  }
  const tt_mlp_layer *last = &net->layers[net->n_layers - 1];
  const double *w = net->weights + last->offset;
  for (size_t r = 0; r < rows; r++) {
    double sum = w[last->fan_in];
    for (size_t i = 0; i < last->fan_in; i++) {
      sum += w[i] * (double)from[r * last->in_width + i];
    }
    net->logit[r] = sum;
  }
}

/* ---- Backward ------------------------------------------------------------- */

/* d(before ReLU) = d(after ReLU) where the unit is active, else 0. */
static void mask_inactive(size_t size, const float *restrict active,
                          float *restrict delta) {
  for (size_t i = 0; i < size; i += TT_MLP_LANES) {
    const float *restrict on = active + i;
    float *restrict block = delta + i;
    for (size_t s = 0; s < TT_MLP_LANES; s++) {
      block[s] = on[s] > 0.0f ? block[s] : 0.0f;
    }
  }
}

static void add_rows(size_t rows, size_t width, const float *restrict from,
                     float *restrict sum) {
  for (size_t j = 0; j < width; j += TT_MLP_LANES) {
    float *restrict block = sum + j;
    for (size_t r = 0; r < rows; r++) {
      const float *restrict row = from + r * width + j;
      for (size_t s = 0; s < TT_MLP_LANES; s++) {
        block[s] += row[s];
      }
    }
  }
}

void tt_mlp_clear_slopes(tt_mlp_network *net) {
  for (size_t l = 0; l < net->n_layers; l++) {
    const tt_mlp_layer *here = &net->layers[l];
    memset(here->slope, 0, here->fan_out * here->in_width * sizeof(float));
    memset(here->slope_bias, 0, here->out_width * sizeof(float));
  }
}

/* The chain rule from the last layer's delta, a tile of rows at a time (Goodfellow,
 * Bengio & Courville, Deep Learning, 2016, algorithm 6.4): with z = W a + b,
 *   dL/dW = delta' a,   dL/db = column sums of delta,   dL/da = delta W. */
void tt_mlp_backward(tt_mlp_network *net, size_t rows) {
  for (size_t l = net->n_layers; l-- > 0;) {
    const tt_mlp_layer *here = &net->layers[l];
    const float *input = l == 0 ? net->input : net->layers[l - 1].active;
    add_product(here->fan_out, rows, here->in_width, here->delta, 1, here->out_width,
                input, here->slope);
    add_rows(rows, here->out_width, here->delta, here->slope_bias);
    if (l > 0) {
      const size_t size = rows * here->in_width;
      float *below = net->layers[l - 1].delta;
      memset(below, 0, size * sizeof(float));
      add_product(rows, here->fan_out, here->in_width, here->delta, here->out_width, 1,
                  here->backward, below);
      mask_inactive(size, input, below);
    }
  }
}

/* The layers' slopes as one vector in the layout of the weights. */
void tt_mlp_collect_gradient(const tt_mlp_network *net, double *gradient) {
  for (size_t l = 0; l < net->n_layers; l++) {
    const tt_mlp_layer *here = &net->layers[l];
    double *out = gradient + here->offset;
    double *bias = out + here->fan_out * here->fan_in;
    for (size_t o = 0; o < here->fan_out; o++) {
      const float *slope = here->slope + o * here->in_width;
      bias[o] = (double)here->slope_bias[o];
      for (size_t i = 0; i < here->fan_in; i++) {
        *out++ = (double)slope[i];
      }
    }
  }
}

/* ---- Entry points -------------------------------------------------------- */

tt_status tt_mlp_init(const tt_mlp_params *params, double start_bias,
                      const tt_uniform *uniform, double *weights, tt_error *error) {
  size_t n_weights = 0;
  const tt_status status = tt_mlp_weights(params, &n_weights, error);
  if (status != TT_OK) {
    return status;
  }
  if (fabs(start_bias) > TT_MLP_LARGEST) {
    return tt_fail(error, TT_EINVAL, "start_bias", 0, start_bias);
  }
  size_t filled = 0;
  for (size_t l = 0; l <= params->n_layers; l++) {
    const size_t count = fan_out(params, l) * (fan_in(params, l) + 1);
    const double bound = 1.0 / sqrt((double)fan_in(params, l));
    for (size_t i = 0; i < count; i++) {
      weights[filled++] = bound * (2.0 * uniform->fn(uniform->ctx) - 1.0);
    }
  }
  if (!isnan(start_bias)) {
    weights[n_weights - 1] = start_bias;
  }
  return TT_OK;
}

tt_status tt_mlp_predict(const tt_mlp_params *params, size_t n, const double *x,
                         const double *weights, double *prob, void *scratch,
                         const tt_poll *poll, tt_error *error) {
  size_t n_weights = 0;
  size_t bytes = 0;
  tt_status status = tt_mlp_predict_scratch(params, &bytes, error);
  if (status == TT_OK) {
    status = tt_mlp_check_weights(params, weights, TT_EINVAL, &n_weights, error);
  }
  if (status != TT_OK) {
    return status;
  }
  memset(scratch, 0, bytes);
  tt_arena a = tt_arena_over(scratch, bytes);
  tt_mlp_network net;
  tt_mlp_lay_out(&a, params, n_weights, weights, 0, &net);
  tt_mlp_load_weights(&net);
  tt_mlp_pacer pace = tt_mlp_new_pacer(poll, n_weights);
  for (size_t first = 0; first < n; first += TT_MLP_TILE) {
    const size_t rows = tt_mlp_at_most(n - first, TT_MLP_TILE);
    if (tt_mlp_pace_stops(&pace, rows)) {
      return TT_EINTERRUPT;
    }
    status = tt_mlp_load_rows(n, x, params->n_features, first, rows,
                              net.layers[0].in_width, net.input, error);
    if (status != TT_OK) {
      return status;
    }
    tt_mlp_forward(&net, rows, net.input);
    for (size_t r = 0; r < rows; r++) {
      if (isnan(net.logit[r])) {
        return tt_fail(error, TT_ENUMERIC, "x", first + r, net.logit[r]);
      }
      prob[first + r] = tt_mlp_sigmoid(net.logit[r]);
    }
  }
  return TT_OK;
}
