#include "hazard-glm.h"

#include "arena.h"
#include "cloglog.h"
#include "counts.h"
#include "gram.h"
#include "numeric.h"
#include "penalty.h"

#include <float.h>
#include <math.h>
#include <string.h>

#define ROWS TT_GRAM_ROWS

#define MAX_HALVINGS 12
#define LEAST_START 1e-8
#define MIN_PENALTY_STEPS 4
#define MAX_PENALTY_STEPS 40

/* Penalties and coefficients may chase each other in a cycle. After this many
 * iterations the penalties stay where they are. */
#define MOST_MOVES 50

/* Penalties need not be known to many digits: these are the changes, in effective
 * degrees of freedom and in log-likelihood, that no longer matter in a model of a few
 * degrees of freedom; one of many needs fewer digits still. */
#define EDF_TOLERANCE 1e-3
#define EDF_SETTLED 0.02
#define LIKELIHOOD_SETTLED 1e-2
#define STAGE_TOLERANCE 1e-4

/* The state of one fit, and its arrays in the scratch. */
typedef struct {
  const tt_glm_model *model;
  tt_glm_fit_result *fit;
  const tt_linalg *linalg;
  const tt_poll *poll;
  size_t size;      /* d + 1 coefficients */
  size_t padded;    /* of d + 2 columns: intercept, x, working response */
  double *slope;    /* size: coefficients of the raw columns, constant first */
  double *previous; /* size: the last accepted coefficients */
  double *panel;    /* padded * ROWS */
  double *gram;     /* padded^2 */
  double *factor;   /* size^2 */
  double saturated; /* log-likelihood of the saturated model */
  double log_likelihood;
  tt_penalty penalty;
  int estimate; /* whether penalties move at present */
} work;

/* ---- One pass over the rows -------------------------------------------------- */

static void eta_block(size_t n, size_t d, const double *x, const double *slope,
                      size_t first, size_t rows, double *eta) {
  for (size_t r = 0; r < ROWS; r++) {
    eta[r] = slope[0];
  }
  for (size_t j = 0; j < d; j++) {
    const double *column = x + n * j + first;
    double b = slope[j + 1];
    if (rows == ROWS) {
      for (size_t r = 0; r < ROWS; r++) {
        eta[r] += b * column[r];
      }
    } else {
      for (size_t r = 0; r < rows; r++) {
        eta[r] += b * column[r];
      }
    }
  }
}

/* Coefficients of the raw columns: b_j (x - centre) scale = b_j scale x - constant. */
static void raw_slopes(size_t d, const double *centre, const double *scale,
                       const double *beta, double *slope) {
  tt_sum constant = {beta[0], 0.0};
  for (size_t j = 0; j < d; j++) {
    slope[j + 1] = beta[j + 1] * scale[j];
    tt_sum_add(&constant, -slope[j + 1] * centre[j]);
  }
  slope[0] = tt_sum_value(&constant);
}

/* The block's rows of sqrt(weight) * (1, x, working response). */
static void pack_block(const work *w, size_t first, size_t rows,
                       const tt_block_terms *terms) {
  const double *root = terms->root;
  const tt_glm_model *model = w->model;
  double *column = tt_gram_column(w->panel, 0);
  for (size_t r = 0; r < rows; r++) {
    column[4 * r] = root[r];
  }
  for (size_t j = 0; j < model->d; j++) {
    const double *x = model->x + model->n * j + first;
    double centre = model->centre[j];
    double scale = model->scale[j];
    column = tt_gram_column(w->panel, j + 1);
    for (size_t r = 0; r < rows; r++) {
      column[4 * r] = root[r] * ((x[r] - centre) * scale);
    }
  }
  column = tt_gram_column(w->panel, model->d + 1);
  for (size_t r = 0; r < rows; r++) {
    column[4 * r] = terms->response[r];
  }
}

/* Log-likelihood at `beta`, Fisher information, and the right-hand side of the scoring
 * equations; the last two as cross-products. */
