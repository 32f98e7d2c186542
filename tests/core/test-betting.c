#include "betting.h"

#include "contract.h"

enum { N = 200 };

typedef struct {
  double total[N];
  double part[N];
  double bet[N];
  tt_bet_terms terms;
} problem;

/* Weights of 0, 1 and 8, fractions of them lost; `ratio` above 1 lets a part exceed its
 * total. */
static void make(problem *p, size_t n, double mean, double ratio, uint64_t seed) {
  check_random random = {seed};
  for (size_t i = 0; i < n; i++) {
    const double weight = check_uniform(&random) < 0.2 ? 8.0 : 1.0;
    const int looked_at = check_uniform(&random) < 1.0 / weight;
    const int lost = check_uniform(&random) < mean;
    p->total[i] = looked_at ? weight : 0.0;
    p->part[i] = lost ? p->total[i] * ratio * check_uniform(&random) : 0.0;
  }
  const tt_bet_terms terms = {n, p->total, p->part, 8.0, 8.0 * ratio, ratio};
  p->terms = terms;
}

static void place(problem *p, tt_side side, double log_threshold) {
  if (tt_place_bets(&p->terms, side, p->terms.n, log_threshold, p->bet, NULL) != TT_OK) {
    abort();
  }
}

/* The log wealth after each term, by its definition; the highest of them. */
static double plain_wealth(const problem *p, tt_side side, double mean, double *highest) {
  const double sign = side == TT_SIDE_UPPER ? 1.0 : -1.0;
  const double range = side == TT_SIDE_UPPER
                           ? p->terms.largest_part * (1.0 - mean / p->terms.largest_ratio)
                           : p->terms.largest_total * mean;
  double log_wealth = 0.0;
  *highest = 0.0;
  for (size_t i = 0; i < p->terms.n; i++) {
    const double bet = fmin(p->bet[i], 0.99 / range);
    log_wealth += log(1.0 + bet * sign * (mean * p->total[i] - p->part[i]));
    *highest = fmax(*highest, log_wealth);
  }
  return log_wealth;
}

static int plain_rejects(const problem *p, tt_side side, double mean, double threshold,
                         double last) {
  double highest = 0.0;
  const double log_wealth = plain_wealth(p, side, mean, &highest);
  return highest >= threshold || log_wealth >= last;
}

static void test_scan(tt_side side, const char *sentence) {
  int monotone = 1;
  int same = 1;
  for (uint64_t seed = 1; seed <= 60; seed++) {
    problem p;
    make(&p, 20 + (size_t)(seed * 7) % 180, 0.01 * (double)(seed % 30),
         seed % 3 == 0 ? 2.5 : 1.0, seed);
    const double threshold = 1.0 + 0.1 * (double)(seed % 25);
    const double last = threshold + log(0.05 + 0.9 * (double)(seed % 7) / 7.0);
    place(&p, side, threshold);
    double limit = -1.0;
    if (tt_betting_limit(&p.terms, side, p.bet, threshold, last, &limit, NULL, NULL) !=
        TT_OK) {
      abort();
    }
    double before = side == TT_SIDE_UPPER ? -INFINITY : INFINITY;
    for (int k = 0; k <= 1000; k++) {
      const double mean = k / 1000.0;
      double highest = 0.0;
      const double wealth = plain_wealth(&p, side, mean, &highest);
      monotone &=
          side == TT_SIDE_UPPER ? wealth >= before - 1e-9 : wealth <= before + 1e-9;
      before = wealth;
      const int outside = side == TT_SIDE_UPPER ? mean > limit : mean < limit;
      if (fabs(mean - limit) > 1e-8) {
        same &= outside == plain_rejects(&p, side, mean, threshold, last);
      }
    }
  }
  check_that(monotone, "the wealth is monotone in the mean");
  check_that(same, sentence);
}

static void test_state(void) {
  problem p;
  make(&p, 150, 0.1, 1.0, 5);
  place(&p, TT_SIDE_UPPER, 3.0);
  double highest = 0.0;
  const double all = plain_wealth(&p, TT_SIDE_UPPER, 0.2, &highest);
  tt_wealth state = {0.0, 0.0};
  tt_bet_terms first = p.terms;
  first.n = 60;
  tt_bet_terms rest = p.terms;
  rest.n -= 60;
  rest.total += 60;
  rest.part += 60;
  tt_status status = tt_follow_wealth(&first, TT_SIDE_UPPER, 0.2, p.bet, &state, NULL);
  check_that(status == TT_OK, "the wealth of the first terms");
  status = tt_follow_wealth(&rest, TT_SIDE_UPPER, 0.2, p.bet + 60, &state, NULL);
  check_that(status == TT_OK, "continued with the others");
  check_near(state.log, all, 1e-10, "is that of all");
  check_near(state.highest, highest, 1e-10, "and so is the highest");
}

