#include "hazard-likelihood.h"

#include "numeric.h"

#include <math.h>

static double one_row(double unsafe, double safe, double prob) {
  double sum = unsafe > 0.0 ? unsafe * log(prob) : 0.0;
  return safe > 0.0 ? sum + safe * log1p(-prob) : sum;
}

void tt_binomial_likelihood(size_t n, const double *unsafe, const double *draws,
                            const double *prob, double *likelihood, double *saturated) {
  tt_sum given = {0.0, 0.0};
  tt_sum best = {0.0, 0.0};
  for (size_t i = 0; i < n; i++) {
    double safe = draws[i] - unsafe[i];
    tt_sum_add(&given, one_row(unsafe[i], safe, prob[i]));
    if (unsafe[i] > 0.0 && safe > 0.0) {
      tt_sum_add(&best, one_row(unsafe[i], safe, unsafe[i] / draws[i]));
    }
  }
  *likelihood = tt_sum_value(&given);
  *saturated = tt_sum_value(&best);
}
