#include "hazard-interaction.h"

#include "gram.h"

#include "contract.h"

typedef struct {
  double *x;
  double *centre;
  double *scale;
  double *score;
  double *weight;
  tt_interaction_model model;
} problem;

/* Normal features with means and sizes of their own, centres and scales that fit them
 * roughly, normal scores and weights from 0 to 1. */
static problem new_problem(size_t n, size_t d, uint64_t seed) {
  problem p;
  check_random random = {seed};
  p.x = new_numbers(n * d);
  p.centre = new_numbers(d);
  p.scale = new_numbers(d);
  p.score = new_numbers(n);
  p.weight = new_numbers(n);
  for (size_t j = 0; j < d; j++) {
    const double mean = 2.0 * check_normal(&random), size = 1.0 + (double)(j % 5);
    for (size_t i = 0; i < n; i++) {
      p.x[j * n + i] = mean + size * check_normal(&random);
    }
    p.centre[j] = mean + 0.1 * check_normal(&random);
    p.scale[j] = (0.8 + 0.4 * check_uniform(&random)) / size;
  }
  for (size_t i = 0; i < n; i++) {
    p.score[i] = 0.3 + check_normal(&random);
    p.weight[i] = check_uniform(&random);
  }
  p.model = (tt_interaction_model){n, d, p.x, p.centre, p.scale, 3.0, p.score, p.weight};
  return p;
}

static void free_problem(problem *p) {
  double *owned[] = {p->x, p->centre, p->scale, p->score, p->weight};
  for (size_t i = 0; i < 5; i++) {
    free(owned[i]);
  }
}

/* The statistics, in memory of exact size that held NaN before. */
static double *statistics(const problem *p, const tt_poll *poll, tt_status *status) {
  size_t bytes = 0;
  const size_t d = p->model.d;
  if (tt_interaction_scratch(d, &bytes) != TT_OK) {
    abort();
  }
  void *scratch = new_garbage(bytes);
  double *statistic = new_numbers(d * d);
  memset(statistic, 0xff, d * d * sizeof(double));
  *status = tt_interaction_statistics(&p->model, statistic, scratch, poll);
  free(scratch);
  return statistic;
}

static double feature(const tt_interaction_model *m, size_t i, size_t j) {
  const double z = (m->x[j * m->n + i] - m->centre[j]) * m->scale[j];
  return z > m->clip ? m->clip : z < -m->clip ? -m->clip : z;
}

/* Product by product, row by row: centred first, so that nothing cancels. */
static double oracle(const tt_interaction_model *m, size_t first, size_t second) {
  long double weights = 0.0L, mean = 0.0L, score = 0.0L, information = 0.0L;
  for (size_t i = 0; i < m->n; i++) {
    weights += m->weight[i];
    mean += m->weight[i] * feature(m, i, first) * feature(m, i, second);
  }
  mean = weights > 0.0L ? mean / weights : 0.0L;
  for (size_t i = 0; i < m->n; i++) {
    const long double w = feature(m, i, first) * feature(m, i, second) - mean;
    score += m->score[i] * w;
    information += m->weight[i] * w * w;
  }
  return information > 0.0L ? (double)(score * score / information) : 0.0;
}

/* The largest error, relative to 1 + statistic; infinite where what lies on or above
 * the diagonal is not 0. */
static double error_of(const problem *p) {
  tt_status status;
  double *statistic = statistics(p, NULL, &status), worst = status == TT_OK ? 0.0 : 99.0;
  for (size_t j = 0; j < p->model.d; j++) {
    for (size_t i = 0; i < p->model.d; i++) {
      const double got = statistic[j * p->model.d + i];
      const double want = i > j ? oracle(&p->model, i, j) : 0.0;
      const double error = fabs(got - want) / (1.0 + want);
      worst = i <= j && got != 0.0 ? INFINITY : error <= worst ? worst : error;
    }
  }
  free(statistic);
  return worst;
}

/* One statistic, that of the first two columns. */
static double first_of(const problem *p) {
  tt_status status;
  double *statistic = statistics(p, NULL, &status), value = statistic[1];
  free(statistic);
  return status == TT_OK ? value : NAN;
}

/* ---- Against a triple loop
 * -------------------------------------------------------------
 */

static void test_by_hand(void) {
  problem p = new_problem(4, 2, 1);
  const double x[] = {1.0, 2.0, 3.0, 0.0, 1.0, 1.0, 2.0, 5.0};
  const double score[] = {1.0, -1.0, 2.0, 0.5};
  memcpy(p.x, x, sizeof(x));
  memcpy(p.score, score, sizeof(score));
  for (size_t k = 0; k < 4; k++) {
    p.weight[k] = 0.5;
    p.centre[k % 2] = 0.0;
    p.scale[k % 2] = 1.0;
  }
  p.model.clip = 10.0;
  /* Products 1, 2, 6, 0; mean 9/4; score 11 - 9/4 * 5/2; information half of the sum of
   * squares, 41 - 81/4. */
  const double s = 11.0 - 2.25 * 2.5;
  check_near(first_of(&p), s * s / (0.5 * (41.0 - 20.25)), 1e-13, "four rows by hand");
  p.model.clip = 2.5;
  /* Features 1, 2, 2.5, 0 and 1, 1, 2, 2.5: products 1, 2, 5, 0. */
  const double t = 9.0 - 2.0 * 2.5;
  check_near(first_of(&p), t * t / (0.5 * (30.0 - 16.0)), 1e-13, "and clipped at 2.5");
  free_problem(&p);
}

