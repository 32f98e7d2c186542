#include "core/json.h"
#include "ffi.h"

#include <string.h>

#define POLL_EVERY 1024

/* list(names, needles, only): text, text with NA, and a number. */
static tt_json_wanted read_wanted(SEXP wanted) {
  SEXP names = tt_field(wanted, "names");
  SEXP needles = tt_field(wanted, "needles");
  R_xlen_t n = Rf_xlength(names);
  if (TYPEOF(names) != STRSXP || TYPEOF(needles) != STRSXP || Rf_xlength(needles) != n) {
    Rf_error("internal: names of members are text");
  }
  const char **name = (const char **)R_alloc((size_t)n + 1, sizeof(const char *));
  const char **needle = (const char **)R_alloc((size_t)n + 1, sizeof(const char *));
  for (R_xlen_t i = 0; i < n; i++) {
    SEXP element = STRING_ELT(needles, i);
    name[i] = CHAR(STRING_ELT(names, i));
    needle[i] = element == NA_STRING ? NULL : CHAR(element);
  }
  tt_json_wanted value = {name, needle, (size_t)n,
                          tt_field_scalar(wanted, "only") != 0.0};
  return value;
}

static const char *bytes_of(SEXP bytes) {
  return (const char *)tt_bytes(bytes, "bytes");
}

