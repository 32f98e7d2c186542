#include "penalty.h"

#include "contract.h"
#include "plain-linalg.h"

/* ---- A Gaussian linear model --------------------------------------------------------
 */

/* y = (1, X) b + noise of variance `dispersion`: there the quadratic approximation of
 * the likelihood is exact, and so is every statement about the marginal likelihood. */
typedef struct {
  size_t n;
  size_t d;
  double dispersion;
  double yy;     /* y'y */
  double *xx;    /* (d + 1)^2: (1, X)'(1, X) */
  double *xy;    /* d + 1: (1, X)'y */
  double *beta;  /* d + 1 */
  double *upper; /* (d + 1)^2: inverse of information + penalty, all of it */
  int *group;
  double *weight;
  double *shape;
  tt_penalty penalty;
} gaussian;

/* The true coefficient of column j is effect[j]; columns are correlated a little. All
 * columns are in group 0 of `n_groups`, with weights of 1. */
static gaussian new_gaussian(size_t n, size_t d, size_t n_groups, const double *effect,
                             uint64_t seed) {
  gaussian g = {.n = n, .d = d, .dispersion = 1.5};
  const size_t size = d + 1;
  check_random random = {seed};
  g.xx = new_numbers(size * size);
  g.xy = new_numbers(size);
  g.beta = new_numbers(size);
  g.upper = new_numbers(size * size);
  g.weight = new_numbers(d);
  g.shape = new_numbers(n_groups);
  g.group = calloc(d + 1, sizeof(int));
  double *row = new_numbers(size);
  for (size_t i = 0; i < n; i++) {
    const double shared = check_normal(&random);
    double y = 2.0 + sqrt(g.dispersion) * check_normal(&random);
    row[0] = 1.0;
    for (size_t j = 0; j < d; j++) {
      row[j + 1] = check_normal(&random) + 0.3 * shared;
      y += effect[j] * row[j + 1];
    }
    g.yy += y * y;
    for (size_t k = 0; k < size * size; k++) {
      g.xx[k] += row[k / size] * row[k % size];
    }
    for (size_t j = 0; j < size; j++) {
      g.xy[j] += row[j] * y;
    }
  }
  free(row);
  g.penalty = (tt_penalty){.d = d, .n_groups = n_groups};
  g.penalty.lambda = new_numbers(n_groups);
  g.penalty.edf = new_numbers(n_groups);
  g.penalty.column = new_numbers(d);
  g.penalty.trail = new_numbers(2 * d);
  for (size_t j = 0; j < d; j++) {
    g.weight[j] = 1.0;
  }
  for (size_t k = 0; k < n_groups; k++) {
    g.shape[k] = INFINITY;
    g.penalty.lambda[k] = 1.0;
  }
  g.penalty.group = g.group;
  g.penalty.weight = g.weight;
  g.penalty.shape = g.shape;
  memset(g.penalty.trail, 0xff, 2 * d * sizeof(double));
  return g;
}

static void free_gaussian(gaussian *g) {
  double *owned[] = {g->xx,
                     g->xy,
                     g->beta,
                     g->upper,
                     g->weight,
                     g->shape,
                     g->penalty.lambda,
                     g->penalty.edf,
                     g->penalty.column,
                     g->penalty.trail};
  for (size_t i = 0; i < sizeof(owned) / sizeof(owned[0]); i++) {
    free(owned[i]);
  }
  free(g->group);
}

/* Fills beta and the inverse for penalties `column`; returns the logarithm of the
 * determinant of information + penalty. */
static double solve_gaussian(gaussian *g, const double *column) {
  const size_t size = g->d + 1;
  memcpy(g->upper, g->xx, size * size * sizeof(double));
  for (size_t j = 1; j < size; j++) {
    g->upper[j * (size + 1)] += column[j - 1];
  }
  if (plain_cholesky(size, g->upper) != 0) {
    abort();
  }
  double determinant = 0.0;
  for (size_t j = 0; j < size; j++) {
    determinant += 2.0 * log(g->upper[j * (size + 1)]);
  }
  memcpy(g->beta, g->xy, size * sizeof(double));
  plain_solve(size, g->upper, g->beta);
  plain_invert(size, g->upper);
  return determinant;
}

