#include "hazard-ridge.h"

#include "arena.h"
#include "cloglog.h"

#include <math.h>
#include <string.h>

#define L TT_LANES
#define SHIFTS 6u /* penalties that are solved for together */

#define MOST_ROUNDS 10
#define MOST_NEWTON 25
#define MOST_HALVINGS 10

/* Gains in log-likelihood that no longer matter: on the way, and at the end. */
#define ENOUGH_ON_THE_WAY 0.5
#define ENOUGH 0.02

/* The least share of its expected gain with which a long step is taken, and the share
 * of what is explained by which forecasts of a loss may be wrong. */
#define TRUSTED 0.8
#define SURPRISE 0.1

typedef struct {
  const tt_ridge_model *model;
  const tt_poll *poll;
  double share[L];    /* of the rows, that a lane keeps */
  double constant[L]; /* the fits, one a lane */
  double *beta;       /* d x L */
  double *eta;        /* n x L */
  double weight[L];   /* sum of the working weights */
  double *w;          /* n x L: working weights; 0 where a lane keeps the row out */
  double *s;          /* n x L: derivative of the log-likelihood by eta, likewise */
  double *mean;       /* d x L: means of the columns of Z by these weights */
  double *t, *trial;  /* n x L */
  double *g, *r;      /* d x L */
  double *x[SHIFTS];  /* d x L: solutions */
  double *p[SHIFTS];  /* d x L: directions */
} work;

static void lay_out(tt_arena *a, size_t n, size_t d, work *k) {
  k->beta = tt_arena_doubles(a, d, L);
  k->eta = tt_arena_doubles(a, n, L);
  k->w = tt_arena_doubles(a, n, L);
  k->s = tt_arena_doubles(a, n, L);
  k->mean = tt_arena_doubles(a, d, L);
  k->t = tt_arena_doubles(a, n, L);
  k->trial = tt_arena_doubles(a, n, L);
  k->g = tt_arena_doubles(a, d, L);
  k->r = tt_arena_doubles(a, d, L);
  for (size_t i = 0; i < SHIFTS; i++) {
    k->x[i] = tt_arena_doubles(a, d, L);
    k->p[i] = tt_arena_doubles(a, d, L);
  }
}

tt_status tt_ridge_scratch(size_t n, size_t d, size_t *bytes) {
  tt_arena a = tt_arena_measure();
  work k;
  lay_out(&a, n, d, &k);
  if (tt_arena_failed(&a)) {
    return TT_EOVERFLOW;
  }
  *bytes = a.used;
  return TT_OK;
}

/* ---- Lanes ------------------------------------------------------------------- */

/* out[lane] = sum of a, or of a b, down the rows. */
static void sum_lanes(size_t rows, const double *a, const double *b, double *out) {
  for (size_t c = 0; c < L; c++) {
    out[c] = 0.0;
  }
  for (size_t i = 0; i < rows * L; i += L) {
    for (size_t c = 0; c < L; c++) {
      out[c] += b == NULL ? a[i + c] : a[i + c] * b[i + c];
    }
  }
}

/* a += by[lane] b. */
static void add_lanes(size_t rows, const double *by, const double *b, double *a) {
  for (size_t i = 0; i < rows * L; i += L) {
    for (size_t c = 0; c < L; c++) {
      a[i + c] += by[c] * b[i + c];
    }
  }
}

/* a = to[lane] b + by[lane] a. */
static void mix_lanes(size_t rows, const double *to, const double *b, const double *by,
                      double *a) {
  for (size_t i = 0; i < rows * L; i += L) {
    for (size_t c = 0; c < L; c++) {
      a[i + c] = to[c] * b[i + c] + by[c] * a[i + c];
    }
  }
}

/* A lane keeps the rows outside its fold. */
static int keeps(const work *k, size_t row, size_t lane) {
  return (size_t)k->model->fold[row] != lane;
}

/* ---- The likelihood ---------------------------------------------------------- */

