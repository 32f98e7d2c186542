#include "glm-problem.h"

#include <limits.h>

/* ---- Difficult data
 * --------------------------------------------------------------------- */

static int is_finite(const glm_problem *p) {
  int finite = isfinite(p->fit.deviance) && isfinite(p->fit.dispersion);
  for (size_t j = 0; j <= p->d; j++) {
    finite =
        finite && isfinite(p->fit.beta[j]) && isfinite(p->fit.covariance[j * (p->d + 2)]);
  }
  return finite;
}

/* All draws unsafe where the column is positive, none where it is not. */
static void test_separable(void) {
  glm_problem p = new_glm_problem(40, 1, 3, 1);
  for (size_t i = 0; i < p.n; i++) {
    p.unsafe[i] = p.x[i] > 0.0 ? p.draws[i] : 0.0;
  }
  check_that(fit_glm(&p) == TT_OK && p.fit.converged && is_finite(&p),
             "separable data with a penalty");
  double right = 0.0;
  for (size_t i = 0; i < p.n; i++) {
    right += (glm_eta(&p, p.fit.beta, i) > log(log(2.0))) == (p.x[i] > 0.0);
  }
  check_that(right >= 36.0, "are told apart");
  p.group[0] = TT_UNPENALISED;
  const tt_status status = fit_glm(&p);
  check_that((status == TT_OK && is_finite(&p) && p.fit.beta[1] * p.scale[0] > 5.0) ||
                 status == TT_ENUMERIC,
             "without one the slope is large, or the fit is refused");
  free_glm_problem(&p);
}

/* The second column repeats the first, the third is constant: none has a penalty. */
static void test_collinear(void) {
  glm_problem p = new_glm_problem(90, 1, 4, 2), q = new_glm_problem(90, 3, 4, 2);
  for (size_t i = 0; i < p.n; i++) {
    q.x[i] = q.x[q.n + i] = p.x[i];
    q.x[2 * q.n + i] = 1.0;
    q.draws[i] = p.draws[i];
    q.unsafe[i] = p.unsafe[i];
  }
  p.group[0] = TT_UNPENALISED;
  for (size_t j = 0; j < 3; j++) {
    q.group[j] = TT_UNPENALISED;
    q.centre[j] = p.centre[0];
    q.scale[j] = p.scale[0];
  }
  check_that(fit_glm(&p) == TT_OK && !p.fit.ridged, "one column needs no ridge");
  check_that(fit_glm(&q) == TT_OK && q.fit.ridged && is_finite(&q),
             "columns that repeat others do");
  double worst = 0.0;
  for (size_t i = 0; i < p.n; i++) {
    worst = fmax(worst, fabs(glm_eta(&p, p.fit.beta, i) - glm_eta(&q, q.fit.beta, i)));
  }
  check_near(worst, 0.0, 1e-4, "and change no prediction");
  free_glm_problem(&p);
  free_glm_problem(&q);
}

static void test_rare_and_large(void) {
  glm_problem p = new_glm_problem(65, 2, 3, 3);
  for (size_t i = 0; i < p.n; i++) {
    p.draws[i] = 1e9;
    p.unsafe[i] = i == 0;
  }
  check_that(fit_glm(&p) == TT_OK && p.fit.converged && is_finite(&p),
             "one event in 65 billion draws");
  p.model.max_iterations = 0;
  check_that(fit_glm(&p) == TT_OK && !p.fit.converged && p.fit.iterations == 0 &&
                 p.fit.beta[1] == 0.0,
             "a fit without iterations is where it started");
  check_near(p.fit.beta[0], log(1.0 / 65e9), 1e-9, "at the overall rate");
  p.model.max_iterations = 1;
  check_that(fit_glm(&p) == TT_OK && !p.fit.converged, "one iteration is not enough");
  free_glm_problem(&p);
}

/* ---- Predictions
 * ------------------------------------------------------------------------- */

