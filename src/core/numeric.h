/* Small numerical tools shared by the core: compensated sums, overflow-checked
 * sizes, and the pseudo-random choice of pivots. */
#ifndef TT_NUMERIC_H
#define TT_NUMERIC_H

#include <stddef.h>
#include <stdint.h>

/* A compensated running sum: what each addition rounds off is itself added up, so
 * the error stays at a few units in the last place however many terms there are and
 * whatever their order. Inline and without branches: it sits in inner loops. */
typedef struct {
  double sum;
  double lost;
} tt_sum;

static inline void tt_sum_add(tt_sum *s, double x) {
  double t = s->sum + x;
  double part = t - s->sum;
  s->lost += (s->sum - (t - part)) + (x - part);
  s->sum = t;
}

/* Once the sum itself is infinite, what was lost is not a number. */
static inline double tt_sum_value(const tt_sum *s) {
  double value = s->sum + s->lost;
  return value == value ? value : s->sum;
}

/* Product and sum of sizes; 0 when the result does not fit a size_t, else 1. */
int tt_size_mul(size_t a, size_t b, size_t *out);
int tt_size_add(size_t a, size_t b, size_t *out);

/* An index below n (n >= 1) from a counter. Selection algorithms choose their
 * pivots with it, so that no input order is slow; results never depend on it. */
size_t tt_pivot_index(uint64_t *counter, size_t n);

/* The column `values` of a table, or one value that stands for all rows. */
typedef struct {
  const double *values;
  size_t step; /* 1: one value per row, 0: the same value for every row */
} tt_column;

static inline double tt_at(tt_column column, size_t i) {
  return column.values[i * column.step];
}

#endif
