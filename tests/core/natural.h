/* Exact arithmetic: natural numbers of up to 10,000 bits. */
#ifndef TT_NATURAL_H
#define TT_NATURAL_H

#include <stddef.h>
#include <stdint.h>

#define NATURAL_LIMBS 320u

typedef struct {
  uint32_t limb[NATURAL_LIMBS]; /* base 2^32, lowest first */
  size_t used;                  /* the others are 0 */
} natural;

static inline natural natural_from(uint64_t value) {
  natural a = {{(uint32_t)value, (uint32_t)(value >> 32)}, 2};
  return a;
}

static inline void natural_times(natural *a, uint32_t factor) {
  uint64_t carry = 0;
  for (size_t i = 0; i < a->used || carry > 0; i++) {
    carry += (uint64_t)a->limb[i] * factor;
    a->limb[i] = (uint32_t)carry;
    carry >>= 32;
    a->used = i < a->used ? a->used : i + 1;
  }
}

static inline int natural_at_most(const natural *a, const natural *b) {
  for (size_t i = a->used > b->used ? a->used : b->used; i-- > 0;) {
    if (a->limb[i] != b->limb[i]) {
      return a->limb[i] < b->limb[i];
    }
  }
  return 1;
}

#endif
