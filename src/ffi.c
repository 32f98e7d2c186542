#include "ffi.h"

#include <R_ext/Utils.h>

#include <math.h>
#include <string.h>

static void check_interrupt(void *unused) {
  (void)unused;
  R_CheckUserInterrupt();
}

static int poll_interrupt(void *unused) {
  (void)unused;
  return R_ToplevelExec(check_interrupt, NULL) == FALSE;
}

const tt_poll tt_r_poll = {poll_interrupt, NULL};

static double draw_uniform(void *unused) {
  (void)unused;
  return unif_rand();
}

const tt_uniform tt_r_uniform = {draw_uniform, NULL};

SEXP tt_named_list(int n, const char *const *names) {
  SEXP list = PROTECT(Rf_allocVector(VECSXP, n));
  SEXP labels = PROTECT(Rf_allocVector(STRSXP, n));
  for (int i = 0; i < n; i++) {
    SET_STRING_ELT(labels, i, Rf_mkChar(names[i]));
  }
  Rf_setAttrib(list, R_NamesSymbol, labels);
  UNPROTECT(2);
  return list;
}

SEXP tt_result(tt_status status, const tt_error *error, SEXP value) {
  static const char *const names[] = {"status", "what", "index", "found", "value"};
  PROTECT(value);
  SEXP result = PROTECT(tt_named_list(5, names));
  int told = status != TT_OK && error->what != NULL;
  SET_VECTOR_ELT(result, 0, Rf_ScalarInteger((int)status));
  SET_VECTOR_ELT(result, 1, Rf_mkString(told ? error->what : ""));
  SET_VECTOR_ELT(result, 2, Rf_ScalarReal(told ? (double)error->index + 1.0 : 0.0));
  SET_VECTOR_ELT(result, 3, Rf_ScalarReal(told ? error->value : 0.0));
  SET_VECTOR_ELT(result, 4, value);
  UNPROTECT(2);
  return result;
}

static R_xlen_t find_field(SEXP list, const char *name) {
  SEXP names = Rf_getAttrib(list, R_NamesSymbol);
  R_xlen_t n = TYPEOF(list) == VECSXP ? Rf_xlength(names) : 0;
  for (R_xlen_t i = 0; i < n; i++) {
    if (strcmp(CHAR(STRING_ELT(names, i)), name) == 0) {
      return i;
    }
  }
  return -1;
}

int tt_has_field(SEXP list, const char *name) {
  return find_field(list, name) >= 0;
}

SEXP tt_field(SEXP list, const char *name) {
  R_xlen_t at = find_field(list, name);
  if (at < 0) {
    Rf_error("internal: there is no `%s`", name);
  }
  return VECTOR_ELT(list, at);
}

int tt_choose(SEXP x, const char *const *names, const char *what) {
  if (TYPEOF(x) != STRSXP || Rf_xlength(x) != 1) {
    Rf_error("internal: `%s` is not a string", what);
  }
  const char *chosen = CHAR(STRING_ELT(x, 0));
  for (int i = 0; names[i] != NULL; i++) {
    if (strcmp(names[i], chosen) == 0) {
      return i;
    }
  }
  Rf_error("internal: `%s` cannot be \"%s\"", what, chosen);
}

const double *tt_doubles(SEXP x, R_xlen_t length, const char *what) {
  if (TYPEOF(x) != REALSXP || (length >= 0 && Rf_xlength(x) != length)) {
    Rf_error("internal: `%s` has the wrong type or length", what); // # nocov
  }
  return REAL(x);
}

const int *tt_integers(SEXP x, R_xlen_t length, const char *what) {
  if (TYPEOF(x) != INTSXP || (length >= 0 && Rf_xlength(x) != length)) {
    Rf_error("internal: `%s` has the wrong type or length", what); // # nocov
  }
  return INTEGER(x);
}

double tt_scalar(SEXP x, const char *what) {
  return tt_doubles(x, 1, what)[0];
}

size_t tt_count(SEXP x, const char *what) {
  double value = tt_scalar(x, what);
  if (!(value >= 0.0 && value <= 0x1p52 && value == floor(value))) {
    Rf_error("internal: `%s` is not a count", what); // # nocov
  }
  return (size_t)value;
}

const double *tt_field_doubles(SEXP list, const char *name, R_xlen_t length) {
  return tt_doubles(tt_field(list, name), length, name);
}

const double *tt_field_doubles_or_null(SEXP list, const char *name, R_xlen_t length) {
  SEXP x = tt_field(list, name);
  return Rf_isNull(x) ? NULL : tt_doubles(x, length, name);
}

const int *tt_field_integers(SEXP list, const char *name, R_xlen_t length) {
  return tt_integers(tt_field(list, name), length, name);
}

double tt_field_scalar(SEXP list, const char *name) {
  return tt_scalar(tt_field(list, name), name);
}

size_t tt_field_count(SEXP list, const char *name) {
  return tt_count(tt_field(list, name), name);
}

tt_column tt_column_of(SEXP x, R_xlen_t n, const char *what) {
  R_xlen_t length = Rf_xlength(x);
  tt_column column = {tt_doubles(x, length == 1 ? 1 : n, what), length == 1 ? 0 : 1};
  return column;
}

double *tt_scratch_doubles(size_t count) {
  return (double *)R_alloc(count > 0 ? count : 1, sizeof(double));
}

SEXP tt_new_cells(R_xlen_t rows, R_xlen_t columns) {
  size_t cells;
  if (!tt_size_mul((size_t)rows, (size_t)columns, &cells) ||
      cells > (size_t)R_XLEN_T_MAX) {
    return R_NilValue;
  }
  return Rf_allocVector(REALSXP, (R_xlen_t)cells);
}

const unsigned char *tt_bytes(SEXP x, const char *what) {
  if (TYPEOF(x) != RAWSXP) {
    Rf_error("internal: `%s` has the wrong type", what); // # nocov
  }
  return RAW(x);
}

const double *tt_ends(SEXP ends, R_xlen_t length) {
  R_xlen_t n = Rf_xlength(ends);
  const double *end = tt_doubles(ends, n, "ends");
  for (R_xlen_t i = 0; i < n; i++) {
    if (!(end[i] >= (i > 0 ? end[i - 1] : 0.0) && end[i] <= (double)length)) {
      Rf_error("internal: `ends` do not rise within the bytes"); // # nocov
    }
  }
  return end;
}