static void test_predict(void) {
  glm_problem p = new_glm_problem(200, 4, 3, 4);
  double *prob = new_numbers(p.n);
  const double beta[] = {-8.0, 4.0, -3.0, 2.0, 1.0};
  check_that(tt_glm_predict(p.n, p.d, p.x, p.centre, p.scale, beta, prob, NULL) == TT_OK,
             "hazards are predicted");
  double worst = 0.0, least = 1.0, most = 0.0;
  for (size_t i = 0; i < p.n; i++) {
    const double want = glm_hazard(glm_eta(&p, beta, i));
    worst = fmax(worst, fabs(prob[i] / want - 1.0));
    least = fmin(least, prob[i]);
    most = fmax(most, prob[i]);
  }
  check_near(worst, 0.0, 1e-12, "as 1 - exp(-exp(eta)), with relative accuracy");
  check_that(least < 1e-9 && most > 0.99, "over the whole range");
  const double eta[] = {-600.0, -40.0, -4.7, -4.5, 3.5, 50.0, 1e6}, zero = 0.0, one = 1.0;
  const double unit[] = {0.0, 1.0};
  int right = tt_glm_predict(7, 1, eta, &zero, &one, unit, prob, NULL) == TT_OK;
  for (size_t i = 0; i < 7; i++) {
    right = right && fabs(prob[i] / glm_hazard(eta[i]) - 1.0) < 1e-13;
  }
  check_that(right, "far out in both directions");
  check_that(tt_glm_predict(2, 0, NULL, NULL, NULL, unit, prob, NULL) == TT_OK &&
                 fabs(prob[1] - (1.0 - exp(-1.0))) < 1e-15 &&
                 tt_glm_predict(0, 1, NULL, &zero, &one, unit, NULL, NULL) == TT_OK,
             "no columns, no rows");
  poll_counter counter = {0, 1};
  const tt_poll poll = {count_poll, &counter};
  check_that(tt_glm_predict(p.n, p.d, p.x, p.centre, p.scale, beta, prob, &poll) ==
                 TT_EINTERRUPT,
             "prediction stops when the poll says so");
  free(prob);
  free_glm_problem(&p);
}

/* ---- Refusals
 * ------------------------------------------------------------------------------ */

static void refuses(size_t row, double unsafe, double draws, const char *what,
                    double value, const char *sentence) {
  glm_problem p = new_glm_problem(70, 2, 3, 5);
  p.unsafe[row] = unsafe;
  p.draws[row] = draws;
  const tt_status got = fit_glm(&p);
  check_refused(got, TT_EINVAL, p.error, what, row, value, sentence);
  double scratch[1];
  check_that(tt_glm_fit(&p.model, &p.fit, &plain_linalg, scratch, NULL, NULL) ==
                 TT_EINVAL,
             "... told or not");
  free_glm_problem(&p);
}

static void test_refusals(void) {
  refuses(3, 1.0, 0.0, "draws", 0.0, "no draws");
  refuses(69, 1.0, NAN, "draws", NAN, "draws that are NaN");
  refuses(65, 1.0, INFINITY, "draws", INFINITY, "infinitely many draws");
  refuses(0, 1.0, -1.0, "draws", -1.0, "fewer draws than none");
  refuses(4, 3.5, 3.0, "unsafe", 3.5, "more unsafe draws than draws");
  refuses(69, -1.0, 3.0, "unsafe", -1.0, "a negative count");
  refuses(0, NAN, 3.0, "unsafe", NAN, "a count that is NaN");
  glm_problem p = new_glm_problem(70, 2, 3, 5);
  memset(p.unsafe, 0, p.n * sizeof(double));
  check_refused(fit_glm(&p), TT_EINVAL, p.error, "unsafe", 0, 0.0, "no unsafe draw");
  memcpy(p.unsafe, p.draws, p.n * sizeof(double));
  check_refused(fit_glm(&p), TT_EINVAL, p.error, "unsafe", 0, NAN, "no safe draw");
  free_glm_problem(&p);
}

/* Column 2 of four has a group, a weight, a centre and a scale that a test changes. */
static void column_refuses(int group, double weight, double centre, double scale,
                           const char *what, double value, const char *sentence) {
  glm_problem p = new_glm_problem(70, 4, 3, 5);
  p.group[2] = group;
  p.weight[2] = weight;
  p.centre[2] = centre;
  p.scale[2] = scale;
  check_refused(fit_glm(&p), TT_EINVAL, p.error, what, 2, value, sentence);
  free_glm_problem(&p);
}

static void test_refused_columns(void) {
  column_refuses(2, 1.0, 0.0, 1.0, "group", 2.0, "a group beyond the last");
  column_refuses(INT_MAX, 1.0, 0.0, 1.0, "group", INT_MAX, "far beyond it");
  column_refuses(-2, 1.0, 0.0, 1.0, "group", -2.0, "one that is not even no group");
  column_refuses(INT_MIN, 1.0, 0.0, 1.0, "group", INT_MIN, "an NA of R's");
  column_refuses(1, 0.0, 0.0, 1.0, "weight", 0.0, "no weight");
  column_refuses(1, NAN, 0.0, 1.0, "weight", NAN, "a weight that is NaN");
  column_refuses(1, 1.0, INFINITY, 1.0, "centre", INFINITY, "an infinite centre");
  column_refuses(1, 1.0, 0.0, NAN, "scale", NAN, "a scale that is NaN");
  glm_problem p = new_glm_problem(70, 4, 3, 5);
  p.group[2] = TT_UNPENALISED;
  check_that(fit_glm(&p) == TT_OK, "a column may have no penalty");
  free_glm_problem(&p);
}