/* A bet may depend on the terms before it alone. */
static void test_predictable(void) {
  int same = 1;
  for (int side = 0; side < 2; side++) {
    problem p;
    problem q;
    make(&p, N, 0.2, 1.0, 9);
    make(&q, N, 0.2, 1.0, 9);
    q.total[120] = 8.0;
    q.part[120] = 8.0;
    place(&p, (tt_side)side, 2.3);
    place(&q, (tt_side)side, 2.3);
    for (size_t i = 0; i <= 120; i++) {
      same &= p.bet[i] == q.bet[i];
    }
    same &= p.bet[N - 1] != q.bet[N - 1];
  }
  check_that(same, "a bet goes by the terms before it");
}

/* Of all that can happen with these totals, no loss has the smallest upper limit. */
static void test_no_loss_is_least(void) {
  int least = 1;
  for (uint64_t seed = 1; seed <= 80; seed++) {
    problem p;
    make(&p, 60, 0.004 * (double)(seed % 20), 1.0, seed);
    double with = 0.0;
    double without = 0.0;
    place(&p, TT_SIDE_UPPER, 2.5);
    tt_betting_limit(&p.terms, TT_SIDE_UPPER, p.bet, 2.5, 2.5, &with, NULL, NULL);
    memset(p.part, 0, sizeof p.part);
    place(&p, TT_SIDE_UPPER, 2.5);
    tt_betting_limit(&p.terms, TT_SIDE_UPPER, p.bet, 2.5, 2.5, &without, NULL, NULL);
    least &= without <= with;
  }
  check_that(least, "no losses give the smallest upper limit");
}

/* Where all weights are 1 nothing beats Clopper and Pearson's 1 - delta^(1 / n) without a
 * loss, and the bets come close. */
static void test_no_losses(void) {
  problem p;
  for (size_t i = 0; i < N; i++) {
    p.total[i] = 1.0;
    p.part[i] = 0.0;
  }
  const tt_bet_terms terms = {N, p.total, p.part, 1.0, 1.0, 1.0};
  p.terms = terms;
  place(&p, TT_SIDE_UPPER, log(20.0));
  double limit = 0.0;
  tt_betting_limit(&p.terms, TT_SIDE_UPPER, p.bet, log(20.0), log(20.0), &limit, NULL,
                   NULL);
  const double best = 1.0 - pow(0.05, 1.0 / N);
  check_that(limit >= best && limit <= 1.25 * best, "no loss: close to the exact limit");
  place(&p, TT_SIDE_LOWER, log(20.0));
  tt_betting_limit(&p.terms, TT_SIDE_LOWER, p.bet, log(20.0), log(20.0), &limit, NULL,
                   NULL);
  check_that(limit == 0.0, "and no lower limit");
}

static void test_all_lost(void) {
  problem p;
  for (size_t i = 0; i < N; i++) {
    p.total[i] = 1.0;
    p.part[i] = 1.0;
  }
  const tt_bet_terms terms = {N, p.total, p.part, 1.0, 1.0, 1.0};
  p.terms = terms;
  double limit = 0.0;
  place(&p, TT_SIDE_UPPER, 3.0);
  tt_betting_limit(&p.terms, TT_SIDE_UPPER, p.bet, 3.0, 3.0, &limit, NULL, NULL);
  check_that(limit == 1.0, "all lost: the upper limit is 1");
  place(&p, TT_SIDE_LOWER, 3.0);
  tt_betting_limit(&p.terms, TT_SIDE_LOWER, p.bet, 3.0, 3.0, &limit, NULL, NULL);
  check_that(limit > 0.9 && limit < 1.0, "and the lower one close to it");
}

/* Against a lower mean only totals are lost. */
static void test_unlimited(void) {
  problem p;
  make(&p, 100, 0.3, 3.0, 4);
  place(&p, TT_SIDE_LOWER, 2.0);
  double limit = 0.0;
  double same = -1.0;
  tt_betting_limit(&p.terms, TT_SIDE_LOWER, p.bet, 2.0, 2.0, &limit, NULL, NULL);
  p.terms.largest_part = INFINITY;
  p.terms.largest_ratio = INFINITY;
  place(&p, TT_SIDE_LOWER, 2.0);
  tt_betting_limit(&p.terms, TT_SIDE_LOWER, p.bet, 2.0, 2.0, &same, NULL, NULL);
  check_that(limit > 0.0 && limit == same, "a lower limit needs no largest part");
  tt_error error = untouched;
  check_refused(
      tt_betting_limit(&p.terms, TT_SIDE_UPPER, p.bet, 2.0, 2.0, &limit, NULL, &error),
      TT_EINVAL, error, "largest_part", 0, INFINITY, "an upper one does");
}

