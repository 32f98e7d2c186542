/* The time T = 1, 2, ... of the first unsafe draw when every draw is unsafe with
 * probability p: P(T <= t) = 1 - (1 - p)^t. */
#ifndef TT_GEOMETRIC_H
#define TT_GEOMETRIC_H

#include "random.h"
#include "status.h"

/* TT_EINVAL, naming `what`, unless all n of x lie in [0, 1]. */
tt_status tt_check_unit(size_t n, const double *x, const char *what, tt_error *error);

/* The arguments of any quantile: prob(n) and tau(n_tau) in [0, 1], cap >= 1. */
tt_status tt_check_quantiles(size_t n, const double *prob, size_t n_tau,
                             const double *tau, double cap, tt_error *error);

/* Smallest integer t >= 1 with (1 - p)^t <= 1 - tau, for p and tau in [0, 1].
 *
 * Decided as in exact arithmetic on the two doubles given: near an integer the
 * ratio log(1 - tau) / log(1 - p) is computed with about 100 bits, so p = tau
 * gives 1 and never 2. Exact up to 2^50; beyond it the relative error is a few
 * units in the last place. tau = 0 gives 1; p = 0 gives Inf for tau > 0; p = 1
 * gives 1; tau = 1 gives Inf unless p = 1. */
double tt_geometric_quantile1(double p, double tau);

/* Quantiles of n prompts at K taus.
 *
 *   prob(n)     probabilities in [0, 1]
 *   tau(K)      in [0, 1]
 *   cap         no result exceeds it; >= 1, may be Inf
 *   out(n x K)  column-major: out[i + n * k] belongs to prompt i, tau k
 *   scratch(n)  overwritten */
tt_status tt_geometric_quantile(size_t n, const double *prob, size_t n_tau,
                                const double *tau, double cap, double *out,
                                double *scratch, const tt_poll *poll, tt_error *error);

/* P(T <= time[i]) for time >= 0 (integers or not: the floor counts; may be Inf),
 * with relative accuracy also where it is tiny. Pairwise; all of length n. */
tt_status tt_geometric_distribution(size_t n, const double *time, const double *prob,
                                    double *out, tt_error *error);

/* One time to unsafe per prompt by inversion of a uniform; Inf where p = 0. */
tt_status tt_geometric_sample(size_t n, const double *prob, const tt_uniform *uniform,
                              double *out, const tt_poll *poll, tt_error *error);

#endif
