#include "miscoverage.h"

#include "contract.h"

/* A tau below its jump by 2^-46 of itself, to within rounding. */
static int is_just_below(double tau, double jump) {
  return fabs(tau - jump * (1.0 - 0x1p-46)) <= 0x1p-51 * jump;
}

/* ---- Jumps ------------------------------------------------------------------------- */

static void test_jumps(void) {
  const double at[] = {0.75, 0.875, 0.0, 3e-18, 0.0, 1.0};
  const double time[] = {2.0, 3.0, 1.0, 3.0, 0.0, 1.0};
  const double censor[] = {3.0, 3.0, 2.0, INFINITY, 0.0, 5.0};
  const double reach[] = {0.25, NAN, 1.0, 0.5, -1.0, 0.125};
  const tt_jump want[] = {{0.75, 4.0}, {0.0, 1.0}, {3e-18, 2.0}, {1.0, 8.0}};
  tt_jump jumps[6];
  size_t count = 99;
  tt_error error = untouched;
  int right = tt_miscoverage_jumps(6, at, time, censor, reach, jumps, &count, NULL,
                                   &error) == TT_OK &&
              count == 4 && is_untouched(error);
  for (size_t j = 0; j < 4 && right; j++) {
    right = jumps[j].tau == want[j].tau && jumps[j].weight == want[j].weight;
  }
  check_that(right, "one jump for each event before its horizon");
  check_that(tt_miscoverage_jumps(0, NULL, NULL, NULL, NULL, NULL, &count, NULL, NULL) ==
                     TT_OK &&
                 count == 0,
             "no prompts, no jumps");
  poll_counter counter = {0, 1};
  const tt_poll poll = {count_poll, &counter};
  check_that(tt_miscoverage_jumps(6, at, time, censor, reach, jumps, &count, &poll,
                                  NULL) == TT_EINTERRUPT,
             "it stops when the poll says so");
}

static void jumps_refuse(double u, double t, double c, double r, const char *what,
                         double value, const char *sentence) {
  const double at[] = {0.5, 0.5, u}, time[] = {1.0, 2.0, t}, censor[] = {2.0, 2.0, c};
  const double reach[] = {0.5, 0.5, r};
  tt_jump jumps[3];
  size_t count;
  tt_error error = untouched;
  const tt_status got =
      tt_miscoverage_jumps(3, at, time, censor, reach, jumps, &count, NULL, &error);
  check_refused(got, TT_EINVAL, error, what, 2, value, sentence);
  check_that(tt_miscoverage_jumps(3, at, time, censor, reach, jumps, &count, NULL,
                                  NULL) == TT_EINVAL,
             "... told or not");
}

static void test_jump_refusals(void) {
  jumps_refuse(1.5, 1.0, 2.0, 0.5, "tau", 1.5, "a tau above 1");
  jumps_refuse(NAN, 2.0, 2.0, 0.5, "tau", NAN, "one that is NaN, without a jump");
  jumps_refuse(0.5, 3.0, 2.0, 0.5, "time", 3.0, "a time beyond its horizon");
  jumps_refuse(0.5, NAN, 2.0, 0.5, "time", NAN, "a time that is NaN");
  jumps_refuse(0.5, 1.0, -2.0, 0.5, "horizon", -2.0, "a negative horizon");
  jumps_refuse(0.5, 1.0, 2.0, 0.0, "inclusion", 0.0, "a probability of 0");
  jumps_refuse(0.5, 1.0, 2.0, 1.5, "inclusion", 1.5, "a probability above 1");
  jumps_refuse(0.5, 1.0, 2.0, NAN, "inclusion", NAN, "one that is NaN");
}

/* ---- The exact tau ------------------------------------------------------------------
 */

enum { MOST = 3000 };

static int by_tau(const void *a, const void *b) {
  const double x = ((const tt_jump *)a)->tau, y = ((const tt_jump *)b)->tau;
  return (x > y) - (x < y);
}

