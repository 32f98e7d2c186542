#include "core/evidence.h"
#include "ffi.h"

static const double *doubles_or_null(SEXP x, R_xlen_t n, const char *what) {
  return Rf_isNull(x) ? NULL : tt_doubles(x, n, what);
}

/* `outcome` is the list jump, prob, unsafe, draws, of which the first or the other
 * three are NULL; `rule` is kind, z, spare, bet, reach, last. */
SEXP ffi_certify(SEXP gain, SEXP place, SEXP weight, SEXP outcome, SEXP cap, SEXP rule,
                 SEXP limit) {
  static const char *const names[] = {"level", "capped"};
  R_xlen_t n = Rf_xlength(gain);
  R_xlen_t m = Rf_xlength(place);
  const double *r = tt_doubles(rule, 6, "rule");
  tt_rule how = {(tt_rule_kind)r[0], r[1], r[2], r[3], r[4], r[5]};
  tt_losses losses = {(size_t)n,
                      tt_doubles(gain, n, "gain"),
                      (size_t)m,
                      tt_doubles(place, m, "order"),
                      tt_doubles(weight, m, "pi"),
                      doubles_or_null(VECTOR_ELT(outcome, 0), m, "jump"),
                      doubles_or_null(VECTOR_ELT(outcome, 1), m, "prob"),
                      doubles_or_null(VECTOR_ELT(outcome, 2), m, "unsafe"),
                      doubles_or_null(VECTOR_ELT(outcome, 3), m, "draws"),
                      tt_scalar(cap, "cap")};
  double level = 0.0;
  int capped = 0;
  size_t bytes = 0;
  tt_error error = {0};
  tt_status status = tt_certify_scratch((size_t)n, (size_t)m, &bytes);
  if (status != TT_OK) {
    return tt_result(status, &error, R_NilValue);
  }
  status = tt_certify(&losses, &how, tt_scalar(limit, "tau_prior"), R_alloc(bytes, 1),
                      &level, &capped, &tt_r_poll, &error);
  SEXP value = PROTECT(tt_named_list(2, names));
  SET_VECTOR_ELT(value, 0, Rf_ScalarReal(level));
  SET_VECTOR_ELT(value, 1, Rf_ScalarLogical(capped));
  SEXP result = tt_result(status, &error, value);
  UNPROTECT(1);
  return result;
}
