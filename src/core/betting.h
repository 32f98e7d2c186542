/* What a sequence of bounded terms says of a mean, by betting: the wealth of a bet
 * against a null hypothesis is a test martingale, and what makes it reach 1 / delta is
 * rejected. The engine of every claim; it knows nothing of prompts. Derivation: methods
 * vignette, "Limits by betting". */
#ifndef TT_BETTING_H
#define TT_BETTING_H

#include "status.h"

/* Independent pairs (total_i, part_i) in an order that does not depend on them. The
 * mean in question is r = E part / E total, in [0, 1]: total_i is a weight, part_i the
 * weight times what was observed. The three bounds were known before the terms. Against a
 * lower mean only totals are lost: largest_part and largest_ratio may then be infinite.
 */
typedef struct {
  size_t n;
  const double *total;  /* n, from 0 to largest_total */
  const double *part;   /* n, from 0 to largest_part and to largest_ratio * total */
  double largest_total; /* finite, > 0 */
  double largest_part;  /* finite, > 0 */
  double largest_ratio; /* finite, >= 1 */
} tt_bet_terms;

/* The null hypothesis that is bet against: TT_SIDE_UPPER "the mean is r or more", with
 * payoffs r * total - part, which gives upper limits; TT_SIDE_LOWER "r or less", with
 * payoffs part - r * total. */
typedef enum { TT_SIDE_UPPER = 0, TT_SIDE_LOWER = 1 } tt_side;

/* What can be saved, and continued with further terms: of the logarithm of the wealth
 * at one r, where it stands and the highest it has been. Starts as {0, 0}. */
typedef struct {
  double log;
  double highest;
} tt_wealth;

/* A bet (multiple of the payoff) for each term, from the terms before it alone: those
 * that make the limit closest if what follows is like them. Against an upper mean no loss
 * ever raises a bet above what it would have been without one, so that no losses give the
 * smallest limit there can be.
 *
 *   expected       terms in all, n or more: bets are sized for that number
 *   log_threshold  log(1 / delta), > 0
 *   bet(n)         out: >= 0; what the range of a payoff permits is up to the next
 *
 * TT_EINVAL, naming "total", "part", "largest_total", "largest_part", "largest_ratio",
 * "expected" or "log_threshold". */
tt_status tt_place_bets(const tt_bet_terms *terms, tt_side side, size_t expected,
                        double log_threshold, double *bet, tt_error *error);

/* Follows the wealth of those bets against the null hypothesis at `mean`, in [0, 1].
 * Where a payoff could take more than 99% of the wealth, less is bet.
 *
 *   state  in and out */
tt_status tt_follow_wealth(const tt_bet_terms *terms, tt_side side, double mean,
                           const double *bet, tt_wealth *state, tt_error *error);

/* The smallest r such that the null hypothesis is rejected at every mean above it
 * (TT_SIDE_UPPER; 1 for none), or the largest such that it is at every mean below (0 for
 * none). Rejected: the wealth reaches exp(log_threshold) after some term, or
 * exp(log_threshold_last) after the last. The wealth is monotone in the mean, so that
 * bisection finds the limit; it errs on the safe side, by 1e-9 at most. */
tt_status tt_betting_limit(const tt_bet_terms *terms, tt_side side, const double *bet,
                           double log_threshold, double log_threshold_last, double *limit,
                           const tt_poll *poll, tt_error *error);

#endif
