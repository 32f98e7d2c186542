/* The likelihood of counts, whatever model their probabilities come from. */
#ifndef TT_HAZARD_LIKELIHOOD_H
#define TT_HAZARD_LIKELIHOOD_H

#include <stddef.h>

/* sum of unsafe log(prob) + (draws - unsafe) log(1 - prob), with 0 log 0 = 0, at the
 * given probabilities and at unsafe / draws (the saturated model).
 *
 *   unsafe(n), draws(n)  0 <= unsafe <= draws, draws > 0
 *   prob(n)              in [0, 1] */
void tt_binomial_likelihood(size_t n, const double *unsafe, const double *draws,
                            const double *prob, double *likelihood, double *saturated);

#endif