static tt_status pass(work *w, const double *beta) {
  const tt_glm_model *model = w->model;
  tt_sum log_likelihood = {0.0, 0.0};
  raw_slopes(model->d, model->centre, model->scale, beta, w->slope);
  memset(w->panel, 0, w->padded * ROWS * sizeof(double));
  memset(w->gram, 0, w->padded * w->padded * sizeof(double));
  for (size_t first = 0; first < model->n; first += ROWS) {
    size_t rows = model->n - first < ROWS ? model->n - first : ROWS;
    double eta[ROWS];
    tt_block_terms terms;
    if (tt_stop_requested(first / ROWS % 256 == 0 ? w->poll : NULL)) {
      return TT_EINTERRUPT;
    }
    eta_block(model->n, model->d, model->x, w->slope, first, rows, eta);
    const double *unsafe = model->unsafe + first;
    const double *draws = model->draws + first;
    if (rows < ROWS || !tt_evaluate_small_block(eta, unsafe, draws, &terms)) {
      tt_evaluate_rows(rows, eta, unsafe, draws, &terms);
    }
    double block = 0.0;
    for (size_t r = 0; r < rows; r++) {
      block += terms.log_likelihood[r];
    }
    tt_sum_add(&log_likelihood, block);
    if (rows < ROWS) {
      memset(w->panel, 0, w->padded * ROWS * sizeof(double));
    }
    pack_block(w, first, rows, &terms);
    tt_gram_add(w->padded, w->panel, w->panel, w->gram);
  }
  w->log_likelihood = tt_sum_value(&log_likelihood);
  return TT_OK;
}

/* ---- The penalised scoring equations ------------------------------------------ */

/* Factors information + penalty; where that is singular (collinear columns without
 * a penalty) adds the smallest of a few tiny ridges that helps. */
static tt_status factor_information(work *w) {
  double largest = 0.0;
  for (size_t j = 0; j < w->size; j++) {
    largest = fmax(largest, w->gram[j * w->padded + j]);
  }
  for (double ridge = 0.0; ridge<1e-3; ridge = ridge> 0.0 ? ridge * 100.0 : 1e-12) {
    for (size_t j = 0; j < w->size; j++) {
      memcpy(w->factor + j * w->size + j, w->gram + j * w->padded + j,
             (w->size - j) * sizeof(double));
      w->factor[j * w->size + j] +=
          ridge * largest + (j > 0 ? w->penalty.column[j - 1] : 0.0);
    }
    if (w->linalg->cholesky(w->size, w->factor) == 0) {
      w->fit->ridged = w->fit->ridged || ridge > 0.0;
      return TT_OK;
    }
  }
  return TT_ENUMERIC;
}

static void solve_information(const work *w, double *beta) {
  for (size_t j = 0; j < w->size; j++) {
    beta[j] = w->gram[j * w->padded + w->size];
  }
  w->linalg->solve(w->size, w->factor, beta);
}

/* Solves for beta, and for the penalties too when they are estimated. The number of
 * steps is limited where a step costs more than a pass over the rows. */
static tt_status solve_step(work *w, double *edf_change) {
  size_t steps = 1;
  if (w->estimate && w->model->n_groups > 0) {
    steps = w->model->n / w->size;
    steps = steps < MIN_PENALTY_STEPS ? MIN_PENALTY_STEPS : steps;
    steps = steps > MAX_PENALTY_STEPS ? MAX_PENALTY_STEPS : steps;
  }
  *edf_change = 0.0;
  for (size_t step = 0; step < steps; step++) {
    if (tt_stop_requested(w->poll)) {
      return TT_EINTERRUPT;
    }
    if (factor_information(w) != TT_OK) {
      return TT_ENUMERIC;
    }
    solve_information(w, w->fit->beta);
    if (!w->estimate) {
      break;
    }
    w->linalg->invert(w->size, w->factor);
    double change =
        tt_penalty_update(&w->penalty, w->fit->beta, w->factor, w->fit->dispersion);
    *edf_change = step == 0 ? change : *edf_change;
    if (change < EDF_TOLERANCE) {
      break;
    }
  }
  return TT_OK;
}

/* ---- The fit -------------------------------------------------------------------- */

static double saturated_likelihood(const tt_glm_model *model) {
  tt_sum sum = {0.0, 0.0};
  for (size_t i = 0; i < model->n; i++) {
    double y = model->unsafe[i];
    double m = model->draws[i];
    if (y > 0.0 && y < m) {
      tt_sum_add(&sum, y * log(y / m) + (m - y) * log1p(-y / m));
    }
  }
  return tt_sum_value(&sum);
}

