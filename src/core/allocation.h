/* The convex program that spreads a sampling budget over prompts:
 *
 *   minimise   sum_i benefit_i / pi_i
 *   subject to sum_i cost_i * pi_i <= total,   lower_i <= pi_i <= upper_i.
 *
 * Its KKT conditions give pi_i = clamp(mu * sqrt(benefit_i / cost_i)) with one
 * multiplier mu for all prompts. The money spent is a continuous, piecewise linear,
 * increasing function of mu with two breakpoints per prompt; the segment that holds
 * `total` is found by repeated partition around a pivot (expected O(n) time), and
 * mu follows from that segment in closed form. */
#ifndef TT_ALLOCATION_H
#define TT_ALLOCATION_H

#include "numeric.h"
#include "status.h"

/* Scratch of tt_allocate: one item for each of the n prompts. */
typedef struct {
  double start; /* the multiplier at which inclusion leaves its lower bound */
  double stop;  /* ... and at which it reaches its upper bound */
  double slope; /* spending per unit of the multiplier in between */
} tt_allocation_item;

/* The program, exactly.
 *
 *   cost(n)       finite, >= 0; cost 0: inclusion = upper
 *   benefit       finite, >= 0; benefit 0 (at positive cost): inclusion = lower,
 *                 unless there is money for everybody's upper bound
 *   lower         finite, >= 0
 *   upper         >= lower; may be Inf where cost and benefit are positive
 *   total         >= 0, may be Inf; at or above sum(cost * upper): inclusion = upper
 *   inclusion(n)  out: sum(cost * inclusion) <= total * (1 + 1e-14)
 *   multiplier    out: mu; Inf when everything is at its upper bound. Out of the range
 *                 of doubles, or almost, where costs are near 1e308 and benefits near
 *                 1e-308 or the other way round: then the nearest double
 *   items(n)      scratch
 *
 * TT_EINFEASIBLE when `lower` alone costs more than total; then error->value is
 * that cost. TT_ENUMERIC when the breakpoints, lower and upper times
 * sqrt(cost / benefit), lie more than a factor of about 2^2000 apart. */
tt_status tt_allocate(size_t n, const double *cost, tt_column benefit, tt_column lower,
                      tt_column upper, double total, double *inclusion,
                      double *multiplier, tt_allocation_item *items, const tt_poll *poll,
                      tt_error *error);

/* Inclusion probabilities for a multiplier that is already known, say from another set
 * of prompts; >= 0, may be Inf. */
tt_status tt_allocate_given(size_t n, const double *cost, tt_column benefit,
                            tt_column lower, tt_column upper, double multiplier,
                            double *inclusion, const tt_poll *poll, tt_error *error);

#endif
