/* The checksum of ZIP archives: CRC-32. */
#ifndef TT_CHECKSUM_H
#define TT_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

uint32_t tt_crc32(const unsigned char *bytes, size_t length);

#endif
