/* Exact arithmetic: natural numbers of up to 10,000 bits. */
#ifndef TT_NATURAL_H
#define TT_NATURAL_H

#include <stddef.h>
#include <stdint.h>

#define NATURAL_LIMBS 320u

typedef struct {
  uint32_t limb[NATURAL_LIMBS]; /* lowest first */
} natural;

static inline void natural_times(natural *a, uint32_t factor) {
  uint64_t carry = 0;
  for (size_t i = 0; i < NATURAL_LIMBS; i++) {
    carry += (uint64_t)a->limb[i] * factor;
    a->limb[i] = (uint32_t)carry;
    carry >>= 32;
  }
}

static inline int natural_at_most(const natural *a, const natural *b) {
  for (size_t i = NATURAL_LIMBS; i-- > 0;) {
    if (a->limb[i] != b->limb[i]) {
      return a->limb[i] < b->limb[i];
    }
  }
  return 1;
}

#endif
