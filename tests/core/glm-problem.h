/* For tests of the hazard model: a fit with everything it needs, in memory of exact
 * sizes, and the same quantities computed the plain way. */
#ifndef TT_GLM_PROBLEM_H
#define TT_GLM_PROBLEM_H

#include "hazard-glm.h"

#include "contract.h"
#include "plain-linalg.h"

typedef struct {
  size_t n;
  size_t d;
  double *x;
  double *centre;
  double *scale;
  double *unsafe;
  double *draws;
  double *weight;
  int *group;
  double start[2]; /* lambda, given or to start from */
  double shape[2]; /* INFINITY: one penalty for a group */
  double lambda[2];
  double edf[2];
  tt_glm_model model;
  tt_glm_fit_result fit;
  tt_error error;
} glm_problem;

static inline double glm_hazard(double eta) {
  return -expm1(-exp(eta));
}

static inline double glm_eta(const glm_problem *p, const double *beta, size_t row) {
  double eta = beta[0];
  for (size_t j = 0; j < p->d; j++) {
    eta += beta[j + 1] * (p->x[p->n * j + row] - p->centre[j]) * p->scale[j];
  }
  return eta;
}

/* Normal features, odd columns in the second of two groups; a hazard that depends on
 * the first two columns; 1 to `draws` draws. The first row has both kinds of draws. */
static inline glm_problem new_glm_problem(size_t n, size_t d, int draws, uint64_t seed) {
  glm_problem p = {.n = n, .d = d, .start = {0.7, 3.0}, .shape = {INFINITY, INFINITY}};
  check_random random = {seed};
  p.x = new_numbers(n * d);
  p.centre = new_numbers(d);
  p.scale = new_numbers(d);
  p.unsafe = new_numbers(n);
  p.draws = new_numbers(n);
  p.weight = new_numbers(d);
  p.group = malloc((d + 1) * sizeof(int));
  for (size_t j = 0; j < d; j++) {
    p.centre[j] = check_normal(&random);
    p.scale[j] = 0.5 + check_uniform(&random);
    p.weight[j] = 0.5 + check_uniform(&random);
    p.group[j] = (int)(j % 2);
  }
  for (size_t i = 0; i < n * d; i++) {
    p.x[i] = check_normal(&random);
  }
  for (size_t i = 0; i < n; i++) {
    const double eta =
        -1.5 + (d > 0 ? 0.8 * p.x[i] : 0.0) - (d > 1 ? 0.4 * p.x[n + i] : 0.0);
    p.draws[i] = 2.0 + floor(check_uniform(&random) * draws);
    for (int k = 0; k < (int)p.draws[i]; k++) {
      p.unsafe[i] += check_uniform(&random) < glm_hazard(eta);
    }
  }
  p.unsafe[0] = 1.0;
  p.fit.beta = new_numbers(d + 1);
  p.fit.covariance = new_numbers((d + 1) * (d + 1));
  p.model = (tt_glm_model){
      .n_groups = 2, .dispersion = 1.0, .tolerance = 1e-13, .max_iterations = 100};
  return p;
}

static inline void free_glm_problem(glm_problem *p) {
  double *owned[] = {p->x,     p->centre, p->scale,    p->unsafe,
                     p->draws, p->weight, p->fit.beta, p->fit.covariance};
  for (size_t i = 0; i < sizeof(owned) / sizeof(owned[0]); i++) {
    free(owned[i]);
  }
  free(p->group);
}

static inline tt_status fit_glm_with(glm_problem *p, const tt_linalg *linalg,
                                     const tt_poll *poll) {
  p->model.n = p->n;
  p->model.d = p->d;
  p->model.x = p->x;
  p->model.centre = p->centre;
  p->model.scale = p->scale;
  p->model.unsafe = p->unsafe;
  p->model.draws = p->draws;
  p->model.group = p->group;
  p->model.weight = p->weight;
  p->model.shape = p->shape;
  memcpy(p->lambda, p->start, sizeof(p->lambda));
  p->fit.lambda = p->lambda;
  p->fit.edf = p->edf;
  p->error = untouched;
  size_t bytes = 0;
  if (tt_glm_scratch(p->d, &bytes) != TT_OK) {
    abort();
  }
  void *scratch = new_garbage(bytes);
  const tt_status status =
      tt_glm_fit(&p->model, &p->fit, linalg, scratch, poll, &p->error);
  free(scratch);
  return status;
}

static inline tt_status fit_glm(glm_problem *p) {
  return fit_glm_with(p, &plain_linalg, NULL);
}

static inline double glm_penalty(const glm_problem *p, size_t j) {
  return p->group[j] < 0 ? 0.0 : p->fit.lambda[p->group[j]] * p->weight[j];
}

/* The penalised log-likelihood. */
static inline double glm_objective(const glm_problem *p, const double *beta) {
  double sum = 0.0;
  for (size_t i = 0; i < p->n; i++) {
    const double eta = glm_eta(p, beta, i);
    sum += p->unsafe[i] * log(glm_hazard(eta)) - (p->draws[i] - p->unsafe[i]) * exp(eta);
  }
  for (size_t j = 0; j < p->d; j++) {
    sum -= glm_penalty(p, j) * beta[j + 1] * beta[j + 1] / 2.0;
  }
  return sum;
}

/* Fisher information plus penalty at the fit, all (d + 1)^2 entries, column-major. */
static inline double *glm_information(const glm_problem *p, int penalised) {
  const size_t size = p->d + 1;
  double *sum = new_numbers(size * size), *row = new_numbers(size);
  for (size_t i = 0; i < p->n; i++) {
    const double h = exp(glm_eta(p, p->fit.beta, i)), prob = -expm1(-h);
    row[0] = 1.0;
    for (size_t j = 0; j < p->d; j++) {
      row[j + 1] = (p->x[p->n * j + i] - p->centre[j]) * p->scale[j];
    }
    for (size_t k = 0; k < size * size; k++) {
      sum[k] += p->draws[i] * h * h * exp(-h) / prob * row[k / size] * row[k % size];
    }
  }
  for (size_t j = 0; j < p->d && penalised; j++) {
    sum[(j + 1) * (size + 1)] += glm_penalty(p, j);
  }
  free(row);
  return sum;
}

#endif
