#include "hazard-mlp.h"

#include "check.h"

#include <stdlib.h>
#include <string.h>

/* ---- A problem with everything it needs ----------------------------------- */

typedef struct {
  tt_mlp_params params;
  size_t n;
  size_t n_train;
  size_t n_weights;
  double *x;
  double *unsafe;
  double *draws;
  double *weights;
  double *prob;
  double *history;
  size_t epochs_run;
  void *scratch; /* enough for fitting, full of garbage */
  tt_error error;
} problem;

static double *numbers(size_t count) {
  double *memory = calloc(count, sizeof(double));
  if (memory == NULL) {
    abort();
  }
  return memory;
}

static double expit(double z) {
  return z < 0.0 ? exp(z) / (1.0 + exp(z)) : 1.0 / (1.0 + exp(-z));
}

static double true_prob(const problem *p, size_t row) {
  const double second = p->params.n_features > 1 ? p->x[p->n + row] : 0.0;
  return expit(-1.5 + p->x[row] - 0.5 * second);
}

/* Normal features, a logistic hazard, `draws` draws (random up to it if `vary`). */
static problem new_problem(tt_mlp_params params, size_t n, size_t n_train, int draws,
                           int vary, uint64_t seed) {
  problem p = {.params = params, .n = n, .n_train = n_train};
  check_random random = {seed};
  size_t bytes = 0;
  if (tt_mlp_weights(&params, &p.n_weights, NULL) != TT_OK ||
      tt_mlp_fit_scratch(&params, n, &bytes, NULL) != TT_OK) {
    abort();
  }
  p.x = numbers(n * params.n_features);
  p.unsafe = numbers(n);
  p.draws = numbers(n);
  p.prob = numbers(n);
  p.weights = numbers(p.n_weights);
  p.history = numbers(2 * params.epochs);
  p.scratch = malloc(bytes);
  if (p.scratch == NULL) {
    abort();
  }
  memset(p.scratch, 0xff, bytes);
  for (size_t i = 0; i < n * params.n_features; i++) {
    p.x[i] = check_normal(&random);
  }
  for (size_t i = 0; i < n; i++) {
    const double rate = true_prob(&p, i);
    p.draws[i] = vary ? 1.0 + floor(check_uniform(&random) * draws) : draws;
    for (int d = 0; d < (int)p.draws[i]; d++) {
      p.unsafe[i] += check_uniform(&random) < rate;
    }
  }
  tt_uniform uniform = {check_uniform_callback, &random};
  tt_mlp_init(&params, NAN, &uniform, p.weights, NULL);
  return p;
}

static void free_problem(problem *p) {
  double *owned[] = {p->x, p->unsafe, p->draws, p->weights, p->prob, p->history};
  for (size_t i = 0; i < sizeof(owned) / sizeof(owned[0]); i++) {
    free(owned[i]);
  }
  free(p->scratch);
}

static tt_status fit(problem *p, uint64_t seed, const tt_poll *poll) {
  check_random random = {seed};
  const tt_uniform uniform = {check_uniform_callback, &random};
  return tt_mlp_fit(&p->params, p->n, p->x, p->unsafe, p->draws, p->n_train, p->weights,
                    p->history, &p->epochs_run, &uniform, p->scratch, poll, &p->error);
}

static tt_status predict(problem *p) {
  return tt_mlp_predict(&p->params, p->n, p->x, p->weights, p->prob, p->scratch, NULL,
                        &p->error);
}

static tt_status gradient(problem *p, double *out) {
  return tt_mlp_gradient(&p->params, p->n, p->x, p->unsafe, p->draws, p->weights, out,
                         p->scratch, &p->error);
}

/* ---- A plain reference in double precision -------------------------------- */

static double xlogy(double x, double y) {
  return x == 0.0 ? 0.0 : x * log(y);
}

static size_t reference_in(const tt_mlp_params *params, size_t l) {
  return l == 0 ? params->n_features : params->hidden[l - 1];
}

static size_t reference_out(const tt_mlp_params *params, size_t l) {
  return l == params->n_layers ? 1 : params->hidden[l];
}