/* Working weights and scores at eta, and the columns' means by these weights. */
static void linearise(work *k) {
  const tt_ridge_model *model = k->model;
  for (size_t i = 0; i < model->z.n; i++) {
    for (size_t c = 0; c < L; c++) {
      tt_row_terms row =
          tt_evaluate_row(k->eta[i * L + c], model->unsafe[i], model->draws[i]);
      int kept = keeps(k, i, c);
      k->w[i * L + c] = kept ? row.weight : 0.0;
      k->s[i * L + c] = kept ? row.score : 0.0;
    }
  }
  sum_lanes(model->z.n, k->w, NULL, k->weight);
  tt_wide_back(&model->z, k->w, k->mean);
  for (size_t i = 0; i < model->z.d * L; i++) {
    k->mean[i] /= k->weight[i % L];
  }
}

/* The penalised log-likelihood of each lane. */
static void evaluate(const work *k, double penalty, const double *eta, const double *beta,
                     double *value) {
  const tt_ridge_model *model = k->model;
  sum_lanes(model->z.d, beta, beta, value);
  for (size_t c = 0; c < L; c++) {
    value[c] *= -penalty * k->share[c] / 2.0;
  }
  for (size_t i = 0; i < model->z.n; i++) {
    for (size_t c = 0; c < L; c++) {
      if (keeps(k, i, c)) {
        value[c] += tt_evaluate_row(eta[i * L + c], model->unsafe[i], model->draws[i])
                        .log_likelihood;
      }
    }
  }
}

/* What the rows lose, each by the fit without its fold. */
static double lost_out_of_fold(const work *k, const double *eta) {
  const tt_ridge_model *model = k->model;
  double loss = 0.0;
  for (size_t i = 0; i < model->z.n; i++) {
    double own = eta[i * L + (size_t)model->fold[i]];
    loss -= tt_evaluate_row(own, model->unsafe[i], model->draws[i]).log_likelihood;
  }
  return loss;
}

/* ---- Conjugate gradients for many penalties ---------------------------------- */

/* Where the lanes of one run are. A residual of the penalty i is zeta[i] times that of
 * the last, smallest one. */
typedef struct {
  size_t n_shifts;
  double shift[SHIFTS][L]; /* what a penalty is larger than the last */
  double least[L];         /* the last */
  double zeta[SHIFTS][L], zeta_before[SHIFTS][L];
  double alpha_before[L], beta_before[L];
  double size[L], first[L]; /* squared length of the residual, now and at the start */
} run;

static void start_run(const work *k, const double *penalties, size_t n_shifts, run *u) {
  u->n_shifts = n_shifts;
  for (size_t c = 0; c < L; c++) {
    u->least[c] = penalties[n_shifts - 1] * k->share[c];
    u->alpha_before[c] = 1.0;
    u->beta_before[c] = 0.0;
    for (size_t i = 0; i < n_shifts; i++) {
      u->shift[i][c] = penalties[i] * k->share[c] - u->least[c];
      u->zeta[i][c] = u->zeta_before[i][c] = 1.0;
    }
  }
  sum_lanes(k->model->z.d, k->r, k->r, u->first);
  memcpy(u->size, u->first, sizeof u->size);
}

/* g = (Z' w Z - weight mean mean' + least) p, where t = Z p. */
static void apply_information(work *k, const run *u) {
  const tt_wide_matrix *z = &k->model->z;
  const double *p = k->p[u->n_shifts - 1];
  double sum[L];
  tt_wide_gram(z, k->w, p, k->t, k->g);
  sum_lanes(z->n, k->w, k->t, sum);
  for (size_t c = 0; c < L; c++) {
    sum[c] = -sum[c];
  }
  add_lanes(z->d, sum, k->mean, k->g);
  add_lanes(z->d, u->least, p, k->g);
}

/* The step of each penalty along its own direction, from that of the last. */
static void shifted_step(run *u, size_t i, const double *alpha, double *step,
                         double *ratio) {
  for (size_t c = 0; c < L; c++) {
    double now = u->zeta[i][c];
    double before = u->zeta_before[i][c];
    double under = u->alpha_before[c] * before * (1.0 + alpha[c] * u->shift[i][c]) +
                   alpha[c] * u->beta_before[c] * (before - now);
    double next = under != 0.0 ? now * before * u->alpha_before[c] / under : 0.0;
    ratio[c] = now != 0.0 ? next / now : 0.0;
    step[c] = alpha[c] * ratio[c];
    u->zeta_before[i][c] = now;
    u->zeta[i][c] = next;
  }
}

