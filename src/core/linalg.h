/* The dense linear algebra that the core borrows from its host. R's LAPACK serves
 * the package, plain loops serve the C tests. Matrices are column-major and square,
 * with leading dimension d; only their lower triangles are read and written. */
#ifndef TT_LINALG_H
#define TT_LINALG_H

#include <stddef.h>

typedef struct {
  /* In place: a = L L'. Returns 0, or 1 when a is not positive definite. */
  int (*cholesky)(size_t d, double *a);
  /* b = (L L')^-1 b, from the factor. */
  void (*solve)(size_t d, const double *factor, double *b);
  /* In place: the factor becomes (L L')^-1. */
  void (*invert)(size_t d, double *factor);
} tt_linalg;

#endif
