#include "core/features-text.h"
#include "ffi.h"

#include <string.h>

/* A list with the one-based columns of each text's n-grams. */
SEXP ffi_text_ngrams(SEXP text, SEXP n_columns) {
  R_xlen_t n = Rf_xlength(text);
  size_t columns = tt_count(n_columns, "n_columns");
  SEXP value = PROTECT(Rf_allocVector(VECSXP, n));
  tt_error error = {0};
  tt_status status = TT_OK;
  for (R_xlen_t i = 0; i < n && status == TT_OK; i++) {
    const char *bytes = CHAR(STRING_ELT(text, i));
    size_t length = strlen(bytes);
    size_t limit = 0;
    size_t count = 0;
    if (i % 1024 == 0 && tt_stop_requested(&tt_r_poll)) {
      status = TT_EINTERRUPT;
      break;
    }
    status = tt_text_ngrams_limit(length, &limit);
    if (status != TT_OK) {
      break;
    }
    const void *mark = vmaxget();
    int *buffer = (int *)R_alloc(limit > 0 ? limit : 1, sizeof(int));
    status = tt_text_ngrams(bytes, length, columns, buffer, &count, &error);
    if (status == TT_OK) {
      SEXP found = Rf_allocVector(INTSXP, (R_xlen_t)count);
      SET_VECTOR_ELT(value, i, found);
      for (size_t j = 0; j < count; j++) {
        INTEGER(found)[j] = buffer[j] + 1;
      }
    }
    vmaxset(mark);
  }
  SEXP result = tt_result(status, &error, value);
  UNPROTECT(1);
  return result;
}
