#include "core/checksum.h"
#include "ffi.h"

#include <string.h>

/* Pieces of `bytes`, one behind another: `size` bytes from each zero-based `from`. */
SEXP ffi_join_pieces(SEXP bytes, SEXP from, SEXP size) {
  const unsigned char *source = tt_bytes(bytes, "bytes");
  double length = (double)Rf_xlength(bytes);
  R_xlen_t n = Rf_xlength(from);
  const double *begin = tt_doubles(from, n, "from");
  const double *count = tt_doubles(size, n, "size");
  double total = 0.0;
  for (R_xlen_t i = 0; i < n; i++) {
    if (!(begin[i] >= 0.0 && count[i] >= 0.0 && begin[i] + count[i] <= length)) {
      Rf_error("internal: a piece is not within the bytes");
    }
    total += count[i];
  }
  SEXP value = PROTECT(Rf_allocVector(RAWSXP, (R_xlen_t)total));
  unsigned char *to = RAW(value);
  for (R_xlen_t i = 0; i < n; i++) {
    memcpy(to, source + (size_t)begin[i], (size_t)count[i]);
    to += (size_t)count[i];
  }
  tt_error error = {0};
  SEXP result = tt_result(TT_OK, &error, value);
  UNPROTECT(1);
  return result;
}

/* The checksum of each piece; pieces end, one after another, at `ends`. */
SEXP ffi_checksums(SEXP bytes, SEXP ends) {
  const unsigned char *text = tt_bytes(bytes, "bytes");
  R_xlen_t n = Rf_xlength(ends);
  const double *end = tt_ends(ends, Rf_xlength(bytes));
  SEXP value = PROTECT(Rf_allocVector(REALSXP, n));
  double from = 0.0;
  for (R_xlen_t i = 0; i < n; from = end[i++]) {
    REAL(value)[i] = (double)tt_crc32(text + (size_t)from, (size_t)(end[i] - from));
  }
  tt_error error = {0};
  SEXP result = tt_result(TT_OK, &error, value);
  UNPROTECT(1);
  return result;
}
