#include "core/evidence.h"
#include "ffi.h"

static const char *const rule_names[] = {[TT_RULE_MARGINAL] = "marginal",
                                         [TT_RULE_NORMAL] = "normal",
                                         [TT_RULE_WEALTH] = "wealth",
                                         NULL};

/* `kind`, and what that kind needs. */
static tt_rule read_rule(SEXP list) {
  tt_rule rule = {0};
  rule.kind = (tt_rule_kind)tt_choose(tt_field(list, "kind"), rule_names, "kind");
  switch (rule.kind) {
  case TT_RULE_MARGINAL:
    break;
  case TT_RULE_NORMAL:
    rule.z = tt_field_scalar(list, "z");
    rule.variance_floor = tt_field_scalar(list, "variance_floor");
    break;
  case TT_RULE_WEALTH:
    rule.bet = tt_field_scalar(list, "bet");
    rule.log_threshold = tt_field_scalar(list, "log_threshold");
    rule.log_threshold_last = tt_field_scalar(list, "log_threshold_last");
    break;
  }
  return rule;
}

static tt_law read_law(SEXP name, SEXP columns, R_xlen_t n) {
  tt_law law = {(tt_law_kind)tt_choose(name, tt_law_names, "law"), {NULL}};
  const char *const *names = tt_law_columns(law.kind);
  for (size_t k = 0; names[k] != NULL; k++) {
    law.columns[k] = tt_field_doubles(columns, names[k], n);
  }
  return law;
}

/* `outcome` is list(jump), or list(law, columns, unsafe, draws). */
static void read_outcome(SEXP outcome, R_xlen_t n, tt_terms *losses) {
  if (tt_has_field(outcome, "jump")) {
    losses->jump = tt_field_doubles(outcome, "jump", n);
  } else {
    losses->law = read_law(tt_field(outcome, "law"), tt_field(outcome, "columns"), n);
    losses->unsafe = tt_field_doubles(outcome, "unsafe", n);
    losses->draws = tt_field_doubles(outcome, "draws", n);
  }
}

/* evidence: base, place, weight, cap, tau_max, outcome. */
SEXP ffi_certify(SEXP evidence, SEXP rule) {
  static const char *const names[] = {"tau", "at_tau_max"};
  R_xlen_t n = Rf_xlength(tt_field(evidence, "base"));
  R_xlen_t m = Rf_xlength(tt_field(evidence, "place"));
  const tt_rule how = read_rule(rule);
  tt_terms losses = {
      .n = (size_t)n,
      .base = tt_field_doubles(evidence, "base", n),
      .m = (size_t)m,
      .place = tt_field_doubles(evidence, "place", m),
      .weight = tt_field_doubles(evidence, "weight", m),
      .cap = tt_field_scalar(evidence, "cap"),
  };
  read_outcome(tt_field(evidence, "outcome"), m, &losses);
  double tau_max = tt_field_scalar(evidence, "tau_max");
  double tau = 0.0;
  int at_tau_max = 0;
  size_t bytes = 0;
  tt_error error = {0};
  tt_status status = tt_certify_scratch(losses.n, losses.m, &bytes);
  if (status != TT_OK) {
    return tt_result(status, &error, R_NilValue);
  }
  status = tt_certify(&losses, &how, tau_max, R_alloc(bytes, 1), &tau, &at_tau_max,
                      &tt_r_poll, &error);
  SEXP value = PROTECT(tt_named_list(2, names));
  SET_VECTOR_ELT(value, 0, Rf_ScalarReal(tau));
  SET_VECTOR_ELT(value, 1, Rf_ScalarLogical(at_tau_max));
  SEXP result = tt_result(status, &error, value);
  UNPROTECT(1);
  return result;
}