/* One iteration: all solutions and directions move. */
static void iterate(work *k, run *u) {
  size_t d = k->model->z.d;
  double alpha[L], minus[L], along[L], size[L], beta[L], one[L], ratio[SHIFTS][L];
  apply_information(k, u);
  sum_lanes(d, k->p[u->n_shifts - 1], k->g, along);
  for (size_t c = 0; c < L; c++) {
    alpha[c] = along[c] > 0.0 ? u->size[c] / along[c] : 0.0;
    minus[c] = -alpha[c];
    one[c] = 1.0;
  }
  for (size_t i = 0; i < u->n_shifts; i++) {
    double step[L];
    shifted_step(u, i, alpha, step, ratio[i]);
    add_lanes(d, step, k->p[i], k->x[i]);
  }
  add_lanes(d, minus, k->g, k->r);
  sum_lanes(d, k->r, k->r, size);
  for (size_t c = 0; c < L; c++) {
    beta[c] = u->size[c] > 0.0 ? size[c] / u->size[c] : 0.0;
    u->size[c] = size[c];
    u->alpha_before[c] = alpha[c];
    u->beta_before[c] = beta[c];
  }
  for (size_t i = 0; i < u->n_shifts; i++) {
    double by[L];
    for (size_t c = 0; c < L; c++) {
      by[c] = beta[c] * ratio[i][c] * ratio[i][c];
    }
    mix_lanes(d, i + 1 == u->n_shifts ? one : u->zeta[i], k->r, by, k->p[i]);
  }
}

static int is_solved(const run *u, size_t i, double tolerance) {
  for (size_t c = 0; c < L; c++) {
    double left = u->zeta[i][c] * u->zeta[i][c] * u->size[c];
    if (left > tolerance * tolerance * u->first[c]) {
      return 0;
    }
  }
  return 1;
}

/* Told of each penalty that is solved, from the largest; not 0 ends the run. */
typedef int (*solved_fn)(work *k, size_t i, void *context);

/* x[i] = (Z' w Z - weight mean mean' + penalties[i])^-1 r, penalties falling. */
static tt_status solve(work *k, const double *penalties, size_t n_shifts,
                       double tolerance, size_t most, solved_fn solved, void *context) {
  size_t d = k->model->z.d;
  run u;
  size_t n_solved = 0;
  start_run(k, penalties, n_shifts, &u);
  for (size_t i = 0; i < n_shifts; i++) {
    memset(k->x[i], 0, d * L * sizeof(double));
    memcpy(k->p[i], k->r, d * L * sizeof(double));
  }
  for (size_t step = 0; step < most; step++) {
    if (tt_stop_requested(k->poll)) {
      return TT_EINTERRUPT;
    }
    iterate(k, &u);
    while (n_solved < n_shifts && is_solved(&u, n_solved, tolerance)) {
      if (solved != NULL && solved(k, n_solved, context)) {
        return TT_OK;
      }
      n_solved++;
    }
    if (n_solved == n_shifts) {
      break;
    }
  }
  return TT_OK;
}

/* r = Z' v - mean sum(v); sums[lane] = sum(v). */
static void set_target(work *k, const double *v, double *sums) {
  double minus[L];
  tt_wide_back(&k->model->z, v, k->r);
  sum_lanes(k->model->z.n, v, NULL, sums);
  for (size_t c = 0; c < L; c++) {
    minus[c] = -sums[c];
  }
  add_lanes(k->model->z.d, minus, k->mean, k->r);
}

/* t = Z x + the intercept that belongs to it, sums / weight - mean' x. */
static void follow(work *k, const double *x, const double *sums, double *intercept) {
  double along[L];
  tt_wide_times(&k->model->z, x, k->t);
  sum_lanes(k->model->z.n, k->w, k->t, along);
  for (size_t c = 0; c < L; c++) {
    intercept[c] = (sums[c] - along[c]) / k->weight[c];
  }
  for (size_t i = 0; i < k->model->z.n * L; i++) {
    k->t[i] += intercept[i % L];
  }
}

/* ---- One penalty ------------------------------------------------------------- */

/* Moves the fits along (intercept, x[0]; t), halving where that is worse. Returns the
 * largest gain in the penalised log-likelihood. */