static void test_nothing(void) {
  const tt_bet_terms none = {0, NULL, NULL, 1.0, 1.0, 1.0};
  double limit = 0.5;
  tt_status status =
      tt_betting_limit(&none, TT_SIDE_UPPER, NULL, 1.0, 1.0, &limit, NULL, NULL);
  check_that(status == TT_OK && limit == 1.0, "no terms, no upper limit");
  status = tt_betting_limit(&none, TT_SIDE_LOWER, NULL, 1.0, 1.0, &limit, NULL, NULL);
  check_that(status == TT_OK && limit == 0.0, "no terms, no lower limit");
}

static void test_refused(void) {
  problem p;
  make(&p, 50, 0.1, 1.0, 3);
  place(&p, TT_SIDE_UPPER, 2.0);
  double limit = 0.0;
  tt_error error = untouched;
  tt_bet_terms bad = p.terms;
  bad.largest_total = 0.0;
  check_refused(tt_place_bets(&bad, TT_SIDE_UPPER, 50, 2.0, p.bet, &error), TT_EINVAL,
                error, "largest_total", 0, 0.0, "no largest total");
  bad = p.terms;
  bad.largest_part = INFINITY;
  check_refused(tt_place_bets(&bad, TT_SIDE_UPPER, 50, 2.0, p.bet, &error), TT_EINVAL,
                error, "largest_part", 0, INFINITY, "an infinite largest part");
  bad = p.terms;
  bad.largest_ratio = 0.5;
  check_refused(tt_place_bets(&bad, TT_SIDE_UPPER, 50, 2.0, p.bet, &error), TT_EINVAL,
                error, "largest_ratio", 0, 0.5, "a ratio below 1");
  check_refused(tt_place_bets(&p.terms, TT_SIDE_UPPER, 49, 2.0, p.bet, &error), TT_EINVAL,
                error, "expected", 0, 49.0, "fewer expected than there are");
  check_refused(tt_place_bets(&p.terms, TT_SIDE_UPPER, 50, 0.0, p.bet, &error), TT_EINVAL,
                error, "log_threshold", 0, 0.0, "a threshold of 1");
  check_refused(
      tt_betting_limit(&p.terms, TT_SIDE_UPPER, p.bet, NAN, 1.0, &limit, NULL, &error),
      TT_EINVAL, error, "log_threshold", 0, NAN, "a threshold that is NaN");
  check_refused(
      tt_betting_limit(&p.terms, TT_SIDE_UPPER, p.bet, 1.0, NAN, &limit, NULL, &error),
      TT_EINVAL, error, "log_threshold_last", 0, NAN, "a last threshold that is NaN");
  p.bet[4] = -1.0;
  check_refused(
      tt_betting_limit(&p.terms, TT_SIDE_UPPER, p.bet, 1.0, 1.0, &limit, NULL, &error),
      TT_EINVAL, error, "bet", 4, -1.0, "a negative bet");
  p.bet[4] = 0.0;
  p.total[7] = NAN;
  check_refused(
      tt_betting_limit(&p.terms, TT_SIDE_UPPER, p.bet, 1.0, 1.0, &limit, NULL, &error),
      TT_EINVAL, error, "total", 7, NAN, "a total that is NaN");
  p.total[7] = 1.0;
  p.part[7] = 1.1;
  tt_wealth state = {0.0, 0.0};
  check_refused(tt_follow_wealth(&p.terms, TT_SIDE_LOWER, 0.1, p.bet, &state, &error),
                TT_EINVAL, error, "part", 7, 1.1, "more lost than there was");
  p.part[7] = 0.0;
  check_refused(tt_follow_wealth(&p.terms, TT_SIDE_LOWER, 1.1, p.bet, &state, &error),
                TT_EINVAL, error, "mean", 0, 1.1, "a mean above 1");
}

static void test_interrupt(void) {
  problem p;
  make(&p, 100, 0.1, 1.0, 3);
  place(&p, TT_SIDE_UPPER, 2.0);
  poll_counter counter = {0, 3};
  const tt_poll poll = {count_poll, &counter};
  double limit = 0.0;
  const tt_status status =
      tt_betting_limit(&p.terms, TT_SIDE_UPPER, p.bet, 2.0, 2.0, &limit, &poll, NULL);
  check_that(status == TT_EINTERRUPT && counter.calls == 3, "stops when asked to");
}

int main(void) {
  test_scan(TT_SIDE_UPPER, "upper limit: that of a scan over means");
  test_scan(TT_SIDE_LOWER, "lower limit: that of a scan over means");
  test_state();
  test_predictable();
  test_no_loss_is_least();
  test_no_losses();
  test_all_lost();
  test_unlimited();
  test_nothing();
  test_refused();
  test_interrupt();
  return check_report();
}
