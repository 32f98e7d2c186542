#include "features-standardise.h"

#include "numeric.h"

#include <float.h>
#include <math.h>

static double mean_of(size_t n, const double *x) {
  /* Divided first: a sum of huge values must not overflow. */
  double per_row = 1.0 / (double)n;
  tt_sum sum = {0.0, 0.0};
  for (size_t i = 0; i < n; i++) {
    tt_sum_add(&sum, x[i] * per_row);
  }
  return tt_sum_value(&sum);
}

/* x - centre, halved where it would be infinite otherwise. */
static double deviation(double x, double centre, double part) {
  return part * x - part * centre;
}

static double largest_deviation(size_t n, const double *x, double centre, double part) {
  double largest = 0.0;
  for (size_t i = 0; i < n; i++) {
    double size = fabs(deviation(x[i], centre, part));
    largest = size > largest ? size : largest;
  }
  return largest;
}

static double inverse_deviation(size_t n, const double *x, double centre) {
  double part = 1.0;
  double largest = largest_deviation(n, x, centre, part);
  if (largest == INFINITY) {
    part = 0.5;
    largest = largest_deviation(n, x, centre, part);
  }
  if (largest <= 1e-300 || largest <= 1e-12 * fabs(centre)) {
    return 0.0;
  }
  tt_sum sum = {0.0, 0.0};
  for (size_t i = 0; i < n; i++) {
    double ratio = deviation(x[i], centre, part) / largest;
    tt_sum_add(&sum, ratio * ratio);
  }
  return part * sqrt((double)n / tt_sum_value(&sum)) / largest;
}

static tt_status find_not_finite(size_t n, const double *x, size_t offset,
                                 tt_error *error) {
  for (size_t i = 0; i < n; i++) {
    if (!isfinite(x[i])) {
      return tt_fail(error, TT_EINVAL, "x", offset + i, x[i]);
    }
  }
  return TT_OK;
}

tt_status tt_standardise(size_t n, size_t d, const double *x, double *centre,
                         double *scale, tt_error *error) {
  if (n == 0 && d > 0) {
    return tt_fail(error, TT_EINVAL, "x", 0, 0.0);
  }
  for (size_t j = 0; j < d; j++) {
    const double *column = x + n * j;
    centre[j] = mean_of(n, column);
    if (!isfinite(centre[j])) {
      tt_status status = find_not_finite(n, column, n * j, error);
      if (status != TT_OK) {
        return status;
      }
      centre[j] = copysign(DBL_MAX, centre[j]); /* but for rounding */
    }
    scale[j] = inverse_deviation(n, column, centre[j]);
  }
  return TT_OK;
}
