#include "core/allocation.h"
#include "ffi.h"

SEXP ffi_allocate(SEXP cost, SEXP benefit, SEXP lower, SEXP upper, SEXP total) {
  static const char *const names[] = {"inclusion", "multiplier"};
  R_xlen_t n = Rf_xlength(cost);
  const double *c = tt_doubles(cost, n, "cost");
  SEXP value = PROTECT(tt_named_list(2, names));
  SEXP inclusion = Rf_allocVector(REALSXP, n);
  SET_VECTOR_ELT(value, 0, inclusion);
  tt_allocation_item *items =
      (tt_allocation_item *)R_alloc(n > 0 ? (size_t)n : 1, sizeof(tt_allocation_item));
  double multiplier = 0.0;
  tt_error error = {0};
  tt_status status = tt_allocate(
      (size_t)n, c, tt_column_of(benefit, n, "benefit"), tt_column_of(lower, n, "lower"),
      tt_column_of(upper, n, "upper"), tt_scalar(total, "total"), REAL(inclusion),
      &multiplier, items, &tt_r_poll, &error);
  SET_VECTOR_ELT(value, 1, Rf_ScalarReal(multiplier));
  SEXP result = tt_result(status, &error, value);
  UNPROTECT(1);
  return result;
}

SEXP ffi_allocate_given(SEXP cost, SEXP benefit, SEXP lower, SEXP upper,
                        SEXP multiplier) {
  R_xlen_t n = Rf_xlength(cost);
  const double *c = tt_doubles(cost, n, "cost");
  SEXP inclusion = PROTECT(Rf_allocVector(REALSXP, n));
  tt_error error = {0};
  tt_status status = tt_allocate_given(
      (size_t)n, c, tt_column_of(benefit, n, "benefit"), tt_column_of(lower, n, "lower"),
      tt_column_of(upper, n, "upper"), tt_scalar(multiplier, "multiplier"),
      REAL(inclusion), &tt_r_poll, &error);
  SEXP result = tt_result(status, &error, inclusion);
  UNPROTECT(1);
  return result;
}
