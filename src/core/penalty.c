#include "penalty.h"

#include "numeric.h"

#include <math.h>
#include <string.h>

/* In units of the dispersion. With the least one a standardised column changes log
 * hazards by 10 or so a priori: where features separate the prompts, less would let
 * coefficients grow until no prompt carries information, and the fit break down. */
#define LEAST_PENALTY 1e-2
#define MOST_PENALTY 1e12
#define FINITE_PENALTY 1e200

/* An extrapolated step is at most this many times as long as a plain one, and changes
 * no penalty by more than exp(MOST_LOG_STEP). */
#define MOST_STRETCH 8.0
#define MOST_LOG_STEP 4.0

static double most_penalty(double dispersion) {
  return fmin(MOST_PENALTY * dispersion, FINITE_PENALTY);
}

static double clamp_penalty(double lambda, double dispersion) {
  return fmin(fmax(lambda, LEAST_PENALTY * dispersion), most_penalty(dispersion));
}

void tt_penalty_start(tt_penalty *p, double least) {
  for (size_t g = 0; g < p->n_groups; g++) {
    p->lambda[g] = least > 0.0 ? fmax(p->lambda[g], least) : p->lambda[g];
    p->edf[g] = 0.0;
  }
  for (size_t j = 0; j < p->d; j++) {
    int g = p->group[j];
    p->column[j] = g < 0 ? 0.0 : p->lambda[g] * p->weight[j];
  }
  p->phase = 0;
}

double tt_penalty_value(const tt_penalty *p, const double *beta) {
  tt_sum sum = {0.0, 0.0};
  for (size_t j = 0; j < p->d; j++) {
    tt_sum_add(&sum, p->column[j] * beta[j + 1] * beta[j + 1]);
  }
  return tt_sum_value(&sum);
}

/* The share of a degree of freedom that the penalty takes from column j. */
static double lost_share(const tt_penalty *p, const double *inverse, size_t j) {
  double lost = p->column[j] * inverse[(j + 1) * (p->d + 2)];
  return fmin(fmax(lost, 0.0), 1.0);
}

double tt_penalty_edf(tt_penalty *p, const double *inverse) {
  double total = 1.0;
  for (size_t g = 0; g < p->n_groups; g++) {
    p->edf[g] = 0.0;
  }
  for (size_t j = 0; j < p->d; j++) {
    double edf = 1.0 - lost_share(p, inverse, j);
    total += edf;
    if (p->group[j] >= 0) {
      p->edf[p->group[j]] += edf;
    }
  }
  return total;
}

/* What a column will have once its penalty is `ratio` times as large: a column whose
 * share of a degree of freedom is h has h / (h + r (1 - h)) then (exactly, where
 * columns are orthogonal). */
static double share_to_come(double lost, double ratio) {
  double share = 1.0 - lost;
  return share > 0.0 ? share / (share + ratio * lost) : 0.0;
}

/* With the quadratic approximation of the log-likelihood the marginal likelihood is
 * stationary where
 *   lambda_g = dispersion * edf_g / sum_j weight_j b_j^2,
 *   edf_g = sum_j (1 - lambda_g weight_j (H^-1)_jj). */
static double update_shared(tt_penalty *p, int g, const double *beta,
                            const double *inverse, double dispersion) {
  double size = 0.0;
  double change = 0.0;
  for (size_t j = 0; j < p->d; j++) {
    size += p->group[j] == g ? p->weight[j] * beta[j + 1] * beta[j + 1] : 0.0;
  }
  double lambda = clamp_penalty(dispersion * p->edf[g] / fmax(size, 1e-300), dispersion);
  for (size_t j = 0; j < p->d; j++) {
    if (p->group[j] == g) {
      double lost = lost_share(p, inverse, j);
      change += share_to_come(lost, lambda / p->lambda[g]) - (1.0 - lost);
      p->column[j] = lambda * p->weight[j];
    }
  }
  p->lambda[g] = lambda;
  return change;
}

/* Of column j in units of the dispersion: what its own penalty multiplies. */
static double effect_size(const tt_penalty *p, size_t j, const double *beta,
                          double dispersion) {
  return p->weight[j] * beta[j + 1] * beta[j + 1] / dispersion;
}

/* With a gamma prior of shape a and mean m on each column's own penalty, and s_j its
 * effect size,
 *   lambda_j = (edf_j + 2 a) / (s_j + 2 a / m),
 * the mode in log(lambda_j). m is the mean of the lambda_j, thus the root of
 *   sum_j (edf_j + 2 a) / (s_j m + 2 a) = number of columns,
 * whose left side falls in m from above the right one. */
static double group_mean(const tt_penalty *p, int g, const double *beta,
                         const double *inverse, double dispersion) {
  double twice = 2.0 * p->shape[g];
  double low = log(LEAST_PENALTY * dispersion);
  double high = log(most_penalty(dispersion));
  while (high - low > 1e-10) {
    double middle = (low + high) / 2.0;
    double mean = exp(middle);
    double excess = 0.0;
    for (size_t j = 0; j < p->d; j++) {
      if (p->group[j] == g) {
        double edf = 1.0 - lost_share(p, inverse, j);
        double size = effect_size(p, j, beta, dispersion);
        excess += (edf + twice) / (size * mean + twice) - 1.0;
      }
    }
    if (excess > 0.0) {
      low = middle;
    } else {
      high = middle;
    }
  }
  return exp((low + high) / 2.0);
}

