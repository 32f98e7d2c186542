#include "hazard-ridge.h"

#include "contract.h"

#include <stdlib.h>
#include <string.h>

#define L TT_LANES

/* ---- Products ---------------------------------------------------------------- */

/* The same matrix, dense with columns in another order and scale, and sparse. */
typedef struct {
  size_t n, d;
  double *z; /* n x d, as it should be */
  double *x;
  int *column;
  double *centre, *scale;
  int *start, *row;
  double *value;
  tt_wide_matrix dense, sparse;
} problem;

static problem new_problem(size_t n, size_t d, check_random *random) {
  problem p = {.n = n, .d = d};
  p.z = malloc(n * d * sizeof(double));
  p.x = malloc(n * (d + 1) * sizeof(double));
  p.column = malloc(d * sizeof(int));
  p.centre = malloc(d * sizeof(double));
  p.scale = malloc(d * sizeof(double));
  p.start = malloc((d + 1) * sizeof(int));
  p.row = malloc(n * d * sizeof(int));
  p.value = malloc(n * d * sizeof(double));
  int count = 0;
  for (size_t j = 0; j < d; j++) {
    p.column[j] = (int)(d - j);
    p.centre[j] = check_normal(random);
    p.scale[j] = 0.5 + check_uniform(random);
    p.start[j] = count;
    for (size_t i = 0; i < n; i++) {
      double z = check_uniform(random) < 0.3 ? check_normal(random) : 0.0;
      p.z[j * n + i] = z;
      p.x[(d - j) * n + i] = p.centre[j] + z / p.scale[j];
      if (z != 0.0) {
        p.row[count] = (int)i;
        p.value[count++] = z;
      }
    }
  }
  p.start[d] = count;
  for (size_t i = 0; i < n; i++) {
    p.x[i] = 1e6; /* a column that is none of these */
  }
  p.dense = (tt_wide_matrix){.n = n, .d = d, .x = p.x, .column = p.column};
  p.dense.centre = p.centre;
  p.dense.scale = p.scale;
  p.sparse = (tt_wide_matrix){.n = n, .d = d, .start = p.start, .row = p.row};
  p.sparse.value = p.value;
  return p;
}

static void free_problem(problem *p) {
  free(p->z);
  free(p->x);
  free(p->column);
  free(p->centre);
  free(p->scale);
  free(p->start);
  free(p->row);
  free(p->value);
}

/* The largest error of all products with this form of the matrix. */
static double product_error(const problem *p, const tt_wide_matrix *m,
                            check_random *random) {
  size_t n = p->n, d = p->d;
  double *b = malloc(d * L * sizeof(double)), *g = malloc(d * L * sizeof(double));
  double *w = malloc(n * L * sizeof(double)), *t = malloc(n * L * sizeof(double));
  double *again = malloc(n * L * sizeof(double)), *back = malloc(d * L * sizeof(double));
  double worst = 0.0;
  for (size_t i = 0; i < d * L; i++) {
    b[i] = check_normal(random);
  }
  for (size_t i = 0; i < n * L; i++) {
    w[i] = check_uniform(random);
  }
  tt_wide_times(m, b, again);
  tt_wide_gram(m, w, b, t, g);
  tt_wide_back(m, w, back);
  for (size_t i = 0; i < n * L; i++) {
    double want = 0.0;
    for (size_t j = 0; j < d; j++) {
      want += p->z[j * n + i / L] * b[j * L + i % L];
    }
    worst = fmax(worst, fmax(fabs(t[i] - want), fabs(again[i] - want)));
  }
  for (size_t k = 0; k < d * L; k++) {
    double want = 0.0, plain = 0.0;
    for (size_t i = 0; i < n; i++) {
      double z = p->z[k / L * n + i];
      want += z * w[i * L + k % L] * t[i * L + k % L];
      plain += z * w[i * L + k % L];
    }
    worst = fmax(worst, fmax(fabs(g[k] - want), fabs(back[k] - plain)));
  }
  for (size_t j = 0; j < d; j++) {
    double want = 0.0;
    for (size_t i = 0; i < n; i++) {
      want += p->z[j * n + i] * p->z[j * n + i];
    }
    worst = fmax(worst, fabs(tt_wide_length(m, j) - want));
  }
  free(b);
  free(g);
  free(w);
  free(t);
  free(again);
  free(back);
  return worst;
}

static void test_products(void) {
  static const size_t sizes[][2] = {{1, 1}, {63, 3}, {64, 4}, {65, 5}, {200, 41}};
  check_random random = {7};
  double dense = 0.0, sparse = 0.0;
  for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
    problem p = new_problem(sizes[s][0], sizes[s][1], &random);
    dense = fmax(dense, product_error(&p, &p.dense, &random));
    sparse = fmax(sparse, product_error(&p, &p.sparse, &random));
    free_problem(&p);
  }
  check_near(dense, 0.0, 1e-10, "products with columns of a dense matrix");
  check_near(sparse, 0.0, 1e-10, "products with a sparse matrix");
}

/* ---- The fit ----------------------------------------------------------------- */

typedef struct {
  problem matrix;
  double *unsafe, *draws, *offset, *sign;
  int *fold;
  double *beta, *score, constant[L];
  tt_ridge_model model;
  tt_ridge_result fit;
} task;

