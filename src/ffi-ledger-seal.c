/* Seals of rows: a number for each row of a table, from all that it says, by which a
 * row that was changed since is known. */
#include "ffi.h"

#include <R_ext/Arith.h>

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* FNV-1a, in 64 bits. */
static const uint64_t basis = UINT64_C(14695981039346656037);
static const uint64_t prime = UINT64_C(1099511628211);

static uint64_t add_bytes(uint64_t hash, const void *from, size_t n) {
  const unsigned char *bytes = from;
  for (size_t i = 0; i < n; i++) {
    hash = (hash ^ bytes[i]) * prime;
  }
  return hash;
}

/* What is missing is told from what is there by the byte before it. */
static uint64_t add_number(uint64_t hash, double x) {
  const bool known = !ISNAN(x);
  hash = add_bytes(hash, &known, 1);
  /* -0 is 0 to a database. */
  double value = known ? x + 0.0 : 0.0;
  return add_bytes(hash, &value, sizeof value);
}

static uint64_t add_text(uint64_t hash, SEXP x) {
  const bool known = x != NA_STRING;
  hash = add_bytes(hash, &known, 1);
  size_t n = known ? strlen(CHAR(x)) : 0;
  hash = add_bytes(hash, CHAR(x), n);
  return add_bytes(hash, &n, sizeof n);
}

/* 30 bits of it, which any column of whole numbers takes. */
static int fold(uint64_t hash) {
  return (int)((hash ^ (hash >> 30) ^ (hash >> 60)) & 0x3fffffff);
}

/* `columns` are doubles, or text in UTF-8, all of the same length. */
SEXP ffi_row_seals(SEXP columns) {
  R_xlen_t width = Rf_xlength(columns);
  R_xlen_t n = width > 0 ? Rf_xlength(VECTOR_ELT(columns, 0)) : 0;
  for (R_xlen_t j = 0; j < width; j++) {
    SEXP column = VECTOR_ELT(columns, j);
    if ((TYPEOF(column) != REALSXP && TYPEOF(column) != STRSXP) ||
        Rf_xlength(column) != n) {
      Rf_error("internal error: columns are doubles or text of one length");
    }
  }
  SEXP seals = PROTECT(Rf_allocVector(INTSXP, n));
  for (R_xlen_t i = 0; i < n; i++) {
    uint64_t hash = basis;
    for (R_xlen_t j = 0; j < width; j++) {
      SEXP column = VECTOR_ELT(columns, j);
      hash = TYPEOF(column) == REALSXP ? add_number(hash, REAL(column)[i])
                                       : add_text(hash, STRING_ELT(column, i));
    }
    INTEGER(seals)[i] = fold(hash);
  }
  UNPROTECT(1);
  return seals;
}
