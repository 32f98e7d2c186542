#include "hazard-ridge-matrix.h"

#include <string.h>

#define L TT_LANES
#define ROWS                                                                             \
  64u           /* rows of a block, whose columns stay in the cache for both products    \
                 */
#define TILE 4u /* columns of a tile */

/* ---- Dense ------------------------------------------------------------------- */

typedef struct {
  double z[TILE][ROWS];
  double lane[L][ROWS];
} block;

static void standardise_column(const double *restrict x, double centre, double scale,
                               double *restrict z) {
  for (size_t r = 0; r < ROWS; r++) {
    z[r] = (x[r] - centre) * scale;
  }
}

/* Columns j, ..., j + TILE - 1 of these rows; beyond the last, and in rows that the
 * last block has not, zeros. */
static void load_tile(const tt_wide_matrix *m, size_t first, size_t rows, size_t j,
                      block *b) {
  for (size_t k = 0; k < TILE; k++) {
    if (j + k >= m->d) {
      memset(b->z[k], 0, sizeof b->z[k]);
      continue;
    }
    const double *x = m->x + m->n * (size_t)m->column[j + k] + first;
    if (rows == ROWS) {
      standardise_column(x, m->centre[j + k], m->scale[j + k], b->z[k]);
    } else {
      for (size_t r = 0; r < rows; r++) {
        b->z[k][r] = (x[r] - m->centre[j + k]) * m->scale[j + k];
      }
      memset(b->z[k] + rows, 0, (ROWS - rows) * sizeof(double));
    }
  }
}

static void add_four(const double *restrict z, const double *restrict by,
                     double *restrict lane) {
  double b0 = by[0];
  double b1 = by[L];
  double b2 = by[2 * L];
  double b3 = by[3 * L];
  for (size_t r = 0; r < ROWS; r++) {
    lane[r] +=
        (b0 * z[r] + b1 * z[ROWS + r]) + (b2 * z[2 * ROWS + r] + b3 * z[3 * ROWS + r]);
  }
}

/* lane[c] += sum_k z[k] coefficients[k, c]. */
static void add_columns(block *b, const double *coefficients) {
  for (size_t c = 0; c < L; c++) {
    add_four(b->z[0], coefficients + c, b->lane[c]);
  }
}

/* out[k, c] += sum of z[k] lane[c], in four partial sums each. */
static void add_products(const block *b, double *out) {
  for (size_t c = 0; c < L; c++) {
    const double *u = b->lane[c];
    double s0[4] = {0.0}, s1[4] = {0.0}, s2[4] = {0.0}, s3[4] = {0.0};
    for (size_t r = 0; r < ROWS; r += 4) {
      for (size_t q = 0; q < 4; q++) {
        s0[q] += b->z[0][r + q] * u[r + q];
      }
      for (size_t q = 0; q < 4; q++) {
        s1[q] += b->z[1][r + q] * u[r + q];
      }
      for (size_t q = 0; q < 4; q++) {
        s2[q] += b->z[2][r + q] * u[r + q];
      }
      for (size_t q = 0; q < 4; q++) {
        s3[q] += b->z[3][r + q] * u[r + q];
      }
    }
    out[c] += (s0[0] + s0[1]) + (s0[2] + s0[3]);
    out[L + c] += (s1[0] + s1[1]) + (s1[2] + s1[3]);
    out[2 * L + c] += (s2[0] + s2[1]) + (s2[2] + s2[3]);
    out[3 * L + c] += (s3[0] + s3[1]) + (s3[2] + s3[3]);
  }
}

static void times_block(const tt_wide_matrix *m, size_t first, size_t rows,
                        const double *b, block *work) {
  memset(work->lane, 0, sizeof work->lane);
  for (size_t j = 0; j < m->d; j += TILE) {
    double coefficients[TILE * L] = {0.0};
    size_t columns = m->d - j < TILE ? m->d - j : TILE;
    memcpy(coefficients, b + j * L, columns * L * sizeof(double));
    load_tile(m, first, rows, j, work);
    add_columns(work, coefficients);
  }
}

static void back_block(const tt_wide_matrix *m, size_t first, size_t rows, block *work,
                       double *g) {
  for (size_t j = 0; j < m->d; j += TILE) {
    double sums[TILE * L] = {0.0};
    size_t columns = m->d - j < TILE ? m->d - j : TILE;
    load_tile(m, first, rows, j, work);
    add_products(work, sums);
    for (size_t k = 0; k < columns * L; k++) {
      g[j * L + k] += sums[k];
    }
  }
}

