#include "checksum.h"

#define POLYNOMIAL UINT32_C(0xedb88320)
#define SLICES 8

/* Eight bytes at a time: table[k] is what a byte adds that k others follow. */
uint32_t tt_crc32(const unsigned char *bytes, size_t length) {
  uint32_t table[SLICES][256];
  for (uint32_t i = 0; i < 256; i++) {
    uint32_t c = i;
    for (int bit = 0; bit < 8; bit++) {
      c = (c & 1u) != 0 ? (c >> 1) ^ POLYNOMIAL : c >> 1;
    }
    table[0][i] = c;
  }
  for (int k = 1; k < SLICES; k++) {
    for (uint32_t i = 0; i < 256; i++) {
      uint32_t c = table[k - 1][i];
      table[k][i] = (c >> 8) ^ table[0][c & 0xffu];
    }
  }
  uint32_t crc = UINT32_C(0xffffffff);
  size_t at = 0;
  for (; at + SLICES <= length; at += SLICES) {
    uint32_t next = 0;
    for (uint32_t k = 0; k < SLICES; k++) {
      uint32_t byte = bytes[at + k];
      byte ^= k < 4 ? (crc >> (8 * k)) & 0xffu : 0u;
      next ^= table[SLICES - 1 - k][byte];
    }
    crc = next;
  }
  for (; at < length; at++) {
    crc = (crc >> 8) ^ table[0][(crc ^ bytes[at]) & 0xffu];
  }
  return crc ^ UINT32_C(0xffffffff);
}
