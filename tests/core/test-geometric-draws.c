#include "geometric.h"

#include "contract.h"

#include <float.h>

static void test_distribution(void) {
  const double time[] = {0.0, 1.0, 2.9,  INFINITY, INFINITY, 0.0,    0.99,
                         1.0, 2.0, 1e10, 3.0,      1e300,    0x1p+60};
  const double prob[] = {0.5, 0.5, 0.5,    0.5,   0.0,    1.0,    1.0,
                         1.0, 1.0, 1e-300, 1e-18, 1e-300, 0x1p-60};
  const double want[] = {0.0,
                         0.5,
                         0.75,
                         1.0,
                         0.0,
                         0.0,
                         0.0,
                         1.0,
                         1.0,
                         1e-290,
                         3e-18,
                         1.0 - exp(-1.0),
                         1.0 - exp(-1.0)};
  double out[13];
  tt_error error = untouched;
  check_that(tt_geometric_distribution(13, time, prob, out, &error) == TT_OK &&
                 is_untouched(error),
             "the distribution function");
  int near = 1;
  for (size_t i = 0; i < 13; i++) {
    near = near && fabs(out[i] - want[i]) <= 4.0 * DBL_EPSILON * want[i];
  }
  check_that(near, "by hand, with relative accuracy");
  const double bad_time[] = {1.0, NAN, -1.0}, bad_prob[] = {0.1, 0.2, NAN};
  error = untouched;
  tt_status got = tt_geometric_distribution(3, bad_time, prob, out, &error);
  check_refused(got, TT_EINVAL, error, "time", 1, NAN, "a time that is NaN");
  error = untouched;
  got = tt_geometric_distribution(1, bad_time + 2, prob, out, &error);
  check_refused(got, TT_EINVAL, error, "time", 0, -1.0, "a negative time");
  error = untouched;
  got = tt_geometric_distribution(3, time, bad_prob, out, &error);
  check_refused(got, TT_EINVAL, error, "prob", 2, NAN, "a hazard that is NaN");
  check_that(tt_geometric_distribution(3, time, bad_prob, out, NULL) == TT_EINVAL,
             "told or not");
}

enum { DRAWS = 20000 };

/* The midpoints of DRAWS equal parts of (0, 1): a sample without chance. */
static double next_midpoint(void *ctx) {
  double *next = ctx;
  *next += 1.0;
  return (*next - 0.5) / DRAWS;
}

static void test_sample(void) {
  static double prob[DRAWS], out[DRAWS];
  for (size_t i = 0; i < DRAWS; i++) {
    prob[i] = 0.3;
  }
  double next = 0.0;
  const tt_uniform midpoints = {next_midpoint, &next};
  tt_error error = untouched;
  check_that(tt_geometric_sample(DRAWS, prob, &midpoints, out, NULL, &error) == TT_OK &&
                 is_untouched(error),
             "times are drawn");
  int near = 1;
  for (int t = 0; t < 30; t++) {
    int count = 0;
    for (size_t i = 0; i < DRAWS; i++) {
      count += out[i] == t;
    }
    const double expected = t == 0 ? 0.0 : DRAWS * 0.3 * pow(0.7, t - 1);
    near = near && fabs(count - expected) <= 1.0;
  }
  check_that(near, "every time as often as it should be");
  check_random random = {5};
  const tt_uniform uniform = {check_uniform_callback, &random};
  const double ends[] = {0.0, 1.0, 1e-300, NAN};
  check_that(tt_geometric_sample(3, ends, &uniform, out, NULL, NULL) == TT_OK &&
                 out[0] == INFINITY && out[1] == 1.0 && out[2] > 1e297 && out[2] < 1e303,
             "hazards 0, 1 and a tiny one");
  error = untouched;
  const tt_status got = tt_geometric_sample(4, ends, &uniform, out, NULL, &error);
  check_refused(got, TT_EINVAL, error, "prob", 3, NAN, "a hazard that is NaN");
  poll_counter counter = {0, 1};
  const tt_poll poll = {count_poll, &counter};
  check_that(tt_geometric_sample(3, ends, &uniform, out, &poll, NULL) == TT_EINTERRUPT,
             "drawing stops when the poll says so");
}

int main(void) {
  test_distribution();
  test_sample();
  return check_report();
}