static double move_fits(work *k, double penalty, const double *intercept, double *now) {
  size_t n = k->model->z.n;
  size_t d = k->model->z.d;
  double share[L], then[L];
  double gain = 0.0;
  int worse = 1;
  for (size_t c = 0; c < L; c++) {
    share[c] = 1.0;
  }
  for (int half = 0; worse && half <= MOST_HALVINGS; half++) {
    worse = 0;
    memcpy(k->trial, k->eta, n * L * sizeof(double));
    memcpy(k->g, k->beta, d * L * sizeof(double));
    add_lanes(n, share, k->t, k->trial);
    add_lanes(d, share, k->x[0], k->g);
    evaluate(k, penalty, k->trial, k->g, then);
    for (size_t c = 0; c < L; c++) {
      if (!(then[c] >= now[c] - 1e-9 * fabs(now[c]))) {
        share[c] = half + 1 < MOST_HALVINGS ? share[c] / 2.0 : 0.0;
        worse = 1;
      }
    }
  }
  memcpy(k->eta, k->trial, n * L * sizeof(double));
  memcpy(k->beta, k->g, d * L * sizeof(double));
  for (size_t c = 0; c < L; c++) {
    k->constant[c] += share[c] * intercept[c];
    gain = fmax(gain, then[c] - now[c]);
    now[c] = then[c];
  }
  return gain;
}

/* Scoring for all lanes, until a step gains less than `enough`. */
static tt_status fit_penalty(work *k, double penalty, double enough) {
  size_t d = k->model->z.d;
  double now[L], sums[L], intercept[L], minus[L];
  evaluate(k, penalty, k->eta, k->beta, now);
  for (int step = 0; step < MOST_NEWTON; step++) {
    linearise(k);
    set_target(k, k->s, sums);
    for (size_t c = 0; c < L; c++) {
      minus[c] = -penalty * k->share[c];
    }
    add_lanes(d, minus, k->beta, k->r);
    tt_status status = solve(k, &penalty, 1, 0.1, 30, NULL, NULL);
    if (status != TT_OK) {
      return status;
    }
    follow(k, k->x[0], sums, intercept);
    if (move_fits(k, penalty, intercept, now) < enough) {
      break;
    }
  }
  return TT_OK;
}

/* ---- The penalty that predicts best ------------------------------------------ */

/* One look at a row of penalties, at the working weights of the fits as they are. */
typedef struct {
  double sums[L];
  double loss[SHIFTS];
  size_t n_seen;
  size_t best;
  size_t taken; /* where the fits are afterwards: at the best, or on the way to it */
} look;

/* t = eta of the solution for penalty i. */
static void predict(work *k, const look *at, size_t i, double *intercept) {
  follow(k, k->x[i], at->sums, intercept);
  for (size_t row = 0; row < k->model->z.n * L; row++) {
    k->t[row] += k->model->offset[row / L];
  }
}

static int look_at(work *k, size_t i, void *context) {
  look *at = context;
  double intercept[L];
  predict(k, at, i, intercept);
  at->loss[i] = lost_out_of_fold(k, k->t);
  at->n_seen = i + 1;
  if (i > 0 && !(at->loss[i] < at->loss[at->best])) {
    return 1;
  }
  at->best = i;
  return 0;
}

/* Whether the step to x gains, in each lane's penalised log-likelihood, most of what
 * it should by the quadratic that the working weights stand for. */
static int is_trusted(work *k, double penalty, const double *x) {
  size_t d = k->model->z.d;
  double sums[L], minus[L], now[L], then[L], back[L], expected[L];
  evaluate(k, penalty, k->eta, k->beta, now);
  evaluate(k, penalty, k->trial, x, then);
  set_target(k, k->s, sums);
  for (size_t c = 0; c < L; c++) {
    minus[c] = -penalty * k->share[c];
    back[c] = -1.0;
  }
  add_lanes(d, minus, k->beta, k->r);
  memcpy(k->g, x, d * L * sizeof(double));
  add_lanes(d, back, k->beta, k->g);
  sum_lanes(d, k->r, k->g, expected);
  for (size_t c = 0; c < L; c++) {
    /* With the intercept's part. */
    expected[c] = (expected[c] + sums[c] * sums[c] / k->weight[c]) / 2.0;
    if (!(then[c] - now[c] >= TRUSTED * expected[c])) {
      return 0;
    }
  }
  return 1;
}

/* The fits move to the best solution, or to one of a larger penalty, as far as the
 * working weights can be trusted; else they get there by several steps. */
