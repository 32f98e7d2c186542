#include "hazard-mlp.h"

#include "arena.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

/* Rows of activations are padded with zeros to whole blocks of LANES floats: loops
 * of a constant length that is a multiple of the vector width are the ones that
 * compilers vectorise at -O2. Padding stays zero through every operation. */
#define LANES 16u
#define DEPTH 8u          /* terms of an inner product added per load and store */
#define TILE 64u          /* rows that pass through the layers together: fits cache */
#define POLL_ROWS 65536u  /* poll after so many rows, or, in large networks, ... */
#define POLL_WORK 2e8     /* ... after so many weights have met so many rows */
#define LARGEST 1e30      /* far inside the range of a float */
#define MOMENT1_DECAY 0.9 /* Adam's usual constants */
#define MOMENT2_DECAY 0.999
#define ADAM_EPSILON 1e-8

/* One affine map and the activations that follow it. Matrices are row-major. */
typedef struct {
  size_t fan_in;
  size_t fan_out;
  size_t in_width; /* padded */
  size_t out_width;
  size_t offset;     /* of its block in the vector of weights */
  float *forward;    /* fan_in x out_width: the transposed weights */
  float *bias;       /* out_width */
  float *active;     /* TILE x out_width: activations of a tile */
  float *backward;   /* fan_out x in_width: the weights; training alone, as are: */
  float *delta;      /* TILE x out_width: derivatives by the sums before ReLU */
  float *slope;      /* fan_out x in_width: derivatives by the weights */
  float *slope_bias; /* out_width */
} layer;

typedef struct {
  size_t n_layers; /* affine maps: one more than there are hidden layers */
  layer *layers;
  size_t n_weights;
  const double *weights;
  float *input;  /* TILE x in_width of the first layer */
  double *logit; /* TILE */
} network;

typedef struct {
  const tt_poll *poll;
  size_t rows;
  size_t every;
} pacer;

/* Deviance and draws of the rows met so far. */
typedef struct {
  double deviance;
  double draws;
} tally;

typedef struct {
  const tt_mlp_params *params;
  const double *unsafe;
  const double *draws;
  double mean_draws; /* over the training rows */
  network net;
  float *x;        /* n x in_width: row-major, so that a shuffled row is one piece */
  size_t *order;   /* n: the rows as this epoch meets them */
  double *weights; /* the caller's: what net.weights reads */
  double *gradient;
  double *moment1;
  double *moment2;
  double *best;
  double power1; /* MOMENT1_DECAY to the number of steps made */
  double power2;
  pacer pace;
} trainer;

/* ---- Sizes and memory ---------------------------------------------------- */

static size_t padded(size_t width) {
  return (width + LANES - 1) / LANES * LANES;
}

