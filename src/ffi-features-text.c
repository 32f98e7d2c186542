#include "core/features-text.h"
#include "core/unicode.h"
#include "ffi.h"

#include <string.h>

#define POLL_EVERY 1024

/* Space for one text after another. It grows, but is never given back in between. */
typedef struct {
  size_t size;
  char *bytes;
} space;

static void *take(space *s, size_t count, size_t each) {
  if (s->bytes == NULL || s->size < count * each) {
    s->size = count * each + 64;
    s->bytes = R_alloc(s->size, 1);
  }
  return s->bytes;
}

/* The n-grams of a text as two integer vectors: one-based columns, and how often each
 * occurs. `seen` has a zero for each column, before and after. */
static SEXP tabulate(const int *columns, size_t count, int *seen) {
  size_t distinct = 0;
  for (size_t j = 0; j < count; j++) {
    distinct += seen[columns[j]]++ == 0;
  }
  SEXP table = PROTECT(Rf_allocVector(VECSXP, 2));
  SEXP column = Rf_allocVector(INTSXP, (R_xlen_t)distinct);
  SET_VECTOR_ELT(table, 0, column);
  SEXP times = Rf_allocVector(INTSXP, (R_xlen_t)distinct);
  SET_VECTOR_ELT(table, 1, times);
  for (size_t j = 0, at = 0; j < count; j++) {
    int c = columns[j];
    if (seen[c] > 0) {
      INTEGER(column)[at] = c + 1;
      INTEGER(times)[at++] = seen[c];
      seen[c] = 0;
    }
  }
  UNPROTECT(1);
  return table;
}

/* A list with the table of each text. */
SEXP ffi_text_ngrams(SEXP text, SEXP n_columns) {
  R_xlen_t n = Rf_xlength(text);
  size_t columns = tt_count(n_columns, "n_columns");
  SEXP value = PROTECT(Rf_allocVector(VECSXP, n));
  int *seen = (int *)R_alloc(columns, sizeof(int));
  memset(seen, 0, columns * sizeof(int));
  space words = {0, NULL};
  space found = {0, NULL};
  tt_error error = {0};
  tt_status status = TT_OK;
  for (R_xlen_t i = 0; i < n && status == TT_OK; i++) {
    const char *bytes = CHAR(STRING_ELT(text, i));
    size_t length = strlen(bytes);
    size_t limit = 0;
    size_t count = 0;
    if (i % POLL_EVERY == 0 && tt_stop_requested(&tt_r_poll)) {
      status = TT_EINTERRUPT;
    }
    if (status == TT_OK) {
      status = tt_text_words_limit(length, &limit);
    }
    if (status == TT_OK) {
      status = tt_text_words(bytes, length, take(&words, limit, 1), &length, &tt_r_poll);
    }
    if (status == TT_OK) {
      status = tt_text_ngrams_limit(length, &limit);
    }
    if (status == TT_OK) {
      int *buffer = take(&found, limit, sizeof(int));
      status = tt_text_ngrams(words.bytes, length, columns, buffer, &count, &tt_r_poll,
                              &error);
      if (status == TT_OK) {
        SET_VECTOR_ELT(value, i, tabulate(buffer, count, seen));
      }
    }
  }
  SEXP result = tt_result(status, &error, value);
  UNPROTECT(1);
  return result;
}