/* The first jump, in order, at which the weights reach the target; INFINITY: none. */
static double sorted_tau(size_t m, const tt_jump *jumps, double target) {
  tt_jump sorted[MOST];
  memcpy(sorted, jumps, m * sizeof(tt_jump));
  qsort(sorted, m, sizeof(tt_jump), by_tau);
  double sum = 0.0;
  for (size_t j = 0; j < m; j++) {
    sum += sorted[j].weight;
    if (sum >= target) {
      return sorted[j].tau;
    }
  }
  return INFINITY;
}

/* Weights are powers of two and alpha n is a whole number, so that sums are exact and
 * often hit it; `kinds` different taus make ties. */
static int agrees_with_sorting(size_t m, size_t n, double alpha, double kinds,
                               double limit, check_random *random) {
  tt_jump jumps[MOST];
  for (size_t j = 0; j < m; j++) {
    jumps[j].tau = floor(kinds * check_uniform(random)) / kinds;
    jumps[j].weight = ldexp(1.0, (int)(4.0 * check_uniform(random)));
  }
  const double want = sorted_tau(m, jumps, alpha * (double)n);
  double tau = NAN;
  int capped = 99;
  tt_error error = untouched;
  const tt_status got =
      tt_select_jump(n, m, jumps, alpha, limit, &tau, &capped, NULL, &error);
  return got == TT_OK && is_untouched(error) &&
         (want > limit ? tau == limit && capped == 1
                       : is_just_below(tau, want) && tau <= want && capped == 0);
}

static void test_against_sorting(void) {
  check_random random = {1};
  const size_t sizes[] = {1, 2, 3, 10, 64, 257};
  int ties = 1, distinct = 1;
  for (int i = 0; i < 3000; i++) {
    const size_t m = sizes[i % 6];
    const double alpha = ldexp(1.0 + floor(63.0 * check_uniform(&random)), -6);
    const double limit = i % 2 ? 1.0 : 0.513;
    ties = ties && agrees_with_sorting(m, 64 * (1 + m / 16), alpha, 7.0, limit, &random);
    distinct =
        distinct && agrees_with_sorting(m, 64 * (1 + m / 16), alpha, 1e9, limit, &random);
  }
  check_that(ties, "the tau of sorted jumps, with many ties");
  check_that(distinct, "the tau of sorted jumps, with few");
  check_that(agrees_with_sorting(MOST, MOST, 0.5, 1.0, 1.0, &random), "all in one place");
  check_that(agrees_with_sorting(MOST, MOST, 0.125, 1e6, 1.0, &random), "many jumps");
}

static void selects(size_t n, size_t m, const tt_jump *jumps, double alpha, double limit,
                    double jump, int want_capped, const char *sentence) {
  tt_jump copy[MOST];
  memcpy(copy, jumps, m * sizeof(tt_jump));
  double tau = NAN;
  int capped = 99;
  const tt_status got =
      tt_select_jump(n, m, copy, alpha, limit, &tau, &capped, NULL, NULL);
  const int ok = got == TT_OK && capped == want_capped &&
                 (want_capped ? tau == jump : is_just_below(tau, jump));
  check_that(ok, sentence);
  if (!ok) {
    printf("#   tau %.17g, capped %d\n", tau, capped);
  }
}