/* The logarithm of the marginal likelihood with b_j ~ N(0, dispersion / column_j), up to
 * a constant. */
static double marginal(gaussian *g, const double *column) {
  double sum = -solve_gaussian(g, column) - g->yy / g->dispersion;
  for (size_t j = 0; j <= g->d; j++) {
    sum += g->beta[j] * g->xy[j] / g->dispersion;
    sum += j > 0 && column[j - 1] > 0.0 ? log(column[j - 1]) : 0.0;
  }
  return sum / 2.0;
}

static double step(gaussian *g) {
  solve_gaussian(g, g->penalty.column);
  return tt_penalty_update(&g->penalty, g->beta, g->upper, g->dispersion);
}

/* A step that is never extrapolated: the third one of the cycle. */
static double plain(gaussian *g) {
  g->penalty.phase = 2;
  return step(g);
}

static void settle(gaussian *g, int steps) {
  tt_penalty_start(&g->penalty, 0.0);
  for (int k = 0; k < steps; k++) {
    step(g);
  }
}

/* d marginal / d log(column_j), by central differences. */
static double slope(gaussian *g, size_t j) {
  double *column = new_numbers(g->d);
  const double h = 1e-4;
  memcpy(column, g->penalty.column, g->d * sizeof(double));
  column[j] = g->penalty.column[j] * exp(h);
  const double above = marginal(g, column);
  column[j] = g->penalty.column[j] * exp(-h);
  const double below = marginal(g, column);
  free(column);
  return (above - below) / (2.0 * h);
}

static const double effects[] = {1.0,  -0.5, 0.3, 0.2, 0.0,  0.1,
                                 -0.2, 0.0,  0.4, 0.0, -0.3, 0.05};

/* ---- The parts ----------------------------------------------------------------------
 */

static void test_start_and_value(void) {
  gaussian g = new_gaussian(30, 3, 2, effects, 1);
  g.group[1] = TT_UNPENALISED;
  g.group[2] = 1;
  g.weight[0] = 2.0;
  g.weight[2] = 0.25;
  g.penalty.lambda[0] = 3.0;
  g.penalty.lambda[1] = 0.0;
  g.penalty.edf[1] = 7.0;
  g.penalty.phase = 2;
  tt_penalty_start(&g.penalty, 0.0);
  const double *column = g.penalty.column;
  check_that(column[0] == 6.0 && column[1] == 0.0 && column[2] == 0.0 &&
                 g.penalty.lambda[0] == 3.0 && g.penalty.lambda[1] == 0.0,
             "penalties that are given are taken as they are, 0 too");
  check_that(g.penalty.edf[1] == 0.0 && g.penalty.phase == 0, "nothing is left over");
  tt_penalty_start(&g.penalty, 0.5);
  check_that(column[0] == 6.0 && column[1] == 0.0 && column[2] == 0.125 &&
                 g.penalty.lambda[1] == 0.5,
             "the smallest penalty holds for groups, not for columns without one");
  const double beta[] = {100.0, 3.0, 50.0, -2.0};
  check_near(tt_penalty_value(&g.penalty, beta), 6.0 * 9.0 + 0.125 * 4.0, 1e-13,
             "the penalty by hand, intercept left out");
  free_gaussian(&g);
}

