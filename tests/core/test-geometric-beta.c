#include "geometric-beta.h"

#include "contract.h"
#include "geometric.h"
#include "natural.h"

static double quantile(double p, double m, double tau) {
  return tt_beta_geometric_quantile1(p, m, tau);
}

/* ---- Against exact arithmetic ---------------------------------------------------- */

/* P(T > t) <= 1 - tau, decided in integers: 2^8 p and m whole, tau a multiple of 2^-62.
 * P(T > t) is the product of ((1 - p) m + j) / (m + j). */
static int is_covered(unsigned p256, unsigned m, double tau, unsigned t) {
  const uint64_t rest =
      (UINT64_C(1) << 62) - (uint64_t)(tau * 2147483648.0 * 2147483648.0);
  natural left = natural_from(UINT64_C(1) << 62), right = natural_from(rest);
  for (unsigned j = 0; j < t; j++) {
    natural_times(&left, (256 - p256) * m + 256 * j);
    natural_times(&right, 256 * (m + j));
  }
  return natural_at_most(&left, &right);
}

static int is_quantile(unsigned p256, unsigned m, double tau) {
  const double t = quantile(p256 / 256.0, m, tau);
  const int right = t >= 1.0 && t < 400.0 && is_covered(p256, m, tau, (unsigned)t) &&
                    (t == 1.0 || !is_covered(p256, m, tau, (unsigned)t - 1));
  if (!right) {
    printf("#   p %u / 256, m %u, tau %a: got %g\n", p256, m, tau, t);
  }
  return right;
}

/* Levels at and next to P(T <= t), where rounding decides. */
static int is_right_around(unsigned p256, unsigned m, unsigned t) {
  double safe = 1.0;
  for (unsigned j = 0; j < t; j++) {
    safe *= ((1.0 - p256 / 256.0) * m + j) / (m + j);
  }
  double tau = 1.0 - safe;
  for (int i = 0; i < 3; i++) {
    tau = nextafter(tau, 0.0);
  }
  int right = 1;
  for (int i = 0; i < 7 && tau < 1.0; i++) {
    right = right && (tau < 0x1p-9 || is_quantile(p256, m, tau));
    tau = nextafter(tau, 1.0);
  }
  return right;
}

static void test_against_integers(void) {
  int simple = 1, arbitrary = 1;
  for (unsigned p = 16; p < 256; p += 16) {
    for (unsigned m = 1; m <= 16; m++) {
      for (unsigned t = 1; t <= 60; t += t < 36 ? 1 : 8) {
        simple = simple && is_right_around(p, m, t);
      }
    }
  }
  check_that(simple, "simple fractions at their integer boundaries, exactly");
  check_random random = {21};
  for (int i = 0; i < 700; i++) {
    const unsigned p = 1 + (unsigned)(254.0 * check_uniform(&random));
    const unsigned m = 1 + (unsigned)pow(10.0, 4.0 * check_uniform(&random));
    const unsigned t = 1 + (unsigned)(290.0 * pow(check_uniform(&random), 2.0));
    arbitrary = arbitrary && is_right_around(p, m, t);
  }
  check_that(arbitrary, "other fractions and precisions");
}

/* With a = 1 and b = 2^j - 1, P(T > t) = b / (b + t), which is 2^-k at t = b (2^k - 1);
 * at a = b = 1, P(T > t) = 1 / (1 + t). */
static void test_ties(void) {
  int at = 1, above = 1, below = 1;
  for (int j = 1; j <= 25; j++) {
    for (int k = 1; k + j <= 50; k++) {
      const double p = ldexp(1.0, -j), m = ldexp(1.0, j), tau = 1.0 - ldexp(1.0, -k);
      const double t = (m - 1.0) * (ldexp(1.0, k) - 1.0);
      at = at && quantile(p, m, tau) == t;
      above = above && quantile(p, m, nextafter(tau, 1.0)) > t;
      const double less = quantile(p, m, nextafter(tau, 0.0));
      below = below && less <= t && less >= t * (1.0 - ldexp(1.0, k - 50)) - 1.0;
    }
  }
  check_that(at, "ties at powers of two");
  check_that(above, "the next larger tau takes more");
  check_that(below, "the next smaller hardly less");
}