/* The logit of one row. values: all activations, inputs first, layer after layer. */
static double reference_forward(const problem *p, const double *weights, size_t row,
                                double *values) {
  const tt_mlp_params *params = &p->params;
  const double *w = weights;
  double *from = values;
  for (size_t j = 0; j < params->n_features; j++) {
    from[j] = p->x[j * p->n + row];
  }
  for (size_t l = 0; l <= params->n_layers; l++) {
    const size_t in = reference_in(params, l), out = reference_out(params, l);
    double *to = from + in;
    for (size_t o = 0; o < out; o++) {
      to[o] = w[out * in + o];
      for (size_t i = 0; i < in; i++) {
        to[o] += w[o * in + i] * from[i];
      }
      if (l < params->n_layers && to[o] < 0.0) {
        to[o] = 0.0;
      }
    }
    w += out * (in + 1);
    from = to;
  }
  return from[0];
}

static size_t reference_values(const tt_mlp_params *params) {
  size_t count = params->n_features + 1;
  for (size_t l = 0; l < params->n_layers; l++) {
    count += params->hidden[l];
  }
  return count;
}

static double reference_weight(const problem *p, size_t row, size_t n_train) {
  double total = 0.0;
  for (size_t i = 0; i < n_train; i++) {
    total += p->draws[i];
  }
  return p->params.weighted ? p->draws[row] / (total / (double)n_train) : 1.0;
}

/* The training loss of all rows. */
static double reference_loss(const problem *p, const double *weights) {
  double *values = numbers(reference_values(&p->params));
  double sum = 0.0;
  for (size_t i = 0; i < p->n; i++) {
    const double prob = expit(reference_forward(p, weights, i, values));
    const double y = p->unsafe[i] / p->draws[i];
    sum -= reference_weight(p, i, p->n) * (xlogy(y, prob) + xlogy(1.0 - y, 1.0 - prob));
  }
  free(values);
  return sum / (double)p->n;
}

/* Twice the log-likelihood lost, per draw. */
static double reference_deviance(const problem *p, const double *weights, size_t first,
                                 size_t end) {
  double *values = numbers(reference_values(&p->params));
  double sum = 0.0, draws = 0.0;
  for (size_t i = first; i < end; i++) {
    const double prob = expit(reference_forward(p, weights, i, values));
    const double y = p->unsafe[i] / p->draws[i];
    sum += 2.0 * p->draws[i] *
           (xlogy(y, y / prob) + xlogy(1.0 - y, (1.0 - y) / (1.0 - prob)));
    draws += p->draws[i];
  }
  free(values);
  return sum / draws;
}

/* Adds one row's share of the gradient, by the chain rule written out. */
static void reference_add_row(const problem *p, const double *weights, size_t row,
                              double scale, double *out) {
  const tt_mlp_params *params = &p->params;
  const size_t n_values = reference_values(params);
  double *values = numbers(n_values), *delta = numbers(n_values);
  const double logit = reference_forward(p, weights, row, values);
  size_t at = n_values - 1, block = p->n_weights;
  delta[at] = scale * (expit(logit) - p->unsafe[row] / p->draws[row]);
  for (size_t l = params->n_layers + 1; l-- > 0;) {
    const size_t in = reference_in(params, l), fan = reference_out(params, l);
    const size_t below = at - in;
    block -= fan * (in + 1);
    for (size_t o = 0; o < fan; o++) {
      const double d =
          l == params->n_layers || values[at + o] > 0.0 ? delta[at + o] : 0.0;
      out[block + fan * in + o] += d;
      for (size_t i = 0; i < in; i++) {
        out[block + o * in + i] += d * values[below + i];
        delta[below + i] += d * weights[block + o * in + i];
      }
    }
    at = below;
  }
  free(values);
  free(delta);
}

/* Trains p->weights by the textbook, without early stopping. */
static void reference_fit(problem *p, uint64_t seed) {
  const tt_mlp_params *params = &p->params;
  check_random random = {seed};
  const tt_uniform uniform = {check_uniform_callback, &random};
  double *g = numbers(p->n_weights), *m = numbers(p->n_weights),
         *v = numbers(p->n_weights);
  size_t *order = malloc(p->n_train * sizeof(size_t));
  if (order == NULL) {
    abort();
  }
  for (size_t i = 0; i < p->n_train; i++) {
    order[i] = i;
  }
  int step = 0;
  for (size_t epoch = 0; epoch < params->epochs; epoch++) {
    tt_shuffle(&uniform, p->n_train, order);
    for (size_t first = 0; first < p->n_train; first += params->batch_size) {
      const size_t left = p->n_train - first;
      const size_t rows = left < params->batch_size ? left : params->batch_size;
      memset(g, 0, p->n_weights * sizeof(double));
      for (size_t r = 0; r < rows; r++) {
        const double weight = reference_weight(p, order[first + r], p->n_train);
        reference_add_row(p, p->weights, order[first + r], weight / (double)rows, g);
      }
      step++;
      for (size_t i = 0; i < p->n_weights; i++) {
        p->weights[i] *= 1.0 - params->learning_rate * params->weight_decay;
        m[i] = 0.9 * m[i] + 0.1 * g[i];
        v[i] = 0.999 * v[i] + 0.001 * g[i] * g[i];
        const double mean = m[i] / (1.0 - pow(0.9, step));
        const double square = v[i] / (1.0 - pow(0.999, step));
        p->weights[i] -= params->learning_rate * mean / (sqrt(square) + 1e-8);
      }
    }
  }
  free(g);
  free(m);
  free(v);
  free(order);
}

