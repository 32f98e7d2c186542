#include "hazard-glm.h"

#include "gram.h"
#include "numeric.h"

#include <math.h>
#include <string.h>

#define ROWS TT_GRAM_ROWS

/* exp(eta) is the hazard on the log-survival scale; outside this range 1 - p is 0,
 * or p is 0, to within rounding. */
#define ETA_MIN (-700.0)
#define ETA_MAX 3.6

#define MAX_HALVINGS 12
#define LEAST_PENALTY 1e-8
#define MOST_PENALTY 1e12
#define MIN_PENALTY_STEPS 4
#define MAX_PENALTY_STEPS 40

/* Penalties need not be known to many digits: these are the changes, in effective
 * degrees of freedom and in log-likelihood, that no longer matter. */
#define EDF_TOLERANCE 1e-3
#define EDF_SETTLED 0.02
#define LIKELIHOOD_SETTLED 1e-2
#define STAGE_TOLERANCE 1e-4

/* Where the buffers lie in the scratch, and the state of one fit. */
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
  int estimate; /* whether penalties move at present */
} work;

/* ---- One row ---------------------------------------------------------------- */

/* Below this, series are as exact as exp() and log(), and faster. */
#define SMALL 0.05

/* 1 - exp(-h) for small h; the first term left out is below 1e-18 of the sum. */
static inline double small_one_minus_exp(double h) {
  double s = 1.0 / 40320.0 - h * (1.0 / 362880.0);
  s = 1.0 / 5040.0 - h * s;
  s = 1.0 / 720.0 - h * s;
  s = 1.0 / 120.0 - h * s;
  s = 1.0 / 24.0 - h * s;
  s = 1.0 / 6.0 - h * s;
  s = 0.5 - h * s;
  return h * (1.0 - h * s);
}

/* log(1 - exp(-h)) for small h = exp(eta):
 * log((1 - exp(-h)) / h) = -h / 2 + h^2 / 24 - h^4 / 2880 + h^6 / 181440 + O(h^8). */
static inline double small_log_one_minus_exp(double eta, double h) {
  double square = h * h;
  double s = 1.0 / 2880.0 - square * (1.0 / 181440.0);
  return eta - h * (0.5 - h * (1.0 / 24.0 - square * s));
}

/* The same for any h, to full relative accuracy, without the cost of expm1(). */
static double one_minus_exp(double h) {
  return h > SMALL ? 1.0 - exp(-h) : small_one_minus_exp(h);
}

static double log_one_minus_exp(double eta, double h, double p) {
  return h > SMALL ? log(p) : small_log_one_minus_exp(eta, h);
}

static double clip_eta(double eta) {
  if (eta < ETA_MIN) {
    return ETA_MIN;
  }
  return eta > ETA_MAX ? ETA_MAX : eta;
}

typedef struct {
  double score;  /* d log-likelihood / d eta = h (y / p - m), h = exp(eta) */
  double weight; /* Fisher information of eta = m h^2 (1 - p) / p */
  double log_likelihood;
} row_terms;

static row_terms evaluate_row(double eta, double y, double m) {
  double clipped = clip_eta(eta);
  double h = exp(clipped);
  double p = one_minus_exp(h);
  double safe = p < 1.0 ? 1.0 - p : 1e-16;
  double per_p = 1.0 / p;
  row_terms t;
  t.score = h * (y * per_p - m);
  t.weight = m * h * h * safe * per_p;
  t.log_likelihood = (y > 0.0 ? y * log_one_minus_exp(clipped, h, p) : 0.0) - (m - y) * h;
  return t;
}

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

/* What one block of rows contributes: the panel's factor, the working response times
 * it, and the log-likelihood. */
typedef struct {
  double root[ROWS];
  double response[ROWS];
  double log_likelihood[ROWS];
} block_terms;

static void evaluate_rows(size_t rows, const double *eta, const double *unsafe,
                          const double *draws, block_terms *b) {
  for (size_t r = 0; r < rows; r++) {
    row_terms t = evaluate_row(eta[r], unsafe[r], draws[r]);
    b->root[r] = sqrt(t.weight > 1e-300 ? t.weight : 1e-300);
    b->response[r] = b->root[r] * clip_eta(eta[r]) + t.score / b->root[r];
    b->log_likelihood[r] = t.log_likelihood;
  }
}

/* The same for a whole block of small hazards, without a branch, so that it runs in
 * vectors. Returns 0, having done nothing of use, where a hazard is not small. */
