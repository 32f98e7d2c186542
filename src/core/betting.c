#include "betting.h"

#include "numeric.h"

#include <math.h>

/* The most that one payoff may take of the wealth. */
#define STAKE 0.99

/* What the first bets go by: a number of losses of the largest size, as if a share more
 * of all terms had been seen. Against a lower mean too large a bet costs more than too
 * small a one, so that more losses are expected. The values are those that gave the
 * closest limits in bench/intervals.md; any are valid. */
typedef struct {
  double losses;
  double share;
} prior;

static const prior priors[] = {
    [TT_SIDE_UPPER] = {0.25, 1.0 / 32}, [TT_SIDE_LOWER] = {1.0, 1.0 / 64}};

/* Bets are sized again when this many times as many terms were seen. */
#define AGAIN 1.05

/* Limits are found to within this. */
#define RESOLUTION 1e-9

/* ---- Checks ------------------------------------------------------------------------ */

static int is_positive(double x) {
  return x > 0.0 && x < INFINITY;
}

static tt_status check_largest(const tt_bet_terms *terms, tt_side side, tt_error *error) {
  if (!is_positive(terms->largest_total)) {
    return tt_fail(error, TT_EINVAL, "largest_total", 0, terms->largest_total);
  }
  const int unlimited = side == TT_SIDE_LOWER;
  if (!(terms->largest_part > 0.0 && (unlimited || is_positive(terms->largest_part)))) {
    return tt_fail(error, TT_EINVAL, "largest_part", 0, terms->largest_part);
  }
  if (!(terms->largest_ratio >= 1.0 &&
        (unlimited || is_positive(terms->largest_ratio)))) {
    return tt_fail(error, TT_EINVAL, "largest_ratio", 0, terms->largest_ratio);
  }
  return TT_OK;
}

static tt_status check_terms(const tt_bet_terms *terms, tt_side side, tt_error *error) {
  const tt_status status = check_largest(terms, side, error);
  if (status != TT_OK) {
    return status;
  }
  /* Weights and their products are rounded. */
  const double slack = 1.0 + 1e-9;
  const double most = terms->largest_part * slack;
  for (size_t i = 0; i < terms->n; i++) {
    const double total = terms->total[i];
    const double part = terms->part[i];
    if (!(total >= 0.0 && total <= terms->largest_total * slack)) {
      return tt_fail(error, TT_EINVAL, "total", i, total);
    }
    /* Infinitely many times no total are no number, and no limit. */
    const double ratio = total > 0.0 ? terms->largest_ratio * total : 0.0;
    if (!(part >= 0.0 && part < INFINITY && part <= most && part <= ratio * slack)) {
      return tt_fail(error, TT_EINVAL, "part", i, part);
    }
  }
  return TT_OK;
}

static tt_status check_bets(const tt_bet_terms *terms, tt_side side, const double *bet,
                            tt_error *error) {
  for (size_t i = 0; i < terms->n; i++) {
    if (!(bet[i] >= 0.0 && bet[i] < INFINITY)) {
      return tt_fail(error, TT_EINVAL, "bet", i, bet[i]);
    }
  }
  return check_terms(terms, side, error);
}

/* ---- How much to bet --------------------------------------------------------------- */

/* t - 1 - log(t) = y has a root on either side of 1. Newton's steps come from where the
 * function is above y, and it is convex, so that none goes past the root. */
static double root_above(double y) {
  double t = 1.0 + y + sqrt(2.0 * y);
  for (int step = 0; step < 6; step++) {
    t -= (t - 1.0 - log(t) - y) / (1.0 - 1.0 / t);
  }
  return t;
}

static double root_below(double y) {
  double t = exp(-1.0 - y);
  for (int step = 0; step < 12 && t > 0.0 && t < 1.0; step++) {
    t -= (t - 1.0 - log(t) - y) / (1.0 - 1.0 / t);
  }
  return t;
}

/* Of `losses` expected payoffs of one size, all others being small: the share of the
 * wealth to bet on one, for the wealth to reach its threshold at the closest mean. */
static double best_share(tt_side side, double losses, double log_threshold) {
  const double y = log_threshold / losses;
  if (side == TT_SIDE_UPPER) {
    return 1.0 - 1.0 / root_above(y);
  }
  const double t = root_below(y);
  return t > 0.0 ? 1.0 / t - 1.0 : INFINITY;
}

/* Sums over the terms seen. */
typedef struct {
  double seen;
  double total, part;
  double total_total, total_part, part_part, part_cubed;
} moments;

static void moments_add(moments *m, double total, double part) {
  m->seen += 1.0;
  m->total += total;
  m->part += part;
  m->total_total += total * total;
  m->total_part += total * part;
  m->part_part += part * part;
  m->part_cubed += part * part * part;
}

/* Losses of one size, and as many as it takes for their second and third moments to be
 * those of the payoffs: a loss of a share x of the wealth costs -log(1 - x) = x + x^2 / 2
 * + x^3 / 3 +
 * ..., of which the gains pay for x. */
static double next_bet(const moments *m, const tt_bet_terms *terms, tt_side side,
                       double expected, double log_threshold) {
  const double more = priors[side].share * expected;
  const double largest =
      side == TT_SIDE_UPPER ? terms->largest_part : terms->largest_total;
  const double added = priors[side].losses * largest;
  const double part = m->part + added;
  const double square = m->part_part + added * largest;
  const double cube = m->part_cubed + added * largest * largest;
  const double mean = fmin(1.0, part / (m->total + more));
  const double size = cube / square;
  const double variance =
      fmax(square - mean * (2.0 * m->total_part - mean * m->total_total), 0.0) /
      (m->seen + more);
  const double losses = expected * fmax(variance, 1e-300) / (size * size);
  const double share = best_share(side, losses, log_threshold);
  /* Without a limit the bet goes by the range of the payoffs alone. */
  return fmin(share / size, 1e6 / terms->largest_total);
}