static double largest_difference(size_t n, const double *a, const double *b) {
  double largest = 0.0;
  for (size_t i = 0; i < n; i++) {
    if (!(fabs(a[i] - b[i]) <= largest)) {
      largest = fabs(a[i] - b[i]);
    }
  }
  return largest;
}

/* ---- Tests ------------------------------------------------------------------ */

static const size_t narrow[] = {5, 3};
static const size_t odd[] = {1, 3, 33, 200};
static const size_t wide_first[] = {33, 17, 1};

static void test_sizes(void) {
  const size_t paper[] = {32, 32, 32, 32};
  tt_mlp_params params = {.n_features = 10, .n_layers = 4, .hidden = paper};
  size_t count = 0, bytes = 0;
  tt_error error = {NULL, 0, 0.0};
  check_that(tt_mlp_weights(&params, &count, NULL) == TT_OK && count == 3553,
             "the paper's network has 10*32+32 + 3*(32*32+32) + 32+1 weights");
  const size_t huge[] = {SIZE_MAX / 4, 5};
  const tt_mlp_params large = {.n_features = 3, .n_layers = 2, .hidden = huge};
  check_that(tt_mlp_weights(&large, &count, &error) == TT_EOVERFLOW &&
                 strcmp(error.what, "hidden") == 0,
             "weights that cannot be counted are an overflow");
  const tt_mlp_params deep = {.n_features = SIZE_MAX, .n_layers = 2, .hidden = narrow};
  check_that(tt_mlp_weights(&deep, &count, &error) == TT_EOVERFLOW &&
                 strcmp(error.what, "n_features") == 0,
             "so are features that cannot be padded");
  const size_t half[] = {SIZE_MAX / 32};
  const tt_mlp_params big = {.n_features = 3, .n_layers = 1, .hidden = half};
  check_that(tt_mlp_weights(&big, &count, NULL) == TT_OK &&
                 tt_mlp_predict_scratch(&big, &bytes, NULL) == TT_EOVERFLOW,
             "scratch for countable weights can be an overflow");
  check_that(tt_mlp_fit_scratch(&params, SIZE_MAX / 64, &bytes, &error) == TT_EOVERFLOW &&
                 strcmp(error.what, "n") == 0,
             "so can scratch for too many rows");
}

static void test_forward_by_hand(void) {
  const size_t two[] = {2};
  /* h1 = x1 - x2 + 0.25, h2 = 0.5 x1 + 2 x2 - 1, logit = 2 h1 - 4 h2 + 0.5 */
  const double weights[] = {1.0, -1.0, 0.5, 2.0, 0.25, -1.0, 2.0, -4.0, 0.5};
  const double x[] = {1.0, -1.0, 0.5, 1.0}; /* rows (1, 0.5) and (-1, 1) */
  const tt_mlp_params params = {.n_features = 2, .n_layers = 1, .hidden = two};
  double prob[2] = {0.0, 0.0};
  size_t bytes = 0;
  tt_mlp_predict_scratch(&params, &bytes, NULL);
  void *scratch = malloc(bytes);
  tt_mlp_predict(&params, 2, x, weights, prob, scratch, NULL, NULL);
  check_near(prob[0], 0.5, 0.0, "a network by hand, both units active: logit 0");
  check_near(prob[1], 0.18242552380635635, 1e-16, "one unit inactive: logit -1.5");
  check_that(tt_mlp_predict(&params, 0, x, weights, prob, scratch, NULL, NULL) == TT_OK,
             "no rows, no predictions");
  free(scratch);
}

