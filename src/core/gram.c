#include "gram.h"

#include <stdint.h>

#define T TT_GRAM_TILE

size_t tt_gram_padded(size_t n_columns) {
  if (n_columns > SIZE_MAX - T) {
    return 0;
  }
  return (n_columns + T - 1) / T * T;
}

/* out[0..3 of each of 4 columns] += b' a, where column j of the product belongs to
 * column j of a: out is column-major with leading dimension ld. */
static void add_tile(const double *restrict a, const double *restrict b,
                     double *restrict out, size_t ld) {
  double c0[T] = {0.0}, c1[T] = {0.0}, c2[T] = {0.0}, c3[T] = {0.0};
  for (size_t r = 0; r < TT_GRAM_ROWS; r++) {
    const double *ar = a + T * r;
    const double *br = b + T * r;
    double a0 = ar[0], a1 = ar[1], a2 = ar[2], a3 = ar[3];
    for (size_t j = 0; j < T; j++) {
      c0[j] += a0 * br[j];
    }
    for (size_t j = 0; j < T; j++) {
      c1[j] += a1 * br[j];
    }
    for (size_t j = 0; j < T; j++) {
      c2[j] += a2 * br[j];
    }
    for (size_t j = 0; j < T; j++) {
      c3[j] += a3 * br[j];
    }
  }
  for (size_t j = 0; j < T; j++) {
    out[j] += c0[j];
    out[ld + j] += c1[j];
    out[2 * ld + j] += c2[j];
    out[3 * ld + j] += c3[j];
  }
}

void tt_gram_add(size_t padded, const double *columns, const double *rows, double *gram) {
  const size_t step = TT_GRAM_ROWS * T;
  for (size_t j = 0; j < padded / T; j++) {
    for (size_t i = j; i < padded / T; i++) {
      add_tile(columns + j * step, rows + i * step, gram + (j * T) * padded + i * T,
               padded);
    }
  }
}
