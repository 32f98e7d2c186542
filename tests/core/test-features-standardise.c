#include "features-standardise.h"

#include "contract.h"

#include <float.h>

enum { MOST = 500 };

typedef struct {
  double centre;
  double scale;
} moments;

static moments of(size_t n, const double *x) {
  moments m = {NAN, NAN};
  tt_error error = untouched;
  if (tt_standardise(n, 1, x, &m.centre, &m.scale, &error) != TT_OK ||
      !is_untouched(error)) {
    m.centre = m.scale = NAN;
  }
  return m;
}

static void test_by_hand(void) {
  const double two[] = {1.0, 3.0}, four[] = {2.0, 4.0, 4.0, 6.0};
  moments m = of(2, two);
  check_that(m.centre == 2.0 && m.scale == 1.0, "1 and 3: mean 2, deviation 1");
  m = of(4, four);
  check_near(m.centre, 4.0, 0.0, "2, 4, 4, 6: mean 4");
  check_near(m.scale, 1.0 / sqrt(2.0), 2e-16, "and deviation sqrt(2), divisor n");
  const double indicator[] = {0.0, 0.0, 0.0, 1.0};
  m = of(4, indicator);
  check_near(m.centre, 0.25, 0.0, "an indicator: its share");
  check_near(m.scale, 4.0 / sqrt(3.0), 1e-15, "and sqrt(share (1 - share))");
  const double negative[] = {-3.0, -1.0};
  m = of(2, negative);
  check_that(m.centre == -2.0 && m.scale == 1.0, "the sign of a column does not matter");
}

static void test_columns(void) {
  const double x[] = {1.0, 3.0, 7.0, 7.0, 0.0, 10.0};
  double centre[3], scale[3];
  check_that(tt_standardise(2, 3, x, centre, scale, NULL) == TT_OK && centre[0] == 2.0 &&
                 centre[1] == 7.0 && centre[2] == 5.0 && scale[0] == 1.0 &&
                 scale[1] == 0.0 && scale[2] == 0.2,
             "each column by itself");
  check_that(tt_standardise(2, 0, NULL, NULL, NULL, NULL) == TT_OK &&
                 tt_standardise(0, 0, NULL, NULL, NULL, NULL) == TT_OK,
             "no columns");
}

static void test_constant(void) {
  double x[MOST];
  const double values[] = {0.0, 5.0, -1e300, 1e-300, DBL_MAX, 0.1, 1.0 / 3.0};
  int right = 1, near = 1;
  for (size_t k = 0; k < 7; k++) {
    for (size_t n = 1; n <= MOST; n = n * 3 + 1) {
      for (size_t i = 0; i < n; i++) {
        x[i] = values[k];
      }
      const moments m = of(n, x);
      right = right && m.scale == 0.0;
      near = near && fabs(m.centre / 2.0 - values[k] / 2.0) <= 1e-15 * fabs(values[k]);
    }
  }
  check_that(right, "a constant column has scale 0, one row included");
  check_that(near, "and its mean is its value");
  for (size_t i = 0; i < 10; i++) {
    x[i] = 1e6 * (1.0 + (i % 2 ? 4e-13 : -4e-13));
  }
  check_that(of(10, x).scale == 0.0, "constant but for rounding");
  for (size_t i = 0; i < 10; i++) {
    x[i] = 1e6 * (1.0 + (i % 2 ? 4e-12 : -4e-12));
  }
  check_near(of(10, x).scale * 4e-6, 1.0, 1e-4, "not constant any more");
}

/* In long double, in two passes. Under valgrind that is no wider than double. */
static int agrees(size_t n, const double *x) {
  long double mean = 0.0L, squares = 0.0L, size = 0.0L;
  for (size_t i = 0; i < n; i++) {
    mean += (long double)x[i] / (long double)n;
    size += fabsl((long double)x[i]) / (long double)n;
  }
  for (size_t i = 0; i < n; i++) {
    const long double off = x[i] - mean;
    squares += off * off;
  }
  const double want = (double)sqrtl((long double)n / squares);
  const moments m = of(n, x);
  return fabs(m.centre - (double)mean) <= 1e-13 * (double)size &&
         fabs(m.scale - want) <= 1e-12 * want;
}

static void test_against_long_double(void) {
  check_random random = {3};
  double x[MOST];
  int right = 1;
  for (int k = 0; k < 500; k++) {
    const size_t n = 2 + (size_t)(check_uniform(&random) * (MOST - 2));
    const double size = exp(5.0 * check_normal(&random));
    const double shift = k % 2 ? 10.0 * size * check_normal(&random) : 0.0;
    for (size_t i = 0; i < n; i++) {
      x[i] = shift + size * check_normal(&random);
    }
    right = right && agrees(n, x);
  }
  check_that(right, "random columns, as in long double");
}

/* A column is standardised alike in any unit. */
static void test_sizes(void) {
  check_random random = {4};
  double x[MOST], scaled[MOST];
  for (size_t i = 0; i < MOST; i++) {
    x[i] = check_uniform(&random) - 0.5;
  }
  const moments plain = of(MOST, x);
  const int powers[] = {-900, -500, -100, 100, 500, 1000};
  int right = 1;
  for (size_t k = 0; k < 6; k++) {
    for (size_t i = 0; i < MOST; i++) {
      scaled[i] = ldexp(x[i], powers[k]);
    }
    const moments m = of(MOST, scaled);
    right = right && fabs(ldexp(m.centre, -powers[k]) - plain.centre) <= 1e-15 &&
            fabs(ldexp(m.scale, powers[k]) / plain.scale - 1.0) <= 1e-14;
  }
  check_that(right, "units from 2^-900 to 2^1000");
  const double ends[] = {DBL_MAX, DBL_MAX, -DBL_MAX, DBL_MAX};
  moments m = of(4, ends);
  check_near(m.centre / DBL_MAX, 0.5, 1e-15, "the largest doubles: the mean");
  check_near(m.scale * DBL_MAX, 2.0 / sqrt(3.0), 1e-7,
             "and deviations that are larger than any double");
  const double tiny[] = {1e-310, 3e-310, 2e-310};
  check_that(of(3, tiny).scale == 0.0, "deviations below 1e-300 are none");
  const double one_far[] = {0.0, 0.0, 0.0, 1e200};
  check_near(of(4, one_far).scale * 1e200, 4.0 / sqrt(3.0), 1e-14,
             "squares beyond 1e308");
}

static void test_refusals(void) {
  const double bad[] = {NAN, INFINITY, -INFINITY};
  for (size_t k = 0; k < 3; k++) {
    double x[6] = {1.0, 2.0, 3.0, 4.0, 5.0, 6.0}, centre[2], scale[2];
    x[4] = bad[k];
    tt_error error = untouched;
    check_refused(tt_standardise(3, 2, x, centre, scale, &error), TT_EINVAL, error, "x",
                  4, bad[k], "what is not finite");
    check_that(tt_standardise(3, 2, x, centre, scale, NULL) == TT_EINVAL,
               "... told or not");
  }
  const double both[] = {INFINITY, -INFINITY};
  double centre, scale;
  tt_error error = untouched;
  check_refused(tt_standardise(2, 1, both, &centre, &scale, &error), TT_EINVAL, error,
                "x", 0, INFINITY, "infinities of both signs");
  error = untouched;
  check_refused(tt_standardise(0, 1, NULL, &centre, &scale, &error), TT_EINVAL, error,
                "x", 0, 0.0, "a column without rows");
}

int main(void) {
  test_by_hand();
  test_columns();
  test_constant();
  test_against_long_double();
  test_sizes();
  test_refusals();
  return check_report();
}