static int is_blank(char c) {
  return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

/* A record that fills the piece, but for white space; else the piece as it is. */
static size_t read_piece(const char *text, size_t length, const tt_json_wanted *wanted,
                         char *out) {
  while (length > 0 && is_blank(text[length - 1])) {
    length--;
  }
  while (length > 0 && is_blank(text[0])) {
    text++;
    length--;
  }
  size_t used = 0;
  size_t count = 0;
  if (length > 0 && text[0] == '{') {
    tt_json_value(text, length, wanted, out, &used, &count);
  }
  if (used == length) {
    return count;
  }
  memcpy(out, text, length);
  return length;
}

/* The text of each piece of `bytes`: pieces end, one after another, at `ends`. The
 * caller has seen that no byte is zero. */
SEXP ffi_json_pieces(SEXP bytes, SEXP ends, SEXP wanted) {
  const char *text = bytes_of(bytes);
  const double *end = tt_ends(ends, Rf_xlength(bytes));
  size_t n = (size_t)Rf_xlength(ends);
  tt_json_wanted members = read_wanted(wanted);
  SEXP value = PROTECT(Rf_allocVector(STRSXP, (R_xlen_t)n));
  size_t longest = 0;
  for (size_t i = 0, from = 0; i < n; from = (size_t)end[i++]) {
    size_t length = (size_t)end[i] - from;
    longest = length > longest ? length : longest;
  }
  char *out = R_alloc(longest + 1, 1);
  tt_status status = TT_OK;
  for (size_t i = 0, from = 0; i < n && status == TT_OK; from = (size_t)end[i++]) {
    if (i % POLL_EVERY == 0 && tt_stop_requested(&tt_r_poll)) {
      status = TT_EINTERRUPT;
    }
    size_t count = read_piece(text + from, (size_t)end[i] - from, &members, out);
    SET_STRING_ELT(value, (R_xlen_t)i, Rf_mkCharLenCE(out, (int)count, CE_UTF8));
  }
  tt_error error = {0};
  SEXP result = tt_result(status, &error, value);
  UNPROTECT(1);
  return result;
}

/* list(text, used, closed): the records of an array from its beginning, or from a
 * comma in it, as far as they are whole; how many bytes they take; and whether the
 * array ends behind them. */
SEXP ffi_json_array(SEXP bytes, SEXP wanted) {
  static const char *const names[] = {"text", "used", "closed"};
  const char *text = bytes_of(bytes);
  size_t length = (size_t)Rf_xlength(bytes);
  tt_json_wanted members = read_wanted(wanted);
  char *out = R_alloc(length + 1, 1);
  size_t room = 256;
  size_t n = 0;
  size_t at = 0;
  int closed = 0;
  tt_status status = TT_OK;
  PROTECT_INDEX index;
  SEXP found = Rf_allocVector(STRSXP, (R_xlen_t)room);
  PROTECT_WITH_INDEX(found, &index);
  while (status == TT_OK) {
    size_t begin = tt_json_next(text, length, at);
    closed = begin < length && text[begin] == ']';
    if (begin == length || closed) {
      at = closed ? begin + 1 : at;
      break;
    }
    size_t used = 0;
    size_t count = 0;
    tt_json_value(text + begin, length - begin, &members, out, &used, &count);
    if (used == 0) {
      break;
    }
    if (n == room) {
      room *= 2;
      REPROTECT(found = Rf_xlengthgets(found, (R_xlen_t)room), index);
    }
    SET_STRING_ELT(found, (R_xlen_t)n++, Rf_mkCharLenCE(out, (int)count, CE_UTF8));
    at = begin + used;
    if (n % POLL_EVERY == 0 && tt_stop_requested(&tt_r_poll)) {
      status = TT_EINTERRUPT;
    }
  }
  SEXP value = PROTECT(tt_named_list(3, names));
  SET_VECTOR_ELT(value, 0, Rf_xlengthgets(found, (R_xlen_t)n));
  SET_VECTOR_ELT(value, 1, Rf_ScalarReal((double)at));
  SET_VECTOR_ELT(value, 2, Rf_ScalarLogical(closed));
  tt_error error = {0};
  SEXP result = tt_result(status, &error, value);
  UNPROTECT(2);
  return result;
}

/* Where the array at `path` begins: the number of bytes up to and with its bracket;
 * 0 where there is none; below 0 where the text ends before that is known. */
SEXP ffi_json_find(SEXP bytes, SEXP path) {
  const char *text = bytes_of(bytes);
  size_t n = (size_t)Rf_xlength(path);
  const char **names = (const char **)R_alloc(n + 1, sizeof(const char *));
  for (size_t i = 0; i < n; i++) {
    names[i] = CHAR(STRING_ELT(path, (R_xlen_t)i));
  }
  size_t begin = 0;
  int known = tt_json_find(text, (size_t)Rf_xlength(bytes), names, n, &begin);
  tt_error error = {0};
  return tt_result(TT_OK, &error, Rf_ScalarReal(known != 0 ? (double)begin : -1.0));
}

/* The one-based positions of a byte. */
SEXP ffi_find_byte(SEXP bytes, SEXP byte) {
  const char *text = bytes_of(bytes);
  size_t length = (size_t)Rf_xlength(bytes);
  char wanted = (char)tt_count(byte, "byte");
  size_t n = 0;
  for (size_t at = 0; at < length; n++) {
    const char *next = memchr(text + at, wanted, length - at);
    if (next == NULL) {
      break;
    }
    at = (size_t)(next - text) + 1;
  }
  SEXP value = PROTECT(Rf_allocVector(REALSXP, (R_xlen_t)n));
  for (size_t k = 0, at = 0; k < n; k++) {
    const char *next = memchr(text + at, wanted, length - at);
    at = (size_t)(next - text) + 1;
    REAL(value)[k] = (double)at;
  }
  tt_error error = {0};
  SEXP result = tt_result(TT_OK, &error, value);
  UNPROTECT(1);
  return result;
}

/* Whether each text has what parsers of JSON stumble over: see tt_json_is_odd(). */
SEXP ffi_json_is_odd(SEXP text) {
  if (TYPEOF(text) != STRSXP) {
    Rf_error("internal: `text` is no text");
  }
  R_xlen_t n = Rf_xlength(text);
  SEXP value = PROTECT(Rf_allocVector(LGLSXP, n));
  for (R_xlen_t i = 0; i < n; i++) {
    const char *bytes = CHAR(STRING_ELT(text, i));
    LOGICAL(value)[i] = tt_json_is_odd(bytes, strlen(bytes));
  }
  tt_error error = {0};
  SEXP result = tt_result(TT_OK, &error, value);
  UNPROTECT(1);
  return result;
}