static void test_against_loops(void) {
  double blocks = 0.0, columns = 0.0;
  const size_t rows[] = {2, 3, 63, 64, 65, 127, 128, 129, 200};
  for (size_t k = 0; k < 9; k++) {
    problem p = new_problem(rows[k], 6, 10 + k);
    blocks = fmax(blocks, error_of(&p));
    free_problem(&p);
  }
  for (size_t d = 0; d <= 17; d++) {
    problem p = new_problem(150, d, 30 + d);
    columns = fmax(columns, error_of(&p));
    free_problem(&p);
  }
  /* Sums of 200 numbers of order 1: rounding is far below 1e-10. */
  check_near(blocks, 0.0, 1e-10, "2 to 200 rows, whole blocks or not");
  check_near(columns, 0.0, 1e-10,
             "0 to 17 columns, with zeros on and above the "
             "diagonal");
}

static void test_cut_off(void) {
  problem p = new_problem(200, 5, 50);
  p.model.clip = 0.5;
  check_near(error_of(&p), 0.0, 1e-10, "most values beyond the clip");
  const double at_limit = first_of(&p);
  for (size_t i = 0; i < 200; i++) {
    if (fabs(feature(&p.model, i, 0)) == 0.5) {
      p.x[i] = p.centre[0] + 1e200 * (p.x[i] - p.centre[0]);
    }
  }
  check_near(first_of(&p) / at_limit, 1.0, 1e-12, "how far beyond does not matter");
  free_problem(&p);
}

static void test_weights_of_zero(void) {
  problem p = new_problem(200, 5, 51);
  for (size_t i = 0; i < 200; i++) {
    p.weight[i] = i % 3 ? 0.0 : p.weight[i];
    p.score[i] = i % 3 ? 0.0 : p.score[i];
  }
  check_near(error_of(&p), 0.0, 1e-10, "rows of weight 0 count for nothing");
  memset(p.weight, 0, 200 * sizeof(double));
  check_that(first_of(&p) == 0.0, "where all weights are 0 nothing is tested");
  free_problem(&p);
}

/* ---- Columns of all kinds
 * --------------------------------------------------------------
 */

static void test_constant_columns(void) {
  problem p = new_problem(130, 5, 60);
  tt_status status;
  p.scale[2] = 0.0;
  for (size_t i = 0; i < 130; i++) {
    p.x[4 * 130 + i] = p.centre[4] + 1.0 / p.scale[4]; /* 1, standardised */
  }
  double *statistic = statistics(&p, NULL, &status);
  int zero = 1, others = 1;
  for (size_t j = 0; j < 5; j++) {
    for (size_t i = j + 1; i < 5; i++) {
      zero = zero && (statistic[j * 5 + i] == 0.0) == (i == 2 || j == 2);
      others = others && fabs(statistic[j * 5 + i] - oracle(&p.model, i, j)) < 1e-10;
    }
  }
  check_that(status == TT_OK && zero, "a column of scale 0 has no products");
  check_that(others, "with a column of ones the product is the other column");
  free(statistic);
  free_problem(&p);
}

/* Standardised, an indicator of one half of the rows is -1 or 1, and its square 1. */
static void test_indicators(void) {
  problem p = new_problem(160, 6, 61);
  for (size_t i = 0; i < 160; i++) {
    for (size_t j = 0; j < 6; j++) {
      const size_t kind[] = {i % 2 == 0, i % 2 == 0, i % 2 == 1,
                             i % 4 == 1, i < 40,     i >= 40 && i < 80};
      p.x[j * 160 + i] = (double)kind[j];
    }
  }
  for (size_t j = 0; j < 6; j++) {
    p.centre[j] = j < 3 ? 0.5 : 0.25;
    p.scale[j] = j < 3 ? 2.0 : 1.0 / sqrt(0.25 * 0.75);
  }
  tt_status status;
  double *statistic = statistics(&p, NULL, &status);
  check_that(statistic[1] == 0.0 && statistic[2] == 0.0 && statistic[8] == 0.0,
             "identical or opposite halves: their product is constant");
  /* Never both 1: with z = (x - 1/4) s, z_i z_j is -(x_i + x_j) s^2 / 4 and a constant,
   * so the statistic is that of x_i + x_j. */
  double weights = 0.0, mean = 0.0, score = 0.0, information = 0.0;
  for (size_t i = 0; i < 160; i++) {
    weights += p.weight[i];
    mean += p.weight[i] * (i < 80);
  }
  mean /= weights;
  for (size_t i = 0; i < 160; i++) {
    score += p.score[i] * ((i < 80) - mean);
    information += p.weight[i] * ((i < 80) - mean) * ((i < 80) - mean);
  }
  check_near(statistic[4 * 6 + 5], score * score / information, 1e-9,
             "indicators that are never both one: the statistic of their sum");
  free(statistic);
  check_near(error_of(&p), 0.0, 1e-9, "and all others as row by row");
  free_problem(&p);
}