static tt_status check_rows(const tt_glm_model *model, double *rate, tt_error *error) {
  tt_status status =
      tt_check_trials(model->n, model->unsafe, model->draws, DBL_MAX, error);
  if (status != TT_OK) {
    return status;
  }
  tt_sum events = {0.0, 0.0};
  tt_sum total = {0.0, 0.0};
  for (size_t i = 0; i < model->n; i++) {
    tt_sum_add(&events, model->unsafe[i]);
    tt_sum_add(&total, model->draws[i]);
  }
  *rate = tt_sum_value(&events) / tt_sum_value(&total);
  if (!(*rate > 0.0 && *rate < 1.0)) {
    return tt_fail(error, TT_EINVAL, "unsafe", 0, tt_sum_value(&events));
  }
  return TT_OK;
}

/* The groups of columns index the penalties. */
static tt_status check_columns(const tt_glm_model *model, tt_error *error) {
  for (size_t j = 0; j < model->d; j++) {
    int g = model->group[j];
    if (g != TT_UNPENALISED && (g < 0 || (size_t)g >= model->n_groups)) {
      return tt_fail(error, TT_EINVAL, "group", j, (double)g);
    }
    if (!(model->weight[j] > 0.0 && model->weight[j] < INFINITY)) {
      return tt_fail(error, TT_EINVAL, "weight", j, model->weight[j]);
    }
    if (!isfinite(model->centre[j])) {
      return tt_fail(error, TT_EINVAL, "centre", j, model->centre[j]);
    }
    if (!isfinite(model->scale[j])) {
      return tt_fail(error, TT_EINVAL, "scale", j, model->scale[j]);
    }
  }
  return TT_OK;
}

static tt_status check_penalties(const tt_glm_model *model, const double *lambda,
                                 tt_error *error) {
  for (size_t g = 0; g < model->n_groups; g++) {
    if (!(model->shape[g] > 0.0)) {
      return tt_fail(error, TT_EINVAL, "shape", g, model->shape[g]);
    }
    if (!(lambda[g] >= 0.0 && lambda[g] < INFINITY)) {
      return tt_fail(error, TT_EINVAL, "lambda", g, lambda[g]);
    }
  }
  if (!isnan(model->dispersion) &&
      !(model->dispersion > 0.0 && model->dispersion < INFINITY)) {
    return tt_fail(error, TT_EINVAL, "dispersion", 0, model->dispersion);
  }
  if (!(model->tolerance >= 0.0)) {
    return tt_fail(error, TT_EINVAL, "tolerance", 0, model->tolerance);
  }
  return TT_OK;
}

/* The counts that dispersion is estimated from: both or none. */
static tt_status check_seen(const tt_glm_model *model, tt_error *error) {
  if ((model->seen_unsafe == NULL) != (model->seen_draws == NULL)) {
    return tt_fail(error, TT_EINVAL, "draws", 0, NAN);
  }
  return model->seen_draws == NULL ? TT_OK
                                   : tt_check_trials(model->n, model->seen_unsafe,
                                                     model->seen_draws, DBL_MAX, error);
}

static tt_status check_model(const tt_glm_model *model, const double *lambda,
                             double *rate, tt_error *error) {
  tt_status status = check_rows(model, rate, error);
  if (status == TT_OK) {
    status = check_seen(model, error);
  }
  if (status == TT_OK) {
    status = check_columns(model, error);
  }
  return status == TT_OK ? check_penalties(model, lambda, error) : status;
}

/* Evaluates at fit->beta; while the penalised deviance is worse than at `previous`,
 * walks half way back. The penalties may have moved since, so both are taken now. */
static tt_status evaluate_step(work *w, double previous_likelihood, int first) {
  tt_status status = pass(w, w->fit->beta);
  for (int half = 0; status == TT_OK && !first && half < MAX_HALVINGS; half++) {
    double now = w->log_likelihood - tt_penalty_value(&w->penalty, w->fit->beta) / 2.0;
    double before =
        previous_likelihood - tt_penalty_value(&w->penalty, w->previous) / 2.0;
    if (now >= before - 1e-7 * (fabs(before) + 1.0)) {
      break;
    }
    for (size_t j = 0; j < w->size; j++) {
      w->fit->beta[j] = (w->fit->beta[j] + w->previous[j]) / 2.0;
    }
    status = pass(w, w->fit->beta);
  }
  return status;
}