/* Degrees of freedom are the diagonal of H^-1 X'X. */
static void test_edf(void) {
  gaussian g = new_gaussian(60, 12, 3, effects, 2);
  double want[3] = {0.0}, total = 0.0;
  for (size_t j = 0; j < g.d; j++) {
    g.group[j] = j % 4 == 3 ? TT_UNPENALISED : (int)(j % 2); /* group 2 is empty */
    g.weight[j] = 0.5 + (double)j;
  }
  g.penalty.lambda[0] = 4.0;
  g.penalty.lambda[1] = 0.3;
  tt_penalty_start(&g.penalty, 0.0);
  solve_gaussian(&g, g.penalty.column);
  const size_t size = g.d + 1;
  for (size_t j = 0; j < size; j++) {
    double share = 0.0;
    for (size_t k = 0; k < size; k++) {
      share +=
          (k >= j ? g.upper[j * size + k] : g.upper[k * size + j]) * g.xx[k * size + j];
    }
    total += share;
    if (j > 0 && g.group[j - 1] >= 0) {
      want[g.group[j - 1]] += share;
    }
  }
  check_near(tt_penalty_edf(&g.penalty, g.upper), total, 1e-10,
             "degrees of freedom: the trace of H^-1 X'X");
  check_near(g.penalty.edf[0], want[0], 1e-10, "those of the first group");
  check_near(g.penalty.edf[1], want[1], 1e-10, "of the second");
  check_that(g.penalty.edf[2] == 0.0, "and of an empty one");
  free_gaussian(&g);
}

/* Where columns are orthogonal the change of the degrees of freedom is known before the
 * next inverse is: sum of x / (x + lambda). */
static void test_change(void) {
  const double size[] = {40.0, 10.0, 2.0}, beta[] = {1.0, 0.5, -0.2, 0.3};
  for (int own = 0; own < 2; own++) {
    gaussian g = new_gaussian(5, 3, 1, effects, 3);
    double inverse[16] = {1.0}, before = 0.0, after = 0.0;
    g.shape[0] = own ? 0.7 : INFINITY;
    g.penalty.lambda[0] = 5.0;
    tt_penalty_start(&g.penalty, 0.0);
    for (size_t j = 0; j < 3; j++) {
      inverse[(j + 1) * 5] = 1.0 / (size[j] + 5.0);
      before += size[j] / (size[j] + 5.0);
    }
    g.penalty.phase = 2;
    const double change = tt_penalty_update(&g.penalty, beta, inverse, 0.5);
    for (size_t j = 0; j < 3; j++) {
      after += size[j] / (size[j] + g.penalty.column[j]);
    }
    check_that(fabs(after - before) > 0.1, "a step that changes degrees of freedom");
    check_near(change, fabs(after - before) / (1.0 + before / 20.0), 1e-12,
               own ? "by as much as was said, for penalties of their own"
                   : "by as much as was said, for a shared one");
    free_gaussian(&g);
  }
}

/* ---- Fixed points -------------------------------------------------------------------
 */

/* The largest marginal likelihood along one shared penalty: a grid, then golden
 * sections. Returns log(lambda). */
static double best_shared(gaussian *g) {
  double *column = new_numbers(g->d), best = -INFINITY, at = 0.0;
  double edges[2], inner[2], value[2];
  const double golden = (sqrt(5.0) - 1.0) / 2.0;
  for (double theta = -10.0; theta <= 20.0; theta += 0.5) {
    for (size_t j = 0; j < g->d; j++) {
      column[j] = g->group[j] < 0 ? 0.0 : exp(theta) * g->weight[j];
    }
    const double here = marginal(g, column);
    at = here > best ? theta : at;
    best = fmax(best, here);
  }
  edges[0] = at - 0.5;
  edges[1] = at + 0.5;
  while (edges[1] - edges[0] > 1e-7) {
    for (int k = 0; k < 2; k++) {
      inner[k] = edges[1 - k] + (k ? 1.0 : -1.0) * golden * (edges[1] - edges[0]);
      for (size_t j = 0; j < g->d; j++) {
        column[j] = g->group[j] < 0 ? 0.0 : exp(inner[k]) * g->weight[j];
      }
      value[k] = marginal(g, column);
    }
    edges[value[0] > value[1]] = inner[value[0] > value[1]];
  }
  free(column);
  return (edges[0] + edges[1]) / 2.0;
}

