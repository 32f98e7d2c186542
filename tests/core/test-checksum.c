#include "checksum.h"

#include "contract.h"

/* One bit at a time. */
static uint32_t plain(const unsigned char *bytes, size_t length) {
  uint32_t crc = UINT32_C(0xffffffff);
  for (size_t i = 0; i < length; i++) {
    crc ^= bytes[i];
    for (int bit = 0; bit < 8; bit++) {
      crc = (crc >> 1) ^ ((crc & 1u) != 0 ? UINT32_C(0xedb88320) : 0u);
    }
  }
  return ~crc;
}

int main(void) {
  unsigned char bytes[300];
  check_random random = {7};
  int same = 1;
  for (size_t i = 0; i < sizeof bytes; i++) {
    bytes[i] = (unsigned char)(256.0 * check_uniform(&random));
    same = same && tt_crc32(bytes, i) == plain(bytes, i) &&
           tt_crc32(bytes + i / 2, i - i / 2) == plain(bytes + i / 2, i - i / 2);
  }
  check_that(same, "the same as one bit at a time, at every length");
  check_that(tt_crc32((const unsigned char *)"123456789", 9) == UINT32_C(0xcbf43926),
             "the published check value");
  return check_report();
}
