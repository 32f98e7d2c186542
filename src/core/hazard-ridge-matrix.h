/* Products with a wide matrix Z, for several fits at once: a fit has a lane, and the
 * numbers of all lanes stand side by side. Z is dense, with columns that are centred
 * and scaled on the way, or sparse, with columns as they are. */
#ifndef TT_HAZARD_RIDGE_MATRIX_H
#define TT_HAZARD_RIDGE_MATRIX_H

#include <stddef.h>

#define TT_LANES 6u

typedef struct {
  size_t n; /* rows */
  size_t d; /* columns */
  /* Dense: column j of Z is (x[, column[j]] - centre[j]) * scale[j]. */
  const double *x;      /* column-major, n rows; null: sparse */
  const int *column;    /* d, from 0 */
  const double *centre; /* d */
  const double *scale;  /* d */
  /* Sparse: column j of Z has value[k] in row[k], start[j] <= k < start[j + 1]. */
  const int *start;    /* d + 1 */
  const int *row;      /* from 0 */
  const double *value; /* as many as rows */
} tt_wide_matrix;

/* The squared length of column j. */
double tt_wide_length(const tt_wide_matrix *z, size_t j);

/* t = Z b: b is d x TT_LANES, t is n x TT_LANES, lanes contiguous. */
void tt_wide_times(const tt_wide_matrix *z, const double *b, double *t);

/* g = Z' v: v is n x TT_LANES, g is d x TT_LANES. */
void tt_wide_back(const tt_wide_matrix *z, const double *v, double *g);

/* t = Z b and g = Z' (w t), element by element w t, in one pass over a dense Z. */
void tt_wide_gram(const tt_wide_matrix *z, const double *w, const double *b, double *t,
                  double *g);

#endif