static void test_shared(void) {
  double worst = 0.0, unpenalised = 0.0;
  for (uint64_t seed = 10; seed < 20; seed++) {
    gaussian g = new_gaussian(60, 12, 1, effects, seed);
    for (size_t j = 0; j < g.d; j++) {
      g.weight[j] = 0.5 + 0.2 * (double)j;
    }
    g.group[5] = TT_UNPENALISED;
    settle(&g, 300);
    /* A maximum is known to about the root of the rounding error, 1e-7 or so. */
    worst = fmax(worst, fabs(log(g.penalty.lambda[0]) - best_shared(&g)));
    unpenalised = fmax(unpenalised, fabs(g.penalty.column[5]));
    free_gaussian(&g);
  }
  check_near(worst, 0.0, 1e-5, "a shared penalty maximises the marginal likelihood");
  check_that(unpenalised == 0.0, "a column without penalty never gets one");
}

/* Two groups that share: the marginal likelihood is flat in both. A third is empty. */
static void test_two_groups(void) {
  gaussian g = new_gaussian(80, 12, 3, effects, 21);
  for (size_t j = 0; j < g.d; j++) {
    g.group[j] = j < 4 ? 0 : 2;
  }
  g.penalty.lambda[1] = 42.0;
  settle(&g, 600);
  double sum[3] = {0.0};
  for (size_t j = 0; j < g.d; j++) {
    sum[g.group[j]] += slope(&g, j);
  }
  check_near(sum[0], 0.0, 1e-6, "of two shared penalties, the first is stationary");
  check_near(sum[2], 0.0, 1e-6, "and the second");
  check_that(g.penalty.lambda[2] > 2.0 * g.penalty.lambda[0], "and they differ");
  check_that(g.penalty.lambda[1] == 42.0 && g.penalty.edf[1] == 0.0,
             "a group without columns is left as it is");
  free_gaussian(&g);
}

/* At penalties of their own the marginal likelihood, times gamma densities of log
 * penalties with the shared mean, is flat in every one of them. */
static double own_slope(gaussian *g) {
  double worst = 0.0, mean = 0.0;
  for (size_t j = 0; j < g->d; j++) {
    mean += g->penalty.column[j] / g->weight[j] / (double)g->d;
  }
  for (size_t j = 0; j < g->d; j++) {
    const double lambda = g->penalty.column[j] / g->weight[j];
    worst = fmax(worst, fabs(slope(g, j) + g->shape[0] * (1.0 - lambda / mean)));
  }
  return fmax(worst, fabs(log(g->penalty.lambda[0] / mean)));
}

static void test_own(void) {
  const double shapes[] = {0.3, 1.0, 10.0};
  for (size_t s = 0; s < 3; s++) {
    double worst = 0.0;
    for (uint64_t seed = 30; seed < 40; seed++) {
      gaussian g = new_gaussian(60, 12, 1, effects, seed);
      for (size_t j = 0; j < g.d; j++) {
        g.weight[j] = 0.5 + 0.2 * (double)j;
      }
      g.shape[0] = shapes[s];
      settle(&g, 2000);
      worst = fmax(worst, own_slope(&g));
      free_gaussian(&g);
    }
    /* Differences over 1e-4 of values of about 100 are known to about 1e-7. */
    check_near(worst, 0.0, 1e-5,
               "penalties of their own are stationary, and m is "
               "their mean");
  }
}