static size_t at_most(size_t size, size_t limit) {
  return size < limit ? size : limit;
}

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
    if (in > SIZE_MAX / 2 - LANES) {
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

static void lay_out_network(tt_arena *a, const tt_mlp_params *params, size_t n_weights,
                            const double *weights, int training, network *net) {
  net->n_layers = params->n_layers + 1;
  net->n_weights = n_weights;
  net->weights = weights;
  net->layers = tt_arena_take(a, net->n_layers, 1, sizeof(layer));
  net->input = tt_arena_take(a, TILE, padded(params->n_features), sizeof(float));
  net->logit = tt_arena_take(a, TILE, 1, sizeof(double));
  size_t offset = 0;
  for (size_t l = 0; l < net->n_layers; l++) {
    layer here = {.fan_in = fan_in(params, l), .fan_out = fan_out(params, l)};
    here.in_width = padded(here.fan_in);
    here.out_width = padded(here.fan_out);
    here.offset = offset;
    offset += here.fan_out * (here.fan_in + 1);
    here.forward = tt_arena_take(a, here.fan_in, here.out_width, sizeof(float));
    here.bias = tt_arena_take(a, 1, here.out_width, sizeof(float));
    here.active = tt_arena_take(a, TILE, here.out_width, sizeof(float));
    if (training) {
      here.backward = tt_arena_take(a, here.fan_out, here.in_width, sizeof(float));
      here.delta = tt_arena_take(a, TILE, here.out_width, sizeof(float));
      here.slope = tt_arena_take(a, here.fan_out, here.in_width, sizeof(float));
      here.slope_bias = tt_arena_take(a, 1, here.out_width, sizeof(float));
    }
    if (net->layers != NULL) {
      net->layers[l] = here;
    }
  }
}

static void lay_out_trainer(tt_arena *a, size_t n, size_t n_weights,
                            const double *weights, trainer *t) {
  lay_out_network(a, t->params, n_weights, weights, 1, &t->net);
  t->x = tt_arena_take(a, n, padded(t->params->n_features), sizeof(float));
  t->order = tt_arena_take(a, n, 1, sizeof(size_t));
  t->gradient = tt_arena_take(a, n_weights, 1, sizeof(double));
  t->moment1 = tt_arena_take(a, n_weights, 1, sizeof(double));
  t->moment2 = tt_arena_take(a, n_weights, 1, sizeof(double));
  t->best = tt_arena_take(a, n_weights, 1, sizeof(double));
}

tt_status tt_mlp_fit_scratch(const tt_mlp_params *params, size_t n, size_t *bytes,
                             tt_error *error) {
  size_t n_weights = 0;
  const tt_status status = tt_mlp_weights(params, &n_weights, error);
  if (status != TT_OK) {
    return status;
  }
  tt_arena a = tt_arena_measure();
  trainer t = {.params = params};
  lay_out_trainer(&a, n, n_weights, NULL, &t);
  *bytes = a.used;
  return tt_arena_failed(&a) ? tt_fail(error, TT_EOVERFLOW, "n", 0, (double)n) : TT_OK;
}

tt_status tt_mlp_predict_scratch(const tt_mlp_params *params, size_t *bytes,
                                 tt_error *error) {
  size_t n_weights = 0;
  const tt_status status = tt_mlp_weights(params, &n_weights, error);
  if (status != TT_OK) {
    return status;
  }
  tt_arena a = tt_arena_measure();
  network net;
  lay_out_network(&a, params, n_weights, NULL, 0, &net);
  *bytes = a.used;
  return tt_arena_failed(&a)
             ? tt_fail(error, TT_EOVERFLOW, "hidden", 0, (double)n_weights)
             : TT_OK;
}

/* ---- The network --------------------------------------------------------- */

static pacer new_pacer(const tt_poll *poll, size_t n_weights) {
  const double every = POLL_WORK / (double)n_weights;
  const pacer pace = {poll, 0, every < POLL_ROWS ? (size_t)every : POLL_ROWS - TILE};
  return pace;
}

static int pace_stops(pacer *pace, size_t rows) {
  pace->rows += rows;
  if (pace->rows < pace->every) {
    return 0;
  }
  pace->rows = 0;
  return tt_stop_requested(pace->poll);
}

/* sum += the DEPTH products of factors[0], factors[step], ... with rows of LANES floats
 * that are `width` apart. */
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
  for (size_t s = 0; s < LANES; s++) {
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
  for (size_t j = 0; j < width; j += LANES) {
    for (size_t i = 0; i < m; i++) {
      float *sum = c + i * width + j;
      size_t t = 0;
      for (; t + DEPTH <= k; t += DEPTH) {
        add_terms(b + i * b_row + t * b_column, b_column, a + t * width + j, width, sum);
      }
      for (; t < k; t++) {
        const float factor = b[i * b_row + t * b_column];
        const float *term = a + t * width + j;
        for (size_t s = 0; s < LANES; s++) {
          sum[s] += factor * term[s];
        }
      }
    }
  }
}

/* Copies the weights to single precision, in the layouts that add_product reads. */
static void load_weights(network *net) {
  for (size_t l = 0; l < net->n_layers; l++) {
    const layer *here = &net->layers[l];
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
static tt_status load_rows(size_t n, const double *x, size_t n_features, size_t first,
                           size_t rows, size_t width, float *out, tt_error *error) {
  for (size_t j = 0; j < n_features; j++) {
    const size_t start = j * n + first;
    for (size_t r = 0; r < rows; r++) {
      const double value = x[start + r];
      if (!(fabs(value) <= LARGEST)) {
        return tt_fail(error, TT_EINVAL, "x", start + r, value);
      }
      out[r * width + j] = (float)value;
    }
  }
  return TT_OK;
}

/* Written so that NaN stays NaN: an overflow must not pass for a prediction. */
static void relu(size_t size, float *restrict z) {
  for (size_t i = 0; i < size; i += LANES) {
    float *restrict block = z + i;
    for (size_t s = 0; s < LANES; s++) {
      block[s] = block[s] < 0.0f ? 0.0f : block[s];
    }
  }
}

/* net->logit of a tile of rows. The output unit is computed in double, because the
 * relative error of a small p is the absolute error of its logit. */
static void run_forward(network *net, size_t rows, const float *input) {
  const float *from = input;
  for (size_t l = 0; l + 1 < net->n_layers; l++) {
    const layer *here = &net->layers[l];
    for (size_t r = 0; r < rows; r++) {
      memcpy(here->active + r * here->out_width, here->bias,
             here->out_width * sizeof(float));
    }
    add_product(rows, here->fan_in, here->out_width, from, here->in_width, 1,
                here->forward, here->active);
    relu(rows * here->out_width, here->active);
    from = here->active;
  }
  const layer *last = &net->layers[net->n_layers - 1];
  const double *w = net->weights + last->offset;
  for (size_t r = 0; r < rows; r++) {
    double sum = w[last->fan_in];
    for (size_t i = 0; i < last->fan_in; i++) {
      sum += w[i] * (double)from[r * last->in_width + i];
    }
    net->logit[r] = sum;
  }
}

/* 1 / (1 + exp(-z)) without overflow and without loss at either end. */
static double sigmoid(double z) {
  const double e = exp(-fabs(z));
  return z < 0.0 ? e / (1.0 + e) : 1.0 / (1.0 + e);
}

/* ---- Training ------------------------------------------------------------ */

/* Cross-entropy of a proportion y with p = sigmoid(z), -y log p - (1-y) log(1-p) =
 * log(1 + exp(z)) - y z, written without cancellation. Its derivative by z is
 * p - y. */
static double cross_entropy(double y, double z) {
  return log1p(exp(-fabs(z))) + (z > 0.0 ? (1.0 - y) * z : -y * z);
}

/* The least that cross_entropy can be: at p = y. */
static double entropy(double y) {
  return (y > 0.0 ? -y * log(y) : 0.0) + (y < 1.0 ? -(1.0 - y) * log1p(-y) : 0.0);
}

static void count_row(const trainer *t, size_t row, double z, tally *sum) {
  const double y = t->unsafe[row] / t->draws[row];
  sum->deviance += 2.0 * t->draws[row] * (cross_entropy(y, z) - entropy(y));
  sum->draws += t->draws[row];
}

/* d(before ReLU) = d(after ReLU) where the unit is active, else 0. */
static void mask_inactive(size_t size, const float *restrict active,
                          float *restrict delta) {
  for (size_t i = 0; i < size; i += LANES) {
    const float *restrict on = active + i;
    float *restrict block = delta + i;
    for (size_t s = 0; s < LANES; s++) {
      block[s] = on[s] > 0.0f ? block[s] : 0.0f;
    }
  }
}

static void add_rows(size_t rows, size_t width, const float *restrict from,
                     float *restrict sum) {
  for (size_t j = 0; j < width; j += LANES) {
    float *restrict block = sum + j;
    for (size_t r = 0; r < rows; r++) {
      const float *restrict row = from + r * width + j;
      for (size_t s = 0; s < LANES; s++) {
        block[s] += row[s];
      }
    }
  }
}

/* The chain rule from the last layer's delta, a tile of rows at a time (Goodfellow,
 * Bengio & Courville, Deep Learning, 2016, algorithm 6.4): with z = W a + b,
 *   dL/dW = delta' a,   dL/db = column sums of delta,   dL/da = delta W. */
static void run_backward(network *net, size_t rows) {
  for (size_t l = net->n_layers; l-- > 0;) {
    const layer *here = &net->layers[l];
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
static void collect_gradient(const network *net, double *gradient) {
  for (size_t l = 0; l < net->n_layers; l++) {
    const layer *here = &net->layers[l];
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

/* The gradient of the mean loss over these rows: to t->gradient. */
static tt_status run_batch(trainer *t, const size_t *order, size_t rows, tally *sum) {
  network *net = &t->net;
  const layer *last = &net->layers[net->n_layers - 1];
  const size_t width = net->layers[0].in_width;
  for (size_t l = 0; l < net->n_layers; l++) {
    const layer *here = &net->layers[l];
    memset(here->slope, 0, here->fan_out * here->in_width * sizeof(float));
    memset(here->slope_bias, 0, here->out_width * sizeof(float));
  }
  for (size_t first = 0; first < rows; first += TILE) {
    const size_t count = at_most(rows - first, TILE);
    if (pace_stops(&t->pace, count)) {
      return TT_EINTERRUPT;
    }
    for (size_t r = 0; r < count; r++) {
      memcpy(net->input + r * width, t->x + order[first + r] * width,
             width * sizeof(float));
    }
    run_forward(net, count, net->input);
    for (size_t r = 0; r < count; r++) {
      const size_t row = order[first + r];
      const double weight = t->params->weighted ? t->draws[row] / t->mean_draws : 1.0;
      const double rate = t->unsafe[row] / t->draws[row];
      const double slope = weight * (sigmoid(net->logit[r]) - rate) / (double)rows;
      last->delta[r * last->out_width] = (float)slope;
      count_row(t, row, net->logit[r], sum);
    }
    run_backward(net, count);
  }
  collect_gradient(net, t->gradient);
  return TT_OK;
}

/* AdamW (Loshchilov & Hutter, ICLR 2019, algorithm 2): the decay multiplies the
 * weight and does not enter the moments. */
static void take_step(trainer *t) {
  t->power1 *= MOMENT1_DECAY;
  t->power2 *= MOMENT2_DECAY;
  const double rate = t->params->learning_rate;
  const double keep = 1.0 - rate * t->params->weight_decay;
  const double step = rate / (1.0 - t->power1);
  const double spread = 1.0 / sqrt(1.0 - t->power2);
  for (size_t i = 0; i < t->net.n_weights; i++) {
    const double g = t->gradient[i];
    const double m = t->moment1[i] + (1.0 - MOMENT1_DECAY) * (g - t->moment1[i]);
    const double v = t->moment2[i] + (1.0 - MOMENT2_DECAY) * (g * g - t->moment2[i]);
    t->moment1[i] = m;
    t->moment2[i] = v;
    t->weights[i] = keep * t->weights[i] - step * m / (sqrt(v) * spread + ADAM_EPSILON);
  }
  load_weights(&t->net);
}

static tt_status run_epoch(trainer *t, size_t n_train, const tt_uniform *uniform,
                           tally *sum) {
  tt_shuffle(uniform, n_train, t->order);
  for (size_t first = 0; first < n_train;) {
    const size_t rows = at_most(n_train - first, t->params->batch_size);
    const tt_status status = run_batch(t, t->order + first, rows, sum);
    if (status != TT_OK) {
      return status;
    }
    take_step(t);
    first += rows;
  }
  return TT_OK;
}

static tt_status watch_rows(trainer *t, size_t first, size_t n, tally *sum) {
  const size_t width = t->net.layers[0].in_width;
  for (; first < n; first += TILE) {
    const size_t rows = at_most(n - first, TILE);
    if (pace_stops(&t->pace, rows)) {
      return TT_EINTERRUPT;
    }
    run_forward(&t->net, rows, t->x + first * width);
    for (size_t r = 0; r < rows; r++) {
      count_row(t, first + r, t->net.logit[r], sum);
    }
  }
  return TT_OK;
}

static tt_status run_epochs(trainer *t, size_t n, size_t n_train, double *history,
                            size_t *epochs_run, const tt_uniform *uniform,
                            tt_error *error) {
  const tt_mlp_params *params = t->params;
  const size_t bytes = t->net.n_weights * sizeof(double);
  double lowest = INFINITY;
  size_t lowest_epoch = 0;
  for (size_t epoch = 0; epoch < params->epochs; epoch++) {
    tally train = {0.0, 0.0}, held_out = {0.0, 0.0};
    tt_status status = run_epoch(t, n_train, uniform, &train);
    if (status == TT_OK) {
      status = watch_rows(t, n_train, n, &held_out);
    }
    if (status != TT_OK) {
      return status;
    }
    if (!isfinite(train.deviance + held_out.deviance)) {
      return tt_fail(error, TT_ENUMERIC, "deviance", epoch, train.deviance);
    }
    const double watched = n_train < n ? held_out.deviance / held_out.draws : NAN;
    history[epoch] = train.deviance / train.draws;
    history[params->epochs + epoch] = watched;
    *epochs_run = epoch + 1;
    if (params->patience > 0 && watched < lowest) {
      lowest = watched;
      lowest_epoch = epoch;
      memcpy(t->best, t->weights, bytes);
    } else if (params->patience > 0 && epoch - lowest_epoch == params->patience) {
      break;
    }
  }
  if (params->patience > 0) {
    memcpy(t->weights, t->best, bytes);
  }
  return TT_OK;
}

/* ---- Entry points -------------------------------------------------------- */

static tt_status check_training(const tt_mlp_params *params, size_t n, size_t n_train,
                                tt_error *error) {
  const double rate = params->learning_rate;
  const double decay = params->weight_decay;
  if (!(rate > 0.0 && rate <= 1.0)) {
    return tt_fail(error, TT_EINVAL, "learning_rate", 0, rate);
  }
  if (!(decay >= 0.0 && rate * decay <= 1.0)) {
    return tt_fail(error, TT_EINVAL, "weight_decay", 0, decay);
  }
  if (params->batch_size == 0) {
    return tt_fail(error, TT_EINVAL, "batch_size", 0, 0.0);
  }
  if (params->epochs == 0) {
    return tt_fail(error, TT_EINVAL, "epochs", 0, 0.0);
  }
  if (n_train == 0 || n_train > n) {
    return tt_fail(error, TT_EINVAL, "n_train", 0, (double)n_train);
  }
  if (params->patience > 0 && n_train == n) {
    return tt_fail(error, TT_EINVAL, "patience", 0, (double)params->patience);
  }
  return TT_OK;
}

/* *count: how many there are. `otherwise`: the status when one is out of range. */
static tt_status check_weights(const tt_mlp_params *params, const double *weights,
                               tt_status otherwise, size_t *count, tt_error *error) {
  const tt_status status = tt_mlp_weights(params, count, error);
  for (size_t i = 0; status == TT_OK && i < *count; i++) {
    if (!(fabs(weights[i]) <= LARGEST)) {
      return tt_fail(error, otherwise, "weights", i, weights[i]);
    }
  }
  return status;
}

static tt_status check_counts(size_t n, const double *unsafe, const double *draws,
                              tt_error *error) {
  for (size_t i = 0; i < n; i++) {
    if (!(draws[i] > 0.0 && draws[i] <= LARGEST)) {
      return tt_fail(error, TT_EINVAL, "draws", i, draws[i]);
    }
    if (!(unsafe[i] >= 0.0 && unsafe[i] <= draws[i])) {
      return tt_fail(error, TT_EINVAL, "unsafe", i, unsafe[i]);
    }
  }
  return TT_OK;
}

/* Checks the data and makes everything ready for the first batch. */
static tt_status start_trainer(trainer *t, size_t n, const double *x, size_t n_train,
                               const double *weights, void *scratch, const tt_poll *poll,
                               tt_error *error) {
  const size_t n_features = t->params->n_features;
  size_t n_weights = 0;
  size_t bytes = 0;
  tt_status status = tt_mlp_fit_scratch(t->params, n, &bytes, error);
  if (status == TT_OK) {
    status = check_counts(n, t->unsafe, t->draws, error);
  }
  if (status == TT_OK) {
    status = check_weights(t->params, weights, TT_EINVAL, &n_weights, error);
  }
  if (status != TT_OK) {
    return status;
  }
  memset(scratch, 0, bytes);
  tt_arena a = tt_arena_over(scratch, bytes);
  lay_out_trainer(&a, n, n_weights, weights, t);
  load_weights(&t->net);
  t->pace = new_pacer(poll, n_weights);
  t->power1 = 1.0;
  t->power2 = 1.0;
  for (size_t i = 0; i < n; i++) {
    t->order[i] = i;
    t->mean_draws += i < n_train ? t->draws[i] / (double)n_train : 0.0;
  }
  for (size_t first = 0; first < n && status == TT_OK; first += TILE) {
    const size_t rows = at_most(n - first, TILE);
    status = pace_stops(&t->pace, rows)
                 ? TT_EINTERRUPT
                 : load_rows(n, x, n_features, first, rows, padded(n_features),
                             t->x + first * padded(n_features), error);
  }
  return status;
}

tt_status tt_mlp_init(const tt_mlp_params *params, double start_bias,
                      const tt_uniform *uniform, double *weights, tt_error *error) {
  size_t n_weights = 0;
  const tt_status status = tt_mlp_weights(params, &n_weights, error);
  if (status != TT_OK) {
    return status;
  }
  if (fabs(start_bias) > LARGEST) {
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

tt_status tt_mlp_fit(const tt_mlp_params *params, size_t n, const double *x,
                     const double *unsafe, const double *draws, size_t n_train,
                     double *weights, double *history, size_t *epochs_run,
                     const tt_uniform *uniform, void *scratch, const tt_poll *poll,
                     tt_error *error) {
  tt_status status = check_training(params, n, n_train, error);
  if (status != TT_OK) {
    return status;
  }
  *epochs_run = 0;
  for (size_t i = 0; i < params->epochs; i++) {
    history[i] = NAN;
    history[params->epochs + i] = NAN;
  }
  trainer t = {.params = params, .unsafe = unsafe, .draws = draws, .weights = weights};
  status = start_trainer(&t, n, x, n_train, weights, scratch, poll, error);
  if (status == TT_OK) {
    status = run_epochs(&t, n, n_train, history, epochs_run, uniform, error);
  }
  if (status == TT_OK) {
    size_t count = 0;
    status = check_weights(params, weights, TT_ENUMERIC, &count, error);
  }
  return status;
}

tt_status tt_mlp_gradient(const tt_mlp_params *params, size_t n, const double *x,
                          const double *unsafe, const double *draws,
                          const double *weights, double *gradient, void *scratch,
                          tt_error *error) {
  if (n == 0) {
    return tt_fail(error, TT_EINVAL, "n", 0, 0.0);
  }
  trainer t = {.params = params, .unsafe = unsafe, .draws = draws};
  tally sum = {0.0, 0.0};
  tt_status status = start_trainer(&t, n, x, n, weights, scratch, NULL, error);
  if (status == TT_OK) {
    t.gradient = gradient;
    status = run_batch(&t, t.order, n, &sum);
  }
  return status;
}

tt_status tt_mlp_predict(const tt_mlp_params *params, size_t n, const double *x,
                         const double *weights, double *prob, void *scratch,
                         const tt_poll *poll, tt_error *error) {
  size_t n_weights = 0;
  size_t bytes = 0;
  tt_status status = tt_mlp_predict_scratch(params, &bytes, error);
  if (status == TT_OK) {
    status = check_weights(params, weights, TT_EINVAL, &n_weights, error);
  }
  if (status != TT_OK) {
    return status;
  }
  memset(scratch, 0, bytes);
  tt_arena a = tt_arena_over(scratch, bytes);
  network net;
  lay_out_network(&a, params, n_weights, weights, 0, &net);
  load_weights(&net);
  pacer pace = new_pacer(poll, n_weights);
  for (size_t first = 0; first < n; first += TILE) {
    const size_t rows = at_most(n - first, TILE);
    if (pace_stops(&pace, rows)) {
      return TT_EINTERRUPT;
    }
    status = load_rows(n, x, params->n_features, first, rows, net.layers[0].in_width,
                       net.input, error);
    if (status != TT_OK) {
      return status;
    }
    run_forward(&net, rows, net.input);
    for (size_t r = 0; r < rows; r++) {
      if (isnan(net.logit[r])) {
        return tt_fail(error, TT_ENUMERIC, "x", first + r, net.logit[r]);
      }
      prob[first + r] = sigmoid(net.logit[r]);
    }
  }
  return TT_OK;
}