/* The lanes of these rows, to and from where lanes stand side by side. */
static void store_lanes(const block *work, size_t rows, double *t) {
  for (size_t r = 0; r < rows; r++) {
    for (size_t c = 0; c < L; c++) {
      t[r * L + c] = work->lane[c][r];
    }
  }
}

static void load_lanes(const double *t, const double *w, size_t rows, block *work) {
  memset(work->lane, 0, sizeof work->lane);
  for (size_t r = 0; r < rows; r++) {
    for (size_t c = 0; c < L; c++) {
      work->lane[c][r] = w == NULL ? t[r * L + c] : w[r * L + c] * t[r * L + c];
    }
  }
}

static size_t rows_from(const tt_wide_matrix *m, size_t first) {
  return m->n - first < ROWS ? m->n - first : ROWS;
}

static void dense_times(const tt_wide_matrix *m, const double *b, double *t) {
  block work;
  for (size_t first = 0; first < m->n; first += ROWS) {
    times_block(m, first, rows_from(m, first), b, &work);
    store_lanes(&work, rows_from(m, first), t + first * L);
  }
}

static void dense_back(const tt_wide_matrix *m, const double *v, double *g) {
  block work;
  memset(g, 0, m->d * L * sizeof(double));
  for (size_t first = 0; first < m->n; first += ROWS) {
    load_lanes(v + first * L, NULL, rows_from(m, first), &work);
    back_block(m, first, rows_from(m, first), &work, g);
  }
}

static void dense_gram(const tt_wide_matrix *m, const double *w, const double *b,
                       double *t, double *g) {
  block work;
  memset(g, 0, m->d * L * sizeof(double));
  for (size_t first = 0; first < m->n; first += ROWS) {
    times_block(m, first, rows_from(m, first), b, &work);
    store_lanes(&work, rows_from(m, first), t + first * L);
    load_lanes(t + first * L, w + first * L, rows_from(m, first), &work);
    back_block(m, first, rows_from(m, first), &work, g);
  }
}

/* ---- Sparse ------------------------------------------------------------------ */

static void sparse_times(const tt_wide_matrix *m, const double *b, double *t) {
  memset(t, 0, m->n * L * sizeof(double));
  for (size_t j = 0; j < m->d; j++) {
    const double *from = b + j * L;
    for (int k = m->start[j]; k < m->start[j + 1]; k++) {
      double *to = t + (size_t)m->row[k] * L;
      for (size_t c = 0; c < L; c++) {
        to[c] += m->value[k] * from[c];
      }
    }
  }
}

static void sparse_back(const tt_wide_matrix *m, const double *w, const double *v,
                        double *g) {
  for (size_t j = 0; j < m->d; j++) {
    double sums[L] = {0.0};
    for (int k = m->start[j]; k < m->start[j + 1]; k++) {
      const double *from = v + (size_t)m->row[k] * L;
      const double *by = w == NULL ? NULL : w + (size_t)m->row[k] * L;
      for (size_t c = 0; c < L; c++) {
        sums[c] += m->value[k] * (by == NULL ? from[c] : by[c] * from[c]);
      }
    }
    memcpy(g + j * L, sums, sizeof sums);
  }
}

/* ---- Either ------------------------------------------------------------------ */

double tt_wide_length(const tt_wide_matrix *m, size_t j) {
  double sum = 0.0;
  if (m->x == NULL) {
    for (int k = m->start[j]; k < m->start[j + 1]; k++) {
      sum += m->value[k] * m->value[k];
    }
    return sum;
  }
  const double *x = m->x + m->n * (size_t)m->column[j];
  for (size_t i = 0; i < m->n; i++) {
    double z = (x[i] - m->centre[j]) * m->scale[j];
    sum += z * z;
  }
  return sum;
}

void tt_wide_times(const tt_wide_matrix *z, const double *b, double *t) {
  if (z->x == NULL) {
    sparse_times(z, b, t);
  } else {
    dense_times(z, b, t);
  }
}

void tt_wide_back(const tt_wide_matrix *z, const double *v, double *g) {
  if (z->x == NULL) {
    sparse_back(z, NULL, v, g);
  } else {
    dense_back(z, v, g);
  }
}

void tt_wide_gram(const tt_wide_matrix *z, const double *w, const double *b, double *t,
                  double *g) {
  if (z->x == NULL) {
    sparse_times(z, b, t);
    sparse_back(z, w, t, g);
  } else {
    dense_gram(z, w, b, t, g);
  }
}