/* The equations of penalty.c, term by term. */
static void test_own_equations(void) {
  gaussian g = new_gaussian(60, 12, 1, effects, 41);
  g.shape[0] = 1.0;
  settle(&g, 2000);
  solve_gaussian(&g, g.penalty.column);
  double worst = 0.0, mean = 0.0;
  for (size_t j = 0; j < g.d; j++) {
    mean += g.penalty.column[j] / 12.0;
  }
  for (size_t j = 0; j < g.d; j++) {
    const double lambda = g.penalty.column[j], b = g.beta[j + 1];
    const double edf = 1.0 - lambda * g.upper[(j + 1) * (g.d + 2)];
    const double want = (edf + 2.0) / (b * b / g.dispersion + 2.0 / mean);
    worst = fmax(worst, fabs(log(lambda / want)));
  }
  check_near(worst, 0.0, 1e-8, "lambda = (edf + 2 a) / (s + 2 a / m)");
  check_that(g.penalty.column[0] < g.penalty.column[4] / 3.0,
             "a column that matters is penalised less than one that does not");
  free_gaussian(&g);
}

static void test_limits_of_shape(void) {
  gaussian own = new_gaussian(60, 12, 1, effects, 51);
  gaussian shared = new_gaussian(60, 12, 1, effects, 51);
  own.shape[0] = 1e6;
  settle(&own, 500);
  settle(&shared, 500);
  double worst = 0.0;
  for (size_t j = 0; j < own.d; j++) {
    worst = fmax(worst, fabs(log(own.penalty.column[j] / shared.penalty.column[j])));
  }
  /* The difference is of the order of 1 / shape, times s_j m up to about 20. */
  check_near(worst, 0.0, 1e-4, "with a large shape all columns share one penalty");
  free_gaussian(&own);
  free_gaussian(&shared);
  const double strong[] = {1.0, -2.0, 1.5, 3.0};
  own = new_gaussian(60, 4, 1, strong, 52);
  gaussian separate = new_gaussian(60, 4, 4, strong, 52);
  own.shape[0] = 1e-6;
  for (size_t j = 0; j < 4; j++) {
    separate.group[j] = (int)j;
  }
  settle(&own, 500);
  settle(&separate, 500);
  worst = 0.0;
  for (size_t j = 0; j < 4; j++) {
    worst = fmax(worst, fabs(log(own.penalty.column[j] / separate.penalty.column[j])));
  }
  check_near(worst, 0.0, 1e-4, "with a small one each has the penalty it would choose");
  check_that(separate.penalty.column[3] < separate.penalty.column[0] / 2.0,
             "and these differ");
  free_gaussian(&own);
  free_gaussian(&separate);
}

/* ---- Extrapolation ------------------------------------------------------------------
 */

/* Steps until the degrees of freedom are within 1e-3 of where plain steps end; 9999 if
 * never. (A penalty on its way to infinity may take for ever: it no longer matters.) */
static int steps_needed(gaussian *g, double end, int extrapolated) {
  g->penalty.lambda[0] = 1.0;
  tt_penalty_start(&g->penalty, 0.0);
  for (int k = 1; k < 9999; k++) {
    extrapolated ? step(g) : plain(g);
    solve_gaussian(g, g->penalty.column);
    if (fabs(tt_penalty_edf(&g->penalty, g->upper) - end) < 1e-3) {
      return k;
    }
  }
  return 9999;
}

/* How far three cycles of steps lead away from penalties that do not change. */
static double moves(gaussian *g) {
  double before[12], worst = 0.0;
  memcpy(before, g->penalty.column, sizeof(before));
  for (int k = 0; k < 9; k++) {
    g->penalty.phase = k % 3;
    step(g);
  }
  for (size_t j = 0; j < g->d; j++) {
    worst = fmax(worst, fabs(log(g->penalty.column[j] / before[j])));
  }
  return worst;
}

