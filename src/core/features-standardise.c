#include "features-standardise.h"

#include "numeric.h"

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

static double inverse_deviation(size_t n, const double *x, double centre) {
  double largest = 0.0;
  for (size_t i = 0; i < n; i++) {
    double deviation = fabs(x[i] - centre);
    largest = deviation > largest ? deviation : largest;
  }
  if (largest <= 1e-300 || largest <= 1e-12 * fabs(centre)) {
    return 0.0;
  }
  tt_sum sum = {0.0, 0.0};
  for (size_t i = 0; i < n; i++) {
    double ratio = (x[i] - centre) / largest;
    tt_sum_add(&sum, ratio * ratio);
  }
  return sqrt((double)n / tt_sum_value(&sum)) / largest;
}

void tt_standardise(size_t n, size_t d, const double *x, double *centre, double *scale) {
  for (size_t j = 0; j < d; j++) {
    centre[j] = mean_of(n, x + n * j);
    scale[j] = inverse_deviation(n, x + n * j, centre[j]);
  }
}
