/* Random numbers, as the core receives them: through a callback that the caller
 * owns, so that one seed outside decides every draw inside. */
#ifndef TT_RANDOM_H
#define TT_RANDOM_H

#include <stddef.h>

/* fn gives independent uniform numbers on (0, 1), one for each call. */
typedef struct {
  double (*fn)(void *ctx);
  void *ctx;
} tt_uniform;

/* A uniform index in 0..n-1 (n >= 1) from one uniform number. A number outside
 * [0, 1), NaN included, still gives an index in range. The bias against exact
 * uniformity is of order n times the spacing of the generator's numbers. */
static inline size_t tt_uniform_index(const tt_uniform *uniform, size_t n) {
  const double scaled = uniform->fn(uniform->ctx) * (double)n;
  if (!(scaled > 0.0)) {
    return 0;
  }
  return scaled < (double)n ? (size_t)scaled : n - 1;
}

/* Fisher and Yates: every order of the n items has the same probability. Takes
 * n - 1 uniform numbers. */
static inline void tt_shuffle(const tt_uniform *uniform, size_t n, size_t *items) {
  for (size_t left = n; left > 1; left--) {
    const size_t chosen = tt_uniform_index(uniform, left);
    const size_t moved = items[left - 1];
    items[left - 1] = items[chosen];
    items[chosen] = moved;
  }
}

#endif
