/* Weighted estimates of the miscoverage P(T < q_tau(X)) from censored draws, and
 * the tau that calibration selects from them. Formulas: methods vignette,
 * "Calibration". */
#ifndef TT_MISCOVERAGE_H
#define TT_MISCOVERAGE_H

#include "status.h"

/* The curve at K levels from a matrix of quantiles:
 *
 *   curve[k] = (1/n) sum_i 1{time_i < q_ik <= censor_i} / pi_i(k).
 *
 *   time(n), horizon(n)  0 <= time <= horizon; 0 and 0 for a prompt not audited
 *   inclusion            in (0, 1]: n values, or n x K when inclusion_by_tau is not 0
 *   quantiles(n x K)     column-major, >= 1, may be Inf
 *   scratch              of tt_curve_scratch(n) bytes
 *   curve(K)             out */
tt_status tt_miscoverage_curve(size_t n, const double *time, const double *horizon,
                               const double *inclusion, int inclusion_by_tau,
                               size_t n_tau, const double *quantiles, void *scratch,
                               double *curve, const tt_poll *poll, tt_error *error);

/* The last of K strictly increasing taus up to which every miscoverage lies
 * strictly below alpha. *selected counts the feasible ones: 0 when the first one
 * fails, otherwise it is tau[*selected - 1]. */
tt_status tt_select_tau(size_t n_tau, const double *tau, const double *miscoverage,
                        double alpha, size_t *selected, tt_error *error);

/* The tau that lies below a jump: by 2^-46 of itself, so that rounding in the 16th
 * digit of a hazard cannot lift a bound past the draw that set it. */
static inline double tt_below_jump(double tau) {
  return tau * (1.0 - 0x1p-46);
}

/* A prompt that is known to be missed by every tau above `tau`, and its share. */
typedef struct {
  double tau;    /* u = P(T' <= T given x): T < q_tau(x) exactly when tau > u */
  double weight; /* 1 / P(seen) */
} tt_jump;

/* The jumps of the curve for weights that do not depend on tau: one for each
 * audited prompt whose unsafe draw came before its horizon (time < horizon).
 *
 *   tau(n)     what the law of T says of P(T <= time), in [0, 1]
 *   reach(n)   probability with which the event was to be seen, in (0, 1]; looked at
 *              where there is a jump
 *   jumps(n)   out, in the order of the prompts; *n_jumps of them are filled */
tt_status tt_miscoverage_jumps(size_t n, const double *tau, const double *time,
                               const double *horizon, const double *reach, tt_jump *jumps,
                               size_t *n_jumps, const tt_poll *poll, tt_error *error);

/* The exact tau: sup{tau <= tau_max : (1/n) sum of weights with u < tau' stays below
 * alpha for all tau' <= tau}. It is the smallest jump at which the cumulative weight
 * reaches alpha * n, found by weighted selection in expected O(m) time; ties are one
 * jump. The tau returned lies just below that jump: see tt_below_jump().
 *
 *   n           number of planned prompts, audited or not
 *   jumps(m)    reordered
 *   tau         out: in [0, tau_max]
 *   at_tau_max  out: 1 when the curve stays below alpha up to tau_max */
tt_status tt_select_jump(size_t n, size_t n_jumps, tt_jump *jumps, double alpha,
                         double tau_max, double *tau, int *at_tau_max,
                         const tt_poll *poll, tt_error *error);

#endif
