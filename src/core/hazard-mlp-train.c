#include "counts.h"
#include "hazard-mlp-network.h"

#include <string.h>

#define MOMENT1_DECAY 0.9 /* Adam's usual constants */
#define MOMENT2_DECAY 0.999
#define ADAM_EPSILON 1e-8

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
  tt_mlp_network net;
  float *x;        /* n x in_width: row-major, so that a shuffled row is one piece */
  size_t *order;   /* n: the rows as this epoch meets them */
  double *weights; /* the caller's: what net.weights reads */
  double *gradient;
  double *moment1;
  double *moment2;
  double *best;
  double power1; /* MOMENT1_DECAY to the number of steps made */
  double power2;
  tt_mlp_pacer pace;
} trainer;

/* ---- Memory -------------------------------------------------------------- */

static void lay_out_trainer(tt_arena *a, size_t n, size_t n_weights,
                            const double *weights, trainer *t) {
  tt_mlp_lay_out(a, t->params, n_weights, weights, 1, &t->net);
  t->x = tt_arena_take(a, n, tt_mlp_padded(t->params->n_features), sizeof(float));
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

/* ---- The loss and its gradient -------------------------------------------- */

/* Cross-entropy of a proportion y with p = tt_mlp_sigmoid(z), -y log p - (1-y) log(1-p) =
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

/* The gradient of the mean loss over these rows: to t->gradient. */
static tt_status run_batch(trainer *t, const size_t *order, size_t rows, tally *sum) {
  tt_mlp_network *net = &t->net;
  const tt_mlp_layer *last = &net->layers[net->n_layers - 1];
  const size_t width = net->layers[0].in_width;
  tt_mlp_clear_slopes(net);
  for (size_t first = 0; first < rows; first += TT_MLP_TILE) {
    const size_t count = tt_mlp_at_most(rows - first, TT_MLP_TILE);
    if (tt_mlp_pace_stops(&t->pace, count)) {
      return TT_EINTERRUPT;
    }
    for (size_t r = 0; r < count; r++) {
      memcpy(net->input + r * width, t->x + order[first + r] * width,
             width * sizeof(float));
    }
    tt_mlp_forward(net, count, net->input);
    for (size_t r = 0; r < count; r++) {
      const size_t row = order[first + r];
      const double weight = t->params->weighted ? t->draws[row] / t->mean_draws : 1.0;
      const double rate = t->unsafe[row] / t->draws[row];
      const double slope = weight * (tt_mlp_sigmoid(net->logit[r]) - rate) / (double)rows;
      last->delta[r * last->out_width] = (float)slope;
      count_row(t, row, net->logit[r], sum);
    }
    tt_mlp_backward(net, count);
  }
  tt_mlp_collect_gradient(net, t->gradient);
  return TT_OK;
}

/* ---- Steps and epochs ----------------------------------------------------- */

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
  tt_mlp_load_weights(&t->net);
}

static tt_status run_epoch(trainer *t, size_t n_train, const tt_uniform *uniform,
                           tally *sum) {
  tt_shuffle(uniform, n_train, t->order);
  for (size_t first = 0; first < n_train;) {
    const size_t rows = tt_mlp_at_most(n_train - first, t->params->batch_size);
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
  for (; first < n; first += TT_MLP_TILE) {
    const size_t rows = tt_mlp_at_most(n - first, TT_MLP_TILE);
    if (tt_mlp_pace_stops(&t->pace, rows)) {
      return TT_EINTERRUPT;
    }
    tt_mlp_forward(&t->net, rows, t->x + first * width);
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

/* Checks the data and makes everything ready for the first batch. */
static tt_status start_trainer(trainer *t, size_t n, const double *x, size_t n_train,
                               const double *weights, void *scratch, const tt_poll *poll,
                               tt_error *error) {
  const size_t n_features = t->params->n_features;
  size_t n_weights = 0;
  size_t bytes = 0;
  tt_status status = tt_mlp_fit_scratch(t->params, n, &bytes, error);
  if (status == TT_OK) {
    status = tt_check_trials(n, t->unsafe, t->draws, TT_MLP_LARGEST, error);
  }
  if (status == TT_OK) {
    status = tt_mlp_check_weights(t->params, weights, TT_EINVAL, &n_weights, error);
  }
  if (status != TT_OK) {
    return status;
  }
  memset(scratch, 0, bytes);
  tt_arena a = tt_arena_over(scratch, bytes);
  lay_out_trainer(&a, n, n_weights, weights, t);
  tt_mlp_load_weights(&t->net);
  t->pace = tt_mlp_new_pacer(poll, n_weights);
  t->power1 = 1.0;
  t->power2 = 1.0;
  for (size_t i = 0; i < n; i++) {
    t->order[i] = i;
    t->mean_draws += i < n_train ? t->draws[i] / (double)n_train : 0.0;
  }
  for (size_t first = 0; first < n && status == TT_OK; first += TT_MLP_TILE) {
    const size_t rows = tt_mlp_at_most(n - first, TT_MLP_TILE);
    status =
        tt_mlp_pace_stops(&t->pace, rows)
            ? TT_EINTERRUPT
            : tt_mlp_load_rows(n, x, n_features, first, rows, tt_mlp_padded(n_features),
                               t->x + first * tt_mlp_padded(n_features), error);
  }
  return status;
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
    status = tt_mlp_check_weights(params, weights, TT_ENUMERIC, &count, error);
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