static double total_edf(const work *w) {
  double total = 1.0;
  for (size_t g = 0; g < w->model->n_groups; g++) {
    total += w->fit->edf[g];
  }
  return total;
}

/* Scores with the penalties as they are, or moving, until the likelihood settles
 * or `limit` iterations have been made. */
static tt_status iterate(work *w, int estimate, double tolerance, double settled,
                         size_t limit) {
  tt_glm_fit_result *fit = w->fit;
  double previous_likelihood = 0.0;
  double edf_change = 0.0;
  w->estimate = estimate;
  fit->converged = 0;
  for (size_t k = 0;; k++) {
    tt_status status = evaluate_step(w, previous_likelihood, k == 0);
    if (status != TT_OK) {
      return status;
    }
    double change = fabs(w->log_likelihood - previous_likelihood);
    double scale = fabs(w->log_likelihood - w->saturated) + 1.0;
    if (k > 0 &&
        change < fmax(tolerance * scale, settled * (1.0 + total_edf(w) / 20.0)) &&
        edf_change < EDF_SETTLED) {
      fit->converged = 1;
      return TT_OK;
    }
    if (fit->iterations == limit) {
      return TT_OK;
    }
    fit->iterations++;
    w->estimate = estimate && k < MOST_MOVES;
    previous_likelihood = w->log_likelihood;
    memcpy(w->previous, fit->beta, w->size * sizeof(double));
    status = solve_step(w, &edf_change);
    if (status != TT_OK) {
      return status;
    }
  }
}

/* w->factor becomes the inverse of information + penalty at the last evaluation;
 * edf is filled. Returns the degrees of freedom altogether, or a negative number. */
static double invert_information(work *w) {
  if (factor_information(w) != TT_OK) {
    return -1.0;
  }
  w->linalg->invert(w->size, w->factor);
  return tt_penalty_edf(&w->penalty, w->factor);
}

/* Pearson's statistic over the residual degrees of freedom, with Fletcher's
 * correction: where few events are expected, one event alone would make it huge. The
 * correction would take a part of a prior event in a row of tiny hazard for chance,
 * and every dispersion for 1. */
static double estimate_dispersion(const work *w, double edf) {
  const tt_glm_model *model = w->model;
  const double *unsafe = model->seen_unsafe ? model->seen_unsafe : model->unsafe;
  const double *draws = model->seen_draws ? model->seen_draws : model->draws;
  tt_sum pearson = {0.0, 0.0};
  tt_sum skew = {0.0, 0.0};
  for (size_t first = 0; first < model->n; first += ROWS) {
    size_t rows = model->n - first < ROWS ? model->n - first : ROWS;
    double eta[ROWS];
    eta_block(model->n, model->d, model->x, w->slope, first, rows, eta);
    for (size_t r = 0; r < rows; r++) {
      double p = tt_one_minus_exp(exp(tt_clip_eta(eta[r])));
      double m = draws[first + r];
      double residual = unsafe[first + r] / m - p;
      double variance = p * (p < 1.0 ? 1.0 - p : 1e-16);
      tt_sum_add(&pearson, m * residual * residual / variance);
      tt_sum_add(&skew, (1.0 - 2.0 * p) * residual / variance);
    }
  }
  double rest = (double)model->n - edf;
  double correction = 1.0 + tt_sum_value(&skew) / (double)model->n;
  if (!(rest > 1.0) || !(correction > 0.0)) {
    return 1.0;
  }
  return fmax(1.0, tt_sum_value(&pearson) / rest / correction);
}

static tt_status update_dispersion(work *w) {
  double edf = invert_information(w);
  if (edf < 0.0) {
    return TT_ENUMERIC;
  }
  if (isnan(w->model->dispersion)) {
    w->fit->dispersion = estimate_dispersion(w, edf);
  }
  return TT_OK;
}

/* First with the starting penalties, which should be weak, then with penalties that
 * move. The dispersion is estimated in between: from a model that is still too poor
 * it would be too large, shrink every effect away, and confirm itself. */
static tt_status fit_in_stages(work *w) {
  const tt_glm_model *model = w->model;
  tt_status status = TT_OK;
  tt_penalty_start(&w->penalty, model->estimate ? LEAST_START : 0.0);
  if (model->estimate && model->n_groups > 0) {
    status = iterate(w, 0, STAGE_TOLERANCE, 0.0, model->max_iterations);
    if (status == TT_OK) {
      status = update_dispersion(w);
    }
    if (status != TT_OK) {
      return status;
    }
  }
  return iterate(w, model->estimate, model->tolerance,
                 model->estimate ? LIKELIHOOD_SETTLED : 0.0, model->max_iterations);
}