static int evaluate_small_block(const double *eta, const double *unsafe,
                                const double *draws, block_terms *b) {
  double h[ROWS];
  double largest = 0.0;
  double lowest = 0.0;
  for (size_t r = 0; r < ROWS; r++) {
    h[r] = exp(eta[r]);
    largest = h[r] > largest ? h[r] : largest;
    lowest = eta[r] < lowest ? eta[r] : lowest;
  }
  if (!(largest <= SMALL) || !(lowest > -300.0)) {
    return 0;
  }
  for (size_t r = 0; r < ROWS; r++) {
    double p = small_one_minus_exp(h[r]);
    double per_p = 1.0 / p;
    double weight = draws[r] * h[r] * h[r] * (1.0 - p) * per_p;
    double root = sqrt(weight);
    double score = h[r] * (unsafe[r] * per_p - draws[r]);
    b->root[r] = root;
    b->response[r] = root * eta[r] + score / root;
    b->log_likelihood[r] =
        unsafe[r] * small_log_one_minus_exp(eta[r], h[r]) - (draws[r] - unsafe[r]) * h[r];
  }
  return 1;
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
                       const block_terms *terms) {
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
    block_terms terms;
    if (tt_stop_requested(first / ROWS % 256 == 0 ? w->poll : NULL)) {
      return TT_EINTERRUPT;
    }
    eta_block(model->n, model->d, model->x, w->slope, first, rows, eta);
    const double *unsafe = model->unsafe + first;
    const double *draws = model->draws + first;
    if (rows < ROWS || !evaluate_small_block(eta, unsafe, draws, &terms)) {
      evaluate_rows(rows, eta, unsafe, draws, &terms);
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
    tt_gram_add(w->padded, w->panel, w->gram);
  }
  w->log_likelihood = tt_sum_value(&log_likelihood);
  return TT_OK;
}

/* ---- The penalised scoring equations ------------------------------------------ */

static double penalty_of(const work *w, size_t j) {
  int g = w->model->group[j];
  return g < 0 ? 0.0 : w->fit->lambda[g] * w->model->weight[j];
}

static double penalty_value(const work *w, const double *beta) {
  tt_sum sum = {0.0, 0.0};
  for (size_t j = 0; j < w->model->d; j++) {
    tt_sum_add(&sum, penalty_of(w, j) * beta[j + 1] * beta[j + 1]);
  }
  return tt_sum_value(&sum);
}

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
          ridge * largest + (j > 0 ? penalty_of(w, j - 1) : 0.0);
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

typedef struct {
  double edf;  /* effective degrees of freedom */
  double size; /* sum of weight_j b_j^2 */
  double rank; /* number of columns */
} penalty_group;

/* One group, its degrees of freedom as they were if the penalty grew by `ratio`. */
static penalty_group describe_group(const work *w, int g, double ratio) {
  penalty_group sum = {0.0, 0.0, 0.0};
  for (size_t j = 0; j < w->model->d; j++) {
    if (w->model->group[j] == g) {
      double b = w->fit->beta[j + 1];
      double lost = penalty_of(w, j) * w->factor[(j + 1) * (w->size + 1)];
      lost = fmin(fmax(lost, 0.0), 1.0);
      double share = 1.0 - lost;
      sum.edf += share > 0.0 ? share / (share + ratio * lost) : 0.0;
      sum.size += w->model->weight[j] * b * b;
      sum.rank += 1.0;
    }
  }
  return sum;
}

/* One fixed-point step for the penalties. With the quadratic approximation of the
 * log-likelihood the marginal likelihood is stationary where
 *   lambda_g = dispersion * edf_g / sum_j weight_j b_j^2,
 *   edf_g = sum_j (1 - lambda_g weight_j (H^-1)_jj).
 * w->factor holds H^-1 on entry. Returns the largest change of any edf to come: a
 * column whose share of a degree of freedom is h has h / (h + r (1 - h)) once its
 * penalty is r times as large (exactly, where columns are orthogonal). */
static double update_penalties(work *w) {
  double largest_change = 0.0;
  for (size_t g = 0; g < w->model->n_groups; g++) {
    penalty_group old = describe_group(w, (int)g, 1.0);
    if (old.rank == 0.0) {
      continue;
    }
    double lambda = w->fit->dispersion * old.edf / fmax(old.size, 1e-300);
    lambda = fmin(fmax(lambda, LEAST_PENALTY), MOST_PENALTY);
    penalty_group new = describe_group(w, (int)g, lambda / w->fit->lambda[g]);
    largest_change = fmax(largest_change, fabs(new.edf - old.edf));
    w->fit->edf[g] = old.edf;
    w->fit->lambda[g] = lambda;
  }
  return largest_change;
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
    double change = update_penalties(w);
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
  tt_sum events = {0.0, 0.0};
  tt_sum total = {0.0, 0.0};
  for (size_t i = 0; i < model->n; i++) {
    if (!(model->draws[i] > 0.0 && model->draws[i] < INFINITY)) {
      return tt_fail(error, TT_EINVAL, "draws", i, model->draws[i]);
    }
    if (!(model->unsafe[i] >= 0.0 && model->unsafe[i] <= model->draws[i])) {
      return tt_fail(error, TT_EINVAL, "unsafe", i, model->unsafe[i]);
    }
    tt_sum_add(&events, model->unsafe[i]);
    tt_sum_add(&total, model->draws[i]);
  }
  *rate = tt_sum_value(&events) / tt_sum_value(&total);
  if (!(*rate > 0.0 && *rate < 1.0)) {
    return tt_fail(error, TT_EINVAL, "unsafe", 0, tt_sum_value(&events));
  }
  return TT_OK;
}

