#include "glm-problem.h"

/* ---- Optima ---------------------------------------------------------------------------
 */

/* The largest slope of the penalised log-likelihood along a coefficient, in standard
 * deviations of that slope. */
static double steepest(const glm_problem *p) {
  double worst = 0.0;
  double *beta = new_numbers(p->d + 1), *information = glm_information(p, 1);
  memcpy(beta, p->fit.beta, (p->d + 1) * sizeof(double));
  for (size_t j = 0; j <= p->d; j++) {
    const double h = 1e-4, kept = beta[j];
    beta[j] = kept + h;
    const double above = glm_objective(p, beta);
    beta[j] = kept - h;
    const double below = glm_objective(p, beta);
    beta[j] = kept;
    const double slope = (above - below) / (2.0 * h);
    worst = fmax(worst, fabs(slope) / sqrt(information[j * (p->d + 2)]));
  }
  free(beta);
  free(information);
  return worst;
}

static int is_optimal(glm_problem *p) {
  const int right = fit_glm(p) == TT_OK && p->fit.converged && !p->fit.ridged &&
                    is_untouched(p->error) && steepest(p) < 1e-5;
  if (!right) {
    printf("#   n %zu, d %zu: slope %g, %zu iterations\n", p->n, p->d, steepest(p),
           p->fit.iterations);
  }
  return right;
}

static void test_optima(void) {
  int around_blocks = 1, larger = 1, unpenalised = 1;
  for (size_t n = 1; n <= 130; n++) {
    glm_problem p = new_glm_problem(n, n % 6, 5, n);
    around_blocks = around_blocks && is_optimal(&p);
    free_glm_problem(&p);
  }
  check_that(around_blocks, "1 to 130 rows: the slope of the likelihood is zero");
  for (size_t d = 0; d <= 14; d++) {
    glm_problem p = new_glm_problem(500, d, 20, 1000 + d);
    larger = larger && is_optimal(&p);
    for (size_t j = 0; j < d; j++) {
      p.group[j] = j % 3 == 0 ? TT_UNPENALISED : 1;
    }
    unpenalised = unpenalised && is_optimal(&p);
    free_glm_problem(&p);
  }
  check_that(larger, "0 to 14 columns: the same");
  check_that(unpenalised, "some columns without a penalty: the same");
}

/* Without columns every row has the overall rate, 6 of 20. */
static void test_intercept(void) {
  glm_problem p = new_glm_problem(3, 0, 1, 1);
  const double unsafe[] = {1.0, 5.0, 0.0}, draws[] = {4.0, 6.0, 10.0};
  memcpy(p.unsafe, unsafe, sizeof(unsafe));
  memcpy(p.draws, draws, sizeof(draws));
  p.model.dispersion = 2.5;
  check_that(fit_glm(&p) == TT_OK && p.fit.converged, "no columns");
  check_near(p.fit.beta[0], log(-log(0.7)), 1e-12, "the intercept is the overall rate");
  const double h = -log(0.7);
  check_near(p.fit.covariance[0], 2.5 * 0.3 / (20.0 * h * h * 0.7), 1e-12,
             "and its variance that of a proportion");
  check_near(p.fit.deviance,
             2.0 * (log(0.25 / 0.3) + 3.0 * log(0.75 / 0.7) + 5.0 * log(5.0 / 1.8) +
                    log(1.0 / 4.2) + 10.0 * log(1.0 / 0.7)),
             1e-12, "the deviance by hand");
  check_that(p.fit.dispersion == 2.5, "a dispersion that is given is kept");
  free_glm_problem(&p);
}

/* ---- What comes with the coefficients
 * --------------------------------------------------- */

static void test_covariance(void) {
  glm_problem p = new_glm_problem(100, 5, 6, 2);
  p.model.dispersion = 1.75;
  fit_glm(&p);
  const size_t size = p.d + 1;
  double *information = glm_information(&p, 1), worst = 0.0, edf[2] = {0.0, 0.0};
  for (size_t i = 0; i < size; i++) {
    for (size_t j = 0; j < size; j++) {
      double sum = 0.0;
      for (size_t k = 0; k < size; k++) {
        sum += information[i * size + k] * p.fit.covariance[k * size + j];
      }
      worst = fmax(worst, fabs(sum - (i == j ? 1.75 : 0.0)));
      worst = fmax(worst,
                   fabs(p.fit.covariance[i * size + j] - p.fit.covariance[j * size + i]));
    }
  }
  check_near(worst, 0.0, 1e-9, "covariance x (information + penalty) = dispersion");
  /* Effective degrees of freedom: the diagonal of covariance x information. */
  double *bare = glm_information(&p, 0);
  for (size_t j = 1; j < size; j++) {
    for (size_t k = 0; k < size; k++) {
      edf[p.group[j - 1]] += p.fit.covariance[k * size + j] * bare[k * size + j] / 1.75;
    }
  }
  check_near(p.edf[0], edf[0], 1e-9, "effective degrees of freedom of the first group");
  check_near(p.edf[1], edf[1], 1e-9, "and of the second");
  free(information);
  free(bare);
  p.start[0] = 0.0;
  p.start[1] = 1e9;
  fit_glm(&p);
  check_near(p.edf[0], 3.0, 1e-9, "columns without penalty count in full");
  check_near(p.edf[1], 0.0, 1e-5, "and hardly under a heavy one");
  check_near(p.fit.beta[2], 0.0, 1e-6, "which keeps them near zero");
  check_that(p.lambda[0] == 0.0 && p.lambda[1] == 1e9, "given penalties are kept");
  free_glm_problem(&p);
}

