#include "geometric.h"

#include "contract.h"
#include "natural.h"

#include <float.h>

/* ---- Quantiles ---------------------------------------------------------------- */

#define UNIT 2147483648.0 /* 2^31 */

/* (1 - p)^t <= 1 - tau, decided in integers: p a multiple of 2^-31, tau of 2^-62. */
static int is_covered(double p, double tau, unsigned t) {
  const uint32_t safe = (uint32_t)(UNIT - p * UNIT);
  const uint64_t rest = (UINT64_C(1) << 62) - (uint64_t)(tau * UNIT * UNIT);
  natural left = natural_from(UINT64_C(1) << 62), right = natural_from(rest);
  for (unsigned k = 0; k < t; k++) {
    natural_times(&left, safe);
    natural_times(&right, UINT32_C(1) << 31);
  }
  return natural_at_most(&left, &right);
}

static int is_quantile(double p, double tau) {
  const double t = tt_geometric_quantile1(p, tau);
  const int right = t >= 1.0 && t < 300.0 && is_covered(p, tau, (unsigned)t) &&
                    (t == 1.0 || !is_covered(p, tau, (unsigned)t - 1));
  if (!right) {
    printf("#   p %a, tau %a: got %g\n", p, tau, t);
  }
  return right;
}

/* Levels at and next to 1 - (1 - p)^t, where rounding decides. */
static int is_right_around(double p, unsigned t) {
  double tau = -expm1(t * log1p(-p));
  for (int i = 0; i < 3; i++) {
    tau = nextafter(tau, 0.0);
  }
  int right = 1;
  for (int i = 0; i < 7 && tau < 1.0; i++) {
    right = right && (tau < 0x1p-9 || is_quantile(p, tau));
    tau = nextafter(tau, 1.0);
  }
  return right;
}

static void test_against_integers(void) {
  int simple = 1, arbitrary = 1;
  for (int bits = 1; bits <= 6; bits++) {
    for (int j = 1; j < 1 << bits; j++) {
      for (unsigned t = 1; t <= 60; t++) {
        simple = simple && is_right_around(ldexp(j, -bits), t);
      }
    }
  }
  check_that(simple, "simple fractions at their integer boundaries, exactly");
  check_random random = {11};
  for (int i = 0; i < 2000; i++) {
    const double size = pow(2.0, -8.0 * check_uniform(&random));
    const double p = fmax(floor(size * check_uniform(&random) * UNIT), 0x1p+23) / UNIT;
    const unsigned t = 1 + (unsigned)(250.0 * pow(check_uniform(&random), 3.0));
    arbitrary = arbitrary && is_right_around(p, t);
  }
  check_that(arbitrary, "other fractions with 31 bits");
}

static void test_powers_of_two(void) {
  int at = 1, above = 1, below = 1;
  for (int m = 1; m <= 53; m++) {
    for (int k = 1; m * k <= 53; k++) {
      const double p = 1.0 - ldexp(1.0, -m), tau = 1.0 - ldexp(1.0, -m * k);
      const double next = nextafter(tau, 2.0);
      at = at && tt_geometric_quantile1(p, tau) == k;
      above = above && tt_geometric_quantile1(p, next) ==
                           (next < 1.0 ? k + 1.0 : (double)INFINITY);
      below =
          below && (m * k == 53 || tt_geometric_quantile1(p, nextafter(tau, 0.0)) == k);
    }
  }
  check_that(at, "p = 1 - 2^-m and tau = 1 - 2^-mk take k draws");
  check_that(above, "the next larger tau takes one more");
  check_that(below, "the next smaller does not take less");
}

static void test_tau_is_p(void) {
  int at = 1, above = 1, below = 1;
  check_random random = {12};
  for (int i = 0; i < 20000; i++) {
    const double exponent = i % 2 ? -3.0 : -307.0;
    const double p = pow(10.0, exponent * check_uniform(&random));
    at = at && tt_geometric_quantile1(p, p) == 1.0;
    above = above && tt_geometric_quantile1(p, nextafter(p, 2.0)) == 2.0;
    below = below && tt_geometric_quantile1(p, nextafter(p, 0.0)) == 1.0;
  }
  check_that(at && above && below, "tau = p takes one draw, a larger one two");
  const double ends[] = {1e-15, 1e-300, DBL_MIN, 0x1p-1074, 1.0 - 0x1p-53};
  int one = 1;
  for (size_t i = 0; i < 5; i++) {
    one = one && tt_geometric_quantile1(ends[i], ends[i]) == 1.0;
  }
  check_that(one, "at both ends of the range, too");
}

/* For 0 < p < 1 and t > 1, (1 - p)^t > 1 - t p: the tau t p takes t + 1 draws. Where
 * t p < 2^-55 the second-order term t^2 p^2 / 2 is less than the spacing of doubles at
 * t p, so the next smaller tau takes t. */
static void test_multiples(void) {
  check_random random = {13};
  int at = 1, below = 1, above = 1;
  for (int i = 0; i < 50000; i++) {
    const int e = 57 + (int)(1000.0 * pow(check_uniform(&random), 2.0));
    const int most = e - 57 < 38 ? e - 57 : 38;
    const double p = ldexp(1.0 + 2.0 * floor(check_uniform(&random) * 2.0), -e - 2);
    const double t =
        2.0 + floor(ldexp(check_uniform(&random), (int)(most * check_uniform(&random))));
    const double tau = t * p;
    at = at && tt_geometric_quantile1(p, tau) == t + 1.0;
    below = below && tt_geometric_quantile1(p, nextafter(tau, 0.0)) == t;
    above = above && tt_geometric_quantile1(p, nextafter(tau, 1.0)) == t + 1.0;
  }
  check_that(at, "the tau t p takes t + 1 draws");
  check_that(below, "the next smaller takes t");
  check_that(above, "the next larger t + 1");
  check_that(tt_geometric_quantile1(0x1p-1074, 0x1.4p-1070) == 21.0,
             "the smallest hazard there is");
}