/* Evaluates at fit->beta; while the penalised deviance is worse than at `previous`,
 * walks half way back. The penalties may have moved since, so both are taken now. */
static tt_status evaluate_step(work *w, double previous_likelihood, int first) {
  tt_status status = pass(w, w->fit->beta);
  for (int half = 0; status == TT_OK && !first && half < MAX_HALVINGS; half++) {
    double now = w->log_likelihood - penalty_value(w, w->fit->beta) / 2.0;
    double before = previous_likelihood - penalty_value(w, w->previous) / 2.0;
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
    if (k > 0 && change < fmax(tolerance * scale, settled) && edf_change < EDF_SETTLED) {
      fit->converged = 1;
      return TT_OK;
    }
    if (fit->iterations == limit) {
      return TT_OK;
    }
    fit->iterations++;
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
  double total = 1.0;
  for (size_t g = 0; g < w->model->n_groups; g++) {
    w->fit->edf[g] = 0.0;
  }
  for (size_t j = 0; j < w->model->d; j++) {
    int g = w->model->group[j];
    double edf = 1.0 - penalty_of(w, j) * w->factor[(j + 1) * (w->size + 1)];
    total += edf;
    if (g >= 0) {
      w->fit->edf[g] += edf;
    }
  }
  return total;
}

/* Pearson's statistic over the residual degrees of freedom, with Fletcher's
 * correction: where few events are expected, one event alone would make it huge. */
static double estimate_dispersion(const work *w, double edf) {
  const tt_glm_model *model = w->model;
  tt_sum pearson = {0.0, 0.0};
  tt_sum skew = {0.0, 0.0};
  for (size_t first = 0; first < model->n; first += ROWS) {
    size_t rows = model->n - first < ROWS ? model->n - first : ROWS;
    double eta[ROWS];
    eta_block(model->n, model->d, model->x, w->slope, first, rows, eta);
    for (size_t r = 0; r < rows; r++) {
      double p = one_minus_exp(exp(clip_eta(eta[r])));
      double m = model->draws[first + r];
      double residual = model->unsafe[first + r] / m - p;
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
  for (size_t g = 0; model->estimate && g < model->n_groups; g++) {
    w->fit->lambda[g] = fmax(w->fit->lambda[g], LEAST_PENALTY);
  }
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

tt_status tt_glm_scratch(size_t n, size_t d, size_t *count) {
  (void)n; /* rows are visited in blocks: nothing grows with them */
  size_t size, padded, square, panel, factor, total;
  if (!tt_size_add(d, 1, &size) || (padded = tt_gram_padded(d + 2)) == 0 ||
      !tt_size_mul(padded, padded, &square) || !tt_size_mul(padded, ROWS, &panel) ||
      !tt_size_mul(size, size, &factor) || !tt_size_add(square, panel, &total) ||
      !tt_size_add(total, factor, &total) || !tt_size_add(total, 2 * size, &total) ||
      !tt_size_mul(total, sizeof(double), &square)) {
    return TT_EOVERFLOW;
  }
  *count = total;
  return TT_OK;
}

tt_status tt_glm_fit(const tt_glm_model *model, tt_glm_fit_result *fit,
                     const tt_linalg *linalg, double *scratch, const tt_poll *poll,
                     tt_error *error) {
  double rate;
  tt_status status = check_rows(model, &rate, error);
  if (status != TT_OK) {
    return status;
  }
  work w = {0};
  w.model = model;
  w.fit = fit;
  w.linalg = linalg;
  w.poll = poll;
  w.size = model->d + 1;
  w.padded = tt_gram_padded(model->d + 2);
  w.slope = scratch;
  w.previous = w.slope + w.size;
  w.panel = w.previous + w.size;
  w.gram = w.panel + w.padded * ROWS;
  w.factor = w.gram + w.padded * w.padded;
  w.saturated = saturated_likelihood(model);
  fit->dispersion = isnan(model->dispersion) ? 1.0 : model->dispersion;
  fit->ridged = 0;
  memset(fit->beta, 0, w.size * sizeof(double));
  for (size_t g = 0; g < model->n_groups; g++) {
    fit->edf[g] = 0.0;
  }
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
    prob[i] = one_minus_exp(exp(clip_eta(prob[i])));
  }
  return TT_OK;
}
