/* The hazard of a draw as a penalised generalised linear model with complementary
 * log-log link, the discrete-time proportional-hazards model:
 *
 *   p_i = 1 - exp(-exp(eta_i)),   eta_i = b_0 + sum_j b_j (x_ij - centre_j) scale_j,
 *
 * fitted to counts by maximising
 *
 *   sum_i unsafe_i log p_i + (draws_i - unsafe_i) log(1 - p_i)
 *     - (1/2) sum_j lambda[group_j] weight_j b_j^2
 *
 * with Fisher scoring. The penalties lambda are given, or estimated so that the
 * marginal likelihood is stationary in them (derivation: methods vignette, "The
 * generalised linear model"). */
#ifndef TT_HAZARD_GLM_H
#define TT_HAZARD_GLM_H

#include "linalg.h"
#include "penalty.h"
#include "status.h"

typedef struct {
  size_t n;        /* rows, >= 1 */
  size_t d;        /* columns of x, may be 0; the intercept is added here, unpenalised */
  const double *x; /* n x d, column-major, finite */
  const double *centre;      /* d */
  const double *scale;       /* d */
  const double *unsafe;      /* n, 0 <= unsafe <= draws */
  const double *draws;       /* n, > 0, finite */
  const double *seen_unsafe; /* n: the counts that dispersion is estimated from, where */
  const double *seen_draws;  /* n: prior events were added to others; or both null */
  const int *group;          /* d: index of the penalty, or TT_UNPENALISED */
  const double *weight;      /* d: relative size of the penalty, > 0 */
  const double *shape;       /* n_groups: see penalty.h; given penalties are shared */
  size_t n_groups;
  int estimate;      /* not 0: estimate lambda, which then holds starting values */
  double dispersion; /* variance over binomial variance, > 0; NAN: estimate, >= 1 */
  double tolerance;  /* change of the likelihood, relative to the deviance, that ends the
                      * fit; with  estimated penalties a change of 0.01 does */
  size_t max_iterations;
} tt_glm_model;

typedef struct {
  double *beta;       /* d + 1, intercept first: coefficients of scaled columns */
  double *lambda;     /* n_groups: the penalty, or the mean of each column's own */
  double *edf;        /* n_groups: effective degrees of freedom of each group */
  double *covariance; /* (d + 1)^2: dispersion * (information + penalty)^-1 */
  double deviance;
  double dispersion;
  size_t iterations;
  int converged;
  int ridged; /* 1: the information was singular, and a tiny ridge was added */
} tt_glm_fit_result;

/* Bytes of scratch that tt_glm_fit needs, aligned as malloc aligns; it need not be
 * cleared. TT_EOVERFLOW when that does not fit. */
tt_status tt_glm_scratch(size_t d, size_t *bytes);

/* Fits. Starts from the overall rate; at least one draw must be unsafe and one safe.
 * A fit that runs out of iterations is returned with converged = 0. */
tt_status tt_glm_fit(const tt_glm_model *model, tt_glm_fit_result *fit,
                     const tt_linalg *linalg, void *scratch, const tt_poll *poll,
                     tt_error *error);

/* prob[i] = p_i for n rows. */
tt_status tt_glm_predict(size_t n, size_t d, const double *x, const double *centre,
                         const double *scale, const double *beta, double *prob,
                         const tt_poll *poll);

#endif