static void test_extreme_logits(void) {
  const size_t one[] = {1};
  const tt_mlp_params params = {.n_features = 1, .n_layers = 1, .hidden = one};
  const double x[] = {27.5, 700.0, 0.0};
  double weights[] = {1.0, 0.0, -1.0, 0.0}, prob[3];
  size_t bytes = 0;
  tt_mlp_predict_scratch(&params, &bytes, NULL);
  void *scratch = malloc(bytes);
  tt_mlp_predict(&params, 3, x, weights, prob, scratch, NULL, NULL);
  check_near(prob[0] / exp(-27.5), 1.0, 2e-12, "p = 1e-12 has a small relative error");
  check_near(prob[1] / exp(-700.0), 1.0, 1e-12, "so has p = 1e-304");
  weights[2] = 0.0;
  weights[3] = log(1e-12);
  tt_mlp_predict(&params, 3, x, weights, prob, scratch, NULL, NULL);
  check_near(prob[2] / 1e-12, 1.0, 1e-11, "the bias of the output unit is not rounded");
  weights[3] = 1e30;
  tt_mlp_predict(&params, 3, x, weights, prob, scratch, NULL, NULL);
  check_near(prob[0], 1.0, 0.0, "an enormous logit gives 1");
  weights[3] = -1e30;
  tt_mlp_predict(&params, 3, x, weights, prob, scratch, NULL, NULL);
  check_near(prob[0], 0.0, 0.0, "and its negative 0");
  free(scratch);
}

static void test_overflow_is_not_a_prediction(void) {
  const size_t two[] = {2, 1};
  const tt_mlp_params params = {.n_features = 1, .n_layers = 2, .hidden = two};
  /* Both units of the first layer overflow, and their difference is undefined. */
  const double weights[] = {1e30, 1e30, 0.0, 0.0, 1.0, -1.0, 0.0, 1.0, 0.0};
  const double x[] = {0.5, 1e30};
  double prob[2];
  size_t bytes = 0;
  tt_error error = {NULL, 0, 0.0};
  tt_mlp_predict_scratch(&params, &bytes, NULL);
  void *scratch = malloc(bytes);
  const tt_status status =
      tt_mlp_predict(&params, 2, x, weights, prob, scratch, NULL, &error);
  check_that(status == TT_ENUMERIC && error.index == 1,
             "a network that overflows says so, and for which row");
  free(scratch);
}

static void test_gradient(void) {
  for (int weighted = 0; weighted < 2; weighted++) {
    const tt_mlp_params params = {.n_features = 4,
                                  .n_layers = 3,
                                  .hidden = wide_first,
                                  .epochs = 1,
                                  .weighted = weighted};
    problem p = new_problem(params, 150, 150, 7, 1, 11);
    double *got = numbers(p.n_weights), *want = numbers(p.n_weights);
    const double h = 1e-6;
    double size = 0.0;
    for (size_t i = 0; i < p.n_weights; i++) {
      const double kept = p.weights[i];
      p.weights[i] = kept + h;
      want[i] = reference_loss(&p, p.weights);
      p.weights[i] = kept - h;
      want[i] = (want[i] - reference_loss(&p, p.weights)) / (2.0 * h);
      p.weights[i] = kept;
      size = fmax(size, fabs(want[i]));
    }
    check_that(gradient(&p, got) == TT_OK && size > 0.01, "there is a gradient");
    /* Single precision: 1e-7 for each of a few operations. */
    check_near(largest_difference(p.n_weights, got, want), 0.0, 2e-6 * size,
               weighted ? "the binomial gradient equals finite differences"
                        : "the unweighted gradient equals finite differences");
    free(got);
    free(want);
    free_problem(&p);
  }
}

static void test_weighted_is_binomial(void) {
  /* Draws 2 and 1 against the same draws one in a row. */
  tt_mlp_params params = {
      .n_features = 2, .n_layers = 2, .hidden = narrow, .epochs = 1, .weighted = 1};
  problem counts = new_problem(params, 2, 2, 1, 0, 3);
  problem rows = new_problem(params, 3, 3, 1, 0, 3);
  memcpy(rows.weights, counts.weights, counts.n_weights * sizeof(double));
  const double two[] = {0.5, -1.0, 0.25, 2.0},
               three[] = {0.5, 0.5, -1.0, 0.25, 0.25, 2.0};
  const double u2[] = {1.0, 0.0}, d2[] = {2.0, 1.0}, u3[] = {1.0, 0.0, 0.0};
  memcpy(counts.x, two, sizeof(two));
  memcpy(rows.x, three, sizeof(three));
  memcpy(counts.unsafe, u2, sizeof(u2));
  memcpy(counts.draws, d2, sizeof(d2));
  memcpy(rows.unsafe, u3, sizeof(u3));
  double *a = numbers(counts.n_weights), *b = numbers(counts.n_weights);
  gradient(&counts, a);
  gradient(&rows, b);
  check_near(largest_difference(counts.n_weights, a, b), 0.0, 1e-7,
             "weighted counts have the gradient of their single draws");
  free(a);
  free(b);
  free_problem(&counts);
  free_problem(&rows);
}