static void test_refused_penalties(void) {
  const double bad[] = {-1.0, NAN, INFINITY};
  for (size_t i = 0; i < 3; i++) {
    glm_problem p = new_glm_problem(70, 2, 3, 5);
    p.start[1] = bad[i];
    check_refused(fit_glm(&p), TT_EINVAL, p.error, "lambda", 1, bad[i],
                  "a penalty that is none");
    free_glm_problem(&p);
    p = new_glm_problem(70, 2, 3, 5);
    p.model.dispersion = i == 1 ? 0.0 : bad[i];
    check_refused(fit_glm(&p), TT_EINVAL, p.error, "dispersion", 0, NAN,
                  "a dispersion that is none");
    free_glm_problem(&p);
  }
  glm_problem p = new_glm_problem(70, 2, 3, 5);
  p.shape[0] = NAN;
  check_refused(fit_glm(&p), TT_EINVAL, p.error, "shape", 0, NAN, "a shape that is NaN");
  free_glm_problem(&p);
  p = new_glm_problem(70, 2, 3, 5);
  p.model.tolerance = NAN;
  check_refused(fit_glm(&p), TT_EINVAL, p.error, "tolerance", 0, NAN,
                "a tolerance that is NaN");
  free_glm_problem(&p);
}

/* The counts that dispersion is estimated from. */
static void test_refused_seen(void) {
  glm_problem p = new_glm_problem(70, 2, 3, 5);
  double *seen = new_numbers(p.n);
  memcpy(seen, p.draws, p.n * sizeof(double));
  seen[4] = 0.0;
  p.model.seen_draws = seen;
  check_refused(fit_glm(&p), TT_EINVAL, p.error, "draws", 0, NAN,
                "half of what was seen");
  p.model.seen_unsafe = p.unsafe;
  check_refused(fit_glm(&p), TT_EINVAL, p.error, "draws", 4, 0.0, "no draws seen");
  free(seen);
  free_glm_problem(&p);
}

static int never(size_t d, double *a) {
  (void)d;
  (void)a;
  return 1;
}

static void test_breakdown(void) {
  glm_problem p = new_glm_problem(70, 2, 3, 6);
  const tt_linalg broken = {never, plain_solve, plain_invert};
  check_that(fit_glm_with(&p, &broken, NULL) == TT_ENUMERIC && !is_untouched(p.error),
             "a factorisation that fails is no fit");
  free_glm_problem(&p);
}

/* Stopping at the first poll, the second, ... until there are no more. */
static void test_interrupt(void) {
  for (int estimate = 0; estimate < 2; estimate++) {
    glm_problem p = new_glm_problem(100, 3, 3, 7);
    p.model.estimate = estimate;
    int stop = 0, status = TT_EINTERRUPT;
    for (; status == TT_EINTERRUPT && stop < 10000; stop++) {
      poll_counter counter = {0, stop + 1};
      const tt_poll poll = {count_poll, &counter};
      status = (int)fit_glm_with(&p, &plain_linalg, &poll);
    }
    check_that(status == TT_OK && stop > 4 && is_untouched(p.error),
               "a fit stops at every stage when the poll says so");
    free_glm_problem(&p);
  }
}

static void test_scratch(void) {
  size_t bytes = 0, more = 0;
  check_that(tt_glm_scratch(3, &bytes) == TT_OK && tt_glm_scratch(300, &more) == TT_OK &&
                 more > 300 * 300 * sizeof(double) && bytes < more,
             "more columns need more scratch");
  const size_t many[] = {SIZE_MAX, SIZE_MAX - 1, SIZE_MAX - 4, SIZE_MAX / 2,
                         (size_t)1 << (sizeof(size_t) * 4)};
  int overflow = 1;
  for (size_t i = 0; i < 5; i++) {
    overflow = overflow && tt_glm_scratch(many[i], &bytes) == TT_EOVERFLOW;
  }
  check_that(overflow, "too many columns do not fit");
}

int main(void) {
  test_separable();
  test_collinear();
  test_rare_and_large();
  test_predict();
  test_refusals();
  test_refused_columns();
  test_refused_penalties();
  test_refused_seen();
  test_breakdown();
  test_interrupt();
  test_scratch();
  return check_report();
}
