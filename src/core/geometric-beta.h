/* The time T = 1, 2, ... of the first unsafe draw when the hazard itself differs between
 * prompts that look alike: it has a beta distribution with mean p and precision m, so
 * that with a = p m and b = (1 - p) m
 *
 *   P(T > t) = B(a, b + t) / B(a, b) = product of (b + j) / (a + b + j), j < t. */
#ifndef TT_GEOMETRIC_BETA_H
#define TT_GEOMETRIC_BETA_H

#include "numeric.h"
#include "status.h"

/* TT_EINVAL, naming the column, unless all n of prob lie in [0, 1] and all of precision
 * above 0. */
tt_status tt_check_beta_law(size_t n, const double *prob, tt_column precision,
                            tt_error *error);

/* Smallest integer t >= 1 with P(T > t) <= 1 - tau, for p and tau in [0, 1], m > 0.
 *
 * Up to 2^50 (2^40 where a < 1/2) decided with about 100 bits on the doubles given: two
 * sides that agree to 2^-90 count as equal. Beyond, the relative error is about 1e-14 (1
 * - log(1 - tau)) / a at most (for a above 1: 1e-14), and a result above 1e307 is Inf. m
 * above 1e280, Inf included, gives tt_geometric_quantile1(p, tau). tau = 0 and p = 1 give
 * 1; p = 0 gives Inf for tau > 0; tau = 1 gives Inf unless p = 1. */
double tt_beta_geometric_quantile1(double p, double m, double tau);

/* Quantiles of n prompts at K taus.
 *
 *   prob(n)     means of the hazards, in [0, 1]
 *   precision   one for each prompt, or one for all; > 0, may be Inf
 *   tau(K)      in [0, 1]
 *   cap         no result exceeds it; >= 1, may be Inf
 *   out(n x K)  column-major: out[i + n * k] belongs to prompt i, tau k */
tt_status tt_beta_geometric_quantile(size_t n, const double *prob, tt_column precision,
                                     size_t n_tau, const double *tau, double cap,
                                     double *out, const tt_poll *poll, tt_error *error);

/* P(T <= time[i]) for time >= 0 (integers or not: the floor counts; may be Inf), with
 * relative accuracy also where it is tiny. Pairwise; all of length n. */
tt_status tt_beta_geometric_distribution(size_t n, const double *time, const double *prob,
                                         const double *precision, double *out,
                                         tt_error *error);

/* The mean of min(T, limit[i]): the draws of a prompt that stops at its first unsafe
 * one, or at the limit. The relative error is about 1e-9 where p m is within 1e-9 of 1,
 * and about 1e-13 elsewhere. limit >= 0, an integer, finite where p m <= 1. Pairwise. */
tt_status tt_beta_geometric_cost(size_t n, const double *limit, const double *prob,
                                 const double *precision, double *out, tt_error *error);

#endif