static void test_first_step(void) {
  const tt_mlp_params params = {.n_features = 3,
                                .n_layers = 2,
                                .hidden = narrow,
                                .learning_rate = 0.01,
                                .weight_decay = 0.5,
                                .batch_size = 500,
                                .epochs = 1};
  problem p = new_problem(params, 80, 80, 5, 0, 21);
  double *g = numbers(p.n_weights), *start = numbers(p.n_weights);
  gradient(&p, g);
  memcpy(start, p.weights, p.n_weights * sizeof(double));
  check_that(fit(&p, 1, NULL) == TT_OK, "a batch may be larger than the data");
  double worst = 0.0;
  for (size_t i = 0; i < p.n_weights; i++) {
    /* m/(1-beta1) = g and v/(1-beta2) = g^2 at step one. */
    const double step = 0.01 * g[i] / (fabs(g[i]) + 1e-8);
    const double want = start[i] * (1.0 - 0.01 * 0.5) - step;
    if (fabs(g[i]) > 1e-4 || g[i] == 0.0) {
      worst = fmax(worst, fabs(p.weights[i] - want));
    }
  }
  /* The rows add up in another order, which moves g/(|g| + 1e-8) by 1e-10 at most. */
  check_near(worst, 0.0, 1e-11, "the first step of AdamW has its closed form");
  free(g);
  free(start);
  free_problem(&p);
}

static void test_reference(const size_t *hidden, size_t n_layers, size_t n_features,
                           size_t batch, int weighted, const char *sentence) {
  const tt_mlp_params params = {.n_features = n_features,
                                .n_layers = n_layers,
                                .hidden = hidden,
                                .learning_rate = 1e-3,
                                .weight_decay = 0.1,
                                .batch_size = batch,
                                .epochs = 3,
                                .weighted = weighted};
  problem got = new_problem(params, 230, 190, 6, 1, 31);
  problem want = new_problem(params, 230, 190, 6, 1, 31);
  const tt_status status = fit(&got, 5, NULL);
  reference_fit(&want, 5);
  double *values = numbers(reference_values(&params));
  for (size_t i = 0; i < want.n; i++) {
    want.prob[i] = expit(reference_forward(&want, want.weights, i, values));
  }
  predict(&got);
  /* Weights move by up to 0.001 a step; single precision shows where a gradient
   * happens to be near zero, so weights get a looser bound than predictions. */
  const double weights = largest_difference(got.n_weights, got.weights, want.weights);
  const double probs = largest_difference(got.n, got.prob, want.prob);
  const double deviance = reference_deviance(&want, want.weights, 190, 230);
  check_that(status == TT_OK && weights < 1e-4 && probs < 1e-6 &&
                 fabs(got.history[5] - deviance) < 1e-6,
             sentence);
  if (!(weights < 1e-4 && probs < 1e-6)) {
    printf("#   weights differ by %.3g, predictions by %.3g\n", weights, probs);
  }
  free(values);
  free_problem(&got);
  free_problem(&want);
}

static void test_learns(void) {
  const size_t hidden[] = {16, 16};
  const tt_mlp_params params = {.n_features = 3,
                                .n_layers = 2,
                                .hidden = hidden,
                                .learning_rate = 0.01,
                                .weight_decay = 1e-4,
                                .batch_size = 100,
                                .epochs = 15};
  problem p = new_problem(params, 4000, 4000, 30, 0, 41);
  fit(&p, 1, NULL);
  predict(&p);
  double error = 0.0;
  for (size_t i = 0; i < p.n; i++) {
    error += fabs(p.prob[i] - true_prob(&p, i)) / (double)p.n;
  }
  check_that(p.history[14] < 0.5 * p.history[0], "the deviance falls");
  check_that(error < 0.02, "a logistic hazard is found to 0.02 on average");
  check_that(isnan(p.history[15]) && isnan(p.history[29]),
             "without held-out rows their deviance is NaN");
  free_problem(&p);
}