static void test_identical_columns(void) {
  problem p = new_problem(100, 3, 62);
  for (size_t i = 0; i < 100; i++) {
    p.x[100 + i] = p.x[i];
  }
  p.centre[1] = p.centre[0];
  p.scale[1] = p.scale[0];
  tt_status status;
  double *statistic = statistics(&p, NULL, &status);
  check_near(statistic[1], oracle(&p.model, 0, 0), 1e-10,
             "the product of a column with its copy is its square");
  check_that(statistic[2] == statistic[3 + 2], "copies have the same products");
  free(statistic);
  free_problem(&p);
}

static void test_scales(void) {
  problem p = new_problem(100, 4, 63);
  const double before = first_of(&p);
  const double sizes[] = {1e-300, 1e-150, 1e150, 1e300};
  double worst = 0.0;
  for (size_t k = 0; k < 4; k++) {
    problem q = new_problem(100, 4, 63);
    for (size_t i = 0; i < 100; i++) {
      q.x[i] *= sizes[k];
      q.x[100 + i] *= sizes[3 - k];
    }
    q.centre[0] *= sizes[k];
    q.scale[0] /= sizes[k];
    q.centre[1] *= sizes[3 - k];
    q.scale[1] /= sizes[3 - k];
    worst = fmax(worst, fabs(first_of(&q) / before - 1.0));
    free_problem(&q);
  }
  check_near(worst, 0.0, 1e-10, "the units of features do not matter");
  for (size_t i = 0; i < 100; i++) {
    p.score[i] *= 1e100;
    p.weight[i] *= 1e100;
  }
  check_near(first_of(&p) / before, 1e100, 1e91, "scores and weights of a huge size");
  for (size_t i = 0; i < 100; i++) {
    p.score[i] *= 1e-200;
    p.weight[i] *= 1e-200;
  }
  check_near(first_of(&p) * 1e100 / before, 1.0, 1e-9, "and of a tiny one");
  free_problem(&p);
}

static void test_one_row(void) {
  problem p = new_problem(1, 5, 64);
  tt_status status;
  double *statistic = statistics(&p, NULL, &status), largest = 0.0;
  for (size_t k = 0; k < 25; k++) {
    largest = statistic[k] == 0.0 ? largest : 1.0;
  }
  check_that(status == TT_OK && largest == 0.0, "one row tells nothing");
  free(statistic);
  free_problem(&p);
}

/* ---- Contract
 * --------------------------------------------------------------------------
 */

static void test_poll(void) {
  const size_t n = 2 * 64 * TT_GRAM_ROWS + 1;
  problem p = new_problem(n, 2, 70);
  tt_status status;
  poll_counter counter = {0, 0};
  const tt_poll poll = {count_poll, &counter};
  free(statistics(&p, &poll, &status));
  check_that(status == TT_OK && counter.calls == 3,
             "the poll is asked once in 64 blocks of rows");
  for (int stop = 1; stop <= 3; stop++) {
    counter = (poll_counter){0, stop};
    free(statistics(&p, &poll, &status));
    check_that(status == TT_EINTERRUPT && counter.calls == stop,
               "and stops when it says so");
  }
  free_problem(&p);
}

static void test_scratch(void) {
  size_t bytes = 77;
  check_that(tt_interaction_scratch(0, &bytes) == TT_OK && bytes == 0,
             "no columns need no scratch");
  check_that(tt_interaction_scratch(5, &bytes) == TT_OK &&
                 bytes == (3 * 64 * 8 + 3 * 8 * 8) * sizeof(double),
             "five columns: three panels and three sums of eight");
  const size_t huge[] = {SIZE_MAX,       SIZE_MAX - 3,    SIZE_MAX / 2,   SIZE_MAX / 8,
                         SIZE_MAX / 192, (size_t)1 << 32, (size_t)1 << 31};
  int refused = 1;
  for (size_t k = 0; k < 7; k++) {
    refused = refused && tt_interaction_scratch(huge[k], &bytes) == TT_EOVERFLOW;
  }
  check_that(refused, "more columns than memory can hold are refused");
}

int main(void) {
  test_by_hand();
  test_against_loops();
  test_cut_off();
  test_weights_of_zero();
  test_constant_columns();
  test_indicators();
  test_identical_columns();
  test_scales();
  test_one_row();
  test_poll();
  test_scratch();
  return check_report();
}