static tt_status move_to_best(work *k, const double *penalties, look *at) {
  const tt_wide_matrix *z = &k->model->z;
  for (at->taken = at->best;; at->taken--) {
    const double *x = k->x[at->taken];
    double intercept[L];
    predict(k, at, at->taken, intercept);
    memcpy(k->trial, k->t, z->n * L * sizeof(double));
    if (is_trusted(k, penalties[at->taken], x)) {
      memcpy(k->constant, intercept, sizeof k->constant);
      memcpy(k->beta, x, z->d * L * sizeof(double));
      memcpy(k->eta, k->trial, z->n * L * sizeof(double));
      return TT_OK;
    }
    if (at->taken == 0) {
      at->taken = at->best;
      return fit_penalty(k, penalties[at->best], ENOUGH_ON_THE_WAY);
    }
  }
}

static tt_status look_around(work *k, const double *penalties, look *at) {
  const tt_ridge_model *model = k->model;
  linearise(k);
  for (size_t i = 0; i < model->z.n * L; i++) {
    k->trial[i] = k->w[i] * (k->eta[i] - model->offset[i / L]) + k->s[i];
  }
  set_target(k, k->trial, at->sums);
  at->n_seen = at->best = at->taken = 0;
  tt_status status = solve(k, penalties, SHIFTS, 0.03, 60, look_at, at);
  return status != TT_OK || at->n_seen == 0 ? status : move_to_best(k, penalties, at);
}

/* Of the parabola through the losses at -1, 0, 1, the one in the middle the least. */
static double lowest_point(const double *loss) {
  double bend = loss[0] - 2.0 * loss[1] + loss[2];
  return bend > 0.0 ? (loss[0] - loss[2]) / (2.0 * bend) : 0.0;
}

/* Where looks mislead, because the working weights change much with the penalty: from
 * *penalty downhill in steps of 4, each fit from the one before. */
static tt_status walk_downhill(work *k, double least, double most, double *penalty) {
  double loss[3] = {INFINITY, INFINITY, INFINITY}; /* before, best, after */
  double step = 0.25;
  double at = *penalty;
  int turned = 0;
  for (;;) {
    tt_status status = fit_penalty(k, at, ENOUGH_ON_THE_WAY);
    if (status != TT_OK) {
      return status;
    }
    loss[2] = lost_out_of_fold(k, k->eta);
    if (loss[2] < loss[1]) {
      *penalty = at;
      loss[0] = loss[1];
      loss[1] = loss[2];
    } else if (loss[0] < INFINITY || turned) {
      break;
    } else {
      turned = 1; /* the first step was uphill */
      step = 4.0;
      loss[0] = loss[2];
    }
    at = *penalty * step;
    if (at < least || at > most) {
      return TT_OK;
    }
  }
  *penalty *= pow(step, lowest_point(loss));
  return TT_OK;
}

/* Coarse steps around *penalty, then fine ones, until the best is at most a fine step
 * from where the working weights were taken; then the least of the parabola. */
static tt_status choose_penalty(work *k, double least, double most, double *penalty) {
  double forecast = NAN; /* of the loss at *penalty, from the look before */
  double explained = 0.0;
  double factor = 4.0;
  for (int round = 0; round < MOST_ROUNDS; round++) {
    double row[SHIFTS];
    look at;
    size_t centre = factor == 4.0 ? 1 : 2;
    for (size_t i = 0; i < SHIFTS; i++) {
      row[i] = *penalty * pow(factor, (double)centre - (double)i);
    }
    tt_status status = look_around(k, row, &at);
    if (status != TT_OK) {
      return status;
    }
    if (round == 0) {
      explained = at.loss[0] - at.loss[at.best];
    }
    if (at.n_seen <= centre || fabs(at.loss[centre] - forecast) > SURPRISE * explained) {
      return walk_downhill(k, least, most, penalty);
    }
    *penalty = row[at.taken];
    forecast = at.loss[at.taken];
    if (*penalty <= least || *penalty >= most) {
      *penalty = *penalty <= least ? least : most;
      return TT_OK;
    }
    if (at.taken == at.best && at.best > 0 && at.best + 1 < at.n_seen) {
      if (factor == 2.0 && at.best <= centre + 1) {
        *penalty *= pow(factor, -lowest_point(at.loss + at.best - 1));
        return TT_OK;
      }
      factor = 2.0;
    }
  }
  return TT_OK;
}