static void test_extrapolation(void) {
  const double weak[] = {0.1, -0.05, 0.1, 0.1, 0.0, 0.1, -0.1, 0.0, 0.1, 0.0, -0.1, 0.0};
  for (int own = 0; own < 2; own++) {
    int slow = 0, fast = 0;
    double moved = 0.0;
    for (uint64_t seed = 60; seed < 80; seed++) {
      gaussian g = new_gaussian(60, 12, 1, weak, seed);
      g.shape[0] = own ? 1.0 : INFINITY;
      tt_penalty_start(&g.penalty, 0.0);
      for (int k = 0; k < 5000; k++) {
        plain(&g);
      }
      solve_gaussian(&g, g.penalty.column);
      const double end = tt_penalty_edf(&g.penalty, g.upper);
      moved = fmax(moved, moves(&g));
      slow += steps_needed(&g, end, 0);
      fast += steps_needed(&g, end, 1);
      free_gaussian(&g);
    }
    printf("# %d plain steps, %d extrapolated\n", slow, fast);
    check_near(moved, 0.0, 1e-6, "extrapolation does not leave a fixed point");
    check_that(slow < 20 * 9999 && 2 * fast < slow,
               "and reaches it in less than half the steps");
  }
}

/* ---- Extremes -----------------------------------------------------------------------
 */

/* Penalties are between 0.01 and 1e12 times the dispersion (but 1e200 at most). */
static int in_range(const gaussian *g) {
  const double high = fmin(1.001e12 * g->dispersion, 1.001e200);
  const double low = fmin(0.999e-2 * g->dispersion, 0.999e200);
  int right = 1;
  for (size_t j = 0; j < g->d; j++) {
    const double lambda = g->penalty.column[j] / g->weight[j];
    right = right && lambda >= low && lambda <= high;
  }
  for (size_t k = 0; k < g->penalty.n_groups; k++) {
    right = right && g->penalty.lambda[k] > 0.0 && g->penalty.lambda[k] < 1e300 &&
            g->penalty.edf[k] >= 0.0 && g->penalty.edf[k] <= (double)g->d;
  }
  return right;
}

static void test_null_and_constant(void) {
  for (int own = 0; own < 2; own++) {
    gaussian g = new_gaussian(40, 6, 1, effects, 71);
    g.shape[0] = own ? 1.0 : INFINITY;
    memset(g.xy, 0, 7 * sizeof(double));
    settle(&g, 200);
    check_that(in_range(&g) && g.penalty.lambda[0] > 0.999e12 * 1.5 &&
                   g.penalty.edf[0] < 1e-6,
               "columns without any effect end at the largest penalty");
    for (size_t k = 0; k < 49; k++) {
      g.xx[k] = k == 0 ? 40.0 : 0.0;
    }
    g.penalty.lambda[0] = 3.0;
    settle(&g, 50);
    check_that(in_range(&g) && g.penalty.edf[0] < 1e-12,
               "constant columns alone have no degrees of freedom");
    free_gaussian(&g);
  }
  /* Constant columns beside others: they follow the mean, and do not move it. */
  gaussian all = new_gaussian(60, 12, 1, effects, 72), some;
  some = new_gaussian(60, 12, 1, effects, 72);
  all.shape[0] = some.shape[0] = 1.0;
  for (size_t j = 9; j <= 12; j++) {
    for (size_t k = 0; k < 13; k++) {
      all.xx[j * 13 + k] = all.xx[k * 13 + j] = 0.0;
    }
    all.xy[j] = 0.0;
  }
  /* The same without these four: the leading 9 x 9 block. */
  for (size_t k = 0; k < 81; k++) {
    some.xx[k] = all.xx[k / 9 * 13 + k % 9];
  }
  some.d = some.penalty.d = 8;
  settle(&all, 2000);
  settle(&some, 2000);
  double worst = 0.0;
  for (size_t j = 0; j < 8; j++) {
    worst = fmax(worst, fabs(log(all.penalty.column[j] / some.penalty.column[j])));
  }
  check_near(worst, 0.0, 1e-7, "constant columns do not change others' penalties");
  check_near(all.penalty.column[11], all.penalty.lambda[0], 1e-6 * all.penalty.lambda[0],
             "and have the mean penalty themselves");
  free_gaussian(&all);
  free_gaussian(&some);
}