static void test_tau_is_p(void) {
  check_random random = {22};
  int right = 1;
  for (int i = 0; i < 20000; i++) {
    const double p = pow(10.0, (i % 2 ? -3.0 : -307.0) * check_uniform(&random));
    const double m = pow(10.0, 40.0 * check_uniform(&random) - 20.0);
    right = right && quantile(p, m, p) == 1.0 && quantile(p, m, nextafter(p, 2.0)) > 1.0;
  }
  check_that(right, "tau = p takes one draw, a larger one more");
}

/* ---- Far out --------------------------------------------------------------------- */

/* a = 2: P(T > t) = b (b + 1) / ((b + t) (b + t + 1)). */
static void test_closed_form(void) {
  check_random random = {23};
  int near = 1;
  for (int i = 0; i < 20000; i++) {
    const double m = pow(10.0, 0.5 + 12.0 * check_uniform(&random)), b = m - 2.0;
    const double tau = 1.0 - pow(10.0, -12.0 * check_uniform(&random));
    if (tau <= 2.0 / m) {
      continue;
    }
    const double root = sqrt(b * (b + 1.0) / (1.0 - tau) + 0.25) - 0.5 - b;
    near = near && fabs(quantile(2.0 / m, m, tau) - root) <= 1.0 + 1e-14 * (b + root);
  }
  check_that(near, "the closed form for a = 2");
}

/* For a tiny hazard P(T <= t) = p m (psi(m + t) - psi(m)): at m = 1, p times the sum of
 * 1 / j. */
static void test_tiny_hazards(void) {
  int right = 1;
  const double p[] = {0x1p-260, 0x1.8p-400, 0x1p-1000};
  for (int i = 0; i < 3; i++) {
    double sum = 1.0;
    for (int t = 2; t < 3000; t++) {
      sum += 1.0 / t;
      right = right && quantile(p[i], 1.0, p[i] * (sum * (1.0 - 1e-12))) == (double)t;
    }
  }
  /* A subnormal tau has few digits. */
  check_that(quantile(0x1p-1074, 1.0, 0x1p-1073) == 4.0, "the smallest hazard");
  check_that(right, "tiny hazards");
}

static void test_limits(void) {
  check_random random = {24};
  int same = 1, more = 1, order = 1;
  for (int i = 0; i < 20000; i++) {
    const double p = pow(10.0, -5.0 * check_uniform(&random));
    const double tau = check_uniform(&random),
                 m = pow(10.0, 6.0 * check_uniform(&random));
    const double geometric = tt_geometric_quantile1(p, tau);
    same = same && quantile(p, INFINITY, tau) == geometric;
    more = more && quantile(p, m, tau) >= geometric;
    order = order && quantile(p, m, tau) >= quantile(p, 1.5 * m, tau);
  }
  check_that(same, "an infinite precision is the geometric law");
  check_that(more, "no quantile is below the geometric one");
  check_that(order, "quantiles fall as the precision grows");
  check_that(quantile(1e-3, 1e-3, 0.5) == INFINITY, "beyond the largest double");
  check_near(log(quantile(0.002, 1.0, 0.19)), 104.78165345394711, 1e-11, "a heavy tail");
}

static void test_ends(void) {
  int right = 1;
  const double p[] = {0.0, 1e-300, 0.3, 1.0};
  for (size_t i = 0; i < 4; i++) {
    right = right && quantile(p[i], 5.0, 0.0) == 1.0;
    right = right && quantile(1.0, 5.0, p[i]) == 1.0;
    right = right && quantile(0.0, 5.0, p[i]) == (i == 0 ? 1.0 : INFINITY);
    right = right && quantile(p[i], 5.0, 1.0) == (i == 3 ? 1.0 : INFINITY);
  }
  check_that(right, "hazards and taus of 0 and 1");
}

/* ---- Tables ---------------------------------------------------------------------- */

