/* Plain loops for tt_linalg. Entries above the diagonal are never looked at. */
#ifndef TT_PLAIN_LINALG_H
#define TT_PLAIN_LINALG_H

#include "linalg.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static inline int plain_cholesky(size_t d, double *a) {
  for (size_t j = 0; j < d; j++) {
    for (size_t i = j; i < d; i++) {
      double sum = a[j * d + i];
      for (size_t k = 0; k < j; k++) {
        sum -= a[k * d + i] * a[k * d + j];
      }
      if (i == j && !(sum > 0.0)) {
        return 1;
      }
      a[j * d + i] = i == j ? sqrt(sum) : sum / a[j * d + j];
    }
  }
  return 0;
}

static inline void plain_solve(size_t d, const double *factor, double *b) {
  for (size_t i = 0; i < d; i++) {
    for (size_t k = 0; k < i; k++) {
      b[i] -= factor[k * d + i] * b[k];
    }
    b[i] /= factor[i * d + i];
  }
  for (size_t i = d; i-- > 0;) {
    for (size_t k = i + 1; k < d; k++) {
      b[i] -= factor[i * d + k] * b[k];
    }
    b[i] /= factor[i * d + i];
  }
}

static inline void plain_invert(size_t d, double *factor) {
  double *inverse = calloc(d * d, sizeof(double));
  if (inverse == NULL) {
    abort();
  }
  for (size_t j = 0; j < d; j++) {
    inverse[j * d + j] = 1.0;
    plain_solve(d, factor, inverse + j * d);
  }
  for (size_t j = 0; j < d; j++) {
    memcpy(factor + j * d + j, inverse + j * d + j, (d - j) * sizeof(double));
  }
  free(inverse);
}

static const tt_linalg plain_linalg = {plain_cholesky, plain_solve, plain_invert};

#endif