/* Coefficients, inverses and dispersions of any size, as no fit would pass them on. */
static void test_extremes(void) {
  const double sizes[] = {0.0, 1e-300, 1e-150, 1.0, 1e150, 1e300};
  int right = 1;
  for (size_t b = 0; b < 6; b++) {
    for (size_t v = 0; v < 6; v++) {
      for (size_t f = 1; f < 6; f++) {
        gaussian g = new_gaussian(5, 4, 2, effects, 81);
        g.group[2] = g.group[3] = 1;
        g.shape[1] = 1.0;
        tt_penalty_start(&g.penalty, 0.0);
        memset(g.upper, 0, 25 * sizeof(double));
        for (size_t j = 0; j < 5; j++) {
          g.beta[j] = j % 2 ? sizes[b] : -sizes[b];
          g.upper[j * 6] = sizes[v];
        }
        g.dispersion = sizes[f];
        for (int k = 0; k < 7; k++) {
          const double change = tt_penalty_update(&g.penalty, g.beta, g.upper, sizes[f]);
          /* A group that has no degrees of freedom stays where it is. */
          const int stays = g.penalty.edf[0] == 0.0 || g.penalty.edf[1] == 0.0;
          right = right && isfinite(change) && (stays || in_range(&g));
        }
        free_gaussian(&g);
      }
    }
  }
  check_that(right, "penalties stay between their limits, whatever the numbers");
}

/* Counts that are all multiplied have a dispersion, and penalties, that are multiplied.
 */
static void test_units(void) {
  double worst = 0.0;
  const double sizes[] = {1e-6, 1e15};
  for (size_t k = 0; k < 2; k++) {
    gaussian g = new_gaussian(60, 12, 2, effects, 95);
    gaussian h = new_gaussian(60, 12, 2, effects, 95);
    for (size_t j = 0; j < 12; j++) {
      g.group[j] = h.group[j] = (int)(j % 2);
    }
    g.shape[1] = h.shape[1] = 1.0;
    h.dispersion *= sizes[k];
    for (size_t j = 0; j < 169; j++) {
      h.xx[j] *= sizes[k];
    }
    for (size_t j = 0; j < 13; j++) {
      h.xy[j] *= sizes[k];
    }
    h.penalty.lambda[0] = h.penalty.lambda[1] = sizes[k];
    settle(&g, 30);
    settle(&h, 30);
    for (size_t j = 0; j < 12; j++) {
      const double ratio = h.penalty.column[j] / g.penalty.column[j] / sizes[k];
      worst = fmax(worst, fabs(log(ratio)));
    }
    free_gaussian(&g);
    free_gaussian(&h);
  }
  check_near(worst, 0.0, 1e-6, "penalties are in units of the dispersion");
}

static void test_nothing(void) {
  gaussian g = new_gaussian(10, 0, 0, effects, 91);
  tt_penalty_start(&g.penalty, 1.0);
  solve_gaussian(&g, g.penalty.column);
  check_that(tt_penalty_value(&g.penalty, g.beta) == 0.0 &&
                 tt_penalty_edf(&g.penalty, g.upper) == 1.0 &&
                 tt_penalty_update(&g.penalty, g.beta, g.upper, 1.0) == 0.0 &&
                 tt_penalty_update(&g.penalty, g.beta, g.upper, 1.0) == 0.0,
             "no columns: the intercept's degree of freedom, and nothing to change");
  free_gaussian(&g);
  g = new_gaussian(20, 2, 0, effects, 92);
  g.group[0] = g.group[1] = TT_UNPENALISED;
  settle(&g, 6);
  check_that(g.penalty.column[0] == 0.0 && g.penalty.column[1] == 0.0 &&
                 tt_penalty_edf(&g.penalty, g.upper) == 3.0,
             "no groups: every column counts in full");
  free_gaussian(&g);
}

int main(void) {
  test_start_and_value();
  test_edf();
  test_change();
  test_shared();
  test_two_groups();
  test_own();
  test_own_equations();
  test_limits_of_shape();
  test_extrapolation();
  test_null_and_constant();
  test_extremes();
  test_units();
  test_nothing();
  return check_report();
}