static tt_status table(size_t n, const double *prob, const double *m, size_t step,
                       const double *tau, double cap, double *out, const tt_poll *poll,
                       tt_error *error) {
  const tt_column precision = {m, step};
  return tt_beta_geometric_quantile(n, prob, precision, 3, tau, cap, out, poll, error);
}

static void test_table(void) {
  const double prob[] = {0.0, 1e-3, 0.05, 0.75, 1.0}, tau[] = {0.0, 0.6, 1.0};
  const double m[] = {INFINITY, 40.0, 1.0, 0.1, 7.0};
  const double caps[] = {INFINITY, 1e5, 100.0, 20.0, 2.5, 1.0};
  double out[15];
  int right = 1;
  tt_error error = untouched;
  for (size_t c = 0; c < 6; c++) {
    for (size_t step = 0; step < 2; step++) {
      right = right && table(5, prob, m, step, tau, caps[c], out, NULL, &error) == TT_OK;
      for (size_t k = 0; k < 15; k++) {
        const double q = quantile(prob[k % 5], m[k % 5 * step], tau[k / 5]);
        right = right && out[k] == fmin(caps[c], q);
      }
    }
  }
  check_that(right && is_untouched(error), "a table holds the capped quantiles");
  check_that(table(0, prob, m, 0, tau, 5.0, out, NULL, NULL) == TT_OK, "no prompts");
  poll_counter counter = {0, 3};
  const tt_poll poll = {count_poll, &counter};
  check_that(table(5, prob, m, 0, tau, 5.0, out, &poll, NULL) == TT_EINTERRUPT &&
                 counter.calls == 3,
             "it stops when the poll says so");
}

static void refuses(double p, double precision, double at, double cap, const char *what,
                    size_t index, double value, const char *sentence) {
  double prob[] = {0.1, 0.2, 0.3, p, 0.5}, tau[] = {0.1, at, 0.3}, out[15];
  const double m[] = {9.0, 9.0, precision, 9.0, INFINITY};
  tt_error error = untouched;
  const tt_status got = table(5, prob, m, 1, tau, cap, out, NULL, &error);
  check_refused(got, TT_EINVAL, error, what, index, value, sentence);
}

static void test_refusals(void) {
  refuses(NAN, 9.0, 0.2, 9.0, "prob", 3, NAN, "a hazard that is NaN");
  refuses(1.5, 9.0, 0.2, 9.0, "prob", 3, 1.5, "one above 1");
  refuses(0.1, 0.0, 0.2, 9.0, "precision", 2, 0.0, "a precision of 0");
  refuses(0.1, -1.0, 0.2, 9.0, "precision", 2, -1.0, "one below 0");
  refuses(0.1, NAN, 0.2, 9.0, "precision", 2, NAN, "one that is NaN");
  refuses(0.1, 9.0, 1.5, 9.0, "tau", 1, 1.5, "a tau above 1");
  refuses(0.1, 9.0, NAN, 9.0, "tau", 1, NAN, "a tau that is NaN");
  refuses(0.1, 9.0, 0.5, 0.5, "cap", 0, 0.5, "a cap below 1");
}

/* ---- P(T <= t) and the mean of what is drawn --------------------------------------- */

static double distribution(double t, double p, double m) {
  double out = NAN;
  (void)tt_beta_geometric_distribution(1, &t, &p, &m, &out, NULL);
  return out;
}

static double cost(double limit, double p, double m) {
  double out = NAN;
  (void)tt_beta_geometric_cost(1, &limit, &p, &m, &out, NULL);
  return out;
}