/* Cases of the same kind where the second-order term decides; the quantiles are those
 * of a computation with 600 bits. */
static void test_tiny_hazards(void) {
  const double p[] = {0x1p-100, 0x1.91b7585b1e2d6p-96, 0x1.afbd67e6ee61ep-98,
                      0x1.f3c64ae945e41p-98};
  const double tau[] = {0x1.fffffffffffffp-52, 0x1.4dedc50f2b97fp-47,
                        0x1.62ec0a9d4197ap-48, 0x1.59418b156b5a5p-48};
  const double want[] = {0x1p+49 + 1.0, 467955236786440.0, 925572825676698.0,
                         777798122289149.0};
  for (size_t i = 0; i < 4; i++) {
    check_near(tt_geometric_quantile1(p[i], tau[i]), want[i], 0.0,
               "tiny hazards, exact below 2^50");
  }
}

static void test_far_out(void) {
  const double ln2 = 0.693147180559945309, ln10 = 2.302585092994045684;
  const double p[] = {1e-300, 1e-20, 1e-17, 1e-200};
  const double tau[] = {0.5, 0.9, 0.5, 1.0 - 0x1p-53};
  const double want[] = {ln2 / 1e-300, ln10 / 1e-20, ln2 / 1e-17, 53.0 * ln2 / 1e-200};
  int near = 1;
  for (size_t i = 0; i < 4; i++) {
    const double t = tt_geometric_quantile1(p[i], tau[i]);
    near = near && fabs(t / want[i] - 1.0) < 8.0 * DBL_EPSILON && t == floor(t);
  }
  check_that(near, "beyond 2^50, to a few units in the last place");
}

static void test_ends(void) {
  int right = 1;
  const double p[] = {0.0, 1e-300, 0.3, 1.0};
  for (size_t i = 0; i < 4; i++) {
    right = right && tt_geometric_quantile1(p[i], 0.0) == 1.0;
    right = right && tt_geometric_quantile1(1.0, p[i]) == 1.0;
    right = right && tt_geometric_quantile1(0.0, p[i]) == (i == 0 ? 1.0 : INFINITY);
    right = right && tt_geometric_quantile1(p[i], 1.0) == (i == 3 ? 1.0 : INFINITY);
  }
  check_that(right, "hazards and taus of 0 and 1");
}

/* ---- Tables ------------------------------------------------------------------- */

static tt_status table(size_t n, const double *prob, const double *tau, double cap,
                       double *out, const tt_poll *poll, tt_error *error) {
  double scratch[8];
  return tt_geometric_quantile(n, prob, 3, tau, cap, out, scratch, poll, error);
}

static void test_table(void) {
  const double prob[] = {0.0, 1e-9, 0.5, 0.75, 1.0}, tau[] = {0.0, 0.9, 1.0};
  const double caps[] = {INFINITY, 1000.0, 2.5, 1.0};
  double out[15];
  int right = 1;
  tt_error error = untouched;
  for (size_t c = 0; c < 4; c++) {
    right = right && table(5, prob, tau, caps[c], out, NULL, &error) == TT_OK;
    for (size_t k = 0; k < 15; k++) {
      right = right &&
              out[k] == fmin(caps[c], tt_geometric_quantile1(prob[k % 5], tau[k / 5]));
    }
  }
  check_that(right && is_untouched(error), "a table holds the capped quantiles");
  check_that(table(0, prob, tau, 5.0, out, NULL, NULL) == TT_OK, "no prompts");
  poll_counter counter = {0, 3};
  const tt_poll poll = {count_poll, &counter};
  check_that(table(5, prob, tau, 5.0, out, &poll, NULL) == TT_EINTERRUPT &&
                 counter.calls == 3,
             "it stops when the poll says so");
}

static void refuses(size_t i, double p, double at, double cap, const char *what,
                    size_t index, double value, const char *sentence) {
  double prob[] = {0.1, 0.2, 0.3, 0.4, 0.5}, tau[] = {0.1, at, 0.3}, out[15];
  prob[i] = p;
  tt_error error = untouched;
  const tt_status got = table(5, prob, tau, cap, out, NULL, &error);
  check_refused(got, TT_EINVAL, error, what, index, value, sentence);
  check_that(table(5, prob, tau, cap, out, NULL, NULL) == TT_EINVAL, "... told or not");
}

static void test_refusals(void) {
  refuses(3, NAN, 0.2, 9.0, "prob", 3, NAN, "a hazard that is NaN");
  refuses(4, nextafter(1.0, 2.0), 0.2, 9.0, "prob", 4, 1.0 + DBL_EPSILON, "one above 1");
  refuses(0, -1e-300, 0.2, 9.0, "prob", 0, -1e-300, "one below 0");
  refuses(0, 0.1, NAN, 9.0, "tau", 1, NAN, "a tau that is NaN");
  refuses(0, 0.1, 1.5, 9.0, "tau", 1, 1.5, "a tau above 1");
  refuses(0, 0.1, -0.5, 9.0, "tau", 1, -0.5, "a tau below 0");
  refuses(0, 0.1, 0.5, 0.5, "cap", 0, 0.5, "a cap below 1");
  refuses(0, 0.1, 0.5, NAN, "cap", 0, NAN, "a cap that is NaN");
}

int main(void) {
  test_against_integers();
  test_powers_of_two();
  test_tau_is_p();
  test_multiples();
  test_tiny_hazards();
  test_far_out();
  test_ends();
  test_table();
  test_refusals();
  return check_report();
}