static void test_start_bias(void) {
  const tt_mlp_params params = {.n_features = 9, .n_layers = 2, .hidden = wide_first};
  size_t count = 0;
  tt_mlp_weights(&params, &count, NULL);
  double *w = numbers(count), *biased = numbers(count);
  check_random random = {5}, again = {5};
  const tt_uniform first = {check_uniform_callback, &random};
  const tt_uniform second = {check_uniform_callback, &again};
  tt_mlp_init(&params, NAN, &first, w, NULL);
  tt_mlp_init(&params, -9.0, &second, biased, NULL);
  double largest = 0.0, later = 0.0;
  for (size_t i = 0; i < 33 * 10; i++) {
    largest = fmax(largest, fabs(w[i]));
  }
  for (size_t i = 33 * 10; i < 33 * 10 + 17 * 34; i++) {
    later = fmax(later, fabs(w[i]));
  }
  check_that(largest > 0.32 && largest <= 1.0 / 3.0 && later > 0.17 &&
                 later <= 1.0 / sqrt(33.0),
             "start values fill +-1/sqrt(fan_in)");
  check_that(memcmp(w, biased, (count - 1) * sizeof(double)) == 0 &&
                 biased[count - 1] == -9.0 && random.state == again.state,
             "a start bias changes the output unit's bias and nothing else");
  free(w);
  free(biased);
}

static void test_early_stopping(void) {
  const size_t hidden[] = {40, 40};
  const tt_mlp_params params = {.n_features = 8,
                                .n_layers = 2,
                                .hidden = hidden,
                                .learning_rate = 0.001,
                                .weight_decay = 0.0,
                                .batch_size = 20,
                                .epochs = 60,
                                .patience = 4};
  problem p = new_problem(params, 300, 150, 3, 1, 51);
  check_that(fit(&p, 1, NULL) == TT_OK && p.epochs_run < 60 && p.epochs_run > 5,
             "training on few rows stops early");
  size_t best = 0;
  for (size_t e = 0; e < p.epochs_run; e++) {
    best = p.history[60 + e] < p.history[60 + best] ? e : best;
  }
  check_that(p.epochs_run - 1 - best == 4, "it stops after `patience` idle epochs");
  check_near(reference_deviance(&p, p.weights, 150, 300), p.history[60 + best], 1e-6,
             "the weights of the best epoch are restored");
  check_that(isnan(p.history[p.epochs_run]) && isnan(p.history[60 + p.epochs_run]) &&
                 isnan(p.history[59]),
             "epochs that were not run have no history");
  problem last = new_problem(params, 300, 150, 3, 1, 51);
  last.params.patience = 0;
  fit(&last, 1, NULL);
  check_that(last.epochs_run == 60 && last.history[119] > last.history[60 + best],
             "patience 0 runs all epochs");
  check_near(reference_deviance(&last, last.weights, 150, 300), last.history[119], 1e-5,
             "and keeps the last weights");
  free_problem(&p);
  free_problem(&last);
}

/* However many draws they have: the weights of training rows are relative to the
 * mean over the training rows. */
static void test_held_out_rows_do_not_train(void) {
  const tt_mlp_params params = {.n_features = 2,
                                .n_layers = 2,
                                .hidden = narrow,
                                .learning_rate = 0.01,
                                .batch_size = 32,
                                .epochs = 2,
                                .weighted = 1};
  problem all = new_problem(params, 200, 150, 4, 1, 55);
  problem part = new_problem(params, 150, 150, 4, 1, 55);
  for (size_t i = 0; i < 200; i++) {
    if (i >= 150) {
      all.draws[i] = 1e12;
      continue;
    }
    part.x[i] = all.x[i];
    part.x[150 + i] = all.x[200 + i];
    part.unsafe[i] = all.unsafe[i];
    part.draws[i] = all.draws[i];
  }
  memcpy(part.weights, all.weights, all.n_weights * sizeof(double));
  fit(&all, 1, NULL);
  fit(&part, 1, NULL);
  check_that(memcmp(all.weights, part.weights, all.n_weights * sizeof(double)) == 0,
             "held-out rows do not train");
  free_problem(&all);
  free_problem(&part);
}

