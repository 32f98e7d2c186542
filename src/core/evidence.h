/* The largest tau that an audit supports, under a marginal rule, an asymptotic one, or
 * a certificate that holds in finite samples. Derivation: methods vignette, "The
 * certificate". */
#ifndef TT_EVIDENCE_H
#define TT_EVIDENCE_H

#include "hazard-law.h"
#include "status.h"

/* What the audit says of the miscoverage at a tau, of units that are independent
 * of each other: prompts, or clusters of them. alpha - Z_i(tau) = base_i - loss_i(tau)
 * for each unit, with E Z_i(tau) the miscoverage. The base is what a unit that loses
 * nothing adds to the evidence. The loss is the sum over the unit's rows of the row's
 * weight times
 *   - 1{jump < tau}, when `jump` is given: see tt_miscoverage_jumps(); otherwise
 *   - tt_replicated_loss1() at the tau quantile of the row's law, capped;
 * it increases with tau. */
typedef struct {
  size_t n;             /* planned units, audited or not */
  const double *base;   /* n, >= 0, in the random order of the plan */
  size_t m;             /* rows that can lose; what follows is of this length */
  const double *place;  /* the row's unit: whole, never decreasing, from 1 to n */
  const double *weight; /* above 0: 1 / inclusion probability, times the row's share */
  const double *jump;   /* >= 0, may be Inf; or null, and then: */
  tt_law law;
  const double *unsafe; /* counts of an audit, see tt_check_counts() */
  const double *draws;
  double cap; /* no quantile exceeds it: >= 1, may be Inf */
} tt_terms;

typedef enum {
  TT_RULE_MARGINAL = 0, /* sum(loss) < sum(base) */
  TT_RULE_NORMAL = 1,   /* sum(loss) + z * se < sum(base) */
  TT_RULE_WEALTH = 2    /* the wealth of a bet against a miscoverage of alpha */
} tt_rule_kind;

/* TT_RULE_WEALTH: K_t = prod_{i <= t} (1 + bet * (base_i - loss_i)) reaches
 * exp(log_threshold) at some t, or exp(log_threshold_last) at t = n. TT_RULE_NORMAL: se^2
 * = sum (base - loss)^2 + variance_floor, where `variance_floor` sees to it that no loss
 * is not no doubt. */
typedef struct {
  tt_rule_kind kind;
  double z;              /* normal quantile, finite */
  double variance_floor; /* >= 0 */
  double bet; /* >= 0, and 1 + bet * (base - sum of weights) > 0 for every unit */
  double log_threshold;      /* log(1 / delta) */
  double log_threshold_last; /* log(U / delta), at most `log_threshold` */
} tt_rule;

/* Bytes of scratch that tt_certify needs, aligned as malloc aligns; it need not be
 * cleared. TT_EOVERFLOW when that does not fit. */
tt_status tt_certify_scratch(size_t n, size_t m, size_t *bytes);

/* Refuses, with TT_EINVAL, what does not fit the comments above: "order" for places,
 * "inclusion" for weights, otherwise the argument's own name.
 *
 * sup{tau <= tau_max : the rule holds at tau}, found by bisection: 0 when it holds
 * nowhere. Lies just below the tau at which it fails: see tt_below_jump().
 *
 *   tau         out: in [0, tau_max]
 *   at_tau_max  out: 1 when the rule holds at tau_max */
tt_status tt_certify(const tt_terms *losses, const tt_rule *rule, double tau_max,
                     void *scratch, double *tau, int *at_tau_max, const tt_poll *poll,
                     tt_error *error);

#endif