/* Covariance, degrees of freedom and dispersion at the final coefficients. */
static tt_status finish(work *w) {
  tt_glm_fit_result *fit = w->fit;
  if (update_dispersion(w) != TT_OK) {
    return TT_ENUMERIC;
  }
  for (size_t j = 0; j < w->size; j++) {
    for (size_t i = j; i < w->size; i++) {
      double v = fit->dispersion * w->factor[j * w->size + i];
      fit->covariance[j * w->size + i] = v;
      fit->covariance[i * w->size + j] = v;
    }
  }
  fit->deviance = 2.0 * (w->saturated - w->log_likelihood);
  return TT_OK;
}

static void lay_out(tt_arena *a, size_t d, work *w) {
  w->size = d + 1;
  w->padded = tt_gram_padded(d + 2);
  w->slope = tt_arena_doubles(a, w->size, 1);
  w->previous = tt_arena_doubles(a, w->size, 1);
  w->penalty.column = tt_arena_doubles(a, d, 1);
  w->penalty.trail = tt_arena_doubles(a, d, 2);
  w->panel = tt_arena_doubles(a, w->padded, ROWS);
  w->gram = tt_arena_doubles(a, w->padded, w->padded);
  w->factor = tt_arena_doubles(a, w->size, w->size);
}

tt_status tt_glm_scratch(size_t d, size_t *bytes) {
  /* Rows are visited in blocks: nothing grows with them. */
  tt_arena a = tt_arena_measure();
  work w = {0};
  if (d > SIZE_MAX / 2) {
    return TT_EOVERFLOW;
  }
  lay_out(&a, d, &w);
  *bytes = a.used;
  return tt_arena_failed(&a) ? TT_EOVERFLOW : TT_OK;
}

tt_status tt_glm_fit(const tt_glm_model *model, tt_glm_fit_result *fit,
                     const tt_linalg *linalg, void *scratch, const tt_poll *poll,
                     tt_error *error) {
  double rate;
  size_t bytes = 0;
  tt_status status = tt_glm_scratch(model->d, &bytes);
  if (status == TT_OK) {
    status = check_model(model, fit->lambda, &rate, error);
  }
  if (status != TT_OK) {
    return status;
  }
  work w = {0};
  w.model = model;
  w.fit = fit;
  w.linalg = linalg;
  w.poll = poll;
  w.penalty = (tt_penalty){.d = model->d,
                           .n_groups = model->n_groups,
                           .group = model->group,
                           .weight = model->weight,
                           .shape = model->shape,
                           .lambda = fit->lambda,
                           .edf = fit->edf};
  tt_arena a = tt_arena_over(scratch, bytes);
  lay_out(&a, model->d, &w);
  w.saturated = saturated_likelihood(model);
  fit->dispersion = isnan(model->dispersion) ? 1.0 : model->dispersion;
  fit->ridged = 0;
  memset(fit->beta, 0, w.size * sizeof(double));
  fit->beta[0] = log(-log1p(-rate));
  fit->iterations = 0;
  status = fit_in_stages(&w);
  if (status == TT_OK) {
    status = finish(&w);
  }
  if (status == TT_ENUMERIC) {
    return tt_fail(error, status, "x", 0, 0.0);
  }
  return status;
}

tt_status tt_glm_predict(size_t n, size_t d, const double *x, const double *centre,
                         const double *scale, const double *beta, double *prob,
                         const tt_poll *poll) {
  double constant = beta[0];
  for (size_t i = 0; i < n; i++) {
    prob[i] = constant;
  }
  for (size_t j = 0; j < d; j++) {
    if (tt_stop_requested(poll)) {
      return TT_EINTERRUPT;
    }
    double slope = beta[j + 1] * scale[j];
    for (size_t i = 0; i < n; i++) {
      prob[i] += slope * (x[n * j + i] - centre[j]);
    }
  }
  for (size_t i = 0; i < n; i++) {
    prob[i] = tt_one_minus_exp(exp(tt_clip_eta(prob[i])));
  }
  return TT_OK;
}