tt_status tt_place_bets(const tt_bet_terms *terms, tt_side side, size_t expected,
                        double log_threshold, double *bet, tt_error *error) {
  if (expected < terms->n || expected == 0) {
    return tt_fail(error, TT_EINVAL, "expected", 0, (double)expected);
  }
  if (!is_positive(log_threshold)) {
    return tt_fail(error, TT_EINVAL, "log_threshold", 0, log_threshold);
  }
  tt_status status = check_terms(terms, side, error);
  if (status != TT_OK) {
    return status;
  }
  moments m = {0};
  moments lossless = {0};
  const double all = (double)expected;
  double again = 0.0;
  double now = 0.0;
  for (size_t i = 0; i < terms->n; i++) {
    if (m.seen >= again) {
      now = next_bet(&m, terms, side, all, log_threshold);
      if (side == TT_SIDE_UPPER) {
        now = fmin(now, next_bet(&lossless, terms, side, all, log_threshold));
      }
      again = fmax(m.seen + 1.0, AGAIN * m.seen);
    }
    bet[i] = now;
    moments_add(&m, terms->total[i], terms->part[i]);
    moments_add(&lossless, terms->total[i], 0.0);
  }
  return TT_OK;
}

/* ---- Wealth ------------------------------------------------------------------------ */

/* The most that a bet may be for no payoff to take more than STAKE of the wealth. With
 * it the wealth is still monotone in the mean: a payoff divided by its range is. */
static double largest_bet(const tt_bet_terms *terms, tt_side side, double mean) {
  const double range = side == TT_SIDE_UPPER
                           ? terms->largest_part * (1.0 - mean / terms->largest_ratio)
                           : terms->largest_total * mean;
  return range > 0.0 ? STAKE / range : INFINITY;
}

static double growth(const tt_bet_terms *terms, size_t i, double sign, double mean,
                     const double *bet, double most) {
  const double payoff = sign * (mean * terms->total[i] - terms->part[i]);
  return fmin(bet[i], most) * payoff;
}

static double sign_of(tt_side side) {
  return side == TT_SIDE_UPPER ? 1.0 : -1.0;
}

tt_status tt_follow_wealth(const tt_bet_terms *terms, tt_side side, double mean,
                           const double *bet, tt_wealth *state, tt_error *error) {
  if (!(mean >= 0.0 && mean <= 1.0)) {
    return tt_fail(error, TT_EINVAL, "mean", 0, mean);
  }
  tt_status status = check_bets(terms, side, bet, error);
  if (status != TT_OK) {
    return status;
  }
  const double most = largest_bet(terms, side, mean);
  tt_sum log = {state->log, 0.0};
  for (size_t i = 0; i < terms->n; i++) {
    tt_sum_add(&log, log1p(growth(terms, i, sign_of(side), mean, bet, most)));
    state->highest = fmax(state->highest, tt_sum_value(&log));
  }
  state->log = tt_sum_value(&log);
  return TT_OK;
}

/* A product needs no logarithms. One that underflows stays 0: nothing is rejected then,
 * which is on the safe side. */
static int is_rejected(const tt_bet_terms *terms, tt_side side, double mean,
                       const double *bet, double threshold, double threshold_last) {
  const double most = largest_bet(terms, side, mean);
  const double sign = sign_of(side);
  double wealth = 1.0;
  for (size_t i = 0; i < terms->n; i++) {
    wealth *= 1.0 + growth(terms, i, sign, mean, bet, most);
    if (wealth >= threshold) {
      return 1;
    }
  }
  return wealth >= threshold_last;
}

tt_status tt_betting_limit(const tt_bet_terms *terms, tt_side side, const double *bet,
                           double log_threshold, double log_threshold_last, double *limit,
                           const tt_poll *poll, tt_error *error) {
  if (isnan(log_threshold)) {
    return tt_fail(error, TT_EINVAL, "log_threshold", 0, log_threshold);
  }
  if (isnan(log_threshold_last)) {
    return tt_fail(error, TT_EINVAL, "log_threshold_last", 0, log_threshold_last);
  }
  tt_status status = check_bets(terms, side, bet, error);
  if (status != TT_OK) {
    return status;
  }
  /* Products of n rounded factors. */
  const double slack = 1.0 + 1e-15 * (double)terms->n;
  const double threshold = exp(log_threshold) * slack;
  const double threshold_last = exp(log_threshold_last) * slack;
  const double end = side == TT_SIDE_UPPER ? 1.0 : 0.0;
  double kept = 1.0 - end;
  double rejected = end;
  *limit = end;
  if (!is_rejected(terms, side, rejected, bet, threshold, threshold_last)) {
    return TT_OK;
  }
  while (fabs(rejected - kept) > RESOLUTION) {
    if (tt_stop_requested(poll)) {
      return TT_EINTERRUPT;
    }
    const double middle = 0.5 * (kept + rejected);
    if (is_rejected(terms, side, middle, bet, threshold, threshold_last)) {
      rejected = middle;
    } else {
      kept = middle;
    }
  }
  *limit = rejected;
  return TT_OK;
}