/* ---- Effective degrees of freedom -------------------------------------------- */

/* The trace of the matrix that smooths, the mean of the fits': of random signs v,
 * v' w^1/2 (1, Z) (information + penalty)^-1 (1, Z)' w^1/2 v, one v a lane. */
static tt_status estimate_edf(work *k, double penalty, double *edf) {
  size_t n = k->model->z.n;
  double sums[L], intercept[L], trace[L];
  linearise(k);
  for (size_t i = 0; i < n * L; i++) {
    k->trial[i] = sqrt(k->w[i]) * k->model->sign[i];
  }
  set_target(k, k->trial, sums);
  tt_status status = solve(k, &penalty, 1, 0.1, 50, NULL, NULL);
  if (status != TT_OK) {
    return status;
  }
  follow(k, k->x[0], sums, intercept);
  sum_lanes(n, k->trial, k->t, trace);
  *edf = 0.0;
  for (size_t c = 0; c < L; c++) {
    *edf += trace[c] / L;
  }
  return TT_OK;
}

/* ---- Fitting ----------------------------------------------------------------- */

/* All fits are the overall rate. Returns its working weight a row. */
static double start_fits(work *k) {
  const tt_ridge_model *model = k->model;
  double unsafe = 0.0, draws = 0.0, offset = 0.0;
  double rows = (double)model->z.n;
  size_t kept[L] = {0};
  for (size_t i = 0; i < model->z.n; i++) {
    unsafe += model->unsafe[i];
    draws += model->draws[i];
    offset += model->offset[i];
    for (size_t c = 0; c < L; c++) {
      kept[c] += (size_t)keeps(k, i, c);
    }
  }
  double eta = log(-log1p(-unsafe / draws));
  for (size_t c = 0; c < L; c++) {
    k->share[c] = (double)kept[c] / rows;
    k->constant[c] = eta - offset / rows;
  }
  memset(k->beta, 0, model->z.d * L * sizeof(double));
  for (size_t i = 0; i < model->z.n * L; i++) {
    k->eta[i] = k->constant[0] + model->offset[i / L];
  }
  return tt_evaluate_row(eta, unsafe / rows, draws / rows).weight;
}

/* From about 16 degrees of freedom. Penalties lie between a millionth of the largest
 * column and ten times all of them together. */
static tt_status start_and_choose(work *k, double *penalty) {
  const tt_wide_matrix *z = &k->model->z;
  double weight = start_fits(k);
  double total = 0.0, largest = 0.0;
  for (size_t j = 0; j < z->d; j++) {
    double length = tt_wide_length(z, j);
    total += length;
    largest = fmax(largest, length);
  }
  if (k->model->penalty > 0.0) {
    *penalty = k->model->penalty;
    return TT_OK;
  }
  *penalty = weight * total / 16.0;
  tt_status status = fit_penalty(k, *penalty, ENOUGH_ON_THE_WAY);
  if (status != TT_OK) {
    return status;
  }
  return choose_penalty(k, 1e-6 * weight * largest, 10.0 * weight * total, penalty);
}

tt_status tt_ridge_fit(const tt_ridge_model *model, tt_ridge_result *fit, void *scratch,
                       const tt_poll *poll) {
  size_t n = model->z.n;
  size_t d = model->z.d;
  size_t bytes = 0;
  tt_status status = tt_ridge_scratch(n, d, &bytes);
  if (status != TT_OK) {
    return status;
  }
  work k = {.model = model, .poll = poll};
  tt_arena a = tt_arena_over(scratch, bytes);
  lay_out(&a, n, d, &k);
  status = start_and_choose(&k, &fit->penalty);
  if (status == TT_OK) {
    status = fit_penalty(&k, fit->penalty, ENOUGH);
  }
  if (status != TT_OK) {
    return status;
  }
  memcpy(fit->constant, k.constant, sizeof k.constant);
  memcpy(fit->beta, k.beta, d * L * sizeof(double));
  for (size_t i = 0; i < n; i++) {
    fit->score[i] = k.eta[i * L + (size_t)model->fold[i]] - model->offset[i];
  }
  return estimate_edf(&k, fit->penalty, &fit->edf);
}