static void test_determinism(void) {
  const tt_mlp_params params = {.n_features = 5,
                                .n_layers = 4,
                                .hidden = odd,
                                .learning_rate = 0.01,
                                .batch_size = 30,
                                .epochs = 2};
  problem a = new_problem(params, 200, 200, 3, 0, 61);
  problem b = new_problem(params, 200, 200, 3, 0, 61);
  problem c = new_problem(params, 200, 200, 3, 0, 61);
  fit(&a, 1, NULL);
  fit(&b, 1, NULL);
  fit(&c, 2, NULL);
  const size_t bytes = a.n_weights * sizeof(double);
  check_that(memcmp(a.weights, b.weights, bytes) == 0, "one seed gives one result");
  check_that(memcmp(a.weights, c.weights, bytes) != 0, "another seed gives another");
  predict(&a);
  int same = 1;
  for (size_t i = 0; i < a.n; i++) {
    double row[5], prob = 0.0;
    for (size_t j = 0; j < 5; j++) {
      row[j] = a.x[j * a.n + i];
    }
    tt_mlp_predict(&params, 1, row, a.weights, &prob, a.scratch, NULL, NULL);
    same = same && prob == a.prob[i];
  }
  check_that(same, "a row's prediction does not depend on the other rows");
  free_problem(&a);
  free_problem(&b);
  free_problem(&c);
}

/* Counts calls and asks to stop at call number `stop`. */
typedef struct {
  int calls;
  int stop;
} poll_counter;

static int count_poll(void *ctx) {
  poll_counter *counter = ctx;
  return ++counter->calls == counter->stop;
}

static void test_interrupt(void) {
  const size_t one[] = {1};
  const tt_mlp_params params = {.n_features = 1,
                                .n_layers = 1,
                                .hidden = one,
                                .learning_rate = 0.01,
                                .batch_size = 100000,
                                .epochs = 10};
  problem p = new_problem(params, 50000, 40000, 1, 0, 71);
  poll_counter counter = {0, 0};
  const tt_poll poll = {count_poll, &counter};
  /* 50,000 rows are read once and run ten times. */
  check_that(fit(&p, 1, &poll) == TT_OK && counter.calls >= 550000 / 65536,
             "a small network polls every 65536 rows");
  counter = (poll_counter){0, 4};
  check_that(fit(&p, 1, &poll) == TT_EINTERRUPT && counter.calls == 4,
             "training stops when the poll says so");
  check_that(p.epochs_run == 4, "the finished epochs are counted");
  counter = (poll_counter){0, 1};
  problem many = new_problem(params, 70000, 70000, 1, 0, 72);
  check_that(tt_mlp_predict(&params, many.n, many.x, many.weights, many.prob,
                            many.scratch, &poll, NULL) == TT_EINTERRUPT,
             "so does prediction");
  free_problem(&p);
  free_problem(&many);
}

/* fit() must refuse with the status, the name and the index. */
static void refuses(problem *p, tt_status status, const char *what, size_t index,
                    const char *sentence) {
  p->error = (tt_error){"", 99, 0.0};
  const tt_status got = fit(p, 1, NULL);
  check_that(got == status && strcmp(p->error.what, what) == 0 && p->error.index == index,
             sentence);
}

static void refuses_number(problem *p, double *place, double value, const char *what,
                           size_t index, const char *sentence) {
  const double kept = *place;
  *place = value;
  refuses(p, TT_EINVAL, what, index, sentence);
  *place = kept;
}

static void refuses_size(problem *p, size_t *place, size_t value, const char *what,
                         const char *sentence) {
  const size_t kept = *place;
  *place = value;
  refuses(p, TT_EINVAL, what, 0, sentence);
  *place = kept;
}