/* The quantile knows 100 bits: just below P(T <= t) it is t at most, just above more. */
static void test_distribution(void) {
  check_random random = {31};
  int right = 1;
  for (int i = 0; i < 20000; i++) {
    const double p = pow(10.0, -8.0 * check_uniform(&random));
    const double m = pow(10.0, 8.0 * check_uniform(&random) - 2.0);
    const double t = floor(pow(10.0, 6.0 * check_uniform(&random)));
    const double at = distribution(t, p, m), near = 0x1p-44;
    if (at > 1.0 - 1e-9) {
      continue;
    }
    const int both =
        quantile(p, m, at * (1.0 - near)) <= t && quantile(p, m, at * (1.0 + near)) > t;
    if (!both) {
      printf("#   p %a, m %a: P(T <= %g) %a\n", p, m, t, at);
    }
    right = right && both;
  }
  check_that(right, "P(T <= t) and the quantile agree");
  check_that(distribution(0.0, 0.3, 5.0) == 0.0 && distribution(1.0, 0.3, 5.0) == 0.3 &&
                 distribution(INFINITY, 0.3, 5.0) == 1.0 &&
                 distribution(7.0, 0.0, 5.0) == 0.0 && distribution(7.0, 1.0, 5.0) == 1.0,
             "the ends of P(T <= t)");
  check_that(distribution(9.0, 0.1, INFINITY) == -expm1(9.0 * log1p(-0.1)),
             "without spread it is geometric");
  /* One in a tiny hazard: p m (psi(m + t) - psi(m)). */
  check_that(
      fabs(distribution(3.0, 0x1p-300, 1.0) / (0x1p-300 * (1.0 + 0.5 + 1.0 / 3.0)) -
           1.0) < 1e-14,
      "tiny hazards keep their digits");
}

/* Against the sum of P(T > j). */
static void test_cost(void) {
  check_random random = {32};
  int near = 1;
  for (int i = 0; i < 300; i++) {
    const double p = pow(10.0, -4.0 * check_uniform(&random));
    double m = pow(10.0, 6.0 * check_uniform(&random) - 2.0);
    if (i % 3 == 0) {
      m = (1.0 + 1e-6 * (check_uniform(&random) - 0.5)) / p;
    }
    const double b = (1.0 - p) * m, limit = floor(2000.0 * check_uniform(&random));
    long double safe = 1.0L, sum = 0.0L;
    for (double j = 0.0; j < limit; j++) {
      sum += safe;
      safe *= ((long double)b + j) / ((long double)m + j);
    }
    near = near && fabs(cost(limit, p, m) - (double)sum) <= 2e-9 * (double)sum;
  }
  check_that(near, "draws until the first unsafe one are the sum of P(T > j)");
  check_that(fabs(cost(500.0, 0.1, 10.0) / cost(500.0, 0.1, 10.0 + 1e-6) - 1.0) < 1e-5,
             "no jump where a is 1");
  check_that(cost(0.0, 0.2, 3.0) == 0.0 && cost(1.0, 0.2, 3.0) == 1.0 &&
                 cost(7.0, 0.0, 3.0) == 7.0 && cost(INFINITY, 0.1, 5.0) == INFINITY &&
                 fabs(cost(INFINITY, 0.2, 20.0) - 19.0 / 3.0) < 1e-12,
             "the ends of the cost");
  check_that(fabs(cost(50.0, 0.1, INFINITY) - (1.0 - pow(0.9, 50.0)) / 0.1) < 1e-12,
             "without spread it is that of the geometric law");
}

static void test_law_refusals(void) {
  const double p[2] = {0.1, 0.2}, m[2] = {1.0, -1.0}, t[2] = {1.0, 2.0};
  const double bad[2] = {1.0, NAN}, fine[2] = {1.0, 1.0};
  double out[2];
  tt_error error = untouched;
  check_refused(tt_beta_geometric_distribution(2, t, p, m, out, &error), TT_EINVAL, error,
                "precision", 1, -1.0, "P(T <= t) of no precision");
  error = untouched;
  check_refused(tt_beta_geometric_distribution(2, bad, p, fine, out, &error), TT_EINVAL,
                error, "time", 1, NAN, "no time");
  error = untouched;
  check_refused(tt_beta_geometric_cost(2, bad, p, fine, out, &error), TT_EINVAL, error,
                "limit", 1, NAN, "no limit");
}

int main(void) {
  test_against_integers();
  test_ties();
  test_tau_is_p();
  test_closed_form();
  test_tiny_hazards();
  test_limits();
  test_ends();
  test_table();
  test_refusals();
  test_distribution();
  test_cost();
  test_law_refusals();
  return check_report();
}