static task new_task(size_t n, size_t d, int dense) {
  check_random random = {11};
  task t = {.matrix = new_problem(n, d, &random)};
  t.unsafe = malloc(n * sizeof(double));
  t.draws = malloc(n * sizeof(double));
  t.offset = malloc(n * sizeof(double));
  t.sign = malloc(n * L * sizeof(double));
  t.fold = malloc(n * sizeof(int));
  t.beta = malloc(d * L * sizeof(double));
  t.score = malloc(n * sizeof(double));
  for (size_t i = 0; i < n; i++) {
    double eta = -2.0 + t.matrix.z[i] - t.matrix.z[n + i];
    t.draws[i] = 20.0;
    t.unsafe[i] = 0.0;
    for (int k = 0; k < 20; k++) {
      t.unsafe[i] += check_uniform(&random) < -expm1(-exp(eta));
    }
    t.offset[i] = check_normal(&random) / 4.0;
    t.fold[i] = (int)(i % TT_RIDGE_FOLDS);
    for (size_t c = 0; c < L; c++) {
      t.sign[i * L + c] = check_uniform(&random) < 0.5 ? -1.0 : 1.0;
    }
  }
  t.model = (tt_ridge_model){.z = dense ? t.matrix.dense : t.matrix.sparse};
  t.model.unsafe = t.unsafe;
  t.model.draws = t.draws;
  t.model.offset = t.offset;
  t.model.fold = t.fold;
  t.model.sign = t.sign;
  return t;
}

static tt_status run_task(task *t, const tt_poll *poll) {
  size_t bytes = 0;
  tt_status status = tt_ridge_scratch(t->model.z.n, t->model.z.d, &bytes);
  void *scratch = malloc(bytes);
  t->fit = (tt_ridge_result){.beta = t->beta, .score = t->score, .constant = t->constant};
  if (status == TT_OK) {
    status = tt_ridge_fit(&t->model, &t->fit, scratch, poll);
  }
  free(scratch);
  return status;
}

static void free_task(task *t) {
  free_problem(&t->matrix);
  free(t->unsafe);
  free(t->draws);
  free(t->offset);
  free(t->sign);
  free(t->fold);
  free(t->beta);
  free(t->score);
}

/* The largest derivative of the penalised log-likelihood of the fit without a fold,
 * next to its penalty; `own`: the largest error of a score of the fold's rows. */
static double slope_left(const task *t, size_t lane, double *own) {
  size_t n = t->matrix.n, kept = 0;
  double *score = calloc(n, sizeof(double));
  double worst = 0.0, constant = 0.0;
  for (size_t i = 0; i < n; i++) {
    double eta = t->constant[lane];
    for (size_t j = 0; j < t->matrix.d; j++) {
      eta += t->matrix.z[j * n + i] * t->beta[j * L + lane];
    }
    if ((size_t)t->fold[i] == lane) {
      *own = fmax(*own, fabs(eta - t->score[i]));
      continue;
    }
    double h = exp(eta + t->offset[i]);
    score[i] = h * (t->unsafe[i] / -expm1(-h) - t->draws[i]);
    constant += score[i];
    kept++;
  }
  double penalty = t->fit.penalty * (double)kept / (double)n;
  for (size_t j = 0; j < t->matrix.d; j++) {
    double slope = -penalty * t->beta[j * L + lane];
    for (size_t i = 0; i < n; i++) {
      slope += t->matrix.z[j * n + i] * score[i];
    }
    worst = fmax(worst, fabs(slope));
  }
  free(score);
  return fmax(worst, fabs(constant)) / penalty;
}

static void test_fit(void) {
  static const double penalties[] = {0.0, 5.0, 500.0};
  for (int dense = 0; dense < 2; dense++) {
    for (size_t s = 0; s < 3; s++) {
      task t = new_task(150, 60, dense);
      t.model.penalty = penalties[s];
      check_that(run_task(&t, NULL) == TT_OK, "a ridge is fitted");
      double worst = 0.0, own = 0.0;
      for (size_t lane = 0; lane < L; lane++) {
        worst = fmax(worst, slope_left(&t, lane, &own));
      }
      check_near(worst, 0.0, 0.02, "where the likelihoods are flat");
      check_near(own, 0.0, 1e-9, "and rows are predicted without their fold");
      check_that(penalties[s] == 0.0 || t.fit.penalty == penalties[s],
                 "a penalty that is given stays");
      check_that(t.fit.edf > 1.0 && t.fit.edf < 61.0, "with its degrees of freedom");
      free_task(&t);
    }
  }
}

static void test_forms_agree(void) {
  task dense = new_task(150, 60, 1);
  task sparse = new_task(150, 60, 0);
  run_task(&dense, NULL);
  run_task(&sparse, NULL);
  check_near(dense.fit.penalty / sparse.fit.penalty, 1.0, 1e-6,
             "dense and sparse choose the same penalty");
  double worst = 0.0;
  for (size_t i = 0; i < 150; i++) {
    worst = fmax(worst, fabs(dense.score[i] - sparse.score[i]));
  }
  check_near(worst, 0.0, 1e-6, "and predict the same out of fold");
  free_task(&dense);
  free_task(&sparse);
}

static int stop_at_once(void *ctx) {
  (void)ctx;
  return 1;
}

static void test_limits(void) {
  size_t bytes = 0;
  check_that(tt_ridge_scratch(SIZE_MAX / 8, 10, &bytes) == TT_EOVERFLOW,
             "sizes that do not fit are told");
  task t = new_task(150, 60, 1);
  tt_poll stop = {stop_at_once, NULL};
  check_that(run_task(&t, &stop) == TT_EINTERRUPT, "a fit can be interrupted");
  free_task(&t);
}

int main(void) {
  test_products();
  test_fit();
  test_forms_agree();
  test_limits();
  return check_report();
}