static double update_own(tt_penalty *p, int g, const double *beta, const double *inverse,
                         double dispersion) {
  double twice = 2.0 * p->shape[g];
  /* Half the step, in logarithms: with a smaller mean come more degrees of freedom,
   * which ask for a larger one, and whole steps can alternate for ever. */
  double mean = sqrt(p->lambda[g]) * sqrt(group_mean(p, g, beta, inverse, dispersion));
  double change = 0.0;
  for (size_t j = 0; j < p->d; j++) {
    if (p->group[j] == g) {
      double lost = lost_share(p, inverse, j);
      double size = effect_size(p, j, beta, dispersion);
      double lambda =
          clamp_penalty((1.0 - lost + twice) / (size + twice / mean), dispersion);
      double ratio = lambda * p->weight[j] / p->column[j];
      change += share_to_come(lost, ratio) - (1.0 - lost);
      p->column[j] = lambda * p->weight[j];
    }
  }
  p->lambda[g] = mean;
  return change;
}

static double plain_step(tt_penalty *p, const double *beta, const double *inverse,
                         double dispersion) {
  double largest = 0.0;
  for (size_t g = 0; g < p->n_groups; g++) {
    double change = 0.0;
    if (p->edf[g] > 0.0) {
      change = isinf(p->shape[g]) ? update_shared(p, (int)g, beta, inverse, dispersion)
                                  : update_own(p, (int)g, beta, inverse, dispersion);
    }
    largest = fmax(largest, fabs(change) / (1.0 + p->edf[g] / 20.0));
  }
  return largest;
}

/* ---- Extrapolation ------------------------------------------------------------------
 */

/* After moves, columns and lambdas agree again. */
static void collect_lambda(tt_penalty *p) {
  for (size_t g = 0; g < p->n_groups; g++) {
    double sum = 0.0;
    double count = 0.0;
    for (size_t j = 0; j < p->d; j++) {
      if (p->group[j] == (int)g) {
        sum += p->column[j] / p->weight[j];
        count += 1.0;
      }
    }
    p->lambda[g] = count > 0.0 ? sum / count : p->lambda[g];
  }
}

/* How far to go on: the ratio of the first move to the change between the two, both
 * measured by what they do to degrees of freedom. */
static double stretch(const tt_penalty *p, const double *inverse) {
  const double *first = p->trail;
  const double *second = p->trail + p->d;
  double moved = 0.0;
  double bent = 0.0;
  for (size_t j = 0; j < p->d; j++) {
    if (p->group[j] >= 0) {
      double lost = lost_share(p, inverse, j);
      double matters = lost * (1.0 - lost);
      double r = second[j] - first[j];
      double v = log(p->column[j]) - second[j] - r;
      moved += matters * r * r;
      bent += matters * v * v;
    }
  }
  double alpha = sqrt(moved / fmax(bent, 1e-300));
  return fmin(fmax(alpha, 1.0), MOST_STRETCH);
}

/* Fixed-point steps close in slowly, by a factor that is nearly constant. From two of
 * them, theta0 -> theta1 -> theta2 with r = theta1 - theta0 and v = theta2 - theta1 - r,
 * the squared extrapolation is theta0 + 2 a r + a^2 v; a = 1 is theta2 itself. */
static void extrapolate(tt_penalty *p, const double *inverse, double dispersion) {
  double alpha = stretch(p, inverse);
  for (size_t j = 0; j < p->d; j++) {
    if (p->group[j] >= 0) {
      double start = p->trail[j];
      double last = log(p->column[j]);
      double r = p->trail[p->d + j] - start;
      double v = last - p->trail[p->d + j] - r;
      double move = start + 2.0 * alpha * r + alpha * alpha * v - last;
      move = fmin(fmax(move, -MOST_LOG_STEP), MOST_LOG_STEP);
      p->column[j] =
          clamp_penalty(exp(last + move) / p->weight[j], dispersion) * p->weight[j];
    }
  }
  collect_lambda(p);
}

static void remember(tt_penalty *p, double *trail) {
  for (size_t j = 0; j < p->d; j++) {
    trail[j] = p->group[j] < 0 ? 0.0 : log(p->column[j]);
  }
}

double tt_penalty_update(tt_penalty *p, const double *beta, const double *inverse,
                         double dispersion) {
  if (p->phase < 2) {
    remember(p, p->trail + (size_t)p->phase * p->d);
  }
  tt_penalty_edf(p, inverse);
  double change = plain_step(p, beta, inverse, dispersion);
  if (p->phase == 1) {
    /* Two steps are complete: theta0, theta1 in the trail, theta2 in `column`. */
    extrapolate(p, inverse, dispersion);
  }
  p->phase = (p->phase + 1) % 3;
  return change;
}