/* Counts of random draws in a model that is right, every draw counted `copies` times:
 * the dispersion is `copies`. The mean over 20 samples with 21 coefficients each. */
static double mean_dispersion(double copies) {
  double sum = 0.0;
  for (uint64_t seed = 0; seed < 20; seed++) {
    glm_problem p = new_glm_problem(80, 20, 30, 300 + seed);
    for (size_t i = 0; i < p.n; i++) {
      p.unsafe[i] *= copies;
      p.draws[i] *= copies;
    }
    for (size_t j = 0; j < p.d; j++) {
      p.group[j] = TT_UNPENALISED;
    }
    p.model.dispersion = NAN;
    fit_glm(&p);
    sum += p.fit.dispersion / 20.0;
    free_glm_problem(&p);
  }
  return sum;
}

static void test_dispersion(void) {
  const double five = mean_dispersion(5.0);
  check_near(five, 5.0, 0.6, "draws counted five times have dispersion 5");
  check_near(mean_dispersion(10.0) / five, 2.0, 1e-6, "and ten times twice that");
  glm_problem p = new_glm_problem(50, 1, 10, 3);
  p.model.dispersion = NAN;
  for (size_t i = 0; i < p.n; i++) {
    p.draws[i] = 10.0;
    p.unsafe[i] = 3.0;
  }
  fit_glm(&p);
  check_that(p.fit.dispersion == 1.0, "counts that vary less have dispersion 1");
  free_glm_problem(&p);
}

/* A prior event spread over the rows is fitted, and left out of the dispersion: that is
 * what the counts seen give at the same hazards. */
static void test_counts_seen(void) {
  glm_problem p = new_glm_problem(200, 2, 10, 7);
  double *seen_unsafe = new_numbers(200), *seen_draws = new_numbers(200);
  for (size_t i = 0; i < 200; i++) {
    /* All draws of a prompt alike: the dispersion is about their number. */
    p.draws[i] = 20.0;
    p.unsafe[i] = p.x[i] + (double)(i % 7) / 2.0 > 2.5 ? 20.0 : 0.0;
    seen_unsafe[i] = p.unsafe[i];
    seen_draws[i] = 20.0;
    p.unsafe[i] += 1.0 / 200.0;
    p.draws[i] += 4.0 / 200.0;
  }
  p.model.seen_unsafe = seen_unsafe;
  p.model.seen_draws = seen_draws;
  p.model.dispersion = NAN;
  check_that(fit_glm(&p) == TT_OK && p.fit.converged, "a fit with a prior event");
  double pearson = 0.0, skew = 0.0;
  for (size_t i = 0; i < 200; i++) {
    const double prob = glm_hazard(glm_eta(&p, p.fit.beta, i));
    const double residual = seen_unsafe[i] / 20.0 - prob;
    pearson += 20.0 * residual * residual / (prob * (1.0 - prob));
    skew += (1.0 - 2.0 * prob) * residual / (prob * (1.0 - prob)) / 200.0;
  }
  const double rest = 200.0 - 1.0 - p.edf[0] - p.edf[1];
  check_near(p.fit.dispersion, pearson / rest / (1.0 + skew), 1e-9,
             "the dispersion is that of the counts seen");
  check_that(p.fit.dispersion > 10.0, "and far from that of single draws");
  free(seen_unsafe);
  free(seen_draws);
  free_glm_problem(&p);
}

/* lambda = dispersion edf / sum of weight b^2; and edf is what that lambda gives. */
static void check_fixed_point(const glm_problem *p) {
  double size[2] = {0.0, 0.0};
  for (size_t j = 0; j < p->d; j++) {
    size[p->group[j]] += p->weight[j] * p->fit.beta[j + 1] * p->fit.beta[j + 1];
  }
  check_near(p->lambda[0] * size[0] / p->fit.dispersion, p->edf[0], 0.02,
             "the penalty of columns that matter is a fixed point");
  check_near(p->lambda[1] * size[1] / p->fit.dispersion, p->edf[1], 0.1,
             "and of those that do not");
  check_that(p->edf[0] > 1.95 && p->edf[1] < 1.0 && p->lambda[1] > 100.0 * p->lambda[0],
             "columns that matter keep their degrees, others lose them");
  check_near(steepest(p), 0.0, 0.02, "the coefficients are optimal for them");
}

static void test_estimated_penalties(void) {
  glm_problem p = new_glm_problem(2000, 12, 6, 4);
  for (size_t j = 0; j < p.d; j++) {
    p.group[j] = j >= 2; /* the hazard depends on the first two */
  }
  p.model.estimate = 1;
  p.model.dispersion = 4.0;
  check_that(fit_glm(&p) == TT_OK && p.fit.converged,
             "penalties are estimated for a dispersion that is given");
  check_fixed_point(&p);
  p.model.dispersion = NAN;
  check_that(fit_glm(&p) == TT_OK && p.fit.converged, "and for an estimated one");
  check_fixed_point(&p);
  const double lambda = p.lambda[0];
  const double starts[][2] = {{100.0, 0.01}, {0.01, 1e6}, {1e-8, 1e-8}};
  for (size_t i = 0; i < 3; i++) {
    memcpy(p.start, starts[i], sizeof(p.start));
    check_that(fit_glm(&p) == TT_OK && fabs(p.lambda[0] / lambda - 1.0) < 0.02 &&
                   p.edf[1] < 1.0 && steepest(&p) < 0.02,
               "wherever the penalties start");
  }
  free_glm_problem(&p);
}

int main(void) {
  test_optima();
  test_intercept();
  test_covariance();
  test_dispersion();
  test_counts_seen();
  test_estimated_penalties();
  return check_report();
}