static void test_by_hand(void) {
  const tt_jump jumps[] = {{0.4, 1.0}, {0.1, 1.0}, {0.3, 1.0}, {0.2, 1.0}};
  selects(10, 4, jumps, 0.2, 1.0, 0.2, 0, "alpha hit exactly: the second jump counts");
  selects(10, 4, jumps, 0.21, 1.0, 0.3, 0, "alpha just missed: the third");
  selects(10, 4, jumps, 0.3, 1.0, 0.3, 0, "alpha hit but for rounding");
  selects(10, 4, jumps, 0.01, 1.0, 0.1, 0, "the first jump is too much");
  selects(10, 4, jumps, 0.4, 1.0, 0.4, 0, "the last jump reaches alpha");
  selects(10, 4, jumps, 0.41, 0.9, 0.9, 1, "no jump does: the limit");
  selects(10, 4, jumps, 0.3, 0.25, 0.25, 1, "the limit comes first");
  selects(10, 0, jumps, 0.3, 0.7, 0.7, 1, "no jumps: the limit");
  selects(10, 4, jumps, 0.3, 0.0, 0.0, 1, "limit 0");
  const tt_jump at_zero[] = {{0.0, 5.0}, {0.5, 5.0}};
  selects(10, 2, at_zero, 0.3, 1.0, 0.0, 0, "a jump at 0");
  const tt_jump heavy[] = {{0.6, 1e300}, {0.2, 0.5}, {0.4, 0.5}, {0.8, 1e300}};
  selects(10, 4, heavy, 0.2, 1.0, 0.6, 0, "huge weights");
  const tt_jump tied[] = {{0.3, 1.0}, {0.7, 1.0}, {0.3, 1.0}, {0.3, 1.0}};
  selects(10, 4, tied, 0.2, 1.0, 0.3, 0, "ties are one jump");
}

static void select_refuses(double alpha, double limit, const char *what, double value,
                           const char *sentence) {
  tt_jump jump = {0.5, 1.0};
  double tau;
  int capped;
  tt_error error = untouched;
  const tt_status got =
      tt_select_jump(1, 1, &jump, alpha, limit, &tau, &capped, NULL, &error);
  check_refused(got, TT_EINVAL, error, what, 0, value, sentence);
  check_that(tt_select_jump(1, 1, &jump, alpha, limit, &tau, &capped, NULL, NULL) ==
                 TT_EINVAL,
             "... told or not");
}

static void test_select_contract(void) {
  select_refuses(0.0, 1.0, "alpha", 0.0, "alpha 0");
  select_refuses(1.0, 1.0, "alpha", 1.0, "alpha 1");
  select_refuses(NAN, 1.0, "alpha", NAN, "alpha NaN");
  select_refuses(0.1, -0.1, "tau_max", -0.1, "a negative limit");
  select_refuses(0.1, 1.1, "tau_max", 1.1, "a limit above 1");
  select_refuses(0.1, NAN, "tau_max", NAN, "a limit that is NaN");
  tt_jump jumps[] = {{0.4, 1.0}, {0.1, 1.0}, {0.3, 1.0}, {0.2, 1.0}};
  double tau;
  int capped;
  poll_counter counter = {0, 1};
  const tt_poll poll = {count_poll, &counter};
  check_that(tt_select_jump(9, 4, jumps, 0.2, 1.0, &tau, &capped, &poll, NULL) ==
                 TT_EINTERRUPT,
             "it stops when the poll says so");
}

/* A probability in the domain whose inverse is not: the event weighs more than any
 * alpha allows, and must not be lost. */
static void test_infinite_weight(void) {
  const double at = 0.5, time = 1.0, censor = 2.0, reach = 1e-310, quantile = 2.0;
  tt_jump jump;
  size_t count = 0;
  tt_miscoverage_jumps(1, &at, &time, &censor, &reach, &jump, &count, NULL, NULL);
  selects(1, count, &jump, 0.1, 0.9, 0.5, 0, "an infinite weight reaches any alpha");
  double out = NAN, scratch[256];
  tt_miscoverage_curve(1, &time, &censor, &reach, 0, 1, &quantile, scratch, &out, NULL,
                       NULL);
  check_that(out == INFINITY, "and makes the curve infinite");
}

int main(void) {
  test_jumps();
  test_jump_refusals();
  test_against_sorting();
  test_by_hand();
  test_select_contract();
  test_infinite_weight();
  return check_report();
}
