/* The miscoverage P(T < q) of a prompt from a number of draws that was fixed before
 * them. Formulas: methods vignette, "Replicated draws". */
#ifndef TT_MISCOVERAGE_REPLICATED_H
#define TT_MISCOVERAGE_REPLICATED_H

#include "status.h"

/* 1 - choose(draws - unsafe, q - 1) / choose(draws, q - 1): the share of the orders of
 * the draws in which an unsafe one is among the first q - 1. The minimum-variance
 * unbiased estimate of P(T < q), increasing in q and in `unsafe`; 0 without an unsafe
 * draw. For 0 <= unsafe <= draws and 1 <= q <= draws + 1, whole numbers; beyond, where
 * nothing is known, it is 1, and 0 without draws. Relative accuracy of a few units in
 * the last place; at most sqrt(40 * draws) steps. */
double tt_replicated_loss1(double unsafe, double draws, double quantile);

/* The same for n prompts. A prompt without draws loses nothing, whatever its quantile;
 * where quantile - 1 exceeds `draws` otherwise, the estimate does not exist: TT_EINVAL,
 * as for counts that are not (see tt_check_counts()). All of length n. */
tt_status tt_replicated_loss(size_t n, const double *unsafe, const double *draws,
                             const double *quantile, double *loss, const tt_poll *poll,
                             tt_error *error);

/* curve[k] = (1/n) sum_i loss_i(q_ik) / pi_i(k) at K taus.
 *
 *   unsafe(n), draws(n)  whole, 0 <= unsafe <= draws; 0 and 0 for a prompt not audited
 *   inclusion            in (0, 1]: n values, or n x K when inclusion_by_tau is not 0
 *   quantiles(n x K)     column-major, from 1 to draws + 1 where there are draws
 *   scratch              of tt_curve_scratch(n) bytes
 *   curve(K)             out */
tt_status tt_replicated_miscoverage(size_t n, const double *unsafe, const double *draws,
                                    const double *inclusion, int inclusion_by_tau,
                                    size_t n_tau, const double *quantiles, void *scratch,
                                    double *curve, const tt_poll *poll, tt_error *error);

#endif
