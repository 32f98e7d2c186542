#include "numeric.h"

int tt_size_mul(size_t a, size_t b, size_t *out) {
  if (b != 0 && a > SIZE_MAX / b) {
    return 0;
  }
  *out = a * b;
  return 1;
}

int tt_size_add(size_t a, size_t b, size_t *out) {
  if (a > SIZE_MAX - b) {
    return 0;
  }
  *out = a + b;
  return 1;
}

/* A Weyl sequence passed through a 64-bit mixer. */
size_t tt_pivot_index(uint64_t *counter, size_t n) {
  uint64_t z = (*counter += UINT64_C(0x9e3779b97f4a7c15));
  z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
  z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
  return (size_t)((z ^ (z >> 31)) % n);
}