static void test_refusals(void) {
  size_t hidden[] = {3, 2};
  const tt_mlp_params params = {.n_features = 2,
                                .n_layers = 2,
                                .hidden = hidden,
                                .learning_rate = 0.01,
                                .batch_size = 5,
                                .epochs = 1};
  problem p = new_problem(params, 20, 15, 4, 0, 81);
  tt_mlp_params *q = &p.params;
  refuses_number(&p, &p.unsafe[3], 4.5, "unsafe", 3, "more unsafe draws than draws");
  refuses_number(&p, &p.unsafe[4], -1.0, "unsafe", 4, "a negative count");
  refuses_number(&p, &p.unsafe[19], NAN, "unsafe", 19, "a count that is NaN, held out");
  refuses_number(&p, &p.draws[5], 0.0, "draws", 5, "no draws");
  refuses_number(&p, &p.draws[6], INFINITY, "draws", 6, "infinitely many draws");
  refuses_number(&p, &p.draws[7], NAN, "draws", 7, "draws that are NaN");
  refuses_number(&p, &p.x[20 + 8], NAN, "x", 28, "a feature that is NaN");
  refuses_number(&p, &p.x[9], -INFINITY, "x", 9, "an infinite feature");
  refuses_number(&p, &p.weights[2], INFINITY, "weights", 2, "an infinite start value");
  refuses_number(&p, &q->learning_rate, 0.0, "learning_rate", 0, "learning rate 0");
  refuses_number(&p, &q->learning_rate, NAN, "learning_rate", 0, "learning rate NaN");
  refuses_number(&p, &q->weight_decay, -0.1, "weight_decay", 0, "negative decay");
  refuses_number(&p, &q->weight_decay, 101.0, "weight_decay", 0, "decay past zero");
  refuses_size(&p, &q->batch_size, 0, "batch_size", "empty batches");
  refuses_size(&p, &q->epochs, 0, "epochs", "no epochs");
  refuses_size(&p, &q->n_features, 0, "n_features", "no features");
  refuses_size(&p, &q->n_layers, 0, "hidden", "no hidden layer");
  refuses_size(&p, &hidden[0], 0, "hidden", "an empty layer");
  refuses_size(&p, &p.n_train, 0, "n_train", "no training rows");
  refuses_size(&p, &p.n_train, 21, "n_train", "more training rows than rows");
  q->patience = 2;
  refuses_size(&p, &p.n_train, 20, "patience", "early stopping with nothing held out");
  q->patience = 0;
  check_that(fit(&p, 1, NULL) == TT_OK, "and all of it is accepted when put right");
  for (size_t i = 0; i < p.n_weights; i++) {
    p.weights[i] = 1e20;
  }
  for (size_t i = 0; i < 2 * p.n; i++) {
    p.x[i] = 1e20;
  }
  refuses(&p, TT_ENUMERIC, "deviance", 0, "training that overflows is no fit");
  memset(p.weights, 0, p.n_weights * sizeof(double));
  p.x[25] = NAN;
  check_that(predict(&p) == TT_EINVAL && p.error.index == 25,
             "prediction refuses a feature that is NaN");
  double w[18];
  check_random random = {1};
  const tt_uniform uniform = {check_uniform_callback, &random};
  check_that(tt_mlp_init(&params, INFINITY, &uniform, w, &p.error) == TT_EINVAL &&
                 strcmp(p.error.what, "start_bias") == 0,
             "an infinite start bias is refused");
  check_that(tt_mlp_gradient(&params, 0, p.x, p.unsafe, p.draws, p.weights, w, p.scratch,
                             NULL) == TT_EINVAL,
             "no rows have no gradient");
  free_problem(&p);
}

static double constant_uniform(void *ctx) {
  return *(double *)ctx;
}

static void test_shuffle(void) {
  const double wild[] = {0.0, 1.0, 2.0, -1.0, NAN, INFINITY};
  int inside = 1;
  for (size_t i = 0; i < 6; i++) {
    double value = wild[i];
    const tt_uniform uniform = {constant_uniform, &value};
    inside = inside && tt_uniform_index(&uniform, 7) < 7;
  }
  check_that(inside, "a broken generator gives no index out of range");
  check_random random = {91};
  const tt_uniform uniform = {check_uniform_callback, &random};
  int counts[9] = {0};
  for (int i = 0; i < 6000; i++) {
    size_t items[] = {0, 1, 2};
    tt_shuffle(&uniform, 3, items);
    counts[items[0] * 3 + items[1]]++;
  }
  double chi_square = 0.0;
  const size_t orders[] = {1, 2, 3, 5, 6, 7};
  for (size_t i = 0; i < 6; i++) {
    chi_square += (counts[orders[i]] - 1000.0) * (counts[orders[i]] - 1000.0) / 1000.0;
  }
  check_that(chi_square < 15.1, "every order of three is equally likely (5 df, 1%)");
}

int main(void) {
  test_sizes();
  test_forward_by_hand();
  test_extreme_logits();
  test_overflow_is_not_a_prediction();
  test_gradient();
  test_weighted_is_binomial();
  test_first_step();
  test_reference(odd, 4, 5, 37, 0, "widths 1, 3, 33, 200 train like the reference");
  test_reference(wide_first, 3, 17, 1000, 1, "so does one large weighted batch");
  test_reference(wide_first, 2, 1, 8, 1, "and one feature in small weighted batches");
  test_learns();
  test_start_bias();
  test_early_stopping();
  test_held_out_rows_do_not_train();
  test_determinism();
  test_interrupt();
  test_refusals();
  test_shuffle();
  return check_report();
}
