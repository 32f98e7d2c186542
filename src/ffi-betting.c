#include "core/betting.h"
#include "ffi.h"

static const char *const side_names[] = {
    [TT_SIDE_UPPER] = "upper", [TT_SIDE_LOWER] = "lower", NULL};

static tt_side read_side(SEXP side) {
  return (tt_side)tt_choose(side, side_names, "side");
}

/* terms: total, part, largest_total, largest_part, largest_ratio. */
static tt_bet_terms read_terms(SEXP terms) {
  R_xlen_t n = Rf_xlength(tt_field(terms, "total"));
  tt_bet_terms value = {
      .n = (size_t)n,
      .total = tt_field_doubles(terms, "total", n),
      .part = tt_field_doubles(terms, "part", n),
      .largest_total = tt_field_scalar(terms, "largest_total"),
      .largest_part = tt_field_scalar(terms, "largest_part"),
      .largest_ratio = tt_field_scalar(terms, "largest_ratio"),
  };
  return value;
}

SEXP ffi_place_bets(SEXP terms, SEXP side, SEXP expected, SEXP log_threshold) {
  tt_bet_terms given = read_terms(terms);
  SEXP bet = PROTECT(Rf_allocVector(REALSXP, (R_xlen_t)given.n));
  tt_error error = {0};
  tt_status status =
      tt_place_bets(&given, read_side(side), tt_count(expected, "expected"),
                    tt_scalar(log_threshold, "log_threshold"), REAL(bet), &error);
  SEXP result = tt_result(status, &error, bet);
  UNPROTECT(1);
  return result;
}

/* state: c(log, highest). */
SEXP ffi_follow_wealth(SEXP terms, SEXP side, SEXP mean, SEXP bet, SEXP state) {
  tt_bet_terms given = read_terms(terms);
  const double *before = tt_doubles(state, 2, "state");
  tt_wealth wealth = {before[0], before[1]};
  tt_error error = {0};
  tt_status status =
      tt_follow_wealth(&given, read_side(side), tt_scalar(mean, "mean"),
                       tt_doubles(bet, (R_xlen_t)given.n, "bet"), &wealth, &error);
  SEXP value = PROTECT(Rf_allocVector(REALSXP, 2));
  REAL(value)[0] = wealth.log;
  REAL(value)[1] = wealth.highest;
  SEXP result = tt_result(status, &error, value);
  UNPROTECT(1);
  return result;
}

/* rule: log_threshold, log_threshold_last. */
SEXP ffi_betting_limit(SEXP terms, SEXP side, SEXP bet, SEXP rule) {
  tt_bet_terms given = read_terms(terms);
  double limit = 0.0;
  tt_error error = {0};
  tt_status status = tt_betting_limit(
      &given, read_side(side), tt_doubles(bet, (R_xlen_t)given.n, "bet"),
      tt_field_scalar(rule, "log_threshold"), tt_field_scalar(rule, "log_threshold_last"),
      &limit, &tt_r_poll, &error);
  SEXP value = PROTECT(Rf_ScalarReal(limit));
  SEXP result = tt_result(status, &error, value);
  UNPROTECT(1);
  return result;
}
