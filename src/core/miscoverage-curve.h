/* The curve of a matrix of quantiles, a weighted sum of losses at each tau: what the
 * estimates from times and from replicated draws share. */
#ifndef TT_MISCOVERAGE_CURVE_H
#define TT_MISCOVERAGE_CURVE_H

#include "status.h"

/* The prompts that can lose at all, often few: only their quantiles are looked up. */
typedef struct {
  size_t m;
  size_t *row;    /* m: increasing */
  double *seen;   /* m: their outcomes, of both columns */
  double *beyond; /* m */
  double *weight; /* m: 1 / inclusion, at the tau that is looked at */
} tt_losers;

/* Bytes of scratch that a curve of n prompts needs, aligned as malloc aligns; it need
 * not be cleared. TT_EOVERFLOW when that does not fit. */
tt_status tt_curve_scratch(size_t n, size_t *bytes);

/* What differs between estimates: what two columns say of the prompts' draws, `seen`
 * (times, or unsafe draws) and `beyond` (horizons, or draws).
 *
 *   can_lose   whether a prompt can add to the sum at any tau
 *   wrong      the first of n rows whose quantile is not allowed; n for none
 *   losses     the weighted sum of the losses at one column of quantiles, or
 *              TT_EINTERRUPT */
typedef struct {
  const double *seen;
  const double *beyond;
  int (*can_lose)(double seen, double beyond);
  size_t (*wrong)(size_t n, const double *beyond, const double *quantile);
  tt_status (*losses)(const tt_losers *losers, const double *quantile, double *sum,
                      const tt_poll *poll);
} tt_curve_kind;

/* curve[k] = losses(column k) / n at K values of tau, for n > 0 prompts.
 *
 *   inclusion        in (0, 1]: n values, or n x K when inclusion_by_tau is not 0
 *   quantiles(n x K) column-major
 *   scratch          of tt_curve_scratch(n) bytes
 *   curve(K)         out */
tt_status tt_curve(const tt_curve_kind *kind, size_t n, const double *inclusion,
                   int inclusion_by_tau, size_t n_tau, const double *quantiles,
                   void *scratch, double *curve, const tt_poll *poll, tt_error *error);

#endif
